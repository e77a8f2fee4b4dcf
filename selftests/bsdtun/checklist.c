// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Bugs of other tunnel drivers, one case each, which does what brought the bug to
 * light there. What happened there stands in Documentation/checklist.md; a crash,
 * a leak or a wrong lock order shows in the kernel's log, and most of them only
 * on a kernel that looks for them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/bsdtun.h>
#include <linux/errqueue.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>

#include "kselftest_harness.h"
#include "uring.h"
#include "util.h"

#define OTHER		"bsdtun1"
#define LONGEST		65535		/* packet that write takes */
#define ROUNDS		10
#define RING		4		/* packets that a short ring holds */

static bool idle(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return !poll(&pfd, 1, 0);
}

/* A packet that we write arrives at the socket, and one from there is read. */
static bool works(int fd, int sock)
{
	unsigned char packet[128], payload[8];
	size_t len = build_udp(AF_INET, packet, "healthy", 8);

	while (recv(sock, payload, sizeof(payload), MSG_DONTWAIT) >= 0)
		;
	if (write(fd, packet, len) != (ssize_t)len ||
	    recv(sock, payload, sizeof(payload), 0) != 8 || memcmp(payload, "healthy", 8))
		return false;
	send_numbers(sock, 4711, 1);
	return wait_number(fd, 0) == 4711;
}

/* A second process that does something again and again, and how often it has. */
static struct {
	atomic_int done;
} *rounds;

static pid_t rival_start(void (*round)(void))
{
	pid_t pid;

	rounds = mmap(NULL, sizeof(*rounds), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (rounds == MAP_FAILED)
		return -1;
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		round();
		atomic_fetch_add(&rounds->done, 1);
	}
}

static void rival_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* rtnetlink for what no helper in util.h asks. */
static char request_buf[8192];

static struct nlmsghdr *link_request(int type, int flags, int index)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(request_buf);
	struct ifinfomsg *ifi;

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));
	ifi->ifi_index = index;
	return request;
}

static struct nlmsghdr *add_request(int index)
{
	struct nlmsghdr *request = link_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, index);
	struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO);

	mnl_attr_put_strz(request, IFLA_INFO_KIND, "bsdtun");
	mnl_attr_nest_end(request, info);
	return request;
}

/* Sends one or more messages, and returns the first error that comes back. */
static int talk(int bus, const void *request, size_t len, int acks)
{
	struct mnl_socket *nl = mnl_socket_open(bus);
	char buf[8192];
	const struct nlmsghdr *answer = (void *)buf;
	const struct nlmsgerr *error;
	int ret = 0;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_sendto(nl, request, len) < 0)
		return -errno;
	while (acks-- && !ret) {
		if (mnl_socket_recvfrom(nl, buf, sizeof(buf)) < 0)
			return -errno;
		error = mnl_nlmsg_get_payload(answer);
		ret = answer->nlmsg_type == NLMSG_ERROR ? error->error : -EPROTO;
	}
	mnl_socket_close(nl);
	return ret;
}

static int link_talk(const struct nlmsghdr *request)
{
	return talk(NETLINK_ROUTE, request, request->nlmsg_len, 1);
}

/* Generic XDP: a program that ends with an action, or sends on to an interface. */
static int bpf_load(const struct bpf_insn *insns, int count)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)insns,
		.insn_cnt = count,
		.license = (uintptr_t)"GPL",
	};

	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int xdp_program(int action)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = action },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_load(insns, ARRAY_SIZE(insns));
}

static int xdp_redirect_program(const char *dev)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = link_index(dev) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_load(insns, ARRAY_SIZE(insns));
}

/* Makes any packet of 28 bytes or more this one, as far as addresses and checksums go. */
static int xdp_readdress_program(const void *packet)
{
	const struct iphdr *ip = packet;
	const struct udphdr *udp = packet + sizeof(*ip);
	const struct bpf_insn insns[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1,
		  .off = offsetof(struct xdp_md, data) },
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 3, .src_reg = 1,
		  .off = offsetof(struct xdp_md, data_end) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 4, .src_reg = 2 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 4, .imm = UDP4_HEADERS },
		{ .code = BPF_JMP | BPF_JGT | BPF_X, .dst_reg = 4, .src_reg = 3, .off = 3 },
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 2, .imm = ip->daddr,
		  .off = offsetof(struct iphdr, daddr) },
		{ .code = BPF_ST | BPF_MEM | BPF_H, .dst_reg = 2, .imm = ip->check,
		  .off = offsetof(struct iphdr, check) },
		{ .code = BPF_ST | BPF_MEM | BPF_H, .dst_reg = 2, .imm = udp->check,
		  .off = sizeof(*ip) + offsetof(struct udphdr, check) },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_load(insns, ARRAY_SIZE(insns));
}

/* Cuts so many bytes off, at the head or, if it is less than 0, at the tail, and sends it. */
static int xdp_cut_program(int bytes)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = bytes },
		{ .code = BPF_JMP | BPF_CALL,
		  .imm = bytes < 0 ? BPF_FUNC_xdp_adjust_tail : BPF_FUNC_xdp_adjust_head },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_TX },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_load(insns, ARRAY_SIZE(insns));
}

static int xdp_attach(const char *dev, int prog)
{
	struct nlmsghdr *request = link_request(RTM_SETLINK, 0, link_index(dev));
	struct nlattr *xdp = mnl_attr_nest_start(request, IFLA_XDP);

	mnl_attr_put_u32(request, IFLA_XDP_FD, prog);
	mnl_attr_put_u32(request, IFLA_XDP_FLAGS, XDP_FLAGS_SKB_MODE);
	mnl_attr_nest_end(request, xdp);
	return link_talk(request);
}

FIXTURE(checklist)
{
	int fd;
	int sock;
	int other_fd;	/* of unit 1, in a case that opens it */
};

FIXTURE_SETUP(checklist)
{
	machine_setup(&self->fd, &self->sock);
	self->other_fd = -1;
}

FIXTURE_TEARDOWN(checklist)
{
	link_del(DEV);
	link_del(OTHER);
}

/* Everything that can be done to a file, when its interface is no more and when
 * there is another one in its place.
 */
TEST_F(checklist, cve_2009_1897_poll_without_device)
{
	static const unsigned long requests[] = {
		TUNSDEBUG, TUNGDEBUG, TUNSIFINFO, TUNGIFINFO, TUNSIFINFO_OPENBSD,
		TUNGIFINFO_OPENBSD, TUNSLMODE, TUNSIFMODE, TUNSIFPID, TUNSIFHEAD, TUNGIFHEAD,
		TUNSTRANSIENT, TUNGTRANSIENT, TUNSCAP, TUNGCAP, TUNDCAP, TUNSVNETHDR, TUNGVNETHDR,
		TUNSBATCH, TUNGBATCH, FIONREAD, FIOSETOWN, FIOGETOWN
	};
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC), again, other = -1;
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN | POLLOUT };
	unsigned char buf[128];
	char path[64], text[512];
	size_t i;

	send_numbers(self->sock, 0, 10);
	ASSERT_EQ(0, link_del(DEV));
	for (again = 0; again < 2; again++) {
		ASSERT_EQ(1, poll(&pfd, 1, 0));
		EXPECT_EQ(POLLERR | POLLHUP, pfd.revents);
		EXPECT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, 0));
		EXPECT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_DEL, self->fd, &event));
		EXPECT_EQ(-EIO, read_number(self->fd, 0));
		memset(buf, 0x45, sizeof(buf));
		EXPECT_EQ(-1, write(self->fd, buf, sizeof(buf)));
		EXPECT_EQ(EIO, errno);
		for (i = 0; i < ARRAY_SIZE(requests); i++) {
			EXPECT_EQ(-1, ioctl(self->fd, requests[i], buf));
			EXPECT_EQ(EIO, errno) TH_LOG("ioctl %#lx", requests[i]);
		}
		EXPECT_EQ(-1, ioctl(self->fd, TUNGIFNAME, buf));
		EXPECT_EQ(ENXIO, errno);
		EXPECT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK | O_ASYNC));
		EXPECT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
		file_read(path, text, sizeof(text));
		if (again)
			break;
		other = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, other);
	}
	EXPECT_EQ(-EAGAIN, read_number(other, 0));
	EXPECT_EQ(0, counter(DEV, "rx_errors_family"));
}

static bool all_zero(const void *buf, size_t len)
{
	const unsigned char *byte = buf;

	while (len && !*byte) {
		byte++;
		len--;
	}
	return !len;
}

/* The bytes that nobody sets: padding, the rest of a name, unused members. */
TEST_F(checklist, cve_2012_6547_stack_bytes_in_structs)
{
	static const int patterns[] = { 0x00, 0xa5, 0xff };
	struct tuninfo_openbsd openbsd;
	struct sockaddr_in sin;
	unsigned char buf[256];
	struct tuninfo info;
	struct ifreq ifr;
	size_t i;

	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		memset(&info, patterns[i], sizeof(info));
		ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO, &info));
		EXPECT_EQ(0, info.dummy);
		EXPECT_EQ(0, info.baudrate);

		memset(&openbsd, patterns[i], sizeof(openbsd));
		ASSERT_EQ(0, ioctl(self->fd, TUNGIFINFO_OPENBSD, &openbsd));
		EXPECT_EQ(IFF_POINTOPOINT | IFF_MULTICAST, openbsd.flags);
		EXPECT_EQ(0u, openbsd.baudrate);

		memset(&ifr, patterns[i], sizeof(ifr));
		memset(buf, patterns[i], sizeof(buf));
		ASSERT_EQ(0, ioctl(self->fd, TUNGIFNAME, &ifr));
		EXPECT_TRUE(all_zero(ifr.ifr_name + strlen(DEV), IFNAMSIZ - strlen(DEV)));
		EXPECT_EQ(0, memcmp(buf, &ifr.ifr_ifru, sizeof(ifr.ifr_ifru)));

		send_numbers(self->sock, 7, 1);
		memset(buf, patterns[i], sizeof(buf));
		ASSERT_LT((ssize_t)sizeof(sin), read(self->fd, buf, sizeof(buf)));
		memcpy(&sin, buf, sizeof(sin));
		EXPECT_EQ(0, sin.sin_port);
		EXPECT_TRUE(all_zero(sin.sin_zero, sizeof(sin.sin_zero)));
	}
}

static int interfaces(void)
{
	struct if_nameindex *list = if_nameindex();
	int count = 0;

	while (list[count].if_index)
		count++;
	if_freenameindex(list);
	return count;
}

static int add_named(const char *name, size_t len)
{
	struct nlmsghdr *request = add_request(0);

	mnl_attr_put(request, IFLA_IFNAME, len, name);
	return link_talk(request);
}

static int rename_to(const char *name, size_t len)
{
	struct nlmsghdr *request = link_request(RTM_NEWLINK, 0, link_index(DEV));

	mnl_attr_put(request, IFLA_IFNAME, len, name);
	return link_talk(request);
}

TEST_F(checklist, cve_2018_7191_bad_interface_names)
{
	static const char *const bad[] = {
		"a/b", "/", ".", "..", "a:b", "a b", "a\tb", "%d%d", "%s", "bsdtun%d%d", "bsdtun%s",
		"bsdtun%", "sixteen_letters_", "far_too_many_letters_for_a_name"
	};
	int before = interfaces();
	size_t i, end;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		/* Without and with the byte that ends it */
		for (end = 0; end < 2; end++) {
			EXPECT_GT(0, add_named(bad[i], strlen(bad[i]) + end)) TH_LOG("%s", bad[i]);
			EXPECT_GT(0, rename_to(bad[i], strlen(bad[i]) + end)) TH_LOG("%s", bad[i]);
		}
	}
	EXPECT_EQ(before, interfaces());
	EXPECT_NE(0, link_index(DEV));
	/* Some kernels take no name for the wish for any. */
	EXPECT_EQ(!add_named("", 1), !!link_index(OTHER));
}

/* register_netdevice() fails as late as it can: IPv4 has no place in /proc/sys
 * for interfaces of these names, and says so when it is told of the new one.
 */
TEST_F(checklist, cve_2022_4744_register_netdevice_fails)
{
	static const char *const vetoed[] = { "all", "default" };
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(-EINVAL, link_add(vetoed[i % 2], "bsdtun", 1 + i % 4));
		ASSERT_EQ(0, link_index(vetoed[i % 2]));
	}
	/* One that is down: 6.1 renames no other. */
	ASSERT_EQ(0, link_add(OTHER, "bsdtun", 1));
	ASSERT_EQ(-EINVAL, link_rename(OTHER, "all"));
	EXPECT_NE(0, link_index(OTHER));

	/* And early: the name is taken. */
	ASSERT_EQ(0, link_rename(OTHER, "bsdtun2"));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(-1, unit_open(2, O_RDWR));
		ASSERT_EQ(EEXIST, errno);
	}
	ASSERT_EQ(0, link_del("bsdtun2"));
	EXPECT_EQ(0, link_add("bsdtun2", "bsdtun", 1));
	EXPECT_EQ(0, link_del("bsdtun2"));
	EXPECT_TRUE(works(self->fd, self->sock));
}

static void add_vetoed(void)
{
	link_add("all", "bsdtun", 1);
}

/* What fails to be registered is of the very unit that is being opened. */
TEST_F(checklist, bug_file_published_before_register_fails)
{
	pid_t rival;
	int fd, i;

	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	rival = rival_start(add_vetoed);
	for (i = 0; i < ROUNDS || rounds->done < ROUNDS; i++) {
		fd = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fd) TH_LOG("round %d: %s", i, strerror(errno));
		ASSERT_NE(0, link_index(DEV));
		ASSERT_EQ(-EAGAIN, read_number(fd, 0));
		close(fd);
		ASSERT_EQ(0, link_del(DEV));
	}
	rival_stop(rival);
}

/* Whoever looks at the interface as it goes: rtnetlink, sysfs, proc. */
static void look_at_interface(void)
{
	static const char *const files[] = {
		"/sys/class/net/" DEV "/bsdtun/opens", "/sys/class/net/" DEV "/bsdtun/pid",
		"/sys/class/net/" DEV "/mtu", "/proc/self/net/dev"
	};
	char buf[4096];
	struct link link;
	size_t i;
	int fd;

	link_get(DEV, &link);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		fd = open(files[i], O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
			lseek(fd, 0, SEEK_SET);
		close(fd);
	}
}

static bool told_of_deletion(struct mnl_socket *monitor, int index)
{
	struct pollfd pfd = { .fd = mnl_socket_get_fd(monitor), .events = POLLIN };
	const struct ifinfomsg *ifi;
	struct nlmsghdr *msg;
	char buf[16384];
	int len;

	while (poll(&pfd, 1, PATIENCE) == 1) {
		len = mnl_socket_recvfrom(monitor, buf, sizeof(buf));
		for (msg = (void *)buf; mnl_nlmsg_ok(msg, len); msg = mnl_nlmsg_next(msg, &len)) {
			ifi = mnl_nlmsg_get_payload(msg);
			if (msg->nlmsg_type == RTM_DELLINK && ifi->ifi_index == index)
				return true;
		}
	}
	return false;
}

TEST_F(checklist, cve_2022_49014_last_close_while_notifiers_run)
{
	struct mnl_socket *monitor;
	int fd, packets, index, i;
	char byte;
	pid_t rival;

	sysfs_mount();
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	monitor = mnl_socket_open(NETLINK_ROUTE);
	ASSERT_EQ(0, mnl_socket_bind(monitor, RTMGRP_LINK, MNL_SOCKET_AUTOPID));
	rival = rival_start(look_at_interface);
	for (i = 0; i < ROUNDS / 2 || !rounds->done; i++) {
		fd = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, set(fd, TUNSTRANSIENT, 1));
		ASSERT_EQ(0, link_up(DEV));
		index = link_index(DEV);
		packets = packet_socket(DEV);
		ASSERT_EQ(0, close(fd));
		EXPECT_EQ(0, link_index(DEV));
		EXPECT_TRUE(told_of_deletion(monitor, index));
		EXPECT_EQ(-1, recv(packets, &byte, 1, MSG_DONTWAIT));
		EXPECT_EQ(ENETDOWN, errno);
		close(packets);
	}
	rival_stop(rival);
	mnl_socket_close(monitor);
}

/* The only file of the interface is in a message when its namespace ends. */
TEST_F(checklist, bug_netns_exit_while_file_is_in_flight)
{
	struct pollfd pfd = { .events = POLLIN };
	int ends[2], fd, taken;
	pid_t pid;

	for (taken = 0; taken < 2; taken++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
		pid = fork();
		if (!pid) {
			netns_enter();
			fd = unit_take(1, O_RDWR | O_NONBLOCK);
			link_up(OTHER);
			file_send(ends[1], fd);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		if (taken) {
			fd = file_receive(ends[0]);
			ASSERT_LE(0, fd);
			pfd.fd = fd;
			pfd.events = 0;
			EXPECT_EQ(1, poll(&pfd, 1, PATIENCE));
			EXPECT_EQ(POLLERR | POLLHUP, pfd.revents);
			EXPECT_EQ(-EIO, read_number(fd, 0));
			EXPECT_EQ(-EIO, set(fd, TUNSIFHEAD, 1));
			close(fd);
		}
		close(ends[0]);
		close(ends[1]);
	}
	/* Nobody holds it any more. */
	close(unit_take(1, O_RDWR));
}

static ssize_t read_a_number(int fd, void *buf, size_t len)
{
	(void)buf;
	(void)len;
	return read_number(fd, 0);
}

static int netns_open(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Moves DEV to a new namespace, and us after it; its addresses stay behind. */
static int move_on(void)
{
	int here = netns_open(), there, ret;

	netns_enter();
	there = netns_open();
	ret = setns(here, CLONE_NEWNET) ?: link_move(DEV, there) ?: setns(there, CLONE_NEWNET) ?:
	      addr_add(DEV, HERE4, NULL, 24) ?: link_up(DEV);
	close(here);
	close(there);
	return ret;
}

TEST_F(checklist, bug_netns_move_under_a_reader)
{
	struct sleeper reader;
	struct result result;
	int i;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR));
	for (i = 0; i < 3; i++) {
		sleeper_start(&reader, read_a_number, self->fd);
		close(self->sock);
		ASSERT_EQ(0, move_on());
		EXPECT_FALSE(sleeper_done(&reader, 0));
		self->sock = udp_socket(AF_INET);
		send_numbers(self->sock, i, 1);
		sleeper_result(&reader, &result);
		EXPECT_EQ(i, result.ret);
	}
}

/* A batch of TCP goes through NAPI, which the interface has once a batch was asked for. */
static bool write_segments(int fd)
{
	static struct tun_batch_hdr batch[1024];
	size_t len = build_tcp_batch(batch, 8, 500);

	return write(fd, batch, len) == (ssize_t)len;
}

/* Flows to both queues, as long as there is an interface */
static void send_flows(void)
{
	struct sockaddr_in there = { .sin_family = AF_INET };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), i;

	inet_pton(AF_INET, THERE4, &there.sin_addr);
	for (i = 0; i < 16; i++) {
		there.sin_port = htons(PORT + i);
		sendto(sock, &i, sizeof(i), MSG_DONTWAIT, (void *)&there, sizeof(there));
	}
	close(sock);
}

TEST_F(checklist, bug_napi_detach_in_every_order)
{
	static const char orders[][4] = { "01d", "0d1", "10d", "1d0", "d01", "d10" };
	int fds[2], i, step, on = 1;
	pid_t rival;
	long number;

	ASSERT_EQ(0, link_del(DEV));
	rival = rival_start(send_flows);
	for (i = 0; i < (int)ARRAY_SIZE(orders); i++) {
		ASSERT_EQ(0, link_add(DEV, "bsdtun", 2)) TH_LOG("order %s", orders[i]);
		for (step = 0; step < 2; step++) {
			fds[step] = unit_open(0, O_RDWR | O_NONBLOCK);
			ASSERT_LE(0, fds[step]);
		}
		ASSERT_EQ(0, addr_add(DEV, HERE4, NULL, 24));
		ASSERT_EQ(0, link_set_txqlen(DEV, 1 + i));
		ASSERT_EQ(0, link_up(DEV));
		number = wait_number(fds[i % 2], 0);
		EXPECT_TRUE(number >= 0 || number == -EBADMSG) TH_LOG("%ld", number);
		for (step = 0; step < 2; step++) {
			ASSERT_EQ(0, ioctl(fds[step], TUNSBATCH, &on));
			ASSERT_TRUE(write_segments(fds[step]));
		}
		for (step = 0; step < 3; step++) {
			EXPECT_EQ(0, orders[i][step] == 'd' ? link_del(DEV) :
						   close(fds[orders[i][step] - '0']));
			/* What is still open, and is or is not an interface's */
			write_segments(fds[0]);
			write_segments(fds[1]);
		}
	}
	rival_stop(rival);
}

/* Lengths about everything that a packet is cut by: the MTU, pages, the head of
 * an skb, the number of its fragments; each in so many pieces.
 */
static const int pieces[] = { 1, 2, 17, 18, 19, 46, 1024 };

/* writev() of a packet, in pieces, every second of which has no byte. */
static ssize_t write_pieces(int fd, void *packet, size_t len, int count)
{
	static struct iovec iov[1024];
	int i, full = count > 1 ? count / 2 : 1;
	size_t done = 0, part;

	for (i = 0; i < count; i++) {
		part = 0;
		if (i == 2 * full - 2 || count == 1)
			part = len - done;
		else if (i % 2 == 0 && i < 2 * full)
			part = len / full;
		iov[i].iov_base = packet + done;
		iov[i].iov_len = part;
		done += part;
	}
	return writev(fd, iov, count);
}

/* Returns the length that did not arrive as it was sent, or 0. */
static int length_sweep(int fd, int sock)
{
	static unsigned char packet[ROOM], payload[ROOM], got[ROOM];
	int len, header = UDP4_HEADERS;
	const int page = getpagesize();
	size_t i;

	pattern(payload, sizeof(payload));
	for (len = header; len <= LONGEST; len++) {
		build_udp(AF_INET, packet, payload, len - header);
		for (i = 0; i < ARRAY_SIZE(pieces); i++) {
			if (write_pieces(fd, packet, len, pieces[i]) != len ||
			    recv(sock, got, sizeof(got), 0) != len - header ||
			    memcmp(got, payload, len - header))
				return len;
		}
		/* Of those that no page begins or ends with, some will do. */
		if (len > 64 && (len + 4) % page > 8 && (len < page - 700 || len > page))
			len += page / 8 - 1 - (len + 4) % (page / 8);
	}
	for (len = LONGEST + 1; len <= ROOM; len++)
		if (write_pieces(fd, packet, len, 17) != -1 || errno != EIO)
			return len;
	return 0;
}

TEST_F(checklist, cve_2023_3812_lengths_and_iovecs)
{
	EXPECT_EQ(0, length_sweep(self->fd, self->sock));
	EXPECT_TRUE(works(self->fd, self->sock));
}

TEST_F(checklist, bug_build_skb_limit_with_xdp)
{
	ASSERT_EQ(0, xdp_attach(DEV, xdp_program(XDP_PASS)));
	EXPECT_EQ(0, length_sweep(self->fd, self->sock));
	EXPECT_TRUE(works(self->fd, self->sock));
}

/* The sum that was taken of the packet is not right any more: the kernel would tell. */
TEST_F(checklist, bug_xdp_rewrites_a_small_packet)
{
	unsigned char packet[128], got[64];
	struct iphdr *ip = (void *)packet;
	size_t len = build_udp(AF_INET, packet, "of 21 bytes, an odd 1", 21);

	ASSERT_EQ(0, xdp_attach(DEV, xdp_readdress_program(packet)));
	ip->daddr ^= htonl(0x00010203);
	ASSERT_EQ((ssize_t)len, write(self->fd, packet, len));
	ASSERT_EQ(21, recv(self->sock, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(got, packet + UDP4_HEADERS, 21));
	ASSERT_EQ(0, xdp_attach(DEV, -1));
	EXPECT_TRUE(works(self->fd, self->sock));
}

/* A packet may be a single byte here, as on the BSDs; whoever looks at it must
 * not look further.
 */
TEST_F(checklist, cve_2024_41090_short_frames)
{
	static const int lens[] = { 0, 1, 3, 4, 5, 19, 20, 23, 24, 39, 40, 43, 44 };
	static const int versions[] = { 0x45, 0x60 };
	int packets, af, xdp, version, refused = 0;
	unsigned char frame[64], seen[64];
	ssize_t expected;
	size_t i;

	packets = packet_socket(DEV);
	for (xdp = 0; xdp < 2; xdp++) {
		ASSERT_EQ(0, xdp && xdp_attach(DEV, xdp_program(XDP_PASS)));
		for (af = 0; af < 2; af++) {
			ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, af));
			for (i = 0; i < 2 * ARRAY_SIZE(lens); i++) {
				version = versions[i % 2];
				expected = lens[i / 2];
				memset(frame, version, sizeof(frame));
				if (af)
					memcpy(frame, version == 0x45 ? "\0\0\0\2" : "\0\0\0\12",
					       AF_WORD);
				if (af && expected && expected <= AF_WORD)
					expected = -1;
				ASSERT_EQ(expected, write(self->fd, frame, lens[i / 2]));
				if (expected < 0) {
					EXPECT_EQ(EIO, errno);
					refused++;
				}
				if (expected <= 0)
					continue;
				expected -= af * AF_WORD;
				ASSERT_EQ(expected, recv(packets, seen, sizeof(seen), MSG_TRUNC));
				EXPECT_EQ(0, memcmp(seen, frame + af * AF_WORD, expected));
			}
		}
	}
	EXPECT_EQ(refused, counter(DEV, "rx_errors_length"));
	ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
	EXPECT_TRUE(works(self->fd, self->sock));
}

/* 40 MB, if each refused write kept its packet. */
TEST_F(checklist, bug_df_0588_unknown_family_keeps_the_packet)
{
	static const int families[] = { AF_INET, AF_INET6, AF_IPX, AF_APPLETALK, 24, 28, 30 };
	unsigned char packet[8000] = "";
	int value, again, refused = 0;
	bool known;
	long before;
	size_t i;

	before = memory_in_use();
	for (again = 0; again < 16; again++) {
		ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 1));
		for (value = 0; value < 256; value++) {
			for (known = false, i = 0; i < ARRAY_SIZE(families); i++)
				known |= value == families[i];
			packet[3] = value;
			ASSERT_EQ(known ? (ssize_t)sizeof(packet) : -1,
				  write(self->fd, packet, sizeof(packet))) TH_LOG("AF %d", value);
			refused += !known;
		}
		ASSERT_EQ(0, set(self->fd, TUNSIFHEAD, 0));
		for (value = 0; value < 256; value++) {
			known = value >> 4 == 4 || value >> 4 == 6;
			packet[0] = value;
			ASSERT_EQ(known ? (ssize_t)sizeof(packet) : -1,
				  write(self->fd, packet, sizeof(packet))) TH_LOG("%#x", value);
			refused += !known;
		}
		packet[0] = 0;
	}
	EXPECT_EQ(refused, counter(DEV, "rx_errors_family"));
	EXPECT_LT(memory_in_use() - before, 20000);
}

#define ALICE		1000
#define BOB		1001
#define STAFF		2000
#define GUESTS		2001

static void attribute_set(const char *name, int value)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "/sys/class/net/" DEV "/bsdtun/%s", name);
	snprintf(text, sizeof(text), "%d", value);
	if (file_write(path, text))
		_exit(1);
}

/* What open(2) of unit 0 says to someone; 0 or an errno. */
static int open_as(int uid, int gid)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			_exit(255);
		_exit(unit_open(0, O_RDWR) < 0 ? errno : 0);
	}
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

TEST_F(checklist, cve_2026_99281_attach_to_what_nobody_owns)
{
	sysfs_mount();
	close(self->fd);
	ASSERT_EQ(0, chmod("/dev/" DEV, 0666));
	EXPECT_EQ(EPERM, open_as(ALICE, STAFF));
	/* It had an owner once. */
	attribute_set("owner", ALICE);
	EXPECT_EQ(0, open_as(ALICE, STAFF));
	attribute_set("owner", -1);
	EXPECT_EQ(EPERM, open_as(ALICE, STAFF));
	/* There is none to own. */
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(EPERM, open_as(ALICE, STAFF));
	chmod("/dev/" DEV, 0600);
	EXPECT_EQ(0, link_index(DEV));
}

TEST_F(checklist, bug_group_permission_reverted)
{
	sysfs_mount();
	close(self->fd);
	ASSERT_EQ(0, chmod("/dev/" DEV, 0666));
	attribute_set("group", STAFF);
	EXPECT_EQ(0, open_as(ALICE, STAFF));
	EXPECT_EQ(EPERM, open_as(ALICE, GUESTS));
	/* Of owner and group both, not either */
	attribute_set("owner", ALICE);
	EXPECT_EQ(0, open_as(ALICE, STAFF));
	EXPECT_EQ(EPERM, open_as(ALICE, GUESTS));
	EXPECT_EQ(EPERM, open_as(BOB, STAFF));
	attribute_set("group", -1);
	EXPECT_EQ(0, open_as(ALICE, GUESTS));
	EXPECT_EQ(EPERM, open_as(BOB, STAFF));
	chmod("/dev/" DEV, 0600);
}

/* Whatever is made of them, the device goes on. */
TEST_F(checklist, bug_negative_integers)
{
	static const unsigned long requests[] = {
		TUNSDEBUG, TUNSLMODE, TUNSIFMODE, TUNSIFHEAD, TUNSTRANSIENT, TUNSCAP, TUNSVNETHDR,
		TUNSBATCH, FIONBIO, FIOASYNC, FIOSETOWN, TIOCSPGRP
	};
	static const int values[] = { -1, INT_MIN, INT_MAX, 0x80000001, 1, 0 };
	struct tuninfo info = { .mtu = 1500, .type = BSDTUN_IFT_PPP };
	struct nlmsghdr *request;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		for (j = 0; j < ARRAY_SIZE(requests); j++)
			set(self->fd, requests[j], values[i]);
		info.baudrate = values[i];
		EXPECT_EQ(0, ioctl(self->fd, TUNSIFINFO, &info));
		if (values[i] < 0) {
			EXPECT_GT(0, link_set_mtu(DEV, values[i]));
			request = add_request(values[i]);
			mnl_attr_put_strz(request, IFLA_IFNAME, OTHER);
			EXPECT_GT(0, link_talk(request)) TH_LOG("ifindex %d", values[i]);
			EXPECT_GT(0, link_add(OTHER, "bsdtun", values[i]));
		}
	}
	ASSERT_EQ(0, set(self->fd, FIONBIO, 1));
	ASSERT_EQ(0, set(self->fd, TUNSDEBUG, 0));
	ASSERT_EQ(0, ioctl(self->fd, TUNDCAP));
	EXPECT_TRUE(works(self->fd, self->sock));
}

static const int txqueuelens[] = { 0, 1, 32767, 0x7fffffff, 2, -1 };

static void change_txqueuelen(void)
{
	link_set_txqlen(DEV, txqueuelens[rounds->done % ARRAY_SIZE(txqueuelens)]);
}

TEST_F(checklist, cve_2026_98022_huge_txqueuelen)
{
	struct nlmsghdr *request;
	long before, number;
	struct link link;
	int fd, refused;
	pid_t rival;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(txqueuelens); i++) {
		request = add_request(0);
		mnl_attr_put_strz(request, IFLA_IFNAME, OTHER);
		mnl_attr_put_u32(request, IFLA_TXQLEN, txqueuelens[i]);
		refused = link_talk(request);
		/* Some kernels refuse what is longer than 32,767. */
		if (refused == -ERANGE && (unsigned int)txqueuelens[i] > 32767)
			continue;
		ASSERT_EQ(0, refused);
		before = memory_in_use();
		fd = unit_open(1, O_RDWR);
		ASSERT_LE(0, fd);
		EXPECT_LT(memory_in_use() - before, 20000) TH_LOG("%d", txqueuelens[i]);
		ASSERT_EQ(0, link_get(OTHER, &link));
		EXPECT_EQ(txqueuelens[i], link.txqlen);
		close(fd);
		ASSERT_EQ(0, link_del(OTHER));
	}

	before = memory_in_use();
	/* The rival would have the file as well. */
	close(self->fd);
	rival = rival_start(change_txqueuelen);
	for (i = 0; i < ROUNDS || rounds->done < 3 * ROUNDS; i++) {
		self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, self->fd) TH_LOG("round %zu: %s", i, strerror(errno));
		ASSERT_EQ(0, link_up(DEV));
		send_numbers(self->sock, 0, 50);
		do {
			number = read_number(self->fd, 0);
			ASSERT_TRUE(number >= 0 || number == -EAGAIN);
		} while (number >= 0);
		close(self->fd);
	}
	rival_stop(rival);
	EXPECT_LT(memory_in_use() - before, 20000);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, link_up(DEV));
	EXPECT_TRUE(works(self->fd, self->sock));
}

/* Headers that the kernel's own helper would complain of */
TEST_F(checklist, cve_2024_27013_log_flood_by_headers)
{
	static unsigned char packet[sizeof(struct virtio_net_hdr) + LONGEST] = { 0 };
	struct virtio_net_hdr *header = (void *)packet;
	int i, kmsg = kmsg_open();

	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, sizeof(*header)));
	ASSERT_EQ(0, core_set("message_cost", "0"));
	packet[sizeof(*header)] = 0x45;
	*header = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_offset = 6 };
	for (i = 0; i < 500; i++) {
		/* An s390x has 32 bytes before a packet, others 64 and more. */
		header->csum_start = 65504 + i % 24;
		ASSERT_EQ(-1, write(self->fd, packet, sizeof(packet)));
		ASSERT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(0, kmsg_count(kmsg, "csum"));
	EXPECT_EQ(0, core_set("message_cost", "5"));
}

/*
 * Everything that fails as often as one likes, with all messages on; often enough,
 * too, that the guest sees what any of it leaks.
 */
TEST_F(checklist, cve_2024_27013_log_flood)
{
	static unsigned char bad[LONGEST + 1];
	int i, kmsg = kmsg_open(), on = 1;
	void *hole = before_hole(0);

	memset(bad, 0xff, sizeof(bad));
	ASSERT_EQ(0, ioctl(self->fd, TUNSDEBUG, &on));
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(-1, write(self->fd, bad, 100));
		ASSERT_EQ(-1, write(self->fd, bad, 10000));
		ASSERT_EQ(-1, write(self->fd, bad, sizeof(bad)));
		ASSERT_EQ(-1, write(self->fd, hole, 100));
		ASSERT_EQ(-1, write(self->fd, hole, 10000));
		send_numbers(self->sock, i, 1);
		ASSERT_EQ(-1, read(self->fd, hole, 100));
		ASSERT_EQ(-1, ioctl(self->fd, TUNSIFINFO, bad));
		ASSERT_EQ(-1, ioctl(self->fd, TUNSIFMODE, &on));
		ASSERT_EQ(-1, unit_open(0, O_RDWR));
	}
	ASSERT_EQ(0, set(self->fd, TUNSDEBUG, 0));
	/* Ten in five seconds, of several thousand */
	EXPECT_GE(1000, kmsg_count(kmsg, "bsdtun"));
}

/* The ways to lose packets; each returns how many. */
static int lose_no_reader(struct _test_data_checklist *self)
{
	unsigned char packet[128] = { 0x45 };
	int lost;

	/* The stack sends nothing without a carrier, but XDP does. */
	self->other_fd = unit_take(1, O_RDWR);
	if (link_up(OTHER) || xdp_attach(OTHER, xdp_redirect_program(DEV)))
		return -1;
	close(self->fd);
	link_up(DEV);
	lost = write(self->other_fd, packet, sizeof(packet)) == sizeof(packet);
	self->fd = unit_open(0, O_RDWR | O_NONBLOCK);
	/* What is up when its carrier comes begins to send when linkwatch gets to it, in a
	 * second or so.
	 */
	return link_down(DEV) || link_up(DEV) ? -1 : lost;
}

static int lose_family(struct _test_data_checklist *self)
{
	unsigned char packet[128] = { 0x60 };
	int packets = packet_socket(DEV);

	(void)self;
	packet_send(packets, DEV, ETH_P_IPV6, packet, sizeof(packet));
	close(packets);
	return 1;
}

static int lose_full(struct _test_data_checklist *self)
{
	if (qdisc_set(DEV, "noqueue", 0) || link_set_txqlen(DEV, RING))
		return -1;
	send_numbers(self->sock, 0, RING + 3);
	while (read_number(self->fd, 0) >= 0)
		;
	return 3;
}

static int lose_purged(struct _test_data_checklist *self)
{
	send_numbers(self->sock, 0, RING);
	return link_down(DEV) || link_up(DEV) ? -1 : RING;
}

static int lose_tx_fault(struct _test_data_checklist *self)
{
	send_numbers(self->sock, 0, 1);
	return read(self->fd, before_hole(0), 128) == -1;
}

static int lose_length(struct _test_data_checklist *self)
{
	static const unsigned char packet[LONGEST + 1] = { 0x45 };

	return write(self->fd, packet, sizeof(packet)) == -1;
}

static int lose_rx_family(struct _test_data_checklist *self)
{
	return write(self->fd, "P", 1) == -1;
}

static int lose_header(struct _test_data_checklist *self)
{
	static const struct tun_hdr vlan = { .th_flags = TUN_H_VTAG };
	unsigned char packet[sizeof(vlan) + 64];
	int none = 0, ret;

	memcpy(packet, &vlan, sizeof(vlan));
	build_udp(AF_INET, packet + sizeof(vlan), "data", 4);
	ioctl(self->fd, TUNSCAP, &none);
	ret = write(self->fd, packet, sizeof(packet));
	ioctl(self->fd, TUNDCAP);
	return ret == -1;
}

static int lose_rx_fault(struct _test_data_checklist *self)
{
	return write(self->fd, before_hole(0), 128) == -1;
}

static int lose_down(struct _test_data_checklist *self)
{
	int lost;

	link_down(DEV);
	lost = write(self->fd, "E", 1) == 1;
	link_up(DEV);
	return lost;
}

static const struct {
	const char *counter;
	int (*lose)(struct _test_data_checklist *self);
} causes[] = {
	{ "tx_dropped_no_reader",	lose_no_reader },
	{ "tx_dropped_family",		lose_family },
	{ "tx_dropped_full",		lose_full },
	{ "tx_dropped_purged",		lose_purged },
	{ "tx_dropped_fault",		lose_tx_fault },
	{ "rx_errors_length",		lose_length },
	{ "rx_errors_family",		lose_rx_family },
	{ "rx_errors_header",		lose_header },
	{ "rx_errors_fault",		lose_rx_fault },
	{ "rx_dropped_down",		lose_down },
};

#define CAUSES		((int)ARRAY_SIZE(causes))

/* What is lost shows under its own name and in the sum, and nowhere else. What the
 * queueing discipline has just been given may be sent on by another processor.
 */
TEST_F(checklist, bug_missing_drop_statistics)
{
	uint64_t lost[CAUSES] = { 0 }, tx_dropped = 0, rx_errors = 0, rx_dropped = 0;
	struct link before, after;
	int i, j, ms;

	for (i = 0; i < CAUSES; i++) {
		ASSERT_EQ(0, link_get(DEV, &before));
		lost[i] = causes[i].lose(self);
		for (ms = 0; ms < PATIENCE; ms++) {
			if (counter(DEV, causes[i].counter) >= (long long)lost[i])
				break;
			usleep(1000);
		}
		for (j = 0; j < CAUSES; j++) {
			EXPECT_EQ((long long)lost[j], counter(DEV, causes[j].counter)) {
				TH_LOG("%d after %d", j, i);
			}
		}
		if (!strncmp(causes[i].counter, "tx_dropped", 10))
			tx_dropped += lost[i];
		else if (!strncmp(causes[i].counter, "rx_errors", 9))
			rx_errors += lost[i];
		else
			rx_dropped += lost[i];
		ASSERT_EQ(0, link_get(DEV, &after));
		EXPECT_EQ(tx_dropped, after.stats.tx_dropped);
		EXPECT_EQ(rx_errors, after.stats.rx_errors);
		EXPECT_EQ(rx_dropped, after.stats.rx_dropped);
		EXPECT_EQ(before.stats.rx_packets, after.stats.rx_packets);
	}
}

/* Fill the ring and the qdisc; do one thing, then another; then traffic flows. */
static int reopen(int *fd)
{
	close(*fd);
	*fd = unit_open(0, O_RDWR | O_NONBLOCK);
	return *fd < 0 ? -errno : link_up(DEV);
}

static int down_and_up(int *fd)
{
	(void)fd;
	return link_down(DEV) ?: link_up(DEV);
}

static int resize(int *fd)
{
	struct link link;

	(void)fd;
	return link_get(DEV, &link) ?: link_set_txqlen(DEV, link.txqlen == RING ? RING - 1 : RING);
}

static int reframe(int *fd)
{
	return set(*fd, TUNSLMODE, 1) ?: set(*fd, TUNSLMODE, 0);
}

static int another_qdisc(int *fd)
{
	(void)fd;
	return qdisc_set(DEV, "noqueue", 0) ?: qdisc_set(DEV, "pfifo", 1000);
}

static int (*const disturbances[])(int *fd) = {
	reopen, down_and_up, resize, reframe, another_qdisc
};

#define DISTURBANCES	((int)ARRAY_SIZE(disturbances))

TEST_F(checklist, bug_queue_left_stopped)
{
	int i, first, last;
	long number;

	ASSERT_EQ(0, link_set_txqlen(DEV, RING));
	ASSERT_EQ(0, qdisc_set(DEV, "pfifo", 1000));
	for (i = 0; i < DISTURBANCES * DISTURBANCES; i++) {
		first = 1000 * i;
		send_numbers(self->sock, first, 3 * RING);
		ASSERT_EQ(0, disturbances[i / DISTURBANCES](&self->fd));
		send_numbers(self->sock, first + 100, 3 * RING);
		ASSERT_EQ(0, disturbances[i % DISTURBANCES](&self->fd));
		last = first + 200 + 3 * RING;
		send_numbers(self->sock, first + 200, 3 * RING + 1);
		do {
			number = wait_number(self->fd, 0);
		} while (number >= first && number < last);
		ASSERT_EQ(last, number) TH_LOG("round %d", i);
		ASSERT_TRUE(idle(self->fd));
	}
}

/* Connection tracking of what this namespace sends, as nft would ask for it. */
static struct nlmsghdr *nft_message(char **at, int type, int flags, int family, int res_id)
{
	struct nlmsghdr *msg = mnl_nlmsg_put_header(*at);
	struct nfgenmsg *nfg;

	msg->nlmsg_type = type;
	msg->nlmsg_flags = NLM_F_REQUEST | flags;
	nfg = mnl_nlmsg_put_extra_header(msg, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
	return msg;
}

static struct nlmsghdr *nft_object(char **at, int type)
{
	return nft_message(at, NFNL_SUBSYS_NFTABLES << 8 | type,
			   NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, NFPROTO_IPV4, 0);
}

static void nft_end(char **at, struct nlmsghdr *msg)
{
	*at += MNL_ALIGN(msg->nlmsg_len);
}

static int track_connections(void)
{
	struct nlattr *list, *element, *data;
	char batch[4096] = "", *at = batch;
	struct nlmsghdr *msg;

	nft_end(&at, nft_message(&at, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));

	msg = nft_object(&at, NFT_MSG_NEWTABLE);
	mnl_attr_put_strz(msg, NFTA_TABLE_NAME, "t");
	nft_end(&at, msg);

	msg = nft_object(&at, NFT_MSG_NEWCHAIN);
	mnl_attr_put_strz(msg, NFTA_CHAIN_TABLE, "t");
	mnl_attr_put_strz(msg, NFTA_CHAIN_NAME, "c");
	mnl_attr_put_strz(msg, NFTA_CHAIN_TYPE, "filter");
	data = mnl_attr_nest_start(msg, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(msg, NFTA_HOOK_HOOKNUM, htonl(NF_INET_LOCAL_OUT));
	mnl_attr_put_u32(msg, NFTA_HOOK_PRIORITY, 0);
	mnl_attr_nest_end(msg, data);
	nft_end(&at, msg);

	msg = nft_object(&at, NFT_MSG_NEWRULE);
	mnl_attr_put_strz(msg, NFTA_RULE_TABLE, "t");
	mnl_attr_put_strz(msg, NFTA_RULE_CHAIN, "c");
	list = mnl_attr_nest_start(msg, NFTA_RULE_EXPRESSIONS);
	element = mnl_attr_nest_start(msg, NFTA_LIST_ELEM);
	mnl_attr_put_strz(msg, NFTA_EXPR_NAME, "ct");
	data = mnl_attr_nest_start(msg, NFTA_EXPR_DATA);
	mnl_attr_put_u32(msg, NFTA_CT_KEY, htonl(NFT_CT_STATE));
	mnl_attr_put_u32(msg, NFTA_CT_DREG, htonl(NFT_REG32_00));
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, element);
	mnl_attr_nest_end(msg, list);
	nft_end(&at, msg);

	nft_end(&at, nft_message(&at, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
	return talk(NETLINK_NETFILTER, batch, at - batch, 3);
}

static int tracked_connections(void)
{
	char text[32];

	file_read("/proc/sys/net/netfilter/nf_conntrack_count", text, sizeof(text));
	return atoi(text);
}

/* A connection that has timed out goes when the next packet looks for it, unless
 * the first one still refers to it.
 */
TEST_F(checklist, bug_queued_packet_holds_conntrack_entry)
{
	ASSERT_EQ(0, track_connections());
	ASSERT_EQ(0, file_write("/proc/sys/net/netfilter/nf_conntrack_udp_timeout", "3"));
	send_numbers(self->sock, 7, 1);
	ASSERT_EQ(1, tracked_connections());
	usleep(4000000);
	send_numbers(self->sock, 8, 1);
	EXPECT_EQ(1, tracked_connections());
	EXPECT_EQ(7, read_number(self->fd, 0));
	EXPECT_EQ(8, read_number(self->fd, 0));
}

TEST_F(checklist, bug_queued_packet_holds_socket)
{
	int left;

	/* All go into the ring: those in a qdisc are the socket's. */
	send_numbers(self->sock, 0, 50);
	ASSERT_EQ(0, ioctl(self->sock, SIOCOUTQ, &left));
	EXPECT_EQ(0, left);
}

TEST_F(checklist, bug_zerocopy_sender_is_not_told)
{
	static unsigned char payload[1200], packet[2048];
	struct pollfd pfd = { .fd = self->sock };
	struct sock_extended_err *error;
	struct cmsghdr *cmsg;
	char control[256];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	int on = 1;

	ASSERT_EQ(0, setsockopt(self->sock, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)));
	pattern(payload, sizeof(payload));
	ASSERT_EQ((ssize_t)sizeof(payload),
		  send(self->sock, payload, sizeof(payload), MSG_ZEROCOPY));
	ASSERT_EQ(1, poll(&pfd, 1, PATIENCE));
	ASSERT_EQ(0, recvmsg(self->sock, &msg, MSG_ERRQUEUE));
	cmsg = CMSG_FIRSTHDR(&msg);
	ASSERT_NE(NULL, cmsg);
	error = (void *)CMSG_DATA(cmsg);
	EXPECT_EQ(SO_EE_ORIGIN_ZEROCOPY, error->ee_origin);
	/* From now on the memory is the sender's again. */
	memset(payload, 0, sizeof(payload));
	ASSERT_EQ((ssize_t)sizeof(payload) + UDP4_HEADERS,
		  read(self->fd, packet, sizeof(packet)));
	EXPECT_TRUE(packet_is_sound(packet, sizeof(payload) + UDP4_HEADERS));
}

/* Two namespaces with an interface each, and we carry the packets ourselves.
 * Returns how many did not fit the MTU or were not finished.
 */
static int carry(int from, int to)
{
	static unsigned char packet[ROOM];
	ssize_t len;
	int bad = 0;

	while ((len = read(from, packet, sizeof(packet))) > 0) {
		bad += len > TUNMTU || !packet_is_sound(packet, len);
		if (write(to, packet, len) != len)
			return -1;
	}
	return bad;
}

TEST_F(checklist, bug_reader_gets_super_packets)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	static unsigned char sent[65536], got[65536];
	const size_t total = 8 * sizeof(sent);
	const struct linger at_once = { .l_onoff = 1 };
	int client, server, listener, bad = 0;
	size_t out = 0, in = 0;
	ssize_t len;

	pattern(sent, sizeof(sent));
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* A connection that is not over keeps the namespace for minutes. */
	ASSERT_EQ(0, setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
	netns_enter();
	self->other_fd = unit_take(1, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, addr_add(OTHER, THERE4, NULL, 24));
	ASSERT_EQ(0, link_up(OTHER));
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, THERE4, &there.sin_addr);
	ASSERT_EQ(0, bind(listener, (void *)&there, sizeof(there)));
	ASSERT_EQ(0, listen(listener, 1));
	ASSERT_EQ(-1, connect(client, (void *)&there, sizeof(there)));
	ASSERT_EQ(EINPROGRESS, errno);
	do {
		bad += carry(self->fd, self->other_fd);
		bad += carry(self->other_fd, self->fd);
		server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (server < 0);
	ASSERT_EQ(0, setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));

	while (in < total) {
		len = out < total ? send(client, sent + out % sizeof(sent),
					 sizeof(sent) - out % sizeof(sent), 0) : 0;
		if (len > 0)
			out += len;
		bad += carry(self->fd, self->other_fd);
		len = recv(server, got, sizeof(got) - in % sizeof(got), 0);
		if (len > 0) {
			ASSERT_EQ(0, memcmp(got, sent + in % sizeof(sent), len));
			in += len;
		}
		bad += carry(self->other_fd, self->fd);
	}
	EXPECT_EQ(0, bad);
}

TEST_F(checklist, bug_xdp_actions)
{
	static const int lens[] = { 1, 28, 1500, 60000 };
	static unsigned char packet[ROOM], got[ROOM];
	struct link before, after;
	size_t i;

	self->other_fd = unit_take(1, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, link_set_mtu(OTHER, LONGEST));
	ASSERT_EQ(0, link_up(OTHER));
	memset(packet, 0x45, sizeof(packet));

	ASSERT_EQ(0, xdp_attach(DEV, xdp_program(XDP_TX)));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		ASSERT_EQ(lens[i], write(self->fd, packet, lens[i]));
		ASSERT_EQ(lens[i], read(self->fd, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(got, packet, lens[i]));
	}
	ASSERT_EQ(0, xdp_attach(DEV, xdp_redirect_program(OTHER)));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		ASSERT_EQ(lens[i], write(self->fd, packet, lens[i]));
		ASSERT_EQ(lens[i], read(self->other_fd, got, sizeof(got)));
		EXPECT_EQ(0, memcmp(got, packet, lens[i]));
	}
	/* To where nobody reads */
	close(self->other_fd);
	ASSERT_EQ(0, link_up(OTHER));
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		ASSERT_EQ(lens[i], write(self->fd, packet, lens[i]));

	ASSERT_EQ(0, link_get(DEV, &before));
	ASSERT_EQ(0, xdp_attach(DEV, xdp_program(XDP_DROP)));
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		ASSERT_EQ(lens[i], write(self->fd, packet, lens[i]));
	ASSERT_EQ(0, xdp_attach(DEV, xdp_program(XDP_ABORTED)));
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		ASSERT_EQ(lens[i], write(self->fd, packet, lens[i]));
	ASSERT_EQ(0, link_get(DEV, &after));
	EXPECT_EQ(before.stats.rx_packets + 2 * ARRAY_SIZE(lens), after.stats.rx_packets);
	EXPECT_TRUE(idle(self->fd));

	ASSERT_EQ(0, xdp_attach(DEV, xdp_program(XDP_PASS)));
	EXPECT_TRUE(works(self->fd, self->sock));
}

/* An XDP program's packet when the ring is full: there is no qdisc to keep it. */
TEST_F(checklist, bug_xdp_tx_into_a_full_ring)
{
	unsigned char packet[128];
	size_t len = build_udp(AF_INET, packet, "echo", 5);
	struct link link;
	int i, seen = 0;

	ASSERT_EQ(0, link_set_txqlen(DEV, RING));
	ASSERT_EQ(0, xdp_attach(DEV, xdp_program(XDP_TX)));
	for (i = 0; i < 3 * RING; i++)
		ASSERT_EQ((ssize_t)len, write(self->fd, packet, len));
	while (read(self->fd, packet, sizeof(packet)) > 0)
		seen++;
	EXPECT_EQ(RING, seen);
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(2 * RING, (int)link.stats.tx_dropped);
	ASSERT_EQ(0, xdp_attach(DEV, -1));
	EXPECT_TRUE(works(self->fd, self->sock));
}

/* The checksum that is to be filled in, by the reader or for him, is not there any more. */
TEST_F(checklist, bug_xdp_cuts_off_the_checksum)
{
	/* A packet in a packet, or the kernel would see another protocol behind the cut. */
	unsigned char packet[10 + 128], payload[100] = { 0 };
	struct virtio_net_hdr *virtio = (void *)packet;
	struct tun_hdr *tun = (void *)packet;
	size_t len;

	build_udp(AF_INET, payload, "", 1);
	len = sizeof(*virtio) + build_udp(AF_INET, packet + sizeof(*virtio), payload, 100);
	ASSERT_EQ(0, set(self->fd, TUNSVNETHDR, sizeof(*virtio)));
	*virtio = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					   .csum_start = 20, .csum_offset = 6 };
	ASSERT_EQ(0, xdp_attach(DEV, xdp_cut_program(28)));
	EXPECT_EQ((ssize_t)len, write(self->fd, packet, len));
	EXPECT_EQ(1, counter(DEV, "tx_dropped_offload"));

	virtio->csum_start = 100;
	ASSERT_EQ(0, xdp_attach(DEV, xdp_cut_program(-50)));
	EXPECT_EQ((ssize_t)len, write(self->fd, packet, len));
	EXPECT_EQ(2, counter(DEV, "tx_dropped_offload"));

	len = sizeof(*tun) + build_udp(AF_INET, packet + sizeof(*tun), payload, 100);
	ASSERT_EQ(0, set(self->fd, TUNSCAP, 0));
	*tun = (struct tun_hdr){ .th_flags = TUN_H_UDP_CSUM };
	ASSERT_EQ(0, xdp_attach(DEV, xdp_cut_program(28)));
	EXPECT_EQ((ssize_t)len, write(self->fd, packet, len));
	EXPECT_EQ(3, counter(DEV, "tx_dropped_offload"));

	ASSERT_EQ(0, xdp_attach(DEV, -1));
	EXPECT_TRUE(idle(self->fd));
}

static void change_owner(void)
{
	attribute_set("owner", rounds->done % 2 ? ALICE : BOB);
	attribute_set("group", rounds->done % 2 ? STAFF : GUESTS);
}

TEST_F(checklist, bug_fill_info_races)
{
	uint32_t value[IFLA_BSDTUN_MAX + 1];
	int i, len, seen[2] = { 0 };
	const struct nlattr *attr;
	char buf[1024];
	void *data = buf;
	pid_t rival;

	sysfs_mount();
	attribute_set("owner", ALICE);
	attribute_set("group", STAFF);
	rival = rival_start(change_owner);
	for (i = 0; i < 200 || !seen[0] || !seen[1]; i++) {
		len = link_data(DEV, data, sizeof(buf));
		ASSERT_LT(0, len);
		mnl_attr_for_each_payload(data, len)
			if (mnl_attr_get_payload_len(attr) == sizeof(uint32_t))
				value[mnl_attr_get_type(attr)] = mnl_attr_get_u32(attr);
		ASSERT_TRUE(value[IFLA_BSDTUN_OWNER] == ALICE || value[IFLA_BSDTUN_OWNER] == BOB);
		ASSERT_TRUE(value[IFLA_BSDTUN_GROUP] == STAFF ||
			    value[IFLA_BSDTUN_GROUP] == GUESTS);
		seen[value[IFLA_BSDTUN_OWNER] == ALICE]++;
		file_read("/sys/class/net/" DEV "/bsdtun/owner", buf, sizeof(buf));
		ASSERT_TRUE(atoi(buf) == ALICE || atoi(buf) == BOB) TH_LOG("%s", buf);
	}
	rival_stop(rival);
}

/* What the driver or the user has set of an interface outlives the move, which
 * makes IP's part of it anew: TUNSLMODE still finds routes on packets.
 */
TEST_F(checklist, bug_netns_move_loses_settings)
{
	struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	unsigned char buf[256];
	struct sockaddr_in hop;
	struct link link;
	int i, sock;

	ASSERT_EQ(0, set(self->fd, TUNSLMODE, 1));
	ASSERT_EQ(0, link_set_mtu(DEV, 1280));
	ASSERT_EQ(0, link_set_txqlen(DEV, 17));
	inet_pton(AF_INET, "203.0.113.9", &far.sin_addr);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, move_on());
		EXPECT_EQ(1, addr_count(DEV, AF_INET));
		ASSERT_EQ(0, link_get(DEV, &link));
		EXPECT_EQ(1280, link.mtu);
		EXPECT_EQ(17, link.txqlen);
		ASSERT_EQ(0, route_add(DEV, "203.0.113.0", 24, THERE4));
		sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		ASSERT_EQ(1, sendto(sock, "x", 1, 0, (void *)&far, sizeof(far)));
		close(sock);
		ASSERT_EQ((ssize_t)sizeof(hop) + UDP4_HEADERS + 1,
			  read(self->fd, buf, sizeof(buf)));
		memcpy(&hop, buf, sizeof(hop));
		EXPECT_EQ(inet_addr(THERE4), hop.sin_addr.s_addr);
	}
}

/* The MTU changes, by ioctl and by netlink, while packets pass both ways. */
static int mtu_fd;

static void change_mtu(void)
{
	static const int mtus[] = { 72, 1500, 65535, 576, 9000 };
	struct tuninfo info = { .type = BSDTUN_IFT_PPP };

	info.mtu = mtus[rounds->done % ARRAY_SIZE(mtus)];
	ioctl(mtu_fd, TUNSIFINFO, &info);
	link_set_mtu(DEV, mtus[(rounds->done + 2) % ARRAY_SIZE(mtus)]);
}

TEST_F(checklist, cve_2026_68143_mtu_change_while_receiving)
{
	unsigned char packet[2048], payload[1000], got[1000];
	bool short_seen = false, long_seen = false;
	struct link link;
	pid_t rival;
	size_t len;
	int i;

	pattern(payload, sizeof(payload));
	len = build_udp(AF_INET, packet, payload, sizeof(payload));
	mtu_fd = self->fd;
	rival = rival_start(change_mtu);
	for (i = 0; i < 300 || !short_seen || !long_seen; i++) {
		ASSERT_EQ((ssize_t)len, write(self->fd, packet, len));
		ASSERT_EQ((ssize_t)sizeof(got), recv(self->sock, got, sizeof(got), 0));
		ASSERT_EQ(0, memcmp(got, payload, sizeof(payload)));
		send_numbers(self->sock, i, 1);
		ASSERT_EQ(i, wait_number(self->fd, 0));
		ASSERT_EQ(0, link_get(DEV, &link));
		short_seen |= link.mtu < (int)len;
		long_seen |= link.mtu > (int)len;
	}
	rival_stop(rival);
}

/* A namespace ends while its interface is sent to, read, and written to. */
TEST_F(checklist, cve_2026_31579_netns_exit_under_load)
{
	struct pollfd pfd = { .events = POLLIN };
	unsigned char packet[128];
	int ends[2], fd, i;
	ssize_t len;
	pid_t pid;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			netns_enter();
			fd = unit_take(1, O_RDWR | O_NONBLOCK);
			if (addr_add(OTHER, HERE4, NULL, 24) || link_up(OTHER))
				_exit(1);
			file_send(ends[1], fd);
			close(fd);
			for (;;)
				send_flows();
		}
		fd = file_receive(ends[0]);
		ASSERT_LE(0, fd);
		pfd.fd = fd;
		ASSERT_EQ(1, poll(&pfd, 1, PATIENCE));
		kill(pid, SIGKILL);
		do {
			len = build_echo(AF_INET, packet, 56);
			ASSERT_TRUE(write(fd, packet, len) == len || errno == EIO);
			len = read(fd, packet, sizeof(packet));
		} while (len > 0 || errno == EAGAIN);
		EXPECT_EQ(EIO, errno);
		waitpid(pid, NULL, 0);
		close(fd);
		close(ends[0]);
		close(ends[1]);
	}
}

#define GROUP		1	/* of buffers */
#define BUFFERS		8
#define BUFFER_ROOM	256

TEST_F(checklist, bug_io_uring_ignores_nowait)
{
	static unsigned char buf[2 * BUFFER_ROOM];
	const int len = UDP4_HEADERS + 4;
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	unsigned int flags;
	int i;

	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR));
	for (i = 0; i < 3; i++) {
		/* Two at a time, so that one that blocked would keep the other. */
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_read(sqe, self->fd, buf, BUFFER_ROOM, 0);
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_read(sqe, self->fd, buf + BUFFER_ROOM, BUFFER_ROOM, 0);
		ASSERT_EQ(2, io_uring_submit(&ring));
		EXPECT_EQ(-EAGAIN, none_yet(&ring));
		send_numbers(self->sock, i, 2);
		EXPECT_EQ(len, completion(&ring, &flags));
		EXPECT_EQ(len, completion(&ring, &flags));

		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_read(sqe, self->fd, buf, BUFFER_ROOM, 0);
		sqe->rw_flags = RWF_NOWAIT;
		ASSERT_EQ(1, io_uring_submit(&ring));
		EXPECT_EQ(-EAGAIN, completion(&ring, &flags));
	}
	/* And one that waits as the interface goes */
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, self->fd, buf, BUFFER_ROOM, 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_EQ(0, link_del(DEV));
	EXPECT_EQ(-EIO, completion(&ring, &flags));
	io_uring_queue_exit(&ring);
}

/* Older kernels know no such read, and say so. */
TEST_F(checklist, bug_io_uring_multishot_read)
{
	static unsigned char buf[BUFFERS * BUFFER_ROOM];
	const int len = UDP4_HEADERS + 4;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	unsigned int flags;
	int i;

	ASSERT_EQ(0, io_uring_queue_init(8, &ring, 0));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_RDWR));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_provide_buffers(sqe, buf, BUFFER_ROOM, BUFFERS, GROUP, 0);
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_LE(0, completion(&ring, &flags));

	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_rw(READ_MULTISHOT, sqe, self->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	ASSERT_EQ(1, io_uring_submit(&ring));
	if (!knows_multishot_read(&ring)) {
		EXPECT_EQ(-EINVAL, completion(&ring, &flags));
	} else {
		for (i = 0; i < BUFFERS - 2; i++) {
			send_numbers(self->sock, i, 1);
			EXPECT_EQ(len, completion(&ring, &flags));
			EXPECT_TRUE(!!(flags & IORING_CQE_F_MORE));
			EXPECT_TRUE(!!(flags & IORING_CQE_F_BUFFER));
		}
		ASSERT_EQ(0, link_del(DEV));
		EXPECT_EQ(-EIO, completion(&ring, &flags));
		EXPECT_FALSE(!!(flags & IORING_CQE_F_MORE));
	}
	io_uring_queue_exit(&ring);
}

static void open_and_close(void)
{
	long long begin = now_us();
	int fd = unit_open(1, O_RDWR);

	if (fd >= 0)
		close(fd);
	/* So that the module is free more than half of the time. */
	usleep(5000 + now_us() - begin);
}

static void add_and_delete(void)
{
	link_add("bsdtun2", "bsdtun", 1);
	link_del("bsdtun2");
}

/* misc_open() takes misc_mtx, then RTNL; loading and unloading and more units, too,
 * take misc_mtx.
 */
TEST_F(checklist, bug_abba_misc_mtx_and_rtnl)
{
	pid_t opener, adder;
	int nodes = 9, unloads = 0;
	char units[16];

	close(self->fd);
	opener = rival_start(open_and_close);
	adder = rival_start(add_and_delete);
	while (unloads < 3) {
		snprintf(units, sizeof(units), "%d", nodes);
		EXPECT_EQ(0, file_write("/sys/module/bsdtun/parameters/units", units));
		/* Refused when a file is open at that moment */
		if (system("modprobe -rq bsdtun")) {
			nodes += nodes < 109;
			continue;
		}
		unloads++;
		nodes = 9;
		ASSERT_EQ(0, system("modprobe bsdtun"));
	}
	rival_stop(opener);
	rival_stop(adder);
	/* Back to what others expect */
	ASSERT_EQ(0, system("modprobe -r bsdtun && modprobe bsdtun"));
	close(unit_take(0, O_RDWR));
}

#define RPS_CPUS	"/sys/class/net/" DEV "/queues/rx-0/rps_cpus"

/* Four files, two receive queues: who counts files may pass the end, and XDP and
 * RPS look there.
 */
TEST_F(checklist, bug_rps_and_rx_queue_out_of_range)
{
	unsigned char packet[128], payload[8];
	struct nlmsghdr *request;
	char mask[16];
	int fds[4], i;
	size_t len;

	sysfs_mount();
	close(self->fd);
	ASSERT_EQ(0, link_del(DEV));
	request = add_request(0);
	mnl_attr_put_strz(request, IFLA_IFNAME, DEV);
	mnl_attr_put_u32(request, IFLA_NUM_TX_QUEUES, ARRAY_SIZE(fds));
	mnl_attr_put_u32(request, IFLA_NUM_RX_QUEUES, 2);
	ASSERT_EQ(0, link_talk(request));
	ASSERT_EQ(0, xdp_attach(DEV, xdp_program(XDP_PASS)));
	/* A kernel without RPS has no such file. */
	if (!access(RPS_CPUS, F_OK)) {
		snprintf(mask, sizeof(mask), "%x", (1 << get_nprocs()) - 1);
		ASSERT_EQ(0, file_write(RPS_CPUS, mask));
	}
	for (i = 0; i < (int)ARRAY_SIZE(fds); i++) {
		fds[i] = unit_open(0, O_RDWR | O_NONBLOCK);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, addr_add(DEV, HERE4, NULL, 24));
	ASSERT_EQ(0, link_up(DEV));
	len = build_udp(AF_INET, packet, "payload", 8);
	for (i = 0; i < 400; i++) {
		ASSERT_EQ((ssize_t)len, write(fds[i % ARRAY_SIZE(fds)], packet, len));
		ASSERT_EQ(8, recv(self->sock, payload, sizeof(payload), 0)) TH_LOG("%d", i);
	}
}

/*
 * A router between two units: what THERE sends to HERE comes in by OTHER and goes
 * out by DEV. Packets reach the driver in a softirq then.
 */
FIXTURE(router)
{
	int fd;
	int other_fd;
};

FIXTURE_SETUP(router)
{
	netns_enter();
	ASSERT_EQ(0, file_write("/proc/sys/net/ipv4/ip_forward", "1"));
	self->fd = unit_take(0, O_RDWR | O_NONBLOCK);
	self->other_fd = unit_take(1, O_RDWR | O_NONBLOCK);
	ASSERT_EQ(0, link_up(DEV));
	ASSERT_EQ(0, link_up(OTHER));
	ASSERT_EQ(0, route_add(DEV, HERE4, 32, NULL));
	ASSERT_EQ(0, route_add(OTHER, THERE4, 32, NULL));
}

FIXTURE_TEARDOWN(router)
{
	link_del(DEV);
	link_del(OTHER);
}

/* Writes datagrams that hold their number into a unit. */
static void write_numbers(int fd, int first, int count)
{
	unsigned char packet[128];
	uint32_t number;
	size_t len;
	int i;

	for (i = 0; i < count; i++) {
		number = htonl(first + i);
		len = build_udp(AF_INET, packet, &number, sizeof(number));
		if (write(fd, packet, len) != (ssize_t)len)
			_exit(1);
	}
}

static int router_fd;

/* On one processor, lest one packet overtake another on a second. */
static void write_without_end(void)
{
	run_on(0);
	write_numbers(router_fd, rounds->done * 8, 8);
}

TEST_F(router, bug_ptr_ring_resize_in_softirq)
{
	long number, last = -1;
	pid_t rival;
	int i;

	router_fd = self->other_fd;
	rival = rival_start(write_without_end);
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, link_set_txqlen(DEV, 1 + i % 20));
		number = wait_number(self->fd, 0);
		ASSERT_LT(last, number);
		last = number;
	}
	rival_stop(rival);
	write_numbers(self->other_fd, 1 << 30, 1);
	do {
		number = wait_number(self->fd, 0);
	} while (number >= 0 && number < 1 << 30);
	EXPECT_EQ(1 << 30, number);
}

TEST_F(router, cve_2026_52946_fasync_lock_order)
{
	struct timespec patience = { .tv_sec = PATIENCE / 1000 };
	sigset_t signals;
	pid_t rival;
	int i;

	sigemptyset(&signals);
	sigaddset(&signals, SIGIO);
	ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &signals, NULL));
	ASSERT_EQ(0, setpgid(0, 0));
	/* A process, then a group, which takes another lock */
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, i % 2 ? getpid() : -getpgrp()));
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK | O_ASYNC));
		write_numbers(self->other_fd, i, 1);
		ASSERT_EQ(SIGIO, sigtimedwait(&signals, NULL, &patience)) TH_LOG("%d", i);
		ASSERT_EQ(i, wait_number(self->fd, 0));
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	}
	/* On and off amid the traffic */
	router_fd = self->other_fd;
	rival = rival_start(write_without_end);
	for (i = 0; i < 200 || rounds->done < ROUNDS; i++) {
		ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK | (i % 2 ? O_ASYNC : 0)));
		read_number(self->fd, 0);
	}
	rival_stop(rival);
}

/* What is read is written back, and the way to its destination is through the
 * same interface: one packet goes round until its time is over.
 */
TEST_F(router, bug_xmit_recursion_route_loop)
{
	unsigned char packet[256];
	struct iphdr *ip = (void *)packet;
	struct pollfd pfd = { .fd = self->fd, .events = POLLIN };
	int ttl = 64;
	ssize_t len;

	write_numbers(self->other_fd, 0, 1);
	while (--ttl) {
		ASSERT_EQ(1, poll(&pfd, 1, PATIENCE)) TH_LOG("%d", ttl);
		len = read(self->fd, packet, sizeof(packet));
		ASSERT_LT(0, len);
		ASSERT_EQ(ttl, ip->ttl);
		ASSERT_EQ(len, write(self->fd, packet, len));
	}
	EXPECT_TRUE(idle(self->fd));
}

/* One end of a wire that is an event loop: waits until it can be read, and takes
 * a packet for the other end; or until it can be written, and gives it one.
 */
struct wire_end {
	int fd;
	ssize_t len;
	unsigned char packet[2048];
};

static int wait_for_end(int epoll, int op, struct wire_end *end, int events)
{
	struct epoll_event event = { .events = events, .data.ptr = end };

	return epoll_ctl(epoll, op, end->fd, &event);
}

/* Returns whether it was what the end waited for. */
static bool serve_end(int epoll, struct wire_end *ends, struct wire_end *end, int events)
{
	struct wire_end *peer = end == ends ? ends + 1 : ends;

	if (events == EPOLLIN) {
		peer->len = read(end->fd, peer->packet, sizeof(peer->packet));
		return peer->len > 0 && !wait_for_end(epoll, EPOLL_CTL_MOD, peer, EPOLLOUT);
	}
	return events == EPOLLOUT && write(end->fd, end->packet, end->len) == end->len &&
	       !wait_for_end(epoll, EPOLL_CTL_MOD, end, EPOLLIN);
}

/* An echo and its answer are four events, and there is no fifth. */
TEST_F(checklist, openbsd_kqueue_tun_do_tun)
{
	struct sockaddr_in there = { .sin_family = AF_INET };
	static struct wire_end ends[2];
	unsigned char echo[128];
	struct epoll_event event;
	int sock, epoll, i, count = 0;
	size_t len;

	sock = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	ASSERT_LE(0, sock);
	ends[0].fd = self->fd;
	netns_enter();
	self->other_fd = unit_take(1, O_RDWR | O_NONBLOCK);
	ends[1].fd = self->other_fd;
	ASSERT_EQ(0, addr_add(OTHER, THERE4, HERE4, 32));
	ASSERT_EQ(0, link_up(OTHER));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < 2; i++) {
		/* The word before the packet, as always on OpenBSD */
		ASSERT_EQ(0, set(ends[i].fd, TUNSIFHEAD, 1));
		ASSERT_EQ(0, wait_for_end(epoll, EPOLL_CTL_ADD, &ends[i], EPOLLIN));
	}
	/* IP makes its own header. */
	len = build_echo(AF_INET, echo, 56) - sizeof(struct iphdr);
	inet_pton(AF_INET, THERE4, &there.sin_addr);
	ASSERT_EQ((ssize_t)len, sendto(sock, echo + sizeof(struct iphdr), len, 0, (void *)&there,
				       sizeof(there)));
	while (epoll_wait(epoll, &event, 1, count < 4 ? PATIENCE : 1000) == 1) {
		count++;
		ASSERT_TRUE(serve_end(epoll, ends, event.data.ptr, event.events));
	}
	EXPECT_EQ(4, count);
	EXPECT_EQ((ssize_t)(len + sizeof(struct iphdr)),
		  recv(sock, echo, sizeof(echo), MSG_DONTWAIT));
}

TEST_HARNESS_MAIN
