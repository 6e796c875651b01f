"""The publishers under docs/examples/publishers, each with its language's own tools."""

import os
import pathlib
import subprocess

import pytest

from harness import example, secrets
from harness.redis import free_port
from harness.scene import GO_CACHE
from harness.wait import wait_for

PUBLISHERS = example.FOLDER / "publishers"
LANGUAGES = {
    "shell": ("sh", ".sh"),
    "python": ("/usr/bin/python3", ".py"),
    "node": ("node", ".mjs"),
    "go": ("", ".go"),
    "ruby": ("/usr/bin/ruby", ".rb"),
    "php": ("/usr/bin/php", ".php"),
}
# What a careless script would lose: a mark at the start, quotes, variables, a second line.
MESSAGE = '@-"quotes" \\ $HOME `id` %s & grüße 🙂\nsecond line'


@pytest.fixture
def publish(folder):
    """publish(way, language, arguments, environment): runs a publisher to its end."""

    def run(way, language, arguments, **environment):
        program, extension = LANGUAGES[language]
        path = PUBLISHERS / f"publish_{way}{extension}"
        command = [program, path]
        if language == "go":
            command = [pathlib.Path(folder) / f"publish_{way}"]
            if not command[0].exists():
                subprocess.run(
                    ["go", "build", "-o", command[0], path], check=True, timeout=60, env={
                        **os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                        "GOCACHE": str(GO_CACHE)})
        own = {name: value for name, value in os.environ.items()
               if not name.lower().endswith("_proxy") and name not in ("REDIS_URL", "SLUICE_URL")}
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=60, cwd=folder,
            env={**own, "LC_ALL": "C.UTF-8", **environment})

    return run


def url(gateway):
    return "http://%s:%d" % gateway.address


@pytest.mark.parametrize("language", LANGUAGES)
def test_publishing_through_redis_and_over_http(make_gateway, redis, publish, language):
    gateway = make_gateway(example.CHANGES, base=example.config_of("publishers"),
                           environment={"REDIS_URL": redis.url})
    wait_for(gateway.ready, "ready")
    places = {"REDIS_URL": redis.url, "SLUICE_URL": url(gateway)}

    def check(way, *arguments):
        done = publish(way, language, arguments, **places)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with gateway.subscribe("/events/news") as news, gateway.subscribe("/events/orders") as orders:
        assert "1" in check("redis", "news", MESSAGE)
        assert news.next().data == MESSAGE
        check("redis", "orders", MESSAGE, "order-placed")
        event = orders.next()
        assert (event.type, event.data) == ("order-placed", MESSAGE)
        check("redis", "orders", MESSAGE, "order-paid", "order-17")
        event = orders.next()
        assert (event.type, event.data, event.id) == ("order-paid", MESSAGE, "order-17")

        answer = check("http", "news", MESSAGE)
        event = news.next()
        assert (event.type, event.data) == ("message", MESSAGE) and event.id in answer
        answer = check("http", "orders", MESSAGE, "grüße", "order-18")
        event = orders.next()
        assert (event.type, event.data, event.id) == ("grüße", MESSAGE, "order-18")
        assert event.id in answer


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_token_is_sent_as_a_bearer_token(make_gateway, publish, language):
    token = secrets.make("publisher")
    gateway = make_gateway({
        "auth": {"publishers": {"token": {"bearer": True},
                                "static": [{"token": token, "subject": "shop", "publish": ["news"]}]}},
        "publish": [{"path": "/publish/{topic}", "auth": "publishers"}]})
    with gateway.subscribe() as subscriber:
        refused = publish("http", language, ["news", "x"], SLUICE_URL=url(gateway))
        assert refused.returncode not in (0, 2) and "401" in refused.stderr, refused
        done = publish("http", language, ["news", MESSAGE], SLUICE_URL=url(gateway), SLUICE_TOKEN=token)
        assert done.returncode == 0, done.stderr
        assert subscriber.next().data == MESSAGE
        assert token not in refused.stderr + done.stdout + done.stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_failures_are_told_and_are_the_exit_code(gateway, publish, language):
    nobody = free_port()
    down = publish("redis", language, ["news", "x"], REDIS_URL=f"redis://127.0.0.1:{nobody}")
    assert down.returncode not in (0, 2) and "refused" in down.stderr.lower(), down
    down = publish("http", language, ["news", "x"], SLUICE_URL=f"http://127.0.0.1:{nobody}")
    assert down.returncode not in (0, 2) and down.stderr, down
    unknown = publish("http", language, ["no/such topic", "x"], SLUICE_URL=url(gateway))
    assert unknown.returncode not in (0, 2), unknown
    assert "there is no such topic" in unknown.stderr + unknown.stdout and "404" in unknown.stderr
    for way in ("redis", "http"):
        usage = publish(way, language, ["news"])
        assert usage.returncode != 0 and "MESSAGE" in usage.stderr, usage
