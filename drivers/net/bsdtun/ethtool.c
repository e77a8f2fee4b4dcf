// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* ethtool(8): what the driver is, the line's speed, packets lost by cause. */

#include "ethtool.h"
#include "device.h"

#include <linux/string.h>

#define BITS_PER_MBIT	1000000

static const char counter_names[BSDTUN_COUNTERS][ETH_GSTRING_LEN] = {
	[BSDTUN_TX_NO_READER]		= "tx_dropped_no_reader",
	[BSDTUN_TX_FAMILY]		= "tx_dropped_family",
	[BSDTUN_TX_OFFLOAD]		= "tx_dropped_offload",
	[BSDTUN_TX_FULL]		= "tx_dropped_full",
	[BSDTUN_TX_NOMEM]		= "tx_dropped_nomem",
	[BSDTUN_TX_PURGED]		= "tx_dropped_purged",
	[BSDTUN_TX_FAULT]		= "tx_dropped_fault",
	[BSDTUN_RX_ERROR_LENGTH]	= "rx_errors_length",
	[BSDTUN_RX_ERROR_FAMILY]	= "rx_errors_family",
	[BSDTUN_RX_ERROR_HEADER]	= "rx_errors_header",
	[BSDTUN_RX_ERROR_FAULT]		= "rx_errors_fault",
	[BSDTUN_RX_DOWN]		= "rx_dropped_down",
	[BSDTUN_RX_NOMEM]		= "rx_dropped_nomem",
	[BSDTUN_RX_BACKLOG]		= "rx_dropped_backlog",
};

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "bsdtun", sizeof(info->driver));
	strscpy(info->bus_info, "tun", sizeof(info->bus_info));
}

static int get_sset_count(struct net_device *dev, int sset)
{
	return sset == ETH_SS_STATS ? BSDTUN_COUNTERS : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	if (sset == ETH_SS_STATS)
		memcpy(data, counter_names, sizeof(counter_names));
}

static void get_ethtool_stats(struct net_device *dev,
			      struct ethtool_stats *stats, u64 *data)
{
	enum bsdtun_counter i;

	for (i = 0; i < BSDTUN_COUNTERS; i++)
		data[i] = bsdtun_device_counter(netdev_priv(dev), i);
}

static int get_link_ksettings(struct net_device *dev,
			      struct ethtool_link_ksettings *settings)
{
	struct bsdtun_device *bt = netdev_priv(dev);
	u32 baudrate = READ_ONCE(bt->baudrate);

	settings->base.speed = baudrate < BITS_PER_MBIT ?
			       SPEED_UNKNOWN : baudrate / BITS_PER_MBIT;
	settings->base.duplex = DUPLEX_FULL;
	settings->base.port = PORT_NONE;
	settings->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

const struct ethtool_ops bsdtun_ethtool_ops = {
	.get_drvinfo		= get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_ts_info		= ethtool_op_get_ts_info,
	.get_sset_count		= get_sset_count,
	.get_strings		= get_strings,
	.get_ethtool_stats	= get_ethtool_stats,
	.get_link_ksettings	= get_link_ksettings,
};
