"""An app with an SSE endpoint, played by the test: it sees each request and sends each byte."""

import queue
import socket
import threading

from harness.wait import TIMEOUT


class Request:
    """One request of the gateway, and its connection."""

    def __init__(self, connection, head):
        self.connection = connection
        start, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = start.split(" ")
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    @property
    def last_event_id(self):
        return self.headers.get("last-event-id")

    def answer(self, status, fields=(), body=b""):
        """A whole answer, and the connection's end."""
        lines = [f"HTTP/1.1 {status} Whatever", "Connection: close", *fields]
        if status != 204:
            lines.append(f"Content-Length: {len(body)}")
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        self.end()

    def open(self, fields=("Content-Type: text/event-stream",)):
        """Begins the stream: it ends with the connection."""
        self.send(("\r\n".join(["HTTP/1.1 200 OK", *fields]) + "\r\n\r\n").encode())
        return self

    def send(self, data):
        self.connection.sendall(data.encode() if isinstance(data, str) else data)

    def event(self, data, id=None, event=None):
        lines = [f"data: {line}" for line in data.split("\n")]
        if id is not None:
            lines.insert(0, f"id: {id}")
        if event is not None:
            lines.insert(0, f"event: {event}")
        self.send("\n".join(lines) + "\n\n")

    def end(self):
        """The end of the connection, cleanly."""
        self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def wait_closed(self):
        """Waits until the gateway has closed the connection."""
        self.connection.settimeout(TIMEOUT)
        try:
            assert self.connection.recv(1) == b"", "bytes after the request"
        except ConnectionResetError:
            pass


class SseApp:
    def __init__(self, port=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.seen = 0  # requests
        self._requests = queue.Queue()
        self._connections = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(TIMEOUT)
            self._connections.append(connection)
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(65536)
                if not more:
                    break
                head += more
            if head:
                self.seen += 1
                self._requests.put(Request(connection, head.partition(b"\r\n\r\n")[0]))

    def next(self):
        """The next request."""
        try:
            return self._requests.get(timeout=TIMEOUT)
        except queue.Empty:
            raise AssertionError("the gateway asked for nothing") from None

    def close(self):
        """Ends all connections and listens no more."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join()
        for connection in self._connections:
            connection.close()
