/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * devname(3), fdevname(3) and fdevname_r(3) of the BSDs, by which a program
 * learns the unit that it opened. <stdlib.h> beside this file includes it.
 */
#ifndef _BSDTUN_DEVNAME_H_
#define _BSDTUN_DEVNAME_H_

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BSDTUN_DEVNAME_SIZE	256

/* The name below /dev that the kernel gives a device; 0 if it knows none. */
static inline int bsdtun_node_name(dev_t dev, mode_t type, char *buf)
{
	char line[BSDTUN_DEVNAME_SIZE];
	int found = 0;
	FILE *file;

	snprintf(line, sizeof(line), "/sys/dev/%s/%u:%u/uevent",
		 S_ISBLK(type) ? "block" : "char", major(dev), minor(dev));
	file = fopen(line, "re");
	if (!file)
		return 0;
	while (!found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "DEVNAME=", 8) == 0) {
			memcpy(buf, line + 8, strlen(line + 8) + 1);
			found = 1;
		}
	}
	fclose(file);
	return found;
}

/* buf has room for BSDTUN_DEVNAME_SIZE bytes. Returns 0, with errno, if it fails. */
static inline int bsdtun_file_name(int fd, char *buf)
{
	/* TUNGIFNAME, but its struct ifreq is <net/if.h>'s and <linux/if.h>'s
	 * alike: the driver takes any of their sizes.
	 */
	const unsigned long get_name = _IOC(_IOC_READ, 't', 93, 32);
	char interface[32];
	struct stat st;
	size_t len = 0;

	if (fstat(fd, &st) < 0)
		return 0;
	if (!S_ISCHR(st.st_mode)) {
		errno = EINVAL;
		return 0;
	}
	if (bsdtun_node_name(st.st_rdev, st.st_mode, buf))
		len = strlen(buf);
	if (len && buf[len - 1] >= '0' && buf[len - 1] <= '9')
		return 1;
	/* The cloning node, as far as fstat(2) knows: the unit may have no
	 * node, but its interface is named as that would be.
	 */
	if (ioctl(fd, get_name, interface) == 0) {
		memcpy(buf, interface, strlen(interface) + 1);
		return 1;
	}
	return len != 0;
}

/* The same for a buffer that may be too short, which is then this error. */
static inline int bsdtun_file_name_r(int fd, char *buf, size_t size, int error)
{
	char name[BSDTUN_DEVNAME_SIZE];

	if (!bsdtun_file_name(fd, name))
		return 0;
	if (strlen(name) >= size) {
		errno = error;
		return 0;
	}
	memcpy(buf, name, strlen(name) + 1);
	return 1;
}

/* A device that has no name is returned as its type and numbers. */
static inline char *devname(dev_t dev, mode_t type)
{
	static char buf[BSDTUN_DEVNAME_SIZE];

	if (!bsdtun_node_name(dev, type, buf))
		snprintf(buf, sizeof(buf), "#%c:%u:0x%x",
			 S_ISBLK(type) ? 'B' : 'C', major(dev), minor(dev));
	return buf;
}

static inline char *fdevname(int fd)
{
	static char buf[BSDTUN_DEVNAME_SIZE];

	return bsdtun_file_name(fd, buf) ? buf : NULL;
}

#if defined(__DragonFly__)

/* Returns 0 or an error number. */
static inline int fdevname_r(int fd, char *buf, size_t len)
{
	return bsdtun_file_name_r(fd, buf, len, ERANGE) ? 0 : errno;
}

#else

static inline char *fdevname_r(int fd, char *buf, int len)
{
	return bsdtun_file_name_r(fd, buf, len > 0 ? len : 0, EINVAL) ? buf : NULL;
}

#endif

#endif /* _BSDTUN_DEVNAME_H_ */
