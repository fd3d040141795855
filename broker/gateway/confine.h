/* The gateway's sandbox. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/conf.h"

/* From here on the process can only: take connections on the ports that it has, connect to unix sockets, read its
 * configuration, its certificate and the web client, and write into its two folders. What it reads again later (at SIGHUP) has
 * to lie in the same folders. Before there are threads. Result and errors are sandbox_enter's. */
const char *confine(const Conf *conf, GError **error);
