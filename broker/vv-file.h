/* The .vv file of virt-viewer: see remote-viewer(1), "CONNECTION FILE". SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct {
	const char *title;
	const char *name, *secret; /* of the ticket: "host" and "password" */
	const char *portal;        /* HOST:PORT, or HOST for https's own port, as the client reached the portal */
	guint16 port;              /* of the gateway: never dialled, but it must be there */
	const char *ca_pem, *host_subject;
} VvFile;

/* Free with g_free. */
char *vv_file_text(const VvFile *file);
