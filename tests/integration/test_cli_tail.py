"""`sluice tail`: prints a stream's events and reconnects as an EventSource does."""

import json
import os
import signal
import subprocess
import threading

import pytest

from harness import gateway as binary
from harness.process import end, spawn
from harness.wait import TIMEOUT, wait_for

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 100\n\n"


class Tail:
    """A running `sluice tail`; its output is read as it comes."""

    def __init__(self, *arguments, stdout=None, **environment):
        self.lines, self.errors = [], []
        self.process = spawn(
            [binary.BINARY, "tail", *arguments], stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
        pairs = [(self.process.stderr, self.errors)]
        if stdout is None:
            pairs.append((self.process.stdout, self.lines))
        self._threads = [threading.Thread(target=self._read, args=pair) for pair in pairs]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            end(self.process, signal.SIGKILL)
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def wait(self):
        """Its exit code."""
        code = self.process.wait(TIMEOUT)
        for thread in self._threads:
            thread.join()
        return code

    def wait_lines(self, lines):
        wait_for(lambda: self.lines == lines or self.process.poll() is not None, f"lines {lines}")
        assert self.lines == lines, (self.lines, self.errors)


def base(gateway):
    return "http://%s:%d" % gateway.address


def news(gateway):
    return base(gateway) + "/events/news"


def wait_subscribed(gateway, count=1):
    gateway.wait_metric("sluice_subscribers", count, topic="news")


def test_events_are_printed_as_they_come(gateway):
    with Tail(news(gateway)) as tail:
        wait_subscribed(gateway)
        gateway.publish("news", "hello")
        tail.wait_lines(["hello"])
        gateway.publish("news", "two\nlines", "?event=alert")
        tail.wait_lines(["hello", "[alert] two", "lines"])
        assert tail.errors == []


def test_json_has_type_id_and_data(gateway):
    with Tail(news(gateway), "--json", "--count", "2") as tail:
        wait_subscribed(gateway)
        first = gateway.publish("news", 'a\n"b"')
        gateway.publish("news", "ä", "?event=e&id=7")
        assert tail.wait() == 0
    assert [json.loads(line) for line in tail.lines] == [
        {"type": "message", "id": first, "data": 'a\n"b"'}, {"type": "e", "id": "7", "data": "ä"}]


def test_over_a_restart_of_the_gateway_nothing_is_lost_or_doubled(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url},
                            "topics": {"news": {"format": "envelope",
                                                "retry": {"base": "200ms", "jitter": "0ms"}}}})
    with Tail(news(gateway), "--json") as tail:
        wait_subscribed(gateway)
        ids = [gateway.publish("news", "before")]
        wait_for(lambda: len(tail.lines) == 1, "the first event")
        gateway.restart()
        wait_subscribed(gateway)
        ids.append(gateway.publish("news", "after"))
        wait_for(lambda: tail.lines and json.loads(tail.lines[-1])["data"] == "after",
                 "the event after the restart")
        events = [json.loads(line) for line in tail.lines]
        assert [event["id"] for event in events if event["type"] == "message"] == ids
        # What a new process cannot know it says; it does not keep it to itself.
        gaps = [event for event in events if event["type"] == "sluice.gap"]
        assert len(gaps) == 1 and json.loads(gaps[0]["data"])["last_id"] == ids[0]
        assert any("the server ended the stream; connecting again in 0.2 s" in line
                   for line in tail.errors), tail.errors


def test_over_a_cut_connection_it_resumes_where_it_was(make_gateway, make_door):
    gateway = make_gateway({"topics": {"news": {"retry": {"base": "100ms", "jitter": "0ms"}}}})
    door = make_door(gateway.address)
    with Tail("http://%s:%d/events/news" % door.address) as tail:
        wait_subscribed(gateway)
        gateway.publish("news", "1")
        tail.wait_lines(["1"])
        door.cut()
        gateway.publish("news", "2")
        gateway.publish("news", "3")
        tail.wait_lines(["1", "2", "3"])


def test_last_event_id_is_where_it_begins(gateway):
    with gateway.subscribe():
        first = gateway.publish("news", "1")
        gateway.publish("news", "2")
        with Tail(news(gateway), "--last-event-id", first, "-n", "1") as tail:
            assert tail.wait() == 0
    assert tail.lines == ["2"]


def test_what_a_reconnect_sends(make_echo):
    echo = make_echo(STREAM + b"id: a\xc3\xa4\ndata: 1\n\nid: b\ndata: unfinished",
                     STREAM + b"data: 2\n\n", STREAM + b"id\ndata: 3\n\n",
                     b"HTTP/1.1 204 No Content\r\n\r\n")
    with Tail(echo.url + "/s?x=y", "--last-event-id", "0", "--token", "s3cret", "--json") as tail:
        assert tail.wait() == 0
    assert [json.loads(line) for line in tail.lines] == [
        {"type": "message", "id": "aä", "data": "1"}, {"type": "message", "id": "aä", "data": "2"},
        {"type": "message", "id": "", "data": "3"}]
    assert len(echo.requests) == 4
    for request in echo.requests:
        assert request.startswith(b"GET /s?x=y HTTP/1.1\r\n")
        assert b"\r\nAccept: text/event-stream\r\n" in request
        assert b"\r\nAuthorization: Bearer s3cret\r\n" in request
    ids = [[line for line in request.split(b"\r\n") if line.startswith(b"Last-Event-ID")]
           for request in echo.requests]
    assert ids == [[b"Last-Event-ID: 0"], [b"Last-Event-ID: a\xc3\xa4"],
                   [b"Last-Event-ID: a\xc3\xa4"], []]
    assert "204" in tail.errors[-1]
    assert len(tail.errors) == 4 and not any("s3cret" in line for line in tail.errors)


@pytest.mark.parametrize("status", [205, 210, 299, 304, 400, 401, 403, 404, 406, 410, 429, 500, 503])
def test_it_stops_at_every_other_status(status, make_echo):
    echo = make_echo(b"HTTP/1.1 %d Oh\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
                     b'{"detail":"because"}' % status)
    with Tail(echo.url) as tail:
        assert tail.wait() == 1
    assert len(echo.requests) == 1
    assert len(tail.errors) == 1 and str(status) in tail.errors[0]
    assert "because" in tail.errors[0] or status == 304, tail.errors
    assert tail.lines == []


def test_what_is_no_event_stream_ends_it(gateway, make_echo):
    for kind in (b"text/html", b"text/x-bogus", b"text/event-streams", b""):
        echo = make_echo(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\ndata: x\n\n" % kind)
        with Tail(echo.url) as tail:
            assert tail.wait() == 1
        assert tail.lines == [] and "text/event-stream" in tail.errors[0]
    for kind in (b"text/event-stream;", b"Text/Event-Stream ; charset=windows-1252"):
        echo = make_echo(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\ndata: x\n\n" % kind)
        with Tail(echo.url, "-n1") as tail:
            assert tail.wait() == 0
        assert tail.lines == ["x"]
    with Tail(base(gateway) + "/nowhere") as tail:
        assert tail.wait() == 1
    assert "404 Not Found" in tail.errors[0]


def test_redirects_are_followed_and_the_token_stays_at_home(make_echo):
    away = make_echo(STREAM + b"data: 2\n\n")
    home = make_echo(b"HTTP/1.1 307 Go\r\nLocation: /there\r\n\r\n",
                     b"HTTP/1.1 302 Go\r\nLocation: %s/x\r\n\r\n" % away.url.encode())
    with Tail(home.url + "/here", "-n1", SLUICE_TOKEN="s3cret") as tail:
        assert tail.wait() == 0
    assert tail.lines == ["2"]
    assert home.requests[1].startswith(b"GET /there ")
    assert b"s3cret" in home.requests[0] and b"s3cret" in home.requests[1]
    assert away.requests[0].startswith(b"GET /x ") and b"s3cret" not in away.requests[0]


def test_a_redirect_that_leads_nowhere_ends_it(make_echo):
    for location in (b"/again", b"https://127.0.0.1/x", b"elsewhere"):
        echo = make_echo(b"HTTP/1.1 301 Go\r\nLocation: %s\r\n\r\n" % location)
        with Tail(echo.url) as tail:
            assert tail.wait() == 1
        assert "redirect" in tail.errors[0] and len(echo.requests) <= 21


def test_a_gateway_that_is_not_there_yet_is_waited_for(gateway):
    url = news(gateway)
    gateway.stop()
    with Tail(url, "-n1", "--max-time", "100ms") as tail:
        assert tail.wait() == 1
    assert "refused" in tail.errors[0] and "connecting again in 3.0 s" in tail.errors[0]
    assert "0 of 1 events within 0.1 s" in tail.errors[1]


def test_max_time_ends_it(gateway):
    with Tail(news(gateway), "--max-time", "50ms") as tail:
        assert tail.wait() == 0
    assert tail.errors == []


def test_when_the_reader_of_a_pipe_leaves_it_ends_quietly(gateway):
    reader, writer = os.pipe()
    with Tail(news(gateway), "--json", stdout=writer) as tail:
        os.close(writer)
        wait_subscribed(gateway)
        gateway.publish("news", "hello")
        assert b'"hello"' in os.read(reader, 4096)
        os.close(reader)  # nothing more is published: it must notice by itself
        assert tail.wait() == 0
    assert tail.errors == []
    gateway.wait_metric("sluice_subscribers", 0, topic="news")


def test_through_a_pipe_to_head(gateway):
    with gateway.subscribe():
        for data in "abc":
            gateway.publish("news", data)
        wait_for(lambda: gateway.metric("sluice_events_total", topic="news") == 3, "three events")
        script = f"set -o pipefail; '{binary.BINARY}' tail '{news(gateway)}' --json | head -n 1"
        job = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True)
        wait_subscribed(gateway, 2)
        gateway.publish("news", "d")
        output, _ = job.communicate(timeout=TIMEOUT)
    assert json.loads(output)["data"] == "d"
    assert job.returncode == 0


def test_an_event_without_end_ends_it(make_echo):
    echo = make_echo(STREAM + b"data: " + b"x" * 17 * 1024 * 1024)
    with Tail(echo.url) as tail:
        assert tail.wait() == 1
    assert "longer than" in tail.errors[0] and tail.lines == []


def test_an_answer_that_is_not_http_ends_it(make_echo):
    echo = make_echo(b"SSH-2.0-OpenSSH\r\n")
    with Tail(echo.url) as tail:
        assert tail.wait() == 1
    assert len(tail.errors) == 1 and "not HTTP" in tail.errors[0]


def test_wrong_usage_is_2():
    for arguments in ([], ["x"], ["https://h/"], ["http://h/", "-n", "0"], ["http://h/", "--json=x"],
                      ["http://h/", "--max-time", "5"], ["http://h/", "--last-event-id", "a\nb"],
                      ["http://h/", "--token", "s3 cret"]):
        code, output, errors = binary.run("tail", *arguments)
        assert (code, output) == (2, ""), arguments
        assert errors.count("\n") == 1 and errors.startswith("sluice tail: ")
        assert "s3 cret" not in errors
