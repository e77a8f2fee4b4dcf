#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# What ethtool(8) shows and changes.

cd "$(dirname "$0")" || exit
. ./lib.sh

it "ethtool -i names the driver and has a version" driver
driver() {
	touch_unit /dev/bsdtun0
	shows $'^driver: bsdtun\nversion: [^\n]+\n' ethtool -i bsdtun0
	shows $'\nbus-info: tun\n' ethtool -i bsdtun0
	shows $'\nsupports-statistics: yes\n' ethtool -i bsdtun0
}

it "ethtool tells the link, and no speed that nobody has set" link
link() {
	touch_unit /dev/bsdtun0
	ip link set bsdtun0 up
	shows "Speed: Unknown!" ethtool bsdtun0
	shows "Duplex: Full" ethtool bsdtun0
	shows "Link detected: no" ethtool bsdtun0
	hold /dev/bsdtun0
	ip link set bsdtun0 up
	shows "Link detected: yes" ethtool bsdtun0
}

it "ethtool -S lists the causes of loss and no other counters" statistics
statistics() {
	local shown

	touch_unit /dev/bsdtun0
	shown=$(ethtool -S bsdtun0)
	[[ $shown == "NIC statistics:
     tx_dropped_no_reader: 0
     tx_dropped_family: 0
     tx_dropped_offload: 0
     tx_dropped_full: 0
     tx_dropped_nomem: 0
     tx_dropped_purged: 0
     tx_dropped_fault: 0
     rx_errors_length: 0
     rx_errors_family: 0
     rx_errors_header: 0
     rx_errors_fault: 0
     rx_dropped_down: 0
     rx_dropped_nomem: 0
     rx_dropped_backlog: 0" ]]
}

it "ethtool -k: packets may be in pieces, checksums and segments are the stack's work" features
features() {
	local feature shown

	touch_unit /dev/bsdtun0
	shown=$'\n'$(ethtool -k bsdtun0)$'\n'
	for feature in "rx-checksumming: off [fixed]" "tx-checksumming: off" "scatter-gather: on" \
		"	tx-scatter-gather: on" "	tx-scatter-gather-fraglist: on" \
		"tcp-segmentation-offload: off" "	tx-tcp-segmentation: off [requested on]" \
		"	tx-checksum-ip-generic: off [requested on]" "generic-segmentation-offload: on" \
		"generic-receive-offload: on" "large-receive-offload: off [fixed]" \
		"rx-vlan-offload: off [fixed]"; do
		[[ $shown == *$'\n'"$feature"$'\n'* ]]
	done
	# Before Linux 6.2 it cannot be had.
	[[ $shown == *$'\ntx-udp-segmentation: off'* ]]
}

it "ethtool -K takes and gives back what can be changed, and refuses the rest" change_features
change_features() {
	touch_unit /dev/bsdtun0
	ethtool -K bsdtun0 sg off
	shows $'\nscatter-gather: off\n' ethtool -k bsdtun0
	ethtool -K bsdtun0 sg on
	shows $'\nscatter-gather: on\n' ethtool -k bsdtun0
	refused "Could not change any device features" ethtool -K bsdtun0 tso on
	refused "Could not change any device features" ethtool -K bsdtun0 tx on
}

it "ethtool changes nothing else" no_others
no_others() {
	touch_unit /dev/bsdtun0
	refused "not supported" ethtool -s bsdtun0 speed 1000
	refused "not supported" ethtool -G bsdtun0 tx 100
	refused "not supported" ethtool -L bsdtun0 tx 2
}

run "$@"
