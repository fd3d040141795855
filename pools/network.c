/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/network.h"

#include "broker/common/error.h"
#include "pools/host.h"
#include "pools/xml-select.h"

#include <arpa/inet.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX 22
#define N_SUBNETS (1u << (PREFIX - 8)) /* in 10.0.0.0/8 */
#define NETWORKS_MAX 4096

static guint32
mask_of(guint prefix)
{
	return prefix == 0 ? 0 : ~(guint32)0 << (32 - prefix);
}

gboolean
subnet_overlaps(const Subnet *a, const Subnet *b)
{
	guint32 mask = mask_of(MIN(a->prefix, b->prefix));

	return (a->address & mask) == (b->address & mask);
}

GArray *
subnets_of_routes(const char *text)
{
	GArray *subnets = g_array_new(FALSE, FALSE, sizeof(Subnet));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line != NULL; line++) {
		unsigned destination, mask;

		/* Iface Destination Gateway Flags RefCnt Use Metric Mask: numbers in the machine's byte order of network order */
		if (sscanf(*line, "%*s %x %*x %*x %*d %*d %*d %x", &destination, &mask) != 2 || mask == 0)
			continue;
		Subnet subnet = {ntohl(destination), (guint)__builtin_popcount(mask)};

		g_array_append_val(subnets, subnet);
	}
	return subnets;
}

gboolean
subnet_choose(const GArray *used, guint32 seed, Subnet *subnet)
{
	for (guint32 i = 0; i < N_SUBNETS; i++) {
		Subnet candidate = {0x0a000000u | ((seed + i) % N_SUBNETS) << (32 - PREFIX), PREFIX};
		gboolean free = TRUE;

		for (guint j = 0; free && j < used->len; j++)
			free = !subnet_overlaps(&candidate, &g_array_index(used, Subnet, j));
		if (free) {
			*subnet = candidate;
			return TRUE;
		}
	}
	return FALSE;
}

static char *
dotted(guint32 address)
{
	return g_strdup_printf("%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

char *
network_xml(const char *name, const char *bridge, const Subnet *subnet)
{
	g_autofree char *gateway = dotted(subnet->address + 1);
	g_autofree char *first = dotted(subnet->address + 2);
	g_autofree char *last = dotted(subnet->address + (1u << (32 - subnet->prefix)) - 2);

	/* Leases are short: every desktop has a new MAC address, and thousands may come and go in a day. */
	return g_markup_printf_escaped("<network><name>%s</name><forward mode='nat'/>"
				       "<bridge name='%s' stp='off' delay='0'/>"
				       "<ip address='%s' prefix='%u'><dhcp><range start='%s' end='%s'>"
				       "<lease expiry='15' unit='minutes'/></range></dhcp></ip></network>",
		name, bridge, gateway, subnet->prefix, first, last);
}

static void
add_networks_of_libvirt(virConnectPtr connection, GArray *used)
{
	virNetworkPtr *networks = NULL;
	int n = virConnectListAllNetworks(connection, &networks, 0);

	for (int i = 0; i < n; i++) {
		g_autofree char *xml = i < NETWORKS_MAX ? virNetworkGetXMLDesc(networks[i], 0) : NULL;
		g_autofree char *address = xml ? xml_select_one(xml, "network/ip@address") : NULL;
		struct in_addr in;

		/* Those that do not run have no route yet. A /16 round the address is more than anyone uses by habit. */
		if (address && inet_pton(AF_INET, address, &in) == 1) {
			Subnet subnet = {ntohl(in.s_addr), 16};

			g_array_append_val(used, subnet);
		}
		virNetworkFree(networks[i]);
	}
	free(networks);
}

static gboolean
create(virConnectPtr connection, const char *name, GError **error)
{
	g_autofree char *routes = NULL, *bridge = NULL, *xml = NULL;
	g_autoptr(GArray) used = NULL;
	g_autoptr(virNetwork) network = NULL;
	Subnet subnet;
	guint32 seed = g_str_hash(name);

	g_file_get_contents("/proc/net/route", &routes, NULL, NULL);
	used = subnets_of_routes(routes ? routes : "");
	add_networks_of_libvirt(connection, used);
	if (!subnet_choose(used, seed, &subnet)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED,
			"no address range in 10.0.0.0/8 is free on this host for the network of the desktops: use Mode=bridge or none");
		return FALSE;
	}
	bridge = g_strdup_printf("cr%08x", seed);
	xml = network_xml(name, bridge, &subnet);
	network = virNetworkCreateXML(connection, xml);
	if (network == NULL)
		host_set_error(error,
			"the network of the desktops (Mode=nat; libvirt needs dnsmasq and the kernel's nftables or iptables for it)");
	return network != NULL;
}

gboolean
network_ensure(virConnectPtr connection, const char *name, GError **error)
{
	static GMutex making; /* two workers must not make it at once */
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&making);
	g_autoptr(virNetwork) network = virNetworkLookupByName(connection, name);

	if (network == NULL)
		return create(connection, name, error);
	if (virNetworkIsActive(network) == 1 || virNetworkCreate(network) == 0)
		return TRUE;
	host_set_error(error, "the network of the desktops");
	return FALSE;
}

gboolean
network_remove(virConnectPtr connection, const char *name, GError **error)
{
	g_autoptr(virNetwork) network = virNetworkLookupByName(connection, name);

	if (network == NULL || virNetworkDestroy(network) == 0)
		return TRUE;
	host_set_error(error, name);
	return FALSE;
}
