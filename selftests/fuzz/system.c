// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* sysfs, ethtool and module parameters; the process and the module themselves. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ops.h"

#define ROOT_ID		0

static const char *const attribute_words[] = {
	"unit", "owner", "group", "mode", "transient", "framing", "pid", "queues", "opens", NULL
};

WORDS(attribute);
static const char *const text_words[] = {
	"0", "1", "broadcast", "pointopoint", "none", "af", "1000", "-1", "2", "4294967294",
	"4294967295", "-2", "x", "empty", "newline", "70000", "1x", NULL
};

WORDS(text);
static const char *const limit_words[] = {
	"limit", "limit_max", "limit_min", "hold_time", "inflight", NULL
};

WORDS(limit);
static const char *const direction_words[] = {
	"get", "put", NULL
};

WORDS(direction);

static long file_put(const char *path, const struct call *call, const char *word)
{
	const void *data = call->len ? (const void *)call->data : word;
	size_t len = call->len ? call->len : strlen(word);
	long ret = 0;
	int fd;

	if (data == word && !strcmp(word, "empty")) {
		len = 0;
	} else if (data == word && !strcmp(word, "newline")) {
		data = "\n";
		len = 1;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, data, len) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static long file_get(const char *path)
{
	char buf[4097];
	long ret = 0;
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, sizeof(buf));
	if (len < 0)
		ret = -errno;
	else if (!len || buf[len - 1] != '\n' || memchr(buf, '\0', len))
		finding("%s: %zd bytes that are no line", path, len);
	close(fd);
	return ret;
}

static const int file_errnos[] = { ENOENT, ENODEV, EINVAL, ERANGE, EPERM, EACCES, EBUSY, EINTR, 0 };

/* sysfs is that of the first namespace. */
static long op_sysfs(const struct call *call)
{
	char path[128];

	snprintf(path, sizeof(path), "/tmp/sys/class/net/%s/bsdtun/%s", dev_name(call, 0),
		 attribute_words[call->arg[1]]);
	if (call->arg[2])
		return file_put(path, call, text_words[call->arg[3]]);
	return file_get(path);
}

/* Of the byte queue limits of a transmit queue. */
static long op_limit(const struct call *call)
{
	char path[128];

	snprintf(path, sizeof(path), "/tmp/sys/class/net/%s/queues/tx-%u/byte_queue_limits/%s",
		 dev_name(call, 0), call->arg[1], limit_words[call->arg[2]]);
	if (call->arg[3])
		return file_put(path, call, text_words[call->arg[4]]);
	return file_get(path);
}

static const char *const parameter_words[] = {
	"units", "name", "clone", "debug", NULL
};

WORDS(parameter);
static const char *const parameter_value_words[] = {
	"0", "1", "4", "5", "6", "x", "4097", "-1", "tun", "Y", "empty", "newline", NULL
};

WORDS(parameter_value);

static long op_param(const struct call *call)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/bsdtun/parameters/%s",
		 parameter_words[call->arg[0]]);
	if (!call->arg[1])
		return file_get(path);
	if (!call->arg[0])
		shared->reloaded = true;
	return file_put(path, call, parameter_value_words[call->arg[2]]);
}

static const char *const ethtool_how_words[] = {
	"driver", "set-info", "strings", "stats", "link", "settings", "timestamps", "features",
	"few-stats", "strings-other", NULL
};

WORDS(ethtool_how);

#define COUNTERS 14	/* of the driver */

static const int ethtool_errnos[] = { ENODEV, EOPNOTSUPP, EINVAL, EPERM, EFAULT, EINTR, 0 };

static long op_ethtool(const struct call *call)
{
	static const uint32_t commands[] = {
		ETHTOOL_GDRVINFO, ETHTOOL_GSSET_INFO, ETHTOOL_GSTRINGS, ETHTOOL_GSTATS,
		ETHTOOL_GLINK, ETHTOOL_GLINKSETTINGS, ETHTOOL_GET_TS_INFO, ETHTOOL_GFEATURES,
		ETHTOOL_GSTATS, ETHTOOL_GSTRINGS,
	};
	struct ifreq ifr = {};
	uint32_t *words = buffer_at(GOOD, 0);
	struct ethtool_link_settings *settings = (void *)words;
	int fd, ret, masks;

	memset(words, 0, 4096);
	words[0] = commands[call->arg[1]];
	switch (call->arg[1]) {
	case 1:
		((struct ethtool_sset_info *)words)->sset_mask = call->arg[2];
		break;
	case 2:
	case 9:
		words[1] = call->arg[1] == 2 ? ETH_SS_STATS : call->arg[2] % 16;
		words[2] = COUNTERS;
		break;
	case 3:
	case 8:
		words[1] = call->arg[1] == 3 ? COUNTERS : call->arg[2] % 64;
		break;
	}
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev_name(call, 0));
	ifr.ifr_data = (void *)words;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	/* The first answer is how long its masks are. */
	masks = settings->link_mode_masks_nwords;
	if (!ret && settings->cmd == ETHTOOL_GLINKSETTINGS && masks < 0) {
		settings->link_mode_masks_nwords = -masks;
		ret = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	}
	close(fd);
	return ret;
}

/* The process and the module */

static const char *const user_words[] = {
	"root", "stranger", NULL
};

WORDS(user);

static const int user_errnos[] = { EINVAL, EPERM, 0 };

/* Of the thread alone, so not through the library. */
static long op_user(const struct call *call)
{
	uid_t id = call->arg[0] ? STRANGER_ID : ROOT_ID;
	int ret;

	if (!id)
		syscall(SYS_setresuid, -1, id, -1);
	ret = syscall(SYS_setresgid, -1, id, -1);
	if (id)
		ret |= syscall(SYS_setresuid, -1, id, -1);
	return ret ? -errno : 0;
}

static const int netns_errnos[] = { EPERM, 0 };

static long op_netns(const struct call *call)
{
	return setns(namespaces[call->arg[0]], CLONE_NEWNET) ? -errno : 0;
}

static const int userns_errnos[] = { EINVAL, EPERM, ENOSPC, EUSERS, 0 };

/* A user namespace of its own, and a network namespace that belongs to it. */
static long op_userns(const struct call *call)
{
	(void)call;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -errno;
	shared->strayed = true;
	file_write("/proc/self/setgroups", "deny");
	file_write("/proc/self/uid_map", "0 0 1");
	file_write("/proc/self/gid_map", "0 0 1");
	return 0;
}

static struct kind option;

__attribute__((constructor)) static void name_options(void)
{
	option.words = module_options;
}

static const int module_errnos[] = { EAGAIN, EWOULDBLOCK, EBUSY, EPERM, ENOENT, EINVAL, EEXIST,
				     EINTR, 0 };

static long op_module(const struct call *call)
{
	int ret;

	cover_collect();
	/* Before: the program may end while the module goes, and this thread with it. */
	shared->reloaded = true;
	ret = module_unload();
	if (ret && ret != -ENOENT)
		return ret;
	cover_collect();
	ret = module_load(module_options[call->arg[0]]);
	cover_locate();
	module_nodes_open_to_all();
	return ret;
}

static long op_sleep(const struct call *call)
{
	struct timespec ts = { .tv_nsec = call->arg[0] * 1000000L };

	nanosleep(&ts, NULL);
	return 0;
}

const struct op system_ops[] = {
	{ "sysfs", 8, true, op_sysfs, file_errnos, { &dev, &attribute, &direction, &text } },
	{ "limit", 3, true, op_limit, file_errnos, { &dev, &two, &limit, &direction, &text } },
	{ "ethtool", 4, false, op_ethtool, ethtool_errnos, { &dev, &ethtool_how, &number } },
	{ "param", 2, true, op_param, file_errnos, { &parameter, &direction, &parameter_value } },
	{ "user", 2, false, op_user, user_errnos, { &user } },
	{ "netns", 2, false, op_netns, netns_errnos, { &two } },
	{ "userns", 1, false, op_userns, userns_errnos, { NULL } },
	{ "module", 1, false, op_module, module_errnos, { &option } },
	{ "sleep", 2, false, op_sleep, no_errnos, { &small } },
	{ NULL }
};
