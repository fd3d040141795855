/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "connect/vv-check.h"

#include <string.h>

#include "broker/common/error.h"

#define GROUP "virt-viewer"
#define TEXT_MAX 512
#define CA_MAX (32 * 1024)
#define SECRET_MAX 60 /* of a SPICE password */

static gboolean
is_of(const char *value, const char *allowed, gsize max)
{
	gsize size = strlen(value);

	return size > 0 && size <= max && strspn(value, allowed) == size;
}

static gboolean
is_spice(const char *value, const char *host)
{
	return strcmp(value, "spice") == 0;
}

static gboolean
is_one(const char *value, const char *host)
{
	return strcmp(value, "1") == 0;
}

/* A ticket's halves: letters and digits. */
static gboolean
is_token(const char *value, const char *host)
{
	return is_of(value, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-", SECRET_MAX);
}

static gboolean
is_port(const char *value, const char *host)
{
	guint64 port;

	return g_ascii_string_to_unsigned(value, 10, 1, 65535, &port, NULL);
}

/* "http://HOST:PORT": remote-viewer opens CONNECT there and nowhere else. */
static gboolean
is_proxy(const char *value, const char *host)
{
	gsize size = strlen(host);

	if (!g_str_has_prefix(value, "http://"))
		return FALSE;
	value += strlen("http://");
	return g_ascii_strncasecmp(value, host, size) == 0 && value[size] == ':' && is_port(value + size + 1, host);
}

static gboolean
is_text(const char *value, const char *host)
{
	if (strlen(value) > TEXT_MAX)
		return FALSE;
	for (const char *at = value; *at != '\0'; at = g_utf8_next_char(at)) {
		if (g_unichar_iscntrl(g_utf8_get_char(at)))
			return FALSE;
	}
	return TRUE;
}

static gboolean
is_pem(const char *value, const char *host)
{
	return is_of(value, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/=- \n", CA_MAX) &&
	       g_str_has_prefix(value, "-----BEGIN CERTIFICATE-----\n");
}

static gboolean
is_word(const char *value, const char *host)
{
	return is_of(value, "0123456789abcdefghijklmnopqrstuvwxyz+;-", TEXT_MAX);
}

static const struct {
	const char *key;
	gboolean needed;
	gboolean (*is_good)(const char *value, const char *host);
} keys[] = {
	{"type", TRUE, is_spice},
	{"host", TRUE, is_token}, /* the ticket's name: not dialled, since there is a proxy */
	{"tls-port", TRUE, is_port},
	{"password", TRUE, is_token},
	{"proxy", TRUE, is_proxy},
	{"ca", FALSE, is_pem},
	{"host-subject", FALSE, is_text},
	{"secure-channels", TRUE, is_word},
	{"title", FALSE, is_text},
	{"delete-this-file", TRUE, is_one},
	{"toggle-fullscreen", FALSE, is_word},
	{"release-cursor", FALSE, is_word},
	{"secure-attention", FALSE, is_word},
};

static gboolean
refuse(GError **error, const char *why, const char *key)
{
	g_autofree char *shown = g_strescape(key, NULL);

	g_set_error(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "the portal's file for the viewer was not used: %s%.64s", why,
		shown);
	return FALSE;
}

static gboolean
copy_known(GKeyFile *from, GKeyFile *to, const char *host, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *value = g_key_file_get_string(from, GROUP, keys[i].key, NULL);

		if (value == NULL && !g_key_file_has_key(from, GROUP, keys[i].key, NULL)) {
			if (keys[i].needed)
				return refuse(error, "it lacks ", keys[i].key);
			continue;
		}
		if (value == NULL || !keys[i].is_good(value, host))
			return refuse(error, "it has an unfit value of ", keys[i].key);
		g_key_file_set_string(to, GROUP, keys[i].key, value);
		explicit_bzero(value, strlen(value));
	}
	return TRUE;
}

static gboolean
has_only_known(GKeyFile *file, GError **error)
{
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL), names = NULL;

	if (g_strv_length(groups) != 1 || strcmp(groups[0], GROUP) != 0)
		return refuse(error, "it is not of one group ", GROUP);
	names = g_key_file_get_keys(file, GROUP, NULL, NULL);
	for (char **name = names; *name != NULL; name++) {
		gboolean known = FALSE;

		for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
			known = known || strcmp(keys[i].key, *name) == 0;
		if (!known)
			return refuse(error, "it has an unknown key, ", *name);
	}
	return TRUE;
}

char *
vv_check(const char *bytes, gsize size, const char *host, GError **error)
{
	g_autoptr(GKeyFile) from = g_key_file_new(), to = g_key_file_new();

	if (size == 0 || size > VV_CHECK_MAX || !g_utf8_validate_len(bytes, size, NULL) ||
		!g_key_file_load_from_data(from, bytes, size, G_KEY_FILE_KEEP_TRANSLATIONS, NULL)) {
		refuse(error, "it is no key file", "");
		return NULL;
	}
	if (!has_only_known(from, error) || !copy_known(from, to, host, error))
		return NULL;
	return g_key_file_to_data(to, NULL, NULL);
}
