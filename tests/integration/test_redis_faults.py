"""What may go wrong with Redis, and that it is said, survived and told to subscribers."""

import json
import socket
import time

import pytest

from harness.wait import wait_for


def changes(url, **keys):
    return {"broker": "redis",
            "redis": {"url": url, "probe_interval": "200ms", **keys},
            "topics": {"news": {"subscribe_timeout": "1s"}}}


def lost(gateway):
    wait_for(lambda: not gateway.ready(), "the gateway is not ready")


def ready(gateway):
    wait_for(gateway.ready, "the gateway is ready")


def gap_of(event):
    assert event.type == "sluice.gap", event
    return json.loads(event.data)["reason"]


def refused(gateway):
    response = gateway.fetch("GET", "/events/news")
    assert response.status == 503, response.status
    assert int(response.get("retry-after")) > 0
    return response


def test_redis_down_at_start_is_said_and_recovered_from(make_gateway, make_redis):
    redis = make_redis()
    redis.stop()
    gateway = make_gateway(changes(redis.url))
    response = gateway.get_admin("/readyz")
    assert response.status == 503 and b"redis" in response.body
    assert gateway.get_admin("/healthz").status == 200
    gateway.wait_log("127.0.0.1:%d.*refused" % redis.port)
    refused(gateway)
    assert gateway.metric("sluice_redis_up") == 0
    redis.start()
    ready(gateway)
    with gateway.subscribe() as subscriber:
        redis.publish("news", "hello")
        assert subscriber.next().data == "hello"


def test_subscribe_timeout_is_503_after_that_time(make_gateway, make_door):
    door = make_door(mode="silent")
    gateway = make_gateway(changes(door.url))
    began = time.monotonic()
    refused(gateway)
    assert 0.8 < time.monotonic() - began < 5


def test_client_that_leaves_while_it_waits_is_forgotten(make_gateway, make_door):
    gateway = make_gateway(changes(make_door(mode="silent").url))
    for _ in range(5):
        connection = gateway.connect()
        connection.request("GET", "/events/news")
        connection.close()
    wait_for(lambda: gateway.metric("sluice_connections") == 0, "all are forgotten")


def test_restart_keeps_streams_and_tells_the_gap(make_gateway, redis):
    gateway = make_gateway(changes(redis.url))
    with gateway.subscribe() as subscriber:
        redis.publish("news", "before")
        assert subscriber.next().data == "before"
        redis.kill()
        lost(gateway)
        redis.start()
        ready(gateway)
        wait_for(lambda: redis.subscribers("news") == 1, "subscribed again")
        redis.publish("news", "after")
        assert gap_of(subscriber.next()) == "source_lost"
        assert subscriber.next().data == "after"
        assert gateway.metric("sluice_gaps_total", topic="news", reason="source_lost") == 1
        assert gateway.metric("sluice_redis_reconnects_total") == 1
        assert gateway.metric("sluice_redis_up") == 1


def test_stopped_redis_is_noticed_by_the_probe(make_gateway, redis):
    gateway = make_gateway(changes(redis.url))
    with gateway.subscribe() as subscriber:
        ready(gateway)
        redis.pause()
        lost(gateway)
        gateway.wait_log("[Rr]edis.*(probe|answer|beat)")
        redis.resume()
        ready(gateway)
        wait_for(lambda: redis.subscribers("news") == 1, "subscribed again, once")
        redis.publish("news", "after")
        assert gap_of(subscriber.next()) == "source_lost"
        assert subscriber.next().data == "after"


def test_link_that_swallows_everything_is_noticed(make_gateway, redis, make_door):
    door = make_door(redis.address)
    gateway = make_gateway(changes(door.url))
    with gateway.subscribe() as subscriber:
        ready(gateway)
        door.set("silent")
        lost(gateway)
        door.set("open")
        ready(gateway)
        wait_for(lambda: redis.subscribers("news") >= 1, "subscribed again")
        redis.publish("news", "after")
        assert gap_of(subscriber.next()) == "source_lost"
        assert subscriber.next().data == "after"


def test_cut_link_is_made_again_at_once(make_gateway, redis, make_door):
    door = make_door(redis.address)
    gateway = make_gateway(changes(door.url))
    with gateway.subscribe() as subscriber:
        ready(gateway)
        for number in range(1, 4):
            door.cut()
            gateway.wait_metric("sluice_redis_reconnects_total", number)
            ready(gateway)
            wait_for(lambda: redis.subscribers("news") == 1, "subscribed again")
            redis.publish("news", str(number))
            assert gap_of(subscriber.next()) == "source_lost"
            assert subscriber.next().data == str(number)


@pytest.mark.parametrize("answer, said", [
    (b"-LOADING Redis is loading the dataset in memory\r\n", "LOADING"),
    (b"-NOAUTH Authentication required.\r\n", "NOAUTH"),
    (b"-ERR unknown command\r\n", "ERR"),
    (b"-MISCONF no disk\r\n", "MISCONF"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", ""),
    (b"\x00\xff\x00garbage", ""),
    (b"+OK\r\n", ""),
    (b":1\r\n", ""),
    (b"$-1\r\n", ""),
    (b"*-1\r\n", ""),
    (b"*0\r\n", ""),
    (b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\nbad\r\n", ""),
    (b"*3\r\n$9\r\nsubscribe\r\n$5\r\nother\r\n:1\r\n", ""),
    (b"*2\r\n$7\r\nmessage\r\n:1\r\n", ""),
    (b"*1000000000\r\n", ""),
    (b"$1000000000000\r\n", ""),
    (b"*1\r\n" * 10_000, ""),
])
def test_wrong_answers_are_survived_until_they_are_right(
        make_gateway, redis, make_door, answer, said):
    door = make_door(redis.address, mode=answer)
    gateway = make_gateway(changes(door.url))
    refused(gateway)
    assert not gateway.ready()
    if said:
        gateway.wait_log(said)
    assert gateway.memory() < 300_000_000 or "Sanitizer" in str(gateway.environment)
    door.set("open")
    door.cut()
    ready(gateway)
    with gateway.subscribe() as subscriber:
        redis.publish("news", "good")
        assert subscriber.next().data == "good"


@pytest.mark.parametrize("answer", [b"garbage\r\n", b"-ERR no\r\n", b"*1\r\n$1\r\nx\r\n"])
def test_wrong_answers_on_a_good_link_are_survived(make_gateway, redis, make_door, answer):
    door = make_door(redis.address)
    gateway = make_gateway(changes(door.url))
    with gateway.subscribe() as subscriber:
        ready(gateway)
        door.set(answer)
        lost(gateway)
        door.set("open")
        door.cut()
        ready(gateway)
        wait_for(lambda: redis.subscribers("news") == 1, "subscribed again")
        redis.publish("news", "good")
        assert gap_of(subscriber.next()) == "source_lost"
        assert subscriber.next().data == "good"


def test_wrong_password_is_named_and_not_shown(make_gateway, make_redis):
    redis = make_redis("--requirepass", "right")
    gateway = make_gateway(changes(f"redis://:hunter2@127.0.0.1:{redis.port}"))
    gateway.wait_log("WRONGPASS|NOAUTH|password")
    assert not gateway.ready()
    assert b"hunter2" not in gateway.get_admin("/readyz").body
    assert "hunter2" not in gateway.log()
    redis.command("CONFIG", "SET", "requirepass", "hunter2")
    ready(gateway)


def test_missing_permission_is_named(make_gateway, redis):
    redis.command("ACL", "SETUSER", "gate", "on", ">word", "~*", "resetchannels", "&sluice:*", "+@all")
    gateway = make_gateway(changes(f"redis://gate:word@127.0.0.1:{redis.port}"))
    ready(gateway)
    refused(gateway)
    gateway.wait_log("NOPERM")
    redis.command("ACL", "SETUSER", "gate", "allchannels")
    wait_for(lambda: gateway.fetch("HEAD", "/events/news").status == 200, "allowed")

    def subscribes():
        try:
            gateway.subscribe().close()
            return True
        except AssertionError:
            return False

    wait_for(subscribes, "the channel is asked for again")


def test_publish_while_redis_is_down_is_refused(make_gateway, redis):
    gateway = make_gateway(changes(redis.url))
    ready(gateway)
    redis.stop()
    lost(gateway)
    response = gateway.fetch("POST", "/publish/news", body="x")
    assert response.status == 503 and int(response.get("retry-after")) > 0
    redis.start()
    ready(gateway)
    gateway.publish("news", "again")


def test_unsubscribed_while_the_link_is_down_stays_so(make_gateway, redis):
    settings = changes(redis.url)
    settings["topics"]["news"]["linger"] = "100ms"
    gateway = make_gateway(settings)
    gateway.subscribe().close()
    redis.stop()
    lost(gateway)
    gateway.wait_metric("sluice_subscribers", 0, topic="news")
    redis.start()
    ready(gateway)
    wait_for(lambda: redis.subscribers("news") == 0, "not subscribed")
    with gateway.subscribe() as subscriber:
        redis.publish("news", "hello")
        assert subscriber.next().data == "hello"


def test_reconnecting_backs_off(make_gateway, make_door):
    door = make_door(mode=b"-ERR no\r\n")
    gateway = make_gateway(changes(door.url, backoff_max="2s"))
    wait_for(lambda: door.accepted >= 6, "a few attempts")
    assert door.accepted < 40
    gateway.stop()  # then all lines are there
    said = [line for line in gateway.log().splitlines() if "edis" in line]
    assert len(said) <= 3, said  # the same fault is not said again and again


def test_drain_while_redis_is_silent_ends_in_time(make_gateway, make_door):
    gateway = make_gateway(changes(make_door(mode="silent").url))
    connection = gateway.connect()
    connection.request("GET", "/events/news")
    gateway.stop()
    connection.close()


def test_unresolvable_name_is_said_and_survived(make_gateway):
    gateway = make_gateway(changes("redis://no-such-host.invalid:6379"))
    gateway.wait_log("no-such-host.invalid")
    assert not gateway.ready()
    refused(gateway)


def test_port_that_accepts_no_connection_is_survived(make_gateway):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        filler = [socket.socket() for _ in range(3)]
        for one in filler:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        gateway = make_gateway(changes("redis://127.0.0.1:%d" % full.getsockname()[1],
                                       connect_timeout="300ms"))
        gateway.wait_log("127.0.0.1:%d" % full.getsockname()[1])
        assert not gateway.ready()
        refused(gateway)
        for one in filler:
            one.close()
