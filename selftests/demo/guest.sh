#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The demo's story, told in a guest: what "run" beside it shows. Each command is printed as one
# would type it, then run. The first that does not do what the story says ends it, with status 1.

set -uo pipefail

work=$(mktemp -d)
cd "$work" || exit
output=$work/output	# what the last command said
jobs=()			# background programs, by process id

heading() { printf '\n=== %s\n\n' "$*"; }

tell() { printf '%s\n' "$@"; }

fail() {
	printf '\nThe demo failed: %s.\n' "$*"
	exit 1
}

# A command as typed at a prompt.
enter() {
	printf '# %s\n' "$1"
	eval "$1" 2>&1 | tee "$output" || fail "\"$1\" did not succeed"
}

# The same for one that stays: its output goes to a file of that name.
enter_background() {
	local name=$1
	printf '# %s &\n' "$2"
	eval "exec $2" >"$name" 2>&1 &
	jobs+=($!)
}

# Until a command succeeds, ten seconds at most.
await() {
	local i
	for ((i = 0; i < 100; i++)); do
		eval "$1" >/dev/null 2>&1 && return
		sleep 0.1
	done
	fail "waited in vain for: $1"
}

# Of what the last command said, a line must match.
expect() { grep -qE -- "$1" "$output" || fail "$2"; }

stop_jobs() {
	kill "${jobs[@]}" 2>/dev/null
	wait "${jobs[@]}" 2>/dev/null
	jobs=()
}

# ping ADDRESS: three packets there and back, none lost.
ping_right() {
	enter "ip netns exec left ping -c 3 $1"
	expect ' 0% packet loss' "ping to $1 lost packets"
}

# fetch ADDRESS: a file over HTTP, which must come as it is there.
fetch() {
	rm -f copy
	enter "ip netns exec left curl --silent --show-error -o copy http://$1/file"
	enter "cmp copy www/file && echo same"
	expect '^same$' "the file fetched differs"
}

measure() {
	enter_background iperf3.log "ip netns exec right iperf3 --server --one-off"
	await "ip netns exec right ss -Hltn sport = :5201 | grep -q ."
	enter "ip netns exec left iperf3 --client $1 --time 2"
	expect '([1-9]|0\.[0-9]*[1-9])[0-9.]* [KMG]?Bytes .*receiver' "iperf3 moved nothing"
}

tell "This is Linux $(uname -r) in a virtual machine."

heading "1. The driver"
tell "It is loaded, and there are devices, as on a BSD. Nothing else exists so far: an" \
	"interface comes into being when its device is opened."
enter "modprobe bsdtun units=2"
enter "ls -l /dev/bsdtun0 /dev/bsdtun1"

heading "2. Two hosts and a wire"
tell "Two network namespaces play two hosts, left and right. A veth pair is the wire between" \
	"them. It knows nothing of the addresses 10.0.0.1 and 10.0.0.2, which the tunnel will have."
enter "ip netns add left"
enter "ip netns add right"
enter "ip link add wire netns left type veth peer name wire netns right"
enter "ip -n left addr add 192.0.2.1/24 dev wire"
enter "ip -n right addr add 192.0.2.2/24 dev wire"
enter "ip -n left link set wire up"
enter "ip -n right link set wire up"

heading "3. A tunnel by socat"
tell "socat knows nothing of tun: it opens a file, and copies between it and a UDP socket. That" \
	"is all it takes, as one read is one packet out and one write is one packet in."
enter_background left.log \
	"ip netns exec left socat -b 65535 OPEN:/dev/bsdtun0 UDP:192.0.2.2:5555,bind=192.0.2.1:5555"
enter_background right.log \
	"ip netns exec right socat -b 65535 OPEN:/dev/bsdtun1 UDP:192.0.2.1:5555,bind=192.0.2.2:5555"
await "ip -n left link show bsdtun0"
await "ip -n right link show bsdtun1"
tell "" "Each open has made an interface, in the namespace of the program that opened. They get" \
	"addresses; the MTU leaves room for the 28 bytes of IP and UDP around each packet."
enter "ip -n left addr add 10.0.0.1 peer 10.0.0.2 dev bsdtun0"
enter "ip -n right addr add 10.0.0.2 peer 10.0.0.1 dev bsdtun1"
enter "ip -n left link set bsdtun0 mtu 1472 up"
enter "ip -n right link set bsdtun1 mtu 1472 up"

tell "" "Ping goes through, and tcpdump watches on the right."
enter_background tcpdump.log \
	"ip netns exec right tcpdump --immediate-mode -l -n -t -i bsdtun1 -c 4 icmp"
await "grep 'listening on' tcpdump.log"
ping_right 10.0.0.2
await "grep '4 packets captured' tcpdump.log"
tell "" "What tcpdump saw:"
enter "cat tcpdump.log"
expect '10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo request' "tcpdump saw no request"
expect '10\.0\.0\.2 > 10\.0\.0\.1: ICMP echo reply' "tcpdump saw no reply"

tell "" "A web server on the right, a client on the left, and a megabyte of noise between them."
enter "mkdir www && dd if=/dev/urandom of=www/file bs=64k count=16 status=none"
enter "ip netns exec right busybox httpd -h www"
fetch 10.0.0.2

tell "" "And as fast as it goes. The processor is emulated: read nothing into the figure."
measure 10.0.0.2

tell "" "The programs end, and with them the tunnel: the interfaces stay, but are down."
stop_jobs
enter "ip -n left -br link show bsdtun0"
expect 'bsdtun0 +DOWN' "bsdtun0 is not down after its last close"

heading "4. The same by bsdtun-relay, with IPv6"
tell "The relay asks the device for each packet's address family (the ioctl TUNSIFHEAD), so that" \
	"IPv6 passes as well. It is a few hundred lines of C, in tools/relay.c."
PATH=/bsdtun/tools:$PATH
enter_background left.log \
	"ip netns exec left bsdtun-relay -b 192.0.2.1 /dev/bsdtun0 192.0.2.2 5555"
enter_background right.log \
	"ip netns exec right bsdtun-relay -b 192.0.2.2 /dev/bsdtun1 192.0.2.1 5555"
await "grep bsdtun0 left.log && grep bsdtun1 right.log"
enter "ip -n left link set bsdtun0 up"
enter "ip -n right link set bsdtun1 up"
enter "ip -n left addr add fd00::1 peer fd00::2 dev bsdtun0 nodad"
enter "ip -n right addr add fd00::2 peer fd00::1 dev bsdtun1 nodad"
ping_right 10.0.0.2
ping_right fd00::2
fetch 10.0.0.2
fetch "[fd00::2]"
measure fd00::2

heading "5. What it has come to"
tell "The interface as ip(8) shows it, with all that has gone through:"
enter "ip -n left -d -s link show bsdtun0"
expect 'bsdtun ' "ip does not call bsdtun0 a bsdtun"
tell "" "The reasons for which the driver drops packets, each with its count. tx_dropped_family is" \
	"the IPv6 that the kernel sent of its own accord while socat, which cannot take it, read:"
enter "ip netns exec left ethtool -S bsdtun0"
tell "" "And what the relay says for itself when it is told to end:"
stop_jobs
enter "cat left.log"
expect '^bsdtun0 -> 192\.0\.2\.2: [1-9][0-9]* packets' "the relay sent nothing"
expect '^192\.0\.2\.2 -> bsdtun0: [1-9][0-9]* packets' "the relay received nothing"

tell "" "Nothing has a device open any more: the driver can go, and takes the interfaces along."
enter "modprobe -r bsdtun"
enter "ip -n left -br link"
! grep -q bsdtun "$output" || fail "the driver went and left its interface behind"

heading "The demo worked"
tell "Ping, HTTP and iperf3 went through /dev/bsdtun0 and /dev/bsdtun1: over IPv4 by socat, over" \
	"IPv4 and IPv6 by bsdtun-relay. No ping was lost, and each file fetched was the same."
