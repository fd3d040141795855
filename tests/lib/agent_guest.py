# SPDX-License-Identifier: GPL-2.0-or-later
"""The golden image as a libvirt guest of a test's own, without a broker: its control port and its keyboard."""
import configparser
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
BOOT_S = 120
URI = os.environ.get("CARREL_TEST_LIBVIRT", "qemu:///system")


def skip(why):
    print("skipped:", why)
    sys.exit(SKIPPED)


try:
    import libvirt
    from gi.repository import GLib
except ImportError as lack:
    skip(f"{lack} (Debian: python3-libvirt, python3-gi)")

# PCI: what is there takes most of them, what is plugged in later the others.
PORTS = 14
DOMAIN = """
<domain type='qemu'><name>{name}</name><memory unit='MiB'>1024</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type>
<kernel>{image}/{kernel}</kernel><initrd>{image}/{initrd}</initrd><cmdline>{cmdline}</cmdline></os>
<features><acpi/></features><cpu mode='custom' match='exact'><model>qemu64</model></cpu>
<devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe'/><source file='{disk}'/>
<target dev='vda' bus='virtio'/></disk>
<controller type='usb' model='qemu-xhci'/>
<graphics type='dbus' p2p='yes'><audio id='1'/></graphics><audio id='1' type='dbus'/>
<sound model='ich9'><audio id='1'/></sound>
<video><model type='virtio' heads='1'/></video>
<channel type='dbus'><source channel='com.redhat.spice.0'/><target type='virtio' name='com.redhat.spice.0'/></channel>
<channel type='unix'><target type='virtio' name='org.carrel.agent.0'/></channel>
<redirdev bus='usb' type='dbus'><source channel='org.qemu.usbredir'/></redirdev>
{ports}
{more}
<serial type='file'><source path='{serial}'/></serial>
<input type='tablet' bus='virtio'/><input type='keyboard' bus='virtio'/>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
</devices></domain>
"""


class Guest:
    """A transient domain on an overlay of the image, with the devices `more`; destroyed with its files."""

    def __init__(self, connection, image, more=""):
        ini = configparser.ConfigParser(interpolation=None)
        ini.optionxform = str
        ini.read(os.path.join(image, "image.ini"))
        about = ini["Image"]
        self.connection = connection
        self.folder = tempfile.mkdtemp(prefix="carrel-agent-test-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        os.chmod(self.folder, 0o777)
        disk = os.path.join(self.folder, "disk.qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2",
                        "-b", os.path.join(image, about["Disk"]), disk], check=True)
        self.serial = os.path.join(self.folder, "serial")
        open(self.serial, "w").close()
        for file in (disk, self.serial):
            os.chmod(file, 0o666)
        self.domain = connection.createXML(DOMAIN.format(
            name=f"t-agent-{os.getpid()}", image=image, kernel=about["Kernel"], initrd=about["Initrd"],
            cmdline=about["Cmdline"], disk=disk, serial=self.serial, more=more,
            ports="<controller type='pci' model='pcie-root'/>" + PORTS * "<controller type='pci' model='pcie-root-port'/>"))
        self.started = time.monotonic()

    def end(self):
        try:
            self.domain.destroy()
        except libvirt.libvirtError:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def picture(self):
        stream = self.connection.newStream()
        self.domain.screenshot(stream, 0)
        parts = []
        stream.recvAll(lambda _stream, data, out: out.append(data), parts)
        stream.finish()
        return b"".join(parts)

    def screenshot(self, name):
        folder = os.environ.get("CARREL_SHOTS")
        if not folder:
            return
        with open(os.path.join(folder, name + ".ppm"), "wb") as file:
            file.write(self.picture())

    def wait_still(self, before, timeout=90):
        """Until the screen is another than before, and does not change any more: however slow the machine is."""
        end = time.monotonic() + timeout
        last = before
        while time.monotonic() < end:
            pump(1)
            now = self.picture()
            if now == last and now != before:
                return
            last = now
        raise AssertionError(f"the screen did not change and come to rest in {timeout} s")


class Control:
    """The control port, as the broker has it: JSON lines over virDomainOpenChannel."""

    def __init__(self, guest):
        self.stream = guest.connection.newStream(libvirt.VIR_STREAM_NONBLOCK)
        guest.domain.openChannel("org.carrel.agent.0", self.stream, 0)
        self.buffer = b""
        self.heard = []
        self.number = 0

    def send(self, **message):
        self.send_bytes(json.dumps(message).encode() + b"\n")

    def send_bytes(self, data):
        while data:
            n = self.stream.send(data)
            if n == -2:
                pump(0.01)
                continue
            data = data[n:]

    def poll(self):
        while True:
            data = self.stream.recv(65536)
            if data == -2 or data == b"":
                break
            self.buffer += data
        while b"\n" in self.buffer:
            line, self.buffer = self.buffer.split(b"\n", 1)
            self.heard.append(json.loads(line))

    def wait(self, kind, timeout=20, **members):
        """The next message of that type (and with these members), which is taken out of what was heard."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.poll()
            for message in self.heard:
                if message["type"] == kind and all(message.get(k) == v for k, v in members.items()):
                    self.heard.remove(message)
                    return message
            pump(0.02)
        raise AssertionError(f"no “{kind}” {members or ''} in {timeout} s; heard {self.heard}")

    def request(self, kind, **members):
        """Sends a request and returns its answer, "done" or "failed"."""
        self.number += 1
        self.send(type=kind, id=self.number, **members)
        end = time.monotonic() + 40
        while time.monotonic() < end:
            self.poll()
            for message in self.heard:
                if message["type"] in ("done", "failed") and message["id"] == self.number:
                    self.heard.remove(message)
                    return message
            pump(0.02)
        raise AssertionError(f"“{kind}” was not answered")

    def close(self):
        self.stream.abort()


def pump(seconds):
    """Lets GLib (D-Bus) and libvirt's stream work for a while."""
    end = time.monotonic() + seconds
    while True:
        while GLib.MainContext.default().iteration(False):
            pass
        libvirt.virEventRunDefaultImpl()
        if time.monotonic() >= end:
            break


CODES = {c: k for k, c in zip(
    (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 30, 31, 32, 33, 34, 35, 36, 37,
     38, 39, 40, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 57, 28),
    "1234567890-=qwertyuiopasdfghjkl;'\\zxcvbnm,./ \n")}
SHIFTED = dict(zip('!@#$%^&*()_+:"|<>?', "1234567890-=;'\\,./"))


def type_text(guest, text):
    for c in text:
        keys = [CODES[SHIFTED.get(c, c.lower())]]
        if c in SHIFTED or c.isupper():
            keys.insert(0, 42)
        guest.domain.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, 30, keys, len(keys), 0)
        time.sleep(0.06)


def press(guest, *keys):
    guest.domain.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, 60, list(keys), len(keys), 0)


def find_image():
    image = os.environ.get("CARREL_TEST_IMAGE")
    if image is None and "CARREL_TOP" in os.environ:
        found = glob.glob(os.path.join(os.environ["CARREL_TOP"], "_run/images/debian-desktop/[!.]*/image.ini"))
        image = os.path.dirname(max(found, key=os.path.getmtime)) if found else None
    if not image or not os.path.exists(os.path.join(image, "image.ini")):
        skip("CARREL_TEST_IMAGE does not name the version folder of an image")
    return os.path.realpath(image)


def wait_boot(guest, control):
    """Until the agent says that the desktop is drawn; its "ready"."""
    control.wait("hello", BOOT_S)
    control.wait("login", BOOT_S, user="desk")
    ready = control.wait("ready", BOOT_S)
    print("  ready %.1f s after the start: %s" % (time.monotonic() - guest.started, ready))
    return ready


def open_libvirt():
    libvirt.virEventRegisterDefaultImpl()
    # virEventRunDefaultImpl waits for an event: a timer bounds it.
    libvirt.virEventAddTimeout(10, lambda *_: None, None)
    libvirt.registerErrorHandler(lambda *_: None, None)
    try:
        return libvirt.open(URI)
    except libvirt.libvirtError as error:
        skip(f"no libvirt at {URI}: {error}")
