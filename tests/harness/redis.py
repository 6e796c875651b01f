"""A real redis-server that keeps nothing."""

import pathlib
import signal
import socket
import subprocess

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
