"""The error log says who asked for what, what is wrong and what to do, and no client can flood it."""

import json
import re
import signal

from harness import jwt, secrets
from harness.wait import wait_for

KEY = secrets.register("a key that only these tests sign with")


def warnings(gateway, pattern):
    """Of its whole life, which ends here: lines are written by a thread of their own, after the answers."""
    gateway.stop()
    return [line for line in gateway.log().splitlines() if re.search(rf" (warn |error) .*{pattern}", line)]


def test_subscriber_refused_for_the_brokers_sake_is_named_with_its_request(make_gateway, make_door):
    token = secrets.make("error-log")
    gateway = make_gateway({
        "broker": "redis", "redis": {"url": make_door(mode="silent").url},
        "topics": {"room": {"path": "/events/rooms/{id}", "channel": "room:{id}", "subscribe_timeout": "50ms"}}})
    with gateway.connect() as connection:
        port = connection.socket.getsockname()[1]
        for _ in range(10):
            connection.request("GET", f"/events/rooms/42?token={token}&type=a")
            assert connection.response().status == 503
    line, *_ = lines = warnings(gateway, "request refused")
    assert re.search(
        rf'request refused id=\d+ client=127\.0\.0\.1:{port} route=room status=503 '
        r'request="GET /events/rooms/42\?token=\*\*\*&type=a": the broker did not acknowledge .*; see ', line), line
    assert len(lines) <= 3, "one a second"
    assert token not in gateway.log()


def test_limits_that_are_reached_are_named_with_their_key(make_gateway):
    gateway = make_gateway({"topics": {"news": {"limits": {"subscribers": 1}}},
                            "limits": {"connections": 3}})
    with gateway.subscribe(), gateway.connect() as second, gateway.connect() as third:
        second.request("GET", "/events/news")
        assert second.response().status == 503
        with gateway.connect() as fourth:
            fourth.request("GET", "/events/news")
            assert fourth.response().status == 503
        third.request("GET", "/nothing")
        assert third.response().status == 404
    room, connections = gateway.wait_log("request refused", 2)
    assert "topics.*.limits.subscribers" in room and "route=news status=503" in room
    assert "limits.connections" in connections and "route=news status=503" in connections


def test_messages_that_are_dropped_are_told_once_a_second(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url},
                            "topics": {"news": {"format": "json"}, "other": {"path": "/o", "format": "json"}}})
    with gateway.subscribe(), gateway.subscribe("/o") as other:
        for _ in range(500):
            redis.publish("news", "not JSON")
        redis.publish("other", "not JSON either")
        redis.publish("other", "{}")
        assert other.next().data == "{}"
        gateway.wait_metric("sluice_messages_dropped_total", 500, topic="news")
    assert 1 <= len(warnings(gateway, "topic=news message dropped: .*; mend its publisher")) <= 5
    assert len(warnings(gateway, "topic=other message dropped: ")) == 1, "not hidden by the flood"


def test_what_clients_do_wrong_does_not_reach_the_error_log(make_gateway):
    gateway = make_gateway({
        "limits": {"auth_failures": 100000}, "publish": [{"path": "/publish/{topic}", "auth": "none"}],
        "auth": {"members": {"token": {"query": "token"}, "jwt": {"algorithms": ["HS256"], "secret": KEY}}},
        "topics": {"news": {"auth": "members", "filter": ["type"], "format": "json"}}})
    token = secrets.make("wrong")
    for _ in range(20):
        for method, target, body in (("GET", "/nothing", None), ("GET", f"/events/news?token={token}", None),
                                     ("DELETE", "/events/news", None), ("POST", "/publish/none", "x"),
                                     ("POST", "/publish/news", "not JSON"), ("POST", "/publish/news", b"\xff")):
            assert gateway.fetch(method, target, body=body).status // 100 == 4
        with gateway.connect() as connection:
            connection.send(b"nonsense\r\n\r\n")
            assert connection.response().status == 501
        with gateway.connect() as connection:
            connection.send("POST /publish/news HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
    gateway.stop()
    lines = gateway.log().splitlines()
    started, = [number for number, line in enumerate(lines) if " started: " in line]
    assert "draining" in lines[started + 1], lines


def test_address_that_is_taken_is_an_error_with_its_cause(make_gateway):
    first = make_gateway()
    second = make_gateway({"listen": ["%s:%d" % first.address]}, start=False)
    try:
        second.start()
    except AssertionError:
        pass
    assert re.search(rf"cannot listen on 127\.0\.0\.1:{first.address[1]}: .*; another process", second.log())
    second.process = None


def test_token_parameter_that_a_reload_brings_is_redacted(make_gateway, folder):
    scheme = {"token": {"query": "ticket"}, "jwt": {"algorithms": ["HS256"], "secret": KEY}}
    gateway = make_gateway({"log": {"access": {"path": "stdout"}}, "auth": {"members": scheme},
                            "topics": {"news": {"auth": "members"}}})
    token = jwt.make(KEY, sub="ann")
    assert gateway.fetch("HEAD", f"/events/news?ticket={token}").status == 200
    config = json.loads(gateway.config_path.read_text())
    config["auth"]["members"]["token"] = {"query": "pass"}
    gateway.config_path.write_text(json.dumps(config))
    gateway.signal(signal.SIGHUP)
    # The new parameter is not tried before it is known.
    wait_for(lambda: gateway.fetch("HEAD", f"/events/news?ticket={token}").status == 401, "the reload")
    assert gateway.fetch("HEAD", f"/events/news?pass={token}").status == 200
    gateway.wait_log(r'127\.0\.0\.1 - ann .*"HEAD /events/news\?ticket=\*\*\* HTTP/1\.1" 200')
    gateway.wait_log(r'127\.0\.0\.1 - - .*"HEAD /events/news\?ticket=\*\*\* HTTP/1\.1" 401')
    gateway.wait_log(r'127\.0\.0\.1 - ann .*"HEAD /events/news\?pass=\*\*\* HTTP/1\.1" 200')
    gateway.stop()
    assert token not in gateway.log()
