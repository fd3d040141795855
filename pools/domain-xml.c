/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/domain-xml.h"

#define ROOT_PORTS 14 /* of a desktop that is frozen or woken: its devices take ten at most */

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
		" instance='%s' pool='%s' id='%s' config='%s' template='%s'/></metadata>",
		spec->instance, spec->pool, spec->id, spec->config, spec->template ? spec->template : "");
	/* Says to a guest that knows to look that it is not who it was: its random numbers, and Windows' directory services. */
	if (spec->memory_file)
		add(xml, "<genid/>");
}

/* libvirt chooses the firmware among those that the host's packages describe, and copies its first variables
 * to @nvram. */
static void
add_firmware(GString *xml, const DomainSpec *spec)
{
	gboolean secure = spec->firmware == POOL_FIRMWARE_UEFI_SECURE;

	if (spec->firmware == POOL_FIRMWARE_BIOS)
		return;
	add(xml, "<firmware><feature enabled='%s' name='secure-boot'/>", secure ? "yes" : "no");
	/* With the keys of those who sign systems: without them anything starts. */
	if (secure)
		add(xml, "<feature enabled='yes' name='enrolled-keys'/>");
	add(xml, "</firmware><nvram>%s</nvram>", spec->nvram);
}

static void
add_boot(GString *xml, const DomainSpec *spec)
{
	g_string_append(xml, spec->firmware == POOL_FIRMWARE_BIOS ? "<os>" : "<os firmware='efi'>");
	add(xml, "<type arch='x86_64' machine='%s'>hvm</type>", spec->machine);
	add_firmware(xml, spec);
	if (spec->kernel) {
		add(xml, "<kernel>%s</kernel>", spec->kernel);
		if (spec->initrd)
			add(xml, "<initrd>%s</initrd>", spec->initrd);
		add(xml, "<cmdline>%s</cmdline>", spec->cmdline ? spec->cmdline : "");
	} else {
		add(xml, "<boot dev='hd'/>");
	}
	add(xml, "</os>");
}

/* Windows asks its host for the time and for help rather than measure both itself, where KVM can answer. */
static void
add_features(GString *xml, const DomainSpec *spec)
{
	add(xml, "<features><acpi/><apic/>");
	if (spec->windows && spec->kvm)
		add(xml,
			"<hyperv mode='custom'><relaxed state='on'/><vapic state='on'/><spinlocks state='on' "
			"retries='8191'/>"
			"<vpindex state='on'/><runtime state='on'/><synic state='on'/><stimer "
			"state='on'/><frequencies state='on'/></hyperv>");
	add(xml, "</features>");
}

static void
add_clock(GString *xml, const DomainSpec *spec)
{
	if (!spec->windows) {
		add(xml, "<clock offset='utc'/>");
		return;
	}
	add(xml,
		"<clock offset='localtime'><timer name='rtc' tickpolicy='catchup'/><timer name='pit' "
		"tickpolicy='delay'/>"
		"<timer name='hpet' present='no'/>");
	if (spec->kvm)
		add(xml, "<timer name='hypervclock' present='yes'/>");
	add(xml, "</clock>");
}

static void
add_shares(GString *xml, const DomainSpec *spec)
{
	if (spec->io_weight > 0)
		add(xml, "<blkiotune><weight>%u</weight></blkiotune>", spec->io_weight);
	if (spec->cpu_shares > 0)
		add(xml, "<cputune><shares>%u</shares></cputune>", spec->cpu_shares);
}

static void
add_platform(GString *xml, const DomainSpec *spec)
{
	add(xml, "<memory unit='b'>%" G_GUINT64_FORMAT "</memory><vcpu placement='static'>%u</vcpu>", spec->memory, spec->cpus);
	add_shares(xml, spec);
	add_boot(xml, spec);
	add_features(xml, spec);
	/* Distributions have begun to want x86-64-v2 and v3, so an emulated CPU gets all that TCG knows but
	 * 57-bit addresses, which cost a page-table level and buy nothing here. */
	if (spec->kvm)
		add(xml, "<cpu mode='host-passthrough' check='none' migratable='%s'/>", spec->memory_file ? "on" : "off");
	else
		add(xml, "<cpu mode='maximum' check='none'><feature policy='disable' name='la57'/></cpu>");
	add_clock(xml, spec);
	/* A domain is transient: whichever way it stops, it and its name are gone, and the broker hears of
	 * it. */
	add(xml,
		"<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</"
		"on_crash>");
}

static void
add_disk(GString *xml, const DomainSpec *spec, const char *path, const char *const *under, const char *target)
{
	guint n = 0;

	/* cache=unsafe: what a throw-away desktop wrote is worth nothing after a crash of the host, and its
	 * flushes are what makes a hundred of them slow. What lies under it is named here, so that libvirt
	 * does not have to probe for it, and stays in its owner's hands (relabel=no), so that no VM could
	 * ever be given the right to write to it. */
	add(xml,
		"<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='%s' "
		"discard='unmap'/>"
		"<source file='%s'/>",
		spec->persistent ? "writeback" : "unsafe", path);
	for (; *under != NULL; under++, n++)
		add(xml,
			"<backingStore type='file'><format type='qcow2'/><source file='%s'>"
			"<seclabel model='dac' relabel='no'/></source>",
			*under);
	add(xml, "<backingStore/>");
	for (; n > 0; n--)
		add(xml, "</backingStore>");
	add(xml, "<target dev='%s' bus='virtio'/></disk>", target);
}

static void
add_disks(GString *xml, const DomainSpec *spec)
{
	const char *under[] = {
		spec->template_disk ? spec->template_disk : spec->backing, spec->template_disk ? spec->backing : NULL, NULL};
	const char *under_extra[] = {spec->template_extra, NULL};

	add_disk(xml, spec, spec->disk, under, "vda");
	if (spec->extra_disk)
		add_disk(xml, spec, spec->extra_disk, under_extra, "vdb");
	if (spec->drivers)
		add(xml,
			"<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='%s'>"
			"<seclabel model='dac' relabel='no'/></source><target dev='sda' "
			"bus='sata'/><readonly/></disk>",
			spec->drivers);
}

/* An instant clone has none until it is an individual: before, it would ask for its template's address. Its card is plugged in
 * then, and libvirt leaves no port free for that by itself. */
static void
add_network(GString *xml, const DomainSpec *spec)
{
	g_autofree char *card = spec->memory_file || !spec->network ? NULL : network_card_xml(spec->network);

	if (card)
		g_string_append(xml, card);
	for (int i = 1; (spec->memory_file || spec->home) && i <= ROOT_PORTS; i++)
		add(xml, "<controller type='pci' index='%d' model='pcie-root-port'/>", i);
}

char *
domain_tpm_xml(const char *instance, const char *id, const char *uuid)
{
	return g_markup_printf_escaped(
		"<domain type='qemu'><name>" DOMAIN_NAME_PREFIX "%s</name><uuid>%s</uuid><metadata><carrel:desktop xmlns:carrel='" DOMAIN_METADATA_URI
		"' instance='%s' id='%s'/></metadata><memory unit='MiB'>1</memory><os><type arch='x86_64' machine='q35'>hvm</type></os><devices>"
		"<tpm model='tpm-crb'><backend type='emulator' version='2.0' persistent_state='yes'/></tpm></devices></domain>",
		id, uuid, instance, id);
}

char *
domain_home_xml(const char *path)
{
	return g_markup_printf_escaped("<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='writeback' discard='unmap'/>"
				       "<source file='%s'/><target dev='vdz' bus='virtio'/><serial>carrel-home</serial></disk>",
		path);
}

static void
add_screen_and_sound(GString *xml, const DomainSpec *spec)
{
	if (spec->sound)
		/* What carrel-screen works with (display/audio-format.h), so that QEMU's mixer makes the samples that Opus takes. At each beat of
		 * its timer QEMU gives one block of 10 ms at most, so at its own beat of 10 ms and a bit the guest would play too slowly: 79 to
		 * 98 blocks a second were measured, and 100 at this one. */
		add(xml,
			"<graphics type='dbus' p2p='yes'><audio id='1'/></graphics><audio id='1' type='dbus' timerPeriod='5000'>"
			"<input mixingEngine='yes' fixedSettings='yes'><settings frequency='48000' channels='2' format='s16'/></input>"
			"<output mixingEngine='yes' fixedSettings='yes'><settings frequency='48000' channels='2' format='s16'/></output></audio>"
			"<sound model='ich9'><audio id='1'/></sound>");
	else
		add(xml, "<graphics type='dbus' p2p='yes'/><audio id='1' type='none'/>");
	add(xml, "<video><model type='virtio' heads='%u' primary='yes'/></video>", spec->monitors);
	/* Windows has no driver for virtio's until somebody installs it, and a keyboard by itself. */
	if (spec->windows)
		add(xml, "<input type='tablet' bus='usb'/>");
	else
		add(xml, "<input type='tablet' bus='virtio'/><input type='keyboard' bus='virtio'/>");
	/* What is not kept libvirt removes when the domain ends. */
	if (spec->tpm)
		add(xml,
			"<tpm model='tpm-crb'><backend type='emulator' version='2.0' "
			"persistent_state='%s'/></tpm>",
			spec->persistent ? "yes" : "no");
}

static void
add_ports(GString *xml, const DomainSpec *spec)
{
	/* Nobody talks to a template there; what stands behind a port may differ when it wakes. */
	add(xml, spec->is_template ? "<channel type='null'>" : "<channel type='dbus'><source channel='com.redhat.spice.0'/>");
	add(xml, "<target type='virtio' name='com.redhat.spice.0'/></channel>"
		 "<channel type='unix'><source mode='bind' path='%s'/><target type='virtio' name='" DOMAIN_AGENT_PORT "'/></channel>",
		spec->agent);
	/* Of its own accord it has four ports, of which Windows' tablet takes one. */
	add(xml, spec->usb > 0 ? "<controller type='usb' index='0' model='qemu-xhci' ports='8'/>" : "<controller type='usb' index='0' model='qemu-xhci'/>");
	for (guint i = 0; i < spec->usb; i++)
		add(xml, "<redirdev bus='usb' type='dbus'><source channel='org.qemu.usbredir'/></redirdev>");
	/* A pty drops what nobody reads (virsh console does); a log file would be the guest's to fill. */
	add(xml, "<serial type='pty'><target port='0'/></serial>"
		 "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
		 "<memballoon model='none'/>");
}

/* libvirt has no words for memory that is a file of ours. */
static void
add_memory_file(GString *xml, const DomainSpec *spec)
{
	/* QEMU's options double a comma. */
	g_auto(GStrv) parts = g_strsplit(spec->memory_file, ",", -1);
	g_autofree char *path = g_strjoinv(",,", parts);

	add(xml,
		"<qemu:commandline><qemu:arg value='-object'/>"
		"<qemu:arg value='memory-backend-file,id=carrel-memory,size=%" G_GUINT64_FORMAT ",mem-path=%s,%s'/>"
		"<qemu:arg value='-machine'/><qemu:arg value='memory-backend=carrel-memory'/>",
		spec->memory, path, spec->is_template ? "share=on" : "share=off,readonly=on,rom=off");
	if (!spec->is_template)
		add(xml, "<qemu:arg value='-incoming'/><qemu:arg value='defer'/>");
	add(xml, "</qemu:commandline>");
}

char *
domain_xml(const DomainSpec *spec)
{
	GString *xml = g_string_new(NULL);

	add(xml, "<domain type='%s' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>", spec->kvm ? "kvm" : spec->emulation);
	add_identity(xml, spec);
	add_platform(xml, spec);
	add(xml, "<devices>");
	if (spec->emulator)
		add(xml, "<emulator>%s</emulator>", spec->emulator);
	add_disks(xml, spec);
	add_network(xml, spec);
	add_screen_and_sound(xml, spec);
	add_ports(xml, spec);
	if (spec->devices)
		g_string_append(xml, spec->devices);
	add(xml, "</devices>");
	if (spec->memory_file)
		add_memory_file(xml, spec);
	add(xml, "</domain>");
	return g_string_free(xml, FALSE);
}

/* No capacity means that of the backing file; libvirt's test driver wants to be told. */
char *
overlay_xml(const char *name, const char *backing, guint64 bytes, const char *mode)
{
	GString *xml = g_string_new(NULL);

	add(xml, "<volume><name>%s</name><capacity unit='b'>%" G_GUINT64_FORMAT "</capacity>", name, bytes);
	add(xml, "<target><format type='qcow2'/><permissions><mode>%s</mode></permissions></target>", mode);
	if (backing)
		add(xml, "<backingStore><path>%s</path><format type='qcow2'/></backingStore>", backing);
	add(xml, "</volume>");
	return g_string_free(xml, FALSE);
}
