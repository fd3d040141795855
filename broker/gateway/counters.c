/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/counters.h"

guint64 counters[COUNTERS];

const char *
counter_name(Counter counter)
{
	static const char *const names[COUNTERS] = {
		[COUNTER_WEB_CONNECTIONS] = "web-connections",
		[COUNTER_VNC_CONNECTIONS] = "vnc-connections",
		[COUNTER_PROXIED] = "proxied-connections",
		[COUNTER_HANDSHAKES] = "tls-handshakes",
		[COUNTER_REQUESTS] = "requests",
		[COUNTER_API_REQUESTS] = "api-requests",
		[COUNTER_REDIRECTS] = "redirects",
		[COUNTER_IDLE_CLOSED] = "idle-closed",
		[COUNTER_BROWSER_STREAMS] = "browser-streams",
		[COUNTER_SOUND_STREAMS] = "sound-streams",
		[COUNTER_FILES_STREAMS] = "files-streams",
		[COUNTER_SPICE_STREAMS] = "spice-streams",
		[COUNTER_VNC_STREAMS] = "vnc-streams",
		[COUNTER_BYTES_IN] = "bytes-from-clients",
		[COUNTER_BYTES_OUT] = "bytes-to-clients",
		[COUNTER_PINGS] = "pings",
		[COUNTER_RELOADS] = "reloads",
		[COUNTER_LINES_LEFT_OUT] = "log-lines-left-out",
	};

	return names[counter];
}
