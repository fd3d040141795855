/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/address.h"

#include <arpa/inet.h>
#include <string.h>

/* The address's bytes without the IPv6 dress of an IPv4 one; NULL when it is neither. */
static const void *
bytes_of(const struct sockaddr *address, int *family)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;

	*family = address->sa_family;
	if (address->sa_family == AF_INET)
		return &((const struct sockaddr_in *)address)->sin_addr;
	if (address->sa_family != AF_INET6)
		return NULL;
	if (!IN6_IS_ADDR_V4MAPPED(six))
		return six;
	*family = AF_INET;
	return &six->s6_addr[12];
}

void
address_print(const struct sockaddr *address, char text[ADDRESS_TEXT_MAX])
{
	int family;
	const void *bytes = bytes_of(address, &family);

	if (bytes == NULL || inet_ntop(family, bytes, text, ADDRESS_TEXT_MAX) == NULL)
		g_strlcpy(text, "unknown", ADDRESS_TEXT_MAX);
}

GPtrArray *
address_list_new(char *const *items)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);

	for (; *items != NULL; items++) {
		GInetAddressMask *mask = g_inet_address_mask_new_from_string(*items, NULL);

		if (mask)
			g_ptr_array_add(list, mask);
	}
	return list;
}

gboolean
address_list_has(const GPtrArray *list, const struct sockaddr *address)
{
	int family;
	const void *bytes = bytes_of(address, &family);

	if (list->len == 0 || bytes == NULL)
		return FALSE;
	g_autoptr(GInetAddress) one =
		g_inet_address_new_from_bytes(bytes, family == AF_INET ? G_SOCKET_FAMILY_IPV4 : G_SOCKET_FAMILY_IPV6);

	for (guint i = 0; i < list->len; i++) {
		if (g_inet_address_mask_matches(list->pdata[i], one))
			return TRUE;
	}
	return FALSE;
}
