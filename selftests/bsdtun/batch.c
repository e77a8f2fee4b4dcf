// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* TUNSBATCH: many packets in one read or write. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/userfaultfd.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define HEADER		sizeof(struct tun_batch_hdr)
#define MANY		64		/* packets that one call moves at most */
#define NUMBER		(UDP4_HEADERS + 4)
#define FRAME		(HEADER + NUMBER)	/* a multiple of 8 */
#define SEGMENT		500

FIXTURE(batch)
{
	int fd;
	int sock;
	size_t len;			/* of what is to be written */
	unsigned char buf[4 * ROOM];
};

static unsigned char payload[ROOM];

FIXTURE_SETUP(batch)
{
	pattern(payload, sizeof(payload));
	machine_setup(&self->fd, &self->sock);
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 1));
}

FIXTURE_TEARDOWN(batch)
{
	link_del(DEV);
}

static struct tun_batch_hdr *header_at(struct _test_data_batch *self, size_t at)
{
	return (void *)self->buf + at;
}

/* The number in a frame of a batch that was read, or -1 if the frame is not one. */
static long number_at(struct _test_data_batch *self, size_t at, size_t before)
{
	const unsigned char *packet = self->buf + at + HEADER + before;

	if (at % TUN_BATCH_ALIGN || header_at(self, at)->len != before + NUMBER ||
	    header_at(self, at)->reserved || !packet_is_sound(packet, NUMBER))
		return -1;
	return packet_number(packet);
}

/* Appends a frame to what is to be written. */
static void append(struct _test_data_batch *self, const void *frame, size_t len)
{
	*header_at(self, self->len) = (struct tun_batch_hdr){ .len = len };
	memcpy(self->buf + self->len + HEADER, frame, len);
	self->len += HEADER + batch_aligned(len);
}

static void append_number(struct _test_data_batch *self, uint32_t number)
{
	unsigned char packet[NUMBER];

	number = htonl(number);
	append(self, packet, build_udp(AF_INET, packet, &number, sizeof(number)));
}

/* The same of a packet with so many bytes of the pattern; returns its last byte. */
static unsigned char *append_pattern(struct _test_data_batch *self, size_t size)
{
	static unsigned char packet[ROOM];
	size_t at = self->len, len;

	len = build_udp(AF_INET, packet, payload, size);
	append(self, packet, len);
	return self->buf + at + HEADER + len - 1;
}

/* Writes what was appended, and so many bytes behind it. */
static ssize_t write_appended(struct _test_data_batch *self, size_t behind)
{
	size_t len = self->len + behind;

	self->len = 0;
	return write(self->fd, self->buf, len);
}

/* How many bytes of the pattern arrived, -errno. */
static ssize_t pattern_arrived(int sock, int flags)
{
	static unsigned char got[ROOM];
	ssize_t len = recv(sock, got, sizeof(got), flags);

	if (len < 0)
		return -errno;
	return memcmp(got, payload, len) ? -EBADMSG : len;
}

static long received(int sock, int flags)
{
	uint32_t number;

	if (recv(sock, &number, sizeof(number), flags) != sizeof(number))
		return -1;
	return ntohl(number);
}

/* Setting */

TEST_F(batch, belongs_to_the_open_file)
{
	EXPECT_EQ(1, get(self->fd, TUNGBATCH));
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 0));
	EXPECT_EQ(0, get(self->fd, TUNGBATCH));
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 77));
	EXPECT_EQ(1, get(self->fd, TUNGBATCH));
	close(self->fd);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	EXPECT_EQ(0, get(self->fd, TUNGBATCH));
}

TEST_F(batch, stays_when_prefix_and_header_change)
{
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, 10));
	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	ASSERT_EQ(0, ioctl(self->fd, TUNDCAP));
	EXPECT_EQ(1, get(self->fd, TUNGBATCH));
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 0));
	EXPECT_EQ(1, get(self->fd, TUNGIFHEAD));
}

/* Read */

TEST_F(batch, read_returns_what_waits_in_whole_frames)
{
	int i;

	send_numbers(self->sock, 0, 5);
	EXPECT_EQ(5 * (int)FRAME, get(self->fd, FIONREAD));
	ASSERT_EQ(5 * (ssize_t)FRAME, read(self->fd, self->buf, sizeof(self->buf)));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(i, number_at(self, i * FRAME, 0));
	EXPECT_EQ(0, get(self->fd, FIONREAD));
	EXPECT_EQ(-1, read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(batch, read_stops_at_the_frame_that_does_not_fit)
{
	send_numbers(self->sock, 0, 3);
	ASSERT_EQ(2 * (ssize_t)FRAME, read(self->fd, self->buf, 3 * FRAME - 1));
	EXPECT_EQ(1, number_at(self, FRAME, 0));
	ASSERT_EQ((ssize_t)FRAME, read(self->fd, self->buf, FRAME));
	EXPECT_EQ(2, number_at(self, 0, 0));
}

TEST_F(batch, read_that_has_no_room_for_one_is_EMSGSIZE_and_leaves_it)
{
	size_t room;

	send_numbers(self->sock, 0, 1);
	for (room = 1; room < FRAME; room++) {
		EXPECT_EQ(-1, read(self->fd, self->buf, room));
		EXPECT_EQ(EMSGSIZE, errno);
	}
	EXPECT_EQ(0, read(self->fd, self->buf, 0));
	ASSERT_EQ((ssize_t)FRAME, read(self->fd, self->buf, FRAME));
	EXPECT_EQ(0, number_at(self, 0, 0));
}

TEST_F(batch, read_pads_with_zeros)
{
	static const unsigned char zeros[TUN_BATCH_ALIGN];
	size_t len, padding, at = 0;
	int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(1 + i, send(self->sock, "12345678", 1 + i, 0));
	memset(self->buf, 0xa5, sizeof(self->buf));
	len = read(self->fd, self->buf, sizeof(self->buf));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(UDP4_HEADERS + 1U + i, header_at(self, at)->len);
		at += HEADER + UDP4_HEADERS + 1 + i;
		padding = -at % TUN_BATCH_ALIGN;
		EXPECT_EQ(0, memcmp(self->buf + at, zeros, padding));
		at += padding;
	}
	EXPECT_EQ(at, len);
	EXPECT_EQ(0xa5, self->buf[at]);
}

TEST_F(batch, read_returns_64_at_most)
{
	send_numbers(self->sock, 0, MANY + 2);
	EXPECT_EQ(MANY * (int)FRAME, get(self->fd, FIONREAD));
	ASSERT_EQ(MANY * (ssize_t)FRAME, read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(MANY - 1, number_at(self, (MANY - 1) * FRAME, 0));
	ASSERT_EQ(2 * (ssize_t)FRAME, read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(MANY + 1, number_at(self, FRAME, 0));
}

/* The slots behind the newest packet may still hold what was read, and freed. */
TEST_F(batch, FIONREAD_counts_what_a_full_ring_still_holds)
{
	int left;

	ASSERT_EQ(0, link_set_txqlen(DEV, 40));
	send_numbers(self->sock, 0, 40);
	for (left = 40; left; left--) {
		EXPECT_EQ(left * (int)FRAME, get(self->fd, FIONREAD));
		ASSERT_EQ((ssize_t)FRAME, read(self->fd, self->buf, FRAME));
	}
	EXPECT_EQ(0, get(self->fd, FIONREAD));
}

TEST_F(batch, header_and_prefix_stand_in_each_frame)
{
	const size_t before = sizeof(struct tun_hdr) + AF_WORD;

	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	send_numbers(self->sock, 0, 2);
	/* 44 bytes, and so 4 of padding. */
	ASSERT_EQ(2 * (ssize_t)(HEADER + before + NUMBER + 4),
		  read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(1, number_at(self, HEADER + before + NUMBER + 4, before));
	EXPECT_EQ(0, memcmp(self->buf + HEADER + sizeof(struct tun_hdr), "\0\0\0\2", AF_WORD));
}

TEST_F(batch, reads_without_it_return_one)
{
	send_numbers(self->sock, 0, 3);
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 0));
	EXPECT_EQ(0, read_number(self->fd, 0));
	EXPECT_EQ(1, read_number(self->fd, 0));
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 1));
	ASSERT_EQ((ssize_t)FRAME, read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(2, number_at(self, 0, 0));
}

/* Whether numbers from 0 on come, in batches. */
static bool numbers_come(struct _test_data_batch *self, int count)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	int next = 0, before;
	ssize_t len;

	while (next < count) {
		before = next;
		if (poll(&pfd, 1, PATIENCE) != 1)
			return false;
		len = read(self->fd, self->buf, sizeof(self->buf));
		if (len <= 0)
			return false;
		for (; len; len -= FRAME, next++)
			if (number_at(self, (next - before) * FRAME, 0) != next)
				return false;
	}
	return true;
}

/* The ring gives slots back some at a time: what was read before decides how many of a
 * batch it has given back when the batch ends.
 */
TEST_F(batch, read_drains_a_ring_that_is_full_and_starts_the_queue)
{
	static const int sizes[] = { 3, 32, 79 };
	size_t i;
	int before;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, link_set_txqlen(DEV, sizes[i]));
		for (before = 0; before < 17; before++) {
			send_numbers(self->sock, 0, before);
			ASSERT_TRUE(numbers_come(self, before));
			send_numbers(self->sock, 0, sizes[i] + 50);
			ASSERT_TRUE(numbers_come(self, sizes[i] + 50))
				TH_LOG("%d after %d", sizes[i], before);
		}
	}
	EXPECT_EQ(0, counter(DEV, "tx_dropped_full"));
}

TEST_F(batch, fault_loses_the_packet_that_it_strikes)
{
	unsigned char *hole = before_hole(2 * FRAME + 20);
	int i;

	send_numbers(self->sock, 0, 6);
	ASSERT_EQ(2 * (ssize_t)FRAME, read(self->fd, hole, 16 * FRAME));
	memcpy(self->buf, hole, 2 * FRAME);
	EXPECT_EQ(1, number_at(self, FRAME, 0));
	EXPECT_EQ(1, counter(DEV, "tx_dropped_fault"));
	/* The rest has come back before those that came later. */
	send_numbers(self->sock, 6, 2);
	ASSERT_EQ(5 * (ssize_t)FRAME, read(self->fd, self->buf, sizeof(self->buf)));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(3 + i, number_at(self, i * FRAME, 0));
	EXPECT_EQ(0, counter(DEV, "tx_dropped_purged"));
}

TEST_F(batch, what_comes_back_comes_before_what_still_waited)
{
	unsigned char *hole = before_hole(2 * FRAME + 20);
	int i;

	send_numbers(self->sock, 0, MANY + 6);
	ASSERT_EQ(2 * (ssize_t)FRAME, read(self->fd, hole, MANY * FRAME));
	ASSERT_EQ(MANY * (ssize_t)FRAME, read(self->fd, self->buf, sizeof(self->buf)));
	for (i = 0; i < MANY; i++)
		ASSERT_EQ(3 + i, number_at(self, i * FRAME, 0));
	ASSERT_EQ(3 * (ssize_t)FRAME, read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(MANY + 5, number_at(self, 2 * FRAME, 0));
}

TEST_F(batch, fault_in_the_first_is_EFAULT)
{
	unsigned char *hole = before_hole(20);

	send_numbers(self->sock, 0, 3);
	EXPECT_EQ(-1, read(self->fd, hole, 16 * FRAME));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(1, counter(DEV, "tx_dropped_fault"));
	ASSERT_EQ(2 * (ssize_t)FRAME, read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(1, number_at(self, 0, 0));
}

/* Answers for a page: takes the interface down, then the page away. */
struct pager {
	int fd;
	void *page;
	bool asked;
};

static void *answer(void *arg)
{
	struct pager *pager = arg;
	struct pollfd pfd = { .fd = pager->fd, .events = POLLIN };

	pager->asked = poll(&pfd, 1, PATIENCE) == 1 && !link_down(DEV);
	munmap(pager->page, getpagesize());
	close(pager->fd);
	return NULL;
}

TEST_F(batch, what_comes_back_while_the_interface_is_down_is_dropped)
{
	struct uffdio_register missing = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	struct pager pager;
	size_t size = getpagesize();
	unsigned char *pages;
	pthread_t thread;
	ssize_t len;

	pages = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pages);
	memset(pages, 0, size);
	pager.page = pages + size;
	missing.range.start = (uintptr_t)pager.page;
	missing.range.len = size;
	pager.fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_LE(0, pager.fd);
	ASSERT_EQ(0, ioctl(pager.fd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(pager.fd, UFFDIO_REGISTER, &missing));

	send_numbers(self->sock, 0, 6);
	ASSERT_EQ(0, pthread_create(&thread, NULL, answer, &pager));
	len = read(self->fd, pages + size - (2 * FRAME + 20), 16 * FRAME);
	EXPECT_EQ(2 * (ssize_t)FRAME, len);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_TRUE(pager.asked);
	EXPECT_EQ(-1, read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, counter(DEV, "tx_dropped_fault"));
	EXPECT_EQ(3, counter(DEV, "tx_dropped_purged"));
}

static ssize_t read_little(int fd, void *buf, size_t len)
{
	(void)len;
	return read(fd, buf, 8);
}

TEST_F(batch, reader_without_room_wakes_another)
{
	struct sleeper little, enough;
	struct result result;
	int fd;

	ASSERT_EQ(0, set(self->fd, FIONBIO, 0));
	fd = self->fd;
	sleeper_start(&little, read_little, fd);
	wait_asleep(little.pid);
	sleeper_start(&enough, read, fd);
	wait_asleep(enough.pid);
	send_numbers(self->sock, 7, 1);
	sleeper_result(&little, &result);
	EXPECT_EQ(-1, result.ret);
	EXPECT_EQ(EMSGSIZE, result.err);
	sleeper_result(&enough, &result);
	EXPECT_EQ((ssize_t)FRAME, result.ret);
}

TEST_F(batch, who_slept_for_a_packet_reads_a_batch_once_it_is_on)
{
	struct sleeper sleeper;
	struct result result;

	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 0));
	ASSERT_EQ(0, set(self->fd, FIONBIO, 0));
	sleeper_start(&sleeper, read_little, self->fd);
	ASSERT_EQ(0, set(self->fd, TUNSBATCH, 1));
	send_numbers(self->sock, 7, 1);
	sleeper_result(&sleeper, &result);
	EXPECT_EQ(-1, result.ret);
	EXPECT_EQ(EMSGSIZE, result.err);
	ASSERT_EQ((ssize_t)FRAME, read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(7, number_at(self, 0, 0));
}

/* Write */

TEST_F(batch, write_hands_over_each_frame_in_order)
{
	int i;

	for (i = 0; i < 2 * MANY + 3; i++)
		append_number(self, i);
	ASSERT_EQ((ssize_t)self->len, write(self->fd, self->buf, self->len));
	for (i = 0; i < 2 * MANY + 3; i++)
		ASSERT_EQ(i, received(self->sock, 0));
	EXPECT_EQ(-1, received(self->sock, MSG_DONTWAIT));
}

TEST_F(batch, write_of_what_was_read_elsewhere_goes_as_it_is)
{
	int other = unit_take(1, O_RDWR | O_NONBLOCK);
	struct link link;
	ssize_t len;

	ASSERT_EQ(0, set(other, TUNSBATCH, 1));
	ASSERT_EQ(0, link_up("bsdtun1"));
	send_numbers(self->sock, 0, 5);
	len = read(self->fd, self->buf, sizeof(self->buf));
	ASSERT_EQ(5 * (ssize_t)FRAME, len);
	EXPECT_EQ(len, write(other, self->buf, len));
	ASSERT_EQ(0, link_get("bsdtun1", &link));
	EXPECT_EQ(5U, link.stats.rx_packets);
	EXPECT_EQ(0, link_del("bsdtun1"));
}

TEST_F(batch, last_frame_needs_no_padding)
{
	unsigned char packet[UDP4_HEADERS + 5];
	size_t len = build_udp(AF_INET, packet, "\0\0\0\1x", 5);
	char data[8];

	append(self, packet, len);
	append(self, packet, len);
	ASSERT_EQ((ssize_t)(2 * HEADER + 40 + len),
		  write(self->fd, self->buf, 2 * HEADER + 40 + len));
	EXPECT_EQ(5, recv(self->sock, data, sizeof(data), 0));
	EXPECT_EQ(5, recv(self->sock, data, sizeof(data), 0));
}

/* Of all lengths about those of words, sums and padding: each is the sum's own. */
TEST_F(batch, frames_of_every_length_arrive_but_for_a_wrong_checksum)
{
	ssize_t size, len;

	for (size = 0; size <= 300; size++) {
		append_pattern(self, size);
		*append_pattern(self, size) ^= 1;
		append_pattern(self, size);
		len = self->len;
		ASSERT_EQ(len, write_appended(self, 0));
		ASSERT_EQ(size, pattern_arrived(self->sock, 0));
		ASSERT_EQ(size, pattern_arrived(self->sock, 0));
		EXPECT_EQ(-EAGAIN, pattern_arrived(self->sock, MSG_DONTWAIT));
	}
}

static void ignore(int signal)
{
	(void)signal;
}

/* Writes more packets than there is time for, to an interface that is down. Returns the
 * number of them that were written, -errno, or 0 if it was no number or all.
 */
static ssize_t write_very_many(struct _test_data_batch *self)
{
	struct iovec parts[1000];
	size_t i, frame;
	ssize_t written;

	memset(payload, 0, sizeof(payload));
	append(self, payload, 1);
	frame = self->len;
	self->buf[HEADER] = 0x45;
	for (i = frame; i + frame <= sizeof(self->buf); i += frame)
		memcpy(self->buf + i, self->buf, frame);
	for (self->len = i, i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i] = (struct iovec){ self->buf, self->len };
	written = writev(self->fd, parts, ARRAY_SIZE(parts));
	if (written < 0)
		return -errno;
	if (written % (ssize_t)frame || written == (ssize_t)(ARRAY_SIZE(parts) * self->len))
		return 0;
	return written / frame;
}

/* What was written until then is counted; the rest can be written again. */
TEST_F(batch, a_write_of_very_many_packets_ends_when_a_signal_comes)
{
	static const struct itimerval never = { }, soon = {
		.it_value = { .tv_usec = 200000 },
		.it_interval = { .tv_usec = 200000 },	/* the first may come too early */
	};
	struct sigaction action = { .sa_handler = ignore };
	ssize_t written;

	ASSERT_EQ(0, link_down(DEV));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	written = write_very_many(self);
	setitimer(ITIMER_REAL, &never, NULL);
	EXPECT_LT(0, written);
	EXPECT_EQ(written, counter(DEV, "rx_dropped_down"));
}

TEST_F(batch, a_write_during_which_the_interface_is_deleted_tells_what_was_written)
{
	pid_t child;
	int status;

	ASSERT_EQ(0, link_down(DEV));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		while (!counter(DEV, "rx_dropped_down"))
			usleep(1000);
		_exit(link_del(DEV) != 0);
	}
	EXPECT_LT(0, write_very_many(self));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(-1, write(self->fd, self->buf, HEADER));
	EXPECT_EQ(EIO, errno);
}

/* About as long as a page a packet has no room for what is copied with it: the header of
 * the next frame, whether its length is odd or it is refused.
 */
TEST_F(batch, frames_about_as_long_as_a_page_are_not_harmed_by_the_next)
{
	const int page = getpagesize();
	ssize_t size, len;

	for (size = page - 500; size < page + 20; size++) {
		append_pattern(self, size);
		append_pattern(self, 13);
		len = self->len;
		ASSERT_EQ(len, write_appended(self, 0));
		ASSERT_EQ(size, pattern_arrived(self->sock, 0));
		ASSERT_EQ(13, pattern_arrived(self->sock, 0));

		append_pattern(self, size);
		len = self->len;
		*header_at(self, len) = (struct tun_batch_hdr){ .len = 0x00ff0000, .reserved = -1 };
		ASSERT_EQ(len, write_appended(self, HEADER));
		ASSERT_EQ(size, pattern_arrived(self->sock, 0));
	}
}

/* A batch is handed over in pieces: what is refused right behind one. */
TEST_F(batch, a_frame_refused_behind_a_full_batch_is_the_only_one)
{
	int again, i;

	for (again = 1; again <= 2; again++) {
		for (i = 0; i < again * MANY; i++)
			append_number(self, i);
		header_at(self, self->len)->len = 0;
		ASSERT_EQ((ssize_t)self->len, write(self->fd, self->buf, self->len + HEADER));
		for (i = 0; i < again * MANY; i++)
			ASSERT_EQ(i, received(self->sock, 0));
		EXPECT_EQ(-1, received(self->sock, MSG_DONTWAIT));
		ASSERT_EQ((ssize_t)self->len, write(self->fd, self->buf, self->len + 4));
		for (i = 0; i < again * MANY; i++)
			ASSERT_EQ(i, received(self->sock, 0));
		EXPECT_EQ(-1, received(self->sock, MSG_DONTWAIT));
		self->len = 0;
	}
}

TEST_F(batch, a_hole_behind_a_frame_harms_none_before_it)
{
	unsigned char *end = before_hole(0), *from;
	size_t rest;

	append_number(self, 0);
	append_number(self, 1);
	append_number(self, 2);
	for (rest = 0; rest < FRAME; rest++) {
		from = end - 2 * FRAME - rest;
		memcpy(from, self->buf, 2 * FRAME + rest);
		ASSERT_EQ(2 * (ssize_t)FRAME, write(self->fd, from, 3 * FRAME))
			TH_LOG("%zu bytes before the hole", rest);
		ASSERT_EQ(0, received(self->sock, 0));
		ASSERT_EQ(1, received(self->sock, 0));
		ASSERT_EQ(-1, write(self->fd, end - rest, FRAME));
		ASSERT_EQ(EFAULT, errno);
	}
	EXPECT_EQ(-1, received(self->sock, MSG_DONTWAIT));
	EXPECT_EQ((long long)FRAME, counter(DEV, "rx_errors_fault"));
}

TEST_F(batch, frames_may_lie_across_buffers)
{
	struct iovec iov[3];

	append_number(self, 1);
	append_number(self, 2);
	iov[0] = (struct iovec){ self->buf, 5 };
	iov[1] = (struct iovec){ self->buf + 5, FRAME };
	iov[2] = (struct iovec){ self->buf + 5 + FRAME, FRAME - 5 };
	ASSERT_EQ(2 * (ssize_t)FRAME, writev(self->fd, iov, 3));
	EXPECT_EQ(1, received(self->sock, 0));
	EXPECT_EQ(2, received(self->sock, 0));
}

/* Frames 0 and 1, and one that is refused: the write takes two, and then says why. */
static int refused(struct _test_data_batch *self, size_t len)
{
	int counted = counter(DEV, "rx_errors_length") + counter(DEV, "rx_errors_family") +
		      counter(DEV, "rx_errors_header");

	if (write(self->fd, self->buf, len) != 2 * (ssize_t)FRAME)
		return -1;
	if (received(self->sock, 0) != 0 || received(self->sock, 0) != 1)
		return -2;
	if (counted != counter(DEV, "rx_errors_length") + counter(DEV, "rx_errors_family") +
		       counter(DEV, "rx_errors_header"))
		return -3;
	if (write(self->fd, self->buf + 2 * FRAME, len - 2 * FRAME) != -1)
		return -4;
	return errno;
}

TEST_F(batch, write_takes_the_frames_before_one_that_is_refused)
{
	struct tun_batch_hdr *third = header_at(self, 2 * FRAME);
	size_t len;

	append_number(self, 0);
	append_number(self, 1);
	append_number(self, 2);
	for (len = 1; len < FRAME; len++)
		EXPECT_EQ(EIO, refused(self, 2 * FRAME + len)) TH_LOG("%zu bytes", len);
	third->len = 0;
	EXPECT_EQ(EIO, refused(self, 3 * FRAME));
	third->len = NUMBER + 1;
	EXPECT_EQ(EIO, refused(self, 3 * FRAME));
	third->len = UINT32_MAX;
	EXPECT_EQ(EIO, refused(self, 3 * FRAME));
	third->len = NUMBER;
	third->reserved = 1;
	EXPECT_EQ(EINVAL, refused(self, 3 * FRAME));
	third->reserved = 0;
	self->buf[2 * FRAME + HEADER] = 0x15;
	EXPECT_EQ(EAFNOSUPPORT, refused(self, 3 * FRAME));
	EXPECT_EQ(-1, received(self->sock, MSG_DONTWAIT));
	EXPECT_EQ((long long)FRAME + 2, counter(DEV, "rx_errors_length"));
	EXPECT_EQ(1, counter(DEV, "rx_errors_header"));
	EXPECT_EQ(1, counter(DEV, "rx_errors_family"));
}

TEST_F(batch, write_of_one_byte_too_many_is_EIO)
{
	static unsigned char packet[TUNMRU + 1] = { 0x45 };

	append(self, packet, TUNMRU);
	EXPECT_EQ((ssize_t)self->len, write(self->fd, self->buf, self->len));
	self->len = 0;
	append(self, packet, TUNMRU + 1);
	EXPECT_EQ(-1, write(self->fd, self->buf, self->len));
	EXPECT_EQ(EIO, errno);
}

TEST_F(batch, write_while_down_is_taken_and_each_counted)
{
	append_number(self, 0);
	append_number(self, 1);
	ASSERT_EQ(0, link_down(DEV));
	EXPECT_EQ((ssize_t)self->len, write(self->fd, self->buf, self->len));
	EXPECT_EQ(2, counter(DEV, "rx_dropped_down"));
}

TEST_F(batch, of_a_deleted_interface_is_EIO)
{
	append_number(self, 0);
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(-1, write(self->fd, self->buf, self->len));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, read(self->fd, self->buf, sizeof(self->buf)));
	EXPECT_EQ(EIO, errno);
}

/* The stack takes the segments of one connection as one packet. */
TEST_F(batch, segments_of_one_connection_are_joined)
{
	int sock = packet_socket(DEV);
	ssize_t len;

	self->len = build_tcp_batch(self->buf, 4, SEGMENT);
	ASSERT_EQ((ssize_t)self->len, write(self->fd, self->buf, self->len));
	do {
		len = recv(sock, self->buf, sizeof(self->buf), 0);
	} while (len > 0 && len < 100);
	EXPECT_EQ((ssize_t)(sizeof(struct iphdr) + sizeof(struct tcphdr)) + 4 * SEGMENT, len);
}

/* What is joined waits for its own processor, without a lock. */
TEST_F(batch, no_thread_may_join_segments)
{
	sysfs_mount();
	EXPECT_EQ(-EOPNOTSUPP, file_write("/sys/class/net/" DEV "/threaded", "1\n"));
}

/* As many are kept as the backlog may hold, and one. */
TEST_F(batch, segments_that_the_backlog_refuses_are_counted)
{
	struct link link;

	self->len = build_tcp_batch(self->buf, MANY, SEGMENT);
	ASSERT_EQ(0, core_set("netdev_max_backlog", "9"));
	EXPECT_EQ((ssize_t)self->len, write(self->fd, self->buf, self->len));
	EXPECT_EQ(0, core_set("netdev_max_backlog", "1000"));
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(MANY - 10, counter(DEV, "rx_dropped_backlog"));
	EXPECT_EQ((uint64_t)MANY - 10, link.stats.rx_dropped);
	EXPECT_EQ((uint64_t)MANY, link.stats.rx_packets);
}

TEST_HARNESS_MAIN
