/* A hostile VNC client against the whole of what serves it: hand-shake, filter, pace, and libvncserver behind them, over a
 * socketpair. The first byte chooses rights and hand-shake; then come steps of a byte that says what happens, a length, and
 * that many bytes. All of it is new for each input. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/frame.h"
#include "display/vnc.h"

/* What one input can make the server say: pixels of small frames, answers, and text that was offered. */
#define OUTPUT_MAX (256 * 1024 * 1024)

enum { STEP_SAY, STEP_SAY_AND_WAIT, STEP_DAMAGE, STEP_OFFER, STEP_RESIZE, STEP_CURSOR, STEP_POINTER, STEP_STOP_READING, N_STEPS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
	Vnc *vnc;
	Frame *frame;
	Heads heads;
	int end; /* the client's */
	gboolean here, reads;
	gsize output;
} Session;

static void
on_joined(const Client *client, void *data)
{
}

static void
on_left(const Client *client, const char *why, void *data)
{
	Session *session = data;

	session->here = FALSE;
}

static void
on_resize(const Client *client, const Heads *wish, void *data)
{
	if (heads_count(wish) < 1 || rect_is_empty(&wish->rects[0]) || wish->width > FRAME_SIDE_MAX || wish->height > FRAME_SIDE_MAX)
		g_error("a wish for %dx%d", wish->width, wish->height);
	for (guint i = 0; i < HEADS_MAX; i++) {
		Rect inside = wish->rects[i];

		rect_clip(&inside, wish->width, wish->height);
		if (!rect_is_empty(&wish->rects[i]) && memcmp(&inside, &wish->rects[i], sizeof inside) != 0)
			g_error("head %u is out of the frame", i);
	}
}

static void
on_text(const char *text, gsize size, void *data)
{
	if (strlen(text) != size || !g_utf8_validate(text, (gssize)size, NULL))
		g_error("a clipboard that is no text");
}

static const VncEvents events = {on_joined, on_left, on_resize, on_text};

static void
on_key(void *data, guint qnum, gboolean down)
{
	if (qnum < 1 || qnum > 255)
		g_error("there is no key %u", qnum);
}

static void
on_motion(void *data, int x, int y)
{
	const Frame *frame = ((Session *)data)->frame;

	if (x < 0 || y < 0 || x >= frame->width || y >= frame->height)
		g_error("the pointer is outside, at %d,%d", x, y);
}

static void
on_button(void *data, guint button, gboolean down)
{
	if (button > 8)
		g_error("there is no button %u", button);
}

static const InputSink sink = {on_key, on_motion, on_button, NULL};

static void
turn(Session *session)
{
	static guint8 buffer[65536];
	ssize_t n;

	do {
		while (g_main_context_iteration(NULL, FALSE))
			;
		n = session->reads ? recv(session->end, buffer, sizeof buffer, MSG_DONTWAIT) : 0;
		session->output += n > 0 ? (gsize)n : 0;
	} while (n > 0);
	if (session->output > OUTPUT_MAX)
		g_error("%zu bytes for so small an input", session->output);
}

static void
damage_frame(Session *session, const uint8_t *data, size_t size)
{
	Rect rect = {0, 0, session->frame->width, session->frame->height};
	Change change = {.n_copies = 0};

	if (size >= 4)
		rect = (Rect){data[0], data[1], data[2], data[3]};
	rect_clip(&rect, session->frame->width, session->frame->height);
	for (int y = rect.y; y < rect.y + rect.height; y++) {
		for (int x = rect.x; x < rect.x + rect.width; x++)
			*frame_at(session->frame, x, y) = size > 4 ? data[4 + (gsize)(x + y) % (size - 4)] * 0x10101u : (guint32)(x * y);
	}
	change_add_damage(&change, &rect);
	vnc_change(session->vnc, &change);
}

static void
resize_frame(Session *session, const uint8_t *data, size_t size)
{
	Frame *old = session->frame;

	if (size < 2)
		return;
	session->frame = frame_new(1 + data[0], 1 + data[1]);
	session->heads = heads_single(1 + data[0], 1 + data[1]);
	/* Two heads, side by side. */
	if (size > 2 && data[2] && data[0]) {
		session->heads.rects[0].width = 1;
		session->heads.rects[1] = (Rect){1, 0, data[0], 1 + data[1]};
	}
	vnc_set_frame(session->vnc, session->frame, &session->heads);
	frame_free(old);
}

static void
set_cursor(Session *session, const uint8_t *data, size_t size)
{
	static guint32 pixels[64];
	static const Cursor cursor = {.width = 8, .height = 8, .pixels = pixels};

	memset(pixels, 0, sizeof pixels);
	memcpy(pixels, data, MIN(size, sizeof pixels));
	vnc_set_cursor(session->vnc, &cursor);
}

static void
offer_text(Session *session, const uint8_t *data, size_t size)
{
	g_autofree char *text = g_utf8_make_valid((const char *)data, (gssize)size);

	vnc_offer_text(session->vnc, text, strlen(text));
}

static void
step(Session *session, guint what, const uint8_t *data, size_t size)
{
	switch (what % N_STEPS) {
	case STEP_SAY:
	case STEP_SAY_AND_WAIT:
		if (session->here && send(session->end, data, size, MSG_NOSIGNAL) != (ssize_t)size)
			g_debug("the server reads no more");
		break;
	case STEP_DAMAGE:
		damage_frame(session, data, size);
		break;
	case STEP_OFFER:
		offer_text(session, data, size);
		break;
	case STEP_RESIZE:
		resize_frame(session, data, size);
		break;
	case STEP_CURSOR:
		set_cursor(session, data, size);
		break;
	case STEP_POINTER:
		if (size >= 2)
			vnc_set_pointer(session->vnc, data[0], data[1]);
		break;
	case STEP_STOP_READING:
		session->reads = !session->reads;
		break;
	}
	if (what % N_STEPS != STEP_SAY)
		turn(session);
}

static Client *
make_client(guint flags)
{
	g_autoptr(GVariant) params = g_variant_ref_sink(g_variant_new_parsed(
		"{'protocol': <'vnc'>, 'client': <'fuzz'>, 'view-only': <%b>, 'clipboard-to-desktop': <%b>}", flags & 1, flags & 2));

	return client_new(params, NULL);
}

/* Each client that is sent away is a line. */
static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	return level & G_LOG_LEVEL_ERROR ? g_log_writer_standard_streams(level, fields, n, data) : G_LOG_WRITER_HANDLED;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static gboolean prepared;
	static const char hands[] = "RFB 003.008\n\1\1";
	Session session = {.here = TRUE, .reads = TRUE};
	int ends[2];

	if (size == 0)
		return 0;
	if (!prepared)
		g_log_set_writer_func(write_log, NULL, NULL);
	prepared = TRUE;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		g_error("no sockets");
	session.end = ends[0];
	session.frame = frame_new(64, 48);
	session.heads = heads_single(64, 48);
	session.vnc = vnc_new("fuzz", session.frame, &session.heads, &sink, &session, &events, &session);
	vnc_set_heads_max(session.vnc, 1 + (data[0] >> 6));
	if (!vnc_add_client(session.vnc, ends[1], make_client(data[0]), NULL))
		g_error("not even one client is taken");
	if (data[0] & 4)
		step(&session, STEP_SAY_AND_WAIT, (const uint8_t *)hands, sizeof hands - 1);
	for (size_t at = 1; at + 2 <= size;) {
		size_t n = MIN((size_t)data[at + 1], size - at - 2);

		step(&session, data[at], data + at + 2, n);
		at += 2 + n;
	}
	turn(&session);
	close(session.end);
	session.reads = FALSE;
	turn(&session);
	if (vnc_wants_text(session.vnc))
		g_error("a client is still there after its connection");
	vnc_free(session.vnc);
	frame_free(session.frame);
	return 0;
}
