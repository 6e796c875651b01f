"""Cross-origin access: the headers on every answer, and the preflight that needs no token."""

import pytest

from harness import jwt
from harness.sse import Subscriber

KEY = "a key that only these tests sign with"
APP, OTHER = "https://app.example", "https://other.example"
CONFIG = {
    "cors": {"origins": [APP, "http://localhost:3000"], "credentials": True, "max_age": "5m"},
    "auth": {"members": {"token": {"query": "token"}, "jwt": {"algorithms": ["HS256"], "secret": KEY}}},
    "topics": {"news": {"auth": "members"}, "open": {"path": "/events/open"}},
    "limits": {"body_bytes": 10},
}


@pytest.fixture
def gateway(make_gateway):
    return make_gateway(CONFIG)


def cors(response):
    """(allowed origin, credentials, Vary) of an answer."""
    return (response.get("access-control-allow-origin"),
            response.get("access-control-allow-credentials"), response.get("vary"))


ALLOWED, NOT_ALLOWED = (APP, "true", "Origin"), (None, None, "Origin")


def test_every_answer_has_the_headers(gateway):
    expired = jwt.make(KEY, -60)
    for method, target, headers, status in (
            ("HEAD", "/events/open", [], 200), ("GET", "/events/news", [], 401),
            ("GET", f"/events/news?token={jwt.make(KEY, topics=[])}", [], 403),
            ("GET", f"/events/news?token={expired}", [("Last-Event-ID", "a.1")], 204),
            ("GET", "/nothing", [], 404), ("PUT", "/events/open", [], 405),
            ("GET", "/events/open", [("Accept", "text/html")], 406),
            ("OPTIONS", "/events/open", [], 204), ("OPTIONS", "*", [], 204)):
        for origin, expected in ((APP, ALLOWED), (OTHER, NOT_ALLOWED)):
            response = gateway.fetch(method, target, [*headers, ("Origin", origin)])
            assert (response.status, cors(response)) == (status, expected), (method, target)
        assert cors(gateway.fetch(method, target, headers)) == NOT_ALLOWED
    response = gateway.fetch("POST", "/publish/open", [("Origin", APP)], b"x" * 11)
    assert (response.status, cors(response)) == (413, ALLOWED)


@pytest.mark.parametrize("rest, status", [
    ("Cookie: " + "x" * 20_000, 431), ("Host: twice", 400), ("Content-Length: x", 400),
    ("Expect: wonders", 417), ("Transfer-Encoding: gzip", 501), ("no colon", 400)])
def test_a_head_that_is_refused_has_the_headers_too(gateway, rest, status):
    with gateway.connect() as connection:
        connection.send(f"GET /events/open HTTP/1.1\r\nHost: a\r\nOrigin: {APP}\r\n{rest}\r\n\r\n".encode())
        head = connection.head()
        assert (head.status, cors(head)) == (status, ALLOWED)


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_streams_have_the_headers(gateway, version):
    for origin, expected in ((APP, ALLOWED), (OTHER, NOT_ALLOWED)):
        with Subscriber(gateway.address, "/events/open", [("Origin", origin)],
                        version=version).opened() as subscriber:
            assert cors(subscriber.head) == expected


@pytest.mark.parametrize("target", ["/events/news", "/publish/news", "/nothing"])
def test_a_preflight_is_answered_without_a_token(gateway, target):
    ask = [("Access-Control-Request-Method", "GET"),
           ("Access-Control-Request-Headers", "authorization,last-event-id")]
    response = gateway.fetch("OPTIONS", target, [("Origin", APP), *ask])
    assert (response.status, cors(response)) == (204, ALLOWED)
    allowed = response.get("access-control-allow-headers").lower().split(", ")
    assert {"authorization", "last-event-id", "content-type", "cache-control"} <= set(allowed)
    assert {"GET", "POST"} <= set(response.get("access-control-allow-methods").split(", "))
    assert response.get("access-control-max-age") == "300"
    response = gateway.fetch("OPTIONS", target, [("Origin", OTHER), *ask])
    assert (response.status, cors(response)) == (204, NOT_ALLOWED)
    assert response.get("access-control-allow-headers") is None


def test_an_origin_is_compared_whole(gateway):
    for origin in ("https://app.example.evil", "https://app.example:444", "http://app.example",
                   "https://APP.example", "null", "https://app.exampl", "", "*"):
        assert cors(gateway.fetch("GET", "/nothing", [("Origin", origin)])) == NOT_ALLOWED, origin
    response = gateway.fetch("GET", "/nothing", [("Origin", "http://localhost:3000")])
    assert cors(response)[0] == "http://localhost:3000"


def test_any_origin_is_without_credentials_and_cacheable(make_gateway):
    gateway = make_gateway({"cors": {"origins": ["*"]}})
    for headers in ([], [("Origin", APP)]):
        assert cors(gateway.fetch("HEAD", "/events/news", headers)) == ("*", None, None)


def test_without_cors_nothing_is_added(make_gateway):
    gateway = make_gateway({})
    response = gateway.fetch("OPTIONS", "/events/news", [("Origin", APP),
                                                         ("Access-Control-Request-Method", "GET")])
    assert (response.status, cors(response)) == (204, (None, None, None))
    assert response.get("allow") == "GET, HEAD, OPTIONS"
