"""Cross-origin access to what apps answer: the app's own affair, unless the route says that it is the gateway's."""

import pytest

from harness import jwt
from harness.origin import answer
from test_cors import ALLOWED, APP, CONFIG, KEY, NOT_ALLOWED, OTHER, cors

ASK = [("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "authorization,x-own")]
OWN = [("Access-Control-Allow-Origin", OTHER), ("Access-Control-Allow-Methods", "PUT"), ("Vary", "Cookie")]


def values(response, name):
    return [value for key, value in response.headers if key == name]


@pytest.fixture
def make(make_proxy):
    def make(step=answer(b"ok", headers=OWN), **route):
        return make_proxy(step, route=route, changes={**CONFIG, "topics": {"news": {"path": "/events/news"}}})

    return make


def test_by_default_the_app_answers_preflights_and_has_its_own_fields(make):
    gateway, origin = make()
    for method in ("OPTIONS", "GET"):
        for origin_field in (APP, OTHER):
            response = gateway.fetch(method, "/", [("Origin", origin_field), *ASK])
            assert (response.status, response.body) == (200, b"ok")
            assert cors(response) == (OTHER, None, "Cookie")
            assert response.get("access-control-allow-methods") == "PUT"
    assert [request.method for request in origin.requests] == ["OPTIONS", "OPTIONS", "GET", "GET"]
    assert origin.requests[0].get("access-control-request-headers") == "authorization,x-own"


def test_to_an_answer_without_them_nothing_is_added(make):
    gateway, _ = make(answer(b"ok"))
    assert cors(gateway.fetch("GET", "/", [("Origin", APP)])) == (None, None, None)


def test_what_the_gateway_answers_itself_has_its_fields(make):
    gateway, origin = make(auth="members", body_bytes=10)
    assert gateway.fetch("GET", "/", [("Origin", APP)]).status == 401
    for origin_field, expected in ((APP, ALLOWED), (OTHER, NOT_ALLOWED)):
        token = ("Authorization", f"Bearer {jwt.make(KEY)}")
        assert cors(gateway.fetch("GET", "/", [("Origin", origin_field), token])) == expected
    # No token, so the app does not get it: see the next test.
    assert gateway.fetch("OPTIONS", "/", [("Origin", APP), *ASK]).status == 401
    assert origin.requests == []


def test_route_with_cors_has_the_gateways(make):
    gateway, origin = make(answer(b"ok", headers=[*OWN, ("Access-Control-Expose-Headers", "X-Own")]), cors=True)
    response = gateway.fetch("OPTIONS", "/", [("Origin", APP), *ASK])
    assert response.status == 204 and response.get("access-control-allow-origin") == APP
    assert response.get("access-control-allow-headers") == "authorization,x-own"
    assert "PUT" in response.get("access-control-allow-methods").split(", ")
    assert response.get("access-control-max-age") == "300"
    assert set(values(response, "vary")) == {"Origin", "Access-Control-Request-Headers"}
    refused = gateway.fetch("OPTIONS", "/", [("Origin", OTHER), *ASK])
    assert refused.status == 204 and refused.get("access-control-allow-origin") is None
    assert refused.get("access-control-allow-methods") is None
    assert origin.requests == []
    for origin_field, allowed, credentials in ((APP, APP, "true"), (OTHER, None, None)):
        response = gateway.fetch("GET", "/", [("Origin", origin_field)])
        assert response.body == b"ok"
        assert response.get("access-control-allow-origin") == allowed, "the app's own is not beside it"
        assert response.get("access-control-allow-credentials") == credentials
        assert response.get("access-control-allow-methods") is None
        assert values(response, "vary") == ["Cookie", "Origin"]
        assert "X-Own" in values(response, "access-control-expose-headers")


@pytest.mark.parametrize("auth", ["members", {"request": {"upstream": "app", "path": "/auth"}}])
def test_preflight_of_a_route_with_cors_needs_no_token(make, auth):
    gateway, origin = make(answer(status=401), cors=True, auth=auth)
    assert gateway.fetch("OPTIONS", "/", [("Origin", APP), *ASK]).status == 204
    assert origin.requests == []
    plain = gateway.fetch("OPTIONS", "/", [("Origin", APP)])
    assert plain.status == 401, "it is none"
    assert plain.get("access-control-allow-origin") == APP


def test_stream_that_an_app_hands_over_has_the_gateways(make):
    gateway, _ = make(answer(headers=[*OWN, ("X-Accel-Redirect", "/events/news")]))
    with gateway.subscribe("/live", [("Origin", APP)]) as subscriber:
        assert cors(subscriber.head) == ALLOWED


def test_preflights_are_counted_under_their_route(make):
    gateway, _ = make(cors=True, name="api")
    gateway.fetch("OPTIONS", "/", [("Origin", APP), *ASK])
    gateway.wait_metric("sluice_http_requests_total", 1, route="api", status="204")
