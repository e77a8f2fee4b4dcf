// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A file and its interface in two network namespaces, and the end of one of them. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

/* We are at home; unit 0 was opened there, and its interface is there. The
 * namespace there lives as long as the two files that belong to it.
 */
static int home, there, sock;

static void leave_namespace(void)
{
	close(there);
	close(sock);
}

/* What a sleeper calls: it has a copy of every file. */
static ssize_t leave_and_read(int fd, void *buf, size_t len)
{
	leave_namespace();
	return read(fd, buf, len);
}

static ssize_t leave_and_poll(int fd, void *buf, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	leave_namespace();
	poll(&pfd, 1, -1);
	memcpy(buf, &pfd.revents, sizeof(pfd.revents));
	return len;
}

FIXTURE(netns)
{
	int fd;
};

FIXTURE_SETUP(netns)
{
	netns_enter();
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, home);
	machine_setup(&self->fd, &sock);
	there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, there);
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
}

FIXTURE_TEARDOWN(netns)
{
	if (!setns(there, CLONE_NEWNET))
		link_del(DEV);
}

/* The interface goes, within a while. */
static bool gone(int fd)
{
	struct pollfd pfd = { .fd = fd };

	return poll(&pfd, 1, PATIENCE) == 1 &&
	       (pfd.revents & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP);
}

static bool end_namespace(int fd)
{
	leave_namespace();
	return gone(fd);
}

TEST_F(netns, packets_pass_between_a_file_here_and_an_interface_there)
{
	unsigned char packet[128];
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	ssize_t len;

	EXPECT_EQ(0, link_index(DEV));
	send_numbers(sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
	len = build_udp(AF_INET, packet, "hello", 5);
	EXPECT_EQ(len, write(self->fd, packet, len));
	ASSERT_EQ(1, poll(&pfd, 1, PATIENCE));
	EXPECT_EQ(5, read(sock, packet, sizeof(packet)));
}

TEST_F(netns, ioctls_reach_the_interface_there)
{
	struct tuninfo tuninfo;
	struct link link;
	struct ifreq ifr;

	ASSERT_EQ(0, ioctl(self->fd, TUNGIFNAME, &ifr));
	EXPECT_STREQ(DEV, ifr.ifr_name);
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &tuninfo));
	tuninfo.mtu = 1280;
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFINFO, &tuninfo));
	ASSERT_EQ(0, setns(there, CLONE_NEWNET));
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(1280, link.mtu);
}

TEST_F(netns, unit_whose_interface_is_there_is_taken_up_there)
{
	struct link link;

	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, link_index(DEV));
	ASSERT_EQ(0, setns(there, CLONE_NEWNET));
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_TRUE(link.carrier);
	ASSERT_EQ(0, link_up(DEV));
	send_numbers(sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(netns, unit_whose_interface_is_there_is_busy_for_ip_link_add_here)
{
	close(self->fd);
	EXPECT_EQ(-EBUSY, link_add(DEV, "bsdtun", 1));
	EXPECT_EQ(0, link_index(DEV));
}

TEST_F(netns, interface_of_the_same_name_may_be_here)
{
	int fd = unit_take(1, O_RDWR);

	ASSERT_EQ(0, link_rename("bsdtun1", DEV));
	send_numbers(sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
	close(fd);
	EXPECT_EQ(0, link_del(DEV));
}

TEST_F(netns, end_of_the_namespace_wakes_a_reader_with_EIO)
{
	struct sleeper reader;
	struct result result;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR));
	sleeper_start(&reader, leave_and_read, self->fd);
	EXPECT_TRUE(end_namespace(self->fd));
	sleeper_result(&reader, &result);
	EXPECT_EQ(-1, result.ret);
	EXPECT_EQ(EIO, result.err);
}

TEST_F(netns, end_of_the_namespace_wakes_a_poller_with_POLLERR_and_POLLHUP)
{
	struct sleeper poller;
	struct result result;
	short revents;

	sleeper_start(&poller, leave_and_poll, self->fd);
	EXPECT_TRUE(end_namespace(self->fd));
	sleeper_result(&poller, &result);
	memcpy(&revents, result.data, sizeof(revents));
	EXPECT_EQ(POLLERR | POLLHUP, revents & (POLLERR | POLLHUP));
	EXPECT_EQ(0, revents & POLLOUT);
}

TEST_F(netns, file_outlives_the_namespace)
{
	unsigned char packet[128];
	struct ifreq ifr;
	int value = 1, i;

	ASSERT_TRUE(end_namespace(self->fd));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-1, read(self->fd, packet, sizeof(packet)));
		EXPECT_EQ(EIO, errno);
		EXPECT_EQ(-1, write(self->fd, packet, build_udp(AF_INET, packet, "hello", 5)));
		EXPECT_EQ(EIO, errno);
		EXPECT_EQ(-1, ioctl(self->fd, TUNSIFHEAD, &value));
		EXPECT_EQ(EIO, errno);
		EXPECT_EQ(-1, ioctl(self->fd, TUNGIFNAME, &ifr));
		EXPECT_EQ(ENXIO, errno);
	}
	EXPECT_EQ(0, close(self->fd));
}

TEST_F(netns, unit_is_free_after_the_end_of_the_namespace)
{
	int fd;

	ASSERT_TRUE(end_namespace(self->fd));
	fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_NE(0, link_index(DEV));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_NE(0, link_index(DEV));
	EXPECT_EQ(-1, read(fd, &fd, sizeof(fd)));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, link_del(DEV));
}

/* A veth here ends with its peer, which ends with the namespace: not before the
 * last reference to that is gone, of which an open file must hold none.
 */
TEST_F(netns, open_file_does_not_keep_the_namespace)
{
	char command[128];
	int ms;

	snprintf(command, sizeof(command),
		 "ip link add here type veth peer name there netns /proc/%d/fd/%d",
		 getpid(), there);
	ASSERT_EQ(0, system(command));
	ASSERT_NE(0, link_index("here"));
	leave_namespace();
	for (ms = 0; ms < PATIENCE && link_index("here"); ms += 10)
		usleep(10000);
	EXPECT_EQ(0, link_index("here"));
	/* Interfaces that end together end one after the other. */
	EXPECT_TRUE(gone(self->fd));
	EXPECT_EQ(-EIO, read_number(self->fd, 0));
}

TEST_F(netns, end_of_the_namespace_with_packets_queued)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };

	/* All go into the ring: those in a qdisc hold their socket, and that the namespace. */
	send_numbers(sock, 0, 50);
	ASSERT_EQ(1, poll(&pfd, 1, PATIENCE));
	ASSERT_TRUE(end_namespace(self->fd));
	EXPECT_EQ(-EIO, read_number(self->fd, 0));
}

TEST_F(netns, end_of_the_namespace_with_a_file_of_each_queue)
{
	int fds[3], i;

	ASSERT_EQ(0, setns(there, CLONE_NEWNET));
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, link_add(DEV, "bsdtun", 3));
	for (i = 0; i < 3; i++) {
		fds[i] = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	leave_namespace();
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(gone(fds[i]));
		EXPECT_EQ(-EIO, read_number(fds[i], 0));
	}
}

TEST_HARNESS_MAIN
