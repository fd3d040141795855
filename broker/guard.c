/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/guard.h"

#include <string.h>

#include "broker/failures.h"
#include "broker/store/origins.h"

#define KNOWN_S (30 * 86400)
#define FORGIVE_S 300
/* About 2 MiB each when full. */
#define KEYS_MAX 16384

struct Guard {
	Store *store;
	gint64 (*now)(void);
	Failures *origins, *users, *pairs; /* pairs: ORIGIN, a blank, USER */
};

Guard *
guard_new(Store *store, const GuardRules *rules)
{
	Guard *guard = g_new0(Guard, 1);
	FailureRules failures = {rules->free_failures, rules->address_wait_max, FORGIVE_S, KEYS_MAX, rules->now};

	guard->store = store;
	guard->now = rules->now;
	guard->origins = failures_new(&failures);
	failures.penalty_max = rules->user_delay_max;
	guard->users = failures_new(&failures);
	guard->pairs = failures_new(&failures);
	return guard;
}

void
guard_free(Guard *guard)
{
	if (guard == NULL)
		return;
	failures_free(guard->origins);
	failures_free(guard->users);
	failures_free(guard->pairs);
	g_free(guard);
}

static char *
origin_of(const char *text)
{
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text), network = NULL;
	guint8 bytes[16] = {0};

	if (address == NULL || g_inet_address_get_family(address) != G_SOCKET_FAMILY_IPV6)
		return g_strdup(text);
	memcpy(bytes, g_inet_address_to_bytes(address), 8);
	network = g_inet_address_new_from_bytes(bytes, G_SOCKET_FAMILY_IPV6);
	g_autofree char *prefix = g_inet_address_to_string(network);

	return g_strconcat(prefix, "/64", NULL);
}

Attempt *
attempt_new(Guard *guard, const char *user, const char *address)
{
	Attempt *attempt = g_new0(Attempt, 1);

	attempt->origin = origin_of(address);
	attempt->user = g_utf8_casefold(user, -1);
	attempt->known = origin_is_known(guard->store, attempt->user, attempt->origin, guard->now() - KNOWN_S);
	return attempt;
}

void
attempt_free(Attempt *attempt)
{
	if (attempt == NULL)
		return;
	g_free(attempt->origin);
	g_free(attempt->user);
	g_free(attempt);
}

static char *
pair_of(const Attempt *attempt)
{
	return g_strconcat(attempt->origin, " ", attempt->user, NULL);
}

gint64
guard_wait(Guard *guard, const Attempt *attempt)
{
	return attempt->known ? 0 : failures_wait(guard->origins, attempt->origin);
}

gint64
guard_delay(Guard *guard, const Attempt *attempt)
{
	g_autofree char *pair = pair_of(attempt);

	return attempt->known ? failures_penalty(guard->pairs, pair) : failures_penalty(guard->users, attempt->user);
}

gboolean
guard_is_suspect(Guard *guard, const Attempt *attempt)
{
	return !attempt->known && failures_is_suspect(guard->origins, attempt->origin);
}

void
guard_denied(Guard *guard, const Attempt *attempt)
{
	g_autofree char *pair = pair_of(attempt);

	failures_add(guard->origins, attempt->origin);
	if (attempt->known)
		failures_add(guard->pairs, pair);
	else
		failures_add(guard->users, attempt->user);
}

void
guard_accepted(Guard *guard, const Attempt *attempt)
{
	g_autoptr(GError) error = NULL;

	if (!origin_add(guard->store, attempt->user, attempt->origin, guard->now(), &error))
		g_warning("%s", error->message);
}

void
guard_forget_old(Guard *guard)
{
	g_autoptr(GError) error = NULL;

	if (!origins_delete_old(guard->store, guard->now() - KNOWN_S, &error))
		g_warning("%s", error->message);
}
