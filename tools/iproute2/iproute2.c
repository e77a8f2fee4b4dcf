// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Is the ip that has loaded this plugin one whose interface we know? Its version
 * cannot be asked for, and would not tell of a distribution's patches. But ip
 * exports the link_util of each kind that it knows by itself: their size and
 * what is set in them show how struct link_util is laid out.
 */
#include "iproute2.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#define NAME_AND_ADDRESS(symbol)	{ #symbol, (const void *)&(symbol) }

static const struct {
	const char *name;
	const void *address;
} needed[] = {
	NAME_AND_ADDRESS(addattr_l),
	NAME_AND_ADDRESS(duparg),
	NAME_AND_ADDRESS(incomplete_command),
	NAME_AND_ADDRESS(invarg),
	NAME_AND_ADDRESS(parse_one_of),
	NAME_AND_ADDRESS(is_json_context),
	NAME_AND_ADDRESS(open_json_object),
	NAME_AND_ADDRESS(close_json_object),
	NAME_AND_ADDRESS(open_json_array),
	NAME_AND_ADDRESS(close_json_array),
	NAME_AND_ADDRESS(print_color_on_off),
	NAME_AND_ADDRESS(print_color_string),
	NAME_AND_ADDRESS(print_color_u64),
	NAME_AND_ADDRESS(print_color_uint),
	NAME_AND_ADDRESS(numeric),
	NAME_AND_ADDRESS(show_stats),
};

/* Kinds that ip has always had, and what they set. No two members that this
 * plugin sets are set by the same of them, so none can have changed places.
 */
static const struct known {
	const char *symbol;
	const char *id;
	bool maxattr;
	bool parse_opt;
	bool print_opt;
	bool print_help;
} kinds[] = {
	{ "vlan_link_util", "vlan", true, true, true, true },
	{ "tun_link_util", "tun", true, false, true, false },
	{ "nlmon_link_util", "nlmon", false, false, false, true },
};

static bool differs(const char *name, const char *how)
{
	fprintf(stderr,
		"link_bsdtun.so: not used, made for iproute2 6.1 to 7.1: in this ip %s %s\n",
		name, how);
	return false;
}

/* Whether an address lies in the program or library that begins at @base. */
static bool lies_in(const void *address, const void *base)
{
	Dl_info info;

	return dladdr(address, &info) && info.dli_fbase == base;
}

/* Whether a member that points to a function does so, if it is to. */
static bool function_is(const void *function, bool set, const void *base)
{
	return set ? function && lies_in(function, base) : !function;
}

static bool kind_fits(const struct known *known)
{
	const struct link_util *util = dlsym(RTLD_DEFAULT, known->symbol);
	const void *base;
	void *symbol;
	Dl_info info;

	if (!util)
		return differs(known->symbol, "is missing");
	if (!dladdr1(util, &info, &symbol, RTLD_DL_SYMENT) || !symbol)
		return differs(known->symbol, "has no size");
	if (((ElfW(Sym) *)symbol)->st_size != sizeof(*util))
		return differs(known->symbol, "has another size");

	/* What should be a string may be anything: is it one of ip's? */
	base = info.dli_fbase;
	if (!lies_in(util->id, base) || strcmp(util->id, known->id) ||
	    util->maxattr < known->maxattr ||
	    util->maxattr > (known->maxattr ? 255 : 0) ||
	    !function_is(util->parse_opt, known->parse_opt, base) ||
	    !function_is(util->print_opt, known->print_opt, base) ||
	    !function_is(util->print_xstats, false, base) ||
	    !function_is(util->print_help, known->print_help, base) ||
	    !function_is(util->parse_ifla_xstats, false, base) ||
	    !function_is(util->print_ifla_xstats, false, base))
		return differs(known->symbol, "has another layout");
	return true;
}

static bool check(void)
{
	size_t i;

	for (i = 0; i < COUNT_OF(needed); i++) {
		if (!needed[i].address)
			return differs(needed[i].name, "is missing");
	}
	for (i = 0; i < COUNT_OF(kinds); i++) {
		if (!kind_fits(&kinds[i]))
			return false;
	}
	return true;
}

/* Says once why not; ip asks for each link that it shows. */
bool iproute2_fits(void)
{
	static enum { UNKNOWN, FITS, DIFFERS } answer;

	if (answer == UNKNOWN)
		answer = check() ? FITS : DIFFERS;
	return answer == FITS;
}
