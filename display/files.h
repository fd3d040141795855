/* Files on their way between clients and the guest's agent: who may send which, how large, how many at a time, and that what
 * comes is what was announced, whatever either side claims. Knows nothing of how bytes travel. A file to the desktop is the SPICE
 * agent protocol's (spice/vd_agent.h, VD_AGENT_FILE_XFER_*); one from it is offered by messages of broker/common/agent-files.h.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "display/client.h"

/* Of each direction, of all clients together. Of those for the desktop more may wait. */
#define FILES_AT_ONCE 8
#define FILES_WAITING_MAX 64
/* Of one file's bytes so many are under way at most before the receiver has said that it took them. */
#define FILES_WINDOW (256 * 1024)

typedef struct Files Files;
typedef struct FilesPeer FilesPeer; /* a client that files may come from or go to */

/* Why a file's way ended. Their numbers are what a browser is told (display/files-wire.h). */
typedef enum {
	FILES_DONE,
	FILES_CANCELLED, /* by the guest, or the person there */
	FILES_FAILED,    /* it could not be written, or read */
	FILES_DENIED,    /* not in this direction */
	FILES_TOO_LARGE,
	FILES_NO_SPACE,
	FILES_NO_AGENT,
	FILES_TOO_MANY,
	FILES_LOCKED,    /* the desktop */
	FILES_STALLED,   /* nothing moved for too long */
	FILES_BROKEN,    /* other bytes came than were announced */
	FILES_ELSEWHERE, /* offered to several, and another took it */
	FILES_WITHDRAWN, /* the offer */
	FILES_N_RESULTS,
} FilesResult;

/* What a client is told. The last three are NULL for one that cannot take files. None may free the peer. */
typedef struct {
	void (*go)(guint32 id, void *data);
	/* @space: bytes that are free there, with FILES_NO_SPACE; else 0. */
	void (*sent)(guint32 id, FilesResult result, guint64 space, void *data);
	/* The guest reads again, or there is no longer a reason to wait for it. */
	void (*room)(void *data);
	void (*offer)(guint32 id, guint64 size, const char *name, void *data);
	void (*bytes)(guint32 id, const guint8 *bytes, gsize size, void *data);
	void (*offer_over)(guint32 id, FilesResult result, void *data);
} FilesEvents;

/* Who is connected that could fetch a file with another client, as files_peer_new does not know of: the best of them. */
typedef enum {
	FILES_NOBODY,
	FILES_NOT_ALLOWED,
	FILES_ALLOWED,
} FilesAudience;

typedef struct {
	void (*to_guest)(guint32 type, const void *data, gsize size, void *user_data);
	/* Bytes that the guest has still to read. */
	gsize (*unread)(void *user_data);
	FilesAudience (*audience)(void *user_data);
} FilesSink;

/* @clock: microseconds that never run back; NULL: g_get_monotonic_time. */
Files *files_new(const FilesSink *sink, gint64 (*clock)(void), void *user_data);
/* After all its peers. */
void files_free(Files *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Files, files_free)

/* A message of the guest's agent. TRUE: it was about files, and nobody else's business. */
gboolean files_from_guest(Files *files, guint32 type, const guint8 *data, gsize size);
/* The agent is gone, or begins anew: whatever was under way is lost. */
void files_guest_lost(Files *files);
/* The guest has read: more may be sent. */
void files_guest_reads(Files *files);
/* Ends what waits for too long. It calls itself while anything is under way; public for tests. */
void files_check_deadlines(Files *files);
/* Should what has not been sent yet wait for the guest? */
gboolean files_has_room(const Files *files);
/* Of both directions, of those that count. */
guint files_under_way(const Files *files);

/* @client: its rights and names, which outlive the peer. @events get @data. What is offered already is offered at once. */
FilesPeer *files_peer_new(Files *files, const Client *client, const FilesEvents *events, void *data);
/* All that it sends or takes is stopped. */
void files_peer_free(FilesPeer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilesPeer, files_peer_free)
/* Does it send anything now? */
gboolean files_peer_sends(const FilesPeer *peer);

/* A file for the desktop: @name as the client gave it, @name_size bytes. Answered by `go`, or by `sent` with a reason. FALSE: the
 * @id is in use. */
gboolean files_send(FilesPeer *peer, guint32 id, guint64 size, const char *name, gsize name_size);
/* Its bytes, of which any number are taken, so ask files_has_room before. FALSE: there is no such file (any more), or more came than was
 * announced, and `sent` said so. */
gboolean files_send_bytes(FilesPeer *peer, guint32 id, const guint8 *bytes, gsize size);
void files_send_cancel(FilesPeer *peer, guint32 id);

/* The person's answer to an offer; FALSE: there is none with this id (any more). */
gboolean files_take(FilesPeer *peer, guint32 id);
gboolean files_refuse(FilesPeer *peer, guint32 id);
/* The person has stopped what was taken. */
void files_take_cancel(FilesPeer *peer, guint32 id);
/* @n more bytes of it are where they belong. FALSE: more than came. */
gboolean files_took(FilesPeer *peer, guint32 id, guint64 n);
