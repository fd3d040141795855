/* A pool engine without libvirt: pools/engine.h from memory. Pools: "office" (demo1, demo2, @staff; Reset=logout),
 * "lab" (demo2; Clipboard=off; Max=1), "broken" (demo1; its file never was good). A claimed desktop is cloning for a time, then
 * usable. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/engine.h"

/* How long a new desktop is "cloning". 0: usable at once. Default: 50 ms, or $FAKE_CLONE_MS. */
void fake_engine_set_clone_ms(Engine *engine, guint clone_ms);

/* As if its clone failed. */
void fake_engine_fail(Engine *engine, const char *desktop);

/* As if the agent said that the person logged out. */
void fake_engine_log_out(Engine *engine, const char *desktop);

/* How many holds there are. */
guint fake_engine_holds(Engine *engine);

/* What engine_notify was last given, or NULL. */
const char *fake_engine_last_notice(const Engine *engine);
