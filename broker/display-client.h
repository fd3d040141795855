/* The broker's side of carrel-display: a connection that is made again when it is lost, and who is connected to which
 * desktop. Its signals are taken as hints: a list is asked for after each, so that a lost one does no harm.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

#include "broker/dbus/display.h"

typedef struct DisplayClient DisplayClient;

/* One viewer of a desktop. A SPICE viewer's channels are one client. */
typedef struct {
	char *client;  /* the name that it was admitted under */
	char *desktop, *protocol, *user, *address;
	gint64 since;  /* UTC seconds */
} Viewer;

typedef struct {
	void (*on_joined)(const char *desktop, const char *client, const char *protocol, void *data);
	void (*on_left)(const char *desktop, const char *client, const char *why, void *data);
	/* org.carrel.Display1.UsbDevice */
	void (*on_usb)(const char *desktop, const char *client, const char *event, const char *device, void *data);
	/* The list of screens came anew: display_client_viewers() is the truth of now. */
	void (*on_listed)(void *data);
	/* Signals of org.carrel.Display1. */
	void (*on_recording_started)(const char *desktop, const char *id, void *data);
	void (*on_recording_ended)(const char *desktop, const char *id, const char *hash, const char *why, gboolean required,
		void *data);
	void *data;
} DisplayEvents;

/* Connects to @path, whose server must run as @uid or root ((uid_t)-1: any), in the background, for ever. */
DisplayClient *display_client_new(const char *path, uid_t uid, const DisplayEvents *events);
void display_client_free(DisplayClient *display);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DisplayClient, display_client_free)

/* To call it for what is not here; NULL while there is no connection. Owned by the display client, as is what is cancelled when that is
 * freed. */
CarrelDisplay1 *display_client_proxy(const DisplayClient *display);
GCancellable *display_client_cancellable(const DisplayClient *display);

gboolean display_client_is_connected(const DisplayClient *display);

/* Has the list been told since the connection was made? */
gboolean display_client_is_listed(const DisplayClient *display);

/* Counts the connections: another number means that all clients were cut in between, or that this process began. 0: none yet. */
guint display_client_connection(const DisplayClient *display);

/* Viewer *, owned by the display client, valid until the main loop runs. */
const GPtrArray *display_client_viewers(const DisplayClient *display);

/* When a client of @desktop last sent input or joined, as far as the list told (monotonic); 0: not known. */
gint64 display_client_input_us(const DisplayClient *display, const char *desktop);

/* Calls @done (or NULL: on_listed is enough) when the list is at most @age_ms old: at once when it is already, or when there is no connection to ask over. However
 * many wait, one list is asked for. */
typedef void (*DisplayFresh)(void *data);
void display_client_fresh(DisplayClient *display, guint age_ms, DisplayFresh done, void *data);

typedef struct {
	const char *desktop, *uuid;
	const char *protocol; /* "vnc", "spice", "sound" or "files" */
	const char *client, *user, *address;
	const char *secret;   /* SPICE's password, or NULL */
	gboolean clipboard_to_desktop, clipboard_from_desktop, clipboard_images;
	guint64 clipboard_max; /* bytes */
	const char *holder;    /* whose desktop it is */
	const char *watermark; /* the pool's, "" for none */
	const char *watcher;   /* how who only watches is named in the picture; NULL: works there */
	const char *const *usb; /* rules, NULL-terminated; NULL: no USB */
	const char *pool;
	gboolean record, record_input, record_required;
	gboolean sound, microphone;
	gboolean files_to_desktop, files_from_desktop;
	guint64 file_max; /* bytes of one; 0: any */
} Admission;

/* BUSY while there is no connection; TIMEOUT after 15 s. The grant: "ay" of 32 bytes, free with g_variant_unref. */
void display_client_admit_async(DisplayClient *display, const Admission *admission, GAsyncReadyCallback callback, void *data);
GVariant *display_client_admit_finish(GAsyncResult *result, GError **error);

/* org.carrel.Display1.AskWatch and AnswerWatch. The answer: free with g_free. */
void display_client_ask_watch_async(DisplayClient *display, const char *desktop, const char *who, GAsyncReadyCallback callback, void *data);
char *display_client_ask_watch_finish(GAsyncResult *result, GError **error);
void display_client_answer_watch(DisplayClient *display, const char *desktop, gboolean yes);

/* org.carrel.Display1.Thumbnail: NOT_FOUND where nobody looks at @desktop. The JPEG: "ay", free with g_variant_unref. */
void display_client_thumbnail_async(DisplayClient *display, const char *desktop, guint width, GAsyncReadyCallback callback, void *data);
GVariant *display_client_thumbnail_finish(GAsyncResult *result, GError **error);

/* Sends its clients away. While there is no connection nothing can be done; whoever is still there when the list comes is
 * for the owner to judge. */
void display_client_end_clients(DisplayClient *display, const char *desktop);
