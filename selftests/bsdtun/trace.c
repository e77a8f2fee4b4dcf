// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Tracepoints: what becomes of a packet, and why one was lost. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define NUMBERED	(UDP4_HEADERS + 4)	/* length of send_numbers()' packets */
#define RING		4

static char line[512];

FIXTURE(trace)
{
	int fd;
	int sock;
};

FIXTURE_SETUP(trace)
{
	trace_start();
	trace_event("bsdtun");
	machine_setup(&self->fd, &self->sock);
}

FIXTURE_TEARDOWN(trace)
{
	link_del(DEV);
	trace_stop();
}

/* The address of the packet in the last line found. */
static const char *skb_in_line(void)
{
	static char skb[64];
	const char *at = strstr(line, "skbaddr=");

	snprintf(skb, sizeof(skb), "%.*s", at ? (int)strcspn(at, "\n ") : 0, at);
	return skb;
}

static bool find(const char *event, const char *text)
{
	return trace_find(event, text, line, sizeof(line));
}

TEST_F(trace, a_packet_that_is_read)
{
	send_numbers(self->sock, 0, 1);
	ASSERT_TRUE(find("bsdtun/bsdtun_enqueue", "unit=0 queue=0 skbaddr="));
	EXPECT_NE(NULL, strstr(line, "protocol=0x0800 len=32\n")) TH_LOG("%s", line);
	EXPECT_EQ(0, trace_count("bsdtun/bsdtun_dequeue", ""));
	ASSERT_EQ(0, read_number(self->fd, 0));
	EXPECT_EQ(1, trace_count("bsdtun/bsdtun_dequeue", skb_in_line()));
	ASSERT_TRUE(find("bsdtun/bsdtun_dequeue", "unit=0 queue=0 skbaddr="));
	EXPECT_NE(NULL, strstr(line, "protocol=0x0800 len=32\n")) TH_LOG("%s", line);
	EXPECT_EQ(0, trace_count("bsdtun/bsdtun_drop", ""));
}

TEST_F(trace, a_packet_that_is_written)
{
	unsigned char packet[128];
	ssize_t len = build_udp(AF_INET, packet, "trace", 5);

	ASSERT_EQ(len, write(self->fd, packet, len));
	EXPECT_EQ(1, trace_count("bsdtun/bsdtun_write", ""));
	ASSERT_TRUE(find("bsdtun/bsdtun_write", "unit=0 queue=0 skbaddr="));
	EXPECT_NE(NULL, strstr(line, "protocol=0x0800 len=33\n")) TH_LOG("%s", line);
}

TEST_F(trace, which_queue_a_packet_takes)
{
	int i, fds[3], queue, packets[3] = { 0 };
	char text[32];

	close(self->sock);
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, link_add(DEV, "bsdtun", ARRAY_SIZE(fds)));
	for (i = 0; i < (int)ARRAY_SIZE(fds); i++) {
		fds[i] = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, addr_add(DEV, HERE4, NULL, 24));
	ASSERT_EQ(0, link_up(DEV));
	self->sock = udp_socket(AF_INET);
	send_numbers(self->sock, 0, 1);
	for (queue = 0; queue < (int)ARRAY_SIZE(fds); queue++) {
		while (read_number(fds[queue], 0) >= 0)
			packets[queue]++;
		snprintf(text, sizeof(text), "unit=0 queue=%d ", queue);
		EXPECT_EQ(packets[queue], trace_count("bsdtun/bsdtun_enqueue", text));
		EXPECT_EQ(packets[queue], trace_count("bsdtun/bsdtun_dequeue", text));
		snprintf(text, sizeof(text), "unit=0 queue=%d\n", queue);
		/* Of queue 0 the one that the case began with, too */
		EXPECT_EQ(1 + !queue, trace_count("bsdtun/bsdtun_open", text));
	}
	EXPECT_EQ(1, packets[0] + packets[1] + packets[2]);
}

TEST_F(trace, open_and_close)
{
	int fd;

	EXPECT_EQ(1, trace_count("bsdtun/bsdtun_open", "unit=0 queue=0\n"));
	fd = unit_take(3, O_RDWR);
	EXPECT_EQ(1, trace_count("bsdtun/bsdtun_open", "unit=3 queue=0\n"));
	EXPECT_EQ(0, trace_count("bsdtun/bsdtun_close", ""));
	close(fd);
	EXPECT_EQ(1, trace_count("bsdtun/bsdtun_close", "unit=3 queue=0\n"));
	/* One that is refused is no open file. */
	ASSERT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(1, trace_count("bsdtun/bsdtun_open", "unit=0"));
	ASSERT_EQ(0, link_del("bsdtun3"));
}

TEST_F(trace, close_of_a_file_whose_interface_is_gone)
{
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(0, trace_count("bsdtun/bsdtun_close", ""));
	close(self->fd);
	EXPECT_EQ(1, trace_count("bsdtun/bsdtun_close", "unit=0 queue=0\n"));
}

/* The ways to lose a packet. */
static void lose_family(int fd, int sock)
{
	int packets = packet_socket(DEV);

	(void)fd;
	(void)sock;
	packet_send(packets, DEV, ETH_P_IPV6, "\x60", 40);
	close(packets);
}

static void lose_full(int fd, int sock)
{
	(void)fd;
	if (!qdisc_set(DEV, "noqueue", 0) && !link_set_txqlen(DEV, RING))
		send_numbers(sock, 0, RING + 1);
}

static void lose_purged(int fd, int sock)
{
	(void)fd;
	send_numbers(sock, 0, 1);
	link_down(DEV);
}

static void lose_framed(int fd, int sock)
{
	int on = 1, packets = packet_socket(DEV);

	(void)sock;
	ioctl(fd, TUNSIFHEAD, &on);
	packet_send(packets, DEV, ETH_P_IPV6, "\x60", 40);
	close(packets);
	on = 0;
	ioctl(fd, TUNSIFHEAD, &on);
}

static void lose_deleted(int fd, int sock)
{
	(void)fd;
	send_numbers(sock, 0, 1);
	link_del(DEV);
}

static void lose_tx_fault(int fd, int sock)
{
	send_numbers(sock, 0, 1);
	if (read(fd, before_hole(0), 128) != -1)
		abort();
}

static void lose_length(int fd, int sock)
{
	static const unsigned char packet[TUNMRU + 1] = { 0x45 };

	(void)sock;
	if (write(fd, packet, sizeof(packet)) != -1)
		abort();
}

static void lose_rx_family(int fd, int sock)
{
	(void)sock;
	if (write(fd, "P", 1) != -1)
		abort();
}

static void lose_header(int fd, int sock)
{
	static const struct tun_hdr vlan = { .th_flags = TUN_H_VTAG };
	unsigned char packet[sizeof(vlan) + 64];
	int none = 0;

	(void)sock;
	memcpy(packet, &vlan, sizeof(vlan));
	build_udp(AF_INET, packet + sizeof(vlan), "data", 4);
	ioctl(fd, TUNSCAP, &none);
	if (write(fd, packet, sizeof(packet)) != -1)
		abort();
}

static void lose_rx_fault(int fd, int sock)
{
	(void)sock;
	if (write(fd, before_hole(0), 128) != -1)
		abort();
}

static void lose_down(int fd, int sock)
{
	(void)sock;
	link_down(DEV);
	if (write(fd, "E", 1) != 1)
		abort();
}

FIXTURE(drop)
{
	int fd;
	int sock;
};

/* What the kernel calls it: in the driver's event, and in the kernel's own for the
 * packet, if there is one.
 */
FIXTURE_VARIANT(drop)
{
	void (*lose)(int fd, int sock);
	const char *cause;
	const char *reason, *old_reason;
	bool no_packet;
	bool gone;
};

FIXTURE_VARIANT_ADD(drop, family)
{
	.lose = lose_family, .cause = "tx_dropped_family", .reason = "UNHANDLED_PROTO",
};

FIXTURE_VARIANT_ADD(drop, full)
{
	.lose = lose_full, .cause = "tx_dropped_full", .reason = "FULL_RING",
};

FIXTURE_VARIANT_ADD(drop, purged)
{
	.lose = lose_purged, .cause = "tx_dropped_purged", .reason = "QUEUE_PURGE",
	.old_reason = "DEV_READY",
};

FIXTURE_VARIANT_ADD(drop, framed)
{
	.lose = lose_framed, .cause = "tx_dropped_purged", .reason = "QUEUE_PURGE",
	.old_reason = "DEV_READY",
};

FIXTURE_VARIANT_ADD(drop, deleted)
{
	.lose = lose_deleted, .cause = "tx_dropped_purged", .reason = "QUEUE_PURGE",
	.old_reason = "DEV_READY", .gone = true,
};

FIXTURE_VARIANT_ADD(drop, tx_fault)
{
	.lose = lose_tx_fault, .cause = "tx_dropped_fault", .reason = "SKB_UCOPY_FAULT",
};

FIXTURE_VARIANT_ADD(drop, length)
{
	.lose = lose_length, .cause = "rx_errors_length", .reason = "NOT_SPECIFIED",
	.no_packet = true,
};

FIXTURE_VARIANT_ADD(drop, rx_family)
{
	.lose = lose_rx_family, .cause = "rx_errors_family", .reason = "UNHANDLED_PROTO",
	.no_packet = true,
};

FIXTURE_VARIANT_ADD(drop, header)
{
	.lose = lose_header, .cause = "rx_errors_header", .reason = "DEV_HDR",
	.no_packet = true,
};

FIXTURE_VARIANT_ADD(drop, rx_fault)
{
	.lose = lose_rx_fault, .cause = "rx_errors_fault", .reason = "SKB_UCOPY_FAULT",
	.no_packet = true,
};

FIXTURE_VARIANT_ADD(drop, down)
{
	.lose = lose_down, .cause = "rx_dropped_down", .reason = "DEV_READY",
};

FIXTURE_SETUP(drop)
{
	trace_start();
	machine_setup(&self->fd, &self->sock);
	trace_event("bsdtun/bsdtun_drop");
	trace_event("skb/kfree_skb");
}

FIXTURE_TEARDOWN(drop)
{
	link_del(DEV);
	trace_stop();
}

TEST_F(drop, is_traced_with_cause_and_reason)
{
	char text[128];
	const char *reason = variant->reason;

	variant->lose(self->fd, self->sock);
	EXPECT_EQ(1, trace_count("bsdtun/bsdtun_drop", ""));
	ASSERT_TRUE(find("bsdtun/bsdtun_drop", "unit=0 skbaddr="));
	snprintf(text, sizeof(text), "cause=%s reason=", variant->cause);
	EXPECT_NE(NULL, strstr(line, text)) TH_LOG("%s", line);
	snprintf(text, sizeof(text), " reason=%s\n", reason);
	if (!strstr(line, text) && variant->old_reason) {
		reason = variant->old_reason;
		snprintf(text, sizeof(text), " reason=%s\n", reason);
	}
	EXPECT_NE(NULL, strstr(line, text)) TH_LOG("%s", line);
	if (!variant->gone)
		EXPECT_EQ(1, counter(DEV, variant->cause));
	if (variant->no_packet) {
		EXPECT_NE(NULL, strstr(line, " len=0 ")) TH_LOG("%s", line);
	} else {
		ASSERT_TRUE(find("skb/kfree_skb", skb_in_line()));
		snprintf(text, sizeof(text), "reason: %s\n", reason);
		EXPECT_NE(NULL, strstr(line, text)) TH_LOG("%s", line);
	}
}

TEST_F(trace, the_length_of_a_packet_that_is_lost_is_its_own)
{
	int on = 1;
	char text[32];

	ASSERT_EQ(0, ioctl(self->fd, TUNSIFHEAD, &on));
	send_numbers(self->sock, 0, 1);
	ASSERT_TRUE(find("bsdtun/bsdtun_enqueue", " len="));
	snprintf(text, sizeof(text), " len=%d ", atoi(strstr(line, " len=") + 5));
	/* Behind the word, which is copied with the packet. */
	ASSERT_EQ(-1, read(self->fd, before_hole(10), 128));
	ASSERT_TRUE(find("bsdtun/bsdtun_drop", "cause=tx_dropped_fault"));
	EXPECT_NE(NULL, strstr(line, text)) TH_LOG("%s, not%s", line, text);
}

/* Refused when it was made already, a written packet has a reason of its own. */
TEST_F(trace, a_written_packet_that_is_refused_is_freed_with_a_reason)
{
	trace_event("skb/kfree_skb");
	ASSERT_EQ(-1, write(self->fd, "P", 1));
	EXPECT_EQ(1, trace_count("skb/kfree_skb", "reason: UNHANDLED_PROTO"));
	ASSERT_EQ(-1, write(self->fd, before_hole(0), 128));
	EXPECT_EQ(1, trace_count("skb/kfree_skb", "reason: SKB_UCOPY_FAULT"));
}

TEST_HARNESS_MAIN
