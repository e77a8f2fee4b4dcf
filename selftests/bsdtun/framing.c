// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What precedes a packet: nothing, the address family, the next hop. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define FRAMING		"/sys/class/net/" DEV "/bsdtun/framing"
#define LINK_LOCAL	"fe80::2"

FIXTURE(framing)
{
	int fd;
	int sock;
	unsigned char buf[ROOM];
};

FIXTURE_SETUP(framing)
{
	machine_setup(&self->fd, &self->sock);
}

FIXTURE_TEARDOWN(framing)
{
	link_del(DEV);
}

/* A datagram of four bytes to an address, port PORT. */
static void send_to(const char *addr, const char *dev)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	int sock;

	if (inet_pton(AF_INET, addr, &sin.sin_addr) == 1) {
		sock = socket(AF_INET, SOCK_DGRAM, 0);
		sendto(sock, "data", 4, 0, (void *)&sin, sizeof(sin));
	} else {
		inet_pton(AF_INET6, addr, &sin6.sin6_addr);
		sin6.sin6_scope_id = dev ? link_index(dev) : 0;
		sock = socket(AF_INET6, SOCK_DGRAM, 0);
		sendto(sock, "data", 4, 0, (void *)&sin6, sizeof(sin6));
	}
	close(sock);
}

TEST_F(framing, bare_packet_begins_with_the_ip_header)
{
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ(UDP4_HEADERS + 4, read(self->fd, self->buf, ROOM));
	EXPECT_TRUE(packet_is_sound(self->buf, UDP4_HEADERS + 4));
}

TEST_F(framing, af_word_of_ipv4_is_2_in_network_order)
{
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ(AF_WORD + UDP4_HEADERS + 4, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf, "\0\0\0\2", 4));
	EXPECT_TRUE(packet_is_sound(self->buf + AF_WORD, UDP4_HEADERS + 4));
}

TEST_F(framing, af_word_of_ipv6_is_10_in_network_order)
{
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	send_numbers(machine_ipv6(), 0, 1);
	ASSERT_EQ(AF_WORD + UDP6_HEADERS + 4, read_udp6(self->fd, self->buf, ROOM, AF_WORD));
	EXPECT_EQ(0, memcmp(self->buf, "\0\0\0\12", 4));
	EXPECT_TRUE(packet_is_sound(self->buf + AF_WORD, UDP6_HEADERS + 4));
}

TEST_F(framing, af_word_of_ipx_is_4_and_of_appletalk_5)
{
	int sock = packet_socket(DEV);

	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	packet_send(sock, DEV, ETH_P_IPX, "novell", 6);
	packet_send(sock, DEV, ETH_P_ATALK, "apple", 5);
	ASSERT_EQ(AF_WORD + 6, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf, "\0\0\0\4novell", 10));
	ASSERT_EQ(AF_WORD + 5, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf, "\0\0\0\5apple", 9));
}

TEST_F(framing, af_word_carries_no_other_protocol)
{
	static const int ethertypes[] = { ETH_P_ARP, ETH_P_MPLS_UC, ETH_P_8021Q, ETH_P_PPP_SES, 0 };
	int sock = packet_socket(DEV);
	size_t i;

	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	for (i = 0; i < ARRAY_SIZE(ethertypes); i++)
		packet_send(sock, DEV, ethertypes[i], self->buf, 64);
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(5, counter(DEV, "tx_dropped_family"));
}

TEST_F(framing, packet_sockets_see_the_packet_and_no_prefix)
{
	int sock = packet_socket(DEV);
	unsigned char seen[256];

	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ(AF_WORD + UDP4_HEADERS + 4, read(self->fd, self->buf, ROOM));
	ASSERT_EQ(UDP4_HEADERS + 4, recv(sock, seen, sizeof(seen), 0));
	EXPECT_EQ(0, memcmp(self->buf + AF_WORD, seen, UDP4_HEADERS + 4));
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ(16 + UDP4_HEADERS + 4, read(self->fd, self->buf, ROOM));
	ASSERT_EQ(UDP4_HEADERS + 4, recv(sock, seen, sizeof(seen), 0));
	EXPECT_EQ(0, memcmp(self->buf + 16, seen, UDP4_HEADERS + 4));
}

/* The next hops that a packet read with TUNSLMODE must be preceded by: all bytes
 * of the sockaddr, and a whole packet behind it.
 */
static bool is_to4(struct _test_data_framing *self, const char *hop, const char *dst)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const size_t len = sizeof(sin) + UDP4_HEADERS + 4;
	struct in_addr addr;

	inet_pton(AF_INET, hop, &sin.sin_addr);
	inet_pton(AF_INET, dst, &addr);
	/* What IPv6 sends of its own accord has its sockaddr before it. */
	return read_udp6(self->fd, self->buf, ROOM, sizeof(struct sockaddr_in6)) == (ssize_t)len &&
	       !memcmp(self->buf, &sin, sizeof(sin)) &&
	       packet_is_sound(self->buf + sizeof(sin), len - sizeof(sin)) &&
	       !memcmp(self->buf + sizeof(sin) + 16, &addr, sizeof(addr));
}

static bool is_to6(struct _test_data_framing *self, const char *hop, int scope, const char *dst)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_scope_id = scope };
	const size_t len = sizeof(sin6) + UDP6_HEADERS + 4;
	struct in6_addr addr;

	inet_pton(AF_INET6, hop, &sin6.sin6_addr);
	inet_pton(AF_INET6, dst, &addr);
	return read_udp6(self->fd, self->buf, ROOM, sizeof(sin6)) == (ssize_t)len &&
	       !memcmp(self->buf, &sin6, sizeof(sin6)) &&
	       packet_is_sound(self->buf + sizeof(sin6), len - sizeof(sin6)) &&
	       !memcmp(self->buf + sizeof(sin6) + 24, &addr, sizeof(addr));
}

TEST_F(framing, next_hop_of_ipv4_on_the_link_is_the_destination)
{
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	send_numbers(self->sock, 0, 1);
	EXPECT_TRUE(is_to4(self, THERE4, THERE4));
	send_to("192.0.2.77", NULL);
	EXPECT_TRUE(is_to4(self, "192.0.2.77", "192.0.2.77"));
}

TEST_F(framing, next_hop_of_ipv4_through_a_gateway_is_the_gateway)
{
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	ASSERT_EQ(0, route_add(DEV, "203.0.113.0", 24, THERE4));
	send_to("203.0.113.9", NULL);
	EXPECT_TRUE(is_to4(self, THERE4, "203.0.113.9"));
}

TEST_F(framing, next_hop_stays_when_TUNSLMODE_is_set_again)
{
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	ASSERT_EQ(0, route_add(DEV, "203.0.113.0", 24, THERE4));
	send_to("203.0.113.9", NULL);
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	EXPECT_TRUE(is_to4(self, THERE4, "203.0.113.9"));
}

TEST_F(framing, next_hop_of_ipv4_routed_to_the_interface_is_the_destination)
{
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	ASSERT_EQ(0, route_add(DEV, "203.0.113.0", 24, NULL));
	send_to("203.0.113.9", NULL);
	EXPECT_TRUE(is_to4(self, "203.0.113.9", "203.0.113.9"));
}

TEST_F(framing, next_hop_of_ipv6_on_the_link_is_the_destination)
{
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	send_numbers(machine_ipv6(), 0, 1);
	EXPECT_TRUE(is_to6(self, THERE6, 0, THERE6));
}

TEST_F(framing, next_hop_of_ipv6_through_a_gateway_is_the_gateway)
{
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	machine_ipv6();
	ASSERT_EQ(0, route_add(DEV, "2001:db8:1::", 48, THERE6));
	send_to("2001:db8:1::9", NULL);
	EXPECT_TRUE(is_to6(self, THERE6, 0, "2001:db8:1::9"));
}

TEST_F(framing, next_hop_that_is_link_local_has_the_interface_as_scope)
{
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	machine_ipv6();
	ASSERT_EQ(0, addr_add(DEV, "fe80::1", NULL, 64));
	send_to(LINK_LOCAL, DEV);
	EXPECT_TRUE(is_to6(self, LINK_LOCAL, link_index(DEV), LINK_LOCAL));
	ASSERT_EQ(0, route_add(DEV, "2001:db8:1::", 48, LINK_LOCAL));
	send_to("2001:db8:1::9", NULL);
	EXPECT_TRUE(is_to6(self, LINK_LOCAL, link_index(DEV), "2001:db8:1::9"));
}

TEST_F(framing, next_hop_of_each_packet_is_its_own)
{
	int i;

	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	ASSERT_EQ(0, route_add(DEV, "203.0.113.0", 24, THERE4));
	ASSERT_EQ(0, route_add(DEV, "198.51.100.0", 24, "192.0.2.3"));
	for (i = 0; i < 3; i++) {
		send_to("203.0.113.9", NULL);
		send_to("198.51.100.9", NULL);
		send_to("192.0.2.4", NULL);
	}
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(is_to4(self, THERE4, "203.0.113.9"));
		EXPECT_TRUE(is_to4(self, "192.0.2.3", "198.51.100.9"));
		EXPECT_TRUE(is_to4(self, "192.0.2.4", "192.0.2.4"));
	}
}

TEST_F(framing, next_hop_without_a_route_is_the_destination)
{
	int sock = packet_socket(DEV);
	unsigned char packet[64];
	size_t len = build_udp(AF_INET, packet, "data", 4);

	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	packet_send(sock, DEV, ETH_P_IP, packet, len);
	EXPECT_TRUE(is_to4(self, HERE4, HERE4));
}

TEST_F(framing, next_hop_of_a_stunted_packet_is_no_address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	int sock = packet_socket(DEV);

	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	packet_send(sock, DEV, ETH_P_IP, "E", 1);
	packet_send(sock, DEV, ETH_P_IPV6, "`", 1);
	ASSERT_EQ((ssize_t)sizeof(sin) + 1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf, &sin, sizeof(sin)));
	EXPECT_EQ('E', self->buf[sizeof(sin)]);
	ASSERT_EQ((ssize_t)sizeof(sin6) + 1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(0, memcmp(self->buf, &sin6, sizeof(sin6)));
	EXPECT_EQ('`', self->buf[sizeof(sin6)]);
}

TEST_F(framing, sockaddr_carries_ipv4_and_ipv6_alone)
{
	int sock = packet_socket(DEV);

	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	packet_send(sock, DEV, ETH_P_IPX, self->buf, 64);
	packet_send(sock, DEV, ETH_P_ATALK, self->buf, 64);
	packet_send(sock, DEV, ETH_P_ARP, self->buf, 64);
	EXPECT_EQ(-1, read(self->fd, self->buf, ROOM));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(3, counter(DEV, "tx_dropped_family"));
}

TEST_F(framing, short_read_gets_the_head_of_the_sockaddr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int len;

	inet_pton(AF_INET, THERE4, &sin.sin_addr);
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	for (len = 1; len <= 16; len += 5) {
		send_numbers(self->sock, 0, 1);
		memset(self->buf, 0xa5, 64);
		EXPECT_EQ(len, read(self->fd, self->buf, len));
		EXPECT_EQ(0, memcmp(self->buf, &sin, len));
		EXPECT_EQ(0xa5, self->buf[len]);
	}
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 16));
}

TEST_F(framing, of_queued_packets_changes_with_the_framing)
{
	send_numbers(self->sock, 0, 4);
	EXPECT_EQ(0, read_number(self->fd, 0));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_EQ(1, read_number(self->fd, AF_WORD));
	/* Their routes are forgotten: the next hop is the destination. */
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	EXPECT_TRUE(is_to4(self, THERE4, THERE4));
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 0));
	EXPECT_EQ(3, read_number(self->fd, 0));
	EXPECT_EQ(0, counter(DEV, "tx_dropped_purged"));
}

TEST_F(framing, change_keeps_of_the_queue_what_it_can_carry)
{
	int sock6, raw = packet_socket(DEV);

	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	sock6 = machine_ipv6();
	packet_send(raw, DEV, ETH_P_IPX, self->buf, 64);
	send_numbers(sock6, 0, 1);
	packet_send(raw, DEV, ETH_P_ATALK, self->buf, 64);
	send_numbers(self->sock, 1, 1);
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	EXPECT_EQ(2, counter(DEV, "tx_dropped_purged"));
	EXPECT_TRUE(is_to6(self, THERE6, 0, THERE6));
	EXPECT_TRUE(is_to4(self, THERE4, THERE4));
}

TEST_F(framing, change_while_full_does_not_stop_the_traffic)
{
	int i;

	ASSERT_EQ(0, link_set_txqlen(DEV, 8));
	send_numbers(self->sock, 0, 100);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
		ASSERT_EQ(2 * i, wait_number(self->fd, AF_WORD));
		ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
		ASSERT_EQ(2 * i + 1, wait_number(self->fd, 0));
	}
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
}

TEST_F(framing, change_that_empties_a_full_ring_does_not_stop_the_traffic)
{
	int sock6;

	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	sock6 = machine_ipv6();
	ASSERT_EQ(0, qdisc_set(DEV, "pfifo", 1000));
	ASSERT_EQ(0, link_set_txqlen(DEV, 8));
	send_numbers(sock6, 0, 100);
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, wait_number(self->fd, 0));
	EXPECT_LE(8, counter(DEV, "tx_dropped_purged"));
}

TEST_F(framing, default_is_none)
{
	char text[16];

	sysfs_mount();
	file_read(FRAMING, text, sizeof(text));
	EXPECT_STREQ("none\n", text);
}

TEST_F(framing, default_af_is_for_who_opens_next)
{
	char text[16];

	sysfs_mount();
	ASSERT_EQ(0, file_write(FRAMING, "af\n"));
	file_read(FRAMING, text, sizeof(text));
	EXPECT_STREQ("af\n", text);
	EXPECT_EQ(0, get(self->fd, TUNGIFHEAD));
	send_numbers(self->sock, 1, 1);
	EXPECT_EQ(1, read_number(self->fd, 0));

	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_EQ(1, get(self->fd, TUNGIFHEAD));
	send_numbers(self->sock, 2, 1);
	EXPECT_EQ(2, read_number(self->fd, AF_WORD));
	/* The file may turn it off, for itself. */
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	send_numbers(self->sock, 3, 1);
	EXPECT_EQ(3, read_number(self->fd, 0));

	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(1, get(self->fd, TUNGIFHEAD));
	EXPECT_EQ(0, file_write(FRAMING, "none"));
	EXPECT_EQ(1, get(self->fd, TUNGIFHEAD));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	EXPECT_EQ(0, get(self->fd, TUNGIFHEAD));
}

TEST_F(framing, default_that_is_unknown_is_EINVAL)
{
	static const char * const bad[] = { "AF", "a", "aff", "2", "lmode", "none af" };
	char text[16];
	size_t i;

	sysfs_mount();
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, file_write(FRAMING, bad[i]));
	file_read(FRAMING, text, sizeof(text));
	EXPECT_STREQ("none\n", text);
}

TEST_HARNESS_MAIN
