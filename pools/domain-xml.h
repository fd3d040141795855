/* What a desktop's VM is made of, as libvirt's XML. Pure: nothing is looked up here. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "pools/network-card.h"
#include "pools/pool-file.h"

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
	gboolean persistent; /* it is kept: what it wrote outlives the host's crash, and what its TPM keeps the domain */
	gboolean home;	     /* a disk of its person will be plugged in */
	const char *disk;    /* the overlay */
	const char *backing; /* the golden disk under it */
	const char *kernel, *initrd, *cmdline; /* kernel NULL: boot the disk */
	const NetworkCard *network; /* NULL: none */
	const char *agent; /* the unix socket of its control port, for QEMU to listen on */
	guint usb;	     /* places for USB devices of a client */
	guint64 disk_bytes;  /* virtual size of @disk; 0: the golden disk's */
	const char *extra_disk; /* a second one, or NULL, and how large */
	guint64 extra_bytes;
	PoolFirmware firmware; /* with a UEFI, @kernel must be one that it can start */
	const char *nvram;	/* where a UEFI keeps its variables: made by libvirt, and removed by us */
	gboolean tpm, sound, windows;
	guint monitors;
	guint cpu_shares, io_weight; /* 0: the host's own */
	const char *drivers;	 /* a CD of drivers, or NULL */
	const char *devices;	 /* XML of an admin's, whole elements (pools/xml-fragment.h), or NULL */
	/* Of an instant clone and its template, which must be alike but for what is named here: NULL where it boots by itself. The
	 * guest's memory is that file; the template writes it, a clone has pages of its own where it differs. */
	const char *memory_file;
	gboolean is_template; /* it is the one that boots and is frozen */
	const char *template; /* of a clone: the key of its template, and */
	const char *template_disk; /* the disk that was frozen, between @disk and @backing, and */
	const char *template_extra; /* the one under @extra_disk, or NULL */
} DomainSpec;

/* Free with g_free. */
char *domain_xml(const DomainSpec *spec);

/* A VM that is never started, with the identity of one that has a TPM: by it libvirt finds what it keeps for that. Free with g_free. */
char *domain_tpm_xml(const char *instance, const char *id, const char *uuid);

/* The disk of a person, to be plugged in. Free with g_free. */
char *domain_home_xml(const char *path);

/* What a template's key stands for beside its image: raise it when a change here makes other hardware of the same settings. */
#define DOMAIN_TEMPLATE_FORMAT 2

/* A qcow2 volume called @name with the rights @mode (octal): an overlay on @backing, or, where that is NULL, empty. @bytes: its virtual
 * size; 0: its backing's. Free with g_free. */
char *overlay_xml(const char *name, const char *backing, guint64 bytes, const char *mode);
