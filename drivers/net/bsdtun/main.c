// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* BSD tun(4) for Linux: load and unload, in order and in exact reverse. */

#include "device.h"
#include "netlink.h"
#include "pool.h"
#include "unit.h"

#include <linux/init.h>
#include <linux/module.h>
#include <net/rtnetlink.h>

static int __init bsdtun_init(void)
{
	int err;

	err = bsdtun_pool_init();
	if (err)
		return err;

	err = bsdtun_device_init();
	if (err)
		goto err_pool;

	err = bsdtun_netlink_init();
	if (err)
		goto err_device;

	err = bsdtun_unit_init();
	if (err)
		goto err_netlink;

	return 0;

err_netlink:
	bsdtun_netlink_exit();
err_device:
	bsdtun_device_exit();
err_pool:
	bsdtun_pool_exit();
	return err;
}

static void __exit bsdtun_exit(void)
{
	bsdtun_unit_exit();
	bsdtun_netlink_exit();
	bsdtun_device_exit();
	bsdtun_pool_exit();
}

module_init(bsdtun_init);
module_exit(bsdtun_exit);

MODULE_DESCRIPTION("BSD tun(4) network tunnel device");
MODULE_LICENSE("Dual BSD/GPL");
MODULE_ALIAS_RTNL_LINK("bsdtun");
