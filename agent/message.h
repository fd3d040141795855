/* What is said on the control port (PROTOCOL.md), and between the daemon and the session helper: one JSON object each.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef enum {
	MESSAGE_UNKNOWN, /* well-formed, of a type that is not known here: to be ignored */
	/* From the host. */
	MESSAGE_HELLO,
	MESSAGE_IDENTITY,
	MESSAGE_CLOCK,
	MESSAGE_USER,
	MESSAGE_NOTICE,
	MESSAGE_SIGN_OUT,
	MESSAGE_HOME,
	MESSAGE_HOME_RELEASE,
	/* From the session helper. */
	MESSAGE_SESSION,   /* its first: here I am; "ready" and "port" say what it has seen and got before */
	MESSAGE_DRAWN,     /* the session draws */
	MESSAGE_NEED_PORT, /* give me the SPICE agent's port, mine is of no use any more */
	MESSAGE_LEAVE,     /* all windows were asked to close: end the session now */
	MESSAGE_ENDED,     /* the X server is gone: the session ended */
	/* To the session helper, beside USER, NOTICE and SIGN_OUT. */
	MESSAGE_PORT, /* with a file descriptor: the SPICE agent's port */
} MessageKind;

/* Only the members of its kind are set; an absent one is NULL or 0. Texts are valid UTF-8 without control characters
 * (a notice may hold newlines). */
typedef struct {
	MessageKind kind;
	char *fault; /* NULL, or why a member is not acceptable: to be answered with "failed" */
	gboolean has_id;
	gint64 id;
	char *hostname;   /* identity: a host name after RFC 1123, at most 64 bytes */
	char *machine_id; /* identity: 32 lower-case hex digits */
	GBytes *seed;     /* identity: 32..256 bytes */
	double time;      /* clock: seconds since 1970, 2020..2200 */
	char *name;       /* user: at most 256 bytes */
	char *full_name;  /* user: at most 256 bytes */
	char *text;       /* notice: at most 2048 bytes */
	gint64 timeout_s; /* notice: 1..3600 */
	char *serial;     /* home: 1..20 letters, digits, '.', '_', '-' */
	gboolean ready;   /* session */
	gboolean port;    /* session */
} Message;

/* NULL and CARREL_ERROR_PROTOCOL when @line is not one JSON object with a "type" (and, where it has one, an integer
 * "id"). Free with message_free. */
Message *message_parse(const char *line, gsize size, GError **error);
void message_free(Message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Message, message_free)

/* {"type":TYPE, NAME:VALUE...} of string members, ending with a NULL name; a NULL value leaves its member out. The
 * result ends with a newline. Free with g_free. */
char *message_write(const char *type, ...) G_GNUC_NULL_TERMINATED;

/* The answer to a request: "done", or "failed" with @fault, of which a host keeps no more than 256 bytes. */
char *message_write_answer(gint64 id, const char *fault);

/* What the helper says first. */
char *message_write_session(gboolean ready, gboolean port);

/* A notice for the helper. */
char *message_write_notice(const char *text, gint64 timeout_s);

/* The hello of the agent. */
char *message_write_hello(void);
