/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/capture.h"

#include <string.h>

#include "display/capture-head.h"
#include "display/soon.h"

#define VM_PATH "/org/qemu/Display1/VM"
#define VM_INTERFACE "org.qemu.Display1.VM"
#define VM_TIMEOUT_MS 5000

struct Capture {
	const CaptureEvents *events;
	void *data;
	GDBusConnection *qemu;
	GCancellable *cancellable;
	gboolean pixel_copy;
	CaptureHead *captured[HEADS_MAX]; /* one after the other; the first is always there */
	guint n_captured;
	Heads wish;     /* of the clients */
	guint shown;    /* bit n: head n has a place in the frame if there is one. Head 0 always has */
	guint homeless; /* bit n: it has none, which was logged */
	Heads heads;    /* where they are in the frame */
	Frame *frame;
	Change changed; /* in the frame, not yet told */
	guint pointer_head;
	Soon *flush;
	guint rearrange_id;
	gboolean started;
};

static void
say_started(Capture *capture, const GError *error)
{
	if (capture->started)
		return;
	capture->started = TRUE;
	capture->events->on_started(error, capture->data);
}

/* ---- the frame ---- */

static void
read_head(Capture *capture, guint head, const PixelSource *source, const Damage *damage)
{
	const Rect *place = &capture->heads.rects[head];
	PixelSource moved = {source->pixels, source->x + place->x, source->y + place->y, source->stride};
	Damage reported = {.n = 0};

	for (guint i = 0; i < damage->n; i++) {
		Rect rect = damage->rects[i];

		rect_clip(&rect, place->width, place->height);
		rect.x += place->x;
		rect.y += place->y;
		damage_add(&reported, &rect);
	}
	refine_update(capture->frame, &moved, &reported, &capture->changed);
}

static void
read_whole_head(Capture *capture, guint head, const PixelSource *source)
{
	Damage all = {{{0, 0, capture->heads.rects[head].width, capture->heads.rects[head].height}}, 1};

	read_head(capture, head, source, &all);
}

static void
read_memory(Capture *capture, guint head, gboolean whole)
{
	CaptureHead *captured = capture->captured[head];
	const PixelSource *memory = capture_head_memory(captured);
	Damage damage = capture_head_take_damage(captured);

	if (memory == NULL || rect_is_empty(&capture->heads.rects[head]) || (!whole && damage.n == 0))
		return;
	if (whole)
		read_whole_head(capture, head, memory);
	else
		read_head(capture, head, memory, &damage);
	if (capture_head_memory_is_whole(captured))
		return;
	capture_head_complain(captured, "QEMU's shared frame has shrunk under us: it is not read any more");
	capture_head_drop_memory(captured);
}

/* All messages that have come are read before the memory is: one reading then serves several of them. */
static void
on_flush(void *data)
{
	Capture *capture = data;
	Change changed;

	for (guint i = 0; i < capture->n_captured; i++)
		read_memory(capture, i, FALSE);
	changed = capture->changed;
	change_clear(&capture->changed);
	if (!change_is_empty(&changed))
		capture->events->on_change(capture->frame, &changed, capture->data);
}

/* ---- the layout ---- */

static Heads
arrange(Capture *capture)
{
	Heads heads = {0};
	guint homeless;

	for (guint i = 0; i < capture->n_captured; i++) {
		if (capture->shown & 1u << i) {
			heads.rects[i].width = capture_head_width(capture->captured[i]);
			heads.rects[i].height = capture_head_height(capture->captured[i]);
		}
	}
	homeless = heads_place(&heads, &capture->wish);
	for (guint i = 0; i < capture->n_captured; i++) {
		if (homeless & ~capture->homeless & 1u << i)
			capture_head_complain(capture->captured[i], "%dx%d is not shown: the frame has no room for it",
			        capture_head_width(capture->captured[i]), capture_head_height(capture->captured[i]));
	}
	capture->homeless = homeless;
	return heads;
}

static void
copy_rows(const Frame *to, const Rect *at, const Frame *from, const Rect *source)
{
	for (int y = 0; y < at->height; y++)
		memcpy(frame_at(to, at->x, at->y + y), frame_at(from, source->x, source->y + y), (gsize)at->width * 4);
}

/* A head that is as large as before is taken from the old frame, one of which @source has a new picture from there, others from their
 * memory. The new frame is filled before anybody sees it. FALSE where memory is short: all stays as it was then. */
static gboolean
lay_out(Capture *capture, const Heads *heads, guint renewed, const PixelSource *source)
{
	Frame *old = capture->frame, *frame = frame_new(heads->width, heads->height);
	Heads before = capture->heads;

	if (frame == NULL)
		return FALSE;
	capture->frame = frame;
	capture->heads = *heads;
	change_clear(&capture->changed);
	for (guint i = 0; i < capture->n_captured; i++) {
		const Rect *now = &heads->rects[i], *then = &before.rects[i];

		if (rect_is_empty(now))
			continue;
		if (source && i == renewed)
			read_whole_head(capture, i, source);
		else if (now->width == then->width && now->height == then->height)
			copy_rows(frame, now, old, then);
		else
			read_memory(capture, i, TRUE);
	}
	/* What was reported meanwhile of a head that was copied is read later, from where it is now. */
	change_clear(&capture->changed);
	capture->events->on_resized(frame, &capture->heads, capture->data);
	frame_free(old);
	return TRUE;
}

static gboolean
on_rearrange(gpointer data)
{
	Capture *capture = data;
	Heads heads = arrange(capture);

	if (heads.width > 0 && !heads_equal(&heads, &capture->heads) && !lay_out(capture, &heads, 0, NULL))
		g_warning("no memory for a frame of %dx%d: the one before is shown", heads.width, heads.height);
	capture->rearrange_id = 0;
	return G_SOURCE_REMOVE;
}

static void
schedule_rearrange(Capture *capture)
{
	if (capture->rearrange_id == 0)
		capture->rearrange_id = g_idle_add_full(G_PRIORITY_DEFAULT, on_rearrange, capture, NULL);
}

void
capture_wish(Capture *capture, const Heads *wish)
{
	capture->wish = *wish;
	/* One that is not wished any more has no picture of the guest's: QEMU shows a notice in its place. */
	for (guint i = 1; i < HEADS_MAX; i++) {
		if (rect_is_empty(&wish->rects[i]))
			capture->shown &= ~(1u << i);
	}
	schedule_rearrange(capture);
}

/* QEMU does not tell whether a picture is the guest's, so a head is shown once it has one of the size that was wished, which came
 * after the wish; from then on whatever it shows. */
static gboolean
comes_to_light(Capture *capture, guint head)
{
	const Rect *wish = &capture->wish.rects[head];
	const CaptureHead *captured = capture->captured[head];

	if (capture->shown & 1u << head || rect_is_empty(wish) || capture_head_width(captured) != wish->width ||
	        capture_head_height(captured) != wish->height)
		return FALSE;
	capture->shown |= 1u << head;
	return TRUE;
}

/* ---- what the heads say ---- */

static gboolean
on_scanout(guint head, const PixelSource *source, int width, int height, void *data)
{
	Capture *capture = data;
	Heads heads;

	comes_to_light(capture, head);
	if (!(capture->shown & 1u << head))
		return TRUE;
	heads = arrange(capture);
	if (!heads_equal(&heads, &capture->heads)) {
		if (heads.width == 0 || !lay_out(capture, &heads, head, source))
			return FALSE;
	} else if (!rect_is_empty(&heads.rects[head])) {
		read_whole_head(capture, head, source);
		soon_ask(capture->flush);
	}
	if (head == 0)
		say_started(capture, NULL);
	return TRUE;
}

static void
on_reported(guint head, void *data)
{
	Capture *capture = data;

	if (comes_to_light(capture, head))
		schedule_rearrange(capture);
	if (capture->shown & 1u << head)
		soon_ask(capture->flush);
}

static void
on_pixels(guint head, const PixelSource *source, const Rect *rect, void *data)
{
	Capture *capture = data;
	const Rect *place = &capture->heads.rects[head];
	Damage damage = {{*rect}, 1};

	if (rect->x + rect->width > place->width || rect->y + rect->height > place->height)
		return; /* it has no place, or another size there */
	read_head(capture, head, source, &damage);
	soon_ask(capture->flush);
}

static void
on_disabled(guint head, void *data)
{
	Capture *capture = data;
	Rect place = capture->heads.rects[head];

	for (int y = 0; y < place.height; y++)
		memset(frame_at(capture->frame, place.x, place.y + y), 0, (gsize)place.width * 4);
	change_add_damage(&capture->changed, &place);
	soon_ask(capture->flush);
	if (head == 0)
		say_started(capture, NULL);
}

static void
on_cursor(guint head, const Cursor *cursor, void *data)
{
	Capture *capture = data;

	/* A guest gives the head that the pointer has left an empty one. */
	if (head == capture->pointer_head)
		capture->events->on_cursor(cursor, capture->data);
}

static void
on_pointer(guint head, int x, int y, gboolean visible, void *data)
{
	Capture *capture = data;
	const Rect *place = &capture->heads.rects[head];
	const Cursor *cursor = capture_head_cursor(capture->captured[head]);

	if (rect_is_empty(place) || (!visible && head != capture->pointer_head))
		return;
	if (head != capture->pointer_head) {
		capture->pointer_head = head;
		if (cursor)
			capture->events->on_cursor(cursor, capture->data);
	}
	capture->events->on_pointer(
	        MIN(place->x + x, capture->frame->width), MIN(place->y + y, capture->frame->height), visible, capture->data);
}

static void
on_failed(guint head, const GError *error, void *data)
{
	if (head == 0)
		say_started(data, error);
	else
		g_warning("head %u is not shown: %s", head, error->message);
}

static const CaptureHeadEvents head_events = {on_scanout, on_reported, on_pixels, on_disabled, on_cursor, on_pointer, on_failed};

static void
add_head(Capture *capture)
{
	guint head = capture->n_captured++;

	capture->captured[head] = capture_head_new(capture->qemu, head, capture->pixel_copy, &head_events, capture);
}

static void
on_consoles(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
	g_autoptr(GVariant) value = NULL;
	Capture *capture = data;
	const guint32 *ids;
	gsize n;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (answer == NULL) {
		g_message("QEMU does not say how many heads there are, so the first is shown alone: %s", error->message);
		return;
	}
	g_variant_get(answer, "(v)", &value);
	if (!g_variant_is_of_type(value, G_VARIANT_TYPE("au")))
		return;
	ids = g_variant_get_fixed_array(value, &n, sizeof *ids);
	for (gsize i = 0; i < n && capture->n_captured < HEADS_MAX; i++) {
		if (ids[i] == capture->n_captured)
			add_head(capture);
	}
	if (capture->n_captured > 1)
		capture->events->on_heads_max(capture->n_captured, capture->data);
}

Capture *
capture_new(GDBusConnection *qemu, gboolean pixel_copy, const CaptureEvents *events, void *data)
{
	Capture *capture = g_new0(Capture, 1);

	capture->events = events;
	capture->data = data;
	capture->flush = soon_new(G_PRIORITY_DEFAULT + 10, on_flush, capture);
	capture->qemu = g_object_ref(qemu);
	capture->pixel_copy = pixel_copy;
	capture->frame = frame_new(640, 480);
	capture->heads = heads_single(640, 480);
	capture->shown = 1;
	capture->cancellable = g_cancellable_new();
	add_head(capture);
	g_dbus_connection_call(qemu, NULL, VM_PATH, "org.freedesktop.DBus.Properties", "Get",
	        g_variant_new("(ss)", VM_INTERFACE, "ConsoleIDs"), G_VARIANT_TYPE("(v)"), G_DBUS_CALL_FLAGS_NONE, VM_TIMEOUT_MS,
	        capture->cancellable, on_consoles, capture);
	return capture;
}

void
capture_free(Capture *capture)
{
	if (capture == NULL)
		return;
	g_cancellable_cancel(capture->cancellable);
	g_object_unref(capture->cancellable);
	for (guint i = 0; i < capture->n_captured; i++)
		capture_head_free(capture->captured[i]);
	soon_free(capture->flush);
	g_clear_handle_id(&capture->rearrange_id, g_source_remove);
	g_object_unref(capture->qemu);
	frame_free(capture->frame);
	g_free(capture);
}

const Frame *
capture_frame(const Capture *capture)
{
	return capture->frame;
}

const Heads *
capture_heads(const Capture *capture)
{
	return &capture->heads;
}

const Cursor *
capture_cursor(const Capture *capture)
{
	return capture_head_cursor(capture->captured[capture->pointer_head]);
}

gboolean
capture_is_shared(const Capture *capture)
{
	return capture_head_memory(capture->captured[0]) != NULL;
}
