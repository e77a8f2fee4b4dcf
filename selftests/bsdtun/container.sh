#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Containers of a user who is nobody special: a user, network, mount and process namespace
# of their own each, and in /dev what was bound into it. (privilege.c has who may do what
# from one namespace to another; netns.sh and netns.c have network namespaces by themselves.)

cd "$(dirname "$0")" || exit
. ./lib.sh

alice=1000

# container NAME [NODE[:AS]]...: start a container of alice's, to whom these nodes are given,
# with what its programs need of /dev. "${in_NAME[@]}" goes before a command for its root,
# "${net_NAME[@]}" before one for the machine's root in its network. Of its first process,
# whose end is the container's, the process id is in ${init[NAME]}.
container() {
	local name=$1 node
	shift

	# Its interfaces end after it, in the kernel's own time.
	departing=yes
	for node; do
		chown "$alice" "${node%:*}"
	done
	rm -f "$scratch/container-$name"
	start into "$scratch/container-$name" \
		setpriv --reuid="$alice" --regid="$alice" --clear-groups -- \
		unshare --user --map-root-user --net --mount --pid --fork --kill-child \
		bash -c 'live "$@"' container "$@"
	wait_for says "$scratch/container-$name" ready
	init[$name]=$(pgrep -P "$started")
	declare -g -a "in_$name=(nsenter --target ${init[$name]} --user --net --mount --pid --)" \
		"net_$name=(nsenter --target ${init[$name]} --net --)"
}
declare -A init
net_a=() net_b=()

# What its first process does.
live() {
	local node

	set -e
	mount -t sysfs sysfs /sys
	mount -t tmpfs tmpfs /run
	for node in /dev/null "$@"; do
		: >"/run/${node##*/}"
		mount --bind "${node%:*}" "/run/${node##*/}"
	done
	mount --rbind /run /dev
	ip link set lo up
	echo ready
	exec sleep 1000
}
export -f live

# address INTERFACE ADDRESS PEER [COMMAND]...: configure an interface where the command leads.
address() {
	"${@:4}" ip addr add "$2" peer "$3" dev "$1"
	"${@:4}" ip link set "$1" up
}

ping=(ping -q -c 2 -i 0.2 -W 30)

it "Who may open a node has a tunnel between containers of his own, without any other right" tunnel
tunnel() {
	local dir=$scratch/sockets

	chmod 711 "$scratch"
	install -d -o "$alice" "$dir"
	container a /dev/bsdtun0
	container b /dev/bsdtun1:/dev/bsdtun0
	# Through sockets in a directory, as the two have no network in common.
	start into "$scratch/socat-a" "${in_a[@]}" socat -b 65536 \
		OPEN:/dev/bsdtun0 "UNIX-SENDTO:$dir/b,bind=$dir/a"
	start into "$scratch/socat-b" "${in_b[@]}" socat -b 65536 \
		OPEN:/dev/bsdtun0 "UNIX-SENDTO:$dir/a,bind=$dir/b"
	wait_for [ -S "$dir/a" ]
	wait_for [ -S "$dir/b" ]
	# The node has another name in there, the interface has not.
	wait_for "${in_a[@]}" ip link show bsdtun0
	wait_for "${in_b[@]}" ip link show bsdtun1
	address bsdtun0 198.51.100.1 198.51.100.2 "${in_a[@]}"
	address bsdtun1 198.51.100.2 198.51.100.1 "${in_b[@]}"
	"${in_a[@]}" "${ping[@]}" 198.51.100.2
	[[ ! -e /sys/class/net/bsdtun0 && ! -e /sys/class/net/bsdtun1 ]]
}

it "Without CAP_NET_ADMIN a program in a container opens the interface that is its user's" owner
owner() {
	local bare=(setpriv --bounding-set=-all --inh-caps=-all)

	container a /dev/bsdtun0
	ip link add bsdtun0 type bsdtun
	ip link set bsdtun0 netns "${init[a]}"
	refused "Operation not permitted" "${in_a[@]}" "${bare[@]}" bash -c ': <>/dev/bsdtun0'
	"${net_a[@]}" ip link set bsdtun0 netns "$$"
	attribute bsdtun0 owner "$alice"
	ip link set bsdtun0 netns "${init[a]}"
	address bsdtun0 198.51.100.1 198.51.100.2 "${net_a[@]}"
	start "${in_a[@]}" "${bare[@]}" bash -c 'exec sleep 1000 <>/dev/bsdtun0'
	wait_for shows LOWER_UP "${net_a[@]}" ip link show bsdtun0
}

it "An open interface goes into a container, serves it, comes back and outlives it" there_and_back
there_and_back() {
	container a
	container b
	pump /dev/bsdtun0 /dev/bsdtun1
	ip link set bsdtun0 netns "${init[a]}"
	ip link set bsdtun1 netns "${init[b]}"
	address bsdtun0 198.51.100.1 198.51.100.2 "${in_a[@]}"
	address bsdtun1 198.51.100.2 198.51.100.1 "${in_b[@]}"
	"${in_a[@]}" "${ping[@]}" 198.51.100.2

	"${net_a[@]}" ip link set bsdtun0 netns "$$"
	kill -KILL "${init[a]}"
	wait_for ended "${init[a]}"
	[[ $(attribute bsdtun0 opens) == 1 ]]
	address bsdtun0 198.51.100.1 198.51.100.2
	"${ping[@]}" 198.51.100.2
}

it "A container that dies with its daemon leaves the unit to the next one" dies_with_daemon
dies_with_daemon() {
	container a /dev/bsdtun0
	start "${in_a[@]}" bash -c 'exec sleep 1000 <>/dev/bsdtun0'
	wait_for "${net_a[@]}" ip link show bsdtun0
	kill -KILL "${init[a]}"
	wait_for ended "$started"

	container b /dev/bsdtun0
	# What the first one had may not have gone yet.
	wait_for "${in_b[@]}" bash -c ': <>/dev/bsdtun0'
	"${net_b[@]}" ip link show bsdtun0
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

# It opens the node in the container's network, and goes home with the open file.
it "A daemon outside reads EIO when the container dies, and the unit is free though it keeps the file" dies_before_daemon
dies_before_daemon() {
	container a /dev/bsdtun0
	# shellcheck disable=SC2016 # for the shell that it is given to
	start into "$scratch/daemon" "${net_a[@]}" bash -c 'exec nsenter "$0" "$@" <>/dev/bsdtun0' \
		"--net=/proc/$$/ns/net" bash -c "dd bs=2048 count=1; exec sleep 1000"
	wait_for "${net_a[@]}" ip link show bsdtun0
	wait_for [ "/proc/$started/ns/net" -ef /proc/self/ns/net ]
	kill -KILL "${init[a]}"
	wait_for says "$scratch/daemon" "Input/output error"
	wait_for comes_home 0
	[[ "/proc/$started/fd/0" -ef /dev/bsdtun0 ]]
}

# As it was before.
trap 'chown 0:0 /dev/bsdtun[0-9]*' EXIT
run "$@"
