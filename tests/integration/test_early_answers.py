"""Servers that answer, or leave, while a request's body is still on its way to them."""

import threading

import pytest

from harness.origin import answer
from harness.wait import TIMEOUT, wait_for

SIZE = 8 << 20
ROUTE = {"body_bytes": "100MiB"}
REFUSAL = answer(b"x" * 20_000, 413, [("Content-Type", "text/plain")])


def head(method="POST", framing="length", size=SIZE):
    field = f"Content-Length: {size}" if framing == "length" else "Transfer-Encoding: chunked"
    return f"{method} /upload HTTP/1.1\r\nHost: test\r\n{field}\r\n\r\n".encode()


def body(framing="length", size=SIZE):
    block = bytes(1 << 16)
    for _ in range(size // len(block)):
        yield block if framing == "length" else b"%x\r\n%s\r\n" % (len(block), block)
    if framing == "chunked":
        yield b"0\r\n\r\n"


def is_refusal(response):
    assert (response.status, response.body) == (413, b"x" * 20_000)
    return True


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_client_that_sends_on_can_read_the_whole_answer(make_proxy, framing):
    """It reads only when it has sent everything, as simple clients do: a reset in between would take the
    answer away from it."""
    answered = threading.Event()

    def script(connection):
        connection.request_head()
        connection.send(REFUSAL)
        answered.set()
        connection.wait_end()

    gateway, origin = make_proxy(script=script, route=ROUTE)
    with gateway.connect() as connection:
        connection.send(head(framing=framing))
        assert answered.wait(TIMEOUT)
        for piece in body(framing):
            connection.send(piece)
        response = connection.response()
        assert is_refusal(response) and response.get("connection") == "close"
        assert connection.wait_closed() == "eof"
    wait_for(lambda: origin.connections[0].ended, "the upstream's connection is not used again")
    assert len(origin.connections[0].received) < SIZE


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_answer_of_a_server_that_closes_on_what_it_has_not_read(make_proxy, framing):
    """Its kernel says RST to the rest of the body, behind an answer that is whole."""

    def script(connection):
        connection.request_head()
        connection.take(100_000)
        connection.send(REFUSAL)
        connection.close()  # what is unread makes it a reset

    gateway, origin = make_proxy(script=script, route=ROUTE)
    for _ in range(20):  # who is first, the answer or the reset, is up to the kernel
        with gateway.connect() as connection:
            connection.send(head(framing=framing))
            for piece in body(framing):
                connection.send(piece)
            assert is_refusal(connection.response())
    assert len(origin.requests) == 20
    assert gateway.metric("sluice_upstream_requests_total", server=origin.name, status="413") == 20
    assert gateway.metric("sluice_upstream_failures_total") == 0


@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("how", ["reset", "close", "finish"])
def test_server_that_leaves_inside_the_body(make_gateway, make_origin, how, method, framing, kept):
    """It may have done what was asked of it: nobody else is asked, whatever the method, and on whatever connection."""

    def script(connection):
        if kept:
            connection.request()
            connection.send(answer(b"ok"))
        connection.request_head()
        connection.take(100_000)
        getattr(connection, how)()
        if how == "finish":
            connection.wait_end()

    servers = [make_origin(script=script) for _ in range(2)]
    gateway = make_gateway({"upstreams": {"app": {"servers": [server.name for server in servers]}},
                            "routes": [{"path": "/", "upstream": "app", **ROUTE}]})
    if kept:
        assert [gateway.fetch("GET", "/").status for _ in servers] == [200, 200]
    with gateway.connect() as connection:
        connection.send(head(method, framing))
        for piece in body(framing):
            connection.send(piece)
        assert connection.response().status == 502
    (line,) = gateway.wait_log("status=502 .*upstream app: (send|closed): ")
    reason = "send" if ": send: " in line else "closed"
    gateway.wait_metric("sluice_upstream_failures_total", 1, upstream="app", reason=reason)
    assert gateway.metric("sluice_upstream_failures_total") == 1
    assert gateway.metric("sluice_upstream_retries_total") == 0
    gateway.stop()
    assert [request.target for server in servers for request in server.requests].count("/upload") == 1
