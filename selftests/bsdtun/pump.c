// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * pump NODE NODE: the wire between two units. What one interface sends, the
 * other receives. Says "ready" when both are open.
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BURST	64	/* packets one way before the other way gets its turn */

static void carry(int from, int to)
{
	static char packet[4 + 65535];
	ssize_t len;
	int i;

	for (i = 0; i < BURST; i++) {
		len = read(from, packet, sizeof(packet));
		if (len < 0 && errno == EAGAIN)
			return;
		if (len < 0)
			error(EXIT_FAILURE, errno, "read");
		if (write(to, packet, len) != len)
			error(EXIT_FAILURE, errno, "write of %zd bytes", len);
	}
}

int main(int argc, char **argv)
{
	struct pollfd fds[2];
	int i;

	if (argc != 3)
		error(EXIT_FAILURE, 0, "usage: pump NODE NODE");
	for (i = 0; i < 2; i++) {
		fds[i].fd = open(argv[i + 1], O_RDWR | O_NONBLOCK);
		fds[i].events = POLLIN;
		if (fds[i].fd < 0)
			error(EXIT_FAILURE, errno, "%s", argv[i + 1]);
	}
	puts("ready");
	fclose(stdout);

	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents)
			carry(fds[0].fd, fds[1].fd);
		if (fds[1].revents)
			carry(fds[1].fd, fds[0].fd);
	}
	error(EXIT_FAILURE, errno, "poll");
}
