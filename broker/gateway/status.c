/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/status.h"

#include "broker/gateway/admission.h"
#include "broker/gateway/client.h"
#include "broker/gateway/counters.h"
#include "broker/gateway/relay.h"

static GVariant *
limits_of(const Gateway *gateway, const Conf *conf)
{
	const GatewayLimits *limits = &gateway->limits;
	const struct {
		const char *name;
		gint64 value;
	} rows[] = {{"Connections", limits->connections}, {"ConnectionsPerAddress", limits->connections_per_address},
		{"HandshakeTimeout", limits->handshake_timeout}, {"HeadTimeout", limits->head_timeout},
		{"HeadSize", limits->head_size}, {"BodyTimeout", limits->body_timeout}, {"BodySize", limits->body_size},
		{"BodyMemory", limits->body_memory}, {"KeepAliveTimeout", limits->keep_alive_timeout},
		{"SignInTimeout", limits->sign_in_timeout}, {"WriteTimeout", limits->write_timeout},
		{"FrameSize", limits->frame_size}, {"PingInterval", limits->ping_interval}, {"RelayBuffer", limits->relay_buffer}};
	GVariantDict dict = G_VARIANT_DICT_INIT(NULL);
	g_autofree char *unauthenticated = g_strdup_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT,
		limits->unauthenticated_start, limits->unauthenticated_rate, limits->unauthenticated_full);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		g_variant_dict_insert(&dict, rows[i].name, "x", rows[i].value);
	g_variant_dict_insert(&dict, "Unauthenticated", "s", unauthenticated);
	g_variant_dict_insert(&dict, "ProxyFrom", "^as", conf->proxy_from);
	return g_variant_dict_end(&dict);
}

static void
add_one(GVariantDict *dict, const char *key)
{
	guint n = 0;

	g_variant_dict_lookup(dict, key, "u", &n);
	g_variant_dict_insert(dict, key, "u", n + 1);
}

static GVariant *
connections_of(const Gateway *gateway)
{
	GVariantDict dict = G_VARIANT_DICT_INIT(NULL), streams = G_VARIANT_DICT_INIT(NULL), stages = G_VARIANT_DICT_INIT(NULL);
	static const char *const protocols[] = {"browser", "spice", "vnc"};
	GHashTableIter iter;
	gpointer client;

	for (gsize i = 0; i < G_N_ELEMENTS(protocols); i++)
		g_variant_dict_insert(&streams, protocols[i], "u", 0);
	g_hash_table_iter_init(&iter, gateway->clients);
	while (g_hash_table_iter_next(&iter, &client, NULL)) {
		const char *protocol = relay_protocol(client);
		g_autofree char *key = protocol ? g_ascii_strdown(protocol, -1) : NULL;

		if (key)
			add_one(&streams, key);
		add_one(&stages, client_stage(client)->name);
	}
	g_variant_dict_insert(&dict, "total", "u", admission_total(gateway->admission));
	g_variant_dict_insert(&dict, "unauthenticated", "u", admission_strangers(gateway->admission));
	g_variant_dict_insert(&dict, "addresses", "u", admission_addresses(gateway->admission));
	g_variant_dict_insert_value(&dict, "streams", g_variant_dict_end(&streams));
	g_variant_dict_insert_value(&dict, "stages", g_variant_dict_end(&stages));
	return g_variant_dict_end(&dict);
}

static GVariant *
counters_of(void)
{
	GVariantDict dict = G_VARIANT_DICT_INIT(NULL), refused = G_VARIANT_DICT_INIT(NULL);

	for (int i = 0; i < COUNTERS; i++)
		g_variant_dict_insert(&dict, counter_name(i), "t", counters[i]);
	for (int i = REFUSAL_NONE + 1; i < REFUSALS; i++)
		g_variant_dict_insert(&refused, refusal_name(i), "t", refusal_count(i));
	g_variant_dict_insert_value(&dict, "refused", g_variant_dict_end(&refused));
	return g_variant_dict_end(&dict);
}

GVariant *
status_make(const Gateway *gateway, const Conf *conf)
{
	GVariantDict dict = G_VARIANT_DICT_INIT(NULL);

	g_variant_dict_insert_value(&dict, "limits", limits_of(gateway, conf));
	g_variant_dict_insert_value(&dict, "connections", connections_of(gateway));
	g_variant_dict_insert_value(&dict, "counters", counters_of());
	return g_variant_dict_end(&dict);
}
