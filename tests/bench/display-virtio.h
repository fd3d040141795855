/* Virtio devices of QEMU's microvm, found and driven by its qtest socket in the place of a guest. Each of these ends the program, with
 * a word, when it cannot. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Flags of a descriptor. */
#define VIRTIO_NEXT 1
#define VIRTIO_WRITE 2

typedef struct {
	guint64 at;
	guint32 size;
	guint16 flags, next;
} VirtioDesc;

/* A split queue in guest RAM. */
typedef struct {
	VirtioDesc *desc;
	guint16 *avail, *used;
	guint16 size;
} VirtioQueue;

void virtio_connect(const char *qtest);
/* Result: where its registers are. @id: of section 5 of the specification. */
guint32 virtio_find(guint32 id);
/* Starts it with its first queue, of @size descriptors, in three pages of @ram from @at on. */
VirtioQueue virtio_start(guint32 device, guint8 *ram, guint32 at, guint16 size);
/* The @number-th chain of all is the one that begins with @desc. */
void virtio_give(VirtioQueue *queue, guint16 number, guint16 desc);
void virtio_notify(guint32 device);
/* How many chains the device has done with, modulo 65536. */
guint16 virtio_used(const VirtioQueue *queue);
