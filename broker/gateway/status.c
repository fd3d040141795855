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
	/* Builders and no dictionaries: these keep the order. */
	GVariantBuilder dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		g_variant_builder_add(&dict, "{sv}", rows[i].name, g_variant_new_int64(rows[i].value));
	g_variant_builder_add(&dict, "{sv}", "Unauthenticated",
		g_variant_new_printf("%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT, limits->unauthenticated_start,
			limits->unauthenticated_rate, limits->unauthenticated_full));
	g_variant_builder_add(&dict, "{sv}", "VncTlsPlain", g_variant_new_string(gateway->vnc_tls_plain ? "yes" : "no"));
	g_variant_builder_add(&dict, "{sv}", "ProxyFrom", g_variant_new_strv((const char *const *)conf->proxy_from, -1));
	return g_variant_builder_end(&dict);
}

static void
add_count(GVariantBuilder *dict, const char *key, guint n)
{
	g_variant_builder_add(dict, "{sv}", key, g_variant_new_uint32(n));
}

/* How many clients are in each stage: a static name → count. */
static GVariant *
stages_of(const Gateway *gateway)
{
	GVariantDict stages = G_VARIANT_DICT_INIT(NULL);
	GHashTableIter iter;
	gpointer client;

	g_hash_table_iter_init(&iter, gateway->clients);
	while (g_hash_table_iter_next(&iter, &client, NULL)) {
		const char *name = client_stage(client)->name;
		guint n = 0;

		g_variant_dict_lookup(&stages, name, "u", &n);
		g_variant_dict_insert(&stages, name, "u", n + 1);
	}
	return g_variant_dict_end(&stages);
}

static GVariant *
streams_of(const Gateway *gateway)
{
	static const char *const protocols[] = {"browser", "sound", "files", "SPICE", "VNC"};
	static const char *const keys[] = {"browser", "sound", "files", "spice", "vnc"};
	GVariantBuilder dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
	guint n[G_N_ELEMENTS(keys)] = {0};
	GHashTableIter iter;
	gpointer client;

	g_hash_table_iter_init(&iter, gateway->clients);
	while (g_hash_table_iter_next(&iter, &client, NULL)) {
		for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
			n[i] += g_strcmp0(relay_protocol(client), protocols[i]) == 0;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		add_count(&dict, keys[i], n[i]);
	return g_variant_builder_end(&dict);
}

static GVariant *
connections_of(const Gateway *gateway)
{
	GVariantBuilder dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

	add_count(&dict, "total", admission_total(gateway->admission));
	add_count(&dict, "unauthenticated", admission_strangers(gateway->admission));
	add_count(&dict, "addresses", admission_addresses(gateway->admission));
	g_variant_builder_add(&dict, "{sv}", "streams", streams_of(gateway));
	g_variant_builder_add(&dict, "{sv}", "stages", stages_of(gateway));
	return g_variant_builder_end(&dict);
}

static GVariant *
counters_of(void)
{
	GVariantBuilder dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
	GVariantBuilder refused = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

	for (int i = 0; i < COUNTERS; i++)
		g_variant_builder_add(&dict, "{sv}", counter_name(i), g_variant_new_uint64(counters[i]));
	for (int i = REFUSAL_NONE + 1; i < REFUSALS; i++)
		g_variant_builder_add(&refused, "{sv}", refusal_name(i), g_variant_new_uint64(refusal_count(i)));
	g_variant_builder_add(&dict, "{sv}", "refused", g_variant_builder_end(&refused));
	return g_variant_builder_end(&dict);
}

GVariant *
status_make(const Gateway *gateway, const Conf *conf)
{
	GVariantBuilder dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

	g_variant_builder_add(&dict, "{sv}", "limits", limits_of(gateway, conf));
	g_variant_builder_add(&dict, "{sv}", "connections", connections_of(gateway));
	g_variant_builder_add(&dict, "{sv}", "counters", counters_of());
	g_variant_builder_add(&dict, "{sv}", "sandbox", g_variant_new_string(gateway->sandbox));
	return g_variant_builder_end(&dict);
}
