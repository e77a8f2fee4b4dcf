// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* write(2): one call is one packet, which the IP stack receives. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define LONGEST		65535			/* packet that write takes */
#define LONGEST_UDP4	(LONGEST - UDP4_HEADERS)

FIXTURE(write)
{
	int fd;
	int sock;
	struct link before;
	unsigned char buf[ROOM];	/* prefix and packet */
	unsigned char payload[ROOM];
};

FIXTURE_VARIANT(write)
{
	size_t prefix;
};

FIXTURE_VARIANT_ADD(write, bare)
{
	.prefix = 0,
};

FIXTURE_VARIANT_ADD(write, af)
{
	.prefix = AF_WORD,
};

FIXTURE_SETUP(write)
{
	int value = variant->prefix == AF_WORD;

	machine_setup(&self->fd, &self->sock);
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFHEAD, &value));
	ASSERT_EQ(0, link_get(DEV, &self->before));
	pattern(self->payload, sizeof(self->payload));
}

FIXTURE_TEARDOWN(write)
{
	link_del(DEV);
}

static void put_af(void *buf, uint32_t family)
{
	family = htonl(family);
	memcpy(buf, &family, sizeof(family));
}

/* The prefix, and a UDP packet of so many bytes of payload behind it. */
static size_t frame(struct _test_data_write *self, size_t prefix, int family, size_t payload)
{
	if (prefix)
		put_af(self->buf, family);
	return prefix + build_udp(family, self->buf + prefix, self->payload, payload);
}

/* How much of the payload arrived unchanged at the socket; -errno. */
static ssize_t arrived(struct _test_data_write *self)
{
	static unsigned char got[ROOM];
	ssize_t len = recv(self->sock, got, sizeof(got), 0);

	if (len < 0)
		return -errno;
	return memcmp(got, self->payload, len) ? -EBADMSG : len;
}

static bool nothing_arrived(int sock)
{
	char byte;

	return recv(sock, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

/* No rx counter but these has changed since the set-up. */
#define EXPECT_RX_CHANGES(errors, dropped) do {					\
	struct link now;							\
										\
	ASSERT_EQ(0, link_get(DEV, &now));					\
	EXPECT_EQ(self->before.stats.rx_errors + (errors), now.stats.rx_errors);	\
	EXPECT_EQ(self->before.stats.rx_dropped + (dropped), now.stats.rx_dropped);	\
	now.stats.rx_errors = self->before.stats.rx_errors;			\
	now.stats.rx_dropped = self->before.stats.rx_dropped;			\
	EXPECT_EQ(0, memcmp(&self->before.stats, &now.stats, sizeof(now.stats)));	\
} while (0)

TEST_F(write, returns_the_full_length)
{
	size_t len = frame(self, variant->prefix, AF_INET, 100);

	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(100, arrived(self));
}

TEST_F(write, carries_ipv6)
{
	size_t len = frame(self, variant->prefix, AF_INET6, 100);

	close(self->sock);
	self->sock = machine_ipv6();
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(100, arrived(self));
}

TEST_F(write, is_one_packet_and_its_bytes_are_counted_without_the_prefix)
{
	size_t len = frame(self, variant->prefix, AF_INET, 100);
	struct link link;

	ASSERT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(100, arrived(self));
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(self->before.stats.rx_packets + 1, link.stats.rx_packets);
	EXPECT_EQ(self->before.stats.rx_bytes + UDP4_HEADERS + 100, link.stats.rx_bytes);
	EXPECT_EQ(self->before.stats.rx_errors, link.stats.rx_errors);
	EXPECT_EQ(self->before.stats.rx_dropped, link.stats.rx_dropped);
	EXPECT_EQ(self->before.stats.tx_packets, link.stats.tx_packets);
}

TEST_F(write, of_no_bytes_returns_0)
{
	struct iovec iov[2] = { { .iov_base = self->buf }, { .iov_base = self->buf } };

	EXPECT_EQ(0, write(self->fd, self->buf, 0));
	EXPECT_EQ(0, write(self->fd, NULL, 0));
	EXPECT_EQ(0, writev(self->fd, iov, 2));
	EXPECT_EQ(0, writev(self->fd, iov, 0));
	EXPECT_RX_CHANGES(0, 0);
}

TEST_F(write, takes_65535_bytes_of_packet)
{
	size_t len = frame(self, variant->prefix, AF_INET, LONGEST_UDP4);

	ASSERT_EQ(variant->prefix + LONGEST, len);
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(LONGEST_UDP4, arrived(self));
}

TEST_F(write, of_65536_bytes_of_packet_is_EIO)
{
	frame(self, variant->prefix, AF_INET, LONGEST_UDP4);
	EXPECT_EQ(-1, write(self->fd, self->buf, variant->prefix + LONGEST + 1));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(1, counter(DEV, "rx_errors_length"));
	EXPECT_RX_CHANGES(1, 0);
	EXPECT_TRUE(nothing_arrived(self->sock));
}

TEST_F(write, of_far_too_much_is_EIO)
{
	struct iovec iov[1024];
	int i;

	for (i = 0; i < 1024; i++) {
		iov[i].iov_base = self->buf;
		iov[i].iov_len = LONGEST;
	}
	frame(self, variant->prefix, AF_INET, 100);
	EXPECT_EQ(-1, writev(self->fd, iov, 1024));
	EXPECT_EQ(EIO, errno);
	/* The length is judged before a byte of it is read. */
	EXPECT_EQ(-1, write(self->fd, before_hole(0), 16 << 20));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(2, counter(DEV, "rx_errors_length"));
	EXPECT_RX_CHANGES(2, 0);
}

TEST_F(write, of_every_size_about_a_page_arrives_intact)
{
	static const int edges[] = { 64, 128, 256, 512, 1024, 1500, 2048, 4096, 8192, 16384,
				     32768 };
	size_t i, len;
	int edge;

	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		/* The edge falls on the packet's end, its data's and the frame's. */
		for (edge = edges[i] - UDP4_HEADERS - 5; edge <= edges[i] + 1;
		     edge += edge == edges[i] - UDP4_HEADERS + 1 ? UDP4_HEADERS - 2 : 1) {
			len = frame(self, variant->prefix, AF_INET, edge);
			ASSERT_EQ((ssize_t)len, write(self->fd, self->buf, len));
			ASSERT_EQ(edge, arrived(self)) TH_LOG("payload of %d bytes", edge);
		}
	}
}

TEST_F(write, from_any_alignment_arrives_intact)
{
	size_t len = frame(self, variant->prefix, AF_INET, 1400);
	unsigned char *end = before_hole(0), *from;
	size_t i;

	/* Up against a hole: not a byte more is read. */
	for (i = 0; i <= 16; i++) {
		from = end - len - i;
		memcpy(from, self->buf, len);
		ASSERT_EQ((ssize_t)len, write(self->fd, from, len));
		ASSERT_EQ(1400, arrived(self)) TH_LOG("%zu bytes before the end", i);
	}
}

TEST_F(write, carries_a_packet_of_60000_bytes)
{
	size_t len = frame(self, variant->prefix, AF_INET, 60000 - UDP4_HEADERS);

	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(60000 - UDP4_HEADERS, arrived(self));
}

TEST_F(write, may_be_longer_than_the_mtu)
{
	size_t len = frame(self, variant->prefix, AF_INET, 1000);

	ASSERT_EQ(0, link_set_mtu(DEV, 576));
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(1000, arrived(self));
}

TEST_F(write, tolerates_bytes_behind_the_packet)
{
	size_t extra, len = frame(self, variant->prefix, AF_INET, 100);

	for (extra = 1; extra <= 2048; extra *= 2) {
		memset(self->buf + len, 0xa5, extra);
		ASSERT_EQ((ssize_t)(len + extra), write(self->fd, self->buf, len + extra));
		ASSERT_EQ(100, arrived(self)) TH_LOG("%zu bytes behind", extra);
	}
}

TEST_F(write, from_any_number_of_iovecs_is_one_packet)
{
	static const size_t counts[] = { 1, 2, 3, 8, 9, 16, 17, 64, 255, 1023, 1024 };
	size_t len = frame(self, variant->prefix, AF_INET, 1400);
	struct iovec iov[1024];
	struct link link;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		for (j = 0; j < counts[i]; j++) {
			iov[j].iov_base = self->buf + j;
			iov[j].iov_len = j < counts[i] - 1 ? 1 : len - j;
		}
		ASSERT_EQ((ssize_t)len, writev(self->fd, iov, counts[i]));
		ASSERT_EQ(1400, arrived(self)) TH_LOG("%zu iovecs", counts[i]);
	}
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(self->before.stats.rx_packets + ARRAY_SIZE(counts), link.stats.rx_packets);
}

TEST_F(write, passes_over_empty_iovecs)
{
	size_t len = frame(self, variant->prefix, AF_INET, 100);
	struct iovec iov[] = {
		{ .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = self->buf, .iov_len = 3 },
		{ .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = self->buf, .iov_len = 0 },
		{ .iov_base = self->buf + 3, .iov_len = len - 3 },
		{ .iov_base = self->buf, .iov_len = 0 },
	};

	EXPECT_EQ((ssize_t)len, writev(self->fd, iov, ARRAY_SIZE(iov)));
	EXPECT_EQ(100, arrived(self));
}

TEST_F(write, while_down_is_accepted_in_full_and_counted)
{
	size_t len = frame(self, variant->prefix, AF_INET, 100);

	ASSERT_EQ(0, link_down(DEV));
	ASSERT_EQ(0, link_get(DEV, &self->before));
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(2, counter(DEV, "rx_dropped_down"));
	EXPECT_RX_CHANGES(0, 2);
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_TRUE(nothing_arrived(self->sock));
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(100, arrived(self));
}

TEST_F(write, of_a_bad_packet_while_down_is_refused_all_the_same)
{
	memset(self->buf, 0xff, 100);
	ASSERT_EQ(0, link_down(DEV));
	ASSERT_EQ(0, link_get(DEV, &self->before));
	EXPECT_EQ(-1, write(self->fd, self->buf, 100));
	EXPECT_EQ(EAFNOSUPPORT, errno);
	EXPECT_RX_CHANGES(1, 0);
}

TEST_F(write, to_a_deleted_interface_is_EIO)
{
	size_t len = frame(self, variant->prefix, AF_INET, 100);
	int i;

	ASSERT_EQ(0, link_del(DEV));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-1, write(self->fd, self->buf, len));
		EXPECT_EQ(EIO, errno);
	}
	EXPECT_EQ(0, write(self->fd, self->buf, 0));
}

TEST_F(write, from_a_bad_pointer_is_EFAULT)
{
	unsigned char *hole = before_hole(0);

	EXPECT_EQ(-1, write(self->fd, hole, 100));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, write(self->fd, hole + 1, 100));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(2, counter(DEV, "rx_errors_fault"));
	EXPECT_RX_CHANGES(2, 0);
}

TEST_F(write, from_a_buffer_that_runs_into_a_hole_is_EFAULT)
{
	size_t len = frame(self, variant->prefix, AF_INET, 1000);
	static const size_t valid[] = { 1, 3, 4, 5, 20, 24, 1000 };
	unsigned char *from;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(valid); i++) {
		from = before_hole(valid[i]);
		memcpy(from, self->buf, valid[i]);
		EXPECT_EQ(-1, write(self->fd, from, len));
		EXPECT_EQ(EFAULT, errno);
	}
	from = before_hole(len - 1);
	memcpy(from, self->buf, len - 1);
	EXPECT_EQ(-1, write(self->fd, from, len));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_RX_CHANGES(ARRAY_SIZE(valid) + 1, 0);
	EXPECT_TRUE(nothing_arrived(self->sock));
}

TEST_F(write, from_a_long_buffer_that_runs_into_a_hole_is_EFAULT)
{
	size_t len = frame(self, variant->prefix, AF_INET, 60000);
	unsigned char *from = before_hole(40000);

	memcpy(from, self->buf, 40000);
	EXPECT_EQ(-1, write(self->fd, from, len));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_RX_CHANGES(1, 0);
	EXPECT_TRUE(nothing_arrived(self->sock));
}

TEST_F(write, with_one_bad_iovec_is_EFAULT)
{
	size_t len = frame(self, variant->prefix, AF_INET, 1000);
	struct iovec iov[3] = {
		{ .iov_base = self->buf, .iov_len = 100 },
		{ .iov_base = before_hole(0), .iov_len = 100 },
		{ .iov_base = self->buf + 200, .iov_len = len - 200 },
	};

	EXPECT_EQ(-1, writev(self->fd, iov, 3));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_RX_CHANGES(1, 0);
	EXPECT_TRUE(nothing_arrived(self->sock));
}

TEST_F(write, of_a_wrong_checksum_does_not_get_through)
{
	size_t len = frame(self, variant->prefix, AF_INET, 100);

	self->buf[len - 1] ^= 1;
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	len = frame(self, variant->prefix, AF_INET, 50);
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(50, arrived(self));
	EXPECT_TRUE(nothing_arrived(self->sock));
}

/* Small ones are summed when they are copied. */
TEST_F(write, of_every_small_size_is_judged_by_its_checksum)
{
	static const int families[] = { AF_INET, AF_INET6 };
	size_t len, i;
	int size;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		if (families[i] == AF_INET6) {
			close(self->sock);
			self->sock = machine_ipv6();
		}
		for (size = 1; size <= 300; size++) {
			len = frame(self, variant->prefix, families[i], size);
			self->buf[len - 1] ^= 1;
			ASSERT_EQ((ssize_t)len, write(self->fd, self->buf, len));
			self->buf[len - 1] ^= 1;
			ASSERT_EQ((ssize_t)len, write(self->fd, self->buf, len));
			ASSERT_EQ(size, arrived(self)) TH_LOG("payload of %d bytes", size);
			ASSERT_TRUE(nothing_arrived(self->sock));
		}
	}
}

TEST_F(write, of_a_stunted_packet_harms_nothing)
{
	size_t len, i;

	for (i = 1; i < UDP4_HEADERS + 4; i++) {
		frame(self, variant->prefix, AF_INET, 100);
		ASSERT_EQ((ssize_t)(variant->prefix + i),
			  write(self->fd, self->buf, variant->prefix + i));
	}
	len = frame(self, variant->prefix, AF_INET, 50);
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(50, arrived(self));
}

TEST_F(write, is_seen_by_packet_sockets_as_it_was_written)
{
	size_t len = frame(self, variant->prefix, AF_INET, 100);
	struct sockaddr_ll from;
	socklen_t from_len = sizeof(from);
	unsigned char seen[256];
	int sock = packet_socket(DEV);

	ASSERT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	ASSERT_EQ((ssize_t)(len - variant->prefix),
		  recvfrom(sock, seen, sizeof(seen), 0, (void *)&from, &from_len));
	EXPECT_EQ(0, memcmp(self->buf + variant->prefix, seen, len - variant->prefix));
	EXPECT_EQ(htons(ETH_P_IP), from.sll_protocol);
	EXPECT_EQ(PACKET_HOST, from.sll_pkttype);
	EXPECT_EQ(0, from.sll_halen);
}

TEST_F(write, of_ipv6_is_seen_by_packet_sockets_as_it_was_written)
{
	size_t len = frame(self, variant->prefix, AF_INET6, 100);
	struct sockaddr_ll from;
	socklen_t from_len = sizeof(from);
	unsigned char seen[256];
	int sock = packet_socket(DEV);

	ASSERT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	ASSERT_EQ((ssize_t)(len - variant->prefix),
		  recvfrom(sock, seen, sizeof(seen), 0, (void *)&from, &from_len));
	EXPECT_EQ(0, memcmp(self->buf + variant->prefix, seen, len - variant->prefix));
	EXPECT_EQ(htons(ETH_P_IPV6), from.sll_protocol);
	EXPECT_EQ(PACKET_HOST, from.sll_pkttype);
}

TEST_F(write, has_its_answer_in_read)
{
	size_t prefix = variant->prefix, len;
	struct sockaddr_ll from;
	socklen_t from_len = sizeof(from);
	unsigned char seen[256];
	struct timeval when;
	int sock = packet_socket(DEV);

	if (prefix)
		put_af(self->buf, AF_INET);
	len = prefix + build_echo(AF_INET, self->buf + prefix, 64);
	ASSERT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	ASSERT_EQ((ssize_t)len, read(self->fd, self->buf, ROOM));
	EXPECT_TRUE(packet_is_sound(self->buf + prefix, len - prefix));
	EXPECT_EQ(0, self->buf[prefix + 20]);	/* echo reply */

	/* Both have passed the packet socket, the answer as it stands. */
	ASSERT_EQ((ssize_t)(len - prefix), recv(sock, seen, sizeof(seen), 0));
	ASSERT_EQ((ssize_t)(len - prefix),
		  recvfrom(sock, seen, sizeof(seen), 0, (void *)&from, &from_len));
	EXPECT_EQ(0, ioctl(sock, SIOCGSTAMP, &when));
	EXPECT_EQ(PACKET_OUTGOING, from.sll_pkttype);
	EXPECT_EQ(htons(ETH_P_IP), from.sll_protocol);
	EXPECT_EQ(0, memcmp(self->buf + prefix, seen, len - prefix));
}

/* What only one of the framings has */

FIXTURE(write_af)
{
	int fd;
	int sock;
	struct link before;
	unsigned char buf[ROOM];
};

FIXTURE_SETUP(write_af)
{
	int on = 1;

	machine_setup(&self->fd, &self->sock);
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFHEAD, &on));
	ASSERT_EQ(0, link_get(DEV, &self->before));
}

FIXTURE_TEARDOWN(write_af)
{
	link_del(DEV);
}

TEST_F(write_af, with_a_prefix_cut_short_is_EIO)
{
	int len;

	put_af(self->buf, AF_INET);
	for (len = 1; len < AF_WORD; len++) {
		EXPECT_EQ(-1, write(self->fd, self->buf, len));
		EXPECT_EQ(EIO, errno);
	}
	EXPECT_EQ(3, counter(DEV, "rx_errors_length"));
	EXPECT_RX_CHANGES(3, 0);
}

TEST_F(write_af, with_nothing_behind_the_prefix_is_EIO)
{
	put_af(self->buf, AF_INET);
	EXPECT_EQ(-1, write(self->fd, self->buf, AF_WORD));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(1, counter(DEV, "rx_errors_length"));
	EXPECT_RX_CHANGES(1, 0);
}

TEST_F(write_af, takes_the_families_of_the_table_alone)
{
	/* INET, IPX, APPLETALK, INET6; INET6 on OpenBSD and NetBSD, FreeBSD, macOS */
	static const int known[] = { 2, 4, 5, 10, 24, 28, 30 };
	size_t i, len = AF_WORD + build_udp(AF_INET, self->buf + AF_WORD, "", 1);
	int family, refused = 0;
	bool ok;

	for (family = 0; family < 256; family++) {
		for (i = 0, ok = false; i < ARRAY_SIZE(known); i++)
			ok |= family == known[i];
		put_af(self->buf, family);
		errno = 0;
		EXPECT_EQ(ok ? (ssize_t)len : -1, write(self->fd, self->buf, len)) {
			TH_LOG("family %d", family);
		}
		EXPECT_EQ(ok ? 0 : EAFNOSUPPORT, errno);
		refused += !ok;
	}
	EXPECT_EQ(refused, counter(DEV, "rx_errors_family"));
}

TEST_F(write_af, looks_at_all_four_bytes_of_the_family)
{
	static const uint32_t words[] = {
		0x02000000,	/* AF_INET in the wrong byte order */
		0x0a000000, 0x00000102, 0x00010002, 0x01000002, 0x80000002, 0x0000010a,
		0x00020000, 0x00000200, 0x7fffffff, 0xffffffff, 0xfffffffe,
	};
	size_t i, len = AF_WORD + build_udp(AF_INET, self->buf + AF_WORD, "", 1);

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		put_af(self->buf, words[i]);
		EXPECT_EQ(-1, write(self->fd, self->buf, len)) TH_LOG("%#x", words[i]);
		EXPECT_EQ(EAFNOSUPPORT, errno);
	}
	EXPECT_RX_CHANGES(ARRAY_SIZE(words), 0);
	EXPECT_TRUE(nothing_arrived(self->sock));
}

FIXTURE(write_family)
{
	int fd;
	int sock;
	int seen;
	unsigned char buf[ROOM];
};

FIXTURE_VARIANT(write_family)
{
	int word;
	int ethertype;
};

FIXTURE_VARIANT_ADD(write_family, inet)
{
	.word = 2, .ethertype = ETH_P_IP,
};

FIXTURE_VARIANT_ADD(write_family, ipx)
{
	.word = 4, .ethertype = ETH_P_IPX,
};

FIXTURE_VARIANT_ADD(write_family, appletalk)
{
	.word = 5, .ethertype = ETH_P_ATALK,
};

FIXTURE_VARIANT_ADD(write_family, inet6)
{
	.word = 10, .ethertype = ETH_P_IPV6,
};

FIXTURE_VARIANT_ADD(write_family, inet6_of_openbsd)
{
	.word = 24, .ethertype = ETH_P_IPV6,
};

FIXTURE_VARIANT_ADD(write_family, inet6_of_freebsd)
{
	.word = 28, .ethertype = ETH_P_IPV6,
};

FIXTURE_VARIANT_ADD(write_family, inet6_of_macos)
{
	.word = 30, .ethertype = ETH_P_IPV6,
};

FIXTURE_SETUP(write_family)
{
	int on = 1;

	machine_setup(&self->fd, &self->sock);
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFHEAD, &on));
	self->seen = packet_socket(DEV);
}

FIXTURE_TEARDOWN(write_family)
{
	link_del(DEV);
}

TEST_F(write_family, is_this_ethertype)
{
	struct sockaddr_ll from;
	socklen_t from_len = sizeof(from);
	unsigned char seen[64];

	put_af(self->buf, variant->word);
	pattern(self->buf + AF_WORD, 60);
	ASSERT_EQ(AF_WORD + 60, write(self->fd, self->buf, AF_WORD + 60));
	ASSERT_EQ(60, recvfrom(self->seen, seen, sizeof(seen), 0, (void *)&from, &from_len));
	EXPECT_EQ(htons(variant->ethertype), from.sll_protocol);
	EXPECT_EQ(0, memcmp(self->buf + AF_WORD, seen, 60));
}

FIXTURE(write_bare)
{
	int fd;
	int sock;
	struct link before;
	unsigned char buf[ROOM];
};

FIXTURE_SETUP(write_bare)
{
	machine_setup(&self->fd, &self->sock);
	ASSERT_EQ(0, link_get(DEV, &self->before));
}

FIXTURE_TEARDOWN(write_bare)
{
	link_del(DEV);
}

TEST_F(write_bare, knows_versions_4_and_6_alone)
{
	size_t len = build_udp(AF_INET, self->buf, "", 1);
	int version;
	bool ok;

	for (version = 0; version < 16; version++) {
		ok = version == 4 || version == 6;
		self->buf[0] = version << 4 | 5;
		errno = 0;
		EXPECT_EQ(ok ? (ssize_t)len : -1, write(self->fd, self->buf, len)) {
			TH_LOG("version %d", version);
		}
		EXPECT_EQ(ok ? 0 : EAFNOSUPPORT, errno);
	}
	EXPECT_EQ(14, counter(DEV, "rx_errors_family"));
}

TEST_F(write_bare, of_one_byte_is_a_packet)
{
	EXPECT_EQ(1, write(self->fd, "E", 1));
	EXPECT_EQ(1, write(self->fd, "`", 1));
	EXPECT_EQ(-1, write(self->fd, "", 1));
	EXPECT_EQ(EAFNOSUPPORT, errno);
	EXPECT_EQ(1, counter(DEV, "rx_errors_family"));
}

TEST_F(write_bare, stands_bare_with_TUNSLMODE_too)
{
	unsigned char payload[100];
	size_t len = build_udp(AF_INET, self->buf, self->buf, 100);
	int on = 1;

	ASSERT_EQ(0, ioctl(self->fd, TUNSLMODE, &on));
	EXPECT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	EXPECT_EQ(100, recv(self->sock, payload, sizeof(payload), 0));
}

TEST_F(write_bare, never_waits)
{
	unsigned char payload[1400] = "";
	size_t len = build_udp(AF_INET, self->buf, payload, sizeof(payload));
	int i, size = 4096;

	/* Nobody takes them from the socket. */
	ASSERT_EQ(0, setsockopt(self->sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	for (i = 0; i < 2000; i++)
		ASSERT_EQ((ssize_t)len, write(self->fd, self->buf, len));
}

TEST_F(write_bare, ping_of_ipv6_is_answered)
{
	int on = 1;
	size_t len;

	machine_ipv6();
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFHEAD, &on));
	put_af(self->buf, AF_INET6);
	len = AF_WORD + build_echo(AF_INET6, self->buf + AF_WORD, 64);
	ASSERT_EQ((ssize_t)len, write(self->fd, self->buf, len));
	/* IPv6 may speak of its own accord in between. */
	do {
		ASSERT_LT(0, read(self->fd, self->buf, ROOM));
	} while (self->buf[AF_WORD + 40] != 129);
	EXPECT_TRUE(packet_is_sound(self->buf + AF_WORD, len - AF_WORD));
}

/*
 * An interface of two queues, both ways. For each receive queue a processor does the stack's
 * work, if the kernel has RPS.
 */
#define RPS_CPUS	"/sys/class/net/" DEV "/queues/rx-%d/rps_cpus"

static void rps_set(int queue, int cpu)
{
	char path[64], mask[8];

	snprintf(path, sizeof(path), RPS_CPUS, queue);
	snprintf(mask, sizeof(mask), "%x", 1 << cpu);
	if (file_write(path, mask))
		errx(1, "%s", path);
}

/* Where the stack has worked for what one file wrote. */
static int worked_on(int fd, int sock)
{
	unsigned char packet[128];
	size_t len = build_udp(AF_INET, packet, "payload", 8);
	socklen_t size;
	int cpu;

	if (write(fd, packet, len) != (ssize_t)len || recv(sock, packet, 8, 0) != 8)
		return -1;
	size = sizeof(cpu);
	return getsockopt(sock, SOL_SOCKET, SO_INCOMING_CPU, &cpu, &size) ? -1 : cpu;
}

TEST(write_to_each_queue_is_received_where_rps_has_it)
{
	int fds[2], sock, i, turned;

	netns_enter();
	sysfs_mount();
	close(unit_take(0, O_RDWR));
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, system("ip link add " DEV " numtxqueues 2 numrxqueues 2 type bsdtun"));
	if (access("/sys/class/net/" DEV "/queues/rx-1/rps_cpus", F_OK) || get_nprocs() < 2) {
		link_del(DEV);
		SKIP(return, "needs RPS and two processors");
	}
	for (i = 0; i < 2; i++)
		fds[i] = unit_take(0, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, addr_add(DEV, HERE4, NULL, 24));
	ASSERT_EQ(0, link_up(DEV));
	sock = udp_socket(AF_INET);
	for (turned = 0; turned < 2; turned++) {
		for (i = 0; i < 2; i++)
			rps_set(i, i ^ turned);
		for (i = 0; i < 2; i++)
			EXPECT_EQ(i ^ turned, worked_on(fds[i], sock)) TH_LOG("queue %d", i);
	}
	ASSERT_EQ(0, link_del(DEV));
}

TEST_HARNESS_MAIN
