"""`curl -N`, the first client that anybody tries: it shows one stream and says by its exit code how that
ended."""

import json
import pathlib
import signal
import subprocess

import pytest

from harness import jwt, secrets
from harness.process import end, spawn
from harness.sse import Parser
from harness.wait import TIMEOUT, wait_for


KEY = secrets.make("signing-key")
GUARDED = {
    "auth": {"members": {"token": {"query": "token", "bearer": True},
                         "jwt": {"algorithms": ["HS256"], "secret": KEY, "leeway": "0s"}}},
    "topics": {"news": {"auth": "members"}},
}
# By what docs/clients.md calls them.
EXIT_CODES = {"the gateway drained, or the token expired": 0, "the connection was cut": 18,
              "refused, with `--fail-with-body`": 22}
DONE, CUT, REFUSED = EXIT_CODES.values()


class Curl:
    """A running `curl -N`, whose output goes to a file."""

    def __init__(self, path, arguments):
        self._path = path
        with open(path, "wb") as file:
            self.process = spawn(["curl", "-sN", *arguments], stdout=file)
        wait_for(lambda: b": ok\n\n" in self.output, "curl has its stream")

    @property
    def output(self):
        return self._path.read_bytes()

    @property
    def events(self):
        parser = Parser()
        parser.feed(self.output)
        return parser.events

    def got(self, data):
        wait_for(lambda: len(self.events) >= len(data), f"curl shows {len(data)} events")
        assert [event.data for event in self.events] == data

    def exit_code(self):
        return self.process.wait(TIMEOUT)


@pytest.fixture
def start_curl(folder):
    """start_curl(gateway, argument..., target=): a Curl that has its stream."""
    curls = []

    def start(gateway, *arguments, target="/events/news"):
        path = pathlib.Path(folder) / f"curl{len(curls)}"
        curls.append(Curl(path, [*arguments, "http://%s:%d%s" % (*gateway.address, target)]))
        return curls[-1]

    yield start
    for curl in curls:
        end(curl.process)


def ask(gateway, *arguments):
    """The exit code, status and body that a curl without a stream gets."""
    done = subprocess.run(["curl", "-s", "--fail-with-body", "-w", "%{stderr}%{http_code}", *arguments,
                           "http://%s:%d/events/news" % gateway.address],
                          capture_output=True, timeout=TIMEOUT)
    return done.returncode, int(done.stderr), done.stdout


def test_curl_shows_each_event_at_once(gateway, start_curl):
    curl = start_curl(gateway)
    sent = [f"hello {number}" for number in range(20)]
    for number, data in enumerate(sent, 1):
        gateway.publish("news", data)
        curl.got(sent[:number])


def test_curl_publishes_as_the_readme_says(gateway, start_curl):
    curl = start_curl(gateway)
    done = subprocess.run(
        ["curl", "-sS", "-d", "hello", "http://%s:%d/publish/news" % gateway.address],
        capture_output=True, timeout=TIMEOUT, check=True)
    assert json.loads(done.stdout)["topic"] == "news"
    curl.got(["hello"])


def test_curl_resumes_with_a_header(gateway, start_curl):
    curl = start_curl(gateway)
    for number in range(5):
        gateway.publish("news", str(number))
    curl.got(["0", "1", "2", "3", "4"])
    back = start_curl(gateway, "-H", f"Last-Event-ID: {curl.events[1].id}")
    back.got(["2", "3", "4"])
    assert back.events == curl.events[2:]


def test_curl_gets_no_compression_unless_it_asks_for_it(gateway, start_curl):
    curl = start_curl(gateway, "-D", "-")
    assert b"content-encoding" not in curl.output.lower()


def test_curl_ends_cleanly_at_a_drain(gateway, start_curl):
    curl = start_curl(gateway)
    gateway.publish("news", "last")
    gateway.stop()
    assert curl.exit_code() == DONE
    curl.got(["last"])


def test_curl_says_that_a_stream_was_cut(gateway, start_curl):
    curl = start_curl(gateway)
    gateway.publish("news", "last")
    curl.got(["last"])
    end(gateway.process, signal.SIGKILL)
    assert curl.exit_code() == CUT
    gateway.process = None  # its end was no fault


def test_curl_keeps_its_stream_over_a_restart_of_redis(make_gateway, redis, start_curl):
    gateway = make_gateway({"broker": "redis",
                            "redis": {"url": redis.url, "probe_interval": "100ms"}})
    curl = start_curl(gateway)
    redis.publish("news", "before")
    curl.got(["before"])
    redis.kill()
    wait_for(lambda: not gateway.ready(), "the gateway has noticed")
    redis.start()
    wait_for(lambda: gateway.ready() and redis.subscribers("news") == 1, "subscribed again")
    redis.publish("news", "after")
    wait_for(lambda: len(curl.events) == 3, "all of them")
    assert [event.type for event in curl.events] == ["message", "sluice.gap", "message"]
    assert curl.process.poll() is None


def test_curl_ends_cleanly_when_its_token_expires(make_gateway, start_curl):
    gateway = make_gateway(GUARDED)
    token = jwt.make(KEY, 2.5)
    curl = start_curl(gateway, target=f"/events/news?token={token}")
    assert curl.exit_code() == DONE
    (event,) = curl.events
    assert event.type == "sluice.expired"


def test_curl_shows_why_it_was_refused(make_gateway):
    gateway = make_gateway(GUARDED)

    def bearer(token):
        return ask(gateway, "-H", f"Authorization: Bearer {token}")

    for status, (code, seen, body) in (
            (401, ask(gateway)), (401, bearer(secrets.make("wrong"))), (401, bearer(jwt.make(KEY, -60))),
            (401, bearer(jwt.make("another key than the gateway's"))),
            (403, bearer(jwt.make(KEY, topics=["other"])))):
        assert (code, seen) == (REFUSED, status)
        assert json.loads(body).keys() == {"error", "detail"}
