/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/doctor-private.h"

#include "broker/common/program.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPIRY_WARN_S (30 * 86400)
#define PEM_MAX (1u << 20)
#define TCP_LISTEN 0x0a

/* FALSE: there is no certificate in it. */
static gboolean
read_expiry(const char *path, time_t *expiry)
{
	g_autofree char *text = NULL;
	gsize size;
	gnutls_x509_crt_t certificate;
	gboolean ok;

	if (!g_file_get_contents(path, &text, &size, NULL) || size > PEM_MAX || gnutls_x509_crt_init(&certificate) < 0)
		return FALSE;
	gnutls_datum_t data = {(unsigned char *)text, (unsigned)size};

	ok = gnutls_x509_crt_import(certificate, &data, GNUTLS_X509_FMT_PEM) == 0;
	if (ok)
		*expiry = gnutls_x509_crt_get_expiration_time(certificate);
	gnutls_x509_crt_deinit(certificate);
	return ok;
}

static void
examine_certificate(GPtrArray *findings, const char *path)
{
	time_t expiry, now = time(NULL);
	g_autofree char *day = NULL;

	if (!read_expiry(path, &expiry)) {
		doctor_add(findings, DOCTOR_BAD, "certificate", "Put a PEM certificate there, or remove [Gateway] Certificate= and Key=",
			"%s is missing, may not be read, or is no certificate", path);
		return;
	}
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(expiry);

	day = g_date_time_format(time, "%Y-%m-%d");
	if (expiry <= now)
		doctor_add(findings, DOCTOR_BAD, "certificate", "Renew it, then restart carrel-gateway", "%s expired on %s", path, day);
	else if (expiry - now < EXPIRY_WARN_S)
		doctor_add(findings, DOCTOR_WARN, "certificate", "Renew it, then restart carrel-gateway", "%s expires on %s", path, day);
	else
		doctor_add(findings, DOCTOR_OK, "certificate", NULL, "%s is good until %s", path, day);
}

static void
examine_key(GPtrArray *findings, const Conf *conf, const char *path)
{
	g_autofree char *blocker = NULL;
	int may = doctor_may(conf->gateway_user, path, R_OK, &blocker);

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		doctor_add(findings, DOCTOR_BAD, "certificate", "Name the key in [Gateway] Key=", "the key %s is missing", path);
	else if (may == 0)
		doctor_add(findings, DOCTOR_BAD, "certificate", "Let it (chgrp, chmod 0640)",
			"the user %s of carrel-gateway may not read the key: %s shuts it out", conf->gateway_user, blocker);
}

/* Those that carrel-gateway made for itself. */
static void
examine_own(GPtrArray *findings, const Conf *conf)
{
	g_autofree char *folder = g_build_filename(conf->state, "gateway", NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;
	guint n = 0;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		time_t expiry;

		if ((g_str_has_suffix(name, ".pem") || g_str_has_suffix(name, ".crt")) && read_expiry(path, &expiry)) {
			examine_certificate(findings, path);
			n++;
		}
	}
	if (n == 0)
		doctor_add(findings, DOCTOR_OK, "certificate", NULL,
			dir ? "carrel-gateway makes its own at its first start" : "none is set; carrel-gateway makes its own in %s", folder);
}

void
doctor_examine_certificates(GPtrArray *findings, const Conf *conf)
{
	if (conf->certificate == NULL) {
		examine_own(findings, conf);
		return;
	}
	examine_certificate(findings, conf->certificate);
	if (conf->key)
		examine_key(findings, conf, conf->key);
	else
		doctor_add(findings, DOCTOR_BAD, "certificate", "Name its key", "[Gateway] Certificate= is set and Key= is not");
}

/* The user whose socket listens on @port, by /proc/net/tcp and tcp6; FALSE: nobody's. */
static gboolean
find_listener(guint port, uid_t *uid)
{
	static const char *const files[] = {"/proc/net/tcp", "/proc/net/tcp6"};

	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *text = NULL;

		if (!g_file_get_contents(files[i], &text, NULL, NULL))
			continue;
		g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

		for (char **line = lines; *line != NULL; line++) {
			unsigned local_port, state, owner;

			if (sscanf(*line, " %*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %u", &local_port, &state, &owner) == 3 &&
				state == TCP_LISTEN && local_port == port) {
				*uid = (uid_t)owner;
				return TRUE;
			}
		}
	}
	return FALSE;
}

static void
examine_port(GPtrArray *findings, const Conf *conf, const char *address, const char *key)
{
	const char *colon = strrchr(address, ':');
	guint64 port = colon ? g_ascii_strtoull(colon + 1, NULL, 10) : 0;
	g_autofree char *advice = g_strdup_printf("Stop what listens there (ss -ltnp 'sport = :%" G_GUINT64_FORMAT
						  "' names it), or choose another port in [Gateway] %s=",
		port, key);
	uid_t owner, gateway;
	gid_t gid;

	if (!find_listener((guint)port, &owner))
		doctor_add(findings, DOCTOR_OK, "ports", NULL, "%s is free", address);
	else if (program_lookup_user(conf->gateway_user, &gateway, &gid, NULL) && owner == gateway)
		doctor_add(findings, DOCTOR_OK, "ports", NULL, "%s is carrel-gateway's", address);
	else
		doctor_add(findings, DOCTOR_BAD, "ports", advice, "%s is in use by user %u, who is not carrel-gateway", address,
			(unsigned)owner);
}

void
doctor_examine_ports(GPtrArray *findings, const Conf *conf)
{
	for (char **address = conf->listen; *address != NULL; address++)
		examine_port(findings, conf, *address, "Listen");
	for (char **address = conf->vnc_listen; *address != NULL; address++)
		examine_port(findings, conf, *address, "VncListen");
}
