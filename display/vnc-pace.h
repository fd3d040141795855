/* How much may be under way to a client, and how sharp it may be: from how long it takes until a client says that it has read what it was
 * sent (RFB's Fence). A path holds what is sent during one round trip; what is more waits in somebody's buffer, and by the time that it
 * comes out the person sees the past. So at most one update more than the path holds is under way. In the way of TCP Vegas: the window
 * grows while round trips stay as short as the shortest, and shrinks by what waits when they do not.
 * Pure: all times are given. A client that answers no fences is not paced here; it asks for each update.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Marks under way at a time; further updates wait. */
#define VNC_PACE_MARKS_MAX 64
/* How far the quality of pictures is lowered at most, in steps. */
#define VNC_PACE_STEPS_MAX 5

typedef struct {
	guint64 sent;   /* bytes, all before and with the mark */
	guint64 flying; /* bytes under way then, those of its update among them */
	gint64 time;
	gboolean limited; /* the window, or the path before it, held up more */
} VncPaceMark;

typedef struct {
	VncPaceMark marks[VNC_PACE_MARKS_MAX]; /* a ring */
	guint first, n;
	guint64 sent, arrived; /* bytes */
	guint64 window;
	gboolean slow_start;
	gboolean limited; /* since the last mark somebody waited */
	gint64 base_rtt;  /* the shortest of this and the last period, less what the bytes themselves took, µs; 0: none yet */
	gint64 next_base_rtt, base_until;
	guint64 next_bandwidth;
	gint64 round_until, round_rtt; /* the mark that ends this round was sent then; its shortest */
	guint64 round_arrived;         /* bytes, at its begin */
	gint64 round_begin;
	gboolean round_limited;
	guint64 update;    /* a usual update's bytes */
	guint64 bandwidth; /* bytes a second, the most of this and the last period; 0: was never short. While slow_start, that is what the
	                    * window let through, and no more is known */
	guint steps;       /* that the quality is lowered by */
	gint64 steps_time, full_time; /* when it was changed last, and when the path was too full last */
} VncPace;

void vnc_pace_init(VncPace *pace);

/* There is room for an update. Where there is none, the pace remembers that somebody waits. */
gboolean vnc_pace_may_send(VncPace *pace);
/* The client has not read all that it was sent. */
gboolean vnc_pace_is_under_way(const VncPace *pace);
/* What holds up is not the window but the client's connection, which takes no more just now. */
void vnc_pace_held_up(VncPace *pace);
/* An update of @bytes goes out, with a mark (a fence) behind it. More marks than there may be are not followed. */
void vnc_pace_sent(VncPace *pace, guint64 bytes, gint64 now);
/* The oldest mark came back. Without one under way nothing happens. */
void vnc_pace_arrived(VncPace *pace, gint64 now);
/* How many bytes one update should have so that what is typed meanwhile is not behind it for long. 0: as many as it likes. */
guint64 vnc_pace_update_max(const VncPace *pace);
/* Bytes a second that the path takes. 0: it was never short of anything. */
guint64 vnc_pace_bandwidth(const VncPace *pace);
