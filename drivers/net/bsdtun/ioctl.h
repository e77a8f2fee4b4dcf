/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_IOCTL_H
#define _BSDTUN_IOCTL_H

struct file;

long bsdtun_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* _BSDTUN_IOCTL_H */
