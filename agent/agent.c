/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/agent.h"

#include "agent/helpers.h"
#include "agent/home.h"
#include "agent/identity.h"
#include "agent/line-reader.h"
#include "agent/port.h"
#include "broker/common/error.h"

#include <glib/gstdio.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define RETRY_S 1
/* How long a session may take to end after all of its windows were asked to close. */
#define SIGN_OUT_DEADLINE_S 30
#define QUEUE_MAX (64 * 1024)

struct Agent {
	char *control_path, *spice_path, *runtime, *root;
	char *user_line; /* what a session is told of its user, or NULL */
	Helpers *helpers;
	Home *home;
	LineReader *reader;
	Port *control;
	guint control_retry_id, spice_retry_id;
	gboolean said_no_control, said_no_spice; /* a complaint is made once */
	/* A sign-out that is under way. */
	gboolean sign_out_has_id;
	gint64 sign_out_id;
	guint sign_out_deadline_id;
};

static void
say(Agent *agent, const char *line)
{
	if (agent->control && port_is_open(agent->control) && !port_write(agent->control, line, strlen(line)))
		g_warning("the host does not read the control port: a message is lost");
}

static void
answer(Agent *agent, const Message *message, const char *fault)
{
	g_autofree char *line = NULL;

	if (fault)
		g_warning("a request of the host failed: %s", fault);
	if (!message->has_id)
		return;
	line = message_write_answer(message->id, fault);
	say(agent, line);
}

static void
say_ready(Agent *agent)
{
	g_autofree char *id = identity_get_machine_id(agent->root);
	char hostname[HOST_NAME_MAX + 1] = "";
	g_autofree char *line = NULL;

	/* Not g_get_host_name(), which remembers the first name that it saw. */
	gethostname(hostname, sizeof hostname - 1);
	line = message_write("ready", "hostname", hostname, "machine-id", id, NULL);
	say(agent, line);
}

static void
say_all(Agent *agent)
{
	g_autofree char *hello = message_write_hello();

	say(agent, hello);
	if (helpers_user(agent->helpers)) {
		g_autofree char *login = message_write("login", "user", helpers_user(agent->helpers), NULL);

		say(agent, login);
	}
	if (helpers_is_ready(agent->helpers))
		say_ready(agent);
}

static gboolean
set_identity(Agent *agent, const Message *message, GError **error)
{
	g_autofree char *old = identity_get_machine_id(agent->root);
	gboolean other = message->machine_id && strcmp(message->machine_id, old) != 0;

	if (message->seed && !identity_add_seed(message->seed, error))
		return FALSE;
	/* Once: a host that comes back says the same again. From the seed, so after it; before the id, so that it is done again when it
	 * was broken off. */
	if (other && !identity_renew_ssh_keys(agent->root, error))
		return FALSE;
	if (message->machine_id && !identity_set_machine_id(agent->root, message->machine_id, error))
		return FALSE;
	return message->hostname == NULL || identity_set_hostname(agent->root, message->hostname, error);
}

static gboolean
set_user(Agent *agent, const Message *message, GError **error)
{
	const char *full = message->full_name ? message->full_name : "";
	g_autofree char *file = g_build_filename(agent->runtime, "user.env", NULL);
	g_autofree char *name = g_shell_quote(message->name);
	g_autofree char *full_name = g_shell_quote(full);
	g_autofree char *text = g_strdup_printf(
		"# Read by shells: who this desktop is for.\nexport CARREL_USER=%s\nexport CARREL_USER_FULL_NAME=%s\n", name,
		full_name);

	if (!g_file_set_contents_full(file, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error))
		return FALSE;
	g_free(agent->user_line);
	agent->user_line = message_write("user", "name", message->name, "full-name", message->full_name, NULL);
	/* A session that comes later is told when it is served. */
	helpers_send(agent->helpers, agent->user_line, -1, NULL);
	return TRUE;
}

static gboolean
show_notice(Agent *agent, const Message *message, GError **error)
{
	g_autofree char *line = message_write_notice(message->text, message->timeout_s);

	return helpers_send(agent->helpers, line, -1, error);
}

static void
finish_sign_out(Agent *agent, const char *fault)
{
	g_autofree char *line = NULL;

	if (agent->sign_out_deadline_id == 0)
		return;
	g_clear_handle_id(&agent->sign_out_deadline_id, g_source_remove);
	if (!agent->sign_out_has_id)
		return;
	line = message_write_answer(agent->sign_out_id, fault);
	say(agent, line);
}

static gboolean
on_sign_out_deadline(gpointer data)
{
	Agent *agent = data;

	helpers_terminate(agent->helpers);
	finish_sign_out(agent, "the session did not end in time");
	return G_SOURCE_REMOVE;
}

static void
sign_out(Agent *agent, const Message *message)
{
	g_autofree char *line = message_write("sign-out", NULL);
	g_autoptr(GError) error = NULL;

	if (home_is_busy(agent->home)) {
		answer(agent, message, "the session ends and begins for a home");
		return;
	}
	if (agent->sign_out_deadline_id != 0) {
		answer(agent, message, "a sign-out is under way");
		return;
	}
	if (helpers_user(agent->helpers) == NULL) {
		answer(agent, message, "nobody is signed in");
		return;
	}
	agent->sign_out_has_id = message->has_id;
	agent->sign_out_id = message->id;
	agent->sign_out_deadline_id = g_timeout_add_seconds(SIGN_OUT_DEADLINE_S, on_sign_out_deadline, agent);
	/* Without a helper nobody can ask the windows. */
	if (!helpers_send(agent->helpers, line, -1, &error))
		helpers_terminate(agent->helpers);
}

/* @consumed: is freed. */
static void
handle(Agent *agent, Message *consumed)
{
	g_autoptr(Message) message = consumed;
	g_autoptr(GError) error = NULL;
	gboolean good = TRUE;

	if (message->fault) {
		answer(agent, message, message->fault);
		return;
	}
	switch (message->kind) {
	case MESSAGE_HELLO:
		say_all(agent);
		break;
	case MESSAGE_IDENTITY:
		good = set_identity(agent, message, &error);
		break;
	case MESSAGE_CLOCK:
		good = identity_set_clock(message->time, &error);
		break;
	case MESSAGE_USER:
		good = set_user(agent, message, &error);
		break;
	case MESSAGE_NOTICE:
		good = show_notice(agent, message, &error);
		break;
	case MESSAGE_SIGN_OUT:
		sign_out(agent, message);
		return;
	case MESSAGE_HOME:
	case MESSAGE_HOME_RELEASE:
		home_request(agent->home, g_steal_pointer(&message));
		return;
	default: /* newer than we are, or not the host's to say */
		return;
	}
	answer(agent, message, good ? NULL : error->message);
}

static void
on_line(const char *line, gsize size, void *data)
{
	g_autoptr(GError) error = NULL;
	Message *message = message_parse(line, size, &error);

	if (message)
		handle(data, message);
	else
		g_debug("control port: %s", error->message);
}

static void
on_control_open(void *data)
{
	Agent *agent = data;

	line_reader_reset(agent->reader);
	say_all(agent);
}

static void
on_control_bytes(const guint8 *bytes, gsize size, void *data)
{
	Agent *agent = data;

	if (line_reader_feed(agent->reader, bytes, size) > 0)
		g_debug("control port: a line is too long");
}

static gboolean connect_control(gpointer data);

static void
on_control_gone(void *data)
{
	Agent *agent = data;

	g_clear_pointer(&agent->control, port_free);
	agent->control_retry_id = g_timeout_add_seconds(RETRY_S, connect_control, agent);
}

static const PortHandlers control_handlers = {
	.on_open = on_control_open,
	.on_bytes = on_control_bytes,
	.on_gone = on_control_gone,
};

static gboolean
connect_control(gpointer data)
{
	Agent *agent = data;
	g_autoptr(GError) error = NULL;
	int fd = port_open_device(agent->control_path, &error);

	if (fd >= 0)
		agent->control = port_new(fd, QUEUE_MAX, &control_handlers, agent, &error);
	if (agent->control) {
		agent->control_retry_id = 0;
		agent->said_no_control = FALSE;
		return G_SOURCE_REMOVE;
	}
	if (!agent->said_no_control)
		g_warning("the control port cannot be opened, and is tried again: %s", error->message);
	agent->said_no_control = TRUE;
	if (agent->control_retry_id == 0)
		agent->control_retry_id = g_timeout_add_seconds(RETRY_S, connect_control, agent);
	return G_SOURCE_CONTINUE;
}

/* The SPICE agent's port is the helper's alone: the root daemon opens it, hands it over, and forgets it. When the helper
 * goes, the kernel closes the port and the host sees it; its next helper finds a port with nothing half-said in it. */
static gboolean
give_spice_port(gpointer data)
{
	Agent *agent = data;
	g_autoptr(GError) error = NULL;
	g_autofree char *line = message_write("port", NULL);
	int fd = port_open_device(agent->spice_path, &error);

	if (fd >= 0) {
		if (!helpers_send(agent->helpers, line, fd, &error))
			g_debug("%s", error->message);
		close(fd);
		agent->spice_retry_id = 0;
		agent->said_no_spice = FALSE;
		return G_SOURCE_REMOVE;
	}
	if (!agent->said_no_spice)
		g_warning("the SPICE agent's port cannot be opened, and is tried again: %s", error->message);
	agent->said_no_spice = TRUE;
	if (agent->spice_retry_id == 0)
		agent->spice_retry_id = g_timeout_add_seconds(RETRY_S, give_spice_port, agent);
	return G_SOURCE_CONTINUE;
}

static void
on_login(const char *user, void *data)
{
	Agent *agent = data;
	g_autofree char *line = message_write("login", "user", user, NULL);

	say(agent, line);
	home_on_login(agent->home);
}

static void
on_served(void *data)
{
	Agent *agent = data;

	if (agent->user_line)
		helpers_send(agent->helpers, agent->user_line, -1, NULL);
}

static void
on_ready(void *data)
{
	say_ready(data);
}

static void
on_need_port(void *data)
{
	Agent *agent = data;

	if (agent->spice_retry_id == 0)
		give_spice_port(agent);
}

static void
on_logout(const char *user, void *data)
{
	Agent *agent = data;
	g_autofree char *line = message_write("logout", "user", user, NULL);

	g_message("the session of %s ended", user);
	g_clear_handle_id(&agent->spice_retry_id, g_source_remove);
	if (!home_ended_session(agent->home))
		say(agent, line);
	finish_sign_out(agent, NULL);
}

static const HelpersHandlers helpers_handlers = {
	.on_login = on_login,
	.on_served = on_served,
	.on_ready = on_ready,
	.on_need_port = on_need_port,
	.on_logout = on_logout,
};

static void
on_home_answer(const Message *message, const char *fault, void *data)
{
	answer(data, message, fault);
}

Agent *
agent_new(const AgentConfig *config, GError **error)
{
	g_autoptr(Agent) agent = g_new0(Agent, 1);

	agent->control_path = g_strdup(config->control_port);
	agent->spice_path = g_strdup(config->spice_port);
	agent->runtime = g_strdup(config->runtime);
	agent->root = g_strdup(config->root);
	agent->reader = line_reader_new(on_line, agent);
	g_mkdir_with_parents(agent->runtime, 0755);
	agent->helpers = helpers_new(agent->runtime, &helpers_handlers, agent, error);
	if (agent->helpers == NULL)
		return NULL;
	agent->home = home_new(agent->runtime, config->session_unit, agent->helpers, on_home_answer, agent);
	connect_control(agent);
	return g_steal_pointer(&agent);
}

void
agent_free(Agent *agent)
{
	if (agent == NULL)
		return;
	g_clear_handle_id(&agent->control_retry_id, g_source_remove);
	g_clear_handle_id(&agent->spice_retry_id, g_source_remove);
	g_clear_handle_id(&agent->sign_out_deadline_id, g_source_remove);
	port_free(agent->control);
	home_free(agent->home);
	helpers_free(agent->helpers);
	line_reader_free(agent->reader);
	g_free(agent->user_line);
	g_free(agent->control_path);
	g_free(agent->spice_path);
	g_free(agent->runtime);
	g_free(agent->root);
	g_free(agent);
}
