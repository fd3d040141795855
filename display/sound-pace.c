/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/sound-pace.h"

#include <string.h>

/* What a way may take before it has shown its best, and the most that its best is taken to be. */
#define UNKNOWN_US 1000000
/* Ways get longer, too, when a computer changes its network: in half a minute that is the new best. */
#define FORGETTING 512

static void
skip_gaps(SoundPace *pace)
{
	while (pace->first != pace->next && pace->sent[pace->first % SOUND_UNDER_WAY] == 0)
		pace->first++;
}

gboolean
sound_pace_may_send(SoundPace *pace, gint64 now)
{
	gint64 allowed = (pace->best > 0 ? pace->best : UNKNOWN_US) + SOUND_LATE_US;

	skip_gaps(pace);
	if (pace->next - pace->first >= SOUND_UNDER_WAY)
		return FALSE;
	return pace->first == pace->next || now - pace->sent[pace->first % SOUND_UNDER_WAY] <= allowed;
}

void
sound_pace_sent(SoundPace *pace, guint32 number, gint64 now)
{
	/* A pause: nothing of before it is under way any more, or it is not going to be told. */
	if (pace->first == pace->next || number - pace->first >= SOUND_UNDER_WAY) {
		memset(pace->sent, 0, sizeof pace->sent);
		pace->first = number;
	}
	pace->sent[number % SOUND_UNDER_WAY] = now;
	pace->next = number + 1;
}

void
sound_pace_heard(SoundPace *pace, guint32 number, gint64 now)
{
	/* Of what was never sent, or is told of already, a client may say what it likes. */
	if (number - pace->first >= pace->next - pace->first)
		return;
	gint64 sent = pace->sent[number % SOUND_UNDER_WAY], took = MAX(now - sent, 1);

	if (sent > 0 && (pace->best == 0 || took < pace->best))
		pace->best = took;
	else if (sent > 0)
		pace->best = MIN(pace->best + (took - pace->best) / FORGETTING, UNKNOWN_US);
	for (; pace->first != number + 1; pace->first++)
		pace->sent[pace->first % SOUND_UNDER_WAY] = 0;
}
