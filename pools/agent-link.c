/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/agent-link.h"

#include "pools/vm.h"

#include <string.h>

#define OPEN_DEADLINE_MS 20000
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 30000
#define HELLO_INTERVAL_S 10
#define OUTPUT_MAX (64 * 1024)
/* Reads a turn of the main loop: one guest that floods leaves time for the others. */
#define READS_MAX 8
#define LINES_A_SECOND_MAX 200

struct AgentLink {
	Host *host;
	char *uuid;
	void (*on_message)(const AgentMessage *message, void *data);
	void *data;
	AgentParser *parser;
	GQueue messages; /* AgentMessage *, copies: handed on when no call of ours is under way */
	guint deliver_id;
	virStreamPtr stream; /* NULL: not open */
	GString *output;
	gboolean waiting_to_write, heard;
	guint retry_id, retry_ms, hello_id;
	gint64 second; /* which one `lines` counts */
	guint lines;
};

/* One attempt to open; the link may be gone before it ends. */
typedef struct {
	char *uuid;
	virStreamPtr stream; /* of the worker until it is delivered */
} Opening;

/* A link may be freed while it is being opened: who is here was not. */
static GHashTable *live_links;

static void open_port(AgentLink *link);

static void
opening_free(void *data)
{
	Opening *opening = data;

	if (opening->stream)
		host_discard_stream(opening->stream);
	g_free(opening->uuid);
	g_free(opening);
}

static gboolean
open_in_worker(virConnectPtr connection, void *task, GError **error)
{
	Opening *opening = task;

	opening->stream = vm_open_agent(connection, opening->uuid, error);
	return opening->stream != NULL;
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
	if (link->stream == NULL)
		return;
	virStreamEventRemoveCallback(link->stream);
	host_discard_stream(g_steal_pointer(&link->stream));
	g_string_truncate(link->output, 0);
	agent_parser_reset(link->parser);
	link->waiting_to_write = FALSE;
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
	link->retry_ms = RETRY_MIN_MS;
	g_queue_push_tail(&link->messages, g_memdup2(message, sizeof *message));
	if (link->deliver_id == 0)
		link->deliver_id = g_idle_add_full(G_PRIORITY_DEFAULT, deliver, link, NULL);
}

/* FALSE: it broke. */
static gboolean
flush(AgentLink *link)
{
	while (link->output->len > 0) {
		int n = virStreamSend(link->stream, link->output->str, link->output->len);

		if (n == -2)
			break;
		if (n < 0)
			return FALSE;
		g_string_erase(link->output, 0, n);
	}
	gboolean wanted = link->output->len > 0;

	if (wanted != link->waiting_to_write) {
		link->waiting_to_write = wanted;
		virStreamEventUpdateCallback(link->stream, VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR |
								   VIR_STREAM_EVENT_HANGUP | (wanted ? VIR_STREAM_EVENT_WRITABLE : 0));
	}
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
		int n = virStreamRecv(link->stream, buffer, sizeof buffer);

		if (n == -2)
			return TRUE;
		if (n <= 0)
			return FALSE;
		if (is_flood(link, agent_parser_feed(link->parser, buffer, (gsize)n))) {
			g_warning("the agent of VM %s sends more than %d lines a second: its port is closed for a while",
				link->uuid, LINES_A_SECOND_MAX);
			link->retry_ms = RETRY_MAX_MS;
			return FALSE;
		}
	}
	return TRUE;
}

static void
on_stream(virStreamPtr stream, int events, void *data)
{
	AgentLink *link = data;

	if (stream != link->stream)
		return;
	if ((events & VIR_STREAM_EVENT_READABLE) && !receive(link)) {
		break_port(link);
		return;
	}
	if ((events & VIR_STREAM_EVENT_WRITABLE) && !flush(link)) {
		break_port(link);
		return;
	}
	if (events & (VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP))
		break_port(link);
}

static gboolean
on_hello_time(gpointer data)
{
	AgentLink *link = data;
	g_autofree char *line = agent_line_hello();

	if (link->heard) {
		link->hello_id = 0;
		return G_SOURCE_REMOVE;
	}
	/* What a guest without an agent does not read waits in QEMU's socket; do not fill it. */
	if (link->stream && link->output->len == 0)
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
on_opened(void *task, const GError *error, void *data)
{
	Opening *opening = task;
	AgentLink *link = data;
	g_autofree char *hello = agent_line_hello();

	/* Its address may have been given to another link since. */
	if (!g_hash_table_contains(live_links, link) || strcmp(link->uuid, opening->uuid) != 0 || link->stream != NULL)
		return;
	if (error != NULL) {
		g_debug("VM %s: %s", link->uuid, error->message);
		open_later(link);
		return;
	}
	link->stream = g_steal_pointer(&opening->stream);
	if (virStreamEventAddCallback(link->stream,
		    VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP, on_stream, link, NULL) < 0) {
		host_discard_stream(g_steal_pointer(&link->stream));
		open_later(link);
		return;
	}
	agent_link_expect_hello(link);
	agent_link_send(link, hello);
}

static void
open_port(AgentLink *link)
{
	Opening *opening = g_new0(Opening, 1);

	opening->uuid = g_strdup(link->uuid);
	host_run(link->host, OPEN_DEADLINE_MS, open_in_worker, opening, opening_free, on_opened, link);
}

AgentLink *
agent_link_new(Host *host, const char *uuid, void (*on_message)(const AgentMessage *message, void *data), void *data)
{
	AgentLink *link = g_new0(AgentLink, 1);

	if (live_links == NULL)
		live_links = g_hash_table_new(NULL, NULL);
	g_hash_table_add(live_links, link);
	link->host = host;
	link->uuid = g_strdup(uuid);
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
	g_hash_table_remove(live_links, link);
	g_clear_handle_id(&link->retry_id, g_source_remove);
	g_clear_handle_id(&link->hello_id, g_source_remove);
	g_clear_handle_id(&link->deliver_id, g_source_remove);
	g_queue_clear_full(&link->messages, g_free);
	close_port(link);
	agent_parser_free(link->parser);
	g_string_free(link->output, TRUE);
	g_free(link->uuid);
	g_free(link);
}

gboolean
agent_link_send(AgentLink *link, const char *line)
{
	gsize size = line ? strlen(line) : 0;

	if (line == NULL || link->stream == NULL || link->output->len + size > OUTPUT_MAX)
		return FALSE;
	g_string_append_len(link->output, line, (gssize)size);
	if (!flush(link))
		break_port(link);
	return TRUE;
}
