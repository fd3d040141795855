/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/guest-memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the signal's handler knows. It runs in the midst of a read by the one thread that changes these. */
struct GuestMemory {
	guint8 *start; /* NULL: not in use */
	gsize size;
	gsize skip; /* from the start of its page */
	volatile sig_atomic_t broken;
};

static GuestMemory mapped[GUEST_MEMORY_MAX];

static void
on_bus_error(int signal_number, siginfo_t *info, void *context)
{
	guint8 *address = info->si_addr;

	for (gsize i = 0; i < GUEST_MEMORY_MAX; i++) {
		GuestMemory *memory = &mapped[i];

		if (memory->start == NULL || address < memory->start || address >= memory->start + memory->size)
			continue;
		memory->broken = 1;
		if (mmap(memory->start, memory->size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
			return;
	}
	/* Not ours: it comes again, and ends the process as ever. */
	signal(signal_number, SIG_DFL);
}

static void
catch_bus_errors(void)
{
	static gboolean done;
	struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

	if (done)
		return;
	done = TRUE;
	sigaction(SIGBUS, &action, NULL);
}

static GuestMemory *
find_free(void)
{
	for (gsize i = 0; i < GUEST_MEMORY_MAX; i++) {
		if (mapped[i].start == NULL)
			return &mapped[i];
	}
	return NULL;
}

GuestMemory *
guest_memory_new(int fd, guint64 offset, gsize size)
{
	GuestMemory *memory = find_free();
	gsize skip = (gsize)(offset % (guint64)sysconf(_SC_PAGESIZE));
	void *start;

	if (memory == NULL)
		return NULL;
	catch_bus_errors();
	start = mmap(NULL, size + skip, PROT_READ, MAP_SHARED, fd, (off_t)(offset - skip));
	if (start == MAP_FAILED)
		return NULL;
	*memory = (GuestMemory){.start = start, .size = size + skip, .skip = skip};
	return memory;
}

void
guest_memory_free(GuestMemory *memory)
{
	if (memory == NULL)
		return;
	munmap(memory->start, memory->size);
	memory->start = NULL;
}

const void *
guest_memory_bytes(const GuestMemory *memory)
{
	return memory->start + memory->skip;
}

gboolean
guest_memory_is_whole(const GuestMemory *memory)
{
	return !memory->broken;
}
