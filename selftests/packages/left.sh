# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# What is left of the packages, or of `make dkms-install`. Sourced, never run.
# shellcheck shell=bash

# nothing_left: succeed if no file, no trace in the modules' index and no package is there. The
# group stays, as its number might be given to another one while files still have it.
nothing_left() {
	local found

	found=$(
		find / -xdev -path /check -prune -o -path /packages -prune -o -path /checkout -prune \
			-o -name '*bsdtun*' -print
		grep -l bsdtun /lib/modules/*/modules.{alias,dep}
		dpkg-query --show '*bsdtun*' 2>/dev/null
		dkms status bsdtun
	) || true
	echo "$found"
	[[ ! $found ]]
}
