"""Programs of others that are turned on the instance, and what has to hold of ours afterwards."""
# SPDX-License-Identifier: GPL-2.0-or-later
import http.client
import os
import re
import shutil
import ssl
import subprocess
import time

import guest
from instance import Failure, Portal, Skip, check, equal, instance
from processes import is_alive, main_of

DAEMONS = ("carrel-gateway", "carrel-broker", "carrel-display", "carrel-auth")
# How our logs mark what must never be, a programmer's error found by GLib among it; and what sanitizers, libc and
# carrel-display say of a death.
BAD_LINE = re.compile(rb"^\S+ \S+ [\w-]+: error: |assertion|Sanitizer|runtime error|stack smashing|free\(\)|malloc\(\)|"
                      rb"killed by signal", re.I)


def need(*programs):
    """Skips the script when one of these is not installed."""
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed, and this distribution's packages may not have it")


def run(*words, seconds=120, status=(0,), **options):
    """Runs a foreign program to its end; its output, of which the last lines are shown when its status is another."""
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                          env={**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8"}, **options)
    text = done.stdout.decode(errors="replace")
    if status is not None and done.returncode not in status:
        last = "\n".join(text.splitlines()[-30:])
        raise Failure(f"{' '.join(words)}: status {done.returncode}\n{last}")
    return text


def vnc_address(portal):
    host, port = portal.instance["vnc"].rsplit(":", 1)
    return host, int(port)


class Whole:
    """The instance's programs as they are now; check() says whether they are the same ones, and complained of nothing."""

    def __init__(self):
        self.pids = {name: main_of(name) for name in DAEMONS}
        for name, pid in self.pids.items():
            check(pid, f"{name} is not running")
        folder = os.path.join(os.path.dirname(os.path.dirname(instance()["config"])), "log")
        self.logs = {path: os.path.getsize(path) for path in (os.path.join(folder, name + ".log") for name in DAEMONS)}

    def _new_lines(self):
        for path, size in self.logs.items():
            with open(path, "rb") as file:
                file.seek(size)
                yield from file.read().splitlines()

    def dead_screens(self):
        """(desktop, why) of each screen that ended by itself: not with its desktop, when it was told to, or for want of clients."""
        ends = (re.search(rb"carrel-display: (\S+): its screen is gone: (.*)", line) for line in self._new_lines())
        return [(end[1].decode(), end[2].decode()) for end in ends if end and end[2] not in (b"idle", b"asked", b"vm-gone")]

    def check(self, may_die=None):
        """Ours are the same processes, logged no failure of their own, and no screen died but those of the desktop @may_die,
        who may say why they did. Returns how many did."""
        for name, pid in self.pids.items():
            check(is_alive(pid) and main_of(name) == pid, f"{name} ({pid}) died")
        dead = self.dead_screens()
        for desktop, why in dead:
            print(f"# the screen of {desktop} is gone: {why}", flush=True)
        equal([one for one in dead if one[0] != may_die], [], "screens that died")
        bad = [line for line in self._new_lines() if BAD_LINE.search(line)]
        equal([line for line in bad if not (dead and b"carrel-screen" in line or b"its screen is gone" in line)], [],
              "lines of failures in our logs")
        return len(dead)


def ask_portal(source, seconds):
    portal = Portal()
    started = time.monotonic()
    connection = http.client.HTTPSConnection(portal.host, portal.port, timeout=seconds, context=portal.tls,
                                             source_address=(source, 0))
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        equal(answer.status, 200, "GET / of somebody else")
        check(b"<html" in answer.read().lower(), "the portal's page is not HTML")
    finally:
        connection.close()
    return time.monotonic() - started


def portal_answers(source="127.0.0.2", tries=20, seconds=20):
    """Somebody else, from another address, gets the portal's page over a new connection: (seconds that it took, tries). Among a
    thousand strangers the gateway turns some newcomers away at random; a browser tries again, too."""
    for attempt in range(1, tries + 1):
        try:
            return ask_portal(source, seconds), attempt
        except (ConnectionError, ssl.SSLError):
            if attempt == tries:
                raise
    return None


def key_to_pixel(client, times=10):
    """Median seconds from a key to changed pixels in the open terminal."""
    taken = []
    for _ in range(times):
        guest.see(client, lambda: False, 0.2)  # what still comes of the last one
        started = time.monotonic()
        guest.answers(client)
        taken.append(time.monotonic() - started)
    return sorted(taken)[len(taken) // 2]
