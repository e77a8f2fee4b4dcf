/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_SYSFS_H
#define _BSDTUN_SYSFS_H

#include <linux/sysfs.h>

extern const struct attribute_group bsdtun_sysfs_group;

#endif /* _BSDTUN_SYSFS_H */
