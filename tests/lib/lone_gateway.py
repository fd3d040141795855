"""carrel-gateway beside a fake broker (tests/lib/fake-broker.c) in a folder of its own, with what a test wants in its
[Gateway] group; and a plain VNC server (Xtigervnc) that stands for the desktop."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import shutil
import socket
import ssl
import subprocess
import tempfile

from foreign import BAD_LINE
from instance import BUILD, TOP, Skip, check, equal, wait_for


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
        return True
    except OSError:
        return False


class LoneGateway:
    def __init__(self, settings="", desktop=None, pages=False):
        """@desktop: the port of the VNC server that everybody is led to; @pages: with the web client, not an empty folder."""
        self.folder = tempfile.mkdtemp(prefix="carrel-gateway-")
        os.chmod(self.folder, 0o755)
        if pages:
            shutil.copytree(os.path.join(TOP, "web-client"), self.folder + "/web")
        else:
            os.makedirs(self.folder + "/web")
        self.web, self.vnc = free_port(), free_port()
        users = "[Users]\nBroker=61201\nGateway=61202\nDisplay=61203\n" if os.geteuid() == 0 else ""
        self.config = self.folder + "/carrel.conf"
        with open(self.config, "w") as file:
            file.write("[Paths]\n" + "".join(f"{key}={self.folder}/{name}\n" for key, name in (
                ("State", "state"), ("Runtime", "run"), ("Pools", "pools.d"), ("WebRoot", "web"))) +
                f"{users}[Gateway]\nListen=127.0.0.1:{self.web}\nVncListen=127.0.0.1:{self.vnc}\n{settings}")
        self.children = [self._start("tests/lib/fake-broker", *(["--vnc", str(desktop)] if desktop else [])), self._start("carrel-gateway")]
        wait_for("the gateway to listen", lambda: answers(self.vnc) and os.path.exists(self.ca), 20)

    def _start(self, program, *words):
        with open(os.path.join(self.folder, os.path.basename(program) + ".log"), "ab") as log:
            return subprocess.Popen([os.path.join(BUILD, program), "--config", self.config, *words], stdout=log, stderr=log)

    @property
    def ca(self):
        return self.folder + "/run/gateway/ca.pem"

    def tls(self):
        return ssl.create_default_context(cafile=self.ca)

    def log(self):
        with open(self.folder + "/carrel-gateway.log") as file:
            return file.read()

    def check(self):
        """It lives, and has logged no failure of its own."""
        equal([child.poll() for child in self.children], [None, None], "how broker and gateway ended")
        equal([line for line in self.log().encode().splitlines() if BAD_LINE.search(line)], [], "lines of failures in its log")

    def close(self):
        for child in reversed(self.children):
            child.terminate()
            child.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


class PlainVnc:
    """An X display with one colour all over, behind RFB without security."""
    def __init__(self, colour):
        if not shutil.which("Xtigervnc"):
            raise Skip("Xtigervnc is not installed")
        self.port = free_port()
        read, write = os.pipe()
        self.child = subprocess.Popen(["Xtigervnc", "-displayfd", str(write), "-SecurityTypes", "None", "-rfbport", str(self.port), "-localhost",
                                       "-geometry", "640x480", "-depth", "24"], pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            display = pipe.readline().strip()
        subprocess.run(["xsetroot", "-solid", colour], env={**os.environ, "DISPLAY": f":{display}"}, check=True)

    def close(self):
        self.child.terminate()
        self.child.wait(10)
