/* Runs the real pool engine by hand or from a script: reads commands from standard input, prints changes as they come.
 *
 *   engine-driver CONFIG
 *   claim POOL USER | ask ID | reset ID | discard ID | stop ID | restart ID | release USER | drain POOL yes|no | apply
 *   hold ID | unhold ID | import POOL USER IMAGE@VERSION | notify ID TEXT | screenshot ID FILE | list | pools | quit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/log.h"
#include "pools/engine.h"

typedef struct {
	Engine *engine;
	GMainLoop *loop;
	GString *input;
} Driver;

static void
print_desktop(const char *what, const DesktopView *desktop)
{
	printf("%s %s state=%s user=%s usable=%d agent=%d step=“%s” queue=%u/%u image=%s note=%s\n", what, desktop->id, desktop->state,
		desktop->user ? desktop->user : "-", desktop->usable, desktop->agent, desktop->step, desktop->queue_place,
		desktop->queue_length, desktop->image, desktop->note ? desktop->note : "-");
	fflush(stdout);
}

static void
on_change(const DesktopView *desktop, void *data)
{
	printf("%.3f ", (double)g_get_monotonic_time() / G_USEC_PER_SEC);
	print_desktop("change", desktop);
}

static void
on_end_clients(const char *desktop, guint16 code, void *data)
{
	printf("end-clients %s %u\n", desktop, code);
	fflush(stdout);
}

static void
on_guest_logout(const char *desktop, const char *user, void *data)
{
	printf("guest-logout %s %s\n", desktop, user);
	fflush(stdout);
}

static gboolean
print_listed(const DesktopView *desktop, void *data)
{
	print_desktop("desktop", desktop);
	return TRUE;
}

static void
print_pools(Engine *engine)
{
	for (guint i = 0; i < engine_n_pools(engine); i++) {
		const PoolView *pool = engine_pool_at(engine, i);

		printf("pool %s ready=%u assigned=%u cloning=%u resetting=%u failed=%u retry=%u draining=%d fault=%s\n", pool->name,
			pool->ready, pool->assigned, pool->cloning, pool->resetting, pool->failed, pool->retry_in_s, pool->draining,
			pool->fault ? pool->fault : "-");
	}
	printf("connected=%d\n", engine_is_connected(engine));
	fflush(stdout);
}

static void
report(gboolean ok, GError *error)
{
	printf("%s%s%s%s\n", ok ? "ok" : "error ", ok ? "" : carrel_error_word((CarrelErrorCode)error->code), ok ? "" : ": ",
		ok ? "" : error->message);
	fflush(stdout);
	g_clear_error(&error);
}

static void
on_screenshot(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autofree char *file = data;
	GError *error = NULL;
	const char *mime = NULL;
	g_autoptr(GBytes) bytes = engine_screenshot_finish(result, &mime, &error);
	gboolean ok = bytes != NULL;

	if (ok) {
		gsize size;
		const char *start = g_bytes_get_data(bytes, &size);

		printf("screenshot %s %zu bytes\n", mime, size);
		ok = g_file_set_contents(file, start, (gssize)size, &error);
	}
	report(ok, error);
}

static void
apply(Engine *engine)
{
	g_auto(GStrv) changes = NULL, faults = NULL;

	engine_apply(engine, &changes, &faults);
	for (char **line = changes; *line; line++)
		printf("applied %s\n", *line);
	for (char **line = faults; *line; line++)
		printf("fault %s\n", *line);
	report(TRUE, NULL);
}

static void
print_claimed(const DesktopView *desktop, gint64 took_us)
{
	printf("claimed %s state=%s user=%s usable=%d agent=%d kept=%d us=%" G_GINT64_FORMAT "\n", desktop->id, desktop->state,
		desktop->user, desktop->usable, desktop->agent, desktop->kept, took_us);
	fflush(stdout);
}

static void
claim(Engine *engine, const char *pool, const char *user, const char *image)
{
	GError *error = NULL;
	gint64 began_us = g_get_monotonic_time();
	const DesktopView *desktop = image ? engine_import(engine, pool, user, image, &error) : engine_claim(engine, pool, user, &error);
	gint64 took_us = g_get_monotonic_time() - began_us;

	if (desktop)
		print_claimed(desktop, took_us);
	else
		report(FALSE, error);
}

static gboolean
ask(Engine *engine, const char *id, GError **error)
{
	engine_ask(engine, id);
	if (engine_desktop(engine, id))
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no desktop %s", id);
	return FALSE;
}

static gboolean
hold(Engine *engine, const char *id, GError **error)
{
	g_autofree char *disk = NULL;

	return engine_hold(engine, id, &disk, error) != NULL;
}

/* The commands about one desktop. FALSE: @word is none of them. */
static gboolean
carry_out_one(Engine *engine, const char *word, const char *id)
{
	GError *error = NULL;
	gboolean ok = TRUE;

	if (strcmp(word, "ask") == 0)
		ok = ask(engine, id, &error);
	else if (strcmp(word, "reset") == 0)
		ok = engine_reset(engine, id, 4010, "asked", &error);
	else if (strcmp(word, "discard") == 0)
		ok = engine_discard(engine, id, 4010, "asked", &error);
	else if (strcmp(word, "stop") == 0)
		ok = engine_stop(engine, id, &error);
	else if (strcmp(word, "restart") == 0)
		ok = engine_restart(engine, id, &error);
	else if (strcmp(word, "hold") == 0)
		ok = hold(engine, id, &error);
	else if (strcmp(word, "unhold") == 0)
		engine_release_hold(engine, id);
	else
		return FALSE;
	report(ok, error);
	return TRUE;
}

static void
carry_out(Driver *driver, char *line)
{
	g_auto(GStrv) word = g_strsplit(g_strstrip(line), " ", 4);
	g_auto(GStrv) text = g_strsplit(line, " ", 3);
	guint n = g_strv_length(word);
	GError *error = NULL;
	gboolean ok;

	if (n == 3 && strcmp(word[0], "claim") == 0) {
		claim(driver->engine, word[1], word[2], NULL);
	} else if (n == 4 && strcmp(word[0], "import") == 0) {
		claim(driver->engine, word[1], word[2], word[3]);
	} else if (n == 2 && strcmp(word[0], "release") == 0) {
		printf("released %u\n", engine_release_user(driver->engine, word[1], 4009, "signed out"));
		fflush(stdout);
	} else if (n == 3 && strcmp(word[0], "drain") == 0) {
		ok = engine_drain(driver->engine, word[1], strcmp(word[2], "yes") == 0, &error);
		report(ok, error);
	} else if (n >= 3 && strcmp(word[0], "notify") == 0) {
		ok = engine_notify(driver->engine, word[1], text[2], &error);
		report(ok, error);
	} else if (n == 3 && strcmp(word[0], "screenshot") == 0) {
		engine_screenshot_async(driver->engine, word[1], on_screenshot, g_strdup(word[2]));
	} else if (n == 1 && strcmp(word[0], "apply") == 0) {
		apply(driver->engine);
	} else if (n == 1 && strcmp(word[0], "list") == 0) {
		engine_each_desktop(driver->engine, print_listed, NULL);
	} else if (n == 1 && strcmp(word[0], "pools") == 0) {
		print_pools(driver->engine);
	} else if (n == 1 && strcmp(word[0], "quit") == 0) {
		g_main_loop_quit(driver->loop);
	} else if (n > 0 && *word[0] != '\0' && (n != 2 || !carry_out_one(driver->engine, word[0], word[1]))) {
		printf("what? %s\n", word[0]);
		fflush(stdout);
	}
}

static gboolean
on_input(int fd, GIOCondition condition, gpointer data)
{
	Driver *driver = data;
	char buffer[4096];
	ssize_t n = read(fd, buffer, sizeof buffer);
	char *end;

	if (n <= 0) {
		g_main_loop_quit(driver->loop);
		return G_SOURCE_REMOVE;
	}
	g_string_append_len(driver->input, buffer, n);
	while ((end = strchr(driver->input->str, '\n')) != NULL) {
		g_autofree char *line = g_strndup(driver->input->str, (gsize)(end - driver->input->str));

		g_string_erase(driver->input, 0, end - driver->input->str + 1);
		carry_out(driver, line);
	}
	return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
	const EngineEvents events = {on_change, on_end_clients, on_guest_logout, NULL};
	g_autoptr(GError) error = NULL;
	g_autoptr(Conf) conf = argc == 2 ? conf_load(argv[1], &error) : NULL;
	g_autofree char *file = conf ? g_build_filename(conf->state, "broker", "carrel.db", NULL) : NULL;
	g_autofree char *folder = file ? g_path_get_dirname(file) : NULL;
	g_autoptr(Store) store = NULL;
	Driver driver = {0};

	log_init(TRUE);
	signal(SIGPIPE, SIG_IGN); /* as GLib does in the broker, once it has a socket */
	if (conf && g_mkdir_with_parents(folder, 0755) == 0)
		store = store_open(file, &error);
	if (store)
		driver.engine = engine_new(conf, store, &events, &error);
	if (driver.engine == NULL) {
		fprintf(stderr, "engine-driver CONFIG: %s\n", error ? error->message : "one argument is needed");
		return EXIT_FAILURE;
	}
	driver.loop = g_main_loop_new(NULL, FALSE);
	driver.input = g_string_new(NULL);
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, &driver);
	g_main_loop_run(driver.loop);
	engine_free(driver.engine);
	g_main_loop_unref(driver.loop);
	g_string_free(driver.input, TRUE);
	return EXIT_SUCCESS;
}
