#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# What the packages promise, on a machine that runs them: called by start.sh.

cd "$(dirname "$0")" || exit
# Before lib.sh loads it.
loaded_at_boot=$([[ ! -e /sys/module/bsdtun/initstate ]] || echo yes)
# shellcheck source=../bsdtun/lib.sh
. ./lib.sh
# shellcheck source=left.sh
. ./left.sh

member=(runuser -u member --)
alice=(runuser -u alice --)
stranger=(runuser -u stranger --)
# shellcheck disable=SC2016 # for the shell that it is given to
open='exec {fd}<>"$0"'

it "the module is loaded at boot, and it is the one that DKMS built" boot
boot() {
	[[ $loaded_at_boot ]]
	[[ $(modinfo -n bsdtun) == */updates/dkms/* ]]
}

# node NODE OWNER:GROUP MODE: a node is so, once udev has done what it has to do.
node() {
	udevadm settle
	[[ -c $1 && $(stat -c '%U:%G %a' "$1") == "$2 $3" ]]
}

it "nodes have their group and mode, also those that come later" nodes
nodes() {
	local unit

	for unit in {0..7}; do
		node "/dev/bsdtun$unit" root:bsdtun 660
	done
	reload units=1
	node /dev/bsdtun0 root:bsdtun 660
	echo 9 >/sys/module/bsdtun/parameters/units
	node /dev/bsdtun8 root:bsdtun 660
}

it "the cloning node is root's alone" cloning_node
cloning_node() {
	reload clone=1
	node /dev/bsdtun0 root:bsdtun 660
	node /dev/bsdtun root:root 600
}

it "ip link add loads the module" autoload
autoload() {
	wait_for unload
	ip link add bsdtun3 type bsdtun
	[[ $(attribute bsdtun3 unit) == 3 ]]
	node /dev/bsdtun3 root:bsdtun 660
}

it "a stranger is not let at a node, whatever the interface says" not_a_member
not_a_member() {
	ip link add bsdtun0 type bsdtun
	attribute bsdtun0 owner "$(id -u stranger)"
	node /dev/bsdtun0 root:bsdtun 660
	refused "Permission denied" "${stranger[@]}" bash -c "$open" /dev/bsdtun0
}

it "a member is let at a node, but at no interface that is not his" not_his
not_his() {
	node /dev/bsdtun0 root:bsdtun 660
	refused "Operation not permitted" "${member[@]}" bash -c "$open" /dev/bsdtun0
	ip link add bsdtun0 type bsdtun
	refused "Operation not permitted" "${member[@]}" bash -c "$open" /dev/bsdtun0
	attribute bsdtun0 owner "$(id -u stranger)"
	refused "Operation not permitted" "${member[@]}" bash -c "$open" /dev/bsdtun0
}

it "a member reads and writes the tunnel that root made for the group" member_uses
member_uses() {
	node /dev/bsdtun0 root:bsdtun 660
	ip link add bsdtun0 type bsdtun
	attribute bsdtun0 owner "$(id -u member)"
	attribute bsdtun0 group "$(stat -c %g /dev/bsdtun0)"
	ip addr add 10.0.0.1 peer 10.0.0.2 dev bsdtun0
	ip link set bsdtun0 up
	start into "$scratch/reflect" "${member[@]}" /check/packages/reflect /dev/bsdtun0
	wait_for says "$scratch/reflect" ready
	shows ' 0% packet loss' ping -c 3 10.0.0.2
}

it "a member's bsdtun-relay joins two networks" relay
relay() {
	local unit

	namespace b
	for unit in 0 1; do
		node "/dev/bsdtun$unit" root:bsdtun 660
		ip link add "bsdtun$unit" type bsdtun
		attribute "bsdtun$unit" owner "$(id -u member)"
	done
	ip link set bsdtun1 netns bsdtun-b
	start into "$scratch/left" "${member[@]}" \
		bsdtun-relay -b 127.0.0.1 -p 5000 /dev/bsdtun0 127.0.0.1 5001
	start into "$scratch/right" "${member[@]}" \
		bsdtun-relay -b 127.0.0.1 -p 5001 /dev/bsdtun1 127.0.0.1 5000
	wait_for says "$scratch/left" bsdtun0
	wait_for says "$scratch/right" bsdtun1
	ip addr add 10.0.0.1 peer 10.0.0.2 dev bsdtun0
	ip link set bsdtun0 up
	ip -n bsdtun-b addr add 10.0.0.2 peer 10.0.0.1 dev bsdtun1
	ip -n bsdtun-b link set bsdtun1 up
	shows ' 0% packet loss' ping -c 3 10.0.0.2
}

examples=/usr/share/doc/bsdtun-dkms/examples

# alice_reflects NODE: alice opens an interface that was configured, and answers what comes.
alice_reflects() {
	node "$1" root:bsdtun 660
	rm -f "$scratch/reflect"
	start into "$scratch/reflect" "${alice[@]}" /check/packages/reflect "$1"
	wait_for says "$scratch/reflect" ready
}

it "systemd-networkd configures an interface as the example says, and anew after the last close" networkd
networkd() {
	cp "$examples/bsdtun0.service" /etc/systemd/system/
	cp "$examples/bsdtun0.network" /etc/systemd/network/
	systemctl daemon-reload
	systemctl enable --now systemd-networkd bsdtun0
	wait_for shows '10\.0\.0\.1 peer 10\.0\.0\.2/32' ip addr show up dev bsdtun0
	# A boot does not wait until somebody opens it.
	grep -x REQUIRED_FOR_ONLINE=no "/run/systemd/netif/links/$(</sys/class/net/bsdtun0/ifindex)"

	alice_reflects /dev/bsdtun0
	wait_for shows ' 0% packet loss' ping -c 1 -W 2 10.0.0.2
	kill -KILL -- "-$started"
	wait_for shows '<NO-CARRIER,.*,UP>' ip link show bsdtun0
	alice_reflects /dev/bsdtun0
	wait_for shows ' 0% packet loss' ping -c 1 -W 2 10.0.0.2

	systemctl disable --now bsdtun0
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

it "ifup and ifdown make, configure and delete an interface as the example says" ifupdown
ifupdown() {
	cp "$examples/bsdtun1" /etc/network/interfaces.d/
	ifup bsdtun1
	alice_reflects /dev/bsdtun1
	shows ' 0% packet loss' ping -c 3 10.0.1.2
	ifdown bsdtun1
	[[ ! -e /sys/class/net/bsdtun1 ]]
}

# An out-of-tree module (4096) with the signature of a key that is not enrolled (8192).
it "the kernel is tainted by nothing but the module" untainted
untainted() {
	local tainted

	tainted=$(</proc/sys/kernel/tainted)
	(((tainted & ~(4096 | 8192)) == 0))
}

it "unloaded and purged, the packages leave nothing" purge
purge() {
	rm -f /etc/systemd/{system,network,system/multi-user.target.wants}/bsdtun0.* \
		/etc/network/interfaces.d/bsdtun1
	wait_for unload
	apt-get -qq --yes purge bsdtun-dkms bsdtun-dev bsdtun-tools
	nothing_left
	refused "not found" modprobe bsdtun
	[[ ! -e /dev/bsdtun0 ]]
}

useradd --groups bsdtun member
useradd --groups bsdtun alice
useradd stranger
run "$@"
