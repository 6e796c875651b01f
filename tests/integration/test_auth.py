"""Who may subscribe and publish: the answers of the contract, and what a token's end does to a stream."""

import json
import time

import pytest

from harness import jwt, secrets
from harness.sse import Subscriber

KEY = "a key that only these tests sign with"
OTHER_KEY = "a key that the gateway does not know"


def members(**jwt_keys):
    return {"token": {"query": "token", "cookie": "session", "bearer": True},
            "jwt": {"algorithms": ["HS256"], "secret": KEY, **jwt_keys}}


def guarded(scheme=None, **more):
    """A configuration whose topics and publish path need a token."""
    return {"auth": {"members": scheme or members()},
            "topics": {"news": {"auth": "members", "retry": {"base": "100ms", "jitter": "0s"}},
                       "room": {"path": "/events/rooms/{id}", "channel": "room:{id}", "auth": "members"}},
            "publish": [{"path": "/publish/{topic}", "auth": "members"}], **more}


@pytest.fixture
def gateway(make_gateway):
    return make_gateway(guarded())


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


def status(gateway, target="/events/news", headers=(), method="HEAD", body=None):
    return gateway.fetch(method, target, headers, body).status


def refusal(gateway, target="/events/news", headers=(), method="GET", body=None):
    """(status, detail) of an answer that has an error's body."""
    response = gateway.fetch(method, target, headers, body)
    return response.status, json.loads(response.body)["detail"]


def test_a_token_is_taken_from_query_cookie_and_header(gateway):
    token = jwt.make(KEY)
    assert status(gateway, f"/events/news?token={token}") == 200
    assert status(gateway, headers=[("Cookie", f"a=b; session={token}; c=d")]) == 200
    assert status(gateway, headers=bearer(token)) == 200
    assert status(gateway, headers=[("authorization", f"bEARER  {token}")]) == 200
    assert status(gateway, headers=[("Authorization", f"Basic {token}")]) == 401
    assert status(gateway, f"/events/news?Token={token}") == 401


@pytest.mark.parametrize("order", [["query", "cookie", "bearer"], ["bearer", "cookie", "query"],
                                   ["cookie", "query", "bearer"]])
def test_the_first_place_in_the_configured_order_counts(make_gateway, order):
    values = {"query": "token", "cookie": "session", "bearer": True}
    scheme = {**members(), "token": {place: values[place] for place in order}}
    gateway = make_gateway(guarded(scheme))
    good, bad = jwt.make(KEY), jwt.make(OTHER_KEY)
    for first, place in enumerate(order):
        # The first place that has a token has one kind, all later places the other.
        for expected, winner, others in ((200, good, bad), (401, bad, good)):
            tokens = {later: others for later in order[first:]} | {place: winner}
            target = "/events/news" + (f"?token={tokens['query']}" if "query" in tokens else "")
            headers = bearer(tokens["bearer"]) if "bearer" in tokens else []
            headers += [("Cookie", f"session={tokens['cookie']}")] if "cookie" in tokens else []
            assert status(gateway, target, headers) == expected, place


def test_refusals_are_those_of_the_contract(gateway):
    foreign = jwt.make(OTHER_KEY)
    reading = jwt.make(KEY, topics=["room:*"], publish=[])
    assert refusal(gateway) == (401, "a token is needed")
    assert refusal(gateway, headers=bearer(secrets.make("no-jwt"))) == (401, "the token is not valid")
    assert refusal(gateway, headers=bearer(foreign)) == (401, "the token is not valid")
    assert refusal(gateway, headers=bearer(jwt.make(KEY, -31))) == (401, "the token has expired")
    early = jwt.make(KEY, nbf=time.time() + 60)
    assert refusal(gateway, headers=bearer(early)) == (401, "the token is not valid yet")
    forbidden = (403, "the token does not allow this")
    assert refusal(gateway, headers=bearer(reading)) == forbidden
    assert status(gateway, "/events/rooms/42", bearer(reading)) == 200
    assert refusal(gateway, "/publish/news", bearer(reading), "POST", "x") == forbidden
    assert refusal(gateway, "/publish/room:42", bearer(reading), "POST", "x") == forbidden
    response = gateway.fetch("GET", "/events/news")
    assert response.get("www-authenticate") == 'Bearer realm="sluice"'
    response = gateway.fetch("GET", "/events/news", bearer(foreign))
    assert response.get("www-authenticate") == 'Bearer realm="sluice", error="invalid_token"'
    for reason, count in (("missing", 2), ("malformed", 1), ("signature", 2), ("expired", 1),
                          ("not_yet", 1), ("forbidden", 3)):
        assert gateway.metric("sluice_auth_failures_total", reason=reason) == count, reason


def test_a_body_is_not_read_from_a_publisher_without_the_right(gateway):
    with gateway.connect() as connection:
        connection.request("POST", "/publish/news", [("Content-Length", "1000000"),
                                                     ("Expect", "100-continue")])
        assert connection.head().status == 401


def test_unsigned_and_resigned_tokens_are_refused(gateway):
    claims = {"exp": time.time() + 60}
    for token in (jwt.sign(claims, KEY, "none"), jwt.sign(claims, KEY, "HS512"),
                  jwt.sign(claims, KEY, typ="JWT", crit=["exp"])):
        assert status(gateway, headers=bearer(token)) == 401
    good = jwt.sign(claims, KEY)
    assert status(gateway, headers=bearer(good)) == 200
    header, payload, signature = good.split(".")
    more = jwt.encode({**claims, "topics": ["*"]})
    for token in (f"{header}.{more}.{signature}", f"{header}.{payload}.", f"{header}.{payload}",
                  f"{good}.", f"{good}=", good[:-1] + ("A" if good[-1] != "A" else "B"),
                  jwt.encode({"alg": "none"}) + f".{payload}."):
        assert status(gateway, headers=bearer(token)) == 401, token


def test_claims_of_a_wrong_type_are_refused(gateway):
    later = time.time() + 60
    for claims in ({"exp": "soon"}, {"exp": [1]}, {"exp": later, "nbf": "x"}, {"exp": later, "sub": 1},
                   {"exp": later, "topics": "news"}, {"exp": later, "topics": [1]},
                   {"exp": later, "publish": {}}, {"exp": later, "topics": ["a"] * 257},
                   {"exp": later, "iss": 5}, {"exp": later, "aud": [5]}):
        assert status(gateway, headers=bearer(jwt.sign(claims, KEY))) == 401, claims
    assert gateway.metric("sluice_auth_failures_total", reason="claims") == 10


def test_issuer_and_audience_are_checked_where_configured(make_gateway):
    gateway = make_gateway(guarded(members(issuer="https://login.example", audience="live")))
    issuer = {"iss": "https://login.example"}
    assert status(gateway, headers=bearer(jwt.make(KEY, **issuer, aud="live"))) == 200
    assert status(gateway, headers=bearer(jwt.make(KEY, **issuer, aud=["a", "live"]))) == 200
    assert status(gateway, headers=bearer(jwt.make(KEY, **issuer, aud=["a"]))) == 401
    assert status(gateway, headers=bearer(jwt.make(KEY, **issuer))) == 401
    assert status(gateway, headers=bearer(jwt.make(KEY, iss="https://else.example", aud="live"))) == 401


def test_static_tokens_have_their_rights(make_gateway):
    token, other = secrets.make("acme"), secrets.make("other")
    gateway = make_gateway(guarded(
        {"token": {"query": "key", "bearer": True},
         "static": [{"token": token, "subject": "acme", "topics": ["news"]},
                    {"token": other, "topics": ["*"], "publish": []}]}))
    assert status(gateway, f"/events/news?key={token}") == 200
    assert status(gateway, f"/events/rooms/1?key={token}") == 403
    assert status(gateway, f"/events/rooms/1?key={other}") == 200
    assert status(gateway, f"/events/news?key={other[:-1]}") == 401
    # Without `publish`, what may be read may be published to.
    assert status(gateway, "/publish/news", bearer(token), "POST", "x") == 202
    assert status(gateway, "/publish/room:1", bearer(token), "POST", "x") == 403
    assert status(gateway, "/publish/news", bearer(other), "POST", "x") == 403
    with gateway.subscribe(f"/events/news?key={token}"):
        assert 'subject="acme"' in gateway.wait_log("stream opened")[0]
    assert gateway.metric("sluice_auth_failures_total", reason="unknown") == 1


def test_rights_of_the_scheme_are_for_tokens_that_say_nothing(make_gateway):
    gateway = make_gateway(guarded({**members(), "topics": ["room:*"], "publish": ["room:1"]}))
    silent, loud = jwt.make(KEY), jwt.make(KEY, topics=["news"], publish=["*"])
    assert status(gateway, "/events/news", bearer(silent)) == 403
    assert status(gateway, "/events/rooms/1", bearer(silent)) == 200
    assert status(gateway, "/publish/room:1", bearer(silent), "POST", "x") == 202
    assert status(gateway, "/publish/room:2", bearer(silent), "POST", "x") == 403
    assert status(gateway, "/events/news", bearer(loud)) == 200
    assert status(gateway, "/publish/room:2", bearer(loud), "POST", "x") == 202


def test_a_stream_ends_at_exp_and_its_token_gets_204(gateway):
    token, publisher = jwt.make(KEY, 1.5), jwt.make(KEY)
    with gateway.subscribe(f"/events/news?token={token}") as subscriber:
        assert status(gateway, "/publish/news", bearer(publisher), "POST", "x") == 202
        assert subscriber.next().data == "x"
        event = subscriber.next()
        assert (event.type, json.loads(event.data)) == ("sluice.expired", {"topic": "news"})
        assert subscriber.rest() == []
        assert subscriber.clean_end
        last_id = event.id
    assert "reason=expired" in gateway.wait_log("stream closed")[0]
    assert gateway.metric("sluice_disconnects_total", reason="expired") == 1
    # Within the leeway another token would still be good; this one has been told.
    for headers in ([], [("Last-Event-ID", last_id)]):
        response = gateway.fetch("GET", f"/events/news?token={token}", headers)
        assert (response.status, response.body) == (204, b"")
    # A new token resumes where the old one ended.
    assert status(gateway, "/publish/news", bearer(publisher), "POST", "y") == 202
    with gateway.subscribe(f"/events/news?token={publisher}", last_id=last_id) as subscriber:
        assert subscriber.next().data == "y"


def test_an_expired_token_with_a_last_id_gets_204_elsewhere_too(make_gateway):
    gateway = make_gateway(guarded(members(leeway="0s")))
    expired = jwt.make(KEY, -1)
    assert status(gateway, f"/events/news?token={expired}", method="GET") == 401
    for target, headers in ((f"?token={expired}", [("Last-Event-ID", "k3x9ab1.17")]),
                            (f"?token={expired}&lastEventId=k3x9ab1.17", [])):
        assert status(gateway, "/events/news" + target, headers, "GET") == 204
    foreign = jwt.make(OTHER_KEY, -1)
    assert status(gateway, f"/events/news?token={foreign}", [("Last-Event-ID", "a")], "GET") == 401
    assert status(gateway, "/publish/news?lastEventId=a", bearer(expired), "POST", "x") == 401


def test_leeway_is_granted_and_not_for_ever(make_gateway):
    gateway = make_gateway(guarded(members(leeway="2s")))
    token = jwt.make(KEY, -0.5)
    with gateway.subscribe(f"/events/news?token={token}") as subscriber:
        assert subscriber.next().type == "sluice.expired"
    assert status(gateway, f"/events/news?token={token}") == 204


def test_a_slow_stream_is_told_of_its_end_in_order(make_gateway):
    gateway = make_gateway(guarded(topics={"news": {
        "auth": "members", "slow_client": {"buffer": "64MiB"}, "history": {"bytes": "64MiB"}}}))
    publisher = jwt.make(KEY)
    with gateway.subscribe(f"/events/news?token={jwt.make(KEY, 1.5)}",
                           receive_buffer=4096) as subscriber:
        sent = 0
        while gateway.metric("sluice_subscribers_behind") == 0:
            assert status(gateway, "/publish/news", bearer(publisher), "POST", "z" * 100_000) == 202
            sent += 1
        events = [subscriber.next()]
        while events[-1].type == "message":
            events.append(subscriber.next())
        assert events[-1].type == "sluice.expired"
        assert all(event.data == "z" * 100_000 for event in events[:-1])
        # It may not have got all; the id that it goes on from is that of the last that it has.
        if len(events) > 1:
            assert events[-1].id == events[-2].id
        assert subscriber.rest() == []
        assert subscriber.clean_end


def test_failures_of_an_address_are_limited_and_good_tokens_pass(make_gateway):
    gateway = make_gateway(guarded(limits={"auth_failures": 3}))
    foreign, good = jwt.make(OTHER_KEY), jwt.make(KEY)
    assert [status(gateway, headers=bearer(foreign), method="GET") for _ in range(5)] == [
        401, 401, 401, 429, 429]
    response = gateway.fetch("GET", "/events/news", bearer(foreign))
    assert response.status == 429 and 1 <= int(response.get("retry-after")) <= 20
    assert json.loads(response.body)["detail"] == "too many requests with tokens that were refused"
    assert status(gateway, headers=bearer(good)) == 200
    assert gateway.metric("sluice_auth_failures_total", reason="limited") == 3
    assert gateway.metric("sluice_auth_failures_total", reason="signature") == 6


def test_a_page_of_another_origin_cannot_publish_with_a_cookie(make_gateway):
    gateway = make_gateway(guarded(cors={"origins": ["https://app.example"], "credentials": True}))
    token = jwt.make(KEY)
    cookie = [("Cookie", f"session={token}")]
    own = "http://test"  # the Host that the harness sends

    def publish(headers):
        return status(gateway, "/publish/news", headers, "POST", "x")

    assert publish(cookie) == 202
    assert publish([*cookie, ("Origin", own)]) == 202
    assert publish([*cookie, ("Origin", "https://app.example")]) == 202
    for origin in ("https://evil.example", "null", own + ".evil.example", "https://app.example.evil"):
        assert publish([*cookie, ("Origin", origin)]) == 403, origin
    assert publish([*bearer(token), ("Origin", "https://evil.example")]) == 202
    assert gateway.metric("sluice_auth_failures_total", reason="cross_origin") == 4


def test_no_answer_and_no_log_shows_a_token(make_gateway):
    gateway = make_gateway(guarded(log={"level": "debug"}))
    foreign, expired, good = jwt.make(OTHER_KEY), jwt.make(KEY, -60), jwt.make(KEY)
    for token in (foreign, expired, good):
        for target, headers in ((f"/events/none?token={token}", []), (f"/events/news?token={token}", []),
                                ("/events/news", bearer(token)),
                                ("/events/news", [("Cookie", f"session={token}")])):
            response = gateway.fetch("HEAD" if token == good else "GET", target, headers)
            assert token.encode() not in response.body
            assert all(token not in value for _, value in response.headers)
    with gateway.subscribe(f"/events/news?token={good}"):
        gateway.wait_log("stream opened")
    gateway.stop()
    for token in (foreign, expired, good):
        assert token not in gateway.log()
        assert token.split(".")[2] not in gateway.log()


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_open_topics_need_no_token_beside_guarded_ones(make_gateway, version):
    gateway = make_gateway(guarded(topics={"open": {"path": "/events/open"}, "news": {"auth": "members"}}))
    with Subscriber(gateway.address, "/events/open", version=version).opened():
        gateway.wait_metric("sluice_subscribers", 1, topic="open")
