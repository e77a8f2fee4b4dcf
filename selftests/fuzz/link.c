// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The link: rtnetlink, with attributes well and ill-formed, and packets sent to it. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bsdtun.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ops.h"

struct message {
	struct nlmsghdr head;
	char body[4096];
};

static struct rtattr *put(struct message *msg, int type, const void *data, size_t len)
{
	struct rtattr *attr = (void *)msg + NLMSG_ALIGN(msg->head.nlmsg_len);

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attr), data, len);
	msg->head.nlmsg_len = NLMSG_ALIGN(msg->head.nlmsg_len) + RTA_ALIGN(attr->rta_len);
	return attr;
}

static void put_u32(struct message *msg, int type, uint32_t value)
{
	put(msg, type, &value, sizeof(value));
}

static void put_text(struct message *msg, int type, const char *text)
{
	put(msg, type, text, strlen(text) + 1);
}

static void nest_end(struct message *msg, struct rtattr *nest)
{
	nest->rta_len = (void *)msg + msg->head.nlmsg_len - (void *)nest;
}

static const char *const link_how_words[] = {
	"new", "replace", "change", "delete", "get", "dump", "set", NULL
};

WORDS(link_how);
static const char *const malformed_words[] = {
	"well", "short", "long", "empty", "twice", "unnested", "cut", "no-kind", "no-data", NULL
};

WORDS(malformed);

enum link_how { NEW, REPLACE, CHANGE, DELETE, GET, DUMP, SET };
enum malformed { WELL, SHORT, LONG, EMPTY, TWICE, UNNESTED, CUT, NO_KIND, NO_DATA };

/* Of the values an attribute may have, the one that three bits of a number choose. */
static uint32_t choose_value(uint32_t number, unsigned int attribute)
{
	static const uint32_t values[] = { 0, 1, 2, 3, STRANGER_ID, 70000, 0x7fffffff, 0xffffffff };

	return values[number >> 3 * (attribute % 10) & 7];
}

/* IFLA_INFO_DATA: the attributes of a set of bits. */
static void put_info_data(struct message *msg, const struct call *call)
{
	static const uint8_t is_byte[] = {
		[IFLA_BSDTUN_MODE] = 1, [IFLA_BSDTUN_TRANSIENT] = 1, [IFLA_BSDTUN_FRAMING] = 1,
		[IFLA_BSDTUN_MAX + 1] = 0,
	};
	enum malformed wrong = call->arg[5];
	unsigned int type;

	if (call->len) {
		memcpy((void *)msg + NLMSG_ALIGN(msg->head.nlmsg_len), call->data, call->len);
		msg->head.nlmsg_len = NLMSG_ALIGN(msg->head.nlmsg_len) + call->len;
		return;
	}
	for (type = 0; type <= IFLA_BSDTUN_MAX + 1; type++) {
		uint32_t value = choose_value(call->arg[4], type);
		size_t len = is_byte[type] ? 1 : sizeof(value);
		uint64_t wide = value;

		if (!(call->arg[2] >> type & 1))
			continue;
		if (wrong == SHORT)
			len /= 2;
		else if (wrong == LONG)
			len = sizeof(wide);
		else if (wrong == EMPTY)
			len = 0;
		put(msg, type, &wide, len);
		if (wrong == TWICE)
			put(msg, type, &wide, len);
	}
}

static void put_general(struct message *msg, const struct call *call)
{
	static const uint32_t mtus[] = { 1500, 71, 72, 65535, 65536, 1280, 68, 9000 };
	static const uint32_t lens[] = { 0, 1, 2, 3, 500, 32768, 70000, 0xffffffff };
	static const uint32_t queues[] = { 1, 2, 3, 64, 65, 0, 4096, 5000 };
	uint32_t set = call->arg[3], number = call->arg[4];
	char name[IFNAMSIZ];

	if (set & 1)
		put_u32(msg, IFLA_MTU, mtus[number & 7]);
	if (set & 2)
		put_u32(msg, IFLA_TXQLEN, lens[number >> 3 & 7]);
	if (set & 4)
		put_u32(msg, IFLA_NUM_TX_QUEUES, queues[number >> 6 & 7]);
	if (set & 8)
		put_u32(msg, IFLA_NET_NS_FD, namespaces[number >> 9 & 1]);
	if (set & 16) {
		snprintf(name, sizeof(name), "fuzz%u", number >> 10 & 1);
		put_text(msg, IFLA_IFNAME, name);
	}
	if (set & 32)
		put(msg, IFLA_CARRIER, &number, 1);
	if (set & 64)
		put_u32(msg, IFLA_GROUP, number);
	if (set & 128)
		put(msg, IFLA_ADDRESS, &number, 4);
	if (set & 256)
		put_text(msg, IFLA_IFALIAS, "fuzz");
	if (set & 512)
		put(msg, IFLA_LINKMODE, &number, 1);
}

static int answer_error(int fd)
{
	static __thread char buf[32768];
	struct nlmsghdr *head;
	ssize_t len;

	for (;;) {
		len = recv(fd, buf, sizeof(buf), 0);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		for (head = (void *)buf; NLMSG_OK(head, len); head = NLMSG_NEXT(head, len)) {
			if (head->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(head))->error;
			if (head->nlmsg_type == NLMSG_DONE)
				return 0;
		}
	}
}

static int talk(struct message *msg)
{
	struct timeval patience = { .tv_sec = 5 };
	int fd, ret;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(fd, msg, msg->head.nlmsg_len, 0) < 0)
		ret = -errno;
	else
		ret = answer_error(fd);
	close(fd);
	return ret;
}

static const int link_errnos[] = {
	EEXIST, EBUSY, ENXIO, ENOSPC, EINVAL, ERANGE, EOPNOTSUPP, ENODEV, EPERM, EMSGSIZE, EINTR,
	EADDRNOTAVAIL, 0
};

static long op_link(const struct call *call)
{
	static const uint16_t types[] = { RTM_NEWLINK, RTM_NEWLINK, RTM_NEWLINK, RTM_DELLINK,
					  RTM_GETLINK, RTM_GETLINK, RTM_SETLINK };
	static const uint16_t flags[] = { NLM_F_CREATE | NLM_F_EXCL, NLM_F_CREATE | NLM_F_REPLACE,
					  0, 0, 0, NLM_F_DUMP, 0 };
	enum malformed wrong = call->arg[5];
	enum link_how how = call->arg[0];
	struct rtattr *info, *data;
	struct ifinfomsg *ifi;
	struct message msg;

	memset(&msg, 0, sizeof(msg));
	ifi = (void *)msg.body;
	msg.head.nlmsg_len = NLMSG_LENGTH(sizeof(*ifi));
	msg.head.nlmsg_type = types[how];
	msg.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags[how];
	if (how == CHANGE || how == SET)
		ifi->ifi_index = link_index(dev_name(call, 1));
	if (call->arg[3] & 1024) {
		ifi->ifi_change = IFF_UP;
		ifi->ifi_flags = call->arg[3] & 2048 ? IFF_UP : 0;
	}
	/* A link that is new may have no name. */
	if (!ifi->ifi_index && how != DUMP && !(how == NEW && call->arg[3] & 4096))
		put_text(&msg, IFLA_IFNAME, dev_name(call, 1));
	if (how <= CHANGE || how == SET)
		put_general(&msg, call);

	info = put(&msg, wrong == UNNESTED ? IFLA_LINKINFO : IFLA_LINKINFO | NLA_F_NESTED, NULL, 0);
	if (wrong != NO_KIND)
		put_text(&msg, IFLA_INFO_KIND, "bsdtun");
	if (wrong != NO_DATA) {
		data = put(&msg, IFLA_INFO_DATA, NULL, 0);
		put_info_data(&msg, call);
		nest_end(&msg, data);
	}
	nest_end(&msg, info);
	if (wrong == CUT)
		info->rta_len -= 3;
	return talk(&msg);
}

/* What ip(8) and others do to a link */

static const char *const set_how_words[] = {
	"up", "down", "mtu", "txqueuelen", "name", "qdisc", "address4", "address6", "route4",
	"route6", "delete", "link-local", "netns", NULL
};

WORDS(set_how);

static const char *const qdiscs[] = { "noqueue", "pfifo", "fq_codel", "prio" };

static const int set_errnos[] = {
	ENODEV, EINVAL, EEXIST, EPERM, EACCES, EBUSY, ENETDOWN, ERANGE, ENOENT, EOPNOTSUPP,
	ENETUNREACH, EHOSTUNREACH, EINTR, EADDRNOTAVAIL, ESRCH, EAGAIN, ENOSPC, 0
};

static long move_to(const char *name, unsigned int where)
{
	struct ifinfomsg *ifi;
	struct message msg;

	memset(&msg, 0, sizeof(msg));
	ifi = (void *)msg.body;
	msg.head.nlmsg_len = NLMSG_LENGTH(sizeof(*ifi));
	msg.head.nlmsg_type = RTM_NEWLINK;
	msg.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	ifi->ifi_index = link_index(name);
	put_u32(&msg, IFLA_NET_NS_FD, namespaces[where & 1]);
	return talk(&msg);
}

static long op_set(const struct call *call)
{
	const char *name = dev_name(call, 0);
	uint32_t value = call->arg[2];

	switch (call->arg[1]) {
	case 0:
		return link_up(name);
	case 1:
		return link_down(name);
	case 2:
		return link_set_mtu(name, value);
	case 3:
		return link_set_txqlen(name, value);
	case 4:
		return link_rename(name, dev_words[value % kind_size(&dev)]);
	case 5:
		return qdisc_set(name, qdiscs[value % 4], 1 + value / 4 % 16);
	case 6:
		return addr_add(name, HERE4, NULL, 24);
	case 7:
		return addr_add(name, HERE6, NULL, 64);
	case 8:
		return route_add(name, "198.51.100.0", 24, value % 2 ? THERE4 : NULL);
	case 9:
		return route_add(name, "2001:db8:1::", 48, value % 2 ? THERE6 : NULL);
	case 10:
		return link_del(name);
	case 11:
		return addr_add(name, "fe80::1", NULL, 64);
	default:
		return move_to(name, value);
	}
}

/* What the stack sends to the reader */

static const char *const send_how_words[] = {
	"udp4", "udp6", "udp4-routed", "udp6-routed", "udp6-local", "zerocopy", "packet-ip",
	"packet-ip6", "packet-ipx", "packet-appletalk", "packet-arp", "packet-other", NULL
};

WORDS(send_how);

static const int ethertypes[] = { ETH_P_IP, ETH_P_IPV6, ETH_P_IPX, ETH_P_ATALK, ETH_P_ARP, 0x1234 };

static int send_socket(const struct call *call, const char *name, int family)
{
	int fd, on = 1;

	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, strlen(name) + 1);
	if (call->arg[1] == 5)
		setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on));
	return fd;
}

static long op_send(const struct call *call)
{
	static const char *const to6[] = { THERE6, "2001:db8:1::1", "fe80::2" };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET };
	const char *name = dev_name(call, 0);
	size_t len = call->arg[3] % 65536;
	unsigned char *packet = buffer_at(GOOD, 0);
	unsigned int how = call->arg[1], i;
	struct sockaddr *to;
	socklen_t to_len;
	int fd, ret = 0;

	pattern(packet, len);
	if (how >= 6) {
		ll.sll_protocol = htons(ethertypes[how - 6]);
		ll.sll_ifindex = link_index(name);
		to = (void *)&ll;
		to_len = sizeof(ll);
		if (how < 8)
			packet[0] = how == 6 ? 0x45 : 0x60;
		memcpy(packet, call->data, call->len);
		fd = send_socket(call, name, AF_PACKET);
	} else if (how == 1 || how == 3 || how == 4) {
		inet_pton(AF_INET6, to6[how / 2], &sin6.sin6_addr);
		to = (void *)&sin6;
		to_len = sizeof(sin6);
		fd = send_socket(call, name, AF_INET6);
	} else {
		inet_pton(AF_INET, how == 2 ? "198.51.100.1" : THERE4, &sin.sin_addr);
		to = (void *)&sin;
		to_len = sizeof(sin);
		fd = send_socket(call, name, AF_INET);
	}
	if (fd < 0)
		return fd;
	for (i = 0; i <= call->arg[2]; i++)
		if (sendto(fd, packet, len, how == 5 ? MSG_ZEROCOPY : 0, to, to_len) < 0)
			ret = -errno;
	close(fd);
	return ret;
}

const struct op link_ops[] = {
	{ "link", 14, true, op_link, link_errnos,
	  { &link_how, &dev, &bits, &bits, &number, &malformed } },
	{ "set", 16, false, op_set, set_errnos, { &dev, &set_how, &number } },
	{ "send", 16, true, op_send, NULL, { &dev, &send_how, &small, &number } },
	{ NULL }
};
