// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The link kind "bsdtun" of rtnetlink. */

#include "netlink.h"
#include "compat.h"
#include "device.h"
#include "unit.h"

#include <linux/cred.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#include <net/netlink.h>
#include <uapi/linux/bsdtun.h>

static const struct nla_policy policy[IFLA_BSDTUN_MAX + 1] = {
	[IFLA_BSDTUN_UNSPEC]	= { .strict_start_type = IFLA_BSDTUN_UNIT },
	[IFLA_BSDTUN_UNIT]	= { .type = NLA_U32 },
	[IFLA_BSDTUN_OWNER]	= { .type = NLA_U32 },
	[IFLA_BSDTUN_GROUP]	= { .type = NLA_U32 },
	[IFLA_BSDTUN_MODE]	= { .type = NLA_U8 },
	[IFLA_BSDTUN_TRANSIENT]	= { .type = NLA_U8 },
	[IFLA_BSDTUN_FRAMING]	= { .type = NLA_U8 },
	[IFLA_BSDTUN_PID]	= {
		.type = NLA_REJECT,
		.reject_message = "the owner process is set by who opens the device",
	},
	[IFLA_BSDTUN_QUEUES]	= {
		.type = NLA_REJECT,
		.reject_message = "the number of queues is set by numtxqueues",
	},
	[IFLA_BSDTUN_OPENS]	= {
		.type = NLA_REJECT,
		.reject_message = "the number of open files can only be read",
	},
	[IFLA_BSDTUN_COUNTERS]	= {
		.type = NLA_REJECT,
		.reject_message = "the counters of lost packets can only be read",
	},
	[IFLA_BSDTUN_FILES]	= {
		.type = NLA_REJECT,
		.reject_message = "an open file chooses its framing by ioctl",
	},
};

static const u8 counter_attributes[BSDTUN_COUNTERS] = {
	[BSDTUN_TX_NO_READER]	= IFLA_BSDTUN_COUNTER_TX_NO_READER,
	[BSDTUN_TX_FAMILY]	= IFLA_BSDTUN_COUNTER_TX_FAMILY,
	[BSDTUN_TX_OFFLOAD]	= IFLA_BSDTUN_COUNTER_TX_OFFLOAD,
	[BSDTUN_TX_FULL]	= IFLA_BSDTUN_COUNTER_TX_FULL,
	[BSDTUN_TX_NOMEM]	= IFLA_BSDTUN_COUNTER_TX_NOMEM,
	[BSDTUN_TX_PURGED]	= IFLA_BSDTUN_COUNTER_TX_PURGED,
	[BSDTUN_TX_FAULT]	= IFLA_BSDTUN_COUNTER_TX_FAULT,
	[BSDTUN_RX_ERROR_LENGTH] = IFLA_BSDTUN_COUNTER_RX_ERROR_LENGTH,
	[BSDTUN_RX_ERROR_FAMILY] = IFLA_BSDTUN_COUNTER_RX_ERROR_FAMILY,
	[BSDTUN_RX_ERROR_HEADER] = IFLA_BSDTUN_COUNTER_RX_ERROR_HEADER,
	[BSDTUN_RX_ERROR_FAULT]	= IFLA_BSDTUN_COUNTER_RX_ERROR_FAULT,
	[BSDTUN_RX_DOWN]	= IFLA_BSDTUN_COUNTER_RX_DOWN,
	[BSDTUN_RX_NOMEM]	= IFLA_BSDTUN_COUNTER_RX_NOMEM,
	[BSDTUN_RX_BACKLOG]	= IFLA_BSDTUN_COUNTER_RX_BACKLOG,
};

static bool is_over(const struct nlattr *attr, u8 max)
{
	return attr && nla_get_u8(attr) > max;
}

/* A range in the policy would say no more than that something is out of it. */
static int validate(struct nlattr *tb[], struct nlattr *data[],
		    struct netlink_ext_ack *extack)
{
	if (!data)
		return 0;
	if (is_over(data[IFLA_BSDTUN_MODE], BSDTUN_MODE_BROADCAST)) {
		NL_SET_ERR_MSG_ATTR(extack, data[IFLA_BSDTUN_MODE],
				    "mode is 0 (pointopoint) or 1 (broadcast)");
		return -ERANGE;
	}
	if (is_over(data[IFLA_BSDTUN_TRANSIENT], 1)) {
		NL_SET_ERR_MSG_ATTR(extack, data[IFLA_BSDTUN_TRANSIENT],
				    "transient is 0, or 1 for deletion at the last close");
		return -ERANGE;
	}
	if (is_over(data[IFLA_BSDTUN_FRAMING], BSDTUN_FRAMING_AF)) {
		NL_SET_ERR_MSG_ATTR(extack, data[IFLA_BSDTUN_FRAMING],
				    "framing is 0 (none) or 1 (af); an open file chooses others by ioctl");
		return -ERANGE;
	}
	return 0;
}

static int check_id(struct nlattr *attr, bool valid,
		    struct netlink_ext_ack *extack)
{
	if (valid || nla_get_u32(attr) == BSDTUN_ID_NONE)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "no such id in the caller's user namespace");
	return -EINVAL;
}

/* Checks all of it before any is applied: what is refused changes nothing. */
static int configure(struct bsdtun_device *bt, struct nlattr *data[],
		     struct netlink_ext_ack *extack)
{
	struct nlattr *owner = data[IFLA_BSDTUN_OWNER];
	struct nlattr *group = data[IFLA_BSDTUN_GROUP];
	struct nlattr *mode = data[IFLA_BSDTUN_MODE];
	unsigned int flags;
	kuid_t uid;
	kgid_t gid;
	int err;

	if (owner) {
		uid = make_kuid(current_user_ns(), nla_get_u32(owner));
		err = check_id(owner, uid_valid(uid), extack);
		if (err)
			return err;
	}
	if (group) {
		gid = make_kgid(current_user_ns(), nla_get_u32(group));
		err = check_id(group, gid_valid(gid), extack);
		if (err)
			return err;
	}
	if (mode) {
		flags = nla_get_u8(mode) == BSDTUN_MODE_BROADCAST ?
			IFF_BROADCAST : IFF_POINTOPOINT;
		flags |= bt->dev->flags & IFF_MULTICAST;
		err = bsdtun_device_set_mode(bt, flags);
		if (err) {
			NL_SET_ERR_MSG_ATTR(extack, mode,
					    "the mode cannot change while the link is up");
			return err;
		}
	}

	if (owner)
		WRITE_ONCE(bt->owner, uid);
	if (group)
		WRITE_ONCE(bt->group, gid);
	if (data[IFLA_BSDTUN_TRANSIENT])
		WRITE_ONCE(bt->transient,
			   nla_get_u8(data[IFLA_BSDTUN_TRANSIENT]));
	if (data[IFLA_BSDTUN_FRAMING])
		WRITE_ONCE(bt->framing, nla_get_u8(data[IFLA_BSDTUN_FRAMING]));
	return 0;
}

/* @attr asks for the unit. */
static int check_unit(int unit, const struct nlattr *attr,
		      struct netlink_ext_ack *extack)
{
	if (unit < 0 || unit >= bsdtun_unit_nodes()) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "unit has no device node; raise the module parameter units");
		return -ENXIO;
	}
	if (bsdtun_unit_device(unit)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "unit has an interface already; it may have another name or network namespace");
		return -EBUSY;
	}
	return unit;
}

/* Which unit a new link is to be: the one that its name says, else the one
 * that is asked for, else the lowest that is free, as is its name if the link is
 * to have it.
 */
static int choose_unit(const struct net_device *dev, bool unnamed,
		       const struct rtnl_newlink_params *params,
		       struct netlink_ext_ack *extack)
{
	int unit = bsdtun_unit_by_name(dev->name);
	const struct nlattr *wanted = NULL;

	if (params->data)
		wanted = params->data[IFLA_BSDTUN_UNIT];

	if (unit != BSDTUN_UNIT_NONE) {
		if (wanted && nla_get_u32(wanted) != unit) {
			NL_SET_ERR_MSG_ATTR(extack, wanted,
					    "the name is that of another unit");
			return -EINVAL;
		}
		return check_unit(unit, params->tb[IFLA_IFNAME], extack);
	}
	if (wanted)
		return check_unit(nla_get_u32(wanted), wanted, extack);

	unit = bsdtun_unit_lowest_free(bsdtun_unit_nodes(),
				       unnamed ? dev_net(dev) : NULL);
	if (unit == BSDTUN_UNIT_NONE) {
		NL_SET_ERR_MSG(extack,
			       "no unit with a device node is free; raise the module parameter units");
		return -ENOSPC;
	}
	return unit;
}

static int newlink(struct net_device *dev, struct rtnl_newlink_params *params,
		   struct netlink_ext_ack *extack)
{
	struct bsdtun_device *bt = netdev_priv(dev);
	struct nlattr **data = params->data;
	bool unnamed;
	int err;

	/* Units are the machine's. Who is root in a user namespace of his own may
	 * open a node that he is let at, but not take a unit past its node:
	 * whoever opened that next would get his interface. rtnetlink has seen
	 * to it that both the sender and who opened the socket have
	 * CAP_NET_ADMIN in this user namespace; capable() would see the sender
	 * alone, who may be a program of root's that was handed the socket.
	 */
	if (params->src_net->user_ns != &init_user_ns) {
		NL_SET_ERR_MSG(extack,
			       "units are for network namespaces of the initial user namespace; open the device node instead");
		return -EPERM;
	}
	if (params->tb[IFLA_LINK_NETNSID]) {
		NL_SET_ERR_MSG_ATTR(extack, params->tb[IFLA_LINK_NETNSID],
				    "a tunnel has no other link below it; say netns for where it is to be");
		return -EOPNOTSUPP;
	}
	if (dev->num_tx_queues > BSDTUN_MAX_QUEUES) {
		NL_SET_ERR_MSG_ATTR(extack, params->tb[IFLA_NUM_TX_QUEUES],
				    "numtxqueues is 64 at most");
		return -EINVAL;
	}
	/* rtnetlink's name for a link that is given none. */
	unnamed = !strcmp(dev->name, "bsdtun%d");
	if (!unnamed && bsdtun_unit_names(dev->name)) {
		NL_SET_ERR_MSG_ATTR(extack, params->tb[IFLA_IFNAME],
				    "the number in the name of a unit is the unit's; say which, or give no name");
		return -EINVAL;
	}
	err = choose_unit(dev, unnamed, params, extack);
	if (err < 0)
		return err;
	bt->unit = err;
	if (unnamed)
		bsdtun_unit_name(bt->unit, dev->name);

	if (data) {
		err = configure(bt, data, extack);
		if (err)
			return err;
	}
	err = register_netdevice(dev);
	if (err == -EEXIST)
		NL_SET_ERR_MSG_ATTR(extack, params->tb[IFLA_IFNAME],
				    "an interface has the name already; give the link another one");
	return err;
}

DEFINE_NEWLINK_ADAPTER(newlink)

static int changelink(struct net_device *dev, struct nlattr *tb[],
		      struct nlattr *data[], struct netlink_ext_ack *extack)
{
	struct bsdtun_device *bt = netdev_priv(dev);
	struct nlattr *unit;
	int err;

	if (!data)
		return 0;
	unit = data[IFLA_BSDTUN_UNIT];
	if (unit && nla_get_u32(unit) != bt->unit) {
		NL_SET_ERR_MSG_ATTR(extack, unit,
				    "the unit of a link cannot change");
		return -EOPNOTSUPP;
	}
	err = configure(bt, data, extack);
	/* Rtnetlink tells by itself only if the interface is up, and what else was
	 * asked for with it is not refused.
	 */
	if (!err)
		bsdtun_device_changed(bt);
	return err;
}

static size_t get_size(const struct net_device *dev)
{
	return nla_total_size(sizeof(u32)) +	/* IFLA_BSDTUN_UNIT */
	       nla_total_size(sizeof(u32)) +	/* IFLA_BSDTUN_OWNER */
	       nla_total_size(sizeof(u32)) +	/* IFLA_BSDTUN_GROUP */
	       nla_total_size(sizeof(u8)) +	/* IFLA_BSDTUN_MODE */
	       nla_total_size(sizeof(u8)) +	/* IFLA_BSDTUN_TRANSIENT */
	       nla_total_size(sizeof(u8)) +	/* IFLA_BSDTUN_FRAMING */
	       nla_total_size(sizeof(u32)) +	/* IFLA_BSDTUN_PID */
	       nla_total_size(sizeof(u32)) +	/* IFLA_BSDTUN_QUEUES */
	       nla_total_size(sizeof(u32)) +	/* IFLA_BSDTUN_OPENS */
	       nla_total_size(0) +		/* IFLA_BSDTUN_COUNTERS */
	       nla_total_size_64bit(sizeof(u64)) * BSDTUN_COUNTERS +
	       nla_total_size(0) +		/* IFLA_BSDTUN_FILES */
	       /* IFLA_BSDTUN_FILE; all queues may be opened meanwhile */
	       nla_total_size(sizeof(struct bsdtun_file)) * dev->num_tx_queues;
}

static int fill_counters(struct sk_buff *skb, const struct bsdtun_device *bt)
{
	enum bsdtun_counter i;
	struct nlattr *nest;

	nest = nla_nest_start(skb, IFLA_BSDTUN_COUNTERS);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < BSDTUN_COUNTERS; i++)
		if (nla_put_u64_64bit(skb, counter_attributes[i],
				      bsdtun_device_counter(bt, i),
				      IFLA_BSDTUN_COUNTER_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int fill_file(struct sk_buff *skb, u32 index,
		     struct bsdtun_format format)
{
	struct bsdtun_file file = {
		.queue		= index,
		.framing	= format.prefix,
		.offload	= format.header,
		.batch		= format.batch,
	};

	return nla_put(skb, IFLA_BSDTUN_FILE, sizeof(file), &file);
}

static int fill_files(struct sk_buff *skb, struct bsdtun_device *bt)
{
	struct nlattr *nest;
	unsigned int i;
	struct bsdtun_format format;

	nest = nla_nest_start(skb, IFLA_BSDTUN_FILES);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < bt->dev->num_tx_queues; i++) {
		if (!bsdtun_device_format(bt, i, &format) &&
		    fill_file(skb, i, format))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/* An event is made once for all who listen, by whoever caused it. A thread of the
 * kernel has no namespaces to tell numbers of: users are told as in that which
 * owns the interface's network, processes not at all.
 *
 * Newer kernels call this without RTNL.
 */
static int fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	bool in_thread = current->flags & PF_KTHREAD;
	struct user_namespace *ns = in_thread ? dev_net(dev)->user_ns :
						current_user_ns();
	struct bsdtun_device *bt = netdev_priv(dev);
	kuid_t owner = READ_ONCE(bt->owner);
	kgid_t group = READ_ONCE(bt->group);
	u32 uid = BSDTUN_ID_NONE;
	u32 gid = BSDTUN_ID_NONE;
	u8 mode;

	if (uid_valid(owner))
		uid = from_kuid_munged(ns, owner);
	if (gid_valid(group))
		gid = from_kgid_munged(ns, group);
	mode = READ_ONCE(dev->flags) & IFF_BROADCAST ?
	       BSDTUN_MODE_BROADCAST : BSDTUN_MODE_POINTOPOINT;

	if (nla_put_u32(skb, IFLA_BSDTUN_UNIT, bt->unit) ||
	    nla_put_u32(skb, IFLA_BSDTUN_OWNER, uid) ||
	    nla_put_u32(skb, IFLA_BSDTUN_GROUP, gid) ||
	    nla_put_u8(skb, IFLA_BSDTUN_MODE, mode) ||
	    nla_put_u8(skb, IFLA_BSDTUN_TRANSIENT, READ_ONCE(bt->transient)) ||
	    nla_put_u8(skb, IFLA_BSDTUN_FRAMING, READ_ONCE(bt->framing)) ||
	    (!in_thread &&
	     nla_put_u32(skb, IFLA_BSDTUN_PID, bsdtun_device_pid(bt))) ||
	    nla_put_u32(skb, IFLA_BSDTUN_QUEUES, dev->num_tx_queues) ||
	    nla_put_u32(skb, IFLA_BSDTUN_OPENS, READ_ONCE(bt->opens)) ||
	    fill_counters(skb, bt) ||
	    fill_files(skb, bt))
		return -EMSGSIZE;
	return 0;
}

struct rtnl_link_ops bsdtun_netlink_ops = {
	.kind		= "bsdtun",
	.priv_size	= sizeof(struct bsdtun_device),
	.setup		= bsdtun_device_setup,
	.maxtype	= IFLA_BSDTUN_MAX,
	.policy		= policy,
	.validate	= validate,
	.newlink	= NEWLINK_OP(newlink),
	.changelink	= changelink,
	.get_size	= get_size,
	.fill_info	= fill_info,
};

/**
 * bsdtun_netlink_init - register the link kind
 *
 * Context: Process context.
 * Return: 0, or a negative errno.
 */
int bsdtun_netlink_init(void)
{
	return rtnl_link_register(&bsdtun_netlink_ops);
}

/**
 * bsdtun_netlink_exit - delete all interfaces and unregister the link kind
 *
 * Context: Process context.
 */
void bsdtun_netlink_exit(void)
{
	rtnl_link_unregister(&bsdtun_netlink_ops);
}
