// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The netlink attributes of kind bsdtun: what is set is what is shown, what is
 * refused is refused with a text, what changes is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <linux/bsdtun.h>
#include <linux/rtnetlink.h>

#include "kselftest_harness.h"
#include "util.h"

#define MESSAGE_ROOM	32768

/* A link as netlink shows it; its MTU stands where no attribute has its place. */
#define SHOWN_MTU	IFLA_BSDTUN_UNSPEC
#define MAX_QUEUES	64

struct shown {
	char name[IFNAMSIZ];
	char kind[16];
	bool present[IFLA_BSDTUN_MAX + 1];
	int64_t value[IFLA_BSDTUN_MAX + 1];
	bool counted[IFLA_BSDTUN_COUNTER_MAX + 1];
	int64_t count[IFLA_BSDTUN_COUNTER_MAX + 1];
	/* Of the file that has a queue, or -1; and the files that make no sense. */
	int framing[MAX_QUEUES], offload[MAX_QUEUES], batch[MAX_QUEUES];
	int bad_files;
};

/* The connection, and the request that is being made. */
static struct mnl_socket *nl;
static char request_buf[MESSAGE_ROOM];
static struct nlmsghdr *request;
static struct nlattr *info, *data;
static int queues_wanted;

/* Of the last refusal: its text, and the attribute that it points at. */
static char text[256];
static int culprit;

static bool is_u8(int attribute)
{
	return attribute == IFLA_BSDTUN_MODE || attribute == IFLA_BSDTUN_TRANSIENT ||
	       attribute == IFLA_BSDTUN_FRAMING;
}

static struct mnl_socket *connect_netlink(unsigned int groups)
{
	struct mnl_socket *sock = mnl_socket_open(NETLINK_ROUTE);
	int one = 1;

	if (!sock || mnl_socket_bind(sock, groups, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_setsockopt(sock, NETLINK_EXT_ACK, &one, sizeof(one)))
		return NULL;
	return sock;
}

static void setup(void)
{
	netns_enter();
	nl = connect_netlink(0);
}

/* The same with an interface of unit 5, of which nothing is set. */
static void setup_unit(void)
{
	setup();
	close(unit_take(5, O_RDWR));
}

/* begin, put, commit: makes a link (NLM_F_CREATE; without a name the driver
 * finds one), or changes the one of this name.
 */
static void begin(int flags, const char *name)
{
	struct ifinfomsg *ifi;

	request = mnl_nlmsg_put_header(request_buf);
	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));
	if (flags & NLM_F_CREATE && name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	else if (name)
		ifi->ifi_index = link_index(name);
	if (queues_wanted)
		mnl_attr_put_u32(request, IFLA_NUM_TX_QUEUES, queues_wanted);
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, "bsdtun");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
}

static void begin_add(const char *name)
{
	begin(NLM_F_CREATE | NLM_F_EXCL, name);
}

static void begin_change(const char *name)
{
	begin(0, name);
}

static void put(int attribute, uint32_t value)
{
	if (is_u8(attribute))
		mnl_attr_put_u8(request, attribute, value);
	else
		mnl_attr_put_u32(request, attribute, value);
}

static void note_refusal(const struct nlmsghdr *answer)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
	size_t skip = sizeof(*error);
	const struct nlattr *attr;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&error->msg);
	mnl_attr_for_each(attr, answer, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(text, sizeof(text), "%s", mnl_attr_get_str(attr));
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_OFFS)
			culprit = mnl_attr_get_type((void *)request_buf +
						    mnl_attr_get_u32(attr));
	}
}

/* Returns 0 or -errno. */
static int commit(void)
{
	static char buf[2 * MESSAGE_ROOM];
	const struct nlmsghdr *answer = (void *)buf;
	const struct nlmsgerr *error;

	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
	text[0] = '\0';
	culprit = 0;
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(nl, buf, sizeof(buf)) < 0)
		return -errno;
	if (answer->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	note_refusal(answer);
	error = mnl_nlmsg_get_payload(answer);
	return error->error;
}

static int add(const char *name)
{
	begin_add(name);
	return commit();
}

static int add_with(const char *name, int attribute, uint32_t value)
{
	begin_add(name);
	put(attribute, value);
	return commit();
}

static int change(const char *name, int attribute, uint32_t value)
{
	begin_change(name);
	put(attribute, value);
	return commit();
}

static void parse_counters(const struct nlattr *nest, struct shown *shown)
{
	const struct nlattr *attr;
	int type;

	mnl_attr_for_each_nested(attr, nest) {
		type = mnl_attr_get_type(attr);
		if (type <= IFLA_BSDTUN_COUNTER_PAD || type > IFLA_BSDTUN_COUNTER_MAX ||
		    mnl_attr_get_payload_len(attr) != sizeof(uint64_t))
			continue;
		shown->counted[type] = true;
		shown->count[type] = mnl_attr_get_u64(attr);
	}
}

static void parse_files(const struct nlattr *nest, struct shown *shown)
{
	const struct bsdtun_file *file;
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		file = mnl_attr_get_payload(attr);
		if (mnl_attr_get_type(attr) != IFLA_BSDTUN_FILE ||
		    mnl_attr_get_payload_len(attr) != sizeof(*file) ||
		    file->queue >= MAX_QUEUES) {
			shown->bad_files++;
			continue;
		}
		shown->framing[file->queue] = file->framing;
		shown->offload[file->queue] = file->offload;
		shown->batch[file->queue] = file->batch;
	}
}

static void parse_data(const struct nlattr *nest, struct shown *shown)
{
	const struct nlattr *attr;
	int type;

	mnl_attr_for_each_nested(attr, nest) {
		type = mnl_attr_get_type(attr);
		if (type == IFLA_BSDTUN_COUNTERS || type == IFLA_BSDTUN_FILES) {
			shown->present[type] = true;
			if (type == IFLA_BSDTUN_COUNTERS)
				parse_counters(attr, shown);
			else
				parse_files(attr, shown);
			continue;
		}
		if (type > IFLA_BSDTUN_MAX ||
		    mnl_attr_get_payload_len(attr) != (is_u8(type) ? 1 : 4))
			continue;
		shown->present[type] = true;
		shown->value[type] = is_u8(type) ? mnl_attr_get_u8(attr) :
						   mnl_attr_get_u32(attr);
	}
}

static void parse_link(const struct nlmsghdr *msg, struct shown *shown)
{
	const struct nlattr *attr, *nested;

	memset(shown, 0, sizeof(*shown));
	memset(shown->framing, -1, sizeof(shown->framing));
	memset(shown->offload, -1, sizeof(shown->offload));
	memset(shown->batch, -1, sizeof(shown->batch));
	mnl_attr_for_each(attr, msg, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) == IFLA_IFNAME)
			snprintf(shown->name, IFNAMSIZ, "%s", mnl_attr_get_str(attr));
		if (mnl_attr_get_type(attr) == IFLA_MTU) {
			shown->present[SHOWN_MTU] = true;
			shown->value[SHOWN_MTU] = mnl_attr_get_u32(attr);
		}
		if (mnl_attr_get_type(attr) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(nested, attr) {
			if (mnl_attr_get_type(nested) == IFLA_INFO_KIND)
				snprintf(shown->kind, sizeof(shown->kind), "%s",
					 mnl_attr_get_str(nested));
			if (mnl_attr_get_type(nested) == IFLA_INFO_DATA)
				parse_data(nested, shown);
		}
	}
}

/* Shows one link, out of a dump of all or alone. Returns 0 or -errno. */
static int show(const char *name, int flags, struct shown *shown)
{
	static char buf[MESSAGE_ROOM];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;
	struct shown seen;
	int len, ret = -ENODEV;

	msg->nlmsg_type = RTM_GETLINK;
	msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	ifi = mnl_nlmsg_put_extra_header(msg, sizeof(*ifi));
	if (!(flags & NLM_F_DUMP))
		ifi->ifi_index = link_index(name);
	if (mnl_socket_sendto(nl, msg, msg->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (len < 0)
			return -errno;
		for (msg = (void *)buf; mnl_nlmsg_ok(msg, len); msg = mnl_nlmsg_next(msg, &len)) {
			if (msg->nlmsg_type != RTM_NEWLINK)
				return ret;
			parse_link(msg, &seen);
			if (!strcmp(seen.name, name)) {
				*shown = seen;
				ret = 0;
			}
		}
	}
}

/* One attribute of a link, -1 if it is not shown. */
static int64_t value_of(const char *name, int attribute)
{
	struct shown shown;

	if (show(name, 0, &shown) || !shown.present[attribute])
		return -1;
	return shown.value[attribute];
}

/* The refusal has a text, which says something of this. */
static bool text_says(const char *word)
{
	return strcasestr(text, word);
}

FIXTURE(netlink) { };

FIXTURE_SETUP(netlink)
{
	setup();
	ASSERT_NE(NULL, nl);
}

FIXTURE_TEARDOWN(netlink)
{
	link_del("bsdtun5");
	link_del("vpn");
}

TEST_F(netlink, a_new_interface_shows_the_defaults)
{
	static const int64_t expected[IFLA_BSDTUN_MAX + 1] = {
		[IFLA_BSDTUN_UNIT] = 5,
		[IFLA_BSDTUN_OWNER] = BSDTUN_ID_NONE,
		[IFLA_BSDTUN_GROUP] = BSDTUN_ID_NONE,
		[IFLA_BSDTUN_MODE] = BSDTUN_MODE_POINTOPOINT,
		[IFLA_BSDTUN_TRANSIENT] = 0,
		[IFLA_BSDTUN_FRAMING] = BSDTUN_FRAMING_NONE,
		[IFLA_BSDTUN_PID] = 0,
		[IFLA_BSDTUN_QUEUES] = 1,
		[IFLA_BSDTUN_OPENS] = 0,
	};
	struct shown shown;
	int i;

	ASSERT_EQ(0, add("bsdtun5"));
	ASSERT_EQ(0, show("bsdtun5", 0, &shown));
	EXPECT_STREQ("bsdtun", shown.kind);
	for (i = IFLA_BSDTUN_UNIT; i <= IFLA_BSDTUN_MAX; i++) {
		EXPECT_TRUE(shown.present[i]) TH_LOG("attribute %d", i);
		EXPECT_EQ(expected[i], shown.value[i]) TH_LOG("attribute %d", i);
	}
}

TEST_F(netlink, all_that_is_set_when_a_link_is_made_is_shown)
{
	static const int64_t expected[IFLA_BSDTUN_PID] = {
		[IFLA_BSDTUN_UNIT] = 5,
		[IFLA_BSDTUN_OWNER] = 1000,
		[IFLA_BSDTUN_GROUP] = 2000,
		[IFLA_BSDTUN_MODE] = BSDTUN_MODE_BROADCAST,
		[IFLA_BSDTUN_TRANSIENT] = 1,
		[IFLA_BSDTUN_FRAMING] = BSDTUN_FRAMING_AF,
	};
	struct shown shown;
	struct link link;
	int i;

	begin_add("vpn");
	for (i = IFLA_BSDTUN_UNIT; i < IFLA_BSDTUN_PID; i++)
		put(i, expected[i]);
	ASSERT_EQ(0, commit()) TH_LOG("%s", text);
	ASSERT_EQ(0, show("vpn", 0, &shown));
	for (i = IFLA_BSDTUN_UNIT; i < IFLA_BSDTUN_PID; i++)
		EXPECT_EQ(expected[i], shown.value[i]) TH_LOG("attribute %d", i);
	ASSERT_EQ(0, link_get("vpn", &link));
	EXPECT_EQ(IFF_BROADCAST, link.flags & (IFF_BROADCAST | IFF_POINTOPOINT));
}

TEST_F(netlink, a_dump_shows_the_attributes)
{
	struct shown shown;

	ASSERT_EQ(0, add_with("vpn", IFLA_BSDTUN_OWNER, 1000));
	ASSERT_EQ(0, add("bsdtun5"));
	ASSERT_EQ(0, show("vpn", NLM_F_DUMP, &shown));
	EXPECT_STREQ("bsdtun", shown.kind);
	EXPECT_EQ(1000, shown.value[IFLA_BSDTUN_OWNER]);
	ASSERT_EQ(0, show("bsdtun5", NLM_F_DUMP, &shown));
	EXPECT_EQ(5, shown.value[IFLA_BSDTUN_UNIT]);
}

TEST_F(netlink, the_unit_may_be_chosen_for_another_name)
{
	ASSERT_EQ(0, add_with("vpn", IFLA_BSDTUN_UNIT, 5));
	ASSERT_LE(0, unit_open(5, O_RDWR));
	EXPECT_EQ(1, value_of("vpn", IFLA_BSDTUN_OPENS));
}

TEST_F(netlink, the_unit_may_be_chosen_without_a_name)
{
	ASSERT_EQ(0, add_with(NULL, IFLA_BSDTUN_UNIT, 5));
	EXPECT_EQ(5, value_of("bsdtun5", IFLA_BSDTUN_UNIT));
}

TEST_F(netlink, the_unit_may_agree_with_the_name)
{
	ASSERT_EQ(0, add_with("bsdtun5", IFLA_BSDTUN_UNIT, 5));
	EXPECT_EQ(5, value_of("bsdtun5", IFLA_BSDTUN_UNIT));
}

TEST_F(netlink, a_unit_that_contradicts_the_name_is_EINVAL_with_a_text)
{
	EXPECT_EQ(-EINVAL, add_with("bsdtun5", IFLA_BSDTUN_UNIT, 0));
	EXPECT_TRUE(text_says("unit")) TH_LOG("%s", text);
	EXPECT_EQ(IFLA_BSDTUN_UNIT, culprit);
	EXPECT_EQ(0, link_index("bsdtun5"));
}

TEST_F(netlink, a_unit_beyond_units_is_ENXIO_with_a_text_that_names_units)
{
	static const uint32_t units[] = { 4095, 4096, 1U << 31, UINT32_MAX };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		EXPECT_EQ(-ENXIO, add_with("vpn", IFLA_BSDTUN_UNIT, units[i])) {
			TH_LOG("unit %u", units[i]);
		}
		EXPECT_TRUE(text_says("units")) TH_LOG("%s", text);
		EXPECT_EQ(IFLA_BSDTUN_UNIT, culprit);
	}
	EXPECT_EQ(-ENXIO, add("bsdtun4095"));
	EXPECT_TRUE(text_says("units")) TH_LOG("%s", text);
	EXPECT_EQ(IFLA_IFNAME, culprit);
	EXPECT_EQ(-ENXIO, add("bsdtun99999999"));
	EXPECT_TRUE(text_says("units")) TH_LOG("%s", text);
	EXPECT_EQ(0, link_index("vpn"));
}

TEST_F(netlink, a_unit_that_has_an_interface_is_EBUSY_with_a_text)
{
	ASSERT_EQ(0, add_with("vpn", IFLA_BSDTUN_UNIT, 5));
	EXPECT_EQ(-EBUSY, add_with("vpn2", IFLA_BSDTUN_UNIT, 5));
	EXPECT_TRUE(text_says("unit")) TH_LOG("%s", text);
	EXPECT_EQ(IFLA_BSDTUN_UNIT, culprit);
	EXPECT_EQ(-EBUSY, add("bsdtun5"));
	EXPECT_TRUE(text_says("unit")) TH_LOG("%s", text);
	EXPECT_EQ(IFLA_IFNAME, culprit);
	EXPECT_EQ(0, link_index("vpn2"));
}

TEST_F(netlink, a_unit_whose_name_is_taken_is_EEXIST_with_a_text)
{
	ASSERT_EQ(0, add_with("vpn", IFLA_BSDTUN_UNIT, 0));
	ASSERT_EQ(0, link_rename("vpn", "bsdtun5"));
	EXPECT_EQ(-EEXIST, add_with(NULL, IFLA_BSDTUN_UNIT, 5));
	EXPECT_TRUE(text_says("name")) TH_LOG("%s", text);
}

TEST_F(netlink, more_than_64_queues_are_EINVAL_with_a_text)
{
	queues_wanted = MAX_QUEUES + 1;
	EXPECT_EQ(-EINVAL, add("vpn"));
	EXPECT_TRUE(text_says("numtxqueues")) TH_LOG("%s", text);
	EXPECT_EQ(IFLA_NUM_TX_QUEUES, culprit);
	EXPECT_EQ(0, link_index("vpn"));
}

TEST_F(netlink, an_owner_or_group_can_be_taken_away)
{
	begin_add("vpn");
	put(IFLA_BSDTUN_OWNER, 1000);
	put(IFLA_BSDTUN_GROUP, 2000);
	ASSERT_EQ(0, commit());
	EXPECT_EQ(0, change("vpn", IFLA_BSDTUN_OWNER, BSDTUN_ID_NONE));
	EXPECT_EQ(BSDTUN_ID_NONE, value_of("vpn", IFLA_BSDTUN_OWNER));
	EXPECT_EQ(2000, value_of("vpn", IFLA_BSDTUN_GROUP));
	EXPECT_EQ(0, change("vpn", IFLA_BSDTUN_GROUP, BSDTUN_ID_NONE));
	EXPECT_EQ(BSDTUN_ID_NONE, value_of("vpn", IFLA_BSDTUN_GROUP));
}

TEST_F(netlink, the_mode_while_up_is_EBUSY_with_a_text)
{
	ASSERT_EQ(0, add("vpn"));
	ASSERT_EQ(0, link_up("vpn"));
	EXPECT_EQ(-EBUSY, change("vpn", IFLA_BSDTUN_MODE, BSDTUN_MODE_BROADCAST));
	EXPECT_TRUE(text_says("up")) TH_LOG("%s", text);
	EXPECT_EQ(IFLA_BSDTUN_MODE, culprit);
	EXPECT_EQ(BSDTUN_MODE_POINTOPOINT, value_of("vpn", IFLA_BSDTUN_MODE));
	ASSERT_EQ(0, link_down("vpn"));
	EXPECT_EQ(0, change("vpn", IFLA_BSDTUN_MODE, BSDTUN_MODE_BROADCAST));
}

TEST_F(netlink, a_refused_change_changes_nothing)
{
	ASSERT_EQ(0, add("vpn"));
	ASSERT_EQ(0, link_up("vpn"));
	begin_change("vpn");
	put(IFLA_BSDTUN_OWNER, 1000);
	put(IFLA_BSDTUN_TRANSIENT, 1);
	put(IFLA_BSDTUN_MODE, BSDTUN_MODE_BROADCAST);
	put(IFLA_BSDTUN_FRAMING, BSDTUN_FRAMING_AF);
	EXPECT_EQ(-EBUSY, commit());
	EXPECT_EQ(BSDTUN_ID_NONE, value_of("vpn", IFLA_BSDTUN_OWNER));
	EXPECT_EQ(0, value_of("vpn", IFLA_BSDTUN_TRANSIENT));
	EXPECT_EQ(BSDTUN_FRAMING_NONE, value_of("vpn", IFLA_BSDTUN_FRAMING));
}

TEST_F(netlink, a_refused_link_leaves_its_unit_free)
{
	begin_add("vpn");
	put(IFLA_BSDTUN_UNIT, 5);
	put(IFLA_BSDTUN_MODE, 7);
	EXPECT_GT(0, commit());
	EXPECT_EQ(0, add_with("vpn", IFLA_BSDTUN_UNIT, 5));
}

/* The kernel would find a number by the names that there are, not by the units. */
TEST_F(netlink, a_template_of_units_names_is_refused)
{
	static const char *const templates[] = { "bsdtun1%d", "bsdtun%d0", "bsdtun00%d" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(templates); i++) {
		begin_add(templates[i]);
		EXPECT_EQ(-EINVAL, commit()) TH_LOG("%s", templates[i]);
		EXPECT_EQ(IFLA_IFNAME, culprit);
		EXPECT_TRUE(text_says("number"));
	}
	begin_add("vpn%d");
	EXPECT_EQ(0, commit());
	EXPECT_EQ(0, value_of("vpn0", IFLA_BSDTUN_UNIT));
	begin_add("bsdtun%d");
	EXPECT_EQ(0, commit());
	EXPECT_EQ(1, value_of("bsdtun1", IFLA_BSDTUN_UNIT));
	EXPECT_EQ(0, link_del("vpn0"));
	EXPECT_EQ(0, link_del("bsdtun1"));
}

TEST_F(netlink, queues_follow_numtxqueues)
{
	ASSERT_EQ(0, link_add("bsdtun5", "bsdtun", 3));
	EXPECT_EQ(3, value_of("bsdtun5", IFLA_BSDTUN_QUEUES));
	EXPECT_EQ(0, value_of("bsdtun5", IFLA_BSDTUN_OPENS));
	unit_open(5, O_RDWR);
	unit_open(5, O_RDWR);
	EXPECT_EQ(2, value_of("bsdtun5", IFLA_BSDTUN_OPENS));
}

TEST_F(netlink, the_owner_process_is_shown)
{
	int fd, status;
	pid_t child;

	fd = unit_open(5, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(getpid(), value_of("bsdtun5", IFLA_BSDTUN_PID));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(ioctl(fd, TUNSIFPID, 0) != 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(child, value_of("bsdtun5", IFLA_BSDTUN_PID));
	close(fd);
	EXPECT_EQ(0, value_of("bsdtun5", IFLA_BSDTUN_PID));
}

TEST_F(netlink, each_counter_is_shown_and_agrees_with_ethtool)
{
	static const char * const names[IFLA_BSDTUN_COUNTER_MAX + 1] = {
		[IFLA_BSDTUN_COUNTER_TX_NO_READER] = "tx_dropped_no_reader",
		[IFLA_BSDTUN_COUNTER_TX_FAMILY] = "tx_dropped_family",
		[IFLA_BSDTUN_COUNTER_TX_OFFLOAD] = "tx_dropped_offload",
		[IFLA_BSDTUN_COUNTER_TX_FULL] = "tx_dropped_full",
		[IFLA_BSDTUN_COUNTER_TX_NOMEM] = "tx_dropped_nomem",
		[IFLA_BSDTUN_COUNTER_TX_PURGED] = "tx_dropped_purged",
		[IFLA_BSDTUN_COUNTER_TX_FAULT] = "tx_dropped_fault",
		[IFLA_BSDTUN_COUNTER_RX_ERROR_LENGTH] = "rx_errors_length",
		[IFLA_BSDTUN_COUNTER_RX_ERROR_FAMILY] = "rx_errors_family",
		[IFLA_BSDTUN_COUNTER_RX_ERROR_HEADER] = "rx_errors_header",
		[IFLA_BSDTUN_COUNTER_RX_ERROR_FAULT] = "rx_errors_fault",
		[IFLA_BSDTUN_COUNTER_RX_DOWN] = "rx_dropped_down",
		[IFLA_BSDTUN_COUNTER_RX_NOMEM] = "rx_dropped_nomem",
		[IFLA_BSDTUN_COUNTER_RX_BACKLOG] = "rx_dropped_backlog",
	};
	static const unsigned char packet[TUNMRU + 1] = { 0x45 };
	struct shown shown;
	int fd, i, sock;

	/* Of what can be brought about without further ado each another number */
	machine_setup(&fd, &sock);
	nl = connect_netlink(0);
	ASSERT_NE(NULL, nl);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(-1, write(fd, packet, sizeof(packet)));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(-1, write(fd, "P", 1));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(-1, write(fd, before_hole(0), 128));
	for (i = 0; i < 5; i++) {
		send_numbers(sock, i, 1);
		ASSERT_EQ(-1, read(fd, before_hole(0), 128));
	}
	send_numbers(sock, 0, 6);
	ASSERT_EQ(0, link_down(DEV));
	for (i = 0; i < 7; i++)
		ASSERT_EQ(1, write(fd, "E", 1));

	ASSERT_EQ(0, show(DEV, 0, &shown));
	EXPECT_EQ(2, shown.count[IFLA_BSDTUN_COUNTER_RX_ERROR_LENGTH]);
	EXPECT_EQ(3, shown.count[IFLA_BSDTUN_COUNTER_RX_ERROR_FAMILY]);
	EXPECT_EQ(4, shown.count[IFLA_BSDTUN_COUNTER_RX_ERROR_FAULT]);
	EXPECT_EQ(5, shown.count[IFLA_BSDTUN_COUNTER_TX_FAULT]);
	EXPECT_EQ(6, shown.count[IFLA_BSDTUN_COUNTER_TX_PURGED]);
	EXPECT_EQ(7, shown.count[IFLA_BSDTUN_COUNTER_RX_DOWN]);
	for (i = IFLA_BSDTUN_COUNTER_PAD + 1; i <= IFLA_BSDTUN_COUNTER_MAX; i++) {
		EXPECT_TRUE(shown.counted[i]) TH_LOG("counter %d", i);
		EXPECT_EQ(counter(DEV, names[i]), shown.count[i]) {
			TH_LOG("counter %d", i);
		}
	}
	link_del(DEV);
}

TEST_F(netlink, the_format_of_each_open_file_is_shown)
{
	struct shown shown;
	int fds[3], i, on = 1, len = 12;

	queues_wanted = 4;
	ASSERT_EQ(0, add_with("bsdtun5", IFLA_BSDTUN_FRAMING, BSDTUN_FRAMING_AF));
	queues_wanted = 0;
	ASSERT_EQ(0, show("bsdtun5", 0, &shown));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(-1, shown.framing[i]);
	for (i = 0; i < 3; i++)
		fds[i] = unit_open(5, O_RDWR);
	ASSERT_EQ(0, ioctl(fds[1], TUNSLMODE, &on));
	ASSERT_EQ(0, ioctl(fds[1], TUNSBATCH, &on));
	on = 0;
	ASSERT_EQ(0, ioctl(fds[2], TUNSIFHEAD, &on));
	ASSERT_EQ(0, ioctl(fds[1], TUNSVNETHDR, &len));
	ASSERT_EQ(0, ioctl(fds[2], TUNSCAP, &on));
	ASSERT_EQ(0, show("bsdtun5", 0, &shown));
	EXPECT_EQ(BSDTUN_FRAMING_AF, shown.framing[0]);
	EXPECT_EQ(BSDTUN_FRAMING_SOCKADDR, shown.framing[1]);
	EXPECT_EQ(BSDTUN_FRAMING_NONE, shown.framing[2]);
	EXPECT_EQ(BSDTUN_HEADER_NONE, shown.offload[0]);
	EXPECT_EQ(BSDTUN_HEADER_VNET, shown.offload[1]);
	EXPECT_EQ(BSDTUN_HEADER_TUN, shown.offload[2]);
	EXPECT_EQ(0, shown.batch[0]);
	EXPECT_EQ(1, shown.batch[1]);
	EXPECT_EQ(-1, shown.framing[3]);
	close(fds[0]);
	ASSERT_EQ(0, show("bsdtun5", 0, &shown));
	EXPECT_EQ(-1, shown.framing[0]);
	EXPECT_EQ(BSDTUN_FRAMING_SOCKADDR, shown.framing[1]);
	EXPECT_EQ(0, shown.bad_files);
}

/* The largest message that there is; getifaddrs(3) would see no link behind one that
 * does not fit a page.
 */
TEST_F(netlink, sixty_four_open_files_are_shown)
{
	struct if_nameindex *names;
	bool behind = false;
	struct shown shown;
	char alias[256];
	int i;

	queues_wanted = MAX_QUEUES;
	ASSERT_EQ(0, add("bsdtun5"));
	queues_wanted = 0;
	for (i = 0; i < MAX_QUEUES; i++)
		ASSERT_LE(0, unit_open(5, O_RDWR));
	ASSERT_EQ(0, show("bsdtun5", 0, &shown));
	EXPECT_EQ(MAX_QUEUES, shown.value[IFLA_BSDTUN_OPENS]);
	EXPECT_EQ(0, shown.bad_files);
	for (i = 0; i < MAX_QUEUES; i++)
		EXPECT_EQ(BSDTUN_FRAMING_NONE, shown.framing[i]) TH_LOG("file %d", i);
	ASSERT_EQ(0, show("bsdtun5", NLM_F_DUMP, &shown));
	EXPECT_EQ(BSDTUN_FRAMING_NONE, shown.framing[MAX_QUEUES - 1]);

	memset(alias, 'a', sizeof(alias) - 1);
	alias[sizeof(alias) - 1] = 0;
	sysfs_mount();
	ASSERT_EQ(0, file_write("/sys/class/net/bsdtun5/ifalias", alias));
	ASSERT_EQ(0, add("bsdtun6"));
	names = if_nameindex();
	ASSERT_NE(NULL, names);
	for (i = 0; names[i].if_index; i++)
		behind |= !strcmp("bsdtun6", names[i].if_name);
	if_freenameindex(names);
	EXPECT_TRUE(behind);
}

/* What can be changed, and what it becomes. */
FIXTURE(change) { };

FIXTURE_VARIANT(change)
{
	int attribute;
	int64_t value;
};

FIXTURE_VARIANT_ADD(change, owner) { IFLA_BSDTUN_OWNER, 1000 };
FIXTURE_VARIANT_ADD(change, owner_root) { IFLA_BSDTUN_OWNER, 0 };
FIXTURE_VARIANT_ADD(change, group) { IFLA_BSDTUN_GROUP, 1000 };
FIXTURE_VARIANT_ADD(change, mode) { IFLA_BSDTUN_MODE, BSDTUN_MODE_BROADCAST };
FIXTURE_VARIANT_ADD(change, transient) { IFLA_BSDTUN_TRANSIENT, 1 };
FIXTURE_VARIANT_ADD(change, framing) { IFLA_BSDTUN_FRAMING, BSDTUN_FRAMING_AF };

FIXTURE_SETUP(change)
{
	setup_unit();
	ASSERT_NE(NULL, nl);
}

FIXTURE_TEARDOWN(change)
{
	link_del("bsdtun5");
}

/* The first notification of a link that shows an attribute with a value. */
static bool told(struct mnl_socket *listener, int attribute, int64_t value)
{
	struct pollfd pfd = { .fd = mnl_socket_get_fd(listener), .events = POLLIN };
	static char buf[MESSAGE_ROOM];
	const struct nlmsghdr *msg = (void *)buf;
	struct shown shown;

	while (poll(&pfd, 1, PATIENCE) == 1 &&
	       mnl_socket_recvfrom(listener, buf, sizeof(buf)) > 0) {
		parse_link(msg, &shown);
		if (msg->nlmsg_type == RTM_NEWLINK && shown.present[attribute] &&
		    shown.value[attribute] == value)
			return true;
	}
	return false;
}

TEST_F(change, is_shown_and_leaves_the_rest)
{
	struct shown before, after;
	int i;

	ASSERT_EQ(0, show("bsdtun5", 0, &before));
	ASSERT_NE(variant->value, before.value[variant->attribute]);
	ASSERT_EQ(0, change("bsdtun5", variant->attribute, variant->value)) TH_LOG("%s", text);
	ASSERT_EQ(0, show("bsdtun5", 0, &after));
	before.value[variant->attribute] = variant->value;
	for (i = IFLA_BSDTUN_UNIT; i <= IFLA_BSDTUN_MAX; i++)
		EXPECT_EQ(before.value[i], after.value[i]) TH_LOG("attribute %d", i);
}

TEST_F(change, is_told)
{
	struct mnl_socket *listener = connect_netlink(RTMGRP_LINK);

	ASSERT_NE(NULL, listener);
	ASSERT_EQ(0, change("bsdtun5", variant->attribute, variant->value));
	EXPECT_TRUE(told(listener, variant->attribute, variant->value));
}

TEST_F(change, through_sysfs_is_shown_and_told)
{
	static const struct {
		const char *name, *text;
	} file[] = {
		[IFLA_BSDTUN_OWNER] = { "owner", NULL },
		[IFLA_BSDTUN_GROUP] = { "group", NULL },
		[IFLA_BSDTUN_MODE] = { "mode", "broadcast" },
		[IFLA_BSDTUN_TRANSIENT] = { "transient", NULL },
		[IFLA_BSDTUN_FRAMING] = { "framing", "af" },
	};
	struct mnl_socket *listener = connect_netlink(RTMGRP_LINK);
	char path[64], number[16];

	ASSERT_NE(NULL, listener);
	sysfs_mount();
	snprintf(path, sizeof(path), "/sys/class/net/bsdtun5/bsdtun/%s",
		 file[variant->attribute].name);
	snprintf(number, sizeof(number), "%d", (int)variant->value);
	ASSERT_EQ(0, file_write(path, file[variant->attribute].text ?: number));
	EXPECT_EQ(variant->value, value_of("bsdtun5", variant->attribute));
	EXPECT_TRUE(told(listener, variant->attribute, variant->value));
}

TEST_F(netlink, a_mode_set_by_ioctl_is_told)
{
	struct mnl_socket *listener = connect_netlink(RTMGRP_LINK);
	int fd = unit_open(5, O_RDWR), mode = IFF_BROADCAST;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, TUNSIFMODE, &mode));
	EXPECT_TRUE(told(listener, IFLA_BSDTUN_MODE, BSDTUN_MODE_BROADCAST));
}

TEST_F(netlink, transience_set_by_ioctl_is_told)
{
	struct mnl_socket *listener = connect_netlink(RTMGRP_LINK);
	int fd = unit_open(5, O_RDWR), on = 1;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, TUNSTRANSIENT, &on));
	EXPECT_TRUE(told(listener, IFLA_BSDTUN_TRANSIENT, 1));
}

TEST_F(netlink, an_mtu_set_by_ioctl_is_told)
{
	struct mnl_socket *listener = connect_netlink(RTMGRP_LINK);
	struct tuninfo tuninfo = { .mtu = 1280, .type = BSDTUN_IFT_PPP };
	int fd = unit_open(5, O_RDWR);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, TUNSIFINFO, &tuninfo));
	EXPECT_TRUE(told(listener, SHOWN_MTU, 1280));
}

TEST_F(netlink, open_and_close_of_an_interface_that_is_up_are_told)
{
	struct mnl_socket *listener = connect_netlink(RTMGRP_LINK);
	int fd;

	ASSERT_EQ(0, add("bsdtun5"));
	ASSERT_EQ(0, link_up("bsdtun5"));
	fd = unit_open(5, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(told(listener, IFLA_BSDTUN_OPENS, 1));
	close(fd);
	EXPECT_TRUE(told(listener, IFLA_BSDTUN_OPENS, 0));
}

/* What a thread of the kernel tells, as of the carrier, a while after: nothing that a program
 * in that network would not be shown.
 */
TEST_F(netlink, events_tell_a_user_namespace_of_no_number_that_it_does_not_have)
{
	struct mnl_socket *listener;
	int pipes[2], status, fd;
	char path[64];
	pid_t child;

	ASSERT_EQ(0, pipe(pipes));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (!unshare(CLONE_NEWUSER | CLONE_NEWNET) && write(pipes[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(pipes[1]);
	ASSERT_EQ(1, read(pipes[0], path, 1));
	snprintf(path, sizeof(path), "/proc/%d/ns/net", child);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, setns(fd, CLONE_NEWNET));
	nl = connect_netlink(0);
	listener = connect_netlink(RTMGRP_LINK);
	close(unit_open(5, O_RDWR));
	ASSERT_EQ(0, change("bsdtun5", IFLA_BSDTUN_OWNER, 1000)) TH_LOG("%s", text);
	EXPECT_EQ(1000, value_of("bsdtun5", IFLA_BSDTUN_OWNER));
	ASSERT_EQ(0, link_up("bsdtun5"));
	ASSERT_LE(0, unit_open(5, O_RDWR));
	EXPECT_TRUE(told(listener, IFLA_BSDTUN_OWNER, 65534));
	link_del("bsdtun5");
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
}

/* As root of a user and a network namespace in which nobody else is known. Returns
 * the number of the step that failed, 0 if none did.
 */
static int give_to_nobody(void)
{
	if (unshare(CLONE_NEWUSER) || file_write("/proc/self/uid_map", "0 0 1") ||
	    unshare(CLONE_NEWNET))
		return 1;
	nl = connect_netlink(0);
	if (!nl || unit_open(5, O_RDWR) < 0)
		return 2;
	if (change("bsdtun5", IFLA_BSDTUN_OWNER, 1000) != -EINVAL)
		return 3;
	if (!text_says("user namespace") || culprit != IFLA_BSDTUN_OWNER)
		return 4;
	if (value_of("bsdtun5", IFLA_BSDTUN_OWNER) != BSDTUN_ID_NONE)
		return 5;
	if (change("bsdtun5", IFLA_BSDTUN_OWNER, 0) || value_of("bsdtun5", IFLA_BSDTUN_OWNER))
		return 6;
	return 0;
}

TEST_F(netlink, an_owner_unknown_in_the_user_namespace_is_EINVAL_with_a_text)
{
	pid_t child;
	int status;

	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(give_to_nobody());
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status) TH_LOG("step %d", WEXITSTATUS(status));
}

/* What is refused, whenever it is given. */
FIXTURE(refused) { };

FIXTURE_VARIANT(refused)
{
	int attribute;
	int64_t value;
	const char *word;
	bool change_only;
};

FIXTURE_VARIANT_ADD(refused, unit) { IFLA_BSDTUN_UNIT, 3, "unit", true };
FIXTURE_VARIANT_ADD(refused, pid) { IFLA_BSDTUN_PID, 1, "process", false };
FIXTURE_VARIANT_ADD(refused, queues) { IFLA_BSDTUN_QUEUES, 2, "numtxqueues", false };
FIXTURE_VARIANT_ADD(refused, opens) { IFLA_BSDTUN_OPENS, 1, "open", false };
FIXTURE_VARIANT_ADD(refused, mode_2) { IFLA_BSDTUN_MODE, 2, "broadcast", false };
FIXTURE_VARIANT_ADD(refused, mode_255) { IFLA_BSDTUN_MODE, 255, "broadcast", false };
FIXTURE_VARIANT_ADD(refused, transient_2) { IFLA_BSDTUN_TRANSIENT, 2, "transient", false };
FIXTURE_VARIANT_ADD(refused, framing_2) { IFLA_BSDTUN_FRAMING, 2, "framing", false };
FIXTURE_VARIANT_ADD(refused, counters) { IFLA_BSDTUN_COUNTERS, 0, "counters", false };
FIXTURE_VARIANT_ADD(refused, files) { IFLA_BSDTUN_FILES, 0, "ioctl", false };

FIXTURE_SETUP(refused)
{
	setup_unit();
	ASSERT_NE(NULL, nl);
}

FIXTURE_TEARDOWN(refused)
{
	link_del("bsdtun5");
}

TEST_F(refused, with_a_text_that_points_at_it)
{
	struct shown before, after;
	int ret;

	ASSERT_EQ(0, show("bsdtun5", 0, &before));
	ret = change("bsdtun5", variant->attribute, variant->value);
	EXPECT_TRUE(ret == -EINVAL || ret == -EOPNOTSUPP || ret == -ERANGE) TH_LOG("%d", ret);
	EXPECT_TRUE(text_says(variant->word)) TH_LOG("%s", text);
	EXPECT_EQ(variant->attribute, culprit);
	ASSERT_EQ(0, show("bsdtun5", 0, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));

	if (variant->change_only)
		return;
	ret = add_with("vpn", variant->attribute, variant->value);
	EXPECT_TRUE(ret == -EINVAL || ret == -EOPNOTSUPP || ret == -ERANGE) TH_LOG("%d", ret);
	EXPECT_TRUE(text_says(variant->word)) TH_LOG("%s", text);
	EXPECT_EQ(variant->attribute, culprit);
	EXPECT_EQ(0, link_index("vpn"));
}

FIXTURE(length) { };

FIXTURE_VARIANT(length)
{
	int attribute;
};

FIXTURE_VARIANT_ADD(length, unit) { IFLA_BSDTUN_UNIT };
FIXTURE_VARIANT_ADD(length, owner) { IFLA_BSDTUN_OWNER };
FIXTURE_VARIANT_ADD(length, group) { IFLA_BSDTUN_GROUP };
FIXTURE_VARIANT_ADD(length, mode) { IFLA_BSDTUN_MODE };
FIXTURE_VARIANT_ADD(length, transient) { IFLA_BSDTUN_TRANSIENT };
FIXTURE_VARIANT_ADD(length, framing) { IFLA_BSDTUN_FRAMING };

FIXTURE_SETUP(length)
{
	setup();
	ASSERT_NE(NULL, nl);
}

FIXTURE_TEARDOWN(length)
{
	link_del("vpn");
}

TEST_F(length, other_than_its_own_is_refused_with_a_text)
{
	static const unsigned char zeros[8];
	size_t lens[] = { 0, is_u8(variant->attribute) ? 4 : 1, 2, 3, 8 }, i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		begin_add("vpn");
		mnl_attr_put(request, variant->attribute, lens[i], zeros);
		ret = commit();
		EXPECT_TRUE(ret == -EINVAL || ret == -ERANGE) {
			TH_LOG("length %zu: %d", lens[i], ret);
		}
		EXPECT_STRNE("", text);
		EXPECT_EQ(variant->attribute, culprit);
	}
	EXPECT_EQ(0, link_index("vpn"));
}

TEST_HARNESS_MAIN
