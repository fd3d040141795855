/* Whose certificates a portal is believed by. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "connect/address.h"

/* *@ca_file: a PEM file for portal_new, or NULL where the system's CAs vouch for the portal. A portal that they don't know is
 * looked at as ssh looks at a host: at first the person is asked, with the fingerprint of the CA that it shows, and that CA is
 * kept in CONFIG/carrel/portals/HOST_PORT.pem, mode 0600; from then on the portal must be vouched for by it, name and all, so that
 * a renewed certificate is nothing to ask about and another's is refused.
 * FALSE with DENIED when the person says no, or the portal is not the one that was known; others as of requester_send. */
gboolean trust_find(const Address *address, char **ca_file, GError **error);
