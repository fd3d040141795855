/* One desktop's pipeline: capture, refine, serve. Owned by carrel-screen's main; driven by carrel-display over
 * org.carrel.Screen1.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/client.h"
#include "display/watch.h"

typedef struct Screen Screen;

typedef struct {
	/* The answer to screen_new: QEMU shows, or @error says why it never will. */
	void (*on_attached)(const GError *error, void *data);
	void (*on_state)(int width, int height, gboolean shared_memory, gboolean agent, void *data);
	void (*on_joined)(const char *client, ClientProtocol protocol, void *data);
	void (*on_left)(const char *client, const char *why, void *data);
	/* What became of a USB device of @client's: a word of display/usb-slot.h, and the device. */
	void (*on_usb)(const char *client, const char *event, const char *device, void *data);
	/* A client sends keys or pointer: at most every two seconds (display/activity.h). */
	void (*on_input)(void *data);
	/* What screen_record began has ended before the screen: @why is static. */
	void (*on_recording_failed)(const char *why, void *data);
	/* QEMU has closed the display: the VM is gone. */
	void (*on_vm_gone)(void *data);
} ScreenEvents;

/* Consumes @console, the display that virDomainOpenGraphicsFD gave. Blocks for D-Bus's authentication, 5 s at most. */
Screen *screen_new(int console, const char *title, gboolean pixel_copy, const ScreenEvents *events, void *data,
	GError **error);
void screen_free(Screen *screen);

/* Records what it shows into @fd, which is consumed, and ends the file when the screen is freed. @params are those of
 * org.carrel.Screen1.Record. */
gboolean screen_record(Screen *screen, int fd, GVariant *params, GError **error);
/* Consumes @fd and @client, also on failure. */
gboolean screen_add_client(Screen *screen, int fd, Client *client, GError **error);

/* Asks the person whether @who may watch (display/watch.h). */
gboolean screen_ask(Screen *screen, const char *who, WatchAnswered on_answer, void *data, GError **error);
/* Their answer, or that they have had enough, from elsewhere. */
void screen_answer(Screen *screen, gboolean yes);
/* A JPEG of what the clients see, as thumbnails_get. */
GBytes *screen_thumbnail(Screen *screen, int width);
