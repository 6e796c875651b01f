"""`sluice health`: what a container's health check asks."""

import os
import signal

import pytest

from harness import gateway as binary
from harness.redis import free_port
from harness.wait import wait_for


def admin(gateway):
    return "http://%s:%d" % gateway.admin


def with_admin_port(make_gateway, address="127.0.0.1:{}", **keys):
    """A gateway whose configuration names the admin listener's port, and the path of that file."""
    for _ in range(20):
        gateway = make_gateway({"admin": {"listen": address.format(free_port())}, **keys}, start=False)
        try:
            return gateway.start()
        except AssertionError:
            continue  # somebody else got the port
    raise AssertionError("no free port")


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "*:{}", "unix:admin.sock"])
def test_the_configuration_says_where_to_ask(make_gateway, address):
    gateway = with_admin_port(make_gateway, address)
    assert binary.run("health", "-c", gateway.config_path, folder=gateway.folder) == (0, "alive\n", "")
    assert binary.run("health", "--ready", "-c", gateway.config_path, folder=gateway.folder) == (
        0, "ready\n", "")


def test_alive_and_ready_differ_without_redis(make_gateway):
    gateway = make_gateway({"broker": "redis", "redis": {"url": "redis://127.0.0.1:1"}})
    assert binary.run("health", admin(gateway))[0] == 0
    code, output, errors = binary.run("health", "--ready", admin(gateway))
    assert (code, output) == (1, "")
    assert errors.startswith("sluice health: not ready: redis (")


def test_a_gateway_that_drains_is_alive_and_not_ready(make_gateway):
    gateway = make_gateway({"drain": {"delay": "4s", "deadline": "5s"}})
    gateway.signal(signal.SIGTERM)
    wait_for(lambda: not gateway.ready(), "not ready")
    assert binary.run("health", admin(gateway))[0] == 0
    code, _, errors = binary.run("health", "--ready", admin(gateway))
    assert code == 1 and "drain" in errors
    gateway.signal(signal.SIGTERM)
    gateway.wait()


def test_a_gateway_that_is_not_there_or_hangs_is_not_healthy(gateway, make_door):
    url = admin(gateway)
    gateway.stop()
    code, output, errors = binary.run("health", url)
    assert (code, output) == (1, "") and "refused" in errors
    code, _, errors = binary.run("health", "--timeout", "50ms", "http://%s:%d" % make_door(
        mode="silent").address)
    assert code == 1 and "no answer within" in errors


def test_what_is_no_gateway_is_not_healthy(gateway):
    code, _, errors = binary.run("health", "http://%s:%d" % gateway.address)
    assert code == 1 and "404" in errors


def test_wrong_use_is_said_so(folder):
    code, _, errors = binary.run("health", "ftp://nowhere")
    assert code == 2 and errors.count("\n") == 1
    code, _, errors = binary.run("health", "--timeout", "3", "http://127.0.0.1:1")
    assert code == 2
    path = os.path.join(folder, "sluice.yaml")
    with open(path, "w", encoding="utf-8") as config:
        config.write("listen: 127.0.0.1:0\ntopics: {news: {path: /events/news}}\n")
    code, _, errors = binary.run("health", "-c", path)
    assert code == 1 and "no admin listener" in errors
