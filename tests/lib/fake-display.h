/* A carrel-display without screens: org.carrel.Display1 on a socket, in the test's own main loop.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/recordings.h"

typedef struct FakeDisplay FakeDisplay;

/* Listens on @path. */
FakeDisplay *fake_display_new(const char *path);
void fake_display_free(FakeDisplay *display);

/* Of the last Admit: a{sv} with "desktop" and "uuid" added. NULL: none yet. Owned by the display. */
GVariant *fake_display_last_admission(const FakeDisplay *display);
guint fake_display_n_admissions(const FakeDisplay *display);

/* It has recordings in this folder, which are served as the real one serves them; none before. Owned by the display. */
Recordings *fake_display_record(FakeDisplay *display, const char *folder);
/* Signals that a recording ended. */
void fake_display_end_recording(FakeDisplay *display, const char *desktop, const char *id, const char *why, gboolean required);

/* How often EndClients was called for @desktop. */
guint fake_display_n_ended(const FakeDisplay *display, const char *desktop);

/* The client that was admitted last connects; it goes. Both signal. */
void fake_display_join(FakeDisplay *display);
void fake_display_leave(FakeDisplay *display);

/* Who asks to watch, until the person says something in the portal's page, or the test lets the screen say a word ("silent"); NULL: nobody. */
const char *fake_display_asking(const FakeDisplay *display);
void fake_display_answer(FakeDisplay *display, const char *word);
/* How often those who watch were sent away. */
guint fake_display_n_watches_ended(const FakeDisplay *display);

/* How long ago its client sent input. Default: just now. */
void fake_display_set_idle(FakeDisplay *display, gint64 seconds);
