/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What older kernels lack. The driver is written for the newest kernel; this is
 * the only file that knows of others. Each block says what is missing and since
 * when the kernel has it. Presence is tested, not the version: stable kernels
 * receive new interfaces too. What no macro can tell, Kbuild finds by grep.
 */
#ifndef _BSDTUN_COMPAT_H
#define _BSDTUN_COMPAT_H

#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/local_lock.h>
#include <linux/lockdep.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/virtio_net.h>
#include <net/rtnetlink.h>
#include <net/sch_generic.h>
/* 6.6 */
#ifdef HAVE_PAGE_POOL_HELPERS
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif

/* A kernel's own drivers select it, from outside one can only ask. */
#ifndef CONFIG_GRO_CELLS
#error "bsdtun needs GRO_CELLS, which the kernel has with CONFIG_NET_IPIP"
#endif

#ifndef CONFIG_PAGE_POOL
#error "bsdtun needs PAGE_POOL, which the kernel has with CONFIG_VETH"
#endif

/* Any pool of pages hands out fragments since 6.7. */
#ifndef PP_FLAG_PAGE_FRAG
#define PP_FLAG_PAGE_FRAG	0
#endif

/* 6.11. Before, a CPU without softirqs is one's own on real-time kernels too. */
#ifndef local_lock_nested_bh
static inline void local_lock_nested_bh(local_lock_t __percpu *lock)
{
	lockdep_assert_in_softirq();
}

static inline void local_unlock_nested_bh(local_lock_t __percpu *lock)
{
}
#endif

/* Typed allocation: 7.0. */
#ifndef kzalloc_obj
#define kzalloc_obj(obj)	kzalloc(sizeof(obj), GFP_KERNEL)
#define kzalloc_objs(obj, n)	kcalloc(n, sizeof(obj), GFP_KERNEL)
#define kvzalloc_objs(obj, n)	kvcalloc(n, sizeof(obj), GFP_KERNEL)
#endif

/* 6.3 */
#ifndef SKB_HEAD_ALIGN
#define SKB_HEAD_ALIGN(X)						\
	(SKB_DATA_ALIGN(X) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info)))
#endif

/* 6.7 */
#ifndef HAVE_SKB_DROP_REASON_QUEUE_PURGE
#define SKB_DROP_REASON_QUEUE_PURGE	SKB_DROP_REASON_DEV_READY
#endif

/* Headers of virtio tell of UDP super-packets: 6.2 */
#ifdef VIRTIO_NET_HDR_GSO_UDP_L4
#define BSDTUN_GSO_UDP_L4	NETIF_F_GSO_UDP_L4
#else
#define BSDTUN_GSO_UDP_L4	0
#endif

/* 6.10. Before, one that nobody ever registers will do. */
#ifndef HAVE_ALLOC_NETDEV_DUMMY
static inline void bsdtun_setup_dummy(struct net_device *dev)
{
}

static inline struct net_device *alloc_netdev_dummy(int sizeof_priv)
{
	return alloc_netdev(sizeof_priv, "dummy#", NET_NAME_UNKNOWN,
			    bsdtun_setup_dummy);
}
#endif

/* 6.16 */
#ifndef HAVE_QDISC_TXQ_HAS_NO_QUEUE
static inline bool qdisc_txq_has_no_queue(const struct netdev_queue *txq)
{
	return !rcu_access_pointer(txq->qdisc)->enqueue;
}
#endif

/* rtnl_link_ops.newlink took its arguments one by one before 6.15:
 * DEFINE_NEWLINK_ADAPTER(newlink) defines what NEWLINK_OP(newlink) names.
 */
#ifdef HAVE_RTNL_NEWLINK_PARAMS
#define DEFINE_NEWLINK_ADAPTER(newlink)
#define NEWLINK_OP(newlink)	newlink
#else
struct rtnl_newlink_params {
	struct net *src_net;
	struct nlattr **tb;
	struct nlattr **data;
};

#define DEFINE_NEWLINK_ADAPTER(newlink)					\
static int newlink##_unpacked(struct net *src_net,			\
			      struct net_device *dev,			\
			      struct nlattr *tb[], struct nlattr *data[], \
			      struct netlink_ext_ack *extack)		\
{									\
	struct rtnl_newlink_params params = {				\
		.src_net = src_net, .tb = tb, .data = data		\
	};								\
									\
	return newlink(dev, &params, extack);				\
}

#define NEWLINK_OP(newlink)	newlink##_unpacked
#endif

/* struct file holds a pointer to its owner since 6.12, the owner before. */
#ifndef HAVE_FILE_F_OWNER
static inline struct fown_struct *file_f_owner(struct file *file)
{
	return &file->f_owner;
}
#endif

/* Before 6.2 dynamic minors count down from 127 and, with a warning, run into
 * the fixed ones of the bus mice; since then they lie above all fixed ones.
 */
static inline bool bsdtun_last_misc_minor(int minor)
{
	return minor < 16;
}

/* rtnl_lock_killable() is not exported any more since 7.0. The shorter the sleep,
 * the less often those who wait in the mutex's queue come first. Who has waited for
 * a second gets in line too, as misc_mtx may be held meanwhile.
 */
static inline int bsdtun_rtnl_lock_killable(void)
{
#ifdef HAVE_RTNL_LOCK_KILLABLE
	return rtnl_lock_killable();
#else
	unsigned long end = jiffies + HZ;

	while (!rtnl_trylock()) {
		if (time_after(jiffies, end)) {
			rtnl_lock();
			return 0;
		}
		usleep_range_state(50, 200, TASK_KILLABLE);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
#endif
}

#endif /* _BSDTUN_COMPAT_H */
