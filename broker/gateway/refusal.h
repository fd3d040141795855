/* What the gateway refuses: one log line with address, reason and the limit's name, and one counter. No more lines than a
 * reader can bear: whoever attacks the gateway must not fill the disk. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Named after the setting in carrel.conf where there is one, else after the rule. */
typedef enum {
	REFUSAL_NONE,
	REFUSAL_CONNECTIONS,
	REFUSAL_CONNECTIONS_PER_ADDRESS,
	REFUSAL_UNAUTHENTICATED,
	REFUSAL_DESCRIPTORS,
	REFUSAL_PROXY_HEADER,
	REFUSAL_HANDSHAKE_TIMEOUT,
	REFUSAL_TLS,
	REFUSAL_HEAD_TIMEOUT,
	REFUSAL_HEAD_SIZE,
	REFUSAL_HEAD_SYNTAX,
	REFUSAL_BODY_TIMEOUT,
	REFUSAL_BODY_SIZE,
	REFUSAL_BODY_MEMORY,
	REFUSAL_BODY,
	REFUSAL_METHOD,
	REFUSAL_ORIGIN,
	REFUSAL_COOKIE,
	REFUSAL_WEBSOCKET,
	REFUSAL_FRAME_SIZE,
	REFUSAL_FRAME_SYNTAX,
	REFUSAL_PING_INTERVAL,
	REFUSAL_CONNECT,
	REFUSAL_TICKET,
	REFUSAL_SCREEN,
	REFUSAL_VNC_SYNTAX,
	REFUSAL_SIGN_IN_TIMEOUT,
	REFUSAL_SIGN_IN,
	REFUSAL_WRITE_TIMEOUT,
	REFUSALS
} Refusal;

/* Counts, and logs "ADDRESS: TEXT: DETAIL (Limit=NAME)". @address: the client's, numeric. @detail: NULL, or words without a
 * secret; what a client sent stands in them only where it was checked. Of more than 20 lines of one name in a burst two a
 * second go on (log_rate_take); how many were left out is said with the next. */
void refusal(const char *address, Refusal what, const char *detail);

guint64 refusal_count(Refusal what);

/* Of the table: the name as it stands in the log and in `carrel status`, and what it means. Static. */
const char *refusal_name(Refusal what);
const char *refusal_text(Refusal what);
