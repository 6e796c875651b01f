"""Children of a benchmark: on cores of their own, and ended by their pids, whatever happens."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class Failure(Exception):
    """A run that says nothing: why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


class Cores:
    """The server has the first core that we may use, everything else the others."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.server = {cores[0]}
        self.clients = set(cores[1:]) or self.server


class Process:
    """A child on given cores, which dies with this script."""

    started = []

    def __init__(self, command, cores, **options):
        parent = os.getpid()

        def prepare():
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)
            os.setpgrp()  # Ctrl-C is for this script, which then ends its children
            os.sched_setaffinity(0, cores)

        self.command = [str(part) for part in command]
        self.child = subprocess.Popen(self.command, preexec_fn=prepare, stdin=subprocess.DEVNULL, **options)
        Process.started.append(self)

    @property
    def pid(self):
        return self.child.pid

    def check(self):
        if self.child.poll() is not None:
            raise Failure(f"{self.command[0]} ended with status {self.child.returncode}")

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        if self in Process.started:
            Process.started.remove(self)

    @staticmethod
    def stop_all():
        for process in reversed(list(Process.started)):
            process.stop()


def wait_for(what, done, process, seconds=10):
    until = time.monotonic() + seconds
    while not done():
        process.check()
        if time.monotonic() > until:
            raise Failure(f"{what}: not ready after {seconds} s")
        time.sleep(0.02)


def read_ready(process, stream):
    """Lines `name value` up to `ready`, as a dictionary of lists."""
    found = {}
    for line in stream:
        name, _, value = line.strip().partition(" ")
        if name == "ready":
            return found
        found.setdefault(name, []).append(value)
    process.check()
    raise Failure(f"{process.command[0]} never said that it is ready")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
