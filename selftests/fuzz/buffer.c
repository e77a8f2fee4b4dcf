// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Buffers: of each thread its own, before memory that faults, between bytes that
 * nobody may change.
 */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "ops.h"

struct context {
	unsigned char *buffer;	/* BUFFER_MAX bytes between margins, then a hole */
	unsigned char *sealed;	/* a page that cannot be written to */
};

static __thread struct context *context;
static struct context contexts[COVER_THREADS];

static unsigned char *map(size_t size, int protection)
{
	void *area = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (area == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return area;
}

static void context_init(struct context *ctx)
{
	ctx->buffer = map(BUFFER_MAX + 2 * 4096, PROT_READ | PROT_WRITE);
	mprotect(ctx->buffer + BUFFER_MAX + 4096, 4096, PROT_NONE);
	ctx->buffer += 4096 - MARGIN;
	ctx->sealed = map(4096, PROT_READ);
}

const char *const buffer_words[] = {
	"good", "odd", "half", "hole", "null", "sealed", "kernel", NULL
};

void *buffer_at(enum buffer kind, size_t len)
{
	unsigned char *hole = context->buffer + MARGIN + BUFFER_MAX;

	switch (kind) {
	case GOOD:
		return context->buffer + MARGIN;
	case ODD:
		return context->buffer + MARGIN + 1;
	case HALF:
		return hole - len / 2;
	case HOLE:
		return hole;
	case NOWHERE:
		return NULL;
	case SEALED:
		return context->sealed;
	default:
		return (void *)0xffff888000001000UL;
	}
}

bool can_be_written(enum buffer kind)
{
	return kind == GOOD || kind == ODD;
}

/* Fills a buffer and its margins with bytes that the kernel would hardly send. */
static __thread uint64_t canary_key;

static unsigned char canary(const unsigned char *at)
{
	uint64_t x = ((uintptr_t)at + canary_key) * 0x9e3779b97f4a7c15ULL;

	return x >> 56;
}

void canary_fill(unsigned char *buf, size_t len)
{
	unsigned char *at;

	canary_key++;
	for (at = buf - MARGIN; at < buf + len + MARGIN; at++)
		*at = canary(at);
}

/* Of what is before, in and after the buffer just len bytes may have changed, and must. */
void canary_check(const char *what, const unsigned char *buf, size_t len, size_t room)
{
	const unsigned char *at;
	unsigned int same = 0;

	for (at = buf - MARGIN; at < buf + room + MARGIN; at++) {
		if (at >= buf && at < buf + len) {
			same = *at == canary(at) ? same + 1 : 0;
			if (same == 8)
				finding("%s of %zu bytes left those up to %zd as they were", what,
					len, at - buf);
		} else if (*at != canary(at)) {
			finding("%s of %zu bytes changed byte %zd", what, len, at - buf);
			return;
		}
	}
}

void buffers_init(void)
{
	unsigned int i;

	for (i = 0; i < COVER_THREADS; i++)
		context_init(&contexts[i]);
}

void buffers_of_thread(unsigned int thread)
{
	context = &contexts[thread];
}
