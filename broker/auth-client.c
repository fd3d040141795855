/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/auth-client.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <unistd.h>

#include "broker/auth/frame.h"
#include "broker/common/error.h"
#include "broker/common/peer.h"

#define CONNECT_TIMEOUT_S 5

/* Counted: by its owner, and by the operation that is under way on the stream. */
struct AuthClient {
	AuthCallback callback; /* NULL once freed by the owner, or at the end */
	void *data;
	GCancellable *cancellable;
	GSocketConnection *stream; /* NULL while connecting */
	FrameWriter *writer;       /* being sent, or NULL */
	guint n_asked;             /* fields of the last prompt that wait for answers */
	gsize filled;
	guint8 bytes[FRAME_HEAD_SIZE + FRAME_PAYLOAD_MAX];
};

static void
finalize(void *data)
{
	AuthClient *client = data;

	g_clear_pointer(&client->writer, frame_writer_free);
	g_clear_object(&client->stream);
	g_object_unref(client->cancellable);
}

static void
unref(AuthClient *client)
{
	g_rc_box_release_full(client, finalize);
}

static void
report(AuthClient *client, const AuthEvent *event)
{
	AuthCallback callback = client->callback;

	if (event->kind != AUTH_PROMPT)
		client->callback = NULL;
	if (callback)
		callback(event, client->data);
}

static void
fail(AuthClient *client, const char *what, const GError *error)
{
	const AuthEvent event = {.kind = AUTH_FAILED};

	if (client->callback == NULL)
		return;
	g_warning("carrel-auth: %s%s%s", what, error ? ": " : "", error ? error->message : "");
	report(client, &event);
}

/* Texts of the fields with this tag, NULL-terminated. */
static GPtrArray *
texts_of(const Frame *frame, FieldTag tag)
{
	GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < frame->n; i++) {
		if (frame->fields[i].tag == tag)
			g_ptr_array_add(texts, g_strndup(frame->fields[i].text, frame->fields[i].size));
	}
	g_ptr_array_add(texts, NULL);
	return texts;
}

static void
report_prompt(AuthClient *client, const Frame *frame)
{
	g_autoptr(GPtrArray) messages = texts_of(frame, FIELD_MESSAGE);
	g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func(g_free);
	AuthField fields[2 * FRAME_ANSWERS_MAX];
	AuthEvent event = {.kind = AUTH_PROMPT, .fields = fields};

	for (guint i = 0; i < frame->n; i++) {
		char *text;

		if (frame->fields[i].tag == FIELD_MESSAGE)
			continue;
		text = g_strndup(frame->fields[i].text, frame->fields[i].size);
		g_ptr_array_add(labels, text);
		fields[event.n_fields++] = (AuthField){text, frame->fields[i].tag == FIELD_SHOWN};
	}
	event.messages = (const char *const *)messages->pdata;
	if (event.n_fields == 0 || event.n_fields > FRAME_ANSWERS_MAX) {
		fail(client, "it asked nothing, or too much at once", NULL);
		return;
	}
	client->n_asked = event.n_fields;
	report(client, &event);
}

static void
report_accepted(AuthClient *client, const Frame *frame)
{
	g_autofree char *user = frame_dup_field(frame, FIELD_USER);
	g_autoptr(GPtrArray) groups = texts_of(frame, FIELD_GROUP);
	const AuthEvent event = {.kind = AUTH_ACCEPTED, .user = user, .groups = (const char *const *)groups->pdata};

	report(client, &event);
}

static void
report_denied(AuthClient *client, const Frame *frame)
{
	g_autofree char *reason = frame_dup_field(frame, FIELD_REASON);
	g_autoptr(GPtrArray) messages = texts_of(frame, FIELD_MESSAGE);
	const AuthEvent event = {.kind = AUTH_DENIED, .reason = reason ? reason : REASON_PASSWORD,
		.messages = (const char *const *)messages->pdata};

	report(client, &event);
}

static void
handle_frame(AuthClient *client, const Frame *frame)
{
	switch (frame->kind) {
	case FRAME_PROMPT:
		report_prompt(client, frame);
		break;
	case FRAME_ACCEPTED:
		report_accepted(client, frame);
		break;
	case FRAME_DENIED:
		report_denied(client, frame);
		break;
	default:
		fail(client, "PAM cannot be asked; its own log says why", NULL);
	}
}

static void receive(AuthClient *client);

static void
on_received(GObject *source, GAsyncResult *result, gpointer data)
{
	AuthClient *client = data;
	g_autoptr(GError) error = NULL;
	gssize n = g_input_stream_read_finish(G_INPUT_STREAM(source), result, &error);

	if (n > 0 && client->callback)
		client->filled += (gsize)n;
	else if (n <= 0)
		fail(client, "it closed the connection in the middle of a sign-in", error);
	if (client->callback)
		receive(client);
	unref(client);
}

/* Takes the frames that are there whole, then waits for more. */
static void
receive(AuthClient *client)
{
	while (client->callback) {
		g_auto(Frame) frame = {0};
		gsize used = 0;
		FrameStatus status = frame_parse(client->bytes, client->filled, FRAME_FROM_AUTH, &frame, &used);

		if (status == FRAME_MORE)
			break;
		if (status == FRAME_BAD) {
			fail(client, "it sent what is no frame", NULL);
			return;
		}
		/* One prompt is outstanding at a time, so nothing can follow a frame. */
		client->filled = 0;
		handle_frame(client, &frame);
	}
	if (client->callback)
		g_input_stream_read_async(g_io_stream_get_input_stream(G_IO_STREAM(client->stream)),
			client->bytes + client->filled, sizeof client->bytes - client->filled, G_PRIORITY_DEFAULT,
			client->cancellable, on_received, g_rc_box_acquire(client));
}

static void
on_sent(GObject *source, GAsyncResult *result, gpointer data)
{
	AuthClient *client = data;
	g_autoptr(GError) error = NULL;

	g_clear_pointer(&client->writer, frame_writer_free);
	if (!g_output_stream_write_all_finish(G_OUTPUT_STREAM(source), result, NULL, &error))
		fail(client, "it does not listen", error);
	unref(client);
}

static void
send_writer(AuthClient *client)
{
	gsize size;
	const guint8 *bytes = frame_writer_finish(client->writer, &size);

	g_output_stream_write_all_async(g_io_stream_get_output_stream(G_IO_STREAM(client->stream)), bytes, size,
		G_PRIORITY_DEFAULT, client->cancellable, on_sent, g_rc_box_acquire(client));
}

static gboolean
is_trusted_peer(GSocketConnection *stream, GError **error)
{
	uid_t uid;
	pid_t pid;

	if (!peer_credentials(g_socket_get_fd(g_socket_connection_get_socket(stream)), &uid, &pid, error))
		return FALSE;
	if (uid == 0 || uid == geteuid())
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED, "process %d of user %u listens in its place", pid, uid);
	return FALSE;
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	AuthClient *client = data;
	g_autoptr(GError) error = NULL;

	client->stream = g_socket_client_connect_finish(G_SOCKET_CLIENT(source), result, &error);
	if (client->stream == NULL || !is_trusted_peer(client->stream, &error)) {
		fail(client, "it cannot be reached", error);
	} else if (client->callback) {
		/* The deadline was for connecting; a person may take a minute to answer. */
		g_socket_set_timeout(g_socket_connection_get_socket(client->stream), 0);
		send_writer(client);
		receive(client);
	}
	unref(client);
}

AuthClient *
auth_client_new(const char *path, const char *user, const char *address, const Secret *password, AuthCallback callback,
	void *data)
{
	AuthClient *client = g_rc_box_new0(AuthClient);
	g_autoptr(GSocketClient) socket = g_socket_client_new();
	g_autoptr(GSocketAddress) socket_address = g_unix_socket_address_new(path);

	client->callback = callback;
	client->data = data;
	client->cancellable = g_cancellable_new();
	client->writer = frame_writer_new(FRAME_START);
	frame_writer_add(client->writer, FIELD_USER, user, strlen(user));
	frame_writer_add(client->writer, FIELD_ADDRESS, address, strlen(address));
	frame_writer_add(client->writer, FIELD_ANSWER, secret_text(password), secret_size(password));
	g_socket_client_set_timeout(socket, CONNECT_TIMEOUT_S);
	g_socket_client_connect_async(socket, G_SOCKET_CONNECTABLE(socket_address), client->cancellable, on_connected,
		g_rc_box_acquire(client));
	return client;
}

gboolean
auth_client_answer(AuthClient *client, Secret *const *answers, guint n)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_ANSWERS);

	if (client->stream == NULL || client->writer != NULL || client->n_asked == 0 || n != client->n_asked)
		return FALSE;
	for (guint i = 0; i < n; i++) {
		if (secret_size(answers[i]) > FRAME_ANSWER_MAX ||
			!frame_writer_add(writer, FIELD_ANSWER, secret_text(answers[i]), secret_size(answers[i])))
			return FALSE;
	}
	client->n_asked = 0;
	client->writer = g_steal_pointer(&writer);
	send_writer(client);
	return TRUE;
}

void
auth_client_free(AuthClient *client)
{
	if (client == NULL)
		return;
	client->callback = NULL;
	g_cancellable_cancel(client->cancellable);
	unref(client);
}
