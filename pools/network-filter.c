/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/network-filter.h"

#include "broker/common/error.h"
#include "pools/host.h"

#include <libvirt/virterror.h>
#include <string.h>

static const char *const kind_words[FILTER_N_KINDS] = {"nat", "bridge", "bridge-ipv6", "isolated", "closed"};

char *
network_filter_name(const char *instance, FilterKind kind)
{
	return g_strconcat(instance, "-", kind_words[kind], NULL);
}

static FilterKind
kind_of(const char *name)
{
	FilterKind kind = 0;

	while (kind + 1 < FILTER_N_KINDS && !g_str_has_suffix(name, kind_words[kind]))
		kind++;
	return kind;
}

/* libvirt wants a filter that is defined again to have the UUID that it had. */
static char *
uuid_of(const char *name)
{
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);

	return g_strdup_printf(
		"%.8s-%.4s-4%.3s-8%.3s-%.12s", digest, digest + 8, digest + 12, digest + 15, digest + 18);
}

typedef struct {
	GString *xml;
	guint priority; /* the first rule that matches decides */
} Rules;

/* @match: an element of libvirt's rules, of constants only. */
static void
add(Rules *rules, const char *direction, const char *action, const char *match)
{
	g_string_append_printf(rules->xml, "<rule action='%s' direction='%s' priority='%u'>%s</rule>", action,
		direction, ++rules->priority, match);
}

/* What all share: a card is who it is. What is sent by another's hardware address is dropped before anything
 * is accepted. */
static void
add_identity(Rules *rules)
{
	add(rules, "out", "drop", "<mac match='no' srcmacaddr='$MAC'/>");
	add(rules, "out", "accept", "<arp arpsrcmacaddr='$MAC' arpsrcipaddr='$IP'/>");
	/* Is this address free? (RFC 5227, a probe) */
	add(rules, "out", "accept", "<arp opcode='Request' arpsrcmacaddr='$MAC' arpsrcipaddr='0.0.0.0'/>");
	add(rules, "in", "accept", "<arp/>");
}

static void
add_question_for_address(Rules *rules, const char *from, const char *to)
{
	g_autofree char *match = g_strdup_printf(
		"<ip srcipaddr='%s'%s protocol='udp' srcportstart='68' dstportstart='67'/>", from, to);

	add(rules, "out", "accept", match);
}

static void
add_own_subnet(Rules *rules, const char *host, guint prefix)
{
	g_autofree char *to_host = g_markup_printf_escaped("<ip srcipaddr='$IP' dstipaddr='%s'/>", host);
	g_autofree char *to_others =
		g_markup_printf_escaped("<ip dstipaddr='%s' dstipmask='%u'/>", host, prefix);

	/* Sent to the host's hardware address, a packet for a neighbour would be routed to it: the ports'
	 * isolation ends at layer 2. */
	add(rules, "out", "accept", to_host);
	add(rules, "out", "drop", to_others);
}

/* The kernel sees behind extension headers what a packet is, but not in a fragment other than the first, nor in
 * a first one that ends before that. All that is not seen to be one of these is dropped, and so are those, and
 * what another host might know better than the kernel how to read (RFC 7113). */
static void
add_ipv6(Rules *rules)
{
	static const char *const accepted[] = {
		/* all but a router's advertisements (134), redirects (137) and renumbering (138) */
		"protocol='icmpv6' type='0' typeend='133'",
		"protocol='icmpv6' type='135' typeend='136'",
		"protocol='icmpv6' type='139' typeend='255'",
		/* all but what goes to a DHCP client, which does not look from which port */
		"protocol='udp' dstportstart='0' dstportend='545'",
		"protocol='udp' dstportstart='547' dstportend='65535'",
		"protocol='tcp'",
		"protocol='esp'",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(accepted); i++) {
		g_autofree char *match = g_strdup_printf("<ipv6 %s/>", accepted[i]);

		add(rules, "out", "accept", match);
	}
	add(rules, "in", "accept", "<ipv6/>");
}

static void
add_rules(Rules *rules, FilterKind kind, const char *host, guint prefix)
{
	if (kind != FILTER_CLOSED) {
		add_identity(rules);
		add_question_for_address(rules, "0.0.0.0", " dstipaddr='255.255.255.255'");
	}
	if (kind == FILTER_ISOLATED) {
		add_question_for_address(rules, "$IP", "");
		add(rules, "in", "accept", "<ip protocol='udp' srcportstart='67' dstportstart='68'/>");
	} else if (kind != FILTER_CLOSED) {
		/* To a DHCP client, which does not look from which port. */
		add(rules, "out", "drop", "<ip protocol='udp' dstportstart='68'/>");
		if (kind == FILTER_NAT)
			add_own_subnet(rules, host, prefix);
		add(rules, "out", "accept", "<ip srcipaddr='$IP'/>");
		add(rules, "in", "accept", "<ip/>");
	}
	if (kind == FILTER_BRIDGE_IPV6)
		add_ipv6(rules);
	add(rules, "inout", "drop", "<mac/>");
}

char *
network_filter_xml(const char *name, FilterKind kind, const char *host, guint prefix)
{
	g_autofree char *uuid = uuid_of(name);
	g_autofree char *head =
		g_markup_printf_escaped("<filter name='%s' chain='root'><uuid>%s</uuid>", name, uuid);
	Rules rules = {g_string_new(head), 0};

	add_rules(&rules, kind, host, prefix);
	g_string_append(rules.xml, "</filter>");
	return g_string_free(rules.xml, FALSE);
}

/* Defining one waits until libvirt starts no VM, so that is done once by a process, and again when it has
 * gone. */
static gboolean
is_defined(virConnectPtr connection, GHashTable *defined, const char *name, const char *xml)
{
	virNWFilterPtr filter = NULL;

	if (g_strcmp0(g_hash_table_lookup(defined, name), xml) == 0)
		filter = virNWFilterLookupByName(connection, name);
	if (filter)
		virNWFilterFree(filter);
	return filter != NULL;
}

gboolean
network_filter_ensure(
        virConnectPtr connection, const char *name, const char *host, guint prefix, GError **error)
{
	static GMutex lock;
	static GHashTable *defined; /* name -> XML, of this process */
	g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&lock);
	g_autofree char *xml = network_filter_xml(name, kind_of(name), host, prefix);
	virNWFilterPtr filter;

	if (defined == NULL)
		defined = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (is_defined(connection, defined, name, xml))
		return TRUE;
	/* libvirt changes nothing, and no card that is in use, where it has just this one. */
	filter = virNWFilterDefineXML(connection, xml);
	if (filter == NULL && g_strcmp0(virConnectGetType(connection), "TEST") == 0)
		return TRUE; /* libvirt's test driver has no filters, and no guests */
	if (filter == NULL) {
		host_set_error(error,
			"the filter of the desktops' network cards, without which they get none "
			"(Debian: libvirt-daemon-driver-nwfilter and iptables, which brings ebtables; carrel "
			"doctor says "
			"what is missing)");
		return FALSE;
	}
	virNWFilterFree(filter);
	g_hash_table_insert(defined, g_strdup(name), g_steal_pointer(&xml));
	return TRUE;
}

gboolean
network_filters_remove(virConnectPtr connection, const char *instance, GError **error)
{
	for (FilterKind kind = 0; kind < FILTER_N_KINDS; kind++) {
		g_autofree char *name = network_filter_name(instance, kind);
		virNWFilterPtr filter = virNWFilterLookupByName(connection, name);
		gboolean gone = filter == NULL || virNWFilterUndefine(filter) == 0;

		if (!gone)
			host_set_error(error, name);
		if (filter)
			virNWFilterFree(filter);
		if (!gone)
			return FALSE;
	}
	return TRUE;
}
