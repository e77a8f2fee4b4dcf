// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* poll(2), select(2) and epoll(7). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define READABLE	1
#define WRITABLE	2
#define GONE		4	/* HUP and ERR; select tells it as READABLE */

/* What fd is ready for of what is wanted; 0 after timeout ms, -1 if the parts
 * of the answer do not agree.
 */
typedef int (*ready_t)(int fd, int wanted, int timeout);

static int ready_of(unsigned int events)
{
	int ready = 0;

	if (!(events & POLLIN) != !(events & POLLRDNORM) ||
	    !(events & POLLOUT) != !(events & POLLWRNORM) ||
	    !(events & POLLHUP) != !(events & POLLERR) ||
	    (events & ~(POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLERR)))
		return -1;
	if (events & POLLIN)
		ready |= READABLE;
	if (events & POLLOUT)
		ready |= WRITABLE;
	if (events & POLLHUP)
		ready |= GONE;
	return ready;
}

static int events_of(int wanted)
{
	return (wanted & READABLE ? POLLIN | POLLRDNORM | POLLPRI | POLLRDHUP : 0) |
	       (wanted & WRITABLE ? POLLOUT | POLLWRNORM : 0);
}

static int ready_by_poll(int fd, int wanted, int timeout)
{
	struct pollfd pfd = { .fd = fd, .events = events_of(wanted) };
	int ret = poll(&pfd, 1, timeout);

	return ret == 1 ? ready_of(pfd.revents) : ret;
}

static int ready_by_select(int fd, int wanted, int timeout)
{
	struct timeval tv = { .tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000 };
	fd_set readable, writable, exceptional;
	int ret;

	FD_ZERO(&readable);
	FD_ZERO(&writable);
	FD_ZERO(&exceptional);
	if (wanted & READABLE)
		FD_SET(fd, &readable);
	if (wanted & WRITABLE)
		FD_SET(fd, &writable);
	FD_SET(fd, &exceptional);
	ret = select(fd + 1, &readable, &writable, &exceptional, timeout < 0 ? NULL : &tv);
	if (ret <= 0)
		return ret;
	if (FD_ISSET(fd, &exceptional))
		return -1;
	return (FD_ISSET(fd, &readable) ? READABLE : 0) | (FD_ISSET(fd, &writable) ? WRITABLE : 0);
}

/* In a case where somebody else may take the packet between two questions. */
static bool others_read;

static int ready_by_epoll(int fd, int wanted, int timeout)
{
	struct epoll_event event = { .events = events_of(wanted) };
	int ret, epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		return -1;
	ret = epoll_wait(epoll, &event, 1, timeout);
	/* Level: it says so again. */
	if (ret == 1 && !others_read && epoll_wait(epoll, &event, 1, 0) != 1)
		ret = -1;
	close(epoll);
	return ret == 1 ? ready_of(event.events) : ret;
}

FIXTURE(poll)
{
	int fd;
	int sock;
};

FIXTURE_VARIANT(poll)
{
	ready_t ready;
	int gone;	/* what it says when the interface is gone, asked for READABLE */
	int gone_both;	/* and for WRITABLE, too */
};

FIXTURE_VARIANT_ADD(poll, poll)
{
	.ready = ready_by_poll,
	.gone = GONE,
	.gone_both = GONE,
};

FIXTURE_VARIANT_ADD(poll, select)
{
	.ready = ready_by_select,
	.gone = READABLE,
	.gone_both = READABLE | WRITABLE,
};

FIXTURE_VARIANT_ADD(poll, epoll)
{
	.ready = ready_by_epoll,
	.gone = GONE,
	.gone_both = GONE,
};

FIXTURE_SETUP(poll)
{
	machine_setup(&self->fd, &self->sock);
}

FIXTURE_TEARDOWN(poll)
{
	link_del(DEV);
}

TEST_F(poll, is_writable_and_not_readable_when_idle)
{
	EXPECT_EQ(WRITABLE, variant->ready(self->fd, READABLE | WRITABLE, -1));
	EXPECT_EQ(0, variant->ready(self->fd, READABLE, 0));
	EXPECT_EQ(WRITABLE, variant->ready(self->fd, WRITABLE, 0));
}

TEST_F(poll, is_readable_while_a_packet_waits)
{
	send_numbers(self->sock, 0, 2);
	EXPECT_EQ(READABLE | WRITABLE, variant->ready(self->fd, READABLE | WRITABLE, 0));
	EXPECT_EQ(READABLE, variant->ready(self->fd, READABLE, -1));
	EXPECT_EQ(0, read_number(self->fd, 0));
	EXPECT_EQ(READABLE, variant->ready(self->fd, READABLE, 0));
	EXPECT_EQ(1, read_number(self->fd, 0));
	EXPECT_EQ(0, variant->ready(self->fd, READABLE, 0));
	EXPECT_EQ(WRITABLE, variant->ready(self->fd, WRITABLE, 0));
}

TEST_F(poll, says_neither_HUP_nor_ERR_when_down)
{
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ(0, link_down(DEV));
	EXPECT_EQ(WRITABLE, variant->ready(self->fd, READABLE | WRITABLE, 0));
	EXPECT_EQ(0, variant->ready(self->fd, READABLE, 0));
}

TEST_F(poll, says_neither_HUP_nor_ERR_before_the_interface_was_ever_up)
{
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	self->fd = unit_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(WRITABLE, variant->ready(self->fd, READABLE | WRITABLE, 0));
	EXPECT_EQ(0, variant->ready(self->fd, READABLE, 0));
}

TEST_F(poll, says_HUP_and_ERR_when_the_interface_is_gone)
{
	send_numbers(self->sock, 0, 1);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(variant->gone, variant->ready(self->fd, READABLE, 0));
	EXPECT_EQ(variant->gone, variant->ready(self->fd, READABLE, -1));
	EXPECT_EQ(variant->gone_both, variant->ready(self->fd, READABLE | WRITABLE, -1));
}

/* The sleeper has no argument for the variant. */
static ready_t sleepers_ready;

static ssize_t wait_readable(int fd, void *buf, size_t len)
{
	(void)buf;
	(void)len;
	return sleepers_ready(fd, READABLE, -1);
}

TEST_F(poll, sleeps_until_a_packet_comes)
{
	struct sleeper sleeper;
	struct result result;

	sleepers_ready = variant->ready;
	sleeper_start(&sleeper, wait_readable, self->fd);
	EXPECT_FALSE(sleeper_done(&sleeper, 0));
	send_numbers(self->sock, 7, 1);
	sleeper_result(&sleeper, &result);
	EXPECT_EQ(READABLE, result.ret);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(poll, sleeps_through_down_and_up)
{
	struct sleeper sleeper;
	struct result result;

	sleepers_ready = variant->ready;
	sleeper_start(&sleeper, wait_readable, self->fd);
	ASSERT_EQ(0, link_down(DEV));
	wait_asleep(sleeper.pid);
	EXPECT_FALSE(sleeper_done(&sleeper, 0));
	ASSERT_EQ(0, link_up(DEV));
	send_numbers(self->sock, 7, 1);
	sleeper_result(&sleeper, &result);
	EXPECT_EQ(READABLE, result.ret);
}

TEST_F(poll, that_sleeps_learns_that_the_interface_goes)
{
	struct sleeper sleeper;
	struct result result;

	sleepers_ready = variant->ready;
	sleeper_start(&sleeper, wait_readable, self->fd);
	ASSERT_EQ(0, link_del(DEV));
	sleeper_result(&sleeper, &result);
	EXPECT_EQ(variant->gone, result.ret);
}

TEST_F(poll, that_sleeps_beside_a_reader_leaves_it_the_packet)
{
	struct sleeper poller, reader;
	struct result result;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR));
	others_read = true;
	sleepers_ready = variant->ready;
	sleeper_start(&poller, wait_readable, self->fd);
	sleeper_start(&reader, read, self->fd);
	send_numbers(self->sock, 7, 1);
	sleeper_result(&reader, &result);
	EXPECT_EQ(UDP4_HEADERS + 4, result.ret);
	/* If the reader was first, the poller was not told in vain. */
	send_numbers(self->sock, 8, 1);
	sleeper_result(&poller, &result);
	EXPECT_EQ(READABLE, result.ret);
}

FIXTURE(epoll_edge)
{
	int fd;
	int sock;
	int epoll;
	struct epoll_event event;
};

FIXTURE_SETUP(epoll_edge)
{
	machine_setup(&self->fd, &self->sock);
	self->event.events = EPOLLIN | EPOLLET;
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, self->epoll);
	ASSERT_EQ(0, epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->fd, &self->event));
}

FIXTURE_TEARDOWN(epoll_edge)
{
	link_del(DEV);
}

TEST_F(epoll_edge, tells_of_each_packet_once)
{
	EXPECT_EQ(0, epoll_wait(self->epoll, &self->event, 1, 0));
	send_numbers(self->sock, 0, 1);
	EXPECT_EQ(1, epoll_wait(self->epoll, &self->event, 1, PATIENCE));
	EXPECT_EQ((uint32_t)EPOLLIN, self->event.events);
	EXPECT_EQ(0, epoll_wait(self->epoll, &self->event, 1, 0));
	/* A packet is news though the one before it was not read. */
	send_numbers(self->sock, 1, 1);
	EXPECT_EQ(1, epoll_wait(self->epoll, &self->event, 1, PATIENCE));
	EXPECT_EQ(0, epoll_wait(self->epoll, &self->event, 1, 0));
	EXPECT_EQ(0, read_number(self->fd, 0));
	EXPECT_EQ(1, read_number(self->fd, 0));
}

TEST_F(epoll_edge, tells_that_the_interface_is_gone)
{
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(1, epoll_wait(self->epoll, &self->event, 1, PATIENCE));
	EXPECT_EQ((uint32_t)(EPOLLHUP | EPOLLERR), self->event.events);
}

TEST_F(epoll_edge, does_not_tell_of_what_is_dropped)
{
	int sock6 = machine_ipv6();

	send_numbers(sock6, 0, 3);
	EXPECT_EQ(0, epoll_wait(self->epoll, &self->event, 1, 0));
}

TEST_HARNESS_MAIN
