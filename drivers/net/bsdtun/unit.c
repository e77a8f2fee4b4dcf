// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Unit numbers: their device nodes, and which interface a unit holds.
 *
 * misc_open() calls our open with misc_mtx held, and our open takes RTNL, so
 * nodes are registered and deregistered without RTNL and never from open.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "unit.h"
#include "chardev.h"
#include "compat.h"

#include <linux/kstrtox.h>
#include <linux/ctype.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/xarray.h>

#define UNITS_DEFAULT	8
/* Leaves room for the digits of BSDTUN_UNIT_MAX in an interface name. */
#define PREFIX_SIZE	(IFNAMSIZ - 4)

struct unit_node {
	struct miscdevice misc;
	struct list_head list;
	int unit;
	char name[IFNAMSIZ];
};

/* Which interface a unit holds; changes under RTNL. */
static DEFINE_XARRAY_ALLOC(unit_devices);

/* Nodes in the order of their units; the mutex guards all six. */
static DEFINE_MUTEX(nodes_lock);
static LIST_HEAD(nodes);
static bool nodes_live;
static bool nodes_published;
static int nodes_wanted = UNITS_DEFAULT;
static int nodes_made;

static struct unit_node *clone_node;

static char prefix[PREFIX_SIZE] = "bsdtun";
static bool clone;

static struct unit_node *node_create(int unit)
{
	struct unit_node *node;
	int err;

	node = kzalloc_obj(*node);
	if (!node)
		return ERR_PTR(-ENOMEM);

	node->unit = unit;
	if (unit == BSDTUN_UNIT_NONE) {
		/* As a misc device it may not be named as Linux's tun is. */
		node->misc.name = KBUILD_MODNAME "-clone";
		node->misc.nodename = prefix;
	} else {
		bsdtun_unit_name(unit, node->name);
		node->misc.name = node->name;
	}
	node->misc.minor = MISC_DYNAMIC_MINOR;
	node->misc.mode = 0600;
	node->misc.fops = &bsdtun_chardev_fops;

	err = misc_register(&node->misc);
	if (err)
		goto err_node;
	nodes_published = true;
	if (bsdtun_last_misc_minor(node->misc.minor)) {
		err = -EBUSY;
		goto err_misc;
	}
	return node;

err_misc:
	misc_deregister(&node->misc);
err_node:
	kfree(node);
	return ERR_PTR(err);
}

static void node_destroy(struct unit_node *node)
{
	misc_deregister(&node->misc);
	kfree(node);
}

/* Removes nodes, the last first, until there are @count. */
static void nodes_shrink(int count)
{
	struct unit_node *node;

	lockdep_assert_held(&nodes_lock);

	while (nodes_made > count) {
		node = list_last_entry(&nodes, struct unit_node, list);
		list_del(&node->list);
		node_destroy(node);
		WRITE_ONCE(nodes_made, nodes_made - 1);
	}
}

/* Makes nodes until there are @count, or one cannot be made. */
static int nodes_grow(int count)
{
	struct unit_node *node;

	lockdep_assert_held(&nodes_lock);

	while (nodes_made < count) {
		node = node_create(nodes_made);
		if (IS_ERR(node))
			return PTR_ERR(node);
		list_add_tail(&node->list, &nodes);
		WRITE_ONCE(nodes_made, nodes_made + 1);
	}
	return 0;
}

static void warn_of_too_few(int err)
{
	pr_warn("no device node for unit %d and above: %pe\n", nodes_made,
		ERR_PTR(err));
}

/* If minor numbers run out, the nodes that could be made stay; if memory does, none
 * of the new ones.
 */
static int nodes_raise(int count)
{
	int err, before = nodes_made;

	err = nodes_grow(count);
	if (err == -ENOMEM)
		nodes_shrink(before);
	else if (err)
		warn_of_too_few(err);
	return err;
}

static int units_set(const char *val, const struct kernel_param *kp)
{
	unsigned int count;
	int err;

	err = kstrtouint(val, 0, &count);
	if (err)
		return err;
	if (count > BSDTUN_UNIT_MAX + 1)
		return -EINVAL;

	mutex_lock(&nodes_lock);
	if (!nodes_live)
		nodes_wanted = count;
	else if (count < nodes_made)
		err = -EINVAL;
	else
		err = nodes_raise(count);
	mutex_unlock(&nodes_lock);
	return err;
}

static int units_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", bsdtun_unit_nodes());
}

static const struct kernel_param_ops units_ops = {
	.set = units_set,
	.get = units_get,
};

module_param_cb(units, &units_ops, NULL, 0644);
MODULE_PARM_DESC(units, "number of device nodes, 0 to 4096 (default: 8); may be raised at run time");

/* A digit at the end would make two units share a name. */
static int name_set(const char *val, const struct kernel_param *kp)
{
	size_t len = strcspn(val, "\n");
	char name[PREFIX_SIZE];

	if (!len || len >= sizeof(name) || isdigit(val[len - 1]))
		return -EINVAL;
	memcpy(name, val, len);
	name[len] = '\0';
	if (!dev_valid_name(name) || strchr(name, '%'))
		return -EINVAL;
	strscpy(prefix, name, sizeof(prefix));
	return 0;
}

static int name_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", prefix);
}

static const struct kernel_param_ops name_ops = {
	.set = name_set,
	.get = name_get,
};

module_param_cb(name, &name_ops, NULL, 0444);
MODULE_PARM_DESC(name, "prefix of device nodes and interfaces (default: bsdtun)");

module_param(clone, bool, 0444);
MODULE_PARM_DESC(clone, "also make the cloning node, named as the prefix (default: N)");

/* Once there is a node somebody may have it open, and run our code when a load that
 * fails takes it away: the kernel asks for no references then.
 */
static int nodes_init(void)
{
	struct unit_node *node;
	int err;

	err = nodes_grow(nodes_wanted);
	if (err && !nodes_published)
		return err;
	if (err)
		warn_of_too_few(err);
	if (!clone)
		return 0;

	node = node_create(BSDTUN_UNIT_NONE);
	if (!IS_ERR(node)) {
		clone_node = node;
		return 0;
	}
	if (!nodes_published)
		return PTR_ERR(node);
	pr_warn("no cloning device node: %pe\n", node);
	return 0;
}

/**
 * bsdtun_unit_init - make the device nodes
 *
 * Nodes for which there is no minor number or no memory are left out, and so is the
 * cloning one: when the first of them is there, the module stays.
 *
 * Context: Process context, without RTNL. The last thing that a load does.
 * Return: 0, or a negative errno if not one node that was asked for was made.
 */
int bsdtun_unit_init(void)
{
	int err;

	mutex_lock(&nodes_lock);
	err = nodes_init();
	nodes_live = !err;
	mutex_unlock(&nodes_lock);
	return err;
}

/**
 * bsdtun_unit_exit - remove the device nodes
 *
 * Context: Process context, without RTNL. No file is open: each holds a
 * reference to the module.
 */
void bsdtun_unit_exit(void)
{
	mutex_lock(&nodes_lock);
	nodes_live = false;
	nodes_shrink(0);
	if (clone_node)
		node_destroy(clone_node);
	mutex_unlock(&nodes_lock);
}

/**
 * bsdtun_unit_of_node - the unit that a device node stands for
 * @misc: one of our nodes
 *
 * Return: the unit number, or %BSDTUN_UNIT_NONE for the cloning node.
 */
int bsdtun_unit_of_node(const struct miscdevice *misc)
{
	return container_of(misc, struct unit_node, misc)->unit;
}

/**
 * bsdtun_unit_nodes - how many units have a device node
 *
 * Return: the number; units 0 up to it have one.
 */
int bsdtun_unit_nodes(void)
{
	return READ_ONCE(nodes_made);
}

/**
 * bsdtun_unit_name - the name of a unit's node and new interface
 * @unit: unit number
 * @name: filled in, IFNAMSIZ bytes
 */
void bsdtun_unit_name(int unit, char *name)
{
	snprintf(name, IFNAMSIZ, "%s%u", prefix, unit & BSDTUN_UNIT_MAX);
}

/**
 * bsdtun_unit_by_name - the unit that a name is the name of
 * @name: interface name
 *
 * Return: the unit number, which may have no node, or %BSDTUN_UNIT_NONE if
 * @name is not the prefix followed by a number in its plain form.
 */
int bsdtun_unit_by_name(const char *name)
{
	const char *digits = name + strlen(prefix);
	unsigned int unit;

	if (strncmp(name, prefix, strlen(prefix)) || !isdigit(*digits))
		return BSDTUN_UNIT_NONE;
	if (digits[0] == '0' && digits[1])
		return BSDTUN_UNIT_NONE;
	if (kstrtouint(digits, 10, &unit) || unit > INT_MAX)
		return BSDTUN_UNIT_NONE;
	return unit;
}

/**
 * bsdtun_unit_names - whether a name template makes names of units
 * @name: with a %%d, for which the kernel is to find a number
 *
 * Return: true if so. The number may then be that of any unit.
 */
bool bsdtun_unit_names(const char *name)
{
	const char *digits = name + strlen(prefix);

	return strchr(name, '%') && !strncmp(name, prefix, strlen(prefix)) &&
	       (isdigit(*digits) || *digits == '%');
}

/**
 * bsdtun_unit_device - the interface that a unit holds
 * @unit: unit number
 *
 * Context: RTNL.
 * Return: the interface, or NULL.
 */
struct bsdtun_device *bsdtun_unit_device(int unit)
{
	ASSERT_RTNL();
	return xa_load(&unit_devices, unit);
}

/* The lowest unit from @start to below @limit that holds no interface. */
static int next_free(int start, int limit)
{
	XA_STATE(xas, &unit_devices, start);
	bool found;

	if (start >= limit)
		return BSDTUN_UNIT_NONE;

	xa_lock(&unit_devices);
	xas_find_marked(&xas, limit - 1, XA_FREE_MARK);
	found = xas.xa_node != XAS_RESTART;
	xa_unlock(&unit_devices);
	return found ? xas.xa_index : BSDTUN_UNIT_NONE;
}

static bool name_is_taken(int unit, struct net *net)
{
	char name[IFNAMSIZ];

	bsdtun_unit_name(unit, name);
	return __dev_get_by_name(net, name);
}

/**
 * bsdtun_unit_lowest_free - the lowest unit that holds no interface
 * @limit: the unit is to be below this number
 * @net: no interface there is to have the unit's name; NULL if another name is
 *	meant
 *
 * Context: RTNL.
 * Return: the unit number, or %BSDTUN_UNIT_NONE.
 */
int bsdtun_unit_lowest_free(int limit, struct net *net)
{
	int unit;

	ASSERT_RTNL();
	unit = next_free(0, limit);
	while (net && unit != BSDTUN_UNIT_NONE && name_is_taken(unit, net))
		unit = next_free(unit + 1, limit);
	return unit;
}

/**
 * bsdtun_unit_hold - let a unit hold an interface
 * @unit: unit number
 * @bt: the interface
 *
 * Context: RTNL. May sleep.
 * Return: 0; -EBUSY if the unit holds one; -ENOMEM.
 */
int bsdtun_unit_hold(int unit, struct bsdtun_device *bt)
{
	ASSERT_RTNL();
	return xa_insert(&unit_devices, unit, bt, GFP_KERNEL);
}

/**
 * bsdtun_unit_release - let a unit hold no interface
 * @unit: unit number
 *
 * Context: RTNL.
 */
void bsdtun_unit_release(int unit)
{
	ASSERT_RTNL();
	xa_erase(&unit_devices, unit);
}
