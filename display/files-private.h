/* Between display/files.c, files-send.c and files-offer.c. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/agent-files.h"
#include "display/files.h"

typedef enum {
	SENDING_WAITS, /* for others to end */
	SENDING_ASKED, /* the guest */
	SENDING_FLOWS,
	SENDING_WHOLE, /* all bytes are sent, the guest has still to say so */
} SendingState;

typedef struct {
	FilesPeer *peer;
	guint32 id, guest_id; /* the peer's number, and ours for the guest */
	SendingState state;
	char *name;
	guint64 left; /* bytes to come */
	guint64 size;
	gint64 touched; /* when anything last happened to it */
} Sending;

typedef struct {
	guint32 id, guest_id; /* ours for the peers, and the guest's number */
	char *name;
	guint64 size;
	guint64 left;     /* bytes that the guest has to send */
	guint64 credit;   /* of these it may send so many now */
	guint64 taken;    /* bytes that the peer has put away */
	FilesPeer *taker; /* NULL: still offered */
	GPtrArray *asked; /* FilesPeer: who has it before them and has not refused */
	gint64 touched;
} Offer;

struct Files {
	const FilesSink *sink;
	void *data;
	gint64 (*clock)(void);
	gboolean has_agent, agent_disabled;
	guint32 last_id;
	GPtrArray *peers;    /* FilesPeer */
	GPtrArray *sendings; /* Sending, oldest first */
	GPtrArray *offers;   /* Offer */
	gint64 full_since;   /* 0: the guest reads */
	gint64 noted;        /* the guest can make us write lines: one a second */
	guint tick_id;
};

struct FilesPeer {
	Files *files;
	const Client *client;
	const FilesEvents *events;
	void *data;
};

/* Is watched while anything is under way. */
void files_watch(Files *files);
/* One line to the log for what a stranger did, unless there was one just now. */
void files_note(Files *files, const char *format, ...) G_GNUC_PRINTF(2, 3);
guint32 files_next_id(Files *files);

void sending_free(void *data);
gboolean sending_from_guest(Files *files, guint32 type, const guint8 *data, gsize size);
void sending_end_all(Files *files, FilesResult result);
void sending_check(Files *files, gint64 now);
void sending_peer_gone(FilesPeer *peer);

void offer_free(void *data);
gboolean offer_from_guest(Files *files, guint32 type, const guint8 *data, gsize size);
void offer_end_all(Files *files, FilesResult result);
void offer_check(Files *files, gint64 now);
void offer_peer_came(FilesPeer *peer);
void offer_peer_gone(FilesPeer *peer);
