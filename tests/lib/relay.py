"""Relays between stock clients and the instance, each on a loopback port of its own. They see the plain bytes, where
viewers would have encrypted them, and can have zzuf change what the client sends."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import socket
import ssl
import subprocess
import threading

import vencrypt
from tls import TlsSocket
from ways_in import plain_socket, security_none

# Where those come from whose requests may be taken for guesses: nobody else's address.
SOURCE = "127.0.0.3"


def far_side(host, port, source=SOURCE, timeout=20):
    connection = socket.create_connection((host, port), timeout, source_address=(source, 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(None)
    return connection


def end(*sockets):
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def copy(source, sink, change=None):
    """Copies until the end or a failure, which ends both ways of both."""
    try:
        while data := source.recv(65536):
            sink.sendall(change(data) if change else data)
    except (OSError, ValueError):
        pass
    end(source, sink)


class Relay:
    """For each connection join(near) gives (near, far), the two sockets to copy between; OSError refuses it.
    @zzuf: words of a command that stands in the way in; @change(bytes): is given what comes in, and gives what goes on."""

    def __init__(self, join, zzuf=None, change=None):
        self.join, self.zzuf, self.change = join, zzuf, change
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.served = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, accepted):
        try:
            near, far = self.join(accepted)
        except (OSError, AssertionError, ValueError, vencrypt.Denied):
            accepted.close()
            return
        self.served += 1
        back = threading.Thread(target=copy, args=(far, near), daemon=True)
        back.start()
        if self.zzuf:
            # It reads the one socket and writes the other itself, and ends when either does.
            subprocess.run(self.zzuf, stdin=near, stdout=far, stderr=subprocess.DEVNULL, check=False)
            end(near, far)
        else:
            copy(near, far, self.change)
        back.join(10)
        for one in (near, far, accepted):
            one.close()

    def close(self):
        end(self.listener)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def straight(host, port):
    """join: the bytes as they are."""
    return lambda near: (near, far_side(host, port))


def to_tls(portal):
    """join: plain from the client, TLS to the HTTPS port."""
    return lambda near: (near, plain_socket(TlsSocket(far_side(portal.host, portal.port), portal.tls, portal.host)))


def to_vencrypt_tls(host, port):
    """join: a client that begins with TLS, to the VNC port, where VeNCrypt comes before it."""
    return lambda near: (near, vencrypt.until_tls(host, port, 20))


def to_vnc(portal, name):
    """join: a VNC viewer without security, to the VNC port, signed in as @name."""
    host, port = portal.instance["vnc"].split(":")

    def join(near):
        security_none(near)
        return near, plain_socket(vencrypt.sign_in(host, int(port), portal.tls, name, portal.user(name)["password"]))
    return join


class PlainHop:
    """What a join of two encrypted sides copies crosses loopback once in the clear, to .port, for those who capture there."""

    def __init__(self, join):
        self.inner, self.waiting = join, {}
        self.second = Relay(lambda near: (near, self.waiting.pop(near.getpeername()[1])))
        self.port = self.second.port

    def join(self, accepted):
        near, far = self.inner(accepted)
        hop = socket.socket()
        hop.bind(("127.0.0.1", 0))
        self.waiting[hop.getsockname()[1]] = far
        hop.connect(("127.0.0.1", self.port))
        hop.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return near, hop


def make_certificate(folder):
    """A certificate for 127.0.0.1 that is its own authority: (file of certificate and key, PEM of the certificate)."""
    key, certificate, both = (os.path.join(folder, name) for name in ("relay.key", "relay.crt", "relay.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=relay", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    with open(both, "w") as out:
        for path in (certificate, key):
            with open(path) as file:
                out.write(file.read())
    with open(certificate) as file:
        return both, file.read()


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(1)  # not a byte of what comes behind
        if not more or len(head) > 4096:
            raise OSError("no head")
        head += more
    return head


class LastByteApart(TlsSocket):
    """spice-gtk waits for the socket when it has not read all of a record: broker/gateway/transport.h tells why."""

    def sendall(self, data):
        if len(data) > 1:
            super().sendall(data[:-1])
        super().sendall(data[-1:])


def to_spice(portal, certificate_file):
    """join: remote-viewer's CONNECT and its TLS, which ends here, and on with the same CONNECT and TLS of our own."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate_file)

    def join(near):
        head = read_head(near)
        # The ticket is good for the address that fetched it.
        far = far_side(portal.host, portal.port, "127.0.0.1")
        far.sendall(head)
        near.sendall(read_head(far))
        inner = LastByteApart(near, server, None)
        return plain_socket(inner), plain_socket(TlsSocket(far, portal.tls, portal.host))
    return join


def through(console, relay, authority):
    """The .vv file @console (bytes), changed so that remote-viewer goes through @relay and trusts its certificate."""
    lines = []
    for line in console.decode().splitlines():
        name = line.split("=", 1)[0]
        if name == "proxy":
            line = f"proxy=http://127.0.0.1:{relay.port}"
        elif name == "ca":
            line = "ca=" + authority.replace("\n", "\\n")
        elif name == "host-subject":
            line = "host-subject=CN=relay"
        lines.append(line)
    return ("\n".join(lines) + "\n").encode()
