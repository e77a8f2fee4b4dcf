// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Calls on an open file, but for ioctl(2). */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bsdtun.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ops.h"

#define SLOT_FD	200	/* the numbers of open files begin here, apart from all others */

static int slots[SLOTS];
static struct framing *slot_framing[SLOTS];	/* dup()s share it */
static struct framing framings[CALLS_MAX + 1];
static unsigned int files;

static int epoll_fd = -1;

int slot_fd(const struct call *call)
{
	return __atomic_load_n(&slots[call->arg[0]], __ATOMIC_RELAXED);
}

struct framing *framing_of(const struct call *call)
{
	static struct framing unknown;

	if (concurrent || !slot_framing[call->arg[0]]) {
		unknown.prefix = PREFIX_UNKNOWN;
		return &unknown;
	}
	return slot_framing[call->arg[0]];
}

static long slot_close(unsigned int i)
{
	int fd = __atomic_exchange_n(&slots[i], -1, __ATOMIC_RELAXED);

	slot_framing[i] = NULL;
	return close(fd) ? -errno : 0;
}

static void slot_put(unsigned int i, int fd, struct framing *framing)
{
	slot_close(i);
	__atomic_store_n(&slots[i], fd, __ATOMIC_RELAXED);
	slot_framing[i] = framing;
}

static const char *const node_words[] = {
	"bsdtun0", "bsdtun1", "bsdtun2", "bsdtun3", "bsdtun", "bsdtun7", "tun0", "tun", NULL
};

WORDS(node);
static const char *const open_flags_words[] = {
	"rw,nonblock", "rw", "r,nonblock", "w,nonblock", "rw,async", "path", "rw,trunc,append",
	"rw,direct", NULL
};

WORDS(open_flags);

const int open_errnos[] = { EBUSY, EEXIST, EPERM, EACCES, ENOENT, ENXIO, ENODEV, EINTR, 0 };

static long op_open(const struct call *call)
{
	static const int flags[] = {
		O_RDWR | O_NONBLOCK, O_RDWR, O_RDONLY | O_NONBLOCK, O_WRONLY | O_NONBLOCK,
		O_RDWR | O_ASYNC, O_PATH, O_RDWR | O_TRUNC | O_APPEND, O_RDWR | O_DIRECT,
	};
	char path[32];
	int fd, high, on;

	slot_close(call->arg[0]);
	snprintf(path, sizeof(path), "/dev/%s", node_words[call->arg[1]]);
	fd = open(path, flags[call->arg[2]] | O_CLOEXEC);
	/* What the kernel says of O_DIRECT once the driver has opened the file. */
	if (fd < 0 && errno == EINVAL && flags[call->arg[2]] & O_DIRECT)
		return 0;
	if (fd < 0)
		return -errno;
	high = fcntl(fd, F_DUPFD_CLOEXEC, SLOT_FD);
	close(fd);
	if (high < 0)
		return -errno;
	slot_put(call->arg[0], high, &framings[files++]);
	if (!ioctl(high, TUNGIFHEAD, &on))
		framing_of(call)->prefix = on ? PREFIX_AF : PREFIX_NONE;
	return 0;
}

static long op_close(const struct call *call)
{
	return slot_close(call->arg[0]);
}

static long op_dup(const struct call *call)
{
	int fd = fcntl(slot_fd(call), F_DUPFD_CLOEXEC, SLOT_FD);

	if (fd < 0)
		return -errno;
	if (call->arg[0] == call->arg[1])
		return close(fd);
	slot_put(call->arg[1], fd, slot_framing[call->arg[0]]);
	return 0;
}

/* Read */

static const char *const read_how_words[] = {
	"read", "readv", "nowait", "pread", "splice", "readv-none", NULL
};

WORDS(read_how);

enum read_how { READ, READV, READ_NOWAIT, PREAD, SPLICE_OUT, READV_NONE };

static const int read_errnos[] = {
	EAGAIN, EINTR, EIO, EFAULT, EBADF, EINVAL /* splice */, ESPIPE /* pread */,
	EOPNOTSUPP /* RWF_NOWAIT */, EMSGSIZE /* batch */, 0
};

static ssize_t read_by(enum read_how how, int fd, void *buf, size_t len)
{
	size_t a = len / 5, b = len / 2;
	struct iovec iov[] = {
		{ buf, a }, { buf, 0 }, { buf + a, b }, { buf + a + b, len - a - b },
	};
	int pipefd[2];
	ssize_t ret;

	switch (how) {
	case READ:
		return read(fd, buf, len);
	case READV:
		return readv(fd, iov, 4);
	case READ_NOWAIT:
		return preadv2(fd, iov, 4, -1, RWF_NOWAIT);
	case PREAD:
		return pread(fd, buf, len, 1);
	case READV_NONE:
		return readv(fd, iov, 0);
	default:
		if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK))
			return -1;
		ret = splice(fd, NULL, pipefd[1], NULL, len, SPLICE_F_NONBLOCK);
		close(pipefd[0]);
		close(pipefd[1]);
		return ret;
	}
}

/* No byte of a prefix may be anything but what the ABI says. */
static void check_prefix(enum prefix prefix, const unsigned char *buf, size_t len)
{
	const struct sockaddr_in6 *sin6 = (const void *)buf;
	const struct sockaddr_in *sin = (const void *)buf;
	uint32_t af;

	switch (prefix) {
	case PREFIX_AF:
		memcpy(&af, buf, sizeof(af));
		af = ntohl(af);
		if (len < 4 || af == AF_INET || af == AF_INET6 || af == AF_IPX ||
		    af == AF_APPLETALK)
			break;
		finding("read: address family %#x", af);
		break;
	case PREFIX_SOCKADDR:
		if (len < sizeof(*sin6))
			break;
		if (sin->sin_family == AF_INET) {
			if (sin->sin_port || !all_zero(sin->sin_zero, sizeof(sin->sin_zero)))
				finding("read: a sockaddr_in that is not clean");
		} else if (sin6->sin6_family != AF_INET6) {
			finding("read: a sockaddr of family %u", sin->sin_family);
		} else if (sin6->sin6_port || sin6->sin6_flowinfo ||
			   (sin6->sin6_scope_id && !IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr))) {
			finding("read: a sockaddr_in6 that is not clean");
		}
		break;
	default:
		break;
	}
}

/* Nor of a header. */
static void check_header(const struct framing *framing, const unsigned char *buf)
{
	const struct virtio_net_hdr *vnet = (const void *)buf;
	const struct tun_hdr *tun = (const void *)buf;

	if (!framing->vnet) {
		if (tun->th_flags & ~(TUN_H_TCP_CSUM | TUN_H_UDP_CSUM | TUN_H_TCP_MSS) ||
		    tun->th_pad || tun->th_vtag || !(tun->th_flags & TUN_H_TCP_MSS) != !tun->th_mss)
			finding("read: a tun_hdr that is not clean");
	} else if (vnet->flags & ~3 || (vnet->gso_type && !vnet->gso_size) ||
		   (framing->header == 12 && (buf[10] || buf[11]))) {
		finding("read: a virtio_net_hdr that is not clean");
	}
}

static void check_head(const struct framing *framing, const unsigned char *buf, size_t len)
{
	if (framing->prefix == PREFIX_UNKNOWN || framing->batch || len <= framing->header)
		return;
	if (framing->header)
		check_header(framing, buf);
	check_prefix(framing->prefix, buf + framing->header, len - framing->header);
}

static long op_read(const struct call *call)
{
	enum buffer kind = call->arg[2];
	enum read_how how = call->arg[3];
	size_t len = call->arg[1] % BUFFER_MAX;
	unsigned char *buf = buffer_at(kind, len);
	int next = 0, fd = slot_fd(call);
	ssize_t ret;

	if (can_be_written(kind)) {
		len = len > BUFFER_MAX - 2 * MARGIN ? BUFFER_MAX - 2 * MARGIN : len;
		canary_fill(buf, len);
	}
	if (concurrent || call->fail || ioctl(fd, FIONREAD, &next))
		next = 0;
	ret = read_by(how, fd, buf, len);
	if (ret < 0)
		ret = -errno;
	if (!can_be_written(kind) || call->fail)
		return ret;
	canary_check("read", buf, ret > 0 ? ret : 0, len);
	if (ret > 0)
		check_head(framing_of(call), buf, ret);
	if (next <= 0 || ret <= 0 || framing_of(call)->prefix == PREFIX_UNKNOWN)
		return ret;
	/* Of a batch what fits in, and what has come since. */
	if (framing_of(call)->batch ? ret < next && (ssize_t)len >= next :
	    ret != (next < (ssize_t)len ? next : (ssize_t)len))
		finding("read returned %zd where FIONREAD said %d and %zu bytes were asked for",
			ret, next, len);
	return ret;
}

/* Write */

static const char *const packet_words[] = {
	"udp4", "udp6", "echo4", "echo6", "data", "zeros", "tcp4", NULL
};

WORDS(packet);

/* Those that ask for something do it for UDP over IPv4. */
static const char *const header_words[] = {
	"no-header", "tun", "tun-csum", "tun-mss", "vnet10", "vnet12", "vnet-csum", "vnet-gso",
	"random10", "batch", "batch-few", "batch-vnet", NULL
};

WORDS(header);

#define FEW	5	/* frames of those */

static const char *const prefix_words[] = {
	"bare", "af", "openbsd6", "freebsd6", "macos6", "ipx", "appletalk", "unknown", "short",
	"sockaddr", NULL
};

WORDS(prefix);
static const char *const write_how_words[] = {
	"write", "writev", "nowait", "pwrite", "splice", "writev-none", NULL
};

WORDS(write_how);

enum write_how { WRITE, WRITEV, WRITE_NOWAIT, PWRITE, SPLICE_IN, WRITEV_NONE };

static const int write_errnos[] = {
	EIO, EFAULT, EAFNOSUPPORT, EBADF, ENOBUFS, EINTR, EINVAL /* splice */, ESPIPE /* pwrite */,
	EOPNOTSUPP /* RWF_NOWAIT */, EAGAIN /* splice */, 0
};

static size_t build_packet(const struct call *call, unsigned char *packet, unsigned int nth)
{
	unsigned char payload[256];
	unsigned int i;
	size_t len;

	pattern(payload, sizeof(payload));
	switch (call->arg[1]) {
	case 0:
		len = build_udp(AF_INET, packet, payload, sizeof(payload));
		break;
	case 1:
		len = build_udp(AF_INET6, packet, payload, sizeof(payload));
		break;
	case 2:
		len = build_echo(AF_INET, packet, 56);
		break;
	case 3:
		len = build_echo(AF_INET6, packet, 56);
		break;
	case 4:
		memcpy(packet, call->data, call->len);
		return call->len;
	case 6:
		len = build_tcp(packet, 1 + nth * 256, 256);
		break;
	default:
		return 0;
	}
	for (i = 0; i + 1 < call->len; i += 2)
		packet[call->data[i] % 64] = call->data[i + 1];
	return len;
}

static size_t build_header(const struct call *call, unsigned char *buf)
{
	static const struct tun_hdr tun[] = {
		{}, { .th_flags = TUN_H_UDP_CSUM | TUN_H_IPV4_CSUM },
		{ .th_flags = TUN_H_TCP_MSS, .th_mss = 64 },
	};
	struct virtio_net_hdr vnet = {};
	unsigned int i;

	switch (call->arg[2]) {
	case 0:
		return 0;
	case 1:
	case 2:
	case 3:
		memcpy(buf, &tun[call->arg[2] - 1], sizeof(*tun));
		return sizeof(*tun);
	case 6:
	case 7:
		if (call->arg[2] == 7) {
			vnet.gso_type = 5;	/* UDP; the headers of Debian 12 do not name it */
			vnet.gso_size = 64;
			vnet.hdr_len = UDP4_HEADERS;
		}
		vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vnet.csum_start = 20;
		vnet.csum_offset = 6;
		break;
	case 8:
		for (i = 0; i < sizeof(vnet) && i < call->len; i++)
			((unsigned char *)&vnet)[i] = call->data[call->len - 1 - i];
		break;
	}
	memset(buf, 0, sizeof(struct tun_batch_hdr) + HEADER_MAX);
	if (call->arg[2] >= 9)
		return sizeof(struct tun_batch_hdr) + (call->arg[2] == 11 ? sizeof(vnet) : 0);
	memcpy(buf, &vnet, sizeof(vnet));
	return call->arg[2] == 5 ? HEADER_MAX : sizeof(vnet);
}

static size_t build_prefix(const struct call *call, unsigned char *buf)
{
	static const uint32_t afs[] = { 0, AF_INET, 24, 28, 30, AF_IPX, AF_APPLETALK, 99, 2 };
	uint32_t af = afs[call->arg[3] % 9];

	switch (call->arg[3]) {
	case 0:
		return 0;
	case 1:
		if (call->arg[1] % 2)
			af = AF_INET6;
		break;
	case 8:
		memset(buf, 0, 2);
		return 2;
	case 9:
		memset(buf, 0, sizeof(struct sockaddr_in));
		*(sa_family_t *)buf = AF_INET;
		return sizeof(struct sockaddr_in);
	}
	af = htonl(af);
	memcpy(buf, &af, sizeof(af));
	return sizeof(af);
}

static ssize_t write_by(enum write_how how, int fd, void *buf, size_t len)
{
	size_t a = len / 7, b = len / 3;
	struct iovec iov[] = {
		{ buf, a }, { buf, 0 }, { buf + a, b }, { buf + a + b, len - a - b },
	};
	int pipefd[2];
	ssize_t ret;

	switch (how) {
	case WRITE:
		return write(fd, buf, len);
	case WRITEV:
		return writev(fd, iov, 4);
	case WRITE_NOWAIT:
		return pwritev2(fd, iov, 4, -1, RWF_NOWAIT);
	case PWRITE:
		return pwrite(fd, buf, len, 1);
	case WRITEV_NONE:
		return writev(fd, iov, 0);
	default:
		if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK))
			return -1;
		ret = write(pipefd[1], buf, len);
		if (ret >= 0)
			ret = splice(pipefd[0], NULL, fd, NULL, len, SPLICE_F_NONBLOCK);
		close(pipefd[0]);
		close(pipefd[1]);
		return ret;
	}
}

static ssize_t write_limit(const struct framing *framing)
{
	if (framing->batch)
		return BUFFER_MAX;
	switch (framing->prefix) {
	case PREFIX_NONE:
	case PREFIX_SOCKADDR:
		return framing->header + TUNMRU;
	case PREFIX_AF:
		return framing->header + AF_WORD + TUNMRU;
	default:
		return BUFFER_MAX;	/* a batch, for all that is known */
	}
}

static long op_write(const struct call *call)
{
	enum buffer kind = call->arg[5];
	unsigned char *start = buffer_at(GOOD, 0), *buf;
	size_t at, len = 0, total = call->arg[4] % BUFFER_MAX;
	unsigned int i, frames = call->arg[2] >= 10 ? FEW : 1;
	ssize_t ret;

	for (i = 0; i < frames; i++) {
		at = batch_aligned(len);
		memset(start + len, 0, at - len);
		len = at + build_header(call, start + at);
		len += build_prefix(call, start + len);
		len += build_packet(call, start + len, i);
		if (call->arg[2] >= 9)
			((struct tun_batch_hdr *)(start + at))->len =
				len - at - sizeof(struct tun_batch_hdr);
	}
	if (total) {
		if (total > len)
			memset(start + len, 0, total - len);
		len = total;
	}
	buf = buffer_at(kind, len);
	if (kind == ODD)
		memmove(buf, start, len < BUFFER_MAX ? len : BUFFER_MAX - 1);
	else if (kind == HALF)
		memmove(buf, start, len / 2);
	ret = write_by(call->arg[6], slot_fd(call), buf, len);
	if (ret < 0) {
		/* The length comes before all that is looked at in a packet. */
		if (errno == EAFNOSUPPORT && framing_of(call)->prefix != PREFIX_UNKNOWN &&
		    !framing_of(call)->batch && len > HEADER_MAX + AF_WORD + TUNMRU)
			finding("write of %zu bytes: %s", len, strerror(EAFNOSUPPORT));
		return -errno;
	}
	/* Of a batch that many frames may have been taken. */
	if (ret && ret != (ssize_t)len && call->arg[6] != SPLICE_IN &&
	    framing_of(call)->prefix != PREFIX_UNKNOWN && !framing_of(call)->batch)
		finding("write of %zu bytes returned %zd", len, ret);
	if (ret > write_limit(framing_of(call)))
		finding("write of %zd bytes succeeded", ret);
	return ret;
}

/* Poll */

static const char *const epoll_how_words[] = {
	"add", "edge", "exclusive", "remove", "wait", NULL
};

WORDS(epoll_how);

static const int poll_errnos[] = { EBADF, EFAULT, EINTR, 0 };

static long op_poll(const struct call *call)
{
	struct pollfd pfd = { .fd = slot_fd(call), .events = call->arg[1] };

	return poll(&pfd, 1, call->arg[2]) < 0 ? -errno : pfd.revents;
}

static const int epoll_errnos[] = { EBADF, EEXIST, ENOENT, EINTR, EPERM /* O_PATH */, 0 };

static long op_epoll(const struct call *call)
{
	static const uint32_t events[] = { EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLET,
					   EPOLLIN | EPOLLEXCLUSIVE };
	struct epoll_event event = { .events = EPOLLIN };
	int ret;

	if (epoll_fd < 0)
		epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	switch (call->arg[1]) {
	case 3:
		ret = epoll_ctl(epoll_fd, EPOLL_CTL_DEL, slot_fd(call), NULL);
		break;
	case 4:
		ret = epoll_wait(epoll_fd, &event, 1, 5);
		break;
	default:
		event.events = events[call->arg[1]];
		ret = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, slot_fd(call), &event);
		break;
	}
	return ret < 0 ? -errno : ret;
}

/* Whom SIGIO goes to is in this session, or nobody. */
static const char *const fcntl_how_words[] = {
	"nonblock", "block", "async", "append", "owner-self", "owner-group", "owner-none",
	"owner-thread", "get-owner", "get-owner-ex", "signal", "get-flags", "lease", "pipe-size",
	NULL
};

WORDS(fcntl_how);

static const int fcntl_errnos[] = { EBADF, EINVAL, EAGAIN, EPERM, EACCES, 0 };

static long op_fcntl(const struct call *call)
{
	struct f_owner_ex owner = { .type = F_OWNER_TID, .pid = gettid() };
	int fd = slot_fd(call), ret;

	switch (call->arg[1]) {
	case 0:
		ret = fcntl(fd, F_SETFL, O_NONBLOCK);
		break;
	case 1:
		ret = fcntl(fd, F_SETFL, 0);
		break;
	case 2:
		ret = fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC);
		break;
	case 3:
		ret = fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND);
		break;
	case 4:
		ret = fcntl(fd, F_SETOWN, getpid());
		break;
	case 5:
		ret = fcntl(fd, F_SETOWN, -getpgrp());
		break;
	case 6:
		ret = fcntl(fd, F_SETOWN, 0);
		break;
	case 7:
		ret = fcntl(fd, F_SETOWN_EX, &owner);
		break;
	case 8:
		ret = fcntl(fd, F_GETOWN);
		break;
	case 9:
		ret = fcntl(fd, F_GETOWN_EX, &owner);
		break;
	case 10:
		ret = fcntl(fd, F_SETSIG, SIGRTMIN);
		break;
	case 11:
		ret = fcntl(fd, F_GETFL);
		break;
	case 12:
		ret = fcntl(fd, F_SETLEASE, F_RDLCK);
		break;
	default:
		ret = fcntl(fd, F_SETPIPE_SZ, 4096);
		break;
	}
	/* The number of a process group is returned as it is, and -1 is no error then. */
	return ret == -1 && call->arg[1] != 8 ? -errno : 0;
}

static const char *const misc_how_words[] = {
	"mmap", "lseek", "fsync", "fstat", "ftruncate", "fadvise", "flock", "fdinfo", NULL
};

WORDS(misc_how);

static long op_misc(const struct call *call)
{
	int fd = slot_fd(call);
	char buf[256];
	void *area;

	switch (call->arg[1]) {
	case 0:
		area = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		if (area != MAP_FAILED)
			finding("mmap of the device succeeded");
		break;
	case 1:
		lseek(fd, 1, SEEK_SET);
		break;
	case 2:
		fsync(fd);
		break;
	case 3:
		lseek(fd, 0, SEEK_END);
		break;
	case 4:
		if (!ftruncate(fd, 1))
			finding("ftruncate of the device succeeded");
		break;
	case 5:
		posix_fadvise(fd, 0, 1, POSIX_FADV_WILLNEED);
		break;
	case 6:
		lockf(fd, F_TEST, 1);
		break;
	default:
		snprintf(buf, sizeof(buf), "/proc/self/fdinfo/%d", fd);
		if (fd >= 0 && !call->fail && !access(buf, R_OK))
			file_read(buf, buf, sizeof(buf));
		break;
	}
	return 0;
}

void slots_init(void)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		slots[i] = -1;
}

void slots_close(void)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		slot_close(i);
}

const struct op file_ops[] = {
	{ "open", 10, false, op_open, open_errnos, { &slot, &node, &open_flags } },
	{ "close", 5, false, op_close, no_errnos, { &slot } },
	{ "dup", 2, false, op_dup, no_errnos, { &slot, &slot } },
	{ "read", 14, false, op_read, read_errnos, { &slot, &number, &buffer, &read_how } },
	{ "write", 18, true, op_write, write_errnos,
	  { &slot, &packet, &header, &prefix, &number, &buffer, &write_how } },
	{ "poll", 3, false, op_poll, poll_errnos, { &slot, &bits, &small } },
	{ "epoll", 3, false, op_epoll, epoll_errnos, { &slot, &epoll_how } },
	{ "fcntl", 4, false, op_fcntl, fcntl_errnos, { &slot, &fcntl_how } },
	{ "misc", 1, false, op_misc, no_errnos, { &slot, &misc_how } },
	{ NULL }
};
