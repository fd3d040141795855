/* A browser's frames, whole and in pieces whose size the first byte gives: both must come to the same.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "broker/gateway/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
	GByteArray *payload, *answers;
	gboolean good;
} Outcome;

static void
on_send(const guint8 *bytes, gsize n, void *data)
{
	g_byte_array_append(((Outcome *)data)->answers, bytes, (guint)n);
}

static void
feed(Outcome *outcome, const uint8_t *data, size_t size, size_t step)
{
	g_autoptr(Ws) ws = ws_new(on_send, outcome);

	outcome->payload = g_byte_array_new();
	outcome->answers = g_byte_array_new();
	outcome->good = TRUE;
	for (size_t at = 0; at < size && outcome->good; at += step) {
		size_t n = MIN(step, size - at);
		g_autofree guint8 *payload = g_malloc(n);
		gsize payload_size;

		outcome->good = ws_feed(ws, data + at, n, payload, &payload_size);
		if (payload_size > n)
			g_error("more came out than went in");
		g_byte_array_append(outcome->payload, payload, (guint)payload_size);
	}
	/* A pong is as long as its ping; a close says at most a few words. */
	if (outcome->answers->len > size + 256)
		g_error("answers grow");
}

static gboolean
agree(const GByteArray *a, const GByteArray *b, gboolean same_end)
{
	guint n = MIN(a->len, b->len);

	return (a->len == b->len || !same_end) && (n == 0 || memcmp(a->data, b->data, n) == 0);
}

static void
clear(Outcome *outcome)
{
	g_byte_array_unref(outcome->payload);
	g_byte_array_unref(outcome->answers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Outcome whole, pieces;
	char accept[29];

	if (size < 2)
		return 0;
	ws_accept_key((const char *)data + 1, size - 1, accept);
	feed(&whole, data + 1, size - 1, size);
	feed(&pieces, data + 1, size - 1, MAX(data[0], 1));
	/* Answers may differ: no pong is owed to who has closed behind the ping. And wslay looks at a close's reason only from the third
	 * byte of each piece on, so that one connection may end where the other goes on (FINDINGS.md). */
	if (!agree(whole.payload, pieces.payload, whole.good == pieces.good))
		g_error("cut into pieces it is something else");
	clear(&whole);
	clear(&pieces);
	return 0;
}
