/* Owns an X selection on behalf of the host's clipboard and answers the X clients that ask for its text, in pieces where
 * it is large (ICCCM 2.0, sections 2.2 and 2.7.2). SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/session/x.h"

typedef struct SelectionServe SelectionServe;

typedef struct {
	/* A client wants the text: call selection_serve_answer. Not again before that was called. */
	void (*on_want)(void *data);
} SelectionServeHandlers;

/* @selection is an atom. Free with selection_serve_free. */
SelectionServe *selection_serve_new(X *x, xcb_atom_t selection, const SelectionServeHandlers *handlers, void *data);
void selection_serve_free(SelectionServe *serve);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SelectionServe, selection_serve_free)

/* Becomes the owner. Who waits for the former text is told that there is none. */
void selection_serve_own(SelectionServe *serve);
/* Gives it up, if it is ours. */
void selection_serve_disown(SelectionServe *serve);
gboolean selection_serve_is_owner(const SelectionServe *serve);

/* Answers all who wait. @text NULL: there is none. */
void selection_serve_answer(SelectionServe *serve, const char *text, gsize size);
