/* carrel-screen's and carrel-agent-session's parts in carrying files, both real, without a VM between them: for tests of the pages.
 *
 *	files-peer SOCKET FOLDER SEND_SOCKET MAX [SPICE_SOCKET PASSWORD RIGHT]
 *
 * Each connection to SOCKET is a browser's for files (display/files-wire.h); they come into FOLDER; carrel-send connects at
 * SEND_SOCKET. MAX: bytes of one file. At SPICE_SOCKET a SPICE client is served with a black screen; RIGHT: whether it may send
 * files, "yes" or "no". SIGUSR1: the guest reads nothing more, until SIGUSR2. Ends with its standard input. SPDX-License-Identifier:
 *GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <glib-unix.h>
#include <spice/vd_agent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/session/files-in.h"
#include "agent/session/files-out.h"
#include "agent/session/vdagent.h"
#include "broker/common/agent-files.h"
#include "display/agent-mux.h"
#include "display/agent-wire.h"
#include "display/files-spice.h"
#include "display/files-web.h"
#include "display/frame.h"
#include "display/spice.h"

typedef struct {
	GMainLoop *loop;
	guint64 max;
	Files *files;
	FilesWeb *web;
	AgentParser *from_guest;
	Vdagent *agent;
	FilesIn *in;
	FilesOut *out;
	GByteArray *down, *up; /* on their way to the guest and from it */
	guint carry_id;
	gboolean stopped; /* the guest reads nothing */
	/* Of a SPICE client; NULL: none is served. */
	AgentMux *mux;
	Spice *spice;
	FilesSpice *files_spice;
	const char *password;
	gboolean right;
} Peer;

static void
on_host_message(guint32 port, guint32 type, const guint8 *data, gsize size, void *user_data)
{
	Peer *peer = user_data;

	if (!files_from_guest(peer->files, type, data, size))
		agent_mux_from_guest(peer->mux, type, data, size);
}

/* Like a port, it takes some at a time. */
static gboolean
carry(gpointer data)
{
	Peer *peer = data;
	g_autoptr(GByteArray) up = peer->up;
	guint n = peer->stopped ? 0 : MIN(peer->down->len, 256 * 1024);

	peer->up = g_byte_array_new();
	if (!agent_parser_feed(peer->from_guest, up->data, up->len, on_host_message, peer, NULL))
		g_error("the guest does not speak its protocol");
	if (n > 0) {
		g_autofree guint8 *bytes = g_memdup2(peer->down->data, n);

		g_byte_array_remove_range(peer->down, 0, n);
		if (!vdagent_feed(peer->agent, bytes, n))
			g_error("the host does not speak its protocol");
		files_guest_reads(peer->files);
	}
	files_out_room(peer->out);
	if ((!peer->stopped && peer->down->len > 0) || peer->up->len > 0)
		return G_SOURCE_CONTINUE;
	peer->carry_id = 0;
	return G_SOURCE_REMOVE;
}

static void
carry_soon(Peer *peer)
{
	if (peer->carry_id == 0)
		peer->carry_id = g_idle_add_full(G_PRIORITY_DEFAULT, carry, peer, NULL);
}

static void
to_guest(guint32 type, const void *data, gsize size, void *user_data)
{
	Peer *peer = user_data;

	agent_append_message(peer->down, VDP_CLIENT_PORT, type, data, size);
	carry_soon(peer);
}

static gsize
get_unread(void *user_data)
{
	return ((Peer *)user_data)->down->len;
}

static FilesAudience
get_audience(void *user_data)
{
	return FILES_ALLOWED;
}

static const FilesSink sink = {to_guest, get_unread, get_audience};

/* --- a SPICE client --- */

static void
mux_to_spice(guint32 type, const void *data, gsize size, void *user_data)
{
	Peer *peer = user_data;

	if (peer->spice)
		spice_send_agent(peer->spice, type, data, size);
}

static void
mux_to_vnc(const char *text, gsize size, void *user_data)
{
}

static gboolean
no(void *user_data)
{
	return FALSE;
}

static void
mux_on_agent(void *user_data)
{
}

static const AgentMuxSink mux_sink = {to_guest, mux_to_spice, mux_to_vnc, no, mux_on_agent};

static void
spice_room(void *user_data)
{
	spice_wake_agent(((Peer *)user_data)->spice);
}

static const FilesSpiceSink spice_sink = {mux_to_spice, spice_room};

static void
on_spice_joined(const Client *client, void *data)
{
	Peer *peer = data;

	agent_mux_set_spice_rights(peer->mux, TRUE, TRUE);
	agent_mux_set_spice_files(peer->mux, client->files_to_desktop);
	peer->files_spice = files_spice_new(peer->files, client, &spice_sink, peer);
}

static void
on_spice_left(const Client *client, const char *why, void *data)
{
	Peer *peer = data;

	g_clear_pointer(&peer->files_spice, files_spice_free);
	agent_mux_spice_left(peer->mux);
}

static void
on_spice_resize(const Client *client, const Heads *wish, void *data)
{
}

static void
on_spice_agent(guint32 type, const guint8 *bytes, gsize size, void *data)
{
	Peer *peer = data;

	if (!files_spice_take(peer->files_spice, type, bytes, size))
		agent_mux_from_spice(peer->mux, type, bytes, size);
}

static gboolean
spice_must_wait(void *data)
{
	Peer *peer = data;

	return peer->files_spice && files_spice_must_wait(peer->files_spice);
}

static void
on_spice_displace(const Client *next, void *data)
{
}

static const SpiceEvents spice_events = {on_spice_joined, on_spice_left, on_spice_displace, on_spice_resize, on_spice_agent};

/* --- the guest --- */

static gboolean
write_port(const void *bytes, gsize size, void *data)
{
	Peer *peer = data;

	g_byte_array_append(peer->up, bytes, (guint)size);
	carry_soon(peer);
	return TRUE;
}

static void
on_file(guint32 type, const guint8 *bytes, gsize size, void *data)
{
	Peer *peer = data;

	if (type == AGENT_FILE_ANSWER || type == AGENT_FILE_CREDIT)
		files_out_take(peer->out, type, bytes, size);
	else
		files_in_take(peer->in, type, bytes, size);
}

static void
ignore(void *data)
{
}

static void
ignore_grab(guint selection, gboolean has_text, void *data)
{
}

static void
ignore_selection(guint selection, void *data)
{
}

static void
ignore_text(guint selection, const char *text, gsize size, void *data)
{
}

static gboolean
ignore_monitors(const VdagentMonitor *monitors, guint n, void *data)
{
	return TRUE;
}

static const VdagentHandlers handlers = {.write = write_port,
        .on_peer = ignore,
        .on_grab = ignore_grab,
        .on_release = ignore_selection,
        .on_request = ignore_selection,
        .on_text = ignore_text,
        .on_monitors = ignore_monitors,
        .on_file = on_file};

static void
send_file_message(guint32 type, const void *bytes, gsize size, void *data)
{
	vdagent_send_file(((Peer *)data)->agent, type, bytes, size);
}

static gboolean
knows_details(void *data)
{
	return vdagent_knows_file_details(((Peer *)data)->agent);
}

static gboolean
takes_files(void *data)
{
	return vdagent_takes_files(((Peer *)data)->agent);
}

static gsize
unsent(void *data)
{
	return ((Peer *)data)->up->len;
}

static const FilesInHost in_host = {send_file_message, knows_details};
static const FilesOutHost out_host = {send_file_message, takes_files, unsent};

static Client *
new_client(const char *protocol, const char *password, gboolean right, guint64 max)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "protocol", "s", protocol);
	g_variant_dict_insert(&dict, "secret", "s", password);
	g_variant_dict_insert(&dict, "client", "s", "page");
	g_variant_dict_insert(&dict, "files-to-desktop", "b", right);
	g_variant_dict_insert(&dict, "files-from-desktop", "b", TRUE);
	g_variant_dict_insert(&dict, "file-max", "t", max);
	g_autoptr(GVariant) params = g_variant_ref_sink(g_variant_dict_end(&dict));

	return client_new(params, NULL);
}

static gboolean
on_incoming(gint listening, GIOCondition condition, gpointer data)
{
	Peer *peer = data;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		files_web_add_client(peer->web, fd, new_client("files", "", TRUE, peer->max), NULL);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_spice_incoming(gint listening, GIOCondition condition, gpointer data)
{
	Peer *peer = data;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		spice_add_client(peer->spice, fd, new_client("spice", peer->password, peer->right, peer->max), NULL);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_stop_reading(gpointer data)
{
	((Peer *)data)->stopped = TRUE;
	return G_SOURCE_CONTINUE;
}

static gboolean
on_go_on(gpointer data)
{
	((Peer *)data)->stopped = FALSE;
	carry_soon(data);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_stdin(gint fd, GIOCondition condition, gpointer data)
{
	g_main_loop_quit(((Peer *)data)->loop);
	return G_SOURCE_CONTINUE;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0)
		g_error("%s: %s", path, g_strerror(errno));
	return fd;
}

int
main(int argc, char **argv)
{
	Peer peer = {.loop = g_main_loop_new(NULL, FALSE), .down = g_byte_array_new(), .up = g_byte_array_new()};
	g_autoptr(Frame) frame = frame_new(640, 480);
	const Heads heads = heads_single(640, 480);
	Sound *sound = sound_new(NULL);

	signal(SIGPIPE, SIG_IGN);
	if (argc != 5 && argc != 8)
		return 2;
	peer.max = g_ascii_strtoull(argv[4], NULL, 10);
	peer.from_guest = agent_parser_new();
	peer.files = files_new(&sink, NULL, &peer);
	peer.web = files_web_new(peer.files);
	peer.agent = vdagent_new(8192, &handlers, &peer);
	peer.in = files_in_new(argv[2], &in_host, &peer);
	peer.out = files_out_new(argv[3], &out_host, &peer);
	peer.mux = agent_mux_new(&mux_sink, &peer);
	agent_mux_start(peer.mux);
	vdagent_open(peer.agent);
	if (argc == 8) {
		peer.password = argv[6];
		peer.right = strcmp(argv[7], "yes") == 0;
		peer.spice = spice_new("files", frame, &heads, 1, NULL, NULL, sound, &spice_events, &peer);
		spice_hold_agent(peer.spice, spice_must_wait);
		g_unix_fd_add(listen_at(argv[5]), G_IO_IN, on_spice_incoming, &peer);
	}
	g_unix_signal_add(SIGUSR1, on_stop_reading, &peer);
	g_unix_signal_add(SIGUSR2, on_go_on, &peer);
	g_unix_fd_add(listen_at(argv[1]), G_IO_IN, on_incoming, &peer);
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_stdin, &peer);
	g_print("listening\n");
	g_main_loop_run(peer.loop);
	spice_free(peer.spice);
	sound_free(sound);
	files_web_free(peer.web);
	files_free(peer.files);
	files_in_free(peer.in);
	files_out_free(peer.out);
	vdagent_free(peer.agent);
	agent_parser_free(peer.from_guest);
	agent_mux_free(peer.mux);
	return 0;
}
