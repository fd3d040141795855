/* What must hold of a pool after every plan of it, whatever libvirt, guests, people and a full disk did. Should it ever not, then
 * some line of the engine is wrong, and nobody knows whose desktop would be handed out next: so none is.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include <string.h>

/* What is wrong with @desktop by itself; NULL: nothing. */
static const char *
why_wrong(const Desktop *desktop)
{
	const DesktopRow *row = desktop->row;
	gboolean clean = row->state == DESKTOP_READY || row->state == DESKTOP_PARKED;

	if (desktop->gone)
		return "its row is deleted";
	if (clean && row->user != NULL)
		return "it is clean, and somebody's";
	if (desktop_is_held(desktop) && row->user == NULL)
		return "it is assigned to nobody";
	if ((row->state == DESKTOP_OFF || row->state == DESKTOP_STARTING) && !row->kept)
		return "it is off, and not kept";
	if ((clean || row->state == DESKTOP_ASSIGNED) && row->intent == DESKTOP_INTENT_DESTROY)
		return "it is to be destroyed, and its state does not say so";
	return NULL;
}

static void
stop_handing_out(Engine *engine, const DesktopRow *row, const char *why)
{
	if (engine->contradiction)
		return;
	engine->contradiction = g_strdup_printf("desktop %s (%s, %s): %s", row->id,
		desktop_state_word(row->state), row->user ? row->user : "nobody's", why);
	g_critical("the table of desktops contradicts itself, and no desktop is handed out until the broker is started again: %s. "
		   "Please report this as a bug, with the log",
		engine->contradiction);
}

void
engine_check(Engine *engine, const char *pool)
{
	g_autoptr(GHashTable) holders = g_hash_table_new(g_str_hash, g_str_equal);
	const GPtrArray *desktops = desktops_of_pool(engine, pool);

	for (guint i = 0; i < desktops->len; i++) {
		const Desktop *desktop = desktops->pdata[i];
		DesktopRow *row = desktop->row;
		const char *why = why_wrong(desktop);

		if (why == NULL && desktop_is_held(desktop) && !g_hash_table_add(holders, row->user))
			why = "its person has another one of the pool";
		if (why)
			stop_handing_out(engine, row, why);
	}
}
