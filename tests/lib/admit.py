#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks carrel-display to admit a client, as carrel-broker does, and connects it. Run as root.

As a module: control(runtime), admit(connection, ...), connect(runtime, grant).
As a program: admit.py RUNTIME DESKTOP UUID [--protocol vnc|spice] [--secret S] [--view-only] [--listen PORT]
prints the grant; with --listen it forwards each TCP connection on 127.0.0.1:PORT to a stream of its own, so that a
stock viewer can be used, until it is killed."""
import argparse
import selectors
import socket
import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

PATH = "/org/carrel/Display1"
INTERFACE = "org.carrel.Display1"


def control(runtime):
    """A D-Bus connection to carrel-display's control socket."""
    return Gio.DBusConnection.new_for_address_sync(
        f"unix:path={runtime}/display/control.sock",
        Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)


def call(connection, method, args=None):
    return connection.call_sync(None, PATH, INTERFACE, method, args, None, 0, 15000, None).unpack()


def admit(connection, desktop, uuid, protocol="vnc", client="test", **params):
    """params: secret, user, address (str); view_only, clipboard_to_desktop, clipboard_from_desktop (bool)."""
    variants = {"protocol": GLib.Variant("s", protocol), "client": GLib.Variant("s", client)}
    for key, value in params.items():
        if value is not None:
            kind = "b" if isinstance(value, bool) else "s"
            variants[key.replace("_", "-")] = GLib.Variant(kind, value)
    return bytes(call(connection, "Admit", GLib.Variant("(ssa{sv})", (desktop, uuid, variants)))[0])


def connect(runtime, grant):
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.connect(f"{runtime}/display/stream.sock")
    stream.sendall(grant)
    return stream


def list_screens(connection):
    return call(connection, "ListScreens")[0]


def forward(listening, make_stream):
    """Relays connections until the process is killed."""
    selector = selectors.DefaultSelector()
    selector.register(listening, selectors.EVENT_READ, None)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                client, _ = listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream = make_stream()
                selector.register(client, selectors.EVENT_READ, stream)
                selector.register(stream, selectors.EVENT_READ, client)
                continue
            try:
                data = key.fileobj.recv(65536)
                if data:
                    key.data.sendall(data)
            except OSError:
                data = b""
            if not data:
                for end in (key.fileobj, key.data):
                    selector.unregister(end)
                    end.close()
                break


def main():
    parser = argparse.ArgumentParser(description="Admits a client to a desktop's screen.")
    parser.add_argument("runtime")
    parser.add_argument("desktop")
    parser.add_argument("uuid")
    parser.add_argument("--protocol", default="vnc", choices=("vnc", "spice"))
    parser.add_argument("--client", default="test")
    parser.add_argument("--secret")
    parser.add_argument("--view-only", action="store_true")
    parser.add_argument("--listen", type=int)
    args = parser.parse_args()

    def grant():  # by a connection of its own: carrel-display may have been started again
        return admit(control(args.runtime), args.desktop, args.uuid, args.protocol, args.client, secret=args.secret,
                     user="tester", address="127.0.0.1", view_only=args.view_only)

    if args.listen is None:
        print(grant().hex())
        return
    with socket.create_server(("127.0.0.1", args.listen)) as listening:
        print("listening", flush=True)
        forward(listening, lambda: connect(args.runtime, grant()))


if __name__ == "__main__":
    sys.exit(main())
