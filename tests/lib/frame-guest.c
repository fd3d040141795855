/* The only program of a guest that is a network card with a serial port: what a test writes there goes out as
 * frames, and what comes in is written there. It has no addresses and no mind of its own, so that whatever is
 * seen of it was meant by the test. Lines in: "mac", "send HEX", "many N HEX", "count". Lines out: "mac HEX",
 * "recv HEX", "done", "count BYTES". SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#define FRAME_MAX 2048
#define QUIET_BELOW 1000 /* larger ones are counted, and not written: the port is slow */

static int tty, card;
static unsigned char mac[6];
static unsigned long long received;

static void
load_modules(void)
{
	char path[32];

	for (int i = 0;; i++) {
		snprintf(path, sizeof path, "/modules/%d.ko", i);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			return;
		syscall(SYS_finit_module, fd, "", 0);
		close(fd);
	}
}

static void
open_tty(void)
{
	struct termios raw;

	mount("dev", "/dev", "devtmpfs", 0, "");
	tty = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
	tcgetattr(tty, &raw);
	cfmakeraw(&raw);
	cfsetspeed(&raw, B115200);
	tcsetattr(tty, TCSANOW, &raw);
}

static void
open_card(void)
{
	struct ifreq request = {.ifr_name = "eth0"};
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	card = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	while (ioctl(card, SIOCGIFHWADDR, &request) < 0)
		usleep(100000);
	memcpy(mac, request.ifr_hwaddr.sa_data, sizeof mac);
	request.ifr_flags = IFF_UP | IFF_PROMISC;
	ioctl(card, SIOCSIFFLAGS, &request);
	address.sll_ifindex = (int)if_nametoindex("eth0");
	bind(card, (struct sockaddr *)&address, sizeof address);
}

static void
say(const char *word, const unsigned char *bytes, size_t size)
{
	static char line[2 * FRAME_MAX + 16];
	int n = sprintf(line, "%s ", word);

	for (size_t i = 0; i < size; i++)
		n += sprintf(line + n, "%02x", bytes[i]);
	line[n++] = '\n';
	for (int at = 0, done; at < n; at += done) {
		done = (int)write(tty, line + at, (size_t)(n - at));
		if (done < 0)
			return;
	}
}

static void
transmit(const char *hex, unsigned long times)
{
	static unsigned char frame[FRAME_MAX];
	size_t size = 0;

	for (; size < sizeof frame && sscanf(hex, "%2hhx", &frame[size]) == 1; hex += 2)
		size++;
	while (times-- > 0)
		while (write(card, frame, size) < 0)
			usleep(1000);
	dprintf(tty, "done\n");
}

static void
obey(char *line)
{
	char *rest;

	if (strcmp(line, "mac") == 0)
		say("mac", mac, sizeof mac);
	else if (strcmp(line, "count") == 0)
		dprintf(tty, "count %llu\n", received);
	else if (strncmp(line, "send ", 5) == 0)
		transmit(line + 5, 1);
	else if (strncmp(line, "many ", 5) == 0) {
		unsigned long times = strtoul(line + 5, &rest, 10);

		transmit(rest + 1, times);
	}
}

static void
hear_tty(void)
{
	static char line[2 * FRAME_MAX + 64];
	static size_t size;
	char byte;

	while (read(tty, &byte, 1) == 1) {
		if (byte == '\n') {
			line[size] = '\0';
			size = 0;
			obey(line);
			return;
		}
		if (size < sizeof line - 1)
			line[size++] = byte;
	}
}

static void
hear_card(void)
{
	static unsigned char frame[FRAME_MAX];
	struct sockaddr_ll from;
	socklen_t length = sizeof from;
	ssize_t size = recvfrom(card, frame, sizeof frame, 0, (struct sockaddr *)&from, &length);

	if (size <= 0 || from.sll_pkttype == PACKET_OUTGOING)
		return;
	received += (unsigned long long)size;
	if (size < QUIET_BELOW)
		say("recv", frame, (size_t)size);
}

int
main(void)
{
	load_modules();
	open_tty();
	open_card();
	for (;;) {
		struct pollfd fds[] = {{tty, POLLIN, 0}, {card, POLLIN, 0}};

		poll(fds, 2, -1);
		if (fds[0].revents)
			hear_tty();
		if (fds[1].revents)
			hear_card();
	}
}
