"""spice-client-glib on a desktop: what virt-viewer is made of, without its windows. Each channel comes through a tunnel of its own."""
# SPDX-License-Identifier: GPL-2.0-or-later
import ctypes
import time

from instance import Failure, Skip
from spice import Ticket, tunnel
from tls import TlsSocket
from ways_in import plain_socket

try:
    import gi
    gi.require_version("SpiceClientGLib", "2.0")
    from gi.repository import GLib, GObject, SpiceClientGLib
except (ImportError, ValueError) as lack:
    raise Skip(f"{lack} (Debian: gir1.2-spiceclientglib-2.0)") from lack


def listen(thing, signal, handler):
    """SpiceSession and SpiceChannel have a method "connect" of their own."""
    GObject.Object.connect(thing, signal, handler)


class SpiceClient:
    def __init__(self, portal, desktop, ticket=None):
        """@ticket: instead of a desktop's, of whatever has .secret and .stream(), a plain socket for a channel."""
        self.portal, self.ticket = portal, ticket or Ticket(portal, desktop)
        self.session = SpiceClientGLib.Session()
        self.session.props.password = self.ticket.secret
        self.main = self.inputs = self.display = None
        self.surface = None  # (width, height)
        self.pixels = None  # (address, stride) of them
        self.cursor = None  # (width, height, hot x, hot y)
        self.said = []
        listen(self.session, "channel-new", self._on_channel)
        self.session.open_fd(self._stream())

    def _stream(self):
        if self.portal is None:
            return self.ticket.stream().detach()
        return plain_socket(TlsSocket(tunnel(self.ticket), self.portal.tls, self.portal.host)).detach()

    def _on_channel(self, _session, channel):
        kind = type(channel).__name__
        listen(channel, "open-fd", lambda one, _tls: one.open_fd(self._stream()))
        listen(channel, "channel-event", lambda _one, event: self.said.append((kind, event.value_nick)))
        if kind == "MainChannel":
            self.main = channel
        elif kind == "InputsChannel":
            self.inputs = channel
            SpiceClientGLib.Channel.connect(channel)
        elif kind == "CursorChannel":
            listen(channel, "cursor-set", self._on_cursor)
            SpiceClientGLib.Channel.connect(channel)
        elif kind == "DisplayChannel":
            self.display = channel
            listen(channel, "display-primary-create", self._on_surface)
            listen(channel, "display-primary-destroy", self._on_surface_gone)
            SpiceClientGLib.Channel.connect(channel)

    def _on_surface(self, _channel, _form, width, height, stride, _shared, pixels):
        self.surface, self.pixels = (width, height), (pixels, stride)

    def _on_cursor(self, _channel, width, height, hot_x, hot_y, _pixels):
        self.cursor = (width, height, hot_x, hot_y)

    def _on_surface_gone(self, _channel):
        self.pixels = None

    def row(self, y):
        """Blue, green, red and a byte for each pixel; nothing while there is no picture."""
        if self.pixels is None or y >= self.surface[1]:
            return b""
        address, stride = self.pixels
        return ctypes.string_at(address + y * stride, self.surface[0] * 4)

    def wait(self, what, condition, timeout=30):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            while GLib.MainContext.default().iteration(False):
                pass
            if condition():
                return
            time.sleep(0.005)
        raise Failure(f"the SPICE client waited {timeout} s for {what}; it heard {self.said}, and its surface is {self.surface}")

    def arrange(self, monitors):
        """(x, y, width, height) of each; None: off."""
        for number, monitor in enumerate(monitors):
            self.main.update_display_enabled(number, monitor is not None, False)
            if monitor:
                self.main.update_display(number, *monitor, False)
        if not self.main.send_monitor_config():
            raise Failure("the SPICE client cannot say which monitors it has")

    def click(self, x, y, monitor):
        """At a pixel of a monitor."""
        self.inputs.position(x, y, monitor, 0)
        self.inputs.button_press(1, 1)
        self.inputs.button_release(1, 0)
        end = time.monotonic() + 0.5
        self.wait("a moment", lambda: time.monotonic() > end)

    def close(self):
        self.session.disconnect()
        self.wait("nothing", lambda: True, 1)
