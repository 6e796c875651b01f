"""Which server of an upstream a request goes to, what is full, who rests; and that metrics, the status page and
the log tell it."""

import threading

import pytest

from harness.origin import answer
from harness.wait import TIMEOUT, wait_for

PAGE = answer(b"ok")


@pytest.fixture
def make_servers(make_gateway, make_origin):
    """make_servers(count, step=..., servers=[keys of each], upstream keys): a gateway and its origins."""

    def make(count, step=PAGE, servers=None, changes=None, **upstream):
        origins = [make_origin(step) for _ in range(count)]
        entries = [{"address": origin.name, **(servers[number] if servers else {})} for number, origin in enumerate(origins)]
        gateway = make_gateway({"upstreams": {"app": {"servers": entries, **upstream}},
                                "routes": [{"path": "/", "upstream": "app"}], **(changes or {})})
        return gateway, origins

    return make


def where(gateway, origins, count, target="/", headers=()):
    """To which of the origins so many requests go, one after the other."""
    went = []
    for _ in range(count):
        before = [len(origin.requests) for origin in origins]
        assert gateway.fetch("GET", target, headers).status == 200
        (number,) = [number for number, origin in enumerate(origins) if len(origin.requests) > before[number]]
        went.append(number)
    return went


class Gate:
    """A step that answers when it may."""

    def __init__(self):
        self.free = threading.Semaphore(0)

    def __call__(self, connection, request):
        if request.target.startswith("/slow"):
            assert self.free.acquire(timeout=TIMEOUT)
        connection.send(answer(request.target.encode()))


def slow(gateway, count, first=0):
    """Clients whose requests are under way."""
    clients = []
    for number in range(first, first + count):
        clients.append(gateway.connect())
        clients[-1].request("GET", f"/slow{number}")
    return clients


def server(gateway, name):
    """What the status page says of a server."""
    (found,) = [one for upstream in gateway.status()["upstreams"] for one in upstream["servers"] if one["server"] == name]
    return found


def test_round_robin_goes_by_turn_and_weight(make_servers):
    gateway, origins = make_servers(3, servers=[{"weight": 5}, {}, {}])
    turns = where(gateway, origins, 14)
    assert turns == [0, 0, 1, 0, 2, 0, 0] * 2, "not smooth"
    for origin, count in zip(origins, (10, 2, 2)):
        assert gateway.metric("sluice_upstream_requests_total", upstream="app", server=origin.name, status="200") == count
        assert gateway.metric("sluice_upstream_connects_total", upstream="app", server=origin.name) == 1
        assert gateway.metric("sluice_upstream_reuses_total", upstream="app", server=origin.name) == count - 1
        assert gateway.metric("sluice_upstream_idle_connections", upstream="app", server=origin.name) == 1


def test_least_connections_avoids_who_is_busy(make_servers):
    gate = Gate()
    gateway, origins = make_servers(3, gate, servers=[{}, {}, {"weight": 3}], balance="least_connections")
    clients = slow(gateway, 10)
    wait_for(lambda: sum(len(origin.requests) for origin in origins) == 10, "all are under way")
    assert [len(origin.requests) for origin in origins] == [2, 2, 6]
    for origin in origins:
        assert gateway.metric("sluice_upstream_active", server=origin.name) == len(origin.requests)
        assert server(gateway, origin.name)["active"] == len(origin.requests)
    for _ in clients:
        gate.free.release()
    for client in clients:
        assert client.response().status == 200
        client.close()
    gateway.wait_metric("sluice_upstream_active", 0, upstream="app")


@pytest.mark.parametrize("key, fields", [({"cookie": "sid"}, lambda value: [("Cookie", f"a=b; sid={value}")]),
                                         ({"header": "X-Tenant"}, lambda value: [("X-Tenant", str(value))])])
def test_hash_is_faithful_and_moves_only_the_share_of_who_is_gone(make_servers, key, fields):
    gateway, origins = make_servers(3, balance="hash", hash=key, changes={"workers": 2}, max_fails=1, backoff="1h", backoff_max="1h")
    homes = {value: where(gateway, origins, 1, headers=fields(value))[0] for value in range(60)}
    assert set(homes.values()) == {0, 1, 2}
    assert all(list(homes.values()).count(number) > 5 for number in range(3))
    for value, home in homes.items():
        assert where(gateway, origins, 1, headers=fields(value)) == [home]
    origins[1].refuse()
    for connection in origins[1].connections:
        connection.half_close()
    gateway.wait_metric("sluice_upstream_idle_connections", 0, server=origins[1].name)
    moved = {value: where(gateway, origins, 1, headers=fields(value))[0] for value in homes}
    assert 1 not in moved.values()
    assert {value: home for value, home in homes.items() if home != 1} == {
        value: home for value, home in moved.items() if homes[value] != 1}


def test_hash_of_who_has_no_key_is_of_the_address(make_servers):
    gateway, origins = make_servers(3, balance="hash", hash={"cookie": "sid"})
    assert len(set(where(gateway, origins, 10))) == 1
    gateway, origins = make_servers(3, balance="hash", changes={"trusted_proxies": ["127.0.0.1"]})
    of_clients = [where(gateway, origins, 2, headers=[("X-Forwarded-For", f"192.0.2.{number}")]) for number in range(30)]
    assert all(first == second for first, second in of_clients), "a client has one server"
    assert {first for first, _ in of_clients} == {0, 1, 2}, "clients are told apart behind a proxy"


def test_backup_is_told_by_the_metrics(make_servers):
    gateway, origins = make_servers(2, servers=[{}, {"backup": True}], max_fails=1, backoff="1h", backoff_max="1h", keepalive=0)
    assert where(gateway, origins, 5) == [0] * 5
    origins[0].refuse()
    assert where(gateway, origins, 5) == [1] * 5
    requests = [gateway.metric("sluice_upstream_requests_total", server=origin.name, status="200") for origin in origins]
    assert requests == [5, 5]
    assert gateway.metric("sluice_upstream_failures_total", server=origins[0].name, reason="connect") == 1
    assert gateway.metric("sluice_upstream_retries_total", upstream="app") == 1
    assert gateway.metric("sluice_upstream_up", server=origins[0].name) == 0
    gateway.wait_log(f"warn +upstream=app server={origins[0].name} rests for .*Connection refused")


def test_who_fails_rests_and_comes_back(make_gateway, make_origin):
    broken = threading.Event()

    def step(connection, _):
        if broken.is_set():
            connection.reset()
        else:
            connection.send(PAGE)

    weak, strong = make_origin(step), make_origin(PAGE)
    gateway = make_gateway({"upstreams": {"app": {"servers": [weak.name, strong.name], "keepalive": 0, "max_fails": 2,
                                                  "backoff": "300ms", "backoff_max": "300ms"}},
                            "routes": [{"path": "/", "upstream": "app"}]})
    assert server(gateway, weak.name)["addresses"] == [{"address": weak.name, "up": True, "healthy": True, "resting": False}]
    broken.set()
    statuses = [gateway.fetch("GET", "/").status for _ in range(4)]
    assert statuses.count(502) == 2, "two failures of its own, and then nobody asks it"
    # It may have been asked once more by now: a rest is short here, and it is still broken.
    gateway.wait_log(f"warn +upstream=app server={weak.name} rests for \\d+ ms: .*reset.* \\(closed\\)")
    wait_for(lambda: server(gateway, weak.name)["addresses"][0]["resting"], "the page shows it")
    assert server(gateway, weak.name)["up"] is False and server(gateway, strong.name)["up"] is True
    assert gateway.metric("sluice_upstream_up", server=weak.name) == 0
    assert gateway.metric("sluice_upstream_failures_total", server=weak.name, reason="closed") >= 2
    broken.clear()
    wait_for(lambda: gateway.fetch("GET", "/").status == 200 and gateway.metric("sluice_upstream_up", server=weak.name) == 1,
             "it is asked again, and answers")
    gateway.wait_log(f"info +upstream=app server={weak.name} answers again")


def test_nobody_is_left(make_servers):
    gateway, origins = make_servers(2, max_fails=1, backoff="1h", backoff_max="1h", keepalive=0)
    for origin in origins:
        origin.refuse()
    assert gateway.fetch("GET", "/").status == 502  # both were tried
    response = gateway.fetch("GET", "/")
    assert response.status == 503 and int(response.get("retry-after")) > 0
    assert gateway.metric("sluice_upstream_failures_total", upstream="app", reason="connect") == 2
    assert gateway.metric("sluice_upstream_failures_total", upstream="app", server="-", reason="no_server") == 1
    assert gateway.metric("sluice_upstream_up", upstream="app") == 0
    # Of requests that are refused, a line a second is written.
    wait_for(lambda: gateway.fetch("GET", "/").status == 503 and "upstream app: no_server: " in gateway.log(), "the log says why")


@pytest.mark.parametrize("workers", [1, 2])
def test_places_are_counted_over_workers_and_given_in_turn(make_servers, workers):
    gate = Gate()
    gateway, origins = make_servers(2, gate, changes={"workers": workers}, max_connections=2, queue={"size": 3, "timeout": "10s"})
    first = slow(gateway, 4)
    wait_for(lambda: [len(origin.requests) for origin in origins] == [2, 2], "both servers are full")
    second = slow(gateway, 3, 4)
    gateway.wait_metric("sluice_upstream_waiting", 3, upstream="app")
    assert gateway.status()["upstreams"][0]["waiting"] == 3
    assert [server(gateway, origin.name)["active"] for origin in origins] == [2, 2]
    assert sum(len(origin.requests) for origin in origins) == 4
    for client in first + second:
        gate.free.release()
    assert {client.response().body for client in first + second} == {b"/slow%d" % number for number in range(7)}
    for client in first + second:
        client.close()
    gateway.wait_metric("sluice_upstream_waiting", 0, upstream="app")


def test_queue_that_is_full_or_too_slow_is_told(make_servers):
    gate = Gate()
    gateway, origins = make_servers(1, gate, max_connections=1, queue={"size": 1, "timeout": "300ms"})
    (busy,) = slow(gateway, 1)
    origins[0].wait_requests()
    (waits,) = slow(gateway, 1, 1)
    gateway.wait_metric("sluice_upstream_waiting", 1, upstream="app")
    assert gateway.fetch("GET", "/more").status == 503
    gateway.wait_metric("sluice_upstream_failures_total", 1, upstream="app", server="-", reason="queue_full")
    gateway.wait_log("warn +upstream=app refuses requests: all servers have max_connections, and 1 wait")
    assert waits.response().status == 503
    gateway.wait_metric("sluice_upstream_failures_total", 1, upstream="app", server="-", reason="queue_timeout")
    gateway.wait_metric("sluice_upstream_waiting", 0, upstream="app")
    gate.free.release()
    assert busy.response().status == 200
    assert [request.target for request in origins[0].requests] == ["/slow0"]
    busy.close()
    waits.close()


def test_who_leaves_the_queue_is_never_asked_about(make_servers):
    gate = Gate()
    gateway, origins = make_servers(1, gate, max_connections=1)
    (busy,) = slow(gateway, 1)
    origins[0].wait_requests()
    (gone,) = slow(gateway, 1, 1)
    gateway.wait_metric("sluice_upstream_waiting", 1, upstream="app")
    gone.reset()
    gateway.wait_metric("sluice_upstream_waiting", 0, upstream="app")
    gate.free.release()
    assert busy.response().status == 200
    assert gateway.fetch("GET", "/next").status == 200
    assert [request.target for request in origins[0].requests] == ["/slow0", "/next"]
    busy.close()


def test_unix_sockets_are_named_like_others(make_gateway, make_origin):
    first, second = make_origin(answer(b"first"), unix=True), make_origin(answer(b"second"))
    gateway = make_gateway({"upstreams": {"app": {"servers": [first.name, second.name], "max_fails": 1, "backoff": "1h",
                                                  "backoff_max": "1h", "keepalive": 0}},
                            "routes": [{"path": "/", "upstream": "app"}]})
    assert {gateway.fetch("GET", "/").body for _ in range(2)} == {b"first", b"second"}
    assert gateway.metric("sluice_upstream_requests_total", upstream="app", server=first.name, status="200") == 1
    assert server(gateway, first.name)["up"] is True
    first.refuse()
    assert {gateway.fetch("GET", "/").body for _ in range(3)} == {b"second"}
    assert server(gateway, first.name)["up"] is False
    gateway.wait_log(f"upstream=app server={first.name} rests for .*Connection refused")
