/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_OFFLOAD_H
#define _BSDTUN_OFFLOAD_H

#include "compat.h"

#include <linux/bits.h>
#include <linux/netdev_features.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <linux/virtio_net.h>
#include <uapi/linux/bsdtun.h>

/* What a reader does itself: fill in a checksum, cut a super-packet. */
#define BSDTUN_OFFLOAD_CSUM_TCP4	BIT(0)
#define BSDTUN_OFFLOAD_CSUM_UDP4	BIT(1)
#define BSDTUN_OFFLOAD_CSUM_TCP6	BIT(2)
#define BSDTUN_OFFLOAD_CSUM_UDP6	BIT(3)
#define BSDTUN_OFFLOAD_CSUM_OTHER	BIT(4)
#define BSDTUN_OFFLOAD_TSO4		BIT(5)
#define BSDTUN_OFFLOAD_TSO6		BIT(6)
/* None where virtio's header has no words for it. */
#define BSDTUN_OFFLOAD_USO		(BSDTUN_GSO_UDP_L4 ? BIT(7) : 0)

#define BSDTUN_OFFLOAD_CSUM						\
	(BSDTUN_OFFLOAD_CSUM_TCP4 | BSDTUN_OFFLOAD_CSUM_UDP4 |		\
	 BSDTUN_OFFLOAD_CSUM_TCP6 | BSDTUN_OFFLOAD_CSUM_UDP6 |		\
	 BSDTUN_OFFLOAD_CSUM_OTHER)
#define BSDTUN_OFFLOAD_ALL						\
	(BSDTUN_OFFLOAD_CSUM | BSDTUN_OFFLOAD_TSO4 |			\
	 BSDTUN_OFFLOAD_TSO6 | BSDTUN_OFFLOAD_USO)

/* The features of an interface that depend on its readers. */
#define BSDTUN_OFFLOAD_FEATURES						\
	(NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6 | BSDTUN_GSO_UDP_L4)

/* Room for either header; the largest comes first: it is what {} clears. */
union bsdtun_header_data {
	struct virtio_net_hdr_mrg_rxbuf vnet;
	struct tun_hdr tun;
};

/* What people call the headers; enum bsdtun_header is the index. */
extern const char * const bsdtun_header_names[];

u8 bsdtun_offload_by_capabilities(u32 capabilities);
netdev_features_t bsdtun_offload_features(u8 offloads);
int bsdtun_offload_fit(struct sk_buff *skb, u8 offloads);
int bsdtun_offload_describe(const struct sk_buff *skb,
			    enum bsdtun_header header,
			    union bsdtun_header_data *data);
int bsdtun_offload_apply(struct sk_buff *skb, enum bsdtun_header header,
			 const union bsdtun_header_data *data);

#endif /* _BSDTUN_OFFLOAD_H */
