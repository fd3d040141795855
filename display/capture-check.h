/* What QEMU's display messages must obey before a byte of theirs is used. QEMU is trusted less than we are: a guest that
 * has broken out of its VM speaks in its name. Pure functions.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* pixman's names of a format are 32 bits: bits a pixel << 24 | type << 16 | bits of a, r, g, b (pixman.h). */
#define PIXMAN_FORMAT_X8R8G8B8 0x20020888u
#define PIXMAN_FORMAT_A8R8G8B8 0x20028888u

/* No cursor is larger: libvncserver and clients hold it several times. */
#define CURSOR_SIDE_MAX 512

/* Each gives NULL when the message is good, else why it is not (static). */

/* ScanoutMap; @file_size is fstat(2)'s. */
const char *capture_check_map(guint32 offset, guint32 width, guint32 height, guint32 stride, guint32 format,
	guint64 file_size);
/* Scanout, and Update with the rectangle's size; @size is the data's. */
const char *capture_check_pixels(guint32 width, guint32 height, guint32 stride, guint32 format, guint64 size);
/* CursorDefine */
const char *capture_check_cursor(int width, int height, guint64 size);
