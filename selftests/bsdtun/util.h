/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Shared by the C tests: namespaces, links, addresses, packets, counters and
 * processes that sleep in a call.
 *
 * What returns an int returns 0 or -errno. What returns nothing prepares a
 * test, and ends it with a message when it cannot.
 */
#ifndef BSDTUN_SELFTEST_UTIL_H
#define BSDTUN_SELFTEST_UTIL_H

#include <linux/if_link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DEV		"bsdtun0"
#define HERE4		"192.0.2.1"	/* the address of the interface */
#define THERE4		"192.0.2.2"	/* who is behind the device */
#define HERE6		"2001:db8::1"
#define THERE6		"2001:db8::2"
#define PORT		7000		/* UDP, on both sides */

#define AF_WORD		4		/* length of TUNSIFHEAD's prefix */
#define HEADER_MAX	12		/* of the longest header of offloads */
#define UDP4_HEADERS	(20 + 8)
#define UDP6_HEADERS	(40 + 8)
#define ROOM		(65536 + 64)	/* for any packet and its prefix */

#define PATIENCE	30000		/* ms until what must happen has failed to */

/* The harness's 30 s are little for a kernel with all checkers on a busy machine. */
#ifdef TEST_TIMEOUT_DEFAULT
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600
#endif

/* Microseconds since some moment in the past */
long long now_us(void);

/* Namespaces. IPv6 is off in a new one, so that no packet is sent unasked. */
void netns_enter(void);
void ipv6_on(const char *dev);
void sysfs_mount(void);

/* Files. file_write() returns -errno. */
int file_write(const char *path, const char *text);
void file_read(const char *path, char *buf, size_t size);

/* Whether the kernel is of an older series, such as before 6.2. */
bool kernel_before(int major, int minor);

/* A file of /proc/sys/net/core that is the machine's, not of a network namespace; -errno. */
int core_set(const char *name, const char *text);

/* On this processor alone from now on. */
int run_on(int cpu);

/* unit_open() is open(2) of a node; unit_take() opens a unit that nobody holds,
 * for which it waits till what a failed test left behind is gone, so that its
 * interface stands in this namespace.
 */
int unit_open(int unit, int flags);
int unit_take(int unit, int flags);

/* ioctl(2) with an int: 0, or the value; or -errno. */
int set(int fd, unsigned long request, int value);
int get(int fd, unsigned long request);

/* A namespace with unit 0 open, non-blocking, its interface up with HERE4 and a qdisc that
 * drops nothing for its age, which is what machine_unit() makes, and a UDP socket;
 * machine_ipv6() adds IPv6 and returns a socket for it.
 */
int machine_unit(void);
void machine_setup(int *fd, int *sock);
int machine_ipv6(void);

/* What hands rtnetlink its requests: send(2), unless a test wants to stand between. */
extern ssize_t (*request_sender)(int fd, const void *request, size_t len, int flags);

/* Links */
struct link {
	int index;
	int flags;
	int type;
	int mtu;
	int txqlen;
	int queues;
	bool carrier;
	struct rtnl_link_stats64 stats;
};

int link_index(const char *dev);	/* 0: there is none */
int link_get(const char *dev, struct link *link);
int link_add(const char *dev, const char *kind, int queues);
int link_del(const char *dev);
int link_up(const char *dev);
int link_down(const char *dev);
int link_set_mtu(const char *dev, int mtu);
int link_set_txqlen(const char *dev, int len);
int link_rename(const char *dev, const char *name);
int link_move(const char *dev, int netns);
int qdisc_set(const char *dev, const char *kind, int limit);
long long counter(const char *dev, const char *name);

/* A socket of this network namespace, and a link added through one. */
int rtnetlink_open(void);
int link_add_by(int rtnetlink, const char *dev, const char *kind, int queues);

/* IFLA_INFO_DATA: as it stands in the answer (returns its length), and one IFLA_BSDTUN_
 * attribute of it to be set.
 */
int link_data(const char *dev, void *buf, size_t size);
int link_set_attribute(const char *dev, int attribute, const void *value, size_t len);

/* A file through a socket of AF_UNIX. Who cannot send it ends; -1: none came. */
void file_send(int sock, int fd);
int file_receive(int sock);

/* Addresses and routes, of the family that the text has */
int addr_add(const char *dev, const char *addr, const char *peer, int prefix_len);
int addr_del(const char *dev, const char *addr, int prefix_len);
int addr_count(const char *dev, int family);
int route_add(const char *dev, const char *dst, int prefix_len, const char *gateway);
int route_count(const char *dev, int family);

/* Packets from THERE to HERE. The builders return the length. */
size_t build_udp(int family, void *packet, const void *payload, size_t len);
size_t build_tcp(void *packet, uint32_t seq, size_t len);	/* of IPv4 */
size_t build_echo(int family, void *packet, size_t len);
bool packet_is_sound(const void *packet, size_t len);
const void *packet_payload(const void *packet);
long packet_number(const void *packet);	/* of send_numbers() */
void pattern(void *buf, size_t len);

/* Where the frame of a batch that follows so many bytes begins; and a batch of so many
 * segments, which follow each other.
 */
size_t batch_aligned(size_t len);
size_t build_tcp_batch(void *batch, int count, size_t len);

/* Checksums: bytes from an even place on are added; the sum becomes the checksum. */
uint32_t sum_add(uint32_t sum, const void *data, size_t len);
uint16_t sum_fold(uint32_t sum);

/* A packet socket on an interface, which sees both directions from the network
 * header on, and what it sends, with an ethertype.
 */
int packet_socket(const char *dev);
void packet_send(int sock, const char *dev, int ethertype, const void *packet, size_t len);

/* UDP between HERE and THERE: a socket, and datagrams that hold their number.
 * wait_number() waits for the next packet, however the file was opened: once a
 * reader has made room, the queueing discipline goes on when it is its turn.
 */
int udp_socket(int family);
void send_numbers(int sock, int first, int count);
long read_number(int fd, size_t prefix);
long wait_number(int fd, size_t prefix);
ssize_t read_udp6(int fd, void *buf, size_t size, size_t prefix);

#ifdef __x86_64__
int ioctl32(int fd, unsigned long request, void *arg);	/* as a 32-bit program calls */
#endif

/* The last len bytes before an address that faults; len is at most 64 KiB. */
void *before_hole(size_t len);

/* A child that makes one call that sleeps, and reports what it returned. */
struct sleeper {
	pid_t pid;
	int pipe;
};

struct result {
	ssize_t ret;
	int err;
	unsigned char data[128];
};

typedef ssize_t (*call_t)(int fd, void *buf, size_t len);

void sleeper_start(struct sleeper *sleeper, call_t call, int fd);
bool sleeper_done(struct sleeper *sleeper, int timeout);
void sleeper_result(struct sleeper *sleeper, struct result *result);
void wait_asleep(pid_t pid);
long context_switches(pid_t pid);

/* What the kernel could not give to others, in KiB */
long memory_in_use(void);

/* Kernel log: the lines from kmsg_open() on that hold a word. */
int kmsg_open(void);
int kmsg_count(int kmsg, const char *word);

/* Faults never strike what the kernel's tracing allocates for a module that is loaded: it
 * warns when that fails. Needs CONFIG_FAULT_INJECTION_STACKTRACE_FILTER.
 */
void faults_spare_tracing(void);

/* Tracing, in an instance of its own. An event is named with its directory, and the last
 * line of it since then that has a text is found.
 */
void trace_start(void);
void trace_stop(void);
void trace_event(const char *event);
int trace_count(const char *event, const char *text);
bool trace_find(const char *event, const char *text, char *line, size_t size);

#endif /* BSDTUN_SELFTEST_UTIL_H */
