/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/usb-filter-private.h"

#include <string.h>

#include "broker/common/error.h"

#define PENDING_MAX 65536

gboolean
usb_filter_fail(GError **error, const char *who, const char *why)
{
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "%s sends %s", who, why);
	return FALSE;
}

guint32
usb_filter_caps(const UsbFilter *filter)
{
	return filter->client_said_hello && filter->vm_said_hello ? filter->client_caps & filter->vm_caps : 0;
}

void
usb_filter_say_to_client(UsbFilter *filter, guint32 type, const void *body, gsize size)
{
	usb_packet_append(filter->pending, usb_filter_caps(filter), type, body, size);
}

static void
flush_pending(UsbFilter *filter)
{
	if (filter->pending->len == 0 || filter->from_vm.data_left > 0)
		return;
	filter->sink->to_client(filter->pending->data, filter->pending->len, filter->data);
	g_byte_array_set_size(filter->pending, 0);
}

static void
say_rules(UsbFilter *filter)
{
	g_autofree char *text = NULL;

	if ((usb_filter_caps(filter) & USB_CAP_FILTER) == 0)
		return;
	text = usb_rules_filter(filter->rules);
	usb_filter_say_to_client(filter, USB_FILTER_FILTER, text, strlen(text) + 1);
}

/* A hello is not passed on but said anew, with the capabilities that we know. */
static void
take_hello(UsbFilter *filter, UsbFrom from, const guint8 *caps, gsize size)
{
	g_autoptr(GByteArray) hello = g_byte_array_new();
	guint32 mask = usb_packet_caps(caps, size);

	usb_packet_append_hello(hello, mask);
	if (from == USB_FROM_CLIENT) {
		filter->client_said_hello = TRUE;
		filter->client_caps = mask;
		filter->sink->to_vm(hello->data, hello->len, filter->data);
	} else {
		filter->vm_said_hello = TRUE;
		filter->vm_caps = mask;
		filter->sink->to_client(hello->data, hello->len, filter->data);
	}
	if (filter->client_said_hello && filter->vm_said_hello)
		say_rules(filter);
}

/* Before both have said hello nobody can know what else there is to say, nor how. */
static gboolean
may_come(const UsbFilter *filter, UsbFrom from, guint32 type)
{
	gboolean said = from == USB_FROM_CLIENT ? filter->client_said_hello : filter->vm_said_hello;

	return type == USB_HELLO ? !said : filter->client_said_hello && filter->vm_said_hello;
}

static gboolean
on_whole(UsbFilter *filter, UsbStream *stream, UsbFrom from, GError **error)
{
	guint32 caps = usb_filter_caps(filter);
	const char *why;
	gboolean good = TRUE;
	UsbPacket packet;

	usb_packet_parse(stream->head->data, stream->head->len, from, caps, &packet, &why);
	if (packet.type == USB_HELLO)
		take_hello(filter, from, packet.fields + USB_HELLO_SIZE, packet.data_size);
	else if (from == USB_FROM_CLIENT)
		good = usb_verdict_on_client(filter, &packet, stream->head, error);
	else
		good = usb_verdict_on_vm(filter, &packet, stream->head, error);
	if (!good)
		return FALSE;
	if (filter->pending->len > PENDING_MAX)
		return usb_filter_fail(error, "the client", "more than it is answered");
	g_byte_array_set_size(stream->head, 0);
	flush_pending(filter);
	return TRUE;
}

static void
emit(UsbFilter *filter, UsbFrom from, const guint8 *bytes, gsize size)
{
	if (from == USB_FROM_CLIENT)
		filter->sink->to_vm(bytes, size, filter->data);
	else
		filter->sink->to_client(bytes, size, filter->data);
}

/* The head of a packet is here. */
static gboolean
on_head(UsbFilter *filter, UsbStream *stream, UsbFrom from, const UsbPacket *packet, GError **error)
{
	const char *who = from == USB_FROM_CLIENT ? "the client" : "the VM";

	if (!may_come(filter, from, packet->type))
		return usb_filter_fail(error, who, packet->type == USB_HELLO ? "a second hello" : "a packet before both have said hello");
	if (packet->type == USB_HELLO)
		stream->what = USB_KEEP;
	else
		stream->what = from == USB_FROM_CLIENT ? usb_verdict_of_client(filter, packet) : usb_verdict_of_vm(filter, packet);
	stream->data_left = packet->data_size;
	if (stream->what == USB_KEEP)
		return stream->data_left > 0 || on_whole(filter, stream, from, error);
	if (stream->what == USB_PASS)
		emit(filter, from, stream->head->data, stream->head->len);
	g_byte_array_set_size(stream->head, 0);
	return TRUE;
}

static gboolean
take_head(UsbFilter *filter, UsbStream *stream, UsbFrom from, const guint8 **bytes, gsize *size, GError **error)
{
	gsize had = stream->head->len, more = MIN(*size, USB_PACKET_HEAD_MAX - had);
	const char *why = NULL;
	UsbPacket packet;
	UsbParse parse;

	g_byte_array_append(stream->head, *bytes, (guint)more);
	parse = usb_packet_parse(stream->head->data, stream->head->len, from, usb_filter_caps(filter), &packet, &why);
	if (parse == USB_BAD)
		return usb_filter_fail(error, from == USB_FROM_CLIENT ? "the client" : "the VM", why);
	if (parse == USB_DONE) {
		more = packet.head_size - had;
		g_byte_array_set_size(stream->head, (guint)packet.head_size);
	}
	*bytes += more;
	*size -= more;
	return parse == USB_MORE || on_head(filter, stream, from, &packet, error);
}

static gboolean
take_data(UsbFilter *filter, UsbStream *stream, UsbFrom from, const guint8 **bytes, gsize *size, GError **error)
{
	gsize n = MIN(*size, stream->data_left);
	const guint8 *data = *bytes;

	*bytes += n;
	*size -= n;
	stream->data_left -= n;
	if (stream->what == USB_PASS)
		emit(filter, from, data, n);
	if (stream->what == USB_KEEP)
		g_byte_array_append(stream->head, data, (guint)n);
	if (stream->what == USB_KEEP && stream->data_left == 0)
		return on_whole(filter, stream, from, error);
	flush_pending(filter);
	return TRUE;
}

static gboolean
feed(UsbFilter *filter, UsbStream *stream, UsbFrom from, const guint8 *bytes, gsize size, GError **error)
{
	while (size > 0) {
		if (!(stream->data_left > 0 ? take_data(filter, stream, from, &bytes, &size, error)
					    : take_head(filter, stream, from, &bytes, &size, error)))
			return FALSE;
	}
	return TRUE;
}

gboolean
usb_filter_from_client(UsbFilter *filter, const guint8 *bytes, gsize size, GError **error)
{
	return feed(filter, &filter->from_client, USB_FROM_CLIENT, bytes, size, error);
}

gboolean
usb_filter_from_vm(UsbFilter *filter, const guint8 *bytes, gsize size, GError **error)
{
	return feed(filter, &filter->from_vm, USB_FROM_VM, bytes, size, error);
}

void
usb_filter_pretend_vm(UsbFilter *filter)
{
	take_hello(filter, USB_FROM_VM, (const guint8[]){USB_CAPS_KNOWN, 0, 0, 0}, 4);
	flush_pending(filter);
}

UsbFilter *
usb_filter_new(UsbRules *rules, const UsbFilterSink *sink, void *data)
{
	UsbFilter *filter = g_new0(UsbFilter, 1);

	filter->rules = rules ? usb_rules_ref(rules) : NULL;
	filter->sink = sink;
	filter->data = data;
	filter->from_client.head = g_byte_array_new();
	filter->from_vm.head = g_byte_array_new();
	filter->interface_info = g_byte_array_new();
	filter->ep_info = g_byte_array_new();
	filter->pending = g_byte_array_new();
	return filter;
}

void
usb_filter_free(UsbFilter *filter)
{
	if (filter == NULL)
		return;
	usb_verdict_forget_device(filter);
	usb_rules_unref(filter->rules);
	g_byte_array_unref(filter->from_client.head);
	g_byte_array_unref(filter->from_vm.head);
	g_byte_array_unref(filter->interface_info);
	g_byte_array_unref(filter->ep_info);
	g_byte_array_unref(filter->pending);
	g_free(filter);
}
