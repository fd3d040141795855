/* One end of a byte stream whose other end comes and goes: a virtio-serial port (or, in tests, a socket).
 * A virtio port stays readable-with-nothing and "hung up" for as long as the host's side is closed, so it is watched
 * edge-triggered: waiting for the host costs nothing. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct Port Port;

/* Each may be NULL. Only on_gone may free the port. */
typedef struct {
	void (*on_open)(void *data);  /* the host's side was opened */
	void (*on_bytes)(const guint8 *bytes, gsize size, void *data);
	void (*on_close)(void *data); /* the host's side was closed; what was queued is dropped. The port stays */
	void (*on_sent)(void *data);  /* the host has taken all that was queued */
	void (*on_gone)(void *data);  /* the port is of no use any more (unplugged, or an error) */
} PortHandlers;

/* Opens a port's device for reading and writing, non-blocking and close-on-exec. -1 and an error: CARREL_ERROR_NOT_FOUND
 * when there is none, CARREL_ERROR_BUSY when another process has it, else CARREL_ERROR_FAILED. */
int port_open_device(const char *path, GError **error);

/* Consumes @fd, also on failure. At most @queue_max bytes wait for a slow host. Callbacks come from the main loop only.
 * Free with port_free. */
Port *port_new(int fd, gsize queue_max, const PortHandlers *handlers, void *data, GError **error);
void port_free(Port *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Port, port_free)

gboolean port_is_open(const Port *port); /* the host's side */

/* Queues a copy. FALSE, and nothing is queued, when the host's side is closed or the queue is full. */
gboolean port_write(Port *port, const void *bytes, gsize size);

/* Bytes that the host has still to take. */
gsize port_unsent(const Port *port);

/* How many more bytes port_write would take. */
gsize port_room(const Port *port);
