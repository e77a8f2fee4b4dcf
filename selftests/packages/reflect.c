// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* reflect DEVICE: send each IPv4 packet of a tun device back whence it came. As a program of the
 * BSDs has it, with nothing but the headers that bsdtun-dev installs.
 */

#include <sys/ioctl.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_tun.h>
#include <net/if_types.h>
#include <net/tun/if_tun.h>
#include <netinet/ip.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct {
		uint32_t family;
		union {
			struct ip ip;
			char bytes[TUNMRU];
		};
	} frame;
	struct tuninfo info;
	struct in_addr from;
	int on = 1, fd;
	ssize_t n;

	if (argc != 2)
		errx(1, "usage: reflect DEVICE");
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		err(1, "%s", argv[1]);
	if (ioctl(fd, TUNGIFINFO, &info) || ioctl(fd, TUNSIFHEAD, &on))
		err(1, "%s: ioctl", argv[1]);
	if (info.type != IFT_PPP || info.mtu != TUNMTU)
		errx(1, "type %d, mtu %d", info.type, info.mtu);
	puts("ready");
	fflush(stdout);

	while ((n = read(fd, &frame, sizeof(frame))) > 0) {
		if (ntohl(frame.family) != AF_INET)
			continue;
		from = frame.ip.ip_src;
		frame.ip.ip_src = frame.ip.ip_dst;
		frame.ip.ip_dst = from;
		if (write(fd, &frame, n) != n)
			err(1, "write");
	}
	err(1, "read");
}
