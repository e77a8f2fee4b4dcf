/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A tun(4) device whose packets stand behind their address family, on Linux
 * with bsdtun and on the BSDs alike.
 */
#ifndef TUN_H
#define TUN_H

#include <stddef.h>
#include <stdint.h>

/* What read(2) and write(2) of the device move: a family, then a packet. */
struct frame {
	uint32_t family;	/* in network byte order */
	unsigned char packet[65535];
};

#define PREFIX	offsetof(struct frame, packet)

/* Opens a device, or ends the program. */
int tun_open(const char *path, int flags);

/* The interface behind the device, or where that cannot be asked, the device. */
const char *tun_interface(int fd, const char *path);

/* The family of a packet, or AF_UNSPEC. */
int tun_family(const unsigned char *packet, size_t len);

#endif /* TUN_H */
