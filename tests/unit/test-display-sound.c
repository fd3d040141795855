/* Sound: formats, rates, the microphone's ring, a browser's messages, and how much is under way to it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <math.h>
#include <opus/opus.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/audio-ring.h"
#include "display/audio-voice.h"
#include "display/sound-client.h"
#include "display/sound-message.h"
#include "display/sound-pace.h"

static const AudioFormat ours = {16, TRUE, FALSE, G_BYTE_ORDER == G_BIG_ENDIAN, AUDIO_RATE, 2};

START_TEST(a_format_that_cannot_be_is_refused)
{
	static const struct {
		AudioFormat format;
		guint frame;
	} bad[] = {
	        {{24, TRUE, FALSE, FALSE, 48000, 2}, 6},
	        {{0, TRUE, FALSE, FALSE, 48000, 2}, 0},
	        {{16, TRUE, TRUE, FALSE, 48000, 2}, 4},
	        {{16, TRUE, FALSE, FALSE, 0, 2}, 4},
	        {{16, TRUE, FALSE, FALSE, 4000000000u, 2}, 4},
	        {{16, TRUE, FALSE, FALSE, 48000, 0}, 0},
	        {{16, TRUE, FALSE, FALSE, 48000, 255}, 510},
	        {{16, TRUE, FALSE, FALSE, 48000, 2}, 3},
	        {{16, TRUE, FALSE, FALSE, 48000, 2}, 0},
	};
	AudioVoices voices = {.n = 0};

	ck_assert_ptr_null(audio_format_check(&ours, 4));
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		ck_assert_ptr_nonnull(audio_format_check(&bad[i].format, bad[i].frame));
		ck_assert_ptr_null(audio_voices_init(&voices, 7, &bad[i].format, bad[i].frame));
	}
	ck_assert_ptr_null(audio_voices_init(&voices, 0, &ours, 4));
	for (guint64 id = 1; id <= AUDIO_VOICES_MAX; id++)
		ck_assert_ptr_nonnull(audio_voices_init(&voices, id, &ours, 4));
	ck_assert_ptr_null(audio_voices_init(&voices, 99, &ours, 4));
	audio_voices_fini(&voices, 1);
	ck_assert_ptr_nonnull(audio_voices_init(&voices, 99, &ours, 4));
}
END_TEST

START_TEST(the_first_enabled_voice_counts_until_it_ends)
{
	AudioVoices voices = {.n = 0};

	audio_voices_init(&voices, 1, &ours, 4);
	audio_voices_init(&voices, 2, &ours, 4);
	ck_assert_ptr_null(audio_voices_active(&voices));
	audio_voices_find(&voices, 2)->enabled = TRUE;
	ck_assert_uint_eq(audio_voices_active(&voices)->id, 2);
	audio_voices_fini(&voices, 2);
	audio_voices_fini(&voices, 2);
	ck_assert_ptr_null(audio_voices_active(&voices));
}
END_TEST

/* Every format that is let in, with values that all of them hold. */
START_TEST(samples_survive_every_format)
{
	static const gint16 frames[] = {0, 0x1200, -0x3400, 0x7f00, -0x8000, 0x100};
	static const guint bits[] = {8, 16, 32};
	guint8 bytes[6 * 4 * 4];
	gint16 back[6];

	for (guint i = 0; i < 12; i++) {
		AudioFormat format = {bits[i % 3], i / 3 % 2, FALSE, i / 6, 44100, 2};

		audio_encode(&format, frames, 3, bytes);
		audio_decode(&format, bytes, 3, back);
		ck_assert_mem_eq(back, frames, sizeof frames);
	}
	for (int big = 0; big < 2; big++) {
		AudioFormat format = {32, TRUE, TRUE, big, 44100, 4};

		ck_assert_ptr_null(audio_format_check(&format, 16));
		audio_encode(&format, frames, 3, bytes);
		audio_decode(&format, bytes, 3, back);
		ck_assert_mem_eq(back, frames, sizeof frames);
	}
}
END_TEST

START_TEST(floats_out_of_bounds_are_loud_and_no_numbers_are_silence)
{
	const float values[] = {1e30f, -1e30f, NAN, INFINITY};
	AudioFormat format = {32, TRUE, TRUE, G_BYTE_ORDER == G_BIG_ENDIAN, 48000, 2};
	guint8 bytes[sizeof values];
	gint16 frames[4];

	memcpy(bytes, values, sizeof values);
	audio_decode(&format, bytes, 2, frames);
	ck_assert_int_eq(frames[0], G_MAXINT16);
	ck_assert_int_eq(frames[1], G_MININT16);
	ck_assert_int_eq(frames[2], 0);
	ck_assert_int_eq(frames[3], 0);
}
END_TEST

START_TEST(one_channel_is_heard_on_both_sides_and_back)
{
	AudioFormat mono = ours;
	gint16 bytes[] = {100, -200}, frames[4], back[2];

	mono.channels = 1;
	audio_decode(&mono, (const guint8 *)bytes, 2, frames);
	ck_assert_int_eq(frames[0], 100);
	ck_assert_int_eq(frames[1], 100);
	ck_assert_int_eq(frames[3], -200);
	frames[1] = 300;
	audio_encode(&mono, frames, 2, (guint8 *)back);
	ck_assert_int_eq(back[0], 200);
	ck_assert_int_eq(back[1], -200);
}
END_TEST

static gint16
tone(guint rate, gsize i)
{
	return (gint16)lrint(10000 * sin(2 * G_PI * 1000 * (double)i / rate));
}

/* A tone of 1 kHz in pieces of odd sizes: as many frames as its time has, none far from where the tone is. */
START_TEST(a_tone_keeps_its_pitch_at_every_rate)
{
	static const guint rates[] = {8000, 22050, 44100, 48000, 96000, 192000};
	guint rate = rates[_i];
	gsize n = rate / 10, error_max = rate < 20000 ? 900 : 300;
	g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(gint16));
	g_autofree gint16 *frames = g_new(gint16, 2 * n);
	AudioResampler resampler;

	for (gsize i = 0; i < n; i++)
		frames[2 * i] = frames[2 * i + 1] = tone(rate, i);
	audio_resampler_init(&resampler, rate, AUDIO_RATE);
	for (gsize at = 0, step = 1; at < n; at += step, step = step % 97 + 13)
		audio_resample(&resampler, frames + 2 * at, MIN(step, n - at), out);
	ck_assert_int_le(abs((int)out->len / 2 - AUDIO_RATE / 10), AUDIO_RATE / (int)rate + 1);
	/* A frame waits for the next one to draw a line to. */
	for (gsize i = 0; i < out->len / 2; i++) {
		double now = 10000 * sin(2 * G_PI * 1000 * ((double)i / AUDIO_RATE));

		ck_assert_int_le(abs(g_array_index(out, gint16, 2 * i) - (int)now), (int)error_max);
		ck_assert_int_eq(g_array_index(out, gint16, 2 * i), g_array_index(out, gint16, 2 * i + 1));
	}
}
END_TEST

START_TEST(volume_scales_each_side)
{
	gint16 frames[] = {1000, -1000, 32767, -32768};

	audio_scale(frames, 2, 255, 255);
	ck_assert_int_eq(frames[3], -32768);
	ck_assert(!audio_is_silent(frames, 2));
	audio_scale(frames, 2, 51, 0);
	ck_assert_int_eq(frames[0], 200);
	ck_assert_int_eq(frames[1], 0);
	audio_scale(frames, 2, 0, 0);
	ck_assert(audio_is_silent(frames, 2));
}
END_TEST

START_TEST(the_ring_waits_until_it_may_be_uneven_and_then_gives_in_order)
{
	AudioRing *ring = g_new0(AudioRing, 1);
	g_autofree gint16 *frames = g_new(gint16, 2 * AUDIO_RING_FRAMES), *back = g_new(gint16, 2 * AUDIO_RING_FRAMES);

	for (gsize i = 0; i < 2 * AUDIO_RING_FRAMES; i++)
		frames[i] = (gint16)(i + 1);
	audio_ring_put(ring, frames, AUDIO_RING_START - 1);
	audio_ring_take(ring, back, 100);
	ck_assert(audio_is_silent(back, 100));
	audio_ring_put(ring, frames + 2 * (AUDIO_RING_START - 1), 1);
	audio_ring_take(ring, back, AUDIO_RING_START + 10);
	ck_assert_mem_eq(back, frames, AUDIO_RING_START * 4);
	ck_assert(audio_is_silent(back + 2 * AUDIO_RING_START, 10));
	/* It ran dry: it waits again. */
	audio_ring_put(ring, frames, 1);
	audio_ring_take(ring, back, 1);
	ck_assert(audio_is_silent(back, 1));
	g_free(ring);
}
END_TEST

START_TEST(what_the_ring_has_no_room_for_is_dropped)
{
	AudioRing *ring = g_new0(AudioRing, 1);
	gint16 frames[2 * 700], back[2 * 700];
	gsize given = 0;

	for (int i = 0; i < 1000; i++) {
		for (gsize j = 0; j < 2 * 700; j++)
			frames[j] = (gint16)i;
		audio_ring_put(ring, frames, 700);
		ck_assert_uint_le(ring->count, AUDIO_RING_FRAMES);
		if (i % 3 == 2) {
			audio_ring_take(ring, back, 700);
			given += 700;
		}
	}
	ck_assert_uint_eq(given, 333 * 700);
	ck_assert_uint_eq(audio_ring_room(ring), 0);
	audio_ring_clear(ring);
	ck_assert_uint_eq(audio_ring_room(ring), AUDIO_RING_FRAMES);
	audio_ring_take(ring, back, 700);
	ck_assert(audio_is_silent(back, 700));
	g_free(ring);
}
END_TEST

START_TEST(a_message_is_whole_or_waited_for)
{
	static const guint8 stream[] = {0, 2, 1, 1, 0, 2, 2, 1, 0, 5, 5, 0, 1, 2, 3, 0, 4, 4, 0xaa, 0xbb, 0xcc};
	static const SoundWord words[] = {SOUND_HELLO, SOUND_LISTEN, SOUND_HEARD, SOUND_VOICE};
	static const guint32 values[] = {1, 1, 0x00010203, 0};
	gsize at = 0, used = 0;
	SoundMessage message;
	const char *why;

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++, at += used) {
		gsize whole = 2 + stream[at + 1];

		for (gsize cut = 0; cut < whole; cut++)
			ck_assert_int_eq(sound_message_parse(stream + at, cut, &message, &used, &why), SOUND_MORE);
		ck_assert_int_eq(sound_message_parse(stream + at, sizeof stream - at, &message, &used, &why), SOUND_DONE);
		ck_assert_uint_eq(used, whole);
		ck_assert_int_eq(message.word, words[i]);
		ck_assert_uint_eq(message.value, values[i]);
	}
	ck_assert_uint_eq(message.size, 3);
	ck_assert_int_eq(message.bytes[0], 0xaa);
}
END_TEST

START_TEST(a_message_that_cannot_be_is_refused_at_once)
{
	static const struct {
		guint8 bytes[5];
		gsize n;
	} bad[] = {{{0, 0}, 2}, {{0xff, 0xff}, 2}, {{0x04, 0xfd}, 2}, {{0, 1, 4}, 3}, {{0, 1, 1}, 3}, {{0, 2, 2, 2}, 4}, {{0, 2, 3, 9}, 4},
	        {{0, 2, 5, 9}, 4}, {{0, 1, 6}, 3}, {{0, 1, 0}, 3}};
	SoundMessage message;
	gsize used;
	const char *why = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		ck_assert_int_eq(sound_message_parse(bad[i].bytes, bad[i].n, &message, &used, &why), SOUND_BAD);
		ck_assert_ptr_nonnull(why);
	}
}
END_TEST

START_TEST(a_client_that_hears_gets_all_and_one_that_stalls_loses_what_comes_later)
{
	SoundPace pace = {.first = 0};
	gint64 now = 5000000;
	guint32 number = 0, lost = 0;

	/* 30 ms there and back. */
	for (; number < 1000; number++, now += 10000) {
		ck_assert(sound_pace_may_send(&pace, now));
		sound_pace_sent(&pace, number, now);
		if (number >= 3)
			sound_pace_heard(&pace, number - 3, now);
	}
	ck_assert_int_le(pace.best, 31000);
	for (; number < 1200; number++, now += 10000) {
		if (sound_pace_may_send(&pace, now))
			sound_pace_sent(&pace, number, now);
		else
			lost++;
	}
	ck_assert_uint_ge(lost, 200 - 24);
	/* It wakes up, and hears what was under way. */
	sound_pace_heard(&pace, pace.next - 1, now);
	ck_assert(sound_pace_may_send(&pace, now));
	sound_pace_sent(&pace, number, now);
	ck_assert(sound_pace_may_send(&pace, now));
}
END_TEST

START_TEST(a_client_cannot_say_that_it_heard_what_was_never_sent)
{
	SoundPace pace = {.first = 0};

	sound_pace_heard(&pace, 0, 1);
	sound_pace_sent(&pace, 70000, 1000000);
	sound_pace_heard(&pace, 70001, 1000001);
	sound_pace_heard(&pace, 69999, 1000001);
	sound_pace_heard(&pace, 0xffffffff, 1000001);
	ck_assert_int_eq(pace.best, 0);
	ck_assert(!sound_pace_may_send(&pace, 9000000));
	sound_pace_heard(&pace, 70000, 1000500);
	ck_assert_int_eq(pace.best, 500);
	ck_assert(sound_pace_may_send(&pace, 9000000));
	/* Numbers go round. */
	sound_pace_sent(&pace, 0xffffffff, 9000000);
	sound_pace_sent(&pace, 0, 9010000);
	sound_pace_heard(&pace, 0, 9020000);
	ck_assert(sound_pace_may_send(&pace, 99000000));
}
END_TEST

/* One client over a socket pair. */
static struct {
	int fd;
	SoundClient *client;
	guint listens, talks;
	gsize heard, room;
	const char *gone;
} talk;

static void
on_listens(SoundClient *client, void *data)
{
	talk.listens++;
}

static void
on_talks(SoundClient *client, void *data)
{
	talk.talks++;
}

static gsize
room(SoundClient *client, void *data)
{
	return talk.room;
}

static void
on_voice(SoundClient *client, const gint16 *frames, gsize n, void *data)
{
	talk.heard += n;
}

static void
on_gone(SoundClient *client, const char *why, void *data)
{
	talk.gone = why;
}

static const SoundHost host = {on_listens, on_talks, room, on_voice, on_gone, NULL};

static void
join(gboolean microphone)
{
	GVariantDict params;
	int ends[2];

	memset(&talk, 0, sizeof talk);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	g_variant_dict_init(&params, NULL);
	g_variant_dict_insert(&params, "protocol", "s", "sound");
	g_variant_dict_insert(&params, "client", "s", "x");
	g_variant_dict_insert(&params, "microphone", "b", microphone);
	g_autoptr(GVariant) owned = g_variant_ref_sink(g_variant_dict_end(&params));

	talk.fd = ends[0];
	talk.client = sound_client_new(&host, ends[1], client_new(owned, NULL));
}

static void
part(void)
{
	sound_client_free(talk.client);
	close(talk.fd);
}

static void
say(const void *bytes, gsize size)
{
	ck_assert_int_eq(send(talk.fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void
say_voice(void)
{
	OpusEncoder *encoder = opus_encoder_create(AUDIO_RATE, 1, OPUS_APPLICATION_VOIP, NULL);
	gint16 frames[960] = {0};
	guint8 message[3 + 1275];
	int n = opus_encode(encoder, frames, 960, message + 3, 1275);

	opus_encoder_destroy(encoder);
	ck_assert_int_gt(n, 0);
	message[0] = (guint8)((n + 1) >> 8);
	message[1] = (guint8)(n + 1);
	message[2] = SOUND_VOICE;
	say(message, (gsize)n + 3);
}

START_TEST(a_voice_is_heard_only_from_who_may_talk_and_does_and_while_there_is_room)
{
	static const guint8 hello[] = {0, 2, 1, 1}, on[] = {0, 2, 3, 1}, off[] = {0, 2, 3, 0}, junk[] = {0, 4, 4, 0xff, 0xff, 0xff};
	guint8 greeting[4];

	join(_i);
	say(hello, sizeof hello);
	ck_assert_int_eq(recv(talk.fd, greeting, sizeof greeting, MSG_DONTWAIT), 4);
	ck_assert_int_eq(greeting[0] << 8 | greeting[1], 3);
	talk.room = 960;
	say_voice();
	ck_assert_uint_eq(talk.heard, 0);
	say(on, sizeof on);
	say_voice();
	ck_assert_uint_eq(talk.heard, _i ? 960 : 0);
	talk.room = 959;
	say_voice();
	ck_assert_uint_eq(talk.heard, _i ? 960 : 0);
	talk.room = 96000;
	say(junk, sizeof junk);
	say(off, sizeof off);
	say_voice();
	ck_assert_uint_eq(talk.heard, _i ? 960 : 0);
	ck_assert_ptr_null(talk.gone);
	part();
}
END_TEST

START_TEST(a_client_that_does_not_greet_or_speaks_another_version_has_to_go)
{
	static const guint8 early[] = {0, 2, 2, 1}, later[] = {0, 2, 1, 2}, twice[] = {0, 2, 1, 1, 0, 2, 1, 1};

	join(FALSE);
	say(early, sizeof early);
	ck_assert_ptr_nonnull(talk.gone);
	ck_assert_uint_eq(talk.listens, 0);
	part();
	join(FALSE);
	say(later, sizeof later);
	ck_assert_ptr_nonnull(talk.gone);
	part();
	join(FALSE);
	say(twice, sizeof twice);
	ck_assert_ptr_nonnull(talk.gone);
	part();
}
END_TEST

START_TEST(a_client_that_reads_nothing_is_sent_no_more_than_it_may_be_late)
{
	static const guint8 hello[] = {0, 2, 1, 1, 0, 2, 2, 1};
	static const guint8 packet[1000] = {0};
	g_autoptr(GBytes) message = sound_message_packet(0, packet, sizeof packet);
	guint8 buffer[4096];
	gsize came = 0;
	ssize_t n;

	join(FALSE);
	say(hello, sizeof hello);
	ck_assert(sound_client_listens(talk.client));
	for (guint32 i = 0; i < 100000; i++)
		sound_client_packet(talk.client, i, message);
	while ((n = recv(talk.fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
		came += (gsize)n;
	ck_assert_uint_le(came, SOUND_UNDER_WAY * (sizeof packet + 7) + 5);
	ck_assert_ptr_null(talk.gone);
	part();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sound");
	TCase *samples = tcase_create("samples"), *messages = tcase_create("messages");

	tcase_add_test(samples, a_format_that_cannot_be_is_refused);
	tcase_add_test(samples, the_first_enabled_voice_counts_until_it_ends);
	tcase_add_test(samples, samples_survive_every_format);
	tcase_add_test(samples, floats_out_of_bounds_are_loud_and_no_numbers_are_silence);
	tcase_add_test(samples, one_channel_is_heard_on_both_sides_and_back);
	tcase_add_loop_test(samples, a_tone_keeps_its_pitch_at_every_rate, 0, 6);
	tcase_add_test(samples, volume_scales_each_side);
	tcase_add_test(samples, the_ring_waits_until_it_may_be_uneven_and_then_gives_in_order);
	tcase_add_test(samples, what_the_ring_has_no_room_for_is_dropped);
	tcase_add_test(messages, a_message_is_whole_or_waited_for);
	tcase_add_test(messages, a_message_that_cannot_be_is_refused_at_once);
	tcase_add_test(messages, a_client_that_hears_gets_all_and_one_that_stalls_loses_what_comes_later);
	tcase_add_test(messages, a_client_cannot_say_that_it_heard_what_was_never_sent);
	tcase_add_loop_test(messages, a_voice_is_heard_only_from_who_may_talk_and_does_and_while_there_is_room, 0, 2);
	tcase_add_test(messages, a_client_that_does_not_greet_or_speaks_another_version_has_to_go);
	tcase_add_test(messages, a_client_that_reads_nothing_is_sent_no_more_than_it_may_be_late);
	suite_add_tcase(suite, samples);
	suite_add_tcase(suite, messages);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
