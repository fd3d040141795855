/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/api.h"

#include "broker/gateway/broker-link.h"
#include "broker/gateway/counters.h"
#include "broker/gateway/http.h"
#include "broker/gateway/http-check.h"

#include <string.h>

#define ANSWER_MAX (8 << 20)
/* Of the broker's answer, for us alone: the request's session is one. See Request in org.carrel.Broker1.Gateway. */
#define BROKER_FIELD_SESSION "session"

static void
add_context(GVariantBuilder *context, const char *name, const char *value, gsize size)
{
	g_autofree char *text = g_strndup(value, size);

	/* D-Bus strings are UTF-8; nothing that the broker reads from these is anything else. */
	if (g_utf8_validate(text, -1, NULL))
		g_variant_builder_add(context, "{ss}", name, text);
}

static GVariant *
make_context(Client *client, const char *session)
{
	static const char *const carried[] = {"origin", "content-type", "range"};
	const HttpHead *head = http_request(client);
	const guint8 *bytes = http_request_bytes(client);
	GVariantBuilder context;

	g_variant_builder_init(&context, G_VARIANT_TYPE("a{ss}"));
	g_variant_builder_add(&context, "{ss}", "address", client_address(client));
	add_context(&context, "host", (const char *)bytes + head->host.start, head->host.size);
	for (gsize i = 0; i < G_N_ELEMENTS(carried); i++) {
		gsize size = 0;
		const char *value = http_head_find(head, bytes, carried[i], &size, NULL);

		if (value)
			add_context(&context, carried[i], value, size);
	}
	if (session)
		g_variant_builder_add(&context, "{ss}", "session", session);
	return g_variant_builder_end(&context);
}

static gboolean
is_plain_field(const char *name, const char *value)
{
	static const char *const framing[] = {"content-length", "transfer-encoding", "connection", "date", "upgrade",
		"content-type", BROKER_FIELD_SESSION, NULL};

	for (const char *const *word = framing; *word != NULL; word++) {
		if (g_ascii_strcasecmp(name, *word) == 0)
			return FALSE;
	}
	for (const char *p = name; *p != '\0'; p++) {
		if (!g_ascii_isalnum(*p) && *p != '-')
			return FALSE;
	}
	for (const char *p = value; *p != '\0'; p++) {
		if (g_ascii_iscntrl(*p))
			return FALSE;
	}
	return *name != '\0';
}

static void
send_answer(Client *client, guint16 status, GVariant *fields, GVariant *answer)
{
	g_autoptr(GString) lines = g_string_new(NULL);
	g_autoptr(GBytes) body = g_variant_get_data_as_bytes(answer);
	g_autofree char *type = NULL;
	gboolean cached = FALSE;
	GVariantIter iter;
	const char *name, *value;

	g_variant_iter_init(&iter, fields);
	while (g_variant_iter_next(&iter, "{&s&s}", &name, &value)) {
		if (is_plain_field(name, value))
			g_string_append_printf(lines, "%s: %s\r\n", name, value);
		else if (strcmp(name, BROKER_FIELD_SESSION) == 0)
			client_set_signed_in(client);
		else if (g_ascii_strcasecmp(name, "content-type") == 0 && is_plain_field("x", value))
			type = g_strdup(value);
		cached = cached || g_ascii_strcasecmp(name, "cache-control") == 0;
	}
	if (!cached)
		g_string_append(lines, "Cache-Control: no-store\r\n");
	if (status < 200 || status > 599 || g_bytes_get_size(body) > ANSWER_MAX) {
		g_warning("the broker's answer is not one: status %u, %zu bytes", status, g_bytes_get_size(body));
		http_reply_error(client, 502, "failed", "the broker's answer was not understood");
		return;
	}
	/* What it takes is the broker's to say; that somebody sent something else is told with what else was refused here. */
	if (status == 400)
		refusal(client_address(client), REFUSAL_BODY, "it is not what this resource takes");
	http_reply(client, status, lines->str, type ? type : "application/json", body);
}

static void
on_answer(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Client) client = data;
	g_autoptr(GVariant) fields = NULL, answer = NULL;
	g_autoptr(GError) error = NULL;
	guint16 status;

	if (!broker_link_request_finish(result, &status, &fields, &answer, &error)) {
		if (client_is_closed(client))
			return;
		guint http_status = broker_link_status(error);

		http_reply_error(client, http_status, broker_link_word(error),
			http_status == 504 ? "the broker did not answer in time"
			: http_status == 503 ? "the broker is away or busy: try again soon"
					     : "the broker could not answer");
	} else if (!client_is_closed(client)) {
		send_answer(client, status, fields, answer);
	}
}

static GVariant *
make_body(Client *client)
{
	gsize size;
	const guint8 *bytes = http_request_body(client, &size);

	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, size, 1);
}

void
api_forward(Client *client)
{
	const HttpHead *head = http_request(client);
	const guint8 *bytes = http_request_bytes(client);
	BrokerLink *broker = client_gateway(client)->broker;
	g_autofree char *session = NULL;

	if (!http_check_api_path((const char *)bytes + head->path.start, head->path.size)) {
		http_reply_error(client, 404, "not-found", "there is no such resource");
		return;
	}
	gboolean reads = head->method == HTTP_GET || head->method == HTTP_HEAD;

	if ((!reads && !http_origin_is_ours(client)) || !http_session_cookie(client, &session))
		return;
	if (!broker_link_is_up(broker)) {
		http_reply_error(client, 503, "busy", "the broker is away: try again soon");
		return;
	}
	/* HEAD: http_reply keeps the body back. */
	const char *method = reads ? "GET" : head->method == HTTP_POST ? "POST" : "DELETE";
	g_autofree char *path = http_head_dup(bytes, head->path);
	g_autofree char *query = http_head_dup(bytes, head->query);

	counter_add(COUNTER_API_REQUESTS, 1);
	broker_link_request(broker, method, path, query, make_context(client, session), make_body(client),
		client_cancellable(client), on_answer, client_ref(client));
}
