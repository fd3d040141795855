/* Between usb-filter.c, the streams, and usb-verdict.c, what is made of their packets. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/usb-device.h"
#include "display/usb-filter.h"
#include "display/usb-packet.h"

#define USB_REQUESTS_MAX 32 /* a guest has one request at a time under way; more are those that it gave up */
#define USB_ACKS_MAX 32

typedef enum {
	USB_DROP,
	USB_PASS,
	USB_KEEP, /* until its data is here, to be looked at whole */
} UsbWhat;

/* One direction. */
typedef struct {
	GByteArray *head; /* of the packet that comes; with USB_KEEP its data, too */
	gsize data_left;
	UsbWhat what;
} UsbStream;

/* A request of the guest's that is not answered. */
typedef struct {
	guint64 id;
	UsbDescriptor kind; /* that it asks for */
} UsbRequest;

struct UsbFilter {
	UsbRules *rules;
	const UsbFilterSink *sink;
	void *data;
	UsbStream from_client, from_vm;
	gboolean client_said_hello, vm_said_hello;
	guint32 client_caps, vm_caps;
	gboolean connected; /* the VM has the device */
	UsbDevice device;   /* as its client described it last */
	char *name;         /* of the one that is connected */
	/* What the client said before it connected the device: packets for the VM. */
	GByteArray *interface_info, *ep_info;
	GByteArray *pending; /* for the client, as soon as a packet of the VM's is through */
	UsbRequest requests[USB_REQUESTS_MAX];
	guint next_request;
	gboolean acks_ours[USB_ACKS_MAX]; /* what the VM will acknowledge, in order: our own word, or the client's */
	guint acks;
};

/* The capabilities that both have: 0 until both have said hello. */
guint32 usb_filter_caps(const UsbFilter *filter);
/* A packet of our own, never into the middle of another. */
void usb_filter_say_to_client(UsbFilter *filter, guint32 type, const void *body, gsize size);
gboolean usb_filter_fail(GError **error, const char *who, const char *why);

/* Of a packet whose head is here, and that is no hello: what is to be done with its bytes. */
UsbWhat usb_verdict_of_client(UsbFilter *filter, const UsbPacket *packet);
UsbWhat usb_verdict_of_vm(UsbFilter *filter, const UsbPacket *packet);
/* Of one that was to be kept, and is whole: @bytes. */
gboolean usb_verdict_on_client(UsbFilter *filter, const UsbPacket *packet, const GByteArray *bytes, GError **error);
gboolean usb_verdict_on_vm(UsbFilter *filter, const UsbPacket *packet, const GByteArray *bytes, GError **error);
/* The device that the VM has, if any, is gone. */
void usb_verdict_forget_device(UsbFilter *filter);
