"""Every limit is reached, answered, counted and recovered from."""

import json
import re
import resource

from harness.http import Connection
from harness.wait import wait_for
from test_reload import change, reload


def refused(gateway, target, status=503):
    """A refusal that says when to come back."""
    response = gateway.fetch("GET", target)
    assert response.status == status, (response.status, response.body)
    assert int(response.get("retry-after")) > 0
    assert set(json.loads(response.body)) == {"error", "detail"}


def opens(gateway, target):
    """Whether a stream opens now; it is closed again."""
    try:
        gateway.subscribe(target).close()
        return True
    except AssertionError:
        return False


def test_subscribers_of_a_topic_are_limited(make_gateway):
    gateway = make_gateway({"workers": 2, "topics": {
        "news": {"limits": {"subscribers": 3}}, "other": {"path": "/events/other"}}})
    subscribers = [gateway.subscribe() for _ in range(3)]
    refused(gateway, "/events/news")
    gateway.subscribe("/events/other").close()
    subscribers.pop().close()
    wait_for(lambda: opens(gateway, "/events/news"), "a place is free again")
    for subscriber in subscribers:
        subscriber.close()


def test_topics_of_a_pattern_are_limited(make_gateway):
    gateway = make_gateway({"topics": {"room": {
        "path": "/r/{id}", "channel": "room:{id}", "limits": {"topics": 2}, "linger": "100ms"}}})
    with gateway.subscribe("/r/1") as one, gateway.subscribe("/r/2"):
        refused(gateway, "/r/3")
        gateway.subscribe("/r/1").close()
        one.close()
        wait_for(lambda: opens(gateway, "/r/3"), "the first topic is forgotten")


def test_subscribers_of_the_process_are_limited(make_gateway):
    gateway = make_gateway({"limits": {"subscribers": 2},
                            "topics": {"other": {"path": "/events/other"}}})
    with gateway.subscribe("/events/news"), gateway.subscribe("/events/other"):
        refused(gateway, "/events/news")
        refused(gateway, "/events/other")
    wait_for(lambda: opens(gateway, "/events/news"), "a place is free again")


def test_connections_are_limited(make_gateway):
    gateway = make_gateway({"limits": {"connections": 5}})
    subscribers = [gateway.subscribe() for _ in range(5)]
    with gateway.connect() as one_more:
        one_more.request("GET", "/events/news")
        response = one_more.response()
        assert response.status == 503 and int(response.get("retry-after")) > 0
    assert gateway.get_admin("/healthz").status == 200
    for subscriber in subscribers:
        assert not subscriber.over
    subscribers.pop().close()
    wait_for(lambda: opens(gateway, "/events/news"), "a place is free again")
    for subscriber in subscribers:
        subscriber.close()


def test_out_of_descriptors_accepting_pauses_and_recovers(make_gateway):
    gateway = make_gateway(open_files=64)
    idle = []
    # More connections than there are descriptors: the kernel's queue holds the rest.
    for _ in range(80):
        idle.append(Connection(gateway.address))
    (line,) = gateway.wait_log("out of file descriptors")
    assert " warn" in line or " error" in line
    served = idle[0]
    served.request("POST", "/publish/news", body="still served")
    assert served.response().status == 202
    late = idle[-1]
    late.request("GET", "/nothing")
    for connection in idle[:-1]:
        connection.close()
    assert late.response().status == 404
    late.close()
    with gateway.subscribe() as subscriber:
        gateway.publish("news", "again")
        assert subscriber.next().data == "again"
    gateway.stop()  # then all lines are there
    said = [line for line in gateway.log().splitlines() if "accepting" in line]
    assert len(said) <= 2, said  # once that they ran out, once that they are back


def test_too_few_descriptors_for_the_connection_limit_is_said_at_start(make_gateway):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    gateway = make_gateway({"limits": {"connections": hard + 1000}})
    gateway.wait_log("limits.connections|open files|descriptors")


def needs(gateway):
    """What it has said that it needs, and of those for upstreams."""
    gateway.stop()  # then all lines are there
    said = re.findall(r"needs (\d+) file descriptors(?:, (\d+) of them for connections to upstreams)?, but the limit is 2000",
                      gateway.log())
    return [tuple(int(number or 0) for number in line) for line in said]


def test_proxy_needs_two_descriptors_for_a_client(make_gateway):
    upstreams = {"app": {"servers": ["127.0.0.1:1", "127.0.0.1:2"], "keepalive": 10}}
    proxy = {"limits": {"connections": 1000}, "upstreams": upstreams, "routes": [{"path": "/", "upstream": "app"}]}
    topics = make_gateway({"limits": {"connections": 1000}}, open_files=2000)
    assert needs(topics) == []
    assert needs(make_gateway(proxy, open_files=2000)) == [(2148, 1020)]
    upstreams["app"]["max_connections"] = 100
    assert needs(make_gateway(proxy, open_files=2000)) == [], "no more than these are ever open"
    assert needs(make_gateway({**proxy, "limits": {"connections": 1700}}, open_files=2000)) == [(2048, 220)]


def test_routes_that_a_reload_brings_are_counted(make_gateway):
    gateway = make_gateway({"limits": {"connections": 1000}}, open_files=2000)
    change(gateway, lambda config: config.update(
        upstreams={"app": {"servers": ["127.0.0.1:1"], "keepalive": 10}}, routes=[{"path": "/", "upstream": "app"}]))
    reload(gateway)
    change(gateway, lambda config: config["routes"].append({"path": "/more", "upstream": "app"}))
    reload(gateway)
    assert needs(gateway) == [(2148, 1020)], "said once"


def test_idle_subscribers_cost_little(make_gateway):
    gateway = make_gateway({"limits": {"connections": 5000}})
    subscribers = [gateway.subscribe() for _ in range(100)]
    before = gateway.memory()
    subscribers += [gateway.subscribe() for _ in range(1000)]
    cost = (gateway.memory() - before) / 1000
    assert cost < 8192  # a rough guard; scripts/bench measures it
    for subscriber in subscribers:
        subscriber.close()
    gateway.wait_metric("sluice_subscribers", 0, topic="news")
