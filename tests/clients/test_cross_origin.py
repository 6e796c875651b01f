"""Chromium's clients on a page of another origin, where CORS decides."""

import pytest

from catalogue import CLIENTS
from harness import jwt, secrets

KEY = secrets.make("signing-key")
STREAM = "/events/news"
CONFIG = {
    "auth": {"members": {"token": {"cookie": "session", "bearer": True},
                         "jwt": {"algorithms": ["HS256"], "secret": KEY}}},
    "topics": {"news": {"auth": "members", "retry": {"base": "100ms", "jitter": "50ms"}}},
}
BROWSERS = [name for name, facts in CLIENTS.items() if facts.place == "Chromium"]
WITH_HEADERS = [name for name in BROWSERS if "header" in CLIENTS[name].ways]


@pytest.fixture
def start_foreign(make_gateway, make_wire, start_client, chromium):
    """start_foreign(name, option=...): (gateway, wire, client), the client on a foreign page."""

    def start(name, origins=None, **options):
        gateway = make_gateway(
            {**CONFIG, "cors": {"origins": origins or [chromium.origin], "credentials": True}})
        wire = make_wire(gateway)
        return gateway, wire, start_client(name, wire, STREAM, foreign=True, **options)

    return start


def check_resumes(gateway, wire, client):
    """The client gets what is published before, during and after a cut."""
    client.opened()
    gateway.wait_metric("sluice_subscribers", 1, topic="news")
    gateway.publish("news", "before")
    client.got(["before"])
    wire.cut()
    gateway.publish("news", "meanwhile")
    client.got(["before", "meanwhile"])


@pytest.mark.parametrize("name", BROWSERS)
def test_cookie_is_sent_across_origins_and_the_client_resumes(start_foreign, name):
    check_resumes(*start_foreign(name, withCredentials=True, cookies={"session": jwt.make(KEY)}))


@pytest.mark.parametrize("name", WITH_HEADERS)
def test_authorization_is_sent_across_origins_after_a_preflight(start_foreign, name):
    gateway, wire, client = start_foreign(
        name, headers={"Authorization": f"Bearer {jwt.make(KEY)}"})
    check_resumes(gateway, wire, client)
    first = wire.to(STREAM)[0]
    assert (first.method, first.status) == ("OPTIONS", 204)
    assert "authorization" not in first.headers


def test_a_page_that_is_not_listed_sees_nothing(start_foreign):
    _, wire, client = start_foreign("chromium", ["https://app.example"], withCredentials=True,
                                    cookies={"session": jwt.make(KEY)})
    client.closed()
    (request,) = wire.to(STREAM)
    assert request.status == 200  # it is the browser that refuses
    assert client.of("open") == [] and client.events == []
