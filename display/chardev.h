/* QEMU's character devices on its D-Bus display ("org.qemu.Display1.Chardev" of QEMU's D-Bus display interface): found by the name of their
 * channel, and given one end of a socketpair. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* @paths: the objects whose channel is called so, by path, NULL-terminated and good for the call; none may be there. @error: QEMU does
 * not say. */
typedef void (*ChardevFound)(const char *const *paths, const GError *error, void *data);
/* Asks, with a deadline of 5 s. @cancellable: when it is cancelled @found is not called. */
void chardev_find(GDBusConnection *qemu, const char *channel, GCancellable *cancellable, ChardevFound found, void *data);

/* @error: QEMU did not take it; NULL: what is sent is read now. */
typedef void (*ChardevRegistered)(const GError *error, void *data);
/* Our end, ours to close; -1: there is no socket. What is sent to it before @registered waits. */
int chardev_register(GDBusConnection *qemu, const char *path, GCancellable *cancellable, ChardevRegistered registered, void *data);
