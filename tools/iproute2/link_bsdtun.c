// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The words of the link kind "bsdtun" for ip of iproute2. */

#include "iproute2.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bsdtun.h>

static const char * const mode_names[] = {
	[BSDTUN_MODE_POINTOPOINT]	= "pointopoint",
	[BSDTUN_MODE_BROADCAST]		= "broadcast",
};

static const char * const framing_names[] = {
	[BSDTUN_FRAMING_NONE]	= "none",
	[BSDTUN_FRAMING_AF]	= "af",
	[BSDTUN_FRAMING_SOCKADDR] = "sockaddr",
};

static const char * const offload_names[] = {
	[BSDTUN_HEADER_NONE]	= "none",
	[BSDTUN_HEADER_TUN]	= "tun_hdr",
	[BSDTUN_HEADER_VNET]	= "virtio_net_hdr",
};

/* As ethtool -S names them. */
static const char * const counter_names[] = {
	[IFLA_BSDTUN_COUNTER_TX_NO_READER]	= "tx_dropped_no_reader",
	[IFLA_BSDTUN_COUNTER_TX_FAMILY]		= "tx_dropped_family",
	[IFLA_BSDTUN_COUNTER_TX_OFFLOAD]	= "tx_dropped_offload",
	[IFLA_BSDTUN_COUNTER_TX_FULL]		= "tx_dropped_full",
	[IFLA_BSDTUN_COUNTER_TX_NOMEM]		= "tx_dropped_nomem",
	[IFLA_BSDTUN_COUNTER_TX_PURGED]		= "tx_dropped_purged",
	[IFLA_BSDTUN_COUNTER_TX_FAULT]		= "tx_dropped_fault",
	[IFLA_BSDTUN_COUNTER_RX_ERROR_LENGTH]	= "rx_errors_length",
	[IFLA_BSDTUN_COUNTER_RX_ERROR_FAMILY]	= "rx_errors_family",
	[IFLA_BSDTUN_COUNTER_RX_ERROR_HEADER]	= "rx_errors_header",
	[IFLA_BSDTUN_COUNTER_RX_ERROR_FAULT]	= "rx_errors_fault",
	[IFLA_BSDTUN_COUNTER_RX_DOWN]		= "rx_dropped_down",
	[IFLA_BSDTUN_COUNTER_RX_NOMEM]		= "rx_dropped_nomem",
	[IFLA_BSDTUN_COUNTER_RX_BACKLOG]	= "rx_dropped_backlog",
};

static const char * const switch_names[] = { "off", "on" };

static void explain(FILE *file)
{
	fprintf(file,
		"Usage: ... bsdtun [ unit UNIT ]\n"
		"		  [ owner USER ] [ group GROUP ]\n"
		"		  [ mode { pointopoint | broadcast } ]\n"
		"		  [ transient { on | off } ]\n"
		"		  [ framing { none | af } ]\n"
		"\n"
		"UNIT  := number of /dev/bsdtunUNIT, only with \"ip link add\"\n"
		"USER  := { name | number | none }\n"
		"GROUP := { name | number | none }\n");
}

/* False if the text is not a number below @end. */
static bool parse_number(const char *text, uint32_t end, uint32_t *number)
{
	unsigned long long value;
	char *rest;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &rest, 10);
	if (errno || *rest || value >= end)
		return false;
	*number = value;
	return true;
}

static uint32_t parse_unit(const char *text)
{
	uint32_t unit;

	if (!parse_number(text, UINT32_MAX, &unit))
		invarg("not the number of a unit", text);
	return unit;
}

static uint32_t parse_owner(const char *text)
{
	const struct passwd *user;
	uint32_t id;

	if (!strcmp(text, "none"))
		return BSDTUN_ID_NONE;
	if (parse_number(text, BSDTUN_ID_NONE, &id))
		return id;
	user = getpwnam(text);
	if (!user)
		invarg("no such user", text);
	return user->pw_uid;
}

static uint32_t parse_group(const char *text)
{
	const struct group *group;
	uint32_t id;

	if (!strcmp(text, "none"))
		return BSDTUN_ID_NONE;
	if (parse_number(text, BSDTUN_ID_NONE, &id))
		return id;
	group = getgrnam(text);
	if (!group)
		invarg("no such group", text);
	return group->gr_gid;
}

/* The words, each followed by a value: a number that @parse makes of it, or one
 * of @names.
 */
static const struct word {
	const char *word;
	int attribute;
	uint32_t (*parse)(const char *text);
	const char * const *names;
	size_t names_count;
} words[] = {
	{ "unit", IFLA_BSDTUN_UNIT, .parse = parse_unit },
	{ "owner", IFLA_BSDTUN_OWNER, .parse = parse_owner },
	{ "group", IFLA_BSDTUN_GROUP, .parse = parse_group },
	{ "mode", IFLA_BSDTUN_MODE, NULL, mode_names, COUNT_OF(mode_names) },
	{ "transient", IFLA_BSDTUN_TRANSIENT, NULL, switch_names,
	  COUNT_OF(switch_names) },
	{ "framing", IFLA_BSDTUN_FRAMING, NULL, framing_names,
	  BSDTUN_FRAMING_AF + 1 },
};

static const struct word *find_word(const char *text)
{
	size_t i;

	for (i = 0; i < COUNT_OF(words); i++) {
		if (!strcmp(words[i].word, text))
			return &words[i];
	}
	return NULL;
}

static int put(struct nlmsghdr *request, const struct word *word,
	       const char *text)
{
	uint32_t number;
	uint8_t index;
	int err;

	if (word->parse) {
		number = word->parse(text);
		return addattr_l(request, REQUEST_ROOM, word->attribute,
				 &number, sizeof(number));
	}
	index = parse_one_of(word->word, text, word->names, word->names_count,
			     &err);
	if (err)
		return err;
	return addattr_l(request, REQUEST_ROOM, word->attribute, &index,
			 sizeof(index));
}

static int parse_opt(struct link_util *util, int argc, char **argv,
		     struct nlmsghdr *request)
{
	bool given[IFLA_BSDTUN_MAX + 1] = { false };
	const struct word *word;
	int i;

	for (i = 0; i < argc; i += 2) {
		if (!strcmp(argv[i], "help")) {
			explain(stderr);
			return -1;
		}
		word = find_word(argv[i]);
		if (!word) {
			fprintf(stderr, "%s: unknown option \"%s\"?\n",
				util->id, argv[i]);
			explain(stderr);
			return -1;
		}
		if (i + 1 == argc)
			incomplete_command();
		if (given[word->attribute])
			duparg(argv[i], argv[i + 1]);
		given[word->attribute] = true;
		if (put(request, word, argv[i + 1]))
			return -1;
	}
	return 0;
}

static uint32_t get_u32(const struct rtattr *attr)
{
	uint32_t value;

	memcpy(&value, RTA_DATA(attr), sizeof(value));
	return value;
}

static uint8_t get_u8(const struct rtattr *attr)
{
	return *(uint8_t *)RTA_DATA(attr);
}

static void print_uint(const struct rtattr *attr, const char *key,
		       const char *format)
{
	if (attr)
		print_color_uint(PRINT_ANY, COLOR_NONE, key, format,
				 get_u32(attr));
}

/* A later driver may have values that we know no name of. */
static void print_name(uint8_t value, const char *key, const char *format,
		       const char * const names[], size_t count)
{
	print_color_string(PRINT_ANY, COLOR_NONE, key, format,
			   value < count ? names[value] : "unknown");
}

static void print_switch(bool on, const char *key, const char *format)
{
	print_color_on_off(PRINT_ANY, COLOR_NONE, key, format, on);
}

/* By name for people, unless they ask for numbers; by number for programs. */
static bool wants_name(const struct rtattr *attr)
{
	return attr && !numeric && !is_json_context();
}

static bool is_set(const struct rtattr *attr)
{
	return attr && get_u32(attr) != BSDTUN_ID_NONE;
}

static void print_owner(const struct rtattr *attr)
{
	const struct passwd *user = NULL;

	if (!is_set(attr))
		return;
	if (wants_name(attr))
		user = getpwuid(get_u32(attr));
	if (user)
		print_color_string(PRINT_ANY, COLOR_NONE, "owner", "owner %s ",
				   user->pw_name);
	else
		print_uint(attr, "owner", "owner %u ");
}

static void print_group(const struct rtattr *attr)
{
	const struct group *group = NULL;

	if (!is_set(attr))
		return;
	if (wants_name(attr))
		group = getgrgid(get_u32(attr));
	if (group)
		print_color_string(PRINT_ANY, COLOR_NONE, "group", "group %s ",
				   group->gr_name);
	else
		print_uint(attr, "group", "group %u ");
}

static const struct rtattr *first_of(const struct rtattr *nest, int *room)
{
	*room = RTA_PAYLOAD(nest);
	return RTA_DATA(nest);
}

/* Each open file, and what it has before its packets. */
static void print_files(const struct rtattr *nest)
{
	const struct rtattr *attr;
	struct bsdtun_file file;
	int room;

	if (!nest)
		return;
	open_json_array(PRINT_JSON, "files");
	for (attr = first_of(nest, &room); RTA_OK(attr, room);
	     attr = RTA_NEXT(attr, room)) {
		if (attr->rta_type != IFLA_BSDTUN_FILE ||
		    RTA_PAYLOAD(attr) < sizeof(file))
			continue;
		memcpy(&file, RTA_DATA(attr), sizeof(file));
		open_json_object(NULL);
		print_color_uint(PRINT_ANY, COLOR_NONE, "queue", "file %u ",
				 file.queue);
		print_name(file.framing, "framing", "framing %s ",
			   framing_names, COUNT_OF(framing_names));
		print_name(file.offload, "offload", "offload %s ",
			   offload_names, COUNT_OF(offload_names));
		print_switch(file.batch, "batch", "batch %s ");
		close_json_object();
	}
	close_json_array(PRINT_JSON, NULL);
}

/* People are told what was lost, programs also what was not. */
static void print_counters(const struct rtattr *nest)
{
	const struct rtattr *attr;
	uint64_t value;
	int room;

	if (!nest || !show_stats)
		return;
	open_json_object("counters");
	for (attr = first_of(nest, &room); RTA_OK(attr, room);
	     attr = RTA_NEXT(attr, room)) {
		if (attr->rta_type >= COUNT_OF(counter_names) ||
		    !counter_names[attr->rta_type])
			continue;
		memcpy(&value, RTA_DATA(attr), sizeof(value));
		print_color_u64(PRINT_JSON, COLOR_NONE,
				counter_names[attr->rta_type], NULL, value);
		if (!value)
			continue;
		print_color_string(PRINT_FP, COLOR_NONE, NULL, "%s ",
				   counter_names[attr->rta_type]);
		print_color_u64(PRINT_FP, COLOR_NONE, NULL, "%" PRIu64 " ",
				value);
	}
	close_json_object();
}

static void print_opt(struct link_util *util, FILE *file, struct rtattr *attr[])
{
	(void)util;
	(void)file;
	if (!attr)
		return;
	print_uint(attr[IFLA_BSDTUN_UNIT], "unit", "unit %u ");
	print_owner(attr[IFLA_BSDTUN_OWNER]);
	print_group(attr[IFLA_BSDTUN_GROUP]);
	if (attr[IFLA_BSDTUN_MODE])
		print_name(get_u8(attr[IFLA_BSDTUN_MODE]), "mode", "mode %s ",
			   mode_names, COUNT_OF(mode_names));
	if (attr[IFLA_BSDTUN_TRANSIENT])
		print_switch(get_u8(attr[IFLA_BSDTUN_TRANSIENT]), "transient",
			     "transient %s ");
	if (attr[IFLA_BSDTUN_FRAMING])
		print_name(get_u8(attr[IFLA_BSDTUN_FRAMING]), "framing",
			   "framing %s ", framing_names,
			   COUNT_OF(framing_names));
	if (attr[IFLA_BSDTUN_PID] && get_u32(attr[IFLA_BSDTUN_PID]))
		print_uint(attr[IFLA_BSDTUN_PID], "pid", "pid %u ");
	print_uint(attr[IFLA_BSDTUN_QUEUES], "queues", "queues %u ");
	print_uint(attr[IFLA_BSDTUN_OPENS], "opens", "opens %u ");
	print_files(attr[IFLA_BSDTUN_FILES]);
	print_counters(attr[IFLA_BSDTUN_COUNTERS]);
}

static void print_help(struct link_util *util, int argc, char **argv,
		       FILE *file)
{
	(void)util;
	(void)argc;
	(void)argv;
	explain(file);
}

static struct link_util util = {
	.id		= "bsdtun",
	.maxattr	= IFLA_BSDTUN_MAX,
	.parse_opt	= parse_opt,
	.print_opt	= print_opt,
	.print_help	= print_help,
};

void (*find_util(void))(void)
{
	return iproute2_fits() ? (void (*)(void))&util : NULL;
}

/* The name that ip looks up. It is an indirect symbol, whose address is what
 * find_util() returns when it is looked up: that of the link_util for an ip
 * that we know, and none for another, which then goes on as if there was no
 * plugin.
 */
void bsdtun_link_util(void)
	__attribute__((ifunc("find_util"), visibility("default")));
