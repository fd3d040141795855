/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/conf.h"

#include "broker/common/settings.h"

#define AT(field) offsetof(Conf, field)

static gboolean
check_listen(const void *field, char **why)
{
	for (char **item = *(char **const *)field; *item != NULL; item++) {
		g_autoptr(GSocketConnectable) address = g_network_address_parse(*item, 0, NULL);
		guint16 port = address ? g_network_address_get_port(G_NETWORK_ADDRESS(address)) : 0;
		const char *host = address ? g_network_address_get_hostname(G_NETWORK_ADDRESS(address)) : NULL;

		if (port == 0 || !g_hostname_is_ip_address(host)) {
			*why = g_strdup_printf("“%s” is not ADDRESS:PORT, such as 0.0.0.0:8443 or [::]:8443", *item);
			return FALSE;
		}
	}
	return TRUE;
}

static const Setting table[] = {
	{"Paths", "State", SETTING_PATH, AT(state), CARREL_LOCALSTATEDIR "/lib/carrel"},
	{"Paths", "Runtime", SETTING_PATH, AT(runtime), "/run/carrel"},
	{"Paths", "Pools", SETTING_PATH, AT(pools), CARREL_SYSCONFDIR "/carrel/pools.d"},
	{"Paths", "Images", SETTING_PATH, AT(images)},
	{"Paths", "WebRoot", SETTING_PATH, AT(web_root), CARREL_PKGDATADIR "/web-client"},
	{"Paths", "Programs", SETTING_PATH, AT(programs), CARREL_PKGLIBEXECDIR},
	{"Users", "Broker", SETTING_NAME, AT(broker_user), "carrel"},
	{"Users", "Gateway", SETTING_NAME, AT(gateway_user), "carrel-gateway"},
	{"Users", "Display", SETTING_NAME, AT(display_user), "carrel-display"},
	{"Users", "Screen", SETTING_NAME, AT(screen_user), "carrel-screen"},
	{"Users", "LibvirtGroups", SETTING_LIST, AT(libvirt_groups), "libvirt"},
	{"Gateway", "Listen", SETTING_LIST, AT(listen), "[::]:8443", .check = check_listen},
	{"Gateway", "VncListen", SETTING_LIST, AT(vnc_listen), "[::]:5999", .check = check_listen},
	{"Gateway", "VncTlsPlain", SETTING_BOOL, AT(vnc_tls_plain), "no"},
	{"Gateway", "Names", SETTING_LIST, AT(names), "localhost, 127.0.0.1, ::1"},
	{"Gateway", "Certificate", SETTING_PATH, AT(certificate)},
	{"Gateway", "Key", SETTING_PATH, AT(key)},
	{"Broker", "AdminUsers", SETTING_LIST, AT(admin_users)},
	{"Broker", "AdminGroups", SETTING_LIST, AT(admin_groups)},
	{"Broker", "SessionIdle", SETTING_DURATION, AT(session_idle), "12h", 60, 7 * 86400},
	{"Broker", "SessionLifetime", SETTING_DURATION, AT(session_lifetime), "7d", 60, 90 * 86400},
	{"Auth", "Service", SETTING_NAME, AT(pam_service), "carrel"},
	{"Auth", "Folder", SETTING_PATH, AT(pam_folder)},
	{"Libvirt", "Uri", SETTING_STRING, AT(libvirt_uri), "qemu:///system"},
	{NULL},
};

const char *
conf_default_file(void)
{
	const char *file = g_getenv("CARREL_CONFIG");

	return file && *file ? file : CARREL_SYSCONFDIR "/carrel/carrel.conf";
}

Conf *
conf_load(const char *file, GError **error)
{
	g_autoptr(Conf) conf = g_new0(Conf, 1);

	if (!settings_faults_to_error(settings_read(file, table, conf), error))
		return NULL;
	conf->file = g_strdup(file);
	if (conf->images == NULL)
		conf->images = g_build_filename(conf->state, "images", NULL);
	return g_steal_pointer(&conf);
}

void
conf_free(Conf *conf)
{
	if (conf == NULL)
		return;
	settings_clear(table, conf);
	g_free(conf->file);
	g_free(conf);
}

char *
conf_socket_path(const Conf *conf, const char *name)
{
	return g_build_filename(conf->runtime, name, NULL);
}
