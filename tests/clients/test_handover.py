"""The apps under docs/examples/handover, each with its language's own tools, behind a gateway on conf/proxy.yaml."""

import os
import pathlib
import subprocess

import pytest
import yaml

from harness import example, secrets
from harness.documents import ROOT
from harness.process import end, spawn
from harness.scene import GO_CACHE, accepts, free_ports
from harness.wait import wait_for

HANDOVER = example.FOLDER / "handover"


def command(language, folder):
    if language == "node":
        return ["node", HANDOVER / "app.mjs"]
    if language == "python":
        return ["/usr/bin/python3", HANDOVER / "app.py"]
    binary = pathlib.Path(folder) / "app"
    subprocess.run(["go", "build", "-o", binary, HANDOVER / "app.go"], check=True, timeout=60, env={
        **os.environ, "GO111MODULE": "off", "GOCACHE": str(GO_CACHE)})
    return [binary]


@pytest.fixture(params=["node", "python", "go"])
def gateway(request, make_gateway, folder):
    """A gateway with the app behind it. The app needs to know where it publishes, so it starts second."""
    port, token = free_ports(1)[0], secrets.make("publish")
    base = yaml.safe_load((ROOT / "conf/proxy.yaml").read_text(encoding="utf-8"))
    base["upstreams"]["app"]["servers"] = [f"127.0.0.1:{port}"]
    gateway = make_gateway(example.CHANGES, base=base, environment={"SLUICE_PUBLISH_TOKEN": token})
    with open(pathlib.Path(folder) / "app.log", "ab") as log:
        app = spawn(command(request.param, folder), stdout=log, stderr=log, env={
            **os.environ, "PORT": str(port), "SLUICE_PUBLISH_TOKEN": token,
            "SLUICE_URL": "http://%s:%d" % gateway.address})
    wait_for(lambda: accepts(port) or app.poll() is not None, "the app listens")
    assert app.poll() is None, (pathlib.Path(folder) / "app.log").read_text()
    yield gateway
    end(app)


def log_in(gateway, user):
    answer = gateway.fetch("POST", f"/login?user={user}")
    assert answer.status == 204
    return [("Cookie", answer.get("set-cookie").split(";")[0])]


def notify(gateway, session, user, text):
    assert gateway.fetch("POST", f"/notify?user={user}", session, text).status == 204


def test_the_app_decides_and_the_gateway_holds_the_stream(gateway):
    ada, bob = log_in(gateway, "ada"), log_in(gateway, "bob")
    with gateway.subscribe("/events", ada) as subscriber:
        assert subscriber.head.get("x-accel-redirect") is None
        notify(gateway, bob, "ada", "hello ada")
        event = subscriber.next()
        assert event.data == "hello ada"
    notify(gateway, bob, "ada", "while you were away")
    with gateway.subscribe("/events", [*ada, ("Last-Event-ID", event.id)]) as subscriber:
        assert subscriber.next().data == "while you were away"
    with gateway.subscribe("/events", bob) as subscriber:
        notify(gateway, ada, "ada", "not for bob")
        notify(gateway, ada, "bob", "for bob")
        assert subscriber.next().data == "for bob"


def test_names_with_other_characters_are_topics_of_their_own(gateway):
    user = log_in(gateway, "a%2Fb%20%C3%A4")
    with gateway.subscribe("/events", user) as subscriber:
        notify(gateway, user, "a%2Fb%20%C3%A4", "hello")
        assert subscriber.next().data == "hello"


def test_nobody_else_gets_there(gateway):
    assert gateway.fetch("GET", "/events").status == 401
    assert gateway.fetch("GET", "/events", [("Cookie", "session=0123")]).status == 401
    assert gateway.fetch("GET", "/internal/events/users/ada").status == 404
    assert gateway.fetch("POST", "/notify?user=ada", [], "x").status == 401
    assert gateway.fetch("POST", "/publish/user:ada", [], "x").status == 401
