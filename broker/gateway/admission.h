/* Who may come in: connections are counted in all, by address, and while nothing has said who they are.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/socket.h>

#include "broker/common/conf.h"
#include "broker/gateway/refusal.h"

typedef struct Admission Admission;

/* An address as it is counted: an IPv4 address, or the /64 of an IPv6 one (a single host owns that many). */
typedef struct {
	guint64 network;
	gboolean is_counted; /* FALSE: loopback; a proxy on this host brings everybody's connections */
} AddressKey;

AddressKey address_key(const struct sockaddr *address);

/* What a connection has shown of itself. Only upwards. */
typedef enum {
	STANDING_STRANGER,  /* nothing: counts as unauthenticated, and for its address */
	STANDING_SIGNED_IN, /* the broker knows its session: counts for its address */
	STANDING_GRANTED,   /* a desktop: counts in all alone, so that an office behind one address is not limited to a few */
} Standing;

/* A connection's place in the counts; its fields are the module's. */
typedef struct {
	AddressKey key;
	Standing standing;
} AdmissionPlace;

/* @limits is read at each question, so what changes there counts from then on. It outlives the result. */
Admission *admission_new(const GatewayLimits *limits);
void admission_free(Admission *admission);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Admission, admission_free)

/* REFUSAL_NONE when one more stranger may come in, and then *@place counts it until admission_leave; else the limit that
 * stands against it. @dice: 0 to 99, of the early random drop. */
Refusal admission_enter(Admission *admission, AdmissionPlace *place, AddressKey key, guint dice);
void admission_leave(Admission *admission, const AdmissionPlace *place);

/* The connection turned out to come from another address (a proxy said so). REFUSAL_NONE, or the limit of that address; it is
 * counted there either way. */
Refusal admission_move(Admission *admission, AdmissionPlace *place, AddressKey key);

/* No effect when it stands that high already. */
void admission_rise(Admission *admission, AdmissionPlace *place, Standing standing);

guint admission_total(const Admission *admission);
guint admission_strangers(const Admission *admission);
guint admission_addresses(const Admission *admission); /* from which anything is counted now */

/* How many of a hundred newcomers are turned away while there are @strangers: none below START, RATE percent there, rising
 * evenly to all of them at FULL. This is "early random drop" as sshd's MaxStartups does it: an attacker who takes every place
 * that falls free must still share it with the others. */
guint admission_drop_percent(const GatewayLimits *limits, guint strangers);
