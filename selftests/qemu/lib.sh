# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Shared by the scripts beside it: the cache, progress lines, locks, Debian's
# mirrors, and commands inside a Debian root. Sourced, never run.

PATH=$PATH:/usr/sbin:/sbin
# shellcheck disable=SC2034 # for those who source this
qemu_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${BSDTUN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bsdtun}
mkdir -p "$cache"

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

as_root() {
	if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi
}

# Install what this machine lacks for all that follows.
require_tools() {
	require qemu-system-x86_64:qemu-system-x86 mmdebstrap:mmdebstrap mke2fs:e2fsprogs \
		depmod:kmod xz:xz-utils mount:mount
}

# require COMMAND:PACKAGE...: install what this machine lacks of these.
require() {
	local pair missing=()
	for pair; do
		command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	if ((EUID != 0)) && ! command -v sudo >/dev/null; then
		die "be root, or install sudo"
	fi
	((${#missing[@]})) || return 0
	(
		lock install "waiting for another installation"
		say "installing ${missing[*]}"
		{
			as_root apt-get -qq update
			as_root env DEBIAN_FRONTEND=noninteractive \
				apt-get -qq install --yes --no-install-recommends "${missing[@]}"
		} </dev/null >"$cache/install.log" 2>&1
	) || {
		cat "$cache/install.log" >&2
		die "could not install ${missing[*]}"
	}
}

# lock NAME [TEXT]: hold a lock until the calling shell ends, so that of two callers that
# want the same thing one makes it and the other finds it. TEXT is for whoever must wait.
lock() {
	mkdir -p "$cache/lock"
	exec {lock_fd}>"$cache/lock/$1"
	flock --nonblock "$lock_fd" && return
	[[ ! ${2:-} ]] || say "$2"
	flock "$lock_fd"
}

# The architecture that the name of a kernel series or of a root tells.
arch_of() {
	case $1 in
	*-arm64 | *-arm64-16k) echo arm64 ;;
	*-s390x) echo s390x ;;
	*) echo amd64 ;;
	esac
}

# The processor of an architecture, as compilers and QEMU name it.
cpu_of() {
	case $1 in
	amd64) echo x86_64 ;;
	arm64) echo aarch64 ;;
	s390x) echo s390x ;;
	esac
}

# Which Debian release a kernel series (6.12, 6.12-rt, ...) is built and booted with, and its
# architecture if that is not the machine's: 6.12 is no part of bookworm for each of them.
suite_of() {
	case $1 in
	6.12-arm64* | 6.12-*-arm64 | 7.3-arm64* | 7.3-*-arm64) echo trixie-arm64 ;;
	6.1-s390x) echo bookworm-s390x ;;
	6.1 | 6.1-* | 6.12 | 6.12-*) echo bookworm ;;
	7.3 | 7.3-*) echo trixie ;;
	*) die "no Debian release is known to carry kernel $1 (try 6.1, 6.12 or 7.3)" ;;
	esac
}

# The machine's own Debian mirror, whatever format its apt sources have.
# BSDTUN_MIRROR overrides it.
mirror() {
	local targets
	if [[ -n ${BSDTUN_MIRROR:-} ]]; then
		echo "${BSDTUN_MIRROR%/}"
		return
	fi
	# shellcheck disable=SC2016 # apt's variables
	targets=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' \
		'Created-By: Packages' | grep -v '^cdrom:')
	awk '$2 ~ /^(bookworm|trixie|forky|sid|stable|testing|unstable)$/ && $3 == "main" {
		rank = $4 == "Debian" ? 3 : $1 ~ /debian(\.list)?\/?$/ ? 2 : 1
		if (rank > best) { best = rank; uri = $1 }
	} END { sub(/\/$/, "", uri); print uri; exit uri == "" }' <<<"$targets" ||
		die "the apt sources of this machine name no Debian mirror; set BSDTUN_MIRROR=URI"
}

# The security archive that goes with it: named by the machine's sources, or the
# mirror's sibling.
security_mirror() {
	local main uri
	# shellcheck disable=SC2016 # apt's variables
	uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		awk '$2 ~ /-security$/ && !uri { uri = $1 } END { sub(/\/$/, "", uri); print uri }')
	if [[ -z $uri || -n ${BSDTUN_MIRROR:-} ]]; then
		main=$(mirror)
		case $main in
		*.list) uri=${main%.list}-security.list ;;
		*) uri=${main%/debian}/debian-security ;;
		esac
	fi
	echo "$uri"
}

# The one-line apt sources of a suite, from that mirror. Of s390x it is the release alone, which
# has come to rest: mirrors do not keep what still changes in step.
sources() {
	local suite=${1%%-*} main security keys
	main=$(mirror)
	security=$(security_mirror)
	for keys in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
		[[ -e $keys ]] && break
	done
	echo "deb [signed-by=$keys] $main $suite main"
	[[ $1 != *-s390x ]] || return 0
	echo "deb [signed-by=$keys] $main $suite-updates main"
	echo "deb [signed-by=$keys] $security $suite-security main"
	if [[ $suite == trixie ]]; then
		echo "deb [signed-by=$keys] $main $suite-backports main"
	fi
}

# apt_of SUITE TOOL ARGUMENT...: the machine's apt, with its proxies and
# credentials, on package lists of our own: nothing is installed by it. Where the suite names
# an architecture, packages of that are asked for as PACKAGE:ARCHITECTURE.
apt_of() {
	local dir=$cache/apt/$1 tool=$2 architectures
	architectures=amd64,$(arch_of "$1")
	shift 2
	"$tool" -qq -o Dir::Etc::SourceList="$dir/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null \
		-o Dir::Etc::PreferencesParts=/dev/null \
		-o Dir::State="$dir/state" -o Dir::State::status="$dir/status" \
		-o Dir::Cache="$dir/cache" -o Dir::Cache::pkgcache=pkgcache.bin \
		-o Dir::Cache::srcpkgcache=srcpkgcache.bin -o APT::Architecture=amd64 \
		-o APT::Architectures="$architectures" \
		-o APT::Sandbox::User="" -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# Bring those package lists up to date, at most once a day or when the machine's own
# sources have changed; a machine that is off the network goes on with old lists.
update_lists() {
	local suite=$1 dir=$cache/apt/$1
	(
		lock "apt-$suite"
		mkdir -p "$dir"/{state/lists/partial,cache/archives/partial}
		if [[ -n $(find "$dir/updated" -mtime -1 2>/dev/null) &&
			$(<"$dir/updated") == "${BSDTUN_MIRROR:-}" &&
			-z $(find /etc/apt/sources.list* -newer "$dir/updated" 2>/dev/null) ]]; then
			exit 0
		fi
		sources "$suite" >"$dir/sources.list"
		touch "$dir/status"
		if apt_of "$suite" apt-get update --error-on=any 1>&2; then
			echo "${BSDTUN_MIRROR:-}" >"$dir/updated"
		elif [[ -e $dir/updated ]]; then
			say "no fresh package lists for $suite; going on with those of $(date -r "$dir/updated" +%F)"
		else
			die "cannot fetch the package lists of $suite"
		fi
	)
}

# newest SUITE NAME COMMAND...: what the command prints, asked once for each state of
# the package lists.
newest() {
	local suite=$1 answer=$cache/apt/$1/newest-$2
	shift 2
	update_lists "$suite"
	if [[ ! $answer -nt $cache/apt/$suite/updated ]]; then
		"$@" >"$answer.$$"
		mv "$answer.$$" "$answer"
	fi
	cat "$answer"
}

# kernel_releases SUITE SERIES FLAVOUR: the releases of the kernels of a series, such as
# bookworm 6.12 -rt-amd64, the newest first.
kernel_releases() {
	apt_of "$1" apt-cache pkgnames "linux-image-$2." | sed 's/^linux-image-//' |
		grep -xE "[0-9.]+([-+][0-9a-z.]+)?$3" |
		if [[ $3 == -*-* ]]; then cat; else grep -vE -- "-(rt|cloud)$3\$"; fi |
		sort -rV
}

# fetch SUITE DIRECTORY PACKAGE...: download packages and unpack them there, or fail.
fetch() {
	local suite=$1 dir=$2 deb debs status=0
	shift 2
	debs=$(mktemp -d "$cache/debs.XXXXXX") || return
	if (cd "$debs" && apt_of "$suite" apt-get download "$@" 1>&2); then
		for deb in "$debs"/*.deb; do
			dpkg-deb -x "$deb" "$dir" || status=1
		done
	else
		status=1
	fi
	rm -rf "$debs"
	return "$status"
}

# no_download SUITE WHAT: the next run asks for fresh package lists, as these may name what is
# no more.
no_download() {
	touch -d '2 days ago' "$cache/apt/$1/updated"
	die "cannot download $2; try again"
}

# source_version SERIES: the version of Debian's newest source package of a kernel series.
source_version() {
	local suite
	suite=$(suite_of "$1")
	newest "$suite" "source-$1" apt_of "$suite" apt-cache show --no-all-versions "linux-source-$1" |
		sed -n 's/^Version: //p'
}

# source_package SERIES: the path of its tar archive, fetched if it is not in the cache.
source_package() {
	local suite version package=linux-source-$1 work
	suite=$(suite_of "$1")
	version=$(source_version "$1")
	(
		lock "source-$1"
		[[ ! -e $cache/source/$package.$version.tar.xz ]] || exit 0
		say "downloading the source of kernel $1 ($package, 150 MB)"
		mkdir -p "$cache/source"
		work=$(mktemp -d "$cache/source/new.XXXXXX")
		trap 'rm -rf "$work"' EXIT
		fetch "$suite" "$work" "$package" || no_download "$suite" "$package"
		mv "$work/usr/src/$package.tar.xz" "$cache/source/$package.$version.tar.xz"
	)
	echo "$cache/source/$package.$version.tar.xz"
}

# in_root ROOT [SOURCE:TARGET]... -- COMMAND...: run a command as the calling user, or as owner
# if that is set, in a Debian root, with directories of the host bound into it. The mounts live in
# a namespace of their own and die with the command.
in_root() {
	local root=$1 binds=()
	shift
	while [[ $1 != -- ]]; do
		binds+=("$1")
		shift
	done
	shift
	# shellcheck disable=SC2016 # for the inner shell
	as_root unshare --mount --pid --fork --kill-child bash -euc '
		root=$1 owner=$2 n=$3
		shift 3
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
		for bind in "${@:1:n}"; do
			mkdir -p "$root/${bind#*:}"
			mount --bind "${bind%%:*}" "$root/${bind#*:}"
		done
		shift "$n"
		exec chroot --userspec="$owner" "$root" \
			env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 "$@"
	' in_root "$root" "${owner:-$(id -u):$(id -g)}" "${#binds[@]}" "${binds[@]}" "$@"
}
