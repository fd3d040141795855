"""A libvirtd of the test's own that knows libvirt's test driver and nothing else: the books of a hypervisor, in a process that may
be killed and stopped. What the driver keeps lives while one connection is open; this holds one."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import signal
import subprocess
import time

try:
    import libvirt
    libvirt.registerErrorHandler(lambda context, error: None, None)
except ImportError:
    libvirt = None

CONFIG = """unix_sock_dir = "{folder}"
unix_sock_rw_perms = "0700"
auth_unix_rw = "none"
auth_unix_ro = "none"
max_client_requests = 20
log_outputs = "3:file:{folder}/log"
"""


class TestLibvirtd:
    def __init__(self, folder):
        self.folder = folder
        self.uri = f"test+unix:///default?socket={folder}/libvirt-sock"
        os.makedirs(os.path.join(folder, "drivers"), exist_ok=True)
        with open(os.path.join(folder, "libvirtd.conf"), "w") as file:
            file.write(CONFIG.format(folder=folder))
        self.process = self.connection = None

    def start(self):
        # Without a driver of its own to load it touches nothing of the host's libvirt.
        self.process = subprocess.Popen(["libvirtd", "--config", f"{self.folder}/libvirtd.conf", "--pid-file", f"{self.folder}/pid"],
                                        env={**os.environ, "LIBVIRT_DRIVER_DIR": f"{self.folder}/drivers"},
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.connection = libvirt.open(self.uri)
                return
            except libvirt.libvirtError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def kill(self):
        """All VMs, disks and networks are gone with it."""
        self.connection = None
        if self.process:
            self.process.kill()
            self.process.wait()
        for name in ("pid", "libvirt-sock", "libvirt-sock-ro", "libvirt-admin-sock"):
            if os.path.lexists(f"{self.folder}/{name}"):
                os.unlink(f"{self.folder}/{name}")

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)
