"""The two ways in that speak RFB, as an Rfb client (rfb.py): a browser's WebSocket, and a VNC viewer's VeNCrypt."""
# SPDX-License-Identifier: GPL-2.0-or-later
import socket
import threading

import vencrypt
from rfb import Rfb
from websocket import Closed, WebSocket


def _copy(read, write, end):
    try:
        while data := read(65536):
            write(data)
    except (OSError, Closed, ValueError):
        pass
    for stream in end:
        try:
            stream.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass


def plain_socket(stream, preface=None):
    """A plain socket whose bytes go through @stream (TLS, WebSocket), so that select() tells the truth about it.
    @preface(far) may talk to its user first."""
    near, far = socket.socketpair()
    stream.settimeout(None)  # a desktop may be still for long; whoever waits for it has a deadline

    def serve():
        if preface:
            preface(far)
        threading.Thread(target=_copy, args=(far.recv, stream.sendall, [far, stream]), daemon=True).start()
        _copy(stream.recv, far.sendall, [far])

    threading.Thread(target=serve, daemon=True).start()
    return near


def security_none(far):
    """The hand-shake that VeNCrypt has done already, once more for a client that expects one."""
    far.sendall(b"RFB 003.008\n")
    vencrypt.receive(far, 12)
    far.sendall(b"\x01\x01")
    vencrypt.receive(far, 1)
    far.sendall(b"\x00\x00\x00\x00")


def by_browser(portal, desktop, **options):
    """An Rfb client through the portal's WebSocket; .web is the WebSocket, whose close code tells why it ended."""
    web = WebSocket(portal.host, portal.port, f"/api/v1/desktops/{desktop}/screen", portal.tls, portal.cookie,
                    portal.instance["portal"])
    client = Rfb(plain_socket(web), **options)
    client.web = web
    return client


def by_vnc(portal, name, pool=None, password=None, **options):
    """An Rfb client through the VNC port, signed in as @name of the instance."""
    host, port = portal.instance["vnc"].split(":")
    user = name if pool is None else f"{name}/{pool}"
    stream = vencrypt.sign_in(host, int(port), portal.tls, user, portal.user(name)["password"] if password is None else password)
    return Rfb(plain_socket(stream, security_none), **options)
