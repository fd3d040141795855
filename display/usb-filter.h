/* Stands between a client's usbredir and QEMU's and decides which devices there are: one that the rules do not allow never reaches the VM,
 * whatever the client says of it. Pure: bytes in, bytes and verdicts out.
 *
 * A device is judged by what its client says when it connects it (its class, vendor and product, and its interfaces' classes), whenever
 * the client says it anew, and by the descriptors that it answers the guest with, which must say the same. Until it is allowed nothing
 * is passed on but the hellos; afterwards only packets that may come from there, of the length that they must have, whole.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "broker/common/usb-rules.h"

typedef struct UsbFilter UsbFilter;

/* None of these may free the filter. */
typedef struct {
	void (*to_client)(const void *bytes, gsize size, void *data);
	void (*to_vm)(const void *bytes, gsize size, void *data);
	/* @device: "046d:c31c hid". */
	void (*on_connected)(const char *device, void *data);
	void (*on_refused)(const char *device, const char *why, void *data);
	/* One that was connected is not any more; also after a refusal. */
	void (*on_disconnected)(const char *device, void *data);
} UsbFilterSink;

/* @rules: NULL allows nothing; a reference is taken. */
UsbFilter *usb_filter_new(UsbRules *rules, const UsbFilterSink *sink, void *data);
void usb_filter_free(UsbFilter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UsbFilter, usb_filter_free)

/* Any piece of the stream. CARREL_ERROR_PROTOCOL when the end does not keep to the protocol: nothing more can be made of its bytes then,
 * and the filter is to be freed. */
gboolean usb_filter_from_client(UsbFilter *filter, const guint8 *bytes, gsize size, GError **error);
gboolean usb_filter_from_vm(UsbFilter *filter, const guint8 *bytes, gsize size, GError **error);

/* There is no VM behind it: says to the client what it needs to hear to learn that nothing is allowed. */
void usb_filter_pretend_vm(UsbFilter *filter);
