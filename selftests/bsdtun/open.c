// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* open(2) and close(2): the interface that comes, stays and goes. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

static int units(void)
{
	char text[32];

	file_read("/sys/module/bsdtun/parameters/units", text, sizeof(text));
	return atoi(text);
}

FIXTURE(open)
{
	int fd;
	struct link link;
};

FIXTURE_SETUP(open)
{
	netns_enter();
	self->fd = unit_take(0, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, link_get(DEV, &self->link));
}

FIXTURE_TEARDOWN(open)
{
	link_del(DEV);
}

TEST_F(open, makes_the_interface_that_the_node_names)
{
	int fd;

	EXPECT_EQ(0, link_index("bsdtun3"));
	fd = unit_take(3, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_NE(0, link_index("bsdtun3"));
	EXPECT_EQ(0, link_del("bsdtun3"));
}

/* Of an interface that is up although nobody has it open, and of one that is not there. */
TEST_F(open, with_O_DIRECT_is_EINVAL_and_changes_nothing)
{
	close(self->fd);
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_EQ(-1, unit_open(0, O_RDWR | O_DIRECT));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, link_get(DEV, &self->link));
	EXPECT_TRUE(self->link.flags & IFF_UP);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(-1, unit_open(0, O_RDWR | O_DIRECT));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, link_index(DEV));
}

TEST_F(open, makes_it_in_the_openers_namespace_alone)
{
	char text[16384];

	file_read("/proc/self/net/dev", text, sizeof(text));
	EXPECT_NE(NULL, strstr(text, DEV ":"));
	file_read("/proc/1/net/dev", text, sizeof(text));
	EXPECT_EQ(NULL, strstr(text, DEV ":"));
}

TEST_F(open, interface_is_down)
{
	EXPECT_EQ(0, self->link.flags & IFF_UP);
}

TEST_F(open, interface_has_no_link_layer)
{
	EXPECT_EQ(ARPHRD_NONE, self->link.type);
}

TEST_F(open, interface_is_pointopoint_multicast_noarp)
{
	EXPECT_EQ(IFF_POINTOPOINT | IFF_MULTICAST | IFF_NOARP,
		  self->link.flags & (IFF_POINTOPOINT | IFF_MULTICAST | IFF_NOARP | IFF_BROADCAST));
}

TEST_F(open, mtu_is_1500)
{
	EXPECT_EQ(1500, self->link.mtu);
}

TEST_F(open, queue_length_is_500)
{
	EXPECT_EQ(500, self->link.txqlen);
}

TEST_F(open, interface_has_no_address)
{
	EXPECT_EQ(0, addr_count(DEV, AF_INET));
	EXPECT_EQ(0, addr_count(DEV, AF_INET6));
}

TEST_F(open, interface_has_one_queue)
{
	EXPECT_EQ(1, self->link.queues);
}

TEST_F(open, interface_is_at_once_configurable_through_a_unix_socket)
{
	struct ifreq ifr = { .ifr_name = DEV };
	int sock = socket(AF_UNIX, SOCK_DGRAM, 0);

	ASSERT_EQ(0, ioctl(sock, SIOCGIFFLAGS, &ifr));
	EXPECT_EQ(IFF_POINTOPOINT, ifr.ifr_flags & (IFF_POINTOPOINT | IFF_UP));
	ifr.ifr_flags |= IFF_UP;
	ASSERT_EQ(0, ioctl(sock, SIOCSIFFLAGS, &ifr));
	ASSERT_EQ(0, link_get(DEV, &self->link));
	EXPECT_TRUE(self->link.flags & IFF_UP);
}

TEST_F(open, every_unit_has_a_node_and_opens)
{
	int unit, count = units();
	char dev[32];

	ASSERT_LT(0, count);
	for (unit = 1; unit < count; unit++)
		unit_take(unit, O_RDWR);
	for (unit = 1; unit < count; unit++) {
		snprintf(dev, sizeof(dev), "bsdtun%d", unit);
		EXPECT_EQ(0, link_del(dev)) TH_LOG("%s", dev);
	}
}

TEST_F(open, unit_without_a_node_is_ENOENT)
{
	static const int beyond[] = { 0, 1, 100, 3000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(beyond); i++) {
		EXPECT_EQ(-1, unit_open(units() + beyond[i], O_RDWR));
		EXPECT_EQ(ENOENT, errno);
	}
}

TEST_F(open, node_is_a_character_device_of_mode_0600)
{
	struct stat st;

	ASSERT_EQ(0, stat("/dev/" DEV, &st));
	EXPECT_EQ(S_IFCHR | 0600, (int)st.st_mode);
}

TEST_F(open, device_number_leads_to_the_name_in_sysfs)
{
	char path[64], text[256];
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/uevent", major(st.st_rdev),
		 minor(st.st_rdev));
	file_read(path, text, sizeof(text));
	EXPECT_NE(NULL, strstr(text, "DEVNAME=" DEV "\n"));
}

TEST_F(open, second_open_is_EBUSY)
{
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
}

TEST_F(open, read_only_and_write_only_opens_are_exclusive_too)
{
	EXPECT_EQ(-1, unit_open(0, O_RDONLY));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-1, unit_open(0, O_WRONLY));
	EXPECT_EQ(EBUSY, errno);
	close(self->fd);
	self->fd = unit_open(0, O_WRONLY);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
}

TEST_F(open, refused_open_changes_nothing)
{
	struct link link;

	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(self->link.index, link.index);
	EXPECT_TRUE(link.carrier);
	EXPECT_TRUE(link.flags & IFF_UP);
}

TEST_F(open, reopens_at_once_after_close)
{
	int i;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, close(self->fd));
		self->fd = unit_open(0, O_RDWR);
		ASSERT_LE(0, self->fd) TH_LOG("round %d: %s", i, strerror(errno));
	}
}

TEST_F(open, takes_up_the_kept_interface)
{
	struct link link;
	int mode = IFF_BROADCAST;

	ASSERT_EQ(0, link_set_mtu(DEV, 1280));
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFMODE, &mode));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(self->link.index, link.index);
	EXPECT_EQ(1280, link.mtu);
	EXPECT_EQ(IFF_BROADCAST, link.flags & (IFF_BROADCAST | IFF_POINTOPOINT | IFF_MULTICAST));
}

TEST_F(open, takes_up_the_kept_interface_under_a_new_name)
{
	struct link link;

	close(self->fd);
	ASSERT_EQ(0, link_rename(DEV, "office"));
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, link_index(DEV));
	ASSERT_EQ(0, link_get("office", &link));
	EXPECT_EQ(self->link.index, link.index);
	EXPECT_TRUE(link.carrier);
	EXPECT_EQ(0, link_del("office"));
}

TEST_F(open, name_of_another_interface_is_EEXIST)
{
	int fd;

	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	fd = unit_take(1, O_RDWR);
	ASSERT_EQ(0, link_rename("bsdtun1", DEV));
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EEXIST, errno);
	ASSERT_EQ(0, link_rename(DEV, "bsdtun1"));
	EXPECT_LE(0, unit_open(0, O_RDWR));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, link_del("bsdtun1"));
}

TEST_F(open, carrier_is_on_while_open)
{
	struct link link;

	EXPECT_TRUE(self->link.carrier);
	close(self->fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_FALSE(link.carrier);
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_TRUE(link.carrier);
}

TEST_F(open, interface_without_reader_is_up_without_carrier)
{
	struct link link;

	close(self->fd);
	ASSERT_EQ(0, link_up(DEV));
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(IFF_UP, link.flags & (IFF_UP | IFF_RUNNING));
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_TRUE(link.carrier);
	EXPECT_TRUE(link.flags & IFF_UP);
}

TEST_F(open, as_many_opens_as_queues_then_EBUSY)
{
	int fds[3], extra, i;

	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, link_add(DEV, "bsdtun", 3));
	for (i = 0; i < 3; i++) {
		fds[i] = unit_open(0, O_RDWR);
		ASSERT_LE(0, fds[i]) TH_LOG("open %d: %s", i, strerror(errno));
	}
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
	close(fds[1]);
	extra = unit_open(0, O_RDWR);
	EXPECT_LE(0, extra);
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
}

TEST_F(open, deleted_interface_is_made_anew_while_the_old_file_is_open)
{
	struct link link;
	int fd;

	ASSERT_EQ(0, link_del(DEV));
	fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_NE(self->link.index, link.index);
	close(self->fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_TRUE(link.carrier);
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
}

FIXTURE(close)
{
	int fd;
	int sock;
};

FIXTURE_SETUP(close)
{
	machine_setup(&self->fd, &self->sock);
}

FIXTURE_TEARDOWN(close)
{
	link_del(DEV);
}

TEST_F(close, takes_the_interface_down)
{
	struct link link;

	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_TRUE(link.flags & IFF_UP);
	close(self->fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_FALSE(link.flags & IFF_UP);
}

TEST_F(close, keeps_the_interface_and_its_mtu)
{
	struct link before, after;

	ASSERT_EQ(0, link_set_mtu(DEV, 9000));
	ASSERT_EQ(0, link_get(DEV, &before));
	close(self->fd);
	ASSERT_EQ(0, link_get(DEV, &after));
	EXPECT_EQ(before.index, after.index);
	EXPECT_EQ(9000, after.mtu);
}

TEST_F(close, keeps_ipv4_addresses)
{
	ASSERT_EQ(0, addr_add(DEV, "198.51.100.1", "198.51.100.2", 32));
	close(self->fd);
	EXPECT_EQ(2, addr_count(DEV, AF_INET));
}

TEST_F(close, deletes_ipv4_routes)
{
	ASSERT_EQ(0, route_add(DEV, "203.0.113.0", 24, THERE4));
	EXPECT_EQ(2, route_count(DEV, AF_INET));
	close(self->fd);
	EXPECT_EQ(0, route_count(DEV, AF_INET));
}

TEST_F(close, deletes_ipv6_addresses)
{
	machine_ipv6();
	EXPECT_EQ(1, addr_count(DEV, AF_INET6));
	close(self->fd);
	EXPECT_EQ(0, addr_count(DEV, AF_INET6));
}

TEST_F(close, deletes_ipv6_routes)
{
	machine_ipv6();
	ASSERT_EQ(0, route_add(DEV, "2001:db8:1::", 48, THERE6));
	EXPECT_EQ(0, system("ip -6 route show 2001:db8:1::/48 dev " DEV " | grep -q via"));
	close(self->fd);
	EXPECT_EQ(0, route_count(DEV, AF_INET6));
}

TEST_F(close, purges_the_queue)
{
	int ready;

	send_numbers(self->sock, 0, 3);
	close(self->fd);
	EXPECT_EQ(3, counter(DEV, "tx_dropped_purged"));
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_EQ(0, ioctl(self->fd, FIONREAD, &ready));
	EXPECT_EQ(0, ready);
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(close, af_word_ends_with_the_file)
{
	int value = 1;

	ASSERT_EQ(0, ioctl(self->fd, TUNSIFHEAD, &value));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, ioctl(self->fd, TUNGIFHEAD, &value));
	EXPECT_EQ(0, value);
	ASSERT_EQ(0, link_up(DEV));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(close, sockaddr_prefix_ends_with_the_file)
{
	int value = 1;

	ASSERT_EQ(0, ioctl(self->fd, TUNSLMODE, &value));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(close, transient_interface_goes)
{
	int value = 1;

	ASSERT_EQ(0, ioctl(self->fd, TUNSTRANSIENT, &value));
	EXPECT_NE(0, link_index(DEV));
	close(self->fd);
	EXPECT_EQ(0, link_index(DEV));
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, ioctl(self->fd, TUNGTRANSIENT, &value));
	EXPECT_EQ(0, value);
}

TEST_F(close, interface_no_longer_transient_stays)
{
	int on = 1, off = 0;

	ASSERT_EQ(0, ioctl(self->fd, TUNSTRANSIENT, &on));
	ASSERT_EQ(0, ioctl(self->fd, TUNSTRANSIENT, &off));
	close(self->fd);
	EXPECT_NE(0, link_index(DEV));
}

TEST_F(close, transient_interface_of_two_queues_goes_with_the_last)
{
	int fds[2], value = 1;

	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, link_add(DEV, "bsdtun", 2));
	fds[0] = unit_open(0, O_RDWR);
	fds[1] = unit_open(0, O_RDWR);
	ASSERT_EQ(0, ioctl(fds[0], TUNSTRANSIENT, &value));
	close(fds[0]);
	EXPECT_NE(0, link_index(DEV));
	close(fds[1]);
	EXPECT_EQ(0, link_index(DEV));
}

TEST_F(close, first_of_two_leaves_the_interface_up)
{
	struct link link;
	int fds[2];

	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, link_add(DEV, "bsdtun", 2));
	fds[0] = unit_open(0, O_RDWR | O_NONBLOCK);
	fds[1] = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, addr_add(DEV, HERE4, NULL, 24));
	ASSERT_EQ(0, link_up(DEV));
	close(fds[0]);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_TRUE(link.flags & IFF_UP);
	EXPECT_TRUE(link.carrier);
	/* Whatever queue the flow had: there is one now. */
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(fds[1], 0));
}

TEST_F(close, duplicate_keeps_it_open)
{
	int fd = dup(self->fd);
	struct link link;

	close(self->fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_TRUE(link.flags & IFF_UP);
	EXPECT_TRUE(link.carrier);
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(fd, 0));
	close(fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_FALSE(link.flags & IFF_UP);
}

TEST_F(close, forked_child_keeps_it_open)
{
	struct sleeper child;
	struct result result;
	struct link link;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR));
	sleeper_start(&child, read, self->fd);
	close(self->fd);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_TRUE(link.flags & IFF_UP);
	EXPECT_TRUE(link.carrier);
	send_numbers(self->sock, 7, 1);
	sleeper_result(&child, &result);
	EXPECT_EQ(UDP4_HEADERS + 4, result.ret);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_FALSE(link.flags & IFF_UP);
}

static ssize_t receive_fd_and_read(int sock, void *buf, size_t len)
{
	int fd;

	netns_enter();
	fd = file_receive(sock);
	return fd < 0 ? -1 : read(fd, buf, len);
}

TEST_F(close, by_the_opener_changes_nothing_for_who_was_passed_the_file)
{
	struct sleeper child;
	struct result result;
	struct link link;
	int ends[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR));
	/* The child inherits nothing but the socket. */
	close(self->fd);
	sleeper_start(&child, receive_fd_and_read, ends[1]);
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	file_send(ends[0], self->fd);
	close(self->fd);

	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_TRUE(link.flags & IFF_UP);
	EXPECT_TRUE(link.carrier);
	EXPECT_EQ(1, addr_count(DEV, AF_INET));
	EXPECT_EQ(1, route_count(DEV, AF_INET));
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
	send_numbers(self->sock, 7, 1);
	sleeper_result(&child, &result);
	EXPECT_EQ(UDP4_HEADERS + 4, result.ret);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_FALSE(link.flags & IFF_UP);
}

TEST_F(close, comes_with_the_death_of_the_process)
{
	struct sleeper child;
	struct link link;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR));
	sleeper_start(&child, read, self->fd);
	close(self->fd);
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
	kill(child.pid, SIGKILL);
	waitpid(child.pid, NULL, 0);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_FALSE(link.flags & IFF_UP);
	EXPECT_LE(0, unit_open(0, O_RDWR));
}

TEST_HARNESS_MAIN
