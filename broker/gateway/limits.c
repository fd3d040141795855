/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/limits.h"

#include <netinet/in.h>
#include <string.h>

struct Limits {
	guint total, each, count;
	GHashTable *networks; /* guint64 → count */
};

LimitsKey
limits_key(const struct sockaddr *address)
{
	LimitsKey key = {0, TRUE};

	if (address->sa_family == AF_INET) {
		guint32 ip = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);

		key.is_counted = ip >> 24 != 127;
		key.network = ip;
	} else if (address->sa_family == AF_INET6) {
		const struct in6_addr *ip = &((const struct sockaddr_in6 *)address)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(ip)) {
			struct sockaddr_in mapped = {.sin_family = AF_INET};

			memcpy(&mapped.sin_addr, &ip->s6_addr[12], 4);
			return limits_key((const struct sockaddr *)&mapped);
		}
		key.is_counted = !IN6_IS_ADDR_LOOPBACK(ip);
		memcpy(&key.network, ip->s6_addr, 8);
	}
	return key;
}

Limits *
limits_new(guint total, guint each)
{
	Limits *limits = g_new0(Limits, 1);

	limits->total = total;
	limits->each = each;
	limits->networks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	return limits;
}

void
limits_free(Limits *limits)
{
	if (limits == NULL)
		return;
	g_hash_table_unref(limits->networks);
	g_free(limits);
}

static guint
count_of(Limits *limits, LimitsKey key)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(limits->networks, &key.network));
}

static void
set_count(Limits *limits, LimitsKey key, guint count)
{
	if (count == 0)
		g_hash_table_remove(limits->networks, &key.network);
	else
		g_hash_table_insert(limits->networks, g_memdup2(&key.network, sizeof key.network), GUINT_TO_POINTER(count));
}

const char *
limits_enter(Limits *limits, LimitsKey key)
{
	if (limits->count >= limits->total)
		return "too many connections in all";
	if (key.is_counted) {
		guint count = count_of(limits, key);

		if (count >= limits->each)
			return "too many connections from this address";
		set_count(limits, key, count + 1);
	}
	limits->count++;
	return NULL;
}

void
limits_admit(Limits *limits, LimitsKey key)
{
	if (key.is_counted)
		set_count(limits, key, count_of(limits, key) - 1);
}

void
limits_leave(Limits *limits, LimitsKey key, gboolean admitted)
{
	limits->count--;
	if (!admitted)
		limits_admit(limits, key);
}
