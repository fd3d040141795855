/* What one VNC client has of the desktop, and what it lacks: composes its updates. Copies, sizes, cursors and the like are written here;
 * pixels come from tight.h where the client likes Tight best, as nearly all do, and from libvncserver (vnc-codec.h) in every other
 * encoding and pixel format.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/heads.h"
#include "display/outbox.h"
#include "display/rfb-encodings.h"
#include "display/tight-share.h"
#include "display/video-region.h"
#include "display/vnc-codec.h"

typedef struct VncUpdate VncUpdate;

/* What all clients of a desktop see. */
typedef struct {
	const Frame *frame;
	const Heads *heads; /* where its monitors are in it */
	guint heads_max;    /* that a client may wish */
	const Cursor *cursor; /* NULL: the guest has shown none */
	guint leds;           /* bits 0 to 2: Scroll, Num, Caps Lock */
	const char *title;
	VncScreen *screen;
	TightShare *share;
	const VideoRegion *film; /* NULL: none is to be sent as H.264 */
} VncView;

/* Why a client is told of the desktop's size; the protocol's numbers. */
typedef enum {
	VNC_SIZE_BY_DESKTOP,
	VNC_SIZE_BY_CLIENT,
	VNC_SIZE_BY_OTHER,
} VncSizeReason;

/* @view outlives it. */
VncUpdate *vnc_update_new(const VncView *view);
void vnc_update_free(VncUpdate *update);

/* Messages as rfb_message_parse accepted them. FALSE: this client cannot be served; it is of no more use then. */
gboolean vnc_update_take_format(VncUpdate *update, const guint8 *bytes);
gboolean vnc_update_take_encodings(VncUpdate *update, const RfbMessage *message);
const RfbEncodings *vnc_update_encodings(const VncUpdate *update);
/* What the client asks for, within the frame and not empty. */
void vnc_update_request(VncUpdate *update, const Rect *rect, gboolean incremental);
/* @rect is asked for from now on, until NULL is given. */
void vnc_update_continuous(VncUpdate *update, const Rect *rect);

/* What happened. */
void vnc_update_change(VncUpdate *update, const Change *change);
/* The view has another frame. */
void vnc_update_resized(VncUpdate *update, VncSizeReason reason);
/* It has what this client, or somebody, wished for. */
void vnc_update_tell_size(VncUpdate *update, VncSizeReason reason);
/* The client's wish for another size comes to nothing. @status: RFB_RESIZE_PROHIBITED and the like. */
void vnc_update_refuse_size(VncUpdate *update, guint status);
void vnc_update_cursor(VncUpdate *update);
void vnc_update_leds(VncUpdate *update);
void vnc_update_title(VncUpdate *update);

/* Bytes a second that the client's path takes; 0, and before the first call: as many as there are. */
void vnc_update_set_bandwidth(VncUpdate *update, guint64 bandwidth);
/* vnc_update_append would send something. */
gboolean vnc_update_is_due(const VncUpdate *update);
/* @bytes_max: about how many bytes of pixels it shall have (0: any number); @steps: of how many the quality is lowered (vnc-pace.h);
 * @now: see vnc-lossy.h. FALSE: as above. */
gboolean vnc_update_append(VncUpdate *update, guint64 bytes_max, guint steps, gint64 now, Outbox *outbox);
/* When something of the picture is to be made sharp, if nothing else happens; 0: it is. */
gint64 vnc_update_sharpen_at(const VncUpdate *update);
