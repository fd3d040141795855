"""The instance's processes: what they hold, and signals for them."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import signal
import time

from instance import check, instance, processes, wait_for


def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def command(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return os.path.basename(file.read().split(b"\0")[0].decode(errors="replace"))


def screens():
    """The carrel-screen processes of this instance: they are given no configuration file, but log where carrel-display does,
    and go on doing so should it have died."""
    logs = {os.readlink(f"/proc/{pid}/fd/2") for pid in processes("carrel-display")}
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            if command(pid) == "carrel-screen" and os.readlink(f"/proc/{pid}/fd/2") in logs:
                found.append(pid)
        except OSError:
            continue  # it ended meanwhile
    return found


def main_of(name):
    """The process of this name that is not a child of another of the same name."""
    every = processes(name)
    for pid in every:
        try:
            if parent(pid) not in every:
                return pid
        except OSError:
            continue
    return None


def kill_and_wait(name, number=signal.SIGKILL, seconds=15):
    """Kills one of our programs and waits until its supervisor has started another; its process id."""
    old = main_of(name)
    check(old, f"{name} is not running")
    os.kill(old, number)
    return wait_for(f"{name} to be started again", lambda: (new := main_of(name)) and new != old and new, seconds)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def qemu(desktop):
    """QEMU's process of a desktop, or None."""
    wanted = f"guest=carrel-{desktop},"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "qemu" in words[0] and any(wanted in word for word in words):
            return int(pid)
    return None


def own_libvirtd():
    """The libvirtd that quickstart started for this instance alone, and starts again; None where it uses the machine's."""
    config = os.path.join(os.path.dirname(instance()["config"]), "libvirtd.conf").encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == b"libvirtd" and config in words:
            return int(pid)
    return None


class Stopped:
    """A process that does not run for as long as this is open."""

    def __init__(self, *pids):
        self.pids = pids

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass


def memory_kb(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Held:
    """What a process holds now, to be compared with later."""

    def __init__(self, pid):
        self.pid, self.memory, self.descriptors = pid, memory_kb(pid), descriptors(pid)
        self.name = command(pid)

    def check(self, more_kb, more_descriptors=4, seconds=30):
        """It is the same process still, holds no more descriptors (after some seconds) and little more memory."""
        check(is_alive(self.pid), f"{self.name} ({self.pid}) died")
        wait_for(f"{self.name} to close its descriptors ({self.descriptors} before, {descriptors(self.pid)} now)",
                 lambda: descriptors(self.pid) <= self.descriptors + more_descriptors, seconds, 0.5)
        now = memory_kb(self.pid)
        print(f"# {self.name}: {self.memory} -> {now} kB, {self.descriptors} -> {descriptors(self.pid)} descriptors", flush=True)
        check(now <= self.memory + more_kb, f"{self.name} grew from {self.memory} to {now} kB")


def sleep_until(deadline):
    time.sleep(max(0, deadline - time.monotonic()))
