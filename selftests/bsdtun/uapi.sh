#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The headers: a program that has a BSD tun code path compiles with them, whatever its
# language and wherever it includes them.

cd "$(dirname "$0")" || exit
. ./lib.sh

top=../../../..

# What a program uses of the headers, without and with what only <net/if.h> declares.
use='
int use(int fd, struct tuninfo *info)
{
	int on = 1, mode = 0;
	struct tun_capabilities cap = { BSDTUN_IFCAPS };

	info->baudrate = 0;
	info->mtu = TUNMTU;
	info->type = 0;
	info->dummy = 0;
	return ioctl(fd, TUNSDEBUG, &on) + ioctl(fd, TUNGDEBUG, &on) +
	       ioctl(fd, TUNSIFINFO, info) + ioctl(fd, TUNGIFINFO, info) +
	       ioctl(fd, TUNSLMODE, &on) + ioctl(fd, TUNSIFMODE, &mode) +
	       ioctl(fd, TUNSIFPID, 0) + ioctl(fd, TUNSIFHEAD, &on) +
	       ioctl(fd, TUNGIFHEAD, &on) + ioctl(fd, TUNSTRANSIENT, &on) +
	       ioctl(fd, TUNGTRANSIENT, &on) + ioctl(fd, TUNSCAP, &cap) +
	       ioctl(fd, TUNGCAP, &cap) + ioctl(fd, TUNDCAP) +
	       ioctl(fd, TUNSVNETHDR, &on) + ioctl(fd, TUNGVNETHDR, &on) +
	       ioctl(fd, TUNSBATCH, &on) + ioctl(fd, TUNGBATCH, &on) +
	       TUNMRU + (int)sizeof(struct tun_hdr);
}'
use_ifreq='
int use_ifreq(int fd, struct ifreq *ifr)
{
	int mode = IFF_POINTOPOINT | IFF_MULTICAST;

	return ioctl(fd, TUNGIFNAME, ifr) + ioctl(fd, TUNSIFMODE, &mode);
}'

# A file for each way in and each place that it may stand in.
set_up() {
	local headers name
	local others='#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <linux/if_tun.h>
'

	# By itself, so that what the compiler says of it is not held back as of a system's.
	mkdir -p "$scratch/include/linux"
	cp "$top/usr/include/linux/bsdtun.h" "$scratch/include/linux/"
	include=(-I "$scratch/include" -I "$top/include/bsd")

	for name in abi bsd; do
		headers='#include <linux/bsdtun.h>
'
		if [[ $name == bsd ]]; then
			headers='#include <net/if_tun.h>
#include <net/tun/if_tun.h>
#include <net/if_types.h>
int types[] = { IFT_PPP, IFT_TUNNEL };
'
		fi
		echo "$headers#include <sys/ioctl.h>$use" >"$scratch/$name-alone.c"
		echo "$headers$others$use$use_ifreq" >"$scratch/$name-first.c"
		echo "$others$headers$use$use_ifreq" >"$scratch/$name-last.c"
	done
}

compiles() { gcc -fsyntax-only -Wall -Wextra -Werror "${include[@]}" "$@" "$scratch"/*.c; }

it "The headers compile in C99 without extensions, alone, before and after other headers" c99
c99() { compiles -std=c99 -pedantic -D_DEFAULT_SOURCE; }

it "The headers compile in C11, alone, before and after other headers" c11
c11() { compiles -std=c11 -pedantic -D_DEFAULT_SOURCE; }

it "The headers compile in C++17, alone, before and after other headers" cxx17
cxx17() { compiles -x c++ -std=c++17 -pedantic; }

it "The ABI header includes nothing but linux/types.h and linux/ioctl.h" self_contained
self_contained() {
	local included

	included=$(gcc -H -fsyntax-only "${include[@]}" -x c - 2>&1 <<<"#include <linux/bsdtun.h>")
	included=$(sed -n 's,^\.\. .*/include/,,p' <<<"$included")
	[[ $included == $'linux/ioctl.h\nlinux/types.h' ]]
	hides "net/if\\.h|linux/if\\.h" gcc -M "${include[@]}" "$scratch/bsd-alone.c"
}

it "The names are macros, which programs ask for with ifdef" macros
macros() {
	local name program=

	for name in TUNGDEBUG TUNSDEBUG TUNSIFINFO TUNGIFINFO TUNSLMODE TUNGIFNAME TUNSIFMODE \
		TUNSIFPID TUNSIFHEAD TUNGIFHEAD TUNSTRANSIENT TUNGTRANSIENT TUNSCAP TUNGCAP TUNDCAP \
		TUNSVNETHDR TUNGVNETHDR TUNSBATCH TUNGBATCH TUNMTU TUNMRU; do
		program+="#ifndef $name
			#error $name
			#endif
		"
	done
	gcc -fsyntax-only "${include[@]}" -x c - <<<"#include <net/if_tun.h>
		$program"
}

it "Numbers and sizes are DragonFly's and FreeBSD's, under Linux's macros" numbers
numbers() {
	gcc -fsyntax-only "${include[@]}" -x c - <<-END
		#include <linux/bsdtun.h>
		#include <net/if_types.h>
		#include <net/if.h>
		#include <stddef.h>
		_Static_assert(TUNGDEBUG == 0x80047459, "TUNGDEBUG");
		_Static_assert(TUNSDEBUG == 0x4004745a, "TUNSDEBUG");
		_Static_assert(TUNSIFINFO == 0x4008745b, "TUNSIFINFO");
		_Static_assert(TUNGIFINFO == 0x8008745c, "TUNGIFINFO");
		_Static_assert(TUNSIFINFO_OPENBSD == 0x400c745b, "TUNSIFINFO_OPENBSD");
		_Static_assert(TUNGIFINFO_OPENBSD == 0x800c745c, "TUNGIFINFO_OPENBSD");
		_Static_assert(TUNSLMODE == 0x4004745d, "TUNSLMODE");
		_Static_assert(TUNGIFNAME == (0x8000745d | sizeof(struct ifreq) << 16), "TUNGIFNAME");
		_Static_assert(TUNSIFMODE == 0x4004745e, "TUNSIFMODE");
		_Static_assert(TUNSIFPID == 0x0000745f, "TUNSIFPID");
		_Static_assert(TUNSIFHEAD == 0x40047460, "TUNSIFHEAD");
		_Static_assert(TUNGIFHEAD == 0x80047461, "TUNGIFHEAD");
		_Static_assert(TUNSTRANSIENT == 0x40047462, "TUNSTRANSIENT");
		_Static_assert(TUNGTRANSIENT == 0x80047463, "TUNGTRANSIENT");
		_Static_assert(TUNSCAP == 0x400474c4, "TUNSCAP");
		_Static_assert(TUNGCAP == 0x800474c4, "TUNGCAP");
		_Static_assert(TUNDCAP == 0x000074c4, "TUNDCAP");
		_Static_assert(TUNSVNETHDR == 0x400474c5, "TUNSVNETHDR");
		_Static_assert(TUNGVNETHDR == 0x800474c5, "TUNGVNETHDR");
		_Static_assert(TUNSBATCH == 0x400474c6, "TUNSBATCH");
		_Static_assert(TUNGBATCH == 0x800474c6, "TUNGBATCH");
		_Static_assert(sizeof(struct tun_batch_hdr) == 8, "tun_batch_hdr");
		_Static_assert(sizeof(struct tun_hdr) == 8, "tun_hdr");
		_Static_assert(sizeof(struct tuninfo) == 8, "tuninfo");
		_Static_assert(offsetof(struct tuninfo, baudrate) == 0, "baudrate");
		_Static_assert(offsetof(struct tuninfo, mtu) == 4, "mtu");
		_Static_assert(offsetof(struct tuninfo, type) == 6, "type");
		_Static_assert((__typeof__(((struct tuninfo *)0)->mtu))-1 > 0, "mtu has a sign");
		_Static_assert(TUNMTU == 1500 && TUNMRU == 65535, "TUNMTU, TUNMRU");
		_Static_assert(IFT_PPP == 0x17 && IFT_TUNNEL == 0x83, "IFT");
	END
}

it "devname and fdevname tell a unit's node, and of the cloning node the unit" names
names() {
	cat >"$scratch/names.C" <<-END
		#include <fcntl.h>
		#include <stdio.h>
		#include <stdlib.h>

		int main(int argc, char **argv)
		{
			int fd = open(argv[argc - 1], O_RDWR);
			char buf[16], small[4];
			struct stat st;

			if (fstat(fd, &st) || fdevname_r(fd, small, sizeof(small)) || errno != EINVAL)
				return 1;
			printf("%s %s %s ", devname(st.st_rdev, S_IFCHR), fdevname(fd),
			       fdevname_r(fd, buf, sizeof(buf)));
			puts(devname(0xffff, S_IFCHR));
			return fdevname(-1) || errno != EBADF || fdevname(open(argv[0], O_RDONLY)) ||
			       errno != EINVAL;
		}
	END
	g++ -Wall -Wextra -Werror "${include[@]}" -o "$scratch/names" "$scratch/names.C"
	reload clone=1
	[[ $("$scratch/names" /dev/bsdtun3) == "bsdtun3 bsdtun3 bsdtun3 #C:255:0xff" ]]
	hold /dev/bsdtun0
	# The lowest unit without an interface
	[[ $("$scratch/names" /dev/bsdtun) == "bsdtun bsdtun1 bsdtun1 #C:255:0xff" ]]
	let_go
	reload
}

run "$@"
