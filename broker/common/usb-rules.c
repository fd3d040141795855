/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/usb-rules.h"

#include <string.h>

#define ANY (-1)

typedef struct {
	gboolean allow;
	int class, vendor, product; /* ANY, or the number */
} Rule;

struct UsbRules {
	gatomicrefcount refs;
	GArray *rules; /* Rule, first first */
};

typedef struct {
	const char *word;
	guint8 class;
} ClassWord;

/* A word may stand for several: a modem's data has a class of its own. */
static const ClassWord class_words[] = {{"audio", 0x01}, {"comm", 0x02}, {"hid", 0x03}, {"image", 0x06}, {"printer", 0x07},
	{"storage", 0x08}, {"hub", 0x09}, {"comm", 0x0a}, {"smartcard", 0x0b}, {"security", 0x0d}, {"video", 0x0e}, {"health", 0x0f},
	{"av", 0x10}, {"diagnostic", 0xdc}, {"wireless", 0xe0}, {"application", 0xfe}, {"vendor", 0xff}};

static void
add_rule(UsbRules *rules, gboolean allow, int class, int vendor, int product)
{
	const Rule rule = {allow, class, vendor, product};

	g_array_append_val(rules->rules, rule);
}

static gboolean
add_class_word(UsbRules *rules, gboolean allow, const char *word)
{
	gboolean found = FALSE;

	for (gsize i = 0; i < G_N_ELEMENTS(class_words); i++) {
		if (strcmp(class_words[i].word, word) == 0) {
			add_rule(rules, allow, class_words[i].class, ANY, ANY);
			found = TRUE;
		}
	}
	return found;
}

/* Exactly @digits of them, with nothing behind but @end. */
static gboolean
take_hex(const char **text, guint digits, char end, int *value)
{
	const char *at = *text;

	*value = 0;
	for (guint i = 0; i < digits; i++, at++) {
		if (!g_ascii_isxdigit(*at))
			return FALSE;
		*value = *value * 16 + g_ascii_xdigit_value(*at);
	}
	if (*at != end)
		return FALSE;
	*text = at + (end != '\0');
	return TRUE;
}

static gboolean
add_what(UsbRules *rules, gboolean allow, const char *what)
{
	const char *hex = what + 2, *ids = what;
	int class, vendor, product = ANY;

	if (strcmp(what, "all") == 0) {
		add_rule(rules, allow, ANY, ANY, ANY);
		return TRUE;
	}
	if (g_str_has_prefix(what, "0x") && take_hex(&hex, 2, '\0', &class)) {
		add_rule(rules, allow, class, ANY, ANY);
		return TRUE;
	}
	if (take_hex(&ids, 4, ':', &vendor) && (strcmp(ids, "*") == 0 || take_hex(&ids, 4, '\0', &product))) {
		add_rule(rules, allow, ANY, vendor, product);
		return TRUE;
	}
	return add_class_word(rules, allow, what);
}

static char *
known_words(void)
{
	GString *text = g_string_new(NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(class_words); i++) {
		if (strstr(text->str, class_words[i].word) == NULL)
			g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", class_words[i].word);
	}
	return g_string_free(text, FALSE);
}

static gboolean
add_item(UsbRules *rules, const char *item, char **why)
{
	const char *what = strchr(item, ' ');
	gsize length = what ? (gsize)(what - item) : strlen(item);
	gboolean allow = length == 5 && strncmp(item, "allow", length) == 0;
	g_autofree char *words = NULL;

	if (!allow && (length != 4 || strncmp(item, "deny", length) != 0)) {
		*why = g_strdup_printf("“%s” is no rule: it begins with “allow” or “deny”, as “allow audio” or “deny 1234:*”", item);
		return FALSE;
	}
	while (what && *what == ' ')
		what++;
	if (what && add_what(rules, allow, what))
		return TRUE;
	words = known_words();
	*why = g_strdup_printf("“%s” names no devices: it is a class (%s, or 0xNN), VENDOR:PRODUCT or VENDOR:* in four hexadecimal digits "
			       "each, or all",
		item, words);
	return FALSE;
}

UsbRules *
usb_rules_new(const char *const *items, char **why)
{
	g_autoptr(UsbRules) rules = g_new0(UsbRules, 1);

	g_atomic_ref_count_init(&rules->refs);
	rules->rules = g_array_new(FALSE, FALSE, sizeof(Rule));
	for (; *items != NULL; items++) {
		if (!add_item(rules, *items, why))
			return NULL;
		if (rules->rules->len > USB_RULES_MAX) {
			*why = g_strdup_printf("has more than %d rules", USB_RULES_MAX);
			return NULL;
		}
	}
	return g_steal_pointer(&rules);
}

UsbRules *
usb_rules_ref(UsbRules *rules)
{
	g_atomic_ref_count_inc(&rules->refs);
	return rules;
}

void
usb_rules_unref(UsbRules *rules)
{
	if (rules == NULL || !g_atomic_ref_count_dec(&rules->refs))
		return;
	g_array_unref(rules->rules);
	g_free(rules);
}

static gboolean
fits(int wanted, int value)
{
	return wanted == ANY || wanted == value;
}

gboolean
usb_rules_allow(const UsbRules *rules, guint8 class, guint16 vendor, guint16 product)
{
	for (guint i = 0; rules && i < rules->rules->len; i++) {
		const Rule *rule = &g_array_index(rules->rules, Rule, i);

		if (fits(rule->class, class) && fits(rule->vendor, vendor) && fits(rule->product, product))
			return rule->allow;
	}
	return FALSE;
}

static void
add_number(GString *text, int value, int digits)
{
	if (value == ANY)
		g_string_append(text, "-1,");
	else
		g_string_append_printf(text, "0x%0*x,", digits, (guint)value);
}

char *
usb_rules_filter(const UsbRules *rules)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; rules && i < rules->rules->len; i++) {
		const Rule *rule = &g_array_index(rules->rules, Rule, i);

		add_number(text, rule->class, 2);
		add_number(text, rule->vendor, 4);
		add_number(text, rule->product, 4);
		g_string_append_printf(text, "-1,%d|", rule->allow);
	}
	/* What clients make of a device that fits no rule is their own affair. */
	g_string_append(text, "-1,-1,-1,-1,0");
	return g_string_free(text, FALSE);
}

char *
usb_class_text(guint8 class)
{
	for (gsize i = 0; i < G_N_ELEMENTS(class_words); i++) {
		if (class_words[i].class == class)
			return g_strdup(class_words[i].word);
	}
	return g_strdup_printf("class 0x%02x", class);
}
