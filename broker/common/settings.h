/* Reads the key files that admins write (carrel.conf, *.pool) against a table that says what may stand in them.
 * Every fault of a file is found in one pass, each with its line, the key, and what would be right.
 * The syntax is that of GKeyFile; see desktop-entry-spec 1.5, section 3. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* No file of ours is larger than this; a larger one is refused before it is parsed. */
#define SETTINGS_FILE_MAX (256 * 1024)

typedef enum {
	SETTING_STRING,   /* char *: any text without control characters, at most 4096 bytes */
	SETTING_NAME,     /* char *: [A-Za-z0-9][A-Za-z0-9._@-]*, at most 64 bytes */
	SETTING_PATH,     /* char *: an absolute path */
	SETTING_LIST,     /* char **: items separated by commas, blanks round them dropped; never NULL after a read */
	SETTING_BOOL,     /* gboolean: yes | no */
	SETTING_INT,      /* gint64: decimal, min..max */
	SETTING_SIZE,     /* gint64 bytes: 512M, 4G, 1T (powers of 1024), min..max */
	SETTING_RATE,     /* gint64 bits a second: 500k, 10M, 1G (powers of 1000), or 0; min..max */
	SETTING_DURATION, /* gint64 seconds: 90s, 30min, 8h, 1d, or 0; min..max */
	SETTING_ENUM,     /* int: index into words */
} SettingKind;

typedef struct {
	const char *group, *key;
	SettingKind kind;
	gsize offset;             /* of the field in the target struct */
	const char *fallback;     /* as it would stand in the file; NULL: zero, NULL or the empty list */
	gint64 min, max;          /* SETTING_INT, _SIZE, _RATE, _DURATION; both 0: any value >= 0 */
	const char *const *words; /* SETTING_ENUM: NULL-terminated */
	gboolean required;
	gboolean named; /* may stand in [GROUP NAME] too, see settings_read_sections; numbers, words and yes or no only */
	/* NULL, or a further check of the parsed value (@field points to it): TRUE, or FALSE with @why set to a clause such
	 * as "is not a calendar expression". */
	gboolean (*check)(const void *field, char **why);
} Setting;

/* One fault of a file. line is 1-based, 0 where the fault is an absence. */
typedef struct {
	char *file;
	int line;
	char *key;  /* "Group/Key", or NULL */
	char *text; /* a sentence: what is wrong, and what would be right */
} SettingsFault;

void settings_fault_free(SettingsFault *fault);
char *settings_fault_to_string(const SettingsFault *fault); /* "FILE:LINE: KEY: TEXT" */

/* Reads @file into @target (zeroed or already read once; old values are freed), by @table, which ends with a NULL group.
 * Result: NULL when the file is good, else the faults in file order (SettingsFault *, with their free function set);
 * @target then holds the fallbacks wherever a value was bad. */
GPtrArray *settings_read(const char *file, const Setting *table, void *target);

/* One [GROUP NAME]: what differs from [GROUP] for that name. @target is a struct of the reading's kind of which only the fields of
 * GROUP's named keys are set: as they stand here, else as in [GROUP]. */
typedef struct {
	char *name; /* what is behind GROUP and a blank */
	char *file;
	int line;
	void *target;
} SettingsSection;

/* The same from several files (NULL-terminated; what stands in a later one goes before what stood in an earlier one, key by key), in
 * which groups with named keys come again with names. @size: of the struct. *@sections: in file order (SettingsSection *, with
 * their free function set), never NULL. What may be a name is the caller's to check. */
GPtrArray *settings_read_sections(const char *const *files, const Setting *table, void *target, gsize size, GPtrArray **sections);

/* settings_read from memory. @file is used in faults only. */
GPtrArray *settings_parse(const char *file, const char *text, gsize size, const Setting *table, void *target);

/* By file, and by line. */
void settings_sort_faults(GPtrArray *faults);

/* The value in @target as it would stand in a file; "": none. Free with g_free. */
char *settings_value_text(const Setting *setting, const void *target);

/* Frees what settings_read put into @target's fields, and zeroes them. */
void settings_clear(const Setting *table, void *target);

/* The candidate that is closest to @word by edit distance, or NULL when none is near. @candidates ends with NULL. */
const char *settings_nearest(const char *word, const char *const *candidates);

/* All faults, a line each, as one GError (CARREL_ERROR_CONFIG). Consumes @faults. FALSE if there were any. */
gboolean settings_faults_to_error(GPtrArray *faults, GError **error);
