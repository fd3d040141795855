/* Gets the text of a selection from the X client that owns it, in pieces if need be (ICCCM 2.0, section 2.7.2).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/session/x.h"

typedef struct SelectionFetch SelectionFetch;

/* @bytes NULL: the owner has nothing of that target, did not answer in time, or has more than @max. @type is what the
 * owner says it is. The next fetch may be started here. */
typedef void (*SelectionFetchFunc)(const GByteArray *bytes, xcb_atom_t type, void *data);

/* @selection is an atom. Free with selection_fetch_free. */
SelectionFetch *selection_fetch_new(X *x, xcb_atom_t selection, gsize max, SelectionFetchFunc on_done, void *data);
void selection_fetch_free(SelectionFetch *fetch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SelectionFetch, selection_fetch_free)

gboolean selection_fetch_is_busy(const SelectionFetch *fetch);

/* Asks the owner for @target. A fetch that is under way is forgotten, without a call. */
void selection_fetch_start(SelectionFetch *fetch, xcb_atom_t target, xcb_timestamp_t time);
