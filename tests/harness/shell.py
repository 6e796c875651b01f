"""A shell that keeps its state from command to command, as a reader's does, and its background jobs."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

from harness.process import children_of
from harness.wait import TIMEOUT, wait_for


class Job:
    """A command that goes on by itself, as in a second shell."""

    def __init__(self, command, output, status):
        self.command = command
        self.output_path = output
        self.status_path = status
        self.pid = None

    @property
    def output(self):
        return self.output_path.read_text(errors="replace") if self.output_path.exists() else ""

    @property
    def status(self):
        """Its exit code; None while it runs."""
        text = self.status_path.read_text() if self.status_path.exists() else ""
        return int(text) if text.endswith("\n") else None


class Shell:
    """bash in a folder. It, and all that it starts, is a process group that ends with this process."""

    def __init__(self, folder, environment):
        self.folder = pathlib.Path(folder)
        self.scratch = self.folder / ".shell"
        self.scratch.mkdir()
        self._count = 0
        self.jobs = []
        answers, theirs = os.pipe()
        self._answers = os.fdopen(answers, "r", encoding="utf-8")
        self.process = subprocess.Popen(
            ["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, pass_fds=[theirs], start_new_session=True, text=True,
            cwd=folder, env=environment)
        os.close(theirs)
        self._descriptor = theirs
        # Whoever is killed cannot clean up: the other end of a pipe is told, and does. It is bash, since
        # dash's kill knows no process groups.
        self._guard = subprocess.Popen(
            ["bash", "-c", f"read _; kill -KILL -- -{self.process.pid}"], stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True)

    def _say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _hear(self, command):
        """The shell's next answer."""
        result = []
        deadline = time.monotonic() + 3 * TIMEOUT  # a page may build something
        os.set_blocking(self._answers.fileno(), False)
        while not result:
            line = self._answers.readline()
            if line:
                result.append(line)
            assert time.monotonic() < deadline, f"does not come to its end: {command}"
            assert self.process.poll() is None, f"the shell has ended: {command}"
            if not line:
                time.sleep(0.002)
        return result[0].strip()

    def _file(self, kind):
        return self.scratch / f"{self._count}.{kind}"

    def run(self, command):
        """Runs it to its end: (exit code, what it printed, errors included)."""
        self._count += 1
        self._file("sh").write_text(command)
        self._say(f". {self._file('sh')} >{self._file('out')} 2>&1 </dev/null {self._descriptor}>&-; "
                  f"printf '%s\\n' $? >&{self._descriptor}")
        status = int(self._hear(command))
        return status, self._file("out").read_text(errors="replace")

    def start(self, command, variables=""):
        """Starts it in the background."""
        self._count += 1
        self._file("sh").write_text(command)
        job = Job(command, self._file("out"), self._file("status"))
        self._say(f"( {variables} . {self._file('sh')}; printf '%s\\n' $? >{self._file('status')} ) "
                  f">{self._file('out')} 2>&1 </dev/null {self._descriptor}>&- & "
                  f"printf '%s\\n' $! >&{self._descriptor}")
        job.pid = int(self._hear(command))
        self.jobs.append(job)
        return job

    def children(self, job):
        """The pids of what the job runs."""
        return children_of(job.pid)

    def end(self, job):
        """Tells what the job runs to end, and then to end at once: a drain takes its time."""
        for patience in (0.5, TIMEOUT):
            for pid in self.children(job):
                with contextlib.suppress(ProcessLookupError):  # it went by itself
                    os.kill(pid, signal.SIGTERM)
            try:
                wait_for(lambda: job.status is not None, f"ended: {job.command}", patience)
                return
            except AssertionError:
                if patience == TIMEOUT:
                    raise

    def close(self):
        """Ends everything that runs."""
        for job in reversed(self.jobs):
            with contextlib.suppress(AssertionError):  # the whole group is killed now
                self.end(job)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self._guard.kill()
        self._guard.wait()
        self._guard.stdin.close()
        self._answers.close()


def split(text):
    """A script's commands, each with the comments on its lines; a line of comment alone belongs to the
    command before it."""
    commands, lines = [], []
    for line in text.splitlines():
        if not lines and (not line.strip() or line.lstrip().startswith("#")):
            if commands and line.strip():
                commands[-1] += line + "\n"
            continue
        lines.append(line)
        command = "\n".join(lines) + "\n"
        if line.endswith("\\"):
            continue
        check = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True)
        if check.returncode == 0 and not check.stderr:  # a here-document without its end is a warning
            commands.append(command)
            lines = []
    assert not lines, f"not a whole command: {lines}"
    return commands


def promises(command):
    """What the command says that it prints: `# → TEXT`."""
    return re.findall(r"#\s*→\s*(.*?)\s*$", command, re.MULTILINE)
