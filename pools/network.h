/* What desktops of an instance are connected to: libvirt's networks (Mode=nat and isolated), made when the
 * first desktop wants one, transient; the host's bridges, looked at; and the filters of the cards.
 * pools/cleanup removes what was made. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>

#include "pools/network-card.h"

/* The folder of the host's network interfaces. */
#define NETWORK_CLASSES "/sys/class/net"

/* An IPv4 subnet in host byte order. */
typedef struct {
	guint32 address;
	guint prefix;
} Subnet;

gboolean subnet_overlaps(const Subnet *a, const Subnet *b);

/* Of /proc/net/route; the default route is left out. Result: Subnet. */
GArray *subnets_of_routes(const char *text);

/* A /22 in 10.0.0.0/8 that overlaps none of @used (Subnet). @seed makes one instance choose the same one
 * again where it can. FALSE: there is none. */
gboolean subnet_choose(const GArray *used, guint32 seed, Subnet *subnet);

/* Of @card's network. Free with g_free. @bridge has at most 15 characters. */
char *network_xml(const NetworkCard *card, const char *bridge, const Subnet *subnet);

/* Why @card cannot be connected to the bridge that it names, with what to do about it: NULL where nothing
 * speaks against it. @classes: the folder of the host's network interfaces, /sys/class/net. @libvirt_version:
 * libvirt's number. Free with g_free. */
char *network_why_no_bridge(const NetworkCard *card, const char *classes, gulong libvirt_version);

/* Blocks: call in a worker. Makes sure that @card finds what it is connected to and its filter. */
gboolean network_ensure(virConnectPtr connection, const NetworkCard *card, GError **error);
/* libvirt's last error, of making a VM or a card in it, with what @card (NULL: none) may have to do with it.
 */
void network_set_error(const NetworkCard *card, const char *what, GError **error);
/* Networks and filters of @instance ("carrel-XXXXXXXX"). No error when there is none. */
gboolean network_remove(virConnectPtr connection, const char *instance, GError **error);
