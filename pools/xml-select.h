/* Looks things up in the XML that libvirt answers with. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* No document of libvirt's that we ask for is larger. */
#define XML_SELECT_MAX (8u << 20)

/* The text of every element at @path ("domainCapabilities/devices/graphics/enum/value"), or of the attribute behind "@"
 * ("capabilities/guest/arch/machine@canonical"; elements without it are left out), in document order. Names are compared
 * as written, with their prefix. Result: char *, freed by the array; empty when there is none, or when @xml is not well
 * formed or too large. */
GPtrArray *xml_select(const char *xml, const char *path);

/* The first of them, or NULL. Free with g_free. */
char *xml_select_one(const char *xml, const char *path);
