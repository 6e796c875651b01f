"""The examples under docs/examples: each configuration in a real gateway, its page in Chromium, nginx between."""

import hashlib
import json
import pathlib
import re
import subprocess

import pytest

from harness import example, http
from harness.process import end, spawn
from harness.wait import wait_for

BROWSER = 30  # seconds that it may take to start and show a page

# Client code that was written for any server of event streams, and must run on this one as it is: a hash
# of its lines without indentation and empty ones.
UNCHANGED = {
    "react/src/LiveFeed.jsx": "7095ef905fd92a128e0d30bb313f2b7af50e1ec642eb1f7e72136d1d0b769d67",
    "trading/www/client.js": "88ca8220bbddac4decab7bc8b14c9ab036ad6f6181ac317adb08dab49f33587d",
}


@pytest.fixture
def make_site(folder, make_gateway):
    """make_site(example, ...): (gateway, site), both running."""
    sites = []

    def make(name, file="sluice.yaml", changes=None, www=None, **options):
        gateway = make_gateway({**example.CHANGES, **(changes or {})}, base=example.config_of(name, file), **options)
        wait_for(gateway.ready, "ready")
        sites.append(example.Site(folder, www or example.FOLDER / name / "www", gateway).start())
        return gateway, sites[-1]

    yield make
    for site in sites:
        site.stop()


@pytest.fixture
def start_ticker():
    """start_ticker(way, url): trading/ticker.sh, faster than it usually is."""
    processes = []

    def start(way, **environment):
        processes.append(spawn(["sh", example.FOLDER / "trading/ticker.sh", way, "0.02"], env={
            "PATH": "/usr/bin:/bin", **environment}))
        return processes[-1]

    yield start
    for process in processes:
        end(process)


def text_of(page):
    shown = page.of("text")
    return shown[-1]["text"] if shown else ""


def shows(page, *texts, timeout=BROWSER):
    page.wait(lambda: all(text in text_of(page) for text in texts), f"the page shows {texts}", timeout)
    assert page.of("pageerror") == []


def post(gateway, target, activity):
    response = gateway.fetch("POST", target, [("Content-Type", "application/json")],
                             json.dumps(activity))
    assert response.status == 202, response.body


@pytest.mark.parametrize("path", UNCHANGED)
def test_client_code_runs_as_it_was_written(path):
    lines = (line.strip() for line in (example.FOLDER / path).read_text(encoding="utf-8").splitlines())
    text = "\n".join(line for line in lines if line)
    assert hashlib.sha256(text.encode()).hexdigest() == UNCHANGED[path]


def test_activity_feed_shows_the_latest_ten_and_then_what_is_posted(make_site, open_page):
    gateway, site = make_site("activity-feed")
    for number in range(12):
        post(gateway, "/api/activity", {"type": "login", "message": f"early {number}."})
    page = open_page(site.origin + "/")
    shows(page, "connected", "early 11.")
    assert re.findall(r"login: (early \d+\.)", text_of(page)) == [
        f"early {number}." for number in range(11, 1, -1)]
    post(gateway, "/api/activity", {"type": "order", "message": "late"})
    shows(page, "order: late")
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z order: late", text_of(page))
    page.evaluate("""
        document.querySelector('select').value = 'order';
        document.querySelector('input').value = 'by <b>form</b>';
        document.querySelector('button').click();
    """)
    shows(page, "order: by <b>form</b>")


def test_activity_feed_filters_what_was_and_what_comes(make_site, open_page):
    gateway, site = make_site("activity-feed")
    for number in range(12):
        for kind in ("login", "order"):
            post(gateway, "/api/activity", {"type": kind, "message": f"{kind} {number}."})
    with gateway.subscribe("/api/activity-feed") as everything:
        page = open_page(site.origin + "/?type=order")
        shows(page, "connected", "order: order 2.", "order 11.")
        post(gateway, "/api/activity", {"type": "login", "message": "not for orders"})
        post(gateway, "/api/activity", {"type": "order", "message": "for orders"})
        shows(page, "order: for orders")
        events = [json.loads(data) for data in everything.data(12)]
    shown = re.findall(r"(login|order): (.*)", text_of(page))
    assert shown == [("order", "for orders"),
                     *(("order", f"order {number}.") for number in range(11, 1, -1))]
    assert [event["message"] for event in events[-2:]] == ["not for orders", "for orders"]
    assert all(set(event) == {"id", "type", "message", "timestamp"} for event in events)


def test_metrics_page_greets_and_shows_numbers(make_site, open_page):
    config = example.config_of("metrics")
    assert config["topics"]["metrics"]["interval"] == "2s"
    gateway, site = make_site("metrics")
    with gateway.subscribe("/api/metrics") as subscriber:
        assert subscriber.next().data == '{"status":"connected"}'
        numbers = json.loads(subscriber.next().data)
        assert {"cpu", "memory", "timestamp"} <= set(numbers)
    page = open_page(site.origin + "/")
    page.wait(lambda: re.search(r"connected[\s\S]*\d\.\d %[\s\S]*\d\.\d{3} GiB[\s\S]*\d:\d\d",
                                text_of(page)), "numbers are shown", BROWSER)
    assert page.of("pageerror") == []


@pytest.mark.parametrize("way", ["http", "redis"])
def test_trading_page_shows_prices_and_alerts(make_site, open_page, start_ticker, request, way):
    if way == "http":
        gateway, site = make_site("trading")
        places = {"SLUICE_URL": "http://127.0.0.1:%d" % gateway.address[1]}
    else:
        places = {"REDIS_URL": request.getfixturevalue("redis").url}
        gateway, site = make_site("trading", "redis.yaml", environment=places)
    page = open_page(site.origin + "/")
    gateway_has = lambda: gateway.metric("sluice_subscribers", topic="trading") >= 1
    page.wait(gateway_has, "the page has subscribed", BROWSER)
    ticker = start_ticker(way, **places)
    page.wait(lambda: re.search(r"AAPL 15\d\.\d\d\n", text_of(page))
              and "Price threshold exceeded!" in text_of(page), "a price and an alert", BROWSER)
    assert text_of(page).count("AAPL") == 1
    assert page.of("pageerror") == []
    assert ticker.poll() is None


def test_ticker_tells_what_it_can_do_and_ends_when_nobody_takes_it(start_ticker):
    assert start_ticker("carrier-pigeon").wait(10) == 2
    assert start_ticker("http", SLUICE_URL="http://127.0.0.1:9").wait(10) not in (0, 2)


def test_react_component_follows_the_connection(make_site, open_page, folder):
    www = pathlib.Path(folder) / "www"
    subprocess.run(["npm", "run", "build", "--", "--outDir", www], check=True, capture_output=True,
                   cwd=example.FOLDER / "react", timeout=60)
    gateway, site = make_site("react", www=www, changes={
        "topics": {"events": {"retry": {"base": "300ms", "jitter": "0s"}}}})
    page = open_page(site.origin + "/")
    shows(page, "Status: connected")
    gateway.publish("events", '{"number":1}')
    shows(page, '{"number":1}')
    gateway.stop()
    shows(page, "Status: reconnecting")
    stream = http.fetch(site.address, "GET", "/api/events", [("Accept", "text/event-stream")])
    assert (stream.status, stream.body) == (200, b"retry: 2000\n\n"), "so that a browser comes back"
    assert stream.get("content-type") == "text/event-stream"
    assert http.fetch(site.address, "POST", "/api/events", body="x").status == 502
    gateway.restart()
    page.wait(lambda: gateway.metric("sluice_subscribers", topic="events") == 1, "it is back", BROWSER)
    shows(page, "Status: connected")
    gateway.publish("events", '{"number":2}')
    shows(page, '{"number":2}')
    statuses = [match[1] for thing in page.of("text")
                if (match := re.search(r"Status: (\w+)", thing["text"]))]
    assert "disconnected" not in statuses[statuses.index("connected"):]
