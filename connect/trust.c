/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "connect/trust.h"

#include <gnutls/x509.h>
#include <string.h>

#include "broker/common/error.h"
#include "connect/request.h"
#include "connect/terminal.h"

#define CHAIN_MAX 8

typedef struct {
	gnutls_x509_crt_t certificates[CHAIN_MAX];
	unsigned n;
} Chain;

static void
chain_clear(Chain *chain)
{
	for (unsigned i = 0; i < chain->n; i++)
		gnutls_x509_crt_deinit(chain->certificates[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Chain, chain_clear)

static char *
known_file(const Address *address)
{
	g_autofree char *name = g_strdup_printf("%s_%u.pem", address->host, address->port);

	return g_build_filename(g_get_user_config_dir(), "carrel", "portals", g_strdelimit(name, "[]:", '-'), NULL);
}

/* Whether those CAs, or the system's, vouch for the portal. */
static gboolean
is_proved(const Address *address, const char *ca_file, GError **error)
{
	g_autoptr(Requester) requester = requester_new(address, ca_file);
	g_autoptr(Response) response = requester_send(requester, "GET", "/healthz", NULL, error);

	return response != NULL;
}

static gboolean
read_chain(Chain *chain, char **pems)
{
	for (; *pems != NULL && chain->n < CHAIN_MAX; pems++) {
		gnutls_datum_t data = {(unsigned char *)*pems, (unsigned)strlen(*pems)};
		gnutls_x509_crt_t *certificate = &chain->certificates[chain->n];

		if (gnutls_x509_crt_init(certificate) < 0)
			return FALSE;
		chain->n++;
		if (gnutls_x509_crt_import(*certificate, &data, GNUTLS_X509_FMT_PEM) < 0)
			return FALSE;
	}
	return *pems == NULL && chain->n > 0;
}

/* SHA-256 over the DER form, as openssl x509 -fingerprint prints it. */
static char *
fingerprint(gnutls_x509_crt_t certificate)
{
	guint8 digest[32];
	size_t size = sizeof digest;
	GString *text = g_string_new(NULL);

	if (gnutls_x509_crt_get_fingerprint(certificate, GNUTLS_DIG_SHA256, digest, &size) < 0)
		size = 0;
	for (gsize i = 0; i < size; i++)
		g_string_append_printf(text, "%s%02X", i > 0 ? ":" : "", digest[i]);
	return g_string_free(text, FALSE);
}

/* Why nobody should be asked about it: what would not be believed with this CA either. */
static gboolean
is_askable(const Address *address, const Chain *chain, GError **error)
{
	gnutls_x509_crt_t last = chain->certificates[chain->n - 1];
	g_autofree char *name = address_name(address);

	if (!gnutls_x509_crt_check_issuer(last, last)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED,
			"%s does not show the CA of its certificate: get that from your administrator, and name it with --ca", address->url);
		return FALSE;
	}
	if (!gnutls_x509_crt_check_hostname(chain->certificates[0], name)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED,
			"the certificate of %s is for another name: use the one that your administrator told you "
			"(they find Names= in carrel.conf)",
			address->url);
		return FALSE;
	}
	return TRUE;
}

static gboolean
keep(const char *file, gnutls_x509_crt_t certificate, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(file);
	gnutls_datum_t pem = {0};
	gboolean kept = FALSE;

	if (g_mkdir_with_parents(folder, 0700) < 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot make the folder %s", folder);
	else if (gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem) < 0)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot write down the certificate");
	else
		kept = g_file_set_contents_full(file, (const char *)pem.data, pem.size, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
	gnutls_free(pem.data);
	return kept;
}

static gboolean
ask_person(const Address *address, const char *file, GError **error)
{
	g_auto(GStrv) pems = requester_chain(address, error);
	g_auto(Chain) chain = {0};
	g_autofree char *print = NULL, *question = NULL;
	gnutls_x509_crt_t ca;
	GError *problem = NULL;

	if (pems == NULL)
		return FALSE;
	if (!read_chain(&chain, pems)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "%s shows no chain of certificates", address->url);
		return FALSE;
	}
	if (!is_askable(address, &chain, error))
		return FALSE;
	ca = chain.certificates[chain.n - 1];
	print = fingerprint(ca);
	question = g_strdup_printf("Is this it, and shall it be trusted from now on (yes/no)? ");
	g_printerr("No CA that this computer knows vouches for %s.\nIt shows a CA of its own, whose SHA-256 fingerprint is\n  %s\n"
		   "Compare it with what your administrator tells you.\n",
		address->url, print);
	if (!terminal_confirm(question, &problem)) {
		if (problem && problem->code == CARREL_ERROR_FAILED)
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED,
				"nobody vouches for %s, and there is no terminal to ask on: name its CA with --ca", address->url);
		else
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED, "%s is not trusted", address->url);
		g_clear_error(&problem);
		return FALSE;
	}
	return keep(file, ca, error);
}

gboolean
trust_find(const Address *address, char **ca_file, GError **error)
{
	g_autofree char *file = known_file(address);
	g_autoptr(GError) problem = NULL;
	gboolean known = g_file_test(file, G_FILE_TEST_EXISTS);

	if (!is_proved(address, known ? file : NULL, &problem)) {
		if (!g_error_matches(problem, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE)) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return FALSE;
		}
		if (known) {
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED,
				"this is not the portal that you trusted: %s. Somebody may stand between you and it. If your administrator "
				"says that its CA has changed, remove %s and try again",
				problem->message, file);
			return FALSE;
		}
		if (!ask_person(address, file, error))
			return FALSE;
		known = TRUE;
	}
	*ca_file = known ? g_steal_pointer(&file) : NULL;
	return TRUE;
}
