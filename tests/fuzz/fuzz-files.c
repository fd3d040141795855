/* What browsers, a SPICE client and a guest's agent say about files, in any order: records of whose they are (a byte), a length (two
 * bytes) and bytes. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <spice/vd_agent.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/agent-files.h"
#include "broker/common/file-name.h"
#include "display/agent-wire.h"
#include "display/files-spice.h"
#include "display/files-web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WEBS 2
#define FILE_MOST 1000

static gint64 now;
static gsize unread;
/* What the guest was announced and has not been sent, by the last byte of its number. */
static guint64 announced[256];

static void
check_start(const guint8 *bytes, gsize size)
{
	g_autoptr(GKeyFile) text = g_key_file_new();
	g_autofree char *name = NULL, *clean = NULL;

	if (!g_key_file_load_from_data(text, (const char *)bytes + 4, strnlen((const char *)bytes + 4, size - 4), G_KEY_FILE_NONE, NULL))
		g_error("a guest could not read this");
	name = g_key_file_get_string(text, "vdagent-file-xfer", "name", NULL);
	clean = file_name_clean(name, strlen(name), FILE_NAME_MAX);
	if (strcmp(name, clean) != 0)
		g_error("“%s” is no name", name);
	announced[bytes[0]] = g_key_file_get_uint64(text, "vdagent-file-xfer", "size", NULL);
	if (announced[bytes[0]] > FILE_MOST)
		g_error("it is too large");
}

static void
to_guest(guint32 type, const void *data, gsize size, void *user_data)
{
	const guint8 *bytes = data;

	if (type == VD_AGENT_FILE_XFER_START)
		check_start(bytes, size);
	if (type != VD_AGENT_FILE_XFER_DATA)
		return;
	if (size - 12 > announced[bytes[0]])
		g_error("the guest is sent more than it was announced");
	announced[bytes[0]] -= size - 12;
}

static gsize
get_unread(void *user_data)
{
	return unread;
}

static FilesAudience
get_audience(void *user_data)
{
	return (FilesAudience)(now % 3);
}

static gint64
get_now(void)
{
	return now;
}

static void
to_spice(guint32 type, const void *data, gsize size, void *user_data)
{
}

static void
nothing(void *user_data)
{
}

static const FilesSink sink = {to_guest, get_unread, get_audience};
static const FilesSpiceSink spice_sink = {to_spice, nothing};

static Client *
client_of(const char *protocol)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "protocol", "s", protocol);
	g_variant_dict_insert(&dict, "client", "s", "one");
	g_variant_dict_insert(&dict, "secret", "s", "secret");
	g_variant_dict_insert(&dict, "files-to-desktop", "b", TRUE);
	g_variant_dict_insert(&dict, "files-from-desktop", "b", TRUE);
	g_variant_dict_insert(&dict, "file-max", "t", (guint64)FILE_MOST);
	g_autoptr(GVariant) params = g_variant_ref_sink(g_variant_dict_end(&dict));

	return client_new(params, NULL);
}

static void
turn(void)
{
	for (int i = 0; i < 20 && g_main_context_iteration(NULL, FALSE); i++)
		;
}

static void
speak(Files *files, FilesSpice *spice, const int *webs, guint8 who, const guint8 *bytes, gsize size)
{
	guint8 ignored[65536];

	switch (who % 6) {
	case 0:
	case 1:
		if (size > 0 && send(webs[who % 6], bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			turn();
		while (recv(webs[who % 6], ignored, sizeof ignored, MSG_DONTWAIT) > 0)
			;
		break;
	case 2:
		if (size >= 4)
			files_spice_take(spice, agent_read_u32(bytes), bytes + 4, size - 4);
		break;
	case 3:
	case 4:
		if (size >= 4)
			files_from_guest(files, agent_read_u32(bytes), bytes + 4, size - 4);
		break;
	default:
		now += who * G_USEC_PER_SEC;
		unread = size > 0 && bytes[0] % 2 ? 1024 * 1024 : 0;
		files_check_deadlines(files);
		files_guest_reads(files);
		break;
	}
	g_assert_cmpuint(files_under_way(files), <=, FILES_WAITING_MAX + FILES_AT_ONCE);
}

static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	return level & G_LOG_LEVEL_MESSAGE ? G_LOG_WRITER_HANDLED : g_log_writer_default(level, fields, n, data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const guint8 hello[] = {1, 0, 0, 0, 0, 0, 0, 0};
	Files *files = files_new(&sink, get_now, NULL);
	FilesWeb *web = files_web_new(files);
	g_autoptr(Client) viewer = client_of("spice");
	FilesSpice *spice = files_spice_new(files, viewer, &spice_sink, NULL);
	int ends[WEBS][2], webs[WEBS];
	static gboolean quiet;

	if (!quiet)
		g_log_set_writer_func(write_log, NULL, NULL);
	quiet = TRUE;
	now = 1;
	unread = 0;
	memset(announced, 0, sizeof announced);
	files_from_guest(files, VD_AGENT_ANNOUNCE_CAPABILITIES, hello, sizeof hello);
	for (int i = 0; i < WEBS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]) < 0)
			g_error("socketpair");
		files_web_add_client(web, ends[i][0], client_of("files"), NULL);
		webs[i] = ends[i][1];
	}
	while (size >= 3) {
		gsize n = MIN(size - 3, (gsize)(data[1] | data[2] << 8));
		g_autofree guint8 *record = g_memdup2(data + 3, n);

		speak(files, spice, webs, data[0], record ? record : (const guint8 *)"", n);
		data += 3 + n;
		size -= 3 + n;
	}
	files_web_free(web);
	files_spice_free(spice);
	g_assert_cmpuint(files_under_way(files), ==, 0);
	files_free(files);
	for (int i = 0; i < WEBS; i++)
		close(webs[i]);
	turn();
	return 0;
}
