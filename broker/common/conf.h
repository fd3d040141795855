/* carrel.conf: what every program of one instance agrees on. Each program reads it for itself (--config FILE, else
 * $CARREL_CONFIG, else /etc/carrel/carrel.conf) and trusts it: only an admin may write it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* [Gateway]: what a client may cost. Times in seconds, sizes in bytes; carrel.conf(5) has the reason of each. */
typedef struct {
	gint64 handshake_timeout; /* each step before the first request: PROXY header, first byte, TLS, VNC's greeting */
	gint64 head_timeout, head_size;
	gint64 body_timeout, body_size;
	gint64 body_memory;       /* what all bodies above 64 KiB may take together */
	gint64 keep_alive_timeout;
	gint64 sign_in_timeout;   /* for typing name and password into a VNC viewer */
	gint64 write_timeout;
	gint64 frame_size;
	gint64 ping_interval;
	gint64 relay_buffer;
	gint64 connections, connections_per_address;
	gint64 unauthenticated_start, unauthenticated_rate, unauthenticated_full; /* rate: percent */
} GatewayLimits;

enum { CONF_H264_AUTO, CONF_H264_OFF };

typedef struct {
	char *file; /* where it was read from */

	/* [Paths] */
	char *state;      /* /var/lib/carrel: STATE/broker, STATE/gateway, STATE/images, STATE/desktops */
	char *runtime;    /* /run/carrel: sockets, see the names below */
	char *pools;      /* /etc/carrel/pools.d */
	char *images;     /* STATE/images unless set */
	char *recordings; /* STATE/recordings unless set; carrel-display's */
	char *web_root;   /* the folder web-client/ as installed */
	char *programs;   /* where carrel-screen is (and the other programs) */

	/* [Users] A name, or a number as systemd's DynamicUser= would give. A program that is started as root becomes
	 * its user before it opens a socket; one that is not keeps the user it has. */
	char *broker_user, *gateway_user, *display_user, *screen_user;
	char **libvirt_groups; /* supplementary groups of carrel-broker and carrel-display: what opens libvirt's socket */

	/* [Gateway] */
	char **listen;          /* "ADDRESS:PORT" for HTTPS, WebSocket and CONNECT */
	char **vnc_listen;      /* "ADDRESS:PORT" for VNC; empty: no VNC port */
	gboolean vnc_tls_plain; /* VNC viewers may sign in inside TLS without a certificate */
	char **names;           /* host names and addresses that the self-made certificate is good for */
	char **proxy_from;      /* addresses and prefixes whose connections begin with a PROXY header */
	char *unauthenticated;  /* "START:RATE:FULL", of which the parts stand in limits */
	GatewayLimits limits;
	char *certificate, *key; /* PEM files; NULL: one is made in STATE/gateway, signed by a CA made there */

	/* [Broker] */
	char **admin_users, **admin_groups;
	gint64 desktops_per_user; /* of all pools, at once; 0: no limit */
	gint64 session_idle;     /* seconds: a portal session nobody uses ends after this */
	gint64 session_lifetime; /* seconds: it ends after this whatever happens */

	/* [Auth] */
	char *pam_service;
	char *pam_folder; /* NULL: the system's /etc/pam.d */
	gint64 sign_in_processes, sign_in_processes_per_address; /* at once */
	gint64 sign_in_deadline;  /* seconds: for one sign-in, what the person types included */
	gint64 failure_delay;     /* seconds: a failure is told at a multiple of it */
	gint64 free_failures;     /* that cost nothing */
	gint64 address_wait_max;  /* seconds: an address that failed often is refused for this long at most */
	gint64 user_delay_max;    /* seconds: a sign-in to a name that failed often is held for this long at most */

	/* [Display] */
	int h264; /* CONF_H264_*: whether films go to VNC clients as H.264 */

	/* [Libvirt] */
	char *libvirt_uri;
} Conf;

/* NULL and a CARREL_ERROR_CONFIG with every fault of the file, a line each. Free with conf_free. */
Conf *conf_load(const char *file, GError **error);
void conf_free(Conf *conf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Conf, conf_free)

/* The file to read when the command line names none: $CARREL_CONFIG, else SYSCONFDIR/carrel/carrel.conf. Static. */
const char *conf_default_file(void);

/* The sockets of an instance, below [Paths] Runtime=. Each lies in a folder that belongs to the program that listens on
 * it. Modes let anyone connect; the listener asks the kernel who the peer is. */
#define CONF_SOCKET_GATEWAY "broker/gateway.sock" /* carrel-broker for carrel-gateway: org.carrel.Broker1.Gateway */
#define CONF_SOCKET_ADMIN   "broker/admin.sock"   /* carrel-broker for carrel: org.carrel.Broker1.Admin */
#define CONF_SOCKET_CONTROL "display/control.sock" /* carrel-display for carrel-broker: org.carrel.Display1 */
#define CONF_SOCKET_STREAM  "display/stream.sock" /* carrel-display for carrel-gateway: a grant, then the stream's bytes */
#define CONF_SOCKET_AUTH    "auth/auth.sock"      /* carrel-auth for carrel-broker: one sign-in a connection */

/* RUNTIME/@name. Free with g_free. */
char *conf_socket_path(const Conf *conf, const char *name);
