"""Signs in to Carrel's VNC port: RFB 3.3, 3.7 or 3.8, VeNCrypt 0.2, X509Plain or TLSPlain (see rfbproto's "VeNCrypt")."""
# SPDX-License-Identifier: GPL-2.0-or-later
import socket
import ssl
import struct

from tls import TlsSocket

TLS_PLAIN, X509_PLAIN = 259, 262


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


def anonymous():
    """TLS without a certificate, as a viewer offers it for TLSPlain. OpenSSL has it at security level 0 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ADH-AES256-GCM-SHA384:ADH-AES128-GCM-SHA256:@SECLEVEL=0")
    return context


def offered(host, port, version=b"RFB 003.008\n", timeout=20, source=None):
    """(plain socket, subtypes that are offered): the choice is to be sent next."""
    raw = socket.create_connection((host, port), timeout, source)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert receive(raw, 12) == b"RFB 003.008\n"
    raw.sendall(version)
    if version < b"RFB 003.007\n":
        assert receive(raw, 4) == b"\x00\x00\x00\x13"
    else:
        types = receive(raw, receive(raw, 1)[0])
        assert types == b"\x13", f"security types {types!r}"
        raw.sendall(b"\x13")
    assert receive(raw, 2) == b"\x00\x02"
    raw.sendall(b"\x00\x02")
    assert receive(raw, 1) == b"\x00"
    return raw, struct.unpack(">" + "I" * (count := receive(raw, 1)[0]), receive(raw, 4 * count))


def until_tls(host, port, timeout=180, version=b"RFB 003.008\n", subtype=X509_PLAIN, source=None):
    """A connection on which the TLS hand-shake is to come next."""
    raw, subtypes = offered(host, port, version, timeout, source)
    assert subtype in subtypes, f"subtypes {subtypes}"
    raw.sendall(struct.pack(">I", subtype))
    assert receive(raw, 1) == b"\x01"
    return raw


def sign_in(host, port, tls, user, password, timeout=180, version=b"RFB 003.008\n", subtype=X509_PLAIN, source=None):
    """A TLS socket on which ClientInit is to be sent next. Denied with the server's words when it refuses."""
    raw = until_tls(host, port, timeout, version, subtype, source)
    stream = TlsSocket(raw, tls, host, timeout)
    name, secret = user.encode(), password.encode()
    stream.sendall(struct.pack(">II", len(name), len(secret)) + name + secret)
    result, = struct.unpack(">I", receive(stream, 4))
    if result != 0:
        if version < b"RFB 003.008\n":
            raise Denied("")
        size, = struct.unpack(">I", receive(stream, 4))
        raise Denied(receive(stream, size).decode())
    return stream
