/* What there is: of all domains, or of a few. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/vm.h"

#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#include "broker/common/error.h"
#include "pools/host.h"

void
vm_domain_free(VmDomain *description)
{
	if (description == NULL)
		return;
	g_free(description->id);
	g_free(description->uuid);
	g_free(description->config);
	g_free(description->template);
	g_free(description->instance);
	g_free(description);
}

static void
on_element(GMarkupParseContext *context, const char *name, const char **names, const char **values, gpointer data, GError **error)
{
	VmDomain *description = data;
	const struct {
		const char *name;
		char **value;
	} wanted[] = {{"instance", &description->instance}, {"id", &description->id}, {"config", &description->config},
		{"template", &description->template}};

	/* libvirt answers with or without the prefix, by its version. */
	if (strcmp(name, "desktop") != 0 && strcmp(name, "carrel:desktop") != 0)
		return;
	for (gsize i = 0; names[i] != NULL; i++) {
		for (gsize j = 0; j < G_N_ELEMENTS(wanted); j++) {
			if (strcmp(names[i], wanted[j].name) == 0 && *wanted[j].value == NULL)
				*wanted[j].value = g_strdup(values[i]);
		}
	}
}

/* NULL: it is not what we write. */
static VmDomain *
read_metadata(const char *metadata)
{
	static const GMarkupParser callbacks = {.start_element = on_element};
	g_autoptr(VmDomain) description = g_new0(VmDomain, 1);
	g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&callbacks, 0, description, NULL);

	if (!g_markup_parse_context_parse(context, metadata, -1, NULL) || !g_markup_parse_context_end_parse(context, NULL))
		return NULL;
	return g_steal_pointer(&description);
}

/* QEMU stops a guest whose overlay could not be written, for want of space mostly, so that the guest never hears of it. It goes
 * on from there; while there still is no space it stops again. */
static void
resume_after_io_error(virDomainPtr domain)
{
	g_warning("%s was stopped because its disk could not be written (is the file system full?): trying to go on",
		virDomainGetName(domain));
	virDomainResume(domain);
}

/* FALSE: it could not be asked. One that ended meanwhile, or that we have nothing to do with, has been. */
static gboolean
fail_unless_gone(GError **error)
{
	int code = virGetLastErrorCode();

	if (code == VIR_ERR_NO_DOMAIN || code == VIR_ERR_NO_DOMAIN_METADATA)
		return TRUE;
	host_set_error(error, "looking at it");
	return FALSE;
}

gboolean
vm_describe(virDomainPtr domain, const char *instance, VmDomain **found, GError **error)
{
	g_autofree char *metadata = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, DOMAIN_METADATA_URI, 0);
	g_autoptr(VmDomain) description = NULL;
	char uuid[VIR_UUID_STRING_BUFLEN];
	int state = 0, reason = 0;

	*found = NULL;
	if (metadata == NULL)
		return fail_unless_gone(error);
	description = read_metadata(metadata);
	if (description == NULL || g_strcmp0(description->instance, instance) != 0)
		return TRUE;
	if (virDomainGetState(domain, &state, &reason, 0) < 0 || virDomainGetUUIDString(domain, uuid) < 0)
		return fail_unless_gone(error);
	description->uuid = g_strdup(uuid);
	description->running = state != VIR_DOMAIN_SHUTOFF;
	description->io_error = state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_IOERROR;
	description->stopped = state == VIR_DOMAIN_PAUSED && !description->io_error;
	*found = g_steal_pointer(&description);
	return TRUE;
}

static gboolean
add_domain(virDomainPtr domain, const char *instance, GPtrArray *found, GError **error)
{
	VmDomain *description = NULL;

	if (!vm_describe(domain, instance, &description, error))
		return FALSE;
	if (description == NULL)
		return TRUE;
	if (description->io_error)
		resume_after_io_error(domain);
	g_ptr_array_add(found, description);
	return TRUE;
}

static gboolean
list_domains(virConnectPtr connection, const char *instance, GPtrArray *found, GError **error)
{
	virDomainPtr *domains = NULL;
	int n = virConnectListAllDomains(connection, &domains, 0);
	gboolean done = n >= 0;

	if (!done)
		host_set_error(error, "listing domains");
	for (int i = 0; i < n; i++) {
		const char *name = virDomainGetName(domains[i]);

		if (done && name && g_str_has_prefix(name, DOMAIN_NAME_PREFIX))
			done = add_domain(domains[i], instance, found, error);
		virDomainFree(domains[i]);
	}
	free(domains);
	return done;
}

static gboolean
list_overlays(virConnectPtr connection, const VmPlace *place, gboolean kept, gboolean refresh, GPtrArray *found, GError **error)
{
	g_autoptr(virStoragePool) storage = vm_find_storage(connection, place, kept);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	virStorageVolPtr *volumes = NULL;
	int n;

	if (storage == NULL)
		return TRUE;
	if (refresh)
		virStoragePoolRefresh(storage, 0);
	n = virStoragePoolListAllVolumes(storage, &volumes, 0);
	if (n < 0) {
		host_set_error(error, "listing overlays");
		return FALSE;
	}
	for (int i = 0; i < n; i++) {
		char *desktop = vm_overlay_desktop(virStorageVolGetName(volumes[i]));

		if (desktop && !g_hash_table_contains(seen, desktop)) {
			g_hash_table_add(seen, desktop);
			g_ptr_array_add(found, desktop);
		} else {
			g_free(desktop);
		}
		virStorageVolFree(volumes[i]);
	}
	free(volumes);
	return TRUE;
}

static VmList *
list_new(void)
{
	VmList *list = g_new0(VmList, 1);

	list->domains = g_ptr_array_new_with_free_func((GDestroyNotify)vm_domain_free);
	list->overlays = g_ptr_array_new_with_free_func(g_free);
	list->kept = g_ptr_array_new_with_free_func(g_free);
	return list;
}

void
vm_list_free(VmList *list)
{
	if (list == NULL)
		return;
	g_ptr_array_unref(list->domains);
	g_ptr_array_unref(list->overlays);
	g_ptr_array_unref(list->kept);
	g_free(list);
}

VmList *
vm_list(virConnectPtr connection, const VmPlace *place, gboolean refresh, GError **error)
{
	g_autoptr(VmList) list = list_new();

	if (!list_domains(connection, place->instance, list->domains, error) ||
		!list_overlays(connection, place, FALSE, refresh, list->overlays, error) ||
		!list_overlays(connection, place, TRUE, refresh, list->kept, error))
		return NULL;
	return g_steal_pointer(&list);
}

VmList *
vm_look(virConnectPtr connection, const VmPlace *place, char *const *uuids, GError **error)
{
	g_autoptr(VmList) list = list_new();

	for (; *uuids != NULL; uuids++) {
		g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, *uuids);

		if (domain == NULL ? !fail_unless_gone(error) : !add_domain(domain, place->instance, list->domains, error))
			return NULL;
	}
	return g_steal_pointer(&list);
}
