"""Searches the memory of running processes for secrets. Needs root."""
# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import bisect
import os
import secrets
import subprocess
import tempfile
import threading

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


class _Search:
    """grep -F, which looks for hundreds of needles in one pass over what it is given."""

    def __init__(self, wanted):
        """@wanted: needle to name."""
        self.wanted = wanted
        self.given, self.starts, self.where = 0, [], []  # of each block: its place in the whole, and (process, mapping, address)
        self.needles = tempfile.NamedTemporaryFile()
        self.needles.write(b"\n".join(wanted) + b"\n")
        self.needles.flush()
        self.grep = subprocess.Popen(["grep", "-aobF", "-f", self.needles.name], env={**os.environ, "LC_ALL": "C"},
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.found = []
        self.reader = threading.Thread(target=lambda: self.found.extend(self.grep.stdout.read().splitlines()))
        self.reader.start()

    def look(self, block, process, mapping, address):
        self.starts.append(self.given)
        self.where.append((process, mapping, address))
        self.grep.stdin.write(block + b"\n")  # so that nothing is found that begins in one block and ends in the next
        self.given += len(block) + 1

    def end(self):
        """(name, process, mapping, address) of each find."""
        self.grep.stdin.close()
        self.reader.join()
        if self.grep.wait() > 1:
            raise OSError("grep failed")
        self.needles.close()
        for line in self.found:
            at, needle = line.split(b":", 1)
            i = bisect.bisect_right(self.starts, int(at)) - 1
            process, mapping, address = self.where[i]
            yield self.wanted[needle], process, mapping, address + int(at) - self.starts[i]


def in_files(marks, paths):
    """Which of @paths have one of @marks in them, as holders()."""
    with tempfile.NamedTemporaryFile() as wanted:
        wanted.write(b"\n".join(needle for secret in marks.values() for needle in needles(secret)) + b"\n")
        wanted.flush()
        grep = subprocess.run(["xargs", "-0", "grep", "-aoHF", "-f", wanted.name], input="\0".join([os.devnull, *paths]), text=True,
                              errors="replace", stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}, check=False)
    return grep.stdout.splitlines()


def holders(marks, pids):
    """Where @marks (name to secret) are in the memory of @pids: lines of text, and an empty list when they are nowhere."""
    search = _Search({needle: name for name, secret in marks.items() for needle in needles(secret)})
    for pid in pids:
        try:
            memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile, and its memory with it
        try:
            for start, end, mapping in mappings(pid):
                for at, block in blocks(memory, start, end):
                    search.look(block, pid, mapping, at)
        except (FileNotFoundError, ProcessLookupError):
            continue
        finally:
            os.close(memory)
    return [f"{name} in {_said(pid)}, {mapping} at {at:#x}: {_excerpt(pid, at)}" for name, pid, mapping, at in search.end()]


def _said(pid):
    try:
        return f"{command(pid)} ({pid})"
    except (FileNotFoundError, ProcessLookupError):
        return f"({pid}, which has ended)"


def _excerpt(pid, at):
    """What is there now."""
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(at - 64)
            return bytes(c if 32 <= c < 127 else ord(".") for c in memory.read(160)).decode()
    except (OSError, ValueError):
        return "gone meanwhile"
