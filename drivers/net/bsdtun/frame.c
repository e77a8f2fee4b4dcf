// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What stands before a packet, in both directions. */

#include "frame.h"
#include "drop.h"
#include "offload.h"
#include "pool.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <net/checksum.h>
#include <net/dst.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <uapi/linux/bsdtun.h>

/* Longer ones are dearer to sum than to copy, and may only pass through. */
#define SUMMED_MAX		256

/* AF_INET6 of OpenBSD and NetBSD, of DragonFly and FreeBSD, of macOS. */
#define AF_INET6_OPENBSD	24
#define AF_INET6_FREEBSD	28
#define AF_INET6_MACOS		30

/* The first entry of a protocol is the one that is read. */
static const struct {
	u32 af;
	__be16 protocol;
} families[] = {
	{ AF_INET,		htons(ETH_P_IP) },
	{ AF_INET6,		htons(ETH_P_IPV6) },
	{ AF_INET6_OPENBSD,	htons(ETH_P_IPV6) },
	{ AF_INET6_FREEBSD,	htons(ETH_P_IPV6) },
	{ AF_INET6_MACOS,	htons(ETH_P_IPV6) },
	{ AF_IPX,		htons(ETH_P_IPX) },
	{ AF_APPLETALK,		htons(ETH_P_ATALK) },
};

const char * const bsdtun_frame_names[] = {
	[BSDTUN_FRAMING_NONE]		= "none",
	[BSDTUN_FRAMING_AF]		= "af",
	[BSDTUN_FRAMING_SOCKADDR]	= "sockaddr",
};

/* The next hop of a packet in the ring, in skb->cb. */
struct next_hop {
	struct in6_addr addr6;
	__be32 addr4;
	int ifindex;
};

static struct next_hop *next_hop(const struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct next_hop) > sizeof(skb->cb));
	return (struct next_hop *)skb->cb;
}

static u32 family_of(__be16 protocol)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i].protocol == protocol)
			return families[i].af;
	return AF_UNSPEC;
}

static __be16 protocol_of(u32 af)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(families); i++)
		if (families[i].af == af)
			return families[i].protocol;
	return 0;
}

static __be16 protocol_of_version(u8 first_byte)
{
	switch (first_byte >> 4) {
	case 4:
		return htons(ETH_P_IP);
	case 6:
		return htons(ETH_P_IPV6);
	default:
		return 0;
	}
}

/**
 * bsdtun_frame_measure - work out the length of what precedes a packet
 * @format: all but @preamble_len is set
 *
 * Context: Any.
 */
void bsdtun_frame_measure(struct bsdtun_format *format)
{
	format->preamble_len = format->header_len;
	if (format->batch)
		format->preamble_len += sizeof(struct tun_batch_hdr);
	if (format->prefix == BSDTUN_PREFIX_AF)
		format->preamble_len += sizeof(__be32);
	else if (format->prefix == BSDTUN_PREFIX_SOCKADDR)
		format->preamble_len += sizeof(struct sockaddr_in);
}

/**
 * bsdtun_frame_carries_other - bsdtun_frame_carries() for all but IPv4
 * @prefix: the prefix
 * @protocol: protocol of a packet, ETH_P_ value
 *
 * Context: Any.
 * Return: true if the reader can be told of the protocol.
 */
bool bsdtun_frame_carries_other(enum bsdtun_prefix prefix, __be16 protocol)
{
	switch (prefix) {
	case BSDTUN_PREFIX_AF:
		return family_of(protocol) != AF_UNSPEC;
	case BSDTUN_PREFIX_SOCKADDR:
		return protocol == htons(ETH_P_IPV6);
	default:
		return false;
	}
}

static void keep_next_hop4(struct sk_buff *skb, const struct dst_entry *dst)
{
	struct iphdr _iph, *iph;
	__be32 daddr = 0;

	iph = skb_header_pointer(skb, 0, sizeof(_iph), &_iph);
	if (iph)
		daddr = iph->daddr;
	if (dst && dst->ops->family == AF_INET)
		daddr = rt_nexthop(container_of(dst, struct rtable, dst), daddr);
	next_hop(skb)->addr4 = daddr;
}

static void keep_next_hop6(struct sk_buff *skb, const struct dst_entry *dst)
{
	struct ipv6hdr _ip6h, *ip6h;
	struct in6_addr daddr = {};

	ip6h = skb_header_pointer(skb, 0, sizeof(_ip6h), &_ip6h);
	if (ip6h)
		daddr = ip6h->daddr;
	if (dst && dst->ops->family == AF_INET6)
		daddr = *rt6_nexthop(container_of(dst, struct rt6_info, dst),
				     &daddr);
	next_hop(skb)->addr6 = daddr;
	next_hop(skb)->ifindex = 0;
	if (ipv6_addr_type(&daddr) & IPV6_ADDR_LINKLOCAL)
		next_hop(skb)->ifindex = skb->dev->ifindex;
}

/**
 * bsdtun_frame_keep_next_hop - note a packet's next hop in the skb
 * @skb: an IPv4 or IPv6 packet that is about to enter a ring, or in it
 *
 * For %BSDTUN_PREFIX_SOCKADDR. Without a route, as after the skb's was
 * dropped, the next hop is the destination. DragonFly: tunoutput().
 *
 * Context: Any; @skb->dev is to be valid.
 */
void bsdtun_frame_keep_next_hop(struct sk_buff *skb)
{
	const struct dst_entry *dst = skb_dst(skb);

	if (skb->protocol == htons(ETH_P_IP))
		keep_next_hop4(skb, dst);
	else
		keep_next_hop6(skb, dst);
}

static void fill_sockaddr(const struct sk_buff *skb, void *at)
{
	const struct next_hop *hop = next_hop(skb);

	if (skb->protocol == htons(ETH_P_IP)) {
		struct sockaddr_in sin = {
			.sin_family = AF_INET,
			.sin_addr.s_addr = hop->addr4,
		};

		memcpy(at, &sin, sizeof(sin));
	} else {
		struct sockaddr_in6 sin6 = {
			.sin6_family = AF_INET6,
			.sin6_addr = hop->addr6,
			.sin6_scope_id = hop->ifindex,
		};

		memcpy(at, &sin6, sizeof(sin6));
	}
}

static void fill_prefix(const struct sk_buff *skb, enum bsdtun_prefix prefix,
			void *at)
{
	if (prefix == BSDTUN_PREFIX_AF) {
		__be32 af = htonl(family_of(skb->protocol));

		memcpy(at, &af, sizeof(af));
	} else {
		fill_sockaddr(skb, at);
	}
}

/* Not inline: others need no room on the stack for it. */
static noinline int fill_header(const struct sk_buff *skb,
				struct bsdtun_format format, void *at)
{
	union bsdtun_header_data data;
	int err;

	err = bsdtun_offload_describe(skb, format.header, &data);
	if (WARN_ON_ONCE(err))
		return err;
	memcpy(at, &data, format.header_len);
	return 0;
}

/* Fills in all of it, at any address. */
static __always_inline int fill_preamble(const struct sk_buff *skb,
					 struct bsdtun_format format,
					 void *at, size_t len)
{
	int err;

	if (format.batch) {
		struct tun_batch_hdr hdr = {
			.len = len - sizeof(hdr) + skb->len,
		};

		memcpy(at, &hdr, sizeof(hdr));
		at += sizeof(hdr);
	}
	if (format.header != BSDTUN_HEADER_NONE) {
		err = fill_header(skb, format, at);
		if (unlikely(err))
			return err;
		at += format.header_len;
	}
	if (format.prefix != BSDTUN_PREFIX_NONE)
		fill_prefix(skb, format.prefix, at);
	return 0;
}

static noinline int preamble_to_iter(const struct sk_buff *skb,
				     struct bsdtun_format format, size_t len,
				     struct iov_iter *to)
{
	u8 preamble[sizeof(struct tun_batch_hdr) +
		    sizeof(union bsdtun_header_data) +
		    sizeof(struct sockaddr_in6)];
	int err;

	err = fill_preamble(skb, format, preamble, len);
	if (err)
		return err;
	len = min(len, iov_iter_count(to));
	return copy_to_iter(preamble, len, to) == len ? len : -EFAULT;
}

/* Most packets have room for it, and are copied together with it. Returns how
 * much of it is copied already.
 */
static int push_preamble(struct sk_buff *skb, struct bsdtun_format format,
			 struct iov_iter *to)
{
	size_t len = bsdtun_frame_preamble_len(skb, format);
	int err;

	if (unlikely(skb_headroom(skb) < len || skb_header_cloned(skb)))
		return preamble_to_iter(skb, format, len, to);
	err = fill_preamble(skb, format, skb->data - len, len);
	if (likely(!err))
		__skb_push(skb, len);
	return err;
}

/**
 * bsdtun_frame_to_iter - copy a packet and what precedes it to the reader
 * @skb: the packet; if it was copied, no good for anything but to be freed
 * @format: what precedes it
 * @to: the reader's buffers; what does not fit in is left out
 *
 * Context: Process context. May sleep.
 * Return: bytes copied, or -EFAULT.
 */
ssize_t bsdtun_frame_to_iter(struct sk_buff *skb, struct bsdtun_format format,
			     struct iov_iter *to)
{
	unsigned int packet_len = skb->len;
	size_t len, padding;
	ssize_t copied = 0;

	if (format.preamble_len) {
		copied = push_preamble(skb, format, to);
		if (unlikely(copied < 0))
			return copied;
	}

	len = min_t(size_t, skb->len, iov_iter_count(to));
	if (likely(len <= skb_headlen(skb))) {
		if (copy_to_iter(skb->data, len, to) != len)
			goto fault;
	} else if (skb_copy_datagram_iter(skb, 0, to, len)) {
		goto fault;
	}
	copied += len;
	if (unlikely(copied % TUN_BATCH_ALIGN) && format.batch) {
		padding = min_t(size_t, ALIGN(copied, TUN_BATCH_ALIGN) - copied,
				iov_iter_count(to));
		if (iov_iter_zero(padding, to) != padding)
			goto fault;
		copied += padding;
	}
	return copied;

fault:
	/* What is lost, and traced, is the packet alone. */
	__skb_pull(skb, skb->len - packet_len);
	return -EFAULT;
}

/* Copies what precedes the packet. Returns 0 or a negative errno. */
static noinline int preamble_from_iter(struct bsdtun_format format,
				       union bsdtun_header_data *data,
				       __be16 *protocol, struct iov_iter *from)
{
	__be32 af;

	if (!copy_from_iter_full(data, format.header_len, from))
		return -EFAULT;
	if (format.prefix != BSDTUN_PREFIX_AF)
		return 0;
	if (!copy_from_iter_full(&af, sizeof(af), from))
		return -EFAULT;
	*protocol = protocol_of(ntohl(af));
	return *protocol ? 0 : -EAFNOSUPPORT;
}

/* Copies a packet and @ahead bytes that follow it; returns how many it were. Small
 * ones are summed on the way if @sum, which costs less than the checks of
 * hardened usercopy, and spares the sum that a socket would take.
 */
static size_t copy_packet(struct sk_buff *skb, size_t ahead, bool sum,
			  struct iov_iter *from)
{
	size_t len = skb->len;
	__wsum csum = 0;

	if (unlikely(skb_is_nonlinear(skb)))
		return skb_copy_datagram_from_iter(skb, 0, from, len) ? 0 : len;
	if (len <= SUMMED_MAX && sum &&
	    csum_and_copy_from_iter_full(skb->data, len + ahead, &csum, from)) {
		if (ahead)
			csum = csum_block_sub(csum,
					      csum_partial(skb->data + len,
							   ahead, 0), len);
		skb->csum = csum;
		skb->ip_summed = CHECKSUM_COMPLETE;
		return len + ahead;
	}
	/* Within its pages, which costs less to see than hardened usercopy's check. */
	return copy_page_from_iter(virt_to_page(skb->data),
				   offset_in_page(skb->data), len + ahead, from);
}

static int batch_header_from_iter(struct bsdtun_frame_next *next,
				  struct iov_iter *from)
{
	if (!next->is_read) {
		if (iov_iter_count(from) < sizeof(next->hdr))
			return -EIO;
		if (!copy_from_iter_full(&next->hdr, sizeof(next->hdr), from))
			return -EFAULT;
	}
	next->is_read = false;
	if (next->hdr.reserved)
		return -EINVAL;
	if (!next->hdr.len || next->hdr.len > iov_iter_count(from))
		return -EIO;
	return 0;
}

/* Goes on behind a frame. @copied bytes that follow it were copied with it: if they
 * are all that was asked for, the header of the next is there.
 */
static void frame_end(const struct sk_buff *skb, size_t padding, size_t copied,
		      size_t asked, struct bsdtun_frame_next *next,
		      struct iov_iter *from)
{
	if (likely(copied && copied == asked)) {
		memcpy(&next->hdr, skb_tail_pointer(skb) + padding,
		       sizeof(next->hdr));
		next->is_read = true;
	} else {
		iov_iter_revert(from, copied);
		iov_iter_advance(from, min(padding, iov_iter_count(from)));
	}
}

static struct sk_buff *lose(struct sk_buff *skb, enum bsdtun_counter cause,
			    int err)
{
	kfree_skb_reason(skb, bsdtun_drop_reason(cause));
	return ERR_PTR(err);
}

/**
 * bsdtun_frame_from_iter - make a packet of what the writer hands over
 * @format: what precedes the packet
 * @data: filled in: the header of offloads, if there is one; the caller is to
 *	apply it, once the packet has its device
 * @next: of a batch: what was read of this frame already, zero at first, and
 *	then of the one behind it
 * @from: the writer's buffers, at least one byte: one frame, or those of a batch,
 *	and then past the frame and what was read of the next
 *
 * Context: Process context. May sleep.
 * Return: the packet, with protocol and header offsets set, or ERR_PTR():
 * -EIO if it is longer than %TUNMRU, what precedes it is cut short or nothing
 * stands behind that, or less is there than a batch's frame should have;
 * -EAFNOSUPPORT if the address family or IP version is none that is carried;
 * -EINVAL if reserved is not 0; -EFAULT; -ENOBUFS if memory is short.
 * DragonFly: tunwrite().
 */
struct sk_buff *bsdtun_frame_from_iter(struct bsdtun_format format,
				       union bsdtun_header_data *data,
				       struct bsdtun_frame_next *next,
				       struct iov_iter *from)
{
	size_t len = iov_iter_count(from), before = format.header_len;
	size_t padding = 0, ahead = 0, copied;
	__be16 protocol = 0;
	struct sk_buff *skb;
	int err;

	if (format.batch) {
		err = batch_header_from_iter(next, from);
		if (unlikely(err))
			return ERR_PTR(err);
		/* The header behind it is copied with the packet. */
		len = next->hdr.len;
		padding = -len % TUN_BATCH_ALIGN;
		if (iov_iter_count(from) - len >= padding + sizeof(next->hdr))
			ahead = padding + sizeof(next->hdr);
	}

	if (format.prefix == BSDTUN_PREFIX_AF)
		before += sizeof(__be32);
	if (unlikely(len <= before || len - before > TUNMRU))
		return ERR_PTR(-EIO);
	if (before) {
		err = preamble_from_iter(format, data, &protocol, from);
		if (unlikely(err))
			return ERR_PTR(err);
		len -= before;
	}

	skb = bsdtun_pool_packet(len, ahead);
	if (unlikely(!skb))
		return ERR_PTR(-ENOBUFS);
	/* One about as long as a page has no room behind it. */
	if (unlikely(skb_tailroom(skb) < ahead))
		ahead = 0;
	copied = copy_packet(skb, ahead, format.header == BSDTUN_HEADER_NONE,
			     from);
	if (unlikely(copied < len))
		return lose(skb, BSDTUN_RX_ERROR_FAULT, -EFAULT);
	if (format.batch)
		frame_end(skb, padding, copied - len, ahead, next, from);

	if (format.prefix != BSDTUN_PREFIX_AF)
		protocol = protocol_of_version(skb->data[0]);
	if (unlikely(!protocol))
		return lose(skb, BSDTUN_RX_ERROR_FAMILY, -EAFNOSUPPORT);

	skb->protocol = protocol;
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	return skb;
}
