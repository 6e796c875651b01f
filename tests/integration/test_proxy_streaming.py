"""Streams of an app through the gateway: every event at once, whatever the framing, the splits and the
route's buffering."""

import threading

import pytest

from harness.origin import answer
from harness.wait import PATIENCE, TIMEOUT, wait_for

EVENT_STREAM = "Content-Type: text/event-stream"


class Framing:
    """How an origin frames a stream of pieces whose number it knows beforehand."""

    def __init__(self, name, pieces):
        self.name, self.pieces = name, pieces

    def head(self, content_type):
        fields = {"chunked": "Transfer-Encoding: chunked", "length": f"Content-Length: {sum(map(len, self.pieces))}",
                  "end": "Connection: close"}[self.name]
        return f"HTTP/1.1 200 OK\r\n{content_type}\r\n{fields}\r\n\r\n".encode()

    def frame(self, piece):
        return b"%x\r\n%s\r\n" % (len(piece), piece) if self.name == "chunked" else piece

    def end(self, connection):
        if self.name == "chunked":
            connection.send(b"0\r\n\r\n")
        elif self.name == "end":
            connection.close()


def pieces_of(connection):
    """The body's bytes as they come."""
    head = connection.head()
    assert head.status == 200
    if head.get("transfer-encoding") == "chunked":
        return connection.take_chunk
    return lambda: connection.take(1)


SPLITS = {
    "whole": lambda data: [data],
    "size and data apart": lambda data: [data[:data.index(b"\n") + 1], data[data.index(b"\n") + 1:]],
    "last byte apart": lambda data: [data[:-1], data[-1:]],
}


@pytest.mark.parametrize("buffering", ["on", "off"])
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("framing", ["chunked", "length", "end"])
@pytest.mark.parametrize("content_type", [EVENT_STREAM, "Content-Type: Text/Event-Stream; charset=utf-8"])
def test_every_event_passes_before_the_next_one_is_written(make_proxy, content_type, framing, split, buffering):
    events = [b"data: %d\n\n" % number for number in range(20)]
    framed = Framing(framing, events)
    seen = threading.Semaphore(0)

    def step(connection, _):
        connection.send(framed.head(content_type))
        for event in events:
            for part in SPLITS[split](framed.frame(event)):
                connection.send(part)
            # Only when the client has it does the next one come: one that is held would be missed.
            assert seen.acquire(timeout=TIMEOUT)
        framed.end(connection)

    gateway, _ = make_proxy(step, route={"buffering": buffering})
    with gateway.connect() as connection:
        connection.request("GET", "/", [("Accept", "text/event-stream")])
        take, body = pieces_of(connection), b""
        for number, _ in enumerate(events):
            while body != b"".join(events[:number + 1]):
                body += take()
            seen.release()
        if connection.buffer or framing != "length":
            assert take() == b""


@pytest.mark.parametrize("framing", ["chunked", "end"])
def test_head_passes_before_the_first_event(make_proxy, framing):
    go = threading.Event()

    def step(connection, _):
        connection.send(Framing(framing, []).head(EVENT_STREAM))
        assert go.wait(TIMEOUT)
        connection.send(Framing(framing, []).frame(b"data: 1\n\n"))

    gateway, _ = make_proxy(step)
    with gateway.connect() as connection:
        connection.request("GET", "/")
        assert connection.head().get("content-type") == "text/event-stream"
        go.set()
        assert connection.take_until(b"data: 1\n\n")


@pytest.mark.parametrize("framing", ["chunked", "end"])
@pytest.mark.parametrize("content_type", ["Content-Type: application/x-ndjson", "Content-Type: text/plain", "X: y"])
def test_unknown_length_passes_at_once_too(make_proxy, framing, content_type):
    """Tokens of a language model are not always an event stream."""
    framed = Framing(framing, [])
    seen = threading.Semaphore(0)

    def step(connection, _):
        connection.send(framed.head(content_type))
        for number in range(5):
            connection.send(framed.frame(b"%d" % number))
            assert seen.acquire(timeout=TIMEOUT)
        framed.end(connection)

    gateway, _ = make_proxy(step)
    with gateway.connect() as connection:
        connection.request("GET", "/")
        take = pieces_of(connection)
        for number in range(5):
            assert take() == b"%d" % number
            seen.release()
        assert take() == b""


def test_what_is_held_goes_out_when_the_app_goes_quiet(make_proxy):
    go = threading.Event()

    def step(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        assert go.wait(TIMEOUT)
        connection.send(b"world")

    gateway, _ = make_proxy(step)  # buffering is on
    with gateway.connect() as connection:
        connection.request("GET", "/")
        assert connection.head().status == 200 and connection.take(5) == b"hello"
        go.set()
        assert connection.take(5) == b"world"


def test_http_1_0_client(make_proxy):
    seen = threading.Semaphore(0)

    def step(connection, _):
        connection.send(Framing("chunked", []).head(EVENT_STREAM))
        for number in range(5):
            connection.send(Framing("chunked", []).frame(b"%d" % number))
            assert seen.acquire(timeout=TIMEOUT)
        connection.send(b"0\r\n\r\n")

    gateway, _ = make_proxy(step)
    with gateway.connect() as connection:
        connection.request("GET", "/", version="HTTP/1.0")
        assert connection.head().get("transfer-encoding") is None
        for number in range(5):
            assert connection.take(1) == b"%d" % number
            seen.release()
        assert connection.wait_closed() == "eof"


@pytest.mark.parametrize("how", ["close", "half_close", "reset"])
def test_client_that_leaves_a_stream_ends_the_apps_work(make_proxy, how):
    ended = threading.Event()

    def step(connection, _):
        connection.send(Framing("chunked", []).head(EVENT_STREAM))
        connection.wait_end()
        ended.set()

    gateway, _ = make_proxy(step)
    with gateway.connect() as connection:
        connection.request("GET", "/")
        connection.head()
        getattr(connection, how)()
        assert ended.wait(TIMEOUT)
        gateway.wait_metric("sluice_connections", 0, state="http")


def test_stream_outlives_every_timeout_but_that_of_silence(make_proxy):
    stop = threading.Event()

    def step(connection, _):
        connection.send(Framing("chunked", []).head(EVENT_STREAM))
        while not stop.wait(0.05):
            connection.send(Framing("chunked", []).frame(b": alive\n\n"))

    gateway, _ = make_proxy(step, upstream={"read_timeout": "500ms", "keepalive": {"age": "500ms"}}, changes={
        "limits": {"idle_timeout": "500ms", "header_timeout": "500ms", "body_timeout": "500ms"}})
    with gateway.connect() as connection:
        connection.request("GET", "/")
        connection.head()
        for _ in range(40):  # about two seconds
            assert connection.take_chunk().startswith(b": alive")
    stop.set()


def test_slow_client_of_a_stream_costs_little_and_delays_nobody(make_proxy):
    stop = threading.Event()

    def step(connection, request):
        if request.target == "/flood":
            connection.send(Framing("chunked", []).head(EVENT_STREAM))
            while not stop.is_set():
                connection.send(Framing("chunked", []).frame(b"data: " + b"x" * 10_000 + b"\n\n"))
        else:
            connection.send(answer(b"ok"))

    gateway, _ = make_proxy(step)
    before = gateway.memory()
    slow = gateway.connect(receive_buffer=4096)
    slow.request("GET", "/flood")
    slow.head()
    for _ in range(200):
        assert gateway.fetch("GET", "/").status == 200
    assert gateway.memory() - before < (8 << 20) * PATIENCE
    slow.close()
    stop.set()


def test_reload_and_drain_leave_a_stream_its_time(make_proxy):
    go = threading.Event()

    def step(connection, _):
        connection.send(Framing("chunked", []).head(EVENT_STREAM) + Framing("chunked", []).frame(b"1"))
        assert go.wait(TIMEOUT)
        connection.send(Framing("chunked", []).frame(b"2") + b"0\r\n\r\n")

    gateway, _ = make_proxy(step)
    with gateway.connect() as connection:
        connection.request("GET", "/")
        take = pieces_of(connection)
        assert take() == b"1"
        gateway.signal(1)  # HUP
        gateway.wait_log("reload")
        go.set()
        assert take() == b"2" and take() == b""
    wait_for(lambda: gateway.metric("sluice_connections") == 0, "it is over")
