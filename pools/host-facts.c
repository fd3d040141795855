/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/host-facts.h"

#include "broker/common/error.h"
#include "pools/host.h"
#include "pools/xml-select.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARCH "x86_64"
/* memory-backend-file's rom=off, without which memory that is read from a read-only file cannot be written to. */
#define TEMPLATES_SINCE 8002000

void
host_facts_free(HostFacts *facts)
{
	if (facts == NULL)
		return;
	g_free(facts->why_no_kvm);
	g_free(facts->why_no_templates);
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

static gboolean
has_text(const char *xml, const char *path, const char *text)
{
	g_autoptr(GPtrArray) found = xml_select(xml, path);

	for (guint i = 0; i < found->len; i++) {
		if (strcmp(found->pdata[i], text) == 0)
			return TRUE;
	}
	return FALSE;
}

HostFacts *
host_facts_parse(const char *qemu_xml, const char *kvm_xml, const char *why_no_kvm, GError **error)
{
	g_autoptr(HostFacts) facts = g_new0(HostFacts, 1);
	const char *xml;

	facts->kvm = kvm_xml != NULL && why_no_kvm == NULL && has_text(kvm_xml, "domainCapabilities/domain", "kvm");
	if (!facts->kvm)
		facts->why_no_kvm = g_strdup(why_no_kvm ? why_no_kvm
							: "libvirt's QEMU offers no KVM: may QEMU's user open /dev/kvm (group kvm)?");
	xml = facts->kvm ? kvm_xml : qemu_xml;
	facts->emulator = xml_select_one(xml, "domainCapabilities/path");
	facts->machine = xml_select_one(xml, "domainCapabilities/machine");
	facts->dbus_display = has_text(xml, "domainCapabilities/devices/graphics/enum/value", "dbus");
	facts->usb_redirection = has_text(xml, "domainCapabilities/devices/redirdev/enum/value", "usb");
	if (facts->emulator == NULL || facts->machine == NULL) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"libvirt has no QEMU for " ARCH " with the machine q35 (Debian: qemu-system-x86)");
		return NULL;
	}
	return g_steal_pointer(&facts);
}

static char *
domain_capabilities(virConnectPtr connection, const char *type)
{
	return virConnectGetDomainCapabilities(connection, NULL, ARCH, "q35", type, 0);
}

HostFacts *
host_facts_probe(virConnectPtr connection, gboolean local, GError **error)
{
	/* libvirt's strings come from malloc, as g_free's do. */
	g_autofree char *qemu_xml = domain_capabilities(connection, "qemu");
	g_autofree char *kvm_xml = NULL;
	g_autofree char *why_no_kvm = local ? host_facts_why_no_kvm_here() : NULL;
	unsigned long libvirt_version = 0, qemu_version = 0;
	HostFacts *facts;

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
