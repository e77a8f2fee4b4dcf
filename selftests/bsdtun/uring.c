// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* io_uring(7): what read, write and poll do, they do through a ring as well. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "uring.h"
#include "util.h"

#define NUMBERED	(UDP4_HEADERS + 4)	/* length of send_numbers()' packets */
#define QUEUED		8			/* requests at once */
#define BUFFERS		8
#define BUFFER_ROOM	256
#define GROUP		1			/* of buffers */
#define CANCEL		1000			/* user_data of what cancels */

FIXTURE(uring)
{
	int fd;
	int sock;
	struct io_uring ring;
	unsigned int flags;	/* of the last completion */
	unsigned char buf[BUFFERS][BUFFER_ROOM];
};

FIXTURE_SETUP(uring)
{
	machine_setup(&self->fd, &self->sock);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR));
	ASSERT_EQ(0, io_uring_queue_init(64, &self->ring, 0));
}

FIXTURE_TEARDOWN(uring)
{
	io_uring_queue_exit(&self->ring);
	link_del(DEV);
}

#define COMPLETION()	completion(&self->ring, &self->flags)

static struct io_uring_sqe *queue_read(struct _test_data_uring *self, int number)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	io_uring_prep_read(sqe, self->fd, self->buf[number], BUFFER_ROOM, -1);
	io_uring_sqe_set_data64(sqe, number);
	return sqe;
}

static struct io_uring_sqe *queue_write(struct _test_data_uring *self, const void *packet,
					size_t len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	io_uring_prep_write(sqe, self->fd, packet, len, -1);
	return sqe;
}

/* Returns 0 or -errno. */
static int provide_buffers(struct _test_data_uring *self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	int ret;

	io_uring_prep_provide_buffers(sqe, self->buf, BUFFER_ROOM, BUFFERS, GROUP, 0);
	io_uring_submit(&self->ring);
	ret = COMPLETION();
	return ret < 0 ? ret : 0;
}

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLIN);
}

TEST_F(uring, a_read_waits_for_a_packet)
{
	queue_read(self, 0);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(NUMBERED, COMPLETION());
	EXPECT_EQ(7, packet_number(self->buf[0]));
}

TEST_F(uring, a_read_takes_the_packet_that_is_there)
{
	send_numbers(self->sock, 7, 2);
	queue_read(self, 0);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	/* At once, without a worker or a poll */
	EXPECT_EQ(0, none_yet(&self->ring));
	EXPECT_EQ(NUMBERED, COMPLETION());
	EXPECT_EQ(7, packet_number(self->buf[0]));
	EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
}

TEST_F(uring, queued_reads_get_one_packet_each)
{
	bool seen[QUEUED] = { false };
	int i, number;

	for (i = 0; i < QUEUED; i++)
		queue_read(self, i);
	ASSERT_EQ(QUEUED, io_uring_submit(&self->ring));
	for (i = 0; i < QUEUED; i++) {
		send_numbers(self->sock, i, 1);
		ASSERT_EQ(NUMBERED, COMPLETION());
		EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
	}
	for (i = 0; i < QUEUED; i++) {
		number = packet_number(self->buf[i]);
		ASSERT_TRUE(number >= 0 && number < QUEUED && !seen[number]);
		seen[number] = true;
	}
}

TEST_F(uring, reads_of_worker_threads_get_one_packet_each)
{
	int i;

	for (i = 0; i < QUEUED; i++)
		queue_read(self, i)->flags |= IOSQE_ASYNC;
	ASSERT_EQ(QUEUED, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
	send_numbers(self->sock, 0, QUEUED);
	for (i = 0; i < QUEUED; i++)
		EXPECT_EQ(NUMBERED, COMPLETION());
	EXPECT_FALSE(readable(self->fd));
}

TEST_F(uring, a_vectored_read_fills_all_its_buffers)
{
	struct iovec iov[] = {
		{ self->buf[0], UDP4_HEADERS },
		{ self->buf[1], 4 },
	};
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	uint32_t number;

	io_uring_prep_readv(sqe, self->fd, iov, 2, -1);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(NUMBERED, COMPLETION());
	memcpy(&number, self->buf[1], sizeof(number));
	EXPECT_EQ(htonl(7), number);
}

TEST_F(uring, registered_buffers_and_files_serve)
{
	struct iovec iov = { self->buf[0], BUFFER_ROOM };
	struct io_uring_sqe *sqe;
	char received[16];
	ssize_t len;

	ASSERT_EQ(0, io_uring_register_buffers(&self->ring, &iov, 1));
	ASSERT_EQ(0, io_uring_register_files(&self->ring, &self->fd, 1));
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_read_fixed(sqe, 0, self->buf[0], BUFFER_ROOM, -1, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(NUMBERED, COMPLETION());
	EXPECT_EQ(7, packet_number(self->buf[0]));

	len = build_udp(AF_INET, self->buf[0], "fixed", 5);
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_write_fixed(sqe, 0, self->buf[0], len, -1, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(len, COMPLETION());
	EXPECT_EQ(5, recv(self->sock, received, sizeof(received), 0));
}

TEST_F(uring, a_read_of_a_nonblocking_file_waits_too)
{
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR | O_NONBLOCK));
	queue_read(self, 0);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(NUMBERED, COMPLETION());
	EXPECT_EQ(7, packet_number(self->buf[0]));
}

TEST_F(uring, a_read_that_may_not_wait_is_EAGAIN)
{
	queue_read(self, 0)->rw_flags = RWF_NOWAIT;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, COMPLETION());
	send_numbers(self->sock, 7, 1);
	queue_read(self, 0)->rw_flags = RWF_NOWAIT;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(NUMBERED, COMPLETION());
}

TEST_F(uring, a_write_reaches_the_stack)
{
	unsigned char packet[QUEUED][128];
	char received[16];
	ssize_t len = 0;
	int i;

	for (i = 0; i < QUEUED; i++) {
		len = build_udp(AF_INET, packet[i], &i, sizeof(i));
		queue_write(self, packet[i], len);
	}
	ASSERT_EQ(QUEUED, io_uring_submit(&self->ring));
	for (i = 0; i < QUEUED; i++)
		EXPECT_EQ(len, COMPLETION());
	for (i = 0; i < QUEUED; i++) {
		ASSERT_EQ((ssize_t)sizeof(i), recv(self->sock, received, sizeof(received), 0));
		EXPECT_EQ(0, memcmp(received, &i, sizeof(i)));
	}
}

TEST_F(uring, a_write_that_is_refused_says_why)
{
	static const unsigned char packet[TUNMRU + 1] = { 0x45 };

	queue_write(self, "P", 1);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAFNOSUPPORT, COMPLETION());
	queue_write(self, packet, sizeof(packet));
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EIO, COMPLETION());
	queue_write(self, before_hole(0), 128);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EFAULT, COMPLETION());
}

/* Returns how many requests were submitted. */
static int cancel_read(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_cancel64(sqe, 0, 0);
	io_uring_sqe_set_data64(sqe, CANCEL);
	return io_uring_submit(ring);
}

TEST_F(uring, a_cancelled_read_takes_no_packet)
{
	struct io_uring_cqe *cqe;
	int i, results[2] = { 0 };

	queue_read(self, 0);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	ASSERT_EQ(1, cancel_read(&self->ring));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		results[cqe->user_data == CANCEL] = cqe->res;
		io_uring_cqe_seen(&self->ring, cqe);
	}
	EXPECT_EQ(-ECANCELED, results[0]);
	EXPECT_EQ(0, results[1]);
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
	EXPECT_EQ(7, read_number(self->fd, 0));
}

/* A worker thread in our read is to be woken for it. Between two places where it could
 * be found it is not.
 */
TEST_F(uring, a_cancelled_read_of_a_worker_takes_no_packet)
{
	struct io_uring_cqe *cqe;
	bool cancelling = true, again;
	int result = 0;

	queue_read(self, 0)->flags |= IOSQE_ASYNC;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	ASSERT_EQ(1, cancel_read(&self->ring));
	while (!result || cancelling) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		if (cqe->user_data != CANCEL)
			result = cqe->res;
		else
			cancelling = !result && (cqe->res == -ENOENT || cqe->res == -EALREADY);
		again = cqe->user_data == CANCEL && cancelling;
		io_uring_cqe_seen(&self->ring, cqe);
		if (again)
			ASSERT_EQ(1, cancel_read(&self->ring));
	}
	EXPECT_TRUE(result == -ECANCELED || result == -EINTR) TH_LOG("%d", result);
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, read_number(self->fd, 0));
}

TEST_F(uring, the_end_of_the_ring_leaves_the_packets)
{
	int i;

	for (i = 0; i < QUEUED; i++)
		queue_read(self, i)->flags |= i % 2 ? IOSQE_ASYNC : 0;
	ASSERT_EQ(QUEUED, io_uring_submit(&self->ring));
	io_uring_queue_exit(&self->ring);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR | O_NONBLOCK));
	/* Requests may outlive the ring by a moment, and may take a packet in it. */
	for (i = 0; i < 100; i++) {
		send_numbers(self->sock, 7, 1);
		if (read_number(self->fd, 0) == 7)
			break;
	}
	EXPECT_GT(100, i);
	ASSERT_EQ(0, io_uring_queue_init(64, &self->ring, 0));
}

TEST_F(uring, a_poll_tells_of_a_packet)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	io_uring_prep_poll_add(sqe, self->fd, POLLIN);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(POLLIN, COMPLETION());
	EXPECT_EQ(7, read_number(self->fd, 0));
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_poll_add(sqe, self->fd, POLLOUT);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(POLLOUT, COMPLETION());
}

TEST_F(uring, a_multishot_poll_tells_of_each_packet)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	int i;

	io_uring_prep_poll_multishot(sqe, self->fd, POLLIN);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
		send_numbers(self->sock, i, 1);
		EXPECT_EQ(POLLIN, COMPLETION());
		EXPECT_TRUE(!!(self->flags & IORING_CQE_F_MORE));
		EXPECT_EQ(i, read_number(self->fd, 0));
	}
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(POLLERR | POLLHUP, COMPLETION() & (POLLERR | POLLHUP));
}

TEST_F(uring, a_poll_can_be_cancelled)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
	int i, cancelled = 0;

	io_uring_prep_poll_add(sqe, self->fd, POLLIN);
	io_uring_sqe_set_data64(sqe, 1);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_poll_remove(sqe, 1);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	for (i = 0; i < 2; i++)
		cancelled += COMPLETION() == -ECANCELED;
	EXPECT_EQ(1, cancelled);
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
}

TEST_F(uring, deletion_ends_what_is_queued)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	int i;

	queue_read(self, 0);
	queue_read(self, 1);
	queue_read(self, 2)->flags |= IOSQE_ASYNC;
	sqe = io_uring_get_sqe(&self->ring);
	io_uring_prep_poll_add(sqe, self->fd, POLLIN);
	io_uring_sqe_set_data64(sqe, 3);
	ASSERT_EQ(4, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
	ASSERT_EQ(0, link_del(DEV));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, io_uring_wait_cqe(&self->ring, &cqe));
		EXPECT_EQ(cqe->user_data == 3 ? POLLERR | POLLHUP : -EIO, cqe->res) {
			TH_LOG("request %d", (int)cqe->user_data);
		}
		io_uring_cqe_seen(&self->ring, cqe);
	}
	/* And so does what comes after. */
	queue_read(self, 0);
	queue_write(self, "E", 1);
	ASSERT_EQ(2, io_uring_submit(&self->ring));
	EXPECT_EQ(-EIO, COMPLETION());
	EXPECT_EQ(-EIO, COMPLETION());
}

TEST_F(uring, a_read_takes_a_provided_buffer)
{
	struct io_uring_sqe *sqe;
	int i;

	ASSERT_EQ(0, provide_buffers(self));
	for (i = 0; i < BUFFERS; i++) {
		sqe = io_uring_get_sqe(&self->ring);
		io_uring_prep_read(sqe, self->fd, NULL, BUFFER_ROOM, -1);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
		ASSERT_EQ(1, io_uring_submit(&self->ring));
		send_numbers(self->sock, i, 1);
		EXPECT_EQ(NUMBERED, COMPLETION());
		ASSERT_TRUE(!!(self->flags & IORING_CQE_F_BUFFER));
		EXPECT_EQ(i, packet_number(self->buf[self->flags >> IORING_CQE_BUFFER_SHIFT]));
	}
}

/* Linux 6.7. Before, such a read is EINVAL and takes no packet, which is what is tested
 * there: true if so.
 */
static bool multishot_is_refused(struct __test_metadata *_metadata,
				 struct _test_data_uring *self)
{
	if (knows_multishot_read(&self->ring))
		return false;
	EXPECT_EQ(-EINVAL, COMPLETION());
	send_numbers(self->sock, 7, 1);
	EXPECT_EQ(7, wait_number(self->fd, 0));
	return true;
}

TEST_F(uring, a_multishot_read_takes_a_buffer_for_each_packet)
{
	int i;

	ASSERT_EQ(0, provide_buffers(self));
	multishot_read(&self->ring, self->fd, GROUP);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	if (multishot_is_refused(_metadata, self))
		return;
	for (i = 0; i < BUFFERS; i++) {
		EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
		send_numbers(self->sock, i, 1);
		EXPECT_EQ(NUMBERED, COMPLETION());
		ASSERT_TRUE(!!(self->flags & IORING_CQE_F_BUFFER));
		EXPECT_EQ(i, packet_number(self->buf[self->flags >> IORING_CQE_BUFFER_SHIFT]));
	}
	/* Without a buffer it ends, and leaves the packet to others. */
	if (self->flags & IORING_CQE_F_MORE) {
		send_numbers(self->sock, 7, 1);
		EXPECT_EQ(-ENOBUFS, COMPLETION());
		EXPECT_FALSE(!!(self->flags & IORING_CQE_F_MORE));
		EXPECT_EQ(7, read_number(self->fd, 0));
	}
}

TEST_F(uring, a_multishot_read_takes_what_came_before_it)
{
	int i;

	ASSERT_EQ(0, provide_buffers(self));
	send_numbers(self->sock, 0, 3);
	multishot_read(&self->ring, self->fd, GROUP);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	if (!knows_multishot_read(&self->ring)) {
		EXPECT_EQ(-EINVAL, COMPLETION());
		EXPECT_EQ(0, read_number(self->fd, 0));
		return;
	}
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(NUMBERED, COMPLETION());
		EXPECT_EQ(i, packet_number(self->buf[self->flags >> IORING_CQE_BUFFER_SHIFT]));
	}
	EXPECT_EQ(-EAGAIN, none_yet(&self->ring));
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(-EIO, COMPLETION());
	EXPECT_FALSE(!!(self->flags & IORING_CQE_F_MORE));
}

/* Requests woken by a packet, as io_uring's tracepoint counts them. */
FIXTURE(wakes)
{
	struct _test_data_uring uring;
};

FIXTURE_SETUP(wakes)
{
	struct _test_data_uring *uring = &self->uring;

	machine_setup(&uring->fd, &uring->sock);
	ASSERT_EQ(0, fcntl(uring->fd, F_SETFL, O_RDWR));
	ASSERT_EQ(0, io_uring_queue_init(64, &uring->ring, 0));
	trace_start();
	trace_event("io_uring/io_uring_task_add");
}

FIXTURE_TEARDOWN(wakes)
{
	trace_stop();
	io_uring_queue_exit(&self->uring.ring);
	link_del(DEV);
}

#define WAKES()	trace_count("io_uring/io_uring_task_add", "")

TEST_F(wakes, a_multishot_read_once_for_each_packet)
{
	int i;

	ASSERT_EQ(0, provide_buffers(&self->uring));
	multishot_read(&self->uring.ring, self->uring.fd, GROUP);
	ASSERT_EQ(1, io_uring_submit(&self->uring.ring));
	if (multishot_is_refused(_metadata, &self->uring))
		return;
	EXPECT_EQ(0, WAKES());
	for (i = 0; i < 4; i++) {
		send_numbers(self->uring.sock, i, 1);
		EXPECT_EQ(NUMBERED, completion(&self->uring.ring, &self->uring.flags));
		EXPECT_EQ(i + 1, WAKES());
	}
}

/* Many reads in waiting, each behind an exclusive poll of its own: this is what a program
 * can have of one wake for each packet that does not know multishot reads. Of those that
 * are queued without it a packet wakes all, which is for io_uring to change: it arms their
 * poll itself, and not as an exclusive one.
 */
TEST_F(wakes, one_of_many_exclusive_polls_for_each_packet)
{
	struct io_uring *ring = &self->uring.ring;
	struct io_uring_sqe *sqe;
	int i;

	for (i = 0; i < QUEUED; i++) {
		sqe = io_uring_get_sqe(ring);
		io_uring_prep_poll_add(sqe, self->uring.fd, POLLIN | EPOLLEXCLUSIVE);
		sqe->flags |= IOSQE_IO_LINK;
		queue_read(&self->uring, i);
	}
	ASSERT_EQ(2 * QUEUED, io_uring_submit(ring));
	EXPECT_EQ(0, WAKES());
	for (i = 0; i < QUEUED; i++) {
		send_numbers(self->uring.sock, i, 1);
		EXPECT_EQ(POLLIN, completion(ring, &self->uring.flags));
		EXPECT_EQ(NUMBERED, completion(ring, &self->uring.flags));
		EXPECT_EQ(-EAGAIN, none_yet(ring));
		EXPECT_EQ(i + 1, WAKES());
	}
}

/* A poll that is not exclusive is told of every packet, whoever reads it. */
TEST_F(wakes, every_plain_poll)
{
	struct io_uring *ring = &self->uring.ring;
	struct io_uring_sqe *sqe;
	int i;

	for (i = 0; i < QUEUED; i++) {
		sqe = io_uring_get_sqe(ring);
		io_uring_prep_poll_add(sqe, self->uring.fd, POLLIN);
	}
	ASSERT_EQ(QUEUED, io_uring_submit(ring));
	send_numbers(self->uring.sock, 0, 1);
	for (i = 0; i < QUEUED; i++)
		EXPECT_EQ(POLLIN, completion(ring, &self->uring.flags));
	EXPECT_EQ(QUEUED, WAKES());
}

TEST_HARNESS_MAIN
