// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What of the checklist takes a million calls: writes that are refused leave
 * nothing behind, in memory or in the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include <linux/bsdtun.h>

#include "kselftest_harness.h"
#include "util.h"

#define WRITES		1000000
#define LONGEST		65535	/* packet that write takes */
#define LINES		20	/* that the log may grow by */
#define KEPT		100000	/* KiB; kernels that look for errors free late */

FIXTURE(refused)
{
	int fd;
	int sock;
	int kmsg;
	long before;
};

/* A write that is refused */
FIXTURE_VARIANT(refused)
{
	unsigned long setting;	/* of the file, 0: none */
	int value;
	size_t len;
	bool hole;	/* the second half of it faults */
	int err;
	const char *counter;
};

FIXTURE_VARIANT_ADD(refused, for_its_length)
{
	.len = LONGEST + 1, .err = EIO, .counter = "rx_errors_length",
};

FIXTURE_VARIANT_ADD(refused, for_its_family)
{
	.len = 2000, .err = EAFNOSUPPORT, .counter = "rx_errors_family",
};

FIXTURE_VARIANT_ADD(refused, for_a_short_word)
{
	.setting = TUNSIFHEAD, .value = 1, .len = 3, .err = EIO, .counter = "rx_errors_length",
};

FIXTURE_VARIANT_ADD(refused, for_its_word)
{
	.setting = TUNSIFHEAD, .value = 1, .len = 2000, .err = EAFNOSUPPORT,
	.counter = "rx_errors_family",
};

FIXTURE_VARIANT_ADD(refused, for_its_address)
{
	.len = 2000, .hole = true, .err = EFAULT, .counter = "rx_errors_fault",
};

FIXTURE_VARIANT_ADD(refused, for_its_header)
{
	.setting = TUNSVNETHDR, .value = 10, .len = 2000, .err = EINVAL,
	.counter = "rx_errors_header",
};

FIXTURE_VARIANT_ADD(refused, for_the_header_of_a_batch)
{
	.setting = TUNSBATCH, .value = 1, .len = 2000, .err = EINVAL,
	.counter = "rx_errors_header",
};

#define VARIANTS	7

FIXTURE_SETUP(refused)
{
	int on = 1;

	machine_setup(&self->fd, &self->sock);
	self->kmsg = kmsg_open();
	ASSERT_EQ(0, ioctl(self->fd, TUNSDEBUG, &on));
	if (variant->setting)
		ASSERT_EQ(0, set(self->fd, variant->setting, variant->value));
	self->before = memory_in_use();
}

FIXTURE_TEARDOWN(refused)
{
	int off = 0;

	ioctl(self->fd, TUNSDEBUG, &off);
	link_del(DEV);
}

TEST_F_TIMEOUT(refused, cve_2024_27013_cve_2026_46320_by_the_million, 900)
{
	static unsigned char whole[LONGEST + 1];
	void *bad = variant->hole ? before_hole(variant->len / 2) : whole;
	int i;

	memset(bad, 0xff, variant->hole ? variant->len / 2 : sizeof(whole));
	/* Of a family that is none the header is not looked at. */
	if (variant->setting == TUNSVNETHDR)
		whole[variant->value] = 0x45;
	for (i = 0; i < WRITES / VARIANTS; i++) {
		ASSERT_EQ(-1, write(self->fd, bad, variant->len));
		ASSERT_EQ(variant->err, errno);
	}
	EXPECT_EQ(WRITES / VARIANTS, counter(DEV, variant->counter));
	EXPECT_LT(memory_in_use() - self->before, KEPT);
	EXPECT_GE(LINES, kmsg_count(self->kmsg, ""));
}

TEST_HARNESS_MAIN
