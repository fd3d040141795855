"""Gateway, broker and carrel-auth without desktops, for what happens before one has any: the real programs (but for the broker's
engine, which makes desktops in memory), real PAM modules, and accounts of their own in an /etc that only carrel-auth sees."""
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import os
import shutil
import subprocess
import tempfile

from instance import BUILD, TOP, Portal, Skip, wait_for

WEB, VNC = 15150, 15151
USERS = "[Users]\nBroker=61201\nGateway=61202\nDisplay=61203\nLibvirtGroups=\n"
# What pam_unix, pam_oath and NSS look at.
ETC = ("ld.so.cache", "nsswitch.conf", "login.defs", "localtime", "security", "pam.d", "alternatives")


def hashed(password):
    return subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True).stdout.strip()


class FrontDoor:
    """@pam: lines of the service; @settings: more of carrel.conf; @accounts: name to the fields of shadow(5) behind the name."""

    def __init__(self, pam, settings, accounts):
        if os.geteuid() != 0:
            raise Skip("needs root: accounts are put in an /etc of their own")
        self.folder = tempfile.mkdtemp(prefix="carrel-")
        os.chmod(self.folder, 0o755)
        self.children = []
        self._write_etc(accounts)
        self.write("pam.d/carrel", pam.format(folder=self.folder))
        self.write("carrel.conf", f"[Paths]\nState={self.folder}/state\nRuntime={self.folder}/run\nPools={self.folder}/pools\n"
                   f"WebRoot={TOP}/web-client\n{USERS}[Gateway]\nListen=127.0.0.1:{WEB}\nVncListen=127.0.0.1:{VNC}\n"
                   f"[Auth]\nFolder={self.folder}/pam.d\n{settings}")
        self.of = {"portal": f"https://127.0.0.1:{WEB}", "vnc": f"127.0.0.1:{VNC}", "ca": f"{self.folder}/run/gateway/ca.pem",
                   "config": f"{self.folder}/carrel.conf", "users": []}

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)

    def read(self, name):
        with open(os.path.join(self.folder, name)) as file:
            return file.read()

    def _write_etc(self, accounts):
        os.makedirs(self.folder + "/etc")
        for name in ETC:
            path = "/etc/" + name
            if os.path.isdir(path):
                shutil.copytree(path, f"{self.folder}/etc/{name}", symlinks=True)
            elif os.path.exists(path):
                shutil.copy(path, f"{self.folder}/etc/{name}")
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n" + "".join(
            f"{name}:x:{70001 + i}:70001::/nonexistent:/bin/sh\n" for i, name in enumerate(accounts)))
        self.write("etc/group", "root:x:0:\nshadow:x:42:\npeople:x:70001:\n")
        self.write("etc/shadow", "root:*:19000:0:99999:7:::\n" + "".join(f"{name}:{fields}\n" for name, fields in accounts.items()), 0o640)

    def start(self):
        self._launch("carrel-auth", "unshare", "--mount", "--propagation", "private", "sh", "-c",
                     'mount --bind "$0" /etc && exec "$@"', self.folder + "/etc")
        self._launch("tests/lib/carrel-broker-fake")
        self._launch("carrel-gateway")
        wait_for("the gateway", lambda: os.path.exists(self.of["ca"]) and self._answers(), 30)
        return self

    def _launch(self, program, *before):
        path = os.path.join(BUILD, program)
        log = open(os.path.join(self.folder, os.path.basename(program) + ".log"), "ab")
        self.children.append(subprocess.Popen([*before, path, "--config", self.of["config"]], stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    def _answers(self):
        try:
            return self.portal().request("GET", "/api/v1/me")[0] == 401
        except OSError:
            return False

    def portal(self, source=None):
        return Portal(self.of, source)

    def status(self):
        done = subprocess.run([os.path.join(BUILD, "carrel"), "--config", self.of["config"], "status", "--json"], capture_output=True, text=True)
        return json.loads(done.stdout)

    def log(self):
        return self.read("carrel-broker-fake.log")

    def stop(self):
        for child in reversed(self.children):
            child.terminate()
            child.wait(20)
        shutil.rmtree(self.folder)
