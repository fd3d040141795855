/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/door.h"

#include "broker/common/error.h"
#include "broker/common/program.h"
#include "broker/common/reactor.h"
#include "broker/gateway/address.h"
#include "broker/gateway/broker-link.h"
#include "broker/gateway/cert.h"
#include "broker/gateway/confine.h"
#include "broker/gateway/http.h"
#include "broker/gateway/listener.h"
#include "broker/gateway/site.h"
#include "broker/gateway/status.h"
#include "broker/gateway/vnc.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 100000 /* as much as Connections= may say */
#define SPARE_FDS 64
#define CERT_CHECK_S 21600

struct Door {
	const Conf *conf; /* as it was at the start: ports, paths, users */
	Conf *reloaded;   /* NULL before the first SIGHUP: limits and names */
	Gateway gateway;
	uid_t broker_uid;
	guint max; /* connections, by the limit of open files */
	GPtrArray *web, *vnc; /* Listener */
	guint tick_id, cert_id;
};

/* Every client may need two descriptors, its own and its stream's. All that are allowed are taken now, since Connections= may
 * grow later, and then there may be no right to ask for more. */
static guint
clients_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 400;
	limit.rlim_cur = MIN(limit.rlim_max, CLIENTS_MAX * 2 + SPARE_FDS);
	setrlimit(RLIMIT_NOFILE, &limit);
	return (guint)((MAX(limit.rlim_cur, 2 * SPARE_FDS) - SPARE_FDS) / 2);
}

static const Conf *
conf_now(const Door *door)
{
	return door->reloaded ? door->reloaded : door->conf;
}

static void
adopt_limits(Door *door)
{
	const Conf *conf = conf_now(door);
	GatewayLimits *limits = &door->gateway.limits;

	*limits = conf->limits;
	door->gateway.vnc_tls_plain = conf->vnc_tls_plain;
	limits->connections = MIN(limits->connections, door->max);
	limits->unauthenticated_full = MIN(limits->unauthenticated_full, limits->connections);
	limits->unauthenticated_start = MIN(limits->unauthenticated_start, limits->unauthenticated_full);
	g_clear_pointer(&door->gateway.proxies, g_ptr_array_unref);
	door->gateway.proxies = address_list_new(conf->proxy_from);
}

static void
tell_if_low(const Door *door)
{
	gint64 wanted = conf_now(door)->limits.connections;

	if (wanted > door->max)
		g_message("takes at most %u connections, not %" G_GINT64_FORMAT ", since the limit of open files is low (systemd: "
			  "LimitNOFILE=%" G_GINT64_FORMAT ")",
			door->max, wanted, wanted * 2 + SPARE_FDS);
}

static gboolean
listen_on_all(GPtrArray *listeners, char **addresses, const char *setting, GError **error)
{
	for (; *addresses != NULL; addresses++) {
		Listener *listener = listener_new(*addresses, setting, error);

		if (listener == NULL)
			return FALSE;
		g_ptr_array_add(listeners, listener);
	}
	return TRUE;
}

/* Started as root, each program of the instance becomes its own user, and can tell the others by theirs. Started otherwise
 * (by systemd, or a developer) nobody knows what the others run as; then the socket's folder has to do, which only its
 * owner can write to. */
static gboolean
look_up_users(Door *door, GError **error)
{
	gid_t gid;

	door->broker_uid = door->gateway.display_uid = (uid_t)-1;
	return geteuid() != 0 || (program_lookup_user(door->conf->broker_user, &door->broker_uid, &gid, error) &&
					 program_lookup_user(door->conf->display_user, &door->gateway.display_uid, &gid, error));
}

Door *
door_new(const Conf *conf, GError **error)
{
	g_autoptr(Door) door = g_new0(Door, 1);

	door->conf = conf;
	door->web = g_ptr_array_new_with_free_func((GDestroyNotify)listener_free);
	door->vnc = g_ptr_array_new_with_free_func((GDestroyNotify)listener_free);
	door->gateway.clients = g_hash_table_new(NULL, NULL);
	door->max = clients_max();
	adopt_limits(door);
	door->gateway.admission = admission_new(&door->gateway.limits);
	if (!look_up_users(door, error) || !listen_on_all(door->web, conf->listen, "Listen", error) ||
		!listen_on_all(door->vnc, conf->vnc_listen, "VncListen", error))
		return NULL;
	return g_steal_pointer(&door);
}

void
door_free(Door *door)
{
	if (door == NULL)
		return;
	g_autoptr(GList) clients = g_hash_table_get_keys(door->gateway.clients);

	for (GList *item = clients; item; item = item->next)
		client_close(item->data);
	g_clear_handle_id(&door->tick_id, g_source_remove);
	g_clear_handle_id(&door->cert_id, g_source_remove);
	broker_link_free(door->gateway.broker);
	g_ptr_array_unref(door->web);
	g_ptr_array_unref(door->vnc);
	reactor_free(door->gateway.reactor);
	site_free(door->gateway.site);
	tls_unref(door->gateway.tls);
	admission_free(door->gateway.admission);
	g_ptr_array_unref(door->gateway.proxies);
	g_hash_table_unref(door->gateway.clients);
	conf_free(door->reloaded);
	g_free(door);
}

/* The CA where other programs and users can read it; the state folder is ours alone. */
static void
publish_ca(Door *door)
{
	g_autofree char *path = g_build_filename(door->conf->runtime, "gateway", "ca.pem", NULL);
	g_autoptr(GError) error = NULL;
	const char *pem = tls_ca_pem(door->gateway.tls);

	if (*pem == '\0')
		g_unlink(path);
	else if (!g_file_set_contents_full(path, pem, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error))
		g_warning("%s", error->message);
}

static Tls *
load_tls(Door *door, gboolean *made, GError **error)
{
	const Conf *conf = door->conf;
	g_autofree char *folder = g_build_filename(conf->state, "gateway", NULL);
	g_autofree char *certificate = g_build_filename(folder, CERT_SERVER, NULL);
	g_autofree char *key = g_build_filename(folder, CERT_SERVER_KEY, NULL);

	*made = FALSE;
	if ((conf->certificate == NULL) != (conf->key == NULL)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"%s: [Gateway] Certificate= and Key= belong together: set both, or neither to have them made", conf->file);
		return NULL;
	}
	if (conf->certificate)
		return tls_new(conf->certificate, conf->key, error);
	if (!cert_ensure(folder, (const char *const *)conf_now(door)->names, g_get_real_time() / G_USEC_PER_SEC, made, error))
		return NULL;
	if (*made)
		g_message("made a new server certificate in %s", folder);
	return tls_new(certificate, key, error);
}

static guint16
port_of(GPtrArray *listeners)
{
	return listeners->len > 0 ? listener_port(listeners->pdata[0]) : 0;
}

static void
tell_broker(Door *door)
{
	GVariantBuilder facts;

	g_variant_builder_init(&facts, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&facts, "{sv}", "ca-pem", g_variant_new_string(tls_ca_pem(door->gateway.tls)));
	g_variant_builder_add(&facts, "{sv}", "host-subject", g_variant_new_string(tls_subject(door->gateway.tls)));
	g_variant_builder_add(&facts, "{sv}", "port", g_variant_new_uint16(port_of(door->web)));
	g_variant_builder_add(&facts, "{sv}", "vnc-port", g_variant_new_uint16(port_of(door->vnc)));
	broker_link_set_facts(door->gateway.broker, g_variant_builder_end(&facts));
}

static gboolean
reload_tls(Door *door, gboolean only_if_made)
{
	g_autoptr(GError) error = NULL;
	gboolean made;
	Tls *tls = load_tls(door, &made, &error);

	if (tls == NULL) {
		g_warning("the certificate stays as it was: %s", error->message);
	} else if (only_if_made && !made) {
		tls_unref(tls);
	} else {
		tls_unref(door->gateway.tls);
		door->gateway.tls = tls;
		publish_ca(door);
		tell_broker(door);
	}
	return tls != NULL;
}

static gboolean
on_cert_check(gpointer data)
{
	reload_tls(data, TRUE);
	return G_SOURCE_CONTINUE;
}

static gboolean
reload_site(Door *door)
{
	g_autoptr(GError) error = NULL;
	Site *site = site_load(door->conf->web_root, &error);

	if (site == NULL) {
		g_warning("the web client's files stay as they were: %s", error->message);
		return FALSE;
	}
	site_free(door->gateway.site);
	door->gateway.site = site;
	return TRUE;
}

/* What is bound, opened or become at the start stays. */
static void
tell_what_stays(const Conf *old, const Conf *new)
{
	if (!g_strv_equal((const char *const *)old->listen, (const char *const *)new->listen) ||
		!g_strv_equal((const char *const *)old->vnc_listen, (const char *const *)new->vnc_listen) ||
		g_strcmp0(old->certificate, new->certificate) != 0 || g_strcmp0(old->key, new->key) != 0 ||
		strcmp(old->state, new->state) != 0 || strcmp(old->runtime, new->runtime) != 0 ||
		strcmp(old->web_root, new->web_root) != 0 || strcmp(old->broker_user, new->broker_user) != 0 ||
		strcmp(old->gateway_user, new->gateway_user) != 0 || strcmp(old->display_user, new->display_user) != 0)
		g_message("%s: changes of Listen=, VncListen=, Certificate=, Key=, [Paths] and [Users] count after a restart",
			old->file);
}

static gboolean
reload_conf(Door *door)
{
	g_autoptr(GError) error = NULL;
	Conf *conf = conf_load(door->conf->file, &error);

	if (conf == NULL) {
		g_strdelimit(error->message, "\n", ' ');
		g_warning("limits and names stay as they were: %s", error->message);
		return FALSE;
	}
	tell_what_stays(door->conf, conf);
	conf_free(door->reloaded);
	door->reloaded = conf;
	adopt_limits(door);
	tell_if_low(door);
	counter_add(COUNTER_RELOADS, 1);
	return TRUE;
}

/* All that is ever read from files after the start is read here: the configuration, the certificate, the web client, each where it
 * was at the start. */
void
door_reload(Door *door)
{
	gboolean conf = reload_conf(door), site = reload_site(door), tls = reload_tls(door, FALSE);

	g_message("%s read again", conf && site && tls ? "configuration, certificate and web client were" : "the rest was");
}

static gboolean
on_tick(gpointer data)
{
	Door *door = data;
	gint64 now = g_get_monotonic_time();
	g_autoptr(GList) clients = g_hash_table_get_keys(door->gateway.clients);

	/* A client may close itself, but no other: the list stays good. */
	for (GList *item = clients; item; item = item->next)
		client_tick(item->data, now);
	for (guint i = 0; i < door->web->len; i++)
		listener_tick(door->web->pdata[i]);
	for (guint i = 0; i < door->vnc->len; i++)
		listener_tick(door->vnc->pdata[i]);
	return G_SOURCE_CONTINUE;
}

static void
on_end_streams(const char *desktop, guint code, void *data)
{
	Door *door = data;
	g_autoptr(GList) clients = g_hash_table_get_keys(door->gateway.clients);

	for (GList *item = clients; item; item = item->next) {
		if (g_strcmp0(client_desktop(item->data), desktop) == 0)
			client_end_stream(item->data, code);
	}
}

static GVariant *
on_status(void *data)
{
	Door *door = data;

	return status_make(&door->gateway, conf_now(door));
}

static const BrokerLinkHandlers handlers = {.end_streams = on_end_streams, .status = on_status};

static void
on_secured(Client *client, void *state)
{
	http_start(client);
}

/* One port for both: a TLS record of a ClientHello starts with 22, no HTTP method does. */
static void
sniff(Client *client)
{
	guint8 first;
	ssize_t n = recv(client_fd(client), &first, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		client_close(client);
	else if (n == 1 && first == 22)
		client_start_tls(client, TLS_WEB, on_secured, NULL, NULL);
	else if (n == 1)
		http_start(client);
}

static void
on_silent(Client *client)
{
	/* Browsers open connections ahead of need; no reason for a line in the log. */
	counter_add(COUNTER_IDLE_CLOSED, 1);
	client_close(client);
}

static const Stage sniffing = {"first byte", .on_input = sniff, .on_deadline = on_silent};

static void
on_web_client(Client *client)
{
	client_set_limit(client, client_limits(client)->handshake_timeout, REFUSAL_HANDSHAKE_TIMEOUT);
	client_set_stage(client, &sniffing, NULL);
}

gboolean
door_open(Door *door, GError **error)
{
	Gateway *gateway = &door->gateway;
	g_autofree char *socket = conf_socket_path(door->conf, CONF_SOCKET_GATEWAY);
	gboolean made;

	gateway->sandbox = confine(door->conf, error);
	if (gateway->sandbox == NULL)
		return FALSE;
	tell_if_low(door);
	gateway->reactor = reactor_new(error);
	if (gateway->reactor == NULL)
		return FALSE;
	reactor_wait_for_all(gateway->reactor);
	gateway->site = site_load(door->conf->web_root, error);
	if (gateway->site == NULL)
		return FALSE;
	gateway->tls = load_tls(door, &made, error);
	if (gateway->tls == NULL)
		return FALSE;
	publish_ca(door);
	gateway->broker = broker_link_new(socket, door->broker_uid, &handlers, door);
	tell_broker(door);
	door->tick_id = g_timeout_add_seconds(1, on_tick, door);
	door->cert_id = g_timeout_add_seconds(CERT_CHECK_S, on_cert_check, door);
	for (guint i = 0; i < door->web->len; i++)
		listener_start(door->web->pdata[i], gateway, COUNTER_WEB_CONNECTIONS, on_web_client);
	for (guint i = 0; i < door->vnc->len; i++)
		listener_start(door->vnc->pdata[i], gateway, COUNTER_VNC_CONNECTIONS, vnc_start);
	return TRUE;
}
