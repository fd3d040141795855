/* Writing an archive: its members one after the other, the disk by qemu-img into its place in the file.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/archive-private.h"

#include "broker/common/error.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERCENT_CONVERTED 90
#define PERCENT_SUMMED	  98
#define OUTPUT_FD	  3 /* qemu-img's */
#define LAST_WORDS_MAX	  4096

typedef struct {
	const char *file; /* as it is to be called; it is the partial one that is written */
	int fd;
	gint64 time;
	GString *sums;
	char *buffer; /* ARCHIVE_CHUNK */
	ImageProgress progress;
	void *data;
	GCancellable *cancellable;
} Writer;

static void
say(const Writer *writer, guint percent, const char *what)
{
	if (writer->progress)
		writer->progress(percent, what, writer->data);
}

static gboolean
put(Writer *writer, const void *bytes, gsize size, GError **error)
{
	return !archive_is_cancelled(writer->cancellable, error) && archive_write_all(writer->fd, bytes, size, writer->file, error);
}

static gboolean
put_header(Writer *writer, ArchiveMemberId id, guint64 size, GError **error)
{
	guint8 block[TAR_BLOCK];

	tar_write(block, archive_members[id].name, size, writer->time);
	return put(writer, block, sizeof block, error);
}

static gboolean
put_padding(Writer *writer, guint64 size, GError **error)
{
	static const guint8 zeros[TAR_BLOCK];

	return put(writer, zeros, TAR_PADDING(size), error);
}

static gboolean
put_text(Writer *writer, ArchiveMemberId id, const char *text, gsize size, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	g_checksum_update(sum, (const guchar *)text, (gssize)size);
	archive_add_sum(writer->sums, sum, archive_members[id].name);
	return put_header(writer, id, size, error) && put(writer, text, size, error) && put_padding(writer, size, error);
}

/* A kernel, or its initrd. */
static gboolean
put_file(Writer *writer, ArchiveMemberId id, const char *path, GError **error)
{
	g_autoptr(GMappedFile) map = path ? g_mapped_file_new(path, FALSE, error) : NULL;

	return path == NULL || (map && put_text(writer, id, g_mapped_file_get_contents(map), g_mapped_file_get_length(map), error));
}

static gboolean
put_about(Writer *writer, const Archive *about, GError **error)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_autofree char *created = image_time_now(), *text = NULL;
	gsize size;

	g_key_file_set_integer(keys, "Desktop", "Format", ARCHIVE_FORMAT);
	g_key_file_set_string(keys, "Desktop", "Pool", about->pool);
	g_key_file_set_string(keys, "Desktop", "User", about->user);
	g_key_file_set_string(keys, "Desktop", "Desktop", about->desktop);
	g_key_file_set_string(keys, "Desktop", "Image", about->image);
	g_key_file_set_string(keys, "Desktop", "Created", created);
	text = g_key_file_to_data(keys, &size, NULL);
	return put_text(writer, ARCHIVE_DESKTOP, text, size, error);
}

static gboolean
put_image(Writer *writer, const Image *image, GError **error)
{
	Image own = *image;
	g_autofree char *text = NULL;
	gsize size;

	own.disk = (char *)archive_members[ARCHIVE_DISK].name;
	own.kernel = image->kernel ? (char *)archive_members[ARCHIVE_KERNEL].name : NULL;
	own.initrd = image->initrd ? (char *)archive_members[ARCHIVE_INITRD].name : NULL;
	text = image_description(&own, &size);
	return put_text(writer, ARCHIVE_IMAGE, text, size, error);
}

static void
prepare_qemu_img(gpointer data)
{
	/* What is interrupted is ended by us, and its file removed; a qemu-img that outlived us would go on writing. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
}

static void
on_cancelled(GCancellable *cancellable, gpointer process)
{
	g_subprocess_force_exit(process);
}

/* "    (12.34/100%)\r", as qemu-img says how far it is. */
static void
follow(Writer *writer, GInputStream *output)
{
	char text[256];
	gssize n;

	while ((n = g_input_stream_read(output, text, sizeof text - 1, NULL, NULL)) > 0) {
		const char *last;

		text[n] = '\0';
		last = strrchr(text, '(');
		if (last)
			say(writer, (guint)(CLAMP(g_ascii_strtod(last + 1, NULL), 0, 100) * PERCENT_CONVERTED / 100), "Copying the disk");
	}
}

/* Runs qemu-img with the file that is written as its descriptor OUTPUT_FD. FALSE and its last words: BUSY where @locks, and somebody else
 * has the disk open. */
static gboolean
run_qemu_img(Writer *writer, const char *const *argv, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
	g_autoptr(GSubprocess) process = NULL;
	char words[LAST_WORDS_MAX] = "";
	gsize size = 0;
	gulong id;

	g_subprocess_launcher_set_child_setup(launcher, prepare_qemu_img, NULL, NULL);
	g_subprocess_launcher_take_fd(launcher, fcntl(writer->fd, F_DUPFD_CLOEXEC, 0), OUTPUT_FD);
	process = g_subprocess_launcher_spawnv(launcher, argv, error);
	if (process == NULL) {
		g_prefix_error(error, "qemu-img cannot be run (Debian: qemu-utils): ");
		return FALSE;
	}
	id = writer->cancellable ? g_cancellable_connect(writer->cancellable, G_CALLBACK(on_cancelled), process, NULL) : 0;
	follow(writer, g_subprocess_get_stdout_pipe(process));
	g_input_stream_read_all(g_subprocess_get_stderr_pipe(process), words, sizeof words - 1, &size, NULL, NULL);
	g_subprocess_wait(process, NULL, NULL);
	g_cancellable_disconnect(writer->cancellable, id);
	if (archive_is_cancelled(writer->cancellable, error))
		return FALSE;
	if (g_subprocess_get_successful(process))
		return TRUE;
	words[size] = '\0';
	g_strstrip(words);
	g_set_error(error, CARREL_ERROR,
		strstr(words, "No space") ? CARREL_ERROR_EXHAUSTED
		: strstr(words, "lock")	  ? CARREL_ERROR_BUSY
					  : CARREL_ERROR_FAILED,
		"the disk cannot be copied: %s", *words ? words : "qemu-img was ended");
	return FALSE;
}

/* The virtual size of @disk, as qemu-img takes it. Free with g_free. */
static char *
size_of_disk(const char *disk, GError **error)
{
	const char *const argv[] = {"qemu-img", "info", "-f", "qcow2", "--output=json", disk, NULL};
	g_autofree char *out = NULL, *words = NULL;
	g_autoptr(JsonNode) root = NULL;
	int status;
	gint64 size;

	if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &words, &status, error))
		return NULL;
	root = g_spawn_check_wait_status(status, NULL) ? json_from_string(out, NULL) : NULL;
	size = root && JSON_NODE_HOLDS_OBJECT(root) ? json_object_get_int_member(json_node_get_object(root), "virtual-size") : 0;
	if (size > 0)
		return g_strdup_printf("%" G_GINT64_FORMAT, size);
	g_set_error(error, CARREL_ERROR, strstr(words, "lock") ? CARREL_ERROR_BUSY : CARREL_ERROR_FAILED,
		"the disk cannot be read: %s", g_strstrip(words));
	return NULL;
}

/* An empty disk at @at, as qemu-img makes it, for it to fill. */
static gboolean
put_empty_disk(Writer *writer, const char *size, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/carrel-export-XXXXXX", g_get_tmp_dir()), *empty = NULL;
	const char *const argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", "-o", "compression_type=zstd", path, size, NULL};
	int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
	gsize length;
	gboolean ok;

	if (fd < 0) {
		archive_set_errno(error, path);
		return FALSE;
	}
	ok = run_qemu_img(writer, argv, error) && g_file_get_contents(path, &empty, &length, error) && put(writer, empty, length, error);
	close(fd);
	g_unlink(path);
	return ok;
}

static gboolean
sum_disk(Writer *writer, guint64 at, guint64 size, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	if (lseek(writer->fd, (off_t)at, SEEK_SET) < 0) {
		archive_set_errno(error, writer->file);
		return FALSE;
	}
	for (guint64 left = size; left > 0;) {
		gsize n = (gsize)MIN(left, ARCHIVE_CHUNK);

		if (archive_is_cancelled(writer->cancellable, error) ||
			!archive_read_exactly(writer->fd, writer->buffer, n, writer->file, error))
			return FALSE;
		g_checksum_update(sum, (const guchar *)writer->buffer, (gssize)n);
		left -= n;
		say(writer, PERCENT_SUMMED - (guint)((double)left / (double)size * (PERCENT_SUMMED - PERCENT_CONVERTED)), "Summing up");
	}
	archive_add_sum(writer->sums, sum, archive_members[ARCHIVE_DISK].name);
	return TRUE;
}

/* qemu-img writes it where it is to stand: its size is known afterwards, and its header is written then. */
static gboolean
put_disk(Writer *writer, const char *disk, GError **error)
{
	off_t header = lseek(writer->fd, 0, SEEK_CUR), at = header + TAR_BLOCK, end;
	g_autofree char *target = g_strdup_printf("driver=qcow2,file.driver=raw,file.offset=%" G_GINT64_FORMAT
						  ",file.file.driver=file,file.file.filename=/proc/self/fd/%d",
		(gint64)at, OUTPUT_FD);
	const char *const argv[] = {"qemu-img", "convert", "-p", "-n", "--target-is-zero", "-c", "-f", "qcow2", "--target-image-opts", disk,
		target, NULL};
	g_autofree char *size = size_of_disk(disk, error);

	if (size == NULL || !put_header(writer, ARCHIVE_DISK, 0, error) || !put_empty_disk(writer, size, error) ||
		!run_qemu_img(writer, argv, error))
		return FALSE;
	end = lseek(writer->fd, 0, SEEK_END);
	return sum_disk(writer, (guint64)at, (guint64)(end - at), error) && lseek(writer->fd, header, SEEK_SET) == header &&
	       put_header(writer, ARCHIVE_DISK, (guint64)(end - at), error) && lseek(writer->fd, end, SEEK_SET) == end &&
	       put_padding(writer, (guint64)(end - at), error);
}

static gboolean
put_all(Writer *writer, const Archive *about, const char *disk, const Image *image, GError **error)
{
	static const guint8 end[2 * TAR_BLOCK];
	g_autofree char *sums = NULL;

	if (!put_about(writer, about, error) || !put_image(writer, image, error) ||
		!put_file(writer, ARCHIVE_KERNEL, image->kernel, error) || !put_file(writer, ARCHIVE_INITRD, image->initrd, error) ||
		!put_disk(writer, disk, error))
		return FALSE;
	sums = g_strdup(writer->sums->str);
	if (!put_text(writer, ARCHIVE_SUMS, sums, strlen(sums), error) || !put(writer, end, sizeof end, error))
		return FALSE;
	say(writer, PERCENT_SUMMED, "Waiting until it is on the disk");
	if (fsync(writer->fd) == 0)
		return !archive_is_cancelled(writer->cancellable, error);
	archive_set_errno(error, writer->file);
	return FALSE;
}

static gboolean
check_free(const char *file, gboolean replace, GError **error)
{
	struct stat status;

	if (replace || lstat(file, &status) < 0)
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "%s is there already (--force replaces it)", file);
	return FALSE;
}

/* Its name, too, is on the disk then: who hears that the desktop is in the file may remove the desktop. */
static gboolean
put_in_place(const Writer *writer, const char *partial, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(writer->file);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	gboolean ok = fd >= 0 && rename(partial, writer->file) == 0 && fsync(fd) == 0;

	if (!ok)
		archive_set_errno(error, writer->file);
	if (fd >= 0)
		close(fd);
	return ok;
}

static gboolean
write_aside(Writer *writer, gboolean replace, const Archive *about, const char *disk, const Image *image, GError **error)
{
	/* Nobody else can have made it, or opened it. */
	g_autofree char *partial = g_strconcat(writer->file, ".partial-XXXXXX", NULL);

	writer->fd = g_mkstemp_full(partial, O_RDWR | O_CLOEXEC, 0600);
	if (writer->fd < 0) {
		archive_set_errno(error, partial);
		return FALSE;
	}
	if (put_all(writer, about, disk, image, error) && check_free(writer->file, replace, error) &&
		put_in_place(writer, partial, error))
		return TRUE;
	g_unlink(partial);
	return FALSE;
}

gboolean
archive_write(const char *file, gboolean replace, const Archive *about, const char *disk, const Image *image, ImageProgress progress,
	void *data, GCancellable *cancellable, GError **error)
{
	Writer writer = {.file = file, .fd = -1, .time = g_get_real_time() / G_USEC_PER_SEC, .progress = progress, .data = data,
		.cancellable = cancellable};
	gboolean ok;

	if (!check_free(file, replace, error))
		return FALSE;
	writer.sums = g_string_new(NULL);
	writer.buffer = g_malloc(ARCHIVE_CHUNK);
	ok = write_aside(&writer, replace, about, disk, image, error);
	if (writer.fd >= 0)
		close(writer.fd);
	g_free(writer.buffer);
	g_string_free(writer.sums, TRUE);
	if (ok)
		say(&writer, 100, "Done");
	return ok;
}
