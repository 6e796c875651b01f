"""nginx in front, with its default buffering: X-Accel-Buffering makes every event pass at once."""

import pytest

from harness import http
from harness.sse import Subscriber

OPTIONS = ["", "proxy_http_version 1.1; proxy_set_header Connection '';"]


@pytest.mark.parametrize("options", OPTIONS, ids=["http-1.0", "http-1.1"])
def test_every_event_passes_at_once(gateway, make_nginx, options):
    nginx = make_nginx(gateway, options)
    with Subscriber(nginx.address, "/events/news").opened() as subscriber:
        assert subscriber.head.get("content-type") == "text/event-stream"
        assert subscriber.head.get("cache-control") == "no-cache, no-transform"
        for number in range(20):
            # One at a time: a buffered event would make this wait for ever.
            gateway.publish("news", str(number))
            assert subscriber.next().data == str(number)
        last = subscriber.last_id
    gateway.publish("news", "missed")
    with Subscriber(nginx.address, "/events/news", last_id=last) as subscriber:
        assert subscriber.next().data == "missed"


@pytest.mark.parametrize("options", OPTIONS, ids=["http-1.0", "http-1.1"])
def test_large_event_passes_whole_and_at_once(gateway, make_nginx, options):
    nginx = make_nginx(gateway, options)
    data = "".join(f"{number:07d}," for number in range(100_000))
    with Subscriber(nginx.address, "/events/news").opened() as subscriber:
        gateway.publish("news", data)
        assert subscriber.next().data == data


def test_publishing_and_errors_pass(gateway, make_nginx):
    nginx = make_nginx(gateway)
    with gateway.subscribe() as subscriber:
        assert http.fetch(nginx.address, "POST", "/publish/news", body="hi").status == 202
        assert subscriber.next().data == "hi"
    assert http.fetch(nginx.address, "GET", "/nothing").status == 404


def test_client_that_leaves_nginx_leaves_the_gateway(gateway, make_nginx):
    nginx = make_nginx(gateway)
    Subscriber(nginx.address, "/events/news").opened().close()
    gateway.wait_metric("sluice_subscribers", 0, topic="news")


def test_drain_ends_the_stream_through_nginx(gateway, make_nginx):
    nginx = make_nginx(gateway)
    with Subscriber(nginx.address, "/events/news").opened() as subscriber:
        gateway.stop()
        subscriber.rest()
        assert len(subscriber.retries) == 2
        assert subscriber.connection.ended == "eof" or subscriber.clean_end
