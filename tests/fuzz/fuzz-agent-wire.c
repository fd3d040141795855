/* What a guest's agent, and a SPICE client for it, may say: whole, and in pieces whose size the first byte gives, which must
 * come to the same. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>

#include "display/agent-mux.h"
#include "display/agent-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the multiplexer says goes into a digest. */
static void
say(guint32 type, const void *data, gsize size, void *user_data)
{
	g_checksum_update(user_data, (const guchar *)&type, sizeof type);
	g_checksum_update(user_data, data, (gssize)size);
}

static void
say_text(const char *text, gsize size, void *user_data)
{
	g_assert(g_utf8_validate(text, (gssize)size, NULL));
	g_checksum_update(user_data, (const guchar *)text, (gssize)size);
}

static gboolean
yes(void *user_data)
{
	return TRUE;
}

static void
nothing(void *user_data)
{
}

static const AgentMuxSink sink = {say, say, say_text, yes, nothing};

/* The port's number says whose message it is here. */
static void
take(guint32 port, guint32 type, const guint8 *data, gsize size, void *user_data)
{
	(port == 1 ? agent_mux_from_guest : agent_mux_from_spice)(user_data, type, data, size);
}

static char *
feed(const uint8_t *data, size_t size, size_t step)
{
	g_autoptr(GChecksum) digest = g_checksum_new(G_CHECKSUM_MD5);
	g_autoptr(AgentParser) parser = agent_parser_new();
	g_autoptr(AgentMux) mux = agent_mux_new(&sink, digest);
	gboolean good = TRUE;

	agent_mux_set_spice_rights(mux, TRUE, TRUE);
	agent_mux_from_vnc(mux, "text", 4);
	for (size_t at = 0; at < size && good; at += step)
		good = agent_parser_feed(parser, data + at, MIN(step, size - at), take, mux, NULL);
	return g_strdup_printf("%d %s", good, g_checksum_get_string(digest));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	g_autofree char *whole = feed(data + 1, size - 1, size), *pieces = feed(data + 1, size - 1, MAX(data[0], 1));

	if (!g_str_equal(whole, pieces))
		g_error("cut into pieces it is something else");
	return 0;
}
