#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The programs of tools/: what answers pings, what writes pcap-ng, and what carries packets
# over UDP.

cd "$(dirname "$0")" || exit
. ./lib.sh

tools=../../..

# unit N: configure the interface of a unit that a program has opened, without what IPv6 sends
# unasked.
unit() {
	wait_for ip link show "bsdtun$1"
	echo 0 >"/proc/sys/net/ipv6/conf/bsdtun$1/router_solicitations"
	ip -batch - <<-END
		link set bsdtun$1 addrgenmode none
		addr add 198.51.100.1 peer 198.51.100.2 dev bsdtun$1
		addr add 2001:db8::1/64 dev bsdtun$1 nodad
		link set bsdtun$1 up
	END
}

it "bsdtun-reflect answers pings of both families, of every size, with a fresh TTL" reflect
reflect() {
	local size

	start into "$scratch/reflect" "$tools/bsdtun-reflect" /dev/bsdtun0
	unit 0
	[[ $(<"$scratch/reflect") == bsdtun0 ]]
	for size in 0 1 56 1452; do
		shows " 0% packet loss" ping -q -c 1 -W 30 -s "$size" 198.51.100.2
		shows " 0% packet loss" ping -q -c 1 -W 30 -s "$size" 2001:db8::2
	done
	# ping shows the answer's.
	shows "ttl=64" ping -n -c 1 -W 30 -t 3 198.51.100.2
	shows "ttl=64" ping -n -c 1 -W 30 -t 3 2001:db8::2
}

it "bsdtun-reflect answers nothing but pings to one host" reflect_others
reflect_others() {
	start into "$scratch/reflect" "$tools/bsdtun-reflect" /dev/bsdtun0
	unit 0
	not ping -q -c 1 -W 1 -I bsdtun0 224.0.0.1
	echo >/dev/udp/198.51.100.2/7000
	# Fragments, of which only the first says what they are
	not ping -q -c 1 -W 1 -s 2000 198.51.100.2
	# It is still there.
	ping -q -c 1 -W 30 198.51.100.2
	[[ $(</sys/class/net/bsdtun0/statistics/rx_packets) == 1 ]]
}

it "bsdtun-dump writes pcap-ng that tcpdump reads, packet for packet as sent" dump
dump() {
	local said begin=$EPOCHSECONDS

	start "$tools/bsdtun-dump" /dev/bsdtun0 "$scratch/pcapng"
	unit 0
	not ping -q -c 2 -i 0.2 -W 1 -s 57 198.51.100.2
	not ping -q -c 1 -W 1 -s 1000 2001:db8::2
	wait_for dumped 3
	said=$(recorded 2>&1)
	[[ $said =~ "link-type RAW" ]]
	[[ $said =~ "IP 198.51.100.1 > 198.51.100.2: ICMP echo request, id "[0-9]+", seq 1, length 65" ]]
	[[ $said =~ "IP 198.51.100.1 > 198.51.100.2: ICMP echo request, id "[0-9]+", seq 2, length 65" ]]
	[[ $said =~ "IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, id "[0-9]+", seq 1, length 1008" ]]
	# Their times are of now.
	said=$(recorded -tt)
	((${said%%.*} <= EPOCHSECONDS && ${said%%.*} >= begin - 1))
}

# recorded OPTION...: the pings in the file, a line each.
recorded() { tcpdump -Z root -n "$@" -r "$scratch/pcapng" "icmp[0] = 8 or ip6[40] = 128"; }

# dumped COUNT: for wait_for: the file holds so many.
dumped() { [[ $(recorded | wc -l) == "$1" ]]; }

it "bsdtun-dump writes to a pipe what was sent, as it is sent" dump_pipe
dump_pipe() {
	start into "$scratch/dump" bash -c \
		"$tools/bsdtun-dump /dev/bsdtun0 | tcpdump -Z root -l -n -r - icmp"
	unit 0
	not ping -q -c 1 -W 1 198.51.100.2
	wait_for says "$scratch/dump" "ICMP echo request"
}

it "Each says what is wrong with its device, and ends" wrong
wrong() {
	local program

	hold /dev/bsdtun0
	for program in reflect dump; do
		refused "^bsdtun-$program: /dev/bsdtun0: Device or resource busy$" \
			"$tools/bsdtun-$program" /dev/bsdtun0
		refused "^bsdtun-$program: /dev/bsdtun5000: No such file or directory$" \
			"$tools/bsdtun-$program" /dev/bsdtun5000
		refused "^bsdtun-$program: /dev/null: TUNSIFHEAD: Inappropriate ioctl for device$" \
			"$tools/bsdtun-$program" /dev/null
		refused "^usage: bsdtun-$program device" "$tools/bsdtun-$program"
	done
	let_go
	start into "$scratch/reflect" "$tools/bsdtun-reflect" /dev/bsdtun0
	unit 0
	ip link del bsdtun0
	wait_for ended "$started"
	says "$scratch/reflect" "bsdtun-reflect: read from /dev/bsdtun0: Input/output error"
}

it "bsdtun-relay joins two units, both families" relay
relay() {
	namespace a
	start into "$scratch/relay0" "$tools/bsdtun-relay" -b 127.0.0.1 -p 2600 /dev/bsdtun0 127.0.0.1 2601
	start into "$scratch/relay1" "$tools/bsdtun-relay" -b 127.0.0.1 -p 2601 /dev/bsdtun1 127.0.0.1 2600
	unit 0
	wait_for ip link show bsdtun1
	ip link set lo up
	ip link set bsdtun1 netns bsdtun-a
	ip -n bsdtun-a -batch - <<-END
		addr add 198.51.100.2 peer 198.51.100.1 dev bsdtun1
		addr add 2001:db8::2/64 dev bsdtun1 nodad
		link set bsdtun1 up
	END
	ping -q -c 1 -W 30 198.51.100.2
	ping -q -c 1 -W 30 2001:db8::2
	kill -INT "$started"
	wait_for ended "$started"
	says "$scratch/relay1" "bsdtun1 <-> 127.0.0.1 port 2600"
	says "$scratch/relay1" "bsdtun1 -> 127.0.0.1: [0-9]+ packets, [0-9]+ bytes, 0 dropped"
}

# Of a kernel tree they are no part.
if [[ ! -x $tools/bsdtun-reflect ]]; then
	ktap_print_header
	ktap_skip_all "needs bsdtun's tools/"
	exit "$KSFT_SKIP"
fi
run "$@"
