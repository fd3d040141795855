/* All desktops that have a screen, and the clients that are expected at them. This is what org.carrel.Display1 does,
 * without D-Bus.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/desk.h"
#include "display/grants.h"
#include "display/launcher.h"
#include "display/recordings.h"
#include "display/vm.h"

typedef struct Desks Desks;

typedef struct {
	void (*on_joined)(const char *desktop, const char *client, const char *protocol, void *data);
	void (*on_left)(const char *desktop, const char *client, const char *why, void *data);
	void (*on_usb)(const char *desktop, const char *client, const char *event, const char *device, void *data);
	void (*on_gone)(const char *desktop, const char *why, void *data);
	/* The signals of that name. */
	void (*on_recording_started)(const char *desktop, const char *id, void *data);
	void (*on_recording_ended)(const char *desktop, const char *id, const char *hash, const char *why, gboolean required,
		void *data);
} DesksEvents;

/* All must outlive it. @h264: screens may send it. */
Desks *desks_new(gboolean h264, Launcher *launcher, Vm *vm, Recordings *recordings, const DesksEvents *events, void *data);
void desks_free(Desks *desks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Desks, desks_free)

/* Admit of broker/dbus/org.carrel.Display1.xml: exactly one call of @func, at once or within 10 s, with a grant or an
 * error. */
typedef void (*DesksAdmitted)(const guint8 *grant, const GError *error, void *func_data);
void desks_admit(Desks *desks, const char *desktop, const char *uuid, GVariant *params, DesksAdmitted func,
	void *func_data);

/* A connection that sent @grant: FALSE when nobody is expected under that name. Consumes @fd in any case. */
gboolean desks_redeem(Desks *desks, const guint8 grant[GRANT_SIZE], int fd);

void desks_end_clients(Desks *desks, const char *desktop);
/* The desk of @desktop whose screen is attached; NULL with NOT_FOUND otherwise. Valid until the main loop runs. */
Desk *desks_find(Desks *desks, const char *desktop, GError **error);
GVariant *desks_list(Desks *desks); /* aa{sv}, floating */

/* Asks all screens to end, and waits until they have, 2 s at most. */
void desks_stop(Desks *desks);
