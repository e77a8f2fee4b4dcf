/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_DROP_H
#define _BSDTUN_DROP_H

#include "compat.h"
#include "device.h"
#include "trace.h"

#include <linux/skbuff.h>

/**
 * bsdtun_drop_reason - what the kernel calls a cause
 * @cause: the cause
 *
 * The reasons are the core's. Those of a subsystem of its own would need a number
 * in the core's enum skb_drop_reason_subsys.
 *
 * Context: Any.
 * Return: the reason that dropwatch and the tracepoint skb:kfree_skb show.
 */
static inline enum skb_drop_reason bsdtun_drop_reason(enum bsdtun_counter cause)
{
	switch (cause) {
	case BSDTUN_TX_NO_READER:
	case BSDTUN_RX_DOWN:
		return SKB_DROP_REASON_DEV_READY;
	case BSDTUN_TX_FAMILY:
	case BSDTUN_RX_ERROR_FAMILY:
		return SKB_DROP_REASON_UNHANDLED_PROTO;
	case BSDTUN_TX_OFFLOAD:
		return SKB_DROP_REASON_SKB_GSO_SEG;
	case BSDTUN_RX_ERROR_HEADER:
		return SKB_DROP_REASON_DEV_HDR;
	case BSDTUN_TX_FULL:
		return SKB_DROP_REASON_FULL_RING;
	case BSDTUN_TX_NOMEM:
	case BSDTUN_RX_NOMEM:
		return SKB_DROP_REASON_NOMEM;
	case BSDTUN_TX_PURGED:
		return SKB_DROP_REASON_QUEUE_PURGE;
	case BSDTUN_TX_FAULT:
	case BSDTUN_RX_ERROR_FAULT:
		return SKB_DROP_REASON_SKB_UCOPY_FAULT;
	case BSDTUN_RX_BACKLOG:
		return SKB_DROP_REASON_CPU_BACKLOG;
	default:
		return SKB_DROP_REASON_NOT_SPECIFIED;
	}
}

/**
 * bsdtun_count_drop - count a packet that is lost, and tell of it
 * @bt: the interface
 * @skb: the packet; NULL if what was written never became one, or is freed already
 * @cause: why
 *
 * Context: Any.
 */
static inline void bsdtun_count_drop(struct bsdtun_device *bt,
				     const struct sk_buff *skb,
				     enum bsdtun_counter cause)
{
	this_cpu_inc(bt->counters->count[cause]);
	trace_bsdtun_drop(bt, skb, cause, bsdtun_drop_reason(cause));
}

/**
 * bsdtun_drop - lose a packet: count it, tell of it, free it
 * @bt: the interface
 * @skb: the packet; NULL if what was written never became one
 * @cause: why
 *
 * Inline, so that dropwatch shows where.
 *
 * Context: Any.
 */
static inline void bsdtun_drop(struct bsdtun_device *bt, struct sk_buff *skb,
			       enum bsdtun_counter cause)
{
	bsdtun_count_drop(bt, skb, cause);
	kfree_skb_reason(skb, bsdtun_drop_reason(cause));
}

#endif /* _BSDTUN_DROP_H */
