/* The table "desktops": who owns which VM. libvirt is the truth of what runs; this is the truth of whose it is.
 * Only pools/engine*.c writes it. Every change is one row update that names the state it came from, so that a change that was
 * decided on an old view changes nothing. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/store.h"

typedef enum {
	DESKTOP_CLONING,   /* being made, and booting */
	DESKTOP_READY,	   /* clean, running, nobody's */
	DESKTOP_PARKED,	   /* clean, cloned from a template and stopped where that was; nobody's */
	DESKTOP_ASSIGNED,  /* somebody's, and it runs */
	DESKTOP_OFF,	   /* somebody's, kept, and it does not run */
	DESKTOP_STARTING,  /* somebody's, kept, and it is being started */
	DESKTOP_RESETTING, /* it was somebody's and is being thrown away */
	DESKTOP_RETIRED,   /* it was nobody's and is being thrown away */
	DESKTOP_FAILED,	   /* nothing of it is left but the row, whose note says why */
	DESKTOP_N_STATES
} DesktopState;

/* What was asked of libvirt and was not yet seen done. */
typedef enum {
	DESKTOP_INTENT_NONE,
	DESKTOP_INTENT_CLONE,
	DESKTOP_INTENT_START,
	DESKTOP_INTENT_DESTROY,
	DESKTOP_N_INTENTS
} DesktopIntent;

typedef struct {
	char *id, *pool, *uuid, *image;
	char *user; /* NULL: nobody ever held it */
	char *note; /* NULL: nothing to say */
	DesktopState state;
	DesktopIntent intent;
	gint64 created, changed; /* UTC seconds */
	gint64 turn; /* lower than that of every row that was inserted later */
	gint64 assigned;	 /* UTC seconds; 0: never */
	gboolean agent;
	gboolean kept; /* of a persistent pool: once it is somebody's, only they or an admin may end it */
	char *home;    /* the id of the disk of its person that it has, or is about to get; NULL: none */
	gboolean homed; /* its agent said that this is their home */
} DesktopRow;

void desktop_row_free(DesktopRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DesktopRow, desktop_row_free)

/* As the column holds it. Static. */
const char *desktop_state_word(DesktopState state);

/* Is there such a change at all? A desktop that was ever somebody's never becomes ready again. */
gboolean desktop_state_may_become(DesktopState from, DesktopState to);

/* A new row: cloning, intent clone, of @pool for @user (or NULL: a spare), with an id and a uuid of its own.
 * BUSY: @user has one in this pool already. Free with desktop_row_free. */
DesktopRow *desktops_insert(Store *store, const char *pool, const char *image, const char *user, gboolean kept, gint64 now,
	GError **error);

/* Every row, oldest first (DesktopRow *, freed by the array). NULL on failure. */
GPtrArray *desktops_list(Store *store, GError **error);

/* These change the table and, when that went well, @row. They fail with BUSY when the row in the table is no longer in
 * row->state (nothing has changed then), or as store.h says. @note NULL keeps the old one, "" clears it. */
gboolean desktops_move(Store *store, DesktopRow *row, DesktopState to, DesktopIntent intent, const char *note, gint64 now,
	GError **error);
/* To ready, parked or cloning rows without a user only. @to is DESKTOP_ASSIGNED, or DESKTOP_CLONING for one that does not run yet. */
gboolean desktops_assign(Store *store, DesktopRow *row, DesktopState to, const char *user, gint64 now, GError **error);
gboolean desktops_set_intent(Store *store, DesktopRow *row, DesktopIntent intent, GError **error);
/* An agent that speaks clears the note: "no agent" is then no more true. */
gboolean desktops_set_agent(Store *store, DesktopRow *row, gboolean agent, GError **error);
/* BUSY while another desktop has @home, in whatever state: it is on one at a time. NULL: it has none any more. */
gboolean desktops_set_home(Store *store, DesktopRow *row, const char *home, GError **error);
gboolean desktops_set_homed(Store *store, DesktopRow *row, GError **error);
gboolean desktops_delete(Store *store, const DesktopRow *row, GError **error);
