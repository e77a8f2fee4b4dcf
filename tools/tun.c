// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#define _DEFAULT_SOURCE		/* struct ifreq, for TUNGIFNAME */

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <net/if_tun.h>

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>

#include "tun.h"

int tun_open(const char *path, int flags)
{
	int fd = open(path, O_RDWR | flags);

	if (fd < 0)
		err(EXIT_FAILURE, "%s", path);
#ifdef TUNSIFHEAD	/* on OpenBSD the family is always there */
	{
		int on = 1;

		if (ioctl(fd, TUNSIFHEAD, &on) < 0)
			err(EXIT_FAILURE, "%s: TUNSIFHEAD", path);
	}
#endif
	return fd;
}

const char *tun_interface(int fd, const char *path)
{
#ifdef TUNGIFNAME
	static struct ifreq request;

	if (ioctl(fd, TUNGIFNAME, &request) == 0)
		return request.ifr_name;
#endif
	(void)fd;
	return path;
}

/* The systems have different numbers for IPv6, the packets have one. */
int tun_family(const unsigned char *packet, size_t len)
{
	switch (len ? packet[0] >> 4 : 0) {
	case 4:
		return AF_INET;
	case 6:
		return AF_INET6;
	default:
		return AF_UNSPEC;
	}
}
