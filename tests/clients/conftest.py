"""Real clients as child processes that say what they see."""

import json
import pathlib
import subprocess
import threading

import pytest

from harness.process import end, spawn
from harness.wait import TIMEOUT, wait_for

HERE = pathlib.Path(__file__).parent
START = 3 * TIMEOUT  # a browser takes its time to start


class Client:
    """A client that prints a JSON object for each thing that happens to it."""

    def __init__(self, *command):
        self.seen = []
        self.process = spawn(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             stdin=subprocess.PIPE)
        self._threads = [threading.Thread(target=self._read, daemon=True),
                         threading.Thread(target=self._read_errors, daemon=True)]
        self.errors = b""
        for thread in self._threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.seen.append(json.loads(line))

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors += line

    def of(self, kind):
        return [thing for thing in list(self.seen) if thing["kind"] == kind]

    @property
    def events(self):
        return self.of("event")

    @property
    def data(self):
        return [event["data"] for event in self.events]

    def wait(self, condition, what, timeout=TIMEOUT):
        try:
            return wait_for(lambda: condition() or self.process.poll() is not None and "gone", what,
                            timeout)
        except AssertionError as fault:
            raise AssertionError(f"{fault}; saw {self.seen[-20:]}; {self.errors!r}") from None
        finally:
            assert self.process.poll() is None, self.errors

    def opened(self, times=1):
        self.wait(lambda: len(self.of("open")) >= times, f"opened {times} times", START)
        return self

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            end(self.process)


@pytest.fixture
def start_client():
    """start_client(name, page, stream): Chromium or npm's eventsource on a stream."""
    clients = []

    def start(name, origin, target):
        if name == "chromium":
            # Any page of the origin will do; a 404 is one.
            command = ["node", "chromium.mjs", origin + "/no-page", target]
        else:
            command = ["node", "eventsource.mjs", origin + target]
        clients.append(Client(*command))
        return clients[-1]

    yield start
    for client in clients:
        client.stop()


@pytest.fixture
def open_page():
    """open_page(url): Chromium on a page; its text comes in things of kind "text"."""
    clients = []

    def start(url):
        clients.append(Client("node", "chromium.mjs", url))
        return clients[-1]

    yield start
    for client in clients:
        client.stop()
