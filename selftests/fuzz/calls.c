// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The calls of a program, made by two threads, and what they may end with. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "ops.h"

#define OPS_MAX		64
#define TICK_MS		40	/* then a call that sleeps is interrupted */
#define HELPER_MS	8	/* that the second thread gets before the first goes on */

struct op ops[OPS_MAX];
unsigned int op_count;

int namespaces[2];
bool concurrent;

const int no_errnos[] = { EBADF, 0 };

const struct kind number;
const struct kind small = { .limit = 32 };
const struct kind two = { .limit = 2 };
const struct kind bits = { .limit = 65536 };
const struct kind slot = { .limit = SLOTS };
const struct kind buffer = { .words = buffer_words };

const char *const dev_words[] = {
	"bsdtun0", "bsdtun1", "bsdtun2", "bsdtun3", "bsdtun4", "bsdtun9", "bsdtun00", "fuzz0",
	"fuzz1", "tun0", "bsdtun%d", "nodev", NULL
};

const struct kind dev = { .words = dev_words };

const char *dev_name(const struct call *call, unsigned int i)
{
	return dev_words[call->arg[i]];
}

bool all_zero(const void *data, size_t len)
{
	const unsigned char *byte = data;

	while (len--)
		if (*byte++)
			return false;
	return true;
}

/* Opened before a call and closed behind it, which may be another user's. */
static int fail_nth_open(void)
{
	return open("/proc/thread-self/fail-nth", O_WRONLY | O_CLOEXEC);
}

static void fail_nth(int fd, unsigned int nth)
{
	char text[16];

	if (fd < 0)
		return;
	snprintf(text, sizeof(text), "%u", nth);
	/* The first may itself be what fails, and then nothing does any more. */
	if (write(fd, text, strlen(text)) < 0 && write(fd, text, strlen(text)) < 0)
		finding("fail-nth: %m");
}

static bool is_listed(const int *errnos, int error)
{
	while (*errnos && *errnos != error)
		errnos++;
	return *errnos;
}

/* The buffer that a read, a write or an ioctl is given is one that can be used. */
static bool has_good_buffer(const struct call *call)
{
	const struct op *op = &ops[call->op];
	unsigned int i;

	for (i = 0; i < op_args(op); i++)
		if (op->kind[i] == &buffer)
			return can_be_written(call->arg[i]);
	return false;
}

/* With memory short, what the kernel around the driver says is not ours to judge. */
static bool is_expected(const struct call *call, int error)
{
	const struct op *op = &ops[call->op];
	const int *errnos = op->run == ioctl_ops[0].run ? ioctl_errnos(call) : op->errnos;

	if (error == EFAULT && !call->fail && has_good_buffer(call))
		return false;
	if (!errnos || is_listed(errnos, error))
		return true;
	if (!call->fail)
		return false;
	if (op->kind[0] != &slot)
		return true;
	/* EINVAL: what device_add() says of an interface for whose name there was no memory. */
	return error == ENOMEM || error == ENOBUFS || error == EFAULT || error == ENFILE ||
	       (error == EINVAL && op->errnos == open_errnos);
}

static void make_call(const struct call *call)
{
	const struct op *op = &ops[call->op];
	struct program one = { .calls = 1 };
	char text[TEXT_MAX];
	int fd = -1;
	long ret;

	if (call->fail) {
		shared->failing++;
		fd = fail_nth_open();
		fail_nth(fd, call->fail);
	}
	ret = op->run(call);
	if (call->fail) {
		fail_nth(fd, 0);
		close(fd);
		shared->failing--;
	}
	/* Errors are features too: of each op, and of what its second argument says. */
	if (ret < 0)
		feature_add(0x100000 + call->op * 256 +
			    (op_args(op) > 1 && op->kind[1]->words ? call->arg[1] : 0), -ret);
	if (verbose || (ret < 0 && !is_expected(call, -ret))) {
		one.call[0] = *call;
		program_print(&one, text);
		if (verbose)
			printf("    %s = %ld%s%s\n", text, ret, ret < 0 ? ", " : "",
			       ret < 0 ? strerror(-ret) : "");
		if (ret < 0 && !is_expected(call, -ret))
			finding("%s: %s", text, strerror(-ret));
	}
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static const struct call *helper_call;	/* what the second thread makes or is to make */
static bool helper_runs;

static void *helper(void *unused)
{
	(void)unused;
	buffers_of_thread(1);
	cover_start(1);
	pthread_mutex_lock(&lock);
	for (;;) {
		while (!helper_call)
			pthread_cond_wait(&changed, &lock);
		pthread_mutex_unlock(&lock);
		make_call(helper_call);
		pthread_mutex_lock(&lock);
		helper_call = NULL;
		pthread_cond_broadcast(&changed);
	}
	return NULL;
}

/* The second thread does not hear the clock: its calls sleep as long as they like. */
static void helper_start(void)
{
	sigset_t alarm, before;
	pthread_t thread;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, &before);
	helper_runs = !pthread_create(&thread, NULL, helper, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A call for the second thread is left out while it sleeps in another. */
static void helper_make(const struct call *call)
{
	struct timespec until;

	if (!helper_runs)
		helper_start();
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += HELPER_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&lock);
	if (!helper_call) {
		helper_call = call;
		pthread_cond_broadcast(&changed);
		while (helper_call && !pthread_cond_timedwait(&changed, &lock, &until))
			;
	}
	pthread_mutex_unlock(&lock);
}

void calls_init(const int ns[2])
{
	static const struct op *const groups[] = { file_ops, ioctl_ops, link_ops, system_ops };
	unsigned int i, j;

	for (i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		for (j = 0; groups[i][j].name; j++)
			ops[op_count++] = groups[i][j];
	namespaces[0] = ns[0];
	namespaces[1] = ns[1];
	slots_init();
	buffers_init();
	buffers_of_thread(0);
}

static void nothing(int signal)
{
	(void)signal;
}

void calls_run(const struct program *program)
{
	struct itimerval tick = { .it_interval.tv_usec = TICK_MS * 1000,
				  .it_value.tv_usec = TICK_MS * 1000 };
	struct sigaction interrupt = { .sa_handler = nothing };
	unsigned int i;

	for (i = 0; i < program->calls; i++)
		concurrent |= program->call[i].async;
	sigaction(SIGALRM, &interrupt, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
	cover_start(0);
	for (i = 0; i < program->calls; i++) {
		if (program->call[i].async)
			helper_make(&program->call[i]);
		else
			make_call(&program->call[i]);
	}
	slots_close();
	cover_collect();
}

