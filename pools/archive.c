/* What reading and writing share, and reading. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/archive-private.h"

#include "broker/common/error.h"
#include "broker/common/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(field)      offsetof(Archive, field)
#define BOOT_FILE_MAX  (G_GUINT64_CONSTANT(1) << 30)
#define PERCENT_COPIED 95

const ArchiveMember archive_members[] = {
	[ARCHIVE_DESKTOP] = {"desktop.ini", 0644, SETTINGS_FILE_MAX},
	[ARCHIVE_IMAGE] = {IMAGE_FILE, 0644, SETTINGS_FILE_MAX},
	[ARCHIVE_KERNEL] = {"kernel", 0644, BOOT_FILE_MAX},
	[ARCHIVE_INITRD] = {"initrd", 0644, BOOT_FILE_MAX},
	/* What is in a golden image may be read by anybody on the host; this is a person's: pools/qemu-user.h. */
	[ARCHIVE_DISK] = {"disk.qcow2", 0600, G_MAXINT64},
	[ARCHIVE_SUMS] = {"SHA256SUMS", 0644, 4096},
};

static gboolean
check_format(const void *field, char **why)
{
	gint64 format = *(const gint64 *)field;

	if (format == ARCHIVE_FORMAT)
		return TRUE;
	*why = g_strdup_printf("%" G_GINT64_FORMAT " is not the format that this version of Carrel reads, which is %d", format, ARCHIVE_FORMAT);
	return FALSE;
}

static const Setting table[] = {
	{"Desktop", "Format", SETTING_INT, AT(format), .required = TRUE, .check = check_format},
	{"Desktop", "Pool", SETTING_NAME, AT(pool), .required = TRUE},
	{"Desktop", "User", SETTING_STRING, AT(user), .required = TRUE},
	{"Desktop", "Desktop", SETTING_NAME, AT(desktop), .required = TRUE},
	{"Desktop", "Image", SETTING_STRING, AT(image), .required = TRUE},
	{"Desktop", "Created", SETTING_STRING, AT(created), .required = TRUE},
	{NULL},
};

void
archive_free(Archive *archive)
{
	if (archive == NULL)
		return;
	settings_clear(table, archive);
	g_free(archive);
}

void
archive_set_errno(GError **error, const char *what)
{
	int code = errno;

	g_set_error(error, CARREL_ERROR, code == ENOSPC || code == EDQUOT ? CARREL_ERROR_EXHAUSTED : CARREL_ERROR_FAILED, "%s: %s", what,
		code == ENOSPC ? "the disk is full" : g_strerror(code));
}

void
archive_add_sum(GString *sums, GChecksum *sum, const char *name)
{
	g_string_append_printf(sums, "%s  %s\n", g_checksum_get_string(sum), name);
}

gboolean
archive_is_cancelled(GCancellable *cancellable, GError **error)
{
	if (!g_cancellable_is_cancelled(cancellable))
		return FALSE;
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "it was interrupted, and what it had made is removed");
	return TRUE;
}

gboolean
archive_read_exactly(int fd, void *bytes, gsize size, const char *file, GError **error)
{
	while (size > 0) {
		ssize_t n = read(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			archive_set_errno(error, file);
			return FALSE;
		}
		if (n == 0) {
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "%s is cut short", file);
			return FALSE;
		}
		bytes = (char *)bytes + n;
		size -= (gsize)n;
	}
	return TRUE;
}

gboolean
archive_write_all(int fd, const void *bytes, gsize size, const char *file, GError **error)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			archive_set_errno(error, file);
			return FALSE;
		}
		bytes = (const char *)bytes + n;
		size -= (gsize)n;
	}
	return TRUE;
}

typedef struct {
	const char *file, *name;
	int fd;
	guint64 size, at; /* of the file; the next byte of it */
	char *buffer;	  /* ARCHIVE_CHUNK */
	guint seen;	  /* members, a bit each */
	GString *sums;	  /* of the members so far, as SHA256SUMS is to have them */
	ImageProgress progress;
	void *data;
	GCancellable *cancellable;
} Reader;

static gboolean
refuse(const Reader *reader, GError **error, const char *why)
{
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "%s is not an exported desktop: %s", reader->file, why);
	return FALSE;
}

static gboolean
read_on(Reader *reader, void *bytes, gsize size, GError **error)
{
	if (archive_is_cancelled(reader->cancellable, error) || !archive_read_exactly(reader->fd, bytes, size, reader->file, error))
		return FALSE;
	reader->at += size;
	if (reader->progress && reader->size > 0)
		reader->progress((guint)((double)MIN(reader->at, reader->size) / (double)reader->size * PERCENT_COPIED), "Unpacking",
			reader->data);
	return TRUE;
}

/* The next header, of a member that has not come yet, in the order of the table. */
static gboolean
read_header(Reader *reader, ArchiveMemberId *id, guint64 *size, GError **error)
{
	guint8 block[TAR_BLOCK];
	char name[TAR_NAME_MAX + 1];
	const char *why = NULL;
	TarKind kind;

	if (!read_on(reader, block, sizeof block, error))
		return FALSE;
	kind = tar_parse(block, name, size, &why);
	if (kind != TAR_FILE)
		return refuse(reader, error, kind == TAR_END ? "something of it is missing" : why);
	for (*id = 0; *id < ARCHIVE_N_MEMBERS; (*id)++) {
		const ArchiveMember *member = &archive_members[*id];

		if (strcmp(member->name, name) != 0)
			continue;
		if (reader->seen >> *id != 0)
			return refuse(reader, error, "its files are not in the order in which they were written");
		if (*size > member->most || *size > reader->size - MIN(reader->at, reader->size))
			return refuse(reader, error, *size > member->most ? "a file in it is larger than such a file can be" : "it is cut short");
		return TRUE;
	}
	return refuse(reader, error, "there is a file in it that does not belong there");
}

/* Into @to, unless that is -1, in which case they are in the reader's buffer afterwards (at most ARCHIVE_CHUNK). */
static gboolean
read_content(Reader *reader, const char *name, int to, guint64 size, GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 padding[TAR_BLOCK];

	for (guint64 left = size; left > 0;) {
		gsize n = (gsize)MIN(left, ARCHIVE_CHUNK);

		if (!read_on(reader, reader->buffer, n, error) || (to >= 0 && !archive_write_all(to, reader->buffer, n, name, error)))
			return FALSE;
		g_checksum_update(sum, (const guchar *)reader->buffer, (gssize)n);
		left -= n;
	}
	archive_add_sum(reader->sums, sum, name);
	return read_on(reader, padding, TAR_PADDING(size), error);
}

static gboolean
unpack(Reader *reader, const char *aside, ArchiveMemberId id, guint64 size, GError **error)
{
	const ArchiveMember *member = &archive_members[id];
	g_autofree char *path = g_build_filename(aside, member->name, NULL);
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, member->mode);
	gboolean ok;

	if (to < 0 || fchmod(to, member->mode) < 0) {
		archive_set_errno(error, path);
		ok = FALSE;
	} else {
		ok = read_content(reader, member->name, to, size, error);
	}
	if (to >= 0)
		close(to);
	return ok;
}

/* What it says of the members before it is, to the letter, what was found of them. */
static gboolean
check_sums(Reader *reader, guint64 size, GError **error)
{
	g_autofree char *found = g_strdup(reader->sums->str);

	if (!read_content(reader, archive_members[ARCHIVE_SUMS].name, -1, size, error))
		return FALSE;
	if (strlen(found) == size && memcmp(found, reader->buffer, size) == 0)
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "%s is damaged, or was changed: its checksums are others", reader->file);
	return FALSE;
}

static gboolean
unpack_all(Reader *reader, const char *aside, GError **error)
{
	const guint needed = 1u << ARCHIVE_DESKTOP | 1u << ARCHIVE_IMAGE | 1u << ARCHIVE_DISK;
	ArchiveMemberId id;
	guint64 size;

	do {
		if (!read_header(reader, &id, &size, error))
			return FALSE;
		if (id == ARCHIVE_SUMS && (reader->seen & needed) != needed)
			return refuse(reader, error, "something of it is missing");
		if (!(id == ARCHIVE_SUMS ? check_sums(reader, size, error) : unpack(reader, aside, id, size, error)))
			return FALSE;
		reader->seen |= 1u << id;
	} while (id != ARCHIVE_SUMS);
	return TRUE;
}

static gboolean
has_member(const Reader *reader, ArchiveMemberId id, const char *path)
{
	g_autofree char *name = path ? g_path_get_basename(path) : NULL;
	gboolean there = reader->seen >> id & 1;

	return there == (name != NULL) && (name == NULL || strcmp(name, archive_members[id].name) == 0);
}

static gboolean
describe(const Reader *reader, const char *aside, const char *version, GError **error)
{
	g_autofree char *file = g_build_filename(aside, archive_members[ARCHIVE_DESKTOP].name, NULL), *created = image_time_now(), *title = NULL;
	g_autoptr(Archive) about = g_new0(Archive, 1);
	g_autoptr(Image) image = image_read(aside, NULL, NULL, error);
	Image own;

	if (image == NULL || !settings_faults_to_error(settings_read(file, table, about), error))
		return FALSE;
	if (!has_member(reader, ARCHIVE_DISK, image->disk) || !has_member(reader, ARCHIVE_KERNEL, image->kernel) ||
		!has_member(reader, ARCHIVE_INITRD, image->initrd))
		return refuse(reader, error, "its " IMAGE_FILE " names other files than are in it");
	title = g_strdup_printf("%s of %s, exported %s", about->desktop, about->user, about->created);
	own = *image;
	own.name = (char *)reader->name;
	own.version = (char *)version;
	own.title = title;
	own.created = created;
	own.disk = (char *)archive_members[ARCHIVE_DISK].name;
	own.kernel = image->kernel ? (char *)archive_members[ARCHIVE_KERNEL].name : NULL;
	own.initrd = image->initrd ? (char *)archive_members[ARCHIVE_INITRD].name : NULL;
	return image_describe(aside, &own, error);
}

static gboolean
fill(const char *aside, const char *version, void *data, GError **error)
{
	Reader *reader = data;

	if (!unpack_all(reader, aside, error) || !describe(reader, aside, version, error))
		return FALSE;
	if (reader->progress)
		reader->progress(PERCENT_COPIED, "Checking the disk", reader->data);
	return !archive_is_cancelled(reader->cancellable, error);
}

Image *
archive_read(const char *images, const char *file, const char *name, ImageProgress progress, void *data, GCancellable *cancellable,
	GError **error)
{
	Reader reader = {.file = file, .name = name, .progress = progress, .data = data, .cancellable = cancellable};
	struct stat status;
	Image *image = NULL;

	reader.fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (reader.fd < 0 || fstat(reader.fd, &status) < 0) {
		archive_set_errno(error, file);
	} else if (!S_ISREG(status.st_mode)) {
		refuse(&reader, error, "it is not a file");
	} else {
		reader.size = (guint64)status.st_size;
		reader.buffer = g_malloc(ARCHIVE_CHUNK);
		reader.sums = g_string_new(NULL);
		image = image_make(images, name, fill, &reader, error);
		g_free(reader.buffer);
		g_string_free(reader.sums, TRUE);
	}
	if (reader.fd >= 0)
		close(reader.fd);
	if (image != NULL && progress)
		progress(100, "Done", data);
	return image;
}
