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

/* Who listens. @pid is 0 where this process may not look into others (it is not root): @uid is then the user who made the
 * socket, which for a port that was bound before rights were dropped is root. */
typedef struct {
	uid_t uid;
	pid_t pid;
	char *name; /* of the process; NULL with @pid 0 */
} Listener;

/* The inode of the socket that listens on @port in @file (/proc/net/tcp or tcp6), and its maker; 0: nobody listens.
 * @any_only: only one on all addresses. Format: Documentation/networking/proc_net_tcp.rst of Linux. */
static gulong
find_socket(const char *file, gboolean any_only, guint port, uid_t *uid)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents(file, &text, NULL, NULL))
		return 0;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line != NULL; line++) {
		char address[33];
		unsigned local_port, state, owner;
		gulong inode;

		if (sscanf(*line, " %*d: %32[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %u %*s %lu", address, &local_port, &state, &owner,
			    &inode) != 5 ||
			state != TCP_LISTEN || local_port != port || (any_only && strspn(address, "0") != strlen(address)))
			continue;
		*uid = (uid_t)owner;
		return inode;
	}
	return 0;
}

static gboolean
holds_socket(const char *pid, const char *link)
{
	g_autofree char *folder = g_strdup_printf("/proc/%s/fd", pid);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *fd;

	while (dir && (fd = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, fd, NULL);
		g_autofree char *target = g_file_read_link(path, NULL);

		if (g_strcmp0(target, link) == 0)
			return TRUE;
	}
	return FALSE;
}

/* The owner of /proc/PID is root for a process that may not be dumped, which ours are: status tells the truth. */
static void
describe_process(const char *pid, Listener *listener)
{
	g_autofree char *file = g_strdup_printf("/proc/%s/status", pid);
	g_autofree char *text = NULL;
	unsigned uid;
	const char *line;

	if (!g_file_get_contents(file, &text, NULL, NULL))
		return;
	line = strstr(text, "\nUid:");
	if (line == NULL || sscanf(line, "\nUid: %*u %u", &uid) != 1)
		return;
	listener->uid = (uid_t)uid;
	listener->pid = (pid_t)g_ascii_strtoll(pid, NULL, 10);
	listener->name = g_str_has_prefix(text, "Name:\t") ? g_strndup(text + 6, strcspn(text + 6, "\n")) : g_strdup("?");
}

/* FALSE: nobody listens. Free listener->name with g_free. */
static gboolean
find_listener(gboolean ipv6, guint port, Listener *listener)
{
	gulong inode = find_socket(ipv6 ? "/proc/net/tcp6" : "/proc/net/tcp", FALSE, port, &listener->uid);
	g_autofree char *link = NULL;
	g_autoptr(GDir) processes = NULL;
	const char *pid;

	/* One on [::] takes IPv4 too. */
	if (inode == 0 && !ipv6)
		inode = find_socket("/proc/net/tcp6", TRUE, port, &listener->uid);
	if (inode == 0)
		return FALSE;
	link = g_strdup_printf("socket:[%lu]", inode);
	processes = g_dir_open("/proc", 0, NULL);
	while (processes && listener->pid == 0 && (pid = g_dir_read_name(processes)) != NULL) {
		if (g_ascii_isdigit(*pid) && holds_socket(pid, link))
			describe_process(pid, listener);
	}
	return TRUE;
}

static gboolean
is_gateway(const Conf *conf, const Listener *listener)
{
	uid_t gateway;
	gid_t gid;

	if (listener->pid != 0 && strcmp(listener->name, "carrel-gateway") != 0)
		return FALSE;
	if (!program_lookup_user(conf->gateway_user, &gateway, &gid, NULL))
		return listener->pid != 0;
	return listener->uid == gateway || (listener->pid == 0 && listener->uid == 0);
}

static void
examine_port(GPtrArray *findings, const Conf *conf, const char *address, const char *key)
{
	const char *colon = strrchr(address, ':');
	guint64 port = colon ? g_ascii_strtoull(colon + 1, NULL, 10) : 0;
	g_autofree char *advice = g_strdup_printf("Stop what listens there (ss -ltnp 'sport = :%" G_GUINT64_FORMAT
						  "' names it), or choose another port in [Gateway] %s=",
		port, key);
	Listener listener = {0};

	if (!find_listener(*address == '[', (guint)port, &listener))
		doctor_add(findings, DOCTOR_OK, "ports", NULL, "%s is free", address);
	else if (is_gateway(conf, &listener))
		doctor_add(findings, DOCTOR_OK, "ports", NULL, "%s is carrel-gateway's", address);
	else if (listener.pid != 0)
		doctor_add(findings, DOCTOR_BAD, "ports", advice, "%s is in use by %s (process %d of user %u)", address,
			listener.name, (int)listener.pid, (unsigned)listener.uid);
	else
		doctor_add(findings, DOCTOR_BAD, "ports", advice, "%s is in use by user %u, who is not carrel-gateway", address,
			(unsigned)listener.uid);
	g_free(listener.name);
}

void
doctor_examine_ports(GPtrArray *findings, const Conf *conf)
{
	for (char **address = conf->listen; *address != NULL; address++)
		examine_port(findings, conf, *address, "Listen");
	for (char **address = conf->vnc_listen; *address != NULL; address++)
		examine_port(findings, conf, *address, "VncListen");
}

void
doctor_examine_filters(GPtrArray *findings, gboolean libvirt, gboolean local)
{
	/* The folders of a root's path, which who asks may not have in theirs. */
	gboolean ebtables = g_file_test("/usr/sbin/ebtables", G_FILE_TEST_EXISTS) || g_file_test("/sbin/ebtables", G_FILE_TEST_EXISTS);

	if (!libvirt)
		doctor_add(findings, DOCTOR_BAD, "network filters",
			"Install libvirt's driver for them (Debian 13 and bookworm-backports: libvirt-daemon-driver-nwfilter) and restart it",
			"libvirt has none: desktops get no network card, since they could pretend to be others");
	else if (local && !ebtables)
		doctor_add(findings, DOCTOR_BAD, "network filters", "Install ebtables (Debian: iptables, which brings it, or ebtables)",
			"ebtables is missing: libvirt cannot filter, and desktops get no network card");
	else
		doctor_add(findings, DOCTOR_OK, "network filters", NULL, "libvirt keeps desktops from pretending to be others");
}
