// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Load and unload of the module, by the calling thread itself, so that KCOV sees it. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fuzz.h"

/* The first is what programs start with; a comma stands for the space between two. */
const char *const module_options[] = {
	"units=4,clone=1", "units=4", "units=0", "units=0,clone=1", "units=5000",
	"units=1,debug=1,clone=1", "name=tun,clone=1,units=2", "name=tun0", "name=abcdefghijkl",
	"name=", "name=a%d", "name=a/b", "clone=2", "units=x", "units=20,debug=1", NULL
};

int module_load(const char *options)
{
	char path[256], text[64], *comma;
	struct utsname uts;
	int fd, ret;

	snprintf(text, sizeof(text), "%s", options);
	while ((comma = strchr(text, ',')))
		*comma = ' ';
	uname(&uts);
	snprintf(path, sizeof(path), "/usr/lib/modules/%s/updates/bsdtun.ko", uts.release);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, text, 0) ? -errno : 0;
	close(fd);
	return ret;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, "bsdtun", O_NONBLOCK) ? -errno : 0;
}

/* For the user who has no privileges. */
void module_nodes_open_to_all(void)
{
	glob_t found;
	size_t i;

	if (!glob("/dev/bsdtun*", 0, NULL, &found))
		for (i = 0; i < found.gl_pathc; i++)
			chmod(found.gl_pathv[i], 0666);
	globfree(&found);
}
