// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Two processes at once: open against open, close against delete, and the
 * like. After each storm the unit is as if nothing had been.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define OPENS		1000
#define ROUNDS		10

/* Of a batch; a frame is a multiple of 8 bytes. */
#define SEGMENTS	16
#define SEGMENT		472

/* What two processes share: how many have come to the line from which both
 * start, and what the second one reports of a round.
 */
struct shared {
	atomic_uint arrivals;
	int result;
	char name[IFNAMSIZ];
	atomic_uint rounds;
	atomic_bool over;
};

/* Returns when both have come. */
static void meet(struct shared *shared, useconds_t pause)
{
	unsigned int both = (atomic_fetch_add(&shared->arrivals, 1) | 1) + 1;

	while ((int)(atomic_load(&shared->arrivals) - both) < 0) {
		if (pause)
			usleep(pause);
		else
			sched_yield();
	}
}

/* First asleep, which leaves the processor to the other; then awake, for who has
 * to be woken starts late.
 */
static void line_up(struct shared *shared)
{
	meet(shared, 200);
	meet(shared, 0);
}

FIXTURE(race)
{
	struct shared *shared;
	pid_t rival;
};

FIXTURE_SETUP(race)
{
	netns_enter();
	close(unit_take(0, O_RDWR));
	ASSERT_EQ(0, link_del(DEV));
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
}

FIXTURE_TEARDOWN(race)
{
	if (self->rival > 0) {
		kill(self->rival, SIGKILL);
		waitpid(self->rival, NULL, 0);
	}
	link_del(DEV);
}

/* The second process: runs a function again and again. */
static pid_t rival_start(struct shared *shared, void (*round)(struct shared *shared))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		round(shared);
}

/* Opens with the other, tells how it went, and closes when the other has seen it. */
static void open_round(struct shared *shared)
{
	int fd;

	line_up(shared);
	fd = unit_open(0, O_RDWR);
	shared->result = fd < 0 ? -errno : 0;
	line_up(shared);
	if (fd >= 0)
		close(fd);
	line_up(shared);
}

/* Returns how many of the rounds we won, or -1 if one had not one winner. */
static int open_rounds(struct __test_metadata *_metadata, struct shared *shared, int rounds,
		       bool transient)
{
	int fd, mine, theirs, i, won = 0, on = 1;

	for (i = 0; i < rounds; i++) {
		line_up(shared);
		fd = unit_open(0, O_RDWR);
		mine = fd < 0 ? -errno : 0;
		line_up(shared);
		theirs = shared->result;
		if (mine + theirs != -EBUSY || (mine && theirs)) {
			TH_LOG("round %d: %d and %d", i, mine, theirs);
			return -1;
		}
		won += !mine;
		if (transient && !mine && ioctl(fd, TUNSTRANSIENT, &on))
			return -1;
		if (fd >= 0)
			close(fd);
		line_up(shared);
		if (transient && !mine == !!link_index(DEV)) {
			TH_LOG("round %d: %d", i, mine);
			return -1;
		}
		if (transient && mine)
			link_del(DEV);
	}
	return won;
}

TEST_F(race, two_opens_of_a_kept_interface_have_one_winner)
{
	ASSERT_EQ(0, link_add(DEV, "bsdtun", 1));
	self->rival = rival_start(self->shared, open_round);
	EXPECT_LE(0, open_rounds(_metadata, self->shared, OPENS, false));
}

TEST_F(race, two_opens_that_create_the_interface_have_one_winner)
{
	self->rival = rival_start(self->shared, open_round);
	EXPECT_LE(0, open_rounds(_metadata, self->shared, ROUNDS, true));
}

static void delete_round(struct shared *shared)
{
	line_up(shared);
	shared->result = link_del(DEV);
	line_up(shared);
}

TEST_F(race, close_against_delete)
{
	int fd, i;

	self->rival = rival_start(self->shared, delete_round);
	for (i = 0; i < ROUNDS; i++) {
		fd = unit_open(0, O_RDWR);
		ASSERT_LE(0, fd) TH_LOG("round %d: %s", i, strerror(errno));
		ASSERT_EQ(0, link_up(DEV));
		line_up(self->shared);
		ASSERT_EQ(0, close(fd));
		line_up(self->shared);
		ASSERT_EQ(0, self->shared->result) TH_LOG("round %d", i);
		ASSERT_EQ(0, link_index(DEV)) TH_LOG("round %d", i);
	}
}

TEST_F(race, close_of_a_transient_interface_against_delete)
{
	int fd, i, on = 1;

	self->rival = rival_start(self->shared, delete_round);
	for (i = 0; i < ROUNDS; i++) {
		fd = unit_open(0, O_RDWR);
		ASSERT_LE(0, fd) TH_LOG("round %d: %s", i, strerror(errno));
		ASSERT_EQ(0, ioctl(fd, TUNSTRANSIENT, &on));
		line_up(self->shared);
		ASSERT_EQ(0, close(fd));
		line_up(self->shared);
		ASSERT_TRUE(!self->shared->result || self->shared->result == -ENODEV) {
			TH_LOG("round %d: %d", i, self->shared->result);
		}
		ASSERT_EQ(0, link_index(DEV)) TH_LOG("round %d", i);
	}
}

TEST_F(race, open_against_delete)
{
	int fd, i;

	self->rival = rival_start(self->shared, delete_round);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, link_add(DEV, "bsdtun", 1)) TH_LOG("round %d", i);
		line_up(self->shared);
		fd = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fd) TH_LOG("round %d: %s", i, strerror(errno));
		line_up(self->shared);
		/* Either the old interface was opened and went, or a new one was made. */
		ASSERT_EQ(link_index(DEV) ? -EAGAIN : -EIO, read_number(fd, 0)) {
			TH_LOG("round %d", i);
		}
		close(fd);
		link_del(DEV);
	}
}

static void add_round(struct shared *shared)
{
	line_up(shared);
	shared->result = link_add(DEV, "bsdtun", 1);
	line_up(shared);
}

TEST_F(race, open_against_add)
{
	int fd, i;

	self->rival = rival_start(self->shared, add_round);
	for (i = 0; i < ROUNDS; i++) {
		line_up(self->shared);
		fd = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fd) TH_LOG("round %d: %s", i, strerror(errno));
		line_up(self->shared);
		ASSERT_TRUE(!self->shared->result || self->shared->result == -EEXIST ||
			    self->shared->result == -EBUSY) {
			TH_LOG("round %d: %d", i, self->shared->result);
		}
		ASSERT_EQ(-EAGAIN, read_number(fd, 0)) TH_LOG("round %d", i);
		ASSERT_EQ(0, link_del(DEV)) TH_LOG("round %d", i);
		close(fd);
	}
}

/* Opens, says so, sleeps in read, tells how that ended. */
static void read_round(struct shared *shared)
{
	int fd = unit_open(0, O_RDWR);

	line_up(shared);
	shared->result = read_number(fd, 0);
	close(fd);
	line_up(shared);
}

/* Deletes the interface that the other has open, round after round. If it sleeps:
 * now before that, now meanwhile.
 */
static void delete_rounds(struct __test_metadata *_metadata, struct shared *shared,
			  pid_t rival, bool sleeps)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		line_up(shared);
		if (sleeps && i % 2)
			wait_asleep(rival);
		ASSERT_EQ(0, link_del(DEV)) TH_LOG("round %d", i);
		line_up(shared);
		ASSERT_EQ(-EIO, shared->result) TH_LOG("round %d", i);
	}
}

TEST_F(race, reader_against_delete)
{
	self->rival = rival_start(self->shared, read_round);
	delete_rounds(_metadata, self->shared, self->rival, true);
}

/* Says that the file is open, writes until that fails, tells how. */
static void write_until_gone(struct shared *shared, int fd, const void *data, size_t len)
{
	ssize_t ret;

	link_up(DEV);
	line_up(shared);
	/* Of the last batch some frames may have been taken. */
	do {
		ret = write(fd, data, len);
	} while (ret >= 0);
	shared->result = -errno;
	close(fd);
	line_up(shared);
}

static void write_round(struct shared *shared)
{
	int fd = unit_open(0, O_RDWR);
	char packet[64];

	write_until_gone(shared, fd, packet, build_udp(AF_INET, packet, "", 0));
}

TEST_F(race, writer_against_delete)
{
	self->rival = rival_start(self->shared, write_round);
	delete_rounds(_metadata, self->shared, self->rival, false);
}

/* Likewise, of segments that GRO keeps and softirqs deliver. */
static void write_batch_round(struct shared *shared)
{
	static struct tun_batch_hdr batch[2048];
	int fd = unit_open(0, O_RDWR), on = 1;
	size_t len = build_tcp_batch(batch, SEGMENTS, SEGMENT);

	ioctl(fd, TUNSBATCH, &on);
	write_until_gone(shared, fd, batch, len);
}

TEST_F(race, writer_of_batches_against_delete)
{
	self->rival = rival_start(self->shared, write_batch_round);
	delete_rounds(_metadata, self->shared, self->rival, false);
}

/* Sends through the interface whenever there is one. */
static void send_without_end(void)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int sock = socket(AF_INET, SOCK_DGRAM, 0), i;

	inet_pton(AF_INET, THERE4, &there.sin_addr);
	for (i = 0;; i++)
		sendto(sock, &i, sizeof(i), 0, (struct sockaddr *)&there, sizeof(there));
}

/* Opens the device and reads, in all framings. */
static void file_round(struct shared *shared)
{
	int fd = unit_open(0, O_RDWR | O_NONBLOCK), i, on = 1;

	link_up(DEV);
	route_add(DEV, THERE4, 32, NULL);
	for (i = 0; i < 20; i++)
		read_number(fd, 0);
	ioctl(fd, TUNSIFHEAD, &on);
	for (i = 0; i < 20; i++)
		read_number(fd, AF_WORD);
	close(fd);
	shared->rounds++;
	if (shared->over)
		_exit(0);
}

TEST_F(race, open_read_and_close_against_senders_and_the_link)
{
	static const char *const qdiscs[] = { "pfifo", "fq_codel", "noqueue" };
	int done[5] = { 0 }, least = 0, fd, sock, i;
	pid_t senders[2];
	size_t kind;

	for (i = 0; i < 2; i++) {
		senders[i] = fork();
		ASSERT_LE(0, senders[i]);
		if (senders[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		send_without_end();
	}
	self->rival = rival_start(self->shared, file_round);
	/* Until both sides have had their way; while the other has the file closed and
	 * the interface is gone, nothing can be done with it.
	 */
	for (i = 0; self->shared->rounds < ROUNDS || least < ROUNDS; i++) {
		done[0] += !link_set_txqlen(DEV, 1 + i % 5);
		done[1] += !qdisc_set(DEV, qdiscs[i % 3], 3);
		done[2] += !link_up(DEV);
		if (i % 3 == 0)
			done[3] += !link_down(DEV);
		if (i % 5 == 0)
			done[4] += !link_del(DEV);
		least = done[0];
		for (kind = 1; kind < ARRAY_SIZE(done); kind++)
			if (done[kind] < least)
				least = done[kind];
	}
	self->shared->over = true;
	ASSERT_EQ(self->rival, waitpid(self->rival, NULL, 0));
	self->rival = 0;
	for (i = 0; i < 2; i++) {
		kill(senders[i], SIGKILL);
		waitpid(senders[i], NULL, 0);
	}

	/* A queue that was left stopped, or a unit that was left busy, shows now. */
	fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, addr_add(DEV, HERE4, NULL, 24));
	ASSERT_EQ(0, link_up(DEV));
	sock = udp_socket(AF_INET);
	send_numbers(sock, 7, 1);
	EXPECT_EQ(7, wait_number(fd, 0));
}

/* The cloning node, for which the module is loaded afresh. */
static int reload(const char *parameters)
{
	char command[128];

	snprintf(command, sizeof(command), "modprobe -r bsdtun && modprobe bsdtun %s", parameters);
	return system(command);
}

/* Returns whether it opened; name is then that of the interface. */
static bool clone_open(int *fd, char *name)
{
	struct ifreq ifr;

	*fd = open("/dev/bsdtun", O_RDWR | O_CLOEXEC);
	if (*fd < 0 || ioctl(*fd, TUNGIFNAME, &ifr))
		return false;
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	return true;
}

static void clone_round(struct shared *shared)
{
	int fd;

	line_up(shared);
	shared->result = clone_open(&fd, shared->name);
	line_up(shared);
	line_up(shared);
	close(fd);
	line_up(shared);
}

TEST_F(race, two_opens_of_the_cloning_node_get_two_units)
{
	char name[IFNAMSIZ];
	bool opened;
	int fd, i;

	ASSERT_EQ(0, reload("clone=1"));
	self->rival = rival_start(self->shared, clone_round);
	for (i = 0; i < ROUNDS; i++) {
		line_up(self->shared);
		opened = clone_open(&fd, name);
		line_up(self->shared);
		EXPECT_TRUE(opened && self->shared->result) TH_LOG("round %d", i);
		EXPECT_STRNE(name, self->shared->name) TH_LOG("round %d", i);
		EXPECT_TRUE(link_index("bsdtun0") && link_index("bsdtun1")) TH_LOG("round %d", i);
		line_up(self->shared);
		close(fd);
		line_up(self->shared);
		EXPECT_FALSE(link_index("bsdtun0") || link_index("bsdtun1")) TH_LOG("round %d", i);
	}
	kill(self->rival, SIGKILL);
	waitpid(self->rival, NULL, 0);
	self->rival = 0;
	EXPECT_EQ(0, reload(""));
}

TEST_HARNESS_MAIN
