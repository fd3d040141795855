/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "connect/address.h"

#include <string.h>

#include "broker/common/error.h"

#define HOST_MAX 253 /* of a name: RFC 1035, section 2.3.4 */
#define HTTPS_PORT 443

void
address_free(Address *address)
{
	if (address == NULL)
		return;
	g_free(address->host);
	g_free(address->url);
	g_free(address);
}

/* It becomes an argument of a viewer and part of a file's name: no dash at the start, no slash anywhere. */
static gboolean
is_host(const char *host)
{
	gsize size = strlen(host);

	if (size == 0 || size > HOST_MAX)
		return FALSE;
	if (strchr(host, ':') == NULL)
		return g_ascii_isalnum(*host) &&
		       strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == size;
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);

	return address && strchr(host, '%') == NULL && g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6;
}

Address *
address_parse(const char *text, GError **error)
{
	g_autofree char *full = strstr(text, "://") ? g_strdup(text) : g_strconcat("https://", text, NULL);
	g_autofree char *scheme = NULL, *user = NULL, *host = NULL, *path = NULL, *query = NULL, *fragment = NULL, *name = NULL;
	int port = -1;
	Address *address;

	if (!g_uri_split(full, G_URI_FLAGS_NONE, &scheme, &user, &host, &port, &path, &query, &fragment, NULL) ||
		g_ascii_strcasecmp(scheme, "https") != 0 || user || query || fragment || host == NULL || port == 0 ||
		(*path != '\0' && strcmp(path, "/") != 0) || !is_host(name = g_ascii_strdown(host, -1))) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
			"“%s” is not a portal's address: it is like https://desk.example:8443", text);
		return NULL;
	}
	address = g_new0(Address, 1);
	address->host = strchr(name, ':') ? g_strdup_printf("[%s]", name) : g_steal_pointer(&name);
	address->port = port > 0 ? (guint16)port : HTTPS_PORT;
	address->url = g_strdup_printf("https://%s:%u", address->host, address->port);
	return address;
}

char *
address_name(const Address *address)
{
	return *address->host == '[' ? g_strndup(address->host + 1, strlen(address->host) - 2) : g_strdup(address->host);
}
