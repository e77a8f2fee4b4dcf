// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A sender as fast as it can, and a reader that waits before each packet. */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PACKETS		5000
#define USUAL_SNDBUF	(212992 / 2)	/* the kernel doubles it */
#define WAIT		200	/* microseconds before each packet */
#define SILENCE		2000	/* ms after which no more comes */

static void *send_all(void *arg)
{
	send_numbers(*(int *)arg, 0, PACKETS);
	return NULL;
}

/* How many packets of PACKETS were read. */
static int count(const struct driver *driver)
{
	const char *interface = driver->interface[0];
	struct pollfd pfd = { .events = POLLIN };
	pthread_t sender;
	int got = 0, sock, room = USUAL_SNDBUF;

	pfd.fd = driver->open(0, PLAIN);
	if (addr_add(interface, HERE4, NULL, 24) || link_up(interface) ||
	    qdisc_set(interface, "pfifo", 1000))
		errx(1, "%s", interface);
	sock = udp_socket(AF_INET);
	if (setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) ||
	    pthread_create(&sender, NULL, send_all, &sock))
		errx(1, "no sender");
	while (poll(&pfd, 1, SILENCE) == 1) {
		usleep(WAIT);
		got += read_number(pfd.fd, 0) >= 0;
	}
	pthread_join(sender, NULL);
	close(sock);
	close(pfd.fd);
	link_del(interface);
	return got;
}

void slow_measure(void)
{
	int i, got;

	netns_enter();
	for (i = 0; i < 2; i++) {
		got = count(drivers[i]);
		printf("%-7s %d packets sent, %d lost\n", drivers[i]->name, PACKETS,
		       PACKETS - got);
		fflush(stdout);
	}
}
