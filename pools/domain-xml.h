/* What a desktop's VM is made of, as libvirt's XML. Pure: nothing is looked up here. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* The namespace of our element in a domain's <metadata>, and the attributes that it has. */
#define DOMAIN_METADATA_URI "https://carrel.invalid/1"
#define DOMAIN_NAME_PREFIX  "carrel-"
#define DOMAIN_AGENT_PORT   "org.carrel.agent.0"

typedef struct {
	const char *id, *uuid, *pool; /* of the desktop */
	const char *instance;	      /* whose broker made it */
	const char *config;	      /* digest of what it was made from */
	gboolean kvm;		      /* FALSE: emulated by TCG */
	const char *emulator, *machine;
	guint cpus;
	guint64 memory;	     /* bytes */
	const char *disk;    /* the overlay */
	const char *backing; /* the golden disk under it */
	const char *kernel, *initrd, *cmdline; /* kernel NULL: boot the disk */
	const char *network; /* a libvirt network, or NULL */
	const char *bridge;  /* a bridge of the host, or NULL; at most one of the two */
	const char *agent; /* the unix socket of its control port, for QEMU to listen on */
	gboolean usb;	     /* QEMU can redirect USB */
} DomainSpec;

/* Free with g_free. */
char *domain_xml(const DomainSpec *spec);

/* A qcow2 overlay called @name on @backing. Free with g_free. */
char *overlay_xml(const char *name, const char *backing);
