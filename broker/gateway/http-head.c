/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/http-head.h"

#include "broker/gateway/http-check.h"

#include <string.h>

#define METHOD_MAX 16

static HttpResult
bad(HttpHead *head, guint status, const char *fault)
{
	head->status = status;
	head->fault = fault;
	return HTTP_BAD;
}

/* tchar of RFC 9110, section 5.6.2. */
static gboolean
is_token_char(guint8 c)
{
	return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static gboolean
is_target_char(guint8 c)
{
	return c > 0x20 && c < 0x7f && c != '#' && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' && c != '`' &&
	       c != '{' && c != '|' && c != '}';
}

static gboolean
equals(const guint8 *bytes, HttpSlice slice, const char *text)
{
	return strlen(text) == slice.size && g_ascii_strncasecmp((const char *)bytes + slice.start, text, slice.size) == 0;
}

static HttpMethod
method_of(const guint8 *bytes, HttpSlice word)
{
	static const struct {
		const char *word;
		HttpMethod method;
	} methods[] = {{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST},
		{"DELETE", HTTP_DELETE}, {"CONNECT", HTTP_CONNECT}};

	for (gsize i = 0; i < G_N_ELEMENTS(methods); i++) {
		if (strlen(methods[i].word) == word.size &&
			memcmp(bytes + word.start, methods[i].word, word.size) == 0)
			return methods[i].method;
	}
	return HTTP_OTHER;
}

static gboolean
parse_target(HttpHead *head, const guint8 *bytes)
{
	const char *target = (const char *)bytes + head->target.start;
	const char *mark;

	for (gsize i = 0; i < head->target.size; i++) {
		if (!is_target_char((guint8)target[i]))
			return FALSE;
	}
	if (head->method == HTTP_CONNECT)
		return http_check_authority(target, head->target.size);
	if (head->target.size == 0 || *target != '/')
		return FALSE;
	head->path = head->target;
	mark = memchr(target, '?', head->target.size);
	if (mark) {
		head->path.size = (guint16)(mark - target);
		head->query.start = (guint16)(head->path.start + head->path.size + 1);
		head->query.size = (guint16)(head->target.size - head->path.size - 1);
	}
	return TRUE;
}

/* method SP request-target SP "HTTP/1." DIGIT, and not one blank more. */
static HttpResult
parse_request_line(HttpHead *head, const guint8 *bytes, gsize start, gsize end)
{
	gsize method_end = start, target_end, version;

	while (method_end < end && is_token_char(bytes[method_end]))
		method_end++;
	if (method_end == start || method_end - start > METHOD_MAX || method_end == end || bytes[method_end] != ' ')
		return bad(head, 400, "not an HTTP request line");
	target_end = method_end + 1;
	while (target_end < end && bytes[target_end] != ' ')
		target_end++;
	version = target_end + 1;
	if (target_end == end || end - version != 8 || memcmp(bytes + version, "HTTP/", 5) != 0 ||
		!g_ascii_isdigit(bytes[version + 5]) || bytes[version + 6] != '.' || !g_ascii_isdigit(bytes[version + 7]))
		return bad(head, 400, "not an HTTP request line");
	head->method_word = (HttpSlice){(guint16)start, (guint16)(method_end - start)};
	head->target = (HttpSlice){(guint16)(method_end + 1), (guint16)(target_end - method_end - 1)};
	head->method = method_of(bytes, head->method_word);
	head->minor = bytes[version + 7] - '0';
	if (bytes[version + 5] != '1' || head->minor > 1 || (head->minor == 0 && head->method != HTTP_CONNECT))
		return bad(head, 505, "only HTTP/1.1 is spoken here");
	if (!parse_target(head, bytes))
		return bad(head, 400, "the request's target is not one");
	return HTTP_MORE;
}

static HttpResult
take_length(HttpHead *head, const guint8 *bytes, HttpSlice value)
{
	gsize length = 0, max = head->body_max ? head->body_max : HTTP_BODY_MAX;

	if (head->has_length)
		return bad(head, 400, "more than one Content-Length");
	head->has_length = TRUE;
	/* 010 is ten to most, and eight to some. */
	if (value.size == 0 || (value.size > 1 && bytes[value.start] == '0'))
		return bad(head, 400, "Content-Length is not a number");
	for (guint i = 0; i < value.size; i++) {
		guint8 c = bytes[value.start + i];

		if (!g_ascii_isdigit(c))
			return bad(head, 400, "Content-Length is not a number");
		length = length * 10 + (gsize)(c - '0');
		if (length > max)
			return bad(head, 413, "the body is too long");
	}
	head->content_length = length;
	return HTTP_MORE;
}

/* The fields that say where this message ends; all others are for whoever asks. */
static HttpResult
take_framing(HttpHead *head, const guint8 *bytes, const HttpField *field)
{
	if (equals(bytes, field->name, "content-length"))
		return take_length(head, bytes, field->value);
	if (equals(bytes, field->name, "transfer-encoding"))
		return bad(head, 400, "Transfer-Encoding is not taken here");
	if (equals(bytes, field->name, "host")) {
		if (head->host.start > 0)
			return bad(head, 400, "more than one Host");
		if (!http_check_host((const char *)bytes + field->value.start, field->value.size))
			return bad(head, 400, "Host is not host[:port]");
		head->host = field->value;
	}
	if (equals(bytes, field->name, "expect")) {
		if (!equals(bytes, field->value, "100-continue"))
			return bad(head, 417, "an Expect that nobody here can meet");
		head->expects_continue = TRUE;
	}
	return HTTP_MORE;
}

static HttpResult
parse_field(HttpHead *head, const guint8 *bytes, gsize start, gsize end)
{
	gsize name_end = start, value_start, value_end = end;
	HttpField *field = &head->fields[head->n_fields];

	while (name_end < end && is_token_char(bytes[name_end]))
		name_end++;
	/* This refuses folded lines and a blank before the colon, too. */
	if (name_end == start || name_end == end || bytes[name_end] != ':')
		return bad(head, 400, "a header line that is not one");
	if (head->n_fields == HTTP_FIELDS_MAX)
		return bad(head, 431, "too many header lines");
	value_start = name_end + 1;
	while (value_start < end && (bytes[value_start] == ' ' || bytes[value_start] == '\t'))
		value_start++;
	while (value_end > value_start && (bytes[value_end - 1] == ' ' || bytes[value_end - 1] == '\t'))
		value_end--;
	for (gsize i = value_start; i < value_end; i++) {
		if ((bytes[i] < 0x20 && bytes[i] != '\t') || bytes[i] == 0x7f)
			return bad(head, 400, "a control character in a header line");
	}
	field->name = (HttpSlice){(guint16)start, (guint16)(name_end - start)};
	field->value = (HttpSlice){(guint16)value_start, (guint16)(value_end - value_start)};
	head->n_fields++;
	return take_framing(head, bytes, field);
}

static HttpResult
finish(HttpHead *head, const guint8 *bytes, gsize size)
{
	head->size = size;
	if (head->host.start == 0 && head->minor == 1)
		return bad(head, 400, "no Host");
	if (head->content_length > 0 && head->method != HTTP_POST)
		return bad(head, 400, "a body where none belongs");
	head->close = head->minor == 0 || http_head_has_token(head, bytes, "connection", "close");
	return HTTP_DONE;
}

HttpResult
http_head_parse(HttpHead *head, const guint8 *bytes, gsize size)
{
	gsize max = head->head_max ? head->head_max : HTTP_HEAD_MAX, limit = MIN(size, max);

	for (;;) {
		const guint8 *lf = head->scanned < limit ? memchr(bytes + head->scanned, '\n', limit - head->scanned) : NULL;
		gsize start = head->line_start, end;
		HttpResult result;

		if (lf == NULL) {
			head->scanned = limit;
			return limit == max ? bad(head, 431, "the head is too long") : HTTP_MORE;
		}
		end = (gsize)(lf - bytes);
		head->scanned = head->line_start = end + 1;
		if (end == start || bytes[end - 1] != '\r' || memchr(bytes + start, '\r', end - start - 1) != NULL)
			return bad(head, 400, "a line does not end in CR LF");
		end--;
		if (head->has_request_line && end == start)
			return finish(head, bytes, head->line_start);
		if (!head->has_request_line)
			result = parse_request_line(head, bytes, start, end);
		else
			result = parse_field(head, bytes, start, end);
		head->has_request_line = TRUE;
		if (result == HTTP_BAD)
			return result;
	}
}

const char *
http_head_find(const HttpHead *head, const guint8 *bytes, const char *name, gsize *value_size, guint *count)
{
	const char *value = NULL;
	guint n = 0;

	for (guint i = 0; i < head->n_fields; i++) {
		if (!equals(bytes, head->fields[i].name, name))
			continue;
		if (n++ == 0) {
			value = (const char *)bytes + head->fields[i].value.start;
			*value_size = head->fields[i].value.size;
		}
	}
	if (count)
		*count = n;
	return value;
}

static gboolean
list_has(const char *list, gsize size, const char *token)
{
	gsize token_size = strlen(token);

	while (size > 0) {
		const char *comma = memchr(list, ',', size);
		gsize n = comma ? (gsize)(comma - list) : size;
		const char *item = list;
		gsize item_size = n;

		while (item_size > 0 && (*item == ' ' || *item == '\t')) {
			item++;
			item_size--;
		}
		while (item_size > 0 && (item[item_size - 1] == ' ' || item[item_size - 1] == '\t'))
			item_size--;
		if (item_size == token_size && g_ascii_strncasecmp(item, token, token_size) == 0)
			return TRUE;
		n += comma ? 1 : 0;
		list += n;
		size -= n;
	}
	return FALSE;
}

gboolean
http_head_has_token(const HttpHead *head, const guint8 *bytes, const char *name, const char *token)
{
	for (guint i = 0; i < head->n_fields; i++) {
		HttpSlice value = head->fields[i].value;

		if (equals(bytes, head->fields[i].name, name) &&
			list_has((const char *)bytes + value.start, value.size, token))
			return TRUE;
	}
	return FALSE;
}

char *
http_head_dup(const guint8 *bytes, HttpSlice slice)
{
	return g_strndup((const char *)bytes + slice.start, slice.size);
}
