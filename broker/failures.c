/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/failures.h"

struct Failures {
	FailureRules rules;
	guint count_max; /* more would make no penalty longer, and take longer to forget */
	GHashTable *entries; /* key to Entry */
};

typedef struct {
	guint count; /* at @last */
	gint64 last;
} Entry;

Failures *
failures_new(const FailureRules *rules)
{
	Failures *failures = g_new0(Failures, 1);

	failures->rules = *rules;
	failures->count_max = rules->free + g_bit_storage((gulong)rules->penalty_max) + 1;
	failures->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return failures;
}

void
failures_free(Failures *failures)
{
	if (failures == NULL)
		return;
	g_hash_table_unref(failures->entries);
	g_free(failures);
}

static guint
count_now(const Failures *failures, const Entry *entry)
{
	gint64 forgotten = MAX(0, failures->rules.now() - entry->last) / failures->rules.forgive_s;

	return forgotten >= entry->count ? 0 : entry->count - (guint)forgotten;
}

static void
make_room(Failures *failures)
{
	GHashTableIter iter;
	gpointer key, value, least_key = NULL;
	guint least = G_MAXUINT;

	g_hash_table_iter_init(&iter, failures->entries);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		guint count = count_now(failures, value);

		if (count == 0) {
			g_hash_table_iter_remove(&iter);
		} else if (count < least) {
			least = count;
			least_key = key;
		}
	}
	if (g_hash_table_size(failures->entries) >= failures->rules.keys_max)
		g_hash_table_remove(failures->entries, least_key);
}

void
failures_add(Failures *failures, const char *key)
{
	Entry *entry = g_hash_table_lookup(failures->entries, key);

	if (entry == NULL) {
		if (g_hash_table_size(failures->entries) >= failures->rules.keys_max)
			make_room(failures);
		entry = g_new0(Entry, 1);
		g_hash_table_insert(failures->entries, g_strdup(key), entry);
	}
	entry->count = MIN(count_now(failures, entry) + 1, failures->count_max);
	entry->last = failures->rules.now();
}

static gint64
penalty(const Failures *failures, guint count)
{
	guint over = count > failures->rules.free ? count - failures->rules.free - 1 : 0;

	if (count <= failures->rules.free)
		return 0;
	return over >= 62 ? failures->rules.penalty_max : MIN((gint64)1 << over, failures->rules.penalty_max);
}

gint64
failures_penalty(Failures *failures, const char *key)
{
	const Entry *entry = g_hash_table_lookup(failures->entries, key);

	return entry ? penalty(failures, count_now(failures, entry)) : 0;
}

gint64
failures_wait(Failures *failures, const char *key)
{
	Entry *entry = g_hash_table_lookup(failures->entries, key);
	gint64 now = failures->rules.now();

	if (entry == NULL)
		return 0;
	entry->last = MIN(entry->last, now);
	return MAX(0, penalty(failures, entry->count) - (now - entry->last));
}

gboolean
failures_is_suspect(Failures *failures, const char *key)
{
	const Entry *entry = g_hash_table_lookup(failures->entries, key);

	return entry && count_now(failures, entry) >= failures->rules.free;
}
