/* A browser's frames, whole and in pieces whose size the first byte gives. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>

#include "broker/gateway/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_send(const guint8 *bytes, gsize n, void *data)
{
	*(gsize *)data += n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	gsize answered = 0;
	g_autoptr(Ws) ws = ws_new(on_send, &answered);
	size_t step = size > 0 && data[0] > 0 ? data[0] : 1;
	char accept[29];

	for (size_t done = 1; done < size; done += step) {
		size_t n = MIN(step, size - done);
		g_autofree guint8 *payload = g_malloc(n);
		gsize payload_size;

		if (!ws_feed(ws, data + done, n, payload, &payload_size))
			break;
		if (payload_size > n)
			g_error("more came out than went in");
	}
	/* A pong is as long as its ping; a close says at most a few words. */
	if (answered > size + 256)
		g_error("answers grow");
	ws_accept_key((const char *)data, size, accept);
	return 0;
}
