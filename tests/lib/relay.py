"""A relay on a loopback port of its own: whoever connects to it talks to what upstream() opens. On the way in, zzuf may
stand in the middle."""
# SPDX-License-Identifier: GPL-2.0-or-later
import socket
import subprocess
import threading


def copy(source, sink, keep=None):
    """Copies until the end or a failure, which ends both ways of both."""
    try:
        while data := source.recv(65536):
            if keep is not None:
                keep(data)
            sink.sendall(data)
    except (OSError, ValueError):
        pass
    for one in (source, sink):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Relay:
    """@upstream() opens the far side (a socket) for each connection, or raises OSError to refuse it.
    @welcome(near), when given, talks to the client first and gives the socket to go on with.
    @zzuf: words of a zzuf command that mutates what the client sends; both sides must then be plain sockets.
    @keep(bytes): is given what clients send, as it comes."""

    def __init__(self, upstream, welcome=None, zzuf=None, keep=None):
        self.upstream, self.welcome, self.zzuf, self.keep = upstream, welcome, zzuf, keep
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
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.welcome:
                near = self.welcome(near)
            far = self.upstream()
        except (OSError, AssertionError, ValueError):
            near.close()
            return
        self.served += 1
        back = threading.Thread(target=copy, args=(far, near), daemon=True)
        back.start()
        if self.zzuf:
            subprocess.run(self.zzuf, stdin=near, stdout=far, stderr=subprocess.DEVNULL, check=False)
            copy(near, far)  # zzuf ends with one of the two
        else:
            copy(near, far, self.keep)
        back.join(10)
        near.close()
        far.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
