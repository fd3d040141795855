"""The agents of desktops that run nowhere: listens where QEMU would, and says what agent/PROTOCOL.md has a guest say; late, never,
and rubbish too, as it was told to."""
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import selectors
import socket
import threading
import time

RUBBISH = [b"\xff\xfe\x00\n", b"{\"type\":\"ready\"", b"{" * 5000 + b"\n", b"[]\n{\"type\":7}\n", b"{\"type\":\"hello\",\"protocol\":{}}\n",
           b"{\"type\":\"done\",\"id\":99999999999999999999}\n", b"\n\n\n", b"{\"type\":\"logout\"}\n"]


def line(**members):
    return json.dumps(members).encode() + b"\n"


class Port:
    """One desktop's control port."""

    def __init__(self, path, manner, delay):
        self.path, self.manner, self.delay = path, manner, delay
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen(4)
        self.server.setblocking(False)
        self.clients = {}

    def close(self):
        for one in [self.server, *self.clients]:
            one.close()
        self.clients = {}


class Agents:
    """choose(path): how the agent behind @path behaves, and after how many seconds: ("prompt" | "late" | "never" | "rubbish", seconds)."""

    def __init__(self, path, choose):
        self.choose = choose
        self.lock = threading.RLock()
        self.ports, self.due = {}, []
        self.selector = selectors.DefaultSelector()
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(path)
        self.door.listen(64)
        self.selector.register(self.door, selectors.EVENT_READ, self._plug)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            with self.lock:
                wait = min([at for at, _, _ in self.due], default=time.monotonic() + 0.2) - time.monotonic()
            events = self.selector.select(max(0.0, wait))
            with self.lock:
                for key, _ in events:
                    key.data(key.fileobj)
                now = time.monotonic()
                ripe = [one for one in self.due if one[0] <= now]
                self.due = [one for one in self.due if one[0] > now]
                for _, client, text in ripe:
                    self._send(client, text)

    def _plug(self, door):
        """A hypervisor is told of a port, listens there, and says so."""
        caller, _ = door.accept()
        with caller:
            path = caller.makefile().readline().strip()
            self.listen(path)
            try:
                caller.sendall(b"\n")
            except OSError:
                pass  # it was killed meanwhile; the VM runs

    def listen(self, path):
        with self.lock:
            self.remove(path)
            port = self.ports[path] = Port(path, *self.choose(path))
            self.selector.register(port.server, selectors.EVENT_READ, lambda server: self._accept(port))

    def forget(self, path):
        """The VM is gone. Its socket stays, as that of a QEMU that was killed does."""
        with self.lock:
            port = self.ports.pop(path, None)
            if port is None:
                return
            for one in [port.server, *port.clients]:
                self.selector.unregister(one)
            port.close()

    def remove(self, path):
        with self.lock:
            self.forget(path)
            if os.path.lexists(path):
                os.unlink(path)

    def keep_only(self, paths):
        with self.lock:
            for path in set(self.ports) - set(paths):
                self.forget(path)

    def _accept(self, port):
        try:
            client, _ = port.server.accept()
        except OSError:
            return
        client.setblocking(False)
        port.clients[client] = b""
        self.selector.register(client, selectors.EVENT_READ, lambda one: self._hear(port, one))

    def _drop(self, port, client):
        if port.clients.pop(client, None) is not None:
            self.selector.unregister(client)
        client.close()

    def _hear(self, port, client):
        if client not in port.clients:  # the port was closed since its client was heard
            return
        try:
            data = client.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(port, client)
            return
        *lines, port.clients[client] = (port.clients[client] + data).split(b"\n")
        for text in lines:
            if text.strip():
                self._answer(port, client, json.loads(text))

    def _answer(self, port, client, request):
        if port.manner == "never":
            return
        text = b""
        if port.manner == "rubbish":
            text = b"".join(RUBBISH)
        if request["type"] == "hello":
            text += line(type="hello", version="0", protocol=1) + line(type="ready", hostname="x", **{"machine-id": "0" * 32})
        elif "id" in request:
            text += line(type="done", id=request["id"])
        if port.delay:
            self.due.append((time.monotonic() + port.delay, client, text))
        else:
            self._send(client, text)

    def _send(self, client, text):
        try:
            client.send(text)
        except OSError:
            pass  # gone, or it does not read: a guest could not say more either

    def say(self, path, text):
        with self.lock:
            for client in list(self.ports[path].clients if path in self.ports else ()):
                self._send(client, text)

    def die(self, path):
        """The guest's agent ends; the port is QEMU's, and stays."""
        with self.lock:
            if path in self.ports:
                self.ports[path].manner = "never"

    def hang_up(self, path):
        with self.lock:
            port = self.ports.get(path)
            for client in list(port.clients if port else ()):
                self._drop(port, client)
