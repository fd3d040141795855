/* The gateway's side of org.carrel.Broker1.Gateway, and of org.carrel.Gateway1 on the same connection. Connects, and again whenever the broker went away, for ever; streams that
 * run need no broker. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct BrokerLink BrokerLink;

/* What the broker may ask of the gateway. */
typedef struct {
	/* Close every stream of @desktop; @code: see the signal EndStreams. */
	void (*end_streams)(const char *desktop, guint code, void *data);
	/* The answer to org.carrel.Gateway1.GetStatus, floating. */
	GVariant *(*status)(void *data);
} BrokerLinkHandlers;

/* @path: the broker's socket. @uid: whom it must belong to, (uid_t)-1: anyone. @handlers: static. */
BrokerLink *broker_link_new(const char *path, uid_t uid, const BrokerLinkHandlers *handlers, void *data);
void broker_link_free(BrokerLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BrokerLink, broker_link_free)

/* What Hello says at each connect; sinks @facts (a{sv}), and says it at once when connected. */
void broker_link_set_facts(BrokerLink *link, GVariant *facts);

/* TRUE when the broker has answered Hello. */
gboolean broker_link_is_up(const BrokerLink *link);

/* The calls, with their deadlines. Each call-back comes once, after this returned; errors are of CARREL_ERROR or of GIO
 * (G_IO_ERROR_CANCELLED when @cancellable was). Floating variants are sunk. */
void broker_link_request(BrokerLink *link, const char *method, const char *path, const char *query, GVariant *context,
	GVariant *body, GCancellable *cancellable, GAsyncReadyCallback callback, void *data);
gboolean broker_link_request_finish(GAsyncResult *result, guint16 *status, GVariant **fields, GVariant **answer,
	GError **error);

/* What OpenScreen, OpenSound, OpenFiles, RedeemTicket and SignInVnc bring. */
typedef struct {
	guint8 grant[32]; /* the stream's first bytes: whoever has them is let in */
	char *stream;     /* the socket's path */
	char *desktop;
} Grant;

void grant_free(Grant *grant);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Grant, grant_free)

void broker_link_open_screen(BrokerLink *link, const char *session, const char *desktop, const char *address,
	GCancellable *cancellable, GAsyncReadyCallback callback, void *data);
void broker_link_open_sound(BrokerLink *link, const char *session, const char *desktop, const char *address,
	GCancellable *cancellable, GAsyncReadyCallback callback, void *data);
void broker_link_open_files(BrokerLink *link, const char *session, const char *desktop, const char *address,
	GCancellable *cancellable, GAsyncReadyCallback callback, void *data);
void broker_link_redeem(BrokerLink *link, const char *name, const char *address, GCancellable *cancellable,
	GAsyncReadyCallback callback, void *data);
void broker_link_sign_in_vnc(BrokerLink *link, const char *user, GVariant *password, const char *address,
	GCancellable *cancellable, GAsyncReadyCallback callback, void *data);
/* Of all four. NULL and an error, else to be freed with grant_free. */
Grant *broker_link_grant_finish(GAsyncResult *result, GError **error);

/* An error of any call, seen by a client: an HTTP status (401 and so on are the broker's to give), and a code word. */
guint broker_link_status(const GError *error);
const char *broker_link_word(const GError *error);
