/* Who a client is and what it may do, as the broker said in Admit. Enforced here, whatever the client claims.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "broker/common/secret.h"

typedef enum {
	CLIENT_VNC,
	CLIENT_SPICE,
	CLIENT_FILES, /* a browser's connection for files, beside its VNC (display/files-wire.h) */
} ClientProtocol;

typedef struct {
	ClientProtocol protocol;
	char *name;	     /* the broker's, in signals */
	char *user, *address; /* for the log; never NULL */
	gboolean view_only;
	gboolean clipboard_to_desktop, clipboard_from_desktop; /* both FALSE for who may only view */
	gboolean files_to_desktop, files_from_desktop; /* both FALSE for who may only view */
	guint64 file_max; /* bytes of one; 0: any */
	Secret *secret; /* the SPICE password; else NULL */
} Client;

/* From Admit's params (broker/dbus/org.carrel.Display1.xml). CARREL_ERROR_INVALID when they make no client. */
Client *client_new(GVariant *params, GError **error);
void client_free(Client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)

const char *client_protocol_word(ClientProtocol protocol); /* "vnc", "spice", "files" */
