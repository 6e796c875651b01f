"""Coming back: replay, gaps, and the seam between history and live events."""

import json
import re
import threading

import pytest

from harness.wait import wait_for


def gap_of(event):
    assert event.type == "sluice.gap", event
    gap = json.loads(event.data)
    assert set(gap) == {"topic", "reason", "last_id"} and gap["topic"] == "news"
    return gap["reason"], gap["last_id"]


def publish(gateway, numbers):
    with gateway.connect() as connection:
        ids = []
        for number in numbers:
            connection.request("POST", "/publish/news", body=str(number))
            response = connection.response()
            assert response.status == 202
            ids.append(json.loads(response.body)["id"])
        return ids


def test_ids_are_epoch_and_sequence(gateway):
    with gateway.subscribe() as subscriber:
        ids = publish(gateway, range(3))
        assert [event.id for event in subscriber.take(3)] == ids
    epochs = {text.split(".")[0] for text in ids}
    assert len(epochs) == 1 and re.fullmatch(r"[A-Za-z0-9]+", epochs.pop())
    sequences = [int(text.split(".")[1]) for text in ids]
    assert sequences == [sequences[0], sequences[0] + 1, sequences[0] + 2]


def test_last_event_id_header_resumes_exactly(gateway):
    with gateway.subscribe():
        ids = publish(gateway, range(10))
        for seen in (0, 4, 8):
            with gateway.subscribe(last_id=ids[seen]) as back:
                assert back.data(9 - seen) == [str(number) for number in range(seen + 1, 10)]
        with gateway.subscribe(last_id=ids[9]) as back:
            publish(gateway, ["live"])
            assert back.next().data == "live"


@pytest.mark.parametrize("name", ["lastEventId", "last_event_id", "Last-Event-ID"])
def test_query_resumes_too(gateway, name):
    with gateway.subscribe():
        ids = publish(gateway, range(3))
        with gateway.subscribe(f"/events/news?x=y&{name}={ids[0]}") as back:
            assert back.data(2) == ["1", "2"]
        with gateway.subscribe(f"/events/news?{name}=" + ids[0].replace(".", "%2E")) as back:
            assert back.data(2) == ["1", "2"]


def test_header_wins_over_the_query(gateway):
    with gateway.subscribe():
        ids = publish(gateway, range(3))
        with gateway.subscribe(f"/events/news?lastEventId={ids[0]}", last_id=ids[1]) as back:
            assert back.next().data == "2"


def test_empty_id_means_from_now(gateway):
    with gateway.subscribe():
        publish(gateway, ["old"])
        with gateway.subscribe("/events/news?lastEventId=") as query:
            with gateway.subscribe(last_id="") as header:
                publish(gateway, ["new"])
                assert query.next().data == header.next().data == "new"


@pytest.mark.parametrize("unknown", ["nonsense", "zzzzzzzz.1", "1", "a%00b", "é", "x" * 500, "<>", "."])
def test_unknown_id_is_told_and_answered_from_history(gateway, unknown):
    with gateway.subscribe():
        publish(gateway, ["old"])
        with gateway.subscribe(headers=[("Last-Event-ID", unknown)]) as back:
            reason, last = gap_of(back.next())
            assert reason == "unknown_id"
            publish(gateway, ["new"])
            rest = [back.next()]
            if rest[0].data == "old":
                rest.append(back.next())
            assert rest[-1].data == "new"
            assert "\n" not in last


def test_id_of_the_future_is_unknown(gateway):
    with gateway.subscribe():
        (newest,) = publish(gateway, ["one"])
        epoch, sequence = newest.split(".")
        for future in (f"{epoch}.{int(sequence) + 10}", f"{epoch}.{2 ** 64}", f"{epoch}.-1"):
            with gateway.subscribe(last_id=future) as back:
                assert gap_of(back.next())[0] == "unknown_id"


def test_evicted_id_is_told_and_the_rest_replayed(make_gateway):
    gateway = make_gateway({"topics": {"news": {"history": {"events": 5}}}})
    with gateway.subscribe():
        ids = publish(gateway, range(20))
        with gateway.subscribe(last_id=ids[2]) as back:
            reason, last = gap_of(back.next())
            assert (reason, last) == ("evicted", ids[2])
            assert back.data(5) == ["15", "16", "17", "18", "19"]
        with gateway.subscribe(last_id=ids[14]) as back:
            assert back.data(5) == ["15", "16", "17", "18", "19"]
        assert gateway.metric("sluice_gaps_total", topic="news", reason="evicted") == 1


def test_history_is_bounded_by_bytes(make_gateway):
    gateway = make_gateway({"topics": {"news": {"history": {"bytes": "10KiB"}}}})
    with gateway.subscribe():
        ids = publish(gateway, [f"{number:02d}" + "x" * 998 for number in range(30)])
        with gateway.subscribe(last_id=ids[0]) as back:
            assert gap_of(back.next())[0] == "evicted"
            publish(gateway, ["end"])
            back.until(lambda: any(event.data == "end" for event in back.parser.events), "the end")
            assert 5 <= len(back.parser.events) - 2 <= 10


def test_history_is_bounded_by_age(make_gateway):
    gateway = make_gateway({"topics": {"news": {"history": {"age": "500ms"}}}})
    with gateway.subscribe():
        (old,) = publish(gateway, ["old"])

        def evicted():
            with gateway.subscribe(last_id=old) as back:
                publish(gateway, ["next"])
                return back.next().type == "sluice.gap"

        wait_for(evicted, "the old event is forgotten")


def test_history_of_nothing_is_possible(make_gateway):
    gateway = make_gateway({"topics": {"news": {"history": {"events": 1}}}})
    with gateway.subscribe():
        ids = publish(gateway, range(3))
        with gateway.subscribe(last_id=ids[1]) as back:
            assert back.next().data == "2"
        with gateway.subscribe(last_id=ids[0]) as back:
            assert gap_of(back.next())[0] == "evicted"


def test_newcomers_get_the_latest_events(make_gateway):
    gateway = make_gateway({"topics": {"news": {"replay": {"initial": 3}}}})
    with gateway.subscribe():
        publish(gateway, range(2))
        with gateway.subscribe() as early:
            assert early.data(2) == ["0", "1"]
        ids = publish(gateway, range(2, 10))
        with gateway.subscribe() as newcomer:
            assert newcomer.data(3) == ["7", "8", "9"]
            with gateway.subscribe(last_id=ids[-1]) as back:
                publish(gateway, ["live"])
                assert newcomer.next().data == back.next().data == "live"


def test_newcomers_with_a_filter_get_the_latest_that_match(make_gateway):
    gateway = make_gateway({"topics": {"news": {
        "format": "json", "filter": ["type"], "replay": {"initial": 2}}}})
    with gateway.subscribe():
        publish(gateway, [json.dumps({"type": "ab"[number % 2], "n": number}) for number in range(10)])
        with gateway.subscribe("/events/news?type=a") as newcomer:
            assert [json.loads(data)["n"] for data in newcomer.data(2)] == [6, 8]


def test_ids_chosen_by_the_publisher_resume(gateway):
    with gateway.subscribe():
        for number in range(4):
            gateway.publish("news", str(number), f"?id=mine-{number}")
        with gateway.subscribe(last_id="mine-1") as back:
            assert back.data(2) == ["2", "3"]


def test_ids_hold_on_every_worker(make_gateway):
    gateway = make_gateway({"workers": 3})
    subscribers = [gateway.subscribe() for _ in range(6)]
    ids = publish(gateway, range(10))
    for _ in range(12):  # the kernel spreads connections over the workers
        with gateway.subscribe(last_id=ids[4]) as back:
            assert back.data(5) == ["5", "6", "7", "8", "9"]
    for subscriber in subscribers:
        assert [event.id for event in subscriber.take(10)] == ids
        subscriber.close()


def test_restart_is_an_unknown_id(gateway):
    with gateway.subscribe():
        (last,) = publish(gateway, ["one"])
    gateway.stop()
    gateway.start()
    with gateway.subscribe(last_id=last) as back:
        assert gap_of(back.next()) == ("unknown_id", last)


def test_replay_meets_live_events_without_loss_or_duplicate(make_gateway):
    gateway = make_gateway({"workers": 2, "topics": {"news": {"history": {"events": 5000}}}})
    total = 3000
    with gateway.subscribe() as witness:
        publish(gateway, ["first"])
        start = witness.next().id
        publisher = threading.Thread(target=publish, args=[gateway, range(total)])
        publisher.start()
        # Reconnect all the time, from the start or from the last event, while events flow.
        seen, last = [], start
        while len(seen) < total:
            with gateway.subscribe(last_id=last) as back:
                for event in back.take(min(37, total - len(seen))):
                    assert event.type == "message"
                    seen.append(event.data)
                    last = event.id
        publisher.join()
        assert seen == [str(number) for number in range(total)]
        with gateway.subscribe(last_id=start) as back:
            assert back.data(total) == seen
        assert witness.data(total) == seen
        assert gateway.metric("sluice_replayed_total") > 0
