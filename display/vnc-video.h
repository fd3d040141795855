/* One client's film: what of its picture goes as H.264 (RFB's encoding 50, "Open H.264" in rfbproto), and when that is worth it. It is one
 * rectangle at a time, the desktop's (video-region.h), with one context at the client. The client's decoder takes whole frames only, and
 * draws the whole rectangle with each: so nothing else is sent for what lies in it while the film runs.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"
#include "display/video-region.h"

typedef struct VncVideo VncVideo;

VncVideo *vnc_video_new(void);
void vnc_video_free(VncVideo *video);

/* Where the film has changed by @damage, and lies within @asked, appends an update with its picture. @bandwidth: bytes a second that the
 * client's path takes, 0: as many as there are. TRUE: the client has @film as it is in @frame now, but for H.264's loss. FALSE: nothing was
 * appended, and all of the damage is to be sent otherwise. */
gboolean vnc_video_append(VncVideo *video, const VideoRegion *region, const Frame *frame, const Damage *damage, const Rect *asked,
        guint64 bandwidth, gint64 now, GByteArray *out, Rect *film);
