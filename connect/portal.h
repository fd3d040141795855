/* The portal's REST interface (web-client/README.md), for one person. Calls wait for their answer, each with a deadline; bodies
 * are bounded and checked. Errors: DENIED, NOT_FOUND, BUSY, EXHAUSTED, TIMEOUT and FAILED with the portal's own sentence, made fit
 * for a terminal; PROTOCOL where it answers what it should not; G_IO_ERROR_HOST_UNREACHABLE when it cannot be reached.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/secret.h"
#include "connect/address.h"

typedef struct Portal Portal;

/* @ca_file: PEM of the CAs that its certificate must come from, or NULL for the system's. Outlived by @address. */
Portal *portal_new(const Address *address, const char *ca_file);
void portal_free(Portal *portal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Portal, portal_free)

/* Answers a question of the sign-in; NULL gives up. The caller frees it. */
typedef Secret *(*PortalAsk)(const char *question, gboolean echo, void *data, GError **error);
/* Shows a sentence that PAM has for the person. */
typedef void (*PortalTell)(const char *message);

/* Signs in, through as many questions as PAM has. */
gboolean portal_sign_in(Portal *portal, const char *user, const Secret *password, PortalAsk ask, PortalTell tell, void *data,
	GError **error);

/* What happens to the desktop ("Booting"), from the portal, and since how many seconds. */
typedef void (*PortalProgress)(const char *step, gint64 seconds);

/* Opens a pool's desktop and waits until it can be seen, 300 s at most. Its id, of [A-Za-z0-9._-]; free with g_free. */
char *portal_open(Portal *portal, const char *pool, PortalProgress progress, GError **error);

/* The desktop's file for virt-viewer, as vv_check gives it. Free with g_free. */
char *portal_console(Portal *portal, const char *desktop, GError **error);

/* A ticket for a VNC viewer. */
typedef struct {
	guint16 port; /* on the portal's host */
	char *user;
	Secret *password;
	char *ca_pem; /* NULL: a CA that the system knows */
} PortalVnc;

PortalVnc *portal_vnc(Portal *portal, const char *desktop, GError **error);
void portal_vnc_free(PortalVnc *vnc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PortalVnc, portal_vnc_free)
