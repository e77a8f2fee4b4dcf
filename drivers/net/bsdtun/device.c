// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The interface: set-up, operations, creation, what its files may do to it. */

#include "device.h"
#include "compat.h"
#include "ethtool.h"
#include "netlink.h"
#include "offload.h"
#include "queue.h"
#include "sysfs.h"
#include "unit.h"

#include <linux/cred.h>
#include <linux/if_arp.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/pid.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/ip_tunnels.h>
#include <net/net_namespace.h>

/* As Linux tun: what a reader may fall behind before the qdisc takes over. */
#define TX_QUEUE_LEN	500

int bsdtun_debug;
module_param_named(debug, bsdtun_debug, int, 0644);
MODULE_PARM_DESC(debug, "log what happens to units, 0 or 1 (default: 0)");

static void clear_pid(struct bsdtun_device *bt)
{
	bsdtun_device_set_pid(bt, NULL);
}

static int device_init(struct net_device *dev)
{
	struct bsdtun_device *bt = netdev_priv(dev);
	int err = -ENOMEM;

	bt->counters = alloc_percpu(struct bsdtun_counters);
	if (!bt->counters)
		return err;
	bt->queues = kzalloc_objs(*bt->queues, dev->num_tx_queues);
	if (!bt->queues)
		goto err_counters;
	bt->open_queues = kzalloc_objs(*bt->open_queues, dev->num_tx_queues);
	if (!bt->open_queues)
		goto err_queues;
	err = bsdtun_unit_hold(bt->unit, bt);
	if (err)
		goto err_open_queues;
	bsdtun_queue_set_limits(dev);
	return 0;

err_open_queues:
	kfree(bt->open_queues);
err_queues:
	kfree(bt->queues);
err_counters:
	free_percpu(bt->counters);
	return err;
}

static void device_uninit(struct net_device *dev)
{
	struct bsdtun_device *bt = netdev_priv(dev);

	while (bt->opens) {
		WRITE_ONCE(bt->opens, bt->opens - 1);
		bsdtun_queue_unbind(bt->queues[bt->open_queues[bt->opens]], bt);
	}
	clear_pid(bt);
	bsdtun_unit_release(bt->unit);
}

/* The cells take for granted that the processor's own softirq empties each.
 * Of a device that is registered anybody may have threads do that ("threaded" in
 * sysfs), on any processor; so they belong to one that is not.
 */
static int create_cells(struct bsdtun_device *bt)
{
	int err;

	bt->napi_dev = alloc_netdev_dummy(0);
	if (!bt->napi_dev)
		return -ENOMEM;
	err = gro_cells_init(&bt->gro_cells, bt->napi_dev);
	if (err)
		free_netdev(bt->napi_dev);
	return err;
}

static void destroy_cells(struct bsdtun_device *bt)
{
	if (!bt->gro_cells.cells)
		return;
	gro_cells_destroy(&bt->gro_cells);
	free_netdev(bt->napi_dev);
}

static void device_free(struct net_device *dev)
{
	struct bsdtun_device *bt = netdev_priv(dev);

	destroy_cells(bt);
	kfree(bt->open_queues);
	kfree(bt->queues);
	free_percpu(bt->counters);
}

static int device_open(struct net_device *dev)
{
	netif_tx_start_all_queues(dev);
	return 0;
}

/* BSD's if_down() empties the send queue as well. */
static int device_stop(struct net_device *dev)
{
	struct bsdtun_device *bt = netdev_priv(dev);
	unsigned int i;

	for (i = 0; i < bt->opens; i++)
		bsdtun_queue_purge(bt->queues[bt->open_queues[i]], bt);
	return 0;
}

/* Spreads flows over the queues that are open. The number of tx queues stays as
 * it is: the stack empties all qdiscs of a device whose number shrinks.
 */
static u16 device_select_queue(struct net_device *dev, struct sk_buff *skb,
			       struct net_device *sb_dev)
{
	struct bsdtun_device *bt = netdev_priv(dev);
	unsigned int opens = READ_ONCE(bt->opens);

	if (!opens)
		return 0;
	return READ_ONCE(bt->open_queues[reciprocal_scale(skb_get_hash(skb),
							  opens)]);
}

static netdev_tx_t device_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct bsdtun_device *bt = netdev_priv(dev);

	return bsdtun_queue_xmit(bt->queues[skb_get_queue_mapping(skb)], bt,
				 skb);
}

/* ethtool(8) and the stack choose among what all readers do. */
static netdev_features_t device_fix_features(struct net_device *dev,
					     netdev_features_t features)
{
	struct bsdtun_device *bt = netdev_priv(dev);

	return features & (bsdtun_offload_features(bt->offloads) |
			   ~BSDTUN_OFFLOAD_FEATURES);
}

static void device_get_stats64(struct net_device *dev,
			       struct rtnl_link_stats64 *stats)
{
	struct bsdtun_device *bt = netdev_priv(dev);
	enum bsdtun_counter i;

	dev_get_tstats64(dev, stats);
	for (i = 0; i < BSDTUN_TX_END; i++)
		stats->tx_dropped += bsdtun_device_counter(bt, i);
	for (; i < BSDTUN_RX_ERROR_END; i++)
		stats->rx_errors += bsdtun_device_counter(bt, i);
	for (; i < BSDTUN_RX_DROPPED_END; i++)
		stats->rx_dropped += bsdtun_device_counter(bt, i);
}

static const struct net_device_ops device_ops = {
	.ndo_init		= device_init,
	.ndo_uninit		= device_uninit,
	.ndo_open		= device_open,
	.ndo_stop		= device_stop,
	.ndo_select_queue	= device_select_queue,
	.ndo_start_xmit		= device_xmit,
	.ndo_fix_features	= device_fix_features,
	.ndo_get_stats64	= device_get_stats64,
};

static const struct device_type device_type = {
	.name = "bsdtun",
};

/**
 * bsdtun_device_setup - set up a net_device that was just allocated
 * @dev: the net_device
 *
 * It has no unit yet.
 */
void bsdtun_device_setup(struct net_device *dev)
{
	struct bsdtun_device *bt = netdev_priv(dev);

	bt->dev = dev;
	bt->unit = BSDTUN_UNIT_NONE;
	bt->owner = INVALID_UID;
	bt->group = INVALID_GID;
	spin_lock_init(&bt->pid_lock);

	dev->netdev_ops = &device_ops;
	dev->ethtool_ops = &bsdtun_ethtool_ops;
	dev->header_ops = &ip_tunnel_header_ops;
	dev->sysfs_groups[0] = &bsdtun_sysfs_group;
	SET_NETDEV_DEVTYPE(dev, &device_type);
	dev->needs_free_netdev = true;
	dev->priv_destructor = device_free;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;

	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_MULTICAST | IFF_NOARP;
	dev->mtu = TUNMTU;
	dev->min_mtu = BSDTUN_MIN_MTU;
	dev->max_mtu = BSDTUN_MAX_MTU;
	dev->tx_queue_len = TX_QUEUE_LEN;
	dev->features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HIGHDMA;
	/* Readers from BSD do not know UDP's: ethtool(8) turns it on. */
	dev->hw_features = dev->features | BSDTUN_OFFLOAD_FEATURES;
	dev->features = dev->hw_features & ~NETIF_F_GSO_UDP_L4;
	netif_carrier_off(dev);
}

/**
 * bsdtun_device_create - create the interface of a unit
 * @net: network namespace that it is to live in
 * @unit: unit number; it holds no interface
 * @transient: the last close deletes it
 *
 * Context: RTNL. May sleep.
 * Return: the interface, or ERR_PTR(): -EEXIST if its name is taken, -ENOMEM.
 */
struct bsdtun_device *bsdtun_device_create(struct net *net, int unit,
					   bool transient)
{
	struct bsdtun_device *bt;
	struct net_device *dev;
	char name[IFNAMSIZ];
	int err;

	bsdtun_unit_name(unit, name);
	dev = alloc_netdev_mqs(sizeof(*bt), name, NET_NAME_PREDICTABLE,
			       bsdtun_device_setup, 1, 1);
	if (!dev)
		return ERR_PTR(-ENOMEM);

	dev_net_set(dev, net);
	dev->rtnl_link_ops = &bsdtun_netlink_ops;
	bt = netdev_priv(dev);
	bt->unit = unit;
	bt->transient = transient;

	err = register_netdevice(dev);
	if (err) {
		free_netdev(dev);
		return ERR_PTR(err);
	}
	return bt;
}

static void set_offloads(struct bsdtun_device *bt, u8 offloads)
{
	ASSERT_RTNL();
	if (offloads == bt->offloads)
		return;
	bt->offloads = offloads;
	netdev_update_features(bt->dev);
}

/* Lets the stack leave to the readers what all of them do, and nothing else. */
static void update_offloads(struct bsdtun_device *bt)
{
	u8 offloads = bt->opens ? BSDTUN_OFFLOAD_ALL : 0;
	unsigned int i;

	for (i = 0; i < bt->opens; i++)
		offloads &= bt->queues[bt->open_queues[i]]->format.offloads;
	set_offloads(bt, offloads);
}

/**
 * bsdtun_device_attach - open an interface
 * @bt: the interface
 * @queue: state of the file, bound to the interface on success
 *
 * Context: RTNL. May sleep.
 * Return: 0; -EBUSY if as many files are open as it has queues; -ENOMEM.
 */
int bsdtun_device_attach(struct bsdtun_device *bt, struct bsdtun_queue *queue)
{
	enum bsdtun_prefix prefix = BSDTUN_PREFIX_NONE;
	struct net_device *dev = bt->dev;
	unsigned int opens = bt->opens;
	unsigned int index = 0;
	int err;

	ASSERT_RTNL();
	if (opens == dev->num_tx_queues)
		return -EBUSY;
	while (bt->queues[index])
		index++;

	if (bt->framing == BSDTUN_FRAMING_AF)
		prefix = BSDTUN_PREFIX_AF;
	/* A new file has asked for none, and the stack hears of it first. */
	set_offloads(bt, 0);
	err = bsdtun_queue_bind(queue, bt, index, prefix);
	if (err) {
		update_offloads(bt);
		return err;
	}

	WRITE_ONCE(bt->open_queues[opens], index);
	WRITE_ONCE(bt->opens, opens + 1);
	bsdtun_device_set_pid(bt, task_tgid(current));
	netif_carrier_on(dev);
	bsdtun_dbg(dev, "opened by process %d\n", task_tgid_nr(current));
	return 0;
}

/**
 * bsdtun_device_detach - close an interface
 * @bt: the interface; may be gone afterwards
 * @queue: state of the file
 *
 * The last close takes the interface down, which deletes its routes and its
 * IPv6 addresses, and deletes it if it is transient. DragonFly: tunclose().
 *
 * Context: RTNL. May sleep.
 */
void bsdtun_device_detach(struct bsdtun_device *bt, struct bsdtun_queue *queue)
{
	struct net_device *dev = bt->dev;
	unsigned int last = bt->opens - 1;
	unsigned int i = 0;

	ASSERT_RTNL();
	while (bt->open_queues[i] != queue->index)
		i++;
	WRITE_ONCE(bt->open_queues[i], bt->open_queues[last]);
	WRITE_ONCE(bt->opens, last);
	bsdtun_queue_unbind(queue, bt);
	update_offloads(bt);
	bsdtun_dbg(dev, "closed\n");
	if (last)
		return;

	clear_pid(bt);
	netif_carrier_off(dev);
	dev_close(dev);
	if (bt->transient)
		unregister_netdevice(dev);
}

/**
 * bsdtun_device_permitted - whether the caller may open and configure it
 * @bt: the interface
 *
 * As Linux tun: whoever matches all of owner and group that is set, and
 * CAP_NET_ADMIN over the interface's network namespace.
 *
 * Context: Process context, RTNL.
 * Return: true if so.
 */
bool bsdtun_device_permitted(const struct bsdtun_device *bt)
{
	bool by_owner = uid_valid(bt->owner);
	bool by_group = gid_valid(bt->group);

	if ((by_owner || by_group) &&
	    (!by_owner || uid_eq(bt->owner, current_euid())) &&
	    (!by_group || in_egroup_p(bt->group)))
		return true;
	return ns_capable(dev_net(bt->dev)->user_ns, CAP_NET_ADMIN);
}

/**
 * bsdtun_device_set_mode - set the kind of link that it shows to IP
 * @bt: the interface
 * @flags: IFF_POINTOPOINT or IFF_BROADCAST, with or without IFF_MULTICAST
 *
 * Context: RTNL.
 * Return: 0, or -EBUSY while the interface is up.
 */
int bsdtun_device_set_mode(struct bsdtun_device *bt, unsigned int flags)
{
	struct net_device *dev = bt->dev;

	ASSERT_RTNL();
	if (dev->flags & IFF_UP)
		return -EBUSY;
	/* Dumps read it without RTNL: they are to see the old or the new. */
	flags |= dev->flags & ~(IFF_POINTOPOINT | IFF_BROADCAST | IFF_MULTICAST);
	WRITE_ONCE(dev->flags, flags);
	return 0;
}

/**
 * bsdtun_device_set_pid - set the owner process
 * @bt: the interface
 * @pid: the process, or NULL for none
 *
 * Context: Process context.
 */
void bsdtun_device_set_pid(struct bsdtun_device *bt, struct pid *pid)
{
	struct pid *old;

	get_pid(pid);
	spin_lock(&bt->pid_lock);
	old = bt->pid;
	bt->pid = pid;
	spin_unlock(&bt->pid_lock);
	put_pid(old);
}

/**
 * bsdtun_device_pid - the owner process
 * @bt: the interface
 *
 * Context: Process context.
 * Return: its number in the caller's pid namespace; 0 if there is none.
 */
pid_t bsdtun_device_pid(struct bsdtun_device *bt)
{
	pid_t pid;

	spin_lock(&bt->pid_lock);
	pid = pid_vnr(bt->pid);
	spin_unlock(&bt->pid_lock);
	return pid;
}

/**
 * bsdtun_device_set_format - change what precedes each packet of a file
 * @bt: the interface
 * @queue: the file's state
 * @format: what is to precede it
 *
 * Context: RTNL. May sleep.
 * Return: 0, or -ENOMEM.
 */
int bsdtun_device_set_format(struct bsdtun_device *bt,
			     struct bsdtun_queue *queue,
			     struct bsdtun_format format)
{
	int err;

	if (format.batch && !bt->gro_cells.cells) {
		err = create_cells(bt);
		if (err)
			return err;
		/* Who sees the format sees the cells. */
		smp_wmb();
	}
	/* What the reader is to do no more the stack does first. */
	set_offloads(bt, bt->offloads & format.offloads);
	bsdtun_queue_set_format(queue, bt, format);
	update_offloads(bt);
	return 0;
}

/**
 * bsdtun_device_format - what precedes each packet of the file that has a queue open
 * @bt: the interface
 * @index: which of its queues
 * @format: filled in
 *
 * Context: Process context.
 * Return: 0, or -ENOENT if no file has it open.
 */
int bsdtun_device_format(struct bsdtun_device *bt, unsigned int index,
			 struct bsdtun_format *format)
{
	struct netdev_queue *txq = netdev_get_tx_queue(bt->dev, index);
	int err = -ENOENT;

	__netif_tx_lock_bh(txq);
	if (bt->queues[index]) {
		*format = bt->queues[index]->format;
		err = 0;
	}
	__netif_tx_unlock_bh(txq);
	return err;
}

/**
 * bsdtun_device_changed - tell netlink's listeners of a changed property
 * @bt: the interface
 *
 * Context: RTNL. May sleep.
 */
void bsdtun_device_changed(struct bsdtun_device *bt)
{
	call_netdevice_notifiers(NETDEV_CHANGEINFODATA, bt->dev);
}

/**
 * bsdtun_device_counter - read a counter of lost packets
 * @bt: the interface
 * @counter: which
 *
 * Context: Any.
 * Return: the number of packets.
 */
u64 bsdtun_device_counter(const struct bsdtun_device *bt,
			  enum bsdtun_counter counter)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(bt->counters, cpu)->count[counter]);
	return sum;
}

static int device_event(struct notifier_block *nb, unsigned long event,
			void *info)
{
	struct net_device *dev = netdev_notifier_info_to_dev(info);

	if (dev->netdev_ops != &device_ops ||
	    event != NETDEV_CHANGE_TX_QUEUE_LEN)
		return NOTIFY_DONE;
	return notifier_from_errno(bsdtun_queue_resize_all(netdev_priv(dev)));
}

static struct notifier_block device_notifier = {
	.notifier_call = device_event,
};

/**
 * bsdtun_device_init - be told of changes of txqueuelen
 *
 * Context: Process context.
 * Return: 0, or a negative errno.
 */
int bsdtun_device_init(void)
{
	return register_netdevice_notifier(&device_notifier);
}

/**
 * bsdtun_device_exit - undo bsdtun_device_init()
 *
 * Context: Process context. There is no interface any more.
 */
void bsdtun_device_exit(void)
{
	unregister_netdevice_notifier(&device_notifier);
}
