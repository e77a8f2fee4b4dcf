// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Work that the stack leaves to the reader, or the writer to the stack:
 * checksums, and cutting super-packets. A header before the packet tells of it:
 * OpenBSD's struct tun_hdr, or a struct virtio_net_hdr as on FreeBSD's tap(4).
 */

#include "offload.h"

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <uapi/linux/icmp.h>

#define TUN_H_CSUM	(TUN_H_TCP_CSUM | TUN_H_UDP_CSUM | TUN_H_ICMP_CSUM)

const char * const bsdtun_header_names[] = {
	[BSDTUN_HEADER_NONE]	= "none",
	[BSDTUN_HEADER_TUN]	= "tun_hdr",
	[BSDTUN_HEADER_VNET]	= "virtio_net_hdr",
};

/**
 * bsdtun_offload_by_capabilities - what a reader does that names OpenBSD's capabilities
 * @capabilities: BSDTUN_IFCAP_ values
 *
 * Segmentation without the checksum of the segments is none. The rest asks
 * nothing of Linux: headers of IPv4 always have their checksum, there are no
 * VLAN tags on tun, and what is written may be a super-packet in any case.
 *
 * Context: Any.
 * Return: BSDTUN_OFFLOAD_ values.
 */
u8 bsdtun_offload_by_capabilities(u32 capabilities)
{
	u8 offloads = 0;

	if (capabilities & BSDTUN_IFCAP_CSUM_TCPv4)
		offloads |= BSDTUN_OFFLOAD_CSUM_TCP4;
	if (capabilities & BSDTUN_IFCAP_CSUM_UDPv4)
		offloads |= BSDTUN_OFFLOAD_CSUM_UDP4;
	if (capabilities & BSDTUN_IFCAP_CSUM_TCPv6)
		offloads |= BSDTUN_OFFLOAD_CSUM_TCP6;
	if (capabilities & BSDTUN_IFCAP_CSUM_UDPv6)
		offloads |= BSDTUN_OFFLOAD_CSUM_UDP6;
	if ((capabilities & BSDTUN_IFCAP_TSOv4) &&
	    (offloads & BSDTUN_OFFLOAD_CSUM_TCP4))
		offloads |= BSDTUN_OFFLOAD_TSO4;
	if ((capabilities & BSDTUN_IFCAP_TSOv6) &&
	    (offloads & BSDTUN_OFFLOAD_CSUM_TCP6))
		offloads |= BSDTUN_OFFLOAD_TSO6;
	return offloads;
}

/**
 * bsdtun_offload_features - features of an interface whose readers do this
 * @offloads: BSDTUN_OFFLOAD_ values that all of them have
 *
 * Context: Any.
 * Return: of %BSDTUN_OFFLOAD_FEATURES those that it may have.
 */
netdev_features_t bsdtun_offload_features(u8 offloads)
{
	netdev_features_t features = 0;

	if (offloads & BSDTUN_OFFLOAD_CSUM)
		features |= NETIF_F_HW_CSUM;
	if (offloads & BSDTUN_OFFLOAD_TSO4)
		features |= NETIF_F_TSO;
	if (offloads & BSDTUN_OFFLOAD_TSO6)
		features |= NETIF_F_TSO6;
	if (offloads & BSDTUN_OFFLOAD_USO)
		features |= BSDTUN_GSO_UDP_L4;
	return features;
}

/* If segments are to have the same number in IPv4's header, ethtool(8) has allowed
 * that they get others: there are no words for it.
 */
static u8 segmentation_of(const struct sk_buff *skb)
{
	switch (skb_shinfo(skb)->gso_type &
		~(SKB_GSO_DODGY | SKB_GSO_TCP_FIXEDID)) {
	case SKB_GSO_TCPV4:
		return BSDTUN_OFFLOAD_TSO4;
	case SKB_GSO_TCPV6:
		return BSDTUN_OFFLOAD_TSO6;
	case SKB_GSO_UDP_L4:
		return BSDTUN_OFFLOAD_USO;
	default:
		return 0;
	}
}

/* A protocol's number in either family, and where its header has the checksum. */
struct transport {
	u8 protocol4;
	u8 protocol6;
	u16 check;
};

static const struct transport tcp = {
	IPPROTO_TCP, IPPROTO_TCP, offsetof(struct tcphdr, check)
};

static const struct transport udp = {
	IPPROTO_UDP, IPPROTO_UDP, offsetof(struct udphdr, check)
};

static const struct transport icmp = {
	IPPROTO_ICMP, IPPROTO_ICMPV6, offsetof(struct icmphdr, checksum)
};

/* Has the first @len bytes in the head. Returns 0, -EINVAL if there are not so many,
 * or -ENOBUFS.
 */
static int pull(struct sk_buff *skb, unsigned int len)
{
	if (likely(pskb_may_pull(skb, len)))
		return 0;
	return len > skb->len ? -EINVAL : -ENOBUFS;
}

/* Returns the offset of the transport header, if it is that of the protocol, and
 * in *@pseudo the sum of the pseudo header; -EINVAL; or -ENOBUFS.
 */
static int find_transport4(struct sk_buff *skb, const struct transport *t,
			   __sum16 *pseudo)
{
	const struct iphdr *iph;
	int start, len, err;

	err = pull(skb, sizeof(*iph));
	if (err)
		return err;
	iph = ip_hdr(skb);
	start = iph->ihl * 4;
	len = ntohs(iph->tot_len) - start;
	if (start < sizeof(*iph) || len < 0 || start + len > skb->len ||
	    ip_is_fragment(iph) || iph->protocol != t->protocol4)
		return -EINVAL;
	*pseudo = t == &icmp ? 0 :
		  ~csum_tcpudp_magic(iph->saddr, iph->daddr, len,
				     iph->protocol, 0);
	return start;
}

static int find_transport6(struct sk_buff *skb, const struct transport *t,
			   __sum16 *pseudo)
{
	const struct ipv6hdr *ip6h;
	__be16 frag_off;
	int start, len, err;
	u8 protocol;

	err = pull(skb, sizeof(*ip6h));
	if (err)
		return err;
	protocol = ipv6_hdr(skb)->nexthdr;
	start = ipv6_skip_exthdr(skb, sizeof(*ip6h), &protocol, &frag_off);
	if (start < 0 || frag_off || protocol != t->protocol6)
		return -EINVAL;
	ip6h = ipv6_hdr(skb);
	len = sizeof(*ip6h) + ntohs(ip6h->payload_len) - start;
	if (len < 0 || start + len > skb->len)
		return -EINVAL;
	*pseudo = ~csum_ipv6_magic(&ip6h->saddr, &ip6h->daddr, len, protocol,
				   0);
	return start;
}

static int find_transport(struct sk_buff *skb, const struct transport *t,
			  __sum16 *pseudo)
{
	return skb->protocol == htons(ETH_P_IP) ?
	       find_transport4(skb, t, pseudo) :
	       find_transport6(skb, t, pseudo);
}

/* Whether the checksum that is to be filled in is this protocol's: who sends packets
 * with a header of offloads may name another place, such as that of a packet inside.
 */
static bool is_checksum_of(struct sk_buff *skb, const struct transport *t)
{
	__sum16 pseudo;

	return skb->csum_offset == t->check &&
	       skb_checksum_start_offset(skb) == find_transport(skb, t, &pseudo);
}

/* The checksum of a packet with CHECKSUM_PARTIAL. */
static u8 checksum_of(struct sk_buff *skb)
{
	bool ipv6 = skb->protocol == htons(ETH_P_IPV6);

	if (is_checksum_of(skb, &tcp))
		return ipv6 ? BSDTUN_OFFLOAD_CSUM_TCP6 :
			      BSDTUN_OFFLOAD_CSUM_TCP4;
	if (is_checksum_of(skb, &udp))
		return ipv6 ? BSDTUN_OFFLOAD_CSUM_UDP6 :
			      BSDTUN_OFFLOAD_CSUM_UDP4;
	return BSDTUN_OFFLOAD_CSUM_OTHER;
}

/* XDP programs change packets, and leave CHECKSUM_PARTIAL as it was. */
static bool checksum_is_inside(const struct sk_buff *skb)
{
	int start = skb_checksum_start_offset(skb);

	return start >= 0 && start + skb->csum_offset + sizeof(__sum16) <=
			     skb_headlen(skb);
}

/**
 * bsdtun_offload_fit - make of a packet one that a reader can be given
 * @skb: the packet
 * @offloads: what the reader does, BSDTUN_OFFLOAD_ values
 *
 * Features see to super-packets; what was cut for others that the interface
 * had before is caught here. Features are coarser than readers, who may want
 * TCP's checksum only: here the others' are filled in. Who takes those of no
 * known protocol has a header that says where they are, and takes all.
 *
 * Context: Any. Does not sleep.
 * Return: 0; -EOPNOTSUPP if it is a super-packet of another kind, or its checksum
 * is not in the packet; -ENOMEM.
 */
int bsdtun_offload_fit(struct sk_buff *skb, u8 offloads)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL && !checksum_is_inside(skb))
		return -EOPNOTSUPP;
	if (skb_is_gso(skb))
		return segmentation_of(skb) & offloads ? 0 : -EOPNOTSUPP;
	if (skb->ip_summed != CHECKSUM_PARTIAL ||
	    (offloads & BSDTUN_OFFLOAD_CSUM_OTHER))
		return 0;
	if ((offloads & BSDTUN_OFFLOAD_CSUM) && (checksum_of(skb) & offloads))
		return 0;
	return skb_checksum_help(skb) ? -ENOMEM : 0;
}

/* The TCP or UDP checksum of a super-packet's segments is never filled in. */
static void describe_tun(const struct sk_buff *skb, struct tun_hdr *th)
{
	memset(th, 0, sizeof(*th));
	if (skb_is_gso(skb)) {
		th->th_flags = TUN_H_TCP_CSUM | TUN_H_TCP_MSS;
		th->th_mss = skb_shinfo(skb)->gso_size;
	} else if (skb->ip_summed == CHECKSUM_PARTIAL) {
		th->th_flags = skb->csum_offset ==
			       offsetof(struct tcphdr, check) ?
			       TUN_H_TCP_CSUM : TUN_H_UDP_CSUM;
	}
}

/**
 * bsdtun_offload_describe - fill in the header of a packet that is read
 * @skb: the packet, fit for the reader
 * @header: kind of header, not %BSDTUN_HEADER_NONE
 * @data: filled in, all of it
 *
 * Context: Any.
 * Return: 0, or -EINVAL if the header has no words for it, which a packet that
 * is fit never is.
 */
int bsdtun_offload_describe(const struct sk_buff *skb,
			    enum bsdtun_header header,
			    union bsdtun_header_data *data)
{
	memset(data, 0, sizeof(*data));
	if (header == BSDTUN_HEADER_TUN) {
		describe_tun(skb, &data->tun);
		return 0;
	}
	return virtio_net_hdr_from_skb(skb, &data->vnet.hdr,
				       virtio_legacy_is_little_endian(), true,
				       0);
}

static __virtio16 native16(u16 value)
{
	return __cpu_to_virtio16(virtio_legacy_is_little_endian(), value);
}

/* OpenBSD does not say what stands in a checksum that is to be filled in: the sum
 * of the pseudo header is put there, which Linux wants.
 */
static int leave_checksum(struct sk_buff *skb, const struct transport *t,
			  struct virtio_net_hdr *vnet)
{
	int start, err;
	__sum16 pseudo;

	start = find_transport(skb, t, &pseudo);
	if (start < 0)
		return start;
	err = pull(skb, start + t->check + sizeof(pseudo));
	if (err)
		return err;
	*(__sum16 *)(skb->data + start + t->check) = pseudo;

	vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vnet->csum_start = native16(start);
	vnet->csum_offset = native16(t->check);
	return 0;
}

static int fill_ip_checksum(struct sk_buff *skb)
{
	int len, err;

	if (skb->protocol != htons(ETH_P_IP))
		return -EINVAL;
	err = pull(skb, sizeof(struct iphdr));
	if (err)
		return err;
	len = ip_hdrlen(skb);
	if (len < sizeof(struct iphdr))
		return -EINVAL;
	err = pull(skb, len);
	if (err)
		return err;
	ip_send_check(ip_hdr(skb));
	return 0;
}

static int checksum_of_tun(struct sk_buff *skb, u16 flags,
			   struct virtio_net_hdr *vnet)
{
	/* It cannot be cut without. */
	if (flags & TUN_H_TCP_MSS)
		flags |= TUN_H_TCP_CSUM;

	switch (flags & TUN_H_CSUM) {
	case 0:
		return 0;
	case TUN_H_TCP_CSUM:
		return leave_checksum(skb, &tcp, vnet);
	case TUN_H_UDP_CSUM:
		return leave_checksum(skb, &udp, vnet);
	case TUN_H_ICMP_CSUM:
		return leave_checksum(skb, &icmp, vnet);
	default:
		return -EINVAL;
	}
}

/* Says the same in virtio's words, in the machine's byte order. */
static int translate_tun(struct sk_buff *skb, const struct tun_hdr *th,
			 struct virtio_net_hdr *vnet)
{
	u16 flags = th->th_flags;
	int err;

	memset(vnet, 0, sizeof(*vnet));
	if (flags & TUN_H_VTAG)
		return -EINVAL;
	if (flags & TUN_H_IPV4_CSUM) {
		err = fill_ip_checksum(skb);
		if (err)
			return err;
	}
	err = checksum_of_tun(skb, flags, vnet);
	if (err)
		return err;
	if (flags & TUN_H_TCP_MSS) {
		vnet->gso_type = skb->protocol == htons(ETH_P_IP) ?
				 VIRTIO_NET_HDR_GSO_TCPV4 :
				 VIRTIO_NET_HDR_GSO_TCPV6;
		vnet->gso_size = native16(th->th_mss);
	}
	return 0;
}

/* What virtio_net_hdr_to_skb() would have the kernel log, or take for a wrong header. */
static int check_checksum(struct sk_buff *skb,
			  const struct virtio_net_hdr *vnet)
{
	bool little = virtio_legacy_is_little_endian();
	u32 start = __virtio16_to_cpu(little, vnet->csum_start);
	u32 offset = __virtio16_to_cpu(little, vnet->csum_offset);

	if (!(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return 0;
	if (skb_headroom(skb) + start >= U16_MAX)
		return -EINVAL;
	return pull(skb, start + offset + sizeof(__sum16));
}

/**
 * bsdtun_offload_apply - do to a packet what its writer's header says
 * @skb: the packet, with its device, protocol and network header set
 * @header: kind of header, not %BSDTUN_HEADER_NONE
 * @data: the header
 *
 * Whatever the reader side of the file has asked for: a header can say all that
 * it has words for. OpenBSD: tun_dev_write(). Linux: tun_get_user().
 *
 * Context: RCU, for the device. Does not sleep.
 * Return: 0; -EINVAL if header and packet make no sense; -ENOBUFS.
 */
int bsdtun_offload_apply(struct sk_buff *skb, enum bsdtun_header header,
			 const union bsdtun_header_data *data)
{
	struct virtio_net_hdr vnet = data->vnet.hdr;
	int err;

	if (header == BSDTUN_HEADER_TUN) {
		err = translate_tun(skb, &data->tun, &vnet);
		if (err)
			return err;
	}
	if (vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE &&
	    !virtio_net_hdr_match_proto(skb->protocol, vnet.gso_type))
		return -EINVAL;
	err = check_checksum(skb, &vnet);
	if (err)
		return err;
	return virtio_net_hdr_to_skb(skb, &vnet,
				     virtio_legacy_is_little_endian());
}
