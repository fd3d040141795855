/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/console.h"

#define CONSOLE_PATH_FORMAT "/org/qemu/Display1/Console_%u"
#define CONSOLE_PATH "/org/qemu/Display1/Console_0"
#define KEYBOARD "org.qemu.Display1.Keyboard"
/* QEMU_CAPS_LOCK_LED in QEMU's ui/input.h: what Keyboard.Modifiers is made of. */
#define CAPS_LOCK_LED (1u << 2)
#define RESIZE_DELAY_MS 100
/* A guest that does not follow is told once more after so long, then after twice that, ...; no guest has to follow. */
#define REMIND_MS 1000
#define REMINDERS_MAX 4
/* Tells the guest about 96 dots an inch. */
#define MM_OF_PIXELS(n) ((guint16)((n)*254 / 960))

struct Console {
	GDBusConnection *qemu;
	Heads wish, seen;
	guint max;
	guint resize_id, leds_id;
	guint remind_id, reminders; /* how many there were since the wish */
	GCancellable *ended;
	guint leds;
	void (*on_leds)(guint leds, void *data);
	void *data;
};

static void
call(Console *console, const char *path, const char *interface, const char *method, GVariant *args)
{
	g_dbus_connection_call(console->qemu, NULL, path, interface, method, args, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
}

static void
set_leds(Console *console, guint leds)
{
	if (console->leds == leds)
		return;
	console->leds = leds;
	console->on_leds(leds, console->data);
}

static void
on_keyboard_changed(GDBusConnection *qemu, const char *sender, const char *path, const char *interface, const char *signal, GVariant *args,
        gpointer data)
{
	Console *console = data;
	g_autoptr(GVariant) changed = NULL;
	const char *name;
	guint leds;

	if (!g_variant_is_of_type(args, G_VARIANT_TYPE("(sa{sv}as)")))
		return;
	g_variant_get(args, "(&s@a{sv}as)", &name, &changed, NULL);
	if (g_str_equal(name, KEYBOARD) && g_variant_lookup(changed, "Modifiers", "u", &leds))
		set_leds(console, leds);
}

static void
on_leds_read(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GVariant) value = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

	/* On any failure, its end (then @data is gone) among them, Caps Lock counts as off. */
	if (answer == NULL)
		return;
	g_variant_get(answer, "(v)", &value);
	if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
		set_leds(data, g_variant_get_uint32(value));
}

static void
follow_leds(Console *console)
{
	console->leds_id = g_dbus_connection_signal_subscribe(console->qemu, NULL, "org.freedesktop.DBus.Properties", "PropertiesChanged",
	        CONSOLE_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_keyboard_changed, console, NULL);
	g_dbus_connection_call(console->qemu, NULL, CONSOLE_PATH, "org.freedesktop.DBus.Properties", "Get",
	        g_variant_new("(ss)", KEYBOARD, "Modifiers"), G_VARIANT_TYPE("(v)"), G_DBUS_CALL_FLAGS_NONE, -1, console->ended,
	        on_leds_read, console);
}

Console *
console_new(GDBusConnection *qemu, void (*on_leds)(guint leds, void *data), void *data)
{
	Console *console = g_new0(Console, 1);

	console->qemu = g_object_ref(qemu);
	console->on_leds = on_leds;
	console->data = data;
	console->ended = g_cancellable_new();
	follow_leds(console);
	return console;
}

void
console_free(Console *console)
{
	if (console == NULL)
		return;
	g_clear_handle_id(&console->resize_id, g_source_remove);
	g_clear_handle_id(&console->remind_id, g_source_remove);
	g_cancellable_cancel(console->ended);
	g_object_unref(console->ended);
	g_dbus_connection_signal_unsubscribe(console->qemu, console->leds_id);
	g_object_unref(console->qemu);
	g_free(console);
}

void
console_key(Console *console, guint qnum, gboolean down)
{
	call(console, CONSOLE_PATH, KEYBOARD, down ? "Press" : "Release", g_variant_new("(u)", qnum));
}

gboolean
console_caps_lock(const Console *console)
{
	return (console->leds & CAPS_LOCK_LED) != 0;
}

void
console_motion(Console *console, int x, int y)
{
	call(console, CONSOLE_PATH, "org.qemu.Display1.Mouse", "SetAbsPosition", g_variant_new("(uu)", (guint)x, (guint)y));
}

void
console_button(Console *console, Button button, gboolean down)
{
	call(console, CONSOLE_PATH, "org.qemu.Display1.Mouse", down ? "Press" : "Release", g_variant_new("(u)", (guint)button));
}

/* An empty one: it is not there. */
static void
set_monitor(Console *console, guint head, const Rect *rect)
{
	g_autofree char *path = g_strdup_printf(CONSOLE_PATH_FORMAT, head);
	/* QEMU says nothing to the guest where nothing differs from before. */
	guint width_mm = MM_OF_PIXELS(rect->width) + console->reminders % 2;

	call(console, path, "org.qemu.Display1.Console", "SetUIInfo",
	        g_variant_new("(qqiiuu)", (guint16)width_mm, MM_OF_PIXELS(rect->height), rect->x, rect->y, (guint)rect->width,
	                (guint)rect->height));
}

static void
set_monitors(Console *console)
{
	for (guint i = 0; i < console->max; i++)
		set_monitor(console, i, &console->wish.rects[i]);
}

static gboolean
is_followed(const Console *console)
{
	for (guint i = 0; i < console->max; i++) {
		if (console->wish.rects[i].width != console->seen.rects[i].width ||
			console->wish.rects[i].height != console->seen.rects[i].height)
			return FALSE;
	}
	return TRUE;
}

static gboolean
on_remind(gpointer data)
{
	Console *console = data;

	console->remind_id = 0;
	if (is_followed(console))
		return G_SOURCE_REMOVE;
	console->reminders++;
	set_monitors(console);
	if (console->reminders < REMINDERS_MAX)
		console->remind_id = g_timeout_add(REMIND_MS << console->reminders, on_remind, console);
	return G_SOURCE_REMOVE;
}

static gboolean
on_resize(gpointer data)
{
	Console *console = data;

	console->resize_id = 0;
	console->reminders = 0;
	set_monitors(console);
	g_clear_handle_id(&console->remind_id, g_source_remove);
	console->remind_id = g_timeout_add(REMIND_MS, on_remind, console);
	return G_SOURCE_REMOVE;
}

void
console_arrange(Console *console, const Heads *wish, guint max)
{
	console->wish = *wish;
	console->max = MIN(max, HEADS_MAX);
	if (console->resize_id == 0)
		console->resize_id = g_timeout_add(RESIZE_DELAY_MS, on_resize, console);
}

void
console_saw(Console *console, const Heads *heads)
{
	console->seen = *heads;
	if (is_followed(console))
		g_clear_handle_id(&console->remind_id, g_source_remove);
}

void
console_unplug(Console *console, guint max)
{
	const Rect none = {0};

	for (guint i = 1; i < MIN(max, HEADS_MAX); i++)
		set_monitor(console, i, &none);
}
