// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Failing memory. A call is made again and again; the first time its first
 * allocation fails, then its second, and so on until it makes fewer. Each time it
 * either does all that it should, or fails for want of memory, leaves everything
 * as it was, and works when it is made once more. With BSDTUN_SPARSE set, it is
 * each of the first three and then fewer and fewer.
 *
 * The kernel counts copies from and to the caller's memory as allocations; one
 * that fails is EFAULT. What fail_function could make fail besides (functions that
 * say so, in /sys/kernel/debug/error_injection/list) are system calls, and nothing
 * that the driver calls but the doors to slabs and pages, which fail anyway.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/bsdtun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>

#include "kselftest_harness.h"
#include "util.h"

#define STEPS		200	/* allocations of a call that are made to fail */
#define QUEUES		4
#define NONE		(-1)

/* Sizes of rings; and so many flows that each of them gets more than it holds. */
#define SHORT		8
#define LONG		32
#define FLOWS		(LONG * QUEUES * 2)

#define DEBUGFS		"/sys/kernel/debug/"
#define MODULE		"/sys/module/bsdtun/"

/* The interface that most calls are about, its files, a UDP socket, and two
 * network namespaces.
 */
static int fds[QUEUES], sock, here, there;

/* The state of the interface includes how many packets its rings hold. */
static bool rings_shown;

/* Which allocation of a stepped call fails, 0 for none; whether all that follow
 * fail as well; and whether the call came to it.
 */
static unsigned int nth;
static bool lasting, reached;
static int fail_nth, make_it_fail;

/* How the calls have ended, and how many faults there were. */
static struct {
	int faults;
	int ok;
	int nomem;
	int nocopy;
	int nameless;
} ended;

/* A fault may strike the call that is to end the faults. */
static void put_number(int fd, unsigned int number)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", number);

	while (pwrite(fd, text, len, 0) != len)
		;
}

static void faults_on(void)
{
	reached = false;
	if (!nth)
		return;
	if (lasting)
		put_number(make_it_fail, 1);
	put_number(fail_nth, nth);
}

/* A fault that strikes the read did not strike the call. */
static void faults_off(void)
{
	char left[16];

	if (!nth)
		return;
	reached = pread(fail_nth, left, sizeof(left), 0) > 0 && left[0] == '0';
	put_number(make_it_fail, 0);
	put_number(fail_nth, 0);
}

/* Makes a system call, stepped. Returns what that returns, or -errno. */
#define STEPPED(call)					\
({							\
	long ret_;					\
							\
	faults_on();					\
	ret_ = (call);					\
	if (ret_ < 0)					\
		ret_ = -errno;				\
	faults_off();					\
	ret_;						\
})

/* The one request of a stepped call: the kernel serves it before this returns. */
static ssize_t send_stepped(int fd, const void *request, size_t len, int flags)
{
	ssize_t ret = STEPPED(send(fd, request, len, flags));

	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

static void knob(const char *fault, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", fault, name);
	if (file_write(path, value))
		errx(1, "%s", path);
}

/* Only who says so in make-it-fail has failing allocations, and nothing is logged. */
static void faults_prepare(void)
{
	static const char *const faults[] = { "failslab", "fail_page_alloc" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		knob(faults[i], "task-filter", "Y");
		knob(faults[i], "verbose", "0");
		knob(faults[i], "ignore-gfp-wait", "N");
		knob(faults[i], "interval", "1");
		knob(faults[i], "space", "0");
		knob(faults[i], "times", "-1");
		knob(faults[i], "probability", "100");
	}
	knob("failslab", "cache-filter", "N");
	knob("fail_page_alloc", "ignore-gfp-highmem", "N");
	knob("fail_page_alloc", "min-order", "0");
	knob("fail_usercopy", "verbose", "0");
	faults_spare_tracing();

	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	make_it_fail = open("/proc/thread-self/make-it-fail", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0 || make_it_fail < 0)
		err(1, "/proc/thread-self/fail-nth");
	/* Pages of this process are none of the call's allocations. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		err(1, "mlockall");
}

/* From now on allocations from these slab caches do not fail. */
static void spare(bool (*spared)(const char *cache))
{
	char path[320];
	struct dirent *cache;
	DIR *caches;

	caches = opendir("/sys/kernel/slab");
	if (!caches)
		err(1, "/sys/kernel/slab");
	while ((cache = readdir(caches))) {
		if (cache->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/failslab", cache->d_name);
		/* A cache that several share refuses, and does not fail. */
		file_write(path, spared(cache->d_name) ? "0" : "1");
	}
	closedir(caches);
	knob("failslab", "cache-filter", "Y");
}

static void spare_pages(void)
{
	knob("fail_page_alloc", "min-order", "11");
}

/* What can be seen of the driver, as text */

static void module_state(FILE *out)
{
	static const char *const names[] = {
		"initstate", "refcnt", "parameters/units", "parameters/debug",
	};
	char path[64], text[64], line[128], name[64];
	FILE *misc;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), MODULE "%s", names[i]);
		snprintf(text, sizeof(text), "none\n");
		if (!access(path, F_OK))
			file_read(path, text, sizeof(text));
		fprintf(out, "%s %s", names[i], text);
	}
	misc = fopen("/proc/misc", "re");
	if (!misc)
		err(1, "/proc/misc");
	while (fgets(line, sizeof(line), misc))
		if (sscanf(line, "%*d %63s", name) == 1 && !strncmp(name, "bsdtun", 6))
			fprintf(out, "node %s\n", name);
	fclose(misc);
}

static void data_state(FILE *out, const char *dev, bool packets)
{
	struct rtattr data[256], *attr;
	int len, i;

	len = link_data(dev, data, sizeof(data));
	for (attr = data; RTA_OK(attr, len); attr = RTA_NEXT(attr, len)) {
		if ((attr->rta_type & NLA_TYPE_MASK) == IFLA_BSDTUN_COUNTERS && !packets)
			continue;
		fprintf(out, " data ");
		for (i = 0; i < attr->rta_len; i++)
			fprintf(out, "%02x", ((unsigned char *)attr)[i]);
	}
	fprintf(out, "\n");
}

static void link_state(FILE *out, const char *dev, bool packets)
{
	struct link link;

	if (link_get(dev, &link))
		errx(1, "%s vanished", dev);
	fprintf(out, "%s flags %#x type %d mtu %d txqueuelen %d queues %d carrier %d addresses %d",
		dev, link.flags, link.type, link.mtu, link.txqlen, link.queues, link.carrier,
		addr_count(dev, AF_INET));
	if (packets)
		fprintf(out, " sent %llu dropped %llu received %llu dropped %llu wrong %llu",
			link.stats.tx_packets, link.stats.tx_dropped, link.stats.rx_packets,
			link.stats.rx_dropped, link.stats.rx_errors);
	data_state(out, dev, packets);
}

static void links_state(FILE *out, bool packets)
{
	struct if_nameindex *links, *link;

	links = if_nameindex();
	if (!links)
		err(1, "if_nameindex");
	for (link = links; link->if_name; link++)
		link_state(out, link->if_name, packets);
	if_freenameindex(links);
}

static void file_state(FILE *out, int fd)
{
	struct tuninfo info = { 0 };
	int head = 0, transient = 0, next = 0, vnet = 0, batch = 0;
	struct tun_capabilities capabilities = { 0 };

	/* There are none without a header. */
	ioctl(fd, TUNGCAP, &capabilities);
	if (ioctl(fd, TUNGVNETHDR, &vnet) || ioctl(fd, TUNGBATCH, &batch) ||
	    ioctl(fd, TUNGIFHEAD, &head) || ioctl(fd, TUNGIFINFO, &info) ||
	    ioctl(fd, TUNGTRANSIENT, &transient) || ioctl(fd, FIONREAD, &next))
		err(1, "state of a file");
	fprintf(out, "file flags %#x owner %d head %d mtu %d speed %d transient %d next %d ",
		fcntl(fd, F_GETFL), fcntl(fd, F_GETOWN), head, info.mtu, info.baudrate,
		transient, next);
	fprintf(out, "capabilities %#x virtio %d batch %d\n",
		capabilities.tun_if_capabilities, vnet, batch);
}

/* How many packets all rings hold, where there is no qdisc. They are empty before
 * and afterwards.
 */
static int rings_room(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int flows = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), i;
	struct link before, after;
	char buf[256];

	link_get(DEV, &before);
	inet_pton(AF_INET, THERE4, &to.sin_addr);
	for (i = 0; i < FLOWS; i++) {
		to.sin_port = htons(PORT + i);
		if (sendto(flows, &i, sizeof(i), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			err(1, "flow %d", i);
	}
	close(flows);
	link_get(DEV, &after);
	for (i = 0; i < QUEUES; i++)
		while (read(fds[i], buf, sizeof(buf)) > 0)
			;
	return after.stats.tx_packets - before.stats.tx_packets;
}

static void enter(int netns)
{
	if (setns(netns, CLONE_NEWNET))
		err(1, "setns");
}

static char *state(bool packets)
{
	char *text;
	size_t size;
	FILE *out;
	int i;

	out = open_memstream(&text, &size);
	if (!out)
		err(1, "state");
	module_state(out);
	links_state(out, packets);
	if (there != NONE) {
		fprintf(out, "there:\n");
		enter(there);
		links_state(out, packets);
		enter(here);
	}
	for (i = 0; i < QUEUES; i++)
		if (fds[i] != NONE)
			file_state(out, fds[i]);
	if (rings_shown)
		fprintf(out, "rings of %d packets\n", rings_room());
	fclose(out);
	return text;
}

/* Returns whether the state is this one, or says where it is not. */
static bool is_state(struct __test_metadata *_metadata, const char *wanted, bool packets,
		     bool quiet)
{
	char *text = state(packets), *now = text;
	bool same = !strcmp(now, wanted);

	if (!same && !quiet) {
		while (*now && *now == *wanted)
			now++, wanted++;
		while (now > text && now[-1] != '\n')
			now--, wanted--;
		TH_LOG("is:        %.*s", (int)strcspn(now, "\n"), now);
		TH_LOG("should be: %.*s", (int)strcspn(wanted, "\n"), wanted);
	}
	free(text);
	return same;
}

/* Stepping */

struct call {
	int (*make)(void);	/* returns 0 or -errno */
	void (*undo)(void);	/* after success */
	bool request;		/* an rtnetlink request */
	bool packet;		/* counts packets, for which the test itself looks */
	bool registers;		/* an interface */
	bool slow;		/* of lasting faults only the 1st, 2nd, 4th, 8th, ... */
};

/* The call without a fault. */
static bool works(struct __test_metadata *_metadata, const struct call *call, const char *after)
{
	int ret = call->make();

	if (ret) {
		TH_LOG("without a fault: %s", strerror(-ret));
		return false;
	}
	ended.ok++;
	return is_state(_metadata, after, !call->packet, false);
}

/* The call with one fault, and if that made it fail, without. */
static bool fails_well(struct __test_metadata *_metadata, const struct call *call,
		       const char *before, const char *after, bool *struck)
{
	bool done;
	int ret;

	ret = call->make();
	nth = 0;
	*struck = reached;
	done = !ret;
	switch (ret) {
	case 0:
		ended.ok++;
		break;
	case -ENOBUFS:
		/* So is a request answered that was served, but for whose answer there
		 * was no memory.
		 */
		done = call->request && is_state(_metadata, after, !call->packet, true);
		ended.nomem++;
		break;
	case -ENOMEM:
		ended.nomem++;
		break;
	case -EFAULT:
		ended.nocopy++;
		break;
	case -EINVAL:
		/* netdev_register_kobject() does not see that there was no memory for the
		 * device's name; device_add() then says this. How many allocations come
		 * before may vary by one.
		 */
		if (call->registers && ended.nameless++ < 2)
			break;
		__attribute__((fallthrough));
	default:
		TH_LOG("%s", strerror(-ret));
		return false;
	}
	if (!is_state(_metadata, done ? after : before, !call->packet, false)) {
		TH_LOG("after %s", ret ? strerror(-ret) : "success");
		return false;
	}
	return done || works(_metadata, call, after);
}

/* Which allocation is next. */
static unsigned int next_after(unsigned int n, const struct call *call)
{
	if (call->slow && lasting)
		return 2 * n;
	return n + 1 + (getenv("BSDTUN_SPARSE") ? n / 3 : 0);
}

/* Returns how often the call failed for want of memory, or -1 if it did so badly. */
static int step(struct __test_metadata *_metadata, const struct call *call)
{
	bool well, struck = true;
	char *before, *after;
	unsigned int n;

	memset(&ended, 0, sizeof(ended));
	before = state(!call->packet);
	if (call->make())
		errx(1, "fails without a fault");
	ended.ok++;
	after = state(!call->packet);
	call->undo();
	well = is_state(_metadata, before, !call->packet, false);

	for (n = 1; well && struck && n <= STEPS; n = next_after(n, call)) {
		nth = n;
		well = fails_well(_metadata, call, before, after, &struck);
		if (!well)
			break;
		ended.faults += struck;
		call->undo();
		well = is_state(_metadata, before, !call->packet, false);
	}
	free(before);
	free(after);
	TH_LOG("%d faults: %d calls for which there was no memory, %d with no copy", ended.faults,
	       ended.nomem, ended.nocopy);
	return well ? ended.nomem : -1;
}

/* The module */

static char module_path[256];

static void find_module(void)
{
	FILE *modinfo = popen("modinfo -n bsdtun", "re");

	if (!modinfo || fscanf(modinfo, "%255s", module_path) != 1)
		errx(1, "modinfo -n bsdtun");
	pclose(modinfo);
}

static int load_with(const char *parameters)
{
	int fd, ret;

	fd = open(module_path, O_RDONLY | O_CLOEXEC);
	ret = STEPPED(syscall(SYS_finit_module, fd, parameters, 0));
	close(fd);
	/* As misc_register() says of a minor number for which it has no memory. */
	return ret == -EBUSY && reached ? -ENOMEM : ret;
}

static int units(void)
{
	char text[16];

	file_read(MODULE "parameters/units", text, sizeof(text));
	return atoi(text);
}

/* Once the first node is there a load does not fail: those that there was no memory
 * for are missing. To whom that is too few it unloads.
 */
static int load(void)
{
	int ret = load_with("units=2 clone=1");

	if (ret || (units() == 2 && !access("/dev/bsdtun", F_OK)))
		return ret;
	if (!reached || syscall(SYS_delete_module, "bsdtun", O_NONBLOCK))
		err(1, "too few nodes");
	return -ENOMEM;
}

static int unload(void)
{
	return STEPPED(syscall(SYS_delete_module, "bsdtun", O_NONBLOCK));
}

static void undo_load(void)
{
	if (!access(MODULE, F_OK) && unload())
		err(1, "unload");
}

static void reload(void)
{
	undo_load();
	if (load())
		errx(1, "load");
}

FIXTURE(fault)
{
};

FIXTURE_VARIANT(fault)
{
	bool lasting;
};

FIXTURE_VARIANT_ADD(fault, one_allocation)
{
	.lasting = false,
};

FIXTURE_VARIANT_ADD(fault, one_and_all_after_it)
{
	.lasting = true,
};

FIXTURE_SETUP(fault)
{
	int i;

	if (access("/proc/thread-self/fail-nth", F_OK))
		SKIP(return, "needs a kernel with fault injection");
	lasting = variant->lasting;
	faults_prepare();
	request_sender = send_stepped;
	for (i = 0; i < QUEUES; i++)
		fds[i] = NONE;
	there = NONE;
	find_module();
	reload();
	netns_enter();
	here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, here);
}

FIXTURE_TEARDOWN(fault)
{
	link_del(DEV);
}

/* vmalloc() warns if it can in no way get an object of this (alloc_vmap_area()). */
static bool is_of_vmalloc(const char *cache)
{
	return !strcmp(cache, "vmap_area");
}

static void spare_what_warns(void)
{
	if (!lasting)
		return;
	spare(is_of_vmalloc);
	spare_pages();
}

TEST_F_TIMEOUT(fault, load, 1200)
{
	static const struct call call = { .make = load, .undo = undo_load, .slow = true };

	spare_what_warns();
	undo_load();
	EXPECT_LT(0, step(_metadata, &call));
	reload();
}

static atomic_bool over;

static void *keep_opening(void *arg)
{
	int *fd = arg;

	while (*fd < 0 && !atomic_load(&over))
		*fd = open("/dev/" DEV, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return NULL;
}

/* Whoever is so fast has a file of a module that is there. */
TEST_F_TIMEOUT(fault, load_with_a_node_open, 1200)
{
	static const unsigned int faults[] = { 400, 800, 1600, 3200 };
	int ret, opened = 0, cut_short = 0;
	pthread_t opener;
	char byte;
	size_t i;

	spare_what_warns();
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		undo_load();
		atomic_store(&over, false);
		ASSERT_EQ(0, pthread_create(&opener, NULL, keep_opening, &fds[0]));
		nth = faults[i];
		ret = load_with("units=200");
		cut_short += nth && reached && !ret;
		nth = 0;
		atomic_store(&over, true);
		pthread_join(opener, NULL);
		if (fds[0] < 0) {
			EXPECT_TRUE(!ret || ret == -ENOMEM);
			continue;
		}
		opened++;
		ASSERT_EQ(0, ret);
		EXPECT_LT(0, units());
		EXPECT_EQ(-1, read(fds[0], &byte, 1));
		EXPECT_EQ(EAGAIN, errno);
		close(fds[0]);
		fds[0] = NONE;
		link_del(DEV);
	}
	EXPECT_LT(0, opened);
	EXPECT_LT(0, cut_short);
	reload();
}

static void undo_unload(void)
{
	reload();
	if (link_add("bsdtun1", "bsdtun", QUEUES) || link_add(DEV, "bsdtun", 1) ||
	    addr_add(DEV, HERE4, NULL, 24) || link_up(DEV))
		errx(1, "two interfaces");
}

/* It wants memory, but does without. */
TEST_F_TIMEOUT(fault, unload_with_interfaces, 1200)
{
	static const struct call call = { .make = unload, .undo = undo_unload, .slow = true };

	undo_unload();
	EXPECT_EQ(0, step(_metadata, &call));
	EXPECT_LT(0, ended.faults);
}

static int raise_units(void)
{
	int fd = open(MODULE "parameters/units", O_WRONLY | O_CLOEXEC);
	int ret = STEPPED(write(fd, "4", 1));

	close(fd);
	return ret == 1 ? 0 : ret;
}

TEST_F_TIMEOUT(fault, more_units, 1200)
{
	static const struct call call = { .make = raise_units, .undo = reload, .slow = true };

	EXPECT_LT(0, step(_metadata, &call));
}

/* Files */

static int open_node(int *fd, const char *node)
{
	int ret = STEPPED(open(node, O_RDWR | O_NONBLOCK | O_CLOEXEC));

	*fd = ret < 0 ? NONE : ret;
	return ret < 0 ? ret : 0;
}

static int close_file(int *fd)
{
	int ret = STEPPED(close(*fd));

	*fd = NONE;
	return ret;
}

static int open_unit(void)
{
	return open_node(&fds[0], "/dev/" DEV);
}

static void undo_open(void)
{
	close_file(&fds[0]);
	link_del(DEV);
}

TEST_F_TIMEOUT(fault, open_that_makes_the_interface, 1200)
{
	static const struct call call = { .make = open_unit, .undo = undo_open, .registers = true };

	EXPECT_LT(0, step(_metadata, &call));
}

static void undo_open_again(void)
{
	close_file(&fds[0]);
}

TEST_F_TIMEOUT(fault, open_of_an_interface, 1200)
{
	static const struct call call = { .make = open_unit, .undo = undo_open_again };

	ASSERT_EQ(0, link_add(DEV, "bsdtun", 1));
	EXPECT_LT(0, step(_metadata, &call));
}

static int open_clone(void)
{
	return open_node(&fds[0], "/dev/bsdtun");
}

TEST_F_TIMEOUT(fault, open_of_the_cloning_node, 1200)
{
	static const struct call call = {
		.make = open_clone, .undo = undo_open_again, .registers = true,
	};

	EXPECT_LT(0, step(_metadata, &call));
}

static int close_unit(void)
{
	return close_file(&fds[0]);
}

static void open_up(void)
{
	if (open_clone() || addr_add(DEV, HERE4, NULL, 24) || link_up(DEV))
		errx(1, "interface of the cloning node");
}

/* close(2) of the last file does all it has to, memory or not. */
TEST_F_TIMEOUT(fault, close_that_deletes_the_interface, 1200)
{
	static const struct call call = { .make = close_unit, .undo = open_up };

	open_up();
	EXPECT_EQ(0, step(_metadata, &call));
	EXPECT_LT(0, ended.faults);
}

/* Links */

static int links_queues;

static int add_link(void)
{
	return link_add(DEV, "bsdtun", links_queues);
}

static int delete_link(void)
{
	return link_del(DEV);
}

static void undo_add_link(void)
{
	if (delete_link())
		errx(1, DEV " stays");
}

static void undo_delete_link(void)
{
	if (add_link())
		errx(1, DEV " cannot be added");
}

TEST_F_TIMEOUT(fault, link_added, 1200)
{
	static const struct call call = {
		.make = add_link, .undo = undo_add_link, .request = true, .registers = true,
	};

	links_queues = 1;
	EXPECT_LT(0, step(_metadata, &call));
}

TEST_F_TIMEOUT(fault, link_added_with_queues, 1200)
{
	static const struct call call = {
		.make = add_link, .undo = undo_add_link, .request = true, .registers = true,
	};

	links_queues = QUEUES;
	EXPECT_LT(0, step(_metadata, &call));
}

TEST_F_TIMEOUT(fault, link_deleted, 1200)
{
	static const struct call call = {
		.make = delete_link, .undo = undo_delete_link, .request = true,
	};

	links_queues = QUEUES;
	undo_delete_link();
	EXPECT_LT(0, step(_metadata, &call));
}

static int change_owner(void)
{
	uint32_t owner = 5;

	return link_set_attribute(DEV, IFLA_BSDTUN_OWNER, &owner, sizeof(owner));
}

static void undo_change_owner(void)
{
	uint32_t nobody = BSDTUN_ID_NONE;

	link_set_attribute(DEV, IFLA_BSDTUN_OWNER, &nobody, sizeof(nobody));
}

TEST_F_TIMEOUT(fault, link_changed, 1200)
{
	static const struct call call = {
		.make = change_owner, .undo = undo_change_owner, .request = true,
	};

	ASSERT_EQ(0, link_add(DEV, "bsdtun", 1));
	EXPECT_LT(0, step(_metadata, &call));
}

static int attribute;

static int write_mode(void)
{
	int ret = STEPPED(write(attribute, "broadcast", 9));

	return ret == 9 ? 0 : ret;
}

static void undo_write_mode(void)
{
	if (write(attribute, "pointopoint", 11) != 11)
		err(1, "mode");
}

TEST_F_TIMEOUT(fault, attribute_written, 1200)
{
	static const struct call call = { .make = write_mode, .undo = undo_write_mode };

	sysfs_mount();
	ASSERT_EQ(0, link_add(DEV, "bsdtun", 1));
	attribute = open("/sys/class/net/" DEV "/bsdtun/mode", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, attribute);
	EXPECT_LT(0, step(_metadata, &call));
}

static int move_link(void)
{
	return link_move(DEV, there);
}

static void undo_move_link(void)
{
	enter(there);
	if (link_move(DEV, here))
		errx(1, DEV " cannot be moved back");
	enter(here);
}

/* The core has passed the point of no return when it renames the sysfs directory of
 * an interface that moves, which it does even if the name stays; when there is no
 * memory for the short strings of that, it warns (__dev_change_net_namespace()).
 */
static bool holds_short_strings(const char *cache)
{
	const char *size = strrchr(cache, '-');
	char *unit;

	return size && !strncmp(cache, "kmalloc", 7) && strtoul(size + 1, &unit, 10) <= 128 &&
	       !*unit;
}

TEST_F_TIMEOUT(fault, link_moved_to_another_namespace, 1200)
{
	static const struct call call = {
		.make = move_link, .undo = undo_move_link, .request = true,
	};

	netns_enter();
	there = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, there);
	enter(here);
	fds[0] = unit_take(0, O_RDWR | O_NONBLOCK);
	spare(holds_short_strings);
	/* One page that is missing a slab cache gets over. */
	if (lasting)
		spare_pages();
	EXPECT_LT(0, step(_metadata, &call));
}

/* ioctls */

static const struct request {
	unsigned long request;
	union argument {
		int value;
		struct tuninfo info;
		struct tuninfo_openbsd info_openbsd;
		struct ifreq ifr;
	} argument, undo;
} requests[] = {
	{ TUNSDEBUG, { .value = 1 }, { .value = 0 } },
	{ .request = TUNGDEBUG },
	{ TUNSIFINFO, { .info = { .mtu = 1400, .type = BSDTUN_IFT_PPP, .baudrate = 1 } },
		      { .info = { .mtu = 1500, .type = BSDTUN_IFT_PPP } } },
	{ .request = TUNGIFINFO },
	{ TUNSIFINFO_OPENBSD,
	  { .info_openbsd = { .mtu = 1400, .type = BSDTUN_IFT_TUNNEL, .baudrate = 1,
			      .flags = IFF_POINTOPOINT | IFF_MULTICAST } },
	  { .info_openbsd = { .mtu = 1500, .type = BSDTUN_IFT_TUNNEL,
			      .flags = IFF_POINTOPOINT | IFF_MULTICAST } } },
	{ .request = TUNGIFINFO_OPENBSD },
	{ TUNSLMODE, { .value = 1 }, { .value = 0 } },
	{ .request = TUNGIFNAME },
	{ TUNSIFMODE, { .value = IFF_BROADCAST }, { .value = IFF_POINTOPOINT | IFF_MULTICAST } },
	{ .request = TUNSIFPID },
	{ TUNSIFHEAD, { .value = 1 }, { .value = 0 } },
	{ .request = TUNGIFHEAD },
	{ TUNSTRANSIENT, { .value = 1 }, { .value = 0 } },
	{ .request = TUNGTRANSIENT },
	{ TUNSCAP, { .value = BSDTUN_IFCAPS }, { .value = 0 } },
	{ TUNSVNETHDR, { .value = 10 }, { .value = 0 } },
	{ .request = TUNGVNETHDR },
	{ TUNSBATCH, { .value = 1 }, { .value = 0 } },
	{ .request = TUNGBATCH },
	{ FIOASYNC, { .value = 1 }, { .value = 0 } },
	{ FIONBIO, { .value = 0 }, { .value = 1 } },
	{ .request = FIONREAD },
	{ FIOSETOWN, { .value = 1 }, { .value = 0 } },
	{ .request = FIOGETOWN },
	{ TIOCSPGRP, { .value = 1 }, { .value = 0 } },
	{ .request = TIOCGPGRP },
	/* These two are about what TUNSCAP begins, and the first is given here. */
	{ .request = TUNGCAP },
	{ TUNDCAP, .undo = { .value = BSDTUN_IFCAPS } },
};

static const struct request *request;

static int make_request(void)
{
	union argument argument = request->argument;

	return STEPPED(ioctl(fds[0], request->request, &argument));
}

static void undo_request(void)
{
	union argument argument = request->undo;
	unsigned long undo = request->request == TUNSCAP ? TUNDCAP :
			     request->request == TUNDCAP ? TUNSCAP : request->request;

	if (ioctl(fds[0], undo, &argument))
		err(1, "ioctl %#lx", request->request);
}

TEST_F_TIMEOUT(fault, every_ioctl, 1200)
{
	static const struct call call = { .make = make_request, .undo = undo_request };
	int failed = 0;

	fds[0] = unit_take(0, O_RDWR | O_NONBLOCK);
	for (request = requests; request < requests + ARRAY_SIZE(requests); request++) {
		if (request->request == TUNGCAP)
			ASSERT_EQ(0, set(fds[0], TUNSCAP, BSDTUN_IFCAPS));
		EXPECT_LE(0, step(_metadata, &call)) TH_LOG("ioctl %#lx", request->request);
		failed += ended.nomem;
	}
	EXPECT_LT(0, failed);
}

/* A batch wants what GRO takes, which the interface then keeps: each time a new one. */
static int batch_first(void)
{
	unsigned int n = nth;
	int ret, on = 1;
	bool struck;

	nth = 0;
	open_unit();
	nth = n;
	ret = STEPPED(ioctl(fds[0], TUNSBATCH, &on));
	if (!ret)
		return 0;
	struck = reached;
	nth = 0;
	undo_open();
	reached = struck;
	return ret;
}

TEST_F_TIMEOUT(fault, first_batch_of_an_interface, 1200)
{
	static const struct call call = { .make = batch_first, .undo = undo_open };

	/* Memory of processors mostly lies ready. */
	EXPECT_LE(0, step(_metadata, &call));
	EXPECT_LT(1, ended.faults);
}

/* Packets */

/* The interface is up and has an address. */
static void machine(void)
{
	if (addr_add(DEV, HERE4, NULL, 24) || link_up(DEV))
		errx(1, DEV);
	sock = udp_socket(AF_INET);
}

static unsigned char packet[ROOM];
static size_t packet_len;

/* Memory of written packets is used again when they are freed. So those of another unit
 * use it up, and stay in the socket. Each leaves less than a page of what it has begun.
 */
static int other = NONE;

static void use_up_memory(int packets)
{
	static unsigned char longest[ROOM], payload[TUNMRU];
	size_t len = build_udp(AF_INET, longest, payload, TUNMRU - UDP4_HEADERS);

	while (packets--)
		if (write(other, longest, len) != (ssize_t)len)
			err(1, "write to another unit");
}

static void other_open(void)
{
	int size = 256 << 20;

	/* Each processor has its own. */
	if (run_on(0) ||
	    setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		err(1, "another unit");
	other = unit_take(1, O_RDWR | O_NONBLOCK);
	if (link_up("bsdtun1"))
		errx(1, "bsdtun1");
}

static void other_close(void)
{
	close(other);
	other = NONE;
	if (link_del("bsdtun1"))
		errx(1, "bsdtun1");
}

static int write_packet(void)
{
	unsigned int n = nth;
	int ret;

	nth = 0;
	use_up_memory(1);
	nth = n;
	ret = STEPPED(write(fds[0], packet, packet_len));
	return ret == (int)packet_len ? 0 : ret;
}

static void no_undo(void)
{
}

/* What stands before the packets that are written. */
struct prelude {
	unsigned long request;
	int argument;
	size_t len;
	union {
		struct virtio_net_hdr vnet;
		struct tun_hdr tun;
		uint32_t af;
	};
};

static void build_packet(const struct prelude *prelude, bool batch, size_t len)
{
	static unsigned char payload[TUNMRU];
	struct tun_batch_hdr *header = (void *)packet;
	unsigned char *at = packet + (batch ? sizeof(*header) : 0);

	memcpy(at, &prelude->af, prelude->len);
	packet_len = prelude->len + build_udp(AF_INET, at + prelude->len, payload, len);
	if (batch) {
		*header = (struct tun_batch_hdr){ .len = packet_len };
		packet_len += sizeof(*header);
	}
}

/* What was lost is counted by its cause. */
TEST_F_TIMEOUT(fault, packet_written, 1200)
{
	static const struct call call = { .make = write_packet, .undo = no_undo, .packet = true };
	static const size_t lens[] = { 100, 5000, TUNMRU - UDP4_HEADERS };
	const struct prelude preludes[] = {
		{ TUNSIFHEAD, 1, AF_WORD, .af = htonl(AF_INET) },
		{ .request = TUNSIFHEAD, .argument = 0 },
		{ TUNSCAP, BSDTUN_IFCAPS, sizeof(struct tun_hdr),
		  .tun = { .th_flags = TUN_H_UDP_CSUM } },
		{ TUNSVNETHDR, 10, sizeof(struct virtio_net_hdr),
		  .vnet = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			    .csum_start = 20, .csum_offset = 6 } },
	};
	int ok = 0, nomem = 0, nocopy = 0, batch;
	const struct prelude *prelude;
	size_t i;
	struct link link;
	bool large;

	fds[0] = unit_take(0, O_RDWR | O_NONBLOCK);
	machine();
	other_open();
	for (prelude = preludes; prelude < preludes + ARRAY_SIZE(preludes); prelude++) {
		ASSERT_EQ(0, ioctl(fds[0], prelude->request, &prelude->argument));
		for (i = 0; i < ARRAY_SIZE(lens) * 2; i++) {
			batch = i & 1;
			ASSERT_EQ(0, set(fds[0], TUNSBATCH, batch));
			build_packet(prelude, batch, lens[i / 2]);
			use_up_memory(50);
			/* A short one is made of what lies ready; of a longer one the first
			 * try does not wait for memory, the second does.
			 */
			large = lens[i / 2] > 4095;
			EXPECT_LE(large && lasting, step(_metadata, &call)) {
				TH_LOG("%#lx, batch %d, %zu bytes", prelude->request, batch,
				       packet_len);
			}
			EXPECT_LE(large, ended.faults - ended.nocopy);
			while (recv(sock, packet, 1, MSG_DONTWAIT | MSG_TRUNC) > 0)
				;
			ok += ended.ok;
			nomem += ended.nomem;
			nocopy += ended.nocopy;
		}
	}
	ASSERT_EQ(0, link_get(DEV, &link));
	EXPECT_EQ(ok, (int)link.stats.rx_packets);
	EXPECT_EQ(nomem, counter(DEV, "rx_dropped_nomem"));
	EXPECT_EQ(nocopy, counter(DEV, "rx_errors_fault"));
	other_close();
}

static int read_packet(void)
{
	unsigned char buf[256];
	int ret;

	send_numbers(sock, 7, 1);
	ret = STEPPED(read(fds[0], buf, sizeof(buf)));
	return ret > 0 ? 0 : ret;
}

/* Reading wants no memory; a packet that could not be copied is lost, and counted. */
TEST_F_TIMEOUT(fault, packet_read, 1200)
{
	static const struct call call = { .make = read_packet, .undo = no_undo, .packet = true };

	fds[0] = unit_take(0, O_RDWR | O_NONBLOCK);
	machine();
	EXPECT_EQ(0, step(_metadata, &call));
	EXPECT_LT(0, ended.nocopy);
	EXPECT_EQ(ended.nocopy, counter(DEV, "tx_dropped_fault"));
}

#define IN_A_BATCH	3
#define FRAME		(sizeof(struct tun_batch_hdr) + UDP4_HEADERS + sizeof(uint32_t))

/* Only the packet that the fault strikes is lost; those before it are read, those
 * after it go back.
 */
TEST_F_TIMEOUT(fault, batch_read, 1200)
{
	unsigned char buf[IN_A_BATCH * FRAME];
	int lost = 0, faults = 0, i, left;
	long ret;

	fds[0] = unit_take(0, O_RDWR | O_NONBLOCK);
	machine();
	ASSERT_EQ(0, set(fds[0], TUNSBATCH, 1));
	do {
		send_numbers(sock, 0, IN_A_BATCH);
		nth = ++faults;
		ret = STEPPED(read(fds[0], buf, sizeof(buf)));
		nth = 0;
		ASSERT_TRUE(ret == -EFAULT || (ret > 0 && ret % FRAME == 0));
		i = ret > 0 ? ret / FRAME : 0;
		if (reached) {
			lost++;
			i++;	/* whose number is that of the one lost */
		}
		for (left = i; left < IN_A_BATCH; left++) {
			ASSERT_EQ((ssize_t)FRAME, read(fds[0], buf, FRAME));
			EXPECT_EQ(left, packet_number(buf + sizeof(struct tun_batch_hdr)));
		}
		EXPECT_EQ(-1, read(fds[0], buf, sizeof(buf)));
		EXPECT_EQ(lost, counter(DEV, "tx_dropped_fault"));
	} while (reached);
	EXPECT_EQ(IN_A_BATCH, lost);
}

static int send_packet(void)
{
	int number = htonl(7);
	int ret = STEPPED(send(sock, &number, sizeof(number), 0));

	return ret == sizeof(number) ? 0 : ret;
}

static void undo_send_packet(void)
{
	if (read_number(fds[0], 0) != 7)
		errx(1, "the packet is not in the ring");
}

TEST_F_TIMEOUT(fault, packet_sent, 1200)
{
	static const struct call call = {
		.make = send_packet, .undo = undo_send_packet, .packet = true,
	};

	fds[0] = unit_take(0, O_RDWR | O_NONBLOCK);
	machine();
	EXPECT_LT(0, step(_metadata, &call));
}

/* The ring holds no pages of the sender: who cannot copy them loses the packet. */
TEST_F_TIMEOUT(fault, packet_sent_without_a_copy, 1200)
{
	static unsigned char payload[1000];
	int lost = 0, on = 1;
	struct link link;
	unsigned int n;
	bool sent;

	fds[0] = unit_take(0, O_RDWR | O_NONBLOCK);
	machine();
	ASSERT_EQ(0, setsockopt(sock, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)));
	/* UDP copies all the same if it has to take the checksum itself. */
	ASSERT_EQ(0, set(fds[0], TUNSVNETHDR, 10));
	/* Each allocation of a dozen many times: which is which varies with the packet. */
	for (n = 0; n < STEPS; n++) {
		nth = 1 + n % 20;
		sent = STEPPED(send(sock, payload, sizeof(payload), MSG_ZEROCOPY)) > 0;
		nth = 0;
		/* UDP says nothing of what is lost behind it. */
		if (read(fds[0], packet, sizeof(packet)) < 0)
			lost += sent;
		ASSERT_EQ(0, link_get(DEV, &link));
		if (!lasting)
			EXPECT_EQ(lost, (int)link.stats.tx_dropped);
		EXPECT_LE((int)link.stats.tx_dropped, lost);
		EXPECT_EQ((long long)link.stats.tx_dropped, counter(DEV, "tx_dropped_nomem"));
	}
	EXPECT_LT(0, counter(DEV, "tx_dropped_nomem"));
}

/* txqueuelen */

static int txqueuelen_from, txqueuelen_to;

static int resize(void)
{
	return link_set_txqlen(DEV, txqueuelen_to);
}

static void undo_resize(void)
{
	if (link_set_txqlen(DEV, txqueuelen_from))
		errx(1, "txqueuelen");
}

static void open_queues(void)
{
	int i;

	if (link_add(DEV, "bsdtun", QUEUES))
		errx(1, DEV);
	for (i = 0; i < QUEUES; i++)
		if (open_node(&fds[i], "/dev/" DEV))
			errx(1, "queue %d", i);
	machine();
	undo_resize();
}

/* All rings are resized, or none is. */
TEST_F_TIMEOUT(fault, several_rings_resized, 1200)
{
	static const struct call call = {
		.make = resize, .undo = undo_resize, .request = true, .packet = true,
	};

	txqueuelen_from = SHORT;
	txqueuelen_to = LONG;
	open_queues();
	ASSERT_EQ(0, qdisc_set(DEV, "noqueue", 0));
	rings_shown = true;
	EXPECT_EQ(SHORT * QUEUES, rings_room());
	EXPECT_LT(0, step(_metadata, &call));
}

/* Nothing is lost of what they hold, also if the qdisc is resized after them and then has
 * no memory; what length the ring is left with then cannot be seen behind a qdisc.
 */
TEST_F_TIMEOUT(fault, full_ring_resized, 1200)
{
	static const struct call call = { .make = resize, .undo = undo_resize, .request = true };
	static const char *const qdiscs[] = { "fq_codel", "pfifo_fast" };
	static const int lens[] = { SHORT, LONG * 2 };
	size_t i, q;
	int n;

	txqueuelen_from = LONG;
	fds[0] = unit_take(0, O_RDWR | O_NONBLOCK);
	machine();
	undo_resize();
	for (q = 0; q < ARRAY_SIZE(qdiscs); q++) {
		ASSERT_EQ(0, qdisc_set(DEV, qdiscs[q], 1000)) TH_LOG("%s", qdiscs[q]);
		send_numbers(sock, 0, LONG);
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			txqueuelen_to = lens[i];
			EXPECT_LT(0, step(_metadata, &call)) {
				TH_LOG("from %d to %d, %s", LONG, lens[i], qdiscs[q]);
			}
		}
		for (n = 0; n < LONG; n++)
			EXPECT_EQ(n, read_number(fds[0], 0));
		EXPECT_EQ(-EAGAIN, read_number(fds[0], 0));
	}
}

TEST_HARNESS_MAIN
