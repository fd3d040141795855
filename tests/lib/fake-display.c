/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/lib/fake-display.h"

#include <gio/gunixfdlist.h>
#include <string.h>

#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "broker/dbus/display.h"

struct FakeDisplay {
	PeerServer *server;
	CarrelDisplay1 *skeleton; /* of the one broker that is connected */
	GVariant *last;
	GHashTable *ended; /* desktop -> count */
	guint n_admissions;
	GDBusMethodInvocation *asking; /* AskWatch, not yet answered */
	char *who;
	guint n_watches_ended;
	gint64 idle_s;
	gboolean joined;
	Recordings *recordings;
};

static gboolean
on_admit(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, const char *uuid,
	GVariant *params, gpointer data)
{
	FakeDisplay *display = data;
	GVariantDict dict = G_VARIANT_DICT_INIT(params);
	guint8 grant[32];

	memset(grant, (int)++display->n_admissions, sizeof grant);
	g_variant_dict_insert(&dict, "desktop", "s", desktop);
	g_variant_dict_insert(&dict, "uuid", "s", uuid);
	g_clear_pointer(&display->last, g_variant_unref);
	display->last = g_variant_ref_sink(g_variant_dict_end(&dict));
	carrel_display1_complete_admit(skeleton, invocation,
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, grant, sizeof grant, 1));
	return TRUE;
}

static gboolean
on_end_clients(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, gpointer data)
{
	FakeDisplay *display = data;
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(display->ended, desktop));

	g_hash_table_insert(display->ended, g_strdup(desktop), GUINT_TO_POINTER(n + 1));
	display->joined = FALSE;
	carrel_display1_complete_end_clients(skeleton, invocation);
	return TRUE;
}

static const char *
last_text(const FakeDisplay *display, const char *key)
{
	const char *text = "";

	if (display->last)
		g_variant_lookup(display->last, key, "&s", &text);
	return text;
}

static gboolean
on_list_screens(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	FakeDisplay *display = data;
	GVariantBuilder screens = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

	if (display->joined) {
		GVariantBuilder clients = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
		GVariantDict client = G_VARIANT_DICT_INIT(NULL), screen = G_VARIANT_DICT_INIT(NULL);

		g_variant_dict_insert(&client, "client", "s", last_text(display, "client"));
		g_variant_dict_insert(&client, "protocol", "s", last_text(display, "protocol"));
		g_variant_dict_insert(&client, "user", "s", last_text(display, "user"));
		g_variant_builder_add_value(&clients, g_variant_dict_end(&client));
		g_variant_dict_insert(&screen, "desktop", "s", last_text(display, "desktop"));
		g_variant_dict_insert(&screen, "input", "x", g_get_real_time() / G_USEC_PER_SEC - display->idle_s);
		g_variant_dict_insert_value(&screen, "clients", g_variant_builder_end(&clients));
		g_variant_builder_add_value(&screens, g_variant_dict_end(&screen));
	}
	carrel_display1_complete_list_screens(skeleton, invocation, g_variant_builder_end(&screens));
	return TRUE;
}

static gboolean
on_ask_watch(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, const char *who, gpointer data)
{
	FakeDisplay *display = data;

	display->asking = invocation;
	g_free(display->who);
	display->who = g_strdup(who);
	return TRUE;
}

static gboolean
on_list_recordings(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, GVariant *filter, gpointer data)
{
	g_autofree const char **pools = NULL;
	const char *user = NULL;
	guint offset = 0, limit = 100, total;

	g_variant_lookup(filter, "pools", "^a&s", &pools);
	g_variant_lookup(filter, "user", "&s", &user);
	g_variant_lookup(filter, "offset", "u", &offset);
	g_variant_lookup(filter, "limit", "u", &limit);
	GVariant *rows = recordings_list(((FakeDisplay *)data)->recordings, pools, user, offset, limit, &total);

	carrel_display1_complete_list_recordings(skeleton, invocation, rows, total);
	return TRUE;
}

static gboolean
on_answer_watch(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, gboolean yes, gpointer data)
{
	FakeDisplay *display = data;

	if (display->asking)
		fake_display_answer(display, yes ? "granted" : "refused");
	else if (!yes)
		display->n_watches_ended++;
	carrel_display1_complete_answer_watch(skeleton, invocation);
	return TRUE;
}

static gboolean
on_open_recording(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *none, const char *id, gpointer data)
{
	GError *error = NULL;
	int fd = recordings_open(((FakeDisplay *)data)->recordings, id, &error);

	if (fd < 0) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&fd, 1);

	carrel_display1_complete_open_recording(skeleton, invocation, fds, g_variant_new_handle(0));
	return TRUE;
}

static gboolean
on_thumbnail(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, guint width, gpointer data)
{
	FakeDisplay *display = data;

	if (display->joined)
		carrel_display1_complete_thumbnail(skeleton, invocation, g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, "JPEG", 4, 1));
	else
		g_dbus_method_invocation_return_error_literal(invocation, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "nobody looks");
	return TRUE;
}

static gboolean
on_remove_recording(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *id, gpointer data)
{
	GError *error = NULL;

	if (recordings_remove(((FakeDisplay *)data)->recordings, id, &error))
		carrel_display1_complete_remove_recording(skeleton, invocation);
	else
		g_dbus_method_invocation_take_error(invocation, error);
	return TRUE;
}

static void
serve_recordings(FakeDisplay *display)
{
	g_signal_connect(display->skeleton, "handle-list-recordings", G_CALLBACK(on_list_recordings), display);
	g_signal_connect(display->skeleton, "handle-open-recording", G_CALLBACK(on_open_recording), display);
	g_signal_connect(display->skeleton, "handle-remove-recording", G_CALLBACK(on_remove_recording), display);
}

Recordings *
fake_display_record(FakeDisplay *display, const char *folder)
{
	display->recordings = recordings_new(folder);
	if (display->skeleton)
		serve_recordings(display);
	return display->recordings;
}

void
fake_display_end_recording(FakeDisplay *display, const char *desktop, const char *id, const char *why, gboolean required)
{
	carrel_display1_emit_recording_ended(display->skeleton, desktop, id, "", why, required);
}

static void
on_joined(GDBusConnection *connection, uid_t uid, pid_t pid, void *data)
{
	FakeDisplay *display = data;

	g_clear_object(&display->skeleton);
	display->skeleton = carrel_display1_skeleton_new();
	g_signal_connect(display->skeleton, "handle-admit", G_CALLBACK(on_admit), display);
	g_signal_connect(display->skeleton, "handle-end-clients", G_CALLBACK(on_end_clients), display);
	g_signal_connect(display->skeleton, "handle-list-screens", G_CALLBACK(on_list_screens), display);
	g_signal_connect(display->skeleton, "handle-ask-watch", G_CALLBACK(on_ask_watch), display);
	g_signal_connect(display->skeleton, "handle-answer-watch", G_CALLBACK(on_answer_watch), display);
	g_signal_connect(display->skeleton, "handle-thumbnail", G_CALLBACK(on_thumbnail), display);
	if (display->recordings)
		serve_recordings(display);
	g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(display->skeleton), connection, "/org/carrel/Display1",
		NULL);
}

FakeDisplay *
fake_display_new(const char *path)
{
	FakeDisplay *display = g_new0(FakeDisplay, 1);
	g_autoptr(GError) error = NULL;

	display->ended = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	display->server = peer_server_new(path, NULL, 4, on_joined, display, &error);
	if (display->server == NULL)
		g_error("%s", error->message);
	return display;
}

void
fake_display_free(FakeDisplay *display)
{
	g_clear_object(&display->skeleton);
	peer_server_free(display->server);
	g_clear_pointer(&display->last, g_variant_unref);
	g_hash_table_unref(display->ended);
	g_free(display->who);
	recordings_free(display->recordings);
	g_free(display);
}

GVariant *
fake_display_last_admission(const FakeDisplay *display)
{
	return display->last;
}

guint
fake_display_n_admissions(const FakeDisplay *display)
{
	return display->n_admissions;
}

guint
fake_display_n_ended(const FakeDisplay *display, const char *desktop)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(display->ended, desktop));
}

void
fake_display_join(FakeDisplay *display)
{
	display->joined = TRUE;
	carrel_display1_emit_client_joined(display->skeleton, last_text(display, "desktop"), last_text(display, "client"),
		last_text(display, "protocol"));
}

void
fake_display_leave(FakeDisplay *display)
{
	display->joined = FALSE;
	carrel_display1_emit_client_left(display->skeleton, last_text(display, "desktop"), last_text(display, "client"),
		"closed");
}

void
fake_display_set_idle(FakeDisplay *display, gint64 seconds)
{
	display->idle_s = seconds;
}

const char *
fake_display_asking(const FakeDisplay *display)
{
	return display->asking ? display->who : NULL;
}

void
fake_display_answer(FakeDisplay *display, const char *word)
{
	g_dbus_method_invocation_return_value(g_steal_pointer(&display->asking), g_variant_new("(s)", word));
}

guint
fake_display_n_watches_ended(const FakeDisplay *display)
{
	return display->n_watches_ended;
}
