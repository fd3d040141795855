/* What a client says of a USB device, and whether that is allowed. Pure. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "broker/common/usb-rules.h"
#include "display/usb-packet.h"

typedef struct {
	guint8 class;
	guint16 vendor, product;
	guint interfaces; /* at most USB_INTERFACES_MAX */
	guint8 interface_classes[USB_INTERFACES_MAX];
} UsbDevice;

/* From the fixed part of a device_connect packet, and of an interface_info packet: FALSE when that makes no sense. */
void usb_device_set_identity(UsbDevice *device, const guint8 *fields);
gboolean usb_device_set_interfaces(UsbDevice *device, const guint8 *fields);

/* NULL: it is allowed; else why not: "storage is not allowed". Free with g_free. */
char *usb_device_refusal(const UsbDevice *device, const UsbRules *rules);

/* The same for what the device itself answers to the guest. @descriptor may be cut anywhere, as the guest asks for the first bytes alone
 * at first. Formats: Universal Serial Bus Specification 2.0, 9.6. */
typedef enum {
	USB_DESCRIPTOR_NONE = 0,
	USB_DESCRIPTOR_DEVICE = 1,
	USB_DESCRIPTOR_CONFIGURATION = 2,
	USB_DESCRIPTOR_OTHER_SPEED = 7
} UsbDescriptor;
char *usb_device_descriptor_refusal(
	const UsbDevice *device, const UsbRules *rules, UsbDescriptor kind, const guint8 *descriptor, gsize size);

/* "046d:c31c hid" or "046d:0825 video, audio". Free with g_free. */
char *usb_device_text(const UsbDevice *device);
