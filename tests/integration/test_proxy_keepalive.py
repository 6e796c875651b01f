"""Connections to an upstream that are kept: which are, for whom, for how long, and what happens when one
proves dead."""

import threading
import time

import pytest

from harness.http import fetch
from harness.origin import CHUNKED, answer, chunked
from harness.wait import PATIENCE, TIMEOUT, wait_for

OK = answer(b"ok")


def ask(gateway, count, target="/"):
    for _ in range(count):
        response = gateway.fetch("GET", target)
        assert (response.status, response.body) == (200, b"ok")


def close_after(data):
    def step(connection, _):
        connection.send(data)
        connection.close()

    return step


@pytest.mark.parametrize("whole", [OK, CHUNKED + chunked(b"ok"), CHUNKED + chunked(b"o", b"k", trailers="X: 1\r\n")])
def test_connection_is_kept_over_clients(make_proxy, whole):
    gateway, origin = make_proxy(whole)
    ask(gateway, 5)
    assert len(origin.connections) == 1


def complex_chunks(connection, _):
    """Many chunks, and a last line end that comes alone."""
    connection.send(CHUNKED + b"a\r\n0123456789\r\n" * 50)
    connection.send(b"a\r\n0123456789\r\n" * 50 + b"0\r\n")
    connection.send(b"\r\n")


WHOLE = {
    "length": ("GET", OK, b"ok"), "empty": ("GET", answer(b""), b""), "chunked": ("GET", CHUNKED + chunked(b"ok"), b"ok"),
    "many chunks": ("GET", complex_chunks, b"0123456789" * 100), "no chunk": ("GET", CHUNKED + b"0\r\n\r\n", b""),
    "trailers": ("GET", CHUNKED + chunked(b"ok", trailers="X: 1\r\n"), b"ok"),
    "204": ("GET", b"HTTP/1.1 204 No\r\n\r\n", b""), "304": ("GET", b"HTTP/1.1 304 No\r\n\r\n", b""),
    "304 with length": ("GET", b"HTTP/1.1 304 No\r\nContent-Length: 100\r\n\r\n", b""),
    "304 in chunks": ("GET", b"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", b""),
    "HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b""),
    "HEAD in chunks": ("HEAD", CHUNKED, b""), "HEAD of unknown length": ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", b""),
    "103 before": ("GET", b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n" + OK, b"ok"),
    "POST": ("POST", OK, b"ok"),
}


@pytest.mark.parametrize("buffering", ["on", "off"])
@pytest.mark.parametrize("whole", WHOLE)
def test_connection_is_kept_after_every_whole_answer(make_proxy, whole, buffering):
    method, data, body = WHOLE[whole]
    # A machine may have too few descriptors for the default.
    gateway, origin = make_proxy(data, route={"buffering": buffering}, changes={"limits": {"connections": 1000}})
    for number in range(4):
        response = gateway.fetch(method, "/", body="hello" if method == "POST" else None)
        assert response.body == body
        gateway.wait_metric("sluice_upstream_idle_connections", 1, upstream="app")
    assert len(origin.connections) == 1
    gateway.stop()  # then all lines are there
    assert "warn" not in gateway.log()


@pytest.mark.parametrize("buffering", ["on", "off"])
@pytest.mark.parametrize("size", [0, 12, 100_000])
def test_upstream_that_says_close_and_does_not(make_proxy, size, buffering):
    """The length counts: nobody waits for its FIN."""
    def step(connection, _):
        connection.send(answer(b"x" * size, headers=[("Connection", "close")]))
        assert connection.wait_end()  # it is the gateway that closes

    gateway, origin = make_proxy(step, upstream={"read_timeout": "1h"}, route={"buffering": buffering})
    with gateway.connect() as connection:
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.response().body == b"x" * size
    assert len(origin.connections) == 3


@pytest.mark.parametrize("last", [
    answer(b"ok", headers=[("Connection", "close")]),
    answer(b"ok", headers=[("Connection", "x, Close")]),
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
])
def test_connection_that_the_upstream_ends_is_not(make_proxy, last):
    gateway, origin = make_proxy(last)
    ask(gateway, 3)
    assert len(origin.connections) == 3
    wait_for(lambda: all(connection.ended for connection in origin.connections), "all are closed")


def test_http_1_0_that_keeps_is_kept_or_closed_but_right(make_proxy):
    gateway, origin = make_proxy(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
    ask(gateway, 3)
    assert len(origin.connections) in (1, 3)


def test_none_is_kept_if_none_may_be(make_proxy):
    gateway, origin = make_proxy(OK, upstream={"keepalive": 0})
    ask(gateway, 3)
    assert len(origin.connections) == 3


def test_requests_of_a_connection_are_limited(make_proxy):
    gateway, origin = make_proxy(OK, upstream={"keepalive": {"requests": 2}})
    ask(gateway, 5)
    assert [len(connection.requests) for connection in origin.connections] == [2, 2, 1]


@pytest.mark.parametrize("key", ["timeout", "age"])
def test_time_of_a_kept_connection_is_limited(make_proxy, key):
    gateway, origin = make_proxy(OK, upstream={"keepalive": {key: "200ms"}})
    ask(gateway, 1)
    wait_for(lambda: origin.connections[0].ended == "eof", "it is closed")
    ask(gateway, 1)
    assert len(origin.connections) == 2


def test_time_that_the_server_gives_is_kept_with_a_margin(make_proxy):
    """What a server closes after N seconds is closed a second before: a request may be on its way then."""
    longer = 1 + round(PATIENCE)
    gateway, origin = make_proxy(
        *(answer(b"ok", headers=[("Keep-Alive", f"timeout={seconds}, max=100")]) for seconds in (1, longer)),
        upstream={"keepalive": {"timeout": "1h"}})
    begun = time.monotonic()
    ask(gateway, 3)
    assert [len(connection.requests) for connection in origin.connections] == [1, 2], "of one second nothing is left"
    wait_for(lambda: all(connection.ended == "eof" for connection in origin.connections), "both are closed")
    assert time.monotonic() - begun > longer - 1.1
    assert gateway.metric("sluice_upstream_idle_connections") == 0


def test_no_more_are_kept_than_may_be(make_proxy):
    go = threading.Event()

    def step(connection, request):
        if request.target == "/slow":
            assert go.wait(TIMEOUT)
        connection.send(OK)

    gateway, origin = make_proxy(step, upstream={"keepalive": 2})
    clients = [gateway.connect() for _ in range(5)]
    for client in clients:
        client.request("GET", "/slow")
    origin.wait_requests(5)
    go.set()
    for client in clients:
        assert client.response().status == 200
        client.close()
    wait_for(lambda: sum(connection.ended is not None for connection in origin.connections) == 3,
             "three of five are closed")
    ask(gateway, 3)
    assert len(origin.connections) == 5


def test_connection_that_was_closed_while_idle_is_not_used(make_proxy):
    gateway, origin = make_proxy(OK)
    ask(gateway, 1)
    origin.connections[0].half_close()
    wait_for(lambda: origin.connections[0].ended, "the gateway has noticed")
    ask(gateway, 1)
    assert [len(connection.requests) for connection in origin.connections] == [1, 1]


def test_bytes_while_idle_end_a_connection(make_proxy):
    """What comes unasked would be the next request's answer."""
    gateway, origin = make_proxy(OK)
    ask(gateway, 1)
    origin.connections[0].send(answer(b"SMUGGLED"))
    wait_for(lambda: origin.connections[0].ended, "the gateway has closed it")
    ask(gateway, 2)
    assert len(origin.connections) == 2


def stale(connection, request):
    """Answers the first request of a connection; the second finds it closed, as if both had crossed."""
    if len(connection.requests) == 1:
        connection.send(OK)
    else:
        connection.reset()


@pytest.mark.parametrize("method, body", [("GET", None), ("HEAD", None), ("OPTIONS", None), ("DELETE", None),
                                          ("PUT", None), ("PUT", "")])
def test_request_that_met_a_dead_connection_is_sent_again(make_proxy, method, body):
    gateway, origin = make_proxy(stale)
    ask(gateway, 1)
    assert gateway.fetch(method, "/again", body=body).status == 200
    assert [request.target for request in origin.requests] == ["/", "/again", "/again"]
    assert len(origin.connections) == 2


@pytest.mark.parametrize("method, body", [("POST", None), ("POST", "x"), ("PATCH", None), ("PATCH", "x"), ("PUT", "x"), ("DELETE", "x")])
def test_request_that_may_have_had_an_effect_is_not(make_proxy, method, body):
    gateway, origin = make_proxy(stale)
    ask(gateway, 1)
    response = gateway.fetch(method, "/once", body=body)
    targets = [request.target for request in origin.requests]
    assert targets.count("/once") == 1 and response.status == 502


def test_it_is_sent_again_only_once_and_only_on_a_new_connection(make_proxy):
    gateway, origin = make_proxy(OK, lambda connection, _: connection.reset())
    ask(gateway, 1)
    assert gateway.fetch("GET", "/again").status == 502
    assert [request.target for request in origin.requests] == ["/", "/again", "/again"]
    # A new connection that breaks is the server's failure, not the connection's age.
    assert gateway.fetch("GET", "/new").status == 502
    assert [request.target for request in origin.requests].count("/new") == 1


def test_never_after_a_byte_of_an_answer(make_proxy):
    def step(connection, _):
        if len(connection.requests) == 1:
            connection.send(OK)
        else:
            connection.send(b"HTTP/1.1 2")
            connection.close()

    gateway, origin = make_proxy(step)
    ask(gateway, 1)
    assert gateway.fetch("GET", "/broken").status == 502
    assert [request.target for request in origin.requests] == ["/", "/broken"]


def test_each_client_gets_its_own_answer(make_proxy):
    """Many at once over few connections."""

    def step(connection, request):
        connection.send(answer(request.target.encode() * 100))

    gateway, origin = make_proxy(step, upstream={"keepalive": 4}, changes={"workers": 2})
    wrong = []

    def client(number):
        with gateway.connect() as connection:
            for turn in range(30):
                target = f"/{number}-{turn}."
                connection.request("GET", target)
                if connection.response().body != target.encode() * 100:
                    wrong.append(target)

    threads = [threading.Thread(target=client, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(origin.requests) == 16 * 30


def test_connection_of_an_aborted_request_is_not_kept(make_proxy):
    go = threading.Event()

    def step(connection, request):
        if request.target == "/left":
            assert go.wait(TIMEOUT)
            connection.send(answer(b"for nobody"))
        else:
            connection.send(OK)

    gateway, origin = make_proxy(step)
    ask(gateway, 1)
    client = gateway.connect()
    client.request("GET", "/left")
    origin.wait_requests(2)
    client.close()
    wait_for(lambda: gateway.metric("sluice_connections") == 0, "the client is forgotten")
    go.set()
    ask(gateway, 3)


def test_unanswered_connections_hold_nothing_up(make_proxy):
    """An upstream that takes connections and says nothing, and another that works."""
    gateway, silent = make_proxy(script=lambda connection: connection.wait_end(),
                                 upstream={"read_timeout": "300ms"})
    assert gateway.fetch("GET", "/").status == 504
    assert len(silent.connections) == 1
    wait_for(lambda: silent.connections[0].ended, "the connection is given up")


def test_nothing_leaks(make_proxy):
    gateway, origin = make_proxy(close_after(answer(b"ok", headers=[("Connection", "close")])))
    ask(gateway, 20)
    before = gateway.memory()
    ask(gateway, 300)
    assert gateway.memory() - before < (4 << 20) * PATIENCE
    assert fetch(gateway.admin, "GET", "/healthz").status == 200
    assert len(origin.connections) == 320
