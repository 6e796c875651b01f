"""Connections: keep-alive, pipelining, timeouts, and how each end may leave."""

import json
import socket
import time

from harness.wait import PATIENCE, wait_for


def test_connection_is_kept_for_further_requests(gateway):
    with gateway.connect() as connection:
        for _ in range(3):
            connection.request("GET", "/nothing")
            assert connection.response().status == 404
        connection.request("POST", "/publish/news", body="hello")
        assert connection.response().status == 202
        connection.request("GET", "/nothing", [("Connection", "close")])
        response = connection.response()
        assert response.status == 404 and response.get("connection") == "close"
        assert connection.wait_closed() == "eof"


def test_http_1_0_closes_unless_asked_to_keep(gateway):
    with gateway.connect() as connection:
        connection.request("GET", "/nothing", version="HTTP/1.0", host=None)
        assert connection.response().status == 404
        assert connection.wait_closed() == "eof"
    with gateway.connect() as connection:
        for _ in range(2):
            connection.request("GET", "/nothing", [("Connection", "keep-alive")], version="HTTP/1.0")
            response = connection.response()
            assert response.status == 404 and response.get("connection") == "keep-alive"


def test_pipelined_requests_are_answered_in_order(gateway):
    request = b"POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n%02d"
    with gateway.subscribe() as subscriber, gateway.connect() as connection:
        connection.send(b"".join(request % number for number in range(50)))
        ids = [json.loads(connection.response().body)["id"] for _ in range(50)]
        events = subscriber.take(50)
    assert [event.data for event in events] == [f"{number:02d}" for number in range(50)]
    assert [event.id for event in events] == ids


def test_a_pipelined_request_after_a_bad_one_is_not_run(gateway):
    with gateway.subscribe() as subscriber, gateway.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n"
                        b"POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nbad")
        assert connection.response().status == 400
        connection.half_close()
        connection.wait_closed()
        gateway.publish("news", "good")
        assert subscriber.next().data == "good"


def test_a_pipelined_request_after_a_subscription_is_not_run(gateway):
    with gateway.subscribe() as other, gateway.connect() as connection:
        connection.send(b"GET /events/news HTTP/1.1\r\nHost: test\r\n\r\n"
                        b"POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nbad")
        assert connection.head().status == 200
        gateway.publish("news", "good")
        assert other.next().data == "good"


def test_requests_torn_into_bytes_are_understood(gateway):
    request = (b"POST /publish/news?event=torn HTTP/1.1\r\nHost: test\r\nX: y\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n")
    with gateway.subscribe() as subscriber, gateway.connect() as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2):
            for byte in request:
                connection.send(bytes([byte]))
            assert connection.response().status == 202
            event = subscriber.next()
            assert (event.type, event.data) == ("torn", "abcde")
        for split in range(1, len(request)):
            connection.send(request[:split])
            connection.send(request[split:])
            assert connection.response().status == 202
            assert subscriber.next().data == "abcde"


def test_expect_continue_is_answered_before_the_body(gateway):
    with gateway.subscribe() as subscriber, gateway.connect() as connection:
        connection.send("POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n"
                        "Expect: 100-continue\r\n\r\n")
        assert connection.head().status == 100
        connection.send("hello")
        assert connection.response().status == 202
        assert subscriber.next().data == "hello"


def test_expect_continue_is_refused_where_no_body_is_wanted(make_gateway):
    gateway = make_gateway({"limits": {"body_bytes": "1KiB"}})
    for target, size, status in (("/publish/news", 2000, 413), ("/publish/other", 5, 404)):
        with gateway.connect() as connection:
            connection.send(f"POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n"
                            "Expect: 100-continue\r\n\r\n")
            assert connection.head().status == status  # and no 100 before it


def test_unread_body_of_a_refused_request_does_not_become_the_next_request(gateway):
    body = b"POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nbad"
    with gateway.subscribe() as subscriber, gateway.connect() as connection:
        connection.request("POST", "/nothing", body=body)
        assert connection.response().status == 404
        gateway.publish("news", "good")
        assert subscriber.next().data == "good"


def test_slow_head_is_408(make_gateway):
    gateway = make_gateway({"limits": {"header_timeout": "400ms"}})
    with gateway.connect() as connection:
        began = time.monotonic()
        connection.send("GET /nothing HTTP/1.1\r\n")

        def drip():
            try:
                connection.send("A: b\r\n")
                connection.socket.settimeout(0.05)
                return connection.fill(time.monotonic() + 0.05)
            except TimeoutError:
                return False
            except (BrokenPipeError, ConnectionResetError):
                return True

        wait_for(drip, "an answer to a head that never ends")
        response = connection.response()
        assert response.status == 408 and response.get("connection") == "close"
        assert 0.35 < time.monotonic() - began < 3 * PATIENCE


def test_silent_connection_is_closed(make_gateway):
    gateway = make_gateway({"limits": {"header_timeout": "300ms"}})
    with gateway.connect() as connection:
        rest = connection.take_rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 408 ")


def test_idle_connection_is_closed_without_a_word(make_gateway):
    gateway = make_gateway({"limits": {"idle_timeout": "300ms"}})
    with gateway.connect() as connection:
        connection.request("GET", "/nothing")
        assert connection.response().status == 404
        assert connection.wait_closed() == "eof"


def test_slow_body_is_408(make_gateway):
    gateway = make_gateway({"limits": {"body_timeout": "300ms"}})
    with gateway.connect() as connection:
        connection.send("POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhe")
        response = connection.response()
        assert response.status == 408 and response.get("connection") == "close"
        assert connection.wait_closed() == "eof"


def test_body_that_keeps_coming_is_not_timed_out(make_gateway):
    gateway = make_gateway({"limits": {"body_timeout": "500ms"}})
    with gateway.subscribe() as subscriber, gateway.connect() as connection:
        connection.send("POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n")
        began = time.monotonic()
        sent = 0

        def drip():
            nonlocal sent
            if time.monotonic() - began >= sent * 0.1:
                connection.send("x")
                sent += 1
            return sent == 10

        wait_for(drip, "ten bytes, 100 ms apart")
        assert connection.response().status == 202
        assert subscriber.next().data == "x" * 10


def test_half_closed_client_gets_its_answer(gateway):
    with gateway.connect() as connection:
        connection.request("POST", "/publish/news", body="hello")
        connection.half_close()
        assert connection.response().status == 202
        assert connection.wait_closed() == "eof"


def test_half_closed_subscriber_is_gone(gateway):
    subscriber = gateway.subscribe()
    gateway.wait_metric("sluice_subscribers", 1, topic="news")
    subscriber.connection.half_close()
    gateway.wait_metric("sluice_subscribers", 0, topic="news")
    subscriber.rest()
    subscriber.close()


def test_client_that_leaves_in_the_middle_is_forgotten(gateway):
    for part in (b"", b"GET /eve", b"GET /events/news HTTP/1.1\r\nHost: te",
                 b"POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhe",
                 b"POST /publish/news HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"):
        connection = gateway.connect()
        connection.send(part)
        connection.close()
        connection = gateway.connect()
        connection.send(part)
        connection.reset()
    wait_for(lambda: gateway.metric("sluice_connections") == 0, "all connections forgotten")
    assert gateway.fetch("GET", "/nothing").status == 404
    assert gateway.metric("sluice_events_total", topic="news") == 0


def test_bytes_after_a_closing_request_are_ignored(gateway):
    with gateway.connect() as connection:
        connection.send("GET /nothing HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\nextra bytes")
        assert connection.response().status == 404
        connection.half_close()
        assert connection.wait_closed() == "eof"


def test_empty_lines_before_a_request_are_skipped(gateway):
    with gateway.connect() as connection:
        for _ in range(2):
            connection.send("\r\nGET /nothing HTTP/1.1\r\nHost: test\r\n\r\n")
            assert connection.response().status == 404
