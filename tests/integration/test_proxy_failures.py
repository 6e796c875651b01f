"""Upstreams that cannot be reached, do not answer, or not in time: which server is next, what the client is
told, what the log says."""

import json
import socket
import threading

import pytest

from harness.origin import CHUNKED, answer
from harness.wait import TIMEOUT, wait_for

OK = answer(b"ok")


def nobody():
    """An address at which nobody listens; the socket keeps it from others."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder, "127.0.0.1:%d" % holder.getsockname()[1]


@pytest.fixture
def refused():
    holder, name = nobody()
    yield name
    holder.close()


def backlog(listener):
    """Connections that wait to be accepted."""
    local = f":{listener.getsockname()[1]:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            _, address, _, state, queues, *_ = line.split()
            if (address[-5:], state) == (local, "0A"):
                return int(queues.split(":")[1], 16)
    raise AssertionError("nobody listens there")


@pytest.fixture
def full():
    """A server whose backlog is full: the kernel drops what asks for one more connection, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        with socket.create_connection(listener.getsockname()):
            wait_for(lambda: backlog(listener) == 1, "the only place is taken")
            yield "127.0.0.1:%d" % listener.getsockname()[1]


def gateway_to(make_gateway, servers, upstream=None, route=None):
    return make_gateway({"upstreams": {"app": {"servers": servers, **(upstream or {})}},
                         "routes": [{"path": "/", "upstream": "app", **(route or {})}]})


def is_error(response, status):
    assert response.status == status
    assert set(json.loads(response.body)) == {"error", "detail"}
    assert "127.0.0.1" not in response.body.decode(), "an address is nobody's business"
    return True


def test_nobody_listens(make_gateway, refused):
    gateway = gateway_to(make_gateway, [refused])
    with gateway.connect() as connection:
        for _ in range(3):  # the client's connection is not to blame
            connection.request("GET", "/")
            assert is_error(connection.response(), 502)
    assert refused in gateway.wait_log("status=502")[0]


def test_client_with_a_body_is_told_too(make_gateway, refused):
    gateway = gateway_to(make_gateway, [refused])
    with gateway.connect() as connection:
        connection.request("POST", "/", body="x" * 1000)
        assert is_error(connection.response(), 502)


def test_a_name_that_does_not_exist(make_gateway):
    gateway = gateway_to(make_gateway, ["nowhere.invalid:80"])
    assert is_error(gateway.fetch("GET", "/"), 502)
    gateway.wait_log("status=502 .*upstream app: connect: cannot resolve nowhere.invalid: ")
    gateway.wait_metric("sluice_upstream_failures_total", 1, upstream="app", reason="connect")


@pytest.mark.parametrize("method, body", [("GET", None), ("POST", "hello")])
def test_next_server_after_a_failed_connect(make_gateway, make_origin, refused, method, body):
    origin = make_origin(OK)
    gateway = gateway_to(make_gateway, [refused, origin.name])
    for _ in range(6):
        assert gateway.fetch(method, "/", body=body).status == 200
    assert len(origin.requests) == 6
    assert all(request.body == (body or "").encode() for request in origin.requests)
    assert gateway.metric("sluice_upstream_up", server=origin.name) == 1


@pytest.mark.parametrize("method, body", [("GET", None), ("POST", "hello")])
def test_next_server_after_a_connect_that_took_too_long(make_gateway, make_origin, full, method, body):
    origin = make_origin(OK)
    gateway = gateway_to(make_gateway, [full, origin.name], {"connect_timeout": "300ms", "max_fails": 0})
    for _ in range(2):  # both begin with one of the two servers each
        assert gateway.fetch(method, "/", body=body).status == 200
    assert [(request.method, request.body) for request in origin.requests] == [(method, (body or "").encode())] * 2
    gateway.wait_metric("sluice_upstream_failures_total", 1, upstream="app", server=full, reason="connect_timeout")
    assert gateway.metric("sluice_upstream_failures_total") == 1
    assert gateway.metric("sluice_upstream_retries_total", server=origin.name) == 1


@pytest.mark.parametrize("method, body", [("GET", None), ("POST", "hello")])
def test_no_connection_in_time_is_504(make_gateway, full, method, body):
    gateway = gateway_to(make_gateway, [full], {"connect_timeout": "300ms"})
    assert is_error(gateway.fetch(method, "/", body=body), 504)
    gateway.wait_log(f"status=504 .*upstream app: connect_timeout: cannot connect to {full}: no answer in time")
    gateway.wait_metric("sluice_upstream_failures_total", 1, upstream="app", server=full, reason="connect_timeout")


@pytest.mark.parametrize("step", [
    lambda connection, _: connection.reset(),
    lambda connection, _: connection.close(),
    b"garbage\r\n\r\n",
], ids=["reset", "close", "garbage"])
def test_no_other_server_once_a_request_was_sent(make_gateway, make_origin, step):
    """The server may have done what was asked: only who asked can know whether twice is well."""
    broken, other = make_origin(step), make_origin(OK)
    gateway = gateway_to(make_gateway, [broken.name, other.name], {"max_fails": 0})
    statuses = [gateway.fetch("POST", "/", body="x").status for _ in range(4)]
    assert sorted(statuses) == [200, 200, 502, 502]
    assert len(broken.requests) == len(other.requests) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 404])
def test_an_error_of_the_app_is_its_answer(make_gateway, make_origin, status):
    first, second = make_origin(answer(b"mine", status)), make_origin(answer(b"mine", status))
    gateway = gateway_to(make_gateway, [first.name, second.name])
    for _ in range(4):
        response = gateway.fetch("GET", "/")
        assert (response.status, response.body) == (status, b"mine")
    assert len(first.requests) == len(second.requests) == 2


def test_a_server_that_fails_rests_and_comes_back(make_gateway, make_origin):
    good = make_origin(OK)
    ways = [lambda connection, _: connection.reset()]
    weak = make_origin(lambda connection, request: ways[0](connection, request))
    gateway = gateway_to(make_gateway, [weak.name, good.name],
                         {"max_fails": 2, "backoff": "300ms", "backoff_max": "300ms", "keepalive": 0})
    statuses = [gateway.fetch("GET", "/").status for _ in range(12)]
    assert statuses.count(502) == 2 and len(weak.requests) == 2
    gateway.wait_metric("sluice_upstream_up", 0, server=weak.name)
    ways[0] = lambda connection, _: connection.send(OK)
    wait_for(lambda: gateway.fetch("GET", "/").status == 200 and len(weak.requests) > 3, "it is used again")
    gateway.wait_metric("sluice_upstream_up", 1, server=weak.name)


def test_backup_only_when_no_other_can(make_gateway, make_origin):
    first, backup = make_origin(answer(b"first")), make_origin(answer(b"backup"))
    gateway = gateway_to(make_gateway, [first.name, {"address": backup.name, "backup": True}], {"keepalive": 0})
    for _ in range(4):
        assert gateway.fetch("GET", "/").body == b"first"
    assert backup.requests == []
    first.refuse()
    for _ in range(6):
        assert gateway.fetch("GET", "/").body == b"backup"


def test_all_are_down(make_gateway, refused):
    holder, other = nobody()
    with holder:
        gateway = gateway_to(make_gateway, [refused, other], {"max_fails": 1})
        statuses = {gateway.fetch("GET", "/").status for _ in range(5)}
    assert statuses <= {502, 503}


@pytest.mark.parametrize("begun", ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_no_head_in_time_is_504(make_proxy, begun):
    def step(connection, request):
        connection.send(begun.encode())
        connection.wait_end()

    gateway, origin = make_proxy(step, upstream={"read_timeout": "300ms"})
    response = gateway.fetch("GET", "/")
    assert is_error(response, 504)
    wait_for(lambda: origin.connections[0].ended, "the connection is given up")
    assert len(origin.requests) == 1, "a slow request is not made twice"


def test_silence_inside_a_body_cuts_it(make_proxy):
    def step(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        connection.wait_end()

    gateway, _ = make_proxy(step, upstream={"read_timeout": "300ms"}, route={"buffering": False})
    with gateway.connect() as connection:
        connection.request("GET", "/")
        assert connection.head().status == 200
        assert connection.take_rest() == b"hello" and connection.ended


def test_time_of_a_slow_client_is_not_the_upstreams(make_proxy):
    """While the gateway itself does not read, the upstream's silence is the client's fault."""
    size = 64 << 20
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)  # before the timeout runs

    def step(connection, request):
        if request.target == "/silent":
            connection.wait_end()
            return
        connection.send(whole)

    gateway, _ = make_proxy(step, upstream={"read_timeout": "300ms"})
    with gateway.connect(receive_buffer=65536) as connection:
        connection.request("GET", "/")
        assert connection.head().status == 200
        for _ in range(2):  # the timeout passes, twice
            assert gateway.fetch("GET", "/silent").status == 504
        left = size
        while left:
            left -= len(connection.take(min(left, 1 << 20)))


def test_upstream_that_takes_nothing_is_504(make_proxy):
    stop = threading.Event()

    def script(connection):
        connection.request_head()
        stop.wait(TIMEOUT)

    gateway, _ = make_proxy(script=script, upstream={"send_timeout": "300ms", "read_timeout": "10s"},
                            route={"body_bytes": "1GiB"})
    size = 64 << 20
    with gateway.connect() as connection:
        connection.send(f"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n")

        def pour():
            try:
                for _ in range(64):
                    connection.send(bytes(1 << 20))
            except OSError:
                pass  # refused in the middle, as it should be

        thread = threading.Thread(target=pour)
        thread.start()
        try:
            assert connection.head().status == 504
        finally:
            stop.set()
            thread.join()
    gateway.wait_log("upstream app: send_timeout: ")
    gateway.wait_metric("sluice_upstream_failures_total", 1, upstream="app", reason="send_timeout")


@pytest.mark.parametrize("queue, status", [({"size": 0, "timeout": "5s"}, 503), ({"size": 5, "timeout": "300ms"}, 503)])
def test_upstream_is_full(make_proxy, queue, status):
    go = threading.Event()

    def step(connection, request):
        if request.target == "/slow":
            assert go.wait(TIMEOUT)
        connection.send(OK)

    gateway, origin = make_proxy(step, upstream={"max_connections": 1, "queue": queue})
    with gateway.connect() as connection:
        connection.request("GET", "/slow")
        origin.wait_requests()
        response = gateway.fetch("GET", "/")
        assert is_error(response, status)
        go.set()
        assert connection.response().status == 200
    assert gateway.fetch("GET", "/").status == 200


def test_those_who_wait_are_served_in_turn(make_proxy):
    gates = threading.Semaphore(0)

    def step(connection, request):
        assert gates.acquire(timeout=TIMEOUT)
        connection.send(answer(request.target.encode()))

    gateway, origin = make_proxy(step, upstream={"max_connections": 1})
    clients = []
    for number in range(4):
        clients.append(gateway.connect())
        clients[-1].request("GET", f"/{number}")
        wait_for(lambda: gateway.metric("sluice_connections") == number + 1, "it is there")
        if number == 0:
            origin.wait_requests()
    clients.pop(1).close()  # who leaves gives up the place
    wait_for(lambda: gateway.metric("sluice_connections") == 3, "it is gone")
    for _ in range(3):
        gates.release()
    assert [client.response().body for client in clients] == [b"/0", b"/2", b"/3"]
    for client in clients:
        client.close()
    assert [request.target for request in origin.requests] == ["/0", "/2", "/3"]


def test_error_pages(make_gateway, make_origin, refused):
    origin = make_origin(answer(b"mine", 503))
    pages = {"502": "<p>Back soon", "503": '{"error": "busy"}'}
    gateway = make_gateway({
        "upstreams": {"app": {"servers": [origin.name]}, "gone": {"servers": [refused]}},
        "routes": [{"path": "/", "upstream": "gone", "error_pages": pages},
                   {"path": "/app", "upstream": "app", "error_pages": pages},
                   {"path": "/intercepted", "upstream": "app", "error_pages": pages, "intercept_errors": True}]})
    page = gateway.fetch("GET", "/")
    assert (page.status, page.body) == (502, b"<p>Back soon") and page.get("content-type").startswith("text/html")
    assert gateway.fetch("GET", "/app").body == b"mine"
    page = gateway.fetch("GET", "/intercepted")
    assert (page.status, page.body) == (503, b'{"error": "busy"}')
    assert page.get("content-type").startswith("application/json")
    head = gateway.fetch("HEAD", "/")
    assert head.status == 502 and head.body == b""


def test_page_does_not_wait_for_the_answer_whose_place_it_takes(make_proxy):
    answered = threading.Semaphore(0)

    def step(connection, _):
        connection.send(CHUNKED.replace(b"200", b"503") + b"4\r\nmine\r\n")
        assert answered.acquire(timeout=TIMEOUT)
        connection.send(b"0\r\n\r\n")

    gateway, origin = make_proxy(step, route={"error_pages": {"503": "back soon"}, "intercept_errors": True})
    for _ in range(2):
        assert gateway.fetch("GET", "/").body == b"back soon"
        answered.release()
        gateway.wait_metric("sluice_upstream_idle_connections", 1)
    assert len(origin.connections) == 1, "its connection is kept"


def test_page_for_401_keeps_every_challenge(make_proxy):
    challenges = [("WWW-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate", "Bearer")]
    gateway, _ = make_proxy(answer(b"mine", 401, challenges), route={"error_pages": {"401": "log in"}, "intercept_errors": True})
    response = gateway.fetch("GET", "/")
    assert (response.status, response.body) == (401, b"log in")
    assert [value for name, value in response.headers if name == "www-authenticate"] == ['Basic realm="x"', "Bearer"]
