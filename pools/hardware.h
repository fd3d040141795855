/* Can a host, with an image, make the desktops that a pool file wants? One answer for carrel pool check and
 * the broker. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/host-facts.h"
#include "pools/images.h"
#include "pools/pool-file.h"

typedef struct {
	const char *key; /* Group/Key that asks for it */
	char *text;	 /* why it cannot be had, and what to do */
} HardwareFault;

/* HardwareFault *, freed by the array; empty: nothing speaks against it. @image NULL: there is none yet.
 * @facts NULL: the host was not asked. Reads the header of the image's disk. */
GPtrArray *hardware_faults(const PoolFile *file, const Image *image, const HostFacts *facts);

/* "Desktop/TPM: why; Desktop/Firmware: why", or NULL where there are none. Free with g_free. */
char *hardware_faults_text(GPtrArray *faults);

/* Is KVM used? */
gboolean hardware_uses_kvm(const PoolFile *file, const HostFacts *facts);
/* Is it made for Windows? The pool's word, else the image's. */
gboolean hardware_is_windows(const PoolFile *file, const Image *image);
/* Why no desktop of it can be frozen with its memory and woken, or NULL. Free with g_free. */
char *hardware_why_not_frozen(const PoolFile *file);
/* All that a frozen desktop and its clones must have alike, beside the image. Free with g_free. */
char *hardware_frozen_text(const PoolFile *file, const Image *image, const HostFacts *facts);
