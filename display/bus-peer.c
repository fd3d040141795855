/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/bus-peer.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/error.h"

#define READ_MAX (64 * 1024)
/* QEMU sends one with a message, for a new frame. */
#define FDS_MAX 8
/* A line of the authentication. */
#define LINE_MAX_BYTES 512
#define HEADER_MIN 16

/* What we wait for. */
typedef enum {
	STATE_OK,
	STATE_AGREE,
	STATE_MESSAGES,
	STATE_CLOSED,
} State;

struct BusPeer {
	const BusPeerEvents *events;
	void *data;
	int fd;
	State state;
	GByteArray *in;
	gsize at; /* bytes of it that are done with */
	int fds[FDS_MAX];
	guint n_fds; /* that came, and that no message has taken */
	guint32 serial;
	guint read_id;
};

static void
fail(BusPeer *peer, const char *why)
{
	g_autoptr(GError) error = g_error_new(CARREL_ERROR, CARREL_ERROR_FAILED, "QEMU's display: %s", why);

	if (peer->state == STATE_CLOSED)
		return;
	peer->state = STATE_CLOSED;
	g_clear_handle_id(&peer->read_id, g_source_remove);
	peer->events->on_closed(error, peer->data);
}

/* What we say is short and asked for: a peer that does not take it is not worth to wait for. */
static gboolean
say(BusPeer *peer, const void *bytes, gsize size)
{
	return send(peer->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

/* ---- the authentication (D-Bus specification, "Authentication Protocol") ---- */

/* A server of GLib's takes the user from credentials that come with the first byte, a null one. */
static gboolean
say_who_we_are(BusPeer *peer)
{
	char nul = '\0';
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control = {0};
	struct ucred me = {getpid(), geteuid(), getegid()};
	struct iovec vector = {&nul, 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	g_autofree char *user = g_strdup_printf("%u", me.uid);
	g_autoptr(GString) line = g_string_new("AUTH EXTERNAL ");

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_CREDENTIALS;
	head->cmsg_len = CMSG_LEN(sizeof me);
	memcpy(CMSG_DATA(head), &me, sizeof me);
	for (const char *digit = user; *digit; digit++)
		g_string_append_printf(line, "%02x", (guint)*digit);
	g_string_append(line, "\r\n");
	return sendmsg(peer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 && say(peer, line->str, line->len);
}

static gboolean
take_word(BusPeer *peer, const char *line)
{
	static const char negotiate[] = "NEGOTIATE_UNIX_FD\r\n", begin[] = "BEGIN\r\n";

	if (peer->state == STATE_OK && g_str_has_prefix(line, "OK ")) {
		peer->state = STATE_AGREE;
		return say(peer, negotiate, sizeof negotiate - 1);
	}
	if (peer->state == STATE_AGREE && strcmp(line, "AGREE_UNIX_FD") == 0) {
		peer->state = STATE_MESSAGES;
		return say(peer, begin, sizeof begin - 1);
	}
	return FALSE;
}

/* FALSE: wait for more, or it has failed. */
static gboolean
take_line(BusPeer *peer)
{
	const char *start = (const char *)peer->in->data + peer->at;
	gsize size = peer->in->len - peer->at;
	const char *end = memmem(start, size, "\r\n", 2);
	g_autofree char *line = NULL;

	if (end == NULL) {
		if (size > LINE_MAX_BYTES)
			fail(peer, "it does not sign us in");
		return FALSE;
	}
	line = g_strndup(start, (gsize)(end - start));
	peer->at += (gsize)(end - start) + 2;
	if (take_word(peer, line))
		return TRUE;
	fail(peer, "it did not let us in");
	return FALSE;
}

/* ---- messages ---- */

static void
reply(BusPeer *peer, GDBusMessage *call, GVariant *args, const GError *error)
{
	g_autoptr(GVariant) body = args ? g_variant_ref_sink(args) : NULL;
	g_autoptr(GDBusMessage) message = NULL;
	g_autofree guchar *blob = NULL;
	gsize size;

	if (g_dbus_message_get_flags(call) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED)
		return;
	if (error) {
		g_autofree char *name = g_dbus_error_encode_gerror(error);

		message = g_dbus_message_new_method_error_literal(call, name, error->message);
	} else {
		message = g_dbus_message_new_method_reply(call);
		if (body)
			g_dbus_message_set_body(message, body);
	}
	g_dbus_message_set_serial(message, ++peer->serial);
	blob = g_dbus_message_to_blob(message, &size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, NULL);
	if (blob == NULL || !say(peer, blob, size))
		fail(peer, "it takes no replies");
}

/* Descriptors come with the first byte of the message that they belong to, or later, never earlier. */
static GUnixFDList *
take_fds(BusPeer *peer, guint n)
{
	GUnixFDList *list;

	if (n == 0 || n > peer->n_fds)
		return NULL;
	list = g_unix_fd_list_new_from_array(peer->fds, (int)n);
	peer->n_fds -= n;
	memmove(peer->fds, peer->fds + n, peer->n_fds * sizeof *peer->fds);
	return list;
}

static void
take_call(BusPeer *peer, GDBusMessage *message)
{
	g_autoptr(GUnixFDList) fds = take_fds(peer, g_dbus_message_get_num_unix_fds(message));
	g_autoptr(GVariant) none = g_variant_ref_sink(g_variant_new_tuple(NULL, 0));
	GVariant *body = g_dbus_message_get_body(message), *args;
	g_autoptr(GError) error = NULL;
	const char *interface = g_dbus_message_get_interface(message), *method = g_dbus_message_get_member(message);

	if (g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
		return;
	args = peer->events->on_call(interface ? interface : "", method, body ? body : none, fds, &error, peer->data);
	reply(peer, message, args, error);
}

/* FALSE: wait for more, or it has ended. */
static gboolean
take_message(BusPeer *peer)
{
	gsize size = peer->in->len - peer->at;
	guchar *bytes = peer->in->data + peer->at;
	g_autoptr(GDBusMessage) message = NULL;
	gssize need;

	if (size < HEADER_MIN)
		return FALSE;
	need = g_dbus_message_bytes_needed(bytes, size, NULL);
	if (need > 0 && (gsize)need > size)
		return FALSE;
	if (need > 0)
		message = g_dbus_message_new_from_blob(bytes, (gsize)need, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, NULL);
	if (message == NULL) {
		fail(peer, "it sends what is no D-Bus message");
		return FALSE;
	}
	peer->at += (gsize)need;
	take_call(peer, message);
	return peer->state == STATE_MESSAGES;
}

static void
take_all(BusPeer *peer)
{
	gboolean more = TRUE;

	while (more && peer->state != STATE_CLOSED && peer->at < peer->in->len)
		more = peer->state == STATE_MESSAGES ? take_message(peer) : take_line(peer);
	/* Or a later message would be given them. */
	if (peer->at == peer->in->len && peer->n_fds > 0)
		fail(peer, "it sends descriptors that no message told of");
	g_byte_array_remove_range(peer->in, 0, (guint)peer->at);
	peer->at = 0;
}

/* More than anybody sends are closed. */
static void
keep_fds(BusPeer *peer, struct msghdr *message)
{
	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (gsize i = 0; i < (head->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
			if (peer->n_fds < FDS_MAX)
				peer->fds[peer->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
	BusPeer *peer = data;
	guint8 buffer[READ_MAX];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec vector = {buffer, sizeof buffer};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.bytes};
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		fail(peer, n == 0 ? "it closed" : g_strerror(errno));
		return G_SOURCE_REMOVE;
	}
	keep_fds(peer, &message);
	g_byte_array_append(peer->in, buffer, (guint)n);
	take_all(peer);
	return peer->state == STATE_CLOSED ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

BusPeer *
bus_peer_new(int fd, const BusPeerEvents *events, void *data)
{
	BusPeer *peer = g_new0(BusPeer, 1);

	peer->events = events;
	peer->data = data;
	peer->fd = fd;
	peer->in = g_byte_array_new();
	/* A failure is read as the end, from the main loop. */
	if (!say_who_we_are(peer))
		shutdown(fd, SHUT_RDWR);
	peer->read_id = g_unix_fd_add(fd, G_IO_IN, on_readable, peer);
	return peer;
}

void
bus_peer_free(BusPeer *peer)
{
	if (peer == NULL)
		return;
	g_clear_handle_id(&peer->read_id, g_source_remove);
	for (guint i = 0; i < peer->n_fds; i++)
		close(peer->fds[i]);
	close(peer->fd);
	g_byte_array_unref(peer->in);
	g_free(peer);
}
