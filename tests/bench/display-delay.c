/* A long or narrow way to a server on this machine.
 *
 *   display-delay LISTEN-PORT SERVER-PORT ROUND-TRIP-MS KBIT/S
 *
 * Every byte is held for half the round trip, in either direction; what comes from the server leaves at no more than so many kbit/s
 * (0: no limit). Like a router it holds little: what would wait for longer than QUEUE_NS to leave is not taken in, so that the
 * server's socket fills. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_MAX 16384
#define QUEUE_NS 100000000ull
#define HELD_MAX (8u << 20) /* of a way without a limit: as much as a TCP window of Linux holds, about */
#define NARROW_BUFFER 65536 /* the kernel's, on our side of a narrow way */

typedef struct Way Way;
typedef struct Pair Pair;

typedef struct {
	guint64 due_ns;
	gsize size, at;
	guint8 bytes[];
} Chunk;

/* One direction of a connection. */
struct Way {
	int from, to;
	guint64 free_ns; /* when its last byte will have left */
	guint64 kbit_s;
	GQueue chunks;
	gsize held;
	gboolean ended;
};

struct Pair {
	int fds[2]; /* client, server */
	Way ways[2];
};

static guint64 half_trip_ns;
static int epoll_fd, timer_fd;
static GPtrArray *pairs;

static guint64
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (guint64)now.tv_sec * 1000000000u + (guint64)now.tv_nsec;
}

static gboolean
is_full(const Way *way, guint64 now)
{
	return way->held >= HELD_MAX || (way->kbit_s > 0 && way->free_ns > now + QUEUE_NS);
}

/* Takes in what there is, as long as there is room. FALSE: the connection has failed. */
static gboolean
take(Way *way, guint64 now)
{
	while (!way->ended && !is_full(way, now)) {
		Chunk *chunk = g_malloc(sizeof *chunk + CHUNK_MAX);
		ssize_t n = recv(way->from, chunk->bytes, CHUNK_MAX, MSG_DONTWAIT);

		if (n <= 0) {
			g_free(chunk);
			way->ended = n == 0;
			return n == 0 || errno == EAGAIN || errno == EINTR;
		}
		way->free_ns = MAX(way->free_ns, now) + (way->kbit_s ? (guint64)n * 8 * 1000000 / way->kbit_s : 0);
		chunk->due_ns = way->free_ns + half_trip_ns;
		chunk->size = (gsize)n;
		chunk->at = 0;
		way->held += chunk->size;
		g_queue_push_tail(&way->chunks, chunk);
	}
	return TRUE;
}

/* Sends what is due. FALSE: the connection has failed or ended. */
static gboolean
give(Way *way, guint64 now)
{
	Chunk *chunk;

	while ((chunk = g_queue_peek_head(&way->chunks)) != NULL && chunk->due_ns <= now) {
		ssize_t n = send(way->to, chunk->bytes + chunk->at, chunk->size - chunk->at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		chunk->at += (gsize)n;
		way->held -= (gsize)n;
		if (chunk->at < chunk->size)
			return TRUE;
		g_free(g_queue_pop_head(&way->chunks));
	}
	return chunk != NULL || !way->ended;
}

static void
pair_free(gpointer data)
{
	Pair *pair = data;

	for (int i = 0; i < 2; i++) {
		close(pair->fds[i]);
		g_queue_clear_full(&pair->ways[i].chunks, g_free);
	}
	g_free(pair);
}

static int
connect_to(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((guint16)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		err(EXIT_FAILURE, "port %d", port);
	return fd;
}

static int
listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((guint16)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0)
		err(EXIT_FAILURE, "port %d", port);
	return fd;
}

static void
watch(int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void
join(int client, int server_port, guint64 kbit_s)
{
	Pair *pair = g_new0(Pair, 1);
	int on = 1, buffer = NARROW_BUFFER;

	pair->fds[0] = client;
	pair->fds[1] = connect_to(server_port);
	for (int i = 0; i < 2; i++) {
		setsockopt(pair->fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		pair->ways[i].from = pair->fds[i];
		pair->ways[i].to = pair->fds[1 - i];
		watch(pair->fds[i]);
	}
	pair->ways[1].kbit_s = kbit_s;
	if (kbit_s > 0)
		setsockopt(pair->fds[1], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	g_ptr_array_add(pairs, pair);
}

/* Moves everything that can move. Result: when there is to do again though nothing comes, or 0. Readiness to read is looked for only
 * where there is room: an epoll that says again and again what is not taken would spin. */
static guint64
pump(void)
{
	guint64 now = now_ns(), next = 0;

	for (guint i = 0; i < pairs->len; i++) {
		Pair *pair = pairs->pdata[i];
		gboolean alive = TRUE;

		for (int w = 0; w < 2; w++) {
			Way *way = &pair->ways[w];
			const Chunk *chunk;
			guint64 due = 0;

			alive = alive && take(way, now) && give(way, now);
			chunk = g_queue_peek_head(&way->chunks);
			if (chunk) /* one that is overdue waits for a client that does not read: look again in a while */
				due = MAX(chunk->due_ns, now + 1000000);
			if (chunk && chunk->due_ns > now)
				due = chunk->due_ns;
			if (due > 0 && (next == 0 || due < next))
				next = due;
			struct epoll_event event = {.events = way->ended || is_full(way, now) ? 0 : EPOLLIN, .data.fd = way->from};

			epoll_ctl(epoll_fd, EPOLL_CTL_MOD, way->from, &event);
		}
		if (!alive)
			g_ptr_array_remove_index_fast(pairs, i--);
	}
	return next;
}

int
main(int argc, char **argv)
{
	struct epoll_event events[16];
	guint64 expired, kbit_s;
	int listening;

	if (argc != 5)
		errx(EXIT_FAILURE, "see the head of display-delay.c");
	half_trip_ns = (guint64)(atof(argv[3]) * 1e6 / 2);
	kbit_s = (guint64)atoll(argv[4]);
	pairs = g_ptr_array_new_with_free_func(pair_free);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	listening = listen_on(atoi(argv[1]));
	watch(timer_fd);
	watch(listening);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, G_N_ELEMENTS(events), -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listening)
				join(accept4(listening, NULL, NULL, SOCK_CLOEXEC), atoi(argv[2]), kbit_s);
		while (read(timer_fd, &expired, sizeof expired) > 0)
			;
		guint64 next = pump();
		struct itimerspec at = {.it_value = {(time_t)(next / 1000000000), (long)(next % 1000000000)}};

		timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
	}
}
