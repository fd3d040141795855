"""USB devices that are not there: the end of usbredir that has a device, with made-up ones to show. It knows the protocol by its
description (usbredir's docs/usb-redirection-protocol.md, version 0.7), and devices by the USB 2.0 specification, chapter 9."""
# SPDX-License-Identifier: GPL-2.0-or-later
import struct
import time

(HELLO, DEVICE_CONNECT, DEVICE_DISCONNECT, RESET, INTERFACE_INFO, EP_INFO, SET_CONFIGURATION, GET_CONFIGURATION, CONFIGURATION_STATUS,
 SET_ALT, GET_ALT, ALT_STATUS) = range(12)
START_INTERRUPT, STOP_INTERRUPT, INTERRUPT_STATUS = 15, 16, 17
CANCEL, FILTER_REJECT, FILTER_FILTER, DISCONNECT_ACK = 21, 22, 23, 24
CONTROL, BULK, ISO, INTERRUPT = 100, 101, 102, 103
CAP_CONNECT_VERSION, CAP_FILTER, CAP_ACK, CAP_SIZES, CAP_64BIT, CAP_32BIT_BULK = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6
CAPS = CAP_CONNECT_VERSION | CAP_FILTER | CAP_ACK | CAP_SIZES | CAP_64BIT | CAP_32BIT_BULK
SUCCESS, STALL = 0, 4
FULL_SPEED = 1
GET_DESCRIPTOR = 6


class Device:
    """One of full speed with one interface: @endpoints is [(address, kind, size)], kind 2 bulk, 3 interrupt."""

    def __init__(self, vendor, product, interface, endpoints, extra=b""):
        self.vendor, self.product, self.interface, self.endpoints = vendor, product, interface, endpoints
        self.descriptor = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, vendor, product, 0x0100, 0, 1, 0, 1)
        body = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, len(endpoints), *interface, 0) + extra
        for address, kind, size in endpoints:
            body += struct.pack("<BBBBHB", 7, 5, address, kind, size, 10)
        self.configuration = struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), 1, 1, 0, 0x80, 50) + body

    def control(self, requesttype, request, value, index, length, data):
        """The answer, or None to stall."""
        if requesttype == 0x80 and request == GET_DESCRIPTOR:
            return {1: self.descriptor, 2: self.configuration, 3: self.string(value & 0xFF)}.get(value >> 8)
        if requesttype == 0x80 and request == 0:  # GET_STATUS
            return b"\0\0"
        return b"" if not requesttype & 0x80 else None

    def string(self, index):
        text = ["\u0409", "Carrel's test"][index] if index < 2 else None
        return text and bytes([2 + 2 * len(text), 3]) + text.encode("utf-16-le")

    def bulk_out(self, data):
        pass

    def bulk_in(self, length):
        """Bytes; or None: nothing yet."""
        return None


# A mouse of the boot protocol: three buttons, x, y.
REPORT = bytes.fromhex("05010902a1010901a100050919012903150025019503750181029501750581030501093009311581257f750895028106c0c0")


class Mouse(Device):
    def __init__(self, vendor=0x046D, product=0xC077):
        super().__init__(vendor, product, (3, 1, 2), [(0x81, 3, 4)], struct.pack("<BBHBBBH", 9, 0x21, 0x0111, 0, 1, 0x22, len(REPORT)))

    def control(self, requesttype, request, value, index, length, data):
        if requesttype == 0x81 and request == GET_DESCRIPTOR and value >> 8 == 0x22:
            return REPORT
        return super().control(requesttype, request, value, index, length, data)


class Storage(Device):
    """A stick by Bulk-Only Transport and the few words of SCSI that a kernel needs, with one partition on it."""

    BLOCK, BLOCKS, FIRST = 512, 4096, 64

    def __init__(self, vendor=0x0951, product=0x1666):
        super().__init__(vendor, product, (8, 6, 0x50), [(0x81, 2, 64), (0x02, 2, 64)])
        self.disk = bytearray(self.BLOCK * self.BLOCKS)
        entry = struct.pack("<BBBBBBBBII", 0, 0, 0, 0, 0x83, 0, 0, 0, self.FIRST, self.BLOCKS - self.FIRST)
        self.disk[446:462] = entry
        self.disk[510:512] = b"\x55\xaa"
        self.answer, self.writing, self.sense = b"", None, 0

    def control(self, requesttype, request, value, index, length, data):
        if requesttype == 0xA1 and request == 0xFE:  # Get Max LUN
            return b"\0"
        return super().control(requesttype, request, value, index, length, data)

    def bulk_out(self, data):
        if self.writing:
            tag, at, left = self.writing
            self.disk[at:at + len(data)] = data
            self.writing = (tag, at + len(data), left - len(data)) if left > len(data) else None
            if self.writing is None:
                self.answer += struct.pack("<4sIIB", b"USBS", tag, 0, 0)
            return
        _, tag, length, flags, _, size = struct.unpack_from("<4sIIBBB", data)
        self.command(tag, length, flags, data[15:15 + size])

    def command(self, tag, length, flags, words):
        data, status = b"", 0
        if words[0] == 0x12 and not words[1] & 1:  # INQUIRY
            data = struct.pack("<BBBBBBBB8s16s4s", 0, 0x80, 4, 2, 31, 0, 0, 0, b"Carrel  ", b"Made-up stick   ", b"1.0 ")
        elif words[0] == 0x25:  # READ CAPACITY
            data = struct.pack(">II", self.BLOCKS - 1, self.BLOCK)
        elif words[0] in (0x28, 0x2A):  # READ, WRITE
            at, count = struct.unpack_from(">I", words, 2)[0] * self.BLOCK, struct.unpack_from(">H", words, 7)[0] * self.BLOCK
            if words[0] == 0x2A:
                self.writing = (tag, at, count)
                return
            data = bytes(self.disk[at:at + count])
        elif words[0] == 0x1A:  # MODE SENSE
            data = bytes([3, 0, 0, 0])
        elif words[0] == 0x03:  # REQUEST SENSE
            data = bytes([0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0])
        elif words[0] not in (0x00, 0x1B, 0x1E, 0x35):
            status = 1
        data = data[:length] if flags & 0x80 else b""
        # What is missing is padded rather than stalled.
        self.answer += data.ljust(length if flags & 0x80 else 0, b"\0") + struct.pack("<4sIIB", b"USBS", tag, length - len(data), status)

    def bulk_in(self, length):
        if not self.answer:
            return None
        # Never a status behind data in one packet: the host asks for each.
        take = min(length, len(self.answer) - 13) if len(self.answer) > 13 else 13
        data, self.answer = self.answer[:take], self.answer[take:]
        return data


class UsbHost:
    """Speaks for a device. @send takes bytes for the other end; what comes from there goes to take()."""

    def __init__(self, send):
        self.send, self.device, self.buffer = send, None, b""
        self.caps, self.filter, self.rejected, self.acks, self.waiting, self.configured = 0, None, 0, 0, [], False
        self.log = []
        self.send(struct.pack("<III", HELLO, 68, 0) + b"a test's host".ljust(64, b"\0") + struct.pack("<I", CAPS))

    def packet(self, kind, body=b"", number=0):
        self.send(struct.pack("<IIQ" if self.caps & CAP_64BIT else "<III", kind, len(body), number) + body)

    def describe(self, device, classes=None):
        """@classes: of the interface, where it is another than the device's own."""
        interface = classes or device.interface
        pad = lambda *values: bytes(values).ljust(32, b"\0")  # noqa: E731
        self.packet(INTERFACE_INFO, struct.pack("<I", 1) + pad(0) + pad(interface[0]) + pad(interface[1]) + pad(interface[2]))
        kinds, intervals, sizes = bytearray(b"\xff" * 32), bytearray(32), [0] * 32
        kinds[0] = kinds[16] = 0
        for address, kind, size in device.endpoints:
            at = (address & 0x80) >> 3 | address & 0x0F
            kinds[at], intervals[at], sizes[at] = kind, 10, size
        self.packet(EP_INFO, bytes(kinds) + bytes(intervals) + bytes(32) + struct.pack("<32H", *sizes))

    def connect(self, device, classes=None, vendor=None):
        """@classes, @vendor: what is said of it, where that is a lie."""
        self.device, self.configured = device, False
        self.describe(device, classes)
        self.packet(DEVICE_CONNECT, struct.pack("<BBBBHHH", FULL_SPEED, 0, 0, 0, vendor or device.vendor, device.product, 0x0100))

    def disconnect(self):
        self.packet(DEVICE_DISCONNECT)
        self.device = None

    def take(self, data):
        self.buffer += data
        while True:
            head = 16 if self.caps & CAP_64BIT else 12
            if len(self.buffer) < head:
                return
            kind, size = struct.unpack_from("<II", self.buffer)
            number = int.from_bytes(self.buffer[8:head], "little")
            if len(self.buffer) < head + size:
                return
            body, self.buffer = self.buffer[head:head + size], self.buffer[head + size:]
            self.log.append(kind)
            self.handle(kind, number, body)

    def handle(self, kind, number, body):
        if kind == HELLO:
            self.caps = struct.unpack_from("<I", body, 64)[0] & CAPS
        elif kind == FILTER_FILTER:
            self.filter = body.rstrip(b"\0").decode()
        elif kind == FILTER_REJECT:
            self.rejected += 1
        elif kind == DISCONNECT_ACK:
            self.acks += 1
        elif self.device:
            self.handle_for_device(kind, number, body)

    def handle_for_device(self, kind, number, body):
        if kind == SET_CONFIGURATION:
            self.configured = True
            self.packet(CONFIGURATION_STATUS, bytes([SUCCESS, body[0]]), number)
        elif kind == GET_CONFIGURATION:
            self.packet(CONFIGURATION_STATUS, bytes([SUCCESS, 1]), number)
        elif kind in (SET_ALT, GET_ALT):
            self.packet(ALT_STATUS, bytes([SUCCESS, body[0], body[1] if kind == SET_ALT else 0]), number)
        elif kind in (START_INTERRUPT, STOP_INTERRUPT):
            self.packet(INTERRUPT_STATUS, bytes([SUCCESS, body[0]]), number)
        elif kind == CONTROL:
            self.handle_control(number, body)
        elif kind == BULK:
            self.handle_bulk(number, body)
        elif kind == CANCEL:
            self.waiting = [one for one in self.waiting if one[0] != number]

    def handle_control(self, number, body):
        endpoint, request, requesttype, _, value, index, length = struct.unpack_from("<BBBBHHH", body)
        answer = self.device.control(requesttype, request, value, index, length, body[10:])
        status = STALL if answer is None else SUCCESS
        answer = (answer or b"")[:length] if endpoint & 0x80 else b""
        told = len(answer) if endpoint & 0x80 else length
        self.packet(CONTROL, struct.pack("<BBBBHHH", endpoint, request, requesttype, status, value, index, told) + answer, number)

    def handle_bulk(self, number, body):
        endpoint, _, low, stream, high = struct.unpack_from("<BBHIH", body)
        length = low | high << 16
        if endpoint & 0x80:
            self.waiting.append((number, endpoint, length))
        else:
            self.device.bulk_out(body[10:])
            self.packet(BULK, struct.pack("<BBHIH", endpoint, SUCCESS, low, stream, high), number)
        while self.waiting and (data := self.device.bulk_in(self.waiting[0][2])) is not None:
            number, endpoint, _ = self.waiting.pop(0)
            self.packet(BULK, struct.pack("<BBHIH", endpoint, SUCCESS, len(data) & 0xFFFF, 0, len(data) >> 16) + data, number)

    def move(self, x, y):
        """The mouse is moved."""
        self.packet(INTERRUPT, struct.pack("<BBH", 0x81, SUCCESS, 3) + bytes([0, x & 0xFF, y & 0xFF]))

    def wait(self, what, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s in vain for {what}; packets that came: {self.log}")
            time.sleep(0.05)
