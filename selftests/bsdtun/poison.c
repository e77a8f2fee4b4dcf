// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Each byte that comes out of the kernel was written for whom it goes to: what is
 * returned is all defined, and around it the caller's buffer is as it was.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#ifndef FIOSETOWN	/* <asm/sockios.h> */
#define FIOSETOWN	0x8901
#define FIOGETOWN	0x8903
#endif

#define ATTRIBUTES	"/sys/class/net/" DEV "/bsdtun/"
#define PARAMETERS	"/sys/module/bsdtun/parameters/"
#define BAUDRATE	0x12345678
#define GUARD		64		/* before the argument, and at least as much behind */
#define AREA		(2 * ROOM)

/* A byte that the kernel wrote differs from one of them. */
static const unsigned char poisons[] = { 0xa5, 0x5a };

/* The poisoned memory, low enough for 32-bit calls, what it is to hold in the end, and the
 * argument in it.
 */
static unsigned char *area, *arg;
static unsigned char wanted[AREA];
static size_t reach;

static void area_make(void)
{
	int low = 0;

#ifdef MAP_32BIT
	low = MAP_32BIT;
#endif
	area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | low, -1, 0);
	if (area == MAP_FAILED) {
		perror("mmap");
		_exit(255);
	}
	arg = area + GUARD;
}

/* room: for the argument */
static void poison(unsigned char with, size_t room)
{
	reach = GUARD + room + GUARD;
	memset(area, with, reach);
	memset(wanted, with, reach);
}

static void want(const unsigned char *at, const void *bytes, size_t len)
{
	memcpy(wanted + (at - area), bytes, len);
}

static bool as_wanted(void)
{
	size_t i;

	for (i = 0; i < reach; i++) {
		if (area[i] == wanted[i])
			continue;
		printf("# byte %zd is %#x, not %#x\n", (ssize_t)i - GUARD, area[i], wanted[i]);
		return false;
	}
	return true;
}

/* ioctl(2): all bytes of what is returned, and none beside it, called as 64-bit and as
 * 32-bit programs do.
 */
FIXTURE(ioctl)
{
	int fd;
};

FIXTURE_VARIANT(ioctl)
{
	int (*call)(int fd, unsigned long request, void *arg);
	size_t ifreq_size;
};

static int call_native(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) ? -errno : 0;
}

FIXTURE_VARIANT_ADD(ioctl, native)
{
	.call = call_native,
	.ifreq_size = sizeof(struct ifreq),
};

#ifdef __x86_64__
FIXTURE_VARIANT_ADD(ioctl, of_32_bit_programs)
{
	.call = ioctl32,
	.ifreq_size = 32,
};
#endif

#define GIFNAME		_IOC(_IOC_READ, 't', 93, variant->ifreq_size)

FIXTURE_SETUP(ioctl)
{
	struct tuninfo info = { .mtu = 1500, .type = BSDTUN_IFT_PPP, .baudrate = BAUDRATE };

	netns_enter();
	area_make();
	self->fd = unit_take(0, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFINFO, &info));
	ASSERT_EQ(0, set(self->fd, FIOSETOWN, getpid()));
	ASSERT_EQ(0, link_rename(DEV, "a_longer_name"));
	ASSERT_EQ(0, link_rename("a_longer_name", DEV));
}

FIXTURE_TEARDOWN(ioctl)
{
	link_del(DEV);
}

union answer {
	int value;
	char name[IFNAMSIZ];
	struct tuninfo info;
	struct tuninfo_openbsd info_openbsd;
};

#define NAME_NR		_IOC_NR(TUNGIFNAME)

/* What a getter returns, in all its bytes, and how many those are. */
static size_t answer_to(unsigned long request, union answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	switch (request) {
	case TUNGIFINFO:
		answer->info.baudrate = BAUDRATE;
		answer->info.mtu = 1500;
		answer->info.type = BSDTUN_IFT_PPP;
		return 8;
	case TUNGIFINFO_OPENBSD:
		answer->info_openbsd.mtu = 1500;
		answer->info_openbsd.type = BSDTUN_IFT_TUNNEL;
		answer->info_openbsd.flags = IFF_POINTOPOINT | IFF_MULTICAST;
		answer->info_openbsd.baudrate = BAUDRATE;
		return 12;
	case FIOGETOWN:
		answer->value = getpid();
		return 4;
	case TIOCGPGRP:
		answer->value = -getpid();
		return 4;
	case TUNGCAP:
		answer->value = BSDTUN_IFCAPS;
		return 4;
	case TUNGDEBUG:
	case TUNGIFHEAD:
	case TUNGTRANSIENT:
	case TUNGVNETHDR:
	case TUNGBATCH:
	case FIONREAD:
		return 4;
	default:	/* TUNGIFNAME */
		memcpy(answer->name, DEV, sizeof(DEV));
		return IFNAMSIZ;
	}
}

TEST_F(ioctl, getter_writes_every_byte_of_its_answer_and_no_other)
{
	const unsigned long getters[] = {
		TUNGDEBUG, TUNGIFINFO, TUNGIFINFO_OPENBSD, GIFNAME, TUNGIFHEAD, TUNGTRANSIENT,
		TUNGVNETHDR, TUNGBATCH, TUNGCAP, FIONREAD, FIOGETOWN, TIOCGPGRP,
	};
	size_t i, pattern, shift, len;
	union answer answer;

	ASSERT_EQ(0, set(self->fd, TUNSCAP, BSDTUN_IFCAPS));
	for (i = 0; i < ARRAY_SIZE(getters); i++) {
		len = answer_to(getters[i], &answer);
		for (pattern = 0; pattern < ARRAY_SIZE(poisons); pattern++) {
			for (shift = 0; shift < 4; shift++) {
				poison(poisons[pattern], 128);
				want(arg + shift, &answer, len);
				EXPECT_EQ(0, variant->call(self->fd, getters[i], arg + shift));
				EXPECT_TRUE(as_wanted()) TH_LOG("%#lx", getters[i]);
			}
		}
	}
}

TEST_F(ioctl, TUNGIFNAME_returns_nothing_of_a_longer_name_of_before)
{
	char name[IFNAMSIZ] = "t";

	ASSERT_EQ(0, link_rename(DEV, "fifteen_letters"));
	ASSERT_EQ(0, link_rename("fifteen_letters", "t"));
	poison(poisons[0], 128);
	want(arg, name, sizeof(name));
	EXPECT_EQ(0, variant->call(self->fd, GIFNAME, arg));
	EXPECT_TRUE(as_wanted());
	EXPECT_EQ(0, link_del("t"));
}

TEST_F(ioctl, setter_leaves_its_argument_as_it_is)
{
	const struct {
		unsigned long request;
		size_t len;
		union answer value;
	} setters[] = {
		{ TUNSDEBUG, 4, { .value = 0 } },
		{ TUNSIFINFO, 8, { .info = { .mtu = 1400, .type = BSDTUN_IFT_PPP, .dummy = 7 } } },
		{ TUNSIFINFO, 8, { .info = { .mtu = 1400 } } },
		{ TUNSIFINFO_OPENBSD, 12, { .info_openbsd = { .mtu = 1400 } } },
		{ TUNSLMODE, 4, { .value = 1 } },
		{ TUNSIFMODE, 4, { .value = IFF_BROADCAST } },
		{ TUNSIFMODE, 4, { .value = -1 } },
		{ TUNSIFPID, 0, { } },
		{ TUNSIFHEAD, 4, { .value = 2 } },
		{ TUNSTRANSIENT, 4, { .value = 0 } },
		{ TUNSCAP, 4, { .value = 1 } },
		{ TUNDCAP, 0, { } },
		{ TUNSVNETHDR, 4, { .value = 10 } },
		{ TUNSVNETHDR, 4, { .value = 0 } },
		{ TUNSBATCH, 4, { .value = 0 } },
		{ FIONBIO, 4, { .value = 1 } },
		{ FIOASYNC, 4, { .value = 0 } },
		{ FIOSETOWN, 4, { .value = 0 } },
		{ TIOCSPGRP, 4, { .value = 0 } },
	};
	size_t i, pattern;

	for (i = 0; i < ARRAY_SIZE(setters); i++) {
		for (pattern = 0; pattern < ARRAY_SIZE(poisons); pattern++) {
			poison(poisons[pattern], 128);
			memcpy(arg, &setters[i].value, setters[i].len);
			want(arg, &setters[i].value, setters[i].len);
			variant->call(self->fd, setters[i].request, arg);
			EXPECT_TRUE(as_wanted()) TH_LOG("%#lx", setters[i].request);
		}
	}
}

static void call_everything(int (*call)(int fd, unsigned long request, void *argument), int fd)
{
	static const unsigned long others[] = {
		FIONREAD, FIOGETOWN, TIOCGPGRP, SIOCGIFNAME, TIOCOUTQ, TCGETS, FIOQSIZE,
	};
	static const unsigned int dirs[] = { _IOC_NONE, _IOC_READ, _IOC_READ | _IOC_WRITE };
	static const unsigned int sizes[] = { 0, 4, 8, 12, 16, 32, 40, 16383 };
	size_t i, j, nr;

	for (nr = 0; nr < 256; nr++)
		for (i = 0; i < ARRAY_SIZE(dirs); i++)
			for (j = 0; j < ARRAY_SIZE(sizes); j++)
				call(fd, _IOC(dirs[i], 't', nr, sizes[j]), arg);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		call(fd, others[i], arg);
}

TEST_F(ioctl, of_a_deleted_interface_writes_nothing)
{
	ASSERT_EQ(0, link_del(DEV));
	poison(poisons[0], 16384);
	call_everything(variant->call, self->fd);
	EXPECT_TRUE(as_wanted());
}

/* Numbers of getters with other sizes among them. */
TEST_F(ioctl, unknown_writes_nothing)
{
	static const unsigned int sizes[] = { 0, 1, 5, 16, 24, 64, 16383 };
	size_t i, nr;

	poison(poisons[0], 16384);
	for (nr = 0; nr < 256; nr++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			EXPECT_EQ(-ENOTTY,
				  variant->call(self->fd, _IOC(_IOC_READ, 't', nr, sizes[i]), arg));
		}
	}
	EXPECT_TRUE(as_wanted());
}

/* read(2). The packets come from a packet socket, so that each byte of them is known; IPv6
 * is off, so that there is no other. The next hop is then the destination.
 */
FIXTURE(read)
{
	int fd;
	int sock;
	unsigned char frame[ROOM];	/* prefix and packet */
	size_t prefix, len;		/* of the prefix, and of both */
};

FIXTURE_VARIANT(read)
{
	unsigned long framing;		/* 0: none */
	int ethertype;
	size_t len;
	bool link_local;
	int vnet;			/* length of a header of virtio before it */
};

FIXTURE_VARIANT_ADD(read, ipv4) { 0, ETH_P_IP, 100, false, 0 };
FIXTURE_VARIANT_ADD(read, ipv4_of_1_byte) { 0, ETH_P_IP, 1, false, 0 };
FIXTURE_VARIANT_ADD(read, ipv4_of_65535_bytes) { 0, ETH_P_IP, 65535, false, 0 };
FIXTURE_VARIANT_ADD(read, af_ipv4) { TUNSIFHEAD, ETH_P_IP, 100, false, 0 };
FIXTURE_VARIANT_ADD(read, af_ipv6) { TUNSIFHEAD, ETH_P_IPV6, 101, false, 0 };
FIXTURE_VARIANT_ADD(read, af_ipv6_of_65535_bytes) { TUNSIFHEAD, ETH_P_IPV6, 65535, false, 0 };
FIXTURE_VARIANT_ADD(read, af_ipx) { TUNSIFHEAD, ETH_P_IPX, 30, false, 0 };
FIXTURE_VARIANT_ADD(read, af_appletalk) { TUNSIFHEAD, ETH_P_ATALK, 13, false, 0 };
FIXTURE_VARIANT_ADD(read, sockaddr_ipv4) { TUNSLMODE, ETH_P_IP, 100, false, 0 };
FIXTURE_VARIANT_ADD(read, sockaddr_ipv4_of_1_byte) { TUNSLMODE, ETH_P_IP, 1, false, 0 };
FIXTURE_VARIANT_ADD(read, sockaddr_ipv4_of_65535_bytes) { TUNSLMODE, ETH_P_IP, 65535, false, 0 };
FIXTURE_VARIANT_ADD(read, sockaddr_ipv6) { TUNSLMODE, ETH_P_IPV6, 101, false, 0 };
FIXTURE_VARIANT_ADD(read, sockaddr_ipv6_link_local) { TUNSLMODE, ETH_P_IPV6, 101, true, 0 };
FIXTURE_VARIANT_ADD(read, sockaddr_ipv6_of_39_bytes) { TUNSLMODE, ETH_P_IPV6, 39, false, 0 };

FIXTURE_VARIANT_ADD(read, tun_hdr) { TUNSCAP, ETH_P_IP, 100, false, 0 };
FIXTURE_VARIANT_ADD(read, vnet_header_10) { 0, ETH_P_IP, 100, false, 10 };
FIXTURE_VARIANT_ADD(read, vnet_header_12) { 0, ETH_P_IP, 65535, false, 12 };
FIXTURE_VARIANT_ADD(read, vnet_header_12_af_ipv6) { TUNSIFHEAD, ETH_P_IPV6, 101, false, 12 };

#define DESTINATION4	16	/* where it stands in the header */
#define DESTINATION6	24
#define HEADER4		20
#define HEADER6		40

/* A packet of any length, well-formed or not. */
static void build_packet(void *packet, int ethertype, size_t len, bool link_local)
{
	static unsigned char payload[ROOM], whole[ROOM + UDP6_HEADERS];
	int family = ethertype == ETH_P_IPV6 ? AF_INET6 : AF_INET;

	pattern(payload, sizeof(payload));
	if (ethertype != ETH_P_IP && ethertype != ETH_P_IPV6) {
		memcpy(packet, payload, len);
		return;
	}
	build_udp(family, whole, payload, len);
	if (link_local)
		inet_pton(AF_INET6, "fe80::1", whole + DESTINATION6);
	memcpy(packet, whole, len);
}

static size_t build_sockaddr(void *prefix, const void *packet, int ethertype, size_t len,
			     bool link_local)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in sin = { .sin_family = AF_INET };

	if (ethertype == ETH_P_IP) {
		if (len >= HEADER4)
			memcpy(&sin.sin_addr, packet + DESTINATION4, 4);
		memcpy(prefix, &sin, sizeof(sin));
		return sizeof(sin);
	}
	if (len >= HEADER6)
		memcpy(&sin6.sin6_addr, packet + DESTINATION6, 16);
	if (link_local)
		sin6.sin6_scope_id = link_index(DEV);
	memcpy(prefix, &sin6, sizeof(sin6));
	return sizeof(sin6);
}

static size_t build_af(void *prefix, int ethertype)
{
	uint32_t af = htonl(ethertype == ETH_P_IP ? AF_INET :
			    ethertype == ETH_P_IPV6 ? AF_INET6 :
			    ethertype == ETH_P_IPX ? AF_IPX : AF_APPLETALK);

	memcpy(prefix, &af, sizeof(af));
	return sizeof(af);
}

static void build_frame(struct _test_data_read *self, const struct _fixture_variant_read *variant)
{
	static unsigned char packet[ROOM];

	build_packet(packet, variant->ethertype, variant->len, variant->link_local);
	/* The packets are complete, and of no header is anything set. */
	self->prefix = variant->framing == TUNSCAP ? sizeof(struct tun_hdr) : (size_t)variant->vnet;
	memset(self->frame, 0, self->prefix);
	if (variant->framing == TUNSIFHEAD)
		self->prefix += build_af(self->frame + self->prefix, variant->ethertype);
	else if (variant->framing == TUNSLMODE)
		self->prefix = build_sockaddr(self->frame, packet, variant->ethertype,
					      variant->len, variant->link_local);
	memcpy(self->frame + self->prefix, packet, variant->len);
	self->len = self->prefix + variant->len;
}

FIXTURE_SETUP(read)
{
	netns_enter();
	area_make();
	self->fd = unit_take(0, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, link_set_mtu(DEV, 65535));
	ASSERT_EQ(0, link_up(DEV));
	self->sock = packet_socket(DEV);
	if (variant->framing)
		ASSERT_EQ(0, set(self->fd, variant->framing, 1));
	if (variant->vnet)
		ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, variant->vnet));
	build_frame(self, variant);
}

FIXTURE_TEARDOWN(read)
{
	link_del(DEV);
}

static void queue_packet(struct _test_data_read *self, const struct _fixture_variant_read *variant)
{
	packet_send(self->sock, DEV, variant->ethertype, self->frame + self->prefix, variant->len);
}

TEST_F(read, writes_what_fits_of_prefix_and_packet_and_no_other_byte)
{
	const size_t sizes[] = {
		1, self->prefix - 1, self->prefix, self->prefix + 1, self->len - 1, self->len,
		self->len + 1, self->len + 4096,
	};
	size_t i, pattern, got;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (!sizes[i] || sizes[i] > ROOM)
			continue;
		for (pattern = 0; pattern < ARRAY_SIZE(poisons); pattern++) {
			got = sizes[i] < self->len ? sizes[i] : self->len;
			poison(poisons[pattern], sizes[i]);
			want(arg, self->frame, got);
			queue_packet(self, variant);
			EXPECT_EQ((ssize_t)got, read(self->fd, arg, sizes[i]));
			EXPECT_TRUE(as_wanted()) TH_LOG("buffer of %zu bytes", sizes[i]);
		}
	}
}

/* Two packets, if that is not too much to look at. */
TEST_F(read, writes_of_a_batch_the_frames_their_padding_and_no_other_byte)
{
	struct tun_batch_hdr header = { .len = self->len };
	size_t each = (sizeof(header) + self->len + TUN_BATCH_ALIGN - 1) & -TUN_BATCH_ALIGN;
	static const unsigned char zeros[TUN_BATCH_ALIGN];
	size_t i, pattern, count = self->len < 1000 ? 2 : 1;
	size_t padding = each - sizeof(header) - self->len;
	unsigned char *at;

	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 1));
	for (pattern = 0; pattern < ARRAY_SIZE(poisons); pattern++) {
		poison(poisons[pattern], count * each + 32);
		for (i = 0; i < count; i++) {
			at = arg + i * each;
			want(at, &header, sizeof(header));
			want(at + sizeof(header), self->frame, self->len);
			want(at + sizeof(header) + self->len, zeros, padding);
			queue_packet(self, variant);
		}
		EXPECT_EQ((ssize_t)(count * each), read(self->fd, arg, count * each + 32));
		EXPECT_TRUE(as_wanted());
	}
}

TEST_F(read, writes_into_the_pieces_and_not_between_them)
{
	static const size_t lens[] = { 1, 2, 3, 0, 4, 1, 5, 16, 28, 7, 1 };
	struct iovec iov[ARRAY_SIZE(lens) + 1];
	size_t i, pattern, at, done, len;

	for (pattern = 0; pattern < ARRAY_SIZE(poisons); pattern++) {
		poison(poisons[pattern], self->len + 1024);
		at = 0;
		done = 0;
		for (i = 0; i < ARRAY_SIZE(iov); i++) {
			/* The last takes what is left, and more. */
			len = i < ARRAY_SIZE(lens) ? lens[i] : self->len;
			iov[i].iov_base = arg + at;
			iov[i].iov_len = len;
			if (len > self->len - done)
				len = self->len - done;
			want(arg + at, self->frame + done, len);
			done += len;
			at += iov[i].iov_len + 9;
		}
		queue_packet(self, variant);
		EXPECT_EQ((ssize_t)self->len, readv(self->fd, iov, ARRAY_SIZE(iov)));
		EXPECT_TRUE(as_wanted());
	}
}

/* Where the buffer ends before what can be mapped does: EFAULT, and of what was written by
 * then each byte is the packet's.
 */
TEST_F(read, into_a_hole_writes_nothing_but_the_packet)
{
	unsigned char *hole;
	size_t room, i;

	for (room = 1; room < self->len; room += self->len / 4 + 1) {
		hole = before_hole(room);
		memset(hole, poisons[0], room);
		queue_packet(self, variant);
		EXPECT_EQ(-1, read(self->fd, hole, self->len));
		EXPECT_EQ(EFAULT, errno);
		/* What comes first is written first, if at all. */
		for (i = 0; i < room && hole[i] == self->frame[i]; i++)
			;
		for (; i < room && hole[i] == poisons[0]; i++)
			;
		EXPECT_EQ(room, i);
	}
}

/* What is in the queue when the framing changes */
TEST_F(read, of_a_packet_queued_with_another_framing_is_the_same)
{
	static const unsigned long framings[] = { TUNSIFHEAD, TUNSLMODE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(framings); i++) {
		if (framings[i] == TUNSLMODE &&
		    variant->ethertype != ETH_P_IP && variant->ethertype != ETH_P_IPV6)
			continue;
		ASSERT_EQ(0, set(self->fd, framings[i], 1));
		queue_packet(self, variant);
		/* Either prefix turns the other off. */
		ASSERT_EQ(0, variant->framing && variant->framing != TUNSCAP ?
				set(self->fd, variant->framing, 1) :
				set(self->fd, framings[i], 0));
		poison(poisons[0], ROOM);
		want(arg, self->frame, self->len);
		EXPECT_EQ((ssize_t)self->len, read(self->fd, arg, ROOM));
		EXPECT_TRUE(as_wanted()) TH_LOG("queued with %#lx", framings[i]);
	}
}

TEST_F(read, and_FIONREAD_tell_the_same_length)
{
	int len = self->len;

	queue_packet(self, variant);
	poison(poisons[0], 4);
	want(arg, &len, sizeof(len));
	ASSERT_EQ(0, ioctl(self->fd, FIONREAD, arg));
	EXPECT_TRUE(as_wanted());
}

TEST_F(read, of_an_empty_queue_or_a_deleted_interface_writes_nothing)
{
	poison(poisons[0], ROOM);
	EXPECT_EQ(-1, read(self->fd, arg, ROOM));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_TRUE(as_wanted());
	queue_packet(self, variant);
	EXPECT_EQ(0, read(self->fd, arg, 0));
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(-1, read(self->fd, arg, ROOM));
	EXPECT_EQ(EIO, errno);
	EXPECT_TRUE(as_wanted());
}

/* What others see of the interface */
FIXTURE(others)
{
	int fd;
	int sock;
};

FIXTURE_SETUP(others)
{
	netns_enter();
	sysfs_mount();
	area_make();
	self->fd = unit_take(0, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, link_set_mtu(DEV, 65535));
	ASSERT_EQ(0, link_up(DEV));
	self->sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, self->sock);
}

FIXTURE_TEARDOWN(others)
{
	link_del(DEV);
}

/* There is no link layer: neither a header nor an address. */
TEST_F(others, packet_sockets_see_a_written_packet_and_no_byte_before_or_behind_it)
{
	static const size_t lens[] = { 1, 20, 100, 4096, 65535 };
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = link_index(DEV) };
	static unsigned char packet[ROOM];
	socklen_t addr_len;
	size_t i;

	ASSERT_EQ(0, bind(self->sock, (struct sockaddr *)&addr, sizeof(addr)));
	addr.sll_protocol = htons(ETH_P_IP);
	addr.sll_hatype = ARPHRD_NONE;
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		build_packet(packet, ETH_P_IP, lens[i], false);
		ASSERT_EQ((ssize_t)lens[i], write(self->fd, packet, lens[i]));
		poison(poisons[i % 2], ROOM + sizeof(struct sockaddr_storage));
		want(arg, packet, lens[i]);
		addr_len = sizeof(struct sockaddr_storage);
		EXPECT_EQ((ssize_t)lens[i],
			  recvfrom(self->sock, arg, ROOM, 0,
				   (struct sockaddr *)(arg + ROOM), &addr_len));
		want(arg + ROOM, &addr, sizeof(addr));
		EXPECT_EQ(sizeof(addr), addr_len);
		EXPECT_TRUE(as_wanted()) TH_LOG("%zu bytes", lens[i]);
	}
}

TEST_F(others, packet_sockets_see_a_sent_packet_and_no_byte_before_or_behind_it)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = link_index(DEV) };
	static const unsigned long framings[] = { 0, TUNSIFHEAD, TUNSLMODE };
	unsigned char packet[100];
	int sender = packet_socket(DEV);
	size_t i;

	ASSERT_EQ(0, bind(self->sock, (struct sockaddr *)&addr, sizeof(addr)));
	build_packet(packet, ETH_P_IP, sizeof(packet), false);
	for (i = 0; i < ARRAY_SIZE(framings); i++) {
		if (framings[i])
			ASSERT_EQ(0, set(self->fd, framings[i], 1));
		packet_send(sender, DEV, ETH_P_IP, packet, sizeof(packet));
		poison(poisons[i % 2], 1024);
		want(arg, packet, sizeof(packet));
		EXPECT_EQ((ssize_t)sizeof(packet), recv(self->sock, arg, 1024, 0));
		EXPECT_TRUE(as_wanted());
	}
}

TEST_F(others, hardware_address_is_of_the_type_none_and_zero)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, DEV, sizeof(DEV));
	ifr.ifr_hwaddr.sa_family = ARPHRD_NONE;
	poison(poisons[0], sizeof(ifr));
	memcpy(arg, ifr.ifr_name, IFNAMSIZ);
	want(arg, &ifr, IFNAMSIZ + sizeof(ifr.ifr_hwaddr));
	ASSERT_EQ(0, ioctl(self->sock, SIOCGIFHWADDR, arg));
	EXPECT_TRUE(as_wanted());
}

static void check_counters(struct __test_metadata *_metadata, struct rtattr *nest)
{
	int type, expected = IFLA_BSDTUN_COUNTER_PAD + 1, len = RTA_PAYLOAD(nest);
	struct rtattr *attr;

	for (attr = RTA_DATA(nest); RTA_OK(attr, len); attr = RTA_NEXT(attr, len)) {
		type = attr->rta_type;
		if (type == IFLA_BSDTUN_COUNTER_PAD) {
			EXPECT_EQ(RTA_LENGTH(0), attr->rta_len);
			continue;
		}
		EXPECT_EQ(expected, type);
		EXPECT_EQ(RTA_LENGTH(8), attr->rta_len) TH_LOG("counter %d", type);
		expected = type + 1;
	}
	EXPECT_EQ(0, len);
	EXPECT_EQ(IFLA_BSDTUN_COUNTER_MAX + 1, expected);
}

/* One file is open. */
static void check_files(struct __test_metadata *_metadata, struct rtattr *nest)
{
	static const struct bsdtun_file expected;
	struct rtattr *file = RTA_DATA(nest);

	ASSERT_EQ(RTA_SPACE(sizeof(expected)), RTA_PAYLOAD(nest));
	EXPECT_EQ(IFLA_BSDTUN_FILE, file->rta_type);
	ASSERT_EQ(sizeof(expected), RTA_PAYLOAD(file));
	EXPECT_EQ(0, memcmp(RTA_DATA(file), &expected, sizeof(expected)));
}

/* Each attribute once, of its own length, behind it zeros up to the next, and no more. */
TEST_F(others, netlink_attributes_have_their_lengths_and_zeros_for_padding)
{
	static const unsigned char zeros[4];
	bool seen[IFLA_BSDTUN_MAX + 1] = { false };
	struct rtattr *attr = (struct rtattr *)arg;
	int type, len, shown = 0;

	poison(poisons[0], 1024);
	len = link_data(DEV, arg, 1024);
	ASSERT_LT(0, len);
	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len)) {
		type = attr->rta_type & NLA_TYPE_MASK;
		ASSERT_LE(IFLA_BSDTUN_UNIT, type);
		ASSERT_GE(IFLA_BSDTUN_MAX, type);
		EXPECT_FALSE(seen[type]) TH_LOG("attribute %d", type);
		seen[type] = true;
		shown++;
		switch (type) {
		case IFLA_BSDTUN_MODE:
		case IFLA_BSDTUN_TRANSIENT:
		case IFLA_BSDTUN_FRAMING:
			EXPECT_EQ(RTA_LENGTH(1), attr->rta_len) TH_LOG("attribute %d", type);
			EXPECT_EQ(0, memcmp(RTA_DATA(attr) + 1, zeros, 3)) {
				TH_LOG("attribute %d", type);
			}
			break;
		case IFLA_BSDTUN_COUNTERS:
			check_counters(_metadata, attr);
			break;
		case IFLA_BSDTUN_FILES:
			check_files(_metadata, attr);
			break;
		default:
			EXPECT_EQ(RTA_LENGTH(4), attr->rta_len) TH_LOG("attribute %d", type);
		}
	}
	EXPECT_EQ(0, len);
	EXPECT_EQ(IFLA_BSDTUN_MAX, shown);
}

TEST_F(others, files_of_sysfs_hold_their_text_and_no_other_byte)
{
	char pid[16];
	const struct {
		const char *path, *text;
	} files[] = {
		{ ATTRIBUTES "unit", "0\n" },
		{ ATTRIBUTES "owner", "-1\n" },
		{ ATTRIBUTES "group", "-1\n" },
		{ ATTRIBUTES "mode", "pointopoint\n" },
		{ ATTRIBUTES "transient", "0\n" },
		{ ATTRIBUTES "framing", "none\n" },
		{ ATTRIBUTES "pid", pid },
		{ ATTRIBUTES "queues", "1\n" },
		{ ATTRIBUTES "opens", "1\n" },
		{ PARAMETERS "units", "8\n" },
		{ PARAMETERS "name", "bsdtun\n" },
		{ PARAMETERS "clone", "N\n" },
		{ PARAMETERS "debug", "0\n" },
	};
	size_t i, len, room;
	int fd;

	snprintf(pid, sizeof(pid), "%d\n", getpid());
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		len = strlen(files[i].text);
		for (room = 1; room <= 8192; room = room > len ? room * 4 : room + 1) {
			fd = open(files[i].path, O_RDONLY);
			ASSERT_LE(0, fd);
			poison(poisons[room % 2], room);
			want(arg, files[i].text, room < len ? room : len);
			EXPECT_EQ((ssize_t)(room < len ? room : len), read(fd, arg, room));
			EXPECT_TRUE(as_wanted()) TH_LOG("%s", files[i].path);
			close(fd);
		}
	}
}

static int ethtool(int sock, void *command)
{
	struct ifreq ifr = { .ifr_name = DEV, .ifr_data = command };

	return ioctl(sock, SIOCETHTOOL, &ifr) ? -errno : 0;
}

/* A text that fills its room up with zeros */
static bool is_padded(const char *text, size_t room)
{
	size_t i;

	for (i = strnlen(text, room); i < room; i++)
		if (text[i])
			return false;
	return true;
}

TEST_F(others, ethtool_texts_are_padded_with_zeros)
{
	struct ethtool_drvinfo *info = (void *)arg;
	struct ethtool_gstrings *names = (void *)arg;
	uint32_t i, count;

	poison(poisons[0], sizeof(*info));
	info->cmd = ETHTOOL_GDRVINFO;
	ASSERT_EQ(0, ethtool(self->sock, info));
	EXPECT_STREQ("bsdtun", info->driver);
	EXPECT_TRUE(is_padded(info->driver, sizeof(info->driver)));
	EXPECT_TRUE(is_padded(info->version, sizeof(info->version)));
	EXPECT_TRUE(is_padded(info->fw_version, sizeof(info->fw_version)));
	EXPECT_TRUE(is_padded(info->bus_info, sizeof(info->bus_info)));
	EXPECT_TRUE(is_padded(info->erom_version, sizeof(info->erom_version)));
	EXPECT_TRUE(is_padded(info->reserved2, sizeof(info->reserved2)));
	count = info->n_stats;
	want(arg, info, sizeof(*info));
	EXPECT_TRUE(as_wanted());

	ASSERT_LT(0U, count);
	poison(poisons[0], sizeof(*names) + count * ETH_GSTRING_LEN);
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	names->len = count;
	ASSERT_EQ(0, ethtool(self->sock, names));
	for (i = 0; i < count; i++) {
		EXPECT_NE(0, names->data[i * ETH_GSTRING_LEN]);
		EXPECT_TRUE(is_padded((char *)names->data + i * ETH_GSTRING_LEN, ETH_GSTRING_LEN)) {
			TH_LOG("text %u", i);
		}
	}
	want(arg, names, sizeof(*names) + count * ETH_GSTRING_LEN);
	EXPECT_TRUE(as_wanted());
}

TEST_F(others, ethtool_counters_are_counted_from_0)
{
	struct ethtool_stats *stats = (void *)arg;
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	size_t len;
	uint32_t i;

	/* Of the interface that was just made. */
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	self->fd = unit_take(0, O_RDWR);
	ASSERT_EQ(0, ethtool(self->sock, &info));
	len = sizeof(*stats) + info.n_stats * sizeof(uint64_t);
	poison(poisons[0], len);
	stats->cmd = ETHTOOL_GSTATS;
	stats->n_stats = info.n_stats;
	ASSERT_EQ(0, ethtool(self->sock, stats));
	for (i = 0; i < info.n_stats; i++)
		EXPECT_EQ(0U, stats->data[i]);
	want(arg, stats, len);
	EXPECT_TRUE(as_wanted());
}

TEST_F(others, ethtool_settings_are_all_defined)
{
	const struct ethtool_link_settings known = {
		.speed = (uint32_t)SPEED_UNKNOWN, .duplex = DUPLEX_FULL, .port = PORT_NONE,
		.autoneg = AUTONEG_DISABLE,
	};
	struct ethtool_link_settings *settings = (void *)arg;
	size_t masks, i;

	/* The first call learns how many words the masks have. */
	poison(poisons[0], 1024);
	memset(settings, 0, sizeof(*settings));
	settings->cmd = ETHTOOL_GLINKSETTINGS;
	ASSERT_EQ(0, ethtool(self->sock, settings));
	masks = -settings->link_mode_masks_nwords;
	ASSERT_LT(0U, masks);

	poison(poisons[0], 1024);
	memset(settings, 0, sizeof(*settings));
	settings->cmd = ETHTOOL_GLINKSETTINGS;
	settings->link_mode_masks_nwords = masks;
	ASSERT_EQ(0, ethtool(self->sock, settings));
	EXPECT_EQ(known.speed, settings->speed);
	EXPECT_EQ(known.duplex, settings->duplex);
	EXPECT_EQ(known.port, settings->port);
	EXPECT_EQ(known.autoneg, settings->autoneg);
	EXPECT_EQ(0, settings->phy_address | settings->mdio_support | settings->eth_tp_mdix |
		     settings->eth_tp_mdix_ctrl | settings->transceiver | settings->rate_matching);
	for (i = 0; i < ARRAY_SIZE(settings->reserved); i++)
		EXPECT_EQ(0U, settings->reserved[i]);
	for (i = 0; i < 3 * masks; i++)
		EXPECT_EQ(0U, settings->link_mode_masks[i]);
	want(arg, settings, sizeof(*settings) + 3 * masks * sizeof(uint32_t));
	EXPECT_TRUE(as_wanted());
}

TEST_HARNESS_MAIN
