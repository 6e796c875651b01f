"""Publishing over HTTP."""

import json

import pytest

from harness.wait import wait_for


def test_publish_answers_202_with_id_and_topic(gateway):
    with gateway.subscribe() as subscriber:
        response = gateway.fetch("POST", "/publish/news", body="hello")
        assert response.status == 202
        assert response.get("content-type") == "application/json"
        body = json.loads(response.body)
        assert set(body) == {"id", "topic"} and body["topic"] == "news"
        event = subscriber.next()
        assert (event.type, event.data, event.id) == ("message", "hello", body["id"])


def test_event_and_id_come_from_the_query(gateway):
    with gateway.subscribe() as subscriber:
        assert gateway.publish("news", "one", "?event=alert&id=my-id.1") == "my-id.1"
        event = subscriber.next()
        assert (event.type, event.data, event.id) == ("alert", "one", "my-id.1")
        gateway.publish("news", "two", "?event=caf%C3%A9%20au+lait")
        assert subscriber.next().type == "café au lait"


@pytest.mark.parametrize("query", [
    "?id=a%0ab", "?id=a%0db", "?id=a%00b", "?id=%E2%82%AC", "?id=a%20b", "?id=a<b", "?id=" + "x" * 200,
    "?event=a%0ab", "?event=a%0db", "?event=a%00b", "?event=%ff",
])
def test_bad_event_or_id_is_refused(gateway, query):
    with gateway.subscribe() as subscriber:
        response = gateway.fetch("POST", "/publish/news" + query, body="bad")
        assert response.status == 400
        assert set(json.loads(response.body)) == {"error", "detail"}
        gateway.publish("news", "good")
        assert subscriber.next().data == "good"


@pytest.mark.parametrize("body, data", [
    (b"", ""),
    (b"one\ntwo", "one\ntwo"),
    (b"one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
    (b"\n", "\n"),
    (b"\n\n\n", "\n\n\n"),
    (b" leading space", " leading space"),
    (b": no comment", ": no comment"),
    (b"id: 7\nevent: x\nretry: 1", "id: 7\nevent: x\nretry: 1"),
    ("grüße €🙂".encode(), "grüße €🙂"),
    ("\ufeffmark".encode(), "\ufeffmark"),
    (b"nul\x00nul", "nul\x00nul"),
])
def test_data_arrives_as_event_source_reads_it(gateway, body, data):
    with gateway.subscribe() as subscriber:
        gateway.publish("news", body)
        event = subscriber.next()
        assert (event.type, event.data) == ("message", data)
        gateway.publish("news", "next")
        assert subscriber.next().data == "next"


@pytest.mark.parametrize("body", [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"])
def test_invalid_utf8_is_replaced_or_refused_but_never_sent(gateway, body):
    with gateway.subscribe() as subscriber:
        response = gateway.fetch("POST", "/publish/news", body=b"<" + body + b">")
        if response.status == 202:
            data = subscriber.next().data
            assert data.startswith("<\ufffd") and data.endswith(">")
        else:
            assert response.status == 400
        gateway.publish("news", "next")
        assert subscriber.next().data == "next"


def test_unknown_topic_is_404(make_gateway):
    gateway = make_gateway({"topics": {"room": {"path": "/r/{id}", "channel": "room:{id}"}}})
    for topic in ("other", "room", "room:", "NEWS", "news2"):
        response = gateway.fetch("POST", f"/publish/{topic}", body="x")
        assert response.status == 404, topic
    assert gateway.fetch("POST", "/publish/", body="x").status == 404
    assert gateway.fetch("POST", "/publish/a/b", body="x").status == 404


def test_publish_without_subscribers_is_accepted(gateway):
    assert gateway.fetch("POST", "/publish/news", body="nobody listens").status == 202


def test_large_message_arrives_whole(gateway):
    data = "".join(f"{number:07d}," for number in range(100_000))
    with gateway.subscribe() as subscriber:
        gateway.publish("news", data)
        assert subscriber.next().data == data


def test_message_limit_is_413(make_gateway):
    gateway = make_gateway({"limits": {"message_bytes": "1KiB", "body_bytes": "1MiB"}})
    with gateway.subscribe() as subscriber:
        assert gateway.fetch("POST", "/publish/news", body="x" * 1025).status == 413
        gateway.publish("news", "x" * 1024)
        assert subscriber.next().data == "x" * 1024


def test_chunked_body_is_accepted(gateway):
    with gateway.subscribe() as subscriber, gateway.connect() as connection:
        connection.send("POST /publish/news HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n")
        assert connection.response().status == 202
        assert subscriber.next().data == "hello"


def test_without_publish_nothing_can_be_published(make_gateway):
    gateway = make_gateway({"publish": []})
    assert gateway.fetch("POST", "/publish/news", body="x").status == 404


def test_publish_goes_through_redis_to_every_gateway(make_gateway, redis):
    changes = {"broker": "redis", "redis": {"url": redis.url}}
    first, second = make_gateway(changes), make_gateway(changes)
    wait_for(lambda: first.ready() and second.ready(), "both are ready")
    with first.subscribe() as here, second.subscribe() as there:
        first.publish("news", "one")
        second.publish("news", "two")
        assert here.data(2) == there.data(2) == ["one", "two"]


def test_publish_through_redis_carries_event_and_id_in_envelopes(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url},
                            "topics": {"news": {"format": "envelope"}}})
    wait_for(gateway.ready, "ready")
    with gateway.subscribe() as subscriber:
        gateway.publish("news", "hello\nworld", "?event=alert&id=my-id")
        event = subscriber.next()
        assert (event.type, event.data, event.id) == ("alert", "hello\nworld", "my-id")
