/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * <net/if_tun.h> of the BSDs: their programs find struct tuninfo, TUNMTU,
 * TUNMRU and the TUN ioctls under this name.
 */
#ifndef _NET_IF_TUN_H_
#define _NET_IF_TUN_H_

#include <linux/bsdtun.h>

#endif /* _NET_IF_TUN_H_ */
