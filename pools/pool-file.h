/* A pool file, NAME.pool: every key, what it may hold, and what Carrel does with it today. A key whose value has no effect yet
 * is refused with that reason. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef enum { POOL_FLOATING, POOL_PERSISTENT, POOL_LAB } PoolKind;
typedef enum { POOL_RESET_NEVER, POOL_RESET_LOGOUT, POOL_RESET_DISCONNECT, POOL_RESET_SCHEDULE } PoolReset;
typedef enum { POOL_INSTANT_AUTO, POOL_INSTANT_NO } PoolInstant;
typedef enum { POOL_ACCEL_AUTO, POOL_ACCEL_KVM, POOL_ACCEL_TCG } PoolAccel;
typedef enum { POOL_OS_AUTO, POOL_OS_LINUX, POOL_OS_WINDOWS } PoolOs;
typedef enum { POOL_FIRMWARE_BIOS, POOL_FIRMWARE_UEFI, POOL_FIRMWARE_UEFI_SECURE } PoolFirmware;
typedef enum { POOL_CLIPBOARD_BOTH, POOL_CLIPBOARD_TO_DESKTOP, POOL_CLIPBOARD_FROM_DESKTOP, POOL_CLIPBOARD_OFF } PoolClipboard;
typedef enum { POOL_CLIPBOARD_TEXT, POOL_CLIPBOARD_TEXT_IMAGE } PoolClipboardTypes;
typedef enum { POOL_SHADOW_OFF, POOL_SHADOW_ASK, POOL_SHADOW_NOTIFY } PoolShadow;
typedef enum { POOL_FILES_OFF, POOL_FILES_BOTH, POOL_FILES_TO_DESKTOP, POOL_FILES_FROM_DESKTOP } PoolFiles;
typedef enum { POOL_NETWORK_NAT, POOL_NETWORK_BRIDGE, POOL_NETWORK_VLAN, POOL_NETWORK_ISOLATED, POOL_NETWORK_NONE } PoolNetwork;

/* What holds for one person. */
typedef struct {
	int clipboard; /* PoolClipboard */
	int file_transfer; /* PoolFiles */
	gint64 file_max; /* bytes of one file; 0: any */
	gint64 idle_disconnect, session_limit; /* seconds, 0: none */
	gint64 extend; /* seconds that a session may be made longer in all */
	gboolean usb;  /* devices that usb_devices of the file allow */
	int clipboard_types; /* PoolClipboardTypes */
	gint64 clipboard_max; /* bytes */
	int shadow; /* PoolShadow */
	gboolean record, record_input, record_required;
	gboolean microphone; /* the desktop may hear the person's */
} PoolPolicy;

typedef struct {
	char *name; /* of the file, without .pool */
	/* [Pool] */
	char *title;
	char *image; /* NAME or NAME@VERSION */
	int kind;    /* PoolKind */
	gint64 spare, parked, max;
	int instant; /* PoolInstant */
	char **schedule; /* how many are kept ready when: pools/calendar.h */
	gint64 queue;	 /* how many may wait for a place */
	int reset;	 /* PoolReset */
	char **reset_at; /* Reset=schedule: calendar times */
	gint64 grace;	 /* seconds from a disconnect to the reset */
	gint64 snapshots; /* that a person may keep of a desktop */
	gint64 home;	 /* bytes of a person's own disk; 0: none */
	/* [Desktop] */
	gint64 cpus, memory; /* memory: bytes */
	gint64 disk;	     /* bytes of the system disk; 0: the image's */
	gint64 extra_disk;   /* bytes of an empty second disk; 0: none */
	int accel;	     /* PoolAccel */
	int os;		     /* PoolOs; auto: the image's */
	int firmware;	     /* PoolFirmware */
	gboolean tpm, sound;
	gint64 monitors;
	gint64 usb_slots; /* USB devices at a time, where anybody may bring some */
	gint64 cpu_shares, io_weight; /* 0: the host's own */
	char *xml;	     /* devices of libvirt's XML; NULL: none */
	/* [Access] "@group" items are allowed in all three */
	char **users, **groups, **admins;
	/* [Policy] */
	int clipboard; /* PoolClipboard */
	gboolean usb;
	char **usb_devices; /* broker/common/usb-rules.h */
	gboolean microphone;
	int file_transfer; /* PoolFiles */
	gint64 file_max;   /* bytes of one file; 0: any */
	gint64 idle_disconnect, session_limit; /* seconds, 0: none */
	gint64 extend; /* seconds that a session may be made longer in all */
	int clipboard_types; /* PoolClipboardTypes */
	gint64 clipboard_max; /* bytes */
	int shadow; /* PoolShadow */
	char *watermark; /* what is drawn over the picture, display/watermark.h; "off": nothing */
	gboolean record; /* off or on */
	gboolean record_input, record_required;
	gint64 record_keep, record_max; /* seconds, bytes; 0: no limit */
	GPtrArray *exceptions; /* [Policy USER] and [Policy @GROUP], in file order: pool_file_policy() */
	/* [Network] */
	int mode; /* PoolNetwork */
	char *bridge; /* Mode=bridge and vlan: the host's bridge */
	gint64 vlan;  /* Mode=vlan: its number */
	gboolean dhcp; /* Mode=isolated: desktops get an address */
	gboolean ipv6; /* Mode=bridge and vlan: it is carried */
	gint64 rate_up, rate_down; /* bits a second that a desktop may send, receive; 0: no limit */
} PoolFile;

#define POOL_FILE_SUFFIX ".pool"

/* [a-z0-9][a-z0-9-]{0,31} */
gboolean pool_name_is_valid(const char *name);

/* NAME.pool, and what adds to it or stands instead of it: NAME.pool.d/ *.conf, by name. NULL-terminated; free with g_strfreev. */
char **pool_file_paths(const char *path);

/* NULL, and the faults in *@faults (SettingsFault *, free with g_ptr_array_unref), when the file is not good. Also fails when
 * the name of the file is not a pool's name ([a-z0-9][a-z0-9-]{0,31}). */
PoolFile *pool_file_read(const char *path, GPtrArray **faults);
void pool_file_free(PoolFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PoolFile, pool_file_free)

/* May @user, who is in @groups (NULL-terminated names, or NULL), have a desktop of this pool? */
gboolean pool_file_entitles(const PoolFile *file, const char *user, const char *const *groups);

/* Do [Access] Admins= name @user, who is in @groups (NULL-terminated names, or NULL)? */
gboolean pool_file_has_admin(const PoolFile *file, const char *user, const char *const *groups);

/* The policy of @user, who is in @groups (NULL-terminated names, or NULL): the first exception that names the user, else the first
 * that names one of the groups, else the pool's. */
PoolPolicy pool_file_policy(const PoolFile *file, const char *user, const char *const *groups);
/* How many USB devices a desktop has room for at a time: 0 where nobody may bring one. */
guint pool_file_usb_slots(const PoolFile *file);
/* Does it depend on a person's groups? */
gboolean pool_file_policy_asks_groups(const PoolFile *file);

/* Every key with its value, "Key=value" or "[Policy NAME] Key=value". NULL-terminated; free with g_strfreev. */
char **pool_file_values(const PoolFile *file);

/* What is other in @to: "Spare 1 → 4, Memory 2G → 4G"; "": nothing. Free with g_free. */
char *pool_file_differences(const PoolFile *from, const PoolFile *to);

/* What is allowed but surely not meant ("nobody may use this pool"), or NULL. Free with g_free. */
char *pool_file_warning(const PoolFile *file);

/* The word that stands for @kind in a file. Static. */
const char *pool_kind_word(int kind);

/* Adds to *@faults (made where it is NULL) that @key ("Group/Key", or NULL) of the file at @path is wrong,
 * with its line. */
void pool_file_add_fault(GPtrArray **faults, const char *path, const char *key, const char *format, ...) G_GNUC_PRINTF(4, 5);

/* What a desktop of this pool is made from: a desktop whose text differs is out of date. Free with g_free. */
char *pool_file_hardware(const PoolFile *file);
