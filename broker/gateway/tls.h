/* The gateway's certificate and how it speaks TLS. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <gnutls/gnutls.h>

/* Counted: by the gateway, and by each connection that was opened with it, so that a renewed certificate can take its
 * place while old connections go on. */
typedef struct Tls Tls;

/* @certificate: a PEM file, the server's own first, its issuers behind it. @key: a PEM file. NULL and
 * CARREL_ERROR_CONFIG that names the file. */
Tls *tls_new(const char *certificate, const char *key, GError **error);
Tls *tls_ref(Tls *tls);
void tls_unref(Tls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tls, tls_unref)

typedef enum {
	TLS_WEB,       /* with the certificate, ALPN http/1.1 and session tickets */
	TLS_STREAM,    /* with the certificate alone: SPICE, and VeNCrypt's X509 subtypes */
	TLS_ANONYMOUS, /* without one, so that whoever is between can be both ends: VeNCrypt's TLS subtypes */
} TlsUse;

/* A server's session, non-blocking, its transport not set. Free with gnutls_deinit; keep a reference to @tls until then. */
gnutls_session_t tls_session_new(Tls *tls, TlsUse use);

/* The certificate that clients must trust, PEM, to be pinned in a .vv file: the last of the chain where that one signed
 * itself, else "" (a public CA: clients have it). */
const char *tls_ca_pem(const Tls *tls);

/* The server certificate's subject in the certificate's own order ("O=Example,CN=desk.example"), as SPICE clients
 * compare it. */
const char *tls_subject(const Tls *tls);
