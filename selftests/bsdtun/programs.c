// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What programs with a BSD tun(4) code path do with the device, one case a
 * program: their opens, ioctls, steps of configuration and I/O in their order,
 * and the errno that each acts on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define OTHER			"bsdtun1"
#define IFF_MULTICAST_BSD	0x8000
#define AF_INET6_OPENBSD	24

/* How a program moves packets: bare; behind the address family in one buffer; or with the
 * family in a buffer of its own, by readv(2) and writev(2).
 */
enum way { BARE, WORD, VECTOR };

/* Units 0 and 1 have no interface, as before any program ran. */
FIXTURE(programs)
{
	int fd;
};

FIXTURE_SETUP(programs)
{
	netns_enter();
	close(unit_take(0, O_RDWR));
	close(unit_take(1, O_RDWR));
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, link_del(OTHER));
	self->fd = -1;
}

FIXTURE_TEARDOWN(programs)
{
	if (self->fd >= 0)
		close(self->fd);
	link_del(DEV);
	link_del(OTHER);
}

/* What ifconfig(8) and programs ask of an interface, on a socket of any family. */
static int if_ioctl(int family, const char *dev, unsigned long request, struct ifreq *ifr)
{
	int sock = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", dev);
	ret = sock < 0 || ioctl(sock, request, ifr) ? -errno : 0;
	close(sock);
	return ret;
}

static int if_address(const char *dev, unsigned long request, const char *text)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct ifreq ifr = { 0 };

	inet_pton(AF_INET, text, &addr.sin_addr);
	memcpy(&ifr.ifr_addr, &addr, sizeof(addr));
	return if_ioctl(AF_INET, dev, request, &ifr);
}

static int if_flags(const char *dev)
{
	struct ifreq ifr = { 0 };
	int ret = if_ioctl(AF_UNIX, dev, SIOCGIFFLAGS, &ifr);

	return ret ?: (unsigned short)ifr.ifr_flags;
}

static int if_up(const char *dev)
{
	struct ifreq ifr = { .ifr_flags = if_flags(dev) | IFF_UP };

	return if_ioctl(AF_UNIX, dev, SIOCSIFFLAGS, &ifr);
}

static int if_mtu(const char *dev, int mtu)
{
	struct ifreq ifr = { .ifr_mtu = mtu };
	int ret = if_ioctl(AF_INET, dev, mtu ? SIOCSIFMTU : SIOCGIFMTU, &ifr);

	return ret ?: ifr.ifr_mtu;
}

/* ifconfig DEV HERE4 THERE4 up: 0 or -errno. */
static int ifconfig(const char *dev)
{
	return if_address(dev, SIOCSIFADDR, HERE4) ?:
	       if_address(dev, SIOCSIFDSTADDR, THERE4) ?: if_up(dev);
}

/* read(2) and write(2) in one of the ways. A read ends with an error if the packet is not
 * behind the family that it is of. Both return what the call did, the prefix included.
 */
static ssize_t packet_read(int fd, enum way way, void *packet, size_t size)
{
	static unsigned char buf[ROOM];
	uint32_t family = htonl(AF_UNSPEC);
	struct iovec iov[2] = { { &family, sizeof(family) }, { packet, size } };
	ssize_t len;

	if (way == VECTOR) {
		len = readv(fd, iov, 2);
	} else if (way == WORD) {
		len = read(fd, buf, AF_WORD + size);
		memcpy(&family, buf, sizeof(family));
		memcpy(packet, buf + AF_WORD, size);
	} else {
		return read(fd, packet, size);
	}
	if (len > AF_WORD &&
	    ntohl(family) != (*(unsigned char *)packet >> 4 == 6 ? AF_INET6 : AF_INET))
		return -1;
	return len;
}

static ssize_t packet_write(int fd, enum way way, int family, const void *packet, size_t len)
{
	static unsigned char buf[ROOM];
	uint32_t word = htonl(family);
	struct iovec iov[2] = { { &word, sizeof(word) }, { (void *)packet, len } };

	if (way == VECTOR)
		return writev(fd, iov, 2);
	if (way == BARE)
		return write(fd, packet, len);
	memcpy(buf, &word, sizeof(word));
	memcpy(buf + AF_WORD, packet, len);
	return write(fd, buf, AF_WORD + len);
}

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, PATIENCE) == 1 && pfd.revents == POLLIN;
}

/* A datagram each way. Returns 0, or the number of the step that failed. */
static int exchange(int fd, enum way way, int family)
{
	size_t prefix = way == BARE ? 0 : AF_WORD;
	static unsigned char packet[ROOM];
	const struct ip6_hdr *ip6 = (void *)packet;
	int sock = family == AF_INET6 ? machine_ipv6() : udp_socket(AF_INET);
	unsigned char payload[100], back[200];
	int step = 0;
	ssize_t len;

	pattern(payload, sizeof(payload));
	if (send(sock, payload, sizeof(payload), 0) != sizeof(payload))
		step = 1;
	/* But for what IPv6 sends of its own accord. */
	do {
		if (!step && !readable(fd))
			step = 2;
		if (!step) {
			len = packet_read(fd, way, packet, 1500) - prefix;
			if (len < 0 || !packet_is_sound(packet, len))
				step = 3;
		}
	} while (!step && family == AF_INET6 && ip6->ip6_nxt != IPPROTO_UDP);
	if (!step && memcmp(packet_payload(packet), payload, sizeof(payload)))
		step = 4;

	len = build_udp(family, packet, payload, sizeof(payload));
	if (!step && packet_write(fd, way, family, packet, len) != len + (ssize_t)prefix)
		step = 5;
	if (!step && (recv(sock, back, sizeof(back), 0) != sizeof(payload) ||
		      memcmp(back, payload, sizeof(payload))))
		step = 6;
	close(sock);
	return step;
}

/* What devname(3) goes by: the kernel's name for the node of an open file. */
static bool node_is(int fd, const char *name)
{
	char path[64], text[256], line[64];
	struct stat st;

	if (fstat(fd, &st) || !S_ISCHR(st.st_mode))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/uevent", major(st.st_rdev),
		 minor(st.st_rdev));
	file_read(path, text, sizeof(text));
	snprintf(line, sizeof(line), "DEVNAME=%s\n", name);
	return strstr(text, line);
}

/* Try units one after the other, as long as they are in use, or till the last if any error
 * will do to go on. Returns the file, or -errno of the last; *unit is where it ended.
 */
static int scan(int first, int last, bool any_error, int *unit)
{
	int step = first < last ? 1 : -1;
	int fd = -EBUSY;

	for (*unit = first; *unit != last + step; *unit += step) {
		fd = unit_open(*unit, O_RDWR);
		if (fd >= 0)
			return fd;
		fd = -errno;
		if (fd != -EBUSY && !any_error)
			break;
	}
	return fd;
}

/* O1 O5 I1 I3 D1 D2 D3 D8 */
TEST_F(programs, packetdrill)
{
	struct sockaddr_ll from = { 0 };
	socklen_t from_len = sizeof(from);
	static unsigned char packet[ROOM];
	struct tuninfo info;
	struct ifreq ifr;
	struct timeval tv;
	int sniffer, sock, i, ready;

	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	EXPECT_TRUE(node_is(self->fd, DEV));
	ASSERT_EQ(0, set(self->fd, TUNSIFMODE, IFF_BROADCAST | IFF_MULTICAST));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_NE(0, link_index(DEV));
	/* It sends IPv6 of 1520 bytes. */
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	EXPECT_EQ(BSDTUN_IFT_PPP, info.type);
	info.mtu = 1520;
	info.baudrate = 1000000000;
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFINFO, &info));
	EXPECT_EQ(1520, if_mtu(DEV, 0));
	memset(&info, 0, sizeof(info));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	EXPECT_EQ(1520, info.mtu);
	EXPECT_EQ(1000000000, info.baudrate);
	ASSERT_EQ(0, if_ioctl(AF_INET, DEV, SIOCGIFHWADDR, &ifr));
	EXPECT_EQ(ARPHRD_NONE, ifr.ifr_hwaddr.sa_family);
	ASSERT_EQ(0, ifconfig(DEV));

	/* It looks at what leaves before it takes it, and reads one byte of each. */
	sniffer = packet_socket(DEV);
	sock = udp_socket(AF_INET);
	send_numbers(sock, 0, 3);
	do {
		ASSERT_LT(0, recvfrom(sniffer, packet, sizeof(packet), 0,
				      (struct sockaddr *)&from, &from_len));
		EXPECT_EQ(0, ioctl(sniffer, SIOCGSTAMP, &tv));
	} while (from.sll_pkttype != PACKET_OUTGOING);
	EXPECT_TRUE(packet_is_sound(packet, UDP4_HEADERS + 4));
	EXPECT_LT(0, tv.tv_sec);
	close(sniffer);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(readable(self->fd));
		EXPECT_EQ(1, read(self->fd, packet, 1));
	}
	EXPECT_EQ(2, read_number(self->fd, AF_WORD));
	EXPECT_EQ(0, ioctl(self->fd, FIONREAD, &ready));
	EXPECT_EQ(0, ready);
	close(sock);

	EXPECT_EQ(0, exchange(self->fd, VECTOR, AF_INET));
	EXPECT_EQ(0, exchange(self->fd, VECTOR, AF_INET6));
}

/* O7 I1 I2 D1 D3 D7 */
TEST_F(programs, openvpn)
{
	struct epoll_event event = { .events = EPOLLOUT };
	static unsigned char packet[ROOM];
	size_t len;
	int epoll;

	/* Not there before: its to destroy. */
	EXPECT_EQ(0, link_index(DEV));
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, set(self->fd, TUNSIFMODE, IFF_POINTOPOINT | IFF_MULTICAST));
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 0));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-1, packet_read(self->fd, VECTOR, packet, 1500));
	EXPECT_EQ(EAGAIN, errno);

	epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(1, epoll_wait(epoll, &event, 1, PATIENCE));
	EXPECT_TRUE(event.events == EPOLLOUT);
	/* Before ifconfig has done. */
	len = build_echo(AF_INET, packet, 56);
	EXPECT_EQ((ssize_t)(AF_WORD + len),
		  packet_write(self->fd, VECTOR, AF_INET, packet, len));
	ASSERT_EQ(0, ifconfig(DEV));
	EXPECT_EQ(-EBUSY, set(self->fd, TUNSIFMODE, IFF_POINTOPOINT));
	EXPECT_EQ(0, exchange(self->fd, VECTOR, AF_INET));
	EXPECT_EQ(0, exchange(self->fd, VECTOR, AF_INET6));

	/* ifconfig X destroy comes after the close. */
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, link_del(DEV));
	EXPECT_EQ(-ENODEV, link_del(DEV));
	/* Made by the administrator, and so not destroyed. */
	ASSERT_EQ(0, link_add(DEV, "bsdtun", 1));
	EXPECT_NE(0, link_index(DEV));
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_NE(0, link_index(DEV));
}

/* O5 I1 I2 D3 D5 D6 */
TEST_F(programs, tinc)
{
	struct epoll_event event = { .events = EPOLLIN };
	static unsigned char packet[ROOM];
	int epoll, sock;

	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_TRUE(node_is(self->fd, DEV));
	/* DeviceType = tunifhead */
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_EQ(0, set(self->fd, TUNSIFMODE, IFF_BROADCAST | IFF_MULTICAST_BSD));
	EXPECT_EQ(IFF_BROADCAST | IFF_MULTICAST,
		  if_flags(DEV) & (IFF_BROADCAST | IFF_POINTOPOINT | IFF_MULTICAST));
	ASSERT_EQ(0, ifconfig(DEV));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	EXPECT_EQ(-1, packet_read(self->fd, WORD, packet, 1500));
	EXPECT_EQ(EAGAIN, errno);
	sock = udp_socket(AF_INET);
	send_numbers(sock, 7, 1);
	close(sock);
	ASSERT_EQ(1, epoll_wait(epoll, &event, 1, PATIENCE));
	EXPECT_TRUE(event.events == EPOLLIN);
	EXPECT_EQ(7, read_number(self->fd, AF_WORD));
	EXPECT_EQ(0, exchange(self->fd, WORD, AF_INET));
	EXPECT_EQ(0, exchange(self->fd, WORD, AF_INET6));
	/* DeviceType = tunnohead */
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	EXPECT_EQ(0, exchange(self->fd, BARE, AF_INET));
}

/* O2 O3 I2 D4 */
TEST_F(programs, vtun)
{
	struct timeval none = { 0 };
	fd_set fds;
	char tunname[14];
	int held, sock, status, unit;
	pid_t child;

	/* The longest name there is room for. */
	EXPECT_EQ(13, snprintf(tunname, sizeof(tunname), "/dev/bsdtun%d", 10));
	held = unit_open(0, O_RDWR);
	ASSERT_LE(0, held);
	self->fd = scan(0, 254, false, &unit);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(1, unit);
	EXPECT_EQ(0, close(held));
	EXPECT_EQ(0, close(self->fd));
	/* A unit that was closed is free at once. */
	self->fd = scan(0, 254, false, &unit);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, unit);
	EXPECT_EQ(0, set(self->fd, TUNSLMODE, 0));
	EXPECT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	ASSERT_EQ(0, ifconfig(DEV));

	/* IPv6, which a bare packet cannot carry here, does not make it readable: the
	 * read after select(2) would sleep.
	 */
	sock = machine_ipv6();
	send_numbers(sock, 0, 3);
	FD_ZERO(&fds);
	FD_SET(self->fd, &fds);
	EXPECT_EQ(0, select(self->fd + 1, &fds, NULL, NULL, &none));
	EXPECT_EQ(0, get(self->fd, FIONREAD));

	/* The child that serves the session moves the packets. */
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(exchange(self->fd, BARE, AF_INET));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* O6 I1 D1 D3 */
TEST_F(programs, mlvpn)
{
	static unsigned char packet[ROOM];
	unsigned char payload[100], back[200];
	int ends[2], status, sock;
	size_t len;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		/* The process that is root */
		self->fd = unit_open(0, O_RDWR);
		if (self->fd < 0 ||
		    set(self->fd, TUNSIFMODE, IFF_POINTOPOINT | IFF_MULTICAST) ||
		    set(self->fd, TUNSIFHEAD, 1) || ifconfig(DEV))
			_exit(1);
		file_send(ends[0], self->fd);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	self->fd = file_receive(ends[1]);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(IFF_UP, if_flags(DEV) & IFF_UP);
	EXPECT_EQ(1, addr_count(DEV, AF_INET));
	EXPECT_EQ(0, exchange(self->fd, VECTOR, AF_INET));

	/* It forwards four bytes more than there are of each packet. */
	sock = udp_socket(AF_INET);
	pattern(payload, sizeof(payload));
	len = build_udp(AF_INET, packet, payload, sizeof(payload)) + 4;
	EXPECT_EQ((ssize_t)(AF_WORD + len),
		  packet_write(self->fd, VECTOR, AF_INET, packet, len));
	EXPECT_EQ((ssize_t)sizeof(payload), recv(sock, back, sizeof(back), 0));
	close(sock);
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
}

/* O1 O2 I2 D3 */
TEST_F(programs, openssh)
{
	static unsigned char packet[ROOM];
	int sock, unit;
	char dev[16];
	size_t len;

	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_LE(0, if_flags(DEV));
	EXPECT_EQ(0, if_flags(DEV) & IFF_UP);
	ASSERT_EQ(0, if_up(DEV));
	EXPECT_EQ(IFF_UP, if_flags(DEV) & IFF_UP);
	ASSERT_EQ(0, if_address(DEV, SIOCSIFADDR, HERE4));
	ASSERT_EQ(0, if_address(DEV, SIOCSIFDSTADDR, THERE4));
	EXPECT_EQ(0, exchange(self->fd, WORD, AF_INET));
	/* On the wire it has OpenBSD's numbers, for who does not translate them. */
	sock = machine_ipv6();
	len = build_udp(AF_INET6, packet, "ssh", 3);
	EXPECT_EQ((ssize_t)(AF_WORD + len),
		  packet_write(self->fd, WORD, AF_INET6_OPENBSD, packet, len));
	EXPECT_EQ(3, recv(sock, packet, sizeof(packet), 0));
	EXPECT_EQ(-1, packet_write(self->fd, WORD, AF_UNIX, packet, len));
	EXPECT_EQ(EAFNOSUPPORT, errno);
	close(self->fd);

	/* -w any: from 100 down, whatever the error. */
	self->fd = scan(100, 0, true, &unit);
	ASSERT_LE(0, self->fd);
	EXPECT_LT(0, unit);
	snprintf(dev, sizeof(dev), "bsdtun%d", unit);
	EXPECT_EQ(0, if_flags(dev) & IFF_UP);
	EXPECT_EQ(0, if_up(dev));
	EXPECT_EQ(0, link_del(dev));
	close(self->fd);

	/* The kind without ioctls expects bare packets, also after the one with. */
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, if_up(DEV));
	EXPECT_EQ(0, exchange(self->fd, BARE, AF_INET));
}

/* O5 O7 I3 D2 D6 */
TEST_F(programs, fastd)
{
	static unsigned char packet[ROOM];
	struct tuninfo info;
	int sock, i;

	EXPECT_EQ(0, link_index(DEV));
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_TRUE(node_is(self->fd, DEV));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	info.mtu = 1426;
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFINFO, &info));
	EXPECT_EQ(1426, if_mtu(DEV, 0));
	EXPECT_EQ(1280, if_mtu(DEV, 1280));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	EXPECT_EQ(1280, info.mtu);
	info.mtu = BSDTUN_MIN_MTU - 1;
	EXPECT_EQ(-1, ioctl(self->fd, TUNSIFINFO, &info));
	EXPECT_EQ(EINVAL, errno);
	info.mtu = 1426;
	info.type = BSDTUN_IFT_TUNNEL;
	EXPECT_EQ(-1, ioctl(self->fd, TUNSIFINFO, &info));
	EXPECT_EQ(EPROTOTYPE, errno);
	ASSERT_EQ(0, ifconfig(DEV));

	/* A buffer that is short by the prefix, at full MTU; then the next packet. */
	sock = udp_socket(AF_INET);
	ASSERT_EQ(1280 - UDP4_HEADERS, send(sock, packet, 1280 - UDP4_HEADERS, 0));
	send_numbers(sock, 7, 1);
	ASSERT_TRUE(readable(self->fd));
	EXPECT_EQ(1280, read(self->fd, packet, 1280));
	EXPECT_EQ(7, wait_number(self->fd, AF_WORD));
	/* Any error but this ends it, also where the interface has no address or is down. */
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-1, read(self->fd, packet, 1280));
		EXPECT_EQ(EAGAIN, errno);
		if (i == 0)
			EXPECT_EQ(0, addr_del(DEV, HERE4, 32));
		if (i == 1)
			EXPECT_EQ(0, link_down(DEV));
	}
	close(sock);
	/* SIOCIFDESTROY with the device open. */
	EXPECT_EQ(0, link_del(DEV));
	EXPECT_EQ(-1, read(self->fd, packet, 1280));
	EXPECT_EQ(EIO, errno);
}

/* I1 D5 */
TEST_F(programs, quicktun)
{
	struct pollfd pfd = { .events = POLLIN | POLLOUT | POLLHUP | POLLERR };
	int i;

	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	pfd.fd = self->fd;
	ASSERT_EQ(0, set(self->fd, TUNSIFMODE, IFF_POINTOPOINT));
	EXPECT_EQ(0, if_flags(DEV) & IFF_MULTICAST);
	EXPECT_EQ(-EINVAL, set(self->fd, TUNSIFMODE, IFF_POINTOPOINT | IFF_BROADCAST));
	EXPECT_EQ(-EINVAL, set(self->fd, TUNSIFMODE, IFF_MULTICAST));
	EXPECT_EQ(-EINVAL, set(self->fd, TUNSIFMODE, IFF_POINTOPOINT | IFF_PROMISC));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));

	/* Down, up without an address, up and idle, down again: it exits if told more. */
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, poll(&pfd, 1, 0));
		EXPECT_EQ(POLLOUT, pfd.revents) TH_LOG("step %d", i);
		if (i == 0)
			ASSERT_EQ(0, if_up(DEV));
		if (i == 1)
			ASSERT_EQ(0, ifconfig(DEV));
		if (i == 2)
			ASSERT_EQ(0, link_down(DEV));
	}
	ASSERT_EQ(0, if_up(DEV));
	EXPECT_EQ(0, exchange(self->fd, BARE, AF_INET));
	/* USE_PI */
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_EQ(0, exchange(self->fd, WORD, AF_INET));
}

/* O2 D3 */
TEST_F(programs, iodine)
{
	__u8 framing = BSDTUN_FRAMING_AF;
	int held[2], unit;

	/* Whatever the error it goes on, until there is no such node. */
	held[0] = unit_open(0, O_RDWR);
	held[1] = unit_open(1, O_RDWR);
	ASSERT_LE(0, held[0]);
	ASSERT_LE(0, held[1]);
	EXPECT_EQ(-1, unit_open(0, O_RDWR));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(-ENOENT, scan(4096, 4098, false, &unit));
	EXPECT_EQ(4096, unit);
	close(held[0]);
	close(held[1]);

	/* On FreeBSD it opens, and that is all. */
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ifconfig(DEV));
	EXPECT_EQ(0, exchange(self->fd, BARE, AF_INET));
	close(self->fd);

	/* On OpenBSD too, and there the family is in its place by itself. */
	ASSERT_EQ(0, link_set_attribute(DEV, IFLA_BSDTUN_FRAMING, &framing, sizeof(framing)));
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, if_up(DEV));
	EXPECT_EQ(0, exchange(self->fd, WORD, AF_INET));
	EXPECT_EQ(0, exchange(self->fd, WORD, AF_INET6));
}

/* O3 I2 D3 */
TEST_F(programs, hans)
{
	static unsigned char packet[ROOM];

	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	/* cryptotun2 sets both, and the last one counts. */
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_EQ(1, get(self->fd, TUNGIFHEAD));
	/* Off touches its own alone. */
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 0));
	EXPECT_EQ(1, get(self->fd, TUNGIFHEAD));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	EXPECT_EQ(0, get(self->fd, TUNGIFHEAD));

	/* ifconfig bsdtun0 mtu 1472, then the addresses */
	EXPECT_EQ(1472, if_mtu(DEV, 1472));
	ASSERT_EQ(0, ifconfig(DEV));
	EXPECT_EQ(0, exchange(self->fd, BARE, AF_INET));
	/* The mode may change while it is up. */
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_EQ(0, exchange(self->fd, WORD, AF_INET));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	EXPECT_EQ(0, write(self->fd, packet, 0));
	EXPECT_EQ(-1, write(self->fd, packet, TUNMRU + 1));
	EXPECT_EQ(EIO, errno);
}

/* I2 D1 D6 D7 */
TEST_F(programs, dsvpn)
{
	struct pollfd pfd = { .events = POLLOUT };
	static unsigned char packet[ROOM];
	__u8 framing = BSDTUN_FRAMING_AF;
	size_t len;

	/* Who had the unit before leaves nothing behind. */
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(9000, if_mtu(DEV, 9000));
	/* While the interface is down writes go nowhere, in full. */
	len = build_echo(AF_INET, packet, 56);
	EXPECT_EQ((ssize_t)len, write(self->fd, packet, len));
	EXPECT_EQ(1, counter(DEV, "rx_dropped_down"));
	ASSERT_EQ(0, ifconfig(DEV));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	pfd.fd = self->fd;
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLOUT, pfd.revents);
	EXPECT_EQ(-1, read(self->fd, packet, 9000));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, exchange(self->fd, BARE, AF_INET));
	close(self->fd);

	/* As on OpenBSD: the family in a buffer of its own, unasked for. */
	ASSERT_EQ(0, link_set_attribute(DEV, IFLA_BSDTUN_FRAMING, &framing, sizeof(framing)));
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, if_up(DEV));
	EXPECT_EQ(0, exchange(self->fd, VECTOR, AF_INET));
}

/* O4 O5 O6 I1 I2 D1 */
TEST_F(programs, ocserv)
{
	int ends[2], status, unit;
	char text[16];
	pid_t worker;

	/* The cloning node first: it is not there, and so no wrong name is learnt of it. */
	EXPECT_EQ(-1, open("/dev/bsdtun", O_RDWR));
	EXPECT_EQ(ENOENT, errno);
	self->fd = scan(0, 255, true, &unit);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, unit);
	EXPECT_TRUE(node_is(self->fd, DEV));
	EXPECT_EQ(0, set(self->fd, TUNSIFMODE, IFF_POINTOPOINT | IFF_MULTICAST));
	EXPECT_EQ(0, set(self->fd, TUNSLMODE, 0));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	ASSERT_EQ(0, ifconfig(DEV));

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	file_send(ends[0], self->fd);
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(IFF_UP, if_flags(DEV) & IFF_UP);
	worker = fork();
	ASSERT_LE(0, worker);
	if (!worker) {
		self->fd = file_receive(ends[1]);
		if (ioctl(self->fd, TUNSIFPID, 0))
			_exit(10);
		sysfs_mount();
		file_read("/sys/class/net/" DEV "/bsdtun/pid", text, sizeof(text));
		if (atoi(text) != getpid())
			_exit(11);
		_exit(exchange(self->fd, VECTOR, AF_INET));
	}
	ASSERT_EQ(worker, waitpid(worker, &status, 0));
	EXPECT_EQ(0, status) TH_LOG("worker: %#x", status);
	/* With the worker went the last copy. */
	EXPECT_EQ(0, if_flags(DEV) & IFF_UP);
}

/* O1 O2 I4 D3 */
TEST_F(programs, libtuntap)
{
	int debug, sock, unit, value = 1;
	struct ifreq ifr = { 0 };

	self->fd = scan(0, 255, true, &unit);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, unit);
	EXPECT_LE(0, if_flags(DEV));
	/* Its tests: the MTU, flags, and debug messages. */
	EXPECT_EQ(TUNMTU, if_mtu(DEV, 0));
	EXPECT_EQ(1400, if_mtu(DEV, 1400));
	EXPECT_EQ(1400, if_mtu(DEV, 0));
	debug = get(self->fd, TUNGDEBUG);
	EXPECT_EQ(0, set(self->fd, TUNSDEBUG, !debug));
	EXPECT_EQ(!debug, get(self->fd, TUNGDEBUG));
	EXPECT_EQ(0, set(self->fd, TUNSDEBUG, debug));
	ASSERT_EQ(0, ifconfig(DEV));

	EXPECT_EQ(0, get(self->fd, FIONREAD));
	sock = udp_socket(AF_INET);
	send_numbers(sock, 7, 1);
	ASSERT_TRUE(readable(self->fd));
	EXPECT_EQ(UDP4_HEADERS + 4, get(self->fd, FIONREAD));
	EXPECT_EQ(7, read_number(self->fd, 0));
	EXPECT_EQ(0, get(self->fd, FIONREAD));
	close(sock);
	ASSERT_EQ(0, ioctl(self->fd, FIONBIO, &value));
	EXPECT_EQ(O_NONBLOCK, fcntl(self->fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
	ASSERT_EQ(0, ioctl(self->fd, FIOASYNC, &value));
	EXPECT_EQ(O_ASYNC, fcntl(self->fd, F_GETFL) & O_ASYNC);

	/* Who asks for what only other systems have falls back on this errno. */
	EXPECT_EQ(-1, ioctl(self->fd, _IOW('t', 66, int), &value));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(self->fd, SIOCGIFHWADDR, &ifr));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(0, exchange(self->fd, BARE, AF_INET));
}

TEST_HARNESS_MAIN
