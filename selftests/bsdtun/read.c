// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* read(2): what the IP stack sends to the interface, one packet a call. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define NUMBERED	(UDP4_HEADERS + 4)	/* length of send_numbers()' packets */

FIXTURE(read)
{
	int fd;
	int sock;
	unsigned char buf[ROOM];
};

FIXTURE_SETUP(read)
{
	machine_setup(&self->fd, &self->sock);
}

FIXTURE_TEARDOWN(read)
{
	link_del(DEV);
}

static int set_blocking(int fd)
{
	return fcntl(fd, F_SETFL, O_RDWR);
}

static int fionread(int fd)
{
	int value = -1;

	return ioctl(fd, FIONREAD, &value) ? -errno : value;
}

static int ifhead(int fd, int value)
{
	return ioctl(fd, TUNSIFHEAD, &value) ? -errno : 0;
}

TEST_F(read, returns_one_packet_a_call)
{
	send_numbers(self->sock, 0, 2);
	EXPECT_EQ(NUMBERED, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(NUMBERED, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(read, keeps_the_order)
{
	int i;

	send_numbers(self->sock, 0, 100);
	for (i = 0; i < 100; i++)
		ASSERT_EQ(i, read_number(self->fd, 0));
}

TEST_F(read, returns_the_packet_as_it_was_sent)
{
	unsigned char payload[1000];

	pattern(payload, sizeof(payload));
	ASSERT_EQ((ssize_t)sizeof(payload), send(self->sock, payload, sizeof(payload), 0));
	ASSERT_EQ(UDP4_HEADERS + 1000, read(self->fd, self->buf, ROOM));
	EXPECT_TRUE(packet_is_sound(self->buf, UDP4_HEADERS + 1000));
	EXPECT_EQ(0, memcmp(packet_payload(self->buf), payload, sizeof(payload)));
}

TEST_F(read, returns_65535_bytes)
{
	static unsigned char payload[65535 - UDP4_HEADERS];

	ASSERT_EQ(0, link_set_mtu(DEV, 65535));
	pattern(payload, sizeof(payload));
	ASSERT_EQ((ssize_t)sizeof(payload), send(self->sock, payload, sizeof(payload), 0));
	EXPECT_EQ(65535, fionread(self->fd));
	ASSERT_EQ(65535, read(self->fd, self->buf, ROOM));
	EXPECT_TRUE(packet_is_sound(self->buf, 65535));
	EXPECT_EQ(0, memcmp(packet_payload(self->buf), payload, sizeof(payload)));
}

TEST_F(read, short_buffer_gets_the_head_and_the_rest_is_dropped)
{
	unsigned char whole[NUMBERED];

	send_numbers(self->sock, 1, 1);
	ASSERT_EQ(NUMBERED, read(self->fd, whole, sizeof(whole)));
	send_numbers(self->sock, 1, 2);
	memset(self->buf, 0xa5, ROOM);
	EXPECT_EQ(12, read(self->fd, self->buf, 12));
	/* All but the IP identification, which differs, and the checksum. */
	EXPECT_EQ(0, memcmp(whole, self->buf, 4));
	EXPECT_EQ(0, memcmp(whole + 6, self->buf + 6, 4));
	EXPECT_EQ(0xa5, self->buf[12]);
	EXPECT_EQ(2, read_number(self->fd, 0));
}

TEST_F(read, of_one_byte_eats_one_packet)
{
	int i;

	send_numbers(self->sock, 0, 3);
	for (i = 0; i < 2; i++) {
		self->buf[0] = 0;
		ASSERT_EQ(1, read(self->fd, self->buf, 1));
		EXPECT_EQ(0x45, self->buf[0]);
	}
	EXPECT_EQ(2, read_number(self->fd, 0));
}

TEST_F(read, of_one_byte_of_the_af_word_eats_one_packet)
{
	int i;

	ASSERT_EQ(0, ifhead(self->fd, 1));
	send_numbers(self->sock, 0, 6);
	/* Inside the prefix, at its end and one byte beyond */
	for (i = 1; i <= 5; i++) {
		memset(self->buf, 0xa5, 8);
		ASSERT_EQ(i, read(self->fd, self->buf, i));
		EXPECT_EQ(0xa5, self->buf[i]);
	}
	EXPECT_EQ(5, read_number(self->fd, AF_WORD));
}

TEST_F(read, of_no_bytes_takes_nothing)
{
	struct iovec iov[2] = { { .iov_base = self->buf }, { .iov_base = self->buf } };

	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(0, read(self->fd, self->buf, 0));
	EXPECT_EQ(0, read(self->fd, NULL, 0));
	EXPECT_EQ(0, readv(self->fd, iov, 2));
	EXPECT_EQ(NUMBERED, fionread(self->fd));
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(read, of_no_bytes_does_not_wait)
{
	EXPECT_EQ(0, read(self->fd, self->buf, 0));
	ASSERT_EQ(0, set_blocking(self->fd));
	EXPECT_EQ(0, read(self->fd, self->buf, 0));
}

TEST_F(read, of_an_empty_queue_is_EAGAIN_when_opened_with_O_NONBLOCK)
{
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(read, of_an_empty_queue_is_EAGAIN_after_fcntl)
{
	close(self->fd);
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR | O_NONBLOCK));
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(read, of_an_empty_queue_is_EAGAIN_after_FIONBIO)
{
	struct sleeper reader;
	struct result result;
	int on = 1, off = 0;

	close(self->fd);
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	ASSERT_EQ(0, ioctl(self->fd, FIONBIO, &on));
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, ioctl(self->fd, FIONBIO, &off));
	sleeper_start(&reader, read, self->fd);
	send_numbers(self->sock, 7, 1);
	sleeper_result(&reader, &result);
	EXPECT_EQ(NUMBERED, result.ret);
}

TEST_F(read, of_an_empty_queue_is_EAGAIN_with_RWF_NOWAIT)
{
	struct iovec iov = { .iov_base = self->buf, .iov_len = ROOM };

	ASSERT_EQ(0, set_blocking(self->fd));
	EXPECT_EQ(-1, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(NUMBERED, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
}

TEST_F(read, sleeps_until_a_packet_comes)
{
	struct sleeper reader;
	struct result result;

	ASSERT_EQ(0, set_blocking(self->fd));
	sleeper_start(&reader, read, self->fd);
	EXPECT_FALSE(sleeper_done(&reader, 0));
	send_numbers(self->sock, 7, 1);
	sleeper_result(&reader, &result);
	EXPECT_EQ(NUMBERED, result.ret);
	EXPECT_TRUE(packet_is_sound(result.data, NUMBERED));
}

TEST_F(read, does_not_sleep_when_a_packet_waits)
{
	ASSERT_EQ(0, set_blocking(self->fd));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

/* A handler that tells the parent that it ran. */
static int handled;

static void on_signal(int signal)
{
	uint64_t one = 1;

	(void)signal;
	if (write(handled, &one, sizeof(one)) != sizeof(one))
		_exit(1);
}

static ssize_t read_interruptible(int fd, void *buf, size_t len)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	return read(fd, buf, len);
}

static ssize_t read_restartable(int fd, void *buf, size_t len)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaction(SIGUSR1, &action, NULL);
	return read(fd, buf, len);
}

TEST_F(read, interrupted_by_a_signal_is_EINTR)
{
	struct sleeper reader;
	struct result result;

	handled = eventfd(0, 0);
	ASSERT_EQ(0, set_blocking(self->fd));
	sleeper_start(&reader, read_interruptible, self->fd);
	ASSERT_EQ(0, kill(reader.pid, SIGUSR1));
	sleeper_result(&reader, &result);
	EXPECT_EQ(-1, result.ret);
	EXPECT_EQ(EINTR, result.err);
	/* No packet was lost to it. */
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(read, restarts_after_a_signal_with_SA_RESTART)
{
	struct sleeper reader;
	struct result result;
	uint64_t count;

	handled = eventfd(0, 0);
	ASSERT_EQ(0, set_blocking(self->fd));
	sleeper_start(&reader, read_restartable, self->fd);
	ASSERT_EQ(0, kill(reader.pid, SIGUSR1));
	ASSERT_EQ((ssize_t)sizeof(count), read(handled, &count, sizeof(count)));
	wait_asleep(reader.pid);
	EXPECT_FALSE(sleeper_done(&reader, 0));
	send_numbers(self->sock, 7, 1);
	sleeper_result(&reader, &result);
	EXPECT_EQ(NUMBERED, result.ret);
}

TEST_F(read, that_sleeps_can_be_killed)
{
	struct sleeper reader;
	int status;

	ASSERT_EQ(0, set_blocking(self->fd));
	sleeper_start(&reader, read, self->fd);
	ASSERT_EQ(0, kill(reader.pid, SIGKILL));
	ASSERT_EQ(reader.pid, waitpid(reader.pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(read, by_four_of_four_packets_gives_each_one)
{
	struct sleeper readers[4];
	struct result result;
	int i, seen = 0;

	ASSERT_EQ(0, set_blocking(self->fd));
	for (i = 0; i < 4; i++)
		sleeper_start(&readers[i], read, self->fd);
	send_numbers(self->sock, 0, 4);
	for (i = 0; i < 4; i++) {
		sleeper_result(&readers[i], &result);
		ASSERT_EQ(NUMBERED, result.ret);
		seen |= 1 << packet_number(result.data);
	}
	EXPECT_EQ(0xf, seen);
}

TEST_F(read, by_four_of_one_packet_wakes_one)
{
	struct sleeper readers[4];
	struct result result;
	long before[4], woken = 0;
	struct pollfd pfds[4];
	int i, done = 0;

	ASSERT_EQ(0, set_blocking(self->fd));
	for (i = 0; i < 4; i++) {
		sleeper_start(&readers[i], read, self->fd);
		before[i] = context_switches(readers[i].pid);
		pfds[i].fd = readers[i].pipe;
		pfds[i].events = POLLIN;
	}
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ(1, poll(pfds, 4, PATIENCE));
	for (i = 0; i < 4; i++) {
		if (pfds[i].revents) {
			sleeper_result(&readers[i], &result);
			EXPECT_EQ(NUMBERED, result.ret);
			done++;
			continue;
		}
		wait_asleep(readers[i].pid);
		woken += context_switches(readers[i].pid) != before[i];
	}
	EXPECT_EQ(1, done);
	EXPECT_EQ(0, woken);
}

TEST_F(read, never_misses_a_wakeup)
{
	const int rounds = 1000;
	int i, ends[2];
	char byte;

	ASSERT_EQ(0, set_blocking(self->fd));
	ASSERT_EQ(0, pipe(ends));
	if (!fork()) {
		for (i = 0; i < rounds; i++)
			if (read_number(self->fd, 0) != i || write(ends[1], "", 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	/* Each packet comes just as the reader lies down again. */
	for (i = 0; i < rounds; i++) {
		send_numbers(self->sock, i, 1);
		ASSERT_EQ(1, read(ends[0], &byte, 1)) TH_LOG("packet %d", i);
	}
}

TEST_F(read, into_many_iovecs_is_one_packet)
{
	unsigned char payload[1024 - UDP4_HEADERS];
	struct iovec iov[1024];
	int i;

	pattern(payload, sizeof(payload));
	ASSERT_EQ((ssize_t)sizeof(payload), send(self->sock, payload, sizeof(payload), 0));
	for (i = 0; i < 1024; i++) {
		iov[i].iov_base = self->buf + i;
		iov[i].iov_len = 1;
	}
	EXPECT_EQ(1024, readv(self->fd, iov, 1024));
	EXPECT_TRUE(packet_is_sound(self->buf, 1024));
	EXPECT_EQ(0, memcmp(packet_payload(self->buf), payload, sizeof(payload)));
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
}

TEST_F(read, puts_the_af_word_into_an_iovec_of_its_own)
{
	uint32_t word = 0;
	struct iovec iov[2] = {
		{ .iov_base = &word, .iov_len = sizeof(word) },
		{ .iov_base = self->buf, .iov_len = ROOM },
	};

	ASSERT_EQ(0, ifhead(self->fd, 1));
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(AF_WORD + NUMBERED, readv(self->fd, iov, 2));
	EXPECT_EQ((int)htonl(AF_INET), (int)word);
	EXPECT_TRUE(packet_is_sound(self->buf, NUMBERED));
}

TEST_F(read, splits_the_af_word_over_iovecs)
{
	struct iovec iov[3] = {
		{ .iov_base = self->buf, .iov_len = 1 },
		{ .iov_base = self->buf + 1, .iov_len = 2 },
		{ .iov_base = self->buf + 3, .iov_len = ROOM - 3 },
	};
	uint32_t word;

	ASSERT_EQ(0, ifhead(self->fd, 1));
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(AF_WORD + NUMBERED, readv(self->fd, iov, 3));
	memcpy(&word, self->buf, sizeof(word));
	EXPECT_EQ((int)htonl(AF_INET), (int)word);
	EXPECT_TRUE(packet_is_sound(self->buf + AF_WORD, NUMBERED));
}

TEST_F(read, into_a_bad_pointer_is_EFAULT_and_loses_one_packet)
{
	struct link before, after;

	send_numbers(self->sock, 0, 2);
	ASSERT_EQ(0, link_get(DEV, &before));
	EXPECT_EQ(-1, read(self->fd, before_hole(0), ROOM));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(1, read_number(self->fd, 0));
	ASSERT_EQ(0, link_get(DEV, &after));
	EXPECT_EQ(1, counter(DEV, "tx_dropped_fault"));
	EXPECT_EQ(before.stats.tx_dropped + 1, after.stats.tx_dropped);
}

TEST_F(read, into_a_buffer_with_a_hole_is_EFAULT_and_loses_one_packet)
{
	send_numbers(self->sock, 0, 2);
	EXPECT_EQ(-1, read(self->fd, before_hole(10), ROOM));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(1, read_number(self->fd, 0));
	EXPECT_EQ(1, counter(DEV, "tx_dropped_fault"));
}

TEST_F(read, does_not_touch_a_hole_behind_the_packet)
{
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(NUMBERED, read(self->fd, before_hole(NUMBERED), ROOM));
	EXPECT_EQ(0, counter(DEV, "tx_dropped_fault"));
}

TEST_F(read, of_an_interface_that_is_down_is_EAGAIN)
{
	ASSERT_EQ(0, link_down(DEV));
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(read, sleeps_through_down_and_up)
{
	struct sleeper reader;
	struct result result;

	ASSERT_EQ(0, set_blocking(self->fd));
	sleeper_start(&reader, read, self->fd);
	ASSERT_EQ(0, link_down(DEV));
	wait_asleep(reader.pid);
	EXPECT_FALSE(sleeper_done(&reader, 0));
	ASSERT_EQ(0, link_up(DEV));
	send_numbers(self->sock, 7, 1);
	sleeper_result(&reader, &result);
	EXPECT_EQ(NUMBERED, result.ret);
}

TEST_F(read, finds_nothing_after_down)
{
	struct link link;

	send_numbers(self->sock, 0, 3);
	ASSERT_EQ(0, link_down(DEV));
	EXPECT_EQ(0, fionread(self->fd));
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
	EXPECT_EQ(3, counter(DEV, "tx_dropped_purged"));
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(3, (int)link.stats.tx_dropped);
}

TEST_F(read, of_a_deleted_interface_is_EIO_for_ever)
{
	int i;

	send_numbers(self->sock, 0, 3);
	ASSERT_EQ(0, link_del(DEV));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
		EXPECT_EQ(EIO, errno);
	}
	ASSERT_EQ(0, set_blocking(self->fd));
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EIO, errno);
	/* An interface that comes after it is not this file's. */
	EXPECT_LE(0, unit_open(0, O_RDWR));
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EIO, errno);
}

TEST_F(read, of_no_bytes_of_a_deleted_interface_is_0)
{
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(0, read(self->fd, self->buf, 0));
}

TEST_F(read, that_sleeps_is_EIO_when_the_interface_is_deleted)
{
	struct sleeper readers[2];
	struct result result;
	int i;

	ASSERT_EQ(0, set_blocking(self->fd));
	for (i = 0; i < 2; i++)
		sleeper_start(&readers[i], read, self->fd);
	ASSERT_EQ(0, link_del(DEV));
	for (i = 0; i < 2; i++) {
		sleeper_result(&readers[i], &result);
		EXPECT_EQ(-1, result.ret);
		EXPECT_EQ(EIO, result.err);
	}
}

TEST_F(read, never_finds_ipv6_without_a_prefix)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	long long before, dropped;
	struct link link;
	int sock6 = machine_ipv6();

	before = counter(DEV, "tx_dropped_family");
	send_numbers(sock6, 0, 5);
	EXPECT_LE(before + 5, counter(DEV, "tx_dropped_family"));
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	EXPECT_EQ(0, fionread(self->fd));
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
	ASSERT_EQ(0, link_get(DEV, &link));
	dropped = link.stats.tx_dropped;
	EXPECT_LE(before + 5, dropped);
	EXPECT_EQ(0, (int)link.stats.tx_packets);
	/* It holds up nothing. */
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(read, never_finds_what_link_up_sends_without_a_prefix)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	int ms = 0;

	/* The kernel's own defaults: a link-local address, DAD and solicitations */
	ASSERT_EQ(0, link_down(DEV));
	ASSERT_EQ(0, file_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0"));
	ASSERT_EQ(0, file_write("/proc/sys/net/ipv6/conf/" DEV "/disable_ipv6", "0"));
	ASSERT_EQ(0, link_up(DEV));
	ASSERT_EQ(0, addr_add(DEV, HERE6, NULL, 64));
	do {
		EXPECT_EQ(0, poll(&pfd, 1, 10));
		ASSERT_LT(ms, PATIENCE);
		ms += 10;
	} while (counter(DEV, "tx_dropped_family") < 2);
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
}

TEST_F(read, never_finds_another_protocol)
{
	static const int ethertypes[] = { 0, ETH_P_ARP, ETH_P_MPLS_UC, ETH_P_8021Q, ETH_P_IPX,
					  ETH_P_ALL, 0xffff };
	int sock = packet_socket(DEV);
	size_t i, len;

	/* Too short, too, for any look at what they hold */
	memset(self->buf, 0x45, 64);
	for (i = 0; i < ARRAY_SIZE(ethertypes); i++)
		for (len = 1; len < 64; len *= 3)
			packet_send(sock, DEV, ethertypes[i], self->buf, len);
	EXPECT_EQ(0, fionread(self->fd));
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
	EXPECT_EQ(ARRAY_SIZE(ethertypes) * 4, (size_t)counter(DEV, "tx_dropped_family"));
}

TEST_F(read, returns_a_packet_of_one_byte)
{
	int sock = packet_socket(DEV);

	packet_send(sock, DEV, ETH_P_IP, "E", 1);
	EXPECT_EQ(1, fionread(self->fd));
	EXPECT_EQ(1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ('E', self->buf[0]);
}

TEST_F(read, finds_no_ipv6_after_the_prefix_was_turned_off)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	int sock6;

	ASSERT_EQ(0, ifhead(self->fd, 1));
	sock6 = machine_ipv6();
	send_numbers(sock6, 0, 1);
	send_numbers(self->sock, 1, 1);
	send_numbers(sock6, 2, 1);
	send_numbers(self->sock, 3, 1);
	EXPECT_EQ(0, counter(DEV, "tx_dropped_purged"));
	ASSERT_EQ(0, ifhead(self->fd, 0));
	EXPECT_LE(2, counter(DEV, "tx_dropped_purged"));
	EXPECT_EQ(NUMBERED, fionread(self->fd));
	EXPECT_EQ(1, read_number(self->fd, 0));
	EXPECT_EQ(3, read_number(self->fd, 0));
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
}

TEST_F(read, packets_and_bytes_are_counted_without_the_prefix)
{
	struct link link;

	send_numbers(self->sock, 0, 3);
	ASSERT_EQ(0, ifhead(self->fd, 1));
	send_numbers(self->sock, 0, 2);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(5, (int)link.stats.tx_packets);
	EXPECT_EQ(5 * NUMBERED, (int)link.stats.tx_bytes);
	EXPECT_EQ(0, (int)link.stats.tx_dropped);
	EXPECT_EQ(0, (int)link.stats.tx_errors);
}

TEST_F(read, returns_a_super_packet_of_the_sender_in_packets_of_its_size)
{
	static unsigned char payload[10000];
	int i, size = 1000;

	pattern(payload, sizeof(payload));
	ASSERT_EQ(0, setsockopt(self->sock, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)));
	/* Before that UDP makes none for an interface that adds no checksums. */
	if (kernel_before(6, 9)) {
		ASSERT_EQ(-1, send(self->sock, payload, sizeof(payload), 0));
		ASSERT_EQ(EIO, errno);
		return;
	}
	ASSERT_EQ((ssize_t)sizeof(payload), send(self->sock, payload, sizeof(payload), 0));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(UDP4_HEADERS + 1000, read(self->fd, self->buf, ROOM));
		EXPECT_TRUE(packet_is_sound(self->buf, UDP4_HEADERS + 1000));
		EXPECT_EQ(0, memcmp(packet_payload(self->buf), payload + i * 1000, 1000));
	}
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
}

TEST_F(read, later_leaves_the_sender_its_buffer)
{
	int pending = -1;

	send_numbers(self->sock, 0, 3);
	ASSERT_EQ(0, ioctl(self->sock, SIOCOUTQ, &pending));
	EXPECT_EQ(0, pending);
	EXPECT_EQ(0, read_number(self->fd, 0));
}

TEST_F(read, does_not_need_an_address)
{
	int sock;

	/* Unbound to any address, as a program that is IPv6-only would see it */
	close(self->sock);
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
	sock = packet_socket(DEV);
	packet_send(sock, DEV, ETH_P_IP, self->buf, 100);
	EXPECT_EQ(100, read(self->fd, self->buf, ROOM));
}

TEST_HARNESS_MAIN
