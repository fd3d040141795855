"""A program at a pseudo-terminal of its own, as a person has it before them: what it shows, what is typed, whether it echoes."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pty
import select
import signal
import termios
import time

from instance import Failure


class Terminal:
    def __init__(self, *words, env=None):
        self.shown, self.status = "", None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(words[0], words, env or os.environ)
            finally:
                os._exit(127)

    def _read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            data = b""
        self.shown += data.decode(errors="replace")
        return bool(data)

    def expect(self, text, timeout=30):
        """Waits until @text is shown; what was shown up to it is forgotten."""
        deadline = time.monotonic() + timeout
        while text not in self.shown:
            if not self._read(max(0, deadline - time.monotonic())):
                raise Failure(f"waited for {text!r}, shown is {self.shown!r}")
        self.shown = self.shown.split(text, 1)[1]

    def type(self, text):
        os.write(self.fd, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def wait_silent(self, timeout=10):
        """Until what is typed is not shown: only then is it safe to type a password."""
        deadline = time.monotonic() + timeout
        while self.echoes():
            if time.monotonic() > deadline:
                raise Failure("the terminal goes on echoing")
            time.sleep(0.02)

    def wait(self, timeout=30):
        """The exit status, negative for a signal."""
        deadline = time.monotonic() + timeout
        while self.status is None:
            self._read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                raise Failure(f"it goes on running; shown is {self.shown!r}")
        while self._read(0.05):
            pass
        return self.status

    def running(self):
        if self.status is None:
            self._read(0)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is None

    def signal(self, number):
        os.kill(self.pid, number)

    def close(self):
        if self.status is None:
            self.signal(signal.SIGTERM)
            try:
                self.wait(10)
            except Failure:
                self.signal(signal.SIGKILL)
                self.wait(5)
        os.close(self.fd)
