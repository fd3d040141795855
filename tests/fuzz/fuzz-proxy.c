/* A PROXY header, whole and a byte at a time: both must come to the same, and no byte behind it may be asked for.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "broker/gateway/address.h"
#include "broker/gateway/admission.h"
#include "broker/gateway/proxy-header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As the gateway reads: never more than is wanted. */
static ProxyHeaderResult
read_slowly(ProxyHeader *header, const uint8_t *data, size_t size, size_t *used)
{
	ProxyHeaderResult result = PROXY_HEADER_MORE;

	for (*used = 0; result == PROXY_HEADER_MORE && *used < size;) {
		gsize wanted = proxy_header_wanted(data, *used);

		if (wanted <= *used || wanted > PROXY_HEADER_MAX)
			g_error("wants %zu bytes after %zu", wanted, *used);
		++*used;
		result = proxy_header_parse(header, data, *used);
	}
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ProxyHeader slow = {0}, whole = {0};
	size_t used;
	ProxyHeaderResult result = read_slowly(&slow, data, size, &used);
	char text[ADDRESS_TEXT_MAX];

	if (proxy_header_parse(&whole, data, used) != result || memcmp(&slow.source, &whole.source, sizeof slow.source) != 0)
		g_error("cut into bytes it is something else");
	if (result != PROXY_HEADER_DONE || slow.is_local)
		return 0;
	address_print((const struct sockaddr *)&slow.source, text);
	if (strcmp(text, "unknown") == 0)
		g_error("an address that is none");
	address_key((const struct sockaddr *)&slow.source);
	return 0;
}
