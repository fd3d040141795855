/* What the host may send to the SPICE agent's port: chunks, the messages in them, and what they say.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "agent/session/layout.h"
#include "agent/session/vdagent.h"

int LLVMFuzzerTestOneInput(const guint8 *bytes, gsize size);

static gboolean
write_port(const void *bytes, gsize size, void *data)
{
	return size < 4096;
}

static void
on_peer(void *data)
{
	vdagent_send_grab(*(Vdagent **)data, VDAGENT_PRIMARY);
}

static void
on_grab(guint selection, gboolean has_text, void *data)
{
	vdagent_send_request(*(Vdagent **)data, selection);
}

static void
on_release(guint selection, void *data)
{
}

static void
on_request(guint selection, void *data)
{
	vdagent_send_text(*(Vdagent **)data, selection, "text", 4);
}

static void
on_text(guint selection, const char *text, gsize size, void *data)
{
	g_assert(text == NULL || g_utf8_validate(text, (gssize)size, NULL));
}

static gboolean
on_monitors(const VdagentMonitor *monitors, guint n, void *data)
{
	const LayoutLimits limits = {.min_width = 32, .min_height = 32, .max_width = 16384, .max_height = 16384};
	Layout layout;

	if (!layout_make(&layout, monitors, n, 4, &limits))
		return FALSE;
	g_assert(layout.width >= LAYOUT_WIDTH_MIN && layout.width <= limits.max_width);
	g_assert(layout.height >= LAYOUT_HEIGHT_MIN && layout.height <= limits.max_height);
	for (guint i = 0; i < layout.n; i++) {
		if (layout.outputs[i].width > 0)
			layout_mode(layout.outputs[i].width, layout.outputs[i].height);
	}
	return TRUE;
}

static const VdagentHandlers handlers = {
	.write = write_port,
	.on_peer = on_peer,
	.on_grab = on_grab,
	.on_release = on_release,
	.on_request = on_request,
	.on_text = on_text,
	.on_monitors = on_monitors,
};

int
LLVMFuzzerTestOneInput(const guint8 *bytes, gsize size)
{
	Vdagent *agent = NULL;

	agent = vdagent_new(8192, &handlers, &agent);
	vdagent_open(agent);
	/* The first byte says where the stream is cut. */
	if (size > 0) {
		gsize cut = MIN(bytes[0], size - 1);

		if (vdagent_feed(agent, bytes + 1, cut))
			vdagent_feed(agent, bytes + 1 + cut, size - 1 - cut);
	}
	vdagent_close(agent);
	vdagent_free(agent);
	return 0;
}
