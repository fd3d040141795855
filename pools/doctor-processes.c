/* What holds the running programs in. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/doctor-private.h"

#include "broker/common/peer.h"
#include "broker/common/program.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_MS 3000

/* What a program has to be in. */
typedef struct {
	const char *name;
	gboolean root;	    /* has to be root: PAM's modules want it, and whoever starts screens */
	gboolean sandboxed; /* seccomp and Landlock; else at least what harden.h does */
} Kind;

static const Kind kinds[] = {{"carrel-gateway", FALSE, TRUE}, {"carrel-screen", FALSE, TRUE}, {"carrel-display", FALSE, FALSE},
	{"carrel-broker", FALSE, FALSE}, {"carrel-auth", TRUE, FALSE}};
static const Kind launcher = {"screen-launcher", TRUE, FALSE}; /* carrel-display's child */

/* All from /proc/PID/status but for the last two. */
typedef struct {
	pid_t pid, parent;
	uid_t uid;
	guint64 capabilities; /* effective */
	int no_new_privs, seccomp;
	gboolean dumpable; /* as far as can be seen: of root's processes it cannot */
	gboolean core;	   /* may leave a core dump */
} Process;

static guint64
field(const char *status, const char *name, int base)
{
	g_autofree char *key = g_strdup_printf("\n%s:\t", name);
	const char *at = strstr(status, key);

	return at ? g_ascii_strtoull(at + strlen(key), NULL, base) : 0;
}

static char *
read_proc(pid_t pid, const char *file, gsize *size)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, file);
	char *text = NULL;

	g_file_get_contents(path, &text, size, NULL);
	return text;
}

static gboolean
may_dump(pid_t pid)
{
	g_autofree char *limits = read_proc(pid, "limits", NULL);
	const char *line = limits ? strstr(limits, "Max core file size") : NULL;
	char soft[32] = "0", hard[32] = "0";

	return line && sscanf(line, "Max core file size %31s %31s", soft, hard) == 2 && strcmp(hard, "0") != 0;
}

static gboolean
look_at(pid_t pid, Process *process)
{
	g_autofree char *status = read_proc(pid, "status", NULL);
	g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
	struct stat owner;

	if (status == NULL || stat(path, &owner) < 0)
		return FALSE;
	process->pid = pid;
	process->parent = (pid_t)field(status, "PPid", 10);
	process->uid = (uid_t)field(status, "Uid", 10);
	process->capabilities = field(status, "CapEff", 16);
	process->no_new_privs = (int)field(status, "NoNewPrivs", 10);
	process->seccomp = (int)field(status, "Seccomp", 10);
	/* The kernel gives the files of a process that may not be dumped to root. */
	process->dumpable = process->uid != 0 && owner.st_uid == process->uid;
	process->core = may_dump(pid);
	return TRUE;
}

static gboolean
is_launcher(pid_t pid)
{
	g_autofree char *comm = read_proc(pid, "comm", NULL);

	return comm && g_str_has_prefix(comm, launcher.name);
}

/* Is what @pid was given as @word the file that we read? An admin may write its path in another way. */
static gboolean
is_conf(pid_t pid, const char *word, const Conf *conf)
{
	g_autofree char *path = *word == '/' ? g_strdup(word) : g_strdup_printf("/proc/%d/cwd/%s", (int)pid, word);
	struct stat theirs, ours;

	/* A relative path of another user's process is root's to follow. */
	if (stat(path, &theirs) < 0 || stat(conf->file, &ours) < 0)
		return g_str_equal(word, conf->file);
	return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

/* The name of the program that @pid runs when it is one of ours, of this instance; static. Screens are those of any instance. */
static const char *
name_of(pid_t pid, const Conf *conf)
{
	gsize size = 0;
	g_autofree char *line = read_proc(pid, "cmdline", &size);
	g_autofree char *name = line && size > 0 ? g_path_get_basename(line) : NULL;
	const char *file = conf_default_file();
	const Kind *kind = NULL;

	for (gsize i = 0; name && i < G_N_ELEMENTS(kinds); i++) {
		if (g_str_equal(name, kinds[i].name))
			kind = &kinds[i];
	}
	if (kind == NULL || g_str_equal(kind->name, "carrel-screen"))
		return kind ? kind->name : NULL;
	for (const char *word = line; word < line + size; word += strlen(word) + 1) {
		if ((g_str_equal(word, "--config") || g_str_equal(word, "-c")) && word + strlen(word) + 1 < line + size)
			file = word + strlen(word) + 1;
		else if (g_str_has_prefix(word, "--config="))
			file = word + strlen("--config=");
	}
	if (!is_conf(pid, file, conf))
		return NULL;
	return is_launcher(pid) ? launcher.name : kind->name;
}

/* Screens are given no file: their parent is the launcher. */
static gboolean
is_our_screen(pid_t pid, GHashTable *ours)
{
	Process process;

	return look_at(pid, &process) && g_hash_table_contains(ours, GINT_TO_POINTER(process.parent));
}

static int
compare_pids(const void *a, const void *b)
{
	return GPOINTER_TO_INT(a) - GPOINTER_TO_INT(b);
}

static GVariant *
ask(const char *path, const char *object, const char *interface, const char *method)
{
	g_autoptr(GDBusConnection) connection = peer_connect_sync(path, (uid_t)-1, DEADLINE_MS, NULL);

	if (connection == NULL)
		return NULL;
	g_dbus_connection_start_message_processing(connection);
	return g_dbus_connection_call_sync(connection, NULL, object, interface, method, NULL, NULL, G_DBUS_CALL_FLAGS_NONE,
		DEADLINE_MS, NULL, NULL);
}

/* Landlock shows nowhere in /proc: the programs say what they entered, before they heard of anybody. pid → report; the gateway's,
 * of which there is one, is at 0. */
static GHashTable *
collect_reports(const Conf *conf)
{
	GHashTable *reports = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	g_autofree char *admin = conf_socket_path(conf, CONF_SOCKET_ADMIN), *control = conf_socket_path(conf, CONF_SOCKET_CONTROL);
	g_autoptr(GVariant) status = ask(admin, "/org/carrel/Broker1", "org.carrel.Broker1.Admin", "Status");
	g_autoptr(GVariant) screens = ask(control, "/org/carrel/Display1", "org.carrel.Display1", "ListScreens");
	g_autoptr(GVariant) facts = NULL, gateway = NULL;
	g_autoptr(GVariantIter) list = NULL;
	GVariant *screen;
	const char *report;
	guint32 pid;

	if (status && g_variant_is_of_type(status, G_VARIANT_TYPE("(a{sv})"))) {
		facts = g_variant_get_child_value(status, 0);
		gateway = g_variant_lookup_value(facts, "gateway", G_VARIANT_TYPE_VARDICT);
	}
	if (gateway && g_variant_lookup(gateway, "sandbox", "&s", &report))
		g_hash_table_insert(reports, GINT_TO_POINTER(0), g_strdup(report));
	if (screens && g_variant_is_of_type(screens, G_VARIANT_TYPE("(aa{sv})")))
		g_variant_get(screens, "(aa{sv})", &list);
	while (list && (screen = g_variant_iter_next_value(list)) != NULL) {
		if (g_variant_lookup(screen, "pid", "u", &pid) && g_variant_lookup(screen, "sandbox", "&s", &report))
			g_hash_table_insert(reports, GUINT_TO_POINTER(pid), g_strdup(report));
		g_variant_unref(screen);
	}
	return reports;
}

static void
judge(const Kind *kind, const Process *process, const char *report, DoctorStatus *status, const char **advice)
{
	*status = DOCTOR_OK;
	*advice = NULL;
	if (kind->sandboxed && report && strstr(report, "no Landlock")) {
		*status = DOCTOR_WARN;
		*advice = "Run a kernel with Landlock (5.13 or later, with landlock in its lsm= list)";
	}
	if (process->dumpable || process->core) {
		*status = DOCTOR_WARN;
		*advice = "Start it again: a core dump of it would have passwords in it";
	}
	if (kind->sandboxed && (process->seccomp != 2 || (report && strstr(report, "CARREL_SANDBOX=off")))) {
		*status = DOCTOR_BAD;
		*advice = "Take CARREL_SANDBOX=off out of its environment, and start it again";
	}
	if (!process->no_new_privs || (!kind->root && (process->uid == 0 || process->capabilities != 0))) {
		*status = DOCTOR_BAD;
		*advice = "Name a user without rights in [Users], start it from its unit, and see carrel.conf(5)";
	}
}

void
doctor_judge_process(GPtrArray *findings, const char *name, pid_t pid, const char *report)
{
	const Kind *kind = &launcher;
	Process process;
	DoctorStatus status;
	const char *advice;
	g_autofree char *capabilities = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (g_str_equal(name, kinds[i].name))
			kind = &kinds[i];
	}
	if (!look_at(pid, &process))
		return; /* it ended meanwhile */
	judge(kind, &process, report, &status, &advice);

	struct passwd *user = getpwuid(process.uid);
	g_autofree char *number = g_strdup_printf("%u", process.uid);

	if (process.capabilities != 0)
		capabilities = g_strdup_printf("capabilities %" G_GINT64_MODIFIER "x", process.capabilities);
	doctor_add(findings, status, name, advice, "process %d: user %s, %s, %s, %s%s%s", (int)pid, user ? user->pw_name : number,
		capabilities ? capabilities : "no capabilities",
		process.no_new_privs ? "no new privileges" : "may gain privileges",
		process.core || process.dumpable ? "may dump core" : "no core dumps",
		!kind->sandboxed	  ? ""
		: process.seccomp != 2 ? ", no seccomp"
		: report	  ? ", "
				  : ", seccomp (whether Landlock, carrel-broker and carrel-display tell root)",
		kind->sandboxed && process.seccomp == 2 && report ? report : "");
}

void
doctor_examine_processes(GPtrArray *findings, const Conf *conf)
{
	g_autoptr(GHashTable) ours = g_hash_table_new(NULL, NULL); /* pid → name */
	g_autoptr(GHashTable) reports = NULL;
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	g_autoptr(GList) pids = NULL;
	const char *entry;

	while (proc && (entry = g_dir_read_name(proc)) != NULL) {
		pid_t pid = (pid_t)g_ascii_strtoll(entry, NULL, 10);
		const char *name = pid > 0 ? name_of(pid, conf) : NULL;

		if (name)
			g_hash_table_insert(ours, GINT_TO_POINTER(pid), (char *)name);
	}
	if (g_hash_table_size(ours) > 0)
		reports = collect_reports(conf);
	pids = g_list_sort(g_hash_table_get_keys(ours), compare_pids);
	for (GList *item = pids; item; item = item->next) {
		const char *name = g_hash_table_lookup(ours, item->data);
		gboolean gateway = g_str_equal(name, "carrel-gateway");

		if (g_str_equal(name, "carrel-screen") && !is_our_screen(GPOINTER_TO_INT(item->data), ours))
			continue;
		doctor_judge_process(findings, name, GPOINTER_TO_INT(item->data),
			g_hash_table_lookup(reports, gateway ? GINT_TO_POINTER(0) : item->data));
	}
}
