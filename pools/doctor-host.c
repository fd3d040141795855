/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/doctor-private.h"

#include "broker/common/error.h"
#include "pools/host-ask.h"

#include <glob.h>
#include <pwd.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LIBVIRT_MIN 9000000
#define SHARED_MEMORY_MIN 9002000 /* QEMU's Listener.Unix.Map */
#define MODULE_MAX (16u << 20)
#define SPACE_MIN ((guint64)2 << 30)
#define SPACE_WARN ((guint64)10 << 30)

void
doctor_examine_acceleration(GPtrArray *findings)
{
	g_autofree char *why = host_facts_why_no_kvm_here();
	g_autofree char *user = NULL;
	int may;

	if (why != NULL) {
		doctor_add(findings, DOCTOR_WARN, "acceleration",
			"Desktops run all the same, several times slower. Accel=kvm in a pool file would refuse them instead",
			"software emulation (TCG) is used: %s", why);
		return;
	}
	user = g_strdup(getpwnam("libvirt-qemu") ? "libvirt-qemu" : "qemu");
	may = doctor_may(user, "/dev/kvm", R_OK | W_OK, NULL);
	if (may == 0)
		doctor_add(findings, DOCTOR_WARN, "acceleration", "Put QEMU's user into the group that owns /dev/kvm (usually kvm)",
			"software emulation (TCG) is used: QEMU's user %s may not open /dev/kvm", user);
	else
		doctor_add(findings, DOCTOR_OK, "acceleration", NULL, "KVM");
}

/* Does the display module of this QEMU know shared memory? Its own file says it best; else the version. */
static gboolean
has_shared_memory(const HostFacts *facts)
{
	static const char *const patterns[] = {"/usr/lib/*/qemu/ui-dbus.so", "/usr/lib64/qemu*/ui-dbus.so", "/usr/lib/qemu/ui-dbus.so"};
	gboolean found = FALSE, known = FALSE;

	for (gsize i = 0; i < G_N_ELEMENTS(patterns) && !known; i++) {
		glob_t files;
		g_autofree char *module = NULL;
		gsize size;

		if (glob(patterns[i], 0, NULL, &files) == 0 && g_file_get_contents(files.gl_pathv[0], &module, &size, NULL) &&
			size <= MODULE_MAX) {
			known = TRUE;
			found = memmem(module, size, "Listener.Unix.Map", strlen("Listener.Unix.Map")) != NULL;
		}
		globfree(&files);
	}
	return known ? found : facts->qemu_version >= SHARED_MEMORY_MIN;
}

/* The display is a module: a QEMU that was built with it may lack its file, and libvirt does not notice. */
static gboolean
has_display_module(const HostFacts *facts)
{
	g_autofree char *out = NULL;
	char *argv[] = {facts->emulator, "-display", "help", NULL};

	if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL, NULL, NULL))
		return TRUE; /* on another host, perhaps: nothing is known against it */
	return strstr(out, "dbus") != NULL;
}

static void
examine_display(GPtrArray *findings, const HostFacts *facts, gboolean local)
{
	g_autofree char *version = host_facts_version(facts->qemu_version);

	if (!facts->dbus_display || (local && !has_display_module(facts)))
		doctor_add(findings, DOCTOR_BAD, "display",
			"Install the module that brings it (Debian 13 and bookworm-backports: qemu-system-modules-opengl; Debian 12: "
			"qemu-system-common and qemu-system-gui; Fedora: qemu-ui-dbus)",
			"QEMU %s has no D-Bus display: no desktop can start", version);
	else if (!has_shared_memory(facts))
		doctor_add(findings, DOCTOR_WARN, "display", "It works, and costs more CPU. QEMU 9.2 or newer shares memory instead",
			"QEMU %s has a D-Bus display without shared memory: pixels are copied", version);
	else
		doctor_add(findings, DOCTOR_OK, "display", NULL, "QEMU %s with D-Bus display and shared memory, machine %s", version,
			facts->machine);
}

void
doctor_examine_libvirt(GPtrArray *findings, const Conf *conf)
{
	g_autoptr(GError) error = NULL;
	gboolean connected;
	g_autoptr(HostFacts) facts = host_ask(conf->libvirt_uri, &connected, &error);

	if (g_error_matches(error, CARREL_ERROR, CARREL_ERROR_TIMEOUT)) {
		doctor_add(findings, DOCTOR_BAD, "libvirt", "Restart it: systemctl restart libvirtd (desktops go on running)",
			"%s", error->message);
	} else if (facts == NULL && !connected) {
		gboolean denied = g_error_matches(error, CARREL_ERROR, CARREL_ERROR_DENIED) ||
			strstr(error->message, "ermission denied") != NULL;

		doctor_add(findings, DOCTOR_BAD, "libvirt",
			denied ? "Call this as root, or as a member of the group libvirt ([Users] "
				 "LibvirtGroups= for the programs)"
			       : "Start it: systemctl enable --now libvirtd, or libvirtd -d where there is "
				 "no systemd",
			"%s", error->message);
	} else if (facts == NULL) {
		doctor_add(findings, DOCTOR_BAD, "libvirt", "Install QEMU (Debian: qemu-system-x86) and restart libvirtd", "%s",
			error->message);
	} else {
		g_autofree char *version = host_facts_version(facts->libvirt_version);
		gboolean old = facts->libvirt_version < LIBVIRT_MIN;

		doctor_add(findings, old ? DOCTOR_BAD : DOCTOR_OK, "libvirt", old ? "Install libvirt 9.0 or newer" : NULL,
			"libvirt %s answers at %s", version, conf->libvirt_uri);
		examine_display(findings, facts, strstr(conf->libvirt_uri, ":///") != NULL);
		doctor_examine_filters(findings, facts->network_filters, strstr(conf->libvirt_uri, ":///") != NULL);
	}
}

/* The nearest folder above @path that is there. Free with g_free. */
static char *
existing_folder(const char *path)
{
	char *folder = g_strdup(path);

	while (!g_file_test(folder, G_FILE_TEST_IS_DIR) && strcmp(folder, "/") != 0) {
		char *parent = g_path_get_dirname(folder);

		g_free(folder);
		folder = parent;
	}
	return folder;
}

static void
examine_space(GPtrArray *findings, const char *name, const char *path)
{
	g_autofree char *folder = existing_folder(path);
	g_autofree char *free_text = NULL;
	struct statvfs space;
	guint64 free_bytes;
	DoctorStatus status;

	if (statvfs(folder, &space) < 0)
		return;
	free_bytes = (guint64)space.f_bavail * space.f_frsize;
	free_text = g_format_size_full(free_bytes, G_FORMAT_SIZE_IEC_UNITS);
	status = free_bytes < SPACE_MIN ? DOCTOR_BAD : free_bytes < SPACE_WARN ? DOCTOR_WARN : DOCTOR_OK;
	doctor_add(findings, status, name,
		status == DOCTOR_OK ? NULL : "Make space: carrel image list shows what carrel image remove could free", "%s free in %s",
		free_text, path);
}

static const char *
qemu_user(void)
{
	static const char *const names[] = {"libvirt-qemu", "qemu"};

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		if (getpwnam(names[i]) != NULL)
			return names[i];
	}
	return NULL;
}

static void
examine_reach(GPtrArray *findings, const char *user, const char *path)
{
	g_autofree char *folder = existing_folder(path);
	g_autofree char *blocker = NULL, *advice = NULL;

	if (doctor_may(user, folder, X_OK, &blocker) != 0)
		return;
	advice = g_strdup_printf("Let it through (chmod o+x %s), or move the folder by [Paths] of carrel.conf", blocker);
	doctor_add(findings, DOCTOR_BAD, "folders", advice, "QEMU's user %s cannot reach %s: %s shuts it out", user, path, blocker);
}

void
doctor_examine_folders(GPtrArray *findings, const Conf *conf)
{
	g_autofree char *desktops = g_build_filename(conf->state, "desktops", NULL);
	const char *user = qemu_user();
	guint before;

	examine_space(findings, "space for desktops", desktops);
	examine_space(findings, "space for images", conf->images);
	if (user == NULL || strstr(conf->libvirt_uri, ":///") == NULL)
		return;
	before = findings->len;
	examine_reach(findings, user, desktops);
	examine_reach(findings, user, conf->images);
	if (findings->len == before)
		doctor_add(findings, DOCTOR_OK, "folders", NULL, geteuid() == 0 ? "QEMU's user %s reaches overlays and images"
									  : "nothing is known against them (root could look as %s)",
			user);
}
