"""What an operator sees: health, metrics, status, logs, the pid file, the demo page."""

import json
import os
import pathlib
import re
import signal

import pytest

from harness import gateway as harness
from harness.wait import wait_for

CONF = pathlib.Path(__file__).parent.parent.parent / "conf"


def test_health_and_readiness(gateway):
    health = gateway.get_admin("/healthz")
    assert health.status == 200 and health.body
    ready = gateway.get_admin("/readyz")
    assert ready.status == 200 and ready.body


def test_admin_is_not_on_the_public_listener(gateway):
    for target in ("/healthz", "/readyz", "/metrics", "/status", "/status.json"):
        assert gateway.fetch("GET", target).status == 404
    for target in ("/events/news", "/publish/news"):
        assert gateway.get_admin(target).status == 404
    assert harness.http.fetch(gateway.admin, "POST", "/metrics").status == 405


def test_metrics_have_the_contracts_names_and_are_well_formed(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url}})
    with gateway.subscribe() as subscriber:
        for number in range(10):
            gateway.publish("news", str(number))
        subscriber.data(10)
        gateway.fetch("GET", "/nothing")
        gateway.wait_metric("sluice_deliveries_total", 10)
        response = gateway.get_admin("/metrics")
        assert response.get("content-type").startswith("text/plain; version=0.0.4")
        text = response.body.decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    expected = {
        "sluice_connections": "gauge",
        "sluice_subscribers": "gauge",
        "sluice_events_total": "counter",
        "sluice_deliveries_total": "counter",
        "sluice_delivery_bytes_total": "counter",
        "sluice_gaps_total": "counter",
        "sluice_disconnects_total": "counter",
        "sluice_replayed_total": "counter",
        "sluice_fanout_seconds": "histogram",
        "sluice_redis_up": "gauge",
        "sluice_redis_probe_seconds": "gauge",
        "sluice_redis_reconnects_total": "counter",
        "sluice_http_requests_total": "counter",
        "sluice_http_request_duration_seconds": "histogram",
    }
    assert expected.items() <= types.items()
    series = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP|TYPE) \S+ .+", line), line
            continue
        match = re.fullmatch(r'(\w+)(\{(\w+="[^"\\]*",?)*\})? (\S+)', line)
        assert match, line
        assert match[1] + (match[2] or "") not in series, f"twice: {line}"
        series[match[1] + (match[2] or "")] = float(match[4])
        base = re.sub(r"_(bucket|sum|count)$", "", match[1])
        assert match[1] in types or base in types, f"no TYPE for {line}"
    for name in types:
        assert re.search(rf"^# HELP {name} .", text, re.M), name
    assert series["sluice_redis_up"] == 1
    assert gateway.metric("sluice_events_total", topic="news") == 10
    assert gateway.metric("sluice_delivery_bytes_total") > 100
    assert gateway.metric("sluice_fanout_seconds_count") >= 1
    assert gateway.metric("sluice_http_requests_total", status="202") == 10
    assert gateway.metric("sluice_http_requests_total", status="404") == 1
    buckets = [value for name, value in series.items()
               if name.startswith("sluice_fanout_seconds_bucket")]
    assert buckets == sorted(buckets) and len(buckets) > 5
    assert buckets[-1] == series["sluice_fanout_seconds_count"]


def test_status_json_has_the_same_numbers(gateway):
    with gateway.subscribe() as subscriber:
        gateway.publish("news", "hello")
        subscriber.next()
        gateway.wait_metric("sluice_deliveries_total", 1)
        response = gateway.get_admin("/status.json")
        assert response.get("content-type") == "application/json"
        status = json.loads(response.body)
    text = json.dumps(status)
    assert '"news"' in text and '"subscribers": 1' in text
    assert "version" in status


def test_counters_never_go_back(make_gateway):
    gateway = make_gateway({"workers": 2, "topics": {"news": {"linger": "0s"}}})
    last = 0
    for _ in range(5):
        with gateway.subscribe() as subscriber:
            gateway.publish("news", "x")
            subscriber.next()
        gateway.wait_metric("sluice_subscribers", 0, topic="news")
        now = gateway.metric("sluice_events_total", topic="news")
        assert now > last
        last = now
    gateway.wait_metric("sluice_deliveries_total", 5)


def test_pid_file_is_there_while_it_runs(make_gateway, folder):
    path = pathlib.Path(folder) / "sluice.pid"
    gateway = make_gateway({"pid_file": str(path)})
    assert int(path.read_text()) == gateway.pid
    gateway.stop()
    assert not path.exists()


def test_stale_pid_file_does_not_stop_a_start(make_gateway, folder):
    path = pathlib.Path(folder) / "sluice.pid"
    path.write_text("999999999\n")
    gateway = make_gateway({"pid_file": str(path)})
    assert int(path.read_text()) == gateway.pid


def test_pid_file_that_cannot_be_written_is_named(make_gateway):
    gateway = make_gateway({"pid_file": "/nonexistent/sluice.pid"}, start=False)
    with pytest.raises(AssertionError):
        gateway.start()
    assert "/nonexistent/sluice.pid" in gateway.log()
    gateway.process = None


def test_log_lines_have_time_and_level(gateway):
    gateway.subscribe().close()
    gateway.wait_log("stream closed")
    for line in gateway.log().splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info |warn |error) \w", line), line


def test_client_cannot_forge_a_log_line(make_gateway):
    gateway = make_gateway({"log": {"level": "debug"}, "topics": {
        "room": {"path": "/r/{id}", "channel": "room:{id}"}}})
    gateway.fetch("GET", "/r/a%0a2026-01-01T00:00:00.000Z%20info%20%20forged")
    gateway.fetch("GET", "/x%0dforged", [("User-Agent", "a\tforged")])
    gateway.stop()
    for line in re.split(r"[\r\n]", gateway.log()):
        assert not line.startswith("forged") and "info  forged" not in line


def test_log_file_is_reopened(make_gateway, folder):
    path = pathlib.Path(folder) / "log" / "sluice.log"
    path.parent.mkdir()
    gateway = make_gateway({"log": {"path": str(path)}})
    gateway.subscribe().close()
    wait_for(lambda: "stream closed" in path.read_text(), "the stream's line")
    moved = path.with_suffix(".1")
    path.rename(moved)
    gateway.signal(signal.SIGUSR1)
    wait_for(path.exists, "a new file")
    gateway.subscribe().close()
    wait_for(lambda: "stream closed" in path.read_text(), "a line in the new file")
    assert moved.read_text().count("stream closed") == 1


def test_full_disk_stops_the_log_and_nothing_else(make_gateway):
    gateway = make_gateway({"log": {"path": "/dev/full", "level": "debug"}})
    for _ in range(20):
        with gateway.subscribe() as subscriber:
            gateway.publish("news", "hello")
            assert subscriber.next().data == "hello"
    assert gateway.ready()
    assert sum(value for name, value in gateway.metrics().items() if "log" in name) > 0


def test_log_that_cannot_be_opened_is_named(make_gateway):
    gateway = make_gateway({"log": {"path": "/nonexistent/sluice.log"}}, start=False)
    with pytest.raises(AssertionError):
        gateway.start()
    assert "/nonexistent/sluice.log" in gateway.log()
    gateway.process = None


def test_demo_page_is_served_when_asked_for(make_gateway):
    gateway = make_gateway({"demo": True})
    response = gateway.fetch("GET", "/")
    assert response.status == 200
    assert response.get("content-type") == "text/html; charset=utf-8"
    assert b"EventSource" in response.body and b"/events/news" in response.body
    assert gateway.fetch("HEAD", "/").status == 200
    assert gateway.fetch("POST", "/").status == 405


def test_delivered_config_serves_what_run_prints(make_gateway):
    """conf/sluice.yaml, but for its ports."""
    gateway = make_gateway(start=False)
    text = (CONF / "sluice.yaml").read_text()
    gateway.config_path.write_text(re.sub(r"127\.0\.0\.1:80(80|81)", "127.0.0.1:0", text))
    gateway.start()
    with gateway.subscribe("/events/news") as subscriber:
        gateway.publish("news", "hello")
        assert subscriber.next().data == "hello"
    assert gateway.fetch("GET", "/").status == 200
    assert gateway.get_admin("/status.json").status == 200


def test_delivered_redis_config_delivers(make_gateway, redis):
    """conf/redis.yaml, but for its ports."""
    gateway = make_gateway(start=False)
    text = (CONF / "redis.yaml").read_text()
    text = re.sub(r"127\.0\.0\.1:80(80|81)", "127.0.0.1:0", text)
    text = text.replace("127.0.0.1:6379", f"127.0.0.1:{redis.port}")
    gateway.config_path.write_text(text)
    gateway.start()
    wait_for(gateway.ready, "ready")
    with gateway.subscribe("/events/news") as subscriber:
        assert redis.publish("news", "hello") == 1
        assert subscriber.next().data == "hello"


def test_nothing_is_left_open_or_running(gateway):
    with gateway.subscribe():
        before = len(os.listdir(f"/proc/{gateway.pid}/fd"))
        for _ in range(50):
            gateway.subscribe().close()
            gateway.fetch("GET", "/nothing")
        wait_for(lambda: len(os.listdir(f"/proc/{gateway.pid}/fd")) <= before + 1,
                 "descriptors are given back")
