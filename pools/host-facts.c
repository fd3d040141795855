/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/host-facts.h"

#include "broker/common/error.h"
#include "pools/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARCH "x86_64"
/* memory-backend-file's rom=off, without which memory that is read from a read-only file cannot be written to. */
#define TEMPLATES_SINCE 8002000
/* Where Fedora's package virtio-win puts it; other distributions have none, and an admin may. */
#define WINDOWS_DRIVERS "/usr/share/virtio-win/virtio-win.iso"

void
host_facts_free(HostFacts *facts)
{
	if (facts == NULL)
		return;
	g_free(facts->why_no_kvm);
	g_free(facts->why_no_templates);
	domain_capabilities_free(facts->domain[FALSE]);
	domain_capabilities_free(facts->domain[TRUE]);
	g_free(facts->why_no_cpu_shares);
	g_free(facts->why_no_io_weight);
	g_free(facts->drivers);
	g_free(facts->emulator);
	g_free(facts->machine);
	g_free(facts);
}

/* A device node that opens proves little: on a virtual machine without nested virtualisation it may open and then hang every
 * guest. The CPU has to say that it can. */
static gboolean
has_cpu_flag(const char *cpuinfo)
{
	const char *flags = strstr(cpuinfo, "\nflags");
	const char *end = flags ? strchr(flags + 1, '\n') : NULL;
	g_autofree char *line = NULL;

	if (flags == NULL)
		return FALSE;
	line = end ? g_strndup(flags, (gsize)(end - flags)) : g_strdup(flags);
	g_auto(GStrv) words = g_strsplit_set(line, " \t:", -1);

	return g_strv_contains((const char *const *)words, "vmx") || g_strv_contains((const char *const *)words, "svm");
}

char *
host_facts_why_no_kvm(const char *cpuinfo, int kvm_errno)
{
	if (!has_cpu_flag(cpuinfo))
		return g_strdup("the CPU shows neither vmx nor svm: switch virtualisation on in the firmware, or, when this "
				"machine is itself virtual, nested virtualisation on its host");
	/* EACCES and EPERM say something about this process only: QEMU has a user of its own. */
	if (kvm_errno == 0 || kvm_errno == EACCES || kvm_errno == EPERM)
		return NULL;
	if (kvm_errno == ENOENT)
		return g_strdup("there is no /dev/kvm: load the kernel's module (modprobe kvm_intel or kvm_amd)");
	return g_strdup_printf("/dev/kvm cannot be opened: %s", g_strerror(kvm_errno));
}

char *
host_facts_why_no_kvm_here(void)
{
	g_autofree char *cpuinfo = NULL;
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int kvm_errno = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	if (!g_file_get_contents("/proc/cpuinfo", &cpuinfo, NULL, NULL))
		return g_strdup("/proc/cpuinfo cannot be read");
	return host_facts_why_no_kvm(cpuinfo, kvm_errno);
}

void
host_facts_examine_groups(const char *root, char **why_no_cpu_shares, char **why_no_io_weight)
{
	/* Of version 1, alone or with others, and what the group of all says of version 2. bfq shows its
	 * files once it is loaded. */
	static const char *const cpu[] = {"cpu/cpu.shares", "cpu,cpuacct/cpu.shares"};
	static const char *const io[] = {"blkio/blkio.bfq.io_serviced", "blkio/blkio.bfq.weight", "blkio/blkio.weight"};
	g_autofree char *list = g_build_filename(root, "cgroup.controllers", NULL), *text = NULL;
	gboolean has_cpu = FALSE, has_io = FALSE;

	if (g_file_get_contents(list, &text, NULL, NULL)) {
		g_auto(GStrv) controllers = g_strsplit_set(text, " \n", -1);

		has_cpu = g_strv_contains((const char *const *)controllers, "cpu");
		has_io = g_strv_contains((const char *const *)controllers, "io");
	}
	for (gsize i = 0; i < G_N_ELEMENTS(cpu); i++) {
		g_autofree char *file = g_build_filename(root, cpu[i], NULL);

		has_cpu |= g_file_test(file, G_FILE_TEST_EXISTS);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(io); i++) {
		g_autofree char *file = g_build_filename(root, io[i], NULL);

		has_io |= g_file_test(file, G_FILE_TEST_EXISTS);
	}
	*why_no_cpu_shares = has_cpu ? NULL : g_strdup_printf("this host has no control group for CPU time in %s", root);
	*why_no_io_weight = has_io
		? NULL
		: g_strdup_printf("this host has no control group in %s that weighs disks' time: its kernel needs "
				  "blk-iocost, or the scheduler bfq (modprobe bfq)",
			  root);
}

HostFacts *
host_facts_parse(const char *qemu_xml, const char *kvm_xml, const char *why_no_kvm, GError **error)
{
	g_autoptr(HostFacts) facts = g_new0(HostFacts, 1);
	const DomainCapabilities *used;

	facts->emulation = "qemu";
	facts->domain[FALSE] = domain_capabilities_parse(qemu_xml);
	if (kvm_xml != NULL && why_no_kvm == NULL)
		facts->domain[TRUE] = domain_capabilities_parse(kvm_xml);
	if (facts->domain[TRUE] && g_strcmp0(facts->domain[TRUE]->type, "kvm") != 0)
		g_clear_pointer(&facts->domain[TRUE], domain_capabilities_free);
	facts->kvm = facts->domain[TRUE] != NULL;
	if (!facts->kvm)
		facts->why_no_kvm = g_strdup(
			why_no_kvm ? why_no_kvm : "libvirt's QEMU offers no KVM: may QEMU's user open /dev/kvm (group kvm)?");
	used = facts->domain[facts->kvm];
	facts->emulator = g_strdup(used->emulator);
	facts->machine = g_strdup(used->machine);
	facts->dbus_display = used->dbus_display;
	facts->usb_redirection = used->usb_redirection;
	if (facts->emulator == NULL || facts->machine == NULL) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"libvirt has no QEMU for " ARCH " with the machine q35 (Debian: qemu-system-x86)");
		return NULL;
	}
	return g_steal_pointer(&facts);
}

static void
look_around(HostFacts *facts)
{
	host_facts_examine_groups("/sys/fs/cgroup", &facts->why_no_cpu_shares, &facts->why_no_io_weight);
	if (g_file_test(WINDOWS_DRIVERS, G_FILE_TEST_IS_REGULAR))
		facts->drivers = g_strdup(WINDOWS_DRIVERS);
}

static char *
domain_capabilities(virConnectPtr connection, const char *type)
{
	return virConnectGetDomainCapabilities(connection, NULL, ARCH, "q35", type, 0);
}

/* libvirt's own test driver (test:///default) keeps the books of a hypervisor and runs no VM: for tests, and for trying pool files. */
static HostFacts *
facts_of_test_driver(void)
{
	HostFacts *facts = g_new0(HostFacts, 1);

	facts->emulation = "test";
	facts->why_no_kvm = g_strdup("libvirt's test driver runs no VM");
	facts->why_no_templates = g_strdup("libvirt's test driver runs no VM");
	facts->machine = g_strdup("q35");
	facts->dbus_display = facts->usb_redirection = TRUE;
	return facts;
}

HostFacts *
host_facts_probe(virConnectPtr connection, gboolean local, GError **error)
{
	g_autofree char *qemu_xml = NULL, *kvm_xml = NULL, *why_no_kvm = NULL;
	unsigned long libvirt_version = 0, qemu_version = 0;
	HostFacts *facts;

	if (g_strcmp0(virConnectGetType(connection), "TEST") == 0)
		return facts_of_test_driver();
	/* libvirt's strings come from malloc, as g_free's do. */
	qemu_xml = domain_capabilities(connection, "qemu");
	why_no_kvm = local ? host_facts_why_no_kvm_here() : NULL;
	if (qemu_xml == NULL) {
		host_set_error(error, "libvirt's QEMU (Debian: qemu-system-x86, libvirt-daemon-system)");
		return NULL;
	}
	if (why_no_kvm == NULL)
		kvm_xml = domain_capabilities(connection, "kvm");
	facts = host_facts_parse(qemu_xml, kvm_xml, why_no_kvm, error);
	if (facts == NULL)
		return NULL;
	virConnectGetLibVersion(connection, &libvirt_version);
	virConnectGetVersion(connection, &qemu_version);
	facts->libvirt_version = (guint)libvirt_version;
	facts->qemu_version = (guint)qemu_version;
	facts->network_filters = virConnectNumOfNWFilters(connection) >= 0;
	if (local)
		look_around(facts);
	if (!local)
		facts->why_no_templates = g_strdup("the host is another one, whose files the broker cannot reach");
	else if (qemu_version < TEMPLATES_SINCE)
		facts->why_no_templates = g_strdup("it takes QEMU 8.2 or later");
	return facts;
}

char *
host_facts_version(guint version)
{
	return g_strdup_printf("%u.%u.%u", version / 1000000, version / 1000 % 1000, version % 1000);
}
