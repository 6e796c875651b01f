"""Leaving: streams end cleanly and spread over time, requests are finished, deadlines hold."""

import json
import re
import signal
import time

from harness.wait import PATIENCE, TIMEOUT, wait_for


def drain(**keys):
    return {"drain": {"delay": "0s", "spread": "10ms", "deadline": "5s", **keys}}


def ends(subscribers):
    """When each stream ended, in seconds from now."""
    began = time.monotonic()
    times = []
    for subscriber in subscribers:
        subscriber.rest()
        times.append(time.monotonic() - began)
    return times


def wait_refusing(gateway):
    """Waits until the delay has passed: the workers drain."""

    def refuses():
        try:
            gateway.connect().close()
            return False
        except ConnectionResetError:
            return False  # the listener was closed over it
        except ConnectionRefusedError:
            return True

    wait_for(refuses, "connections are refused")


def test_streams_end_with_retry_and_the_last_chunk(gateway):
    subscribers = [gateway.subscribe() for _ in range(5)]
    gateway.publish("news", "last words")
    gateway.signal(signal.SIGTERM)
    for subscriber in subscribers:
        assert [event.data for event in subscriber.rest()] == ["last words"]
        assert subscriber.clean_end
        assert len(subscriber.retries) == 2
        assert 3000 <= subscriber.retries[1] <= 5000
        assert not subscriber.parser.unfinished
        assert subscriber.connection.wait_closed() == "eof"
    assert gateway.wait() == 0
    for line in gateway.wait_log("stream closed", 5):
        assert "reason=drained" in line


def test_plain_streams_end_too(gateway):
    with gateway.subscribe(version="HTTP/1.0") as subscriber:
        gateway.signal(signal.SIGQUIT)
        subscriber.rest()
        assert len(subscriber.retries) == 2
        assert not subscriber.parser.unfinished
        assert subscriber.connection.ended == "eof"
        assert gateway.wait() == 0


def test_signals_up_to_the_last_moment_do_not_spoil_the_end(make_gateway):
    gateway = make_gateway(drain(spread="0s"))
    deadline = time.monotonic() + TIMEOUT
    while gateway.process.poll() is None:
        assert time.monotonic() < deadline, gateway.log()
        gateway.signal(signal.SIGTERM)
    assert gateway.process.returncode == 0


def test_retries_are_jittered(make_gateway):
    gateway = make_gateway({"topics": {"news": {"retry": {"base": "100ms", "jitter": "10s"}}}})
    subscribers = [gateway.subscribe() for _ in range(30)]
    gateway.signal(signal.SIGTERM)
    ends(subscribers)
    assert len({subscriber.retries[1] for subscriber in subscribers}) > 20


def test_streams_are_closed_spread_over_time(make_gateway):
    gateway = make_gateway({"workers": 2, **drain(spread="1500ms")})
    subscribers = [gateway.subscribe() for _ in range(60)]
    gateway.signal(signal.SIGTERM)
    began = time.monotonic()
    wait_for(lambda: all(subscriber.over or not step(subscriber) for subscriber in subscribers)
             or time.monotonic() - began > 0.5, "half a second, or the end")
    early = sum(subscriber.over for subscriber in subscribers)
    assert 0 < early < 60
    assert 1.0 < max(ends(subscribers)) + 0.5 < 5 * PATIENCE
    assert gateway.wait() == 0


def step(subscriber):
    """Takes in what has come without waiting; whether the stream is over."""
    try:
        subscriber.read(time.monotonic())
    except TimeoutError:
        pass  # nothing has come
    return subscriber.over


def test_readiness_goes_first_and_the_delay_still_accepts(make_gateway):
    gateway = make_gateway(drain(delay="1500ms"))
    assert gateway.ready()
    with gateway.subscribe() as early:
        gateway.signal(signal.SIGTERM)
        wait_for(lambda: not gateway.ready(), "not ready")
        assert b"drain" in gateway.get_admin("/readyz").body
        assert gateway.get_admin("/healthz").status == 200
        with gateway.subscribe() as late:
            gateway.publish("news", "still served")
            assert early.next().data == late.next().data == "still served"
            early.rest()
            late.rest()
            assert early.clean_end and late.clean_end
    assert gateway.wait() == 0


def test_after_the_delay_nobody_is_accepted(make_gateway):
    gateway = make_gateway(drain(spread="3s", deadline="10s"))
    with gateway.subscribe() as subscriber:
        gateway.signal(signal.SIGTERM)
        wait_refusing(gateway)
        gateway.signal(signal.SIGTERM)
        subscriber.rest()
        gateway.wait()


def test_browser_that_asks_too_late_is_sent_on_and_not_away(make_gateway):
    """Anything but 200 would keep a browser from ever coming back."""
    gateway = make_gateway(drain(spread="3s", deadline="10s"))
    with gateway.subscribe() as held, gateway.connect() as late, gateway.connect() as publisher:
        gateway.wait_metric("sluice_connections", 2, state="http")
        gateway.signal(signal.SIGTERM)
        wait_refusing(gateway)
        late.request("GET", "/events/news")
        response = late.response()
        assert response.status == 200
        assert response.get("content-type") == "text/event-stream"
        assert re.fullmatch(rb"retry: [0-9]+\n\n", response.body)
        assert late.wait_closed() == "eof"
        publisher.request("POST", "/publish/news", body="x")
        assert publisher.response().status == 503
        gateway.signal(signal.SIGTERM)
        held.rest()
        gateway.wait()


def test_request_under_way_is_finished(make_gateway):
    gateway = make_gateway(drain(deadline="10s"))
    with gateway.connect() as busy, gateway.connect() as idle:
        idle.request("GET", "/nothing")
        assert idle.response().status == 404
        busy.send("POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n"
                  "Expect: 100-continue\r\n\r\n")
        assert busy.head().status == 100
        gateway.signal(signal.SIGTERM)
        assert idle.wait_closed() == "eof"
        busy.send("hello")
        response = busy.response()
        assert response.status == 202 and response.get("connection") == "close"
        assert busy.wait_closed() == "eof"
    assert gateway.wait() == 0


def test_deadline_cuts_what_is_left(make_gateway):
    gateway = make_gateway(drain(deadline="700ms"))
    with gateway.connect() as busy, gateway.subscribe(receive_buffer=4096) as stuck:
        busy.send("POST /publish/news HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhe")
        for _ in range(20):
            gateway.publish("news", "x" * 100_000)
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 0
        assert 0.5 < time.monotonic() - began < 3 * PATIENCE
        stuck.until(lambda: stuck.over, "cut")
        assert not stuck.clean_end


def test_second_signal_stops_at_once(make_gateway):
    gateway = make_gateway(drain(delay="1m", spread="1m", deadline="5m"))
    with gateway.subscribe() as subscriber:
        gateway.signal(signal.SIGTERM)
        wait_for(lambda: not gateway.ready(), "draining")
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        gateway.wait()
        assert time.monotonic() - began < 2 * PATIENCE
        subscriber.until(lambda: subscriber.over, "cut")
    (line,) = gateway.wait_log("stream closed")
    assert "reason=stopped" in line


def test_interrupt_drains_too(gateway):
    with gateway.subscribe() as subscriber:
        gateway.signal(signal.SIGINT)
        subscriber.rest()
        assert subscriber.clean_end
    assert gateway.wait() == 0


def test_drained_clients_resume_on_another_gateway_with_a_gap(make_gateway, redis):
    changes = {"broker": "redis", "redis": {"url": redis.url}}
    first, second = make_gateway(changes), make_gateway(changes)
    with first.subscribe() as subscriber:
        redis.publish("news", "one")
        last = subscriber.next().id
        first.signal(signal.SIGTERM)
        subscriber.rest()
    with second.subscribe(last_id=last) as back:
        event = back.next()
        assert event.type == "sluice.gap" and json.loads(event.data)["reason"] == "unknown_id"
        redis.publish("news", "two")
        assert back.next().data == "two"
