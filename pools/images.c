/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/images.h"

#include "broker/common/error.h"
#include "broker/common/settings.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define AT(field) offsetof(Image, field)
#define NAME_MAX_CHARS 64

static const char *const boot_words[] = {"kernel", "disk", NULL};

/* Files stand beside image.ini: a path out of the folder would let one image lean on another that may be removed. */
static gboolean
check_file_name(const void *field, char **why)
{
	const char *name = *(char *const *)field;

	if (*name != '.' && strchr(name, '/') == NULL && strlen(name) <= 255)
		return TRUE;
	*why = g_strdup_printf("“%s” is not the name of a file beside " IMAGE_FILE, name);
	return FALSE;
}

static gboolean
check_name(const void *field, char **why)
{
	const char *name = *(char *const *)field;

	if (image_name_is_valid(name))
		return TRUE;
	*why = g_strdup_printf("“%s” is not a name: letters, digits, . _ and - (%d at most)", name, NAME_MAX_CHARS);
	return FALSE;
}

static gboolean
check_created(const void *field, char **why)
{
	const char *text = *(char *const *)field;
	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);

	if (time != NULL)
		return TRUE;
	*why = g_strdup_printf("“%s” is not a time such as 2026-11-21T08:00:00Z", text);
	return FALSE;
}

static const Setting table[] = {
	{"Image", "Name", SETTING_STRING, AT(name), .required = TRUE, .check = check_name},
	{"Image", "Version", SETTING_STRING, AT(version), .required = TRUE, .check = check_name},
	{"Image", "Title", SETTING_STRING, AT(title)},
	{"Image", "Created", SETTING_STRING, AT(created), .required = TRUE, .check = check_created},
	{"Image", "Disk", SETTING_STRING, AT(disk), .required = TRUE, .check = check_file_name},
	{"Image", "Os", SETTING_NAME, AT(os), "linux"},
	{"Image", "Boot", SETTING_ENUM, AT(boot), "disk", .words = boot_words},
	{"Image", "Kernel", SETTING_STRING, AT(kernel), .check = check_file_name},
	{"Image", "EfiKernel", SETTING_STRING, AT(efi_kernel), .check = check_file_name},
	{"Image", "Initrd", SETTING_STRING, AT(initrd), .check = check_file_name},
	{"Image", "Cmdline", SETTING_STRING, AT(cmdline)},
	{"Image", "Agent", SETTING_BOOL, AT(agent), "no"},
	{NULL},
};

void
image_free(Image *image)
{
	if (image == NULL)
		return;
	settings_clear(table, image);
	g_free(image->folder);
	g_free(image);
}

char *
image_reference(const Image *image)
{
	return g_strdup_printf("%s@%s", image->name, image->version);
}

gboolean
image_name_is_valid(const char *name)
{
	gsize length = strlen(name);

	if (length == 0 || length > NAME_MAX_CHARS || !g_ascii_isalnum(*name))
		return FALSE;
	for (; *name != '\0'; name++) {
		if (!g_ascii_isalnum(*name) && strchr("._-", *name) == NULL)
			return FALSE;
	}
	return TRUE;
}

gboolean
image_reference_is_valid(const char *reference)
{
	const char *at = strchr(reference, '@');
	g_autofree char *name = at ? g_strndup(reference, (gsize)(at - reference)) : g_strdup(reference);

	return image_name_is_valid(name) && (at == NULL || image_name_is_valid(at + 1));
}

/* Puts the folder before *@file and looks whether it is there. */
static gboolean
locate(Image *image, char **file, GError **error)
{
	struct stat status;
	char *path;

	if (*file == NULL)
		return TRUE;
	path = g_build_filename(image->folder, *file, NULL);
	g_free(*file);
	*file = path;
	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "image %s@%s: %s is missing", image->name, image->version,
			path);
		return FALSE;
	}
	image->bytes += (gint64)status.st_blocks * 512;
	return TRUE;
}

static gboolean
check_boot(const Image *image, GError **error)
{
	if (image->boot == IMAGE_BOOT_DISK || (image->kernel != NULL && image->cmdline != NULL))
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
		"%s/" IMAGE_FILE ": Boot=kernel needs Kernel= and Cmdline= (and Initrd= where the kernel has one)",
		image->folder);
	return FALSE;
}

Image *
image_read(const char *folder, const char *name, const char *version, GError **error)
{
	g_autoptr(Image) image = g_new0(Image, 1);
	g_autofree char *file = g_build_filename(folder, IMAGE_FILE, NULL);

	if (!g_file_test(file, G_FILE_TEST_EXISTS)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no image in %s", folder);
		return NULL;
	}
	if (!settings_faults_to_error(settings_read(file, table, image), error))
		return NULL;
	image->folder = g_strdup(folder);
	if ((name && strcmp(name, image->name) != 0) || (version && strcmp(version, image->version) != 0)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "%s calls itself %s@%s, which is not where it lies", file,
			image->name, image->version);
		return NULL;
	}
	if (image->title == NULL)
		image->title = g_strdup(image->name);
	if (image->boot == IMAGE_BOOT_DISK) {
		g_clear_pointer(&image->kernel, g_free);
		g_clear_pointer(&image->efi_kernel, g_free);
		g_clear_pointer(&image->initrd, g_free);
		g_clear_pointer(&image->cmdline, g_free);
	}
	if (!check_boot(image, error) || !locate(image, &image->disk, error) || !locate(image, &image->kernel, error) ||
		!locate(image, &image->efi_kernel, error) || !locate(image, &image->initrd, error))
		return NULL;
	return g_steal_pointer(&image);
}

int
image_compare_age(const Image *x, const Image *y)
{
	g_autoptr(GDateTime) x_time = g_date_time_new_from_iso8601(x->created, NULL);
	g_autoptr(GDateTime) y_time = g_date_time_new_from_iso8601(y->created, NULL);
	int order = x_time && y_time ? g_date_time_compare(y_time, x_time) : 0;

	return order != 0 ? order : strcmp(y->version, x->version);
}

static int
compare_newest_first(gconstpointer a, gconstpointer b)
{
	const Image *x = *(Image *const *)a, *y = *(Image *const *)b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : image_compare_age(x, y);
}

static void
list_versions(const char *images, const char *name, GPtrArray *list, GPtrArray *faults)
{
	g_autofree char *folder = g_build_filename(images, name, NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *version;

	while (dir && (version = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, version, NULL);
		g_autoptr(GError) error = NULL;
		Image *image;

		if (!image_name_is_valid(version) || !g_file_test(path, G_FILE_TEST_IS_DIR))
			continue;
		image = image_read(path, name, version, &error);
		if (image != NULL)
			g_ptr_array_add(list, image);
		else if (faults != NULL)
			g_ptr_array_add(faults, g_strdup(error->message));
	}
}

GPtrArray *
images_list(const char *images, GPtrArray *faults, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)image_free);
	g_autoptr(GError) failure = NULL;
	g_autoptr(GDir) dir = g_dir_open(images, 0, &failure);
	const char *name;

	if (dir == NULL && !g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
		carrel_error_wrap(error, g_steal_pointer(&failure), CARREL_ERROR_FAILED, "the catalogue of images");
		return NULL;
	}
	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		if (image_name_is_valid(name))
			list_versions(images, name, list, faults);
	}
	g_ptr_array_sort(list, compare_newest_first);
	return g_steal_pointer(&list);
}

#define IN_USE_MAX 128

char *
image_version_in_use(const char *images, const char *name)
{
	g_autofree char *file = g_build_filename(images, name, IMAGE_IN_USE_FILE, NULL), *text = NULL;

	if (!g_file_get_contents(file, &text, NULL, NULL) || strlen(text) > IN_USE_MAX || *g_strstrip(text) == '\0')
		return NULL;
	return g_steal_pointer(&text);
}

static Image *
read_version(const char *images, const char *name, const char *version, GError **error)
{
	g_autofree char *folder = g_build_filename(images, name, version, NULL);

	return image_read(folder, name, version, error);
}

gboolean
image_use(const char *images, const char *reference, GError **error)
{
	const char *at = strchr(reference, '@');
	g_autofree char *name = at ? g_strndup(reference, (gsize)(at - reference)) : g_strdup(reference);
	g_autofree char *file = g_build_filename(images, name, IMAGE_IN_USE_FILE, NULL);
	g_autofree char *text = at ? g_strconcat(at + 1, "\n", NULL) : NULL;
	g_autoptr(Image) image = NULL;

	if (at == NULL && g_unlink(file) < 0 && errno != ENOENT) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "%s: %s", file, g_strerror(errno));
		return FALSE;
	}
	image = image_resolve(images, reference, error);
	/* Atomic: whoever reads it finds the old or the new one. */
	return image != NULL && (text == NULL || g_file_set_contents_full(file, text, -1,
							 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644, error));
}

static Image *
resolve_in_use(const char *images, const char *name, const char *version, GError **error)
{
	Image *image = NULL;

	if (image_name_is_valid(version))
		image = read_version(images, name, version, error);
	else
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "%s/%s/" IMAGE_IN_USE_FILE " names no version", images, name);
	if (image == NULL)
		g_prefix_error(error, "the version of %s that is in use (carrel image use %s goes back to its newest): ", name, name);
	return image;
}

static Image *
resolve_newest(const char *images, const char *name, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)image_free);
	g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);

	list_versions(images, name, list, faults);
	g_ptr_array_sort(list, compare_newest_first);
	if (list->len > 0)
		return g_ptr_array_steal_index(list, 0);
	if (faults->len > 0)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_CONFIG, faults->pdata[0]);
	else
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
			"there is no image %s in %s: make one by carrel image build %s, or carrel image import", name, images, name);
	return NULL;
}

Image *
image_resolve(const char *images, const char *reference, GError **error)
{
	const char *at = strchr(reference, '@');

	if (!image_reference_is_valid(reference)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "“%s” is not an image: NAME or NAME@VERSION", reference);
		return NULL;
	}
	if (at == NULL) {
		g_autofree char *version = image_version_in_use(images, reference);

		return version ? resolve_in_use(images, reference, version, error) : resolve_newest(images, reference, error);
	}
	g_autofree char *name = g_strndup(reference, (gsize)(at - reference));

	return read_version(images, name, at + 1, error);
}
