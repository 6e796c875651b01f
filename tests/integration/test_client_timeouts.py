"""limits.body_timeout and limits.write_timeout: each direction of a connection has its own, and moving
bytes the other way puts neither off."""

import threading
import time

import pytest

from harness.origin import CHUNKED
from harness.wait import PATIENCE, TIMEOUT, wait_for

POST = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n"
SHORT = f"{int(500 * PATIENCE)}ms"
LONG = "1h"


@pytest.fixture
def endless(make_proxy, folder):
    """endless(limits): a gateway, on TCP and a unix socket, to an app that answers without end before it
    has the request's body; and an event that says when the gateway has left the app."""

    def make(**limits):
        left = threading.Event()

        def script(connection):
            connection.request_head()
            connection.send(CHUNKED)
            chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
            try:
                while True:
                    connection.socket.settimeout(None)
                    connection.send(chunk)
            except OSError:
                left.set()

        path = f"{folder}/client.sock"
        gateway, _ = make_proxy(script=script, changes={"limits": limits, "listen": ["127.0.0.1:0", f"unix:{path}"]})
        return gateway, path, left

    return make


def connect(gateway, path, over):
    # The kernel itself cuts a client of TCP that takes nothing; one of a unix socket it leaves to us.
    return gateway.connect(receive_buffer=4096) if over == "tcp" else type(gateway.connect())(path)


@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_a_client_that_sends_its_body_and_reads_nothing_is_cut(endless, over):
    gateway, path, left = endless(write_timeout=SHORT, body_timeout=LONG)
    with connect(gateway, path, over) as connection:
        connection.send(POST)

        def cut():
            try:
                connection.send("x")
            except OSError:
                return True
            return False

        wait_for(cut, "the end of a client that reads nothing")
    assert left.wait(TIMEOUT)


@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_a_client_that_reads_and_owes_its_body_is_cut(endless, over):
    gateway, path, left = endless(write_timeout=LONG, body_timeout=SHORT)
    with connect(gateway, path, over) as connection:
        connection.send(POST + "x")

        def cut():
            connection.buffer = b""
            return not connection.fill()

        wait_for(cut, "the end of a client that reads and sends nothing")
    assert left.wait(TIMEOUT)


def test_a_client_that_does_both_slowly_is_not_cut(endless):
    gateway, path, _ = endless(write_timeout=SHORT, body_timeout=SHORT)
    with connect(gateway, path, "tcp") as connection:
        connection.send(POST)
        began = time.monotonic()

        def four_times_as_long():
            connection.send("x")
            assert connection.fill(), "it was cut"
            connection.buffer = b""
            return time.monotonic() > began + 4 * 0.5 * PATIENCE

        wait_for(four_times_as_long, "the end of a time in which it sends and reads a little now and then")
