"""auth: {request: ...}: an app decides about each request, for routes and for topics."""

import select
import threading

import pytest

from harness.origin import CHUNKED, answer, chunked
from harness.sse import Subscriber
from harness.wait import TIMEOUT, wait_for


@pytest.fixture
def make_guarded(make_gateway, make_origin):
    """make_guarded(auth step, request keys): a route and a topic guarded by an app, and both apps."""

    def make(step, upstream=None, **request):
        guard, app = make_origin(step), make_origin(answer(b"inside"))
        auth = {"request": {"upstream": "guard", "path": "/auth", **request}}
        gateway = make_gateway({
            "upstreams": {"app": {"servers": [app.name]}, "guard": {"servers": [guard.name], **(upstream or {})}},
            # A topic has no upstream that fields could be copied to.
            "topics": {"guarded": {"path": "/events/guarded", "auth": "none" if "copy" in request else auth}},
            "routes": [{"path": "/", "upstream": "app", "auth": auth}]})
        return gateway, guard, app

    return make


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_lets_in(make_guarded, status):
    gateway, guard, app = make_guarded(answer(b"" if status == 204 else b"ignored", status, length=status != 204))
    with gateway.connect() as connection:
        for _ in range(2):
            connection.request("GET", "/page?x=1", [("Cookie", "a=1"), ("X-Field", "y")])
            assert connection.response().body == b"inside"
    request = guard.requests[0]
    assert (request.method, request.target) == ("GET", "/auth")
    assert request.get("cookie") == "a=1" and request.get("x-field") == "y"
    assert [request.target for request in app.requests] == ["/page?x=1"] * 2
    assert len(guard.connections) == 1, "its connections are kept, too"


@pytest.mark.parametrize("status, field", [(401, ("WWW-Authenticate", 'Basic realm="x"')), (403, ("X-Other", "1"))])
def test_401_and_403_are_passed_on(make_guarded, status, field):
    gateway, _, app = make_guarded(answer(b"because", status, [field]))
    response = gateway.fetch("GET", "/page")
    assert response.status == status
    if status == 401:
        assert response.get("www-authenticate") == 'Basic realm="x"'
    assert app.requests == []
    response = gateway.fetch("GET", "/events/guarded")
    assert response.status == status


@pytest.mark.parametrize("step", [
    answer(b"x", 500), answer(b"x", 302, [("Location", "/login")]), answer(b"x", 404), b"garbage\r\n\r\n",
    lambda connection, _: connection.reset(), lambda connection, _: connection.wait_end()],
    ids=["500", "302", "404", "garbage", "reset", "silence"])
def test_anything_else_is_500_and_lets_nobody_in(make_guarded, step):
    gateway, _, app = make_guarded(step, upstream={"read_timeout": "300ms"})
    assert gateway.fetch("GET", "/page").status == 500
    assert gateway.fetch("GET", "/events/guarded").status == 500
    assert app.requests == []


def test_every_challenge_is_passed_on(make_guarded):
    challenges = [("WWW-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate", "Bearer")]
    gateway, _, app = make_guarded(answer(b"", 401, challenges))
    for method, body in (("GET", None), ("POST", "hello"), ("HEAD", None)):
        with gateway.connect() as connection:
            connection.request(method, "/page", body=body)
            response = connection.response(method)
        assert response.status == 401
        assert [value for name, value in response.headers if name == "www-authenticate"] == ['Basic realm="x"', "Bearer"]
    assert app.requests == []


@pytest.mark.parametrize("step", [
    answer(b"INVISIBLE" * 100_000), CHUNKED + chunked(b"INVISIBLE" * 100), b"HTTP/1.1 200 OK\r\n\r\nINVISIBLE",
    b"HTTP/1.1 103 Early\r\nLink: </INVISIBLE>\r\n\r\n" + answer(b"INVISIBLE"),
    answer(b"INVISIBLE", headers=[("X-Accel-Redirect", "/INVISIBLE"), ("Set-Cookie", "INVISIBLE=1")]),
    answer(b"") + answer(b"INVISIBLE")],
    ids=["large", "chunked", "endless", "early hints", "redirect", "two"])
def test_nothing_else_of_its_answer_is_seen(make_guarded, step):
    gateway, guard, app = make_guarded(step)
    with gateway.connect() as connection:
        for number in range(3):
            connection.request("GET", f"/page{number}")
            response = connection.head()
            assert response.status == 200, "its interim answers are nobody's business"
            assert connection.take(int(response.get("content-length"))) == b"inside"
            assert b"INVISIBLE" not in response.head
    assert [request.target for request in app.requests] == ["/page0", "/page1", "/page2"]
    assert all(b"INVISIBLE" not in request.head for request in app.requests)
    assert {request.target for request in guard.requests} == {"/auth"}


def begin(status=200):
    """The beginning of an answer whose body comes later."""
    return CHUNKED.replace(b"200", b"%d" % status) + b"3\r\nyes\r\n"


@pytest.mark.parametrize("status", [200, 403])
def test_nobody_waits_for_its_body_and_its_connection_is_kept(make_guarded, status):
    answered = threading.Semaphore(0)

    def step(connection, _):
        connection.send(begin(status))
        assert answered.acquire(timeout=TIMEOUT)
        connection.send(b"5\r\nlater\r\n")
        connection.send(b"0\r\n\r\n")

    gateway, guard, app = make_guarded(step)
    with gateway.connect() as connection:
        for number in range(3):
            connection.request("GET", "/page")
            assert connection.response().status == status
            assert gateway.metric("sluice_upstream_idle_connections", upstream="guard") == 0, "its body is not complete"
            answered.release()
            gateway.wait_metric("sluice_upstream_idle_connections", 1, upstream="guard")
            assert len(guard.requests) == number + 1
    assert len(guard.connections) == 1
    assert len(app.requests) == (3 if status == 200 else 0)
    assert gateway.metric("sluice_upstream_failures_total", upstream="guard") == 0


def test_body_that_came_with_the_head_frees_the_connection_for_the_request(make_proxy):
    """One app, one connection: it decides, and then it answers."""
    gateway, app = make_proxy(
        lambda connection, request: connection.send(
            answer(b"inside") if request.target == "/" else CHUNKED + chunked(b"yes")),
        route={"auth": {"request": {"upstream": "app", "path": "/auth"}}})
    for _ in range(2):
        assert gateway.fetch("GET", "/").body == b"inside"
    assert [request.target for request in app.requests] == ["/auth", "/"] * 2
    assert len(app.connections) == 1


def endless(pause):
    """A step that sends a body for as long as it is taken, and the connections that took it."""
    over = []
    piece = b"x" if pause else b"x" * 10_000

    def step(connection, _):
        connection.send(begin())
        try:
            while not select.select([connection.socket], [], [], pause)[0]:
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        except OSError:
            pass  # cut in the middle
        over.append(connection)
        connection.close()

    return step, over


@pytest.mark.parametrize("pause", [0, 0.02], ids=["flood", "trickle"])
def test_body_without_an_end_is_cut(make_guarded, pause):
    step, over = endless(pause)
    gateway, guard, _ = make_guarded(step)
    assert gateway.fetch("GET", "/page").body == b"inside"
    wait_for(lambda: over, "the connection is closed")
    assert gateway.metric("sluice_upstream_idle_connections", upstream="guard") == 0
    assert gateway.fetch("GET", "/page").body == b"inside"
    assert len(guard.connections) == 2


@pytest.mark.parametrize("size, kept", [(65_536, True), (65_537, False), (500_000, False)])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_over_the_bound_costs_the_connection(make_guarded, size, kept, framing):
    read = threading.Semaphore(0)
    over = []

    def step(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size if framing == "length" else CHUNKED)
        assert read.acquire(timeout=TIMEOUT)
        body = b"x" * size
        try:
            connection.send(body if framing == "length" else chunked(body))
            if not kept:
                assert select.select([connection.socket], [], [], TIMEOUT)[0], "it is closed"
        except OSError:
            pass  # cut in the middle
        over.append(connection)

    gateway, guard, _ = make_guarded(step)
    for number in range(2):
        assert gateway.fetch("GET", "/page").body == b"inside"
        read.release()
        wait_for(lambda: len(over) == number + 1, "the answer is over")
        gateway.wait_metric("sluice_upstream_idle_connections", 1 if kept else 0, upstream="guard")
    assert len(guard.connections) == (1 if kept else 2)


def test_drain_does_not_wait_for_its_body(make_guarded):
    step, over = endless(0.02)
    gateway, _, _ = make_guarded(step)
    with gateway.connect() as connection:
        connection.request("GET", "/page")
        assert connection.response().body == b"inside"
        gateway.stop()
        assert connection.take_rest() == b""
    wait_for(lambda: over, "the guard's connection is closed")


def test_upgrade_is_no_matter_of_its(make_guarded):
    """It is not asked to switch, and 101 is no answer to who was asked."""
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    gateway, guard, app = make_guarded(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello")
    for target in ("/page", "/events/guarded"):
        assert gateway.fetch("GET", "/page").status == 500
        with gateway.connect() as connection:
            connection.request("GET", target, upgrade)
            assert connection.response().status == 500
    assert app.requests == [] and all(request.all("upgrade") == [] for request in guard.requests)


def test_who_is_redirected_is_asked_about_anew(make_gateway, make_origin):
    """The target's own guard decides about the target, and what it says is what the target's app gets."""
    guard = make_origin(lambda connection, request: connection.send(answer(
        b"", 403 if request.get("x-original-uri") == "/inner/closed" else 200, [("X-User", request.target[1:])])))
    app = make_origin(lambda connection, request: connection.send(answer(request.target.encode(), headers=[
        ("X-Accel-Redirect", request.target.replace("outer", "inner"))] if "outer" in request.target else [])))
    asked = lambda path: {"request": {"upstream": "guard", "path": path, "copy": ["X-User"]}}
    gateway = make_gateway({
        "upstreams": {"app": {"servers": [app.name]}, "guard": {"servers": [guard.name]}},
        "routes": [{"path": "/outer", "upstream": "app", "auth": asked("/first")},
                   {"path": "/inner", "upstream": "app", "auth": asked("/second")}]})
    assert gateway.fetch("GET", "/outer/open").body == b"/inner/open"
    assert [request.target for request in guard.requests] == ["/first", "/second"]
    assert [request.get("x-user") for request in app.requests] == ["first", "second"]
    assert gateway.fetch("GET", "/outer/closed").status == 403
    assert [request.target for request in app.requests][2:] == ["/outer/closed"]


def test_topic_of_who_may(make_guarded):
    gateway, guard, _ = make_guarded(
        lambda connection, request: connection.send(answer(b"", 200 if request.get("cookie") == "a=1" else 401)))
    with Subscriber(gateway.address, "/events/guarded", [("Cookie", "a=1")]).opened() as subscriber:
        gateway.publish("guarded", "hello")
        assert subscriber.next().data == "hello"
    assert gateway.fetch("GET", "/events/guarded", [("Cookie", "a=2")]).status == 401
    assert len(guard.requests) == 2


@pytest.mark.parametrize("method, body", [("POST", "hello"), ("HEAD", None), ("DELETE", None)])
def test_it_is_asked_without_the_body_and_the_app_gets_it(make_guarded, method, body):
    gateway, guard, app = make_guarded(answer(b""))
    assert gateway.fetch(method, "/page", body=body).status == 200
    assert guard.request.method == "GET" and guard.request.body == b""
    assert guard.request.get("content-length") in (None, "0")
    assert guard.request.get("transfer-encoding") is None
    assert (app.request.method, app.request.body) == (method, (body or "").encode())


def test_expect_is_answered_only_to_who_may(make_guarded):
    gateway, _, app = make_guarded(answer(b"", 403))
    with gateway.connect() as connection:
        connection.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert connection.head().status == 403
    assert app.requests == []


def test_fields_of_its_answer_are_copied_and_no_client_can_set_them(make_guarded):
    users = iter(["ada", None])

    def step(connection, _):
        user = next(users)
        connection.send(answer(b"", headers=[("X-User", user), ("X-Secret", "x")] if user else []))

    gateway, _, app = make_guarded(step, copy=["X-User"])
    for _ in range(2):
        assert gateway.fetch("GET", "/", [("X-User", "root"), ("x-user", "root")]).status == 200
    assert app.requests[0].all("x-user") == ["ada"] and app.requests[0].all("x-secret") == []
    assert app.requests[1].all("x-user") == [], "a client's own word passed for the guard's"


def test_a_good_answer_is_kept_for_the_same_token(make_guarded):
    gateway, guard, app = make_guarded(
        lambda connection, request: connection.send(answer(
            b"", 200 if "good" in request.get("cookie") else 401, [("X-User", request.get("cookie"))])),
        cache="10s", cache_key=["cookie:session"], copy=["X-User"])

    def ask(session, other="x"):
        return gateway.fetch("GET", "/", [("Cookie", f"session={session}; other={other}")]).status

    assert [ask("good"), ask("good", "y"), ask("good")] == [200, 200, 200]
    assert len(guard.requests) == 1
    assert all("session=good" in request.get("x-user") for request in app.requests)
    assert [ask("bad"), ask("bad")] == [401, 401]
    assert len(guard.requests) == 3, "what is refused is asked about again"
    assert ask("good2") == 200 and len(guard.requests) == 4


def test_a_kept_answer_ends(make_guarded):
    gateway, guard, _ = make_guarded(answer(b""), cache="200ms", cache_key=["cookie:session"])
    ask = lambda: gateway.fetch("GET", "/", [("Cookie", "session=x")]).status
    assert ask() == 200
    wait_for(lambda: ask() == 200 and len(guard.requests) >= 2, "it is asked again")


def test_requests_without_the_token_share_nothing(make_guarded):
    gateway, guard, _ = make_guarded(answer(b""), cache="10s", cache_key=["cookie:session"])
    for _ in range(2):
        assert gateway.fetch("GET", "/").status == 200
    assert len(guard.requests) == 2


def test_client_that_leaves_while_it_is_asked(make_guarded):
    ended = threading.Event()

    def step(connection, _):
        connection.wait_end()
        ended.set()

    gateway, guard, app = make_guarded(step)
    for target in ("/page", "/events/guarded"):
        connection = gateway.connect()
        connection.request("GET", target)
        wait_for(lambda: guard.requests, "it is asked")
        connection.close()
        assert ended.wait(TIMEOUT)
        ended.clear()
        guard.requests.clear()
    assert app.requests == []
