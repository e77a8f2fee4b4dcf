/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the files that make the calls share: kinds of arguments, buffers, open files. */
#ifndef BSDTUN_FUZZ_OPS_H
#define BSDTUN_FUZZ_OPS_H

#include <sys/types.h>

#include "fuzz.h"
#include "util.h"

/* The kind of argument that is one of NAME_words. */
#define WORDS(name) static const struct kind name = { .words = name##_words }

#define STRANGER_ID	1000	/* of a user and a group without privileges */

/* calls.c */
extern const struct kind number, small, two, bits, slot, dev, buffer;
extern const char *const dev_words[];
extern const int no_errnos[];	/* but EBADF */

extern int namespaces[2];
extern bool concurrent;		/* the program uses the second thread */

const char *dev_name(const struct call *call, unsigned int i);
bool all_zero(const void *data, size_t len);

/* Each ends with one that has no name. */
extern const struct op file_ops[], ioctl_ops[], link_ops[], system_ops[];

/* ioctl.c: what a request may end with */
const int *ioctl_errnos(const struct call *call);

/* buffer.c */
#define BUFFER_MAX	(72 << 10)
#define MARGIN		64

enum buffer { GOOD, ODD, HALF, HOLE, NOWHERE, SEALED, KERNEL };

extern const char *const buffer_words[];

void buffers_init(void);
void buffers_of_thread(unsigned int thread);
void *buffer_at(enum buffer kind, size_t len);
bool can_be_written(enum buffer kind);
void canary_fill(unsigned char *buf, size_t len);
void canary_check(const char *what, const unsigned char *buf, size_t len, size_t room);

/* file.c */
extern const int open_errnos[];

#define SLOTS	3	/* open files that a program can name */

/* What stands before packets that are read through a file, as far as known: once the
 * prefix is not, nothing is any more.
 */
struct framing {
	enum prefix { PREFIX_UNKNOWN, PREFIX_NONE, PREFIX_AF, PREFIX_SOCKADDR } prefix;
	size_t header;		/* its length */
	bool vnet;		/* the header is virtio's, or was */
	bool batch;		/* many packets a call */
};

void slots_init(void);
void slots_close(void);
int slot_fd(const struct call *call);
struct framing *framing_of(const struct call *call);

#endif /* BSDTUN_FUZZ_OPS_H */
