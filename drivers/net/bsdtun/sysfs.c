// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* /sys/class/net/<interface>/bsdtun/: its properties, for people and scripts. */

#include "sysfs.h"
#include "device.h"
#include "frame.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/if.h>
#include <linux/kstrtox.h>
#include <linux/rtnetlink.h>
#include <linux/sched/signal.h>
#include <net/net_namespace.h>

static const char * const mode_names[] = {
	[BSDTUN_MODE_POINTOPOINT]	= "pointopoint",
	[BSDTUN_MODE_BROADCAST]		= "broadcast",
};

static struct bsdtun_device *to_bt(struct device *dev)
{
	return netdev_priv(to_net_dev(dev));
}

/* Runs @set with RTNL held, without which the interface may move to another
 * network namespace, that of others. A plain rtnl_lock() could wait for the
 * deletion of the interface, which waits for us to leave sysfs.
 */
static ssize_t store(struct device *dev, const char *buf, size_t len,
		     int (*set)(struct bsdtun_device *bt, const char *buf))
{
	struct net_device *netdev = to_net_dev(dev);
	struct bsdtun_device *bt = to_bt(dev);
	int err = -ENODEV;

	if (!rtnl_trylock())
		return restart_syscall();
	if (!ns_capable(dev_net(netdev)->user_ns, CAP_NET_ADMIN))
		err = -EPERM;
	else if (netdev->reg_state == NETREG_REGISTERED)
		err = set(bt, buf);
	if (!err)
		bsdtun_device_changed(bt);
	rtnl_unlock();
	return err ? err : len;
}

/* A number, or -1 for none, which is what the invalid id is. */
static int parse_id(const char *buf, u32 *id)
{
	s64 value;
	int err;

	err = kstrtos64(buf, 0, &value);
	if (err)
		return err;
	if (value < -1 || value >= BSDTUN_ID_NONE)
		return -EINVAL;
	*id = value;
	return 0;
}

static ssize_t unit_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%d\n", to_bt(dev)->unit);
}
static DEVICE_ATTR_RO(unit);

static ssize_t owner_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	kuid_t owner = READ_ONCE(to_bt(dev)->owner);

	if (!uid_valid(owner))
		return sysfs_emit(buf, "-1\n");
	return sysfs_emit(buf, "%u\n",
			  from_kuid_munged(current_user_ns(), owner));
}

static int set_owner(struct bsdtun_device *bt, const char *buf)
{
	kuid_t owner;
	u32 id;
	int err;

	err = parse_id(buf, &id);
	if (err)
		return err;
	owner = make_kuid(current_user_ns(), id);
	if (id != BSDTUN_ID_NONE && !uid_valid(owner))
		return -EINVAL;
	WRITE_ONCE(bt->owner, owner);
	return 0;
}

static ssize_t owner_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t len)
{
	return store(dev, buf, len, set_owner);
}
static DEVICE_ATTR_RW(owner);

static ssize_t group_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	kgid_t group = READ_ONCE(to_bt(dev)->group);

	if (!gid_valid(group))
		return sysfs_emit(buf, "-1\n");
	return sysfs_emit(buf, "%u\n",
			  from_kgid_munged(current_user_ns(), group));
}

static int set_group(struct bsdtun_device *bt, const char *buf)
{
	kgid_t group;
	u32 id;
	int err;

	err = parse_id(buf, &id);
	if (err)
		return err;
	group = make_kgid(current_user_ns(), id);
	if (id != BSDTUN_ID_NONE && !gid_valid(group))
		return -EINVAL;
	WRITE_ONCE(bt->group, group);
	return 0;
}

static ssize_t group_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t len)
{
	return store(dev, buf, len, set_group);
}
static DEVICE_ATTR_RW(group);

static ssize_t mode_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	bool broadcast = READ_ONCE(to_net_dev(dev)->flags) & IFF_BROADCAST;

	return sysfs_emit(buf, "%s\n",
			  mode_names[broadcast ? BSDTUN_MODE_BROADCAST :
						 BSDTUN_MODE_POINTOPOINT]);
}

static int set_mode(struct bsdtun_device *bt, const char *buf)
{
	int mode = sysfs_match_string(mode_names, buf);

	if (mode < 0)
		return mode;
	return bsdtun_device_set_mode(bt, (bt->dev->flags & IFF_MULTICAST) |
				      (mode == BSDTUN_MODE_BROADCAST ?
				       IFF_BROADCAST : IFF_POINTOPOINT));
}

static ssize_t mode_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t len)
{
	return store(dev, buf, len, set_mode);
}
static DEVICE_ATTR_RW(mode);

static ssize_t transient_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(to_bt(dev)->transient));
}

static int set_transient(struct bsdtun_device *bt, const char *buf)
{
	u8 transient;
	int err;

	err = kstrtou8(buf, 0, &transient);
	if (err)
		return err;
	if (transient > 1)
		return -EINVAL;
	WRITE_ONCE(bt->transient, transient);
	return 0;
}

static ssize_t transient_store(struct device *dev,
			       struct device_attribute *attr, const char *buf,
			       size_t len)
{
	return store(dev, buf, len, set_transient);
}
static DEVICE_ATTR_RW(transient);

static ssize_t framing_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  bsdtun_frame_names[READ_ONCE(to_bt(dev)->framing)]);
}

static int set_framing(struct bsdtun_device *bt, const char *buf)
{
	int framing = __sysfs_match_string(bsdtun_frame_names,
					   BSDTUN_FRAMING_AF + 1, buf);

	if (framing < 0)
		return framing;
	WRITE_ONCE(bt->framing, framing);
	return 0;
}

static ssize_t framing_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t len)
{
	return store(dev, buf, len, set_framing);
}
static DEVICE_ATTR_RW(framing);

static ssize_t pid_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%d\n", bsdtun_device_pid(to_bt(dev)));
}
static DEVICE_ATTR_RO(pid);

static ssize_t queues_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%u\n", to_net_dev(dev)->num_tx_queues);
}
static DEVICE_ATTR_RO(queues);

static ssize_t opens_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_bt(dev)->opens));
}
static DEVICE_ATTR_RO(opens);

static struct attribute *attributes[] = {
	&dev_attr_unit.attr,
	&dev_attr_owner.attr,
	&dev_attr_group.attr,
	&dev_attr_mode.attr,
	&dev_attr_transient.attr,
	&dev_attr_framing.attr,
	&dev_attr_pid.attr,
	&dev_attr_queues.attr,
	&dev_attr_opens.attr,
	NULL
};

const struct attribute_group bsdtun_sysfs_group = {
	.name = "bsdtun",
	.attrs = attributes,
};
