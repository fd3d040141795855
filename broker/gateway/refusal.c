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
	[REFUSAL_PROXY_HEADER] = {"ProxyFrom", "bad PROXY header"},
	[REFUSAL_HANDSHAKE_TIMEOUT] = {"HandshakeTimeout", "slow hand-shake"},
	[REFUSAL_TLS] = {"Tls", "bad TLS"},
	[REFUSAL_HEAD_TIMEOUT] = {"HeadTimeout", "slow request"},
	[REFUSAL_HEAD_SIZE] = {"HeadSize", "long request"},
	[REFUSAL_HEAD_SYNTAX] = {"HeadSyntax", "bad request"},
	[REFUSAL_BODY_TIMEOUT] = {"BodyTimeout", "slow request"},
	[REFUSAL_BODY_SIZE] = {"BodySize", "long request"},
	[REFUSAL_BODY_MEMORY] = {"BodyMemory", "long request"},
	[REFUSAL_BODY] = {"Body", "bad request to the API"},
	[REFUSAL_METHOD] = {"Method", "bad method"},
	[REFUSAL_ORIGIN] = {"Origin", "foreign request"},
	[REFUSAL_COOKIE] = {"Cookie", "bad cookie"},
	[REFUSAL_WEBSOCKET] = {"WebSocket", "bad WebSocket request"},
	[REFUSAL_FRAME_SIZE] = {"FrameSize", "long WebSocket frame"},
	[REFUSAL_FRAME_SYNTAX] = {"FrameSyntax", "bad WebSocket frame"},
	[REFUSAL_PING_INTERVAL] = {"PingInterval", "the browser answers no ping"},
	[REFUSAL_CONNECT] = {"Connect", "bad tunnel"},
	[REFUSAL_TICKET] = {"Ticket", "refused ticket"},
	[REFUSAL_SCREEN] = {"Screen", "no screen for a browser"},
	[REFUSAL_VNC_SYNTAX] = {"VncSyntax", "bad VNC client"},
	[REFUSAL_SIGN_IN_TIMEOUT] = {"SignInTimeout", "slow VNC sign-in"},
	[REFUSAL_SIGN_IN] = {"SignIn", "refused VNC sign-in"},
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
