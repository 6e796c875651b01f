"""What an upstream gets of a request: target, Host, and which fields. Its every byte is looked at."""

import pytest

from harness.origin import answer

OK = answer(b"ok")


def sent(gateway, *, method="GET", target="/", headers=(), body=None, version="HTTP/1.1", host="test"):
    """The answer's status to one request on a connection of its own."""
    with gateway.connect() as connection:
        connection.request(method, target, headers, body, version, host)
        return connection.response(method).status


@pytest.mark.parametrize("target, seen", [
    ("/", "/"),
    ("/a/b?c=d&e", "/a/b?c=d&e"),
    ("/?", "/?"),
    ("/a%20b?x=%2F%00", "/a%20b?x=%2F%00"),
    ("/%D1%84", "/%D1%84"),
    ("/a//b", "/a//b"),
    ("/a/./b/../c", "/a/c"),
    ("/a;v=1,2:3@4!$&'()*+=~", "/a;v=1,2:3@4!$&'()*+=~"),
    ("http://test/abs?x=1", "/abs?x=1"),
    ("http://test", "/"),
    ("http://test?x=1", "/?x=1"),
])
def test_target(make_proxy, target, seen):
    gateway, origin = make_proxy(OK)
    assert sent(gateway, target=target) == 200
    assert origin.request.target == seen and origin.request.get("host") == "test"


@pytest.mark.parametrize("target", [
    "*", "nothing", "?x", "/a b", "/a#b", "/\x7f", "/\x01", "ftp://test/", "//", "test:80", "/a\tb"])
def test_target_that_is_none_reaches_nobody(make_proxy, target):
    gateway, origin = make_proxy(OK)
    with gateway.connect() as connection:
        connection.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
        status = connection.response().status
    if target == "//":  # an empty first segment is a path
        assert status == 200
    else:
        assert status in (400, 404) and origin.requests == []


@pytest.mark.parametrize("target", ["/../x", "/a/../../x", "/%2e%2e/x", "/a/..%2f..%2fx", "/a/%2e%2e/%2E%2E/x"])
def test_nothing_climbs_above_the_root(make_proxy, target):
    gateway, origin = make_proxy(OK, route={"path": "/a"})
    assert sent(gateway, target=target) in (400, 404)
    assert origin.requests == []


@pytest.mark.parametrize("path, target, seen", [
    ("/api", "/api/users?x=1", "/users?x=1"),
    ("/api", "/api", "/"),
    ("/api", "/api?x=1", "/?x=1"),
    ("/api", "/api/", "/"),
    ("/api", "/%61pi/x", "/x"),
    ("/api/v1", "/api//v1/x", "/x"),
    ("/", "/x", "/x"),
])
def test_prefix_is_stripped(make_proxy, path, target, seen):
    gateway, origin = make_proxy(OK, route={"path": path, "strip_prefix": True})
    assert sent(gateway, target=target) == 200
    assert origin.request.target == seen


@pytest.mark.parametrize("host", ["test", "test:8080", "TEST.example.", "127.0.0.1", "[::1]:80", "xn--e1afmkfd"])
def test_host_is_the_clients(make_proxy, host):
    gateway, origin = make_proxy(OK)
    assert sent(gateway, host=host) == 200
    assert origin.request.get("host") == host


def test_host_of_the_route(make_proxy):
    gateway, origin = make_proxy(OK, route={"host": "inner.example"})
    assert sent(gateway, host="outer.example") == 200
    assert origin.request.get("host") == "inner.example"
    assert origin.request.get("x-forwarded-host") == "outer.example"


def test_host_of_an_absolute_target_counts(make_proxy):
    gateway, origin = make_proxy(OK)
    assert sent(gateway, target="http://one.example/x", host="one.example") == 200
    assert origin.request.get("host") == "one.example" and origin.request.target == "/x"


def test_http_1_0_without_host_is_served(make_proxy):
    gateway, origin = make_proxy(OK)
    assert sent(gateway, version="HTTP/1.0", host=None) == 200
    assert len(origin.requests) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_methods_pass(make_proxy, method):
    gateway, origin = make_proxy(OK)
    assert sent(gateway, method=method, target="/x") == 200
    assert origin.request.method == method


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_methods_that_do_not(make_proxy, method):
    gateway, origin = make_proxy(OK)
    target = "test:80" if method == "CONNECT" else "/"
    assert sent(gateway, method=method, target=target) in (400, 405, 501)
    assert origin.requests == []


def test_fields_pass_as_they_came(make_proxy):
    gateway, origin = make_proxy(OK)
    fields = [("Accept", "*/*"), ("Cookie", "a=1; b=\"2\""), ("X-Many", "1"), ("x-many", "2"), ("X-Empty", ""),
              ("X-Latin", "\xe9"), ("X-Tab", "a\tb"), ("Authorization", "Basic x"), ("Range", "bytes=0-1"),
              ("If-None-Match", "\"x\""), ("Last-Event-ID", "7"), ("Origin", "http://a.example"),
              ("Accept-Encoding", "gzip, br"), ("X_Underscore", "1")]
    assert sent(gateway, headers=fields) == 200
    lowered = [(name.lower(), value) for name, value in fields]
    assert [field for field in origin.request.headers if field in lowered] == lowered


def test_hop_by_hop_fields_do_not(make_proxy):
    gateway, origin = make_proxy(OK)
    fields = [("Connection", "keep-alive, X-Nominated"), ("connection", "x-other ,,"), ("Keep-Alive", "timeout=5"),
              ("Proxy-Connection", "keep-alive"), ("TE", "trailers, deflate"), ("X-Nominated", "secret"),
              ("X-Other", "secret"), ("Proxy-Authorization", "Basic secret"), ("X-Kept", "1")]
    assert sent(gateway, headers=fields) == 200
    request = origin.request
    assert b"secret" not in request.head and b"deflate" not in request.head
    assert request.get("x-kept") == "1"
    for name in ("keep-alive", "proxy-connection", "x-nominated", "x-other", "upgrade"):
        assert request.all(name) == []
    # That trailers are taken is the gateway's own word.
    assert request.get("te") == "trailers" and request.get("connection") == "TE"


@pytest.mark.parametrize("nominated", ["Host", "Content-Length", "X-Forwarded-For", "Via", "Cookie"])
def test_fields_that_are_needed_cannot_be_nominated_away(make_proxy, nominated):
    """Connection: Content-Length must not leave a body without its length; nor may what an app relies on be
    lost."""
    gateway, origin = make_proxy(OK)
    status = sent(gateway, method="POST", headers=[("Connection", nominated), ("Cookie", "a=1")],
                  body="hello")
    if status == 400:
        assert origin.requests == []
        return
    assert status == 200 and origin.request.body == b"hello"
    assert origin.request.get("host") == "test" and origin.request.get("x-forwarded-for") == "127.0.0.1"
    assert "sluice" in origin.request.get("via") and origin.request.get("cookie") == "a=1"


def test_the_gateway_says_who_asked(make_proxy):
    gateway, origin = make_proxy(OK)
    assert sent(gateway, headers=[("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https"),
                                  ("X-Forwarded-Host", "evil"), ("Forwarded", "for=1.2.3.4"),
                                  ("Via", "1.0 before")]) == 200
    request = origin.request
    assert request.get("x-forwarded-for") == "127.0.0.1"
    assert request.get("x-forwarded-proto") == "http"
    assert request.get("x-forwarded-host") == "test"
    assert request.all("forwarded") == []
    assert ", ".join(request.all("via")) == "1.0 before, 1.1 sluice"


def test_trusted_proxies_are_believed(make_proxy):
    gateway, origin = make_proxy(OK, changes={"trusted_proxies": ["127.0.0.0/8"], "forwarded": True})
    assert sent(gateway, headers=[("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "5.6.7.8"),
                                  ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "outer"),
                                  ("Forwarded", "for=1.2.3.4")]) == 200
    request = origin.request
    assert ", ".join(request.all("x-forwarded-for")) == "1.2.3.4, 5.6.7.8, 127.0.0.1"
    assert request.get("x-forwarded-proto") == "https" and request.get("x-forwarded-host") == "outer"
    forwarded = ", ".join(request.all("forwarded"))
    assert forwarded.startswith("for=1.2.3.4, ") and "for=127.0.0.1" in forwarded


def test_via_can_be_switched_off(make_proxy):
    gateway, origin = make_proxy(OK, changes={"via": False})
    assert sent(gateway) == 200
    assert origin.request.all("via") == []


def test_edits_of_a_route(make_proxy):
    edits = {"request_headers": {"set": {"X-Set": "by route", "Accept": "text/plain"}, "remove": ["Cookie", "X-Gone"]},
             "response_headers": {"set": {"X-Answer": "by route"}, "remove": ["Server", "Set-Cookie"]}}
    gateway, origin = make_proxy(answer(b"ok", headers=[
        ("Server", "secret"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Answer", "1"), ("X-Answer", "2")]),
        route=edits)
    response = gateway.fetch("GET", "/", [("X-Set", "a"), ("x-set", "b"), ("Accept", "*/*"), ("Cookie", "a=1"),
                                          ("X-Gone", "x")])
    assert origin.request.get("x-set") == "by route" and origin.request.get("accept") == "text/plain"
    assert origin.request.all("cookie") == origin.request.all("x-gone") == []
    assert response.get("x-answer") == "by route"
    assert response.get("server") is None and response.get("set-cookie") is None


def test_unix_socket(make_proxy):
    gateway, origin = make_proxy(OK, unix=True)
    assert sent(gateway) == 200
    assert origin.request.get("host") == "test"


def test_requests_of_one_client_go_to_their_routes(make_gateway, make_origin):
    first, second = make_origin(answer(b"first")), make_origin(answer(b"second"))
    gateway = make_gateway({
        "upstreams": {"first": {"servers": [first.name]}, "second": {"servers": [second.name]}},
        "routes": [{"path": "/", "upstream": "first"}, {"path": "/b", "upstream": "second"},
                   {"path": "/", "hosts": ["*.b.example"], "upstream": "second"}]})
    with gateway.connect() as connection:
        # All at once: each answer must be its own request's.
        for target, host in (("/", "a"), ("/b", "a"), ("/bc", "a"), ("/b/c", "a"), ("/", "x.b.example"), ("/", "a")):
            connection.request("GET", target, host=host)
        bodies = [connection.response().body for _ in range(6)]
    assert bodies == [b"first", b"second", b"first", b"second", b"second", b"first"]
