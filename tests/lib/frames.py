"""Ethernet frames, by hand: what a guest sends, and what a host's interface shows. Formats: RFC 826 (ARP), 791, 768, 792, 2131
(DHCP), 1035 (DNS), 4861 (neighbours and routers), 8200 (IPv6), IEEE 802.1Q."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import socket
import struct
import threading

BROADCAST = b"\xff" * 6
NOBODY, EVERYBODY = "0.0.0.0", "255.255.255.255"
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
SOL_PACKET, PACKET_AUXDATA, ETH_P_ALL, TP_STATUS_VLAN_VALID = 263, 8, 3, 0x10


def mark():
    """What a frame is recognized by wherever it comes out."""
    return b"carrel" + os.urandom(8)


def checksum(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(to, source, kind, payload):
    return to + source + struct.pack(">H", kind) + payload


def arp(source, sender, target, operation=1, to=BROADCAST, sender_mac=None, note=b""):
    """@sender says that it is at @source (or @sender_mac); operation 1 asks for @target, 2 answers."""
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + (sender_mac or source) + socket.inet_aton(sender)
    return ethernet(to, source, 0x0806, body + (to if operation == 2 else bytes(6)) + socket.inet_aton(target) + note)


def ipv4(to, source, source_ip, to_ip, protocol, payload):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + socket.inet_aton(source_ip) + socket.inet_aton(to_ip)
    return ethernet(to, source, 0x0800, head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload)


def udp(to, source, source_ip, to_ip, from_port, to_port, payload):
    # without a checksum, which UDP allows on IPv4
    return ipv4(to, source, source_ip, to_ip, 17, struct.pack(">HHHH", from_port, to_port, 8 + len(payload), 0) + payload)


def ping(to, source, source_ip, to_ip, note):
    body = struct.pack(">BBHHH", 8, 0, 0, 7, 1) + note
    return ipv4(to, source, source_ip, to_ip, 1, body[:2] + struct.pack(">H", checksum(body)) + body[4:])


def syn(to, source, source_ip, to_ip, port, note):
    body = struct.pack(">HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 1024, 0, 0) + note
    pseudo = socket.inet_aton(source_ip) + socket.inet_aton(to_ip) + struct.pack(">HH", 6, len(body))
    return ipv4(to, source, source_ip, to_ip, 6, body[:16] + struct.pack(">H", checksum(pseudo + body)) + body[18:])


ICMPV6, UDP, OPTIONS, FRAGMENT, HOP_BY_HOP = 58, 17, 60, 44, 0


def address6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def with_checksum(protocol, source_ip, to_ip, payload):
    at = 2 if protocol == ICMPV6 else 6
    total = checksum(address6(source_ip) + address6(to_ip) + struct.pack(">II", len(payload), protocol) + payload)
    return payload[:at] + struct.pack(">H", total) + payload[at + 2:]


def ipv6(source, source_ip, to_ip, protocol, payload, to=None):
    """@to: where it is not the multicast address's own."""
    head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 255) + address6(source_ip) + address6(to_ip)
    return ethernet(to or b"\x33\x33" + address6(to_ip)[12:], source, 0x86DD, head + payload)


def icmp6(kind, body, source_ip, to_ip):
    return with_checksum(ICMPV6, source_ip, to_ip, struct.pack(">BBH", kind, 0, 0) + body)


def note_option(note):
    """For neighbour discovery, of an experimental kind (RFC 4727); 24 bytes."""
    return b"\xfd\x03" + note.ljust(22, b"\0")


def router_advertisement(*notes):
    """Without a header."""
    return icmp6(134, struct.pack(">BBHII", 64, 0, 1800, 0, 0) + b"".join(map(note_option, notes)), "fe80::1", "ff02::1")


def options_header(protocol, note=b""):
    """Of destination or hop-by-hop options, of an experimental kind to be passed over; 24 bytes."""
    return bytes([protocol, 2, 0x1E, 20]) + note.ljust(20, b"\0")


def fragment_header(protocol, offset, more):
    return struct.pack(">BBHI", protocol, 0, offset | more, 0xC0FFEE)


def udp6(source, source_ip, to_ip, from_port, to_port, note):
    payload = with_checksum(UDP, source_ip, to_ip, struct.pack(">HHHH", from_port, to_port, 8 + len(note), 0) + note)
    return ipv6(source, source_ip, to_ip, UDP, payload)


def ping6(source, source_ip, to_ip, note, to=None):
    return ipv6(source, source_ip, to_ip, ICMPV6, icmp6(128, struct.pack(">HH", 7, 1) + note, source_ip, to_ip), to)


def tagged(frame, vlan):
    return frame[:12] + struct.pack(">HH", 0x8100, vlan) + frame[12:]


def dhcp(operation, kind, mac, options=b"", yours=NOBODY, note=b""):
    """The UDP payload of a message; operation 1 asks, 2 answers."""
    head = struct.pack(">BBBBIHH", operation, 1, 6, 0, 0x12345678, 0, 0x8000) + bytes(4) + socket.inet_aton(yours) + bytes(8)
    return head + mac.ljust(16, b"\0") + note.ljust(192, b"\0") + b"\x63\x82\x53\x63\x35\x01" + bytes([kind]) + options + b"\xff"


def option(number, value):
    return bytes([number, len(value)]) + value


def parse_dhcp(frame):
    """(kind, offered address, options) of a DHCP message, or None."""
    if len(frame) < 282 or frame[12:14] != b"\x08\x00" or frame[23] != 17 or struct.unpack(">HH", frame[34:38]) not in ((67, 68), (68, 67)):
        return None
    options, at = {}, 282
    while at + 1 < len(frame) and frame[at] != 255:
        options[frame[at]] = frame[at + 2:at + 2 + frame[at + 1]]
        at += 2 + frame[at + 1]
    return options.get(53, b"\0")[0], socket.inet_ntoa(frame[58:62]), options


class Watch:
    """What an interface of the host sees, either way, from now on: (VLAN or 0, frame)."""

    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((interface, ETH_P_ALL))
        self.seen, self.bytes, self.on_frame = [], 0, None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                frame, extra, _, _ = self.socket.recvmsg(4096, 256)
            except OSError:
                return  # it went, or close()
            vlan = 0
            for level, kind, data in extra:
                if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and struct.unpack_from("I", data)[0] & TP_STATUS_VLAN_VALID:
                    vlan = struct.unpack_from("H", data, 16)[0] & 0xFFF
            self.bytes += len(frame)
            if len(frame) < 1000:
                self.seen.append((vlan, frame))
            if self.on_frame:
                self.on_frame(frame)

    def has(self, note):
        return any(note in frame for _, frame in self.seen)

    def send(self, frame):
        self.socket.send(frame)

    def close(self):
        self.on_frame = None
        self.socket.close()
