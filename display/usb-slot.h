/* One place for a USB device: a channel of libspice-server's, a QEMU usb-redir device's port, and the filter between them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <spice.h>

#include "broker/common/usb-rules.h"

typedef struct UsbSlot UsbSlot;

/* What has become of a device; the words of org.carrel.Screen1's UsbDevice. */
#define USB_CONNECTED "connected"
#define USB_REFUSED "refused"
#define USB_DISCONNECTED "disconnected"

/* @device: "046d:c31c hid", after a refusal with its reason. */
typedef void (*UsbEvent)(const char *event, const char *device, void *data);

/* @path: the port's object on @qemu. */
UsbSlot *usb_slot_new(SpiceServer *server, GDBusConnection *qemu, const char *path, UsbEvent on_event, void *data);
/* After the server is destroyed. */
void usb_slot_free(UsbSlot *slot);

/* What the client that is connected now may bring; NULL: nothing, and what it has brought is taken away. */
void usb_slot_set_rules(UsbSlot *slot, UsbRules *rules);
