/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * <net/if_tun.h> of the BSDs: their programs find struct tuninfo, TUNMTU,
 * TUNMRU and the TUN ioctls under this name.
 *
 * The header is that of DragonFly BSD and FreeBSD. To be that of OpenBSD or of
 * NetBSD it takes BSDTUN_OPENBSD or BSDTUN_NETBSD, or the macro that compilers
 * define there and with which a program chooses its code path. What the system
 * has not is then not defined, so that #ifdef tells here what it tells there.
 *
 * A program from OpenBSD asks for no prefix and expects the address family
 * before each packet: the interface has to be set to it, by the attribute
 * "framing" in /sys/class/net/INTERFACE/bsdtun.
 */
#ifndef _NET_IF_TUN_H_
#define _NET_IF_TUN_H_

#include <linux/bsdtun.h>

/* Of <sys/sockio.h> there: "ifconfig tun0 destroy" and "create". Linux's sockets
 * say ENOTTY, after which programs go on; it has rtnetlink(7) for it, and
 * TUNSTRANSIENT.
 */
#ifndef SIOCIFDESTROY
#define SIOCIFDESTROY	_IOW('i', 121, struct ifreq)
#endif
#ifndef SIOCIFCREATE
#define SIOCIFCREATE	_IOWR('i', 122, struct ifreq)
#endif

#if defined(__OpenBSD__) || defined(BSDTUN_OPENBSD)

#define tuninfo		tuninfo_openbsd

#undef TUNSIFINFO
#undef TUNGIFINFO
#define TUNSIFINFO	TUNSIFINFO_OPENBSD
#define TUNGIFINFO	TUNGIFINFO_OPENBSD

#undef TUNSLMODE
#undef TUNGIFNAME
#undef TUNSIFPID
#undef TUNSIFHEAD
#undef TUNGIFHEAD
#undef TUNSTRANSIENT
#undef TUNGTRANSIENT
#undef TUNSVNETHDR
#undef TUNGVNETHDR
#undef TUNSBATCH
#undef TUNGBATCH

/* Of <net/if.h> there. */
#define IFCAP_CSUM_IPv4		BSDTUN_IFCAP_CSUM_IPv4
#define IFCAP_CSUM_TCPv4	BSDTUN_IFCAP_CSUM_TCPv4
#define IFCAP_CSUM_UDPv4	BSDTUN_IFCAP_CSUM_UDPv4
#define IFCAP_VLAN_MTU		BSDTUN_IFCAP_VLAN_MTU
#define IFCAP_VLAN_HWTAGGING	BSDTUN_IFCAP_VLAN_HWTAGGING
#define IFCAP_VLAN_HWOFFLOAD	BSDTUN_IFCAP_VLAN_HWOFFLOAD
#define IFCAP_CSUM_TCPv6	BSDTUN_IFCAP_CSUM_TCPv6
#define IFCAP_CSUM_UDPv6	BSDTUN_IFCAP_CSUM_UDPv6
#define IFCAP_TSOv4		BSDTUN_IFCAP_TSOv4
#define IFCAP_TSOv6		BSDTUN_IFCAP_TSOv6
#define IFCAP_LRO		BSDTUN_IFCAP_LRO

#elif defined(__NetBSD__) || defined(BSDTUN_NETBSD)

#undef TUNSIFINFO
#undef TUNGIFINFO
#undef TUNGIFNAME
#undef TUNSIFPID
#undef TUNSTRANSIENT
#undef TUNGTRANSIENT
#undef TUNSCAP
#undef TUNGCAP
#undef TUNDCAP
#undef TUNSVNETHDR
#undef TUNGVNETHDR
#undef TUNSBATCH
#undef TUNGBATCH

#endif

#endif /* _NET_IF_TUN_H_ */
