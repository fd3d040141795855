/* What a thread makes of one piece of a frame: Tight's rectangles. tight.c's alone.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/tight-pixels.h"
#include "display/tight-zlib.h"
#include "display/tight.h"

typedef enum {
	TIGHT_PART_SOLID,  /* of @colour */
	TIGHT_PART_PIXELS, /* @pixels are still to be compressed */
	TIGHT_PART_PHOTO,  /* to become JPEG */
	TIGHT_PART_DONE,   /* after header and @control come @head and, if it is not empty, the length of @body and @body */
	TIGHT_PART_GONE,   /* another part has taken it in */
	TIGHT_PART_FAILED, /* no memory */
} TightPartState;

/* Which of the client's streams is for what. Stream 0 is tight.c's. */
enum { TIGHT_STREAM_TWO = 1, TIGHT_STREAM_PALETTE, TIGHT_STREAM_FULL };

/* A rectangle as it is sent. */
typedef struct TightPart TightPart;
struct TightPart {
	Rect rect;
	TightPartState state;
	guint32 colour;            /* if it is SOLID */
	guint8 control;            /* else: the first byte (rfbproto) */
	guint stream;              /* in it */
	gboolean is_photo;         /* it is or becomes JPEG, or did so in another part */
	const TightPart *previous; /* the one before in its stream; NULL: this one leans on nothing */
	TightSpan head;            /* what follows control */
	TightSpan pixels;          /* to be compressed */
	TightSpan body;            /* compressed */
};

/* What one thread has: room that is used again and again. */
typedef struct {
	TightPalette palette;
	GByteArray *pixels;     /* a part's, as indexes */
	GByteArray *rgb;        /* or in full colour */
	GByteArray *scratch;    /* tight-texture.h's, and what stood in a stream before a part */
	GByteArray *out;        /* what it made of its pieces, for the spans */
	GByteArray *compressed; /* and of its parts */
	GArray *parts;          /* of TightPart */
	TightStream stream;
	TightJpeg *jpeg;
} TightWorker;

TightWorker *tight_worker_new(void);
/* For the next frame. */
void tight_worker_empty(TightWorker *worker);

/* Appends to the worker's parts those that cover @rect, which has at most TIGHT_PIECE_AREA pixels. */
void tight_piece_analyse(TightWorker *worker, const Frame *frame, const Rect *rect, const TightOptions *options);
/* From PHOTO or PIXELS to DONE or FAILED. */
void tight_part_compress(TightPart *part, TightWorker *worker, const Frame *frame, const TightOptions *options);
