"""X-Accel-Redirect, X-Accel-Limit-Rate and X-Accel-Buffering: what an app may tell the gateway, and who
may not."""

import json
import select
import socket
import threading
import time

import pytest

from harness.http import Connection
from harness.origin import CHUNKED, answer
from harness.sse import Subscriber
from harness.wait import PATIENCE, TIMEOUT, wait_for


def redirect(target, *headers, status=200, body=b"dropped"):
    return answer(body, status, [("X-Accel-Redirect", target), *headers])


@pytest.fixture
def make_app(make_gateway, make_origin):
    """make_app({target: bytes or step}, upstream=..., changes=...): an origin that answers by path, at `/`
    and, internally, at /inside and as @named."""

    def make(pages, upstream=None, changes=None):
        def step(connection, request):
            page = pages.get(request.target.partition("?")[0], answer(request.target.encode()))
            page(connection, request) if callable(page) else connection.send(page)

        origin = make_origin(step)
        gateway = make_gateway({
            "upstreams": {"app": {"servers": [origin.name], **(upstream or {})}},
            "topics": {"user": {"path": "/inside/users/{id}", "channel": "user:{id}", "internal": True},
                       "news": {"path": "/events/news"}},
            "routes": [{"path": "/", "upstream": "app"},
                       {"path": "/inside", "upstream": "app", "internal": True},
                       {"name": "named", "upstream": "app", "internal": True}],
            **(changes or {})})
        return gateway, origin

    return make


def test_to_a_route(make_app):
    gateway, origin = make_app({"/a": redirect("/inside/file?x=1")})
    with gateway.connect() as connection:
        for _ in range(2):
            connection.request("GET", "/a?query=lost", [("X-Field", "kept")])
            response = connection.response()
            assert (response.status, response.body) == (200, b"/inside/file?x=1")
            assert response.get("x-accel-redirect") is None
    assert [request.target for request in origin.requests[:2]] == ["/a?query=lost", "/inside/file?x=1"]
    assert origin.requests[1].get("x-field") == "kept"


@pytest.mark.parametrize("target, seen", [("/inside/file", "/inside/file?a=1&b=%20"), ("/inside/file?", "/inside/file"),
                                          ("/inside/file?c", "/inside/file?c"), ("@named", "/a?a=1&b=%20")])
def test_query_is_the_targets_or_else_the_clients(make_app, target, seen):
    steps = iter([redirect(target), answer(b"inside")])
    gateway, origin = make_app({"/a": lambda connection, _: connection.send(next(steps))})
    assert gateway.fetch("GET", "/a?a=1&b=%20").status == 200
    assert [request.target for request in origin.requests] == ["/a?a=1&b=%20", seen]


@pytest.mark.parametrize("target, seen", [
    ("/inside/foo%20bar", "/inside/foo%20bar"), ("/inside/foo?bar", "/inside/foo?bar"), ("/inside/foo%3Fbar", "/inside/foo%3Fbar"),
    ("/inside//x", "/inside//x"), ("/inside/a;b=c", "/inside/a;b=c")])
def test_target_means_what_it_would_from_outside(make_app, target, seen):
    gateway, origin = make_app({"/a": redirect(target)})
    assert gateway.fetch("GET", "/a").status == 200
    assert [request.target for request in origin.requests] == ["/a", seen]


def test_target_is_encoded_anew(make_app):
    gateway, origin = make_app({"/a": redirect("/inside/a b\xe9?c d")})
    assert gateway.fetch("GET", "/a").status in (200, 500)
    for request in origin.requests[1:]:
        assert request.target.startswith("/inside/a%20b%E9?c%20d")


def test_to_a_topic(make_app):
    gateway, origin = make_app({"/events": redirect("/inside/users/7")})
    with Subscriber(gateway.address, "/events").opened() as subscriber:
        assert subscriber.head.get("content-type") == "text/event-stream"
        gateway.publish("user:7", "one")
        assert subscriber.next().data == "one"
        last = subscriber.last_id
    gateway.publish("user:7", "missed")
    with Subscriber(gateway.address, "/events", last_id=last).opened() as subscriber:
        assert subscriber.next().data == "missed"
    with Subscriber(gateway.address, f"/events?lastEventId={last}").opened() as subscriber:
        assert subscriber.next().data == "missed"
    assert len(origin.requests) == 3, "the app is asked each time"


def test_query_of_a_topic_is_the_targets_or_else_the_clients(make_gateway, make_origin):
    """lastEventId and the fields of a filter are in it."""
    targets = {"/plain": "/inside/users/7", "/own": "/inside/users/7?kind=b&lastEventId=", "/none": "/inside/users/7?"}
    ids = []

    def step(connection, request):
        path = request.target.partition("?")[0]
        connection.send(redirect(targets[path] + (ids[0] if path == "/own" else "")))

    origin = make_origin(step)
    gateway = make_gateway({
        "upstreams": {"app": {"servers": [origin.name]}}, "routes": [{"path": "/", "upstream": "app"}],
        "topics": {"user": {"path": "/inside/users/{id}", "channel": "user:{id}", "internal": True, "format": "json",
                            "filter": ["kind"]}}})
    messages = ['{"kind": "a", "n": 1}', '{"kind": "a", "n": 2}', '{"kind": "b", "n": 3}']
    with Subscriber(gateway.address, "/plain").opened() as subscriber:
        for message in messages:
            gateway.publish("user:7", message)
        ids = [subscriber.next().id for _ in messages]
    asked = f"kind=a&lastEventId={ids[1]}"
    last = '{"kind": "b", "n": 4}', '{"kind": "a", "n": 5}'
    with Subscriber(gateway.address, f"/plain?{asked}").opened() as plain, \
            Subscriber(gateway.address, f"/own?{asked}").opened() as own, \
            Subscriber(gateway.address, f"/own?{asked}", last_id=ids[2]).opened() as by_field, \
            Subscriber(gateway.address, f"/none?{asked}").opened() as none:
        for message in last:
            gateway.publish("user:7", message)
        assert plain.next().data == last[1], "the client's: kind a, after the second"
        assert [own.next().data for _ in range(2)] == [messages[2], last[0]], "the target's: kind b, after the first"
        assert by_field.next().data == last[0], "Last-Event-ID comes before any query"
        assert [none.next().data for _ in range(2)] == list(last), "an empty one is one, too"


def test_to_a_topic_that_is_not_internal(make_app):
    gateway, _ = make_app({"/events": redirect("/events/news")})
    with Subscriber(gateway.address, "/events").opened() as subscriber:
        gateway.publish("news", "one")
        assert subscriber.next().data == "one"


def test_to_a_name(make_app):
    pages = {"/a": redirect("@named")}
    gateway, origin = make_app(pages)

    def once(connection, request):
        connection.send(redirect("@named") if len(origin.requests) == 1 else answer(b"by name"))

    pages["/a"] = once
    assert gateway.fetch("POST", "/a?x=1", body="hello").body == b"by name"
    assert [(request.method, request.target, request.body) for request in origin.requests] == [
        ("POST", "/a?x=1", b"hello"), ("GET", "/a?x=1", b"")]


@pytest.mark.parametrize("target", ["/inside", "/inside/", "/inside/file", "/%69nside/x", "//inside/x", "/x/../inside/y",
                                    "/inside/users/7", "/inside/users%2f7"])
def test_internal_is_404_from_outside(make_app, target):
    gateway, origin = make_app({})
    with gateway.connect() as connection:
        connection.request("GET", target, [("X-Accel-Redirect", "/inside/x")])
        assert connection.response().status == 404
    assert origin.requests == []


def test_fields_that_survive_and_those_that_do_not(make_app):
    kept = [("Content-Type", "text/x-first"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
            ("Content-Disposition", "attachment"), ("Cache-Control", "private"), ("Expires", "0"),
            ("Accept-Ranges", "none")]
    lost = [("ETag", '"x"'), ("Location", "/secret"), ("X-Secret", "secret"), ("Last-Modified", "secret")]
    gateway, _ = make_app({"/a": redirect("/inside/file", *kept, *lost)})
    response = gateway.fetch("GET", "/a")
    assert response.status == 200 and b"secret" not in response.head
    assert [value for name, value in response.headers if name == "set-cookie"] == ["a=1", "b=2"]
    for name, value in kept:
        if name != "Set-Cookie":
            assert response.get(name) == value
    assert response.get("etag") is None and response.get("location") is None


def test_stream_wins_over_the_apps_fields(make_app):
    gateway, _ = make_app({"/events": redirect("/inside/users/7", ("Content-Type", "text/plain"),
                                               ("Cache-Control", "public, max-age=60"), ("Set-Cookie", "a=1"),
                                               ("Set-Cookie", "b=2; HttpOnly"), ("Expires", "0"), ("X-Own", "1"),
                                               ("Content-Disposition", "attachment"), ("Accept-Ranges", "none"))})
    with Subscriber(gateway.address, "/events").opened() as subscriber:
        head = subscriber.head
        assert head.get("content-type") == "text/event-stream"
        assert head.get("cache-control") == "no-cache, no-transform"
        assert [value for name, value in head.headers if name == "set-cookie"] == ["a=1", "b=2; HttpOnly"]
        for name in ("expires", "x-own", "content-disposition", "accept-ranges"):
            assert head.get(name) is None


@pytest.mark.parametrize("status", [200, 201, 302, 401, 404, 500])
def test_status_and_body_are_dropped(make_app, status):
    gateway, _ = make_app({"/a": redirect("/inside/file", status=status)})
    response = gateway.fetch("GET", "/a")
    assert (response.status, response.body) == (200, b"/inside/file")


@pytest.mark.parametrize("framing", ["chunked", "end", "endless", "none"])
def test_body_of_any_framing_is_dropped(make_app, framing):
    field = b"X-Accel-Redirect: /inside/file\r\n"

    def step(connection, _):
        if framing == "chunked":
            connection.send(CHUNKED.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n") + b"3\r\nabc\r\n0\r\n\r\n")
        elif framing == "none":
            connection.send(b"HTTP/1.1 204 No\r\n" + field + b"\r\n")
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + field + b"\r\nabc")
            if framing == "end":
                connection.close()
            else:
                connection.wait_end()

    gateway, _ = make_app({"/a": step})
    with gateway.connect() as connection:
        for _ in range(2):
            connection.request("GET", "/a")
            assert connection.response().body == b"/inside/file"


@pytest.mark.parametrize("together", [True, False])
def test_connection_is_kept_though_the_answer_had_a_body(make_app, together):
    """Node's writeHead().end() sends an empty one in chunks. If it has come, the target gets the same connection."""
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nX-Accel-Redirect: /inside/file\r\n\r\n")
    followed = threading.Semaphore(0)

    def step(connection, _):
        if together:
            connection.send(head + b"0\r\n\r\n")
        else:
            connection.send(head)
            assert followed.acquire(timeout=TIMEOUT), "nobody waits for the body"
            connection.send(b"0\r\n\r\n")

    gateway, origin = make_app({"/a": step})
    for _ in range(3):
        assert gateway.fetch("GET", "/a").body == b"/inside/file"
        followed.release()
        gateway.wait_metric("sluice_upstream_idle_connections", 1 if together else 2)
    assert len(origin.connections) == (1 if together else 2)


@pytest.mark.parametrize("method, then", [("POST", "GET"), ("PUT", "GET"), ("DELETE", "GET"), ("HEAD", "HEAD")])
def test_method_becomes_get_and_the_body_is_dropped(make_app, method, then):
    gateway, origin = make_app({"/a": redirect("/inside/file", body=b"")})
    body = None if method == "HEAD" else "hello"
    assert gateway.fetch(method, "/a", body=body).status == 200
    first, second = origin.requests
    assert first.method == method and first.body == (body or "").encode()
    assert second.method == then and second.body == b""
    assert second.get("content-length") in (None, "0") and second.get("transfer-encoding") is None


def test_ten_hops_and_no_more(make_app):
    pages = {f"/inside/{n}": redirect(f"/inside/{n + 1}") for n in range(20)}
    gateway, origin = make_app({"/a": redirect("/inside/0"), **pages})
    assert gateway.fetch("GET", "/a").status == 500
    assert len(origin.requests) == 11
    gateway, origin = make_app({"/a": redirect("/inside/11"), **pages})
    assert gateway.fetch("GET", "/a").body == b"/inside/20"
    gateway, origin = make_app({"/loop": redirect("/loop")})
    assert gateway.fetch("GET", "/loop").status == 500


@pytest.mark.parametrize("target, status", [
    *[(target, 500) for target in (
        "", "?x", "nothing", "foo", "..", "../foo", "http://other.example/", "\\inside", "//other.example:80\\x",
        "/..", "/../x", "/inside/..", "/inside/../../x", "/inside/a/../x", "/inside/./x", "/inside/.%2e",
        "/inside/%2e%2e/%2e%2e/x", "/inside/..;/x", "/%00", "/inside/%0d%0ax", "/inside/%zz", "/nowhere/%zz")],
    ("@nobody", 500), ("@", 500),
    ("/nowhere", 404), ("/apix", 404), ("/insidex/y", 404), ("/inside/users/7/x", 404), ("//other.example/", 404)],
    ids=str)
def test_targets_that_are_none(make_app, target, status):
    """500: no path, or no route of that name. 404: a path that nothing is configured for."""
    gateway, origin = make_app({"/a": redirect(target)}, changes={"routes": [
        {"path": "/a", "upstream": "app"}, {"path": "/b", "upstream": "app"},
        {"path": "/inside/only", "upstream": "app", "internal": True}]})
    with gateway.connect() as connection:
        connection.request("GET", "/a")
        response = connection.response()
        assert response.status == status
        assert set(json.loads(response.body)) == {"error", "detail"}
        connection.request("GET", "/b")
        assert connection.response().body == b"/b"
    assert [request.target for request in origin.requests] == ["/a", "/b"]
    assert any(f"status={status}" in line for line in gateway.wait_log("X-Accel-Redirect"))


@pytest.mark.parametrize("field", ["X-Accel-Redirect: /inside/users/7", "X-Accel-Redirect: /inside/x",
                                   "X-Accel-Redirect: @named"])
def test_upstream_that_is_not_trusted(make_app, field):
    name, _, value = field.partition(": ")
    gateway, origin = make_app({"/a": answer(b"plain", headers=[(name, value), ("X-Accel-Buffering", "no")])},
                               upstream={"trust_x_accel": False})
    response = gateway.fetch("GET", "/a")
    assert (response.status, response.body) == (200, b"plain")
    assert b"x-accel" not in response.head.lower()
    assert len(origin.requests) == 1


def test_what_a_client_sends_is_no_redirect(make_app):
    gateway, origin = make_app({})
    response = gateway.fetch("GET", "/a", [("X-Accel-Redirect", "/inside/x"), ("X-Accel-Limit-Rate", "1")])
    assert response.body == b"/a" and len(origin.requests) == 1


def timed(gateway, target, size):
    began = time.monotonic()
    response = gateway.fetch("GET", target)
    assert len(response.body) == size
    return time.monotonic() - began


@pytest.mark.parametrize("buffering", ["on", "off"])
def test_rate_of_an_answer(make_app, buffering):
    body = b"x" * 60_000
    limit = ("X-Accel-Limit-Rate", "40000")
    gateway, _ = make_app(
        {"/slow": answer(body, headers=[limit]),
         "/on": redirect("/inside/big", limit), "/inside/big": answer(body),
         "/elsewhere": redirect("/route/big"), "/route/big": answer(body), "/faster": redirect("/route/big", ("X-Accel-Limit-Rate", "0")),
         "/lifted": answer(body, headers=[("X-Accel-Limit-Rate", "0")]),
         "/bad": answer(body, headers=[("X-Accel-Limit-Rate", "fast")])},
        changes={"routes": [{"path": "/", "upstream": "app", "buffering": buffering},
                            {"path": "/lifted", "upstream": "app", "limit_rate": 1000, "buffering": buffering},
                            {"path": "/inside", "upstream": "app", "internal": True},
                            {"path": "/route", "upstream": "app", "limit_rate": 40000}]})
    # A tenth of a second's worth goes at once; the other 56,000 bytes take 1.4 s, by a clock that the loop reads once a
    # turn. The upper limits are for busy machines.
    for target in ("/slow", "/on", "/elsewhere"):
        assert 1.35 < timed(gateway, target, 60_000) < 5 * PATIENCE
    for target in ("/lifted", "/bad", "/faster"):
        assert timed(gateway, target, 60_000) < 5 * PATIENCE


def test_rate_is_that_of_one_answer(make_app):
    """Not of the connection: what comes next goes as fast as its route has it."""
    limit = ("X-Accel-Limit-Rate", "5000")
    gateway, _ = make_app({"/slow": answer(b"x" * 1000, headers=[limit]), "/on": redirect("/inside/slow", limit),
                           "/inside/slow": answer(b"x" * 1000), "/big": answer(b"x" * 400_000)})
    for first in ("/slow", "/on"):
        with gateway.connect() as connection:
            connection.request("GET", first)
            assert len(connection.response().body) == 1000
            began = time.monotonic()
            connection.request("GET", "/big")
            assert len(connection.response().body) == 400_000
            assert time.monotonic() - began < 5 * PATIENCE, "with the limit it is more than a minute"


EVENTS = ("Content-Type", "text/event-stream")


@pytest.mark.parametrize("route, fields, held", [
    ("on", [], True), ("off", [], False),
    ("on", [("X-Accel-Buffering", "no")], False), ("on", [("X-Accel-Buffering", "NO")], False),
    ("off", [("X-Accel-Buffering", "yes")], True), ("off", [("X-Accel-Buffering", "Yes")], True),
    ("on", [("X-Accel-Buffering", "maybe")], True), ("off", [("X-Accel-Buffering", "maybe")], False),
    ("on", [EVENTS], False), ("on", [EVENTS, ("X-Accel-Buffering", "yes")], True),
    ("off", [EVENTS, ("X-Accel-Buffering", "yes")], True), ("on", [EVENTS, ("X-Accel-Buffering", "no")], False)])
def test_buffering_by_field(make_proxy, route, fields, held):
    """How much the app can send to a client that reads nothing: all of it, or what is in sockets and one read."""
    size, taken = 12 * 2**20, []

    def step(connection, _):
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        connection.send(answer(b"", headers=[*fields, ("Content-Length", size)], length=False))
        count = 0
        while count < size and select.select([], [connection.socket], [], TIMEOUT if held else 0.5)[1]:
            count += connection.socket.send(b"x" * min(65536, size - count))
        taken.append(count)

    gateway, _ = make_proxy(step, route={"buffering": route, "buffers": "16MiB"})
    with Connection(gateway.address, receive_buffer=4096) as connection:
        connection.request("GET", "/")
        wait_for(lambda: taken, "the app has sent what it can", timeout=2 * TIMEOUT)
        assert taken[0] == size if held else taken[0] < size / 2
        assert connection.head().get("x-accel-buffering") is None


@pytest.mark.parametrize("route", ["on", "off"])
@pytest.mark.parametrize("field", ["yes", "no", None])
def test_what_is_held_goes_on_when_the_app_is_quiet(make_proxy, route, field):
    go = threading.Event()

    def step(connection, _):
        lines = [("X-Accel-Buffering", field)] if field else []
        connection.send(answer(b"", headers=[*lines, ("Content-Length", "10")], length=False) + b"hello")
        assert go.wait(TIMEOUT)
        connection.send(b"world")

    gateway, _ = make_proxy(step, route={"buffering": route})
    with Connection(gateway.address) as connection:
        connection.request("GET", "/")
        assert connection.head().get("x-accel-buffering") is None
        assert connection.take(5) == b"hello"
        go.set()
        assert connection.take(5) == b"world"


def test_redirect_before_the_body_came_has_the_place_of_its_request(make_origin, make_gateway):
    """Of one connection for each client: what it leads to counts in place of the request, not beside it."""
    heads = threading.Semaphore(0)

    def script(connection):
        while request := connection.request_head():
            if request.method != "POST":
                connection.send(answer(b"inside"))
                continue
            connection.send(redirect("/b", body=b""))
            heads.release()
            connection.take_body(request)

    gateway = make_gateway({
        "upstreams": {"app": {"servers": [make_origin(script=script).name]}},
        "routes": [{"path": "/", "upstream": "app", "limits": {"connections": {"max": 1}}}]})
    with gateway.connect() as connection:
        for _ in range(2):
            connection.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo")
            assert heads.acquire(timeout=TIMEOUT)
            connection.send(b"dy")
            response = connection.response()
            assert (response.status, response.body) == (200, b"inside")
