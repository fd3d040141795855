/* What an admin adds to a desktop's devices. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Is @xml one or more whole elements, and nothing that could end the element that it is put into? FALSE: @why
 * says what is wrong (free with g_free). Comments, CDATA, declarations and processing instructions are
 * refused: parsers differ about them. */
gboolean xml_fragment_is_whole(const char *xml, char **why);
