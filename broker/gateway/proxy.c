/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/proxy.h"

#include "broker/gateway/counters.h"
#include "broker/gateway/proxy-header.h"

typedef struct {
	void (*next)(Client *client);
	ProxyHeader header;
	guint8 bytes[PROXY_HEADER_MAX];
	gsize n;
} Proxy;

static void
refuse(Client *client, Refusal what, const char *detail)
{
	refusal(client_address(client), what, detail);
	client_close(client);
}

static void
take(Client *client, const Proxy *proxy)
{
	void (*next)(Client *client) = proxy->next;
	Refusal limit = REFUSAL_NONE;

	if (!proxy->header.is_local) {
		counter_add(COUNTER_PROXIED, 1);
		limit = client_set_address(client, (const struct sockaddr *)&proxy->header.source);
	}
	if (limit == REFUSAL_NONE)
		next(client);
	else
		refuse(client, limit, NULL);
}

static void
on_input(Client *client)
{
	Proxy *proxy = client_state(client);

	for (;;) {
		gsize wanted = proxy_header_wanted(proxy->bytes, proxy->n);
		gssize n = client_recv(client, proxy->bytes + proxy->n, wanted - proxy->n);

		if (n == TRANSPORT_AGAIN)
			return;
		if (n <= 0) {
			/* A load balancer that only looks whether somebody listens. */
			if (proxy->n > 0)
				refuse(client, REFUSAL_PROXY_HEADER, "it ends in the middle");
			else
				client_close(client);
			return;
		}
		proxy->n += (gsize)n;
		switch (proxy_header_parse(&proxy->header, proxy->bytes, proxy->n)) {
		case PROXY_HEADER_MORE:
			break;
		case PROXY_HEADER_BAD:
			refuse(client, REFUSAL_PROXY_HEADER, proxy->header.fault);
			return;
		case PROXY_HEADER_DONE:
			take(client, proxy);
			return;
		}
	}
}

static const Stage stage = {"PROXY header", .on_input = on_input, .free = g_free};

void
proxy_start(Client *client, void (*next)(Client *client))
{
	Proxy *proxy = g_new0(Proxy, 1);

	proxy->next = next;
	client_set_limit(client, client_limits(client)->handshake_timeout, REFUSAL_HANDSHAKE_TIMEOUT);
	client_set_stage(client, &stage, proxy);
}
