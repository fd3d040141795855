/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/refusal.h"

#include "broker/common/log.h"
#include "broker/gateway/counters.h"

static const struct {
	const char *name, *text;
} table[REFUSALS] = {
	[REFUSAL_NONE] = {"None", "nothing was refused"},
	[REFUSAL_CONNECTIONS] = {"Connections", "too many connections in all"},
	[REFUSAL_CONNECTIONS_PER_ADDRESS] = {"ConnectionsPerAddress", "too many connections from this address"},
	[REFUSAL_UNAUTHENTICATED] = {"Unauthenticated", "dropped at random: too many connections have not signed in"},
	[REFUSAL_DESCRIPTORS] = {"Descriptors", "cannot accept; trying again in a second"},
	[REFUSAL_PROXY_HEADER] = {"ProxyFrom", "no PROXY header that is taken here"},
	[REFUSAL_HANDSHAKE_TIMEOUT] = {"HandshakeTimeout", "the hand-shake took too long"},
	[REFUSAL_TLS] = {"Tls", "the TLS hand-shake failed"},
	[REFUSAL_HEAD_TIMEOUT] = {"HeadTimeout", "half a request's head, then nothing"},
	[REFUSAL_HEAD_SIZE] = {"HeadSize", "the request's head is too long"},
	[REFUSAL_HEAD_SYNTAX] = {"HeadSyntax", "not a request that is understood here"},
	[REFUSAL_BODY_TIMEOUT] = {"BodyTimeout", "half a request's body, then nothing"},
	[REFUSAL_BODY_SIZE] = {"BodySize", "the request's body is too long"},
	[REFUSAL_BODY_MEMORY] = {"BodyMemory", "too many long bodies at once"},
	[REFUSAL_METHOD] = {"Method", "a method that is not taken there"},
	[REFUSAL_ORIGIN] = {"Origin", "a request from a page of another site"},
	[REFUSAL_COOKIE] = {"Cookie", "more than one session cookie, or one that is malformed"},
	[REFUSAL_WEBSOCKET] = {"WebSocket", "not a WebSocket hand-shake for a screen"},
	[REFUSAL_FRAME_SIZE] = {"FrameSize", "a WebSocket frame that is too long"},
	[REFUSAL_FRAME_SYNTAX] = {"FrameSyntax", "the WebSocket protocol was broken"},
	[REFUSAL_PING_INTERVAL] = {"PingInterval", "the browser answers no ping"},
	[REFUSAL_CONNECT] = {"Connect", "no tunnel"},
	[REFUSAL_TICKET] = {"Ticket", "the broker refused the ticket"},
	[REFUSAL_SCREEN] = {"Screen", "no screen for a browser"},
	[REFUSAL_VNC_SYNTAX] = {"VncSyntax", "not a VNC client that is taken here"},
	[REFUSAL_SIGN_IN_TIMEOUT] = {"SignInTimeout", "no user name and password in time"},
	[REFUSAL_SIGN_IN] = {"SignIn", "the broker refused the VNC sign-in"},
	[REFUSAL_WRITE_TIMEOUT] = {"WriteTimeout", "takes no bytes"},
};

static guint64 counts[REFUSALS];

void
refusal(const char *address, Refusal what, const char *detail)
{
	static LogRate rates[REFUSALS];
	guint left_out;
	const char *colon = detail ? ": " : "";

	counts[what]++;
	if (detail == NULL)
		detail = "";
	if (!log_rate_take(&rates[what], g_get_monotonic_time(), &left_out))
		counter_add(COUNTER_LINES_LEFT_OUT, 1);
	else if (left_out > 0)
		g_message("%s: %s%s%s (Limit=%s; %u more lines like this were left out before)", address, table[what].text, colon,
			detail, table[what].name, left_out);
	else
		g_message("%s: %s%s%s (Limit=%s)", address, table[what].text, colon, detail, table[what].name);
}

guint64
refusal_count(Refusal what)
{
	return counts[what];
}

const char *
refusal_name(Refusal what)
{
	return table[what].name;
}

const char *
refusal_text(Refusal what)
{
	return table[what].text;
}
