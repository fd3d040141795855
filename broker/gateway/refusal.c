/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/refusal.h"

#include "broker/common/log.h"

void
refusal_log(const char *address, const char *format, ...)
{
	static LogRate rate;
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	log_refusal(&rate, address, text);
}
