"""Servers that are given by name, with the system's own resolver: it asks a name server of the test's, in a network
of the test's own. A name server that does not answer delays nobody but those who need its answer."""

import os
import pathlib

import pytest

from harness.dns import NameServer
from harness.network import own_network
from harness.origin import answer
from harness.wait import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network")

PORT = 3000
FAILED = "sluice_upstream_failures_total"


@pytest.fixture
def network():
    with own_network():
        yield


@pytest.fixture
def names(network):
    server = NameServer()
    yield server
    server.close()


@pytest.fixture
def make_resolving(names, make_gateway, folder):
    """make_resolving(changes): a gateway that resolves names by that server alone. A loop that waits for its answer
    would do so for longer than any test waits for the gateway's."""
    files = pathlib.Path(folder) / "etc"
    files.mkdir()
    (files / "resolv.conf").write_text(f"nameserver {names.address}\noptions timeout:30 attempts:5\n")
    (files / "nsswitch.conf").write_text("hosts: dns\n")

    def make(changes):
        mounts = " && ".join(f"mount --bind {path} /etc/{path.name}" for path in files.iterdir())
        return make_gateway(changes, through=["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"])

    return make


def named(*names, upstream=None):
    """An upstream and a route for each name, and one of each that needs no resolver."""
    return {
        "upstreams": {
            "plain": {"servers": [f"127.0.0.1:{PORT}"]},
            **{name: {"servers": [f"{name}.test:{PORT}"], "resolve_interval": "100ms", **(upstream or {})}
               for name in names}},
        "routes": [{"path": "/", "upstream": "plain"},
                   *({"path": f"/{name}", "upstream": name} for name in names)]}


def ask(gateway, target):
    connection = gateway.connect()
    connection.request("GET", target)
    return connection


def all_else_goes_on(gateway):
    """Far sooner than the resolver gives up."""
    assert gateway.fetch("GET", "/").body == b"first"
    with gateway.subscribe() as subscriber:
        gateway.publish("news", "hello")
        assert subscriber.next().data == "hello"
    return True


def test_requests_follow_a_name_to_where_it_is_now(names, make_resolving, make_origin):
    make_origin(answer(b"first"), address=("127.0.0.1", PORT))
    second = make_origin(answer(b"second"), address=("127.0.0.2", PORT))
    names.addresses["app.test"] = ["127.0.0.1"]
    gateway = make_resolving(named("app"))
    assert gateway.fetch("GET", "/app").body == b"first"
    names.addresses["app.test"] = ["127.0.0.2"]
    wait_for(lambda: gateway.fetch("GET", "/app").body == b"second", "requests go where the name is now")
    gateway.wait_log(rf"upstream=app server=app.test:{PORT} is now at {second.name}$")
    names.addresses["app.test"] = ["127.0.0.1", "127.0.0.2"]
    wait_for(lambda: {gateway.fetch("GET", "/app").body for _ in range(2)} == {b"first", b"second"}, "both are asked")
    assert gateway.metric(FAILED) == 0


def test_a_silent_name_server_delays_nobody(names, make_resolving, make_origin):
    make_origin(answer(b"first"), address=("127.0.0.1", PORT))
    make_origin(answer(b"second"), address=("127.0.0.2", PORT))
    names.addresses["app.test"] = ["127.0.0.2"]
    gateway = make_resolving(named("app"))
    assert gateway.fetch("GET", "/app").body == b"second"
    names.be_silent()
    names.wait_held()
    names.addresses["app.test"] = ["127.0.0.1"]
    for _ in range(3):
        assert all_else_goes_on(gateway)
        assert gateway.fetch("GET", "/app").body == b"second", "where it was goes on as long as nothing else is known"
    names.speak()
    wait_for(lambda: gateway.fetch("GET", "/app").body == b"first", "it is asked again, and its answer counts")
    assert gateway.metric(FAILED) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_only_who_needs_the_first_answer_waits_for_it(names, make_resolving, make_origin, workers):
    make_origin(answer(b"first"), address=("127.0.0.1", PORT))
    make_origin(answer(b"second"), address=("127.0.0.2", PORT))
    names.addresses["app.test"] = ["127.0.0.2"]
    names.be_silent()
    gateway = make_resolving({**named("app"), "workers": workers})
    names.wait_held()
    with ask(gateway, "/app") as waiting:
        gateway.wait_metric("sluice_upstream_waiting", 1, upstream="app")
        for _ in range(3):
            assert all_else_goes_on(gateway)
        names.speak()
        assert waiting.response().body == b"second"
    assert gateway.metric(FAILED) == 0


@pytest.mark.parametrize("workers", [1, 4])
def test_names_that_get_no_answer_delay_no_other(names, make_resolving, make_origin, workers):
    """As behind a resolver that forwards one zone to servers which are down: however many workers want to know."""
    make_origin(answer(b"first"), address=("127.0.0.1", PORT))
    make_origin(answer(b"second"), address=("127.0.0.2", PORT))
    dead = [f"dead{number}" for number in range(12)]
    names.be_silent(*(f"{name}.test" for name in dead))
    names.addresses["app.test"] = ["127.0.0.1"]
    gateway = make_resolving({**named(*dead, "app"), "workers": workers})
    names.wait_held(len(dead))
    assert gateway.fetch("GET", "/app").body == b"first"
    names.addresses["app.test"] = ["127.0.0.2"]
    wait_for(lambda: gateway.fetch("GET", "/app").body == b"second", "requests go where the name is now")
    assert gateway.metric(FAILED) == 0


def test_no_first_answer_in_time_is_504(names, make_resolving, make_origin):
    names.be_silent()
    gateway = make_resolving(named("app", upstream={"queue": {"size": 5, "timeout": "300ms"}}))
    assert gateway.fetch("GET", "/app").status == 504
    gateway.wait_log("status=504 .*upstream app: connect_timeout: the server's name was not resolved in time")
    assert gateway.metric(FAILED, upstream="app", server="-", reason="connect_timeout") == 1
    names.speak()


def test_a_name_that_is_gone_keeps_its_addresses(names, make_resolving, make_origin):
    make_origin(answer(b"first"), address=("127.0.0.1", PORT))
    names.addresses["app.test"] = ["127.0.0.1"]
    gateway = make_resolving(named("app"))
    assert gateway.fetch("GET", "/app").body == b"first"
    del names.addresses["app.test"]
    gateway.wait_log("cannot resolve app.test: .*; it keeps the addresses that it had: 127.0.0.1")
    assert gateway.fetch("GET", "/app").body == b"first"
    names.addresses["app.test"] = ["127.0.0.1"]
    gateway.wait_log("app.test:.* is resolved again")


@pytest.mark.parametrize("workers", [1, 2])
def test_it_stops_while_the_name_server_is_silent(names, make_resolving, workers):
    """Nobody can call a resolver back, and nobody need wait for it."""
    names.be_silent()
    gateway = make_resolving({**named("app", "other"), "workers": workers})
    names.wait_held(2)
    gateway.stop()
