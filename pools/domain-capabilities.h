/* What libvirt says that one emulator with one machine type can do: the answer of
 * virConnectGetDomainCapabilities (libvirt's formatdomaincaps). SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct {
	char *type;		  /* kvm or qemu */
	char *emulator, *machine; /* NULL: not said */
	guint64 cpus_max;	  /* 0: not said */
	gboolean dbus_display, usb_redirection;
	gboolean efi;	 /* there is a UEFI firmware, as far as libvirt found the descriptions of such */
	gboolean secure; /* and one of them keeps its variables from the guest, as secure boot needs it */
	gboolean tpm;	 /* emulated by swtpm, as TPM 2.0 with the model tpm-crb */
} DomainCapabilities;

/* What is not said, or not well formed, is not there. Free with domain_capabilities_free. */
DomainCapabilities *domain_capabilities_parse(const char *xml);
void domain_capabilities_free(DomainCapabilities *capabilities);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainCapabilities, domain_capabilities_free)
