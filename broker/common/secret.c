/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

struct Secret {
	gsize size;
	char *bytes;
};

_Thread_local gboolean secret_wipes_freed = TRUE;

Secret *
secret_new(const void *bytes, gsize size)
{
	Secret *secret = g_new0(Secret, 1);

	secret->size = size;
	secret->bytes = g_malloc0(size + 1);
	if (size > 0)
		memcpy(secret->bytes, bytes, size);
	return secret;
}

void
secret_random(void *bytes, gsize size)
{
	for (gsize done = 0; done < size;) {
		ssize_t n = getrandom((char *)bytes + done, size - done, 0);
		if (n < 0 && errno != EINTR)
			g_error("getrandom: %s", g_strerror(errno));
		if (n > 0)
			done += (gsize)n;
	}
}

Secret *
secret_new_random(gsize bytes)
{
	static const char digits[] = "0123456789abcdef";
	g_autofree guint8 *raw = g_malloc(bytes);
	Secret *secret = g_new0(Secret, 1);

	secret_random(raw, bytes);
	secret->size = 2 * bytes;
	secret->bytes = g_malloc0(secret->size + 1);
	for (gsize i = 0; i < bytes; i++) {
		secret->bytes[2 * i] = digits[raw[i] >> 4];
		secret->bytes[2 * i + 1] = digits[raw[i] & 15];
	}
	explicit_bzero(raw, bytes);
	return secret;
}

const char *
secret_text(const Secret *secret)
{
	return secret->bytes;
}

gsize
secret_size(const Secret *secret)
{
	return secret->size;
}

gboolean
secret_equal(const Secret *a, const Secret *b)
{
	guint8 differs = 0;

	if (a->size != b->size)
		return FALSE;
	for (gsize i = 0; i < a->size; i++)
		differs |= (guint8)(a->bytes[i] ^ b->bytes[i]);
	return differs == 0;
}

void
secret_free(Secret *secret)
{
	if (secret == NULL)
		return;
	explicit_bzero(secret->bytes, secret->size);
	g_free(secret->bytes);
	g_free(secret);
}
