/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/tar.h"

#include <string.h>

/* Fields: where they begin, and their length. */
enum {
	NAME = 0,
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	TIME = 136,
	SUM = 148,
	TYPE = 156,
	MAGIC = 257,
	PREFIX = 345,
	SHORT_LENGTH = 8,
	LONG_LENGTH = 12,
	MAGIC_LENGTH = 8,
};

#define OCTAL_MAX ((G_GUINT64_CONSTANT(1) << 33) - 1) /* 11 digits */

/* Digits with zeros before them, and a NUL behind. */
static void
put_octal(guint8 *field, guint length, guint64 number)
{
	field[--length] = '\0';
	while (length > 0) {
		field[--length] = (guint8)('0' + number % 8);
		number /= 8;
	}
}

static void
put_size(guint8 *field, guint64 size)
{
	if (size <= OCTAL_MAX) {
		put_octal(field, LONG_LENGTH, size);
		return;
	}
	for (guint i = LONG_LENGTH; i-- > 0; size /= 256)
		field[i] = (guint8)(size % 256);
	field[0] = 0x80;
}

/* Of the whole block, with blanks where the sum itself stands. */
static guint
sum_of(const guint8 block[TAR_BLOCK])
{
	guint sum = 0;

	for (guint i = 0; i < TAR_BLOCK; i++)
		sum += i >= SUM && i < SUM + SHORT_LENGTH ? ' ' : block[i];
	return sum;
}

void
tar_write(guint8 block[TAR_BLOCK], const char *name, guint64 size, gint64 time)
{
	g_return_if_fail(strlen(name) < TAR_NAME_MAX);
	memset(block, 0, TAR_BLOCK);
	memcpy(block + NAME, name, strlen(name));
	put_octal(block + MODE, SHORT_LENGTH, 0600);
	put_octal(block + UID, SHORT_LENGTH, 0);
	put_octal(block + GID, SHORT_LENGTH, 0);
	put_size(block + SIZE, size);
	put_octal(block + TIME, LONG_LENGTH, (guint64)CLAMP(time, 0, (gint64)OCTAL_MAX));
	block[TYPE] = '0';
	memcpy(block + MAGIC, "ustar\00000", MAGIC_LENGTH);
	put_octal(block + SUM, SHORT_LENGTH - 1, sum_of(block));
	block[SUM + SHORT_LENGTH - 1] = ' ';
}

/* Blanks, digits, then NULs and blanks up to its end. */
static gboolean
get_octal(const guint8 *field, guint length, guint64 *number)
{
	guint64 value = 0;
	guint i = 0, digits = 0;

	while (i < length && field[i] == ' ')
		i++;
	for (; i < length && field[i] >= '0' && field[i] <= '7'; i++, digits++)
		value = value * 8 + (guint64)(field[i] - '0'); /* 12 digits are 36 bits */
	for (; i < length; i++) {
		if (field[i] != ' ' && field[i] != '\0')
			return FALSE;
	}
	*number = value;
	return digits > 0;
}

static gboolean
get_size(const guint8 *field, guint64 *size)
{
	guint64 value = 0;

	if (field[0] != 0x80) /* 0xff would be a negative number */
		return get_octal(field, LONG_LENGTH, size);
	for (guint i = 1; i < LONG_LENGTH; i++) {
		if (value > G_MAXINT64 / 256)
			return FALSE;
		value = value * 256 + field[i];
	}
	*size = value;
	return TRUE;
}

static gboolean
is_empty(const guint8 block[TAR_BLOCK])
{
	for (guint i = 0; i < TAR_BLOCK; i++) {
		if (block[i] != 0)
			return FALSE;
	}
	return TRUE;
}

TarKind
tar_parse(const guint8 block[TAR_BLOCK], char name[TAR_NAME_MAX + 1], guint64 *size, const char **why)
{
	gboolean ustar = memcmp(block + MAGIC, "ustar\00000", MAGIC_LENGTH) == 0;
	const char *plain = (const char *)block + NAME;
	gsize length = strnlen(plain, TAR_NAME_MAX);
	guint64 sum, bytes;

	if (is_empty(block))
		return TAR_END;
	/* As "tar -c ." writes it. */
	if (length > 2 && memcmp(plain, "./", 2) == 0) {
		plain += 2;
		length -= 2;
	}
	if (!ustar && memcmp(block + MAGIC, "ustar  ", MAGIC_LENGTH) != 0)
		*why = "it is no tar archive";
	else if (!get_octal(block + SUM, SHORT_LENGTH, &sum) || sum != sum_of(block))
		*why = "a header of it is damaged";
	else if (block[TYPE] != '0' && block[TYPE] != '\0')
		*why = "something in it is not a plain file";
	else if (!get_size(block + SIZE, &bytes))
		*why = "a size in it is no size";
	else if (length == 0 || memchr(plain, '/', length) != NULL || (ustar && block[PREFIX] != '\0'))
		*why = "a name in it is no name of a file";
	else {
		memcpy(name, plain, length);
		name[length] = '\0';
		*size = bytes;
		return TAR_FILE;
	}
	return TAR_BAD;
}
