"""An admin's folders: pool files, what stands beside them (NAME.pool.d/10-x.conf), and golden images with the version in use. It knows
what they amount to, as Carrel should."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import shutil
import subprocess

POOL = """[Pool]
Image=test{version}
Kind={kind}
Spare={spare}
Max={max}
Queue={queue}
Instant=no
[Desktop]
CPUs=1
Memory={memory}M
[Access]
Users=nobody
[Network]
Mode={mode}
"""
LINES = {"spare": "[Pool]\nSpare={}\n", "max": "[Pool]\nMax={}\n", "queue": "[Pool]\nQueue={}\n", "kind": "[Pool]\nKind={}\n",
         "version": "[Pool]\nImage=test{}\n", "memory": "[Desktop]\nMemory={}M\n"}
IMAGE = """[Image]
Name={name}
Version={version}
Created=2026-01-01T00:00:{version:02}Z
Disk=disk.qcow2
"""


class PoolFolder:
    def __init__(self, top):
        self.top = top
        self.pools = {}  # name -> what its file says, and what is done to it
        self.versions, self.in_use = 0, None

    def add(self, name, spare, most, queue=0, kind="floating", mode="none"):
        self.pools[name] = {"spare": spare, "max": most, "queue": queue, "kind": kind, "mode": mode, "memory": 128, "version": "",
                            "there": True, "drained": False, "dropped_in": {}, "largest": most}
        self.write(name)

    def says(self, name):
        """With what stands beside it."""
        return {**self.pools[name], **self.pools[name]["dropped_in"]}

    def path(self, name):
        return f"{self.top}/pools.d/{name}.pool"

    def write(self, name):
        pool = self.pools[name]
        pool["spare"] = min(pool["spare"], pool["max"])  # more would be a fault
        shutil.rmtree(f"{self.path(name)}.d", ignore_errors=True)
        if pool["dropped_in"]:
            os.mkdir(f"{self.path(name)}.d")
            with open(f"{self.path(name)}.d/10-x.conf", "w") as file:
                file.write("".join(LINES[key].format(value) for key, value in pool["dropped_in"].items()))
        if pool["there"]:
            with open(self.path(name), "w") as file:
                file.write(POOL.format(**pool))
        elif os.path.exists(self.path(name)):
            os.unlink(self.path(name))
        pool["largest"] = max(pool["largest"], self.says(name)["max"])

    def spoil(self, name):
        with open(self.path(name), "a") as file:
            file.write("[Pool]\nSpre=1\n")

    def new_image(self, name="test", version=None):
        if version is None:
            self.versions += 1
            version = self.versions
        folder = f"{self.top}/images/{name}/{version}"
        os.makedirs(folder)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", f"{folder}/disk.qcow2", "16M"], check=True)
        with open(f"{folder}/image.ini", "w") as file:
            file.write(IMAGE.format(name=name, version=version))

    def use(self, version):
        """None: the newest."""
        file = f"{self.top}/images/test/in-use"
        if version is None and self.in_use:
            os.unlink(file)
        elif version:
            with open(f"{file}.new", "w") as new:
                new.write(f"{version}\n")
            os.rename(f"{file}.new", file)
        self.in_use = version

    def wanted(self):
        found = {}
        for name in self.pools:
            pool = self.says(name)
            found[name] = {**pool, "closing": pool["drained"] or not pool["there"], "kept": pool["kind"] == "persistent",
                           "image": f"test@{pool['version'][1:] or self.in_use or self.versions}"}
        return found

    def settled(self):
        for name, pool in self.pools.items():
            pool["largest"] = self.says(name)["max"]
