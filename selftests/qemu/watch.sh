# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Runs a guest and watches it, for those who know what it is to boot. Sourced, never run.
#
# They set label, which begins lines; root, a Debian root with busybox; qemu and its options; the
# directories log and work; and timeout, in seconds. work/pid is the guest's process id.
# shellcheck disable=SC2034,SC2154 # those, and what they find here

usual_options=(-nodefaults -no-user-config -display none -no-reboot)
usual_words='mitigations=off slab_nomerge no_timer_check clocksource=hpet tsc=unstable'

# Lines that a sound kernel does not log.
alarms='WARNING:|BUG[: ]|Oops|invalid opcode|general protection|Kernel panic|Call Trace:'
alarms+='|rcu: INFO:|stall on CPU|soft lockup|hard LOCKUP|blocked for more than'
alarms+='|possible (circular|recursive) locking|inconsistent lock state|suspicious RCU usage'
alarms+='|kmemleak: .*disabled|KASAN|UBSAN|ODEBUG|new suspected memory leaks|corruption|refcount_t:|ref_tracker:'
alarms+='|unregister_netdevice: waiting|NETDEV WATCHDOG|sleeping function|scheduling while atomic'

# Run the guest: what it says, as it says it, then what went wrong with the guest as a
# whole, and its verdict.
guest() {
	local status=0

	touch "$log"/{console,output,verdict}
	timeout "$timeout" "$qemu" "${options[@]}" -pidfile "$work/pid" \
		-chardev "file,id=console,path=$log/console" -serial chardev:console \
		-device virtio-serial \
		-chardev "file,id=output,path=$log/output" -device virtserialport,chardev=output,name=output \
		-chardev "file,id=verdict,path=$log/verdict" -device virtserialport,chardev=verdict,name=verdict \
		</dev/null >"$log/qemu" 2>&1 &
	tail -n +1 -f -s 0.2 --pid=$! "$log/output"
	wait $! || status=$?

	if ((status == 124)); then
		echo "@problem the guest was killed after $timeout s"
	elif ((status)); then
		echo "@problem qemu ended with status $status: $(tail -n1 "$log/qemu")"
	fi
	if ! grep -q '^done ' "$log/verdict"; then
		echo "@problem no verdict from the guest; its last words: $(tail -n1 "$log/console")"
	fi
	# Of each program the first such line, and what comes after it. KCSAN's reports are
	# of the whole kernel: those count that have a plain access by a function of the module
	# at an end. Where its own is marked (atomic, say), it is the kernel that races.
	awk -v alarms="$alarms" '
		function tell_race() { if (ours && !seen++) print "@problem " race body; race = ""; ours = 0 }
		/bsdtun-guest: (begin|end) / { program = $0; sub(/.*bsdtun-guest: /, "", program); seen = 0 }
		/BUG: KCSAN: / { tell_race(); race = $0; body = ""; next }
		race && plain && /\[bsdtun\]/ { ours = 1 }
		race { plain = / by (task|interrupt)/ && !/\(marked/ }
		race && !/==========/ && $0 !~ alarms { body = body "\n@detail " $0; next }
		race { tell_race() }
		# Want of memory, which the program "fault" makes and the kernel tells of, with a trace
		# or without.
		/bsdtun-guest: / { meant = /begin fault/; trace = 0 }
		meant && /ref_tracker: memory allocation failure/ { next }
		meant && /vmalloc error: |page allocation failure: / { trace = 8 }
		trace-- > 0 && /Call Trace:/ { trace = 0; next }
		$0 ~ alarms && !seen++ { print "@problem kernel log, after \"" program "\": " $0; more = 15; next }
		more-- > 0 { print "@detail " $0 }
		END { tell_race() }' "$log/console"
	echo "@verdict $(<"$log/verdict")"
}

# An awk that reads a pipe line by line, unlike mawk.
live_awk() { "$root/bin/busybox" awk -v series="$label" "$@"; }

# summarise PROGRAMS: what programs say, as summary.awk has it.
summarise() {
	live_awk -v wanted="$1" -f "$qemu_dir/summary.awk"
}
