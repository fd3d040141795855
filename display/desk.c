/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "display/dbus/screen1.h"

#define LIBVIRT_TIMEOUT_MS 8000
#define AUTH_TIMEOUT_MS	   3000
#define ATTACH_TIMEOUT_MS  9000
/* It takes milliseconds. */
#define ADD_TIMEOUT_MS	   5000
#define STOP_TIMEOUT_MS	   2000
/* The question itself waits for 30 s. */
#define ASK_TIMEOUT_MS	   35000
#define THUMBNAIL_TIMEOUT_MS 5000
/* No picture of 640 pixels' width is larger: frames are at most 8192 pixels high, and at least one wide. */
#define JPEG_MAX	   (8 * 1024 * 1024)
#define EXPECTED_MAX	   64
#define USB_TEXT_MAX	   512

typedef struct {
	char *client, *protocol, *user, *address;
	gint64 since; /* UTC, s */
} Seat;

struct Desk {
	const DeskEvents *events;
	void *data;
	char *name, *uuid;
	gboolean h264;
	Launcher *launcher;
	pid_t pid;
	GDBusConnection *connection;
	CarrelScreen1 *proxy;
	char *sandbox; /* what the screen said of its own when it was attached; NULL: not yet */
	GCancellable *cancellable; /* of all that is under way */
	int console;		   /* QEMU's display until it is handed over; else -1 */
	gboolean attached, ended;
	char *stop_why;
	guint stop_id;
	GHashTable *expected; /* client → its "user" and "address": handed over, so that its user and address are known when it joins */
	GPtrArray *seats;     /* Seat */
	gint64 handed_over;   /* monotonic, when a connection last was; 0: never */
	gint64 input_us; /* monotonic, of the last input; a client that joins counts. 0: none yet */
	char *recording; /* its name; NULL: none */
	gboolean recording_required;
	guint width, height;
	gboolean shared_memory, agent;
};

/* A connection that was handed over and has not joined counts so long as one that may. */
#define JOINING_US (15 * G_USEC_PER_SEC)

static void
seat_free(void *data)
{
	Seat *seat = data;

	g_free(seat->client);
	g_free(seat->protocol);
	g_free(seat->user);
	g_free(seat->address);
	g_free(seat);
}

static void
end(Desk *desk, const char *why)
{
	if (desk->ended)
		return;
	desk->ended = TRUE;
	g_cancellable_cancel(desk->cancellable);
	g_clear_handle_id(&desk->stop_id, g_source_remove);
	/* One that hangs would not see that its socket is closed, and hold its clients and QEMU's display for good. */
	launcher_kill(desk->launcher, desk->pid);
	desk->events->on_ended(desk, desk->stop_why ? desk->stop_why : why, desk->data);
}

static void
fail(Desk *desk, const GError *error)
{
	if (desk->ended)
		return;
	if (!desk->attached)
		desk->events->on_attached(desk, error, desk->data);
	end(desk, error->message);
}

static const char *
text_of(GVariant *params, const char *key)
{
	const char *text = "";

	if (params)
		g_variant_lookup(params, key, "&s", &text);
	return text;
}

static void
on_client_joined(CarrelScreen1 *proxy, const char *client, const char *protocol, gpointer data)
{
	Desk *desk = data;
	GVariant *params = g_hash_table_lookup(desk->expected, client);
	Seat *seat = g_new0(Seat, 1);

	seat->client = g_strdup(client);
	seat->protocol = g_strdup(protocol);
	seat->user = g_strdup(text_of(params, "user"));
	seat->address = g_strdup(text_of(params, "address"));
	seat->since = g_get_real_time() / G_USEC_PER_SEC;
	g_ptr_array_add(desk->seats, seat);
	/* Who only watches keeps nobody from being idle. */
	if (*text_of(params, "watcher") == '\0')
		desk->input_us = g_get_monotonic_time();
	g_hash_table_remove(desk->expected, client);
	if (g_hash_table_size(desk->expected) == 0)
		desk->handed_over = 0;
	g_message("%s: %s client %s of %s at %s joined", desk->name, protocol, client, seat->user, seat->address);
	desk->events->on_joined(desk, client, protocol, desk->data);
}

static void
on_client_left(CarrelScreen1 *proxy, const char *client, const char *why, gpointer data)
{
	Desk *desk = data;

	for (guint i = 0; i < desk->seats->len; i++) {
		if (g_str_equal(((Seat *)desk->seats->pdata[i])->client, client)) {
			g_ptr_array_remove_index(desk->seats, i);
			break;
		}
	}
	g_message("%s: client %s left: %s", desk->name, client, why);
	desk->events->on_left(desk, client, why, desk->data);
}

static gboolean
has_seat(const Desk *desk, const char *client)
{
	for (guint i = 0; i < desk->seats->len; i++) {
		if (g_str_equal(((Seat *)desk->seats->pdata[i])->client, client))
			return TRUE;
	}
	return FALSE;
}

/* This becomes a row of the broker's audit, so a screen that was taken over may not say just anything. */
static void
on_usb_device(CarrelScreen1 *proxy, const char *client, const char *event, const char *device, gpointer data)
{
	static const char *const events[] = {"connected", "refused", "disconnected", NULL};
	Desk *desk = data;

	if (!has_seat(desk, client) || !g_strv_contains(events, event) || strlen(device) > USB_TEXT_MAX)
		return;
	g_message("%s: client %s: USB device %s: %s", desk->name, client, event, device);
	desk->events->on_usb(desk, client, event, device, desk->data);
}

static void
on_state(CarrelScreen1 *proxy, guint width, guint height, gboolean shared_memory, gboolean agent, gpointer data)
{
	Desk *desk = data;

	desk->width = width;
	desk->height = height;
	desk->shared_memory = shared_memory;
	desk->agent = agent;
}

static void
on_input(CarrelScreen1 *proxy, gpointer data)
{
	((Desk *)data)->input_us = g_get_monotonic_time();
}

static void
on_recording_failed(CarrelScreen1 *proxy, const char *why, gpointer data)
{
	Desk *desk = data;

	/* Of one that was forgotten: it is told of already. */
	if (desk->recording)
		desk->events->on_recording_failed(desk, why, desk->data);
}

static void
on_attach_done(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *sandbox = NULL;
	Desk *desk = data;

	if (!carrel_screen1_call_attach_finish(CARREL_SCREEN1(source), &sandbox, NULL, result, &error)) {
		if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
			return;
		g_dbus_error_strip_remote_error(error);
		fail(desk, error);
		return;
	}
	desk->attached = TRUE;
	desk->sandbox = g_steal_pointer(&sandbox);
	desk->events->on_attached(desk, NULL, desk->data);
}

static void
on_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
	/* Why it ended comes from the launcher, in a moment. */
	g_debug("%s: the screen's socket closed", ((Desk *)data)->name);
}

static gboolean
start_process(Desk *desk, GError **error)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "socketpair: %s", g_strerror(errno));
		return FALSE;
	}
	desk->pid = launcher_start(desk->launcher, ends[1], error);
	close(ends[1]);
	if (desk->pid < 0) {
		close(ends[0]);
		return FALSE;
	}
	desk->connection = peer_connection_new_from_fd(ends[0], FALSE, AUTH_TIMEOUT_MS, error);
	return desk->connection != NULL;
}

static gboolean
attach(Desk *desk, GError **error)
{
	GVariantDict params;

	if (!start_process(desk, error))
		return FALSE;
	g_signal_connect(desk->connection, "closed", G_CALLBACK(on_closed), desk);
	desk->proxy = carrel_screen1_proxy_new_sync(desk->connection, G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES, NULL,
		"/org/carrel/Screen1", NULL, error);
	if (desk->proxy == NULL)
		return FALSE;
	g_signal_connect(desk->proxy, "client-joined", G_CALLBACK(on_client_joined), desk);
	g_signal_connect(desk->proxy, "client-left", G_CALLBACK(on_client_left), desk);
	g_signal_connect(desk->proxy, "usb-device", G_CALLBACK(on_usb_device), desk);
	g_signal_connect(desk->proxy, "state", G_CALLBACK(on_state), desk);
	g_signal_connect(desk->proxy, "recording-failed", G_CALLBACK(on_recording_failed), desk);
	g_signal_connect(desk->proxy, "input", G_CALLBACK(on_input), desk);
	g_dbus_connection_start_message_processing(desk->connection);
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&desk->console, 1);

	desk->console = -1; /* the list's */
	g_variant_dict_init(&params, NULL);
	g_variant_dict_insert(&params, "desktop", "s", desk->name);
	g_variant_dict_insert(&params, "title", "s", desk->name);
	g_variant_dict_insert(&params, "h264", "b", desk->h264);
	/* For tests, and for whoever has to find a fault in the shared memory. */
	g_variant_dict_insert(&params, "pixel-copy", "b", g_getenv("CARREL_DISPLAY_PIXEL_COPY") != NULL);
	carrel_screen1_call_attach(desk->proxy, g_variant_new_handle(0), g_variant_dict_end(&params),
		G_DBUS_CALL_FLAGS_NONE, ATTACH_TIMEOUT_MS, fds, desk->cancellable, on_attach_done, desk);
	return TRUE;
}

typedef struct {
	Desk *desk; /* NULL: gone */
	GCancellable *cancellable;
} Opening;

static void
on_display(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autofree Opening *opening = data;
	g_autoptr(GCancellable) cancellable = opening->cancellable;
	g_autoptr(GError) error = NULL;
	int fd = vm_open_display_finish(result, &error);

	/* A desk that has ended may have been freed. */
	if (g_cancellable_is_cancelled(cancellable)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	opening->desk->console = fd;
	if (fd < 0 || !attach(opening->desk, &error))
		fail(opening->desk, error);
}

Desk *
desk_new(const char *name, const char *uuid, gboolean h264, Launcher *launcher, Vm *vm, const DeskEvents *events, void *data)
{
	Desk *desk = g_new0(Desk, 1);
	Opening *opening = g_new0(Opening, 1);

	desk->name = g_strdup(name);
	desk->uuid = g_strdup(uuid);
	desk->h264 = h264;
	desk->launcher = launcher;
	desk->events = events;
	desk->data = data;
	desk->pid = -1;
	desk->console = -1;
	desk->cancellable = g_cancellable_new();
	desk->seats = g_ptr_array_new_with_free_func(seat_free);
	desk->expected = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_variant_unref);
	opening->desk = desk;
	opening->cancellable = g_object_ref(desk->cancellable);
	vm_open_display_async(vm, uuid, LIBVIRT_TIMEOUT_MS, on_display, opening);
	return desk;
}

void
desk_free(Desk *desk)
{
	if (desk == NULL)
		return;
	desk->ended = TRUE;
	g_cancellable_cancel(desk->cancellable);
	g_object_unref(desk->cancellable);
	g_clear_handle_id(&desk->stop_id, g_source_remove);
	if (desk->proxy)
		g_signal_handlers_disconnect_by_data(desk->proxy, desk);
	g_clear_object(&desk->proxy);
	if (desk->connection) {
		g_signal_handlers_disconnect_by_data(desk->connection, desk);
		/* The screen ends when its socket does. */
		g_dbus_connection_close(desk->connection, NULL, NULL, NULL);
		g_object_unref(desk->connection);
	}
	if (desk->console >= 0)
		close(desk->console);
	g_ptr_array_unref(desk->seats);
	g_hash_table_unref(desk->expected);
	g_free(desk->name);
	g_free(desk->uuid);
	g_free(desk->stop_why);
	g_free(desk->sandbox);
	g_free(desk->recording);
	g_free(desk);
}

const char *
desk_name(const Desk *desk)
{
	return desk->name;
}

const char *
desk_uuid(const Desk *desk)
{
	return desk->uuid;
}

pid_t
desk_pid(const Desk *desk)
{
	return desk->pid;
}

gboolean
desk_is_attached(const Desk *desk)
{
	return desk->attached && !desk->ended && desk->stop_why == NULL;
}

gboolean
desk_is_stopping(const Desk *desk)
{
	return desk->stop_why != NULL;
}

gboolean
desk_is_used(const Desk *desk)
{
	return desk->seats->len > 0 ||
	       (desk->handed_over > 0 && g_get_monotonic_time() - desk->handed_over < JOINING_US);
}

typedef struct {
	Desk *desk;
	GCancellable *cancellable; /* the desk's: cancelled before the desk is freed */
	GVariant *params;
	int fd; /* a duplicate, in case the screen never gets its own */
} Handover;

static void
on_client_added(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autofree Handover *handover = data;
	g_autoptr(GVariant) params = handover->params;
	g_autoptr(GCancellable) cancellable = handover->cancellable;
	g_autoptr(GError) error = NULL;
	gboolean ok = carrel_screen1_call_add_client_finish(CARREL_SCREEN1(source), NULL, result, &error);
	gboolean hangs = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
	gboolean died = hangs || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CLOSED);

	if (hangs && !g_cancellable_is_cancelled(cancellable)) {
		g_warning("%s: its screen does not answer: it is killed", handover->desk->name);
		launcher_kill(handover->desk->launcher, handover->desk->pid);
	}
	if (died && !g_cancellable_is_cancelled(cancellable)) {
		handover->desk->events->on_unserved(handover->desk, handover->fd, g_steal_pointer(&params),
			handover->desk->data);
		return;
	}
	close(handover->fd);
	/* The client sees its connection closed, which says as much. */
	if (!ok)
		g_message("a client was not taken: %s", error->message);
}

void
desk_add_client(Desk *desk, int fd, GVariant *params)
{
	Handover *handover = g_new0(Handover, 1);
	GVariantDict known;

	handover->desk = desk;
	handover->cancellable = g_object_ref(desk->cancellable);
	handover->params = g_variant_ref(params);
	handover->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&fd, 1);

	desk->handed_over = g_get_monotonic_time();
	/* Those who never joined. */
	if (g_hash_table_size(desk->expected) >= EXPECTED_MAX)
		g_hash_table_remove_all(desk->expected);
	/* Not the params themselves: a secret may be in them. */
	g_variant_dict_init(&known, NULL);
	g_variant_dict_insert(&known, "user", "s", text_of(params, "user"));
	g_variant_dict_insert(&known, "address", "s", text_of(params, "address"));
	g_variant_dict_insert(&known, "watcher", "s", text_of(params, "watcher"));
	g_hash_table_replace(desk->expected, g_strdup(text_of(params, "client")), g_variant_ref_sink(g_variant_dict_end(&known)));
	carrel_screen1_call_add_client(desk->proxy, g_variant_new_handle(0), params, G_DBUS_CALL_FLAGS_NONE, ADD_TIMEOUT_MS,
		fds, NULL, on_client_added, handover);
	if (*text_of(params, "secret") != '\0')
		peer_cover(g_dbus_proxy_get_connection(G_DBUS_PROXY(desk->proxy)), 0);
}

static void
take_answer(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	g_autofree char *answer = NULL;
	GError *error = NULL;

	if (carrel_screen1_call_ask_watch_finish(CARREL_SCREEN1(source), &answer, result, &error)) {
		g_task_return_pointer(task, g_steal_pointer(&answer), g_free);
		return;
	}
	g_dbus_error_strip_remote_error(error);
	g_task_return_error(task, error);
}

void
desk_ask_watch(Desk *desk, const char *who, GAsyncReadyCallback callback, void *data)
{
	carrel_screen1_call_ask_watch(
	        desk->proxy, who, G_DBUS_CALL_FLAGS_NONE, ASK_TIMEOUT_MS, NULL, take_answer, g_task_new(NULL, NULL, callback, data));
}

char *
desk_ask_watch_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

void
desk_answer_watch(Desk *desk, gboolean yes)
{
	carrel_screen1_call_answer_watch(desk->proxy, yes, G_DBUS_CALL_FLAGS_NONE, ADD_TIMEOUT_MS, NULL, NULL, NULL);
}

static void
take_thumbnail(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	g_autoptr(GVariant) jpeg = NULL;
	GError *error = NULL;

	if (!carrel_screen1_call_thumbnail_finish(CARREL_SCREEN1(source), &jpeg, result, &error)) {
		g_dbus_error_strip_remote_error(error);
		g_task_return_error(task, error);
	} else if (g_variant_get_size(jpeg) > JPEG_MAX) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "the screen's picture is too large");
	} else {
		g_task_return_pointer(task, g_steal_pointer(&jpeg), (GDestroyNotify)g_variant_unref);
	}
}

void
desk_thumbnail(Desk *desk, guint width, GAsyncReadyCallback callback, void *data)
{
	carrel_screen1_call_thumbnail(desk->proxy, width, G_DBUS_CALL_FLAGS_NONE, THUMBNAIL_TIMEOUT_MS, NULL, take_thumbnail,
	        g_task_new(NULL, NULL, callback, data));
}

GVariant *
desk_thumbnail_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

static void
on_record_done(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	Desk *desk = data;

	if (carrel_screen1_call_record_finish(CARREL_SCREEN1(source), NULL, result, &error) ||
		g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	g_dbus_error_strip_remote_error(error);
	on_recording_failed(desk->proxy, error->message, desk);
}

void
desk_record(Desk *desk, int fd, const char *id, GVariant *params)
{
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&fd, 1);
	gboolean input = FALSE;
	GVariantDict dict;

	g_free(desk->recording);
	desk->recording = g_strdup(id);
	desk->recording_required = FALSE;
	g_variant_lookup(params, "record-required", "b", &desk->recording_required);
	g_variant_lookup(params, "record-input", "b", &input);
	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "desktop", "s", desk->name);
	g_variant_dict_insert(&dict, "title", "s", desk->name);
	g_variant_dict_insert(&dict, "pool", "s", text_of(params, "pool"));
	g_variant_dict_insert(&dict, "user", "s", text_of(params, "user"));
	g_variant_dict_insert(&dict, "input", "b", input);
	carrel_screen1_call_record(desk->proxy, g_variant_new_handle(0), g_variant_dict_end(&dict), G_DBUS_CALL_FLAGS_NONE,
		ADD_TIMEOUT_MS, fds, desk->cancellable, on_record_done, desk);
}

const char *
desk_recording(const Desk *desk)
{
	return desk->recording;
}

gboolean
desk_recording_is_required(const Desk *desk)
{
	return desk->recording_required;
}

void
desk_forget_recording(Desk *desk)
{
	g_clear_pointer(&desk->recording, g_free);
}

static gboolean
on_stop_deadline(gpointer data)
{
	Desk *desk = data;

	desk->stop_id = 0;
	end(desk, desk->stop_why);
	return G_SOURCE_REMOVE;
}

void
desk_stop(Desk *desk, const char *why)
{
	if (desk->stop_why || desk->ended)
		return;
	desk->stop_why = g_strdup(why);
	if (desk->proxy)
		carrel_screen1_call_stop(desk->proxy, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
	desk->stop_id = g_timeout_add(desk->proxy ? STOP_TIMEOUT_MS : 0, on_stop_deadline, desk);
}

void
desk_exited(Desk *desk, int status)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *why = NULL;

	if (WIFSIGNALED(status))
		why = g_strdup_printf("killed by signal %d (%s)", WTERMSIG(status), g_strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == LAUNCHER_EXIT_VM_GONE)
		why = g_strdup("vm-gone");
	else
		why = g_strdup_printf("it ended with status %d", WEXITSTATUS(status));
	desk->pid = -1;
	error = g_error_new(CARREL_ERROR, CARREL_ERROR_FAILED, "%s", why);
	fail(desk, error);
}

/* UTC seconds by the clock of now, so that the time since then is right however the clock was set in it. */
static gint64
input_time(const Desk *desk)
{
	gint64 ago_us = g_get_monotonic_time() - desk->input_us;

	return desk->input_us > 0 ? (g_get_real_time() - ago_us) / G_USEC_PER_SEC : 0;
}

GVariant *
desk_describe(const Desk *desk)
{
	GVariantBuilder clients;
	GVariantDict dict;

	g_variant_builder_init(&clients, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < desk->seats->len; i++) {
		const Seat *seat = desk->seats->pdata[i];
		GVariantDict client;

		g_variant_dict_init(&client, NULL);
		g_variant_dict_insert(&client, "client", "s", seat->client);
		g_variant_dict_insert(&client, "protocol", "s", seat->protocol);
		g_variant_dict_insert(&client, "user", "s", seat->user);
		g_variant_dict_insert(&client, "address", "s", seat->address);
		g_variant_dict_insert(&client, "since", "x", seat->since);
		g_variant_builder_add_value(&clients, g_variant_dict_end(&client));
	}
	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "desktop", "s", desk->name);
	g_variant_dict_insert(&dict, "pid", "u", desk->pid > 0 ? (guint)desk->pid : 0);
	g_variant_dict_insert_value(&dict, "clients", g_variant_builder_end(&clients));
	g_variant_dict_insert(&dict, "input", "x", input_time(desk));
	g_variant_dict_insert(&dict, "shared-memory", "b", desk->shared_memory);
	g_variant_dict_insert(&dict, "width", "u", desk->width);
	g_variant_dict_insert(&dict, "height", "u", desk->height);
	g_variant_dict_insert(&dict, "agent", "b", desk->agent);
	g_variant_dict_insert(&dict, "recording", "s", desk->recording ? desk->recording : "");
	g_variant_dict_insert(&dict, "sandbox", "s", desk->sandbox ? desk->sandbox : "");
	return g_variant_dict_end(&dict);
}
