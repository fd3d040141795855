/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/domain-xml.h"

static void add(GString *xml, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Every value is escaped on its way in. */
static void
add(GString *xml, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_markup_vprintf_escaped(format, args);
	va_end(args);
	g_string_append(xml, text);
}

static void
add_identity(GString *xml, const DomainSpec *spec)
{
	add(xml, "<name>" DOMAIN_NAME_PREFIX "%s</name><uuid>%s</uuid>", spec->id, spec->uuid);
	add(xml,
		"<metadata><carrel:desktop xmlns:carrel='" DOMAIN_METADATA_URI "'"
		" instance='%s' pool='%s' id='%s' config='%s'/></metadata>",
		spec->instance, spec->pool, spec->id, spec->config);
}

static void
add_platform(GString *xml, const DomainSpec *spec)
{
	add(xml, "<memory unit='b'>%" G_GUINT64_FORMAT "</memory><vcpu placement='static'>%u</vcpu>", spec->memory,
		spec->cpus);
	add(xml, "<os><type arch='x86_64' machine='%s'>hvm</type>", spec->machine);
	if (spec->kernel) {
		add(xml, "<kernel>%s</kernel>", spec->kernel);
		if (spec->initrd)
			add(xml, "<initrd>%s</initrd>", spec->initrd);
		add(xml, "<cmdline>%s</cmdline>", spec->cmdline ? spec->cmdline : "");
	} else {
		add(xml, "<boot dev='hd'/>");
	}
	add(xml, "</os><features><acpi/><apic/></features>");
	/* Distributions have begun to want x86-64-v2 and v3, so an emulated CPU gets all that TCG knows but 57-bit addresses,
	 * which cost a page-table level and buy nothing here. */
	if (spec->kvm)
		add(xml, "<cpu mode='host-passthrough' check='none' migratable='off'/>");
	else
		add(xml, "<cpu mode='maximum' check='none'><feature policy='disable' name='la57'/></cpu>");
	/* A domain is transient: whichever way it stops, it and its name are gone, and the broker hears of it. */
	add(xml, "<clock offset='utc'/><on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"
		 "<on_crash>destroy</on_crash>");
}

static void
add_disk(GString *xml, const DomainSpec *spec)
{
	/* cache=unsafe: what a throw-away desktop wrote is worth nothing after a crash of the host, and its flushes are
	 * what makes a hundred of them slow. The golden disk is named here, so that libvirt does not have to probe for it,
	 * and stays in its owner's hands (relabel=no), so that no VM could ever be given the right to write to it. */
	add(xml,
		"<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe' discard='unmap'/>"
		"<source file='%s'/><backingStore type='file'><format type='qcow2'/><source file='%s'>"
		"<seclabel model='dac' relabel='no'/></source><backingStore/></backingStore>"
		"<target dev='vda' bus='virtio'/></disk>",
		spec->disk, spec->backing);
}

static void
add_network(GString *xml, const DomainSpec *spec)
{
	if (spec->network)
		add(xml,
			"<interface type='network'><source network='%s'/><model type='virtio'/>"
			"<port isolated='yes'/></interface>",
			spec->network);
	else if (spec->bridge)
		add(xml, "<interface type='bridge'><source bridge='%s'/><model type='virtio'/></interface>", spec->bridge);
}

static void
add_screen_and_sound(GString *xml)
{
	add(xml, "<graphics type='dbus' p2p='yes'><audio id='1'/></graphics><audio id='1' type='dbus'/>"
		 "<sound model='ich9'><audio id='1'/></sound>"
		 "<video><model type='virtio' heads='1' primary='yes'/></video>"
		 "<input type='tablet' bus='virtio'/><input type='keyboard' bus='virtio'/>");
}

static void
add_ports(GString *xml, const DomainSpec *spec)
{
	add(xml, "<channel type='dbus'><source channel='com.redhat.spice.0'/>"
		 "<target type='virtio' name='com.redhat.spice.0'/></channel>"
		 "<channel type='unix'><source mode='bind' path='%s'/><target type='virtio' name='" DOMAIN_AGENT_PORT "'/></channel>",
		spec->agent);
	add(xml, "<controller type='usb' index='0' model='qemu-xhci'/>");
	if (spec->usb)
		add(xml, "<redirdev bus='usb' type='dbus'><source channel='org.qemu.usbredir'/></redirdev>");
	/* A pty drops what nobody reads (virsh console does); a log file would be the guest's to fill. */
	add(xml, "<serial type='pty'><target port='0'/></serial>"
		 "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
		 "<memballoon model='none'/>");
}

char *
domain_xml(const DomainSpec *spec)
{
	GString *xml = g_string_new(NULL);

	add(xml, "<domain type='%s'>", spec->kvm ? "kvm" : "qemu");
	add_identity(xml, spec);
	add_platform(xml, spec);
	add(xml, "<devices>");
	if (spec->emulator)
		add(xml, "<emulator>%s</emulator>", spec->emulator);
	add_disk(xml, spec);
	add_network(xml, spec);
	add_screen_and_sound(xml);
	add_ports(xml, spec);
	add(xml, "</devices></domain>");
	return g_string_free(xml, FALSE);
}

char *
overlay_xml(const char *name, const char *backing)
{
	return g_markup_printf_escaped("<volume><name>%s</name><target><format type='qcow2'/>"
				       "<permissions><mode>0600</mode></permissions></target>"
				       "<backingStore><path>%s</path><format type='qcow2'/></backingStore></volume>",
		name, backing);
}
