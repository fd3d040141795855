/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/refusal.h"

#define BURST 20.0
#define PER_SECOND 2.0

gboolean
refusal_may_log(RefusalRate *rate, gint64 now, guint *left_out)
{
	if (rate->last == 0)
		rate->tokens = BURST;
	else
		rate->tokens = MIN(BURST, rate->tokens + (double)(now - rate->last) / G_USEC_PER_SEC * PER_SECOND);
	rate->last = now;
	if (rate->tokens < 1) {
		rate->left_out++;
		return FALSE;
	}
	rate->tokens -= 1;
	*left_out = rate->left_out;
	rate->left_out = 0;
	return TRUE;
}

void
refusal_log(const char *address, const char *format, ...)
{
	static RefusalRate rate;
	guint left_out;
	va_list args;

	if (!refusal_may_log(&rate, g_get_monotonic_time(), &left_out))
		return;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	if (left_out > 0)
		g_message("%s: %s (%u more lines like this were left out before)", address, text, left_out);
	else
		g_message("%s: %s", address, text);
}
