/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/refusal.h"

#include "broker/common/log.h"

void
refusal_log(const char *address, const char *format, ...)
{
	static LogRate rate;
	guint left_out;
	va_list args;

	if (!log_rate_take(&rate, g_get_monotonic_time(), &left_out))
		return;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	if (left_out > 0)
		g_message("%s: %s (%u more lines like this were left out before)", address, text, left_out);
	else
		g_message("%s: %s", address, text);
}
