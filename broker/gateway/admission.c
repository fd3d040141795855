/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/admission.h"

#include <netinet/in.h>
#include <string.h>

/* No IPv6 source begins so: ff00::/8 is multicast. */
#define IPV4 G_GUINT64_CONSTANT(0xff00000000000000)

struct Admission {
	const GatewayLimits *limits;
	guint total, strangers;
	GHashTable *networks; /* guint64 → count */
};

AddressKey
address_key(const struct sockaddr *address)
{
	AddressKey key = {0, TRUE};

	if (address->sa_family == AF_INET) {
		guint32 ip = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);

		key.is_counted = ip >> 24 != 127;
		key.network = IPV4 | ip;
	} else if (address->sa_family == AF_INET6) {
		const struct in6_addr *ip = &((const struct sockaddr_in6 *)address)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(ip)) {
			struct sockaddr_in mapped = {.sin_family = AF_INET};

			memcpy(&mapped.sin_addr, &ip->s6_addr[12], 4);
			return address_key((const struct sockaddr *)&mapped);
		}
		key.is_counted = !IN6_IS_ADDR_LOOPBACK(ip);
		memcpy(&key.network, ip->s6_addr, 8);
		key.network = GUINT64_FROM_BE(key.network);
	}
	return key;
}

Admission *
admission_new(const GatewayLimits *limits)
{
	Admission *admission = g_new0(Admission, 1);

	admission->limits = limits;
	admission->networks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	return admission;
}

void
admission_free(Admission *admission)
{
	if (admission == NULL)
		return;
	g_hash_table_unref(admission->networks);
	g_free(admission);
}

static guint
count_of(Admission *admission, AddressKey key)
{
	return key.is_counted ? GPOINTER_TO_UINT(g_hash_table_lookup(admission->networks, &key.network)) : 0;
}

static void
add(Admission *admission, AddressKey key, int change)
{
	guint count = count_of(admission, key) + (guint)change;

	if (!key.is_counted)
		return;
	if (count == 0)
		g_hash_table_remove(admission->networks, &key.network);
	else
		g_hash_table_insert(admission->networks, g_memdup2(&key.network, sizeof key.network), GUINT_TO_POINTER(count));
}

guint
admission_drop_percent(const GatewayLimits *limits, guint strangers)
{
	gint64 start = limits->unauthenticated_start, full = limits->unauthenticated_full, rate = limits->unauthenticated_rate;

	if (strangers < start)
		return 0;
	if (strangers >= full)
		return 100;
	return (guint)(rate + (100 - rate) * (strangers - start) / (full - start));
}

Refusal
admission_enter(Admission *admission, AdmissionPlace *place, AddressKey key, guint dice)
{
	if (admission->total >= admission->limits->connections)
		return REFUSAL_CONNECTIONS;
	if (count_of(admission, key) >= admission->limits->connections_per_address)
		return REFUSAL_CONNECTIONS_PER_ADDRESS;
	if (dice < admission_drop_percent(admission->limits, admission->strangers))
		return REFUSAL_UNAUTHENTICATED;
	*place = (AdmissionPlace){key, STANDING_STRANGER};
	admission->total++;
	admission->strangers++;
	add(admission, key, 1);
	return REFUSAL_NONE;
}

Refusal
admission_move(Admission *admission, AdmissionPlace *place, AddressKey key)
{
	gboolean full = count_of(admission, key) >= admission->limits->connections_per_address;

	g_assert(place->standing == STANDING_STRANGER);
	add(admission, place->key, -1);
	add(admission, key, 1);
	place->key = key;
	return full ? REFUSAL_CONNECTIONS_PER_ADDRESS : REFUSAL_NONE;
}

void
admission_rise(Admission *admission, AdmissionPlace *place, Standing standing)
{
	if (place->standing >= standing)
		return;
	if (place->standing == STANDING_STRANGER)
		admission->strangers--;
	if (standing == STANDING_GRANTED)
		add(admission, place->key, -1);
	place->standing = standing;
}

void
admission_leave(Admission *admission, const AdmissionPlace *place)
{
	AdmissionPlace last = *place;

	admission_rise(admission, &last, STANDING_GRANTED);
	admission->total--;
}

guint
admission_total(const Admission *admission)
{
	return admission->total;
}

guint
admission_strangers(const Admission *admission)
{
	return admission->strangers;
}

guint
admission_addresses(const Admission *admission)
{
	return g_hash_table_size(admission->networks);
}
