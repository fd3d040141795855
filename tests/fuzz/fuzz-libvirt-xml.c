/* XML as libvirt answers it: the host's capabilities, a domain's metadata, a network; and as an admin adds it
 * to a desktop's. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "pools/host-facts.h"
#include "pools/xml-fragment.h"
#include "pools/xml-select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken for a fragment ends where it was put. */
static void
try_fragment(const char *xml)
{
	g_autofree char *why = NULL, *around = NULL;
	gboolean whole = xml_fragment_is_whole(xml, &why);

	if (whole != (why == NULL))
		g_error("a fragment without a reason, or both");
	if (!whole || strlen(xml) > XML_SELECT_MAX / 2)
		return;
	around = g_strdup_printf("<domain><devices>%s</devices><end>1</end></domain>", xml);
	g_autoptr(GPtrArray) ends = xml_select(around, "domain/end"), devices = xml_select(around, "domain/devices");
	if (ends->len != 1 || strcmp(ends->pdata[0], "1") != 0 || devices->len != 1)
		g_error("a fragment got out");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"carrel:desktop@instance", "desktop@id", "network/ip@address",
		"domainCapabilities/devices/graphics/enum/value", "a", "a@b"};
	g_autofree char *xml = g_strndup((const char *)data, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(HostFacts) facts = host_facts_parse(xml, xml, NULL, &error);

	try_fragment(xml);
	if ((facts == NULL) == (error == NULL))
		g_error("neither facts nor an error, or both");
	for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autoptr(GPtrArray) found = xml_select(xml, paths[i]);
		gsize sum = 0;

		for (guint j = 0; j < found->len; j++) {
			sum += strlen(found->pdata[j]);
			if (!g_utf8_validate(found->pdata[j], -1, NULL))
				g_error("%s gives what is no text", paths[i]);
		}
		/* No entity of ours grows: what comes out came in. */
		if (sum > strlen(xml))
			g_error("%s gives more than there is", paths[i]);
	}
	return 0;
}
