"""A small machine whose clock counts instructions: Debian's kernel in QEMU, with one processor and the programs
that are asked for. Each instruction takes one nanosecond there (QEMU's `-icount shift=0`), in the kernel too, so
that the CPU time of a process is the number of the instructions that were executed for it, wherever that runs."""

import re
import shutil
import subprocess
import time
from pathlib import Path

from benchmark.process import ROOT, Failure, Process, say

BUSYBOX = Path("/bin/busybox")
KERNEL_PACKAGE = "linux-image-cloud-amd64"
TOOLS = ("sh", "mount", "ifconfig", "sleep", "grep", "sed", "poweroff")
# What runs first. Its console is the only way out: what is wanted stands between two lines.
INIT = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
ifconfig lo up
echo BEGIN
sh /script 2>&1
echo END
poweroff -f
"""


def need():
    for program in ("qemu-system-x86_64", str(BUSYBOX)):
        if shutil.which(program) is None:
            raise Failure(f"{program} is missing: scripts/setup --bench")


def kernel():
    """Debian's kernel for virtual machines, which is loaded once and not installed."""
    image = ROOT / "build" / "emulator" / "vmlinuz"
    if image.exists():
        return image
    say("emulator: loading a kernel")
    folder = image.with_name("package")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def output_of(*command):
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    name = re.search(r"Depends: (linux-image-\S+)", output_of("apt-cache", "depends", KERNEL_PACKAGE))
    if name is None:
        raise Failure(f"{KERNEL_PACKAGE} names no kernel")
    output_of("apt-get", "-qq", "download", name[1])
    output_of("dpkg", "-x", next(folder.glob("*.deb")).name, ".")
    next(folder.glob("boot/vmlinuz-*")).rename(image)
    shutil.rmtree(folder)
    return image


def libraries(program):
    """What the loader needs for it, and the loader; none if it is static."""
    output = subprocess.run(["ldd", program], check=False, capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", output)


class Archive:
    """The first file system: cpio's "newc" format, see the kernel's early-userspace documentation."""

    def __init__(self):
        self.bytes = bytearray()
        self.names = set()

    def add(self, name, data, mode):
        name = name.strip("/")
        parent = name.rpartition("/")[0]
        if parent and parent not in self.names:
            self.add(parent, b"", 0o40755)
        if name in self.names:
            return
        self.names.add(name)
        encoded = name.encode() + b"\0"
        fields = (len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        self.bytes += b"070701" + "".join(f"{field:08X}" for field in fields).encode() + encoded
        self.bytes += b"\0" * (-len(self.bytes) % 4) + data
        self.bytes += b"\0" * (-len(self.bytes) % 4)

    def folder(self, name):
        self.add(name, b"", 0o40755)

    def file(self, name, data, mode=0o644):
        self.add(name, data, 0o100000 | mode)

    def link(self, name, target):
        self.add(name, target.encode(), 0o120777)

    def finish(self):
        self.add("TRAILER!!!", b"", 0)
        return bytes(self.bytes)


def run(folder, programs, files, script, cores, seconds=600):
    """What the shell script prints. The programs are in /bin, beside busybox's; `files` are texts by their names."""
    archive = Archive()
    for name in ("proc", "sys", "dev", "tmp"):
        archive.folder(name)
    for tool in TOOLS:
        archive.link(f"bin/{tool}", "busybox")
    for program in map(Path, [BUSYBOX, *programs]):
        archive.file(f"bin/{program.name}", program.read_bytes(), 0o755)
        for library in libraries(program):
            archive.file(library, Path(library).read_bytes(), 0o755)
    users = {"etc/passwd": "root:x:0:0::/:\nnobody:x:1:1::/:\n", "etc/group": "root:x:0:\nnobody:x:1:\n"}
    for name, text in {**users, **files}.items():
        archive.file(name, text.encode())
    archive.file("script", script.encode())
    archive.file("init", INIT.encode(), 0o755)
    (folder / "initrd").write_bytes(archive.finish())

    console = folder / "console"
    with open(console, "wb") as output:
        guest = Process(["qemu-system-x86_64", "-accel", "tcg", "-icount", "shift=0,sleep=off", "-smp", "1", "-m", "1024",
                         "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
                         "-kernel", kernel(), "-initrd", folder / "initrd", "-append", "console=ttyS0 quiet panic=-1"],
                        cores, stdout=output, stderr=output)
        until = time.monotonic() + seconds
        while guest.child.poll() is None and time.monotonic() < until:
            time.sleep(0.2)
        guest.stop()
    text = console.read_text(errors="replace").replace("\r", "")
    found = re.search(r"^BEGIN\n(.*?)^END\n", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise Failure(f"the emulated machine did not come to its end:\n{text[-2000:]}")
    return found[1]
