/* A QXL device without a guest: our frame, drawn into libspice-server as a QXL driver would.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <spice.h>

#include "display/capture.h"

typedef struct SpiceQxl SpiceQxl;

/* @on_resize: the client wishes such monitors. @heads_max: how many it may; it is told so. */
SpiceQxl *spice_qxl_device_new(SpiceServer *server, const Frame *frame, const Heads *heads, guint heads_max,
        void (*on_resize)(const Heads *wish, void *data), void *data);
/* After the server is destroyed: until then its thread uses what is freed here. */
void spice_qxl_device_free(SpiceQxl *qxl);

/* Both are borrowed until the next call of this. */
void spice_qxl_device_set_frame(SpiceQxl *qxl, const Frame *frame, const Heads *heads);
void spice_qxl_device_set_heads_max(SpiceQxl *qxl, guint max);
/* Sound plays to the client: pictures are shown with it, rather than at once. */
void spice_qxl_device_set_sounds(SpiceQxl *qxl, gboolean sounds);
void spice_qxl_device_change(SpiceQxl *qxl, const Change *change);
/* Borrowed until the next call of this. */
void spice_qxl_device_set_cursor(SpiceQxl *qxl, const Cursor *cursor);
void spice_qxl_device_set_pointer(SpiceQxl *qxl, int x, int y, gboolean visible);
