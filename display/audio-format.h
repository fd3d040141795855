/* Samples: the formats that QEMU may use, and the one that everything behind it uses: signed 16 bits in the host's byte order, two
 * channels, left first, 48000 frames a second. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define AUDIO_RATE 48000
#define AUDIO_CHANNELS 2
/* 10 ms, as many frames as QEMU's D-Bus audio sends at once, and one Opus packet. */
#define AUDIO_BLOCK 480

/* As AudioOutListener.Init and AudioInListener.Init say it. */
typedef struct {
	guint bits; /* of a sample: 8, 16 or 32 */
	gboolean is_signed, is_float, big_endian;
	guint rate;     /* frames a second */
	guint channels; /* of a frame */
} AudioFormat;

/* NULL when it can be worked with; else what is wrong. @bytes_per_frame: what the peer says that a frame takes. */
const char *audio_format_check(const AudioFormat *format, guint bytes_per_frame);
gsize audio_format_frame_size(const AudioFormat *format);

/* @n frames at @bytes to @frames, which has room for them (2 samples each). Of more than two channels the first two are taken; one
 * is heard on both sides. The rate stays. */
void audio_decode(const AudioFormat *format, const guint8 *bytes, gsize n, gint16 *frames);
/* The other way: @bytes has room for @n frames of @format. Channels behind the second are silent; one is the mean of both. */
void audio_encode(const AudioFormat *format, const gint16 *frames, gsize n, guint8 *bytes);

/* @n frames louder or quieter: 255 leaves a side as it is, 0 is silence. */
void audio_scale(gint16 *frames, gsize n, guint8 left, guint8 right);
gboolean audio_is_silent(const gint16 *frames, gsize n);

/* From one rate to another, with straight lines between the frames: good for speech and signals, and only used where a domain does
 * not have the rate that Carrel asks for. */
typedef struct {
	guint64 position; /* of the next frame out, in frames in since .last, 32 bits of them a fraction */
	guint64 step;
	gint16 last[AUDIO_CHANNELS];
} AudioResampler;

void audio_resampler_init(AudioResampler *resampler, guint from, guint to);
/* Appends to @out, an array of gint16. */
void audio_resample(AudioResampler *resampler, const gint16 *frames, gsize n, GArray *out);
