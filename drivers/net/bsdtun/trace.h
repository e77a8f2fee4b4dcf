/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM bsdtun

#if !defined(_BSDTUN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _BSDTUN_TRACE_H

#include "compat.h"
#include "device.h"
#include "queue.h"

#include <linux/skbuff.h>
#include <linux/tracepoint.h>

/* The numbers behind the names, for who reads the binary buffer. */
TRACE_DEFINE_ENUM(BSDTUN_TX_NO_READER);
TRACE_DEFINE_ENUM(BSDTUN_TX_FAMILY);
TRACE_DEFINE_ENUM(BSDTUN_TX_OFFLOAD);
TRACE_DEFINE_ENUM(BSDTUN_TX_FULL);
TRACE_DEFINE_ENUM(BSDTUN_TX_NOMEM);
TRACE_DEFINE_ENUM(BSDTUN_TX_PURGED);
TRACE_DEFINE_ENUM(BSDTUN_TX_FAULT);
TRACE_DEFINE_ENUM(BSDTUN_RX_ERROR_LENGTH);
TRACE_DEFINE_ENUM(BSDTUN_RX_ERROR_FAMILY);
TRACE_DEFINE_ENUM(BSDTUN_RX_ERROR_HEADER);
TRACE_DEFINE_ENUM(BSDTUN_RX_ERROR_FAULT);
TRACE_DEFINE_ENUM(BSDTUN_RX_DOWN);
TRACE_DEFINE_ENUM(BSDTUN_RX_NOMEM);
TRACE_DEFINE_ENUM(BSDTUN_RX_BACKLOG);

TRACE_DEFINE_ENUM(SKB_DROP_REASON_NOT_SPECIFIED);
TRACE_DEFINE_ENUM(SKB_DROP_REASON_CPU_BACKLOG);
TRACE_DEFINE_ENUM(SKB_DROP_REASON_DEV_HDR);
TRACE_DEFINE_ENUM(SKB_DROP_REASON_DEV_READY);
TRACE_DEFINE_ENUM(SKB_DROP_REASON_FULL_RING);
TRACE_DEFINE_ENUM(SKB_DROP_REASON_NOMEM);
TRACE_DEFINE_ENUM(SKB_DROP_REASON_QUEUE_PURGE);
TRACE_DEFINE_ENUM(SKB_DROP_REASON_SKB_GSO_SEG);
TRACE_DEFINE_ENUM(SKB_DROP_REASON_SKB_UCOPY_FAULT);
TRACE_DEFINE_ENUM(SKB_DROP_REASON_UNHANDLED_PROTO);

/* As ethtool(8) names them. */
#define bsdtun_show_cause(cause)					\
	__print_symbolic(cause,						\
		{ BSDTUN_TX_NO_READER,		"tx_dropped_no_reader" }, \
		{ BSDTUN_TX_FAMILY,		"tx_dropped_family" },	\
		{ BSDTUN_TX_OFFLOAD,		"tx_dropped_offload" },	\
		{ BSDTUN_TX_FULL,		"tx_dropped_full" },	\
		{ BSDTUN_TX_NOMEM,		"tx_dropped_nomem" },	\
		{ BSDTUN_TX_PURGED,		"tx_dropped_purged" },	\
		{ BSDTUN_TX_FAULT,		"tx_dropped_fault" },	\
		{ BSDTUN_RX_ERROR_LENGTH,	"rx_errors_length" },	\
		{ BSDTUN_RX_ERROR_FAMILY,	"rx_errors_family" },	\
		{ BSDTUN_RX_ERROR_HEADER,	"rx_errors_header" },	\
		{ BSDTUN_RX_ERROR_FAULT,	"rx_errors_fault" },	\
		{ BSDTUN_RX_DOWN,		"rx_dropped_down" },	\
		{ BSDTUN_RX_NOMEM,		"rx_dropped_nomem" },	\
		{ BSDTUN_RX_BACKLOG,		"rx_dropped_backlog" })

/* As the tracepoint skb:kfree_skb names them. */
#define bsdtun_show_reason(reason)					\
	__print_symbolic(reason,					\
		{ SKB_DROP_REASON_NOT_SPECIFIED,	"NOT_SPECIFIED" }, \
		{ SKB_DROP_REASON_CPU_BACKLOG,		"CPU_BACKLOG" }, \
		{ SKB_DROP_REASON_DEV_HDR,		"DEV_HDR" },	\
		{ SKB_DROP_REASON_DEV_READY,		"DEV_READY" },	\
		{ SKB_DROP_REASON_FULL_RING,		"FULL_RING" },	\
		{ SKB_DROP_REASON_NOMEM,		"NOMEM" },	\
		{ SKB_DROP_REASON_QUEUE_PURGE,		"QUEUE_PURGE" }, \
		{ SKB_DROP_REASON_SKB_GSO_SEG,		"SKB_GSO_SEG" }, \
		{ SKB_DROP_REASON_SKB_UCOPY_FAULT,	"SKB_UCOPY_FAULT" }, \
		{ SKB_DROP_REASON_UNHANDLED_PROTO,	"UNHANDLED_PROTO" })

/* A packet on its way. */
DECLARE_EVENT_CLASS(bsdtun_packet,
		    TP_PROTO(const struct bsdtun_queue *queue,
			     const struct sk_buff *skb),
		    TP_ARGS(queue, skb),
		    TP_STRUCT__entry(__field(const void *, skbaddr)
				     __field(int, unit)
				     __field(unsigned int, queue)
				     __field(unsigned int, len)
				     __field(u16, protocol)),
		    TP_fast_assign(__entry->skbaddr = skb;
				   __entry->unit = queue->unit;
				   __entry->queue = queue->index;
				   __entry->len = skb->len;
				   __entry->protocol = ntohs(skb->protocol);),
		    TP_printk("unit=%d queue=%u skbaddr=%p protocol=0x%04x len=%u",
			      __entry->unit, __entry->queue, __entry->skbaddr,
			      __entry->protocol, __entry->len));

/* From the stack into the ring. */
DEFINE_EVENT(bsdtun_packet, bsdtun_enqueue,
	     TP_PROTO(const struct bsdtun_queue *queue,
		      const struct sk_buff *skb),
	     TP_ARGS(queue, skb));

/* Out of the ring, to be copied to the reader. */
DEFINE_EVENT(bsdtun_packet, bsdtun_dequeue,
	     TP_PROTO(const struct bsdtun_queue *queue,
		      const struct sk_buff *skb),
	     TP_ARGS(queue, skb));

/* From the writer to the stack. */
DEFINE_EVENT(bsdtun_packet, bsdtun_write,
	     TP_PROTO(const struct bsdtun_queue *queue,
		      const struct sk_buff *skb),
	     TP_ARGS(queue, skb));

/* A packet lost; @skb is NULL if what was written never became one, or the core freed it. */
TRACE_EVENT(bsdtun_drop,
	    TP_PROTO(const struct bsdtun_device *bt, const struct sk_buff *skb,
		     enum bsdtun_counter cause, enum skb_drop_reason reason),
	    TP_ARGS(bt, skb, cause, reason),
	    TP_STRUCT__entry(__field(const void *, skbaddr)
			     __field(int, unit)
			     __field(enum bsdtun_counter, cause)
			     __field(enum skb_drop_reason, reason)
			     __field(unsigned int, len)
			     __field(u16, protocol)),
	    TP_fast_assign(__entry->skbaddr = skb;
			   __entry->unit = bt->unit;
			   __entry->cause = cause;
			   __entry->reason = reason;
			   __entry->len = skb ? skb->len : 0;
			   __entry->protocol = skb ? ntohs(skb->protocol) : 0;),
	    TP_printk("unit=%d skbaddr=%p protocol=0x%04x len=%u cause=%s reason=%s",
		      __entry->unit, __entry->skbaddr, __entry->protocol,
		      __entry->len, bsdtun_show_cause(__entry->cause),
		      bsdtun_show_reason(__entry->reason)));

/* An open file. */
DECLARE_EVENT_CLASS(bsdtun_file,
		    TP_PROTO(const struct bsdtun_queue *queue),
		    TP_ARGS(queue),
		    TP_STRUCT__entry(__field(int, unit)
				     __field(unsigned int, queue)),
		    TP_fast_assign(__entry->unit = queue->unit;
				   __entry->queue = queue->index;),
		    TP_printk("unit=%d queue=%u", __entry->unit, __entry->queue));

DEFINE_EVENT(bsdtun_file, bsdtun_open,
	     TP_PROTO(const struct bsdtun_queue *queue), TP_ARGS(queue));

DEFINE_EVENT(bsdtun_file, bsdtun_close,
	     TP_PROTO(const struct bsdtun_queue *queue), TP_ARGS(queue));

#endif /* _BSDTUN_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
