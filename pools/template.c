/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/template.h"

#include "broker/common/error.h"
#include "broker/common/settings.h"
#include "pools/host.h"
#include "pools/qemu-user.h"
#include "pools/qmp.h"
#include "pools/xml-select.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTED_MAX 1000

/* What is noted of a file when it is whole, "BYTES CHANGED", CHANGED in nanoseconds: a look at each before a clone is made of them is
 * cheap, and tells all but a file that somebody forged. */
typedef struct {
	char *image, *created;
	char *memory, *state, *disk, *extra;
	char *golden, *golden_path;
} TemplateFile;

#define AT(field) offsetof(TemplateFile, field)
static const Setting table[] = {
	{"Template", "Image", SETTING_STRING, AT(image), .required = TRUE},
	{"Template", "Created", SETTING_STRING, AT(created), .required = TRUE},
	{"Template", "Memory", SETTING_STRING, AT(memory), .required = TRUE},
	{"Template", "State", SETTING_STRING, AT(state), .required = TRUE},
	{"Template", "Disk", SETTING_STRING, AT(disk), .required = TRUE},
	{"Template", "ExtraDisk", SETTING_STRING, AT(extra)},
	{"Template", "Golden", SETTING_STRING, AT(golden), .required = TRUE},
	{"Template", "GoldenDisk", SETTING_STRING, AT(golden_path), .required = TRUE},
	{NULL},
};

#define FROZEN_MODE 0440 /* what qemu_user_let leaves: its owner, and QEMU's user within the mask */

static char *
file_path(const VmPlace *place, const char *key, const char *name)
{
	return g_build_filename(place->templates, key, name, NULL);
}

char *
template_memory_path(const VmPlace *place, const char *key)
{
	return file_path(place, key, "memory");
}

char *
template_state_path(const VmPlace *place, const char *key)
{
	return file_path(place, key, "state");
}

char *
template_disk_path(const VmPlace *place, const char *key)
{
	g_autofree char *id = g_strconcat(TEMPLATE_PREFIX, key, NULL);

	return vm_overlay_path(place, id, FALSE);
}

char *
template_extra_path(const VmPlace *place, const char *key)
{
	g_autofree char *id = g_strconcat(TEMPLATE_PREFIX, key, NULL);

	return vm_volume_path(place, id, VM_EXTRA_SUFFIX, FALSE);
}

/* NULL: it is not there. */
static char *
describe_file(const char *path)
{
	struct stat file;

	if (stat(path, &file) < 0 || !S_ISREG(file.st_mode))
		return NULL;
	return g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT, (gint64)file.st_size,
		(gint64)file.st_mtim.tv_sec * 1000000000 + file.st_mtim.tv_nsec);
}

/* NULL: nothing. */
static char *
damage_of(const char *what, const char *path, const char *noted, gboolean *changed)
{
	g_autofree char *now = describe_file(path);

	if (now == NULL)
		return g_strdup_printf("its %s is missing: %s", what, path);
	if (strcmp(now, noted) == 0)
		return NULL;
	*changed = TRUE;
	return g_strdup_printf("its %s was changed after it was frozen: %s", what, path);
}

/* Of what only QEMU reads. */
static char *
damage_of_own(const char *what, const char *path, const char *noted, gboolean *changed)
{
	char *damage = damage_of(what, path, noted, changed);
	struct stat file;

	if (damage == NULL && stat(path, &file) == 0 && (file.st_mode & 0777) != FROZEN_MODE)
		damage = g_strdup_printf("who may read its %s was changed: %s", what, path);
	return damage;
}

static char *
find_damage(const VmPlace *place, const char *key, const TemplateFile *file, gboolean *changed)
{
	g_autofree char *memory = template_memory_path(place, key), *state = template_state_path(place, key);
	g_autofree char *disk = template_disk_path(place, key), *extra = template_extra_path(place, key);
	gboolean state_changed;
	char *damage = damage_of_own("memory", memory, file->memory, changed);

	if (damage == NULL)
		damage = damage_of("disk", disk, file->disk, changed);
	if (damage == NULL && file->extra)
		damage = damage_of("second disk", extra, file->extra, changed);
	/* One that is missing is said of the pool, which makes no desktops without it. */
	if (damage == NULL && g_file_test(file->golden_path, G_FILE_TEST_EXISTS))
		damage = damage_of("image's disk", file->golden_path, file->golden, changed);
	/* Clones have read it to its end. */
	return damage ? damage : damage_of_own("state", state, file->state, &state_changed);
}

char *
template_damage(const VmPlace *place, const char *key, gboolean *under_clones)
{
	g_autofree char *ini = file_path(place, key, "template.ini");
	TemplateFile file = {0};
	GPtrArray *faults;
	char *damage;

	*under_clones = FALSE;
	faults = settings_read(ini, table, &file);
	damage = faults ? g_strdup_printf("%s says nothing that is understood", ini) : find_damage(place, key, &file, under_clones);
	g_clear_pointer(&faults, g_ptr_array_unref);
	settings_clear(table, &file);
	return damage;
}

gboolean
template_was_frozen(const VmPlace *place, const char *key)
{
	g_autofree char *ini = file_path(place, key, "template.ini");

	return g_file_test(ini, G_FILE_TEST_EXISTS);
}

GPtrArray *
template_list(const VmPlace *place)
{
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(place->templates, 0, NULL);
	const char *name;

	while (dir && keys->len < LISTED_MAX && (name = g_dir_read_name(dir)) != NULL)
		g_ptr_array_add(keys, g_strdup(name));
	return keys;
}

static gboolean
system_error(GError **error, const char *path)
{
	int why = errno;

	g_set_error(error, CARREL_ERROR, why == ENOSPC || why == EDQUOT ? CARREL_ERROR_EXHAUSTED : CARREL_ERROR_FAILED, "%s: %s", path,
		g_strerror(why));
	return FALSE;
}

static gboolean
make_file(const char *path, gint64 size, uid_t qemu, GError **error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	gboolean made = fd >= 0 && ftruncate(fd, size) == 0;

	if (!made)
		system_error(error, path);
	if (fd >= 0)
		close(fd);
	return made && qemu_user_let(path, qemu, TRUE, error);
}

static void
remove_files(const VmPlace *place, const char *key)
{
	static const char *const names[] = {"template.ini", "memory", "state"}; /* the word that it is whole goes first */
	g_autofree char *folder = g_build_filename(place->templates, key, NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = file_path(place, key, names[i]);

		g_unlink(path);
	}
	g_rmdir(folder);
}

static gboolean
make_files(virConnectPtr connection, const VmPlace *place, const char *key, gint64 memory, GError **error)
{
	g_autofree char *folder = g_build_filename(place->templates, key, NULL);
	g_autofree char *memory_path = template_memory_path(place, key), *state_path = template_state_path(place, key);
	uid_t qemu;

	if (!qemu_user_find(connection, &qemu)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"libvirt does not say as whom QEMU runs (its DAC security driver is off), so no file can be given to it");
		return FALSE;
	}
	remove_files(place, key);
	/* QEMU walks through; nobody lists. */
	if (g_mkdir_with_parents(folder, 0711) < 0 || g_chmod(folder, 0711) < 0)
		return system_error(error, folder);
	return make_file(memory_path, memory, qemu, error) && make_file(state_path, 0, qemu, error);
}

gboolean
template_boot(virConnectPtr connection, const VmPlace *place, const DomainSpec *spec, const char *key, GError **error)
{
	if (make_files(connection, place, key, (gint64)spec->memory, error) && vm_create(connection, place, spec, error))
		return TRUE;
	if (host_is_wanted(NULL)) /* else they may be another one's by now */
		remove_files(place, key);
	return FALSE;
}

/* To the disk, and for reading only from now on. */
static gboolean
settle(const char *path, uid_t qemu, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	gboolean done = fd >= 0 && fsync(fd) == 0;

	if (!done)
		system_error(error, path);
	if (fd >= 0)
		close(fd);
	return done && qemu_user_let(path, qemu, FALSE, error);
}

static void
note_file(GString *text, const char *name, const char *path)
{
	g_autofree char *file = describe_file(path);

	if (file)
		g_string_append_printf(text, "%s=%s\n", name, file);
}

static gboolean
make_whole(const VmPlace *place, const char *key, const char *image, const char *golden, uid_t qemu, GError **error)
{
	g_autofree char *memory = template_memory_path(place, key), *state = template_state_path(place, key);
	g_autofree char *disk = template_disk_path(place, key), *extra = template_extra_path(place, key);
	g_autofree char *ini = file_path(place, key, "template.ini");
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *created = g_date_time_format_iso8601(now);
	g_autoptr(GString) text = g_string_new(NULL);

	if (!settle(memory, qemu, error) || !settle(state, qemu, error))
		return FALSE;
	g_string_printf(text, "[Template]\nImage=%s\nCreated=%s\nGoldenDisk=%s\n", image, created, golden);
	note_file(text, "Memory", memory);
	note_file(text, "State", state);
	note_file(text, "Disk", disk);
	note_file(text, "ExtraDisk", extra);
	note_file(text, "Golden", golden);
	return g_file_set_contents_full(ini, text->str, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644, error);
}

static gboolean
freeze_domain(virDomainPtr domain, const char *state, GError **error)
{
	if (virDomainSuspend(domain) < 0) {
		host_set_error(error, "stopping it");
		return FALSE;
	}
	return qmp_ignore_shared(domain, error) && qmp_write_state(domain, state, error);
}

gboolean
template_freeze(virConnectPtr connection, const VmPlace *place, const char *key, const char *uuid, const char *image, const char *golden,
	GError **error)
{
	g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, uuid);
	g_autofree char *state = template_state_path(place, key);
	uid_t qemu;

	if (domain == NULL) {
		host_set_error(error, "its VM");
		return FALSE;
	}
	if (!qemu_user_find(connection, &qemu)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "libvirt does not say as whom QEMU runs");
		return FALSE;
	}
	return freeze_domain(domain, state, error) && host_is_wanted(error) && vm_end(domain, error) && host_is_wanted(error) &&
	       make_whole(place, key, image, golden, qemu, error);
}

static gboolean
is_used(const VmList *list, const char *key)
{
	for (guint i = 0; i < list->domains->len; i++) {
		if (g_strcmp0(((VmDomain *)list->domains->pdata[i])->template, key) == 0)
			return TRUE;
	}
	return FALSE;
}

gboolean
template_remove(virConnectPtr connection, const VmPlace *place, const char *key, const char *uuid, GError **error)
{
	g_autofree char *id = g_strconcat(TEMPLATE_PREFIX, key, NULL);
	g_autoptr(VmList) list = vm_list(connection, place, FALSE, error);

	if (list == NULL)
		return FALSE;
	if (is_used(list, key)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "desktops that were cloned from it are there");
		return FALSE;
	}
	if (!host_is_wanted(error))
		return FALSE;
	remove_files(place, key);
	return vm_destroy(connection, place, id, uuid, FALSE, error);
}
