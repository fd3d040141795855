/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/http-route.h"

#include "broker/gateway/api.h"
#include "broker/gateway/broker-link.h"
#include "broker/gateway/http.h"
#include "broker/gateway/http-check.h"
#include "broker/gateway/screen.h"
#include "broker/gateway/site.h"
#include "broker/gateway/tls.h"
#include "broker/gateway/tunnel.h"

#include <string.h>

static void
answer_health(Client *client)
{
	gboolean up = broker_link_is_up(client_gateway(client)->broker);
	static const char ok[] = "{\"status\":\"ok\"}\n";

	if (!up) {
		http_reply_error(client, 503, "busy", "the broker is away");
		return;
	}
	g_autoptr(GBytes) body = g_bytes_new_static(ok, sizeof ok - 1);

	http_reply(client, 200, "Cache-Control: no-store\r\n", "application/json", body);
}

static void
answer_ca(Client *client)
{
	const char *pem = tls_ca_pem(client_gateway(client)->tls);

	if (*pem == '\0') {
		http_reply_error(client, 404, "not-found", "the certificate is signed by a public authority");
		return;
	}
	g_autoptr(GBytes) body = g_bytes_new(pem, strlen(pem));

	http_reply(client, 200, "Content-Disposition: attachment; filename=carrel-ca.pem\r\nCache-Control: no-cache\r\n", "application/x-pem-file", body);
}

static gboolean
path_is(const Client *client, const char *path)
{
	HttpSlice slice = http_request(client)->path;

	return strlen(path) == slice.size && memcmp(http_request_bytes(client) + slice.start, path, slice.size) == 0;
}

static void
answer_file(Client *client)
{
	const HttpHead *head = http_request(client);
	const guint8 *bytes = http_request_bytes(client);
	g_autofree char *path = http_head_dup(bytes, head->path);
	const SiteFile *file = site_find(client_gateway(client)->site, path);
	gsize size = 0;
	const char *known = http_head_find(head, bytes, "if-none-match", &size, NULL);

	if (file == NULL) {
		http_reply_error(client, 404, "not-found", "there is no such page");
		return;
	}
	/* Asked again each time (an upgrade must not mix old and new modules), answered by 304 where nothing changed. */
	g_autofree char *fields = g_strdup_printf("ETag: %s\r\nCache-Control: no-cache\r\n", site_file_etag(file));

	if (known && site_etag_matches(known, size, site_file_etag(file)))
		http_reply(client, 304, fields, NULL, NULL);
	else
		http_reply(client, 200, fields, site_file_type(file), site_file_body(file));
}

void
http_route(Client *client)
{
	const HttpHead *head = http_request(client);
	const guint8 *bytes = http_request_bytes(client);
	const char *path = (const char *)bytes + head->path.start;

	if (head->method == HTTP_CONNECT) {
		tunnel_start(client);
	} else if (!client_is_tls(client)) {
		http_redirect_to_https(client);
	} else if (head->method == HTTP_OTHER) {
		http_refuse(client, REFUSAL_METHOD, 405, "invalid", "only GET, HEAD, POST and DELETE are understood here");
	} else if (screen_start(client)) {
		return;
	} else if (head->path.size >= 5 && memcmp(path, "/api/", 5) == 0) {
		api_forward(client);
	} else if (head->method == HTTP_POST || head->method == HTTP_DELETE) {
		http_refuse(client, REFUSAL_METHOD, 405, "invalid", "this can only be read");
	} else if (path_is(client, "/healthz")) {
		answer_health(client);
	} else if (path_is(client, "/ca.pem")) {
		answer_ca(client);
	} else {
		answer_file(client);
	}
}
