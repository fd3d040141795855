/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc.h"

#include <unistd.h>

#include "broker/common/error.h"
#include "display/h264.h"
#include "display/vnc-client.h"

/* Each may hold some 20 MiB and three descriptors. */
#define CLIENTS_MAX 32

struct Vnc {
	VncHost host;
	char *title;
	VideoRegion *film; /* NULL: there is no encoder for one */
	VncClient *wisher; /* of the size that the desktop is to get; NULL: nobody, or gone */
	const VncEvents *events;
	void *data;
	GPtrArray *clients; /* VncClient */
	GPtrArray *gone;    /* VncClient, to be freed by reap_id */
	guint reap_id;
};

static void
on_joined(VncClient *client, void *data)
{
	Vnc *vnc = data;

	vnc->events->on_joined(vnc_client_who(client), vnc->data);
}

static gboolean
on_reap(gpointer data)
{
	Vnc *vnc = data;

	vnc->reap_id = 0;
	g_ptr_array_set_size(vnc->gone, 0);
	return G_SOURCE_REMOVE;
}

static void
on_gone(VncClient *client, const char *why, void *data)
{
	Vnc *vnc = data;
	guint i;

	if (!g_ptr_array_find(vnc->clients, client, &i))
		return; /* in vnc_client_new still: it is told by its result */
	g_ptr_array_steal_index_fast(vnc->clients, i);
	g_ptr_array_add(vnc->gone, client);
	if (vnc->wisher == client)
		vnc->wisher = NULL;
	if (vnc->reap_id == 0)
		vnc->reap_id = g_idle_add_full(G_PRIORITY_DEFAULT, on_reap, vnc, NULL);
	if (vnc_client_is_joined(client))
		vnc->events->on_left(vnc_client_who(client), why, vnc->data);
	else
		g_message("VNC client %s of %s left before its hand-shake was done: %s", vnc_client_who(client)->name,
		        vnc_client_who(client)->address, why);
}

static gboolean
on_resize(VncClient *client, const Heads *wish, void *data)
{
	Vnc *vnc = data;

	vnc->events->on_resize(vnc_client_who(client), wish, vnc->data);
	if (heads_equal(wish, vnc->host.view.heads))
		return FALSE;
	vnc->wisher = client;
	return TRUE;
}

static void
on_text(const char *text, gsize size, void *data)
{
	Vnc *vnc = data;

	vnc->events->on_text(text, size, vnc->data);
}

Vnc *
vnc_new(const char *title, const Frame *frame, const Heads *heads, const InputSink *input, void *input_data, const VncEvents *events,
        void *data)
{
	Vnc *vnc = g_new0(Vnc, 1);

	vnc->events = events;
	vnc->data = data;
	vnc->clients = g_ptr_array_new_with_free_func((GDestroyNotify)vnc_client_free);
	vnc->gone = g_ptr_array_new_with_free_func((GDestroyNotify)vnc_client_free);
	vnc->title = g_strdup(title);
	vnc->host = (VncHost){{frame, heads, 1, NULL, 0, vnc->title, vnc_screen_new(frame), tight_share_new()}, input, input_data,
	        on_joined, on_gone, on_resize, on_text, vnc};
	if (h264_is_available())
		vnc->host.view.film = vnc->film = video_region_new(frame->width, frame->height);
	return vnc;
}

void
vnc_free(Vnc *vnc)
{
	if (vnc == NULL)
		return;
	g_clear_handle_id(&vnc->reap_id, g_source_remove);
	g_ptr_array_unref(vnc->clients);
	g_ptr_array_unref(vnc->gone);
	vnc_screen_free(vnc->host.view.screen);
	tight_share_free(vnc->host.view.share);
	video_region_free(vnc->film);
	g_free(vnc->title);
	g_free(vnc);
}

const VncView *
vnc_view(const Vnc *vnc)
{
	return &vnc->host.view;
}

gboolean
vnc_add_client(Vnc *vnc, int fd, Client *client, GError **error)
{
	if (vnc->clients->len >= CLIENTS_MAX) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "%d VNC clients are connected already", CLIENTS_MAX);
		close(fd);
		client_free(client);
		return FALSE;
	}
	g_ptr_array_add(vnc->clients, vnc_client_new(&vnc->host, fd, client));
	return TRUE;
}

void
vnc_end_watchers(Vnc *vnc, const char *why)
{
	/* From the end: each that leaves is taken out, and the last put into its place. */
	for (guint i = vnc->clients->len; i-- > 0;) {
		VncClient *client = vnc->clients->pdata[i];

		if (*vnc_client_who(client)->watcher != '\0')
			vnc_client_end(client, why);
	}
}

void
vnc_set_frame(Vnc *vnc, const Frame *frame, const Heads *heads)
{
	vnc->host.view.frame = frame;
	vnc->host.view.heads = heads;
	vnc_screen_set_frame(vnc->host.view.screen, frame);
	tight_share_forget(vnc->host.view.share, NULL);
	if (vnc->film)
		video_region_resize(vnc->film, frame->width, frame->height);
	for (guint i = 0; i < vnc->clients->len; i++) {
		VncClient *client = vnc->clients->pdata[i];

		vnc_client_resized(client,
		        vnc->wisher == NULL             ? VNC_SIZE_BY_DESKTOP
		                : vnc->wisher == client ? VNC_SIZE_BY_CLIENT
		                                        : VNC_SIZE_BY_OTHER);
	}
	vnc->wisher = NULL;
}

/* Copies bring what is no damage. */
static void
forget_shared(TightShare *share, const Change *change)
{
	Damage damage = change->damage;

	for (guint i = 0; i < change->n_copies; i++)
		damage_add(&damage, &change->copies[i].to);
	tight_share_forget(share, &damage);
}

void
vnc_set_heads_max(Vnc *vnc, guint max)
{
	vnc->host.view.heads_max = max;
}

void
vnc_change(Vnc *vnc, const Change *change)
{
	forget_shared(vnc->host.view.share, change);
	if (vnc->film)
		video_region_change(vnc->film, change, g_get_monotonic_time());
	for (guint i = 0; i < vnc->clients->len; i++)
		vnc_client_change(vnc->clients->pdata[i], change);
}

static void
tell_all(Vnc *vnc, void (*tell)(VncClient *client))
{
	for (guint i = 0; i < vnc->clients->len; i++)
		tell(vnc->clients->pdata[i]);
}

void
vnc_set_cursor(Vnc *vnc, const Cursor *cursor)
{
	vnc->host.view.cursor = cursor;
	vnc_screen_set_cursor(vnc->host.view.screen, cursor);
	tell_all(vnc, vnc_client_cursor);
}

void
vnc_set_pointer(Vnc *vnc, int x, int y)
{
	vnc_screen_set_pointer(vnc->host.view.screen, x, y);
	tell_all(vnc, vnc_client_pointer);
}

void
vnc_set_leds(Vnc *vnc, guint leds)
{
	vnc->host.view.leds = leds;
	tell_all(vnc, vnc_client_leds);
}

void
vnc_set_title(Vnc *vnc, const char *title)
{
	g_free(vnc->title);
	vnc->host.view.title = vnc->title = g_strdup(title);
	tell_all(vnc, vnc_client_title);
}

gboolean
vnc_wants_text(const Vnc *vnc)
{
	for (guint i = 0; i < vnc->clients->len; i++) {
		if (vnc_client_is_joined(vnc->clients->pdata[i]) && vnc_client_who(vnc->clients->pdata[i])->clipboard_from_desktop)
			return TRUE;
	}
	return FALSE;
}

void
vnc_offer_text(Vnc *vnc, const char *text, gsize size)
{
	for (guint i = 0; i < vnc->clients->len; i++)
		vnc_client_offer_text(vnc->clients->pdata[i], text, size);
}
