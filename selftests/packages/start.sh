#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# The service of the machine that is tested: run guest.sh, tell the outcome as the guests of
# selftests/qemu do, and power off.

export LC_ALL=C.UTF-8
until [[ -e /dev/virtio-ports/output && -e /dev/virtio-ports/verdict ]]; do
	sleep 0.2
done
exec 3>/dev/virtio-ports/output 4>/dev/virtio-ports/verdict

start=$SECONDS
echo "@begin guest.sh" >&3
echo "bsdtun-guest: begin guest.sh" >/dev/kmsg
timeout 1800 "$(dirname "$0")/guest.sh" </dev/null >&3 2>&1 4>&-
echo "@end guest.sh $? $(((SECONDS - start) * 1000))" >&3
echo "done 1" >&4
busybox poweroff -f
