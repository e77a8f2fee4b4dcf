// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bsdtun-dump - write what is sent to a tun(4) device as pcap-ng
 */
#define _DEFAULT_SOURCE		/* struct timeval */

#include <sys/types.h>
#include <sys/time.h>

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tun.h"

/* Blocks of the format and what is in them, in the machine's byte order. */
#define SECTION_HEADER		0x0a0d0d0a
#define BYTE_ORDER_MAGIC	0x1a2b3c4d
#define INTERFACE_DESCRIPTION	1
#define ENHANCED_PACKET		6
#define LINKTYPE_RAW		101	/* IPv4 or IPv6, which the packet tells */
#define OPTION_IF_NAME		2
#define OPTION_EPB_FLAGS	2
#define OUTBOUND		2

#define PADDED(len)	(((len) + 3) & ~(size_t)3)

static FILE *file;

static void put(const void *data, size_t len)
{
	static const char zeros[4];

	fwrite(data, 1, len, file);
	fwrite(zeros, 1, PADDED(len) - len, file);
}

static void put32(uint32_t value)
{
	put(&value, sizeof(value));
}

static void put_option(uint16_t code, const void *data, uint16_t len)
{
	uint16_t head[] = { code, len };

	put(head, sizeof(head));
	put(data, len);
}

/* The length of a block stands at both of its ends, which are 12 bytes. */
static void put_section(void)
{
	uint16_t version[] = { 1, 0 };
	uint32_t length = 12 + 16;

	put32(SECTION_HEADER);
	put32(length);
	put32(BYTE_ORDER_MAGIC);
	put(version, sizeof(version));
	put32(0xffffffff);	/* the section's length is not known yet */
	put32(0xffffffff);
	put32(length);
}

static void put_interface(const char *name)
{
	uint32_t length = 12 + 8 + 4 + PADDED(strlen(name)) + 4;
	uint16_t linktype[] = { LINKTYPE_RAW, 0 };

	put32(INTERFACE_DESCRIPTION);
	put32(length);
	put(linktype, sizeof(linktype));
	put32(sizeof(((struct frame *)0)->packet));
	put_option(OPTION_IF_NAME, name, strlen(name));
	put_option(0, "", 0);
	put32(length);
}

static void put_packet(const unsigned char *packet, size_t len)
{
	uint32_t length = 12 + 20 + PADDED(len) + 8 + 4;
	uint32_t flags = OUTBOUND;
	struct timeval now;
	uint64_t us;

	gettimeofday(&now, NULL);
	us = (uint64_t)now.tv_sec * 1000000 + now.tv_usec;
	put32(ENHANCED_PACKET);
	put32(length);
	put32(0);		/* the first interface, and the only one */
	put32(us >> 32);
	put32(us);
	put32(len);
	put32(len);
	put(packet, len);
	put_option(OPTION_EPB_FLAGS, &flags, sizeof(flags));
	put_option(0, "", 0);
	put32(length);
}

int main(int argc, char **argv)
{
	static struct frame frame;
	const char *path, *name;
	ssize_t len;
	int fd;

	if (argc < 2 || argc > 3) {
		fputs("usage: bsdtun-dump device [file]\n", stderr);
		return EXIT_FAILURE;
	}
	path = argc == 3 ? argv[2] : "standard output";
	file = argc == 3 ? fopen(path, "wb") : stdout;
	if (!file)
		err(EXIT_FAILURE, "%s", path);
	fd = tun_open(argv[1], 0);
	/* Without the directory, should it be the device's. */
	name = tun_interface(fd, argv[1]);
	if (strrchr(name, '/'))
		name = strrchr(name, '/') + 1;
	put_section();
	put_interface(name);

	/* Whoever reads the file meanwhile sees each packet as it comes. */
	while (fflush(file) == 0) {
		len = read(fd, &frame, sizeof(frame));
		if (len < 0 && errno != EINTR)
			err(EXIT_FAILURE, "read from %s", argv[1]);
		if (len > (ssize_t)PREFIX)
			put_packet(frame.packet, len - PREFIX);
	}
	err(EXIT_FAILURE, "%s", path);
}
