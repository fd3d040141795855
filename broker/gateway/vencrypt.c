/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/vencrypt.h"

#include <stdlib.h>
#include <string.h>

#define SECURITY_VENCRYPT 19
#define SUBTYPE_TLS_PLAIN 259
#define SUBTYPE_X509_PLAIN 262

typedef enum { AWAIT_VERSION, AWAIT_SECURITY, AWAIT_SUB_VERSION, AWAIT_SUBTYPE, AWAIT_LENGTHS, AWAIT_CREDENTIALS, AWAIT_NOTHING } State;

struct Vencrypt {
	State state;
	gboolean offers_anonymous, is_anonymous;
	int minor; /* of the client's RFB 3.x, as the protocol reads it: 3, 7 or 8 */
	gsize user_size, password_size;
	char *user;
	Secret *password;
	gsize output_size;
	guint8 output[VENCRYPT_OUTPUT_MAX];
	const char *fault;
};

Vencrypt *
vencrypt_new(gboolean anonymous)
{
	Vencrypt *vencrypt = g_new0(Vencrypt, 1);

	vencrypt->offers_anonymous = anonymous;
	vencrypt->minor = 8;
	vencrypt->fault = "none";
	return vencrypt;
}

void
vencrypt_free(Vencrypt *vencrypt)
{
	if (vencrypt == NULL)
		return;
	secret_free(vencrypt->password);
	g_free(vencrypt->user);
	g_free(vencrypt);
}

gsize
vencrypt_wanted(const Vencrypt *vencrypt)
{
	static const gsize sizes[] = {[AWAIT_VERSION] = 12, [AWAIT_SECURITY] = 1, [AWAIT_SUB_VERSION] = 2, [AWAIT_SUBTYPE] = 4, [AWAIT_LENGTHS] = 8,
		[AWAIT_NOTHING] = 0};

	if (vencrypt->state == AWAIT_CREDENTIALS)
		return vencrypt->user_size + vencrypt->password_size;
	return sizes[vencrypt->state];
}

static void
put(Vencrypt *vencrypt, const void *bytes, gsize n)
{
	g_assert(vencrypt->output_size + n <= sizeof vencrypt->output);
	memcpy(vencrypt->output + vencrypt->output_size, bytes, n);
	vencrypt->output_size += n;
}

static void
put_u8(Vencrypt *vencrypt, guint8 value)
{
	put(vencrypt, &value, 1);
}

static void
put_u32(Vencrypt *vencrypt, guint32 value)
{
	value = GUINT32_TO_BE(value);
	put(vencrypt, &value, 4);
}

static void
put_text(Vencrypt *vencrypt, const char *text)
{
	put_u32(vencrypt, (guint32)strlen(text));
	put(vencrypt, text, strlen(text));
}

static guint32
get_u32(const guint8 *bytes)
{
	return (guint32)bytes[0] << 24 | (guint32)bytes[1] << 16 | (guint32)bytes[2] << 8 | bytes[3];
}

static VencryptResult
bad(Vencrypt *vencrypt, const char *fault)
{
	vencrypt->state = AWAIT_NOTHING;
	vencrypt->fault = fault;
	return VENCRYPT_BAD;
}

static VencryptResult
refuse(Vencrypt *vencrypt, const char *fault, const char *reason)
{
	vencrypt_result(vencrypt, reason);
	return bad(vencrypt, fault);
}

/* VeNCrypt begins with the server's version of it. */
static VencryptResult
begin_vencrypt(Vencrypt *vencrypt)
{
	put_u8(vencrypt, 0);
	put_u8(vencrypt, 2);
	vencrypt->state = AWAIT_SUB_VERSION;
	return VENCRYPT_MORE;
}

/* The version that is spoken when a client says @major.@minor; 0: none. What viewers say between and beyond the three that
 * exist is theirs alone and means the nearest below: 3.4 and 3.6 (UltraVNC) and 3.5 (RealVNC by mistake) are 3.3; Apple's 3.889,
 * RealVNC's 4.1 and 5.0 take 3.8. RFC 6143, section 7.1.1, would have all of them be 3.3; TigerVNC's server reads them as here. */
static int
spoken_version(int major, int minor)
{
	if (major > 3 || (major == 3 && minor >= 8))
		return 8;
	if (major < 3 || minor < 3)
		return 0;
	return minor == 7 ? 7 : 3;
}

static VencryptResult
offer_security(Vencrypt *vencrypt)
{
	if (vencrypt->minor >= 7) {
		put_u8(vencrypt, 1);
		put_u8(vencrypt, SECURITY_VENCRYPT);
		vencrypt->state = AWAIT_SECURITY;
		return VENCRYPT_MORE;
	}
	/* In 3.3 there is no choice: the server dictates one type (RFC 6143, section 7.1.2), and ours is the only one that asks for
	 * a name inside TLS. gtk-vnc and libvncclient take it from there as in 3.8; TigerVNC, RealVNC 4 and TightVNC know None and
	 * VncAuth alone in 3.3, say that they don't know type 19, and hang up. To refuse 3.3 with a reason would shut out both. */
	put_u32(vencrypt, SECURITY_VENCRYPT);
	return begin_vencrypt(vencrypt);
}

static VencryptResult
take_version(Vencrypt *vencrypt, const guint8 *bytes)
{
	const char *text = (const char *)bytes;

	for (int i = 0; i < 12; i++) {
		gboolean digit = (i >= 4 && i <= 6) || (i >= 8 && i <= 10);

		if (digit ? !g_ascii_isdigit(text[i]) : text[i] != VENCRYPT_GREETING[i])
			return bad(vencrypt, "not a VNC client");
	}
	vencrypt->minor = spoken_version(atoi(text + 4), atoi(text + 8));
	if (vencrypt->minor > 0)
		return offer_security(vencrypt);
	put_u32(vencrypt, 0); /* as 3.3 says that there is no security type, and why */
	put_text(vencrypt, "This server speaks RFB 3.3, 3.7 and 3.8 with VeNCrypt (X509Plain): use a newer viewer.");
	return bad(vencrypt, "a version of RFB before 3.3");
}

static VencryptResult
take_security(Vencrypt *vencrypt, const guint8 *bytes)
{
	if (bytes[0] != SECURITY_VENCRYPT)
		return refuse(vencrypt, "a security type that was not offered", "Only VeNCrypt is offered here.");
	return begin_vencrypt(vencrypt);
}

static VencryptResult
take_sub_version(Vencrypt *vencrypt, const guint8 *bytes)
{
	if (bytes[0] != 0 || bytes[1] != 2) {
		put_u8(vencrypt, 0xff); /* VeNCrypt has no place for a reason here */
		return bad(vencrypt, bytes[0] == 0 && bytes[1] == 1	  ? "VeNCrypt 0.1, where only 0.2 is spoken"
				     : bytes[0] == 0 && bytes[1] == 0 ? "the viewer knows no VeNCrypt 0.2"
								      : "a version of VeNCrypt that is not 0.2");
	}
	put_u8(vencrypt, 0);
	put_u8(vencrypt, vencrypt->offers_anonymous ? 2 : 1);
	put_u32(vencrypt, SUBTYPE_X509_PLAIN);
	if (vencrypt->offers_anonymous)
		put_u32(vencrypt, SUBTYPE_TLS_PLAIN);
	vencrypt->state = AWAIT_SUBTYPE;
	return VENCRYPT_MORE;
}

static VencryptResult
take_subtype(Vencrypt *vencrypt, const guint8 *bytes)
{
	guint32 subtype = get_u32(bytes);

	vencrypt->is_anonymous = vencrypt->offers_anonymous && subtype == SUBTYPE_TLS_PLAIN;
	if (subtype != SUBTYPE_X509_PLAIN && !vencrypt->is_anonymous) {
		put_u8(vencrypt, 0);
		return bad(vencrypt, "a VeNCrypt subtype that was not offered");
	}
	put_u8(vencrypt, 1);
	vencrypt->state = AWAIT_LENGTHS;
	return VENCRYPT_START_TLS;
}

static VencryptResult
take_lengths(Vencrypt *vencrypt, const guint8 *bytes)
{
	guint32 user = get_u32(bytes), password = get_u32(bytes + 4);

	if (user == 0 || user > VENCRYPT_USER_MAX || password > VENCRYPT_PASSWORD_MAX)
		return refuse(vencrypt, "a user name or password of an impossible length", "Authentication failed");
	vencrypt->user_size = user;
	vencrypt->password_size = password;
	vencrypt->state = AWAIT_CREDENTIALS;
	return VENCRYPT_MORE;
}

static gboolean
is_name(const char *text, gsize size)
{
	if (!g_utf8_validate_len(text, size, NULL))
		return FALSE;
	for (gsize i = 0; i < size; i++) {
		if (g_ascii_iscntrl(text[i]))
			return FALSE;
	}
	return TRUE;
}

static VencryptResult
take_credentials(Vencrypt *vencrypt, const guint8 *bytes)
{
	if (!is_name((const char *)bytes, vencrypt->user_size))
		return refuse(vencrypt, "a user name that is not text", "Authentication failed");
	vencrypt->user = g_strndup((const char *)bytes, vencrypt->user_size);
	vencrypt->password = secret_new(bytes + vencrypt->user_size, vencrypt->password_size);
	vencrypt->state = AWAIT_NOTHING;
	return VENCRYPT_SIGN_IN;
}

VencryptResult
vencrypt_feed(Vencrypt *vencrypt, const guint8 *bytes)
{
	static VencryptResult (*const takers[])(Vencrypt *, const guint8 *) = {[AWAIT_VERSION] = take_version,
		[AWAIT_SECURITY] = take_security, [AWAIT_SUB_VERSION] = take_sub_version, [AWAIT_SUBTYPE] = take_subtype,
		[AWAIT_LENGTHS] = take_lengths, [AWAIT_CREDENTIALS] = take_credentials};

	vencrypt->output_size = 0;
	if (vencrypt->state == AWAIT_NOTHING)
		return bad(vencrypt, "bytes where the server speaks");
	return takers[vencrypt->state](vencrypt, bytes);
}

const guint8 *
vencrypt_output(const Vencrypt *vencrypt, gsize *n)
{
	*n = vencrypt->output_size;
	return vencrypt->output;
}

gboolean
vencrypt_is_anonymous(const Vencrypt *vencrypt)
{
	return vencrypt->is_anonymous;
}

const char *
vencrypt_user(const Vencrypt *vencrypt)
{
	return vencrypt->user;
}

const Secret *
vencrypt_password(const Vencrypt *vencrypt)
{
	return vencrypt->password;
}

void
vencrypt_forget_password(Vencrypt *vencrypt)
{
	g_clear_pointer(&vencrypt->password, secret_free);
}

void
vencrypt_result(Vencrypt *vencrypt, const char *failure)
{
	vencrypt->output_size = 0;
	put_u32(vencrypt, failure ? 1 : 0);
	if (failure && vencrypt->minor >= 8)
		put_text(vencrypt, failure);
}

const char *
vencrypt_fault(const Vencrypt *vencrypt)
{
	return vencrypt->fault;
}
