/* The head of an HTTP/1.1 request (RFC 9112), read strictly: what two programs could understand in two ways is refused, so
 * that nobody smuggles a request. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define HTTP_HEAD_MAX 16384          /* bytes, with the empty line; where the caller says nothing else */
#define HTTP_FIELDS_MAX 64
#define HTTP_BODY_MAX (1024 * 1024)  /* of Content-Length; the same */

typedef enum { HTTP_MORE, HTTP_DONE, HTTP_BAD } HttpResult;
typedef enum { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_DELETE, HTTP_CONNECT, HTTP_OTHER } HttpMethod;

/* Into the bytes that were parsed, wherever they lie now. */
typedef struct {
	guint16 start, size;
} HttpSlice;

typedef struct {
	HttpSlice name, value;
} HttpField;

/* Zero-initialise for each request. Nothing in it needs freeing. */
typedef struct {
	/* Set before the first call, or 0 for HTTP_HEAD_MAX and HTTP_BODY_MAX. At most 65535 bytes of head. */
	gsize head_max, body_max;

	/* When DONE. */
	gsize size; /* of the head, with its empty line */
	HttpMethod method;
	int minor; /* of HTTP/1.x */
	HttpSlice method_word, target, path, query, host;
	guint n_fields;
	HttpField fields[HTTP_FIELDS_MAX];
	gsize content_length;
	gboolean close;           /* the client wants the connection closed after this, or is HTTP/1.0 */
	gboolean expects_continue;

	/* When BAD: the status to answer with, and a fixed text of why. */
	guint status;
	const char *fault;

	/* The parser's own. */
	gsize line_start, scanned;
	gboolean has_request_line, has_length;
} HttpHead;

/* @bytes: all of the request so far (@size grows from call to call; lines that were read are not read again). MORE: call again
 * with more. DONE: the head is complete, @head->size of it. BAD: answer @head->status and close.
 * What DONE promises: a known form (origin form; authority form for CONNECT); HTTP/1.1, or 1.0 for CONNECT alone; exactly one
 * Host (CONNECT by HTTP/1.0: at most one), host[:port]; at most one Content-Length, without leading zeros, at most @body_max, and 0 unless it
 * is POST; no Transfer-Encoding; no folded line, no bare CR or LF, no control character. */
HttpResult http_head_parse(HttpHead *head, const guint8 *bytes, gsize size);

/* The value of the field @name (lower case); NULL where there is none. *@count (may be NULL): how many there are; the value
 * is the first's. Not terminated: *@value_size bytes. */
const char *http_head_find(const HttpHead *head, const guint8 *bytes, const char *name, gsize *value_size, guint *count);

/* TRUE when one of the fields @name holds @token in its comma-separated list, in any case. */
gboolean http_head_has_token(const HttpHead *head, const guint8 *bytes, const char *name, const char *token);

/* A copy of a slice, NUL-terminated. Free with g_free. */
char *http_head_dup(const guint8 *bytes, HttpSlice slice);
