/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/display-client.h"

#include <string.h>

#include "broker/common/error.h"
#include "broker/common/peer.h"

#define CONNECT_TIMEOUT_MS 5000
#define CALL_TIMEOUT_MS 15000
/* The person has 30 s for their answer. */
#define ASK_TIMEOUT_MS 40000
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 5000
/* Several signals in a row (the channels of a SPICE client) ask for one list. */
#define LIST_DELAY_MS 300
#define GRANT_SIZE 32

struct DisplayClient {
	char *path;
	uid_t uid;
	DisplayEvents events;
	GCancellable *cancellable; /* of everything that is under way; cancelled when freed */
	CarrelDisplay1 *proxy;     /* NULL: not connected */
	gboolean listed, listing;
	gint64 listed_us; /* monotonic, when the last list came */
	GPtrArray *viewers;
	GHashTable *inputs; /* desktop -> gint64 *, monotonic */
	GArray *waiting;    /* Waiter */
	guint retry_id, retry_ms, list_id, connection;
	gboolean warned; /* that it cannot be reached: once, not each try */
};

typedef struct {
	DisplayFresh done;
	void *data;
} Waiter;

static void
viewer_free(void *data)
{
	Viewer *viewer = data;

	g_free(viewer->client);
	g_free(viewer->desktop);
	g_free(viewer->protocol);
	g_free(viewer->user);
	g_free(viewer->address);
	g_free(viewer);
}

static void connect_now(DisplayClient *display);
static void list_soon(DisplayClient *display, guint delay_ms);

static Viewer *
find_viewer(GPtrArray *viewers, const char *desktop, const char *client)
{
	for (guint i = 0; i < viewers->len; i++) {
		Viewer *viewer = viewers->pdata[i];

		if (strcmp(viewer->client, client) == 0 && strcmp(viewer->desktop, desktop) == 0)
			return viewer;
	}
	return NULL;
}

static void
add_viewer(GPtrArray *viewers, const char *desktop, GVariant *row)
{
	const char *client = "", *protocol = "", *user = "", *address = "";
	gint64 since = 0;
	Viewer *viewer;

	g_variant_lookup(row, "client", "&s", &client);
	g_variant_lookup(row, "protocol", "&s", &protocol);
	g_variant_lookup(row, "user", "&s", &user);
	g_variant_lookup(row, "address", "&s", &address);
	g_variant_lookup(row, "since", "x", &since);
	if (find_viewer(viewers, desktop, client))
		return;
	viewer = g_new0(Viewer, 1);
	viewer->client = g_strdup(client);
	viewer->desktop = g_strdup(desktop);
	viewer->protocol = g_strdup(protocol);
	viewer->user = g_strdup(user);
	viewer->address = g_strdup(address);
	viewer->since = since;
	g_ptr_array_add(viewers, viewer);
}

/* Their clock is ours, so what counts is how long ago it was; that stays right when the clock is set. */
static void
add_input(GHashTable *inputs, const char *desktop, GVariant *screen)
{
	gint64 input = 0, *input_us;

	if (!g_variant_lookup(screen, "input", "x", &input) || input <= 0)
		return;
	input_us = g_new(gint64, 1);
	*input_us = g_get_monotonic_time() - MAX(0, g_get_real_time() - input * G_USEC_PER_SEC);
	g_hash_table_replace(inputs, g_strdup(desktop), input_us);
}

static GPtrArray *
read_screens(GVariant *screens, GHashTable *inputs)
{
	GPtrArray *viewers = g_ptr_array_new_with_free_func(viewer_free);

	for (gsize i = 0; i < g_variant_n_children(screens); i++) {
		g_autoptr(GVariant) screen = g_variant_get_child_value(screens, i);
		g_autoptr(GVariant) clients = g_variant_lookup_value(screen, "clients", G_VARIANT_TYPE("aa{sv}"));
		const char *desktop = NULL;

		if (!g_variant_lookup(screen, "desktop", "&s", &desktop) || clients == NULL)
			continue;
		add_input(inputs, desktop, screen);
		for (gsize j = 0; j < g_variant_n_children(clients); j++) {
			g_autoptr(GVariant) row = g_variant_get_child_value(clients, j);

			add_viewer(viewers, desktop, row);
		}
	}
	return viewers;
}

static void
answer_waiting(DisplayClient *display)
{
	g_autoptr(GArray) waiting = g_steal_pointer(&display->waiting);

	display->waiting = g_array_new(FALSE, FALSE, sizeof(Waiter));
	for (guint i = 0; i < waiting->len; i++) {
		const Waiter *waiter = &g_array_index(waiting, Waiter, i);

		if (waiter->done)
			waiter->done(waiter->data);
	}
}

static void
on_listed(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GVariant) screens = NULL;
	g_autoptr(GError) error = NULL;
	DisplayClient *display = data;

	if (!carrel_display1_call_list_screens_finish(CARREL_DISPLAY1(source), &screens, result, &error)) {
		if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
			return; /* @display may be gone */
		display->listing = FALSE;
		g_warning("carrel-display: cannot list its screens: %s", error->message);
		if (display->proxy)
			list_soon(display, CALL_TIMEOUT_MS);
		answer_waiting(display);
		return;
	}
	display->listing = FALSE;
	g_ptr_array_unref(display->viewers);
	g_hash_table_remove_all(display->inputs);
	display->viewers = read_screens(screens, display->inputs);
	display->listed = TRUE;
	display->listed_us = g_get_monotonic_time();
	display->events.on_listed(display->events.data);
	answer_waiting(display);
}

static void
list_now(DisplayClient *display)
{
	display->listing = TRUE;
	carrel_display1_call_list_screens(display->proxy, G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, display->cancellable,
		on_listed, display);
}

static gboolean
on_list_due(gpointer data)
{
	DisplayClient *display = data;

	display->list_id = 0;
	if (display->proxy)
		list_now(display);
	return G_SOURCE_REMOVE;
}

static void
list_soon(DisplayClient *display, guint delay_ms)
{
	if (display->list_id == 0)
		display->list_id = g_timeout_add(delay_ms, on_list_due, display);
}

static void
on_client_joined(CarrelDisplay1 *proxy, const char *desktop, const char *client, const char *protocol, gpointer data)
{
	DisplayClient *display = data;

	display->events.on_joined(desktop, client, protocol, display->events.data);
	list_soon(display, LIST_DELAY_MS);
}

static void
on_client_left(CarrelDisplay1 *proxy, const char *desktop, const char *client, const char *why, gpointer data)
{
	DisplayClient *display = data;

	display->events.on_left(desktop, client, why, display->events.data);
	list_soon(display, LIST_DELAY_MS);
}

static void
on_usb_device(CarrelDisplay1 *proxy, const char *desktop, const char *client, const char *event, const char *device, gpointer data)
{
	DisplayClient *display = data;

	display->events.on_usb(desktop, client, event, device, display->events.data);
}

static void
on_recording_started(CarrelDisplay1 *proxy, const char *desktop, const char *id, gpointer data)
{
	DisplayClient *display = data;

	display->events.on_recording_started(desktop, id, display->events.data);
}

static void
on_recording_ended(CarrelDisplay1 *proxy, const char *desktop, const char *id, const char *hash, const char *why, gboolean required,
	gpointer data)
{
	DisplayClient *display = data;

	display->events.on_recording_ended(desktop, id, hash, why, required, display->events.data);
}

static void
on_screen_gone(CarrelDisplay1 *proxy, const char *desktop, const char *why, gpointer data)
{
	g_message("the screen of %s ended: %s", desktop, why);
	list_soon(data, LIST_DELAY_MS);
}

static gboolean
on_retry_due(gpointer data)
{
	DisplayClient *display = data;

	display->retry_id = 0;
	connect_now(display);
	return G_SOURCE_REMOVE;
}

static void
retry_later(DisplayClient *display)
{
	if (display->retry_id == 0)
		display->retry_id = g_timeout_add(display->retry_ms, on_retry_due, display);
	display->retry_ms = MIN(display->retry_ms * 2, RETRY_MAX_MS);
}

static void
drop_proxy(DisplayClient *display)
{
	if (display->proxy == NULL)
		return;
	g_signal_handlers_disconnect_by_data(g_dbus_proxy_get_connection(G_DBUS_PROXY(display->proxy)), display);
	g_signal_handlers_disconnect_by_data(display->proxy, display);
	g_clear_object(&display->proxy);
	g_clear_handle_id(&display->list_id, g_source_remove);
	display->listed = FALSE;
}

static void
on_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
	DisplayClient *display = data;

	g_warning("the connection to carrel-display was lost");
	drop_proxy(display);
	display->retry_ms = RETRY_MIN_MS;
	retry_later(display);
}

static void
on_proxy_ready(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	DisplayClient *display = data;
	CarrelDisplay1 *proxy = carrel_display1_proxy_new_finish(result, &error);
	GDBusConnection *connection;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (proxy == NULL) {
		g_warning("carrel-display: %s", error->message);
		retry_later(display);
		return;
	}
	display->proxy = proxy;
	connection = g_dbus_proxy_get_connection(G_DBUS_PROXY(proxy));
	if (g_dbus_connection_is_closed(connection)) {
		drop_proxy(display);
		retry_later(display);
		return;
	}
	g_signal_connect(connection, "closed", G_CALLBACK(on_closed), display);
	g_signal_connect(proxy, "client-joined", G_CALLBACK(on_client_joined), display);
	g_signal_connect(proxy, "client-left", G_CALLBACK(on_client_left), display);
	g_signal_connect(proxy, "usb-device", G_CALLBACK(on_usb_device), display);
	g_signal_connect(proxy, "recording-started", G_CALLBACK(on_recording_started), display);
	g_signal_connect(proxy, "recording-ended", G_CALLBACK(on_recording_ended), display);
	g_signal_connect(proxy, "screen-gone", G_CALLBACK(on_screen_gone), display);
	display->connection++;
	display->retry_ms = RETRY_MIN_MS;
	display->warned = FALSE;
	g_message("connected to carrel-display");
	list_soon(display, 0);
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	DisplayClient *display = data;
	g_autoptr(GDBusConnection) connection = peer_connect_finish(result, &error);

	if (connection == NULL) {
		if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) &&
			g_task_get_cancellable(G_TASK(result)) &&
			g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(result))))
			return; /* freed; the deadline's own cancelling is another matter */
		if (!display->warned)
			g_warning("carrel-display cannot be reached: %s (trying again)", error->message);
		display->warned = TRUE;
		retry_later(display);
		return;
	}
	g_dbus_connection_start_message_processing(connection);
	carrel_display1_proxy_new(connection, G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES, NULL, "/org/carrel/Display1",
		display->cancellable, on_proxy_ready, display);
}

static void
connect_now(DisplayClient *display)
{
	peer_connect_async(display->path, display->uid, CONNECT_TIMEOUT_MS, display->cancellable, on_connected, display);
}

DisplayClient *
display_client_new(const char *path, uid_t uid, const DisplayEvents *events)
{
	DisplayClient *display = g_new0(DisplayClient, 1);

	display->path = g_strdup(path);
	display->uid = uid;
	display->events = *events;
	display->cancellable = g_cancellable_new();
	display->viewers = g_ptr_array_new_with_free_func(viewer_free);
	display->inputs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	display->waiting = g_array_new(FALSE, FALSE, sizeof(Waiter));
	display->retry_ms = RETRY_MIN_MS;
	connect_now(display);
	return display;
}

void
display_client_free(DisplayClient *display)
{
	if (display == NULL)
		return;
	g_cancellable_cancel(display->cancellable);
	drop_proxy(display);
	g_clear_handle_id(&display->retry_id, g_source_remove);
	g_object_unref(display->cancellable);
	g_ptr_array_unref(display->viewers);
	g_hash_table_unref(display->inputs);
	/* Who waits may have what it answers with; none is called any more. */
	g_array_unref(display->waiting);
	g_free(display->path);
	g_free(display);
}

CarrelDisplay1 *
display_client_proxy(const DisplayClient *display)
{
	return display->proxy;
}

GCancellable *
display_client_cancellable(const DisplayClient *display)
{
	return display->cancellable;
}

gboolean
display_client_is_connected(const DisplayClient *display)
{
	return display->proxy != NULL;
}

gboolean
display_client_is_listed(const DisplayClient *display)
{
	return display->listed;
}

guint
display_client_connection(const DisplayClient *display)
{
	return display->connection;
}

const GPtrArray *
display_client_viewers(const DisplayClient *display)
{
	return display->viewers;
}

gint64
display_client_input_us(const DisplayClient *display, const char *desktop)
{
	const gint64 *input_us = g_hash_table_lookup(display->inputs, desktop);

	return input_us ? *input_us : 0;
}

void
display_client_fresh(DisplayClient *display, guint age_ms, DisplayFresh done, void *data)
{
	gint64 age_us = g_get_monotonic_time() - display->listed_us;
	const Waiter waiter = {done, data};

	if (display->proxy == NULL || (display->listed && age_us <= age_ms * G_GINT64_CONSTANT(1000))) {
		if (done)
			done(data);
		return;
	}
	g_array_append_val(display->waiting, waiter);
	if (!display->listing)
		list_now(display);
}

static void
on_admitted(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	g_autoptr(GVariant) grant = NULL;
	GError *error = NULL;

	if (!carrel_display1_call_admit_finish(CARREL_DISPLAY1(source), &grant, result, &error)) {
		g_dbus_error_strip_remote_error(error);
		if (error->domain == CARREL_ERROR)
			g_task_return_error(task, error);
		else
			g_task_return_new_error(task, CARREL_ERROR,
				g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ? CARREL_ERROR_TIMEOUT
											  : CARREL_ERROR_BUSY,
				"carrel-display: %s", error->message);
		return;
	}
	if (g_variant_get_size(grant) != GRANT_SIZE) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "carrel-display gave no grant of %d bytes",
			GRANT_SIZE);
		return;
	}
	g_task_return_pointer(task, g_steal_pointer(&grant), (GDestroyNotify)g_variant_unref);
}

void
display_client_admit_async(DisplayClient *display, const Admission *admission, GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	g_auto(GVariantDict) params = G_VARIANT_DICT_INIT(NULL);

	if (display->proxy == NULL) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_BUSY, "the display server is away: try again");
		return;
	}
	g_variant_dict_insert(&params, "protocol", "s", admission->protocol);
	g_variant_dict_insert(&params, "client", "s", admission->client);
	g_variant_dict_insert(&params, "user", "s", admission->user);
	g_variant_dict_insert(&params, "address", "s", admission->address);
	g_variant_dict_insert(&params, "view-only", "b", admission->watcher != NULL);
	if (admission->watcher)
		g_variant_dict_insert(&params, "watcher", "s", admission->watcher);
	g_variant_dict_insert(&params, "holder", "s", admission->holder);
	g_variant_dict_insert(&params, "watermark", "s", admission->watermark);
	g_variant_dict_insert(&params, "clipboard-images", "b", admission->clipboard_images);
	g_variant_dict_insert(&params, "clipboard-max", "t", admission->clipboard_max);
	g_variant_dict_insert(&params, "pool", "s", admission->pool);
	g_variant_dict_insert(&params, "record", "b", admission->record);
	g_variant_dict_insert(&params, "record-input", "b", admission->record_input);
	g_variant_dict_insert(&params, "record-required", "b", admission->record_required);
	g_variant_dict_insert(&params, "clipboard-to-desktop", "b", admission->clipboard_to_desktop);
	g_variant_dict_insert(&params, "clipboard-from-desktop", "b", admission->clipboard_from_desktop);
	if (admission->usb)
		g_variant_dict_insert(&params, "usb", "^as", admission->usb);
	g_variant_dict_insert(&params, "sound", "b", admission->sound);
	g_variant_dict_insert(&params, "microphone", "b", admission->microphone);
	g_variant_dict_insert(&params, "files-to-desktop", "b", admission->files_to_desktop);
	g_variant_dict_insert(&params, "files-from-desktop", "b", admission->files_from_desktop);
	g_variant_dict_insert(&params, "file-max", "t", admission->file_max);
	if (admission->secret)
		g_variant_dict_insert(&params, "secret", "s", admission->secret);
	carrel_display1_call_admit(display->proxy, admission->desktop, admission->uuid, g_variant_dict_end(&params),
		G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL, on_admitted, g_steal_pointer(&task));
	if (admission->secret)
		peer_cover(g_dbus_proxy_get_connection(G_DBUS_PROXY(display->proxy)), 0);
}

GVariant *
display_client_admit_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

/* BUSY while there is no connection to ask over. */
static gboolean
is_there(DisplayClient *display, GTask *task)
{
	if (display->proxy)
		return TRUE;
	g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_BUSY, "the display server is away: try again");
	g_object_unref(task);
	return FALSE;
}

static void
on_watch_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	g_autofree char *answer = NULL;
	GError *error = NULL;

	if (carrel_display1_call_ask_watch_finish(CARREL_DISPLAY1(source), &answer, result, &error)) {
		g_task_return_pointer(task, g_steal_pointer(&answer), g_free);
		return;
	}
	g_dbus_error_strip_remote_error(error);
	g_task_return_error(task, error);
}

void
display_client_ask_watch_async(DisplayClient *display, const char *desktop, const char *who, GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);

	if (is_there(display, task))
		carrel_display1_call_ask_watch(display->proxy, desktop, who, G_DBUS_CALL_FLAGS_NONE, ASK_TIMEOUT_MS, display->cancellable, on_watch_answered,
			task);
}

char *
display_client_ask_watch_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

void
display_client_answer_watch(DisplayClient *display, const char *desktop, gboolean yes)
{
	if (display->proxy)
		carrel_display1_call_answer_watch(display->proxy, desktop, yes, G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL, NULL, NULL);
}

static void
on_thumbnail(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	GVariant *jpeg = NULL;
	GError *error = NULL;

	if (carrel_display1_call_thumbnail_finish(CARREL_DISPLAY1(source), &jpeg, result, &error)) {
		g_task_return_pointer(task, jpeg, (GDestroyNotify)g_variant_unref);
		return;
	}
	g_dbus_error_strip_remote_error(error);
	g_task_return_error(task, error);
}

void
display_client_thumbnail_async(DisplayClient *display, const char *desktop, guint width, GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);

	if (is_there(display, task))
		carrel_display1_call_thumbnail(display->proxy, desktop, width, G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL, on_thumbnail, task);
}

GVariant *
display_client_thumbnail_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

static void
on_clients_ended(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;

	if (!carrel_display1_call_end_clients_finish(CARREL_DISPLAY1(source), result, &error))
		g_warning("carrel-display did not end the clients of a desktop: %s", error->message);
}

void
display_client_end_clients(DisplayClient *display, const char *desktop)
{
	if (display->proxy)
		carrel_display1_call_end_clients(display->proxy, desktop, G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL,
			on_clients_ended, NULL);
}
