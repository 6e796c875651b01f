"""Requests that two servers could read in two ways. The origin keeps every byte: it must get nothing, or
exactly one well-formed request, and never the one that is hidden in another."""

import re

import pytest

from harness.origin import answer

HIDDEN = "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n"
POST = "POST /outer HTTP/1.1\r\nHost: test\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
IMPATIENT = {"limits": {"header_timeout": "1s", "body_timeout": "1s"}}


@pytest.fixture
def attack(make_proxy):
    """attack(bytes): sends them on one connection, and an honest last request behind them. Gives (statuses,
    requests at the origin) without that last one: it is answered if the connection was still good, and else
    it is nothing at all. Afterwards the gateway must serve an honest client, for whom nothing of the attack
    may have waited."""

    def run(data, **options):
        gateway, origin = make_proxy(answer(b"ok"), changes=IMPATIENT, **options)
        with gateway.connect() as connection:
            try:
                connection.send((data if isinstance(data, bytes) else data.encode("latin-1")) + LAST)
            except OSError:
                pass  # refused already
            rest = connection.take_rest()
        statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) [A-Z]", rest)]
        requests = list(origin.requests)
        if requests and requests[-1].target == "/last":
            assert statuses.pop() == 200
            requests.pop()
            honest = 1
        else:
            honest = 0
        for number in range(2):
            assert gateway.fetch("GET", f"/honest{number}").body == b"ok"
        assert [request.target for request in origin.requests[len(requests) + honest:]] == ["/honest0", "/honest1"]
        for connection in origin.connections:
            assert b"smuggled" not in connection.received or data_is_body(connection)
        return statuses, requests

    def data_is_body(connection):
        """What is hidden may arrive as a body, which it is."""
        return all("smuggled" not in request.target for request in connection.requests)

    return run


def refused(result):
    statuses, requests = result
    assert statuses and statuses[0] in (400, 501, 505), statuses
    assert len(statuses) == 1, "the connection has to be closed"
    assert requests == []


CHUNKED_HIDDEN = f"0\r\n\r\n{HIDDEN}"


@pytest.mark.parametrize("fields", [
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
    "Content-Length: 5\r\ntransfer-encoding: CHUNKED\r\n",
    "Content-Length: 5\r\nTransfer-Encoding:\tchunked\r\n",
    "Content-Length: 5\r\nTransfer-Encoding:\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: \"chunked\"\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: chunked, identity\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n",
    "Content-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n",
    "Content-Length: 5\r\nX: y\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 0\r\nContent-Length: 5\r\n",
])
def test_length_and_coding(attack, fields):
    refused(attack(f"{POST}{fields}\r\n{CHUNKED_HIDDEN}"))


@pytest.mark.parametrize("coding", [
    "xchunked", "chunkedx", "chunked, identity", "identity, chunked", "gzip, chunked", "chunked, chunked", "chunked,",
    ", chunked", "chunked;q=1", "'chunked'", "\"chunked\"", "chun ked", "chunked\x0b", "chunked\0", "\x00chunked",
    "\xa0chunked", "chunked\x85", "identity", "gzip", "", " ", "trailers"])
def test_spelling_of_a_coding(attack, coding):
    refused(attack(f"{POST}Transfer-Encoding: {coding}\r\n\r\n{CHUNKED_HIDDEN}"))


@pytest.mark.parametrize("field", [
    "Transfer-Encoding : chunked", " Transfer-Encoding: chunked", "Transfer-Encoding\t: chunked", "Transfer-Encoding\0: chunked",
    "Transfer-Encoding\r: chunked", "Transfer\x0bEncoding: chunked", "Transfer Encoding: chunked", "X: y\rTransfer-Encoding: chunked",
    "X: y\nTransfer-Encoding: chunked", "Foo: bar\r\n Transfer-Encoding: chunked", "X: y\r\n\tContent-Length: 50",
    "Transfer-Encoding:\r\n chunked", "Transfer-Encoding: chun\r\n ked", "Transfer-Encoding\r\n : chunked",
    ": chunked", "Transfer-Encoding", "\xefTransfer-Encoding: chunked", "Content-Length : 50", "Content-Length\n: 50"])
def test_spelling_of_a_field(attack, field):
    refused(attack(f"{POST}{field}\r\nContent-Length: 5\r\n\r\n{CHUNKED_HIDDEN}"))


def test_coding_in_lines_of_its_own(attack):
    refused(attack(f"{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKED_HIDDEN}"))
    refused(attack(f"{POST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKED_HIDDEN}"))
    refused(attack(f"{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{CHUNKED_HIDDEN}"))


def test_names_that_an_app_may_take_for_others(attack):
    """Transfer_Encoding is Transfer-Encoding to CGI and WSGI apps. It passes, or not; it frames nothing."""
    statuses, requests = attack(f"{POST}Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")
    assert statuses == [200] and [request.body for request in requests] == [b"0\r\n\r\n"]


@pytest.mark.parametrize("value", [
    "+5", "-5", "5 5", "5,5", "5, 5", "0x5", "5.0", "5;x", "\"5\"", "", " ", "five", "05\x00", "5\x0b", "5\xa0",
    "99999999999999999999999", "18446744073709551616", "18446744073709551621", "4294967301x", "1e1", "٥"])
def test_spelling_of_a_length(attack, value):
    refused(attack(f"{POST}Content-Length: {value}\r\n\r\n".encode() + b"hello" + HIDDEN.encode()))


@pytest.mark.parametrize("fields", [
    "Content-Length: 5\r\nContent-Length: 50\r\n", "Content-Length: 50\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5\r\ncontent-length: 6\r\n"])
def test_two_lengths(attack, fields):
    refused(attack(f"{POST}{fields}\r\nhello{HIDDEN}"))


def test_leading_zeros_of_a_length_are_read_in_one_way(attack):
    statuses, requests = attack(f"{POST}Content-Length: 0000000005\r\n\r\nhello")
    assert statuses in ([200], [400]) and [request.body for request in requests] == [b"hello"] * (statuses == [200])


@pytest.mark.parametrize("body", [
    "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n",
    "\r\n5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\rhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n", "g\r\nhello\r\n0\r\n\r\n", "\r\n\r\n", "5 5\r\nhello\r\n0\r\n\r\n",
    "5\x00\r\nhello\r\n0\r\n\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFB\r\nhello\r\n0\r\n\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n", "5;a\rb\r\nhello\r\n0\r\n\r\n",
    "5;\n\r\nhello\r\n0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n", "6\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\n\r\n",
    "5\r\nhello\r\n0\r\r\n\r\n", "5\r\nhello\r\n0\r\nX: y\nZ: w\r\n\r\n", "5\r\nhello\r\n0\r\n X: y\r\n\r\n",
    "5\r\nhello\r\n0\r\nX y\r\n\r\n", "5\r\nhello\r\n0\r\n\n", "٥\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n", "5\t\r\nhello\r\n0\r\n\r\n", "5;a=\"b\r\nc\"\r\nhello\r\n0\r\n\r\n", "5;a=\"b\r\nhello\r\n0\r\n\r\n",
    "5;a\0\r\nhello\r\n0\r\n\r\n", "5;a\x7f\r\nhello\r\n0\r\n\r\n", "5,5\r\nhello\r\n0\r\n\r\n", "5:\r\nhello\r\n0\r\n\r\n",
    "5\r\r\nhello\r\n0\r\n\r\n", "5h\r\nhello\r\n0\r\n\r\n", "\"5\"\r\nhello\r\n0\r\n\r\n", "-0\r\n\r\n", "0x0\r\n\r\n", "0\r\n: x\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\rZ: w\r\n\r\n", "5\r\nhello\r\n0\r\nX: \0\r\n\r\n", "5\r\nhello\r\n0\r\nX : y\r\n\r\n"])
def test_tricks_with_chunks(attack, body):
    statuses, requests = attack(f"{POST}Transfer-Encoding: chunked\r\n\r\n{body}{HIDDEN}".encode())
    # The head had gone on already, perhaps, but no end of the body with it.
    assert statuses in ([400], [502], [413], [408], []), statuses
    assert all(request.target == "/outer" and "smuggled" not in request.target for request in requests)
    assert all(request.trailers == [] for request in requests)


@pytest.mark.parametrize("body", [
    "5\r\nhello\r\n0\r\n\r\n", "05\r\nhello\r\n0\r\n\r\n", "0000000000000000000000005\r\nhello\r\n000\r\n\r\n",
    "2\r\nhe\r\n3;x=y\r\nllo\r\n0;z\r\n\r\n", "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n", "5;a;b=c\r\nhello\r\n0\r\n\r\n"])
@pytest.mark.parametrize("field", ["Transfer-Encoding: chunked", "transfer-encoding:CHUNKED", "Transfer-Encoding:\tchunked \t"])
def test_a_body_in_chunks_has_one_end(attack, field, body):
    statuses, requests = attack(f"{POST}{field}\r\n\r\n{body}GET /next HTTP/1.1\r\nHost: test\r\n\r\n")
    if statuses == [400]:  # a spelling that is not taken at all
        assert [request.target for request in requests] in ([], ["/outer"])
        return
    assert statuses == [200, 200]
    assert [(request.target, request.body) for request in requests] == [("/outer", b"hello"), ("/next", b"")]


@pytest.mark.parametrize("field", ["Content-Length:5", "content-length: 5", "Content-Length:\t5\t ", "CONTENT-LENGTH:   5"])
def test_a_body_with_a_length_has_one_end(attack, field):
    statuses, requests = attack(f"{POST}{field}\r\n\r\nhelloGET /next HTTP/1.1\r\nHost: test\r\n\r\n")
    if statuses == [400]:
        assert requests == []
        return
    assert statuses == [200, 200]
    assert [(request.target, request.body) for request in requests] == [("/outer", b"hello"), ("/next", b"")]


def test_endless_chunk_extension_is_bounded(attack):
    """In proportion to the body that may come."""
    statuses, _ = attack(f"{POST}Transfer-Encoding: chunked\r\n\r\n5;" + "x" * 200_000 +
                         f"\r\nhello\r\n0\r\n\r\n{HIDDEN}", route={"body_bytes": "1KiB"})
    assert statuses in ([400], [413], []), statuses


def test_endless_trailers_are_bounded(attack):
    statuses, _ = attack(f"{POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" +
                         "".join(f"X-{n}: {'y' * 100}\r\n" for n in range(3000)) + f"\r\n{HIDDEN}")
    assert statuses in ([400], [431], [413], []), statuses


@pytest.mark.parametrize("line", [
    "GET  /x HTTP/1.1", "GET /x  HTTP/1.1", "GET\t/x HTTP/1.1", "GET /x\tHTTP/1.1", "GET /x HTTP/1.1 ", " GET /x HTTP/1.1",
    "GET /x", "GET /x HTTP/0.9", "GET /x HTTP/1.2", "GET /x HTTP/2.0", "GET /x HTTP/11", "GET /x http/1.1", "GET /x HTTP/1.10",
    "GET /x ICE/1.0", "get(x) /x HTTP/1.1", "G\0T /x HTTP/1.1", "GET /x\0y HTTP/1.1", "GET /x\ry HTTP/1.1", "GET /x HTTP/1.1\r",
    "/x HTTP/1.1", "GET /x HTTP/1.1\x0b", "PRI * HTTP/2.0", "GET /x#y HTTP/1.1", "GET /x HTTP /1.1", "GET /x y HTTP/1.1"])
def test_request_lines(attack, line):
    refused(attack(f"{line}\r\nHost: test\r\n\r\n"))


@pytest.mark.parametrize("fields", [
    "", "Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: a\tb\r\n", "Host: a/b\r\n",
    "Host: a@b\r\n", "Host: a#b\r\n", "Host: a?b\r\n", "Host: a\\b\r\n", "Host: \r\n a\r\n", "Host: a\0\r\n", "Host : a\r\n",
    "Host: a:port\r\n", "Host: a:80:80\r\n", "Host: [::1\r\n", "Host: a\r\n b\r\n", "Host: http://a\r\n", "Host: a:99999\r\n"])
def test_hosts(attack, fields):
    refused(attack(f"GET /x HTTP/1.1\r\n{fields}\r\n"))


@pytest.mark.parametrize("target, host", [("http://one/x", "two"), ("http://one:80/x", "two"), ("HTTP://evil/x", "good")])
def test_target_and_host_that_differ(attack, target, host):
    """Of the two the target counts (RFC 9112, 3.2.2); the origin must not see the other."""
    statuses, requests = attack(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert statuses in ([400], [200])
    for request in requests:
        assert request.target == "/x" and host not in request.get("host")


@pytest.mark.parametrize("target", ["http://user:pass@test/x", "http:///x", "http://te st/x", "http://test\\@evil/x", "//test/x"])
def test_odd_absolute_targets(attack, target):
    statuses, requests = attack(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
    assert statuses in ([400], [404], [200])
    for request in requests:
        assert request.get("host") == "test" and request.target.startswith("/")


@pytest.mark.parametrize("data", [
    f"GET /x HTTP/1.1\nHost: test\n\n{HIDDEN}", f"GET /x HTTP/1.1\r\nHost: test\n\r\n{HIDDEN}",
    f"GET /x HTTP/1.1\r\nHost: test\r\n\n{HIDDEN}", f"GET /x HTTP/1.1\r\nHost: test\r\r\n{HIDDEN}",
    f"GET /x HTTP/1.1\r\nHost: test\r\n\rX: y\r\n\r\n{HIDDEN}", f"GET /x HTTP/1.1\rHost: test\r\r{HIDDEN}",
    f"GET /x HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n{HIDDEN}", f"GET /x HTTP/1.1\r\nHost: test\r\nX: a\0b\r\n\r\n{HIDDEN}",
    f"GET /x HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n{HIDDEN}"])
def test_line_ends(attack, data):
    refused(attack(data))


def test_1_0_knows_no_coding(attack):
    refused(attack(f"POST /outer HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKED_HIDDEN}"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_body_of_a_method_that_has_none(attack, method):
    """A server that does not expect one would take it for a request: it goes on as a body with its length."""
    statuses, requests = attack(f"{method} /outer HTTP/1.1\r\nHost: test\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}")
    if statuses == [200]:
        assert [request.body for request in requests] == [HIDDEN.encode()]
        assert requests[0].get("content-length") == str(len(HIDDEN))
    else:
        assert statuses == [400] and requests == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "PROPFIND"])
def test_chunks_of_a_method_that_has_no_body(attack, method):
    statuses, requests = attack(
        f"{method} /outer HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n{len(HIDDEN):x}\r\n{HIDDEN}\r\n0\r\n\r\n")
    if statuses == [200]:
        assert [(request.method, request.body) for request in requests] == [(method, HIDDEN.encode())]
        assert requests[0].get("transfer-encoding") == "chunked"
    else:
        assert statuses == [400] and requests == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_no_length_is_no_body(attack, method):
    """What follows is a request of its own; a server that would wait for a body is told that there is none."""
    statuses, requests = attack(f"{method} /outer HTTP/1.1\r\nHost: test\r\n\r\nGET /next HTTP/1.1\r\nHost: test\r\n\r\n")
    assert statuses == [200, 200]
    assert [(request.target, request.body) for request in requests] == [("/outer", b""), ("/next", b"")]
    assert requests[0].get("content-length") == "0"


@pytest.mark.parametrize("data", [
    "GET /x\r\n", "GET /x\r\n\r\n", "GET /x \r\n\r\n", "GET\r\n\r\n", "\r\n\r\n\r\n\r\n\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", "\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03", "\0", "\x80",
    "TRACE /x HTTP/1.1\r\nHost: test\r\n\r\n", "TRACE /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
    "TRACE /x HTTP/1.1\r\nHost: test\r\nMax-Forwards: 0\r\n\r\n", "CONNECT test:80 HTTP/1.1\r\nHost: test:80\r\n\r\n",
    "CONNECT / HTTP/1.1\r\nHost: test\r\n\r\n", "CONNECT test:80 HTTP/1.1\r\nHost: test:80\r\nContent-Length: 5\r\n\r\nhello",
    "get /x HTTP/1.1\r\nHost: test\r\n\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /x HTTP/1.1\r\nHost: test\r\n\r\n"])
def test_what_is_not_served_here(attack, data):
    """HTTP/0.9, HTTP/2, TLS, tunnels, TRACE."""
    statuses, requests = attack(data)
    assert requests == [] and statuses and statuses[0] in (400, 405, 501, 505)
    assert statuses[1:] == [] or data.startswith("TRACE")


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_method_is_that_of_the_request_line(attack, override):
    statuses, requests = attack(f"POST /outer HTTP/1.1\r\nHost: test\r\n{override}: DELETE\r\nContent-Length: 5\r\n\r\nhello")
    assert statuses == [200] and [(request.method, request.body) for request in requests] == [("POST", b"hello")]


@pytest.mark.parametrize("fields", [
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    "Upgrade: websocket\r\n", "Connection: Upgrade\r\n"])
def test_no_way_to_another_protocol(attack, fields):
    statuses, requests = attack(f"GET /outer HTTP/1.1\r\nHost: test\r\n{fields}\r\nGET /next HTTP/1.1\r\nHost: test\r\n\r\n")
    assert statuses == [200, 200] and [request.target for request in requests] == ["/outer", "/next"]
    for request in requests:
        assert request.all("http2-settings") == [] and b"h2c" not in request.head and b"TLS" not in request.head


def test_pipelined_after_a_body_is_a_request_of_its_own(attack):
    statuses, requests = attack(f"{POST}Content-Length: 5\r\n\r\nhelloGET /next HTTP/1.1\r\nHost: test\r\n\r\n")
    assert statuses == [200, 200]
    assert [(request.target, request.body) for request in requests] == [("/outer", b"hello"), ("/next", b"")]


def test_nothing_is_served_after_an_error(attack):
    statuses, requests = attack(f"GET /first HTTP/1.1\r\nHost: test\r\n\r\nGET /bad HTTP/1.1\r\n\r\n{HIDDEN}")
    assert statuses == [200, 400] and [request.target for request in requests] == ["/first"]


@pytest.mark.parametrize("body_bytes", ["0", "4"])
def test_body_that_was_refused_is_not_the_next_request(attack, body_bytes):
    statuses, requests = attack(f"{POST}Content-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}", route={"body_bytes": body_bytes})
    assert statuses[0] == 413 and requests == []
    assert len(statuses) == 1


def test_fields_that_only_the_gateway_may_set(attack):
    statuses, requests = attack("GET /x HTTP/1.1\r\nHost: test\r\nConnection: close, Host, X-Forwarded-For\r\n"
                                "X-Forwarded-For: 1.1.1.1\r\nX-Accel-Redirect: /x\r\n\r\n")
    assert statuses in ([200], [400])
    for request in requests:
        assert request.get("host") == "test" and request.get("x-forwarded-for") == "127.0.0.1"


# To CGI, WSGI and PHP all of these are HTTP_X_FORWARDED_FOR and the like.
FOLDED = ["X_Forwarded_For", "X-Forwarded_For", "x_forwarded-for", "X.Forwarded.For", "X~Forwarded~For", "X_Forwarded_Proto",
          "X_Forwarded_Host", "X_Real_IP", "X_Forwarded_Port", "Content_Length", "Content.Length", "Transfer_Encoding", "Host_",
          "Proxy_Authorization", "Via_"]


@pytest.mark.parametrize("name", FOLDED)
def test_names_that_fold_to_those_of_the_gateway(attack, name):
    statuses, requests = attack(f"GET /x HTTP/1.1\r\nHost: test\r\n{name}: smuggled\r\nX_Other: 1\r\n\r\n")
    assert statuses == [200]
    (request,) = requests
    if name not in ("Host_", "Via_"):  # these fold to names of nobody
        assert request.all(name) == [] and b"smuggled" not in request.head
    assert request.get("x-forwarded-for") == "127.0.0.1" and request.get("x_other") == "1"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix",
                                  "X-Forwarded-Anything", "X-Real-IP", "Forwarded"])
def test_what_a_stranger_says_of_the_way_does_not_pass(attack, name):
    statuses, requests = attack(f"GET /x HTTP/1.1\r\nHost: test\r\n{name}: smuggled\r\n{name.lower()}: smuggled\r\n\r\n")
    assert statuses == [200] and b"smuggled" not in requests[0].head


NEEDED = ["Host", "Content-Length", "Transfer-Encoding", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "Cookie",
          "Authorization", "Content-Type", "Content-Encoding", "X-Set", "Connection", "close", "Expect"]


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("form", ["Connection: {}\r\n", "Connection: keep-alive, {}\r\n", "connection: ,,\t{} ,x\r\n",
                                  "Connection: x\r\nConnection: {}\r\n", "Connection: {}\r\nX_Forwarded_For: 6.6.6.6\r\n"])
def test_nominating_a_field_takes_nothing_from_the_app(attack, name, form):
    statuses, requests = attack(
        f"{POST}{form.format(name)}Cookie: a=1\r\nAuthorization: Basic x\r\nContent-Type: text/x\r\nX-Mine: 1\r\n"
        f"Content-Encoding: y\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
        route={"request_headers": {"set": {"X-Set": "route"}}})
    if statuses == [400]:
        assert requests == []
        return
    assert statuses == [200]
    (request,) = requests
    assert request.body == HIDDEN.encode() and request.get("content-length") == str(len(HIDDEN))
    assert request.get("host") == "test" and request.get("cookie") == "a=1" and request.get("authorization") == "Basic x"
    assert request.get("content-type") == "text/x" and request.get("content-encoding") == "y"
    assert request.get("x-set") == "route" and request.get("via") == "1.1 sluice" and request.get("x-mine") == "1"
    assert request.get("x-forwarded-for") == "127.0.0.1" and request.get("x-forwarded-proto") == "http"
    assert request.get("x-forwarded-host") == "test" and b"6.6.6.6" not in request.head


@pytest.mark.parametrize("size", [20_000, 200_000])
def test_endless_heads(attack, size):
    for data in (f"GET /{'x' * size} HTTP/1.1\r\nHost: test\r\n\r\n", f"GET / HTTP/1.1\r\nHost: test\r\nX: {'y' * size}\r\n\r\n",
                 "GET / HTTP/1.1\r\nHost: test\r\n" + "A: b\r\n" * (size // 6) + "\r\n"):
        statuses, requests = attack(data)
        assert statuses in ([431], [414], [400], []) and requests == []
