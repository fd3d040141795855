/* REST: below /api/v1/ the broker answers, the gateway only carries. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"

/* Sends the client's request to the broker and answers with what comes back: 503 when it is away, 504 when it takes longer
 * than 30 s. */
void api_forward(Client *client);
