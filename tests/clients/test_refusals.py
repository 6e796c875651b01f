"""What every client does when the gateway does not want it: it stops, or is held at arm's length."""

import pytest

from catalogue import BACK, CLIENTS, QUERY, every_client
from conftest import START
from harness import jwt, secrets
from harness.wait import wait_for

KEY = secrets.make("signing-key")
STREAM = "/events/news"
GUARDED = {
    "auth": {"members": {
        "token": {"query": "token", "cookie": "session", "bearer": True},
        "jwt": {"algorithms": ["HS256"], "secret": KEY, "leeway": "0s"}}},
    "topics": {"news": {"auth": "members", "retry": {"base": "100ms", "jitter": "50ms"}}},
    # Few enough for a client that never stops to run into it.
    "limits": {"auth_failures": 2},
}
WAYS = [pytest.param(name, way, id=f"{name}-{way}")
        for name, facts in CLIENTS.items() for way in facts.ways]


def stream_with(token):
    return f"{STREAM}?token={token}"


def check_answer(client, wire, status, what, path=STREAM):
    """The client closes for good after the first answer, or comes back for more."""
    if what == BACK:
        wire.wait_status(path, status, 2)
        assert client.of("closed") == []
    else:
        wire.wait_status(path, status)
        client.closed()
        assert len(wire.to(path)) == 1
    assert client.events == []


@pytest.mark.parametrize("name, way", WAYS)
def test_token_reaches_the_gateway_in_each_way_the_client_has(
        make_gateway, make_wire, start_client, name, way):
    gateway = make_gateway(GUARDED)
    wire = make_wire(gateway)
    token = jwt.make(KEY)
    client = start_client(name, wire, stream_with(token) if way == QUERY else STREAM,
                          headers={"Authorization": f"Bearer {token}"} if way == "header" else {},
                          cookies={"session": token} if way == "cookie" else {}).opened()
    gateway.wait_metric("sluice_subscribers", 1, topic="news")
    gateway.publish("news", "for members")
    client.got(["for members"])
    (request,) = wire.to(STREAM)
    places = {"query": request.query.get("token"),
              "header": request.headers.get("authorization", "").removeprefix("Bearer "),
              "cookie": request.headers.get("cookie", "").removeprefix("session=")}
    assert [place for place, value in places.items() if value == token] == [way]


@every_client
def test_client_at_404(gateway, make_wire, start_client, name):
    wire = make_wire(gateway)
    client = start_client(name, wire, "/events/none")
    check_answer(client, wire, 404, CLIENTS[name].after_refusal, "/events/none")


@every_client
def test_client_with_a_wrong_token_is_limited_if_it_does_not_stop(
        make_gateway, make_wire, start_client, name):
    wire = make_wire(make_gateway(GUARDED))
    client = start_client(name, wire, stream_with(jwt.make("another key than the gateway's")))
    check_answer(client, wire, 401, CLIENTS[name].after_refusal)
    if CLIENTS[name].after_refusal == BACK:
        wire.wait_status(STREAM, 429)
        assert len([each for each in wire.to(STREAM) if each.status == 401]) == 2


@every_client
def test_client_without_the_right_to_a_topic(make_gateway, make_wire, start_client, name):
    wire = make_wire(make_gateway(GUARDED))
    client = start_client(name, wire, stream_with(jwt.make(KEY, topics=["other"])))
    check_answer(client, wire, 403, CLIENTS[name].after_refusal)


@every_client
def test_client_at_204(make_gateway, make_wire, start_client, name):
    wire = make_wire(make_gateway(GUARDED))
    # Who brings an expired token and a last id has been told of the token's end.
    client = start_client(name, wire, stream_with(jwt.make(KEY, -60)) + "&lastEventId=k3x9ab1.17")
    check_answer(client, wire, 204, CLIENTS[name].after_204)


@every_client
def test_client_at_the_limit_of_failures(make_gateway, make_wire, start_client, name):
    gateway = make_gateway(GUARDED)
    wrong = stream_with(secrets.make("wrong"))
    while gateway.fetch("GET", wrong).status != 429:
        pass
    wire = make_wire(gateway)
    client = start_client(name, wire, wrong)
    check_answer(client, wire, 429, CLIENTS[name].after_429)


@pytest.fixture
def open_before_expiry(make_gateway, make_wire, start_client):
    """open_before_expiry(name): (wire, client), which got "one" and "two" on a token that soon expires."""

    def start(name):
        for ttl in (2.5, 5, 10):
            gateway = make_gateway(GUARDED)
            wire = make_wire(gateway)
            client = start_client(name, wire, stream_with(jwt.make(KEY, ttl)))
            wait_for(lambda: [each for each in wire.to(STREAM) if each.status], "an answer", START)
            if wire.to(STREAM)[0].status == 200:
                for data in ("one", "two"):
                    gateway.publish("news", data)
                client.wait(lambda: len(client.data) == 2 or client.told, "both events", START)
                if len(client.data) == 2:
                    return wire, client
            client.stop()  # the machine is too busy for so short a life
        raise AssertionError("the client needs more than 10 s to start")

    return start


@every_client
def test_token_that_expires_ends_the_stream_and_204_stops_who_listens(open_before_expiry, name):
    wire, client = open_before_expiry(name)
    client.wait(lambda: client.told, "the end of the token")
    first = wire.wait_status(STREAM, 200)[0]
    assert first.end == "clean" and not first.stream.unfinished
    assert [event["type"] for event in client.events] == ["message", "message", "sluice.expired"]
    facts = CLIENTS[name]
    if facts.clean_end != BACK:
        client.closed()
        assert len(wire.to(STREAM)) == 1
    elif facts.after_204 != BACK:
        wire.wait_status(STREAM, 204)
        client.closed()
        assert [each.status for each in wire.to(STREAM)] == [200, 204]
    else:
        wire.wait_status(STREAM, 429)
        statuses = [each.status for each in wire.to(STREAM) if each.status]
        assert statuses[:3] == [200, 204, 204] and 200 not in statuses[1:]
        assert client.of("closed") == []
    assert client.data == ["one", "two"] and client.told == ["sluice.expired"]
