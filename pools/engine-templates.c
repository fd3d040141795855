/* Templates: made when a pool first wants one, once for all pools that want the same, and thrown away when none does any more.
 * What goes wrong here costs speed and no desktop: they boot then. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-task.h"
#include "pools/template.h"

#include "broker/common/error.h"

#include <string.h>

#define BOOT_WAIT_S 300 /* to the agent's word; a desktop of people has waited less, but here nobody waits */
/* From that word on: what starts late in a session is done then, and no clone has to do it again. */
#define REST_S 5
#define BOOT_DEADLINE_MS 60000
#define FREEZE_DEADLINE_MS 180000 /* writes as much as the guest uses */
#define REMOVE_DEADLINE_MS 60000
#define BLAME_MAX 3 /* failed clones in a row, and it is made anew: at once, where it is the first that was tried */
#define KEEP_S 600  /* one that is not wanted: a file that is edited twice need not cost two */

typedef enum { STAGE_NONE, STAGE_BOOTING, STAGE_RESTING, STAGE_FREEZING, STAGE_WHOLE } Stage;

typedef struct {
	Engine *engine;
	char *key, *image, *golden, *uuid; /* golden: the image's disk; uuid: of the VM that becomes it */
	Stage stage;
	gboolean busy; /* a call to libvirt about it is under way */
	gboolean removing;
	gboolean proven; /* a clone of it was loaded */
	guint64 touched; /* engine->clock when the last one ended */
	AgentLink *link;
	guint wait_id;
	guint failures, blames, damages;
	char *trouble; /* why it could not be made, or used */
	gint64 retry_us, unwanted_us; /* monotonic; 0: none */
} Template;

void
template_free(gpointer data)
{
	Template *template = data;

	g_clear_handle_id(&template->wait_id, g_source_remove);
	g_clear_pointer(&template->link, agent_link_free);
	g_free(template->key);
	g_free(template->image);
	g_free(template->golden);
	g_free(template->uuid);
	g_free(template->trouble);
	g_free(template);
}

static Template *
find(Engine *engine, const char *key)
{
	return key ? g_hash_table_lookup(engine->templates, key) : NULL;
}

static void
forget_vm(Template *template)
{
	g_clear_handle_id(&template->wait_id, g_source_remove);
	g_clear_pointer(&template->link, agent_link_free);
	g_clear_pointer(&template->uuid, g_free);
}

static Task *
task_of(const Template *template)
{
	g_autofree char *id = g_strconcat(TEMPLATE_PREFIX, template->key, NULL);
	Task *task = task_new(template->engine, id, template->uuid);

	task->key = g_strdup(template->key);
	return task;
}

/* The template that @task is about; NULL: it is not known any more. */
static Template *
finish(Engine *engine, const Task *task)
{
	Template *template = find(engine, task->key);

	engine->clock++;
	if (template == NULL)
		return NULL;
	template->busy = FALSE;
	template->touched = engine->clock;
	return template;
}

static gboolean
remove_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;

	return template_remove(connection, task->place, task->key, task->uuid, error);
}

static void
on_removed(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Template *template = finish(engine, data);

	if (template == NULL)
		return;
	forget_vm(template);
	if (!template->removing) {
		plan_soon(engine); /* its room is free: it may be made again */
	} else if (error == NULL) {
		g_message("template %s: removed, since no pool wants it", template->key);
		g_hash_table_remove(engine->templates, template->key);
	} else {
		template->removing = FALSE;
		if (!g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY))
			g_warning("template %s cannot be removed yet: %s", template->key, error->message);
	}
}

/* Its VM, and its files. */
static void
throw_away(Template *template)
{
	Engine *engine = template->engine;

	template->stage = STAGE_NONE;
	template->busy = TRUE;
	host_run(engine->host, REMOVE_DEADLINE_MS, remove_in_worker, task_of(template), task_free, on_removed, engine);
}

/* It is made anew: clones of what it was have nothing to do with it. */
static void
part_from_clones(const Template *template)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, template->engine->desktops);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Desktop *desktop = value;

		desktop->outlived |= g_strcmp0(desktop->template, template->key) == 0;
	}
}

/* Nobody's clones of one whose memory or disk was written to have that in them. People's go on, until they run into it. */
static void
mark_clones(Template *template)
{
	g_autoptr(GList) desktops = g_hash_table_get_values(template->engine->desktops);
	guint used = 0;

	for (GList *item = desktops; item != NULL; item = item->next) {
		Desktop *desktop = item->data;

		if (desktop->outlived || g_strcmp0(desktop->template, template->key) != 0)
			continue;
		desktop->damaged = TRUE;
		if (desktop_is_held(desktop))
			used++;
		else if (!desktop_is_ours_to_end(desktop))
			desktop_throw_away(desktop, 0, "the template that it was cloned from is damaged");
	}
	if (used > 0)
		g_warning("desktops in use that were cloned from template %s: %u; they go on, and may crash", template->key, used);
}

/* Is it what was frozen? If not that is said, and it is made anew. */
static gboolean
is_sound(Template *template)
{
	gboolean under_clones;
	char *damage;

	if (template->stage != STAGE_WHOLE || template->busy)
		return template->stage == STAGE_WHOLE;
	damage = template_damage(template->engine->place, template->key, &under_clones);
	if (damage == NULL)
		return TRUE;
	g_warning("template %s is damaged: %s; desktops boot until it is made anew", template->key, damage);
	g_free(template->trouble);
	template->trouble = g_strdup_printf("it was damaged: %s", damage);
	g_free(damage);
	/* At once the first time: whatever does it again and again must not have it made for ever. */
	template->retry_us = g_get_monotonic_time() + decide_retry_s(template->damages++ * 4) * G_USEC_PER_SEC;
	throw_away(template);
	if (under_clones)
		mark_clones(template);
	plan_soon(template->engine);
	return FALSE;
}

static Template *
add(Engine *engine, const char *key)
{
	Template *template = g_new0(Template, 1);

	template->engine = engine;
	template->key = g_strdup(key);
	template->stage = template_was_frozen(engine->place, key) ? STAGE_WHOLE : STAGE_NONE;
	template->proven = template->stage == STAGE_WHOLE; /* to an earlier process */
	g_hash_table_insert(engine->templates, template->key, template);
	is_sound(template);
	return template;
}

static void
fail(Template *template, const char *why)
{
	template->failures++;
	template->retry_us = g_get_monotonic_time() + decide_retry_s(template->failures + 4) * G_USEC_PER_SEC;
	g_warning("template %s of %s could not be made: %s; its desktops boot until then", template->key, template->image, why);
	g_free(template->trouble);
	template->trouble = g_strdup_printf("it could not be made: %s", why);
	throw_away(template);
	plan_soon(template->engine);
}

static gboolean
freeze_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;

	return template_freeze(connection, task->place, task->key, task->uuid, task->pool, task->disk, error);
}

static void
on_frozen(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Template *template = finish(engine, data);

	if (template == NULL)
		return;
	if (error != NULL) {
		fail(template, error->message);
		return;
	}
	forget_vm(template);
	template->stage = STAGE_WHOLE;
	template->proven = FALSE;
	template->blames = 0;
	g_clear_pointer(&template->trouble, g_free);
	g_message("template %s of %s is frozen: desktops are cloned from it", template->key, template->image);
	plan_soon(engine);
}

static gboolean
on_rested(gpointer data)
{
	Template *template = data;
	Task *task;

	template->wait_id = 0;
	template->stage = STAGE_FREEZING;
	template->busy = TRUE;
	task = task_of(template);
	task->pool = g_strdup(template->image); /* what template.ini says it is of */
	task->disk = g_strdup(template->golden);
	host_run(template->engine->host, FREEZE_DEADLINE_MS, freeze_in_worker, task, task_free, on_frozen, template->engine);
	return G_SOURCE_REMOVE;
}

static gboolean
on_boot_deadline(gpointer data)
{
	Template *template = data;

	template->wait_id = 0;
	if (!template->busy)
		fail(template, "its agent did not say within 5 minutes that the desktop is drawn");
	return G_SOURCE_REMOVE;
}

static void
on_message(const AgentMessage *message, void *data)
{
	Template *template = data;

	if (message->type != AGENT_READY || template->stage != STAGE_BOOTING)
		return;
	template->stage = STAGE_RESTING;
	/* The port closes now, so that the guest has seen it closed when it is frozen. */
	g_clear_pointer(&template->link, agent_link_free);
	g_clear_handle_id(&template->wait_id, g_source_remove);
	template->wait_id = g_timeout_add_seconds(REST_S, on_rested, template);
}

static gboolean
boot_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;
	const DomainSpec spec = task_spec(task, TRUE);

	return template_boot(connection, task->place, &spec, task->key, error);
}

static void
on_booted(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Template *template = finish(engine, data);
	g_autofree char *socket = NULL;

	if (template == NULL)
		return;
	if (error != NULL) {
		fail(template, error->message);
		return;
	}
	socket = vm_agent_path(engine->place, ((Task *)data)->id);
	template->link = agent_link_new(engine->reactor, socket, ((Task *)data)->id, on_message, template);
	template->wait_id = g_timeout_add_seconds(BOOT_WAIT_S, on_boot_deadline, template);
}

static void
make(Template *template, const Pool *pool)
{
	Engine *engine = template->engine;
	g_autoptr(GError) error = NULL;
	g_autofree char *id = g_strconcat(TEMPLATE_PREFIX, template->key, NULL);
	Task *task;

	g_free(template->image);
	template->image = image_reference(pool->image);
	g_free(template->golden);
	template->golden = g_strdup(pool->image->disk);
	g_free(template->uuid);
	template->uuid = g_uuid_string_random();
	task = task_new_of_pool(engine, pool, id, template->uuid, template->image, FALSE, &error);
	if (task == NULL) {
		fail(template, error->message);
		return;
	}
	task_set_template(task, template->key);
	/* It is nobody's and has no network: it belongs to all pools of its key. */
	g_clear_pointer(&task->network, network_card_free);
	part_from_clones(template);
	template->stage = STAGE_BOOTING;
	template->busy = TRUE;
	g_message("template %s: %s boots once, to be cloned from then on", template->key, template->image);
	host_run(engine->host, BOOT_DEADLINE_MS, boot_in_worker, task, task_free, on_booted, engine);
}

gboolean
templates_is_whole(Engine *engine, const Pool *pool)
{
	const Template *template = find(engine, pool->key);

	return template && template->stage == STAGE_WHOLE && !template->removing;
}

const char *
templates_whole(Engine *engine, const Pool *pool, const char *image)
{
	Template *template = find(engine, pool->key);
	g_autofree char *newest = pool->image ? image_reference(pool->image) : NULL;

	if (template == NULL || template->stage != STAGE_WHOLE || template->removing || g_strcmp0(newest, image) != 0)
		return NULL;
	return is_sound(template) ? template->key : NULL;
}

gboolean
templates_is_making(Engine *engine, const Pool *pool)
{
	const Template *template = find(engine, pool->key);

	return template && template->stage != STAGE_NONE && template->stage != STAGE_WHOLE;
}

/* One at a time: it takes a CPU, and whoever waits for the second is served sooner when the first is done. */
static gboolean
may_make(Engine *engine)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Template *template = value;

		if (template->busy || (template->stage != STAGE_NONE && template->stage != STAGE_WHOLE))
			return FALSE;
	}
	return TRUE;
}

static void
want(Engine *engine, Pool *pool)
{
	Template *template = find(engine, pool->key);
	gint64 now = g_get_monotonic_time();

	if (template == NULL)
		template = add(engine, pool->key);
	template->unwanted_us = 0;
	if (template->image == NULL)
		template->image = image_reference(pool->image);
	if (template->stage != STAGE_NONE || template->busy)
		return;
	if (template->retry_us > now)
		plan_later(engine, (guint)((template->retry_us - now) / G_USEC_PER_SEC) + 1);
	else if (may_make(engine))
		make(template, pool);
}

static gboolean
is_wanted(Engine *engine, const Template *template)
{
	GHashTableIter iter;
	gpointer value;

	for (guint i = 0; i < engine->pools->len; i++) {
		const Pool *pool = engine->pools->pdata[i];

		if (pool->present && g_strcmp0(pool->key, template->key) == 0)
			return TRUE;
	}
	g_hash_table_iter_init(&iter, engine->desktops);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		if (g_strcmp0(((Desktop *)value)->template, template->key) == 0)
			return TRUE;
	}
	return FALSE;
}

static void
remove_unwanted(Engine *engine)
{
	g_autoptr(GList) templates = g_hash_table_get_values(engine->templates);
	gint64 now = g_get_monotonic_time();

	for (GList *item = templates; item != NULL; item = item->next) {
		Template *template = item->data;

		if (template->busy || is_wanted(engine, template))
			continue;
		if (template->unwanted_us == 0)
			template->unwanted_us = now;
		/* One that is only being made has cost nothing yet. */
		if (template->stage == STAGE_WHOLE && now - template->unwanted_us < KEEP_S * G_USEC_PER_SEC)
			continue;
		template->removing = TRUE;
		throw_away(template);
	}
}

/* What an earlier process of the broker left. */
static void
find_all(Engine *engine)
{
	g_autoptr(GPtrArray) keys = template_list(engine->place);

	for (guint i = 0; i < keys->len; i++) {
		if (find(engine, keys->pdata[i]) == NULL)
			add(engine, keys->pdata[i]);
	}
}

void
templates_plan(Engine *engine)
{
	find_all(engine);
	for (guint i = 0; i < engine->pools->len; i++) {
		Pool *pool = engine->pools->pdata[i];

		if (pool->present && !pool->draining && pool->key && pool->image && pool->obstacle == NULL)
			want(engine, pool);
	}
	remove_unwanted(engine);
}

void
templates_blame(Engine *engine, const char *key, const char *why)
{
	Template *template = find(engine, key);

	g_warning("a clone of template %s failed, and boots instead: %s", key, why);
	if (template == NULL || template->stage != STAGE_WHOLE || !is_sound(template))
		return;
	g_free(template->trouble);
	template->trouble = g_strdup_printf("clones of it failed: %s", why);
	template->blames++;
	/* What QEMU wrote is not always what it can read (10.0: “Missing section footer” of virtio-gpu, one time in some tens). */
	if ((template->proven && template->blames < BLAME_MAX) || template->busy)
		return;
	template->blames = 0;
	template->failures++;
	template->retry_us = g_get_monotonic_time() + decide_retry_s(template->failures + 4) * G_USEC_PER_SEC;
	g_warning("template %s is made anew", key);
	throw_away(template);
}

void
templates_prove(Engine *engine, const char *key)
{
	Template *template = find(engine, key);

	if (template == NULL || template->stage != STAGE_WHOLE)
		return;
	template->proven = TRUE;
	template->failures = template->blames = 0;
}

void
templates_check(Engine *engine)
{
	g_autoptr(GList) templates = g_hash_table_get_values(engine->templates);

	for (GList *item = templates; item != NULL; item = item->next)
		is_sound(item->data);
}

gboolean
templates_have(Engine *engine, const char *uuid)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->templates);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const char *mine = ((Template *)value)->uuid;

		if (mine && g_ascii_strcasecmp(mine, uuid) == 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean
is_listed(const VmList *list, const char *uuid)
{
	for (guint i = 0; i < list->domains->len; i++) {
		if (g_ascii_strcasecmp(((VmDomain *)list->domains->pdata[i])->uuid, uuid) == 0)
			return TRUE;
	}
	return FALSE;
}

void
templates_compare(Engine *engine, const VmList *list, guint64 clock)
{
	g_autoptr(GList) templates = g_hash_table_get_values(engine->templates);

	for (GList *item = templates; item != NULL; item = item->next) {
		Template *template = item->data;

		if (template->uuid && !template->busy && template->touched <= clock && !is_listed(list, template->uuid))
			fail(template, "its VM ended before it was frozen");
	}
}

char *
templates_describe(Engine *engine, const Pool *pool)
{
	const Template *template = find(engine, pool->key);

	if (pool->key == NULL)
		return g_strdup_printf("no: %s", pool->why_no_template ? pool->why_no_template : "its host is not known yet");
	if (template && template->stage == STAGE_WHOLE)
		return g_strdup_printf("yes, from template %s", template->key);
	if (templates_is_making(engine, pool) && template->trouble)
		return g_strdup_printf("not yet: the template is being made again: %s", template->trouble);
	if (templates_is_making(engine, pool))
		return g_strdup("not yet: the template is being made");
	if (template && template->trouble)
		return g_strdup_printf("no, they boot until there is a template again: %s", template->trouble);
	return g_strdup("not yet: the template waits to be made");
}

gboolean
templates_again(Engine *engine, const char *image, guint *n, GError **error)
{
	*n = 0;
	for (guint i = 0; i < engine->pools->len; i++) {
		Pool *pool = engine->pools->pdata[i];
		g_autofree char *reference = pool->image ? image_reference(pool->image) : NULL;
		Template *template = find(engine, pool->key);

		if (reference == NULL || (strcmp(reference, image) != 0 && strcmp(pool->image->name, image) != 0) || pool->key == NULL)
			continue;
		*n += 1;
		if (template == NULL || template->busy || templates_is_making(engine, pool))
			continue;
		template->retry_us = 0;
		template->failures = template->blames = 0;
		if (template->stage == STAGE_WHOLE)
			throw_away(template);
	}
	plan_soon(engine);
	if (*n > 0)
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
		"no pool clones its desktops from a template of %s: see carrel pool show", image);
	return FALSE;
}
