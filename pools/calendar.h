/* What ResetAt= and Schedule= of a pool file say: moments and windows of the week, in the host's local time.
 *
 * A moment is a subset of what OnCalendar= takes (systemd.time(7)): [DAYS] HH:MM. DAYS is a list of Mon to Sun, or their full
 * names, and of ranges such as Mon..Fri; without it, every day. There are no dates, seconds, repetitions and time zones.
 * A window is [DAYS] HH:MM-HH:MM NUMBER; one that ends before it begins goes on into the next day, and 24:00 is the end of a day.
 *
 * Both come as a list whose items commas part (SETTING_LIST). Commas stand between days as well, so an item that is nothing but
 * days belongs to the next one.
 *
 * When clocks are put forward, a moment that is passed over comes when the gap ends; when they are put back, one that there is
 * twice comes the first time only. A window follows the clock on the wall. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* The most that a window may ask for. */
#define CALENDAR_NUMBER_MAX 1000

/* TRUE, or FALSE with @why set to a clause that says what is wrong. @items ends with NULL. Free *@why with g_free. */
gboolean calendar_check_moments(const char *const *items, char **why);
gboolean calendar_check_windows(const char *const *items, char **why);

/* The first moment behind @after (UTC seconds), or 0 where @items is empty. They were checked. */
gint64 calendar_next(const char *const *items, gint64 after);

/* The number of the first window that @now (UTC seconds) lies in, or @fallback where it lies in none. They were checked. */
gint64 calendar_spare(const char *const *windows, gint64 now, gint64 fallback);

/* The largest number of a window; -1: there are none. They were checked. */
gint64 calendar_spare_max(const char *const *windows);
