"""A subscriber: reads text/event-stream by the rules of the WHATWG (HTML, 9.2.6)."""

import dataclasses
import re
import time

from harness.http import Connection
from harness.wait import TIMEOUT


CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]+)\r\n")


@dataclasses.dataclass
class Event:
    type: str
    data: str
    id: str  # the last event id at that time


class Parser:
    """Bytes in, events out; also keeps comments and retry values, which EventSource hides."""

    def __init__(self):
        self.events = []
        self.comments = []
        self.retries = []
        self.last_id = ""
        self._bytes = b""
        self._data = []
        self._type = ""

    def feed(self, data):
        *lines, self._bytes = re.split(rb"\r\n|\n|\r(?!\Z)", self._bytes + data)
        for line in lines:
            self._line(line.decode("utf-8"))

    @property
    def unfinished(self):
        return bool(self._bytes or self._data or self._type)

    def _line(self, line):
        if line == "":
            if self._data:
                self.events.append(Event(self._type or "message", "\n".join(self._data), self.last_id))
            self._data, self._type = [], ""
            return
        field, colon, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "":
            self.comments.append(value)
        elif field == "data":
            self._data.append(value)
        elif field == "event":
            self._type = value
        elif field == "id":
            assert "\0" not in value
            self.last_id = value
        elif field == "retry":
            assert re.fullmatch("[0-9]+", value), f"retry: {value!r}"
            self.retries.append(int(value))
        else:
            raise AssertionError(f"not a field of an event stream: {line!r}")


class Subscriber:
    """An open stream. Iterating is by `next()`, which waits for one event."""

    def __init__(self, address, target, headers=(), *, last_id=None, version="HTTP/1.1",
                 timeout=TIMEOUT, receive_buffer=None, accept="text/event-stream"):
        self.connection = Connection(address, timeout, receive_buffer)
        headers = list(headers)
        if accept:
            headers.append(("Accept", accept))
        if last_id is not None:
            headers.append(("Last-Event-ID", last_id))
        self.connection.request("GET", target, headers, version=version)
        self.head = self.connection.head()
        if self.head.status != 200:
            size = int(self.head.get("content-length") or 0)
            body = self.connection.take(size)
            raise AssertionError(f"{target}: {self.head.status} {body!r}")
        self.chunked = self.head.get("transfer-encoding") == "chunked"
        self.parser = Parser()
        self.body = bytearray()  # all of it, without chunk framing
        self.clean_end = False  # the last chunk came
        self._taken = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    @property
    def comments(self):
        return self.parser.comments

    @property
    def retries(self):
        return self.parser.retries

    @property
    def last_id(self):
        return self.parser.last_id

    @property
    def over(self):
        return self.clean_end or self.connection.ended is not None

    def read(self, deadline=None):
        """Takes in what the next read brings; False at the stream's end."""
        if self.over:
            return False
        more = self.connection.fill(deadline)
        self._take_in()
        return more and not self.over

    def _take_in(self):
        connection = self.connection
        if not self.chunked:
            self._pass_on(connection.buffer)
            connection.buffer = b""
            return
        start = 0
        while match := CHUNK_HEAD.match(connection.buffer, start):
            size = int(match[1], 16)
            end = match.end() + size
            if len(connection.buffer) < end + 2:
                break
            assert connection.buffer[end:end + 2] == b"\r\n", f"chunk of {size} does not end there"
            start = end + 2
            if size == 0:
                assert connection.buffer[start:] == b"", "bytes after the last chunk"
                self.clean_end = True
                break
            self._pass_on(connection.buffer[match.end():end])
        connection.buffer = connection.buffer[start:]

    def _pass_on(self, data):
        self.body += data
        self.parser.feed(data)

    def until(self, condition, what, timeout=None):
        """Reads until `condition()` is true."""
        deadline = time.monotonic() + (timeout or self.connection.timeout)
        self._take_in()  # what came together with the head
        while not condition():
            try:
                more = self.read(deadline)
            except TimeoutError:
                raise AssertionError(f"{what}: not in time; got {bytes(self.body[-500:])!r}") from None
            if not more and not condition():
                raise AssertionError(f"{what}: stream ended; got {bytes(self.body[-500:])!r}")
        return self

    def opened(self):
        """Waits for the `: ok` that says: from here on nothing is missed."""
        return self.until(lambda: "ok" in self.comments, "`: ok`")

    def next(self, timeout=None):
        """The next event."""
        self.until(lambda: len(self.parser.events) > self._taken, "an event", timeout)
        event = self.parser.events[self._taken]
        self._taken += 1
        return event

    def take(self, count, timeout=None):
        return [self.next(timeout) for _ in range(count)]

    def data(self, count, timeout=None):
        """The data of the next `count` events."""
        return [event.data for event in self.take(count, timeout)]

    def rest(self, timeout=None):
        """Waits for the stream's end; the events that came before it."""
        self.until(lambda: self.over, "the stream's end", timeout)
        events = self.parser.events[self._taken:]
        self._taken = len(self.parser.events)
        return events
