/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/console.h"

#include "display/frame.h"

#define CONSOLE_PATH "/org/qemu/Display1/Console_0"
#define RESIZE_DELAY_MS 100
#define SIDE_MIN 200
/* Tells the guest about 96 dots an inch. */
#define MM_OF_PIXELS(n) ((guint16)((n) * 254 / 960))

struct Console {
	GDBusConnection *qemu;
	int width, height;
	guint resize_id;
};

static void
call(Console *console, const char *interface, const char *method, GVariant *args)
{
	g_dbus_connection_call(console->qemu, NULL, CONSOLE_PATH, interface, method, args, NULL, G_DBUS_CALL_FLAGS_NONE,
		-1, NULL, NULL, NULL);
}

Console *
console_new(GDBusConnection *qemu)
{
	Console *console = g_new0(Console, 1);

	console->qemu = g_object_ref(qemu);
	return console;
}

void
console_free(Console *console)
{
	if (console == NULL)
		return;
	g_clear_handle_id(&console->resize_id, g_source_remove);
	g_object_unref(console->qemu);
	g_free(console);
}

void
console_key(Console *console, guint qnum, gboolean down)
{
	call(console, "org.qemu.Display1.Keyboard", down ? "Press" : "Release", g_variant_new("(u)", qnum));
}

void
console_motion(Console *console, int x, int y)
{
	call(console, "org.qemu.Display1.Mouse", "SetAbsPosition", g_variant_new("(uu)", (guint)x, (guint)y));
}

void
console_button(Console *console, Button button, gboolean down)
{
	call(console, "org.qemu.Display1.Mouse", down ? "Press" : "Release", g_variant_new("(u)", (guint)button));
}

static gboolean
on_resize(gpointer data)
{
	Console *console = data;
	int width = console->width, height = console->height;

	console->resize_id = 0;
	call(console, "org.qemu.Display1.Console", "SetUIInfo",
		g_variant_new("(qqiiuu)", MM_OF_PIXELS(width), MM_OF_PIXELS(height), 0, 0, (guint)width, (guint)height));
	return G_SOURCE_REMOVE;
}

void
console_resize(Console *console, int width, int height)
{
	console->width = CLAMP(width, SIDE_MIN, FRAME_SIDE_MAX);
	console->height = CLAMP(height, SIDE_MIN, FRAME_SIDE_MAX);
	if (console->resize_id == 0)
		console->resize_id = g_timeout_add(RESIZE_DELAY_MS, on_resize, console);
}
