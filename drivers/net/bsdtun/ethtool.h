/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_ETHTOOL_H
#define _BSDTUN_ETHTOOL_H

#include <linux/ethtool.h>

extern const struct ethtool_ops bsdtun_ethtool_ops;

#endif /* _BSDTUN_ETHTOOL_H */
