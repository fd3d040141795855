/* The libvirt network of an instance (Mode=nat): made when the first desktop wants it, transient, removed by pools/cleanup.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>

/* An IPv4 subnet in host byte order. */
typedef struct {
	guint32 address;
	guint prefix;
} Subnet;

gboolean subnet_overlaps(const Subnet *a, const Subnet *b);

/* Of /proc/net/route; the default route is left out. Result: Subnet. */
GArray *subnets_of_routes(const char *text);

/* A /22 in 10.0.0.0/8 that overlaps none of @used (Subnet). @seed makes one instance choose the same one again where it can.
 * FALSE: there is none. */
gboolean subnet_choose(const GArray *used, guint32 seed, Subnet *subnet);

/* Free with g_free. @bridge has at most 15 characters. */
char *network_xml(const char *name, const char *bridge, const Subnet *subnet);

/* Blocks: call in a worker. Makes sure that the network @name runs. */
gboolean network_ensure(virConnectPtr connection, const char *name, GError **error);
/* No error when there is none. */
gboolean network_remove(virConnectPtr connection, const char *name, GError **error);
