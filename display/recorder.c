/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/recorder.h"

#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/recording-writer.h"
#include "display/recording.h"
#include "display/rfb-write.h"

/* Between two pictures: what changes more often is seen at every second change or so, and costs a fraction. */
#define PACE_US (G_USEC_PER_SEC / 6)
/* What changes much is seen less often still: so long after each byte of the last picture, which bounds what a film on the screen
 * costs to some two gigabytes an hour, but never longer than PACE_MAX_US. */
#define RATE_BYTES (512 * 1024) /* a second */
#define PACE_MAX_US (2 * G_USEC_PER_SEC)
/* A new chunk costs a whole picture, and to seek costs what lies between the chunk's start and the place. So one ends after a
 * minute once its changes have cost as much as its first picture, after five in any case, and when it is this large. */
#define CHUNK_US (60 * G_USEC_PER_SEC)
#define CHUNK_MAX_US (300 * G_USEC_PER_SEC)
#define CHUNK_BYTES_MAX (8 * 1024 * 1024)
/* While so much waits for the disk no picture is made: a slow disk makes a coarse recording, not a slow desktop. */
#define PENDING_MAX (8 * 1024 * 1024)
/* An update has 4 Mi pixels at most (vnc-update.c), a frame 64. */
#define UPDATES_MAX 32
#define MOTION_US (G_USEC_PER_SEC / 10)
#define FINISH_MS 1000

struct Recorder {
	const RecorderHost *host;
	RecordingWriter *writer;
	gboolean input;
	char *title;
	VncUpdate *update;           /* of this chunk; NULL: the next picture begins one */
	gint64 chunk_us, picture_us; /* monotonic: when the chunk began, when the last picture was made */
	gsize first_size, rest_size; /* of the chunk's first picture, and of all after it */
	gint64 pace_us;              /* from the last picture to the next */
	guint picture_id;
	gint64 motion_us;
	int x, y; /* of the pointer, not yet written when motion_waits */
	gboolean motion_waits;
};

static const char *
text_of(GVariant *params, const char *key)
{
	const char *text = "";

	g_variant_lookup(params, key, "&s", &text);
	return text;
}

static void
on_writer_failed(const char *why, void *data)
{
	Recorder *recorder = data;

	g_clear_handle_id(&recorder->picture_id, g_source_remove);
	recorder->host->on_failed(why, recorder->host->data);
}

Recorder *
recorder_new(const RecorderHost *host, int fd, GVariant *params, GError **error)
{
	Recorder *recorder = g_new0(Recorder, 1);
	g_autoptr(GString) about = g_string_new(NULL);
	g_autofree char *started = g_strdup_printf("%" G_GINT64_FORMAT, g_get_real_time() / 1000);

	recorder->host = host;
	recorder->title = g_strdup(text_of(params, "title"));
	g_variant_lookup(params, "input", "b", &recorder->input);
	recording_add_line(about, "desktop", text_of(params, "desktop"));
	recording_add_line(about, "pool", text_of(params, "pool"));
	recording_add_line(about, "user", text_of(params, "user"));
	recording_add_line(about, "title", recorder->title);
	recording_add_line(about, "started", started);
	recording_add_line(about, "input", recorder->input ? "yes" : "no");
	recorder->writer = recording_writer_new(fd, about->str, on_writer_failed, recorder);
	recorder_kick(recorder);
	return recorder;
}

void
recorder_free(Recorder *recorder)
{
	if (recorder == NULL)
		return;
	g_clear_handle_id(&recorder->picture_id, g_source_remove);
	vnc_update_free(recorder->update);
	recording_writer_free(recorder->writer);
	g_free(recorder->title);
	g_free(recorder);
}

/* 32 bits a pixel, 24 deep, little-endian, true colour, maxima of 255, red in the lowest byte (RFC 6143, 7.4): what noVNC asks any
 * server for. Nobody can ask a file. */
static const guint8 pixel_format[16] = {32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16};

/* ServerInit, of RFC 6143, 7.3.2. */
static void
put_chunk(Recorder *recorder, const Frame *frame)
{
	gsize title_size = strlen(recorder->title);
	guint32 be_title = GUINT32_TO_BE((guint32)title_size);
	const guint8 size[4] = {(guint8)(frame->width >> 8), (guint8)frame->width, (guint8)(frame->height >> 8), (guint8)frame->height};
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	g_byte_array_append(bytes, size, sizeof size);
	g_byte_array_append(bytes, pixel_format, sizeof pixel_format);
	g_byte_array_append(bytes, (const guint8 *)&be_title, sizeof be_title);
	g_byte_array_append(bytes, (const guint8 *)recorder->title, (guint)title_size);
	recording_writer_put(recorder->writer, RECORDING_CHUNK, bytes->data, bytes->len);
}

/* A message to the composer, as a client's. */
static void
append_encodings(GByteArray *message, const gint32 *encodings, guint n)
{
	static const guint8 head[2] = {2};

	g_byte_array_append(message, head, sizeof head);
	rfb_append_u16(message, n);
	for (guint i = 0; i < n; i++)
		rfb_append_u32(message, (guint32)encodings[i]);
}

/* SetPixelFormat and SetEncodings (7.5.1, 7.5.2): Tight without a JPEG quality, hence lossless; sizes that change; and no cursor, which
 * is then drawn into the picture, where the person saw it. */
static gboolean
begin_chunk(Recorder *recorder)
{
	static const gint32 encodings[] = {
	        7 /* Tight */, RFB_ENCODING_COPY_RECT, RFB_ENCODING_DESKTOP_SIZE, -224 /* LastRect */, -256 + 2 /* compression level 2 */};
	const Frame *frame = recorder->host->view->frame;
	const Rect whole = {0, 0, frame->width, frame->height}, any = {0, 0, FRAME_SIDE_MAX, FRAME_SIDE_MAX};
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	guint8 format[4 + sizeof pixel_format] = {0};
	RfbMessage message;
	const char *why = "";
	gsize used;

	append_encodings(bytes, encodings, G_N_ELEMENTS(encodings));
	memcpy(format + 4, pixel_format, sizeof pixel_format);
	recorder->update = vnc_update_new(recorder->host->view);
	if (!vnc_update_take_format(recorder->update, format) ||
	        rfb_message_parse(bytes->data, bytes->len, FALSE, FALSE, &message, &used, &why) != RFB_DONE ||
	        !vnc_update_take_encodings(recorder->update, &message)) {
		g_warning("the recording's encodings are not served%s", why);
		return FALSE;
	}
	vnc_update_request(recorder->update, &whole, FALSE);
	vnc_update_continuous(recorder->update, &any);
	recorder->chunk_us = g_get_monotonic_time();
	recorder->first_size = recorder->rest_size = 0;
	put_chunk(recorder, frame);
	return TRUE;
}

static gboolean
is_chunk_over(const Recorder *recorder)
{
	gint64 age_us = g_get_monotonic_time() - recorder->chunk_us;

	return recorder->first_size + recorder->rest_size >= CHUNK_BYTES_MAX || age_us >= CHUNK_MAX_US ||
	        (age_us >= CHUNK_US && recorder->rest_size >= recorder->first_size);
}

/* All that changed since the last one. FALSE: it cannot be encoded. */
static gboolean
take_picture(Recorder *recorder)
{
	gboolean begins = recorder->update == NULL;
	g_autoptr(Outbox) outbox = outbox_new();
	const GByteArray *bytes;

	if (begins && !begin_chunk(recorder))
		return FALSE;
	for (int i = 0; i < UPDATES_MAX && vnc_update_is_due(recorder->update); i++) {
		if (!vnc_update_append(recorder->update, 0, 0, g_get_monotonic_time(), outbox))
			return FALSE;
	}
	bytes = outbox_bytes(outbox);
	recorder->pace_us = PACE_US;
	if (bytes->len == 0)
		return TRUE;
	recording_writer_put(recorder->writer, RECORDING_SERVER, bytes->data, bytes->len);
	*(begins ? &recorder->first_size : &recorder->rest_size) += bytes->len;
	if (!begins)
		recorder->pace_us = MIN(PACE_US + (gint64)bytes->len * G_USEC_PER_SEC / RATE_BYTES, PACE_MAX_US);
	return TRUE;
}

static gboolean
on_picture(gpointer data)
{
	Recorder *recorder = data;

	recorder->picture_id = 0;
	recorder->picture_us = g_get_monotonic_time();
	if (recording_writer_pending(recorder->writer) > PENDING_MAX) {
		recorder_kick(recorder);
		return G_SOURCE_REMOVE;
	}
	/* Only when something changed: what stands still needs no second whole picture. */
	if (recorder->update && is_chunk_over(recorder))
		g_clear_pointer(&recorder->update, vnc_update_free);
	if (!take_picture(recorder))
		recorder->host->on_failed("the screen cannot be encoded", recorder->host->data);
	return G_SOURCE_REMOVE;
}

void
recorder_kick(Recorder *recorder)
{
	gint64 wait_us;

	if (recorder == NULL || recorder->picture_id != 0)
		return;
	wait_us = recorder->picture_us + MAX(recorder->pace_us, PACE_US) - g_get_monotonic_time();
	recorder->picture_id = g_timeout_add((guint)(CLAMP(wait_us, 0, PACE_MAX_US) / 1000), on_picture, recorder);
}

void
recorder_change(Recorder *recorder, const Change *change)
{
	if (recorder && recorder->update)
		vnc_update_change(recorder->update, change);
	recorder_kick(recorder);
}

void
recorder_resized(Recorder *recorder)
{
	const Frame *frame;

	if (recorder == NULL)
		return;
	frame = recorder->host->view->frame;
	if (recorder->update)
		vnc_update_resized(recorder->update, VNC_SIZE_BY_DESKTOP);
	const guint8 size[4] = {(guint8)(frame->width >> 8), (guint8)frame->width, (guint8)(frame->height >> 8), (guint8)frame->height};

	recording_writer_put(recorder->writer, RECORDING_RESIZED, size, sizeof size);
	recorder_kick(recorder);
}

void
recorder_joined(Recorder *recorder, const Client *client)
{
	g_autoptr(GString) lines = NULL;

	if (recorder == NULL)
		return;
	lines = g_string_new(NULL);
	recording_add_line(lines, "client", client->name);
	recording_add_line(lines, "protocol", client_protocol_word(client->protocol));
	recording_add_line(lines, "user", client->user);
	recording_add_line(lines, "address", client->address);
	recording_writer_put(recorder->writer, RECORDING_JOINED, lines->str, lines->len);
}

void
recorder_left(Recorder *recorder, const char *client, const char *why)
{
	g_autoptr(GString) lines = NULL;

	if (recorder == NULL)
		return;
	lines = g_string_new(NULL);
	recording_add_line(lines, "client", client);
	recording_add_line(lines, "why", why);
	recording_writer_put(recorder->writer, RECORDING_LEFT, lines->str, lines->len);
}

static void
put_motion(Recorder *recorder)
{
	const guint8 place[4] = {(guint8)(recorder->x >> 8), (guint8)recorder->x, (guint8)(recorder->y >> 8), (guint8)recorder->y};

	if (recorder->motion_waits)
		recording_writer_put(recorder->writer, RECORDING_MOTION, place, sizeof place);
	recorder->motion_waits = FALSE;
}

void
recorder_key(Recorder *recorder, guint qnum, gboolean down)
{
	const guint8 key[3] = {(guint8)(qnum >> 8), (guint8)qnum, down != FALSE};

	if (recorder && recorder->input)
		recording_writer_put(recorder->writer, RECORDING_KEY, key, sizeof key);
}

/* Ten places a second tell the way; where a button went down is exact. */
void
recorder_motion(Recorder *recorder, int x, int y)
{
	gint64 now = g_get_monotonic_time();

	if (recorder == NULL || !recorder->input)
		return;
	recorder->x = x;
	recorder->y = y;
	recorder->motion_waits = TRUE;
	if (now - recorder->motion_us < MOTION_US)
		return;
	recorder->motion_us = now;
	put_motion(recorder);
}

void
recorder_button(Recorder *recorder, guint button, gboolean down)
{
	const guint8 bytes[2] = {(guint8)button, down != FALSE};

	if (recorder == NULL || !recorder->input)
		return;
	put_motion(recorder);
	recording_writer_put(recorder->writer, RECORDING_BUTTON, bytes, sizeof bytes);
}

char *
recorder_finish(Recorder *recorder)
{
	g_clear_handle_id(&recorder->picture_id, g_source_remove);
	/* What the last moments changed. */
	if (recorder->update && recording_writer_pending(recorder->writer) <= PENDING_MAX)
		take_picture(recorder);
	return recording_writer_finish(recorder->writer, FINISH_MS);
}
