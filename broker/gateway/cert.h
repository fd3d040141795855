/* The certificate that the gateway makes for itself where the configuration names none: a CA made once, and a server
 * certificate signed by it (ECDSA on P-256), renewed when its end is near or the names change.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* In the folder: ca.pem, ca-key.pem, server.pem, server-key.pem; keys with mode 0600. */
#define CERT_CA "ca.pem"
#define CERT_CA_KEY "ca-key.pem"
#define CERT_SERVER "server.pem" /* the server's certificate and the CA's behind it */
#define CERT_SERVER_KEY "server-key.pem"

/* Sees to it that @folder holds a server certificate that is good for all of @names (host names and IP addresses, at least one)
 * for 30 days from @now (UTC seconds). What is missing, ending or for other names is made anew; a CA that is good still
 * stays, so that clients who trust it go on. *@made: whether the server's certificate is new. FALSE and an error when a
 * file cannot be read or written. */
gboolean cert_ensure(const char *folder, const char *const *names, gint64 now, gboolean *made, GError **error);
