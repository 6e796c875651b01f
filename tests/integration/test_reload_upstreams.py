"""SIGHUP and upstreams that change or go while something is under way: it ends as it began, and nothing of what
was is used for what comes."""

import threading

import pytest

from harness.origin import answer
from harness.wait import TIMEOUT, wait_for
from test_proxy_upgrade import echo, upgraded
from test_reload import change, reload

OK = answer(b"ok")


def server_is(origin):
    """The upstream has another server."""
    return lambda config: config["upstreams"]["app"].update(servers=[origin.name])


def setting_is(key, value):
    return lambda config: config["upstreams"]["app"].update({key: value})


def gone(config):
    config.update(upstreams={}, routes=[])


def edit(gateway, change_config):
    change(gateway, change_config)
    reload(gateway)


def test_a_tunnel_goes_on_over_a_change_of_its_upstream(make_proxy, make_origin):
    other = make_origin(OK)
    gateway, origin = make_proxy(echo)
    with upgraded(gateway) as connection:
        connection.send(b"before")
        assert connection.take(6) == b"before"
        for change_config in (setting_is("read_timeout", "30s"), server_is(other), gone):
            edit(gateway, change_config)
            connection.send(b"and still")
            assert connection.take(9) == b"and still"
        assert gateway.fetch("GET", "/").status == 404
        assert gateway.metric("sluice_config_generations") == 2
    wait_for(lambda: origin.connections[0].ended, "the client's end has reached the upstream")
    gateway.wait_metric("sluice_config_generations", 1)
    assert other.requests == [] and len(origin.requests) == 1


@pytest.fixture
def held(make_proxy):
    """held(): a gateway, its origin, and the means to let the origin answer /held; all else it answers at once."""
    go = threading.Event()

    def step(connection, request):
        if request.target == "/held":
            assert go.wait(TIMEOUT)
        connection.send(OK)

    yield lambda: (*make_proxy(step, upstream={"keepalive": {"timeout": "1h"}}), go)
    go.set()


@pytest.mark.parametrize("kind", ["setting", "server", "gone"])
def test_no_connection_of_a_changed_upstream_is_kept(held, make_origin, kind):
    """Idle ones are closed at once, though a request goes on under what was; its own when it ends."""
    other = make_origin(OK)
    gateway, origin, go = held()
    with gateway.connect() as connection:
        connection.request("GET", "/held")
        origin.wait_requests()
        assert gateway.fetch("GET", "/").body == b"ok"
        gateway.wait_metric("sluice_upstream_idle_connections", 1)
        edit(gateway, {"setting": setting_is("read_timeout", "30s"), "server": server_is(other), "gone": gone}[kind])
        busy, idle = origin.connections
        wait_for(lambda: idle.ended == "eof", "it is closed")
        assert busy.ended is None and gateway.metric("sluice_config_generations") == 2
        assert gateway.metric("sluice_upstream_idle_connections") == 0
        if kind != "gone":
            assert gateway.fetch("GET", "/").body == b"ok"
        go.set()
        assert connection.response().body == b"ok"
        wait_for(lambda: busy.ended == "eof", "it is closed, too")
    gateway.wait_metric("sluice_config_generations", 1)
    counts = [len(one.connections) for one in (origin, other)]
    assert counts == {"setting": [3, 0], "server": [2, 1], "gone": [2, 0]}[kind]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", ["setting", "server", "gone"])
def test_requests_that_wait_for_a_place_are_answered_by_what_they_began_under(
        make_proxy, make_origin, kind, workers):
    places = threading.Semaphore(0)

    def step(connection, request):
        assert places.acquire(timeout=TIMEOUT)
        connection.send(answer(b"old " + request.target.encode()))

    other = make_origin(answer(b"new"))
    gateway, origin = make_proxy(step, upstream={"max_connections": 1}, changes={"workers": workers})
    clients = [gateway.connect() for _ in range(5)]
    for number, client in enumerate(clients):
        client.request("GET", f"/{number}")
    gateway.wait_metric("sluice_upstream_waiting", 4)
    edit(gateway, {"setting": setting_is("max_connections", 2), "server": server_is(other), "gone": gone}[kind])
    for count in range(1, 5):  # one by one, by the limit that they began under
        origin.wait_requests(count)
        places.release()
    places.release()
    answers = [client.response() for client in clients]
    assert [one.status for one in answers] == [200] * 5
    assert [one.body for one in answers] == [b"old /%d" % number for number in range(5)]
    assert len(origin.requests) == 5 and other.requests == []
    places.release()
    response = gateway.fetch("GET", "/after")
    assert {"setting": response.body == b"old /after", "server": response.body == b"new",
            "gone": response.status == 404}[kind]
    for client in clients:
        client.close()
    gateway.wait_metric("sluice_config_generations", 1)


def test_the_queues_timeout_holds_for_those_who_waited_before_the_change(make_proxy):
    go = threading.Event()

    def step(connection, request):
        assert go.wait(TIMEOUT)
        connection.send(OK)

    gateway, origin = make_proxy(step, upstream={"max_connections": 1, "queue": {"size": 5, "timeout": "2s"}})
    with gateway.connect() as first, gateway.connect() as second:
        first.request("GET", "/first")
        origin.wait_requests()
        second.request("GET", "/second")
        gateway.wait_metric("sluice_upstream_waiting", 1)
        edit(gateway, gone)
        assert second.response().status == 503
        gateway.wait_log("status=503 .*upstream app: queue_timeout: ")
        go.set()
        assert first.response().body == b"ok"
