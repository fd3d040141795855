/* New versions of an image, made aside and renamed into place, and the end of old ones.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/images.h"

#include "broker/common/error.h"
#include "pools/qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE ".tmp-"
#define COPY_CHUNK (4 << 20)
#define VERSIONS_A_DAY 999
#define BUILDER_LINE_MAX 512
#define BUILDER_LOCK_FD 9 /* above those that shell scripts use */

static void
set_errno(GError **error, const char *what)
{
	int code = errno;

	g_set_error(error, CARREL_ERROR, code == ENOSPC || code == EDQUOT ? CARREL_ERROR_EXHAUSTED : CARREL_ERROR_FAILED,
		"%s: %s", what, code == ENOSPC ? "the disk is full: make space there, or set [Paths] Images=" : g_strerror(code));
}

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *position)
{
	return remove(path);
}

static gboolean
remove_tree(const char *path, GError **error)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT)
		return TRUE;
	set_errno(error, path);
	return FALSE;
}

/* Whoever fills a folder aside holds a lock on it, and so does the builder it started. */
static int
lock_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* What runs that were killed left in IMAGES/NAME, and the logs of those that failed. */
static void
remove_leftovers(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		int fd;

		if (!g_str_has_prefix(name, ASIDE))
			continue;
		if (g_str_has_suffix(name, ".log")) {
			g_autofree char *aside = g_strndup(path, strlen(path) - strlen(".log"));

			if (!g_file_test(aside, G_FILE_TEST_EXISTS))
				g_unlink(path);
		} else if ((fd = lock_folder(path)) >= 0) {
			remove_tree(path, NULL);
			close(fd);
		}
	}
}

/* IMAGES/NAME/.tmp-XXXXXX. A name that begins with a dot is no version: nobody takes it for one. *@lock is to be closed when
 * it is not needed any more. */
static char *
make_aside(const char *images, const char *name, int *lock, GError **error)
{
	g_autofree char *folder = g_build_filename(images, name, NULL);
	g_autofree char *aside = NULL;

	if (!image_name_is_valid(name)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
			"“%s” is not a name for an image: letters, digits, . _ and - (64 at most)", name);
		return NULL;
	}
	remove_leftovers(folder);
	aside = g_build_filename(folder, ASIDE "XXXXXX", NULL);
	/* QEMU's own user has to reach the files. */
	if (g_mkdir_with_parents(folder, 0755) < 0 || g_mkdtemp_full(aside, 0755) == NULL || g_chmod(aside, 0755) < 0) {
		set_errno(error, folder);
		return NULL;
	}
	*lock = lock_folder(aside);
	return g_steal_pointer(&aside);
}

/* The first of today's versions that is free: 20261121-1, 20261121-2, ... */
static char *
next_version(const char *images, const char *name)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *today = g_date_time_format(now, "%Y%m%d");

	for (guint n = 1;; n++) {
		g_autofree char *version = g_strdup_printf("%s-%u", today, n);
		g_autofree char *folder = g_build_filename(images, name, version, NULL);

		if (n == VERSIONS_A_DAY || !g_file_test(folder, G_FILE_TEST_EXISTS))
			return g_steal_pointer(&version);
	}
}

static gboolean
sync_folder(const char *folder, GError **error)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	gboolean ok = fd >= 0 && syncfs(fd) == 0;

	if (!ok)
		set_errno(error, folder);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Checks what was made in @aside, and makes it IMAGES/NAME/VERSION. */
static Image *
put_in_place(const char *images, const char *aside, const char *name, GError **error)
{
	g_autoptr(Image) image = image_read(aside, name, NULL, error);
	g_autofree char *folder = NULL;

	if (image == NULL || !qcow2_check(image->disk, error) || !sync_folder(aside, error))
		return NULL;
	folder = g_build_filename(images, name, image->version, NULL);
	/* RENAME_NOREPLACE is not everywhere; a folder that is there and not empty refuses a plain rename. */
	if (rename(aside, folder) < 0) {
		if (errno == EEXIST || errno == ENOTEMPTY)
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "image %s@%s is there already", name,
				image->version);
		else
			set_errno(error, folder);
		return NULL;
	}
	return image_read(folder, name, image->version, error);
}

static gboolean
write_all(int fd, const char *bytes, gsize size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FALSE;
		bytes += n;
		size -= (gsize)n;
	}
	return TRUE;
}

/* Holes stay holes: a golden disk is mostly those. */
static gboolean
copy_data(int from, int to, off_t size, ImageProgress progress, void *data)
{
	g_autofree char *buffer = g_malloc(COPY_CHUNK);
	off_t at = 0;

	while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
		off_t end = lseek(from, at, SEEK_HOLE);

		if (end < 0 || lseek(from, at, SEEK_SET) < 0 || lseek(to, at, SEEK_SET) < 0)
			return FALSE;
		while (at < end) {
			ssize_t n = read(from, buffer, (gsize)MIN(COPY_CHUNK, end - at));

			if (n < 0 && errno == EINTR)
				continue;
			if (n == 0)
				errno = EIO; /* it was cut under our hands */
			if (n <= 0 || !write_all(to, buffer, (gsize)n))
				return FALSE;
			at += n;
			if (progress)
				progress((guint)(at * 99 / MAX(size, 1)), "Copying", data);
		}
	}
	return errno == ENXIO && ftruncate(to, size) == 0 && fsync(to) == 0;
}

static gboolean
copy_in(const char *file, const char *target, ImageProgress progress, void *data, GError **error)
{
	int from = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int to = -1;
	struct stat status;
	gboolean ok = FALSE;

	if (from < 0 || fstat(from, &status) < 0) {
		set_errno(error, file);
	} else if (!S_ISREG(status.st_mode)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "%s is not a file", file);
	} else if (!qcow2_has_magic(from)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
			"%s is not a qcow2 disk: convert it first (qemu-img convert -O qcow2 %s disk.qcow2)", file, file);
	} else if ((to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0 || fchmod(to, 0644) < 0 ||
		   !copy_data(from, to, status.st_size, progress, data)) {
		set_errno(error, target);
	} else {
		ok = TRUE;
	}
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return ok;
}

char *
image_description(const Image *image, gsize *size)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	const struct {
		const char *key, *value;
	} texts[] = {{"Name", image->name}, {"Version", image->version}, {"Title", image->title}, {"Created", image->created},
		{"Os", image->os}, {"Disk", image->disk}, {"Boot", image->boot == IMAGE_BOOT_KERNEL ? "kernel" : "disk"},
		{"Kernel", image->kernel}, {"Initrd", image->initrd}, {"Cmdline", image->cmdline}, {"Agent", image->agent ? "yes" : "no"}};

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (texts[i].value)
			g_key_file_set_string(keys, "Image", texts[i].key, texts[i].value);
	}
	return g_key_file_to_data(keys, size, NULL);
}

gboolean
image_describe(const char *folder, const Image *image, GError **error)
{
	g_autofree char *path = g_build_filename(folder, IMAGE_FILE, NULL), *text = NULL;
	g_autoptr(GError) failure = NULL;
	gsize size;

	text = image_description(image, &size);
	if (g_file_set_contents_full(path, text, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0644, &failure) && g_chmod(path, 0644) == 0)
		return TRUE;
	if (failure)
		carrel_error_wrap(error, g_steal_pointer(&failure), CARREL_ERROR_FAILED, "%s", path);
	else
		set_errno(error, path);
	return FALSE;
}

Image *
image_make(const char *images, const char *name, ImageFill fill, void *data, GError **error)
{
	int lock = -1;
	g_autofree char *aside = make_aside(images, name, &lock, error), *version = NULL;
	Image *image = NULL;

	if (aside == NULL)
		return NULL;
	version = next_version(images, name);
	if (fill(aside, version, data, error))
		image = put_in_place(images, aside, name, error);
	if (image == NULL)
		remove_tree(aside, NULL);
	if (lock >= 0)
		close(lock);
	return image;
}

char *
image_time_now(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();

	return g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
}

typedef struct {
	const char *file, *name, *title;
	ImageProgress progress;
	void *data;
} Import;

static gboolean
fill_from_disk(const char *aside, const char *version, void *data, GError **error)
{
	const Import *import = data;
	g_autofree char *disk = g_build_filename(aside, "disk.qcow2", NULL), *created = image_time_now();
	const Image image = {
		.name = (char *)import->name,
		.version = (char *)version,
		.title = (char *)(import->title ? import->title : import->name),
		.created = created,
		.disk = (char *)"disk.qcow2",
		.boot = IMAGE_BOOT_DISK,
	};

	/* Checked after it was copied: nobody else can change the copy between check and use. */
	return copy_in(import->file, disk, import->progress, import->data, error) && image_describe(aside, &image, error);
}

Image *
image_import(const char *images, const char *file, const char *name, const char *title, ImageProgress progress, void *data,
	GError **error)
{
	Import import = {file, name, title, progress, data};
	Image *image = image_make(images, name, fill_from_disk, &import, error);

	if (image != NULL && progress)
		progress(100, "Done", data);
	return image;
}

/* "NN% what it does" */
static void
pass_on(char *line, ImageProgress progress, void *data)
{
	char *end;
	guint64 percent = g_ascii_strtoull(line, &end, 10);

	if (progress && end != line && *end == '%' && percent <= 100)
		progress((guint)percent, g_strstrip(end + 1), data);
}

/* By Ctrl-C, in the shells' words. @builder has ended. */
static gboolean
was_interrupted(GSubprocess *builder)
{
	return g_subprocess_get_if_exited(builder) && g_subprocess_get_exit_status(builder) == 128 + SIGINT;
}

static gboolean
follow_builder(GSubprocess *builder, ImageProgress progress, void *data, GError **error)
{
	g_autoptr(GDataInputStream) lines = g_data_input_stream_new(g_subprocess_get_stdout_pipe(builder));
	char *line;

	while ((line = g_data_input_stream_read_line(lines, NULL, NULL, NULL)) != NULL) {
		if (strlen(line) < BUILDER_LINE_MAX)
			pass_on(line, progress, data);
		g_free(line);
	}
	if (!g_subprocess_wait(builder, NULL, error))
		return FALSE;
	if (g_subprocess_get_successful(builder))
		return TRUE;
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED,
		was_interrupted(builder) ? "the build was interrupted" : "the image could not be built; the lines above say why");
	return FALSE;
}

static void G_GNUC_NULL_TERMINATED
add_all(GPtrArray *words, ...)
{
	va_list list;
	char *word;

	va_start(list, words);
	while ((word = va_arg(list, char *)) != NULL)
		g_ptr_array_add(words, word);
	va_end(list);
}

Image *
image_build(const char *images, const char *builder, const char *agent_folder, const char *name, const char *suite,
	char *const *packages, ImageProgress progress, void *data, GError **error)
{
	int lock = -1;
	g_autofree char *aside = make_aside(images, name, &lock, error);
	g_autofree char *version = NULL, *log = NULL;
	g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE);
	g_autoptr(GSubprocess) process = NULL;
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	Image *image = NULL;

	if (aside == NULL)
		return NULL;
	version = next_version(images, name);
	add_all(argv, builder, "--output", aside, "--agent-dir", agent_folder, "--name", name, "--version", version, NULL);
	if (suite)
		add_all(argv, "--suite", suite, NULL);
	for (; packages && *packages; packages++)
		add_all(argv, "--package", *packages, NULL);
	g_ptr_array_add(argv, NULL);

	/* A builder that outlives us keeps the lock. */
	if (lock >= 0)
		g_subprocess_launcher_take_fd(launcher, lock, BUILDER_LOCK_FD);
	process = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, error);
	if (process && follow_builder(process, progress, data, error))
		image = put_in_place(images, aside, name, error);
	/* The builder's log stays for whoever wants to know why there is no image. */
	log = g_strconcat(aside, ".log", NULL);
	if (image == NULL)
		remove_tree(aside, NULL);
	if (image != NULL || (process && was_interrupted(process)))
		g_unlink(log);
	return image;
}

gboolean
image_remove(const char *images, const char *reference, GError **error)
{
	const char *at = strchr(reference, '@');
	g_autofree char *name = NULL, *folder = NULL, *aside = NULL, *parent = NULL, *in_use = NULL;

	if (at == NULL || !image_reference_is_valid(reference)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
			"“%s” does not say which version: NAME@VERSION, as carrel image list shows them", reference);
		return FALSE;
	}
	name = g_strndup(reference, (gsize)(at - reference));
	parent = g_build_filename(images, name, NULL);
	folder = g_build_filename(parent, at + 1, NULL);
	if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no image %s", reference);
		return FALSE;
	}
	in_use = image_version_in_use(images, name);
	if (g_strcmp0(in_use, at + 1) == 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "%s is the version in use: carrel image use %s takes the newest instead",
			reference, name);
		return FALSE;
	}
	aside = g_strdup_printf("%s/.old-%s", parent, at + 1);
	if (!remove_tree(aside, error))
		return FALSE;
	if (rename(folder, aside) < 0) {
		set_errno(error, folder);
		return FALSE;
	}
	if (!remove_tree(aside, error))
		return FALSE;
	g_rmdir(parent); /* it stays where other versions are in it */
	return TRUE;
}
