/* One desktop's carrel-screen as carrel-display sees it: starting, attached, ended.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/launcher.h"
#include "display/vm.h"

typedef struct Desk Desk;

typedef struct {
	/* The answer to desk_new, once: clients may come, or @error says why not (the desk has ended then). */
	void (*on_attached)(Desk *desk, const GError *error, void *data);
	void (*on_joined)(Desk *desk, const char *client, const char *protocol, void *data);
	void (*on_left)(Desk *desk, const char *client, const char *why, void *data);
	/* org.carrel.Screen1.UsbDevice; @event is one of its words. */
	void (*on_usb)(Desk *desk, const char *client, const char *event, const char *device, void *data);
	/* What desk_record began is over before the screen: @why. */
	void (*on_recording_failed)(Desk *desk, const char *why, void *data);
	/* The screen was gone before it took this client: @fd and @params are the receiver's now. */
	void (*on_unserved)(Desk *desk, int fd, GVariant *params, void *data);
	/* Its process has ended, or is to be treated as if. Free the desk, but not before this has returned. */
	void (*on_ended)(Desk *desk, const char *why, void *data);
} DeskEvents;

/* Starts a screen for the domain @uuid. @h264: it may send that. All must outlive the desk. */
Desk *desk_new(const char *name, const char *uuid, gboolean h264, Launcher *launcher, Vm *vm, const DeskEvents *events,
	void *data);
/* Ends the process, if it still runs. */
void desk_free(Desk *desk);

const char *desk_name(const Desk *desk);
const char *desk_uuid(const Desk *desk);
pid_t desk_pid(const Desk *desk);
gboolean desk_is_attached(const Desk *desk);
gboolean desk_is_stopping(const Desk *desk);
/* Clients that have joined, and connections that were handed over and have not yet. */
gboolean desk_is_used(const Desk *desk);

/* Records what it shows into @fd, which is consumed, from now on. @id: the recording's name. @params: those of Admit. */
void desk_record(Desk *desk, int fd, const char *id, GVariant *params);
/* The name of what is recorded now; NULL: nothing. */
const char *desk_recording(const Desk *desk);
/* Must it end without one? */
gboolean desk_recording_is_required(const Desk *desk);
/* Its file is written no more. */
void desk_forget_recording(Desk *desk);

/* Hands a client over. Consumes @fd. */
void desk_add_client(Desk *desk, int fd, GVariant *params);
/* What org.carrel.Display1 offers under these names, asked of the screen. A desk that ends meanwhile is an error. The results are the
 * answer, and the JPEG ("ay"); free with g_free, g_variant_unref. */
void desk_ask_watch(Desk *desk, const char *who, GAsyncReadyCallback callback, void *data);
char *desk_ask_watch_finish(GAsyncResult *result, GError **error);
void desk_answer_watch(Desk *desk, gboolean yes);
void desk_thumbnail(Desk *desk, guint width, GAsyncReadyCallback callback, void *data);
GVariant *desk_thumbnail_finish(GAsyncResult *result, GError **error);
/* Asks the screen to end; on_ended tells when it has, within 2 s. */
void desk_stop(Desk *desk, const char *why);
/* The process has ended: @status as waitpid(2) gives it. */
void desk_exited(Desk *desk, int status);
/* One of ListScreens' dictionaries (broker/dbus/org.carrel.Display1.xml). */
GVariant *desk_describe(const Desk *desk);
