/* What no single key of a pool's file can be blamed for. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/pool-file-private.h"

#include "broker/common/settings.h"
#include "pools/calendar.h"

/* A key that has a fault already holds its fallback: nothing may be concluded from that. */
static gboolean
is_sound(GPtrArray *faults, const char *key)
{
	for (guint i = 0; faults && i < faults->len; i++) {
		if (g_strcmp0(((SettingsFault *)faults->pdata[i])->key, key) == 0)
			return FALSE;
	}
	return TRUE;
}

static void
check_network(const PoolFile *file, const char *path, GPtrArray **faults)
{
	const char *mode = pool_mode_words[file->mode];
	gboolean on_bridge = file->mode == POOL_NETWORK_BRIDGE || file->mode == POOL_NETWORK_VLAN;

	if (!is_sound(*faults, "Network/Mode"))
		return;
	if (on_bridge && file->bridge == NULL && is_sound(*faults, "Network/Bridge"))
		pool_file_add_fault(faults, path, "Network/Mode", "%s needs the name of a bridge of this host in Bridge=", mode);
	if (!on_bridge && file->bridge != NULL)
		pool_file_add_fault(faults, path, "Network/Bridge", "has no effect with Mode=%s: remove it, or set Mode=bridge or vlan", mode);
	if (file->mode == POOL_NETWORK_VLAN && file->vlan == 0 && is_sound(*faults, "Network/Vlan"))
		pool_file_add_fault(faults, path, "Network/Mode", "vlan needs the VLAN's number, 1 to 4094, in Vlan=");
	if (file->mode != POOL_NETWORK_VLAN && file->vlan != 0)
		pool_file_add_fault(faults, path, "Network/Vlan", "has no effect with Mode=%s: remove it, or set Mode=vlan", mode);
	if (!on_bridge && file->ipv6)
		pool_file_add_fault(faults, path, "Network/Ipv6",
			"cannot be carried with Mode=%s: remove it, or set Mode=bridge or vlan, where the bridge's own network has it", mode);
	if (file->mode != POOL_NETWORK_ISOLATED && !file->dhcp)
		pool_file_add_fault(faults, path, "Network/Dhcp",
			"has no effect with Mode=%s: remove it, or set Mode=isolated. Elsewhere a desktop may use no address but one "
			"that it was given by DHCP",
			mode);
	if (file->mode == POOL_NETWORK_NONE && (file->rate_up != 0 || file->rate_down != 0))
		pool_file_add_fault(faults, path, file->rate_up != 0 ? "Network/RateUp" : "Network/RateDown",
			"has no effect with Mode=none: remove it");
}

/* Desktops kept ready, and how many there may be. */
static void
check_numbers(const PoolFile *file, const char *path, GPtrArray **faults)
{
	gint64 most = is_sound(*faults, "Pool/Schedule") ? calendar_spare_max((const char *const *)file->schedule) : -1;

	if (file->spare <= file->max && file->spare + file->parked > file->max && is_sound(*faults, "Pool/Parked") &&
		is_sound(*faults, "Pool/Max"))
		pool_file_add_fault(faults, path, "Pool/Parked",
			"%" G_GINT64_FORMAT " parked desktops beside Spare=%" G_GINT64_FORMAT
			" are more than Max=%" G_GINT64_FORMAT " allows in all",
			file->parked, file->spare, file->max);
	if (file->spare > file->max && is_sound(*faults, "Pool/Spare") && is_sound(*faults, "Pool/Max"))
		pool_file_add_fault(faults, path, "Pool/Spare",
			"%" G_GINT64_FORMAT " desktops kept ready are more than Max=%" G_GINT64_FORMAT " allows in all",
			file->spare, file->max);
	if (most > file->max && is_sound(*faults, "Pool/Max"))
		pool_file_add_fault(faults, path, "Pool/Schedule",
			"%" G_GINT64_FORMAT " desktops kept ready are more than Max=%" G_GINT64_FORMAT " allows in all", most,
			file->max);
}

static gboolean
limits_somebody(const PoolFile *file)
{
	for (guint i = 0; i < file->exceptions->len; i++) {
		const SettingsSection *exception = file->exceptions->pdata[i];

		if (((const PoolFile *)exception->target)->session_limit > 0)
			return TRUE;
	}
	return file->session_limit > 0;
}

static gboolean
records_somebody(const PoolFile *file)
{
	for (guint i = 0; i < file->exceptions->len; i++) {
		const SettingsSection *exception = file->exceptions->pdata[i];

		if (((const PoolFile *)exception->target)->record)
			return TRUE;
	}
	return file->record;
}

/* Nobody shall believe that something is recorded that is not. */
static void
check_record(const PoolFile *file, const char *path, GPtrArray **faults)
{
	if (records_somebody(file) || !is_sound(*faults, "Policy/Record"))
		return;
	if (file->record_input)
		pool_file_add_fault(faults, path, "Policy/RecordInput", "has no effect while nothing is recorded: remove it, or set Record=on");
	if (file->record_required)
		pool_file_add_fault(faults, path, "Policy/RecordRequired", "has no effect while nothing is recorded: remove it, or set Record=on");
}

/* What a Reset= does not go by is refused, so that nobody believes that it does. */
static void
check_times(const PoolFile *file, const char *path, GPtrArray **faults)
{
	const char *reset = pool_reset_words[file->reset];
	gboolean sound = is_sound(*faults, "Pool/Reset");

	if (sound && file->reset == POOL_RESET_SCHEDULE && file->reset_at[0] == NULL && is_sound(*faults, "Pool/ResetAt"))
		pool_file_add_fault(faults, path, "Pool/Reset", "schedule needs times in ResetAt=");
	if (sound && file->reset != POOL_RESET_SCHEDULE && file->reset_at[0] != NULL)
		pool_file_add_fault(faults, path, "Pool/ResetAt", "has no effect with Reset=%s: remove it, or set Reset=schedule", reset);
	if (sound && file->reset != POOL_RESET_DISCONNECT && file->grace != POOL_GRACE_S)
		pool_file_add_fault(faults, path, "Pool/Grace", "has no effect with Reset=%s: remove it, or set Reset=disconnect", reset);
	if (file->extend > 0 && !limits_somebody(file) && is_sound(*faults, "Policy/SessionLimit"))
		pool_file_add_fault(faults, path, "Policy/Extend", "has no effect without a limit: remove it, or set SessionLimit=");
}

/* What a kind of desktop makes of the other keys. */
static void
check_kind(const PoolFile *file, const char *path, GPtrArray **faults)
{
	if (!is_sound(*faults, "Pool/Kind"))
		return;
	if (file->kind == POOL_PERSISTENT && file->parked > 0)
		pool_file_add_fault(faults, path, "Pool/Parked", "persistent desktops boot, so none can be parked: remove it");
	if (file->home > 0 && file->snapshots > 0)
		pool_file_add_fault(faults, path, "Pool/Snapshots",
			"cannot be taken beside Home=: a desktop that goes back would damage the disk that does not. Remove one of them");
	if (file->kind == POOL_LAB && file->reset == POOL_RESET_NEVER)
		pool_file_add_fault(faults, path, "Pool/Reset", "a lab begins each session clean: set logout, disconnect or schedule");
	if (file->kind == POOL_LAB && file->mode != POOL_NETWORK_ISOLATED && file->mode != POOL_NETWORK_NONE && is_sound(*faults, "Network/Mode"))
		pool_file_add_fault(faults, path, "Network/Mode", "%s lets a lab out: set Mode=isolated or none", pool_mode_words[file->mode]);
	if (file->kind == POOL_PERSISTENT && file->home > 0)
		pool_file_add_fault(faults, path, "Pool/Home", "a persistent desktop is its person's with all that is in it: remove it, or set Kind=floating");
}

static gboolean
hears_somebody(const PoolFile *file)
{
	for (guint i = 0; i < file->exceptions->len; i++) {
		const SettingsSection *exception = file->exceptions->pdata[i];

		if (((const PoolFile *)exception->target)->microphone)
			return TRUE;
	}
	return file->microphone;
}

void
pool_file_check(const PoolFile *file, const char *path, GPtrArray **faults)
{
	check_numbers(file, path, faults);
	check_times(file, path, faults);
	check_record(file, path, faults);
	if (file->parked > 0 && file->instant == POOL_INSTANT_NO && is_sound(*faults, "Pool/Parked") && is_sound(*faults, "Pool/Instant"))
		pool_file_add_fault(faults, path, "Pool/Parked",
			"desktops that boot cannot be parked: remove it, or set Instant=auto");
	if (!file->sound && hears_somebody(file) && is_sound(*faults, "Desktop/Sound"))
		pool_file_add_fault(faults, path, "Policy/Microphone", "a desktop without sound hears nobody: remove it, or set Sound=yes");
	check_network(file, path, faults);
	check_kind(file, path, faults);
}
