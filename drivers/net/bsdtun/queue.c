// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The ring between the stack and an open file.
 *
 * The driver is not lockless: the stack holds the xmit lock of the tx queue
 * around ndo_start_xmit, which makes it the ring's one producer at a time. A
 * full ring stops the tx queue, so that packets wait in the qdisc; the reader
 * starts it again when half of the ring is free. Byte queue limits, counting
 * packets, stop it sooner if the reader has enough to do, so that it is the
 * qdisc that decides what comes next.
 */

#include "queue.h"
#include "compat.h"
#include "device.h"
#include "drop.h"
#include "offload.h"
#include "trace.h"

#include <linux/mm.h>
#include <linux/netfilter.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/dst.h>

#define RING_SIZE_MAX	32768

/* A reader's progress is told when slots are given back: ptr_ring keeps so many. */
#define SLOTS_KEPT_MAX	(2 * SMP_CACHE_BYTES / sizeof(void *))

/* Below this no limit goes by itself: a reader of batches always finds a whole one. */
#define QUEUE_LIMIT_MIN	(BSDTUN_FRAME_BATCH + SLOTS_KEPT_MAX)

static struct netdev_queue *txq_of(struct bsdtun_device *bt, unsigned int index)
{
	return netdev_get_tx_queue(bt->dev, index);
}

static int ring_size(const struct net_device *dev)
{
	return clamp_t(unsigned int, READ_ONCE(dev->tx_queue_len), 1,
		       RING_SIZE_MAX);
}

static void signal_owner(struct work_struct *work)
{
	struct bsdtun_queue *queue = container_of(work, struct bsdtun_queue,
						  sigio);

	kill_fasync(&queue->fasync, SIGIO, POLL_IN);
}

/**
 * bsdtun_queue_create - make the state of a file that is being opened
 *
 * Context: Process context. May sleep.
 * Return: the queue, which has no interface yet, or NULL if memory is short.
 */
struct bsdtun_queue *bsdtun_queue_create(void)
{
	struct bsdtun_queue *queue;

	queue = kzalloc_obj(*queue);
	if (!queue)
		return NULL;
	init_waitqueue_head(&queue->wait);
	INIT_WORK(&queue->sigio, signal_owner);
	return queue;
}

/**
 * bsdtun_queue_destroy - free the state of a file
 * @queue: the queue; no interface holds it any more
 *
 * Context: Process context. May sleep.
 */
void bsdtun_queue_destroy(struct bsdtun_queue *queue)
{
	cancel_work_sync(&queue->sigio);
	ptr_ring_cleanup(&queue->ring, NULL);
	kfree(queue);
}

/**
 * bsdtun_queue_set_limits - set the byte queue limits of a new interface
 * @dev: the interface
 *
 * Context: ndo_init.
 */
void bsdtun_queue_set_limits(struct net_device *dev)
{
#ifdef CONFIG_BQL
	unsigned int i;
	struct dql *dql;

	for (i = 0; i < dev->num_tx_queues; i++) {
		dql = &netdev_get_tx_queue(dev, i)->dql;
		dql->min_limit = QUEUE_LIMIT_MIN;
		/* Otherwise it holds from the first completion on. */
		dql->limit = QUEUE_LIMIT_MIN;
		dql->adj_limit = QUEUE_LIMIT_MIN;
	}
#endif
}

/**
 * bsdtun_queue_bind - make a queue one of an interface's
 * @queue: a new queue
 * @bt: the interface
 * @index: which of its queues; nobody has it
 * @prefix: framing to start with
 *
 * Context: RTNL. May sleep.
 * Return: 0, or -ENOMEM.
 */
int bsdtun_queue_bind(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		      unsigned int index, enum bsdtun_prefix prefix)
{
	struct netdev_queue *txq = txq_of(bt, index);
	int err;

	err = ptr_ring_init(&queue->ring, ring_size(bt->dev), GFP_KERNEL);
	if (err)
		return err;
	queue->format = (struct bsdtun_format){ .prefix = prefix };
	bsdtun_frame_measure(&queue->format);
	queue->unit = bt->unit;
	queue->index = index;
	rcu_assign_pointer(queue->device, bt);

	__netif_tx_lock_bh(txq);
	bt->queues[index] = queue;
	__netif_tx_unlock_bh(txq);
	return 0;
}

/**
 * bsdtun_queue_unbind - take a queue away from its interface
 * @queue: the queue
 * @bt: the interface
 *
 * What the ring holds is purged; whoever waits learns that the interface is
 * gone. After a grace period nobody uses the interface through the queue.
 *
 * Context: RTNL.
 */
void bsdtun_queue_unbind(struct bsdtun_queue *queue, struct bsdtun_device *bt)
{
	struct netdev_queue *txq = txq_of(bt, queue->index);

	__netif_tx_lock_bh(txq);
	bt->queues[queue->index] = NULL;
	__netif_tx_unlock_bh(txq);

	RCU_INIT_POINTER(queue->device, NULL);
	bsdtun_queue_purge(queue, bt);
	netif_tx_wake_queue(txq);

	wake_up_interruptible_all(&queue->wait);
	kill_fasync(&queue->fasync, SIGIO, POLL_HUP);
}

static bool has_qdisc(const struct netdev_queue *txq)
{
	return !qdisc_txq_has_no_queue(txq);
}

static void wake_readers(struct bsdtun_queue *queue, int count)
{
	__wake_up(&queue->wait, TASK_INTERRUPTIBLE, count,
		  poll_to_key(EPOLLIN | EPOLLRDNORM));
}

static void stop_while_full(struct ptr_ring *ring, struct netdev_queue *txq)
{
	netif_tx_stop_queue(txq);
	/* Pairs with the barrier in tx_may_wake(): either we see the room that
	 * the reader made, or the reader sees that the tx queue is stopped.
	 */
	smp_mb__after_atomic();
	/* Woken, not just started: the qdisc of another sender may have seen it
	 * stopped meanwhile, if we come from XDP or a socket that bypasses it.
	 */
	if (!__ptr_ring_full(ring))
		netif_tx_wake_queue(txq);
}

static netdev_tx_t drop(struct bsdtun_device *bt, struct sk_buff *skb,
			enum bsdtun_counter cause)
{
	skb_tx_error(skb);
	bsdtun_drop(bt, skb, cause);
	return NET_XMIT_DROP;
}

/**
 * bsdtun_queue_xmit - put a packet from the stack into the ring
 * @queue: the queue, or NULL if no file has it open
 * @bt: the interface
 * @skb: the packet
 *
 * What would pin other objects while nobody reads (socket, route, conntrack,
 * xfrm states, pages of the sender) is let go.
 *
 * Context: ndo_start_xmit: BH disabled, xmit lock of the tx queue held.
 * Return: NETDEV_TX_OK, NETDEV_TX_BUSY (the ring is full, the qdisc keeps the
 * packet), or NET_XMIT_DROP (freed and counted).
 */
netdev_tx_t bsdtun_queue_xmit(struct bsdtun_queue *queue,
			      struct bsdtun_device *bt, struct sk_buff *skb)
{
	struct netdev_queue *txq;
	struct ptr_ring *ring;
	int err;

	if (unlikely(!queue))
		return drop(bt, skb, BSDTUN_TX_NO_READER);
	if (unlikely(!bsdtun_frame_carries(queue->format.prefix,
					   skb->protocol)))
		return drop(bt, skb, BSDTUN_TX_FAMILY);

	txq = txq_of(bt, queue->index);
	ring = &queue->ring;
	if (unlikely(__ptr_ring_full(ring))) {
		if (!has_qdisc(txq))
			return drop(bt, skb, BSDTUN_TX_FULL);
		stop_while_full(ring, txq);
		return NETDEV_TX_BUSY;
	}

	if (unlikely(skb_orphan_frags_rx(skb, GFP_ATOMIC)))
		return drop(bt, skb, BSDTUN_TX_NOMEM);
	/* XDP sends what it is given, whatever the features. */
	if (unlikely(skb->ip_summed != CHECKSUM_NONE || skb_is_gso(skb))) {
		err = bsdtun_offload_fit(skb, queue->format.offloads);
		if (err)
			return drop(bt, skb, err == -ENOMEM ?
				    BSDTUN_TX_NOMEM : BSDTUN_TX_OFFLOAD);
	}
	skb_tx_timestamp(skb);
	skb_orphan(skb);
	nf_reset_ct(skb);
	skb_ext_reset(skb);
	if (unlikely(queue->format.prefix == BSDTUN_PREFIX_SOCKADDR))
		bsdtun_frame_keep_next_hop(skb);
	skb_dst_drop(skb);

	trace_bsdtun_enqueue(queue, skb);
	dev_sw_netstats_tx_add(bt->dev, 1, skb->len);
	/* Before it can be read: pairs with the barrier in limit_reached(). */
	if (likely(has_qdisc(txq)))
		netdev_tx_sent_queue(txq, 1);
	__ptr_ring_produce(ring, skb);
	if (unlikely(__ptr_ring_full(ring)) && has_qdisc(txq))
		stop_while_full(ring, txq);

	if (wq_has_sleeper(&queue->wait))
		wake_readers(queue, 1);
	/* Not from here: the stack may hold locks that softirqs take, and
	 * signalling a process group takes tasklist_lock, which they must not.
	 */
	if (unlikely(READ_ONCE(queue->fasync)))
		schedule_work(&queue->sigio);
	return NETDEV_TX_OK;
}

/* The ring gives consumed slots back in batches; only then is there news for
 * the producer. A stopped producer resumes at the slot of the oldest packet:
 * half of the ring is free once the slot half a ring further on is.
 */
static bool half_free(const struct ptr_ring *ring)
{
	int half = (READ_ONCE(ring->producer) + (ring->size - 1) / 2) %
		   ring->size;

	return !READ_ONCE(ring->queue[half]);
}

/* How many slots were consumed and not given back yet. */
static int slots_kept(const struct ptr_ring *ring)
{
	return ring->consumer_head - ring->consumer_tail;
}

/* Of a ring that is full the slot behind the newest packet may still hold one that
 * was consumed, and freed. Of one that gets its first packet the slot may be seen
 * before the producer's index.
 */
static int packets_in(struct ptr_ring *ring)
{
	int packets, newest;

	lockdep_assert_held(&ring->consumer_lock);
	if (__ptr_ring_empty(ring))
		return 0;
	/* The producer's index as it was when the oldest packet came, or later. */
	smp_rmb();
	packets = READ_ONCE(ring->producer) - ring->consumer_head;
	if (packets)
		return packets > 0 ? packets : packets + ring->size;
	newest = (ring->consumer_head ?: ring->size) - 1;
	return slots_kept(ring) || !READ_ONCE(ring->queue[newest]) ? 1 :
								     ring->size;
}

/* How many packets the queue's limit is charged with. */
static unsigned int charged(const struct netdev_queue *txq)
{
#ifdef CONFIG_BQL
	return READ_ONCE(txq->dql.num_queued) - txq->dql.num_completed;
#else
	return 0;
#endif
}

/* The queue's limit is charged with what is in the ring, and no more. Those that are
 * just being put in count as gone, which lets in so many more for the moment. Without
 * a qdisc there is nothing to limit.
 */
static void settle(struct ptr_ring *ring, struct netdev_queue *txq)
{
	int gone = charged(txq);

	lockdep_assert_held(&ring->consumer_lock);
	if (has_qdisc(txq))
		gone -= packets_in(ring);
	if (gone > 0)
		netdev_tx_completed_queue(txq, gone, gone);
}

/* Either may schedule the qdisc, which runs when BH are enabled: without our lock, so
 * that nobody waits meanwhile, and not only when ksoftirqd gets to run. If the ring is
 * full again by then, the packet goes back to it.
 */
static void settle_and_unlock(struct ptr_ring *ring, struct netdev_queue *txq,
			      bool wake)
	__releases(&ring->consumer_lock)
{
	local_bh_disable();
	settle(ring, txq);
	spin_unlock(&ring->consumer_lock);
	if (wake)
		netif_tx_wake_queue(txq);
	local_bh_enable();
}

static bool tx_may_wake(struct ptr_ring *ring, struct netdev_queue *txq)
{
	/* Pairs with the barrier in stop_while_full(). */
	smp_mb();
	if (likely(!netif_tx_queue_stopped(txq)))
		return false;
	/* The producer's index as it was when it stopped, or later. */
	smp_rmb();
	return half_free(ring);
}

/* Asked when the last packet was taken: nobody may read again before the queue is
 * started.
 */
static bool limit_reached(const struct netdev_queue *txq)
{
	/* The packet that reached the limit came later than the stop. */
	smp_rmb();
	return test_bit(__QUEUE_STATE_STACK_XOFF, &txq->state);
}

static noinline void unlock_and_tell(struct bsdtun_queue *queue, bool gave_back)
	__releases(&queue->ring.consumer_lock)
{
	struct ptr_ring *ring = &queue->ring;
	struct netdev_queue *txq;
	struct bsdtun_device *bt;

	/* Who takes the interface away purges the ring before it is freed, and waits
	 * for those with BH disabled.
	 */
	bt = rcu_dereference_check(queue->device,
				   lockdep_is_held(&ring->consumer_lock));
	txq = bt ? txq_of(bt, queue->index) : NULL;
	if (txq && (gave_back || unlikely(limit_reached(txq))))
		settle_and_unlock(ring, txq, tx_may_wake(ring, txq));
	else
		spin_unlock(&ring->consumer_lock);
}

/* Unlocks the ring when packets were taken out of it, @gave_back: and slots given
 * back, and tells the tx queue if there may be something to tell.
 */
static __always_inline void unlock_consumed(struct bsdtun_queue *queue,
					    bool gave_back)
	__releases(&queue->ring.consumer_lock)
{
	if (likely(!gave_back && !__ptr_ring_empty(&queue->ring)))
		spin_unlock(&queue->ring.consumer_lock);
	else
		unlock_and_tell(queue, gave_back);
}

static bool gone(const struct bsdtun_queue *queue)
{
	return !rcu_access_pointer(queue->device);
}

/* As __ptr_ring_peek(), which asks each time whether the ring has slots: the ring of
 * an open file has.
 */
static struct sk_buff *oldest_packet(const struct ptr_ring *ring)
{
	lockdep_assert_held(&ring->consumer_lock);
	return READ_ONCE(ring->queue[ring->consumer_head]);
}

/* Takes as many packets as fit, or if it is no batch that is to be read, one.
 * Returns whether there is anything to tell the reader.
 */
static bool consume_batch(struct bsdtun_queue *queue, struct bsdtun_batch *batch)
{
	struct ptr_ring *ring = &queue->ring;
	size_t len, room = SIZE_MAX;
	struct sk_buff *skb;
	int max, kept, count = 0;

	spin_lock(&ring->consumer_lock);
	batch->format = queue->format;
	max = 1;
	if (batch->format.batch) {
		max = BSDTUN_FRAME_BATCH;
		room = batch->room;
	}
	kept = slots_kept(ring);
	while (count < max && (skb = oldest_packet(ring))) {
		len = bsdtun_frame_len(skb, batch->format);
		if (len > room)
			break;
		room -= len;
		batch->skbs[count++] = skb;
		__ptr_ring_discard_one(ring);
	}
	batch->count = count;
	if (!count && skb)
		batch->count = -EMSGSIZE;
	/* The indices alone tell nothing: they may have gone all the way round. */
	if (likely(count))
		unlock_consumed(queue, slots_kept(ring) != kept + count);
	else
		spin_unlock(&ring->consumer_lock);
	return batch->count;
}

/**
 * bsdtun_queue_receive - take the oldest packet, if there is one
 * @queue: the queue
 *
 * Context: Process context.
 * Return: the packet, which is NULL if there is none, or if it is batches by now
 * that are to be read, and what is to precede it.
 */
struct bsdtun_packet bsdtun_queue_receive(struct bsdtun_queue *queue)
{
	struct ptr_ring *ring = &queue->ring;
	struct bsdtun_packet packet;

	spin_lock(&ring->consumer_lock);
	packet.format = queue->format;
	packet.skb = packet.format.batch ? NULL : __ptr_ring_consume(ring);
	if (unlikely(!packet.skb)) {
		spin_unlock(&ring->consumer_lock);
		return packet;
	}
	unlock_consumed(queue, !slots_kept(ring));
	trace_bsdtun_dequeue(queue, packet.skb);
	return packet;
}

/* As wait_event_interruptible_exclusive(), with two differences. Who was woken
 * looks for a packet before getting in line again, out of which the wake took
 * him. And who leaves in another way may have been woken since, for a packet
 * that somebody else has to read then.
 */
static __always_inline int
wait_until(struct bsdtun_queue *queue, bool nonblock,
	   bool (*take)(struct bsdtun_queue *queue, void *result), void *result)
{
	bool done, in_line;
	DEFINE_WAIT(wait);
	int err = 0;

	if (nonblock)
		return gone(queue) ? -EIO : -EAGAIN;

	do {
		prepare_to_wait_exclusive(&queue->wait, &wait,
					  TASK_INTERRUPTIBLE);
		in_line = true;
		done = take(queue, result);
		if (done)
			break;
		if (gone(queue)) {
			err = -EIO;
		} else if (signal_pending(current)) {
			err = -ERESTARTSYS;
		} else {
			schedule();
			in_line = !list_empty_careful(&wait.entry);
			done = take(queue, result);
		}
	} while (!done && !err);
	finish_wait(&queue->wait, &wait);

	if (in_line && !bsdtun_queue_empty(queue))
		wake_readers(queue, 1);
	return err;
}

static bool take_packet(struct bsdtun_queue *queue, void *result)
{
	struct bsdtun_packet *packet = result;

	*packet = bsdtun_queue_receive(queue);
	return packet->skb || packet->format.batch;
}

/**
 * bsdtun_queue_wait - take the oldest packet when there is one
 * @queue: the queue
 * @nonblock: do not wait for it
 *
 * For whom bsdtun_queue_receive() had none. Readers wait exclusively: one packet
 * wakes one of them.
 *
 * Context: Process context. May sleep unless @nonblock.
 * Return: the packet, NULL if it is batches by now that are to be read, or
 * ERR_PTR(): -EAGAIN if @nonblock, -ERESTARTSYS if a signal came, -EIO if the
 * interface is gone.
 */
struct bsdtun_packet bsdtun_queue_wait(struct bsdtun_queue *queue, bool nonblock)
{
	struct bsdtun_packet packet = {};
	int err;

	err = wait_until(queue, nonblock, take_packet, &packet);
	if (err)
		packet.skb = ERR_PTR(err);
	return packet;
}

static bool take_batch(struct bsdtun_queue *queue, void *result)
{
	return consume_batch(queue, result);
}

static int wait_for_batch(struct bsdtun_queue *queue, bool nonblock,
			  struct bsdtun_batch *batch)
{
	int err;

	err = wait_until(queue, nonblock, take_batch, batch);
	return err ? err : batch->count;
}

/**
 * bsdtun_queue_receive_batch - take the oldest packets
 * @queue: the queue
 * @nonblock: do not wait for one
 * @batch: @room is given, the rest filled in
 *
 * Context: Process context. May sleep unless @nonblock.
 * Return: their number, or a negative errno: as bsdtun_queue_wait(), and
 * -EMSGSIZE if there is no room for the first.
 */
int bsdtun_queue_receive_batch(struct bsdtun_queue *queue, bool nonblock,
			       struct bsdtun_batch *batch)
{
	int count, i;

	count = consume_batch(queue, batch) ? batch->count :
		wait_for_batch(queue, nonblock, batch);
	/* The wake was for a packet that is still there: another may have room. */
	if (count == -EMSGSIZE)
		wake_readers(queue, 1);
	if (trace_bsdtun_dequeue_enabled())
		for (i = 0; i < count; i++)
			trace_bsdtun_dequeue(queue, batch->skbs[i]);
	return count;
}

/**
 * bsdtun_queue_empty - whether a read would find no packet
 * @queue: the queue
 *
 * Context: Process context.
 * Return: true if so.
 */
bool bsdtun_queue_empty(struct bsdtun_queue *queue)
{
	return ptr_ring_empty(&queue->ring);
}

/**
 * bsdtun_queue_next_len - what the next read would return
 * @queue: the queue
 *
 * Context: Process context.
 * Return: bytes, with what precedes it; 0 if there is no packet.
 */
size_t bsdtun_queue_next_len(struct bsdtun_queue *queue)
{
	struct ptr_ring *ring = &queue->ring;
	struct sk_buff *skb;
	size_t len = 0;
	int i, max;

	spin_lock(&ring->consumer_lock);
	max = min(queue->format.batch ? BSDTUN_FRAME_BATCH : 1,
		  packets_in(ring));
	for (i = 0; i < max; i++) {
		skb = READ_ONCE(ring->queue[(ring->consumer_head + i) % ring->size]);
		if (!skb)
			break;
		len += bsdtun_frame_len(skb, queue->format);
	}
	spin_unlock(&ring->consumer_lock);
	return len;
}

/**
 * bsdtun_queue_packets - how many packets wait to be read
 * @queue: the queue
 *
 * Context: Process context.
 * Return: the number.
 */
unsigned int bsdtun_queue_packets(struct bsdtun_queue *queue)
{
	struct ptr_ring *ring = &queue->ring;
	int packets;

	spin_lock(&ring->consumer_lock);
	packets = packets_in(ring);
	spin_unlock(&ring->consumer_lock);
	return packets;
}

static void consume_all(struct ptr_ring *ring, struct sk_buff_head *packets)
{
	struct sk_buff *skb;

	while ((skb = __ptr_ring_consume(ring)))
		__skb_queue_tail(packets, skb);
}

/* Both locks are held, the ring is empty, @slots are zero and enough. */
static void **refill(struct ptr_ring *ring, void **slots, int size,
		     struct sk_buff_head *packets)
{
	struct sk_buff *skb;
	void **old;

	old = __ptr_ring_swap_queue(ring, slots, size, GFP_ATOMIC, NULL);
	while ((skb = __skb_dequeue(packets)))
		__ptr_ring_produce(ring, skb);
	return old;
}

/* The same with the array that it has, of which @size slots are used. */
static void refill_in_place(struct ptr_ring *ring, int size,
			    struct sk_buff_head *packets)
{
	memset(ring->queue, 0, ring->size * sizeof(*ring->queue));
	refill(ring, ring->queue, size, packets);
}

static void purge(struct bsdtun_device *bt, struct sk_buff_head *packets)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(packets)))
		bsdtun_drop(bt, skb, BSDTUN_TX_PURGED);
}

/**
 * bsdtun_queue_purge - drop what the ring holds
 * @queue: the queue
 * @bt: its interface
 *
 * Context: Process context.
 */
void bsdtun_queue_purge(struct bsdtun_queue *queue, struct bsdtun_device *bt)
{
	struct sk_buff_head packets;

	__skb_queue_head_init(&packets);
	spin_lock(&queue->ring.consumer_lock);
	consume_all(&queue->ring, &packets);
	settle_and_unlock(&queue->ring, txq_of(bt, queue->index), false);
	purge(bt, &packets);
}

/* Gives the ring the array @slots, which holds @size packets, or, if there are
 * more in it, as many of its own slots as there are packets. Returns the array
 * that is not used.
 */
static void **replace_slots(struct bsdtun_queue *queue,
			    struct netdev_queue *txq, void **slots, int size)
{
	struct ptr_ring *ring = &queue->ring;
	struct sk_buff_head packets;

	__skb_queue_head_init(&packets);
	spin_lock(&ring->consumer_lock);
	__netif_tx_lock_bh(txq);
	consume_all(ring, &packets);
	if (skb_queue_len(&packets) <= size)
		slots = refill(ring, slots, size, &packets);
	else
		refill_in_place(ring, skb_queue_len(&packets), &packets);
	__netif_tx_unlock_bh(txq);
	spin_unlock(&ring->consumer_lock);

	netif_tx_wake_queue(txq);
	return slots;
}

/**
 * bsdtun_queue_resize_all - give the rings the size of the device's tx_queue_len
 * @bt: the interface
 *
 * No packet is lost: a ring that holds more than it should becomes as small
 * as they allow.
 *
 * Context: RTNL. May sleep.
 * Return: 0, or -ENOMEM and all rings are as before.
 */
int bsdtun_queue_resize_all(struct bsdtun_device *bt)
{
	void **slots[BSDTUN_MAX_QUEUES];
	int size = ring_size(bt->dev);
	struct bsdtun_queue *queue;
	unsigned int i, count;
	int err = 0;

	/* All that can fail comes first. */
	for (count = 0; count < bt->opens; count++) {
		slots[count] = kvzalloc_objs(**slots, size);
		if (!slots[count]) {
			err = -ENOMEM;
			goto out;
		}
	}
	for (i = 0; i < count; i++) {
		queue = bt->queues[bt->open_queues[i]];
		slots[i] = replace_slots(queue, txq_of(bt, queue->index),
					 slots[i], size);
	}
out:
	while (count--)
		kvfree(slots[count]);
	return err;
}

/* Whether a packet in the ring stays there when the format changes. */
static bool survives(struct sk_buff *skb, struct bsdtun_format old,
		     struct bsdtun_format new)
{
	if (!bsdtun_frame_carries(new.prefix, skb->protocol) ||
	    bsdtun_offload_fit(skb, new.offloads))
		return false;
	/* Those that have stood behind it hold their next hop already. */
	if (new.prefix == BSDTUN_PREFIX_SOCKADDR &&
	    old.prefix != BSDTUN_PREFIX_SOCKADDR)
		bsdtun_frame_keep_next_hop(skb);
	return true;
}

/**
 * bsdtun_queue_put_back - undo the taking of packets that were not read
 * @queue: the queue
 * @batch: the packets
 * @first: which of them is the first that goes back
 *
 * They come before those in the ring. What has no place any more, because the
 * stack has filled it, is dropped, the newest packets first; and all if the
 * interface was taken down, which empties the ring.
 *
 * Context: Process context.
 */
void bsdtun_queue_put_back(struct bsdtun_queue *queue,
			   const struct bsdtun_batch *batch, int first)
{
	struct ptr_ring *ring = &queue->ring;
	struct sk_buff_head packets, lost;
	struct bsdtun_device *bt;
	struct netdev_queue *txq;
	int i;

	__skb_queue_head_init(&packets);
	__skb_queue_head_init(&lost);

	rcu_read_lock();
	spin_lock(&ring->consumer_lock);
	/* Under the lock: who takes the interface away purges the ring then. */
	bt = rcu_dereference(queue->device);
	if (bt) {
		txq = txq_of(bt, queue->index);
		__netif_tx_lock_bh(txq);
		/* If it still runs, whoever takes it down purges after us. */
		for (i = first; i < batch->count; i++)
			__skb_queue_tail(netif_running(bt->dev) &&
					 survives(batch->skbs[i], batch->format,
						  queue->format) ?
					 &packets : &lost, batch->skbs[i]);
		consume_all(ring, &packets);
		while (skb_queue_len(&packets) > ring->size)
			__skb_queue_tail(&lost, __skb_dequeue_tail(&packets));
		refill_in_place(ring, ring->size, &packets);
		__netif_tx_unlock_bh(txq);
		settle_and_unlock(ring, txq, true);
		purge(bt, &lost);
	} else {
		spin_unlock(&ring->consumer_lock);
		for (i = first; i < batch->count; i++)
			kfree_skb_reason(batch->skbs[i],
					 SKB_DROP_REASON_DEV_READY);
	}
	rcu_read_unlock();
	/* Each may have room for one only. */
	wake_readers(queue, batch->count - first);
}

/**
 * bsdtun_queue_set_format - change what precedes each packet
 * @queue: the queue
 * @bt: its interface
 * @format: what is to precede it; its preamble_len is set here
 *
 * Packets that it cannot carry leave the ring: a poller must not be told of a
 * packet that no read will return.
 *
 * Context: RTNL.
 */
void bsdtun_queue_set_format(struct bsdtun_queue *queue,
			     struct bsdtun_device *bt,
			     struct bsdtun_format format)
{
	struct netdev_queue *txq = txq_of(bt, queue->index);
	struct ptr_ring *ring = &queue->ring;
	struct sk_buff_head packets, kept, lost;
	struct bsdtun_format old = queue->format;
	struct sk_buff *skb;

	bsdtun_frame_measure(&format);
	/* The next hop is in the route, which is otherwise dropped before the
	 * driver sees the packet. Not undone: others may have asked for it too.
	 */
	if (format.prefix == BSDTUN_PREFIX_SOCKADDR)
		netif_keep_dst(bt->dev);

	__skb_queue_head_init(&packets);
	__skb_queue_head_init(&kept);
	__skb_queue_head_init(&lost);

	spin_lock(&ring->consumer_lock);
	__netif_tx_lock_bh(txq);
	WRITE_ONCE(queue->format, format);
	consume_all(ring, &packets);
	while ((skb = __skb_dequeue(&packets)))
		__skb_queue_tail(survives(skb, old, format) ? &kept : &lost,
				 skb);
	refill_in_place(ring, ring->size, &kept);
	__netif_tx_unlock_bh(txq);
	settle_and_unlock(ring, txq, true);

	purge(bt, &lost);
}
