/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/watch.h"

#include <string.h>

#include "broker/common/error.h"
#include "display/mark.h"

/* QEMU's key numbers. */
#define KEY_1 0x02
#define KEY_0 0x0b
#define KEY_CTRL_LEFT 0x1d
#define KEY_CTRL_RIGHT 0x9d
#define KEY_ALT_LEFT 0x38
#define KEY_ALT_RIGHT 0xb8

struct Watch {
	const WatchEvents *events;
	void *data;
	guint ask_ms;
	guint persons;
	GPtrArray *watchers; /* char * */
	char *asking;        /* who; NULL: nobody asks */
	WatchAnswered on_answer;
	void *answer_data;
	guint deadline_id;
	gboolean ctrl[2], alt[2];          /* held: left, right */
	gboolean swallowed_0, swallowed_1; /* down, and not told to the guest */
};

const char *
watch_answer_word(WatchAnswer answer)
{
	static const char *const words[] = {"refused", "granted", "silent", "nobody"};

	return words[answer];
}

static void
draw_question(Watch *watch)
{
	GString *text = g_string_new(NULL);

	mark_append_printable(text, watch->asking);
	g_string_append_printf(text,
	        " asks to watch your screen.\nCtrl+Alt+1: yes     Ctrl+Alt+0: no\nNo answer within %u seconds is a no.",
	        WATCH_ASK_MS / 1000);
	watch->events->on_plate(text->str, TRUE, watch->data);
	g_string_free(text, TRUE);
}

void
watch_draw(Watch *watch)
{
	GString *text;

	if (watch->asking) {
		draw_question(watch);
		return;
	}
	if (watch->watchers->len == 0) {
		watch->events->on_plate(NULL, FALSE, watch->data);
		return;
	}
	text = g_string_new("Watched by ");
	for (guint i = 0; i < watch->watchers->len; i++) {
		g_string_append(text, i > 0 ? ", " : "");
		mark_append_printable(text, watch->watchers->pdata[i]);
	}
	g_string_append(text, "   Ctrl+Alt+0 ends it");
	watch->events->on_plate(text->str, FALSE, watch->data);
	g_string_free(text, TRUE);
}

static void
finish(Watch *watch, WatchAnswer answer)
{
	WatchAnswered on_answer = watch->on_answer;

	if (watch->asking == NULL)
		return;
	g_clear_handle_id(&watch->deadline_id, g_source_remove);
	g_clear_pointer(&watch->asking, g_free);
	watch->on_answer = NULL;
	watch_draw(watch);
	on_answer(answer, watch->answer_data);
}

static gboolean
on_deadline(gpointer data)
{
	Watch *watch = data;

	watch->deadline_id = 0;
	finish(watch, WATCH_SILENT);
	return G_SOURCE_REMOVE;
}

Watch *
watch_new(guint ask_ms, const WatchEvents *events, void *data)
{
	Watch *watch = g_new0(Watch, 1);

	watch->ask_ms = ask_ms;
	watch->events = events;
	watch->data = data;
	watch->watchers = g_ptr_array_new_with_free_func(g_free);
	return watch;
}

void
watch_free(Watch *watch)
{
	if (watch == NULL)
		return;
	/* Nothing is drawn any more. */
	g_clear_handle_id(&watch->deadline_id, g_source_remove);
	if (watch->asking)
		watch->on_answer(WATCH_NOBODY, watch->answer_data);
	g_free(watch->asking);
	g_ptr_array_unref(watch->watchers);
	g_free(watch);
}

gboolean
watch_ask(Watch *watch, const char *who, WatchAnswered on_answer, void *data, GError **error)
{
	if (watch->asking) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_BUSY, "somebody else asks to watch this desktop just now");
		return FALSE;
	}
	if (watch->persons == 0) {
		on_answer(WATCH_NOBODY, data);
		return TRUE;
	}
	watch->asking = g_strdup(who);
	watch->on_answer = on_answer;
	watch->answer_data = data;
	watch->deadline_id = g_timeout_add(watch->ask_ms, on_deadline, watch);
	watch_draw(watch);
	return TRUE;
}

void
watch_answer(Watch *watch, gboolean yes)
{
	if (watch->asking)
		finish(watch, yes ? WATCH_GRANTED : WATCH_REFUSED);
	else if (!yes && watch->watchers->len > 0)
		watch->events->on_end("the person ended it", watch->data);
}

static void
note_modifier(Watch *watch, guint qnum, gboolean down)
{
	if (qnum == KEY_CTRL_LEFT || qnum == KEY_CTRL_RIGHT)
		watch->ctrl[qnum == KEY_CTRL_RIGHT] = down;
	else if (qnum == KEY_ALT_LEFT || qnum == KEY_ALT_RIGHT)
		watch->alt[qnum == KEY_ALT_RIGHT] = down;
}

gboolean
watch_key(Watch *watch, guint qnum, gboolean down)
{
	gboolean *swallowed = qnum == KEY_0 ? &watch->swallowed_0 : &watch->swallowed_1;
	gboolean wanted = qnum == KEY_0 ? watch->asking || watch->watchers->len > 0 : watch->asking != NULL;

	note_modifier(watch, qnum, down);
	if (qnum != KEY_0 && qnum != KEY_1)
		return FALSE;
	/* The keyboard's own repetition of a key that was ours, and its release. */
	if (*swallowed) {
		*swallowed = down;
		return TRUE;
	}
	if (!down || !wanted || !(watch->ctrl[0] || watch->ctrl[1]) || !(watch->alt[0] || watch->alt[1]))
		return FALSE;
	*swallowed = TRUE;
	watch_answer(watch, qnum == KEY_1);
	return TRUE;
}

void
watch_person_joined(Watch *watch)
{
	watch->persons++;
}

void
watch_person_left(Watch *watch)
{
	if (watch->persons == 0 || --watch->persons > 0)
		return;
	finish(watch, WATCH_NOBODY);
	if (watch->watchers->len > 0)
		watch->events->on_end("the person left", watch->data);
}

void
watch_watcher_joined(Watch *watch, const char *who)
{
	g_ptr_array_add(watch->watchers, g_strdup(who));
	watch_draw(watch);
}

void
watch_watcher_left(Watch *watch, const char *who)
{
	guint i;

	if (!g_ptr_array_find_with_equal_func(watch->watchers, who, g_str_equal, &i))
		return;
	g_ptr_array_remove_index(watch->watchers, i);
	watch_draw(watch);
}
