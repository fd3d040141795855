/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/identity.h"
#include "agent/login.h"

static const struct {
	const char *before, *after;
} hosts[] = {
	{"", "127.0.1.1\tnew\n"},
	{"127.0.0.1 localhost\n127.0.1.1 old old.example\n::1 localhost\n",
		"127.0.0.1 localhost\n127.0.1.1\tnew\n::1 localhost\n"},
	{"127.0.0.1 localhost", "127.0.0.1 localhost\n127.0.1.1\tnew\n"},
	{"127.0.1.1\told\n\n127.0.1.1 twice\n127.0.1.10 other\n", "127.0.1.1\tnew\n\n127.0.1.10 other\n"},
	{"# 127.0.1.1 comment\n", "# 127.0.1.1 comment\n127.0.1.1\tnew\n"},
};

START_TEST(the_hosts_file_names_this_machine_once)
{
	g_autofree char *text = identity_rename_hosts(hosts[_i].before, "new");

	ck_assert_str_eq(text, hosts[_i].after);
}
END_TEST

START_TEST(names_and_ids_are_written_and_read)
{
	g_autofree char *root = g_dir_make_tmp("test-agent-XXXXXX", NULL);
	g_autofree char *etc = g_build_filename(root, "etc", NULL), *hosts_file = g_build_filename(etc, "hosts", NULL);
	g_autofree char *name_file = g_build_filename(etc, "hostname", NULL);
	g_autofree char *id_file = g_build_filename(etc, "machine-id", NULL);
	g_autofree char *none = NULL, *id = NULL, *name = NULL, *text = NULL;

	ck_assert_int_eq(g_mkdir(etc, 0755), 0);
	none = identity_get_machine_id(root);
	ck_assert_str_eq(none, "");
	ck_assert(identity_set_machine_id(root, "0123456789abcdef0123456789abcdef", NULL));
	ck_assert(identity_set_hostname(root, "office-1", NULL));
	ck_assert(identity_set_hostname(root, "office-2", NULL));
	id = identity_get_machine_id(root);
	ck_assert_str_eq(id, "0123456789abcdef0123456789abcdef");
	ck_assert(g_file_get_contents(name_file, &name, NULL, NULL));
	ck_assert_str_eq(name, "office-2\n");
	ck_assert(g_file_get_contents(hosts_file, &text, NULL, NULL));
	ck_assert_str_eq(text, "127.0.1.1\toffice-2\n");
	g_unlink(hosts_file);
	g_unlink(name_file);
	g_unlink(id_file);
	g_rmdir(etc);
	g_rmdir(root);
}
END_TEST

START_TEST(ssh_host_keys_are_renewed_where_there_are_some)
{
	g_autofree char *root = g_dir_make_tmp("test-agent-XXXXXX", NULL), *folder = g_build_filename(root, "etc/ssh", NULL);
	g_autofree char *key = g_build_filename(folder, "ssh_host_ed25519_key", NULL), *text = NULL;
	g_autofree char *remove = g_strdup_printf("sleep 0.2; rm -rf '%s'", root), *program = g_find_program_in_path("ssh-keygen");

	ck_assert(identity_renew_ssh_keys(root, NULL)); /* no folder */
	ck_assert_int_eq(g_mkdir_with_parents(folder, 0755), 0);
	ck_assert(identity_renew_ssh_keys(root, NULL));
	ck_assert(!g_file_test(key, G_FILE_TEST_EXISTS));
	ck_assert(g_file_set_contents(key, "the template's", -1, NULL));
	if (program) {
		ck_assert(identity_renew_ssh_keys(root, NULL));
		ck_assert(g_file_get_contents(key, &text, NULL, NULL));
		ck_assert_ptr_nonnull(strstr(text, "OPENSSH PRIVATE KEY"));
	}
	ck_assert_int_eq(system(remove), 0);
}
END_TEST

START_TEST(a_folder_that_cannot_be_written_is_an_error)
{
	g_autoptr(GError) error = NULL;

	ck_assert(!identity_set_hostname("/nowhere/at/all", "office-1", &error));
	ck_assert_ptr_nonnull(error);
}
END_TEST

static const struct {
	const char *cgroup;
	gboolean found;
	const char *session;
} cgroups[] = {
	{"0::/user.slice/user-1000.slice/session-c1.scope\n", TRUE, "c1"},
	{"0::/user.slice/user-1000.slice/session-12.scope/child\n", TRUE, "12"},
	{"12:cpu:/\n1:name=systemd:/user.slice/user-1000.slice/session-3.scope\n", TRUE, "3"},
	{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n", TRUE, NULL},
	{"0::/user.slice/user-1001.slice/session-c1.scope\n", FALSE, NULL},
	{"0::/user.slice/user-100.slice/session-c1.scope\n", FALSE, NULL},
	{"0::/system.slice/desktop.service\n", FALSE, NULL},
	{"0::/x/user.slice/user-1000.slice/session-c1.scope\n", FALSE, NULL},
	{"", FALSE, NULL},
	{"garbage", FALSE, NULL},
	{"0::/user.slice/user-1000.slice/session-.scope\n", TRUE, NULL},
};

START_TEST(a_process_belongs_to_the_session_that_systemd_put_it_in)
{
	char *session = NULL;

	ck_assert_int_eq(login_parse_cgroup(cgroups[_i].cgroup, 1000, &session), cgroups[_i].found);
	ck_assert_pstr_eq(session, cgroups[_i].session);
	g_free(session);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent-identity");
	TCase *tcase = tcase_create("agent-identity");

	tcase_add_loop_test(tcase, the_hosts_file_names_this_machine_once, 0, G_N_ELEMENTS(hosts));
	tcase_add_test(tcase, names_and_ids_are_written_and_read);
	tcase_add_test(tcase, ssh_host_keys_are_renewed_where_there_are_some);
	tcase_add_test(tcase, a_folder_that_cannot_be_written_is_an_error);
	tcase_add_loop_test(tcase, a_process_belongs_to_the_session_that_systemd_put_it_in, 0, G_N_ELEMENTS(cgroups));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
