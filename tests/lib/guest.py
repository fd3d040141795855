"""A person at a desktop, through an Rfb client: opens a terminal, types commands, and reads their answers by the colours
that they paint. What a test sees this way went from a key to the guest and back as pixels."""
# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import itertools
import os
import time

from instance import Failure
from ways_in import by_browser

CONTROL, ALT, RETURN = 0xFFE3, 0xFFE9, 0xFF0D
# Red, green and blue, of the palette that terminals have. Each in its turn, so that what an earlier one left on the screen, in another
# window perhaps, proves nothing. None is 0 or 255, as the byte between two pixels is.
COLOURS = itertools.cycle(itertools.permutations((95, 135, 175, 215), 3))
# A terminal's part of the screen, and no icon's.
PAINTED = 0.05
# Under emulation programs start slowly, and other desktops may boot beside.
GUEST_S = 90


def see(client, condition, seconds):
    """Reads what the server sends until condition() holds; False when that does not come, or the server says nothing."""
    try:
        client.wait(condition, seconds)
        return True
    except TimeoutError:
        return bool(condition())


def share(client, colour):
    """Which part of the picture has this colour: (red, green, blue)."""
    return client.pixels.count(bytes(reversed(colour))) * 4 / max(1, len(client.pixels))


def is_painted(client, like=None):
    """Does it show what was painted last, by @client or by @like?"""
    return share(client, (like or client).painted) > PAINTED


def press(client, *keysyms):
    for keysym in keysyms:
        client.key_event(keysym, 1)
        time.sleep(0.03)
    for keysym in reversed(keysyms):
        client.key_event(keysym, 0)
        time.sleep(0.03)


def terminal(client):
    """Opens a terminal, which has the focus soon after. Again while none shows: a desktop that has just come up may not
    listen for its keys yet."""
    client.wait_frame(30)
    deadline = time.monotonic() + GUEST_S
    while True:
        press(client, CONTROL, ALT, ord("t"))
        see(client, lambda: False, 3)
        try:
            paints(client, seconds=15)
            return
        except Failure:
            if time.monotonic() > deadline:
                raise


def paints(client, condition="true", seconds=GUEST_S):
    """Has the shell paint the terminal when a condition holds, and waits for it. Typed again while nothing comes of it: a
    terminal that is still starting loses what is typed before it has the focus."""
    deadline = time.monotonic() + seconds
    client.painted = next(COLOURS)
    codes = ";".join(map(str, client.painted))
    while time.monotonic() < deadline:
        press(client, CONTROL, ord("c"))
        client.type(f"{condition} && printf '\\033[48;2;{codes}m\\033[2J\\033[H'\n", 0.01)
        if see(client, lambda: is_painted(client), min(12, max(1, deadline - time.monotonic()))):
            return
    raise Failure(f"the terminal was not painted within {seconds} s of typing “{condition} && …”")


def run(client, command):
    """Types a command into the open terminal, and waits until the shell has run it."""
    paints(client, f"printf '\\033[0m\\033[2J' && {command}")


# Of a guest that does not give its clipboard: what a shell there can say by painting.
SYMPTOMS = (("xclip does not work", "! xclip -o -selection clipboard"), ("the agent does not run", "! pgrep -x carrel-agent"),
            ("its part in the session does not run", "! pgrep -f carrel-agent-session"),
            ("the port is missing", "! test -e /dev/virtio-ports/com.redhat.spice.0"))


def symptoms(client):
    found = []
    for name, command in SYMPTOMS:
        try:
            paints(client, f"(exec >/dev/null 2>&1; {command})", 10)
            found.append(name)
        except Failure:
            pass
    return ", ".join(found) or "nothing else wrong there"


def tell(client, command):
    """What a command prints in the guest: by way of the clipboard. Typed again where nothing comes of it, as paints() does."""
    for _ in range(3):
        mark = base64.b16encode(os.urandom(6)).decode()
        run(client, f"(echo {mark}; {command}) 2>&1 | xclip -selection clipboard")
        if see(client, lambda: (client.clipboard or "").startswith(mark), 30):
            return client.clipboard.split("\n", 1)[1].strip()
    raise Failure(f"the guest did not say what “{command}” prints: {symptoms(client)}")


def answers(client, seconds=10):
    """Types into the open terminal until pixels change."""
    before = bytes(client.pixels)
    client.type("x", 0)
    if not see(client, lambda: bytes(client.pixels) != before, seconds):
        raise Failure(f"no pixel changed within {seconds} s of a key")


def at_terminal(portal, desktop):
    """A browser's client with a terminal open in its guest, which is known to work."""
    portal.wait_agent(desktop)
    client = by_browser(portal, desktop)
    terminal(client)
    return client
