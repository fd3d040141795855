"""Searches the memory of running processes for secrets. Needs root."""
# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import os
import secrets

from processes import command

PIECE = 12  # characters: what malloc leaves of a block that was freed is seldom all of it


def mark(pieces=4):
    """A secret as nothing else holds it, of letters and digits alone: JSON, URLs and shells leave it as it is."""
    text = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(pieces * PIECE))
    return text


def needles(secret):
    """@secret in pieces, and in hexadecimal and base64, wherever base64 began."""
    raw = secret.encode()
    found = {raw[i:i + PIECE] for i in range(0, min(len(raw), 8 * PIECE) - PIECE + 1, PIECE)}
    found |= {raw[:PIECE].hex().encode(), raw[:PIECE].hex().upper().encode()}
    for shift in range(3):
        start = (3 - shift) % 3
        found.add(base64.b64encode(raw[start:start + PIECE // 3 * 3]))
    return found


def mappings(pid):
    """(start, end, name) of all that may hold what was not in a file at the start."""
    with open(f"/proc/{pid}/maps") as file:
        for line in file:
            fields = line.split(None, 5)
            start, end = (int(word, 16) for word in fields[0].split("-"))
            name = fields[5].strip() if len(fields) > 5 else ""
            if fields[1][0] == "r" and (fields[1][1] == "w" or not name.startswith(("/", "[v"))):
                yield start, end, name or "anonymous"


def blocks(memory, start, end, size=65536):
    """(address, bytes): runs of @memory with something in them. Most of a heap, and of a thread's stack, has never been used."""
    run, zeros = bytearray(), bytes(size)
    for at in range(start, end, size):
        try:
            part = os.pread(memory, min(size, end - at), at)
        except OSError:  # unmapped meanwhile, or a device's
            part = b""
        if part and part != zeros[:len(part)]:
            run += part
        elif run:
            yield at - len(run), bytes(run)
            run.clear()
    if run:
        yield end - len(run), bytes(run)


def holders(marks, pids):
    """Where @marks (name to secret) are in the memory of @pids: lines of text, and an empty list when they are nowhere."""
    wanted = [(name, needle) for name, secret in marks.items() for needle in needles(secret)]
    found = []
    for pid in pids:
        try:
            memory, name = os.open(f"/proc/{pid}/mem", os.O_RDONLY), command(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile, and its memory with it
        try:
            for start, end, mapping in mappings(pid):
                for at, block in blocks(memory, start, end):
                    found += _search(block, wanted, at, f"{name} ({pid}), {mapping}")
        except (FileNotFoundError, ProcessLookupError):
            continue
        finally:
            os.close(memory)
    return found


def _search(block, wanted, start, where):
    found = []
    for name, needle in wanted:
        at, end_of_last = block.find(needle), -1
        while at >= 0:
            if at != end_of_last:
                found.append(f"{name} in {where} at {start + at:#x}: {_excerpt(block, at)}")
            end_of_last = at + len(needle)
            at = block.find(needle, end_of_last)
    return found


def _excerpt(block, at):
    return bytes(c if 32 <= c < 127 else ord(".") for c in block[max(0, at - 64):at + 96]).decode()
