"""Schemes on routes: who may pass, and what of the token the apps behind see."""

import json

import pytest

from harness import jwt, secrets
from harness.http import Connection
from harness.origin import answer

KEY = "a key that only these tests sign with"
AUTH = {"members": {"token": {"query": "token", "cookie": "session", "bearer": True},
                    "jwt": {"algorithms": ["HS256"], "secret": KEY}}}
PLACES = ["query", "cookie", "bearer"]


@pytest.fixture
def make_app(make_gateway, make_origin):
    """make_app({target: answer}): an origin that answers "inside" elsewhere. /open is for everyone; /members and
    /stripped need a token, and the app behind /stripped does not see it, nor behind /inside."""

    def make(pages=None):
        origin = make_origin(lambda connection, request: connection.send(
            (pages or {}).get(request.target.partition("?")[0], answer(b"inside"))))
        gateway = make_gateway({
            "auth": AUTH, "upstreams": {"app": {"servers": [origin.name]}},
            "routes": [{"path": "/open", "upstream": "app"},
                       {"path": "/members", "upstream": "app", "auth": "members"},
                       {"path": "/stripped", "upstream": "app", "auth": "members", "strip_tokens": True},
                       {"path": "/inside", "upstream": "app", "internal": True, "strip_tokens": True}]})
        return gateway, origin

    return make


def ask(gateway, path, place=None, token="", method="GET", body=None):
    """A request with the token in that place, and with a parameter, a cookie and a field besides."""
    target = f"{path}?a=1" + (f"&token={token}" if place == "query" else "") + "&b=%20"
    cookie = "c=d; " + (f"session={token}; " if place == "cookie" else "") + "e=f"
    headers = [("Cookie", cookie), ("X-Field", "kept")]
    headers += [("Authorization", f"Bearer {token}")] if place == "bearer" else []
    return gateway.fetch(method, target, headers, body)


def received(origin):
    return b"".join(bytes(connection.received) for connection in origin.connections)


@pytest.mark.parametrize("path", ["/members", "/stripped/x"])
@pytest.mark.parametrize("method, body", [("GET", None), ("POST", "hello")])
def test_without_a_good_token_the_app_hears_nothing(make_app, path, method, body):
    gateway, origin = make_app()
    bad = {"the token is not valid": jwt.make("a key that the gateway does not know"),
           "the token has expired": jwt.make(KEY, -60)}
    cases = [("a token is needed", None, "")]
    cases += [(detail, place, token) for detail, token in bad.items() for place in PLACES]
    for detail, place, token in cases:
        response = ask(gateway, path, place, token, method, body)
        assert response.status == 401, (detail, place)
        assert json.loads(response.body)["detail"] == detail, place
    assert origin.connections == []


@pytest.mark.parametrize("place", PLACES)
def test_a_good_token_lets_in_and_is_passed_on(make_app, place):
    gateway, origin = make_app()
    token = jwt.make(KEY)
    for path in ("/members", "/open"):
        assert ask(gateway, path, place, token).body == b"inside"
    for request in origin.requests:
        assert request.head.count(token.encode()) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method, body", [("GET", None), ("POST", "hello")])
def test_a_stripped_token_is_nowhere_in_what_the_app_gets(make_app, place, method, body):
    gateway, origin = make_app()
    token = jwt.make(KEY)
    assert ask(gateway, "/stripped/x", place, token, method, body).body == b"inside"
    request = origin.request
    assert token.encode() not in received(origin) and token.split(".")[2].encode() not in received(origin)
    assert request.target == "/stripped/x?a=1&b=%20"
    assert request.get("cookie") == "c=d; e=f"
    assert request.get("x-field") == "kept" and request.get("authorization") is None
    assert request.body == (body or "").encode()


def test_every_place_is_stripped_whichever_token_counted(make_app):
    gateway, origin = make_app()
    token, other = jwt.make(KEY), secrets.make("another")
    target = f"/stripped?%74oken={token}&token={other}&token&Token=x"
    cookies = [("Cookie", f"session={other}"), ("Cookie", f"c=d;session={other}; session2=y")]
    for target_form in (target, f"http://test{target}"):
        with gateway.connect() as connection:
            connection.request("GET", target_form, [*cookies, ("authorization", f"bEARER {other}")])
            assert connection.response().status == 200
    for request in origin.requests:
        assert request.target == "/stripped?Token=x"
        assert request.all("cookie") == ["c=d; session2=y"] and request.all("authorization") == []
    assert token.encode() not in received(origin) and other.encode() not in received(origin)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("first", ["/open", "/members", "/stripped"])
@pytest.mark.parametrize("then", ["/inside/x", "/inside/x?a=2&token=mine&b", "/stripped/y"])
def test_a_token_is_stripped_after_a_redirect_too(make_app, place, first, then):
    gateway, origin = make_app({first: answer(b"", headers=[("X-Accel-Redirect", then)])})
    token = jwt.make(KEY)
    own = "?" in then
    assert ask(gateway, first, place, token, "POST", "hello").body == b"inside"
    before, request = origin.requests
    assert before.head.count(token.encode()) == (0 if first == "/stripped" else 1)
    assert token.encode() not in request.head
    assert request.target == then.partition("?")[0] + ("?a=2&b" if own else "?a=1&b=%20")
    assert request.get("cookie") == "c=d; e=f" and request.get("x-field") == "kept"


def test_target_of_a_redirect_asks_for_its_own_token(make_app):
    gateway, origin = make_app({"/open": answer(b"", headers=[("X-Accel-Redirect", "/stripped/y")])})
    assert ask(gateway, "/open").status == 401
    assert ask(gateway, "/open", "bearer", jwt.make(KEY, -60)).status == 401
    assert [request.target for request in origin.requests] == ["/open?a=1&b=%20"] * 2


@pytest.mark.parametrize("place", PLACES)
def test_app_that_decides_sees_the_token_that_is_stripped(make_gateway, make_origin, place):
    token = secrets.make("session")
    guard = make_origin(lambda connection, request: connection.send(
        answer(b"", 200 if request.head.count(token.encode()) == 1 else 401)))
    app = make_origin(answer(b"inside"))
    gateway = make_gateway({
        "auth": AUTH, "upstreams": {"app": {"servers": [app.name]}, "guard": {"servers": [guard.name]}},
        "routes": [{"path": "/", "upstream": "app", "strip_tokens": True,
                    "auth": {"request": {"upstream": "guard", "path": "/auth"}}}]})
    assert ask(gateway, "/x", place, token).body == b"inside"
    assert token.encode() not in received(app)
    assert app.request.target == "/x?a=1&b=%20" and app.request.get("cookie") == "c=d; e=f"
    assert ask(gateway, "/x").status == 401
    assert len(app.requests) == 1


def test_token_of_an_upgrade_is_stripped(make_app):
    """A page can give a WebSocket a token in the query or a cookie alone."""
    switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    gateway, origin = make_app({"/stripped": switching})
    token = jwt.make(KEY)
    with Connection(gateway.address) as connection:
        connection.request("GET", f"/stripped?token={token}&a=1", [
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Cookie", f"session={token}")])
        assert connection.head().status == 101
    assert token.encode() not in received(origin)
    assert origin.request.target == "/stripped?a=1" and origin.request.get("cookie") is None
