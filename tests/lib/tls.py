"""A TLS connection that one thread may read while another writes. Python's own lets both into OpenSSL at once, which
garbles records now and then."""
# SPDX-License-Identifier: GPL-2.0-or-later
import select
import socket
import ssl
import threading
import time


class TlsSocket:
    def __init__(self, raw, context, host, timeout=60):
        raw.settimeout(timeout)
        # Without a host it is the server's side.
        self.tls = context.wrap_socket(raw, server_hostname=host, server_side=host is None)
        self.tls.setblocking(False)
        self.timeout, self.lock = timeout, threading.Lock()

    def _try(self, call, deadline):
        """call()'s result, or None when it has to be tried again; then waits until that may help."""
        with self.lock:
            try:
                return call()
            except ssl.SSLWantReadError:
                wants = [self.tls], []
            except ssl.SSLWantWriteError:
                wants = [], [self.tls]
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("timed out")
        select.select(*wants, [], left)
        return None

    def _deadline(self):
        return None if self.timeout is None else time.monotonic() + self.timeout

    def recv(self, count):
        deadline = self._deadline()
        while (data := self._try(lambda: self.tls.recv(count), deadline)) is None:
            pass
        return data

    def sendall(self, data):
        deadline, view = self._deadline(), memoryview(data).cast("B")
        while view:
            view = view[self._try(lambda: self.tls.send(view), deadline) or 0:]

    def settimeout(self, seconds):
        self.timeout = seconds

    def fileno(self):
        return self.tls.fileno()

    def shutdown(self, how):
        """Of the connection below: TLS is not told. A reader sees the end."""
        socket.socket.shutdown(self.tls, how)

    def close(self):
        self.tls.close()
