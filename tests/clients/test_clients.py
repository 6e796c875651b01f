"""Chromium's EventSource and npm's `eventsource` against the gateway: order, reconnecting, resuming."""

import pytest

CLIENTS = ["chromium", "eventsource"]
FAST_RETRY = {"topics": {"news": {"retry": {"base": "300ms", "jitter": "100ms"}}}}

NASTY = [
    "", " ", " leading", "trailing ", "two\nlines", "\n", "\n\n", "data: x", ": comment", "id: 9",
    "event: evil\ndata: x\n\n", "retry: 1", "grüße €🙂", "\ufeffmark", "tab\there", "nul\x00nul",
    '{"json": ["a", 1]}', "<script>alert(1)</script>", "x" * 100_000,
]


def origin(address):
    return "http://%s:%d" % address


@pytest.mark.parametrize("name", CLIENTS)
def test_events_arrive_in_order_and_as_they_were_sent(gateway, start_client, name):
    client = start_client(name, origin(gateway.address), "/events/news").opened()
    for data in NASTY:
        gateway.publish("news", data)
    last = gateway.publish("news", "typed", "?event=alert&id=last-1")
    client.wait(lambda: len(client.events) == len(NASTY) + 1, "all events")
    assert client.data == [*NASTY, "typed"]
    assert [event["type"] for event in client.events] == ["message"] * len(NASTY) + ["alert"]
    assert client.events[-1]["id"] == last == "last-1"
    assert len({event["id"] for event in client.events}) == len(NASTY) + 1


@pytest.mark.parametrize("name", CLIENTS)
def test_client_resumes_after_a_cut_without_loss_or_duplicate(
        make_gateway, make_door, start_client, name):
    gateway = make_gateway(FAST_RETRY)
    door = make_door(gateway.address)
    client = start_client(name, origin(door.address), "/events/news").opened()
    sent = []
    for turn in range(4):
        for number in range(5):
            sent.append(f"{turn}-{number}")
            gateway.publish("news", sent[-1])
            if number == 2 and turn > 0:
                door.cut()
        client.opened(1 + turn)
        client.wait(lambda: len(client.data) >= len(sent), "all events of this turn")
        assert client.data == sent
    requests = client.of("request")
    assert requests[0]["lastEventId"] is None
    ids = [event["id"] for event in client.events]
    assert all(request["lastEventId"] in ids for request in requests[1:])


@pytest.mark.parametrize("name", CLIENTS)
def test_client_comes_back_after_a_restart_and_is_told_the_gap(make_gateway, start_client, name):
    gateway = make_gateway(FAST_RETRY)
    client = start_client(name, origin(gateway.address), "/events/news").opened()
    gateway.publish("news", "before")
    client.wait(lambda: client.data == ["before"], "the first event")
    gateway.restart()
    client.opened(2)
    gateway.publish("news", "after")
    client.wait(lambda: "after" in client.data, "the event after the restart")
    assert [event["type"] for event in client.events] == ["message", "sluice.gap", "message"]
    assert client.data[0] == "before" and client.data[-1] == "after"
    assert client.of("request")[-1]["lastEventId"] == client.events[0]["id"]


@pytest.mark.parametrize("name", CLIENTS)
def test_client_waits_as_long_as_retry_says(make_gateway, start_client, name):
    gateway = make_gateway({"topics": {"news": {"retry": {"base": "1h", "jitter": "0s"}}}})
    client = start_client(name, origin(gateway.address), "/events/news").opened()
    gateway.restart()
    client.wait(lambda: client.of("error"), "the stream's end")
    with gateway.subscribe():
        gateway.wait_metric("sluice_subscribers", 1, topic="news")
    assert len(client.of("request")) == 1


@pytest.mark.parametrize("name", CLIENTS)
def test_client_stops_at_404(gateway, start_client, name):
    client = start_client(name, origin(gateway.address), "/events/none")
    client.wait(lambda: client.of("closed"), "closed for good", 30)
    assert client.of("open") == []


def test_demo_page_shows_events_live(make_gateway, open_page):
    gateway = make_gateway({"demo": True})
    page = open_page(origin(gateway.address) + "/")
    gateway_text = lambda: (page.of("text") or [{"text": ""}])[-1]["text"]
    page.wait(lambda: gateway.metric("sluice_subscribers", topic="news") >= 1,
              "the page has subscribed", 30)
    gateway.publish("news", "hello <b>page</b>")
    page.wait(lambda: "hello <b>page</b>" in gateway_text(), "the page shows the event")
    assert page.of("pageerror") == []
