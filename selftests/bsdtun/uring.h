/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Shared by the C tests that use io_uring. */
#ifndef BSDTUN_SELFTEST_URING_H
#define BSDTUN_SELFTEST_URING_H

#include <liburing.h>
#include <stdbool.h>

#include "util.h"

#define READ_MULTISHOT	49	/* IORING_OP_READ_MULTISHOT, Linux 6.7 */

/* The result of the next completion, -ETIME if none comes. */
static inline int completion(struct io_uring *ring, unsigned int *flags)
{
	struct __kernel_timespec patience = { .tv_sec = PATIENCE / 1000 };
	struct io_uring_cqe *cqe;
	int ret;

	*flags = 0;
	ret = io_uring_wait_cqe_timeout(ring, &cqe, &patience);
	if (ret)
		return ret;
	ret = cqe->res;
	*flags = cqe->flags;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

/* -EAGAIN as long as nothing is completed. */
static inline int none_yet(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	return io_uring_peek_cqe(ring, &cqe);
}

/* Older kernels know no such read, and say so. */
static inline bool knows_multishot_read(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool known;

	if (!probe)
		return false;
	known = io_uring_opcode_supported(probe, READ_MULTISHOT);
	io_uring_free_probe(probe);
	return known;
}

/* Of a group of buffers that are provided. */
static inline struct io_uring_sqe *multishot_read(struct io_uring *ring, int fd, int group)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_rw(READ_MULTISHOT, sqe, fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = group;
	return sqe;
}

#endif /* BSDTUN_SELFTEST_URING_H */
