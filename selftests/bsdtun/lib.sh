# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Shared by the shell tests: cases and how they are run, assertions, waiting, namespaces.
# Sourced, never run.
#
# A test is a list of cases, each announced by its title:
#
#	it "ip link add makes an interface" add
#	add() {
#		ip link add bsdtun0 type bsdtun
#	}
#	run "$@"
#
# A case is a function that ends in success. It runs in a subshell under set -e, and may
# put files into $scratch; what it ran is shown if it fails, and what it leaves behind is
# removed. If there is a function set_up, all cases share what that makes.
#
# Under an emulator a process takes a tenth of a second to start, so what bash can do by
# itself is left to it.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2119,SC2120 # used by those who source this

set -u
# shellcheck source=/dev/null
. ../kselftest/ktap_helpers.sh

titles=()
functions=()
background=()
holds=()
# Set by a case whose processes have network namespaces of their own.
departing=
reloaded=

it() {
	titles+=("$1")
	functions+=("$2")
}

# run [-t CASE]: all cases, or the one of this function name.
run() {
	local i line log only='' status

	if [[ ${1:-} == -t ]]; then
		only=$2
	fi
	ktap_print_header
	if ((EUID != 0)); then
		ktap_skip_all "needs root"
		exit "$KSFT_SKIP"
	fi
	if ! modprobe bsdtun || [[ ! -e /sys/module/bsdtun/initstate ]]; then
		ktap_skip_all "needs bsdtun as a module"
		exit "$KSFT_SKIP"
	fi
	if [[ $only ]]; then
		ktap_set_plan 1
	else
		ktap_set_plan "${#titles[@]}"
	fi
	scratch=$(mktemp -d)
	log=$scratch/log
	mkfifo "$scratch/never"
	exec {never}<>"$scratch/never"
	if declare -F set_up >/dev/null; then
		set_up
	fi
	for i in "${!titles[@]}"; do
		if [[ $only && ${functions[i]} != "$only" ]]; then
			continue
		fi
		run_case "${functions[i]}" >"$log" 2>&1
		status=$?
		if ((status == 0)); then
			ktap_test_pass "${titles[i]}"
		else
			while read -r line; do
				echo "# $line"
			done <"$log"
			ktap_test_fail "${titles[i]}"
		fi
	done
	clean_up
	rm -rf "$scratch"
	ktap_finished
}

run_case() (
	exec {BASH_XTRACEFD}>&1
	if declare -F set_up >/dev/null; then
		disown_processes
		trap end_processes EXIT
	else
		trap clean_up EXIT
	fi
	set -euo pipefail -x
	"$1"
)

disown_processes() { background=(); }

end_processes() {
	{ set +ex; } 2>/dev/null
	if ((${#background[@]})); then
		kill -KILL -- "${background[@]/#/-}"
		wait "${background[@]}"
	fi
} >/dev/null 2>&1

# Leave nothing behind: no process, no interface, no namespace, no parameter.
clean_up() {
	local ended=$departing namespace unit

	end_processes
	while ((${#holds[@]})); do
		let_go
	done
	for namespace in /run/netns/bsdtun-*; do
		if [[ -e $namespace ]]; then
			ip netns del "${namespace##*/}"
			ended=yes
		fi
	done
	if [[ $reloaded || ! -e /sys/module/bsdtun ]]; then
		reload
	fi
	remove_interfaces
	if [[ $ended ]]; then
		# The units that tests use there come home when they have gone.
		for unit in 0 1 2; do
			wait_for comes_home "$unit"
		done
		remove_interfaces
	fi
} >/dev/null 2>&1

comes_home() { touch_unit "/dev/bsdtun$1" && [[ -e /sys/class/net/bsdtun$1 ]]; }

# Let a last close delete the interfaces, which is cheap, and ip what is left.
remove_interfaces() {
	local path name

	for path in /sys/class/net/*/bsdtun; do
		name=${path#/sys/class/net/}
		name=${name%/*}
		if [[ -e $path ]]; then
			attribute "$name" transient 1
			touch_unit "/dev/bsdtun$(attribute "$name" unit)"
		fi
		if [[ -e $path ]]; then
			ip link del "$name"
		fi
	done
}

# reload [PARAMETER=VALUE]...: load the module afresh with these parameters. It may
# still be in use for a moment, by a process or a namespace that is on its way out.
reload() {
	wait_for unload
	modprobe bsdtun "$@"
	reloaded=yes
}

unload() { [[ ! -e /sys/module/bsdtun ]] || rmmod bsdtun; }

# not COMMAND...: the command fails. (! COMMAND does not count for set -e.)
not() {
	if "$@"; then
		echo "succeeded, and should not have: $*" >&2
		return 1
	fi
}

# refused PATTERN COMMAND...: the command fails, and says why in words that match.
refused() {
	local pattern=$1 said
	shift

	if said=$("$@" 2>&1); then
		echo "not refused: $*" >&2
		return 1
	fi
	if ! [[ $said =~ $pattern ]]; then
		echo "refused, but not for \"$pattern\": $said" >&2
		return 1
	fi
}

# shows PATTERN COMMAND...: the command succeeds, and its output matches.
shows() {
	local pattern=$1 said
	shift

	said=$("$@") || return
	if ! [[ $said =~ $pattern ]]; then
		echo "no \"$pattern\" in: $said" >&2
		return 1
	fi
}

# hides PATTERN COMMAND...: the command succeeds, and its output does not match.
hides() {
	local pattern=$1 said
	shift

	said=$("$@") || return
	if [[ $said =~ $pattern ]]; then
		echo "\"$pattern\" is in: $said" >&2
		return 1
	fi
}

# wait_for COMMAND...: until the command succeeds, a minute at most.
wait_for() {
	local - end=$((SECONDS + 60))

	set +x
	until "$@" 2>/dev/null; do
		if ((SECONDS > end)); then
			echo "waited in vain for: $*" >&2
			return 1
		fi
		read -r -t 0.02 -u "$never" || true
	done
}

# says FILE PATTERN: for wait_for: what a command has written to a file matches.
says() { [[ -e $1 && $(<"$1") =~ $2 ]]; }

# sleeps PID: for wait_for: a process waits in a system call.
sleeps() {
	local call=

	read -r call _ <"/proc/$1/syscall" || return
	[[ $call =~ ^[0-9] ]]
}

# ended PID: for wait_for: a process is no more, or waits to be waited for, all its files closed.
ended() {
	local stat

	read -r stat <"/proc/$1/stat" || return 0
	[[ ${stat##*) } == [ZX]* ]]
}

# namespace NAME...: make network namespaces, bsdtun-NAME each.
namespace() {
	local name

	for name in "$@"; do
		ip netns add "bsdtun-$name"
	done
}

# What goes before a command that is to run in a namespace. (ip netns exec takes longer: it
# mounts a sysfs as well.)
in_a=(nsenter --net=/run/netns/bsdtun-a --)
in_b=(nsenter --net=/run/netns/bsdtun-b --)
in_c=(nsenter --net=/run/netns/bsdtun-c --)

# attribute INTERFACE NAME [VALUE]: read, or write, what /sys/class/net knows of it.
attribute() {
	local file=/sys/class/net/$1/bsdtun/$2

	if (($# == 3)); then
		echo "$3" >"$file"
	else
		echo "$(<"$file")"
	fi
}

# touch_unit NODE: open and close a device, which leaves its interface.
touch_unit() {
	[[ -c $1 ]] || return
	: <>"$1"
}

# hold NODE: open a device, as file $held, until the case ends. let_go: close the last one.
hold() {
	[[ -c $1 ]] || return
	exec {held}<>"$1"
	holds+=("$held")
}

let_go() {
	local fd=${holds[-1]}

	exec {fd}>&-
	unset "holds[-1]"
}

# write_to FD TEXT: one write(2).
write_to() { echo "$2" >&"$1"; }

# start COMMAND...: run a command in the background, in a process group of its own,
# until the case ends, with the stdin that start has. Its process id is in $started.
start() {
	set -m
	"$@" <&0 &
	set +m
	started=$!
	background+=("$started")
}

# into FILE COMMAND...: for start.
into() {
	local file=$1
	shift
	exec "$@" >"$file" 2>&1
}

# pump NODE NODE: carry packets between two units until the case ends. Its process id
# is in $pump.
pump() {
	start into "$scratch/pump" ./pump "$@"
	pump=$started
	wait_for says "$scratch/pump" ready
}

# by_udp NAMESPACE NODE ADDRESS PEER: in a namespace, carry packets between a unit and port
# 2600 of a peer until the case ends.
by_udp() {
	start into "$scratch/by_udp-$1" nsenter "--net=/run/netns/bsdtun-$1" -- socat -b 65536 \
		"UDP4-DATAGRAM:$4:2600,bind=$3:2600" "OPEN:$2"
	wait_for ip -n "bsdtun-$1" link show "${2#/dev/}"
}
