"""A carrel-screen with a QEMU that has no guest, driven as carrel-display drives it: for what clients do to a screen, and no desktop is
needed."""
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

from instance import BUILD, Skip, wait_for  # noqa: E402

CONTROL_FD = 3
SECRET = "sesame"
QEMU = "qemu-system-x86_64"


class Ticket:
    """Stands for spice.Ticket: a client that carrel-display has let in."""

    def __init__(self, screen, client, usb=None, view_only=False):
        self.screen, self.client, self.usb, self.view_only, self.secret = screen, client, usb, view_only, SECRET

    def stream(self):
        ours, theirs = socket.socketpair()
        ours.settimeout(60)
        self.screen.add_client(theirs.detach(), self)
        return ours


class LoneScreen:
    def __init__(self, usb=0):
        """@usb: places for USB devices."""
        if shutil.which(QEMU) is None:
            raise Skip(f"{QEMU} is not installed")
        self.folder = tempfile.mkdtemp()
        self.events = []
        self.qemu = subprocess.Popen([
            QEMU, "-machine", "q35", "-accel", "tcg", "-m", "64", "-nodefaults", "-vga", "std", "-display", "dbus,p2p=on",
            "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off", "-device", "qemu-xhci,p2=8,p3=8",
            *(word for i in range(usb) for word in ("-chardev", f"dbus,id=redir{i},name=org.qemu.usbredir", "-device", f"usb-redir,chardev=redir{i}"))])
        self.monitor = socket.socket(socket.AF_UNIX)
        self.monitor.settimeout(20)
        wait_for("QEMU's monitor", self._reach_monitor, 20)
        self.words = self.monitor.makefile("r")
        self.words.readline()
        self.qmp("qmp_capabilities")
        self._start()

    def _reach_monitor(self):
        try:
            self.monitor.connect(f"{self.folder}/qmp")
            return True
        except OSError:
            return False

    def qmp(self, command, fd=None, **arguments):
        socket.send_fds(self.monitor, [json.dumps({"execute": command, "arguments": arguments}).encode()], [fd] if fd is not None else [])
        while True:
            answer = json.loads(self.words.readline())
            if "error" in answer:
                raise AssertionError(answer["error"])
            if "return" in answer:
                return answer["return"]

    def usb_speeds(self):
        """Of the places, in their order: 12 Mb/s where there is a device of full speed."""
        return [line.split("Speed ")[1].split()[0] for line in
                self.qmp("human-monitor-command", **{"command-line": "info usb"}).splitlines() if "Speed " in line]

    def _display(self):
        ours, theirs = socket.socketpair()
        self.qmp("getfd", fd=theirs.fileno(), fdname="display")
        self.qmp("add_client", protocol="@dbus-display", fdname="display")
        theirs.close()
        return ours.detach()

    def _start(self):
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen([os.path.join(BUILD, "carrel-screen")], env=dict(os.environ, CARREL_SANDBOX="kill"),
                                        preexec_fn=lambda: os.dup2(theirs.fileno(), CONTROL_FD), close_fds=False)
        theirs.close()
        stream = Gio.Socket.new_from_fd(ours.detach()).connection_factory_create_connection()
        self.bus = Gio.DBusConnection.new_sync(stream, None, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None, None)
        self.bus.signal_subscribe(None, "org.carrel.Screen1", None, None, None, 0, self._on_signal)
        self._call("Attach", self._display(), {"title": GLib.Variant("s", "lone"), "desktop": GLib.Variant("s", "lone")})
        threading.Thread(target=GLib.MainLoop().run, daemon=True).start()

    def _on_signal(self, bus, sender, path, interface, name, values):
        self.events.append((name, *values.unpack()))

    def _call(self, method, fd, params):
        self.bus.call_with_unix_fd_list_sync(None, "/org/carrel/Screen1", "org.carrel.Screen1", method, GLib.Variant("(ha{sv})", (0, params)),
                                             None, 0, 15000, Gio.UnixFDList.new_from_array([fd]), None)

    def add_client(self, fd, ticket):
        params = {"protocol": GLib.Variant("s", "spice"), "client": GLib.Variant("s", ticket.client), "secret": GLib.Variant("s", SECRET),
                  "view-only": GLib.Variant("b", ticket.view_only)}
        if ticket.usb is not None:
            params["usb"] = GLib.Variant("as", ticket.usb)
        self._call("AddClient", fd, params)

    def vnc(self, client):
        """A stream for rfb.Rfb, of a client that may do all."""
        ours, theirs = socket.socketpair()
        self._call("AddClient", theirs.detach(), {"protocol": GLib.Variant("s", "vnc"), "client": GLib.Variant("s", client)})
        return ours

    def ask(self, who):
        """Draws a question, which gives the picture a frame of its own, and takes it away again."""
        self.bus.call(None, "/org/carrel/Screen1", "org.carrel.Screen1", "AskWatch", GLib.Variant("(s)", (who,)), None, 0, 60000, None)
        self.bus.call_sync(None, "/org/carrel/Screen1", "org.carrel.Screen1", "AnswerWatch", GLib.Variant("(b)", (False,)), None, 0, 5000,
                           None)

    def told(self, name):
        """What its signals of this name have said so far."""
        return [event[1:] for event in list(self.events) if event[0] == name]

    def memory(self):
        """The most that it has had in memory, bytes."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) * 1024

    def stop_qemu(self):
        self.qemu.send_signal(signal.SIGSTOP)

    def continue_qemu(self):
        self.qemu.send_signal(signal.SIGCONT)

    def close(self):
        for process in (self.process, self.qemu):
            process.kill()
            process.wait(20)
        shutil.rmtree(self.folder)
