/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/access.h"

#include <string.h>

#include "broker/common/error.h"
#include "broker/watches.h"

gboolean
access_is_held(const DesktopView *desktop)
{
	static const char *const held[] = {"assigned", "cloning", "off", "starting", "failed", NULL};

	return desktop->user != NULL && g_strv_contains(held, desktop->state);
}

const DesktopView *
access_own_desktop(Broker *broker, const char *user, const char *id, GError **error)
{
	const DesktopView *desktop = engine_desktop(broker->engine, id);

	/* The same words for another person's: that it exists is not theirs to know. */
	if (desktop && g_strcmp0(desktop->user, user) == 0 && access_is_held(desktop))
		return desktop;
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "you have no such desktop");
	return NULL;
}

gboolean
access_may_use_pool(Broker *broker, const char *pool, const char *user, const char *const *groups)
{
	return engine_pool(broker->engine, pool) && engine_is_entitled(broker->engine, pool, user, groups);
}

typedef struct {
	const char *user;
	GPtrArray *pools; /* char *, of the desktops that they hold */
} Holdings;

static gboolean
add_holding(const DesktopView *desktop, void *data)
{
	Holdings *holdings = data;

	/* One that failed takes up no place. */
	if (g_strcmp0(desktop->user, holdings->user) == 0 && access_is_held(desktop) && strcmp(desktop->state, "failed") != 0)
		g_ptr_array_add(holdings->pools, g_strdup(desktop->pool));
	return TRUE;
}

static char *
titles_of(Broker *broker, const GPtrArray *pools)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < pools->len; i++) {
		const PoolFile *file = engine_pool_file(broker->engine, pools->pdata[i]);

		g_string_append_printf(text, "%s%s", i == 0 ? "" : i + 1 == pools->len ? " and " : ", ",
			file && file->title && *file->title ? file->title : (char *)pools->pdata[i]);
	}
	return g_string_free(text, FALSE);
}

const DesktopView *
access_claim(Broker *broker, const char *pool, const char *user, GError **error)
{
	gint64 most = broker->conf->desktops_per_user;
	g_autoptr(GPtrArray) pools = g_ptr_array_new_with_free_func(g_free);
	Holdings holdings = {user, pools};

	if (most > 0)
		engine_each_desktop(broker->engine, add_holding, &holdings);
	if (most > 0 && pools->len >= most && !g_ptr_array_find_with_equal_func(pools, pool, g_str_equal, NULL)) {
		g_autofree char *titles = titles_of(broker, pools);

		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED,
			"you have as many desktops as one person may have at once (%" G_GINT64_FORMAT
			"): %s. End one of them first", most, titles);
		return NULL;
	}
	return engine_claim(broker->engine, pool, user, error);
}

/* The desktop @id, when it is the session's person's, or when they may watch it. */
static const DesktopView *
find_desktop(Broker *broker, const SessionRow *session, const char *id, GError **error)
{
	const DesktopView *desktop;

	if (strcmp(session->kind, SESSION_WATCH) != 0)
		return access_own_desktop(broker, session->user, id, error);
	desktop = engine_desktop(broker->engine, id);
	if (desktop && access_is_held(desktop) && watches_allows(broker->watches, session->id, desktop->id, desktop->user))
		return desktop;
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_DENIED, "you may not watch this desktop, or no longer");
	return NULL;
}

typedef struct {
	Broker *broker;
	char *session, *user, *desktop;
} Admitting;

static void
admitting_free(void *data)
{
	Admitting *admitting = data;

	g_free(admitting->session);
	g_free(admitting->user);
	g_free(admitting->desktop);
	g_free(admitting);
}

/* Attaching takes time, in which the person may have signed out. */
static gboolean
is_still_good(const Admitting *admitting)
{
	g_autoptr(SessionRow) session = sessions_by_id(admitting->broker->sessions, admitting->session);

	return session && find_desktop(admitting->broker, session, admitting->desktop, NULL) != NULL;
}

static void
on_admitted(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	Admitting *admitting = g_task_get_task_data(task);
	GError *error = NULL;
	g_autoptr(GVariant) grant = display_client_admit_finish(result, &error);

	if (grant == NULL) {
		g_task_return_error(task, error);
	} else if (!is_still_good(admitting)) {
		/* All end together: the person, where there is another one now, comes back by themselves. */
		display_client_end_clients(admitting->broker->display, admitting->desktop);
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_DENIED, "the session ended meanwhile");
	} else {
		g_task_return_pointer(task, g_steal_pointer(&grant), (GDestroyNotify)g_variant_unref);
	}
}

static gboolean
may_see(Broker *broker, const SessionRow *session, const DesktopView *desktop, GError **error)
{
	if (strcmp(session->kind, SESSION_WATCH) != 0 &&
		!access_may_use_pool(broker, desktop->pool, session->user, (const char *const *)session->groups)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_DENIED, "you may not use this pool any more");
		return FALSE;
	}
	desktop = engine_desktop(broker->engine, desktop->id);
	if (desktop != NULL && strcmp(desktop->state, "failed") == 0) {
		/* Not BUSY: who is told to try again would do so for ever. */
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "the desktop was lost: open a new one");
		return FALSE;
	}
	if (desktop == NULL || !desktop->usable) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the desktop is not ready yet");
		return FALSE;
	}
	return TRUE;
}

static void
set_policy(Admission *admission, const SessionRow *session, const PoolFile *file)
{
	const PoolPolicy policy = file ? pool_file_policy(file, session->user, (const char *const *)session->groups)
				       : (PoolPolicy){.clipboard = POOL_CLIPBOARD_OFF, .file_transfer = POOL_FILES_OFF};
	int clipboard = policy.clipboard, files = policy.file_transfer;

	admission->sound = file && file->sound;
	admission->watermark = file && strcmp(file->watermark, "off") != 0 ? file->watermark : "";
	if (strcmp(session->kind, SESSION_WATCH) == 0) {
		admission->watcher = session->user;
		return;
	}
	admission->clipboard_to_desktop = clipboard == POOL_CLIPBOARD_BOTH || clipboard == POOL_CLIPBOARD_TO_DESKTOP;
	admission->clipboard_from_desktop = clipboard == POOL_CLIPBOARD_BOTH || clipboard == POOL_CLIPBOARD_FROM_DESKTOP;
	admission->clipboard_images = policy.clipboard_types == POOL_CLIPBOARD_TEXT_IMAGE;
	admission->clipboard_max = (guint64)policy.clipboard_max;
	admission->files_to_desktop = files == POOL_FILES_BOTH || files == POOL_FILES_TO_DESKTOP;
	admission->files_from_desktop = files == POOL_FILES_BOTH || files == POOL_FILES_FROM_DESKTOP;
	admission->file_max = (guint64)policy.file_max;
	admission->microphone = admission->sound && policy.microphone;
	admission->record = policy.record;
	admission->record_input = policy.record_input;
	admission->record_required = policy.record_required;
	admission->usb = policy.usb ? (const char *const *)file->usb_devices : NULL;
}

void
access_admit_async(Broker *broker, const SessionRow *session, const char *id, const char *protocol, const char *client,
	const char *address, const char *secret, GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	g_autofree char *desktop_id = g_strdup(id), *uuid = NULL, *holder = NULL, *pool = NULL;
	GError *error = NULL;
	const DesktopView *desktop = find_desktop(broker, session, desktop_id, &error);
	Admission admission = {.protocol = protocol, .client = client, .user = session->user, .address = address,
		.secret = secret};
	Admitting *admitting;

	if (desktop == NULL || !may_see(broker, session, desktop, &error)) {
		g_task_return_error(task, error);
		return;
	}
	desktop = engine_desktop(broker->engine, desktop_id);
	if (strcmp(desktop->id, desktop_id) != 0) {
		/* Streams are known by the desktop's own name. */
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "you were given the desktop %s instead: open that one",
			desktop->id);
		return;
	}
	uuid = g_strdup(desktop->uuid);
	holder = g_strdup(desktop->user);
	pool = g_strdup(desktop->pool);
	admission.desktop = desktop_id;
	admission.uuid = uuid;
	admission.holder = holder;
	admission.pool = pool;
	set_policy(&admission, session, engine_pool_file(broker->engine, desktop->pool));
	if (strcmp(protocol, "sound") == 0 && !admission.sound) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_DENIED, "desktops of this pool have no sound");
		return;
	}
	if (strcmp(protocol, "files") == 0 && !admission.files_to_desktop && !admission.files_from_desktop) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_DENIED, "this pool carries no files");
		return;
	}
	admitting = g_new0(Admitting, 1);
	admitting->broker = broker;
	admitting->session = g_strdup(session->id);
	admitting->user = g_strdup(session->user);
	admitting->desktop = g_strdup(desktop_id);
	g_task_set_task_data(task, admitting, admitting_free);
	display_client_admit_async(broker->display, &admission, on_admitted, g_steal_pointer(&task));
}

GVariant *
access_admit_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

char *
access_client_name(const char *session, const char *suffix)
{
	g_autoptr(Secret) random = secret_new_random(4);

	return g_strdup_printf("%s:%s", session, suffix ? suffix : secret_text(random));
}

char *
access_client_session(const char *client)
{
	const char *colon = strchr(client, ':');

	return colon ? g_strndup(client, (gsize)(colon - client)) : g_strdup("");
}

gboolean
access_client_is_of(const char *client, const char *session)
{
	gsize size = strlen(session);

	return strncmp(client, session, size) == 0 && client[size] == ':';
}

char *
access_address(const char *text)
{
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text);
	const guint8 *bytes;

	if (address == NULL)
		return NULL;
	bytes = g_inet_address_to_bytes(address);
	/* One host, by whichever of its two names: a browser may take ::1, and the viewer 127.0.0.1. */
	if (strcmp(text, "::1") == 0)
		return g_strdup("127.0.0.1");
	if (g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6 &&
		memcmp(bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0) {
		g_autoptr(GInetAddress) inner = g_inet_address_new_from_bytes(bytes + 12, G_SOCKET_FAMILY_IPV4);

		return g_inet_address_to_string(inner);
	}
	return g_inet_address_to_string(address);
}
