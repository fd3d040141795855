/* org.carrel.Broker1.Gateway, for carrel-gateway. Everything in a call came from the network.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

/* Listens on broker/gateway.sock for [Users] Gateway=, root, and whoever runs the broker. */
GatewayService *gateway_service_new(Broker *broker, GError **error);
void gateway_service_free(GatewayService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GatewayService, gateway_service_free)

guint gateway_service_n_connected(const GatewayService *service);

/* The signal EndStreams, to all gateways. */
void gateway_service_end_streams(GatewayService *service, const char *desktop, guint16 code);
