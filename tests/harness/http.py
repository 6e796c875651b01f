"""HTTP/1.1 over a raw socket: every byte is the test's own."""

import dataclasses
import socket
import struct
import time

from harness.wait import TIMEOUT


@dataclasses.dataclass
class Response:
    status: int
    version: str
    headers: list  # of (name in lower case, value), in order
    body: bytes
    head: bytes  # as it came, with the empty line

    def get(self, name):
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


class Connection:
    """A client's connection. Whatever it reads it waits for, at most TIMEOUT."""

    def __init__(self, address, timeout=TIMEOUT, receive_buffer=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.timeout = timeout
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.buffer = b""
        self.ended = None  # "eof" or "reset" once the peer has ended the connection

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def request(self, method, target, headers=(), body=None, version="HTTP/1.1", host="test"):
        lines = [f"{method} {target} {version}"]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            body = body.encode() if isinstance(body, str) else body
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    def fill(self, deadline=None):
        """Reads once; False at the connection's end."""
        if self.ended:
            return False
        left = self.timeout if deadline is None else max(deadline - time.monotonic(), 0.001)
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            self.ended = "reset"
            return False
        if not data:
            self.ended = "eof"
            return False
        self.buffer += data
        return True

    def take_until(self, mark):
        deadline = time.monotonic() + self.timeout
        while mark not in self.buffer:
            if not self.fill(deadline):
                raise EOFError(f"connection ended ({self.ended}) after {self.buffer[:500]!r}")
        taken, _, self.buffer = self.buffer.partition(mark)
        return taken + mark

    def take(self, size):
        deadline = time.monotonic() + self.timeout
        while len(self.buffer) < size:
            if not self.fill(deadline):
                raise EOFError(f"connection ended ({self.ended}) after {self.buffer[:500]!r}")
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def take_chunk(self):
        """The data of one chunk; b"" for the last one, after which the body and its trailers are over."""
        size = int(self.take_until(b"\r\n"), 16)
        if size == 0:
            while self.take_until(b"\r\n") != b"\r\n":
                pass
            return b""
        data = self.take(size)
        assert self.take(2) == b"\r\n"
        return data

    def take_rest(self):
        """Everything until the connection ends; self.ended says how it ended."""
        deadline = time.monotonic() + self.timeout
        while self.fill(deadline):
            pass
        rest, self.buffer = self.buffer, b""
        return rest

    def head(self):
        """A response's head, with an empty body."""
        head = self.take_until(b"\r\n\r\n")
        start, *lines = head[:-4].decode("latin-1").split("\r\n")
        version, status, _ = (start + " ").split(" ", 2)
        headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            assert colon, f"no colon in {line!r}"
            headers.append((name.lower(), value.strip()))
        return Response(int(status), version, headers, b"", head)

    def response(self, method="GET"):
        """A whole response; 1xx ones are skipped."""
        response = self.head()
        while response.status // 100 == 1:
            response = self.head()
        if method == "HEAD" or response.status in (204, 304):
            return response
        if response.get("transfer-encoding") == "chunked":
            while chunk := self.take_chunk():
                response.body += chunk
        elif response.get("content-length") is not None:
            response.body = self.take(int(response.get("content-length")))
        else:
            response.body = self.take_rest()
        return response

    def wait_closed(self):
        """Waits for the peer's end of the connection; nothing more may come before it."""
        rest = self.take_rest()
        assert rest == b"", f"unexpected bytes {rest[:500]!r}"
        return self.ended


def fetch(address, method, target, headers=(), body=None):
    """One request on a connection of its own."""
    with Connection(address) as connection:
        connection.request(method, target, [*headers, ("Connection", "close")], body)
        return connection.response(method)
