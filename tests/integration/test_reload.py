"""SIGHUP: what the file says now counts; what did not change goes on; a bad file changes nothing."""

import json
import signal
import socket
import threading
import time

import pytest

from harness import http, jwt
from harness.wait import PATIENCE, wait_for

KEY, NEW_KEY = "the first key of these tests", "the second key of these tests"


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


def guarded(folder, jwt_keys=None):
    (folder / "key").write_text(KEY + "\n")
    keys = jwt_keys or {"secret": f"file:{folder}/key"}
    return {"auth": {"members": {"token": {"bearer": True}, "jwt": {"algorithms": ["HS256"], **keys}}},
            "topics": {"news": {"auth": "members"}}}


def reload(gateway, result="ok"):
    before = gateway.metric("sluice_config_reloads_total", result=result)
    gateway.signal(signal.SIGHUP)
    gateway.wait_metric("sluice_config_reloads_total", before + 1, result=result)


def status(gateway, token):
    return gateway.fetch("HEAD", "/events/news", bearer(token)).status


def change(gateway, edit):
    config = json.loads(gateway.config_path.read_text())
    edit(config)
    # At once, since a gateway may be about to read it.
    new = gateway.config_path.with_suffix(".new")
    new.write_text(json.dumps(config))
    new.replace(gateway.config_path)


def test_a_key_file_is_read_again_and_open_streams_go_on(make_gateway, tmp_path):
    gateway = make_gateway({**guarded(tmp_path), "workers": 2})
    old, new = jwt.make(KEY), jwt.make(NEW_KEY)
    with gateway.subscribe(headers=bearer(old)) as subscriber:
        assert [status(gateway, token) for token in (old, new)] == [200, 401]
        (tmp_path / "key").write_text(NEW_KEY)
        reload(gateway)
        for _ in range(8):  # on both workers
            wait_for(lambda: [status(gateway, token) for token in (old, new)] == [401, 200],
                     "the new key counts")
        gateway.publish("news", "still here")
        assert subscriber.next().data == "still here"
    gateway.wait_log("auth schemes changed: members")


def test_a_key_set_is_rotated(make_gateway, tmp_path):
    def write(*names):
        keys = [{"kty": "oct", "kid": name, "k": jwt.encode(name.encode() * 4)} for name in names]
        (tmp_path / "keys.json").write_text(json.dumps({"keys": keys}))

    write("november-key")
    gateway = make_gateway(guarded(tmp_path, {"jwks": f"{tmp_path}/keys.json"}))
    november = jwt.sign({"sub": "a"}, "november-key" * 4, kid="november-key")
    december = jwt.sign({"sub": "a"}, "december-key" * 4, kid="december-key")
    assert [status(gateway, token) for token in (november, december)] == [200, 401]
    assert gateway.metric("sluice_auth_failures_total", reason="key") == 1
    write("november-key", "december-key")
    reload(gateway)
    wait_for(lambda: status(gateway, december) == 200, "the new key counts")
    assert status(gateway, november) == 200
    write("december-key")
    reload(gateway)
    wait_for(lambda: status(gateway, november) == 401, "the old key is gone")


def test_a_bad_file_changes_nothing_and_is_named(make_gateway, tmp_path):
    gateway = make_gateway(guarded(tmp_path))
    good = jwt.make(KEY)
    text = gateway.config_path.read_text()
    gateway.config_path.write_text("listen: [\n")
    reload(gateway, "failed")
    assert str(gateway.config_path) in gateway.wait_log("error reload: .*sluice.yaml")[0]
    gateway.config_path.write_text(text)
    (tmp_path / "key").unlink()
    reload(gateway, "failed")
    gateway.wait_log("auth.members.jwt.secret: the file .* cannot be opened")
    assert status(gateway, good) == 200 and gateway.ready()


def test_closed_doors_end_streams_and_open_ones_keep_them(make_gateway, tmp_path):
    gateway = make_gateway(guarded(tmp_path))
    member = gateway.subscribe(headers=bearer(jwt.make(KEY)))

    def open_doors(config):
        config["topics"]["news"]["auth"] = "none"

    change(gateway, open_doors)
    reload(gateway)
    anyone = gateway.subscribe()
    gateway.publish("news", "for all")
    assert [member.next().data, anyone.next().data] == ["for all", "for all"]

    def close_doors(config):
        config["topics"]["news"]["auth"] = "members"

    change(gateway, close_doors)
    reload(gateway)
    for subscriber in (member, anyone):
        assert subscriber.rest() == [] and subscriber.clean_end and len(subscriber.retries) == 2
    gateway.publish("news", "for members")
    with gateway.subscribe(headers=bearer(jwt.make(KEY)), last_id=member.last_id) as returned:
        assert returned.next().data == "for members"  # the history went on
    assert gateway.fetch("GET", "/events/news").status == 401


def test_what_needs_a_restart_is_named_and_waits(make_gateway, tmp_path):
    gateway = make_gateway(guarded(tmp_path))

    def edit(config):
        config["workers"] = 2
        config["log"] = {"level": "debug", "access": {"path": "stdout"}}
        config["limits"] = {"headers": 3}

    change(gateway, edit)
    reload(gateway)
    gateway.wait_log("these have changed and need a restart: workers, log.access.path")
    gateway.wait_log("reloaded .*: changed: log.level, limits$")
    many = [(f"X-{i}", "x") for i in range(3)]
    assert gateway.fetch("HEAD", "/events/news", many).status == 431
    gateway.wait_log("debug request")
    assert gateway.status()["workers"] == 1


# Topics.


def topics(gateway, **changes):
    """Writes `topics` anew: a name and what is under it, or None to take it out."""

    def edit(config):
        for name, topic in changes.items():
            config["topics"].pop(name, None)
            if topic is not None:
                config["topics"][name] = topic

    change(gateway, edit)


def test_a_stream_lives_through_changes_of_other_topics(make_gateway):
    gateway = make_gateway({"workers": 2, "topics": {"other": {"path": "/events/other"}}})
    with gateway.subscribe() as subscriber:
        ids = [gateway.publish("news", "before")]
        topics(gateway, other=None, more={"path": "/events/more"})
        ids.append(gateway.publish("news", "meanwhile"))
        reload(gateway)
        ids.append(gateway.publish("news", "after"))
        events = subscriber.take(3)
        assert [event.data for event in events] == ["before", "meanwhile", "after"]
        assert [event.id for event in events] == ids
        epochs = {event.id.partition(".")[0] for event in events}
        assert len(epochs) == 1
    with gateway.subscribe("/events/more") as more:
        gateway.publish("more", "new")
        assert more.next().data == "new"
    with gateway.subscribe(last_id=ids[0]) as returned:
        assert returned.data(2) == ["meanwhile", "after"]
    assert gateway.fetch("GET", "/events/other").status == 404
    gateway.wait_log("topics added: more; topics removed: other")
    assert "sluice_subscribers{topic=\"more\"}" in gateway.metrics()
    assert "sluice_subscribers{topic=\"other\"}" not in gateway.metrics()


def test_the_streams_of_a_removed_topic_end_cleanly(make_gateway):
    gateway = make_gateway({"topics": {"other": {"path": "/events/other"}}})
    others = [gateway.subscribe("/events/other") for _ in range(5)]
    with gateway.subscribe() as news:
        gateway.publish("other", "last")
        topics(gateway, other=None)
        reload(gateway)
        for other in others:
            assert [event.data for event in other.rest()] == ["last"]
            assert other.clean_end
        assert len({other.retries[-1] for other in others}) > 1, "a jittered retry"
        gateway.publish("news", "goes on")
        assert news.next().data == "goes on"
    gateway.wait_metric("sluice_disconnects_total", 5, reason="reloaded")
    gateway.wait_log("stream closed .* topic=other .* reason=reloaded", 5)
    assert gateway.fetch("POST", "/publish/other", body="x").status == 404
    # What comes back begins anew, and goes on counting.
    topics(gateway, other={"path": "/events/other"})
    reload(gateway)
    with gateway.subscribe("/events/other") as other:
        gateway.publish("other", "again")
        assert other.next().data == "again"
    assert gateway.metric("sluice_events_total", topic="other") == 2


def test_settings_of_a_topic_apply_to_its_open_streams(make_gateway):
    gateway = make_gateway()
    with gateway.subscribe() as subscriber:
        topics(gateway, news={"path": "/events/renamed", "heartbeat": "1s",
                              "limits": {"subscribers": 1}})
        reload(gateway)
        subscriber.until(lambda: "" in subscriber.comments, "a heartbeat", timeout=10)
        gateway.publish("news", "still here")
        assert subscriber.next().data == "still here"
        assert gateway.fetch("GET", "/events/renamed").status == 503
        assert gateway.fetch("GET", "/events/news").status == 404
    assert gateway.metric("sluice_disconnects_total", reason="reloaded") == 0


def test_topics_on_redis_are_subscribed_and_given_up(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url},
                            "topics": {"other": {"path": "/events/other"}}})
    wait_for(gateway.ready, "ready")

    def subscribed():
        return {name for name in ("news", "other", "more") if redis.subscribers(name)}

    with gateway.subscribe() as news, gateway.subscribe("/events/other") as other:
        assert subscribed() == {"news", "other"}
        topics(gateway, other=None, more={"path": "/events/more"})
        reload(gateway)
        assert other.rest() == [] and other.clean_end
        wait_for(lambda: subscribed() == {"news"}, "the channel is given up")
        with gateway.subscribe("/events/more") as more:
            redis.publish("more", "hello")
            assert more.next().data == "hello"
        redis.publish("news", "still here")
        assert news.next().data == "still here"


# Listeners.


def listens(gateway, *addresses):
    def edit(config):
        config["listen"] = list(addresses)

    change(gateway, edit)


def test_listeners_come_and_go(make_gateway, tmp_path):
    gateway = make_gateway({"workers": 2})
    path = tmp_path / "new.sock"
    with gateway.subscribe() as subscriber:
        listens(gateway, "127.0.0.1:0", f"unix:{path}")
        reload(gateway)
        assert http.fetch(str(path), "HEAD", "/events/news").status == 200
        assert gateway.fetch("HEAD", "/events/news").status == 200, "the first is the same"
        listens(gateway, f"unix:{path}")
        reload(gateway)
        gateway.wait_log(f"no longer listening on 127.0.0.1:{gateway.address[1]}")
        with pytest.raises(OSError):
            gateway.fetch("HEAD", "/events/news")
        response = http.fetch(str(path), "POST", "/publish/news", body="by the other door")
        assert response.status == 202
        assert subscriber.next().data == "by the other door"
        listens(gateway, "127.0.0.1:0")
        reload(gateway)
        assert not path.exists()
    assert gateway.ready()


def test_an_address_that_is_taken_fails_the_reload_as_a_whole(make_gateway, tmp_path):
    gateway = make_gateway({"workers": 2})
    path = tmp_path / "first.sock"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        def edit(config):
            config["listen"] = ["127.0.0.1:0", f"unix:{path}", f"127.0.0.1:{port}"]
            config["topics"]["more"] = {"path": "/events/more"}

        change(gateway, edit)
        reload(gateway, "failed")
        gateway.wait_log(f"error reload: cannot listen on 127.0.0.1:{port}")
        assert not path.exists()
        assert gateway.fetch("HEAD", "/events/more").status == 404
        assert gateway.metric("sluice_config_last_reload_success") == 0
    reload(gateway)
    assert gateway.fetch("HEAD", "/events/more").status == 200
    assert gateway.metric("sluice_config_last_reload_success") == 1


# Upstreams.


def test_a_certificate_that_cannot_be_used_fails_the_reload(make_gateway, tmp_path):
    gateway = make_gateway()
    authority = tmp_path / "ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    def edit(config):
        config["upstreams"] = {"app": {"servers": ["127.0.0.1:1"], "tls": {"ca": str(authority)}}}
        config["topics"]["more"] = {"path": "/events/more"}

    change(gateway, edit)
    reload(gateway, "failed")
    gateway.wait_log("error reload: upstreams.app.tls: ca: has no certificates in PEM")
    assert gateway.fetch("HEAD", "/events/more").status == 404


# Many.


def test_many_reloads_under_load_lose_nothing_and_leak_nothing(make_gateway):
    gateway = make_gateway({"workers": 2, "topics": {
        "news": {"path": "/events/news", "history": {"events": 10000}}}})
    count = 1500
    subscribers = [gateway.subscribe() for _ in range(6)]
    published = []

    def publish():
        with gateway.connect() as connection:
            for number in range(count):
                connection.request("POST", "/publish/news", body=str(number))
                published.append(connection.response().status)

    publisher = threading.Thread(target=publish)
    publisher.start()
    fds, memory = [], []
    for number in range(20):
        topics(gateway, news={"path": "/events/news", "heartbeat": f"{10 + number}s",
                              "history": {"events": 10000 + number}},
               other=None if number % 2 else {"path": "/events/other"})
        reload(gateway)
        fds.append(gateway.metric("process_open_fds"))
        memory.append(gateway.memory())
        if not number % 2:
            gateway.subscribe("/events/other").close()
    publisher.join()
    assert published == [202] * count
    for subscriber in subscribers:
        assert subscriber.data(count) == [str(number) for number in range(count)]
        subscriber.close()
    assert gateway.metric("sluice_config_reloads_total", result="ok") == 20
    gateway.wait_metric("sluice_config_generations", 1)
    assert max(fds) - min(fds) <= 2, fds  # one of a publisher or subscriber that comes or goes
    # Sanitizers keep what was freed.
    assert memory[-1] - memory[4] < 8 * 1024 * 1024 or PATIENCE > 1, memory


def test_two_reloads_at_once(make_gateway):
    gateway = make_gateway({"workers": 2})
    with gateway.subscribe() as subscriber:
        for number in range(5):
            topics(gateway, **{f"more{number}": {"path": f"/events/more{number}"}})
            gateway.signal(signal.SIGHUP)
            gateway.signal(signal.SIGHUP)
        wait_for(lambda: gateway.fetch("HEAD", "/events/more4").status == 200, "the last counts")
        gateway.publish("news", "still here")
        assert subscriber.next().data == "still here"
    assert gateway.metric("sluice_config_reloads_total", result="failed") == 0
    assert gateway.metric("sluice_config_last_success_timestamp_seconds") <= time.time()
