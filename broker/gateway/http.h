/* The stage of a client that speaks HTTP: heads and bodies in, answers out, one request after the other, however many a
 * client sends at once. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"
#include "broker/gateway/http-head.h"

/* Enters the stage. Without TLS only CONNECT is carried out; all else is sent to https. */
void http_start(Client *client);

/* The request at hand, for what carries it out, until it is answered. */
const HttpHead *http_request(const Client *client);
const guint8 *http_request_bytes(const Client *client); /* what the head's slices point into */
const guint8 *http_request_body(const Client *client, gsize *size);
gboolean http_request_is_last(const Client *client);    /* the client has sent nothing behind it */

/* Answers it, now or later; a client that waits for an answer is not read from. @fields: more header lines, each with its
 * CR LF, or NULL. @type: of the body; NULL and a NULL @body for none. With HEAD the body stays here. */
void http_reply(Client *client, guint status, const char *fields, const char *type, GBytes *body);

/* The connection ends after this request's answer. */
void http_make_last(Client *client);

/* {"error":{"code":@code,"message":@message}}; both are fixed texts without quotes. */
void http_reply_error(Client *client, guint status, const char *code, const char *message);

/* The same, counted and logged as @what, and the connection ends. */
void http_refuse(Client *client, Refusal what, guint status, const char *code, const char *message);

/* Where plain text came for something else than CONNECT: to the same place by https, and the connection ends. */
void http_redirect_to_https(Client *client);

/* FALSE, and answered with 403, when the request has an Origin that is not this place. Who sends none is no browser, and
 * cannot be made to send another's cookie. */
gboolean http_origin_is_ours(Client *client);

/* FALSE, and answered with 400, when the cookie is there twice or malformed. *@session: its value or NULL; g_free. */
gboolean http_session_cookie(Client *client, char **session);
