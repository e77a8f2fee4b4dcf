// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bench [ROW...]: the same work done through bsdtun and through Linux's tun, in
 * instructions a packet; see "run". Each row is a line of tab-separated fields: its
 * name, the floor (what the calls cost by themselves) or "-", tun, bsdtun, and what
 * bsdtun is to reach of tun. A line before it, that begins with "@row", has its name,
 * which one it is, and how many there are. The rows "many" and "queues" are tables of
 * their own, only for people, and only made if they are asked for.
 *
 * bench -p ROW DRIVER: only the bursts of a row, for "profile", which is told when it may begin.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bsdtun.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS		100	/* bursts in a repetition */
#define REPETITIONS	3	/* the last one counts */
#define IN_A_BATCH	32

static unsigned char buf[BATCH_ROOM];

static void machine_open(struct machine *m)
{
	netns_enter();
	m->fd = m->driver->open(0, m->how);
	if (addr_add(m->driver->interface[0], HERE4, NULL, 24) ||
	    link_up(m->driver->interface[0]))
		errx(1, "%s", m->driver->interface[0]);
	m->sock = udp_socket(AF_INET);
	/* So that neither is told of a queue that is full. */
	link_set_txqlen(m->driver->interface[0], 1000);
}

static void machine_close(struct machine *m)
{
	close(m->sock);
	close(m->fd);
	link_del(m->driver->interface[0]);
}

void send_burst(struct machine *m)
{
	static const char payload[2048];
	int i;

	for (i = 0; i < BURST; i++)
		if (send(m->sock, payload, m->payload, 0) != (ssize_t)m->payload)
			err(1, "send");
}

static void receive_burst(struct machine *m)
{
	int i;

	for (i = 0; i < BURST; i++)
		if (recv(m->sock, buf, sizeof(buf), MSG_DONTWAIT) != (ssize_t)m->payload)
			err(1, "datagram %d of %d", i, BURST);
}

/* Each returns what BURST packets cost. */

static uint64_t burst_send(struct machine *m)
{
	uint64_t begin = now();
	int i;

	send_burst(m);
	begin = now() - begin;
	for (i = 0; i < BURST; i++)
		if (read(m->fd, buf, 2048) <= 0)
			err(1, "read");
	return begin;
}

static uint64_t burst_read(struct machine *m)
{
	uint64_t begin;
	int i;

	send_burst(m);
	begin = now();
	for (i = 0; i < BURST; i++)
		if (read(m->fd, buf, 2048) <= 0)
			err(1, "read");
	return now() - begin;
}

/* Sent and read, more than a ring takes before a qdisc: of bsdtun's the rest waits there, of
 * tun's nothing.
 */
static uint64_t burst_queued(struct machine *m)
{
	const int bursts = 4;
	uint64_t begin = now();
	int i;

	for (i = 0; i < bursts; i++)
		send_burst(m);
	for (i = 0; i < bursts * BURST; i++)
		if (read(m->fd, buf, 2048) <= 0)
			err(1, "read");
	return (now() - begin) / bursts;
}

static uint64_t burst_batch_read(struct machine *m)
{
	size_t len = UDP4_HEADERS + m->payload, room;
	uint64_t begin;
	int i;

	room = IN_A_BATCH * (sizeof(struct tun_batch_hdr) + (len + 7) / 8 * 8);
	send_burst(m);
	begin = now();
	for (i = 0; i < BURST; i += IN_A_BATCH)
		if (read(m->fd, buf, room) != (ssize_t)room)
			err(1, "read of a batch");
	return now() - begin;
}

static uint64_t burst_write(struct machine *m)
{
	static const char payload[2048];
	size_t len = build_udp(AF_INET, buf, payload, m->payload);
	uint64_t begin = now();
	int i;

	for (i = 0; i < BURST; i++)
		if (write(m->fd, buf, len) != (ssize_t)len)
			err(1, "write");
	begin = now() - begin;
	receive_burst(m);
	return begin;
}

static uint64_t burst_batch_write(struct machine *m)
{
	static const char payload[2048];
	unsigned char *at = buf;
	uint64_t begin;
	size_t len;
	int i;

	for (i = 0; i < IN_A_BATCH; i++) {
		len = build_udp(AF_INET, at + sizeof(struct tun_batch_hdr), payload, m->payload);
		*(struct tun_batch_hdr *)at = (struct tun_batch_hdr){ .len = len };
		at += sizeof(struct tun_batch_hdr) + (len + 7) / 8 * 8;
	}
	len = at - buf;
	begin = now();
	for (i = 0; i < BURST; i += IN_A_BATCH)
		if (write(m->fd, buf, len) != (ssize_t)len)
			err(1, "write of a batch");
	begin = now() - begin;
	receive_burst(m);
	return begin;
}

/* What a VPN daemon does: wait, read, turn round, write. */
static uint64_t burst_echo(struct machine *m)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct iphdr *ip = (void *)buf;
	int epoll = epoll_create1(0), i;
	uint64_t begin;
	uint32_t addr;
	ssize_t len;

	epoll_ctl(epoll, EPOLL_CTL_ADD, m->fd, &event);
	send_burst(m);
	begin = now();
	for (i = 0; i < BURST; i++) {
		if (epoll_wait(epoll, &event, 1, -1) != 1)
			err(1, "epoll_wait");
		len = read(m->fd, buf, 2048);
		addr = ip->saddr;
		ip->saddr = ip->daddr;
		ip->daddr = addr;
		if (len <= 0 || write(m->fd, buf, len) != len)
			err(1, "echo");
	}
	begin = now() - begin;
	receive_burst(m);
	close(epoll);
	return begin;
}

/* A reader that sleeps, and comes before who sends: it has read when send returns. Its
 * beginning and its end are not counted, nor a packet at either.
 */
static atomic_uint woken;

static void *sleeper(void *arg)
{
	struct sched_param first = { .sched_priority = 1 };
	static unsigned char room[2048];
	struct machine *m = arg;
	int i;

	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &first))
		errx(1, "SCHED_FIFO");
	for (i = 0; i < BURST + 2; i++) {
		if (read(m->fd, room, sizeof(room)) <= 0)
			err(1, "read");
		woken++;
	}
	return NULL;
}

static void wake(struct machine *m)
{
	static const char payload[64];
	unsigned int before = woken;

	send(m->sock, payload, sizeof(payload), 0);
	while (woken == before)
		sched_yield();
}

static uint64_t burst_wake(struct machine *m)
{
	int i, flags = fcntl(m->fd, F_GETFL);
	pthread_t thread;
	uint64_t begin;

	woken = 0;
	fcntl(m->fd, F_SETFL, flags & ~O_NONBLOCK);
	if (pthread_create(&thread, NULL, sleeper, m))
		errx(1, "pthread_create");
	wake(m);
	begin = now();
	for (i = 0; i < BURST; i++)
		wake(m);
	begin = now() - begin;
	wake(m);
	pthread_join(thread, NULL);
	fcntl(m->fd, F_SETFL, flags);
	return begin;
}

/* What a call costs by itself: what its row takes of the system, and nothing of a driver. */
enum floor {
	FLOOR_READ = 1,		/* of /dev/zero */
	FLOOR_WRITE = 2,	/* to /dev/null */
	FLOOR_EPOLL = 4,	/* an event that is there */
	FLOOR_SEND = 8,		/* into an interface of kind dummy */
};

static double floor_of_calls(enum floor which, int fd, size_t len)
{
	struct epoll_event event;
	uint64_t begin = 0;
	ssize_t done;
	int i;

	for (i = -BURST; i < ROUNDS * BURST; i++) {
		if (!i)
			begin = now();
		switch (which) {
		case FLOOR_READ:
			done = read(fd, buf, len);
			break;
		case FLOOR_WRITE:
			done = write(fd, buf, len);
			break;
		case FLOOR_EPOLL:
			done = epoll_wait(fd, &event, 1, -1) == 1 ? (ssize_t)len : -1;
			break;
		default:
			done = send(fd, buf, len, 0);
		}
		if (done != (ssize_t)len)
			err(1, "a call that nothing waits for");
	}
	return (double)(now() - begin) / (ROUNDS * BURST);
}

static int floor_open(enum floor which)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd;

	switch (which) {
	case FLOOR_READ:
		return open("/dev/zero", O_RDONLY);
	case FLOOR_WRITE:
		return open("/dev/null", O_WRONLY);
	case FLOOR_EPOLL:
		fd = epoll_create1(0);
		epoll_ctl(fd, EPOLL_CTL_ADD, eventfd(1, 0), &event);
		return fd;
	default:
		netns_enter();
		if (link_add("dummy1", "dummy", 1) || addr_add("dummy1", HERE4, NULL, 24) ||
		    link_up("dummy1"))
			errx(1, "no interface of kind dummy");
		return udp_socket(AF_INET);
	}
}

static const struct row {
	const char *name;
	size_t payload;
	enum how how;			/* of bsdtun; tun's is PLAIN but for OFFLOAD */
	uint64_t (*burst)(struct machine *m), (*burst_tun)(struct machine *m);
	unsigned int floor;		/* bits; with BATCH, of a call for a whole one */
	double target;
} rows[] = {
	{ "send-64", 64 - 28, PLAIN, burst_send, burst_send, FLOOR_SEND, 1.00 },
	{ "read-64", 64 - 28, PLAIN, burst_read, burst_read, FLOOR_READ, 0.90 },
	{ "read-1400", 1400 - 28, PLAIN, burst_read, burst_read, FLOOR_READ, 0.92 },
	{ "write-64", 64 - 28, PLAIN, burst_write, burst_write, FLOOR_WRITE, 0.93 },
	{ "write-1400", 1400 - 28, PLAIN, burst_write, burst_write, FLOOR_WRITE, 0.95 },
	{ "queued-64", 64 - 28, PLAIN, burst_queued, burst_queued, 0, 1.05 },
	{ "batch-read-64", 64 - 28, BATCH, burst_batch_read, burst_read, FLOOR_READ, 0.50 },
	{ "batch-write-64", 64 - 28, BATCH, burst_batch_write, burst_write, FLOOR_WRITE, 0.60 },
	{ "echo", 64 - 28, PLAIN, burst_echo, burst_echo, FLOOR_EPOLL | FLOOR_READ | FLOOR_WRITE,
	  0.92 },
	{ "wake", 64 - 28, PLAIN, burst_wake, burst_wake, FLOOR_SEND | FLOOR_READ, 0.95 },
	{ "uring", 64 - 28, PLAIN, burst_uring, burst_uring, 0, 0.85 },
};

static double floor_of(const struct row *row)
{
	int in_a_call = row->how == BATCH ? IN_A_BATCH : 1, fd;
	unsigned int which;
	double sum = 0;
	size_t len;

	for (which = FLOOR_READ; which <= FLOOR_SEND; which <<= 1) {
		if (!(row->floor & which))
			continue;
		len = which == FLOOR_SEND ? row->payload : (row->payload + 28) * in_a_call;
		fd = floor_open(which);
		sum += floor_of_calls(which, fd, len) / in_a_call;
		close(fd);
	}
	return sum;
}

#define ROWS	(sizeof(rows) / sizeof(*rows))

static struct machine machine_for(const struct driver *driver, const struct row *row)
{
	return (struct machine){
		.driver = driver,
		.how = driver == &tun ? PLAIN : row->how,
		.payload = row->payload,
	};
}

static uint64_t burst(const struct row *row, struct machine *m)
{
	return m->driver == &tun ? row->burst_tun(m) : row->burst(m);
}

static double measure(const struct driver *driver, const struct row *row)
{
	struct machine m = machine_for(driver, row);
	uint64_t sum = 0;
	int repetition, i;

	machine_open(&m);
	for (repetition = 0; repetition < REPETITIONS; repetition++)
		for (sum = 0, i = 0; i < ROUNDS; i++)
			sum += burst(row, &m);
	machine_close(&m);
	return (double)sum / (ROUNDS * BURST);
}

/* Bursts for as long as it takes to have some of them traced. In the trace one begins after
 * getpgid() and now() and ends with now(), and as many getsid() as it had packets follow.
 */
void profile_begin(void)
{
	fflush(stdout);
	getpgid(0);
}

void profile_end(int packets)
{
	while (packets--)
		getsid(0);
}

static void profile(const struct driver *driver, const struct row *row)
{
	struct machine m = machine_for(driver, row);
	int i;

	machine_open(&m);
	for (i = 0; i < 60 * ROUNDS; i++) {
		if (i == ROUNDS)
			puts("@ready");
		profile_begin();
		burst(row, &m);
		profile_end(BURST);
	}
	machine_close(&m);
}

static void print(const char *name, double floor, double tun_cost, double cost, double target)
{
	if (floor)
		printf("%s\t%.0f", name, floor);
	else
		printf("%s\t-", name);
	printf("\t%.1f\t%.1f\t%.2f\n", tun_cost, cost, target);
	fflush(stdout);
}

static bool is_wanted(const char *name, char **wanted)
{
	if (!*wanted)
		return true;
	for (; *wanted; wanted++)
		if (!strcmp(*wanted, name))
			return true;
	return false;
}

/* The row of so many, of which the last are those of TCP; NULL: there are no more. */
static const char *row_name(size_t i)
{
	return i < ROWS ? rows[i].name : i == ROWS ? "tcp" : NULL;
}

static void check_wanted(char **wanted)
{
	size_t i;

	for (; *wanted; wanted++) {
		for (i = 0; row_name(i) && strcmp(row_name(i), *wanted); i++)
			;
		if (!row_name(i))
			errx(1, "%s: no such row", *wanted);
	}
}

static void run_row(const struct row *row)
{
	print(row->name, floor_of(row), measure(&tun, row), measure(&bsdtun, row), row->target);
}

/* These are of one connection; see tcp.c. */
static const struct tcp_row {
	const char *name;
	enum how tun, bsdtun;
	bool out;			/* reads are counted, not writes */
	double target;
} tcp_rows[] = {
	{ "tcp-in", PLAIN, BATCH, false, 0.40 },
	{ "gso-out", OFFLOAD, OFFLOAD, true, 0.95 },
	{ "gso-in", OFFLOAD, OFFLOAD, false, 0.95 },
	{ "gso-out-plain", PLAIN, OFFLOAD, true, 0.15 },
	{ "gso-in-plain", PLAIN, OFFLOAD, false, 0.15 },
};

#define TCP_ROWS	(sizeof(tcp_rows) / sizeof(*tcp_rows))

/* Measured once, for all rows. */
static double tcp_cost(const struct driver *driver, enum how how, bool out)
{
	static struct tcp_cost costs[2][OFFLOAD + 1];
	struct tcp_cost *cost = &costs[driver == &tun][how];

	if (!cost->in)
		*cost = tcp_measure(driver, how);
	return out ? cost->out : cost->in;
}

static int profile_row(const char *name, const char *driver_name)
{
	const struct driver *driver = strcmp(driver_name, tun.name) ? &bsdtun : &tun;
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].name, name)) {
			profile(driver, &rows[i]);
			return 0;
		}
	for (i = 0; i < TCP_ROWS; i++)
		if (!strcmp(tcp_rows[i].name, name)) {
			tcp_profile(driver, driver == &tun ? tcp_rows[i].tun : tcp_rows[i].bsdtun,
				    tcp_rows[i].out);
			return 0;
		}
	errx(1, "%s: no such row", name);
}

static void run_tcp(void)
{
	const struct tcp_row *row;

	for (row = tcp_rows; row < tcp_rows + TCP_ROWS; row++)
		print(row->name, 0, tcp_cost(&tun, row->tun, row->out),
		      tcp_cost(&bsdtun, row->bsdtun, row->out), row->target);
}

/* From words such as "batch+offload". */
static enum how how_of(const char *words)
{
	return (strstr(words, "batch") ? BATCH : 0) | (strstr(words, "offload") ? OFFLOAD : 0) |
	       (strstr(words, "backpressure") ? BACKPRESSURE : 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*measure)(void);
	} others[] = {
		{ "many", many_measure }, { "queues", queues_measure }, { "slow", slow_measure },
	};
	size_t i, count = 0, nth = 0;

	if (argc == 4 && !strcmp(argv[1], "-p"))
		return profile_row(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "relay")) {
		relay_run(strcmp(argv[2], "tun") ? &bsdtun : &tun, how_of(argv[3]));
		return 0;
	}
	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (argc > 1 && !strcmp(argv[1], others[i].name)) {
			others[i].measure();
			return 0;
		}
	}
	check_wanted(argv + 1);
	for (i = 0; row_name(i); i++)
		count += is_wanted(row_name(i), argv + 1);
	for (i = 0; row_name(i); i++) {
		if (!is_wanted(row_name(i), argv + 1))
			continue;
		printf("@row\t%s\t%zu\t%zu\n", row_name(i), ++nth, count);
		fflush(stdout);
		if (i < ROWS)
			run_row(&rows[i]);
		else
			run_tcp();
	}
	return 0;
}
