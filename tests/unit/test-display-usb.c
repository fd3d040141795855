/* Which USB devices a client may bring, and what is let through of those. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/common/error.h"
#include "broker/common/usb-rules.h"
#include "display/usb-filter.h"
#include "display/usb-packet.h"

#define HID 0x03
#define STORAGE 0x08
#define AUDIO 0x01

static UsbFilter *filter;
static GByteArray *at_client, *at_vm;
static GString *told;

static void
hear_client(const void *bytes, gsize size, void *data)
{
	g_byte_array_append(at_client, bytes, (guint)size);
}

static void
hear_vm(const void *bytes, gsize size, void *data)
{
	g_byte_array_append(at_vm, bytes, (guint)size);
}

static void
hear_connected(const char *device, void *data)
{
	g_string_append_printf(told, "+%s;", device);
}

static void
hear_refused(const char *device, const char *why, void *data)
{
	g_string_append_printf(told, "!%s: %s;", device, why);
}

static void
hear_disconnected(const char *device, void *data)
{
	g_string_append_printf(told, "-%s;", device);
}

static const UsbFilterSink sink = {hear_client, hear_vm, hear_connected, hear_refused, hear_disconnected};

static UsbRules *
rules_of(const char *text)
{
	g_auto(GStrv) items = g_strsplit(text, ", ", -1);
	g_autofree char *why = NULL;
	UsbRules *rules = usb_rules_new((const char *const *)items, &why);

	ck_assert_msg(rules != NULL, "%s", why);
	return rules;
}

static void
set_up_with(const char *text)
{
	g_autoptr(UsbRules) rules = rules_of(text);

	at_client = g_byte_array_new();
	at_vm = g_byte_array_new();
	told = g_string_new(NULL);
	filter = usb_filter_new(rules, &sink, NULL);
}

static void
set_up(void)
{
	set_up_with("deny 046d:c31c, allow hid, allow audio, allow 0951:*");
}

static void
tear_down(void)
{
	usb_filter_free(filter);
	g_byte_array_unref(at_client);
	g_byte_array_unref(at_vm);
	g_string_free(told, TRUE);
}

static guint32 caps_now; /* 0 until both have said hello */

static void
from(UsbFrom end, const GByteArray *bytes)
{
	g_autoptr(GError) error = NULL;
	gboolean done = end == USB_FROM_CLIENT ? usb_filter_from_client(filter, bytes->data, bytes->len, &error)
					       : usb_filter_from_vm(filter, bytes->data, bytes->len, &error);

	ck_assert_msg(done, "%s", error ? error->message : "");
}

static gboolean
is_bad(UsbFrom end, guint32 type, const void *body, gsize size)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autoptr(GError) error = NULL;

	usb_packet_append(bytes, caps_now, type, body, size);
	if (end == USB_FROM_CLIENT ? usb_filter_from_client(filter, bytes->data, bytes->len, &error)
				   : usb_filter_from_vm(filter, bytes->data, bytes->len, &error))
		return FALSE;
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL));
	return TRUE;
}

static void
say(UsbFrom end, guint32 type, const void *body, gsize size)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	usb_packet_append(bytes, caps_now, type, body, size);
	from(end, bytes);
}

static void
hello(guint32 client, guint32 vm)
{
	g_autoptr(GByteArray) ours = g_byte_array_new(), theirs = g_byte_array_new();

	caps_now = 0;
	usb_packet_append_hello(ours, client);
	usb_packet_append_hello(theirs, vm);
	from(USB_FROM_CLIENT, ours);
	from(USB_FROM_VM, theirs);
	caps_now = client & vm & USB_CAPS_KNOWN;
}

static void
greet(void)
{
	hello(USB_CAPS_KNOWN, USB_CAPS_KNOWN);
	g_byte_array_set_size(at_client, 0);
	g_byte_array_set_size(at_vm, 0);
}

static void
describe(const guint8 *classes, guint n)
{
	guint8 info[USB_INTERFACE_SIZE] = {(guint8)n}, endpoints[9 * USB_INTERFACES_MAX] = {0};

	if (n > 0)
		memcpy(info + 4 + USB_INTERFACES_MAX, classes, n);
	say(USB_FROM_CLIENT, USB_INTERFACE_INFO, info, sizeof info);
	say(USB_FROM_CLIENT, USB_EP_INFO, endpoints, sizeof endpoints);
}

static void
bring(guint16 vendor, guint16 product, guint8 class, const guint8 *classes, guint n)
{
	const guint8 device[10] = {1, class, 0, 0, (guint8)vendor, (guint8)(vendor >> 8), (guint8)product, (guint8)(product >> 8), 0, 1};

	describe(classes, n);
	say(USB_FROM_CLIENT, USB_DEVICE_CONNECT, device, sizeof device);
}

static void
bring_mouse(void)
{
	bring(0x046d, 0xc077, 0, (const guint8[]){HID}, 1);
}

/* "0 4 5 1 " */
static char *
types_at(const GByteArray *bytes, UsbFrom end)
{
	GString *types = g_string_new(NULL);
	gsize at = 0;

	while (at < bytes->len) {
		const char *why;
		UsbPacket packet;

		ck_assert_int_eq(usb_packet_parse(bytes->data + at, bytes->len - at, end, caps_now, &packet, &why), USB_DONE);
		g_string_append_printf(types, "%u ", packet.type);
		at += packet.head_size + packet.data_size;
	}
	ck_assert_uint_eq(at, bytes->len);
	return g_string_free(types, FALSE);
}

static void
assert_at(GByteArray *bytes, UsbFrom end, const char *expected)
{
	g_autofree char *types = types_at(bytes, end);

	ck_assert_str_eq(types, expected);
	g_byte_array_set_size(bytes, 0);
}

static void
assert_vm_has(const char *expected)
{
	assert_at(at_vm, USB_FROM_CLIENT, expected);
}

static void
assert_client_has(const char *expected)
{
	assert_at(at_client, USB_FROM_VM, expected);
}

/* The guest asks for a descriptor, and the device answers with @bytes. */
static void
answer_descriptor(guint8 kind, const guint8 *bytes, gsize size)
{
	g_autoptr(GByteArray) answer = g_byte_array_new();
	const guint8 ask[10] = {0x80, 6, 0x80, 0, 0, kind, 0, 0, (guint8)size, 0};

	say(USB_FROM_VM, USB_CONTROL_PACKET, ask, sizeof ask);
	g_byte_array_append(answer, ask, sizeof ask);
	g_byte_array_append(answer, bytes, (guint)size);
	say(USB_FROM_CLIENT, USB_CONTROL_PACKET, answer->data, answer->len);
}

static const struct {
	const char *rule, *words;
} faults[] = {{"", "begins with"}, {"storage", "begins with"}, {"permit hid", "begins with"}, {"allow", "names no devices"},
	{"allow disks", "names no devices"}, {"allow 46d:*", "names no devices"}, {"deny 0951:hid", "names no devices"},
	{"deny 0951:16661", "names no devices"}, {"allow 0x123", "names no devices"}, {"allow 0x", "names no devices"},
	{"allow all of them", "names no devices"}, {"Allow hid", "begins with"}};

START_TEST(what_is_no_rule_is_told_with_what_would_be)
{
	const char *items[] = {"allow hid", faults[_i].rule, NULL};
	g_autofree char *why = NULL;

	ck_assert(usb_rules_new(items, &why) == NULL);
	ck_assert_msg(strstr(why, faults[_i].words) && strstr(why, faults[_i].rule), "%s", why);
	ck_assert_ptr_null(strchr(why, '\n'));
}
END_TEST

START_TEST(there_is_a_limit_of_rules)
{
	const char *items[USB_RULES_MAX + 2] = {NULL};
	g_autofree char *why = NULL;

	for (guint i = 0; i <= USB_RULES_MAX; i++)
		items[i] = "allow hid";
	ck_assert(usb_rules_new(items, &why) == NULL);
	ck_assert_ptr_nonnull(strstr(why, "64"));
}
END_TEST

START_TEST(the_first_rule_that_fits_decides_and_nothing_fits_no_rule)
{
	g_autoptr(UsbRules) rules = rules_of("deny 046d:c31c, allow 046D:*, deny 0x08, allow comm, deny hub");

	ck_assert(!usb_rules_allow(rules, HID, 0x046d, 0xc31c));
	ck_assert(usb_rules_allow(rules, STORAGE, 0x046d, 1));
	ck_assert(!usb_rules_allow(rules, STORAGE, 0x0951, 1));
	ck_assert(usb_rules_allow(rules, 0x02, 1, 1));
	ck_assert(usb_rules_allow(rules, 0x0a, 1, 1)); /* a modem's data */
	ck_assert(!usb_rules_allow(rules, HID, 1, 1));
	ck_assert(!usb_rules_allow(NULL, HID, 1, 1));
}
END_TEST

START_TEST(rules_are_told_as_usbredir_writes_them)
{
	g_autoptr(UsbRules) rules = rules_of("deny 046d:c31c, allow 0951:*, allow storage, deny all");
	g_autofree char *text = usb_rules_filter(rules), *none = usb_rules_filter(NULL);

	ck_assert_str_eq(text, "-1,0x046d,0xc31c,-1,0|-1,0x0951,-1,-1,1|0x08,-1,-1,-1,1|-1,-1,-1,-1,0|-1,-1,-1,-1,0");
	ck_assert_str_eq(none, "-1,-1,-1,-1,0");
}
END_TEST

START_TEST(both_hear_a_hello_of_what_is_known_and_the_client_the_rules)
{
	g_autofree char *types = NULL;

	hello(0xffffffff, 0x7f);
	ck_assert_uint_eq(usb_u32(at_vm->data + 12 + USB_HELLO_SIZE), USB_CAPS_KNOWN);
	ck_assert_uint_eq(usb_u32(at_client->data + 12 + USB_HELLO_SIZE), 0x7f);
	g_byte_array_remove_range(at_client, 0, 12 + USB_HELLO_SIZE + 4);
	types = types_at(at_client, USB_FROM_VM);
	ck_assert_str_eq(types, "23 ");
	ck_assert_ptr_nonnull(memmem(at_client->data, at_client->len, "0x03,-1,-1,-1,1|", 16));
}
END_TEST

START_TEST(a_device_that_is_allowed_comes_with_all_that_was_said_of_it)
{
	greet();
	describe((const guint8[]){HID}, 1);
	assert_vm_has(""); /* not before it is known whose they are */
	bring_mouse();
	assert_vm_has("4 5 1 ");
	assert_client_has("");
	ck_assert_str_eq(told->str, "+046d:c077 hid;");
}
END_TEST

START_TEST(a_device_that_is_denied_never_comes)
{
	greet();
	bring(0x1234, 0x5678, 0, (const guint8[]){STORAGE}, 1);
	say(USB_FROM_CLIENT, USB_CONTROL_PACKET, (const guint8[10]){0x80}, 10);
	assert_vm_has("");
	assert_client_has("22 ");
	say(USB_FROM_CLIENT, USB_DEVICE_DISCONNECT, NULL, 0);
	assert_vm_has("");
	assert_client_has("24 ");
	ck_assert_str_eq(told->str, "!1234:5678 storage: storage is not allowed;");
}
END_TEST

START_TEST(another_device_may_come_after_one_that_was_denied)
{
	greet();
	bring(0x046d, 0xc31c, 0, (const guint8[]){HID}, 1);
	bring_mouse();
	assert_vm_has("4 5 1 ");
	ck_assert_str_eq(told->str, "!046d:c31c hid: hid is not allowed;+046d:c077 hid;");
}
END_TEST

START_TEST(each_interface_must_be_allowed_and_the_device_too)
{
	greet();
	bring(0x1234, 1, 0xef, (const guint8[]){AUDIO, AUDIO, STORAGE}, 3);
	bring(0x1234, 1, STORAGE, (const guint8[]){AUDIO}, 1);
	bring(0x1234, 1, 0, NULL, 0);
	assert_vm_has("");
	bring(0x1234, 1, 0xef, (const guint8[]){AUDIO, AUDIO, HID}, 3);
	assert_vm_has("4 5 1 ");
	ck_assert_str_eq(told->str,
		"!1234:0001 audio, storage: storage is not allowed;!1234:0001 storage, audio: storage is not allowed;"
		"!1234:0001: it does not say what it is;+1234:0001 audio, hid;");
}
END_TEST

START_TEST(a_device_that_turns_into_another_is_taken_away)
{
	greet();
	bring_mouse();
	assert_vm_has("4 5 1 ");
	describe((const guint8[]){STORAGE}, 1);
	assert_vm_has("2 ");
	assert_client_has("22 ");
	ck_assert_str_eq(told->str, "+046d:c077 hid;!046d:c077 storage: storage is not allowed;-046d:c077 hid;");
	/* What QEMU acknowledges was our word. */
	say(USB_FROM_VM, USB_DEVICE_DISCONNECT_ACK, NULL, 0);
	assert_client_has("");
	say(USB_FROM_CLIENT, USB_DEVICE_DISCONNECT, NULL, 0);
	assert_client_has("24 ");
	assert_vm_has("");
}
END_TEST

START_TEST(a_client_hears_when_the_vm_has_let_go)
{
	greet();
	bring_mouse();
	say(USB_FROM_CLIENT, USB_DEVICE_DISCONNECT, NULL, 0);
	assert_vm_has("4 5 1 2 ");
	assert_client_has("");
	say(USB_FROM_VM, USB_DEVICE_DISCONNECT_ACK, NULL, 0);
	assert_client_has("24 ");
	ck_assert(is_bad(USB_FROM_VM, USB_DEVICE_DISCONNECT_ACK, NULL, 0));
}
END_TEST

static const guint8 mouse[18] = {18, 1, 0, 2, 0, 0, 0, 64, 0x6d, 0x04, 0x77, 0xc0, 0, 1, 0, 0, 0, 1};
static const guint8 mouse_configuration[] = {9, 2, 25, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 1, HID, 1, 2, 0, 7, 5, 0x81, 3, 4, 0, 10};

START_TEST(descriptors_that_say_the_same_pass)
{
	greet();
	bring_mouse();
	g_byte_array_set_size(at_vm, 0);
	answer_descriptor(1, mouse, 8); /* as a guest asks at first */
	answer_descriptor(1, mouse, sizeof mouse);
	answer_descriptor(2, mouse_configuration, 9);
	answer_descriptor(2, mouse_configuration, sizeof mouse_configuration);
	assert_vm_has("100 100 100 100 ");
	assert_client_has("100 100 100 100 ");
}
END_TEST

static const struct {
	guint8 kind;
	guint at;
	guint8 value;
	const char *why;
} lies[] = {{1, 4, STORAGE, "another class"}, {1, 8, 0x51, "another vendor"}, {1, 11, 1, "another vendor or product"},
	{2, 14, STORAGE, "storage is not"}, {7, 14, STORAGE, "storage is not"}};

START_TEST(a_descriptor_that_says_something_else_does_not_pass)
{
	guint8 bytes[64];
	gsize size = lies[_i].kind == 1 ? sizeof mouse : sizeof mouse_configuration;

	memcpy(bytes, lies[_i].kind == 1 ? mouse : mouse_configuration, size);
	bytes[lies[_i].at] = lies[_i].value;
	greet();
	bring_mouse();
	g_byte_array_set_size(at_vm, 0);
	answer_descriptor(lies[_i].kind, bytes, size);
	assert_vm_has("2 ");
	assert_client_has("100 22 ");
	ck_assert_ptr_nonnull(strstr(told->str, lies[_i].why));
}
END_TEST

START_TEST(our_word_waits_until_a_packet_of_the_vms_is_through)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	guint8 body[10 + 100] = {0x02, 0, 100};
	GError *error = NULL;

	greet();
	bring_mouse();
	usb_packet_append(bytes, caps_now, 101, body, sizeof body);
	ck_assert(usb_filter_from_vm(filter, bytes->data, 50, &error));
	describe((const guint8[]){STORAGE}, 1); /* is refused in the middle of it */
	ck_assert_uint_eq(at_client->len, 50);
	ck_assert(usb_filter_from_vm(filter, bytes->data + 50, bytes->len - 50, &error));
	assert_client_has("101 22 ");
}
END_TEST

START_TEST(ends_of_older_versions_are_understood)
{
	const guint8 device[8] = {1, 0, 0, 0, 0x6d, 0x04, 0x77, 0xc0}, info[USB_INTERFACE_SIZE] = {1, [4 + USB_INTERFACES_MAX] = HID};

	hello(0, USB_CAPS_KNOWN);
	g_byte_array_set_size(at_vm, 0);
	say(USB_FROM_CLIENT, USB_INTERFACE_INFO, info, sizeof info);
	say(USB_FROM_CLIENT, USB_EP_INFO, (const guint8[96]){0}, 96);
	say(USB_FROM_CLIENT, USB_DEVICE_CONNECT, device, sizeof device);
	assert_vm_has("4 5 1 ");
}
END_TEST

static const struct {
	UsbFrom end;
	guint32 type;
	guint8 body[16];
	gsize size;
} bad[] = {{USB_FROM_CLIENT, 0, {0}, 64}, {USB_FROM_CLIENT, USB_RESET, {0}, 0}, {USB_FROM_CLIENT, USB_FILTER_REJECT, {0}, 0},
	{USB_FROM_CLIENT, 28, {0}, 0}, {USB_FROM_CLIENT, 99, {0}, 0}, {USB_FROM_CLIENT, 105, {0}, 10},
	{USB_FROM_CLIENT, USB_DEVICE_DISCONNECT, {0}, 1}, {USB_FROM_CLIENT, USB_DEVICE_CONNECT, {0}, 8},
	{USB_FROM_CLIENT, 100, {0x80, [8] = 1}, 10}, {USB_FROM_CLIENT, 100, {0x81}, 10}, {USB_FROM_CLIENT, 101, {0x80}, 10},
	{USB_FROM_CLIENT, 103, {0x00}, 4}, {USB_FROM_CLIENT, 103, {0x81, 0, 4}, 7}, {USB_FROM_VM, USB_DEVICE_CONNECT, {0}, 10},
	{USB_FROM_VM, 100, {0x00, [8] = 4}, 10}, {USB_FROM_VM, 104, {0}, 10}};

START_TEST(what_may_not_come_from_there_ends_the_conversation)
{
	guint8 body[64] = {0};

	memcpy(body, bad[_i].body, sizeof bad[_i].body);
	greet();
	ck_assert(is_bad(bad[_i].end, bad[_i].type, body, bad[_i].size));
}
END_TEST

START_TEST(a_length_is_bounded_before_its_bytes_are_there)
{
	const guint8 head[16] = {101, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f};
	g_autoptr(GError) error = NULL;

	greet();
	ck_assert(!usb_filter_from_client(filter, head, sizeof head, &error));
}
END_TEST

START_TEST(nothing_may_be_said_before_both_have_said_hello)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	caps_now = 0;
	usb_packet_append_hello(bytes, USB_CAPS_KNOWN);
	from(USB_FROM_CLIENT, bytes);
	ck_assert(is_bad(USB_FROM_CLIENT, USB_DEVICE_DISCONNECT, NULL, 0));
}
END_TEST

START_TEST(a_second_device_beside_the_first_ends_the_conversation)
{
	greet();
	bring_mouse();
	ck_assert(is_bad(USB_FROM_CLIENT, USB_DEVICE_CONNECT, (const guint8[10]){1, 0, 0, 0, 0x6d, 0x04, 0x77, 0xc0, 0, 1}, 10));
}
END_TEST

START_TEST(who_may_bring_nothing_is_told_so_without_a_vm)
{
	usb_filter_free(filter);
	filter = usb_filter_new(NULL, &sink, NULL);
	usb_filter_pretend_vm(filter);
	caps_now = 0;
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	usb_packet_append_hello(bytes, USB_CAPS_KNOWN);
	from(USB_FROM_CLIENT, bytes);
	caps_now = USB_CAPS_KNOWN;
	ck_assert_ptr_nonnull(memmem(at_client->data, at_client->len, "-1,-1,-1,-1,0", 14));
	g_byte_array_set_size(at_client, 0);
	bring_mouse();
	assert_client_has("22 ");
	ck_assert_str_eq(told->str, "!046d:c077 hid: hid is not allowed;");
}
END_TEST

START_TEST(a_flood_of_ends_is_bounded)
{
	int sent = 0;

	greet();
	/* QEMU does not answer. */
	for (; sent < 1000; sent++) {
		bring_mouse();
		if (is_bad(USB_FROM_CLIENT, USB_DEVICE_DISCONNECT, NULL, 0))
			break;
	}
	ck_assert_int_lt(sent, 100);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("display-usb");
	TCase *rules = tcase_create("rules"), *streams = tcase_create("filter");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(rules, what_is_no_rule_is_told_with_what_would_be, 0, G_N_ELEMENTS(faults));
	tcase_add_test(rules, there_is_a_limit_of_rules);
	tcase_add_test(rules, the_first_rule_that_fits_decides_and_nothing_fits_no_rule);
	tcase_add_test(rules, rules_are_told_as_usbredir_writes_them);
	suite_add_tcase(suite, rules);
	tcase_add_checked_fixture(streams, set_up, tear_down);
	tcase_add_test(streams, both_hear_a_hello_of_what_is_known_and_the_client_the_rules);
	tcase_add_test(streams, a_device_that_is_allowed_comes_with_all_that_was_said_of_it);
	tcase_add_test(streams, a_device_that_is_denied_never_comes);
	tcase_add_test(streams, another_device_may_come_after_one_that_was_denied);
	tcase_add_test(streams, each_interface_must_be_allowed_and_the_device_too);
	tcase_add_test(streams, a_device_that_turns_into_another_is_taken_away);
	tcase_add_test(streams, a_client_hears_when_the_vm_has_let_go);
	tcase_add_test(streams, descriptors_that_say_the_same_pass);
	tcase_add_loop_test(streams, a_descriptor_that_says_something_else_does_not_pass, 0, G_N_ELEMENTS(lies));
	tcase_add_test(streams, our_word_waits_until_a_packet_of_the_vms_is_through);
	tcase_add_test(streams, ends_of_older_versions_are_understood);
	tcase_add_loop_test(streams, what_may_not_come_from_there_ends_the_conversation, 0, G_N_ELEMENTS(bad));
	tcase_add_test(streams, a_length_is_bounded_before_its_bytes_are_there);
	tcase_add_test(streams, nothing_may_be_said_before_both_have_said_hello);
	tcase_add_test(streams, a_second_device_beside_the_first_ends_the_conversation);
	tcase_add_test(streams, who_may_bring_nothing_is_told_so_without_a_vm);
	tcase_add_test(streams, a_flood_of_ends_is_bounded);
	suite_add_tcase(suite, streams);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
