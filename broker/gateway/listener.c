/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/listener.h"

#include "broker/common/error.h"
#include "broker/common/reactor.h"
#include "broker/gateway/address.h"
#include "broker/gateway/proxy.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
#define ACCEPTS_A_TURN 64
#define UNSENT_MAX (128 * 1024)

struct Listener {
	char *address;
	guint16 port;
	int fd;
	Watch *watch;
	Gateway *gateway;
	Counter counter;
	void (*on_client)(Client *client);
};

static GSocketAddress *
parse(const char *text, GError **error)
{
	g_autoptr(GSocketConnectable) address = g_network_address_parse(text, 0, error);

	if (address == NULL)
		return NULL;
	return g_inet_socket_address_new_from_string(g_network_address_get_hostname(G_NETWORK_ADDRESS(address)),
		g_network_address_get_port(G_NETWORK_ADDRESS(address)));
}

static int
bind_to(const struct sockaddr_storage *address, socklen_t size)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, zero = 0, saved;
	/* [::] means every address, IPv4 too. */
	gboolean any = address->ss_family == AF_INET6 &&
		       IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (address->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, any ? &zero : &one, sizeof one);
	if (bind(fd, (const struct sockaddr *)address, size) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* A host whose kernel has no IPv6 still serves the default [::]:PORT, on IPv4. */
static int
bind_with_fallback(struct sockaddr_storage *address, socklen_t size)
{
	int fd = bind_to(address, size);
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	struct sockaddr_in four = {.sin_family = AF_INET};

	if (fd >= 0 || errno != EAFNOSUPPORT || address->ss_family != AF_INET6 ||
		!IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
		return fd;
	four.sin_port = six->sin6_port;
	memcpy(address, &four, sizeof four);
	return bind_to(address, sizeof four);
}

static const char *
way_out(int number)
{
	switch (number) {
	case EADDRINUSE:
		return "another program listens there: stop it (ss -ltnp shows which), or choose another port";
	case EACCES:
		return "ports below 1024 need root at start, or CAP_NET_BIND_SERVICE";
	case EADDRNOTAVAIL:
		return "this host has no such address (ip address shows which it has)";
	default:
		return "choose another address";
	}
}

Listener *
listener_new(const char *address, const char *setting, GError **error)
{
	g_autoptr(GSocketAddress) parsed = parse(address, error);
	struct sockaddr_storage native = {0};
	gssize size = parsed ? g_socket_address_get_native_size(parsed) : 0;
	int fd;

	if (parsed == NULL || !g_socket_address_to_native(parsed, &native, sizeof native, error))
		return NULL;
	fd = bind_with_fallback(&native, (socklen_t)size);
	if (fd < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "cannot listen on %s ([Gateway] %s=): %s; %s", address,
			setting, g_strerror(errno), way_out(errno));
		return NULL;
	}
	Listener *listener = g_new0(Listener, 1);

	listener->fd = fd;
	listener->address = g_strdup(address);
	listener->port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(parsed));
	return listener;
}

void
listener_free(Listener *listener)
{
	if (listener == NULL)
		return;
	watch_free(listener->watch);
	close(listener->fd);
	g_free(listener->address);
	g_free(listener);
}

guint16
listener_port(const Listener *listener)
{
	return listener->port;
}

static void
set_options(int fd)
{
	int one = 1, unsent = UNSENT_MAX, idle_s = 60, interval_s = 15, count = 4;

	/* A key press is a small packet that must not wait for the next one. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	/* What the network has not taken is kept where it can still be replaced by something newer: in the screen. The kernel alone would hold
	 * megabytes, which a slow path takes seconds for; films by SPICE, whose frames have a time to be shown at, came too late all of them. */
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	/* A client whose network went away is noticed within two minutes, also while nothing is sent. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

/* 0 to 99. GLib's own would open /dev/urandom at its first call, when opening is not for this program any more. */
static guint
throw_dice(void)
{
	guint32 number = 0;

	gnutls_rnd(GNUTLS_RND_NONCE, &number, sizeof number);
	return number % 100;
}

static void
let_in(Listener *listener, int fd, const struct sockaddr *address)
{
	Gateway *gateway = listener->gateway;
	gboolean is_proxy = address_list_has(gateway->proxies, address);
	AddressKey key = address_key(address);
	AdmissionPlace place;
	Refusal limit;
	char text[ADDRESS_TEXT_MAX];

	/* A proxy's connections count for those whom it names. */
	key.is_counted = key.is_counted && !is_proxy;
	limit = admission_enter(gateway->admission, &place, key, throw_dice());
	address_print(address, text);
	if (limit != REFUSAL_NONE) {
		refusal(text, limit, NULL);
		close(fd);
		return;
	}
	set_options(fd);
	counter_add(listener->counter, 1);
	Client *client = client_new(gateway, fd, text, &place);

	/* A client that is gone already is closed in there. */
	client_ref(client);
	if (is_proxy)
		proxy_start(client, listener->on_client);
	else
		listener->on_client(client);
	client_unref(client);
}

static void
on_incoming(void *data, guint32 events)
{
	Listener *listener = data;

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage address = {0};
		socklen_t size = sizeof address;
		int fd = accept4(listener->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			let_in(listener, fd, (const struct sockaddr *)&address);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* Level-triggered: without a pause this would spin until somebody leaves. */
			refusal(listener->address, REFUSAL_DESCRIPTORS, g_strerror(errno));
			watch_set(listener->watch, 0);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

void
listener_start(Listener *listener, Gateway *gateway, Counter counter, void (*on_client)(Client *client))
{
	listener->gateway = gateway;
	listener->counter = counter;
	listener->on_client = on_client;
	listener->watch = watch_new(gateway->reactor, listener->fd, on_incoming, listener);
	watch_set(listener->watch, EPOLLIN);
}

void
listener_tick(Listener *listener)
{
	watch_set(listener->watch, EPOLLIN);
}
