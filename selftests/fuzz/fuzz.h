/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A fuzzer of the driver: runs programs, sequences of calls, and keeps those
 * that reached code of the module which no program before had reached.
 *
 * A program's text has a call a line, or between semicolons: a name, arguments,
 * each a word of the argument's kind or a number, and bytes in hexadecimal
 * after an 'x'. '&' before it has a second thread make the call, '!N' has the
 * N-th allocation or user copy of the call fail. Blank lines part programs, '#'
 * begins a comment.
 */
#ifndef BSDTUN_FUZZ_H
#define BSDTUN_FUZZ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALLS_MAX	24
#define ARGS_MAX	7
#define DATA_MAX	128
#define TEXT_MAX	16384	/* of a program */

struct call {
	uint8_t op;
	bool async;
	uint8_t len;		/* of data */
	uint16_t fail;		/* 0: nothing is to fail */
	uint32_t arg[ARGS_MAX];
	uint8_t data[DATA_MAX];
};

struct program {
	unsigned int calls;
	struct call call[CALLS_MAX];
};

/* What an argument may be: one of a list of words, a number below a limit, or,
 * with neither, any number.
 */
struct kind {
	const char *const *words;	/* ends with NULL */
	uint32_t limit;
};

struct op {
	const char *name;
	unsigned int weight;		/* how often it is chosen */
	bool data;			/* it takes bytes */
	long (*run)(const struct call *call);	/* returns -errno */
	const int *errnos;		/* that it may end with, ends with 0; NULL: any */
	const struct kind *kind[ARGS_MAX];	/* ends with NULL, if short of all */
};

/* calls.c */
extern struct op ops[];
extern unsigned int op_count;

/* program.c: the random numbers, and what is made of them */
void random_seed(uint64_t seed);
uint32_t random_below(uint32_t limit);
unsigned int kind_size(const struct kind *kind);
unsigned int op_args(const struct op *op);

void program_random(struct program *program);
void program_mutate(struct program *program, const struct program *other);
void program_remove(struct program *program, unsigned int first, unsigned int count);
void program_print(const struct program *program, char text[TEXT_MAX]);
bool program_parse(const char *text, struct program *program);

/* run.c: one program in a process of its own */
#define FEATURES	65536

/* What the process that runs a program and the one that watches it share. */
struct shared {
	char finding[512];		/* empty: none */
	atomic_uint failing;		/* threads that something is made to fail for right now */
	bool reloaded;			/* the module is not as it was */
	bool strayed;			/* there is a namespace that nobody waits for */
	unsigned long text;		/* where the module is */
	unsigned long text_size;
	unsigned int pcs;		/* that were seen in this program */
	uint8_t feature[FEATURES];	/* that it has */
};

extern struct shared *shared;
extern bool verbose;

void run_init(void);
void run_program(const struct program *program);
void run_check_alive(void);
const char *run_finding(void);
void feature_add(uint32_t a, uint32_t b);
void finding(const char *format, ...);

/* calls.c, in the process that runs a program */
void calls_init(const int ns[2]);
void calls_run(const struct program *program);

/* cover.c: which code of the module a thread runs */
#define COVER_THREADS	2

void cover_init(void);
void cover_locate(void);
void cover_start(unsigned int thread);
void cover_collect(void);

/* module.c: load and unload */
extern const char *const module_options[];

int module_load(const char *options);
int module_unload(void);
void module_nodes_open_to_all(void);

#endif /* BSDTUN_FUZZ_H */
