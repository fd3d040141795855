/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/spice-guard.h"

#include <spice/enums.h>
#include <spice/protocol.h>
#include <string.h>

#define AT_TYPE 4 /* of SpiceLinkMess */
#define AT_COMMON 6
#define AT_CAPS 14
#define LINK_MIN 18
#define TICKET 128 /* RSA of 1024 bits */
#define DISPLAY_INIT_SIZE 14
#define CHANNEL_MESSAGES 101 /* below are those that all channels have */

static guint32
u32(const guint8 *at)
{
	return at[0] | (guint32)at[1] << 8 | (guint32)at[2] << 16 | (guint32)at[3] << 24;
}

static gboolean
is_device(guint8 type)
{
	switch (type) {
	case SPICE_CHANNEL_MAIN:
	case SPICE_CHANNEL_DISPLAY:
	case SPICE_CHANNEL_INPUTS:
	case SPICE_CHANNEL_CURSOR:
	case SPICE_CHANNEL_PLAYBACK:
	case SPICE_CHANNEL_RECORD:
		return FALSE;
	default:
		return TRUE;
	}
}

static void
go_on(SpiceGuard *guard, SpiceGuardStage stage, gsize want)
{
	guard->stage = stage;
	guard->want = want;
	guard->have = 0;
}

static void
await_message(SpiceGuard *guard, gsize skip)
{
	guard->skip = skip;
	go_on(guard, SPICE_GUARD_HEADER, guard->mini_header ? sizeof(SpiceMiniDataHeader) : sizeof(SpiceDataHeader));
}

void
spice_guard_init(SpiceGuard *guard)
{
	memset(guard, 0, sizeof *guard);
	go_on(guard, SPICE_GUARD_LINK_HEADER, sizeof(SpiceLinkHeader));
}

static const char *
take_link_header(SpiceGuard *guard)
{
	guint32 size = u32(guard->held + 12);

	if (memcmp(guard->held, "REDQ", 4) != 0 || size < LINK_MIN || size > SPICE_GUARD_LINK_MAX)
		return "no link of SPICE";
	go_on(guard, SPICE_GUARD_LINK, size);
	return NULL;
}

/* Which header its messages have the library reads from the first word of the common capabilities, as this does. */
static const char *
take_link(SpiceGuard *guard)
{
	guint32 words = u32(guard->held + AT_COMMON), at = u32(guard->held + AT_CAPS), caps = 0;

	if (words > 0 && (at < LINK_MIN || at > guard->have - 4))
		return "capabilities outside of its link";
	if (words > 0)
		caps = u32(guard->held + at);
	guard->is_main = guard->held[AT_TYPE] == SPICE_CHANNEL_MAIN;
	guard->is_display = guard->held[AT_TYPE] == SPICE_CHANNEL_DISPLAY;
	guard->is_device = is_device(guard->held[AT_TYPE]);
	if (guard->is_main && u32(guard->held) != 0)
		return "a link of a migration";
	guard->mini_header = (caps & (1u << SPICE_COMMON_CAP_MINI_HEADER)) != 0;
	if (caps & (1u << SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION))
		go_on(guard, SPICE_GUARD_AUTH, 4);
	else
		await_message(guard, TICKET);
	return NULL;
}

static const char *
take_auth(SpiceGuard *guard)
{
	if (u32(guard->held) != SPICE_COMMON_CAP_AUTH_SPICE)
		return "another sign-in than that of a ticket";
	await_message(guard, TICKET);
	return NULL;
}

static const char *
check_main(SpiceGuard *guard, guint type)
{
	switch (type) {
	case SPICE_MSGC_MAIN_MIGRATE_CONNECTED:
	case SPICE_MSGC_MAIN_MIGRATE_CONNECT_ERROR:
	case SPICE_MSGC_MAIN_MIGRATE_END:
	case SPICE_MSGC_MAIN_MIGRATE_DST_DO_SEAMLESS:
	case SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS:
		return "a word of a migration";
	case SPICE_MSGC_PONG:
		if (++guard->pongs == SPICE_GUARD_WIDTH_PONG)
			guard->width_pong_at = guard->taken;
		return NULL;
	case SPICE_MSGC_MAIN_AGENT_START:
		guard->agent_started = TRUE;
		return NULL;
	case SPICE_MSGC_MAIN_AGENT_TOKEN:
		return guard->agent_started ? NULL : "tokens for an agent that it has not started";
	default:
		return NULL;
	}
}

static const char *
check_display(SpiceGuard *guard, guint type)
{
	gboolean is_init = type == SPICE_MSGC_DISPLAY_INIT;

	if (guard->initialised ? is_init : type >= CHANNEL_MESSAGES && (!is_init || guard->size != DISPLAY_INIT_SIZE))
		return "something else than how a display begins";
	guard->initialised |= is_init;
	return NULL;
}

static const char *
check_type(SpiceGuard *guard, guint type)
{
	if (type == SPICE_MSGC_MIGRATE_FLUSH_MARK || type == SPICE_MSGC_MIGRATE_DATA)
		return "a word of a migration";
	return guard->is_main ? check_main(guard, type) : guard->is_display ? check_display(guard, type) : NULL;
}

static const char *
take_header(SpiceGuard *guard)
{
	const guint8 *at = guard->held + (guard->mini_header ? 0 : 8);
	guint type = at[0] | (guint)at[1] << 8;
	const char *why;

	guard->size = u32(at + 2);
	if (guard->size > (guard->is_main || guard->is_display ? SPICE_GUARD_MAIN_MAX : SPICE_GUARD_DEVICE_MAX))
		return "a message that is too long";
	why = check_type(guard, type);
	if (why)
		return why;
	if (!guard->mini_header && u32(guard->held + 14) != 0)
		return "a list of messages";
	if (guard->is_device && type == SPICE_MSGC_SPICEVMC_COMPRESSED_DATA)
		go_on(guard, SPICE_GUARD_COMPRESSED, 5);
	else
		await_message(guard, guard->size);
	return guard->stage == SPICE_GUARD_COMPRESSED && guard->size < 5 ? "compressed data without a length" : NULL;
}

static const char *
take_compressed(SpiceGuard *guard)
{
	if (guard->held[0] != SPICE_DATA_COMPRESSION_TYPE_LZ4 || u32(guard->held + 1) > SPICE_GUARD_DEVICE_MAX)
		return "compressed data of a length that cannot be";
	await_message(guard, guard->size - 5);
	return NULL;
}

static const char *
take_stage(SpiceGuard *guard)
{
	switch (guard->stage) {
	case SPICE_GUARD_LINK_HEADER:
		return take_link_header(guard);
	case SPICE_GUARD_LINK:
		return take_link(guard);
	case SPICE_GUARD_AUTH:
		return take_auth(guard);
	case SPICE_GUARD_HEADER:
		return take_header(guard);
	default:
		return take_compressed(guard);
	}
}

gboolean
spice_guard_check(SpiceGuard *guard, const guint8 *bytes, gsize size, const char **why)
{
	while (size > 0) {
		gsize n = MIN(size, guard->skip > 0 ? guard->skip : guard->want - guard->have);

		guard->taken += n;
		if (guard->skip > 0) {
			guard->skip -= n;
			guard->signed_in |= guard->skip == 0;
		} else {
			memcpy(guard->held + guard->have, bytes, n);
			guard->have += n;
			if (guard->have == guard->want && (*why = take_stage(guard)) != NULL)
				return FALSE;
		}
		bytes += n;
		size -= n;
	}
	return TRUE;
}

gboolean
spice_guard_awaits_init(const SpiceGuard *guard)
{
	return guard->is_display && guard->signed_in && !guard->initialised && guard->skip == 0 && guard->have == 0 &&
	        guard->stage == SPICE_GUARD_HEADER;
}
