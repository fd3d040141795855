/* A request's head and the values out of it, whole and a byte at a time: both must come to the same.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "broker/gateway/http-check.h"
#include "broker/gateway/http-head.h"
#include "broker/gateway/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_alphabet(char *value, gsize max)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

	if (value && (*value == '\0' || strlen(value) > max || strspn(value, allowed) != strlen(value)))
		g_error("“%s” is no value", value);
	g_free(value);
}

static void
check_values(const HttpHead *head, const uint8_t *data)
{
	const char *text = (const char *)data;
	gsize size = 0;
	guint n;
	const char *cookie = http_head_find(head, data, "cookie", &size, &n);
	char *value = NULL;

	check_alphabet(http_check_screen_path(text + head->path.start, head->path.size), 64);
	check_alphabet(http_check_files_path(text + head->path.start, head->path.size), 64);
	if (cookie && (http_check_cookie(cookie, size, &value) == HTTP_COOKIE_ONE) != (value != NULL))
		g_error("a cookie, and none");
	check_alphabet(value, HTTP_COOKIE_MAX);
	const char *origin = http_head_find(head, data, "origin", &size, &n);

	if (origin)
		http_check_origin(origin, size, text + head->host.start, head->host.size);
	const char *known = http_head_find(head, data, "if-none-match", &size, &n);

	if (known)
		site_etag_matches(known, size, "\"etag\"");
	http_check_api_path(text + head->path.start, head->path.size);
	http_head_has_token(head, data, "connection", "upgrade");
	if (head->method == HTTP_CONNECT)
		check_alphabet(http_check_routing_name(text + head->target.start, head->target.size), HTTP_ROUTING_NAME_MAX);
}

/* What DONE promises (http-head.h), looked at with other means. */
static void
check_promises(const HttpHead *head, const uint8_t *data, size_t size)
{
	guint hosts, lengths, encodings;
	gsize n;

	http_head_find(head, data, "host", &n, &hosts);
	http_head_find(head, data, "content-length", &n, &lengths);
	http_head_find(head, data, "transfer-encoding", &n, &encodings);
	if (hosts > 1 || (hosts == 0 && head->minor == 1) || lengths > 1 || encodings > 0)
		g_error("%u Host, %u Content-Length, %u Transfer-Encoding", hosts, lengths, encodings);
	if (head->size > size || head->size > HTTP_HEAD_MAX || memcmp(data + head->size - 4, "\r\n\r\n", 4) != 0)
		g_error("the head does not end where it ends");
	for (gsize i = 0; i < head->size; i++) {
		gboolean end = data[i] == '\r' && data[i + 1] == '\n';

		if (end)
			i++;
		else if ((data[i] < 0x20 && data[i] != '\t') || data[i] == 0x7f)
			g_error("a control character at %zu", i);
	}
	if (head->content_length > 0 && head->method != HTTP_POST)
		g_error("a body where none belongs");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HttpHead whole = {0}, slow = {0};
	HttpResult result = http_head_parse(&whole, data, size), step = HTTP_MORE;

	for (size_t n = 0; n <= size && step == HTTP_MORE; n++)
		step = http_head_parse(&slow, data, n);
	if (step != result || slow.status != whole.status || slow.size != whole.size)
		g_error("cut into bytes it is something else");
	if (result == HTTP_DONE) {
		check_promises(&whole, data, size);
		check_values(&whole, data);
	}
	return 0;
}
