/* What is right and wrong with this host and this instance, each with what to do about it. Everything is looked at from outside,
 * so that it works while nothing of Carrel does. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/conf.h"

typedef enum { DOCTOR_OK, DOCTOR_WARN, DOCTOR_BAD } DoctorStatus;

typedef struct {
	DoctorStatus status;
	char *name;   /* "acceleration", "libvirt", ... */
	char *text;   /* what was found: a sentence without its full stop */
	char *advice; /* what to do, or NULL */
} DoctorFinding;

/* DoctorFinding *, freed by the array, in an order worth reading. Blocks for as long as what it looks at does, at most about a
 * minute. Run by root it can look at everything through the eyes of the users concerned. */
GPtrArray *doctor_examine(const Conf *conf);

/* "ok", "warning", "bad". Static. */
const char *doctor_status_word(DoctorStatus status);
