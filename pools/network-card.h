/* How a pool's desktops are connected, as its file says: names for what libvirt is to have, and the network
 * card itself. Pure: nothing is looked up here. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "pools/pool-file.h"

typedef struct {
	PoolNetwork mode;
	gboolean dhcp; /* of isolated: they get an address */
	char *network; /* libvirt's network, of this instance: nat and isolated */
	char *bridge;  /* the host's: bridge and vlan */
	char *filter;  /* libvirt's filter of the card, of this instance: pools/network-filter.h */
	guint vlan;    /* 0: none */
	guint64 rate_up, rate_down; /* bits a second, as the desktop sees it; 0: no limit */
} NetworkCard;

/* @instance: as the instance's objects begin in libvirt ("carrel-XXXXXXXX"). NULL where @file wants no card.
 */
NetworkCard *network_card_new(const PoolFile *file, const char *instance);
void network_card_free(NetworkCard *card);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetworkCard, network_card_free)

/* libvirt's XML of it. Free with g_free. */
char *network_card_xml(const NetworkCard *card);

/* What all networks of an instance may be called, to remove them. NULL-terminated; free with g_strfreev. */
char **network_card_networks(const char *instance);
