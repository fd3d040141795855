"""QEMU's D-Bus display of bytes: a peer that can say what no D-Bus library would, as fast as a socket takes it; with an agent's port. And a
carrel-screen (the real program, in its sandbox) that it is shown to. No libvirt, no QEMU, no guest. One thread runs all but the reading of
answers, so whoever waits has to iterate GLib's main loop: see RawScreen.pump()."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

from instance import BUILD, Failure  # noqa: E402

LISTENER, MAP = "org.qemu.Display1.Listener", "org.qemu.Display1.Listener.Unix.Map"
LISTENER_PATH = "/org/qemu/Display1/Listener"
XRGB = 0x20020888  # pixman's x8r8g8b8
INTERFACES = {info.name: info for info in Gio.DBusNodeInfo.new_for_xml("""<node>
<interface name="org.qemu.Display1.Console"><method name="RegisterListener"><arg type="h" direction="in"/></method>
<method name="SetUIInfo"><arg type="q" direction="in"/><arg type="q" direction="in"/><arg type="i" direction="in"/>
<arg type="i" direction="in"/><arg type="u" direction="in"/><arg type="u" direction="in"/></method></interface>
<interface name="org.freedesktop.DBus.ObjectManager"><method name="GetManagedObjects"><arg type="a{oa{sa{sv}}}" direction="out"/></method></interface>
<interface name="org.qemu.Display1.Chardev"><method name="Register"><arg type="h" direction="in"/></method></interface>
</node>""").interfaces}
AGENT_PATH = "/org/qemu/Display1/Chardev_agent"
WAIT_S = 60
SECRET = "sesame"
# The agent's protocol (spice/vd_agent.h)
CLIENT_PORT = 1
ANNOUNCE, CLIPBOARD, GRAB, REQUEST = 6, 4, 7, 8
TEXT = 1
CAP_BY_DEMAND, CAP_SELECTION = 5, 6


def chunks(data, port=CLIENT_PORT):
    return b"".join(struct.pack("<II", port, len(data[at:at + 2048])) + data[at:at + 2048] for at in range(0, len(data), 2048))


def agent_message(kind, data=b"", size=None):
    """@size: what it tells, where that is not its own."""
    return chunks(struct.pack("<IIQI", 1, kind, 0, len(data) if size is None else size) + data)


def announcement(ask=1):
    return agent_message(ANNOUNCE, struct.pack("<II", ask, 1 << CAP_BY_DEMAND | 1 << CAP_SELECTION))


class Memory:
    """A memfd that a frame is in."""

    def __init__(self, size):
        self.fd, self.size = os.memfd_create("frame"), size
        os.ftruncate(self.fd, size)

    def write(self, pixels, offset=0):
        view = memoryview(pixels)
        while view:
            n = os.pwrite(self.fd, view, offset)
            view, offset = view[n:], offset + n

    def close(self):
        os.close(self.fd)


class Listener:
    """The calling side of a listener's connection: messages are made by GLib, and sent as bytes."""

    def __init__(self, fd):
        self.sock = socket.socket(fileno=fd)
        self.sock.settimeout(WAIT_S)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.serial, self.answers, self.closed = 0, {}, False
        self.rest = b""
        self._sign_in()
        threading.Thread(target=self._read, daemon=True).start()

    def _line(self):
        while b"\r\n" not in self.rest:
            more = self.sock.recv(4096)
            if not more:
                raise Failure("the screen closed while it signed in")
            self.rest += more
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def _sign_in(self):
        if not self._line().startswith(b"\0AUTH EXTERNAL "):
            raise Failure("the screen does not sign in")
        self.sock.sendall(b"OK 00112233445566778899aabbccddeeff\r\n")
        if self._line() != b"NEGOTIATE_UNIX_FD":
            raise Failure("the screen takes no descriptors")
        self.sock.sendall(b"AGREE_UNIX_FD\r\n")
        if self._line() != b"BEGIN":
            raise Failure("the screen does not begin")

    def _read(self):
        data = bytearray(self.rest)
        self.sock.settimeout(None)
        while True:
            while len(data) >= 16:
                order = "<" if data[:1] == b"l" else ">"
                body, _, fields = struct.unpack_from(order + "III", data, 4)
                size = 16 + (fields + 7 & ~7) + body
                if len(data) < size:
                    break
                message = Gio.DBusMessage.new_from_blob(bytes(data[:size]), Gio.DBusCapabilityFlags.UNIX_FD_PASSING)
                self.answers[message.get_reply_serial()] = message.get_error_name() or "ok"
                del data[:size]
            try:
                more = self.sock.recv(65536)
            except OSError:
                more = b""
            if not more:
                self.closed = True
                return
            data += more

    def message(self, interface, method, form=None, values=(), reply=False, fds=()):
        """(its bytes, its serial)"""
        self.serial += 1
        message = Gio.DBusMessage.new_method_call(None, LISTENER_PATH, interface, method)
        if isinstance(values, GLib.Variant):
            message.set_body(values)
        elif form:
            message.set_body(GLib.Variant(form, tuple(values)))
        message.set_serial(self.serial)
        if fds:
            message.set_unix_fd_list(Gio.UnixFDList.new_from_array([os.dup(fd) for fd in fds]))
        if not reply:
            message.set_flags(Gio.DBusMessageFlags.NO_REPLY_EXPECTED)
        return message.to_blob(Gio.DBusCapabilityFlags.UNIX_FD_PASSING), self.serial

    def send(self, data, fds=()):
        if fds:
            n = socket.send_fds(self.sock, [data], list(fds))
            data = data[n:]
        if data:
            self.sock.sendall(data)

    def say(self, interface, method, form=None, values=(), fds=()):
        self.send(self.message(interface, method, form, values, fds=fds)[0], fds)

    def call(self, interface, method, form=None, values=(), fds=()):
        """"ok", or the error's name. All that was said before has been taken then."""
        data, serial = self.message(interface, method, form, values, True, fds)
        self.send(data, fds)
        deadline = time.monotonic() + WAIT_S
        while serial not in self.answers:
            if self.closed or time.monotonic() > deadline:
                raise Failure(f"{method} is not answered{'; the screen closed' if self.closed else ''}")
            time.sleep(0.001)
        return self.answers.pop(serial)

    def settle(self):
        self.call("org.freedesktop.DBus.Properties", "Get", "(ss)", (LISTENER, "Interfaces"))

    def scanout_map(self, memory, width, height, stride=None, offset=0, pixels=XRGB):
        """@memory: a Memory, or a descriptor."""
        self.say(MAP, "ScanoutMap", "(huuuuu)", (0, offset, width, height, width * 4 if stride is None else stride, pixels),
                 [getattr(memory, "fd", memory)])

    def update_map(self, x, y, width, height):
        self.say(MAP, "UpdateMap", "(iiii)", (x, y, width, height))

    def _with_pixels(self, method, form, values, pixels):
        data = GLib.Variant.new_from_bytes(GLib.VariantType("ay"), GLib.Bytes.new(pixels), True)
        self.say(LISTENER, method, None, GLib.Variant.new_tuple(*map(GLib.Variant, form, values), data))

    def scanout(self, width, height, pixels, stride=None, form=XRGB):
        self._with_pixels("Scanout", "uuuu", (width, height, width * 4 if stride is None else stride, form), pixels)

    def update(self, x, y, width, height, pixels, stride=None, form=XRGB):
        self._with_pixels("Update", "iiiiuu", (x, y, width, height, width * 4 if stride is None else stride, form), pixels)

    def cursor(self, width, height, hot_x, hot_y, pixels):
        self._with_pixels("CursorDefine", "iiii", (width, height, hot_x, hot_y), pixels)


class RawScreen:
    def __init__(self):
        self.listener = self.agent = None  # a Listener; the guest's end of the agent's port
        self.listeners = 0
        self.signals = []
        control, theirs = socket.socketpair()
        display, ours = socket.socketpair()
        self.log = tempfile.NamedTemporaryFile(prefix="carrel-screen-", suffix=".log")
        number = theirs.fileno()
        move = f"exec 3<&{number} {number}<&-; " if number != 3 else ""
        self.process = subprocess.Popen(["/bin/bash", "-c", move + 'exec "$0"', os.path.join(BUILD, "carrel-screen")], pass_fds=(number,),
                                        env={**os.environ, "CARREL_SANDBOX": os.environ.get("CARREL_SANDBOX", "kill")}, stderr=self.log)
        theirs.close()
        self.control = self._connect(control, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT)
        self.control.signal_subscribe(None, "org.carrel.Screen1", None, None, None, 0, self._on_signal)
        answer = []
        self.control.call_with_unix_fd_list(
            None, "/org/carrel/Screen1", "org.carrel.Screen1", "Attach", GLib.Variant("(ha{sv})", (0, {"title": GLib.Variant("s", "raw")})), None,
            0, WAIT_S * 1000, Gio.UnixFDList.new_from_array([display.detach()]), None, lambda source, result: answer.append(result))
        self.qemu = self._connect(ours, Gio.DBusConnectionFlags.AUTHENTICATION_SERVER | Gio.DBusConnectionFlags.DELAY_MESSAGE_PROCESSING)
        for path, name in (("/org/qemu/Display1/Console_0", "org.qemu.Display1.Console"),
                           ("/org/qemu/Display1", "org.freedesktop.DBus.ObjectManager"), (AGENT_PATH, "org.qemu.Display1.Chardev")):
            self.qemu.register_object(path, INTERFACES[name], self._on_call, None, None)
        self.qemu.start_message_processing()
        self.wait("the screen to register", lambda: self.listener and self.agent)
        self.listener.scanout(640, 480, bytes(640 * 480 * 4))
        self.wait("the screen to be attached", lambda: answer)
        self.control.call_with_unix_fd_list_finish(answer[0])

    @staticmethod
    def _connect(sock, flags):
        guid = Gio.dbus_generate_guid() if flags & Gio.DBusConnectionFlags.AUTHENTICATION_SERVER else None
        stream = Gio.Socket.new_from_fd(sock.detach()).connection_factory_create_connection()
        return Gio.DBusConnection.new_sync(stream, guid, flags, None, None)

    def _on_signal(self, connection, sender, path, interface, name, arguments):
        self.signals.append((name, *arguments.unpack()))

    def _on_call(self, connection, sender, path, interface, method, arguments, invocation):
        fds = invocation.get_message().get_unix_fd_list()
        if method == "GetManagedObjects":
            name = {"Name": GLib.Variant("s", "com.redhat.spice.0")}
            invocation.return_value(GLib.Variant("(a{oa{sa{sv}}})", ({AGENT_PATH: {"org.qemu.Display1.Chardev": name}},)))
            return
        invocation.return_value(None)
        if method == "RegisterListener":
            fd = fds.get(0)
            threading.Thread(target=self._listen, args=(fd,), daemon=True).start()
        elif method == "Register":
            self.agent = socket.socket(fileno=fds.get(0))
            self.agent.settimeout(WAIT_S)

    def _listen(self, fd):
        self.listener = Listener(fd)
        self.listeners += 1

    def pump(self):
        """For a moment: who floods a client that runs on this loop does not keep it from the others."""
        end = time.monotonic() + 0.02
        while GLib.MainContext.default().iteration(False) and time.monotonic() < end:
            pass

    def wait(self, what, condition, timeout=WAIT_S):
        deadline = time.monotonic() + timeout
        while True:
            self.pump()
            if condition():
                return
            if self.process.poll() is not None:
                raise Failure(f"the screen ended with {self.process.returncode}; its log: {self.lines()[-5:]}")
            if time.monotonic() > deadline:
                raise Failure(f"waited {timeout} s in vain for {what}")
            time.sleep(0.002)

    def stream(self, protocol, client, **params):
        ours, theirs = socket.socketpair()
        values = {key.replace("_", "-"): GLib.Variant("b" if isinstance(value, bool) else "s", value)
                  for key, value in {"protocol": protocol, "client": client, **params}.items()}
        self.control.call_with_unix_fd_list_sync(None, "/org/carrel/Screen1", "org.carrel.Screen1", "AddClient", GLib.Variant("(ha{sv})", (0, values)),
                                                 None, 0, WAIT_S * 1000, Gio.UnixFDList.new_from_array([theirs.detach()]), None)
        return ours

    def restart_agent(self, opened):
        """QEMU's word that a program in the guest has opened or closed the port."""
        self.qemu.emit_signal(None, AGENT_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged", GLib.Variant(
            "(sa{sv}as)", ("org.qemu.Display1.Chardev", {"FEOpened": GLib.Variant("b", opened)}, [])))

    def lines(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()

    def status(self, key):
        """Of /proc's status, in KiB."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(next(line for line in file if line.startswith(key + ":")).split()[1])

    def forget_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        self.log.close()
