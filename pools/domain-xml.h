/* What a desktop's VM is made of, as libvirt's XML. Pure: nothing is looked up here. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "pools/network-card.h"

/* The namespace of our element in a domain's <metadata>, and the attributes that it has. */
#define DOMAIN_METADATA_URI "https://carrel.invalid/1"
#define DOMAIN_NAME_PREFIX  "carrel-"
#define DOMAIN_AGENT_PORT   "org.carrel.agent.0"

typedef struct {
	const char *id, *uuid, *pool; /* of the desktop */
	const char *instance;	      /* whose broker made it */
	const char *config;	      /* digest of what it was made from */
	gboolean kvm;		      /* FALSE: emulated by TCG */
	const char *emulation;	      /* libvirt's type of the domain where it is */
	const char *emulator, *machine;
	guint cpus;
	guint64 memory;	     /* bytes */
	gboolean persistent; /* it is kept: what it wrote must survive a crash of the host */
	gboolean home;	     /* a disk of its person will be plugged in */
	const char *disk;    /* the overlay */
	const char *backing; /* the golden disk under it */
	const char *kernel, *initrd, *cmdline; /* kernel NULL: boot the disk */
	const NetworkCard *network; /* NULL: none */
	const char *agent; /* the unix socket of its control port, for QEMU to listen on */
	gboolean usb;	     /* QEMU can redirect USB */
	/* Of an instant clone and its template, which must be alike but for what is named here: NULL where it boots by itself. The
	 * guest's memory is that file; the template writes it, a clone has pages of its own where it differs. */
	const char *memory_file;
	gboolean is_template; /* it is the one that boots and is frozen */
	const char *template; /* of a clone: the key of its template, and */
	const char *template_disk; /* the disk that was frozen, between @disk and @backing */
} DomainSpec;

/* Free with g_free. */
char *domain_xml(const DomainSpec *spec);

/* The disk of a person, to be plugged in. Free with g_free. */
char *domain_home_xml(const char *path);

/* What a template's key stands for beside its image: raise it when a change here makes other hardware of the same settings. */
#define DOMAIN_TEMPLATE_FORMAT 1

/* A qcow2 overlay called @name on @backing, with the rights @mode (octal). Free with g_free. */
char *overlay_xml(const char *name, const char *backing, const char *mode);
