/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/client.h"

#include <string.h>

#include "broker/common/error.h"
#include "display/agent-wire.h"

/* libspice-server's SPICE_MAX_PASSWORD_LENGTH */
#define SECRET_MAX 60
#define TEXT_MAX   256
#define CLIPBOARD_MAX AGENT_MESSAGE_MAX

static const char *const words[] = {"vnc", "spice", "sound", "files"};

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

/* What no rule of the broker's could be is no reason to let anything in. */
static UsbRules *
take_usb(GVariant *params)
{
	g_autofree const char **items = NULL;
	g_autofree char *why = NULL;
	UsbRules *rules;

	if (!g_variant_lookup(params, "usb", "^a&s", &items))
		return NULL;
	rules = usb_rules_new(items, &why);
	if (rules == NULL)
		g_warning("no USB: %s", why);
	return rules;
}

static gsize
take_size(GVariant *params, const char *key, gsize most)
{
	guint64 size = most;

	g_variant_lookup(params, key, "t", &size);
	return (gsize)MIN(size, most);
}

static gboolean
take_protocol(Client *client, const char *word)
{
	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		client->protocol = (ClientProtocol)i;
		if (strcmp(word, words[i]) == 0)
			return TRUE;
	}
	return FALSE;
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
	client->holder = take_text(params, "holder");
	client->watermark = take_text(params, "watermark");
	client->watcher = take_text(params, "watcher");
	client->view_only = *client->watcher != '\0' || take_bool(params, "view-only", FALSE);
	client->clipboard_to_desktop = !client->view_only && take_bool(params, "clipboard-to-desktop", TRUE);
	client->clipboard_from_desktop = !client->view_only && take_bool(params, "clipboard-from-desktop", TRUE);
	/* Unlike the clipboard, files go nowhere unless it is said. */
	client->files_to_desktop = !client->view_only && take_bool(params, "files-to-desktop", FALSE);
	client->files_from_desktop = !client->view_only && take_bool(params, "files-from-desktop", FALSE);
	g_variant_lookup(params, "file-max", "t", &client->file_max);
	client->usb = client->view_only ? NULL : take_usb(params);
	client->clipboard_images = take_bool(params, "clipboard-images", FALSE);
	client->clipboard_max = take_size(params, "clipboard-max", CLIPBOARD_MAX);
	client->sound = take_bool(params, "sound", TRUE);
	client->microphone = client->sound && !client->view_only && take_bool(params, "microphone", FALSE);
	if (!take_protocol(client, protocol)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "“protocol” must be “vnc”, “spice”, “sound” or “files”");
		return NULL;
	}
	if (client->name[0] == '\0') {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "“client” must name the client");
		return NULL;
	}
	if (client->protocol == CLIENT_SPICE && *client->watcher != '\0') {
		/* It serves one client, so that the person would be thrown out. */
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "who watches comes by VNC");
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

Client *
client_copy_without_secret(const Client *client)
{
	Client *copy = g_new0(Client, 1);

	*copy = *client;
	copy->name = g_strdup(client->name);
	copy->user = g_strdup(client->user);
	copy->address = g_strdup(client->address);
	copy->holder = g_strdup(client->holder);
	copy->watermark = g_strdup(client->watermark);
	copy->watcher = g_strdup(client->watcher);
	copy->usb = client->usb ? usb_rules_ref(client->usb) : NULL;
	copy->secret = NULL;
	return copy;
}

void
client_free(Client *client)
{
	if (client == NULL)
		return;
	g_free(client->name);
	g_free(client->user);
	g_free(client->address);
	usb_rules_unref(client->usb);
	g_free(client->holder);
	g_free(client->watermark);
	g_free(client->watcher);
	secret_free(client->secret);
	g_free(client);
}
