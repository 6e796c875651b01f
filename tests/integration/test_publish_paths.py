"""Publish paths of one topic, members that the gateway sets, and what a topic greets its clients with."""

import json
import time
from datetime import datetime, timezone

import pytest

from harness import secrets
from harness.wait import wait_for

ROOMS = {
    "topics": {"room": {"path": "/events/rooms/{id}", "channel": "room:{id}"}},
    "publish": [{"path": "/api/news", "topic": "news", "auth": "none"},
                {"path": "/api/rooms/{id}/messages", "topic": "room", "auth": "none"}],
}
STAMPED = {
    "publish": [{"path": "/api/news", "topic": "news", "auth": "none",
                 "stamp": {"id": "unix_ms", "timestamp": "iso8601"}}],
}
GREETING = '{"status":"connected"}'


def post(gateway, target, body):
    return gateway.fetch("POST", target, [("Content-Type", "application/json")], body)


def test_a_path_publishes_to_the_topic_that_it_names(make_gateway):
    gateway = make_gateway(ROOMS)
    with gateway.subscribe() as subscriber:
        response = post(gateway, "/api/news?event=alert&id=n-1", "hello")
        assert response.status == 202
        assert json.loads(response.body) == {"id": "n-1", "topic": "news"}
        event = subscriber.next()
        assert (event.type, event.data, event.id) == ("alert", "hello", "n-1")
    assert gateway.metric("sluice_http_requests_total", status="202") == 1


def test_parameters_of_the_path_fill_those_of_the_topic(make_gateway):
    gateway = make_gateway(ROOMS)
    with gateway.subscribe("/events/rooms/42") as here, gateway.subscribe("/events/rooms/7") as there:
        response = post(gateway, "/api/rooms/42/messages", "to 42")
        assert (response.status, json.loads(response.body)["topic"]) == (202, "room:42")
        assert post(gateway, "/api/rooms/7/messages", "to 7").status == 202
        assert here.next().data == "to 42"
        assert there.next().data == "to 7"


def test_such_a_path_takes_post_only(make_gateway):
    gateway = make_gateway(ROOMS)
    for method in ("GET", "PUT", "DELETE"):
        response = gateway.fetch(method, "/api/news")
        assert (response.status, response.get("allow")) == (405, "POST, OPTIONS"), method
    assert gateway.fetch("POST", "/api/rooms//messages", body="x").status in (400, 404)
    assert gateway.fetch("POST", "/api/rooms/%00/messages", body="x").status in (400, 404)


def test_members_are_set_and_cannot_be_spoofed(make_gateway):
    gateway = make_gateway(STAMPED)
    before = time.time()
    with gateway.subscribe() as subscriber:
        assert post(gateway, "/api/news", '{"type":"login","message":"hi"}').status == 202
        assert post(gateway, "/api/news", '{"id":"me","n":1.50,"timestamp":[1]}').status == 202
        first, second = (json.loads(data, parse_float=str) for data in subscriber.data(2))
    after = time.time()
    assert list(first) == ["id", "timestamp", "type", "message"]
    assert (first["type"], first["message"]) == ("login", "hi")
    assert list(second) == ["id", "n", "timestamp"] and second["n"] == "1.50"
    for stamped in (first, second):
        assert before - 0.001 <= stamped["id"] / 1000 <= after
        moment = datetime.strptime(stamped["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")
        assert round(moment.replace(tzinfo=timezone.utc).timestamp() * 1000) == stamped["id"]


@pytest.mark.parametrize("body, detail", [
    ("", "the body is empty"),
    ("hello", "the body is not JSON"),
    ("[1]", "the body is not a JSON object"),
    ('{"id":1,"id":2}', 'the body has the member "id" more than once'),
])
def test_a_body_that_cannot_be_stamped_is_400_and_says_why(make_gateway, body, detail):
    gateway = make_gateway(STAMPED)
    with gateway.subscribe() as subscriber:
        response = post(gateway, "/api/news", body)
        assert response.status == 400
        assert json.loads(response.body)["detail"] == detail
        assert post(gateway, "/api/news", "{}").status == 202
        assert "timestamp" in json.loads(subscriber.next().data)


def test_the_message_limit_counts_what_was_set(make_gateway):
    gateway = make_gateway({**STAMPED, "limits": {"message_bytes": 100}})
    fits = '{"a":"%s"}' % ("x" * 25)
    assert post(gateway, "/api/news", fits).status == 202
    assert post(gateway, "/api/news", fits.replace("x", "xx")).status == 413


def test_members_are_set_once_for_all_gateways(make_gateway, redis):
    changes = {**STAMPED, "broker": "redis", "redis": {"url": redis.url}}
    first, second = make_gateway(changes), make_gateway(changes)
    wait_for(lambda: first.ready() and second.ready(), "both are ready")
    with first.subscribe() as here, second.subscribe() as there:
        assert post(first, "/api/news", '{"a":1}').status == 202
        data = here.next().data
        assert there.next().data == data and json.loads(data)["id"] > 0


def test_a_token_needs_the_right_to_the_topic_that_the_path_leads_to(make_gateway):
    token = secrets.make("writer")
    scheme = {"token": {"bearer": True}, "static": [
        {"token": token, "subject": "app", "publish": ["room:42", "news"]}]}
    gateway = make_gateway({**ROOMS, "auth": {"writers": scheme},
                            "publish": [{**entry, "auth": "writers"} for entry in ROOMS["publish"]]})
    bearer = [("Authorization", f"Bearer {token}")]
    for target, allowed in (("/api/rooms/42/messages", 202), ("/api/rooms/43/messages", 403),
                            ("/api/news", 202)):
        assert gateway.fetch("POST", target, bearer, "x").status == allowed, target
        assert gateway.fetch("POST", target, body="x").status == 401, target


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_greeting_comes_first_and_has_no_id(make_gateway, version):
    gateway = make_gateway({"topics": {"news": {"greeting": GREETING, "replay": {"initial": 1}}}})
    with gateway.subscribe(version=version) as opener:
        assert opener.next().data == GREETING
        last = gateway.publish("news", "one")
        assert opener.next().data == "one"
    with gateway.subscribe(version=version) as newcomer:
        greeting, one = newcomer.take(2)
        assert (greeting.type, greeting.data, greeting.id) == ("message", GREETING, "")
        assert (one.data, one.id) == ("one", last)
    with gateway.subscribe(version=version, last_id=last) as returned:
        gateway.publish("news", "two")
        assert returned.data(2) == [GREETING, "two"]
    assert gateway.fetch("HEAD", "/events/news").body == b""


def test_greeting_is_text_and_not_fields(make_gateway):
    gateway = make_gateway({"topics": {"news": {"greeting": "id: 7"}}})
    with gateway.subscribe() as subscriber:
        event = subscriber.next()
        assert (event.data, event.id) == ("id: 7", "")
