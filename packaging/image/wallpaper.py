#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws overlay/usr/share/backgrounds/carrel.png, which is kept in the tree: a calm gradient with a few soft hills.
Usage: wallpaper.py FILE. Standard library only."""
import math
import struct
import sys
import zlib

WIDTH, HEIGHT = 1920, 1080
SKY = ((34, 68, 92), (96, 150, 160))        # top, bottom
HILLS = (                                   # base, height, waves, phase, colour
    (0.62, 0.060, 1.1, 0.4, (62, 118, 132)),
    (0.72, 0.055, 1.7, 2.1, (46, 97, 113)),
    (0.82, 0.050, 1.3, 4.0, (34, 77, 95)),
    (0.91, 0.045, 2.2, 5.2, (26, 59, 76)),
)


def ridge(hill, x):
    base, height, waves, phase, _ = hill
    t = x / WIDTH * 2 * math.pi
    return HEIGHT * (base + height * (0.7 * math.sin(waves * t + phase) + 0.3 * math.sin(2.3 * waves * t + 2 * phase)))


def main():
    rows = []
    ridges = [[ridge(hill, x) for x in range(WIDTH)] for hill in HILLS]
    for y in range(HEIGHT):
        f = y / (HEIGHT - 1)
        sky = tuple(round(a + (b - a) * f) for a, b in zip(*SKY))
        row = bytearray(bytes(sky) * WIDTH)
        for hill, line in zip(HILLS, ridges):
            colour = hill[4]
            low, high = min(line), max(line)
            if y < low - 1:
                continue
            if y > high + 1:
                row = bytearray(bytes(colour) * WIDTH)
                continue
            for x in range(WIDTH):
                cover = min(1.0, max(0.0, y - line[x] + 0.5))
                if cover > 0:
                    for i in range(3):
                        row[3 * x + i] = round(row[3 * x + i] * (1 - cover) + colour[i] * cover)
        rows.append(b"\0" + bytes(row))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(sys.argv[1], "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(b"".join(rows), 9)) + chunk(b"IEND", b""))


main()
