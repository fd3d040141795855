/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/doctor.h"

#include "broker/common/program.h"
#include "pools/doctor-private.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const status_words[] = {"ok", "warning", "bad"};

const char *
doctor_status_word(DoctorStatus status)
{
	return status_words[status];
}

static void
finding_free(void *data)
{
	DoctorFinding *finding = data;

	g_free(finding->name);
	g_free(finding->text);
	g_free(finding->advice);
	g_free(finding);
}

void
doctor_add(GPtrArray *findings, DoctorStatus status, const char *name, const char *advice, const char *format, ...)
{
	DoctorFinding *finding = g_new0(DoctorFinding, 1);
	va_list args;

	va_start(args, format);
	finding->text = g_strdup_vprintf(format, args);
	va_end(args);
	finding->status = status;
	finding->name = g_strdup(name);
	finding->advice = g_strdup(advice);
	g_ptr_array_add(findings, finding);
}

/* In a child that has become @uid: the kernel knows about groups, ACLs and capabilities, we do not have to. */
static int
ask_kernel(const char *user, uid_t uid, gid_t gid, const char *path, int mode)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		gboolean numeric = g_ascii_isdigit(*user);

		if ((numeric ? setgroups(0, NULL) : initgroups(user, gid)) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
			_exit(2);
		_exit(access(path, mode) == 0 ? 0 : errno == EACCES || errno == EPERM ? 1 : 2);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return -1;
	return WEXITSTATUS(status) == 0;
}

int
doctor_may(const char *user, const char *path, int mode, char **blocker)
{
	uid_t uid;
	gid_t gid;
	int may;

	if (!program_lookup_user(user, &uid, &gid, NULL) || (geteuid() != 0 && geteuid() != uid))
		return -1;
	if (geteuid() == uid)
		may = access(path, mode) == 0 ? 1 : errno == EACCES || errno == EPERM ? 0 : -1;
	else
		may = ask_kernel(user, uid, gid, path, mode);
	if (may != 0 || blocker == NULL)
		return may;
	*blocker = g_strdup(path);
	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		g_autofree char *folder = g_strndup(path, (gsize)(slash - path));

		if (doctor_may(user, folder, X_OK, NULL) == 0) {
			g_free(*blocker);
			*blocker = g_steal_pointer(&folder);
			break;
		}
	}
	return 0;
}

GPtrArray *
doctor_examine(const Conf *conf)
{
	GPtrArray *findings = g_ptr_array_new_with_free_func(finding_free);

	doctor_examine_acceleration(findings);
	doctor_examine_libvirt(findings, conf);
	doctor_examine_folders(findings, conf);
	doctor_examine_users(findings, conf);
	doctor_examine_pam(findings, conf);
	doctor_examine_certificates(findings, conf);
	doctor_examine_ports(findings, conf);
	doctor_examine_pools(findings, conf);
	doctor_examine_broker(findings, conf);
	doctor_examine_processes(findings, conf);
	return findings;
}
