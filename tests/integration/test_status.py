"""/status on the admin listener: its page, its stream, and the numbers that both have."""

import json
import re

import pytest

from harness import http
from harness.sse import Subscriber
from harness.wait import wait_for

MAX_VIEWERS = 16


def watch(gateway, **options):
    return Subscriber(gateway.admin, "/status/events", **options).opened()


def until(viewer, condition, what):
    """The first status for which the condition holds."""

    def next_status():
        status = json.loads(viewer.next().data)
        return status if condition(status) else None

    return wait_for(next_status, what)


def test_stream_tells_what_status_json_tells(gateway):
    with watch(gateway) as viewer:
        streamed = json.loads(viewer.next().data)
        answered = gateway.status()

    def shape(value):
        if isinstance(value, dict):
            return {key: shape(member) for key, member in value.items()}
        return [shape(item) for item in value] if isinstance(value, list) else None

    assert shape(streamed) == shape(answered)
    assert streamed["ready"] is True and streamed["topics"][0]["name"] == "news"


def test_numbers_follow_what_happens(gateway):
    with watch(gateway) as viewer:
        before = json.loads(viewer.next().data)
        assert before["subscribers"] == 0 and before["deliveries"] == 0
        with gateway.subscribe(), gateway.subscribe() as subscriber:
            for number in range(20):
                gateway.publish("news", str(number))
            subscriber.take(20)
            seen = []

            def all_of_it(status):
                seen.append(status)
                rates = [sum(each["now"][name] for each in seen)
                         for name in ("events_per_second", "deliveries_per_second")]
                return status["deliveries"] == 40 and rates[1] > rates[0] > 0

            last = until(viewer, all_of_it, "the seconds with the events")
            assert (last["events"], last["deliveries"], last["published"]) == (20, 40, 20)
            assert last["subscribers"] == 2 and last["connections_by_state"]["stream"] == 2
            assert last["topics"][0]["subscribers"] == 2 and last["topics"][0]["events"] == 20
            assert any(status["topics"][0]["events_per_second"] > 0 for status in seen)
            latencies = [(status["now"]["fanout_p50_ms"], status["now"]["fanout_p99_ms"])
                         for status in seen if status["now"]["fanout_p99_ms"] is not None]
            assert latencies and all(0 < p50 <= p99 for p50, p99 in latencies)
        after = until(viewer, lambda status: status["subscribers"] == 0, "both are gone")
        gone = after["disconnects"]
        assert gone["client_closed"] + gone["client_reset"] == 2


def test_viewers_are_no_subscribers(gateway):
    with watch(gateway) as viewer:
        viewer.next()
        status = gateway.status()
    assert status["subscribers"] == 0 and status["deliveries"] == 0 and status["connections"] == 0


def test_redis_link_shows(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url}})
    wait_for(gateway.ready, "ready")
    with watch(gateway) as viewer:
        up = until(viewer, lambda status: status["ready"], "ready")
        assert up["broker"]["up"] is True and up["broker"]["probe_seconds"] > 0
        redis.stop()
        down = until(viewer, lambda status: not status["ready"], "not ready")
        assert down["broker"]["up"] is False and down["checks"]["redis"] != "ok"
        redis.start()
        again = until(viewer, lambda status: status["ready"], "ready again")
        assert again["broker"]["reconnects"] == 1


def test_drain_shows_until_the_end(make_gateway):
    gateway = make_gateway({"drain": {"delay": "2s", "spread": "10ms"}})
    with watch(gateway) as viewer:
        viewer.next()
        gateway.signal(15)
        draining = until(viewer, lambda status: status["draining"], "draining")
        assert draining["ready"] is False and draining["checks"]["drain"] == "draining"
        viewer.until(lambda: viewer.over, "the end")
    assert gateway.wait() == 0


def test_viewers_are_bounded_and_admin_goes_on(gateway):
    viewers = [watch(gateway) for _ in range(MAX_VIEWERS)]
    refused = gateway.get_admin("/status/events")
    assert refused.status == 503 and refused.get("retry-after")
    assert gateway.get_admin("/healthz").status == 200
    viewers.pop().close()

    def join():
        try:
            return watch(gateway)
        except AssertionError:
            return None

    viewers.append(wait_for(join, "room for one more"))
    for viewer in viewers:
        assert json.loads(viewer.next().data)["version"]
        viewer.close()


def test_viewer_that_does_not_read_stops_nobody(gateway):
    with http.Connection(gateway.admin, receive_buffer=2048) as idle, watch(gateway) as viewer:
        idle.request("GET", "/status/events")
        for _ in range(3):
            viewer.next()
        assert gateway.get_admin("/metrics").status == 200


def test_history_has_the_seconds_before(gateway):
    with gateway.subscribe():
        history = wait_for(
            lambda: [message for message in json.loads(gateway.get_admin("/status/history").body)
                     if message["subscribers"] == 1], "a second with the subscriber")
    assert history[0].keys() == gateway.status()["now"].keys()


@pytest.mark.parametrize("listener, target", [("admin", "/status"), ("address", "/")])
def test_page_lets_nothing_run_but_its_own(make_gateway, listener, target):
    gateway = make_gateway({"demo": True})
    first, second = (http.fetch(getattr(gateway, listener), "GET", target) for _ in range(2))
    assert first.status == 200 and first.get("content-type") == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1)
                  for part in first.get("content-security-policy").split(";"))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    nonce = re.fullmatch("'nonce-([0-9a-z]{20,})'", policy["script-src"])[1]
    assert policy["style-src"] == policy["script-src"]
    assert nonce not in second.get("content-security-policy")
    page = first.body.decode()
    assert "{{" not in page
    # Each script and style is in the page, and has the nonce.
    tags = re.findall(r"<(?:script|style)\b[^>]*>", page)
    assert len(tags) >= 4 and all(f'nonce="{nonce}"' in tag for tag in tags)
    assert not re.search(r"<script[^>]+src=|rel=\"stylesheet\"|style=\"|\bon\w+=\"", page)
    # No other origin is named, but for the namespaces that the parser knows by itself.
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert "innerHTML" not in page


def test_head_and_other_methods(gateway):
    for target in ("/status", "/status/events", "/status/history"):
        head = http.fetch(gateway.admin, "HEAD", target)
        assert head.status == 200 and head.body == b""
        refused = http.fetch(gateway.admin, "POST", target)
        assert refused.status == 405 and refused.get("allow") == "GET, HEAD"
    assert http.fetch(gateway.admin, "HEAD", "/status/events").get("content-type") == "text/event-stream"


def test_root_of_admin_leads_to_the_page(gateway):
    root = gateway.get_admin("/")
    assert root.status == 302 and root.get("location") == "/status"
