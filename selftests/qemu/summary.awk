# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#
# Reads what a guest says (TAP, each program framed by "@begin NAME" and "@end NAME
# STATUS MILLISECONDS", then "@problem TEXT", "@detail TEXT" and "@verdict ..."). Prints a
# line for each program as it ends, what it says of its progress, each failure with what was said before it, and in the
# end how many passed and failed. Whatever is missing is a failure: a result, a program, a
# plan, the verdict.
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

function close_program(why) {
	ran[program] = 1
	if (plan == "")
		failure(program ": no plan (" why ")", said)
	else if (cases < plan)
		failure(program ": " cases " of " plan " cases ran (" why ")", said, plan - cases)
	else if (cases > plan)
		failure(program ": " cases " cases ran where " plan " were planned", said)
	if (why != "exit status 0" && !failed_here)
		failure(program ": " why, said)
}

{ sub(/\r$/, "") }

/^@begin / {
	program = $2
	plan = said = ""
	cases = passed_here = failed_here = 0
	next
}

/^@end / {
	programs++
	close_program($3 == 124 || $3 == 137 ? "killed after its time" : "exit status " $3)
	printf "%s  %s: %d passed%s (%.1f s)\n", series, program, passed_here,
		failed_here ? ", " failed_here " failed" : "", $4 / 1000
	fflush()
	program = ""
	next
}

/^@problem / {
	if (program != "")
		close_program("the guest ended")
	program = ""
	failure(substr($0, 10))
	next
}

/^@detail / {
	print series "          " substr($0, 9)
	next
}

/^@verdict / {
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

/^# progress: / {
	print series "  " program ": " substr($0, 13)
	fflush()
	next
}

# The last lines are shown; a failing program may say any number.
{
	said = said $0 "\n"
	if (length(said) > 20000)
		said = substr(said, 10000)
}

END {
	n = split(wanted, names, " ")
	for (i = 1; i <= n; i++)
		if (!(names[i] in ran))
			failure(names[i] ": never ran")
	printf "%s  %d passed, %d failed\n", series, passed, failed
	exit failed != 0
}
