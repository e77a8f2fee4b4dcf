#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Interfaces that move between network namespaces, and namespaces that end, as ip(8) has
# it. (netns.c has what takes two namespaces in one process.)

cd "$(dirname "$0")" || exit
. ./lib.sh

# has NAMESPACE INTERFACE: for not and wait_for.
has() {
	ip -n "bsdtun-$1" link show "$2" >"$scratch/link" 2>&1
}

it "ip link add netns makes the interface there" add_there
add_there() {
	namespace a
	ip link add bsdtun0 netns bsdtun-a type bsdtun
	[[ ! -e /sys/class/net/bsdtun0 ]]
	has a bsdtun0
	hold /dev/bsdtun0
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

it "An interface moves while it is open, there and back, and carries packets each time" move_while_open
move_while_open() {
	namespace a b c
	touch_unit /dev/bsdtun0
	touch_unit /dev/bsdtun1
	pump /dev/bsdtun0 /dev/bsdtun1
	ip -batch - <<-END
		link set bsdtun0 netns bsdtun-a
		link set bsdtun1 netns bsdtun-b
	END
	address a bsdtun0 198.51.100.1 198.51.100.2
	address b bsdtun1 198.51.100.2 198.51.100.1
	"${in_a[@]}" "${ping[@]}" 198.51.100.2

	ip -n bsdtun-a link set bsdtun0 netns bsdtun-c
	not has a bsdtun0
	address c bsdtun0 198.51.100.1 198.51.100.2
	"${in_c[@]}" "${ping[@]}" 198.51.100.2

	ip -n bsdtun-c link set bsdtun0 netns bsdtun-a
	address a bsdtun0 198.51.100.1 198.51.100.2
	"${in_a[@]}" "${ping[@]}" 198.51.100.2
	"${in_b[@]}" "${ping[@]}" 198.51.100.1
}

ping=(ping -q -c 2 -i 0.2 -W 30)

# address NAMESPACE INTERFACE ADDRESS PEER
address() {
	ip -n "bsdtun-$1" -batch - <<-END
		addr add $3 peer $4 dev $2
		link set $2 up
	END
}

it "What belongs to the interface moves with it" move_properties
move_properties() {
	namespace a
	hold /dev/bsdtun0
	attribute bsdtun0 owner 1000
	attribute bsdtun0 group 2000
	attribute bsdtun0 mode broadcast
	attribute bsdtun0 framing af
	ip link set bsdtun0 mtu 1280 txqueuelen 17
	ip link set bsdtun0 netns bsdtun-a
	shows "BROADCAST.* mtu 1280 .* qlen 17" ip -n bsdtun-a link show bsdtun0
	[[ $(ip netns exec bsdtun-a sh -c "cd /sys/class/net/bsdtun0/bsdtun &&
		cat owner group mode framing opens") == "1000
2000
broadcast
af
1" ]]
}

it "An interface does not move where its name is taken, and goes on where it is" move_refused
move_refused() {
	namespace a
	touch_unit /dev/bsdtun1
	ip link set bsdtun1 name bsdtun0
	ip link set bsdtun0 netns bsdtun-a
	hold /dev/bsdtun0
	refused "exists" ip link set bsdtun0 netns bsdtun-a
	[[ $(attribute bsdtun0 opens) == 1 ]]
	[[ $(attribute bsdtun0 unit) == 0 ]]
}

it "A reader that sleeps when its namespace ends gets EIO" end_with_reader
end_with_reader() {
	namespace a
	hold /dev/bsdtun0
	ip link set bsdtun0 netns bsdtun-a up
	start into "$scratch/reader" dd bs=2048 count=1 <&"$held"
	wait_for sleeps "$started"
	ip netns del bsdtun-a
	wait_for ended "$started"
	says "$scratch/reader" "Input/output error"
}

it "The namespace ends, and its interfaces with it, though their devices are open" end_while_open
end_while_open() {
	namespace a
	hold /dev/bsdtun0
	ip -batch - <<-END
		link add bsdtun-here type veth peer name there netns bsdtun-a
		link set bsdtun0 netns bsdtun-a
	END
	[[ -e /sys/class/net/bsdtun-here ]]
	ip netns del bsdtun-a
	# A veth goes when its peer has gone.
	wait_for not [ -e /sys/class/net/bsdtun-here ]
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

it "An interface that was renamed in a namespace ends with it" end_of_renamed
end_of_renamed() {
	namespace a
	hold /dev/bsdtun0
	ip -batch - <<-END
		link set bsdtun0 netns bsdtun-a name foo
	END
	ip netns del bsdtun-a
	wait_for gone_for "$held"
	touch_unit /dev/bsdtun0
	[[ -e /sys/class/net/bsdtun0 && ! -e /sys/class/net/foo ]]
}

gone_for() { [[ $(write_to "$1" x 2>&1) == *"Input/output error"* ]]; }

it "Interfaces end with the namespace, and none comes to the first one" end_of_closed
end_of_closed() {
	namespace a
	touch_unit /dev/bsdtun0
	touch_unit /dev/bsdtun1
	ip -batch - <<-END
		link set bsdtun0 netns bsdtun-a
		link set bsdtun1 netns bsdtun-a
	END
	ip netns del bsdtun-a
	wait_for comes_home 0
	wait_for comes_home 1
	[[ $(echo /sys/class/net/dev*) == "/sys/class/net/dev*" ]]
}

it "A unit that stands in another namespace is taken up there, by who may" take_up_elsewhere
take_up_elsewhere() {
	namespace a b
	touch_unit /dev/bsdtun0
	ip link set bsdtun0 netns bsdtun-a
	ip -n bsdtun-a link set bsdtun0 up
	start "${in_b[@]}" sh -c "exec sleep 1000 <>/dev/bsdtun0"
	wait_for shows LOWER_UP ip -n bsdtun-a link show bsdtun0
	not has b bsdtun0
	refused "Device or resource busy" touch_unit /dev/bsdtun0
}

it "An open in a namespace makes the interface there" open_there
open_there() {
	namespace a
	"${in_a[@]}" sh -c ": <>/dev/bsdtun0"
	has a bsdtun0
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

run "$@"
