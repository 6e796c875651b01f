"""The metrics of upstreams, counted exactly while clients' requests go through a route: nothing is forgotten, and nothing
is counted twice."""

import re
import socket
import threading
import time

import pytest

from harness.origin import answer
from harness.wait import TIMEOUT, wait_for
from test_proxy_upgrade import echo, upgraded
from test_reload import change, reload

OK = answer(b"ok")
HISTOGRAM = "sluice_upstream_head_seconds"


def counted(gateway):
    """{(metric, server, status or reason): value} of all counters that are not zero, without sluice_upstream_."""
    found = {}
    for series, value in gateway.metrics().items():
        name, _, labels = series.partition("{")
        if not name.startswith("sluice_upstream_") or name.startswith(HISTOGRAM) or value == 0:
            continue
        labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        assert labels.pop("upstream") == "app"
        found[(name[len("sluice_upstream_"):], *labels.values())] = value
    return found


def counts(gateway, expected):
    """Waits until these are all that is counted: an answer may be with its client before it is."""
    try:
        wait_for(lambda: counted(gateway) == expected, "all is counted")
    except AssertionError:
        assert counted(gateway) == expected
        raise
    return True


@pytest.fixture
def refused():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield "127.0.0.1:%d" % holder.getsockname()[1]


def two_servers(make_gateway, first, second, **upstream):
    return make_gateway({"upstreams": {"app": {"servers": [first, second], **upstream}},
                         "routes": [{"path": "/", "upstream": "app"}]})


def test_answers_by_status(make_proxy):
    statuses = [200, 404, 200, 500, 204, 200, 302]
    gateway, origin = make_proxy(*(answer(status=status, length=status != 204) for status in statuses))
    for status in statuses:
        assert gateway.fetch("GET", "/").status == status
    name = origin.name
    assert counts(gateway, {
        ("requests_total", name, "200"): 3, ("requests_total", name, "204"): 1, ("requests_total", name, "302"): 1,
        ("requests_total", name, "404"): 1, ("requests_total", name, "500"): 1,
        ("connects_total", name): 1, ("reuses_total", name): 6, ("idle_connections", name): 1, ("up", name): 1})
    for status in set(statuses):
        gateway.wait_metric("sluice_http_requests_total", statuses.count(status), route="/", status=str(status))
    gateway.wait_metric("sluice_http_request_duration_seconds_count", len(statuses))
    assert gateway.metric(f"{HISTOGRAM}_count", upstream="app") == len(statuses)
    (shown,) = gateway.status()["upstreams"]
    assert shown["waiting"] == 0
    assert shown["servers"] == [{
        "server": name, "weight": 1, "backup": False, "up": True, "requests": 7, "failures": 0, "retries": 0,
        "active": 0, "idle": 1,
        "addresses": [{"address": name, "up": True, "healthy": True, "resting": False}]}]


def test_time_to_the_head_of_an_answer(make_gateway, make_origin, refused):
    """Of each upstream its own; what has no head is not among them, and the time of a body does not count."""
    taken = threading.Event()

    def late(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        assert taken.wait(TIMEOUT)
        connection.send(b"ok")

    fast, slow = make_origin(late), make_origin(lambda connection, _: (time.sleep(0.3), connection.send(OK)))
    upstreams = {"fast": fast.name, "slow": slow.name, "gone": refused}
    gateway = make_gateway({
        "upstreams": {name: {"servers": [address]} for name, address in upstreams.items()},
        "routes": [{"path": f"/{name}", "upstream": name} for name in upstreams]})
    with gateway.connect() as connection:
        connection.request("GET", "/fast")
        connection.head()
        for name, status, count in (("slow", 200, 2), ("gone", 502, 1)):
            for _ in range(count):
                assert gateway.fetch("GET", f"/{name}").status == status
        taken.set()
        assert connection.take(2) == b"ok"
    get = lambda suffix, upstream, **labels: gateway.metric(HISTOGRAM + suffix, upstream=upstream, **labels)
    assert [get("_count", name) for name in upstreams] == [1, 2, 0]
    assert get("_sum", "slow") >= 0.6 and 0 < get("_sum", "fast") < get("_sum", "slow") and get("_sum", "gone") == 0
    assert get("_bucket", "slow", le="0.25") == 0 and get("_bucket", "slow", le="+Inf") == 2
    assert get("_bucket", "fast", le="+Inf") == 1
    shown = wait_for(lambda: [each for each in [{one["name"]: one for one in gateway.status()["upstreams"]}]
                              if each["slow"]["head_p50_ms"] is not None], "a sample was taken")[0]
    assert 250 <= shown["slow"]["head_p50_ms"] <= shown["slow"]["head_p99_ms"]
    assert shown["gone"]["head_p50_ms"] is None and shown["gone"]["head_p99_ms"] is None


def test_workers_are_summed(make_proxy):
    gateway, origin = make_proxy(answer(b"ok", headers=[("Connection", "close")]), changes={"workers": 4})
    for _ in range(40):  # each on a connection of its own, which any worker may accept
        assert gateway.fetch("GET", "/").status == 200
    name = origin.name
    assert counts(gateway, {("requests_total", name, "200"): 40, ("connects_total", name): 40, ("up", name): 1})


def test_what_is_no_request_to_the_upstream_is_not_counted(make_proxy):
    gateway, origin = make_proxy(OK, route={"path": "/app", "body_bytes": 10})
    assert gateway.fetch("GET", "/nothing").status == 404
    assert gateway.fetch("POST", "/app", body="x" * 11).status == 413
    gateway.subscribe().close()
    assert counts(gateway, {("up", origin.name): 1})


FAILURES = {
    "closed": (502, lambda connection, _: connection.close(), {}),
    "protocol": (502, b"garbage\r\n\r\n", {}),
    "head_limit": (502, answer(headers=[("X", "x" * 100_000)]), {}),
    "read_timeout": (504, lambda connection, _: connection.wait_end(), {"read_timeout": "200ms"}),
}


@pytest.mark.parametrize("reason", FAILURES)
def test_failures_by_reason(make_proxy, reason):
    status, step, upstream = FAILURES[reason]
    gateway, origin = make_proxy(step, upstream=upstream)
    for _ in range(2):
        assert gateway.fetch("POST", "/", body="x").status == status
    name = origin.name
    assert counts(gateway, {("failures_total", name, reason): 2, ("connects_total", name): 2, ("up", name): 1})
    gateway.wait_metric("sluice_http_requests_total", 2, route="/", status=str(status))


def test_half_an_answer_is_an_answer_and_a_failure(make_proxy):
    def step(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        connection.close()

    gateway, origin = make_proxy(step)
    with gateway.connect() as connection:
        connection.request("GET", "/")
        assert connection.head().status == 200
        assert connection.take_rest() == b"hello"
    name = origin.name
    assert counts(gateway, {("requests_total", name, "200"): 1, ("failures_total", name, "closed"): 1,
                            ("connects_total", name): 1, ("up", name): 1})


def test_client_that_leaves_is_no_failure_of_the_server(make_proxy):
    gateway, origin = make_proxy(lambda connection, _: connection.wait_end())
    with gateway.connect() as connection:
        connection.request("GET", "/")
        origin.wait_requests()
    assert counts(gateway, {("connects_total", origin.name): 1, ("up", origin.name): 1})
    gateway.wait_metric("sluice_http_requests_total", 1, route="/", status="499")


def test_another_server_is_tried(make_gateway, make_origin, refused):
    origin = make_origin(OK)
    gateway = two_servers(make_gateway, refused, origin.name, max_fails=0)
    for _ in range(4):
        assert gateway.fetch("GET", "/").status == 200
    assert counts(gateway, {
        ("failures_total", refused, "connect"): 2, ("requests_total", origin.name, "200"): 4,
        ("retries_total", origin.name): 2, ("connects_total", origin.name): 1, ("reuses_total", origin.name): 3,
        ("idle_connections", origin.name): 1, ("up", refused): 1, ("up", origin.name): 1})


def test_kept_connection_that_is_dead_is_replaced(make_proxy):
    """The origin reads the second request on it, and closes instead of an answer: a server that timed out."""

    def close(connection, _):
        connection.close()

    gateway, origin = make_proxy(OK, close, OK)
    for _ in range(2):
        assert gateway.fetch("GET", "/").status == 200
    name = origin.name
    assert counts(gateway, {
        ("requests_total", name, "200"): 2, ("connects_total", name): 2, ("reuses_total", name): 1,
        ("retries_total", name): 1, ("idle_connections", name): 1, ("up", name): 1})


def test_server_that_rests_is_not_up(make_gateway, make_origin, refused):
    origin = make_origin(OK)
    gateway = two_servers(make_gateway, refused, origin.name, max_fails=1, backoff="1h", backoff_max="1h")
    for _ in range(4):
        assert gateway.fetch("GET", "/").status == 200
    assert counts(gateway, {
        ("failures_total", refused, "connect"): 1, ("requests_total", origin.name, "200"): 4,
        ("retries_total", origin.name): 1, ("connects_total", origin.name): 1, ("reuses_total", origin.name): 3,
        ("idle_connections", origin.name): 1, ("up", origin.name): 1})
    first, second = gateway.status()["upstreams"][0]["servers"]
    assert first["addresses"] == [{"address": refused, "up": False, "healthy": True, "resting": True}]
    assert (first["up"], second["up"]) == (False, True)


def test_health_checks_are_seen_but_are_no_requests(make_proxy):
    healthy = []

    def step(connection, request):
        connection.send(OK if request.target != "/up" or healthy else answer(status=503))
        if request.target == "/up":
            connection.close()

    gateway, origin = make_proxy(step, upstream={
        "health_check": {"path": "/up", "interval": "100ms", "rise": 1, "fall": 1}})
    assert counts(gateway, {})
    assert gateway.fetch("GET", "/").status == 503
    name = origin.name
    assert counts(gateway, {("failures_total", "-", "no_server"): 1})
    healthy.append(True)
    assert counts(gateway, {("failures_total", "-", "no_server"): 1, ("up", name): 1})
    assert gateway.fetch("GET", "/").status == 200
    assert counts(gateway, {("failures_total", "-", "no_server"): 1, ("up", name): 1,
                            ("requests_total", name, "200"): 1, ("connects_total", name): 1,
                            ("idle_connections", name): 1})


def test_requests_that_wait_for_a_place(make_proxy):
    places = threading.Semaphore(0)

    def step(connection, _):
        assert places.acquire(timeout=TIMEOUT)
        connection.send(OK)

    gateway, origin = make_proxy(step, upstream={"max_connections": 1, "queue": {"size": 2, "timeout": "1h"}})
    name = origin.name
    busy = {("connects_total", name): 1, ("active", name): 1, ("up", name): 1}
    clients = [gateway.connect() for _ in range(3)]
    for number, client in enumerate(clients):
        client.request("GET", "/")
        assert counts(gateway, busy | ({("waiting",): number} if number else {}))
    assert gateway.fetch("GET", "/").status == 503
    full = {("failures_total", "-", "queue_full"): 1}
    assert counts(gateway, busy | full | {("waiting",): 2})
    assert gateway.status()["upstreams"][0]["waiting"] == 2
    clients.pop().close()
    assert counts(gateway, busy | full | {("waiting",): 1})
    for client in clients:
        places.release()
        assert client.response().status == 200
        client.close()
    assert counts(gateway, full | {("requests_total", name, "200"): 2, ("connects_total", name): 1,
                                   ("reuses_total", name): 1, ("idle_connections", name): 1, ("up", name): 1})


def test_wait_that_is_too_long(make_proxy):
    gateway, origin = make_proxy(lambda connection, _: connection.wait_end(),
                                 upstream={"max_connections": 1, "queue": {"size": 5, "timeout": "100ms"}})
    with gateway.connect() as connection:
        connection.request("GET", "/")
        origin.wait_requests()
        assert gateway.fetch("GET", "/").status == 503
        assert counts(gateway, {("failures_total", "-", "queue_timeout"): 1, ("active", origin.name): 1,
                                ("connects_total", origin.name): 1, ("up", origin.name): 1})


def test_connections_that_are_open_and_kept(make_proxy):
    gates = threading.Semaphore(0)

    def step(connection, _):
        assert gates.acquire(timeout=TIMEOUT)
        connection.send(OK)

    gateway, origin = make_proxy(step, upstream={"keepalive": {"connections": 2, "timeout": "500ms"}})
    clients = [gateway.connect() for _ in range(3)]
    for client in clients:
        client.request("GET", "/")
    name = origin.name
    assert counts(gateway, {("active", name): 3, ("connects_total", name): 3, ("up", name): 1})
    for _ in clients:
        gates.release()
    for client in clients:
        assert client.response().status == 200
        client.close()
    done = {("requests_total", name, "200"): 3, ("connects_total", name): 3, ("up", name): 1}
    assert counts(gateway, done), "after keepalive.timeout none is kept"


def test_tunnel_is_under_way_until_its_end(make_proxy):
    gateway, origin = make_proxy(echo)
    name = origin.name
    done = {("requests_total", name, "101"): 1, ("connects_total", name): 1, ("up", name): 1}
    with upgraded(gateway):
        assert counts(gateway, done | {("active", name): 1})
    assert counts(gateway, done)
    gateway.wait_metric("sluice_http_requests_total", 1, route="/", status="101")
    assert gateway.metric("sluice_http_request_duration_seconds_count") == 0, "its length is no latency"
    assert gateway.metric(f"{HISTOGRAM}_count") == 1, "but the time until it was switched is"


@pytest.mark.parametrize("kind, observed", [("text/event-stream", 0), ("text/plain", 1)])
def test_streams_of_apps_are_no_latencies(make_proxy, kind, observed):
    gateway, origin = make_proxy(answer(b"data: x\n\n", headers=[("Content-Type", kind)]))
    assert gateway.fetch("GET", "/").status == 200
    gateway.wait_metric("sluice_http_requests_total", 1, route="/", status="200")
    assert gateway.metric("sluice_http_request_duration_seconds_count") == observed


def test_auth_requests_count_at_the_upstream_that_is_asked(make_proxy):
    gateway, origin = make_proxy(lambda connection, request: connection.send(
        OK if request.target == "/" else answer(status=204, length=False)),
        route={"auth": {"request": {"upstream": "app", "path": "/auth"}}})
    assert gateway.fetch("GET", "/").status == 200
    name = origin.name
    assert counts(gateway, {("requests_total", name, "204"): 1, ("requests_total", name, "200"): 1,
                            ("connects_total", name): 1, ("reuses_total", name): 1,
                            ("idle_connections", name): 1, ("up", name): 1})


def test_counters_over_a_reload(make_proxy):
    """What did not change goes on counting; what changed begins anew, as after a restart."""
    gateway, origin = make_proxy(OK)
    assert gateway.fetch("GET", "/").status == 200
    name = origin.name
    change(gateway, lambda config: config["routes"].append({"path": "/more", "upstream": "app"}))
    reload(gateway)
    assert gateway.fetch("GET", "/more").status == 200
    assert counts(gateway, {("requests_total", name, "200"): 2, ("connects_total", name): 1,
                            ("reuses_total", name): 1, ("idle_connections", name): 1, ("up", name): 1})
    change(gateway, lambda config: config["upstreams"]["app"].update(read_timeout="30s"))
    reload(gateway)
    assert counts(gateway, {("up", name): 1})
    assert gateway.fetch("GET", "/more").status == 200
    assert counts(gateway, {("requests_total", name, "200"): 1, ("connects_total", name): 1,
                            ("idle_connections", name): 1, ("up", name): 1})
    gateway.wait_metric("sluice_http_requests_total", 2, route="/more", status="200")
    assert gateway.metric("sluice_config_reloads_total", result="ok") == 2
    gateway.wait_log("upstreams changed: app")
