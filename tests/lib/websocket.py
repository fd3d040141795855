"""A WebSocket client (RFC 6455) that looks like a socket: sendall() sends one binary message, recv() reads their bytes.
Just enough for tests, and able to do wrong on purpose."""
# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import os
import socket
import ssl
import struct

from tls import TlsSocket


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"status {status}: {body[:200]!r}")
        self.status, self.body = status, body


class Closed(Exception):
    """The server closed; code is its close code, or 1006 when it just went away."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason}")
        self.code = code


class WebSocket:
    def __init__(self, host, port, path, tls, cookie=None, origin=None, timeout=60, protocol="binary"):
        self.close_code = None  # the server's, once it has closed
        raw = socket.create_connection((host, port), timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = TlsSocket(raw, tls, host, timeout) if isinstance(tls, ssl.SSLContext) else raw
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        if origin:
            lines.append(f"Origin: {origin}")
        if cookie:
            lines.append(f"Cookie: __Host-carrel={cookie}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.socket.recv(4096)
            if not more:
                raise Refused(0, head)
            head += more
        head, self.raw = head.split(b"\r\n\r\n", 1)
        status = int(head.split()[1])
        if status != 101:
            raise Refused(status, self.raw)
        self.data = b""

    def settimeout(self, seconds):
        self.socket.settimeout(seconds)

    def fileno(self):
        return self.socket.fileno()

    def _frame(self, opcode, payload):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += struct.pack(">BH", 0x80 | 126, size)
        else:
            head += struct.pack(">BQ", 0x80 | 127, size)
        repeated = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big") if size else b""
        self.socket.sendall(head + mask + masked)

    def sendall(self, payload):
        self._frame(2, bytes(payload))

    def _raw(self, count):
        while len(self.raw) < count:
            more = self.socket.recv(65536)
            if not more:
                self.close_code = self.close_code or 1006
                raise Closed(1006)
            self.raw += more
        taken, self.raw = self.raw[:count], self.raw[count:]
        return taken

    def recv(self, count):
        """At least one byte, at most @count; Closed at the end."""
        while not self.data:
            first, second = self._raw(2)
            size = second & 0x7F
            if size == 126:
                size, = struct.unpack(">H", self._raw(2))
            elif size == 127:
                size, = struct.unpack(">Q", self._raw(8))
            payload = self._raw(size)
            opcode = first & 0x0F
            if opcode == 8:
                self.close_code = struct.unpack(">H", payload[:2])[0] if size >= 2 else 1005
                raise Closed(self.close_code, payload[2:].decode("utf-8", "replace"))
            if opcode == 9:
                self._frame(10, payload)
            elif opcode in (0, 2):
                self.data += payload
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def shutdown(self, how):
        """Says that it closes, and lets whoever reads it see the end."""
        try:
            self._frame(8, struct.pack(">H", 1000))
        except OSError:
            pass
        self.socket.shutdown(how)

    def close(self):
        try:
            self._frame(8, struct.pack(">H", 1000))
        except OSError:
            pass
        self.socket.close()
