/* The command carrel: noun, then verb. Each noun is a file beside this one with a table of verbs; what they share is
 * declared here. Nothing of it keeps state: everything is asked of carrel-broker, or read from the files of the instance.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "broker/common/conf.h"
#include "broker/dbus/broker-admin.h"

/* Exit statuses: part of the interface, documented in carrel(1). */
typedef enum {
	CLI_DONE = 0,
	CLI_FAILED = 1,      /* it was tried and went wrong, there is no such thing, or a check found faults */
	CLI_USAGE = 2,       /* the command line is not understood */
	CLI_NOT_RUNNING = 3, /* there is no carrel-broker to ask */
	CLI_DENIED = 4,      /* this user may not do that */
	CLI_BUSY = 5,        /* it may succeed later */
	CLI_CONFIG = 78,     /* EX_CONFIG of sysexits.h: the configuration file is wrong */
} CliStatus;

typedef struct {
	const char *config_file; /* --config, or conf_default_file() */
	Conf *conf;		 /* read by cli_conf(); NULL before */
	gboolean json;		 /* --json */
} CliContext;

/* One verb of a noun. */
typedef struct {
	const char *name;      /* "list" */
	const char *arguments; /* as --help shows them: "POOL", "[POOL...]", "" */
	const char *summary;   /* one line, no full stop */
	const char *details;   /* more paragraphs for --help, or NULL */
	int min, max;	       /* how many arguments; max -1: any number */
	gboolean lists;	       /* it knows --json */
	const GOptionEntry *options; /* options of its own, ending with {NULL}, or NULL. They are static variables */
	/* @args: what is left of the command line, NULL-terminated. Result: the exit status. */
	int (*run)(CliContext *context, char **args);
} CliVerb;

/* Finds argv[1] among @verbs (ending with a NULL name), reads its options, answers --help of noun and verb, and runs it.
 * argv[0] is the noun. A noun that does something without a verb (status, doctor) has one verb named "". */
int cli_run_verb(CliContext *context, const char *summary, const CliVerb *verbs, int argc, char **argv);

/* The nouns. argv[0] is the noun itself. Result: the exit status. */
int cli_status(CliContext *context, int argc, char **argv);
int cli_desktop(CliContext *context, int argc, char **argv);
int cli_session(CliContext *context, int argc, char **argv);
int cli_pool(CliContext *context, int argc, char **argv);
int cli_image(CliContext *context, int argc, char **argv);
int cli_recording(CliContext *context, int argc, char **argv);
int cli_doctor(CliContext *context, int argc, char **argv);

/* Two verbs of “desktop” that are in a file of their own. */
extern const GOptionEntry cli_export_options[], cli_import_options[];
int cli_desktop_export(CliContext *context, char **args);
int cli_desktop_import(CliContext *context, char **args);

/* The configuration, read once; NULL with the faults in @error (CONFIG). Owned by the context. */
const Conf *cli_conf(CliContext *context, GError **error);

/* A proxy of the broker's admin interface; free with g_object_unref. Every call has a deadline of 30 s. BUSY with a text
 * that says what to do when nobody listens there; DENIED when the broker turned this user away. */
CarrelBroker1Admin *cli_connect(const Conf *conf, GError **error);

/* Both steps for a verb: NULL when it printed why, with *@status to return. */
CarrelBroker1Admin *cli_broker(CliContext *context, int *status);

/* Prints "carrel: MESSAGE" without GDBus's prefix. Result: the exit status for it. Consumes @error. */
int cli_fail(GError *error);

/* A column of a list that is printed for people. */
typedef struct {
	const char *title; /* "CREATED" */
	const char *key;   /* of the dictionary */
	/* NULL: the value as text. Else: a new string; @value is never NULL. */
	char *(*format)(GVariant *value);
	gboolean right; /* align to the right: numbers */
} CliColumn;

/* One of the interface's List methods: carrel_broker1_admin_call_list_..._sync. */
typedef gboolean (*CliListCall)(CarrelBroker1Admin *broker, GDBusCallFlags flags, int timeout_ms, GVariant **rows,
	GCancellable *cancellable, GError **error);

/* Connects and calls. NULL when it printed why, with *@status to return. Free with g_variant_unref. */
GVariant *cli_call_list(CliContext *context, CliListCall list, int *status);

/* A whole verb "show": the row of @list whose @key is @value; @what ("pool") is for the words when there is none. */
int cli_show_row(CliContext *context, CliListCall list, const char *key, const char *value, const char *what,
	const CliColumn *lines);

/* Prints @rows (aa{sv}; not consumed): as a JSON array with every key when the context says so, else the columns (ending
 * with a NULL title), aligned, under their titles; or @nothing (a sentence) when there is no row. */
void cli_print_list(const CliContext *context, GVariant *rows, const CliColumn *columns, const char *nothing);

/* The row of @rows (aa{sv}) whose @key is @value, or NULL. Free with g_variant_unref. */
GVariant *cli_find_row(GVariant *rows, const char *key, const char *value);

/* Prints one dictionary (a{sv}): JSON, or "key: value" lines by @columns. */
void cli_print_row(const CliContext *context, GVariant *row, const CliColumn *columns);

/* JSON with a newline at its end. @node is not consumed. */
void cli_print_json(JsonNode *node);
/* Any value of dictionaries, arrays, texts, numbers and booleans. Not consumed. */
void cli_print_json_variant(GVariant *value);

/* How far something is that takes long (ImageProgress of pools/images.h): on a terminal one line that changes; elsewhere a line for each
 * step. */
void cli_show_progress(guint percent, const char *what, void *data);

/* Formats for columns. Ages take UTC seconds ("x"): "3 min"; 0 or less: "-". */
char *cli_format_age(GVariant *value);
char *cli_format_in(GVariant *value);    /* a time in the future: "in 3 h" */
char *cli_format_span(gint64 seconds);   /* "42 s", "3 min", "5 h", "12 d" */
char *cli_format_yes_no(GVariant *value); /* "b" */
char *cli_format_words(GVariant *value); /* "as": joined by blanks; "-" when empty */
char *cli_format_text(GVariant *value);  /* any; "-" when it is the empty text. Control characters are replaced */
