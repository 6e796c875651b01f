"""Redis as the broker: a PUBLISH in any language reaches every browser."""

import subprocess

from harness.redis import redis_cli
from harness.wait import wait_for


def through(redis, url=None, **keys):
    return {"broker": "redis", "redis": {"url": url or redis.url, **keys}}


def test_redis_cli_publish_reaches_curl(make_gateway, redis, folder):
    gateway = make_gateway(through(redis))
    output = f"{folder}/curl"
    with open(output, "wb") as file:
        curl = subprocess.Popen(
            ["curl", "-sN", "http://%s:%d/events/news" % gateway.address], stdout=file)
    try:
        wait_for(lambda: ": ok" in open(output).read(), "curl has its stream")
        assert redis_cli(redis, "PUBLISH", "news", "hello") == "1"
        wait_for(lambda: "data: hello\n\n" in open(output).read(), "curl shows the event")
    finally:
        curl.terminate()
        curl.wait()


def test_ok_means_subscribed(make_gateway, redis):
    gateway = make_gateway({**through(redis), "topics": {
        "room": {"path": "/r/{id}", "channel": "room:{id}"}}})
    for number in range(50):
        with gateway.subscribe(f"/r/{number}") as subscriber:
            assert redis.publish(f"room:{number}", "at once") == 1
            assert subscriber.next().data == "at once"


def test_one_redis_subscription_serves_all(make_gateway, redis):
    gateway = make_gateway({**through(redis), "workers": 3})
    subscribers = [gateway.subscribe() for _ in range(20)]
    assert redis.publish("news", "hello") == 1
    for subscriber in subscribers:
        assert subscriber.next().data == "hello"
        subscriber.close()


def test_two_gateways_each_get_everything(make_gateway, redis):
    gateways = [make_gateway(through(redis)) for _ in range(2)]
    streams = [gateway.subscribe() for gateway in gateways]
    assert redis.publish("news", "hello") == 2
    for stream in streams:
        assert stream.next().data == "hello"
        stream.close()


def test_channel_is_what_the_topic_says(make_gateway, redis):
    gateway = make_gateway({**through(redis), "topics": {"news": {"channel": "site:news"}}})
    with gateway.subscribe() as subscriber:
        assert redis.publish("news", "wrong") == 0
        assert redis.publish("site:news", "right") == 1
        assert subscriber.next().data == "right"
        gateway.publish("news", "by name")
        assert subscriber.next().data == "by name"


def test_unix_socket_password_user_and_database(make_gateway, make_redis):
    redis = make_redis("--requirepass", "s3cret/word")
    redis.command("ACL", "SETUSER", "gate", "on", ">pa:ss@", "~*", "&*", "+@all")
    quoted = "s3cret%2Fword"
    for url in (f"redis://:{quoted}@127.0.0.1:{redis.port}",
                f"redis://:{quoted}@127.0.0.1:{redis.port}/3",
                f"redis://gate:pa%3Ass%40@127.0.0.1:{redis.port}/0",
                f"redis://gate:pa%3Ass%40@localhost:{redis.port}",
                f"unix://:{quoted}@{redis.unix_path}"):
        gateway = make_gateway(through(redis, url))
        wait_for(gateway.ready, f"ready with {url}")
        with gateway.subscribe() as subscriber:
            assert redis.publish("news", "hello") == 1
            assert subscriber.next().data == "hello"
        gateway.stop()
        assert "s3cret" not in gateway.log() and "pa:ss" not in gateway.log()


def test_many_messages_keep_their_order(make_gateway, redis):
    gateway = make_gateway({**through(redis), "workers": 2})
    streams = [gateway.subscribe() for _ in range(5)]
    total = 20_000
    for start in range(0, total, 500):
        redis.command("EVAL", "for i = ARGV[1], ARGV[2] do redis.call('PUBLISH', 'news', i) end",
                      0, start, start + 499)
        for stream in streams:
            assert stream.data(500) == [str(number) for number in range(start, start + 500)]
    for stream in streams:
        stream.close()


def test_message_over_the_limit_is_dropped_counted_logged_and_told(make_gateway, redis):
    redis.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")
    gateway = make_gateway(through(redis))
    with gateway.subscribe() as subscriber:
        before = gateway.memory()
        redis.publish("news", b"x" * 64 * 1024 * 1024)
        redis.publish("news", "small")
        event = subscriber.next()
        if event.type == "sluice.gap":
            event = subscriber.next()
        assert event.data == "small"
        assert gateway.peak_memory() - before < 32 * 1024 * 1024, "held at no time"
        (line,) = gateway.wait_log("67108864")
        assert "news" in line
        assert gateway.metric("sluice_events_total", topic="news") == 1
    wait_for(gateway.ready, "still ready")


def test_metrics_of_the_link(make_gateway, redis):
    gateway = make_gateway(through(redis))
    wait_for(gateway.ready, "ready")
    assert gateway.metric("sluice_redis_up") == 1
    assert 0 < gateway.metric("sluice_redis_probe_seconds") < 5
    assert gateway.metric("sluice_redis_reconnects_total") == 0
