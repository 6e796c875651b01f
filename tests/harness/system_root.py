"""A clean Debian system in a folder: without an init, as in a container, or booted with systemd."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from harness import network
from harness.process import children_of, end, spawn
from harness.wait import wait_for

MEMORY = pathlib.Path("/dev/shm")
NEEDED_BYTES = 1 << 30
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def suite():
    """The Debian release that this machine runs, which is the one that the package is built for."""
    lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)["VERSION_CODENAME"]


class SystemRoot:
    def __init__(self):
        # dpkg syncs each file that it writes, which takes minutes on a slow disk.
        free = shutil.disk_usage(MEMORY).free if MEMORY.is_dir() else 0
        self.folder = pathlib.Path(
            tempfile.mkdtemp(prefix="sluice-system-", dir=MEMORY if free > NEEDED_BYTES else None))
        self.path = self.folder / "root"
        self.processes = []

    def make(self):
        done = subprocess.run(
            ["mmdebstrap", "--mode=root", "--variant=minbase", suite(), self.path],
            capture_output=True, text=True, env={**os.environ, "TMPDIR": str(self.folder)})
        assert done.returncode == 0, done.stderr[-4000:]
        return self

    def remove(self):
        for process in self.processes:
            end(process, signal.SIGKILL)
        wait_for(lambda: not self._mounts(), "nothing is mounted there")
        shutil.rmtree(self.folder)

    def _mounts(self):
        mounts = pathlib.Path("/proc/self/mounts").read_text().splitlines()
        return [line for line in mounts if line.split()[1].startswith(str(self.folder))]

    # Without an init.

    def run(self, command, check=True, user=None):
        """A shell command in it: the finished process."""
        done = subprocess.run(
            ["chroot", *([f"--userspec={user}"] if user else []), self.path, "sh", "-c", command],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300,
            env={"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive",
                 "LC_ALL": "C.UTF-8"})
        if check:
            assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done

    def start(self, words, user, environment=None):
        """Starts a process that has the machine to itself: namespaces of its own, loopback only."""
        log = open(self.folder / "process.log", "ab")
        process = spawn(
            ["unshare", "--net", "--pid", "--fork", "--kill-child", f"--mount-proc={self.path}/proc",
             "chroot", f"--userspec={user}", self.path, *words],
            stdout=log, stderr=log, env={"PATH": PATH, **(environment or {})})
        log.close()
        self.processes.append(process)
        inner = Inside(wait_for(lambda: children_of(process.pid), "unshare has forked")[0], process)
        loopback = inner.run("/usr/bin/python3", network.__file__, check=False)
        assert loopback.returncode == 0, loopback.stderr + self.log()
        return inner

    # With systemd.

    def boot(self):
        """Boots it; gives it when systemd says that it runs."""
        log = open(self.folder / "boot.log", "ab")
        process = spawn(
            ["systemd-nspawn", "--quiet", "--boot", f"--directory={self.path}", "--register=no",
             "--keep-unit", "--private-network", "--console=pipe"], stdout=log, stderr=log)
        log.close()
        self.processes.append(process)
        inner = Inside(None, process)

        def running():
            children = children_of(process.pid)  # the first makes the one that stays, and ends
            if not children:
                return False
            inner.pid = children[0]
            state = inner.run("systemctl", "is-system-running", check=False, inside=True).stdout.strip()
            return state in ("running", "degraded")

        try:
            wait_for(running, "systemd runs", timeout=60)
        except AssertionError as slow:
            raise AssertionError(f"{slow}; {self._read('boot.log')}") from None
        return inner

    def log(self):
        return self._read("process.log")

    def _read(self, name):
        return (self.folder / name).read_text(errors="replace")[-4000:]


class Inside:
    """A process in namespaces of its own, and how to get in there."""

    def __init__(self, pid, process):
        self.pid = pid
        self.process = process

    def run(self, *words, check=True, inside=False):
        """Runs one of this machine's programs in the network there or, `inside`, one of theirs."""
        flags = ["--all"] if inside else ["--net"]
        done = subprocess.run(["nsenter", f"--target={self.pid}", *flags, "--", *map(str, words)],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        if check:
            assert done.returncode == 0, f"{words}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done

    def curl(self, *words, check=True):
        return self.run("curl", "-sS", "--max-time", "20", *words, check=check).stdout

    def sees(self, url, publish):
        """Subscribes to `url`, calls `publish` once the stream is open, gives the first data line."""
        stream = spawn(["nsenter", f"--target={self.pid}", "--net", "--", "curl", "-sSN",
                        "--max-time", "20", url], stdout=subprocess.PIPE, text=True)
        try:
            for line in stream.stdout:
                if line == ": ok\n":
                    publish()
                if line.startswith("data:"):
                    return line.removeprefix("data:").strip()
            raise AssertionError(f"{url} ended without data")
        finally:
            end(stream)
            stream.stdout.close()

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=30):
        return self.process.wait(timeout)
