/* What admins write: the first byte says whether the rest is carrel.conf ('c'), an image.ini ('i'), a list of calendar times ('t')
 * or a pool file.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/conf.h"
#include "broker/common/settings.h"
#include "pools/calendar.h"
#include "pools/images.h"
#include "pools/pool-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *folder; /* scratch */

static void
remove_folder(void)
{
	static const char *const names[] = {"carrel.conf", "fuzz.pool", IMAGE_FILE, "disk.qcow2"};

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(folder, names[i], NULL);

		g_unlink(path);
	}
	g_rmdir(folder);
}

static char *
put_file(const char *name, const void *bytes, size_t size)
{
	char *path = g_build_filename(folder, name, NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		g_error("%s cannot be written", path);
	close(fd);
	return path;
}

/* Nothing that stands in a good file was passed over. */
static void
assert_all_read(const char *text, size_t size)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_auto(GStrv) groups = NULL;

	if (!g_key_file_load_from_data(keys, text, size, G_KEY_FILE_NONE, NULL))
		g_error("taken, and is no key file");
	groups = g_key_file_get_groups(keys, NULL);
	for (char **group = groups; *group != NULL; group++) {
		g_auto(GStrv) names = g_key_file_get_keys(keys, *group, NULL, NULL);

		for (char **name = names; name && *name; name++) {
			g_autofree char *value = g_key_file_get_string(keys, *group, *name, NULL);

			if (value == NULL)
				g_error("the value of %s/%s was ignored", *group, *name);
		}
	}
}

static void
assert_faults(GPtrArray *faults, const uint8_t *text, size_t size)
{
	int lines = 1, last = 0;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	if (faults->len == 0)
		g_error("refused without a fault");
	for (guint i = 0; i < faults->len; i++) {
		const SettingsFault *fault = faults->pdata[i];
		g_autofree char *sentence = settings_fault_to_string(fault);

		if (fault->line < last || fault->line > lines)
			g_error("line %d of %d: %s", fault->line, lines, sentence);
		last = fault->line;
		if (!g_utf8_validate(sentence, -1, NULL))
			g_error("a fault that cannot be printed");
	}
}

/* Until the year 2242, so that other days and other rules of the clock come by. */
static void
assert_calendar(const PoolFile *file, size_t size)
{
	gint64 now = (gint64)(size * G_GINT64_CONSTANT(7919) * 3607 % (G_GINT64_CONSTANT(1) << 33));
	const char *const *times = (const char *const *)file->reset_at;
	gint64 next = calendar_next(times, now), spare = calendar_spare((const char *const *)file->schedule, now, file->spare);

	if ((next == 0) != (*times == NULL) || (next != 0 && (next <= now || next > now + 9 * 86400)))
		g_error("%" G_GINT64_FORMAT " is followed by %" G_GINT64_FORMAT, now, next);
	if (spare < 0 || spare > file->max)
		g_error("%" G_GINT64_FORMAT " desktops kept ready", spare);
}

/* The same reading, of bytes that need not be in a pool file: a list's items, one a line. */
static void
try_calendar(const uint8_t *text, size_t size)
{
	g_autofree char *copy = g_strndup((const char *)text, size);
	g_auto(GStrv) items = g_strsplit(copy, "\n", 64);
	const char *const *list = (const char *const *)items;
	g_autofree char *why_moments = NULL, *why_windows = NULL;
	PoolFile file = {.reset_at = (char *[]){NULL}, .schedule = (char *[]){NULL}, .max = CALENDAR_NUMBER_MAX};

	if (calendar_check_moments(list, &why_moments))
		file.reset_at = items;
	if (calendar_check_windows(list, &why_windows))
		file.schedule = items;
	if ((why_moments == NULL) != (file.reset_at == items) || (why_windows == NULL) != (file.schedule == items))
		g_error("neither right nor a reason, or both");
	assert_calendar(&file, size);
}

static void
try_pool(const uint8_t *text, size_t size)
{
	g_autofree char *path = put_file("fuzz.pool", text, size);
	g_autoptr(GPtrArray) faults = NULL;
	g_autoptr(PoolFile) file = pool_file_read(path, &faults);
	static const char *const groups[] = {"staff", NULL};

	if ((file == NULL) == (faults == NULL))
		g_error("neither a pool nor a fault, or both");
	if (file == NULL) {
		assert_faults(faults, text, size);
		return;
	}
	assert_all_read((const char *)text, size);
	g_autofree char *warning = pool_file_warning(file), *hardware = pool_file_hardware(file);

	if (file->spare > file->max || file->cpus < 1 || !image_reference_is_valid(file->image) || *pool_kind_word(file->kind) == '\0')
		g_error("a pool that cannot be: %s", hardware);
	if (pool_file_entitles(file, "ada", groups) && warning)
		g_error("nobody may use it, and ada may");
	PoolPolicy ada = pool_file_policy(file, "ada", groups);

	if (ada.session_limit < 0 || ada.extend < 0 || (ada.idle_disconnect != 0 && ada.idle_disconnect < 10))
		g_error("a policy that cannot be");
	assert_calendar(file, size);
}

static void
try_conf(const uint8_t *text, size_t size)
{
	g_autofree char *path = put_file("carrel.conf", text, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(Conf) conf = conf_load(path, &error);

	if ((conf == NULL) == (error == NULL))
		g_error("neither a configuration nor an error, or both");
	if (conf == NULL)
		return;
	assert_all_read((const char *)text, size);
	if (!g_path_is_absolute(conf->state) || !g_path_is_absolute(conf->images) || conf->listen == NULL ||
		conf->admin_users == NULL || conf->session_idle < 60)
		g_error("a configuration that cannot be");
}

static void
try_image(const uint8_t *text, size_t size)
{
	g_free(put_file(IMAGE_FILE, text, size));
	g_autoptr(GError) error = NULL;
	g_autoptr(Image) image = image_read(folder, NULL, NULL, &error);

	if ((image == NULL) == (error == NULL))
		g_error("neither an image nor an error, or both");
	if (image == NULL)
		return;
	assert_all_read((const char *)text, size);
	g_autofree char *reference = image_reference(image), *parent = g_path_get_dirname(image->disk);

	if (strcmp(parent, folder) != 0 || !image_reference_is_valid(reference))
		g_error("the image %s has its disk in %s", reference, parent);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (folder == NULL) {
		folder = g_dir_make_tmp("fuzz-settings-XXXXXX", NULL);
		g_assert(folder != NULL);
		g_free(put_file("disk.qcow2", "", 0));
		atexit(remove_folder);
	}
	if (size == 0)
		return 0;
	if (data[0] == 'c')
		try_conf(data + 1, size - 1);
	else if (data[0] == 't')
		try_calendar(data + 1, size - 1);
	else if (data[0] == 'i')
		try_image(data + 1, size - 1);
	else
		try_pool(data + 1, size - 1);
	return 0;
}
