/* What is said to libvirt and understood of it, without one. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pools/domain-xml.h"
#include "pools/host-facts.h"
#include "pools/network-filter.h"
#include "pools/network.h"
#include "pools/template.h"
#include "pools/vm.h"
#include "pools/xml-select.h"

static const NetworkCard card = {.mode = POOL_NETWORK_NAT, .network = (char *)"carrel-00112233", .filter = (char *)"carrel-00112233-nat"};

static DomainSpec
spec(void)
{
	return (DomainSpec){
		.id = "office-1a2b3c4d",
		.uuid = "0b8a4c7e-5ad5-4f3f-9a8e-1f5a2b3c4d5e",
		.pool = "office",
		.instance = "00112233445566778899aabbccddeeff",
		.config = "abc",
		.emulation = "qemu",
		.emulator = "/usr/bin/qemu-system-x86_64",
		.machine = "pc-q35-10.0",
		.cpus = 2,
		.memory = (guint64)1 << 30,
		.disk = "/d/office-1a2b3c4d.qcow2",
		.backing = "/i/disk.qcow2",
		.kernel = "/i/vmlinux",
		.initrd = "/i/initrd",
		.cmdline = "root=/dev/vda rw",
		.network = &card,
		.agent = "/r/office-1a2b3c4d",
		.usb = 2,
		.sound = TRUE,
		.monitors = 1,
	};
}

static void
assert_value(const char *xml, const char *path, const char *expected)
{
	g_autofree char *value = xml_select_one(xml, path);

	ck_assert_msg(g_strcmp0(value, expected) == 0, "%s: %s", path, value ? value : "(none)");
}

START_TEST(a_desktop_has_the_hardware_that_guests_count_on)
{
	DomainSpec s = spec();
	g_autofree char *xml = domain_xml(&s);

	assert_value(xml, "domain@type", "qemu");
	assert_value(xml, "domain/name", "carrel-office-1a2b3c4d");
	assert_value(xml, "domain/metadata/carrel:desktop@instance", s.instance);
	assert_value(xml, "domain/metadata/carrel:desktop@id", s.id);
	assert_value(xml, "domain/os/type@machine", "pc-q35-10.0");
	assert_value(xml, "domain/os/kernel", "/i/vmlinux");
	assert_value(xml, "domain/memory", "1073741824");
	assert_value(xml, "domain/devices/disk/source@file", s.disk);
	assert_value(xml, "domain/devices/disk/backingStore/source@file", s.backing);
	assert_value(xml, "domain/devices/disk/backingStore/source/seclabel@relabel", "no");
	assert_value(xml, "domain/devices/graphics@type", "dbus");
	assert_value(xml, "domain/devices/graphics@p2p", "yes");
	assert_value(xml, "domain/devices/video/model@type", "virtio");
	assert_value(xml, "domain/devices/channel/source@channel", "com.redhat.spice.0");
	assert_value(xml, "domain/devices/redirdev@type", "dbus");
	assert_value(xml, "domain/devices/controller@ports", "8"); /* the tablet's, too */
	g_autoptr(GPtrArray) places = xml_select(xml, "domain/devices/redirdev/source@channel");
	ck_assert_uint_eq(places->len, 2);
	ck_assert_str_eq(places->pdata[1], "org.qemu.usbredir");
	assert_value(xml, "domain/devices/interface/source@network", "carrel-00112233");
	assert_value(xml, "domain/devices/interface/port@isolated", "yes");
	g_autoptr(GPtrArray) ports = xml_select(xml, "domain/devices/channel/target@name");
	ck_assert_uint_eq(ports->len, 2);
	ck_assert_str_eq(ports->pdata[1], DOMAIN_AGENT_PORT);
	assert_value(xml, "domain/devices/channel/source@path", s.agent);
}
END_TEST

START_TEST(without_kernel_and_network_there_is_neither)
{
	DomainSpec s = spec();

	s.kernel = s.initrd = s.cmdline = NULL;
	s.network = NULL;
	s.kvm = TRUE;
	s.usb = 0;
	g_autofree char *xml = domain_xml(&s);

	assert_value(xml, "domain@type", "kvm");
	assert_value(xml, "domain/os/boot@dev", "hd");
	assert_value(xml, "domain/os/kernel", NULL);
	assert_value(xml, "domain/devices/interface@type", NULL);
	assert_value(xml, "domain/devices/redirdev@type", NULL);
}
END_TEST

START_TEST(no_value_can_break_out_of_its_place)
{
	const char *evil = "x'/><disk>\"&<!--";
	DomainSpec s = spec();

	s.cmdline = s.pool = s.backing = s.disk = s.agent = evil;
	g_autofree char *xml = domain_xml(&s);
	g_autofree char *volume = overlay_xml(evil, evil, 0, "0600");

	assert_value(xml, "domain/os/cmdline", evil);
	assert_value(xml, "domain/metadata/carrel:desktop@pool", evil);
	assert_value(xml, "domain/devices/disk/source@file", evil);
	assert_value(xml, "domain/devices/channel/source@path", evil);
	assert_value(volume, "volume/name", evil);
	assert_value(volume, "volume/backingStore/path", evil);
}
END_TEST

/* What libvirt gives an address on a bus, in its order. */
static char *
hardware(const char *xml)
{
	static const char *const paths[] = {"domain@type", "domain/memory", "domain/vcpu", "domain/os/type@machine", "domain/os/kernel",
		"domain/devices/disk/target@dev", "domain/devices/controller@model", "domain/devices/controller@index",
		"domain/devices/interface@type", "domain/devices/graphics@type", "domain/devices/sound@model",
		"domain/devices/video/model@type", "domain/devices/input@type", "domain/devices/channel/target@name",
		"domain/devices/redirdev@bus", "domain/devices/serial@type", "domain/devices/rng@model", "domain/cpu@mode",
		"domain/cpu@migratable"};
	GString *text = g_string_new(NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autoptr(GPtrArray) found = xml_select(xml, paths[i]);

		g_string_append_printf(text, "%s:", paths[i]);
		for (guint j = 0; j < found->len; j++)
			g_string_append_printf(text, " %s", (char *)found->pdata[j]);
		g_string_append_c(text, '\n');
	}
	return g_string_free(text, FALSE);
}

START_TEST(a_template_and_its_clone_have_the_same_hardware)
{
	DomainSpec template = spec(), clone = spec();

	template.kvm = clone.kvm = _i;
	template.memory_file = clone.memory_file = "/t/a,b/memory";
	template.is_template = TRUE;
	template.network = NULL;
	clone.template = "0123456789abcdef";
	clone.template_disk = "/d/template-0123456789abcdef.qcow2";
	g_autofree char *its = domain_xml(&template), *own = domain_xml(&clone);
	g_autofree char *a = hardware(its), *b = hardware(own);

	ck_assert_str_eq(a, b);
	assert_value(own, "domain/devices/interface@type", NULL);
	assert_value(own, "domain/metadata/carrel:desktop@template", clone.template);
	assert_value(its, "domain/devices/channel@type", "null");
	assert_value(own, "domain/devices/channel@type", "dbus");
	assert_value(its, "domain/devices/disk/backingStore/source@file", clone.backing);
	assert_value(own, "domain/devices/disk/backingStore/source@file", clone.template_disk);
	assert_value(own, "domain/devices/disk/backingStore/backingStore/source@file", clone.backing);
	/* QEMU would take a comma in a path for the end of it. */
	ck_assert_ptr_nonnull(strstr(its, "mem-path=/t/a,,b/memory,share=on"));
	ck_assert_ptr_nonnull(strstr(own, "mem-path=/t/a,,b/memory,share=off,readonly=on,rom=off"));
	ck_assert_ptr_null(strstr(its, "-incoming"));
	ck_assert_ptr_nonnull(strstr(own, "'-incoming'/><qemu:arg value='defer'"));
}
END_TEST

#define TEMPLATE_KEY "0123456789abcdef"

static char *
noted(const char *name, const char *path)
{
	struct stat file;

	ck_assert_int_eq(stat(path, &file), 0);
	return g_strdup_printf("%s=%" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", name, (gint64)file.st_size,
		(gint64)file.st_mtim.tv_sec * 1000000000 + file.st_mtim.tv_nsec);
}

/* Files of a template as they are when it was frozen; the folder. */
static char *
make_template(const VmPlace *place)
{
	g_autofree char *memory = template_memory_path(place, TEMPLATE_KEY), *devices = template_state_path(place, TEMPLATE_KEY);
	g_autofree char *disk = template_disk_path(place, TEMPLATE_KEY), *golden = g_build_filename(place->folder, "golden", NULL);
	char *folder = g_path_get_dirname(memory);
	g_autofree char *file = g_build_filename(folder, "template.ini", NULL);
	const char *paths[] = {memory, devices, disk, golden}, *names[] = {"Memory", "State", "Disk", "Golden"};
	g_autoptr(GString) ini = g_string_new("[Template]\nImage=a@1\nCreated=2026-01-01T00:00:00Z\n");

	ck_assert_int_eq(g_mkdir_with_parents(folder, 0755), 0);
	ck_assert_int_eq(g_mkdir_with_parents(place->folder, 0755), 0);
	for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
		ck_assert(g_file_set_contents_full(paths[i], "1234", -1, G_FILE_SET_CONTENTS_NONE, 0440, NULL));
		g_autofree char *line = noted(names[i], paths[i]);
		g_string_append(ini, line);
	}
	g_string_append_printf(ini, "GoldenDisk=%s\n", golden);
	ck_assert(g_file_set_contents(file, ini->str, -1, NULL));
	return folder;
}

/* What befalls which file, and what is said of it. */
static const struct {
	const char *file, *command, *says; /* command: of the shell, about $f */
	gboolean under_clones;
} damages[] = {
	{"memory", "truncate -s 2 \"$f\"", "its memory was changed", TRUE},
	{"memory", "chmod u+w \"$f\"; echo 567 >\"$f\"; chmod u-w \"$f\"", "its memory was changed", TRUE},
	{"memory", "rm -f \"$f\"", "its memory is missing", FALSE},
	{"memory", "chmod 0 \"$f\"", "who may read its memory", FALSE},
	{"memory", "rm -f \"$f\"; mkdir \"$f\"", "its memory is missing", FALSE},
	{"state", "truncate -s 2 \"$f\"", "its state was changed", FALSE},
	{"state", "rm -f \"$f\"", "its state is missing", FALSE},
	{"state", "chmod 0 \"$f\"", "who may read its state", FALSE},
	{"../../desktops/template-" TEMPLATE_KEY ".qcow2", "rm -f \"$f\"", "its disk is missing", FALSE},
	{"../../desktops/template-" TEMPLATE_KEY ".qcow2", "touch \"$f\"", "its disk was changed", TRUE},
	{"../../desktops/golden", "touch \"$f\"", "its image's disk was changed", TRUE},
	{"template.ini", "rm -f \"$f\"", "nothing that is understood", FALSE},
	{"template.ini", "echo rubbish >\"$f\"", "nothing that is understood", FALSE},
	/* The pool makes no desktops then, and says so. */
	{"../../desktops/golden", "rm -f \"$f\"", NULL, FALSE},
};

START_TEST(a_template_that_is_not_what_was_frozen_is_told)
{
	g_autofree char *state = g_dir_make_tmp("carrel-XXXXXX", NULL), *remove = g_strdup_printf("rm -rf '%s'", state);
	g_autoptr(VmPlace) place = vm_place_new("00112233445566778899aabbccddeeff", state, state);
	gboolean under_clones = TRUE;

	ck_assert(!template_was_frozen(place, TEMPLATE_KEY));
	g_autofree char *folder = make_template(place);
	g_autofree char *none = template_damage(place, TEMPLATE_KEY, &under_clones);
	ck_assert(template_was_frozen(place, TEMPLATE_KEY));
	ck_assert_ptr_null(none);
	ck_assert(!under_clones);
	g_autoptr(GPtrArray) keys = template_list(place);
	ck_assert_uint_eq(keys->len, 1);
	ck_assert_str_eq(keys->pdata[0], TEMPLATE_KEY);

	g_autofree char *command = g_strdup_printf("f='%s/%s'; %s", folder, damages[_i].file, damages[_i].command);
	ck_assert_int_eq(system(command), 0);
	g_autofree char *damage = template_damage(place, TEMPLATE_KEY, &under_clones);
	ck_assert_msg(damages[_i].says ? damage && strstr(damage, damages[_i].says) : damage == NULL, "%s: %s", command, damage);
	ck_assert_int_eq(under_clones, damages[_i].under_clones);
	ck_assert_int_eq(system(remove), 0);
}
END_TEST

START_TEST(xml_that_is_cut_selects_nothing_and_does_not_crash)
{
	DomainSpec s = spec();
	g_autofree char *xml = domain_xml(&s);

	for (gsize size = 0; size < strlen(xml); size++) {
		g_autofree char *cut = g_strndup(xml, size);
		g_autoptr(GPtrArray) found = xml_select(cut, "domain/name");

		ck_assert_uint_eq(found->len, 0);
	}
}
END_TEST

START_TEST(an_overlay_is_known_by_its_name)
{
	g_autofree char *id = vm_overlay_desktop("office-2-1a2b3c4d.qcow2");

	ck_assert_str_eq(id, "office-2-1a2b3c4d");
	g_autofree char *second = vm_overlay_desktop("office-2-1a2b3c4d.extra.qcow2"),
			*variables = vm_overlay_desktop("office-2-1a2b3c4d.nvram");
	ck_assert_str_eq(second, id);
	ck_assert_str_eq(variables, id);
	ck_assert_ptr_null(vm_overlay_desktop("office-2-1a2b3c4d.more.qcow2"));
	ck_assert_ptr_null(vm_overlay_desktop(TEMPLATE_PREFIX "0123456789abcdef.nvram"));
	ck_assert_ptr_null(vm_overlay_desktop("office.qcow2"));
	ck_assert_ptr_null(vm_overlay_desktop("-1a2b3c4d.qcow2"));
	ck_assert_ptr_null(vm_overlay_desktop("office-1A2b3c4d.qcow2"));
	ck_assert_ptr_null(vm_overlay_desktop("office-1a2b3c4d5.qcow2"));
	ck_assert_ptr_null(vm_overlay_desktop("office-1a2b3c4d.img"));
	ck_assert_ptr_null(vm_overlay_desktop(TEMPLATE_PREFIX "0123456789abcdef.qcow2"));
	ck_assert_ptr_null(vm_overlay_desktop(".qcow2"));
	ck_assert_ptr_null(vm_overlay_desktop(""));
}
END_TEST

START_TEST(kvm_needs_a_cpu_that_says_so_and_a_device)
{
	g_autofree char *no_flag = host_facts_why_no_kvm("processor\t: 0\nflags\t\t: fpu nosvm lm\n", 0);
	g_autofree char *vmx = host_facts_why_no_kvm("processor\t: 0\nflags\t\t: fpu vmx lm\nbugs\t:\n", 0);
	g_autofree char *svm_last = host_facts_why_no_kvm("processor\t: 0\nflags\t\t: fpu svm", EACCES);
	g_autofree char *no_device = host_facts_why_no_kvm("processor\t: 0\nflags\t\t: fpu vmx\n", ENOENT);
	g_autofree char *broken = host_facts_why_no_kvm("processor\t: 0\nflags\t\t: fpu vmx\n", EIO);

	ck_assert_ptr_nonnull(strstr(no_flag, "neither vmx nor svm"));
	ck_assert_ptr_null(vmx);
	ck_assert_ptr_null(svm_last);
	ck_assert_ptr_nonnull(strstr(no_device, "modprobe"));
	ck_assert_ptr_nonnull(broken);
}
END_TEST

#define CAPS(type)                                                                                                  \
	"<domainCapabilities><path>/q</path><domain>" type "</domain><machine>pc-q35-9.2</machine><devices>"        \
	"<graphics supported='yes'><enum name='type'><value>vnc</value><value>dbus</value></enum></graphics>"       \
	"<redirdev supported='yes'><enum name='bus'><value>usb</value></enum></redirdev></devices></domainCapabilities>"

START_TEST(facts_come_from_capabilities)
{
	g_autoptr(HostFacts) kvm = host_facts_parse(CAPS("qemu"), CAPS("kvm"), NULL, NULL);
	g_autoptr(HostFacts) tcg = host_facts_parse(CAPS("qemu"), NULL, "no flag", NULL);
	g_autoptr(HostFacts) none = host_facts_parse("<domainCapabilities/>", NULL, NULL, NULL);

	ck_assert(kvm->kvm && kvm->why_no_kvm == NULL && kvm->dbus_display && kvm->usb_redirection);
	ck_assert_str_eq(kvm->machine, "pc-q35-9.2");
	ck_assert(!tcg->kvm);
	ck_assert_str_eq(tcg->why_no_kvm, "no flag");
	ck_assert_ptr_null(none);
}
END_TEST

START_TEST(a_subnet_is_chosen_that_nobody_uses)
{
	static const char routes[] = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
				     "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
				     "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
				     "tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000080FF\t0\t0\t0\nrubbish\n";
	g_autoptr(GArray) used = subnets_of_routes(routes);
	Subnet chosen, all = {0x0a000000, 8};

	ck_assert_uint_eq(used->len, 2);
	ck_assert_uint_eq(g_array_index(used, Subnet, 1).prefix, 9);
	for (guint32 seed = 0; seed < 50000; seed += 777) {
		ck_assert(subnet_choose(used, seed, &chosen));
		ck_assert(!subnet_overlaps(&chosen, &g_array_index(used, Subnet, 1)));
		ck_assert(subnet_overlaps(&chosen, &all));
	}
	g_array_append_val(used, all);
	ck_assert(!subnet_choose(used, 5, &chosen));
}
END_TEST

START_TEST(a_network_has_its_gateway_and_leases_in_its_subnet)
{
	Subnet subnet = {0x0a200400, 22};
	g_autofree char *xml = network_xml(&card, "cr1", &subnet);

	assert_value(xml, "network/name", "carrel-00112233");
	assert_value(xml, "network/forward@mode", "nat");
	assert_value(xml, "network/ip@address", "10.32.4.1");
	assert_value(xml, "network/ip/dhcp/range@start", "10.32.4.2");
	assert_value(xml, "network/ip/dhcp/range@end", "10.32.7.254");
	assert_value(xml, "network/bridge@stp", "off");
}
END_TEST

START_TEST(an_isolated_network_has_no_way_out_and_no_names)
{
	Subnet subnet = {0x0a200400, 22};
	PoolFile file = {.mode = POOL_NETWORK_ISOLATED, .dhcp = TRUE};
	g_autoptr(NetworkCard) isolated = network_card_new(&file, "carrel-00112233");
	g_autofree char *xml = network_xml(isolated, "cr1", &subnet);

	assert_value(xml, "network/name", "carrel-00112233-isolated");
	assert_value(xml, "network/forward@mode", NULL);
	assert_value(xml, "network/dns@enable", "no");
	assert_value(xml, "network/ip/dhcp/range@start", "10.32.4.2");
}
END_TEST

static const struct {
	PoolFile file;
	const char *type, *network, *bridge, *isolated, *vlan, *filter, *in, *out;
} cards[] = {
	{{.mode = POOL_NETWORK_NAT, .dhcp = TRUE}, "network", "carrel-1", NULL, "yes", NULL, "carrel-1-nat", NULL, NULL},
	{{.mode = POOL_NETWORK_NAT, .dhcp = TRUE, .rate_up = 64000, .rate_down = 10000000}, "network", "carrel-1", NULL, "yes", NULL,
		"carrel-1-nat", "1250", "8"},
	{{.mode = POOL_NETWORK_BRIDGE, .bridge = (char *)"br&0", .dhcp = TRUE, .rate_up = 100000000}, "bridge", NULL, "br&0", NULL, NULL,
		"carrel-1-bridge", NULL, "12500"},
	{{.mode = POOL_NETWORK_VLAN, .bridge = (char *)"br0", .vlan = 4094, .dhcp = TRUE}, "bridge", NULL, "br0", NULL, "4094",
		"carrel-1-bridge", NULL, NULL},
	{{.mode = POOL_NETWORK_BRIDGE, .bridge = (char *)"br0", .dhcp = TRUE, .ipv6 = TRUE}, "bridge", NULL, "br0", NULL, NULL,
		"carrel-1-bridge-ipv6", NULL, NULL},
	{{.mode = POOL_NETWORK_VLAN, .bridge = (char *)"br0", .vlan = 1, .dhcp = TRUE, .ipv6 = TRUE}, "bridge", NULL, "br0", NULL, "1",
		"carrel-1-bridge-ipv6", NULL, NULL},
	{{.mode = POOL_NETWORK_ISOLATED, .dhcp = TRUE}, "network", "carrel-1-isolated", NULL, "yes", NULL, "carrel-1-isolated", NULL, NULL},
	{{.mode = POOL_NETWORK_ISOLATED}, "network", "carrel-1-isolated", NULL, "yes", NULL, "carrel-1-closed", NULL, NULL},
};

START_TEST(a_card_is_connected_as_its_pool_says)
{
	g_autoptr(NetworkCard) made = network_card_new(&cards[_i].file, "carrel-1");
	g_autofree char *xml = network_card_xml(made);

	assert_value(xml, "interface@type", cards[_i].type);
	assert_value(xml, "interface/source@network", cards[_i].network);
	assert_value(xml, "interface/source@bridge", cards[_i].bridge);
	assert_value(xml, "interface/port@isolated", cards[_i].isolated);
	assert_value(xml, "interface/vlan/tag@id", cards[_i].vlan);
	assert_value(xml, "interface/filterref@filter", cards[_i].filter);
	assert_value(xml, "interface/filterref/parameter@value", "dhcp");
	assert_value(xml, "interface/bandwidth/inbound@average", cards[_i].in);
	assert_value(xml, "interface/bandwidth/outbound@average", cards[_i].out);
}
END_TEST

START_TEST(without_a_network_there_is_no_card)
{
	PoolFile file = {.mode = POOL_NETWORK_NONE, .dhcp = TRUE};

	ck_assert_ptr_null(network_card_new(&file, "carrel-1"));
}
END_TEST

START_TEST(every_filter_begins_with_who_may_send_and_ends_with_nobody)
{
	g_autofree char *name = network_filter_name("carrel-1", (FilterKind)_i);
	g_autofree char *xml = network_filter_xml(name, (FilterKind)_i, "10.32.4.1", 22);
	g_autoptr(GPtrArray) actions = xml_select(xml, "filter/rule@action");
	g_autoptr(GPtrArray) directions = xml_select(xml, "filter/rule@direction");
	g_autoptr(GPtrArray) priorities = xml_select(xml, "filter/rule@priority");

	assert_value(xml, "filter@name", name);
	assert_value(xml, "filter@chain", "root");
	ck_assert_str_eq(actions->pdata[0], "drop");
	ck_assert_str_eq(actions->pdata[actions->len - 1], "drop");
	ck_assert_str_eq(directions->pdata[actions->len - 1], "inout");
	for (guint i = 0; i < priorities->len; i++)
		ck_assert_int_eq(atoi(priorities->pdata[i]), i + 1);
	/* As UUIDs of version 4 look: libvirt parses it. */
	g_autofree char *uuid = xml_select_one(xml, "filter/uuid");
	ck_assert(g_uuid_string_is_valid(uuid));
}
END_TEST

START_TEST(only_desktops_of_a_nat_network_are_kept_from_their_own_subnet)
{
	g_autofree char *nat = network_filter_xml("carrel-1-nat", FILTER_NAT, "10.32.4.1", 22);
	g_autofree char *bridge = network_filter_xml("carrel-1-bridge", FILTER_BRIDGE, NULL, 0);

	ck_assert_ptr_nonnull(strstr(nat, "<rule action='drop' direction='out' priority='8'><ip dstipaddr='10.32.4.1' dstipmask='22'/>"));
	ck_assert_ptr_null(strstr(bridge, "dstipmask"));
}
END_TEST

/* By a rule for @protocol with that attribute, or the range that begins and ends with it. */
static gboolean
lets_out_ipv6(const char *xml, const char *protocol, const char *from, const char *to, int number)
{
	g_autofree char *rule = g_strdup_printf("<rule action='accept' direction='out' priority='[0-9]+'>"
						"<ipv6 protocol='%s'(?: %s='([0-9]+)' %s='([0-9]+)')?/>",
		protocol, from, to);
	g_autoptr(GRegex) regex = g_regex_new(rule, 0, 0, NULL);
	g_autoptr(GMatchInfo) found = NULL;

	for (g_regex_match(regex, xml, 0, &found); g_match_info_matches(found); g_match_info_next(found, NULL)) {
		g_autofree char *first = g_match_info_fetch(found, 1);
		g_autofree char *last = g_match_info_fetch(found, 2);

		if (first == NULL || *first == '\0' || (atoi(first) <= number && number <= atoi(last)))
			return TRUE;
	}
	return FALSE;
}

START_TEST(only_a_card_that_is_told_to_carries_ipv6_and_nothing_of_a_router)
{
	g_autofree char *name = network_filter_name("carrel-1", FILTER_BRIDGE_IPV6);
	g_autofree char *xml = network_filter_xml(name, FILTER_BRIDGE_IPV6, NULL, 0);

	for (int type = 0; type < 256; type++)
		ck_assert_int_eq(lets_out_ipv6(xml, "icmpv6", "type", "typeend", type), type != 134 && type != 137 && type != 138);
	for (int port = 500; port < 600; port++)
		ck_assert_int_eq(lets_out_ipv6(xml, "udp", "dstportstart", "dstportend", port), port != 546);
	/* Each names what it lets out: fragments other than the first are none of it. */
	ck_assert_ptr_nonnull(strstr(xml, "direction='in' priority='16'><ipv6/>"));
	ck_assert_ptr_null(strstr(strstr(xml, "<ipv6/>") + 1, "<ipv6/>"));
	for (FilterKind kind = 0; kind < FILTER_N_KINDS; kind++) {
		g_autofree char *other = network_filter_xml("carrel-1", kind, "10.32.4.1", 22);

		ck_assert(strstr(other, "ipv6") == NULL || kind == FILTER_BRIDGE_IPV6);
	}
}
END_TEST

/* A folder such as /sys/class/net: "br0/bridge/" is a bridge, "br1/bridge/vlan_filtering" one with that file. */
static char *
make_classes(void)
{
	char *classes = g_dir_make_tmp("carrel-net-XXXXXX", NULL);
	static const char *const bridges[][2] = {{"br0", "0\n"}, {"br1", "1\n"}};

	for (gsize i = 0; i < G_N_ELEMENTS(bridges); i++) {
		g_autofree char *folder = g_build_filename(classes, bridges[i][0], "bridge", NULL);
		g_autofree char *file = g_build_filename(folder, "vlan_filtering", NULL);

		ck_assert_int_eq(g_mkdir_with_parents(folder, 0700), 0);
		ck_assert(g_file_set_contents(file, bridges[i][1], -1, NULL));
	}
	g_autofree char *other = g_build_filename(classes, "ovs0", NULL);
	ck_assert_int_eq(g_mkdir_with_parents(other, 0700), 0);
	return classes;
}

static const struct {
	const char *bridge, *words; /* NULL: it can be connected */
	guint vlan;
	gulong libvirt;
} bridges[] = {
	{"br0", NULL, 0, 9000000},
	{"br7", "there is no bridge br7", 0, 11003000},
	{"ovs0", "not a bridge of Linux's own", 0, 11003000},
	{"ovs0", "not a bridge of Linux's own", 5, 11003000},
	{"br0", "does not look at VLANs", 5, 11003000},
	{"br1", "before its version 11.0", 5, 10999999},
	{"br1", "make a bridge with the interface of VLAN 5", 5, 9000000},
	{"br1", NULL, 5, 11000000},
};

START_TEST(what_a_bridge_cannot_do_is_refused_with_the_reason)
{
	g_autofree char *classes = make_classes();
	NetworkCard on = {.mode = POOL_NETWORK_BRIDGE, .bridge = (char *)bridges[_i].bridge, .vlan = bridges[_i].vlan};
	g_autofree char *why = network_why_no_bridge(&on, classes, bridges[_i].libvirt);

	ck_assert_int_eq(why == NULL, bridges[_i].words == NULL);
	ck_assert(why == NULL || strstr(why, bridges[_i].words) != NULL);
	g_autofree char *command = g_strdup_printf("rm -r %s", classes);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("libvirt");
	TCase *tcase = tcase_create("libvirt");

	tcase_add_test(tcase, a_desktop_has_the_hardware_that_guests_count_on);
	tcase_add_test(tcase, without_kernel_and_network_there_is_neither);
	tcase_add_test(tcase, no_value_can_break_out_of_its_place);
	tcase_add_loop_test(tcase, a_template_and_its_clone_have_the_same_hardware, FALSE, TRUE + 1);
	tcase_add_loop_test(tcase, a_template_that_is_not_what_was_frozen_is_told, 0, G_N_ELEMENTS(damages));
	tcase_add_test(tcase, xml_that_is_cut_selects_nothing_and_does_not_crash);
	tcase_add_test(tcase, an_overlay_is_known_by_its_name);
	tcase_add_test(tcase, kvm_needs_a_cpu_that_says_so_and_a_device);
	tcase_add_test(tcase, facts_come_from_capabilities);
	tcase_add_test(tcase, a_subnet_is_chosen_that_nobody_uses);
	tcase_add_test(tcase, a_network_has_its_gateway_and_leases_in_its_subnet);
	tcase_add_test(tcase, an_isolated_network_has_no_way_out_and_no_names);
	tcase_add_loop_test(tcase, a_card_is_connected_as_its_pool_says, 0, G_N_ELEMENTS(cards));
	tcase_add_test(tcase, without_a_network_there_is_no_card);
	tcase_add_loop_test(tcase, every_filter_begins_with_who_may_send_and_ends_with_nobody, 0, FILTER_N_KINDS);
	tcase_add_test(tcase, only_desktops_of_a_nat_network_are_kept_from_their_own_subnet);
	tcase_add_test(tcase, only_a_card_that_is_told_to_carries_ipv6_and_nothing_of_a_router);
	tcase_add_loop_test(tcase, what_a_bridge_cannot_do_is_refused_with_the_reason, 0, G_N_ELEMENTS(bridges));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
