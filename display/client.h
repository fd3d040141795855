/* Who a client is and what it may do, as the broker said in Admit. Enforced here, whatever the client claims.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "broker/common/secret.h"
#include "broker/common/usb-rules.h"

typedef enum {
	CLIENT_VNC,
	CLIENT_SPICE,
	CLIENT_SOUND, /* a browser's, beside its screen (sound-message.h) */
	CLIENT_FILES, /* as well (files-wire.h) */
} ClientProtocol;

typedef struct {
	ClientProtocol protocol;
	char *name;	     /* the broker's, in signals */
	char *user, *address; /* for the log and the watermark; never NULL */
	char *holder;         /* whose desktop it is; never NULL */
	char *watermark;      /* a pool's form of one; "": none */
	char *watcher;        /* looks at somebody else's desktop, under this name; "": works at it */
	gboolean view_only;
	gboolean clipboard_to_desktop, clipboard_from_desktop; /* both FALSE for who may only view */
	UsbRules *usb; /* which USB devices it may bring; NULL: none, as for who may only view */
	gboolean clipboard_images; /* besides text */
	gsize clipboard_max;	   /* bytes */
	gboolean sound;	     /* may hear the guest: who only views may, too */
	gboolean microphone; /* the guest may hear it; FALSE for who may only view, and without .sound */
	gboolean files_to_desktop, files_from_desktop; /* both FALSE for who may only view */
	guint64 file_max; /* bytes of one; 0: any */
	Secret *secret; /* the SPICE password; NULL but for SPICE */
} Client;

/* From Admit's params (broker/dbus/org.carrel.Display1.xml). CARREL_ERROR_INVALID when they make no client. */
Client *client_new(GVariant *params, GError **error);
void client_free(Client *client);
Client *client_copy_without_secret(const Client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)

const char *client_protocol_word(ClientProtocol protocol); /* "vnc", "spice", "sound", "files" */
