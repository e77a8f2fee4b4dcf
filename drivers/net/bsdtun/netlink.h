/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_NETLINK_H
#define _BSDTUN_NETLINK_H

#include <net/rtnetlink.h>

extern struct rtnl_link_ops bsdtun_netlink_ops;

int bsdtun_netlink_init(void);
void bsdtun_netlink_exit(void);

#endif /* _BSDTUN_NETLINK_H */
