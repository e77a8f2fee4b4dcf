// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The character device: what a process that opens a node can do with it. */

#include "chardev.h"
#include "compat.h"
#include "device.h"
#include "drop.h"
#include "frame.h"
#include "ioctl.h"
#include "offload.h"
#include "queue.h"
#include "trace.h"
#include "unit.h"

#include <linux/cred.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/poll.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/uio.h>
#include <net/gro_cells.h>
#include <net/net_namespace.h>

/* Makes the interface of a unit in the opener's network namespace. */
static struct bsdtun_device *create_interface(int unit, bool transient)
{
	struct net *net = current->nsproxy->net_ns;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return ERR_PTR(-EPERM);
	return bsdtun_device_create(net, unit, transient);
}

/* What the cloning node opens. */
static struct bsdtun_device *create_lowest(void)
{
	int unit = bsdtun_unit_lowest_free(BSDTUN_UNIT_MAX + 1,
					   current->nsproxy->net_ns);

	if (unit == BSDTUN_UNIT_NONE)
		return ERR_PTR(-ENXIO);
	return create_interface(unit, true);
}

static int open_unit(int unit, struct bsdtun_queue *queue)
{
	struct bsdtun_device *bt = NULL;
	bool created = false;
	int err;

	if (unit != BSDTUN_UNIT_NONE)
		bt = bsdtun_unit_device(unit);
	if (!bt) {
		bt = unit == BSDTUN_UNIT_NONE ? create_lowest() :
						create_interface(unit, false);
		if (IS_ERR(bt))
			return PTR_ERR(bt);
		created = true;
	} else if (!bsdtun_device_permitted(bt)) {
		return -EPERM;
	}

	err = bsdtun_device_attach(bt, queue);
	if (err && created)
		unregister_netdevice(bt->dev);
	return err;
}

/* misc_open() holds misc_mtx; RTNL nests inside. */
static int chardev_open(struct inode *inode, struct file *file)
{
	int unit = bsdtun_unit_of_node(file->private_data);
	struct bsdtun_queue *queue;
	int err;

	/* The core would refuse it after us, as the last close of an interface. */
	if (file->f_flags & O_DIRECT)
		return -EINVAL;

	queue = bsdtun_queue_create();
	if (!queue)
		return -ENOMEM;

	err = bsdtun_rtnl_lock_killable();
	if (!err) {
		err = open_unit(unit, queue);
		rtnl_unlock();
	}
	if (err) {
		bsdtun_queue_destroy(queue);
		return err;
	}

	trace_bsdtun_open(queue);
	file->private_data = queue;
	file->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, file);
}

static int chardev_release(struct inode *inode, struct file *file)
{
	struct bsdtun_queue *queue = file->private_data;
	struct bsdtun_device *bt;

	trace_bsdtun_close(queue);
	rtnl_lock();
	bt = rtnl_dereference(queue->device);
	if (bt)
		bsdtun_device_detach(bt, queue);
	rtnl_unlock();

	bsdtun_queue_destroy(queue);
	return 0;
}

/* Loses a packet, or if @skb is NULL what was to become one: counted if the
 * interface is there.
 */
static void lose(struct bsdtun_queue *queue, struct sk_buff *skb,
		 enum bsdtun_counter cause)
{
	struct bsdtun_device *bt;

	rcu_read_lock();
	bt = rcu_dereference(queue->device);
	if (bt)
		bsdtun_drop(bt, skb, cause);
	else
		kfree_skb_reason(skb, bsdtun_drop_reason(cause));
	rcu_read_unlock();
}

/* As a driver's NAPI does, which gives skbs back to their cache many at a time. */
static void free_packets(struct sk_buff **skbs, int count)
{
	int i;

	local_bh_disable();
	for (i = 0; i < count; i++)
		napi_consume_skb(skbs[i], count);
	local_bh_enable();
}

static bool is_nonblocking(const struct kiocb *iocb)
{
	return (iocb->ki_filp->f_flags & O_NONBLOCK) ||
	       (iocb->ki_flags & IOCB_NOWAIT);
}

/* Of a batch a fault loses the packet that it strikes; those before it are read,
 * those after it go back.
 */
static noinline ssize_t read_batch(struct kiocb *iocb, struct iov_iter *to)
{
	struct bsdtun_queue *queue = iocb->ki_filp->private_data;
	struct bsdtun_batch batch;
	ssize_t len, total = 0;
	int count, i;

	batch.room = iov_iter_count(to);
	count = bsdtun_queue_receive_batch(queue, is_nonblocking(iocb), &batch);
	if (count < 0)
		return count;

	for (i = 0; i < count; i++) {
		len = bsdtun_frame_to_iter(batch.skbs[i], batch.format, to);
		if (unlikely(len < 0)) {
			lose(queue, batch.skbs[i], BSDTUN_TX_FAULT);
			if (i + 1 < count)
				bsdtun_queue_put_back(queue, &batch, i + 1);
			if (!total)
				total = len;
			break;
		}
		total += len;
	}
	free_packets(batch.skbs, i);
	return total;
}

static ssize_t chardev_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct bsdtun_queue *queue = iocb->ki_filp->private_data;
	struct bsdtun_packet packet;
	ssize_t len;

	if (!iov_iter_count(to))
		return 0;

	if (READ_ONCE(queue->format).batch)
		return read_batch(iocb, to);

	packet = bsdtun_queue_receive(queue);
	if (unlikely(!packet.skb)) {
		if (!packet.format.batch)
			packet = bsdtun_queue_wait(queue, is_nonblocking(iocb));
		if (IS_ERR(packet.skb))
			return PTR_ERR(packet.skb);
		if (packet.format.batch)
			return read_batch(iocb, to);
	}

	len = bsdtun_frame_to_iter(packet.skb, packet.format, to);
	if (unlikely(len < 0)) {
		lose(queue, packet.skb, BSDTUN_TX_FAULT);
		return len;
	}
	free_packets(&packet.skb, 1);
	return len;
}

/* Why a write was refused. */
static enum bsdtun_counter cause_of(int err)
{
	switch (err) {
	case -EIO:
		return BSDTUN_RX_ERROR_LENGTH;
	case -EAFNOSUPPORT:
		return BSDTUN_RX_ERROR_FAMILY;
	case -EINVAL:
		return BSDTUN_RX_ERROR_HEADER;
	case -EFAULT:
		return BSDTUN_RX_ERROR_FAULT;
	default:
		return BSDTUN_RX_NOMEM;
	}
}

/* Segments of a TCP connection are what GRO joins; others it would only cost. */
static bool may_be_joined(const struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IP))
		return skb_headlen(skb) >= sizeof(struct iphdr) &&
		       ip_hdr(skb)->protocol == IPPROTO_TCP;
	return skb->protocol == htons(ETH_P_IPV6) &&
	       skb_headlen(skb) >= sizeof(struct ipv6hdr) &&
	       ipv6_hdr(skb)->nexthdr == IPPROTO_TCP;
}

/* The stack joins it with others of its connection, in softirq. What it refuses, as
 * its backlog is full, it frees and counts, but has no cause for.
 */
static void join(struct bsdtun_device *bt, struct sk_buff *skb)
{
	if (unlikely(gro_cells_receive(&bt->gro_cells, skb) == NET_RX_DROP))
		bsdtun_count_drop(bt, NULL, BSDTUN_RX_BACKLOG);
}

/* Of several receive queues each may have processors of its own (rps_cpus). One alone
 * is not told: what is forwarded would all be sent from one queue of a network card.
 */
static void record_rx_queue(const struct bsdtun_queue *queue,
			    const struct net_device *dev, struct sk_buff *skb)
{
	if (unlikely(dev->real_num_rx_queues > 1) &&
	    queue->index < dev->real_num_rx_queues)
		skb_record_rx_queue(skb, queue->index);
}

/* Hands a packet to the stack as if it had arrived on the interface; with @joined, by
 * way of GRO if it is of a kind for that.
 */
static __always_inline void hand_over(struct bsdtun_queue *queue,
				      struct bsdtun_device *bt,
				      struct sk_buff *skb, bool joined)
{
	if (unlikely(!(READ_ONCE(bt->dev->flags) & IFF_UP))) {
		bsdtun_drop(bt, skb, BSDTUN_RX_DOWN);
		return;
	}
	/* Generic XDP changes packets, and nobody corrects their sum. */
	if (unlikely(rcu_access_pointer(bt->dev->xdp_prog)) &&
	    skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
	skb->dev = bt->dev;
	record_rx_queue(queue, bt->dev, skb);
	trace_bsdtun_write(queue, skb);
	dev_sw_netstats_rx_add(bt->dev, skb->len);
	if (joined && may_be_joined(skb))
		join(bt, skb);
	else
		netif_receive_skb(skb);
}

/* Returns 0 or -EIO. */
static int deliver(struct bsdtun_queue *queue, struct sk_buff *skb)
{
	struct bsdtun_device *bt;

	local_bh_disable();
	bt = rcu_dereference_bh(queue->device);
	if (unlikely(!bt)) {
		local_bh_enable();
		kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
		return -EIO;
	}

	hand_over(queue, bt, skb, false);
	local_bh_enable();
	return 0;
}

/* Does what the header of a packet says. It may be looked at with what belongs to a
 * network namespace, and so has to have its interface.
 */
static struct sk_buff *apply_header(struct bsdtun_queue *queue,
				    enum bsdtun_header header,
				    const union bsdtun_header_data *data,
				    struct sk_buff *skb)
{
	struct bsdtun_device *bt;
	int err = -EIO;

	if (IS_ERR(skb))
		return skb;

	rcu_read_lock();
	bt = rcu_dereference(queue->device);
	if (bt) {
		skb->dev = bt->dev;
		err = bsdtun_offload_apply(skb, header, data);
		skb->dev = NULL;
	}
	rcu_read_unlock();
	if (err) {
		kfree_skb_reason(skb, bsdtun_drop_reason(cause_of(err)));
		return ERR_PTR(err);
	}
	return skb;
}

/* Super-packets of a program's are not joined, and would overtake the segments of their
 * connection that are. They also would lose their transport header on that way.
 */
static bool no_super_packet(struct sk_buff **skbs, int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (skb_is_gso(skbs[i]))
			return false;
	return true;
}

/* The same, in their order, but that segments that are joined come behind all others.
 * Returns 0 or -EIO.
 */
static int deliver_batch(struct bsdtun_queue *queue, enum bsdtun_header header,
			 struct sk_buff **skbs, int count)
{
	bool joined = header == BSDTUN_HEADER_NONE ||
		      no_super_packet(skbs, count);
	struct bsdtun_device *bt;
	int i;

	local_bh_disable();
	bt = rcu_dereference_bh(queue->device);
	for (i = 0; i < count; i++) {
		if (likely(bt))
			hand_over(queue, bt, skbs[i], joined);
		else
			kfree_skb_reason(skbs[i], SKB_DROP_REASON_DEV_READY);
	}
	local_bh_enable();
	return bt || !count ? 0 : -EIO;
}

/* Takes the frames up to the first that is refused, or until a signal comes: so many
 * may be written at once that it takes minutes.
 */
static noinline ssize_t write_batch(struct bsdtun_queue *queue,
				    struct bsdtun_format format,
				    struct iov_iter *from)
{
	size_t taken = 0, delivered = 0, len = iov_iter_count(from);
	struct sk_buff *skb, *skbs[BSDTUN_FRAME_BATCH];
	struct bsdtun_frame_next next = {};
	union bsdtun_header_data data;
	int err, refused = 0, count = 0;

	while (taken < len && !refused) {
		skb = bsdtun_frame_from_iter(format, &data, &next, from);
		if (unlikely(format.header != BSDTUN_HEADER_NONE))
			skb = apply_header(queue, format.header, &data, skb);
		if (IS_ERR(skb)) {
			refused = PTR_ERR(skb);
		} else {
			taken = len - iov_iter_count(from);
			if (next.is_read)
				taken -= sizeof(next.hdr);
			skbs[count++] = skb;
			if (count < BSDTUN_FRAME_BATCH && taken < len)
				continue;
		}
		err = deliver_batch(queue, format.header, skbs, count);
		if (err)
			return delivered ?: err;
		count = 0;
		delivered = taken;
		cond_resched();
		if (signal_pending(current))
			break;
	}
	if (delivered)
		return delivered;
	lose(queue, NULL, cause_of(refused));
	return refused;
}

static ssize_t chardev_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct bsdtun_queue *queue = iocb->ki_filp->private_data;
	size_t len = iov_iter_count(from);
	union bsdtun_header_data data;
	struct bsdtun_format format;
	struct sk_buff *skb;
	int err;

	if (!len)
		return 0;
	if (!rcu_access_pointer(queue->device))
		return -EIO;

	format = READ_ONCE(queue->format);
	if (format.batch) {
		/* Pairs with the barrier in bsdtun_device_set_format(). */
		smp_rmb();
		return write_batch(queue, format, from);
	}

	skb = bsdtun_frame_from_iter(format, &data, NULL, from);
	if (unlikely(format.header != BSDTUN_HEADER_NONE))
		skb = apply_header(queue, format.header, &data, skb);
	if (IS_ERR(skb)) {
		lose(queue, NULL, cause_of(PTR_ERR(skb)));
		return PTR_ERR(skb);
	}
	err = deliver(queue, skb);
	return err ? err : len;
}

static __poll_t chardev_poll(struct file *file, poll_table *wait)
{
	struct bsdtun_queue *queue = file->private_data;
	__poll_t mask;

	poll_wait(file, &queue->wait, wait);
	if (rcu_access_pointer(queue->device))
		mask = EPOLLOUT | EPOLLWRNORM;
	else
		mask = EPOLLERR | EPOLLHUP;
	if (!bsdtun_queue_empty(queue))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

static int chardev_fasync(int fd, struct file *file, int on)
{
	struct bsdtun_queue *queue = file->private_data;

	return fasync_helper(fd, file, on, &queue->fasync);
}

/* The interface may be in another network namespace than the reader, where its
 * name says little: its namespace is told with it, as /proc/PID/ns/net tells it.
 */
static void chardev_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct bsdtun_queue *queue = file->private_data;
	struct bsdtun_device *bt;

	if (bsdtun_rtnl_lock_killable())
		return;
	seq_printf(m, "unit:\t%d\n", queue->unit);
	bt = rtnl_dereference(queue->device);
	if (bt) {
		seq_printf(m, "iff:\t%s\n", bt->dev->name);
		seq_printf(m, "netns:\t%u\n", dev_net(bt->dev)->ns.inum);
		seq_printf(m, "queue:\t%u\n", queue->index);
	}
	seq_printf(m, "framing:\t%s\n", bsdtun_frame_names[queue->format.prefix]);
	seq_printf(m, "offload:\t%s\n",
		   bsdtun_header_names[queue->format.header]);
	seq_printf(m, "batch:\t%d\n", queue->format.batch);
	seq_printf(m, "packets:\t%u\n", bsdtun_queue_packets(queue));
	rtnl_unlock();
}

const struct file_operations bsdtun_chardev_fops = {
	.owner		= THIS_MODULE,
	.open		= chardev_open,
	.release	= chardev_release,
	.read_iter	= chardev_read_iter,
	.write_iter	= chardev_write_iter,
	.poll		= chardev_poll,
	.fasync		= chardev_fasync,
	.show_fdinfo	= chardev_show_fdinfo,
	.unlocked_ioctl	= bsdtun_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};
