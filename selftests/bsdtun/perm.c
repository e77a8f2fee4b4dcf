// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Who may open a device, and change its interface once it is open. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/bsdtun.h>
#include <linux/capability.h>

#include "kselftest_harness.h"
#include "util.h"

#define NODE		"/dev/" DEV
#define NOBODY		-1	/* no owner, no group */
#define ALICE		1000
#define BOB		1001
#define STAFF		2000
#define GUESTS		2001

/* Someone who comes along. */
struct caller {
	int uid, gid, other_gid;
	int capability;		/* the only one; 0: none */
	int namespaces;		/* then as root of new ones, of which one is CLONE_NEWUSER */
};

static const struct caller root = { .capability = CAP_NET_ADMIN };

static const struct caller alice = { .uid = ALICE, .gid = GUESTS };

static const struct caller bob = { .uid = BOB, .gid = GUESTS };

/* Root of a user namespace, with a network of its own and without. */
static const struct caller alice_as_root_elsewhere = {
	.uid = ALICE, .gid = GUESTS, .namespaces = CLONE_NEWUSER | CLONE_NEWNET
};

static const struct caller alice_as_root_here = {
	.uid = ALICE, .gid = GUESTS, .namespaces = CLONE_NEWUSER
};

/* With what it takes to be root there too. */
static const struct caller root_as_root_elsewhere = {
	.capability = CAP_SETFCAP, .namespaces = CLONE_NEWUSER | CLONE_NEWNET
};

static void become(const struct caller *caller)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };
	gid_t others[] = { caller->other_gid };
	char map[32];

	if (caller->capability)
		caps[0].effective = 1 << caller->capability;
	caps[0].permitted = caps[0].effective;
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(caller->other_gid != 0, others) ||
	    setresgid(caller->gid, caller->gid, caller->gid) ||
	    setresuid(caller->uid, caller->uid, caller->uid) ||
	    syscall(SYS_capset, &head, caps) || prctl(PR_SET_DUMPABLE, 1))
		_exit(255);
	if (!caller->namespaces)
		return;
	snprintf(map, sizeof(map), "0 %d 1", caller->uid);
	if (unshare(caller->namespaces) || file_write("/proc/self/uid_map", map))
		_exit(255);
}

/* What someone does: returns 0 or an errno. */
typedef int (*act_t)(int fd);

static int as(const struct caller *caller, act_t act, int fd)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		become(caller);
		_exit(act(fd));
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int open_unit(int fd)
{
	(void)fd;
	return unit_open(0, O_RDWR) < 0 ? errno : 0;
}

static int open_unit_and_find_it(int fd)
{
	return open_unit(fd) ?: link_index(DEV) ? 0 : ENODEV;
}

static int try(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? errno : 0;
}

static int set(int fd, unsigned long request, int value)
{
	return try(fd, request, &value);
}

static int set_info(int fd)
{
	struct tuninfo info = { .mtu = 1280, .type = BSDTUN_IFT_PPP };

	return try(fd, TUNSIFINFO, &info);
}

static int set_mode(int fd)
{
	return set(fd, TUNSIFMODE, IFF_BROADCAST);
}

static int set_transient(int fd)
{
	return set(fd, TUNSTRANSIENT, 1);
}

static int set_debug(int fd)
{
	return set(fd, TUNSDEBUG, 0);
}

static int open_unit_and_change_it(int fd)
{
	fd = unit_open(0, O_RDWR);
	return fd < 0 ? errno : set_info(fd) ?: set_mode(fd) ?: set_transient(fd);
}

static int use_file(int fd)
{
	struct tuninfo info;
	struct ifreq ifr;
	int value;

	return set(fd, TUNSIFHEAD, 1) ?: set(fd, TUNSLMODE, 1) ?:
	       try(fd, TUNGIFHEAD, &value) ?: try(fd, TUNGTRANSIENT, &value) ?:
	       try(fd, TUNGDEBUG, &value) ?: try(fd, FIONREAD, &value) ?:
	       try(fd, TUNGIFINFO, &info) ?: try(fd, TUNGIFNAME, &ifr) ?:
	       try(fd, TUNSIFPID, NULL);
}

/* An interface's owner and group, and someone who comes along. */
FIXTURE(perm)
{
	int fd;
};

FIXTURE_VARIANT(perm)
{
	int owner, group;
	struct caller caller;
	int expected;	/* of open and of changing the interface */
	int creating;	/* of open when there is no interface, and so no owner */
};

FIXTURE_VARIANT_ADD(perm, root)
{
	NOBODY, NOBODY, { 0, 0, 0, CAP_NET_ADMIN, 0 }, 0, 0
};

FIXTURE_VARIANT_ADD(perm, root_where_another_owns)
{
	ALICE, STAFF, { 0, 0, 0, CAP_NET_ADMIN, 0 }, 0, 0
};

FIXTURE_VARIANT_ADD(perm, root_without_capability)
{
	NOBODY, NOBODY, { 0, 0, 0, 0, 0 }, EPERM, EPERM
};

FIXTURE_VARIANT_ADD(perm, root_without_capability_who_owns)
{
	0, NOBODY, { 0, 0, 0, 0, 0 }, 0, EPERM
};

FIXTURE_VARIANT_ADD(perm, capability_alone)
{
	NOBODY, NOBODY, { BOB, GUESTS, GUESTS, CAP_NET_ADMIN, 0 }, 0, 0
};

FIXTURE_VARIANT_ADD(perm, capability_alone_where_another_owns)
{
	ALICE, STAFF, { BOB, GUESTS, GUESTS, CAP_NET_ADMIN, 0 }, 0, 0
};

FIXTURE_VARIANT_ADD(perm, another_capability)
{
	NOBODY, NOBODY, { BOB, GUESTS, GUESTS, CAP_NET_RAW, 0 }, EPERM, EPERM
};

FIXTURE_VARIANT_ADD(perm, stranger)
{
	NOBODY, NOBODY, { BOB, GUESTS, GUESTS, 0, 0 }, EPERM, EPERM
};

FIXTURE_VARIANT_ADD(perm, stranger_where_another_owns)
{
	ALICE, NOBODY, { BOB, GUESTS, GUESTS, 0, 0 }, EPERM, EPERM
};

FIXTURE_VARIANT_ADD(perm, stranger_where_a_group_may)
{
	NOBODY, STAFF, { BOB, GUESTS, GUESTS, 0, 0 }, EPERM, EPERM
};

FIXTURE_VARIANT_ADD(perm, owner)
{
	ALICE, NOBODY, { ALICE, GUESTS, GUESTS, 0, 0 }, 0, EPERM
};

FIXTURE_VARIANT_ADD(perm, group_member)
{
	NOBODY, STAFF, { BOB, STAFF, GUESTS, 0, 0 }, 0, EPERM
};

FIXTURE_VARIANT_ADD(perm, group_member_by_other_group)
{
	NOBODY, STAFF, { BOB, GUESTS, STAFF, 0, 0 }, 0, EPERM
};

FIXTURE_VARIANT_ADD(perm, owner_in_the_group)
{
	ALICE, STAFF, { ALICE, STAFF, GUESTS, 0, 0 }, 0, EPERM
};

FIXTURE_VARIANT_ADD(perm, owner_outside_the_group)
{
	ALICE, STAFF, { ALICE, GUESTS, GUESTS, 0, 0 }, EPERM, EPERM
};

FIXTURE_VARIANT_ADD(perm, group_member_who_is_not_the_owner)
{
	ALICE, STAFF, { BOB, STAFF, GUESTS, 0, 0 }, EPERM, EPERM
};

static void attribute_set(const char *name, int value)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "/sys/class/net/" DEV "/bsdtun/%s", name);
	snprintf(text, sizeof(text), "%d", value);
	if (file_write(path, text))
		_exit(255);
}

FIXTURE_SETUP(perm)
{
	netns_enter();
	sysfs_mount();
	self->fd = unit_take(0, O_RDWR);
	attribute_set("owner", variant->owner);
	attribute_set("group", variant->group);
	/* What the mode of the node would forbid is not to be seen here. */
	ASSERT_EQ(0, chmod(NODE, 0666));
}

FIXTURE_TEARDOWN(perm)
{
	chmod(NODE, 0600);
	link_del(DEV);
}

TEST_F(perm, to_take_up_an_interface)
{
	close(self->fd);
	EXPECT_EQ(variant->expected, as(&variant->caller, open_unit, -1));
}

TEST_F(perm, to_create_an_interface)
{
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(variant->creating, as(&variant->caller, open_unit, -1));
	EXPECT_EQ(!variant->creating, !!link_index(DEV));
}

TEST_F(perm, to_change_the_interface)
{
	EXPECT_EQ(variant->expected, as(&variant->caller, set_info, self->fd));
	EXPECT_EQ(variant->expected, as(&variant->caller, set_mode, self->fd));
	EXPECT_EQ(variant->expected, as(&variant->caller, set_transient, self->fd));
}

TEST_F(perm, is_not_needed_for_what_belongs_to_the_file)
{
	EXPECT_EQ(0, as(&variant->caller, use_file, self->fd));
}

FIXTURE(node)
{
	int fd;
};

FIXTURE_SETUP(node)
{
	netns_enter();
	sysfs_mount();
	self->fd = unit_take(0, O_RDWR);
	ASSERT_EQ(0, chmod(NODE, 0666));
}

FIXTURE_TEARDOWN(node)
{
	chmod(NODE, 0600);
	link_del(DEV);
}

TEST_F(node, of_mode_0600_is_for_root_alone)
{
	static const struct caller bob_with_capability = {
		.uid = BOB, .gid = GUESTS, .capability = CAP_NET_ADMIN
	};

	ASSERT_EQ(0, chmod(NODE, 0600));
	attribute_set("owner", ALICE);
	close(self->fd);
	EXPECT_EQ(EACCES, as(&alice, open_unit, -1));
	EXPECT_EQ(EACCES, as(&bob_with_capability, open_unit, -1));
	EXPECT_EQ(0, as(&root, open_unit, -1));
}

TEST_F(node, refused_to_one_is_left_to_others)
{
	close(self->fd);
	EXPECT_EQ(EPERM, as(&bob, open_unit, -1));
	EXPECT_EQ(0, as(&root, open_unit, -1));
}

TEST_F(node, opens_for_root_of_a_user_namespace_in_a_network_of_its_own)
{
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(0, as(&alice_as_root_elsewhere, open_unit_and_find_it, -1));
}

TEST_F(node, is_changed_by_root_of_a_user_namespace_in_a_network_of_its_own)
{
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(0, as(&alice_as_root_elsewhere, open_unit_and_change_it, -1));
}

TEST_F(node, does_not_open_for_root_of_a_user_namespace_in_a_foreign_network)
{
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(EPERM, as(&alice_as_root_here, open_unit, -1));
	EXPECT_EQ(0, link_index(DEV));
}

/* From a network of its own, but the interface stands in ours. */
TEST_F(node, whose_interface_is_foreign_does_not_open_for_root_of_a_user_namespace)
{
	close(self->fd);
	EXPECT_EQ(EPERM, as(&alice_as_root_elsewhere, open_unit, -1));
	EXPECT_EQ(EPERM, as(&root_as_root_elsewhere, open_unit, -1));
}

TEST_F(node, whose_interface_is_foreign_is_not_changed_by_root_of_a_user_namespace)
{
	EXPECT_EQ(EPERM, as(&alice_as_root_elsewhere, set_info, self->fd));
	EXPECT_EQ(EPERM, as(&root_as_root_elsewhere, set_mode, self->fd));
}

TEST_F(node, whose_interface_is_foreign_opens_for_its_owner_in_a_user_namespace)
{
	attribute_set("owner", ALICE);
	close(self->fd);
	EXPECT_EQ(0, as(&alice_as_root_elsewhere, open_unit, -1));
}

TEST_F(node, takes_TUNSDEBUG_from_the_initial_root_alone)
{
	EXPECT_EQ(0, as(&root, set_debug, self->fd));
	EXPECT_EQ(EPERM, as(&bob, set_debug, self->fd));
	EXPECT_EQ(EPERM, as(&root_as_root_elsewhere, set_debug, self->fd));
	attribute_set("owner", ALICE);
	EXPECT_EQ(EPERM, as(&alice, set_debug, self->fd));
}

static const struct {
	const char *path, *text;
} attributes[] = {
	{ "/sys/class/net/" DEV "/bsdtun/owner", "1001" },
	{ "/sys/class/net/" DEV "/bsdtun/group", "2000" },
	{ "/sys/class/net/" DEV "/bsdtun/mode", "broadcast" },
	{ "/sys/class/net/" DEV "/bsdtun/transient", "1" },
	{ "/sys/class/net/" DEV "/bsdtun/framing", "af" },
};

static const char *text;

static int write_text(int fd)
{
	return write(fd, text, strlen(text)) < 0 ? errno : 0;
}

/* It is who writes that counts, not who opened the file. */
TEST_F(node, has_attributes_that_want_the_capability)
{
	size_t i;
	int fd;

	attribute_set("owner", ALICE);
	for (i = 0; i < ARRAY_SIZE(attributes); i++) {
		fd = open(attributes[i].path, O_WRONLY);
		ASSERT_LE(0, fd);
		text = attributes[i].text;
		EXPECT_EQ(EPERM, as(&alice, write_text, fd)) TH_LOG("%s", text);
		EXPECT_EQ(EPERM, as(&root_as_root_elsewhere, write_text, fd)) TH_LOG("%s", text);
		EXPECT_EQ(0, as(&root, write_text, fd)) TH_LOG("%s", text);
		close(fd);
	}
}

TEST_HARNESS_MAIN
