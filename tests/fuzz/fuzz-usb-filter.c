/* What a SPICE client's and a VM's ends of usbredir say to each other through the screen. The input is a byte that chooses the rules, and
 * then pieces: who speaks, how many bytes (two, little-endian), and these. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "display/usb-device.h"
#include "display/usb-filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
	GByteArray *to_client, *to_vm;
	GString *told;
} Heard;

static const char *const rule_sets[][4] = {
	{"deny 046d:c31c", "allow hid", "allow 0951:*"}, {"allow all"}, {NULL}, {"deny storage", "allow all"}};

static void
hear_client(const void *bytes, gsize size, void *data)
{
	g_byte_array_append(((Heard *)data)->to_client, bytes, (guint)size);
}

static void
hear_vm(const void *bytes, gsize size, void *data)
{
	g_byte_array_append(((Heard *)data)->to_vm, bytes, (guint)size);
}

static void
hear_connected(const char *device, void *data)
{
	g_string_append_printf(((Heard *)data)->told, "+%s;", device);
}

static void
hear_refused(const char *device, const char *why, void *data)
{
	g_string_append_printf(((Heard *)data)->told, "!%s: %s;", device, why);
}

static void
hear_disconnected(const char *device, void *data)
{
	g_string_append_printf(((Heard *)data)->told, "-%s;", device);
}

static const UsbFilterSink sink = {hear_client, hear_vm, hear_connected, hear_refused, hear_disconnected};

static gboolean
feed(UsbFilter *filter, gboolean client, const guint8 *bytes, gsize size, gsize step)
{
	for (gsize at = 0; at < size; at += step) {
		gsize n = MIN(step, size - at);

		if (!(client ? usb_filter_from_client(filter, bytes + at, n, NULL) : usb_filter_from_vm(filter, bytes + at, n, NULL)))
			return FALSE;
	}
	return TRUE;
}

static void
converse(UsbRules *rules, const guint8 *data, gsize size, gsize step, Heard *heard)
{
	UsbFilter *filter = usb_filter_new(rules, &sink, heard);

	heard->to_client = g_byte_array_new();
	heard->to_vm = g_byte_array_new();
	heard->told = g_string_new(NULL);
	while (size >= 3) {
		gsize length = MIN((gsize)usb_u16(data + 1), size - 3);

		if (!feed(filter, data[0] & 1, data + 3, length, step))
			break;
		data += 3 + length;
		size -= 3 + length;
	}
	usb_filter_free(filter);
}

static void
heard_clear(Heard *heard)
{
	g_byte_array_unref(heard->to_client);
	g_byte_array_unref(heard->to_vm);
	g_string_free(heard->told, TRUE);
}

static gboolean
is_same(const GByteArray *a, const GByteArray *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static guint32
hello_caps(const GByteArray *bytes)
{
	return bytes->len >= 12 + USB_HELLO_SIZE + 4 ? usb_u32(bytes->data + 12 + USB_HELLO_SIZE) : 0;
}

/* Is all that QEMU, or the client, got packets that may come to it, the last one cut perhaps? No device among them but allowed ones. */
static void
check_packets(const GByteArray *bytes, UsbFrom from, guint32 caps, const UsbRules *rules)
{
	UsbDevice device = {0};

	for (gsize at = 0; at < bytes->len;) {
		const char *why = NULL;
		UsbPacket packet;
		UsbParse parse = usb_packet_parse(bytes->data + at, bytes->len - at, from, at == 0 ? 0 : caps, &packet, &why);

		if (parse == USB_BAD || (at == 0) != (packet.type == USB_HELLO))
			g_error("a packet that should have been kept back: %s", why);
		if (parse == USB_MORE)
			return;
		if (packet.type == USB_INTERFACE_INFO && !usb_device_set_interfaces(&device, packet.fields))
			g_error("more interfaces than there can be");
		if (packet.type == USB_DEVICE_CONNECT) {
			usb_device_set_identity(&device, packet.fields);
			g_autofree char *refusal = usb_device_refusal(&device, rules);

			if (refusal)
				g_error("a device came that may not: %s", refusal);
		}
		at += packet.head_size + packet.data_size;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *why = NULL;
	Heard whole, bytewise;
	UsbRules *rules;
	guint32 caps;

	if (size == 0)
		return 0;
	rules = usb_rules_new(rule_sets[data[0] % G_N_ELEMENTS(rule_sets)], &why);
	converse(rules, data + 1, size - 1, 65536, &whole);
	converse(rules, data + 1, size - 1, 1, &bytewise);
	caps = hello_caps(whole.to_client) & hello_caps(whole.to_vm);
	check_packets(whole.to_vm, USB_FROM_CLIENT, caps, rules);
	check_packets(whole.to_client, USB_FROM_VM, caps, rules);
	if (!is_same(whole.to_vm, bytewise.to_vm) || !is_same(whole.to_client, bytewise.to_client) ||
		strcmp(whole.told->str, bytewise.told->str) != 0)
		g_error("one byte at a time it is another conversation");
	if (whole.to_vm->len + whole.to_client->len > 64 * size + 4096)
		g_error("%u bytes from %zu", whole.to_vm->len + whole.to_client->len, size);
	heard_clear(&whole);
	heard_clear(&bytewise);
	usb_rules_unref(rules);
	return 0;
}
