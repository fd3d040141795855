/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/agent-link.h"

#include "broker/common/error.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 30000
#define HELLO_INTERVAL_S 10
#define OUTPUT_MAX (64 * 1024)
/* Reads a turn of the main loop: one guest that floods leaves time for the others. */
#define READS_MAX 8
#define LINES_A_SECOND_MAX 200

struct AgentLink {
	Reactor *reactor;
	char *path, *desktop;
	void (*on_message)(const AgentMessage *message, void *data);
	void *data;
	AgentParser *parser;
	GQueue messages; /* AgentMessage *, copies: handed on when no call of ours is under way */
	guint deliver_id;
	GSocket *port; /* NULL: not open */
	Watch *watch;  /* of it */
	GString *output;
	gboolean heard;
	guint retry_id, retry_ms, hello_id;
	gint64 second; /* which one `lines` counts */
	guint lines;
};

static void open_port(AgentLink *link);
static void on_port(void *data, guint32 events);

/* Who listens here is QEMU, as its own user: the ACL that the sockets inherit is what lets us in. */
static gboolean
let_us_in(const char *folder)
{
	g_autofree char *text = g_strdup_printf("u::rwx,u:%u:rwx,g::---,m::rwx,o::---", (guint)geteuid());
	acl_t acl = acl_from_text(text);
	gboolean done = acl != NULL && acl_set_file(folder, ACL_TYPE_DEFAULT, acl) == 0;
	int why = errno;

	acl_free(acl);
	errno = why;
	return done;
}

gboolean
agent_folder_make(const char *folder, GError **error)
{
	if (strlen(folder) > AGENT_FOLDER_MAX) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"%s: too long for the sockets of desktops' agents (at most %d bytes): choose a shorter [Paths] Runtime=", folder,
			AGENT_FOLDER_MAX);
		return FALSE;
	}
	if (g_mkdir_with_parents(folder, 0700) == 0 && g_chmod(folder, 0700) == 0 && let_us_in(folder))
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "%s: %s%s", folder, g_strerror(errno),
		errno == ENOTSUP ? "; [Paths] Runtime= must be on a file system with ACLs, as tmpfs, ext4, xfs and btrfs are" : "");
	return FALSE;
}

static gboolean
on_retry(gpointer data)
{
	AgentLink *link = data;

	link->retry_id = 0;
	open_port(link);
	return G_SOURCE_REMOVE;
}

static void
open_later(AgentLink *link)
{
	if (link->retry_id == 0)
		link->retry_id = g_timeout_add(link->retry_ms, on_retry, link);
	link->retry_ms = MIN(link->retry_ms * 2, RETRY_MAX_MS);
}

static void
close_port(AgentLink *link)
{
	if (link->port == NULL)
		return;
	g_clear_pointer(&link->watch, watch_free);
	g_clear_object(&link->port);
	g_string_truncate(link->output, 0);
	agent_parser_reset(link->parser);
}

static void
break_port(AgentLink *link)
{
	close_port(link);
	open_later(link);
}

static gboolean
deliver(gpointer data)
{
	AgentLink *link = data;
	g_autofree AgentMessage *message = g_queue_pop_head(&link->messages);

	if (g_queue_is_empty(&link->messages))
		link->deliver_id = 0;
	gboolean more = link->deliver_id != 0;
	link->on_message(message, link->data); /* may free the link */
	return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
on_parsed(const AgentMessage *message, void *data)
{
	AgentLink *link = data;

	link->heard = TRUE;
	g_clear_handle_id(&link->hello_id, g_source_remove);
	link->retry_ms = RETRY_MIN_MS;
	g_queue_push_tail(&link->messages, g_memdup2(message, sizeof *message));
	if (link->deliver_id == 0)
		link->deliver_id = g_idle_add_full(G_PRIORITY_DEFAULT, deliver, link, NULL);
}

/* FALSE: it broke. */
static gboolean
flush(AgentLink *link)
{
	g_autoptr(GError) error = NULL;

	while (link->output->len > 0) {
		gssize n = g_socket_send(link->port, link->output->str, link->output->len, NULL, &error);

		if (n < 0 && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
			break;
		if (n < 0)
			return FALSE;
		g_string_erase(link->output, 0, n);
	}
	watch_set(link->watch, link->output->len > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
	return TRUE;
}

static gboolean
is_flood(AgentLink *link, guint lines)
{
	gint64 second = g_get_monotonic_time() / G_USEC_PER_SEC;

	if (second != link->second) {
		link->second = second;
		link->lines = 0;
	}
	link->lines += lines;
	return link->lines > LINES_A_SECOND_MAX;
}

/* FALSE: it broke, or is closed for flooding. */
static gboolean
receive(AgentLink *link)
{
	char buffer[AGENT_LINE_MAX];

	for (int i = 0; i < READS_MAX; i++) {
		g_autoptr(GError) error = NULL;
		gssize n = g_socket_receive(link->port, buffer, sizeof buffer, NULL, &error);

		if (n < 0 && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
			return TRUE;
		if (n <= 0)
			return FALSE;
		if (is_flood(link, agent_parser_feed(link->parser, buffer, (gsize)n))) {
			g_warning("the agent of %s sends more than %d lines a second: its port is closed for a while",
				link->desktop, LINES_A_SECOND_MAX);
			link->retry_ms = RETRY_MAX_MS;
			return FALSE;
		}
	}
	return TRUE;
}

static void
on_port(void *data, guint32 events)
{
	AgentLink *link = data;
	gboolean alive = TRUE;

	/* What was said before a hang-up is read first. */
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		alive = receive(link);
	if (alive && (events & EPOLLOUT))
		alive = flush(link);
	if (!alive)
		break_port(link);
}

static gboolean
on_hello_time(gpointer data)
{
	AgentLink *link = data;
	g_autofree char *line = agent_line_hello();

	/* What a guest without an agent does not read waits in QEMU's socket; do not fill it. */
	if (link->port && link->output->len == 0)
		agent_link_send(link, line);
	return G_SOURCE_CONTINUE;
}

void
agent_link_expect_hello(AgentLink *link)
{
	link->heard = FALSE;
	if (link->hello_id == 0)
		link->hello_id = g_timeout_add_seconds(HELLO_INTERVAL_S, on_hello_time, link);
}

static void
open_port(AgentLink *link)
{
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(link->path);
	g_autoptr(GError) error = NULL;
	g_autofree char *hello = NULL;

	/* Neither opening nor connecting waits: a backlog that is full is an error, and so is a socket that is not there yet. */
	link->port = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
	if (link->port)
		g_socket_set_blocking(link->port, FALSE);
	if (link->port == NULL || !g_socket_connect(link->port, address, NULL, &error)) {
		g_debug("%s: %s", link->path, error->message);
		g_clear_object(&link->port);
		open_later(link);
		return;
	}
	link->watch = watch_new(link->reactor, g_socket_get_fd(link->port), on_port, link);
	watch_set(link->watch, EPOLLIN);
	hello = agent_line_hello();
	agent_link_expect_hello(link);
	agent_link_send(link, hello);
}

AgentLink *
agent_link_new(Reactor *reactor, const char *path, const char *desktop, void (*on_message)(const AgentMessage *message, void *data),
	void *data)
{
	AgentLink *link = g_new0(AgentLink, 1);

	link->reactor = reactor;
	link->path = g_strdup(path);
	link->desktop = g_strdup(desktop);
	link->on_message = on_message;
	link->data = data;
	link->parser = agent_parser_new(on_parsed, link);
	link->output = g_string_new(NULL);
	link->retry_ms = RETRY_MIN_MS;
	g_queue_init(&link->messages);
	open_port(link);
	return link;
}

void
agent_link_free(AgentLink *link)
{
	if (link == NULL)
		return;
	g_clear_handle_id(&link->retry_id, g_source_remove);
	g_clear_handle_id(&link->hello_id, g_source_remove);
	g_clear_handle_id(&link->deliver_id, g_source_remove);
	g_queue_clear_full(&link->messages, g_free);
	close_port(link);
	agent_parser_free(link->parser);
	g_string_free(link->output, TRUE);
	g_free(link->path);
	g_free(link->desktop);
	g_free(link);
}

gboolean
agent_link_send(AgentLink *link, const char *line)
{
	gsize size = line ? strlen(line) : 0;

	if (line == NULL || link->port == NULL || link->output->len + size > OUTPUT_MAX)
		return FALSE;
	g_string_append_len(link->output, line, (gssize)size);
	if (!flush(link))
		break_port(link);
	return TRUE;
}
