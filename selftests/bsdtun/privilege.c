// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Who may do what: the table of SECURITY.md, each cell of it done by a process of
 * that person's, and what a table does not show.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#ifndef FIOSETOWN	/* <asm/sockios.h> */
#define FIOSETOWN	0x8901
#define FIOGETOWN	0x8903
#endif

#define NODE		"/dev/" DEV
#define CLONING_NODE	"/dev/bsdtun"
#define ATTRIBUTES	"/sys/class/net/" DEV "/bsdtun/"
#define PARAMETERS	"/sys/module/bsdtun/parameters/"
#define OTHER_NAME	"vpn"

#define NOBODY		BSDTUN_ID_NONE
#define ALICE		1000
#define BOB		1001
#define STAFF		2000
#define GUESTS		2001

#define CAPABILITY(n)	(1ULL << (n))
#define ALL		(CAPABILITY(CAP_LAST_CAP + 1) - 1)

/* The people, and where the interface stands: in the network namespace of the test, that
 * of the machine's root so to speak, unless told otherwise.
 */
enum who {
	ROOT,
	BARE_ROOT,	/* user 0 without a capability */
	ADMIN,		/* CAP_NET_ADMIN and nothing else */
	REST,		/* every other capability */
	OWNER,
	MEMBER,
	SECOND_MEMBER,	/* by a supplementary group */
	OWNER_MEMBER,
	STRANGER,
	/* Root of a user namespace */
	AT_HOME,	/* over the network namespace that the interface is in */
	GUEST,		/* in the interface's network namespace, which is not theirs */
	AFAR,		/* in a network namespace of theirs; the interface is elsewhere */
	OWNER_AFAR,	/* the same, and the owner of the interface */
	ROOT_AFAR,	/* the same, and user 0 outside */
	/* The machine's root, and the interface stands in somebody's network namespace */
	VISITOR,
	PEOPLE
};

static const struct person {
	int uid, gid, other_gid;
	unsigned long long capabilities;
	int namespaces;		/* then as root of new ones, of which one is CLONE_NEWUSER */
	bool with_interface;	/* it stands in their network namespace */
} people[PEOPLE] = {
	[ROOT]		= { .capabilities = ALL },
	[BARE_ROOT]	= { },
	[ADMIN]		= { BOB, GUESTS, 0, CAPABILITY(CAP_NET_ADMIN), 0, false },
	[REST]		= { BOB, GUESTS, 0, ALL & ~CAPABILITY(CAP_NET_ADMIN), 0, false },
	[OWNER]		= { ALICE, GUESTS, 0, 0, 0, false },
	[MEMBER]	= { BOB, STAFF, GUESTS, 0, 0, false },
	[SECOND_MEMBER]	= { BOB, GUESTS, STAFF, 0, 0, false },
	[OWNER_MEMBER]	= { ALICE, STAFF, 0, 0, 0, false },
	[STRANGER]	= { BOB, GUESTS, 0, 0, 0, false },
	[AT_HOME]	= { BOB, GUESTS, 0, 0, CLONE_NEWUSER | CLONE_NEWNET, true },
	[GUEST]		= { BOB, GUESTS, 0, 0, CLONE_NEWUSER, false },
	[AFAR]		= { BOB, GUESTS, 0, 0, CLONE_NEWUSER | CLONE_NEWNET, false },
	[OWNER_AFAR]	= { ALICE, GUESTS, 0, 0, CLONE_NEWUSER | CLONE_NEWNET, false },
	/* CAP_SETFCAP is what it takes to be user 0 inside as well. */
	[ROOT_AFAR]	= { 0, 0, 0, CAPABILITY(CAP_SETFCAP), CLONE_NEWUSER | CLONE_NEWNET, false },
	[VISITOR]	= { .capabilities = ALL, .with_interface = true },
};

/* What someone does, with a file that may have been passed: returns 0 or -errno. */
struct deed {
	const char *name;
	int (*act)(int fd, const struct deed *deed);
	unsigned long request;	/* of an ioctl */
	int attribute;
	int value;
	const char *text;
};

static int open_unit(int fd, const struct deed *deed)
{
	(void)deed;
	fd = unit_open(0, O_RDWR);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int open_and_find(int fd, const struct deed *deed)
{
	return open_unit(fd, deed) ?: link_index(DEV) ? 0 : -ENODEV;
}

static const struct deed opens[] = {
	{ .name = "open", .act = open_unit },
	{ }
};

static int open_cloning(int fd, const struct deed *deed)
{
	int there;

	(void)deed;
	fd = open(CLONING_NODE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	there = link_index(DEV);
	close(fd);
	return there ? 0 : -ENODEV;
}

static const struct deed creates[] = {
	{ .name = "open", .act = open_and_find },
	{ .name = "open of the cloning node", .act = open_cloning },
	{ }
};

static int call(int fd, const struct deed *deed)
{
	union {
		int value;
		struct tuninfo info;
		struct ifreq ifr;
	} arg = { .value = deed->value };

	return ioctl(fd, deed->request, &arg) ? -errno : 0;
}

static int call_after_TUNSCAP(int fd, const struct deed *deed)
{
	int none = 0;

	return ioctl(fd, TUNSCAP, &none) ? -errno : call(fd, deed);
}

static int set_info(int fd, const struct deed *deed)
{
	struct tuninfo info = { .mtu = deed->value, .type = BSDTUN_IFT_PPP };

	return ioctl(fd, TUNSIFINFO, &info) ? -errno : 0;
}

/* It takes the flags as they are. */
static int set_info_openbsd(int fd, const struct deed *deed)
{
	struct tuninfo_openbsd info;

	if (ioctl(fd, TUNGIFINFO_OPENBSD, &info))
		return -errno;
	info.mtu = deed->value;
	return ioctl(fd, TUNSIFINFO_OPENBSD, &info) ? -errno : 0;
}

static const struct deed changes[] = {
	{ .name = "TUNSIFINFO", .act = set_info, .value = 1280 },
	{ .name = "TUNSIFINFO_OPENBSD", .act = set_info_openbsd, .value = 1281 },
	{ .name = "TUNSIFMODE", .act = call, .request = TUNSIFMODE, .value = IFF_BROADCAST },
	{ .name = "TUNSTRANSIENT", .act = call, .request = TUNSTRANSIENT, .value = 1 },
	{ }
};

static int call_with_self(int fd, const struct deed *deed)
{
	int self = getpid();

	return ioctl(fd, deed->request, &self) ? -errno : 0;
}

/* There is nothing to be read, but they may. */
static int read_file(int fd, const struct deed *deed)
{
	char buf[64];

	(void)deed;
	return read(fd, buf, sizeof(buf)) < 0 && errno != EAGAIN ? -errno : 0;
}

static int write_file(int fd, const struct deed *deed)
{
	ssize_t len = strlen(deed->text);

	return write(fd, deed->text, len) == len ? 0 : -errno;
}

static const struct deed uses[] = {
	{ .name = "TUNGDEBUG", .act = call, .request = TUNGDEBUG },
	{ .name = "TUNGIFINFO", .act = call, .request = TUNGIFINFO },
	{ .name = "TUNGIFINFO_OPENBSD", .act = call, .request = TUNGIFINFO_OPENBSD },
	{ .name = "TUNSLMODE", .act = call, .request = TUNSLMODE, .value = 1 },
	{ .name = "TUNGIFNAME", .act = call, .request = TUNGIFNAME },
	{ .name = "TUNSIFPID", .act = call, .request = TUNSIFPID },
	{ .name = "TUNSIFHEAD", .act = call, .request = TUNSIFHEAD },
	{ .name = "TUNGIFHEAD", .act = call, .request = TUNGIFHEAD },
	{ .name = "TUNGTRANSIENT", .act = call, .request = TUNGTRANSIENT },
	{ .name = "TUNSCAP", .act = call, .request = TUNSCAP, .value = BSDTUN_IFCAP_CSUM_TCPv4 },
	{ .name = "TUNGCAP", .act = call_after_TUNSCAP, .request = TUNGCAP },
	{ .name = "TUNDCAP", .act = call, .request = TUNDCAP },
	{ .name = "TUNSVNETHDR", .act = call, .request = TUNSVNETHDR },
	{ .name = "TUNGVNETHDR", .act = call, .request = TUNGVNETHDR },
	{ .name = "TUNSBATCH", .act = call, .request = TUNSBATCH },
	{ .name = "TUNGBATCH", .act = call, .request = TUNGBATCH },
	{ .name = "FIONREAD", .act = call, .request = FIONREAD },
	{ .name = "FIONBIO", .act = call, .request = FIONBIO, .value = 1 },
	{ .name = "FIOASYNC", .act = call, .request = FIOASYNC },
	{ .name = "FIOSETOWN", .act = call_with_self, .request = FIOSETOWN },
	{ .name = "FIOGETOWN", .act = call, .request = FIOGETOWN },
	{ .name = "TIOCSPGRP", .act = call, .request = TIOCSPGRP },
	{ .name = "TIOCGPGRP", .act = call, .request = TIOCGPGRP },
	{ .name = "read", .act = read_file },
	{ .name = "write", .act = write_file, .text = "E" },
	{ }
};

static const struct deed debugs[] = {
	{ .name = "TUNSDEBUG", .act = call, .request = TUNSDEBUG },
	{ }
};

static int add(int fd, const struct deed *deed)
{
	(void)fd;
	return link_add(deed->text, "bsdtun", 1);
}

static const struct deed adds[] = {
	{ .name = "link add with the unit's name", .act = add, .text = DEV },
	{ .name = "link add with another name", .act = add, .text = OTHER_NAME },
	{ }
};

/* What stands in another namespace cannot even be named. */
static int set_attribute(int fd, const struct deed *deed)
{
	bool narrow = deed->attribute >= IFLA_BSDTUN_MODE;
	uint8_t octet = deed->value;
	uint32_t word = deed->value;

	(void)fd;
	if (!link_index(DEV))
		return -ENODEV;
	return link_set_attribute(DEV, deed->attribute, narrow ? (void *)&octet : &word,
				   narrow ? sizeof(octet) : sizeof(word));
}

static int set_mtu(int fd, const struct deed *deed)
{
	(void)fd;
	return link_index(DEV) ? link_set_mtu(DEV, deed->value) : -ENODEV;
}

static int set_txqlen(int fd, const struct deed *deed)
{
	(void)fd;
	return link_index(DEV) ? link_set_txqlen(DEV, deed->value) : -ENODEV;
}

static int up_and_down(int fd, const struct deed *deed)
{
	(void)fd;
	(void)deed;
	return link_index(DEV) ? link_up(DEV) ?: link_down(DEV) : -ENODEV;
}

static int rename_and_back(int fd, const struct deed *deed)
{
	(void)fd;
	if (!link_index(DEV))
		return -ENODEV;
	return link_rename(DEV, deed->text) ?: link_rename(deed->text, DEV);
}

static const struct deed settings[] = {
	{ .name = "link set owner", .act = set_attribute, .attribute = IFLA_BSDTUN_OWNER },
	{ .name = "link set group", .act = set_attribute, .attribute = IFLA_BSDTUN_GROUP,
	  .value = BSDTUN_ID_NONE },
	{ .name = "link set mode", .act = set_attribute, .attribute = IFLA_BSDTUN_MODE,
	  .value = BSDTUN_MODE_BROADCAST },
	{ .name = "link set transient", .act = set_attribute, .attribute = IFLA_BSDTUN_TRANSIENT,
	  .value = 1 },
	{ .name = "link set framing", .act = set_attribute, .attribute = IFLA_BSDTUN_FRAMING,
	  .value = BSDTUN_FRAMING_AF },
	{ .name = "link set mtu", .act = set_mtu, .value = 1300 },
	{ .name = "link set txqueuelen", .act = set_txqlen, .value = 7 },
	{ .name = "link set up", .act = up_and_down },
	{ .name = "link set name", .act = rename_and_back, .text = OTHER_NAME },
	{ }
};

static int ethtool_of(void *command)
{
	struct ifreq ifr = { .ifr_name = DEV, .ifr_data = command };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	int ret = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;

	close(fd);
	return ret;
}

static int ethtool_get(int fd, const struct deed *deed)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	(void)fd;
	(void)deed;
	return ethtool_of(&info);
}

static int ethtool_set(int fd, const struct deed *deed)
{
	struct ethtool_cmd speed = { .cmd = ETHTOOL_SSET, .speed = deed->value };

	(void)fd;
	return ethtool_of(&speed);
}

static const struct deed speeds[] = {
	{ .name = "ethtool -s speed", .act = ethtool_set, .value = SPEED_1000 },
	{ }
};

static int show(int fd, const struct deed *deed)
{
	struct link link;

	(void)fd;
	(void)deed;
	return link_get(DEV, &link);
}

static const struct deed shows[] = {
	{ .name = "link show", .act = show },
	{ .name = "ethtool -i", .act = ethtool_get },
	{ }
};

static int del(int fd, const struct deed *deed)
{
	(void)fd;
	(void)deed;
	return link_del(DEV);
}

static const struct deed dels[] = {
	{ .name = "link del", .act = del },
	{ }
};

/* Files of sysfs are called by their paths, or passed open. */
static int open_and_read(int fd, const struct deed *deed)
{
	char buf[64];
	int ret;

	fd = open(deed->name, O_RDONLY);
	if (fd < 0)
		return -errno;
	ret = read(fd, buf, sizeof(buf)) > 0 ? 0 : -errno;
	close(fd);
	return ret;
}

static int open_and_write(int fd, const struct deed *deed)
{
	(void)fd;
	return file_write(deed->name, deed->text);
}

static const struct deed stores[] = {
	{ .name = ATTRIBUTES "owner", .act = open_and_write, .text = "0" },
	{ .name = ATTRIBUTES "group", .act = open_and_write, .text = "-1" },
	{ .name = ATTRIBUTES "mode", .act = open_and_write, .text = "broadcast" },
	{ .name = ATTRIBUTES "transient", .act = open_and_write, .text = "1" },
	{ .name = ATTRIBUTES "framing", .act = open_and_write, .text = "af" },
	{ }
};

/* It is who writes that counts, not who opened the file. */
static const struct deed passed_stores[] = {
	{ .name = ATTRIBUTES "owner", .act = write_file, .text = "0" },
	{ .name = ATTRIBUTES "group", .act = write_file, .text = "-1" },
	{ .name = ATTRIBUTES "mode", .act = write_file, .text = "broadcast" },
	{ .name = ATTRIBUTES "transient", .act = write_file, .text = "1" },
	{ .name = ATTRIBUTES "framing", .act = write_file, .text = "af" },
	{ }
};

static const struct deed reads[] = {
	{ .name = ATTRIBUTES "unit", .act = open_and_read },
	{ .name = ATTRIBUTES "owner", .act = open_and_read },
	{ .name = ATTRIBUTES "group", .act = open_and_read },
	{ .name = ATTRIBUTES "mode", .act = open_and_read },
	{ .name = ATTRIBUTES "transient", .act = open_and_read },
	{ .name = ATTRIBUTES "framing", .act = open_and_read },
	{ .name = ATTRIBUTES "pid", .act = open_and_read },
	{ .name = ATTRIBUTES "queues", .act = open_and_read },
	{ .name = ATTRIBUTES "opens", .act = open_and_read },
	{ .name = PARAMETERS "units", .act = open_and_read },
	{ .name = PARAMETERS "debug", .act = open_and_read },
	{ .name = PARAMETERS "name", .act = open_and_read },
	{ .name = PARAMETERS "clone", .act = open_and_read },
	{ }
};

static int write_back(int fd, const struct deed *deed)
{
	char text[64];

	(void)fd;
	file_read(deed->name, text, sizeof(text));
	return file_write(deed->name, text);
}

static const struct deed parameters[] = {
	{ .name = PARAMETERS "units", .act = write_back },
	{ .name = PARAMETERS "debug", .act = write_back },
	{ }
};

/* Whose the interface is */
enum state {
	FREE,		/* the unit has none */
	NOBODYS,
	ALICES,
	STAFFS,
	ALICES_OF_STAFF,
	USER_0S,
};

static const struct {
	const char *text;
	uint32_t owner, group;
} states[] = {
	[FREE]			= { "of a free unit", NOBODY, NOBODY },
	[NOBODYS]		= { "of nobody's", NOBODY, NOBODY },
	[ALICES]		= { "of Alice's", ALICE, NOBODY },
	[STAFFS]		= { "of the staff's", NOBODY, STAFF },
	[ALICES_OF_STAFF]	= { "of Alice's while of the staff", ALICE, STAFF },
	[USER_0S]		= { "of user 0's", 0, NOBODY },
};

/* What is passed to who does it */
enum passed {
	NOTHING,
	UNIT,		/* which is open; else it is closed */
	ATTRIBUTE,	/* the file of sysfs that the deed names */
};

#define P (-EPERM)
#define A (-EACCES)
#define N (-ENODEV)
#define S (-EOPNOTSUPP)

/* The columns are the people in their order: root, bare root, CAP_NET_ADMIN, the rest;
 * owner, member, member by a second group, owner and member, stranger; root of a user
 * namespace at home, as a guest, afar, afar as the owner, afar as user 0; root as a visitor.
 */
static const struct line {
	const struct deed *deeds;
	enum state state;
	enum passed passed;
	int node_mode;
	int expected[PEOPLE];
} table[] = {
	{ creates, FREE, NOTHING, 0666,
	  { 0, P, 0, P,  P, P, P, P, P,  0, P, 0, 0, 0,  0 } },
	{ creates, FREE, NOTHING, 0600,
	  { 0, P, A, P,  A, A, A, A, A,  A, A, A, A, 0,  0 } },
	/* A unit is taken from the machine's own namespaces alone. */
	{ adds, FREE, NOTHING, 0666,
	  { 0, P, 0, P,  P, P, P, P, P,  P, P, P, P, P,  P } },

	{ opens, NOBODYS, NOTHING, 0666,
	  { 0, P, 0, P,  P, P, P, P, P,  0, P, P, P, P,  0 } },
	{ opens, ALICES, NOTHING, 0666,
	  { 0, P, 0, P,  0, P, P, 0, P,  0, P, P, 0, P,  0 } },
	{ opens, STAFFS, NOTHING, 0666,
	  { 0, P, 0, P,  P, 0, 0, 0, P,  0, P, P, P, P,  0 } },
	{ opens, ALICES_OF_STAFF, NOTHING, 0666,
	  { 0, P, 0, P,  P, P, P, 0, P,  0, P, P, P, P,  0 } },
	{ opens, USER_0S, NOTHING, 0666,
	  { 0, 0, 0, P,  P, P, P, P, P,  0, P, P, P, 0,  0 } },
	{ opens, ALICES, NOTHING, 0600,
	  { 0, P, A, P,  A, A, A, A, A,  A, A, A, A, P,  0 } },

	{ changes, NOBODYS, UNIT, 0600,
	  { 0, P, 0, P,  P, P, P, P, P,  0, P, P, P, P,  0 } },
	{ changes, ALICES, UNIT, 0600,
	  { 0, P, 0, P,  0, P, P, 0, P,  0, P, P, 0, P,  0 } },
	{ changes, STAFFS, UNIT, 0600,
	  { 0, P, 0, P,  P, 0, 0, 0, P,  0, P, P, P, P,  0 } },
	{ changes, ALICES_OF_STAFF, UNIT, 0600,
	  { 0, P, 0, P,  P, P, P, 0, P,  0, P, P, P, P,  0 } },
	{ changes, USER_0S, UNIT, 0600,
	  { 0, 0, 0, P,  P, P, P, P, P,  0, P, P, P, 0,  0 } },
	{ debugs, ALICES, UNIT, 0600,
	  { 0, P, 0, P,  P, P, P, P, P,  P, P, P, P, P,  0 } },
	{ uses, NOBODYS, UNIT, 0600,
	  { 0, 0, 0, 0,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  0 } },

	{ stores, ALICES_OF_STAFF, NOTHING, 0666,
	  { 0, P, A, P,  A, A, A, A, A,  0, A, A, A, P,  0 } },
	{ passed_stores, ALICES_OF_STAFF, ATTRIBUTE, 0666,
	  { 0, P, 0, P,  P, P, P, P, P,  0, P, P, P, P,  0 } },
	{ reads, ALICES_OF_STAFF, NOTHING, 0600,
	  { 0, 0, 0, 0,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  0 } },
	/* Of a module's parameters the permissions of the files decide. */
	{ parameters, NOBODYS, NOTHING, 0666,
	  { 0, 0, A, 0,  A, A, A, A, A,  A, A, A, A, 0,  0 } },

	{ settings, ALICES_OF_STAFF, NOTHING, 0666,
	  { 0, P, 0, P,  P, P, P, P, P,  0, P, N, N, N,  0 } },
	{ speeds, ALICES_OF_STAFF, NOTHING, 0666,
	  { S, P, S, P,  P, P, P, P, P,  S, P, N, N, N,  S } },
	{ shows, ALICES_OF_STAFF, NOTHING, 0600,
	  { 0, 0, 0, 0,  0, 0, 0, 0, 0,  0, 0, N, N, N,  0 } },
	{ dels, ALICES_OF_STAFF, NOTHING, 0666,
	  { 0, P, 0, P,  P, P, P, P, P,  0, P, N, N, N,  0 } },
};

#undef P
#undef A
#undef N
#undef S

/* A process of a person's, which does as it is told by the other end of a socket. */
struct agent {
	pid_t pid;
	int sock;
};

static void require(bool success, const char *what)
{
	if (!success) {
		perror(what);
		_exit(255);
	}
}

static void become(const struct person *person)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };
	gid_t others[] = { person->other_gid };
	char map[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		caps[i].effective = person->capabilities >> (32 * i);
		caps[i].permitted = caps[i].effective;
	}
	require(!prctl(PR_SET_KEEPCAPS, 1) && !setgroups(person->other_gid != 0, others) &&
		!setresgid(person->gid, person->gid, person->gid) &&
		!setresuid(person->uid, person->uid, person->uid) &&
		!syscall(SYS_capset, &head, caps) && !prctl(PR_SET_DUMPABLE, 1), "credentials");
	if (person->namespaces) {
		snprintf(map, sizeof(map), "0 %d 1", person->uid);
		require(!unshare(person->namespaces) && !file_write("/proc/self/uid_map", map),
			"namespaces");
	}
	if (person->with_interface)
		sysfs_mount();
}

union control {
	struct cmsghdr head;
	char buf[CMSG_SPACE(sizeof(int))];
};

static void tell(int sock, const struct deed *deed, int fd)
{
	struct iovec iov = { .iov_base = &deed, .iov_len = sizeof(deed) };
	union control control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
					    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	require(sendmsg(sock, &msg, MSG_NOSIGNAL) == sizeof(deed), "agent");
}

static bool hear(int sock, const struct deed **deed, int *fd)
{
	struct iovec iov = { .iov_base = deed, .iov_len = sizeof(*deed) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	*fd = -1;
	if (recvmsg(sock, &msg, 0) != sizeof(*deed))
		return false;
	if (CMSG_FIRSTHDR(&msg))
		memcpy(fd, CMSG_DATA(&control.head), sizeof(*fd));
	return true;
}

/* netns: the network namespace to go to first, -1 for none. */
static void agent_start(struct agent *agent, const struct person *person, int netns)
{
	const struct deed *deed;
	int ends[2], fd, result;

	require(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
	agent->pid = fork();
	require(agent->pid >= 0, "fork");
	agent->sock = ends[0];
	if (agent->pid) {
		close(ends[1]);
		require(read(agent->sock, &result, sizeof(result)) == sizeof(result), "agent");
		return;
	}
	close(ends[0]);
	require(netns < 0 || !setns(netns, CLONE_NEWNET), "setns");
	become(person);
	result = 0;
	while (write(ends[1], &result, sizeof(result)) == sizeof(result) &&
	       hear(ends[1], &deed, &fd)) {
		result = deed->act(fd, deed);
		if (fd >= 0)
			close(fd);
	}
	_exit(0);
}

static int agent_does(const struct agent *agent, const struct deed *deed, int fd)
{
	int result;

	tell(agent->sock, deed, fd);
	require(read(agent->sock, &result, sizeof(result)) == sizeof(result), deed->name);
	return result;
}

static void agent_end(struct agent *agent)
{
	kill(agent->pid, SIGKILL);
	waitpid(agent->pid, NULL, 0);
	close(agent->sock);
}

static int agent_open(const struct agent *agent, const char *under, const char *path, int flags)
{
	char name[256];
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/%s%s", agent->pid, under, path);
	fd = open(name, flags | O_CLOEXEC);
	require(fd >= 0, name);
	return fd;
}

static int agent_netns(const struct agent *agent)
{
	return agent_open(agent, "ns/", "net", O_RDONLY);
}

/* A file to be written, as they see it. */
static int agent_file(const struct agent *agent, const char *path)
{
	return agent_open(agent, "root", path, O_WRONLY);
}

/* The stage: this network namespace, the one that the interface stands in, and whether
 * there may be one anywhere.
 */
struct stage {
	struct agent agent, host;
	int here, where;
	bool taken;
};

static void go(int netns)
{
	require(!setns(netns, CLONE_NEWNET), "setns");
}

static void stage_setup(struct stage *stage, enum who who)
{
	int netns = -1;

	netns_enter();
	sysfs_mount();
	stage->here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	require(stage->here >= 0, "namespace");
	stage->where = stage->here;
	stage->host.sock = -1;
	if (who == VISITOR) {
		agent_start(&stage->host, &people[AT_HOME], -1);
		netns = agent_netns(&stage->host);
	}
	agent_start(&stage->agent, &people[who], netns);
	if (people[who].with_interface)
		stage->where = agent_netns(&stage->agent);
}

/* Wherever the interface stands, and be it still on its way out. */
static void unit_free(struct stage *stage)
{
	int fd, on = 1, ms;

	if (!stage->taken)
		return;
	for (ms = 0; ms < PATIENCE; ms++) {
		fd = unit_open(0, O_RDWR);
		if (fd >= 0)
			break;
		require(errno == EBUSY, NODE);
		usleep(1000);
	}
	require(fd >= 0, NODE);
	require(!ioctl(fd, TUNSTRANSIENT, &on) || errno == EIO, "TUNSTRANSIENT");
	close(fd);
	stage->taken = false;
}

static void stage_strike(struct stage *stage)
{
	go(stage->here);
	chmod(NODE, 0600);
	chmod(CLONING_NODE, 0600);
	unit_free(stage);
	agent_end(&stage->agent);
	if (stage->host.sock >= 0)
		agent_end(&stage->host);
}

static void give(uint32_t owner, uint32_t group)
{
	require(!link_set_attribute(DEV, IFLA_BSDTUN_OWNER, &owner, sizeof(owner)) &&
		!link_set_attribute(DEV, IFLA_BSDTUN_GROUP, &group, sizeof(group)),
		"owner and group");
}

/* Returns the open unit if that is what is to be passed. */
static int prepare(struct stage *stage, const struct line *line)
{
	int fd = -1;

	require(!chmod(NODE, line->node_mode), NODE);
	require(!chmod(CLONING_NODE, line->node_mode), CLONING_NODE);
	go(stage->where);
	if (line->state == FREE || !link_index(DEV))
		unit_free(stage);
	if (line->state == FREE) {
		go(stage->here);
		return -1;
	}
	if (line->passed == UNIT || !link_index(DEV))
		fd = unit_take(0, O_RDWR | O_NONBLOCK);
	stage->taken = true;
	give(states[line->state].owner, states[line->state].group);
	go(stage->here);
	if (fd >= 0 && line->passed != UNIT) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* All there is to see of it */
struct view {
	bool there;
	struct link link;
	unsigned char data[1024];
};

static void look(const struct stage *stage, struct view *view)
{
	memset(view, 0, sizeof(*view));
	go(stage->where);
	view->there = link_index(DEV) || link_index(OTHER_NAME);
	if (link_index(DEV))
		require(!link_get(DEV, &view->link) &&
			link_data(DEV, view->data, sizeof(view->data)) > 0, "link show");
	go(stage->here);
}

FIXTURE(privilege)
{
	struct stage stage;
};

FIXTURE_VARIANT(privilege)
{
	enum who who;
};

FIXTURE_VARIANT_ADD(privilege, root) { ROOT };
FIXTURE_VARIANT_ADD(privilege, root_without_capability) { BARE_ROOT };
FIXTURE_VARIANT_ADD(privilege, cap_net_admin_alone) { ADMIN };
FIXTURE_VARIANT_ADD(privilege, all_capabilities_but_cap_net_admin) { REST };
FIXTURE_VARIANT_ADD(privilege, owner) { OWNER };
FIXTURE_VARIANT_ADD(privilege, group_member) { MEMBER };
FIXTURE_VARIANT_ADD(privilege, group_member_by_second_group) { SECOND_MEMBER };
FIXTURE_VARIANT_ADD(privilege, owner_in_the_group) { OWNER_MEMBER };
FIXTURE_VARIANT_ADD(privilege, stranger) { STRANGER };
FIXTURE_VARIANT_ADD(privilege, userns_root_over_own_netns) { AT_HOME };
FIXTURE_VARIANT_ADD(privilege, userns_root_in_foreign_netns) { GUEST };
FIXTURE_VARIANT_ADD(privilege, userns_root_over_foreign_netns) { AFAR };
FIXTURE_VARIANT_ADD(privilege, userns_root_who_is_owner_over_foreign_netns) { OWNER_AFAR };
FIXTURE_VARIANT_ADD(privilege, userns_root_who_is_user_0_over_foreign_netns) { ROOT_AFAR };
FIXTURE_VARIANT_ADD(privilege, root_over_netns_of_userns) { VISITOR };

FIXTURE_SETUP(privilege)
{
	if (access(CLONING_NODE, F_OK))
		ASSERT_EQ(0, system("modprobe -r bsdtun && modprobe bsdtun clone=1"));
	stage_setup(&self->stage, variant->who);
}

FIXTURE_TEARDOWN(privilege)
{
	stage_strike(&self->stage);
}

/* *traceless: whether it changed nothing, looked after if it is to be refused. */
static int attempt(struct stage *stage, const struct line *line, const struct deed *deed,
		   bool refused, bool *traceless)
{
	struct view before, after;
	int fd, ret;

	fd = prepare(stage, line);
	if (line->passed == ATTRIBUTE)
		fd = agent_file(&stage->agent, deed->name);
	if (refused)
		look(stage, &before);
	ret = agent_does(&stage->agent, deed, fd);
	stage->taken |= !ret;
	if (refused)
		look(stage, &after);
	*traceless = refused && !memcmp(&before, &after, sizeof(before));
	if (fd >= 0)
		close(fd);
	return ret;
}

/* A column of the table. What is refused changes nothing. */
TEST_F_TIMEOUT(privilege, is_as_the_table_says, 150)
{
	const struct line *line;
	const struct deed *deed;
	bool traceless;
	int expected, ret;

	for (line = table; line < table + ARRAY_SIZE(table); line++) {
		expected = line->expected[variant->who];
		for (deed = line->deeds; deed->name; deed++) {
			ret = attempt(&self->stage, line, deed, expected, &traceless);
			EXPECT_EQ(expected, ret) {
				TH_LOG("%s %s, node of mode %o", deed->name,
				       states[line->state].text, line->node_mode);
			}
			if (!expected)
				continue;
			EXPECT_TRUE(traceless) {
				TH_LOG("%s %s, node of mode %o: refused, but not without a trace",
				       deed->name, states[line->state].text, line->node_mode);
			}
		}
	}
}

/* What a table does not show. Alice's friend Bob is root of a user namespace and of a
 * network namespace, the interface is here or there.
 */
FIXTURE(bounds)
{
	struct stage stage;
	int there;
};

FIXTURE_SETUP(bounds)
{
	stage_setup(&self->stage, AT_HOME);
	self->there = self->stage.where;
	ASSERT_EQ(0, chmod(NODE, 0666));
	self->stage.taken = true;
}

FIXTURE_TEARDOWN(bounds)
{
	stage_strike(&self->stage);
}

TEST_F(bounds, refused_open_leaves_the_unit_to_others)
{
	struct agent stranger;
	int fd;

	agent_start(&stranger, &people[STRANGER], -1);
	EXPECT_EQ(-EPERM, agent_does(&stranger, opens, -1));
	fd = unit_open(0, O_RDWR);
	EXPECT_LE(0, fd);
	/* He does not even learn that it is open. */
	EXPECT_EQ(-EPERM, agent_does(&stranger, opens, -1));
	close(fd);
	agent_end(&stranger);
}

static int open_rtnetlink(int fd, const struct deed *deed)
{
	(void)fd;
	(void)deed;
	return rtnetlink_open();
}

/* Root writes to a file that he was handed, and it is a socket of rtnetlink: what is
 * allowed is what both he and who opened it may do.
 */
TEST_F(bounds, no_unit_is_taken_through_a_socket_of_the_root_of_a_user_namespace)
{
	static const struct deed open_socket = { .name = "rtnetlink", .act = open_rtnetlink };
	int pidfd, sock;

	sock = agent_does(&self->stage.agent, &open_socket, -1);
	pidfd = syscall(SYS_pidfd_open, self->stage.agent.pid, 0);
	ASSERT_LE(0, pidfd);
	sock = syscall(SYS_pidfd_getfd, pidfd, sock, 0);
	ASSERT_LE(0, sock);
	EXPECT_EQ(-EPERM, link_add_by(sock, DEV, "bsdtun", 1));
	EXPECT_EQ(-EPERM, link_add_by(sock, OTHER_NAME, "bsdtun", 1));
	go(self->there);
	EXPECT_EQ(0, link_index(DEV));
	EXPECT_EQ(0, link_index(OTHER_NAME));
	go(self->stage.here);
	EXPECT_EQ(0, link_add(DEV, "bsdtun", 1));
}

static int move_to(int fd, const struct deed *deed)
{
	(void)deed;
	return link_move(DEV, fd);
}

TEST_F(bounds, interface_does_not_go_to_a_network_that_is_not_the_movers)
{
	static const struct deed move = { .name = "link set netns", .act = move_to };

	EXPECT_EQ(0, agent_does(&self->stage.agent, creates, -1));
	EXPECT_EQ(-EPERM, agent_does(&self->stage.agent, &move, self->stage.here));
	EXPECT_EQ(0, link_index(DEV));
}

/* A file that its opener keeps. */
static int kept;

static int keep(int fd, const struct deed *deed)
{
	(void)fd;
	(void)deed;
	kept = unit_open(0, O_RDWR | O_NONBLOCK);
	return kept < 0 ? -errno : 0;
}

static int with_kept(int fd, const struct deed *deed)
{
	const struct deed *inner;

	(void)fd;
	for (inner = changes; inner->name; inner++)
		if (inner->act(kept, inner) != deed->value)
			return inner - changes + 1;
	return 0;
}

static int use_kept(int fd, const struct deed *deed)
{
	const struct deed *inner;
	int ret;

	(void)fd;
	(void)deed;
	for (inner = uses; inner->name; inner++) {
		ret = inner->act(kept, inner);
		if (ret)
			return ret;
	}
	return 0;
}

static const struct deed keeps = { .name = "open", .act = keep };

static const struct deed changes_kept = { .name = "ioctls", .act = with_kept };
static const struct deed refused_kept = { .name = "ioctls", .act = with_kept, .value = -EPERM };
static const struct deed uses_kept = { .name = "use of the file", .act = use_kept };

static int signal_opener(int fd, const struct deed *deed)
{
	int opener = getppid();

	(void)deed;
	return ioctl(fd, FIOSETOWN, &opener) ? -errno : 0;
}

static bool signalled(int timeout)
{
	struct timespec wait = { .tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	return sigtimedwait(&set, NULL, &wait) == SIGIO;
}

/* Naming a process is not the right to signal it. */
TEST_F(bounds, SIGIO_goes_to_no_process_that_its_setter_may_not_signal)
{
	static const struct deed give_away = { .name = "FIOSETOWN", .act = signal_opener };
	int fd, sock, on = 1, self_pid = getpid();
	struct agent stranger;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	fd = unit_take(0, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, addr_add(DEV, HERE4, NULL, 24));
	ASSERT_EQ(0, link_up(DEV));
	sock = udp_socket(AF_INET);
	ASSERT_EQ(0, ioctl(fd, FIOASYNC, &on));
	agent_start(&stranger, &people[STRANGER], -1);
	EXPECT_EQ(0, agent_does(&stranger, &give_away, fd));
	send_numbers(sock, 0, 1);
	EXPECT_FALSE(signalled(300));
	ASSERT_EQ(0, ioctl(fd, FIOSETOWN, &self_pid));
	send_numbers(sock, 0, 1);
	EXPECT_TRUE(signalled(PATIENCE));
	agent_end(&stranger);
	close(fd);
}

/* With the interface goes the right to change it; the open file stays what it was. */
TEST_F(bounds, interface_that_was_moved_away_is_not_its_openers_to_change)
{
	struct agent *bob = &self->stage.agent;

	ASSERT_EQ(0, agent_does(bob, &keeps, -1));
	EXPECT_EQ(0, agent_does(bob, &changes_kept, -1));
	go(self->there);
	ASSERT_EQ(0, link_move(DEV, self->stage.here));
	go(self->stage.here);
	EXPECT_EQ(0, agent_does(bob, &refused_kept, -1));
	EXPECT_EQ(0, agent_does(bob, &uses_kept, -1));
	EXPECT_EQ(-EPERM, agent_does(bob, opens, -1));
	EXPECT_EQ(0, link_del(DEV));
}

/* Ids are the machine's: they mean the same users in each namespace, whatever numbers
 * those have there.
 */
TEST_F(bounds, owner_and_group_go_with_the_interface)
{
	static const struct deed disown = { .name = "link set owner", .act = set_attribute,
					    .attribute = IFLA_BSDTUN_OWNER,
					    .value = BSDTUN_ID_NONE };
	struct agent alice, owner_member;

	agent_start(&alice, &people[OWNER], -1);
	agent_start(&owner_member, &people[OWNER_MEMBER], -1);
	close(unit_take(0, O_RDWR));
	give(ALICE, STAFF);
	ASSERT_EQ(0, link_move(DEV, self->there));
	EXPECT_EQ(0, agent_does(&owner_member, opens, -1));
	EXPECT_EQ(-EPERM, agent_does(&alice, opens, -1));
	go(self->there);
	give(ALICE, NOBODY);
	go(self->stage.here);
	EXPECT_EQ(0, agent_does(&alice, opens, -1));

	/* Whose network it is now can take it from her. */
	EXPECT_EQ(0, agent_does(&self->stage.agent, &disown, -1));
	EXPECT_EQ(-EPERM, agent_does(&alice, opens, -1));
	agent_end(&alice);
	agent_end(&owner_member);
}

static int reads_text(int fd, const struct deed *deed)
{
	char text[64] = "";
	int ret;

	fd = open(deed->name, O_RDONLY);
	if (fd < 0)
		return -errno;
	ret = read(fd, text, sizeof(text) - 1) <= 0;
	close(fd);
	return ret || strcmp(text, deed->text);
}

TEST_F(bounds, owner_that_a_user_namespace_has_no_number_for_is_shown_as_overflow)
{
	static const struct deed sees_none = { ATTRIBUTES "owner", reads_text, .text = "-1\n" };
	static const struct deed sees_alice = { ATTRIBUTES "owner", reads_text, .text = "65534\n" };
	static const struct deed sees_bob = { ATTRIBUTES "owner", reads_text, .text = "0\n" };
	struct agent *bob = &self->stage.agent;

	go(self->there);
	close(unit_take(0, O_RDWR));
	EXPECT_EQ(0, agent_does(bob, &sees_none, -1));
	give(ALICE, NOBODY);
	EXPECT_EQ(0, agent_does(bob, &sees_alice, -1));
	give(BOB, NOBODY);
	EXPECT_EQ(0, agent_does(bob, &sees_bob, -1));
}

TEST_F(bounds, attribute_opened_before_the_interface_moved_away_is_not_written)
{
	int fds[ARRAY_SIZE(passed_stores) - 1];
	struct view before, after;
	size_t i;

	go(self->there);
	close(unit_take(0, O_RDWR));
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = agent_file(&self->stage.agent, passed_stores[i].name);
	ASSERT_EQ(0, link_move(DEV, self->stage.here));
	self->stage.where = self->stage.here;
	look(&self->stage, &before);
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(-EPERM, agent_does(&self->stage.agent, &passed_stores[i], fds[i])) {
			TH_LOG("%s", passed_stores[i].name);
		}
	}
	look(&self->stage, &after);
	EXPECT_TRUE(before.there);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

static int owner_now(void)
{
	char text[32];

	file_read(ATTRIBUTES "owner", text, sizeof(text));
	return atoi(text);
}

/* Writes his own number and none in turn, wherever the interface may be. */
static void write_on_and_on(int fd)
{
	for (;;) {
		if (pwrite(fd, "0", 1, 0) < 0)
			usleep(100);
		if (pwrite(fd, "-1", 2, 0) < 0)
			usleep(100);
	}
}

static int start_writing(int fd, const struct deed *deed)
{
	pid_t child = fork();

	(void)deed;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		write_on_and_on(fd);
	}
	return child;
}

/* Be he allowed to when he began: it is where the interface is when he writes. */
TEST_F(bounds, attribute_is_not_written_while_the_interface_moves_away)
{
	static const struct deed start = { .name = "write", .act = start_writing };
	int writer, round, owner, fd;

	go(self->there);
	close(unit_take(0, O_RDWR));
	fd = agent_file(&self->stage.agent, ATTRIBUTES "owner");
	writer = agent_does(&self->stage.agent, &start, fd);
	ASSERT_LT(0, writer);
	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, link_move(DEV, self->stage.here));
		go(self->stage.here);
		owner = owner_now();
		usleep(20000);
		EXPECT_EQ(owner, owner_now());
		ASSERT_EQ(0, link_move(DEV, self->there));
		go(self->there);
	}
	kill(writer, SIGKILL);
}

TEST_HARNESS_MAIN
