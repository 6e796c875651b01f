"""Subscribing: the bytes on the wire, topics with parameters, heartbeats, leaving."""

import re

from harness.http import fetch
from harness.sse import Subscriber
from harness.wait import wait_for

ROOM = {"topics": {"room": {"path": "/events/rooms/{id}", "channel": "room:{id}"}}}

HEAD = (b"HTTP/1.1 200 OK\r\n"
        b"Content-Type: text/event-stream\r\n"
        b"Cache-Control: no-cache, no-transform\r\n"
        b"X-Accel-Buffering: no\r\n"
        b"Connection: keep-alive\r\n"
        b"Transfer-Encoding: chunked\r\n"
        b"\r\n")


def test_answer_is_byte_for_byte_the_contract(gateway):
    with gateway.subscribe() as subscriber:
        assert re.sub(rb"Date: [^\r]+\r\n", b"", subscriber.head.head) == HEAD
        assert re.fullmatch(rb"retry: [0-9]+\n: ok\n\n", subscriber.body)
        event_id = gateway.publish("news", "hello")
        subscriber.next()
        assert subscriber.body.endswith(b"id: %b\ndata: hello\n\n" % event_id.encode())


def test_http_1_0_gets_the_same_stream_without_chunks(gateway):
    with gateway.subscribe(version="HTTP/1.0") as subscriber:
        assert subscriber.head.version in ("HTTP/1.0", "HTTP/1.1")
        assert subscriber.head.get("transfer-encoding") is None
        assert subscriber.head.get("content-length") is None
        assert subscriber.head.get("connection") == "close"
        assert subscriber.head.get("content-type") == "text/event-stream"
        gateway.publish("news", "hello")
        assert subscriber.next().data == "hello"
        assert re.fullmatch(rb"retry: [0-9]+\n: ok\n\nid: [^\n]+\ndata: hello\n\n", subscriber.body)


def test_head_gets_the_head_alone(gateway):
    with gateway.connect() as connection:
        connection.request("HEAD", "/events/news")
        response = connection.response("HEAD")
        assert response.status == 200
        assert response.get("content-type") == "text/event-stream"
        assert response.get("cache-control") == "no-cache, no-transform"
        assert response.get("content-length") is None
        connection.request("GET", "/nothing")
        assert connection.response().status == 404


def test_retry_is_jittered_within_its_range(make_gateway):
    gateway = make_gateway({"topics": {"news": {"retry": {"base": "700ms", "jitter": "300ms"}}}})
    retries = []
    for _ in range(40):
        with gateway.subscribe() as subscriber:
            retries += subscriber.retries
    assert len(retries) == 40
    assert all(700 <= retry <= 1000 for retry in retries)
    assert len(set(retries)) > 10


def test_retry_without_jitter_is_exact(make_gateway):
    gateway = make_gateway({"topics": {"news": {"retry": {"base": "1s", "jitter": "0s"}}}})
    with gateway.subscribe() as subscriber:
        assert subscriber.retries == [1000]


def test_events_reach_every_subscriber_in_order(gateway):
    subscribers = [gateway.subscribe() for _ in range(20)]
    for number in range(100):
        gateway.publish("news", str(number))
    for subscriber in subscribers:
        assert subscriber.data(100) == [str(number) for number in range(100)]
        subscriber.close()


def test_newcomer_gets_nothing_old(gateway):
    gateway.publish("news", "old")
    with gateway.subscribe() as subscriber:
        gateway.publish("news", "new")
        assert subscriber.next().data == "new"


def test_topics_are_apart(make_gateway):
    gateway = make_gateway({"topics": {"other": {"path": "/events/other"}}})
    with gateway.subscribe("/events/news") as news, gateway.subscribe("/events/other") as other:
        gateway.publish("news", "for news")
        gateway.publish("other", "for other")
        assert news.next().data == "for news"
        assert other.next().data == "for other"


def test_each_parameter_value_is_a_topic_of_its_own(make_gateway):
    gateway = make_gateway(ROOM)
    with gateway.subscribe("/events/rooms/1") as one, gateway.subscribe("/events/rooms/2") as two:
        gateway.publish("room:1", "for one")
        gateway.publish("room:2", "for two")
        assert one.next().data == "for one"
        assert two.next().data == "for two"
    metrics = gateway.metrics()
    assert any('topic="room"' in series for series in metrics)
    assert not any("room:1" in series for series in metrics)


def test_parameter_is_one_whole_segment(make_gateway):
    gateway = make_gateway(ROOM)
    for target in ("/events/rooms", "/events/rooms/", "/events/rooms/1/2"):
        assert gateway.fetch("GET", target).status == 404
    with gateway.subscribe("/events/rooms/a%20b") as spaced:
        gateway.publish("room:a%20b", "hello")
        assert spaced.next().data == "hello"


def test_parameter_values_that_are_no_names_are_refused(make_gateway):
    gateway = make_gateway(ROOM)
    for value in ("%0a", "%0d%0a", "%ff", "x" * 2000):
        assert gateway.fetch("GET", f"/events/rooms/{value}").status in (400, 404), value


def test_exact_path_wins_over_a_pattern(make_gateway):
    gateway = make_gateway({"topics": {
        "room": {"path": "/events/{id}", "channel": "room:{id}"},
        "lobby": {"path": "/events/lobby"}}})
    with gateway.subscribe("/events/lobby") as lobby, gateway.subscribe("/events/hall") as hall:
        gateway.publish("lobby", "for the lobby")
        gateway.publish("room:hall", "for the hall")
        assert lobby.next().data == "for the lobby"
        assert hall.next().data == "for the hall"


def test_heartbeats_come_to_silent_streams_only(make_gateway):
    gateway = make_gateway({"topics": {"news": {"heartbeat": "1s"}}})
    with gateway.subscribe() as subscriber:
        subscriber.until(lambda: len(subscriber.comments) >= 3, "two heartbeats")
        assert subscriber.parser.events == []


def test_heartbeats_do_not_come_between_events(make_gateway):
    gateway = make_gateway({"topics": {"news": {"heartbeat": "2s"}}})
    with gateway.subscribe() as subscriber, gateway.connect() as publisher:
        for number in range(30):
            publisher.request("POST", "/publish/news", body=str(number))
            assert publisher.response().status == 202
            assert subscriber.next().data == str(number)
            try:  # 100 ms without an event
                subscriber.until(lambda: False, "nothing", timeout=0.1)
            except AssertionError as fault:
                assert "not in time" in str(fault)
        assert subscriber.comments == ["ok"]


def test_what_a_subscriber_sends_is_ignored(gateway):
    with gateway.subscribe() as subscriber:
        subscriber.connection.send(b"x" * 100_000)
        gateway.publish("news", "hello")
        assert subscriber.next().data == "hello"


def test_leaving_is_noticed_by_fin_and_by_rst(gateway):
    gone, reset = gateway.subscribe(), gateway.subscribe()
    gateway.wait_metric("sluice_subscribers", 2, topic="news")
    gone.close()
    reset.connection.reset()
    gateway.wait_metric("sluice_subscribers", 0, topic="news")
    assert gateway.metric("sluice_disconnects_total", reason="client_closed") == 1
    assert gateway.metric("sluice_disconnects_total", reason="client_reset") == 1


def test_opening_and_closing_each_leave_a_line(gateway):
    with gateway.subscribe() as subscriber:
        gateway.publish("news", "hello")
        last = subscriber.next().id
        port = subscriber.connection.socket.getsockname()[1]
    (opened,) = gateway.wait_log("stream opened")
    (closed,) = gateway.wait_log("stream closed")
    for line in (opened, closed):
        assert "topic=news" in line and f"127.0.0.1:{port}" in line
    assert "reason=client_closed" in closed
    assert "events=1" in closed and f"last_id={last}" in closed
    assert re.search(r"bytes=\d+", closed) and re.search(r"duration=\S+", closed)


def test_several_workers_serve_the_same_topics(make_gateway):
    gateway = make_gateway({"workers": 3})
    subscribers = [gateway.subscribe() for _ in range(30)]
    gateway.wait_metric("sluice_subscribers", 30, topic="news")
    with gateway.connect() as publisher:  # one connection, so one worker: an order to keep
        for number in range(200):
            publisher.request("POST", "/publish/news", body=str(number))
            assert publisher.response().status == 202
    for subscriber in subscribers:
        assert subscriber.data(200) == [str(number) for number in range(200)]
        subscriber.close()
    gateway.wait_metric("sluice_subscribers", 0, topic="news")


def test_several_listeners_and_a_unix_socket(make_gateway, folder):
    gateway = make_gateway({"listen": ["127.0.0.1:0", f"unix:{folder}/sluice.sock"], "workers": 2})
    assert gateway.addresses[1] == f"{folder}/sluice.sock"
    with gateway.subscribe() as tcp:
        with Subscriber(gateway.addresses[1], "/events/news").opened() as unix:
            assert fetch(gateway.addresses[1], "POST", "/publish/news", body="hi").status == 202
            assert tcp.next().data == unix.next().data == "hi"


def test_topic_is_forgotten_after_its_linger(make_gateway, redis):
    gateway = make_gateway({
        "broker": "redis", "redis": {"url": redis.url},
        "topics": {"news": {"linger": "500ms"},
                   "kept": {"path": "/events/kept", "linger": "1h"}}})
    wait_for(gateway.ready, "the gateway is ready")
    assert redis.subscribers("news") == 0
    with gateway.subscribe(), gateway.subscribe("/events/kept"):
        assert redis.subscribers("news") == redis.subscribers("kept") == 1
    wait_for(lambda: redis.subscribers("news") == 0, "unsubscribed in Redis")
    assert redis.subscribers("kept") == 1
    with gateway.subscribe() as subscriber:
        assert redis.subscribers("news") == 1
        redis.publish("news", "again")
        assert subscriber.next().data == "again"


def test_topic_that_lingers_keeps_its_history(make_gateway):
    gateway = make_gateway({"topics": {"news": {"linger": "1h"}}})
    with gateway.subscribe() as subscriber:
        gateway.publish("news", "1")
        last = subscriber.next().id
    gateway.wait_metric("sluice_subscribers", 0, topic="news")
    gateway.publish("news", "2")
    with gateway.subscribe(last_id=last) as subscriber:
        assert subscriber.next().data == "2"
