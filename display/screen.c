/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/screen.h"

#include <unistd.h>

#include "broker/common/error.h"
#include "display/activity.h"
#include "display/capture.h"
#include "display/console.h"
#include "display/guest-agent.h"
#include "display/mark.h"
#include "display/marks.h"
#include "display/overlay.h"
#include "display/pointer.h"
#include "display/qemu-connection.h"
#include "display/recorder.h"
#include "display/sound-streams.h"
#include "display/spice.h"
#include "display/thumbnail.h"
#include "display/usb.h"
#include "display/vnc.h"
#include "display/watch.h"

/* A VM that shows nothing is attached all the same. */
#define FIRST_FRAME_MS	3000
/* Who wished several monitors may come back: a connection was lost, or is another after a reload of the page. */
#define UNSEEN_MS	15000
#define INPUT_PERIOD_MS 2000

struct Screen {
	const ScreenEvents *events;
	void *data;
	char *title;
	GDBusConnection *qemu;
	gulong closed_id;
	guint first_frame_id; /* 0: attached, or given up */
	Capture *capture;
	Console *console;
	Pointer *pointer;
	guint heads_max;
	Vnc *vnc;
	Spice *spice; /* NULL until the first SPICE client: it has a thread and a frame of its own */
	Sound *sound;
	SoundStreams *sounds; /* of browsers */
	GuestAgent *agent;
	Activity *activity;
	Usb *usb;
	char *usb_client; /* who is connected by SPICE */
	Overlay *overlay; /* between the capture and the servers */
	Marks *marks;
	Watch *watch;
	char *arranger;	 /* client that wished the several monitors that there are; NULL: nobody, or gone */
	guint unseen_id; /* then: they are taken away */
	gboolean displacing; /* a word to a SPICE client stands where the watch draws */
	Thumbnails *thumbnails;
	RecorderHost recorder_host;
	Recorder *recorder; /* NULL: nothing is recorded */
	guint recorder_id;  /* frees one that failed */
};

static void
say_state(Screen *screen)
{
	const Frame *frame = capture_frame(screen->capture);

	screen->events->on_state(frame->width, frame->height, capture_is_shared(screen->capture),
		agent_mux_has_agent(guest_agent_mux(screen->agent)), screen->data);
}

static void
say_attached(Screen *screen, const GError *error)
{
	if (screen->first_frame_id == 0)
		return;
	g_clear_handle_id(&screen->first_frame_id, g_source_remove);
	if (error == NULL)
		say_state(screen);
	screen->events->on_attached(error, screen->data);
}

static void
on_resized(const Frame *frame, const Heads *heads, void *data)
{
	Screen *screen = data;

	pointer_set_heads(screen->pointer, heads);
	console_saw(screen->console, heads);
	overlay_set_source(screen->overlay, frame);
	if (screen->first_frame_id == 0)
		say_state(screen);
}

static void
on_change(const Frame *frame, const Change *change, void *data)
{
	overlay_source_changed(((Screen *)data)->overlay, change);
}

static void
on_drawn_frame(const Frame *frame, void *data)
{
	Screen *screen = data;

	thumbnails_note_change(screen->thumbnails);
	vnc_set_frame(screen->vnc, frame, capture_heads(screen->capture));
	if (screen->spice)
		spice_set_frame(screen->spice, frame, capture_heads(screen->capture));
	recorder_resized(screen->recorder);
}

static void
on_drawn_change(const Frame *frame, const Change *change, void *data)
{
	Screen *screen = data;

	thumbnails_note_change(screen->thumbnails);
	vnc_change(screen->vnc, change);
	if (screen->spice)
		spice_change(screen->spice, change);
	recorder_change(screen->recorder, change);
}

static const OverlayEvents overlay_events = {on_drawn_frame, on_drawn_change};

static void
on_cursor(const Cursor *cursor, void *data)
{
	Screen *screen = data;

	vnc_set_cursor(screen->vnc, cursor);
	if (screen->spice)
		spice_set_cursor(screen->spice, cursor);
	recorder_kick(screen->recorder);
}

static void
on_pointer(int x, int y, gboolean visible, void *data)
{
	Screen *screen = data;

	vnc_set_pointer(screen->vnc, x, y);
	if (screen->spice)
		spice_set_pointer(screen->spice, x, y, visible);
	recorder_kick(screen->recorder);
}

static void
on_heads_max(guint max, void *data)
{
	Screen *screen = data;

	screen->heads_max = max;
	vnc_set_heads_max(screen->vnc, max);
	if (screen->spice)
		spice_set_heads_max(screen->spice, max);
	/* An earlier screen's clients may have left heads on that nobody sees now. */
	console_unplug(screen->console, max);
}

static void
on_started(const GError *error, void *data)
{
	say_attached(data, error);
}

static const CaptureEvents capture_events = {on_resized, on_change, on_cursor, on_pointer, on_heads_max, on_started};

static gboolean
on_no_first_frame(gpointer data)
{
	Screen *screen = data;

	g_message("the VM shows nothing yet");
	say_attached(screen, NULL);
	return G_SOURCE_CONTINUE; /* say_attached has removed it */
}

/* Every client's input comes by here, whatever its protocol; what it may not send does not. */
static void
sink_key(void *data, guint qnum, gboolean down)
{
	Screen *screen = data;

	activity_note(screen->activity);
	if (watch_key(screen->watch, qnum, down))
		return;
	recorder_key(screen->recorder, qnum, down);
	console_key(screen->console, qnum, down);
}

static void
sink_motion(void *data, int x, int y)
{
	Screen *screen = data;

	activity_note(screen->activity);
	recorder_motion(screen->recorder, x, y);
	pointer_motion(screen->pointer, x, y);
}

static void
sink_button(void *data, guint button, gboolean down)
{
	Screen *screen = data;

	activity_note(screen->activity);
	recorder_button(screen->recorder, button, down);
	pointer_button(screen->pointer, (Button)button, down);
}

static gboolean
sink_caps_lock(void *data)
{
	return console_caps_lock(((Screen *)data)->console);
}

static const InputSink input_sink = {sink_key, sink_motion, sink_button, sink_caps_lock};

static void
on_leds(guint leds, void *data)
{
	Screen *screen = data;

	if (screen->vnc)
		vnc_set_leds(screen->vnc, leds);
}

static void
say_input(void *data)
{
	Screen *screen = data;

	screen->events->on_input(screen->data);
}

static void
arrange(Screen *screen, const Heads *wish)
{
	console_arrange(screen->console, wish, screen->heads_max);
	agent_mux_arrange(guest_agent_mux(screen->agent), wish);
	capture_wish(screen->capture, wish);
}

static gboolean
on_unseen(gpointer data)
{
	Screen *screen = data;
	const Rect *first = &capture_heads(screen->capture)->rects[0];
	Heads one = heads_single(first->width, first->height);

	screen->unseen_id = 0;
	if (!rect_is_empty(first))
		arrange(screen, &one);
	return G_SOURCE_REMOVE;
}

/* The last wish wins, whoever's it was. */
static void
on_resize_wish(const Client *client, const Heads *wish, void *data)
{
	Screen *screen = data;

	g_clear_handle_id(&screen->unseen_id, g_source_remove);
	g_clear_pointer(&screen->arranger, g_free);
	if (heads_count(wish) > 1)
		screen->arranger = g_strdup(client->name);
	arrange(screen, wish);
}

/* Monitors that nobody else asked for must not hold windows that nobody sees. */
static void
note_arranger_left(Screen *screen, const Client *client)
{
	if (g_strcmp0(screen->arranger, client->name) != 0)
		return;
	g_clear_pointer(&screen->arranger, g_free);
	g_clear_handle_id(&screen->unseen_id, g_source_remove);
	screen->unseen_id = g_timeout_add(UNSEEN_MS, on_unseen, screen);
}

static void
on_plate(const char *text, gboolean large, void *data)
{
	Screen *screen = data;

	if (!screen->displacing)
		overlay_set_plate(screen->overlay, text, large);
}

static void
on_watch_end(const char *why, void *data)
{
	vnc_end_watchers(((Screen *)data)->vnc, why);
}

static const WatchEvents watch_events = {on_plate, on_watch_end};

static void
note_joined(Screen *screen, const Client *client)
{
	guest_agent_joined(screen->agent, client);
	marks_joined(screen->marks, client);
	recorder_joined(screen->recorder, client);
	if (*client->watcher != '\0')
		watch_watcher_joined(screen->watch, client->watcher);
	else if (!client->view_only)
		watch_person_joined(screen->watch);
	screen->events->on_joined(client->name, client->protocol, screen->data);
}

static void
note_left(Screen *screen, const Client *client, const char *why)
{
	guest_agent_left(screen->agent, client);
	note_arranger_left(screen, client);
	marks_left(screen->marks, client);
	recorder_left(screen->recorder, client->name, why);
	if (*client->watcher != '\0')
		watch_watcher_left(screen->watch, client->watcher);
	else if (!client->view_only)
		watch_person_left(screen->watch);
	screen->events->on_left(client->name, why, screen->data);
}

static void
on_vnc_joined(const Client *client, void *data)
{
	note_joined(data, client);
}

static void
on_vnc_left(const Client *client, const char *why, void *data)
{
	note_left(data, client, why);
}

static void
on_vnc_text(const char *text, gsize size, void *data)
{
	agent_mux_from_vnc(guest_agent_mux(((Screen *)data)->agent), text, size);
}

static const VncEvents vnc_events = {on_vnc_joined, on_vnc_left, on_resize_wish, on_vnc_text};

static gboolean
spice_must_wait(void *data)
{
	Screen *screen = data;

	return guest_agent_spice_must_wait(screen->agent);
}

static void
on_spice_joined(const Client *client, void *data)
{
	Screen *screen = data;

	g_free(screen->usb_client);
	screen->usb_client = g_strdup(client->name);
	usb_set_rules(screen->usb, client->usb);
	note_joined(screen, client);
}

static void
on_spice_left(const Client *client, const char *why, void *data)
{
	Screen *screen = data;

	usb_set_rules(screen->usb, NULL);
	note_left(screen, client, why);
}

static void
on_spice_agent(guint32 type, const guint8 *bytes, gsize size, void *data)
{
	guest_agent_from_spice(((Screen *)data)->agent, type, bytes, size);
}

static void
on_spice_displace(const Client *next, void *data)
{
	Screen *screen = data;
	GString *text;

	screen->displacing = next != NULL;
	if (next == NULL) {
		watch_draw(screen->watch);
		return;
	}
	text = g_string_new("This window ends now: ");
	mark_append_printable(text, next->user);
	g_string_append(text, " opens the desktop at ");
	mark_append_printable(text, next->address);
	overlay_set_plate(screen->overlay, text->str, TRUE);
	g_string_free(text, TRUE);
}

static const SpiceEvents spice_events = {
	.on_joined = on_spice_joined,
	.on_left = on_spice_left,
	.on_displace = on_spice_displace,
	.on_resize = on_resize_wish,
	.on_agent = on_spice_agent,
};

static void
on_usb(const char *event, const char *device, void *data)
{
	Screen *screen = data;

	if (screen->usb_client)
		screen->events->on_usb(screen->usb_client, event, device, screen->data);
}

static void
agent_to_spice(guint32 type, const void *bytes, gsize size, void *data)
{
	Screen *screen = data;

	if (screen->spice)
		spice_send_agent(screen->spice, type, bytes, size);
}

static void
spice_may_go_on(void *data)
{
	spice_wake_agent(((Screen *)data)->spice);
}

static void
agent_to_vnc(const char *text, gsize size, void *data)
{
	vnc_offer_text(((Screen *)data)->vnc, text, size);
}

static gboolean
vnc_wants(void *data)
{
	return vnc_wants_text(((Screen *)data)->vnc);
}

static void
on_agent(void *data)
{
	g_message("the guest's agent is here");
	say_state(data);
}

static const GuestAgentSink agent_sink = {
	.to_vnc = agent_to_vnc,
	.vnc_wants_text = vnc_wants,
	.on_agent = on_agent,
	.to_spice = agent_to_spice,
	.spice_may_go_on = spice_may_go_on,
};

static void
on_closed(GDBusConnection *qemu, gboolean vanished, GError *error, gpointer data)
{
	Screen *screen = data;

	screen->events->on_vm_gone(screen->data);
}

static gboolean
on_recorder_done(gpointer data)
{
	Screen *screen = data;

	screen->recorder_id = 0;
	g_clear_pointer(&screen->recorder, recorder_free);
	return G_SOURCE_REMOVE;
}

/* What clients show in their title bars. */
static char *
title_of(const Screen *screen)
{
	gboolean recorded = screen->recorder && screen->recorder_id == 0;

	return recorded ? g_strdup_printf("%s (recorded)", screen->title) : g_strdup(screen->title);
}

static void
say_title(Screen *screen)
{
	g_autofree char *title = title_of(screen);

	vnc_set_title(screen->vnc, title);
	if (screen->spice)
		spice_set_title(screen->spice, title);
}

static void
on_recorder_failed(const char *why, void *data)
{
	Screen *screen = data;

	/* One line; the desktop goes on. */
	g_warning("the recording ends here: %s", why);
	if (screen->recorder_id == 0)
		screen->recorder_id = g_idle_add(on_recorder_done, screen);
	say_title(screen);
	screen->events->on_recording_failed(why, screen->data);
}

gboolean
screen_record(Screen *screen, int fd, GVariant *params, GError **error)
{
	if (screen->recorder && screen->recorder_id == 0) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "this screen is recorded already");
		close(fd);
		return FALSE;
	}
	g_clear_handle_id(&screen->recorder_id, g_source_remove);
	g_clear_pointer(&screen->recorder, recorder_free);
	screen->recorder_host = (RecorderHost){vnc_view(screen->vnc), on_recorder_failed, screen};
	screen->recorder = recorder_new(&screen->recorder_host, fd, params, error);
	say_title(screen);
	return screen->recorder != NULL;
}

static void
end_recording(Screen *screen)
{
	g_autofree char *hash = NULL;

	if (screen->recorder && screen->recorder_id == 0) {
		hash = recorder_finish(screen->recorder);
		if (hash == NULL)
			g_warning("the recording's end could not be written");
	}
	g_clear_handle_id(&screen->recorder_id, g_source_remove);
	g_clear_pointer(&screen->recorder, recorder_free);
}

Screen *
screen_new(int console, const char *title, gboolean pixel_copy, const ScreenEvents *events, void *data, GError **error)
{
	GDBusConnection *qemu = qemu_connection_new(console, error);
	Screen *screen;

	if (qemu == NULL)
		return NULL;
	screen = g_new0(Screen, 1);
	screen->events = events;
	screen->data = data;
	screen->title = g_strdup(title);
	screen->qemu = qemu;
	screen->closed_id = g_signal_connect(qemu, "closed", G_CALLBACK(on_closed), screen);
	g_dbus_connection_start_message_processing(qemu);
	screen->first_frame_id = g_timeout_add(FIRST_FRAME_MS, on_no_first_frame, screen);
	screen->activity = activity_new(INPUT_PERIOD_MS, say_input, screen);
	screen->agent = guest_agent_new(qemu, &agent_sink, screen);
	screen->console = console_new(qemu, on_leds, screen);
	screen->heads_max = 1;
	screen->pointer = pointer_new(screen->console, guest_agent_mux(screen->agent));
	screen->sound = sound_new(qemu);
	screen->sounds = sound_streams_new(screen->sound);
	screen->capture = capture_new(qemu, pixel_copy, &capture_events, screen);
	pointer_set_heads(screen->pointer, capture_heads(screen->capture));
	console_saw(screen->console, capture_heads(screen->capture));
	screen->overlay = overlay_new(capture_frame(screen->capture), &overlay_events, screen);
	screen->marks = marks_new(title, screen->overlay);
	screen->watch = watch_new(WATCH_ASK_MS, &watch_events, screen);
	screen->thumbnails = thumbnails_new(g_get_monotonic_time);
	screen->vnc = vnc_new(title, capture_frame(screen->capture), capture_heads(screen->capture), &input_sink, screen, &vnc_events, screen);
	screen->usb = usb_new(qemu, on_usb, screen);
	return screen;
}

void
screen_free(Screen *screen)
{
	if (screen == NULL)
		return;
	g_clear_handle_id(&screen->first_frame_id, g_source_remove);
	g_signal_handler_disconnect(screen->qemu, screen->closed_id);
	end_recording(screen);
	spice_free(screen->spice);
	screen->spice = NULL;
	usb_free(screen->usb);
	g_free(screen->usb_client);
	vnc_free(screen->vnc);
	g_clear_handle_id(&screen->unseen_id, g_source_remove); /* a client's end begins it */
	g_free(screen->arranger);
	sound_streams_free(screen->sounds);
	sound_free(screen->sound);
	pointer_free(screen->pointer);
	guest_agent_free(screen->agent);
	watch_free(screen->watch);
	marks_free(screen->marks);
	overlay_free(screen->overlay);
	thumbnails_free(screen->thumbnails);
	capture_free(screen->capture);
	console_free(screen->console);
	activity_free(screen->activity);
	/* Keys that the clients held are let go by calls that must still reach QEMU. */
	g_dbus_connection_flush_sync(screen->qemu, NULL, NULL);
	g_object_unref(screen->qemu);
	g_free(screen->title);
	g_free(screen);
}

gboolean
screen_add_client(Screen *screen, int fd, Client *client, GError **error)
{
	marks_admit(screen->marks, client);
	if (*client->watcher == '\0')
		agent_mux_set_limits(guest_agent_mux(screen->agent), client->clipboard_images, client->clipboard_max);
	if (client->protocol == CLIENT_VNC)
		return vnc_add_client(screen->vnc, fd, client, error);
	/* Nobody is told of these: each is a part of a client that is there or comes, and without that it is not worth a screen. */
	if (client->protocol == CLIENT_SOUND)
		return sound_streams_add(screen->sounds, fd, client, error);
	if (client->protocol == CLIENT_FILES)
		return guest_agent_add_files_client(screen->agent, fd, client, error);
	if (screen->spice == NULL) {
		const Cursor *cursor = capture_cursor(screen->capture);
		g_autofree char *title = title_of(screen);

		screen->spice = spice_new(title, overlay_frame(screen->overlay), capture_heads(screen->capture), screen->heads_max,
			&input_sink, screen, screen->sound, &spice_events, screen);
		spice_hold_agent(screen->spice, spice_must_wait);
		usb_serve(screen->usb, spice_server_of(screen->spice));
		if (cursor)
			spice_set_cursor(screen->spice, cursor);
	}
	return spice_add_client(screen->spice, fd, client, error);
}

gboolean
screen_ask(Screen *screen, const char *who, WatchAnswered on_answer, void *data, GError **error)
{
	return watch_ask(screen->watch, who, on_answer, data, error);
}

void
screen_answer(Screen *screen, gboolean yes)
{
	watch_answer(screen->watch, yes);
}

GBytes *
screen_thumbnail(Screen *screen, int width)
{
	return thumbnails_get(screen->thumbnails, overlay_frame(screen->overlay), width);
}
