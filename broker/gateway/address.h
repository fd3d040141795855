/* Network addresses: as text, and lists of them from carrel.conf. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <netinet/in.h>

/* Numeric, "192.0.2.1" also for an IPv4 client of a socket that takes both; "unknown" for what is no internet address. */
#define ADDRESS_TEXT_MAX INET6_ADDRSTRLEN
void address_print(const struct sockaddr *address, char text[ADDRESS_TEXT_MAX]);

/* @items: addresses and prefixes, which conf_load has checked. Free with g_ptr_array_unref. */
GPtrArray *address_list_new(char *const *items);
gboolean address_list_has(const GPtrArray *list, const struct sockaddr *address);
