// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The ring between the stack and the reader, and the qdisc in front of it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/bsdtun.h>
#include <linux/if_ether.h>

#include "kselftest_harness.h"
#include "util.h"

#define RING	16
#define LONGER	60	/* and still within what the queue's limit allows */
#define BACKLOG	300	/* packets sent while nobody reads */
#define LIMIT	5000	/* of the qdisc: more than any test sends */

FIXTURE(queue)
{
	int fd;
	int sock;
};

FIXTURE_VARIANT(queue)
{
	const char *qdisc;
};

FIXTURE_VARIANT_ADD(queue, pfifo)
{
	.qdisc = "pfifo",
};

FIXTURE_VARIANT_ADD(queue, fq_codel)
{
	.qdisc = "fq_codel",
};

FIXTURE_SETUP(queue)
{
	machine_setup(&self->fd, &self->sock);
	ASSERT_EQ(0, qdisc_set(DEV, variant->qdisc, LIMIT));
	ASSERT_EQ(0, link_set_txqlen(DEV, RING));
}

FIXTURE_TEARDOWN(queue)
{
	link_del(DEV);
}

/* Packets that the ring has been given, and that the driver has dropped. */
static int tx_packets(void)
{
	struct link link;

	return link_get(DEV, &link) ? -1 : (int)link.stats.tx_packets;
}

static int tx_dropped(void)
{
	struct link link;

	return link_get(DEV, &link) ? -1 : (int)link.stats.tx_dropped;
}

static bool idle(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return !poll(&pfd, 1, 0);
}

/* The next packets hold these numbers, in this order. Returns how many do. */
static int in_order(int fd, int first, int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (wait_number(fd, 0) != first + i)
			break;
	return i;
}

TEST_F(queue, ring_holds_txqueuelen_packets)
{
	send_numbers(self->sock, 0, BACKLOG);
	EXPECT_EQ(RING, tx_packets());
	EXPECT_EQ(0, tx_dropped());
}

TEST_F(queue, more_than_the_ring_holds_is_neither_lost_nor_reordered)
{
	send_numbers(self->sock, 0, BACKLOG);
	EXPECT_EQ(BACKLOG, in_order(self->fd, 0, BACKLOG));
	EXPECT_TRUE(idle(self->fd));
	EXPECT_EQ(BACKLOG, tx_packets());
	EXPECT_EQ(0, tx_dropped());
}

TEST_F(queue, goes_on_after_it_was_full)
{
	int round;

	for (round = 0; round < 5; round++) {
		send_numbers(self->sock, 0, RING + round);
		ASSERT_EQ(RING + round, in_order(self->fd, 0, RING + round));
		ASSERT_TRUE(idle(self->fd));
	}
	EXPECT_EQ(0, tx_dropped());
}

TEST_F(queue, keeps_up_with_a_reader_at_the_brink)
{
	const int count = 2000;

	/* Always full, always just being emptied */
	ASSERT_EQ(0, link_set_txqlen(DEV, 2));
	if (!fork()) {
		send_numbers(self->sock, 0, count);
		_exit(0);
	}
	EXPECT_EQ(count, in_order(self->fd, 0, count));
	EXPECT_TRUE(idle(self->fd));
	EXPECT_EQ(0, tx_dropped());
}

TEST_F(queue, close_while_full_does_not_leave_it_stopped)
{
	send_numbers(self->sock, 0, BACKLOG);
	close(self->fd);
	EXPECT_EQ(RING, counter(DEV, "tx_dropped_purged"));
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_TRUE(idle(self->fd));
	send_numbers(self->sock, 1000, BACKLOG);
	EXPECT_EQ(BACKLOG, in_order(self->fd, 1000, BACKLOG));
}

TEST_F(queue, down_while_full_does_not_leave_it_stopped)
{
	send_numbers(self->sock, 0, BACKLOG);
	ASSERT_EQ(0, link_down(DEV));
	EXPECT_EQ(RING, counter(DEV, "tx_dropped_purged"));
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_TRUE(idle(self->fd));
	send_numbers(self->sock, 1000, BACKLOG);
	EXPECT_EQ(BACKLOG, in_order(self->fd, 1000, BACKLOG));
}

TEST_F(queue, delete_while_full_leaves_the_unit_usable)
{
	int fd;

	send_numbers(self->sock, 0, BACKLOG);
	ASSERT_EQ(0, link_del(DEV));
	fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, addr_add(DEV, HERE4, NULL, 24));
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_TRUE(idle(fd));
	send_numbers(self->sock, 1000, 10);
	EXPECT_EQ(10, in_order(fd, 1000, 10));
}

/* What the old qdisc held it took with it. */
TEST_F(queue, new_qdisc_while_full_does_not_leave_it_stopped)
{
	const char *other = strcmp(variant->qdisc, "pfifo") ? "pfifo" : "fq_codel";

	send_numbers(self->sock, 0, BACKLOG);
	ASSERT_EQ(0, qdisc_set(DEV, other, LIMIT));
	EXPECT_EQ(RING, in_order(self->fd, 0, RING));
	send_numbers(self->sock, 1000, BACKLOG);
	EXPECT_EQ(BACKLOG, in_order(self->fd, 1000, BACKLOG));
}

/* The kernel itself empties the qdisc whenever txqueuelen changes. What is in the
 * ring stays; numbers from 1000 on are of packets that were sent afterwards.
 */
TEST_F(queue, longer_ring_keeps_what_it_holds_and_takes_more)
{
	send_numbers(self->sock, 0, RING);
	ASSERT_EQ(0, link_set_txqlen(DEV, LONGER));
	send_numbers(self->sock, RING, BACKLOG - RING);
	EXPECT_EQ(LONGER, tx_packets());
	EXPECT_EQ(BACKLOG, in_order(self->fd, 0, BACKLOG));
	EXPECT_TRUE(idle(self->fd));
	EXPECT_EQ(0, tx_dropped());
}

TEST_F(queue, shorter_ring_keeps_what_it_holds)
{
	ASSERT_EQ(0, link_set_txqlen(DEV, LONGER));
	send_numbers(self->sock, 0, LONGER);
	ASSERT_EQ(0, link_set_txqlen(DEV, 4));
	EXPECT_EQ(LONGER, in_order(self->fd, 0, LONGER));
	EXPECT_TRUE(idle(self->fd));
	EXPECT_EQ(0, tx_dropped());
	/* Empty, it can become as short as it is told to. */
	ASSERT_EQ(0, link_set_txqlen(DEV, 5));
	send_numbers(self->sock, 0, BACKLOG);
	EXPECT_EQ(LONGER + 5, tx_packets());
	EXPECT_EQ(BACKLOG, in_order(self->fd, 0, BACKLOG));
}

TEST_F(queue, resize_while_full_does_not_leave_it_stopped)
{
	static const int lens[] = { 100, 3, 1, 200, 50 };
	long number;
	size_t i;
	int next;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		send_numbers(self->sock, 0, BACKLOG);
		ASSERT_EQ(0, link_set_txqlen(DEV, lens[i]));
		send_numbers(self->sock, 1000, BACKLOG);
		next = 0;
		do {
			number = wait_number(self->fd, 0);
			ASSERT_LE(next, number) TH_LOG("with %d", lens[i]);
			next = number + 1;
		} while (next < 1000 + BACKLOG);
		EXPECT_TRUE(idle(self->fd));
	}
	EXPECT_EQ(0, counter(DEV, "tx_dropped_purged"));
	EXPECT_EQ(0, counter(DEV, "tx_dropped_full"));
}

TEST_F(queue, resize_amid_traffic_keeps_what_the_ring_holds_in_order)
{
	const int count = 2000;
	long number, last = -1;
	pid_t sender, resizer;
	struct link link;
	int len, seen = 0;

	resizer = fork();
	if (!resizer) {
		for (len = 0; !link_set_txqlen(DEV, RING + 1 + len); len = (len + 7) % 40)
			poll(NULL, 0, 1);
		_exit(1);
	}
	do {
		ASSERT_EQ(0, link_get(DEV, &link));
	} while (link.txqlen == RING);
	sender = fork();
	if (!sender) {
		send_numbers(self->sock, 0, count);
		_exit(0);
	}
	/* When both are done, one more packet tells that all have come. */
	while (last < count) {
		if (resizer && waitpid(sender, NULL, WNOHANG) == sender) {
			EXPECT_EQ(0, waitpid(resizer, NULL, WNOHANG));
			kill(resizer, SIGKILL);
			waitpid(resizer, NULL, 0);
			resizer = 0;
			send_numbers(self->sock, count, 1);
		}
		number = resizer ? read_number(self->fd, 0) : wait_number(self->fd, 0);
		if (resizer && number == -EAGAIN)
			continue;
		ASSERT_LT(last, number);
		last = number;
		seen++;
	}
	EXPECT_EQ(seen, tx_packets());
	EXPECT_EQ(0, counter(DEV, "tx_dropped_purged"));
	EXPECT_EQ(0, counter(DEV, "tx_dropped_full"));
}

TEST_F(queue, qdisc_decides_what_is_lost)
{
	ASSERT_EQ(0, qdisc_set(DEV, "pfifo", 10));
	send_numbers(self->sock, 0, 50);
	EXPECT_EQ(RING + 10, in_order(self->fd, 0, RING + 10));
	EXPECT_TRUE(idle(self->fd));
	EXPECT_EQ(0, tx_dropped());
	send_numbers(self->sock, 1000, RING);
	EXPECT_EQ(RING, in_order(self->fd, 1000, RING));
}

FIXTURE(txqueuelen)
{
	int fd;
	int sock;
};

FIXTURE_VARIANT(txqueuelen)
{
	int len;
	int ring;
};

FIXTURE_VARIANT_ADD(txqueuelen, 0)
{
	.len = 0, .ring = 1,
};

FIXTURE_VARIANT_ADD(txqueuelen, 1)
{
	.len = 1, .ring = 1,
};

FIXTURE_VARIANT_ADD(txqueuelen, 2)
{
	.len = 2, .ring = 2,
};

FIXTURE_VARIANT_ADD(txqueuelen, 3)
{
	.len = 3, .ring = 3,
};

FIXTURE_VARIANT_ADD(txqueuelen, 31)
{
	.len = 31, .ring = 31,
};

FIXTURE_VARIANT_ADD(txqueuelen, 500)
{
	.len = 500, .ring = 500,
};

FIXTURE_VARIANT_ADD(txqueuelen, 32767)
{
	.len = 32767, .ring = 32767,
};

FIXTURE_SETUP(txqueuelen)
{
	machine_setup(&self->fd, &self->sock);
	/* Of a qdisc's packets the queue's limit lets fewer into a long one. */
	ASSERT_EQ(0, qdisc_set(DEV, "noqueue", 0));
	ASSERT_EQ(0, link_set_txqlen(DEV, variant->len));
}

FIXTURE_TEARDOWN(txqueuelen)
{
	link_del(DEV);
}

/* Sends more than most rings hold, and reads what did not get lost. */
static void fill_and_drain(struct __test_metadata *_metadata, int fd, int sock, int ring)
{
	const int count = 600, held = ring < count ? ring : count;

	send_numbers(sock, 0, count);
	EXPECT_EQ(held, tx_packets());
	EXPECT_EQ(count - held, counter(DEV, "tx_dropped_full"));
	EXPECT_EQ(held, in_order(fd, 0, held));
	EXPECT_TRUE(idle(fd));
}

TEST_F(txqueuelen, is_the_rings_size)
{
	struct link link;

	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(variant->len, link.txqlen);
	fill_and_drain(_metadata, self->fd, self->sock, variant->ring);
}

TEST_F(txqueuelen, is_the_rings_size_for_who_opens_next)
{
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	fill_and_drain(_metadata, self->fd, self->sock, variant->ring);
}

/* Byte queue limits, which count packets here */
#define LIMITS		"/sys/class/net/" DEV "/queues/tx-0/byte_queue_limits/"

/* A numbered packet in a batch */
#define FRAME		((ssize_t)(sizeof(struct tun_batch_hdr) + UDP4_HEADERS + sizeof(uint32_t)))

FIXTURE(limit)
{
	int fd;
	int sock;
	int held;	/* packets in the ring */
};

static int limits(const char *which)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), LIMITS "%s", which);
	file_read(path, text, sizeof(text));
	return atoi(text);
}

FIXTURE_SETUP(limit)
{
	machine_setup(&self->fd, &self->sock);
	sysfs_mount();
	ASSERT_EQ(0, qdisc_set(DEV, "pfifo", LIMIT));
	send_numbers(self->sock, 0, BACKLOG);
	self->held = tx_packets();
	/* The one that reaches the limit still goes in. */
	ASSERT_EQ(limits("limit_min") + 1, self->held);
	ASSERT_EQ(self->held, limits("inflight"));
}

FIXTURE_TEARDOWN(limit)
{
	link_del(DEV);
}

/* The limit is another by now perhaps, but there is one, and it stops nothing. */
static void goes_on(struct __test_metadata *_metadata, int fd, int sock)
{
	int before;

	EXPECT_TRUE(idle(fd));
	before = tx_packets();
	send_numbers(sock, 1000, BACKLOG);
	EXPECT_GT(before + BACKLOG, tx_packets());
	EXPECT_EQ(BACKLOG, in_order(fd, 1000, BACKLOG));
	EXPECT_TRUE(idle(fd));
}

TEST_F(limit, keeps_the_rest_in_the_qdisc)
{
	EXPECT_EQ(BACKLOG, in_order(self->fd, 0, BACKLOG));
	goes_on(_metadata, self->fd, self->sock);
	EXPECT_EQ(0, tx_dropped());
}

TEST_F(limit, of_packets_that_are_read_in_batches)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	char buf[ROOM];
	ssize_t total;

	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 1));
	/* The qdisc may run as late as its softirq does. */
	for (total = 0; total < BACKLOG * FRAME; total += read(self->fd, buf, sizeof(buf)))
		ASSERT_EQ(1, poll(&pfd, 1, PATIENCE));
	EXPECT_TRUE(idle(self->fd));
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 0));
	EXPECT_EQ(BACKLOG, tx_packets());
	EXPECT_EQ(0, tx_dropped());
	goes_on(_metadata, self->fd, self->sock);
}

/* Sets the limit, which holds from the next completion on. */
static void may_be(struct __test_metadata *_metadata, int fd, int sock, const char *limit)
{
	int sent, i;

	ASSERT_EQ(0, file_write(LIMITS "limit_min", limit));
	ASSERT_EQ(0, file_write(LIMITS "limit_max", limit));
	EXPECT_EQ(BACKLOG, in_order(fd, 0, BACKLOG));
	EXPECT_TRUE(idle(fd));
	/* Some that were read may be charged still. */
	sent = BACKLOG - limits("inflight") + atoi(limit) + 1;
	send_numbers(sock, 1000, BACKLOG);
	/* Where the qdisc still runs on the other processor it is that one which sends. */
	for (i = 0; i < PATIENCE && tx_packets() != sent; i++)
		usleep(1000);
	EXPECT_EQ(sent, tx_packets());
	EXPECT_EQ(BACKLOG, in_order(fd, 1000, BACKLOG));
	EXPECT_TRUE(idle(fd));
}

/* Fewer than the ring keeps of its slots before it gives them back */
TEST_F(limit, may_be_low)
{
	may_be(_metadata, self->fd, self->sock, "2");
}

TEST_F(limit, may_be_none_beyond_one_packet)
{
	may_be(_metadata, self->fd, self->sock, "0");
}

TEST_F(limit, may_be_high)
{
	may_be(_metadata, self->fd, self->sock, "200");
}

/* A number that is written holds from the next completion on, and the queue was stopped
 * by the one before: the ring may be empty in between, with any number of slots kept.
 */
TEST_F(limit, raised_while_it_stops_the_queue_stops_it_no_longer)
{
	const int count = 20;
	int i;

	ASSERT_EQ(0, file_write(LIMITS "limit_min", "0"));
	EXPECT_EQ(BACKLOG, in_order(self->fd, 0, BACKLOG));
	for (i = 0; i < count; i++) {
		ASSERT_EQ(0, file_write(LIMITS "limit_max", "5"));
		send_numbers(self->sock, 0, count + i);
		ASSERT_EQ(count + i, in_order(self->fd, 0, count + i));
		send_numbers(self->sock, 0, count);
		ASSERT_EQ(0, file_write(LIMITS "limit_max", "1000"));
		ASSERT_EQ(0, file_write(LIMITS "limit", "1000"));
		ASSERT_EQ(count, in_order(self->fd, 0, count)) TH_LOG("round %d", i);
	}
}

TEST_F(limit, does_not_outlive_a_close)
{
	close(self->fd);
	EXPECT_EQ(self->held, counter(DEV, "tx_dropped_purged"));
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	goes_on(_metadata, self->fd, self->sock);
}

TEST_F(limit, does_not_outlive_down)
{
	ASSERT_EQ(0, link_down(DEV));
	EXPECT_EQ(self->held, counter(DEV, "tx_dropped_purged"));
	ASSERT_EQ(0, link_up(DEV));
	goes_on(_metadata, self->fd, self->sock);
}

/* What is in the ring stays, and what was in the qdisc some kernels drop. */
TEST_F(limit, does_not_outlive_another_ring)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };

	ASSERT_EQ(0, link_set_txqlen(DEV, RING));
	EXPECT_EQ(self->held, in_order(self->fd, 0, self->held));
	while (poll(&pfd, 1, 1000))
		read_number(self->fd, 0);
	goes_on(_metadata, self->fd, self->sock);
}

/* Those behind a packet that a fault strikes go back. */
TEST_F(limit, holds_for_packets_that_go_back)
{
	char first[FRAME];
	void *bad = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov[] = { { first, sizeof(first) }, { bad, ROOM } };

	ASSERT_NE(MAP_FAILED, bad);
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 1));
	EXPECT_EQ(FRAME, readv(self->fd, iov, 2));
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 0));
	EXPECT_EQ(1, counter(DEV, "tx_dropped_fault"));
	EXPECT_EQ(BACKLOG - 2, in_order(self->fd, 2, BACKLOG - 2));
	goes_on(_metadata, self->fd, self->sock);
	munmap(bad, ROOM);
}

TEST_F(limit, does_not_outlive_packets_that_a_change_of_framing_drops)
{
	char packet[40] = { 0x60 };
	int i, packets;

	EXPECT_EQ(BACKLOG, in_order(self->fd, 0, BACKLOG));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	packets = packet_socket(DEV);
	for (i = 0; i < self->held; i++)
		packet_send(packets, DEV, ETH_P_IPV6, packet, sizeof(packet));
	close(packets);
	ASSERT_EQ(BACKLOG + self->held, tx_packets());
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	EXPECT_EQ(self->held, counter(DEV, "tx_dropped_purged"));
	goes_on(_metadata, self->fd, self->sock);
}

TEST_F(limit, does_not_outlive_its_qdisc)
{
	ASSERT_EQ(0, qdisc_set(DEV, "noqueue", 0));
	EXPECT_EQ(self->held, in_order(self->fd, 0, self->held));
	send_numbers(self->sock, 1000, BACKLOG);
	EXPECT_EQ(self->held + BACKLOG, tx_packets());
	EXPECT_EQ(BACKLOG, in_order(self->fd, 1000, BACKLOG));
	ASSERT_EQ(0, qdisc_set(DEV, "pfifo", LIMIT));
	goes_on(_metadata, self->fd, self->sock);
}

FIXTURE(noqueue)
{
	int fd;
	int sock;
	int kmsg;
};

FIXTURE_SETUP(noqueue)
{
	machine_setup(&self->fd, &self->sock);
	ASSERT_EQ(0, qdisc_set(DEV, "noqueue", 0));
	ASSERT_EQ(0, link_set_txqlen(DEV, RING));
	self->kmsg = kmsg_open();
}

FIXTURE_TEARDOWN(noqueue)
{
	link_del(DEV);
	/* What the stack logs of a driver that asks it to queue without a qdisc */
	EXPECT_EQ(0, kmsg_count(self->kmsg, "asks to queue packet"));
}

TEST_F(noqueue, full_ring_drops_and_counts)
{
	send_numbers(self->sock, 0, BACKLOG);
	EXPECT_EQ(RING, tx_packets());
	EXPECT_EQ(BACKLOG - RING, counter(DEV, "tx_dropped_full"));
	EXPECT_EQ(BACKLOG - RING, tx_dropped());
	EXPECT_EQ(RING, in_order(self->fd, 0, RING));
	EXPECT_TRUE(idle(self->fd));
}

TEST_F(noqueue, goes_on_after_it_was_full)
{
	int round;

	for (round = 0; round < 5; round++) {
		send_numbers(self->sock, 1000 * round, 2 * RING);
		ASSERT_EQ(RING, in_order(self->fd, 1000 * round, RING));
		ASSERT_TRUE(idle(self->fd));
	}
}

TEST_F(noqueue, goes_on_after_close_while_full)
{
	send_numbers(self->sock, 0, BACKLOG);
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	send_numbers(self->sock, 1000, RING);
	EXPECT_EQ(RING, in_order(self->fd, 1000, RING));
}

TEST_F(noqueue, goes_on_after_down_while_full)
{
	send_numbers(self->sock, 0, BACKLOG);
	ASSERT_EQ(0, link_down(DEV));
	ASSERT_EQ(0, link_up(DEV));
	send_numbers(self->sock, 1000, RING);
	EXPECT_EQ(RING, in_order(self->fd, 1000, RING));
}

TEST_F(noqueue, longer_ring_takes_more)
{
	send_numbers(self->sock, 0, BACKLOG);
	ASSERT_EQ(0, link_set_txqlen(DEV, RING + 5));
	send_numbers(self->sock, 1000, BACKLOG);
	EXPECT_EQ(RING, in_order(self->fd, 0, RING));
	EXPECT_EQ(5, in_order(self->fd, 1000, 5));
	EXPECT_TRUE(idle(self->fd));
}

TEST_F(noqueue, shorter_ring_loses_nothing)
{
	send_numbers(self->sock, 0, RING);
	ASSERT_EQ(0, link_set_txqlen(DEV, 2));
	EXPECT_EQ(RING, in_order(self->fd, 0, RING));
	EXPECT_EQ(0, tx_dropped());
}

TEST_F(noqueue, qdisc_taken_away_while_full_does_not_leave_it_stopped)
{
	ASSERT_EQ(0, qdisc_set(DEV, "pfifo", LIMIT));
	send_numbers(self->sock, 0, BACKLOG);
	ASSERT_EQ(0, qdisc_set(DEV, "noqueue", 0));
	EXPECT_EQ(RING, in_order(self->fd, 0, RING));
	send_numbers(self->sock, 1000, RING);
	EXPECT_EQ(RING, in_order(self->fd, 1000, RING));
}

/* More than one queue */

#define FLOWS	32
#define EACH	8	/* packets of a flow */

FIXTURE(queues)
{
	int fds[2];
};

FIXTURE_SETUP(queues)
{
	int i;

	netns_enter();
	/* Waits, too, until the unit is free. */
	close(unit_take(0, O_RDWR));
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, link_add(DEV, "bsdtun", 2));
	ASSERT_EQ(0, addr_add(DEV, HERE4, NULL, 24));
	/* fq_codel drops nothing while less than an MTU waits, however slow the machine. */
	ASSERT_EQ(0, link_set_mtu(DEV, 65535));
	for (i = 0; i < 2; i++) {
		self->fds[i] = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, self->fds[i]);
	}
	ASSERT_EQ(0, link_up(DEV));
}

FIXTURE_TEARDOWN(queues)
{
	link_del(DEV);
}

/* From first on, EACH numbers a flow, those of a flow in order */
static void send_flows(int first, bool connected)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int flow, i, socks[FLOWS];
	uint32_t number;

	inet_pton(AF_INET, THERE4, &there.sin_addr);
	for (flow = 0; flow < FLOWS; flow++) {
		socks[flow] = socket(AF_INET, SOCK_DGRAM, 0);
		if (connected)
			connect(socks[flow], (void *)&there, sizeof(there));
	}
	for (i = 0; i < EACH; i++) {
		for (flow = 0; flow < FLOWS; flow++) {
			number = htonl(first + flow * EACH + i);
			sendto(socks[flow], &number, sizeof(number), 0,
			       connected ? NULL : (void *)&there, connected ? 0 : sizeof(there));
		}
	}
	for (flow = 0; flow < FLOWS; flow++)
		close(socks[flow]);
}

/* The next number that one of the queues has, as the qdisc may run as late as its
 * softirq does; -EAGAIN if none comes.
 */
static long next_number(struct _test_data_queues *self, const size_t prefixes[2], int *queue)
{
	struct pollfd pfds[2] = {
		{ .fd = self->fds[0], .events = POLLIN },
		{ .fd = self->fds[1], .events = POLLIN },
	};

	if (poll(pfds, 2, PATIENCE) <= 0)
		return -EAGAIN;
	*queue = !(pfds[0].revents & POLLIN);
	return read_number(self->fds[*queue], prefixes[*queue]);
}

static void expect_flows_spread(struct __test_metadata *_metadata, struct _test_data_queues *self)
{
	int seen[FLOWS] = { 0 }, queue_of[FLOWS], of_queue[2] = { 0 };
	static const size_t prefixes[2] = { 0, 0 };
	int queue, flow, total;
	long number;

	for (total = 0; total < FLOWS * EACH; total++) {
		number = next_number(self, prefixes, &queue);
		ASSERT_LE(0, number) TH_LOG("after %d", total);
		flow = number / EACH;
		ASSERT_LT(flow, FLOWS);
		if (!seen[flow])
			queue_of[flow] = queue;
		EXPECT_EQ(queue, queue_of[flow]);
		EXPECT_EQ(seen[flow], number % EACH);
		seen[flow]++;
		of_queue[queue]++;
	}
	EXPECT_TRUE(idle(self->fds[0]));
	EXPECT_TRUE(idle(self->fds[1]));
	EXPECT_LT(0, of_queue[0]);
	EXPECT_LT(0, of_queue[1]);
}

TEST_F(queues, flows_are_spread_and_each_keeps_its_queue_and_order)
{
	send_flows(0, false);
	expect_flows_spread(_metadata, self);
}

TEST_F(queues, flows_of_connected_sockets_are_spread_likewise)
{
	send_flows(0, true);
	expect_flows_spread(_metadata, self);
}

TEST_F(queues, framing_is_each_files_own)
{
	static const size_t prefixes[2] = { AF_WORD, 0 };
	int queue, value = 1, total;

	ASSERT_EQ(0, ioctl(self->fds[0], TUNSIFHEAD, &value));
	ASSERT_EQ(0, ioctl(self->fds[1], TUNGIFHEAD, &value));
	EXPECT_EQ(0, value);
	send_flows(0, false);
	for (total = 0; total < FLOWS * EACH; total++)
		ASSERT_LE(0, next_number(self, prefixes, &queue)) TH_LOG("after %d", total);
	EXPECT_TRUE(idle(self->fds[0]));
	EXPECT_TRUE(idle(self->fds[1]));
}

TEST_F(queues, all_flows_go_to_who_is_left)
{
	int closed, total;

	for (closed = 0; closed < 2; closed++) {
		close(self->fds[closed]);
		send_flows(0, false);
		for (total = 0; total < FLOWS * EACH; total++)
			ASSERT_LE(0, wait_number(self->fds[!closed], 0)) TH_LOG("after %d", total);
		EXPECT_TRUE(idle(self->fds[!closed]));
		EXPECT_EQ(0, counter(DEV, "tx_dropped_no_reader"));
		self->fds[closed] = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, self->fds[closed]);
	}
}

TEST_F(queues, close_of_a_full_one_does_not_stop_the_other)
{
	long number;

	ASSERT_EQ(0, link_set_txqlen(DEV, 4));
	send_flows(0, false);
	close(self->fds[0]);
	/* Of what waits before the ring that is no more some may come first. */
	send_flows(1000, false);
	do {
		number = wait_number(self->fds[1], 0);
	} while (number >= 0 && number < 1000);
	EXPECT_LE(1000, number);
}

/* What waited in the qdisc for the other is still read; the rest is counted. */
TEST_F(queues, close_of_one_loses_nothing_of_the_other)
{
	int i, seen = 0, lost = 0;

	ASSERT_EQ(0, link_set_txqlen(DEV, 4));
	send_flows(0, false);
	close(self->fds[1]);
	for (i = 0; i < PATIENCE / 10 && seen + lost < FLOWS * EACH; i++) {
		while (read_number(self->fds[0], 0) >= 0)
			seen++;
		lost = counter(DEV, "tx_dropped_purged") +
		       counter(DEV, "tx_dropped_no_reader");
		poll(NULL, 0, 10);
	}
	EXPECT_LT(4, seen);
	EXPECT_EQ(FLOWS * EACH, seen + lost);
}

TEST_F(queues, full_one_that_is_opened_again_is_not_left_stopped)
{
	int again, queue, first;
	long number;

	for (again = 0; again < 2; again++) {
		first = again * 2000;
		ASSERT_EQ(0, link_set_txqlen(DEV, 4 + again));
		send_flows(first, false);
		close(self->fds[again]);
		self->fds[again] = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, self->fds[again]);
		first += 1000;
		send_flows(first, false);
		for (queue = 0; queue < 2; queue++) {
			do {
				number = wait_number(self->fds[queue], 0);
			} while (number >= 0 && number < first);
			EXPECT_LE(first, number) TH_LOG("file %d after %d", queue, again);
		}
	}
}

TEST_HARNESS_MAIN
