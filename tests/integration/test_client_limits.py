"""What one client may have: connections of its address, streams and requests of a topic or route."""

import contextlib
import json
import signal
import threading
import time

import pytest

from harness.http import Connection, fetch
from harness.origin import answer
from harness.wait import TIMEOUT, wait_for

MEMBERS = {"members": {"token": {"bearer": True},
                       "static": [{"token": "ann-secret-token"}, {"token": "bob-secret-token"}]}}


def bearer(name):
    return [("Authorization", f"Bearer {name}-secret-token")]


def is_refusal(response):
    """A 429 that says when to come back, and why."""
    assert response.status == 429, (response.status, response.body)
    assert int(response.get("retry-after")) > 0
    assert set(json.loads(response.body)) == {"error", "detail"}
    return True


def statuses(gateway, target, count, headers=()):
    return [gateway.fetch("HEAD", target, headers).status for _ in range(count)]


def test_connections_of_an_address_are_limited_and_given_back(make_gateway):
    gateway = make_gateway({"workers": 2, "limits": {"per_ip": 4}})
    subscribers = [gateway.subscribe() for _ in range(3)]
    with gateway.connect() as kept:
        kept.request("GET", "/nothing")
        assert kept.response().status == 404
        with gateway.connect() as one_more:
            one_more.request("GET", "/events/news")
            response = one_more.response()
            assert is_refusal(response) and response.get("connection") == "close"
            one_more.wait_closed()
        kept.request("GET", "/nothing")
        assert kept.response().status == 404, "those that were there before are served"
    assert gateway.metric("sluice_limited_total", limit="per_ip") >= 1
    assert gateway.status()["limited"]["per_ip"] >= 1
    assert any("limits.per_ip" in line for line in gateway.wait_log("request refused .* status=429"))
    subscribers.pop().close()
    wait_for(lambda: gateway.fetch("GET", "/nothing").status == 404, "a place is free again")
    for subscriber in subscribers:
        subscriber.close()

    def all_open():
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(AssertionError, EOFError):
                for _ in range(4):
                    stack.enter_context(gateway.subscribe())
                return True
        return False
    wait_for(all_open, "all four places are free again")


def test_far_more_connections_of_an_address_are_cut(make_gateway):
    gateway = make_gateway({"limits": {"per_ip": 2}})
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(gateway.address)) for _ in range(10)]
        ends = 0
        for connection in connections[4:]:
            with contextlib.suppress(ConnectionError):  # the gateway may have reset it already
                connection.request("GET", "/nothing")
            ends += connection.take_rest() == b""
        assert ends == 6
    assert gateway.metric("sluice_limited_total", limit="per_ip") >= 6


def forwarded(address):
    return [("X-Forwarded-For", address)]


def test_behind_a_trusted_proxy_the_address_is_its_client(make_gateway):
    gateway = make_gateway({
        "trusted_proxies": ["127.0.0.1"], "auth": MEMBERS, "limits": {"per_ip": 1, "auth_failures": 2},
        "topics": {"news": {"limits": {"requests": {"rate": "2/h"}, "connections": {"max": 1}}},
                   "closed": {"path": "/closed", "auth": "members"}}})
    for address in ("192.0.2.1", "2001:db8::1", "[2001:db8:0:1::1]:4711"):
        assert statuses(gateway, "/events/news", 3, forwarded(address)) == [200, 200, 429], address
        assert statuses(gateway, "/closed", 3, forwarded(address)) == [401, 401, 429], address
    with gateway.subscribe(headers=forwarded("192.0.2.7")):
        assert is_refusal(gateway.fetch("GET", "/events/news", forwarded("192.0.2.7")))
        gateway.subscribe(headers=forwarded("192.0.2.8")).close()


def test_who_is_no_trusted_proxy_says_nothing_of_addresses(make_gateway):
    gateway = make_gateway({"topics": {"news": {"limits": {"requests": {"rate": "2/h"}}}}})
    got = [gateway.fetch("HEAD", "/events/news", forwarded(f"192.0.2.{n}")).status for n in range(3)]
    assert got == [200, 200, 429]


def test_unix_sockets_have_no_address(make_gateway, tmp_path):
    path = str(tmp_path / "s.sock")
    gateway = make_gateway({"listen": [f"unix:{path}"], "limits": {
        "per_ip": 1, "requests": {"rate": "1/h"}}})
    with gateway.subscribe(), gateway.subscribe():
        assert statuses(gateway, "/events/news", 3) == [200, 200, 200]


def test_requests_have_a_rate_and_a_burst_that_workers_share(make_gateway):
    gateway = make_gateway({"workers": 2, "topics": {
        "news": {"limits": {"requests": {"rate": "2/s", "burst": 5}}},
        "other": {"path": "/events/other"}}})
    began = time.monotonic()
    got = statuses(gateway, "/events/news", 30)
    most = 5 + 2 * (time.monotonic() - began) + 1
    assert 5 <= got.count(200) <= most and got.count(429) == 30 - got.count(200)
    assert got[:5] == [200] * 5
    assert gateway.fetch("HEAD", "/events/other").status == 200
    refused = gateway.metric("sluice_limited_total", limit="requests")
    assert refused == got.count(429)
    gateway.wait_metric("sluice_http_requests_total", refused, route="news", status="429")
    wait_for(lambda: gateway.fetch("HEAD", "/events/news").status == 200, "the bucket fills again")


def test_who_waits_as_it_is_told_is_served(make_gateway):
    gateway = make_gateway({"topics": {"news": {
        "limits": {"requests": {"rate": "1/s", "burst": 1}}, "retry": {"base": "1s", "jitter": "0s"}}}})
    gateway.subscribe().close()
    response = gateway.fetch("GET", "/events/news")
    assert is_refusal(response)
    retry_at = time.monotonic() + int(response.get("retry-after"))
    wait_for(lambda: time.monotonic() >= retry_at, "the time that it was told")
    gateway.subscribe().close()


def test_default_rate_is_for_everything_together(make_gateway):
    gateway = make_gateway({"limits": {"requests": {"rate": "3/h"}}, "topics": {
        "other": {"path": "/events/other", "limits": {"requests": {"rate": "2/h"}}}}})
    gateway.publish("news", "one")
    assert statuses(gateway, "/events/news", 3) == [200, 200, 429]
    assert is_refusal(gateway.fetch("POST", "/publish/news", body="two"))
    assert statuses(gateway, "/events/other", 3) == [200, 200, 429]


@pytest.mark.parametrize("kind", ["topics", "routes"])
def test_tokens_and_cookies_tell_clients_of_one_address_apart(make_proxy, kind):
    by_token = {"path": "/by/token", "auth": "members", "limits": {"requests": {"rate": "2/h", "by": "token"}}}
    by_cookie = {"path": "/by/cookie", "limits": {"requests": {"rate": "2/h", "by": {"cookie": "sid"}}}}
    places = {"topics": {"first": by_token, "second": by_cookie},
              "routes": [{**by_token, "upstream": "app"}, {**by_cookie, "upstream": "app"}]}
    gateway, origin = make_proxy(answer(b""), changes={"auth": MEMBERS, kind: places[kind]})
    assert statuses(gateway, "/by/token", 3, bearer("ann")) == [200, 200, 429]
    assert statuses(gateway, "/by/token", 3, bearer("bob")) == [200, 200, 429]
    assert gateway.fetch("HEAD", "/by/token").status == 401
    for value in ("a", "b"):
        cookie = [("Cookie", f"sid={value}")]
        assert statuses(gateway, "/by/cookie", 3, cookie) == [200, 200, 429]
    assert statuses(gateway, "/by/cookie", 3) == [200, 200, 429]
    assert len(origin.requests) == (10 if kind == "routes" else 0), "what is refused does not reach the app"
    gateway.stop()
    assert "secret-token" not in gateway.log()


def test_streams_of_a_client_are_limited_and_given_back(make_gateway):
    gateway = make_gateway({"workers": 2, "auth": MEMBERS, "topics": {"news": {
        "auth": "members", "limits": {"connections": {"max": 2, "by": "token"}}}}})
    first = gateway.subscribe(headers=bearer("ann"))
    with gateway.subscribe(headers=bearer("ann")), gateway.subscribe(headers=bearer("bob")):
        assert is_refusal(gateway.fetch("GET", "/events/news", bearer("ann")))
        assert gateway.metric("sluice_limited_total", limit="connections") == 1
        first.connection.reset()

        def opens():
            with contextlib.suppress(AssertionError):
                gateway.subscribe(headers=bearer("ann")).close()
                return True
            return False
        wait_for(opens, "a place is free again")


def test_a_place_is_given_back_by_who_leaves_before_the_stream_opens(make_gateway):
    gateway = make_gateway({"topics": {"news": {"limits": {"connections": {"max": 1}}}}})
    for _ in range(20):
        with gateway.connect() as connection:
            connection.request("GET", "/events/news")

    def opens():
        with contextlib.suppress(AssertionError):
            gateway.subscribe().close()
            return True
        return False
    wait_for(opens, "the place is free")


def test_an_event_source_over_its_limit_is_told_to_come_back(make_gateway):
    """A browser gives up after anything but 200; after this it reconnects once `retry` is over."""
    gateway = make_gateway({"topics": {"news": {
        "limits": {"connections": {"max": 1}, "refuse": "retry"},
        "retry": {"base": "1s", "jitter": "500ms"}}}})
    with gateway.subscribe() as first:
        with gateway.connect() as second:
            second.request("GET", "/events/news", [("Accept", "text/event-stream")])
            response = second.response()
            assert response.status == 200
            assert response.get("content-type").startswith("text/event-stream")
            field, _, value = response.body.decode().partition(": ")
            assert field == "retry" and 1000 <= int(value) <= 1500
            assert response.body.endswith(b"\n\n")
            second.wait_closed()
        assert fetch(gateway.address, "POST", "/events/news").status == 405
        first.close()

    def comes_back():
        with contextlib.suppress(AssertionError):
            gateway.subscribe().close()
            return True
        return False
    wait_for(comes_back, "it is let in when it comes back")
    assert gateway.metric("sluice_limited_total", limit="connections") >= 1


def busy(make_proxy, limits, auth="none", **more):
    """A gateway with a route of these limits whose app answers /slow when it may, and that semaphore."""
    gates = threading.Semaphore(0)

    def step(connection, request):
        if request.target.endswith("/slow"):
            assert gates.acquire(timeout=TIMEOUT)
        connection.send(answer(b"ok"))

    gateway, origin = make_proxy(step, route={"path": "/limited", "limits": limits, "auth": auth}, **more)
    config = json.loads(gateway.config_path.read_text())
    config["routes"] += [{"path": "/other", "upstream": "app"},
                         {"path": "/two", "upstream": "app", "limits": limits, "auth": auth}]
    gateway.config_path.write_text(json.dumps(config))
    gateway.signal(signal.SIGHUP)
    gateway.wait_log("reloaded ")
    return gateway, origin, gates


def test_requests_under_way_on_a_route_are_limited_and_given_back(make_proxy):
    gateway, origin, gates = busy(make_proxy, {"connections": {"max": 1}}, changes={"workers": 2})
    with gateway.connect() as slow:
        slow.request("GET", "/limited/slow")
        origin.wait_requests()
        response = gateway.fetch("GET", "/limited")
        assert is_refusal(response)
        assert gateway.metric("sluice_limited_total", limit="connections") == 1
        gateway.wait_log("request refused .*status=429")
        assert gateway.fetch("GET", "/other").status == 200, "a route without limits"
        assert gateway.fetch("GET", "/two").status == 200, "and one with its own"
        gates.release()
        assert slow.response().status == 200
        # It is over, though its connection is open.
        assert gateway.fetch("GET", "/limited").status == 200


def cookie(value):
    return [("Cookie", f"x=y; sid={value}")]


@pytest.mark.parametrize("by, auth, ann, bob", [("token", "members", bearer("ann"), bearer("bob")),
                                                ({"cookie": "sid"}, "none", cookie("a"), cookie("b"))],
                         ids=["token", "cookie"])
def test_requests_under_way_are_limited_by_token_and_cookie(make_proxy, by, auth, ann, bob):
    gateway, origin, gates = busy(make_proxy, {"connections": {"max": 1, "by": by}}, auth,
                                  changes={"auth": MEMBERS, "workers": 2})
    with gateway.connect() as slow:
        slow.request("GET", "/limited/slow", ann)
        origin.wait_requests()
        assert is_refusal(gateway.fetch("GET", "/limited", ann))
        assert gateway.metric("sluice_limited_total", limit="connections") == 1
        assert gateway.fetch("GET", "/limited", bob).status == 200, "another client of the same address"
        assert gateway.fetch("GET", "/two", ann).status == 200, "and the same client elsewhere"
        gates.release()
        assert slow.response().status == 200
        assert gateway.fetch("GET", "/limited", ann).status == 200


@pytest.mark.parametrize("how", ["close", "reset"])
def test_who_leaves_a_route_gives_up_the_place(make_proxy, how):
    gateway, origin, gates = busy(make_proxy, {"connections": {"max": 1}})
    slow = gateway.connect()
    slow.request("GET", "/limited/slow")
    origin.wait_requests()
    assert is_refusal(gateway.fetch("GET", "/limited"))
    getattr(slow, how)()
    wait_for(lambda: gateway.fetch("GET", "/limited").status == 200, "the place is free")
    gates.release()


def test_limit_after_a_request_without_one(make_proxy):
    """On one connection: what counts is the request, not what the connection did before."""
    gateway, origin, gates = busy(make_proxy, {"connections": {"max": 1}})
    with gateway.connect() as slow, gateway.connect() as second:
        slow.request("GET", "/limited/slow")
        origin.wait_requests()
        for target, status in (("/other", 200), ("/limited", 429), ("/other", 200)):
            second.request("GET", target)
            assert second.response().status == status
        gates.release()
        assert slow.response().status == 200
        second.request("GET", "/limited")
        assert second.response().status == 200


def test_rate_of_a_route_leaves_what_it_refuses_uncounted(make_proxy):
    gateway, origin, _ = busy(make_proxy, {"requests": {"rate": "1/s", "burst": 2}})
    began = time.monotonic()
    got = [gateway.fetch("GET", "/limited").status for _ in range(10)]
    assert got[:2] == [200, 200] and got.count(200) <= 3 + (time.monotonic() - began)
    assert gateway.fetch("GET", "/other").status == gateway.fetch("GET", "/two").status == 200
    refused = gateway.fetch("GET", "/limited")
    while refused.status == 200:
        refused = gateway.fetch("GET", "/limited")
    assert is_refusal(refused)
    seen = len(origin.requests)
    wait_for(lambda: gateway.fetch("GET", "/limited").status == 200, "after a second, however many were refused meanwhile")
    assert len(origin.requests) == seen + 1, "what is refused does not reach the app"


def test_an_event_source_over_the_limit_of_a_route_is_told_to_come_back(make_proxy):
    gateway, _, _ = busy(make_proxy, {"requests": {"rate": "1/h"}, "refuse": "retry"})
    assert gateway.fetch("GET", "/limited", [("Accept", "text/event-stream")]).status == 200
    response = gateway.fetch("GET", "/limited", [("Accept", "text/event-stream")])
    assert response.status == 200 and response.get("content-type").startswith("text/event-stream")
    assert response.body.startswith(b"retry: ") and response.body.endswith(b"\n\n")
    assert is_refusal(gateway.fetch("GET", "/limited")), "who is no EventSource gets a status"


def test_body_of_a_request_over_the_limit_is_not_the_next_request(make_proxy):
    gateway, origin, _ = busy(make_proxy, {"requests": {"rate": "1/h"}})
    assert gateway.fetch("GET", "/limited").status == 200
    hidden = b"GET /other HTTP/1.1\r\nHost: test\r\n\r\n"
    with gateway.connect() as connection:
        connection.request("POST", "/limited", body=hidden)
        assert connection.response().status == 429
        connection.half_close()
        assert connection.take_rest() == b""
    assert [request.target for request in origin.requests] == ["/limited"]
