/* Events of an input device: section 5.8.6.1 of Virtual I/O Device (VIRTIO) Version 1.2. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/display-keys.h"
#include "tests/bench/display-virtio.h"

#define ID_INPUT 18
#define QUEUE_AT 0x40000
#define EVENTS_AT 0x50000
#define EVENTS 64 /* as many as QEMU's queue has */
#define EV_KEY 1

typedef struct {
	guint16 type, code;
	guint32 value; /* of EV_KEY: 1 when it is pressed */
} Event;

static VirtioQueue queue;
static Event *events;
static guint16 seen;

void
keys_open(const Board *board)
{
	queue = virtio_start(virtio_find(ID_INPUT), board->memory, QUEUE_AT, EVENTS);
	events = (Event *)(board->memory + EVENTS_AT);
	for (guint16 i = 0; i < EVENTS; i++) {
		queue.desc[i] = (VirtioDesc){EVENTS_AT + i * sizeof(Event), sizeof(Event), VIRTIO_WRITE, 0};
		virtio_give(&queue, i, i);
	}
}

/* The device takes them in order, and each is given back at once, so the ring's order stays. */
gboolean
keys_pressed(void)
{
	gboolean pressed = FALSE;

	for (; seen != virtio_used(&queue); seen++) {
		const Event *event = events + seen % EVENTS;

		pressed |= event->type == EV_KEY && event->value == 1;
		virtio_give(&queue, (guint16)(seen + EVENTS), seen % EVENTS);
	}
	return pressed;
}
