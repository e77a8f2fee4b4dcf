/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_QUEUE_H
#define _BSDTUN_QUEUE_H

#include "frame.h"

#include <linux/fs.h>
#include <linux/netdevice.h>
#include <linux/ptr_ring.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct bsdtun_device;

/**
 * struct bsdtun_queue - an open file, and what the stack has sent to it
 * @ring: the packets. Producers hold the xmit lock of the device's tx queue
 *	@index in place of the ring's producer_lock; consumers hold its
 *	consumer_lock, which is taken in process context and with BH enabled,
 *	and before the other by who needs both.
 * @format: what precedes each packet; changes under both locks
 * @wait: readers, pollers
 * @fasync: who wants SIGIO
 * @sigio: sends it
 * @device: the interface, NULL once it is gone; changes under RTNL
 * @capabilities: as TUNSCAP was given them; under RTNL
 * @unit: the unit that it was opened for
 * @index: which of the device's queues this is
 */
struct bsdtun_queue {
	struct ptr_ring ring;
	struct bsdtun_format format;
	wait_queue_head_t wait;
	struct fasync_struct *fasync;
	struct work_struct sigio;
	struct bsdtun_device __rcu *device;
	u32 capabilities;
	int unit;
	unsigned int index;
};

/**
 * struct bsdtun_packet - a packet that is read
 * @skb: the packet
 * @format: what is to precede it
 */
struct bsdtun_packet {
	struct sk_buff *skb;
	struct bsdtun_format format;
};

/**
 * struct bsdtun_batch - packets that are read together
 * @room: bytes that the reader has for them
 * @count: how many there are, or a negative errno
 * @format: what is to precede them; if it is no batch any more, there is one
 * @skbs: the packets
 */
struct bsdtun_batch {
	size_t room;
	int count;
	struct bsdtun_format format;
	struct sk_buff *skbs[BSDTUN_FRAME_BATCH];
};

struct bsdtun_queue *bsdtun_queue_create(void);
void bsdtun_queue_destroy(struct bsdtun_queue *queue);

void bsdtun_queue_set_limits(struct net_device *dev);
int bsdtun_queue_bind(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		      unsigned int index, enum bsdtun_prefix prefix);
void bsdtun_queue_unbind(struct bsdtun_queue *queue, struct bsdtun_device *bt);

netdev_tx_t bsdtun_queue_xmit(struct bsdtun_queue *queue,
			      struct bsdtun_device *bt, struct sk_buff *skb);
struct bsdtun_packet bsdtun_queue_receive(struct bsdtun_queue *queue);
struct bsdtun_packet bsdtun_queue_wait(struct bsdtun_queue *queue, bool nonblock);
int bsdtun_queue_receive_batch(struct bsdtun_queue *queue, bool nonblock,
			       struct bsdtun_batch *batch);
void bsdtun_queue_put_back(struct bsdtun_queue *queue,
			   const struct bsdtun_batch *batch, int first);
bool bsdtun_queue_empty(struct bsdtun_queue *queue);
size_t bsdtun_queue_next_len(struct bsdtun_queue *queue);
unsigned int bsdtun_queue_packets(struct bsdtun_queue *queue);

void bsdtun_queue_purge(struct bsdtun_queue *queue, struct bsdtun_device *bt);
int bsdtun_queue_resize_all(struct bsdtun_device *bt);
void bsdtun_queue_set_format(struct bsdtun_queue *queue,
			     struct bsdtun_device *bt,
			     struct bsdtun_format format);

#endif /* _BSDTUN_QUEUE_H */
