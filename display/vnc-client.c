/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc-client.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/rfb-message.h"
#include "display/soon.h"
#include "display/vnc-clipboard.h"
#include "display/vnc-pace.h"

#define HANDSHAKE_S 10
#define READ_MAX (64 * 1024)
/* A client whose socket takes nothing for so long is gone: its network has died without a word. */
#define STALLED_S 60
/* What may wait for a slow client. Pictures are made one at a time, and so are offers of the clipboard's text: this is answers to what the
 * client asked for. One that asks and asks and reads nothing has to go. */
#define OUTBOX_MAX (64 * 1024 * 1024)
#define FENCE_REQUEST (1u << 31)
#define FENCE_BLOCK 3u
#define FENCE_SYNC_NEXT 4u

/* The payload of the fences behind updates. */
static const guint8 pace_mark = 1;

typedef enum {
	STATE_VERSION,
	STATE_SECURITY,
	STATE_INIT,
	STATE_NORMAL,
	STATE_GONE,
} State;

struct VncClient {
	const VncHost *host;
	Client *who;
	int fd;
	State state;
	int minor;
	GByteArray *in;
	gsize at; /* bytes of it that are done with */
	Outbox *outbox;
	VncUpdate *update; /* NULL until it has joined */
	VncPace pace;
	Input *input;
	Soon *send;
	guint read_id, write_id, sharpen_id, deadline_id;
	VncClipboard *clipboard;
	gboolean extended_mouse, fence, continuous_known;
	gboolean continuous;
};

static void kick(VncClient *vnc);
static void on_send(void *data);

static void
leave(VncClient *vnc, const char *why)
{
	if (vnc->state == STATE_GONE)
		return;
	vnc->state = STATE_GONE;
	vnc->host->on_gone(vnc, why, vnc->host->data);
}

void
vnc_client_end(VncClient *vnc, const char *why)
{
	leave(vnc, why);
}

static void
put(VncClient *vnc, const void *bytes, gsize size)
{
	if (vnc->state == STATE_GONE)
		return;
	if (outbox_pending(vnc->outbox) + size > OUTBOX_MAX)
		leave(vnc, "it asks for more than it reads");
	else
		g_byte_array_append(outbox_bytes(vnc->outbox), bytes, (guint)size);
	kick(vnc);
}

static void
put_array(VncClient *vnc, GByteArray *bytes)
{
	if (bytes->len > 0)
		put(vnc, bytes->data, bytes->len);
}

static void
put_fence(VncClient *vnc, guint32 flags, const guint8 *payload, gsize size)
{
	guint8 message[9 + RFB_FENCE_MAX] = {248};

	flags = GUINT32_TO_BE(flags);
	memcpy(message + 4, &flags, 4);
	message[8] = (guint8)size;
	if (size > 0)
		memcpy(message + 9, payload, size);
	put(vnc, message, 9 + size);
}

static void
join(VncClient *vnc)
{
	const VncView *view = &vnc->host->view;
	gsize title_size = strlen(view->title);
	guint32 be_title = GUINT32_TO_BE((guint32)title_size);
	guint8 init[24] = {(guint8)(view->frame->width >> 8), (guint8)view->frame->width, (guint8)(view->frame->height >> 8),
	        (guint8)view->frame->height};

	rfb_pixel_format_write(&rfb_own_format, init + 4);
	memcpy(init + 20, &be_title, 4);
	vnc->update = vnc_update_new(view);
	vnc_pace_init(&vnc->pace);
	g_clear_handle_id(&vnc->deadline_id, g_source_remove);
	vnc->state = STATE_NORMAL;
	put(vnc, init, sizeof init);
	put(vnc, view->title, title_size);
	vnc->host->on_joined(vnc, vnc->host->data);
}

/* Sections 7.1.1 to 7.3.2 of RFC 6143. Result: bytes used; 0: wait for more. */
static gsize
shake_hands(VncClient *vnc)
{
	static const guint8 none_33[] = {0, 0, 0, 1}, list[] = {1, 1}, ok[] = {0, 0, 0, 0};
	const guint8 *bytes = vnc->in->data + vnc->at;

	if (vnc->state == STATE_VERSION) {
		if (vnc->in->len - vnc->at < 12)
			return 0;
		vnc->minor = rfb_parse_version(bytes);
		if (vnc->minor == 0) {
			leave(vnc, "it does not speak RFB");
			return 0;
		}
		vnc->state = vnc->minor == 3 ? STATE_INIT : STATE_SECURITY;
		put(vnc, vnc->minor == 3 ? none_33 : list, vnc->minor == 3 ? sizeof none_33 : sizeof list);
		return 12;
	}
	if (vnc->state == STATE_SECURITY) {
		if (bytes[0] != 1) {
			leave(vnc, "it chose a security type that was not offered");
			return 0;
		}
		if (vnc->minor >= 8)
			put(vnc, ok, sizeof ok);
		vnc->state = STATE_INIT;
		return 1;
	}
	join(vnc);
	return 1;
}

static void
take_encodings(VncClient *vnc, const RfbMessage *message)
{
	g_autoptr(GByteArray) caps = g_byte_array_new();
	const RfbEncodings *encodings;

	if (!vnc_update_take_encodings(vnc->update, message)) {
		leave(vnc, "its encodings are not served");
		return;
	}
	encodings = vnc_update_encodings(vnc->update);
	vnc_clipboard_set_extended(vnc->clipboard, encodings->extended_clipboard, caps);
	put_array(vnc, caps);
	if (encodings->fence && !vnc->fence) {
		put_fence(vnc, FENCE_REQUEST | FENCE_SYNC_NEXT, &pace_mark, 1);
		vnc_pace_sent(&vnc->pace, 0, g_get_monotonic_time()); /* the way's length, while it is empty */
	}
	if (encodings->continuous && !vnc->continuous_known)
		put(vnc, "\226", 1); /* EndOfContinuousUpdates: we know them */
	vnc->extended_mouse = encodings->extended_mouse;
	vnc->fence = encodings->fence;
	vnc->continuous_known = encodings->continuous;
	kick(vnc);
}

static void
take_fence(VncClient *vnc, const RfbMessage *message)
{
	/* Messages are handled in their order, one after the other, so each kind of fence holds already. */
	if (message->fence.flags & FENCE_REQUEST)
		put_fence(vnc, message->fence.flags & (FENCE_BLOCK | FENCE_SYNC_NEXT), message->fence.bytes, message->fence.size);
	else if (message->fence.size == 1)
		vnc_pace_arrived(&vnc->pace, g_get_monotonic_time());
	kick(vnc);
}

static void
take_continuous(VncClient *vnc, const RfbMessage *message)
{
	if (!vnc->continuous_known) {
		leave(vnc, "it asked for continuous updates without knowing them");
		return;
	}
	if (vnc->continuous && !message->update.incremental)
		put(vnc, "\226", 1);
	vnc->continuous = message->update.incremental;
	vnc_update_continuous(vnc->update,
	        vnc->continuous ? &(Rect){message->update.x, message->update.y, message->update.width, message->update.height} : NULL);
	kick(vnc);
}

static void
take_key(VncClient *vnc, const RfbMessage *message)
{
	if (vnc->who->view_only)
		return;
	/* QEMU's form gives 0 where the viewer did not know the key. */
	if (message->key.qnum > 0)
		input_key_named(vnc->input, message->key.qnum, message->key.keysym, message->key.down);
	else
		input_keysym(vnc->input, message->key.keysym, message->key.down);
}

static void
take_pointer(VncClient *vnc, const RfbMessage *message)
{
	const Frame *frame = vnc->host->view.frame;

	if (vnc->who->view_only)
		return;
	input_pointer(vnc->input, MIN(message->pointer.x, frame->width - 1), MIN(message->pointer.y, frame->height - 1),
	        message->pointer.buttons);
}

static void
take_clipboard(VncClient *vnc, const RfbMessage *message)
{
	g_autoptr(GByteArray) answer = g_byte_array_new();

	vnc_clipboard_take(vnc->clipboard, message, answer);
	put_array(vnc, answer);
}

/* Of one screen the desktop's size is taken, as viewers mean that; several must lie in it. */
static HeadsResult
wish_of(const RfbMessage *message, guint max, Heads *wish)
{
	HeadWish wishes[RFB_SCREENS_MAX] = {{0, {0, 0, message->size.width, message->size.height}}};

	if (message->size.n == 1)
		return heads_in_a_row(wish, wishes, 1, max);
	for (guint i = 0; i < message->size.n; i++) {
		RfbScreen screen = rfb_message_screen(message, i);

		wishes[i] = (HeadWish){screen.id, {screen.x, screen.y, screen.width, screen.height}};
		if (screen.x + screen.width > message->size.width || screen.y + screen.height > message->size.height)
			return HEADS_BAD;
	}
	return heads_from_wishes(wish, wishes, message->size.n, max);
}

static void
take_wish(VncClient *vnc, const RfbMessage *message)
{
	Heads wish;

	switch (wish_of(message, vnc->host->view.heads_max, &wish)) {
	case HEADS_TOO_MANY:
		vnc_update_refuse_size(vnc->update, RFB_RESIZE_OUT_OF_RESOURCES);
		break;
	case HEADS_BAD:
		vnc_update_refuse_size(vnc->update, RFB_RESIZE_INVALID_LAYOUT);
		break;
	case HEADS_GOOD:
		if (!vnc->host->on_resize(vnc, &wish, vnc->host->data))
			vnc_update_tell_size(vnc->update, VNC_SIZE_BY_CLIENT);
	}
}

static void
take_size(VncClient *vnc, const RfbMessage *message)
{
	if (vnc->who->view_only)
		vnc_update_refuse_size(vnc->update, RFB_RESIZE_PROHIBITED);
	else
		take_wish(vnc, message);
	kick(vnc);
}

/* Nothing of the screen is never asked for, and while updates come by themselves neither is what has changed. */
static void
take_request(VncClient *vnc, const RfbMessage *message)
{
	const Frame *frame = vnc->host->view.frame;
	Rect rect = {message->update.x, message->update.y, message->update.width, message->update.height};

	rect_clip(&rect, frame->width, frame->height);
	if (rect_is_empty(&rect) || (vnc->continuous && message->update.incremental))
		return;
	vnc_update_request(vnc->update, &rect, message->update.incremental);
	kick(vnc);
}

static void
take_format(VncClient *vnc)
{
	if (!vnc_update_take_format(vnc->update, vnc->in->data + vnc->at))
		leave(vnc, "its pixel format is not served");
}

static void
take_message(VncClient *vnc, const RfbMessage *message)
{
	switch (message->type) {
	case RFB_UPDATE_REQUEST:
		take_request(vnc, message);
		break;
	case RFB_SET_PIXEL_FORMAT:
		take_format(vnc);
		break;
	case RFB_SET_DESKTOP_SIZE:
		take_size(vnc, message);
		break;
	case RFB_SET_ENCODINGS:
		take_encodings(vnc, message);
		break;
	case RFB_KEY:
	case RFB_QEMU_KEY:
		take_key(vnc, message);
		break;
	case RFB_POINTER:
		take_pointer(vnc, message);
		break;
	case RFB_CUT_TEXT:
	case RFB_CLIPBOARD:
		take_clipboard(vnc, message);
		break;
	case RFB_CONTINUOUS_UPDATES:
		take_continuous(vnc, message);
		break;
	case RFB_FENCE:
		take_fence(vnc, message);
		break;
	case RFB_IGNORED:
		break;
	}
}

/* Bytes used of what has come; 0: wait for more, or gone. */
static gsize
take_one(VncClient *vnc)
{
	RfbMessage message;
	const char *why;
	gsize used = 0;

	if (vnc->state != STATE_NORMAL)
		return shake_hands(vnc);
	switch (rfb_message_parse(
	        vnc->in->data + vnc->at, vnc->in->len - vnc->at, vnc_clipboard_is_extended(vnc->clipboard), vnc->extended_mouse, &message, &used, &why)) {
	case RFB_MORE:
		return 0;
	case RFB_BAD:
		leave(vnc, why);
		return 0;
	case RFB_DONE:
		take_message(vnc, &message);
	}
	return used;
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
	VncClient *vnc = data;
	guint8 buffer[READ_MAX];
	ssize_t n = recv(vnc->fd, buffer, sizeof buffer, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		vnc->read_id = 0;
		leave(vnc, n == 0 ? "it closed" : "its connection broke");
		return G_SOURCE_REMOVE;
	}
	g_byte_array_append(vnc->in, buffer, (guint)n);
	while (vnc->state != STATE_GONE && vnc->at < vnc->in->len) {
		gsize used = take_one(vnc);

		if (used == 0)
			break;
		vnc->at += used;
	}
	g_byte_array_remove_range(vnc->in, 0, (guint)vnc->at);
	vnc->at = 0;
	if (vnc->state == STATE_GONE) {
		vnc->read_id = 0;
		return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

static gboolean
on_stalled(gpointer data)
{
	VncClient *vnc = data;

	vnc->deadline_id = 0;
	leave(vnc, vnc->state == STATE_NORMAL ? "it takes no bytes" : "its hand-shake took too long");
	return G_SOURCE_REMOVE;
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
	VncClient *vnc = data;

	vnc->write_id = 0;
	if (vnc->state == STATE_NORMAL)
		g_clear_handle_id(&vnc->deadline_id, g_source_remove);
	on_send(vnc);
	return G_SOURCE_REMOVE;
}

/* What is made is sent before more is: what changes meanwhile is merged. */
static gboolean
may_encode(VncClient *vnc)
{
	if (vnc->state != STATE_NORMAL || outbox_pending(vnc->outbox) > 0)
		return FALSE;
	return !vnc->continuous || !vnc->fence || vnc_pace_may_send(&vnc->pace);
}

static void
encode(VncClient *vnc)
{
	gint64 now = g_get_monotonic_time();
	gsize size;

	vnc_update_set_bandwidth(vnc->update, vnc_pace_bandwidth(&vnc->pace));
	if (!vnc_update_append(vnc->update, vnc_pace_update_max(&vnc->pace), vnc->pace.steps, now, vnc->outbox)) {
		leave(vnc, "the encoder gave it up");
		return;
	}
	size = outbox_pending(vnc->outbox);
	/* Comes back when the client has read this update: without it a slow network would fill with old pictures. */
	if (size > 0 && vnc->continuous && vnc->fence) {
		put_fence(vnc, FENCE_REQUEST, &pace_mark, 1);
		vnc_pace_sent(&vnc->pace, size, now);
	}
}

static void
offer_text(VncClient *vnc)
{
	g_autoptr(GByteArray) offer = g_byte_array_new();

	vnc_clipboard_append_offer(vnc->clipboard, offer);
	put_array(vnc, offer);
}

static gboolean
on_sharpen(gpointer data)
{
	VncClient *vnc = data;

	vnc->sharpen_id = 0;
	kick(vnc);
	return G_SOURCE_REMOVE;
}

/* What went out as JPEG is sent again once it is still, when nothing else is to be sent, and a piece only when the client has read the one
 * before: what changes next waits for no more than that, though a fast path would hold them all. */
static gboolean
sharpen_is_due(VncClient *vnc)
{
	gint64 due = vnc_update_sharpen_at(vnc->update), now = g_get_monotonic_time();

	if (due == 0 || (vnc->continuous && vnc->fence && vnc_pace_is_under_way(&vnc->pace)))
		return FALSE;
	if (due <= now)
		return TRUE;
	if (vnc->sharpen_id == 0)
		vnc->sharpen_id = g_timeout_add((guint)((due - now) / 1000 + 1), on_sharpen, vnc);
	return FALSE;
}

/* In this order: that there was no room is remembered. */
static gboolean
wants_update(VncClient *vnc)
{
	return vnc->update && (vnc_update_is_due(vnc->update) || sharpen_is_due(vnc)) && may_encode(vnc);
}

static void
on_send(void *data)
{
	VncClient *vnc = data;
	gboolean fruitless = FALSE, idle = outbox_pending(vnc->outbox) == 0;

	/* What is put into the outbox below asks for another round, which is not due before the socket has room again. */
	if (vnc->state == STATE_GONE || vnc->write_id != 0)
		return;
	if (wants_update(vnc)) {
		encode(vnc);
		fruitless = vnc->state != STATE_GONE && outbox_pending(vnc->outbox) == 0;
	}
	/* Behind a picture: a guest that has a new text all the time would leave no room for one. */
	if (vnc_clipboard_is_due(vnc->clipboard) && idle)
		offer_text(vnc);
	if (vnc->state != STATE_GONE && !outbox_flush(vnc->outbox, vnc->fd))
		leave(vnc, "its connection broke");
	if (vnc->state == STATE_GONE)
		return;
	if (outbox_pending(vnc->outbox) > 0) {
		vnc_pace_held_up(&vnc->pace);
		vnc->write_id = g_unix_fd_add(vnc->fd, G_IO_OUT, on_writable, vnc);
		if (vnc->deadline_id == 0)
			vnc->deadline_id = g_timeout_add_seconds(STALLED_S, on_stalled, vnc);
	} else if (vnc_clipboard_is_due(vnc->clipboard) || (!fruitless && wants_update(vnc))) {
		/* Not after a round that gave nothing: the next change or request will tell. */
		kick(vnc);
	}
}

static void
kick(VncClient *vnc)
{
	if (vnc->write_id == 0 && vnc->state != STATE_GONE)
		soon_ask(vnc->send);
}

void
vnc_client_change(VncClient *vnc, const Change *change)
{
	if (vnc->update == NULL)
		return;
	vnc_update_change(vnc->update, change);
	kick(vnc);
}

void
vnc_client_resized(VncClient *vnc, VncSizeReason reason)
{
	if (vnc->update == NULL)
		return;
	vnc_update_resized(vnc->update, reason);
	kick(vnc);
}

void
vnc_client_cursor(VncClient *vnc)
{
	if (vnc->update == NULL)
		return;
	vnc_update_cursor(vnc->update);
	kick(vnc);
}

void
vnc_client_pointer(VncClient *vnc)
{
	if (vnc->update)
		kick(vnc);
}

void
vnc_client_leds(VncClient *vnc)
{
	if (vnc->update == NULL)
		return;
	vnc_update_leds(vnc->update);
	kick(vnc);
}

void
vnc_client_title(VncClient *vnc)
{
	if (vnc->update == NULL)
		return;
	vnc_update_title(vnc->update);
	kick(vnc);
}

void
vnc_client_offer_text(VncClient *vnc, const char *text, gsize size)
{
	if (vnc->state != STATE_NORMAL)
		return;
	vnc_clipboard_set_text(vnc->clipboard, text, size);
	kick(vnc);
}

VncClient *
vnc_client_new(const VncHost *host, int fd, Client *client)
{
	VncClient *vnc = g_new0(VncClient, 1);

	vnc->host = host;
	vnc->fd = fd;
	vnc->who = client;
	vnc->clipboard = vnc_clipboard_new(client, host->on_text, host->data);
	vnc->in = g_byte_array_new();
	vnc->input = input_new(host->input, host->input_data);
	vnc->outbox = outbox_new();
	vnc->send = soon_new(G_PRIORITY_DEFAULT + 20, on_send, vnc);
	vnc->read_id = g_unix_fd_add(fd, G_IO_IN, on_readable, vnc);
	vnc->deadline_id = g_timeout_add_seconds(HANDSHAKE_S, on_stalled, vnc);
	put(vnc, "RFB 003.008\n", 12);
	return vnc;
}

void
vnc_client_free(VncClient *vnc)
{
	if (vnc == NULL)
		return;
	vnc->state = STATE_GONE;
	g_clear_handle_id(&vnc->read_id, g_source_remove);
	g_clear_handle_id(&vnc->write_id, g_source_remove);
	soon_free(vnc->send);
	g_clear_handle_id(&vnc->sharpen_id, g_source_remove);
	g_clear_handle_id(&vnc->deadline_id, g_source_remove);
	vnc_update_free(vnc->update);
	outbox_free(vnc->outbox);
	input_free(vnc->input);
	g_byte_array_unref(vnc->in);
	vnc_clipboard_free(vnc->clipboard);
	client_free(vnc->who);
	close(vnc->fd);
	g_free(vnc);
}

const Client *
vnc_client_who(const VncClient *vnc)
{
	return vnc->who;
}

gboolean
vnc_client_is_joined(const VncClient *vnc)
{
	return vnc->update != NULL;
}
