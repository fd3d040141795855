/* A desktop as a file: what is written is read, and nothing else is. SPDX-License-Identifier:
 * GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "pools/archive.h"
#include "pools/qcow2.h"
#include "pools/tar.h"

static char *folder, *images, *file;

static char *
in_folder(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static int G_GNUC_PRINTF(1, 2) run(const char *format, ...)
{
	g_autofree char *command = NULL;
	va_list args;

	va_start(args, format);
	command = g_strdup_vprintf(format, args);
	va_end(args);
	return system(command);
}

static void
set_up(void)
{
	folder = g_dir_make_tmp("carrel-XXXXXX", NULL);
	images = in_folder("images");
	file = in_folder("desk.carrel");
}

static void
tear_down(void)
{
	ck_assert_int_eq(run("rm -rf '%s'", folder), 0);
	g_free(folder);
	g_free(images);
	g_free(file);
}

START_TEST(a_header_is_read_as_it_was_written)
{
	static const guint64 sizes[] = {
		0, 1, 511, 512, (G_GUINT64_CONSTANT(1) << 33) - 1, G_GUINT64_CONSTANT(1) << 33, G_MAXINT64};
	guint8 block[TAR_BLOCK];
	char name[TAR_NAME_MAX + 1];
	const char *why = NULL;
	guint64 size;

	tar_write(block, "disk.qcow2", sizes[_i], 1800000000);
	ck_assert_int_eq(tar_parse(block, name, &size, &why), TAR_FILE);
	ck_assert_str_eq(name, "disk.qcow2");
	ck_assert_uint_eq(size, sizes[_i]);
	/* Each byte is under the sum, or is the sum. */
	for (guint i = 0; i < TAR_BLOCK; i++) {
		block[i] ^= 1;
		ck_assert_msg(tar_parse(block, name, &size, &why) == TAR_BAD || (i >= 148 && i < 156),
			"byte %u", i);
		block[i] ^= 1;
	}
}
END_TEST

static const struct {
	guint at;
	const char *bytes;
	gsize length;
	const char *why;
} bad_headers[] = {
	{156, "1", 1, "not a plain file"}, /* hard link */
	{156, "2", 1, "not a plain file"}, /* symbolic link */
	{156, "3", 1, "not a plain file"}, /* device */
	{156, "5", 1, "not a plain file"}, /* folder */
	{156, "S", 1, "not a plain file"}, /* GNU's sparse file */
	{156, "L", 1, "not a plain file"}, /* GNU's long name */
	{156, "x", 1, "not a plain file"}, /* pax */
	{0, "../disk", 8, "no name"},
	{0, "/etc/x", 7, "no name"},
	{0, "./", 3, "no name"},
	{0, "", 1, "no name"},
	{345, "etc", 4, "no name"},
	{124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "no size"},
	{124, "\x80\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00", 12, "no size"},
	{124, "-1         ", 12, "no size"},
	{124, "", 1, "no size"},
	{257, "usta!", 5, "no tar archive"},
};

START_TEST(a_header_of_anything_but_a_plain_file_is_refused)
{
	guint8 block[TAR_BLOCK];
	char name[TAR_NAME_MAX + 1], sum[8];
	const char *why = NULL;
	guint64 size;
	guint total = 0;

	tar_write(block, "disk", 7, 0);
	memcpy(block + bad_headers[_i].at, bad_headers[_i].bytes, bad_headers[_i].length);
	memset(block + 148, ' ', 8);
	for (guint i = 0; i < TAR_BLOCK; i++)
		total += block[i];
	g_snprintf(sum, sizeof sum, "%06o", total);
	memcpy(block + 148, sum, 7);
	ck_assert_int_eq(tar_parse(block, name, &size, &why), TAR_BAD);
	ck_assert_msg(strstr(why, bad_headers[_i].why) != NULL, "%s", why);
}
END_TEST

static gboolean
make_disk(const char *name)
{
	g_autofree char *base = in_folder("base.qcow2"), *disk = in_folder(name);

	return run("qemu-img create -q -f qcow2 '%s' 64M 2>/dev/null && "
		   "qemu-io -f qcow2 -c 'write -q -P 7 0 1M' '%s' && qemu-img create -q -f qcow2 -b '%s' -F "
		   "qcow2 '%s' && "
		   "qemu-io -f qcow2 -c 'write -q -P 9 8M 1M' '%s'",
		       base, base, base, disk, disk) == 0;
}

static gboolean export(gboolean replace, ImageProgress progress, GCancellable *cancellable, GError **error)
{
	g_autofree char *kernel = in_folder("vmlinux"), *disk = in_folder("disk.qcow2");
	const Archive about = {.pool = (char *)"desk",
		.user = (char *)"anna",
		.desktop = (char *)"desk-00000001",
		.image = (char *)"debian@1"};
	const Image image = {.name = (char *)"debian",
		.version = (char *)"1",
		.title = (char *)"Debian",
		.created = (char *)"2026-11-20T08:00:00Z",
		.disk = (char *)"/nowhere",
		.kernel = kernel,
		.cmdline = (char *)"root=/dev/vda quiet",
		.boot = IMAGE_BOOT_KERNEL,
		.agent = TRUE};

	ck_assert(g_file_set_contents(kernel, "a kernel", -1, NULL));
	return archive_write(file, replace, &about, disk, &image, progress, cancellable, cancellable, error);
}

static guint
count_files(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint n = 0;

	while (dir && g_dir_read_name(dir))
		n++;
	return n;
}

START_TEST(a_desktop_becomes_a_file_and_the_file_an_image)
{
	g_autofree char *disk = in_folder("disk.qcow2");
	g_autoptr(GError) error = NULL;
	struct stat status;

	if (!make_disk("disk.qcow2"))
		return; /* no qemu-img here */
	ck_assert_msg(export(FALSE, NULL, NULL, &error), "%s", error ? error->message : "");
	ck_assert(!export(FALSE, NULL, NULL, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_INVALID));
	g_clear_error(&error);
	ck_assert(export(TRUE, NULL, NULL, &error));
	g_autoptr(Image) image = archive_read(images, file, "imported-anna", NULL, NULL, NULL, &error);
	ck_assert_msg(image != NULL, "%s", error ? error->message : "");
	ck_assert_str_eq(image->name, "imported-anna");
	ck_assert_str_eq(image->cmdline, "root=/dev/vda quiet");
	ck_assert_ptr_nonnull(strstr(image->title, "desk-00000001 of anna"));
	ck_assert(image->agent && image->kernel && !image->initrd);
	ck_assert_int_eq(stat(image->disk, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
	ck_assert(qcow2_check(image->disk, NULL));
	ck_assert_int_eq(run("qemu-img compare -q '%s' '%s'", disk, image->disk), 0);
	/* Other programs read it, too; and what they write is read. */
	ck_assert_int_eq(
		run("cd '%s' && mkdir out && tar -xf desk.carrel -C out && cd out && sha256sum --quiet -c "
		    "SHA256SUMS && "
		    "tar -cf ../again.carrel ./desktop.ini ./image.ini ./kernel ./disk.qcow2 ./SHA256SUMS",
			folder),
		0);
	g_autofree char *again = in_folder("again.carrel");
	g_autoptr(Image) second = archive_read(images, again, "imported-anna", NULL, NULL, NULL, &error);
	ck_assert_msg(second != NULL, "%s", error ? error->message : "");
}
END_TEST

/* @data: the GCancellable, which is cancelled in the middle. */
static void
cancel(guint percent, const char *what, void *data)
{
	if (strstr(what, data && percent >= 10 ? "" : "none"))
		g_cancellable_cancel(data);
}

START_TEST(what_is_interrupted_leaves_nothing)
{
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autofree char *made = g_build_filename(images, "a", NULL);
	g_autoptr(GError) error = NULL;
	guint n;

	if (!make_disk("disk.qcow2"))
		return;              /* no qemu-img here */
	n = count_files(folder) + 1; /* the kernel */
	ck_assert(!export(FALSE, cancel, cancellable, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "interrupted"));
	ck_assert_uint_eq(count_files(folder), n);
	g_clear_error(&error);
	ck_assert(export(FALSE, NULL, NULL, NULL));
	ck_assert_ptr_null(archive_read(images, file, "a", NULL, NULL, cancellable, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "interrupted"));
	ck_assert_uint_eq(count_files(made), 0);
}
END_TEST

START_TEST(a_disk_that_somebody_writes_to_is_not_exported)
{
	g_autofree char *disk = in_folder("disk.qcow2");
	const char *argv[] = {"qemu-io", "-f", "qcow2", disk, NULL};
	g_autoptr(GSubprocess) writer = NULL;
	g_autoptr(GError) error = NULL;
	char prompt;

	if (!make_disk("disk.qcow2"))
		return; /* no qemu-img here */
	writer =
		g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL);
	ck_assert_ptr_nonnull(writer);
	ck_assert_int_eq(
		g_input_stream_read(g_subprocess_get_stdout_pipe(writer), &prompt, 1, NULL, NULL), 1);
	ck_assert(!export(FALSE, NULL, NULL, &error));
	ck_assert_msg(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY), "%s", error->message);
	ck_assert(!g_file_test(file, G_FILE_TEST_EXISTS));
	g_subprocess_force_exit(writer);
}
END_TEST

/* An archive of what a test says, with sums that are right. */
typedef struct {
	GByteArray *bytes;
	GString *sums;
} Forgery;

static void
add_raw(Forgery *forgery, const char *name, const void *content, gsize size)
{
	static const guint8 zeros[TAR_BLOCK];
	guint8 block[TAR_BLOCK];

	tar_write(block, name, size, 0);
	g_byte_array_append(forgery->bytes, block, sizeof block);
	g_byte_array_append(forgery->bytes, content, (guint)size);
	g_byte_array_append(forgery->bytes, zeros, (guint)TAR_PADDING(size));
}

static void
add(Forgery *forgery, const char *name, const char *text)
{
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

	g_string_append_printf(forgery->sums, "%s  %s\n", sum, name);
	add_raw(forgery, name, text, strlen(text));
}

#define DESKTOP                                                                                             \
	"[Desktop]\nFormat=1\nPool=desk\nUser=anna\nDesktop=desk-1\nImage=debian@1\nCreated=2026-11-20T08:" \
	"00:00Z\n"
#define DISK "[Image]\nName=a\nVersion=1\nCreated=2026-11-20T08:00:00Z\nDisk=disk.qcow2\n"
#define KERNEL "Boot=kernel\nKernel=kernel\nCmdline=quiet\n"

/* What stands in each member; NULL: it is not there. */
static const struct {
	const char *names[8], *texts[8];
	const char *why;
} forgeries[] = {
	{{"desktop.ini", "image.ini"}, {DESKTOP, DISK}, "missing"},
	{{"desktop.ini", "disk.qcow2"}, {DESKTOP, "x"}, "missing"},
	{{"desktop.ini", "image.ini", "disk.qcow2"}, {DESKTOP, DISK, "x"}, "qemu-img cannot read it"},
	{{"image.ini", "desktop.ini", "disk.qcow2"}, {DISK, DESKTOP, "x"}, "not in the order"},
	{{"desktop.ini", "image.ini", "disk.qcow2", "disk.qcow2"}, {DESKTOP, DISK, "x", "y"},
		"not in the order"},
	{{"desktop.ini", "image.ini", "passwd"}, {DESKTOP, DISK, "x"}, "does not belong there"},
	{{"desktop.ini", "image.ini", "disk.qcow2"}, {"[Desktop]\nFormat=2\n", DISK, "x"}, "not the format"},
	{{"desktop.ini", "image.ini", "disk.qcow2"}, {DESKTOP "Evil=yes\n", DISK, "x"}, "no such key"},
	{{"desktop.ini", "image.ini", "disk.qcow2"},
		{DESKTOP, "[Image]\nName=a\nVersion=1\nCreated=2026-11-20T08:00:00Z\nDisk=../x\n", "x"},
		"not the name"},
	{{"desktop.ini", "image.ini", "disk.qcow2"},
		{DESKTOP, "[Image]\nName=a\nVersion=1\nCreated=2026-11-20T08:00:00Z\nDisk=desktop.ini\n",
			"x"},
		"other files"},
	{{"desktop.ini", "image.ini", "disk.qcow2"}, {DESKTOP, DISK KERNEL, "x"}, "is missing"},
	{{"desktop.ini", "image.ini", "kernel", "disk.qcow2"}, {DESKTOP, DISK, "x", "x"}, "other files"},
	{{"desktop.ini", "image.ini", "kernel", "initrd", "disk.qcow2"},
		{DESKTOP, DISK KERNEL, "x", "x", "x"}, "other files"},
};

static void
read_is_refused(Forgery *forgery, const char *why)
{
	static const guint8 end[2 * TAR_BLOCK];
	g_autofree char *made = g_build_filename(images, "a", NULL);
	g_autoptr(GError) error = NULL;

	g_byte_array_append(forgery->bytes, end, sizeof end);
	ck_assert(g_file_set_contents(file, (const char *)forgery->bytes->data, forgery->bytes->len, NULL));
	ck_assert_ptr_null(archive_read(images, file, "a", NULL, NULL, NULL, &error));
	ck_assert_msg(strstr(error->message, why) != NULL, "%s", error->message);
	ck_assert_uint_eq(count_files(made), 0);
	g_byte_array_unref(forgery->bytes);
	g_string_free(forgery->sums, TRUE);
}

START_TEST(what_is_no_exported_desktop_is_refused_and_leaves_nothing)
{
	Forgery forgery = {g_byte_array_new(), g_string_new(NULL)};

	for (guint i = 0; forgeries[_i].names[i]; i++)
		add(&forgery, forgeries[_i].names[i], forgeries[_i].texts[i]);
	add_raw(&forgery, "SHA256SUMS", forgery.sums->str, forgery.sums->len);
	read_is_refused(&forgery, forgeries[_i].why);
}
END_TEST

START_TEST(sizes_and_sums_are_not_believed)
{
	Forgery forgery = {g_byte_array_new(), g_string_new(NULL)};
	guint8 block[TAR_BLOCK];

	add(&forgery, "desktop.ini", DESKTOP);
	add(&forgery, "image.ini", DISK);
	if (_i == 0) {
		tar_write(block, "disk.qcow2", G_MAXINT64, 0);
		g_byte_array_append(forgery.bytes, block, sizeof block);
		read_is_refused(&forgery, "cut short");
	} else if (_i == 1) {
		tar_write(block, "kernel", G_GUINT64_CONSTANT(2) << 30, 0);
		g_byte_array_append(forgery.bytes, block, sizeof block);
		read_is_refused(&forgery, "larger than such a file can be");
	} else {
		add(&forgery, "disk.qcow2", "x");
		forgery.sums->str[3] ^= 1;
		add_raw(&forgery, "SHA256SUMS", forgery.sums->str, forgery.sums->len - (_i == 3));
		read_is_refused(&forgery, "damaged");
	}
}
END_TEST

START_TEST(one_that_is_cut_anywhere_is_refused)
{
	static const gsize lengths[] = {0, 1, 511, 512, 700, 1023, 1024, 1536, 2600, 3072};
	Forgery forgery = {g_byte_array_new(), g_string_new(NULL)};
	g_autoptr(GError) error = NULL;

	add(&forgery, "desktop.ini", DESKTOP);
	add(&forgery, "image.ini", DISK);
	add(&forgery, "disk.qcow2", "x");
	ck_assert(g_file_set_contents(file, (const char *)forgery.bytes->data, (gssize)lengths[_i], NULL));
	ck_assert_ptr_null(archive_read(images, file, "a", NULL, NULL, NULL, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "cut short"));
	g_byte_array_unref(forgery.bytes);
	g_string_free(forgery.sums, TRUE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("archive");
	TCase *tcase = tcase_create("archive");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_header_is_read_as_it_was_written, 0, 7);
	tcase_add_loop_test(
		tcase, a_header_of_anything_but_a_plain_file_is_refused, 0, G_N_ELEMENTS(bad_headers));
	tcase_add_test(tcase, a_desktop_becomes_a_file_and_the_file_an_image);
	tcase_add_test(tcase, what_is_interrupted_leaves_nothing);
	tcase_add_test(tcase, a_disk_that_somebody_writes_to_is_not_exported);
	tcase_add_loop_test(
		tcase, what_is_no_exported_desktop_is_refused_and_leaves_nothing, 0, G_N_ELEMENTS(forgeries));
	tcase_add_loop_test(tcase, sizes_and_sums_are_not_believed, 0, 4);
	tcase_add_loop_test(tcase, one_that_is_cut_anywhere_is_refused, 0, 10);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
