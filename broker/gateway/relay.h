/* The last stage of a client that has its desktop: bytes of one client and one connection to the display server, both ways.
 * At most RelayBuffer= waits in each direction: one side is read only when the other has taken all. While nothing waits, no buffer
 * is held. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"

/* Enters the stage. @stream: a connected, non-blocking socket, which becomes the relay's. @protocol: static, for the log.
 * client_grant has been called. The stream's end ends the client, after what it sent has been delivered. */
void relay_start(Client *client, int stream, const char *protocol);

/* The same with WebSocket framing, right after the 101 answer was sent. Why it ends is said with a close code: WS_RESTART when
 * the stream ended by itself. */
void relay_start_websocket(Client *client, int stream, const char *protocol);

/* Of a client that relays now, as given above ("browser", "sound" or "files" for a WebSocket); NULL for any other. */
const char *relay_protocol(const Client *client);

/* A WebSocket that only says why there is nothing: closes with @code. */
void relay_refuse_websocket(Client *client, guint code, const char *reason);
