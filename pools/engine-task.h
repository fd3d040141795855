/* What a worker is told about one VM. It reads it while the engine goes on, so nothing in it belongs to the engine.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/engine-private.h"

typedef struct {
	VmPlace *place;
	char *id, *uuid;
	/* Of one that is made, or is plugged in. */
	Image *image;
	char *pool, *config, *emulator, *machine, *disk, *agent;
	NetworkCard *network; /* NULL: none */
	gboolean kvm;
	guint usb; /* places for USB devices of a client */
	const char *emulation; /* static */
	guint cpus;
	guint64 memory;
	gint64 disk_bytes, extra_bytes;
	int firmware; /* PoolFirmware */
	gboolean tpm, sound, windows;
	guint monitors, cpu_shares, io_weight;
	char *extra_disk, *nvram, *drivers, *devices;
	/* Of a template or its clone; key NULL: neither. */
	char *key, *memory_file, *template_disk, *template_extra, *state_file;
	gboolean run; /* a clone: let it run at once */
	gboolean kept; /* its disk is */
	gboolean stray; /* to destroy: nobody knows it */
	gboolean restart, now; /* to shut down: and to start again; without asking the guest */
	gboolean has_home; /* its pool gives people disks */
	char *home;	   /* a disk to plug in, of at least so many bytes */
	guint64 home_bytes;
} Task;

Task *task_new(const Engine *engine, const char *id, const char *uuid);
Task *task_new_about(const Desktop *desktop);
void task_free(void *task);

/* To make a desktop of @pool, or its template, from the image that @image names. NULL: the image is not there. */
Task *task_new_of_pool(const Engine *engine, const Pool *pool, const char *id, const char *uuid, const char *image, gboolean kept,
	GError **error);
Task *task_new_of_desktop(const Desktop *desktop, const Pool *pool, GError **error);

/* What @pool's desktops are connected to; NULL: nothing. */
void task_set_network(Task *task, const Engine *engine, const Pool *pool);

/* From now on it is about the template @key: itself, or a clone of it. */
void task_set_template(Task *task, const char *key);

/* Valid as long as @task. */
DomainSpec task_spec(const Task *task, gboolean is_template);
