"""A SPICE client of the protocol alone: a .vv file's ticket, the tunnel to it, TLS, the link message with the secret (SPICE protocol,
"Link stage"), and channels of which bytes are read and written. libspice-server is at the other end."""
# SPDX-License-Identifier: GPL-2.0-or-later
import hashlib
import os
import socket
import struct
import threading

from instance import equal
from tls import TlsSocket
from vencrypt import receive

OK, PERMISSION_DENIED = 0, 7
MAIN_CHANNEL = 1
AUTH_SPICE = 1
# Common capabilities: the authentication is chosen by name, and may be SPICE's.
CAPABILITIES = 0b11
MINI_HEADER = 0b1000
USBREDIR_CHANNEL = 9
SET_ACK, PING, MAIN_INIT, CHANNELS_LIST, VMC_DATA, VMC_COMPRESSED = 3, 4, 103, 104, 101, 102
ACK_SYNC, ACK, PONG, ATTACH_CHANNELS = 1, 2, 3, 104


class Refused(Exception):
    """The gateway did not open the tunnel; .status is its answer."""

    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status = status


class Ticket:
    """What a .vv file carries."""

    def __init__(self, portal, desktop):
        status, _, content = portal.request("GET", f"/api/v1/desktops/{desktop}/console.vv")
        equal(status, 200, "console.vv")
        lines = dict(line.split("=", 1) for line in content.decode().splitlines() if "=" in line)
        self.portal, self.name, self.secret = portal, lines["host"], lines["password"]

    def stream(self):
        return TlsSocket(tunnel(self), self.portal.tls, self.portal.host)


def tunnel(ticket, source="127.0.0.1"):
    """A plain socket behind CONNECT; Refused when there is none."""
    raw = socket.create_connection((ticket.portal.host, ticket.portal.port), 30, (source, 0))
    raw.sendall(f"CONNECT {ticket.name}:443 HTTP/1.1\r\nHost: {ticket.name}:443\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        more = raw.recv(1)  # what follows is the tunnel's
        if not more:
            raise ConnectionError(f"closed after {head!r}")
        head += more
    status = int(head.split()[1])
    if status != 200:
        raw.close()
        raise Refused(status)
    return raw


def _der(data):
    """(content, what follows) of the first DER element."""
    size, at = data[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(data[2:at], "big")
    return data[at:at + size], data[at + size:]


def _mask(data, seed):
    """MGF1 with SHA-1 (RFC 8017, B.2.1), laid over @data."""
    stream = b"".join(hashlib.sha1(seed + struct.pack(">I", i)).digest() for i in range(len(data) // 20 + 1))
    return bytes(a ^ b for a, b in zip(data, stream))


def _encrypt(key, secret):
    """RSAES-OAEP with SHA-1 and no label (RFC 8017, 7.1.1). @key: a SubjectPublicKeyInfo."""
    _, bits = _der(_der(key)[0])
    modulus, rest = _der(_der(_der(bits)[0][1:])[0])
    exponent, _ = _der(rest)
    size = len(modulus.lstrip(b"\0"))
    block = hashlib.sha1().digest() + bytes(size - len(secret) - 42) + b"\1" + secret
    seed = os.urandom(20)
    masked = _mask(block, seed)
    padded = b"\0" + _mask(seed, masked) + masked
    number = pow(int.from_bytes(padded, "big"), int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big"))
    return number.to_bytes(size, "big")


def link(raw, portal, secret):
    """TLS in the tunnel, and the link message of a main channel with @secret. (what libspice-server says, the stream)"""
    stream = TlsSocket(raw, portal.tls, portal.host)
    return link_channel(stream, secret), stream


def link_channel(stream, secret, kind=MAIN_CHANNEL, number=0, session=0, capabilities=CAPABILITIES):
    """What libspice-server says to the link message of a channel."""
    message = struct.pack("<IBBIII", session, kind, number, 1, 0, 18) + struct.pack("<I", capabilities)
    stream.sendall(struct.pack("<4sIII", b"REDQ", 2, 2, len(message)) + message)
    magic, _, _, size = struct.unpack("<4sIII", receive(stream, 16))
    equal(magic, b"REDQ", "magic")
    reply = receive(stream, size)
    equal(struct.unpack_from("<I", reply)[0], OK, "link reply")
    stream.sendall(struct.pack("<I", AUTH_SPICE) + _encrypt(reply[4:166], secret.encode() + b"\0"))
    return struct.unpack("<I", receive(stream, 4))[0]


def enter(ticket, secret=None, source="127.0.0.1"):
    """What libspice-server says to a client with this ticket, or with another secret."""
    result, stream = link(tunnel(ticket, source), ticket.portal, ticket.secret if secret is None else secret)
    stream.close()
    return result


class Channel:
    """A channel whose messages are read by a thread of its own, which answers what keeps a connection going."""

    def __init__(self, ticket, kind, number=0, session=0):
        self.stream = ticket.stream()
        result = link_channel(self.stream, ticket.secret, kind, number, session, CAPABILITIES | MINI_HEADER)
        equal(result, OK, f"the link of channel {kind}:{number}")
        self.window, self.heard, self.lock = 0, 0, threading.Lock()
        self.closed = False

    def start(self):
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def send(self, kind, data=b"", told=None):
        """@told: the length that its header tells, where it is not its own."""
        with self.lock:
            self.stream.sendall(struct.pack("<HI", kind, len(data) if told is None else told) + data)

    def on_message(self, kind, data):
        pass

    def close(self):
        self.closed = True
        self.stream.shutdown(socket.SHUT_RDWR)

    def _read(self):
        self.stream.settimeout(None)
        try:
            while True:
                kind, size = struct.unpack("<HI", receive(self.stream, 6))
                self._take(kind, receive(self.stream, size) if size else b"")
        except (OSError, EOFError, ValueError):
            self.closed = True

    def _take(self, kind, data):
        if kind == SET_ACK:
            generation, self.window = struct.unpack("<II", data)
            self.heard = 0
            self.send(ACK_SYNC, struct.pack("<I", generation))
        elif kind == PING:
            self.send(PONG, data[:12])
        else:
            self.on_message(kind, data)
        self.heard += 1
        if self.window and self.heard % self.window == 0:
            self.send(ACK)


class Session(Channel):
    """The main channel: .session is what the others name, .channels are those that the server offers, as (kind, number)."""

    def __init__(self, ticket):
        super().__init__(ticket, MAIN_CHANNEL)
        self.session, self.channels = None, None
        self.start()

    def on_message(self, kind, data):
        if kind == MAIN_INIT:
            self.session = struct.unpack_from("<I", data)[0]
            self.send(ATTACH_CHANNELS)
        elif kind == CHANNELS_LIST:
            count = struct.unpack_from("<I", data)[0]
            self.channels = [struct.unpack_from("<BB", data, 4 + 2 * i) for i in range(count)]
