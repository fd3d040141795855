/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/screen.h"

#include "display/activity.h"
#include "display/agent-mux.h"
#include "display/agent-port.h"
#include "display/capture.h"
#include "display/console.h"
#include "display/files-spice.h"
#include "display/files-web.h"
#include "display/qemu-connection.h"
#include "display/spice.h"
#include "display/vnc.h"

/* A VM that shows nothing is attached all the same. */
#define FIRST_FRAME_MS	3000
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
	Vnc *vnc;
	Spice *spice; /* NULL until the first SPICE client: it has a thread and a frame of its own */
	AgentMux *mux;
	AgentPort *port;
	Files *files;
	FilesWeb *files_web;
	FilesSpice *files_spice; /* of the SPICE client that is connected; NULL: none is */
	guint watch, fetch;	 /* clients that look on, and those of them who may have files of the desktop */
	Activity *activity;
};

static void
say_state(Screen *screen)
{
	const Frame *frame = capture_frame(screen->capture);

	screen->events->on_state(frame->width, frame->height, capture_is_shared(screen->capture),
		agent_mux_has_agent(screen->mux), screen->data);
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
on_resized(const Frame *frame, void *data)
{
	Screen *screen = data;

	vnc_set_frame(screen->vnc, frame);
	if (screen->spice)
		spice_set_frame(screen->spice, frame);
	if (screen->first_frame_id == 0)
		say_state(screen);
}

static void
on_change(const Frame *frame, const Change *change, void *data)
{
	Screen *screen = data;

	vnc_change(screen->vnc, change);
	if (screen->spice)
		spice_change(screen->spice, change);
}

static void
on_cursor(const Cursor *cursor, void *data)
{
	Screen *screen = data;

	vnc_set_cursor(screen->vnc, cursor);
	if (screen->spice)
		spice_set_cursor(screen->spice, cursor);
}

static void
on_pointer(int x, int y, gboolean visible, void *data)
{
	Screen *screen = data;

	vnc_set_pointer(screen->vnc, x, y);
	if (screen->spice)
		spice_set_pointer(screen->spice, x, y, visible);
}

static void
on_started(const GError *error, void *data)
{
	say_attached(data, error);
}

static const CaptureEvents capture_events = {on_resized, on_change, on_cursor, on_pointer, on_started};

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
	console_key(screen->console, qnum, down);
}

static void
sink_motion(void *data, int x, int y)
{
	Screen *screen = data;

	activity_note(screen->activity);
	console_motion(screen->console, x, y);
}

static void
sink_button(void *data, guint button, gboolean down)
{
	Screen *screen = data;

	activity_note(screen->activity);
	console_button(screen->console, (Button)button, down);
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

/* The last wish wins, whoever's it was. */
static void
on_resize_wish(int width, int height, void *data)
{
	Screen *screen = data;

	console_resize(screen->console, width, height);
	agent_mux_resize(screen->mux, width, height);
}

/* Of those who look on. A browser's connection for files is beside one of these. */
static void
count(Screen *screen, const Client *client, guint change)
{
	screen->watch += change;
	if (client->files_from_desktop)
		screen->fetch += change;
}

static void
on_vnc_joined(const Client *client, void *data)
{
	Screen *screen = data;

	count(screen, client, 1);
	screen->events->on_joined(client->name, CLIENT_VNC, screen->data);
}

static void
on_vnc_left(const Client *client, const char *why, void *data)
{
	Screen *screen = data;

	count(screen, client, (guint)-1);
	screen->events->on_left(client->name, why, screen->data);
}

static void
on_vnc_text(const char *text, gsize size, void *data)
{
	agent_mux_from_vnc(((Screen *)data)->mux, text, size);
}

static const VncEvents vnc_events = {on_vnc_joined, on_vnc_left, on_resize_wish, on_vnc_text};

static void
files_to_spice(guint32 type, const void *bytes, gsize size, void *data)
{
	spice_send_agent(((Screen *)data)->spice, type, bytes, size);
}

static void
files_spice_room(void *data)
{
	spice_wake_agent(((Screen *)data)->spice);
}

static const FilesSpiceSink files_spice_sink = {files_to_spice, files_spice_room};

static gboolean
spice_must_wait(void *data)
{
	Screen *screen = data;

	return screen->files_spice && files_spice_must_wait(screen->files_spice);
}

static void
on_spice_joined(const Client *client, void *data)
{
	Screen *screen = data;

	agent_mux_set_spice_rights(screen->mux, client->clipboard_to_desktop, client->clipboard_from_desktop);
	agent_mux_set_spice_files(screen->mux, client->files_to_desktop);
	screen->files_spice = files_spice_new(screen->files, client, &files_spice_sink, screen);
	count(screen, client, 1);
	screen->events->on_joined(client->name, CLIENT_SPICE, screen->data);
}

static void
on_spice_left(const Client *client, const char *why, void *data)
{
	Screen *screen = data;

	g_clear_pointer(&screen->files_spice, files_spice_free);
	count(screen, client, (guint)-1);
	agent_mux_spice_left(screen->mux);
	screen->events->on_left(client->name, why, screen->data);
}

static void
on_spice_agent(guint32 type, const guint8 *bytes, gsize size, void *data)
{
	Screen *screen = data;

	if (screen->files_spice == NULL || !files_spice_take(screen->files_spice, type, bytes, size))
		agent_mux_from_spice(screen->mux, type, bytes, size);
}

static const SpiceEvents spice_events = {on_spice_joined, on_spice_left, on_resize_wish, on_spice_agent};

static void
mux_to_guest(guint32 type, const void *bytes, gsize size, void *data)
{
	Screen *screen = data;

	if (screen->port)
		agent_port_send(screen->port, type, bytes, size);
}

static void
mux_to_spice(guint32 type, const void *bytes, gsize size, void *data)
{
	Screen *screen = data;

	if (screen->spice)
		spice_send_agent(screen->spice, type, bytes, size);
}

static void
mux_to_vnc(const char *text, gsize size, void *data)
{
	vnc_offer_text(((Screen *)data)->vnc, text, size);
}

static gboolean
mux_vnc_wants_text(void *data)
{
	return vnc_wants_text(((Screen *)data)->vnc);
}

static void
mux_on_agent(void *data)
{
	g_message("the guest's agent is here");
	say_state(data);
}

static const AgentMuxSink mux_sink = {mux_to_guest, mux_to_spice, mux_to_vnc, mux_vnc_wants_text, mux_on_agent};

static void
on_guest_message(guint32 port, guint32 type, const guint8 *bytes, gsize size, void *data)
{
	Screen *screen = data;

	if (!files_from_guest(screen->files, type, bytes, size))
		agent_mux_from_guest(screen->mux, type, bytes, size);
}

static void
on_port_open(void *data)
{
	agent_mux_start(((Screen *)data)->mux);
}

static void
on_port_read(void *data)
{
	files_guest_reads(((Screen *)data)->files);
}

static void
on_port_closed(void *data)
{
	files_guest_lost(((Screen *)data)->files);
}

static gsize
files_unread(void *data)
{
	const Screen *screen = data;

	return screen->port ? agent_port_unread(screen->port) : 0;
}

static FilesAudience
files_audience(void *data)
{
	const Screen *screen = data;

	return screen->fetch > 0 ? FILES_ALLOWED : screen->watch > 0 ? FILES_NOT_ALLOWED : FILES_NOBODY;
}

static const FilesSink files_sink = {mux_to_guest, files_unread, files_audience};

static void
on_files_joined(const Client *client, void *data)
{
	Screen *screen = data;

	screen->events->on_joined(client->name, CLIENT_FILES, screen->data);
}

static void
on_files_left(const Client *client, const char *why, void *data)
{
	Screen *screen = data;

	screen->events->on_left(client->name, why, screen->data);
}

static const FilesWebEvents files_web_events = {on_files_joined, on_files_left};

static void
on_closed(GDBusConnection *qemu, gboolean vanished, GError *error, gpointer data)
{
	Screen *screen = data;

	screen->events->on_vm_gone(screen->data);
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
	screen->mux = agent_mux_new(&mux_sink, screen);
	screen->files = files_new(&files_sink, NULL, screen);
	screen->files_web = files_web_new(screen->files, &files_web_events, screen);
	screen->console = console_new(qemu, on_leds, screen);
	screen->capture = capture_new(qemu, pixel_copy, &capture_events, screen);
	screen->vnc = vnc_new(title, capture_frame(screen->capture), &input_sink, screen, &vnc_events, screen);
	screen->port = agent_port_new(qemu, on_guest_message, on_port_open, screen);
	agent_port_on_read(screen->port, on_port_read);
	agent_port_on_closed(screen->port, on_port_closed);
	return screen;
}

void
screen_free(Screen *screen)
{
	if (screen == NULL)
		return;
	g_clear_handle_id(&screen->first_frame_id, g_source_remove);
	g_signal_handler_disconnect(screen->qemu, screen->closed_id);
	spice_free(screen->spice);
	screen->spice = NULL;
	vnc_free(screen->vnc);
	files_web_free(screen->files_web);
	files_free(screen->files);
	agent_port_free(screen->port);
	agent_mux_free(screen->mux);
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
	if (client->protocol == CLIENT_VNC)
		return vnc_add_client(screen->vnc, fd, client, error);
	if (client->protocol == CLIENT_FILES)
		return files_web_add_client(screen->files_web, fd, client, error);
	if (screen->spice == NULL) {
		const Cursor *cursor = capture_cursor(screen->capture);

		screen->spice = spice_new(screen->title, capture_frame(screen->capture), &input_sink, screen, &spice_events,
			screen);
		spice_hold_agent(screen->spice, spice_must_wait);
		if (cursor)
			spice_set_cursor(screen->spice, cursor);
	}
	return spice_add_client(screen->spice, fd, client, error);
}
