#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# root.sh packages RELEASE RELEASE	install the packages, between one kernel and another
# root.sh checkout RELEASE		purge them, and have DKMS build the checkout
#
# What of the test needs no kernel that runs: it is done in the Debian root, as root, and told in TAP.

set -u
cd "$(dirname "$0")" || exit
# shellcheck source=left.sh
. ./left.sh

number=0

# expect TITLE COMMAND...: one case, which passes if the command succeeds.
expect() {
	local result=ok log=/tmp/log status

	(
		set -euxo pipefail
		"${@:2}"
	) >"$log" 2>&1
	status=$?
	if ((status)); then
		result='not ok'
		sed 's/^/# /' "$log"
	fi
	echo "$result $((++number)) $1"
}

apt() {
	apt-get -qq --yes --no-install-recommends -o Dpkg::Use-Pty=0 \
		-o Dpkg::Options::=--force-unsafe-io "$@"
}

# One of the backports takes some of what it needs from there too.
kernel() {
	local packages=("linux-image-$1" "linux-headers-$1") release

	if [[ $(apt-cache policy "${packages[0]}") == *-backports/* ]]; then
		release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
		packages+=(--target-release="$release-backports")
	fi
	apt install "${packages[@]}"
}

# The module for a kernel is built, in its place, and signed with the machine's key.
built() {
	dkms status bsdtun | grep -F ", $1, x86_64: installed"
	modinfo -k "$1" -n bsdtun | grep /updates/dkms/
	modinfo -k "$1" -F signer bsdtun | grep 'DKMS module signing key'
}

compile() {
	local flags

	apt install gcc libc6-dev pkg-config
	flags=$(pkg-config --cflags bsdtun)
	# shellcheck disable=SC2086 # several
	gcc -std=gnu99 -Wall -Wextra -Werror $flags -o reflect reflect.c
}

manual() { [[ -e /usr/share/man/man4/bsdtun.4.gz && -e /usr/share/man/man1/bsdtun-relay.1.gz ]]; }

nobody_in_group() { [[ $(getent group bsdtun) == bsdtun:*:*: ]]; }

make_dkms() { make -C /checkout KDIR="/lib/modules/$2/build" "dkms-$1"; }

twice() { "$@" && "$@"; }

case $1 in
packages)
	expect "the kernel $2 is installed" kernel "$2"
	expect "apt installs the packages" apt install /packages/*.deb
	expect "DKMS has built and signed the module for it" built "$2"
	expect "a program compiles with bsdtun-dev" compile
	expect "the manual pages are there" manual
	expect "the group has no members" nobody_in_group
	expect "the kernel $3 is installed" kernel "$3"
	expect "DKMS has built and signed the module for it too" built "$3"
	expect "the one before still has its own" built "$2"
	;;
checkout)
	expect "apt purges the packages" apt purge bsdtun-dkms bsdtun-dev bsdtun-tools
	expect "nothing is left of them" nothing_left
	expect "make dkms-install" make_dkms install "$2"
	expect "DKMS has built and signed the module" built "$2"
	expect "make dkms-install over it" make_dkms install "$2"
	expect "DKMS has built and signed the module again" built "$2"
	expect "make dkms-remove, twice" twice make_dkms remove "$2"
	expect "nothing is left of it" nothing_left
	;;
esac
echo "1..$number"
