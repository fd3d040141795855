#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A small RFB 3.8 client with security None, over any connected socket, for tests.

    client = Rfb(sock)                  # does the hand-shake
    client.wait_frame()                 # the whole frame, once
    client.key(0xff0d); client.type("hello"); client.pointer(10, 20, 1)
    client.resize(1024, 768); client.wait(lambda: client.size == (1024, 768))
    client.arrange([(0, 0, 0, 1024, 768), (1, 1024, 0, 800, 600)]); client.wait(lambda: len(client.screens) == 2)
    client.set_clipboard("text"); client.wait(lambda: client.clipboard == "text")
    client.pixel(x, y); client.save_ppm("shot.ppm")

Encodings: raw, copy-rectangle, DesktopSize, ExtendedDesktopSize, cursor, QEMU's keys, extended clipboard (text). wait()
and update() raise TimeoutError; a closed connection raises ConnectionError."""
import argparse
import os
import select
import socket
import struct
import sys
import time
import zlib

RAW, COPY, CURSOR, DESKTOP_SIZE, EXT_DESKTOP_SIZE, DESKTOP_NAME, QEMU_KEY, CONTINUOUS, FENCE = 0, 1, -239, -223, -308, -307, -258, -313, -312
EXT_CLIPBOARD = struct.unpack(">i", b"\xc0\xa1\xe5\xce")[0]
MESSAGE_S = 20
TEXT, CAPS, REQUEST, PEEK, NOTIFY, PROVIDE = 1, 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28


class Rfb:
    def __init__(self, sock, shared=True, encodings=None, version=b"RFB 003.008\n", timeout=10):
        self.sock, self.timeout = sock, timeout
        self.buffer = bytearray()
        self.read_at = time.monotonic()
        self.clipboard = None       # the desktop's text, as last sent
        self.own_text = None        # ours, sent when asked for
        self.clipboard_caps = 0     # the server's
        self.qemu_keys = False      # the server takes them
        self.can_resize = False
        self.screens = []           # (id, x, y, width, height) of each monitor
        self.refused = 0            # the status of the last layout that was refused
        self.continuous = False     # the server knows continuous updates
        self.cursor = None          # (width, height, hot x, hot y)
        self.updates = 0            # framebuffer updates with pixels so far
        self.whole = False          # the frame has been filled once
        sock.settimeout(timeout)
        self._handshake(version, shared)
        if encodings is None:
            encodings = [RAW, COPY, CURSOR, DESKTOP_SIZE, EXT_DESKTOP_SIZE, DESKTOP_NAME, QEMU_KEY, EXT_CLIPBOARD]
        self.set_encodings(encodings)
        self.request(incremental=False)

    # -- bytes -------------------------------------------------------------------------------------------------------
    def _send(self, data):
        try:
            self.sock.sendall(data)
        except ConnectionError as error:
            raise ConnectionError(f"{error}; the server's last bytes were read {time.monotonic() - self.read_at:.1f} s ago") from error

    def _read(self, n):
        deadline = time.monotonic() + self.timeout
        while len(self.buffer) < n:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError("the server sends nothing")
            data = self.sock.recv(1 << 20)
            if not data:
                raise ConnectionError("the server closed")
            self.read_at = time.monotonic()
            self.buffer += data
        out = bytes(self.buffer[:n])
        del self.buffer[:n]
        return out

    def _unpack(self, form):
        return struct.unpack(form, self._read(struct.calcsize(form)))

    def _handshake(self, version, shared):
        self.server_version = self._read(12)
        self._send(version)
        if version >= b"RFB 003.007\n":
            types = self._read(self._read(1)[0])
            if 1 not in types:
                raise ConnectionError(f"security types {types!r}")
            self._send(b"\1")
            if version >= b"RFB 003.008\n" and self._unpack(">I")[0] != 0:
                raise ConnectionError("refused")
        elif self._unpack(">I")[0] != 1:
            raise ConnectionError("refused")
        self._send(b"\1" if shared else b"\0")
        width, height = self._unpack(">HH")
        self.server_format = self._read(16)
        self.name = self._read(self._unpack(">I")[0]).decode("utf-8", "replace")
        self._set_size(width, height)
        # 32 bits a pixel, 24 deep, little-endian, true colour: bytes blue, green, red, 0
        self._send(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))

    def _set_size(self, width, height):
        if getattr(self, "size", None) != (width, height):
            self.size = (width, height)
            self.pixels = bytearray(width * height * 4)
            self.whole = False

    # -- what a person does -------------------------------------------------------------------------------------------
    def set_encodings(self, encodings):
        self._send(struct.pack(">BxH", 2, len(encodings)) + b"".join(struct.pack(">i", e) for e in encodings))

    def request(self, incremental=True):
        self._send(struct.pack(">BBHHHH", 3, incremental, 0, 0, *self.size))

    def key_event(self, keysym, down, keycode=0):
        if keycode and self.qemu_keys:
            self._send(struct.pack(">BBHII", 255, 0, down, keysym, keycode))
        else:
            self._send(struct.pack(">BBxxI", 4, down, keysym))

    def key(self, keysym, keycode=0):
        self.key_event(keysym, 1, keycode)
        self.key_event(keysym, 0, keycode)

    def type(self, text, delay=0.03):
        """Types ASCII text; a newline is Return."""
        for char in text:
            self.key(0xff0d if char == "\n" else ord(char))
            time.sleep(delay)

    def pointer(self, x, y, buttons=0):
        self._send(struct.pack(">BBHH", 5, buttons, x, y))

    def click(self, x, y, button=1):
        self.pointer(x, y)
        self.pointer(x, y, 1 << (button - 1))
        self.pointer(x, y)

    def resize(self, width, height):
        self._send(struct.pack(">BxHHBx", 251, width, height, 1) + struct.pack(">IHHHHI", 0, 0, 0, width, height, 0))

    def arrange(self, screens, size=None):
        """Asks for a layout of monitors: (id, x, y, width, height) of each. @size: of the desktop, else what they take."""
        width, height = size or (max(x + w for _, x, _, w, _ in screens), max(y + h for _, _, y, _, h in screens))
        self._send(struct.pack(">BxHHBx", 251, width, height, len(screens)) +
                   b"".join(struct.pack(">IHHHHI", *screen, 0) for screen in screens))

    def set_clipboard(self, text):
        """Puts text on the clipboard; the desktop gets it when it wants it (call update meanwhile)."""
        self.own_text = text
        if self.clipboard_caps:
            self._send_clipboard(NOTIFY | TEXT)
        else:
            data = text.encode("latin-1", "replace")
            self._send(struct.pack(">BxxxI", 6, len(data)) + data)

    def _send_clipboard(self, flags, data=b""):
        self._send(struct.pack(">BxxxiI", 6, -(4 + len(data)), flags) + data)

    def _provide(self):
        text = (self.own_text or "").replace("\n", "\r\n").encode() + b"\0"
        self._send_clipboard(PROVIDE | TEXT, zlib.compress(struct.pack(">I", len(text)) + text))

    # -- what the server says -----------------------------------------------------------------------------------------
    def message(self):
        """Reads one message. True if it was an update, after which the server waits for the next request."""
        kind = self._read(1)[0]
        short, self.timeout = self.timeout, max(self.timeout, MESSAGE_S)  # what has begun is read to its end, or all that follows is garbage
        try:
            return self._rest_of(kind)
        finally:
            self.timeout = short

    def _rest_of(self, kind):
        if kind == 0:
            return self._update()
        if kind == 2:
            return False
        if kind == 3:
            self._cut_text()
            return False
        if kind == 150:
            self.continuous = True
            return False
        if kind == 248:
            _, flags, size = self._unpack(">3sIB")
            payload = self._read(size)
            if flags & 1 << 31:
                self._send(struct.pack(">BxxxIB", 248, flags & 7, size) + payload)
            return False
        raise ConnectionError(f"message type {kind}")

    def _update(self):
        pixels = False
        _, n = self._unpack(">BH")
        for _ in range(n):
            x, y, width, height, encoding = self._unpack(">HHHHi")
            if encoding == RAW:
                self._raw(x, y, width, height)
                pixels = True
            elif encoding == COPY:
                self._copy(x, y, width, height)
                pixels = True
            elif encoding == CURSOR:
                self._read(width * height * 4 + (width + 7) // 8 * height)
                self.cursor = (width, height, x, y)
            elif encoding == DESKTOP_SIZE:
                self._set_size(width, height)
                self.request(incremental=False)
            elif encoding == EXT_DESKTOP_SIZE:
                screens = [self._unpack(">IHHHHI")[:5] for _ in range(self._unpack(">B3x")[0])]
                self.can_resize = True
                if y == 0:
                    self.screens = screens
                else:
                    self.refused = y
                changed = self.size != (width, height)
                if y == 0:
                    self._set_size(width, height)
                if changed:
                    self.request(incremental=False)
            elif encoding == DESKTOP_NAME:
                self.name = self._read(self._unpack(">I")[0]).decode("utf-8", "replace")
            elif encoding == QEMU_KEY:
                self.qemu_keys = True
            else:
                raise ConnectionError(f"encoding {encoding}")
            if encoding == RAW and (x, y, width, height) == (0, 0, *self.size):
                self.whole = True
        self.updates += pixels
        return True

    def _raw(self, x, y, width, height):
        data = self._read(width * height * 4)
        stride = self.size[0] * 4
        for row in range(height):
            at = (y + row) * stride + x * 4
            self.pixels[at:at + width * 4] = data[row * width * 4:(row + 1) * width * 4]

    def _copy(self, x, y, width, height):
        from_x, from_y = self._unpack(">HH")
        stride, old = self.size[0] * 4, bytes(self.pixels)
        for row in range(height):
            source, at = (from_y + row) * stride + from_x * 4, (y + row) * stride + x * 4
            self.pixels[at:at + width * 4] = old[source:source + width * 4]

    def _cut_text(self):
        _, size = self._unpack(">3si")
        if size >= 0:
            self.clipboard = self._read(size).decode("latin-1")
            return
        data = self._read(-size)
        flags = struct.unpack(">I", data[:4])[0]
        if flags & CAPS:
            self.clipboard_caps = flags
            self._send_clipboard(CAPS | REQUEST | PEEK | NOTIFY | PROVIDE | TEXT, struct.pack(">I", 0))
        elif flags & REQUEST:
            self._provide()
        elif flags & NOTIFY and flags & TEXT:
            self._send_clipboard(REQUEST | TEXT)
        elif flags & PROVIDE and flags & TEXT:
            text = zlib.decompressobj().decompress(data[4:])
            size = struct.unpack(">I", text[:4])[0]
            self.clipboard = text[4:4 + size].rstrip(b"\0").decode().replace("\r\n", "\n")

    # -- waiting ------------------------------------------------------------------------------------------------------
    def update(self, timeout=None):
        """Waits for an update with pixels, and asks for the next."""
        seen = self.updates
        self.wait(lambda: self.updates > seen, timeout or self.timeout)

    def wait_message(self, step, timeout):
        deadline = time.monotonic() + timeout
        old, self.timeout = self.timeout, timeout
        try:
            while not step():
                self.timeout = deadline - time.monotonic()
                if self.timeout <= 0:
                    raise TimeoutError("not in time")
        finally:
            self.timeout = old

    def wait(self, condition, timeout=10):
        """Reads messages until condition() holds."""
        def step():
            if condition():
                return True
            if self.message():
                self.request()
            return condition()
        self.wait_message(step, timeout)

    def wait_frame(self, timeout=10):
        self.wait(lambda: self.whole, timeout)

    # -- the frame ----------------------------------------------------------------------------------------------------
    def pixel(self, x, y):
        at = (y * self.size[0] + x) * 4
        return self.pixels[at + 2], self.pixels[at + 1], self.pixels[at]

    def rgb(self):
        out = bytearray(self.size[0] * self.size[1] * 3)
        out[0::3], out[1::3], out[2::3] = self.pixels[2::4], self.pixels[1::4], self.pixels[0::4]
        return bytes(out)

    def save_ppm(self, path):
        with open(path, "wb") as file:
            file.write(b"P6\n%d %d\n255\n" % self.size + self.rgb())

    def save_png(self, path):
        def chunk(kind, data):
            body = kind + data
            return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
        width, height = self.size
        rgb = self.rgb()
        rows = b"".join(b"\0" + rgb[y * width * 3:(y + 1) * width * 3] for y in range(height))
        with open(path, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                       chunk(b"IDAT", zlib.compress(rows, 3)) + chunk(b"IEND", b""))

    def close(self):
        self.sock.close()


def main():
    parser = argparse.ArgumentParser(description="Saves the frame of an RFB server (security None) as PNG or PPM.")
    parser.add_argument("address", help="HOST:PORT, or the path of a unix socket")
    parser.add_argument("file")
    args = parser.parse_args()
    if os.path.exists(args.address):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(args.address)
    else:
        host, port = args.address.rsplit(":", 1)
        sock = socket.create_connection((host, int(port)))
    client = Rfb(sock)
    client.wait_frame()
    (client.save_png if args.file.endswith(".png") else client.save_ppm)(args.file)


if __name__ == "__main__":
    sys.exit(main())
