/* Who carries out which request. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"

/* Carries out the client's request: answers it, or sees to it that it is answered later, or takes the client to another
 * stage. */
void http_route(Client *client);
