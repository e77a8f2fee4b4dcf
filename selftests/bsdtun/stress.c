// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Everything at once, for BSDTUN_SECONDS (60) or up to four times as long: threads open,
 * close, read, write, poll and configure the same few units in the same few network
 * namespaces, which come and go, as the module does. Each thread draws what it does from
 * BSDTUN_SEED, its n-th step from numbers of its own, whatever became of those before; when
 * that is, and what it meets, is left to the machine. Each operation may end in success or in
 * an errno of the manual page, in due time.
 *
 * One case for each kind of thread: all that it does has succeeded at least once, and
 * nothing failed in a way that it should not. The kernel's own checkers see to the rest.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <liburing.h>
#include <libmnl/libmnl.h>
#include <linux/errqueue.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/bsdtun.h>
#include <linux/virtio_net.h>

#include "kselftest.h"
#include "util.h"

#define UNITS		3	/* that all share */
#define COURIER_UNIT	4
#define COURIER_DEV	"bsdtun4"
#define COURIER_SYS	"/run/courier-sys/"	/* sysfs of its network namespace */
#define COURIER_LIMITS	COURIER_SYS "class/net/" COURIER_DEV "/queues/tx-0/byte_queue_limits/"
#define FILES		6	/* that all share */
#define MODPROBE	"/proc/sys/kernel/modprobe"
#define NAMESPACES	3	/* of which the first stays */

#define ROUND		5000	/* ms between two unloads */
#define NAP		1000	/* ms until a sleeper gets a signal */
#define GONE		30000	/* ms until one should have heard that its interface is gone */
#define DELIVERY	60000	/* ms until the next packet must have arrived */
#define AWAIT		900000	/* ms beyond four times its time that it waits for operations */
#define HANG		240000	/* ms until an operation must have returned */

#define SKIPPED		INT_MIN	/* there was nothing to do it with */

struct op {
	const char *name;
	long (*run)(void);
	bool on_file;		/* takes one of the open files */
	bool roams;		/* may change the network namespace before */
	bool sleeps;		/* may sleep until a signal comes */
	int wanted;		/* the errno that counts as success */
	int allowed[10];	/* the others that may be */
	unsigned long request;	/* of an ioctl */
	const char *text;
	atomic_ulong succeeded;
	atomic_ulong refused;
};

struct kind {
	const char *name;
	int threads;
	struct op *ops;			/* the last has no name */
	int count;
	/* What it does next; without, one of the operations. */
	void (*step)(void);
	/* Closes what it holds, as the module is to be unloaded. */
	void (*shut)(void);
	/* A file for an operation that wants one. */
	int (*take)(void);
	bool patient;		/* signals are sent to its sleepers at unload only */
	unsigned int failures;
	char failure[256];		/* the first */
};

struct worker {
	struct kind *kind;
	pthread_t thread;
	atomic_int tid;
	uint64_t numbers;		/* where those of the thread begin */
	uint64_t random;
	unsigned long step;
	unsigned int phase;		/* when the operation began */
	atomic_uintptr_t op;		/* the one under way */
	atomic_llong since;
	atomic_int fd;
	long long gone_since;
	atomic_uint shut;		/* the last phase that it closed its files for */
};

static uint64_t seed;
static atomic_bool over;
/* Odd while the module is unloaded and loaded: then nobody keeps a file. */
static atomic_uint phase;
static atomic_ulong signals;
static char module_path[256], modprobe[256];
static struct worker *workers;
static unsigned int worker_count;

static struct {
	pthread_mutex_t lock;
	int fd[FILES];
} files = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct {
	pthread_mutex_t lock;
	int fd[NAMESPACES];
} namespaces = { .lock = PTHREAD_MUTEX_INITIALIZER };

static __thread struct worker *me;
static __thread unsigned char buffer[ROOM];
/* To ask whether an interface is in the namespace that the thread is in. */
static __thread int control = -1;
static void *bad_pointer;

static long long now(void)
{
	return now_us() / 1000;
}

static void pause_us(unsigned int us)
{
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L };

	nanosleep(&ts, NULL);
}

/* SplitMix64. The result is below the limit. */
static unsigned int pick(unsigned int limit)
{
	uint64_t z = me->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (uint32_t)(z ^ z >> 31) % limit;
}

static bool one_in(unsigned int count)
{
	return !pick(count);
}

static bool unloading(void)
{
	return atomic_load(&phase) & 1;
}

static bool ending(void)
{
	return unloading() || atomic_load(&over);
}

/* The operation under way */
static const struct op *current_op(void)
{
	return (void *)atomic_load(&me->op);
}

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* A failure, with what it takes to find it again. */
__printf(3, 4)
static void complain(struct worker *w, const struct op *op, const char *format, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char text[128];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&lock);
	if (!w->kind->failures++)
		snprintf(w->kind->failure, sizeof(w->kind->failure),
			 "seed %llu, thread %d, step %lu: %s: %s", (unsigned long long)seed,
			 atomic_load(&w->tid), w->step, op->name, text);
	pthread_mutex_unlock(&lock);
}

/* Between the unload of a module and its load much is not there. */
static bool missing(int error)
{
	return error == ENOENT || error == ENODEV || error == ENXIO || error == EOPNOTSUPP;
}

static void judge(struct op *op, long ret)
{
	unsigned int i;

	if (op->wanted ? ret == -op->wanted : ret >= 0) {
		atomic_fetch_add(&op->succeeded, 1);
		return;
	}
	atomic_fetch_add(&op->refused, 1);
	for (i = 0; i < ARRAY_SIZE(op->allowed); i++)
		if (op->allowed[i] && ret == -op->allowed[i])
			return;
	if (ret < 0 && missing(-ret) && (me->phase != atomic_load(&phase) || me->phase & 1))
		return;
	if (ret < 0)
		complain(me, op, "%s", strerror(-ret));
	else
		complain(me, op, "returned %ld", ret);
}

/* A file of one's own to the open file of a slot, or -1. */
static int file_take(void)
{
	unsigned int i = pick(FILES);
	int fd = -1;

	pthread_mutex_lock(&files.lock);
	if (files.fd[i] >= 0)
		fd = fcntl(files.fd[i], F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&files.lock);
	return fd;
}

/* Puts a file into a slot, and closes what was there. */
static void file_put(unsigned int i, int fd)
{
	pthread_mutex_lock(&files.lock);
	if (!unloading()) {
		int old = files.fd[i];

		files.fd[i] = fd;
		fd = old;
	}
	pthread_mutex_unlock(&files.lock);
	if (fd >= 0)
		close(fd);
}

static void roam(void)
{
	unsigned int i = one_in(2) ? 0 : pick(NAMESPACES);
	int fd;

	pthread_mutex_lock(&namespaces.lock);
	fd = fcntl(namespaces.fd[i], F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&namespaces.lock);
	setns(fd, CLONE_NEWNET);
	close(fd);
	if (control >= 0)
		close(control);
	control = -1;
}

static void perform(struct op *op)
{
	int fd = -1;
	long ret;

	if (op->on_file) {
		fd = me->kind->take ? me->kind->take() : file_take();
		if (fd < 0) {
			pause_us(2000);
			return;
		}
	}
	if (op->roams && one_in(8))
		roam();
	me->step++;
	me->phase = atomic_load(&phase);
	atomic_store(&me->fd, fd);
	atomic_store(&me->since, now());
	atomic_store(&me->op, (uintptr_t)op);
	ret = op->run();
	atomic_store(&me->fd, -1);
	if (fd >= 0)
		close(fd);
	atomic_store(&me->op, 0);
	if (ret != SKIPPED)
		judge(op, ret);
	/* Who never sleeps keeps the grace periods of the others from ending. */
	pause_us(1000 + pick(2000));
}

/* Names. The links that all share are called bsdtun0 to 2 and vpn0 to 2; those that the
 * driver names go on from there.
 */
static void pick_name(char *name)
{
	unsigned int units = one_in(8) ? 16 : UNITS;

	snprintf(name, IFNAMSIZ, one_in(4) ? "vpn%u" : "bsdtun%u", pick(units));
}

/* One that exists here, more likely than not. */
static void pick_link(char *name)
{
	unsigned int tries = 8;
	struct ifreq ifr;

	if (control < 0)
		control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	do {
		pick_name(name);
		memcpy(ifr.ifr_name, name, IFNAMSIZ);
	} while (--tries && ioctl(control, SIOCGIFINDEX, &ifr));
}

static void addr_text(int family, unsigned int subnet, unsigned int host, char *text)
{
	sprintf(text, family == AF_INET6 ? "2001:db8:%u::%u" : "192.168.%u.%u", subnet, host);
}

static void pick_addr(int family, unsigned int host, char *text)
{
	addr_text(family, pick(3), host, text);
}

static int pick_family(void)
{
	return one_in(2) ? AF_INET6 : AF_INET;
}

/* open and close */

static int open_node(void)
{
	int flags = O_RDWR | O_CLOEXEC | (one_in(2) ? O_NONBLOCK : 0);

	return current_op()->text ? open(current_op()->text, flags) : unit_open(pick(UNITS), flags);
}

static long open_keep(void)
{
	int fd;

	fd = open_node();
	if (fd < 0)
		return -errno;
	file_put(pick(FILES), fd);
	return 0;
}

/* For traffic to come. */
static long open_up(void)
{
	struct ifreq ifr;
	int fd = open_node();
	long ret;

	if (fd < 0)
		return -errno;
	ret = result(ioctl(fd, TUNGIFNAME, &ifr));
	if (!ret)
		ret = link_up(ifr.ifr_name);
	file_put(pick(FILES), fd);
	return ret;
}

static long open_close(void)
{
	int fd;

	fd = open_node();
	return fd < 0 ? -errno : result(close(fd));
}

static long close_kept(void)
{
	file_put(pick(FILES), -1);
	return 0;
}

static struct op file_ops[] = {
	{ .name = "open", .run = open_keep, .roams = true, .allowed = { EBUSY, EEXIST } },
	{ .name = "open of the cloning node", .run = open_keep, .roams = true,
	  .text = "/dev/bsdtun",
	  .allowed = { ENOENT, EEXIST } },
	{ .name = "open and up", .run = open_up, .roams = true,
	  .allowed = { EBUSY, EEXIST, ENXIO, ENODEV } },
	{ .name = "open and close", .run = open_close, .roams = true,
	  .allowed = { EBUSY, EEXIST } },
	{ .name = "close", .run = close_kept },
	{ .name = NULL },
};

/* read */

static long send_to_file(void);

/* Few of the packets of others come to a file while somebody reads it. */
static void feed(void)
{
	if (one_in(4))
		send_to_file();
}

static long read_sleeping(void)
{
	feed();
	return result(read(me->fd, buffer, 1 + pick(2000)));
}

static long read_vector(void)
{
	struct iovec iov[] = {
		{ buffer, pick(5) },
		{ buffer + 100, pick(50) },
		{ buffer + 1000, 1 + pick(1500) },
	};

	feed();
	return result(readv(me->fd, iov, ARRAY_SIZE(iov)));
}

static long read_nowait(int fd, void *buf, size_t len)
{
	struct iovec iov = { buf, len };

	return result(preadv2(fd, &iov, 1, -1, RWF_NOWAIT));
}

static long read_at_once(void)
{
	feed();
	return read_nowait(me->fd, buffer, 1 + pick(2000));
}

static long read_bad(void)
{
	feed();
	return read_nowait(me->fd, bad_pointer, 1 + pick(2000));
}

static long read_none(void)
{
	return result(read(me->fd, buffer, 0));
}

static struct op read_ops[] = {
	{ .name = "read", .run = read_sleeping, .on_file = true, .sleeps = true,
	  .allowed = { EAGAIN, EINTR, EIO, EMSGSIZE } },
	{ .name = "readv", .run = read_vector, .on_file = true, .sleeps = true,
	  .allowed = { EAGAIN, EINTR, EIO, EMSGSIZE } },
	{ .name = "read without waiting", .run = read_at_once, .on_file = true,
	  .allowed = { EAGAIN, EIO, EMSGSIZE } },
	{ .name = "read into a bad buffer", .run = read_bad, .on_file = true, .wanted = EFAULT,
	  .allowed = { EAGAIN, EIO, EMSGSIZE } },
	{ .name = "read of 0 bytes", .run = read_none, .on_file = true },
	{ .name = NULL },
};

/* write */

/* A packet, now and then behind an address family. */
static size_t build(unsigned char *buf)
{
	static const uint32_t families[] = { AF_INET, AF_INET6, 24, 28, 30, AF_IPX, 77 };
	int family = pick_family();
	uint32_t word;
	size_t prefix = 0;

	if (one_in(2)) {
		word = htonl(one_in(2) ? (uint32_t)family :
			     families[pick(ARRAY_SIZE(families))]);
		memcpy(buf, &word, sizeof(word));
		prefix = sizeof(word);
	}
	if (one_in(2))
		return prefix + build_echo(family, buf + prefix, pick(1400));
	return prefix + build_udp(family, buf + prefix, buf + 2048, pick(1400));
}

static long write_packet(void)
{
	return result(write(me->fd, buffer, build(buffer)));
}

static long write_vector(void)
{
	size_t len = build(buffer), first = pick(8), second = pick(16);
	struct iovec iov[] = {
		{ buffer, first },
		{ buffer + first, second },
		{ buffer + first + second, len - first - second },
	};

	return result(writev(me->fd, iov, ARRAY_SIZE(iov)));
}

/* What stands before each packet that is written to the file. */
struct framing {
	int batch;
	int vnet;		/* bytes of a struct virtio_net_hdr */
	size_t header;		/* bytes of that or of a struct tun_hdr */
	int af;
};

static long ask_framing(struct framing *framing)
{
	struct tun_capabilities capabilities;

	if (ioctl(me->fd, TUNGBATCH, &framing->batch) ||
	    ioctl(me->fd, TUNGVNETHDR, &framing->vnet) ||
	    ioctl(me->fd, TUNGIFHEAD, &framing->af))
		return -errno;
	framing->header = framing->vnet;
	if (!ioctl(me->fd, TUNGCAP, &capabilities))
		framing->header = sizeof(struct tun_hdr);
	return 0;
}

/* Segments of one connection, which GRO joins, or, with a header that tells so, of one
 * super-packet; other packets among them.
 */
static size_t build_frame(const struct framing *framing, unsigned char *at, unsigned int segment)
{
	int super = framing->vnet && one_in(2), family = super ? AF_INET : pick_family();
	struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 40, .gso_size = 500, .csum_start = 20, .csum_offset = 16,
	};
	size_t len = framing->header;
	uint32_t af;

	memset(at, 0, len);
	if (super)
		memcpy(at, &header, sizeof(header));
	if (framing->af) {
		af = htonl(super ? AF_INET : (uint32_t)family);
		memcpy(at + len, &af, sizeof(af));
		len += sizeof(af);
	}
	if (super || (family == AF_INET && !one_in(4)))
		return len + build_tcp(at + len, 1 + segment * 1400, 1400);
	return len + build_echo(family, at + len, pick(1400));
}

/* Noise passes for a packet only where nothing is to precede it. */
static void end_framing(void)
{
	int off = 0;

	ioctl(me->fd, TUNSBATCH, &off);
	ioctl(me->fd, TUNSVNETHDR, &off);
	ioctl(me->fd, TUNDCAP);
	ioctl(me->fd, TUNSIFHEAD, &off);
}

/* Sets one kind of framing, and writes in whatever framing the file has by then. */
static long write_framed(void)
{
	static unsigned char frames[65536];
	int value = current_op()->request == TUNSVNETHDR ? 10 + 2 * pick(2) :
		    current_op()->request == TUNSCAP ? BSDTUN_IFCAPS : 1;
	struct framing framing;
	size_t len, at = 0;
	unsigned int i, count;
	long ret;

	ret = result(ioctl(me->fd, current_op()->request, &value)) ?: ask_framing(&framing);
	if (ret)
		return ret;
	count = framing.batch ? 1 + pick(40) : 1;
	for (i = 0; i < count; i++) {
		struct tun_batch_hdr *batch = (void *)(frames + at);
		size_t head = framing.batch ? sizeof(*batch) : 0;

		len = build_frame(&framing, frames + at + head, i);
		if (head)
			*batch = (struct tun_batch_hdr){ .len = len };
		at += head + len;
		if (i + 1 < count)
			at = batch_aligned(at);
	}
	ret = result(write(me->fd, frames, at));
	if (one_in(2))
		end_framing();
	return ret;
}

static long write_noise(void)
{
	size_t len = 1 + pick(one_in(8) ? TUNMRU : 200), i;

	for (i = 0; i < len && i < 200; i++)
		buffer[i] = pick(256);
	return result(write(me->fd, buffer, len));
}

static long write_long(void)
{
	return result(write(me->fd, buffer, HEADER_MAX + AF_WORD + TUNMRU + 1));
}

static long write_bad(void)
{
	return result(write(me->fd, bad_pointer, 5 + pick(2000)));
}

static long write_none(void)
{
	return result(write(me->fd, buffer, 0));
}

static struct op write_ops[] = {
	{ .name = "write", .run = write_packet, .on_file = true,
	  .allowed = { EIO, EAFNOSUPPORT, EINVAL, ENOBUFS } },
	{ .name = "writev", .run = write_vector, .on_file = true,
	  .allowed = { EIO, EAFNOSUPPORT, EINVAL, ENOBUFS } },
	{ .name = "write of a batch", .run = write_framed, .request = TUNSBATCH, .on_file = true,
	  .allowed = { EIO, EAFNOSUPPORT, EINVAL, ENOBUFS, ENODEV } },
	{ .name = "write with a virtio_net_hdr", .run = write_framed, .request = TUNSVNETHDR,
	  .on_file = true, .allowed = { EIO, EAFNOSUPPORT, EINVAL, ENOBUFS, ENODEV } },
	{ .name = "write with a tun_hdr", .run = write_framed, .request = TUNSCAP, .on_file = true,
	  .allowed = { EIO, EAFNOSUPPORT, EINVAL, ENOBUFS, ENODEV } },
	{ .name = "write with an AF word", .run = write_framed, .request = TUNSIFHEAD,
	  .on_file = true, .allowed = { EIO, EAFNOSUPPORT, EINVAL, ENOBUFS, ENODEV } },
	{ .name = "write of noise", .run = write_noise, .on_file = true,
	  .allowed = { EIO, EAFNOSUPPORT, EINVAL, ENOBUFS } },
	/* As a batch it makes no sense. */
	{ .name = "write that is too long", .run = write_long, .on_file = true, .wanted = EIO,
	  .allowed = { EINVAL } },
	{ .name = "write from a bad buffer", .run = write_bad, .on_file = true, .wanted = EFAULT,
	  .allowed = { EIO, ENOBUFS } },
	{ .name = "write of 0 bytes", .run = write_none, .on_file = true },
	{ .name = NULL },
};

/* poll and select */

static long poll_one(void)
{
	struct pollfd pfd = { .fd = me->fd, .events = POLLIN };

	if (poll(&pfd, 1, -1) < 0)
		return -errno;
	return pfd.revents & POLLNVAL ? -EBADF : pfd.revents;
}

static long poll_some(void)
{
	struct pollfd pfd[3] = { { .fd = me->fd, .events = POLLIN | POLLOUT } };
	unsigned int i;
	long ret;

	for (i = 1; i < ARRAY_SIZE(pfd); i++) {
		pfd[i].fd = file_take();
		pfd[i].events = POLLIN | POLLRDNORM;
	}
	ret = result(poll(pfd, ARRAY_SIZE(pfd), pick(20)));
	for (i = 1; i < ARRAY_SIZE(pfd); i++)
		if (pfd[i].fd >= 0)
			close(pfd[i].fd);
	return ret;
}

static long select_one(void)
{
	struct timeval timeout = { .tv_usec = pick(20000) };
	fd_set readable, writable;

	FD_ZERO(&readable);
	FD_ZERO(&writable);
	FD_SET(me->fd, &readable);
	if (one_in(2))
		FD_SET(me->fd, &writable);
	return result(select(me->fd + 1, &readable, &writable, NULL, &timeout));
}

static struct op poll_ops[] = {
	{ .name = "poll", .run = poll_one, .on_file = true, .sleeps = true, .allowed = { EINTR } },
	{ .name = "poll of several", .run = poll_some, .on_file = true, .allowed = { EINTR } },
	{ .name = "select", .run = select_one, .on_file = true, .allowed = { EINTR } },
	{ .name = NULL },
};

/* epoll */

static struct {
	int epoll;
	int fd[4];
	bool fixed[4];		/* EPOLLEXCLUSIVE cannot be modified */
} watch = { -1, { -1, -1, -1, -1 }, { false } };

static long watch_close(void)
{
	unsigned int i = pick(ARRAY_SIZE(watch.fd));

	if (watch.fd[i] < 0)
		return SKIPPED;
	close(watch.fd[i]);
	watch.fd[i] = -1;
	return 0;
}

static long watch_add(void)
{
	static const uint32_t modes[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE,
					  EPOLLEXCLUSIVE | EPOLLET };
	uint32_t mode = modes[pick(ARRAY_SIZE(modes))];
	unsigned int i = pick(ARRAY_SIZE(watch.fd));
	struct epoll_event event = { .events = EPOLLIN | mode | (one_in(4) ? EPOLLOUT : 0) };

	if (watch.epoll < 0)
		watch.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (watch.fd[i] >= 0)
		return SKIPPED;
	watch.fd[i] = fcntl(me->fd, F_DUPFD_CLOEXEC, 0);
	watch.fixed[i] = mode & EPOLLEXCLUSIVE;
	return result(epoll_ctl(watch.epoll, EPOLL_CTL_ADD, watch.fd[i], &event));
}

static long watch_modify(void)
{
	struct epoll_event event = { .events = one_in(2) ? EPOLLIN : EPOLLOUT | EPOLLET };
	unsigned int i = pick(ARRAY_SIZE(watch.fd));

	if (watch.fd[i] < 0 || watch.fixed[i])
		return SKIPPED;
	return result(epoll_ctl(watch.epoll, EPOLL_CTL_MOD, watch.fd[i], &event));
}

static long watch_remove(void)
{
	unsigned int i = pick(ARRAY_SIZE(watch.fd));
	long ret;

	if (watch.fd[i] < 0)
		return SKIPPED;
	ret = result(epoll_ctl(watch.epoll, EPOLL_CTL_DEL, watch.fd[i], NULL));
	close(watch.fd[i]);
	watch.fd[i] = -1;
	return ret;
}

static long watch_wait(void)
{
	struct epoll_event events[4];

	if (watch.epoll < 0)
		return SKIPPED;
	return result(epoll_wait(watch.epoll, events, ARRAY_SIZE(events), pick(20)));
}

static void watch_shut(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(watch.fd); i++) {
		if (watch.fd[i] >= 0)
			close(watch.fd[i]);
		watch.fd[i] = -1;
	}
	if (watch.epoll >= 0)
		close(watch.epoll);
	watch.epoll = -1;
}

/* What was closed stays watched until the file is closed by all, and a new file descriptor
 * may have its number.
 */
static struct op epoll_ops[] = {
	{ .name = "EPOLL_CTL_ADD", .run = watch_add, .on_file = true, .allowed = { EEXIST } },
	{ .name = "EPOLL_CTL_MOD", .run = watch_modify, .allowed = { EINVAL } },
	{ .name = "EPOLL_CTL_DEL", .run = watch_remove },
	{ .name = "epoll_wait", .run = watch_wait, .allowed = { EINTR } },
	{ .name = "close of a watched file", .run = watch_close },
	{ .name = NULL },
};

/* io_uring */

enum { RING_READ, RING_WRITE, RING_POLL, RING_OPEN, RING_CANCEL };

#define RING_END	0	/* its place in the table */

static struct {
	struct io_uring ring;
	bool live;
	int submitted;		/* that have not completed */
	int opens;		/* opens among them */
	unsigned char in[2048];
	unsigned char out[4096];
} ring;

static struct io_uring_sqe *ring_sqe(void)
{
	int ret;

	if (!ring.live) {
		ret = io_uring_queue_init(32, &ring.ring, 0);
		if (ret)
			ksft_exit_fail_msg("io_uring: %s\n", strerror(-ret));
		ring.live = true;
		ring.submitted = 0;
		ring.opens = 0;
	}
	return ring.submitted < 16 ? io_uring_get_sqe(&ring.ring) : NULL;
}

static long ring_submit(struct io_uring_sqe *sqe, uint64_t what)
{
	io_uring_sqe_set_data64(sqe, what);
	ring.submitted++;
	return io_uring_submit(&ring.ring);
}

static unsigned int pick_async(void)
{
	return one_in(3) ? IOSQE_ASYNC : 0;
}

static long ring_read(void)
{
	struct io_uring_sqe *sqe = ring_sqe();

	if (!sqe)
		return SKIPPED;
	io_uring_prep_read(sqe, me->fd, ring.in, sizeof(ring.in), -1);
	io_uring_sqe_set_flags(sqe, pick_async());
	return ring_submit(sqe, RING_READ);
}

static long ring_write(void)
{
	struct io_uring_sqe *sqe = ring_sqe();

	if (!sqe)
		return SKIPPED;
	io_uring_prep_write(sqe, me->fd, ring.out, build(ring.out), -1);
	io_uring_sqe_set_flags(sqe, pick_async());
	return ring_submit(sqe, RING_WRITE);
}

static long ring_poll(void)
{
	struct io_uring_sqe *sqe = ring_sqe();

	if (!sqe)
		return SKIPPED;
	if (one_in(2))
		io_uring_prep_poll_add(sqe, me->fd, POLLIN);
	else
		io_uring_prep_poll_multishot(sqe, me->fd, POLLIN);
	return ring_submit(sqe, RING_POLL);
}

static long ring_open(void)
{
	static const char *const nodes[] = { "/dev/bsdtun0", "/dev/bsdtun1", "/dev/bsdtun2" };
	struct io_uring_sqe *sqe = ring_sqe();

	if (!sqe)
		return SKIPPED;
	io_uring_prep_openat(sqe, AT_FDCWD, nodes[pick(ARRAY_SIZE(nodes))],
			     O_RDWR | O_CLOEXEC, 0);
	ring.opens++;
	return ring_submit(sqe, RING_OPEN);
}

static long ring_cancel(void)
{
	struct io_uring_sqe *sqe;

	if (!ring.live || !ring.submitted)
		return SKIPPED;
	sqe = io_uring_get_sqe(&ring.ring);
	if (!sqe)
		return SKIPPED;
	io_uring_prep_cancel(sqe, NULL, 0);
	sqe->cancel_flags = IORING_ASYNC_CANCEL_ANY;
	return ring_submit(sqe, RING_CANCEL);
}

static bool ring_may_return(uint64_t what, int error)
{
	if (error == ECANCELED)
		return true;
	switch (what) {
	case RING_READ:
		return error == EAGAIN || error == EINTR || error == EIO || error == EMSGSIZE;
	case RING_WRITE:
		return error == EIO || error == EAFNOSUPPORT || error == EINVAL ||
		       error == ENOBUFS;
	case RING_OPEN:
		return error == EBUSY || error == EEXIST || error == EINTR || missing(error);
	case RING_CANCEL:
		return error == ENOENT || error == EALREADY;
	default:
		return false;
	}
}

/* Takes what has completed; returns its number, or the first result that may not be. */
static long ring_reap(void)
{
	struct __kernel_timespec patience = { .tv_nsec = pick(10) * 1000000 };
	struct io_uring_cqe *cqe;
	long ret = 0;
	int count;

	if (!ring.live || !ring.submitted)
		return SKIPPED;
	io_uring_wait_cqe_timeout(&ring.ring, &cqe, &patience);
	for (count = 0; !io_uring_peek_cqe(&ring.ring, &cqe); count++) {
		uint64_t what = io_uring_cqe_get_data64(cqe);

		if (!(cqe->flags & IORING_CQE_F_MORE) && what <= RING_CANCEL) {
			ring.submitted--;
			ring.opens -= what == RING_OPEN;
		}
		if (what == RING_OPEN && cqe->res >= 0)
			close(cqe->res);
		if (cqe->res < 0 && what <= RING_CANCEL && !ring_may_return(what, -cqe->res) &&
		    !ret)
			ret = cqe->res;
		io_uring_cqe_seen(&ring.ring, cqe);
	}
	return ret ? ret : count ? count : SKIPPED;
}

/* The ring goes with requests under way; opens would leave files behind. */
static long ring_end(void)
{
	long ret = 0;

	if (!ring.live || (!ending() && !one_in(8)))
		return SKIPPED;
	while (ring.opens && (ret >= 0 || ret == SKIPPED))
		ret = ring_reap();
	io_uring_queue_exit(&ring.ring);
	ring.live = false;
	return ret == SKIPPED ? 0 : ret;
}

static struct op uring_ops[] = {
	[RING_END] = { .name = "end with requests under way", .run = ring_end },
	{ .name = "read", .run = ring_read, .on_file = true },
	{ .name = "write", .run = ring_write, .on_file = true },
	{ .name = "poll", .run = ring_poll, .on_file = true },
	{ .name = "open", .run = ring_open },
	{ .name = "cancel", .run = ring_cancel },
	{ .name = "completions", .run = ring_reap },
	{ .name = NULL },
};

static void ring_shut(void)
{
	perform(&uring_ops[RING_END]);
}

/* ioctl */

static int pick_argument(unsigned long request)
{
	static const int modes[] = { IFF_POINTOPOINT, IFF_BROADCAST, IFF_POINTOPOINT | 0x8000,
				     IFF_BROADCAST | IFF_MULTICAST, 0 };

	switch (request) {
	case TUNSIFMODE:
		return modes[pick(ARRAY_SIZE(modes))];
	case TUNSDEBUG:
	case TUNSTRANSIENT:
		return one_in(4);
	default:
		return pick(2);
	}
}

static long ioctl_int(void)
{
	int value = pick_argument(current_op()->request);

	return result(ioctl(me->fd, current_op()->request, &value));
}

static unsigned int pick_mtu(void)
{
	static const unsigned int mtus[] = { 1500, 1500, 1500, 1280, 9000, 576, 72, 65535, 71, 0 };

	return mtus[pick(ARRAY_SIZE(mtus))];
}

static long ioctl_info(void)
{
	struct tuninfo info = { .baudrate = pick(100000000), .mtu = pick_mtu(),
				.type = one_in(16) ? 6 : BSDTUN_IFT_PPP };

	return result(ioctl(me->fd, current_op()->request, &info));
}

static long ioctl_info_openbsd(void)
{
	struct tuninfo_openbsd info = { 0 };

	if (current_op()->request == TUNSIFINFO_OPENBSD && ioctl(me->fd, TUNGIFINFO_OPENBSD, &info))
		return -errno;
	info.mtu = pick_mtu();
	return result(ioctl(me->fd, current_op()->request, &info));
}

static long ioctl_name(void)
{
	struct ifreq ifr = { .ifr_name = "" };

	if (ioctl(me->fd, current_op()->request, &ifr))
		return -errno;
	return ifr.ifr_name[0] && memchr(ifr.ifr_name, 0, IFNAMSIZ) ? 0 : -EBADMSG;
}

static long ioctl_plain(void)
{
	return result(ioctl(me->fd, current_op()->request));
}

static long ioctl_capabilities(void)
{
	static const int sets[] = { 0, BSDTUN_IFCAP_CSUM_UDPv4, BSDTUN_IFCAPS };

	return result(ioctl(me->fd, TUNSCAP, &sets[pick(ARRAY_SIZE(sets))]));
}

/* What there is only after TUNSCAP. */
static long ioctl_get_capabilities(void)
{
	if (one_in(2))
		ioctl_capabilities();
	return ioctl_int();
}

static long ioctl_vnet_header(void)
{
	static const int lens[] = { 0, 10, 12 };

	return result(ioctl(me->fd, TUNSVNETHDR, &lens[pick(ARRAY_SIZE(lens))]));
}

static long ioctl_bad_pointer(void)
{
	static const unsigned long requests[] = {
		TUNSDEBUG, TUNGDEBUG, TUNSIFINFO, TUNGIFINFO, TUNSIFINFO_OPENBSD,
		TUNGIFINFO_OPENBSD, TUNSLMODE, TUNGIFNAME, TUNSIFMODE, TUNSIFHEAD, TUNGIFHEAD,
		TUNSTRANSIENT, TUNGTRANSIENT, FIONREAD, FIONBIO, FIOASYNC, FIOSETOWN, FIOGETOWN,
		TIOCSPGRP, TIOCGPGRP, TUNSCAP, TUNSVNETHDR, TUNGVNETHDR,
		TUNSBATCH, TUNGBATCH,
	};

	return result(ioctl(me->fd, requests[pick(ARRAY_SIZE(requests))], bad_pointer));
}

static long ioctl_unknown(void)
{
	/* All that are known have lower numbers. */
	return result(ioctl(me->fd, _IOC(pick(4), 't', 200 + pick(56), pick(64)), buffer));
}

static struct op ioctl_ops[] = {
	{ .name = "TUNSDEBUG", .run = ioctl_int, .request = TUNSDEBUG, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNGDEBUG", .run = ioctl_int, .request = TUNGDEBUG, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNSIFINFO", .run = ioctl_info, .request = TUNSIFINFO, .on_file = true,
	  .allowed = { EIO, EINVAL, EPROTOTYPE } },
	{ .name = "TUNGIFINFO", .run = ioctl_info, .request = TUNGIFINFO, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNSIFINFO of OpenBSD", .run = ioctl_info_openbsd, .request = TUNSIFINFO_OPENBSD,
	  .on_file = true, .allowed = { EIO, EINVAL } },
	{ .name = "TUNGIFINFO of OpenBSD", .run = ioctl_info_openbsd, .request = TUNGIFINFO_OPENBSD,
	  .on_file = true, .allowed = { EIO } },
	{ .name = "TUNSLMODE", .run = ioctl_int, .request = TUNSLMODE, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNGIFNAME", .run = ioctl_name, .request = TUNGIFNAME, .on_file = true,
	  .allowed = { ENXIO } },
	{ .name = "TUNSIFMODE", .run = ioctl_int, .request = TUNSIFMODE, .on_file = true,
	  .allowed = { EIO, EBUSY, EINVAL } },
	{ .name = "TUNSIFPID", .run = ioctl_plain, .request = TUNSIFPID, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNSIFHEAD", .run = ioctl_int, .request = TUNSIFHEAD, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNGIFHEAD", .run = ioctl_int, .request = TUNGIFHEAD, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNSTRANSIENT", .run = ioctl_int, .request = TUNSTRANSIENT, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNGTRANSIENT", .run = ioctl_int, .request = TUNGTRANSIENT, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNSCAP", .run = ioctl_capabilities, .request = TUNSCAP, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNGCAP", .run = ioctl_get_capabilities, .request = TUNGCAP, .on_file = true,
	  .allowed = { EIO, ENODEV } },
	{ .name = "TUNDCAP", .run = ioctl_plain, .request = TUNDCAP, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNSVNETHDR", .run = ioctl_vnet_header, .request = TUNSVNETHDR, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNGVNETHDR", .run = ioctl_int, .request = TUNGVNETHDR, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNSBATCH", .run = ioctl_int, .request = TUNSBATCH, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TUNGBATCH", .run = ioctl_int, .request = TUNGBATCH, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "FIONREAD", .run = ioctl_int, .request = FIONREAD, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "FIONBIO", .run = ioctl_int, .request = FIONBIO, .on_file = true },
	{ .name = "a bad pointer", .run = ioctl_bad_pointer, .on_file = true, .wanted = EFAULT,
	  .allowed = { EIO, ENXIO } },
	{ .name = "an unknown request", .run = ioctl_unknown, .on_file = true, .wanted = ENOTTY },
	{ .name = NULL },
};

/* SIGIO */

/* SIGUSR1 ends a sleep, and that is all. */
static void count_signal(int number)
{
	if (number != SIGUSR1)
		atomic_fetch_add(&signals, 1);
}

static long own(void)
{
	int pid = getpid();
	int owners[] = { pid, pid, -pid, 0, 1 << 30 };
	int who = owners[pick(ARRAY_SIZE(owners))];

	if (current_op()->request == TIOCSPGRP)
		who = -who;
	return result(ioctl(me->fd, current_op()->request, &who));
}

static long own_by_fcntl(void)
{
	static const int types[] = { F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP };
	struct f_owner_ex owner = { .type = types[pick(ARRAY_SIZE(types))] };

	owner.pid = owner.type == F_OWNER_TID ? atomic_load(&me->tid) : getpid();
	return result(fcntl(me->fd, F_SETOWN_EX, &owner));
}

static long set_signal(void)
{
	return result(fcntl(me->fd, F_SETSIG, one_in(4) ? SIGRTMIN : 0));
}

static long set_async(void)
{
	int on = !one_in(4), flags;

	if (one_in(2))
		return result(ioctl(me->fd, FIOASYNC, &on));
	flags = fcntl(me->fd, F_GETFL);
	return result(fcntl(me->fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC));
}

static long catch_signal(void)
{
	static unsigned long seen;
	unsigned long caught = atomic_load(&signals);

	if (caught == seen)
		return SKIPPED;
	seen = caught;
	return 0;
}

static struct op sigio_ops[] = {
	{ .name = "FIOSETOWN", .run = own, .request = FIOSETOWN, .on_file = true,
	  .allowed = { EIO, ESRCH } },
	{ .name = "TIOCSPGRP", .run = own, .request = TIOCSPGRP, .on_file = true,
	  .allowed = { EIO, ESRCH } },
	{ .name = "FIOGETOWN", .run = ioctl_int, .request = FIOGETOWN, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "TIOCGPGRP", .run = ioctl_int, .request = TIOCGPGRP, .on_file = true,
	  .allowed = { EIO } },
	{ .name = "F_SETOWN_EX", .run = own_by_fcntl, .on_file = true },
	{ .name = "F_SETSIG", .run = set_signal, .on_file = true },
	{ .name = "FIOASYNC and O_ASYNC", .run = set_async, .on_file = true },
	{ .name = "signal", .run = catch_signal },
	{ .name = NULL },
};

/* rtnetlink: a request and its answer, or all its answers */

static long talk(struct nlmsghdr *request)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char answer[32768];
	long ret;

	if (!nl)
		return -errno;
	ret = mnl_socket_sendto(nl, request, request->nlmsg_len);
	while (ret > 0) {
		ret = mnl_socket_recvfrom(nl, answer, sizeof(answer));
		if (ret > 0)
			ret = mnl_cb_run(answer, ret, 0, 0, NULL, NULL);
	}
	ret = result(ret);
	mnl_socket_close(nl);
	return ret;
}

static struct nlmsghdr *put_link(void *buf, const char *name, int flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	return request;
}

/* IFLA_LINKINFO with some of the attributes, most of them with values that may be. */
static void put_attributes(struct nlmsghdr *request, bool unit)
{
	struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(request, IFLA_INFO_KIND, "bsdtun");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	if (unit && one_in(2))
		mnl_attr_put_u32(request, IFLA_BSDTUN_UNIT, pick(UNITS));
	if (one_in(4))
		mnl_attr_put_u32(request, IFLA_BSDTUN_OWNER, pick(2) - 1U);
	if (one_in(4))
		mnl_attr_put_u32(request, IFLA_BSDTUN_GROUP, pick(2) - 1U);
	if (one_in(4))
		mnl_attr_put_u8(request, IFLA_BSDTUN_MODE, pick(2));
	if (one_in(4))
		mnl_attr_put_u8(request, IFLA_BSDTUN_TRANSIENT, pick(2));
	if (one_in(4))
		mnl_attr_put_u8(request, IFLA_BSDTUN_FRAMING, pick(2));
	if (one_in(16))
		mnl_attr_put_u32(request, IFLA_BSDTUN_UNSPEC + 1 + pick(IFLA_BSDTUN_MAX), 9);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
}

static long add_link(void)
{
	char buf[1024], name[IFNAMSIZ];
	struct nlmsghdr *request;

	pick_name(name);
	request = put_link(buf, one_in(4) ? NULL : name, NLM_F_CREATE | NLM_F_EXCL);
	if (one_in(2))
		mnl_attr_put_u32(request, IFLA_NUM_TX_QUEUES, 1 + pick(4));
	put_attributes(request, true);
	return talk(request);
}

static long delete_link(void)
{
	char name[IFNAMSIZ];

	pick_link(name);
	return link_del(name);
}

static long change_link(void)
{
	char buf[1024], name[IFNAMSIZ];
	struct nlmsghdr *request;

	pick_link(name);
	request = put_link(buf, name, 0);
	put_attributes(request, one_in(4));
	return talk(request);
}

static struct op link_ops[] = {
	{ .name = "add", .run = add_link, .roams = true,
	  .allowed = { EEXIST, EBUSY, ENOSPC, EINVAL, ERANGE, ENXIO } },
	{ .name = "delete", .run = delete_link, .roams = true, .allowed = { ENODEV } },
	{ .name = "change", .run = change_link, .roams = true,
	  .allowed = { ENODEV, EBUSY, EINVAL, ERANGE, EOPNOTSUPP } },
	{ .name = NULL },
};

static long bring_up(void)
{
	char name[IFNAMSIZ];

	pick_link(name);
	return link_up(name);
}

static long bring_down(void)
{
	char name[IFNAMSIZ];

	pick_link(name);
	/* Traffic needs it to be up most of the time. */
	pause_us(pick(100) * 1000);
	return link_down(name);
}

static struct op updown_ops[] = {
	{ .name = "up", .run = bring_up, .roams = true, .allowed = { ENODEV } },
	{ .name = "down", .run = bring_down, .roams = true, .allowed = { ENODEV } },
	{ .name = NULL },
};

static long rename_link(void)
{
	char from[IFNAMSIZ], to[IFNAMSIZ];

	pick_link(from);
	pick_name(to);
	return link_rename(from, to);
}

static long move_link(void)
{
	char name[IFNAMSIZ];
	long ret;
	int fd;

	pick_link(name);
	pthread_mutex_lock(&namespaces.lock);
	fd = fcntl(namespaces.fd[pick(NAMESPACES)], F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&namespaces.lock);
	ret = link_move(name, fd);
	close(fd);
	return ret;
}

/* Kernels before 6.2 rename no interface that is up. */
static struct op move_ops[] = {
	{ .name = "rename", .run = rename_link, .roams = true,
	  .allowed = { ENODEV, EEXIST, EBUSY } },
	{ .name = "move to another namespace", .run = move_link, .roams = true,
	  .allowed = { ENODEV, EEXIST } },
	{ .name = NULL },
};

static long set_mtu(void)
{
	char name[IFNAMSIZ];

	pick_link(name);
	return link_set_mtu(name, pick_mtu());
}

static long set_txqlen(void)
{
	static const int lengths[] = {
		0, 1, 2, 16, 17, 33, 40, 500, 1000, 32767, 32768, 0x7fffffff
	};
	char name[IFNAMSIZ];

	pick_link(name);
	return link_set_txqlen(name, lengths[pick(ARRAY_SIZE(lengths))]);
}

static long set_qdisc(void)
{
	static const char *const kinds[] = { "pfifo", "fq_codel", "noqueue", "pfifo_fast", "mq" };
	char name[IFNAMSIZ];

	pick_link(name);
	return qdisc_set(name, kinds[pick(ARRAY_SIZE(kinds))], 1 + pick(1000));
}

/* Newer kernels take no txqueuelen above 32767. */
static struct op tune_ops[] = {
	{ .name = "MTU", .run = set_mtu, .roams = true, .allowed = { ENODEV, EINVAL } },
	{ .name = "txqueuelen", .run = set_txqlen, .roams = true, .allowed = { ENODEV, ERANGE } },
	{ .name = "queueing discipline", .run = set_qdisc, .roams = true,
	  .allowed = { ENODEV, EOPNOTSUPP, EINVAL, ENOENT } },
	{ .name = NULL },
};

/* Addresses and routes. What may fail here is IP's, not the driver's. */

static struct address {
	char link[IFNAMSIZ];
	int family;
	char text[64];
} added;	/* the last one, by the only thread of its kind */

static int prefix_of(int family)
{
	return family == AF_INET6 ? 64 : 24;
}

static struct address any_address(void)
{
	struct address addr = { .family = pick_family() };

	pick_link(addr.link);
	pick_addr(addr.family, 1, addr.text);
	return addr;
}

static long add_addr(void)
{
	struct address addr = any_address();
	long ret;

	ret = addr_add(addr.link, addr.text, NULL, prefix_of(addr.family));
	if (!ret)
		added = addr;
	return ret;
}

/* One that is there, if the link still is; or any, which seldom is. */
static long delete_addr(void)
{
	struct address addr = one_in(2) ? any_address() : added;

	if (!addr.family)
		return SKIPPED;
	return addr_del(addr.link, addr.text, prefix_of(addr.family));
}

static long add_route(void)
{
	char name[IFNAMSIZ], addr[64];
	int family = pick_family();

	pick_link(name);
	pick_addr(family, 3, addr);
	return route_add(name, addr, family == AF_INET6 ? 128 : 32, NULL);
}

static struct op address_ops[] = {
	{ .name = "add", .run = add_addr, .roams = true,
	  .allowed = { ENODEV, EEXIST, EACCES, EINVAL, ENOBUFS } },
	{ .name = "delete", .run = delete_addr, .roams = true,
	  .allowed = { ENODEV, ENXIO, EADDRNOTAVAIL } },
	{ .name = "route", .run = add_route, .roams = true,
	  .allowed = { ENODEV, EEXIST, ENETDOWN, EACCES, EINVAL, ENETUNREACH, EPERM } },
	{ .name = NULL },
};

/* Network namespaces */

static int namespace_fd(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* The one that it takes the place of goes when nobody is in it any more. */
static long make_namespace(void)
{
	unsigned int i = 1 + pick(NAMESPACES - 1);
	int old, fd;

	if (unshare(CLONE_NEWNET))
		return -errno;
	link_up("lo");
	fd = namespace_fd();
	pthread_mutex_lock(&namespaces.lock);
	old = namespaces.fd[i];
	namespaces.fd[i] = fd;
	pthread_mutex_unlock(&namespaces.lock);
	close(old);
	return 0;
}

static struct op namespace_ops[] = {
	{ .name = "make one and destroy another", .run = make_namespace },
	{ .name = NULL },
};

/* They take longer to go than to come. */
static void namespace_step(void)
{
	static long long next;
	long long start = now();

	if (start < next) {
		pause_us(10000);
		return;
	}
	perform(&namespace_ops[0]);
	next = 4 * now() - 3 * start + 300;
}

/* sysfs: it shows the first namespace. Parameters, and the module itself. */

static const char *const attribute_names[] = {
	"unit", "owner", "group", "mode", "transient", "framing", "pid", "queues", "opens"
};

static int open_attribute(int flags, unsigned int *which)
{
	char name[IFNAMSIZ], path[128];

	pick_link(name);
	*which = pick(ARRAY_SIZE(attribute_names));
	snprintf(path, sizeof(path), "/sys/class/net/%s/bsdtun/%s", name,
		 attribute_names[*which]);
	return open(path, flags | O_CLOEXEC);
}

static long read_attribute(void)
{
	unsigned int which;
	long ret;
	int fd;

	fd = open_attribute(O_RDONLY, &which);
	if (fd < 0)
		return -errno;
	/* Now and then it is gone meanwhile. */
	if (one_in(4))
		pause_us(pick(50) * 1000);
	ret = result(pread(fd, buffer, 64, 0));
	close(fd);
	return ret;
}

static long write_attribute(void)
{
	static const char *const values[] = { "0", "1", "-1", "none", "af", "pointopoint",
					      "broadcast", "-2", "x" };
	const char *value = values[pick(ARRAY_SIZE(values))];
	unsigned int which;
	long ret;
	int fd;

	fd = open_attribute(O_WRONLY, &which);
	if (fd < 0)
		return -errno;
	ret = result(write(fd, value, strlen(value)));
	close(fd);
	return ret;
}

static long write_queue_limit(void)
{
	static const char *const names[] = { "limit", "limit_min", "limit_max", "hold_time" };
	static const char *const values[] = { "0", "1", "80", "1000", "max" };
	char name[IFNAMSIZ], path[128];

	pick_link(name);
	snprintf(path, sizeof(path), "/sys/class/net/%s/queues/tx-0/byte_queue_limits/%s", name,
		 names[pick(ARRAY_SIZE(names))]);
	return file_write(path, values[pick(ARRAY_SIZE(values))]);
}

static long write_parameter(void)
{
	char value[8];

	if (one_in(2)) {
		sprintf(value, "%u", 6 + pick(4));
		return file_write("/sys/module/bsdtun/parameters/units", value);
	}
	return file_write("/sys/module/bsdtun/parameters/debug", "0");
}

static long read_parameters(void)
{
	static const char *const names[] = { "units", "name", "clone", "debug" };
	char path[64];
	long ret;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/bsdtun/parameters/%s",
		 names[pick(ARRAY_SIZE(names))]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = result(read(fd, buffer, 64));
	close(fd);
	return ret;
}

static long module_load_from(const char *parameters)
{
	int fd = open(module_path, O_RDONLY | O_CLOEXEC);
	long ret;

	if (fd < 0)
		return -errno;
	ret = result(syscall(SYS_finit_module, fd, parameters, 0));
	close(fd);
	return ret;
}

/* Against those who unload and load it. */
static long load_again(void)
{
	return module_load_from("") ?: SKIPPED;
}

static struct op sysfs_ops[] = {
	{ .name = "read of an attribute", .run = read_attribute, .allowed = { ENOENT, ENODEV } },
	{ .name = "write of an attribute", .run = write_attribute,
	  .allowed = { ENOENT, ENODEV, EACCES, EBUSY, EINVAL, ERANGE } },
	{ .name = "write of a queue's limit", .run = write_queue_limit,
	  .allowed = { ENOENT, ENODEV, EINVAL } },
	{ .name = "write of a parameter", .run = write_parameter, .allowed = { EINVAL } },
	{ .name = "read of a parameter", .run = read_parameters },
	{ .name = "load of the loaded module", .run = load_again, .wanted = EEXIST,
	  .allowed = { EBUSY } },
	{ .name = NULL },
};

/* Dumps, statistics, notifications */

static long dump(void)
{
	char buf[256];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	request->nlmsg_type = current_op()->request;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (current_op()->request == RTM_GETADDR)
		mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	else if (current_op()->request == RTM_GETQDISC)
		mnl_nlmsg_put_extra_header(request, sizeof(struct tcmsg));
	else
		mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	return talk(request);
}

static long query(void)
{
	char name[IFNAMSIZ];
	struct link link;

	pick_link(name);
	return link_get(name, &link);
}

static long ask_ethtool(void)
{
	static const uint32_t commands[] = { ETHTOOL_GDRVINFO, ETHTOOL_GLINK, ETHTOOL_GSTATS,
					     ETHTOOL_GLINKSETTINGS, ETHTOOL_GCHANNELS };
	struct ifreq ifr = { .ifr_data = (void *)buffer };
	long ret;
	int fd;

	memset(buffer, 0, 4096);
	memcpy(buffer, &commands[pick(ARRAY_SIZE(commands))], sizeof(uint32_t));
	pick_link(ifr.ifr_name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ret = result(ioctl(fd, SIOCETHTOOL, &ifr));
	close(fd);
	return ret;
}

static long read_proc(void)
{
	long ret;
	int fd;

	fd = open(current_op()->text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		ret = result(read(fd, buffer, sizeof(buffer)));
	} while (ret > 0);
	close(fd);
	return ret;
}

static long listen_link(void)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct pollfd pfd = { .events = POLLIN };
	long ret;

	pfd.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ret = result(bind(pfd.fd, (struct sockaddr *)&groups, sizeof(groups)));
	if (!ret && poll(&pfd, 1, 50) == 1)
		ret = result(recv(pfd.fd, buffer, sizeof(buffer), 0));
	close(pfd.fd);
	return ret;
}

static struct op dump_ops[] = {
	{ .name = "links", .run = dump, .request = RTM_GETLINK, .roams = true,
	  .allowed = { EINTR } },
	{ .name = "addresses", .run = dump, .request = RTM_GETADDR, .roams = true,
	  .allowed = { EINTR } },
	{ .name = "queueing disciplines", .run = dump, .request = RTM_GETQDISC, .roams = true,
	  .allowed = { EINTR } },
	{ .name = "a link", .run = query, .roams = true, .allowed = { ENODEV } },
	{ .name = "ethtool", .run = ask_ethtool, .roams = true, .allowed = { ENODEV, EOPNOTSUPP } },
	{ .name = "/proc/net/dev", .run = read_proc, .text = "/proc/thread-self/net/dev",
	  .roams = true },
	{ .name = "/proc/misc", .run = read_proc, .text = "/proc/misc" },
	{ .name = "notifications", .run = listen_link, .roams = true, .allowed = { ENOBUFS } },
	{ .name = NULL },
};

/* Senders. What may fail here is IP's as well. */

/* A link that leads to a subnet, which most of the time none does: where it fails, or
 * somebody takes it away again, nothing can be sent.
 */
static void lead_to(int family, unsigned int subnet)
{
	char link[IFNAMSIZ], text[64];

	pick_link(link);
	addr_text(family, subnet, 1, text);
	addr_add(link, text, NULL, prefix_of(family));
	link_up(link);
}

static long send_udp(void)
{
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	bool zerocopy = one_in(4);
	int family = pick_family(), one = 1;
	unsigned int count = 1 + pick(32), subnet = pick(3), host = 1 + pick(3);
	char text[64];
	long ret = 0;
	int fd;

	addr_text(family, subnet, host, text);
	inet_pton(family, text, family == AF_INET6 ? (void *)&to6.sin6_addr : &to4.sin_addr);
	if (one_in(2))
		lead_to(family, subnet);
	fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (zerocopy)
		setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one));
	while (count-- && ret >= 0)
		ret = result(sendto(fd, buffer, 1 + pick(3000), zerocopy ? MSG_ZEROCOPY : 0,
				    family == AF_INET6 ? (void *)&to6 : &to4,
				    family == AF_INET6 ? sizeof(to6) : sizeof(to4)));
	close(fd);
	return ret;
}

static long send_packets(const char *name)
{
	static const int types[] = { ETH_P_IP, ETH_P_IPV6, ETH_P_IPX, ETH_P_ARP };
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	unsigned int count = 1 + pick(32);
	int one = 1;
	long ret = 0;
	int fd;

	to.sll_ifindex = link_index(name);
	if (!to.sll_ifindex)
		return SKIPPED;
	to.sll_protocol = htons(types[pick(ARRAY_SIZE(types))]);
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (one_in(4))
		setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	while (count-- && ret >= 0)
		ret = result(sendto(fd, buffer, build_udp(pick_family(), buffer, buffer + 2048,
							  pick(500)), 0,
				    (struct sockaddr *)&to, sizeof(to)));
	close(fd);
	return ret;
}

static long send_anywhere(void)
{
	char name[IFNAMSIZ];

	pick_link(name);
	return send_packets(name);
}

/* Where somebody may read, if that is in this namespace. */
static long send_to_file(void)
{
	struct ifreq ifr = { .ifr_name = "" };

	if (ioctl(me->fd, TUNGIFNAME, &ifr))
		return -errno;
	link_up(ifr.ifr_name);
	return send_packets(ifr.ifr_name);
}

static struct op send_ops[] = {
	{ .name = "UDP", .run = send_udp, .roams = true,
	  .allowed = { ENETUNREACH, EHOSTUNREACH, ENETDOWN, ENOBUFS, EAGAIN, EINVAL,
		       EADDRNOTAVAIL, EACCES, ECONNREFUSED, EMSGSIZE } },
	{ .name = "packet socket", .run = send_anywhere, .roams = true,
	  .allowed = { ENXIO, ENETDOWN, ENODEV, ENOBUFS, EAGAIN, EMSGSIZE } },
	{ .name = "packet socket, to an open file", .run = send_to_file, .roams = true,
	  .on_file = true,
	  .allowed = { ENXIO, ENETDOWN, ENODEV, ENOBUFS, EAGAIN, EMSGSIZE } },
	{ .name = NULL },
};

/* Processes that are killed wherever they are */

static void live(void)
{
	int fd = unit_open(pick(UNITS), O_RDWR | (one_in(2) ? O_NONBLOCK : 0));
	int pid = getpid(), on = 1;
	struct pollfd pfd = { .events = POLLIN };

	/* One's own, or one that was inherited. */
	if (fd < 0)
		fd = files.fd[pick(FILES)];
	pfd.fd = fd;
	ioctl(fd, TUNSIFPID);
	if (one_in(2)) {
		ioctl(fd, FIOSETOWN, &pid);
		ioctl(fd, FIOASYNC, &on);
	}
	switch (pick(4)) {
	case 0:
		read(fd, buffer, 2000);
		break;
	case 1:
		poll(&pfd, 1, -1);
		break;
	case 2:
		write(fd, buffer, build(buffer));
		break;
	case 3:
		close(fd);
		break;
	}
}

static long kill_somewhere(void)
{
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			live();
	}
	pause_us(pick(100) * 1000);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static struct op mortal_ops[] = {
	{ .name = "kill", .run = kill_somewhere, .roams = true },
	{ .name = NULL },
};

/* The courier: numbered datagrams through a unit of its own, whose ring, queueing discipline
 * and framing change meanwhile. All arrive, in order and in time, but for those that were
 * under way when the interface went down or the stack emptied the queueing discipline.
 */
static struct {
	pthread_mutex_t lock;
	int netns;
	int fd;				/* -1: closed */
	int sock;
	atomic_uint sent;
	atomic_uint received;
	atomic_uint arrivals;
	atomic_uint disturbed;		/* odd while the tuner does what may lose packets */
	atomic_bool quiet;		/* it is to do no such thing */
} courier = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .sock = -1 };

static int courier_take(void)
{
	int fd = -1;

	pthread_mutex_lock(&courier.lock);
	if (courier.fd >= 0)
		fd = fcntl(courier.fd, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&courier.lock);
	return fd;
}

/* Another thread may have made the interface of this unit elsewhere. */
static long courier_open(void)
{
	long ret;
	int fd;

	if (unloading())
		return SKIPPED;
	setns(courier.netns, CLONE_NEWNET);
	fd = unit_open(COURIER_UNIT, O_RDWR);
	if (fd < 0)
		return -errno;
	if (!link_index(COURIER_DEV)) {
		close(fd);
		return SKIPPED;
	}
	ret = link_set_mtu(COURIER_DEV, 1500) ?: link_set_txqlen(COURIER_DEV, 8) ?:
	      addr_add(COURIER_DEV, HERE4, NULL, 24);
	if (!ret || ret == -EEXIST)
		ret = link_up(COURIER_DEV) ?: qdisc_set(COURIER_DEV, "pfifo", 1000);
	if (ret) {
		close(fd);
		return ret;
	}
	courier.sock = udp_socket(AF_INET);
	courier.sent = 0;
	courier.received = 0;
	courier.quiet = false;
	pthread_mutex_lock(&courier.lock);
	courier.fd = fd;
	pthread_mutex_unlock(&courier.lock);
	return 0;
}

static void courier_shut(void)
{
	pthread_mutex_lock(&courier.lock);
	if (courier.fd >= 0) {
		close(courier.fd);
		close(courier.sock);
	}
	courier.fd = -1;
	pthread_mutex_unlock(&courier.lock);
}

/* Returns whether all that was sent has arrived. */
static bool await_delivery(unsigned int calm)
{
	unsigned int received = courier.received;
	long long last = now();

	while (courier.received != courier.sent && !ending()) {
		if (courier.received != received) {
			received = courier.received;
			last = now();
		}
		if (now() - last > (courier.disturbed == calm ? DELIVERY : NAP))
			return false;
		pause_us(1000);
	}
	return true;
}

/* What a disturbance has lost is sent again, with none. */
static long courier_send(void)
{
	unsigned int count = 1 + pick(one_in(4) ? 250 : 64), arrivals, calm;
	bool delivered;

	for (;;) {
		arrivals = courier.arrivals;
		calm = courier.disturbed & ~1U;
		for (unsigned int i = 0; i < count; i++) {
			uint32_t number = htonl(++courier.sent);

			if (send(courier.sock, &number, sizeof(number), 0) < 0) {
				if (courier.disturbed == calm && !ending())
					return -errno;
				break;
			}
		}
		delivered = await_delivery(calm);
		if (ending())
			return SKIPPED;
		/* What one attempt has sent may arrive in the next. */
		if (delivered && courier.disturbed == calm && courier.arrivals - arrivals < count)
			return -EBADMSG;
		if (delivered || courier.disturbed == calm)
			break;
		courier.quiet = true;
		while (courier.disturbed & 1 && !ending())
			pause_us(1000);
	}
	courier.quiet = false;
	return delivered ? 0 : -ETIMEDOUT;
}

/* Which framing a packet was read with shows in its first bytes. */
static long courier_receive(ssize_t len)
{
	static const unsigned char af_inet[] = { 0, 0, 0, AF_INET };
	size_t prefix = sizeof(struct sockaddr_in);
	uint32_t number;

	if (len < 0)
		return -errno;
	if (buffer[0] >> 4 == 4)
		prefix = 0;
	else if (!memcmp(buffer, af_inet, AF_WORD))
		prefix = AF_WORD;
	if ((size_t)len != prefix + UDP4_HEADERS + sizeof(number) ||
	    !packet_is_sound(buffer + prefix, len - prefix))
		return -EBADMSG;
	number = packet_number(buffer + prefix);
	if (number <= courier.received || number > courier.sent)
		return -EBADMSG;
	courier.arrivals++;
	courier.received = number;
	return 0;
}

static long courier_read(void)
{
	return courier_receive(read(me->fd, buffer, sizeof(buffer)));
}

static long courier_poll(void)
{
	struct pollfd pfd = { .fd = me->fd, .events = POLLIN };
	long ret;

	if (poll(&pfd, 1, -1) < 0)
		return -errno;
	ret = read_nowait(me->fd, buffer, sizeof(buffer));
	return ret < 0 ? ret : courier_receive(ret);
}

static long courier_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	long ret;

	epoll_ctl(epoll, EPOLL_CTL_ADD, me->fd, &event);
	ret = result(epoll_wait(epoll, &event, 1, -1));
	if (ret > 0) {
		ret = read_nowait(me->fd, buffer, sizeof(buffer));
		if (ret > 0)
			ret = courier_receive(ret);
	}
	close(epoll);
	return ret;
}

static bool disturb(void)
{
	if (courier.quiet || !one_in(4))
		return false;
	setns(courier.netns, CLONE_NEWNET);
	courier.disturbed++;
	return true;
}

static long courier_txqlen(void)
{
	long ret;

	if (!disturb())
		return SKIPPED;
	ret = link_set_txqlen(COURIER_DEV, 1 + pick(one_in(2) ? 40 : 300));
	courier.disturbed++;
	return ret;
}

/* They hold from the next time on that the reader settles. */
static long courier_limit(void)
{
	static const char *const values[] = { "0", "1", "7", "30", "80", "200", "max" };

	bool least = one_in(2);

	/* Not the two last for the least. */
	return file_write(least ? COURIER_LIMITS "limit_min" : COURIER_LIMITS "limit_max",
			  values[pick(ARRAY_SIZE(values) - (least ? 2 : 0))]);
}

static long courier_down(void)
{
	long ret;

	if (!disturb())
		return SKIPPED;
	ret = link_down(COURIER_DEV) ?: link_up(COURIER_DEV);
	courier.disturbed++;
	return ret;
}

static struct op courier_sender_ops[] = {
	{ .name = "open", .run = courier_open, .allowed = { EBUSY, EEXIST } },
	{ .name = "delivery", .run = courier_send },
	{ .name = NULL },
};

static struct op courier_reader_ops[] = {
	{ .name = "read", .run = courier_read, .on_file = true, .sleeps = true,
	  .allowed = { EINTR } },
	{ .name = "poll and read", .run = courier_poll, .on_file = true, .sleeps = true,
	  .allowed = { EINTR, EAGAIN } },
	{ .name = "epoll and read", .run = courier_epoll, .on_file = true, .sleeps = true,
	  .allowed = { EINTR, EAGAIN } },
	{ .name = NULL },
};

static struct op courier_tuner_ops[] = {
	{ .name = "TUNSIFHEAD", .run = ioctl_int, .request = TUNSIFHEAD, .on_file = true },
	{ .name = "TUNSLMODE", .run = ioctl_int, .request = TUNSLMODE, .on_file = true },
	{ .name = "FIONREAD", .run = ioctl_int, .request = FIONREAD, .on_file = true },
	{ .name = "txqueuelen", .run = courier_txqlen, .on_file = true },
	{ .name = "queue limits", .run = courier_limit, .on_file = true },
	{ .name = "down and up", .run = courier_down, .on_file = true },
	{ .name = NULL },
};

static void courier_sender_step(void)
{
	perform(&courier_sender_ops[courier.fd >= 0]);
}

/* Load and unload */

static bool all_shut(unsigned int current)
{
	unsigned int i;

	for (i = 0; i < worker_count; i++)
		if (atomic_load(&workers[i].shut) != current && atomic_load(&workers[i].tid))
			return false;
	return true;
}

/* All files that are shared are closed, and each thread has closed its own. */
static long module_release(void)
{
	unsigned int i;
	int fd;

	for (i = 0; i < FILES; i++) {
		pthread_mutex_lock(&files.lock);
		fd = files.fd[i];
		files.fd[i] = -1;
		pthread_mutex_unlock(&files.lock);
		if (fd >= 0)
			close(fd);
	}
	while (!all_shut(atomic_load(&phase)))
		pause_us(10000);
	return 0;
}

static long module_unload(void)
{
	long long start = now();
	long ret;

	for (;;) {
		ret = result(syscall(SYS_delete_module, "bsdtun", O_NONBLOCK));
		/* In use, or on its way in or out. */
		if (ret != -EAGAIN && ret != -EBUSY)
			return ret;
		if (now() - start > HANG / 2)
			return ret;
		pause_us(pick(10) * 1000);
	}
}

static long module_load(void)
{
	static const char *const parameters[] = { "", "clone=1", "units=5", "clone=1 units=6" };

	return module_load_from(parameters[pick(ARRAY_SIZE(parameters))]);
}

static struct op module_ops[] = {
	{ .name = "close of all files", .run = module_release },
	{ .name = "unload", .run = module_unload, .allowed = { ENOENT } },
	{ .name = "load", .run = module_load, .allowed = { EEXIST, EBUSY } },
	{ .name = NULL },
};

static bool module_live(void)
{
	char state[16] = "";
	int fd = open("/sys/module/bsdtun/initstate", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, state, sizeof(state) - 1) < 0)
		state[0] = '\0';
	close(fd);
	return !strcmp(state, "live\n");
}

/* Files are open at least as long as not. */
static void module_step(void)
{
	static long long unloading_took;
	unsigned int cycles = 1 + pick(2);
	long long end = now() + ROUND / 2 + pick(ROUND) + unloading_took, begin;

	while (now() < end && !atomic_load(&over))
		pause_us(50000);
	begin = now();
	atomic_store(&me->shut, atomic_fetch_add(&phase, 1) + 1);
	perform(&module_ops[0]);
	while (cycles--) {
		perform(&module_ops[1]);
		pause_us(pick(50) * 1000);
		do {
			perform(&module_ops[2]);
		} while (!module_live());
		pause_us(pick(50) * 1000);
	}
	atomic_fetch_add(&phase, 1);
	unloading_took = now() - begin;
}

static struct kind kinds[] = {
	{ .name = "open and close", .threads = 2, .ops = file_ops },
	{ .name = "read", .threads = 2, .ops = read_ops },
	{ .name = "write", .threads = 1, .ops = write_ops },	/* one: its buffer is static */
	{ .name = "poll and select", .threads = 1, .ops = poll_ops },
	{ .name = "epoll", .threads = 1, .ops = epoll_ops, .shut = watch_shut },
	{ .name = "io_uring", .threads = 1, .ops = uring_ops, .shut = ring_shut },
	{ .name = "ioctl", .threads = 2, .ops = ioctl_ops },
	{ .name = "SIGIO", .threads = 1, .ops = sigio_ops },
	{ .name = "links", .threads = 1, .ops = link_ops },
	{ .name = "up and down", .threads = 1, .ops = updown_ops },
	{ .name = "rename and move", .threads = 1, .ops = move_ops },
	{ .name = "MTU, txqueuelen, queueing discipline", .threads = 1, .ops = tune_ops },
	{ .name = "addresses and routes", .threads = 1, .ops = address_ops },
	{ .name = "network namespaces", .threads = 1, .ops = namespace_ops,
	  .step = namespace_step },
	{ .name = "sysfs and parameters", .threads = 1, .ops = sysfs_ops },
	{ .name = "dumps", .threads = 1, .ops = dump_ops },
	{ .name = "senders", .threads = 2, .ops = send_ops },
	{ .name = "killed processes", .threads = 1, .ops = mortal_ops },
	{ .name = "courier: sender", .threads = 1, .ops = courier_sender_ops,
	  .step = courier_sender_step,
	  .shut = courier_shut },
	{ .name = "courier: reader", .threads = 1, .ops = courier_reader_ops, .take = courier_take,
	  .patient = true },
	{ .name = "courier: tuner", .threads = 1, .ops = courier_tuner_ops, .take = courier_take },
	{ .name = "load and unload", .threads = 1, .ops = module_ops, .step = module_step },
};

static void *work(void *data)
{
	struct worker *w = data;
	unsigned int current;
	uint64_t turn;

	me = w;
	atomic_store(&w->tid, gettid());
	for (turn = 0; !atomic_load(&over); turn++) {
		current = atomic_load(&phase);
		if (current & 1 && atomic_load(&w->shut) != current) {
			if (w->kind->shut)
				w->kind->shut();
			atomic_store(&w->shut, current);
		}
		w->random = w->numbers + (turn << 32);
		if (w->kind->step)
			w->kind->step();
		else
			perform(&w->kind->ops[pick(w->kind->count)]);
	}
	if (w->kind->shut)
		w->kind->shut();
	atomic_store(&w->tid, 0);
	return NULL;
}

/* What each thread is at, and where in the kernel. */
static void show_threads(void)
{
	const struct op *op;
	char path[64], line[256];
	unsigned int i;
	FILE *file;

	for (i = 0; i < worker_count; i++) {
		op = (void *)atomic_load(&workers[i].op);
		ksft_print_msg("%s: %s, %lld ms\n", workers[i].kind->name, op ? op->name : "none",
			       op ? now() - atomic_load(&workers[i].since) : 0);
		snprintf(path, sizeof(path), "/proc/self/task/%d/stack",
			 atomic_load(&workers[i].tid));
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			ksft_print_msg("    %s", line);
		if (file)
			fclose(file);
	}
}

/* Wakes sleepers; returns false if one hangs. */
static bool watch_over(struct worker *w)
{
	const struct op *op = (void *)atomic_load(&w->op);
	long long age = now() - atomic_load(&w->since);
	struct pollfd pfd = { .fd = atomic_load(&w->fd) };
	const char *what = NULL;

	if (!op || age < NAP) {
		w->gone_since = 0;
		return true;
	}
	if (op->sleeps && pfd.fd >= 0 && poll(&pfd, 1, 0) == 1 && pfd.revents & POLLHUP) {
		if (!w->gone_since)
			w->gone_since = now();
		if (now() - w->gone_since > GONE)
			what = "sleeps though its interface is gone";
	} else if (op->sleeps && (!w->kind->patient || ending())) {
		pthread_kill(w->thread, SIGUSR1);
	}
	if (age > HANG)
		what = "does not return";
	if (!what)
		return true;
	complain(w, op, "%s", what);
	show_threads();
	return false;
}

static unsigned long total(void)
{
	unsigned long sum = 0;
	unsigned int i;
	int j;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		for (j = 0; j < kinds[i].count; j++)
			sum += kinds[i].ops[j].succeeded;
	return sum;
}

/* The first operation that has not succeeded yet. */
static const struct op *awaited(void)
{
	unsigned int i;
	int j;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		for (j = 0; j < kinds[i].count; j++)
			if (!kinds[i].ops[j].succeeded)
				return &kinds[i].ops[j];
	return NULL;
}

/* Lets them work for so long, and longer on a slow machine, until each operation has
 * succeeded once; returns false if a thread hangs.
 */
static bool run(int seconds)
{
	long long start = now(), told = start, age;
	const struct op *late;
	bool working;
	unsigned int i;

	do {
		pause_us(100000);
		age = now() - start;
		late = age > seconds * 1000LL ? awaited() : NULL;
		if (age > seconds * 1000LL && (!late || age > seconds * 4000LL + AWAIT))
			atomic_store(&over, true);
		if (now() - told >= 10000) {
			told += 10000;
			ksft_print_msg("progress: %lld of %d s, %lu operations, %lu loads%s%s\n",
				       age / 1000, seconds, total(), module_ops[2].succeeded,
				       late ? ", awaiting " : "", late ? late->name : "");
		}
		working = false;
		for (i = 0; i < worker_count; i++) {
			working = working || atomic_load(&workers[i].tid);
			if (!watch_over(&workers[i]))
				return false;
		}
	} while (working);
	return true;
}

static void report(struct kind *kind)
{
	bool passed = !kind->failures;
	int i;

	for (i = 0; i < kind->count; i++) {
		struct op *op = &kind->ops[i];

		ksft_print_msg("  %s: %lu succeeded, %lu did not\n", op->name, op->succeeded,
			       op->refused);
		if (!op->succeeded)
			passed = false;
	}
	if (kind->failures)
		ksft_print_msg("%u failures, the first: %s\n", kind->failures, kind->failure);
	ksft_test_result(passed, "%s: each operation succeeds, or fails as it may\n", kind->name);
}

/* A packet each way through a new interface. */
static bool driver_works(void)
{
	unsigned char packet[64];
	uint32_t number = htonl(8);
	int fd, sock;
	bool works;

	machine_setup(&fd, &sock);
	send_numbers(sock, 7, 1);
	works = wait_number(fd, 0) == 7;
	works = write(fd, packet, build_udp(AF_INET, packet, &number, sizeof(number))) > 0 && works;
	number = 0;
	works = recv(sock, &number, sizeof(number), 0) == sizeof(number) && works;
	close(fd);
	close(sock);
	return works && ntohl(number) == 8;
}

static unsigned long long from_environment(const char *name, unsigned long long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void find_module(void)
{
	static const char command[] =
		"modprobe -r bsdtun && modprobe bsdtun clone=1 && modinfo -n bsdtun";
	FILE *pipe = popen(command, "re");

	if (!pipe || !fgets(module_path, sizeof(module_path), pipe) || pclose(pipe))
		ksft_exit_fail_msg("there is no module bsdtun\n");
	module_path[strcspn(module_path, "\n")] = '\0';
}

static void set_up(void)
{
	struct sigaction action = { .sa_handler = count_signal };
	unsigned int i;

	/* SIGIO goes to the whole group now and then. */
	setpgid(0, 0);
	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags = SA_RESTART;
	sigaction(SIGIO, &action, NULL);
	sigaction(SIGRTMIN, &action, NULL);
	signal(SIGPIPE, SIG_IGN);

	/* The kernel is not to start modprobe for each interface that there is not. */
	file_read(MODPROBE, modprobe, sizeof(modprobe));
	if (system("modprobe -a sch_fq_codel || true") || file_write(MODPROBE, "\n"))
		ksft_exit_fail_msg("cannot turn modprobe off\n");
	netns_enter();
	courier.netns = namespace_fd();
	for (i = 0; i < NAMESPACES; i++) {
		netns_enter();
		namespaces.fd[NAMESPACES - 1 - i] = namespace_fd();
	}
	file_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "0");
	file_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0");
	sysfs_mount();
	if (setns(courier.netns, CLONE_NEWNET) || (mkdir(COURIER_SYS, 0755) && errno != EEXIST) ||
	    mount("sysfs", COURIER_SYS, "sysfs", 0, NULL) ||
	    setns(namespaces.fd[0], CLONE_NEWNET))
		ksft_exit_fail_perror(COURIER_SYS);
	for (i = 0; i < FILES; i++)
		files.fd[i] = -1;
	bad_pointer = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bad_pointer == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
}

static void start(void)
{
	struct worker *w;
	unsigned int i;
	int j;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		worker_count += kinds[i].threads;
		while (kinds[i].ops[kinds[i].count].name)
			kinds[i].count++;
	}
	workers = calloc(worker_count, sizeof(*workers));
	if (!workers)
		ksft_exit_fail_perror("calloc");
	w = workers;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (j = 0; j < kinds[i].threads; j++, w++) {
			w->kind = &kinds[i];
			w->numbers = seed * 1000 + (w - workers);
			atomic_store(&w->fd, -1);
			atomic_store(&w->tid, -1);
		}
	}
	for (w = workers; w < workers + worker_count; w++)
		if (pthread_create(&w->thread, NULL, work, w))
			ksft_exit_fail_msg("pthread_create\n");
}

int main(void)
{
	int seconds = from_environment("BSDTUN_SECONDS", 60);
	struct worker janitor = { .random = 0 };
	uint32_t random = 1;
	unsigned int i;
	bool returned;

	setvbuf(stdout, NULL, _IOLBF, 0);
	ksft_print_header();
	if (geteuid())
		ksft_exit_skip("needs root\n");
	ksft_set_plan(ARRAY_SIZE(kinds) + 3);
	getrandom(&random, sizeof(random), 0);
	seed = from_environment("BSDTUN_SEED", random);
	ksft_print_msg("progress: BSDTUN_SEED=%llu BSDTUN_SECONDS=%d\n",
		       (unsigned long long)seed, seconds);

	find_module();
	set_up();
	start();
	returned = run(seconds);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		report(&kinds[i]);
	ksft_test_result(returned, "each operation returns in time\n");
	/* With a thread that hangs in the kernel nothing more can be done. */
	if (!returned) {
		ksft_print_cnts();
		fflush(stdout);
		kill(getpid(), SIGKILL);
	}
	for (i = 0; i < worker_count; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < FILES; i++)
		file_put(i, -1);

	me = &janitor;
	file_write(MODPROBE, modprobe);
	ksft_test_result(!module_unload(), "the module unloads\n");
	ksft_test_result(!system("modprobe bsdtun") && driver_works(),
			 "a packet goes each way through a new interface\n");
	ksft_finished();
}
