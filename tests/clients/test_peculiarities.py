"""What docs/clients.md says of single clients."""

from harness.wait import wait_for

STREAM = "/events/news"
FAST = {"topics": {"news": {"retry": {"base": "100ms", "jitter": "50ms"}}}}


def test_polyfill_reconnects_only_if_the_heartbeat_is_slower_than_its_timeout(
        make_gateway, make_wire, start_client):
    beating = make_gateway({"topics": {"news": {"heartbeat": "1s"}}})
    silent = make_gateway({"topics": {"news": {"heartbeat": "1h"}}})
    wires = [make_wire(beating), make_wire(silent)]
    for wire in wires:
        start_client("event-source-polyfill", wire, STREAM, heartbeatTimeout=2000).opened()
    wait_for(lambda: len(wires[1].to(STREAM)) == 2, "a second request where nothing comes")
    wait_for(lambda: beating.metric("sluice_heartbeats_total") >= 3, "more than its timeout is over")
    assert len(wires[0].to(STREAM)) == 1


def test_polyfill_waits_a_second_whatever_retry_says(make_gateway, make_wire, start_client):
    wire = make_wire(make_gateway(FAST))
    start_client("event-source-polyfill", wire, STREAM).opened()
    wire.cut()
    wait_for(lambda: len(wire.to(STREAM)) == 2, "it is back")
    first, second = wire.to(STREAM)
    assert second.began - first.ended > 0.9


def test_reconnecting_eventsource_forgets_its_place_if_only_onmessage_listens(
        make_gateway, make_wire, start_client):
    gateway = make_gateway(FAST)
    full = make_gateway({"topics": {"news": {"limits": {"subscribers": 1}}}})
    wire = make_wire(gateway)
    client = start_client("reconnecting-eventsource", wire, STREAM, onmessage=True)
    gateway.wait_metric("sluice_subscribers", 1, topic="news")
    gateway.publish("news", "seen")
    client.got(["seen"])
    with full.subscribe():
        wire.target = full.address
        wire.cut()
        wire.wait_status(STREAM, 503, 2)  # it has read the first when it asks again
        gateway.publish("news", "missed")
        wire.target = gateway.address
        wire.cut()
    gateway.wait_metric("sluice_subscribers", 1, topic="news")
    gateway.publish("news", "next")
    client.got(["seen", "next"])
    last = wire.to(STREAM)[-1]
    assert "lastEventId" not in last.query and "last-event-id" not in last.headers


def test_fetch_event_source_pauses_while_its_page_is_hidden(make_gateway, make_wire, start_client):
    gateway = make_gateway(FAST)
    wire = make_wire(gateway)
    client = start_client("fetch-event-source", wire, STREAM).opened()
    gateway.publish("news", "before")
    client.got(["before"])
    show = """Object.defineProperty(document, "hidden", {value: %s, configurable: true});
              document.dispatchEvent(new Event("visibilitychange"));"""
    client.evaluate(show % "true")
    wait_for(lambda: wire.to(STREAM)[0].end == "cut", "the stream is closed")
    gateway.publish("news", "meanwhile")
    client.evaluate(show % "false")
    client.got(["before", "meanwhile"])
    assert len(wire.to(STREAM)) == 2


def test_eventsource_client_says_open_for_errors_too(make_gateway, make_wire, start_client):
    wire = make_wire(make_gateway())
    client = start_client("eventsource-client", wire, "/events/none").opened()
    wire.wait_status("/events/none", 404)
    assert client.events == []
