/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_CHARDEV_H
#define _BSDTUN_CHARDEV_H

#include <linux/fs.h>

extern const struct file_operations bsdtun_chardev_fops;

#endif /* _BSDTUN_CHARDEV_H */
