/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/http.h"

#include "broker/gateway/http-check.h"
#include "broker/gateway/http-route.h"
#include "broker/gateway/queue.h"
#include "broker/gateway/refusal.h"

#include <string.h>

#define HEAD_S 10  /* from the first byte of a request, or from the start of the connection, to the head's end */
#define BODY_S 30
#define IDLE_S 60  /* between two requests */
#define FINISH_S 10

#define API_BODY_MAX 65536

typedef struct {
	Queue in;
	HttpHead head;
	gboolean head_done, answering, advancing, last;
	guint answered;
} Http;

static void advance(Client *client);
static void on_input(Client *client);
static void on_deadline(Client *client);

static void
http_free(void *state)
{
	Http *http = state;

	queue_clear(&http->in);
	g_free(http);
}

static const Stage stage = {
	"HTTP", .on_input = on_input, .on_drained = advance, .on_deadline = on_deadline, .free = http_free};

void
http_start(Client *client)
{
	client_set_deadline(client, HEAD_S);
	client_set_stage(client, &stage, g_new0(Http, 1));
}

static void
on_deadline(Client *client)
{
	static const char timeout[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
	Http *http = client_state(client);

	/* A browser that keeps its connection, or opens one to be quick later, has done nothing wrong. */
	if (queue_length(&http->in) > 0) {
		refusal_log(client_address(client), "half a request, then nothing: closed");
		client_send(client, timeout, sizeof timeout - 1);
	}
	client_finish(client, FINISH_S);
}

static void
refuse_bad_head(Client *client)
{
	Http *http = client_state(client);
	guint status = http->head.status;

	refusal_log(client_address(client), "refused a request: %s", http->head.fault);
	http->answering = TRUE;
	http->last = TRUE;
	http_reply_error(client, status, "protocol", http->head.fault);
}

static gsize
body_limit(const Http *http)
{
	const guint8 *bytes = queue_bytes(&http->in);

	return http_check_api_path((const char *)bytes + http->head.path.start, http->head.path.size) ? API_BODY_MAX : 0;
}

static void
begin_body(Client *client)
{
	Http *http = client_state(client);
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	http->head_done = TRUE;
	if (http->head.content_length == 0)
		return;
	if (http->head.content_length > body_limit(http)) {
		http->answering = TRUE;
		http_refuse(client, body_limit(http) ? 413 : 405, "invalid", "the body is too long, or none belongs there");
		return;
	}
	client_set_deadline(client, BODY_S);
	if (http->head.expects_continue && queue_length(&http->in) == http->head.size)
		client_send(client, go_on, sizeof go_on - 1);
}

/* TRUE when the request is there as a whole. */
static gboolean
take_request(Client *client)
{
	Http *http = client_state(client);

	if (!http->head_done) {
		switch (http_head_parse(&http->head, queue_bytes(&http->in), queue_length(&http->in))) {
		case HTTP_BAD:
			refuse_bad_head(client);
			return FALSE;
		case HTTP_MORE:
			return FALSE;
		case HTTP_DONE:
			begin_body(client);
		}
	}
	return !http->answering && http->head_done && !client_is_closed(client) &&
	       queue_length(&http->in) >= http->head.size + http->head.content_length;
}

static void
advance(Client *client)
{
	Http *http = client_state(client);

	if (http->advancing)
		return;
	http->advancing = TRUE;
	/* The next request waits until the last answer has left: a client that sends and does not read holds one answer. */
	while (!client_is_closed(client) && !http->answering && client_unsent(client) == 0 && take_request(client)) {
		http->answering = TRUE;
		client_set_deadline(client, 0);
		http_route(client);
		if (client_stage(client) != &stage)
			return;
	}
	http->advancing = FALSE;
	if (!client_is_closed(client))
		client_set_reading(client, !http->answering && client_unsent(client) == 0);
}

static void
on_input(Client *client)
{
	Http *http = client_state(client);
	guint8 bytes[16384];
	gsize room = HTTP_HEAD_MAX + API_BODY_MAX - queue_length(&http->in);
	gssize n = client_recv(client, bytes, MIN(room, sizeof bytes));

	if (n == TRANSPORT_AGAIN)
		return;
	if (n <= 0) {
		client_close(client);
		return;
	}
	if (queue_length(&http->in) == 0 && http->answered > 0)
		client_set_deadline(client, HEAD_S);
	queue_append(&http->in, bytes, (gsize)n);
	explicit_bzero(bytes, (gsize)n);
	advance(client);
}

const HttpHead *
http_request(const Client *client)
{
	return &((Http *)client_state(client))->head;
}

const guint8 *
http_request_bytes(const Client *client)
{
	return queue_bytes(&((Http *)client_state(client))->in);
}

const guint8 *
http_request_body(const Client *client, gsize *size)
{
	Http *http = client_state(client);

	*size = http->head.content_length;
	return queue_bytes(&http->in) + http->head.size;
}

gboolean
http_request_is_last(const Client *client)
{
	Http *http = client_state(client);

	return queue_length(&http->in) == http->head.size + http->head.content_length;
}

static const char *
reason_of(guint status)
{
	static const struct {
		guint status;
		const char *reason;
	} reasons[] = {{200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {304, "Not Modified"},
		{308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
		{404, "Not Found"}, {405, "Method Not Allowed"}, {409, "Conflict"}, {413, "Content Too Large"},
		{417, "Expectation Failed"}, {426, "Upgrade Required"}, {429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {502, "Bad Gateway"},
		{503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}};

	for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Status";
}

/* For every answer: it costs nothing on those that are not pages, and none can be forgotten. */
static const char security_fields[] =
	"Strict-Transport-Security: max-age=31536000\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Permissions-Policy: camera=(), geolocation=(), payment=()\r\n"
	"X-Frame-Options: DENY\r\n";

/* connect-src: 'self' covers wss: to the same host in browsers of CSP level 3; older ones want it named. */
static void
append_policy(GString *text, const Client *client)
{
	const HttpHead *head = http_request(client);

	g_string_append(text,
		"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
		"img-src 'self' blob: data:; font-src 'self'; media-src 'self' blob:; worker-src 'self'; connect-src 'self'");
	if (head->host.size > 0)
		g_string_append_printf(text, " wss://%.*s", head->host.size,
			(const char *)http_request_bytes(client) + head->host.start);
	g_string_append(text,
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'\r\n");
}

static void
append_head(GString *text, const Client *client, guint status, const char *fields, const char *type, gsize length,
	gboolean close)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	/* %a and %b would follow the locale; a daemon that never calls setlocale has C's. */
	g_autofree char *date = g_date_time_format(now, "%a, %d %b %Y %H:%M:%S GMT");

	g_string_append_printf(text, "HTTP/1.1 %u %s\r\nDate: %s\r\n", status, reason_of(status), date);
	if (status != 204 && status != 304)
		g_string_append_printf(text, "Content-Length: %" G_GSIZE_FORMAT "\r\n", length);
	if (type)
		g_string_append_printf(text, "Content-Type: %s\r\n", type);
	/* Over plain text a browser must not be told to remember anything (RFC 6797, section 7.2). */
	if (client_is_tls(client)) {
		g_string_append(text, security_fields);
		append_policy(text, client);
	}
	if (fields)
		g_string_append(text, fields);
	if (close)
		g_string_append(text, "Connection: close\r\n");
	g_string_append(text, "\r\n");
}

void
http_reply(Client *client, guint status, const char *fields, const char *type, GBytes *body)
{
	Http *http = client_state(client);
	g_autoptr(GString) text = g_string_sized_new(1024);
	gboolean close = http->last || http->head.close || status == 505;

	g_assert(http->answering);
	append_head(text, client, status, fields, type, body ? g_bytes_get_size(body) : 0, close);
	/* Takes the request, with what secrets were in it. */
	if (http->head_done)
		queue_consume(&http->in, MIN(queue_length(&http->in), http->head.size + http->head.content_length));
	client_send(client, text->str, text->len);
	if (body && http->head.method != HTTP_HEAD)
		client_send_body(client, body);
	http->head = (HttpHead){0};
	http->head_done = http->answering = FALSE;
	http->answered++;
	if (close) {
		client_finish(client, FINISH_S);
		return;
	}
	client_set_deadline(client, queue_length(&http->in) > 0 ? HEAD_S : IDLE_S);
	advance(client);
}

void
http_reply_error(Client *client, guint status, const char *code, const char *message)
{
	g_autofree char *json = g_strdup_printf("{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n", code, message);
	gsize size = strlen(json);
	g_autoptr(GBytes) body = g_bytes_new_take(g_steal_pointer(&json), size);
	const char *allow = status == 405 ? "Allow: GET, HEAD, POST\r\nCache-Control: no-store\r\n" : "Cache-Control: no-store\r\n";

	http_reply(client, status, allow, "application/json", body);
}

void
http_make_last(Client *client)
{
	((Http *)client_state(client))->last = TRUE;
}

void
http_refuse(Client *client, guint status, const char *code, const char *message)
{
	refusal_log(client_address(client), "refused a request with %u: %s", status, message);
	http_make_last(client);
	http_reply_error(client, status, code, message);
}

gboolean
http_origin_is_ours(Client *client)
{
	const HttpHead *head = http_request(client);
	const guint8 *bytes = http_request_bytes(client);
	gsize size = 0;
	guint n;
	const char *origin = http_head_find(head, bytes, "origin", &size, &n);

	if (n == 0 || (n == 1 && http_check_origin(origin, size, (const char *)bytes + head->host.start, head->host.size)))
		return TRUE;
	http_refuse(client, 403, "denied", "the request comes from a page of another site");
	return FALSE;
}

gboolean
http_session_cookie(Client *client, char **session)
{
	const guint8 *bytes = http_request_bytes(client);
	gsize size = 0;
	guint n;
	const char *cookies = http_head_find(http_request(client), bytes, "cookie", &size, &n);

	*session = NULL;
	if (n == 0 || (n == 1 && http_check_cookie(cookies, size, session) != HTTP_COOKIE_BAD))
		return TRUE;
	http_refuse(client, 400, "protocol", "more than one session cookie, or one that is malformed");
	return FALSE;
}
