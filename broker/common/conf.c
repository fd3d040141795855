/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/conf.h"

#include "broker/common/settings.h"

#define AT(field) offsetof(Conf, field)
#define CONNECTIONS_MAX 100000

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

static gboolean
check_proxies(const void *field, char **why)
{
	for (char **item = *(char **const *)field; *item != NULL; item++) {
		g_autoptr(GInetAddressMask) mask = g_inet_address_mask_new_from_string(*item, NULL);

		if (mask == NULL) {
			*why = g_strdup_printf("“%s” is not an address or a prefix, such as 192.0.2.7 or 2001:db8::/64", *item);
			return FALSE;
		}
	}
	return TRUE;
}

/* "START:RATE:FULL", as sshd's MaxStartups. */
static gboolean
parse_unauthenticated(const char *text, GatewayLimits *limits)
{
	guint64 parts[3];
	g_auto(GStrv) words = g_strsplit(text, ":", 4);

	if (g_strv_length(words) != 3)
		return FALSE;
	for (int i = 0; i < 3; i++) {
		if (!g_ascii_string_to_unsigned(words[i], 10, 1, i == 1 ? 100 : CONNECTIONS_MAX, &parts[i], NULL))
			return FALSE;
	}
	limits->unauthenticated_start = (gint64)parts[0];
	limits->unauthenticated_rate = (gint64)parts[1];
	limits->unauthenticated_full = (gint64)parts[2];
	return parts[0] <= parts[2];
}

static gboolean
check_unauthenticated(const void *field, char **why)
{
	const char *text = *(char *const *)field;
	GatewayLimits limits;

	if (parse_unauthenticated(text, &limits))
		return TRUE;
	*why = g_strdup_printf("“%s” is not START:RATE:FULL, such as 5000:30:8000: two counts from 1 to %d, and a percentage", text,
		CONNECTIONS_MAX);
	return FALSE;
}

#define LIMIT(field) offsetof(Conf, limits.field)
#define KIB G_GINT64_CONSTANT(1024)
#define MIB (1024 * KIB)

static gboolean
check_some(const void *field, char **why)
{
	if (**(char **const *)field != NULL)
		return TRUE;
	*why = g_strdup("is empty: name at least one, or leave the line out");
	return FALSE;
}

static gboolean
check_listen_some(const void *field, char **why)
{
	return check_some(field, why) && check_listen(field, why);
}

static const char *const h264_words[] = {"auto", "off", NULL};

static const Setting table[] = {
	{"Paths", "State", SETTING_PATH, AT(state), CARREL_LOCALSTATEDIR "/lib/carrel"},
	{"Paths", "Runtime", SETTING_PATH, AT(runtime), "/run/carrel"},
	{"Paths", "Pools", SETTING_PATH, AT(pools), CARREL_SYSCONFDIR "/carrel/pools.d"},
	{"Paths", "Images", SETTING_PATH, AT(images)},
	{"Paths", "Recordings", SETTING_PATH, AT(recordings)},
	{"Paths", "WebRoot", SETTING_PATH, AT(web_root), CARREL_PKGDATADIR "/web-client"},
	{"Paths", "Programs", SETTING_PATH, AT(programs), CARREL_PKGLIBEXECDIR},
	{"Users", "Broker", SETTING_NAME, AT(broker_user), "carrel"},
	{"Users", "Gateway", SETTING_NAME, AT(gateway_user), "carrel-gateway"},
	{"Users", "Display", SETTING_NAME, AT(display_user), "carrel-display"},
	{"Users", "Screen", SETTING_NAME, AT(screen_user), "carrel-screen"},
	{"Users", "LibvirtGroups", SETTING_LIST, AT(libvirt_groups), "libvirt"},
	{"Gateway", "Listen", SETTING_LIST, AT(listen), "[::]:8443", .check = check_listen_some},
	{"Gateway", "VncListen", SETTING_LIST, AT(vnc_listen), "[::]:5999", .check = check_listen},
	{"Gateway", "VncTlsPlain", SETTING_BOOL, AT(vnc_tls_plain), "no"},
	{"Gateway", "Names", SETTING_LIST, AT(names), "localhost, 127.0.0.1, ::1", .check = check_some},
	{"Gateway", "Certificate", SETTING_PATH, AT(certificate)},
	{"Gateway", "Key", SETTING_PATH, AT(key)},
	{"Gateway", "ProxyFrom", SETTING_LIST, AT(proxy_from), .check = check_proxies},
	{"Gateway", "Connections", SETTING_INT, LIMIT(connections), "10000", 10, CONNECTIONS_MAX},
	{"Gateway", "ConnectionsPerAddress", SETTING_INT, LIMIT(connections_per_address), "256", 1, CONNECTIONS_MAX},
	{"Gateway", "Unauthenticated", SETTING_STRING, AT(unauthenticated), "5000:30:8000", .check = check_unauthenticated},
	{"Gateway", "HandshakeTimeout", SETTING_DURATION, LIMIT(handshake_timeout), "10s", 1, 60},
	{"Gateway", "HeadTimeout", SETTING_DURATION, LIMIT(head_timeout), "10s", 1, 60},
	{"Gateway", "HeadSize", SETTING_SIZE, LIMIT(head_size), "16K", KIB, 32 * KIB},
	{"Gateway", "BodyTimeout", SETTING_DURATION, LIMIT(body_timeout), "30s", 1, 600},
	{"Gateway", "BodySize", SETTING_SIZE, LIMIT(body_size), "1M", KIB, MIB},
	{"Gateway", "BodyMemory", SETTING_SIZE, LIMIT(body_memory), "64M", MIB, 4096 * MIB},
	{"Gateway", "KeepAliveTimeout", SETTING_DURATION, LIMIT(keep_alive_timeout), "60s", 1, 3600},
	{"Gateway", "SignInTimeout", SETTING_DURATION, LIMIT(sign_in_timeout), "2min", 1, 600},
	{"Gateway", "WriteTimeout", SETTING_DURATION, LIMIT(write_timeout), "30s", 1, 600},
	{"Gateway", "FrameSize", SETTING_SIZE, LIMIT(frame_size), "1M", KIB, 16 * MIB},
	{"Gateway", "PingInterval", SETTING_DURATION, LIMIT(ping_interval), "30s", 1, 600},
	{"Gateway", "RelayBuffer", SETTING_SIZE, LIMIT(relay_buffer), "64K", 4 * KIB, 256 * KIB},
	{"Broker", "AdminUsers", SETTING_LIST, AT(admin_users)},
	{"Broker", "AdminGroups", SETTING_LIST, AT(admin_groups)},
	{"Broker", "DesktopsPerUser", SETTING_INT, AT(desktops_per_user), "0", 0, 1000},
	{"Broker", "SessionIdle", SETTING_DURATION, AT(session_idle), "12h", 60, 7 * 86400},
	{"Broker", "SessionLifetime", SETTING_DURATION, AT(session_lifetime), "7d", 60, 90 * 86400},
	{"Auth", "Service", SETTING_NAME, AT(pam_service), "carrel"},
	{"Auth", "Folder", SETTING_PATH, AT(pam_folder)},
	{"Auth", "ProcessesPerAddress", SETTING_INT, AT(sign_in_processes_per_address), "16", 1, 512},
	{"Auth", "Processes", SETTING_INT, AT(sign_in_processes), "32", 1, 512},
	{"Auth", "Deadline", SETTING_DURATION, AT(sign_in_deadline), "2min", 10, 170},
	{"Auth", "FailureDelay", SETTING_DURATION, AT(failure_delay), "2s", 1, 30},
	{"Auth", "FreeFailures", SETTING_INT, AT(free_failures), "10", 1, 1000},
	{"Auth", "AddressWaitMax", SETTING_DURATION, AT(address_wait_max), "5min", 1, 3600},
	{"Auth", "UserDelayMax", SETTING_DURATION, AT(user_delay_max), "15s", 1, 60},
	{"Display", "H264", SETTING_ENUM, AT(h264), "auto", .words = h264_words},
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
	parse_unauthenticated(conf->unauthenticated, &conf->limits);
	if (conf->images == NULL)
		conf->images = g_build_filename(conf->state, "images", NULL);
	if (conf->recordings == NULL)
		conf->recordings = g_build_filename(conf->state, "recordings", NULL);
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
