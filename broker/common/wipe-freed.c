/* Wipes all memory that is freed, whichever library frees it: linked into the programs that secrets go through, it stands before
 * the C library's own functions. GnuTLS, GDBus, GVariant and json-glib make copies that only they know of, and free them as they
 * are. glibc's M_PERTURB would not do: blocks of up to a kilobyte pass it by, through the threads' caches (malloc/malloc.c,
 * tcache_put). SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/secret.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* glibc's, by the name that it exports for this purpose. */
void __libc_free(void *memory);

void
free(void *memory)
{
	if (memory == NULL)
		return;
	if (secret_wipes_freed)
		explicit_bzero(memory, malloc_usable_size(memory));
	__libc_free(memory);
}

/* In the place of glibc's, which may move a block and leave what was in it. */
void *
realloc(void *memory, size_t size)
{
	size_t old = memory ? malloc_usable_size(memory) : 0;
	void *other;

	if (memory && size == 0) {
		free(memory);
		return NULL;
	}
	if (size <= old && size >= old / 2 && memory) {
		explicit_bzero((char *)memory + size, old - size);
		return memory;
	}
	other = malloc(size);
	if (other && memory) {
		memcpy(other, memory, size < old ? size : old);
		free(memory);
	}
	return other;
}
