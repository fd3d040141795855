"""tests/lib/engine-driver, the pool engine in a process of its own, as a test holds it: commands, answers, deaths."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re
import subprocess
import threading

from instance import BUILD, Failure

ANSWERS = ("claimed ", "error ", "ok", "released ")
DESKTOP = re.compile(r"desktop (\S+) state=(\S+) user=(\S+) .*step=“(.*)” queue=(\d+)/")
BEGUN = re.compile(r"\S+ change (\S+) state=(?!cloning .*step=“Waiting for a place”)")


class Died(Exception):
    """It ended before it answered."""


class Driver:
    def __init__(self, config, log, **variables):
        """@variables: for its environment, by their last words: kill_at, speed, deadline_speed, clock, hypervisor."""
        names = {f"CARREL_TEST_{name.upper()}": str(value) for name, value in variables.items() if value}
        self.log = open(log, "ab")
        self.log_start = self.log.tell()
        self.process = subprocess.Popen([os.path.join(BUILD, "tests/lib/engine-driver"), config], env={**os.environ, **names},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.lines, self.ended = [], False
        self.begun = set()  # desktops that were said to be more than waited for
        self.places = {}    # of look(): desktop -> its person's place in the queue
        self.waiting = set()  # of look(): desktops somebody has, and that are not begun
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for text in self.process.stdout:
            # What changes is said in between, and is for people.
            if text.startswith((b"claimed ", b"error ", b"ok", b"released ", b"desktop ", b"pool ", b"connected=")):
                with self.changed:
                    self.lines.append(text.decode())
                    self.changed.notify()
            elif begun := BEGUN.match(text.decode()):
                self.begun.add(begun[1])
        with self.changed:
            self.ended = True
            self.changed.notify()

    def send(self, *commands):
        try:
            self.process.stdin.write("".join(f"{one}\n" for one in commands).encode())
            self.process.stdin.flush()
        except OSError:
            pass  # who waits for the answer hears of it

    def next(self, timeout=30):
        with self.changed:
            if not self.changed.wait_for(lambda: self.lines or self.ended, timeout):
                raise Failure(f"engine-driver does not answer within {timeout} s")
            if not self.lines:
                raise Died
            return self.lines.pop(0).strip()

    def ask(self, command):
        self.send(command)
        while True:
            answer = self.next()
            if answer.startswith(ANSWERS):
                return answer

    def look(self):
        """Its desktops, {id: (state, user or None)}, and whether it knows what libvirt runs."""
        self.send("list", "pools")
        desktops, self.places, self.waiting = {}, {}, set()
        while True:
            text = self.next()
            found = DESKTOP.match(text)
            if found:
                desktops[found[1]] = (found[2], None if found[3] == "-" else found[3])
                if found[2] == "cloning" and found[3] != "-" and found[4] == "Waiting for a place":
                    self.waiting.add(found[1])
                if found[5] != "0":
                    self.places[found[1]] = int(found[5])
            elif text.startswith("connected="):
                return desktops, text == "connected=1"

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.bury()

    def bury(self):
        """How it died: the text of kill-points.c, or the status."""
        status = self.process.wait(30)
        try:
            self.process.stdin.close()
        except OSError:
            pass
        with open(self.log.name, "rb") as file:
            file.seek(self.log_start)
            said = file.read().decode(errors="replace")
        self.log.close()
        place = re.search(r"^killed (.*)$", said, re.M)
        return place[1] if place else f"status {status}"

    def quit(self):
        self.send("quit")
        self.process.wait(30)
        return self.bury()
