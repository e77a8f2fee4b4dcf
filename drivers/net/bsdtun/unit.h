/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_UNIT_H
#define _BSDTUN_UNIT_H

#include <linux/types.h>

struct bsdtun_device;
struct miscdevice;
struct net;

/* Not a unit: the cloning node, an interface that has no unit yet. */
#define BSDTUN_UNIT_NONE	(-1)
/* Highest unit number, with or without a node; all bits of it are set. */
#define BSDTUN_UNIT_MAX		4095

int bsdtun_unit_init(void);
void bsdtun_unit_exit(void);

int bsdtun_unit_of_node(const struct miscdevice *misc);
int bsdtun_unit_nodes(void);
void bsdtun_unit_name(int unit, char *name);
int bsdtun_unit_by_name(const char *name);
bool bsdtun_unit_names(const char *name);

struct bsdtun_device *bsdtun_unit_device(int unit);
int bsdtun_unit_lowest_free(int limit, struct net *net);
int bsdtun_unit_hold(int unit, struct bsdtun_device *bt);
void bsdtun_unit_release(int unit);

#endif /* _BSDTUN_UNIT_H */
