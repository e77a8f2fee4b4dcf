#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Real traffic: two network namespaces, a and b, joined by a tunnel whose ends are units 0
# and 1, and a process that carries packets from one to the other.

cd "$(dirname "$0")" || exit
. ./lib.sh

set_up() {
	namespace a b
	# Nothing that is sent unasked.
	"${in_a[@]}" sh -c "echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitations"
	"${in_b[@]}" sh -c "echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitations"
	touch_unit /dev/bsdtun0
	touch_unit /dev/bsdtun1
	# Both versions of IP, and thus a word that tells them apart.
	attribute bsdtun0 framing af
	attribute bsdtun1 framing af
	ip -batch - <<-END
		link set bsdtun0 netns bsdtun-a
		link set bsdtun1 netns bsdtun-b
	END
	pump /dev/bsdtun0 /dev/bsdtun1
	ip -n bsdtun-a -batch - <<-END
		link set lo up
		addr add 198.51.100.1 peer 198.51.100.2 dev bsdtun0
		addr add 2001:db8::1/64 dev bsdtun0 nodad
		link set bsdtun0 up
	END
	ip -n bsdtun-b -batch - <<-END
		link set lo up
		addr add 198.51.100.2 peer 198.51.100.1 dev bsdtun1
		addr add 2001:db8::2/64 dev bsdtun1 nodad
		link set bsdtun1 up
	END
}

# pings ADDRESS SIZE...: one echo of each size comes back, its bytes as they were.
pings() {
	local address=$1 size
	shift

	for size; do
		"${in_a[@]}" ping -q -c 1 -W 30 -s "$size" "$address"
	done
}

it "IPv4 echoes of 56 to 60,000 bytes come back" ping4
ping4() { pings 198.51.100.2 56 1472 1473 20000 60000; }

it "IPv6 echoes of 56 to 60,000 bytes come back" ping6
ping6() { pings 2001:db8::2 56 1452 1453 20000 60000; }

it "Link-local IPv6 echoes come back" ping6_link_local
ping6_link_local() {
	ip -n bsdtun-a addr add fe80::1/64 dev bsdtun0 nodad
	"${in_b[@]}" ping -q -c 1 -W 30 fe80::1%bsdtun1
}

# transfer FAMILY ADDRESS BYTES COMMAND...: TCP both ways at once; the command runs meanwhile.
transfer() {
	local family=$1 address=$2 bytes=$3 client server
	shift 3

	head -c "$bytes" /dev/urandom >"$scratch/of_a"
	head -c "$bytes" /dev/urandom >"$scratch/of_b"
	start "${in_b[@]}" socat -t 30 "OPEN:$scratch/of_b!!CREATE:$scratch/to_b" \
		"TCP$family-LISTEN:7000,reuseaddr"
	server=$started
	start "${in_a[@]}" socat -t 30 "OPEN:$scratch/of_a!!CREATE:$scratch/to_a" \
		"TCP$family:$address:7000,retry=600,interval=0.1"
	client=$started
	"$@"
	wait "$client"
	wait "$server"
	cmp "$scratch/of_a" "$scratch/to_b"
	cmp "$scratch/of_b" "$scratch/to_a"
}

it "TCP over IPv4 carries 2 MB each way, every byte as it was" tcp4
tcp4() { transfer 4 198.51.100.2 2M true; }

it "TCP over IPv6 carries 2 MB each way, every byte as it was" tcp6
tcp6() { transfer 6 '[2001:db8::2]' 2M true; }

it "TCP outlives changes of the MTU under way" mtu_change
mtu_change() { transfer 4 198.51.100.2 2M change_mtus; }

change_mtus() {
	local mtu

	for mtu in 1280 9000 2000 1500; do
		ip -n bsdtun-a link set bsdtun0 mtu "$mtu"
		ip -n bsdtun-b link set bsdtun1 mtu "$mtu"
	done
}

# One may go back: fq_codel lets a packet past itself when it is empty, stopped queue or not.
it "The packet that fills the ring stops the queue: the qdisc gets none back" stops
stops() {
	ip -n bsdtun-a link set bsdtun0 txqueuelen 4
	tc -n bsdtun-a qdisc replace dev bsdtun0 root fq_codel
	kill -STOP "$pump"
	# The qdisc hands over as many packets at once as have the limit's number of bytes, 128 on
	# s390x, and gets those back for which there is no slot: each of these is longer.
	"${in_a[@]}" ping -q -c 12 -l 12 -s 200 -W 1 198.51.100.2 || true
	kill -CONT "$pump"
	shows "requeues [01][^0-9]" tc -n bsdtun-a -s qdisc show dev bsdtun0
	shows "tx_dropped_full: 0" "${in_a[@]}" ethtool -S bsdtun0
	tc -n bsdtun-a qdisc del dev bsdtun0 root
	ip -n bsdtun-a link set bsdtun0 txqueuelen 500
}

it "tbf shapes what the reader gets" tbf
tbf() {
	local begin end

	tc -n bsdtun-a qdisc replace dev bsdtun0 root tbf rate 2mbit burst 8kb latency 1s
	head -c 250000 /dev/zero >"$scratch/of_a"
	start "${in_b[@]}" socat -u TCP4-LISTEN:7000,reuseaddr "CREATE:$scratch/to_b"
	begin=${EPOCHREALTIME/./}
	"${in_a[@]}" socat -u "OPEN:$scratch/of_a" TCP4:198.51.100.2:7000,retry=600,interval=0.1
	wait "$started"
	end=${EPOCHREALTIME/./}
	tc -n bsdtun-a qdisc del dev bsdtun0 root
	cmp "$scratch/of_a" "$scratch/to_b"
	# A second if all 250,000 bytes went at the full rate; a small part without.
	echo "$((end - begin)) us"
	((end - begin > 900000))
	((end - begin < 60000000))
}

# burst COUNT: that many numbered datagrams from a to b, while nobody reads the device. What
# arrives when it is read again goes to $scratch/numbers. They all have to fit into the
# sender's buffer: 200 do on x86, and not on s390x, whose cache lines are of 256 bytes.
burst() {
	local i

	start into "$scratch/numbers" "${in_b[@]}" socat -u UDP4-RECV:7000 -
	wait_for bound "$started"
	kill -STOP "$pump"
	"${in_a[@]}" bash -c "exec 3>/dev/udp/198.51.100.2/7000
		for ((i = 1; i <= $1; i++)); do echo \$i >&3; done"
	kill -CONT "$pump"
	# Of another flow, or one too many for the qdisc, before that.
	wait_for shows "backlog 0b 0p" tc -n bsdtun-a -s qdisc show dev bsdtun0
	"${in_a[@]}" bash -c "echo end >/dev/udp/198.51.100.2/7000"
	wait_for says "$scratch/numbers" end
}

# bound PID: for wait_for: a process has a socket on UDP port 7000.
bound() { [[ $(<"/proc/$1/net/udp") == *:1B58* ]]; }

no_drops_in_the_driver() {
	hides "tx_dropped_(full|purged|no_reader): [1-9]" "${in_a[@]}" ethtool -S bsdtun0
}

# numbers COUNT: those from 1 on, a line each.
numbers() {
	local i

	for ((i = 1; i <= $1; i++)); do
		echo "$i"
	done
}

it "A burst longer than the ring is kept whole, and in order, by fq_codel while the reader is slow" fq_codel
fq_codel() {
	ip -n bsdtun-a link set bsdtun0 txqueuelen 16
	tc -n bsdtun-a qdisc replace dev bsdtun0 root fq_codel target 1000s
	burst 100
	[[ $(<"$scratch/numbers") == "$(numbers 100)"$'\nend' ]]
	shows "dropped 0," tc -n bsdtun-a -s qdisc show dev bsdtun0
	no_drops_in_the_driver
	tc -n bsdtun-a qdisc del dev bsdtun0 root
	ip -n bsdtun-a link set bsdtun0 txqueuelen 500
}

it "What does not fit into pfifo's limit, and nothing else, is dropped by it" pfifo
pfifo() {
	local said sent

	ip -n bsdtun-a link set bsdtun0 txqueuelen 4
	tc -n bsdtun-a qdisc replace dev bsdtun0 root pfifo limit 10
	burst 100
	said=$(<"$scratch/numbers")
	# Four in the ring, ten in the qdisc, and perhaps one on its way.
	sent=${said//[^$'\n']/}
	sent=${#sent}
	((sent == 14 || sent == 15))
	[[ $said == "$(numbers "$sent")"$'\nend' ]]
	shows "dropped $((100 - sent))," tc -n bsdtun-a -s qdisc show dev bsdtun0
	no_drops_in_the_driver
	tc -n bsdtun-a qdisc del dev bsdtun0 root
	ip -n bsdtun-a link set bsdtun0 txqueuelen 500
}

it "tcpdump sees both directions, with addresses and bytes as they are" tcpdump_both
tcpdump_both() {
	start into "$scratch/dump" "${in_a[@]}" tcpdump -Z root -l -n --immediate-mode -c 4 -i bsdtun0 \
		"icmp or ip6[40] = 128 or ip6[40] = 129"
	wait_for says "$scratch/dump" "listening on bsdtun0, link-type RAW"
	pings 198.51.100.2 56
	pings 2001:db8::2 56
	wait "$started"
	says "$scratch/dump" "IP 198.51.100.1 > 198.51.100.2: ICMP echo request, .*length 64"
	says "$scratch/dump" "IP 198.51.100.2 > 198.51.100.1: ICMP echo reply, .*length 64"
	says "$scratch/dump" "IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, .*length 64"
	says "$scratch/dump" "IP6 2001:db8::2 > 2001:db8::1: ICMP6, echo reply, .*length 64"
}

it "What one interface counts as sent, the other counts as received" counters
counters() {
	local before after

	before=$(count b bsdtun1 RX)
	pings 198.51.100.2 56
	after=$(count b bsdtun1 RX)
	# Packets and bytes; the word before the packet is none of them.
	[[ $after == "$((${before% *} + 84)) $((${before#* } + 1))" ]]
	[[ $(count a bsdtun0 TX) == "$after" ]]
}

# count NAMESPACE INTERFACE RX|TX: "BYTES PACKETS"
count() {
	local said

	said=$(ip -n "bsdtun-$1" -s link show "$2")
	[[ $said =~ $3:[^$'\n']*$'\n'\ *([0-9]+)\ +([0-9]+) ]]
	echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
}

it "Routes of both families go when the link goes down, and packets pass when it is up again" link_down
link_down() {
	ip -n bsdtun-a -batch - <<-END
		route add 203.0.113.0/24 dev bsdtun0
		route add 2001:db8:1::/48 dev bsdtun0
	END
	shows 203.0.113.0 ip -n bsdtun-a -4 route show dev bsdtun0
	shows 2001:db8:1:: ip -n bsdtun-a -6 route show dev bsdtun0
	ip -n bsdtun-a link set bsdtun0 down
	[[ -z $(ip -n bsdtun-a -4 route show dev bsdtun0) ]]
	[[ -z $(ip -n bsdtun-a -6 route show dev bsdtun0) ]]
	ip -n bsdtun-a -batch - <<-END
		link set bsdtun0 up
		addr replace 2001:db8::1/64 dev bsdtun0 nodad
	END
	pings 198.51.100.2 56
	pings 2001:db8::2 56
}

# The last: it ends the process that carries the packets.
it "Routes of both families and IPv6 addresses go when the device is closed, IPv4 addresses stay" close
close() {
	ip -n bsdtun-a -batch - <<-END
		route add 203.0.113.0/24 dev bsdtun0
		route add 2001:db8:1::/48 dev bsdtun0
	END
	kill "$pump"
	wait_for ended "$pump"
	[[ -z $(ip -n bsdtun-a -4 route show dev bsdtun0) ]]
	[[ -z $(ip -n bsdtun-a -6 route show dev bsdtun0) ]]
	shows "198.51.100.1" ip -n bsdtun-a -4 addr show dev bsdtun0
	[[ -z $(ip -n bsdtun-a -6 addr show dev bsdtun0) ]]
}

run "$@"
