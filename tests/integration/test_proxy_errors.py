"""What a client is told when a route does not answer: the same short JSON as everywhere, whatever the client
accepts, or the route's own page."""

import json
import socket

import pytest

from harness.origin import answer

OK = answer(b"ok")
MEMBERS = {"members": {"token": {"bearer": True}, "static": [{"token": "0123456789abcdef"}]}}
PAGE = "<p>Sorry</p>"
# Each kind of refusal: its status, the fields that come with it, keys of the route and of the upstream.
REFUSALS = {
    "no_token": (401, {"www-authenticate"}, {"auth": "members"}, {}),
    "trace": (405, {"allow"}, {}, {}),
    "length": (413, set(), {"body_bytes": 10}, {}),
    "chunks": (413, set(), {"body_bytes": 10}, {}),
    "rate": (429, {"retry-after"}, {"limits": {"requests": {"rate": "1/h", "burst": 1}}}, {}),
    "circle": (500, set(), {}, {}),
    "unreachable": (502, set(), {}, {}),
    "garbage": (502, set(), {}, {}),
    "full": (503, {"retry-after"}, {}, {"max_connections": 1, "queue": {"size": 0}}),
    "silent": (504, set(), {}, {"read_timeout": "300ms"}),
}


def silence(connection, _):
    connection.wait_end()


STEPS = {"garbage": b"garbage\r\n\r\n", "silent": silence, "full": silence,
         "circle": answer(headers=[("X-Accel-Redirect", "/again")])}


@pytest.fixture(params=REFUSALS)
def refused(request, make_gateway, make_origin):
    """refused(method, pages, headers): a request is refused in that way; the answer."""
    kind = request.param
    status, fields, route, upstream = REFUSALS[kind]
    origin = make_origin(STEPS.get(kind, OK))

    def refuse(method="GET", pages=None, headers=()):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            servers = ["127.0.0.1:%d" % nobody.getsockname()[1]] if kind == "unreachable" else [origin.name]
            gateway = make_gateway({
                "auth": MEMBERS, "upstreams": {"app": {**upstream, "servers": servers}},
                "routes": [{"path": "/", "upstream": "app", **route, "error_pages": pages or {}}]})
            with gateway.connect() as other, gateway.connect() as connection:
                if kind in ("rate", "full"):
                    other.request("GET", "/")
                    origin.wait_requests()
                if kind == "chunks":
                    connection.request("POST", "/", [*headers, ("Transfer-Encoding", "chunked")])
                    connection.send(b"14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n")
                else:
                    method = {"trace": "TRACE", "length": "POST"}.get(kind, method)
                    connection.request(method, "/", headers, b"x" * 20 if kind == "length" else None)
                response = connection.response(method)
            origin.requests.clear()
        assert response.status == status, response
        assert fields <= {name for name, _ in response.headers}
        assert response.get("cache-control") == "no-store"
        assert b"127.0.0.1" not in response.body + response.head, "an address is nobody's business"
        return response

    return refuse


@pytest.mark.parametrize("accept", ["*/*", "text/html,application/xhtml+xml", "application/json", "text/event-stream"])
def test_body_is_json_whatever_is_accepted(refused, accept):
    response = refused(headers=[("Accept", accept)])
    assert response.get("content-type") == "application/json"
    body = json.loads(response.body)
    assert set(body) == {"error", "detail"} and body["detail"]


def test_page_of_the_route_is_in_its_place(refused):
    pages = {str(status): PAGE for status in (401, 405, 413, 429, 500, 502, 503, 504)}
    response = refused(pages=pages)
    assert response.body == PAGE.encode() and response.get("content-type") == "text/html; charset=utf-8"


@pytest.mark.parametrize("pages", [None, {"401": PAGE, "429": PAGE, "500": PAGE, "502": PAGE, "503": PAGE, "504": PAGE}],
                         ids=["json", "page"])
def test_head_has_the_fields_alone(refused, request, pages):
    if request.node.callspec.params["refused"] in ("trace", "length", "chunks"):
        pytest.skip("not with HEAD")
    response, get = refused("HEAD", pages), refused("GET", pages)
    assert response.body == b"" and int(response.get("content-length")) == len(get.body) > 0
    assert response.get("content-type") == get.get("content-type")


def test_pages_are_those_of_the_route_that_answers(make_gateway, make_origin):
    """After an X-Accel-Redirect, and on the same connection."""
    origin = make_origin(lambda connection, request: connection.send(
        OK if request.target == "/fine" else answer(headers=[("X-Accel-Redirect", request.target + "/to")])))
    gateway = make_gateway({
        "upstreams": {"app": {"servers": [origin.name]}, "gone": {"servers": ["127.0.0.1:1"]}},
        "routes": [{"path": "/", "upstream": "app", "error_pages": {"502": "first", "404": "first"}},
                   {"path": "/own/to", "upstream": "gone", "internal": True, "error_pages": {"502": "second"}},
                   {"path": "/none/to", "upstream": "gone", "internal": True}]})
    with gateway.connect() as connection:
        def fetch(target):
            connection.request("GET", target)
            return connection.response()

        assert (fetch("/own").status, fetch("/own").body) == (502, b"second")
        assert set(json.loads(fetch("/none").body)) == {"error", "detail"}
        assert fetch("/fine").body == b"ok"
        assert set(json.loads(fetch("/publish/").body)) == {"error", "detail"}
