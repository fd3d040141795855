/* What a host can do for desktops, asked once a connection. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>

#include "pools/domain-capabilities.h"

typedef struct {
	gboolean kvm;	  /* hardware acceleration can be used */
	const char *emulation; /* libvirt's type of a domain without it: "qemu", or "test" of the driver that runs nothing. Static */
	char *why_no_kvm; /* NULL when it can */
	char *emulator, *machine; /* the newest versioned q35 of that emulator, under kvm where that can be used */
	gboolean dbus_display;	  /* <graphics type='dbus'> */
	gboolean usb_redirection;
	gboolean network_filters; /* libvirt has them: no desktop gets a network card without */
	char *why_no_templates; /* why no desktop can be frozen and woken on this host; NULL: it can */
	DomainCapabilities *domain[2]; /* with KVM (TRUE; NULL where that cannot be used) and emulated (FALSE) */
	char *why_no_cpu_shares, *why_no_io_weight; /* NULL: they can be set, or libvirt will say */
	char *drivers; /* a CD of virtio's drivers for Windows; NULL: none is there */
	guint libvirt_version, qemu_version; /* libvirt's numbers: 11003000; 0: unknown */
} HostFacts;

void host_facts_free(HostFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostFacts, host_facts_free)

/* Blocks: call in a worker. @local: this process runs on that host, so that its CPU and /dev/kvm can be looked at. */
HostFacts *host_facts_probe(virConnectPtr connection, gboolean local, GError **error);

/* The same from libvirt's answers. @kvm_xml: NULL where libvirt has no kvm; @why_no_kvm: NULL where CPU and device have
 * nothing against it. Takes no ownership. CONFIG when no desktop could run at all. */
HostFacts *host_facts_parse(const char *qemu_xml, const char *kvm_xml, const char *why_no_kvm, GError **error);

/* Why KVM cannot be used, from the text of /proc/cpuinfo and the errno of opening /dev/kvm (0: it opened); NULL where nothing
 * speaks against it. Free with g_free. */
char *host_facts_why_no_kvm(const char *cpuinfo, int kvm_errno);
/* The same, from this machine. */
char *host_facts_why_no_kvm_here(void);

/* From the control groups that are mounted at @root (/sys/fs/cgroup): why no desktop's share of CPU time, or of its disks', can be
 * set, each NULL where it can. Free with g_free. */
void host_facts_examine_groups(const char *root, char **why_no_cpu_shares, char **why_no_io_weight);

/* "11.3.0" of libvirt's 11003000. Free with g_free. */
char *host_facts_version(guint version);
