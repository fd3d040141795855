/* What a desktop's network card lets through: libvirt's network filters (nwfilter) of an instance, which
 * libvirt carries out on the host's side of the card, where no guest can change them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>

/* All of them let a card send by its own MAC address only; ARP and IPv4 by the address that a DHCP server
 * gave it, and by none before; no answers of a DHCP server; and nothing else at all: no VLAN tags, no
 * spanning tree, and no IPv6 but where it is said. */
typedef enum {
	FILTER_NAT,    /* also nothing to other addresses of the desktops' own subnet than the host's there */
	FILTER_BRIDGE, /* Mode=bridge and vlan: no more than that */
	FILTER_BRIDGE_IPV6, /* also IPv6 by any address, but nothing that only a router or a DHCP server sends */
	FILTER_ISOLATED, /* IPv4 for asking for an address only */
	FILTER_CLOSED,   /* nothing, either way */
	FILTER_N_KINDS,
} FilterKind;

/* @instance: "carrel-XXXXXXXX". Free with g_free. */
char *network_filter_name(const char *instance, FilterKind kind);

/* libvirt's XML of it. @host, @prefix: of FILTER_NAT, the host's address there, dotted, and how long its
 * subnet's prefix is. Free with g_free. */
char *network_filter_xml(const char *name, FilterKind kind, const char *host, guint prefix);

/* Blocks: call in a worker. Makes sure that libvirt has the filter @name by network_filter_xml(), whatever it
 * had by that name. */
gboolean network_filter_ensure(
        virConnectPtr connection, const char *name, const char *host, guint prefix, GError **error);

/* All of @instance's. No error where there is none, or libvirt has no filters. Blocks. */
gboolean network_filters_remove(virConnectPtr connection, const char *instance, GError **error);
