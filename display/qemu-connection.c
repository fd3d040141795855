/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/qemu-connection.h"

#include <gio/gunixconnection.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/peer.h"

/* QEMU lets in who says that it is the user at the other end of the socketpair, as the kernel knows it: that is whoever
 * made the pair, libvirt's daemon, and not us. GDBus always gives the user that it runs as. So the connection below puts
 * the right user into that one line of the authentication (D-Bus specification, "EXTERNAL"), and is a plain unix socket
 * before and after: GDBus passes descriptors over nothing else. It gains nothing that having the socket did not give. */

#define TIMEOUT_MS 5000

G_DECLARE_FINAL_TYPE(SignInStream, sign_in_stream, SIGN_IN, STREAM, GFilterOutputStream)
struct _SignInStream {
	GFilterOutputStream parent;
	char *line; /* what to say in place of "AUTH EXTERNAL ..." */
	gboolean done;
};
G_DEFINE_FINAL_TYPE(SignInStream, sign_in_stream, G_TYPE_FILTER_OUTPUT_STREAM)

/* GDBus writes each line with one call. */
static gssize
sign_in_stream_write(GOutputStream *stream, const void *bytes, gsize size, GCancellable *cancellable, GError **error)
{
	SignInStream *self = SIGN_IN_STREAM(stream);
	GOutputStream *base = g_filter_output_stream_get_base_stream(G_FILTER_OUTPUT_STREAM(stream));
	static const char auth[] = "AUTH EXTERNAL ", begin[] = "BEGIN";
	gboolean ok;

	if (size > sizeof auth && memcmp(bytes, auth, sizeof auth - 1) == 0)
		ok = g_output_stream_write_all(base, self->line, strlen(self->line), NULL, cancellable, error);
	else
		ok = g_output_stream_write_all(base, bytes, size, NULL, cancellable, error);
	if (size > sizeof begin && memcmp(bytes, begin, sizeof begin - 1) == 0)
		self->done = TRUE;
	return ok ? (gssize)size : -1;
}

static void
sign_in_stream_finalize(GObject *object)
{
	g_free(SIGN_IN_STREAM(object)->line);
	G_OBJECT_CLASS(sign_in_stream_parent_class)->finalize(object);
}

static void
sign_in_stream_class_init(SignInStreamClass *class)
{
	G_OUTPUT_STREAM_CLASS(class)->write_fn = sign_in_stream_write;
	G_OBJECT_CLASS(class)->finalize = sign_in_stream_finalize;
}

static void
sign_in_stream_init(SignInStream *self)
{
}

G_DECLARE_FINAL_TYPE(QemuSocket, qemu_socket, QEMU, SOCKET, GUnixConnection)
struct _QemuSocket {
	GUnixConnection parent;
	SignInStream *sign_in;
};
G_DEFINE_FINAL_TYPE(QemuSocket, qemu_socket, G_TYPE_UNIX_CONNECTION)

static GOutputStream *
qemu_socket_get_output_stream(GIOStream *stream)
{
	QemuSocket *self = QEMU_SOCKET(stream);

	if (self->sign_in && !self->sign_in->done)
		return G_OUTPUT_STREAM(self->sign_in);
	return G_IO_STREAM_CLASS(qemu_socket_parent_class)->get_output_stream(stream);
}

static void
qemu_socket_dispose(GObject *object)
{
	g_clear_object(&QEMU_SOCKET(object)->sign_in);
	G_OBJECT_CLASS(qemu_socket_parent_class)->dispose(object);
}

static void
qemu_socket_class_init(QemuSocketClass *class)
{
	G_IO_STREAM_CLASS(class)->get_output_stream = qemu_socket_get_output_stream;
	G_OBJECT_CLASS(class)->dispose = qemu_socket_dispose;
}

static void
qemu_socket_init(QemuSocket *self)
{
}

static QemuSocket *
open_socket(int fd, GError **error)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, error);
	g_autofree char *digits = NULL;
	GString *line;
	QemuSocket *self;
	uid_t uid;
	pid_t pid;

	if (socket == NULL) {
		close(fd);
		return NULL;
	}
	if (!peer_credentials(fd, &uid, &pid, error))
		return NULL;
	digits = g_strdup_printf("%u", uid);
	line = g_string_new("AUTH EXTERNAL ");
	for (const char *p = digits; *p; p++)
		g_string_append_printf(line, "%02x", (guint)*p);
	g_string_append(line, "\r\n");
	self = g_object_new(qemu_socket_get_type(), "socket", socket, NULL);
	self->sign_in = g_object_new(sign_in_stream_get_type(), "base-stream",
		G_IO_STREAM_CLASS(qemu_socket_parent_class)->get_output_stream(G_IO_STREAM(self)),
		"close-base-stream", FALSE, NULL);
	self->sign_in->line = g_string_free(line, FALSE);
	return self;
}

GDBusConnection *
qemu_connection_new(int fd, GError **error)
{
	g_autoptr(QemuSocket) socket = open_socket(fd, error);

	return socket ? peer_authenticate(G_IO_STREAM(socket), FALSE, TIMEOUT_MS, error) : NULL;
}
