// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* KCOV: which code of the module a thread runs. Nothing else is instrumented. */

#include <err.h>
#include <fcntl.h>
#include <linux/kcov.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "fuzz.h"

#define AREA_WORDS	(64 << 10)

static struct {
	int fd;
	unsigned long *area;	/* a count, and so many addresses */
} cover[COVER_THREADS];

void cover_init(void)
{
	unsigned int i;

	for (i = 0; i < COVER_THREADS; i++) {
		cover[i].fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
		if (cover[i].fd < 0)
			err(2, "this kernel cannot tell what code runs (CONFIG_KCOV)");
		if (ioctl(cover[i].fd, KCOV_INIT_TRACE, AREA_WORDS))
			err(2, "KCOV_INIT_TRACE");
		cover[i].area = mmap(NULL, AREA_WORDS * sizeof(long), PROT_READ | PROT_WRITE,
				     MAP_SHARED, cover[i].fd, 0);
		if (cover[i].area == MAP_FAILED)
			err(2, "kcov");
	}
}

/* Where the module is loaded now; 0 if it is not. */
void cover_locate(void)
{
	static const char base[] = "/sys/module/bsdtun/";
	char path[64];
	FILE *file;

	shared->text = 0;
	shared->text_size = 0;
	snprintf(path, sizeof(path), "%ssections/.text", base);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fscanf(file, "%lx", &shared->text) != 1)
		shared->text = 0;
	fclose(file);
	snprintf(path, sizeof(path), "%scoresize", base);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fscanf(file, "%lu", &shared->text_size) != 1)
		shared->text_size = 0;
	fclose(file);
}

/* From now on, the calling thread's. */
void cover_start(unsigned int thread)
{
	__atomic_store_n(&cover[thread].area[0], 0, __ATOMIC_RELAXED);
	if (ioctl(cover[thread].fd, KCOV_ENABLE, KCOV_TRACE_PC))
		finding("KCOV_ENABLE: %m");
}

/* A feature for each pair of blocks that ran one after the other. */
static void collect(unsigned long *area)
{
	unsigned long n = __atomic_load_n(&area[0], __ATOMIC_RELAXED);
	unsigned long last = 0, i;

	for (i = 1; i <= n && i < AREA_WORDS; i++) {
		unsigned long pc = area[i] - shared->text;

		if (pc >= shared->text_size)
			continue;
		feature_add(last, pc);
		last = pc;
		shared->pcs++;
	}
	__atomic_store_n(&area[0], 0, __ATOMIC_RELAXED);
}

void cover_collect(void)
{
	unsigned int i;

	for (i = 0; i < COVER_THREADS; i++)
		collect(cover[i].area);
}
