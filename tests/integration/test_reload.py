"""SIGHUP: keys and tokens are read again; a bad file changes nothing; the rest waits for a restart."""

import json
import signal

from harness import jwt, secrets
from harness.wait import wait_for

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
    gateway.config_path.write_text(json.dumps(config))


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


def test_a_scheme_in_use_cannot_go(make_gateway, tmp_path):
    gateway = make_gateway(guarded(tmp_path))

    def drop(config):
        del config["auth"]
        config["topics"]["news"]["auth"] = "none"

    change(gateway, drop)
    reload(gateway, "failed")
    gateway.wait_log("auth.members is gone, and topics.news needs it until a restart")
    assert status(gateway, jwt.make(KEY)) == 200
    assert status(gateway, secrets.make("none")) == 401


def test_other_changes_are_named_as_waiting_for_a_restart(make_gateway, tmp_path):
    gateway = make_gateway(guarded(tmp_path))

    def edit(config):
        config["topics"]["more"] = {"path": "/events/more"}
        config["limits"] = {"headers": 50}
        config["log"]["level"] = "debug"

    change(gateway, edit)
    reload(gateway)
    gateway.wait_log("these have changed and need a restart: limits, topics")
    assert gateway.fetch("HEAD", "/events/more").status == 404
    gateway.wait_log("debug request")  # the level counts at once
