/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/doctor-private.h"

#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "broker/common/program.h"
#include "broker/common/settings.h"
#include "pools/images.h"
#include "pools/network.h"
#include "pools/pool-file.h"

#include <grp.h>
#include <string.h>
#include <unistd.h>

#define BROKER_DEADLINE_MS 3000

void
doctor_examine_users(GPtrArray *findings, const Conf *conf)
{
	const struct {
		const char *key, *user;
	} users[] = {{"Broker", conf->broker_user}, {"Gateway", conf->gateway_user}, {"Display", conf->display_user},
		{"Screen", conf->screen_user}};
	guint before = findings->len;
	uid_t uid;
	gid_t gid;

	for (gsize i = 0; i < G_N_ELEMENTS(users); i++) {
		if (!program_lookup_user(users[i].user, &uid, &gid, NULL))
			doctor_add(findings, DOCTOR_BAD, "users",
				"Make it (useradd --system --no-create-home NAME), or name another in carrel.conf",
				"[Users] %s=: there is no user %s", users[i].key, users[i].user);
	}
	for (char **group = conf->libvirt_groups; *group != NULL; group++) {
		if (!g_ascii_isdigit(**group) && getgrnam(*group) == NULL)
			doctor_add(findings, DOCTOR_BAD, "users", "Name the group that libvirt's socket belongs to (Debian: libvirt)",
				"[Users] LibvirtGroups=: there is no group %s", *group);
	}
	if (findings->len == before)
		doctor_add(findings, DOCTOR_OK, "users", NULL, "the users and groups of carrel.conf exist");
}

void
doctor_examine_pam(GPtrArray *findings, const Conf *conf)
{
	const char *const folders[] = {conf->pam_folder ? conf->pam_folder : "/etc/pam.d", "/usr/lib/pam.d", NULL};

	for (int i = 0; folders[i] != NULL; i++) {
		g_autofree char *file = g_build_filename(folders[i], conf->pam_service, NULL);

		if (g_file_test(file, G_FILE_TEST_IS_REGULAR)) {
			doctor_add(findings, DOCTOR_OK, "sign-in", NULL, "PAM service %s", file);
			return;
		}
		if (conf->pam_folder)
			break;
	}
	doctor_add(findings, DOCTOR_BAD, "sign-in", "Install it from packaging/pam of Carrel's source, or set [Auth] Service=",
		"PAM has no service “%s” in %s: nobody can sign in", conf->pam_service, folders[0]);
}

/* NULL: nothing is known against it. Free with g_free. */
static char *
why_no_bridge_of(const Conf *conf, const PoolFile *file)
{
	g_autoptr(NetworkCard) card = network_card_new(file, "carrel");
	gulong version = 0;

	if (card == NULL || card->bridge == NULL || strstr(conf->libvirt_uri, ":///") == NULL)
		return NULL;
	virGetVersion(&version, NULL, NULL);
	return network_why_no_bridge(card, NETWORK_CLASSES, version);
}

static void
examine_pool(GPtrArray *findings, const Conf *conf, const char *path)
{
	g_autoptr(GPtrArray) faults = NULL;
	g_autoptr(PoolFile) file = pool_file_read(path, &faults);
	g_autoptr(GError) error = NULL;

	if (file == NULL) {
		g_autofree char *first = settings_fault_to_string(faults->pdata[0]);

		doctor_add(findings, DOCTOR_BAD, "pools", "carrel pool check shows all faults", "%s", first);
		return;
	}
	g_autofree char *warning = pool_file_warning(file);
	g_autoptr(Image) image = image_resolve(conf->images, file->image, &error);
	g_autofree char *why_no_bridge = why_no_bridge_of(conf, file);

	if (why_no_bridge)
		doctor_add(findings, DOCTOR_BAD, "pools", NULL, "pool %s: %s", file->name, why_no_bridge);
	if (image == NULL)
		doctor_add(findings, DOCTOR_BAD, "pools", NULL, "pool %s: %s", file->name, error->message);
	else if (warning)
		doctor_add(findings, DOCTOR_WARN, "pools", NULL, "pool %s: %s", file->name, warning);
	else
		doctor_add(findings, DOCTOR_OK, "pools", NULL, "pool %s is made from %s@%s", file->name, image->name, image->version);
}

static void
examine_images(GPtrArray *findings, const Conf *conf)
{
	g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) images = images_list(conf->images, faults, &error);

	if (images == NULL) {
		doctor_add(findings, DOCTOR_BAD, "images", NULL, "%s", error->message);
		return;
	}
	for (guint i = 0; i < faults->len; i++)
		doctor_add(findings, DOCTOR_WARN, "images", "Remove the folder, or mend its " IMAGE_FILE, "%s",
			(char *)faults->pdata[i]);
	if (images->len == 0)
		doctor_add(findings, DOCTOR_BAD, "images", "Make one: carrel image build debian-desktop, or carrel image import",
			"there is no image in %s", conf->images);
	else
		doctor_add(findings, DOCTOR_OK, "images", NULL, "%u in %s", images->len, conf->images);
}

void
doctor_examine_pools(GPtrArray *findings, const Conf *conf)
{
	g_autoptr(GDir) dir = g_dir_open(conf->pools, 0, NULL);
	const char *name;
	guint n = 0;

	examine_images(findings, conf);
	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(conf->pools, name, NULL);

		if (!g_str_has_suffix(name, POOL_FILE_SUFFIX) || *name == '.')
			continue;
		examine_pool(findings, conf, path);
		n++;
	}
	if (n == 0)
		doctor_add(findings, DOCTOR_WARN, "pools", "Write one (carrel-pool(5) has an example) and call carrel pool apply",
			"there is no pool file in %s", conf->pools);
}

void
doctor_examine_broker(GPtrArray *findings, const Conf *conf)
{
	g_autofree char *path = conf_socket_path(conf, CONF_SOCKET_ADMIN);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) connection = peer_connect_sync(path, (uid_t)-1, BROKER_DEADLINE_MS, &error);

	if (connection != NULL)
		doctor_add(findings, DOCTOR_OK, "broker", NULL, "carrel-broker answers; carrel status has more");
	else
		doctor_add(findings, DOCTOR_WARN, "broker", "Start it: systemctl start carrel-broker, or packaging/quickstart",
			"carrel-broker does not answer: %s", error->message);
}
