/* How much sound is under way to a client. It says what it has heard; what is sent beyond that waits somewhere: in our queue, the
 * gateway's, the network's. When that is more than SOUND_LATE_US over the best that this way has shown, no more is sent for a while.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* What may wait, beyond the way's own time. */
#define SOUND_LATE_US 200000
/* 2.56 s of packets: as much as the longest way holds. */
#define SOUND_UNDER_WAY 256

typedef struct {
	gint64 sent[SOUND_UNDER_WAY]; /* when, by number; 0: not */
	guint32 first, next;          /* numbers: the oldest that may be under way, and what comes after the newest */
	gint64 best;                  /* the shortest time from sending to the word that it was heard; 0: not known yet */
} SoundPace;

/* May one more be sent at @now (microseconds)? */
gboolean sound_pace_may_send(SoundPace *pace, gint64 now);
/* Packet @number, higher than those before, is sent. */
void sound_pace_sent(SoundPace *pace, guint32 number, gint64 now);
/* The client has heard all up to @number, as it says. */
void sound_pace_heard(SoundPace *pace, guint32 number, gint64 now);
