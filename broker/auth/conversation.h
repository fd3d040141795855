/* One sign-in by PAM, over a channel. Blocks as long as the modules and the person take; the process has an alarm.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/auth/channel.h"

/* Receives START, asks PAM's @service (of the folder @folder; NULL: the system's), puts its questions to the person, and
 * sends the answer that ends the connection. FALSE when the peer broke the protocol or went away. */
gboolean conversation_run(Channel *channel, const char *service, const char *folder);
