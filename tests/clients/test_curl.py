"""`curl -N`, the first client that anybody tries."""

import pathlib
import subprocess

import pytest

from harness.process import end, spawn
from harness.sse import Parser
from harness.wait import wait_for


@pytest.fixture
def start_curl(folder):
    """start_curl(gateway, argument...): gives a function that reads what curl has printed."""
    processes = []

    def start(gateway, *arguments):
        output = pathlib.Path(folder) / f"curl{len(processes)}"
        with open(output, "wb") as file:
            processes.append(spawn(
                ["curl", "-sN", *arguments, "http://%s:%d/events/news" % gateway.address],
                stdout=file))
        wait_for(lambda: b": ok\n\n" in output.read_bytes(), "curl has its stream")
        return output.read_bytes

    yield start
    for process in processes:
        end(process)


def events(text):
    parser = Parser()
    parser.feed(text)
    return parser.events


def test_curl_shows_each_event_at_once(gateway, start_curl):
    output = start_curl(gateway)
    for number in range(20):
        gateway.publish("news", f"hello {number}")
        wait_for(lambda: f"data: hello {number}\n\n".encode() in output(), "curl shows it")
    assert [event.data for event in events(output())] == [f"hello {number}" for number in range(20)]


def test_curl_publishes_as_the_readme_says(gateway, start_curl):
    output = start_curl(gateway)
    done = subprocess.run(
        ["curl", "-sS", "-d", "hello", "http://%s:%d/publish/news" % gateway.address],
        capture_output=True, timeout=10, check=True)
    assert b'"topic":"news"' in done.stdout.replace(b" ", b"")
    wait_for(lambda: b"data: hello\n\n" in output(), "curl shows it")


def test_curl_resumes_with_a_header(gateway, start_curl):
    output = start_curl(gateway)
    for number in range(5):
        gateway.publish("news", str(number))
    wait_for(lambda: len(events(output())) == 5, "all of them")
    seen = events(output())
    back = start_curl(gateway, "-H", f"Last-Event-ID: {seen[1].id}")
    wait_for(lambda: len(events(back())) == 3, "the rest")
    assert events(back()) == seen[2:]


def test_curl_ends_cleanly_at_a_drain(gateway, folder):
    output = pathlib.Path(folder) / "curl"
    with open(output, "wb") as file:
        curl = spawn(["curl", "-sN", "http://%s:%d/events/news" % gateway.address], stdout=file)
    wait_for(lambda: b": ok\n\n" in output.read_bytes(), "curl has its stream")
    gateway.stop()
    assert curl.wait(10) == 0  # 18 would say: the transfer was cut
