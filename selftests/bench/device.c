// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The two drivers, opened for the same work. */
#include <err.h>
#include <fcntl.h>
#include <linux/bsdtun.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <unistd.h>

#include "bench.h"

#ifndef IFF_BACKPRESSURE
#define IFF_BACKPRESSURE	0x0080	/* since Linux 7.3 */
#endif

uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

uint64_t now_cost(void)
{
	static uint64_t cost;
	uint64_t begin;
	int i;

	if (cost)
		return cost;
	/* The first calls find no cache that knows them. */
	for (i = 0; i < 100; i++) {
		begin = now();
		cost = now() - begin;
	}
	return cost;
}

static int bsdtun_open(unsigned int unit, enum how by)
{
	int len = sizeof(uint16_t) * 5, on = 1;
	int fd = unit_open(unit, O_RDWR | O_NONBLOCK);

	if (fd < 0)
		err(1, "bsdtun%u", unit);
	if (by & OFFLOAD && ioctl(fd, TUNSVNETHDR, &len))
		err(1, "TUNSVNETHDR");
	if (by & BATCH && ioctl(fd, TUNSBATCH, &on))
		err(1, "TUNSBATCH");
	return fd;
}

static int bsdtun_add(unsigned int unit)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "bsdtun%u", unit);
	return link_add(name, "bsdtun", 1);
}

static int tun_open(unsigned int unit, enum how by)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (by & OFFLOAD)
		ifr.ifr_flags |= IFF_VNET_HDR;
	if (by & QUEUES)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	if (by & BACKPRESSURE)
		ifr.ifr_flags |= IFF_BACKPRESSURE;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "tun%u", unit);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		err(1, "tun%u", unit);
	if (by & OFFLOAD && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))
		err(1, "TUNSETOFFLOAD");
	return fd;
}

static int tun_add(unsigned int unit)
{
	int fd = tun_open(unit, PLAIN), ret;

	ret = ioctl(fd, TUNSETPERSIST, 1);
	close(fd);
	return ret;
}

const struct driver bsdtun = {
	.name = "bsdtun", .open = bsdtun_open, .add = bsdtun_add,
	.interface = { "bsdtun0", "bsdtun1" },
};

const struct driver tun = {
	.name = "tun", .open = tun_open, .add = tun_add, .interface = { "tun0", "tun1" },
};

const struct driver *const drivers[2] = { &tun, &bsdtun };
