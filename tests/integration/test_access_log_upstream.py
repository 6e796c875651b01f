"""What the access log's JSON lines say of upstreams: where a request went, how long each part took, how much was
sent and received, what was tried before, and why there was no answer."""

import json
import pathlib
import socket

import pytest

from harness.origin import CHUNKED, answer, chunked
from harness.wait import TIMEOUT, wait_for
from test_proxy_upgrade import echo, upgraded

NUMBERS = {"bytes_sent", "bytes_received", "tries", "connect_time", "header_time", "response_time"}
OK = answer(b"ok")


@pytest.fixture
def refused():
    """An address at which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield "127.0.0.1:%d" % holder.getsockname()[1]


@pytest.fixture
def path(folder):
    return pathlib.Path(folder) / "access.log"


@pytest.fixture
def logged(path):
    """logged(count): waits for so many lines; gives them parsed."""

    def lines(count=1):
        wait_for(lambda: path.read_bytes().count(b"\n") >= count, f"{count} lines in the access log")
        found = [json.loads(line) for line in path.read_text().splitlines()]
        assert len(found) == count
        return found

    return lines


@pytest.fixture
def log(path):
    return {"log": {"access": {"path": str(path), "format": "json"}}}


def texts(upstream):
    """All of it that is no number."""
    return {name: value for name, value in upstream.items() if name not in NUMBERS}


def test_answer(make_proxy, log, logged):
    gateway, origin = make_proxy(OK, CHUNKED + chunked(b"hello"), changes=log)
    gateway.fetch("GET", "/first")
    gateway.fetch("POST", "/second", body="0123456789")
    lines = logged(2)
    for line, sent, received in zip(lines, (0, 10), (len(OK), len(CHUNKED + chunked(b"hello")))):
        upstream = line["upstream"]
        assert texts(upstream) == {"name": "app", "addr": origin.name, "status": 200, "failed": [], "error": None}
        assert upstream["tries"] == 1
        assert upstream["bytes_received"] == received
        request = origin.requests[lines.index(line)]
        assert upstream["bytes_sent"] == len(request.head) + sent
        assert 0 <= upstream["connect_time"] <= upstream["header_time"] <= upstream["response_time"]
        assert upstream["response_time"] <= line["duration"] < TIMEOUT
    assert lines[0]["upstream"]["connect_time"] > 0
    assert lines[1]["upstream"]["connect_time"] == 0, "a kept connection"
    assert lines[0]["host"] == origin.requests[0].get("host")


def test_times_are_those_of_the_server(make_proxy, log, logged):
    def step(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        assert client.head().status == 200
        begun.append(True)
        wait_for(lambda: len(begun) == 2, "the test goes on")
        connection.send(b"ok")

    begun = []
    gateway, _ = make_proxy(step, changes=log)
    with gateway.connect() as client:
        client.request("GET", "/")
        wait_for(lambda: begun, "the head has come")
        assert gateway.metric("sluice_upstream_active") == 1
        begun.append(True)
        assert client.take(2) == b"ok"
    upstream = logged()[0]["upstream"]
    assert 0 < upstream["connect_time"] < upstream["header_time"] < upstream["response_time"]


def test_no_upstream_was_asked(make_proxy, log, logged):
    gateway, _ = make_proxy(OK, route={"path": "/app"}, changes=log)
    gateway.fetch("GET", "/nothing")
    gateway.fetch("POST", "/app", [("Content-Length", "2000000")])
    gateway.subscribe().close()
    lines = logged(3)
    assert [line["status"] for line in lines] == [404, 413, 200]
    assert [line["upstream"] for line in lines] == [None] * 3


def test_servers_that_were_tried_before(make_gateway, make_origin, refused, log, logged):
    origin = make_origin(OK)
    gateway = make_gateway({
        "upstreams": {"app": {"servers": [refused, {"address": origin.name, "backup": True}]}},
        "routes": [{"path": "/", "upstream": "app"}], **log})
    assert gateway.fetch("GET", "/").status == 200
    upstream = logged()[0]["upstream"]
    assert texts(upstream) == {"name": "app", "addr": origin.name, "status": 200, "error": None,
                               "failed": [{"addr": refused, "reason": "connect"}]}
    assert upstream["tries"] == 2


def test_nobody_listens(make_gateway, refused, log, logged):
    gateway = make_gateway({"upstreams": {"app": {"servers": [refused]}},
                            "routes": [{"path": "/", "upstream": "app"}], **log})
    assert gateway.fetch("GET", "/").status == 502
    line, = logged()
    assert line["status"] == 502
    assert line["upstream"] | {"response_time": 0} == {
        "name": "app", "addr": refused, "status": None, "connect_time": None, "header_time": None,
        "response_time": 0, "bytes_sent": 0, "bytes_received": 0, "tries": 1,
        "failed": [{"addr": refused, "reason": "connect"}], "error": "connect"}


def close(connection, _):
    connection.close()


def half(connection, _):
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
    connection.close()


def silence(connection, _):
    connection.wait_end()


@pytest.mark.parametrize("step, status, of_upstream, error", [
    (close, 502, None, "closed"), (half, 200, 200, "closed"), (silence, 504, None, "read_timeout"),
    (b"garbage\r\n\r\n", 502, None, "protocol"),
    (answer(headers=[("X", "x" * 100_000)]), 502, None, "head_limit")],
    ids=["closed", "cut", "silent", "garbage", "head_limit"])
def test_reason_of_a_failure(make_proxy, log, logged, step, status, of_upstream, error):
    gateway, origin = make_proxy(step, upstream={"read_timeout": "300ms"}, changes=log)
    with gateway.connect() as connection:
        connection.request("POST", "/", [("Connection", "close")], body="x")
        assert connection.head().status == status
        connection.take_rest()
    line, = logged()
    assert line["status"] == status
    assert texts(line["upstream"]) == {
        "name": "app", "addr": origin.name, "status": of_upstream, "error": error,
        "failed": [{"addr": origin.name, "reason": error}]}
    assert line["upstream"]["bytes_sent"] == len(origin.request.head) + 1
    if error == "read_timeout":
        assert 0.3 <= line["upstream"]["response_time"] <= line["duration"]


def test_reason_without_a_server(make_proxy, log, logged):
    def step(connection, _):
        wait_for(lambda: len(done) == 1, "the other request is answered")
        connection.send(OK)

    done = []
    gateway, origin = make_proxy(step, upstream={"max_connections": 1, "queue": {"size": 0}}, changes=log)
    with gateway.connect() as connection:
        connection.request("GET", "/")
        origin.wait_requests()
        assert gateway.fetch("GET", "/").status == 503
        done.append(True)
        assert connection.response().status == 200
    upstream = logged(2)[0]["upstream"]
    assert texts(upstream) == {"name": "app", "addr": None, "status": None, "failed": [], "error": "queue_full"}
    assert upstream["tries"] == 0


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"])
def test_client_that_leaves_first(make_proxy, log, logged, begun):
    def step(connection, _):
        connection.send(begun)
        connection.wait_end()

    gateway, origin = make_proxy(step, changes=log)
    with gateway.connect() as connection:
        connection.request("GET", "/")
        origin.wait_requests()
        if begun:
            connection.head()
            assert connection.take(5) == b"hello"
        connection.reset()
    line, = logged()
    assert line["status"] == (200 if begun else 499)
    assert texts(line["upstream"]) == {"name": "app", "addr": origin.name, "status": 200 if begun else None,
                                       "failed": [], "error": None}
    assert line["upstream"]["bytes_received"] == len(begun)
    assert line["upstream"]["response_time"] > 0


def test_tunnel_has_its_line_at_its_end(make_proxy, log, logged, path):
    gateway, origin = make_proxy(echo, changes=log)
    with upgraded(gateway) as connection:
        connection.send(b"x" * 100_000)
        assert connection.take(100_000) == b"x" * 100_000
        assert path.read_bytes() == b""
    line, = logged()
    assert line["status"] == line["upstream"]["status"] == 101
    assert line["upstream"]["bytes_sent"] == len(origin.request.head) + 100_000
    assert line["upstream"]["bytes_received"] > 100_000
    assert line["upstream"]["response_time"] > line["upstream"]["header_time"]


def test_redirect_to_a_topic_shows_who_sent_it_there(make_proxy, log, logged):
    gateway, origin = make_proxy(answer(headers=[("X-Accel-Redirect", "/events/news")]), changes=log)
    with gateway.subscribe("/live"):
        line, = logged()
    assert line["stream"] is True and line["route"] == "news" and line["target"] == "/live"
    assert texts(line["upstream"]) == {"name": "app", "addr": origin.name, "status": 200, "failed": [],
                                       "error": None}


@pytest.mark.parametrize("status", [401, 500])
def test_auth_request_that_did_not_let_in(make_gateway, make_origin, log, logged, status):
    origin, auth = make_origin(OK), make_origin(answer(status=status))
    gateway = make_gateway({
        "upstreams": {"app": {"servers": [origin.name]}, "auth": {"servers": [auth.name]}},
        "routes": [{"path": "/", "upstream": "app", "auth": {"request": {"upstream": "auth", "path": "/auth"}}}],
        **log})
    assert gateway.fetch("GET", "/").status == status
    line, = logged()
    assert line["upstream"]["name"] == "auth" and line["upstream"]["addr"] == auth.name
    assert line["upstream"]["status"] == status
    assert origin.requests == []


def test_address_of_a_name(make_gateway, make_origin, log, logged):
    origin = make_origin(OK)
    name = origin.name.replace("127.0.0.1", "localhost")
    gateway = make_gateway({"upstreams": {"app": {"servers": [name]}},
                            "routes": [{"path": "/", "upstream": "app"}], **log})
    assert gateway.fetch("GET", "/").status == 200
    assert logged()[0]["upstream"]["addr"] == origin.name
