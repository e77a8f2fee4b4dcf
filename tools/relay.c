// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * bsdtun-relay - carry the packets of a tun(4) device over UDP
 *
 * What the IP stack sends to the interface goes to the peer, one packet a
 * datagram, and what the peer sends the stack receives. A datagram holds the
 * bare packet: the address family before it, which BSD and Linux number
 * differently, stays on the machine.
 */
#define _DEFAULT_SOURCE		/* getopt() and signals, in C99 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tun.h"

/* Packets moved one way before the other way gets its turn. */
#define BURST	64

struct counts {
	unsigned long long packets, bytes, dropped;
};

struct relay {
	int device, sock;
	const char *interface, *peer;
	struct counts out, in;
};

static int signal_pipe[2];

static void die(const char *format, ...)
{
	va_list args;

	fputs("bsdtun-relay: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

static void bad_usage(void)
{
	fputs("usage: bsdtun-relay [-b address] [-p port] device host port\n"
	      "\n"
	      "Carry the packets of a tun(4) device over UDP to and from host:port.\n"
	      "\n"
	      "  -b address  local address to send from and receive on (default: any)\n"
	      "  -p port     local port (default: the peer's)\n"
	      "  device      such as /dev/bsdtun0\n"
	      "\n"
	      "Nothing is encrypted. SIGINT and SIGTERM end it; it then tells what it moved.\n",
	      stderr);
	exit(EXIT_FAILURE);
}

/* A signal ends up as something to poll for, so that none comes unseen. */
static void on_signal(int signo)
{
	int saved = errno;

	(void)signo;
	if (write(signal_pipe[1], "", 1) < 0)
		_exit(EXIT_FAILURE);
	errno = saved;
}

static void catch_signals(void)
{
	struct sigaction action;

	if (pipe(signal_pipe) < 0)
		die("pipe: %s", strerror(errno));
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static struct addrinfo *resolve(const char *host, const char *port, int family, int flags)
{
	struct addrinfo hints, *found;
	int error;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = family;
	hints.ai_socktype = SOCK_DGRAM;
	hints.ai_flags = flags;
	error = getaddrinfo(host, port, &hints, &found);
	if (error)
		die("%s port %s: %s", host ? host : "local", port, gai_strerror(error));
	return found;
}

/* A connected socket: the kernel then takes datagrams from this peer alone. */
static int open_socket(const char *address, const char *local_port,
		       const char *host, const char *port)
{
	struct addrinfo *peer = resolve(host, port, AF_UNSPEC, 0);
	struct addrinfo *local = resolve(address, local_port, peer->ai_family, AI_PASSIVE);
	int fd = socket(peer->ai_family, peer->ai_socktype, peer->ai_protocol);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (bind(fd, local->ai_addr, local->ai_addrlen) < 0)
		die("%s port %s: %s", address ? address : "local", local_port, strerror(errno));
	if (connect(fd, peer->ai_addr, peer->ai_addrlen) < 0)
		die("%s port %s: %s", host, port, strerror(errno));
	freeaddrinfo(local);
	freeaddrinfo(peer);
	return fd;
}

static void count(struct counts *counts, size_t bytes)
{
	counts->packets++;
	counts->bytes += bytes;
}

/*
 * The socket blocks: while it has no room, packets wait in the interface's
 * queue and are not lost here. What the network will not take is dropped, as
 * a router would.
 */
static void send_out(struct relay *relay, struct frame *frame)
{
	ssize_t len;
	int i;

	for (i = 0; i < BURST; i++) {
		len = read(relay->device, frame, sizeof(*frame));
		if (len < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return;
			die("read from %s: %s", relay->interface, strerror(errno));
		}
		if ((size_t)len <= PREFIX)
			continue;
		len -= PREFIX;
		if (send(relay->sock, frame->packet, len, 0) < 0)
			relay->out.dropped++;
		else
			count(&relay->out, len);
	}
}

static void take_in(struct relay *relay, struct frame *frame)
{
	int i, family;
	ssize_t len;

	for (i = 0; i < BURST; i++) {
		len = recv(relay->sock, frame->packet, sizeof(frame->packet), MSG_DONTWAIT);
		if (len < 0) {
			if (errno == ECONNREFUSED)	/* the peer is not there yet */
				continue;
			if (errno == EAGAIN || errno == EINTR)
				return;
			die("receive from %s: %s", relay->peer, strerror(errno));
		}
		family = tun_family(frame->packet, len);
		frame->family = htonl(family);
		if (family == AF_UNSPEC) {
			relay->in.dropped++;
		} else if (write(relay->device, frame, PREFIX + len) < 0) {
			if (errno != ENOBUFS)
				die("write to %s: %s", relay->interface, strerror(errno));
			relay->in.dropped++;
		} else {
			count(&relay->in, len);
		}
	}
}

static void run(struct relay *relay)
{
	static struct frame frame;
	struct pollfd fds[] = {
		{ .fd = relay->device, .events = POLLIN },
		{ .fd = relay->sock, .events = POLLIN },
		{ .fd = signal_pipe[0], .events = POLLIN },
	};

	while (!fds[2].revents) {
		if (poll(fds, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			die("poll: %s", strerror(errno));
		}
		if (fds[0].revents)
			send_out(relay, &frame);
		if (fds[1].revents)
			take_in(relay, &frame);
	}
}

static void report(const char *from, const char *to, const struct counts *counts)
{
	printf("%s -> %s: %llu packets, %llu bytes, %llu dropped\n", from, to,
	       counts->packets, counts->bytes, counts->dropped);
}

int main(int argc, char **argv)
{
	const char *address = NULL, *local_port = NULL, *port;
	struct relay relay;
	int option;

	while ((option = getopt(argc, argv, "b:p:")) != -1) {
		switch (option) {
		case 'b':
			address = optarg;
			break;
		case 'p':
			local_port = optarg;
			break;
		default:
			bad_usage();
		}
	}
	argv += optind;
	if (argc - optind != 3)
		bad_usage();

	memset(&relay, 0, sizeof(relay));
	relay.peer = argv[1];
	port = argv[2];
	catch_signals();
	relay.sock = open_socket(address, local_port ? local_port : port, relay.peer, port);
	relay.device = tun_open(argv[0], O_NONBLOCK);
	relay.interface = tun_interface(relay.device, argv[0]);
	printf("%s <-> %s port %s\n", relay.interface, relay.peer, port);
	fflush(stdout);

	run(&relay);

	report(relay.interface, relay.peer, &relay.out);
	report(relay.peer, relay.interface, &relay.in);
	return EXIT_SUCCESS;
}
