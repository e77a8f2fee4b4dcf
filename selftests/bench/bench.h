/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the files of the benchmark share: a device of either driver, and time. */
#ifndef BSDTUN_BENCH_H
#define BSDTUN_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

/* How packets are moved, flags. */
enum how {
	PLAIN = 0,		/* one a call */
	BATCH = 1,		/* many a call: TUNSBATCH; tun has nothing like it */
	QUEUES = 2,		/* from one of several queues */
	OFFLOAD = 4,		/* behind a struct virtio_net_hdr, super-packets and all */
	BACKPRESSURE = 8,	/* a full ring stops the queue; ours does so unasked */
};

struct driver {
	const char *name;
	int (*open)(unsigned int unit, enum how by);	/* non-blocking; ends the program if not */
	int (*add)(unsigned int unit);	/* an interface that is there without an open file */
	const char *interface[2];
};

extern const struct driver bsdtun, tun;
extern const struct driver *const drivers[2];	/* both, tun first */

/* A device, its interface up, and a socket whose packets come out of it. */
struct machine {
	const struct driver *driver;
	int fd;
	int sock;
	size_t payload;
	enum how how;
};

#define BURST		64
#define BATCH_ROOM	(512 << 10)

/* Nanoseconds, which under QEMU's -icount shift=0 are instructions. */
uint64_t now(void);

/* How much of the difference between two calls of now() is its own. */
uint64_t now_cost(void);

/* The socket of a machine sends BURST packets. */
void send_burst(struct machine *m);

/* uring.c: what reading them costs. */
uint64_t burst_uring(struct machine *m);

/* tcp.c: instructions for each segment's worth of payload of one connection through two
 * devices, in the calls that read from the one (out) or write to the other (in).
 */
struct tcp_cost {
	double out;
	double in;
};

struct tcp_cost tcp_measure(const struct driver *driver, enum how by);

/* Does the same for "profile": a burst is one call, of those that read (out) or write. */
void tcp_profile(const struct driver *driver, enum how by, bool out);

/* bench.c: around a burst, which itself begins and ends with now(), of so many packets */
void profile_begin(void);
void profile_end(int packets);

/* many.c: prints what few and many interfaces cost each. */
void many_measure(void);

/* relay.c: joins two devices until it is killed; says when it does. */
void relay_run(const struct driver *driver, enum how by);

/* slow.c: prints what is lost when the reader is slower than the sender. */
void slow_measure(void);

/* queues.c: prints what a packet costs with one queue, and with two on two processors. */
void queues_measure(void);

#endif /* BSDTUN_BENCH_H */
