/* Small strict readers of single values out of a request. All are pure. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define HTTP_COOKIE_NAME "__Host-carrel"
#define HTTP_COOKIE_MAX 256 /* bytes of its value */
#define HTTP_ROUTING_NAME_MAX 64

/* host[:port] of RFC 9110, section 7.2: a name of letters, digits, ".", "-" and "_", an IPv4 address, or an IPv6 address in
 * brackets; a port of 1 to 65535. At most 255 bytes. */
gboolean http_check_host(const char *text, gsize size);

/* host:port, where host is a routing name: [A-Za-z0-9.-], at most 64 bytes. Of CONNECT, RFC 9110, section 9.3.6. */
gboolean http_check_authority(const char *text, gsize size);

/* The host of a checked authority. Free with g_free. */
char *http_check_routing_name(const char *authority, gsize size);

typedef enum { HTTP_COOKIE_NONE, HTTP_COOKIE_ONE, HTTP_COOKIE_BAD } HttpCookie;

/* Our cookie in a Cookie field's value (RFC 6265, section 4.2.1). ONE: *@value is a copy, to be freed. BAD: it is there twice
 * or its value is not [A-Za-z0-9._~-]. Other sites' cookies are skipped, whatever they look like. */
HttpCookie http_check_cookie(const char *text, gsize size, char **value);

/* TRUE when an Origin field's value names the same place as the Host field of a request that came by https. */
gboolean http_check_origin(const char *origin, gsize origin_size, const char *host, gsize host_size);

/* A desktop's id out of "/api/v1/desktops/ID/screen", to be freed; NULL when the path is another. */
char *http_check_screen_path(const char *path, gsize size);
/* The same for /api/v1/desktops/DESKTOP/files. */
char *http_check_files_path(const char *path, gsize size);

/* TRUE for a path that may go to the broker: below /api/v1/, no empty, "." or ".." segment, percent signs only before
 * two hex digits other than those of NUL, "/" and ".". */
gboolean http_check_api_path(const char *path, gsize size);
