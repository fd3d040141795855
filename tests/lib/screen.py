"""An X display of a test's own (Xvfb with a window manager), programs on it, and pictures to compare."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re
import shutil
import subprocess
import tempfile

from instance import BUILD, Failure, Skip, carrel, wait_for

SHOTS = os.environ.get("CARREL_SHOTS")


class Screen:
    def __init__(self, width=1024, height=768):
        for program in ("Xvfb", "openbox", "xclip", "xdotool", "import", "compare"):
            if not shutil.which(program):
                raise Skip(f"{program} is not installed")
        self.size = (width, height)
        self.folder = tempfile.mkdtemp(prefix="carrel-screen-")
        read, write = os.pipe()
        self.children = [subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"],
            pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise Failure("Xvfb did not start")
        self.env = {**os.environ, "DISPLAY": f":{number}", "HOME": self.folder, "XDG_RUNTIME_DIR": self.folder,
                    "LANG": "C.UTF-8", "GSETTINGS_BACKEND": "memory", "NO_AT_BRIDGE": "1"}
        self.start("openbox", "--sm-disable")

    def start(self, *words, env=None):
        log = open(os.path.join(self.folder, os.path.basename(words[0]) + ".log"), "ab")
        child = subprocess.Popen(words, env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children.append(child)
        return child

    def run(self, *words, data=None, timeout=20):
        done = subprocess.run(words, env=self.env, input=data, capture_output=True, timeout=timeout)
        return done.stdout

    def log(self, program):
        with open(os.path.join(self.folder, program + ".log"), errors="replace") as file:
            return file.read()

    def wait_window(self, name, timeout=30):
        return wait_for(f"a window named {name}", lambda: self.run("xdotool", "search", "--onlyvisible", "--name", name).split(), timeout)[0].decode()

    def set_clipboard(self, text):
        # xclip stays to serve the selection: it must not keep our pipes.
        child = subprocess.Popen(["xclip", "-selection", "clipboard", "-loops", "0"], env=self.env, stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        child.communicate(text.encode(), timeout=10)

    def clipboard(self):
        try:
            return self.run("xclip", "-selection", "clipboard", "-o", "-t", "UTF8_STRING", timeout=5).decode(errors="replace")
        except subprocess.TimeoutExpired:
            return ""

    def picture(self, name="screen"):
        file = os.path.join(SHOTS or self.folder, name + ".png")
        self.run("import", "-silent", "-window", "root", file)
        return file

    def close(self):
        for child in reversed(self.children):
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def guest_picture(desktop, folder, name="guest"):
    """The guest's own screen, as QEMU has it."""
    file = os.path.join(SHOTS or folder, name + ".png")
    carrel("desktop", "screenshot", desktop, "--output", file + ".shot")
    subprocess.run(["convert", file + ".shot", file], check=True)
    os.unlink(file + ".shot")
    return file


def picture_size(file):
    words = subprocess.run(["identify", "-format", "%w %h %k", file], capture_output=True, text=True, check=True).stdout.split()
    return int(words[0]), int(words[1])


def colours(file):
    return int(subprocess.run(["identify", "-format", "%k", file], capture_output=True, text=True, check=True).stdout)


def difference(one, other):
    """Root mean square of the difference, 0 to 1; 1 when the sizes differ."""
    if picture_size(one) != picture_size(other):
        return 1.0
    done = subprocess.run(["compare", "-metric", "RMSE", one, other, "null:"], capture_output=True, text=True)
    match = re.search(r"\(([0-9.e-]+)\)", done.stderr)
    return float(match.group(1)) if match else 1.0
