/* Somebody else wants to look at a desktop that is in use: the question that the person is asked, their answer, and the word that stays in
 * the picture while somebody looks. Both are drawn by the host into every client's picture, and the answer is taken from the clients'
 * keys before the guest gets them: it is the same for each protocol, needs no agent, and no guest can ask or answer in anybody's name.
 *
 * Ctrl+Alt+1 is yes. Ctrl+Alt+0 is no, and ends it later. (Digits lie in the same place on nearly all keyboards.)
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#define WATCH_ASK_MS 30000

typedef struct Watch Watch;

typedef enum {
	WATCH_REFUSED,
	WATCH_GRANTED,
	WATCH_SILENT, /* nobody said anything in time, which is a no */
	WATCH_NOBODY, /* nobody is there to be asked, or the last one left meanwhile */
} WatchAnswer;

/* "refused", "granted", "silent", "nobody" */
const char *watch_answer_word(WatchAnswer answer);

/* Called from within the functions below, and by a timer. */
typedef struct {
	/* What is to be drawn now; NULL: nothing. @large: a question. */
	void (*on_plate)(const char *text, gboolean large, void *data);
	/* Whoever watches has to go. */
	void (*on_end)(const char *why, void *data);
} WatchEvents;

/* @ask_ms: WATCH_ASK_MS, or less in a test. */
Watch *watch_new(guint ask_ms, const WatchEvents *events, void *data);
/* An answer that is due is WATCH_NOBODY. */
void watch_free(Watch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watch, watch_free)

/* Asks whether @who may look. @on_answer is called once, at once or later; BUSY where a question waits already. */
typedef void (*WatchAnswered)(WatchAnswer answer, void *data);
gboolean watch_ask(Watch *watch, const char *who, WatchAnswered on_answer, void *data, GError **error);
/* The person has answered elsewhere, or has had enough: yes is for a question alone; no ends the watching, too, when there is none. */
void watch_answer(Watch *watch, gboolean yes);
/* Draws once more: something else stood in its place. */
void watch_draw(Watch *watch);
/* A key on its way into the guest. TRUE: it was for us, and goes no further. */
gboolean watch_key(Watch *watch, guint qnum, gboolean down);

/* One who works at the desktop came or left. When the last leaves, so must those who watch. */
void watch_person_joined(Watch *watch);
void watch_person_left(Watch *watch);
/* One who watches. @who is drawn. */
void watch_watcher_joined(Watch *watch, const char *who);
void watch_watcher_left(Watch *watch, const char *who);
