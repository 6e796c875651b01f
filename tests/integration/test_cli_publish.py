"""`sluice publish`: one event over HTTP to a running gateway."""

import os
import subprocess

import pytest

from harness import gateway as binary
from harness.wait import TIMEOUT


def publish(*arguments, data=None, **environment):
    """(exit code, output, errors); `data` is standard input."""
    done = subprocess.run(
        [str(binary.BINARY), "publish", *map(str, arguments)], input=data or b"",
        capture_output=True, timeout=TIMEOUT, check=False, env={**os.environ, **environment})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def base(gateway):
    return "http://%s:%d" % gateway.address


def published_by_config(gateway):
    """Arguments for a gateway whose config names the port that it got."""
    gateway.restart()
    return ["-c", gateway.config_path]


def test_the_event_arrives_and_its_id_is_printed(gateway):
    with gateway.subscribe() as subscriber:
        code, output, errors = publish("news", "hello", "--url", base(gateway))
        event = subscriber.next()
    assert (code, errors) == (0, "")
    assert (event.data, output) == ("hello", event.id + "\n")


def test_event_name_and_id_are_sent(gateway):
    with gateway.subscribe() as subscriber:
        code, output, _ = publish("news", "x", "--event", "a b&c=ä", "--id", "mine:1", "--url",
                                  base(gateway))
        event = subscriber.next()
    assert (code, output) == (0, "mine:1\n")
    assert (event.type, event.id) == ("a b&c=ä", "mine:1")


def test_data_comes_from_standard_input_without_the_last_line_end(gateway):
    text = "first\r\nsecond\n\nä" + "x" * 100_000
    with gateway.subscribe() as subscriber:
        assert publish("news", "--url", base(gateway), data=text.encode())[0] == 0
        assert subscriber.next().data == text.replace("\r\n", "\n")
        for text, data in ((b"a\n", "a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b"", ""), (b"\n", "")):
            assert publish("news", "--url", base(gateway), data=text)[0] == 0
            assert subscriber.next().data == data
        assert publish("news", "a\n", "--url", base(gateway))[0] == 0
        assert subscriber.next().data == "a\n"
        assert publish("news", "", "--url", base(gateway), data=b"not this")[0] == 0
        assert subscriber.next().data == ""
        assert publish("news", "--url", base(gateway), "--", "-1")[0] == 0
        assert subscriber.next().data == "-1"


def test_without_url_the_configuration_says_where(make_gateway):
    gateway = make_gateway()
    arguments = published_by_config(gateway)
    with gateway.subscribe() as subscriber:
        assert publish("news", "hello", *arguments)[0] == 0
        assert subscriber.next().data == "hello"


def test_a_listener_on_all_addresses_is_reached_by_loopback(make_gateway):
    gateway = make_gateway({"listen": ["0.0.0.0:0"]})
    arguments = published_by_config(gateway)
    assert publish("news", "hello", *arguments)[0] == 0


def test_a_listener_on_a_unix_socket_is_reached(make_gateway, folder):
    path = f"{folder}/s.sock"
    gateway = make_gateway({"listen": [f"unix:{path}"]})
    with gateway.subscribe() as subscriber:
        assert publish("news", "a", "-c", gateway.config_path)[0] == 0
        assert publish("news", "b", "--url", f"http://unix:{path}")[0] == 0
        assert publish("news", "c", "--url", f"http://unix:{path}:/publish/{{topic}}")[0] == 0
        assert subscriber.data(3) == ["a", "b", "c"]


def test_a_path_of_the_topic_s_own_is_preferred(make_gateway):
    gateway = make_gateway({"publish": [{"path": "/publish/{topic}", "auth": "none"},
                                        {"path": "/say", "topic": "news", "auth": "none"}]})
    arguments = published_by_config(gateway)
    with gateway.subscribe() as subscriber:
        assert publish("news", "hello", *arguments)[0] == 0
        assert subscriber.next().data == "hello"


def test_the_url_may_say_the_whole_path(make_gateway):
    gateway = make_gateway({
        "topics": {"room": {"path": "/rooms/{id}", "channel": "room:{id}"}},
        "publish": [{"path": "/say/{topic}/now", "auth": "none"}]})
    with gateway.subscribe("/rooms/4%2F2") as subscriber:
        code, _, errors = publish("room:4/2", "hello", "--url",
                                  base(gateway) + "/say/{topic}/now")
        assert (code, errors) == (0, "")
        assert subscriber.next().data == "hello"


def test_it_goes_through_redis(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url}})
    with gateway.subscribe() as subscriber:
        code, output, _ = publish("news", "hello", "--event", "e", "--id", "7", "--url",
                                  base(gateway))
        event = subscriber.next()
    assert code == 0
    assert (event.data, event.type, event.id) == ("hello", "e", "7")
    assert output == "7\n"


def test_a_refusal_is_told_with_status_and_detail(gateway):
    code, output, errors = publish("nowhere", "x", "--url", base(gateway))
    assert (code, output) == (1, "")
    assert "404 Not Found: there is no such topic" in errors and errors.count("\n") == 1
    code, _, errors = publish("news", data=b"\xff", *["--url", base(gateway)])
    assert code == 1 and "400 Bad Request: the body is not UTF-8" in errors


def test_data_over_the_limit_is_told_though_the_gateway_did_not_read_it(gateway):
    code, _, errors = publish("news", "--url", base(gateway), data=b"x" * 20_000_000)
    assert code == 1
    assert "413" in errors, errors


def test_a_gateway_that_is_not_there_is_named(gateway):
    address = base(gateway)
    gateway.stop()
    code, _, errors = publish("news", "x", "--url", address)
    assert code == 1
    assert address.removeprefix("http://") in errors and "refused" in errors


@pytest.mark.parametrize("url", [
    "https://127.0.0.1:1", "ftp://127.0.0.1", "127.0.0.1:1", "http://", "http://h:x",
    "http://127.0.0.1:1/publish/news", "http://u:secret-pw@127.0.0.1:1", "http://127.0.0.1:99999"])
def test_a_url_that_cannot_be_is_wrong_usage(url):
    code, output, errors = publish("news", "x", "--url", url)
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1 and "secret-pw" not in errors


def test_wrong_usage_is_2(gateway):
    for arguments in ([], ["news", "a", "b"], ["news", "x", "--no-such"], ["news", "x", "--url"]):
        code, output, errors = publish(*arguments)
        assert (code, output) == (2, ""), arguments
        assert errors.count("\n") == 1 and "sluice publish --help" in errors


def test_a_configuration_that_does_not_say_where_is_refused_with_advice(make_gateway):
    gateway = make_gateway(start=False)
    code, _, errors = publish("news", "x", "-c", gateway.config_path)
    assert code == 1 and "port 0" in errors and "--url" in errors
    gateway = make_gateway({"publish": []}, start=False)
    code, _, errors = publish("news", "x", "-c", gateway.config_path)
    assert code == 1 and "publish:" in errors


@pytest.mark.parametrize("arguments", [["--token", "s3cret-token"], []], ids=["option", "variable"])
def test_the_token_is_sent_and_never_echoed(arguments, make_echo):
    echo = make_echo(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 38\r\n\r\n"
                     b'{"error":"Unauthorized","detail":"no"}')
    code, output, errors = publish("news", "x", "--url", echo.url, *arguments,
                                   SLUICE_TOKEN="s3cret-token")
    assert b"\r\nAuthorization: Bearer s3cret-token\r\n" in echo.requests[0]
    assert code == 1 and "401 Unauthorized: no" in errors and "SLUICE_TOKEN" in errors
    assert "s3cret-token" not in output + errors


def test_a_token_that_no_header_can_carry_is_refused_unseen(gateway):
    code, output, errors = publish("news", "x", "--url", base(gateway), "--token", "s3cret\n")
    assert code == 2
    assert "s3cret" not in output + errors


ANSWERS = {
    "nothing": b"",
    "no HTTP": b"hello\r\n",
    "no body": b"HTTP/1.1 200 OK\r\n\r\n",
    "half a body": b"HTTP/1.1 202 Accepted\r\n\r\n{\"id\":",
    "a number": b"HTTP/1.1 202 Accepted\r\n\r\n{\"id\":7}",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "escapes": b"HTTP/1.1 499 \x1b[2J\r\nContent-Length: 5\r\n\r\nabc",
    "escapes in the detail": b'HTTP/1.1 500 Oh\r\n\r\n{"detail":"a\\u001b[2J\\nb"}',
    "a flood": b"HTTP/1.1 404 Not Found\r\n\r\n\x1b[2J" + b"x" * 1_000_000,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_whatever_answers_it_ends_with_one_clean_line(answer, make_echo):
    code, output, errors = publish("news", "x", "--url", make_echo(answer).url)
    assert (code, output) == (1, "")
    assert errors.count("\n") == 1 and errors.startswith("sluice publish: ")
    assert errors.rstrip("\n").isprintable()
