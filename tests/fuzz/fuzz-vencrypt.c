/* A VNC client's first messages, of one where TLSPlain is offered ('a'), and a display server's ('d'): the first byte chooses. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>

#include "broker/gateway/rfb-client.h"
#include "broker/gateway/vencrypt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
feed_display(const uint8_t *data, size_t size)
{
	RfbClient client = {0};
	RfbClientResult result = RFB_CLIENT_MORE;

	for (gsize wanted; result == RFB_CLIENT_MORE && (wanted = rfb_client_wanted(&client)) <= size;) {
		result = rfb_client_feed(&client, data);
		data += wanted;
		size -= wanted;
	}
}

static void
feed_viewer(gboolean anonymous, const uint8_t *data, size_t size)
{
	g_autoptr(Vencrypt) vencrypt = vencrypt_new(anonymous);
	VencryptResult result = VENCRYPT_MORE;

	while (result == VENCRYPT_MORE || result == VENCRYPT_START_TLS) {
		gsize wanted = vencrypt_wanted(vencrypt), n;

		if (wanted == 0 || wanted > VENCRYPT_WANTED_MAX)
			g_error("wants %zu bytes", wanted);
		if (wanted > size)
			return;
		result = vencrypt_feed(vencrypt, data);
		vencrypt_output(vencrypt, &n);
		if (vencrypt_is_anonymous(vencrypt) && !anonymous)
			g_error("chose what was not offered");
		data += wanted;
		size -= wanted;
	}
	if (result == VENCRYPT_SIGN_IN && (!g_utf8_validate(vencrypt_user(vencrypt), -1, NULL) || *vencrypt_user(vencrypt) == '\0'))
		g_error("a user name that is none");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'd')
		feed_display(data + 1, size - 1);
	else
		feed_viewer(data[0] == 'a', data + 1, size - 1);
	return 0;
}
