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

/* Become someone, with no capability but this one (0: none). */
static void become(int uid, int gid, int other_gid, int capability)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };
	gid_t others[] = { other_gid };

	if (capability)
		caps[0].permitted = caps[0].effective = 1 << capability;
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(1, others) || setresgid(gid, gid, gid) ||
	    setresuid(uid, uid, uid) || syscall(SYS_capset, &head, caps) ||
	    prctl(PR_SET_DUMPABLE, 1))
		_exit(255);
}

/* In a user namespace of one's own, as its root, with a network namespace or without. */
static void become_root_of(int flags)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %d 1", geteuid());
	if (unshare(CLONE_NEWUSER | flags) || file_write("/proc/self/uid_map", map))
		_exit(255);
}

/* Runs a piece of code in a child, which ends with its errno. */
#define as_child(code) ({						\
	int as_child_status;						\
	pid_t as_child_pid = fork();					\
									\
	if (!as_child_pid)						\
		_exit(({ code; }));					\
	waitpid(as_child_pid, &as_child_status, 0);			\
	WIFEXITED(as_child_status) ? WEXITSTATUS(as_child_status) : -1;	\
})

static int try_open(void)
{
	return unit_open(0, O_RDWR) < 0 ? errno : 0;
}

static int try_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? errno : 0;
}

static int try_set(int fd, unsigned long request, int value)
{
	return try_ioctl(fd, request, &value);
}

static int try_info(int fd)
{
	struct tuninfo info = { .mtu = 1280, .type = BSDTUN_IFT_PPP };

	return try_ioctl(fd, TUNSIFINFO, &info);
}

/* An interface's owner and group, and someone who comes along. */
FIXTURE(perm)
{
	int fd;
};

FIXTURE_VARIANT(perm)
{
	int owner, group;
	int uid, gid, other_gid, capability;
	int expected;	/* of open and of changing the interface */
	int creating;	/* of open when there is no interface, and so no owner */
};

FIXTURE_VARIANT_ADD(perm, root)
{
	NOBODY, NOBODY, 0, 0, 0, CAP_NET_ADMIN, 0, 0
};
FIXTURE_VARIANT_ADD(perm, root_where_another_owns)
{
	ALICE, STAFF, 0, 0, 0, CAP_NET_ADMIN, 0, 0
};
FIXTURE_VARIANT_ADD(perm, root_without_capability)
{
	NOBODY, NOBODY, 0, 0, 0, 0, EPERM, EPERM
};
FIXTURE_VARIANT_ADD(perm, root_without_capability_who_owns)
{
	0, NOBODY, 0, 0, 0, 0, 0, EPERM
};
FIXTURE_VARIANT_ADD(perm, capability_alone)
{
	NOBODY, NOBODY, BOB, GUESTS, GUESTS, CAP_NET_ADMIN, 0, 0
};
FIXTURE_VARIANT_ADD(perm, capability_alone_where_another_owns)
{
	ALICE, STAFF, BOB, GUESTS, GUESTS, CAP_NET_ADMIN, 0, 0
};
FIXTURE_VARIANT_ADD(perm, another_capability)
{
	NOBODY, NOBODY, BOB, GUESTS, GUESTS, CAP_NET_RAW, EPERM, EPERM
};
FIXTURE_VARIANT_ADD(perm, stranger)
{
	NOBODY, NOBODY, BOB, GUESTS, GUESTS, 0, EPERM, EPERM
};
FIXTURE_VARIANT_ADD(perm, stranger_where_another_owns)
{
	ALICE, NOBODY, BOB, GUESTS, GUESTS, 0, EPERM, EPERM
};
FIXTURE_VARIANT_ADD(perm, stranger_where_a_group_may)
{
	NOBODY, STAFF, BOB, GUESTS, GUESTS, 0, EPERM, EPERM
};
FIXTURE_VARIANT_ADD(perm, owner)
{
	ALICE, NOBODY, ALICE, GUESTS, GUESTS, 0, 0, EPERM
};
FIXTURE_VARIANT_ADD(perm, group_member)
{
	NOBODY, STAFF, BOB, STAFF, GUESTS, 0, 0, EPERM
};
FIXTURE_VARIANT_ADD(perm, group_member_by_other_group)
{
	NOBODY, STAFF, BOB, GUESTS, STAFF, 0, 0, EPERM
};
FIXTURE_VARIANT_ADD(perm, owner_in_the_group)
{
	ALICE, STAFF, ALICE, STAFF, GUESTS, 0, 0, EPERM
};
FIXTURE_VARIANT_ADD(perm, owner_outside_the_group)
{
	ALICE, STAFF, ALICE, GUESTS, GUESTS, 0, EPERM, EPERM
};
FIXTURE_VARIANT_ADD(perm, group_member_who_is_not_the_owner)
{
	ALICE, STAFF, BOB, STAFF, GUESTS, 0, EPERM, EPERM
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

#define as(code) as_child(						\
	become(variant->uid, variant->gid, variant->other_gid,		\
	       variant->capability);					\
	code								\
)

TEST_F(perm, to_take_up_an_interface)
{
	close(self->fd);
	EXPECT_EQ(variant->expected, as(try_open()));
}

TEST_F(perm, to_create_an_interface)
{
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(variant->creating, as(try_open()));
	EXPECT_EQ(!variant->creating, !!link_index(DEV));
}

TEST_F(perm, to_change_the_interface)
{
	EXPECT_EQ(variant->expected, as(try_info(self->fd)));
	EXPECT_EQ(variant->expected, as(try_set(self->fd, TUNSIFMODE, IFF_BROADCAST)));
	EXPECT_EQ(variant->expected, as(try_set(self->fd, TUNSTRANSIENT, 1)));
}

TEST_F(perm, is_not_needed_for_what_belongs_to_the_file)
{
	struct tuninfo info;
	struct ifreq ifr;

	EXPECT_EQ(0, as(try_set(self->fd, TUNSIFHEAD, 1)));
	EXPECT_EQ(0, as(try_set(self->fd, TUNGIFHEAD, 0)));
	EXPECT_EQ(0, as(try_set(self->fd, TUNSLMODE, 1)));
	EXPECT_EQ(0, as(try_set(self->fd, TUNGTRANSIENT, 0)));
	EXPECT_EQ(0, as(try_set(self->fd, TUNGDEBUG, 0)));
	EXPECT_EQ(0, as(try_set(self->fd, FIONREAD, 0)));
	EXPECT_EQ(0, as(try_ioctl(self->fd, TUNGIFINFO, &info)));
	EXPECT_EQ(0, as(try_ioctl(self->fd, TUNGIFNAME, &ifr)));
	EXPECT_EQ(0, as(try_ioctl(self->fd, TUNSIFPID, NULL)));
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
	ASSERT_EQ(0, chmod(NODE, 0600));
	attribute_set("owner", ALICE);
	close(self->fd);
	EXPECT_EQ(EACCES, as_child(become(ALICE, STAFF, STAFF, 0); try_open()));
	EXPECT_EQ(EACCES, as_child(become(BOB, STAFF, STAFF, CAP_NET_ADMIN); try_open()));
	EXPECT_EQ(0, as_child(become(0, 0, 0, CAP_NET_ADMIN); try_open()));
}

TEST_F(node, refused_open_leaves_the_unit_to_others)
{
	close(self->fd);
	EXPECT_EQ(EPERM, as_child(become(BOB, STAFF, STAFF, 0); try_open()));
	EXPECT_EQ(0, try_open());
}

/* Root of a user namespace, over a network namespace that belongs to it. */
TEST_F(node, root_of_a_user_namespace_opens_in_its_own_network)
{
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(0, as_child(
		become(ALICE, STAFF, STAFF, 0);
		become_root_of(CLONE_NEWNET);
		try_open() ?: link_index(DEV) ? 0 : ENODEV;
	));
}

TEST_F(node, root_of_a_user_namespace_changes_its_own_interface)
{
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(0, as_child(
		int fd;

		become(ALICE, STAFF, STAFF, 0);
		become_root_of(CLONE_NEWNET);
		fd = unit_open(0, O_RDWR);
		try_info(fd) ?: try_set(fd, TUNSIFMODE, IFF_BROADCAST) ?:
			try_set(fd, TUNSTRANSIENT, 1);
	));
}

TEST_F(node, root_of_a_user_namespace_may_not_open_in_a_foreign_network)
{
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(EPERM, as_child(
		become(ALICE, STAFF, STAFF, 0);
		become_root_of(0);
		try_open();
	));
	EXPECT_EQ(0, link_index(DEV));
}

/* The unit's interface stands in our network namespace. */
TEST_F(node, root_of_a_user_namespace_may_not_take_up_a_foreign_interface)
{
	close(self->fd);
	EXPECT_EQ(EPERM, as_child(
		become(ALICE, STAFF, STAFF, 0);
		become_root_of(CLONE_NEWNET);
		try_open();
	));
	EXPECT_EQ(EPERM, as_child(become_root_of(CLONE_NEWNET); try_open()));
}

TEST_F(node, root_of_a_user_namespace_may_not_change_a_foreign_interface)
{
	EXPECT_EQ(EPERM, as_child(
		become_root_of(CLONE_NEWNET);
		try_info(self->fd);
	));
}

TEST_F(node, owner_takes_up_a_foreign_interface_from_a_user_namespace)
{
	attribute_set("owner", ALICE);
	close(self->fd);
	EXPECT_EQ(0, as_child(
		become(ALICE, STAFF, STAFF, 0);
		become_root_of(CLONE_NEWNET);
		try_open();
	));
}

TEST_F(node, debug_is_for_the_initial_root)
{
	EXPECT_EQ(0, as_child(try_set(self->fd, TUNSDEBUG, 0)));
	EXPECT_EQ(EPERM, as_child(become(BOB, STAFF, STAFF, 0); try_set(self->fd, TUNSDEBUG, 0)));
	EXPECT_EQ(EPERM, as_child(
		become_root_of(CLONE_NEWNET);
		try_set(self->fd, TUNSDEBUG, 0);
	));
}

TEST_F(node, debug_is_not_for_the_owner)
{
	attribute_set("owner", ALICE);
	EXPECT_EQ(EPERM, as_child(become(ALICE, STAFF, STAFF, 0); try_set(self->fd, TUNSDEBUG, 0)));
}

/* It is who writes that counts, not who opened the file. */
TEST_F(node, sysfs_wants_the_capability)
{
	static const struct {
		const char *path, *text;
	} files[] = {
		{ "/sys/class/net/" DEV "/bsdtun/owner", "1001" },
		{ "/sys/class/net/" DEV "/bsdtun/group", "2000" },
		{ "/sys/class/net/" DEV "/bsdtun/mode", "broadcast" },
		{ "/sys/class/net/" DEV "/bsdtun/transient", "1" },
		{ "/sys/class/net/" DEV "/bsdtun/framing", "af" },
	};
	size_t i;
	int fd;

	attribute_set("owner", ALICE);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		fd = open(files[i].path, O_WRONLY);
		ASSERT_LE(0, fd);
		EXPECT_EQ(EACCES, as_child(
			become(ALICE, STAFF, STAFF, 0);
			open(files[i].path, O_WRONLY) < 0 ? errno : 0;
		));
		EXPECT_EQ(EPERM, as_child(
			become(ALICE, STAFF, STAFF, 0);
			write(fd, files[i].text, strlen(files[i].text)) < 0 ? errno : 0;
		)) TH_LOG("%s", files[i].path);
		EXPECT_EQ(EPERM, as_child(
			become_root_of(CLONE_NEWNET);
			write(fd, files[i].text, strlen(files[i].text)) < 0 ? errno : 0;
		)) TH_LOG("%s", files[i].path);
		EXPECT_EQ(0, as_child(
			become(BOB, STAFF, STAFF, CAP_NET_ADMIN);
			write(fd, files[i].text, strlen(files[i].text)) < 0 ? errno : 0;
		)) TH_LOG("%s", files[i].path);
		close(fd);
	}
}

TEST_HARNESS_MAIN
