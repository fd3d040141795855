/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/domain-capabilities.h"

#include "pools/xml-select.h"

#include <string.h>

void
domain_capabilities_free(DomainCapabilities *capabilities)
{
	if (capabilities == NULL)
		return;
	g_free(capabilities->type);
	g_free(capabilities->emulator);
	g_free(capabilities->machine);
	g_free(capabilities);
}

/* libvirt lists what can be chosen as <enum name='model'><value>tpm-crb</value>: such an element goes by its
 * name. */
typedef struct {
	GString *here;	  /* path of the element that is open */
	GArray *lengths;  /* gsize: of the paths above it */
	GHashTable *said; /* "PATH=TEXT", a set */
} Reading;

static void
on_start(
	GMarkupParseContext *context, const char *element, const char **names, const char **values, gpointer data, GError **error)
{
	Reading *reading = data;
	const char *step = element;

	for (gsize i = 0; strcmp(element, "enum") == 0 && names[i] != NULL; i++) {
		if (strcmp(names[i], "name") == 0)
			step = values[i];
	}
	g_array_append_val(reading->lengths, reading->here->len);
	g_string_append_printf(reading->here, "%s%s", reading->here->len > 0 ? "/" : "", step);
}

static void
on_end(GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
	Reading *reading = data;
	guint last = reading->lengths->len - 1;

	g_string_truncate(reading->here, g_array_index(reading->lengths, gsize, last));
	g_array_set_size(reading->lengths, last);
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize size, gpointer data, GError **error)
{
	Reading *reading = data;

	if (g_str_has_suffix(reading->here->str, "/value"))
		g_hash_table_add(reading->said, g_strdup_printf("%s=%.*s", reading->here->str, (int)size, text));
}

/* NULL: not well formed. */
static GHashTable *
read_choices(const char *xml)
{
	static const GMarkupParser callbacks = {.start_element = on_start, .end_element = on_end, .text = on_text};
	g_autoptr(GString) here = g_string_new(NULL);
	g_autoptr(GArray) lengths = g_array_new(FALSE, FALSE, sizeof(gsize));
	g_autoptr(GHashTable) said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	Reading reading = {here, lengths, said};
	g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&callbacks, 0, &reading, NULL);
	gsize size = strlen(xml);

	if (size > XML_SELECT_MAX || !g_markup_parse_context_parse(context, xml, (gssize)size, NULL) ||
		!g_markup_parse_context_end_parse(context, NULL))
		return NULL;
	return g_steal_pointer(&said);
}

#define HAS(choice) g_hash_table_contains(said, "domainCapabilities/" choice)

static void
take_choices(DomainCapabilities *found, GHashTable *said)
{
	gboolean versions = HAS("devices/tpm/backendVersion/value=1.2") || HAS("devices/tpm/backendVersion/value=2.0");

	found->dbus_display = HAS("devices/graphics/type/value=dbus");
	found->usb_redirection = HAS("devices/redirdev/bus/value=usb");
	found->efi = HAS("os/firmware/value=efi");
	found->secure = found->efi && HAS("os/loader/secure/value=yes");
	/* Before libvirt 8.10 it did not say which versions swtpm has. */
	found->tpm = HAS("devices/tpm/model/value=tpm-crb") && HAS("devices/tpm/backendModel/value=emulator") &&
		(HAS("devices/tpm/backendVersion/value=2.0") || !versions);
}

DomainCapabilities *
domain_capabilities_parse(const char *xml)
{
	DomainCapabilities *found = g_new0(DomainCapabilities, 1);
	g_autofree char *cpus = xml_select_one(xml, "domainCapabilities/vcpu@max");
	g_autoptr(GHashTable) said = read_choices(xml);

	found->type = xml_select_one(xml, "domainCapabilities/domain");
	found->emulator = xml_select_one(xml, "domainCapabilities/path");
	found->machine = xml_select_one(xml, "domainCapabilities/machine");
	found->cpus_max = cpus ? g_ascii_strtoull(cpus, NULL, 10) : 0;
	if (said)
		take_choices(found, said);
	return found;
}
