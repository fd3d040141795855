/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/program.h"

#include "broker/common/error.h"
#include "broker/common/harden.h"
#include "broker/common/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct Program {
	const ProgramInfo *info;
	Conf *conf;
	GMainLoop *loop;
	gboolean verbose;
	int notify_fd; /* systemd's, or -1 */
	int status;
	void (*on_reload)(void *data);
	void *reload_data;
};

Program *
program_new(const ProgramInfo *info, int *argc, char ***argv, int *status)
{
	g_autoptr(Program) program = g_new0(Program, 1);
	g_autofree char *file = NULL;
	gboolean version = FALSE;
	const GOptionEntry options[] = {
		{"config", 'c', 0, G_OPTION_ARG_FILENAME, &file, "Configuration of the instance", "FILE"},
		{"verbose", 'v', 0, G_OPTION_ARG_NONE, &program->verbose, "Say more in the log", NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL},
		{NULL},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	*status = 2;
	program->notify_fd = -1;
	program->info = info;
	g_set_prgname(info->name);
	g_option_context_set_summary(context, info->summary);
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, argc, argv, &error)) {
		g_printerr("%s: %s\n", info->name, error->message);
		return NULL;
	}
	if (version) {
		g_print("%s %s\n", info->name, PACKAGE_VERSION);
		*status = 0;
		return NULL;
	}
	if (*argc > 1) {
		g_printerr("%s: “%s” is not understood; see --help\n", info->name, (*argv)[1]);
		return NULL;
	}
	log_init(program->verbose);
	program->conf = conf_load(file ? file : conf_default_file(), &error);
	if (program->conf == NULL) {
		g_printerr("%s\n", error->message);
		*status = 78; /* EX_CONFIG of sysexits.h */
		return NULL;
	}
	*status = 0;
	return g_steal_pointer(&program);
}

void
program_free(Program *program)
{
	if (program == NULL)
		return;
	g_clear_pointer(&program->loop, g_main_loop_unref);
	if (program->notify_fd >= 0)
		close(program->notify_fd);
	conf_free(program->conf);
	g_free(program);
}

const Conf *
program_conf(const Program *program)
{
	return program->conf;
}

gboolean
program_is_verbose(const Program *program)
{
	return program->verbose;
}

gboolean
program_lookup_user(const char *user, uid_t *uid, gid_t *gid, GError **error)
{
	guint64 number;

	if (g_ascii_string_to_unsigned(user, 10, 0, G_MAXINT32, &number, NULL)) {
		*uid = (uid_t)number;
		*gid = (gid_t)number;
		return TRUE;
	}
	errno = 0;
	struct passwd *entry = getpwnam(user);
	if (entry == NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"there is no user “%s”: make it (adduser --system --group %s) or name another in [Users]", user, user);
		return FALSE;
	}
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return TRUE;
}

static gboolean
make_folder(const char *parent, const char *name, mode_t mode, uid_t uid, gid_t gid, GError **error)
{
	g_autofree char *path = g_build_filename(parent, name, NULL);

	if (g_mkdir_with_parents(parent, 0755) < 0 || (g_mkdir(path, mode) < 0 && errno != EEXIST) ||
		(geteuid() == 0 && (chown(path, uid, gid) < 0 || chmod(path, mode) < 0))) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot make the folder %s: %s", path, g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

static void adopt(int folder, guint depth, uid_t uid, gid_t gid);

static void
adopt_one(int parent, const char *name, guint depth, uid_t uid, gid_t gid)
{
	int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd < 0)
		return;
	if (fstat(fd, &status) < 0 ||
		!((S_ISREG(status.st_mode) && status.st_nlink == 1) || (S_ISDIR(status.st_mode) && depth > 0))) {
		close(fd);
		return;
	}
	if (status.st_uid != uid && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		g_warning("cannot give %s to user %u: %s", name, uid, g_strerror(errno));
	if (S_ISDIR(status.st_mode))
		adopt(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), depth - 1, uid, gid);
	close(fd);
}

/* The user in [Users] may have changed, or root looked after the files by hand: what lies in the folder, and in those in it down to
 * @depth, becomes the program's, as with systemd's StateDirectory=. They are in the hands of a user whom we do not trust with root's
 * rights, so only plain files with one name are touched, and everything by descriptor. Consumes @folder; -1: there is none. */
static void
adopt(int folder, guint depth, uid_t uid, gid_t gid)
{
	DIR *entries = folder >= 0 ? fdopendir(folder) : NULL;
	const struct dirent *entry;

	while (entries && (entry = readdir(entries)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			adopt_one(dirfd(entries), entry->d_name, depth, uid, gid);
	}
	if (entries)
		closedir(entries);
	else if (folder >= 0)
		close(folder);
}

static void
adopt_files(const char *parent, const char *name, guint depth, uid_t uid, gid_t gid)
{
	g_autofree char *path = g_build_filename(parent, name, NULL);

	if (geteuid() == 0)
		adopt(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), depth, uid, gid);
}

static gboolean
become(uid_t uid, gid_t gid, char *const *groups, GError **error)
{
	gid_t list[17];
	int n = 0;

	list[n++] = gid;
	for (; groups && *groups && n < (int)G_N_ELEMENTS(list); groups++) {
		struct group *entry = getgrnam(*groups);

		if (entry == NULL) {
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "there is no group “%s”", *groups);
			return FALSE;
		}
		list[n++] = entry->gr_gid;
	}
	if (setgroups((size_t)n, list) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot become user %u: %s", uid, g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

/* sd_notify(3) in a few lines, so that no program needs libsystemd for one datagram. Connected now, since a sandbox lets no
 * datagram go to an address; and not for our children, who are not the ones to be ready. */
static void
connect_notify(Program *program)
{
	const char *path = g_getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t size = offsetof(struct sockaddr_un, sun_path);

	if (path == NULL || strlen(path) < 2 || strlen(path) >= sizeof address.sun_path)
		return;
	memcpy(address.sun_path, path, strlen(path));
	size += (socklen_t)strlen(path);
	if (*path == '@')
		address.sun_path[0] = '\0';
	program->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (program->notify_fd >= 0 && connect(program->notify_fd, (struct sockaddr *)&address, size) < 0) {
		g_warning("systemd cannot be told when %s is ready: %s: %s", program->info->name, path, g_strerror(errno));
		close(program->notify_fd);
		program->notify_fd = -1;
	}
	g_unsetenv("NOTIFY_SOCKET");
}

gboolean
program_drop_rights(Program *program, const char *user, char *const *groups, GError **error)
{
	const ProgramInfo *info = program->info;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	connect_notify(program);
	if (uid == 0 && !program_lookup_user(user, &uid, &gid, error))
		return FALSE;
	if (info->runtime_folder && !make_folder(program->conf->runtime, info->runtime_folder, 0755, uid, gid, error))
		return FALSE;
	if (info->private_folder && !make_folder(program->conf->runtime, info->private_folder, 0700, uid, gid, error))
		return FALSE;
	if (info->state_folder && !make_folder(program->conf->state, info->state_folder, 0700, uid, gid, error))
		return FALSE;
	if (info->passage && !make_folder(program->conf->state, info->passage, 0711, uid, gid, error))
		return FALSE;
	if (info->state_folder)
		adopt_files(program->conf->state, info->state_folder, 0, uid, gid);
	if (info->passage)
		adopt_files(program->conf->state, info->passage, 1, uid, gid);
	if (geteuid() == 0 && uid != 0 && !become(uid, gid, groups, error))
		return FALSE;
	return harden_process(uid == 0 ? G_MAXUINT64 : 0, error);
}

static void
notify_ready(Program *program)
{
	if (program->notify_fd < 0)
		return;
	if (write(program->notify_fd, "READY=1", 7) < 0)
		g_warning("systemd cannot be told that %s is ready: %s", program->info->name, g_strerror(errno));
	close(program->notify_fd);
	program->notify_fd = -1;
}

static gboolean
on_stop(gpointer data)
{
	program_quit(data, 0);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_hangup(gpointer data)
{
	Program *program = data;

	if (program->on_reload)
		program->on_reload(program->reload_data);
	return G_SOURCE_CONTINUE;
}

int
program_run(Program *program, void (*on_reload)(void *data), void *data)
{
	guint term = g_unix_signal_add(SIGTERM, on_stop, program);
	guint interrupt = g_unix_signal_add(SIGINT, on_stop, program);
	guint hangup = g_unix_signal_add(SIGHUP, on_hangup, program);

	program->on_reload = on_reload;
	program->reload_data = data;
	if (program->loop == NULL)
		program->loop = g_main_loop_new(NULL, FALSE);
	notify_ready(program);
	g_message("%s %s is ready", program->info->name, PACKAGE_VERSION);
	g_main_loop_run(program->loop);
	g_source_remove(hangup);
	g_source_remove(interrupt);
	g_source_remove(term);
	g_message("%s ends", program->info->name);
	return program->status;
}

void
program_quit(Program *program, int status)
{
	program->status = status;
	if (program->loop)
		g_main_loop_quit(program->loop);
}
