/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/admin-watch.h"

#include <pwd.h>
#include <string.h>

#include "broker/access.h"
#include "broker/common/error.h"
#include "broker/endings.h"
#include "broker/vnc-entry.h"
#include "broker/watches.h"

#define PASSWD_BUFFER (16 * 1024)

typedef struct {
	Broker *broker;
	GDBusMethodInvocation *invocation;
	uid_t uid;
	char *actor, *desktop, *address;
} Call;

static void
call_free(Call *call)
{
	g_free(call->actor);
	g_free(call->desktop);
	g_free(call->address);
	g_free(call);
}

static GVariant *
describe_viewer(Broker *broker, const TicketRow *ticket)
{
	GVariantDict dict = G_VARIANT_DICT_INIT(NULL);

	if (ticket) {
		g_autofree char *user = g_strconcat(VNC_ENTRY_TICKET, ticket->name, NULL);

		g_variant_dict_insert(&dict, "desktop", "s", ticket->desktop);
		g_variant_dict_insert(&dict, "port", "q", broker->facts.vnc_port);
		g_variant_dict_insert(&dict, "user", "s", user);
		g_variant_dict_insert(&dict, "password", "s", ticket->secret);
		g_variant_dict_insert(&dict, "expires", "u", (guint)TICKETS_REDEEM_S);
		g_variant_dict_insert(&dict, "ca", "s", broker->facts.ca_pem ? broker->facts.ca_pem : "");
	}
	return g_variant_dict_end(&dict);
}

static void
on_asked(GObject *source, GAsyncResult *result, gpointer data)
{
	Call *call = data;
	GError *error = NULL;
	g_autoptr(WatchResult) found = watches_ask_finish(result, &error);

	if (found)
		g_dbus_method_invocation_return_value(
		        call->invocation, g_variant_new("(s@a{sv})", found->answer, describe_viewer(call->broker, found->ticket)));
	else
		g_dbus_method_invocation_take_error(call->invocation, error);
	call_free(call);
}

/* Names of users may come from a directory that is slow. */
static void
look_name_up(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	const Call *call = data;
	g_autofree char *buffer = g_malloc(PASSWD_BUFFER);
	struct passwd entry, *found = NULL;

	if (getpwuid_r(call->uid, &entry, buffer, PASSWD_BUFFER, &found) == 0 && found)
		g_task_return_pointer(task, g_strdup(entry.pw_name), g_free);
	else
		g_task_return_pointer(task, g_strdup_printf("uid %u", call->uid), g_free);
}

static void
on_named(GObject *source, GAsyncResult *result, gpointer data)
{
	Call *call = data;
	g_autofree char *name = g_task_propagate_pointer(G_TASK(result), NULL);

	watches_ask_async(call->broker->watches, call->desktop, name, call->actor, call->address, NULL, on_asked, call);
}

/* The desktop that the session shows, and that the caller looks after; @wanted "": any. NULL: none. Free with g_free. */
static char *
choose(Broker *broker, const AdminPeer *peer, const char *session, const char *wanted)
{
	g_autoptr(GPtrArray) shown = endings_desktops_of(broker, session);

	for (guint i = 0; i < shown->len; i++) {
		const DesktopView *desktop = engine_desktop(broker->engine, shown->pdata[i]);

		if (desktop && admin_peer_has_pool(peer, desktop->pool) && (*wanted == '\0' || strcmp(wanted, desktop->id) == 0))
			return g_strdup(desktop->id);
	}
	return NULL;
}

static gboolean
check(Broker *broker, const SessionRow *session, const char *id, const char *address, GError **error)
{
	if (session == NULL || strcmp(session->kind, SESSION_WATCH) == 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no session “%s” to watch: see carrel session list", id);
	else if (address == NULL)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "where the viewer runs must be a numeric address");
	else if (broker->facts.vnc_port == 0)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID,
		        "who watches comes with a VNC viewer, and the gateway lets none in: see [Gateway] of carrel.conf(5)");
	else
		return TRUE;
	return FALSE;
}

void
admin_watch_session(Broker *broker, const AdminPeer *peer, const char *actor, GDBusMethodInvocation *invocation, const char *id,
        const char *wanted, const char *from)
{
	g_autoptr(SessionRow) session = sessions_by_id(broker->sessions, id);
	g_autofree char *address = access_address(from), *desktop = NULL;
	g_autoptr(GTask) task = NULL;
	GError *error = NULL;
	Call *call;

	if (check(broker, session, id, address, &error) && (desktop = choose(broker, peer, id, wanted)) == NULL)
		g_set_error(&error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "this session of “%s” shows no %s now", session->user,
		        *wanted ? "such desktop" : "desktop");
	if (error) {
		g_dbus_method_invocation_take_error(invocation, error);
		return;
	}
	call = g_new0(Call, 1);
	call->broker = broker;
	call->invocation = invocation;
	call->uid = peer->uid;
	call->actor = g_strdup(actor);
	call->desktop = g_steal_pointer(&desktop);
	call->address = g_steal_pointer(&address);
	task = g_task_new(NULL, NULL, on_named, call);
	g_task_set_task_data(task, call, NULL);
	g_task_run_in_thread(task, look_name_up);
}

static void
on_screenshot(GObject *source, GAsyncResult *result, gpointer data)
{
	const char *mime = NULL;
	GError *error = NULL;
	g_autoptr(GBytes) bytes = engine_screenshot_finish(result, &mime, &error);

	if (bytes)
		g_dbus_method_invocation_return_value(
		        data, g_variant_new("(@ays)", g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, bytes, TRUE), mime));
	else
		g_dbus_method_invocation_take_error(data, error);
}

typedef struct {
	Broker *broker;
	GDBusMethodInvocation *invocation;
	char *desktop;
} Picture;

static void
on_thumbnail(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autofree Picture *picture = data;
	g_autofree char *desktop = picture->desktop;
	GError *error = NULL;
	g_autoptr(GVariant) jpeg = display_client_thumbnail_finish(result, &error);

	if (jpeg) {
		g_dbus_method_invocation_return_value(picture->invocation, g_variant_new("(@ays)", jpeg, "image/jpeg"));
	} else if (g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND)) {
		/* Nobody looks: QEMU is asked. */
		g_error_free(error);
		engine_screenshot_async(picture->broker->engine, desktop, on_screenshot, picture->invocation);
	} else {
		g_dbus_method_invocation_take_error(picture->invocation, error);
	}
}

void
admin_thumbnail(Broker *broker, GDBusMethodInvocation *invocation, const char *desktop, guint width)
{
	Picture *picture = g_new0(Picture, 1);

	picture->broker = broker;
	picture->invocation = invocation;
	picture->desktop = g_strdup(desktop);
	display_client_thumbnail_async(broker->display, desktop, width, on_thumbnail, picture);
}
