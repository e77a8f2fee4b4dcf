#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# link_bsdtun.so, the plugin that gives ip-link(8) words for the kind bsdtun: what is said
# with them is what the driver is told and tells, and an ip that it was not made for goes on
# without it.

cd "$(dirname "$0")" || exit
. ./lib.sh

plugin=$(realpath ../../../iproute2/link_bsdtun.so)
export IP_LIB_DIR=${plugin%/*}

# attributes INTERFACE NAME...: their values in sysfs, in one line.
attributes() {
	local interface=$1 name values=()
	shift

	for name in "$@"; do
		values+=("$(attribute "$interface" "$name")")
	done
	echo "${values[*]}"
}

# number_of FILE NAME: that of a user or group.
number_of() {
	local name number

	while IFS=: read -r name _ number _; do
		if [[ $name == "$2" ]]; then
			echo "$number"
			return
		fi
	done <"$1"
	return 1
}

it "ip link add takes each attribute" add
add() {
	ip link add bsdtun3 type bsdtun owner 1000 group 2000 mode broadcast transient on framing af
	[[ $(attributes bsdtun3 owner group mode transient framing) == "1000 2000 broadcast 1 af" ]]
	ip link add bsdtun4 type bsdtun owner none group none mode pointopoint transient off framing none
	[[ $(attributes bsdtun4 owner group mode transient framing) == "-1 -1 pointopoint 0 none" ]]
}

it "ip link add without words makes what it makes without the plugin" add_plain
add_plain() {
	ip link add bsdtun3 type bsdtun
	[[ $(attributes bsdtun3 unit owner group mode transient framing) == "3 -1 -1 pointopoint 0 none" ]]
}

it "ip link add takes users and groups by name" add_by_name
add_by_name() {
	ip link add bsdtun0 group default type bsdtun owner daemon group dialout
	[[ $(attribute bsdtun0 owner) == "$(number_of /etc/passwd daemon)" ]]
	[[ $(attribute bsdtun0 group) == "$(number_of /etc/group dialout)" ]]
}

it "ip link add takes a unit, for a link of any name" add_unit
add_unit() {
	ip link add vpn type bsdtun unit 5
	[[ $(attribute vpn unit) == 5 ]]
	refused "Error: .*unit" ip link add other type bsdtun unit 5
	refused "Error: .*another unit" ip link add bsdtun2 type bsdtun unit 1
	refused "Error: .*units" ip link add other type bsdtun unit 4294967294
	[[ ! -e /sys/class/net/other && ! -e /sys/class/net/bsdtun2 ]]
}

it "ip link set changes what is named and nothing else" set_attributes
set_attributes() {
	ip link add bsdtun3 type bsdtun owner 1000 mode broadcast framing af
	ip link set bsdtun3 type bsdtun transient on
	[[ $(attributes bsdtun3 owner group mode transient framing) == "1000 -1 broadcast 1 af" ]]
	ip link set bsdtun3 type bsdtun owner none group dialout mode pointopoint framing none transient off
	[[ $(attributes bsdtun3 owner mode transient framing) == "-1 pointopoint 0 none" ]]
	[[ $(attribute bsdtun3 group) == "$(number_of /etc/group dialout)" ]]
}

it "What the driver refuses is told in its words" refusals
refusals() {
	ip link add bsdtun3 type bsdtun
	refused "Error: .*unit" ip link set bsdtun3 type bsdtun unit 4
	ip link set bsdtun3 up
	refused "Error: .*mode" ip link set bsdtun3 type bsdtun mode broadcast owner 1000
	[[ $(attributes bsdtun3 unit owner mode) == "3 -1 pointopoint" ]]
}

it "A batch makes and changes many" batch
batch() {
	ip -batch - <<-END
		link add bsdtun0 type bsdtun owner 1
		link add bsdtun1 type bsdtun group 2 mode broadcast
		link set bsdtun0 type bsdtun owner 3
	END
	[[ $(attributes bsdtun0 owner group mode) == "3 -1 pointopoint" ]]
	[[ $(attributes bsdtun1 owner group mode) == "-1 2 broadcast" ]]
}

it "ip -d link show tells the attributes, users and groups by name, what is not set not at all" show
show() {
	ip link add bsdtun3 type bsdtun owner daemon group dialout mode broadcast transient on framing af
	shows $'\n    bsdtun unit 3 owner daemon group dialout mode broadcast transient on framing af queues 1 opens 0 ' \
		ip -d link show bsdtun3
	shows " owner $(number_of /etc/passwd daemon) group $(number_of /etc/group dialout) mode " \
		ip -N -d link show bsdtun3
	ip link set bsdtun3 type bsdtun owner 4294967294 group 60000
	shows " owner 4294967294 group 60000 mode " ip -d link show bsdtun3
	ip link add bsdtun4 numtxqueues 2 type bsdtun
	shows $'\n    bsdtun unit 4 mode pointopoint transient off framing none queues 2 opens 0 ' \
		ip -d link show bsdtun4
	hold /dev/bsdtun4
	shows " framing none pid $BASHPID queues 2 opens 1 file 0 framing none " ip -d link show bsdtun4
	ip link set bsdtun4 type bsdtun framing af
	hold /dev/bsdtun4
	perl -e '$on = pack("i", 1); ioctl(STDIN, 0x400474c6, $on) or die "TUNSBATCH: $!"' <&"$held"
	shows " framing af pid $BASHPID queues 2 opens 2 file 0 framing none offload none batch off file 1 framing af offload none batch on " \
		ip -d link show bsdtun4
}

it "ip -d -j link show tells them as JSON, users and groups by number" show_json
show_json() {
	local data

	ip link add bsdtun3 type bsdtun owner daemon group 2000 mode broadcast transient on framing af
	data='"unit":3,"owner":'$(number_of /etc/passwd daemon)',"group":2000,"mode":"broadcast",'
	data+='"transient":true,"framing":"af","queues":1,"opens":0,"files":\[\]'
	shows "\"linkinfo\":\\{\"info_kind\":\"bsdtun\",\"info_data\":\\{$data\\}\\}" \
		ip -d -j link show bsdtun3
	ip link add bsdtun4 type bsdtun
	hold /dev/bsdtun4
	data='"unit":4,"mode":"pointopoint","transient":false,"framing":"none","pid":'$BASHPID
	data+=',"queues":1,"opens":1,"files":\[\{"queue":0,"framing":"none","offload":"none","batch":false\}\]'
	shows "\"info_data\":\\{$data\\}" ip -d -j link show bsdtun4
	shows '"unit": 4,' ip -d -j -p link show bsdtun4
}

it "ip -s shows the counters, with -d beside the attributes, ip -o in one line" show_counters
show_counters() {
	ip link add bsdtun3 type bsdtun
	shows "RX: .*TX: " ip -s link show bsdtun3
	hides "unit 3" ip -s link show bsdtun3
	shows "bsdtun unit 3 .*RX: .*TX: " ip -s -d link show bsdtun3
	shows '"info_data":\{"unit":3,.*"stats64":' ip -s -d -j link show bsdtun3
	[[ $(ip -o -d link show type bsdtun) =~ ^[^$'\n']*\ bsdtun\ unit\ 3\ [^$'\n']*$ ]]
}

it "ip -d -s link show tells what was lost and why, as JSON also what was not" show_lost
show_lost() {
	local counters='' name

	hold /dev/bsdtun0
	hides "[rt]x_" ip -d -s link show bsdtun0
	write_to "$held" "Each IPv4 packet begins like that"
	refused "Address family" write_to "$held" "zero is no version of IP"
	shows " opens 1 file 0 framing none offload none batch off rx_errors_family 1 rx_dropped_down 1 " ip -d -s link show bsdtun0
	hides "[rt]x_" ip -d link show bsdtun0
	for name in tx_dropped_{no_reader,family,offload,full,nomem,purged,fault} \
		rx_errors_{length,family,header,fault} rx_dropped_{down,nomem,backlog}; do
		case $name in
		*_errors_family | *_down) counters+=",\"$name\":1" ;;
		*) counters+=",\"$name\":0" ;;
		esac
	done
	shows "\"files\":\[[^]]*\],\"counters\":\{${counters#,}\}\}" ip -d -s -j link show bsdtun0
	hides "counters" ip -d -j link show bsdtun0
}

it "ip -d link show tells what each of many links is" show_many
show_many() {
	namespace a
	ip link add bsdtun0 type bsdtun owner 1000
	ip link add bsdtun1 type bsdtun owner 1001
	ip link set bsdtun1 netns bsdtun-a
	ip link add bsdtun2 type bsdtun owner 1002
	shows "unit 0 owner 1000 .*unit 2 owner 1002 " ip -d link show
	shows "unit 1 owner 1001 " ip -n bsdtun-a -d link show
}

it "ip link help bsdtun tells the words, as does help among the words, which makes nothing" help
help() {
	local usage word

	usage=$(ip link help bsdtun 2>/dev/null)
	for word in unit owner group mode transient framing broadcast pointopoint none af; do
		[[ $usage == *"$word"* ]]
	done
	[[ $usage == "Usage: ... bsdtun "* ]]
	refused "Usage: \.\.\. bsdtun " ip link add bsdtun0 type bsdtun help
	refused "Usage: \.\.\. bsdtun " ip link add bsdtun0 type bsdtun owner 1 help
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

it "A wrong word or value is refused, with a text that shows it, and nothing is made" wrong_words
wrong_words() {
	local word value

	while read -r word value; do
		refused "Error: argument (of \"$word\" must be .*, not )?\"$value\"" \
			ip link add bsdtun0 type bsdtun "$word" "$value"
	done <<-END
		unit five
		unit -1
		unit 4294967295
		owner no-such-user
		owner -1
		owner 4294967295
		owner 99999999999999999999
		owner 1x
		group no-such-group
		group 4294967295
		mode bridge
		transient maybe
		transient 1
		framing inet
	END
	refused "unknown option \"colour\".*Usage: " ip link add bsdtun0 type bsdtun colour red
	refused "unknown option \"own\".*Usage: " ip link add bsdtun0 type bsdtun own 1
	refused "duplicate \"owner\": \"2\"" ip link add bsdtun0 type bsdtun owner 1 owner 2
	for word in unit owner group mode transient framing; do
		refused "not complete" ip link add bsdtun0 type bsdtun "$word"
	done
	[[ ! -e /sys/class/net/bsdtun0 ]]
}

# without_words COMMAND...: an ip that has no plugin, or none that it can use.
without_words() {
	"$@" link add bsdtun0 type bsdtun
	shows "    bsdtun " "$@" -d link show bsdtun0
	hides "unit" "$@" -d link show bsdtun0
	shows '"linkinfo":\{"info_kind":"bsdtun"\}' "$@" -d -j link show bsdtun0
	"$@" link set bsdtun0 mtu 1280
	"$@" link del bsdtun0
}

it "Without the plugin ip does what it did" no_plugin
no_plugin() {
	export IP_LIB_DIR=/nowhere
	without_words ip
	refused "Garbage|Error: |Cannot find" ip link add bsdtun0 type bsdtun owner 1000
}

it "An ip that lacks what the plugin looks at says so once, and does what it does without" ip_without_kind
ip_without_kind() {
	local said ip

	ip=$(command -v ip)
	sed s/nlmon_link_util/nlmom_link_util/g "$ip" >"$scratch/ip"
	chmod +x "$scratch/ip"
	without_words "$scratch/ip"
	refused "Garbage|Error: |Cannot find" "$scratch/ip" link add bsdtun0 type bsdtun owner 1000
	ip link add bsdtun0 type bsdtun
	ip link add bsdtun1 type bsdtun
	said=$("$scratch/ip" -d link show 2>&1 >/dev/null)
	[[ $said == "link_bsdtun.so: not used, "*" in this ip nlmon_link_util is missing" ]]
}

# What an ip has of a plugin's interest, whose struct link_util has these members. It looks
# the plugin's link_util up as ip does, twice.
imitation() {
	local symbol members=$1
	shift

	cat <<-END
		#include <dlfcn.h>
		#include <stdio.h>

		typedef int call(void);
		struct link_util { $members };
		static int f(void) { return 0; }

		struct link_util vlan_link_util = { .id = "vlan", .maxattr = 5, .parse_opt = f, .print_opt = f, .print_help = f };
		struct link_util tun_link_util = { .id = "tun", .maxattr = 9, .print_opt = f };
		struct link_util nlmon_link_util = { .id = "nlmon", .print_help = f };

		int main(int argc, char **argv)
		{
			void *plugin = dlopen(argv[1], RTLD_LAZY);

			if (!plugin) {
				puts(dlerror());
				return 2;
			}
			return !dlsym(plugin, "bsdtun_link_util") + !dlsym(plugin, "bsdtun_link_util");
		}
	END
	for symbol in "$@"; do
		echo "int $symbol(void) { return 0; }"
	done
}

# What the plugin takes from ip.
symbols=(addattr_l close_json_array close_json_object duparg incomplete_command invarg
	is_json_context numeric open_json_array open_json_object parse_one_of print_color_on_off
	print_color_string print_color_u64 print_color_uint show_stats)

# imitate MEMBERS [SYMBOL...]: run an imitation of ip, and with it the plugin.
imitate() {
	imitation "$@" | gcc -rdynamic -x c -o "$scratch/imitation" -
	"$scratch/imitation" "$plugin"
}

it "An ip of the known layout takes the plugin" same_layout
same_layout() {
	local said

	said=$(imitate "void *next; char *id; int maxattr; call *parse_opt, *print_opt, *print_xstats,
		*print_help, *parse_ifla_xstats, *print_ifla_xstats;" "${symbols[@]}" 2>&1)
	[[ ! $said ]]
}

it "An ip of another size of struct link_util is told so" other_size
other_size() {
	refused "not used, .* in this ip vlan_link_util has another size$" \
		imitate "void *next; char *id; int maxattr; call *parse_opt, *print_opt, *print_xstats,
			*print_help, *parse_ifla_xstats, *print_ifla_xstats, *new;" "${symbols[@]}"
}

it "An ip of another order of members is told so, whichever it is" other_layout
other_layout() {
	refused "not used, .* in this ip vlan_link_util has another layout$" \
		imitate "void *next; long maxattr; char *id; call *parse_opt, *print_opt, *print_xstats,
			*print_help, *parse_ifla_xstats, *print_ifla_xstats;" "${symbols[@]}"
	refused "not used, .* in this ip tun_link_util has another layout$" \
		imitate "void *next; char *id; int maxattr; call *print_opt, *parse_opt, *print_xstats,
			*print_help, *parse_ifla_xstats, *print_ifla_xstats;" "${symbols[@]}"
	refused "not used, .* in this ip tun_link_util has another layout$" \
		imitate "void *next; char *id; int maxattr; call *parse_opt, *print_help, *print_xstats,
			*print_opt, *parse_ifla_xstats, *print_ifla_xstats;" "${symbols[@]}"
	refused "not used, .* in this ip vlan_link_util has another layout$" \
		imitate "void *next; char *id; int maxattr; call *parse_opt, *print_opt, *print_help,
			*print_xstats, *parse_ifla_xstats, *print_ifla_xstats;" "${symbols[@]}"
}

it "An ip that lacks a function is told which" missing_function
missing_function() {
	refused "not used, .* in this ip print_color_uint is missing$" \
		imitate "void *next; char *id; int maxattr; call *parse_opt, *print_opt, *print_xstats,
			*print_help, *parse_ifla_xstats, *print_ifla_xstats;" "${symbols[@]/print_color_uint/other}"
}

run "$@"
