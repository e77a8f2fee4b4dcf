// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Two devices joined: what is read from one is written to the other, a thread each way. */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

struct way {
	int from, to;
	pthread_t thread;
};

/* What nobody takes, such as the first packets of an interface while the other is still
 * down, is lost, as on any wire.
 */
static void *carry(void *arg)
{
	struct way *way = arg;
	struct pollfd pfd = { .fd = way->from, .events = POLLIN };
	unsigned char *frames = malloc(BATCH_ROOM);
	ssize_t len;

	if (!frames)
		err(1, "malloc");
	while (poll(&pfd, 1, -1) > 0) {
		while ((len = read(way->from, frames, BATCH_ROOM)) > 0)
			if (write(way->to, frames, len) < 0 && errno != EIO && errno != ENETDOWN)
				warn("write");
		if (errno != EAGAIN && errno != EINTR)
			err(1, "read");
	}
	err(1, "poll");
}

void relay_run(const struct driver *driver, enum how by)
{
	int fds[2] = { driver->open(0, by), driver->open(1, by) };
	struct way ways[2];
	int i;

	for (i = 0; i < 2; i++) {
		ways[i] = (struct way){ .from = fds[i], .to = fds[!i] };
		if (pthread_create(&ways[i].thread, NULL, carry, &ways[i]))
			errx(1, "pthread_create");
	}
	printf("joined\n");
	fflush(stdout);
	pthread_join(ways[0].thread, NULL);
}
