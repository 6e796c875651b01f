"""A door that reads along: which requests a client makes, and how each is answered."""

import re
import threading
import time
import urllib.parse

from harness.door import Door
from harness.sse import CHUNK_HEAD, Parser
from harness.wait import wait_for


class Exchange:
    """A request and its answer, as far as they have come."""

    def __init__(self, head):
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = line.split(" ", 2)
        self.headers = {name.lower(): value.strip()
                        for name, _, value in (field.partition(":") for field in fields)}
        path, _, query = self.target.partition("?")
        self.path = path
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.status = None
        self.answer_headers = {}
        self.body = bytearray()  # without chunk framing
        self.end = None  # "clean" after the last byte that was announced, "cut" before it
        self.began = time.monotonic()
        self.ended = None

    def finish(self, end):
        self.end = end
        self.ended = time.monotonic()

    @property
    def stream(self):
        """The events of the answer, read by the rules of the WHATWG."""
        parser = Parser()
        parser.feed(bytes(self.body))
        return parser


class _Line:
    """One connection of a client: takes the bytes of both sides apart."""

    def __init__(self, exchanges):
        self._exchanges = exchanges
        self._sent = b""
        self._received = b""
        self._open = []  # requests without a whole answer, oldest first
        self._left = None  # bytes of a body with a length that are to come

    def sent(self, data):
        self._sent += data
        while b"\r\n\r\n" in self._sent:
            head, _, self._sent = self._sent.partition(b"\r\n\r\n")
            exchange = Exchange(head)
            # A body would be read as a request: clients that only subscribe send none.
            assert exchange.method in ("GET", "OPTIONS"), head
            self._open.append(exchange)
            self._exchanges.append(exchange)

    def received(self, data):
        self._received += data
        while self._open and self._take(self._open[0]):
            self._open.pop(0)

    def over(self):
        for exchange in self._open:
            exchange.finish("cut")

    def _take(self, exchange):
        """True when the answer is whole."""
        if exchange.status is None:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return False
            self._received = rest
            line, *fields = head.decode("latin-1").split("\r\n")
            exchange.answer_headers = {name.lower(): value.strip() for name, _, value in
                                       (field.partition(":") for field in fields)}
            exchange.status = int(re.fullmatch(r"HTTP/1\.1 (\d{3}).*", line)[1])
            self._left = int(exchange.answer_headers.get("content-length", 0))
        if exchange.answer_headers.get("transfer-encoding") == "chunked":
            return self._take_chunks(exchange)
        taken, self._received = self._received[:self._left], self._received[self._left:]
        exchange.body += taken
        self._left -= len(taken)
        return self._finish(exchange) if self._left == 0 else False

    def _take_chunks(self, exchange):
        while match := CHUNK_HEAD.match(self._received):
            size = int(match[1], 16)
            if len(self._received) < match.end() + size + 2:
                return False
            exchange.body += self._received[match.end():match.end() + size]
            self._received = self._received[match.end() + size + 2:]
            if size == 0:
                return self._finish(exchange)
        return False

    def _finish(self, exchange):
        exchange.finish("clean")
        return True


class Wire(Door):
    """An open door in front of a gateway. `exchanges` has every request in the order of arrival."""

    def __init__(self, target):
        self.exchanges = []
        self._lines = {}
        self._guard = threading.Lock()
        super().__init__(target)

    @property
    def origin(self):
        return "http://%s:%d" % self.address

    def to(self, path):
        """The requests for a path."""
        with self._guard:
            return [exchange for exchange in self.exchanges if exchange.path == path]

    def wait_status(self, path, status, count=1):
        """Waits for so many whole answers of that status; gives them."""

        def found():
            answers = [each for each in self.to(path) if each.status == status and each.end]
            return answers if len(answers) >= count else None

        try:
            return wait_for(found, f"{count} times {status}")
        except AssertionError as fault:
            seen = [each.status for each in self.to(path)]
            raise AssertionError(f"{fault}; there were {seen}") from None

    def _saw(self, client, data, from_server):
        with self._guard:
            line = self._lines.setdefault(client, _Line(self.exchanges))
            if from_server:
                line.received(data)
            else:
                line.sent(data)

    def _closed(self, client):
        with self._guard:
            if client in self._lines:
                self._lines.pop(client).over()
