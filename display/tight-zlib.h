/* zlib's side of the Tight encoding. A client decodes four streams, each of which goes on from one rectangle to the next.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <zlib.h>

/* How far zlib looks back. */
#define TIGHT_ZLIB_WINDOW 32768

/* Bytes of an array that may grow, and move, meanwhile. */
typedef struct {
	const GByteArray *in;
	guint at, size;
} TightSpan;

/* Made ready at its first use; zeroed at first. */
typedef struct {
	z_stream z;
	gboolean is_ready;
	int level;
} TightStream;

/* What is compressed is appended to @out, so that the client can read all of it, and *@span set to it. FALSE when memory is short. */

/* The next bytes of a stream that leans on all before. */
gboolean tight_stream_continue(TightStream *stream, int level, const guint8 *bytes, gsize n, GByteArray *out, TightSpan *span);
/* Bytes of a stream that was begun, of which the @n_before bytes just before are known, up to TIGHT_ZLIB_WINDOW; they lean on no others.
 * @stream is the caller's tool for any of them. */
gboolean tight_stream_join(TightStream *stream, int level, const guint8 *before, gsize n_before, const guint8 *bytes, gsize n,
        GByteArray *out, TightSpan *span);
/* The first bytes of a stream for tight_stream_join. */
gboolean tight_stream_begin(const guint8 *bytes, gsize n, GByteArray *out, TightSpan *span);
void tight_stream_clear(TightStream *stream);
