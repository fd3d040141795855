/* The groups of a person, by NSS: may block on a directory server, so only carrel-auth asks.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Names, at most @max, the primary group's among them; empty for a user that NSS does not know (PAM may know more people
 * than NSS). Free with g_strfreev. */
char **groups_of_user(const char *user, guint max);
