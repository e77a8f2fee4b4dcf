# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Reads what a guest says (TAP, each program framed by "@begin NAME" and "@end STATUS",
# then "@problem TEXT" and "@verdict ...") and prints a line for each program as it ends,
# each failure with what was said before it, and in the end how many passed and failed.
# Whatever is missing is a failure: a result, a program, a plan, the verdict.
#
# Variables: series (a word to begin lines with), wanted (the programs).

function failure(what, said, count,    n, i, lines) {
	failed += count ? count : 1
	failed_here += count ? count : 1
	print series "  FAILED  " what
	n = split(said, lines, "\n")
	for (i = n > 12 ? n - 12 : 1; i < n; i++)
		print series "          " lines[i]
	fflush()
}

function close_program(status) {
	if (plan == "")
		failure(program ": no plan (exit status " status ")", said)
	else if (cases < plan)
		failure(program ": " cases " of " plan " cases ran (exit status " status ")", said,
			plan - cases)
	else if (cases > plan)
		failure(program ": " cases " cases ran where " plan " were planned", said)
	if (status != 0 && !failed_here)
		failure(program ": exit status " status, said)
	program = ""
}

{ sub(/\r$/, "") }

/^@begin / {
	program = $2
	plan = said = ""
	cases = passed_here = failed_here = 0
	next
}

/^@end / {
	status = $3 == 124 || $3 == 137 ? $3 ", killed after its time" : $3
	ran[program] = 1
	name = program
	programs++
	close_program(status)
	printf "%s  %s: %d passed%s (%.1f s)\n", series, name, passed_here,
		failed_here ? ", " failed_here " failed" : "", $4 / 1000
	fflush()
	next
}

/^@problem / {
	if (program != "")
		close_program("none: the guest ended")
	failure(substr($0, 10))
	next
}

/^@verdict / {
	if (program != "")
		close_program("none: the guest ended")
	if ($2 == "done" && $3 != programs)
		failure("the guest ran " $3 " programs, " programs " were heard")
	next
}

/^1\.\.[0-9]+/ && plan == "" {
	plan = substr($1, 4)
	if (plan == 0)
		failure(program ": no case: " $0, said)
	next
}

/^(not )?ok [0-9]+/ {
	cases++
	if ($1 == "ok" && !/# *(SKIP|XFAIL|XPASS|TODO)/) {
		passed++
		passed_here++
	} else {
		failure(program ": " $0, said)
	}
	said = ""
	next
}

{ said = said $0 "\n" }

END {
	n = split(wanted, names, " ")
	for (i = 1; i <= n; i++)
		if (!(names[i] in ran))
			failure(names[i] ": never came to its end")
	printf "%s  %d passed, %d failed\n", series, passed, failed
	exit failed != 0
}
