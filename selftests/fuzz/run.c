// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* One program in a process of its own, and a look at what it has left behind. */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "util.h"

#define RUN_SECONDS	180	/* then a program is killed */
#define DEATH_SECONDS	60	/* then it hangs for good */

struct shared *shared;
bool verbose;

static int namespaces[2];
static int kmsg = -1;

/* What a sound kernel does not log; most is what the scripts of the guest look for, too. */
static const char *const alarms[] = {
	"WARNING:", "BUG:", "BUG ", "Oops", "invalid opcode", "general protection",
	"Kernel panic", "rcu: INFO:", "stall on CPU", "soft lockup", "hard LOCKUP",
	"blocked for more than", "possible circular locking", "possible recursive locking",
	"inconsistent lock state", "suspicious RCU usage", "KASAN", "UBSAN", "ODEBUG",
	"corruption", "refcount_t:", "ref_tracker:", "unregister_netdevice: waiting",
	"NETDEV WATCHDOG", "hw csum failure", "sleeping function", "scheduling while atomic",
	"Invalid wait context", "lock held when returning to user space",
};

/* The first one counts. */
void finding(const char *format, ...)
{
	va_list args;

	if (*shared->finding)
		return;
	va_start(args, format);
	vsnprintf(shared->finding, sizeof(shared->finding), format, args);
	va_end(args);
}

void feature_add(uint32_t a, uint32_t b)
{
	shared->feature[((a * 0x9e3779b1U) ^ (b * 0x85ebca6bU)) >> 16] = 1;
}

const char *run_finding(void)
{
	return *shared->finding ? shared->finding : NULL;
}

/* The kernel log since last time. From an alarm on it is printed, to its end. */
static void check_log(void)
{
	struct timespec more = { .tv_nsec = 300000000 };
	char record[8192], *text;
	bool alarmed = false;
	unsigned int i;
	ssize_t len;

	for (;;) {
		len = read(kmsg, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)
			continue;
		if (len < 0) {
			/* A report may take its time. */
			if (!alarmed || nanosleep(&more, NULL))
				return;
			len = read(kmsg, record, sizeof(record) - 1);
			if (len < 0)
				return;
		}
		record[len] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		/* Its memory may have been what was to fail. */
		if (strstr(text, "ref_tracker: memory allocation failure"))
			continue;
		for (i = 0; !alarmed && i < sizeof(alarms) / sizeof(*alarms); i++) {
			if (strstr(text, alarms[i])) {
				alarmed = true;
				finding("kernel log: %s", text + 1);
			}
		}
		if (alarmed)
			printf("@log %s\n", text + 1);
	}
}

static void file_put(const char *path, const char *text)
{
	int ret = file_write(path, text);

	if (ret)
		errx(2, "%s: %s", path, strerror(-ret));
}

static void failing_init(void)
{
	static const char *const ways[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char path[64];
	unsigned int i;

	if (access("/proc/self/fail-nth", W_OK))
		err(2, "this kernel cannot make memory fail (CONFIG_FAULT_INJECTION)");
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/verbose", ways[i]);
		file_put(path, "0");
	}
	file_put("/sys/kernel/debug/failslab/ignore-gfp-wait", "0");
	file_put("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "0");
	file_put("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "0");
	file_put("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	faults_spare_tracing();
}

/* Addresses of IPv6 work at once, and nothing is sent unasked. */
static int namespace_new(void)
{
	static const char *const quiet[][2] = {
		{ "accept_dad", "0" }, { "addr_gen_mode", "1" }, { "router_solicitations", "0" },
	};
	char path[64];
	unsigned int i;

	if (unshare(CLONE_NEWNET))
		err(2, "unshare");
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/default/%s", quiet[i][0]);
		file_put(path, quiet[i][1]);
	}
	link_up("lo");
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void module_renew(void)
{
	struct timespec wait = { .tv_nsec = 50000000 };
	int tries, ret;

	for (tries = 0; tries < 200; tries++) {
		ret = module_unload();
		if (!ret || ret == -ENOENT)
			break;
		nanosleep(&wait, NULL);
	}
	if (ret && ret != -ENOENT)
		finding("the module cannot be unloaded: %s", strerror(-ret));
	ret = module_load(module_options[0]);
	if (ret)
		finding("the module cannot be loaded: %s", strerror(-ret));
	cover_locate();
	module_nodes_open_to_all();
}

void run_init(void)
{
	int ignored[] = { SIGIO, SIGPIPE, SIGRTMIN, SIGURG };
	unsigned int i;

	/* Signals to the group of a program are not for who has started this. */
	setpgid(0, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		err(2, "mmap");
	for (i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	cover_init();
	failing_init();
	/* What the kernel reports is told in full, with the program that led to it. */
	file_put("/proc/sys/kernel/printk", "1");
	file_put("/proc/sys/kernel/panic_on_warn", "0");
	file_put("/proc/sys/kernel/panic_on_oops", "0");
	namespaces[1] = namespace_new();
	namespaces[0] = namespace_new();
	mkdir("/tmp/sys", 0755);
	if (mount("sysfs", "/tmp/sys", "sysfs", 0, NULL))
		err(2, "mount of sysfs");
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0)
		err(2, "/dev/kmsg");
	module_renew();
	if (run_finding())
		errx(2, "%s", run_finding());
	if (!shared->text)
		errx(2, "the module does not tell where it is");
	calls_init(namespaces);
}

static bool wait_end(pid_t pid, int seconds, int *status)
{
	struct pollfd pfd = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	bool ended;

	if (pfd.fd < 0)
		err(2, "pidfd_open");
	ended = poll(&pfd, 1, seconds * 1000) == 1;
	close(pfd.fd);
	if (ended)
		waitpid(pid, status, 0);
	return ended;
}

/* Runs a function in a process of its own. */
static void in_child(const char *what, void (*function)(const void *), const void *argument)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(2, "fork");
	if (!pid) {
		function(argument);
		fflush(stdout);
		_exit(0);
	}
	if (!wait_end(pid, RUN_SECONDS, &status)) {
		finding("%s did not end in %d seconds", what, RUN_SECONDS);
		/* Where it hangs goes to the kernel log, and from there to the output. */
		file_write("/proc/sysrq-trigger", "w");
		file_write("/proc/sysrq-trigger", "l");
		printf("@log %s\n", shared->finding);
		kill(pid, SIGKILL);
		if (!wait_end(pid, DEATH_SECONDS, &status))
			finding("%s cannot be killed", what);
	} else if (status && !shared->failing) {
		/* One whose own memory fails may end as it likes. */
		finding("%s ended with status %#x", what, status);
	}
}

/* ethtool's counters of a link: sums of those whose names begin so. */
struct sums {
	uint64_t tx_dropped;
	uint64_t rx_errors;
	uint64_t rx_dropped;
	uint64_t left_ring;	/* packets that left the ring without a reader */
};

static bool ethtool(const char *name, void *command)
{
	struct ifreq ifr = { .ifr_data = command };
	int fd, ret;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ret = ioctl(fd, SIOCETHTOOL, &ifr);
	close(fd);
	return !ret;
}

#define COUNTERS_MAX 32

static bool sum_counters(const char *name, struct sums *sums)
{
	struct {
		struct ethtool_sset_info head;
		uint32_t count;
	} set = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1 << ETH_SS_STATS } };
	struct {
		struct ethtool_gstrings head;
		char name[COUNTERS_MAX][ETH_GSTRING_LEN];
	} names = { .head = { .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS } };
	struct {
		struct ethtool_stats head;
		uint64_t value[COUNTERS_MAX];
	} stats = { .head = { .cmd = ETHTOOL_GSTATS } };
	unsigned int i;

	if (!ethtool(name, &set) || !set.count || set.count > COUNTERS_MAX)
		return false;
	names.head.len = set.count;
	stats.head.n_stats = set.count;
	if (!ethtool(name, &names) || !ethtool(name, &stats))
		return false;
	memset(sums, 0, sizeof(*sums));
	for (i = 0; i < set.count; i++) {
		if (!strncmp(names.name[i], "tx_dropped_", 11))
			sums->tx_dropped += stats.value[i];
		if (!strncmp(names.name[i], "rx_errors_", 10))
			sums->rx_errors += stats.value[i];
		if (!strncmp(names.name[i], "rx_dropped_", 11))
			sums->rx_dropped += stats.value[i];
		if (!strcmp(names.name[i], "tx_dropped_purged") ||
		    !strcmp(names.name[i], "tx_dropped_fault"))
			sums->left_ring += stats.value[i];
	}
	return true;
}

/* The stack has drops of its own besides ours, in both directions. */
static void check_counters(const char *name)
{
	struct link link;
	struct sums sums;

	if (link_get(name, &link) || !sum_counters(name, &sums)) {
		finding("%s does not tell its counters", name);
		return;
	}
	if (link.stats.tx_dropped < sums.tx_dropped)
		finding("%s: tx_dropped %llu, its causes %llu", name,
			(unsigned long long)link.stats.tx_dropped,
			(unsigned long long)sums.tx_dropped);
	if (link.stats.rx_errors != sums.rx_errors)
		finding("%s: rx_errors %llu, its causes %llu", name,
			(unsigned long long)link.stats.rx_errors,
			(unsigned long long)sums.rx_errors);
	if (link.stats.rx_dropped < sums.rx_dropped)
		finding("%s: rx_dropped %llu, its causes %llu", name,
			(unsigned long long)link.stats.rx_dropped,
			(unsigned long long)sums.rx_dropped);
	if (link.stats.tx_packets < sums.left_ring)
		finding("%s: %llu packets entered the ring, %llu left it unread", name,
			(unsigned long long)link.stats.tx_packets,
			(unsigned long long)sums.left_ring);
	if (link.carrier)
		finding("%s has a carrier and no file is open", name);
}

/* sysfs shows the first namespace. */
static void check_closed(const char *name)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/tmp/sys/class/net/%s/bsdtun/opens", name);
	file_read(path, text, sizeof(text));
	if (strcmp(text, "0\n"))
		finding("%s: no file is open, opens is %s", name, text);
	snprintf(path, sizeof(path), "/tmp/sys/class/net/%s/bsdtun/pid", name);
	file_read(path, text, sizeof(text));
	if (strcmp(text, "0\n"))
		finding("%s: no file is open, pid is %s", name, text);
}

/* tunl0 is another driver's, which has one in each namespace. */
static bool is_ours(const char *name)
{
	if (!strcmp(name, "tunl0"))
		return false;
	return !strncmp(name, "bsdtun", 6) || !strncmp(name, "fuzz", 4) ||
	       !strncmp(name, "tun", 3) || !strcmp(name, "nodev");
}

static void clean_namespace(unsigned int i)
{
	struct if_nameindex *list, *at;
	int ret;

	if (setns(namespaces[i], CLONE_NEWNET))
		err(2, "setns");
	list = if_nameindex();
	if (!list)
		err(2, "if_nameindex");
	for (at = list; at->if_index; at++) {
		if (!is_ours(at->if_name))
			continue;
		check_counters(at->if_name);
		if (!i)
			check_closed(at->if_name);
		ret = link_del(at->if_name);
		if (ret && ret != -ENODEV)
			finding("%s cannot be deleted: %s", at->if_name, strerror(-ret));
	}
	if_freenameindex(list);
}

static void run_calls(const void *program)
{
	/* Who runs out of memory here complains of it. */
	if (!verbose && !freopen("/dev/null", "w", stderr))
		finding("/dev/null: %m");
	calls_run(program);
}

/* What features it has and what was found stands in the shared memory then. */
void run_program(const struct program *program)
{
	memset(shared->feature, 0, sizeof(shared->feature));
	shared->finding[0] = '\0';
	shared->reloaded = false;
	shared->strayed = false;
	shared->failing = 0;
	shared->pcs = 0;
	in_child("the program", run_calls, program);
	cover_collect();
	check_log();
	if (run_finding())
		return;
	clean_namespace(1);
	clean_namespace(0);
	if (shared->reloaded || shared->strayed)
		module_renew();
	check_log();
}

static void live(const void *unused)
{
	unsigned char packet[256];
	int fd, sock, i, tries;
	size_t len;
	ssize_t ret;

	(void)unused;
	machine_setup(&fd, &sock);
	send_numbers(sock, 0, 5);
	for (i = 0; i < 5; i++)
		if (wait_number(fd, 0) != i)
			errx(1, "packet %d is lost", i);
	len = build_echo(AF_INET, packet, 56);
	if (write(fd, packet, len) != (ssize_t)len)
		err(1, "write");
	for (tries = 0; tries < 100; tries++) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		poll(&pfd, 1, 100);
		ret = read(fd, packet, sizeof(packet));
		if (ret == (ssize_t)len && packet_is_sound(packet, ret) && packet[20] == 0)
			break;
	}
	if (tries == 100)
		errx(1, "no answer to an echo request");
	link_del(DEV);
	close(fd);
}

/* The device still does what it is for. */
void run_check_alive(void)
{
	shared->finding[0] = '\0';
	shared->failing = 0;
	in_child("the check that the device still works", live, NULL);
	check_log();
}
