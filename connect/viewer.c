/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "connect/viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/common/error.h"

static const int endings[] = {SIGTERM, SIGHUP};
static volatile pid_t running;

char *
viewer_find(ViewerKind kind, GError **error)
{
	/* Debian has several programs behind "vncviewer"; only TigerVNC's speaks X509Plain. */
	char *path = kind == VIEWER_VNC ? g_find_program_in_path("xtigervncviewer") : NULL;

	if (path == NULL)
		path = g_find_program_in_path(kind == VIEWER_VNC ? "vncviewer" : "remote-viewer");
	if (path == NULL)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
			kind == VIEWER_VNC ? "there is no vncviewer here: install TigerVNC's (Debian: tigervnc-viewer)"
					   : "there is no remote-viewer here: install it (Debian: virt-viewer), or see --vnc and --output");
	return path;
}

static void
pass_on(int number)
{
	if (running > 0)
		kill(running, number);
}

/* Ctrl-C comes to the viewer too, which is in the same process group: this program ends when the viewer has, so that its files
 * are removed. */
static gboolean
run(char **arguments, char **environment, int *status, GError **error)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, forward = {.sa_handler = pass_on}, interrupt, before[G_N_ELEMENTS(endings)];
	sigset_t set, mask;
	GPid pid = 0;
	int result = 0;
	gboolean started;

	sigemptyset(&set);
	for (gsize i = 0; i < G_N_ELEMENTS(endings); i++)
		sigaddset(&set, endings[i]);
	started = g_spawn_async(NULL, arguments, environment, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, &pid,
		error);
	if (!started)
		return FALSE;
	sigprocmask(SIG_BLOCK, &set, &mask);
	running = pid;
	sigaction(SIGINT, &ignore, &interrupt);
	for (gsize i = 0; i < G_N_ELEMENTS(endings); i++)
		sigaction(endings[i], &forward, &before[i]);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	while (waitpid(pid, &result, 0) < 0 && errno == EINTR)
		;
	running = 0;
	sigaction(SIGINT, &interrupt, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(endings); i++)
		sigaction(endings[i], &before[i], NULL);
	*status = WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
	return TRUE;
}

/* A file of mode 0600 that nobody else can have put there; its path, free with g_free. */
static char *
write_file(const char *template, const char *text, GError **error)
{
	g_autofree char *path = g_build_filename(g_get_user_runtime_dir(), template, NULL);
	int fd;

	if (!g_file_test(g_get_user_runtime_dir(), G_FILE_TEST_IS_DIR)) { /* no login session made one */
		g_free(path);
		path = g_build_filename(g_get_tmp_dir(), template, NULL);
	}
	fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot write %s: %s", path, g_strerror(errno));
		return NULL;
	}
	gboolean written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	if (written)
		return g_steal_pointer(&path);
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot write %s", path);
	g_unlink(path);
	return NULL;
}

gboolean
viewer_run_spice(const char *path, const char *vv, int *status, GError **error)
{
	g_autofree char *file = write_file("carrel-XXXXXX.vv", vv, error);
	char *arguments[] = {(char *)path, file, NULL};
	gboolean done;

	if (file == NULL)
		return FALSE;
	done = run(arguments, NULL, status, error);
	g_unlink(file); /* remote-viewer has removed it already, if it came to that */
	return done;
}

gboolean
viewer_run_vnc(const char *path, const char *host, const PortalVnc *vnc, int *status, GError **error)
{
	g_auto(GStrv) environment = g_get_environ();
	g_autofree char *ca = NULL, *x509 = NULL, *where = g_strdup_printf("%s::%u", host, vnc->port);
	gboolean done;

	if (vnc->ca_pem) {
		ca = write_file("carrel-XXXXXX.pem", vnc->ca_pem, error);
		if (ca == NULL)
			return FALSE;
		x509 = g_strconcat("-X509CA=", ca, NULL);
	}
	environment = g_environ_setenv(environment, "VNC_USERNAME", vnc->user, TRUE);
	environment = g_environ_setenv(environment, "VNC_PASSWORD", secret_text(vnc->password), TRUE);
	/* It would try again with the same ticket, which is good once: -ReconnectOnError=0. */
	char *arguments[] = {(char *)path, (char *)"-SecurityTypes=X509Plain", (char *)"-ReconnectOnError=0", x509 ? x509 : where,
		x509 ? where : NULL, NULL};

	done = run(arguments, environment, status, error);
	if (ca)
		g_unlink(ca);
	return done;
}
