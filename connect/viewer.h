/* The programs that show a desktop: found, started, waited for. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "connect/portal.h"

typedef enum { VIEWER_SPICE, VIEWER_VNC } ViewerKind;

/* Its path; NOT_FOUND with what to install. Free with g_free. */
char *viewer_find(ViewerKind kind, GError **error);

/* Starts remote-viewer at @path on the text of a .vv file, and waits until it is closed. The file is of mode 0600 in the
 * person's runtime folder, and gone when this returns, and earlier when the viewer took it. *@status: the viewer's exit status. */
gboolean viewer_run_spice(const char *path, const char *vv, int *status, GError **error);

/* The same for TigerVNC's vncviewer. It gets the ticket in its environment, where only this person's processes see it. */
gboolean viewer_run_vnc(const char *path, const char *host, const PortalVnc *vnc, int *status, GError **error);
