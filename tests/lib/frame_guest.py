"""A guest that is a network card and nothing else: its image, which is made out of the golden image's kernel, and the talk with it.
What carries its frames is the desktop's own network card, as the pool's file has it."""
# SPDX-License-Identifier: GPL-2.0-or-later
import glob
import lzma
import os
import select
import socket
import subprocess
import tempfile
import termios
import threading
import time
import tty

from frames import (ACK, BROADCAST, DISCOVER, EVERYBODY, NOBODY, OFFER, REQUEST, Watch, arp, dhcp, option, parse_dhcp, udp)
from instance import TOP, Failure, wait_for

IMAGE = "frame-guest"
# In the order in which they are loaded.
MODULES = ("virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_legacy_dev", "virtio/virtio_pci_modern_dev", "virtio/virtio_pci",
           "/net/core/failover", "net/net_failover", "net/virtio_net")
INI = """[Image]
Name={name}
Version=1
Created=2026-01-01T00:00:00Z
Disk=disk.qcow2
Boot=kernel
Kernel=vmlinux
Initrd=initrd
Cmdline=quiet ipv6.disable=1 mitigations=off
"""


def _modules(raw, folder):
    def debugfs(command):
        return subprocess.run(["debugfs", "-R", command, raw], capture_output=True, timeout=60).stdout
    version = next(name for name in debugfs("ls -p /usr/lib/modules").decode().split("/") if name[:1].isdigit() and "-" in name)
    for number, name in enumerate(MODULES):
        path = f"/usr/lib/modules/{version}/kernel" + (name if name.startswith("/") else "/drivers/" + name) + ".ko"
        module = debugfs(f"cat {path}") or lzma.decompress(debugfs(f"cat {path}.xz"))
        with open(os.path.join(folder, f"{number}.ko"), "wb") as file:
            file.write(module)


def make_image(images):
    """Beside the golden image, whose kernel it has."""
    golden = sorted(glob.glob(os.path.join(images, "debian-desktop", "*", "vmlinux")))[-1]
    folder = os.path.join(images, IMAGE, "1")
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        raw, root = os.path.join(scratch, "raw"), os.path.join(scratch, "root")
        os.makedirs(os.path.join(root, "modules"))
        os.mkdir(os.path.join(root, "dev"))
        subprocess.run(["qemu-img", "convert", "-O", "raw", os.path.join(os.path.dirname(golden), "disk.qcow2"), raw], check=True, timeout=120)
        _modules(raw, os.path.join(root, "modules"))
        subprocess.run(["cc", "-O2", "-static", "-o", os.path.join(root, "init"), os.path.join(TOP, "tests/lib/frame-guest.c")], check=True,
                       timeout=120)
        subprocess.run(f"cd '{root}' && find . | cpio -o -H newc --quiet >'{folder}/initrd'", shell=True, check=True, timeout=60)
    subprocess.run(["cp", golden, os.path.join(folder, "vmlinux")], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", os.path.join(folder, "disk.qcow2"), "1M"], check=True)
    with open(os.path.join(folder, "image.ini"), "w") as file:
        file.write(INI.format(name=IMAGE))


class FrameGuest:
    def __init__(self, uri, desktop):
        self.uri, self.name, self.address, self.router = uri, "carrel-" + desktop, None, None
        self.frames, self.said = [], []
        self.port = os.open(self.virsh("ttyconsole", self.name).strip(), os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.port, termios.TCSANOW)
        self.closing = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.mac = bytes.fromhex(wait_for(f"{desktop} to speak", lambda: self._ask("mac", "mac ", 1), 240))
        row = next(line.split() for line in self.virsh("domiflist", self.name).splitlines() if "virtio" in line)
        self.tap = row[0]
        self.watch = Watch(self.tap)

    def virsh(self, *words):
        done = subprocess.run(["virsh", "-q", "-c", self.uri, *words], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Failure(f"virsh {' '.join(words)}: {done.stderr}")
        return done.stdout

    def _read(self):
        rest = b""
        while not self.closing:
            if not select.select([self.port], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.port, 65536)
            except OSError:
                return  # it has gone
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                text = line.decode("ascii", "replace")
                if text.startswith("recv "):
                    self.frames.append(bytes.fromhex(text[5:]))
                else:
                    self.said.append(text)

    def _ask(self, line, answer, seconds):
        self.said.clear()
        os.write(self.port, line.encode() + b"\n")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [text for text in list(self.said) if text.startswith(answer)]
            if found:
                return found[0][len(answer):] or " "
            time.sleep(0.01)
        return None

    def ask(self, line, answer, seconds=20):
        said = self._ask(line, answer, seconds)
        if said is None:
            raise Failure(f"{self.name} did not answer “{line[:20]}”")
        return said

    def send(self, frame):
        self.ask("send " + frame.hex(), "done")

    def has(self, note):
        return any(note in frame for frame in list(self.frames))

    def _await_dhcp(self, kind, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for frame in list(self.frames):
                answer = parse_dhcp(frame)
                if answer and answer[0] == kind and frame[70:76] == self.mac:
                    return answer
            time.sleep(0.02)
        return None

    def ask_dhcp(self, kind, options=b"", note=b""):
        self.send(udp(BROADCAST, self.mac, NOBODY, EVERYBODY, 68, 67, dhcp(1, kind, self.mac, options, note=note)))

    def get_address(self):
        """As a DHCP client does; False when there is no answer."""
        for _ in range(5):
            self.ask_dhcp(DISCOVER)
            offer = self._await_dhcp(OFFER, 4)
            if offer is None:
                continue
            self.ask_dhcp(REQUEST, option(50, socket.inet_aton(offer[1])) + option(54, offer[2][54]))
            if self._await_dhcp(ACK, 4):
                self.address, self.router = offer[1], socket.inet_ntoa(offer[2][54])
                self.options = offer[2]
                return True
        return False

    def resolve(self, address, tries=10):
        """Its MAC address, or None."""
        for _ in range(tries):
            self.send(arp(self.mac, self.address, address))
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline:
                for frame in list(self.frames):
                    if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2" and frame[28:32] == socket.inet_aton(address):
                        return frame[22:28]
                time.sleep(0.02)
        return None

    def set_filter(self, filtered):
        """Takes the filter off the card, to see that without it things do pass; or puts it back."""
        xml = self.virsh("dumpxml", self.name)
        card = xml[xml.index("<interface"):xml.index("</interface>")] + "</interface>"
        if filtered:
            card = self.card
        else:
            self.card = card
            card = card[:card.index("<filterref")] + card[card.index("</filterref>") + len("</filterref>"):]
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(card)
            file.flush()
            self.virsh("update-device", self.name, file.name, "--live")

    def close(self):
        self.watch.close()
        self.closing = True
        self.reader.join()  # else it might read on from whatever gets this descriptor next
        os.close(self.port)
