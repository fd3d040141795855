/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/error.h"

static const GDBusErrorEntry entries[] = {
	{CARREL_ERROR_FAILED, "org.carrel.Error.Failed"},
	{CARREL_ERROR_BUSY, "org.carrel.Error.Busy"},
	{CARREL_ERROR_EXHAUSTED, "org.carrel.Error.Exhausted"},
	{CARREL_ERROR_DENIED, "org.carrel.Error.Denied"},
	{CARREL_ERROR_NOT_FOUND, "org.carrel.Error.NotFound"},
	{CARREL_ERROR_TIMEOUT, "org.carrel.Error.Timeout"},
	{CARREL_ERROR_CONFIG, "org.carrel.Error.Config"},
	{CARREL_ERROR_PROTOCOL, "org.carrel.Error.Protocol"},
	{CARREL_ERROR_INVALID, "org.carrel.Error.Invalid"},
};
G_STATIC_ASSERT(G_N_ELEMENTS(entries) == CARREL_ERROR_N_CODES);

static const char *const words[] = {"failed", "busy", "exhausted", "denied", "not-found", "timeout", "config",
	"protocol", "invalid"};
G_STATIC_ASSERT(G_N_ELEMENTS(words) == CARREL_ERROR_N_CODES);

GQuark
carrel_error_quark(void)
{
	static gsize quark;

	g_dbus_error_register_error_domain("carrel-error-quark", &quark, entries, G_N_ELEMENTS(entries));
	return (GQuark)quark;
}

const char *
carrel_error_word(CarrelErrorCode code)
{
	return (guint)code < G_N_ELEMENTS(words) ? words[code] : words[CARREL_ERROR_FAILED];
}

void
carrel_error_wrap(GError **error, GError *source, CarrelErrorCode code, const char *format, ...)
{
	if (source == NULL)
		return;
	va_list args;
	va_start(args, format);
	g_autofree char *prefix = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, CARREL_ERROR, code, "%s: %s", prefix, source->message);
	g_error_free(source);
}
