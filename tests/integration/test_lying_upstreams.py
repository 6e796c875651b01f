"""Upstreams that break the rules, by accident or on purpose. A client sees a clean 502 or 504, or a cut
connection; never another's answer, never a piece of one. And whoever asks next is served."""

import re
import threading

import pytest

from harness.origin import CHUNKED, answer, chunked
from harness.wait import TIMEOUT, wait_for

OK = answer(b"ok")


@pytest.fixture
def lie(make_proxy):
    """lie(data, after="close"): the answer to /lie is this; gives what the client got, None if that was not a whole
    answer. Others are served before and afterwards, and so is the client if its connection is still open; the
    lying one is used by nobody again. The log says what went wrong (surplus: of a whole answer), unless quiet."""

    def run(data, after="wait", method="GET", quiet=False, surplus=False, version="HTTP/1.1", fields=(), **options):
        def step(connection, request):
            if request.target != "/lie":
                connection.send(answer(request.target.encode()))
                return
            connection.send(data)
            if after in ("close", "reset", "finish"):
                getattr(connection, after)()
            if after == "finish":
                connection.wait_end()

        gateway, origin = make_proxy(step, upstream={"read_timeout": "500ms"}, **options)
        assert gateway.fetch("GET", "/before").body == b"/before"  # on a connection that is kept
        with gateway.connect() as connection:
            connection.request(method, "/lie", fields, version=version)
            try:
                response = connection.response(method)
            except (EOFError, ValueError):
                response = None
                connection.buffer = b""
            if response and response.get("connection") != "close" and not connection.ended:
                connection.request("GET", "/again")
                assert connection.response().body == b"/again"
                connection.half_close()
            assert connection.take_rest() == b""
        for number in range(3):
            assert gateway.fetch("GET", f"/after{number}").body == b"/after%d" % number
        for liar in origin.connections:
            if "/lie" in [request.target for request in liar.requests] and not quiet:
                assert liar.requests[-1].target == "/lie", "the connection is used again"
                wait_for(lambda: liar.ended or liar.socket.fileno() < 0, "the connection is closed")
        if surplus and response.status != 502:
            gateway.wait_log(f"warn +upstream=app server={origin.name} sent more than its answer")
        elif not quiet:
            (line,) = gateway.wait_log("upstream app: ")
            assert re.search("upstream app: (protocol|closed|head_limit|read_timeout): .+", line), line
            reason = re.search("upstream app: ([a-z_]+)", line)[1]
            gateway.wait_metric("sluice_upstream_failures_total", 1, upstream="app", reason=reason)
        return response

    return run


HEADS = {
    "nothing but a line end": b"\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00" * 20,
    "a request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "ICY": b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 0": b"HTTP/1.1 0 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 099": b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 1000": b"HTTP/1.1 1000 OK\r\nContent-Length: 2\r\n\r\nok",
    "status -1": b"HTTP/1.1 -1 OK\r\nContent-Length: 2\r\n\r\nok",
    "status and more": b"HTTP/1.1 200x OK\r\nContent-Length: 2\r\n\r\nok",
    "bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "bare carriage return": b"HTTP/1.1 200 OK\r\nX: a\rY: b\r\nContent-Length: 2\r\n\r\nok",
    "NUL": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "no colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok",
    "no name": b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nok",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "length and coding": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nok",
    "the same length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "list of the same length": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "length in hex": b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
    "length over 64 bits": b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nok",
    "length with a space": b"HTTP/1.1 200 OK\r\nContent-Length: 2 2\r\n\r\nok",
    "coding twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "no coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \r\n\r\n0\r\n\r\n",
    "empty lines first": b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "lower case": b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "two spaces": b"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 600": b"HTTP/1.1 600 OK\r\nContent-Length: 2\r\n\r\nok",
    "103 and no more": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
    "garbage after 103": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n<html>",
    "103 with a body": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "gzip, chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked, gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "coding in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nok",
}


@pytest.mark.parametrize("head", HEADS)
def test_heads_that_are_none(lie, head):
    response = lie(HEADS[head], "close")
    assert response.status == 502 and b"ok" != response.body, head


@pytest.mark.parametrize("after", ["close", "reset", "finish"])
@pytest.mark.parametrize("data", [
    b"", b"H", b"HTTP/1.1", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r", b"HTTP/1.1 103 X\r\n\r\n", b"HTTP/1.1 100 X\r\n\r\n"])
def test_end_before_the_head_was_whole(lie, data, after):
    # With nothing of an answer, a connection that was kept may have been dead: it is sent once more.
    assert lie(data, after).status == 502


@pytest.mark.parametrize("after", ["close", "reset", "finish"])
@pytest.mark.parametrize("data", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", CHUNKED,
    CHUNKED + b"5", CHUNKED + b"5\r\n", CHUNKED + b"5\r\nhel", CHUNKED + b"5\r\nhello", CHUNKED + b"5\r\nhello\r\n",
    CHUNKED + b"5\r\nhello\r\n0", CHUNKED + b"5\r\nhello\r\n0\r\n", CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n",
    CHUNKED + b"7fffffffffffffff\r\nhello", b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nhello"])
@pytest.mark.parametrize("buffering", ["on", "off"])
def test_end_inside_a_body(lie, data, after, buffering):
    response = lie(data, after, route={"buffering": buffering})
    assert response is None or response.status == 502, "half an answer passed for a whole one"


@pytest.fixture
def until_close(make_proxy):
    """until_close(head, how, version): an answer of unknown length that ends so; gives what the client got behind
    the head, and how its connection ended."""

    def run(head, how, version):
        passed = threading.Event()

        def step(connection, _):
            connection.send(head + (b"5\r\nhello\r\n" if head == CHUNKED else b"hello"))
            assert passed.wait(TIMEOUT)
            if how == "silence":
                connection.wait_end()
            else:
                getattr(connection, how)()

        gateway, _ = make_proxy(step, upstream={"read_timeout": "300ms"})
        with gateway.connect() as connection:
            connection.request("GET", "/", version=version)
            assert connection.head().status == 200
            begin = connection.take_until(b"hello")
            passed.set()
            rest = begin + connection.take_rest()
            gateway.wait_log("upstream app: (closed|read_timeout): .*; the client has a part of the answer")
            return rest, connection.ended

    return run


UNKNOWN_LENGTH = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"]


@pytest.mark.parametrize("how", ["reset", "silence"])
@pytest.mark.parametrize("head", UNKNOWN_LENGTH)
def test_body_until_the_end_that_did_not_end(until_close, head, how):
    """Its end is a FIN, and nothing else."""
    rest, _ = until_close(head, how, "HTTP/1.1")
    assert rest.endswith(b"hello\r\n") or rest.endswith(b"hello"), "it was given an end"


@pytest.mark.parametrize("head, how", [*((head, how) for head in UNKNOWN_LENGTH for how in ("reset", "silence")),
                                       *((CHUNKED, how) for how in ("close", "reset", "silence"))])
def test_half_a_body_is_no_whole_one_for_http_1_0(until_close, head, how):
    """To this client FIN is the end of the body: only RST says that it is not."""
    assert until_close(head, how, "HTTP/1.0") == (b"hello", "reset")


@pytest.mark.parametrize("data, status", [(b"", 504), (b"HTTP/1.1 200 OK\r\n", 504), (CHUNKED + b"5\r\nhel", None),
                                          (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", None)])
def test_silence_at_every_phase(lie, data, status):
    response = lie(data)
    assert (response and response.status) == status


@pytest.mark.parametrize("body", [
    b"x\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n",
    b"4\r\nhello\r\n0\r\n\r\n", b"6\r\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\nhello",
    b"-1\r\nhello\r\n0\r\n\r\n", b"\r\n5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n"])
def test_chunks_that_are_none(lie, body):
    response = lie(CHUNKED + body)
    assert response is None or response.status == 502


ENDLESS_BODIES = {
    "chunk extension": b"5;" + b"x" * 300_000,
    "trailers": b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 100_000,
    "trailer": b"5\r\nhello\r\n0\r\nX: " + b"y" * 300_000,
}


@pytest.mark.parametrize("body", ENDLESS_BODIES)
def test_endless_parts_of_a_body(lie, body):
    response = lie(CHUNKED + ENDLESS_BODIES[body])
    assert response is None or response.status == 502


ENDLESS_HEADS = {
    "field": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
    "reason": b"HTTP/1.1 200 " + b"y" * 300_000,
    "fields": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000,
    "empty lines": b"\r\n" * 200_000,
}


@pytest.mark.parametrize("head", ENDLESS_HEADS)
def test_endless_heads(lie, head):
    assert lie(ENDLESS_HEADS[head]).status == 502


@pytest.mark.parametrize("head", [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
                                  b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 199 X\r\n\r\n"])
def test_flood_of_interim_answers(lie, head):
    assert lie(head * 20_000, "close").status == 502


@pytest.mark.parametrize("data, body", [
    (answer(b"hello") + answer(b"stolen"), b"hello"), (answer(b"hello") * 100, b"hello"),
    (CHUNKED + chunked(b"hello") + answer(b"stolen"), b"hello"), (answer(b"hello") + b"x", b"hello"),
    (b"HTTP/1.1 204 No\r\nContent-Length: 6\r\n\r\nstolen", b""),
    (b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nstolen\r\n0\r\n\r\n", b""),
    (b"HTTP/1.1 304 No\r\nContent-Length: 6\r\n\r\nstolen", b"")])
@pytest.mark.parametrize("buffering", ["on", "off"])
def test_more_than_one_answer(lie, data, body, buffering):
    response = lie(data, surplus=True, route={"buffering": buffering})
    assert response.status == 502 or response.body == body


@pytest.mark.parametrize("data", [
    answer(b"stolen"), CHUNKED + chunked(b"stolen"), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstolen", answer(b"") + b"x",
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstolen", b"HTTP/1.1 200 OK\r\n\r\nstolen"])
def test_body_to_head(lie, data):
    response = lie(data, method="HEAD", surplus=True)
    assert response.status == 200 and response.body == b""


def test_second_answer_when_the_first_has_passed(make_proxy):
    """Nobody has asked for it, and whoever asks next gets an answer of another connection."""
    gateway, origin = make_proxy(answer(b"ok"))
    assert gateway.fetch("GET", "/first").body == b"ok"
    origin.connections[0].send(answer(b"stolen"))
    gateway.wait_log(f"warn +upstream=app server={origin.name} sent more than its answer")
    assert gateway.fetch("GET", "/second").body == b"ok" and len(origin.connections) == 2


@pytest.mark.parametrize("fields", [
    b"", b"Upgrade: websocket\r\n", b"Connection: upgrade\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket, h2c\r\n", b"Connection: close\r\nUpgrade: websocket\r\n"])
def test_switch_to_what_nobody_asked_for(lie, fields):
    asked = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x"), ("Sec-WebSocket-Version", "13")]
    response = lie(b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\nstolen", fields=asked)
    assert response.status == 502


def test_redirect_with_a_second_answer(lie):
    response = lie(answer(b"", headers=[("X-Accel-Redirect", "/elsewhere")]) + answer(b"stolen"), surplus=True)
    assert response.body == b"/elsewhere"


@pytest.mark.parametrize("field", ["Location: /x\ry", "Set-Cookie: a=\0", "X\x7fY: 1", "X Y: 1", "X: a\nHTTP/1.1 200 OK"])
def test_fields_that_would_split_an_answer(lie, field):
    response = lie(b"HTTP/1.1 200 OK\r\n" + field.encode("latin-1") + b"\r\nContent-Length: 2\r\n\r\nok", "close")
    assert response.status == 502


def test_status_line_passes_nothing_odd_on(lie):
    response = lie(b"HTTP/1.1 200 odd\x01\x1b\r\nContent-Length: 2\r\n\r\nok", quiet=True)
    assert response.status == 502 or b"\x01" not in response.head and b"\x1b" not in response.head


def test_coding_of_the_apps_own_is_not_the_gateways(lie):
    """Content-Encoding is the body's matter, Transfer-Encoding the connection's."""
    response = lie(answer(b"zipped", headers=[("Content-Encoding", "gzip"), ("Trailer", "X")]), quiet=True)
    assert (response.body, response.get("content-encoding")) == (b"zipped", "gzip")
