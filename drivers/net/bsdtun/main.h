/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_MAIN_H
#define _BSDTUN_MAIN_H

#include <linux/compiler.h>
#include <linux/netdevice.h>

/* Module parameter "debug", also TUNSDEBUG. */
extern int bsdtun_debug;

/* A debug message about the interface @dev; the rate is bounded. */
#define bsdtun_dbg(dev, fmt, ...)					\
do {									\
	if (READ_ONCE(bsdtun_debug) && net_ratelimit())			\
		netdev_info(dev, fmt, ##__VA_ARGS__);			\
} while (0)

#endif /* _BSDTUN_MAIN_H */
