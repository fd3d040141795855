/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/network.h"

#include "broker/common/error.h"
#include "pools/host.h"
#include "pools/network-filter.h"
#include "pools/xml-select.h"

#include <arpa/inet.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX 22
#define N_SUBNETS (1u << (PREFIX - 8)) /* in 10.0.0.0/8 */
#define NETWORKS_MAX 4096
#define VLAN_MIN 11000000 /* libvirt's <vlan> on a Linux bridge */
#define CLASSES "/sys/class/net"

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

		/* Iface Destination Gateway Flags RefCnt Use Metric Mask: numbers in the machine's byte order
		 * of network order */
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
	return g_strdup_printf(
		"%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

/* Leases are short: every desktop has a new MAC address, and thousands may come and go in a day. */
char *
network_xml(const NetworkCard *card, const char *bridge, const Subnet *subnet)
{
	GString *xml = g_string_new("<network>");
	g_autofree char *host = dotted(subnet->address + 1);
	g_autofree char *first = dotted(subnet->address + 2);
	g_autofree char *last = dotted(subnet->address + (1u << (32 - subnet->prefix)) - 2);
	g_autofree char *head = g_markup_printf_escaped(
		"<name>%s</name><bridge name='%s' stp='off' delay='0'/>", card->network, bridge);
	g_autofree char *address =
		g_markup_printf_escaped("<ip address='%s' prefix='%u'><dhcp><range start='%s' end='%s'>"
	                                "<lease expiry='15' unit='minutes'/></range></dhcp></ip>",
	                host, subnet->prefix, first, last);

	g_string_append(xml, head);
	/* Without <forward> libvirt lets nothing out, and tells desktops of no router. */
	g_string_append(xml, card->mode == POOL_NETWORK_NAT ? "<forward mode='nat'/>" : "<dns enable='no'/>");
	g_string_append(xml, address);
	g_string_append(xml, "</network>");
	return g_string_free(xml, FALSE);
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

		/* Those that do not run have no route yet. A /16 round the address is more than anyone uses
		 * by habit. */
		if (address && inet_pton(AF_INET, address, &in) == 1) {
			Subnet subnet = {ntohl(in.s_addr), 16};

			g_array_append_val(used, subnet);
		}
		virNetworkFree(networks[i]);
	}
	free(networks);
}

static virNetworkPtr
create(virConnectPtr connection, const NetworkCard *card, GError **error)
{
	g_autofree char *routes = NULL, *bridge = NULL, *xml = NULL;
	g_autoptr(GArray) used = NULL;
	virNetworkPtr network;
	Subnet subnet;
	guint32 seed = g_str_hash(card->network);

	g_file_get_contents("/proc/net/route", &routes, NULL, NULL);
	used = subnets_of_routes(routes ? routes : "");
	add_networks_of_libvirt(connection, used);
	if (!subnet_choose(used, seed, &subnet)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED,
			"no address range in 10.0.0.0/8 is free on this host for the network of the "
			"desktops: use Mode=bridge or none");
		return NULL;
	}
	bridge = g_strdup_printf("cr%08x", seed);
	xml = network_xml(card, bridge, &subnet);
	network = virNetworkCreateXML(connection, xml);
	if (network == NULL)
		host_set_error(error,
			"the network of the desktops (libvirt needs dnsmasq and the kernel's nftables or "
			"iptables for it)");
	return network;
}

static virNetworkPtr
find_or_create(virConnectPtr connection, const NetworkCard *card, GError **error)
{
	g_autoptr(virNetwork) network = virNetworkLookupByName(connection, card->network);

	if (network == NULL)
		return create(connection, card, error);
	if (virNetworkIsActive(network) == 1 || virNetworkCreate(network) == 0)
		return g_steal_pointer(&network);
	host_set_error(error, "the network of the desktops");
	return NULL;
}

static gboolean
ensure_network(virConnectPtr connection, const NetworkCard *card, GError **error)
{
	g_autoptr(virNetwork) network = find_or_create(connection, card, error);
	g_autofree char *xml = network ? virNetworkGetXMLDesc(network, 0) : NULL;
	g_autofree char *host = xml ? xml_select_one(xml, "network/ip@address") : NULL;
	g_autofree char *prefix = xml ? xml_select_one(xml, "network/ip@prefix") : NULL;

	if (network == NULL)
		return FALSE;
	if (host == NULL || prefix == NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED,
			"libvirt's network %s has no address: who changed it? Remove it "
			"(virsh net-destroy), and it is made anew",
			card->network);
		return FALSE;
	}
	return network_filter_ensure(
		connection, card->filter, host, (guint)g_ascii_strtoull(prefix, NULL, 10), error);
}

/* libvirt gives the kernel the VLAN's number whether or not the bridge looks at it: on one that does not, the
 * desktop would be in the untagged network, and nobody would notice. */
static char *
why_no_vlan(const NetworkCard *card, const char *folder, gulong libvirt_version)
{
	g_autofree char *file = g_build_filename(folder, "vlan_filtering", NULL);
	g_autofree char *filtering = NULL;
	g_autofree char *instead = g_strdup_printf(
		"or make a bridge with the interface of VLAN %u in it, and use Mode=bridge", card->vlan);

	if (libvirt_version < VLAN_MIN)
		return g_strdup_printf("libvirt puts no card into a VLAN of a Linux bridge before its "
		                       "version 11.0: upgrade it, %s",
			instead);
	if (g_file_get_contents(file, &filtering, NULL, NULL) && *filtering == '1')
		return NULL;
	return g_strdup_printf(
		"the bridge %s does not look at VLANs: ip link set %s type bridge vlan_filtering 1, and put "
		"VLAN %u on its uplink (bridge vlan add); %s",
		card->bridge, card->bridge, card->vlan, instead);
}

char *
network_why_no_bridge(const NetworkCard *card, const char *classes, gulong libvirt_version)
{
	g_autofree char *interface = g_build_filename(classes, card->bridge, NULL);
	g_autofree char *folder = g_build_filename(interface, "bridge", NULL);

	if (!g_file_test(interface, G_FILE_TEST_EXISTS))
		return g_strdup_printf(
			"there is no bridge %s on this host: make it, or name another in Bridge=",
			card->bridge);
	/* Open vSwitch has VLANs, but passes by the host's filters. */
	if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
		return g_strdup_printf("%s is not a bridge of Linux's own: on no other can desktops be kept "
		                       "from pretending to be others",
			card->bridge);
	return card->vlan > 0 ? why_no_vlan(card, folder, libvirt_version) : NULL;
}

static gboolean
ensure_bridge(virConnectPtr connection, const NetworkCard *card, GError **error)
{
	g_autofree char *uri = virConnectGetURI(connection);
	g_autofree char *why = NULL;
	gulong version = 0;

	virConnectGetLibVersion(connection, &version);
	if (uri && strstr(uri, ":///") != NULL)
		why = network_why_no_bridge(card, NETWORK_CLASSES, version);
	else if (card->vlan > 0)
		why = g_strdup("whether a bridge of another host looks at VLANs cannot be seen from here: "
		               "use Mode=bridge, with a bridge "
		               "that is in the VLAN");
	if (why != NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "[Network]: %s", why);
		return FALSE;
	}
	return network_filter_ensure(connection, card->filter, NULL, 0, error);
}

gboolean
network_ensure(virConnectPtr connection, const NetworkCard *card, GError **error)
{
	static GMutex making; /* two workers must not make it at once */
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&making);

	return card->network ? ensure_network(connection, card, error)
	                     : ensure_bridge(connection, card, error);
}

void
network_set_error(const NetworkCard *card, const char *what, GError **error)
{
	static const struct {
		const char *word, *advice;
	} hints[] = {
		{"(tc ",
	                "RateUp= and RateDown= need the kernel's traffic control: its modules sch_htb, "
	                "sch_sfq, sch_ingress, cls_fw, cls_u32 "
	                "and act_police"},
		{"ebtables",
	                "the filter of its network card needs ebtables, and the kernel's nf_tables of "
	                "bridges or ebtables"},
	};
	const char *message = virGetLastErrorMessage();
	const char *advice = NULL;

	for (gsize i = 0; card && i < G_N_ELEMENTS(hints); i++) {
		if (strstr(message, hints[i].word) != NULL)
			advice = hints[i].advice;
	}
	g_autofree char *both = g_strdup_printf(
		"%s%s%s%s", what, advice ? " (" : "", advice ? advice : "", advice ? ")" : "");

	host_set_error(error, both);
}

gboolean
network_remove(virConnectPtr connection, const char *instance, GError **error)
{
	g_auto(GStrv) names = network_card_networks(instance);

	for (char **name = names; *name != NULL; name++) {
		g_autoptr(virNetwork) network = virNetworkLookupByName(connection, *name);

		if (network != NULL && virNetworkDestroy(network) < 0) {
			host_set_error(error, *name);
			return FALSE;
		}
	}
	return network_filters_remove(connection, instance, error);
}
