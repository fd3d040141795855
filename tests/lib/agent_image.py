"""A golden image with this build's agent in it: what an image build would make of it, in seconds."""
# SPDX-License-Identifier: GPL-2.0-or-later
import configparser
import glob
import os
import subprocess
import tempfile

from instance import BUILD, TOP, Failure, Skip

# (this build's, or the source tree's; the guest's)
PROGRAMS = (("carrel-agent", "/usr/sbin/carrel-agent"), ("carrel-agent-session", "/usr/libexec/carrel/carrel-agent-session"),
            ("carrel-agent-notice", "/usr/libexec/carrel/carrel-agent-notice"), ("carrel-send", "/usr/bin/carrel-send"))
ACTION = "/usr/share/file-manager/actions/carrel-send.desktop"


def _commands(scratch):
    folders = (os.path.dirname(os.path.dirname(ACTION)), os.path.dirname(ACTION))
    lines = [f"mkdir {folder}" for folder in folders]
    for name, target in PROGRAMS:
        stripped = os.path.join(scratch, name)
        subprocess.run(["strip", "-o", stripped, os.path.join(BUILD, name)], check=True)
        lines += [f"rm {target}", f"write {stripped} {target}", f"sif {target} mode 0100755"]
    lines += [f"rm {ACTION}", f"write {TOP}/packaging/image/overlay{ACTION} {ACTION}", f"sif {ACTION} mode 0100644"]
    for target in [target for _, target in PROGRAMS] + [ACTION]:
        lines += [f"sif {target} uid 0", f"sif {target} gid 0"]
    return "\n".join(lines) + "\n"


def make_image(images, name):
    """Beside the newest desktop image, whose kernel and disk it has."""
    found = sorted(glob.glob(os.path.join(images, "debian-desktop", "[!.]*", "image.ini")), key=os.path.getmtime)
    if not found:
        raise Skip("there is no desktop image")
    golden, folder = os.path.dirname(found[-1]), os.path.join(images, name, "1")
    ini = configparser.ConfigParser(interpolation=None)
    ini.optionxform = str
    ini.read(found[-1])
    about = ini["Image"]
    about["Name"], about["Version"] = name, "1"
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        raw = os.path.join(scratch, "raw")
        subprocess.run(["qemu-img", "convert", "-O", "raw", os.path.join(golden, about["Disk"]), raw], check=True, timeout=300)
        done = subprocess.run(["debugfs", "-w", "-f", "/dev/stdin", raw], input=_commands(scratch), capture_output=True, text=True, timeout=120)
        for program, target in PROGRAMS:
            size = os.path.getsize(os.path.join(scratch, program))
            look = subprocess.run(["debugfs", "-R", f"stat {target}", raw], capture_output=True, text=True, timeout=60).stdout
            if f"Size: {size}" not in look:
                raise Failure(f"{target} was not put into the image: {done.stderr}")
        subprocess.run(["e2fsck", "-fy", raw], capture_output=True, timeout=120)
        disk = os.path.join(scratch, "disk")
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, disk], check=True, timeout=300)
        # A desktop of an earlier run may have the old one still.
        os.replace(disk, os.path.join(folder, about["Disk"]))
    for key in ("Kernel", "EfiKernel", "Initrd"):
        if key in about:
            subprocess.run(["cp", "--reflink=auto", os.path.join(golden, about[key]), os.path.join(folder, about[key])], check=True)
    with open(os.path.join(folder, "image.ini"), "w") as file:
        ini.write(file, space_around_delimiters=False)
