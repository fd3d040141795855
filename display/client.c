/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/client.h"

#include <string.h>

#include "broker/common/error.h"

/* libspice-server's SPICE_MAX_PASSWORD_LENGTH */
#define SECRET_MAX 60
#define TEXT_MAX   256

static const char *const words[] = {"vnc", "spice", "files"};

const char *
client_protocol_word(ClientProtocol protocol)
{
	return words[protocol];
}

static char *
take_text(GVariant *params, const char *key)
{
	const char *text = "";

	g_variant_lookup(params, key, "&s", &text);
	return strlen(text) <= TEXT_MAX ? g_strdup(text) : g_strndup(text, TEXT_MAX);
}

static gboolean
take_bool(GVariant *params, const char *key, gboolean fallback)
{
	g_variant_lookup(params, key, "b", &fallback);
	return fallback;
}

Client *
client_new(GVariant *params, GError **error)
{
	g_autoptr(Client) client = g_new0(Client, 1);
	const char *protocol = "", *secret = "";

	g_variant_lookup(params, "protocol", "&s", &protocol);
	g_variant_lookup(params, "secret", "&s", &secret);
	client->name = take_text(params, "client");
	client->user = take_text(params, "user");
	client->address = take_text(params, "address");
	client->view_only = take_bool(params, "view-only", FALSE);
	client->clipboard_to_desktop = !client->view_only && take_bool(params, "clipboard-to-desktop", TRUE);
	client->clipboard_from_desktop = !client->view_only && take_bool(params, "clipboard-from-desktop", TRUE);
	/* Unlike the clipboard, files go nowhere unless it is said. */
	client->files_to_desktop = !client->view_only && take_bool(params, "files-to-desktop", FALSE);
	client->files_from_desktop = !client->view_only && take_bool(params, "files-from-desktop", FALSE);
	g_variant_lookup(params, "file-max", "t", &client->file_max);
	while (client->protocol < CLIENT_FILES && strcmp(protocol, words[client->protocol]) != 0)
		client->protocol++;
	if (strcmp(protocol, words[client->protocol]) != 0) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "“protocol” must be “vnc”, “spice” or “files”");
		return NULL;
	}
	if (client->name[0] == '\0') {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "“client” must name the client");
		return NULL;
	}
	if (client->protocol == CLIENT_SPICE && (secret[0] == '\0' || strlen(secret) > SECRET_MAX)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "“secret” must have 1 to %d characters for SPICE",
			SECRET_MAX);
		return NULL;
	}
	if (client->protocol == CLIENT_SPICE)
		client->secret = secret_new(secret, strlen(secret));
	return g_steal_pointer(&client);
}

void
client_free(Client *client)
{
	if (client == NULL)
		return;
	g_free(client->name);
	g_free(client->user);
	g_free(client->address);
	secret_free(client->secret);
	g_free(client);
}
