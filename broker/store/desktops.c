/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/store/desktops.h"

#include "broker/common/error.h"
#include "broker/common/secret.h"

static const char *const state_words[] = {"cloning", "ready", "parked", "assigned", "off", "starting", "resetting", "retired", "failed"};
G_STATIC_ASSERT(G_N_ELEMENTS(state_words) == DESKTOP_N_STATES);
static const char *const intent_words[] = {NULL, "clone", "start", "destroy"};

#define BIT(state) (1u << (state))

/* cloning -> resetting: it was claimed while it was made, and its person went away before it ran.
 * off -> assigned: it was seen to run. */
static const guint successors[] = {
	[DESKTOP_CLONING] = BIT(DESKTOP_READY) | BIT(DESKTOP_PARKED) | BIT(DESKTOP_ASSIGNED) | BIT(DESKTOP_RESETTING) | BIT(DESKTOP_RETIRED) |
			    BIT(DESKTOP_FAILED),
	[DESKTOP_READY] = BIT(DESKTOP_ASSIGNED) | BIT(DESKTOP_RETIRED) | BIT(DESKTOP_FAILED),
	[DESKTOP_PARKED] = BIT(DESKTOP_READY) | BIT(DESKTOP_ASSIGNED) | BIT(DESKTOP_RETIRED) | BIT(DESKTOP_FAILED),
	[DESKTOP_ASSIGNED] = BIT(DESKTOP_OFF) | BIT(DESKTOP_RESETTING) | BIT(DESKTOP_FAILED),
	[DESKTOP_OFF] = BIT(DESKTOP_STARTING) | BIT(DESKTOP_ASSIGNED) | BIT(DESKTOP_RESETTING),
	[DESKTOP_STARTING] = BIT(DESKTOP_ASSIGNED) | BIT(DESKTOP_OFF) | BIT(DESKTOP_RESETTING),
	[DESKTOP_RESETTING] = 0,
	[DESKTOP_RETIRED] = 0,
	[DESKTOP_FAILED] = 0,
};
G_STATIC_ASSERT(G_N_ELEMENTS(successors) == DESKTOP_N_STATES);

const char *
desktop_state_word(DesktopState state)
{
	return state_words[state];
}

gboolean
desktop_state_may_become(DesktopState from, DesktopState to)
{
	return (successors[from] & BIT(to)) != 0;
}

void
desktop_row_free(DesktopRow *row)
{
	if (row == NULL)
		return;
	g_free(row->id);
	g_free(row->pool);
	g_free(row->uuid);
	g_free(row->image);
	g_free(row->user);
	g_free(row->note);
	g_free(row->home);
	g_free(row);
}

static gboolean
check_changed(int changed, const DesktopRow *row, GError **error)
{
	if (changed > 0)
		return TRUE;
	if (changed == 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "desktop %s is no longer %s", row->id,
			state_words[row->state]);
	return FALSE;
}

/* Of what is nobody's and not kept, all that a host's end leaves is an overlay, and the engine removes those that no row knows. Refilling a
 * pool must not hold up those who sign in. */
static void
write_loosely(Store *store, const DesktopRow *row)
{
	if (row->user == NULL && !row->kept)
		store_may_lose(store);
}

/* -1: the database failed. There is one writer, so nobody takes it meanwhile. */
static gint64
next_turn(Store *store, GError **error)
{
	sqlite3_stmt *statement = store_prepare(store, "SELECT coalesce(max(turn), 0) + 1 FROM desktops", error);
	gint64 turn = -1;

	if (statement == NULL)
		return -1;
	if (store_step(store, statement, error) == STORE_ROW) {
		turn = sqlite3_column_int64(statement, 0);
		store_reset(statement);
	}
	return turn;
}

DesktopRow *
desktops_insert(Store *store, const char *pool, const char *image, const char *user, gboolean kept, gint64 now, GError **error)
{
	g_autoptr(DesktopRow) row = g_new0(DesktopRow, 1);
	guint32 number;

	secret_random(&number, sizeof number);
	row->id = g_strdup_printf("%s-%08x", pool, number);
	row->uuid = g_uuid_string_random();
	row->pool = g_strdup(pool);
	row->image = g_strdup(image);
	row->user = g_strdup(user);
	row->state = DESKTOP_CLONING;
	row->intent = DESKTOP_INTENT_CLONE;
	row->kept = kept;
	row->created = row->changed = now;
	row->turn = next_turn(store, error);
	if (row->turn < 0)
		return NULL;
	write_loosely(store, row);
	if (store_run(store, error,
		    "INSERT INTO desktops (id, pool, state, intent, uuid, user, image, created, changed, kept, turn)"
		    " VALUES (?1, ?2, 'cloning', 'clone', ?3, ?4, ?5, ?6, ?6, ?7, ?8)",
		    "sssssiii", row->id, pool, row->uuid, user, image, now, (gint64)kept, row->turn) < 0)
		return NULL;
	return g_steal_pointer(&row);
}

static int
word_index(const char *const *words, int n, const char *word)
{
	for (int i = 0; i < n; i++) {
		if (g_strcmp0(words[i], word) == 0)
			return i;
	}
	return -1;
}

static DesktopRow *
read_row(sqlite3_stmt *statement, GError **error)
{
	g_autoptr(DesktopRow) row = g_new0(DesktopRow, 1);
	g_autofree char *state_text = store_text(statement, 2);
	g_autofree char *intent_text = store_text(statement, 3);
	int state = word_index(state_words, DESKTOP_N_STATES, state_text);
	int intent = word_index(intent_words, G_N_ELEMENTS(intent_words), intent_text);

	row->id = store_text(statement, 0);
	row->pool = store_text(statement, 1);
	row->uuid = store_text(statement, 4);
	row->user = store_text(statement, 5);
	row->image = store_text(statement, 6);
	row->created = sqlite3_column_int64(statement, 7);
	row->changed = sqlite3_column_int64(statement, 8);
	row->agent = sqlite3_column_int(statement, 9) != 0;
	row->note = store_text(statement, 10);
	row->assigned = sqlite3_column_int64(statement, 11);
	row->kept = sqlite3_column_int(statement, 12) != 0;
	row->home = store_text(statement, 13);
	row->homed = sqlite3_column_int(statement, 14) != 0;
	row->turn = sqlite3_column_int64(statement, 15);
	if (state < 0 || intent < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "database: desktop %s has the unknown state “%s” or intent “%s”",
			row->id, state_text, intent_text ? intent_text : "");
		return NULL;
	}
	row->state = (DesktopState)state;
	row->intent = (DesktopIntent)intent;
	return g_steal_pointer(&row);
}

GPtrArray *
desktops_list(Store *store, GError **error)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)desktop_row_free);
	sqlite3_stmt *statement = store_prepare(store,
		"SELECT id, pool, state, intent, uuid, user, image, created, changed, agent, note, assigned, kept, home, homed, turn"
		" FROM desktops"
		" ORDER BY turn, created, id",
		error);
	StoreStep step;

	if (statement == NULL)
		return NULL;
	while ((step = store_step(store, statement, error)) == STORE_ROW) {
		DesktopRow *row = read_row(statement, error);

		if (row == NULL) {
			step = STORE_FAILED;
			break;
		}
		g_ptr_array_add(rows, row);
	}
	store_reset(statement);
	return step == STORE_DONE ? g_steal_pointer(&rows) : NULL;
}

gboolean
desktops_move(Store *store, DesktopRow *row, DesktopState to, DesktopIntent intent, const char *note, gint64 now,
	GError **error)
{
	int changed;

	if (!desktop_state_may_become(row->state, to)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "desktop %s is %s: it cannot become %s", row->id,
			state_words[row->state], state_words[to]);
		return FALSE;
	}
	write_loosely(store, row);
	changed = store_run(store, error,
		"UPDATE desktops SET state = ?1, intent = ?2, note = nullif(coalesce(?3, note), ''), changed = ?4,"
		" assigned = CASE ?1 WHEN 'assigned' THEN ?4 ELSE assigned END WHERE id = ?5 AND state = ?6",
		"sssiss", state_words[to], intent_words[intent], note, now, row->id, state_words[row->state]);
	if (!check_changed(changed, row, error))
		return FALSE;
	row->state = to;
	row->intent = intent;
	row->changed = now;
	if (to == DESKTOP_ASSIGNED)
		row->assigned = now;
	if (note != NULL) {
		g_free(row->note);
		row->note = *note != '\0' ? g_strdup(note) : NULL;
	}
	return TRUE;
}

gboolean
desktops_assign(Store *store, DesktopRow *row, DesktopState to, const char *user, gint64 now, GError **error)
{
	int changed;

	g_return_val_if_fail(row->state == DESKTOP_READY || row->state == DESKTOP_PARKED || row->state == DESKTOP_CLONING, FALSE);
	g_return_val_if_fail(to == DESKTOP_ASSIGNED || to == row->state, FALSE);
	changed = store_run(store, error,
		"UPDATE desktops SET state = ?1, user = ?2, changed = ?3,"
		" assigned = CASE ?1 WHEN 'assigned' THEN ?3 END WHERE id = ?4 AND state = ?5 AND user IS NULL",
		"ssiss", state_words[to], user, now, row->id, state_words[row->state]);
	if (!check_changed(changed, row, error))
		return FALSE;
	row->state = to;
	row->changed = now;
	row->assigned = to == DESKTOP_ASSIGNED ? now : 0;
	g_free(row->user);
	row->user = g_strdup(user);
	return TRUE;
}

gboolean
desktops_set_intent(Store *store, DesktopRow *row, DesktopIntent intent, GError **error)
{
	int changed;

	write_loosely(store, row);
	changed = store_run(store, error, "UPDATE desktops SET intent = ?1 WHERE id = ?2 AND state = ?3", "sss",
		intent_words[intent], row->id, state_words[row->state]);

	if (!check_changed(changed, row, error))
		return FALSE;
	row->intent = intent;
	return TRUE;
}

gboolean
desktops_set_agent(Store *store, DesktopRow *row, gboolean agent, GError **error)
{
	int changed;

	write_loosely(store, row);
	changed = store_run(store, error,
		"UPDATE desktops SET agent = ?1, note = CASE WHEN ?1 THEN NULL ELSE note END WHERE id = ?2 AND state = ?3",
		"iss", (gint64)(agent ? 1 : 0), row->id, state_words[row->state]);

	if (!check_changed(changed, row, error))
		return FALSE;
	row->agent = agent;
	if (agent)
		g_clear_pointer(&row->note, g_free);
	return TRUE;
}

gboolean
desktops_set_home(Store *store, DesktopRow *row, const char *home, GError **error)
{
	/* OR IGNORE: what the index desktops_by_home forbids changes nothing. */
	int changed = store_run(store, error, "UPDATE OR IGNORE desktops SET home = ?1, homed = 0 WHERE id = ?2 AND state = ?3", "sss",
		home, row->id, state_words[row->state]);

	if (changed < 0)
		return FALSE;
	if (changed == 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "another desktop has the disk %s", home);
		return FALSE;
	}
	g_free(row->home);
	row->home = g_strdup(home);
	row->homed = FALSE;
	return TRUE;
}

gboolean
desktops_set_homed(Store *store, DesktopRow *row, GError **error)
{
	int changed = store_run(store, error, "UPDATE desktops SET homed = 1 WHERE id = ?1 AND state = ?2 AND home IS NOT NULL", "ss",
		row->id, state_words[row->state]);

	if (!check_changed(changed, row, error))
		return FALSE;
	row->homed = TRUE;
	return TRUE;
}

gboolean
desktops_delete(Store *store, const DesktopRow *row, GError **error)
{
	write_loosely(store, row);
	return check_changed(store_run(store, error, "DELETE FROM desktops WHERE id = ?1 AND state = ?2", "ss", row->id,
				     state_words[row->state]),
		row, error);
}
