"""Upgrade to WebSocket: a tunnel after 101 and not before, in both directions until either side ends it."""

import json
import pathlib
import threading

import pytest

from harness.origin import answer
from harness.wait import PATIENCE, TIMEOUT, wait_for

UPGRADE = [("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
SWITCHED = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


def echo(connection, request):
    """Switches, and gives back whatever comes."""
    connection.send(SWITCHED)
    while connection.buffer or connection.fill():
        data, connection.buffer = connection.buffer, b""
        connection.send(data)


def upgraded(gateway, more=b""):
    connection = gateway.connect()
    connection.request("GET", "/socket", UPGRADE)
    if more:
        connection.send(more)
    head = connection.head()
    assert head.status == 101
    assert head.get("upgrade").lower() == "websocket" and head.get("connection").lower() == "upgrade"
    assert head.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    return connection


def test_bytes_go_both_ways(make_proxy):
    gateway, origin = make_proxy(echo)
    with upgraded(gateway) as connection:
        for data in (b"\x81\x05hello", bytes(range(256)), b"GET / HTTP/1.1\r\n\r\n", b"x" * 3_000_000):
            threading.Thread(target=connection.send, args=[data]).start()
            assert connection.take(len(data)) == data
    request = origin.request
    assert request.get("upgrade") == "websocket" and request.get("connection").lower() == "upgrade"
    assert request.get("sec-websocket-key") == "dGhlIHNhbXBsZSBub25jZQ=="
    wait_for(lambda: origin.connections[0].ended, "the client's end has reached the upstream")


def test_bytes_that_come_with_the_heads(make_proxy):
    """A client may not send before 101, but its bytes must not be lost, or be taken for a request; an
    upstream may send at once."""

    def step(connection, _):
        connection.send(SWITCHED + b"first")
        assert connection.take(5) == b"early"
        connection.send(b"second")
        connection.wait_end()

    gateway, origin = make_proxy(step)
    with upgraded(gateway, b"early") as connection:
        assert connection.take(11) == b"firstsecond"
    assert len(origin.requests) == 1


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_upstreams_end_reaches_the_client(make_proxy, how):
    go = threading.Event()

    def step(connection, _):
        connection.send(SWITCHED + b"last words")
        assert go.wait(TIMEOUT)
        getattr(connection, how)()
        if how == "half_close":
            connection.wait_end()

    gateway, _ = make_proxy(step)
    with upgraded(gateway) as connection:
        assert connection.take(10) == b"last words"
        go.set()
        assert connection.take_rest() == b"" and connection.ended


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_clients_end_reaches_the_upstream(make_proxy, how):
    ended = threading.Event()

    def step(connection, _):
        connection.send(SWITCHED)
        assert connection.take(5) == b"hello"
        assert connection.take_rest() == b""
        ended.set()

    gateway, _ = make_proxy(step)
    connection = upgraded(gateway)
    connection.send("hello")
    if how == "reset":
        wait_for(lambda: gateway.metric("sluice_connections") >= 1, "it is counted")
    getattr(connection, how)()
    assert ended.wait(TIMEOUT)
    connection.close()


def test_what_was_sent_before_an_end_arrives(make_proxy):
    data = bytes(range(256)) * 8000

    def step(connection, _):
        connection.send(SWITCHED + data)
        connection.close()

    gateway, _ = make_proxy(step)
    with upgraded(gateway) as connection:
        assert connection.take_rest() == data and connection.ended == "eof"


def test_many_messages_of_all_sizes(make_proxy):
    gateway, _ = make_proxy(echo)
    messages = [b"%d:" % number + b"x" * size for number in range(10) for size in (65536 * 3, 4)]
    with upgraded(gateway) as connection:
        thread = threading.Thread(target=lambda: [connection.send(message) for message in messages])
        thread.start()
        for message in messages:
            assert connection.take(len(message)) == message
        thread.join()


def test_bytes_of_a_tunnel_are_in_the_access_log(make_proxy, folder):
    path = pathlib.Path(folder) / "access.log"
    gateway, _ = make_proxy(echo, changes={"log": {"access": {"path": str(path), "format": "json"}}})
    with upgraded(gateway) as connection:
        connection.send(b"x" * 50_000)
        assert connection.take(50_000) == b"x" * 50_000
    line = json.loads(wait_for(lambda: path.read_text(), "the line at its end").splitlines()[0])
    assert (line["status"], line["bytes"], line["target"]) == (101, 50_000, "/socket")


def test_426_says_to_what(make_proxy):
    """RFC 9110 15.5.22: it must have Upgrade, which Connection must name."""
    fields = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    gateway, _ = make_proxy(answer(b"newer", 426, fields))
    with gateway.connect() as connection:
        for headers in ([], UPGRADE):
            connection.request("GET", "/", headers)
            response = connection.response()
            assert (response.status, response.body) == (426, b"newer")
            assert response.get("upgrade") == "websocket" and response.get("connection") == "upgrade"
            assert response.get("sec-websocket-version") == "13"
        connection.request("GET", "/", [("Connection", "close")])
        response = connection.response()
        assert response.get("upgrade") == "websocket"
        assert set(response.get("connection").split(", ")) == {"upgrade", "close"}


@pytest.mark.parametrize("status, protocol", [(200, "websocket"), (200, "h2,h2c"), (426, "h2c"), (426, "TLS/1.0")])
def test_offers_to_upgrade_are_about_the_apps_own_connection(make_proxy, status, protocol):
    gateway, _ = make_proxy(answer(b"ok", status, [("Connection", "Upgrade"), ("Upgrade", protocol)]))
    response = gateway.fetch("GET", "/")
    assert response.status == status and response.get("upgrade") is None


@pytest.mark.parametrize("status", [200, 400, 401, 426])
def test_an_answer_that_does_not_switch(make_proxy, status):
    gateway, origin = make_proxy(answer(b"no", status))
    with gateway.connect() as connection:
        for _ in range(2):  # and the connection is HTTP as before
            connection.request("GET", "/socket", UPGRADE)
            response = connection.response()
            assert (response.status, response.body) == (status, b"no")
            assert response.get("upgrade") is None


def test_101_to_a_request_that_did_not_ask(make_proxy):
    gateway, _ = make_proxy(SWITCHED + b"SMUGGLED")
    with gateway.connect() as connection:
        connection.request("GET", "/")
        response = connection.response()
        assert response.status == 502 and b"SMUGGLED" not in response.body


@pytest.mark.parametrize("headers, route", [
    (UPGRADE, {"websocket": False}),
    ([("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")], {}),
    ([("Upgrade", "websocket")], {}),  # not nominated: not asked
    ([("Connection", "Upgrade")], {}),
    ([("Connection", "Upgrade"), ("Upgrade", "TLS/1.0")], {}),
])
def test_what_is_not_passed_on(make_proxy, headers, route):
    gateway, origin = make_proxy(answer(b"plain"), route=route)
    with gateway.connect() as connection:
        connection.request("GET", "/", headers)
        assert connection.response().body == b"plain"
        connection.request("GET", "/again")
        assert connection.response().body == b"plain"
    request = origin.requests[0]
    assert request.all("upgrade") == [] and "upgrade" not in (request.get("connection") or "").lower()
    assert request.all("http2-settings") == []


@pytest.mark.parametrize("method, body", [("POST", b"hello"), ("GET", b"hello")])
def test_upgrade_with_a_body_is_refused_or_plain(make_proxy, method, body):
    """The body's end is the tunnel's beginning: who counts differently would smuggle."""
    gateway, origin = make_proxy(lambda connection, _: connection.send(answer(b"plain")))
    with gateway.connect() as connection:
        connection.request(method, "/", UPGRADE, body)
        response = connection.response()
        assert response.status in (200, 400, 501)
        if response.status == 200:
            assert origin.request.body == body


def test_http_1_0_is_not_upgraded(make_proxy):
    gateway, origin = make_proxy(answer(b"plain"))
    with gateway.connect() as connection:
        connection.request("GET", "/", UPGRADE, version="HTTP/1.0")
        assert connection.response().status in (200, 400)
    assert all(request.all("upgrade") == [] for request in origin.requests)


def test_silence_ends_a_tunnel(make_proxy):
    gateway, origin = make_proxy(echo, upstream={"read_timeout": "400ms"})
    with upgraded(gateway) as connection:
        connection.send("hello")
        assert connection.take(5) == b"hello"
        assert connection.take_rest() == b"" and connection.ended
    wait_for(lambda: origin.connections[0].ended, "the upstream's end")


def test_slow_side_makes_the_other_wait(make_proxy):
    sent = 0

    def step(connection, _):
        nonlocal sent
        connection.send(SWITCHED)
        for _ in range(64):
            connection.send(bytes(1 << 20))
            sent += 1

    gateway, _ = make_proxy(step)
    before = gateway.memory()
    with gateway.connect(receive_buffer=65536) as connection:
        connection.request("GET", "/", UPGRADE)
        assert connection.head().status == 101
        still = [0]

        def stands():
            still.append(sent)
            return len(still) > 30 and still[-1] == still[-30]

        wait_for(stands, "the upstream waits")
        assert sent < 32 and gateway.memory() - before < (8 << 20) * PATIENCE
        for _ in range(64):
            assert connection.take(1 << 20) == bytes(1 << 20)


def test_drain_ends_tunnels_at_its_deadline(make_proxy):
    gateway, _ = make_proxy(echo, changes={"drain": {"spread": "10ms", "deadline": "500ms"}})
    with upgraded(gateway) as connection:
        gateway.stop()
        connection.take_rest()
        assert connection.ended
