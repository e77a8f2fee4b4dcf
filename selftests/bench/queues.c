// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * One queue and its reader on one processor, and two with one each on two: what a packet
 * costs from the send(2) of its flow to the read(2) of its reader. The clock goes on with
 * the instructions of either processor.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define MOST		2
#define ROUNDS		100	/* bursts of each flow in a repetition */
#define REPETITIONS	7	/* the cheapest counts: the others had to do with more than this */

struct flow {
	int cpu;
	int fd;		/* the queue that its packets come out of */
	int sock;
	pthread_t thread;
	uint64_t begin, end;	/* of the last repetition */
	uint32_t sent, read;
	unsigned int out_of_order;
	pthread_barrier_t *barrier;
};

/* Many sockets of the same two addresses are as many flows. */
static int flow_socket(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET }, there = here;
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 1 << 20;

	inet_pton(AF_INET, HERE4, &here.sin_addr);
	inet_pton(AF_INET, THERE4, &there.sin_addr);
	there.sin_port = htons(PORT);
	if (sock < 0 || bind(sock, (void *)&here, sizeof(here)) ||
	    connect(sock, (void *)&there, sizeof(there)) ||
	    setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		err(1, "a socket");
	return sock;
}

/* A flow whose packets take the queue of fd; others[] are the files of all queues. */
static int socket_for(int fd, const int *others, int count)
{
	bool found;
	int tries, sock, i;

	for (tries = 0; tries < 100; tries++) {
		sock = flow_socket();
		send_numbers(sock, 0, 1);
		for (i = 0, found = false; i < count; i++)
			if (!read_number(others[i], 0))
				found = others[i] == fd;
		if (found)
			return sock;
		close(sock);
	}
	errx(1, "no flow takes this queue");
}

static void burst(struct flow *flow)
{
	int i;

	send_numbers(flow->sock, flow->sent, BURST);
	flow->sent += BURST;
	for (i = 0; i < BURST; i++)
		flow->out_of_order += read_number(flow->fd, 0) != flow->read++;
}

static void *run(void *arg)
{
	struct flow *flow = arg;
	int repetition, i;

	if (run_on(flow->cpu))
		err(1, "processor %d", flow->cpu);
	for (repetition = 0; repetition < REPETITIONS; repetition++) {
		pthread_barrier_wait(flow->barrier);
		flow->begin = now();
		for (i = 0; i < ROUNDS; i++)
			burst(flow);
		flow->end = now();
		pthread_barrier_wait(flow->barrier);
	}
	return NULL;
}

/* What a repetition took from the first to begin to the last to end, if it is less. */
static uint64_t least_of(uint64_t least, const struct flow *flows, int count)
{
	uint64_t begin = flows[0].begin, end = flows[0].end;
	int i;

	for (i = 1; i < count; i++) {
		if (flows[i].begin < begin)
			begin = flows[i].begin;
		if (flows[i].end > end)
			end = flows[i].end;
	}
	return end - begin < least ? end - begin : least;
}

/* Instructions a packet; adds to *out_of_order. */
static double measure(const struct driver *driver, int count, unsigned int *out_of_order)
{
	const char *interface = driver->interface[0];
	uint64_t least = UINT64_MAX;
	struct flow flows[MOST] = {};
	pthread_barrier_t barrier;
	int repetition, i, fds[MOST];

	if (driver == &bsdtun && link_add(interface, "bsdtun", count))
		errx(1, "%s cannot be made", interface);
	for (i = 0; i < count; i++)
		fds[i] = driver->open(0, QUEUES);
	if (addr_add(interface, HERE4, NULL, 24) || link_up(interface))
		errx(1, "%s", interface);
	link_set_txqlen(interface, 1000);
	pthread_barrier_init(&barrier, NULL, count + 1);
	for (i = 0; i < count; i++) {
		flows[i].cpu = i;
		flows[i].fd = fds[i];
		flows[i].sock = socket_for(fds[i], fds, count);
		flows[i].barrier = &barrier;
		if (pthread_create(&flows[i].thread, NULL, run, &flows[i]))
			errx(1, "pthread_create");
	}
	for (repetition = 0; repetition < REPETITIONS; repetition++) {
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		least = least_of(least, flows, count);
	}
	for (i = 0; i < count; i++) {
		pthread_join(flows[i].thread, NULL);
		*out_of_order += flows[i].out_of_order;
		close(flows[i].sock);
		close(fds[i]);
	}
	link_del(interface);
	return (double)least / ((double)count * ROUNDS * BURST);
}

void queues_measure(void)
{
	unsigned int out_of_order;
	double one, two;
	int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < MOST)
		errx(1, "two queues take two processors");
	netns_enter();
	printf("\n%-7s %11s %11s %7s %13s\n", "driver", "one queue", "two queues", "ratio",
	       "out of order");
	for (i = 0; i < 2; i++) {
		out_of_order = 0;
		one = measure(drivers[i], 1, &out_of_order);
		two = measure(drivers[i], 2, &out_of_order);
		printf("%-7s %11.0f %11.0f %7.3f %13u\n", drivers[i]->name, one, two, two / one,
		       out_of_order);
		fflush(stdout);
	}
}
