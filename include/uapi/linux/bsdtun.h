/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-2-Clause) */
/*
 * BSD tun(4) for Linux: the ioctls of /dev/bsdtunN and the netlink attributes
 * of the link kind "bsdtun".
 *
 * The names are those of DragonFly BSD, FreeBSD and OpenBSD; the numbers are
 * DragonFly's and FreeBSD's under Linux's _IO macros, whose direction bits
 * differ from BSD's: programs are source compatible, not binary compatible.
 *
 * The header includes nothing that declares the names of <net/if.h>, so it may
 * stand before or after <net/if.h>, <linux/if.h> and <linux/if_tun.h>.
 */
#ifndef _UAPI_LINUX_BSDTUN_H
#define _UAPI_LINUX_BSDTUN_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* MTU of a new interface, bytes (DragonFly, FreeBSD). */
#define TUNMTU			1500
/* Longest packet that write(2) takes, bytes, prefix not counted (FreeBSD). */
#define TUNMRU			65535

/* MTU that TUNSIFINFO, ip-link(8) and SIOCSIFMTU accept, bytes. */
#define BSDTUN_MIN_MTU		72
#define BSDTUN_MAX_MTU		65535

/* tuninfo.type: the interface types of <net/if_types.h> on the BSDs. */
#define BSDTUN_IFT_PPP		23	/* DragonFly, FreeBSD */
#define BSDTUN_IFT_TUNNEL	131	/* OpenBSD */

/**
 * struct tuninfo - properties of an interface (DragonFly, FreeBSD)
 * @baudrate: speed of the line in bit/s, for information; ethtool's speed
 * @mtu: MTU, %BSDTUN_MIN_MTU to %BSDTUN_MAX_MTU bytes
 * @type: interface type, always %BSDTUN_IFT_PPP
 * @dummy: padding; written as 0 by the driver, ignored when read
 */
struct tuninfo {
	int baudrate;
	__u16 mtu;
	__u8 type;
	__u8 dummy;
};

/**
 * struct tuninfo_openbsd - properties of an interface, OpenBSD's layout
 * @mtu: MTU, %BSDTUN_MIN_MTU to %BSDTUN_MAX_MTU bytes
 * @type: interface type, always %BSDTUN_IFT_TUNNEL
 * @flags: IFF_POINTOPOINT, IFF_BROADCAST and IFF_MULTICAST as they are now;
 *	Linux's values
 * @baudrate: speed of the line in bit/s, for information; ethtool's speed
 */
struct tuninfo_openbsd {
	__u32 mtu;
	__u16 type;
	__u16 flags;
	__u32 baudrate;
};

/*
 * tun_capabilities.tun_if_capabilities: what a reader does itself, OpenBSD's
 * values of IFCAP_ in <net/if.h>. Segmentation of TCP counts only with its
 * checksum; those without a comment are accepted and ask for nothing.
 */
#define BSDTUN_IFCAP_CSUM_IPv4		0x0001
#define BSDTUN_IFCAP_CSUM_TCPv4		0x0002	/* TCP checksums over IPv4 */
#define BSDTUN_IFCAP_CSUM_UDPv4		0x0004	/* UDP checksums over IPv4 */
#define BSDTUN_IFCAP_VLAN_MTU		0x0010
#define BSDTUN_IFCAP_VLAN_HWTAGGING	0x0020
#define BSDTUN_IFCAP_VLAN_HWOFFLOAD	0x0040
#define BSDTUN_IFCAP_CSUM_TCPv6		0x0080	/* TCP checksums over IPv6 */
#define BSDTUN_IFCAP_CSUM_UDPv6		0x0100	/* UDP checksums over IPv6 */
#define BSDTUN_IFCAP_TSOv4		0x1000	/* segmentation of TCP over IPv4 */
#define BSDTUN_IFCAP_TSOv6		0x2000	/* segmentation of TCP over IPv6 */
#define BSDTUN_IFCAP_LRO		0x4000

/* All of them. */
#define BSDTUN_IFCAPS			0x71f7

/**
 * struct tun_capabilities - what the reader does itself (OpenBSD)
 * @tun_if_capabilities: BSDTUN_IFCAP_ values
 */
struct tun_capabilities {
	__u32 tun_if_capabilities;
};

/* tun_hdr.th_flags; only one of the checksums of TCP, UDP and ICMP. */
#define TUN_H_PRIO_MASK		0x0007	/* priority, ignored */
#define TUN_H_VTAG		0x0010	/* th_vtag is set: EINVAL, never read */
#define TUN_H_TCP_MSS		0x0020	/* to be cut into segments of th_mss */
#define TUN_H_IPV4_CSUM		0x0100	/* of these the checksum is to be */
#define TUN_H_TCP_CSUM		0x0200	/* filled in; what stands in its */
#define TUN_H_UDP_CSUM		0x0400	/* place means nothing */
#define TUN_H_ICMP_CSUM		0x0800

/**
 * struct tun_hdr - what is left to do to a packet (OpenBSD)
 * @th_flags: TUN_H_ values
 * @th_pad: 0 when read, ignored when written
 * @th_vtag: 0 when read
 * @th_mss: payload of a TCP segment, bytes, if %TUN_H_TCP_MSS is set
 *
 * In the machine's byte order. What is read from one interface may be written
 * to another as it is.
 */
struct tun_hdr {
	__u16 th_flags;
	__u16 th_pad;
	__u16 th_vtag;
	__u16 th_mss;
};

/*
 * The ioctls of an open /dev/bsdtunN. Each may fail with EFAULT (bad pointer)
 * and with EIO (the interface was deleted); what else it may fail with stands
 * beside it. Those that change the interface need what open(2) needs: EPERM.
 * An ioctl that is not listed here is ENOTTY. Also accepted, with Linux's
 * numbers: FIONBIO, FIOASYNC, FIONREAD, FIOSETOWN, FIOGETOWN, TIOCSPGRP and
 * TIOCGPGRP.
 */

/* Debug messages of all units off (0) or on; setting needs CAP_NET_ADMIN in
 * the initial user namespace: EPERM.
 */
#define TUNGDEBUG		_IOR('t', 89, int)
#define TUNSDEBUG		_IOW('t', 90, int)

/* MTU and speed. Setting: EINVAL (MTU out of range), EPROTOTYPE (another
 * type), EPERM. The two layouts are told apart by their size. In OpenBSD's,
 * another type and other flags than the current ones are EINVAL.
 */
#define TUNSIFINFO		_IOW('t', 91, struct tuninfo)
#define TUNGIFINFO		_IOR('t', 92, struct tuninfo)
#define TUNSIFINFO_OPENBSD	_IOW('t', 91, struct tuninfo_openbsd)
#define TUNGIFINFO_OPENBSD	_IOR('t', 92, struct tuninfo_openbsd)

/* Not 0: each packet read is preceded by a struct sockaddr_in or sockaddr_in6
 * that holds its next hop; turns TUNSIFHEAD off. Packets written stand bare.
 * Belongs to the open file.
 */
#define TUNSLMODE		_IOW('t', 93, int)

/* The interface's name as it is now, in ifr_name; nothing else of the struct
 * ifreq (<net/if.h>) is written. ENXIO when the interface was deleted.
 */
#define TUNGIFNAME		_IOR('t', 93, struct ifreq)

/* IFF_POINTOPOINT or IFF_BROADCAST, with or without IFF_MULTICAST (0x1000, or
 * BSD's 0x8000). EBUSY while the interface is up, EINVAL for all else, EPERM.
 */
#define TUNSIFMODE		_IOW('t', 94, int)

/* The calling process is shown as the interface's owner process from now on.
 * The argument is ignored.
 */
#define TUNSIFPID		_IO('t', 95)

/* Not 0: each packet, read or written, is preceded by its address family, four
 * bytes in network byte order, Linux's AF_ values; turns TUNSLMODE off. A write
 * may also name IPv6 as 24, 28 or 30, its values on the BSDs and macOS.
 * Belongs to the open file. TUNGIFHEAD returns 0 or 1.
 */
#define TUNSIFHEAD		_IOW('t', 96, int)
#define TUNGIFHEAD		_IOR('t', 97, int)

/* Not 0: the last close deletes the interface. Setting: EPERM. */
#define TUNSTRANSIENT		_IOW('t', 98, int)
#define TUNGTRANSIENT		_IOR('t', 99, int)

/* A struct tun_hdr precedes each packet, and its prefix, read or written; turns
 * TUNSVNETHDR off. The capabilities tell what may be read with work left to do:
 * EINVAL if there are others than BSDTUN_IFCAPS, 0 is allowed. Whatever they are,
 * packets may be written with any. TUNGCAP returns them: ENODEV if there is no
 * such header. TUNDCAP ends it. Belongs to the open file. OpenBSD.
 */
#define TUNSCAP			_IOW('t', 196, struct tun_capabilities)
#define TUNGCAP			_IOR('t', 196, struct tun_capabilities)
#define TUNDCAP			_IO('t', 196)

/* 10 or 12: a struct virtio_net_hdr of so many bytes (<linux/virtio_net.h>; 12
 * with num_buffers, which is 0) precedes each packet, and its prefix, read or
 * written; turns TUNSCAP off. 0: none. All else: EINVAL. In the machine's byte
 * order. Packets may then be read with a checksum to be filled in, and TCP and
 * UDP super-packets as ethtool(8) has it (tx, tso, tx-udp-segmentation).
 * TUNGVNETHDR returns 0, 10 or 12. Belongs to the open file. As TAPSVNETHDR of
 * FreeBSD's tap(4).
 */
#define TUNSVNETHDR		_IOW('t', 197, int)
#define TUNGVNETHDR		_IOR('t', 197, int)

/**
 * struct tun_batch_hdr - what precedes each frame of a batch
 * @len: bytes of what follows: the offload header and prefix, if any, and the packet
 * @reserved: 0
 *
 * In the machine's byte order. The next frame begins at a multiple of
 * %TUN_BATCH_ALIGN bytes from the begin of the batch.
 */
struct tun_batch_hdr {
	__u32 len;
	__u32 reserved;
};

#define TUN_BATCH_ALIGN		8

/* Not 0: a read returns as many whole frames as wait and fit, and a write takes as
 * many, each behind a struct tun_batch_hdr. A read into a buffer that is too short
 * for the first is EMSGSIZE and leaves it. Of a write the frames before one that is
 * refused are taken, and their bytes returned; the first is refused as it would be
 * alone, or with EINVAL if reserved is not 0, and EIO if len is more than is left.
 * A signal ends a write of more than 64 frames between two of them.
 * Behind the last frame nothing needs to follow. Belongs to the open file.
 * TUNGBATCH returns 0 or 1.
 */
#define TUNSBATCH		_IOW('t', 198, int)
#define TUNGBATCH		_IOR('t', 198, int)

/**
 * enum bsdtun_mode - kind of link that the interface shows to IP
 * @BSDTUN_MODE_POINTOPOINT: IFF_POINTOPOINT, the default
 * @BSDTUN_MODE_BROADCAST: IFF_BROADCAST
 */
enum bsdtun_mode {
	BSDTUN_MODE_POINTOPOINT,
	BSDTUN_MODE_BROADCAST
};

/**
 * enum bsdtun_framing - what precedes a packet
 * @BSDTUN_FRAMING_NONE: nothing, the default
 * @BSDTUN_FRAMING_AF: the address family, as after TUNSIFHEAD; OpenBSD's way
 * @BSDTUN_FRAMING_SOCKADDR: the next hop, as after TUNSLMODE; of an open file
 *	only, not what files that will be opened begin with
 */
enum bsdtun_framing {
	BSDTUN_FRAMING_NONE,
	BSDTUN_FRAMING_AF,
	BSDTUN_FRAMING_SOCKADDR
};

/**
 * enum bsdtun_header - what precedes packet and prefix, and tells of offloads
 * @BSDTUN_HEADER_NONE: nothing, the default
 * @BSDTUN_HEADER_TUN: struct tun_hdr, as after TUNSCAP
 * @BSDTUN_HEADER_VNET: struct virtio_net_hdr, as after TUNSVNETHDR
 */
enum bsdtun_header {
	BSDTUN_HEADER_NONE,
	BSDTUN_HEADER_TUN,
	BSDTUN_HEADER_VNET
};

/* IFLA_BSDTUN_OWNER and IFLA_BSDTUN_GROUP: none set. */
#define BSDTUN_ID_NONE		0xffffffffU

/**
 * enum - netlink attributes in IFLA_INFO_DATA of the link kind "bsdtun"
 * @IFLA_BSDTUN_UNSPEC: unused
 * @IFLA_BSDTUN_UNIT: u32, unit number; may be given when the link is made
 * @IFLA_BSDTUN_OWNER: u32, user who may open the unit, or %BSDTUN_ID_NONE
 * @IFLA_BSDTUN_GROUP: u32, group that may open the unit, or %BSDTUN_ID_NONE
 * @IFLA_BSDTUN_MODE: u8, enum bsdtun_mode; EBUSY while the link is up
 * @IFLA_BSDTUN_TRANSIENT: u8, 1 if the last close deletes the link, else 0
 * @IFLA_BSDTUN_FRAMING: u8, %BSDTUN_FRAMING_NONE or %BSDTUN_FRAMING_AF, for the
 *	files opened after
 * @IFLA_BSDTUN_PID: u32, owner process, 0 if none; read only; missing in events
 *	that no process caused
 * @IFLA_BSDTUN_QUEUES: u32, how many opens there may be at once; read only,
 *	set by IFLA_NUM_TX_QUEUES when the link is made
 * @IFLA_BSDTUN_OPENS: u32, how many there are; read only
 * @IFLA_BSDTUN_COUNTERS: nested, packets lost by cause, IFLA_BSDTUN_COUNTER_ as
 *	below; read only
 * @IFLA_BSDTUN_FILES: nested, an %IFLA_BSDTUN_FILE for each open file; read only
 */
enum {
	IFLA_BSDTUN_UNSPEC,
	IFLA_BSDTUN_UNIT,
	IFLA_BSDTUN_OWNER,
	IFLA_BSDTUN_GROUP,
	IFLA_BSDTUN_MODE,
	IFLA_BSDTUN_TRANSIENT,
	IFLA_BSDTUN_FRAMING,
	IFLA_BSDTUN_PID,
	IFLA_BSDTUN_QUEUES,
	IFLA_BSDTUN_OPENS,
	IFLA_BSDTUN_COUNTERS,
	IFLA_BSDTUN_FILES,
	/* private: */
	__IFLA_BSDTUN_MAX
};

#define IFLA_BSDTUN_MAX		(__IFLA_BSDTUN_MAX - 1)

/**
 * enum - netlink attributes in IFLA_BSDTUN_COUNTERS, packets of type u64
 * @IFLA_BSDTUN_COUNTER_UNSPEC: unused
 * @IFLA_BSDTUN_COUNTER_PAD: aligns what follows, where that is needed
 * @IFLA_BSDTUN_COUNTER_TX_NO_READER: no file had the queue open
 * @IFLA_BSDTUN_COUNTER_TX_FAMILY: the framing cannot carry the protocol
 * @IFLA_BSDTUN_COUNTER_TX_OFFLOAD: a super-packet that the reader does not take
 * @IFLA_BSDTUN_COUNTER_TX_FULL: the ring was full and there was no qdisc
 * @IFLA_BSDTUN_COUNTER_TX_NOMEM: the sender's memory could not be copied
 * @IFLA_BSDTUN_COUNTER_TX_PURGED: queued at close, down or change of framing
 * @IFLA_BSDTUN_COUNTER_TX_FAULT: read(2) failed with EFAULT
 * @IFLA_BSDTUN_COUNTER_RX_ERROR_LENGTH: write(2) failed with EIO, too long or short
 * @IFLA_BSDTUN_COUNTER_RX_ERROR_FAMILY: write(2) failed with EAFNOSUPPORT
 * @IFLA_BSDTUN_COUNTER_RX_ERROR_HEADER: write(2) failed with EINVAL
 * @IFLA_BSDTUN_COUNTER_RX_ERROR_FAULT: write(2) failed with EFAULT
 * @IFLA_BSDTUN_COUNTER_RX_DOWN: written while the interface was down
 * @IFLA_BSDTUN_COUNTER_RX_NOMEM: write(2) failed with ENOBUFS
 * @IFLA_BSDTUN_COUNTER_RX_BACKLOG: written in a batch, and the kernel's backlog was full
 */
enum {
	IFLA_BSDTUN_COUNTER_UNSPEC,
	IFLA_BSDTUN_COUNTER_PAD,
	IFLA_BSDTUN_COUNTER_TX_NO_READER,
	IFLA_BSDTUN_COUNTER_TX_FAMILY,
	IFLA_BSDTUN_COUNTER_TX_OFFLOAD,
	IFLA_BSDTUN_COUNTER_TX_FULL,
	IFLA_BSDTUN_COUNTER_TX_NOMEM,
	IFLA_BSDTUN_COUNTER_TX_PURGED,
	IFLA_BSDTUN_COUNTER_TX_FAULT,
	IFLA_BSDTUN_COUNTER_RX_ERROR_LENGTH,
	IFLA_BSDTUN_COUNTER_RX_ERROR_FAMILY,
	IFLA_BSDTUN_COUNTER_RX_ERROR_HEADER,
	IFLA_BSDTUN_COUNTER_RX_ERROR_FAULT,
	IFLA_BSDTUN_COUNTER_RX_DOWN,
	IFLA_BSDTUN_COUNTER_RX_NOMEM,
	IFLA_BSDTUN_COUNTER_RX_BACKLOG,
	/* private: */
	__IFLA_BSDTUN_COUNTER_MAX
};

#define IFLA_BSDTUN_COUNTER_MAX	(__IFLA_BSDTUN_COUNTER_MAX - 1)

/**
 * enum - netlink attribute in IFLA_BSDTUN_FILES
 * @IFLA_BSDTUN_FILES_UNSPEC: unused
 * @IFLA_BSDTUN_FILE: struct bsdtun_file, an open file
 */
enum {
	IFLA_BSDTUN_FILES_UNSPEC,
	IFLA_BSDTUN_FILE
};

/**
 * struct bsdtun_file - payload of IFLA_BSDTUN_FILE, an open file
 * @queue: which transmit queue of the link it reads
 * @framing: enum bsdtun_framing as it is now
 * @offload: enum bsdtun_header as it is now
 * @batch: 1 if each read and write takes many packets (TUNSBATCH), else 0
 * @reserved: 0
 *
 * One attribute, so that a link with 64 open files still fits the page that
 * getifaddrs(3) reads into.
 */
struct bsdtun_file {
	__u32 queue;
	__u8 framing;
	__u8 offload;
	__u8 batch;
	__u8 reserved;
};

#endif /* _UAPI_LINUX_BSDTUN_H */
