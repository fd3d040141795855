/* A connection on which QEMU calls an audio listener of ours (QEMU's documentation, "D-Bus display", org.qemu.Display1.Audio).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct AudioPeer AudioPeer;

/* With @connection: export the listener on it; messages are processed once this has returned. It belongs to the peer. Without: there will
 * be none, and @absent says that the VM has no sound at all, or a QEMU that cannot give it.
 * Called once, later. */
typedef void (*AudioPeerFunc)(GDBusConnection *connection, gboolean absent, void *data);

/* @method: "RegisterOutListener" or "RegisterInListener". QEMU has one listener of a kind, and learns a moment late that the last one's
 * process has ended, so this is tried for some seconds. */
AudioPeer *audio_peer_new(GDBusConnection *qemu, const char *method, AudioPeerFunc func, void *data);
/* Closes the connection: QEMU calls no more. */
void audio_peer_free(AudioPeer *peer);
