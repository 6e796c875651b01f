"""Every client of the catalogue against the gateway: order, content, reconnecting, resuming."""

import json

from catalogue import BACK, CLIENTS, HEADER, QUERY, STOP, every_client
from harness.wait import wait_for

RETRY = {"base": "100ms", "jitter": "50ms"}
FAST = {"topics": {"news": {"retry": RETRY}}}
STREAM = "/events/news"

NASTY = [
    "", " ", " leading", "trailing ", "two\nlines", "\n", "\n\n", "data: x", ": comment", "id: 9",
    "event: evil\ndata: x\n\n", "retry: 1", "grüße €🙂", "\ufeffmark", "tab\there", "nul\x00nul",
    '{"json": ["a", 1]}', "<script>alert(1)</script>", "x" * 100_000,
]


def last_id(exchange, place):
    """The id that a request resumes from. It must be where this client puts it."""
    places = {HEADER: exchange.headers.get("last-event-id"), QUERY: exchange.query.get("lastEventId")}
    wanted = places.pop(place)
    assert not any(places.values())
    return wanted


def resumed_from(name, exchange):
    return last_id(exchange, CLIENTS[name].resumes_by)


@every_client
def test_events_arrive_in_order_and_as_they_were_sent(gateway, make_wire, start_client, name):
    wire = make_wire(gateway)
    client = start_client(name, wire, STREAM).opened()
    for data in NASTY:
        gateway.publish("news", data)
    last = gateway.publish("news", "typed", "?event=alert&id=last-1")
    client.wait(lambda: len(client.events) == len(NASTY) + 1, "all events")
    assert client.data == [*map(CLIENTS[name].reads, NASTY), "typed"]
    assert [event["type"] for event in client.events] == ["message"] * len(NASTY) + ["alert"]
    assert client.events[-1]["id"] == last == "last-1"
    assert len({event["id"] for event in client.events}) == len(NASTY) + 1
    assert bool(client.of("empty")) == CLIENTS[name].empty_messages
    (request,) = wire.to(STREAM)
    assert ("gzip" in request.headers.get("accept-encoding", "")) == CLIENTS[name].compresses
    assert request.headers["accept"].startswith("text/event-stream")


@every_client
def test_client_resumes_after_cuts_without_loss_or_duplicate(
        make_gateway, make_wire, start_client, name):
    gateway = make_gateway(FAST)
    wire = make_wire(gateway)
    client = start_client(name, wire, STREAM).opened()
    sent = []
    for turn in range(3):
        for number in range(5):
            sent.append(f"{turn}-{number}")
            gateway.publish("news", sent[-1])
            if number == 2 and turn > 0:
                wire.cut()
        client.got(sent)
    first, *others = wire.to(STREAM)
    assert resumed_from(name, first) is None
    ids = [event["id"] for event in client.events]
    assert len(others) == 2 and all(resumed_from(name, request) in ids for request in others)
    assert client.told == []


@every_client
def test_client_comes_back_after_a_restart_that_refused_it_and_is_told_the_gap(
        make_gateway, make_wire, start_client, name):
    gateway = make_gateway(FAST)
    wire = make_wire(gateway)
    client = start_client(name, wire, STREAM).opened()
    gateway.publish("news", "before")
    client.got(["before"])
    wire.shut()
    gateway.restart()
    if STOP in (CLIENTS[name].clean_end, CLIENTS[name].refused):
        client.closed()
        assert len(wire.to(STREAM)) == 1
        return
    client.refused()
    wire.open()
    gateway.wait_metric("sluice_subscribers", 1, topic="news")
    gateway.publish("news", "after")
    client.got(["before", "after"])
    assert [event["type"] for event in client.events] == ["message", "sluice.gap", "message"]
    assert resumed_from(name, wire.to(STREAM)[-1]) == client.events[0]["id"]


@every_client
def test_stream_outlives_a_restart_of_redis_and_tells_the_gap(
        make_gateway, make_wire, redis, start_client, name):
    gateway = make_gateway({**FAST, "broker": "redis",
                            "redis": {"url": redis.url, "probe_interval": "100ms"}})
    wire = make_wire(gateway)
    client = start_client(name, wire, STREAM).opened()
    before = [f"before {number}" for number in range(20)]
    after = [f"after {number}" for number in range(20)]
    for data in before:
        redis.publish("news", data)
    client.got(before)
    redis.kill()
    wait_for(lambda: not gateway.ready(), "the gateway has noticed")
    redis.start()
    wait_for(lambda: gateway.ready() and redis.subscribers("news") == 1, "subscribed again")
    for data in after:
        redis.publish("news", data)
    client.got(before + after)
    assert client.told == ["sluice.gap"]
    gap = next(event for event in client.events if event["type"] == "sluice.gap")
    assert json.loads(gap["data"])["reason"] == "source_lost"
    assert client.events.index(gap) == len(before)
    assert len(wire.to(STREAM)) == 1


@every_client
def test_drain_hands_the_client_over_to_another_gateway(
        make_gateway, make_wire, redis, start_client, name):
    changes = {"topics": {"news": {"retry": RETRY, "slow_client": {"buffer": "4MiB"}}},
               "broker": "redis", "redis": {"url": redis.url}}
    leaving, staying = make_gateway(changes), make_gateway(changes)
    wire = make_wire(leaving)
    client = start_client(name, wire, STREAM).opened()
    flow = [f"before {number} {'x' * 50_000}" for number in range(20)]
    for data in flow:
        redis.publish("news", data)
    client.wait(lambda: client.data, "the first event")
    wire.target = staying.address
    leaving.stop()  # while the events are on their way
    first = wire.to(STREAM)[0]
    wait_for(lambda: first.end, "the end of the stream")
    assert first.end == "clean" and not first.stream.unfinished
    sent = [event.data for event in first.stream.events]
    assert sent == flow[:len(sent)]
    client.got(sent)
    if CLIENTS[name].clean_end == BACK:
        staying.wait_metric("sluice_subscribers", 1, topic="news")
        after = [f"after {number}" for number in range(20)]
        for data in after:
            redis.publish("news", data)
        client.got(sent + after)
        assert client.told == ["sluice.gap"]  # the other gateway has another history
        assert resumed_from(name, wire.to(STREAM)[1]) == first.stream.last_id
        assert len(wire.to(STREAM)) == 2
    else:
        client.closed()
        assert len(wire.to(STREAM)) == 1


@every_client
def test_client_waits_as_long_as_retry_says(make_gateway, make_wire, start_client, name):
    gateway = make_gateway({"topics": {"news": {"retry": {"base": "1h", "jitter": "0s"}}}})
    wire = make_wire(gateway)
    client = start_client(name, wire, STREAM).opened()
    wire.cut()
    wait_for(lambda: wire.to(STREAM)[0].end == "cut", "the end of the stream")
    with gateway.subscribe():
        gateway.wait_metric("sluice_subscribers", 1, topic="news")
    assert len(wire.to(STREAM)) == 1


@every_client
def test_client_after_503_resumes_without_loss_or_stops(
        make_gateway, make_wire, start_client, name):
    gateway = make_gateway(FAST)
    full = make_gateway({"topics": {"news": {"limits": {"subscribers": 1}}}})
    wire = make_wire(gateway)
    client = start_client(name, wire, STREAM).opened()
    sent = [str(number) for number in range(5)]
    for data in sent:
        gateway.publish("news", data)
    client.got(sent)
    with full.subscribe():
        wire.target = full.address
        wire.cut()
        # It has read the first 503 when it gives up, or asks again: only then may the line be cut.
        if CLIENTS[name].after_503 == BACK:
            wire.wait_status(STREAM, 503, 2)
        else:
            client.closed()
        for data in ("5", "6"):
            sent.append(data)
            gateway.publish("news", data)
        wire.target = gateway.address
        wire.cut()  # an idle connection to the full one, which the client would use again
    if CLIENTS[name].after_503 == BACK:
        client.got(sent)
        assert client.told == []
        facts = CLIENTS[name]
        place = facts.resumes_after_error_by or facts.resumes_by
        assert last_id(wire.to(STREAM)[-1], place) == client.events[4]["id"]
    else:
        assert len(wire.to(STREAM)) == 2
