/* A request's head and the values out of it, whole and a byte at a time: both must come to the same.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "broker/gateway/http-check.h"
#include "broker/gateway/http-head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_values(const HttpHead *head, const uint8_t *data)
{
	const char *text = (const char *)data;
	gsize size = 0;
	guint n;
	const char *cookie = http_head_find(head, data, "cookie", &size, &n);
	g_autofree char *value = NULL;

	g_free(http_check_screen_path(text + head->path.start, head->path.size));
	if (cookie)
		http_check_cookie(cookie, size, &value);
	const char *origin = http_head_find(head, data, "origin", &size, &n);

	if (origin)
		http_check_origin(origin, size, text + head->host.start, head->host.size);
	http_check_api_path(text + head->path.start, head->path.size);
	http_head_has_token(head, data, "connection", "upgrade");
	if (head->method == HTTP_CONNECT)
		g_free(http_check_routing_name(text + head->target.start, head->target.size));
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
	if (result == HTTP_DONE)
		check_values(&whole, data);
	return 0;
}
