"""Bodies of requests on their way to an upstream: every framing, streamed or whole, with backpressure,
limits, and clients that want to hear 100 first."""

import hashlib
import threading

import pytest

from harness.origin import answer
from harness.wait import PATIENCE, TIMEOUT, wait_for

OK = answer(b"ok")
HEAD = "POST /x HTTP/1.1\r\nHost: test\r\n"


def chunks(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


@pytest.mark.parametrize("buffering", [False, True])
def test_body_with_a_length(make_proxy, buffering):
    gateway, origin = make_proxy(OK, route={"request_buffering": buffering})
    for body in ("", "x", "y" * 100_000):
        assert gateway.fetch("POST", "/", body=body).status == 200
        assert origin.requests[-1].body == body.encode()
        assert origin.requests[-1].get("content-length") == str(len(body))


@pytest.mark.parametrize("buffering", [False, True])
def test_body_in_chunks(make_proxy, buffering):
    gateway, origin = make_proxy(OK, route={"request_buffering": buffering})
    bodies = [[], [b"x"], [b"ab", b"c" * 70_000, b"d"]]
    with gateway.connect() as connection:
        for parts in bodies:
            connection.send(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(*parts) + b"0\r\n\r\n")
            assert connection.response().status == 200
            assert origin.requests[-1].body == b"".join(parts)
    # What is whole has a length; what is not must be in chunks.
    for request in origin.requests[1:]:
        assert (request.get("content-length") is not None) == buffering


def test_chunk_extensions_and_spellings_do_not_pass(make_proxy):
    gateway, origin = make_proxy(OK)
    with gateway.connect() as connection:
        connection.send(HEAD + "Transfer-Encoding: Chunked\r\n\r\n"
                        "3;name=value\r\nabc\r\n00A\r\n0123456789\r\n000;last\r\n\r\n")
        assert connection.response().status == 200
    assert origin.request.body == b"abc0123456789"
    received = origin.connections[0].received
    assert b"name" not in received and b"last" not in received


def test_torn_body_is_put_together(make_proxy):
    gateway, origin = make_proxy(OK)
    with gateway.connect() as connection:
        for byte in HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(b"abc", b"de") + b"0\r\n\r\n":
            connection.send(bytes([byte]))
        assert connection.response().status == 200
    assert origin.request.body == b"abcde"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upstream_sees_the_beginning_before_the_end_was_sent(make_proxy, framing):
    saw_beginning = threading.Event()

    def step(connection):
        request = connection.request_head()
        if framing == "chunked":
            assert connection.take_chunk() == b"first"
        else:
            assert connection.take(5) == b"first"
        saw_beginning.set()
        if framing == "chunked":
            assert connection.take_chunk() == b"second" and connection.take_chunk() == b""
            connection.take(2)
        else:
            assert connection.take(6) == b"second"
        assert request.method == "POST"
        connection.send(OK)

    gateway, origin = make_proxy(script=step)
    with gateway.connect() as connection:
        if framing == "chunked":
            connection.send(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(b"first"))
        else:
            connection.send(HEAD + "Content-Length: 11\r\n\r\nfirst")
        assert saw_beginning.wait(TIMEOUT)
        connection.send(chunks(b"second") + b"0\r\n\r\n" if framing == "chunked" else b"second")
        assert connection.response().status == 200


def test_upstream_hears_of_a_request_before_its_body(make_proxy):
    seen = threading.Event()

    def script(connection):
        connection.request_head()
        seen.set()
        assert connection.take_chunk() == b"01234" and connection.take_chunk() == b"56789"
        assert connection.take_chunk() == b"" and connection.take(2) == b"\r\n"
        connection.send(OK)

    gateway, _ = make_proxy(script=script)
    with gateway.connect() as connection:
        connection.send(HEAD + "Transfer-Encoding: chunked\r\n\r\n")
        assert seen.wait(TIMEOUT)
        connection.send(chunks(b"01234"))
        connection.send(chunks(b"56789") + b"0\r\n\r\n")
        assert connection.response().status == 200


@pytest.mark.parametrize("buffering", [False, True])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("sizes", [[10, 1280, 5120, 6], [1280, 5120, 10, 6], [0, 100_000, 0, 1, 65536]])
def test_pipelined_bodies_stay_apart(make_proxy, sizes, framing, buffering):
    gateway, origin = make_proxy(OK, route={"request_buffering": buffering})
    bodies = [(b"%d-" % number + b"0123456789" * 10_000)[:size] for number, size in enumerate(sizes)]
    data = b""
    for body in bodies:
        data += HEAD.encode()
        if framing == "length":
            data += b"Content-Length: %d\r\n\r\n" % len(body) + body
        else:
            data += b"Transfer-Encoding: chunked\r\n\r\n" + (chunks(body) if body else b"") + b"0\r\n\r\n"
    with gateway.connect() as connection:
        thread = threading.Thread(target=connection.send, args=[data])
        thread.start()
        assert [connection.response().status for _ in bodies] == [200] * len(bodies)
        thread.join()
    assert [request.body for request in origin.requests] == bodies


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_bodies_that_nobody_wants_are_skipped(make_gateway, framing):
    """There is no upstream at all: each is answered, and none is taken for the next request."""
    gateway = make_gateway()
    data = b""
    for size in (10, 1280, 5120, 6):
        data += HEAD.encode() + (b"Content-Length: %d\r\n\r\n" % size if framing == "length" else
                                 b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size) + b"G" * size
        data += b"" if framing == "length" else b"\r\n0\r\n\r\n"
    with gateway.connect() as connection:
        connection.send(data)
        assert [connection.response().status for _ in range(4)] == [404] * 4


def test_whole_body_first_with_request_buffering(make_proxy):
    gateway, origin = make_proxy(OK, route={"request_buffering": True})
    with gateway.connect() as connection:
        connection.send(HEAD + "Content-Length: 11\r\n\r\nfirst")
        # Another request is answered meanwhile: time enough for the first to have reached the origin.
        assert gateway.fetch("GET", "/other").status == 200
        assert [request.target for request in origin.requests] == ["/other"]
        connection.send("second")
        assert connection.response().status == 200
    assert origin.requests[1].body == b"firstsecond"


@pytest.mark.parametrize("how", ["close", "half_close", "reset"])
def test_client_that_leaves_inside_its_body_leaves_the_upstream(make_proxy, how):
    ended = threading.Event()

    def step(connection):
        connection.request_head()
        connection.take(5)
        connection.wait_end()
        ended.set()

    gateway, origin = make_proxy(script=step)
    with gateway.connect() as connection:
        connection.send(HEAD + "Content-Length: 11\r\n\r\nfirst")
        origin.wait_requests()
        getattr(connection, how)()
        assert ended.wait(TIMEOUT), "the upstream's connection was kept"
        gateway.wait_metric("sluice_http_requests_total", 1, route="/", status="499")
        gateway.wait_metric("sluice_connections", 0, state="http")


def test_slow_upstream_makes_the_client_wait(make_proxy):
    go = threading.Event()
    size = 64 << 20
    digest = []

    def step(connection):
        connection.request_head()
        assert go.wait(TIMEOUT)
        left, found = size, hashlib.sha256()
        while left:
            data = connection.take(min(left, 65536))
            found.update(data)
            left -= len(data)
        digest.append(found.digest())
        connection.send(OK)

    gateway, _ = make_proxy(script=step, route={"body_bytes": "100MiB"})
    before = gateway.memory()
    block = bytes(range(256)) * 4096
    with gateway.connect() as connection:
        connection.send(HEAD + f"Content-Length: {size}\r\n\r\n")
        sent = 0
        connection.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            while sent < size:
                sent += connection.socket.send(block[sent % len(block):])
        assert sent < size - (16 << 20), "all of it was taken in"
        assert gateway.memory() - before < (16 << 20) * PATIENCE
        go.set()
        connection.socket.settimeout(TIMEOUT)
        while sent < size:
            sent += connection.socket.send(block[sent % len(block):][:size - sent])
        assert connection.response().status == 200
    assert digest == [hashlib.sha256(block * (size // len(block))).digest()]


def test_too_large_a_body_is_refused_before_it_is_read(make_proxy):
    gateway, origin = make_proxy(OK, route={"body_bytes": "1KiB"})
    with gateway.connect() as connection:
        connection.send(HEAD + "Content-Length: 1025\r\nExpect: 100-continue\r\n\r\n")
        assert connection.head().status == 413
    assert gateway.fetch("POST", "/", body="x" * 1024).status == 200
    assert [request.body for request in origin.requests] == [b"x" * 1024]


@pytest.mark.parametrize("buffering", [False, True])
def test_too_large_a_body_in_chunks_is_refused_when_it_is(make_proxy, buffering):
    ends = []

    def step(connection):
        try:
            connection.request()
        except EOFError:
            ends.append(connection.ended)
            return
        connection.send(OK)

    gateway, origin = make_proxy(script=step, route={"body_bytes": "1KiB", "request_buffering": buffering})
    with gateway.connect() as connection:
        connection.send(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(b"x" * 1000, b"y" * 25))
        assert connection.response().status == 413
    if buffering:
        assert origin.requests == []
    else:  # never an end that would make a part of the body pass for all of it
        wait_for(lambda: ends or not origin.requests, "the upstream's connection ends inside the body")


def test_expect_is_answered_by_the_gateway(make_proxy):
    gateway, origin = make_proxy(OK)
    with gateway.connect() as connection:
        connection.send(HEAD + "Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n")
        assert connection.head().status == 100
        connection.send("hello")
        assert connection.head().status == 200
    assert origin.request.body == b"hello" and origin.request.all("expect") == []


@pytest.mark.parametrize("buffering", [False, True])
def test_expect_without_waiting(make_proxy, buffering):
    gateway, origin = make_proxy(OK, route={"request_buffering": buffering})
    with gateway.connect() as connection:
        connection.send(HEAD + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
        assert connection.response().status == 200
    assert origin.request.body == b"hello"


def test_http_1_0_never_hears_100(make_proxy):
    gateway, origin = make_proxy(OK)
    with gateway.connect() as connection:
        connection.send("POST / HTTP/1.0\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
        assert connection.head().status == 200
    assert origin.request.body == b"hello"


@pytest.mark.parametrize("expectation", ["unknown", "token=param", "100-continue, unknown", "100-continue;x=y", ""])
def test_other_expectations_cannot_be_met(make_proxy, expectation):
    """RFC 9110 10.1.1. The body is not read, so it cannot be the next request."""
    gateway, origin = make_proxy(OK)
    with gateway.connect() as connection:
        connection.send(HEAD + f"Content-Length: 5\r\nExpect: {expectation}\r\n\r\nhello")
        response = connection.response()
        assert response.status == 417 and response.get("connection") == "close"
        assert connection.take_rest() == b""
    assert origin.connections == []


def test_upstream_that_says_100_itself(make_proxy):
    def step(connection, _):
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)

    gateway, _ = make_proxy(step)
    with gateway.connect() as connection:
        connection.request("POST", "/", body="hello")
        assert connection.head().status == 200  # nobody asked for the 100


@pytest.mark.parametrize("status", [200, 413])
def test_answer_before_the_body_was_sent(make_proxy, status):
    """Passed on at once. The rest of the body goes nowhere, and the connection to the upstream is not used
    again: what is left of the body would be its next request."""

    def step(connection):
        request = connection.request_head()
        connection.send(answer(b"early", status if request.method == "POST" else 200))
        connection.wait_end()

    gateway, origin = make_proxy(script=step)
    with gateway.connect() as connection:
        connection.send(HEAD + "Content-Length: 100000\r\n\r\nfirst")
        response = connection.response()
        assert (response.status, response.body) == (status, b"early")
    assert gateway.fetch("GET", "/next").body == b"early"
    assert [connection.requests[0].target for connection in origin.connections] == ["/x", "/next"]


def test_trailers_of_a_request_stay_trailers(make_proxy):
    gateway, origin = make_proxy(OK)
    with gateway.connect() as connection:
        connection.send(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(b"abc") +
                        b"0\r\nX-Trailer: 1\r\nContent-Length: 5\r\nHost: evil\r\n\r\n")
        assert connection.response().status == 200
    assert origin.request.get("x-trailer") is None and origin.request.get("host") == "test"
    assert origin.request.trailers == [("x-trailer", "1")]
