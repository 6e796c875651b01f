"""What the gateway writes, read by npm's eventsource-parser, which says what it does not understand."""

import json
import pathlib
import subprocess

from harness.wait import TIMEOUT
from test_clients import NASTY

HERE = pathlib.Path(__file__).parent


def test_a_strict_parser_finds_events_comments_and_a_retry_and_nothing_else(make_gateway):
    gateway = make_gateway({"topics": {"news": {"heartbeat": "1s"}}})
    with gateway.subscribe() as subscriber:
        ids = [gateway.publish("news", data, "?event=alert") for data in NASTY]
        subscriber.take(len(NASTY))
        subscriber.until(lambda: "" in subscriber.comments, "a heartbeat")
        gateway.stop()
        subscriber.rest()
    done = subprocess.run(["node", "parse.mjs"], cwd=HERE, input=bytes(subscriber.body),
                          capture_output=True, timeout=TIMEOUT, check=True)
    parsed = json.loads(done.stdout)
    assert parsed["errors"] == []
    assert parsed["events"] == [{"id": id, "event": "alert", "data": data}
                                for id, data in zip(ids, NASTY)]
    assert parsed["comments"][0] == "ok" and set(parsed["comments"][1:]) == {""}
    assert parsed["retries"] == subscriber.retries and len(parsed["retries"]) >= 1
