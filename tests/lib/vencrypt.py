"""Signs in to Carrel's VNC port: RFB 3.8, VeNCrypt 0.2, X509Plain (see rfbproto's "VeNCrypt")."""
# SPDX-License-Identifier: GPL-2.0-or-later
import socket
import struct

from tls import TlsSocket


class Denied(Exception):
    pass


def receive(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionError(f"closed after {len(data)} of {count} bytes")
        data += more
    return data


def until_tls(host, port, timeout=180):
    """A connection on which the TLS hand-shake is to come next."""
    raw = socket.create_connection((host, port), timeout)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert receive(raw, 12) == b"RFB 003.008\n"
    raw.sendall(b"RFB 003.008\n")
    types = receive(raw, receive(raw, 1)[0])
    assert types == b"\x13", f"security types {types!r}"
    raw.sendall(b"\x13")
    assert receive(raw, 2) == b"\x00\x02"
    raw.sendall(b"\x00\x02")
    assert receive(raw, 1) == b"\x00"
    subtypes = struct.unpack(">" + "I" * (count := receive(raw, 1)[0]), receive(raw, 4 * count))
    assert 262 in subtypes, f"subtypes {subtypes}"
    raw.sendall(struct.pack(">I", 262))
    assert receive(raw, 1) == b"\x01"
    return raw


def sign_in(host, port, tls, user, password, timeout=180):
    """A TLS socket on which ClientInit is to be sent next. Denied with the server's words when it refuses."""
    raw = until_tls(host, port, timeout)
    stream = TlsSocket(raw, tls, host, timeout)
    name, secret = user.encode(), password.encode()
    stream.sendall(struct.pack(">II", len(name), len(secret)) + name + secret)
    result, = struct.unpack(">I", receive(stream, 4))
    if result != 0:
        size, = struct.unpack(">I", receive(stream, 4))
        raise Denied(receive(stream, size).decode())
    return stream
