/* What a worker does to one VM: make it with its overlay, throw both away, list what there is, look at its screen.
 * Everything here blocks and touches nothing but its arguments, and everything that changes something may be done again after
 * it was broken off anywhere. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>

#include "pools/domain-xml.h"
#include "pools/qmp.h"

/* A screenshot that is larger is not taken. */
#define VM_SCREENSHOT_MAX (64u << 20)

/* Where an instance's overlays lie, and what its libvirt objects are called. */
typedef struct {
	char *instance;	 /* 32 hexadecimal digits */
	char *short_name; /* carrel-XXXXXXXX: storage pool and networks */
	char *folder;	 /* of the overlays: STATE/desktops */
	char *kept;	 /* of those of persistent desktops, and of disks of people: STATE/kept. Nothing is removed there but by name */
	char *templates; /* STATE/templates: pools/template.h */
	char *agents;	 /* of the sockets of agents: RUNTIME/broker/agents */
} VmPlace;

VmPlace *vm_place_new(const char *instance, const char *state_folder, const char *runtime_folder);
VmPlace *vm_place_copy(const VmPlace *place);
void vm_place_free(VmPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmPlace, vm_place_free)

/* What a desktop has in that folder (@kept: in that of those that are kept), by the ends of the names. Free with g_free. */
#define VM_DISK_SUFFIX	".qcow2"
#define VM_EXTRA_SUFFIX ".extra.qcow2"
#define VM_NVRAM_SUFFIX ".nvram"
char *vm_volume_path(const VmPlace *place, const char *desktop, const char *suffix, gboolean kept);

/* The overlay's path. Free with g_free. */
char *vm_overlay_path(const VmPlace *place, const char *desktop, gboolean kept);
/* The socket of its agent. Free with g_free. */
char *vm_agent_path(const VmPlace *place, const char *desktop);
/* The desktop whose overlay, second disk or UEFI variables @volume would be, or NULL when it is none of ours.
 * Free with g_free. */
char *vm_overlay_desktop(const char *volume);

/* The storage pool of the overlays, whatever it is called: libvirt allows one a folder, and the folder may have been another
 * instance's. NULL: there is none, or libvirt's error says why not. */
virStoragePoolPtr vm_find_storage(virConnectPtr connection, const VmPlace *place, gboolean kept);

/* @spec->disk is the overlay's path; the others are vm_volume_path's, too. On failure nothing of it is left. */
gboolean vm_create(virConnectPtr connection, const VmPlace *place, const DomainSpec *spec, GError **error);

/* The same with the overlay as it is: NOT_FOUND when it is not there. */
gboolean vm_start(virConnectPtr connection, const VmPlace *place, const DomainSpec *spec, GError **error);

/* Asks the guest to shut down or to restart, or makes it (@now). It may be gone already. */
gboolean vm_shut_down(virConnectPtr connection, const char *uuid, gboolean restart, gboolean now, GError **error);

/* Plugs the disk @home into the domain, which has it from then on as the one with the serial VM_HOME_SERIAL. It is made where there is none,
 * and made larger where it has fewer than @bytes. */
#define VM_HOME_SERIAL "carrel-home"
gboolean vm_plug_home(virConnectPtr connection, const VmPlace *place, const char *uuid, const char *home, guint64 bytes, GError **error);

/* The same of a template's clone: @spec->template is whole. It is loaded, and stopped where the template was. */
gboolean vm_create_parked(virConnectPtr connection, const VmPlace *place, const DomainSpec *spec, const char *state,
	GError **error);

/* Lets a parked one run. NOT_FOUND when there is none with this UUID. */
gboolean vm_resume(virConnectPtr connection, const char *uuid, GError **error);

/* Plugs in a network card where the domain has none. What it is connected to is made first. */
gboolean vm_plug_network(virConnectPtr connection, const char *uuid, const NetworkCard *card, GError **error);

/* NOT_FOUND when there is none with this UUID. */
gboolean vm_snapshot(virConnectPtr connection, const char *uuid, QmpSnapshot what, const char *name, GError **error);

/* Ends the domain at once. It may be gone already. */
gboolean vm_end(virDomainPtr domain, GError **error);

/* Ends the domain with this UUID (NULL: there is none), if it is there and is ours, and removes what @desktop has in the folder.
 * TRUE when nothing of it is left. @kept: it is one of those. */
gboolean vm_destroy(virConnectPtr connection, const VmPlace *place, const char *desktop, const char *uuid, gboolean kept, GError **error);

typedef struct {
	char *instance, *id, *config, *template; /* of its metadata; template: "" where it booted by itself */
	char *uuid;
	gboolean running;  /* libvirt may know a domain that does not */
	gboolean stopped;  /* somebody stopped it, as a clone is until it is wanted */
	gboolean io_error; /* QEMU stopped it, because its disk could not be written */
} VmDomain;

void vm_domain_free(VmDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmDomain, vm_domain_free)

/* *@found: what @domain is, or NULL when it is not one of @instance's, or ended meanwhile. FALSE: libvirt did not say. */
gboolean vm_describe(virDomainPtr domain, const char *instance, VmDomain **found, GError **error);

typedef struct {
	GPtrArray *domains;  /* VmDomain: those with our instance in their metadata */
	GPtrArray *overlays; /* char *: ids of desktops that have something in the folder, once each, */
	GPtrArray *kept;     /* and in that of those that are kept */
} VmList;

void vm_list_free(VmList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmList, vm_list_free)

/* @refresh: look at the folder of the overlays itself, and not at what libvirt remembers of it. */
VmList *vm_list(virConnectPtr connection, const VmPlace *place, gboolean refresh, GError **error);

/* Those of the domains @uuids (NULL-terminated) that are there, and ours. No overlays. */
VmList *vm_look(virConnectPtr connection, const VmPlace *place, char *const *uuids, GError **error);

/* *@mime is static. */
GBytes *vm_screenshot(virConnectPtr connection, const char *uuid, const char **mime, GError **error);

/* The storage pool, the networks and their filters of the instance, when no desktop is left. */
gboolean vm_place_remove(virConnectPtr connection, const VmPlace *place, GError **error);
