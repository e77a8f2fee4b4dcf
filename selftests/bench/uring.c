// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* io_uring: one multishot read, whose packets come in buffers that were provided for it. */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "uring.h"

#define BUFFERS		32	/* and so many packets in flight */
#define BUFFER_ROOM	2048
#define GROUP		1

static unsigned char packets[BUFFERS][BUFFER_ROOM];

/* All of them, again. */
static void provide(struct io_uring_buf_ring *buffers)
{
	int i;

	for (i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(buffers, packets[i], BUFFER_ROOM, i,
				      io_uring_buf_ring_mask(BUFFERS), i);
	io_uring_buf_ring_advance(buffers, BUFFERS);
}

static struct io_uring_buf_ring *buffers_new(struct io_uring *ring)
{
	struct io_uring_buf_reg reg = { .ring_entries = BUFFERS, .bgid = GROUP };
	void *buffers;

	if (posix_memalign(&buffers, getpagesize(), getpagesize()))
		errx(1, "no memory");
	memset(buffers, 0, getpagesize());
	reg.ring_addr = (uintptr_t)buffers;
	errno = -io_uring_register_buf_ring(ring, &reg, 0);
	if (errno)
		err(1, "io_uring_register_buf_ring");
	io_uring_buf_ring_init(buffers);
	return buffers;
}

/* What is there, at least one completion. Returns whether the read goes on. */
static bool reap(struct io_uring *ring, int *done)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	bool more = true;

	if (io_uring_submit_and_wait(ring, 1) < 0)
		errx(1, "io_uring_submit_and_wait");
	io_uring_for_each_cqe(ring, head, cqe) {
		if (cqe->user_data == GROUP) {
			more = cqe->flags & IORING_CQE_F_MORE;
			*done += cqe->res > 0;
		}
		seen++;
	}
	io_uring_cq_advance(ring, seen);
	return more;
}

/* Whenever no buffer is left, the read ends; it begins anew with all of them. */
static bool read_burst(struct io_uring *ring, struct io_uring_buf_ring *buffers, int fd)
{
	bool more = false;
	int done = 0;

	while (done < BURST) {
		if (!more) {
			provide(buffers);
			multishot_read(ring, fd, GROUP)->user_data = GROUP;
		}
		more = reap(ring, &done);
	}
	return more;
}

static void cancel(struct io_uring *ring)
{
	int done = 0;

	io_uring_prep_cancel64(io_uring_get_sqe(ring), GROUP, 0);
	while (reap(ring, &done))
		;
}

uint64_t burst_uring(struct machine *m)
{
	static struct io_uring_buf_ring *buffers;
	static struct io_uring ring;
	uint64_t begin;
	bool more;

	if (!buffers) {
		errno = -io_uring_queue_init(2 * BURST, &ring, 0);
		if (errno)
			err(1, "io_uring_queue_init");
		buffers = buffers_new(&ring);
	}
	send_burst(m);
	begin = now();
	more = read_burst(&ring, buffers, m->fd);
	begin = now() - begin;
	if (more)
		cancel(&ring);
	return begin;
}
