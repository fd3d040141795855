/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/usb-device.h"

#include <string.h>

/* Classes that mean "look at my interfaces" (USB-IF, "Defined Class Codes"). */
#define CLASS_PER_INTERFACE 0x00
#define CLASS_MISCELLANEOUS 0xef

#define DESCRIPTOR_INTERFACE 4
#define AT_DEVICE_CLASS 4
#define AT_DEVICE_PRODUCT 10
#define AT_INTERFACE_CLASS 5

void
usb_device_set_identity(UsbDevice *device, const guint8 *fields)
{
	device->class = fields[1];
	device->vendor = usb_u16(fields + 4);
	device->product = usb_u16(fields + 6);
}

gboolean
usb_device_set_interfaces(UsbDevice *device, const guint8 *fields)
{
	guint32 count = usb_u32(fields);

	if (count > USB_INTERFACES_MAX)
		return FALSE;
	device->interfaces = count;
	memcpy(device->interface_classes, fields + 4 + USB_INTERFACES_MAX, USB_INTERFACES_MAX);
	return TRUE;
}

static gboolean
is_of_interfaces(guint8 class)
{
	return class == CLASS_PER_INTERFACE || class == CLASS_MISCELLANEOUS;
}

static char *
class_refusal(const UsbDevice *device, const UsbRules *rules, guint8 class)
{
	g_autofree char *text = NULL;

	if (usb_rules_allow(rules, class, device->vendor, device->product))
		return NULL;
	text = usb_class_text(class);
	return g_strdup_printf("%s is not allowed", text);
}

char *
usb_device_refusal(const UsbDevice *device, const UsbRules *rules)
{
	char *why = is_of_interfaces(device->class) ? NULL : class_refusal(device, rules, device->class);

	for (guint i = 0; why == NULL && i < device->interfaces; i++)
		why = class_refusal(device, rules, device->interface_classes[i]);
	if (why == NULL && device->interfaces == 0 && is_of_interfaces(device->class))
		why = g_strdup("it does not say what it is");
	return why;
}

/* Descriptors of a configuration follow each other, each with its length and kind. Where one has no length a guest, too, stops. */
static char *
configuration_refusal(const UsbDevice *device, const UsbRules *rules, const guint8 *at, gsize size)
{
	char *why = NULL;

	while (why == NULL && size > AT_INTERFACE_CLASS && at[0] >= 2) {
		gsize step = MIN(at[0], size);

		if (at[1] == DESCRIPTOR_INTERFACE)
			why = class_refusal(device, rules, at[AT_INTERFACE_CLASS]);
		at += step;
		size -= step;
	}
	return why;
}

char *
usb_device_descriptor_refusal(const UsbDevice *device, const UsbRules *rules, UsbDescriptor kind, const guint8 *descriptor, gsize size)
{
	if (kind != USB_DESCRIPTOR_DEVICE)
		return configuration_refusal(device, rules, descriptor, size);
	if (size > AT_DEVICE_CLASS && descriptor[AT_DEVICE_CLASS] != device->class)
		return g_strdup("its descriptor tells another class");
	if (size >= AT_DEVICE_PRODUCT + 2 &&
		(usb_u16(descriptor + AT_DEVICE_PRODUCT - 2) != device->vendor ||
			usb_u16(descriptor + AT_DEVICE_PRODUCT) != device->product))
		return g_strdup("its descriptor tells another vendor or product");
	return NULL;
}

char *
usb_device_text(const UsbDevice *device)
{
	GString *text = g_string_new(NULL);
	guint8 told[256] = {0};

	g_string_printf(text, "%04x:%04x", device->vendor, device->product);
	for (guint i = 0; i <= device->interfaces; i++) {
		guint8 class = i == 0 ? device->class : device->interface_classes[i - 1];
		g_autofree char *word = usb_class_text(class);

		if (told[class] || (i == 0 && is_of_interfaces(class)))
			continue;
		told[class] = TRUE;
		g_string_append_printf(text, "%s%s", strchr(text->str, ' ') ? ", " : " ", word);
	}
	return g_string_free(text, FALSE);
}
