/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/cleanup.h"

#include "broker/common/error.h"
#include "broker/store/desktops.h"
#include "pools/host.h"
#include "pools/libvirt-loop.h"
#include "pools/vm.h"

char *
cleanup_store_file(const Conf *conf)
{
	return g_build_filename(conf->state, "broker", "carrel.db", NULL);
}

static gboolean
destroy_all(virConnectPtr connection, const VmPlace *place, CleanupCounts *counts, GError **error)
{
	g_autoptr(VmList) list = vm_list(connection, place, TRUE, error);

	if (list == NULL)
		return FALSE;
	for (guint i = 0; i < list->domains->len; i++) {
		const VmDomain *domain = list->domains->pdata[i];

		if (!vm_destroy(connection, place, domain->id ? domain->id : "", domain->uuid, error))
			return FALSE;
		counts->domains++;
	}
	for (guint i = 0; i < list->overlays->len; i++) {
		if (!vm_destroy(connection, place, list->overlays->pdata[i], NULL, error))
			return FALSE;
		counts->overlays++;
	}
	return vm_place_remove(connection, place, error);
}

gboolean
cleanup_instance(const Conf *conf, CleanupCounts *counts, GError **error)
{
	g_autofree char *file = cleanup_store_file(conf);
	g_autoptr(Store) store = NULL;
	g_autofree char *instance = NULL;
	g_autoptr(VmPlace) place = NULL;
	virConnectPtr connection;
	gboolean ok;

	*counts = (CleanupCounts){0};
	if (!g_file_test(file, G_FILE_TEST_EXISTS))
		return TRUE;
	store = store_open(file, error);
	if (store == NULL)
		return FALSE;
	instance = store_get_meta(store, "instance-id");
	if (instance == NULL)
		return TRUE;
	libvirt_loop_register(); /* keeps libvirt's errors off the terminal */
	connection = virConnectOpen(conf->libvirt_uri);
	if (connection == NULL) {
		host_set_error(error, conf->libvirt_uri);
		return FALSE;
	}
	place = vm_place_new(instance, conf->state, conf->runtime);
	ok = destroy_all(connection, place, counts, error) && store_run(store, error, "DELETE FROM desktops", "") >= 0;
	virConnectClose(connection);
	return ok;
}
