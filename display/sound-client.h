/* One browser that hears the guest, and may talk to it. Everything is non-blocking: one that reads nothing loses packets, and holds up
 * nobody. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/client.h"
#include "display/sound.h"

typedef struct SoundClient SoundClient;

typedef struct {
	/* It listens from now on, or does not; and so for talking. */
	void (*on_listens)(SoundClient *client, void *data);
	void (*on_talks)(SoundClient *client, void *data);
	/* Frames of its microphone, and how many of them would be taken. */
	gsize (*room)(SoundClient *client, void *data);
	void (*on_voice)(SoundClient *client, const gint16 *frames, gsize n, void *data);
	/* It is gone: free it, but not before this call has returned. @why is text for the log, static. */
	void (*on_gone)(SoundClient *client, const char *why, void *data);
	void *data;
} SoundHost;

/* Consumes @fd and @client. @host must outlive it. */
SoundClient *sound_client_new(const SoundHost *host, int fd, Client *client);
void sound_client_free(SoundClient *sound);

const Client *sound_client_who(const SoundClient *sound);
gboolean sound_client_listens(const SoundClient *sound);
gboolean sound_client_talks(const SoundClient *sound);

/* SOUND_IS_... of sound-message.h: sent where it is new to the client. */
void sound_client_set_state(SoundClient *sound, guint flags);
/* An encoded packet, as sound_message_packet() makes it: sent, or dropped when too much is under way. */
void sound_client_packet(SoundClient *sound, guint32 number, GBytes *message);
