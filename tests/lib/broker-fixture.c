/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/lib/broker-fixture.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/lib/pam-folder.h"

#define HOST "portal.example:8443"

static gint64 clock_s = 1800000000, steady_s = 1000;

static gint64
now(void)
{
	return clock_s;
}

static gint64
steady(void)
{
	return steady_s;
}

void
fixture_pass(gint64 seconds)
{
	clock_s += seconds;
	steady_s += seconds;
}

void
fixture_set_clock(gint64 seconds)
{
	clock_s += seconds;
}

static gboolean
on_tick(gpointer data)
{
	*(gboolean *)data = TRUE;
	return G_SOURCE_REMOVE;
}

void
fixture_run_for(guint ms)
{
	gboolean over = FALSE;

	g_timeout_add(ms, on_tick, &over);
	while (!over)
		g_main_context_iteration(NULL, TRUE);
}

gboolean
fixture_wait(gboolean (*is_true)(void *data), void *data)
{
	gint64 deadline_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

	while (!is_true(data)) {
		if (g_get_monotonic_time() > deadline_us)
			return FALSE;
		fixture_run_for(5);
	}
	return TRUE;
}

static gboolean
display_is_listed(void *data)
{
	return display_client_is_listed(((Fixture *)data)->broker->display);
}

/* The socket is there a moment before anybody listens on it. */
static gboolean
auth_listens(void *data)
{
	g_autofree char *path = conf_socket_path(((Fixture *)data)->conf, CONF_SOCKET_AUTH);
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
	g_autoptr(GSocketConnection) connection =
		g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address), NULL, NULL);

	return connection != NULL;
}

static void
start_broker(Fixture *fixture)
{
	static const BrokerOptions options = {now, steady, FIXTURE_FAILURE_MS};
	g_autoptr(GError) error = NULL;

	fixture->broker = broker_new(fixture->conf, fixture->store, &options, &error);
	if (fixture->broker == NULL)
		g_error("%s", error->message);
	fake_engine_set_clock(fixture->broker->engine, now);
	fixture->broker->facts.port = 8443;
	fixture->broker->facts.vnc_port = 5999;
	fixture->broker->facts.ca_pem = g_strdup("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	fixture->broker->facts.host_subject = g_strdup("CN=portal.example");
	g_assert_true(fixture_wait(display_is_listed, fixture));
}

static void
start_auth(Fixture *fixture)
{
	g_autofree char *program = g_build_filename(g_getenv("builddir"), "carrel-auth", NULL);
	char *argv[] = {program, (char *)"--config", fixture->conf->file, NULL};
	g_autoptr(GError) error = NULL;

	if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &fixture->auth_pid, &error))
		g_error("%s", error->message);
	g_assert_true(fixture_wait(auth_listens, fixture));
}

static void
make_folders(const char *folder)
{
	static const char *const names[] = {"pam", "run/broker", "run/display", "state/broker", "pools"};

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(folder, names[i], NULL);

		g_mkdir_with_parents(path, 0755);
	}
}

void
fixture_set_up(Fixture *fixture)
{
	g_autofree char *file = NULL, *text = NULL, *pam = NULL, *control = NULL;
	g_autoptr(GError) error = NULL;

	memset(fixture, 0, sizeof *fixture);
	fixture->folder = g_dir_make_tmp("carrel-XXXXXX", NULL);
	make_folders(fixture->folder);
	pam = g_build_filename(fixture->folder, "pam", NULL);
	pam_folder_write(pam);
	file = g_build_filename(fixture->folder, "carrel.conf", NULL);
	text = g_strdup_printf("[Paths]\nState=%s/state\nRuntime=%s/run\nPools=%s/pools\n[Auth]\nFolder=%s\nFreeFailures=5\n"
			       "[Broker]\nAdminUsers=demo2\nSessionIdle=1h\nSessionLifetime=8h\n",
		fixture->folder, fixture->folder, fixture->folder, pam);
	g_file_set_contents(file, text, -1, NULL);
	fixture->conf = conf_load(file, &error);
	if (fixture->conf == NULL)
		g_error("%s", error->message);
	fixture->store = store_open(":memory:", &error);
	if (fixture->store == NULL)
		g_error("%s", error->message);
	start_auth(fixture);
	control = conf_socket_path(fixture->conf, CONF_SOCKET_CONTROL);
	fixture->display = fake_display_new(control);
	start_broker(fixture);
}

void
fixture_restart(Fixture *fixture)
{
	broker_free(fixture->broker);
	start_broker(fixture);
}

static void
remove_tree(const char *path)
{
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	const char *name;

	while (folder && (name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);

		remove_tree(child);
	}
	g_remove(path);
}

void
fixture_tear_down(Fixture *fixture)
{
	kill(fixture->auth_pid, SIGTERM);
	waitpid(fixture->auth_pid, NULL, 0);
	broker_free(fixture->broker);
	fake_display_free(fixture->display);
	store_close(fixture->store);
	conf_free(fixture->conf);
	remove_tree(fixture->folder);
	g_free(fixture->folder);
}

static char *
cookie_of(GVariant *fields)
{
	const char *text = NULL, *end;

	if (!g_variant_lookup(fields, "Set-Cookie", "&s", &text) || !g_str_has_prefix(text, "__Host-carrel="))
		return NULL;
	text += strlen("__Host-carrel=");
	end = strchr(text, ';');
	return end ? g_strndup(text, (gsize)(end - text)) : g_strdup(text);
}

static void
on_done(const ApiAnswer *from, void *data)
{
	Answer *answer = data;
	gsize size;
	const char *bytes = g_variant_get_fixed_array(from->body, &size, 1);

	answer->status = from->status;
	g_variant_lookup(from->fields, "Content-Type", "s", &answer->type);
	g_variant_lookup(from->fields, "Retry-After", "s", &answer->retry_after);
	g_variant_lookup(from->fields, "Allow", "s", &answer->allow);
	answer->cookie = cookie_of(from->fields);
	answer->text = g_strndup(bytes, size);
	if (g_strcmp0(answer->type, "application/json") == 0)
		answer->json = json_from_string(answer->text, NULL);
}

static gboolean
is_answered(void *data)
{
	return ((Answer *)data)->status != 0;
}

Answer *
fixture_request_from(Fixture *fixture, const char *address, const char *method, const char *path, const char *session,
	const char *body, const char *origin)
{
	Answer *answer = g_new0(Answer, 1);
	g_autofree char *whole = g_strconcat("/api/v1/", path, NULL);
	const ApiRequest request = {.method = method, .path = whole, .query = fixture->query ? fixture->query : "", .range = fixture->range, .address = address, .host = HOST,
		.origin = origin, .session = session, .body = body ? body : "", .body_size = body ? strlen(body) : 0};
	gint64 began_us = g_get_monotonic_time();

	api_handle(fixture->broker, &request, on_done, answer);
	g_assert_true(fixture_wait(is_answered, answer));
	answer->took_ms = (g_get_monotonic_time() - began_us) / 1000;
	return answer;
}

Answer *
fixture_request(Fixture *fixture, const char *method, const char *path, const char *session, const char *body)
{
	return fixture_request_from(fixture, "192.0.2.1", method, path, session, body, NULL);
}

void
answer_free(Answer *answer)
{
	g_free(answer->type);
	g_free(answer->cookie);
	g_free(answer->retry_after);
	g_free(answer->allow);
	g_free(answer->text);
	g_clear_pointer(&answer->json, json_node_unref);
	g_free(answer);
}

static const char *
text_of(JsonNode *node, const char *member)
{
	JsonNode *found = node && JSON_NODE_HOLDS_OBJECT(node) ? json_object_get_member(json_node_get_object(node), member)
							       : NULL;

	return found && JSON_NODE_HOLDS_VALUE(found) && json_node_get_value_type(found) == G_TYPE_STRING
		       ? json_node_get_string(found)
		       : "";
}

const char *
answer_text(const Answer *answer, const char *member)
{
	return text_of(answer->json, member);
}

const char *
answer_error_code(const Answer *answer)
{
	return answer->json ? text_of(json_object_get_member(json_node_get_object(answer->json), "error"), "code") : "";
}

char *
fixture_sign_in(Fixture *fixture, const char *user)
{
	g_autofree char *body = g_strdup_printf("{\"user\":\"%s\",\"password\":\"right\"}", user);
	g_autoptr(Answer) answer = fixture_request(fixture, "POST", "sign-in", NULL, body);

	g_assert_cmpuint(answer->status, ==, 200);
	g_assert_nonnull(answer->cookie);
	return g_steal_pointer(&answer->cookie);
}

typedef struct {
	Fixture *fixture;
	const char *id;
} Wanted;

static gboolean
is_usable(void *data)
{
	Wanted *wanted = data;
	const DesktopView *desktop = engine_desktop(wanted->fixture->broker->engine, wanted->id);

	return desktop && desktop->usable;
}

char *
fixture_open(Fixture *fixture, const char *session, const char *pool)
{
	g_autofree char *path = g_strdup_printf("pools/%s/open", pool);
	g_autoptr(Answer) answer = fixture_request(fixture, "POST", path, session, NULL);
	char *id = g_strdup(answer_text(answer, "desktop"));
	Wanted wanted = {fixture, id};

	g_assert_cmpuint(answer->status, <, 300);
	g_assert_true(fixture_wait(is_usable, &wanted));
	return id;
}
