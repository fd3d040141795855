/* carrel-screen: one desktop's clients and its guest, both hostile, in a process of its own. It is started by
 * carrel-display with one socket, file descriptor 3, and gets everything else over that.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/log.h"
#include "broker/common/peer.h"
#include "broker/common/sandbox.h"
#include "display/dbus/screen1.h"
#include "display/h264.h"
#include "display/launcher.h"
#include "display/screen.h"
#include "display/thumbnail.h"

#define AUTH_TIMEOUT_MS 5000

typedef struct {
	GMainLoop *loop;
	GDBusConnection *control;
	CarrelScreen1 *skeleton;
	GDBusMethodInvocation *attaching; /* Attach, not yet answered */
	Screen *screen;
	const char *sandbox; /* what is in force */
	char *no_h264;       /* why; NULL: it can be encoded */
	int status;
} Main;

static void
end(Main *self, int status)
{
	self->status = status;
	g_main_loop_quit(self->loop);
}

static void
on_attached(const GError *error, void *data)
{
	Main *self = data;

	if (error)
		g_dbus_method_invocation_return_gerror(g_steal_pointer(&self->attaching), error);
	else
		carrel_screen1_complete_attach(self->skeleton, g_steal_pointer(&self->attaching), NULL, self->sandbox);
}

static void
on_state(int width, int height, gboolean shared_memory, gboolean agent, void *data)
{
	Main *self = data;

	carrel_screen1_emit_state(self->skeleton, (guint)width, (guint)height, shared_memory, agent);
}

static void
on_joined(const char *client, ClientProtocol protocol, void *data)
{
	Main *self = data;

	carrel_screen1_emit_client_joined(self->skeleton, client, client_protocol_word(protocol));
}

static void
on_left(const char *client, const char *why, void *data)
{
	Main *self = data;

	carrel_screen1_emit_client_left(self->skeleton, client, why);
}

static void
on_usb(const char *client, const char *event, const char *device, void *data)
{
	carrel_screen1_emit_usb_device(((Main *)data)->skeleton, client, event, device);
}

static void
on_input(void *data)
{
	carrel_screen1_emit_input(((Main *)data)->skeleton);
}

static void
on_recording_failed(const char *why, void *data)
{
	carrel_screen1_emit_recording_failed(((Main *)data)->skeleton, why);
}

static void
on_vm_gone(void *data)
{
	end(data, LAUNCHER_EXIT_VM_GONE);
}

static const ScreenEvents screen_events = {on_attached, on_state, on_joined, on_left, on_usb, on_input, on_recording_failed, on_vm_gone};

/* The library was loaded before it was known whether it is wanted: later there is no file that could be opened. */
static void
choose_h264(const Main *self, gboolean wanted)
{
	if (!wanted)
		h264_unload();
	else if (self->no_h264)
		g_message("VNC clients get no H.264: %s", self->no_h264);
}

/* The descriptor that a message names, ours to close; -1 with @error when there is none. */
static int
take_fd(GUnixFDList *list, GVariant *handle, GError **error)
{
	gint32 index = g_variant_get_handle(handle);

	if (list == NULL || index < 0 || index >= g_unix_fd_list_get_length(list)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the descriptor is missing");
		return -1;
	}
	return g_unix_fd_list_get(list, index, error);
}

static gboolean
on_attach(CarrelScreen1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds, GVariant *console,
	GVariant *params, gpointer data)
{
	Main *self = data;
	GError *error = NULL;
	const char *title = "";
	gboolean pixel_copy = FALSE, h264 = TRUE;
	int fd = take_fd(fds, console, &error);

	g_variant_lookup(params, "title", "&s", &title);
	g_variant_lookup(params, "pixel-copy", "b", &pixel_copy);
	g_variant_lookup(params, "h264", "b", &h264);
	if (error == NULL && self->screen)
		g_set_error_literal(&error, CARREL_ERROR, CARREL_ERROR_INVALID, "this screen is attached already");
	if (error == NULL) {
		self->attaching = invocation;
		choose_h264(self, h264);
		self->screen = screen_new(fd, title, pixel_copy, &screen_events, self, &error);
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
	if (error) {
		self->attaching = NULL;
		g_dbus_method_invocation_take_error(invocation, error);
	}
	return TRUE;
}

static gboolean
on_add_client(CarrelScreen1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds, GVariant *stream,
	GVariant *params, gpointer data)
{
	Main *self = data;
	GError *error = NULL;
	int fd = take_fd(fds, stream, &error);
	Client *client = error ? NULL : client_new(params, &error);

	if (client && self->screen == NULL)
		g_set_error_literal(&error, CARREL_ERROR, CARREL_ERROR_INVALID, "this screen is not attached");
	if (error == NULL) {
		screen_add_client(self->screen, fd, client, &error);
	} else {
		if (fd >= 0)
			close(fd);
		client_free(client);
	}
	if (error)
		g_dbus_method_invocation_take_error(invocation, error);
	else
		carrel_screen1_complete_add_client(skeleton, invocation, NULL);
	return TRUE;
}

static gboolean
is_attached(Main *self, GDBusMethodInvocation *invocation)
{
	if (self->screen)
		return TRUE;
	g_dbus_method_invocation_return_error_literal(invocation, CARREL_ERROR, CARREL_ERROR_INVALID, "this screen is not attached");
	return FALSE;
}

static void
on_watch_answered(WatchAnswer answer, void *data)
{
	g_dbus_method_invocation_return_value(data, g_variant_new("(s)", watch_answer_word(answer)));
}

static gboolean
on_ask_watch(CarrelScreen1 *skeleton, GDBusMethodInvocation *invocation, const char *who, gpointer data)
{
	Main *self = data;
	GError *error = NULL;

	if (is_attached(self, invocation) && !screen_ask(self->screen, who, on_watch_answered, invocation, &error))
		g_dbus_method_invocation_take_error(invocation, error);
	return TRUE;
}

static gboolean
on_answer_watch(CarrelScreen1 *skeleton, GDBusMethodInvocation *invocation, gboolean yes, gpointer data)
{
	Main *self = data;

	if (!is_attached(self, invocation))
		return TRUE;
	screen_answer(self->screen, yes);
	carrel_screen1_complete_answer_watch(skeleton, invocation);
	return TRUE;
}

static gboolean
on_thumbnail(CarrelScreen1 *skeleton, GDBusMethodInvocation *invocation, guint width, gpointer data)
{
	Main *self = data;

	if (is_attached(self, invocation))
		carrel_screen1_complete_thumbnail(skeleton, invocation,
		        g_variant_new_from_bytes(
		                G_VARIANT_TYPE_BYTESTRING, screen_thumbnail(self->screen, (int)MIN(width, THUMBNAIL_WIDTH_MAX)), TRUE));
	return TRUE;
}

static gboolean
on_record(CarrelScreen1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds, GVariant *file, GVariant *params,
	gpointer data)
{
	Main *self = data;
	GError *error = NULL;
	int fd = take_fd(fds, file, &error);

	if (fd >= 0 && self->screen == NULL) {
		g_set_error_literal(&error, CARREL_ERROR, CARREL_ERROR_INVALID, "this screen is not attached");
		close(fd);
	} else if (fd >= 0) {
		screen_record(self->screen, fd, params, &error);
	}
	if (error)
		g_dbus_method_invocation_take_error(invocation, error);
	else
		carrel_screen1_complete_record(skeleton, invocation, NULL);
	return TRUE;
}

static gboolean
on_stop(CarrelScreen1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	Main *self = data;

	carrel_screen1_complete_stop(skeleton, invocation);
	g_dbus_connection_flush_sync(self->control, NULL, NULL);
	end(self, EXIT_SUCCESS);
	return TRUE;
}

/* carrel-display is gone: so are we. */
static void
on_closed(GDBusConnection *control, gboolean vanished, GError *error, gpointer data)
{
	end(data, EXIT_SUCCESS);
}

static gboolean
on_term(gpointer data)
{
	end(data, EXIT_SUCCESS);
	return G_SOURCE_CONTINUE;
}

/* Nothing besides what it is given: no files, no sockets, no processes. */
static const SandboxPlan nothing;

static gboolean
serve(Main *self, GError **error)
{
	self->sandbox = sandbox_enter(&nothing, error);
	if (self->sandbox == NULL)
		return FALSE;
	/* From here on there are threads: GLib's for signals, GDBus's, libspice-server's. */
	g_unix_signal_add(SIGTERM, on_term, self);
	g_unix_signal_add(SIGINT, on_term, self);
	/* Both ends were made by carrel-display: the kernel names it as the peer of either, so it must be the one that
	 * says who it is. We, another user, could not. */
	self->control = peer_connection_new_from_fd(LAUNCHER_CONTROL_FD, TRUE, AUTH_TIMEOUT_MS, error);
	if (self->control == NULL)
		return FALSE;
	self->skeleton = carrel_screen1_skeleton_new();
	g_signal_connect(self->control, "closed", G_CALLBACK(on_closed), self);
	g_signal_connect(self->skeleton, "handle-attach", G_CALLBACK(on_attach), self);
	g_signal_connect(self->skeleton, "handle-add-client", G_CALLBACK(on_add_client), self);
	g_signal_connect(self->skeleton, "handle-ask-watch", G_CALLBACK(on_ask_watch), self);
	g_signal_connect(self->skeleton, "handle-answer-watch", G_CALLBACK(on_answer_watch), self);
	g_signal_connect(self->skeleton, "handle-thumbnail", G_CALLBACK(on_thumbnail), self);
	g_signal_connect(self->skeleton, "handle-record", G_CALLBACK(on_record), self);
	g_signal_connect(self->skeleton, "handle-stop", G_CALLBACK(on_stop), self);
	if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(self->skeleton), self->control,
		    "/org/carrel/Screen1", error))
		return FALSE;
	g_dbus_connection_start_message_processing(self->control);
	g_main_loop_run(self->loop);
	return TRUE;
}

static void
load_h264(Main *self)
{
	g_autoptr(GError) error = NULL;

	if (!h264_load(&error))
		self->no_h264 = g_strdup(error->message);
}

int
main(int argc, char **argv)
{
	Main self = {.loop = g_main_loop_new(NULL, FALSE)};
	g_autoptr(GError) error = NULL;

	g_set_prgname("carrel-screen");
	if (argc > 1 && g_str_equal(argv[1], "--help")) {
		g_print("carrel-screen is started by carrel-display, which see.\n");
		return EXIT_SUCCESS;
	}
	log_init(argc > 1 && g_str_equal(argv[1], "--verbose"));
	log_to_stderr();
	carrel_error_quark();
	load_h264(&self);
	if (!serve(&self, &error)) {
		g_warning("%s", error->message);
		self.status = EXIT_FAILURE;
	}
	screen_free(self.screen);
	g_clear_object(&self.skeleton);
	if (self.control)
		g_signal_handlers_disconnect_by_data(self.control, &self);
	g_clear_object(&self.control);
	g_main_loop_unref(self.loop);
	g_free(self.no_h264);
	return self.status;
}
