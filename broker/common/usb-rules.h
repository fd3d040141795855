/* Which USB devices a client may bring: the rules of UsbDevices= in a pool's file, which the broker hands to the screen. The first rule
 * that fits decides; what fits none is denied.
 *
 *   allow|deny WHAT      WHAT: the word of a class (audio, storage and so on), a class as 0xNN, VVVV:PPPP, VVVV:* or all
 *
 * Class numbers: USB-IF, "Defined Class Codes". A device is asked about once for its own class and once for each of its interfaces',
 * as usbredir's filter does (usbredirfilter.h, usbredirfilter_check), and all must be allowed.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define USB_RULES_MAX 64

typedef struct UsbRules UsbRules;

/* NULL with @why, one sentence without a full stop (free with g_free), when an item of @items is no rule. */
UsbRules *usb_rules_new(const char *const *items, char **why);
UsbRules *usb_rules_ref(UsbRules *rules);
void usb_rules_unref(UsbRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UsbRules, usb_rules_unref)

/* May a device of this vendor and product have an interface, or be, of @class? NULL @rules: nothing may. */
gboolean usb_rules_allow(const UsbRules *rules, guint8 class, guint16 vendor, guint16 product);

/* The same rules as usbredir writes them, "CLASS,VENDOR,PRODUCT,VERSION,ALLOW|...", for a client to know what it need not offer.
 * Without a rule it is one that denies all. Free with g_free. */
char *usb_rules_filter(const UsbRules *rules);

/* "storage", or "class 0x42". Free with g_free. */
char *usb_class_text(guint8 class);
