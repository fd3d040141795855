/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "broker/json-body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	JsonNode *body = json_body_parse((const char *)data, size, NULL);

	g_assert(body == NULL || JSON_NODE_HOLDS_OBJECT(body));
	json_body_free(body);
	return 0;
}
