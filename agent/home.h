/* A person's own disk as their home: the host's requests, one after another, and the session that ends and begins for them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/helpers.h"

typedef struct Home Home;

/* @runtime: a folder that outlives the daemon and not the machine's boot. @unit: of the session manager, which has the session.
 * @answer: a request was carried out (@fault is NULL) or not. @helpers outlives the result. Free with home_free; what is under
 * way then is left to the end of the process. */
Home *home_new(const char *runtime, const char *unit, Helpers *helpers,
	void (*answer)(const Message *message, const char *fault, void *data), void *data);
void home_free(Home *home);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Home, home_free)

/* Takes over @message, MESSAGE_HOME or MESSAGE_HOME_RELEASE, and answers it once. */
void home_request(Home *home, Message *message);

/* A request is under way. */
gboolean home_is_busy(const Home *home);

/* The session was ended for it: not the person's doing. */
gboolean home_ended_session(Home *home);

/* A session began. */
void home_on_login(Home *home);
