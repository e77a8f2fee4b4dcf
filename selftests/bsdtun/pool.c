// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The memory of packets that are written: it is used again, and outlives what made it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define LONG_PAYLOAD	60000
#define ONLINE		"/sys/devices/system/cpu/cpu1/online"
#define RELOAD		"modprobe -r bsdtun && modprobe bsdtun"

/* In its head, about as long as that, and in pages. */
static const size_t sizes[] = { 100, 1400, 3600, 5000, LONG_PAYLOAD };

FIXTURE(pool)
{
	int fd;
	int sock;
	unsigned char packet[ROOM];
	unsigned char payload[ROOM];
};

FIXTURE_SETUP(pool)
{
	int size = 1 << 20;

	machine_setup(&self->fd, &self->sock);
	ASSERT_EQ(0, setsockopt(self->sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)));
	pattern(self->payload, sizeof(self->payload));
}

FIXTURE_TEARDOWN(pool)
{
	close(self->fd);
	link_del(DEV);
}

static bool written(struct _test_data_pool *self, size_t payload)
{
	size_t len = build_udp(AF_INET, self->packet, self->payload, payload);

	return write(self->fd, self->packet, len) == (ssize_t)len;
}

static bool arrived(struct _test_data_pool *self, size_t payload)
{
	static unsigned char got[ROOM];

	return recv(self->sock, got, sizeof(got), 0) == (ssize_t)payload &&
	       !memcmp(got, self->payload, payload);
}

/* Of each size one is. */
static bool all(bool (*is)(struct _test_data_pool *self, size_t payload),
		struct _test_data_pool *self)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!is(self, sizes[i]))
			return false;
	return true;
}

TEST_F(pool, is_used_again)
{
	const int count = 500;
	static const char event[] = "kmem/mm_page_alloc";
	int i;

	ASSERT_EQ(0, run_on(0));
	/* Warm. */
	for (i = 0; i < 20; i++)
		ASSERT_TRUE(written(self, LONG_PAYLOAD) && arrived(self, LONG_PAYLOAD));
	trace_start();
	trace_event(event);
	for (i = 0; i < count; i++)
		ASSERT_TRUE(written(self, LONG_PAYLOAD) && arrived(self, LONG_PAYLOAD));
	/* Of more than a page each packet would take one at least; others take some. */
	EXPECT_GT(count / 4, trace_count(event, "") - trace_count(event, " order=0 "));
	trace_stop();
}

TEST_F(pool, lends_a_socket_memory_that_outlives_the_module)
{
	ASSERT_TRUE(all(written, self));
	close(self->fd);
	ASSERT_EQ(0, system(RELOAD));
	EXPECT_TRUE(all(arrived, self));

	self->fd = machine_unit();
	ASSERT_TRUE(all(written, self));
	EXPECT_TRUE(all(arrived, self));
}

TEST_F(pool, is_there_when_its_processor_comes_back)
{
	int i;

	if (access(ONLINE, W_OK))
		SKIP(return, "there is one processor, or it cannot be taken away");
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, run_on(1));
		ASSERT_TRUE(all(written, self));
		/* We go to another. */
		ASSERT_EQ(0, file_write(ONLINE, "0"));
		EXPECT_TRUE(all(arrived, self));
		EXPECT_TRUE(all(written, self));
		EXPECT_EQ(0, file_write(ONLINE, "1"));
		EXPECT_TRUE(all(arrived, self));
	}
}

/* The pools of processors that come while the module is not loaded. */
TEST_F(pool, is_there_for_a_processor_that_came_before_the_module)
{
	if (access(ONLINE, W_OK))
		SKIP(return, "there is one processor, or it cannot be taken away");
	close(self->fd);
	ASSERT_EQ(0, file_write(ONLINE, "0"));
	EXPECT_EQ(0, system(RELOAD));
	ASSERT_EQ(0, file_write(ONLINE, "1"));

	ASSERT_EQ(0, run_on(1));
	self->fd = machine_unit();
	ASSERT_TRUE(all(written, self));
	EXPECT_TRUE(all(arrived, self));
}

TEST_HARNESS_MAIN
