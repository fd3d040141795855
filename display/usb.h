/* A desktop's places for USB devices, for the SPICE client that is connected. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/usb-slot.h"

typedef struct Usb Usb;

/* Looks which places the VM has, without blocking. */
Usb *usb_new(GDBusConnection *qemu, UsbEvent on_event, void *data);
/* After the server is destroyed. */
void usb_free(Usb *usb);

/* Offers them to @server's clients, as soon as they are known. Once. */
void usb_serve(Usb *usb, SpiceServer *server);

/* Of the client that is connected now (display/client.h); NULL: it may bring nothing, or nobody is there. */
void usb_set_rules(Usb *usb, UsbRules *rules);
