/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * libc's <stdlib.h>, and what the BSDs' declares beside it that a program with
 * a tun(4) code path calls.
 */

/* A compiler that is to be pedantic knows no include_next elsewhere. */
#pragma GCC system_header
#include_next <stdlib.h>

#ifndef _BSDTUN_STDLIB_H_
#define _BSDTUN_STDLIB_H_

/* As on the BSDs, not for a program that asks for a standard's names alone; nor
 * in C as it was before it had inline functions.
 */
#if !defined(__STRICT_ANSI__) || \
	((defined(_DEFAULT_SOURCE) || defined(_BSD_SOURCE) || \
	  defined(_GNU_SOURCE)) && \
	 (defined(__cplusplus) || \
	  (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)))
#include <devname.h>
#endif

#endif /* _BSDTUN_STDLIB_H_ */
