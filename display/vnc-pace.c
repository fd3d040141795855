/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc-pace.h"

#define WINDOW_FIRST (128 * 1024)
#define WINDOW_MIN (16 * 1024)
#define WINDOW_MAX (32 * 1024 * 1024)
#define SLACK_MIN (8 * 1024)
/* A path is measured anew within this, for paths change. */
#define BASE_PERIOD (10 * G_TIME_SPAN_SECOND)
/* One update should not take longer than this to go through. */
#define UPDATE_TIME (60 * G_TIME_SPAN_MILLISECOND)
#define FRAMES_MIN 20
/* The quality is lowered and raised by one step in this time at most. */
#define STEP_DOWN (400 * G_TIME_SPAN_MILLISECOND)
#define STEP_UP (3 * G_TIME_SPAN_SECOND)

void
vnc_pace_init(VncPace *pace)
{
	*pace = (VncPace){.window = WINDOW_FIRST, .slow_start = TRUE, .update = SLACK_MIN};
}

gboolean
vnc_pace_may_send(VncPace *pace)
{
	if (pace->n < VNC_PACE_MARKS_MAX && pace->sent - pace->arrived <= pace->window)
		return TRUE;
	pace->limited = TRUE;
	return FALSE;
}

gboolean
vnc_pace_is_under_way(const VncPace *pace)
{
	return pace->n > 0;
}

void
vnc_pace_held_up(VncPace *pace)
{
	pace->limited = TRUE;
}

void
vnc_pace_sent(VncPace *pace, guint64 bytes, gint64 now)
{
	pace->sent += bytes;
	if (pace->n == VNC_PACE_MARKS_MAX)
		return;
	pace->update = MAX(SLACK_MIN, (pace->update * 7 + bytes) / 8);
	pace->marks[(pace->first + pace->n++) % VNC_PACE_MARKS_MAX] =
	        (VncPaceMark){pace->sent, pace->sent - pace->arrived, now, pace->limited};
	pace->limited = FALSE;
}

/* What a picture takes to go through the path says nothing of how long the path is. How much that is, is known once the path was full. */
static void
measure_base(VncPace *pace, const VncPaceMark *mark, gint64 now)
{
	gint64 rtt = MAX(now - mark->time, 1), passing;

	passing = pace->slow_start || pace->bandwidth == 0 ? 0 : (gint64)(mark->flying * G_TIME_SPAN_SECOND / pace->bandwidth);
	rtt = MAX(rtt - passing, rtt / 16 + 1);
	if (pace->base_rtt == 0 || rtt < pace->base_rtt)
		pace->base_rtt = rtt;
	if (pace->next_base_rtt == 0 || rtt < pace->next_base_rtt)
		pace->next_base_rtt = rtt;
	if (now < pace->base_until)
		return;
	if (pace->base_until != 0) {
		pace->base_rtt = pace->next_base_rtt;
		pace->bandwidth = pace->next_bandwidth > 0 ? pace->next_bandwidth : pace->bandwidth;
	}
	pace->next_base_rtt = 0;
	pace->next_bandwidth = 0;
	pace->base_until = now + BASE_PERIOD;
}

/* Where the path takes less than FRAMES_MIN updates a second, pictures become less sharp; where it did not for long, sharper. */
static void
adapt_quality(VncPace *pace, gboolean full, gint64 now)
{
	if (full) {
		pace->full_time = now;
		if (pace->steps < VNC_PACE_STEPS_MAX && now - pace->steps_time >= STEP_DOWN) {
			pace->steps++;
			pace->steps_time = now;
		}
	} else if (pace->steps > 0 && now - MAX(pace->steps_time, pace->full_time) >= STEP_UP) {
		pace->steps--;
		pace->steps_time = now;
	}
}

static void
end_round(VncPace *pace, gint64 now)
{
	guint64 flying = pace->sent - pace->arrived, slack = MAX(SLACK_MIN, pace->update);
	guint64 went = pace->arrived - pace->round_arrived, waiting;
	gint64 took = MAX(now - pace->round_begin, 1);

	flying = MAX(flying, went);
	waiting = flying - flying * (guint64)pace->base_rtt / (guint64)MAX(pace->round_rtt, 1);
	if (pace->round_limited) {
		guint64 bandwidth = went * G_TIME_SPAN_SECOND / (guint64)took;

		pace->bandwidth = MAX(pace->bandwidth, bandwidth);
		pace->next_bandwidth = MAX(pace->next_bandwidth, bandwidth);
	}
	if (waiting > slack + slack / 2) {
		guint64 surplus = waiting - slack / 2;

		pace->slow_start = FALSE;
		pace->window = pace->window > surplus ? pace->window - surplus : 0;
	} else if (pace->round_limited && waiting < slack) {
		pace->window += pace->slow_start ? pace->window : slack;
	}
	pace->window = CLAMP(pace->window, WINDOW_MIN, WINDOW_MAX);
	adapt_quality(pace, !pace->slow_start && pace->round_limited && pace->update * FRAMES_MIN > pace->bandwidth, now);
}

void
vnc_pace_arrived(VncPace *pace, gint64 now)
{
	VncPaceMark *mark = &pace->marks[pace->first];
	gint64 rtt;

	if (pace->n == 0)
		return;
	pace->first = (pace->first + 1) % VNC_PACE_MARKS_MAX;
	pace->n--;
	pace->arrived = mark->sent;
	rtt = MAX(now - mark->time, 1);
	measure_base(pace, mark, now);
	pace->round_rtt = pace->round_rtt == 0 ? rtt : MIN(pace->round_rtt, rtt);
	pace->round_limited |= mark->limited;
	if (mark->time < pace->round_until)
		return;
	end_round(pace, now);
	pace->round_until = pace->round_begin = now;
	pace->round_arrived = pace->arrived;
	pace->round_rtt = 0;
	pace->round_limited = FALSE;
}

guint64
vnc_pace_update_max(const VncPace *pace)
{
	guint64 bandwidth = vnc_pace_bandwidth(pace);

	return bandwidth == 0 ? 0 : MAX(bandwidth * UPDATE_TIME / G_TIME_SPAN_SECOND, WINDOW_MIN);
}

guint64
vnc_pace_bandwidth(const VncPace *pace)
{
	return pace->slow_start ? 0 : pace->bandwidth;
}
