/* The one error domain of Carrel. A code says what the caller can do about it; the message says what happened and,
 * where a person will read it, what to do. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#define CARREL_ERROR (carrel_error_quark())

typedef enum {
	CARREL_ERROR_FAILED,    /* nothing better is known: tell the admin */
	CARREL_ERROR_BUSY,      /* the same call may succeed soon: try again */
	CARREL_ERROR_EXHAUSTED, /* a limit was reached: it will not help to try at once */
	CARREL_ERROR_DENIED,    /* this caller may not do this */
	CARREL_ERROR_NOT_FOUND, /* no such pool, desktop, session, image or ticket */
	CARREL_ERROR_TIMEOUT,   /* a deadline passed */
	CARREL_ERROR_CONFIG,    /* a file that an admin wrote is wrong: the message names file, line and key */
	CARREL_ERROR_PROTOCOL,  /* a peer broke a protocol: close it */
	CARREL_ERROR_INVALID,   /* a request that cannot be carried out as it was put */
	CARREL_ERROR_N_CODES
} CarrelErrorCode;

/* Registered with GDBus: over D-Bus the codes travel as org.carrel.Error.Failed, org.carrel.Error.Busy and so on. */
GQuark carrel_error_quark(void);

/* A lower-case word for a code ("not-found"), as REST answers and --json print it. Static. */
const char *carrel_error_word(CarrelErrorCode code);

/* Replaces a libvirt, GIO or SQLite error's domain by ours and puts "PREFIX: " before its text. Consumes @source, which
 * may be NULL (then nothing happens). @error may be NULL. */
void carrel_error_wrap(GError **error, GError *source, CarrelErrorCode code, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
