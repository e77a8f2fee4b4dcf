#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Load and unload, and the module's parameters.

cd "$(dirname "$0")" || exit
. ./lib.sh

parameters=/sys/module/bsdtun/parameters

# nodes: how many units have a node, counted as BSD programs do, up to the first that has none.
nodes() {
	local unit=0

	while [[ -c /dev/bsdtun$unit ]]; do
		unit=$((unit + 1))
	done
	echo "$unit"
}

# no_node: there is not one node, nor anything else of that name.
no_node() { [[ $(echo /dev/bsdtun*) == "/dev/bsdtun*" ]]; }

it "Without parameters there are eight nodes of mode 0600, no cloning node, and no debug messages" defaults
defaults() {
	local mode

	reload
	[[ $(nodes) == 8 ]]
	[[ ! -e /dev/bsdtun ]]
	stat -c '%F %a %U' -- /dev/bsdtun* >"$scratch/modes"
	while read -r mode; do
		[[ $mode == "character special file 600 root" ]]
	done <"$scratch/modes"
	[[ $(<$parameters/units) == 8 ]]
	[[ $(<$parameters/name) == bsdtun ]]
	[[ $(<$parameters/clone) == N ]]
	[[ $(<$parameters/debug) == 0 ]]
}

it "modinfo describes every parameter, and an alias lets ip load the module" info
info() {
	local said

	said=$(modinfo bsdtun)
	[[ $said =~ parm:\ +units: ]]
	[[ $said =~ parm:\ +name: ]]
	[[ $said =~ parm:\ +clone: ]]
	[[ $said =~ parm:\ +debug: ]]
	[[ $said =~ alias:\ +rtnl-link-bsdtun ]]
	[[ $said =~ license:\ +.*GPL ]]
	[[ $said =~ description:\ +[^$'\n'] ]]
}

it "ip link add type bsdtun loads the module" autoload
autoload() {
	wait_for unload
	ip link add type bsdtun
	[[ -e /sys/module/bsdtun ]]
	[[ $(attribute bsdtun0 unit) == 0 ]]
}

it "Unload is refused while a device is open, and its interface stands" unload_refused
unload_refused() {
	hold /dev/bsdtun0
	refused "is in use" rmmod bsdtun
	[[ $(attribute bsdtun0 opens) == 1 ]]
	[[ $(</sys/module/bsdtun/refcnt) == 1 ]]
	let_go
	[[ $(</sys/module/bsdtun/refcnt) == 0 ]]
	rmmod bsdtun
}

it "Unload is refused while a file whose interface is gone is open" unload_refused_without_interface
unload_refused_without_interface() {
	hold /dev/bsdtun0
	ip link del bsdtun0
	refused "is in use" rmmod bsdtun
	let_go
	rmmod bsdtun
}

it "A refused open keeps nothing in use" refused_open
refused_open() {
	hold /dev/bsdtun0
	not touch_unit /dev/bsdtun0
	[[ $(</sys/module/bsdtun/refcnt) == 1 ]]
}

it "Nodes, interfaces and the link kind vanish at unload" unload_removes
unload_removes() {
	touch_unit /dev/bsdtun0
	touch_unit /dev/bsdtun1
	ip link set bsdtun1 name vpn up
	rmmod bsdtun
	no_node
	[[ ! -e /sys/class/net/bsdtun0 && ! -e /sys/class/net/vpn ]]
	[[ ! -e /sys/module/bsdtun ]]
}

it "Unload deletes interfaces in other namespaces too" unload_removes_elsewhere
unload_removes_elsewhere() {
	namespace a
	touch_unit /dev/bsdtun0
	ip link set bsdtun0 netns bsdtun-a up
	rmmod bsdtun
	hides bsdtun0 ip -n bsdtun-a link show
}

it "Ten loads and unloads with interfaces standing and up, and the kernel log is silent" load_unload
load_unload() {
	local i

	echo "bsdtun selftest: load and unload" >/dev/kmsg
	for i in {1..10}; do
		rmmod bsdtun
		modprobe bsdtun
		touch_unit /dev/bsdtun0
		touch_unit /dev/bsdtun1
		ip link set bsdtun1 up
	done
	[[ $(nodes) == 8 ]]
	hides "WARNING|BUG|Call Trace|refcount|leaked" log_since "load and unload"
}

# log_since TEXT: the kernel log from the last line that has it.
log_since() {
	local said

	said=$(dmesg)
	echo "${said##*"$1"}"
}

it "units sets how many nodes there are, and the next one is ENOENT" units
units() {
	reload units=3
	[[ $(nodes) == 3 ]]
	[[ $(<$parameters/units) == 3 ]]
	[[ ! -e /dev/bsdtun3 ]]
	refused "Error: .*units" ip link add bsdtun3 type bsdtun
	ip link add bsdtun2 type bsdtun
}

it "units may be 0: no node" units_0
units_0() {
	reload units=0
	no_node
	[[ $(<$parameters/units) == 0 ]]
	refused "Error: .*units" ip link add type bsdtun
	echo 1 >$parameters/units
	touch_unit /dev/bsdtun0
}

it "units grows at run time, and interfaces and open files stay" units_grow
units_grow() {
	reloaded=yes
	hold /dev/bsdtun7
	echo 12 >$parameters/units
	[[ $(nodes) == 12 ]]
	[[ $(<$parameters/units) == 12 ]]
	[[ $(attribute bsdtun7 opens) == 1 ]]
	touch_unit /dev/bsdtun11
	[[ $(attribute bsdtun11 unit) == 11 ]]
	echo 12 >$parameters/units
}

it "units does not shrink, nor take what is no number of units: EINVAL" units_bad
units_bad() {
	local text

	for text in 7 0 4097 -1 99999999999 many ""; do
		refused "Invalid argument|out of range" into_parameter units "$text"
		[[ $(<$parameters/units) == 8 ]]
	done
	[[ $(nodes) == 8 ]]
}

into_parameter() { echo "$2" >"$parameters/$1"; }

it "With more units than there are minor numbers the nodes that can be made stay, and the log names the first that cannot" minors
minors() {
	local count

	wait_for unload
	echo "bsdtun selftest: minors" >/dev/kmsg
	modprobe bsdtun units=200
	reloaded=yes
	count=$(nodes)
	((count > 50))
	touch_unit "/dev/bsdtun$((count - 1))"
	[[ ! -e /dev/bsdtun$count ]]
	if ((count < 200)); then
		shows "bsdtun.*\\<$count\\>" log_since "selftest: minors"
	else
		[[ $(<$parameters/units) == 200 ]]
	fi
	ip link del "bsdtun$((count - 1))"
}

it "A bad units parameter, or one of another kind, refuses to load" units_bad_load
units_bad_load() {
	local parameter

	for parameter in units=4097 units=-1 units=many units= units; do
		load_refused "$parameter"
	done
	modprobe bsdtun
}

# load_refused PARAMETER: the module does not load with it, and leaves nothing.
load_refused() {
	wait_for unload
	refused "Invalid argument|out of range" modprobe bsdtun "$1"
	[[ ! -e /sys/module/bsdtun ]]
	no_node
}

it "name=tun names nodes and interfaces: a BSD program finds /dev/tun0 and tun0" name_tun
name_tun() {
	reload name=tun
	[[ -c /dev/tun0 && -c /dev/tun7 && ! -e /dev/tun8 && ! -e /dev/bsdtun0 ]]
	touch_unit /dev/tun0
	[[ $(attribute tun0 unit) == 0 ]]
	ip link add tun5 type bsdtun
	[[ $(attribute tun5 unit) == 5 ]]
	ip link add type bsdtun
	[[ $(attribute tun1 unit) == 1 ]]
	ip link add bsdtun7 type bsdtun
	[[ $(attribute bsdtun7 unit) == 2 ]]
	refused "Error: .*units" ip link add tun8 type bsdtun
}

it "name may have eleven characters" name_long
name_long() {
	reload name=elevenchars
	touch_unit /dev/elevenchars7
	[[ $(attribute elevenchars7 unit) == 7 ]]
}

it "A name that is too long, empty, ends in a digit or is no interface's name refuses to load" name_bad
name_bad() {
	local name

	for name in twelve_chars "" tun0 a/b .. a:b a%d; do
		load_refused "name=$name"
	done
	modprobe bsdtun
}

it "name and clone cannot be changed once the module is loaded" name_read_only
name_read_only() {
	[[ $(stat -c %a $parameters/name $parameters/clone) == $'444\n444' ]]
}

it "clone=1 makes the cloning node, of mode 0600, which opens the lowest unit that has no interface" clone_lowest
clone_lowest() {
	reload clone=1
	[[ $(nodes) == 8 ]]
	[[ $(stat -c '%F %a %U' /dev/bsdtun) == "character special file 600 root" ]]
	touch_unit /dev/bsdtun0
	touch_unit /dev/bsdtun2
	hold /dev/bsdtun
	[[ $(attribute bsdtun1 opens) == 1 ]]
	refused "Device or resource busy" touch_unit /dev/bsdtun1
	hold /dev/bsdtun
	[[ $(attribute bsdtun3 opens) == 1 ]]
}

it "The cloning node passes a unit whose name another interface has" clone_past_name
clone_past_name() {
	reload clone=1
	touch_unit /dev/bsdtun5
	ip link set bsdtun5 name bsdtun0
	refused "File exists" touch_unit /dev/bsdtun0
	hold /dev/bsdtun
	[[ $(attribute bsdtun1 opens) == 1 ]]
}

it "What the cloning node makes is transient, unless told otherwise" clone_transient
clone_transient() {
	reload clone=1 units=0
	hold /dev/bsdtun
	[[ $(attribute bsdtun0 transient) == 1 ]]
	let_go
	[[ ! -e /sys/class/net/bsdtun0 ]]
	hold /dev/bsdtun
	attribute bsdtun0 transient 0
	let_go
	[[ -e /sys/class/net/bsdtun0 ]]
}

it "The cloning node goes beyond units, to units that have no node, and has the name of the others" clone_beyond
clone_beyond() {
	reload clone=1 units=1 name=tun
	[[ -c /dev/tun && -c /dev/tun0 && ! -e /dev/tun1 ]]
	touch_unit /dev/tun0
	hold /dev/tun
	[[ $(attribute tun1 unit) == 1 ]]
	[[ ! -e /dev/tun1 ]]
	let_go
	[[ ! -e /sys/class/net/tun1 ]]
}

it "debug turns debug messages on and off" debug
debug() {
	echo "bsdtun selftest: debug off" >/dev/kmsg
	touch_unit /dev/bsdtun0
	hides "bsdtun0" log_since "selftest: debug off"
	echo 1 >$parameters/debug
	echo "bsdtun selftest: debug on" >/dev/kmsg
	touch_unit /dev/bsdtun0
	shows "bsdtun0.*open.*bsdtun0.*close" log_since "selftest: debug on"
	echo 0 >$parameters/debug
	reload debug=1
	[[ $(<$parameters/debug) == 1 ]]
}

run "$@"
