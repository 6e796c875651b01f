"""Topics with `source: metrics`: the gateway's own numbers as events, whichever the broker is."""

import json
import time

import pytest

from harness import http
from harness.wait import wait_for

LOAD = {"topics": {"load": {"path": "/events/load", "source": "metrics", "interval": "100ms"}}}


@pytest.fixture(params=["memory", "redis"])
def gateway(request, make_gateway):
    if request.param == "memory":
        return make_gateway(LOAD)
    redis = request.getfixturevalue("redis")
    gateway = make_gateway({**LOAD, "broker": "redis", "redis": {"url": redis.url}})
    wait_for(gateway.ready, "ready")
    return gateway


def test_messages_are_the_gateways_own_numbers(gateway):
    with gateway.subscribe("/events/load") as load, gateway.subscribe() as news:
        before = time.time() * 1000
        load.next()
        for number in range(10):
            gateway.publish("news", str(number))
        news.take(10)
        seen = []

        def delivered():
            seen.append(json.loads(load.next().data))
            # Ten a second are the messages of the topic itself.
            return any(message["events_per_second"] > 15 for message in seen)

        wait_for(delivered, "a message that counts the events")
    for message in seen:
        # What the dashboards of this world expect: percent, gigabytes, milliseconds.
        assert 0 <= message["cpu"] <= 100
        assert 0 < message["memory"] < 1
        assert {"connections", "subscribers", "behind", "deliveries_per_second",
                "bytes_per_second", "fanout_p50_ms", "fanout_p99_ms"} <= message.keys()
    assert seen[-1]["timestamp"] >= before - 1000
    assert max(message["subscribers"] for message in seen) == 2
    assert any(message["fanout_p99_ms"] is not None for message in seen)


def test_messages_come_every_interval_and_resume_like_those_of_any_topic(gateway):
    with gateway.subscribe("/events/load") as load:
        events = load.take(4)
    times = [json.loads(event.data)["timestamp"] for event in events]
    assert times == sorted(times)
    # 100 ms each; a busy machine may be late with one and early with the next.
    assert 150 <= times[3] - times[0] <= 5000
    with gateway.subscribe("/events/load", last_id=events[0].id) as load:
        assert load.take(3) == events[1:]


def test_nobody_else_publishes_on_it(gateway):
    refused = gateway.fetch("POST", "/publish/load", body="{}")
    assert refused.status == 403
    assert "source: metrics" in json.loads(refused.body)["detail"]
    with gateway.subscribe("/events/load") as load:
        assert all("timestamp" in json.loads(event.data) for event in load.take(2))


def test_redis_channel_of_its_name_is_another(make_gateway, redis):
    gateway = make_gateway({**LOAD, "broker": "redis", "redis": {"url": redis.url}})
    wait_for(gateway.ready, "ready")
    with gateway.subscribe("/events/load") as load:
        load.next()
        assert redis.subscribers("load") == 0


def test_metrics_go_on_while_redis_is_down(make_gateway, redis):
    gateway = make_gateway({**LOAD, "broker": "redis", "redis": {"url": redis.url}})
    wait_for(gateway.ready, "ready")
    with gateway.subscribe("/events/load") as load:
        load.next()
        redis.stop()
        wait_for(lambda: not gateway.ready(), "the gateway has noticed")
        with gateway.subscribe("/events/load") as newcomer:
            assert newcomer.next().type == "message"
        wait_for(lambda: json.loads(load.next().data)["redis_probe_ms"] is None, "no probe")
        assert {event.type for event in load.parser.events} == {"message"}


def test_filters_and_other_methods_work_as_on_any_topic(make_gateway):
    gateway = make_gateway({"topics": {"load": {
        "path": "/events/load", "source": "metrics", "interval": "100ms", "format": "json",
        "filter": ["behind"]}}})
    with gateway.subscribe("/events/load?behind=0") as load:
        assert json.loads(load.next().data)["behind"] == 0
    assert gateway.fetch("HEAD", "/events/load").status == 200
    assert gateway.fetch("POST", "/events/load").status == 405


def test_demo_has_a_metrics_topic_with_history(make_gateway):
    gateway = make_gateway({"demo": True})
    gateway.wait_metric("sluice_events_total", 1, topic="sluice.metrics")
    with gateway.subscribe("/sluice/demo/metrics") as metrics:
        assert "cpu" in json.loads(metrics.next().data)
    assert gateway.fetch("POST", "/publish/sluice.metrics", body="{}").status == 403
    assert http.fetch(gateway.address, "GET", "/sluice/demo").status == 404
