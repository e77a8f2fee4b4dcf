// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/bsdtun.h>

#include "util.h"

#define BUFFER_SIZE	(16 << 20)	/* of sockets: no test waits for room */

static void must(const char *what, int ret)
{
	if (ret)
		errx(1, "%s: %s", what, strerror(-ret));
}

long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static void pause_ms(unsigned int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	nanosleep(&ts, NULL);
}

int file_write(const char *path, const char *text)
{
	ssize_t len = strlen(text);
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != len)
		ret = -errno;
	close(fd);
	return ret;
}

void file_read(const char *path, char *buf, size_t size)
{
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	len = read(fd, buf, size - 1);
	if (len < 0)
		err(1, "%s", path);
	buf[len] = '\0';
	close(fd);
}

bool kernel_before(int major, int minor)
{
	int is_major, is_minor;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%d.%d", &is_major, &is_minor) != 2)
		err(1, "uname");
	return is_major < major || (is_major == major && is_minor < minor);
}

int core_set(const char *name, const char *text)
{
	int here = open("/proc/self/ns/net", O_RDONLY), machine = open("/proc/1/ns/net", O_RDONLY);
	int ret = -EPERM;
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/net/core/%s", name);
	if (!setns(machine, CLONE_NEWNET))
		ret = file_write(path, text);
	if (setns(here, CLONE_NEWNET))
		abort();
	close(machine);
	close(here);
	return ret;
}

static void sysctl_ipv6(const char *dev, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", dev, name);
	must(path, file_write(path, value));
}

void netns_enter(void)
{
	if (unshare(CLONE_NEWNET))
		err(1, "unshare(CLONE_NEWNET)");
	sysctl_ipv6("all", "disable_ipv6", "1");
	sysctl_ipv6("default", "disable_ipv6", "1");
	must("lo up", link_up("lo"));
}

/* IPv6 without what it does by itself: DAD, link-local addresses, solicitations. */
void ipv6_on(const char *dev)
{
	sysctl_ipv6(dev, "accept_dad", "0");
	sysctl_ipv6(dev, "addr_gen_mode", "1");
	sysctl_ipv6(dev, "router_solicitations", "0");
	sysctl_ipv6("all", "disable_ipv6", "0");
}

/* sysfs shows the interfaces of the namespace that it was mounted in. */
void sysfs_mount(void)
{
	if (unshare(CLONE_NEWNS) ||
	    mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL))
		err(1, "mount of /sys");
}

int run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

int unit_open(int unit, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/bsdtun%d", unit);
	return open(path, flags | O_CLOEXEC);
}

int unit_take(int unit, int flags)
{
	char dev[32];
	int fd, ms;

	snprintf(dev, sizeof(dev), "bsdtun%d", unit);
	for (ms = 0; ms < PATIENCE; ms += 10) {
		fd = unit_open(unit, flags);
		if (fd >= 0 && link_index(dev))
			return fd;
		if (fd < 0 && errno != EBUSY)
			err(1, "/dev/%s", dev);
		if (fd >= 0)
			close(fd);
		pause_ms(10);
	}
	errx(1, "unit %d is held elsewhere", unit);
}

int set(int fd, unsigned long request, int value)
{
	return ioctl(fd, request, &value) ? -errno : 0;
}

int get(int fd, unsigned long request)
{
	int value = -1;

	return ioctl(fd, request, &value) ? -errno : value;
}

int machine_unit(void)
{
	int fd = unit_take(0, O_RDWR | O_NONBLOCK);

	must("address of " DEV, addr_add(DEV, HERE4, NULL, 24));
	must(DEV " up", link_up(DEV));
	/* As it comes it drops from what has waited for 100 ms, if more than an MTU is left. */
	must("qdisc of " DEV, qdisc_set(DEV, "fq_codel", 10240));
	return fd;
}

void machine_setup(int *fd, int *sock)
{
	netns_enter();
	*fd = machine_unit();
	*sock = udp_socket(AF_INET);
}

/* rtnetlink */

struct request {
	struct nlmsghdr head;
	char body[16384];
};

/* Returns the zeroed body. */
static void *request_init(struct request *req, int type, int flags, size_t body_len)
{
	memset(req, 0, sizeof(req->head) + NLMSG_ALIGN(body_len));
	req->head.nlmsg_len = NLMSG_LENGTH(body_len);
	req->head.nlmsg_type = type;
	req->head.nlmsg_flags = NLM_F_REQUEST | flags;
	return req->body;
}

static struct rtattr *put(struct request *req, int type, const void *data, size_t len)
{
	struct rtattr *attr = (void *)req + NLMSG_ALIGN(req->head.nlmsg_len);

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attr), data, len);
	req->head.nlmsg_len = NLMSG_ALIGN(req->head.nlmsg_len) + RTA_ALIGN(attr->rta_len);
	return attr;
}

static void put_u32(struct request *req, int type, uint32_t value)
{
	put(req, type, &value, sizeof(value));
}

static void put_text(struct request *req, int type, const char *text)
{
	put(req, type, text, strlen(text) + 1);
}

static void nest_end(struct request *req, struct rtattr *nest)
{
	nest->rta_len = (void *)req + req->head.nlmsg_len - (void *)nest;
}

/* Returns the address's family; *len is 4 or 16. */
static int address(const char *text, void *addr, size_t *len)
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, addr) != 1)
		errx(1, "%s is no address", text);
	*len = family == AF_INET6 ? 16 : 4;
	return family;
}

static void put_address(struct request *req, int type, const char *text)
{
	unsigned char addr[16];
	size_t len;

	address(text, addr, &len);
	put(req, type, addr, len);
}

static int text_family(const char *text)
{
	unsigned char addr[16];
	size_t len;

	return address(text, addr, &len);
}

int rtnetlink_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		err(1, "rtnetlink");
	return fd;
}

ssize_t (*request_sender)(int fd, const void *request, size_t len, int flags) = send;

/* Takes the place of the request. */
static int answer(int rtnetlink, struct request *req)
{
	struct nlmsgerr *error = (void *)req->body;

	if (recv(rtnetlink, req, sizeof(*req), 0) < 0)
		return -errno;
	return req->head.nlmsg_type == NLMSG_ERROR ? error->error : 0;
}

static int request_send_by(int rtnetlink, struct request *req)
{
	if (request_sender(rtnetlink, req, req->head.nlmsg_len, 0) < 0)
		return -errno;
	return answer(rtnetlink, req);
}

static int request_send(struct request *req)
{
	int fd = rtnetlink_open();
	int ret = request_send_by(fd, req);

	close(fd);
	return ret;
}

static struct ifinfomsg *link_request(struct request *req, const char *dev, int type, int flags)
{
	struct ifinfomsg *ifi = request_init(req, type, flags, sizeof(*ifi));

	ifi->ifi_index = link_index(dev);
	return ifi;
}

/* if_nametoindex(3) would have the kernel run modprobe for a name that it does not know.
 * Whoever stands between the requests sees those proper alone.
 */
int link_index(const char *dev)
{
	struct request req;
	struct ifinfomsg *ifi = request_init(&req, RTM_GETLINK, 0, sizeof(*ifi));
	int fd = rtnetlink_open();
	int ret;

	put_text(&req, IFLA_IFNAME, dev);
	if (send(fd, &req, req.head.nlmsg_len, 0) < 0)
		err(1, "rtnetlink");
	ret = answer(fd, &req);
	close(fd);
	return ret ? 0 : ifi->ifi_index;
}

int link_get(const char *dev, struct link *link)
{
	struct request req;
	struct ifinfomsg *ifi = link_request(&req, dev, RTM_GETLINK, 0);
	struct rtattr *attr;
	int len, ret;

	if (!ifi->ifi_index)
		return -ENODEV;
	ret = request_send(&req);
	if (ret)
		return ret;
	memset(link, 0, sizeof(*link));
	link->index = ifi->ifi_index;
	link->flags = ifi->ifi_flags;
	link->type = ifi->ifi_type;
	len = IFLA_PAYLOAD(&req.head);
	for (attr = IFLA_RTA(ifi); RTA_OK(attr, len); attr = RTA_NEXT(attr, len)) {
		switch (attr->rta_type) {
		case IFLA_MTU:
			memcpy(&link->mtu, RTA_DATA(attr), sizeof(link->mtu));
			break;
		case IFLA_TXQLEN:
			memcpy(&link->txqlen, RTA_DATA(attr), sizeof(link->txqlen));
			break;
		case IFLA_NUM_TX_QUEUES:
			memcpy(&link->queues, RTA_DATA(attr), sizeof(link->queues));
			break;
		case IFLA_CARRIER:
			link->carrier = *(unsigned char *)RTA_DATA(attr);
			break;
		case IFLA_STATS64:
			/* An older kernel's are shorter, a newer one's longer. */
			memcpy(&link->stats, RTA_DATA(attr),
			       RTA_PAYLOAD(attr) < sizeof(link->stats) ?
			       RTA_PAYLOAD(attr) : sizeof(link->stats));
			break;
		}
	}
	return 0;
}

int link_data(const char *dev, void *buf, size_t size)
{
	struct request req;
	struct ifinfomsg *ifi = link_request(&req, dev, RTM_GETLINK, 0);
	struct rtattr *attr, *nested;
	int len, nested_len, ret;

	if (!ifi->ifi_index)
		return -ENODEV;
	ret = request_send(&req);
	if (ret)
		return ret;
	len = IFLA_PAYLOAD(&req.head);
	for (attr = IFLA_RTA(ifi); RTA_OK(attr, len); attr = RTA_NEXT(attr, len)) {
		if (attr->rta_type != IFLA_LINKINFO)
			continue;
		nested_len = RTA_PAYLOAD(attr);
		for (nested = RTA_DATA(attr); RTA_OK(nested, nested_len);
		     nested = RTA_NEXT(nested, nested_len)) {
			if (nested->rta_type != IFLA_INFO_DATA)
				continue;
			if (RTA_PAYLOAD(nested) > size)
				errx(1, "%s: IFLA_INFO_DATA of %d bytes", dev, nested->rta_len);
			memcpy(buf, RTA_DATA(nested), RTA_PAYLOAD(nested));
			return RTA_PAYLOAD(nested);
		}
	}
	return -ENODATA;
}

int link_add_by(int rtnetlink, const char *dev, const char *kind, int queues)
{
	struct request req;
	struct rtattr *info;

	request_init(&req, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
		     sizeof(struct ifinfomsg));
	put_text(&req, IFLA_IFNAME, dev);
	put_u32(&req, IFLA_NUM_TX_QUEUES, queues);
	info = put(&req, IFLA_LINKINFO, NULL, 0);
	put_text(&req, IFLA_INFO_KIND, kind);
	nest_end(&req, info);
	return request_send_by(rtnetlink, &req);
}

int link_add(const char *dev, const char *kind, int queues)
{
	int fd = rtnetlink_open();
	int ret = link_add_by(fd, dev, kind, queues);

	close(fd);
	return ret;
}

int link_del(const char *dev)
{
	struct request req;

	if (!link_request(&req, dev, RTM_DELLINK, NLM_F_ACK)->ifi_index)
		return -ENODEV;
	return request_send(&req);
}

static int link_set_up(const char *dev, bool up)
{
	struct request req;
	struct ifinfomsg *ifi = link_request(&req, dev, RTM_NEWLINK, NLM_F_ACK);

	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	return request_send(&req);
}

int link_up(const char *dev)
{
	return link_set_up(dev, true);
}

int link_down(const char *dev)
{
	return link_set_up(dev, false);
}

int link_set_mtu(const char *dev, int mtu)
{
	struct request req;

	link_request(&req, dev, RTM_NEWLINK, NLM_F_ACK);
	put_u32(&req, IFLA_MTU, mtu);
	return request_send(&req);
}

int link_set_txqlen(const char *dev, int len)
{
	struct request req;

	link_request(&req, dev, RTM_NEWLINK, NLM_F_ACK);
	put_u32(&req, IFLA_TXQLEN, len);
	return request_send(&req);
}

int link_rename(const char *dev, const char *name)
{
	struct request req;

	link_request(&req, dev, RTM_NEWLINK, NLM_F_ACK);
	put_text(&req, IFLA_IFNAME, name);
	return request_send(&req);
}

int link_move(const char *dev, int netns)
{
	struct request req;

	link_request(&req, dev, RTM_NEWLINK, NLM_F_ACK);
	put_u32(&req, IFLA_NET_NS_FD, netns);
	return request_send(&req);
}

int link_set_attribute(const char *dev, int attribute, const void *value, size_t len)
{
	struct rtattr *info, *data;
	struct request req;

	link_request(&req, dev, RTM_NEWLINK, NLM_F_ACK);
	info = put(&req, IFLA_LINKINFO, NULL, 0);
	put_text(&req, IFLA_INFO_KIND, "bsdtun");
	data = put(&req, IFLA_INFO_DATA, NULL, 0);
	put(&req, attribute, value, len);
	nest_end(&req, data);
	nest_end(&req, info);
	return request_send(&req);
}

/* limit is in packets; noqueue has none. fq_codel is told not to drop for age. */
int qdisc_set(const char *dev, const char *kind, int limit)
{
	struct tc_fifo_qopt fifo = { .limit = limit };
	struct request req;
	struct rtattr *options;
	struct tcmsg *tcm;

	tcm = request_init(&req, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK,
			   sizeof(*tcm));
	tcm->tcm_ifindex = link_index(dev);
	tcm->tcm_parent = TC_H_ROOT;
	put_text(&req, TCA_KIND, kind);
	if (!strcmp(kind, "pfifo")) {
		put(&req, TCA_OPTIONS, &fifo, sizeof(fifo));
	} else if (!strcmp(kind, "fq_codel")) {
		options = put(&req, TCA_OPTIONS, NULL, 0);
		put_u32(&req, TCA_FQ_CODEL_LIMIT, limit);
		put_u32(&req, TCA_FQ_CODEL_TARGET, 1000000000);
		nest_end(&req, options);
	}
	return request_send(&req);
}

static void ethtool(const char *dev, void *command)
{
	struct ifreq ifr = { .ifr_data = command };
	int fd;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr))
		err(1, "ethtool %s", dev);
	close(fd);
}

long long counter(const char *dev, const char *name)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} set = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1 << ETH_SS_STATS } };
	struct ethtool_gstrings *names;
	struct ethtool_stats *values;
	long long value;
	uint32_t i;

	ethtool(dev, &set);
	names = calloc(1, sizeof(*names) + set.count * ETH_GSTRING_LEN);
	values = calloc(1, sizeof(*values) + set.count * sizeof(uint64_t));
	if (!names || !values)
		err(1, "ethtool %s", dev);
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	names->len = set.count;
	ethtool(dev, names);
	values->cmd = ETHTOOL_GSTATS;
	values->n_stats = set.count;
	ethtool(dev, values);

	for (i = 0; i < set.count; i++)
		if (!strncmp((char *)names->data + i * ETH_GSTRING_LEN, name, ETH_GSTRING_LEN))
			break;
	if (i == set.count)
		errx(1, "%s has no counter %s", dev, name);
	value = values->data[i];
	free(names);
	free(values);
	return value;
}

static struct ifaddrmsg *addr_request(struct request *req, int type, int flags, const char *dev,
				      const char *addr, int prefix_len)
{
	struct ifaddrmsg *ifa = request_init(req, type, flags | NLM_F_ACK, sizeof(*ifa));

	ifa->ifa_family = text_family(addr);
	ifa->ifa_prefixlen = prefix_len;
	ifa->ifa_index = link_index(dev);
	put_address(req, IFA_LOCAL, addr);
	return ifa;
}

int addr_add(const char *dev, const char *addr, const char *peer, int prefix_len)
{
	struct request req;
	struct ifaddrmsg *ifa;

	ifa = addr_request(&req, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, dev, addr, prefix_len);
	if (ifa->ifa_family == AF_INET6)
		ifa->ifa_flags = IFA_F_NODAD;
	put_address(&req, IFA_ADDRESS, peer ? peer : addr);
	return request_send(&req);
}

int addr_del(const char *dev, const char *addr, int prefix_len)
{
	struct request req;

	addr_request(&req, RTM_DELADDR, 0, dev, addr, prefix_len);
	return request_send(&req);
}

int addr_count(const char *dev, int family)
{
	struct ifaddrs *list, *ifa;
	int count = 0;

	if (getifaddrs(&list))
		err(1, "getifaddrs");
	for (ifa = list; ifa; ifa = ifa->ifa_next)
		count += ifa->ifa_addr && ifa->ifa_addr->sa_family == family &&
			 !strcmp(ifa->ifa_name, dev);
	freeifaddrs(list);
	return count;
}

int route_add(const char *dev, const char *dst, int prefix_len, const char *gateway)
{
	struct request req;
	struct rtmsg *rtm;

	rtm = request_init(&req, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
			   sizeof(*rtm));
	rtm->rtm_family = text_family(dst);
	rtm->rtm_dst_len = prefix_len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	rtm->rtm_type = RTN_UNICAST;
	put_address(&req, RTA_DST, dst);
	if (gateway)
		put_address(&req, RTA_GATEWAY, gateway);
	put_u32(&req, RTA_OIF, link_index(dev));
	return request_send(&req);
}

/* IPv4: the main table. IPv6: all tables. */
int route_count(const char *dev, int family)
{
	const char *path = family == AF_INET6 ? "/proc/self/net/ipv6_route" :
						"/proc/self/net/route";
	const char *name_at = family == AF_INET6 ? "%*s %*s %*s %*s %*s %*s %*s %*s %*s %15s" :
						   "%15s";
	char line[512], name[IFNAMSIZ];
	int count = 0;
	FILE *file;

	file = fopen(path, "re");
	if (!file)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), file))
		count += sscanf(line, name_at, name) == 1 && !strcmp(name, dev);
	fclose(file);
	return count;
}

static int route_type(const char *dst)
{
	struct request req;
	struct rtmsg *rtm;

	rtm = request_init(&req, RTM_GETROUTE, 0, sizeof(*rtm));
	rtm->rtm_family = text_family(dst);
	put_address(&req, RTA_DST, dst);
	return request_send(&req) ? RTN_UNSPEC : rtm->rtm_type;
}

/* An IPv6 address is no destination of packets before a worker has seen to it. */
int machine_ipv6(void)
{
	int ms;

	ipv6_on(DEV);
	must("IPv6 address of " DEV, addr_add(DEV, HERE6, NULL, 64));
	for (ms = 0; route_type(HERE6) != RTN_LOCAL; ms++) {
		if (ms == PATIENCE)
			errx(1, "%s is not local", HERE6);
		pause_ms(1);
	}
	return udp_socket(AF_INET6);
}

/* Packets */

uint32_t sum_add(uint32_t sum, const void *data, size_t len)
{
	const unsigned char *byte = data;
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? byte[i] : byte[i] << 8;
	return sum;
}

uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static bool is_ipv6(const void *packet)
{
	return *(const unsigned char *)packet >> 4 == 6;
}

/* What TCP, UDP and ICMPv6 put before their data when they add it up. */
static uint32_t sum_pseudo(const void *packet, size_t transport_len)
{
	const struct ip6_hdr *ip6 = packet;
	const struct iphdr *ip = packet;

	if (is_ipv6(packet))
		return sum_add(transport_len + ip6->ip6_nxt, &ip6->ip6_src, 32);
	if (ip->protocol == IPPROTO_ICMP)
		return 0;
	return sum_add(transport_len + ip->protocol, &ip->saddr, 8);
}

static size_t header_len(const void *packet)
{
	return is_ipv6(packet) ? sizeof(struct ip6_hdr) : ((const struct iphdr *)packet)->ihl * 4;
}

static uint16_t checksum(const void *packet, size_t len)
{
	size_t header = header_len(packet);

	return sum_fold(sum_add(sum_pseudo(packet, len - header), packet + header, len - header));
}

/* Returns the length of the header. */
static size_t build_ip(int family, void *packet, int protocol, size_t len)
{
	struct ip6_hdr *ip6 = packet;
	struct iphdr *ip = packet;
	size_t addr_len;

	if (family == AF_INET6) {
		memset(ip6, 0, sizeof(*ip6));
		ip6->ip6_vfc = 0x60;
		ip6->ip6_plen = htons(len);
		ip6->ip6_nxt = protocol;
		ip6->ip6_hlim = 64;
		address(THERE6, &ip6->ip6_src, &addr_len);
		address(HERE6, &ip6->ip6_dst, &addr_len);
		return sizeof(*ip6);
	}
	memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = htons(sizeof(*ip) + len);
	ip->ttl = 64;
	ip->protocol = protocol;
	address(THERE4, &ip->saddr, &addr_len);
	address(HERE4, &ip->daddr, &addr_len);
	ip->check = htons(sum_fold(sum_add(0, ip, sizeof(*ip))));
	return sizeof(*ip);
}

size_t build_udp(int family, void *packet, const void *payload, size_t len)
{
	size_t header = build_ip(family, packet, IPPROTO_UDP, sizeof(struct udphdr) + len);
	size_t total = header + sizeof(struct udphdr) + len;
	struct udphdr *udp = packet + header;

	udp->source = htons(PORT);
	udp->dest = htons(PORT);
	udp->len = htons(sizeof(*udp) + len);
	udp->check = 0;
	memcpy(udp + 1, payload, len);
	udp->check = htons(checksum(packet, total) ?: 0xffff);
	return total;
}

size_t batch_aligned(size_t len)
{
	return (len + TUN_BATCH_ALIGN - 1) / TUN_BATCH_ALIGN * TUN_BATCH_ALIGN;
}

size_t build_tcp(void *packet, uint32_t seq, size_t len)
{
	size_t header = build_ip(AF_INET, packet, IPPROTO_TCP, sizeof(struct tcphdr) + len);
	size_t total = header + sizeof(struct tcphdr) + len;
	struct tcphdr *tcp = packet + header;
	struct iphdr *ip = packet;

	/* Packets that all have one identification are joined if they are not to be cut. */
	ip->frag_off = htons(IP_DF);
	ip->check = 0;
	ip->check = htons(sum_fold(sum_add(0, ip, sizeof(*ip))));
	memset(tcp, 0, sizeof(*tcp));
	tcp->source = htons(PORT);
	tcp->dest = htons(PORT);
	tcp->seq = htonl(seq);
	tcp->ack_seq = htonl(1);
	tcp->doff = sizeof(*tcp) / 4;
	tcp->ack = 1;
	tcp->window = htons(1000);
	pattern(tcp + 1, len);
	tcp->check = htons(checksum(packet, total));
	return total;
}

size_t build_tcp_batch(void *batch, int count, size_t len)
{
	struct tun_batch_hdr *header;
	size_t at = 0;
	int i;

	for (i = 0; i < count; i++) {
		header = batch + at;
		header->len = build_tcp(header + 1, 1 + i * len, len);
		header->reserved = 0;
		at += batch_aligned(sizeof(*header) + header->len);
	}
	return at;
}

size_t build_echo(int family, void *packet, size_t len)
{
	int protocol = family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	size_t header = build_ip(family, packet, protocol, sizeof(struct icmphdr) + len);
	size_t total = header + sizeof(struct icmphdr) + len;
	struct icmphdr *icmp = packet + header;

	memset(icmp, 0, sizeof(*icmp));
	icmp->type = family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	icmp->un.echo.id = htons(PORT);
	pattern(icmp + 1, len);
	icmp->checksum = htons(checksum(packet, total));
	return total;
}

/* Right lengths and right checksums */
bool packet_is_sound(const void *packet, size_t len)
{
	const struct ip6_hdr *ip6 = packet;
	const struct iphdr *ip = packet;

	if (len < sizeof(*ip))
		return false;
	if (is_ipv6(packet)) {
		if (len != sizeof(*ip6) + ntohs(ip6->ip6_plen))
			return false;
	} else if (ip->version != 4 || len != ntohs(ip->tot_len) ||
		   sum_fold(sum_add(0, ip, header_len(packet)))) {
		return false;
	}
	return !checksum(packet, len);
}

const void *packet_payload(const void *packet)
{
	return packet + header_len(packet) + sizeof(struct udphdr);
}

long packet_number(const void *packet)
{
	uint32_t number;

	memcpy(&number, packet_payload(packet), sizeof(number));
	return ntohl(number);
}

/* Bytes that do not repeat with the size of a page. */
void pattern(void *buf, size_t len)
{
	unsigned char *byte = buf;
	size_t i;

	for (i = 0; i < len; i++)
		byte[i] = i % 251;
}

int udp_socket(int family)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 here6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in there = here;
	struct sockaddr_in6 there6 = here6;
	struct timeval timeout = { .tv_sec = PATIENCE / 1000 };
	int fd, ret, size = BUFFER_SIZE;

	fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		err(1, "UDP socket");
	if (family == AF_INET6) {
		inet_pton(AF_INET6, HERE6, &here6.sin6_addr);
		inet_pton(AF_INET6, THERE6, &there6.sin6_addr);
		ret = bind(fd, (struct sockaddr *)&here6, sizeof(here6)) ||
		      connect(fd, (struct sockaddr *)&there6, sizeof(there6));
	} else {
		inet_pton(AF_INET, HERE4, &here.sin_addr);
		inet_pton(AF_INET, THERE4, &there.sin_addr);
		ret = bind(fd, (struct sockaddr *)&here, sizeof(here)) ||
		      connect(fd, (struct sockaddr *)&there, sizeof(there));
	}
	if (ret)
		err(1, "UDP socket");
	return fd;
}

int packet_socket(const char *dev)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = link_index(dev) };
	int fd;

	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "packet socket");
	return fd;
}

void packet_send(int sock, const char *dev, int ethertype, const void *packet, size_t len)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ethertype),
				    .sll_ifindex = link_index(dev) };

	if (sendto(sock, packet, len, 0, (struct sockaddr *)&addr, sizeof(addr)) != (ssize_t)len)
		err(1, "packet socket");
}

void send_numbers(int sock, int first, int count)
{
	uint32_t number;
	int i;

	for (i = 0; i < count; i++) {
		number = htonl(first + i);
		if (send(sock, &number, sizeof(number), 0) != sizeof(number))
			err(1, "sending datagram %d", first + i);
	}
}

/* The number in the next packet; -errno; -EBADMSG if it holds none. */
long read_number(int fd, size_t prefix)
{
	unsigned char buf[256];
	ssize_t len;

	len = read(fd, buf, sizeof(buf));
	if (len < 0)
		return -errno;
	if ((size_t)len < prefix + UDP4_HEADERS + sizeof(uint32_t) ||
	    !packet_is_sound(buf + prefix, len - prefix))
		return -EBADMSG;
	return packet_number(buf + prefix);
}

long wait_number(int fd, size_t prefix)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (poll(&pfd, 1, PATIENCE) != 1)
		return -ETIMEDOUT;
	return read_number(fd, prefix);
}

/* read(2), but for the packets that IPv6 sends of its own accord. */
ssize_t read_udp6(int fd, void *buf, size_t size, size_t prefix)
{
	const struct ip6_hdr *ip6 = buf + prefix;
	ssize_t len;

	do {
		len = read(fd, buf, size);
	} while (len >= (ssize_t)(prefix + sizeof(*ip6)) && is_ipv6(ip6) &&
		 ip6->ip6_nxt != IPPROTO_UDP);
	return len;
}

#ifdef __x86_64__
int ioctl32(int fd, unsigned long request, void *arg)
{
	int ret;

	asm volatile("int $0x80" : "=a"(ret)
		     : "a"(54), "b"(fd), "c"(request), "d"(arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}
#endif

void *before_hole(size_t len)
{
	const size_t size = 65536;
	void *map;

	map = mmap(NULL, size * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED || munmap(map + size, size))
		err(1, "mmap");
	return map + size - len;
}

/* Processes that sleep */

/* Waits until the process sleeps in a system call; not for a lock, which is no
 * interruptible sleep.
 */
void wait_asleep(pid_t pid)
{
	char path[32], call[256], status[8192];
	int ms;

	for (ms = 0; ms < PATIENCE; ms++) {
		snprintf(path, sizeof(path), "/proc/%d/status", pid);
		file_read(path, status, sizeof(status));
		snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
		file_read(path, call, sizeof(call));
		if (strstr(status, "State:\tS") && call[0] >= '0' && call[0] <= '9')
			return;
		pause_ms(1);
	}
	errx(1, "process %d does not sleep: %s", pid, call);
}

long context_switches(pid_t pid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char path[32], text[8192];
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file_read(path, text, sizeof(text));
	line = strstr(text, key);
	if (!line)
		errx(1, "%s has no %s", path, key + 1);
	return strtol(line + strlen(key), NULL, 10);
}

void sleeper_start(struct sleeper *sleeper, call_t call, int fd)
{
	struct result result = { 0 };
	int ends[2];

	if (pipe(ends))
		err(1, "pipe");
	sleeper->pid = fork();
	if (sleeper->pid < 0)
		err(1, "fork");
	if (!sleeper->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		result.ret = call(fd, result.data, sizeof(result.data));
		result.err = errno;
		_exit(write(ends[1], &result, sizeof(result)) != sizeof(result));
	}
	close(ends[1]);
	sleeper->pipe = ends[0];
	wait_asleep(sleeper->pid);
}

bool sleeper_done(struct sleeper *sleeper, int timeout)
{
	struct pollfd pfd = { .fd = sleeper->pipe, .events = POLLIN };

	return poll(&pfd, 1, timeout) == 1;
}

void sleeper_result(struct sleeper *sleeper, struct result *result)
{
	if (!sleeper_done(sleeper, PATIENCE))
		errx(1, "process %d still sleeps", sleeper->pid);
	if (read(sleeper->pipe, result, sizeof(*result)) != sizeof(*result))
		errx(1, "process %d died", sleeper->pid);
	close(sleeper->pipe);
	waitpid(sleeper->pid, NULL, 0);
}

long memory_in_use(void)
{
	char text[8192];

	file_read("/proc/meminfo", text, sizeof(text));
	return atol(strstr(text, "MemTotal:") + 9) - atol(strstr(text, "MemAvailable:") + 13);
}

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || lseek(fd, 0, SEEK_END) < 0)
		err(1, "/dev/kmsg");
	return fd;
}

int kmsg_count(int kmsg, const char *word)
{
	int count = 0;
	char text[8192];
	ssize_t len;

	/* EPIPE: the log has overrun us; what is left still counts. */
	while ((len = read(kmsg, text, sizeof(text) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		if (len < 0)
			continue;
		text[len] = '\0';
		count += !!strstr(text, word);
	}
	return count;
}

/* From the first function of a name in the kernel to the end of the last: static ones
 * may share it.
 */
static void function_range(const char *name, unsigned long long range[2])
{
	unsigned long long address, last = 0;
	char line[512], symbol[256];
	FILE *symbols = fopen("/proc/kallsyms", "re");

	range[0] = 0;
	range[1] = 0;
	while (symbols && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%llx %*c %255s", &address, symbol) != 2)
			continue;
		if (!strcmp(symbol, name)) {
			range[0] = range[0] ?: address;
			range[1] = 0;
			last = address;
		} else if (last && !range[1] && address > last) {
			range[1] = address;
		}
	}
	if (!range[1])
		errx(1, "/proc/kallsyms does not tell where %s is", name);
	fclose(symbols);
}

void faults_spare_tracing(void)
{
	static const char *const faults[] = { "failslab", "fail_page_alloc" };
	static const char *const ends[] = { "reject-start", "reject-end" };
	unsigned long long range[2];
	char path[64], text[32];
	unsigned int i, j;

	/* Of evaluated names and of events; what lies between is tracing's as well. */
	function_range("trace_module_notify", range);
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", faults[i], ends[j]);
			snprintf(text, sizeof(text), "%#llx", range[j]);
			if (file_write(path, text))
				err(1, "%s", path);
		}
	}
}

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/bsdtun-selftest"

void trace_start(void)
{
	if (access(TRACEFS "/instances", F_OK) && mount("tracefs", TRACEFS, "tracefs", 0, NULL))
		err(1, "mount of " TRACEFS);
	rmdir(INSTANCE);
	if (mkdir(INSTANCE, 0700))
		err(1, "mkdir " INSTANCE);
}

void trace_stop(void)
{
	if (rmdir(INSTANCE))
		err(1, "rmdir " INSTANCE);
}

void trace_event(const char *event)
{
	char path[256];

	snprintf(path, sizeof(path), INSTANCE "/events/%s/enable", event);
	must(path, file_write(path, "1"));
}

/* Counts the lines, and copies the last of them. */
static int trace_search(const char *event, const char *text, char *last, size_t size)
{
	char word[64], *line = NULL;
	size_t room = 0;
	int count = 0;
	FILE *file;

	snprintf(word, sizeof(word), " %s: ", strchr(event, '/') + 1);
	file = fopen(INSTANCE "/trace", "re");
	if (!file)
		err(1, INSTANCE "/trace");
	while (getline(&line, &room, file) > 0) {
		if (!strstr(line, word) || !strstr(line, text))
			continue;
		count++;
		snprintf(last, size, "%s", line);
	}
	free(line);
	fclose(file);
	return count;
}

int trace_count(const char *event, const char *text)
{
	char line[1];

	return trace_search(event, text, line, sizeof(line));
}

bool trace_find(const char *event, const char *text, char *line, size_t size)
{
	return trace_search(event, text, line, size);
}

void file_send(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = "";
	struct iovec iov = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	if (sendmsg(sock, &msg, 0) != 1)
		_exit(1);
}

int file_receive(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}
