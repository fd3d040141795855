/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/setting-value.h"

#include <errno.h>
#include <string.h>

#define VALUE_MAX 4096
#define LIST_MAX  256

static gboolean
parse_number(const char *text, gint64 *number, const char **rest)
{
	char *end;

	if (!g_ascii_isdigit(*text))
		return FALSE;
	errno = 0;
	*number = g_ascii_strtoll(text, &end, 10);
	*rest = end;
	return errno == 0;
}

typedef struct {
	const char *suffix;
	gint64 factor;
} Unit;

static const Unit size_units[] = {{"", 1}, {"K", G_GINT64_CONSTANT(1) << 10}, {"M", G_GINT64_CONSTANT(1) << 20},
	{"G", G_GINT64_CONSTANT(1) << 30}, {"T", G_GINT64_CONSTANT(1) << 40}, {NULL, 0}};
static const Unit rate_units[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0}};
static const Unit time_units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0}};
static const Unit no_units[] = {{"", 1}, {NULL, 0}};

static gboolean
parse_scaled(const char *text, const Unit *units, gint64 *value)
{
	gint64 number;
	const char *rest;

	if (!parse_number(text, &number, &rest))
		return FALSE;
	if (number == 0 && *rest == '\0') {
		*value = 0;
		return TRUE;
	}
	for (; units->suffix != NULL; units++) {
		if (strcmp(units->suffix, rest) == 0)
			return !__builtin_mul_overflow(number, units->factor, value);
	}
	return FALSE;
}

static char *
format_scaled(gint64 value, const Unit *units)
{
	const Unit *best = units;

	for (const Unit *unit = units; unit->suffix != NULL; unit++) {
		if (value != 0 && value % unit->factor == 0)
			best = unit;
	}
	return g_strdup_printf("%" G_GINT64_FORMAT "%s", value / best->factor, value != 0 ? best->suffix : "");
}

static gboolean
is_name(const char *text)
{
	if (!g_ascii_isalnum(*text) || strlen(text) > 64)
		return FALSE;
	for (; *text != '\0'; text++) {
		if (!g_ascii_isalnum(*text) && strchr("._@-", *text) == NULL)
			return FALSE;
	}
	return TRUE;
}

static gboolean
is_printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if (g_ascii_iscntrl(*text))
			return FALSE;
	}
	return TRUE;
}

static const struct {
	const Unit *units;
	const char *form;
} scales[] = {
	[SETTING_INT] = {no_units, "a whole number"},
	[SETTING_SIZE] = {size_units, "a size such as 512M or 4G"},
	[SETTING_RATE] = {rate_units, "a rate such as 500k or 10M, in bits a second"},
	[SETTING_DURATION] = {time_units, "a time such as 90s, 30min, 8h or 1d"},
};

static gboolean
parse_scaled_setting(const Setting *setting, const char *text, void *field, char **why)
{
	const Unit *units = scales[setting->kind].units;
	gboolean bounded = setting->min != 0 || setting->max != 0;
	gint64 value;

	if (!parse_scaled(text, units, &value)) {
		*why = g_strdup_printf("“%s” is not %s", text, scales[setting->kind].form);
		return FALSE;
	}
	if (bounded && (value < setting->min || value > setting->max)) {
		g_autofree char *min = format_scaled(setting->min, units);
		g_autofree char *max = format_scaled(setting->max, units);

		*why = g_strdup_printf("%s is out of range: %s to %s", text, min, max);
		return FALSE;
	}
	*(gint64 *)field = value;
	return TRUE;
}

static gboolean
parse_enum(const Setting *setting, const char *text, int *field, char **why)
{
	for (int i = 0; setting->words[i] != NULL; i++) {
		if (strcmp(setting->words[i], text) == 0) {
			*field = i;
			return TRUE;
		}
	}
	g_autofree char *all = g_strjoinv(", ", (char **)setting->words);
	const char *near = settings_nearest(text, setting->words);

	*why = near ? g_strdup_printf("“%s” is not one of: %s. Did you mean %s?", text, all, near)
		    : g_strdup_printf("“%s” is not one of: %s", text, all);
	return FALSE;
}

static gboolean
parse_list(const char *text, char ***field, char **why)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", LIST_MAX + 1);
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	if (g_strv_length(parts) > LIST_MAX) {
		*why = g_strdup_printf("has more than %d items", LIST_MAX);
		return FALSE;
	}
	for (char **part = parts; *part != NULL; part++) {
		if (*g_strstrip(*part) != '\0')
			g_strv_builder_add(builder, *part);
	}
	*field = g_strv_builder_end(builder);
	return TRUE;
}

static gboolean
parse_text(const Setting *setting, const char *text, char **field, char **why)
{
	if (setting->kind == SETTING_NAME && !is_name(text)) {
		*why = g_strdup_printf("“%s” is not a name: letters, digits and . _ @ - (64 at most)", text);
		return FALSE;
	}
	if (setting->kind == SETTING_PATH && !g_path_is_absolute(text)) {
		*why = g_strdup_printf("“%s” is not an absolute path", text);
		return FALSE;
	}
	*field = g_strdup(text);
	return TRUE;
}

void
setting_value_clear(const Setting *setting, void *target)
{
	void *field = (char *)target + setting->offset;

	switch (setting->kind) {
	case SETTING_STRING:
	case SETTING_NAME:
	case SETTING_PATH:
		g_clear_pointer((char **)field, g_free);
		break;
	case SETTING_LIST:
		g_clear_pointer((char ***)field, g_strfreev);
		break;
	case SETTING_BOOL:
	case SETTING_ENUM:
		*(int *)field = 0;
		break;
	case SETTING_INT:
	case SETTING_SIZE:
	case SETTING_RATE:
	case SETTING_DURATION:
		*(gint64 *)field = 0;
		break;
	}
}

gboolean
setting_value_parse(const Setting *setting, const char *text, void *target, char **why)
{
	void *field = (char *)target + setting->offset;

	if (strlen(text) > VALUE_MAX || !is_printable(text)) {
		*why = g_strdup_printf("is longer than %d bytes or has control characters", VALUE_MAX);
		return FALSE;
	}
	switch (setting->kind) {
	case SETTING_STRING:
	case SETTING_NAME:
	case SETTING_PATH:
		return parse_text(setting, text, field, why);
	case SETTING_LIST:
		return parse_list(text, field, why);
	case SETTING_BOOL:
		if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
			*why = g_strdup_printf("“%s” is neither yes nor no", text);
			return FALSE;
		}
		*(gboolean *)field = *text == 'y';
		return TRUE;
	case SETTING_ENUM:
		return parse_enum(setting, text, field, why);
	case SETTING_INT:
	case SETTING_SIZE:
	case SETTING_RATE:
	case SETTING_DURATION:
		return parse_scaled_setting(setting, text, field, why);
	}
	g_assert_not_reached();
}

void
setting_value_copy(const Setting *setting, void *to, const void *from)
{
	gsize size = setting->kind == SETTING_BOOL || setting->kind == SETTING_ENUM ? sizeof(int) : sizeof(gint64);

	g_assert(setting->kind >= SETTING_BOOL);
	memcpy((char *)to + setting->offset, (const char *)from + setting->offset, size);
}

char *
settings_value_text(const Setting *setting, const void *target)
{
	const void *field = (const char *)target + setting->offset;

	switch (setting->kind) {
	case SETTING_STRING:
	case SETTING_NAME:
	case SETTING_PATH:
		return g_strdup(*(char *const *)field ? *(char *const *)field : "");
	case SETTING_LIST:
		return *(char **const *)field ? g_strjoinv(", ", *(char **const *)field) : g_strdup("");
	case SETTING_BOOL:
		return g_strdup(*(const gboolean *)field ? "yes" : "no");
	case SETTING_ENUM:
		return g_strdup(setting->words[*(const int *)field]);
	case SETTING_INT:
	case SETTING_SIZE:
	case SETTING_RATE:
	case SETTING_DURATION:
		return format_scaled(*(const gint64 *)field, scales[setting->kind].units);
	}
	g_assert_not_reached();
}
