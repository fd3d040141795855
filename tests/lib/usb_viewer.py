"""A SPICE viewer that does nothing but bring USB devices, made-up ones (usbredir.py)."""
# SPDX-License-Identifier: GPL-2.0-or-later
import spice
from instance import wait_for
from usbredir import UsbHost


class UsbChannel(spice.Channel):
    def __init__(self, session, ticket, number):
        super().__init__(ticket, spice.USBREDIR_CHANNEL, number, session.session)
        self.host = UsbHost(lambda data: self.send(spice.VMC_DATA, data))
        self.start()

    def on_message(self, kind, data):
        if kind == spice.VMC_DATA:
            self.host.take(data)
        elif kind == spice.VMC_COMPRESSED:
            raise ValueError("compressed, which was not agreed")


class Viewer:
    """One person's, with all its USB channels."""

    def __init__(self, ticket):
        self.main = spice.Session(ticket)
        wait_for("the channels that the server offers", lambda: self.main.channels is not None, 30)
        numbers = sorted(number for kind, number in self.main.channels if kind == spice.USBREDIR_CHANNEL)
        self.usb = [UsbChannel(self.main, ticket, number) for number in numbers]

    def hosts(self):
        return [channel.host for channel in self.usb]

    def close(self):
        for channel in [*self.usb, self.main]:
            channel.close()
