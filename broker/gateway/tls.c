/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/tls.h"

#include "broker/common/error.h"

#include <gnutls/x509.h>
#include <string.h>

/* TLS 1.3 and 1.2 alone; ciphers of 128 bits or more, authenticated (no CBC); forward secrecy (no RSA key exchange);
 * the server's order: AES-128 and X25519 first, the quickest of what is sound, as browsers have it. All clients named in the
 * manual speak it: browsers, spice-gtk's OpenSSL, TigerVNC's GnuTLS. */
#define PRIORITY \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-SHA1:" \
	"-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:" \
	"-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:%SERVER_PRECEDENCE"

/* No key exchange without a certificate exists in TLS 1.3, and in 1.2 none with both an elliptic curve and an authenticated
 * cipher: finite-field Diffie-Hellman (RFC 7919's groups) with AES-GCM it is, which GnuTLS' clients (TigerVNC, gtk-vnc,
 * libvncclient) offer for VeNCrypt's TLS subtypes. A session of another use has no ANON to choose. */
#define PRIORITY_ANONYMOUS "NONE:+VERS-TLS1.2:+ANON-DH:+AES-256-GCM:+AES-128-GCM:+AEAD:+SIGN-ALL:+GROUP-FFDHE3072:+GROUP-FFDHE2048"

#define CHAIN_MAX 8

struct Tls {
	gnutls_certificate_credentials_t credentials;
	gnutls_anon_server_credentials_t anonymous;
	gnutls_priority_t priority, priority_anonymous;
	gnutls_datum_t ticket_key;
	char *ca_pem, *subject;
};

static void
tls_clear(void *data)
{
	Tls *tls = data;

	g_clear_pointer(&tls->credentials, gnutls_certificate_free_credentials);
	g_clear_pointer(&tls->anonymous, gnutls_anon_free_server_credentials);
	g_clear_pointer(&tls->priority, gnutls_priority_deinit);
	g_clear_pointer(&tls->priority_anonymous, gnutls_priority_deinit);
	if (tls->ticket_key.data)
		gnutls_memset(tls->ticket_key.data, 0, tls->ticket_key.size);
	gnutls_free(tls->ticket_key.data);
	g_free(tls->ca_pem);
	g_free(tls->subject);
}

Tls *
tls_ref(Tls *tls)
{
	return g_rc_box_acquire(tls);
}

void
tls_unref(Tls *tls)
{
	if (tls)
		g_rc_box_release_full(tls, tls_clear);
}

static void
describe(Tls *tls, gnutls_x509_crt_t *chain, unsigned n)
{
	gnutls_datum_t text = {0};

	/* COMPAT: RFC 4514 turns the order around, SPICE clients compare from the first attribute on. */
	if (gnutls_x509_crt_get_dn3(chain[0], &text, GNUTLS_X509_DN_FLAG_COMPAT) >= 0)
		tls->subject = g_strndup((const char *)text.data, text.size);
	gnutls_free(text.data);
	text = (gnutls_datum_t){0};
	if (gnutls_x509_crt_check_issuer(chain[n - 1], chain[n - 1]) &&
		gnutls_x509_crt_export2(chain[n - 1], GNUTLS_X509_FMT_PEM, &text) >= 0)
		tls->ca_pem = g_strndup((const char *)text.data, text.size);
	gnutls_free(text.data);
	if (tls->subject == NULL)
		tls->subject = g_strdup("");
	if (tls->ca_pem == NULL)
		tls->ca_pem = g_strdup("");
}

static gboolean
load_chain(Tls *tls, const char *certificate, GError **error)
{
	g_autofree char *pem = NULL;
	gsize size;
	gnutls_x509_crt_t *chain = NULL;
	unsigned n = 0;
	int result;

	if (!g_file_get_contents(certificate, &pem, &size, error)) {
		g_prefix_error(error, "[Gateway] Certificate=: ");
		return FALSE;
	}
	gnutls_datum_t data = {(unsigned char *)pem, (unsigned)size};

	result = gnutls_x509_crt_list_import2(&chain, &n, &data, GNUTLS_X509_FMT_PEM, 0);
	if (result < 0 || n == 0 || n > CHAIN_MAX) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "%s is not a chain of at most %d PEM certificates: %s",
			certificate, CHAIN_MAX, result < 0 ? gnutls_strerror(result) : "too many or none");
		return FALSE;
	}
	describe(tls, chain, n);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	return TRUE;
}

static int
load_anonymous(Tls *tls)
{
	int result = gnutls_anon_allocate_server_credentials(&tls->anonymous);

	/* For clients that name no group of RFC 7919. */
	if (result >= 0)
		result = gnutls_anon_set_server_known_dh_params(tls->anonymous, GNUTLS_SEC_PARAM_HIGH);
	return result < 0 ? result : gnutls_priority_init(&tls->priority_anonymous, PRIORITY_ANONYMOUS, NULL);
}

Tls *
tls_new(const char *certificate, const char *key, GError **error)
{
	g_autoptr(Tls) tls = g_rc_box_new0(Tls);
	int result;

	if (!load_chain(tls, certificate, error))
		return NULL;
	gnutls_certificate_allocate_credentials(&tls->credentials);
	result = gnutls_certificate_set_x509_key_file(tls->credentials, certificate, key, GNUTLS_X509_FMT_PEM);
	if (result < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "certificate %s with key %s: %s", certificate, key,
			gnutls_strerror(result));
		return NULL;
	}
	result = gnutls_priority_init(&tls->priority, PRIORITY, NULL);
	if (result >= 0)
		result = gnutls_session_ticket_key_generate(&tls->ticket_key);
	if (result >= 0)
		result = load_anonymous(tls);
	if (result < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "GnuTLS: %s", gnutls_strerror(result));
		return NULL;
	}
	return g_steal_pointer(&tls);
}

gnutls_session_t
tls_session_new(Tls *tls, TlsUse use)
{
	static const gnutls_datum_t http = {(unsigned char *)"http/1.1", 8};
	gnutls_session_t session;

	if (gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
		g_error("GnuTLS has no memory for a session");
	if (use == TLS_ANONYMOUS) {
		gnutls_priority_set(session, tls->priority_anonymous);
		gnutls_credentials_set(session, GNUTLS_CRD_ANON, tls->anonymous);
	} else {
		gnutls_priority_set(session, tls->priority);
		gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
	}
	gnutls_handshake_set_timeout(session, 0); /* whoever shakes hands has a deadline of its own */
	if (use == TLS_WEB) {
		gnutls_alpn_set_protocols(session, &http, 1, GNUTLS_ALPN_MANDATORY);
		gnutls_session_ticket_enable_server(session, &tls->ticket_key);
	}
	return session;
}

const char *
tls_ca_pem(const Tls *tls)
{
	return tls->ca_pem;
}

const char *
tls_subject(const Tls *tls)
{
	return tls->subject;
}
