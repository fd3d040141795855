/* The parts of a running broker, for the files that join them: the faces (api.c, gateway-service.c, admin-service.c) and what
 * they have in common (access.c, endings.c). The parts themselves know nothing of it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/conf.h"
#include "broker/display-client.h"
#include "broker/sessions.h"
#include "broker/sign-ins.h"
#include "broker/tickets.h"
#include "broker/timekeeper.h"
#include "pools/engine.h"

typedef struct AdminService AdminService;
typedef struct GatewayService GatewayService;
typedef struct VncEntries VncEntries;
typedef struct Watches Watches;

/* What the gateway said of itself in Hello. */
typedef struct {
	char *ca_pem, *host_subject; /* NULL before the first Hello */
	guint16 port, vnc_port;      /* 0: none */
} GatewayFacts;

typedef struct Broker {
	const Conf *conf;
	gint64 (*now)(void); /* UTC seconds */
	gint64 (*steady)(void); /* seconds of a clock that nobody sets */
	gint64 started;
	Store *store;
	Sessions *sessions;
	Tickets *tickets;
	SignIns *sign_ins;
	Engine *engine;      /* NULL while it is being made */
	Timekeeper *timekeeper; /* the same */
	DisplayClient *display;
	VncEntries *vnc_entries;
	Watches *watches;
	GatewayService *gateway;
	AdminService *admin;
	GatewayFacts facts;
	char *stream_path;   /* carrel-display's, for the gateway */
	guint minute_id, minutes;
} Broker;

typedef struct {
	gint64 (*now)(void), (*steady)(void);
	guint failure_ms; /* a failed sign-in is told at a multiple of this */
} BrokerOptions;

/* Opens the sockets below [Paths] Runtime= and begins. @conf and @store outlive it. */
Broker *broker_new(const Conf *conf, Store *store, const BrokerOptions *options, GError **error);
/* Closes what it listens on. Desktops, and streams that run, stay as they are. */
void broker_free(Broker *broker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Broker, broker_free)

/* Reads the pool files again, as engine_apply, for all that goes by them. */
void broker_apply_pools(Broker *broker, char ***changes, char ***faults);

/* SIGHUP: reads the pool files again, and says in the log what came of it. */
void broker_reload(Broker *broker);

/* One row in the audit table. @address, @desktop, @pool, @detail may be NULL. */
void broker_audit(Broker *broker, const char *actor, const char *address, const char *action, const char *desktop,
	const char *pool, const char *detail);

/* Is a person with these groups an admin, by [Broker]? */
gboolean broker_is_admin(const Broker *broker, const char *user, const char *const *groups);
