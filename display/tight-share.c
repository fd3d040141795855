/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/tight-share.h"

#include <string.h>

/* A screen of 4K as JPEG of high quality. */
#define BYTES_MAX (8 * 1024 * 1024)
/* Clients of so many kinds and speeds. */
#define ENTRIES_MAX 16

typedef struct {
	TightShared shared;
	GByteArray *options;
	GArray *rects; /* of Rect */
} Entry;

struct TightShare {
	GPtrArray *entries; /* of Entry */
	gsize bytes;
	guint encoders;
};

static void
free_entry(gpointer data)
{
	Entry *entry = data;

	g_byte_array_unref(entry->shared.bytes);
	g_byte_array_unref(entry->options);
	g_array_unref(entry->rects);
	g_free(entry);
}

TightShare *
tight_share_new(void)
{
	TightShare *share = g_new0(TightShare, 1);

	share->entries = g_ptr_array_new_with_free_func(free_entry);
	return share;
}

void
tight_share_free(TightShare *share)
{
	if (share == NULL)
		return;
	g_ptr_array_unref(share->entries);
	g_free(share);
}

static gboolean
overlaps(const Rect *a, const Rect *b)
{
	return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height && b->y < a->y + a->height;
}

static gboolean
is_damaged(const Entry *entry, const Damage *damage)
{
	for (guint i = 0; i < damage->n; i++) {
		for (guint j = 0; j < entry->rects->len; j++) {
			if (overlaps(&damage->rects[i], &g_array_index(entry->rects, Rect, j)))
				return TRUE;
		}
	}
	return FALSE;
}

void
tight_share_forget(TightShare *share, const Damage *damage)
{
	for (guint i = share->entries->len; i-- > 0;) {
		Entry *entry = g_ptr_array_index(share->entries, i);

		if (damage && !is_damaged(entry, damage))
			continue;
		share->bytes -= entry->shared.bytes->len;
		g_ptr_array_remove_index_fast(share->entries, i);
	}
}

void
tight_share_join(TightShare *share)
{
	if (share)
		share->encoders++;
}

void
tight_share_leave(TightShare *share)
{
	if (share == NULL)
		return;
	share->encoders--;
	tight_share_forget(share, NULL);
}

gboolean
tight_share_is_used(const TightShare *share)
{
	return share && share->encoders > 1;
}

const TightShared *
tight_share_find(const TightShare *share, const Rect *rects, guint n_rects, gconstpointer options, gsize options_size)
{
	for (guint i = 0; share && i < share->entries->len; i++) {
		const Entry *entry = g_ptr_array_index(share->entries, i);

		if (entry->rects->len == n_rects && memcmp(entry->rects->data, rects, n_rects * sizeof *rects) == 0 &&
		        entry->options->len == options_size && memcmp(entry->options->data, options, options_size) == 0)
			return &entry->shared;
	}
	return NULL;
}

void
tight_share_add(TightShare *share, const Rect *rects, guint n_rects, gconstpointer options, gsize options_size, const guint8 *bytes,
        gsize size, guint n, const Damage *lossy)
{
	Entry *entry;

	if (!tight_share_is_used(share) || share->bytes + size > BYTES_MAX || share->entries->len == ENTRIES_MAX)
		return;
	entry = g_new0(Entry, 1);
	entry->shared = (TightShared){g_byte_array_sized_new((guint)size), n, *lossy};
	g_byte_array_append(entry->shared.bytes, bytes, (guint)size);
	entry->options = g_byte_array_new();
	g_byte_array_append(entry->options, options, (guint)options_size);
	entry->rects = g_array_new(FALSE, FALSE, sizeof *rects);
	g_array_append_vals(entry->rects, rects, n_rects);
	share->bytes += size;
	g_ptr_array_add(share->entries, entry);
}
