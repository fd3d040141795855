/* One value of a key file: from its text to its field of a struct, and back (settings_value_text, in settings.h).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/settings.h"

/* Into @setting's field of @target, which must be clear. FALSE: it is not what it may be, and *@why is a clause that says so and what
 * would be right (free with g_free); the field stays clear. Where @setting has a check() of its own, that is the caller's to call. */
gboolean setting_value_parse(const Setting *setting, const char *text, void *target, char **why);

/* Frees what is in the field, and zeroes it. */
void setting_value_clear(const Setting *setting, void *target);

/* Of a number, a word, or yes or no. */
void setting_value_copy(const Setting *setting, void *to, const void *from);
