#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The cases that the BSDs' own test suites have for tun(4), by their names there.
# (OpenBSD's is in checklist.c; Documentation/checklist.md has the table.)

cd "$(dirname "$0")" || exit
. ./lib.sh

# FreeBSD: tests/sys/net/if_tun_test.sh

it "FreeBSD if_tun_test 235704: created in a jail, renamed, destroyed" freebsd_if_tun_235704
freebsd_if_tun_235704() {
	namespace a
	"${in_a[@]}" sh -c ": <>/dev/bsdtun0"
	ip -n bsdtun-a link set bsdtun0 name foo
	ip -n bsdtun-a link del foo
	hides "foo|bsdtun0" ip -n bsdtun-a link show
	touch_unit /dev/bsdtun0
	[[ $(attribute bsdtun0 unit) == 0 ]]
}

it "FreeBSD if_tun_test basic: a ping through two devices that nc joins by UDP" freebsd_if_tun_basic
freebsd_if_tun_basic() {
	namespace a b
	ip link add bsdtun-here netns bsdtun-a type veth peer name bsdtun-there netns bsdtun-b
	ip -n bsdtun-a -batch - <<-END
		addr add 192.0.2.1/24 dev bsdtun-here
		link set bsdtun-here up
	END
	ip -n bsdtun-b -batch - <<-END
		addr add 192.0.2.2/24 dev bsdtun-there
		link set bsdtun-there up
	END
	by_udp a /dev/bsdtun0 192.0.2.1 192.0.2.2
	by_udp b /dev/bsdtun1 192.0.2.2 192.0.2.1
	peers a bsdtun0 10.100.0.1 10.100.0.2
	peers b bsdtun1 10.100.0.2 10.100.0.1
	"${in_a[@]}" ping -q -c 3 -i 0.2 -W 30 10.100.0.2
}

# peers NAMESPACE INTERFACE ADDRESS PEER
peers() {
	ip -n "bsdtun-$1" -batch - <<-END
		addr add $3 peer $4 dev $2
		link set $2 up
	END
}

it "FreeBSD if_tun_test transient: TUNSTRANSIENT, close, gone" freebsd_if_tun_transient
freebsd_if_tun_transient() {
	local TUNSTRANSIENT=0x40047462

	socat -u /dev/null "OPEN:/dev/bsdtun0,ioctl-intp=$TUNSTRANSIENT:0"
	[[ -e /sys/class/net/bsdtun0 ]]
	socat -u /dev/null "OPEN:/dev/bsdtun0,ioctl-intp=$TUNSTRANSIENT:1"
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

# FreeBSD: tests/sys/net/if_clone_test.sh. There each goes on for ten seconds.

# lines COUNT LINE...: the lines, so many times.
lines() {
	local i count=$1
	shift

	for ((i = 0; i < count; i++)); do
		printf '%s\n' "$@"
	done
}

# failures FILE: how many lines of a batch failed.
failures() { grep -c "^Command failed" "$1" || true; }

# created_again COUNT LINES: for wait_for: of so many interfaces, made by so many lines each, more
# than one was made, and so one was destroyed. It may take a while until both have their turn.
created_again() {
	ip -force -batch "$scratch/create" >"$scratch/created" 2>&1 || true
	(($(failures "$scratch/created") < $1 * $2 - $2))
}

# stress COUNT LINE...: what creates an interface, again and again, against what destroys it;
# each loses now and then.
stress() {
	local count=$1
	shift

	lines "$count" "$@" >"$scratch/create"
	lines 2000 "link del group 7" >"$scratch/destroy"
	start into "$scratch/destroyed" bash -c "while :; do ip -force -batch $scratch/destroy; done"
	wait_for says "$scratch/destroyed" "Command failed"
	wait_for created_again "$count" "$#"
	kill "$started"
	wait "$started" || true
	ip -force -batch - <<<"link del group 7" || true
	hold /dev/bsdtun0
	[[ $(attribute bsdtun0 opens) == 1 ]]
}

it "FreeBSD if_clone_test tun_stress: create against destroy" freebsd_if_clone_tun_stress
freebsd_if_clone_tun_stress() {
	stress 400 "link add bsdtun0 group 7 type bsdtun"
}

it "FreeBSD if_clone_test tun_up_stress: create and up against destroy" freebsd_if_clone_tun_up_stress
freebsd_if_clone_tun_up_stress() {
	stress 20 "link add bsdtun0 group 7 type bsdtun" "addr add 192.0.2.1 peer 192.0.2.2 dev bsdtun0" \
		"link set bsdtun0 up"
}

it "FreeBSD if_clone_test tun_ipv6_up_stress: the same with IPv6" freebsd_if_clone_tun_ipv6_up_stress
freebsd_if_clone_tun_ipv6_up_stress() {
	stress 20 "link add bsdtun0 group 7 type bsdtun" "link set bsdtun0 up" \
		"addr add 2001:db8::1/64 dev bsdtun0"
}

# NetBSD: tests/net/if_tun/t_tun.sh

it "NetBSD t_tun tun_create_destroy: bare, with an address of each family, up" netbsd_t_tun_create_destroy
netbsd_t_tun_create_destroy() {
	local line

	for line in "link set bsdtun0 up" "addr add 10.0.0.1/24 dev bsdtun0" \
		"addr add 2001:db8::1/64 dev bsdtun0"; do
		ip link add bsdtun0 type bsdtun
		ip link del bsdtun0
		ip -batch - <<-END
			link add bsdtun0 type bsdtun
			$line
			link set bsdtun0 up
			link del bsdtun0
		END
		[[ ! -e /sys/class/net/bsdtun0 ]]
	done
}

it "NetBSD t_tun tun_setup: addresses with a peer, and a host route to it" netbsd_t_tun_setup
netbsd_t_tun_setup() {
	namespace a b
	ip -batch - <<-END
		link add bsdtun0 netns bsdtun-a type bsdtun
		link add bsdtun1 netns bsdtun-b type bsdtun
	END
	hold /dev/bsdtun0
	hold /dev/bsdtun1
	peers a bsdtun0 10.0.0.1 10.0.0.2
	peers b bsdtun1 10.0.0.2 10.0.0.1
	shows "inet 10\.0\.0\.1 peer 10\.0\.0\.2/32" ip -n bsdtun-a addr show dev bsdtun0
	shows "10\.0\.0\.2 .*src 10\.0\.0\.1" ip -n bsdtun-a route show dev bsdtun0
	shows "inet 10\.0\.0\.2 peer 10\.0\.0\.1/32" ip -n bsdtun-b addr show dev bsdtun1
	shows "10\.0\.0\.1 .*src 10\.0\.0\.2" ip -n bsdtun-b route show dev bsdtun1
}

run "$@"
