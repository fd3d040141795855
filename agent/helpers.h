/* The daemon's side of the session helpers: who connected, by the kernel's word, and what they say.
 * One graphical session at a time is served: the first that came. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/message.h"

typedef struct Helpers Helpers;

typedef struct {
	void (*on_login)(const char *user, void *data);
	void (*on_served)(void *data);                   /* helpers_send reaches the session from now on */
	void (*on_ready)(void *data);                    /* the session draws */
	void (*on_need_port)(void *data);                /* helpers_send_port is wanted */
	void (*on_logout)(const char *user, void *data); /* the session ended */
} HelpersHandlers;

/* Listens in the folder @runtime. Free with helpers_free. */
Helpers *helpers_new(const char *runtime, const HelpersHandlers *handlers, void *data, GError **error);
void helpers_free(Helpers *helpers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Helpers, helpers_free)

/* The person of the session, or NULL. Owned by @helpers. */
const char *helpers_user(const Helpers *helpers);
gboolean helpers_is_ready(const Helpers *helpers);

/* FALSE and CARREL_ERROR_NOT_FOUND when no session is there. */
gboolean helpers_send(Helpers *helpers, const char *text, int fd, GError **error);

/* The session was ended, and none of its processes is left: it is over at once, without waiting for another helper. */
void helpers_forget(Helpers *helpers);

/* Ends the session at once, whatever runs in it, by the system's session manager. */
void helpers_terminate(Helpers *helpers);
