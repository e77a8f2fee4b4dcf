// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bsdtun-reflect - answer pings to whatever is behind a tun(4) device
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tun.h"

#define TTL	64

/* Adds to an Internet checksum, which is a sum with the carry put back in. */
static void checksum_add(unsigned char *checksum, unsigned int value)
{
	unsigned int sum = (checksum[0] << 8) + checksum[1] + value;

	sum = (sum & 0xffff) + (sum >> 16);
	checksum[0] = sum >> 8;
	checksum[1] = sum;
}

static void swap(unsigned char *a, unsigned char *b, size_t len)
{
	unsigned char c;

	while (len--) {
		c = *a;
		*a++ = *b;
		*b++ = c;
	}
}

/*
 * Where a checksum covers what is swapped it stays right; for what becomes
 * less, as much is added.
 */
static int answer4(unsigned char *ip, size_t len)
{
	size_t header = (ip[0] & 0xf) * 4;
	unsigned char *icmp = ip + header;

	if (header < 20 || len < header + 8)
		return 0;
	/* No ICMP, a fragment, not sent to one host, no echo request */
	if (ip[9] != 1 || (ip[6] & 0x3f) || ip[7] || ip[16] >= 224 || icmp[0] != 8 || icmp[1])
		return 0;
	icmp[0] = 0;
	checksum_add(icmp + 2, 8 << 8);
	checksum_add(ip + 10, ip[8] << 8);
	checksum_add(ip + 10, 0xffff - (TTL << 8));
	ip[8] = TTL;
	swap(ip + 12, ip + 16, 4);
	return 1;
}

static int answer6(unsigned char *ip, size_t len)
{
	unsigned char *icmp = ip + 40;

	if (len < 40 + 8)
		return 0;
	/* No ICMPv6 at once, not sent to one host, no echo request */
	if (ip[6] != 58 || ip[24] == 0xff || icmp[0] != 128 || icmp[1])
		return 0;
	icmp[0] = 129;
	checksum_add(icmp + 2, 0xffff - (1 << 8));
	ip[7] = TTL;
	swap(ip + 8, ip + 24, 16);
	return 1;
}

/* Makes a ping its answer; 0 if it is no ping. */
static int answer(unsigned char *packet, size_t len)
{
	switch (len ? packet[0] >> 4 : 0) {
	case 4:
		return answer4(packet, len);
	case 6:
		return answer6(packet, len);
	default:
		return 0;
	}
}

int main(int argc, char **argv)
{
	static struct frame frame;
	ssize_t len;
	int fd;

	if (argc != 2) {
		fputs("usage: bsdtun-reflect device\n", stderr);
		return EXIT_FAILURE;
	}
	fd = tun_open(argv[1], 0);
	printf("%s\n", tun_interface(fd, argv[1]));
	fflush(stdout);

	for (;;) {
		len = read(fd, &frame, sizeof(frame));
		if (len < 0 && errno != EINTR)
			err(EXIT_FAILURE, "read from %s", argv[1]);
		if (len < (ssize_t)PREFIX || !answer(frame.packet, len - PREFIX))
			continue;
		/* The family is the question's, and stands there already. */
		if (write(fd, &frame, len) < 0 && errno != ENOBUFS)
			err(EXIT_FAILURE, "write to %s", argv[1]);
	}
}
