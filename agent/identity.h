/* What makes a clone an individual. Paths are below @root, which is "" but in tests.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* Sets the kernel's host name, /etc/hostname and this machine's line in /etc/hosts. @name was checked by message.h. */
gboolean identity_set_hostname(const char *root, const char *name, GError **error);

/* Writes /etc/machine-id; @id was checked by message.h. */
gboolean identity_set_machine_id(const char *root, const char *id, GError **error);

/* The first line of /etc/machine-id when it is one, else "". Free with g_free. */
char *identity_get_machine_id(const char *root);

/* Has SSH host keys made where there are some, in place of those: the first before it returns, other kinds after. */
gboolean identity_renew_ssh_keys(const char *root, GError **error);

/* Credits @seed to the kernel's random pool and has it used at once. */
gboolean identity_add_seed(GBytes *seed, GError **error);

/* Sets the clock when it is off by more than 0.5 s. @time: seconds since 1970. */
gboolean identity_set_clock(double time, GError **error);

/* @hosts with its 127.0.1.1 line (made where there is none) naming @name. hosts(5). Free with g_free. */
char *identity_rename_hosts(const char *hosts, const char *name);
