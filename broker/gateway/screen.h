/* A browser's WebSockets onto a desktop: its screen, and sound and files beside it. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"

/* Carries out a request for /screen, /sound or /files below /api/v1/desktops/DESKTOP; FALSE when it is for something else. What is
 * wrong with the request itself is answered with an HTTP status; what becomes of the desktop is said with a close code after the
 * upgrade, since no page can see the status of a WebSocket that failed. */
gboolean screen_start(Client *client);
