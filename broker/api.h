/* The REST interface below /api/v1/: one request in, one answer out. JSON both ways; errors are
 * {"error":{"code","message"}} with the words of carrel_error_word(). SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

/* Everything is as the client sent it, but for the address (access_address). NULL: absent. Read during api_handle only. */
typedef struct {
	const char *method, *path, *query;
	const char *address, *host, *origin, *range;
	const char *session; /* the cookie's value */
	const char *body;
	gsize body_size;
} ApiRequest;

typedef struct {
	guint16 status;
	GVariant *fields; /* a{ss} */
	GVariant *body;   /* ay */
	gboolean secret;  /* a cookie's value or a ticket's secret is in it */
} ApiAnswer;

typedef void (*ApiDone)(const ApiAnswer *answer, void *data);

/* Calls @done once: at once, or, for a sign-in, when PAM has spoken. */
void api_handle(Broker *broker, const ApiRequest *request, ApiDone done, void *data);
