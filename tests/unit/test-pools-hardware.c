/* The hardware that pool files ask for: what a host can do, by libvirt's own answers
 * (tests/data/capabilities), what the XML says, and what an admin may add to it. SPDX-License-Identifier:
 * GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pools/domain-capabilities.h"
#include "pools/domain-xml.h"
#include "pools/hardware.h"
#include "pools/xml-fragment.h"
#include "pools/xml-select.h"

#define BARE "no-ovmf-no-swtpm.xml"
#define WHOLE "ovmf-and-swtpm.xml"

static char *
answer(const char *name)
{
	const char *source = g_getenv("srcdir");
	g_autofree char *path = g_build_filename(source ? source : ".", "tests/data/capabilities", name, NULL);
	char *text = NULL;

	ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s", path);
	return text;
}

static HostFacts *
host(const char *name)
{
	g_autofree char *xml = answer(name);
	HostFacts *facts = host_facts_parse(xml, NULL, "no flag", NULL);

	ck_assert_ptr_nonnull(facts);
	return facts;
}

/* Of a file that asks for nothing. */
static PoolFile
modest(void)
{
	return (PoolFile){.cpus = 2, .memory = G_GINT64_CONSTANT(2) << 30, .monitors = 1, .sound = TRUE};
}

static void
assert_faults(const PoolFile *file, const Image *image, const HostFacts *facts, const char *key, const char *word)
{
	g_autoptr(GPtrArray) faults = hardware_faults(file, image, facts);
	g_autofree char *text = hardware_faults_text(faults);

	ck_assert_msg(faults->len == (key ? 1 : 0), "%s", text);
	ck_assert((text == NULL) == (key == NULL));
	if (key) {
		const HardwareFault *fault = faults->pdata[0];

		ck_assert_str_eq(fault->key, key);
		ck_assert_msg(strstr(fault->text, word) != NULL, "%s", fault->text);
	}
}

START_TEST(a_host_without_firmware_and_tpm_says_what_to_install)
{
	g_autoptr(HostFacts) bare = host(BARE), whole = host(WHOLE);
	PoolFile file = modest();

	assert_faults(&file, NULL, bare, NULL, NULL);
	for (int firmware = POOL_FIRMWARE_UEFI; firmware <= POOL_FIRMWARE_UEFI_SECURE; firmware++) {
		file.firmware = firmware;
		assert_faults(&file, NULL, bare, "Desktop/Firmware", "ovmf");
		assert_faults(&file, NULL, whole, NULL, NULL);
		assert_faults(&file, NULL, NULL, NULL, NULL);
	}
	file = modest();
	file.tpm = TRUE;
	assert_faults(&file, NULL, bare, "Desktop/TPM", "swtpm");
	assert_faults(&file, NULL, whole, NULL, NULL);
}
END_TEST

START_TEST(usb_without_qemus_device_for_it_is_a_fault)
{
	g_autoptr(HostFacts) facts = host(BARE);
	PoolFile file = modest();

	file.usb = TRUE;
	file.usb_slots = 2;
	assert_faults(&file, NULL, facts, NULL, NULL);
	facts->usb_redirection = FALSE;
	assert_faults(&file, NULL, facts, "Policy/Usb", "usb-redir");
	file.usb = FALSE;
	assert_faults(&file, NULL, facts, NULL, NULL);
}
END_TEST

START_TEST(a_firmware_that_cannot_be_secure_is_told_from_none)
{
	g_autofree char *xml = answer(WHOLE);
	char *secure = strstr(strstr(xml, "<enum name='secure'>"), "<value>yes</value>");
	g_autoptr(HostFacts) facts = NULL;
	PoolFile file = modest();

	memcpy(secure, "<value>no</value> ", strlen("<value>no</value> "));
	facts = host_facts_parse(xml, NULL, "no flag", NULL);
	file.firmware = POOL_FIRMWARE_UEFI;
	assert_faults(&file, NULL, facts, NULL, NULL);
	file.firmware = POOL_FIRMWARE_UEFI_SECURE;
	assert_faults(&file, NULL, facts, "Desktop/Firmware", "secure boot");
}
END_TEST

START_TEST(too_many_cpus_missing_kvm_and_missing_groups_are_faults_of_their_keys)
{
	static const char few[] = "<domainCapabilities><path>/q</path><domain>qemu</domain><machine>m</"
				  "machine><vcpu max='8'/></domainCapabilities>";
	g_autoptr(HostFacts) facts = host_facts_parse(few, NULL, "no flag", NULL);
	PoolFile file = modest();

	file.cpus = 8;
	assert_faults(&file, NULL, facts, NULL, NULL);
	file.cpus = 9;
	assert_faults(&file, NULL, facts, "Desktop/CPUs", "at most 8");
	file = modest();
	file.accel = POOL_ACCEL_KVM;
	assert_faults(&file, NULL, facts, "Desktop/Accel", "no flag");
	file = modest();
	facts->why_no_cpu_shares = g_strdup("none");
	facts->why_no_io_weight = g_strdup("none");
	assert_faults(&file, NULL, facts, NULL, NULL);
	file.cpu_shares = 200;
	assert_faults(&file, NULL, facts, "Desktop/CPUShares", "none");
	file.cpu_shares = 0;
	file.io_weight = 200;
	assert_faults(&file, NULL, facts, "Desktop/IOWeight", "none");
}
END_TEST

START_TEST(each_pool_is_held_against_what_it_will_use)
{
	static const char kvm[] = "<domainCapabilities><path>/q</path><domain>kvm</domain><machine>m</"
				  "machine><vcpu max='4'/></domainCapabilities>";
	static const char qemu[] = "<domainCapabilities><path>/q</path><domain>qemu</domain><machine>m</"
				   "machine><vcpu max='8'/></domainCapabilities>";
	g_autoptr(HostFacts) facts = host_facts_parse(qemu, kvm, NULL, NULL);
	PoolFile file = modest();

	ck_assert(facts->kvm);
	file.cpus = 8;
	assert_faults(&file, NULL, facts, "Desktop/CPUs", "at most 4");
	file.accel = POOL_ACCEL_TCG;
	assert_faults(&file, NULL, facts, NULL, NULL);
}
END_TEST

START_TEST(an_image_sets_bounds_of_its_own)
{
	/* The head of a qcow2 disk of 8 GiB. */
	static const unsigned char head[32] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3, [27] = 2};
	g_autofree char *folder = g_dir_make_tmp("carrel-XXXXXX", NULL), *disk = g_build_filename(folder, "disk.qcow2", NULL);
	g_autofree char *remove = g_strdup_printf("rm -rf '%s'", folder);
	char name[] = "a", version[] = "1", kernel[] = "/k", windows[] = "windows";
	Image image = {.name = name, .version = version, .disk = disk, .boot = IMAGE_BOOT_KERNEL};
	PoolFile file = modest();

	ck_assert(g_file_set_contents(disk, (const char *)head, sizeof head, NULL));
	file.disk = G_GINT64_CONSTANT(8) << 30;
	assert_faults(&file, &image, NULL, NULL, NULL);
	file.disk--;
	assert_faults(&file, &image, NULL, "Desktop/Disk", "larger");
	file = modest();
	file.firmware = POOL_FIRMWARE_UEFI;
	assert_faults(&file, &image, NULL, "Desktop/Firmware", "EfiKernel=");
	image.efi_kernel = kernel;
	assert_faults(&file, &image, NULL, NULL, NULL);
	file.firmware = POOL_FIRMWARE_UEFI_SECURE;
	assert_faults(&file, &image, NULL, "Desktop/Firmware", "its own disk");
	image.boot = IMAGE_BOOT_DISK;
	assert_faults(&file, &image, NULL, NULL, NULL);
	ck_assert(!hardware_is_windows(&file, &image));
	image.os = windows;
	ck_assert(hardware_is_windows(&file, &image));
	file.os = POOL_OS_LINUX;
	ck_assert(!hardware_is_windows(&file, &image));
	ck_assert_int_eq(system(remove), 0);
}
END_TEST

START_TEST(odd_answers_grant_nothing)
{
	static const char *const odd[] = {"", "<", "<domainCapabilities>", "<a><enum name='/value'/></a>",
		"<domainCapabilities><os><enum name='firmware'><value>efi</value></enum></os>",
		"<domainCapabilities><os><enum><value>efi</value></enum><firmware><value>bios</value></"
		"firmware></os></domainCapabilities>",
		"<domainCapabilities><devices><tpm><enum "
		"name='model'><value>tpm-crb</value></enum></tpm></devices></domainCapabilities>",
		"<domainCapabilities><devices><tpm><enum name='model'><value>tpm-crb</value></enum><enum "
		"name='backendModel'>"
		"<value>emulator</value></enum><enum "
		"name='backendVersion'><value>1.2</value></enum></tpm></devices></domainCapabilities>"};
	g_autoptr(DomainCapabilities) old = domain_capabilities_parse(
		"<domainCapabilities><devices><tpm><enum name='model'><value>tpm-crb</value></enum><enum "
		"name='backendModel'>"
		"<value>emulator</value></enum></tpm></devices></domainCapabilities>");

	for (gsize i = 0; i < G_N_ELEMENTS(odd); i++) {
		g_autoptr(DomainCapabilities) found = domain_capabilities_parse(odd[i]);

		ck_assert_msg(!found->efi && !found->secure && !found->tpm && !found->dbus_display, "%s", odd[i]);
	}
	ck_assert(old->tpm); /* libvirt before 8.10 */
}
END_TEST

START_TEST(control_groups_of_both_versions_are_found)
{
	static const struct {
		const char *file, *text;
		gboolean cpu, io;
	} trees[] = {
		{"x", "", FALSE, FALSE},
		{"cgroup.controllers", "cpuset cpu io memory\n", TRUE, TRUE},
		{"cgroup.controllers", "cpuset iox\n", FALSE, FALSE},
		{"cpu,cpuacct/cpu.shares", "1024\n", TRUE, FALSE},
		{"blkio/blkio.bfq.io_serviced", "", FALSE, TRUE},
	};
	g_autofree char *root = g_dir_make_tmp("carrel-XXXXXX", NULL), *remove = g_strdup_printf("rm -rf '%s'", root);
	g_autofree char *file = g_build_filename(root, trees[_i].file, NULL), *folder = g_path_get_dirname(file);
	g_autofree char *no_cpu = NULL, *no_io = NULL;

	ck_assert_int_eq(g_mkdir_with_parents(folder, 0755), 0);
	ck_assert(g_file_set_contents(file, trees[_i].text, -1, NULL));
	host_facts_examine_groups(root, &no_cpu, &no_io);
	ck_assert((no_cpu == NULL) == trees[_i].cpu);
	ck_assert((no_io == NULL) == trees[_i].io);
	ck_assert_int_eq(system(remove), 0);
}
END_TEST

static DomainSpec
spec(void)
{
	return (DomainSpec){.id = "office-1a2b3c4d",
		.uuid = "u",
		.pool = "office",
		.instance = "i",
		.config = "c",
		.machine = "pc-q35-10.0",
		.cpus = 2,
		.memory = (guint64)1 << 30,
		.disk = "/d/office-1a2b3c4d.qcow2",
		.backing = "/i/disk.qcow2",
		.agent = "/r/office-1a2b3c4d",
		.nvram = "/d/office-1a2b3c4d.nvram",
		.sound = TRUE,
		.monitors = 1};
}

static void
assert_value(const char *xml, const char *path, const char *expected)
{
	g_autofree char *value = xml_select_one(xml, path);

	ck_assert_msg(g_strcmp0(value, expected) == 0, "%s: %s", path, value ? value : "(none)");
}

START_TEST(what_no_key_asks_for_is_not_in_the_xml)
{
	DomainSpec s = spec();
	g_autofree char *xml = domain_xml(&s);

	assert_value(xml, "domain/os@firmware", NULL);
	assert_value(xml, "domain/os/nvram", NULL);
	assert_value(xml, "domain/devices/tpm@model", NULL);
	assert_value(xml, "domain/cputune/shares", NULL);
	assert_value(xml, "domain/blkiotune/weight", NULL);
	assert_value(xml, "domain/features/hyperv@mode", NULL);
	g_autoptr(GPtrArray) disks = xml_select(xml, "domain/devices/disk@device");
	ck_assert_uint_eq(disks->len, 1);
}
END_TEST

START_TEST(every_key_is_in_the_xml)
{
	DomainSpec s = spec();
	g_autofree char *xml = NULL;

	s.firmware = POOL_FIRMWARE_UEFI_SECURE;
	s.tpm = TRUE;
	s.sound = FALSE;
	s.monitors = 3;
	s.cpu_shares = 200;
	s.io_weight = 300;
	s.extra_disk = "/d/office-1a2b3c4d.extra.qcow2";
	s.devices = "<watchdog model='itco'/>";
	xml = domain_xml(&s);
	assert_value(xml, "domain/os@firmware", "efi");
	assert_value(xml, "domain/os/firmware/feature@enabled", "yes");
	assert_value(xml, "domain/os/nvram", s.nvram);
	assert_value(xml, "domain/devices/tpm@model", "tpm-crb");
	assert_value(xml, "domain/devices/tpm/backend@persistent_state", "no");
	assert_value(xml, "domain/devices/sound@model", NULL);
	assert_value(xml, "domain/devices/audio@type", "none");
	assert_value(xml, "domain/devices/video/model@heads", "3");
	assert_value(xml, "domain/cputune/shares", "200");
	assert_value(xml, "domain/blkiotune/weight", "300");
	assert_value(xml, "domain/devices/watchdog@model", "itco");
	g_autoptr(GPtrArray) files = xml_select(xml, "domain/devices/disk/source@file");
	ck_assert_uint_eq(files->len, 2);
	ck_assert_str_eq(files->pdata[1], s.extra_disk);
}
END_TEST

START_TEST(what_is_somebodys_own_is_kept)
{
	DomainSpec s = spec();

	s.tpm = s.persistent = TRUE;
	g_autofree char *xml = domain_xml(&s);
	assert_value(xml, "domain/devices/disk/driver@cache", "writeback");
	assert_value(xml, "domain/devices/tpm/backend@persistent_state", "yes");
	s.persistent = FALSE;
	g_autofree char *thrown_away = domain_xml(&s);
	assert_value(thrown_away, "domain/devices/disk/driver@cache", "unsafe");
}
END_TEST

START_TEST(windows_has_its_clock_its_hints_and_devices_that_it_knows)
{
	DomainSpec s = spec();

	s.windows = TRUE;
	s.kvm = _i;
	s.drivers = "/iso";
	g_autofree char *xml = domain_xml(&s);
	assert_value(xml, "domain/clock@offset", "localtime");
	assert_value(xml, "domain/clock/timer@name", "rtc");
	assert_value(xml, "domain/features/hyperv/relaxed@state", _i ? "on" : NULL); /* TCG knows none of it */
	assert_value(xml, "domain/devices/input@bus", "usb");
	g_autoptr(GPtrArray) devices = xml_select(xml, "domain/devices/disk@device");
	ck_assert_uint_eq(devices->len, 2);
	ck_assert_str_eq(devices->pdata[1], "cdrom");
}
END_TEST

START_TEST(a_clones_second_disk_lies_on_its_templates)
{
	DomainSpec s = spec();

	s.memory_file = "/t/memory";
	s.template = "0123456789abcdef";
	s.template_disk = "/d/template-0123456789abcdef.qcow2";
	s.extra_disk = "/d/office-1a2b3c4d.extra.qcow2";
	s.template_extra = "/d/template-0123456789abcdef.extra.qcow2";
	g_autofree char *xml = domain_xml(&s);
	g_autoptr(GPtrArray) under = xml_select(xml, "domain/devices/disk/backingStore/source@file");
	ck_assert_uint_eq(under->len, 2);
	ck_assert_str_eq(under->pdata[1], s.template_extra);
	g_autofree char *volume = overlay_xml("a", NULL, 4096, "0600"), *overlay = overlay_xml("a", "/b", 0, "0600");
	assert_value(volume, "volume/capacity", "4096");
	assert_value(volume, "volume/backingStore/path", NULL);
	assert_value(overlay, "volume/capacity", "0");
	assert_value(overlay, "volume/backingStore/path", "/b");
}
END_TEST

START_TEST(what_cannot_be_frozen_says_so_and_the_rest_is_in_the_key)
{
	g_autoptr(HostFacts) facts = host(WHOLE);
	PoolFile file = modest();
	char xml[] = "<a/>";
	Image image = {0};
	g_autofree char *plain = hardware_frozen_text(&file, &image, facts), *fits = hardware_why_not_frozen(&file);

	ck_assert_ptr_null(fits);
	file.extra_disk = 1;
	g_autofree char *extra = hardware_frozen_text(&file, &image, facts);
	file = modest();
	file.firmware = POOL_FIRMWARE_UEFI;
	g_autofree char *uefi = hardware_frozen_text(&file, &image, facts);
	file = modest();
	file.cpu_shares = 5; /* the guest does not see it */
	g_autofree char *shares = hardware_frozen_text(&file, &image, facts);
	ck_assert_str_ne(plain, extra);
	ck_assert_str_ne(plain, uefi);
	ck_assert_str_eq(plain, shares);
	file.tpm = TRUE;
	g_autofree char *tpm = hardware_why_not_frozen(&file);
	ck_assert_ptr_nonnull(strstr(tpm, "TPM"));
	file.tpm = FALSE;
	file.xml = xml;
	g_autofree char *more = hardware_why_not_frozen(&file);
	ck_assert_ptr_nonnull(strstr(more, "Xml="));
}
END_TEST

START_TEST(a_fragment_stays_where_it_is_put)
{
	static const char *const good[] = {"<a/>", "<a b='c'><d>e</d></a>", " <a/> <b/> "};
	static const char *const bad[] = {"", " ", "text", "<a/>text", "<a>", "</a>", "<a></b>", "</devices><devices>",
		"<a/></devices><os/><devices>", "<!-- c --><a/>", "<a><![CDATA[</a>]]></a>", "<?x?><a/>", "<!DOCTYPE a><a/>",
		"<a b=c/>", "<a>&none;</a>"};

	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autofree char *why = NULL;

		ck_assert_msg(xml_fragment_is_whole(good[i], &why), "%s: %s", good[i], why);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *why = NULL;

		ck_assert_msg(!xml_fragment_is_whole(bad[i], &why), "%s", bad[i]);
		ck_assert_ptr_nonnull(why);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hardware");
	TCase *tcase = tcase_create("hardware");

	tcase_add_test(tcase, a_host_without_firmware_and_tpm_says_what_to_install);
	tcase_add_test(tcase, usb_without_qemus_device_for_it_is_a_fault);
	tcase_add_test(tcase, a_firmware_that_cannot_be_secure_is_told_from_none);
	tcase_add_test(tcase, too_many_cpus_missing_kvm_and_missing_groups_are_faults_of_their_keys);
	tcase_add_test(tcase, each_pool_is_held_against_what_it_will_use);
	tcase_add_test(tcase, an_image_sets_bounds_of_its_own);
	tcase_add_test(tcase, odd_answers_grant_nothing);
	tcase_add_loop_test(tcase, control_groups_of_both_versions_are_found, 0, 5);
	tcase_add_test(tcase, what_no_key_asks_for_is_not_in_the_xml);
	tcase_add_test(tcase, every_key_is_in_the_xml);
	tcase_add_test(tcase, what_is_somebodys_own_is_kept);
	tcase_add_loop_test(tcase, windows_has_its_clock_its_hints_and_devices_that_it_knows, FALSE, TRUE + 1);
	tcase_add_test(tcase, a_clones_second_disk_lies_on_its_templates);
	tcase_add_test(tcase, what_cannot_be_frozen_says_so_and_the_rest_is_in_the_key);
	tcase_add_test(tcase, a_fragment_stays_where_it_is_put);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
