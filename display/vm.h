/* The one thing that carrel-display wants of libvirt: a running domain's display. libvirt's calls block, for as long as
 * its daemon hangs, so they run in a thread of their own.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct Vm Vm;

/* Connects to @uri when first needed, and again when the connection has broken. */
Vm *vm_new(const char *uri);
/* Does not wait for a call that hangs. */
void vm_free(Vm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vm, vm_free)

/* Opens the display of the domain with this UUID, as virDomainOpenGraphicsFD does: a D-Bus display's socket.
 * CARREL_ERROR_NOT_FOUND: no such domain runs; _TIMEOUT: @timeout_ms passed; _EXHAUSTED: too many calls wait already;
 * _FAILED: the rest. */
void vm_open_display_async(Vm *vm, const char *uuid, guint timeout_ms, GAsyncReadyCallback callback, void *data);
/* The descriptor, the caller's to close, or -1. */
int vm_open_display_finish(GAsyncResult *result, GError **error);
