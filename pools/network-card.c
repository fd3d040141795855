/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/network-card.h"

#include "pools/network-filter.h"

#define ISOLATED_SUFFIX "-isolated"
#define BITS_OF_KILOBYTE 8000

static FilterKind
filter_of(const PoolFile *file)
{
	switch ((PoolNetwork)file->mode) {
	case POOL_NETWORK_NAT:
		return FILTER_NAT;
	case POOL_NETWORK_ISOLATED:
		return file->dhcp ? FILTER_ISOLATED : FILTER_CLOSED;
	default:
		return file->ipv6 ? FILTER_BRIDGE_IPV6 : FILTER_BRIDGE;
	}
}

NetworkCard *
network_card_new(const PoolFile *file, const char *instance)
{
	NetworkCard *card;

	if (file->mode == POOL_NETWORK_NONE)
		return NULL;
	card = g_new0(NetworkCard, 1);
	card->mode = (PoolNetwork)file->mode;
	card->dhcp = file->dhcp;
	card->filter = network_filter_name(instance, filter_of(file));
	if (card->mode == POOL_NETWORK_NAT)
		card->network = g_strdup(instance);
	else if (card->mode == POOL_NETWORK_ISOLATED)
		card->network = g_strconcat(instance, ISOLATED_SUFFIX, NULL);
	else
		card->bridge = g_strdup(file->bridge);
	card->vlan = card->mode == POOL_NETWORK_VLAN ? (guint)file->vlan : 0;
	card->rate_up = (guint64)file->rate_up;
	card->rate_down = (guint64)file->rate_down;
	return card;
}

void
network_card_free(NetworkCard *card)
{
	if (card == NULL)
		return;
	g_free(card->network);
	g_free(card->bridge);
	g_free(card->filter);
	g_free(card);
}

/* libvirt counts kilobytes a second, and sees it from the guest: in is what the guest receives. */
static void
add_rate(GString *xml, const char *direction, guint64 bits)
{
	if (bits > 0)
		g_string_append_printf(xml, "<%s average='%" G_GUINT64_FORMAT "'/>", direction,
			MAX(bits / BITS_OF_KILOBYTE, 1));
}

static void
add_source(GString *xml, const NetworkCard *card)
{
	/* Isolated from the bridge's other ports: nothing goes from desktop to desktop below the filters
	 * either. */
	g_autofree char *source = card->network
		? g_markup_printf_escaped(
	                  "<interface type='network'><source network='%s'/><port isolated='yes'/>",
	                  card->network)
		: g_markup_printf_escaped("<interface type='bridge'><source bridge='%s'/>", card->bridge);

	g_string_append(xml, source);
	if (card->vlan > 0)
		g_string_append_printf(xml, "<vlan><tag id='%u'/></vlan>", card->vlan);
}

char *
network_card_xml(const NetworkCard *card)
{
	GString *xml = g_string_new(NULL);
	g_autofree char *filter = g_markup_printf_escaped("<filterref filter='%s'>", card->filter);

	add_source(xml, card);
	g_string_append(xml, "<model type='virtio'/>");
	g_string_append(xml, filter);
	/* The address that a DHCP server gave it is its address; until then it may do nothing but ask for
	 * one. */
	g_string_append(xml, "<parameter name='CTRL_IP_LEARNING' value='dhcp'/></filterref>");
	if (card->rate_up > 0 || card->rate_down > 0) {
		g_string_append(xml, "<bandwidth>");
		add_rate(xml, "inbound", card->rate_down);
		add_rate(xml, "outbound", card->rate_up);
		g_string_append(xml, "</bandwidth>");
	}
	g_string_append(xml, "</interface>");
	return g_string_free(xml, FALSE);
}

char **
network_card_networks(const char *instance)
{
	GStrvBuilder *names = g_strv_builder_new();
	g_autofree char *isolated = g_strconcat(instance, ISOLATED_SUFFIX, NULL);
	char **result;

	g_strv_builder_add_many(names, instance, isolated, NULL);
	result = g_strv_builder_end(names);
	g_strv_builder_unref(names);
	return result;
}
