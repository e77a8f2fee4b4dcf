// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Offloads: struct tun_hdr (TUNSCAP) and struct virtio_net_hdr (TUNSVNETHDR)
 * before packets whose checksum is still to be filled in, or that are still to be
 * cut; and that without them nobody is given such a packet.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define OTHER		"bsdtun1"
#define PEER4		"198.51.100.1"	/* behind the other unit */
#define PEER6		"2001:db8:1::1"
#define MTU		1500
#define STREAM		(512 << 10)	/* bytes sent each way through a pair */

#define REDIRECT	"action mirred egress redirect dev " OTHER
#define CAP_CSUM4	(BSDTUN_IFCAP_CSUM_TCPv4 | BSDTUN_IFCAP_CSUM_UDPv4)
#define CAP_CSUM6	(BSDTUN_IFCAP_CSUM_TCPv6 | BSDTUN_IFCAP_CSUM_UDPv6)
#define CAP_TSO		(BSDTUN_IFCAP_TSOv4 | BSDTUN_IFCAP_TSOv6)
#define CAP_ALL		(CAP_CSUM4 | CAP_CSUM6 | CAP_TSO)

#define TUN_HEADER	sizeof(struct tun_hdr)
#define VNET_HEADER	sizeof(struct virtio_net_hdr)
/* The headers of Debian 12 do not have it. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif

#define UDP_CHECK	offsetof(struct udphdr, check)

/* What a packet began with, either header. */
union header {
	struct tun_hdr tun;
	struct virtio_net_hdr vnet;
	char bytes[12];
};

/* A feature of an interface as ethtool(8) has it; value -1 asks only. */
static int feature(const char *dev, unsigned int request, int value)
{
	struct ethtool_value arg = { .cmd = request, .data = value };
	struct ifreq ifr = { .ifr_data = (void *)&arg };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	int ret;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	ret = ioctl(sock, SIOCETHTOOL, &ifr) ? -errno : (int)arg.data;
	close(sock);
	return ret;
}

/* The same of one that has a name alone. */
static int feature_by_name(const char *dev, const char *name, bool on)
{
	struct {
		struct ethtool_gstrings head;
		char name[128][ETH_GSTRING_LEN];
	} strings = {
		.head = { .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES },
	};
	struct {
		struct ethtool_sset_info head;
		uint32_t count;
	} sets = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1 << ETH_SS_FEATURES } };
	struct {
		struct ethtool_sfeatures head;
		struct ethtool_set_features_block block[4];
	} features = { .head = { .cmd = ETHTOOL_SFEATURES } };
	struct ifreq ifr = { .ifr_data = (void *)&sets };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned int i = 0;
	int ret;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	ret = ioctl(sock, SIOCETHTOOL, &ifr);
	strings.head.len = sets.count;
	ifr.ifr_data = (void *)&strings;
	ret = ret ?: ioctl(sock, SIOCETHTOOL, &ifr);
	while (!ret && i < strings.head.len && strcmp(strings.name[i], name))
		i++;
	features.head.size = (strings.head.len + 31) / 32;
	features.block[i / 32].valid = 1U << i % 32;
	features.block[i / 32].requested = on ? 1U << i % 32 : 0;
	ifr.ifr_data = (void *)&features;
	ret = ret ?: ioctl(sock, SIOCETHTOOL, &ifr);
	close(sock);
	return ret < 0 ? -errno : ret;
}

static int has_csum(const char *dev)
{
	return feature(dev, ETHTOOL_GTXCSUM, 0);
}

static int has_tso(const char *dev)
{
	return feature(dev, ETHTOOL_GTSO, 0);
}

FIXTURE(offload)
{
	int fd;
	int sock;
	unsigned char buf[ROOM];
	unsigned char packet[ROOM];
};

FIXTURE_SETUP(offload)
{
	machine_setup(&self->fd, &self->sock);
}

FIXTURE_TEARDOWN(offload)
{
	link_del(DEV);
	link_del(OTHER);
}

/* What the ioctls say */

TEST_F(offload, is_off_at_first)
{
	EXPECT_EQ(-ENODEV, get(self->fd, TUNGCAP));
	EXPECT_EQ(0, get(self->fd, TUNGVNETHDR));
	EXPECT_EQ(0, has_csum(DEV));
	EXPECT_EQ(0, has_tso(DEV));
}

TEST_F(offload, capabilities_are_those_that_were_set)
{
	EXPECT_EQ(0, set(self->fd, TUNSCAP, 0));
	EXPECT_EQ(0, get(self->fd, TUNGCAP));
	EXPECT_EQ(0, set(self->fd, TUNSCAP, BSDTUN_IFCAPS));
	EXPECT_EQ(BSDTUN_IFCAPS, get(self->fd, TUNGCAP));
	EXPECT_EQ(0, set(self->fd, TUNSCAP, BSDTUN_IFCAP_LRO));
	EXPECT_EQ(BSDTUN_IFCAP_LRO, get(self->fd, TUNGCAP));
	EXPECT_EQ(0, ioctl(self->fd, TUNDCAP));
	EXPECT_EQ(-ENODEV, get(self->fd, TUNGCAP));
	EXPECT_EQ(0, ioctl(self->fd, TUNDCAP));
}

TEST_F(offload, capabilities_that_are_unknown_are_EINVAL)
{
	unsigned int bit;

	EXPECT_EQ(0, set(self->fd, TUNSCAP, CAP_ALL));
	for (bit = 1; bit; bit <<= 1)
		EXPECT_EQ(bit & BSDTUN_IFCAPS ? 0 : -EINVAL,
			  set(self->fd, TUNSCAP, CAP_ALL | bit));
	EXPECT_EQ(CAP_ALL | BSDTUN_IFCAP_LRO, get(self->fd, TUNGCAP));
}

TEST_F(offload, vnet_header_has_0_10_or_12_bytes)
{
	int len;

	for (len = -1; len < 20; len++) {
		EXPECT_EQ(len == 0 || len == 10 || len == 12 ? 0 : -EINVAL,
			  set(self->fd, TUNSVNETHDR, len));
		if (len >= 0)
			EXPECT_EQ(len < 10 ? 0 : len < 12 ? 10 : 12, get(self->fd, TUNGVNETHDR));
	}
	EXPECT_EQ(0, set(self->fd, TUNSVNETHDR, 0));
	EXPECT_EQ(0, get(self->fd, TUNGVNETHDR));
}

TEST_F(offload, either_header_turns_the_other_off)
{
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 10));
	ASSERT_EQ(0, set(self->fd, TUNSCAP, CAP_CSUM4));
	EXPECT_EQ(0, get(self->fd, TUNGVNETHDR));
	EXPECT_EQ(0, has_tso(DEV));
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 12));
	EXPECT_EQ(-ENODEV, get(self->fd, TUNGCAP));
	EXPECT_EQ(1, has_tso(DEV));
	/* What ends one leaves the other. */
	EXPECT_EQ(0, ioctl(self->fd, TUNDCAP));
	EXPECT_EQ(12, get(self->fd, TUNGVNETHDR));
	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	EXPECT_EQ(0, set(self->fd, TUNSVNETHDR, 0));
	EXPECT_EQ(0, get(self->fd, TUNGCAP));
}

TEST_F(offload, features_are_what_the_reader_does)
{
	ASSERT_EQ(0, set(self->fd, TUNSCAP, CAP_CSUM4));
	EXPECT_EQ(1, has_csum(DEV));
	EXPECT_EQ(0, has_tso(DEV));
	ASSERT_EQ(0, set(self->fd, TUNSCAP, CAP_CSUM4 | BSDTUN_IFCAP_TSOv4));
	EXPECT_EQ(1, has_tso(DEV));
	/* Segments have no other checksum than the reader's. */
	ASSERT_EQ(0, set(self->fd, TUNSCAP, CAP_CSUM6 | BSDTUN_IFCAP_TSOv4));
	EXPECT_EQ(0, has_tso(DEV));
	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	EXPECT_EQ(0, has_csum(DEV));
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 10));
	EXPECT_EQ(1, has_tso(DEV));
	close(self->fd);
	EXPECT_EQ(0, has_csum(DEV));
}

TEST_F(offload, ethtool_turns_off_what_the_reader_would_do)
{
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 10));
	ASSERT_EQ(0, feature(DEV, ETHTOOL_STSO, 0));
	EXPECT_EQ(0, has_tso(DEV));
	EXPECT_EQ(1, has_csum(DEV));
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 0));
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 10));
	EXPECT_EQ(0, has_tso(DEV));
	ASSERT_EQ(1, feature(DEV, ETHTOOL_STSO, 1));
	EXPECT_EQ(1, has_tso(DEV));
}

TEST_F(offload, all_readers_of_an_interface_have_to_agree)
{
	int one, two;

	ASSERT_EQ(0, link_add(OTHER, "bsdtun", 2));
	one = unit_open(1, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, set(one, TUNSVNETHDR, 10));
	EXPECT_EQ(1, has_tso(OTHER));
	two = unit_open(1, O_RDWR | O_NONBLOCK);
	EXPECT_EQ(0, has_csum(OTHER));
	ASSERT_EQ(0, set(two, TUNSCAP, CAP_CSUM4));
	EXPECT_EQ(1, has_csum(OTHER));
	EXPECT_EQ(0, has_tso(OTHER));
	close(two);
	EXPECT_EQ(1, has_tso(OTHER));
	close(one);
	EXPECT_EQ(0, has_tso(OTHER));
}

/* What is read */

static bool is_number(const unsigned char *packet, size_t len)
{
	return len == UDP4_HEADERS + 4 && packet_is_sound(packet, len);
}

/* The same packet with its checksum filled in, as the header asks. */
static bool is_number_once_filled_in(unsigned char *packet, size_t len)
{
	struct iphdr *ip = (void *)packet;
	struct udphdr *udp = (void *)packet + sizeof(*ip);
	unsigned char whole[UDP4_HEADERS + 4];

	if (len != sizeof(whole) || packet_is_sound(packet, len))
		return false;
	/* What is there is the sum of the pseudo header. */
	udp->check = htons(sum_fold(sum_add(0, udp, len - sizeof(*ip))));
	return packet_is_sound(packet, len);
}

TEST_F(offload, tun_hdr_without_capabilities_stands_before_complete_packets)
{
	struct tun_hdr none = {};

	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ((ssize_t)TUN_HEADER + UDP4_HEADERS + 4, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf, &none, sizeof(none)));
	EXPECT_TRUE(is_number(self->buf + TUN_HEADER, UDP4_HEADERS + 4));
}

TEST_F(offload, tun_hdr_tells_of_a_checksum_to_be_filled_in)
{
	struct tun_hdr udp = { .th_flags = TUN_H_UDP_CSUM };

	ASSERT_EQ(0, set(self->fd, TUNSCAP, BSDTUN_IFCAP_CSUM_UDPv4));
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ((ssize_t)TUN_HEADER + UDP4_HEADERS + 4, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf, &udp, sizeof(udp)));
	EXPECT_TRUE(is_number_once_filled_in(self->buf + TUN_HEADER, UDP4_HEADERS + 4));
}

TEST_F(offload, checksums_of_other_protocols_are_filled_in)
{
	static const unsigned int others = CAP_ALL & ~BSDTUN_IFCAP_CSUM_UDPv4;
	struct tun_hdr none = {};

	ASSERT_EQ(0, set(self->fd, TUNSCAP, others));
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ((ssize_t)TUN_HEADER + UDP4_HEADERS + 4, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf, &none, sizeof(none)));
	EXPECT_TRUE(is_number(self->buf + TUN_HEADER, UDP4_HEADERS + 4));
}

TEST_F(offload, checksums_are_told_apart_by_family)
{
	int sock = machine_ipv6();

	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	ASSERT_EQ(0, set(self->fd, TUNSCAP, BSDTUN_IFCAP_CSUM_UDPv4));
	send_numbers(sock, 0, 1);
	ASSERT_EQ((ssize_t)TUN_HEADER + AF_WORD + UDP6_HEADERS + 4,
		  read_udp6(self->fd, self->buf, ROOM, TUN_HEADER + AF_WORD));
	EXPECT_TRUE(packet_is_sound(self->buf + TUN_HEADER + AF_WORD, UDP6_HEADERS + 4));
	ASSERT_EQ(0, set(self->fd, TUNSCAP, BSDTUN_IFCAP_CSUM_UDPv6));
	send_numbers(sock, 0, 1);
	ASSERT_EQ((ssize_t)TUN_HEADER + AF_WORD + UDP6_HEADERS + 4,
		  read_udp6(self->fd, self->buf, ROOM, TUN_HEADER + AF_WORD));
	EXPECT_EQ(TUN_H_UDP_CSUM, ((struct tun_hdr *)self->buf)->th_flags);
	EXPECT_FALSE(packet_is_sound(self->buf + TUN_HEADER + AF_WORD, UDP6_HEADERS + 4));
}

TEST_F(offload, vnet_header_tells_where_the_checksum_is)
{
	struct virtio_net_hdr udp = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = sizeof(struct iphdr),
		.csum_offset = UDP_CHECK,
	};
	static const int lens[] = { 10, 12 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, lens[i]));
		send_numbers(self->sock, 0, 1);
		memset(self->buf, 0xa5, 12);
		ASSERT_EQ(lens[i] + UDP4_HEADERS + 4, read(self->fd, self->buf, ROOM));
		EXPECT_EQ(0, memcmp(self->buf, &udp, sizeof(udp)));
		EXPECT_TRUE(is_number_once_filled_in(self->buf + lens[i], UDP4_HEADERS + 4));
	}
	EXPECT_EQ(0, memcmp(self->buf + sizeof(udp), "\0\0", 2));
}

TEST_F(offload, header_comes_before_the_prefix)
{
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	send_numbers(self->sock, 0, 2);
	EXPECT_EQ((int)TUN_HEADER + AF_WORD + UDP4_HEADERS + 4, get(self->fd, FIONREAD));
	ASSERT_EQ((ssize_t)TUN_HEADER + AF_WORD + UDP4_HEADERS + 4,
		  read(self->fd, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf + TUN_HEADER, "\0\0\0\2", AF_WORD));
	EXPECT_TRUE(is_number(self->buf + TUN_HEADER + AF_WORD, UDP4_HEADERS + 4));
	/* Neither ends with the other. */
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	EXPECT_EQ((int)TUN_HEADER + 16 + UDP4_HEADERS + 4, get(self->fd, FIONREAD));
	ASSERT_EQ(0, ioctl(self->fd, TUNDCAP));
	EXPECT_EQ(16 + UDP4_HEADERS + 4, get(self->fd, FIONREAD));
}

TEST_F(offload, short_read_gets_the_head_of_the_header)
{
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 12));
	send_numbers(self->sock, 0, 2);
	memset(self->buf, 0xa5, 16);
	ASSERT_EQ(1, read(self->fd, self->buf, 1));
	EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, self->buf[0]);
	EXPECT_EQ(0xa5, self->buf[1]);
	ASSERT_EQ(13, read(self->fd, self->buf, 13));
	EXPECT_EQ(0x45, self->buf[12]);
	EXPECT_EQ(0xa5, self->buf[13]);
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EAGAIN, errno);
}

/* What is written */

/* A datagram with a number from THERE, behind a header, its checksum left out. */
static ssize_t write_unfinished(struct _test_data_offload *self, const void *header,
				size_t header_len, int family)
{
	size_t len = build_udp(family, self->packet + header_len, "abcd", 4);
	size_t check = len - sizeof(struct udphdr) - 4 + UDP_CHECK;

	memcpy(self->packet, header, header_len);
	memset(self->packet + header_len + check, 0x5a, 2);
	return write(self->fd, self->packet, header_len + len);
}

static bool is_received(int sock)
{
	char data[8];

	return recv(sock, data, sizeof(data), 0) == 4 && !memcmp(data, "abcd", 4);
}

TEST_F(offload, tun_hdr_vouches_for_a_checksum)
{
	static const struct tun_hdr udp = {
		.th_flags = TUN_H_UDP_CSUM | TUN_H_PRIO_MASK, .th_pad = 0xffff, .th_mss = 5
	};
	int sock6 = machine_ipv6();

	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	ASSERT_EQ((ssize_t)TUN_HEADER + UDP4_HEADERS + 4,
		  write_unfinished(self, &udp, sizeof(udp), AF_INET));
	EXPECT_TRUE(is_received(self->sock));
	ASSERT_EQ((ssize_t)TUN_HEADER + UDP6_HEADERS + 4,
		  write_unfinished(self, &udp, sizeof(udp), AF_INET6));
	EXPECT_TRUE(is_received(sock6));
	EXPECT_EQ(0, counter(DEV, "rx_errors_header"));
}

/* Behind an extension header, and with more bytes than IP says. */
TEST_F(offload, tun_hdr_vouches_for_a_checksum_wherever_it_is)
{
	static const struct tun_hdr udp = { .th_flags = TUN_H_UDP_CSUM };
	static const unsigned char options[] = { IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0 };
	unsigned char *packet = self->packet + TUN_HEADER;
	struct ipv6hdr *ip6 = (void *)packet;
	int sock6 = machine_ipv6();
	size_t len;

	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	memcpy(self->packet, &udp, sizeof(udp));
	len = build_udp(AF_INET6, packet, "abcd", 4);
	memmove(packet + sizeof(*ip6) + sizeof(options), packet + sizeof(*ip6),
		len - sizeof(*ip6));
	memcpy(packet + sizeof(*ip6), options, sizeof(options));
	memset(packet + sizeof(*ip6) + sizeof(options) + UDP_CHECK, 0x5a, 2);
	ip6->nexthdr = IPPROTO_DSTOPTS;
	ip6->payload_len = htons(ntohs(ip6->payload_len) + sizeof(options));
	len += TUN_HEADER + sizeof(options) + 4;
	ASSERT_EQ((ssize_t)len, write(self->fd, self->packet, len));
	EXPECT_TRUE(is_received(sock6));

	len = TUN_HEADER + build_udp(AF_INET, packet, "abcd", 4) + 4;
	memset(packet + sizeof(struct iphdr) + UDP_CHECK, 0x5a, 2);
	ASSERT_EQ((ssize_t)len, write(self->fd, self->packet, len));
	EXPECT_TRUE(is_received(self->sock));
	EXPECT_EQ(0, counter(DEV, "rx_errors_header"));
}

TEST_F(offload, tun_hdr_has_the_checksum_of_ipv4_filled_in)
{
	static const struct tun_hdr ip = { .th_flags = TUN_H_IPV4_CSUM };
	size_t len;

	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	memcpy(self->packet, &ip, sizeof(ip));
	len = build_udp(AF_INET, self->packet + TUN_HEADER, "abcd", 4);
	memset(self->packet + TUN_HEADER + offsetof(struct iphdr, check), 0x5a, 2);
	ASSERT_EQ((ssize_t)(TUN_HEADER + len), write(self->fd, self->packet, TUN_HEADER + len));
	EXPECT_TRUE(is_received(self->sock));
}

TEST_F(offload, tun_hdr_vouches_for_an_echo)
{
	static const struct tun_hdr icmp = { .th_flags = TUN_H_ICMP_CSUM };
	size_t len;

	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	memcpy(self->packet, &icmp, sizeof(icmp));
	len = build_echo(AF_INET, self->packet + TUN_HEADER, 32);
	memset(self->packet + TUN_HEADER + sizeof(struct iphdr) + 2, 0x5a, 2);
	ASSERT_EQ((ssize_t)(TUN_HEADER + len), write(self->fd, self->packet, TUN_HEADER + len));
	ASSERT_EQ((ssize_t)(TUN_HEADER + len), read(self->fd, self->buf, ROOM));
	EXPECT_TRUE(packet_is_sound(self->buf + TUN_HEADER, len));
}

TEST_F(offload, vnet_header_vouches_for_a_checksum)
{
	struct {
		struct virtio_net_hdr vnet;
		uint16_t buffers;
	} header = {
		.vnet = {
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.csum_start = sizeof(struct iphdr),
			.csum_offset = UDP_CHECK,
		},
		.buffers = 7,
	};
	static const int lens[] = { 10, 12 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, lens[i]));
		ASSERT_EQ(lens[i] + UDP4_HEADERS + 4,
			  write_unfinished(self, &header, lens[i], AF_INET));
		EXPECT_TRUE(is_received(self->sock));
	}
}

/* A write of a packet with a header that makes no sense for it. */
static int write_refused(struct _test_data_offload *self, const void *header, size_t header_len,
			 const void *packet, size_t len)
{
	memcpy(self->buf, header, header_len);
	memcpy(self->buf + header_len, packet, len);
	return write(self->fd, self->buf, header_len + len) < 0 ? -errno : 0;
}

TEST_F(offload, tun_hdr_that_makes_no_sense_is_EINVAL)
{
	static const struct tun_hdr headers[] = {
		{ .th_flags = TUN_H_VTAG },
		{ .th_flags = TUN_H_UDP_CSUM | TUN_H_TCP_CSUM },
		{ .th_flags = TUN_H_UDP_CSUM | TUN_H_ICMP_CSUM },
		{ .th_flags = TUN_H_TCP_CSUM },			/* of a UDP packet */
		{ .th_flags = TUN_H_ICMP_CSUM },
		{ .th_flags = TUN_H_TCP_MSS, .th_mss = 1000 },
		{ .th_flags = TUN_H_UDP_CSUM | TUN_H_TCP_MSS, .th_mss = 1000 },
	};
	struct link before, after;
	size_t i, len;

	len = build_udp(AF_INET, self->packet, "abcd", 4);
	ASSERT_EQ(0, set(self->fd, TUNSCAP, CAP_ALL));
	ASSERT_EQ(0, link_get(DEV, &before));
	for (i = 0; i < ARRAY_SIZE(headers); i++)
		EXPECT_EQ(-EINVAL, write_refused(self, &headers[i], TUN_HEADER, self->packet, len));
	ASSERT_EQ(0, link_get(DEV, &after));
	EXPECT_EQ(ARRAY_SIZE(headers), after.stats.rx_errors - before.stats.rx_errors);
	EXPECT_EQ((long long)ARRAY_SIZE(headers), counter(DEV, "rx_errors_header"));
	EXPECT_EQ(before.stats.rx_packets, after.stats.rx_packets);
}

TEST_F(offload, tun_hdr_of_a_packet_that_makes_no_sense_is_EINVAL)
{
	static const struct tun_hdr udp = { .th_flags = TUN_H_UDP_CSUM };
	static const struct tun_hdr ipv4 = { .th_flags = TUN_H_IPV4_CSUM };
	struct ipv6hdr *ip6 = (void *)self->packet;
	struct iphdr *ip = (void *)self->packet;
	size_t len, i;

	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	len = build_udp(AF_INET, ip, "abcd", 4);
	/* Each cut that leaves no place for the checksum. */
	for (i = 1; i < len; i++)
		EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip, i));
	ip->frag_off = htons(1);
	EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip, len));
	ip->frag_off = htons(0x2000);
	EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip, len));
	ip->frag_off = 0;
	ip->ihl = 4;
	EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip, len));
	EXPECT_EQ(-EINVAL, write_refused(self, &ipv4, TUN_HEADER, ip, len));
	ip->ihl = 15;
	EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip, len));
	EXPECT_EQ(-EINVAL, write_refused(self, &ipv4, TUN_HEADER, ip, len));
	ip->ihl = 5;
	ip->tot_len = htons(len + 1);
	EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip, len));
	ip->tot_len = htons(10);
	EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip, len));

	len = build_udp(AF_INET6, ip6, "abcd", 4);
	for (i = 1; i < len; i++)
		EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip6, i));
	EXPECT_EQ(-EINVAL, write_refused(self, &ipv4, TUN_HEADER, ip6, len));
	ip6->nexthdr = IPPROTO_FRAGMENT;
	EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip6, len));
	ip6->nexthdr = IPPROTO_UDP;
	ip6->payload_len = htons(len);
	EXPECT_EQ(-EINVAL, write_refused(self, &udp, TUN_HEADER, ip6, len));
}

TEST_F(offload, vnet_header_that_makes_no_sense_is_EINVAL)
{
	static const struct virtio_net_hdr headers[] = {
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 60 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 6 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 0xffff },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 },		/* no size */
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100 },	/* UDP */
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 100,
		  .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 16 },
		{ .gso_type = 77, .gso_size = 100 },
	};
	size_t i, len;

	len = build_udp(AF_INET, self->packet, "abcdefghijklmnopqrstuvwxyz", 26);
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 10));
	for (i = 0; i < ARRAY_SIZE(headers); i++)
		EXPECT_EQ(-EINVAL,
			  write_refused(self, &headers[i], VNET_HEADER, self->packet, len));
	EXPECT_EQ((long long)ARRAY_SIZE(headers), counter(DEV, "rx_errors_header"));
}

TEST_F(offload, header_cut_short_is_EIO)
{
	size_t i;

	memset(self->buf, 0, 64);
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 12));
	for (i = 1; i <= 12 + AF_WORD; i++) {
		EXPECT_EQ(-1, write(self->fd, self->buf, i));
		EXPECT_EQ(EIO, errno);
	}
	EXPECT_EQ(12 + AF_WORD, counter(DEV, "rx_errors_length"));
	/* The header is not counted against the longest packet. */
	memcpy(self->buf + 12, "\0\0\0\2", AF_WORD);
	EXPECT_EQ(12 + AF_WORD + TUNMRU, write(self->fd, self->buf, 12 + AF_WORD + TUNMRU));
	EXPECT_EQ(-1, write(self->fd, self->buf, 12 + AF_WORD + TUNMRU + 1));
	EXPECT_EQ(EIO, errno);
}

/* A pair of units, each the way to the other: DEV here, OTHER in a namespace of its own. */

struct pair {
	int fds[2];
	int here, there;
	pid_t pump;
	struct seen {
		int partial;		/* checksum to be filled in */
		int super;		/* to be cut */
		int unsound;		/* without saying so */
		int longest;
	} *seen;
};

static void enter(int netns)
{
	if (setns(netns, CLONE_NEWNET))
		abort();
}

/* What the header of a file's packets says of one. */
static void note(struct seen *seen, int vnet, bool tun, const union header *header,
		 const unsigned char *packet, int len)
{
	bool partial = false, super = false;

	if (vnet) {
		partial = header->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
		super = header->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE;
	} else if (tun) {
		partial = header->tun.th_flags & (TUN_H_TCP_CSUM | TUN_H_UDP_CSUM);
		super = header->tun.th_flags & TUN_H_TCP_MSS;
	}
	seen->partial += partial;
	seen->super += super;
	seen->unsound += !partial && !packet_is_sound(packet, len);
	if (len > seen->longest)
		seen->longest = len;
}

static void note_all(struct seen *seen, int vnet, bool tun, bool batch, unsigned char *buf,
		     size_t len)
{
	const size_t header = (tun ? TUN_HEADER : (size_t)vnet);
	struct tun_batch_hdr *frame;
	size_t at = 0;

	if (!batch) {
		note(seen, vnet, tun, (void *)buf, buf + header + AF_WORD, len - header - AF_WORD);
		return;
	}
	for (; at < len; at += (frame->len + TUN_BATCH_ALIGN - 1) / TUN_BATCH_ALIGN *
			       TUN_BATCH_ALIGN) {
		frame = (void *)buf + at;
		at += sizeof(*frame);
		note(seen, vnet, tun, (void *)buf + at, buf + at + header + AF_WORD,
		     frame->len - header - AF_WORD);
	}
}

/* What is read from one is written to the other as it is. */
static void pump(struct pair *pair)
{
	struct pollfd polls[2] = {
		{ .fd = pair->fds[0], .events = POLLIN }, { .fd = pair->fds[1], .events = POLLIN },
	};
	int vnet = get(pair->fds[0], TUNGVNETHDR);
	bool tun = get(pair->fds[0], TUNGCAP) >= 0;
	bool batch = get(pair->fds[0], TUNGBATCH);
	static unsigned char buf[8 * ROOM];
	ssize_t len;
	int i;

	while (poll(polls, 2, -1) > 0) {
		for (i = 0; i < 2; i++) {
			len = read(pair->fds[i], buf, sizeof(buf));
			if (len < 0)
				continue;
			note_all(pair->seen, vnet, tun, batch, buf, len);
			if (write(pair->fds[!i], buf, len) != len)
				pair->seen->unsound++;
		}
	}
}

static void pair_setup(struct pair *pair, int fd)
{
	pair->fds[0] = fd;
	pair->here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	netns_enter();
	pair->there = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	pair->fds[1] = unit_take(1, O_RDWR | O_NONBLOCK);
	ipv6_on(OTHER);
	addr_add(OTHER, PEER4, NULL, 24);
	addr_add(OTHER, PEER6, NULL, 64);
	link_up(OTHER);
	route_add(OTHER, "192.0.2.0", 24, NULL);
	route_add(OTHER, "2001:db8::", 64, NULL);
	enter(pair->here);
	machine_ipv6();
	route_add(DEV, "198.51.100.0", 24, NULL);
	route_add(DEV, "2001:db8:1::", 64, NULL);
	set(pair->fds[0], TUNSIFHEAD, 1);
	set(pair->fds[1], TUNSIFHEAD, 1);
	pair->seen = mmap(NULL, sizeof(*pair->seen), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void pair_start(struct pair *pair)
{
	pair->pump = fork();
	if (!pair->pump) {
		pump(pair);
		_exit(0);
	}
}

static void pair_stop(struct pair *pair)
{
	kill(pair->pump, SIGKILL);
	waitpid(pair->pump, NULL, 0);
	enter(pair->there);
	link_del(OTHER);
	enter(pair->here);
}

/* A TCP connection from here to there. */
static int connect_pair(struct pair *pair, int family, int ends[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct timeval timeout = { .tv_sec = PATIENCE / 1000 };
	struct linger none = { .l_onoff = 1 };
	const struct sockaddr *addr = family == AF_INET ? (void *)&sin : (void *)&sin6;
	socklen_t len = family == AF_INET ? sizeof(sin) : sizeof(sin6);
	int listener, one = 1;

	enter(pair->there);
	listener = socket(family, SOCK_STREAM, 0);
	enter(pair->here);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(listener, addr, len) || listen(listener, 1))
		return -errno;
	inet_pton(AF_INET, PEER4, &sin.sin_addr);
	inet_pton(AF_INET6, PEER6, &sin6.sin6_addr);
	ends[0] = socket(family, SOCK_STREAM, 0);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(ends[0], addr, len))
		return -errno;
	ends[1] = accept(listener, NULL, NULL);
	close(listener);
	/* What is closed ends at once, and keeps no network namespace while its peer, to whom
	 * nobody carries packets any more, does not answer.
	 */
	setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	return 0;
}

/* As many bytes each way at once, compared. Returns 0, or what went wrong. */
static int exchange(int ends[2])
{
	static unsigned char sent[STREAM], got[2][STREAM];
	size_t out[2] = {}, in[2] = {};
	struct pollfd polls[2];
	ssize_t len;
	int i;

	pattern(sent, sizeof(sent));
	while (in[0] < STREAM || in[1] < STREAM) {
		for (i = 0; i < 2; i++) {
			polls[i].fd = ends[i];
			polls[i].events = (in[i] < STREAM ? POLLIN : 0) |
					  (out[i] < STREAM ? POLLOUT : 0);
		}
		if (poll(polls, 2, PATIENCE) <= 0)
			return -ETIMEDOUT;
		for (i = 0; i < 2; i++) {
			if (polls[i].revents & POLLIN) {
				len = recv(ends[i], got[i] + in[i], STREAM - in[i], MSG_DONTWAIT);
				if (len > 0)
					in[i] += len;
			}
			if (polls[i].revents & POLLOUT) {
				len = send(ends[i], sent + out[i], STREAM - out[i], MSG_DONTWAIT);
				if (len > 0)
					out[i] += len;
			}
		}
	}
	close(ends[0]);
	close(ends[1]);
	for (i = 0; i < 2; i++)
		if (memcmp(sent, got[i], STREAM))
			return -EBADMSG;
	return 0;
}

FIXTURE(offload_tcp)
{
	struct pair pair;
};

FIXTURE_VARIANT(offload_tcp)
{
	unsigned long request;
	int value;
	int mtu;
	bool batch;
};

FIXTURE_VARIANT_ADD(offload_tcp, neither)
{
	.mtu = MTU,
};

FIXTURE_VARIANT_ADD(offload_tcp, tun_hdr)
{
	.request = TUNSCAP, .value = CAP_ALL, .mtu = MTU,
};

FIXTURE_VARIANT_ADD(offload_tcp, tun_hdr_without_capabilities)
{
	.request = TUNSCAP, .value = 0, .mtu = MTU,
};

FIXTURE_VARIANT_ADD(offload_tcp, tun_hdr_with_checksums_alone)
{
	.request = TUNSCAP, .value = CAP_CSUM4 | CAP_CSUM6, .mtu = MTU,
};

FIXTURE_VARIANT_ADD(offload_tcp, vnet_header_of_10)
{
	.request = TUNSVNETHDR, .value = 10, .mtu = MTU,
};

FIXTURE_VARIANT_ADD(offload_tcp, vnet_header_of_12)
{
	.request = TUNSVNETHDR, .value = 12, .mtu = MTU,
};

FIXTURE_VARIANT_ADD(offload_tcp, neither_in_batches)
{
	.mtu = MTU, .batch = true,
};

FIXTURE_VARIANT_ADD(offload_tcp, vnet_header_in_batches)
{
	.request = TUNSVNETHDR, .value = 12, .mtu = MTU, .batch = true,
};

FIXTURE_SETUP(offload_tcp)
{
	int fd, sock, i;

	machine_setup(&fd, &sock);
	pair_setup(&self->pair, fd);
	ASSERT_EQ(0, link_set_mtu(DEV, variant->mtu));
	for (i = 0; i < 2 && variant->request; i++)
		ASSERT_EQ(0, set(self->pair.fds[i], variant->request, variant->value));
	for (i = 0; i < 2 && variant->batch; i++)
		ASSERT_EQ(0, set(self->pair.fds[i], TUNSBATCH, 1));
	pair_start(&self->pair);
}

FIXTURE_TEARDOWN(offload_tcp)
{
	pair_stop(&self->pair);
	link_del(DEV);
}

static bool has_segmentation(const struct _fixture_variant_offload_tcp *variant)
{
	return variant->request == TUNSVNETHDR || (variant->request && (variant->value & CAP_TSO));
}

static bool has_checksums(const struct _fixture_variant_offload_tcp *variant)
{
	return variant->request == TUNSVNETHDR || (variant->request && variant->value);
}

TEST_F(offload_tcp, runs_through_a_pair)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct seen *seen = self->pair.seen;
	int ends[2];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		memset(seen, 0, sizeof(*seen));
		ASSERT_EQ(0, connect_pair(&self->pair, families[i], ends));
		EXPECT_EQ(0, exchange(ends));
		EXPECT_EQ(0, seen->unsound);
		EXPECT_EQ(has_checksums(variant), !!seen->partial);
		EXPECT_EQ(has_segmentation(variant), !!seen->super);
		/* The other unit has this MTU in any case, and so TCP its segments. */
		EXPECT_EQ(has_segmentation(variant), seen->longest > MTU);
	}
	EXPECT_EQ(0, counter(DEV, "rx_errors_header"));
	EXPECT_EQ(0, counter(DEV, "tx_dropped_offload"));
}

/* Packets that the network sends on to someone else */

FIXTURE(offload_forward)
{
	int in;		/* of DEV, with offload */
	int out;	/* of OTHER, without */
	unsigned char buf[ROOM];
	unsigned char packet[ROOM];
};

FIXTURE_SETUP(offload_forward)
{
	int sock;

	machine_setup(&self->in, &sock);
	self->out = unit_take(1, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, addr_add(OTHER, PEER4, NULL, 24));
	ASSERT_EQ(0, link_up(OTHER));
	ASSERT_EQ(0, file_write("/proc/sys/net/ipv4/ip_forward", "1"));
	ASSERT_EQ(0, set(self->in, TUNSVNETHDR, 10));
}

FIXTURE_TEARDOWN(offload_forward)
{
	link_del(DEV);
	link_del(OTHER);
}

/* A packet from THERE to 198.51.100.2, its checksum the sum of the pseudo header. */
static size_t finish_forwarded(void *packet, size_t len, int protocol, size_t check)
{
	struct iphdr *ip = packet;
	uint16_t sum;

	inet_pton(AF_INET, "198.51.100.2", &ip->daddr);
	ip->protocol = protocol;
	ip->check = 0;
	ip->check = htons(sum_fold(sum_add(0, ip, sizeof(*ip))));
	/* No checksum yet, but what goes into it. */
	sum = ~htons(sum_fold(sum_add(protocol + len - sizeof(*ip), &ip->saddr, 8)));
	memcpy(packet + sizeof(*ip) + check, &sum, sizeof(sum));
	return len;
}

static size_t build_unfinished(void *packet, const void *payload, size_t payload_len)
{
	size_t len = build_udp(AF_INET, packet, payload, payload_len);

	return finish_forwarded(packet, len, IPPROTO_UDP, UDP_CHECK);
}

#define TCP_SEGMENT	1000
#define TCP4_HEADERS	(sizeof(struct iphdr) + sizeof(struct tcphdr))
#define SUPER		2500	/* payload of a super-packet */

static const struct virtio_net_hdr tcp_super = {
	.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = sizeof(struct iphdr),
	.csum_offset = offsetof(struct tcphdr, check), .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
	.gso_size = TCP_SEGMENT, .hdr_len = TCP4_HEADERS,
};

/* With its header. */
static size_t build_super(void *buf)
{
	size_t len = build_tcp(buf + VNET_HEADER, 1, SUPER);

	memcpy(buf, &tcp_super, sizeof(tcp_super));
	return VNET_HEADER + finish_forwarded(buf + VNET_HEADER, len, IPPROTO_TCP,
					      offsetof(struct tcphdr, check));
}

static ssize_t wait_read(int fd, void *buf, size_t size)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, PATIENCE) == 1 ? read(fd, buf, size) : -ETIMEDOUT;
}

/* The segments of such a packet are read, one after the other, complete. */
static bool is_read_in_segments(int fd, unsigned char *buf)
{
	static unsigned char payload[SUPER];
	size_t at = 0;
	ssize_t len;

	pattern(payload, sizeof(payload));
	while (at < SUPER) {
		len = wait_read(fd, buf, ROOM);
		if (len <= (ssize_t)TCP4_HEADERS || !packet_is_sound(buf, len))
			return false;
		len -= TCP4_HEADERS;
		if (len > TCP_SEGMENT || memcmp(payload + at, buf + TCP4_HEADERS, len))
			return false;
		at += len;
	}
	return at == SUPER;
}

TEST_F(offload_forward, unfinished_checksum_is_read_complete_by_who_does_not_do_it)
{
	struct virtio_net_hdr udp = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = UDP_CHECK,
	};
	size_t len = build_unfinished(self->packet + VNET_HEADER, "abcd", 4);

	memcpy(self->packet, &udp, sizeof(udp));
	ASSERT_EQ((ssize_t)(VNET_HEADER + len), write(self->in, self->packet, VNET_HEADER + len));
	ASSERT_EQ((ssize_t)len, wait_read(self->out, self->buf, ROOM));
	EXPECT_TRUE(packet_is_sound(self->buf, len));
	/* And as it is by who does. */
	ASSERT_EQ(0, set(self->out, TUNSCAP, BSDTUN_IFCAP_CSUM_UDPv4));
	ASSERT_EQ((ssize_t)(VNET_HEADER + len), write(self->in, self->packet, VNET_HEADER + len));
	ASSERT_EQ((ssize_t)(TUN_HEADER + len), wait_read(self->out, self->buf, ROOM));
	EXPECT_EQ(TUN_H_UDP_CSUM, ((struct tun_hdr *)self->buf)->th_flags);
	EXPECT_FALSE(packet_is_sound(self->buf + TUN_HEADER, len));
}

/* A tun_hdr has no words for where it is. */
TEST_F(offload_forward, unfinished_checksum_of_a_packet_inside_is_read_complete)
{
	struct virtio_net_hdr inner = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_offset = UDP_CHECK,
		.csum_start = 2 * sizeof(struct iphdr),
	};
	unsigned char *outer = self->packet + VNET_HEADER;
	size_t len;

	len = sizeof(struct iphdr) + build_unfinished(outer + sizeof(struct iphdr), "abcd", 4);
	memcpy(outer, outer + sizeof(struct iphdr), sizeof(struct iphdr));
	((struct iphdr *)outer)->protocol = IPPROTO_IPIP;
	((struct iphdr *)outer)->tot_len = htons(len);
	((struct iphdr *)outer)->check = 0;
	((struct iphdr *)outer)->check =
		htons(sum_fold(sum_add(0, outer, sizeof(struct iphdr))));
	memcpy(self->packet, &inner, sizeof(inner));

	ASSERT_EQ(0, set(self->out, TUNSCAP, CAP_CSUM4));
	ASSERT_EQ((ssize_t)(VNET_HEADER + len), write(self->in, self->packet, VNET_HEADER + len));
	ASSERT_EQ((ssize_t)(TUN_HEADER + len), wait_read(self->out, self->buf, ROOM));
	EXPECT_EQ(0, ((struct tun_hdr *)self->buf)->th_flags);
	EXPECT_TRUE(packet_is_sound(self->buf + TUN_HEADER + sizeof(struct iphdr),
				    len - sizeof(struct iphdr)));
	/* Who has words for it gets it as it is. */
	ASSERT_EQ(0, set(self->out, TUNSVNETHDR, 10));
	ASSERT_EQ((ssize_t)(VNET_HEADER + len), write(self->in, self->packet, VNET_HEADER + len));
	ASSERT_EQ((ssize_t)(VNET_HEADER + len), wait_read(self->out, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(&inner, self->buf, sizeof(inner)));
}

TEST_F(offload_forward, checksum_that_a_tun_hdr_leaves_out_is_read_complete)
{
	static const struct tun_hdr udp = { .th_flags = TUN_H_UDP_CSUM };
	static const struct tun_hdr tcp = { .th_flags = TUN_H_TCP_MSS, .th_mss = TCP_SEGMENT };
	size_t len = build_unfinished(self->packet + TUN_HEADER, "abcd", 4);

	ASSERT_EQ(0, set(self->in, TUNSCAP, 0));
	memcpy(self->packet, &udp, sizeof(udp));
	memset(self->packet + TUN_HEADER + sizeof(struct iphdr) + UDP_CHECK, 0x5a, 2);
	ASSERT_EQ((ssize_t)(TUN_HEADER + len), write(self->in, self->packet, TUN_HEADER + len));
	ASSERT_EQ((ssize_t)len, wait_read(self->out, self->buf, ROOM));
	EXPECT_TRUE(packet_is_sound(self->buf, len));

	len = build_super(self->buf) - VNET_HEADER;
	memcpy(self->packet, &tcp, sizeof(tcp));
	memcpy(self->packet + TUN_HEADER, self->buf + VNET_HEADER, len);
	memset(self->packet + TUN_HEADER + sizeof(struct iphdr) + offsetof(struct tcphdr, check),
	       0x5a, 2);
	ASSERT_EQ((ssize_t)(TUN_HEADER + len), write(self->in, self->packet, TUN_HEADER + len));
	EXPECT_TRUE(is_read_in_segments(self->out, self->buf));
}

TEST_F(offload_forward, super_packet_is_read_in_segments_by_who_does_not_cut_it)
{
	size_t len = build_super(self->packet);

	ASSERT_EQ((ssize_t)len, write(self->in, self->packet, len));
	EXPECT_TRUE(is_read_in_segments(self->out, self->buf));
	/* And as it is by who does. */
	ASSERT_EQ(0, set(self->out, TUNSCAP, CAP_CSUM4 | BSDTUN_IFCAP_TSOv4));
	ASSERT_EQ((ssize_t)len, write(self->in, self->packet, len));
	ASSERT_EQ((ssize_t)(len - VNET_HEADER + TUN_HEADER), wait_read(self->out, self->buf, ROOM));
	EXPECT_EQ(TUN_H_TCP_CSUM | TUN_H_TCP_MSS, ((struct tun_hdr *)self->buf)->th_flags);
	EXPECT_EQ(TCP_SEGMENT, ((struct tun_hdr *)self->buf)->th_mss);
}

/* tc looks for its headers where the header said that they are. */
TEST_F(offload_forward, super_packet_of_a_batch_is_sent_on_by_tc_without_gro)
{
	struct tun_batch_hdr *batch = (void *)self->packet;
	unsigned char *frame = self->packet + sizeof(*batch);
	struct iphdr *ip = (void *)(frame + VNET_HEADER);
	size_t len = build_super(frame);

	ASSERT_EQ(0, system("tc qdisc add dev " DEV " clsact"));
	ASSERT_EQ(0, system("tc filter add dev " DEV " ingress matchall " REDIRECT));
	ASSERT_EQ(0, feature(DEV, ETHTOOL_SGRO, 0));
	ASSERT_EQ(0, set(self->in, TUNSBATCH, 1));
	ASSERT_EQ(0, set(self->out, TUNSVNETHDR, 10));
	/* Read as a TCP header, this would have none of its length. */
	inet_pton(AF_INET, "10.0.0.1", &ip->saddr);
	*batch = (struct tun_batch_hdr){ .len = len };
	ASSERT_EQ((ssize_t)(sizeof(*batch) + len),
		  write(self->in, self->packet, sizeof(*batch) + len));
	EXPECT_EQ((ssize_t)len, wait_read(self->out, self->buf, ROOM));
}

TEST_F(offload_forward, super_packet_behind_a_tun_hdr_is_cut_as_that_says)
{
	struct tun_hdr super = { .th_flags = TUN_H_TCP_MSS, .th_mss = TCP_SEGMENT };
	size_t len = build_super(self->packet) - VNET_HEADER + TUN_HEADER;
	unsigned char *frame = self->packet + VNET_HEADER - TUN_HEADER;

	ASSERT_EQ(0, set(self->in, TUNSCAP, 0));
	memset(frame + TUN_HEADER + sizeof(struct iphdr) + offsetof(struct tcphdr, check),
	       0x5a, 2);
	memcpy(frame, &super, sizeof(super));
	ASSERT_EQ((ssize_t)len, write(self->in, frame, len));
	EXPECT_TRUE(is_read_in_segments(self->out, self->buf));
	super.th_mss = 0;
	memcpy(frame, &super, sizeof(super));
	EXPECT_EQ(-1, write(self->in, frame, len));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(offload_forward, udp_super_packet_is_left_whole_if_ethtool_asks)
{
	struct virtio_net_hdr udp = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = UDP_CHECK,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = 1000, .hdr_len = UDP4_HEADERS,
	};
	struct virtio_net_hdr *header = (void *)self->buf;
	static unsigned char payload[2500];
	size_t len;

	memcpy(self->packet, &udp, sizeof(udp));
	len = build_unfinished(self->packet + VNET_HEADER, payload, sizeof(payload));
	ASSERT_EQ(0, set(self->out, TUNSVNETHDR, 10));
	/* Before that there are no words for it. */
	if (kernel_before(6, 2)) {
		EXPECT_NE(0, feature_by_name(OTHER, "tx-udp-segmentation", true));
		EXPECT_EQ(-1, write(self->in, self->packet, VNET_HEADER + len));
		EXPECT_EQ(EINVAL, errno);
		return;
	}
	ASSERT_EQ(0, feature_by_name(OTHER, "tx-udp-segmentation", true));
	ASSERT_EQ((ssize_t)(VNET_HEADER + len), write(self->in, self->packet, VNET_HEADER + len));
	ASSERT_EQ((ssize_t)(VNET_HEADER + len), wait_read(self->out, self->buf, ROOM));
	EXPECT_EQ(VIRTIO_NET_HDR_GSO_UDP_L4, header->gso_type);
	EXPECT_EQ(1000, header->gso_size);
}

/* GRO holds the segment back for a while. */
TEST_F(offload_forward, super_packet_in_a_batch_does_not_overtake_a_segment)
{
	struct virtio_net_hdr segment = tcp_super;
	struct tun_batch_hdr *frame;
	struct tcphdr *tcp = (void *)(self->buf + sizeof(struct iphdr));
	size_t at = 0, len;
	uint32_t seq;
	ssize_t got;
	void *packet;
	int i;

	segment.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	segment.gso_size = 0;
	ASSERT_EQ(0, set(self->in, TUNSBATCH, 1));
	for (i = 0; i < 2; i++) {
		frame = (void *)(self->packet + at);
		packet = (void *)(frame + 1) + VNET_HEADER;
		len = build_tcp(packet, 1 + i * TCP_SEGMENT, i ? SUPER : TCP_SEGMENT);
		finish_forwarded(packet, len, IPPROTO_TCP, offsetof(struct tcphdr, check));
		memcpy(frame + 1, i ? &tcp_super : &segment, VNET_HEADER);
		*frame = (struct tun_batch_hdr){ .len = VNET_HEADER + len };
		at += batch_aligned(sizeof(*frame) + frame->len);
	}
	ASSERT_EQ((ssize_t)at, write(self->in, self->packet, at));
	for (seq = 1; seq < 1 + TCP_SEGMENT + SUPER; seq += got - TCP4_HEADERS) {
		got = wait_read(self->out, self->buf, ROOM);
		ASSERT_LT((ssize_t)TCP4_HEADERS, got);
		ASSERT_EQ(seq, ntohl(tcp->seq));
		EXPECT_TRUE(packet_is_sound(self->buf, got));
	}
}

/* Changes while packets wait */

TEST_F(offload_forward, packets_that_wait_are_finished_when_the_reader_stops_to_do_it)
{
	struct virtio_net_hdr udp = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = UDP_CHECK,
	};
	size_t len = build_unfinished(self->packet + VNET_HEADER, "abcd", 4);

	memcpy(self->packet, &udp, sizeof(udp));
	ASSERT_EQ(0, set(self->out, TUNSCAP, CAP_ALL));
	ASSERT_EQ((ssize_t)(VNET_HEADER + len), write(self->in, self->packet, VNET_HEADER + len));
	ASSERT_EQ((ssize_t)(VNET_HEADER + len), write(self->in, self->packet, VNET_HEADER + len));
	ASSERT_EQ((ssize_t)(TUN_HEADER + len), wait_read(self->out, self->buf, ROOM));
	ASSERT_EQ(0, ioctl(self->out, TUNDCAP));
	ASSERT_EQ((ssize_t)len, wait_read(self->out, self->buf, ROOM));
	EXPECT_TRUE(packet_is_sound(self->buf, len));
	EXPECT_EQ(0, counter(OTHER, "tx_dropped_purged"));
}

TEST_F(offload_forward, super_packets_that_wait_leave_when_the_reader_stops_to_cut_them)
{
	size_t len = build_super(self->packet);

	ASSERT_EQ(0, set(self->out, TUNSVNETHDR, 10));
	ASSERT_EQ((ssize_t)len, write(self->in, self->packet, len));
	ASSERT_EQ((ssize_t)len, write(self->in, self->packet, len));
	ASSERT_EQ((ssize_t)len, wait_read(self->out, self->buf, ROOM));
	/* All but hdr_len, which is a hint. */
	EXPECT_EQ(0, memcmp(&tcp_super, self->buf, 2));
	EXPECT_EQ(0, memcmp(&tcp_super.gso_size, self->buf + 4, 6));
	ASSERT_EQ(0, set(self->out, TUNSVNETHDR, 0));
	EXPECT_EQ(0, get(self->out, FIONREAD));
	EXPECT_EQ(1, counter(OTHER, "tx_dropped_purged"));
}

/* One in the ring, one that the ring refused when it was full, and one in the qdisc. */
TEST_F(offload_forward, super_packet_that_comes_too_late_is_dropped_and_the_next_is_cut)
{
	size_t len = build_super(self->packet);
	int i;

	ASSERT_EQ(0, link_set_txqlen(OTHER, 1));
	ASSERT_EQ(0, set(self->out, TUNSVNETHDR, 10));
	for (i = 0; i < 3; i++)
		ASSERT_EQ((ssize_t)len, write(self->in, self->packet, len));
	ASSERT_EQ(0, set(self->out, TUNSVNETHDR, 0));
	EXPECT_TRUE(is_read_in_segments(self->out, self->buf));
	EXPECT_EQ(1, counter(OTHER, "tx_dropped_purged"));
	EXPECT_EQ(1, counter(OTHER, "tx_dropped_offload"));
}

/* What goes round the stack's queueing, and so round what it does for the features */

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Generic XDP that sends what one interface receives out of the other, as long as the link
 * is there that is returned.
 */
static int redirect(const char *from, const char *to)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = link_index(to) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)insns,
		.insn_cnt = ARRAY_SIZE(insns),
		.license = (uintptr_t)"GPL",
	};
	union bpf_attr link = { .link_create = {
		.target_ifindex = link_index(from),
		.attach_type = BPF_XDP,
		.flags = XDP_FLAGS_SKB_MODE,
	} };

	link.link_create.prog_fd = bpf(BPF_PROG_LOAD, &load);
	return bpf(BPF_LINK_CREATE, &link);
}

/* Of each kind, with a checksum left out and without; all short enough for the MTU. */
TEST_F(offload_forward, super_packets_that_xdp_sends_are_read_by_who_cuts_them_alone)
{
	static const struct virtio_net_hdr headers[] = {
		{ .gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 96 },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 96 },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 96,
		  .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = sizeof(struct iphdr),
		  .csum_offset = offsetof(struct tcphdr, check) },
	};
	unsigned char *packet = self->packet + VNET_HEADER;
	struct virtio_net_hdr *header = (void *)self->buf;
	static unsigned char payload[400];
	size_t len, i, reads;

	ASSERT_LE(0, redirect(DEV, OTHER));
	len = VNET_HEADER + build_udp(AF_INET, packet, payload, sizeof(payload));
	for (reads = 0; reads < 2; reads++) {
		ASSERT_EQ(0, set(self->out, TUNSVNETHDR, reads ? 10 : 0));
		for (i = 0; i < ARRAY_SIZE(headers); i++) {
			bool tcp = headers[i].gso_type == VIRTIO_NET_HDR_GSO_TCPV4;

			memcpy(self->packet, &headers[i], VNET_HEADER);
			((struct iphdr *)packet)->protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
			ASSERT_EQ((ssize_t)len, write(self->in, self->packet, len));
			if (!reads || !tcp) {
				EXPECT_EQ(-1, read(self->out, self->buf, ROOM)) TH_LOG("%zu", i);
				EXPECT_EQ(EAGAIN, errno);
				continue;
			}
			ASSERT_EQ((ssize_t)len, read(self->out, self->buf, ROOM));
			EXPECT_EQ(headers[i].gso_type, header->gso_type);
			EXPECT_EQ(headers[i].flags, header->flags);
		}
	}
	EXPECT_EQ((long long)ARRAY_SIZE(headers) + 1, counter(OTHER, "tx_dropped_offload"));
}

TEST_HARNESS_MAIN
