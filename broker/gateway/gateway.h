/* What every connection may use. One instance a process, made by main.c and alive as long as it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "broker/common/conf.h"

typedef struct Client Client;

typedef struct {
	struct Reactor *reactor;
	GatewayLimits limits;      /* of carrel.conf; read anew at SIGHUP, and at each use */
	GPtrArray *proxies;        /* of ProxyFrom=, see address.h; the same */
	struct Admission *admission;
	struct Tls *tls;           /* of new connections; replaced when the certificate is */
	struct Site *site;         /* the web client's files; replaced at SIGHUP */
	struct BrokerLink *broker;
	GHashTable *clients;       /* Client, all that are open */
	gboolean vnc_tls_plain;    /* VncTlsPlain= */
	uid_t display_uid;         /* whom the stream socket must belong to; (uid_t)-1: anyone */
	const char *sandbox;       /* what sandbox_enter said */
} Gateway;
