/* The web client's files, in memory from the start on: what is served is what was there, no request names a file of the disk.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct Site Site;
typedef struct SiteFile SiteFile;

/* Reads the folder @root. Symbolic links in it, and names that start with a dot, are left out. NULL and
 * CARREL_ERROR_CONFIG when it cannot be read or has more than 2,000 files, a file of more than 16 MiB, or 64 MiB in all. */
Site *site_load(const char *root, GError **error);
void site_free(Site *site);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Site, site_free)

/* @path: as in the request, "/app/main.js"; a path that ends in "/" means its index.html. NULL when there is none. */
const SiteFile *site_find(const Site *site, const char *path);

const char *site_file_type(const SiteFile *file); /* for Content-Type */
const char *site_file_etag(const SiteFile *file); /* with its quotes */
GBytes *site_file_body(const SiteFile *file);     /* the site's reference */

/* TRUE when an If-None-Match field's value (a list, or "*") names @etag. */
gboolean site_etag_matches(const char *list, gsize size, const char *etag);
