#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Bugs of other tunnel drivers whose triggers are tools: rmmod, tc, tunnels. (checklist.c has
# the others; Documentation/checklist.md tells what happened there.)

cd "$(dirname "$0")" || exit
. ./lib.sh

it "Unload while a file is open, with its interface and without, is refused" bug_rmmod_while_file_is_open
bug_rmmod_while_file_is_open() {
	hold /dev/bsdtun0
	ip link set bsdtun0 up
	refused "is in use" rmmod bsdtun
	ip link del bsdtun0
	refused "is in use" rmmod bsdtun
	let_go
	rmmod bsdtun
}

it "Unload with sysfs files of an interface open: they say that it is gone" bug_rmmod_while_sysfs_file_is_open
bug_rmmod_while_sysfs_file_is_open() {
	local attribute fd fds=() said

	touch_unit /dev/bsdtun0
	for attribute in mtu bsdtun/owner bsdtun/pid queues/tx-0/tx_timeout; do
		exec {fd}</sys/class/net/bsdtun0/"$attribute"
		fds+=("$fd")
	done
	rmmod bsdtun
	for fd in "${fds[@]}"; do
		refused "No such device" cat <&"$fd"
		exec {fd}<&-
	done
	modprobe bsdtun
	touch_unit /dev/bsdtun0
	said=$(attribute bsdtun0 opens)
	[[ $said == 0 ]]
}

it "Unload while links are dumped, and their statistics" bug_rmmod_while_netlink_dumps
bug_rmmod_while_netlink_dumps() {
	local i

	start into "$scratch/links" bash -c "while :; do ip -d -s link show; done"
	start into "$scratch/statistics" bash -c "while :; do ethtool -S bsdtun0; cat /proc/net/dev; done"
	for i in {1..3}; do
		modprobe bsdtun
		touch_unit /dev/bsdtun0
		touch_unit /dev/bsdtun1
		ip link set bsdtun0 up
		wait_for unload
	done
	says "$scratch/links" "bsdtun0"
}

it "Nodes that are opened as the module goes" bug_tap_cdev_owner
bug_tap_cdev_owner() {
	local i

	# Not for writing, which would make a file where the node has gone; with pauses, or the
	# module would be in use all the time.
	start into "$scratch/opener" bash -c \
		"while :; do { : </dev/bsdtun0; } 2>&-; read -r -t 0.05 -u $never; done"
	for i in {1..5}; do
		wait_for unload
		modprobe bsdtun
	done
}

# A bare tunnel: units 0 and 1 in namespaces a and b, and a wire.
wire() {
	namespace a b
	touch_unit /dev/bsdtun0
	touch_unit /dev/bsdtun1
	ip -batch - <<-END
		link set bsdtun0 netns bsdtun-a
		link set bsdtun1 netns bsdtun-b
	END
	pump /dev/bsdtun0 /dev/bsdtun1
	ip -n bsdtun-a -batch - <<-END
		addr add 198.51.100.1 peer 198.51.100.2 dev bsdtun0
		link set bsdtun0 up
	END
	ip -n bsdtun-b -batch - <<-END
		addr add 198.51.100.2 peer 198.51.100.1 dev bsdtun1
		link set bsdtun1 up
	END
}

it "A tunnel in the tunnel, and what happens when its way leads through itself" bug_xmit_recursion_stacked_tunnels
bug_xmit_recursion_stacked_tunnels() {
	wire
	by_udp a /dev/bsdtun2 198.51.100.1 198.51.100.2
	by_udp b /dev/bsdtun3 198.51.100.2 198.51.100.1
	ip -n bsdtun-a -batch - <<-END
		addr add 203.0.113.1 peer 203.0.113.2 dev bsdtun2
		link set bsdtun2 up
	END
	# What goes round grows with each turn.
	tc -n bsdtun-a qdisc replace dev bsdtun2 root pfifo limit 10
	ip -n bsdtun-b -batch - <<-END
		addr add 203.0.113.2 peer 203.0.113.1 dev bsdtun3
		link set bsdtun3 up
	END
	"${in_a[@]}" ping -q -c 3 -i 0.2 -W 30 -s 4000 203.0.113.2

	ip -n bsdtun-a route add 198.51.100.2 dev bsdtun2 metric 1
	ip -n bsdtun-a route del 198.51.100.2 dev bsdtun0 metric 0
	not "${in_a[@]}" ping -q -c 3 -i 0.2 -W 1 203.0.113.2
	ip -n bsdtun-a route add 198.51.100.2 dev bsdtun0
	wait_for "${in_a[@]}" ping -q -c 1 -W 5 203.0.113.2
}

# Where the kernel has ESP, as stock ones do.
if modprobe -nq esp4; then
	it "A packet in the ring that came through ESP keeps no state of it" bug_queued_packet_holds_xfrm_state
fi
bug_queued_packet_holds_xfrm_state() {
	local esp

	namespace a
	ip link add bsdtun-wire type veth peer name bsdtun-wire netns bsdtun-a
	touch_unit /dev/bsdtun0
	hold /dev/bsdtun0
	ip -batch - <<-END
		addr add 198.51.100.1/24 dev bsdtun0
		link set bsdtun0 up
		addr add 192.0.2.1/24 dev bsdtun-wire
		link set bsdtun-wire up
	END
	ip -n bsdtun-a -batch - <<-END
		addr add 192.0.2.2/24 dev bsdtun-wire
		link set bsdtun-wire up
		route add 198.51.100.0/24 via 192.0.2.1
	END
	echo 1 >/proc/sys/net/ipv4/conf/bsdtun-wire/forwarding
	echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
	echo 0 >/proc/sys/net/ipv4/conf/bsdtun-wire/rp_filter
	esp="aead rfc4106(gcm(aes)) 0x$(printf '%040d' 7) 128"
	# shellcheck disable=SC2086 # several words
	for in in "" "-n bsdtun-a"; do
		ip $in xfrm state add src 192.0.2.2 dst 192.0.2.1 proto esp spi 1 mode tunnel $esp
	done
	ip xfrm policy add src 192.0.2.2 dst 198.51.100.0/24 dir fwd \
		tmpl src 192.0.2.2 dst 192.0.2.1 proto esp mode tunnel
	ip -n bsdtun-a xfrm policy add src 192.0.2.2 dst 198.51.100.0/24 dir out \
		tmpl src 192.0.2.2 dst 192.0.2.1 proto esp mode tunnel
	"${in_a[@]}" bash -c 'echo >/dev/udp/198.51.100.2/9'
	wait_for shows $'\n[^\n]*bsdtun0:( +[0-9]+){9} +1 ' cat /proc/net/dev
	ip xfrm policy flush
	ip xfrm state flush
	ip netns del bsdtun-a
	wait_for modprobe -r esp4
	shows $'\n[^\n]*bsdtun0:( +[0-9]+){9} +1 ' cat /proc/net/dev
}

it "Two interfaces that tc sends round in a circle" bug_xmit_recursion_mirred
bug_xmit_recursion_mirred() {
	touch_unit /dev/bsdtun1
	hold /dev/bsdtun1
	touch_unit /dev/bsdtun0
	hold /dev/bsdtun0
	ip -batch - <<-END
		addr add 198.51.100.1 peer 198.51.100.2 dev bsdtun0
		link set bsdtun0 up
		link set bsdtun1 up
	END
	tc -batch - <<-END
		qdisc add dev bsdtun0 clsact
		qdisc add dev bsdtun1 clsact
		filter add dev bsdtun0 egress matchall action mirred egress redirect dev bsdtun1
		filter add dev bsdtun1 egress matchall action mirred egress redirect dev bsdtun0
	END
	not ping -q -c 5 -i 0.2 -W 1 198.51.100.2
	tc filter del dev bsdtun1 egress
	not ping -q -c 1 -W 1 198.51.100.2
	# It stood in the other's ring then.
	[[ $(head -c 84 <&"${holds[0]}" | wc -c) == 84 ]]
}

run "$@"
