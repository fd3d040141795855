/* A request's body: JSON from anyone, checked before it is parsed. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <json-glib/json-glib.h>

#define JSON_BODY_MAX (64 * 1024)
#define JSON_DEPTH_MAX 8

/* The object in @bytes, or NULL with INVALID: not UTF-8, too long, a NUL in it, nested too deeply, no JSON, or no object. Free with
 * json_body_free. */
JsonNode *json_body_parse(const char *bytes, gsize size, GError **error);

/* NULL is fine. */
void json_body_free(JsonNode *body);
