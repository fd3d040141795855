"""A SPICE client that sends files: spice-gtk's own library, as virt-viewer has it, by a .vv file's way (CONNECT, TLS, ticket)."""
# SPDX-License-Identifier: GPL-2.0-or-later
import time

import gi

from instance import Failure, Skip, equal

try:
    gi.require_version("SpiceClientGLib", "2.0")
    from gi.repository import Gio, GLib, GObject, SpiceClientGLib
except (ValueError, ImportError) as lack:
    raise Skip(f"{lack} (Debian: gir1.2-spiceclientglib-2.0)") from lack

CLIPBOARD, TEXT = 0, 1


def by_vv_file(portal, desktop):
    """A session as virt-viewer makes it."""
    status, _, content = portal.request("GET", f"/api/v1/desktops/{desktop}/console.vv")
    equal(status, 200, "console.vv")
    file = GLib.KeyFile()
    file.load_from_data(content.decode(), len(content), GLib.KeyFileFlags.NONE)

    def text(key):
        return file.get_string("virt-viewer", key)
    session = SpiceClientGLib.Session()
    session.props.host, session.props.tls_port, session.props.password = text("host"), text("tls-port"), text("password")
    # Not as `ca`: PyGObject makes no GByteArray that lives long enough.
    session.props.proxy, session.props.ca_file = text("proxy"), portal.instance["ca"]
    session.props.cert_subject = text("host-subject")
    session.props.secure_channels = text("secure-channels").split(";")
    return session


def by_socket(path, password):
    session = SpiceClientGLib.Session()
    session.props.unix_path, session.props.password = path, password
    return session


class SpiceSender:
    def __init__(self, session, seconds=60):
        self.session = session
        session.props.enable_audio = session.props.enable_usbredir = False
        self.main, self.faults, self.tasks = None, [], []
        GObject.Object.connect(session, "channel-new", self._channel)
        if not session.connect():
            raise Failure("spice-gtk does not connect")
        self.pump(lambda: self.main is not None and self.main.props.agent_connected, seconds, "the SPICE client's agent")

    def _channel(self, _session, channel):
        if isinstance(channel, SpiceClientGLib.MainChannel):
            self.main = channel
            GObject.Object.connect(channel, "channel-event", lambda _channel, event: self.faults.append(event))
            GObject.Object.connect(channel, "new-file-transfer", lambda _channel, task: self.tasks.append(task))
            return  # the session connects it
        channel.connect()

    def pump(self, condition, seconds, what):
        context, end = GLib.MainContext.default(), time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise Failure(f"waited {seconds} s in vain for {what}; channel events {self.faults}")
            if not context.iteration(False):
                time.sleep(0.005)

    def send(self, path, cancel_at=None, seconds=120, meanwhile=None):
        """Sends a file; None when it came, else the error's text. @cancel_at: bytes after which it is stopped. @meanwhile() is called
        now and then."""
        done, cancellable = [], Gio.Cancellable()
        self.tasks.clear()
        # Its progress callback is of no use here: Python's is freed when the call returns.
        self.main.file_copy_async([Gio.File.new_for_path(path)], Gio.FileCopyFlags.NONE, cancellable, None, None,
                                  lambda source, result: done.append(self._finish(result)))

        def over():
            if cancel_at is not None and any(task.props.transferred_bytes >= cancel_at for task in self.tasks):
                cancellable.cancel()
            if meanwhile and not done:
                meanwhile()
            return done
        self.pump(over, seconds, f"{path} to be sent")
        return done[0]

    def rest(self, seconds):
        """Says and hears what there is for so long."""
        end = time.monotonic() + seconds
        self.pump(lambda: time.monotonic() > end, seconds + 5, "nothing")

    def _finish(self, result):
        try:
            self.main.file_copy_finish(result)
            return None
        except GLib.Error as error:
            return error.message

    def close(self):
        self.session.disconnect()
        self.pump(lambda: not GLib.MainContext.default().pending(), 5, "the end")
