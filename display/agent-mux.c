/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/agent-mux.h"

#include <spice/vd_agent.h>
#include <string.h>

#include "broker/common/agent-files.h"
#include "display/agent-wire.h"

/* Clipboard formats in one grab; the protocol knows seven. */
#define TYPES_MAX  16
#define REFUSED_US (10 * G_USEC_PER_SEC)

typedef enum {
	OWNER_NONE,
	OWNER_GUEST,
	OWNER_SPICE,
	OWNER_VNC,
} Owner;

struct AgentMux {
	const AgentMuxSink *sink;
	void *data;
	gboolean has_agent;
	gboolean spice_to_desktop, spice_from_desktop, spice_here, spice_files;
	/* Both announced VD_AGENT_CAP_CLIPBOARD_SELECTION, so clipboard messages begin with a selection. */
	gboolean guest_selection, spice_selection;
	gboolean guest_sets_monitors, guest_takes_pointer;
	Owner owner;
	char *text; /* of OWNER_VNC */
	gsize text_size;
	gboolean spice_waits, vnc_waits; /* for the guest's contents, of type waited_type */
	guint32 spice_type;
	gboolean images; /* may be on the clipboard, besides text */
	gsize max;	 /* bytes of it */
	gint64 said_us;	 /* when the log last had a line of what is not passed on */
	Heads wish; /* the last; width 0: none */
};

AgentMux *
agent_mux_new(const AgentMuxSink *sink, void *user_data)
{
	AgentMux *mux = g_new0(AgentMux, 1);

	mux->sink = sink;
	mux->data = user_data;
	mux->max = AGENT_MESSAGE_MAX;
	return mux;
}

void
agent_mux_free(AgentMux *mux)
{
	if (mux == NULL)
		return;
	g_free(mux->text);
	g_free(mux);
}

gboolean
agent_mux_has_agent(const AgentMux *mux)
{
	return mux->has_agent;
}

/* @files: this side may send files, or take part in them. */
static GByteArray *
capabilities(gboolean request, gboolean files, gboolean to_guest)
{
	static const guint caps[] = {VD_AGENT_CAP_MONITORS_CONFIG, VD_AGENT_CAP_REPLY, VD_AGENT_CAP_CLIPBOARD_BY_DEMAND,
		VD_AGENT_CAP_CLIPBOARD_SELECTION, VD_AGENT_CAP_GUEST_LINEEND_LF, VD_AGENT_CAP_SPARSE_MONITORS_CONFIG,
		VD_AGENT_CAP_FILE_XFER_DETAILED_ERRORS};
	GByteArray *out = g_byte_array_new();
	guint32 word = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(caps); i++)
		word |= 1u << caps[i];
	if (!files)
		word |= 1u << VD_AGENT_CAP_FILE_XFER_DISABLED;
	agent_append_u32(out, request);
	agent_append_u32(out, word);
	if (to_guest)
		agent_append_u32(out, 1u << (AGENT_CAP_FILES_FROM - 32));
	return out;
}

static void
announce(AgentMux *mux, gboolean to_guest, gboolean request)
{
	g_autoptr(GByteArray) out = capabilities(request, to_guest || mux->spice_files, to_guest);

	(to_guest ? mux->sink->to_guest : mux->sink->to_spice)(VD_AGENT_ANNOUNCE_CAPABILITIES, out->data, out->len,
		mux->data);
}

void
agent_mux_start(AgentMux *mux)
{
	announce(mux, TRUE, TRUE);
}

void
agent_mux_stop(AgentMux *mux)
{
	mux->guest_takes_pointer = FALSE;
}

static gboolean
has_capability(const guint8 *data, gsize size, guint capability)
{
	gsize at = 4 + capability / 32 * 4;

	return size >= at + 4 && (agent_read_u32(data + at) & (1u << (capability % 32)));
}

/* A clipboard message to one side, with its selection where that side knows selections. */
static void
say(AgentMux *mux, gboolean to_guest, guint32 message, const guint32 *type, const guint8 *data, gsize size)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	if (to_guest ? mux->guest_selection : mux->spice_selection)
		agent_append_u32(out, VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD);
	if (type)
		agent_append_u32(out, *type);
	if (size > 0)
		g_byte_array_append(out, data, (guint)size);
	(to_guest ? mux->sink->to_guest : mux->sink->to_spice)(message, out->data, out->len, mux->data);
}

static void
say_text(AgentMux *mux, const char *text, gsize size)
{
	guint32 type = VD_AGENT_CLIPBOARD_UTF8_TEXT;

	say(mux, TRUE, VD_AGENT_CLIPBOARD, &type, (const guint8 *)text, size);
}

static void
forget_text(AgentMux *mux)
{
	g_clear_pointer(&mux->text, g_free);
	mux->text_size = 0;
}

/* At most a line in ten seconds: who floods the clipboard does not flood the log. */
static void
say_refused(AgentMux *mux, const char *whose, const char *why)
{
	gint64 now = g_get_monotonic_time();

	if (mux->said_us != 0 && now - mux->said_us < REFUSED_US)
		return;
	mux->said_us = now;
	g_message("the clipboard of the %s is not passed on: %s", whose, why);
}

static gboolean
is_type_allowed(const AgentMux *mux, guint32 type)
{
	switch (type) {
	case VD_AGENT_CLIPBOARD_UTF8_TEXT:
		return TRUE;
	case VD_AGENT_CLIPBOARD_IMAGE_PNG:
	case VD_AGENT_CLIPBOARD_IMAGE_BMP:
	case VD_AGENT_CLIPBOARD_IMAGE_TIFF:
	case VD_AGENT_CLIPBOARD_IMAGE_JPG:
		return mux->images;
	default:
		return FALSE;
	}
}

/* The types of a grab that may be passed on. Result: the bytes in @out. */
static gsize
allowed_types(AgentMux *mux, const char *whose, const guint8 *data, gsize size, guint8 out[TYPES_MAX * 4])
{
	gsize n = 0;

	for (gsize at = 0; at + 4 <= size && n < TYPES_MAX * 4; at += 4) {
		if (!is_type_allowed(mux, agent_read_u32(data + at)))
			continue;
		memcpy(out + n, data + at, 4);
		n += 4;
	}
	if (n == 0 && size >= 4)
		say_refused(mux, whose, "what is on it is of no type that ClipboardTypes= allows");
	return n;
}

/* May contents (with their type in front of them) go from one side to the other? */
static gboolean
may_pass(AgentMux *mux, const char *whose, guint32 type, gsize size)
{
	if (type != VD_AGENT_CLIPBOARD_NONE && !is_type_allowed(mux, type)) {
		say_refused(mux, whose, "its type is not one that ClipboardTypes= allows");
		return FALSE;
	}
	if (size > mux->max) {
		say_refused(mux, whose, "it is larger than ClipboardMax= allows");
		return FALSE;
	}
	return TRUE;
}

/* Takes the selection off the front of a clipboard message. FALSE: it is malformed, or of another selection. */
static gboolean
take_selection(gboolean has_selection, const guint8 **data, gsize *size)
{
	if (!has_selection)
		return TRUE;
	if (*size < 4 || **data != VD_AGENT_CLIPBOARD_SELECTION_CLIPBOARD)
		return FALSE;
	*data += 4;
	*size -= 4;
	return TRUE;
}

static gboolean
grab_has_text(const guint8 *data, gsize size)
{
	for (gsize at = 0; at + 4 <= size; at += 4) {
		if (agent_read_u32(data + at) == VD_AGENT_CLIPBOARD_UTF8_TEXT)
			return TRUE;
	}
	return FALSE;
}

static void
guest_grabs(AgentMux *mux, const guint8 *data, gsize size)
{
	guint32 type = VD_AGENT_CLIPBOARD_UTF8_TEXT;
	guint8 types[TYPES_MAX * 4];

	size = allowed_types(mux, "desktop", data, size, types);
	mux->owner = OWNER_GUEST;
	mux->spice_waits = FALSE;
	forget_text(mux);
	if (mux->spice_here && mux->spice_from_desktop && size > 0)
		say(mux, FALSE, VD_AGENT_CLIPBOARD_GRAB, NULL, types, size);
	/* VNC clients are sent the text itself, so it is asked for at once. */
	mux->vnc_waits = grab_has_text(types, size) && mux->sink->vnc_wants_text(mux->data);
	if (mux->vnc_waits)
		say(mux, TRUE, VD_AGENT_CLIPBOARD_REQUEST, &type, NULL, 0);
}

static void
guest_requests(AgentMux *mux, const guint8 *data, gsize size)
{
	guint32 type = size >= 4 ? agent_read_u32(data) : VD_AGENT_CLIPBOARD_NONE, none = VD_AGENT_CLIPBOARD_NONE;

	if (mux->owner == OWNER_VNC && type == VD_AGENT_CLIPBOARD_UTF8_TEXT)
		say_text(mux, mux->text, mux->text_size);
	else if (mux->owner == OWNER_SPICE && mux->spice_here && mux->spice_to_desktop && is_type_allowed(mux, type))
		say(mux, FALSE, VD_AGENT_CLIPBOARD_REQUEST, &type, NULL, 0);
	else
		say(mux, TRUE, VD_AGENT_CLIPBOARD, &none, NULL, 0); /* or the guest's program waits */
}

static void
guest_provides(AgentMux *mux, const guint8 *data, gsize size)
{
	guint32 type;

	if (size < 4 || mux->owner != OWNER_GUEST)
		return;
	type = agent_read_u32(data);
	if ((mux->vnc_waits || mux->spice_waits) && !may_pass(mux, "desktop", type, size - 4)) {
		/* Who waits is told that there is nothing. */
		type = VD_AGENT_CLIPBOARD_NONE;
		size = 4;
	}
	if (mux->vnc_waits && (type == VD_AGENT_CLIPBOARD_UTF8_TEXT || type == VD_AGENT_CLIPBOARD_NONE)) {
		gsize text_size = strnlen((const char *)data + 4, size - 4);

		mux->vnc_waits = FALSE;
		if (type == VD_AGENT_CLIPBOARD_UTF8_TEXT && g_utf8_validate((const char *)data + 4, (gssize)text_size, NULL))
			mux->sink->to_vnc((const char *)data + 4, text_size, mux->data);
	}
	if (mux->spice_waits && (type == mux->spice_type || type == VD_AGENT_CLIPBOARD_NONE)) {
		mux->spice_waits = FALSE;
		if (mux->spice_here && mux->spice_from_desktop)
			say(mux, FALSE, VD_AGENT_CLIPBOARD, &type, data + 4, size - 4);
	}
}

static void
guest_releases(AgentMux *mux)
{
	if (mux->owner != OWNER_GUEST)
		return;
	mux->owner = OWNER_NONE;
	if (mux->spice_here && mux->spice_from_desktop)
		say(mux, FALSE, VD_AGENT_CLIPBOARD_RELEASE, NULL, NULL, 0);
}

static void
guest_announces(AgentMux *mux, const guint8 *data, gsize size)
{
	gboolean first = !mux->has_agent, begins;

	if (size < 4)
		return;
	begins = agent_read_u32(data) != 0;
	mux->guest_selection = has_capability(data, size, VD_AGENT_CAP_CLIPBOARD_SELECTION);
	mux->guest_sets_monitors = has_capability(data, size, VD_AGENT_CAP_MONITORS_CONFIG);
	mux->guest_takes_pointer = has_capability(data, size, VD_AGENT_CAP_MOUSE_STATE);
	mux->has_agent = TRUE;
	/* An agent that asks has just begun: it knows nothing of what was said before. */
	if (begins)
		announce(mux, TRUE, FALSE);
	if (mux->wish.width > 0) {
		Heads wish = mux->wish;

		agent_mux_arrange(mux, &wish);
	}
	if (mux->owner == OWNER_VNC) {
		guint32 type = VD_AGENT_CLIPBOARD_UTF8_TEXT;

		say(mux, TRUE, VD_AGENT_CLIPBOARD_GRAB, &type, NULL, 0);
	} else if (mux->owner == OWNER_GUEST && begins) {
		mux->owner = OWNER_NONE;
	}
	if (first)
		mux->sink->on_agent(mux->data);
}

void
agent_mux_from_guest(AgentMux *mux, guint32 type, const guint8 *data, gsize size)
{
	if (type == VD_AGENT_ANNOUNCE_CAPABILITIES) {
		guest_announces(mux, data, size);
		return;
	}
	if (type != VD_AGENT_CLIPBOARD && type != VD_AGENT_CLIPBOARD_GRAB && type != VD_AGENT_CLIPBOARD_REQUEST &&
		type != VD_AGENT_CLIPBOARD_RELEASE)
		return; /* replies, and what we never asked for */
	if (!take_selection(mux->guest_selection, &data, &size))
		return;
	if (type == VD_AGENT_CLIPBOARD_GRAB)
		guest_grabs(mux, data, size);
	else if (type == VD_AGENT_CLIPBOARD_REQUEST)
		guest_requests(mux, data, size);
	else if (type == VD_AGENT_CLIPBOARD)
		guest_provides(mux, data, size);
	else
		guest_releases(mux);
}

static void
spice_announces(AgentMux *mux, const guint8 *data, gsize size)
{
	if (size < 4)
		return;
	mux->spice_selection = has_capability(data, size, VD_AGENT_CAP_CLIPBOARD_SELECTION);
	mux->spice_here = TRUE;
	if (agent_read_u32(data) != 0)
		announce(mux, FALSE, FALSE);
}

static void
spice_requests(AgentMux *mux, const guint8 *data, gsize size)
{
	guint32 none = VD_AGENT_CLIPBOARD_NONE;

	if (size < 4)
		return;
	mux->spice_type = agent_read_u32(data);
	if (mux->owner != OWNER_GUEST || !mux->spice_from_desktop || !is_type_allowed(mux, mux->spice_type)) {
		say(mux, FALSE, VD_AGENT_CLIPBOARD, &none, NULL, 0);
		return;
	}
	mux->spice_waits = TRUE;
	say(mux, TRUE, VD_AGENT_CLIPBOARD_REQUEST, &mux->spice_type, NULL, 0);
}

static void
spice_clipboard(AgentMux *mux, guint32 type, const guint8 *data, gsize size)
{
	guint32 format;
	guint8 types[TYPES_MAX * 4];

	if (type == VD_AGENT_CLIPBOARD_REQUEST) {
		spice_requests(mux, data, size);
		return;
	}
	if (!mux->spice_to_desktop)
		return;
	if (type == VD_AGENT_CLIPBOARD_GRAB) {
		size = allowed_types(mux, "SPICE client", data, size, types);
		if (size == 0)
			return;
		mux->owner = OWNER_SPICE;
		mux->vnc_waits = mux->spice_waits = FALSE;
		forget_text(mux);
		say(mux, TRUE, VD_AGENT_CLIPBOARD_GRAB, NULL, types, size);
	} else if (type == VD_AGENT_CLIPBOARD && mux->owner == OWNER_SPICE && size >= 4) {
		format = agent_read_u32(data);
		if (!may_pass(mux, "SPICE client", format, size - 4)) {
			format = VD_AGENT_CLIPBOARD_NONE;
			size = 4;
		}
		say(mux, TRUE, VD_AGENT_CLIPBOARD, &format, data + 4, size - 4);
	} else if (type == VD_AGENT_CLIPBOARD_RELEASE && mux->owner == OWNER_SPICE) {
		mux->owner = OWNER_NONE;
		say(mux, TRUE, VD_AGENT_CLIPBOARD_RELEASE, NULL, NULL, 0);
	}
}

void
agent_mux_from_spice(AgentMux *mux, guint32 type, const guint8 *data, gsize size)
{
	switch (type) {
	case VD_AGENT_ANNOUNCE_CAPABILITIES:
		spice_announces(mux, data, size);
		break;
	case VD_AGENT_CLIPBOARD:
	case VD_AGENT_CLIPBOARD_GRAB:
	case VD_AGENT_CLIPBOARD_REQUEST:
	case VD_AGENT_CLIPBOARD_RELEASE:
		if (take_selection(mux->spice_selection, &data, &size))
			spice_clipboard(mux, type, data, size);
		break;
	default:
		break; /* sizes and files come another way; sound volume and wallpaper are nobody's business here */
	}
}

void
agent_mux_from_vnc(AgentMux *mux, const char *text, gsize size)
{
	guint32 type = VD_AGENT_CLIPBOARD_UTF8_TEXT;

	if (size > AGENT_MESSAGE_MAX - 64 || !may_pass(mux, "VNC client", type, size))
		return;
	forget_text(mux);
	mux->text = g_strndup(text, size);
	mux->text_size = size;
	mux->owner = OWNER_VNC;
	mux->vnc_waits = mux->spice_waits = FALSE;
	say(mux, TRUE, VD_AGENT_CLIPBOARD_GRAB, &type, NULL, 0);
}

void
agent_mux_set_spice_rights(AgentMux *mux, gboolean to_desktop, gboolean from_desktop)
{
	mux->spice_to_desktop = to_desktop;
	mux->spice_from_desktop = from_desktop;
}

void
agent_mux_set_limits(AgentMux *mux, gboolean images, gsize max)
{
	mux->images = images;
	mux->max = max;
}

void
agent_mux_set_spice_files(AgentMux *mux, gboolean to_desktop)
{
	mux->spice_files = to_desktop;
}

void
agent_mux_spice_left(AgentMux *mux)
{
	mux->spice_here = mux->spice_waits = mux->spice_selection = FALSE;
	mux->spice_to_desktop = mux->spice_from_desktop = mux->spice_files = FALSE;
	if (mux->owner == OWNER_SPICE) {
		mux->owner = OWNER_NONE;
		say(mux, TRUE, VD_AGENT_CLIPBOARD_RELEASE, NULL, NULL, 0);
	}
}

/* Monitors are numbered by their place in the list, so those that are off stand there with a size of 0 (spice-protocol's
 * VD_AGENT_CAP_SPARSE_MONITORS_CONFIG). */
void
agent_mux_arrange(AgentMux *mux, const Heads *wish)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	guint n = 0;

	mux->wish = *wish;
	if (!mux->guest_sets_monitors)
		return;
	for (guint i = 0; i < HEADS_MAX; i++) {
		if (!rect_is_empty(&wish->rects[i]))
			n = i + 1;
	}
	agent_append_u32(out, n);
	agent_append_u32(out, VD_AGENT_CONFIG_MONITORS_FLAG_USE_POS);
	for (guint i = 0; i < n; i++) {
		const Rect *rect = &wish->rects[i];

		agent_append_u32(out, (guint32)rect->height);
		agent_append_u32(out, (guint32)rect->width);
		agent_append_u32(out, 32);
		agent_append_u32(out, (guint32)rect->x);
		agent_append_u32(out, (guint32)rect->y);
	}
	mux->sink->to_guest(VD_AGENT_MONITORS_CONFIG, out->data, out->len, mux->data);
}

gboolean
agent_mux_takes_pointer(const AgentMux *mux)
{
	return mux->guest_takes_pointer;
}

void
agent_mux_pointer(AgentMux *mux, guint head, int x, int y, guint32 buttons)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	guint8 display = (guint8)head;

	agent_append_u32(out, (guint32)x);
	agent_append_u32(out, (guint32)y);
	agent_append_u32(out, buttons);
	g_byte_array_append(out, &display, 1);
	mux->sink->to_guest(VD_AGENT_MOUSE_STATE, out->data, out->len, mux->data);
}
