/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/calendar.h"

#include <string.h>

#define DAY_S	   86400
#define DAY_MIN	   1440
#define WEEK_DAYS  7
#define EVERY_DAY  0x7fu
#define FIRST_DAY  3 /* 1 January 1970 was a Thursday */

/* One entry: a moment, or a window. */
typedef struct {
	guint days; /* bit 0: Monday */
	int from, to; /* minutes of the day; to: of a window */
	gint64 number;
} Entry;

/* TRUE ends the walk. */
typedef gboolean (*Visit)(const Entry *entry, void *data);

static const char *const day_names[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

static gboolean
read_day(const char **text, int *day)
{
	gsize length = 0;

	while (g_ascii_isalpha((*text)[length]))
		length++;
	for (int i = 0; i < WEEK_DAYS; i++) {
		if ((length == 3 || length == strlen(day_names[i])) && g_ascii_strncasecmp(*text, day_names[i], length) == 0) {
			*day = i;
			*text += length;
			return TRUE;
		}
	}
	return FALSE;
}

/* One day, or a range of them; commas have parted the list. */
static gboolean
read_days(const char **text, guint *days)
{
	int first, last;

	if (!read_day(text, &first))
		return FALSE;
	last = first;
	if (g_str_has_prefix(*text, "..")) {
		*text += 2;
		if (!read_day(text, &last) || last < first)
			return FALSE;
	}
	for (int day = first; day <= last; day++)
		*days |= 1u << day;
	return TRUE;
}

static gboolean
read_number(const char **text, gint64 max, gint64 *number)
{
	gint64 value = 0;

	if (!g_ascii_isdigit(**text))
		return FALSE;
	for (; g_ascii_isdigit(**text); (*text)++) {
		value = value * 10 + **text - '0';
		if (value > max)
			return FALSE;
	}
	*number = value;
	return TRUE;
}

static gboolean
read_clock(const char **text, int *minute)
{
	gint64 hours, minutes;

	if (!read_number(text, 24, &hours) || **text != ':')
		return FALSE;
	++*text;
	if (!g_ascii_isdigit((*text)[0]) || !g_ascii_isdigit((*text)[1]) || !read_number(text, 59, &minutes))
		return FALSE;
	*minute = (int)(hours * 60 + minutes);
	return *minute <= DAY_MIN;
}

static void
skip_blanks(const char **text)
{
	while (**text == ' ' || **text == '\t')
		++*text;
}

static gboolean
read_window(const char **text, Entry *entry)
{
	if (**text != '-')
		return FALSE;
	++*text;
	if (!read_clock(text, &entry->to) || (**text != ' ' && **text != '\t'))
		return FALSE;
	skip_blanks(text);
	return entry->from < DAY_MIN && entry->to != entry->from && read_number(text, CALENDAR_NUMBER_MAX, &entry->number);
}

static gboolean
read_entry(const char *text, gboolean windows, Entry *entry)
{
	return read_clock(&text, &entry->from) && (windows ? read_window(&text, entry) : entry->from < DAY_MIN) && *text == '\0';
}

/* Reads the days at the beginning of @item into @days; *@rest is what is behind them. FALSE: letters that are no days. */
static gboolean
split_item(const char *item, guint *days, const char **rest)
{
	*rest = item;
	if (!g_ascii_isalpha(*item))
		return TRUE;
	if (!read_days(rest, days) || (**rest != '\0' && **rest != ' ' && **rest != '\t'))
		return FALSE;
	skip_blanks(rest);
	return TRUE;
}

/* FALSE: an item is wrong, and *@why says why. */
static gboolean
walk(const char *const *items, gboolean windows, Visit visit, void *data, char **why)
{
	const char *open = NULL; /* an item of days whose time has not come yet */
	guint days = 0;

	for (; *items != NULL; items++) {
		Entry entry = {0};
		const char *rest;

		if (!split_item(*items, &days, &rest)) {
			*why = g_strdup_printf("“%s”: days are Mon, Tue, Wed, Thu, Fri, Sat, Sun, or a range such as Mon..Fri", *items);
			return FALSE;
		}
		open = *rest == '\0' ? *items : NULL;
		if (open)
			continue;
		if (!read_entry(rest, windows, &entry)) {
			*why = windows ? g_strdup_printf("“%s” is not a window such as Mon..Fri 08:30-18:00 20, the number being "
							 "0 to %d", *items, CALENDAR_NUMBER_MAX)
				       : g_strdup_printf("“%s” is not a time such as 22:00 or Mon..Fri 22:00", *items);
			return FALSE;
		}
		entry.days = days ? days : EVERY_DAY;
		days = 0;
		if (visit && visit(&entry, data))
			return TRUE;
	}
	if (open)
		*why = g_strdup_printf("there is no time behind “%s”", open);
	return open == NULL;
}

gboolean
calendar_check_moments(const char *const *items, char **why)
{
	return walk(items, FALSE, NULL, NULL, why);
}

gboolean
calendar_check_windows(const char *const *items, char **why)
{
	return walk(items, TRUE, NULL, NULL, why);
}

static gint64
floor_days(gint64 seconds)
{
	return seconds >= 0 ? seconds / DAY_S : -((-seconds + DAY_S - 1) / DAY_S);
}

static gboolean
has_day(const Entry *entry, gint64 day)
{
	gint64 weekday = ((day + FIRST_DAY) % WEEK_DAYS + WEEK_DAYS) % WEEK_DAYS;

	return (entry->days >> weekday & 1) != 0;
}

static gint64
to_local(GTimeZone *zone, gint64 utc)
{
	int interval = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, utc);

	return utc + g_time_zone_get_offset(zone, interval);
}

typedef struct {
	GTimeZone *zone;
	gint64 after, next; /* next: 0: none yet */
} Search;

/* GLib puts a time that does not exist to the end of the gap, and takes summer time, the first, of one that there is twice. */
static gint64
moment_of(GTimeZone *zone, gint64 day, int minute)
{
	gint64 local = day * DAY_S + minute * 60;
	int interval = g_time_zone_adjust_time(zone, G_TIME_TYPE_DAYLIGHT, &local);

	return local - g_time_zone_get_offset(zone, interval);
}

static gboolean
find_next(const Entry *entry, void *data)
{
	Search *search = data;
	gint64 today = floor_days(to_local(search->zone, search->after));

	/* A day more than a week: today's may be over. */
	for (gint64 day = today; day <= today + WEEK_DAYS; day++) {
		gint64 moment = has_day(entry, day) ? moment_of(search->zone, day, entry->from) : 0;

		if (moment <= search->after)
			continue;
		if (search->next == 0 || moment < search->next)
			search->next = moment;
		break;
	}
	return FALSE;
}

gint64
calendar_next(const char *const *items, gint64 after)
{
	g_autoptr(GTimeZone) zone = g_time_zone_new_local();
	g_autofree char *why = NULL;
	Search search = {zone, after, 0};

	walk(items, FALSE, find_next, &search, &why);
	return search.next;
}

typedef struct {
	gint64 local, number;
} Lookup;

static gboolean
find_number(const Entry *entry, void *data)
{
	Lookup *lookup = data;
	gint64 day = floor_days(lookup->local);
	int minute = (int)((lookup->local - day * DAY_S) / 60);
	gboolean over_midnight = entry->to < entry->from;
	gboolean today = has_day(entry, day) && minute >= entry->from && (over_midnight || minute < entry->to);
	gboolean since_yesterday = over_midnight && has_day(entry, day - 1) && minute < entry->to;

	if (!today && !since_yesterday)
		return FALSE;
	lookup->number = entry->number;
	return TRUE;
}

gint64
calendar_spare(const char *const *windows, gint64 now, gint64 fallback)
{
	g_autoptr(GTimeZone) zone = g_time_zone_new_local();
	g_autofree char *why = NULL;
	Lookup lookup = {to_local(zone, now), fallback};

	walk(windows, TRUE, find_number, &lookup, &why);
	return lookup.number;
}

static gboolean
find_largest(const Entry *entry, void *data)
{
	gint64 *largest = data;

	*largest = MAX(*largest, entry->number);
	return FALSE;
}

gint64
calendar_spare_max(const char *const *windows)
{
	g_autofree char *why = NULL;
	gint64 largest = -1;

	walk(windows, TRUE, find_largest, &largest, &why);
	return largest;
}
