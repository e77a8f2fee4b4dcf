// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * fuzz [-s SEED] [-t SECONDS] SEEDS FILE...	programs of the files, then ones made of them
 * fuzz -r FILE...			only those of the files, and what each call returns
 * fuzz -p PROGRAM			only this one, three times
 * fuzz -m PROGRAM			shorter versions of a program that is known to fail
 * fuzz -c FILE...			none: whether there are only programs in the files
 *
 * Lines for the script that runs this begin with an '@': the program that is run
 * next, in case the kernel does not live to tell; a new one for the corpus; at the end
 * the corpus, but for the seeds; what was found. Exit status 3: something was found.
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define CORPUS_MAX	4096
#define ALIVE_EVERY	100	/* programs */
#define STATUS_SECONDS	60

struct entry {
	struct program program;
	bool seed;
	uint16_t *feature;
	unsigned int features;
};

static struct entry *corpus[CORPUS_MAX];
static unsigned int corpus_size;
static uint8_t seen[FEATURES];
static unsigned long runs;
static time_t start, last_status;

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static unsigned int count(const uint8_t *set)
{
	unsigned int n = 0, i;

	for (i = 0; i < FEATURES; i++)
		n += set[i];
	return n;
}

static void status(void)
{
	printf("@status %ld s, %lu programs run, %u features, %u programs in the corpus\n",
	       (long)(now() - start), runs, count(seen), corpus_size);
	last_status = now();
}

static void end_at_finding(void)
{
	if (!run_finding())
		return;
	status();
	printf("@finding %s\n", run_finding());
	exit(3);
}

static void run(const struct program *program)
{
	char text[TEXT_MAX];

	program_print(program, text);
	printf("@program %s\n", text);
	run_program(program);
	runs++;
	end_at_finding();
	if (runs % ALIVE_EVERY == 0) {
		run_check_alive();
		end_at_finding();
	}
	if (now() - last_status >= STATUS_SECONDS)
		status();
}

/* The features of the last run that no run before had; returns their number. */
static unsigned int news(uint8_t *set)
{
	unsigned int n = 0, i;

	for (i = 0; i < FEATURES; i++) {
		set[i] = shared->feature[i] && !seen[i];
		n += set[i];
	}
	return n;
}

static void see(void)
{
	unsigned int i;

	for (i = 0; i < FEATURES; i++)
		seen[i] |= shared->feature[i];
}

static bool has_all(const uint8_t *set)
{
	unsigned int i;

	for (i = 0; i < FEATURES; i++)
		if (set[i] && !shared->feature[i])
			return false;
	return true;
}

/* With the features of the last run. */
static void keep(const struct program *program, bool seed)
{
	struct entry *entry;
	unsigned int i;

	if (corpus_size == CORPUS_MAX)
		return;
	entry = malloc(sizeof(*entry));
	if (!entry)
		err(2, "malloc");
	entry->program = *program;
	entry->seed = seed;
	entry->features = 0;
	entry->feature = calloc(count(shared->feature) + 1, sizeof(*entry->feature));
	if (!entry->feature)
		err(2, "calloc");
	for (i = 0; i < FEATURES; i++)
		if (shared->feature[i])
			entry->feature[entry->features++] = i;
	corpus[corpus_size++] = entry;
}

/* A program that had new features: those which it has again when it is run again, as
 * short as it can be with them, joins the corpus.
 */
static void triage(const struct program *found)
{
	static uint8_t fresh[FEATURES];
	struct program program = *found, shorter;
	char text[TEXT_MAX];
	unsigned int i, n = 0;

	news(fresh);
	see();
	run(&program);
	for (i = 0; i < FEATURES; i++) {
		fresh[i] &= shared->feature[i];
		n += fresh[i];
	}
	see();
	if (!n)
		return;
	for (i = program.calls; i-- > 0 && program.calls > 1;) {
		shorter = program;
		program_remove(&shorter, i, 1);
		run(&shorter);
		see();
		if (has_all(fresh))
			program = shorter;
	}
	run(&program);
	keep(&program, false);
	program_print(&program, text);
	printf("@new %s\n", text);
}

/* All of it, ending in NUL: who runs a program shares the files that are open. */
static char *file_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		err(2, "%s", path);
	if (getdelim(&text, &size, '\0', file) < 0) {
		if (ferror(file))
			err(2, "%s", path);
		text = strdup("");
	}
	if (!text)
		err(2, "%s", path);
	fclose(file);
	return text;
}

/* Calls FUNCTION for each program of a file: blank lines part them. */
static void each_program(const char *path, void (*function)(const struct program *))
{
	char *all = file_text(path), *rest = all, *line, text[TEXT_MAX] = "";
	struct program program;

	do {
		line = strsep(&rest, "\n");
		if (line && *line == '#')
			continue;
		if (line && line[strspn(line, " \t")]) {
			if (strlen(text) + strlen(line) + 1 >= sizeof(text))
				errx(2, "%s: a program is too long", path);
			strcat(strcat(text, line), "\n");
			continue;
		}
		if (!program_parse(text, &program))
			errx(2, "%s: not a program:\n%s", path, text);
		if (program.calls)
			function(&program);
		*text = '\0';
	} while (line);
	free(all);
}

static void take(const struct program *program, bool seed)
{
	static uint8_t fresh[FEATURES];

	run(program);
	if (news(fresh)) {
		see();
		keep(program, seed);
	}
}

static void take_seed(const struct program *program)
{
	take(program, true);
}

static void take_found(const struct program *program)
{
	take(program, false);
}

static void show(const struct program *program)
{
	run(program);
	run_check_alive();
	end_at_finding();
}

static void look_at(const struct program *program)
{
	(void)program;
}

static void explore(time_t seconds)
{
	static uint8_t fresh[FEATURES];
	struct program program;

	while (now() - start < seconds) {
		if (!corpus_size || !random_below(5)) {
			program_random(&program);
		} else {
			program = corpus[random_below(corpus_size)]->program;
			program_mutate(&program, &corpus[random_below(corpus_size)]->program);
		}
		run(&program);
		if (news(fresh))
			triage(&program);
	}
}

/* Seeds first. */
static int by_calls(const void *a, const void *b)
{
	const struct entry *const *one = a, *const *other = b;

	if ((*one)->seed != (*other)->seed)
		return (*one)->seed ? -1 : 1;
	return (int)(*one)->program.calls - (int)(*other)->program.calls;
}

/* Of the corpus, short programs first, what has a feature that none before it has. */
static void print_corpus(void)
{
	static uint8_t covered[FEATURES];
	char text[TEXT_MAX];
	unsigned int i, j, n;

	qsort(corpus, corpus_size, sizeof(*corpus), by_calls);
	for (i = 0; i < corpus_size; i++) {
		for (n = 0, j = 0; j < corpus[i]->features; j++) {
			n += !covered[corpus[i]->feature[j]];
			covered[corpus[i]->feature[j]] = 1;
		}
		if (!n || corpus[i]->seed)
			continue;
		program_print(&corpus[i]->program, text);
		printf("@corpus %s\n", text);
	}
}

static void repeat(const char *text)
{
	struct program program;
	int i;

	if (!program_parse(text, &program) || !program.calls)
		errx(2, "not a program: %s", text);
	verbose = true;
	for (i = 0; i < 3; i++)
		show(&program);
}

/* Every program that is one step simpler, the greatest steps first. The script calls
 * again with the one that failed.
 */
static void shrink(const char *text)
{
	struct program program, simpler;
	unsigned int size, i, j;

	if (!program_parse(text, &program) || !program.calls)
		errx(2, "not a program: %s", text);
	for (size = program.calls / 2; size; size /= 2) {
		for (i = 0; i + size <= program.calls; i += size) {
			simpler = program;
			program_remove(&simpler, i, size);
			show(&simpler);
		}
	}
	for (i = 0; i < program.calls; i++) {
		simpler = program;
		if (program.call[i].async) {
			simpler.call[i].async = false;
			show(&simpler);
		}
		simpler = program;
		if (program.call[i].fail) {
			simpler.call[i].fail = 0;
			show(&simpler);
		}
		simpler = program;
		if (program.call[i].len) {
			simpler.call[i].len = 0;
			show(&simpler);
		}
		for (j = 0; j < ARGS_MAX; j++) {
			simpler = program;
			if (program.call[i].arg[j]) {
				simpler.call[i].arg[j] = 0;
				show(&simpler);
			}
		}
	}
	printf("@minimal\n");
}

int main(int argc, char **argv)
{
	const char *simplify = NULL, *only = NULL;
	const int none[2] = { -1, -1 };
	bool replay = false, check = false;
	time_t seconds = 60;
	uint64_t seed = 1;
	int option, i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "s:t:rp:m:c")) != -1) {
		switch (option) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtol(optarg, NULL, 0);
			break;
		case 'r':
			replay = true;
			break;
		case 'p':
			only = optarg;
			break;
		case 'm':
			simplify = optarg;
			break;
		case 'c':
			check = true;
			break;
		default:
			return 2;
		}
	}
	if (check) {
		calls_init(none);
		for (i = optind; i < argc; i++)
			each_program(argv[i], look_at);
		return 0;
	}
	random_seed(seed);
	run_init();
	start = now();
	last_status = start;
	if (only)
		repeat(only);
	if (simplify)
		shrink(simplify);
	if (only || simplify)
		return 0;
	verbose = replay;
	for (i = optind; i < argc; i++)
		each_program(argv[i], replay ? show : i == optind ? take_seed : take_found);
	if (replay)
		return 0;
	explore(seconds);
	run_check_alive();
	end_at_finding();
	status();
	print_corpus();
	return 0;
}
