/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/pool-file.h"

#include "broker/common/error.h"
#include "broker/common/settings.h"
#include "broker/common/usb-rules.h"
#include "pools/calendar.h"
#include "pools/images.h"
#include "pools/pool-file-private.h"
#include "pools/xml-fragment.h"

#include <net/if.h>
#include <string.h>

#define AT(field) offsetof(PoolFile, field)
#define MIB	  (G_GINT64_CONSTANT(1) << 20)
#define TIB	  (G_GINT64_CONSTANT(1) << 40)
#define HOME_MIN (64 * MIB)
#define NAME_MAX_CHARS 32
#define DROP_IN_SUFFIX ".conf"
#define DROP_INS_MAX   100
#define GRACE	       "15min" /* POOL_GRACE_S */
/* Screens tell of input every two seconds, and people read. */
#define IDLE_MIN_S 10
/* One message of the agent protocol and one of VNC's clipboard (AGENT_MESSAGE_MAX, RFB_CUT_TEXT_MAX). */
#define CLIPBOARD_MAX (16 * MIB)
#define CLIPBOARD_MAX_TEXT "16M"
#define WATERMARK_MAX 200
#define RATE_MIN 64000
#define RATE_MAX (G_GINT64_CONSTANT(100) * 1000 * 1000 * 1000)

static const char *const kind_words[] = {"floating", "persistent", "lab", NULL};
const char *const pool_reset_words[] = {"never", "logout", "disconnect", "schedule", NULL};
static const char *const instant_words[] = {"auto", "no", NULL};
static const char *const accel_words[] = {"auto", "kvm", "tcg", NULL};
static const char *const os_words[] = {"auto", "linux", "windows", NULL};
static const char *const firmware_words[] = {"bios", "uefi", "uefi-secure", NULL};
static const char *const record_words[] = {"off", "on", NULL};
static const char *const clipboard_words[] = {"both", "to-desktop", "from-desktop", "off", NULL};
static const char *const usb_words[] = {"off", "on", NULL};
/* What carries no files. A key that is a disk is a way out for data; what else may be one in disguise has to be asked for. */
#define USB_DEVICES "allow audio, allow video, allow hid, allow printer, allow smartcard"
static const char *const clipboard_type_words[] = {"text", "text image", NULL};
static const char *const shadow_words[] = {"off", "ask", "notify", NULL};
static const char *const transfer_words[] = {"off", "both", "to-desktop", "from-desktop", NULL};
const char *const pool_mode_words[] = {"nat", "bridge", "vlan", "isolated", "none", NULL};

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
check_home(const void *field, char **why)
{
	gint64 bytes = *(const gint64 *)field;

	if (bytes == 0 || bytes >= HOME_MIN)
		return TRUE;
	*why = g_strdup("is too small for a file system: 64M at least, or 0 for none");
	return FALSE;
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

/* What display/watermark.c knows. */
static gboolean
check_watermark(const void *field, char **why)
{
	const char *form = *(char *const *)field;

	if (strlen(form) > WATERMARK_MAX) {
		*why = g_strdup_printf("has at most %d bytes", WATERMARK_MAX);
		return FALSE;
	}
	for (const char *p = strchr(form, '%'); p != NULL; p = strchr(p + 2, '%')) {
		if (p[1] != '\0' && strchr("udatp%", p[1]) != NULL)
			continue;
		*why = g_strdup_printf("“%.2s” stands for nothing: %%u is the user, %%a the addresses, %%d the date, %%t the time, %%p the "
				       "desktop and %%%% a percent sign",
			p);
		return FALSE;
	}
	return TRUE;
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

/* Bits were meant, not megabits, or the unit was forgotten. */
static gboolean
check_rate(const void *field, char **why)
{
	gint64 rate = *(const gint64 *)field;

	if (rate == 0 || rate >= RATE_MIN)
		return TRUE;
	*why = g_strdup_printf("%" G_GINT64_FORMAT " bits a second are too few to work with: 64k or more, 10M for ten megabits, or 0 for no "
			       "limit",
		rate);
	return FALSE;
}

static gboolean
check_disk(const void *field, char **why)
{
	gint64 size = *(const gint64 *)field;

	if (size == 0 || size >= MIB)
		return TRUE;
	*why = g_strdup("a disk has at least 1M; 0 stands for none of its own");
	return FALSE;
}

/* The ranges that both versions of the kernel's control groups have. */
static gboolean
check_shares(const void *field, char **why)
{
	gint64 shares = *(const gint64 *)field;

	if (shares != 1)
		return TRUE;
	*why = g_strdup("it is 2 to 10000, or 0 for what every process of the host has");
	return FALSE;
}

static gboolean
check_weight(const void *field, char **why)
{
	gint64 weight = *(const gint64 *)field;

	if (weight == 0 || weight >= 10)
		return TRUE;
	*why = g_strdup("it is 10 to 1000, or 0 for what every process of the host has");
	return FALSE;
}

static gboolean
check_xml(const void *field, char **why)
{
	return xml_fragment_is_whole(*(char *const *)field, why);
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

static gboolean
check_usb_devices(const void *field, char **why)
{
	g_autoptr(UsbRules) rules = usb_rules_new(*(const char *const *const *)field, why);

	return rules != NULL;
}

static const Setting table[] = {
	{"Pool", "Title", SETTING_STRING, AT(title)},
	{"Pool", "Image", SETTING_STRING, AT(image), .required = TRUE, .check = check_image},
	{"Pool", "Kind", SETTING_ENUM, AT(kind), "floating", .words = kind_words},
	{"Pool", "Spare", SETTING_INT, AT(spare), "1", 0, 1000},
	{"Pool", "Parked", SETTING_INT, AT(parked), "0", 0, 1000},
	{"Pool", "Instant", SETTING_ENUM, AT(instant), "auto", .words = instant_words},
	{"Pool", "Max", SETTING_INT, AT(max), "10", 1, 10000},
	{"Pool", "Queue", SETTING_INT, AT(queue), "100", 0, 10000},
	{"Pool", "Schedule", SETTING_LIST, AT(schedule), .check = check_schedule},
	{"Pool", "Reset", SETTING_ENUM, AT(reset), "logout", .words = pool_reset_words},
	{"Pool", "ResetAt", SETTING_LIST, AT(reset_at), .check = check_reset_at},
	{"Pool", "Grace", SETTING_DURATION, AT(grace), GRACE, 10, 30 * 86400},
	{"Pool", "Snapshots", SETTING_INT, AT(snapshots), "0", 0, 16},
	{"Pool", "Home", SETTING_SIZE, AT(home), "0", 0, 16 * TIB, .check = check_home},
	{"Desktop", "CPUs", SETTING_INT, AT(cpus), "2", 1, 64},
	{"Desktop", "Memory", SETTING_SIZE, AT(memory), "2G", 128 * MIB, TIB},
	{"Desktop", "Accel", SETTING_ENUM, AT(accel), "auto", .words = accel_words},
	{"Desktop", "Disk", SETTING_SIZE, AT(disk), "0", 0, 16 * TIB, .check = check_disk},
	{"Desktop", "ExtraDisk", SETTING_SIZE, AT(extra_disk), "0", 0, 16 * TIB, .check = check_disk},
	{"Desktop", "Os", SETTING_ENUM, AT(os), "auto", .words = os_words},
	{"Desktop", "Sound", SETTING_BOOL, AT(sound), "yes"},
	{"Desktop", "CPUShares", SETTING_INT, AT(cpu_shares), "0", 0, 10000, .check = check_shares},
	{"Desktop", "IOWeight", SETTING_INT, AT(io_weight), "0", 0, 1000, .check = check_weight},
	{"Desktop", "Xml", SETTING_STRING, AT(xml), .check = check_xml},
	{"Desktop", "Firmware", SETTING_ENUM, AT(firmware), "bios", .words = firmware_words},
	{"Desktop", "TPM", SETTING_BOOL, AT(tpm), "no"},
	{"Desktop", "Monitors", SETTING_INT, AT(monitors), "1", 1, 4},
	{"Desktop", "UsbSlots", SETTING_INT, AT(usb_slots), "2", 1, 4},
	{"Access", "Users", SETTING_LIST, AT(users), .check = check_people},
	{"Access", "Groups", SETTING_LIST, AT(groups), .check = check_people},
	{"Access", "Admins", SETTING_LIST, AT(admins), .check = check_people},
	{"Policy", "Clipboard", SETTING_ENUM, AT(clipboard), "both", .words = clipboard_words, .named = TRUE},
	{"Policy", "ClipboardTypes", SETTING_ENUM, AT(clipboard_types), "text", .words = clipboard_type_words, .named = TRUE},
	{"Policy", "ClipboardMax", SETTING_SIZE, AT(clipboard_max), CLIPBOARD_MAX_TEXT, 1, CLIPBOARD_MAX, .named = TRUE},
	{"Policy", "Shadow", SETTING_ENUM, AT(shadow), "ask", .words = shadow_words, .named = TRUE},
	{"Policy", "Watermark", SETTING_STRING, AT(watermark), "off", .check = check_watermark},
	{"Policy", "FileTransfer", SETTING_ENUM, AT(file_transfer), "off", .words = transfer_words, .named = TRUE},
	{"Policy", "FileTransferMax", SETTING_SIZE, AT(file_max), "1G", 0, 16 * TIB, .named = TRUE},
	{"Policy", "Usb", SETTING_ENUM, AT(usb), "off", .words = usb_words, .named = TRUE},
	{"Policy", "UsbDevices", SETTING_LIST, AT(usb_devices), USB_DEVICES, .check = check_usb_devices},
	{"Policy", "Microphone", SETTING_BOOL, AT(microphone), "no", .named = TRUE},
	{"Policy", "IdleDisconnect", SETTING_DURATION, AT(idle_disconnect), "0", 0, 30 * 86400, .named = TRUE, .check = check_idle},
	{"Policy", "SessionLimit", SETTING_DURATION, AT(session_limit), "0", 0, 30 * 86400, .named = TRUE},
	{"Policy", "Extend", SETTING_DURATION, AT(extend), "0", 0, 30 * 86400, .named = TRUE},
	{"Policy", "Record", SETTING_ENUM, AT(record), "off", .words = record_words, .named = TRUE},
	{"Policy", "RecordInput", SETTING_BOOL, AT(record_input), "no", .named = TRUE},
	{"Policy", "RecordRequired", SETTING_BOOL, AT(record_required), "no", .named = TRUE},
	{"Policy", "RecordKeep", SETTING_DURATION, AT(record_keep), "30d", 0, 3650 * G_GINT64_CONSTANT(86400)},
	{"Policy", "RecordMax", SETTING_SIZE, AT(record_max), "0", 0, 1024 * TIB},
	{"Network", "Mode", SETTING_ENUM, AT(mode), "nat", .words = pool_mode_words},
	{"Network", "Bridge", SETTING_NAME, AT(bridge), .check = check_bridge},
	{"Network", "Vlan", SETTING_INT, AT(vlan), "0", 0, 4094},
	{"Network", "Dhcp", SETTING_BOOL, AT(dhcp), "yes"},
	{"Network", "Ipv6", SETTING_BOOL, AT(ipv6), "no"},
	{"Network", "RateUp", SETTING_RATE, AT(rate_up), "0", 0, RATE_MAX, .check = check_rate},
	{"Network", "RateDown", SETTING_RATE, AT(rate_down), "0", 0, RATE_MAX, .check = check_rate},
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

static int
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **
pool_file_paths(const char *path)
{
	g_autofree char *folder = g_strconcat(path, ".d", NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	GPtrArray *paths = g_ptr_array_new();
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL && paths->len < DROP_INS_MAX) {
		if (g_str_has_suffix(name, DROP_IN_SUFFIX) && *name != '.')
			g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
	}
	g_ptr_array_sort(paths, compare_names);
	g_ptr_array_insert(paths, 0, g_strdup(path));
	g_ptr_array_add(paths, NULL);
	return (char **)g_ptr_array_free(paths, FALSE);
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

void
pool_file_add_fault(GPtrArray **faults, const char *path, const char *key, const char *format, ...)
{
	SettingsFault *fault = g_new0(SettingsFault, 1);
	g_auto(GStrv) files = pool_file_paths(path);
	va_list args;

	va_start(args, format);
	fault->text = g_strdup_vprintf(format, args);
	va_end(args);
	fault->key = g_strdup(key);
	/* The last file that has the key is the one that counts. */
	for (guint i = g_strv_length(files); key && fault->line == 0 && i-- > 0;) {
		g_autofree char *text = NULL;

		if (!g_file_get_contents(files[i], &text, NULL, NULL) || (fault->line = line_of(text, key)) == 0)
			continue;
		fault->file = g_strdup(files[i]);
	}
	if (fault->file == NULL)
		fault->file = g_strdup(path);
	if (*faults == NULL)
		*faults = g_ptr_array_new_with_free_func((GDestroyNotify)settings_fault_free);
	g_ptr_array_add(*faults, fault);
}

/* Nobody and no group has this name. */
static void
check_exceptions(const PoolFile *file, const char *path, GPtrArray **faults)
{
	for (guint i = 0; i < file->exceptions->len; i++) {
		const SettingsSection *exception = file->exceptions->pdata[i];

		if (is_person_or_group(exception->name))
			continue;
		pool_file_add_fault(faults, exception->file, NULL, "[Policy %s]: “%s” is not a user, nor a group as @GROUP", exception->name,
			exception->name);
		((SettingsFault *)(*faults)->pdata[(*faults)->len - 1])->line = exception->line;
	}
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
	g_auto(GStrv) paths = pool_file_paths(path);

	*faults = settings_read_sections((const char *const *)paths, table, file, sizeof *file, &file->exceptions);
	file->name = name_of(path);
	if (!g_str_has_suffix(base, POOL_FILE_SUFFIX) || !pool_name_is_valid(file->name))
		pool_file_add_fault(faults, path, NULL,
			"the file's name is not NAME" POOL_FILE_SUFFIX
			", where NAME is at most %d of a-z, 0-9 and -, and does not begin with -",
			NAME_MAX_CHARS);
	check_exceptions(file, path, faults);
	if (file->image != NULL || *faults == NULL)
		pool_file_check(file, path, faults);
	if (*faults != NULL) {
		settings_sort_faults(*faults);
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

gboolean
pool_file_has_admin(const PoolFile *file, const char *user, const char *const *groups)
{
	return file->admins && list_names(file->admins, user, groups, FALSE);
}

static PoolPolicy
policy_of(const PoolFile *file)
{
	return (PoolPolicy){
		.clipboard = file->clipboard,
		.clipboard_types = file->clipboard_types,
		.clipboard_max = file->clipboard_max,
		.file_transfer = file->file_transfer,
		.file_max = file->file_max,
		.idle_disconnect = file->idle_disconnect,
		.session_limit = file->session_limit,
		.extend = file->extend,
		.usb = file->usb,
		.shadow = file->shadow,
		.record = file->record,
		.record_input = file->record_input,
		.record_required = file->record_required,
		.microphone = file->microphone,
	};
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

guint
pool_file_usb_slots(const PoolFile *file)
{
	gboolean wanted = file->usb;

	for (guint i = 0; file->exceptions && i < file->exceptions->len; i++)
		wanted |= ((const PoolFile *)((const SettingsSection *)file->exceptions->pdata[i])->target)->usb;
	return wanted ? (guint)file->usb_slots : 0;
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

static void
add_values(GPtrArray *lines, const char *section, const PoolFile *file, gboolean named)
{
	for (const Setting *setting = table; setting->group != NULL; setting++) {
		g_autofree char *value = NULL;

		if (named && !setting->named)
			continue;
		value = settings_value_text(setting, file);
		g_ptr_array_add(lines, section ? g_strdup_printf("[%s %s] %s=%s", setting->group, section, setting->key, value)
					       : g_strdup_printf("%s=%s", setting->key, value));
	}
}

char **
pool_file_values(const PoolFile *file)
{
	GPtrArray *lines = g_ptr_array_new();

	add_values(lines, NULL, file, FALSE);
	for (guint i = 0; file->exceptions && i < file->exceptions->len; i++) {
		const SettingsSection *exception = file->exceptions->pdata[i];

		add_values(lines, exception->name, exception->target, TRUE);
	}
	g_ptr_array_add(lines, NULL);
	return (char **)g_ptr_array_free(lines, FALSE);
}

static const char *
value_of(char *const *lines, const char *line)
{
	gsize length = (gsize)(strchr(line, '=') - line) + 1;

	for (; *lines != NULL; lines++) {
		if (strncmp(*lines, line, length) == 0)
			return *lines + length;
	}
	return NULL;
}

static void
add_difference(GString *text, const char *line, const char *from, const char *to)
{
	g_string_append_printf(text, "%s%.*s %s → %s", text->len > 0 ? ", " : "", (int)(strchr(line, '=') - line), line,
		from && *from ? from : "(none)", to && *to ? to : "(none)");
}

char *
pool_file_differences(const PoolFile *from, const PoolFile *to)
{
	g_auto(GStrv) before = pool_file_values(from), after = pool_file_values(to);
	GString *text = g_string_new(NULL);

	for (char **line = after; *line != NULL; line++) {
		const char *old = value_of(before, *line), *new = strchr(*line, '=') + 1;

		if (g_strcmp0(old, new) != 0)
			add_difference(text, *line, old, new);
	}
	for (char **line = before; *line != NULL; line++) {
		if (value_of(after, *line) == NULL)
			add_difference(text, *line, strchr(*line, '=') + 1, NULL);
	}
	return g_string_free(text, FALSE);
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
	g_autofree char *network = g_strdup_printf("%s %s %" G_GINT64_FORMAT " %d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "%s", pool_mode_words[file->mode],
		file->bridge ? file->bridge : "", file->vlan, file->dhcp, file->rate_up, file->rate_down, file->ipv6 ? " ipv6" : "");

	g_autofree char *usb = pool_file_usb_slots(file) > 0 ? g_strdup_printf(" usb %u", pool_file_usb_slots(file)) : g_strdup("");

	return g_strdup_printf("%s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
			       " %s %s %d %d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s%s%s",
		file->image, file->kind == POOL_PERSISTENT ? "persistent" : "", file->cpus, file->memory, accel_words[file->accel], network,
		file->disk, file->extra_disk, os_words[file->os], firmware_words[file->firmware], file->tpm, file->sound, file->monitors,
		file->cpu_shares, file->io_weight, file->xml ? file->xml : "", file->home > 0 ? " home" : "", usb);
}
