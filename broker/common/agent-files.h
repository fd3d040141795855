/* How files leave a desktop: Carrel's own messages beside those of the SPICE agent protocol (spice/vd_agent.h), between
 * carrel-screen and carrel-agent-session; agent/PROTOCOL.md tells the story. Numbers are little-endian. A side that does not
 * know a message passes over it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The bit in VD_AGENT_ANNOUNCE_CAPABILITIES by which the host says that it takes offers: in the second word, where
 * spice/vd_agent.h has none. */
#define AGENT_CAP_FILES_FROM 63

/* "CF" and a number, far from where spice/vd_agent.h counts. */
enum {
	/* From the guest. */
	AGENT_FILE_OFFER = 0x43460001, /* u32 id, u64 size in bytes, name (UTF-8, 1 to 255 bytes) */
	AGENT_FILE_BYTES = 0x43460002, /* u32 id, 1 to AGENT_FILE_PIECE bytes */
	AGENT_FILE_END = 0x43460003,   /* u32 id, u32: 0, all bytes were sent; else it is withdrawn */
	/* From the host. */
	AGENT_FILE_ANSWER = 0x43460004, /* u32 id, u32 AgentFileAnswer */
	AGENT_FILE_CREDIT = 0x43460005, /* u32 id, u32: so many more bytes may be sent */
};

typedef enum {
	AGENT_FILE_SAVED,     /* the end: the person has it */
	AGENT_FILE_TAKEN,     /* the person wants it; credit follows */
	AGENT_FILE_REFUSED,   /* the end, as all below: the person does not want it */
	AGENT_FILE_CANCELLED, /* the person stopped it */
	AGENT_FILE_DENIED,    /* files may not leave this desktop */
	AGENT_FILE_TOO_LARGE,
	AGENT_FILE_TOO_MANY,   /* are offered at once */
	AGENT_FILE_NOBODY,     /* is connected */
	AGENT_FILE_NO_BROWSER, /* only viewers that cannot take files are connected */
	AGENT_FILE_LOST,       /* the browser is gone */
	AGENT_FILE_UNANSWERED, /* the person did not answer */
	AGENT_FILE_BROKEN,     /* other bytes came than were offered */
	AGENT_FILE_N_ANSWERS,
} AgentFileAnswer;

/* Of one message, in bytes; so much of a file the host says in one VD_AGENT_FILE_XFER_DATA, too, so that what else is said never
 * waits for more. */
#define AGENT_FILE_PIECE (32 * 1024)
#define AGENT_FILES_AT_ONCE 8
