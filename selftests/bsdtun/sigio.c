// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* SIGIO: to whom it goes, when, and who may be named. */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "kselftest_harness.h"
#include "util.h"

#define NO_PROCESS	0x3ffffff	/* beyond what pid_max can be */
#define SHORTLY		200		/* ms in which what must not happen would have */

/* The signal that came within a while, with its siginfo; 0 for none. */
static int await(int signo, int timeout, siginfo_t *info)
{
	struct timespec ts = { .tv_sec = timeout / 1000,
			       .tv_nsec = timeout % 1000 * 1000000 };
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, signo);
	do {
		ret = sigtimedwait(&set, info, &ts);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? 0 : ret;
}

static int signal_comes(int signo)
{
	siginfo_t info;

	return await(signo, PATIENCE, &info) == signo;
}

static int signal_stays_away(int signo)
{
	siginfo_t info;

	return !await(signo, SHORTLY, &info);
}

/* A child that waits for SIGIO and exits with 0 when it comes, with 1 if it has
 * not come in time. In a process group of its own, or in its elder's.
 */
static pid_t waiter(pid_t group, int timeout)
{
	siginfo_t info;
	pid_t pid;

	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, group);
		_exit(!await(SIGIO, timeout, &info));
	}
	setpgid(pid, group);
	return pid;
}

static int exit_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int ioctl_int(int fd, unsigned long request, int value)
{
	return ioctl(fd, request, &value) ? -errno : 0;
}

static int owner(int fd)
{
	int value = INT_MIN;

	return ioctl(fd, FIOGETOWN, &value) ? INT_MIN : value;
}

static int pgrp(int fd)
{
	int value = INT_MIN;

	return ioctl(fd, TIOCGPGRP, &value) ? INT_MIN : value;
}

FIXTURE(sigio)
{
	int fd;
	int sock;
};

FIXTURE_SETUP(sigio)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGRTMIN);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
	machine_setup(&self->fd, &self->sock);
}

FIXTURE_TEARDOWN(sigio)
{
	link_del(DEV);
}

static int async_on(int fd)
{
	return fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC);
}

TEST_F(sigio, a_packet_sends_it_to_the_owner)
{
	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	EXPECT_TRUE(signal_stays_away(SIGIO));
	send_numbers(self->sock, 7, 1);
	EXPECT_TRUE(signal_comes(SIGIO));
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(sigio, FIOASYNC_turns_it_on_and_off)
{
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, getpid()));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOASYNC, 1));
	send_numbers(self->sock, 0, 1);
	EXPECT_TRUE(signal_comes(SIGIO));
	ASSERT_EQ(0, read_number(self->fd, 0));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOASYNC, 0));
	send_numbers(self->sock, 1, 1);
	EXPECT_TRUE(signal_stays_away(SIGIO));
	EXPECT_EQ(1, read_number(self->fd, 0));
	EXPECT_EQ(getpid(), owner(self->fd));
}

TEST_F(sigio, every_packet_that_finds_the_queue_empty_sends_it)
{
	int i;

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	for (i = 0; i < 50; i++) {
		send_numbers(self->sock, i, 1);
		ASSERT_TRUE(signal_comes(SIGIO)) TH_LOG("packet %d", i);
		ASSERT_EQ(i, read_number(self->fd, 0));
	}
}

TEST_F(sigio, a_burst_sends_it_and_every_packet_is_there)
{
	int i;

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	send_numbers(self->sock, 0, 300);
	EXPECT_TRUE(signal_comes(SIGIO));
	for (i = 0; i < 300; i++) {
		/* However slow the reader is. */
		usleep(2000);
		ASSERT_EQ(i, read_number(self->fd, 0));
	}
	EXPECT_EQ(-EAGAIN, read_number(self->fd, 0));
}

TEST_F(sigio, siginfo_names_the_file_and_says_POLL_IN)
{
	siginfo_t info;

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, fcntl(self->fd, F_SETSIG, SIGRTMIN));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	send_numbers(self->sock, 7, 1);
	ASSERT_EQ(SIGRTMIN, await(SIGRTMIN, PATIENCE, &info));
	EXPECT_EQ(self->fd, info.si_fd);
	EXPECT_EQ(POLL_IN, info.si_code);
	EXPECT_EQ(POLLIN, info.si_band & POLLIN);
}

TEST_F(sigio, delete_sends_POLL_HUP)
{
	siginfo_t info;

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, fcntl(self->fd, F_SETSIG, SIGRTMIN));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(SIGRTMIN, await(SIGRTMIN, PATIENCE, &info));
	EXPECT_EQ(self->fd, info.si_fd);
	EXPECT_EQ(POLL_HUP, info.si_code);
}

TEST_F(sigio, end_of_the_namespace_sends_POLL_HUP)
{
	siginfo_t info;

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, fcntl(self->fd, F_SETSIG, SIGRTMIN));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	close(self->sock);
	netns_enter();
	ASSERT_EQ(SIGRTMIN, await(SIGRTMIN, PATIENCE, &info));
	EXPECT_EQ(POLL_HUP, info.si_code);
}

TEST_F(sigio, does_not_come_to_an_owner_who_did_not_ask)
{
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	send_numbers(self->sock, 0, 1);
	EXPECT_TRUE(signal_stays_away(SIGIO));
}

TEST_F(sigio, has_no_owner_unless_one_is_named)
{
	ASSERT_EQ(0, async_on(self->fd));
	EXPECT_EQ(0, owner(self->fd));
	send_numbers(self->sock, 0, 1);
	EXPECT_TRUE(signal_stays_away(SIGIO));
	EXPECT_EQ(0, read_number(self->fd, 0));
}

TEST_F(sigio, owner_can_be_taken_away)
{
	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, getpid()));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, 0));
	EXPECT_EQ(0, owner(self->fd));
	send_numbers(self->sock, 0, 1);
	EXPECT_TRUE(signal_stays_away(SIGIO));
}

TEST_F(sigio, goes_to_another_process_and_not_to_the_caller)
{
	pid_t child = waiter(0, PATIENCE);

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, child));
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(0, exit_status(child));
	EXPECT_TRUE(signal_stays_away(SIGIO));
}

TEST_F(sigio, goes_to_every_process_of_a_group_and_to_no_other)
{
	pid_t leader = waiter(0, PATIENCE), member = waiter(leader, PATIENCE);
	pid_t other = waiter(0, SHORTLY);

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, -leader));
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(0, exit_status(leader));
	EXPECT_EQ(0, exit_status(member));
	EXPECT_EQ(1, exit_status(other));
}

TEST_F(sigio, TIOCSPGRP_names_a_group)
{
	pid_t leader = waiter(0, PATIENCE), member = waiter(leader, PATIENCE);

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, TIOCSPGRP, leader));
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(0, exit_status(leader));
	EXPECT_EQ(0, exit_status(member));
}

TEST_F(sigio, packets_pass_after_the_owner_died)
{
	pid_t child = waiter(0, 0);

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, child));
	exit_status(child);
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(0, read_number(self->fd, 0));
	EXPECT_EQ(0, owner(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, getpid()));
	send_numbers(self->sock, 1, 1);
	EXPECT_TRUE(signal_comes(SIGIO));
}

TEST_F(sigio, goes_to_the_rest_of_a_group_whose_leader_died)
{
	pid_t leader = waiter(0, SHORTLY), member = waiter(leader, PATIENCE);

	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, -leader));
	EXPECT_EQ(1, exit_status(leader));
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(0, exit_status(member));
}

/* An owner is shown as a process, a group as its negative number. */
TEST_F(sigio, FIOGETOWN_and_TIOCGPGRP_tell_a_process)
{
	EXPECT_EQ(0, owner(self->fd));
	EXPECT_EQ(0, pgrp(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, getpid()));
	EXPECT_EQ(getpid(), owner(self->fd));
	EXPECT_EQ(-getpid(), pgrp(self->fd));
	EXPECT_EQ(getpid(), fcntl(self->fd, F_GETOWN));
}

TEST_F(sigio, FIOGETOWN_and_TIOCGPGRP_tell_a_group)
{
	ASSERT_EQ(0, setpgid(0, 0));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, -getpid()));
	EXPECT_EQ(-getpid(), owner(self->fd));
	EXPECT_EQ(getpid(), pgrp(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, 0));
	EXPECT_EQ(0, pgrp(self->fd));
	ASSERT_EQ(0, ioctl_int(self->fd, TIOCSPGRP, getpid()));
	EXPECT_EQ(-getpid(), owner(self->fd));
	EXPECT_EQ(getpid(), pgrp(self->fd));
}

TEST_F(sigio, FIOGETOWN_tells_what_fcntl_set)
{
	ASSERT_EQ(0, setpgid(0, 0));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, -getpid()));
	EXPECT_EQ(-getpid(), owner(self->fd));
	EXPECT_EQ(getpid(), pgrp(self->fd));
}

TEST_F(sigio, owner_that_does_not_exist_is_ESRCH)
{
	ASSERT_EQ(0, ioctl_int(self->fd, FIOSETOWN, getpid()));
	EXPECT_EQ(-ESRCH, ioctl_int(self->fd, FIOSETOWN, NO_PROCESS));
	EXPECT_EQ(-ESRCH, ioctl_int(self->fd, FIOSETOWN, -NO_PROCESS));
	EXPECT_EQ(-ESRCH, ioctl_int(self->fd, FIOSETOWN, INT_MAX));
	EXPECT_EQ(-ESRCH, ioctl_int(self->fd, TIOCSPGRP, NO_PROCESS));
	EXPECT_EQ(-ESRCH, ioctl_int(self->fd, TIOCSPGRP, -NO_PROCESS));
	EXPECT_EQ(getpid(), owner(self->fd));
}

TEST_F(sigio, owner_that_is_no_number_of_a_process_is_refused)
{
	int ret;

	ret = ioctl_int(self->fd, FIOSETOWN, INT_MIN);
	EXPECT_TRUE(ret == -EINVAL || ret == -ESRCH) TH_LOG("%d", ret);
	ret = ioctl_int(self->fd, TIOCSPGRP, INT_MIN);
	EXPECT_TRUE(ret == -EINVAL || ret == -ESRCH) TH_LOG("%d", ret);
	EXPECT_EQ(0, owner(self->fd));
}

TEST_F(sigio, bad_pointer_is_EFAULT)
{
	static const unsigned long requests[] = { FIOSETOWN, FIOGETOWN, TIOCSPGRP, TIOCGPGRP };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, requests[i], (void *)8));
		EXPECT_EQ(EFAULT, errno);
	}
}

TEST_F(sigio, ownership_ends_at_close)
{
	ASSERT_EQ(0, async_on(self->fd));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, owner(self->fd));
	EXPECT_EQ(0, fcntl(self->fd, F_GETFL) & O_ASYNC);
	ASSERT_EQ(0, link_up(DEV));
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_TRUE(signal_stays_away(SIGIO));
}

TEST_F(sigio, close_right_after_a_packet)
{
	int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, async_on(self->fd));
		ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
		send_numbers(self->sock, 0, 1);
		ASSERT_EQ(0, close(self->fd));
		self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, link_up(DEV));
	}
}

TEST_F(sigio, each_file_of_an_interface_has_an_owner_of_its_own)
{
	int fds[2];

	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	ASSERT_EQ(0, link_add(DEV, "bsdtun", 2));
	fds[0] = unit_open(0, O_RDWR | O_NONBLOCK);
	fds[1] = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fds[1]);
	ASSERT_EQ(0, ioctl_int(fds[0], FIOSETOWN, getpid()));
	EXPECT_EQ(getpid(), owner(fds[0]));
	EXPECT_EQ(0, owner(fds[1]));
}

TEST_HARNESS_MAIN
