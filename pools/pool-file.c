/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/pool-file.h"

#include "broker/common/error.h"
#include "broker/common/settings.h"
#include "pools/calendar.h"
#include "pools/images.h"

#include <net/if.h>
#include <string.h>

#define AT(field) offsetof(PoolFile, field)
#define MIB	  (G_GINT64_CONSTANT(1) << 20)
#define TIB	  (G_GINT64_CONSTANT(1) << 40)
#define NAME_MAX_CHARS 32
#define GRACE	       "15min"
#define GRACE_S	       (15 * 60)
/* Screens tell of input every two seconds, and people read. */
#define IDLE_MIN_S 10

static const char *const kind_words[] = {"floating", "persistent", "lab", NULL};
static const char *const reset_words[] = {"never", "logout", "disconnect", "schedule", NULL};
static const char *const instant_words[] = {"auto", "no", NULL};
static const char *const accel_words[] = {"auto", "kvm", "tcg", NULL};
static const char *const os_words[] = {"linux", "windows", NULL};
static const char *const firmware_words[] = {"bios", "uefi", "uefi-secure", NULL};
static const char *const clipboard_words[] = {"both", "to-desktop", "from-desktop", "off", NULL};
static const char *const usb_words[] = {"off", "on", NULL};
static const char *const transfer_words[] = {"off", "both", "to-desktop", "from-desktop", NULL};
static const char *const mode_words[] = {"nat", "bridge", "vlan", "isolated", "none", NULL};

static gboolean
check_image(const void *field, char **why)
{
	const char *reference = *(char *const *)field;

	if (image_reference_is_valid(reference))
		return TRUE;
	*why = g_strdup_printf("“%s” is not an image: NAME or NAME@VERSION, as carrel image list shows them", reference);
	return FALSE;
}

static gboolean
check_reset_at(const void *field, char **why)
{
	return calendar_check_moments(*(const char *const *const *)field, why);
}

static gboolean
check_schedule(const void *field, char **why)
{
	return calendar_check_windows(*(const char *const *const *)field, why);
}

static gboolean
check_idle(const void *field, char **why)
{
	gint64 seconds = *(const gint64 *)field;

	if (seconds == 0 || seconds >= IDLE_MIN_S)
		return TRUE;
	*why = g_strdup_printf("is too short: at least %d s, or 0 for no limit", IDLE_MIN_S);
	return FALSE;
}

/* A word of the language that this version cannot carry out is refused, whatever its key: an admin must never believe
 * that a desktop is kept, isolated or reset when it is not. */
static gboolean
check_mode(const void *field, char **why)
{
	int mode = *(const int *)field;

	if (mode != POOL_NETWORK_VLAN && mode != POOL_NETWORK_ISOLATED)
		return TRUE;
	*why = g_strdup_printf("“%s” has no effect yet, so it is refused: use nat (desktops cannot reach each other there), "
			       "bridge or none",
		mode_words[mode]);
	return FALSE;
}

static gboolean
check_bridge(const void *field, char **why)
{
	const char *bridge = *(char *const *)field;

	if (strlen(bridge) < IF_NAMESIZE)
		return TRUE;
	*why = g_strdup_printf("“%s” is longer than the name of a bridge may be (%d characters)", bridge, IF_NAMESIZE - 1);
	return FALSE;
}

/* Users and groups are compared with what PAM and NSS call them; spaces and slashes in one are a slip of the pen. */
static gboolean
is_person_or_group(const char *item)
{
	const char *name = *item == '@' ? item + 1 : item;

	return *name != '\0' && strlen(name) <= 256 && strpbrk(name, " \t/:@") == NULL;
}

static gboolean
check_people(const void *field, char **why)
{
	for (char **item = *(char **const *)field; *item != NULL; item++) {
		if (!is_person_or_group(*item)) {
			*why = g_strdup_printf("“%s” is not a user, nor a group as @GROUP; commas stand between them", *item);
			return FALSE;
		}
	}
	return TRUE;
}

static const Setting table[] = {
	{"Pool", "Title", SETTING_STRING, AT(title)},
	{"Pool", "Image", SETTING_STRING, AT(image), .required = TRUE, .check = check_image},
	{"Pool", "Kind", SETTING_ENUM, AT(kind), "floating", .words = kind_words,
		.unsupported = "only floating desktops are made today"},
	{"Pool", "Spare", SETTING_INT, AT(spare), "1", 0, 1000},
	{"Pool", "Parked", SETTING_INT, AT(parked), "0", 0, 1000},
	{"Pool", "Instant", SETTING_ENUM, AT(instant), "auto", .words = instant_words},
	{"Pool", "Max", SETTING_INT, AT(max), "10", 1, 10000},
	{"Pool", "Queue", SETTING_INT, AT(queue), "0", 0, 10000, .unsupported = "nobody waits in a queue"},
	{"Pool", "Schedule", SETTING_LIST, AT(schedule), .check = check_schedule,
		.unsupported = "as many are kept ready at every hour"},
	{"Pool", "Reset", SETTING_ENUM, AT(reset), "logout", .words = reset_words},
	{"Pool", "ResetAt", SETTING_LIST, AT(reset_at), .check = check_reset_at},
	{"Pool", "Grace", SETTING_DURATION, AT(grace), GRACE, 10, 30 * 86400},
	{"Pool", "Snapshots", SETTING_INT, AT(snapshots), "0", 0, 16, .unsupported = "no snapshots are made"},
	{"Pool", "Home", SETTING_SIZE, AT(home), "0", 0, 16 * TIB, .unsupported = "there are no disks of people"},
	{"Desktop", "CPUs", SETTING_INT, AT(cpus), "2", 1, 64},
	{"Desktop", "Memory", SETTING_SIZE, AT(memory), "2G", 128 * MIB, TIB},
	{"Desktop", "Accel", SETTING_ENUM, AT(accel), "auto", .words = accel_words},
	{"Desktop", "Disk", SETTING_SIZE, AT(disk), "0", 0, 16 * TIB, .unsupported = "a disk is as large as its image"},
	{"Desktop", "ExtraDisk", SETTING_SIZE, AT(extra_disk), "0", 0, 16 * TIB, .unsupported = "a desktop has one disk"},
	{"Desktop", "Os", SETTING_ENUM, AT(os), "linux", .words = os_words, .unsupported = "desktops are made for Linux"},
	{"Desktop", "Sound", SETTING_BOOL, AT(sound), "yes", .unsupported = "every desktop has a sound card"},
	{"Desktop", "CPUShares", SETTING_INT, AT(cpu_shares), "0", 0, 262144, .unsupported = "all have the same share"},
	{"Desktop", "IOWeight", SETTING_INT, AT(io_weight), "0", 0, 10000, .unsupported = "all have the same share"},
	{"Desktop", "Xml", SETTING_STRING, AT(xml), .unsupported = "nothing can be added to a desktop's devices"},
	{"Desktop", "Firmware", SETTING_ENUM, AT(firmware), "bios", .words = firmware_words,
		.unsupported = "desktops start with BIOS, or straight into their kernel"},
	{"Desktop", "TPM", SETTING_BOOL, AT(tpm), "no", .unsupported = "a desktop has no TPM"},
	{"Desktop", "Monitors", SETTING_INT, AT(monitors), "1", 1, 16, .unsupported = "a desktop has one monitor"},
	{"Access", "Users", SETTING_LIST, AT(users), .check = check_people},
	{"Access", "Groups", SETTING_LIST, AT(groups), .check = check_people},
	{"Access", "Admins", SETTING_LIST, AT(admins), .check = check_people},
	{"Policy", "Clipboard", SETTING_ENUM, AT(clipboard), "both", .words = clipboard_words, .named = TRUE},
	{"Policy", "FileTransfer", SETTING_ENUM, AT(file_transfer), "off", .words = transfer_words,
		.unsupported = "files are not carried between client and desktop"},
	{"Policy", "Usb", SETTING_ENUM, AT(usb), "off", .words = usb_words,
		.unsupported = "USB devices are not carried to a desktop"},
	{"Policy", "IdleDisconnect", SETTING_DURATION, AT(idle_disconnect), "0", 0, 30 * 86400, .named = TRUE, .check = check_idle},
	{"Policy", "SessionLimit", SETTING_DURATION, AT(session_limit), "0", 0, 30 * 86400, .named = TRUE},
	{"Policy", "Extend", SETTING_DURATION, AT(extend), "0", 0, 30 * 86400, .named = TRUE},
	{"Network", "Mode", SETTING_ENUM, AT(mode), "nat", .words = mode_words, .check = check_mode},
	{"Network", "Bridge", SETTING_NAME, AT(bridge), .check = check_bridge},
	{"Network", "Vlan", SETTING_INT, AT(vlan), "0", 0, 4094, .unsupported = "desktops are in no VLAN"},
	{"Network", "Dhcp", SETTING_BOOL, AT(dhcp), "yes", .unsupported = "no network is isolated"},
	{"Network", "RateUp", SETTING_INT, AT(rate_up), "0", .unsupported = "no desktop's traffic is limited"},
	{"Network", "RateDown", SETTING_INT, AT(rate_down), "0", .unsupported = "no desktop's traffic is limited"},
	{NULL},
};

gboolean
pool_name_is_valid(const char *name)
{
	gsize length = strlen(name);

	if (length == 0 || length > NAME_MAX_CHARS || !(g_ascii_islower(*name) || g_ascii_isdigit(*name)))
		return FALSE;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* Where @key ("Group/Key") stands in @text; 0: nowhere. */
static int
line_of(const char *text, const char *key)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autofree char *group = g_strdup("");

	for (int i = 0; lines[i] != NULL; i++) {
		char *line = g_strstrip(lines[i]);
		char *end = strpbrk(line, "]=");

		if (end == NULL || *line == '#')
			continue;
		if (*line == '[' && *end == ']') {
			g_free(group);
			group = g_strndup(line + 1, (gsize)(end - line - 1));
			continue;
		}
		*end = '\0';
		g_autofree char *name = g_strdup_printf("%s/%s", group, g_strchomp(line));

		if (strcmp(name, key) == 0)
			return i + 1;
	}
	return 0;
}

static void
add_fault(GPtrArray **faults, const char *path, const char *key, const char *format, ...) G_GNUC_PRINTF(4, 5);

static void
add_fault(GPtrArray **faults, const char *path, const char *key, const char *format, ...)
{
	SettingsFault *fault = g_new0(SettingsFault, 1);
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	fault->text = g_strdup_vprintf(format, args);
	va_end(args);
	fault->file = g_strdup(path);
	fault->key = g_strdup(key);
	if (key && g_file_get_contents(path, &text, NULL, NULL))
		fault->line = line_of(text, key);
	if (*faults == NULL)
		*faults = g_ptr_array_new_with_free_func((GDestroyNotify)settings_fault_free);
	g_ptr_array_add(*faults, fault);
}

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

/* Desktops kept ready, and how many there may be. */
static void
check_numbers(const PoolFile *file, const char *path, GPtrArray **faults)
{
	gint64 most = is_sound(*faults, "Pool/Schedule") ? calendar_spare_max((const char *const *)file->schedule) : -1;

	if (file->spare <= file->max && file->spare + file->parked > file->max && is_sound(*faults, "Pool/Parked") &&
		is_sound(*faults, "Pool/Max"))
		add_fault(faults, path, "Pool/Parked",
			"%" G_GINT64_FORMAT " parked desktops beside Spare=%" G_GINT64_FORMAT " are more than Max=%" G_GINT64_FORMAT
			" allows in all",
			file->parked, file->spare, file->max);
	if (file->spare > file->max && is_sound(*faults, "Pool/Spare") && is_sound(*faults, "Pool/Max"))
		add_fault(faults, path, "Pool/Spare",
			"%" G_GINT64_FORMAT " desktops kept ready are more than Max=%" G_GINT64_FORMAT " allows in all",
			file->spare, file->max);
	if (most > file->max && is_sound(*faults, "Pool/Max"))
		add_fault(faults, path, "Pool/Schedule",
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

/* What a Reset= does not go by is refused, so that nobody believes that it does. */
static void
check_times(const PoolFile *file, const char *path, GPtrArray **faults)
{
	const char *reset = reset_words[file->reset];
	gboolean sound = is_sound(*faults, "Pool/Reset");

	if (sound && file->reset == POOL_RESET_SCHEDULE && file->reset_at[0] == NULL && is_sound(*faults, "Pool/ResetAt"))
		add_fault(faults, path, "Pool/Reset", "schedule needs times in ResetAt=");
	if (sound && file->reset != POOL_RESET_SCHEDULE && file->reset_at[0] != NULL)
		add_fault(faults, path, "Pool/ResetAt", "has no effect with Reset=%s: remove it, or set Reset=schedule", reset);
	if (sound && file->reset != POOL_RESET_DISCONNECT && file->grace != GRACE_S)
		add_fault(faults, path, "Pool/Grace", "has no effect with Reset=%s: remove it, or set Reset=disconnect", reset);
	if (file->extend > 0 && !limits_somebody(file) && is_sound(*faults, "Policy/SessionLimit"))
		add_fault(faults, path, "Policy/Extend", "has no effect without a limit: remove it, or set SessionLimit=");
}

/* What no single key can be blamed for. */
static void
check_together(const PoolFile *file, const char *path, GPtrArray **faults)
{
	gboolean sound = is_sound(*faults, "Network/Mode") && is_sound(*faults, "Network/Bridge");

	check_numbers(file, path, faults);
	check_times(file, path, faults);
	if (file->parked > 0 && file->instant == POOL_INSTANT_NO && is_sound(*faults, "Pool/Parked") && is_sound(*faults, "Pool/Instant"))
		add_fault(faults, path, "Pool/Parked",
			"desktops that boot cannot be parked: remove it, or set Instant=auto");
	if (sound && file->mode == POOL_NETWORK_BRIDGE && file->bridge == NULL)
		add_fault(faults, path, "Network/Mode", "bridge needs the name of a bridge of this host in Bridge=");
	if (sound && file->mode != POOL_NETWORK_BRIDGE && file->bridge != NULL)
		add_fault(faults, path, "Network/Bridge", "has no effect with Mode=%s: remove it, or set Mode=bridge",
			mode_words[file->mode]);
}

/* Nobody and no group has this name. */
static void
check_exceptions(const PoolFile *file, const char *path, GPtrArray **faults)
{
	for (guint i = 0; i < file->exceptions->len; i++) {
		const SettingsSection *exception = file->exceptions->pdata[i];

		if (is_person_or_group(exception->name))
			continue;
		add_fault(faults, path, NULL, "[Policy %s]: “%s” is not a user, nor a group as @GROUP", exception->name,
			exception->name);
		((SettingsFault *)(*faults)->pdata[(*faults)->len - 1])->line = exception->line;
	}
}

static int
compare_lines(gconstpointer a, gconstpointer b)
{
	return (*(SettingsFault *const *)a)->line - (*(SettingsFault *const *)b)->line;
}

static char *
name_of(const char *path)
{
	char *name = g_path_get_basename(path);

	if (g_str_has_suffix(name, POOL_FILE_SUFFIX))
		name[strlen(name) - strlen(POOL_FILE_SUFFIX)] = '\0';
	return name;
}

PoolFile *
pool_file_read(const char *path, GPtrArray **faults)
{
	g_autoptr(PoolFile) file = g_new0(PoolFile, 1);
	g_autofree char *base = g_path_get_basename(path);

	*faults = settings_read_sections(path, table, file, sizeof *file, &file->exceptions);
	file->name = name_of(path);
	if (!g_str_has_suffix(base, POOL_FILE_SUFFIX) || !pool_name_is_valid(file->name))
		add_fault(faults, path, NULL,
			"the file's name is not NAME" POOL_FILE_SUFFIX
			", where NAME is at most %d of a-z, 0-9 and -, and does not begin with -",
			NAME_MAX_CHARS);
	check_exceptions(file, path, faults);
	if (file->image != NULL || *faults == NULL)
		check_together(file, path, faults);
	if (*faults != NULL) {
		g_ptr_array_sort(*faults, compare_lines);
		return NULL;
	}
	if (file->title == NULL)
		file->title = g_strdup(file->name);
	return g_steal_pointer(&file);
}

void
pool_file_free(PoolFile *file)
{
	if (file == NULL)
		return;
	settings_clear(table, file);
	g_clear_pointer(&file->exceptions, g_ptr_array_unref);
	g_free(file->name);
	g_free(file);
}

static gboolean
list_names(char **list, const char *user, const char *const *groups, gboolean of_groups)
{
	for (char **item = list; *item != NULL; item++) {
		if (**item == '@' || of_groups) {
			const char *group = **item == '@' ? *item + 1 : *item;

			if (groups != NULL && g_strv_contains(groups, group))
				return TRUE;
		} else if (strcmp(*item, user) == 0) {
			return TRUE;
		}
	}
	return FALSE;
}

gboolean
pool_file_entitles(const PoolFile *file, const char *user, const char *const *groups)
{
	return list_names(file->users, user, groups, FALSE) || list_names(file->groups, user, groups, TRUE);
}

static PoolPolicy
policy_of(const PoolFile *file)
{
	return (PoolPolicy){file->clipboard, file->idle_disconnect, file->session_limit, file->extend};
}

PoolPolicy
pool_file_policy(const PoolFile *file, const char *user, const char *const *groups)
{
	const PoolFile *by_group = NULL;

	for (guint i = 0; file->exceptions && i < file->exceptions->len; i++) {
		const SettingsSection *exception = file->exceptions->pdata[i];
		const char *name = exception->name;

		if (*name != '@' && strcmp(name, user) == 0)
			return policy_of(exception->target);
		if (*name == '@' && by_group == NULL && groups && g_strv_contains(groups, name + 1))
			by_group = exception->target;
	}
	return policy_of(by_group ? by_group : file);
}

gboolean
pool_file_policy_asks_groups(const PoolFile *file)
{
	for (guint i = 0; file->exceptions && i < file->exceptions->len; i++) {
		if (*((const SettingsSection *)file->exceptions->pdata[i])->name == '@')
			return TRUE;
	}
	return FALSE;
}

char *
pool_file_warning(const PoolFile *file)
{
	if (file->users[0] == NULL && file->groups[0] == NULL)
		return g_strdup("[Access] Users= and Groups= are both empty: nobody may use this pool");
	return NULL;
}

const char *
pool_kind_word(int kind)
{
	return kind_words[kind];
}

char *
pool_file_hardware(const PoolFile *file)
{
	return g_strdup_printf("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s %s", file->image, file->cpus, file->memory,
		accel_words[file->accel], mode_words[file->mode], file->bridge ? file->bridge : "");
}
