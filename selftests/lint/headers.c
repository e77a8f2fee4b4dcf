// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What a program with a BSD tun(4) code path uses of the headers. Compiled, never
 * run, as C and C++, with the headers alone (ORDER 0), before (1) and after (2)
 * those of libc and Linux, and for each BSD.
 */
#if ORDER == 2
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <unistd.h>
#endif

#include <stdlib.h>
#include <net/if_tun.h>
#include <net/tun/if_tun.h>
#include <net/if_types.h>

#if ORDER == 1
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <unistd.h>
#endif

#include <stddef.h>

/* C99 has no assertion for the compiler to check. */
#define HOLDS(name, condition)	struct holds_##name { char c[(condition) ? 1 : -1]; }

#if defined(BSDTUN_OPENBSD) || defined(__OpenBSD__)
#if defined(TUNSLMODE) || defined(TUNSIFHEAD) || defined(TUNGIFHEAD) || \
	defined(TUNSIFPID) || defined(TUNGIFNAME) || \
	defined(TUNSTRANSIENT) || defined(TUNGTRANSIENT) || \
	defined(TUNSVNETHDR) || defined(TUNGVNETHDR) || \
	defined(TUNSBATCH) || defined(TUNGBATCH)
#error OpenBSD has not these
#endif
HOLDS(TUNSCAP, TUNSCAP == 0x400474c4U);
HOLDS(TUNGCAP, TUNGCAP == 0x800474c4U);
HOLDS(TUNDCAP, TUNDCAP == 0x000074c4U);
HOLDS(tun_hdr, sizeof(struct tun_hdr) == 8);
HOLDS(tun_capabilities, sizeof(struct tun_capabilities) == 4);
HOLDS(IFCAP, (IFCAP_CSUM_IPv4 | IFCAP_CSUM_TCPv4 | IFCAP_CSUM_UDPv4 |
	      IFCAP_VLAN_MTU | IFCAP_VLAN_HWTAGGING | IFCAP_VLAN_HWOFFLOAD |
	      IFCAP_CSUM_TCPv6 | IFCAP_CSUM_UDPv6 | IFCAP_TSOv4 | IFCAP_TSOv6 |
	      IFCAP_LRO) == BSDTUN_IFCAPS);
HOLDS(size, sizeof(struct tuninfo) == 12);
HOLDS(mtu, offsetof(struct tuninfo, mtu) == 0);
HOLDS(type, offsetof(struct tuninfo, type) == 4);
HOLDS(flags, offsetof(struct tuninfo, flags) == 6);
HOLDS(baudrate, offsetof(struct tuninfo, baudrate) == 8);
HOLDS(TUNSIFINFO, TUNSIFINFO == 0x400c745bU);
HOLDS(TUNGIFINFO, TUNGIFINFO == 0x800c745cU);
#elif defined(BSDTUN_NETBSD) || defined(__NetBSD__)
#if defined(TUNSIFINFO) || defined(TUNGIFINFO) || defined(TUNSIFPID) || \
	defined(TUNGIFNAME) || defined(TUNSTRANSIENT) || \
	defined(TUNGTRANSIENT) || defined(TUNSCAP) || defined(TUNGCAP) || \
	defined(TUNDCAP) || defined(TUNSVNETHDR) || defined(TUNGVNETHDR) || \
	defined(TUNSBATCH) || defined(TUNGBATCH)
#error NetBSD has not these
#endif
HOLDS(TUNSLMODE, TUNSLMODE == 0x4004745dU);
HOLDS(TUNSIFHEAD, TUNSIFHEAD == 0x40047460U);
HOLDS(TUNGIFHEAD, TUNGIFHEAD == 0x80047461U);
#else
HOLDS(size, sizeof(struct tuninfo) == 8);
HOLDS(baudrate, offsetof(struct tuninfo, baudrate) == 0);
HOLDS(mtu, offsetof(struct tuninfo, mtu) == 4);
HOLDS(type, offsetof(struct tuninfo, type) == 6);
HOLDS(dummy, offsetof(struct tuninfo, dummy) == 7);
HOLDS(TUNSIFINFO, TUNSIFINFO == 0x4008745bU);
HOLDS(TUNGIFINFO, TUNGIFINFO == 0x8008745cU);
HOLDS(TUNSLMODE, TUNSLMODE == 0x4004745dU);
HOLDS(TUNSIFPID, TUNSIFPID == 0x0000745fU);
HOLDS(TUNSIFHEAD, TUNSIFHEAD == 0x40047460U);
HOLDS(TUNGIFHEAD, TUNGIFHEAD == 0x80047461U);
HOLDS(TUNSTRANSIENT, TUNSTRANSIENT == 0x40047462U);
HOLDS(TUNGTRANSIENT, TUNGTRANSIENT == 0x80047463U);
#if ORDER
HOLDS(TUNGIFNAME, TUNGIFNAME == (0x8000745dU | sizeof(struct ifreq) << 16));
#endif
#endif

HOLDS(TUNGDEBUG, TUNGDEBUG == 0x80047459U);
HOLDS(TUNSDEBUG, TUNSDEBUG == 0x4004745aU);
HOLDS(TUNSIFMODE, TUNSIFMODE == 0x4004745eU);
HOLDS(TUNMTU, TUNMTU == 1500);
HOLDS(TUNMRU, TUNMRU == 65535);
HOLDS(IFT_PPP, IFT_PPP == 0x17);
HOLDS(IFT_TUNNEL, IFT_TUNNEL == 0x83);
#if ORDER
HOLDS(SIOCIFDESTROY, SIOCIFDESTROY == (0x40006979U | sizeof(struct ifreq) << 16));
HOLDS(SIOCIFCREATE, SIOCIFCREATE == (0xc000697aU | sizeof(struct ifreq) << 16));
HOLDS(IFF_MULTICAST, IFF_MULTICAST == 0x1000);
#endif

const char *unit_of(int fd);
const char *unit_of(int fd)
{
	static char buf[32];
	struct stat st;

#ifdef __DragonFly__
	if (fdevname_r(fd, buf, sizeof(buf)) == 0)
		return buf;
#else
	if (fdevname_r(fd, buf, sizeof(buf)))
		return buf;
#endif
	if (fstat(fd, &st) == 0)
		return devname(st.st_rdev, S_IFCHR);
	return fdevname(fd);
}
