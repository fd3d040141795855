/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/proxy-header.h"

#include <netinet/in.h>
#include <string.h>

static const guint8 signature[12] = {'\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

enum {
	VERSION_2_LOCAL = 0x20,
	VERSION_2_PROXY = 0x21,
	TCP_OVER_IPV4 = 0x11,
	TCP_OVER_IPV6 = 0x21,
	IPV4_ADDRESSES = 12, /* source, destination, source port, destination port */
	IPV6_ADDRESSES = 36,
};

static ProxyHeaderResult
bad(ProxyHeader *header, const char *fault)
{
	header->fault = fault;
	return PROXY_HEADER_BAD;
}

static gsize
payload_size(const guint8 *bytes)
{
	return (gsize)bytes[14] << 8 | bytes[15];
}

gsize
proxy_header_wanted(const guint8 *bytes, gsize size)
{
	return size < PROXY_HEADER_FIXED ? PROXY_HEADER_FIXED : PROXY_HEADER_FIXED + payload_size(bytes);
}

/* As far as they are there, so that somebody who speaks something else is not waited for. */
static ProxyHeaderResult
check_fixed(ProxyHeader *header, const guint8 *bytes, gsize size)
{
	if (memcmp(bytes, signature, MIN(size, sizeof signature)) != 0)
		return bad(header, memcmp(bytes, "PROXY ", MIN(size, 6)) == 0 ? "version 1 of the protocol; only 2 is taken"
									     : "the connection does not begin with one");
	if (size > 12 && bytes[12] != VERSION_2_LOCAL && bytes[12] != VERSION_2_PROXY)
		return bad(header, "another version or command");
	if (size > 13 && bytes[12] == VERSION_2_PROXY && bytes[13] != TCP_OVER_IPV4 && bytes[13] != TCP_OVER_IPV6)
		return bad(header, "not TCP over IPv4 or IPv6");
	if (size >= PROXY_HEADER_FIXED && PROXY_HEADER_FIXED + payload_size(bytes) > PROXY_HEADER_MAX)
		return bad(header, "the header is too long");
	return PROXY_HEADER_MORE;
}

/* type, length in two bytes, value. */
static gboolean
are_extensions(const guint8 *bytes, gsize size)
{
	while (size >= 3) {
		gsize n = 3 + ((gsize)bytes[1] << 8 | bytes[2]);

		if (n > size)
			return FALSE;
		bytes += n;
		size -= n;
	}
	return size == 0;
}

static gboolean
take_ipv4(ProxyHeader *header, const guint8 *bytes)
{
	struct sockaddr_in *source = (struct sockaddr_in *)&header->source;
	guint32 address;

	source->sin_family = AF_INET;
	memcpy(&source->sin_addr, bytes, 4);
	memcpy(&source->sin_port, bytes + 8, 2);
	header->source_size = sizeof *source;
	address = ntohl(source->sin_addr.s_addr);
	return address >> 24 != 0 && address >> 28 < 14; /* "this" network; multicast, reserved, broadcast */
}

static gboolean
take_ipv6(ProxyHeader *header, const guint8 *bytes)
{
	struct sockaddr_in6 *source = (struct sockaddr_in6 *)&header->source;

	source->sin6_family = AF_INET6;
	memcpy(&source->sin6_addr, bytes, 16);
	memcpy(&source->sin6_port, bytes + 32, 2);
	header->source_size = sizeof *source;
	return !IN6_IS_ADDR_UNSPECIFIED(&source->sin6_addr) && !IN6_IS_ADDR_MULTICAST(&source->sin6_addr);
}

ProxyHeaderResult
proxy_header_parse(ProxyHeader *header, const guint8 *bytes, gsize size)
{
	gsize addresses;
	gboolean is_host;

	if (size == 0)
		return PROXY_HEADER_MORE;
	if (check_fixed(header, bytes, size) == PROXY_HEADER_BAD)
		return PROXY_HEADER_BAD;
	if (size < proxy_header_wanted(bytes, size))
		return PROXY_HEADER_MORE;
	if (bytes[12] == VERSION_2_LOCAL) {
		header->is_local = TRUE; /* the rest is to be ignored, says the specification */
		return PROXY_HEADER_DONE;
	}
	addresses = bytes[13] == TCP_OVER_IPV4 ? IPV4_ADDRESSES : IPV6_ADDRESSES;
	if (payload_size(bytes) < addresses ||
		!are_extensions(bytes + PROXY_HEADER_FIXED + addresses, payload_size(bytes) - addresses))
		return bad(header, "its lengths do not fit");
	is_host = bytes[13] == TCP_OVER_IPV4 ? take_ipv4(header, bytes + PROXY_HEADER_FIXED)
					     : take_ipv6(header, bytes + PROXY_HEADER_FIXED);
	return is_host ? PROXY_HEADER_DONE : bad(header, "the source is no host's address");
}
