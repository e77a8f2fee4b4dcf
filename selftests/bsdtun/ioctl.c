// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* ioctl(2): tun(4)'s own, and those that BSD has for every device. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#ifndef FIOSETOWN	/* <asm/sockios.h> */
#define FIOSETOWN	0x8901
#define FIOGETOWN	0x8903
#endif

#define POISON		0xa5

static const unsigned long getters[] = {
	TUNGDEBUG, TUNGIFINFO, TUNGIFINFO_OPENBSD, TUNGIFNAME, TUNGIFHEAD, TUNGTRANSIENT,
	TUNGVNETHDR, TUNGBATCH,
};

static const unsigned long setters[] = {
	TUNSDEBUG, TUNSIFINFO, TUNSIFINFO_OPENBSD, TUNSLMODE, TUNSIFMODE, TUNSIFHEAD,
	TUNSTRANSIENT, TUNSCAP, TUNSVNETHDR, TUNSBATCH,
};

/* With an int, whatever their numbers say */
static const unsigned long getters_of_all_devices[] = {
	FIONREAD, FIOGETOWN, TIOCGPGRP,
};

static const unsigned long setters_of_all_devices[] = {
	FIOSETOWN, TIOCSPGRP,
};

FIXTURE(ioctl)
{
	int fd;
	int sock;
};

FIXTURE_SETUP(ioctl)
{
	machine_setup(&self->fd, &self->sock);
}

FIXTURE_TEARDOWN(ioctl)
{
	link_del(DEV);
}

static int flags(void)
{
	struct link link;

	return link_get(DEV, &link) ? -1 :
	       link.flags & (IFF_POINTOPOINT | IFF_BROADCAST | IFF_MULTICAST | IFF_NOARP);
}

static int mtu(void)
{
	struct link link;

	return link_get(DEV, &link) ? -1 : link.mtu;
}

/* All of them */

TEST_F(ioctl, getter_with_a_bad_pointer_is_EFAULT)
{
	char *hole = before_hole(0);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(getters); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, getters[i], NULL)) TH_LOG("%#lx", getters[i]);
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, ioctl(self->fd, getters[i], hole)) TH_LOG("%#lx", getters[i]);
		EXPECT_EQ(EFAULT, errno);
		/* All but the last byte is writable. */
		EXPECT_EQ(-1, ioctl(self->fd, getters[i], hole - 3)) TH_LOG("%#lx", getters[i]);
		EXPECT_EQ(EFAULT, errno);
	}
	for (i = 0; i < ARRAY_SIZE(getters_of_all_devices); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, getters_of_all_devices[i], NULL)) {
			TH_LOG("%#lx", getters_of_all_devices[i]);
		}
		EXPECT_EQ(EFAULT, errno);
	}
}

TEST_F(ioctl, setter_with_a_bad_pointer_is_EFAULT_and_sets_nothing)
{
	char *hole = before_hole(0);
	size_t i;

	ASSERT_EQ(0, link_down(DEV));
	memset(hole - 3, 1, 3);
	for (i = 0; i < ARRAY_SIZE(setters); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, setters[i], NULL)) TH_LOG("%#lx", setters[i]);
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, ioctl(self->fd, setters[i], hole)) TH_LOG("%#lx", setters[i]);
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, ioctl(self->fd, setters[i], hole - 3)) TH_LOG("%#lx", setters[i]);
		EXPECT_EQ(EFAULT, errno);
	}
	for (i = 0; i < ARRAY_SIZE(setters_of_all_devices); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, setters_of_all_devices[i], NULL)) {
			TH_LOG("%#lx", setters_of_all_devices[i]);
		}
		EXPECT_EQ(EFAULT, errno);
	}
	EXPECT_EQ(0, get(self->fd, TUNGIFHEAD));
	EXPECT_EQ(0, get(self->fd, TUNGTRANSIENT));
	EXPECT_EQ(1500, mtu());
	EXPECT_EQ(IFF_POINTOPOINT | IFF_MULTICAST | IFF_NOARP, flags());
}

TEST_F(ioctl, argument_may_be_misaligned)
{
	struct tuninfo info;
	long aligned[8];
	int value, shift;
	char *arg;

	ASSERT_EQ(0, link_down(DEV));
	for (shift = 1; shift < 8; shift++) {
		arg = (char *)aligned + shift;
		value = 1;
		memcpy(arg, &value, sizeof(value));
		EXPECT_EQ(0, ioctl(self->fd, TUNSIFHEAD, arg));
		EXPECT_EQ(0, ioctl(self->fd, TUNSLMODE, arg));
		EXPECT_EQ(0, ioctl(self->fd, TUNGIFHEAD, arg));
		memcpy(&value, arg, sizeof(value));
		EXPECT_EQ(0, value);
		EXPECT_EQ(0, ioctl(self->fd, TUNSTRANSIENT, arg));
		value = IFF_BROADCAST;
		memcpy(arg, &value, sizeof(value));
		EXPECT_EQ(0, ioctl(self->fd, TUNSIFMODE, arg));
		EXPECT_EQ(IFF_BROADCAST | IFF_NOARP, flags());
		EXPECT_EQ(0, ioctl(self->fd, TUNGTRANSIENT, arg));
		EXPECT_EQ(0, ioctl(self->fd, FIONREAD, arg));
		memcpy(&value, arg, sizeof(value));
		EXPECT_EQ(0, value);
		EXPECT_EQ(0, ioctl(self->fd, TUNGIFINFO, arg));
		memcpy(&info, arg, sizeof(info));
		EXPECT_EQ(1499 + shift, info.mtu);
		info.mtu++;
		memcpy(arg, &info, sizeof(info));
		EXPECT_EQ(0, ioctl(self->fd, TUNSIFINFO, arg));
		EXPECT_EQ(1500 + shift, mtu());
		EXPECT_EQ(0, ioctl(self->fd, TUNGIFNAME, arg));
		EXPECT_STREQ(DEV, arg);
	}
}

/* Requests of bsdtun.h: an int, no argument, and a struct's true size alone. */
static bool is_known(unsigned long request)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(getters); i++)
		if (getters[i] == request)
			return true;
	for (i = 0; i < ARRAY_SIZE(setters); i++)
		if (setters[i] == request)
			return true;
	/* 32-bit programs' struct ifreq is shorter. */
	return request == TUNSIFPID || request == TUNGCAP || request == TUNDCAP ||
	       request == _IOC(_IOC_READ, 't', 93, 32) ||
	       request == _IOC(_IOC_READ, 't', 93, 40);
}

TEST_F(ioctl, unknown_is_ENOTTY)
{
	static const unsigned int dirs[] = { _IOC_NONE, _IOC_READ, _IOC_WRITE,
					     _IOC_READ | _IOC_WRITE };
	static const unsigned int sizes[] = { 0, 1, 2, 4, 8, 12, 16, 32, 40, 256, 16383 };
	unsigned long request, i, j, nr;
	static char arg[16384];
	long refused = 0, tried = 0;

	for (nr = 0; nr < 256; nr++) {
		for (i = 0; i < ARRAY_SIZE(dirs); i++) {
			for (j = 0; j < ARRAY_SIZE(sizes); j++) {
				request = _IOC(dirs[i], 't', nr, sizes[j]);
				if (is_known(request))
					continue;
				tried++;
				if (ioctl(self->fd, request, arg) == -1 && errno == ENOTTY)
					refused++;
				else
					TH_LOG("%#lx: %m", request);
			}
		}
	}
	EXPECT_EQ(tried, refused);
}

TEST_F(ioctl, of_other_devices_is_ENOTTY)
{
	static const unsigned long requests[] = {
		TUNSETIFF, TUNGETIFF, TUNSETPERSIST, TUNGETFEATURES, TUNSETVNETHDRSZ,
		SIOCGIFNAME, SIOCGIFFLAGS, SIOCSIFMTU, SIOCSPGRP, TIOCOUTQ, TIOCGWINSZ, TCGETS,
		FIOQSIZE, 0, 0xffffffff,
	};
	static char arg[16384];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, requests[i], arg)) TH_LOG("%#lx", requests[i]);
		EXPECT_EQ(ENOTTY, errno) TH_LOG("%#lx", requests[i]);
	}
}

TEST_F(ioctl, of_a_deleted_interface_is_EIO)
{
	static char arg[128];
	size_t i;

	ASSERT_EQ(0, link_del(DEV));
	for (i = 0; i < ARRAY_SIZE(getters); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, getters[i], arg)) TH_LOG("%#lx", getters[i]);
		EXPECT_EQ(getters[i] == TUNGIFNAME ? ENXIO : EIO, errno);
	}
	for (i = 0; i < ARRAY_SIZE(setters); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, setters[i], arg)) TH_LOG("%#lx", setters[i]);
		EXPECT_EQ(EIO, errno);
	}
	EXPECT_EQ(-1, ioctl(self->fd, TUNSIFPID, 0));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, ioctl(self->fd, FIONREAD, arg));
	EXPECT_EQ(EIO, errno);
	for (i = 0; i < sizeof(arg); i++)
		EXPECT_EQ(0, arg[i]);
}

TEST_F(ioctl, unknown_is_ENOTTY_when_the_interface_is_deleted_too)
{
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(-ENOTTY, get(self->fd, _IOR('t', 1, int)));
	EXPECT_EQ(-ENOTTY, get(self->fd, TUNGETIFF));
}

/* TUNSIFINFO, TUNGIFINFO */

static int set_info(int fd, int mtu, int type, int baudrate)
{
	struct tuninfo info = { .mtu = mtu, .type = type, .baudrate = baudrate, .dummy = POISON };

	return ioctl(fd, TUNSIFINFO, &info) ? -errno : 0;
}

TEST_F(ioctl, TUNGIFINFO_tells_what_a_new_interface_has)
{
	struct tuninfo info;

	memset(&info, POISON, sizeof(info));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	EXPECT_EQ(1500, info.mtu);
	EXPECT_EQ(BSDTUN_IFT_PPP, info.type);
	EXPECT_EQ(0, info.baudrate);
	EXPECT_EQ(0, info.dummy);
	EXPECT_EQ(8, (int)sizeof(info));
}

TEST_F(ioctl, TUNSIFINFO_takes_what_TUNGIFINFO_returned)
{
	struct tuninfo info;

	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	info.mtu = 1520;
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFINFO, &info));
	EXPECT_EQ(1520, mtu());
	info.mtu = 0;
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	EXPECT_EQ(1520, info.mtu);
}

TEST_F(ioctl, TUNSIFINFO_takes_an_mtu_of_72_to_65535)
{
	static const int bad[] = { 0, 1, 46, 68, 71 }, good[] = { 72, 73, 576, 32768, 65535 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, set_info(self->fd, bad[i], BSDTUN_IFT_PPP, 1));
		EXPECT_EQ(1500, mtu());
	}
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, set_info(self->fd, good[i], BSDTUN_IFT_PPP, 1));
		EXPECT_EQ(good[i], mtu());
	}
}

TEST_F(ioctl, TUNSIFINFO_of_another_type_is_EPROTOTYPE)
{
	struct tuninfo info;
	int type;

	for (type = 0; type < 256; type++) {
		if (type == BSDTUN_IFT_PPP)
			continue;
		EXPECT_EQ(-EPROTOTYPE, set_info(self->fd, 1400, type, 9600)) TH_LOG("%d", type);
	}
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	EXPECT_EQ(1500, info.mtu);
	EXPECT_EQ(0, info.baudrate);
}

TEST_F(ioctl, TUNSIFINFO_keeps_any_baudrate)
{
	static const int rates[] = { 9600, 0, 1, -1, INT_MIN, INT_MAX, 1000000000 };
	struct tuninfo info;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		ASSERT_EQ(0, set_info(self->fd, 1500, BSDTUN_IFT_PPP, rates[i]));
		ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
		EXPECT_EQ(rates[i], info.baudrate);
	}
}

TEST_F(ioctl, TUNSIFINFO_sets_the_speed_that_others_see)
{
	struct tuninfo_openbsd openbsd;
	char text[16];

	sysfs_mount();
	ASSERT_EQ(0, set_info(self->fd, 1500, BSDTUN_IFT_PPP, 100000000));
	file_read("/sys/class/net/" DEV "/speed", text, sizeof(text));
	EXPECT_STREQ("100\n", text);
	ASSERT_EQ(0, set_info(self->fd, 1500, BSDTUN_IFT_PPP, 0));
	file_read("/sys/class/net/" DEV "/speed", text, sizeof(text));
	EXPECT_STREQ("-1\n", text);
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO_OPENBSD, &openbsd));
	openbsd.baudrate = 2500000000;
	ASSERT_EQ(0, ioctl(self->fd, TUNSIFINFO_OPENBSD, &openbsd));
	file_read("/sys/class/net/" DEV "/speed", text, sizeof(text));
	EXPECT_STREQ("2500\n", text);
}

TEST_F(ioctl, TUNSIFINFO_with_a_bad_mtu_logs_nothing)
{
	int kmsg = kmsg_open();

	EXPECT_EQ(-EINVAL, set_info(self->fd, 71, BSDTUN_IFT_PPP, 1));
	EXPECT_EQ(0, kmsg_count(kmsg, DEV));
	close(kmsg);
}

TEST_F(ioctl, TUNSIFINFO_with_a_bad_mtu_sets_no_baudrate)
{
	struct tuninfo info;

	EXPECT_EQ(-EINVAL, set_info(self->fd, 71, BSDTUN_IFT_PPP, 9600));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	EXPECT_EQ(0, info.baudrate);
}

TEST_F(ioctl, TUNGIFINFO_tells_the_mtu_that_others_set)
{
	struct ifreq ifr = { .ifr_name = DEV, .ifr_mtu = 1400 };
	struct tuninfo info;

	ASSERT_EQ(0, ioctl(self->sock, SIOCSIFMTU, &ifr));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	EXPECT_EQ(1400, info.mtu);
	ASSERT_EQ(0, set_info(self->fd, 1300, BSDTUN_IFT_PPP, 0));
	ASSERT_EQ(0, ioctl(self->sock, SIOCGIFMTU, &ifr));
	EXPECT_EQ(1300, ifr.ifr_mtu);
}

TEST_F(ioctl, SIOCSIFMTU_has_the_same_bounds)
{
	static const int bad[] = { 71, 0, -1, 65536, 1 << 20 }, good[] = { 72, 65535 };
	struct ifreq ifr = { .ifr_name = DEV };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ifr.ifr_mtu = bad[i];
		EXPECT_EQ(-1, ioctl(self->sock, SIOCSIFMTU, &ifr));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(1500, mtu());
	}
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		ifr.ifr_mtu = good[i];
		EXPECT_EQ(0, ioctl(self->sock, SIOCSIFMTU, &ifr));
		EXPECT_EQ(good[i], mtu());
	}
}

static int set_openbsd(int fd, unsigned int mtu, int type, int flags)
{
	struct tuninfo_openbsd info = { .mtu = mtu, .type = type, .flags = flags,
					.baudrate = 9600 };

	return ioctl(fd, TUNSIFINFO_OPENBSD, &info) ? -errno : 0;
}

TEST_F(ioctl, TUNGIFINFO_of_openbsd_tells_mtu_type_flags_baudrate)
{
	struct tuninfo_openbsd info;

	memset(&info, POISON, sizeof(info));
	ASSERT_EQ(0, set_info(self->fd, 1400, BSDTUN_IFT_PPP, 9600));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO_OPENBSD, &info));
	EXPECT_EQ(1400, (int)info.mtu);
	EXPECT_EQ(BSDTUN_IFT_TUNNEL, info.type);
	EXPECT_EQ(IFF_POINTOPOINT | IFF_MULTICAST, info.flags);
	EXPECT_EQ(9600, (int)info.baudrate);
	EXPECT_EQ(12, (int)sizeof(info));
	info.mtu = 1300;
	EXPECT_EQ(0, ioctl(self->fd, TUNSIFINFO_OPENBSD, &info));
	EXPECT_EQ(1300, mtu());
}

TEST_F(ioctl, TUNSIFINFO_of_openbsd_takes_the_current_type_and_flags_alone)
{
	const int now = IFF_POINTOPOINT | IFF_MULTICAST;
	const int bad[] = { 0, IFF_BROADCAST, IFF_POINTOPOINT, now | IFF_UP, now | IFF_NOARP,
			    0xffff };
	struct tuninfo info;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, set_openbsd(self->fd, 1400, BSDTUN_IFT_TUNNEL, bad[i]));
	EXPECT_EQ(-EINVAL, set_openbsd(self->fd, 1400, BSDTUN_IFT_PPP, now));
	EXPECT_EQ(-EINVAL, set_openbsd(self->fd, 1400, 0xffff, now));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
	EXPECT_EQ(1500, info.mtu);
	EXPECT_EQ(0, info.baudrate);
	EXPECT_EQ(0, set_openbsd(self->fd, 1400, BSDTUN_IFT_TUNNEL, now));
	EXPECT_EQ(1400, mtu());
}

TEST_F(ioctl, TUNSIFINFO_of_openbsd_takes_an_mtu_of_72_to_65535)
{
	static const unsigned int bad[] = { 0, 71, 65536, 65536 + 1500, 0x80000000, 0xffffffff };
	const int now = IFF_POINTOPOINT | IFF_MULTICAST;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, set_openbsd(self->fd, bad[i], BSDTUN_IFT_TUNNEL, now));
		EXPECT_EQ(1500, mtu());
	}
	EXPECT_EQ(0, set_openbsd(self->fd, 72, BSDTUN_IFT_TUNNEL, now));
	EXPECT_EQ(72, mtu());
	EXPECT_EQ(0, set_openbsd(self->fd, 65535, BSDTUN_IFT_TUNNEL, now));
	EXPECT_EQ(65535, mtu());
}

/* TUNSIFMODE */

TEST_F(ioctl, TUNSIFMODE_sets_mode_and_multicast)
{
	static const int modes[] = {
		IFF_BROADCAST | IFF_MULTICAST, IFF_POINTOPOINT, IFF_BROADCAST,
		IFF_POINTOPOINT | IFF_MULTICAST, IFF_BROADCAST,
	};
	size_t i;

	ASSERT_EQ(0, link_down(DEV));
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		EXPECT_EQ(0, set(self->fd, TUNSIFMODE, modes[i]));
		EXPECT_EQ(modes[i] | IFF_NOARP, flags());
	}
}

TEST_F(ioctl, TUNSIFMODE_knows_the_bsds_multicast)
{
	ASSERT_EQ(0, link_down(DEV));
	EXPECT_EQ(0, set(self->fd, TUNSIFMODE, IFF_BROADCAST | 0x8000));
	EXPECT_EQ(IFF_BROADCAST | IFF_MULTICAST | IFF_NOARP, flags());
	EXPECT_EQ(0, set(self->fd, TUNSIFMODE, IFF_POINTOPOINT | 0x8000 | IFF_MULTICAST));
	EXPECT_EQ(IFF_POINTOPOINT | IFF_MULTICAST | IFF_NOARP, flags());
}

TEST_F(ioctl, TUNSIFMODE_of_anything_else_is_EINVAL)
{
	static const int bad[] = {
		0, IFF_MULTICAST, 0x8000, IFF_POINTOPOINT | IFF_BROADCAST,
		IFF_POINTOPOINT | IFF_UP, IFF_POINTOPOINT | IFF_NOARP,
		IFF_BROADCAST | IFF_PROMISC, IFF_POINTOPOINT | 0x10000, IFF_UP, -1, INT_MIN,
		INT_MAX,
	};
	struct link before, after;
	size_t i;

	ASSERT_EQ(0, link_down(DEV));
	ASSERT_EQ(0, link_get(DEV, &before));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, set(self->fd, TUNSIFMODE, bad[i])) TH_LOG("%#x", bad[i]);
	ASSERT_EQ(0, link_get(DEV, &after));
	EXPECT_EQ(before.flags, after.flags);
}

TEST_F(ioctl, TUNSIFMODE_while_up_is_EBUSY_before_all_else)
{
	EXPECT_EQ(-EBUSY, set(self->fd, TUNSIFMODE, IFF_BROADCAST));
	EXPECT_EQ(-EBUSY, set(self->fd, TUNSIFMODE, IFF_POINTOPOINT | IFF_MULTICAST));
	EXPECT_EQ(-EBUSY, set(self->fd, TUNSIFMODE, 0));
	EXPECT_EQ(IFF_POINTOPOINT | IFF_MULTICAST | IFF_NOARP, flags());
}

TEST_F(ioctl, TUNSIFMODE_leaves_addresses_with_a_peer_working)
{
	static const int modes[] = { IFF_BROADCAST | IFF_MULTICAST, IFF_POINTOPOINT };
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, link_down(DEV));
		ASSERT_EQ(0, set(self->fd, TUNSIFMODE, modes[i]));
		if (i == 0)
			ASSERT_EQ(0, addr_add(DEV, "198.51.100.1", "198.51.100.2", 32));
		ASSERT_EQ(0, link_up(DEV));
		send_numbers(self->sock, i, 1);
		EXPECT_EQ(i, read_number(self->fd, 0));
		EXPECT_EQ(2, route_count(DEV, AF_INET));
	}
}

/* TUNSIFHEAD, TUNSLMODE: what the packets look like is framing.c's. */

static int prefix_now(struct _test_data_ioctl *self)
{
	unsigned char buf[256];

	send_numbers(self->sock, 0, 1);
	return read(self->fd, buf, sizeof(buf)) - UDP4_HEADERS - 4;
}

TEST_F(ioctl, TUNGIFHEAD_returns_0_or_1)
{
	static const int on[] = { 1, 2, -1, INT_MIN, INT_MAX, 0x100, 0x10000 };
	size_t i;

	EXPECT_EQ(0, get(self->fd, TUNGIFHEAD));
	for (i = 0; i < ARRAY_SIZE(on); i++) {
		EXPECT_EQ(0, set(self->fd, TUNSIFHEAD, on[i]));
		EXPECT_EQ(1, get(self->fd, TUNGIFHEAD)) TH_LOG("%d", on[i]);
		EXPECT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
		EXPECT_EQ(0, get(self->fd, TUNGIFHEAD));
	}
}

TEST_F(ioctl, TUNSLMODE_of_anything_but_0_is_on)
{
	static const int on[] = { 1, 2, -1, INT_MIN, INT_MAX, 0x100, 0x10000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(on); i++) {
		EXPECT_EQ(0, set(self->fd, TUNSLMODE, on[i]));
		EXPECT_EQ(16, prefix_now(self)) TH_LOG("%d", on[i]);
		EXPECT_EQ(0, set(self->fd, TUNSLMODE, 0));
		EXPECT_EQ(0, prefix_now(self));
	}
}

TEST_F(ioctl, TUNSLMODE_turns_TUNSIFHEAD_off)
{
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_EQ(4, prefix_now(self));
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	EXPECT_EQ(0, get(self->fd, TUNGIFHEAD));
	EXPECT_EQ(16, prefix_now(self));
}

TEST_F(ioctl, TUNSIFHEAD_turns_TUNSLMODE_off)
{
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	EXPECT_EQ(16, prefix_now(self));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_EQ(1, get(self->fd, TUNGIFHEAD));
	EXPECT_EQ(4, prefix_now(self));
	/* It does not come back with the other's end. */
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	EXPECT_EQ(0, prefix_now(self));
}

TEST_F(ioctl, TUNSLMODE_0_leaves_TUNSIFHEAD)
{
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 0));
	EXPECT_EQ(1, get(self->fd, TUNGIFHEAD));
	EXPECT_EQ(4, prefix_now(self));
}

TEST_F(ioctl, TUNSIFHEAD_0_leaves_TUNSLMODE)
{
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	EXPECT_EQ(16, prefix_now(self));
}

/* TUNGIFNAME, TUNSIFPID, TUNSTRANSIENT, TUNSDEBUG */

TEST_F(ioctl, TUNGIFNAME_does_not_need_room_behind_the_name)
{
	char *name = before_hole(IFNAMSIZ);

	ASSERT_EQ(0, ioctl(self->fd, TUNGIFNAME, name));
	EXPECT_STREQ(DEV, name);
}

TEST_F(ioctl, TUNGIFNAME_follows_a_new_name)
{
	char longest[IFNAMSIZ] = "fifteen_letters";
	struct ifreq ifr;

	ASSERT_EQ(0, link_down(DEV));
	ASSERT_EQ(0, link_rename(DEV, longest));
	memset(&ifr, POISON, sizeof(ifr));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFNAME, &ifr));
	EXPECT_STREQ(longest, ifr.ifr_name);
	ASSERT_EQ(0, link_rename(longest, "t"));
	ASSERT_EQ(0, ioctl(self->fd, TUNGIFNAME, &ifr));
	EXPECT_STREQ("t", ifr.ifr_name);
	EXPECT_EQ(0, link_del("t"));
}

static int owner_process(void)
{
	char text[32];

	file_read("/sys/class/net/" DEV "/bsdtun/pid", text, sizeof(text));
	return atoi(text);
}

static ssize_t become_owner(int fd, void *buf, size_t len)
{
	(void)buf;
	(void)len;
	return ioctl(fd, TUNSIFPID, 0) ? -1 : pause();
}

TEST_F(ioctl, TUNSIFPID_makes_the_caller_the_owner_process)
{
	struct sleeper child;

	sysfs_mount();
	EXPECT_EQ(getpid(), owner_process());
	/* It lies down when it is the owner. */
	sleeper_start(&child, become_owner, self->fd);
	EXPECT_EQ(child.pid, owner_process());
	EXPECT_EQ(0, ioctl(self->fd, TUNSIFPID, 0));
	EXPECT_EQ(getpid(), owner_process());
	kill(child.pid, SIGKILL);
}

TEST_F(ioctl, TUNSIFPID_ignores_its_argument)
{
	int value = 1;

	EXPECT_EQ(0, ioctl(self->fd, TUNSIFPID, 0));
	EXPECT_EQ(0, ioctl(self->fd, TUNSIFPID, NULL));
	EXPECT_EQ(0, ioctl(self->fd, TUNSIFPID, &value));
	EXPECT_EQ(0, ioctl(self->fd, TUNSIFPID, before_hole(0)));
	EXPECT_EQ(0, ioctl(self->fd, TUNSIFPID, -1L));
	EXPECT_EQ(1, value);
}

TEST_F(ioctl, TUNGTRANSIENT_returns_0_or_1)
{
	static const int on[] = { 1, 2, -1, INT_MIN, INT_MAX, 0x100, 0x10000 };
	size_t i;

	EXPECT_EQ(0, get(self->fd, TUNGTRANSIENT));
	for (i = 0; i < ARRAY_SIZE(on); i++) {
		EXPECT_EQ(0, set(self->fd, TUNSTRANSIENT, on[i]));
		EXPECT_EQ(1, get(self->fd, TUNGTRANSIENT)) TH_LOG("%d", on[i]);
		EXPECT_EQ(0, set(self->fd, TUNSTRANSIENT, 0));
		EXPECT_EQ(0, get(self->fd, TUNGTRANSIENT));
	}
}

TEST_F(ioctl, TUNSDEBUG_turns_messages_on_and_off)
{
	int mode = IFF_BROADCAST, kmsg;

	ASSERT_EQ(0, set(self->fd, TUNSDEBUG, 0));
	EXPECT_EQ(0, get(self->fd, TUNGDEBUG));
	kmsg = kmsg_open();
	ASSERT_EQ(-EBUSY, set(self->fd, TUNSIFMODE, mode));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, kmsg_count(kmsg, DEV));

	ASSERT_EQ(0, set(self->fd, TUNSDEBUG, 1));
	EXPECT_EQ(1, get(self->fd, TUNGDEBUG));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_LT(0, kmsg_count(kmsg, DEV));
	ASSERT_EQ(0, set(self->fd, TUNSDEBUG, 0));
	EXPECT_EQ(0, get(self->fd, TUNGDEBUG));
}

TEST_F(ioctl, TUNSDEBUG_is_of_all_units_and_the_module_parameter)
{
	static const char path[] = "/sys/module/bsdtun/parameters/debug";
	char text[16];
	int fd = unit_take(1, O_RDWR);

	ASSERT_EQ(0, set(self->fd, TUNSDEBUG, 1));
	EXPECT_EQ(1, get(fd, TUNGDEBUG));
	file_read(path, text, sizeof(text));
	EXPECT_EQ(1, atoi(text));
	EXPECT_EQ(0, file_write(path, "0"));
	EXPECT_EQ(0, get(self->fd, TUNGDEBUG));
	EXPECT_EQ(0, get(fd, TUNGDEBUG));
	EXPECT_EQ(0, link_del("bsdtun1"));
}

/* FIONREAD; FIOSETOWN and its kin. SIGIO itself is tested elsewhere. */

TEST_F(ioctl, FIONREAD_is_0_when_the_queue_is_empty)
{
	EXPECT_EQ(0, get(self->fd, FIONREAD));
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(0, read_number(self->fd, 0));
	EXPECT_EQ(0, get(self->fd, FIONREAD));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_EQ(0, get(self->fd, FIONREAD));
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	EXPECT_EQ(0, get(self->fd, FIONREAD));
}

TEST_F(ioctl, FIONREAD_is_what_the_next_read_returns)
{
	static const int framings[] = { 0, TUNSIFHEAD, TUNSLMODE };
	static const int lens[] = { 1, 1000, 17 };
	unsigned char buf[2048] = "";
	ssize_t next;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(framings); i++) {
		if (framings[i])
			ASSERT_EQ(0, set(self->fd, framings[i], 1));
		for (j = 0; j < ARRAY_SIZE(lens); j++)
			ASSERT_EQ(lens[j], send(self->sock, buf, lens[j], 0));
		for (j = 0; j < ARRAY_SIZE(lens); j++) {
			next = get(self->fd, FIONREAD);
			EXPECT_LT(UDP4_HEADERS, next);
			EXPECT_EQ(next, read(self->fd, buf, sizeof(buf)));
		}
		EXPECT_EQ(0, get(self->fd, FIONREAD));
	}
}

TEST_F(ioctl, FIONREAD_follows_a_change_of_framing)
{
	const int packet = UDP4_HEADERS + 4;

	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(packet, get(self->fd, FIONREAD));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	EXPECT_EQ(4 + packet, get(self->fd, FIONREAD));
	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	EXPECT_EQ(16 + packet, get(self->fd, FIONREAD));
	EXPECT_EQ(7, read_number(self->fd, 16));
}

TEST_F(ioctl, FIOSETOWN_takes_a_process_or_minus_its_group)
{
	EXPECT_EQ(0, get(self->fd, FIOGETOWN));
	EXPECT_EQ(0, set(self->fd, FIOSETOWN, getpid()));
	EXPECT_EQ(getpid(), get(self->fd, FIOGETOWN));
	EXPECT_EQ(getpid(), fcntl(self->fd, F_GETOWN));
	ASSERT_EQ(0, setpgid(0, 0));
	EXPECT_EQ(0, set(self->fd, FIOSETOWN, -getpid()));
	EXPECT_EQ(getpid(), get(self->fd, TIOCGPGRP));
	EXPECT_EQ(0, set(self->fd, FIOSETOWN, 0));
	EXPECT_EQ(0, get(self->fd, FIOGETOWN));
}

TEST_F(ioctl, TIOCSPGRP_takes_a_process_group)
{
	int owner;

	ASSERT_EQ(0, setpgid(0, 0));
	EXPECT_EQ(0, set(self->fd, TIOCSPGRP, getpid()));
	EXPECT_EQ(getpid(), get(self->fd, TIOCGPGRP));
	ASSERT_EQ(0, ioctl(self->fd, FIOGETOWN, &owner));
	EXPECT_EQ(-getpid(), owner);
	EXPECT_EQ(0, set(self->fd, FIOSETOWN, getpid()));
	ASSERT_EQ(0, ioctl(self->fd, TIOCGPGRP, &owner));
	EXPECT_EQ(-getpid(), owner);
}

TEST_F(ioctl, FIOSETOWN_of_nobody_is_ESRCH)
{
	EXPECT_EQ(-ESRCH, set(self->fd, FIOSETOWN, INT_MAX));
	EXPECT_EQ(-ESRCH, set(self->fd, FIOSETOWN, -INT_MAX));
	EXPECT_EQ(-ESRCH, set(self->fd, TIOCSPGRP, INT_MAX));
	EXPECT_EQ(-EINVAL, set(self->fd, FIOSETOWN, INT_MIN));
	EXPECT_EQ(-EINVAL, set(self->fd, TIOCSPGRP, INT_MIN));
	EXPECT_EQ(0, get(self->fd, FIOGETOWN));
}

TEST_F(ioctl, FIOASYNC_is_taken_and_ends_with_the_file)
{
	EXPECT_EQ(0, set(self->fd, FIOASYNC, 1));
	EXPECT_EQ(O_ASYNC, fcntl(self->fd, F_GETFL) & O_ASYNC);
	EXPECT_EQ(0, set(self->fd, FIOASYNC, 0));
	EXPECT_EQ(0, fcntl(self->fd, F_GETFL) & O_ASYNC);
	EXPECT_EQ(0, set(self->fd, FIOASYNC, 1));
	EXPECT_EQ(0, set(self->fd, FIOSETOWN, getpid()));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, fcntl(self->fd, F_GETFL) & O_ASYNC);
	EXPECT_EQ(0, get(self->fd, FIOGETOWN));
	/* SIGIO's default would end this process. */
	ASSERT_EQ(0, link_up(DEV));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

#ifdef __x86_64__
TEST_F(ioctl, of_32_bit_programs_works)
{
	static const unsigned long gifname32 = _IOC(_IOC_READ, 't', 93, 32);
	struct tuninfo *info;
	char *arg;
	int *value;

	arg = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, arg);
	value = (void *)arg;
	info = (void *)arg;

	*value = 1;
	EXPECT_EQ(0, ioctl32(self->fd, TUNSIFHEAD, arg));
	EXPECT_EQ(1, get(self->fd, TUNGIFHEAD));
	*value = -1;
	EXPECT_EQ(0, ioctl32(self->fd, TUNGIFHEAD, arg));
	EXPECT_EQ(1, *value);
	EXPECT_EQ(0, ioctl32(self->fd, TUNGIFINFO, arg));
	EXPECT_EQ(1500, info->mtu);
	info->mtu = 1400;
	EXPECT_EQ(0, ioctl32(self->fd, TUNSIFINFO, arg));
	EXPECT_EQ(1400, mtu());
	EXPECT_EQ(0, ioctl32(self->fd, TUNSIFPID, NULL));
	EXPECT_EQ(0, ioctl32(self->fd, FIONREAD, arg));
	EXPECT_EQ(0, *value);
	*value = getpid();
	EXPECT_EQ(0, ioctl32(self->fd, FIOSETOWN, arg));
	EXPECT_EQ(-ENOTTY, ioctl32(self->fd, TUNGETIFF, arg));
	EXPECT_EQ(0, ioctl32(self->fd, gifname32, arg));
	EXPECT_STREQ(DEV, arg);
}
#endif

TEST_HARNESS_MAIN
