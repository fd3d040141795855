/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/qcow2.h"

#include "broker/common/error.h"

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DEADLINE_S 60
/* A hostile header can make qemu-img allocate and compute a lot. */
#define MEMORY_MAX ((rlim_t)2 << 30)
#define CPU_SECONDS_MAX 30
#define JSON_MAX (1 << 20)

gboolean
qcow2_has_magic(int fd)
{
	char bytes[4];

	return pread(fd, bytes, sizeof bytes, 0) == sizeof bytes && memcmp(bytes, "QFI\xfb", sizeof bytes) == 0;
}

gint64
qcow2_size(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	guint64 size = 0;

	/* QEMU's docs/interop/qcow2.txt: byte 24, big-endian. */
	if (fd >= 0 && (!qcow2_has_magic(fd) || pread(fd, &size, sizeof size, 24) != sizeof size))
		size = 0;
	if (fd >= 0)
		close(fd);
	size = GUINT64_FROM_BE(size);
	return size > QCOW2_MAX ? 0 : (gint64)size;
}

static gboolean
refuse(GError **error, const char *path, const char *why)
{
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "%s cannot be used as an image: %s", path, why);
	return FALSE;
}

static JsonObject *
object_member(JsonObject *object, const char *name)
{
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;

	return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* A text, a number or a truth value; json-glib's getters answer 0 or NULL when it is another of these. */
static JsonNode *
value_member(JsonObject *object, const char *name)
{
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;

	return node && JSON_NODE_HOLDS_VALUE(node) ? node : NULL;
}

static gboolean
is_true(JsonObject *object, const char *name)
{
	JsonNode *node = value_member(object, name);

	return node && json_node_get_boolean(node);
}

gboolean
qcow2_check_info(const char *path, const char *json, GError **error)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonObject *root, *specific;
	JsonNode *format, *size;

	if (strlen(json) > JSON_MAX || !json_parser_load_from_data(parser, json, -1, NULL) ||
		!json_parser_get_root(parser) || !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser)))
		return refuse(error, path, "qemu-img says nothing that can be understood about it");
	root = json_node_get_object(json_parser_get_root(parser));
	specific = object_member(object_member(root, "format-specific"), "data");
	format = value_member(root, "format");
	if (format == NULL || g_strcmp0(json_node_get_string(format), "qcow2") != 0)
		return refuse(error, path, "its format is not qcow2");
	if (json_object_has_member(root, "backing-filename") || json_object_has_member(root, "full-backing-filename"))
		return refuse(error, path,
			"it is an overlay of another file; make a whole one of it (qemu-img convert -O qcow2 FROM TO)");
	if (specific && (json_object_has_member(specific, "data-file") || is_true(specific, "data-file-raw")))
		return refuse(error, path, "its data lies in another file");
	if (is_true(root, "encrypted"))
		return refuse(error, path, "it is encrypted");
	if (is_true(specific, "corrupt"))
		return refuse(error, path, "it is marked corrupt (qemu-img check -r all may mend it)");
	size = value_member(root, "virtual-size");
	if (size == NULL || json_node_get_int(size) <= 0 || json_node_get_int(size) > QCOW2_MAX)
		return refuse(error, path, "its virtual size is not between 1 byte and 16 TiB");
	return TRUE;
}

static void
limit_child(gpointer data)
{
	const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX}, cpu = {CPU_SECONDS_MAX, CPU_SECONDS_MAX};

	setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_CPU, &cpu);
	alarm(DEADLINE_S);
}

gboolean
qcow2_check(const char *path, GError **error)
{
	g_autofree char *out = NULL;
	g_autoptr(GError) failure = NULL;
	char *argv[] = {"qemu-img", "info", "-f", "qcow2", "--output=json", (char *)path, NULL};
	int status;

	if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, limit_child, NULL, &out, NULL,
		    &status, &failure)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"qemu-img, which looks at disks, cannot be run (%s): install it (Debian: qemu-utils)", failure->message);
		return FALSE;
	}
	if (!g_spawn_check_wait_status(status, NULL))
		return refuse(error, path, "qemu-img cannot read it as qcow2");
	return qcow2_check_info(path, out, error);
}
