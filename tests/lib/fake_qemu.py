"""QEMU's D-Bus display with a picture that the test paints (Display), and a carrel-screen with nobody around it but that and the test, which is
carrel-display on its control socket (FakeQemu). No libvirt, no guest; the screen is the real program in its sandbox."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import socket
import struct
import subprocess
import threading

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

from instance import BUILD, wait_for  # noqa: E402
from rfb import Rfb  # noqa: E402

CONSOLE = Gio.DBusNodeInfo.new_for_xml("""<node><interface name="org.qemu.Display1.Console">
<method name="RegisterListener"><arg type="h" direction="in"/></method>
<method name="SetUIInfo"><arg type="q" direction="in"/><arg type="q" direction="in"/><arg type="i" direction="in"/>
<arg type="i" direction="in"/><arg type="u" direction="in"/><arg type="u" direction="in"/></method>
</interface></node>""").interfaces[0]
XRGB = 0x20020888  # pixman's x8r8g8b8


def _connection(sock, flags, guid=None):
    stream = Gio.Socket.new_from_fd(os.dup(sock.fileno())).connection_factory_create_connection()
    return Gio.DBusConnection.new_sync(stream, guid, flags, None, None)


def _arguments(form, *values, pixels):
    bytes_of = GLib.Variant.new_from_bytes(GLib.VariantType("ay"), GLib.Bytes.new(pixels), True)
    return GLib.Variant.new_tuple(*(GLib.Variant(kind, value) for kind, value in zip(form, values)), bytes_of)


class Display:
    """Serves @sock as QEMU does. .listener is there once somebody looks."""

    def __init__(self, sock, size=(320, 240)):
        self.size, self.listener = size, None
        self.qemu = _connection(sock, Gio.DBusConnectionFlags.AUTHENTICATION_SERVER | Gio.DBusConnectionFlags.DELAY_MESSAGE_PROCESSING,
                                Gio.dbus_generate_guid())
        self.qemu.register_object("/org/qemu/Display1/Console_0", CONSOLE, self._on_console, None, None)
        self.qemu.start_message_processing()

    def _on_console(self, connection, sender, path, interface, method, arguments, invocation):
        if method == "RegisterListener":
            fd = invocation.get_message().get_unix_fd_list().get(arguments.unpack()[0])
            invocation.return_value(None)
            threading.Thread(target=self._listen, args=(socket.socket(fileno=fd),), daemon=True).start()
        else:
            invocation.return_value(None)

    def _listen(self, sock):
        self.listener = _connection(sock, Gio.DBusConnectionFlags.AUTHENTICATION_SERVER, Gio.dbus_generate_guid())

    def paint(self, colour):
        """All of it: (red, green, blue)."""
        width, height = self.size
        pixels = struct.pack("<I", colour[0] << 16 | colour[1] << 8 | colour[2]) * (width * height)
        self.listener.call_sync(None, "/org/qemu/Display1/Listener", "org.qemu.Display1.Listener", "Scanout",
                                _arguments("uuuu", width, height, width * 4, XRGB, pixels=pixels), None, 0, 10000, None)

    def draw(self, x, y, width, height, pixels):
        """@pixels: blue, green, red and a byte for each."""
        self.listener.call_sync(None, "/org/qemu/Display1/Listener", "org.qemu.Display1.Listener", "Update",
                                _arguments("iiiiuu", x, y, width, height, width * 4, XRGB, pixels=pixels), None, 0, 10000, None)


class FakeQemu:
    def __init__(self, width=320, height=240, **environment):
        self.signals = []  # (name, arguments) of Screen1
        control, theirs = socket.socketpair()
        display, self._display = socket.socketpair()
        self.loop = GLib.MainLoop()
        number = theirs.fileno()
        move = f"exec 3<&{number} {number}<&-; " if number != 3 else ""
        self.process = subprocess.Popen(["/bin/bash", "-c", move + 'exec "$0"', os.path.join(BUILD, "carrel-screen")], pass_fds=(number,),
                                        env={**os.environ, "CARREL_SANDBOX": "kill", **environment}, stderr=subprocess.DEVNULL)
        theirs.close()
        self.control = _connection(control, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT)
        self.control.signal_subscribe(None, "org.carrel.Screen1", None, None, None, 0, self._on_signal)
        attached = []
        self._call("Attach", "(ha{sv})", (0, {"desktop": GLib.Variant("s", "test-1"), "title": GLib.Variant("s", "test-1"),
                                               "pixel-copy": GLib.Variant("b", True)}), display, attached.append)
        self.display = Display(self._display, (width, height))
        threading.Thread(target=self.loop.run, daemon=True).start()
        wait_for("the listener", lambda: self.display.listener, 10)
        self.paint((0, 0, 0))
        wait_for("the screen to be attached", lambda: attached, 10)

    def _on_signal(self, connection, sender, path, interface, name, arguments):
        self.signals.append((name, arguments.unpack()))

    def _call(self, method, form, arguments, fd=None, done=None):
        fds = Gio.UnixFDList.new_from_array([os.dup(fd.fileno() if hasattr(fd, "fileno") else fd)]) if fd is not None else None
        variant = GLib.Variant(form, arguments) if form else None

        def finish(source, result):
            answer = source.call_with_unix_fd_list_finish(result)
            (done or (lambda _: None))(answer)
        self.control.call_with_unix_fd_list(None, "/org/carrel/Screen1", "org.carrel.Screen1", method, variant, None, 0, 10000, fds, None,
                                            finish)

    def call(self, method, form=None, arguments=None, fd=None):
        done = []
        self._call(method, form, arguments, fd, done.append)
        wait_for(f"{method} to be answered", lambda: done, 10, 0.01)

    def paint(self, colour):
        self.display.paint(colour)

    def draw(self, *where_and_pixels):
        self.display.draw(*where_and_pixels)

    def record(self, path, recorded_input=False):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.call("Record", "(ha{sv})", (0, {"desktop": GLib.Variant("s", "test-1"), "pool": GLib.Variant("s", "test"),
                                             "user": GLib.Variant("s", "demo1"), "title": GLib.Variant("s", "test-1"),
                                             "input": GLib.Variant("b", recorded_input)}), fd)
        os.close(fd)

    def join(self):
        """A VNC client."""
        near, far = socket.socketpair()
        self.call("AddClient", "(ha{sv})", (0, {"protocol": GLib.Variant("s", "vnc"), "client": GLib.Variant("s", "s:1"),
                                                "user": GLib.Variant("s", "demo1"), "address": GLib.Variant("s", "192.0.2.1")}), far)
        far.close()
        return Rfb(near)

    def stop(self):
        self.call("Stop")
        return self.process.wait(10)

    def end(self):
        self.loop.quit()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
