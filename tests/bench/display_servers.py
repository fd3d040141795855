"""The servers of tests/bench/display: how each is started, fed, and ended, and which processes it costs."""
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

TOP = os.environ.get("CARREL_TOP") or os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
BUILD = os.path.abspath(os.environ.get("CARREL_BUILD") or os.path.join(TOP, "_build"))
BOARD_SIZE = 96 << 20  # display-board.h's
PASSWORD = "bench"


def program(name):
    return os.path.join(BUILD, "tests/bench", name)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what, condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def is_open(port):
    """Somebody listens: by the kernel's list, since a connection would be a client."""
    with open("/proc/net/tcp") as file:
        return any(line.split()[1] == f"0100007F:{port:04X}" and line.split()[3] == "0A" for line in file)


def answers(path):
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(path) == 0


class Child:
    """A process that is told lines and answers with lines."""

    def __init__(self, *command, env=None, log, fds=None):
        actions = [(os.POSIX_SPAWN_DUP2, log.fileno(), 2)]
        self.rest, ours, theirs = b"", socket.socketpair(), None
        self.pipe, theirs = ours
        self.pipe.set_inheritable(False)
        actions += [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 1)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in (fds or {}).items()]
        self.name = os.path.basename(command[0])
        self.pid = os.posix_spawn(shutil.which(command[0]) or command[0], command, {**os.environ, **(env or {})}, file_actions=actions)
        theirs.close()

    def tell(self, line):
        try:
            self.pipe.sendall(line.encode() + b"\n")
        except ConnectionError as error:
            raise RuntimeError(f"{self.name} has ended") from error

    def line(self, seconds):
        """The next line; None: none came in time."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.rest:
            left = max(deadline - time.monotonic(), 0)
            if not select.select([self.pipe], [], [], left)[0]:
                return None
            data = self.pipe.recv(65536)
            if not data:
                raise RuntimeError(f"{self.name} has ended")
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def expect(self, seconds=20):
        line = self.line(seconds)
        if line is None:
            raise RuntimeError(f"{self.name} says nothing")
        return line

    def stop(self):
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            time.sleep(0.01)
        self.pid = None
        self.pipe.close()


class Server:
    protocol, continuous, ours = "vnc", False, False
    keys = False  # a tick is drawn for each key that it is given
    levels = range(10)  # of quality, that a VNC client can ask for
    packages = []  # [(what is looked for, Debian's package that has it)]

    def __init__(self, folder):
        self.folder, self.children, self.port = folder, [], free_port()
        self.board = os.path.join(folder, "board")
        self.log = open(os.path.join(folder, "log"), "ab")
        with open(self.board, "wb") as file:
            os.ftruncate(file.fileno(), BOARD_SIZE)

    @classmethod
    def missing(cls):
        """Debian's packages without which it cannot be measured."""
        wanted = cls.packages + ([(program("display-spice"), "libspice-client-glib-2.0-dev")] if cls.protocol == "spice" else [])
        return [package for what, package in wanted if not (os.path.exists(what) or shutil.which(what))]

    def child(self, *command, **how):
        self.children.append(Child(*command, log=self.log, **how))
        return self.children[-1]

    def stimulate(self, load, *how, env=None):
        keys = ["--keys"] * self.keys
        self.stimulus = Child(program("display-stimulus"), "--board", self.board, *how, *keys, load, env=env, log=self.log)
        self.stimulus.expect()

    def start(self, load, lossy):
        """Serves @load's first picture on self.port when this returns."""
        raise NotImplementedError

    def pids(self):
        return [child.pid for child in self.children]

    def stop(self):
        for child in [getattr(self, "stimulus", None), *reversed(self.children)]:
            if child:
                child.stop()
        self.log.close()


class Qemu(Server):
    """A machine without a guest: the stimulus is its driver of virtio-gpu, and its RAM is the board. The processor has stopped: what
    it would start from is full of HLT."""
    packages = [("qemu-system-x86_64", "qemu-system-x86")]
    display = ()

    def start_machine(self, load, *display):
        firmware, qtest = os.path.join(self.folder, "firmware"), os.path.join(self.folder, "qtest")
        with open(firmware, "wb") as file:
            file.write(b"\xf4" * 65536)
        self.qemu = self.child(
            "qemu-system-x86_64", "-bios", firmware, "-machine", "microvm,memory-backend=ram", "-m", str(BOARD_SIZE >> 20), "-object",
            f"memory-backend-file,id=ram,size={BOARD_SIZE},mem-path={self.board},share=on", "-accel", "tcg", "-nodefaults", "-device",
            "virtio-gpu-device,xres=1920,yres=1080", *["-device", "virtio-keyboard-device"] * self.keys, "-global",
            "virtio-mmio.force-legacy=false", "-qtest", f"unix:{qtest},server=on,wait=off", "-qtest-log", "/dev/null", *display)
        until("QEMU", lambda: os.path.exists(qtest))
        self.stimulate(load, "--qtest", qtest)


class QemuVnc(Qemu):
    name = "qemu-vnc"

    def start(self, load, lossy):
        self.start_machine(load, "-vnc", f"127.0.0.1:{self.port - 5900},lossy=on")


class QemuSpice(Qemu):
    name, protocol = "qemu-spice", "spice"
    packages = [*Qemu.packages, ("/usr/lib/x86_64-linux-gnu/qemu/ui-spice-core.so", "qemu-system-modules-spice")]

    def start(self, load, lossy):
        video = "streaming-video=filter,jpeg-wan-compression=auto" if lossy else "streaming-video=off,jpeg-wan-compression=never"
        self.start_machine(load, "-object", f"secret,id=ticket,data={PASSWORD}", "-spice",
                           f"addr=127.0.0.1,port={self.port},password-secret=ticket,{video}")


class Ours(Qemu):
    """carrel-screen, as carrel-display starts it and talks to it, but that every client has the same rights."""
    ours = True
    packages = [*Qemu.packages, ("/usr/lib/x86_64-linux-gnu/qemu/ui-dbus.so", "qemu-system-modules-opengl")]

    def start(self, load, lossy):
        qmp = os.path.join(self.folder, "qmp")
        self.start_machine(load, "-display", "dbus,p2p=on", "-qmp", f"unix:{qmp},server=on,wait=off")
        near, far = socket.socketpair()
        self.child(os.path.join(BUILD, "carrel-screen"), fds={3: far.fileno()})
        far.close()
        stream = Gio.Socket.new_from_fd(near.detach()).connection_factory_create_connection()
        self.control = Gio.DBusConnection.new_sync(stream, None, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
        self.call("Attach", self.open_display(qmp), {"desktop": GLib.Variant("s", "bench"), "title": GLib.Variant("s", "bench")})
        self.listening = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def open_display(self, path):
        """QEMU's D-Bus display, as libvirt would give it."""
        near, far = socket.socketpair()
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.settimeout(10)
            qmp.connect(path)
            answers_of = qmp.makefile()
            answers_of.readline()
            for command, words, fds in (("qmp_capabilities", {}, []), ("getfd", {"fdname": "display"}, [far.fileno()]),
                                        ("add_client", {"protocol": "@dbus-display", "fdname": "display"}, [])):
                socket.send_fds(qmp, [json.dumps({"execute": command, "arguments": words}).encode() + b"\n"], fds)
                answer = json.loads(answers_of.readline())
                if "error" in answer:
                    raise RuntimeError(f"QEMU refuses {command}: {answer['error']}")
        far.close()
        return near

    def call(self, method, sent, params):
        fds = Gio.UnixFDList.new()
        index = fds.append(sent.fileno())
        sent.close()
        self.control.call_with_unix_fd_list_sync(None, "/org/carrel/Screen1", "org.carrel.Screen1", method,
                                                 GLib.Variant("(ha{sv})", (index, params)), None, 0, 15000, fds, None)

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            words = {"protocol": self.protocol, "client": "bench", "secret": PASSWORD}
            self.call("AddClient", client, {key: GLib.Variant("s", word) for key, word in words.items()})

    def stop(self):
        if hasattr(self, "listening"):
            self.listening.shutdown(socket.SHUT_RDWR)
            self.listening.close()
        super().stop()


class OursVnc(Ours):
    name = "ours-vnc"


class OursVncContinuous(OursVnc):
    name, continuous = "ours-vnc-cu", True


class OursSpice(Ours):
    name, protocol = "ours-spice", "spice"


class Xvnc(Server):
    """TigerVNC's. It sees pixels that a program puts into a window, as from a toolkit that draws by itself."""
    name = "xvnc"
    packages = [("Xvnc", "tigervnc-standalone-server")]

    def start(self, load, lossy):
        read, write = os.pipe()
        self.child("Xvnc", "-displayfd", "3", "-rfbport", str(self.port), "-geometry", "1920x1080", "-depth", "24", "-SecurityTypes",
                   "None", "-localhost", "-nolisten", "tcp", fds={3: write})
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise RuntimeError("Xvnc does not start")
        self.stimulate(load, "--x", env={"DISPLAY": f":{number}"})


class XvncContinuous(Xvnc):
    name, continuous = "xvnc-cu", True


class Neatvnc(Server):
    """The library in a server of our own (display-neatvnc.c)."""
    name, levels = "neatvnc", (0, 9)  # 0.5 sends no JPEG at those between
    packages = [(program("display-neatvnc"), "libneatvnc-dev")]

    def start(self, load, lossy):
        feed = os.path.join(self.folder, "feed")
        self.child(program("display-neatvnc"), self.board, feed, str(self.port))
        until("neatvnc", lambda: os.path.exists(feed))
        self.stimulate(load, "--feed", feed)


SERVERS = {one.name: one for one in (QemuVnc, OursVnc, OursVncContinuous, XvncContinuous, Xvnc, Neatvnc, QemuSpice, OursSpice)}
# Xvnc asked in the old way is there for whoever names it.
DEFAULT = [name for name in SERVERS if name != "xvnc"]


def cpu_seconds(pid):
    """User and system time of all threads, by the clock that clock_getcpuclockid(3) would name."""
    return time.clock_gettime((~pid << 3) | 2)


def wakeups(pid):
    """How often its threads have been switched to, since they began."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as file:
            total += sum(int(n) for n in re.findall(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M))
    return total


def memory_mib(pids, board):
    """Proportional set size of all, but for the board, which is the guest's. None: it may not be looked at (a screen without root)."""
    kib = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps") as file:
                mine = True
                for line in file:
                    if re.match(r"[0-9a-f]+-", line):
                        mine = board not in line
                    elif mine and line.startswith("Pss:"):
                        kib += int(line.split()[1])
        except OSError:
            return None
    return kib / 1024
