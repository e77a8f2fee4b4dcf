/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What ip of iproute2 and its plugins have in common. No package installs a
 * header with it and nobody promises that it stays: it has been as it stands
 * here from iproute2 6.1 (and before) to 7.1. iproute2_fits() tells whether the
 * ip that has loaded the plugin is like that; before, nothing else of it may
 * be used.
 */
#ifndef _BSDTUN_IPROUTE2_H
#define _BSDTUN_IPROUTE2_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/rtnetlink.h>

/* What ip finds as <kind>_link_util. */
struct link_util {
	struct link_util *next;
	const char *id;
	int maxattr;
	int (*parse_opt)(struct link_util *util, int argc, char **argv,
			 struct nlmsghdr *request);
	void (*print_opt)(struct link_util *util, FILE *file,
			  struct rtattr *attr[]);
	void (*print_xstats)(struct link_util *util, FILE *file,
			     struct rtattr *attr);
	void (*print_help)(struct link_util *util, int argc, char **argv,
			   FILE *file);
	int (*parse_ifla_xstats)(struct link_util *util, int argc, char **argv);
	int (*print_ifla_xstats)(struct nlmsghdr *message, void *arg);
};

/* Room for a request in bytes, of which ip has a little more. */
#define REQUEST_ROOM	1024

/* When to print: when text is asked for, when JSON is, or either. */
#define PRINT_FP	1
#define PRINT_JSON	2
#define PRINT_ANY	4
#define COLOR_NONE	6

#define COUNT_OF(array)	(sizeof(array) / sizeof((array)[0]))

int addattr_l(struct nlmsghdr *request, int room, int type, const void *data,
	      int len);
_Noreturn void duparg(const char *word, const char *value);
_Noreturn void incomplete_command(void);
_Noreturn void invarg(const char *why, const char *value);
int parse_one_of(const char *word, const char *value,
		 const char * const names[], size_t count, int *err);
bool is_json_context(void);
void open_json_object(const char *key);
void close_json_object(void);
void open_json_array(int when, const char *key);
void close_json_array(int when, const char *key);
int print_color_on_off(int when, int color, const char *key,
		       const char *format, bool value);
int print_color_string(int when, int color, const char *key,
		       const char *format, const char *value);
int print_color_u64(int when, int color, const char *key, const char *format,
		    uint64_t value);
int print_color_uint(int when, int color, const char *key,
		     const char *format, unsigned int value);
/* ip -N, ip -s */
extern int numeric, show_stats;

/* An ip that lacks one of them is not to take the plugin for broken, without
 * a word: iproute2_fits() looks for them.
 */
#pragma weak addattr_l
#pragma weak duparg
#pragma weak incomplete_command
#pragma weak invarg
#pragma weak parse_one_of
#pragma weak is_json_context
#pragma weak open_json_object
#pragma weak close_json_object
#pragma weak open_json_array
#pragma weak close_json_array
#pragma weak print_color_on_off
#pragma weak print_color_string
#pragma weak print_color_u64
#pragma weak print_color_uint
#pragma weak numeric
#pragma weak show_stats

bool iproute2_fits(void);

#endif /* _BSDTUN_IPROUTE2_H */
