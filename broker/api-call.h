/* One REST request between its route and its answer; for the api-*.c files. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "broker/api.h"
#include "broker/common/error.h"

#define API_SEGMENTS_MAX 5

/* The name's prefix makes a browser take it only over TLS, from this host, for every path of it. */
#define API_COOKIE "__Host-carrel"
#define API_COOKIE_RULES "; Path=/; Secure; HttpOnly; SameSite=Strict"

typedef struct {
	Broker *broker;
	char *segments[API_SEGMENTS_MAX + 1]; /* of the path behind /api/v1/ */
	char *address, *host;                 /* host: NULL when the client gave none */
	char *query, *range;                  /* as it came; range: NULL when it gave none */
	SessionRow *session;                  /* NULL only where the route needs none */
	JsonNode *body;                       /* an object, or NULL where the route takes none or none came */
	JsonBuilder *json;                    /* the answer's body: fill it, then api_answer_json */
	GVariantBuilder fields;
	gboolean secret;                      /* the answer's, see ApiAnswer */
	guint16 status;			      /* the answer's, once what it waits for went well */
	ApiDone done;
	void *data;
} ApiCall;

/* Each of these answers the call and frees it. */
void api_answer_json(ApiCall *call, guint16 status);
void api_answer_text(ApiCall *call, guint16 status, const char *type, const char *text, gsize size);
void api_answer_error(ApiCall *call, guint16 status, CarrelErrorCode code, const char *message);
/* The status that fits the error's code. What lies with the instance is logged, and told in general words. Consumes it. */
void api_answer_gerror(ApiCall *call, GError *error);

void api_add_field(ApiCall *call, const char *name, const char *value);

/* A member of the object that is being built: a text, or null. */
void api_add_text(JsonBuilder *json, const char *name, const char *text);

/* A text member of the body, or NULL when it is absent or no text. Owned by the body. */
const char *api_body_text(const ApiCall *call, const char *member);

/* The name or address (IPv6 in brackets) by which the client reaches the portal, without the port. NULL when it is missing, or
 * not one: it goes into files and links. Free with g_free. */
char *api_host_name(const ApiCall *call);

/* "snapshots" and "snapshots-max" of a desktop. @file: of its pool, or NULL. */
void api_add_snapshots(ApiCall *call, const char *desktop, const PoolFile *file);

/* Adds what a VNC viewer is let in with. @host: by which name the client reaches the portal. */
void api_add_vnc(ApiCall *call, const char *host, const TicketRow *ticket);

/* "watch" of a desktop: null, or who asks to watch it, or does. */
void api_add_watch(ApiCall *call, const char *desktop);

/* The routes' handlers. */
void api_post_sign_in(ApiCall *call);
void api_post_sign_in_answers(ApiCall *call);
void api_post_sign_out(ApiCall *call);
void api_get_sessions(ApiCall *call);
void api_delete_session(ApiCall *call);
void api_get_me(ApiCall *call);
void api_get_pools(ApiCall *call);
void api_post_open(ApiCall *call);
void api_get_desktops(ApiCall *call);
void api_get_desktop(ApiCall *call);
void api_post_snapshot(ApiCall *call);
void api_post_revert(ApiCall *call);
void api_delete_snapshot(ApiCall *call);
void api_post_restart(ApiCall *call);
void api_post_stop(ApiCall *call);
void api_post_reset(ApiCall *call);
void api_post_extend(ApiCall *call);
void api_get_recordings(ApiCall *call);
void api_get_recording(ApiCall *call);
void api_get_recording_data(ApiCall *call);
void api_delete_recording(ApiCall *call);
void api_get_console(ApiCall *call);
void api_post_watch(ApiCall *call);
void api_post_watch_answer(ApiCall *call);
void api_post_vnc(ApiCall *call);
