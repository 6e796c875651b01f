"""SIGHUP and what is proxied: a request ends as it began, the next one goes by what the file says now."""

import re

import pytest

from harness.sse_app import SseApp
from test_reload import change, reload


@pytest.fixture
def make_app():
    apps = []

    def make():
        apps.append(SseApp())
        return apps[-1]

    yield make
    for app in apps:
        app.close()


def routed(*routes, **servers):
    return {"upstreams": {name: {"servers": [app.address]} for name, app in servers.items()},
            "routes": list(routes)}


def reroute(gateway, *routes, **servers):
    change(gateway, lambda config: config.update(routed(*routes, **servers)))
    reload(gateway)


def ask(gateway, target="/"):
    connection = gateway.connect()
    connection.request("GET", target)
    return connection


def answered(connection):
    with connection:
        return connection.response()


def test_routes_come_change_and_go(make_gateway, make_app):
    gateway, app = make_gateway(), make_app()
    assert gateway.fetch("GET", "/").status == 404
    reroute(gateway, {"path": "/", "upstream": "app"}, app=app)
    client = ask(gateway)
    app.next().answer(200, body=b"proxied")
    assert answered(client).body == b"proxied"
    reroute(gateway, {"path": "/", "upstream": "app", "response_headers": {"set": {"X-New": "1"}}}, app=app)
    client = ask(gateway)
    app.next().answer(200)
    assert answered(client).get("x-new") == "1"
    gateway.wait_log("routes changed: /$")
    reroute(gateway)
    assert gateway.fetch("GET", "/").status == 404
    assert gateway.metric("sluice_http_requests_total", route="/", status="200") == 2


def test_what_changed_is_counted(make_gateway, make_app):
    old, new = make_app(), make_app()
    gateway = make_gateway(routed({"path": "/", "upstream": "app"}, {"path": "/x", "upstream": "app"}, app=old))

    def counted():
        name = "sluice_config_changes_total"
        series = {key: value for key, value in gateway.metrics().items() if key.startswith(name) and value}
        return {tuple(re.findall('"([a-z]+)"', key)): value for key, value in series.items()}

    assert counted() == {}
    reroute(gateway, {"path": "/", "upstream": "app"}, {"path": "/more", "upstream": "other"}, app=new, other=old)
    assert counted() == {("upstream", "added"): 1, ("upstream", "changed"): 1, ("route", "added"): 1,
                         ("route", "removed"): 1}

    def edit(config):
        config["listen"].append(f"unix:{gateway.folder}/more.sock")
        config["topics"]["news"]["heartbeat"] = "20s"
        config["limits"] = {"headers": 50}

    change(gateway, edit)
    reload(gateway)
    assert counted() == {("upstream", "added"): 1, ("upstream", "changed"): 1, ("route", "added"): 1,
                         ("route", "removed"): 1, ("listener", "added"): 1, ("topic", "changed"): 1,
                         ("setting", "changed"): 1}
    gateway.config_path.write_text("listen: [")
    reload(gateway, "failed")
    assert sum(counted().values()) == 7


def test_an_answer_under_way_comes_whole_from_an_upstream_that_is_gone(make_gateway, make_app):
    old, new = make_app(), make_app()
    gateway = make_gateway({**routed({"path": "/", "upstream": "app"}, app=old), "workers": 2})
    client = ask(gateway)
    request = old.next()
    request.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
    assert client.head().status == 200
    reroute(gateway, {"path": "/", "upstream": "app"}, app=new)
    gateway.wait_log("upstreams changed: app")
    assert gateway.metric("sluice_config_generations") == 2
    second = ask(gateway)
    new.next().answer(200, body=b"new")
    assert answered(second).body == b"new"
    reroute(gateway)
    request.send("after")
    with client:
        assert client.take(10) == b"firstafter"
        request.wait_closed()  # it is kept by nobody
    gateway.wait_metric("sluice_config_generations", 1)


def test_a_stream_through_a_route_outlives_the_route(make_gateway, make_app):
    app = make_app()
    gateway = make_gateway(routed({"path": "/", "upstream": "app"}, app=app))
    with gateway.connect() as client:
        client.request("GET", "/stream")
        stream = app.next().open()
        stream.event("before")
        assert client.head().status == 200
        client.take_until(b"before")
        reroute(gateway)
        stream.event("after")
        client.take_until(b"after")
        assert gateway.fetch("GET", "/stream").status == 404
    stream.wait_closed()
    gateway.wait_metric("sluice_config_generations", 1)


def test_unchanged_upstreams_keep_their_connections(make_gateway, make_app):
    app = make_app()
    gateway = make_gateway(routed({"path": "/", "upstream": "app"}, app=app))
    client = ask(gateway)
    request = app.next()
    request.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert answered(client).body == b"ok"
    reroute(gateway, {"path": "/", "upstream": "app"}, {"path": "/more", "upstream": "app"}, app=app)
    client = ask(gateway, "/more")
    assert request.connection.recv(100).startswith(b"GET /more ")  # over the kept one
    request.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkept")
    assert answered(client).body == b"kept"
    assert app.seen == 1


def test_a_request_that_waits_for_the_auth_request_goes_on_as_it_began(make_gateway, make_app):
    app, guard = make_app(), make_app()
    gateway = make_gateway(routed(
        {"path": "/", "upstream": "app", "auth": {"request": {"upstream": "guard", "path": "/may"}}},
        app=app, guard=guard))
    client = ask(gateway)
    asked = guard.next()
    reroute(gateway)
    asked.answer(204)
    app.next().answer(200, body=b"let in")
    assert answered(client).body == b"let in"
    assert gateway.fetch("GET", "/").status == 404
    gateway.wait_metric("sluice_config_generations", 1)


def test_a_redirect_after_a_reload_goes_by_what_is_configured_then(make_gateway, make_app):
    app = make_app()
    gateway = make_gateway(routed({"path": "/", "upstream": "app"}, app=app))
    with gateway.connect() as client:
        client.request("GET", "/hand-over", [("Accept", "text/event-stream")])
        request = app.next()

        def edit(config):
            config.update(routed())
            config["topics"]["handed"] = {"path": "/handed", "internal": True}

        change(gateway, edit)
        reload(gateway)
        request.answer(200, ["X-Accel-Redirect: /handed"])
        assert client.head().status == 200
        client.take_until(b": ok")
        gateway.publish("handed", "over")
        client.take_until(b"over")
    gateway.wait_metric("sluice_config_generations", 1)
