"""The clients under test, and what each does. The tests assert every one of these facts, and
docs/clients.md shows them as a table."""

import dataclasses

import pytest

BACK = "comes back"
STOP = "stops"
HEADER = "header"
QUERY = "query"


@dataclasses.dataclass(frozen=True)
class Facts:
    title: str
    place: str  # where it runs: "Chromium" or "Node.js"
    ways: tuple  # how it can bring a token: query, header, cookie
    resumes_by: str = HEADER  # where the last id goes after the end of a stream
    resumes_after_error_by: str = ""  # and after an answer other than 200, if not in the same place
    clean_end: str = BACK  # the stream ended as announced: a drain, an expired token
    refused: str = BACK  # after a stream: nobody listens
    after_204: str = STOP
    after_refusal: str = STOP  # 401, 403, 404
    after_429: str = STOP
    after_503: str = STOP
    compresses: bool = True  # asks for compressed answers
    empty_messages: bool = False  # hands comments to the application as empty messages
    least_node: tuple = (18, 17)
    # What it makes of an event's data, if not what was sent.
    reads: object = dataclasses.field(default=lambda data: data, repr=False)


def without_start(data):
    """@microsoft/fetch-event-source loses empty lines and a byte order mark at the start."""
    return data.lstrip("\n").removeprefix("\ufeff")


CLIENTS = {
    "chromium": Facts("`EventSource` of Chromium", "Chromium", ("query", "cookie")),
    "event-source-polyfill": Facts(
        "`event-source-polyfill` 1", "Chromium", ("query", "cookie", "header"), QUERY),
    "fetch-event-source": Facts(
        "`@microsoft/fetch-event-source` 2", "Chromium", ("query", "cookie", "header"),
        clean_end=STOP, after_204=BACK, after_refusal=BACK, after_429=BACK, after_503=BACK,
        empty_messages=True, reads=without_start),
    "fetch-event-source-advised": Facts(
        "the same, used as advised below", "Chromium", ("query", "cookie", "header"),
        after_429=BACK, after_503=BACK, reads=without_start),
    "reconnecting-eventsource": Facts(
        "`reconnecting-eventsource` 1", "Chromium", ("query", "cookie"),
        resumes_after_error_by=QUERY, after_204=BACK, after_refusal=BACK, after_429=BACK,
        after_503=BACK),
    "eventsource": Facts("`eventsource` 4", "Node.js", ("query", "header")),
    "eventsource2": Facts(
        "`eventsource` 2", "Node.js", ("query", "header"), after_503=BACK, compresses=False),
    "undici": Facts("`EventSource` of `undici` 7", "Node.js", ("query",), least_node=(20, 18)),
    "undici6": Facts("`EventSource` of `undici` 6", "Node.js", ("query",), refused=STOP),
    "launchdarkly-eventsource": Facts(
        "`launchdarkly-eventsource` 2", "Node.js", ("query", "header"), after_503=BACK,
        compresses=False),
    "eventsource-client": Facts(
        "`eventsource-client` 1", "Node.js", ("query", "header"), after_refusal=BACK, after_429=BACK,
        after_503=BACK),
}

every_client = pytest.mark.parametrize("name", CLIENTS)
