"""Real clients, each in its own surroundings, that say what they see."""

import itertools
import json
import pathlib
import re
import subprocess
import threading

import pytest

from catalogue import CLIENTS
from harness.process import end, spawn
from harness.wait import TIMEOUT, wait_for
from harness.wire import Wire

HERE = pathlib.Path(__file__).parent
NODE = tuple(map(int, re.findall(r"\d+", subprocess.check_output(["node", "--version"], text=True))))
START = 3 * TIMEOUT  # a browser takes its time to start


class Child:
    """A child process that prints a JSON object on each line."""

    def __init__(self, *command, take):
        self.errors = b""
        self._take = take
        self.process = spawn(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             stdin=subprocess.PIPE)
        for work in (self._read, self._read_errors):
            threading.Thread(target=work, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._take(json.loads(line))

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors += line

    @property
    def running(self):
        return self.process.poll() is None

    def send(self, command):
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            end(self.process)


class Client:
    """What has happened to a client so far."""

    def __init__(self, name):
        self.name = name  # in the catalogue
        self.seen = []

    def of(self, kind):
        return [thing for thing in list(self.seen) if thing["kind"] == kind]

    @property
    def events(self):
        return self.of("event")

    @property
    def data(self):
        """Of the messages, without what the gateway says itself."""
        return [event["data"] for event in self.events if not event["type"].startswith("sluice.")]

    @property
    def told(self):
        """The types of the gateway's own events."""
        return [event["type"] for event in self.events if event["type"].startswith("sluice.")]

    def wait(self, condition, what, timeout=TIMEOUT):
        try:
            wait_for(lambda: condition() or not self.child.running or self.of("fault"), what,
                     timeout)
        except AssertionError as fault:
            seen = [str(thing)[:200] for thing in self.seen[-20:]]
            raise AssertionError(f"{fault}; saw {seen}; {self.child.errors[-2000:]!r}") from None
        assert self.child.running, self.child.errors
        assert not self.of("fault"), self.of("fault")

    def opened(self, times=1):
        self.wait(lambda: len(self.of("open")) >= times, f"opened {times} times", START)
        return self

    def closed(self):
        """Waits until it has closed for good, by its own word."""
        self.wait(lambda: self.of("closed"), "closed for good", START)

    def refused(self):
        """Waits until it has tried to connect where nobody listens, after the end of a stream."""
        if CLIENTS[self.name].place == "Chromium":
            tried = lambda: self.of("requestfailed")
        else:  # an error for the stream's end, another for this
            tried = lambda: len(self.of("error")) >= 2
        self.wait(lambda: tried() or self.of("closed"), "a connection was refused")

    def got(self, data, timeout=TIMEOUT):
        """Waits until as many messages are there; they must be these."""
        self.wait(lambda: len(self.data) >= len(data), f"{len(data)} messages", timeout)
        assert self.data == data


class NodeClient(Client):
    def __init__(self, name, url, options):
        super().__init__(name)
        self.child = Child("node", "--no-warnings", "node.mjs", name, url, json.dumps(options),
                           take=self.seen.append)

    def stop(self):
        self.child.stop()


class Chromium:
    """One browser; each of its clients has a context of its own, and so its own sockets and cookies."""

    def __init__(self):
        self.clients = {}
        self._numbers = itertools.count()
        self.origin = None  # of pages that are not the gateway's
        self.child = Child("node", "chromium.mjs", take=self._take)
        wait_for(lambda: self.origin or not self.child.running, "Chromium runs", START)
        assert self.origin, self.child.errors

    def _take(self, line):
        if line["kind"] == "ready":
            self.origin = line["origin"]
            return
        self.clients[line.pop("client")].seen.append(line)

    def start(self, command):
        client = ChromiumClient(self, next(self._numbers), command.get("adapter"))
        self.clients[client.number] = client
        self.child.send({"client": client.number, **command})
        return client


class ChromiumClient(Client):
    def __init__(self, browser, number, name):
        super().__init__(name)
        self.child = browser.child
        self.number = number
        self._tickets = itertools.count()

    def evaluate(self, script):
        """Runs it on the page, which must be shown already; gives its value."""
        ticket = next(self._tickets)
        self.child.send({"client": self.number, "evaluate": script, "ticket": ticket})
        values = lambda: [value for value in self.of("value") if value["ticket"] == ticket]
        self.wait(values, f"{script!r} is done")
        return values()[0].get("value")

    def stop(self):
        if self.child.running:
            self.child.send({"client": self.number, "close": True})
            self.wait(lambda: self.of("gone"), "its context is closed")


@pytest.fixture(scope="session")
def chromium():
    browser = Chromium()
    yield browser
    browser.child.stop()


@pytest.fixture
def start_client(request):
    """start_client(name, wire, target, cookies=, foreign=, option=...): a client of the catalogue on a
    stream. `cookies` are set for the wire's host. In Chromium the client runs on a page of the wire's
    origin, or of the browser's own if it is to be `foreign`. Options are the adapter's."""
    clients = []

    def start(name, wire, target, *, cookies=None, foreign=False, **options):
        url = wire.origin + target
        if CLIENTS[name].place == "Chromium":
            browser = request.getfixturevalue("chromium")
            jar = [{"name": key, "value": value, "url": wire.origin}
                   for key, value in (cookies or {}).items()]
            clients.append(browser.start({
                "adapter": name, "origin": browser.origin if foreign else wire.origin, "url": url,
                "cookies": jar, "options": options}))
        else:
            assert not cookies and not foreign
            if NODE < CLIENTS[name].least_node:
                pytest.skip(f"needs Node.js {'.'.join(map(str, CLIENTS[name].least_node))}")
            clients.append(NodeClient(name, url, options))
        return clients[-1]

    yield start
    for client in clients:
        client.stop()


@pytest.fixture
def open_page(chromium):
    """open_page(url, option=...): Chromium on a page, with options of its context; its text comes in
    things of kind "text"."""
    clients = []

    def start(url, **context):
        clients.append(chromium.start({"open": url, "context": context}))
        return clients[-1]

    yield start
    for client in clients:
        client.stop()


@pytest.fixture
def make_wire():
    """make_wire(gateway): a door in front of it that tells what went over it; see harness.wire."""
    wires = []

    def make(gateway):
        wires.append(Wire(gateway.address))
        return wires[-1]

    yield make
    for wire in wires:
        wire.close()
