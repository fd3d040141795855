/* A SPICE client's channel before libspice-server reads it. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>

#include "display/spice-guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many bytes pass, @step at a time. */
static size_t
pass(const uint8_t *data, size_t size, size_t step)
{
	static SpiceGuard guard;
	const char *why = NULL;

	spice_guard_init(&guard);
	for (size_t at = 0; at < size; at += step) {
		if (!spice_guard_check(&guard, data + at, MIN(step, size - at), &why)) {
			if (why == NULL)
				g_error("refused without a reason");
			return at;
		}
		if (guard.have >= guard.want || guard.want > sizeof guard.held)
			g_error("%zu bytes of %zu", guard.have, guard.want);
		if (guard.size > SPICE_GUARD_DEVICE_MAX || (guard.is_main && guard.size > SPICE_GUARD_MAIN_MAX))
			g_error("a message of %zu bytes", guard.size);
	}
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if ((pass(data, size, size + 1) == size) != (pass(data, size, 1) == size))
		g_error("one byte at a time it is another stream");
	return 0;
}
