/* The called side of a D-Bus connection without a bus, on the main loop: for QEMU's listeners, which hear of every change of the screen.
 * GLib reads and writes the messages (GDBusMessage). GDBusConnection is not used here since it reads on a thread of its own and wakes the
 * main loop for each message: with a message for each letter that somebody types that was half of what the screen did.
 * Whoever calls is a virtual machine's process: its messages are bounded by D-Bus's own limits, and there are few descriptors.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

typedef struct BusPeer BusPeer;

typedef struct {
	/* A method is called. Result: the reply's arguments (floating, or NULL for none); @fds: the descriptors that came with it, or NULL.
	 * With @error set, that is the reply. Neither is sent where the caller wants no reply. */
	GVariant *(*on_call)(const char *interface, const char *method, GVariant *args, GUnixFDList *fds, GError **error, void *data);
	/* The connection has ended, @error says why. It is told once; nothing is told after. */
	void (*on_closed)(const GError *error, void *data);
} BusPeerEvents;

/* Signs in as a client does, at once, as the user that this process has. Consumes @fd, one end of a socketpair of this process's. */
BusPeer *bus_peer_new(int fd, const BusPeerEvents *events, void *data);
/* Not from within an event. */
void bus_peer_free(BusPeer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BusPeer, bus_peer_free)
