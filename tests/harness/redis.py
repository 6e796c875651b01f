"""A real redis-server that keeps nothing, and a door in front of it that can be broken."""

import pathlib
import signal
import socket
import subprocess
import threading

from harness.process import end, spawn
from harness.wait import wait_for


class RedisError(Exception):
    pass


class RedisClient:
    """As much of RESP as the tests need."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def command(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%b\r\n" % (len(word), word) for word in words))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        size = int(rest)
        if size < 0:
            return None
        if kind == b"$":
            return self.file.read(size + 2)[:-2]
        return [self.reply() for _ in range(size)]


class RedisServer:
    def __init__(self, folder, *options):
        self.folder = pathlib.Path(folder)
        self.unix_path = str(self.folder / "redis.sock")
        self.options = options
        self.password = dict(zip(options[::2], options[1::2])).get("--requirepass")
        self.port = None
        self.process = None
        self._client = None

    @property
    def address(self):
        return "127.0.0.1", self.port

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        """Starts it: the first time on a free port, then always on that one."""
        for _ in range(20):
            port = self.port or free_port()
            with open(self.folder / "redis.log", "ab") as log:
                self.process = spawn(
                    ["redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket",
                     self.unix_path, "--save", "", "--appendonly", "no", "--daemonize", "no",
                     "--dir", self.folder, *self.options], stdout=log, stderr=log)
            if wait_for(lambda: self._answers() or self.process.poll() is not None,
                        "redis-server answers") is True and self.process.poll() is None:
                self.port = port
                return self
        raise AssertionError("redis-server does not start: " +
                             (self.folder / "redis.log").read_text())

    def _answers(self):
        try:
            return self.command("PING") == "PONG"
        except (OSError, RedisError):
            return False

    def command(self, *words):
        """Over the unix socket, which stays the server's own when its port is contended."""
        if self._client is None:
            self._client = RedisClient(self.unix_path)
            if self.password:
                self._client.command("AUTH", self.password)
        try:
            return self._client.command(*words)
        except (OSError, ConnectionError):
            self._forget()
            raise

    def _forget(self):
        if self._client:
            self._client.close()
            self._client = None

    def publish(self, channel, data):
        """How many subscribers got it."""
        return self.command("PUBLISH", channel, data)

    def subscribers(self, channel):
        return self.command("PUBSUB", "NUMSUB", channel)[1]

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self._forget()
        if self.process and self.process.poll() is None:
            self.resume()
            end(self.process)

    def kill(self):
        """As a crash would: without a word to its clients."""
        self._forget()
        end(self.process, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis_cli(server, *words):
    """Debian's redis-cli, as a user would call it."""
    return subprocess.run(
        ["redis-cli", "-p", str(server.port), *words], capture_output=True, text=True, timeout=10,
        check=True).stdout.strip()


class Door:
    """A TCP door in front of a server: open, or broken in the way that a test asks for.

    open     bytes pass both ways
    silent   connections are accepted and nothing is ever answered
    a bytes  each thing the client sends is answered with these bytes
    """

    def __init__(self, target=None, mode="open"):
        self.target = target
        self.mode = mode
        self.accepted = 0
        self._sockets = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return self._listener.getsockname()

    @property
    def url(self):
        return "redis://%s:%d" % self.address

    def set(self, mode):
        """Changes the mode, for open connections too."""
        self.mode = mode

    def cut(self):
        """Closes every connection; new ones are accepted."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            with self._lock:
                self._sockets.add(client)
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client):
        server = None
        try:
            if self.target:
                server = socket.create_connection(self.target)
                with self._lock:
                    self._sockets.add(server)
                threading.Thread(target=self._pump, args=[server, client, True], daemon=True).start()
            self._pump(client, server, False)
        except OSError:
            pass  # the server is down: so is the door
        finally:
            client.close()
            if server:
                server.close()

    def _pump(self, source, sink, from_server):
        try:
            while data := source.recv(65536):
                mode = self.mode
                if mode == "open" and sink:
                    sink.sendall(data)
                elif isinstance(mode, bytes) and not from_server:
                    source.sendall(mode)
        except OSError:
            pass  # cut
        finally:
            for one in (source, sink):
                try:
                    if one:
                        one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # closed already
