/* carrel recording. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/recording.h"

static char *wanted_pool, *wanted_user;

static const GOptionEntry list_options[] = {
        {"pool", 0, 0, G_OPTION_ARG_STRING, &wanted_pool, "Only of this pool", "POOL"},
        {"user", 0, 0, G_OPTION_ARG_STRING, &wanted_user, "Only of this person's desktops", "USER"},
        {NULL},
};

static char *
format_size(GVariant *value)
{
	return g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64) ? g_format_size_full(g_variant_get_uint64(value), G_FORMAT_SIZE_IEC_UNITS)
	                                                          : g_strdup("-");
}

static const CliColumn columns[] = {
        {"RECORDING", "id"},
        {"POOL", "pool"},
        {"USER", "user", cli_format_text},
        {"DESKTOP", "desktop", cli_format_text},
        {"BEGAN", "started", cli_format_age, TRUE},
        {"ENDED", "ended", cli_format_age, TRUE},
        {"SIZE", "size", format_size, TRUE},
        {"INPUT", "input", cli_format_yes_no},
        {"STATE", "state"},
        {NULL},
};

static int
run_list(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	g_auto(GVariantDict) filter = G_VARIANT_DICT_INIT(NULL);
	g_autoptr(GVariant) rows = NULL;

	if (broker == NULL)
		return status;
	if (wanted_pool)
		g_variant_dict_insert(&filter, "pool", "s", wanted_pool);
	if (wanted_user)
		g_variant_dict_insert(&filter, "user", "s", wanted_user);
	if (!carrel_broker1_admin_call_list_recordings_sync(
	            broker, g_variant_dict_end(&filter), G_DBUS_CALL_FLAGS_NONE, -1, &rows, NULL, &error))
		return cli_fail(error);
	cli_print_list(context, rows, columns, "Nothing was recorded.");
	return CLI_DONE;
}

/* A file when @name has a slash or there is one of that name, else what the broker has under it. -1 with @error or *@status. */
static int
open_recording(CliContext *context, const char *name, int *status, GError **error)
{
	g_autoptr(CarrelBroker1Admin) broker = NULL;
	g_autoptr(GVariant) handle = NULL;
	g_autoptr(GUnixFDList) fds = NULL;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (strchr(name, '/') || errno != ENOENT) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "%s: %s", name, g_strerror(errno));
		return -1;
	}
	broker = cli_broker(context, status);
	if (broker == NULL ||
	        !carrel_broker1_admin_call_open_recording_sync(broker, name, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &handle, &fds, NULL, error))
		return -1;
	if (fds == NULL || g_unix_fd_list_get_length(fds) < 1) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "the broker gave no file");
		return -1;
	}
	return g_unix_fd_list_get(fds, 0, error);
}

static char *
format_time(guint64 ms)
{
	guint64 s = ms / 1000;

	return g_strdup_printf("%" G_GUINT64_FORMAT ":%02u:%02u.%03u", s / 3600, (guint)(s / 60 % 60), (guint)(s % 60), (guint)(ms % 1000));
}

static void
print_marker(const RecordingRecord *record, guint64 offset, void *data)
{
	gboolean joined = record->type == RECORDING_JOINED;
	g_autofree char *time = NULL, *what = NULL, *who = NULL, *line = NULL;
	g_autoptr(GVariant) text = NULL;

	if (!joined && record->type != RECORDING_LEFT && record->type != RECORDING_RESIZED)
		return;
	time = format_time(record->ms);
	if (record->type == RECORDING_RESIZED && record->size == 4) {
		g_print("%s  %u x %u\n", time, record->bytes[0] << 8 | record->bytes[1], record->bytes[2] << 8 | record->bytes[3]);
		return;
	}
	what = recording_line(record->bytes, record->size, joined ? "protocol" : "client");
	who = recording_line(record->bytes, record->size, joined ? "user" : "why");
	text = g_variant_ref_sink(g_variant_new_printf("%s %s: %s", joined ? "joined" : "left", what ? what : "", who ? who : ""));
	line = cli_format_text(text);
	g_print("%s  %s\n", time, line);
}

static void
print_line(const char *name, const char *value)
{
	g_autoptr(GVariant) text = g_variant_ref_sink(g_variant_new_string(value));
	g_autofree char *line = cli_format_text(text);

	g_print("%-9s %s\n", name, line);
}

static int
run_show(CliContext *context, char **args)
{
	int status = CLI_FAILED;
	GError *error = NULL;
	int fd = open_recording(context, args[0], &status, &error);
	g_autoptr(RecordingFacts) facts = fd >= 0 ? recording_facts(fd, TRUE, &error) : NULL;
	g_autoptr(GDateTime) began = NULL;
	g_autofree char *length = NULL, *began_text = NULL;
	RecordingReport report;

	if (facts == NULL)
		return error ? cli_fail(error) : status;
	length = format_time(facts->ms);
	began = g_date_time_new_from_unix_local(facts->started / 1000);
	began_text = began ? g_date_time_format(began, "%F %T %Z") : g_strdup("-");
	print_line("Desktop:", facts->desktop);
	print_line("Pool:", facts->pool);
	print_line("User:", facts->user);
	print_line("Began:", began_text);
	print_line("Length:", length);
	print_line("Input:", facts->input ? "yes" : "no");
	print_line("End:", facts->complete ? "complete" : "cut, or still being written");
	recording_verify(fd, print_marker, NULL, &report, NULL);
	close(fd);
	return CLI_DONE;
}

static int
verify_one(CliContext *context, const char *name)
{
	int status = CLI_FAILED;
	GError *error = NULL;
	RecordingReport report;
	int fd = open_recording(context, name, &status, &error);
	g_autofree char *time = NULL;
	g_autoptr(GString) hash = g_string_new(NULL);
	gboolean read;

	if (fd < 0)
		return error ? cli_fail(error) : status;
	read = recording_verify(fd, NULL, NULL, &report, &error);
	close(fd);
	if (!read)
		return cli_fail(error);
	time = format_time(report.ms);
	for (gsize i = 0; i < sizeof report.hash; i++)
		g_string_append_printf(hash, "%02x", report.hash[i]);
	switch (report.state) {
	case RECORDING_COMPLETE:
		g_print("%s: unchanged and complete: %" G_GUINT64_FORMAT " records, %s, sha256 %s\n", name, report.records, time,
		        hash->str);
		return CLI_DONE;
	case RECORDING_CUT:
		g_print("%s: cut at %s, and unchanged up to there: %" G_GUINT64_FORMAT " records, %" G_GUINT64_FORMAT " bytes, sha256 %s\n",
		        name, time, report.records, report.size, hash->str);
		return CLI_DONE;
	case RECORDING_BROKEN:
		break;
	}
	g_print("%s: changed: record %" G_GUINT64_FORMAT ", at byte %" G_GUINT64_FORMAT ", behind %s: %s\n", name, report.records,
	        report.size, time, report.why);
	return CLI_FAILED;
}

static int
run_verify(CliContext *context, char **args)
{
	int status = CLI_DONE;

	for (; *args != NULL; args++) {
		int one = verify_one(context, *args);

		if (status == CLI_DONE)
			status = one;
	}
	return status;
}

static gboolean
copy(int from, int to)
{
	g_autofree char *buffer = g_malloc(1 << 20);
	ssize_t n;

	while ((n = read(from, buffer, 1 << 20)) > 0) {
		for (ssize_t done = 0, written; done < n; done += written) {
			written = write(to, buffer + done, (gsize)(n - done));
			if (written < 0)
				return FALSE;
		}
	}
	return n == 0 && fsync(to) == 0;
}

static int
run_export(CliContext *context, char **args)
{
	int status = CLI_FAILED, saved;
	GError *error = NULL;
	int from = open_recording(context, args[0], &status, &error), to;
	gboolean done;

	if (from < 0)
		return error ? cli_fail(error) : status;
	to = open(args[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	done = to >= 0 && copy(from, to);
	saved = errno;
	close(from);
	if (to >= 0)
		close(to);
	if (!done) {
		if (to >= 0)
			unlink(args[1]);
		return cli_fail(g_error_new(CARREL_ERROR, CARREL_ERROR_FAILED, "%s: %s", args[1], g_strerror(saved)));
	}
	return CLI_DONE;
}

static int
run_remove(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);

	if (broker == NULL)
		return status;
	for (; *args != NULL; args++) {
		if (!carrel_broker1_admin_call_remove_recording_sync(broker, *args, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error))
			return cli_fail(error);
		g_print("The recording %s was removed.\n", *args);
	}
	return CLI_DONE;
}

static const CliVerb verbs[] = {
        {"list", "", "List what was recorded, the newest first", NULL, 0, 0, TRUE, list_options, run_list},
        {"show", "RECORDING|FILE", "What one is, and who came and went in it", NULL, 1, 1, FALSE, NULL, run_show},
        {"verify", "RECORDING|FILE...", "Prove that nothing in it was changed",
                "Names the first record that was, and its time. One that was cut, as its host died or its disk was full, is proved up to "
                "there. The hash that is printed is that of the last record, which the audit table has of each.",
                1, -1, FALSE, NULL, run_verify},
        {"export", "RECORDING FILE", "Write a copy to a new file", NULL, 2, 2, FALSE, NULL, run_export},
        {"remove", "RECORDING...", "Remove some for good", NULL, 1, -1, FALSE, NULL, run_remove},
        {NULL},
};

int
cli_recording(CliContext *context, int argc, char **argv)
{
	return cli_run_verb(context, "Recordings of desktops' screens, of pools with Record=on", verbs, argc, argv);
}
