"""A listener of a desktop's sound: the messages of display/sound-message.h over any socket, Opus by the library itself, and what a
tone's frequency is."""
# SPDX-License-Identifier: GPL-2.0-or-later
import array
import ctypes
import ctypes.util
import math
import select
import struct
import time

RATE = 48000
HELLO, STATE, PACKET = 1, 2, 3
PLAYING, RECORDED, ABSENT = 1, 2, 4


def _opus():
    name = ctypes.util.find_library("opus")
    return ctypes.CDLL(name) if name else None


class Decoder:
    def __init__(self):
        self.opus = _opus()
        self.opus.opus_decoder_create.restype = ctypes.c_void_p
        self.decoder = ctypes.c_void_p(self.opus.opus_decoder_create(RATE, 2, None))

    def decode(self, packet):
        frames = (ctypes.c_int16 * (2 * 5760))()
        n = self.opus.opus_decode(self.decoder, packet, len(packet), frames, 5760, 0)
        if n < 0:
            raise ValueError(f"no Opus packet: {n}")
        return frames[:2 * n]


class Encoder:
    """One channel, 20 ms."""

    def __init__(self):
        self.opus = _opus()
        self.opus.opus_encoder_create.restype = ctypes.c_void_p
        self.encoder = ctypes.c_void_p(self.opus.opus_encoder_create(RATE, 1, 2049, None))

    def encode(self, samples):
        packet = ctypes.create_string_buffer(1275)
        n = self.opus.opus_encode(self.encoder, (ctypes.c_int16 * len(samples))(*samples), len(samples), packet, 1275)
        return packet.raw[:n]


class Listener:
    def __init__(self, stream):
        """@stream: a connected socket, whose bytes are the desktop's sound."""
        self.stream, self.rest = stream, b""
        self.flags, self.state, self.packets, self.numbers = None, 0, [], []
        self.states = []
        self.say(1, b"\1")

    def say(self, kind, body):
        self.stream.sendall(struct.pack(">HB", 1 + len(body), kind) + body)

    def listen(self, on=True):
        self.say(2, bytes([on]))

    def talk(self, on=True):
        self.say(3, bytes([on]))

    def voice(self, packet):
        self.say(4, packet)

    def update(self, seconds, heard=True):
        """Takes what comes within @seconds. EOFError when the stream has ended."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.stream], [], [], left)[0]:
                return
            more = self.stream.recv(65536)
            if not more:
                raise EOFError("the stream of sound has ended")
            self.rest += more
            self._take(heard)

    def _take(self, heard):
        while len(self.rest) >= 2 and len(self.rest) >= 2 + (size := struct.unpack_from(">H", self.rest)[0]):
            kind, body = self.rest[2], self.rest[3:2 + size]
            self.rest = self.rest[2 + size:]
            if kind == HELLO:
                self.flags = body[1]
            elif kind == STATE:
                self.state = body[0]
                self.states.append(body[0])
            elif kind == PACKET:
                self.numbers.append(struct.unpack_from(">I", body)[0])
                self.packets.append(body[4:])
                if heard:
                    self.say(5, body[:4])

    def wait(self, condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.update(0.005)
        return True

    def tone(self, seconds):
        """(frequency, loudness 0 to 1) of what is heard in @seconds from now."""
        self.packets = []
        self.update(seconds)
        decoder = Decoder()
        samples = [sample for packet in self.packets for sample in decoder.decode(packet)[::2]]
        return frequency(samples), loudness(samples)


def frequency(samples):
    """Of a tone, by its zero crossings; 0: there is none. Gaps and starts do not count."""
    if max(map(abs, samples), default=0) < 300:
        return 0
    crossings = [i for i in range(1, len(samples)) if samples[i - 1] < 0 <= samples[i]]
    waves = sorted(b - a for a, b in zip(crossings, crossings[1:]))
    whole = [wave for wave in waves if abs(wave - waves[len(waves) // 2]) < 0.2 * waves[len(waves) // 2]]
    return RATE * len(whole) / sum(whole) if whole else 0


def loudness(samples):
    return math.sqrt(sum(s * s for s in samples) / len(samples)) / 32768 if samples else 0


def sine(hertz, seconds, level=8000):
    return array.array("h", (int(level * math.sin(2 * math.pi * hertz * i / RATE)) for i in range(int(seconds * RATE))))
