"""The demo page and the status page, in Chromium."""

import json
import re
import signal

import pytest

from conftest import START
from harness.gateway import BASE
from harness.origin import answer
from harness.wait import TIMEOUT, wait_for

CHAT = {
    "demo": True,
    "topics": {"chat": {"path": "/events/chat", "replay": {"initial": 20},
                        "retry": {"base": "300ms", "jitter": "100ms"}}},
}


class Page:
    """A page as a person sees it."""

    def __init__(self, client):
        self.client = client
        self.until(lambda: client.of("text"), "the page is shown", START)

    def until(self, condition, what, timeout=TIMEOUT):
        self.client.wait(condition, what, timeout)

    def get(self, script):
        return self.client.evaluate(script)

    def text(self, selector):
        return self.get(f"document.querySelector({selector!r}).innerText")

    def until_text(self, selector, text, timeout=TIMEOUT):
        self.until(lambda: text in self.text(selector), f"{selector} says {text!r}", timeout)

    def say(self, topic, text):
        self.get(f"""(() => {{
          const form = document.querySelector('.topic[data-topic={topic}] form');
          form.querySelector('input[required]').value = {text!r};
          form.requestSubmit();
        }})()""")

    def check(self, origin):
        """Nothing went wrong, and nothing was asked of anyone else."""
        assert self.client.of("pageerror") == [] and self.client.of("violation") == []
        requests = [request["url"] for request in self.client.of("request")]
        assert requests and all(url.startswith((origin + "/", "data:")) for url in requests), requests


@pytest.fixture
def open_at(open_page):
    """open_at(address, target, option=...): a Page, which is checked at the end."""
    pages = []

    def start(address, target, **options):
        origin = "http://%s:%d" % address
        pages.append((Page(open_page(origin + target, **options)), origin))
        return pages[-1][0]

    yield start
    for page, origin in pages:
        page.check(origin)


def test_demo_page_shows_events_as_text(make_gateway, open_at):
    gateway = make_gateway({"demo": True})
    page = open_at(gateway.address, "/")
    page.until_text(".topic[data-topic=news] .badge", "open")
    gateway.publish("news", "hello <b>page</b>")
    page.until_text(".topic[data-topic=news] ol", "hello <b>page</b>")


def test_demo_page_draws_the_gateways_numbers(make_gateway, open_at):
    gateway = make_gateway({"demo": True})
    page = open_at(gateway.address, "/")
    line = "document.querySelector('.tile .line').getAttribute('d') ?? ''"
    page.until(lambda: page.get(line).count("L") >= 1, "two points are drawn")
    assert "MiB" in page.text("#tiles")
    assert "now" in page.get("document.querySelector('.tile svg').getAttribute('aria-label')")


def test_chat_arrives_on_another_page(make_gateway, open_at):
    gateway = make_gateway(CHAT)
    one, other = open_at(gateway.address, "/"), open_at(gateway.address, "/")
    for page in (one, other):
        page.until_text(".topic[data-topic=chat] .badge", "open")
    one.say("chat", "is anybody there?")
    for page in (one, other):
        page.until_text(".topic[data-topic=chat] ol", "is anybody there?")
    assert one.get("document.querySelector('.topic[data-topic=chat] input[required]').value") == ""


def test_publish_that_fails_says_so(make_gateway, open_at):
    gateway = make_gateway({**CHAT, "limits": {"message_bytes": 100}})
    page = open_at(gateway.address, "/")
    page.say("chat", "x" * 200)
    page.until_text(".topic[data-topic=chat] .error", "413")


def test_topic_is_watched_when_asked_for(make_gateway, open_at):
    gateway = make_gateway(CHAT)
    page = open_at(gateway.address, "/")
    page.until_text(".topic[data-topic=chat] .badge", "open")
    assert gateway.metric("sluice_subscribers", topic="news") == 0
    page.get("document.querySelector('.topic[data-topic=news] button.plain').click()")
    page.until_text(".topic[data-topic=news] .badge", "open")
    gateway.wait_metric("sluice_subscribers", 1, topic="news")


def test_state_is_true_while_the_gateway_is_stopped_and_started(make_gateway, open_at):
    gateway = make_gateway(CHAT)
    page = open_at(gateway.address, "/")
    badges = ("#state", ".topic[data-topic=chat] .badge")
    for badge in badges:
        page.until_text(badge, "open")
    page.say("chat", "before")
    page.until_text(".topic[data-topic=chat] ol", "before")
    gateway.stop()
    for badge in badges:
        page.until_text(badge, "reconnecting")
    page.say("chat", "into the void")
    page.until_text(".topic[data-topic=chat] .error", "does not answer")
    gateway.start_again()
    for badge in badges:
        page.until_text(badge, "open", START)
    page.say("chat", "after")
    page.until_text(".topic[data-topic=chat] ol", "after")
    assert "may have missed something" in page.text(".topic[data-topic=chat] ol")


def test_state_is_true_when_the_gateway_hangs(make_gateway, open_at):
    gateway = make_gateway(CHAT)
    page = open_at(gateway.admin, "/status")
    page.until_text("#state", "open")
    gateway.signal(signal.SIGSTOP)  # no FIN tells the browser
    try:
        page.until_text("#state", "reconnecting")
        assert page.get("document.body.classList.contains('stale')")
    finally:
        gateway.signal(signal.SIGCONT)
    page.until_text("#state", "open", START)


def test_stream_rests_while_nobody_looks_and_then_goes_on_where_it_was(make_gateway, open_at):
    gateway = make_gateway(CHAT)
    page = open_at(gateway.address, "/")
    page.until_text(".topic[data-topic=chat] .badge", "open")
    page.say("chat", "seen")
    page.until_text(".topic[data-topic=chat] ol", "seen")
    look = """
      LiveStream.REST_MS = 0;
      Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s});
      document.dispatchEvent(new Event('visibilitychange'));"""
    page.get(look % "true")
    page.until_text(".topic[data-topic=chat] .badge", "paused")
    gateway.wait_metric("sluice_subscribers", 0)
    gateway.publish("chat", "meanwhile")
    page.get(look % "false")
    page.until_text(".topic[data-topic=chat] ol", "meanwhile")
    lines = page.get("[...document.querySelectorAll('.topic[data-topic=chat] li')].length")
    assert lines == 2, "each once"


def test_nothing_else_runs_on_a_page(make_gateway, open_page):
    gateway = make_gateway({"demo": True})
    page = Page(open_page("http://%s:%d/" % gateway.address))
    page.get("""(() => {
      const script = document.createElement('script');
      script.textContent = 'window.foreign = 1';
      document.body.append(script);
      document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:1/image'}));
    })()""")
    page.until(lambda: len(page.client.of("violation")) == 2, "both are told")
    assert page.get("window.foreign === undefined")


def test_status_page_follows_what_happens(make_gateway, redis, open_at):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url}})
    page = open_at(gateway.admin, "/status")
    page.until_text("#state", "open")
    page.until_text("#ready", "ready")

    def tile(name):
        """Its title, number, detail and what is around the graph, by line."""
        text = page.get("[...document.querySelectorAll('.tile')]"
                        f".find((tile) => tile.innerText.startsWith({name!r})).innerText")
        return [line for line in text.split("\n") if line]

    assert tile("Subscribers")[1] == "0"
    with gateway.subscribe(), gateway.subscribe() as subscriber:
        for number in range(10):
            gateway.publish("news", str(number))
        subscriber.take(10)
        page.until(lambda: tile("Subscribers")[1] == "2", "two subscribers")
        page.until(lambda: "20 since the start" in tile("Deliveries")[2], "20 deliveries")
        row = page.text("#topics tbody tr").split()
        assert row[:3] == ["news", "/events/news", "2"] and "10" in row
    assert tile("Redis link")[1].startswith("up")
    redis.stop()
    page.until_text("#ready", "not ready")
    page.until(lambda: tile("Redis link")[1].startswith("down"), "the link is down")
    assert "redis" in page.text("#notice")


def test_status_page_shows_the_minutes_before_it(make_gateway, open_at):
    gateway = make_gateway({})
    wait_for(lambda: len(json.loads(gateway.get_admin("/status/history").body)) >= 3, "history")
    page = open_at(gateway.admin, "/status")
    line = "document.querySelector('.tile .line').getAttribute('d') ?? ''"
    page.until(lambda: page.get(line).count("L") >= 2, "what was before is drawn")
    # Without Redis there is nothing to say of it.
    page.until(lambda: "Redis" not in page.text("#tiles"), "no tile of Redis")


LUMINANCE = """(() => {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
  return (r + g + b) / 3;
})()"""


@pytest.mark.parametrize("listener, target", [("admin", "/status"), ("address", "/")])
def test_page_fits_a_phone_and_both_color_schemes(make_gateway, open_at, listener, target):
    gateway = make_gateway({**CHAT, "topics": {"chat": CHAT["topics"]["chat"], "a" * 60: {
        "path": "/events/" + "long" * 20}}})
    ground = {}
    for scheme in ("light", "dark"):
        page = open_at(getattr(gateway, listener), target, colorScheme=scheme,
                       viewport={"width": 360, "height": 740})
        page.until_text("#state", "open")
        page.until(lambda: page.get("document.querySelectorAll('.value').length") > 0, "numbers")
        page.until(lambda: page.text(".value") != "–", "a number")
        assert page.get("document.documentElement.scrollWidth") <= 360
        ground[scheme] = page.get(LUMINANCE)
    assert ground["dark"] < 60 < 200 < ground["light"]


CONTRAST = """(() => {
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const color = numbers(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || /SCRIPT|STYLE/.test(node.tagName)) continue;
    const [a, b] = [numbers(getComputedStyle(node).color), ground(node)].map(light).sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(walker.currentNode.data.trim().slice(0, 40));
  }
  return poor;
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("listener, target", [("admin", "/status"), ("address", "/")])
def test_text_has_the_contrast_that_wcag_asks_for(make_gateway, open_at, listener, target, scheme):
    gateway = make_gateway(CHAT)
    page = open_at(getattr(gateway, listener), target, colorScheme=scheme)
    page.until_text("#state", "open")
    page.until(lambda: page.text(".value") != "–", "a number")
    assert page.get(CONTRAST) == []


def test_status_page_says_of_each_server_how_it_is(make_gateway, make_origin, open_at):
    """One that is busy, one that rests, one that fails its check, a backup, and a name that does not exist."""
    well = []

    def slow(connection, request):
        if request.target == "/slow":
            connection.wait_end()
        connection.send(answer(b"ok"))

    busy, gone = make_origin(slow), make_origin(answer(b"ok"))
    sick = make_origin(lambda connection, _: connection.send(answer(status=200 if well else 503)))
    gone.refuse()
    gateway = make_gateway({
        "upstreams": {
            "app": {"servers": [gone.name, {"address": busy.name, "weight": 2}, {"address": "unix:/run/app.sock", "backup": True}],
                    "max_fails": 1, "backoff": "1h", "backoff_max": "1h", "max_connections": 1, "queue": {"size": 5, "timeout": "1h"}},
            "search": {"servers": [sick.name], "health_check": {"path": "/up", "interval": "100ms", "rise": 1, "fall": 1}},
            "images": {"servers": ["nowhere.invalid:80"]}},
        "routes": [{"path": "/", "upstream": "app"}]},
        base={key: BASE[key] for key in ("listen", "workers", "admin", "drain")})
    page = open_at(gateway.admin, "/status")
    rows = "[...document.querySelectorAll('#upstreams tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText))"
    page.until(lambda: len(page.get(rows)) == 5, "all servers are there")
    assert page.get("document.getElementById('served').hidden"), "there are no topics"
    for _ in range(3):
        assert gateway.fetch("GET", "/").status == 200
    with gateway.connect() as one, gateway.connect() as other:
        for client in (one, other):
            client.request("GET", "/slow")
        gateway.wait_metric("sluice_upstream_waiting", 1)
        expected = [
            [gone.name, "app · 1 waiting", "▲ rests", "0", "0", "0", "0", "▲ 1"],
            [busy.name, "app", "up", "3", "1", "0", "1", "0"],
            ["unix:/run/app.sock backup", "app", "▲ rests", "0", "0", "0", "0", "▲ 1"],
            [sick.name, "search", "▲ check fails", "0", "0", "0", "0", "0"],
            ["nowhere.invalid:80", "images", "▲ not resolved", "0", "0", "0", "0", "0"]]
        marked = rows.replace("cell.innerText", "(cell.querySelector('.alarm') ? '▲ ' : '') + cell.innerText")
        times = re.compile(r" · answers in ([0-9.]+) ms, p99 ([0-9.]+) ms")
        shown = lambda: [[times.sub("", cell) for cell in row] for row in page.get(marked)]
        page.until(lambda: shown() == expected, f"they are {expected}")
        page.until(lambda: times.search(page.get(rows)[0][1]), "how long the answers of app took")
        assert all(not times.search(row[1]) for row in page.get(rows)[1:])
    well.append(True)
    page.until(lambda: page.get(rows)[3][2] == "up", "it is well again")
    assert page.get(CONTRAST) == []
    assert page.get("""(() => {
      const [one, other] = ['proxied', 'process'].map((id) => document.getElementById(id).closest('.card').getBoundingClientRect());
      return other.top - one.bottom;
    })()""") > 8, "cards do not touch"
