/* A template: a desktop that booted once and was frozen, to be woken as many times as desktops are wanted. In STATE/templates/KEY
 * are its memory (as large as the desktop's, a sparse file), the state of its devices, and template.ini, written when both are whole; its
 * disk, what it wrote on top of the golden one, lies among the overlays, and its second one where it has one. All are never changed from then on: clones map the
 * memory copy-on-write and have overlays on the disk.
 *
 * A key stands for all that template and clone must have alike: the image's version, the hardware, QEMU and its machine type.
 * Everything here blocks and touches nothing but its arguments. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/vm.h"

/* The desktops of templates, as VmDomain and agents' sockets call them: TEMPLATE_PREFIX and the key. */
#define TEMPLATE_PREFIX "template-"

char *template_memory_path(const VmPlace *place, const char *key);
char *template_state_path(const VmPlace *place, const char *key);
char *template_disk_path(const VmPlace *place, const char *key);
char *template_extra_path(const VmPlace *place, const char *key); /* of its second disk, where its desktops have one */

/* Was it frozen, whatever became of it since? */
gboolean template_was_frozen(const VmPlace *place, const char *key);
/* Why it is not what was frozen, for people (free with g_free), or NULL: it is whole. *@under_clones: what its clones have mapped or
 * opened was written to, or cut off. Of what is missing they have what they need. */
char *template_damage(const VmPlace *place, const char *key, gboolean *under_clones);

/* The keys of all that have a folder, whole or not (char *, freed by the array). */
GPtrArray *template_list(const VmPlace *place);

/* Boots it. @spec: of a template, with the id TEMPLATE_PREFIX and the key; memory_file is its. What an earlier attempt left is removed.
 * On failure nothing of it is left. */
gboolean template_boot(virConnectPtr connection, const VmPlace *place, const DomainSpec *spec, const char *key, GError **error);

/* Stops the domain with this UUID, writes its state, ends it, and makes the template whole. It should be at rest. @golden: the disk
 * under its own. */
gboolean template_freeze(virConnectPtr connection, const VmPlace *place, const char *key, const char *uuid, const char *image,
	const char *golden, GError **error);

/* Removes it, and the domain with this UUID (NULL: there is none). BUSY while a desktop is there that was cloned from it. */
gboolean template_remove(virConnectPtr connection, const VmPlace *place, const char *key, const char *uuid, GError **error);
