/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/secret.h"

#define MARK "a dull-green lamp"

/* Within, and beyond, what a thread's cache takes, and what is given back to the kernel. */
static const gsize sizes[] = {24, 200, 1032, 5000, 100000, 1000000};

/* Whether MARK is at @address, of which C may not speak any more. */
static gboolean
is_marked(guintptr address)
{
	char found[sizeof MARK] = "";
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(fd, found, sizeof MARK - 1, (off_t)address);

	close(fd);
	return n == sizeof MARK - 1 && memcmp(found, MARK, sizeof MARK - 1) == 0;
}

/* A block with MARK at its end; *@mark: where. */
static char *
make(gsize size, guintptr *mark)
{
	char *block = malloc(size);

	memset(block, 'x', size);
	memcpy(block + size - strlen(MARK), MARK, strlen(MARK));
	*mark = (guintptr)(block + size - strlen(MARK));
	ck_assert(is_marked(*mark));
	return block;
}

START_TEST(what_is_freed_is_wiped)
{
	guintptr mark;

	free(make(sizes[_i], &mark));
	ck_assert(!is_marked(mark));
	g_free(make(sizes[_i], &mark)); /* from a library */
	ck_assert(!is_marked(mark));
}
END_TEST

START_TEST(what_grows_or_shrinks_keeps_its_bytes_and_leaves_none_behind)
{
	static const struct {
		gsize by, of;
	} steps[] = {{3, 1}, {1, 1}, {9, 10}, {1, 3}};

	for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
		gsize size = sizes[_i], other = size * steps[i].by / steps[i].of;
		guintptr mark;
		char *block = realloc(make(size, &mark), other);

		for (gsize j = 0; j < MIN(other, size - strlen(MARK)); j++) {
			if (block[j] != 'x')
				ck_abort_msg("byte %zu of %zu is %d", j, other, block[j]);
		}
		if (other >= size)
			ck_assert_mem_eq(block + size - strlen(MARK), MARK, strlen(MARK));
		ck_assert(!is_marked(mark) || (other >= size && mark == (guintptr)(block + size - strlen(MARK))));
		free(block);
		ck_assert(!is_marked(mark));
	}
}
END_TEST

START_TEST(what_is_only_carried_need_not_be)
{
	guintptr mark;
	char *block = make(5000, &mark);

	secret_wipes_freed = FALSE;
	free(block);
	ck_assert(is_marked(mark));
	secret_wipes_freed = TRUE;
}
END_TEST

START_TEST(realloc_is_malloc_and_free_too)
{
	char *block = realloc(NULL, 100);

	ck_assert_ptr_nonnull(block);
	memset(block, 'x', 100);
	ck_assert_ptr_null(realloc(block, 0));
	block = malloc(100);
	ck_assert_ptr_null(realloc(block, G_MAXSSIZE));
	free(block); /* it is there still */
	free(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wipe-freed");
	TCase *tcase = tcase_create("memory");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, what_is_freed_is_wiped, 0, G_N_ELEMENTS(sizes));
	tcase_add_loop_test(tcase, what_grows_or_shrinks_keeps_its_bytes_and_leaves_none_behind, 0, G_N_ELEMENTS(sizes));
	tcase_add_test(tcase, what_is_only_carried_need_not_be);
	tcase_add_test(tcase, realloc_is_malloc_and_free_too);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
