/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/vdagent.h"

#include "agent/session/vdagent-parser.h"
#include "broker/common/agent-files.h"

#include <spice/vd_agent.h>
#include <string.h>

/* spice/vd_agent.h fills one; AGENT_CAP_FILES_FROM is in the second. */
#define CAPS_WORDS 2

struct Vdagent {
	VdagentParser *parser;
	gsize clipboard_max;
	gint64 peer_max; /* bytes of text that the peer takes; -1: any */
	guint32 caps[CAPS_WORDS]; /* the peer's */
	gboolean host_has[VDAGENT_SELECTIONS];
	const VdagentHandlers *handlers;
	void *data;
};

static const int our_caps[] = {
	VD_AGENT_CAP_MONITORS_CONFIG,
	VD_AGENT_CAP_REPLY,
	VD_AGENT_CAP_CLIPBOARD_BY_DEMAND,
	VD_AGENT_CAP_CLIPBOARD_SELECTION,
	VD_AGENT_CAP_SPARSE_MONITORS_CONFIG,
	VD_AGENT_CAP_GUEST_LINEEND_LF,
	VD_AGENT_CAP_MAX_CLIPBOARD,
	VD_AGENT_CAP_MONITORS_CONFIG_POSITION,
	VD_AGENT_CAP_FILE_XFER_DETAILED_ERRORS,
	VD_AGENT_CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB,
};

static guint32
read_u32(const guint8 *p)
{
	guint32 value;

	memcpy(&value, p, sizeof value);
	return GUINT32_FROM_LE(value);
}

static void
append_u32(GByteArray *array, guint32 value)
{
	value = GUINT32_TO_LE(value);
	g_byte_array_append(array, (const guint8 *)&value, sizeof value);
}

static gboolean
has_cap(const Vdagent *agent, int cap)
{
	return VD_AGENT_HAS_CAPABILITY(agent->caps, CAPS_WORDS, (unsigned)cap) != 0;
}

static void on_message(guint32 type, const guint8 *data, gsize size, void *user_data);

Vdagent *
vdagent_new(gsize clipboard_max, const VdagentHandlers *handlers, void *data)
{
	Vdagent *agent = g_new0(Vdagent, 1);

	agent->parser = vdagent_parser_new(clipboard_max, on_message, agent);
	agent->clipboard_max = clipboard_max;
	agent->peer_max = -1;
	agent->handlers = handlers;
	agent->data = data;
	return agent;
}

void
vdagent_free(Vdagent *agent)
{
	if (agent == NULL)
		return;
	vdagent_parser_free(agent->parser);
	g_free(agent);
}

/* A chunk holds VD_AGENT_MAX_DATA_SIZE bytes; the message's head is in the first. All of it is queued or nothing. */
static gboolean
send_message(Vdagent *agent, guint32 type, const GByteArray *head, const void *tail, gsize tail_size)
{
	g_autoptr(GByteArray) message = g_byte_array_new();
	g_autoptr(GByteArray) chunks = g_byte_array_new();
	VDAgentMessage wire = {
		.protocol = GUINT32_TO_LE(VD_AGENT_PROTOCOL),
		.type = GUINT32_TO_LE(type),
		.size = GUINT32_TO_LE((guint32)(head->len + tail_size)),
	};

	g_byte_array_append(message, (const guint8 *)&wire, sizeof wire);
	g_byte_array_append(message, head->data, head->len);
	if (tail_size > 0)
		g_byte_array_append(message, tail, (guint)tail_size);
	for (guint sent = 0; sent < message->len;) {
		guint piece = MIN(message->len - sent, VD_AGENT_MAX_DATA_SIZE);

		append_u32(chunks, VDP_CLIENT_PORT);
		append_u32(chunks, piece);
		g_byte_array_append(chunks, message->data + sent, piece);
		sent += piece;
	}
	return agent->handlers->write(chunks->data, chunks->len, agent->data);
}

static void
announce(Vdagent *agent, gboolean request)
{
	guint32 caps[1] = {0};
	g_autoptr(GByteArray) head = g_byte_array_new();

	for (gsize i = 0; i < G_N_ELEMENTS(our_caps); i++)
		VD_AGENT_SET_CAPABILITY(caps, our_caps[i]);
	if (agent->handlers->on_pointer)
		VD_AGENT_SET_CAPABILITY(caps, VD_AGENT_CAP_MOUSE_STATE);
	append_u32(head, request ? 1 : 0);
	for (gsize i = 0; i < G_N_ELEMENTS(caps); i++)
		append_u32(head, caps[i]);
	send_message(agent, VD_AGENT_ANNOUNCE_CAPABILITIES, head, NULL, 0);
}

static void
release_all(Vdagent *agent)
{
	for (guint i = 0; i < VDAGENT_SELECTIONS; i++) {
		if (!agent->host_has[i])
			continue;
		agent->host_has[i] = FALSE;
		agent->handlers->on_release(i, agent->data);
	}
}

void
vdagent_open(Vdagent *agent)
{
	vdagent_parser_reset(agent->parser);
	announce(agent, TRUE);
}

void
vdagent_close(Vdagent *agent)
{
	vdagent_parser_reset(agent->parser);
	memset(agent->caps, 0, sizeof agent->caps);
	agent->peer_max = -1;
	release_all(agent);
}

gboolean
vdagent_feed(Vdagent *agent, const guint8 *bytes, gsize size)
{
	return vdagent_parser_feed(agent->parser, bytes, size);
}

gboolean
vdagent_carries(const Vdagent *agent, guint selection)
{
	if (!has_cap(agent, VD_AGENT_CAP_CLIPBOARD_BY_DEMAND))
		return FALSE;
	return selection == VDAGENT_CLIPBOARD || has_cap(agent, VD_AGENT_CAP_CLIPBOARD_SELECTION);
}

/* What begins each clipboard message: the selection where the peer knows selections. */
static GByteArray *
begin_clipboard(const Vdagent *agent, guint selection)
{
	GByteArray *head = g_byte_array_new();

	if (has_cap(agent, VD_AGENT_CAP_CLIPBOARD_SELECTION))
		append_u32(head, selection); /* one byte and three reserved ones */
	return head;
}

void
vdagent_send_grab(Vdagent *agent, guint selection)
{
	g_autoptr(GByteArray) head = begin_clipboard(agent, selection);

	if (!vdagent_carries(agent, selection))
		return;
	agent->host_has[selection] = FALSE;
	append_u32(head, VD_AGENT_CLIPBOARD_UTF8_TEXT);
	send_message(agent, VD_AGENT_CLIPBOARD_GRAB, head, NULL, 0);
}

void
vdagent_send_release(Vdagent *agent, guint selection)
{
	g_autoptr(GByteArray) head = begin_clipboard(agent, selection);

	if (vdagent_carries(agent, selection))
		send_message(agent, VD_AGENT_CLIPBOARD_RELEASE, head, NULL, 0);
}

gboolean
vdagent_send_request(Vdagent *agent, guint selection)
{
	g_autoptr(GByteArray) head = begin_clipboard(agent, selection);

	append_u32(head, VD_AGENT_CLIPBOARD_UTF8_TEXT);
	return vdagent_carries(agent, selection) &&
	       send_message(agent, VD_AGENT_CLIPBOARD_REQUEST, head, NULL, 0);
}

void
vdagent_send_text(Vdagent *agent, guint selection, const char *text, gsize size)
{
	g_autoptr(GByteArray) head = begin_clipboard(agent, selection);
	gboolean fits = size <= agent->clipboard_max && (agent->peer_max < 0 || size <= (guint64)agent->peer_max);

	if (!vdagent_carries(agent, selection))
		return;
	if (text && fits) {
		append_u32(head, VD_AGENT_CLIPBOARD_UTF8_TEXT);
		if (send_message(agent, VD_AGENT_CLIPBOARD, head, text, size))
			return;
		g_byte_array_set_size(head, head->len - 4);
	}
	/* The peer waits for an answer. */
	append_u32(head, VD_AGENT_CLIPBOARD_NONE);
	send_message(agent, VD_AGENT_CLIPBOARD, head, NULL, 0);
}

void
vdagent_send_file(Vdagent *agent, guint32 type, const void *bytes, gsize size)
{
	g_autoptr(GByteArray) head = g_byte_array_new();

	send_message(agent, type, head, bytes, size);
}

gboolean
vdagent_takes_files(const Vdagent *agent)
{
	return has_cap(agent, AGENT_CAP_FILES_FROM);
}

gboolean
vdagent_knows_file_details(const Vdagent *agent)
{
	return has_cap(agent, VD_AGENT_CAP_FILE_XFER_DETAILED_ERRORS);
}

static void
reply(Vdagent *agent, guint32 type, gboolean good)
{
	g_autoptr(GByteArray) head = g_byte_array_new();

	append_u32(head, type);
	append_u32(head, good ? VD_AGENT_SUCCESS : VD_AGENT_ERROR);
	send_message(agent, VD_AGENT_REPLY, head, NULL, 0);
}

static void
handle_announce(Vdagent *agent, const guint8 *data, gsize size)
{
	gsize n;

	if (size < 4)
		return;
	n = MIN((size - 4) / 4, CAPS_WORDS);
	memset(agent->caps, 0, sizeof agent->caps);
	for (gsize i = 0; i < n; i++)
		agent->caps[i] = read_u32(data + 4 + 4 * i);
	if (read_u32(data) != 0)
		announce(agent, FALSE);
	agent->handlers->on_peer(agent->data);
}

static void
handle_monitors(Vdagent *agent, const guint8 *data, gsize size)
{
	VdagentMonitor monitors[VDAGENT_MONITORS_MAX];
	guint32 n, flags;
	guint next_x = 0;
	gboolean good;

	if (size < sizeof(VDAgentMonitorsConfig))
		return;
	n = read_u32(data);
	flags = read_u32(data + 4);
	if (n == 0 || n > VDAGENT_MONITORS_MAX || (size - 8) / sizeof(VDAgentMonConfig) < n) {
		reply(agent, VD_AGENT_MONITORS_CONFIG, FALSE);
		return;
	}
	for (guint32 i = 0; i < n; i++) {
		VDAgentMonConfig wire;

		memcpy(&wire, data + 8 + i * sizeof wire, sizeof wire);
		monitors[i] = (VdagentMonitor){
			.width = GUINT32_FROM_LE(wire.width),
			.height = GUINT32_FROM_LE(wire.height),
			.x = (int)next_x,
		};
		if (flags & VD_AGENT_CONFIG_MONITORS_FLAG_USE_POS) {
			monitors[i].x = GINT32_FROM_LE(wire.x);
			monitors[i].y = GINT32_FROM_LE(wire.y);
		}
		next_x += MIN(monitors[i].width, G_MAXUINT16);
	}
	good = agent->handlers->on_monitors(monitors, n, agent->data);
	reply(agent, VD_AGENT_MONITORS_CONFIG, good);
}

static void
handle_pointer(Vdagent *agent, const guint8 *data, gsize size)
{
	if (size < sizeof(VDAgentMouseState) || agent->handlers->on_pointer == NULL)
		return;
	agent->handlers->on_pointer(data[12], read_u32(data), read_u32(data + 4), read_u32(data + 8), agent->data);
}

static void
handle_grab(Vdagent *agent, guint selection, const guint8 *types, gsize size)
{
	gboolean has_text = FALSE;

	for (gsize i = 0; i + 4 <= size; i += 4)
		has_text = has_text || read_u32(types + i) == VD_AGENT_CLIPBOARD_UTF8_TEXT;
	agent->host_has[selection] = TRUE;
	agent->handlers->on_grab(selection, has_text, agent->data);
}

static void
handle_text(Vdagent *agent, guint selection, const guint8 *data, gsize size)
{
	g_autofree char *text = NULL;

	if (size >= 4 && read_u32(data) == VD_AGENT_CLIPBOARD_UTF8_TEXT && size - 4 <= agent->clipboard_max)
		text = g_utf8_make_valid((const char *)data + 4, (gssize)(size - 4));
	agent->handlers->on_text(selection, text, text ? strlen(text) : 0, agent->data);
}

/* All clipboard messages begin alike. */
static void
handle_clipboard(Vdagent *agent, guint32 type, const guint8 *data, gsize size)
{
	guint selection = VDAGENT_CLIPBOARD;

	if (has_cap(agent, VD_AGENT_CAP_CLIPBOARD_SELECTION)) {
		if (size < 4)
			return;
		selection = data[0];
		data += 4;
		size -= 4;
	}
	if (selection >= VDAGENT_SELECTIONS)
		return;
	if (type == VD_AGENT_CLIPBOARD_GRAB) {
		handle_grab(agent, selection, data, size);
	} else if (type == VD_AGENT_CLIPBOARD) {
		handle_text(agent, selection, data, size);
	} else if (type == VD_AGENT_CLIPBOARD_RELEASE) {
		agent->host_has[selection] = FALSE;
		agent->handlers->on_release(selection, agent->data);
	} else if (size >= 4 && read_u32(data) == VD_AGENT_CLIPBOARD_UTF8_TEXT) {
		agent->handlers->on_request(selection, agent->data);
	} else {
		vdagent_send_text(agent, selection, NULL, 0);
	}
}

static void
on_message(guint32 type, const guint8 *data, gsize size, void *user_data)
{
	Vdagent *agent = user_data;

	switch (type) {
	case VD_AGENT_ANNOUNCE_CAPABILITIES:
		handle_announce(agent, data, size);
		break;
	case VD_AGENT_MONITORS_CONFIG:
		handle_monitors(agent, data, size);
		break;
	case VD_AGENT_MOUSE_STATE:
		handle_pointer(agent, data, size);
		break;
	case VD_AGENT_CLIENT_DISCONNECTED:
		release_all(agent);
		if (agent->handlers->on_client_gone)
			agent->handlers->on_client_gone(agent->data);
		break;
	case VD_AGENT_FILE_XFER_START:
	case VD_AGENT_FILE_XFER_STATUS:
	case VD_AGENT_FILE_XFER_DATA:
	case AGENT_FILE_ANSWER:
	case AGENT_FILE_CREDIT:
		if (agent->handlers->on_file)
			agent->handlers->on_file(type, data, size, agent->data);
		break;
	case VD_AGENT_MAX_CLIPBOARD:
		if (size >= 4)
			agent->peer_max = (gint32)read_u32(data);
		break;
	default:
		handle_clipboard(agent, type, data, size);
		break;
	}
}
