/* What the gateway tells of itself: limits, connections, counters. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/gateway.h"

/* The answer to org.carrel.Gateway1.GetStatus, floating. @conf: the file that is in force. */
GVariant *status_make(const Gateway *gateway, const Conf *conf);
