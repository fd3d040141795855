"""A SPICE client that hears, and is heard: spice-client-glib, on connections of our making. Run by itself:

    spice_sound.py SECRET [HERTZ]      asks on standard input for each connection: writes "fd", and gets one (SCM_RIGHTS)

Prints a line a second: {"frequency", "loudness", "channels", "mute", "recording"}."""
# SPDX-License-Identifier: GPL-2.0-or-later
import array
import ctypes
import json
import os
import socket
import sys
import time

import gi

gi.require_version("SpiceClientGLib", "2.0")
from gi.repository import GLib, GObject, SpiceClientGLib as Spice  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from sound import RATE, frequency, loudness, sine  # noqa: E402

asks = socket.socket(fileno=0)
spice = ctypes.CDLL("libspice-client-glib-2.0.so.8")
heard, state = array.array("h"), {"recording": False, "channels": [], "mute": None, "volume": None}


on = GObject.Object.connect  # sessions and channels have a connect() of their own


def connection():
    asks.sendall(b"fd\n")
    return socket.recv_fds(asks, 1, 1)[1][0]


def on_data(channel, data, size):
    heard.frombytes(ctypes.string_at(data, size))
    del heard[:-4 * RATE]


def on_record(channel, *_):
    state["recording"] = True


def on_record_stop(channel):
    state["recording"] = False


def speak(channel, tone, begun=[0.0], at=[0]):
    """What is due by now, as a microphone has it: on a busy machine this is called late."""
    if not state["recording"]:
        begun[0], at[0] = time.monotonic(), 0
    else:
        part = array.array("h")
        due = int((time.monotonic() - begun[0]) * RATE) - at[0]
        for i in range(due):
            sample = tone[(at[0] + i) % len(tone)]
            part.extend((sample, sample))
        at[0] += due
        raw = part.tobytes()
        if raw:
            spice.spice_record_send_data(ctypes.c_void_p(hash(channel)), raw, ctypes.c_size_t(len(raw)), ctypes.c_uint32(0))
    return True


def on_channel(session, channel):
    kind = type(channel).__name__
    on(channel, "open-fd", lambda one, tls: one.open_fd(connection()))
    if isinstance(channel, Spice.PlaybackChannel):
        on(channel, "playback-data", on_data)
        on(channel, "notify::mute", lambda one, _: state.update(mute=one.props.mute))
        on(channel, "notify::volume", lambda one, _: state.update(volume=True))
    elif isinstance(channel, Spice.RecordChannel):
        on(channel, "record-start", on_record)
        on(channel, "record-stop", on_record_stop)
        if len(sys.argv) > 2:
            GLib.timeout_add(20, speak, channel, sine(float(sys.argv[2]), 1))
    elif not isinstance(channel, Spice.MainChannel):
        return
    state["channels"].append(kind)
    if not isinstance(channel, Spice.MainChannel):
        GLib.idle_add(lambda: Spice.Channel.connect(channel) and False)


def say():
    samples = heard[::2]
    print(json.dumps({"frequency": frequency(samples), "loudness": loudness(samples), **state, "time": time.time()}), flush=True)
    del heard[:]
    return True


session = Spice.Session()
session.props.password = sys.argv[1]
on(session, "channel-new", on_channel)
session.open_fd(connection())
GLib.timeout_add(1000, say)
GLib.MainLoop().run()
