// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How much an interface costs when there are few of them, and when there are many. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MOST	1000

static int fds[MOST];

/* Instructions of this process alone: who deletes an interface waits for others, idly. */
static uint64_t own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Bytes that the kernel has for itself: an interface has some of each. */
static long memory_in_kernel(void)
{
	static const char *const kinds[] = { "Slab:", "VmallocUsed:", "Percpu:" };
	char text[8192];
	long sum = 0;
	int i;

	/* What waits for a grace period is freed first. */
	sleep(1);
	file_read("/proc/meminfo", text, sizeof(text));
	for (i = 0; i < 3; i++)
		sum += atol(strstr(text, kinds[i]) + strlen(kinds[i]));
	return sum << 10;
}

static void name_of(const struct driver *driver, int i, char name[16])
{
	snprintf(name, 16, "%s%d", driver->name, i);
}

struct costs {
	double add, open, packet, close, del;
	double idle_bytes, open_bytes;
};

static double each(uint64_t begin, int count)
{
	return (double)(own_time() - begin) / count;
}

/* What a packet costs through the last one made, sent and read. */
static double packet_cost(const struct driver *driver, int count)
{
	char name[16], buf[256];
	uint64_t begin = 0;
	int sock, i;

	name_of(driver, count - 1, name);
	if (addr_add(name, HERE4, NULL, 24))
		err(1, "%s", name);
	sock = udp_socket(AF_INET);
	for (i = -100; i < 1000; i++) {
		if (!i)
			begin = own_time();
		if (send(sock, buf, 36, 0) != 36 || read(fds[count - 1], buf, sizeof(buf)) <= 0)
			err(1, "a packet through %s", name);
	}
	close(sock);
	return each(begin, 1000);
}

static struct costs measure(const struct driver *driver, int count)
{
	struct costs costs = {};
	char name[16];
	uint64_t begin;
	long before;
	int i;

	before = memory_in_kernel();
	begin = own_time();
	for (i = 0; i < count; i++)
		if (driver->add(i))
			errx(1, "%s %d cannot be made", driver->name, i);
	costs.add = each(begin, count);
	costs.idle_bytes = (double)(memory_in_kernel() - before) / count;
	begin = own_time();
	for (i = 0; i < count; i++)
		fds[i] = driver->open(i, PLAIN);
	costs.open = each(begin, count);
	costs.open_bytes = (double)(memory_in_kernel() - before) / count;
	for (i = 0; i < count; i++) {
		name_of(driver, i, name);
		if (link_up(name))
			errx(1, "%s cannot be taken up", name);
	}
	costs.packet = packet_cost(driver, count);
	begin = own_time();
	for (i = 0; i < count; i++)
		close(fds[i]);
	costs.close = each(begin, count);
	begin = own_time();
	for (i = 0; i < count; i++) {
		name_of(driver, i, name);
		if (link_del(name))
			errx(1, "%s cannot be deleted", name);
	}
	costs.del = each(begin, count);
	return costs;
}

void many_measure(void)
{
	struct rlimit files = { MOST + 100, MOST + 100 };
	static const int counts[] = { 10, MOST };
	struct costs costs;
	int i, j;

	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "RLIMIT_NOFILE");
	netns_enter();
	printf("\n%-7s %11s %9s %9s %7s %9s %9s %11s %11s\n", "driver", "interfaces", "add", "open",
	       "packet", "close", "delete", "idle, bytes", "open, bytes");
	for (i = 0; i < 2; i++) {
		/* What is made once, and caches. */
		measure(drivers[i], 100);
		for (j = 0; j < 2; j++) {
			costs = measure(drivers[i], counts[j]);
			printf("%-7s %11d %9.0f %9.0f %7.0f %9.0f %9.0f %11.0f %11.0f\n",
			       drivers[i]->name, counts[j], costs.add, costs.open, costs.packet,
			       costs.close, costs.del, costs.idle_bytes, costs.open_bytes);
			fflush(stdout);
		}
	}
}
