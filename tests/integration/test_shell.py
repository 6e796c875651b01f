"""The shell of the documentation's tests leaves nothing behind, however its test ends."""

import os
import pathlib
import subprocess
import sys

from harness.wait import wait_for

TESTS = pathlib.Path(__file__).parent.parent
KILLED = """
import os, signal, sys
from harness.shell import Shell
from harness.wait import wait_for
shell = Shell(sys.argv[1], dict(os.environ))
job = shell.start("exec sleep 300\\n")
wait_for(lambda: shell.children(job) or job.pid, "it runs")
print(job.pid, shell.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def runs(pid):
    """Whether there is such a process, which has not ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it ended before, or while it was read
        return False


def test_all_that_a_shell_started_ends_when_its_test_is_killed(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(TESTS)}, timeout=60)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    wait_for(lambda: not any(runs(pid) for pid in pids), "the job and its shell have ended")
