"""What the HTTP server answers to requests, good, odd and hostile. Bytes go out as written here."""

import json

import pytest

HOST = b"Host: test\r\n"


def exchange(gateway, request):
    """The answer to these bytes, and how the connection was left."""
    with gateway.connect() as connection:
        connection.send(request)
        response = connection.response()
        connection.half_close()
        connection.wait_closed()
        return response


def check_error(response, status):
    statuses = status if isinstance(status, tuple) else (status,)
    assert response.status in statuses, (response.status, response.body)
    assert response.get("content-type") == "application/json"
    body = json.loads(response.body)
    assert set(body) == {"error", "detail"} and body["error"] and body["detail"]


@pytest.mark.parametrize("request_bytes, status", [
    # The request line.
    (b"GET /\r\n\r\n", 400),
    (b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", (400, 505)),
    (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", (400, 505)),
    (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", (400, 505)),
    (b"SOURCE /x ICE/1.0\r\n" + HOST + b"\r\n", (400, 501)),
    (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /#x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /a\tb HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /\x80 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET http:/// HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GE\x00T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS on a plain port
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    # The path.
    (b"GET /%zz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /%00 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /../etc HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /%2e%2e/etc HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    # Host.
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a:port\r\n\r\n", 400),
    # Fields.
    (b"GET / HTTP/1.1\r\n" + HOST + b": empty\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"Name : x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"No colon\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n folded\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\x00c\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\rc\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    # Framing: where two servers could see two different requests.
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\nx", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\nx", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\nx", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n", (400, 413)),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", (400, 501)),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400, 501)),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n", (400, 501)),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", (400, 501)),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400, 501)),
    (b"POST /publish/news HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n", 400),
    (b"POST /publish/news HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", (400, 413)),
    # What is not there.
    (b"CONNECT test:80 HTTP/1.1\r\n" + HOST + b"\r\n", (400, 405, 501)),
    (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", (400, 501)),
])
def test_hostile_request_is_refused_and_the_connection_closed(gateway, request_bytes, status):
    response = exchange(gateway, request_bytes)
    check_error(response, status)
    assert response.get("connection") == "close"
    assert gateway.fetch("GET", "/nothing").status == 404  # the next one is served


def test_unknown_path_is_404(gateway):
    for target in ("/", "/events", "/events/news/x", "/EVENTS/news", "/events/other"):
        check_error(gateway.fetch("GET", target), 404)


def test_error_bodies_do_not_quote_the_request(gateway):
    response = gateway.fetch("GET", "/nothing/secret-in-path?token=secret-in-query",
                             [("Authorization", "Bearer secret-in-header")])
    check_error(response, 404)
    assert b"secret" not in response.body + response.head
    gateway.stop()  # then all lines are there
    assert "secret" not in gateway.log()


@pytest.mark.parametrize("target", [
    "/events/news",
    "/%65vents/ne%77s",
    "/a/../events/./news",
    "/a/%2e%2e/events/news",
    "//events//news",
    "http://test/events/news",
    "http://other.example:99/events/news",
    "/events/news?x=%zz",
])
def test_paths_are_decoded_once_and_dot_segments_resolved(gateway, target):
    with gateway.subscribe(target):
        gateway.wait_metric("sluice_subscribers", 1, topic="news")


def test_encoded_slash_and_double_encoding_are_other_paths(gateway):
    for target in ("/events%2fnews", "/events/%256eews"):
        check_error(gateway.fetch("GET", target), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_topic_answers_405_with_allow(gateway, method):
    response = gateway.fetch(method, "/events/news")
    check_error(response, 405)
    assert {"GET", "HEAD"} <= set(response.get("allow").split(", "))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_publish_path_answers_405_with_allow(gateway, method):
    response = gateway.fetch(method, "/publish/news")
    assert response.status == 405
    assert "POST" in response.get("allow").split(", ")


def test_options_says_what_is_allowed(gateway):
    response = gateway.fetch("OPTIONS", "/events/news")
    assert response.status in (200, 204) and response.body == b""
    assert {"GET", "HEAD", "OPTIONS"} <= set(response.get("allow").split(", "))
    assert gateway.fetch("OPTIONS", "*").status in (200, 204)
    check_error(gateway.fetch("OPTIONS", "/nothing"), 404)


@pytest.mark.parametrize("accept, status", [
    (None, 200),
    ("*/*", 200),
    ("text/*", 200),
    ("text/event-stream", 200),
    ("TEXT/Event-Stream", 200),
    ("text/html, text/event-stream;q=0.5", 200),
    ("application/json, */*;q=0.1", 200),
    ("application/json", 406),
    ("text/html, image/*", 406),
    ("text/event-stream;q=0", 406),
    ("text/event-stream;q=0, */*", 406),
])
def test_accept_decides(gateway, accept, status):
    headers = [] if accept is None else [("Accept", accept)]
    response = gateway.fetch("HEAD", "/events/news", headers)
    assert response.status == status
    if status == 406:
        check_error(gateway.fetch("GET", "/events/news", headers), 406)


def test_head_of_an_error_has_no_body(gateway):
    with gateway.connect() as connection:
        connection.request("HEAD", "/nothing")
        response = connection.response("HEAD")
        assert response.status == 404 and int(response.get("content-length")) > 0
        connection.request("GET", "/nothing")  # would be misread if a body had come
        assert connection.response().status == 404


def test_target_too_long_is_414(gateway):
    check_error(exchange(gateway, b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"), 414)


def test_head_too_large_is_431(gateway):
    check_error(exchange(
        gateway, b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 20000 + b"\r\n\r\n"), 431)
    check_error(exchange(
        gateway, b"GET / HTTP/1.1\r\n" + HOST + b"a" * 20000 + b": a\r\n\r\n"), 431)


def test_too_many_fields_are_431(make_gateway):
    gateway = make_gateway({"limits": {"headers": 10}})
    fields = b"".join(b"A%d: b\r\n" % number for number in range(9))
    assert exchange(gateway, b"GET / HTTP/1.1\r\n" + HOST + fields + b"\r\n").status == 404
    check_error(exchange(gateway, b"GET / HTTP/1.1\r\n" + HOST + fields + b"B: b\r\n\r\n"), 431)


def test_head_limit_is_configurable(make_gateway):
    gateway = make_gateway({"limits": {"header_bytes": "2KiB"}})
    assert exchange(gateway, b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 1900 + b"\r\n\r\n").status == 404
    check_error(exchange(gateway, b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 2100 + b"\r\n\r\n"), 431)


def test_endless_head_is_cut_off(gateway):
    with gateway.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\n" + HOST)
        try:
            for _ in range(1000):
                connection.send(b"A: " + b"a" * 1000 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it closed while we were sending
        response = connection.response()
    check_error(response, 431)


def test_body_over_the_limit_is_413_and_the_client_can_read_it(make_gateway):
    gateway = make_gateway({"limits": {"body_bytes": "64KiB"}})
    body = b"x" * 2_000_000  # more than the sockets hold: the gateway must read it away
    for framing in (b"Content-Length: %d\r\n\r\n%b" % (len(body), body),
                    b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)):
        check_error(exchange(gateway, b"POST /publish/news HTTP/1.1\r\n" + HOST + framing), 413)
    assert gateway.fetch("POST", "/publish/news", body=b"x" * 65536).status == 202
    check_error(gateway.fetch("POST", "/publish/news", body=b"x" * 65537), 413)
