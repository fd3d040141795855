/* The ports. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"
#include "broker/gateway/counters.h"

typedef struct Listener Listener;

/* Binds and listens at @address ("ADDRESS:PORT", checked by conf_load), while there may still be the right to ports below
 * 1024. Nothing is accepted before listener_start. @setting: "Listen" or "VncListen", for the message of an error. */
Listener *listener_new(const char *address, const char *setting, GError **error);
void listener_free(Listener *listener);
guint16 listener_port(const Listener *listener);

/* Accepts from now on, within the gateway's limits, and counts in @counter. @on_client puts each client into its first stage,
 * behind a PROXY header where one is due. */
void listener_start(Listener *listener, Gateway *gateway, Counter counter, void (*on_client)(Client *client));

/* Once a second: goes on accepting after the process had no descriptors left. */
void listener_tick(Listener *listener);
