/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/http.h"

#include "broker/gateway/counters.h"
#include "broker/gateway/http-check.h"
#include "broker/gateway/http-route.h"
#include "broker/gateway/queue.h"

#include <string.h>
#include <time.h>

#define FINISH_S 10
/* Bodies up to this are always taken: a sign-in's must be, however many long ones wait. All strangers together (FULL of
 * Unauthenticated=) then hold as much as long bodies may. */
#define SHORT_BODY 8192
#define WITH_HEAD_MAX 12288 /* a body up to this is sent with its head: one TLS record, one system call */

typedef struct {
	Queue in;
	HttpHead head;
	gboolean head_done, answering, must_await, advancing, last;
	guint answered;
	gsize charged; /* of long_bodies */
} Http;

static gsize long_bodies; /* bytes that all clients may send of those, against BodyMemory= */

static void advance(Client *client);
static void on_input(Client *client);
static void on_deadline(Client *client);

static void
begin_head(Client *client, Http *http)
{
	const GatewayLimits *limits = client_limits(client);

	http->head = (HttpHead){.head_max = (gsize)limits->head_size, .body_max = (gsize)limits->body_size};
	http->head_done = FALSE;
}

static void
discharge(Http *http)
{
	long_bodies -= http->charged;
	http->charged = 0;
}

/* From the first byte of a request, or from the start of the connection, to the head's end; else between two requests. */
static void
await_head(Client *client, gboolean idle)
{
	const GatewayLimits *limits = client_limits(client);

	client_set_limit(client, idle ? limits->keep_alive_timeout : limits->head_timeout, REFUSAL_HEAD_TIMEOUT);
}

static void
http_free(void *state)
{
	Http *http = state;

	discharge(http);
	queue_clear(&http->in);
	g_free(http);
}

static const Stage stage = {
	"HTTP", .on_input = on_input, .on_drained = advance, .on_deadline = on_deadline, .free = http_free};

void
http_start(Client *client)
{
	Http *http = g_new0(Http, 1);

	begin_head(client, http);
	await_head(client, FALSE);
	client_set_stage(client, &stage, http);
}

static void
on_deadline(Client *client)
{
	Http *http = client_state(client);

	/* A browser that keeps its connection, or opens one to be quick later, has done nothing wrong. */
	if (queue_length(&http->in) == 0) {
		counter_add(COUNTER_IDLE_CLOSED, 1);
		client_finish(client, FINISH_S);
		return;
	}
	http->answering = TRUE;
	http_refuse(client, http->head_done ? REFUSAL_BODY_TIMEOUT : REFUSAL_HEAD_TIMEOUT, 408, "timeout",
		http->head_done ? "half a body, then nothing" : "half a head, then nothing");
}

static void
refuse_bad_head(Client *client)
{
	Http *http = client_state(client);
	guint status = http->head.status;
	gboolean too_long = status == 431 && http->head.n_fields < HTTP_FIELDS_MAX;

	http->answering = TRUE;
	http_refuse(client, too_long ? REFUSAL_HEAD_SIZE : status == 413 ? REFUSAL_BODY_SIZE : REFUSAL_HEAD_SYNTAX, status,
		"protocol", http->head.fault);
}

/* FALSE when it was refused. */
static gboolean
charge(Client *client)
{
	Http *http = client_state(client);
	gsize n = http->head.content_length;

	if (n <= SHORT_BODY)
		return TRUE;
	if (long_bodies + n > (gsize)client_limits(client)->body_memory) {
		http_refuse(client, REFUSAL_BODY_MEMORY, 503, "busy", "too many long requests at once: try again soon");
		return FALSE;
	}
	long_bodies += n;
	http->charged = n;
	return TRUE;
}

static void
begin_body(Client *client)
{
	Http *http = client_state(client);
	const guint8 *bytes = queue_bytes(&http->in);
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	counter_add(COUNTER_REQUESTS, 1);
	http->head_done = TRUE;
	if (http->head.content_length == 0)
		return;
	http->answering = TRUE; /* unless the body is to be read: each refusal below answers */
	if (!client_is_tls(client)) {
		http_redirect_to_https(client);
	} else if (!http_check_api_path((const char *)bytes + http->head.path.start, http->head.path.size)) {
		http_refuse(client, REFUSAL_METHOD, 405, "invalid", "nothing is taken there");
	} else if (charge(client)) {
		http->answering = FALSE;
		client_set_limit(client, client_limits(client)->body_timeout, REFUSAL_BODY_TIMEOUT);
		if (http->head.expects_continue && queue_length(&http->in) == http->head.size)
			client_send(client, go_on, sizeof go_on - 1);
	}
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

/* The next request waits until the last answer has left: a client that sends and does not read holds one answer. Till then
 * WriteTimeout counts, and no other wait: what is slow is the reader. */
static gboolean
may_go_on(Client *client)
{
	Http *http = client_state(client);

	if (client_is_closed(client) || http->answering || client_unsent(client) > 0)
		return FALSE;
	if (http->must_await)
		await_head(client, queue_length(&http->in) == 0);
	http->must_await = FALSE;
	return TRUE;
}

static void
advance(Client *client)
{
	Http *http = client_state(client);

	if (http->advancing)
		return;
	http->advancing = TRUE;
	while (may_go_on(client) && take_request(client)) {
		http->answering = TRUE;
		client_set_deadline(client, 0);
		http_route(client);
		if (client_stage(client) != &stage)
			return;
	}
	http->advancing = FALSE;
	if (!client_is_closed(client))
		client_set_reading(client, may_go_on(client));
}

static void
on_input(Client *client)
{
	Http *http = client_state(client);
	guint8 bytes[16384];
	gsize max = http->head.head_max + http->head.body_max, length = queue_length(&http->in);
	/* Never 0: what is complete was taken out, or is being answered, and then nothing is read. */
	gssize n = client_recv(client, bytes, CLAMP(max - MIN(max, length), 1, sizeof bytes));

	if (n == TRANSPORT_AGAIN)
		return;
	if (n <= 0) {
		client_close(client);
		return;
	}
	if (length == 0 && http->answered > 0)
		await_head(client, FALSE);
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
		{404, "Not Found"}, {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {413, "Content Too Large"},
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
	"X-Content-Type-Options: nosniff\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Permissions-Policy: camera=(), microphone=(self), geolocation=(), payment=(), usb=(), serial=(), display-capture=()\r\n"
	"X-Frame-Options: DENY\r\n";

/* connect-src: 'self' covers wss: to the same host in browsers of CSP level 3; older ones want it named. */
static void
append_policy(GString *text, const Client *client)
{
	const HttpHead *head = http_request(client);

	g_string_append(text,
		"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
		"img-src 'self' blob: data:; font-src 'self'; media-src 'self' blob:; worker-src 'self'; connect-src 'self'");
	if (head->host.size > 0 && client_is_tls(client))
		g_string_append_printf(text, " wss://%.*s", head->host.size,
			(const char *)http_request_bytes(client) + head->host.start);
	g_string_append(text,
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n");
}

/* Good until the next call. */
static const char *
date_now(void)
{
	static time_t told;
	static char text[64];
	time_t now = time(NULL);
	struct tm parts;

	/* %a and %b would follow the locale; a daemon that never calls setlocale has C's. */
	if (now != told && gmtime_r(&now, &parts) && strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0)
		told = now;
	return text;
}

static void
append_head(GString *text, const Client *client, guint status, const char *fields, const char *type, gsize length,
	gboolean close)
{
	g_string_append_printf(text, "HTTP/1.1 %u %s\r\nDate: %s\r\n", status, reason_of(status), date_now());
	if (status != 204 && status != 304)
		g_string_append_printf(text, "Content-Length: %" G_GSIZE_FORMAT "\r\n", length);
	if (type)
		g_string_append_printf(text, "Content-Type: %s\r\n", type);
	/* Not over plain text: RFC 6797, section 7.2. */
	if (client_is_tls(client))
		g_string_append(text, "Strict-Transport-Security: max-age=31536000\r\n");
	g_string_append(text, security_fields);
	append_policy(text, client);
	if (fields)
		g_string_append(text, fields);
	if (close)
		g_string_append(text, "Connection: close\r\n");
	g_string_append(text, "\r\n");
}

static void
send_answer(Client *client, GString *head, GBytes *body)
{
	gsize size = 0;
	const char *bytes = body ? g_bytes_get_data(body, &size) : NULL;

	if (size > 0 && size <= WITH_HEAD_MAX) {
		g_string_append_len(head, bytes, (gssize)size);
		body = NULL;
	}
	client_send(client, head->str, head->len);
	if (body)
		client_send_body(client, body);
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
	send_answer(client, text, http->head.method != HTTP_HEAD ? body : NULL);
	discharge(http);
	begin_head(client, http);
	http->answering = FALSE;
	http->answered++;
	if (close) {
		client_finish(client, FINISH_S);
		return;
	}
	http->must_await = TRUE;
	advance(client);
}

/* For RFC 9110, section 15.5.6, as far as the gateway knows; of a resource of the API the broker knows it. */
static const char *
allowed(const Client *client)
{
	const HttpHead *head = http_request(client);
	gboolean api = head->path.size >= 5 && memcmp(http_request_bytes(client) + head->path.start, "/api/", 5) == 0;

	return api ? "GET, HEAD, POST, DELETE" : "GET, HEAD";
}

void
http_reply_error(Client *client, guint status, const char *code, const char *message)
{
	g_autofree char *json = g_strdup_printf("{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n", code, message);
	gsize size = strlen(json);
	g_autoptr(GBytes) body = g_bytes_new_take(g_steal_pointer(&json), size);
	g_autofree char *fields = g_strdup_printf("%s%s%sCache-Control: no-store\r\n", status == 405 ? "Allow: " : "",
		status == 405 ? allowed(client) : "", status == 405 ? "\r\n" : "");

	http_reply(client, status, fields, "application/json", body);
}

void
http_make_last(Client *client)
{
	((Http *)client_state(client))->last = TRUE;
}

void
http_refuse(Client *client, Refusal what, guint status, const char *code, const char *message)
{
	refusal(client_address(client), what, message);
	http_make_last(client);
	http_reply_error(client, status, code, message);
}

void
http_redirect_to_https(Client *client)
{
	const HttpHead *head = http_request(client);
	const guint8 *bytes = http_request_bytes(client);
	g_autofree char *host = http_head_dup(bytes, head->host); /* checked: host[:port] and nothing else */
	g_autofree char *target = http_head_dup(bytes, head->target);
	g_autofree char *fields = g_strdup_printf("Location: https://%s%s\r\nCache-Control: no-store\r\n", host, target);

	counter_add(COUNTER_REDIRECTS, 1);
	http_make_last(client);
	http_reply(client, 308, fields, NULL, NULL);
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
	http_refuse(client, REFUSAL_ORIGIN, 403, "denied", "the request comes from a page of another site");
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
	http_refuse(client, REFUSAL_COOKIE, 400, "protocol", "more than one session cookie, or one that is malformed");
	return FALSE;
}
