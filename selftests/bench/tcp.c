// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * One TCP connection between two network namespaces, through two devices and this
 * process, which moves the packets and counts what its own calls cost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bsdtun.h>
#include <linux/virtio_net.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define STREAM		(1024 * 1024)
#define WARM_UP		STREAM
#define TRANSFERS	15	/* whose median counts */
#define MSS		1448
#define HEADERS		(20 + 32)	/* of IPv4, and of TCP with its timestamps */
#define PEER4		"192.0.2.2"
#define FRAMES		256

struct end {
	int fd;		/* the device */
	int netns;
	int sock;
};

/* What was read and is still to be written. */
static unsigned char frames[FRAMES][ROOM], joined[BATCH_ROOM];
static size_t lens[FRAMES];

static void enter(int netns)
{
	if (setns(netns, CLONE_NEWNET))
		err(1, "setns");
}

static void end_setup(struct end *end, const struct driver *driver, enum how by,
		      unsigned int unit)
{
	netns_enter();
	end->netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	end->fd = driver->open(unit, by);
	if (addr_add(driver->interface[unit], unit ? PEER4 : HERE4, NULL, 24) ||
	    link_up(driver->interface[unit]))
		errx(1, "%s", driver->interface[unit]);
	end->sock = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

/* How many segments' worth was read. */
static int segments(enum how by, const unsigned char *buf, size_t len)
{
	size_t at, count = 0;

	if (!(by & BATCH))
		return (len - HEADERS + MSS - 1) / MSS;
	for (at = 0; at < len; count++)
		at += batch_aligned(sizeof(struct tun_batch_hdr) +
				    ((struct tun_batch_hdr *)(buf + at))->len);
	return count;
}

/* The sum of the calls that are profiled, if any are. */
static const uint64_t *profiled;

/* Around a call whose cost is added to a sum. */

static uint64_t call_begin(const uint64_t *sum)
{
	if (sum == profiled)
		profile_begin();
	return now();
}

static void call_end(uint64_t *sum, uint64_t begin, enum how by, const unsigned char *buf,
		     size_t len)
{
	*sum += now() - begin - now_cost();
	if (sum == profiled)
		profile_end(segments(by, buf, len));
}

/* All that waits on one side is read, then written to the other; what the calls of
 * either kind cost is added. Returns the number of reads.
 */
static int move(const struct end *from, const struct end *to, enum how by, uint64_t *out,
		uint64_t *in)
{
	bool batch = by & BATCH;
	uint64_t begin;
	int count, i;
	ssize_t len;

	for (count = 0; count < FRAMES; count++) {
		unsigned char *buf = batch ? joined : frames[count];

		begin = call_begin(out);
		len = read(from->fd, buf, batch ? sizeof(joined) : ROOM);
		if (len <= 0)
			break;
		call_end(out, begin, by, buf, len);
		lens[count] = len;
		if (batch) {
			count++;
			break;
		}
	}
	for (i = 0; i < count; i++) {
		const unsigned char *buf = batch ? joined : frames[i];

		begin = call_begin(in);
		if (write(to->fd, buf, lens[i]) != (ssize_t)lens[i])
			err(1, "write");
		call_end(in, begin, by, buf, lens[i]);
	}
	return count;
}

static void transfer(struct end ends[2], enum how by, size_t bytes, uint64_t *out, uint64_t *in)
{
	static char data[256 << 10];
	size_t sent = 0, got = 0;
	uint64_t unused = 0;
	ssize_t len;
	int idle = 0;

	while (got < bytes) {
		if (sent < bytes) {
			len = send(ends[0].sock, data, sizeof(data) < bytes - sent ?
				   sizeof(data) : bytes - sent, MSG_DONTWAIT);
			if (len > 0)
				sent += len;
		}
		idle++;
		while (move(&ends[0], &ends[1], by, out, in) > 0)
			idle = 0;
		while ((len = recv(ends[1].sock, data, sizeof(data), MSG_DONTWAIT)) > 0)
			got += len;
		while (move(&ends[1], &ends[0], by, &unused, &unused) > 0)
			idle = 0;
		if (idle > 1000)
			usleep(1000);
		if (idle > 20000)
			errx(1, "the transfer stands still at %zu of %zu bytes", got, bytes);
	}
}

static void end_connect(struct end ends[2], enum how by)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	uint64_t unused = 0;
	int i, listener = ends[1].sock, size = 4 << 20, one = 1;

	for (i = 0; i < 2; i++) {
		setsockopt(ends[i].sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		setsockopt(ends[i].sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
		setsockopt(ends[i].sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (bind(listener, (void *)&addr, sizeof(addr)) || listen(listener, 1))
		err(1, "listen");
	inet_pton(AF_INET, PEER4, &addr.sin_addr);
	connect(ends[0].sock, (void *)&addr, sizeof(addr));
	for (i = 0; i < 100000; i++) {
		move(&ends[0], &ends[1], by, &unused, &unused);
		move(&ends[1], &ends[0], by, &unused, &unused);
		ends[1].sock = accept(listener, NULL, NULL);
		if (ends[1].sock >= 0)
			break;
	}
	if (ends[1].sock < 0)
		err(1, "accept");
	close(listener);
}

static void connection_open(struct end ends[2], const struct driver *driver, enum how by)
{
	uint64_t unused = 0;

	end_setup(&ends[0], driver, by, 0);
	end_setup(&ends[1], driver, by, 1);
	end_connect(ends, by);
	transfer(ends, by, WARM_UP, &unused, &unused);
}

static void connection_close(struct end ends[2], const struct driver *driver)
{
	int i;

	for (i = 0; i < 2; i++) {
		enter(ends[i].netns);
		close(ends[i].sock);
		close(ends[i].fd);
		link_del(driver->interface[i]);
		close(ends[i].netns);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double median_of_segment(uint64_t costs[TRANSFERS])
{
	qsort(costs, TRANSFERS, sizeof(costs[0]), compare);
	return (double)costs[TRANSFERS / 2] * MSS / STREAM;
}

struct tcp_cost tcp_measure(const struct driver *driver, enum how by)
{
	uint64_t out[TRANSFERS] = {}, in[TRANSFERS] = {};
	struct end ends[2];
	int i;

	connection_open(ends, driver, by);
	for (i = 0; i < TRANSFERS; i++)
		transfer(ends, by, STREAM, &out[i], &in[i]);
	connection_close(ends, driver);
	return (struct tcp_cost){
		.out = median_of_segment(out), .in = median_of_segment(in)
	};
}

void tcp_profile(const struct driver *driver, enum how by, bool out)
{
	uint64_t sums[2] = {};
	struct end ends[2];
	int i;

	connection_open(ends, driver, by);
	profiled = &sums[out];
	puts("@ready");
	for (i = 0; i < 1000; i++)
		transfer(ends, by, STREAM, &sums[1], &sums[0]);
	connection_close(ends, driver);
}
