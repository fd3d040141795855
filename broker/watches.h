/* Watching a desktop that somebody is at: the pool's word (Shadow=), the person's consent, and the ticket for who may. The question is
 * drawn into the picture by carrel-screen (display/watch.h) and told to the portal's page; either answers it.
 *
 * Who watches gets a session of its own kind, in the name of whoever asked, that opens this one desktop to look at while this person has
 * it. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

/* Of a session; "portal" and "vnc" are others (broker/store/sessions.h). */
#define SESSION_WATCH "watch"

Watches *watches_new(Broker *broker);
void watches_free(Watches *watches);

typedef struct {
	char *answer;      /* "granted", "refused", "silent", "nobody" (org.carrel.Display1.AskWatch) */
	TicketRow *ticket; /* for a VNC viewer; NULL unless it was granted */
} WatchResult;

void watch_result_free(WatchResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WatchResult, watch_result_free)

/* @who (as it is drawn, and audited as @actor) wants to watch @desktop from @address; from the portal, where @by is their session there (or
 * NULL). NOT_FOUND: nobody has it, or nobody is at it. DENIED: the pool says no. BUSY: somebody else asks. Takes as long as the person
 * does, 35 s at most. */
void watches_ask_async(Watches *watches, const char *desktop, const char *who, const char *actor, const char *address, const char *by,
        GAsyncReadyCallback callback, void *data);
WatchResult *watches_ask_finish(GAsyncResult *result, GError **error);

/* A question that waits. */
typedef struct {
	const char *who; /* NULL: there is none. Valid until the main loop runs */
	guint number;    /* another one for each question */
	gint64 left;     /* seconds for an answer */
} WatchQuestion;

WatchQuestion watches_asking(const Watches *watches, const char *desktop);
/* The names of those who watch it now, with commas; NULL: nobody. Free with g_free. */
char *watches_watching(const Watches *watches, const char *desktop);

/* The person's word from the portal. FALSE with no question that waits ends the watching. */
void watches_answer(Watches *watches, const char *desktop, gboolean yes);

/* The session (of the kind "watch") by which who is signed in as @by may watch @desktop; NULL: none. Free with session_row_free. */
SessionRow *watches_of(const Watches *watches, const char *by, const char *desktop);
/* Who is signed in there watches no more. */
void watches_end_of(Watches *watches, const char *by);

/* May this session (of the kind "watch") look at @desktop, which @holder has now? */
gboolean watches_allows(const Watches *watches, const char *session, const char *desktop, const char *holder);
