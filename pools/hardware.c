/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/hardware.h"

#include "pools/domain-xml.h"
#include "pools/qcow2.h"

static void add(GPtrArray *faults, const char *key, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
add(GPtrArray *faults, const char *key, const char *format, ...)
{
	HardwareFault *fault = g_new0(HardwareFault, 1);
	va_list args;

	va_start(args, format);
	fault->text = g_strdup_vprintf(format, args);
	va_end(args);
	fault->key = key;
	g_ptr_array_add(faults, fault);
}

static void
fault_free(gpointer data)
{
	g_free(((HardwareFault *)data)->text);
	g_free(data);
}

gboolean
hardware_uses_kvm(const PoolFile *file, const HostFacts *facts)
{
	return facts->kvm && file->accel != POOL_ACCEL_TCG;
}

gboolean
hardware_is_windows(const PoolFile *file, const Image *image)
{
	if (file->os == POOL_OS_AUTO)
		return image && g_strcmp0(image->os, "windows") == 0;
	return file->os == POOL_OS_WINDOWS;
}

static void
check_image(GPtrArray *faults, const PoolFile *file, const Image *image)
{
	gint64 size = file->disk > 0 ? qcow2_size(image->disk) : 0;

	if (file->disk > 0 && size > file->disk) {
		g_autofree char *whole = g_format_size_full((guint64)size, G_FORMAT_SIZE_IEC_UNITS);

		add(faults, "Desktop/Disk", "the disk of the image %s@%s is larger, %s: a disk can grow, not shrink", image->name,
			image->version, whole);
	}
	if (image->boot != IMAGE_BOOT_KERNEL)
		return;
	if (file->firmware == POOL_FIRMWARE_UEFI && image->efi_kernel == NULL)
		add(faults, "Desktop/Firmware",
			"the image %s@%s has no kernel that UEFI can start (EfiKernel= of its image.ini): "
			"build it anew (carrel image build %s)",
			image->name, image->version, image->name);
	/* What QEMU hands to the firmware is signed by nobody whom its keys trust. */
	if (file->firmware == POOL_FIRMWARE_UEFI_SECURE)
		add(faults, "Desktop/Firmware",
			"“uefi-secure” needs an image that starts from its own disk, by a signed boot "
			"loader: %s@%s is started by a kernel "
			"beside it. Use Firmware=uefi",
			image->name, image->version);
}

static void
check_firmware(GPtrArray *faults, const PoolFile *file, const DomainCapabilities *domain)
{
	if (file->firmware == POOL_FIRMWARE_BIOS)
		return;
	if (!domain->efi)
		add(faults, "Desktop/Firmware",
			"this host has no UEFI firmware for %s: install OVMF (Debian: ovmf; Fedora: "
			"edk2-ovmf), then carrel pool apply",
			domain->machine);
	else if (file->firmware == POOL_FIRMWARE_UEFI_SECURE && !domain->secure)
		add(faults, "Desktop/Firmware",
			"no UEFI firmware of this host can do secure boot with %s: install an OVMF that can "
			"(Debian: ovmf; Fedora: edk2-ovmf), "
			"then carrel pool apply, or use Firmware=uefi",
			domain->machine);
}

static void
check_host(GPtrArray *faults, const PoolFile *file, const HostFacts *facts)
{
	gboolean kvm = hardware_uses_kvm(file, facts);
	const DomainCapabilities *domain = facts->domain[kvm];

	if (file->accel == POOL_ACCEL_KVM && !facts->kvm)
		add(faults, "Desktop/Accel", "“kvm” cannot be had on this host: %s", facts->why_no_kvm);
	if (domain == NULL)
		return;
	if (domain->cpus_max > 0 && (guint64)file->cpus > domain->cpus_max)
		add(faults, "Desktop/CPUs", "a desktop of this host's %s has at most %" G_GUINT64_FORMAT " CPUs", domain->machine,
			domain->cpus_max);
	check_firmware(faults, file, domain);
	if (file->tpm && !domain->tpm)
		add(faults, "Desktop/TPM",
			"libvirt finds no emulator of a TPM 2.0 on this host: install swtpm (Debian: swtpm "
			"and swtpm-tools; Fedora: swtpm and "
			"swtpm-tools), then carrel pool apply");
	if (pool_file_usb_slots(file) > 0 && !facts->usb_redirection)
		add(faults, "Policy/Usb",
			"this host's QEMU has no usb-redir device (its module hw-usb-redirect; Debian: qemu-system-common; Fedora: "
			"qemu-device-usb-redirect): install it, then carrel pool apply");
	if (file->cpu_shares > 0 && facts->why_no_cpu_shares)
		add(faults, "Desktop/CPUShares", "%s", facts->why_no_cpu_shares);
	if (file->io_weight > 0 && facts->why_no_io_weight)
		add(faults, "Desktop/IOWeight", "%s", facts->why_no_io_weight);
}

GPtrArray *
hardware_faults(const PoolFile *file, const Image *image, const HostFacts *facts)
{
	GPtrArray *faults = g_ptr_array_new_with_free_func(fault_free);

	if (image)
		check_image(faults, file, image);
	if (facts)
		check_host(faults, file, facts);
	return faults;
}

char *
hardware_faults_text(GPtrArray *faults)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < faults->len; i++) {
		const HardwareFault *fault = faults->pdata[i];

		g_string_append_printf(text, "%s%s: %s", i > 0 ? "; " : "", fault->key, fault->text);
	}
	return g_string_free(text, faults->len == 0);
}

char *
hardware_why_not_frozen(const PoolFile *file)
{
	if (file->tpm)
		return g_strdup("TPM=yes: what its clones' TPMs keep secret would be the same in all of them");
	if (file->xml)
		return g_strdup("Xml= adds devices of which nobody knows whether they can be frozen, or be "
				"in two desktops at once");
	return NULL;
}

char *
hardware_frozen_text(const PoolFile *file, const Image *image, const HostFacts *facts)
{
	gboolean windows = hardware_is_windows(file, image);

	return g_strdup_printf("%d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
			       " %d %d %d %s %d %" G_GINT64_FORMAT " %u %s %s %u",
		DOMAIN_TEMPLATE_FORMAT, file->cpus, file->memory, file->disk, file->extra_disk, file->firmware, file->sound,
		windows, windows && facts->drivers ? facts->drivers : "", hardware_uses_kvm(file, facts), file->monitors,
		facts->usb_redirection ? pool_file_usb_slots(file) : 0, facts->emulator, facts->machine, facts->qemu_version);
}
