/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/desks.h"

#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/client.h"
#include "display/desk.h"

/* A screen takes some 15 to 60 MiB. */
#define SCREENS_MAX	   1024
#define GRANTS_MAX	   1024
#define GRANTS_A_DESK_MAX  64
#define ADMITS_WAITING_MAX 256
#define ADMIT_TIMEOUT_MS   10000
/* How long a screen stays that nobody looks at. */
#define IDLE_US		   (30 * G_USEC_PER_SEC)
#define IDLE_CHECK_S	   5
/* From a recording that failed, and is required, to the end of its screen. */
#define UNRECORDED_MS	   2000

struct Desks {
	gboolean h264; /* screens may send it */
	Launcher *launcher;
	Vm *vm;
	Recordings *recordings;
	const DesksEvents *events;
	void *data;
	Grants *grants;
	GHashTable *by_name; /* desktop → Entry */
	GList *waiting;	     /* Admission */
	GPtrArray *ended;    /* Desk, to be freed by reap_id */
	guint reap_id, idle_id, unrecorded_id;
};

typedef struct {
	Desk *desk;
	gint64 used; /* monotonic: when it last had a client, or was asked for */
} Entry;

/* Who waits for a screen: the broker for a grant, or a client whose screen died under its grant. */
typedef struct {
	Desks *desks;
	char *desktop, *uuid;
	GVariant *params;
	DesksAdmitted func; /* NULL: a client */
	void *func_data;
	int fd; /* the client's; else -1 */
	guint deadline_id;
} Admission;

static void
entry_free(void *data)
{
	Entry *entry = data;

	desk_free(entry->desk);
	g_free(entry);
}

static void
admission_free(Admission *admission)
{
	g_clear_handle_id(&admission->deadline_id, g_source_remove);
	if (admission->fd >= 0)
		close(admission->fd);
	g_free(admission->desktop);
	g_free(admission->uuid);
	g_variant_unref(admission->params);
	g_free(admission);
}

static int
take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* What was recorded of it is written no more; @why: "" where it ended with the screen. */
static void
end_recording(Desks *desks, Desk *desk, const char *why)
{
	g_autofree char *id = g_strdup(desk_recording(desk)), *hash = NULL;

	if (id == NULL)
		return;
	hash = recordings_done(desks->recordings, id);
	desk_forget_recording(desk);
	if (*why != '\0')
		g_warning("%s: the recording %s ended early: %s", desk_name(desk), id, why);
	else
		g_message("%s: the recording %s is %s", desk_name(desk), id, hash ? "complete" : "cut");
	desks->events->on_recording_ended(desk_name(desk), id, hash ? hash : "", why, desk_recording_is_required(desk),
		desks->data);
}

static gboolean
on_unrecorded(gpointer data)
{
	Desks *desks = data;
	GHashTableIter iter;
	gpointer value;

	desks->unrecorded_id = 0;
	g_hash_table_iter_init(&iter, desks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Desk *desk = ((Entry *)value)->desk;

		if (desk_recording_is_required(desk) && desk_recording(desk) == NULL)
			desk_stop(desk, "unrecorded");
	}
	return G_SOURCE_REMOVE;
}

/* The broker ends its clients with the reason, when it hears of it; without the broker they are cut all the same. */
static void
on_recording_failed(Desk *desk, const char *why, void *data)
{
	Desks *desks = data;

	end_recording(desks, desk, why);
	if (desk_recording_is_required(desk) && desks->unrecorded_id == 0)
		desks->unrecorded_id = g_timeout_add(UNRECORDED_MS, on_unrecorded, desks);
}

/* Where the client's pool is recorded, and this screen is not yet. FALSE: it may not be seen then. */
static gboolean
record(Desks *desks, const char *desktop, GVariant *params, GError **error)
{
	Entry *entry = g_hash_table_lookup(desks->by_name, desktop);
	gboolean wanted = FALSE, required = FALSE;
	g_autoptr(GError) failure = NULL;
	g_autofree char *id = NULL;
	const char *pool = "";
	int fd;

	g_variant_lookup(params, "record", "b", &wanted);
	g_variant_lookup(params, "record-required", "b", &required);
	if (!wanted || entry == NULL || desk_recording(entry->desk))
		return TRUE;
	g_variant_lookup(params, "pool", "&s", &pool);
	fd = recordings_create(desks->recordings, pool, &id, &failure);
	if (fd >= 0) {
		desk_record(entry->desk, fd, id, params);
		desks->events->on_recording_started(desktop, id, desks->data);
		return TRUE;
	}
	g_warning("%s is not recorded: %s", desktop, failure->message);
	desks->events->on_recording_ended(desktop, "", "", failure->message, required, desks->data);
	if (required)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "this desktop must be recorded, and cannot be");
	return !required;
}

static void
give_grant(Admission *admission, const GError *refusal)
{
	g_autoptr(GError) error = NULL;
	guint8 grant[GRANT_SIZE];

	if (refusal)
		admission->func(NULL, refusal, admission->func_data);
	else if (!record(admission->desks, admission->desktop, admission->params, &error))
		admission->func(NULL, error, admission->func_data);
	else if (grants_issue(admission->desks->grants, admission->desktop, admission->params, grant, &error))
		admission->func(grant, NULL, admission->func_data);
	else
		admission->func(NULL, error, admission->func_data);
}

static void
answer(Admission *admission, const GError *refusal)
{
	Desks *desks = admission->desks;
	Entry *entry = g_hash_table_lookup(desks->by_name, admission->desktop);

	desks->waiting = g_list_remove(desks->waiting, admission);
	if (admission->func)
		give_grant(admission, refusal);
	else if (refusal == NULL && entry && record(desks, admission->desktop, admission->params, NULL))
		desk_add_client(entry->desk, take_fd(&admission->fd), admission->params);
	admission_free(admission);
}

static void
answer_all(Desks *desks, const char *desktop, const GError *refusal)
{
	GList *next;

	for (GList *item = desks->waiting; item; item = next) {
		Admission *admission = item->data;

		next = item->next;
		if (strcmp(admission->desktop, desktop) == 0)
			answer(admission, refusal);
	}
}

static void
on_attached(Desk *desk, const GError *error, void *data)
{
	answer_all(data, desk_name(desk), error);
}

static void
touch(Desks *desks, Desk *desk)
{
	Entry *entry = g_hash_table_lookup(desks->by_name, desk_name(desk));

	if (entry)
		entry->used = g_get_monotonic_time();
}

static void
on_joined(Desk *desk, const char *client, const char *protocol, void *data)
{
	Desks *desks = data;

	touch(desks, desk);
	desks->events->on_joined(desk_name(desk), client, protocol, desks->data);
}

static void
on_left(Desk *desk, const char *client, const char *why, void *data)
{
	Desks *desks = data;

	touch(desks, desk);
	desks->events->on_left(desk_name(desk), client, why, desks->data);
}

static void
on_usb(Desk *desk, const char *client, const char *event, const char *device, void *data)
{
	Desks *desks = data;

	desks->events->on_usb(desk_name(desk), client, event, device, desks->data);
}

static gboolean
on_reap(gpointer data)
{
	Desks *desks = data;

	desks->reap_id = 0;
	g_ptr_array_set_size(desks->ended, 0);
	return G_SOURCE_REMOVE;
}

static Desk *find_or_start(Desks *desks, const char *desktop, GVariant *params, GError **error);

/* Who came while the old screen was on its way out gets a new one. */
static void
start_again(Desks *desks, const char *desktop)
{
	g_autoptr(GError) error = NULL;

	for (GList *item = desks->waiting; item; item = item->next) {
		Admission *admission = item->data;

		if (strcmp(admission->desktop, desktop) != 0)
			continue;
		if (find_or_start(desks, desktop, admission->params, &error) == NULL)
			answer_all(desks, desktop, error);
		return;
	}
}

static void
on_ended(Desk *desk, const char *why, void *data)
{
	Desks *desks = data;
	g_autofree char *name = g_strdup(desk_name(desk));
	Entry *entry = g_hash_table_lookup(desks->by_name, name);

	if (entry == NULL || entry->desk != desk)
		return;
	g_message("%s: its screen is gone: %s", name, why);
	end_recording(desks, desk, "");
	g_hash_table_steal(desks->by_name, name);
	g_free(entry);
	g_ptr_array_add(desks->ended, desk);
	if (desks->reap_id == 0)
		desks->reap_id = g_idle_add(on_reap, desks);
	desks->events->on_gone(name, why, desks->data);
	start_again(desks, name);
}

static void wait_for_screen(Desks *desks, const char *desktop, GVariant *params, DesksAdmitted func, void *func_data,
	int fd);

static void
on_unserved(Desk *desk, int fd, GVariant *params, void *data)
{
	gboolean again;
	g_autoptr(GVariant) owned = params;
	GVariantDict dict;

	/* A client that kills two screens is not given a third. */
	if (g_variant_lookup(owned, "again", "b", &again)) {
		close(fd);
		return;
	}
	g_variant_dict_init(&dict, owned);
	g_variant_dict_insert(&dict, "again", "b", TRUE);
	wait_for_screen(data, desk_name(desk), g_variant_dict_end(&dict), NULL, NULL, fd);
}

static const DeskEvents desk_events = {on_attached, on_joined, on_left, on_usb, on_recording_failed, on_unserved, on_ended};

static void
on_exited(pid_t pid, int status, void *data)
{
	Desks *desks = data;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, desks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Desk *desk = ((Entry *)value)->desk;

		if (desk_pid(desk) == pid) {
			desk_exited(desk, status);
			return;
		}
	}
}

static gboolean
on_idle_check(gpointer data)
{
	Desks *desks = data;
	gint64 now = g_get_monotonic_time();
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, desks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Entry *entry = value;

		if (desk_is_used(entry->desk) || grants_count(desks->grants, desk_name(entry->desk)) > 0)
			entry->used = now;
		else if (desk_is_attached(entry->desk) && now - entry->used >= IDLE_US)
			desk_stop(entry->desk, "idle");
	}
	return G_SOURCE_CONTINUE;
}

Desks *
desks_new(gboolean h264, Launcher *launcher, Vm *vm, Recordings *recordings, const DesksEvents *events, void *data)
{
	Desks *desks = g_new0(Desks, 1);

	desks->h264 = h264;
	desks->launcher = launcher;
	desks->vm = vm;
	desks->recordings = recordings;
	desks->events = events;
	desks->data = data;
	desks->grants = grants_new(GRANTS_MAX, NULL);
	desks->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
	desks->ended = g_ptr_array_new_with_free_func((GDestroyNotify)desk_free);
	desks->idle_id = g_timeout_add_seconds(IDLE_CHECK_S, on_idle_check, desks);
	launcher_watch(launcher, on_exited, desks);
	return desks;
}

void
desks_free(Desks *desks)
{
	if (desks == NULL)
		return;
	g_source_remove(desks->idle_id);
	g_clear_handle_id(&desks->reap_id, g_source_remove);
	g_clear_handle_id(&desks->unrecorded_id, g_source_remove);
	while (desks->waiting) {
		admission_free(desks->waiting->data);
		desks->waiting = g_list_delete_link(desks->waiting, desks->waiting);
	}
	g_hash_table_unref(desks->by_name);
	g_ptr_array_unref(desks->ended);
	grants_free(desks->grants);
	g_free(desks);
}

static gboolean
on_admit_deadline(gpointer data)
{
	Admission *admission = data;
	g_autoptr(GError) error =
		g_error_new_literal(CARREL_ERROR, CARREL_ERROR_TIMEOUT, "the desktop's screen does not come up");

	admission->deadline_id = 0;
	answer(admission, error);
	return G_SOURCE_REMOVE;
}

/* The screen of the domain that @params names, started where none runs; one that is ending is started again then (start_again). NULL with
 * @error when there may not be one. */
static Desk *
find_or_start(Desks *desks, const char *desktop, GVariant *params, GError **error)
{
	Entry *entry = g_hash_table_lookup(desks->by_name, desktop);
	const char *uuid = "";

	g_variant_lookup(params, "uuid", "&s", &uuid);

	/* Another domain under the same name: the desktop was made anew. */
	if (entry && g_ascii_strcasecmp(desk_uuid(entry->desk), uuid) != 0)
		desk_stop(entry->desk, "asked");
	if (entry == NULL && g_hash_table_size(desks->by_name) >= SCREENS_MAX) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "%d screens run already", SCREENS_MAX);
		return NULL;
	}
	if (entry == NULL) {
		entry = g_new0(Entry, 1);
		entry->desk = desk_new(desktop, uuid, desks->h264, desks->launcher, desks->vm, &desk_events, desks);
		g_hash_table_insert(desks->by_name, (char *)desk_name(entry->desk), entry);
	}
	entry->used = g_get_monotonic_time();
	return entry->desk;
}

static gboolean
check_admission(Desks *desks, const char *desktop, const char *uuid, GVariant *params, GError **error)
{
	g_autoptr(Client) client = NULL;

	if (desktop[0] == '\0' || strlen(desktop) > 128 || !g_uuid_string_is_valid(uuid)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the desktop's name or UUID is none");
		return FALSE;
	}
	client = client_new(params, error);
	if (client == NULL)
		return FALSE;
	if (grants_count(desks->grants, desktop) >= GRANTS_A_DESK_MAX ||
		g_list_length(desks->waiting) >= ADMITS_WAITING_MAX) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "too many clients are expected already");
		return FALSE;
	}
	return TRUE;
}

/* @params, floating or not, have the domain's "uuid". With @func it is the broker that waits, for a grant; without, the
 * client @fd. */
static void
wait_for_screen(Desks *desks, const char *desktop, GVariant *params, DesksAdmitted func, void *func_data, int fd)
{
	g_autoptr(GError) error = NULL;
	Admission *admission = g_new0(Admission, 1);
	Desk *desk;

	admission->desks = desks;
	admission->desktop = g_strdup(desktop);
	admission->params = g_variant_ref_sink(params);
	g_variant_lookup(params, "uuid", "s", &admission->uuid);
	admission->func = func;
	admission->func_data = func_data;
	admission->fd = fd;
	admission->deadline_id = g_timeout_add(ADMIT_TIMEOUT_MS, on_admit_deadline, admission);
	desks->waiting = g_list_append(desks->waiting, admission);
	desk = find_or_start(desks, desktop, admission->params, &error);
	/* One whose screen has just died under it waits for the news of that. */
	if (desk == NULL || (desk_is_attached(desk) && func))
		answer(admission, error);
}

void
desks_admit(Desks *desks, const char *desktop, const char *uuid, GVariant *params, DesksAdmitted func, void *func_data)
{
	g_autoptr(GVariant) owned = g_variant_ref_sink(params);
	g_autoptr(GError) error = NULL;
	GVariantDict dict;

	if (!check_admission(desks, desktop, uuid, owned, &error)) {
		func(NULL, error, func_data);
		return;
	}
	g_variant_dict_init(&dict, owned);
	g_variant_dict_insert(&dict, "uuid", "s", uuid);
	g_variant_dict_remove(&dict, "again");
	wait_for_screen(desks, desktop, g_variant_dict_end(&dict), func, func_data, -1);
}

gboolean
desks_redeem(Desks *desks, const guint8 grant[GRANT_SIZE], int fd)
{
	g_autofree char *desktop = NULL;
	g_autoptr(GVariant) params = NULL;
	Entry *entry;

	if (!grants_redeem(desks->grants, grant, &desktop, &params)) {
		close(fd);
		return FALSE;
	}
	entry = g_hash_table_lookup(desks->by_name, desktop);
	if (entry && desk_is_attached(entry->desk) && record(desks, desktop, params, NULL))
		desk_add_client(entry->desk, fd, params);
	else if (entry && desk_is_attached(entry->desk))
		close(fd);
	else
		wait_for_screen(desks, desktop, params, NULL, NULL, fd);
	return TRUE;
}

void
desks_end_clients(Desks *desks, const char *desktop)
{
	Entry *entry = g_hash_table_lookup(desks->by_name, desktop);
	g_autoptr(GError) error = g_error_new_literal(CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "the desktop's clients were ended");

	grants_revoke(desks->grants, desktop);
	answer_all(desks, desktop, error);
	if (entry)
		desk_stop(entry->desk, "asked");
}

Desk *
desks_find(Desks *desks, const char *desktop, GError **error)
{
	Entry *entry = g_hash_table_lookup(desks->by_name, desktop);

	if (entry && desk_is_attached(entry->desk))
		return entry->desk;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "nobody looks at %s", desktop);
	return NULL;
}

GVariant *
desks_list(Desks *desks)
{
	GVariantBuilder list;
	GHashTableIter iter;
	gpointer value;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
	g_hash_table_iter_init(&iter, desks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		g_variant_builder_add_value(&list, desk_describe(((Entry *)value)->desk));
	return g_variant_builder_end(&list);
}

void
desks_stop(Desks *desks)
{
	gint64 deadline = g_get_monotonic_time() + 2 * G_USEC_PER_SEC;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, desks->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		desk_stop(((Entry *)value)->desk, "asked");
	/* The desks' own deadlines wake this loop. */
	while (g_hash_table_size(desks->by_name) > 0 && g_get_monotonic_time() < deadline)
		g_main_context_iteration(NULL, TRUE);
}
