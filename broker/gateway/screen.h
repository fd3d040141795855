/* A browser's WebSockets onto a desktop: its screen, and files beside it. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"

/* Carries out the request for /api/v1/desktops/@desktop/screen. What is wrong with the request itself is answered with an HTTP
 * status; what becomes of the desktop is said with a close code after the upgrade, since no page can see the status of a
 * WebSocket that failed. */
void screen_start(Client *client, const char *desktop);
/* The same for /api/v1/desktops/@desktop/files. */
void screen_start_files(Client *client, const char *desktop);
