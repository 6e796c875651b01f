"""A child process that dies with the test, and only by its own pid."""

import ctypes
import pathlib
import resource
import signal
import subprocess

from harness.wait import TIMEOUT

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def spawn(arguments, *, pass_fds=(), open_files=None, stdin=subprocess.DEVNULL, **options):
    """Popen whose child is killed when this process ends, however it ends."""

    def prepare():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if open_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))

    return subprocess.Popen(
        [str(argument) for argument in arguments], stdin=stdin, pass_fds=pass_fds,
        preexec_fn=prepare, **options)


def children_of(pid):
    """The pids of its children, the oldest first; none if it has ended."""
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # it ended before, or while it was read
        return []


def end(process, number=signal.SIGTERM, timeout=TIMEOUT):
    """Signals the process, waits for it and gives its exit code; kills it if it does not go."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
