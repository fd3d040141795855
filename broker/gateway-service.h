/* org.carrel.Broker1.Gateway, for carrel-gateway. Everything in a call came from the network.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

/* Listens on broker/gateway.sock for [Users] Gateway=, root, and whoever runs the broker. */
GatewayService *gateway_service_new(Broker *broker, GError **error);
void gateway_service_free(GatewayService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GatewayService, gateway_service_free)

guint gateway_service_n_connected(const GatewayService *service);

/* org.carrel.Gateway1.GetStatus of the gateway that joined last, within 2 s. The result (a{sv}, full reference) comes from
 * another program that faces the network: its keys are not checked, its size is (64 KiB). BUSY when there is no gateway. */
void gateway_service_get_status(GatewayService *service, GAsyncReadyCallback callback, void *data);
GVariant *gateway_service_get_status_finish(GAsyncResult *result, GError **error);

/* The signal EndStreams, to all gateways. */
void gateway_service_end_streams(GatewayService *service, const char *desktop, guint16 code);
