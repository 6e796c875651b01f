"""Clients that leave while the gateway does not read from them: behind a pipelined request, or in a body
that the app takes too slowly. The call to the app is given up at once, as it is while reading."""

import threading
import time

import pytest

from harness.origin import answer
from harness.wait import PATIENCE, TIMEOUT

BEGUN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
WAYS = ["close", "half_close", "reset"]


class Until:
    """An app that sends `begun` and then waits until the gateway has left."""

    def __init__(self, begun=b""):
        self.begun = begun
        self.left = threading.Event()

    def __call__(self, connection, _):
        if self.begun:
            connection.send(self.begun)
        connection.wait_end()
        self.left.set()


def unread(gateway, connection):
    """Bytes of this connection that wait in the gateway's kernel."""
    ends = f":{gateway.address[1]:04X}", f":{connection.socket.getsockname()[1]:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            _, local, remote, _, queues, *_ = line.split()
            if (local[-5:], remote[-5:]) == ends:
                return int(queues.split(":")[1], 16)
    raise AssertionError("the gateway has no such connection")


def stays_unread(gateway, connection):
    deadline = time.monotonic() + 0.3 * PATIENCE
    while unread(gateway, connection):
        if time.monotonic() > deadline:
            return True
    return False


@pytest.mark.parametrize("begun", [b"", BEGUN], ids=["waiting", "begun"])
@pytest.mark.parametrize("how", WAYS)
def test_behind_a_pipelined_request(make_proxy, how, begun):
    app = Until(begun)
    gateway, origin = make_proxy(app)
    with gateway.connect() as connection:
        connection.send(b"GET /first HTTP/1.1\r\nHost: test\r\n\r\nGET /second HTTP/1.1\r\nHost: test\r\n\r\n")
        origin.wait_requests()
        if begun:
            connection.head()
            assert connection.take_chunk() == b"hello"
        getattr(connection, how)()
        assert app.left.wait(TIMEOUT), "the app works for nobody"
        gateway.wait_metric("sluice_http_requests_total", 1, route="/", status="200" if begun else "499")
        gateway.wait_metric("sluice_connections", 0, state="http")
    assert [request.target for request in origin.requests] == ["/first"]


def test_what_is_pipelined_behind_an_answer_of_the_gateway_is_served_to_a_half_closed_client(gateway):
    publish = "POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"
    with gateway.connect() as connection:
        connection.send(publish * 50)
        connection.half_close()
        assert [connection.response().status for _ in range(50)] == [202] * 50
        assert connection.wait_closed() == "eof"


@pytest.mark.parametrize("how", WAYS)
def test_in_a_body_that_waits_for_the_app(make_proxy, how):
    left = threading.Event()

    def script(connection):
        connection.request_head()
        drain.wait(3 * TIMEOUT)
        connection.wait_end()
        left.set()

    drain = threading.Event()
    gateway, _ = make_proxy(script=script, route={"body_bytes": "100MiB"})
    with gateway.connect() as connection:
        connection.send(f"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {100 << 20}\r\n\r\n")
        # Small steps: there has to be room for the FIN.
        while not stays_unread(gateway, connection):
            connection.send(bytes(16384))
        getattr(connection, how)()
        gateway.wait_metric("sluice_http_requests_total", 1, route="/", status="499")
        gateway.wait_metric("sluice_connections", 0, state="http")
    drain.set()
    assert left.wait(TIMEOUT)


def test_a_client_that_stays_is_served_after_the_pause(make_proxy):
    go = threading.Event()

    def step(connection, _):
        assert go.wait(TIMEOUT)
        connection.send(answer(b"ok"))

    gateway, origin = make_proxy(step, answer(b"second"), answer(b"third"))
    with gateway.connect() as connection:
        connection.send(b"GET /1 HTTP/1.1\r\nHost: test\r\n\r\nGET /2 HTTP/1.1\r\nHost: test\r\n\r\n")
        origin.wait_requests()
        connection.send(b"GET /3 HTTP/1.1\r\nHost: test\r\n\r\n")
        assert stays_unread(gateway, connection)
        go.set()
        assert [connection.response().body for _ in range(3)] == [b"ok", b"second", b"third"]
