/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/spice.h"

#include <glib-unix.h>
#include <spice/enums.h>
#include <spice/protocol.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/spice-agent.h"
#include "display/spice-core.h"
#include "display/spice-guard.h"
#include "display/spice-input.h"
#include "display/spice-qxl.h"
#include "display/spice-relay.h"
#include "display/spice-sound.h"

/* Connections that are not let in yet; a client has some eight channels. */
#define WAITING_MAX	  64
/* From a connection's first byte to the end of its hand-shake; and how long it may take to send that byte. */
#define LINK_TIMEOUT_S	  10
#define TICKET_LIFETIME_S 15
/* For the library to close the channels of a client that is let go: what takes it longest is to wait for a display's INIT. */
#define RETIRE_MS	  35000

struct Spice {
	SpiceServer *server;
	SpiceQxl *qxl;
	const Heads *heads;
	SpiceInput *devices;
	SpiceAgent *agent;
	SpiceSound *sound;
	const InputSink *input_sink;
	void *input_data;
	const SpiceEvents *events;
	gboolean (*must_wait)(void *data);
	void *data;
	GPtrArray *passages; /* Passage */
	GList *waiting;	  /* Link, in the order of their coming */
	Client *ticket;	  /* whose secret the library knows now */
	guint linking;	  /* connections with that ticket whose hand-shake goes on */
	guint deadline_id; /* of those */
	Client *active;	  /* who is connected; NULL: nobody */
	int active_id;	  /* the library's number of that client */
	Input *input;	  /* of the active client, unless it may only look */
	char *next;	  /* name of who is to take its place, which it is told or has been told; NULL: nobody */
	guint notice_id;  /* the word is still to be read */
};

/* A connection that the library has not been given. */
typedef struct {
	Spice *spice;
	Client *client;
	int fd;
	gboolean ready; /* has sent something */
	guint read_id, deadline_id;
} Link;

/* A connection that the library has. */
typedef struct {
	Spice *spice;
	SpiceRelay *relay;
	char *client;  /* its name */
	gboolean over; /* one end is closed */
	guint deadline_id; /* of one that is retired */
} Passage;

static void advance(Spice *spice);
static void leave(Spice *spice, const char *why);

static void
link_free(void *data)
{
	Link *link = data;

	g_clear_handle_id(&link->read_id, g_source_remove);
	g_clear_handle_id(&link->deadline_id, g_source_remove);
	if (link->fd >= 0)
		close(link->fd);
	client_free(link->client);
	g_free(link);
}

static void
drop(Link *link)
{
	link->spice->waiting = g_list_remove(link->spice->waiting, link);
	link_free(link);
}

static void
passage_free(void *data)
{
	Passage *passage = data;

	g_clear_handle_id(&passage->deadline_id, g_source_remove);
	spice_relay_free(passage->relay);
	g_free(passage->client);
	g_free(passage);
}

/* The library has still to say something on another of the client's channels. */
static gboolean
has_others(const Spice *spice, const char *client)
{
	for (guint i = 0; i < spice->passages->len; i++) {
		const Passage *passage = spice->passages->pdata[i];

		if (!spice_relay_is_main(passage->relay) && strcmp(passage->client, client) == 0)
			return TRUE;
	}
	return FALSE;
}

/* Somebody else is gone, and the library has not closed all that was theirs. */
static gboolean
is_letting_go(const Spice *spice, const char *client)
{
	for (guint i = 0; i < spice->passages->len; i++) {
		const Passage *passage = spice->passages->pdata[i];

		if ((passage->over || spice_relay_is_retired(passage->relay)) && strcmp(passage->client, client) != 0)
			return TRUE;
	}
	return FALSE;
}

/* A main channel ends last: with it the library's main thread waits for the worker's, which may wait for one of the others. */
static void
close_mains(Spice *spice)
{
	for (guint i = spice->passages->len; i > 0; i--) {
		const Passage *passage = spice->passages->pdata[i - 1];

		if (passage->over && !has_others(spice, passage->client))
			g_ptr_array_remove_index_fast(spice->passages, i - 1);
	}
}

static gboolean
on_retire_deadline(gpointer data)
{
	Passage *passage = data;
	Spice *spice = passage->spice;

	passage->deadline_id = 0;
	g_ptr_array_remove_fast(spice->passages, passage);
	close_mains(spice);
	advance(spice);
	return G_SOURCE_REMOVE;
}

static void
retire(Passage *passage)
{
	spice_relay_retire(passage->relay);
	if (passage->deadline_id == 0)
		passage->deadline_id = g_timeout_add(RETIRE_MS, on_retire_deadline, passage);
}

static void
retire_others(Spice *spice, const char *client)
{
	for (guint i = 0; i < spice->passages->len; i++) {
		Passage *passage = spice->passages->pdata[i];

		if (!spice_relay_is_main(passage->relay) && strcmp(passage->client, client) == 0)
			retire(passage);
	}
}

static void
on_relay_end(SpiceRelay *relay, void *data)
{
	Passage *passage = data;
	Spice *spice = passage->spice;

	if (spice_relay_is_main(relay)) {
		passage->over = TRUE;
		/* The library learns it later. */
		if (spice->active && strcmp(passage->client, spice->active->name) == 0)
			leave(spice, "it closed");
		retire_others(spice, passage->client);
	} else if (spice_relay_is_retired(relay)) {
		g_ptr_array_remove_fast(spice->passages, passage);
	} else {
		retire(passage);
	}
	close_mains(spice);
	advance(spice);
}

/* What the library is given of this connection. */
static int
passed(Spice *spice, const Client *client, int fd)
{
	Passage *passage = g_new0(Passage, 1);
	int library;

	passage->relay = spice_relay_new(fd, &library, on_relay_end, passage);
	if (passage->relay == NULL) {
		g_free(passage);
		close(fd);
		return -1;
	}
	passage->spice = spice;
	passage->client = g_strdup(client->name);
	g_ptr_array_add(spice->passages, passage);
	return library;
}

/* It took the place, or does not any more. */
static void
end_notice(Spice *spice)
{
	if (spice->next == NULL)
		return;
	g_clear_handle_id(&spice->notice_id, g_source_remove);
	g_clear_pointer(&spice->next, g_free);
	spice->events->on_displace(NULL, spice->data);
}

static gboolean
is_waiting(const Spice *spice, const char *client)
{
	for (const GList *item = spice->waiting; item && client; item = item->next) {
		if (strcmp(((const Link *)item->data)->client->name, client) == 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean
on_notice_read(gpointer data)
{
	Spice *spice = data;

	spice->notice_id = 0;
	advance(spice);
	if (spice->linking == 0 && !is_waiting(spice, spice->next))
		end_notice(spice); /* it has gone meanwhile */
	return G_SOURCE_REMOVE;
}

/* Whether @client's connection has to wait until who is connected has been told that the place will be another's, and been let go. */
static gboolean
must_wait_for_place(Spice *spice, const Client *client)
{
	if (is_letting_go(spice, client->name))
		return TRUE;
	if (spice->active == NULL || strcmp(client->name, spice->active->name) == 0)
		return FALSE;
	if (spice->next == NULL) {
		spice->next = g_strdup(client->name);
		spice->notice_id = g_timeout_add(SPICE_NOTICE_MS, on_notice_read, spice);
		spice->events->on_displace(client, spice->data);
	}
	if (spice->notice_id != 0 || strcmp(client->name, spice->next) != 0)
		return TRUE;
	retire_others(spice, spice->active->name);
	return has_others(spice, spice->active->name);
}

/* No hand-shake goes on, or none that is worth to wait for: the library need not know a secret. */
static void
clear_linking(Spice *spice)
{
	spice->linking = 0;
	g_clear_handle_id(&spice->deadline_id, g_source_remove);
	spice_server_set_ticket(spice->server, NULL, 0, 0, 0);
	if (spice->ticket)
		g_clear_pointer(&spice->ticket->secret, secret_free);
	if (spice->notice_id == 0 && !is_waiting(spice, spice->next))
		end_notice(spice);
}

/* One that stops in the middle of its hand-shake may not keep others with another secret out: its own secret is simply
 * not known any more when it goes on. */
static gboolean
on_link_deadline(gpointer data)
{
	Spice *spice = data;

	spice->deadline_id = 0;
	clear_linking(spice);
	advance(spice);
	return G_SOURCE_REMOVE;
}

static void
give(Spice *spice, Link *link)
{
	int fd = passed(spice, link->client, link->fd);

	spice_server_set_ticket(spice->server, secret_text(link->client->secret), TICKET_LIFETIME_S, 0, 0);
	client_free(spice->ticket);
	spice->ticket = g_steal_pointer(&link->client);
	link->fd = -1;
	drop(link);
	spice->linking++;
	g_clear_handle_id(&spice->deadline_id, g_source_remove);
	spice->deadline_id = g_timeout_add_seconds(LINK_TIMEOUT_S, on_link_deadline, spice);
	if (fd < 0 || spice_server_add_client(spice->server, fd, 0) < 0) {
		if (fd >= 0)
			close(fd);
		if (spice->linking > 0 && --spice->linking == 0)
			clear_linking(spice);
	}
}

/* Gives the library what may be given: the password is the server's, not a connection's, so those with different ones take
 * turns. */
static void
advance(Spice *spice)
{
	GList *next;

	for (GList *item = spice->waiting; item; item = next) {
		Link *link = item->data;

		next = item->next;
		if (!link->ready)
			continue;
		if (spice->linking > 0 && !secret_equal(link->client->secret, spice->ticket->secret))
			continue;
		if (must_wait_for_place(spice, link->client))
			continue;
		give(spice, link);
		next = spice->waiting;
	}
}

static gboolean
on_link_readable(gint fd, GIOCondition condition, gpointer data)
{
	Link *link = data;

	link->read_id = 0;
	link->ready = TRUE;
	g_clear_handle_id(&link->deadline_id, g_source_remove);
	advance(link->spice);
	return G_SOURCE_REMOVE;
}

static gboolean
on_link_silent(gpointer data)
{
	Link *link = data;

	link->deadline_id = 0;
	drop(link);
	return G_SOURCE_REMOVE;
}

static void
leave(Spice *spice, const char *why)
{
	g_autoptr(Client) client = g_steal_pointer(&spice->active);

	if (client == NULL)
		return;
	end_notice(spice);
	spice_input_set_target(spice->devices, NULL);
	spice_sound_set_client(spice->sound, NULL);
	g_clear_pointer(&spice->input, input_free);
	spice->events->on_left(client, why, spice->data);
}

static void
join(Spice *spice, int id)
{
	leave(spice, "another SPICE client took its place");
	spice->active = client_copy_without_secret(spice->ticket);
	spice->active_id = id;
	if (!spice->active->view_only)
		spice->input = input_new(spice->input_sink, spice->input_data);
	spice_input_set_target(spice->devices, spice->input);
	spice_sound_set_client(spice->sound, spice->active);
	spice->events->on_joined(spice->active, spice->data);
}

static void
on_channel_event(int event, const SpiceChannelEventInfo *info, void *data)
{
	Spice *spice = data;

	g_debug("SPICE channel event %d: connection %d, type %d, id %d", event, info->connection_id, info->type, info->id);
	if (event == SPICE_CHANNEL_EVENT_INITIALIZED && info->type == SPICE_CHANNEL_MAIN && spice->ticket)
		join(spice, info->connection_id);
	else if (event == SPICE_CHANNEL_EVENT_DISCONNECTED && info->type == SPICE_CHANNEL_MAIN && spice->active &&
		 info->connection_id == spice->active_id) {
		leave(spice, "it closed");
		advance(spice);
	}
	if (event == SPICE_CHANNEL_EVENT_INITIALIZED || event == SPICE_CHANNEL_EVENT_DISCONNECTED)
		spice_sound_channel(spice->sound, info->type, event == SPICE_CHANNEL_EVENT_INITIALIZED);
	/* A channel that was let in; or a connection that never got so far, whose type is 0. */
	if ((event == SPICE_CHANNEL_EVENT_INITIALIZED || (event == SPICE_CHANNEL_EVENT_DISCONNECTED && info->type == 0)) &&
		spice->linking > 0 && --spice->linking == 0) {
		clear_linking(spice);
		advance(spice);
	}
}

static void
on_resize(const Heads *wish, void *data)
{
	Spice *spice = data;

	if (spice->active && !spice->active->view_only)
		spice->events->on_resize(spice->active, wish, spice->data);
}

static void
on_agent_message(guint32 port, guint32 type, const guint8 *bytes, gsize size, void *data)
{
	Spice *spice = data;

	if (spice->active)
		spice->events->on_agent(type, bytes, size, spice->data);
}

static void
on_agent_pointer(guint head, guint32 x, guint32 y, guint32 buttons, void *data)
{
	Spice *spice = data;
	const Rect *rect = &spice->heads->rects[head < HEADS_MAX ? head : 0];

	if (rect_is_empty(rect))
		rect = &spice->heads->rects[0];
	spice_input_pointer(spice->devices, rect->x + (int)MIN(x, (guint32)MAX(rect->width - 1, 0)),
		rect->y + (int)MIN(y, (guint32)MAX(rect->height - 1, 0)), buttons);
}

static void
on_sounds(gboolean playing, void *data)
{
	spice_qxl_device_set_sounds(((Spice *)data)->qxl, playing);
}

static gboolean
agent_must_wait(void *data)
{
	Spice *spice = data;

	return spice->active && spice->must_wait && spice->must_wait(spice->data);
}

Spice *
spice_new(const char *title, const Frame *frame, const Heads *heads, guint heads_max, const InputSink *input, void *input_data, Sound *sound,
	const SpiceEvents *events, void *data)
{
	Spice *spice = g_new0(Spice, 1);

	spice->input_sink = input;
	spice->input_data = input_data;
	spice->events = events;
	spice->data = data;
	spice->heads = heads;
	spice->passages = g_ptr_array_new_with_free_func(passage_free);
	spice->server = spice_server_new();
	spice_server_set_name(spice->server, title);
	spice_server_set_image_compression(spice->server, SPICE_IMAGE_COMPRESSION_AUTO_GLZ);
	spice_server_set_jpeg_compression(spice->server, SPICE_WAN_COMPRESSION_NEVER);
	spice_server_set_zlib_glz_compression(spice->server, SPICE_WAN_COMPRESSION_NEVER);
	spice_server_set_streaming_video(spice->server, SPICE_STREAM_VIDEO_FILTER);
	/* Its own encoder. GStreamer would look for plug-ins, which the sandbox forbids. */
	spice_server_set_video_codecs(spice->server, "spice:mjpeg");
	/* To its agent, which is us, the library says in which of several monitors the pointer is, and to a tablet it does not. */
	spice_server_set_agent_mouse(spice->server, TRUE);
	/* Who may is decided for each client: the library would drop what one may not, and leave it without an answer. */
	spice_server_set_agent_file_xfer(spice->server, TRUE);
	if (spice_server_init(spice->server, spice_core_interface(on_channel_event, spice)) < 0)
		g_error("libspice-server does not start");
	spice->devices = spice_input_new(spice->server);
	spice->agent = spice_agent_new(spice->server, on_agent_message, on_agent_pointer, spice);
	spice_agent_hold(spice->agent, agent_must_wait);
	spice->sound = spice_sound_new(spice->server, sound, on_sounds, spice);
	spice->qxl = spice_qxl_device_new(spice->server, frame, heads, heads_max, on_resize, spice);
	return spice;
}

void
spice_set_title(Spice *spice, const char *title)
{
	spice_server_set_name(spice->server, title);
}

void
spice_free(Spice *spice)
{
	if (spice == NULL)
		return;
	g_list_free_full(spice->waiting, link_free);
	spice->waiting = NULL;
	leave(spice, "the screen ends");
	clear_linking(spice);
	spice_core_interface(NULL, NULL);
	spice_server_destroy(spice->server);
	g_ptr_array_unref(spice->passages);
	spice_qxl_device_free(spice->qxl);
	spice_agent_free(spice->agent);
	spice_sound_free(spice->sound);
	spice_input_free(spice->devices);
	client_free(spice->ticket);
	g_free(spice);
}

gboolean
spice_add_client(Spice *spice, int fd, Client *client, GError **error)
{
	Link *link;

	if (g_list_length(spice->waiting) >= WAITING_MAX) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "%d SPICE connections wait already", WAITING_MAX);
		close(fd);
		client_free(client);
		return FALSE;
	}
	link = g_new0(Link, 1);
	link->spice = spice;
	link->client = client;
	link->fd = fd;
	/* The library would wait for ever for a client that says nothing. */
	link->read_id = g_unix_fd_add(fd, G_IO_IN, on_link_readable, link);
	link->deadline_id = g_timeout_add_seconds(LINK_TIMEOUT_S, on_link_silent, link);
	spice->waiting = g_list_append(spice->waiting, link);
	return TRUE;
}

SpiceServer *
spice_server_of(Spice *spice)
{
	return spice->server;
}

void
spice_set_frame(Spice *spice, const Frame *frame, const Heads *heads)
{
	spice->heads = heads;
	spice_qxl_device_set_frame(spice->qxl, frame, heads);
}

void
spice_set_heads_max(Spice *spice, guint max)
{
	spice_qxl_device_set_heads_max(spice->qxl, max);
}

void
spice_change(Spice *spice, const Change *change)
{
	spice_qxl_device_change(spice->qxl, change);
}

void
spice_set_cursor(Spice *spice, const Cursor *cursor)
{
	spice_qxl_device_set_cursor(spice->qxl, cursor);
}

void
spice_set_pointer(Spice *spice, int x, int y, gboolean visible)
{
	spice_qxl_device_set_pointer(spice->qxl, x, y, visible);
}

void
spice_hold_agent(Spice *spice, gboolean (*must_wait)(void *data))
{
	spice->must_wait = must_wait;
}

void
spice_wake_agent(Spice *spice)
{
	spice_agent_wake(spice->agent);
}

void
spice_send_agent(Spice *spice, guint32 type, const void *bytes, gsize size)
{
	spice_agent_send(spice->agent, type, bytes, size);
}
