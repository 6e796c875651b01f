"""Topics with `source: upstream`: an app's event stream, opened once for all subscribers."""

import concurrent.futures
import contextlib
import json
import re
import signal
import threading

import pytest

from harness.sse_app import SseApp
from harness.wait import wait_for


@pytest.fixture
def make_app():
    apps = []

    def make(port=0):
        apps.append(SseApp(port))
        return apps[-1]

    yield make
    for app in apps:
        with contextlib.suppress(OSError):
            app.close()


@pytest.fixture
def app(make_app):
    return make_app()


def config(app, topic=None, **more):
    """The base configuration with the topic `feed` of that app."""
    return {"upstreams": {"app": {"servers": [app.address], "backoff": "100ms"}},
            "topics": {"feed": {"path": "/feed", "source": "upstream", "upstream": "app",
                                **(topic or {})}}, **more}


@contextlib.contextmanager
def waiting(gateway, target="/feed", **options):
    """A subscriber of whom the test does not know yet whether he gets in."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield pool.submit(gateway.subscribe, target, **options)


def subscribe(gateway, app, target="/feed"):
    """The first subscriber, and the request that the app got for him."""
    with waiting(gateway, target) as coming:
        request = app.next().open()
        return coming.result(), request


def refused(gateway, target="/feed"):
    response = gateway.fetch("GET", target)
    assert response.status == 503 and int(response.get("retry-after")) > 0
    return True


def test_one_stream_of_the_app_feeds_all_subscribers_of_all_workers(make_gateway, app):
    gateway = make_gateway(config(app, workers=2))
    first, request = subscribe(gateway, app)
    assert (request.method, request.target, request.version) == ("GET", "/feed", "HTTP/1.1")
    assert request.headers["accept"] == "text/event-stream"
    assert request.headers["host"] == "app" and request.last_event_id is None
    subscribers = [first] + [gateway.subscribe("/feed") for _ in range(49)]
    request.event("one", id="a-1")
    request.event("two\nlines", id="a-2", event="alert")
    request.send(": a comment\n\n")
    request.event("without an id")
    for subscriber in subscribers:
        one, two, three = subscriber.take(3)
        assert (one.type, one.data, one.id) == ("message", "one", "a-1")
        assert (two.type, two.data, two.id) == ("alert", "two\nlines", "a-2")
        assert three.data == "without an id" and re.fullmatch(r"[0-9a-z]+\.3", three.id)
        assert "a comment" not in subscriber.comments
        subscriber.close()
    assert app.seen == 1
    assert gateway.metric("sluice_sources", topic="feed", state="open") == 1
    assert gateway.metric("sluice_events_total", topic="feed") == 3


def test_the_stream_is_closed_after_the_last_subscriber_has_left(make_gateway, app):
    gateway = make_gateway(config(app, {"linger": "100ms"}))
    subscriber, request = subscribe(gateway, app)
    subscriber.close()
    request.wait_closed()
    gateway.wait_metric("sluice_sources", 0, topic="feed")
    subscriber, _ = subscribe(gateway, app)
    subscriber.close()


def test_parameters_go_into_the_path_that_the_app_is_asked_for(make_gateway, app):
    gateway = make_gateway(config(app, {
        "path": "/rooms/{id}", "channel": "room:{id}", "upstream_path": "/sse?room={id}&v=2",
        "upstream_host": "app.internal:8080"}))
    subscriber, request = subscribe(gateway, app, "/rooms/a%20b%2F%26%C3%A9")
    assert request.target == "/sse?room=a%20b%2F%26%C3%A9&v=2"
    assert request.headers["host"] == "app.internal:8080"
    other, second = subscribe(gateway, app, "/rooms/2")
    request.event("for a b")
    second.event("for 2")
    assert subscriber.next().data == "for a b" and other.next().data == "for 2"
    subscriber.close()
    other.close()


def test_a_client_that_was_away_gets_what_it_missed(make_gateway, app):
    gateway = make_gateway(config(app))
    subscriber, request = subscribe(gateway, app)
    for number in range(1, 5):
        request.event(f"event {number}", id=f"id-{number}")
    assert subscriber.data(4)[-1] == "event 4"
    subscriber.close()
    with gateway.subscribe("/feed", last_id="id-2") as again:
        assert again.data(2) == ["event 3", "event 4"]
    assert app.seen == 1


def test_a_lost_stream_goes_on_after_the_last_event(make_gateway, app):
    gateway = make_gateway(config(app, workers=2))
    subscriber, request = subscribe(gateway, app)
    others = [gateway.subscribe("/feed") for _ in range(5)]
    request.send("retry: 100\n\n")
    request.event("one", id="7")
    assert subscriber.next().data == "one"
    request.end()
    again = app.next()
    assert again.last_event_id == "7"
    again.open()
    again.event("two", id="8")
    for one in [subscriber, *others]:
        events = one.take(1 if one is subscriber else 2)
        assert events[-1].data == "two" and all(event.type == "message" for event in events)
        one.close()
    gateway.wait_metric("sluice_source_reconnects_total", 1, topic="feed")
    assert gateway.metric("sluice_gaps_total", topic="feed") == 0
    gateway.wait_log("topic=feed stream of upstream app lost: it ended the stream")


@pytest.mark.parametrize("with_ids", [False, True])
def test_a_gap_is_told_where_the_app_cannot_resume(make_gateway, app, with_ids):
    topic = {"upstream_resumes": False} if with_ids else {}
    gateway = make_gateway(config(app, topic))
    subscriber, request = subscribe(gateway, app)
    request.send("retry: 100\n\n")
    request.event("one", id="1" if with_ids else None)
    assert subscriber.next().data == "one"
    request.end()
    app.next().open().event("two")
    gap, two = subscriber.take(2)
    assert gap.type == "sluice.gap" and json.loads(gap.data)["reason"] == "source_lost"
    assert two.data == "two"
    subscriber.close()


def test_subscribers_survive_a_restart_of_the_app(make_gateway, make_app):
    app = make_app()
    gateway = make_gateway(config(app))
    subscriber, request = subscribe(gateway, app)
    request.send("retry: 100\n\n")
    request.event("one", id="1")
    assert subscriber.next().data == "one"
    app.close()
    gateway.wait_metric("sluice_sources", 1, topic="feed", state="lost")
    gateway.wait_log("stream of upstream app lost: connect")
    app = make_app(app.port)
    again = app.next()
    assert again.last_event_id == "1"
    again.open().event("two", id="2")
    assert subscriber.next().data == "two"
    assert not subscriber.over
    (topic,) = [one for one in gateway.status()["topics"] if one["name"] == "feed"]
    assert topic["source"]["open"] == 1 and topic["source"]["reconnects"] == 1
    subscriber.close()


def test_newcomers_wait_while_the_stream_is_lost(make_gateway, app):
    gateway = make_gateway(config(app, {"subscribe_timeout": "500ms"}))
    subscriber, request = subscribe(gateway, app)
    request.send("retry: 100\n\n")
    request.event("one", id="1")
    assert subscriber.next().data == "one"
    request.end()
    app.next()  # which is not answered
    refused(gateway)
    subscriber.close()


@pytest.mark.parametrize("status", [301, 401, 404, 500, 503])
def test_before_the_first_stream_a_refusal_is_503(make_gateway, app, status):
    gateway = make_gateway(config(app))
    answering = threading.Thread(target=lambda: app.next().answer(status))
    answering.start()
    refused(gateway)
    answering.join()
    gateway.wait_log(f"topic=feed .*503: upstream app: it answers {status}")
    assert gateway.metric("sluice_source_failures_total", topic="feed") == 1
    subscriber, _ = subscribe(gateway, app)  # the next one asks again
    subscriber.close()


def test_an_app_that_is_not_there_is_503_at_once(make_gateway, make_app):
    app = make_app()
    app.close()
    gateway = make_gateway(config(app))
    refused(gateway)
    gateway.wait_log("topic=feed .*503: upstream app: connect")


@pytest.mark.parametrize("fields, why", [
    (["Content-Type: text/html"], "no text/event-stream"),
    ([], "no text/event-stream"),
    (["Content-Type: text/event-stream", "Content-Encoding: gzip"], "Content-Encoding"),
])
def test_what_is_no_event_stream_is_refused(make_gateway, app, fields, why):
    gateway = make_gateway(config(app))
    answering = threading.Thread(target=lambda: app.next().open(fields))
    answering.start()
    refused(gateway)
    answering.join()
    gateway.wait_log(f"topic=feed .*{why}")


def test_charset_and_case_of_the_type_make_no_difference(make_gateway, app):
    gateway = make_gateway(config(app))
    with waiting(gateway) as coming:
        app.next().open(["content-type: Text/Event-Stream ; charset=utf-8"]).event("one")
        with coming.result() as subscriber:
            assert subscriber.next().data == "one"


def test_errors_after_the_first_stream_are_tried_again(make_gateway, app):
    gateway = make_gateway(config(app))
    subscriber, request = subscribe(gateway, app)
    request.send("retry: 100\n\n")
    request.event("one", id="1")
    assert subscriber.next().data == "one"
    request.end()
    for status in (500, 404):
        app.next().answer(status)
    app.next().open().event("two", id="2")
    assert subscriber.next().data == "two"
    gateway.wait_metric("sluice_source_failures_total", 3, topic="feed")
    subscriber.close()


def test_204_ends_the_streams_and_keeps_their_clients_away(make_gateway, app):
    gateway = make_gateway(config(app, {"linger": "1s"}, workers=2))
    first, request = subscribe(gateway, app)
    subscribers = [first] + [gateway.subscribe("/feed") for _ in range(5)]
    request.send("retry: 100\n\n")
    request.event("the last", id="9")
    request.end()
    app.next().answer(204)
    for subscriber in subscribers:
        events = subscriber.rest()
        assert [event.data for event in events] == ["the last"]
        assert subscriber.clean_end and len(subscriber.retries) == 2
        subscriber.close()
    for _ in range(3):
        assert gateway.fetch("GET", "/feed").status == 204
    assert app.seen == 2, "nobody asks it again meanwhile"
    gateway.wait_metric("sluice_disconnects_total", 6, reason="source_ended")
    gateway.wait_log("upstream app answers 204")
    gateway.wait_metric("sluice_topics", 0, topic="feed")
    subscriber, _ = subscribe(gateway, app)
    subscriber.close()


def test_204_at_once_is_204(make_gateway, app):
    gateway = make_gateway(config(app))
    answering = threading.Thread(target=lambda: app.next().answer(204))
    answering.start()
    assert gateway.fetch("GET", "/feed").status == 204
    answering.join()


def test_a_silent_stream_is_lost_and_comments_keep_it(make_gateway, app):
    gateway = make_gateway({**config(app), "upstreams": {
        "app": {"servers": [app.address], "read_timeout": "600ms"}}})
    subscriber, request = subscribe(gateway, app)
    request.send("retry: 100\n\n")
    stop = threading.Event()

    def beat():
        while not stop.wait(0.2):
            request.send(":\n\n")

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with pytest.raises(AssertionError, match="not in time"):
            subscriber.next(timeout=1.5)
        assert gateway.metric("sluice_source_failures_total", topic="feed") == 0
    finally:
        stop.set()
        beating.join()
    app.next().open()
    gateway.wait_log("stream of upstream app lost: read_timeout")
    subscriber.close()


def test_events_over_the_limit_are_passed_over(make_gateway, app):
    gateway = make_gateway({**config(app), "limits": {"message_bytes": "1KiB"}})
    subscriber, request = subscribe(gateway, app)
    request.event("small", id="1")
    request.event("x" * 100_000, id="2")
    request.event("small again", id="3")
    events = subscriber.take(3)
    assert [event.type for event in events] == ["message", "sluice.gap", "message"]
    assert json.loads(events[1].data)["reason"] == "too_large"
    assert events[2].data == "small again"
    assert gateway.metric("sluice_messages_dropped_total", topic="feed") == 1
    subscriber.close()


def test_json_is_checked_and_filtered(make_gateway, app):
    gateway = make_gateway(config(app, {"format": "json", "filter": ["kind"]}))
    with waiting(gateway, "/feed?kind=book") as coming:
        request = app.next().open()
        with coming.result() as subscriber:
            request.event('{"kind": "film"}', id="1")
            request.event("not json", id="2")
            request.event('{"kind": "book"}', id="3")
            event = subscriber.next()
            assert (event.data, event.id) == ('{"kind": "book"}', "3")
    assert gateway.metric("sluice_messages_dropped_total", topic="feed") == 1


def test_ids_that_clients_cannot_send_back_are_replaced(make_gateway, app):
    gateway = make_gateway(config(app))
    subscriber, request = subscribe(gateway, app)
    request.send("retry: 100\n\n")
    request.event("one", id="2026/11/25 é")
    assert re.fullmatch(r"[0-9a-z]+\.1", subscriber.next().id)
    gateway.wait_log("an id of upstream app is not 1 to 128 of")
    request.end()
    again = app.next()
    assert again.last_event_id.encode("latin-1").decode() == "2026/11/25 é", "the app's own"
    subscriber.close()


def test_bytes_may_come_in_any_pieces(make_gateway, app):
    gateway = make_gateway(config(app))
    subscriber, request = subscribe(gateway, app)
    for byte in "\ufeffid: 1\r\ndata: a\r\ndata: é\r\n\r\nevent: x\rdata: b\r\r".encode():
        request.send(bytes([byte]))
    one, two = subscriber.take(2)
    assert (one.data, one.id, two.type, two.data) == ("a\né", "1", "x", "b")
    subscriber.close()


def test_nobody_else_publishes_on_it(make_gateway, app):
    gateway = make_gateway(config(app))
    assert gateway.fetch("POST", "/publish/feed", body="x").status == 403


def test_a_reload_with_another_server_opens_the_stream_anew(make_gateway, app, make_app):
    gateway = make_gateway(config(app))
    subscriber, request = subscribe(gateway, app)
    request.send("retry: 100\n\n")
    request.event("one", id="1")
    assert subscriber.next().data == "one"
    other = make_app()
    settings = json.loads(gateway.config_path.read_text())
    settings["upstreams"]["app"]["servers"] = [other.address]
    gateway.config_path.write_text(json.dumps(settings))
    gateway.signal(signal.SIGHUP)
    request.wait_closed()
    again = other.next()
    assert again.last_event_id == "1"
    again.open().event("two", id="2")
    assert subscriber.next().data == "two"
    subscriber.close()


def test_with_redis_each_topic_has_its_source(make_gateway, app, redis):
    gateway = make_gateway({**config(app), "broker": "redis", "redis": {"url": redis.url}})
    subscriber, request = subscribe(gateway, app)
    with gateway.subscribe() as news:
        redis.stop()
        wait_for(lambda: not gateway.ready(), "the link to Redis is lost")
        request.event("still here")
        assert subscriber.next().data == "still here"
        gateway.subscribe("/feed").close()
        assert not news.over
    subscriber.close()


def test_a_drain_closes_the_stream(make_gateway, app):
    gateway = make_gateway(config(app))
    subscriber, request = subscribe(gateway, app)
    gateway.stop()
    request.wait_closed()
    assert subscriber.rest() == [] and subscriber.clean_end
