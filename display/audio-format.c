/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/audio-format.h"

#include <math.h>
#include <string.h>

#define RATE_MIN 4000
#define RATE_MAX 192000
#define CHANNELS_MAX 16

const char *
audio_format_check(const AudioFormat *format, guint bytes_per_frame)
{
	if (format->bits != 8 && format->bits != 16 && format->bits != 32)
		return "samples of another size than 8, 16 or 32 bits";
	if (format->is_float && format->bits != 32)
		return "floating-point samples of another size than 32 bits";
	if (format->rate < RATE_MIN || format->rate > RATE_MAX)
		return "a rate out of bounds";
	if (format->channels < 1 || format->channels > CHANNELS_MAX)
		return "a number of channels out of bounds";
	if (bytes_per_frame != audio_format_frame_size(format))
		return "frames of another size than their samples";
	return NULL;
}

gsize
audio_format_frame_size(const AudioFormat *format)
{
	return format->bits / 8 * format->channels;
}

static gint16
clip(double value)
{
	return (gint16)lrint(CLAMP(value, G_MININT16, G_MAXINT16));
}

static gint16
read_float(guint32 raw)
{
	float value;

	memcpy(&value, &raw, sizeof value);
	return isfinite(value) ? clip((double)value * 32768) : 0;
}

static gint16
read_sample(const AudioFormat *format, const guint8 *bytes)
{
	guint32 raw = 0, sign = format->is_signed ? 0 : 0x8000;
	guint size = format->bits / 8;

	for (guint i = 0; i < size; i++)
		raw |= (guint32)bytes[format->big_endian ? size - 1 - i : i] << 8 * i;
	if (format->is_float)
		return read_float(raw);
	return (gint16)((size == 1 ? raw << 8 : size == 2 ? raw : raw >> 16) ^ sign);
}

static void
write_sample(const AudioFormat *format, gint16 sample, guint8 *bytes)
{
	guint32 raw = (guint16)sample ^ (format->is_signed ? 0 : 0x8000);
	guint size = format->bits / 8;
	float value = (float)sample / 32768;

	raw = size == 1 ? raw >> 8 : size == 2 ? raw : raw << 16;
	if (format->is_float)
		memcpy(&raw, &value, sizeof raw);
	for (guint i = 0; i < size; i++)
		bytes[format->big_endian ? size - 1 - i : i] = (guint8)(raw >> 8 * i);
}

static gboolean
is_ours(const AudioFormat *format)
{
	return format->bits == 16 && format->is_signed && format->channels == AUDIO_CHANNELS &&
	        format->big_endian == (G_BYTE_ORDER == G_BIG_ENDIAN);
}

void
audio_decode(const AudioFormat *format, const guint8 *bytes, gsize n, gint16 *frames)
{
	gsize right = format->channels > 1 ? format->bits / 8 : 0;

	if (is_ours(format)) {
		memcpy(frames, bytes, n * audio_format_frame_size(format));
		return;
	}
	for (gsize i = 0; i < n; i++, bytes += audio_format_frame_size(format)) {
		frames[2 * i] = read_sample(format, bytes);
		frames[2 * i + 1] = read_sample(format, bytes + right);
	}
}

void
audio_encode(const AudioFormat *format, const gint16 *frames, gsize n, guint8 *bytes)
{
	for (gsize i = 0; i < n; i++) {
		for (guint channel = 0; channel < format->channels; channel++, bytes += format->bits / 8) {
			gint16 sample = channel < 2 ? frames[2 * i + channel] : 0;

			if (format->channels == 1)
				sample = (gint16)((frames[2 * i] + frames[2 * i + 1]) / 2);
			write_sample(format, sample, bytes);
		}
	}
}

void
audio_scale(gint16 *frames, gsize n, guint8 left, guint8 right)
{
	if (left == 255 && right == 255)
		return;
	for (gsize i = 0; i < n; i++) {
		frames[2 * i] = (gint16)(frames[2 * i] * left / 255);
		frames[2 * i + 1] = (gint16)(frames[2 * i + 1] * right / 255);
	}
}

gboolean
audio_is_silent(const gint16 *frames, gsize n)
{
	for (gsize i = 0; i < AUDIO_CHANNELS * n; i++) {
		if (frames[i] != 0)
			return FALSE;
	}
	return TRUE;
}

void
audio_resampler_init(AudioResampler *resampler, guint from, guint to)
{
	*resampler = (AudioResampler){.step = ((guint64)from << 32) / to, .position = G_GUINT64_CONSTANT(1) << 32};
}

/* Frame 0 is the last of the call before, frame 1 the first of this one. */
void
audio_resample(AudioResampler *resampler, const gint16 *frames, gsize n, GArray *out)
{
	for (; resampler->position >> 32 < n; resampler->position += resampler->step) {
		gsize at = (gsize)(resampler->position >> 32);
		const gint16 *before = at == 0 ? resampler->last : frames + 2 * (at - 1), *after = frames + 2 * at;
		gint64 part = (gint64)(resampler->position >> 16 & 0xffff);
		gint16 frame[AUDIO_CHANNELS];

		for (guint i = 0; i < AUDIO_CHANNELS; i++)
			frame[i] = (gint16)(before[i] + (after[i] - before[i]) * part / 65536);
		g_array_append_vals(out, frame, AUDIO_CHANNELS);
	}
	if (n == 0)
		return;
	resampler->position -= (guint64)n << 32;
	memcpy(resampler->last, frames + 2 * (n - 1), sizeof resampler->last);
}
