// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What /proc/PID/fdinfo says of an open file. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define RING	4

FIXTURE(fdinfo)
{
	int fd;
	int sock;
};

FIXTURE_SETUP(fdinfo)
{
	machine_setup(&self->fd, &self->sock);
}

FIXTURE_TEARDOWN(fdinfo)
{
	link_del(DEV);
	link_del("vpn");
}

/* What stands behind a key; "" if the key is not there. */
static const char *told(int fd, const char *key)
{
	static char text[4096];
	char path[32], start[32];
	char *value;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file_read(path, text, sizeof(text));
	snprintf(start, sizeof(start), "\n%s:\t", key);
	value = strstr(text, start);
	if (!value)
		return "";
	value += strlen(start);
	value[strcspn(value, "\n")] = '\0';
	return value;
}

static unsigned long own_netns(void)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st))
		err(1, "/proc/self/ns/net");
	return st.st_ino;
}

TEST_F(fdinfo, of_a_new_file)
{
	EXPECT_STREQ("0", told(self->fd, "unit"));
	EXPECT_STREQ(DEV, told(self->fd, "iff"));
	EXPECT_EQ(own_netns(), strtoul(told(self->fd, "netns"), NULL, 10));
	EXPECT_STREQ("0", told(self->fd, "queue"));
	EXPECT_STREQ("none", told(self->fd, "framing"));
	EXPECT_STREQ("none", told(self->fd, "offload"));
	EXPECT_STREQ("0", told(self->fd, "packets"));
}

TEST_F(fdinfo, tells_the_framing_as_it_is)
{
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_STREQ("af", told(self->fd, "framing"));
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	EXPECT_STREQ("sockaddr", told(self->fd, "framing"));
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 0));
	EXPECT_STREQ("none", told(self->fd, "framing"));
}

TEST_F(fdinfo, tells_the_header_of_offloads_as_it_is)
{
	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	EXPECT_STREQ("tun_hdr", told(self->fd, "offload"));
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 10));
	EXPECT_STREQ("virtio_net_hdr", told(self->fd, "offload"));
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 0));
	EXPECT_STREQ("none", told(self->fd, "offload"));
}

TEST_F(fdinfo, tells_whether_packets_come_in_batches)
{
	EXPECT_STREQ("0", told(self->fd, "batch"));
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 1));
	EXPECT_STREQ("1", told(self->fd, "batch"));
}

TEST_F(fdinfo, tells_how_many_packets_wait)
{
	char expected[16];
	int i, round, ms;

	ASSERT_EQ(0, link_set_txqlen(DEV, RING));
	/* Each slot is the first once. */
	for (round = 0; round < RING; round++) {
		for (i = 0; i < RING; i++) {
			send_numbers(self->sock, i, 1);
			snprintf(expected, sizeof(expected), "%d", i + 1);
			/* The qdisc may still be at the round before. */
			for (ms = 0; strcmp(expected, told(self->fd, "packets")); ms++) {
				ASSERT_GT(PATIENCE, ms);
				usleep(1000);
			}
		}
		/* What waits in the queueing discipline is not meant. */
		send_numbers(self->sock, i, 1);
		EXPECT_STREQ(expected, told(self->fd, "packets"));
		for (i = 0; i < RING + 1; i++)
			ASSERT_EQ(i, wait_number(self->fd, 0));
		EXPECT_STREQ("0", told(self->fd, "packets"));
	}
}

TEST_F(fdinfo, tells_the_name_as_it_is)
{
	ASSERT_EQ(0, link_down(DEV));
	ASSERT_EQ(0, link_rename(DEV, "vpn"));
	EXPECT_STREQ("vpn", told(self->fd, "iff"));
	EXPECT_STREQ("0", told(self->fd, "unit"));
}

TEST_F(fdinfo, tells_the_network_namespace_that_the_interface_is_in)
{
	unsigned long here_ino = own_netns();
	int here, there;

	here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, here);
	netns_enter();
	there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, there);
	ASSERT_NE(here_ino, own_netns());
	/* Whoever asks */
	EXPECT_EQ(here_ino, strtoul(told(self->fd, "netns"), NULL, 10));
	ASSERT_EQ(0, setns(here, CLONE_NEWNET));
	ASSERT_EQ(0, link_move(DEV, there));
	EXPECT_STREQ(DEV, told(self->fd, "iff"));
	ASSERT_EQ(0, setns(there, CLONE_NEWNET));
	EXPECT_EQ(own_netns(), strtoul(told(self->fd, "netns"), NULL, 10));
}

TEST_F(fdinfo, tells_the_queue_of_each_file)
{
	int fds[3], i;
	char index[16];

	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, link_add(DEV, "bsdtun", ARRAY_SIZE(fds)));
	for (i = 0; i < (int)ARRAY_SIZE(fds); i++)
		fds[i] = unit_open(0, O_RDWR);
	for (i = 0; i < (int)ARRAY_SIZE(fds); i++) {
		snprintf(index, sizeof(index), "%d", i);
		EXPECT_STREQ(index, told(fds[i], "queue"));
	}
}

TEST_F(fdinfo, tells_the_unit_alone_when_the_interface_is_gone)
{
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_STREQ("0", told(self->fd, "unit"));
	EXPECT_STREQ("", told(self->fd, "iff"));
	EXPECT_STREQ("", told(self->fd, "netns"));
	EXPECT_STREQ("", told(self->fd, "queue"));
	EXPECT_STREQ("0", told(self->fd, "packets"));
}

TEST_HARNESS_MAIN
