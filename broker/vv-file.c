/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/vv-file.h"

#include <string.h>

#define GROUP "virt-viewer"

#define HTTPS_PORT 443

/* virt-viewer goes through CONNECT to the port where the client reached the portal. A browser leaves out https's own, whatever the
 * gateway behind a load balancer listens on; in a URI of http another would stand for it. */
static char *
proxy_of(const VvFile *file)
{
	const char *bracket = strchr(file->portal, ']');
	const char *colon = strchr(bracket ? bracket : file->portal, ':');

	return colon ? g_strdup_printf("http://%s", file->portal) : g_strdup_printf("http://%s:%d", file->portal, HTTPS_PORT);
}

char *
vv_file_text(const VvFile *file)
{
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_autofree char *proxy = proxy_of(file);

	g_key_file_set_string(keys, GROUP, "type", "spice");
	g_key_file_set_string(keys, GROUP, "host", file->name);
	/* Never dialled: the portal looks the host up, and every channel is TLS inside CONNECT. */
	g_key_file_set_integer(keys, GROUP, "tls-port", file->port);
	g_key_file_set_string(keys, GROUP, "password", file->secret);
	g_key_file_set_string(keys, GROUP, "proxy", proxy);
	if (file->ca_pem && *file->ca_pem)
		g_key_file_set_string(keys, GROUP, "ca", file->ca_pem); /* its newlines become \n */
	if (file->host_subject && *file->host_subject)
		g_key_file_set_string(keys, GROUP, "host-subject", file->host_subject);
	g_key_file_set_string(keys, GROUP, "secure-channels", "main;display;inputs;cursor;playback;record;smartcard;usbredir");
	g_key_file_set_string(keys, GROUP, "title", file->title);
	g_key_file_set_integer(keys, GROUP, "delete-this-file", 1);
	g_key_file_set_string(keys, GROUP, "toggle-fullscreen", "shift+f11");
	g_key_file_set_string(keys, GROUP, "release-cursor", "shift+f12");
	g_key_file_set_string(keys, GROUP, "secure-attention", "ctrl+alt+end");
	return g_key_file_to_data(keys, NULL, NULL);
}
