/* usbredir's packets, as far as they must be understood to be let through: their kind, their fixed part, and how much data follows.
 * The two ends are called client (usbredir's "usb-host", which has the device) and VM ("usb-guest"). All numbers are little-endian.
 * Types, fields and capabilities: usbredir's protocol description, version 0.7 (docs/usb-redirection-protocol.md of usbredir).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef enum {
	USB_HELLO,
	USB_DEVICE_CONNECT,
	USB_DEVICE_DISCONNECT,
	USB_RESET,
	USB_INTERFACE_INFO,
	USB_EP_INFO,
	USB_FILTER_REJECT = 22,
	USB_FILTER_FILTER,
	USB_DEVICE_DISCONNECT_ACK,
	USB_CONTROL_PACKET = 100,
} UsbPacketType; /* those that are more to us than bytes */

/* What an end can do: bits of its hello. Those of both ends decide how packets look. */
#define USB_CAP_BULK_STREAMS (1u << 0)
#define USB_CAP_CONNECT_VERSION (1u << 1)
#define USB_CAP_FILTER (1u << 2)
#define USB_CAP_DISCONNECT_ACK (1u << 3)
#define USB_CAP_EP_INFO_PACKET_SIZE (1u << 4)
#define USB_CAP_64BIT_IDS (1u << 5)
#define USB_CAP_32BIT_BULK (1u << 6)
#define USB_CAP_BULK_RECEIVING (1u << 7)
#define USB_CAPS_KNOWN 0xffu

#define USB_HELLO_SIZE 64
#define USB_INTERFACES_MAX 32
#define USB_INTERFACE_SIZE (4 + 4 * USB_INTERFACES_MAX)
#define USB_PACKET_HEAD_MAX (16 + 9 * USB_INTERFACES_MAX)
#define USB_CONTROL_MAX 65535
/* A client's Linux has no more for one transfer: usbfs_memory_mb. */
#define USB_BULK_MAX (16 * 1024 * 1024)

typedef enum { USB_FROM_CLIENT, USB_FROM_VM } UsbFrom;
typedef enum { USB_MORE, USB_DONE, USB_BAD } UsbParse;

typedef struct {
	guint32 type; /* UsbPacketType, or another one's number */
	guint64 id;
	const guint8 *fields; /* the fixed part, in the bytes that were parsed */
	gsize head_size;      /* of the header and the fixed part, at most USB_PACKET_HEAD_MAX */
	gsize data_size;      /* what follows, at most USB_BULK_MAX */
} UsbPacket;

/* The packet at the start of @bytes, as soon as its head is there whole: its data need not be. @caps: of both ends; 0 before both have
 * said hello. BAD, with a static @why: no such packet may come from there. */
UsbParse usb_packet_parse(const guint8 *bytes, gsize size, UsbFrom from, guint32 caps, UsbPacket *packet, const char **why);

/* Appends a packet whose fixed part and data are @body. */
void usb_packet_append(GByteArray *out, guint32 caps, guint32 type, const void *body, gsize size);
/* Appends a hello of an end with @caps, which says that it is Carrel. */
void usb_packet_append_hello(GByteArray *out, guint32 caps);

/* What a hello with @data behind its fixed part claims, without what we do not know and what it cannot mean. */
guint32 usb_packet_caps(const guint8 *data, gsize size);

guint16 usb_u16(const guint8 *at);
guint32 usb_u32(const guint8 *at);
