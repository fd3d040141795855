/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/recordings.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/recording.h"
#include "display/retention.h"

#define TIME_FORMAT "%Y%m%dT%H%M%SZ"
/* "20261130T200000Z.0123456789abcdef" */
#define NAME_SIZE 33
#define POOL_MAX 32

struct Recordings {
	char *folder;
	GHashTable *written; /* ids */
};

Recordings *
recordings_new(const char *folder)
{
	Recordings *recordings = g_new0(Recordings, 1);

	recordings->folder = g_strdup(folder);
	recordings->written = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return recordings;
}

void
recordings_free(Recordings *recordings)
{
	if (recordings == NULL)
		return;
	g_hash_table_unref(recordings->written);
	g_free(recordings->folder);
	g_free(recordings);
}

/* As pools/pool-file.h has it, which this program does not link. */
static gboolean
is_pool(const char *name)
{
	gsize size = strlen(name);

	return size > 0 && size <= POOL_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

/* TIME.RANDOM */
static gboolean
is_name(const char *name, gsize size)
{
	return size == NAME_SIZE && name[16] == '.' && strspn(name, "0123456789TZ") == 16 &&
	        strspn(name + 17, "0123456789abcdef") >= NAME_SIZE - 17;
}

/* NULL: @id is no name. */
static char *
path_of(const Recordings *recordings, const char *id)
{
	const char *dot = strchr(id, '.');
	g_autofree char *pool = dot ? g_strndup(id, (gsize)(dot - id)) : NULL, *file = NULL;

	if (pool == NULL || !is_pool(pool) || !is_name(dot + 1, strlen(dot + 1)))
		return NULL;
	file = g_strconcat(dot + 1, RECORDING_SUFFIX, NULL);
	return g_build_filename(recordings->folder, pool, file, NULL);
}

static char *
path_or_error(const Recordings *recordings, const char *id, GError **error)
{
	char *path = path_of(recordings, id);

	if (path == NULL)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no recording “%.80s”", id);
	return path;
}

int
recordings_create(Recordings *recordings, const char *pool, char **id, GError **error)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *time = g_date_time_format(now, TIME_FORMAT), *name = NULL, *path = NULL, *folder = NULL;
	int fd;

	if (!is_pool(pool)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "“pool” names no pool");
		return -1;
	}
	name = g_strdup_printf("%s.%s.%08x%08x", pool, time, g_random_int(), g_random_int());
	path = path_of(recordings, name);
	folder = g_path_get_dirname(path);
	fd = g_mkdir_with_parents(folder, 0700) < 0 ? -1
	                                            : open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot make the recording %s: %s", path, g_strerror(errno));
		return -1;
	}
	g_hash_table_add(recordings->written, g_strdup(name));
	*id = g_steal_pointer(&name);
	return fd;
}

int
recordings_open(Recordings *recordings, const char *id, GError **error)
{
	g_autofree char *path = path_or_error(recordings, id, error);
	int fd;

	if (path == NULL)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		g_set_error(error, CARREL_ERROR, errno == ENOENT ? CARREL_ERROR_NOT_FOUND : CARREL_ERROR_FAILED,
		        "the recording %s cannot be opened: %s", id, g_strerror(errno));
	return fd;
}

char *
recordings_done(Recordings *recordings, const char *id)
{
	int fd = recordings_open(recordings, id, NULL);
	g_autoptr(RecordingFacts) facts = fd >= 0 ? recording_facts(fd, FALSE, NULL) : NULL;
	guint8 hash[RECORDING_HASH_SIZE];
	GString *hex = NULL;

	g_hash_table_remove(recordings->written, id);
	if (facts && facts->complete &&
	        pread(fd, hash, sizeof hash, (off_t)(facts->size - RECORDING_FOOT_SIZE - sizeof hash)) == sizeof hash) {
		hex = g_string_new(NULL);
		for (gsize i = 0; i < sizeof hash; i++)
			g_string_append_printf(hex, "%02x", hash[i]);
	}
	if (fd >= 0)
		close(fd);
	return hex ? g_string_free(hex, FALSE) : NULL;
}

gboolean
recordings_remove(Recordings *recordings, const char *id, GError **error)
{
	g_autofree char *path = path_or_error(recordings, id, error);

	if (path == NULL)
		return FALSE;
	if (g_hash_table_contains(recordings->written, id)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the recording %s is being written", id);
		return FALSE;
	}
	if (unlink(path) == 0)
		return TRUE;
	g_set_error(error, CARREL_ERROR, errno == ENOENT ? CARREL_ERROR_NOT_FOUND : CARREL_ERROR_FAILED,
	        "the recording %s cannot be removed: %s", id, g_strerror(errno));
	return FALSE;
}

/* Names of the recordings of one pool. */
static void
add_names(const Recordings *recordings, const char *pool, GPtrArray *names)
{
	g_autofree char *folder = g_build_filename(recordings->folder, pool, NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *file;

	while (dir && (file = g_dir_read_name(dir)) != NULL) {
		gsize size = strlen(file);

		if (g_str_has_suffix(file, RECORDING_SUFFIX) && is_name(file, size - strlen(RECORDING_SUFFIX)))
			g_ptr_array_add(names, g_strdup_printf("%s.%.*s", pool, NAME_SIZE, file));
	}
}

static int
compare_newest(gconstpointer a, gconstpointer b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	int by_time = strcmp(strchr(y, '.'), strchr(x, '.'));

	return by_time ? by_time : strcmp(x, y);
}

static GPtrArray *
names_of(const Recordings *recordings, const char *const *pools)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = pools ? NULL : g_dir_open(recordings->folder, 0, NULL);
	const char *pool;

	while (dir && (pool = g_dir_read_name(dir)) != NULL) {
		if (is_pool(pool))
			add_names(recordings, pool, names);
	}
	for (; pools && *pools; pools++) {
		if (is_pool(*pools))
			add_names(recordings, *pools, names);
	}
	g_ptr_array_sort(names, compare_newest);
	return names;
}

/* NULL: it is none, or another person's. */
static GVariant *
describe(Recordings *recordings, const char *id, const char *user)
{
	int fd = recordings_open(recordings, id, NULL);
	g_autoptr(RecordingFacts) facts = fd >= 0 ? recording_facts(fd, FALSE, NULL) : NULL;
	struct stat status = {0};
	GVariantDict dict;

	if (fd >= 0) {
		if (fstat(fd, &status) < 0)
			status.st_mtime = 0;
		close(fd);
	}
	if (facts == NULL || (user && strcmp(user, facts->user) != 0))
		return NULL;
	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "id", "s", id);
	g_variant_dict_insert(&dict, "pool", "s", facts->pool);
	g_variant_dict_insert(&dict, "desktop", "s", facts->desktop);
	g_variant_dict_insert(&dict, "user", "s", facts->user);
	g_variant_dict_insert(&dict, "title", "s", facts->title);
	g_variant_dict_insert(&dict, "started", "x", facts->started / 1000);
	g_variant_dict_insert(&dict, "ended", "x", (gint64)status.st_mtime);
	g_variant_dict_insert(&dict, "size", "t", facts->size);
	g_variant_dict_insert(&dict, "input", "b", facts->input);
	g_variant_dict_insert(&dict, "state", "s",
	        facts->complete                                          ? "complete"
	                : g_hash_table_contains(recordings->written, id) ? "recording"
	                                                                 : "cut");
	return g_variant_dict_end(&dict);
}

GVariant *
recordings_list(Recordings *recordings, const char *const *pools, const char *user, guint offset, guint limit, guint *total)
{
	g_autoptr(GPtrArray) names = names_of(recordings, pools);
	GVariantBuilder rows;

	*total = 0;
	g_variant_builder_init(&rows, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < names->len; i++) {
		gboolean wanted = *total >= offset && *total - offset < limit;
		/* Whose it is stands in it. */
		GVariant *row = wanted || user ? describe(recordings, names->pdata[i], user) : NULL;

		if (row == NULL && (wanted || user))
			continue;
		if (wanted)
			g_variant_builder_add_value(&rows, row);
		else if (row)
			g_variant_unref(g_variant_ref_sink(row));
		++*total;
	}
	return g_variant_builder_end(&rows);
}

char **
recordings_prune(Recordings *recordings, const char *pool, gint64 keep, gint64 max)
{
	const char *const pools[] = {pool, NULL};
	g_autoptr(GPtrArray) names = names_of(recordings, pools);
	g_autofree RetentionItem *items = g_new0(RetentionItem, names->len + 1);
	GPtrArray *removed = g_ptr_array_new();

	for (guint i = 0; i < names->len; i++) {
		const char *id = names->pdata[names->len - 1 - i];
		g_autofree char *path = path_of(recordings, id);
		struct stat status;

		items[i].written = g_hash_table_contains(recordings->written, id);
		if (path == NULL || stat(path, &status) < 0)
			items[i].written = TRUE; /* gone meanwhile: left alone */
		else
			items[i] = (RetentionItem){status.st_mtime, (guint64)status.st_size, items[i].written, FALSE};
	}
	retention_decide(items, names->len, g_get_real_time() / G_USEC_PER_SEC, keep, max);
	for (guint i = 0; i < names->len; i++) {
		const char *id = names->pdata[names->len - 1 - i];
		g_autoptr(GError) error = NULL;

		if (items[i].goes && recordings_remove(recordings, id, &error))
			g_ptr_array_add(removed, g_strdup(id));
		else if (error)
			g_warning("%s", error->message);
	}
	g_ptr_array_add(removed, NULL);
	return (char **)g_ptr_array_free(removed, FALSE);
}
