/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/home.h"

#include "agent/home-move.h"
#include "agent/program.h"
#include "broker/common/error.h"

#include <glib/gstdio.h>
#include <pwd.h>
#include <sys/stat.h>

/* A session that begins has to be there by then, on a machine that is slow and boots. */
#define LOGIN_DEADLINE_S 90
#define GIVE_BACK_S 15
#define REQUESTS_MAX 8

struct Home {
	char *unit, *record, *staging;
	Helpers *helpers;
	void (*answer)(const Message *message, const char *fault, void *data);
	void *data;
	GQueue requests; /* Message *; the first one is under way when `work` is set */
	struct Work *work;
	guint login_deadline_id; /* 0: no session is awaited */
};

/* What a worker does for the first request; it is the worker's until that is done. */
typedef struct Work {
	HomePlace place;
	char *user, *path;
	char *serial; /* NULL: gives the home back */
	gboolean ended; /* set by the worker, and looked at meanwhile: atomic */
} Work;

static void begin_next(Home *home);

static void
work_free(Work *work)
{
	g_free(work->user);
	g_free(work->path);
	g_free(work->serial);
	g_free(work);
}

/* Whose home it is: of the one that was taken; else of the session; else of the one that is to begin, which the worker asks for. */
static char *
find_user(Home *home)
{
	char *user = NULL;

	if (g_file_get_contents(home->record, &user, NULL, NULL))
		return g_strstrip(user);
	return g_strdup(helpers_user(home->helpers));
}

static char *
ask_user(const char *unit)
{
	char *output;

	program_run((const char *[]){"systemctl", "show", "--property=User", "--value", unit, NULL}, program_deadline(5), &output, NULL);
	return g_strstrip(output);
}

static gboolean
find_place(Work *work, GError **error)
{
	struct passwd entry, *found = NULL;
	char buffer[4096];
	const char *why = NULL;
	GStatBuf info;

	if (work->user == NULL)
		work->user = ask_user(work->place.unit);
	if (*work->user == '\0' || getpwnam_r(work->user, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
		why = "nobody is signed in, nor will be";
	else if (entry.pw_uid == 0)
		why = "the session is root's";
	else if (entry.pw_dir[0] != '/' || g_lstat(entry.pw_dir, &info) < 0 || !S_ISDIR(info.st_mode))
		why = "the session's user has no home";
	if (why) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, why);
		return FALSE;
	}
	work->path = g_canonicalize_filename(entry.pw_dir, "/");
	work->place.user = work->user;
	work->place.uid = entry.pw_uid;
	work->place.home = work->path;
	return TRUE;
}

static void
start_session(Home *home)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocess) process =
		g_subprocess_new(G_SUBPROCESS_FLAGS_NONE, &error, "systemctl", "--no-block", "start", home->unit, NULL);

	if (process == NULL)
		g_warning("systemctl: %s", error->message);
}

static void
finish(Home *home, const char *fault)
{
	g_autoptr(Message) message = g_queue_pop_head(&home->requests);

	g_clear_handle_id(&home->login_deadline_id, g_source_remove);
	g_clear_pointer(&home->work, work_free);
	home->answer(message, fault, home->data);
	begin_next(home);
}

static void
do_work(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	Home *home = data;
	Work *work = home->work;
	GError *error = NULL;
	gboolean good = find_place(work, &error);

	if (good && work->serial)
		good = home_take(&work->place, work->serial, &work->ended, &error);
	else if (good)
		good = home_give_back(&work->place, GIVE_BACK_S, &work->ended, &error);
	if (work->path && home_get_mount(work->path) == 0 && home_get_mount(home->staging) == 0)
		g_unlink(home->record);
	if (good)
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

/* @serial: of the disk to be taken; NULL: the home is given back. */
static void
start_work(Home *home, const char *serial, GAsyncReadyCallback on_done)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, on_done, home);

	g_clear_pointer(&home->work, work_free);
	home->work = g_new0(Work, 1);
	home->work->place.unit = home->unit;
	home->work->place.staging = home->staging;
	home->work->place.record = home->record;
	home->work->user = find_user(home);
	home->work->serial = g_strdup(serial);
	g_task_set_task_data(task, home, NULL);
	g_task_run_in_thread(task, do_work);
}

static void
on_given_back(GObject *source, GAsyncResult *result, gpointer data)
{
	Home *home = data;
	g_autoptr(GError) error = NULL;
	gboolean good = g_task_propagate_boolean(G_TASK(result), &error);

	if (home->work->ended)
		helpers_forget(home->helpers);
	finish(home, good ? NULL : error->message);
}

/* The old home is there again for a session that did not begin on the disk. */
static void
on_undone(GObject *source, GAsyncResult *result, gpointer data)
{
	Home *home = data;
	g_autoptr(GError) error = NULL;

	if (!g_task_propagate_boolean(G_TASK(result), &error))
		g_warning("the home cannot be given back: %s", error->message);
	if (home->work->ended)
		helpers_forget(home->helpers);
	start_session(home);
	finish(home, "no session began on the disk in time");
}

static gboolean
on_login_deadline(gpointer data)
{
	Home *home = data;

	home->login_deadline_id = 0;
	start_work(home, NULL, on_undone);
	return G_SOURCE_REMOVE;
}

static void
on_taken(GObject *source, GAsyncResult *result, gpointer data)
{
	Home *home = data;
	g_autoptr(GError) error = NULL;
	gboolean good = g_task_propagate_boolean(G_TASK(result), &error);

	if (home->work->ended)
		helpers_forget(home->helpers);
	/* No harm where there is one. Others were ended by a release, or by a daemon that came to no end. */
	start_session(home);
	if (good && helpers_user(home->helpers) == NULL)
		home->login_deadline_id = g_timeout_add_seconds(LOGIN_DEADLINE_S, on_login_deadline, home);
	else
		finish(home, good ? NULL : error->message);
}

static void
begin_next(Home *home)
{
	const Message *message = g_queue_peek_head(&home->requests);

	if (message == NULL || home->work)
		return;
	if (message->kind == MESSAGE_HOME)
		start_work(home, message->serial, on_taken);
	else if (g_access(home->record, F_OK) == 0)
		start_work(home, NULL, on_given_back);
	else
		finish(home, NULL);
}

void
home_request(Home *home, Message *message)
{
	if (g_queue_get_length(&home->requests) >= REQUESTS_MAX) {
		home->answer(message, "too many requests for a home are under way", home->data);
		message_free(message);
		return;
	}
	g_queue_push_tail(&home->requests, message);
	begin_next(home);
}

gboolean
home_is_busy(const Home *home)
{
	return home->work != NULL;
}

gboolean
home_ended_session(Home *home)
{
	return home->work != NULL && g_atomic_int_get(&home->work->ended);
}

void
home_on_login(Home *home)
{
	if (home->login_deadline_id != 0)
		finish(home, home_get_mount(home->work->path) != 0 ? NULL : "the disk is gone");
}

Home *
home_new(const char *runtime, const char *unit, Helpers *helpers,
	void (*answer)(const Message *message, const char *fault, void *data), void *data)
{
	Home *home = g_new0(Home, 1);

	home->unit = g_strdup(unit);
	home->record = g_build_filename(runtime, "home", NULL);
	home->staging = g_build_filename(runtime, "home-disk", NULL);
	home->helpers = helpers;
	home->answer = answer;
	home->data = data;
	g_queue_init(&home->requests);
	return home;
}

void
home_free(Home *home)
{
	if (home == NULL)
		return;
	g_clear_handle_id(&home->login_deadline_id, g_source_remove);
	g_queue_clear_full(&home->requests, (GDestroyNotify)message_free);
	g_free(home->unit);
	g_free(home->record);
	g_free(home->staging);
	g_free(home);
}
