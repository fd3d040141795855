/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/http-check.h"

#include <string.h>

#define HOST_MAX 255
#define DESKTOP_MAX 64

static gboolean
is_port(const char *text, gsize size)
{
	guint port = 0;

	if (size == 0 || size > 5)
		return FALSE;
	for (gsize i = 0; i < size; i++) {
		if (!g_ascii_isdigit(text[i]))
			return FALSE;
		port = port * 10 + (guint)(text[i] - '0');
	}
	return port > 0 && port <= 65535;
}

static gboolean
consists_of(const char *text, gsize size, const char *others)
{
	for (gsize i = 0; i < size; i++) {
		if (!g_ascii_isalnum(text[i]) && (text[i] == '\0' || strchr(others, text[i]) == NULL))
			return FALSE;
	}
	return size > 0;
}

static gboolean
is_ipv6(const char *text, gsize size)
{
	for (gsize i = 0; i < size; i++) {
		if (!g_ascii_isxdigit(text[i]) && text[i] != ':' && text[i] != '.')
			return FALSE;
	}
	return size >= 2 && size <= 45;
}

gboolean
http_check_host(const char *text, gsize size)
{
	const char *end;
	gsize host_size;

	if (size == 0 || size > HOST_MAX)
		return FALSE;
	if (*text == '[') {
		end = memchr(text, ']', size);
		if (end == NULL || !is_ipv6(text + 1, (gsize)(end - text - 1)))
			return FALSE;
		host_size = (gsize)(end - text + 1);
	} else {
		end = memchr(text, ':', size);
		host_size = end ? (gsize)(end - text) : size;
		if (!consists_of(text, host_size, ".-_"))
			return FALSE;
	}
	if (host_size == size)
		return TRUE;
	return text[host_size] == ':' && is_port(text + host_size + 1, size - host_size - 1);
}

gboolean
http_check_authority(const char *text, gsize size)
{
	const char *colon = memchr(text, ':', size);
	gsize name_size = colon ? (gsize)(colon - text) : 0;

	return colon && name_size <= HTTP_ROUTING_NAME_MAX && consists_of(text, name_size, ".-") &&
	       is_port(colon + 1, size - name_size - 1);
}

char *
http_check_routing_name(const char *authority, gsize size)
{
	const char *colon = memchr(authority, ':', size);

	return g_strndup(authority, (gsize)(colon - authority));
}

static HttpCookie
take_cookie(const char *pair, gsize size, char **value)
{
	static const char name[] = HTTP_COOKIE_NAME "=";
	gsize name_size = sizeof name - 1;

	if (size < name_size || memcmp(pair, name, name_size) != 0)
		return HTTP_COOKIE_NONE;
	pair += name_size;
	size -= name_size;
	if (*value || size > HTTP_COOKIE_MAX || !consists_of(pair, size, "._~-"))
		return HTTP_COOKIE_BAD;
	*value = g_strndup(pair, size);
	return HTTP_COOKIE_ONE;
}

HttpCookie
http_check_cookie(const char *text, gsize size, char **value)
{
	g_autofree char *found = NULL;

	while (size > 0) {
		const char *end = memchr(text, ';', size);
		gsize n = end ? (gsize)(end - text) : size;
		gsize blank = 0;

		while (blank < n && text[blank] == ' ')
			blank++;
		if (take_cookie(text + blank, n - blank, &found) == HTTP_COOKIE_BAD)
			return HTTP_COOKIE_BAD;
		n += end ? 1 : 0;
		text += n;
		size -= n;
	}
	if (found == NULL)
		return HTTP_COOKIE_NONE;
	*value = g_steal_pointer(&found);
	return HTTP_COOKIE_ONE;
}

static gsize
without_default_port(const char *host, gsize size)
{
	return size > 4 && memcmp(host + size - 4, ":443", 4) == 0 ? size - 4 : size;
}

gboolean
http_check_origin(const char *origin, gsize origin_size, const char *host, gsize host_size)
{
	static const char scheme[] = "https://";
	gsize scheme_size = sizeof scheme - 1;

	if (origin_size <= scheme_size || g_ascii_strncasecmp(origin, scheme, scheme_size) != 0)
		return FALSE;
	origin += scheme_size;
	origin_size = without_default_port(origin, origin_size - scheme_size);
	host_size = without_default_port(host, host_size);
	return origin_size == host_size && g_ascii_strncasecmp(origin, host, host_size) == 0;
}

static char *
desktop_of(const char *path, gsize size, const char *after)
{
	static const char before[] = "/api/v1/desktops/";
	gsize after_size = strlen(after), fixed = sizeof before - 1 + after_size;
	const char *id = path + sizeof before - 1;

	if (size <= fixed || size - fixed > DESKTOP_MAX || memcmp(path, before, sizeof before - 1) != 0 ||
		memcmp(path + size - after_size, after, after_size) != 0 ||
		!consists_of(id, size - fixed, "._-"))
		return NULL;
	return g_strndup(id, size - fixed);
}

char *
http_check_screen_path(const char *path, gsize size)
{
	return desktop_of(path, size, "/screen");
}

char *
http_check_files_path(const char *path, gsize size)
{
	return desktop_of(path, size, "/files");
}

static gboolean
is_segment(const char *text, gsize size)
{
	if (size == 0 || (size == 1 && *text == '.') || (size == 2 && memcmp(text, "..", 2) == 0))
		return FALSE;
	for (gsize i = 0; i < size; i++) {
		if (text[i] != '%')
			continue;
		if (size - i < 3 || !g_ascii_isxdigit(text[i + 1]) || !g_ascii_isxdigit(text[i + 2]))
			return FALSE;
		int byte = g_ascii_xdigit_value(text[i + 1]) << 4 | g_ascii_xdigit_value(text[i + 2]);

		if (byte == 0 || byte == '/' || byte == '.')
			return FALSE;
	}
	return TRUE;
}

gboolean
http_check_api_path(const char *path, gsize size)
{
	static const char prefix[] = "/api/v1/";
	gsize done = sizeof prefix - 1;

	if (size <= done || memcmp(path, prefix, done) != 0)
		return FALSE;
	while (done < size) {
		const char *slash = memchr(path + done, '/', size - done);
		gsize n = slash ? (gsize)(slash - path) - done : size - done;

		if (!is_segment(path + done, n))
			return FALSE;
		done += n + 1;
	}
	return path[size - 1] != '/';
}
