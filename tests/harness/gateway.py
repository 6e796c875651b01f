"""The real binary, on a configuration of the test's own and on ports that the kernel chooses."""

import copy
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import time

from harness import http
from harness.process import end, spawn
from harness.sse import Subscriber
from harness.wait import PATIENCE, TIMEOUT, wait_for

BINARY = os.environ.get(
    "SLUICE_BIN", pathlib.Path(__file__).parent.parent.parent / "build/release/sluice")

# What every test starts from; `configure` lays a test's own keys over it.
BASE = {
    "listen": ["127.0.0.1:0"],
    "workers": 1,
    "admin": {"listen": "127.0.0.1:0"},
    "log": {"level": "info"},
    "topics": {"news": {"path": "/events/news"}},
    "publish": [{"path": "/publish/{topic}", "auth": "none"}],
    "drain": {"spread": "10ms", "deadline": "5s"},
}
SANITIZER = re.compile(r"(ERROR|WARNING|SUMMARY): \w*Sanitizer|: runtime error: ")


def configure(changes, base):
    """`base` with `changes` over it: maps are merged, anything else replaces."""

    def merge(into, changes):
        for key, value in changes.items():
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                merge(into[key], value)
            else:
                into[key] = value
        return into

    return merge(copy.deepcopy(base), changes)


def parse_address(text):
    if text.startswith("unix:"):
        return text[len("unix:"):]
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class Gateway:
    """A running gateway. Configuration files are JSON, which is YAML too."""

    def __init__(self, folder, changes=None, *, base=BASE, arguments=(), through=(), open_files=None,
                 environment=None):
        self.folder = pathlib.Path(folder)
        self.config_path = self.folder / "sluice.yaml"
        self.log_path = self.folder / "sluice.log"
        self.config_path.write_text(json.dumps(configure(changes or {}, base), indent=1))
        self.arguments = list(arguments)
        self.through = list(through)  # a command that becomes the one behind it
        self.open_files = open_files
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.addresses = []
        self.admin = None

    def start(self):
        """Starts it and waits until it listens."""
        assert self.process is None or self.process.poll() is not None
        self.addresses, self.admin = [], None
        ours, theirs = os.pipe()
        with open(self.log_path, "ab") as log:
            self.process = spawn(
                [*self.through, BINARY, "-c", self.config_path, "--ready-fd", theirs, *self.arguments],
                pass_fds=[theirs], open_files=self.open_files, cwd=self.folder,
                env=self.environment, stdout=log, stderr=log)
        os.close(theirs)
        try:
            self._wait_ready(ours)
        finally:
            os.close(ours)
        return self

    def _wait_ready(self, descriptor):
        text = b""
        deadline = time.monotonic() + TIMEOUT
        while b"ready\n" not in text:
            left = deadline - time.monotonic()
            readable = select.select([descriptor], [], [], max(left, 0))[0]
            data = os.read(descriptor, 4096) if readable else b""
            if not data:
                end(self.process, signal.SIGKILL)
                raise AssertionError(f"the gateway did not start; {text!r}; its log:\n{self.log()}")
            text += data
        for line in text.decode().splitlines():
            kind, _, address = line.partition(" ")
            if kind == "listen":
                self.addresses.append(parse_address(address))
            elif kind == "admin":
                self.admin = parse_address(address)

    @property
    def address(self):
        return self.addresses[0]

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=TIMEOUT):
        """Waits for its end; the exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the gateway still runs; its log:\n{self.log()}") from None

    def stop(self):
        """Drains it. It must go in time and without complaint."""
        if self.process is None:
            return
        if self.process.poll() is None:
            code = end(self.process, signal.SIGTERM, TIMEOUT + 5 * PATIENCE)
            assert code == 0, f"exit code {code}; its log:\n{self.log()}"

    def restart(self):
        """Drains it and starts it again on the addresses that it had."""
        self.stop()
        self.start_again()

    def start_again(self):
        """Starts what has stopped on the addresses that it had."""
        config = json.loads(self.config_path.read_text())
        config["listen"] = [address if isinstance(address, str) else "%s:%d" % address
                            for address in self.addresses]
        self.config_path.write_text(json.dumps(config))
        self.start()

    def check(self):
        """Called at a test's end, passed or not."""
        try:
            self.stop()
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        assert self.process is None or self.process.returncode >= 0, (
            f"killed by signal {-self.process.returncode}; its log:\n{self.log()}")
        assert not SANITIZER.search(self.log()), f"sanitizer report:\n{self.log()}"

    # Clients.

    def connect(self, **options):
        return http.Connection(self.address, **options)

    def fetch(self, method, target, headers=(), body=None):
        return http.fetch(self.address, method, target, headers, body)

    def subscribe(self, target="/events/news", headers=(), **options):
        """A subscriber whose stream is open."""
        return Subscriber(self.address, target, headers, **options).opened()

    def publish(self, topic, data, query=""):
        """Publishes over HTTP; the event's id."""
        response = self.fetch("POST", f"/publish/{topic}{query}", body=data)
        assert response.status == 202, (response.status, response.body)
        return json.loads(response.body)["id"]

    # What it says about itself.

    def get_admin(self, target):
        return http.fetch(self.admin, "GET", target)

    def ready(self):
        return self.get_admin("/readyz").status == 200

    def status(self):
        response = self.get_admin("/status.json")
        assert response.status == 200
        return json.loads(response.body)

    def metrics(self):
        """{'name{label="value"}': number}, as the page has them."""
        response = self.get_admin("/metrics")
        assert response.status == 200
        lines = response.body.decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def metric(self, name, **labels):
        """The sum of the metric's series that have these labels; 0 if there is none."""
        total = 0
        for series, value in self.metrics().items():
            base, _, rest = series.partition("{")
            found = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', rest))
            if base == name and labels.items() <= found.items():
                total += value
        return total

    def wait_metric(self, name, value, **labels):
        wait_for(lambda: self.metric(name, **labels) == value,
                 f"{name}{labels or ''} is {value}")

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_log(self, pattern, count=1):
        """Waits for that many lines that match; gives them."""

        def found():
            lines = [line for line in self.log().splitlines() if re.search(pattern, line)]
            return lines if len(lines) >= count else None

        return wait_for(found, f"{count} log lines like {pattern!r}")

    def memory(self):
        """Resident bytes."""
        pages = int(pathlib.Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def peak_memory(self):
        """The most resident bytes since the start."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def run(*arguments, timeout=TIMEOUT, environment=None, folder=None):
    """Runs the binary to its end: (exit code, output, errors)."""
    done = subprocess.run(
        [str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=timeout, cwd=folder, env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout, done.stderr
