/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/vm.h"

#include "broker/common/error.h"
#include "pools/host.h"
#include "pools/network.h"
#include "pools/qmp.h"
#include "pools/xml-select.h"

#include <glib/gstdio.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#define ID_DIGITS 8
#define INSTANCE_SHORT 8
#define DESTROY_TRIES 3

VmPlace *
vm_place_new(const char *instance, const char *state_folder, const char *runtime_folder)
{
	VmPlace *place = g_new0(VmPlace, 1);

	place->instance = g_strdup(instance);
	place->short_name = g_strdup_printf("carrel-%.*s", INSTANCE_SHORT, instance);
	place->folder = g_build_filename(state_folder, "desktops", NULL);
	place->kept = g_build_filename(state_folder, "kept", NULL);
	place->templates = g_build_filename(state_folder, "templates", NULL);
	place->agents = g_build_filename(runtime_folder, "broker", "agents", NULL);
	return place;
}

VmPlace *
vm_place_copy(const VmPlace *place)
{
	VmPlace *copy = g_new0(VmPlace, 1);

	copy->instance = g_strdup(place->instance);
	copy->short_name = g_strdup(place->short_name);
	copy->folder = g_strdup(place->folder);
	copy->kept = g_strdup(place->kept);
	copy->templates = g_strdup(place->templates);
	copy->agents = g_strdup(place->agents);
	return copy;
}

void
vm_place_free(VmPlace *place)
{
	if (place == NULL)
		return;
	g_free(place->instance);
	g_free(place->short_name);
	g_free(place->folder);
	g_free(place->kept);
	g_free(place->templates);
	g_free(place->agents);
	g_free(place);
}

char *
vm_agent_path(const VmPlace *place, const char *desktop)
{
	return g_build_filename(place->agents, desktop, NULL);
}

char *
vm_volume_path(const VmPlace *place, const char *desktop, const char *suffix, gboolean kept)
{
	g_autofree char *name = g_strconcat(desktop, suffix, NULL);

	return g_build_filename(kept ? place->kept : place->folder, name, NULL);
}

char *
vm_overlay_path(const VmPlace *place, const char *desktop, gboolean kept)
{
	return vm_volume_path(place, desktop, VM_DISK_SUFFIX, kept);
}

/* The longer one of two that fit comes first. */
static const char *const suffixes[] = {VM_EXTRA_SUFFIX, VM_DISK_SUFFIX, VM_NVRAM_SUFFIX};

char *
vm_overlay_desktop(const char *volume)
{
	const char *dash = strrchr(volume, '-');
	gsize length = 0;

	for (gsize i = 0; length == 0 && i < G_N_ELEMENTS(suffixes); i++) {
		if (g_str_has_suffix(volume, suffixes[i]))
			length = strlen(volume) - strlen(suffixes[i]);
	}
	if (length == 0 || dash == NULL || dash == volume)
		return NULL;
	if ((gsize)(dash - volume) + 1 + ID_DIGITS != length || strspn(dash + 1, "0123456789abcdef") != ID_DIGITS)
		return NULL;
	return g_strndup(volume, length);
}

static char *
storage_name(const VmPlace *place, gboolean kept)
{
	return g_strconcat(place->short_name, kept ? "-kept" : "", NULL);
}

virStoragePoolPtr
vm_find_storage(virConnectPtr connection, const VmPlace *place, gboolean kept)
{
	g_autofree char *name = storage_name(place, kept);
	virStoragePoolPtr storage = virStoragePoolLookupByTargetPath(connection, kept ? place->kept : place->folder);

	return storage ? storage : virStoragePoolLookupByName(connection, name);
}

static virStoragePoolPtr
ensure_storage(virConnectPtr connection, const VmPlace *place, gboolean kept, GError **error)
{
	static GMutex making;
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&making);
	g_autoptr(virStoragePool) storage = vm_find_storage(connection, place, kept);
	g_autofree char *name = storage_name(place, kept), *xml = NULL;
	const char *folder = kept ? place->kept : place->folder;

	if (storage == NULL) {
		xml = g_markup_printf_escaped("<pool type='dir'><name>%s</name><target><path>%s</path>"
					      "<permissions><mode>0711</mode></permissions></target></pool>",
			name, folder);
		storage = virStoragePoolCreateXML(connection, xml, VIR_STORAGE_POOL_CREATE_WITH_BUILD);
		if (storage == NULL && virGetLastErrorCode() == VIR_ERR_INVALID_ARG) /* libvirt's test driver has nothing to build */
			storage = virStoragePoolCreateXML(connection, xml, 0);
	} else if (virStoragePoolIsActive(storage) == 0 && virStoragePoolCreate(storage, 0) < 0) {
		g_clear_pointer(&storage, virStoragePoolFree);
	}
	if (storage == NULL)
		host_set_error(error, folder);
	return g_steal_pointer(&storage);
}

/* Also a file that libvirt has not seen yet. */
static virStorageVolPtr
find_volume(virStoragePoolPtr storage, const char *name)
{
	virStorageVolPtr volume = virStorageVolLookupByName(storage, name);

	if (volume == NULL && virStoragePoolRefresh(storage, 0) == 0)
		volume = virStorageVolLookupByName(storage, name);
	return volume;
}

static gboolean
delete_volume(virStoragePoolPtr storage, const VmPlace *place, const char *desktop, const char *suffix, gboolean kept, GError **error)
{
	g_autofree char *name = g_strconcat(desktop, suffix, NULL), *path = vm_volume_path(place, desktop, suffix, kept);
	g_autoptr(virStorageVol) volume = virStorageVolLookupByName(storage, name);

	/* A file that libvirt has not seen yet, as it does not see the variables of a UEFI that it makes
	 * itself: have it look. */
	if (volume == NULL && g_file_test(path, G_FILE_TEST_EXISTS)) {
		virStoragePoolRefresh(storage, 0);
		volume = virStorageVolLookupByName(storage, name);
	}
	if (volume == NULL || virStorageVolDelete(volume, 0) == 0)
		return TRUE;
	host_set_error(error, name);
	return FALSE;
}

static gboolean
delete_volumes(virStoragePoolPtr storage, const VmPlace *place, const char *desktop, gboolean kept, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		if (!host_is_wanted(error) || !delete_volume(storage, place, desktop, suffixes[i], kept, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
make_volume(virStoragePoolPtr storage, const VmPlace *place, const DomainSpec *spec, const char *suffix, const char *backing,
	guint64 bytes, GError **error)
{
	g_autofree char *name = g_strconcat(spec->id, suffix, NULL);
	/* A template's is read by every clone, and by whoever may read the golden disk. */
	g_autofree char *xml = overlay_xml(name, backing, bytes, spec->is_template ? "0644" : "0600");
	g_autoptr(virStorageVol) volume = NULL;

	if (!host_is_wanted(error))
		return FALSE;
	volume = virStorageVolCreateXML(storage, xml, 0);
	if (volume == NULL && strstr(virGetLastErrorMessage(), "exists") != NULL) {
		/* A file that libvirt does not know yet, on another host. */
		virStoragePoolRefresh(storage, 0);
		if (!host_is_wanted(error) || !delete_volume(storage, place, spec->id, suffix, spec->persistent, error))
			return FALSE;
		volume = virStorageVolCreateXML(storage, xml, 0);
	}
	if (volume == NULL)
		host_set_error(error, name);
	return volume != NULL;
}

/* What an earlier attempt left may have been written to. */
static gboolean
make_volumes(virStoragePoolPtr storage, const VmPlace *place, const DomainSpec *spec, GError **error)
{
	const char *under = spec->template_disk ? spec->template_disk : spec->backing;

	if (delete_volumes(storage, place, spec->id, spec->persistent, error) &&
		make_volume(storage, place, spec, VM_DISK_SUFFIX, under, spec->disk_bytes, error) &&
		(spec->extra_disk == NULL ||
			make_volume(storage, place, spec, VM_EXTRA_SUFFIX, spec->template_extra, spec->extra_bytes, error)))
		return TRUE;
	delete_volumes(storage, place, spec->id, spec->persistent, NULL);
	return FALSE;
}

/* The schema says no more than that something is wrong; who reads the document without it often says what. */
static void
set_schema_error(virConnectPtr connection, const char *xml, GError **error)
{
	g_autofree char *arguments = virConnectDomainXMLToNative(connection, "qemu-argv", xml, 0);

	if (arguments)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"[Desktop] Xml= has an element or an attribute that libvirt does not know");
	else
		host_set_error(error, "[Desktop] Xml=");
}

/* @fresh: with a new overlay. An earlier call may have made it after all, when nobody waited for that call any longer. */
static virDomainPtr
create(virConnectPtr connection, const VmPlace *place, const DomainSpec *spec, gboolean fresh, guint flags, GError **error)
{
	g_autoptr(virStoragePool) storage = NULL;
	g_autofree char *xml = domain_xml(spec);
	virDomainPtr domain = virDomainLookupByUUIDString(connection, spec->uuid);

	if (domain != NULL)
		return domain;
	if (spec->network && !network_ensure(connection, spec->network, error))
		return NULL;
	storage = ensure_storage(connection, place, spec->persistent, error);
	if (storage == NULL || (fresh && !make_volumes(storage, place, spec, error)))
		return NULL;
	/* libvirt passes over what it does not understand, unless it is asked not to. */
	if (spec->devices)
		flags |= VIR_DOMAIN_START_VALIDATE;
	if (!host_is_wanted(error))
		return NULL;
	domain = virDomainCreateXML(connection, xml, flags);
	if (domain == NULL) {
		if (virGetLastErrorCode() == VIR_ERR_XML_INVALID_SCHEMA)
			set_schema_error(connection, xml, error);
		else
			network_set_error(spec->network, "starting it", error);
		if (fresh)
			delete_volumes(storage, place, spec->id, spec->persistent, NULL);
	}
	return domain;
}

gboolean
vm_create(virConnectPtr connection, const VmPlace *place, const DomainSpec *spec, GError **error)
{
	g_autoptr(virDomain) domain = create(connection, place, spec, TRUE, 0, error);

	return domain != NULL;
}

gboolean
vm_start(virConnectPtr connection, const VmPlace *place, const DomainSpec *spec, GError **error)
{
	g_autoptr(virStoragePool) storage = ensure_storage(connection, place, TRUE, error);
	g_autofree char *name = g_strconcat(spec->id, VM_DISK_SUFFIX, NULL);
	g_autoptr(virStorageVol) volume = storage ? find_volume(storage, name) : NULL;
	g_autoptr(virDomain) domain = NULL;
	virStorageVolInfo info;

	if (storage == NULL)
		return FALSE;
	/* libvirt may remember a file that is gone. */
	if (volume == NULL || virStorageVolGetInfo(volume, &info) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "its disk %s is not there: bring it back from a backup", spec->disk);
		return FALSE;
	}
	domain = create(connection, place, spec, FALSE, 0, error);
	return domain != NULL;
}

gboolean
vm_shut_down(virConnectPtr connection, const char *uuid, gboolean restart, gboolean now, GError **error)
{
	g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, uuid);
	int done;

	if (domain == NULL && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		return TRUE;
	if (domain && now && !restart)
		return vm_end(domain, error);
	done = domain == NULL ? -1
	       : now	      ? virDomainReset(domain, 0)
	       : restart      ? virDomainReboot(domain, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN)
			      : virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
	if (done < 0)
		host_set_error(error, restart ? "restarting it" : "shutting it down");
	return done == 0;
}

static gboolean
ensure_home(virStoragePoolPtr storage, const char *name, guint64 bytes, GError **error)
{
	g_autofree char *xml = g_markup_printf_escaped("<volume><name>%s</name><capacity>%" G_GUINT64_FORMAT "</capacity><target>"
						       "<format type='qcow2'/><permissions><mode>0600</mode></permissions></target></volume>",
		name, bytes);
	g_autoptr(virStorageVol) volume = find_volume(storage, name);
	virStorageVolInfo info;

	if (volume == NULL)
		volume = virStorageVolCreateXML(storage, xml, 0);
	if (volume && virStorageVolGetInfo(volume, &info) == 0 &&
		(info.capacity >= bytes || virStorageVolResize(volume, bytes, 0) == 0))
		return TRUE;
	host_set_error(error, name);
	return FALSE;
}

gboolean
vm_plug_home(virConnectPtr connection, const VmPlace *place, const char *uuid, const char *home, guint64 bytes, GError **error)
{
	g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, uuid);
	g_autofree char *path = vm_overlay_path(place, home, TRUE), *name = g_strconcat(home, VM_DISK_SUFFIX, NULL), *xml = domain_home_xml(path);
	g_autofree char *description = domain ? virDomainGetXMLDesc(domain, 0) : NULL;
	g_autoptr(virStoragePool) storage = NULL;

	if (description && strstr(description, "<serial>" VM_HOME_SERIAL "</serial>"))
		return TRUE;
	storage = ensure_storage(connection, place, TRUE, error);
	if (storage == NULL || !ensure_home(storage, name, bytes, error))
		return FALSE;
	if (description && virDomainAttachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) == 0)
		return TRUE;
	host_set_error(error, "plugging in its person's disk");
	return FALSE;
}

/* A clone that was broken off half-loaded looks to libvirt like one that is parked. */
static gboolean
end_earlier(virConnectPtr connection, const char *uuid, GError **error)
{
	g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, uuid);

	return domain == NULL || (host_is_wanted(error) && vm_end(domain, error));
}

gboolean
vm_create_parked(virConnectPtr connection, const VmPlace *place, const DomainSpec *spec, const char *state, GError **error)
{
	g_autoptr(virDomain) domain = NULL;

	if (!end_earlier(connection, spec->uuid, error))
		return FALSE;
	domain = create(connection, place, spec, TRUE, VIR_DOMAIN_START_PAUSED, error);
	if (domain == NULL)
		return FALSE;
	if (qmp_ignore_shared(domain, error) && qmp_read_state(domain, state, error))
		return TRUE;
	/* By its UUID, which one that was made meanwhile has, too. */
	if (host_is_wanted(NULL)) {
		vm_end(domain, NULL);
		vm_destroy(connection, place, spec->id, NULL, FALSE, NULL);
	}
	return FALSE;
}

gboolean
vm_resume(virConnectPtr connection, const char *uuid, GError **error)
{
	g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, uuid);
	int state = 0;

	if (!host_is_wanted(error))
		return FALSE;
	if (domain == NULL || virDomainGetState(domain, &state, NULL, 0) < 0 ||
		(state != VIR_DOMAIN_RUNNING && virDomainResume(domain) < 0)) {
		host_set_error(error, "letting it run");
		return FALSE;
	}
	return TRUE;
}

gboolean
vm_plug_network(virConnectPtr connection, const char *uuid, const NetworkCard *card, GError **error)
{
	g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, uuid);
	g_autofree char *description = domain ? virDomainGetXMLDesc(domain, 0) : NULL;
	g_autofree char *there = description ? xml_select_one(description, "domain/devices/interface@type") : NULL;
	g_autofree char *xml = NULL;

	if (there)
		return TRUE;
	if (!network_ensure(connection, card, error))
		return FALSE;
	xml = network_card_xml(card);
	if (!host_is_wanted(error))
		return FALSE;
	if (description && virDomainAttachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) == 0)
		return TRUE;
	network_set_error(card, "plugging in its network card", error);
	return FALSE;
}

gboolean
vm_snapshot(virConnectPtr connection, const char *uuid, QmpSnapshot what, const char *name, GError **error)
{
	g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, uuid);

	if (domain == NULL) {
		host_set_error(error, "a snapshot of it");
		return FALSE;
	}
	/* One of that name is replaced; where there is none, that is no fault. */
	if (what == QMP_SNAPSHOT_SAVE)
		qmp_snapshot(domain, QMP_SNAPSHOT_DELETE, name, NULL);
	return qmp_snapshot(domain, what, name, error);
}

gboolean
vm_end(virDomainPtr domain, GError **error)
{
	/* libvirt gives QEMU 15 s to go; under load that may be too short once. */
	for (int i = 0; i < DESTROY_TRIES; i++) {
		if (virDomainDestroy(domain) == 0)
			return TRUE;
		if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN || virDomainIsActive(domain) != 1)
			return TRUE;
		if (virGetLastErrorCode() != VIR_ERR_SYSTEM_ERROR)
			break;
	}
	host_set_error(error, "ending it");
	return FALSE;
}

/* libvirt removes what it keeps of a TPM with a domain's definition only, which no desktop of ours has. One that is left, because we were
 * killed in between, is ours by its metadata and comes here again. Whether there was a TPM nobody knows any more. */
static void
forget_tpm(virConnectPtr connection, const VmPlace *place, const char *desktop, const char *uuid)
{
	g_autofree char *xml = domain_tpm_xml(place->instance, desktop, uuid);
	g_autoptr(virDomain) domain = NULL;

	if (g_strcmp0(virConnectGetType(connection), "QEMU") != 0)
		return;
	domain = virDomainDefineXML(connection, xml);
	if (domain == NULL)
		g_debug("the TPM of %s: %s", desktop, virGetLastErrorMessage()); /* a host without swtpm, say, which keeps nothing */
	else if (virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_TPM) < 0 && virDomainUndefine(domain) < 0)
		g_warning("desktop %s: a definition of it is left, and its TPM's state perhaps: virsh undefine --tpm %s (%s)", desktop, uuid,
			virGetLastErrorMessage());
}

gboolean
vm_destroy(virConnectPtr connection, const VmPlace *place, const char *desktop, const char *uuid, gboolean kept, GError **error)
{
	g_autoptr(virDomain) domain = uuid ? virDomainLookupByUUIDString(connection, uuid) : NULL;
	g_autoptr(virStoragePool) storage = NULL;
	g_autofree char *agent = vm_agent_path(place, desktop);
	gboolean defined = FALSE;

	if (uuid && domain == NULL && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN) {
		host_set_error(error, "looking it up");
		return FALSE;
	}
	if (!host_is_wanted(error))
		return FALSE;
	/* A QEMU that was killed leaves it. It goes first: nothing would lead back to it once the VM is gone. */
	g_unlink(agent);
	if (domain != NULL) {
		g_autoptr(VmDomain) description = NULL;

		if (!vm_describe(domain, place->instance, &description, error) || !host_is_wanted(error) ||
			(description && !vm_end(domain, error)))
			return FALSE;
		defined = description && virDomainIsPersistent(domain) == 1; /* by an admin, or by forget_tpm() */
	}
	if (uuid && (kept || defined))
		forget_tpm(connection, place, desktop, uuid);
	storage = vm_find_storage(connection, place, kept);
	if (storage == NULL && virGetLastErrorCode() != VIR_ERR_NO_STORAGE_POOL) {
		host_set_error(error, place->folder);
		return FALSE;
	}
	return storage == NULL || delete_volumes(storage, place, desktop, kept, error);
}

static GBytes *
receive_all(virStreamPtr stream, GError **error)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	char buffer[65536];
	int n;

	while ((n = virStreamRecv(stream, buffer, sizeof buffer)) > 0) {
		if (bytes->len + (guint)n > VM_SCREENSHOT_MAX) {
			g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "the picture is larger than 64 MiB");
			return NULL;
		}
		g_byte_array_append(bytes, (const guint8 *)buffer, (guint)n);
	}
	if (n < 0 || virStreamFinish(stream) < 0) {
		host_set_error(error, "the picture");
		return NULL;
	}
	return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

GBytes *
vm_screenshot(virConnectPtr connection, const char *uuid, const char **mime, GError **error)
{
	g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, uuid);
	virStreamPtr stream = domain ? virStreamNew(connection, 0) : NULL;
	g_autofree char *type = stream ? virDomainScreenshot(domain, stream, 0, 0) : NULL;
	GBytes *bytes = NULL;

	if (type == NULL) {
		host_set_error(error, "taking a picture");
	} else {
		*mime = strcmp(type, "image/png") == 0 ? "image/png" : "image/x-portable-pixmap";
		bytes = receive_all(stream, error);
		if (bytes == NULL)
			virStreamAbort(stream);
	}
	if (stream)
		virStreamFree(stream);
	return bytes;
}

static gboolean
remove_storage(virConnectPtr connection, const VmPlace *place, gboolean kept, GError **error)
{
	g_autoptr(virStoragePool) storage = vm_find_storage(connection, place, kept);
	const char *name = storage ? virStoragePoolGetName(storage) : NULL;

	if (name == NULL || !g_str_has_prefix(name, "carrel-") || virStoragePoolDestroy(storage) == 0)
		return TRUE;
	host_set_error(error, name);
	return FALSE;
}

gboolean
vm_place_remove(virConnectPtr connection, const VmPlace *place, GError **error)
{
	return remove_storage(connection, place, FALSE, error) && remove_storage(connection, place, TRUE, error) &&
	       network_remove(connection, place->short_name, error);
}
