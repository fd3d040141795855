/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/rfb-client.h"

#include <string.h>

#define SECURITY_NONE 1

enum { AWAIT_VERSION, AWAIT_COUNT, AWAIT_TYPES, AWAIT_RESULT };

gsize
rfb_client_wanted(const RfbClient *client)
{
	static const gsize sizes[] = {[AWAIT_VERSION] = 12, [AWAIT_COUNT] = 1, [AWAIT_RESULT] = 4};

	return client->state == AWAIT_TYPES ? client->n_types : sizes[client->state];
}

RfbClientResult
rfb_client_feed(RfbClient *client, const guint8 *bytes)
{
	static const char version[] = "RFB 003.008\n";

	client->output_size = 0;
	switch (client->state) {
	case AWAIT_VERSION:
		if (memcmp(bytes, version, 12) != 0)
			return RFB_CLIENT_BAD;
		memcpy(client->output, version, 12);
		client->output_size = 12;
		client->state = AWAIT_COUNT;
		return RFB_CLIENT_MORE;
	case AWAIT_COUNT:
		client->n_types = bytes[0];
		client->state = AWAIT_TYPES;
		return bytes[0] > 0 ? RFB_CLIENT_MORE : RFB_CLIENT_BAD;
	case AWAIT_TYPES:
		if (memchr(bytes, SECURITY_NONE, client->n_types) == NULL)
			return RFB_CLIENT_BAD;
		client->output[0] = SECURITY_NONE;
		client->output_size = 1;
		client->state = AWAIT_RESULT;
		return RFB_CLIENT_MORE;
	default:
		return memcmp(bytes, "\0\0\0\0", 4) == 0 ? RFB_CLIENT_DONE : RFB_CLIENT_BAD;
	}
}
