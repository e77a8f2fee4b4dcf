// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* ioctl(2), with requests of ours and others, by either ABI. */

#define _GNU_SOURCE
#include <errno.h>
#include <linux/bsdtun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ops.h"

static const int e_any[] = { EBADF, EIO, EFAULT, EINTR, 0 };
static const int e_privileged[] = { EBADF, EIO, EFAULT, EINTR, EPERM, 0 };
static const int e_info[] = { EBADF, EIO, EFAULT, EINTR, EPERM, EINVAL, EPROTOTYPE, 0 };
static const int e_info_openbsd[] = { EBADF, EIO, EFAULT, EINTR, EPERM, EINVAL, 0 };
static const int e_mode[] = { EBADF, EIO, EFAULT, EINTR, EPERM, EINVAL, EBUSY, 0 };
static const int e_name[] = { EBADF, ENXIO, EFAULT, EINTR, 0 };
static const int e_owner[] = { EBADF, EIO, EFAULT, EINTR, EINVAL, ESRCH, 0 };
static const int e_offload[] = { EBADF, EIO, EFAULT, EINTR, EINVAL, 0 };
static const int e_batch[] = { EBADF, EIO, EFAULT, EINTR, ENOMEM, 0 };
static const int e_no_header[] = { EBADF, EIO, EFAULT, EINTR, ENODEV, 0 };
static const int e_vfs[] = { EBADF, EFAULT, EINTR, 0 };
static const int e_unknown[] = { EBADF, ENOTTY, EINTR, 0 };

static const struct {
	const char *name;
	unsigned int number;
	const int *errnos;
} requests[] = {
	{ "TUNSDEBUG",		TUNSDEBUG,		e_privileged },
	{ "TUNGDEBUG",		TUNGDEBUG,		e_any },
	{ "TUNSIFINFO",		TUNSIFINFO,		e_info },
	{ "TUNGIFINFO",		TUNGIFINFO,		e_any },
	{ "TUNSIFINFO_OPENBSD",	TUNSIFINFO_OPENBSD,	e_info_openbsd },
	{ "TUNGIFINFO_OPENBSD",	TUNGIFINFO_OPENBSD,	e_any },
	{ "TUNSLMODE",		TUNSLMODE,		e_any },
	{ "TUNGIFNAME",		TUNGIFNAME,		e_name },
	{ "TUNGIFNAME_32",	_IOC(_IOC_READ, 't', 93, 32), e_name },
	{ "TUNSIFMODE",		TUNSIFMODE,		e_mode },
	{ "TUNSIFPID",		TUNSIFPID,		e_any },
	{ "TUNSIFHEAD",		TUNSIFHEAD,		e_any },
	{ "TUNGIFHEAD",		TUNGIFHEAD,		e_any },
	{ "TUNSTRANSIENT",	TUNSTRANSIENT,		e_privileged },
	{ "TUNGTRANSIENT",	TUNGTRANSIENT,		e_any },
	{ "TUNSCAP",		TUNSCAP,		e_offload },
	{ "TUNGCAP",		TUNGCAP,		e_no_header },
	{ "TUNDCAP",		TUNDCAP,		e_any },
	{ "TUNSVNETHDR",	TUNSVNETHDR,		e_offload },
	{ "TUNGVNETHDR",	TUNGVNETHDR,		e_any },
	{ "TUNSBATCH",		TUNSBATCH,		e_batch },
	{ "TUNGBATCH",		TUNGBATCH,		e_any },
	{ "FIONREAD",		FIONREAD,		e_any },
	{ "FIONBIO",		FIONBIO,		e_vfs },
	{ "FIOASYNC",		FIOASYNC,		e_vfs },
	{ "FIOSETOWN",		FIOSETOWN,		e_owner },
	{ "FIOGETOWN",		FIOGETOWN,		e_any },
	{ "TIOCSPGRP",		TIOCSPGRP,		e_owner },
	{ "TIOCGPGRP",		TIOCGPGRP,		e_any },
	/* A request of ours with another size or direction; one of others. */
	{ "variant",		0,			e_unknown },
	{ "foreign",		0,			e_unknown },
};

static const char *request_words[sizeof(requests) / sizeof(*requests) + 1];
static const struct kind request = { .words = request_words };

__attribute__((constructor)) static void name_requests(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		request_words[i] = requests[i].name;
}

static const char *const abi_words[] = {
	"native", "compat", NULL
};

WORDS(abi);

static int ioctl_compat(int fd, unsigned int number, void *arg)
{
	long ret = 54;	/* ioctl(2) of i386 */

	asm volatile("int $0x80" : "+a" (ret)
		     : "b" (fd), "c" (number), "d" ((uint32_t)(uintptr_t)arg)
		     : "memory", "r8", "r9", "r10", "r11");
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

static bool is_known(unsigned int number)
{
	unsigned int i;

	for (i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		if (requests[i].number == number)
			return true;
	return false;
}

/* Numbers whose type is ours or a terminal's, so that none is a filesystem's. */
static unsigned int request_number(unsigned int i, uint32_t value)
{
	unsigned int number = requests[i].number;

	if (!strcmp(requests[i].name, "variant"))
		number = _IOC(value & 3, 't', 88 + (value >> 2) % 13, value >> 6 & 0x3fff);
	else if (!strcmp(requests[i].name, "foreign"))
		number = (value & 0xffff0000) | 0x5400 | (value & 0xff);
	return number;
}

/* How much of the argument the request may read or write. */
static size_t request_size(unsigned int number)
{
	return _IOC_TYPE(number) == 't' ? _IOC_SIZE(number) : sizeof(int);
}

static bool writes(unsigned int number)
{
	if (_IOC_TYPE(number) == 't')
		return _IOC_DIR(number) & _IOC_READ;
	return number == FIONREAD || number == FIOGETOWN || number == TIOCGPGRP;
}

static void fill_argument(const struct call *call, unsigned int number, void *argument)
{
	struct tuninfo info = { .baudrate = 10000000, .mtu = call->arg[3], .type = 23 };
	struct tuninfo_openbsd openbsd = { .mtu = call->arg[3], .type = 131, .flags = 0x1010 };
	int value = call->arg[3];

	if (number == TUNSIFINFO)
		memcpy(argument, &info, sizeof(info));
	else if (number == TUNSIFINFO_OPENBSD)
		memcpy(argument, &openbsd, sizeof(openbsd));
	else
		memcpy(argument, &value, sizeof(value));
	memcpy(argument, call->data, call->len);
}

/* What a getter returns is what it may be, to the last byte. */
static void check_answer(unsigned int number, const void *argument)
{
	const struct tuninfo_openbsd *openbsd = argument;
	const struct tuninfo *info = argument;
	const char *name = argument;
	int value;

	memcpy(&value, argument, sizeof(value));
	switch (number) {
	case TUNGIFHEAD:
	case TUNGTRANSIENT:
	case TUNGBATCH:
		if (value != 0 && value != 1)
			finding("ioctl %#x returned %d", number, value);
		break;
	case TUNGIFINFO:
		if (info->type != 23 || info->dummy || info->mtu < BSDTUN_MIN_MTU)
			finding("TUNGIFINFO returned type %u, dummy %u, mtu %u", info->type,
				info->dummy, info->mtu);
		break;
	case TUNGIFINFO_OPENBSD:
		if (openbsd->type != 131 || openbsd->mtu < BSDTUN_MIN_MTU ||
		    openbsd->mtu > BSDTUN_MAX_MTU || openbsd->flags & ~0x1012)
			finding("TUNGIFINFO of OpenBSD returned type %u, flags %#x, mtu %u",
				openbsd->type, openbsd->flags, openbsd->mtu);
		break;
	case TUNGIFNAME:
	case _IOC(_IOC_READ, 't', 93, 32):
		if (!*name || !memchr(name, '\0', IFNAMSIZ) ||
		    !all_zero(name + strlen(name), IFNAMSIZ - strlen(name)))
			finding("TUNGIFNAME returned a name that is not clean");
		break;
	case TUNGCAP:
		if (value & ~BSDTUN_IFCAPS)
			finding("TUNGCAP returned %#x", value);
		break;
	case TUNGVNETHDR:
		if (value != 0 && value != 10 && value != 12)
			finding("TUNGVNETHDR returned %d", value);
		break;
	case FIONREAD:
		if (value < 0 || value > 64 * 70000)
			finding("FIONREAD returned %d", value);
		break;
	}
}

static void note_prefix(struct framing *now, enum prefix which, bool on)
{
	if (now->prefix == PREFIX_UNKNOWN)
		return;
	if (on)
		now->prefix = which;
	else if (now->prefix == which)
		now->prefix = PREFIX_NONE;
}

static void note_header(struct framing *now, bool vnet, size_t len)
{
	if (len || now->vnet == vnet) {
		now->header = len;
		now->vnet = vnet;
	}
}

static void note_framing(const struct call *call, unsigned int number, int value)
{
	struct framing *now = framing_of(call);

	switch (number) {
	case TUNSIFHEAD:
		note_prefix(now, PREFIX_AF, value);
		break;
	case TUNSLMODE:
		note_prefix(now, PREFIX_SOCKADDR, value);
		break;
	case TUNSCAP:
		note_header(now, false, sizeof(struct tun_hdr));
		break;
	case TUNDCAP:
		note_header(now, false, 0);
		break;
	case TUNSVNETHDR:
		note_header(now, true, value);
		break;
	case TUNSBATCH:
		now->batch = value;
		break;
	}
}

static long op_ioctl(const struct call *call)
{
	unsigned int number = request_number(call->arg[1], call->arg[3]);
	enum buffer kind = call->arg[2];
	size_t size = request_size(number), written = 0;
	unsigned char *argument = buffer_at(kind, size);
	int value = 0, ret;

	if (!requests[call->arg[1]].number && is_known(number))
		return 0;
	if (can_be_written(kind)) {
		canary_fill(argument, DATA_MAX);
		if (!writes(number))
			fill_argument(call, number, argument);
		memcpy(&value, argument, sizeof(value));
	} else if (kind == HALF) {
		memset(argument, 0, size / 2);
	}
	ret = call->arg[4] ? ioctl_compat(slot_fd(call), number, argument) :
			     ioctl(slot_fd(call), number, argument);
	if (ret)
		ret = -errno;
	if (ret >= 0 && !writes(number)) {
		if (can_be_written(kind))
			note_framing(call, number, value);
		else
			framing_of(call)->prefix = PREFIX_UNKNOWN;
	}
	if (!can_be_written(kind) || !writes(number))
		return ret;
	if (ret >= 0) {
		check_answer(number, argument);
		written = size;
		/* Of struct ifreq only the name. */
		if (_IOC_TYPE(number) == 't' && _IOC_NR(number) == 93)
			written = IFNAMSIZ;
	}
	canary_check("ioctl", argument, written, DATA_MAX);
	return ret;
}

const int *ioctl_errnos(const struct call *call)
{
	return requests[call->arg[1]].errnos;
}

const struct op ioctl_ops[] = {
	{ "ioctl", 20, true, op_ioctl, NULL, { &slot, &request, &buffer, &number, &abi } },
	{ NULL }
};
