"""Answers of an upstream on their way to a client: every framing, no body where there is none, interim
answers, trailers, more and less than was promised, and clients that are slow or leave."""

import threading

import pytest

from harness.origin import CHUNKED, answer, chunked
from harness.wait import PATIENCE, TIMEOUT, wait_for

OK = answer(b"ok")
EOF_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


def close_after(data):
    def step(connection, _):
        connection.send(data)
        connection.close()

    return step


FRAMED = {
    "length": answer(b"hello world"),
    "chunked": CHUNKED + chunked(b"hello", b" world"),
    "chunk extensions": CHUNKED + b"5;x=\"a;b\"\r\nhello\r\n006;y\r\n world\r\n000;z\r\n\r\n",
    "end of connection": close_after(EOF_HEAD + b"hello world"),
    "HTTP/1.0": close_after(b"HTTP/1.0 200 OK\r\n\r\nhello world"),
    "HTTP/1.0 with length": close_after(b"HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\nhello world"),
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 11\r\n\r\nhello world",
}


@pytest.mark.parametrize("framing", FRAMED)
@pytest.mark.parametrize("buffering", [True, False])
def test_every_framing(make_proxy, framing, buffering):
    gateway, _ = make_proxy(FRAMED[framing], route={"buffering": buffering})
    with gateway.connect() as connection:
        for _ in range(2):  # the client's connection is kept, whatever became of the upstream's
            connection.request("GET", "/")
            response = connection.response()
            assert (response.status, response.body) == (200, b"hello world")
            assert response.get("transfer-encoding") is None or response.get("content-length") is None


@pytest.mark.parametrize("framing", FRAMED)
def test_every_framing_to_http_1_0(make_proxy, framing):
    gateway, _ = make_proxy(FRAMED[framing])
    with gateway.connect() as connection:
        connection.request("GET", "/", version="HTTP/1.0")
        response = connection.response()
        assert (response.status, response.body) == (200, b"hello world")
        assert response.get("transfer-encoding") is None
        assert connection.wait_closed() == "eof"


@pytest.mark.parametrize("framing", ["length", "chunked", "end of connection"])
def test_answer_torn_into_bytes(make_proxy, framing):
    whole = {"length": FRAMED["length"], "chunked": FRAMED["chunked"], "end of connection": EOF_HEAD + b"hello world"}

    def step(connection, _):
        for byte in whole[framing]:
            connection.send(bytes([byte]))
        if framing == "end of connection":
            connection.close()

    gateway, _ = make_proxy(step)
    with gateway.connect() as connection:
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.response().body == b"hello world"


@pytest.mark.parametrize("status, field", [
    (204, ""), (204, "Content-Length: 0\r\n"), (304, ""), (304, "Content-Length: 5\r\n"), (304, "ETag: \"x\"\r\n")])
def test_statuses_without_a_body(make_proxy, status, field):
    gateway, origin = make_proxy(f"HTTP/1.1 {status} X\r\n{field}\r\n".encode())
    with gateway.connect() as connection:
        for _ in range(3):
            connection.request("GET", "/")
            response = connection.response()
            assert (response.status, response.body) == (status, b"")
            assert response.get("transfer-encoding") is None
            if status == 204:
                assert response.get("content-length") is None
    assert len(origin.connections) == 1


@pytest.mark.parametrize("field", ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", ""])
def test_head_has_no_body(make_proxy, field):
    gateway, origin = make_proxy(f"HTTP/1.1 200 OK\r\n{field}\r\n".encode())
    with gateway.connect() as connection:
        for _ in range(2):
            connection.request("HEAD", "/")
            response = connection.response("HEAD")
            assert response.status == 200
            if field.startswith("Content-Length"):
                assert response.get("content-length") == "5"
    assert origin.requests[0].method == "HEAD"


def test_fields_pass_and_those_of_a_connection_do_not(make_proxy):
    fields = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("ETag", "W/\"x\""),
              ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "app/1"), ("X-Empty", ""), ("Vary", "Accept"),
              ("Content-Encoding", "gzip"), ("WWW-Authenticate", "Basic"), ("Location", "/elsewhere")]
    gone = [("Connection", "keep-alive, X-Nominated"), ("Keep-Alive", "timeout=5"), ("X-Nominated", "secret"),
            ("Proxy-Connection", "x"), ("X-Accel-Expires", "5"), ("X-Accel-Charset", "utf-8"),
            ("X-Accel-Buffering", "no"), ("X-Accel-Limit-Rate", "0")]
    gateway, _ = make_proxy(answer(b"ok", headers=fields + gone))
    response = gateway.fetch("GET", "/")
    lowered = [(name.lower(), value) for name, value in fields]
    assert [field for field in response.headers if field in lowered] == lowered
    names = [name for name, _ in response.headers]
    assert not {"x-nominated", "keep-alive", "proxy-connection"} & set(names)
    assert not [name for name in names if name.startswith("x-accel-")]
    assert "sluice" in response.get("via")


@pytest.mark.parametrize("status", [200, 201, 206, 301, 400, 401, 404, 418, 499, 500, 503, 599])
def test_statuses_pass(make_proxy, status):
    gateway, _ = make_proxy(answer(b"body", status))
    response = gateway.fetch("GET", "/")
    assert (response.status, response.body) == (status, b"body")


def test_interim_answers_pass(make_proxy):
    go = threading.Event()

    def step(connection, _):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.css>\r\n\r\n"
                        b"HTTP/1.1 102 Processing\r\n\r\n")
        assert go.wait(TIMEOUT)
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </c.css>\r\nConnection: x\r\n\r\n" + OK)

    gateway, origin = make_proxy(step)
    with gateway.connect() as connection:
        connection.request("GET", "/")
        early = connection.head()
        assert early.status == 103
        assert [value for name, value in early.headers if name == "link"] == ["</a.css>; rel=preload", "</b.css>"]
        assert connection.head().status == 102
        go.set()
        late = connection.head()
        assert late.status == 103 and late.get("connection") is None
        assert connection.response().body == b"ok"
        connection.request("GET", "/")
        assert connection.response().body == b"ok"
    assert len(origin.connections) == 1


def test_http_1_0_gets_no_interim_answer(make_proxy):
    gateway, _ = make_proxy(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + OK)
    with gateway.connect() as connection:
        connection.request("GET", "/", version="HTTP/1.0")
        assert connection.head().status == 200


@pytest.mark.parametrize("buffering", ["on", "off"])
@pytest.mark.parametrize("asked", [True, False])
def test_trailers_pass_to_those_who_ask_and_to_others(make_proxy, asked, buffering):
    """Whoever takes chunks reads over trailers that it does not want (RFC 9112 7.1.2)."""
    gateway, _ = make_proxy(
        CHUNKED + chunked(b"hello", trailers="X-Digest: 1\r\nContent-Length: 3\r\nSet-Cookie: evil\r\n"),
        route={"buffering": buffering})
    with gateway.connect() as connection:
        connection.request("GET", "/", [("TE", "trailers")] if asked else [])
        head = connection.head()
        assert head.get("x-digest") is None and head.get("set-cookie") is None
        assert connection.take_chunk() == b"hello" and int(connection.take_until(b"\r\n"), 16) == 0
        trailers = b""
        while (line := connection.take_until(b"\r\n")) != b"\r\n":
            trailers += line
        assert trailers == b"X-Digest: 1\r\n"
        connection.request("GET", "/", [("Connection", "close")])
        assert connection.head().status == 200


EXTRA = {
    "behind a length": answer(b"hello") + b"SMUGGLED",
    "a second answer": answer(b"hello") + answer(b"SMUGGLED"),
    "behind the last chunk": CHUNKED + chunked(b"hello") + b"SMUGGLED",
    "behind an empty one": answer(b"") + b"SMUGGLED",
    "behind 204": b"HTTP/1.1 204 No\r\n\r\nSMUGGLED",
    "behind 304": b"HTTP/1.1 304 No\r\nContent-Length: 8\r\n\r\nSMUGGLED",
}


@pytest.mark.parametrize("buffering", ["on", "off"])
@pytest.mark.parametrize("extra", EXTRA)
def test_more_than_was_promised_reaches_nobody(make_proxy, extra, buffering):
    gateway, origin = make_proxy(EXTRA[extra], OK, route={"buffering": buffering})
    with gateway.connect() as connection:
        connection.request("GET", "/")
        assert connection.response().body in (b"hello", b"")
        connection.request("GET", "/")
        assert connection.response().body == b"ok"
        connection.half_close()
        assert connection.take_rest() == b""
    assert len(origin.connections) == 2, "the connection with more on it was used again"


def test_body_to_head_reaches_nobody(make_proxy):
    gateway, origin = make_proxy(answer(b"SMUGGLED"), OK)
    with gateway.connect() as connection:
        connection.request("HEAD", "/")
        connection.response("HEAD")
        connection.request("GET", "/")
        assert connection.response().body == b"ok"
    assert len(origin.connections) == 2


CUT = {
    "inside a length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
    "between chunks": CHUNKED + b"5\r\nhello\r\n",
    "inside a chunk": CHUNKED + b"a\r\nhello",
    "before the last line end": CHUNKED + b"5\r\nhello\r\n0\r\n",
}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("where", CUT)
def test_less_than_was_promised_is_seen_by_the_client(make_proxy, where, how):
    def step(connection, request):
        if request.target == "/cut":
            connection.send(CUT[where])
            if how == "reset":
                # Once the beginning has passed: a reset would overtake it.
                assert passed.wait(TIMEOUT)
            getattr(connection, how)()
        else:
            connection.send(OK)

    passed = threading.Event()
    gateway, _ = make_proxy(step, route={"buffering": False})
    with gateway.connect() as connection:
        connection.request("GET", "/cut")
        head = connection.head()
        if head.get("content-length"):
            assert connection.take(5) == b"hello"
        else:
            assert connection.take_until(b"hello")
        passed.set()
        rest = connection.take_rest()
        assert b"0\r\n\r\n" not in rest and b"HTTP/1.1" not in rest
        assert connection.ended
    gateway.wait_log("closed")
    assert gateway.fetch("GET", "/").body == b"ok"


@pytest.mark.parametrize("buffering", ["on", "off"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("finished", [True, False])
def test_large_answer_to_a_slow_client_is_whole_or_cut(make_proxy, framing, buffering, finished):
    """What came before the end does arrive, though the end was there long before the client read."""
    piece, count = bytes(range(256)) * 256, 64

    def step(connection, _):
        size = len(piece) * count
        connection.send(CHUNKED if framing == "chunked" else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for number in range(count if finished else count - 1):
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece)
        if finished and framing == "chunked":
            connection.send(b"0\r\n\r\n")
        connection.close()

    gateway, _ = make_proxy(step, route={"buffering": buffering})
    with gateway.connect(receive_buffer=4096) as connection:
        connection.request("GET", "/")
        connection.head()
        body = b""
        try:
            if framing == "chunked":
                while chunk := connection.take_chunk():
                    body += chunk
            else:
                body = connection.take(len(piece) * count)
            assert finished, "half an answer passed for a whole one"
        except EOFError:
            assert not finished
            body += connection.buffer
    assert body == piece * (count if finished else count - 1)


def test_slow_client_makes_the_upstream_wait(make_proxy):
    size = 100 << 20
    sent = 0
    block = bytes(range(256)) * 256

    def step(connection, _):
        nonlocal sent
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            connection.send(block)
            sent += len(block)

    gateway, _ = make_proxy(step)
    before = gateway.memory()
    with gateway.connect(receive_buffer=65536) as connection:
        connection.request("GET", "/")
        connection.head()
        still = [0]

        def stands():
            still.append(sent)
            return len(still) > 30 and still[-1] == still[-30] > 0

        wait_for(stands, "the upstream waits")
        assert sent < size - (32 << 20) and gateway.memory() - before < (8 << 20) * PATIENCE
        left = size
        while left:
            data = connection.take(min(left, len(block)))
            assert data == block[:len(data)]
            left -= len(data)


@pytest.mark.parametrize("when", ["before the head", "inside the body"])
@pytest.mark.parametrize("how", ["close", "half_close", "reset"])
def test_client_that_leaves_aborts_the_request(make_proxy, when, how):
    """Half a close is a whole one, as with nginx: who waits for an answer keeps its side open."""
    ended = threading.Event()

    def step(connection, _):
        if when == "inside the body":
            connection.send(CHUNKED + b"5\r\nhello\r\n")
        connection.wait_end()
        ended.set()

    gateway, origin = make_proxy(step)
    with gateway.connect() as connection:
        connection.request("GET", "/")
        origin.wait_requests()
        if when == "inside the body":
            connection.take_until(b"hello")
        getattr(connection, how)()
        assert ended.wait(TIMEOUT), "the upstream goes on working for nobody"
        status = "200" if when == "inside the body" else "499"
        gateway.wait_metric("sluice_http_requests_total", 1, route="/", status=status)
        gateway.wait_metric("sluice_connections", 0, state="http")


def test_pipelined_requests_are_answered_in_order(make_proxy):
    def step(connection, request):
        connection.send(answer(request.target.encode()))

    gateway, _ = make_proxy(step)
    with gateway.connect() as connection:
        for number in range(50):
            connection.request("GET", f"/{number}")
        assert [connection.response().body for _ in range(50)] == [b"/%d" % number for number in range(50)]
