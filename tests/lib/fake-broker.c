/* A broker and a display server for tests of the gateway alone: answers at RUNTIME/broker/gateway.sock by fixed rules, and
 * serves RUNTIME/display/stream.sock with an echo, or with a VNC server's bytes.
 *
 *   fake-broker --config FILE [--vnc PORT] [--stream SOCKET]     PORT: a VNC server without security, or a SPICE server, on
 *                                                                 127.0.0.1; SOCKET: where grants lead to instead of here
 *
 * Request answers with JSON of what it was asked, at /api/v1/bad with status 400; below /api/v1/slow not at all, at
 * /api/v1/gateway-status with what the gateway tells of itself; /api/v1/end/CODE ends the streams of the desktop "echo" with that code. OpenScreen: the session must be "good"; the
 * desktops "gone", "busy" and "broken" give their errors, "vnc" is the VNC server's screen, all others echo. RedeemTicket: names
 * "denied" and "busy" give their errors, "t-tcp" is the server at PORT, names that start with "t-" echo. SignInVnc: demo1 with "secret"; user "slow" waits.
 * SIGUSR1 ends the streams of the desktop "echo" with 4009, SIGUSR2 drops the streams as a crashed screen would.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "broker/common/conf.h"
#include "broker/common/error.h"
#include "broker/common/log.h"
#include "broker/common/peer.h"
#include "broker/dbus/broker-gateway.h"

#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static CarrelBroker1Gateway *skeleton;
static char *stream_path, *other_stream_path;
static int vnc_port;
static GMutex lock;
static GArray *streams; /* int: open descriptors of streams */

static gboolean
on_hello(CarrelBroker1Gateway *object, GDBusMethodInvocation *call, GVariant *facts, gpointer data)
{
	g_autofree char *text = g_variant_print(facts, FALSE);

	g_message("hello %s", text);
	carrel_broker1_gateway_complete_hello(object, call);
	return TRUE;
}

static void
on_gateway_status(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusMethodInvocation *call = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
	g_autoptr(GVariant) status = answer ? g_variant_get_child_value(answer, 0) : NULL;
	g_autofree char *json = status ? json_gvariant_serialize_data(status, NULL) : g_strdup(error->message);

	carrel_broker1_gateway_complete_request(skeleton, call, status ? 200 : 500, g_variant_new("a{ss}", NULL),
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, json, strlen(json), 1));
}

static gboolean
on_request(CarrelBroker1Gateway *object, GDBusMethodInvocation *call, const char *method, const char *path,
	const char *query, GVariant *context, GVariant *body, gpointer data)
{
	GVariantBuilder fields;
	g_autofree char *words = g_variant_print(context, FALSE);
	g_autofree char *escaped = g_strescape(words, NULL);
	g_autofree char *json = NULL;
	const char *session = NULL;

	if (g_str_has_prefix(path, "/api/v1/slow"))
		return TRUE;
	if (strcmp(path, "/api/v1/gateway-status") == 0) {
		g_dbus_connection_call(g_dbus_method_invocation_get_connection(call), NULL, "/org/carrel/Gateway1", "org.carrel.Gateway1",
			"GetStatus", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, 2000, NULL, on_gateway_status, call);
		return TRUE;
	}
	if (g_str_has_prefix(path, "/api/v1/end/"))
		carrel_broker1_gateway_emit_end_streams(object, "echo", (guint16)g_ascii_strtoull(path + 12, NULL, 10));
	json = g_strdup_printf("{\"method\":\"%s\",\"path\":\"%s\",\"query\":\"%s\",\"context\":\"%s\",\"body\":%zu}\n", method, path,
		query, escaped, g_variant_n_children(body));
	g_variant_builder_init(&fields, G_VARIANT_TYPE("a{ss}"));
	if (g_variant_lookup(context, "session", "&s", &session) && strcmp(session, "good") == 0)
		g_variant_builder_add(&fields, "{ss}", "session", "valid");
	if (strcmp(path, "/api/v1/sign-in") == 0)
		g_variant_builder_add(&fields, "{ss}", "Set-Cookie", "__Host-carrel=good; Path=/; Secure; HttpOnly; SameSite=Strict");
	if (strcmp(path, "/api/v1/evil") == 0)
		g_variant_builder_add(&fields, "{ss}", "X-Split", "a\r\nSet-Cookie: b=c");
	carrel_broker1_gateway_complete_request(object, call, strcmp(path, "/api/v1/bad") == 0 ? 400 : 200, g_variant_builder_end(&fields),
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, json, strlen(json), 1));
	return TRUE;
}

static const char *
granted_path(void)
{
	return other_stream_path ? other_stream_path : stream_path;
}

static GVariant *
make_grant(char kind)
{
	guint8 grant[32];

	memset(grant, kind, sizeof grant);
	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, grant, sizeof grant, 1);
}

/* TRUE when @word is an error's name, and was returned. */
static gboolean
failed(GDBusMethodInvocation *call, const char *word)
{
	static const struct {
		const char *word;
		CarrelErrorCode code;
	} errors[] = {{"denied", CARREL_ERROR_DENIED}, {"gone", CARREL_ERROR_NOT_FOUND}, {"busy", CARREL_ERROR_BUSY},
		{"broken", CARREL_ERROR_FAILED}, {"invalid", CARREL_ERROR_INVALID}};

	for (gsize i = 0; i < G_N_ELEMENTS(errors); i++) {
		if (strcmp(errors[i].word, word) == 0) {
			g_dbus_method_invocation_return_error(call, CARREL_ERROR, errors[i].code, "as the test wants it");
			return TRUE;
		}
	}
	return FALSE;
}

static gboolean
on_open_screen(CarrelBroker1Gateway *object, GDBusMethodInvocation *call, const char *session, const char *desktop,
	const char *address, gpointer data)
{
	if (!failed(call, strcmp(session, "good") == 0 ? desktop : "denied"))
		carrel_broker1_gateway_complete_open_screen(object, call, make_grant(strcmp(desktop, "vnc") == 0 ? 'v' : 'e'),
			granted_path());
	return TRUE;
}

static gboolean
on_open_sound(CarrelBroker1Gateway *object, GDBusMethodInvocation *call, const char *session, const char *desktop,
	const char *address, gpointer data)
{
	if (!failed(call, strcmp(session, "good") == 0 ? desktop : "denied"))
		carrel_broker1_gateway_complete_open_sound(object, call, make_grant('e'), granted_path());
	return TRUE;
}

static gboolean
on_open_files(CarrelBroker1Gateway *object, GDBusMethodInvocation *call, const char *session, const char *desktop,
	const char *address, gpointer data)
{
	if (!failed(call, strcmp(session, "good") == 0 ? desktop : "denied"))
		carrel_broker1_gateway_complete_open_files(object, call, make_grant('e'), granted_path());
	return TRUE;
}

static gboolean
on_redeem_ticket(CarrelBroker1Gateway *object, GDBusMethodInvocation *call, const char *name, const char *address,
	gpointer data)
{
	if (!failed(call, g_str_has_prefix(name, "t-") || strcmp(name, "denied") == 0 || strcmp(name, "busy") == 0 ? name : "gone"))
		carrel_broker1_gateway_complete_redeem_ticket(object, call, make_grant(strcmp(name, "t-tcp") == 0 ? 'v' : 'e'), granted_path(),
			"echo");
	return TRUE;
}

static gboolean
on_sign_in_vnc(CarrelBroker1Gateway *object, GDBusMethodInvocation *call, const char *user, GVariant *password,
	const char *address, gpointer data)
{
	gsize n;
	const char *bytes = g_variant_get_fixed_array(password, &n, 1);

	if (strcmp(user, "slow") == 0)
		return TRUE;
	if (!failed(call, strcmp(user, "demo1") == 0 && (n != 6 || memcmp(bytes, "secret", 6) != 0) ? "denied" : user))
		carrel_broker1_gateway_complete_sign_in_vnc(object, call, make_grant('v'), stream_path, "vnc");
	return TRUE;
}

static void
on_joined(GDBusConnection *connection, uid_t uid, pid_t pid, void *data)
{
	g_autoptr(GError) error = NULL;

	if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(skeleton), connection, "/org/carrel/Broker1", &error))
		g_error("%s", error->message);
	g_object_ref(connection);
}

static int
connect_to_vnc(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((guint16)vnc_port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static gboolean
carry(int from, int to)
{
	static _Thread_local char bytes[65536];
	ssize_t n = recv(from, bytes, sizeof bytes, 0);

	for (ssize_t done = 0; done < n;) {
		ssize_t sent = send(to, bytes + done, (size_t)(n - done), MSG_NOSIGNAL);

		if (sent < 0)
			return FALSE;
		done += sent;
	}
	return n > 0;
}

static void
keep(int fd, gboolean open)
{
	g_mutex_lock(&lock);
	for (guint i = 0; !open && i < streams->len; i++) {
		if (g_array_index(streams, int, i) == fd) {
			g_array_remove_index_fast(streams, i);
			break;
		}
	}
	if (open)
		g_array_append_val(streams, fd);
	g_mutex_unlock(&lock);
}

static gpointer
serve_stream(gpointer data)
{
	int fd = GPOINTER_TO_INT(data), other = -1;
	char grant[32];
	gboolean open = recv(fd, grant, sizeof grant, MSG_WAITALL) == sizeof grant && (*grant == 'e' || *grant == 'v');

	keep(fd, TRUE);
	if (open && *grant == 'v')
		open = (other = connect_to_vnc()) >= 0;
	while (open && other < 0)
		open = carry(fd, fd);
	while (open) {
		struct pollfd fds[] = {{fd, POLLIN, 0}, {other, POLLIN, 0}};

		open = poll(fds, 2, -1) > 0 && (!fds[0].revents || carry(fd, other)) && (!fds[1].revents || carry(other, fd));
	}
	keep(fd, FALSE);
	close(fd);
	if (other >= 0)
		close(other);
	return NULL;
}

static gboolean
on_stream(GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
	int fd = dup(g_socket_get_fd(g_socket_connection_get_socket(connection)));

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK); /* GSocket's are never blocking */
	g_thread_unref(g_thread_new("stream", serve_stream, GINT_TO_POINTER(fd)));
	return TRUE;
}

static gboolean
on_usr1(gpointer data)
{
	carrel_broker1_gateway_emit_end_streams(skeleton, "echo", 4009);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_usr2(gpointer data)
{
	g_mutex_lock(&lock);
	for (guint i = 0; i < streams->len; i++)
		shutdown(g_array_index(streams, int, i), SHUT_RDWR);
	g_mutex_unlock(&lock);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_term(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_CONTINUE;
}

static PeerServer *
serve_broker(const Conf *conf, GError **error)
{
	g_autofree char *path = conf_socket_path(conf, CONF_SOCKET_GATEWAY), *folder = g_path_get_dirname(path);

	g_mkdir_with_parents(folder, 0755);
	skeleton = carrel_broker1_gateway_skeleton_new();
	g_signal_connect(skeleton, "handle-hello", G_CALLBACK(on_hello), NULL);
	g_signal_connect(skeleton, "handle-request", G_CALLBACK(on_request), NULL);
	g_signal_connect(skeleton, "handle-open-screen", G_CALLBACK(on_open_screen), NULL);
	g_signal_connect(skeleton, "handle-open-sound", G_CALLBACK(on_open_sound), NULL);
	g_signal_connect(skeleton, "handle-open-files", G_CALLBACK(on_open_files), NULL);
	g_signal_connect(skeleton, "handle-redeem-ticket", G_CALLBACK(on_redeem_ticket), NULL);
	g_signal_connect(skeleton, "handle-sign-in-vnc", G_CALLBACK(on_sign_in_vnc), NULL);
	return peer_server_new(path, NULL, 8, on_joined, NULL, error);
}

static GSocketService *
serve_streams(const Conf *conf, GError **error)
{
	g_autoptr(GSocketService) service = g_socket_service_new();
	g_autoptr(GSocketAddress) address = NULL;
	g_autofree char *folder = NULL;

	stream_path = conf_socket_path(conf, CONF_SOCKET_STREAM);
	folder = g_path_get_dirname(stream_path);
	streams = g_array_new(FALSE, FALSE, sizeof(int));
	g_mkdir_with_parents(folder, 0755);
	g_unlink(stream_path);
	address = g_unix_socket_address_new(stream_path);
	g_socket_listener_set_backlog(G_SOCKET_LISTENER(service), 128);
	if (!g_socket_listener_add_address(G_SOCKET_LISTENER(service), address, G_SOCKET_TYPE_STREAM, 0, NULL, NULL, error))
		return NULL;
	chmod(stream_path, 0666);
	g_signal_connect(service, "incoming", G_CALLBACK(on_stream), NULL);
	return g_steal_pointer(&service);
}

int
main(int argc, char **argv)
{
	g_autofree char *file = NULL;
	const GOptionEntry options[] = {{"config", 'c', 0, G_OPTION_ARG_FILENAME, &file, "Configuration", "FILE"},
		{"vnc", 0, 0, G_OPTION_ARG_INT, &vnc_port, "A VNC server's port on 127.0.0.1", "PORT"},
		{"stream", 0, 0, G_OPTION_ARG_FILENAME, &other_stream_path, "Where grants lead to", "SOCKET"}, {NULL}};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(Conf) conf = NULL;

	g_set_prgname("fake-broker");
	log_init(FALSE);
	signal(SIGPIPE, SIG_IGN);
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || (conf = conf_load(file, &error)) == NULL)
		g_error("%s", error->message);
	carrel_error_quark();
	g_autoptr(PeerServer) broker = serve_broker(conf, &error);
	g_autoptr(GSocketService) service = broker ? serve_streams(conf, &error) : NULL;

	if (service == NULL)
		g_error("%s", error->message);
	g_unix_signal_add(SIGUSR1, on_usr1, NULL);
	g_unix_signal_add(SIGUSR2, on_usr2, NULL);
	g_unix_signal_add(SIGTERM, on_term, loop);
	g_unix_signal_add(SIGINT, on_term, loop);
	g_main_loop_run(loop);
	return 0;
}
