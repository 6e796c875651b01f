"""Clients that read slowly or not at all: bounded, by policy, and without harm to the others."""

import json
import threading

from harness.wait import PATIENCE, wait_for

PAYLOAD = "x" * 16_000


def topic(policy, buffer="256KiB", **keys):
    return {"topics": {"news": {"slow_client": {"policy": policy, "buffer": buffer}, **keys}}}


def flood(gateway, count, payload=PAYLOAD):
    """Publishes `count` numbered events."""
    with gateway.connect() as connection:
        for number in range(count):
            connection.request("POST", "/publish/news", body=f"{number}:{payload}")
            assert connection.response().status == 202


def number_of(event):
    return int(event.data.partition(":")[0])


def stalled(gateway):
    """A subscriber with a small socket buffer that does not read."""
    return gateway.subscribe(receive_buffer=4096)


def test_client_that_never_reads_is_disconnected_at_the_limit(make_gateway):
    gateway = make_gateway(topic("disconnect"))
    with gateway.subscribe() as good, stalled(gateway):
        flooding = threading.Thread(target=flood, args=[gateway, 600])
        flooding.start()
        assert [number_of(event) for event in good.take(600)] == list(range(600))
        flooding.join()
        gateway.wait_metric("sluice_disconnects_total", 1, reason="slow_client")
        gateway.wait_metric("sluice_subscribers", 1, topic="news")
    (line,) = gateway.wait_log("stream closed.*reason=slow_client")
    assert "events=" in line


def test_disconnected_client_resumes_where_it_was(make_gateway):
    gateway = make_gateway(topic("disconnect", history={"events": 10_000, "bytes": "64MiB"}))
    slow = stalled(gateway)
    flood(gateway, 600)
    gateway.wait_metric("sluice_disconnects_total", 1, reason="slow_client")
    events = slow.rest()
    assert [number_of(event) for event in events] == list(range(len(events)))
    assert len(events) < 600
    with gateway.subscribe(last_id=slow.last_id or None) as back:
        rest = back.take(600 - len(events))
        assert [number_of(event) for event in rest] == list(range(len(events), 600))


def read_until_last(slow, count):
    slow.until(lambda: any(event.type == "message" and number_of(event) == count - 1
                           for event in slow.parser.events[-3:]), "the last event")
    return slow.parser.events


def test_skip_tells_the_gap_and_goes_on(make_gateway):
    gateway = make_gateway(topic("skip"))
    with stalled(gateway) as slow:
        flood(gateway, 600)
        events = read_until_last(slow, 600)
        gaps = [index for index, event in enumerate(events) if event.type == "sluice.gap"]
        assert gaps
        for index in gaps:
            gap = json.loads(events[index].data)
            assert (gap["topic"], gap["reason"]) == ("news", "slow")
            assert gap["last_id"] == events[index - 1].id
        numbers = [number_of(event) for event in events if event.type == "message"]
        assert numbers == sorted(set(numbers)) and numbers[-1] == 599
        assert len(numbers) < 600
        # Nothing is missing but where a gap says so.
        for index, event in enumerate(events):
            if event.type == "message" and index > 0 and events[index - 1].type == "message":
                assert number_of(event) == number_of(events[index - 1]) + 1
        assert gateway.metric("sluice_gaps_total", topic="news", reason="slow") == len(gaps)
        gateway.publish("news", "600:end")
        assert read_until_last(slow, 601)


def test_latest_jumps_to_the_newest_event(make_gateway):
    gateway = make_gateway(topic("latest"))
    with stalled(gateway) as slow:
        flood(gateway, 600)
        events = read_until_last(slow, 600)
        numbers = [number_of(event) for event in events if event.type == "message"]
        assert numbers == sorted(set(numbers)) and len(numbers) < 600
        assert any(event.type == "sluice.gap" for event in events)


def test_client_that_only_pauses_loses_nothing(make_gateway):
    gateway = make_gateway(topic("disconnect", buffer="16MiB",
                                 history={"events": 10_000, "bytes": "64MiB"}))
    with stalled(gateway) as slow:
        flood(gateway, 500)
        assert [number_of(event) for event in slow.take(500)] == list(range(500))
        flood(gateway, 5)
        assert [number_of(event) for event in slow.take(5)] == list(range(5))


def test_memory_is_bounded_by_the_ring_and_not_by_the_slow(make_gateway):
    gateway = make_gateway(topic("skip", buffer="1MiB", history={"bytes": "2MiB"}))
    slow = [stalled(gateway) for _ in range(100)]
    flood(gateway, 100)
    before = gateway.memory()
    flood(gateway, 1500)
    assert gateway.memory() - before < 24_000_000 * PATIENCE
    for subscriber in slow:
        subscriber.close()
    gateway.wait_metric("sluice_subscribers", 0, topic="news")


def test_reset_in_the_middle_of_a_write_harms_nobody(make_gateway):
    # Room for all of a round: the good one reads slowly too where the machine is slow.
    gateway = make_gateway(topic("skip", buffer="16MiB", history={"bytes": "64MiB"}))
    with gateway.subscribe() as good:
        for round_number in range(10):
            victims = [stalled(gateway) for _ in range(5)]
            flooding = threading.Thread(target=flood, args=[gateway, 50])
            flooding.start()
            events = good.take(25)  # by now those who do not read have writes under way
            for victim in victims:
                victim.connection.reset()
            events += good.take(25)
            flooding.join()
            assert [number_of(event) for event in events] == list(range(50)), round_number
    gateway.wait_metric("sluice_subscribers", 0, topic="news")
    assert gateway.metric("sluice_disconnects_total", reason="client_reset") == 50


def test_peer_that_acknowledges_nothing_is_given_up(make_gateway):
    # A closed receive window is what a loopback test can do; its probes count as TCP_USER_TIMEOUT.
    gateway = make_gateway({**topic("skip"), "limits": {"write_timeout": "2s"}})
    with stalled(gateway):
        flood(gateway, 100)
        gateway.wait_metric("sluice_disconnects_total", 1, reason="client_timeout")
    gateway.wait_metric("sluice_subscribers", 0, topic="news")


def test_large_messages_to_slow_clients_arrive_whole(make_gateway):
    gateway = make_gateway(topic("disconnect", buffer="16MiB",
                                 history={"bytes": "64MiB"}))
    big = "".join(f"{number:07d}," for number in range(120_000))
    with stalled(gateway) as slow:
        for _ in range(3):
            gateway.publish("news", big)
        assert slow.data(3) == [big] * 3


def test_answer_that_nobody_reads_is_given_up(make_gateway):
    gateway = make_gateway({"limits": {"write_timeout": "1s"}})
    with gateway.connect(receive_buffer=4096) as connection:
        # Pipelined requests whose answers fill every buffer on the way.
        request = b"GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n" * 2000
        connection.socket.settimeout(0.2)
        try:
            while True:
                connection.send(request)
        except OSError:
            pass  # full, or already closed
        wait_for(lambda: gateway.metric("sluice_connections") == 0, "the connection is given up")
