/* What qemu-img says about a disk that somebody brought: names and texts in it are the disk's.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <json-glib/json-glib.h>
#include <stdint.h>

#include "pools/qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *json = g_strndup((const char *)data, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) root = NULL;
	gboolean good = qcow2_check_info("disk", json, &error);
	JsonObject *object;

	if (good == (error != NULL))
		g_error("neither good nor an error, or both");
	if (!good)
		return 0;
	root = json_from_string(json, NULL);
	object = json_node_get_object(root);
	if (json_object_has_member(object, "backing-filename") || json_object_has_member(object, "full-backing-filename"))
		g_error("a disk that leans on another was taken");
	if (json_object_get_int_member(object, "virtual-size") < 1 || json_object_get_int_member(object, "virtual-size") > QCOW2_MAX)
		g_error("a disk of no size that we take was taken");
	return 0;
}
