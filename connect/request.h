/* HTTPS by libcurl: one host, one session, no redirects, bodies of at most 64 KiB. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "connect/address.h"

typedef struct Requester Requester;

Requester *requester_new(const Address *address, const char *ca_file);
void requester_free(Requester *requester);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Requester, requester_free)

typedef struct {
	long status;
	GByteArray *body;  /* a NUL stands behind it */
	gboolean is_json;  /* as the portal says */
} Response;

void response_free(Response *response); /* wipes the body */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Response, response_free)

/* @path: from the root. @body: JSON, or NULL. Any status is an answer. NULL with G_IO_ERROR_HOST_UNREACHABLE when there is
 * nobody, G_TLS_ERROR_BAD_CERTIFICATE when the host cannot prove who it is, PROTOCOL for an answer that is none. */
Response *requester_send(Requester *requester, const char *method, const char *path, const char *body, GError **error);

/* The certificates (PEM, the host's own first) that whoever answers there shows: nothing has been proved. Free with
 * g_strfreev. */
char **requester_chain(const Address *address, GError **error);
