/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "connect/request.h"

#include <curl/curl.h>
#include <string.h>

#include "broker/common/error.h"

#define BODY_MAX (64 * 1024)
#define CONNECT_S 10
/* The gateway gives the broker 30 s. */
#define REQUEST_S 40

struct Requester {
	CURL *curl;
	char *url, *shown;
	struct curl_slist *fields;
};

void
response_free(Response *response)
{
	if (response == NULL)
		return;
	explicit_bzero(response->body->data, response->body->len);
	g_byte_array_unref(response->body);
	g_free(response);
}

static size_t
on_body(char *bytes, size_t size, size_t n, void *data)
{
	GByteArray *body = data;

	if (body->len + n > BODY_MAX)
		return 0; /* ends the transfer: CURLE_WRITE_ERROR */
	g_byte_array_append(body, (const guint8 *)bytes, (guint)n);
	return n;
}

static CURL *
new_curl(const char *ca_file)
{
	CURL *curl;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (curl = curl_easy_init()) == NULL)
		g_error("libcurl cannot be used");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)REQUEST_S);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "carrel-connect/" PACKAGE_VERSION);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	if (ca_file) {
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* this one and no other */
	}
	return curl;
}

Requester *
requester_new(const Address *address, const char *ca_file)
{
	Requester *requester = g_new0(Requester, 1);

	requester->curl = new_curl(ca_file);
	requester->url = g_strdup(address->url);
	requester->fields = curl_slist_append(NULL, "Content-Type: application/json");
	curl_easy_setopt(requester->curl, CURLOPT_COOKIEFILE, ""); /* cookies are kept, in memory alone */
	return requester;
}

void
requester_free(Requester *requester)
{
	if (requester == NULL)
		return;
	curl_easy_cleanup(requester->curl);
	curl_slist_free_all(requester->fields);
	g_free(requester->url);
	g_free(requester);
}

static void
set_error(GError **error, CURLcode code, const char *url, const char *said)
{
	const char *why = *said ? said : curl_easy_strerror(code);

	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		g_set_error(error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE, "%s cannot prove who it is: %s", url, why);
		break;
	case CURLE_SSL_CACERT_BADFILE:
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the file of CA certificates cannot be used: %s", why);
		break;
	case CURLE_WRITE_ERROR:
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "%s sent an answer of more than %d bytes: it is not used", url,
			BODY_MAX);
		break;
	default:
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE,
			"%s cannot be reached: %s. Check the address and your network", url, why);
	}
}

static gboolean
perform(CURL *curl, const char *url, GError **error)
{
	char said[CURL_ERROR_SIZE] = "";
	CURLcode code;

	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, said);
	code = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
	if (code == CURLE_OK)
		return TRUE;
	set_error(error, code, url, said);
	return FALSE;
}

Response *
requester_send(Requester *requester, const char *method, const char *path, const char *body, GError **error)
{
	CURL *curl = requester->curl;
	g_autofree char *url = g_strconcat(requester->url, path, NULL);
	g_autoptr(Response) response = g_new0(Response, 1);
	const char *type = NULL;

	response->body = g_byte_array_new();
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, response->body);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body); /* not copied */
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, requester->fields);
	} else {
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (!perform(curl, requester->url, error))
		return NULL;
	g_byte_array_append(response->body, (const guint8 *)"", 1);
	g_byte_array_set_size(response->body, response->body->len - 1);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response->status);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	response->is_json = type && g_str_has_prefix(type, "application/json");
	return g_steal_pointer(&response);
}

char **
requester_chain(const Address *address, GError **error)
{
	CURL *curl = new_curl(NULL);
	g_autoptr(GByteArray) body = g_byte_array_new();
	g_autoptr(GPtrArray) chain = g_ptr_array_new();
	struct curl_certinfo *info = NULL;

	/* Nothing is sent but a request for a public page, and nothing of the answer is used but the certificates. */
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(curl, CURLOPT_URL, address->url);
	if (perform(curl, address->url, error) && curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) == CURLE_OK && info) {
		for (int i = 0; i < info->num_of_certs; i++) {
			for (struct curl_slist *item = info->certinfo[i]; item; item = item->next) {
				if (g_str_has_prefix(item->data, "Cert:"))
					g_ptr_array_add(chain, g_strdup(item->data + strlen("Cert:")));
			}
		}
	}
	curl_easy_cleanup(curl);
	if (chain->len == 0) {
		if (error && *error == NULL)
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "%s shows no certificate", address->url);
		return NULL;
	}
	g_ptr_array_add(chain, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&chain), FALSE);
}
