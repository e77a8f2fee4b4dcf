/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_POOL_H
#define _BSDTUN_POOL_H

#include <linux/types.h>

struct sk_buff;

int bsdtun_pool_init(void);
void bsdtun_pool_exit(void);
struct sk_buff *bsdtun_pool_packet(size_t len, size_t ahead);

#endif /* _BSDTUN_POOL_H */
