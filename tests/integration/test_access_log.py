"""The access log: a line for each request, in nginx's format or as JSON, that no client can forge, that shows
no token, and that never holds up delivery."""

import datetime
import json
import os
import pathlib
import re
import signal
import time

import pytest

from harness import secrets
from harness.wait import wait_for

COMBINED = re.compile(
    rb'(?P<client>\S+) - (?P<subject>\S+) \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d{3}) '
    rb'(?P<bytes>\d+) "(?P<referer>[^"]*)" "(?P<user_agent>[^"]*)"')
MEMBERS = ["time", "client", "port", "method", "target", "host", "protocol", "status", "bytes", "duration",
           "route", "subject", "referer", "user_agent", "connection", "stream", "error", "upstream"]


class AccessLog:
    """A gateway with an access log in a file."""

    def __init__(self, make_gateway, folder, form, changes=None):
        self.path = pathlib.Path(folder) / "access.log"
        self.form = form
        self.gateway = make_gateway({
            **(changes or {}), "log": {"access": {"path": str(self.path), "format": form}}})

    def lines(self, count, path=None):
        """Waits for that many lines; gives them parsed. There must be no more and no half one."""
        path = path or self.path
        wait_for(lambda: path.read_bytes().count(b"\n") >= count, f"{count} lines in the access log")
        *lines, rest = path.read_bytes().split(b"\n")
        assert rest == b"" and len(lines) == count, lines
        return [self.parse(line) for line in lines]

    def parse(self, line):
        assert not re.search(rb"[\0-\x1f\x7f]", line), line
        if self.form == "combined":
            match = COMBINED.fullmatch(line)
            assert match, line
            line = {name: value.decode("ascii") for name, value in match.groupdict().items()}
            line["status"], line["bytes"] = int(line["status"]), int(line["bytes"])
            return line
        line = json.loads(line)
        assert list(line) == MEMBERS
        return line

    @staticmethod
    def request(line):
        if "request" in line:
            return line["request"]
        return " ".join([line["method"], line["target"], line["protocol"]]) if line["method"] else "-"


@pytest.fixture(params=["combined", "json"])
def log(make_gateway, folder, request):
    return AccessLog(make_gateway, folder, request.param)


@pytest.fixture
def json_log(make_gateway, folder):
    return AccessLog(make_gateway, folder, "json")


def test_each_request_has_its_line_with_its_status_and_size(log):
    gateway = log.gateway
    get = gateway.fetch("GET", "/nothing", [("Referer", "https://app.example/"), ("User-Agent", "test/1.0")])
    gateway.fetch("HEAD", "/events/news")
    gateway.publish("news", "hello", "?event=greeting")
    gateway.fetch("DELETE", "/events/news")
    with gateway.connect() as connection:
        connection.send(b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        assert connection.response().status == 400
    lines = log.lines(5)
    assert [line["status"] for line in lines] == [404, 200, 202, 405, 400]
    assert [log.request(line) for line in lines] == [
        "GET /nothing HTTP/1.1", "HEAD /events/news HTTP/1.1", "POST /publish/news?event=greeting HTTP/1.1",
        "DELETE /events/news HTTP/1.1", "-"]
    assert {line["client"] for line in lines} == {"127.0.0.1"}
    assert lines[0]["bytes"] == len(get.body) and lines[1]["bytes"] == 0
    assert lines[0]["referer"] == "https://app.example/" and lines[0]["user_agent"] == "test/1.0"
    absent = "-" if log.form == "combined" else None
    assert lines[1]["referer"] == lines[1]["user_agent"] == lines[4]["referer"] == absent
    assert {line["subject"] for line in lines} == {absent}


def test_stream_has_its_line_when_it_opens(log):
    with log.gateway.subscribe("/events/news?x=1"):
        line, = log.lines(1)
        assert log.request(line) == "GET /events/news?x=1 HTTP/1.1" and line["status"] == 200
        if log.form == "json":
            assert line["stream"] is True and line["route"] == "news"
    log.gateway.wait_log("stream closed")
    log.gateway.fetch("GET", "/nothing")
    assert log.lines(2)[1]["status"] == 404
    assert log.gateway.metric("sluice_http_requests_total", route="news", status="200") == 1


def test_client_that_leaves_first_is_499(log):
    with log.gateway.connect() as connection:
        connection.send("POST /publish/news HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        log.gateway.wait_metric("sluice_connections", 1, state="http")
    line, = log.lines(1)
    assert line["status"] == 499 and log.request(line) == "POST /publish/news HTTP/1.1"


def test_json_line_says_who_when_and_how_long(json_log):
    before = time.time()
    with json_log.gateway.connect() as connection:
        port = connection.socket.getsockname()[1]
        for _ in range(2):
            connection.request("GET", "/nothing")
            connection.response()
        connection.send(b"nonsense\r\n\r\n")
        connection.response()
    lines = json_log.lines(3)
    assert [line["port"] for line in lines] == [port] * 3
    assert len({line["connection"] for line in lines}) == 1
    assert [line["route"] for line in lines] == ["none"] * 3
    assert [line["stream"] for line in lines] == [False] * 3
    assert lines[0]["error"] is None and lines[2]["error"] and lines[2]["method"] is None
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        stamp = datetime.datetime.fromisoformat(line["time"][:-1] + "+00:00").timestamp()
        assert before - 1 < stamp < time.time() + 1
        assert 0 <= line["duration"] < 10


def test_combined_line_has_nginx_time(make_gateway, folder):
    log = AccessLog(make_gateway, folder, "combined")
    log.gateway.fetch("GET", "/nothing")
    stamp = datetime.datetime.strptime(log.lines(1)[0]["time"], "%d/%b/%Y:%H:%M:%S %z")
    assert abs(stamp.timestamp() - time.time()) < 60


def test_tokens_are_redacted(log):
    token = secrets.make("access-log")
    referer = f"https://user:{token}@app.example/a?token={token}&b=1#id_token={token}"
    log.gateway.fetch("GET", f"/nothing?type=a&token={token}&b=%20c", [("Referer", referer)])
    log.gateway.fetch("GET", f"/nothing?%74oKen={token};x", [("Cookie", f"session={token}"),
                                                            ("Authorization", f"Bearer {token}")])
    with log.gateway.subscribe(f"/events/news?api_key={token}"):
        lines = log.lines(3)
    assert [log.request(line) for line in lines] == [
        "GET /nothing?type=a&token=***&b=%20c HTTP/1.1", "GET /nothing?%74oKen=*** HTTP/1.1",
        "GET /events/news?api_key=*** HTTP/1.1"]
    assert lines[0]["referer"] == "https://***@app.example/a?token=***&b=1#id_token=***"
    log.gateway.stop()
    for text in (log.path.read_text(), log.gateway.log()):
        assert token not in text


@pytest.mark.parametrize("value", [
    b'"', b'\\', b'" 200 0 "-" "forged', b'","status":1,"x":"', b"\t", b"\xff\xfe", b"\xc2\x85", b"\xc3\xa9",
    b"\xed\xa0\x80", b"\x7f", b"\xf0\x9f\x98\x80", b"%0a%0d", b"\\x22"])
def test_hostile_bytes_neither_end_nor_forge_a_line(log, value):
    targets = (b"/a?x=" + value.replace(b" ", b"+").replace(b"\t", b"%09"), b"/a")
    for target in targets:
        with log.gateway.connect() as connection:
            connection.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nReferer: " +
                            value + b"\r\nUser-Agent: a" + value + b"z\r\n\r\n")
            assert connection.response().status in (400, 404)
    lines = log.lines(2)
    for line in lines:
        assert line["status"] in (400, 404)
        if line["status"] == 404 and log.form == "json":
            assert line["user_agent"] == "a" + value.decode(errors="replace") + "z"
        elif line["status"] == 404:
            raw = re.sub(rb"\\x([0-9A-F]{2})", lambda code: bytes.fromhex(code[1].decode()),
                         line["user_agent"].encode())
            assert raw == b"a" + value + b"z"


def test_both_logs_are_reopened(log):
    gateway, main = log.gateway, pathlib.Path(log.gateway.folder) / "main.log"
    config = json.loads(gateway.config_path.read_text())
    config["log"]["path"] = str(main)
    gateway.stop()
    gateway.config_path.write_text(json.dumps(config))
    gateway.start()
    gateway.fetch("GET", "/before")
    log.lines(1)
    moved = [path.rename(f"{path}.1") for path in (log.path, main)]
    gateway.signal(signal.SIGUSR1)
    wait_for(lambda: log.path.exists() and main.exists(), "new files")
    gateway.fetch("GET", "/after")
    gateway.subscribe().close()
    assert log.request(log.lines(2)[0]) == "GET /after HTTP/1.1"
    wait_for(lambda: "stream closed" in main.read_text(), "a line in the new log")
    assert log.request(log.lines(1, moved[0])[0]) == "GET /before HTTP/1.1"
    assert "stream" not in moved[1].read_text()


def test_two_logs_in_one_file_keep_their_lines_whole(make_gateway):
    gateway = make_gateway({"workers": 2, "log": {"level": "debug", "access": {"path": "stdout"}}})
    with gateway.connect() as connection:
        for number in range(200):
            connection.request("GET", f"/{number}", [("User-Agent", "u" * 5000)])
            connection.response()
    gateway.stop()
    lines = gateway.log().splitlines()
    access = [line for line in lines if COMBINED.fullmatch(line.encode())]
    assert [re.search("GET /([0-9]+)", line)[1] for line in access] == [str(n) for n in range(200)]
    for line in set(lines) - set(access):
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info |warn |error) \w", line), line


def deliver(gateway, count):
    with gateway.subscribe() as subscriber:
        for number in range(count):
            gateway.publish("news", str(number))
        assert subscriber.data(count) == [str(number) for number in range(count)]


def test_full_disk_loses_lines_and_delivers(make_gateway):
    gateway = make_gateway({"log": {"access": {"path": "/dev/full"}}})
    deliver(gateway, 20)
    gateway.wait_metric("sluice_log_lines_lost_total", 21, log="access")
    assert gateway.metric("sluice_log_lines_lost_total", log="error") == 0
    assert gateway.ready()


def test_pipe_that_nobody_reads_loses_lines_and_delivers(make_gateway, folder):
    path = pathlib.Path(folder) / "access.fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    gateway = make_gateway({"log": {"access": {"path": str(path)}}})
    with gateway.connect() as connection:
        # More than the pipe and the queue (8 MiB) hold.
        for _ in range(1000):
            connection.request("GET", "/nothing", [("User-Agent", "u" * 12_000)])
            assert connection.response().status == 404
    assert gateway.metric("sluice_log_lines_lost_total", log="access") > 100
    deliver(gateway, 20)
    gateway.stop()
    os.close(reader)


def test_access_log_off_is_no_log(make_gateway):
    gateway = make_gateway({"log": {"access": "off"}})
    deliver(gateway, 1)
    gateway.stop()
    assert "HTTP/1.1" not in gateway.log()


def test_admin_requests_are_not_logged(json_log):
    for _ in range(3):
        json_log.gateway.get_admin("/metrics")
    json_log.gateway.fetch("GET", "/nothing")
    assert json_log.lines(1)[0]["target"] == "/nothing"


def test_access_log_that_cannot_be_opened_is_named(make_gateway, folder):
    path = pathlib.Path(folder) / "missing" / "access.log"
    gateway = make_gateway({"log": {"access": {"path": str(path)}}}, start=False)
    with pytest.raises(AssertionError):
        gateway.start()
    assert str(path) in gateway.log()
    gateway.process = None
