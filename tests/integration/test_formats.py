"""What a message means: text, envelope, json; and the filter."""

import json

import pytest


def topic(**keys):
    return {"topics": {"news": keys}}


def test_text_is_passed_on_as_it_is(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url}})
    with gateway.subscribe() as subscriber:
        for data in ('{"data": "x"}', "a\r\nb\rc\nd", "", "\x00", "grüße"):
            redis.publish("news", data)
            assert subscriber.next().data == data.replace("\r\n", "\n").replace("\r", "\n")
        redis.publish("news", b"a\xffb\xe2\x82")
        assert subscriber.next().data == "a\ufffdb\ufffd"


def test_envelope_gives_data_event_id_and_retry(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url},
                            **topic(format="envelope")})
    with gateway.subscribe() as subscriber:
        redis.publish("news", json.dumps(
            {"data": "line\nline", "event": "alert", "id": "order-7", "retry": 1234}))
        event = subscriber.next()
        assert (event.type, event.data, event.id) == ("alert", "line\nline", "order-7")
        assert subscriber.retries[-1] == 1234
        redis.publish("news", json.dumps({"data": {"a": [1, "x"]}}))
        event = subscriber.next()
        assert (event.type, json.loads(event.data)) == ("message", {"a": [1, "x"]})
        assert event.id != "order-7"


@pytest.mark.parametrize("message", [
    b"", b"not json", b"[]", b"7", b'{"data": "x"', b'{"data": "x"} tail', b'{"event": "e"}',
    b'{"data": "x", "event": 1}', b'{"data": "x", "event": "a\\nb"}',
    b'{"data": "x", "id": "a b"}', b'{"data": "x", "id": "\\u20ac"}', b'{"data": "x", "id": "a\\u0000"}',
    b'{"data": "x", "retry": "1"}', b'{"data": "x", "retry": -1}', b'{"data": "x", "retry": 1e99}',
    b'{"data": "\xff"}', b"[" * 100_000,
])
def test_bad_envelope_is_dropped_counted_and_logged(make_gateway, redis, message):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url},
                            **topic(format="envelope")})
    with gateway.subscribe() as subscriber:
        redis.publish("news", message)
        redis.publish("news", '{"data": "good"}')
        event = subscriber.next()
        if event.type == "sluice.gap":
            assert json.loads(event.data)["reason"] == "invalid"
            event = subscriber.next()
        assert event.data == "good"
        gateway.wait_log("news.*(envelope|JSON)")


def test_json_passes_the_document_and_filters_by_its_field(make_gateway):
    gateway = make_gateway(topic(format="json", filter=["type", "level"]))
    messages = [{"type": "alert", "level": 3, "n": 1}, {"type": "info", "n": 2}, {"n": 3},
                {"type": "alert", "n": 4}, {"type": 7, "n": 5}, {"type": True, "n": 6}]
    streams = {query: gateway.subscribe("/events/news" + query) for query in (
        "", "?type=alert", "?type=info", "?type=7", "?type=true", "?type=none",
        "?type=alert&level=3", "?other=x")}
    for message in messages:
        gateway.publish("news", json.dumps(message))
    gateway.publish("news", json.dumps({"type": "alert", "level": "3", "n": 99}))
    gateway.publish("news", json.dumps({"type": "info", "n": 99}))

    def numbers(query, count):
        return [json.loads(event.data)["n"] for event in streams[query].take(count)]

    assert numbers("", 8) == [1, 2, 3, 4, 5, 6, 99, 99]
    assert numbers("?other=x", 8) == [1, 2, 3, 4, 5, 6, 99, 99]
    assert numbers("?type=alert", 3) == [1, 4, 99]
    assert numbers("?type=info", 2) == [2, 99]
    assert numbers("?type=7", 1) == [5]
    assert numbers("?type=true", 1) == [6]
    assert numbers("?type=alert&level=3", 2) == [1, 99]
    gateway.publish("news", json.dumps({"type": "none", "n": 100}))
    assert numbers("?type=none", 1) == [100]
    for stream in streams.values():
        stream.close()


def test_filtered_stream_resumes_where_it_was(make_gateway):
    gateway = make_gateway(topic(format="json", filter=["type"]))
    with gateway.subscribe("/events/news?type=a") as subscriber:
        gateway.publish("news", '{"type": "a", "n": 1}')
        last = subscriber.next().id
    for message in ('{"type": "b", "n": 2}', '{"type": "a", "n": 3}', '{"type": "b", "n": 4}'):
        gateway.publish("news", message)
    with gateway.subscribe("/events/news?type=a", last_id=last) as subscriber:
        assert json.loads(subscriber.next().data)["n"] == 3
        gateway.publish("news", '{"type": "a", "n": 5}')
        assert json.loads(subscriber.next().data)["n"] == 5


def test_what_is_not_json_is_dropped_or_refused(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url},
                            **topic(format="json", filter=["type"])})
    with gateway.subscribe() as subscriber:
        redis.publish("news", "not json")
        redis.publish("news", '{"n": 1}')
        events = [subscriber.next()]
        if events[0].type == "sluice.gap":
            events = [subscriber.next()]
        assert json.loads(events[0].data) == {"n": 1}
    assert gateway.fetch("POST", "/publish/news", body="not json").status == 400


def test_filter_is_not_offered_on_text_topics(make_gateway):
    gateway = make_gateway()
    with gateway.subscribe("/events/news?type=alert") as subscriber:
        gateway.publish("news", '{"type": "info"}')
        assert subscriber.next().data == '{"type": "info"}'
