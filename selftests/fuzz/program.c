// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Programs: made at random, changed, written and read as text. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static uint64_t state = 1;

void random_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15ULL | 1;
}

static uint32_t random32(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL >> 32;
}

uint32_t random_below(uint32_t limit)
{
	return (uint64_t)random32() * limit >> 32;
}

static bool one_in(uint32_t n)
{
	return !random_below(n);
}

/* 0: any number. */
unsigned int kind_size(const struct kind *kind)
{
	unsigned int n = 0;

	if (!kind->words)
		return kind->limit;
	while (kind->words[n])
		n++;
	return n;
}

unsigned int op_args(const struct op *op)
{
	unsigned int n = 0;

	while (n < ARGS_MAX && op->kind[n])
		n++;
	return n;
}

/* Where something changes: sizes of headers, prefixes and packets, limits of the
 * MTU, flags, address families, process and user numbers.
 */
static uint32_t random_number(void)
{
	static const uint32_t edges[] = {
		0, 1, 2, 3, 4, 5, 10, 12, 16, 20, 21, 23, 24, 28, 30, 40, 41, 64, 71, 72, 131,
		500, 1000, 1280, 1499, 1500, 4095, 4096, 0x10, 0x1000, 0x1002, 0x1010, 0x8010,
		32768, 65499, 65534, 65535, 65536, 65539, 65540, 0x7fffffff, 0x80000000,
		0xfffffffe, 0xffffffff,
	};

	switch (random_below(4)) {
	case 0:
		return random_below(128);
	case 1:
		return random32() >> random_below(32);
	default:
		return edges[random_below(sizeof(edges) / sizeof(*edges))];
	}
}

/* Of several the first are what makes most sense. */
static uint32_t random_arg(const struct kind *kind)
{
	unsigned int size = kind_size(kind);

	if (!size)
		return random_number();
	return random_below(one_in(2) ? size : (size + 3) / 4);
}

static void random_data(struct call *call)
{
	unsigned int i;

	call->len = random_below(one_in(4) ? DATA_MAX : 24);
	for (i = 0; i < call->len; i++)
		call->data[i] = one_in(2) ? random_number() : random32();
}

/* Most calls allocate a few times, those that load the module very often. */
static uint16_t random_nth(void)
{
	return 1 + random_below(one_in(4) ? 400 : 20);
}

static void random_call(struct call *call)
{
	unsigned int sum = 0, i;

	memset(call, 0, sizeof(*call));
	for (i = 0; i < op_count; i++)
		sum += ops[i].weight;
	sum = random_below(sum);
	while (sum >= ops[call->op].weight)
		sum -= ops[call->op++].weight;
	for (i = 0; i < op_args(&ops[call->op]); i++)
		call->arg[i] = random_arg(ops[call->op].kind[i]);
	if (ops[call->op].data && one_in(3))
		random_data(call);
	call->async = one_in(12);
	if (one_in(12))
		call->fail = random_nth();
}

void program_random(struct program *program)
{
	unsigned int i;

	program->calls = 2 + random_below(CALLS_MAX - 2);
	for (i = 0; i < program->calls; i++)
		random_call(&program->call[i]);
	/* Without an open file there is little to see. */
	memset(program->call, 0, sizeof(*program->call));
}

static void insert(struct program *program, unsigned int at, const struct call *call)
{
	if (program->calls == CALLS_MAX)
		return;
	memmove(&program->call[at + 1], &program->call[at],
		(program->calls - at) * sizeof(*call));
	program->call[at] = *call;
	program->calls++;
}

void program_remove(struct program *program, unsigned int first, unsigned int count)
{
	memmove(&program->call[first], &program->call[first + count],
		(program->calls - first - count) * sizeof(*program->call));
	program->calls -= count;
}

static void mutate_call(struct call *call)
{
	const struct op *op = &ops[call->op];
	unsigned int args = op_args(op), i;

	switch (random_below(op->data ? 8 : 6)) {
	case 0:
		call->async = !call->async;
		break;
	case 1:
		call->fail = one_in(2) ? 0 : random_nth();
		break;
	default:
		if (!args)
			break;
		i = random_below(args);
		if (!kind_size(op->kind[i]) && one_in(3))
			call->arg[i] += random_below(17) - 8;
		else
			call->arg[i] = random_arg(op->kind[i]);
		break;
	case 6:
		random_data(call);
		break;
	case 7:
		if (call->len)
			call->data[random_below(call->len)] = random_number();
		break;
	}
}

/* The front of one and the back of another. */
static void splice(struct program *program, const struct program *other)
{
	unsigned int keep = random_below(program->calls + 1);
	unsigned int from = random_below(other->calls + 1);

	program->calls = keep;
	while (from < other->calls && program->calls < CALLS_MAX)
		program->call[program->calls++] = other->call[from++];
}

void program_mutate(struct program *program, const struct program *other)
{
	unsigned int rounds = 1 + random_below(one_in(4) ? 8 : 3);
	struct call call;

	while (rounds--) {
		unsigned int at = random_below(program->calls + 1);
		bool none = at == program->calls;

		switch (random_below(10)) {
		case 0:
			splice(program, other);
			break;
		case 1:
			if (!none && program->calls > 1)
				program_remove(program, at, 1);
			break;
		case 2:
			if (!none) {
				call = program->call[at];
				insert(program, random_below(program->calls + 1), &call);
			}
			break;
		case 3:
		case 4:
		case 5:
			random_call(&call);
			insert(program, at, &call);
			break;
		default:
			if (!none)
				mutate_call(&program->call[at]);
			break;
		}
	}
}

static char *print_call(const struct call *call, char *text)
{
	const struct op *op = &ops[call->op];
	unsigned int i;

	if (call->async)
		text += sprintf(text, "& ");
	if (call->fail)
		text += sprintf(text, "!%u ", call->fail);
	text += sprintf(text, "%s", op->name);
	for (i = 0; i < op_args(op); i++) {
		if (op->kind[i]->words)
			text += sprintf(text, " %s", op->kind[i]->words[call->arg[i]]);
		else
			text += sprintf(text, call->arg[i] < 100000 ? " %u" : " %#x", call->arg[i]);
	}
	if (call->len) {
		text += sprintf(text, " x");
		for (i = 0; i < call->len; i++)
			text += sprintf(text, "%02x", call->data[i]);
	}
	return text;
}

/* A line; CALLS_MAX calls of some 400 characters fit. */
void program_print(const struct program *program, char text[TEXT_MAX])
{
	unsigned int i;

	*text = '\0';
	for (i = 0; i < program->calls; i++) {
		if (i)
			text += sprintf(text, "; ");
		text = print_call(&program->call[i], text);
	}
}

static bool parse_data(const char *word, struct call *call)
{
	unsigned int byte;

	while (*word) {
		if (call->len == DATA_MAX || !isxdigit(word[0]) || !isxdigit(word[1]) ||
		    sscanf(word, "%2x", &byte) != 1)
			return false;
		call->data[call->len++] = byte;
		word += 2;
	}
	return true;
}

static bool parse_arg(const char *word, const struct kind *kind, uint32_t *arg)
{
	unsigned int size = kind_size(kind);
	char *end;

	if (kind->words) {
		for (*arg = 0; *arg < size; ++*arg)
			if (!strcmp(kind->words[*arg], word))
				return true;
		return false;
	}
	*arg = strtoul(word, &end, 0);
	return !*end && (!size || *arg < size);
}

static bool parse_call(char *text, struct call *call)
{
	const struct op *op;
	unsigned int i = 0;
	char *word, *rest;

	memset(call, 0, sizeof(*call));
	word = strtok_r(text, " \t", &rest);
	if (word && !strcmp(word, "&")) {
		call->async = true;
		word = strtok_r(NULL, " \t", &rest);
	}
	if (word && *word == '!') {
		call->fail = atoi(word + 1);
		word = strtok_r(NULL, " \t", &rest);
	}
	while (word && call->op < op_count && strcmp(ops[call->op].name, word))
		call->op++;
	if (!word || call->op == op_count)
		return false;
	op = &ops[call->op];
	for (; (word = strtok_r(NULL, " \t", &rest)); i++) {
		if (i < op_args(op)) {
			if (!parse_arg(word, op->kind[i], &call->arg[i]))
				return false;
		} else if (i > op_args(op) || !op->data || *word != 'x' ||
			   !parse_data(word + 1, call)) {
			return false;
		}
	}
	return i >= op_args(op);
}

bool program_parse(const char *text, struct program *program)
{
	char copy[TEXT_MAX], *line, *rest;

	program->calls = 0;
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return false;
	for (line = strtok_r(copy, ";\n", &rest); line; line = strtok_r(NULL, ";\n", &rest)) {
		line += strspn(line, " \t");
		if (!*line)
			continue;
		if (program->calls == CALLS_MAX ||
		    !parse_call(line, &program->call[program->calls++]))
			return false;
	}
	return true;
}
