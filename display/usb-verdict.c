/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/usb-filter-private.h"

#include <string.h>

#define GET_DESCRIPTOR 6
#define STANDARD_OF_DEVICE 0x80
#define ENDPOINT_IN 0x80

static void
say_to_vm(UsbFilter *filter, guint32 type)
{
	g_autoptr(GByteArray) packet = g_byte_array_new();

	usb_packet_append(packet, usb_filter_caps(filter), type, NULL, 0);
	filter->sink->to_vm(packet->data, packet->len, filter->data);
}

static gboolean
expect_ack(UsbFilter *filter, gboolean ours, GError **error)
{
	if ((usb_filter_caps(filter) & USB_CAP_DISCONNECT_ACK) == 0)
		return TRUE;
	if (filter->acks == USB_ACKS_MAX)
		return usb_filter_fail(error, "the client", "one device after the other");
	filter->acks_ours[filter->acks++] = ours;
	return TRUE;
}

void
usb_verdict_forget_device(UsbFilter *filter)
{
	g_autofree char *name = g_steal_pointer(&filter->name);

	filter->connected = FALSE;
	memset(filter->requests, 0, sizeof filter->requests);
	if (name)
		filter->sink->on_disconnected(name, filter->data);
}

/* The client takes its device back when it hears of it; until then, and if it does not, its packets are dropped. */
static gboolean
refuse(UsbFilter *filter, const char *why, GError **error)
{
	g_autofree char *text = usb_device_text(&filter->device);

	if (filter->connected) {
		say_to_vm(filter, USB_DEVICE_DISCONNECT);
		if (!expect_ack(filter, TRUE, error))
			return FALSE;
	}
	if (usb_filter_caps(filter) & USB_CAP_FILTER)
		usb_filter_say_to_client(filter, USB_FILTER_REJECT, NULL, 0);
	filter->sink->on_refused(text, why, filter->data);
	usb_verdict_forget_device(filter);
	return TRUE;
}

static void
pass(UsbFilter *filter, const GByteArray *packet)
{
	if (packet->len > 0)
		filter->sink->to_vm(packet->data, packet->len, filter->data);
}

static gboolean
connect_device(UsbFilter *filter, const GByteArray *packet, const guint8 *fields, GError **error)
{
	g_autofree char *why = NULL;

	if (filter->connected)
		return usb_filter_fail(error, "the client", "a second device before the first is gone");
	usb_device_set_identity(&filter->device, fields);
	if (filter->interface_info->len == 0)
		filter->device.interfaces = 0;
	why = usb_device_refusal(&filter->device, filter->rules);
	if (why)
		return refuse(filter, why, error);
	/* In the order that usbredirhost has. */
	pass(filter, filter->interface_info);
	pass(filter, filter->ep_info);
	pass(filter, packet);
	filter->connected = TRUE;
	filter->name = usb_device_text(&filter->device);
	filter->sink->on_connected(filter->name, filter->data);
	return TRUE;
}

static void
keep(GByteArray *kept, const GByteArray *packet)
{
	g_byte_array_set_size(kept, 0);
	g_byte_array_append(kept, packet->data, packet->len);
}

static gboolean
take_interfaces(UsbFilter *filter, const GByteArray *packet, const guint8 *fields, GError **error)
{
	g_autofree char *why = NULL;

	if (!usb_device_set_interfaces(&filter->device, fields))
		return usb_filter_fail(error, "the client", "more interfaces than a device has");
	keep(filter->interface_info, packet);
	if (!filter->connected)
		return TRUE;
	why = usb_device_refusal(&filter->device, filter->rules);
	if (why)
		return refuse(filter, why, error);
	pass(filter, packet);
	return TRUE;
}

static gboolean
disconnect_device(UsbFilter *filter, const GByteArray *packet, GError **error)
{
	if (filter->connected) {
		pass(filter, packet);
		if (!expect_ack(filter, FALSE, error))
			return FALSE;
	} else if (usb_filter_caps(filter) & USB_CAP_DISCONNECT_ACK) {
		/* The VM never had it, and the client waits. */
		usb_filter_say_to_client(filter, USB_DEVICE_DISCONNECT_ACK, NULL, 0);
	}
	usb_verdict_forget_device(filter);
	g_byte_array_set_size(filter->interface_info, 0);
	g_byte_array_set_size(filter->ep_info, 0);
	return TRUE;
}

/* The request that @id answers, which is answered by that; NULL: none. */
static UsbRequest *
find_request(UsbFilter *filter, guint64 id)
{
	for (guint i = 0; i < USB_REQUESTS_MAX; i++) {
		UsbRequest *request = &filter->requests[i];

		if (request->kind != USB_DESCRIPTOR_NONE && request->id == id)
			return request;
	}
	return NULL;
}

static void
note_request(UsbFilter *filter, const UsbPacket *packet)
{
	const guint8 *fields = packet->fields;
	guint8 kind = fields[5];

	if (fields[1] != GET_DESCRIPTOR || fields[2] != STANDARD_OF_DEVICE ||
		(kind != USB_DESCRIPTOR_DEVICE && kind != USB_DESCRIPTOR_CONFIGURATION && kind != USB_DESCRIPTOR_OTHER_SPEED))
		return;
	filter->requests[filter->next_request++ % USB_REQUESTS_MAX] = (UsbRequest){packet->id, (UsbDescriptor)kind};
}

static gboolean
check_descriptor(UsbFilter *filter, const GByteArray *packet, guint64 id, gsize head_size, GError **error)
{
	UsbRequest *request = find_request(filter, id);
	g_autofree char *why = usb_device_descriptor_refusal(
		&filter->device, filter->rules, request->kind, packet->data + head_size, packet->len - head_size);

	request->kind = USB_DESCRIPTOR_NONE;
	if (why)
		return refuse(filter, why, error);
	pass(filter, packet);
	return TRUE;
}

UsbWhat
usb_verdict_of_client(UsbFilter *filter, const UsbPacket *packet)
{
	switch (packet->type) {
	case USB_DEVICE_CONNECT:
	case USB_DEVICE_DISCONNECT:
	case USB_INTERFACE_INFO:
		return USB_KEEP;
	case USB_EP_INFO:
		return filter->connected ? USB_PASS : USB_KEEP;
	case USB_FILTER_FILTER:
		return USB_DROP; /* which devices the client lets out is its own affair */
	case USB_CONTROL_PACKET:
		if (filter->connected && find_request(filter, packet->id))
			return USB_KEEP;
		break;
	default:
		break;
	}
	return filter->connected ? USB_PASS : USB_DROP;
}

gboolean
usb_verdict_on_client(UsbFilter *filter, const UsbPacket *packet, const GByteArray *bytes, GError **error)
{
	switch (packet->type) {
	case USB_DEVICE_CONNECT:
		return connect_device(filter, bytes, packet->fields, error);
	case USB_DEVICE_DISCONNECT:
		return disconnect_device(filter, bytes, error);
	case USB_INTERFACE_INFO:
		return take_interfaces(filter, bytes, packet->fields, error);
	case USB_EP_INFO:
		keep(filter->ep_info, bytes);
		return TRUE;
	default:
		return check_descriptor(filter, bytes, packet->id, packet->head_size, error);
	}
}

UsbWhat
usb_verdict_of_vm(UsbFilter *filter, const UsbPacket *packet)
{
	switch (packet->type) {
	case USB_DEVICE_DISCONNECT_ACK:
	case USB_FILTER_REJECT:
		return USB_KEEP;
	case USB_FILTER_FILTER:
		return USB_DROP; /* ours was said */
	case USB_CONTROL_PACKET:
		if (filter->connected && (packet->fields[0] & ENDPOINT_IN))
			note_request(filter, packet);
		break;
	default:
		break;
	}
	return filter->connected ? USB_PASS : USB_DROP;
}

gboolean
usb_verdict_on_vm(UsbFilter *filter, const UsbPacket *packet, const GByteArray *bytes, GError **error)
{
	gboolean ours = FALSE;

	if (packet->type == USB_DEVICE_DISCONNECT_ACK) {
		if (filter->acks == 0)
			return usb_filter_fail(error, "the VM", "an answer to nothing");
		ours = filter->acks_ours[0];
		memmove(filter->acks_ours, filter->acks_ours + 1, --filter->acks * sizeof *filter->acks_ours);
	} else if (!filter->connected) {
		return TRUE;
	} else {
		filter->sink->on_refused(filter->name, "QEMU does not take it", filter->data);
		usb_verdict_forget_device(filter);
	}
	if (!ours)
		filter->sink->to_client(bytes->data, bytes->len, filter->data);
	return TRUE;
}
