"""An app server whose every byte is the test's own, and which keeps every byte that it got.

A script serves one connection in a thread of its own:

    def script(connection):
        while request := connection.request():
            connection.send(answer(b"hello"))

What a gateway sends must be well-formed, in one way only: a request that two servers could read
differently is a fault of the test that made the gateway send it (see check())."""

import dataclasses
import re
import select
import socket
import threading

from harness.http import Connection
from harness.wait import TIMEOUT, wait_for

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
START = re.compile(rf"({TOKEN}) (\S+) HTTP/1\.1")
FIELD = re.compile(rf"({TOKEN}):[ \t]*([^\0-\x08\x0a-\x1f\x7f]*?)[ \t]*")


class Malformed(AssertionError):
    pass


@dataclasses.dataclass
class Request:
    """One request, as it came."""

    method: str
    target: str
    headers: list  # of (name in lower case, value), in order
    head: bytes = b""  # with the empty line
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)

    def all(self, name):
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


def parse_fields(lines):
    found = []
    for line in lines:
        match = FIELD.fullmatch(line)
        if not match:
            raise Malformed(f"not a header field: {line!r}")
        found.append((match[1].lower(), match[2]))
    return found


def parse_head(head):
    start, *lines = head[:-4].decode("latin-1").split("\r\n")
    match = START.fullmatch(start)
    if not match:
        raise Malformed(f"not a request line: {start!r}")
    request = Request(match[1], match[2], parse_fields(lines), head)
    if len(request.all("host")) != 1:
        raise Malformed(f"{len(request.all('host'))} times Host")
    lengths, codings = request.all("content-length"), request.all("transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Malformed(f"lengths {lengths}, codings {codings}")
    if lengths and not re.fullmatch("[0-9]+", lengths[0]) or codings and codings != ["chunked"]:
        raise Malformed(f"lengths {lengths}, codings {codings}")
    return request


class Served(Connection):
    """The server's side of a connection."""

    def __init__(self, origin, accepted):
        self.origin = origin
        self.socket = accepted
        if accepted.family != socket.AF_UNIX:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = TIMEOUT
        self.buffer = b""
        self.ended = None
        self.received = bytearray()  # all of it
        self.requests = []

    def fill(self, deadline=None):
        before = len(self.buffer)
        more = super().fill(deadline)
        self.received += self.buffer[before:]
        return more

    def request(self):
        """The next whole request; None if the connection ends before it. Waits for its first byte for as
        long as the test runs."""
        request = self.request_head()
        if request is not None:
            self.take_body(request)
        return request

    def request_head(self):
        """The head alone; the request is in the origin's list from here on."""
        while not self.buffer:
            if not select.select([self.socket], [], [], 0.5)[0]:
                if self.origin.closing:
                    return None
                continue
            if not self.fill():
                return None
        request = parse_head(self.take_until(b"\r\n\r\n"))
        self.requests.append(request)
        self.origin.saw(request)
        return request

    def take_body(self, request):
        if request.get("transfer-encoding"):
            while data := self.take_chunk():
                request.body += data
            while (line := self.take_until(b"\r\n")) != b"\r\n":
                request.trailers += parse_fields([line[:-2].decode("latin-1")])
        elif request.get("content-length"):
            request.body = self.take(int(request.get("content-length")))

    def take_chunk(self):
        """The data of one chunk; b"" for the last one, whose trailers are still to be read."""
        line = self.take_until(b"\r\n")
        if not re.fullmatch(rb"[0-9a-fA-F]+\r\n", line):
            raise Malformed(f"not a chunk's size: {line!r}")
        size = int(line, 16)
        if size == 0:
            return b""
        data = self.take(size)
        if self.take(2) != b"\r\n":
            raise Malformed("a chunk without its end")
        return data

    def finish(self):
        """Sends FIN; what the gateway still sends is read."""
        self.half_close()

    def wait_end(self):
        """Waits until the gateway has ended the connection; "eof" or "reset"."""
        self.take_rest()
        return self.ended


class Origin:
    """Listens on a port of 127.0.0.1, or on `address`, or on a unix socket if a path is given; with TLS if a
    context is."""

    def __init__(self, script, path=None, context=None, address=("127.0.0.1", 0)):
        self.script = script
        self.context = context
        self.connections = []
        self.requests = []  # of all connections, in the order in which their heads came
        self.faults = []
        self.closing = False
        self._guard = threading.Lock()
        if path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self._listener.listen(1024)
            self.name = f"unix:{path}"
        else:
            self._listener = socket.create_server(address, backlog=1024)
            self.name = "%s:%d" % self._listener.getsockname()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def saw(self, request):
        with self._guard:
            self.requests.append(request)

    def wait_requests(self, count=1):
        """Waits until so many have come; exactly as many."""
        wait_for(lambda: len(self.requests) >= count, f"{count} requests at the origin")
        assert len(self.requests) == count
        return self.requests

    @property
    def request(self):
        """The only one that there was."""
        assert len(self.requests) == 1, [request.head for request in self.requests]
        return self.requests[0]

    def refuse(self):
        """Listens no more; connections that are open stay."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()

    def close(self):
        self.closing = True
        if self._threads[0].is_alive():
            self.refuse()
        for connection in self.connections:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed already
        for thread in self._threads:
            thread.join()

    def check(self):
        """Fails if a gateway has sent what is not a request, or a script's own assertion has failed."""
        if self.faults:
            raise self.faults[0]

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            connection = Served(self, accepted)
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=[connection], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        try:
            if self.context:
                connection.socket = self.context.wrap_socket(connection.socket, server_side=True)
            self.script(connection)
        except AssertionError as fault:
            self.faults.append(fault)
        except (EOFError, OSError, ValueError):
            pass  # the gateway has left; whether it may have is the test's question
        finally:
            connection.close()


def answer(body=b"", status=200, headers=(), length=True):
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*parts, trailers=""):
    """A body in chunks of these."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return body + b"0\r\n" + trailers.encode() + b"\r\n"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def serve(*steps):
    """A script: the origin's first request is answered by the first step, the second by the second, ...,
    all further ones by the last. A step is bytes, or called with the connection and the request; a
    connection lasts until a step has closed it."""
    count = iter(range(1_000_000))

    def script(connection):
        while request := connection.request():
            step = steps[min(next(count), len(steps) - 1)]
            if callable(step):
                step(connection, request)
            else:
                connection.send(step)
            if connection.socket.fileno() < 0:
                return

    return script
