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
	/* A disk that is kept is not where the others are: it stays. */
	for (guint i = 0; i < list->domains->len; i++) {
		const VmDomain *domain = list->domains->pdata[i];

		if (!vm_destroy(connection, place, domain->id ? domain->id : "", domain->uuid, FALSE, error))
			return FALSE;
		counts->domains++;
	}
	for (guint i = 0; i < list->overlays->len; i++) {
		if (!vm_destroy(connection, place, list->overlays->pdata[i], NULL, FALSE, error))
			return FALSE;
		counts->overlays++;
	}
	return TRUE;
}

/* Desktops that are kept for somebody are off then; what was to become one is thrown away with its disk. */
static gboolean
clear_rows(virConnectPtr connection, const VmPlace *place, Store *store, CleanupCounts *counts, GError **error)
{
	g_autoptr(GPtrArray) rows = desktops_list(store, error);

	if (rows == NULL)
		return FALSE;
	for (guint i = 0; i < rows->len; i++) {
		DesktopRow *row = rows->pdata[i];
		gboolean held = row->kept && (row->state == DESKTOP_ASSIGNED || row->state == DESKTOP_STARTING || row->state == DESKTOP_OFF);

		counts->kept += held;
		if (held) {
			if (row->state != DESKTOP_OFF &&
				!desktops_move(store, row, DESKTOP_OFF, DESKTOP_INTENT_NONE, NULL, g_get_real_time() / G_USEC_PER_SEC, error))
				return FALSE;
		} else if ((row->kept && !vm_destroy(connection, place, row->id, row->uuid, TRUE, error)) ||
			   !desktops_delete(store, row, error)) {
			return FALSE;
		}
	}
	return TRUE;
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
	ok = destroy_all(connection, place, counts, error) && clear_rows(connection, place, store, counts, error) &&
	     vm_place_remove(connection, place, error);
	virConnectClose(connection);
	return ok;
}
