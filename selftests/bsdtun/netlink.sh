#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# What ip-link(8) does with interfaces of kind bsdtun, and what /sys/class/net says of
# them. (netlink.c speaks netlink itself, where ip has no words.)

cd "$(dirname "$0")" || exit
. ./lib.sh

it "ip link add bsdtun5 type bsdtun makes the interface of unit 5" add_named_as_node
add_named_as_node() {
	ip link add bsdtun5 type bsdtun
	[[ $(attribute bsdtun5 unit) == 5 ]]
	hold /dev/bsdtun5
	[[ $(attribute bsdtun5 opens) == 1 ]]
}

it "ip link add without a name makes bsdtunN of the lowest free unit" add_without_name
add_without_name() {
	touch_unit /dev/bsdtun0
	touch_unit /dev/bsdtun2
	ip link add type bsdtun
	[[ $(attribute bsdtun1 unit) == 1 ]]
	ip link add type bsdtun
	[[ $(attribute bsdtun3 unit) == 3 ]]
	ip link add type bsdtun
	ip link del bsdtun0
	ip link set bsdtun4 name bsdtun0
	ip link add type bsdtun
	[[ $(attribute bsdtun5 unit) == 5 ]]
	ip link add vpn type bsdtun
	[[ $(attribute vpn unit) == 0 ]]
}

it "ip link add with another name takes the lowest free unit" add_other_name
add_other_name() {
	touch_unit /dev/bsdtun0
	ip link add vpn type bsdtun
	[[ $(attribute vpn unit) == 1 ]]
	hold /dev/bsdtun1
	[[ $(attribute vpn opens) == 1 ]]
	[[ ! -e /sys/class/net/bsdtun1 ]]
}

it "A number that is not written as the unit's is another name" add_not_canonical
add_not_canonical() {
	ip link add bsdtun05 type bsdtun
	[[ $(attribute bsdtun05 unit) == 0 ]]
	ip link add bsdtun5x type bsdtun
	[[ $(attribute bsdtun5x unit) == 1 ]]
	ip link add bsdtun type bsdtun
	[[ $(attribute bsdtun unit) == 2 ]]
}

it "A unit beyond units is refused, with a text that names units" add_beyond_units
add_beyond_units() {
	refused "Error: .*units" ip link add bsdtun8 type bsdtun
	refused "Error: .*units" ip link add bsdtun999999999 type bsdtun
	[[ ! -e /sys/class/net/bsdtun8 ]]
}

it "A unit that has an interface already is refused, with a text" add_busy_unit
add_busy_unit() {
	touch_unit /dev/bsdtun0
	refused "File exists" ip link add bsdtun0 type bsdtun
	ip link set bsdtun0 name elsewhere
	refused "Error: .*unit" ip link add bsdtun0 type bsdtun
	namespace a
	refused "Error: .*unit" ip -n bsdtun-a link add bsdtun0 type bsdtun
}

it "Without a free unit another name is refused, with a text" add_none_free
add_none_free() {
	local unit

	for unit in {0..7}; do
		touch_unit "/dev/bsdtun$unit"
	done
	refused "Error: .*unit" ip link add vpn type bsdtun
	refused "Error: .*unit" ip link add type bsdtun
}

it "ip link add makes the same interface as open" add_as_open
add_as_open() {
	touch_unit /dev/bsdtun0
	ip link add bsdtun1 type bsdtun
	[[ $(show_without_number bsdtun0) == "$(show_without_number bsdtun1)" ]]
}

show_without_number() {
	local shown

	shown=$(ip -d link show "$1")
	shown=${shown#*:}
	echo "${shown//$1/}"
}

it "A new interface is down, of no link layer, point-to-point, multicast, without ARP, of MTU 1500 and queue 500" defaults
defaults() {
	touch_unit /dev/bsdtun0
	shows "<POINTOPOINT,MULTICAST,NOARP> mtu 1500 .* state DOWN .* qlen 500.*link/none" \
		ip link show bsdtun0
}

it "ip link del ends at once while the device is open, and its reader gets EIO" delete_while_open
delete_while_open() {
	hold /dev/bsdtun0
	start into "$scratch/reader" dd bs=2048 count=1 <&"$held"
	wait_for sleeps "$started"
	timeout 60 ip link del bsdtun0
	wait_for ended "$started"
	says "$scratch/reader" "Input/output error"
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

it "ip link show type bsdtun lists these interfaces and no others" show_type
show_type() {
	local list

	touch_unit /dev/bsdtun0
	touch_unit /dev/bsdtun1
	ip link set bsdtun1 name vpn
	list=$(ip -o link show type bsdtun)
	[[ $list =~ \ bsdtun0:.*\ vpn: ]]
	[[ $list != *lo:* ]]
}

it "ip -d -j link tells the kind" show_json
show_json() {
	touch_unit /dev/bsdtun0
	shows '"linkinfo":\{"info_kind":"bsdtun"' ip -d -j link show bsdtun0
}

it "A renamed interface keeps its unit, its node and its open file" rename
rename() {
	hold /dev/bsdtun0
	ip link set bsdtun0 name vpn
	[[ $(attribute vpn unit) == 0 ]]
	[[ $(attribute vpn opens) == 1 ]]
	[[ -c /dev/bsdtun0 && ! -e /dev/vpn ]]
	let_go
	hold /dev/bsdtun0
	[[ $(attribute vpn opens) == 1 ]]
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

it "A renamed interface that is deleted leaves its unit free" rename_and_delete
rename_and_delete() {
	touch_unit /dev/bsdtun0
	ip link set bsdtun0 name vpn
	ip link del vpn
	touch_unit /dev/bsdtun0
	[[ $(attribute bsdtun0 unit) == 0 ]]
}

it "ip link takes an MTU of 72 to 65535 and refuses others with a text" mtu_bounds
mtu_bounds() {
	touch_unit /dev/bsdtun0
	ip link set bsdtun0 mtu 72
	ip link set bsdtun0 mtu 65535
	refused "mtu less than device minimum" ip link set bsdtun0 mtu 71
	refused "mtu greater than device maximum" ip link set bsdtun0 mtu 65536
	[[ $(</sys/class/net/bsdtun0/mtu) == 65535 ]]
}

it "ip link add takes an MTU of 72 to 65535 and refuses others with a text" mtu_bounds_of_add
mtu_bounds_of_add() {
	refused "mtu less than device minimum" ip link add bsdtun0 mtu 71 type bsdtun
	refused "mtu greater than device maximum" ip link add bsdtun0 mtu 65536 type bsdtun
	ip link add bsdtun0 mtu 72 type bsdtun
	[[ $(</sys/class/net/bsdtun0/mtu) == 72 ]]
}

it "There are as many transmit queues as numtxqueues says, whatever is open" real_queues
real_queues() {
	local queues=/sys/class/net/bsdtun0/queues

	ip link add bsdtun0 numtxqueues 3 type bsdtun
	[[ $(attribute bsdtun0 queues) == 3 ]]
	hold /dev/bsdtun0
	[[ -e $queues/tx-2 && ! -e $queues/tx-3 ]]
	let_go
	[[ -e $queues/tx-2 && ! -e $queues/tx-3 ]]
}

it "ip link add takes no unit for the root of a user namespace of his own" foreign_root
foreign_root() {
	refused "initial user namespace" unshare -Urn ip link add bsdtun0 type bsdtun
	refused "initial user namespace" unshare -Urn ip link add type bsdtun
	ip link add bsdtun0 type bsdtun
}

it "ip link add of the machine's root makes a link for such a root, but not in his network namespace" for_foreign_root
for_foreign_root() {
	departing=yes
	start unshare -Urn sleep 1000
	wait_for not [ "/proc/$started/ns/net" -ef /proc/self/ns/net ]
	refused "initial user namespace" nsenter -n -t "$started" ip link add bsdtun0 type bsdtun
	ip link add bsdtun0 netns "$started" type bsdtun
	shows "bsdtun0" nsenter -n -t "$started" ip link show
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

it "link-netns, which means nothing for a tunnel, is refused with a text" link_netns
link_netns() {
	ip netns add bsdtun-a
	refused "no other link below it" ip link add bsdtun0 link-netns bsdtun-a type bsdtun
	refused "no other link below it" ip link add link-netns bsdtun-a type bsdtun
	[[ ! -e /sys/class/net/bsdtun0 ]]
	ip link add bsdtun0 netns bsdtun-a type bsdtun
	shows "bsdtun0" ip -n bsdtun-a link show
}

it "numtxqueues up to 64 is taken, beyond it is refused with a text" too_many_queues
too_many_queues() {
	refused "Error: .*queue" ip link add bsdtun0 numtxqueues 65 type bsdtun
	[[ ! -e /sys/class/net/bsdtun0 ]]
	ip link add bsdtun0 numtxqueues 64 type bsdtun
	[[ $(attribute bsdtun0 queues) == 64 ]]
}

it "ip monitor shows what comes, what changes and what goes" monitor
monitor() {
	touch_unit /dev/bsdtun7
	start into "$scratch/seen" stdbuf -oL ip monitor link
	wait_for monitor_hears
	hold /dev/bsdtun0
	wait_for says "$scratch/seen" "bsdtun0: .* state DOWN"
	attribute bsdtun0 mode broadcast
	wait_for says "$scratch/seen" "bsdtun0: <.*BROADCAST"
	attribute bsdtun0 transient 1
	let_go
	wait_for says "$scratch/seen" "Deleted .*bsdtun0"
}

monitor_hears() {
	attribute bsdtun7 transient 0
	says "$scratch/seen" "bsdtun7:"
}

it "sysfs has the attributes of the interface, no others, and who may write which" sysfs_list
sysfs_list() {
	touch_unit /dev/bsdtun0
	cd /sys/class/net/bsdtun0/bsdtun
	[[ $(echo *) == "framing group mode opens owner pid queues transient unit" ]]
	[[ $(stat -c '%a %n' -- *) == "644 framing
644 group
644 mode
444 opens
644 owner
444 pid
444 queues
644 transient
444 unit" ]]
}

it "sysfs tells what a new interface is" sysfs_defaults
sysfs_defaults() {
	local name seen=

	ip link add bsdtun3 type bsdtun
	for name in framing group mode opens owner pid queues transient unit; do
		seen+="$name $(attribute bsdtun3 "$name") "
	done
	[[ $seen == "framing none group -1 mode pointopoint opens 0 owner -1 pid 0 queues 1 transient 0 unit 3 " ]]
}

it "sysfs takes an owner and a group, -1 for none, and refuses other text" sysfs_owner
sysfs_owner() {
	local name text

	touch_unit /dev/bsdtun0
	for name in owner group; do
		attribute bsdtun0 "$name" 1000
		[[ $(attribute bsdtun0 "$name") == 1000 ]]
		for text in root "" -2 4294967296 "1 2" 12x; do
			refused "Invalid argument" attribute bsdtun0 "$name" "$text"
		done
		[[ $(attribute bsdtun0 "$name") == 1000 ]]
		attribute bsdtun0 "$name" -1
		[[ $(attribute bsdtun0 "$name") == -1 ]]
		attribute bsdtun0 "$name" 0
		[[ $(attribute bsdtun0 "$name") == 0 ]]
	done
}

it "sysfs takes mode pointopoint or broadcast, and refuses other text" sysfs_mode
sysfs_mode() {
	local text

	touch_unit /dev/bsdtun0
	attribute bsdtun0 mode broadcast
	[[ $(attribute bsdtun0 mode) == broadcast ]]
	(($(</sys/class/net/bsdtun0/flags) == 0x1082)) # multicast, no ARP, broadcast
	for text in bridge "" broad broadcastx 1; do
		refused "Invalid argument" attribute bsdtun0 mode "$text"
	done
	[[ $(attribute bsdtun0 mode) == broadcast ]]
	attribute bsdtun0 mode pointopoint
	(($(</sys/class/net/bsdtun0/flags) == 0x1090)) # multicast, no ARP, point-to-point
}

it "sysfs refuses to change the mode while the interface is up, with EBUSY" sysfs_mode_up
sysfs_mode_up() {
	touch_unit /dev/bsdtun0
	ip link set bsdtun0 up
	refused "Device or resource busy" attribute bsdtun0 mode broadcast
	[[ $(attribute bsdtun0 mode) == pointopoint ]]
	ip link set bsdtun0 down
	attribute bsdtun0 mode broadcast
}

it "sysfs takes transient 0 or 1, and refuses other text" sysfs_transient
sysfs_transient() {
	local text

	hold /dev/bsdtun0
	attribute bsdtun0 transient 1
	[[ $(attribute bsdtun0 transient) == 1 ]]
	for text in 2 -1 10 1x "" maybe; do
		refused "Invalid argument" attribute bsdtun0 transient "$text"
	done
	[[ $(attribute bsdtun0 transient) == 1 ]]
	attribute bsdtun0 transient 0
	let_go
	[[ -e /sys/class/net/bsdtun0 ]]
	attribute bsdtun0 transient 1
	hold /dev/bsdtun0
	let_go
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

it "sysfs takes framing none or af for the files opened after, and refuses other text" sysfs_framing
sysfs_framing() {
	local text

	touch_unit /dev/bsdtun0
	attribute bsdtun0 framing af
	[[ $(attribute bsdtun0 framing) == af ]]
	for text in AF "" inet 1; do
		refused "Invalid argument" attribute bsdtun0 framing "$text"
	done
	[[ $(attribute bsdtun0 framing) == af ]]
	hold /dev/bsdtun0
	attribute bsdtun0 framing none
	[[ $(attribute bsdtun0 framing) == none ]]
	# This file began with the address family, and goes on with it: there is no such one.
	refused "Address family not supported" write_to "$held" "no packet"
}

it "sysfs tells who opened the device, and how often it is open" sysfs_opens
sysfs_opens() {
	hold /dev/bsdtun0
	[[ $(attribute bsdtun0 opens) == 1 ]]
	[[ $(attribute bsdtun0 pid) == "$BASHPID" ]]
	let_go
	[[ $(attribute bsdtun0 opens) == 0 ]]
	[[ $(attribute bsdtun0 pid) == 0 ]]
}

it "What only tells cannot be written" sysfs_read_only
sysfs_read_only() {
	local name

	touch_unit /dev/bsdtun0
	for name in unit pid queues opens; do
		not attribute bsdtun0 "$name" 1
	done
	[[ $(attribute bsdtun0 unit) == 0 ]]
}

it "What belongs to the interface outlives close" properties_stay
properties_stay() {
	hold /dev/bsdtun0
	attribute bsdtun0 mode broadcast
	attribute bsdtun0 owner 1000
	ip link set bsdtun0 mtu 1280 txqueuelen 17
	let_go
	hold /dev/bsdtun0
	[[ $(attribute bsdtun0 mode) == broadcast ]]
	[[ $(attribute bsdtun0 owner) == 1000 ]]
	[[ $(</sys/class/net/bsdtun0/mtu) == 1280 ]]
	[[ $(</sys/class/net/bsdtun0/tx_queue_len) == 17 ]]
}

run "$@"
