/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/cert.h"

#include "broker/common/error.h"
#include "broker/common/secret.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <string.h>

#define DAY 86400
#define RENEW_BEFORE (30 * DAY)
#define SERVER_LIFE (397 * DAY) /* browsers refuse more than 398 days */
#define CA_LIFE (3650 * (gint64)DAY)
#define CLOCK_SKEW DAY
#define SUBJECT_MAX 64 /* of a common name: X.520's upper bound */

typedef struct {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
} Pair;

static void
pair_clear(Pair *pair)
{
	g_clear_pointer(&pair->crt, gnutls_x509_crt_deinit);
	g_clear_pointer(&pair->key, gnutls_x509_privkey_deinit);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_clear)

/* FALSE with an error when @result is one of GnuTLS. */
static gboolean
check(int result, const char *what, GError **error)
{
	if (result >= 0)
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "%s: %s", what, gnutls_strerror(result));
	return FALSE;
}

static gboolean
read_file(const char *folder, const char *name, gnutls_datum_t *data)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	char *bytes;
	gsize size;

	if (!g_file_get_contents(path, &bytes, &size, NULL))
		return FALSE;
	*data = (gnutls_datum_t){(unsigned char *)bytes, (unsigned)size};
	return TRUE;
}

static void
free_datum(gnutls_datum_t *data)
{
	if (data->data)
		gnutls_memset(data->data, 0, data->size);
	g_free(data->data);
}

/* FALSE when there is no pair that can be read and belongs together; then one is made. */
static gboolean
read_pair(const char *folder, const char *crt_name, const char *key_name, Pair *pair)
{
	gnutls_datum_t crt = {0}, key = {0};
	guint8 a[32], b[32];
	size_t a_size = sizeof a, b_size = sizeof b;
	gboolean good;

	gnutls_x509_crt_init(&pair->crt);
	gnutls_x509_privkey_init(&pair->key);
	good = read_file(folder, crt_name, &crt) && read_file(folder, key_name, &key) &&
	       gnutls_x509_crt_import(pair->crt, &crt, GNUTLS_X509_FMT_PEM) >= 0 &&
	       gnutls_x509_privkey_import(pair->key, &key, GNUTLS_X509_FMT_PEM) >= 0 &&
	       gnutls_x509_crt_get_key_id(pair->crt, GNUTLS_KEYID_USE_SHA256, a, &a_size) >= 0 &&
	       gnutls_x509_privkey_get_key_id(pair->key, GNUTLS_KEYID_USE_SHA256, b, &b_size) >= 0 && a_size == b_size &&
	       memcmp(a, b, a_size) == 0;
	free_datum(&crt);
	free_datum(&key);
	if (!good)
		pair_clear(pair);
	return good;
}

static gboolean
write_file(const char *folder, const char *name, const void *bytes, gsize size, int mode, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return g_file_set_contents_full(path, bytes, (gssize)size, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
		mode, error);
}

/* The key goes first: after a crash in between, the pair does not match and is made anew. */
static gboolean
write_pair(const char *folder, const char *crt_name, const char *key_name, const Pair *pair, gnutls_x509_crt_t issuer,
	GError **error)
{
	gnutls_datum_t crt = {0}, key = {0}, ca = {0};
	g_autoptr(GString) chain = g_string_new(NULL);
	gboolean good;

	good = check(gnutls_x509_crt_export2(pair->crt, GNUTLS_X509_FMT_PEM, &crt), crt_name, error) &&
	       check(gnutls_x509_privkey_export2_pkcs8(pair->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key), key_name,
		       error) &&
	       (issuer == NULL || check(gnutls_x509_crt_export2(issuer, GNUTLS_X509_FMT_PEM, &ca), crt_name, error));
	if (good) {
		g_string_append_len(chain, (const char *)crt.data, crt.size);
		if (ca.data)
			g_string_append_len(chain, (const char *)ca.data, ca.size);
		good = write_file(folder, key_name, key.data, key.size, 0600, error) &&
		       write_file(folder, crt_name, chain->str, chain->len, 0644, error);
	}
	if (key.data)
		gnutls_memset(key.data, 0, key.size);
	gnutls_free(crt.data);
	gnutls_free(key.data);
	gnutls_free(ca.data);
	return good;
}

/* What CA and server have in common: key, serial number, validity, subject, key ids. */
static int
fill(Pair *pair, const char *name, gint64 now, gint64 life)
{
	guint8 serial[16], id[20];
	size_t id_size = sizeof id;
	int result;

	gnutls_x509_crt_init(&pair->crt);
	gnutls_x509_privkey_init(&pair->key);
	secret_random(serial, sizeof serial);
	serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and always as long */
	result = gnutls_x509_privkey_generate(pair->key, GNUTLS_PK_ECDSA,
		GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (result >= 0)
		result = gnutls_x509_crt_set_version(pair->crt, 3);
	if (result >= 0)
		result = gnutls_x509_crt_set_serial(pair->crt, serial, sizeof serial);
	if (result >= 0)
		result = gnutls_x509_crt_set_key(pair->crt, pair->key);
	if (result >= 0)
		result = gnutls_x509_crt_set_activation_time(pair->crt, (time_t)(now - CLOCK_SKEW));
	if (result >= 0)
		result = gnutls_x509_crt_set_expiration_time(pair->crt, (time_t)(now + life));
	if (result >= 0)
		result = gnutls_x509_crt_set_dn_by_oid(pair->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name));
	if (result >= 0)
		result = gnutls_x509_crt_get_key_id(pair->crt, GNUTLS_KEYID_USE_SHA1, id, &id_size);
	if (result >= 0)
		result = gnutls_x509_crt_set_subject_key_id(pair->crt, id, id_size);
	return result;
}

static gboolean
make_ca(const char *folder, gint64 now, Pair *ca, GError **error)
{
	g_autofree char *tag = NULL, *name = NULL;
	guint8 random[4];
	int result;

	/* Two CAs of one name and different keys confuse browsers: each has a name of its own. */
	secret_random(random, sizeof random);
	tag = g_strdup_printf("%02x%02x%02x%02x", random[0], random[1], random[2], random[3]);
	name = g_strdup_printf("Carrel CA %.30s %s", g_get_host_name(), tag);
	result = fill(ca, name, now, CA_LIFE);
	if (result >= 0)
		result = gnutls_x509_crt_set_basic_constraints(ca->crt, 1, 0);
	if (result >= 0)
		result = gnutls_x509_crt_set_key_usage(ca->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	if (result >= 0)
		result = gnutls_x509_crt_sign2(ca->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
	return check(result, "making a CA", error) && write_pair(folder, CERT_CA, CERT_CA_KEY, ca, NULL, error);
}

static gsize
parse_ip(const char *name, guint8 ip[16])
{
	if (inet_pton(AF_INET, name, ip) == 1)
		return 4;
	return inet_pton(AF_INET6, name, ip) == 1 ? 16 : 0;
}

static int
add_names(gnutls_x509_crt_t crt, const char *const *names)
{
	int result = 0;

	for (; *names != NULL && result >= 0; names++) {
		guint8 ip[16];
		gsize ip_size = parse_ip(*names, ip);

		result = ip_size > 0 ? gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, (unsigned)ip_size,
					       GNUTLS_FSAN_APPEND)
				     : gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, *names,
					       (unsigned)strlen(*names), GNUTLS_FSAN_APPEND);
	}
	return result;
}

static gboolean
make_server(const char *folder, const char *const *names, gint64 now, const Pair *ca, GError **error)
{
	g_auto(Pair) server = {0};
	guint8 id[20];
	size_t id_size = sizeof id;
	int result = fill(&server, strlen(names[0]) <= SUBJECT_MAX ? names[0] : "carrel", now, SERVER_LIFE);

	if (result >= 0)
		result = add_names(server.crt, names);
	if (result >= 0)
		result = gnutls_x509_crt_set_basic_constraints(server.crt, 0, -1);
	if (result >= 0)
		result = gnutls_x509_crt_set_key_usage(server.crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (result >= 0)
		result = gnutls_x509_crt_set_key_purpose_oid(server.crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (result >= 0)
		result = gnutls_x509_crt_get_subject_key_id(ca->crt, id, &id_size, NULL);
	if (result >= 0)
		result = gnutls_x509_crt_set_authority_key_id(server.crt, id, id_size);
	if (result >= 0)
		result = gnutls_x509_crt_sign2(server.crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
	return check(result, "making a server certificate (are all of [Gateway] Names= host names or addresses?)", error) &&
	       write_pair(folder, CERT_SERVER, CERT_SERVER_KEY, &server, ca->crt, error);
}

static gboolean
has_name(gnutls_x509_crt_t crt, unsigned i, const char *const *names, gboolean *end)
{
	char san[256];
	size_t size = sizeof san;
	int type = gnutls_x509_crt_get_subject_alt_name(crt, i, san, &size, NULL);

	*end = type < 0;
	for (; type >= 0 && *names != NULL; names++) {
		guint8 ip[16];
		gsize ip_size = parse_ip(*names, ip);

		if (type == GNUTLS_SAN_IPADDRESS ? ip_size == size && memcmp(ip, san, size) == 0
						 : ip_size == 0 && strlen(*names) == size && memcmp(*names, san, size) == 0)
			return TRUE;
	}
	return FALSE;
}

/* TRUE when the certificate names all of @names in their order's number and nothing else. */
static gboolean
is_for_names(gnutls_x509_crt_t crt, const char *const *names)
{
	char subject[SUBJECT_MAX + 2];
	size_t size = sizeof subject;
	const char *wanted = strlen(names[0]) <= SUBJECT_MAX ? names[0] : "carrel";
	gboolean end = FALSE;
	unsigned n = 0;

	while (has_name(crt, n, names, &end))
		n++;
	return end && n == g_strv_length((char **)names) &&
	       gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, subject, &size) >= 0 &&
	       strcmp(subject, wanted) == 0;
}

static gboolean
ends_soon(gnutls_x509_crt_t crt, gint64 now)
{
	return (gint64)gnutls_x509_crt_get_expiration_time(crt) < now + RENEW_BEFORE;
}

gboolean
cert_ensure(const char *folder, const char *const *names, gint64 now, gboolean *made, GError **error)
{
	g_auto(Pair) ca = {0};
	g_auto(Pair) server = {0};
	gboolean old_ca;

	*made = FALSE;
	if (names == NULL || *names == NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "[Gateway] Names= is empty: a certificate needs a name");
		return FALSE;
	}
	old_ca = read_pair(folder, CERT_CA, CERT_CA_KEY, &ca);
	if (old_ca && (gint64)gnutls_x509_crt_get_expiration_time(ca.crt) < now + SERVER_LIFE) {
		g_warning("the CA in %s ends soon and is replaced: clients must trust the new one", folder);
		pair_clear(&ca);
		old_ca = FALSE;
	}
	if (!old_ca && !make_ca(folder, now, &ca, error))
		return FALSE;
	if (old_ca && read_pair(folder, CERT_SERVER, CERT_SERVER_KEY, &server) &&
		gnutls_x509_crt_check_issuer(server.crt, ca.crt) && !ends_soon(server.crt, now) && is_for_names(server.crt, names))
		return TRUE;
	if (!make_server(folder, names, now, &ca, error))
		return FALSE;
	*made = TRUE;
	return TRUE;
}
