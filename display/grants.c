/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/grants.h"

#include <string.h>

#include "broker/common/error.h"
#include "broker/common/secret.h"

typedef struct {
	guint8 bytes[GRANT_SIZE];
	char *desktop;
	GVariant *params;
	gint64 expires;
} Grant;

struct Grants {
	GPtrArray *list; /* Grant, oldest first */
	guint max;
	gint64 (*clock)(void);
};

static void
grant_free(void *data)
{
	Grant *grant = data;

	memset(grant->bytes, 0, sizeof grant->bytes);
	g_free(grant->desktop);
	g_variant_unref(grant->params);
	g_free(grant);
}

Grants *
grants_new(guint max, gint64 (*clock)(void))
{
	Grants *grants = g_new0(Grants, 1);

	grants->list = g_ptr_array_new_with_free_func(grant_free);
	grants->max = max;
	grants->clock = clock ? clock : g_get_monotonic_time;
	return grants;
}

void
grants_free(Grants *grants)
{
	if (grants == NULL)
		return;
	g_ptr_array_unref(grants->list);
	g_free(grants);
}

static void
expire(Grants *grants)
{
	gint64 now = grants->clock();
	guint n = 0;

	while (n < grants->list->len && ((Grant *)grants->list->pdata[n])->expires <= now)
		n++;
	if (n > 0)
		g_ptr_array_remove_range(grants->list, 0, n);
}

gboolean
grants_issue(Grants *grants, const char *desktop, GVariant *params, guint8 bytes[GRANT_SIZE], GError **error)
{
	Grant *grant;

	expire(grants);
	if (grants->list->len >= grants->max) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "%u clients are expected already", grants->max);
		return FALSE;
	}
	grant = g_new0(Grant, 1);
	secret_random(grant->bytes, GRANT_SIZE);
	grant->desktop = g_strdup(desktop);
	grant->params = g_variant_ref_sink(params);
	grant->expires = grants->clock() + GRANT_LIFETIME_S * G_USEC_PER_SEC;
	g_ptr_array_add(grants->list, grant);
	memcpy(bytes, grant->bytes, GRANT_SIZE);
	return TRUE;
}

/* Takes the same time wherever the first difference is. */
static gboolean
is_equal(const guint8 *a, const guint8 *b)
{
	guint8 difference = 0;

	for (gsize i = 0; i < GRANT_SIZE; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

gboolean
grants_redeem(Grants *grants, const guint8 bytes[GRANT_SIZE], char **desktop, GVariant **params)
{
	expire(grants);
	for (guint i = 0; i < grants->list->len; i++) {
		Grant *grant = grants->list->pdata[i];

		if (!is_equal(grant->bytes, bytes))
			continue;
		*desktop = g_strdup(grant->desktop);
		*params = g_variant_ref(grant->params);
		g_ptr_array_remove_index(grants->list, i);
		return TRUE;
	}
	return FALSE;
}

void
grants_revoke(Grants *grants, const char *desktop)
{
	for (guint i = grants->list->len; i-- > 0;) {
		if (strcmp(((Grant *)grants->list->pdata[i])->desktop, desktop) == 0)
			g_ptr_array_remove_index(grants->list, i);
	}
}

guint
grants_count(Grants *grants, const char *desktop)
{
	guint n = 0;

	expire(grants);
	for (guint i = 0; i < grants->list->len; i++)
		n += strcmp(((Grant *)grants->list->pdata[i])->desktop, desktop) == 0;
	return n;
}
