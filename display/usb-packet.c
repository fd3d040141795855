/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/usb-packet.h"

#include <string.h>

#define CAPS_DATA_MAX 64
#define FILTER_DATA_MAX 16384
#define DATA_PACKETS 100
#define IN 0x80

/* What may follow the fixed part. */
typedef enum { NONE, CAPS, TEXT, LENGTH16_AT_8, BULK, LENGTH16_AT_2, BUFFERED } Data;

typedef struct {
	guint8 from; /* bits: 1 << UsbFrom; 0: no such packet */
	guint8 size; /* of the fixed part with all capabilities */
	Data data;
} Shape;

#define CLIENT (1 << USB_FROM_CLIENT)
#define VM (1 << USB_FROM_VM)

static const Shape control[] = {
	[USB_HELLO] = {CLIENT | VM, USB_HELLO_SIZE, CAPS},
	[USB_DEVICE_CONNECT] = {CLIENT, 10, NONE},
	[USB_DEVICE_DISCONNECT] = {CLIENT, 0, NONE},
	[USB_RESET] = {VM, 0, NONE},
	[USB_INTERFACE_INFO] = {CLIENT, USB_INTERFACE_SIZE, NONE},
	[USB_EP_INFO] = {CLIENT, 0, NONE}, /* its size is more than fits here: fixed_size() */
	{VM, 1, NONE},                     /* set_configuration */
	{VM, 0, NONE},                     /* get_configuration */
	{CLIENT, 2, NONE},                 /* configuration_status */
	{VM, 2, NONE},                     /* set_alt_setting */
	{VM, 1, NONE},                     /* get_alt_setting */
	{CLIENT, 3, NONE},                 /* alt_setting_status */
	{VM, 3, NONE},                     /* start_iso_stream */
	{VM, 1, NONE},                     /* stop_iso_stream */
	{CLIENT, 2, NONE},                 /* iso_stream_status */
	{VM, 1, NONE},                     /* start_interrupt_receiving */
	{VM, 1, NONE},                     /* stop_interrupt_receiving */
	{CLIENT, 2, NONE},                 /* interrupt_receiving_status */
	{VM, 8, NONE},                     /* alloc_bulk_streams */
	{VM, 4, NONE},                     /* free_bulk_streams */
	{CLIENT, 9, NONE},                 /* bulk_streams_status */
	{VM, 0, NONE},                     /* cancel_data_packet */
	[USB_FILTER_REJECT] = {VM, 0, NONE},
	[USB_FILTER_FILTER] = {CLIENT | VM, 0, TEXT},
	[USB_DEVICE_DISCONNECT_ACK] = {VM, 0, NONE},
	{VM, 10, NONE},    /* start_bulk_receiving */
	{VM, 5, NONE},     /* stop_bulk_receiving */
	{CLIENT, 6, NONE}, /* bulk_receiving_status */
};

static const Shape data[] = {
	{CLIENT | VM, 10, LENGTH16_AT_8},                         /* control */
	{CLIENT | VM, 10, BULK}, {CLIENT | VM, 4, LENGTH16_AT_2}, /* iso */
	{CLIENT | VM, 4, LENGTH16_AT_2},                          /* interrupt */
	{CLIENT, 10, BUFFERED},                                   /* buffered bulk */
};

guint16
usb_u16(const guint8 *at)
{
	return (guint16)(at[0] | at[1] << 8);
}

guint32
usb_u32(const guint8 *at)
{
	return usb_u16(at) | (guint32)usb_u16(at + 2) << 16;
}

static void
append_u32(GByteArray *out, guint32 value)
{
	const guint32 bytes = GUINT32_TO_LE(value);

	g_byte_array_append(out, (const guint8 *)&bytes, sizeof bytes);
}

static const Shape *
shape_of(guint32 type)
{
	if (type < G_N_ELEMENTS(control))
		return &control[type];
	return type >= DATA_PACKETS && type - DATA_PACKETS < G_N_ELEMENTS(data) ? &data[type - DATA_PACKETS] : NULL;
}

static gsize
fixed_size(guint32 type, guint32 caps)
{
	const Shape *shape = shape_of(type);

	if (type == USB_EP_INFO && (caps & USB_CAP_BULK_STREAMS))
		return 9 * USB_INTERFACES_MAX;
	if (type == USB_EP_INFO)
		return (caps & USB_CAP_EP_INFO_PACKET_SIZE ? 5 : 3) * USB_INTERFACES_MAX;
	if (type == USB_DEVICE_CONNECT && !(caps & USB_CAP_CONNECT_VERSION))
		return 8;
	return shape->data == BULK && !(caps & USB_CAP_32BIT_BULK) ? 8 : shape->size;
}

/* The length that a data packet's fixed part tells. */
static gsize
told_length(const UsbPacket *packet, const Shape *shape, guint32 caps)
{
	switch (shape->data) {
	case LENGTH16_AT_8:
		return usb_u16(packet->fields + 8);
	case BULK:
		return usb_u16(packet->fields + 2) | (caps & USB_CAP_32BIT_BULK ? (gsize)usb_u16(packet->fields + 8) << 16 : 0);
	case BUFFERED:
		return usb_u32(packet->fields + 4);
	default:
		return usb_u16(packet->fields + 2);
	}
}

static UsbParse
check_data(const UsbPacket *packet, const Shape *shape, UsbFrom from, guint32 caps, const char **why)
{
	guint8 endpoint = packet->fields[shape->data == BUFFERED ? 8 : 0];
	/* Data goes with what comes in from the device, and with what goes out to it. */
	gboolean carries = (endpoint & IN) != 0 ? from == USB_FROM_CLIENT : from == USB_FROM_VM;

	*why = "a transfer of another length than it has data";
	if (packet->data_size != (carries ? told_length(packet, shape, caps) : 0))
		return USB_BAD;
	/* Of endpoint 0 are requests, and they alone: else an answer to one could hide in a packet of another kind. */
	*why = "a transfer of the wrong kind for its endpoint";
	return (packet->type == USB_CONTROL_PACKET) == ((endpoint & 0x0f) == 0) ? USB_DONE : USB_BAD;
}

UsbParse
usb_packet_parse(const guint8 *bytes, gsize size, UsbFrom from, guint32 caps, UsbPacket *packet, const char **why)
{
	gsize header = caps & USB_CAP_64BIT_IDS ? 16 : 12, fixed, length;
	const Shape *shape;

	if (size < header)
		return USB_MORE;
	packet->type = usb_u32(bytes);
	length = usb_u32(bytes + 4);
	packet->id = usb_u32(bytes + 8) | (header == 16 ? (guint64)usb_u32(bytes + 12) << 32 : 0);
	packet->fields = bytes + header;
	shape = shape_of(packet->type);
	*why = "a packet that may not come from there";
	if (shape == NULL || (shape->from & (1 << from)) == 0)
		return USB_BAD;
	fixed = fixed_size(packet->type, caps);
	packet->head_size = header + fixed;
	*why = "a packet of a wrong length";
	if (length < fixed || length - fixed > USB_BULK_MAX)
		return USB_BAD;
	packet->data_size = length - fixed;
	if ((shape->data == NONE && packet->data_size > 0) || (shape->data == CAPS && packet->data_size > CAPS_DATA_MAX) ||
		(shape->data == TEXT && packet->data_size > FILTER_DATA_MAX))
		return USB_BAD;
	if (size < packet->head_size)
		return USB_MORE;
	return packet->type >= DATA_PACKETS ? check_data(packet, shape, from, caps, why) : USB_DONE;
}

void
usb_packet_append(GByteArray *out, guint32 caps, guint32 type, const void *body, gsize size)
{
	append_u32(out, type);
	append_u32(out, (guint32)size);
	append_u32(out, 0);
	if (caps & USB_CAP_64BIT_IDS)
		append_u32(out, 0);
	if (size > 0)
		g_byte_array_append(out, body, (guint)size);
}

void
usb_packet_append_hello(GByteArray *out, guint32 caps)
{
	struct {
		char version[USB_HELLO_SIZE];
		guint32 caps;
	} hello = {PACKAGE_STRING, GUINT32_TO_LE(caps)};

	usb_packet_append(out, 0, USB_HELLO, &hello, sizeof hello);
}

guint32
usb_packet_caps(const guint8 *bytes, gsize size)
{
	guint32 caps = size >= 4 ? usb_u32(bytes) & USB_CAPS_KNOWN : 0;

	/* As the peers read it: where streams are told of, so are sizes. */
	return caps & USB_CAP_EP_INFO_PACKET_SIZE ? caps : caps & ~USB_CAP_BULK_STREAMS;
}
