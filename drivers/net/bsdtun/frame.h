/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_FRAME_H
#define _BSDTUN_FRAME_H

#include <linux/align.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <uapi/linux/bsdtun.h>

struct iov_iter;
union bsdtun_header_data;

/* Packets that one system call moves at most. */
#define BSDTUN_FRAME_BATCH	64

/**
 * enum bsdtun_prefix - what stands before a packet
 * @BSDTUN_PREFIX_NONE: nothing; only IPv4 can be read
 * @BSDTUN_PREFIX_AF: the address family, read and written (TUNSIFHEAD)
 * @BSDTUN_PREFIX_SOCKADDR: the next hop's socket address, read only (TUNSLMODE)
 */
enum bsdtun_prefix {
	BSDTUN_PREFIX_NONE = BSDTUN_FRAMING_NONE,
	BSDTUN_PREFIX_AF = BSDTUN_FRAMING_AF,
	BSDTUN_PREFIX_SOCKADDR = BSDTUN_FRAMING_SOCKADDR,
};

/**
 * struct bsdtun_format - what stands before each packet of a file
 * @prefix: enum bsdtun_prefix, right before the packet
 * @batch: many packets a call, a struct tun_batch_hdr before all else of each
 * @header_len: of @header, bytes
 * @header: enum bsdtun_header, before the prefix
 * @preamble_len: all of it before an IPv4 packet, bytes; see
 *	bsdtun_frame_measure()
 * @offloads: what the reader does itself, BSDTUN_OFFLOAD_ values
 *
 * Aligned so that every machine reads all of it at once: writers take no lock.
 */
struct bsdtun_format {
	u8 prefix : 3;
	u8 batch : 1;
	u8 header_len : 4;
	u8 header;
	u8 preamble_len;
	u8 offloads;
} __aligned(4);

/**
 * struct bsdtun_frame_next - the next frame of a batch that is written
 * @hdr: its header
 * @is_read: whether it has been read
 */
struct bsdtun_frame_next {
	struct tun_batch_hdr hdr;
	bool is_read;
};

/* What people call them; enum bsdtun_framing is the index. */
extern const char * const bsdtun_frame_names[];

void bsdtun_frame_measure(struct bsdtun_format *format);
bool bsdtun_frame_carries_other(enum bsdtun_prefix prefix, __be16 protocol);
void bsdtun_frame_keep_next_hop(struct sk_buff *skb);
ssize_t bsdtun_frame_to_iter(struct sk_buff *skb, struct bsdtun_format format,
			     struct iov_iter *to);
struct sk_buff *bsdtun_frame_from_iter(struct bsdtun_format format,
				       union bsdtun_header_data *data,
				       struct bsdtun_frame_next *next,
				       struct iov_iter *from);

/**
 * bsdtun_frame_carries - whether a prefix can tell the reader of a protocol
 * @prefix: the prefix
 * @protocol: protocol of a packet, ETH_P_ value
 *
 * Context: Any.
 * Return: true if it can.
 */
static inline bool bsdtun_frame_carries(enum bsdtun_prefix prefix,
					__be16 protocol)
{
	return likely(protocol == htons(ETH_P_IP)) ||
	       bsdtun_frame_carries_other(prefix, protocol);
}

/**
 * bsdtun_frame_preamble_len - length of all that precedes a packet
 * @skb: the packet
 * @format: what precedes it
 *
 * Context: Any.
 * Return: bytes.
 */
static inline size_t bsdtun_frame_preamble_len(const struct sk_buff *skb,
					       struct bsdtun_format format)
{
	size_t len = format.preamble_len;

	if (unlikely(format.prefix == BSDTUN_PREFIX_SOCKADDR) &&
	    skb->protocol != htons(ETH_P_IP))
		len += sizeof(struct sockaddr_in6) - sizeof(struct sockaddr_in);
	return len;
}

/**
 * bsdtun_frame_len - length of a packet that is read, with all that precedes it
 * @skb: the packet
 * @format: what precedes it
 *
 * Context: Any.
 * Return: bytes; of a batch with what stands between it and the next.
 */
static inline size_t bsdtun_frame_len(const struct sk_buff *skb,
				      struct bsdtun_format format)
{
	size_t len = bsdtun_frame_preamble_len(skb, format) + skb->len;

	return format.batch ? ALIGN(len, TUN_BATCH_ALIGN) : len;
}

#endif /* _BSDTUN_FRAME_H */
