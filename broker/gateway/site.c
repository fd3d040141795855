/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/site.h"

#include "broker/common/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 2000
#define FILE_SIZE_MAX (16 << 20)
#define TOTAL_MAX (64 << 20)
#define DEPTH_MAX 8

struct SiteFile {
	const char *type;
	char *etag;
	GBytes *body;
};

struct Site {
	GHashTable *files; /* path → SiteFile */
	gsize total;
};

static void
site_file_free(void *data)
{
	SiteFile *file = data;

	g_free(file->etag);
	g_bytes_unref(file->body);
	g_free(file);
}

static const char *
type_of(const char *name)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {{".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
		{".mjs", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
		{".json", "application/json"}, {".svg", "image/svg+xml"}, {".png", "image/png"}, {".ico", "image/x-icon"},
		{".jpg", "image/jpeg"}, {".webp", "image/webp"}, {".woff2", "font/woff2"}, {".wasm", "application/wasm"},
		{".webmanifest", "application/manifest+json"}, {".txt", "text/plain; charset=utf-8"}, {".yaml", "application/yaml"},
		{".md", "text/plain; charset=utf-8"}, {".map", "application/json"}, {".oga", "audio/ogg"}, {".mp3", "audio/mpeg"}};

	for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
		if (g_str_has_suffix(name, types[i].suffix))
			return types[i].type;
	}
	return "application/octet-stream";
}

static gboolean
fail(GError **error, const char *path, const char *why)
{
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "[Paths] WebRoot=: %s: %s", path, why);
	return FALSE;
}

static gboolean
load_file(Site *site, int fd, gsize size, const char *path, GError **error)
{
	g_autofree guint8 *bytes = NULL;
	gsize done = 0;

	if (size > FILE_SIZE_MAX || site->total + size > TOTAL_MAX || g_hash_table_size(site->files) >= FILES_MAX)
		return fail(error, path, "too many files, or too big, for a web client");
	bytes = g_malloc(size + 1);
	while (done < size) {
		ssize_t n = read(fd, bytes + done, size - done);

		if (n < 0)
			return fail(error, path, g_strerror(errno));
		if (n == 0)
			break;
		done += (gsize)n;
	}
	SiteFile *file = g_new0(SiteFile, 1);
	g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, done);

	file->type = type_of(path);
	file->etag = g_strdup_printf("\"%.32s\"", sum);
	file->body = g_bytes_new_take(g_steal_pointer(&bytes), done);
	site->total += done;
	g_hash_table_insert(site->files, g_strdup(path), file);
	return TRUE;
}

static gboolean load_folder(Site *site, int fd, const char *path, int depth, GError **error);

static gboolean
load_entry(Site *site, int folder, const char *name, const char *path, int depth, GError **error)
{
	g_autofree char *below = g_strconcat(path, "/", name, NULL);
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	gboolean good = TRUE;

	if (fd < 0 && (errno == ELOOP || errno == ENXIO))
		return TRUE;
	if (fd < 0 || fstat(fd, &status) < 0)
		good = fail(error, below, g_strerror(errno));
	else if (S_ISDIR(status.st_mode))
		return load_folder(site, fd, below, depth + 1, error);
	else if (S_ISREG(status.st_mode))
		good = load_file(site, fd, (gsize)status.st_size, below, error);
	if (fd >= 0)
		close(fd);
	return good;
}

/* Takes @fd. */
static gboolean
load_folder(Site *site, int fd, const char *path, int depth, GError **error)
{
	DIR *folder = fdopendir(fd);
	struct dirent *entry;
	gboolean good = TRUE;

	if (folder == NULL) {
		close(fd);
		return fail(error, path, g_strerror(errno));
	}
	if (depth > DEPTH_MAX)
		good = fail(error, path, "folders too deep");
	while (good && (entry = readdir(folder)) != NULL) {
		if (*entry->d_name != '.')
			good = load_entry(site, dirfd(folder), entry->d_name, path, depth, error);
	}
	closedir(folder);
	return good;
}

Site *
site_load(const char *root, GError **error)
{
	g_autoptr(Site) site = g_new0(Site, 1);
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	site->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, site_file_free);
	if (fd < 0) {
		fail(error, root, g_strerror(errno));
		return NULL;
	}
	if (!load_folder(site, fd, "", 0, error))
		return NULL;
	return g_steal_pointer(&site);
}

void
site_free(Site *site)
{
	if (site == NULL)
		return;
	g_hash_table_unref(site->files);
	g_free(site);
}

const SiteFile *
site_find(const Site *site, const char *path)
{
	if (g_str_has_suffix(path, "/")) {
		g_autofree char *index = g_strconcat(path, "index.html", NULL);

		return g_hash_table_lookup(site->files, index);
	}
	return g_hash_table_lookup(site->files, path);
}

const char *
site_file_type(const SiteFile *file)
{
	return file->type;
}

const char *
site_file_etag(const SiteFile *file)
{
	return file->etag;
}

GBytes *
site_file_body(const SiteFile *file)
{
	return file->body;
}

gboolean
site_etag_matches(const char *list, gsize size, const char *etag)
{
	/* An etag is quoted, so it stands in the list as a whole or not at all; a weak one (W/) compares alike here. */
	return (size == 1 && *list == '*') || memmem(list, size, etag, strlen(etag)) != NULL;
}
