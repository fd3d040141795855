/* Who answers the sign-in's questions: a person at the terminal, or the lines of a file. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "connect/portal.h"

typedef struct Answers Answers;

/* @file: NULL for the terminal, "-" for standard input. It is read at once, 64 KiB at most. */
Answers *answers_new(const char *file, GError **error);
void answers_free(Answers *answers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Answers, answers_free)

/* A PortalAsk and a PortalTell whose data is an Answers *. */
Secret *answers_ask(const char *question, gboolean echo, void *data, GError **error);
void answers_tell(const char *message);
