/* The server's side of RFB's first messages (RFC 6143, section 7.1) in its versions 3.3, 3.7 and 3.8, with VeNCrypt 0.2 alone
 * (the community's RFB specification, "rfbproto", VeNCrypt security type) and of that X509Plain, or TLSPlain too where the
 * admin says so. On bytes alone, no I/O.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "broker/common/secret.h"

#define VENCRYPT_GREETING "RFB 003.008\n" /* what the server says first */
#define VENCRYPT_USER_MAX 255
#define VENCRYPT_PASSWORD_MAX 1023

/* The longest piece that it ever asks for, and that it ever answers with. */
#define VENCRYPT_WANTED_MAX (VENCRYPT_USER_MAX + VENCRYPT_PASSWORD_MAX)
#define VENCRYPT_OUTPUT_MAX 160

typedef enum {
	VENCRYPT_MORE,      /* send the output, then feed what is wanted next */
	VENCRYPT_START_TLS, /* send the output, shake hands, then go on inside */
	VENCRYPT_SIGN_IN,   /* user and password are there; answer with vencrypt_result */
	VENCRYPT_BAD,       /* send the output (a reason, or nothing) and close */
} VencryptResult;

typedef struct Vencrypt Vencrypt;

/* @anonymous: TLSPlain, TLS without a certificate, is offered behind X509Plain: viewers take the first that they know. */
Vencrypt *vencrypt_new(gboolean anonymous);
void vencrypt_free(Vencrypt *vencrypt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vencrypt, vencrypt_free)

/* How many bytes the next vencrypt_feed takes: read exactly as many, for what follows may be TLS's. */
gsize vencrypt_wanted(const Vencrypt *vencrypt);
VencryptResult vencrypt_feed(Vencrypt *vencrypt, const guint8 *bytes);

/* What is to be sent after a feed or a result; valid until the next. */
const guint8 *vencrypt_output(const Vencrypt *vencrypt, gsize *n);

/* After START_TLS: the viewer chose TLSPlain. */
gboolean vencrypt_is_anonymous(const Vencrypt *vencrypt);

/* After SIGN_IN. User: UTF-8 without control characters. */
const char *vencrypt_user(const Vencrypt *vencrypt);
const Secret *vencrypt_password(const Vencrypt *vencrypt);
void vencrypt_forget_password(Vencrypt *vencrypt);

/* Makes the SecurityResult: good when @failure is NULL, else with that reason (less than 120 bytes) where the client's version
 * of RFB has one. */
void vencrypt_result(Vencrypt *vencrypt, const char *failure);

/* Why it was BAD; static, for the log. */
const char *vencrypt_fault(const Vencrypt *vencrypt);
