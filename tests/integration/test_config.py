"""`sluice -t`: everything that is wrong, each with its place, in one go."""

import re

from harness import gateway, secrets

GOOD = """\
listen: 127.0.0.1:0
topics:
  news: {path: /events/news}
publish:
  - {path: "/publish/{topic}", auth: none}
"""


def check(folder, text, environment=None):
    """The exit code and the problems: [(line, column, rest)]."""
    path = f"{folder}/sluice.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    code, output, errors = gateway.run("-t", "-c", path, environment=environment)
    assert "Sanitizer" not in errors, errors
    problems = []
    for line in errors.splitlines():
        assert line.startswith(path + ":"), f"no place in {line!r}"
        match = re.match(r"(\d+):(\d+): (.*)", line[len(path) + 1:])
        problems.append((int(match[1]), int(match[2]), match[3]) if match else (0, 0, line))
    return code, problems, output


def only_problem(folder, text, environment=None):
    code, problems, _ = check(folder, text, environment)
    assert code == 1
    assert len(problems) == 1, problems
    return problems[0]


def test_a_good_file_is_good(folder):
    code, problems, _ = check(folder, GOOD)
    assert (code, problems) == (0, [])


def test_every_mistake_is_reported_at_its_place_in_one_go(folder):
    code, problems, _ = check(folder, """\
listen: 127.0.0.1:0
wrokers: 2
topics:
  news:
    path: /events/news
    heartbeat: soon
    history: {events: many, bytes: 4 MB, age: 10}
    format: xml
  other: {path: /events/news}
  news: {path: /events/again}
publish:
  - {path: /publish}
broker: kafka
limits:
  connections: -1
  body_bytes: [1]
demo: perhaps
""")
    assert code == 1
    places = {(line, column) for line, column, _ in problems}
    expected = {
        2: ((2, 1), "wrokers"),
        6: ((6, 16), "topics.news.heartbeat"),
        8: ((8, 13), "topics.news.format"),
        10: ((10, 3), "topics.news"),
        13: ((13, 9), "broker"),
        15: ((15, 16), "limits.connections"),
        16: ((16, 3), "limits.body_bytes"),
        17: ((17, 7), "demo"),
    }
    for place, key in expected.values():
        assert place in places, f"nothing at {place} in {problems}"
        assert any((line, column) == place and rest.startswith(f"{key}: ")
                   for line, column, rest in problems), (place, key, problems)
    for key in ("topics.news.history.events", "topics.news.history.bytes",
                "topics.news.history.age"):
        assert any(line == 7 and rest.startswith(f"{key}: ") for line, _, rest in problems), key
    assert any(line == 9 and rest.startswith("topics.other.path: ") for line, _, rest in problems)
    assert any(line == 12 and rest.startswith("publish[0]") for line, _, rest in problems)
    assert problems == sorted(problems, key=lambda problem: problem[:2])


def test_unknown_key_says_what_was_meant(folder):
    line, column, rest = only_problem(folder, GOOD + "wrokers: 2\n")
    assert (line, column) == (6, 1)
    assert "workers" in rest


def test_publish_without_auth_is_refused(folder):
    line, _, rest = only_problem(folder, """\
listen: 127.0.0.1:0
topics: {news: {path: /n}}
publish: [{path: "/publish/{topic}"}]
""")
    assert line == 3 and rest.startswith("publish[0]") and "auth" in rest


def test_keys_that_are_not_built_yet_are_refused_with_that_reason(folder):
    for extra, key in (
            ("multi: {path: /events}\n", "multi"),
    ):
        line, _, rest = only_problem(folder, GOOD + extra)
        assert line == 6 and rest.startswith(f"{key}: ") and "not built yet" in rest, (extra, rest)


def test_routes_and_upstreams_are_checked(folder):
    good = GOOD + "upstreams: {app: {servers: [127.0.0.1:1]}}\nroutes: [{path: /, upstream: app}]\n"
    assert check(folder, good)[0] == 0
    line, _, rest = only_problem(folder, good.replace("upstream: app", "upstream: apps"))
    assert line == 7 and rest.startswith("routes[0].upstream: ") and 'did you mean "app"?' in rest


def test_kinds_of_redis_that_are_not_built_yet_are_refused_with_that_reason(folder):
    for keys, key in (("{sentinel: {master: m, nodes: [h:1]}}", "redis.sentinel"),
                      ("{cluster: {nodes: [h:1]}}", "redis.cluster"),
                      ("{url: \"rediss://h\"}", "redis.url")):
        line, _, rest = only_problem(folder, f"{GOOD}broker: redis\nredis: {keys}\n")
        assert line == 7 and rest.startswith(f"{key}: ") and "not built yet" in rest, rest


def test_environment_is_substituted_and_a_missing_variable_named(folder):
    text = GOOD.replace("/events/news", '"${SLUICE_TEST_PATH}"')
    assert check(folder, text, {"SLUICE_TEST_PATH": "/from/environment"})[0] == 0
    line, _, rest = only_problem(folder, text)
    assert line == 3 and "SLUICE_TEST_PATH" in rest
    with_default = GOOD.replace("/events/news", '"${SLUICE_TEST_PATH:-/events/news}"')
    assert check(folder, with_default)[0] == 0


def test_values_of_variables_are_not_shown(folder):
    _, problems, output = check(
        folder, GOOD + "broker: redis\nredis: {url: \"${SLUICE_TEST_URL}\"}\n",
        {"SLUICE_TEST_URL": "http://user:topsecret@host"})
    assert problems and "topsecret" not in str(problems) + output


def test_what_is_not_yaml_is_reported_with_its_place(folder):
    line, column, _ = only_problem(folder, "listen: [127.0.0.1:0\ntopics: }\n")
    assert line >= 1 and column >= 1
    only_problem(folder, GOOD + "\tdemo: true\n")
    only_problem(folder, "")
    only_problem(folder, GOOD + "demo: \"\x01\"\n")


def test_a_missing_file_is_named():
    code, _, errors = gateway.run("-t", "-c", "/nonexistent/sluice.yaml")
    assert code == 1
    assert "/nonexistent/sluice.yaml" in errors and "No such file" in errors


def test_a_bad_file_does_not_start(folder):
    path = f"{folder}/sluice.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(GOOD + "wrokers: 2\n")
    code, _, errors = gateway.run("-c", path)
    assert code == 1
    assert f"{path}:6:1: wrokers: " in errors


def test_the_files_of_conf_are_good():
    conf = gateway.pathlib.Path(__file__).parent.parent.parent / "conf"
    files = sorted(conf.glob("*.yaml"))
    assert {"sluice.yaml", "redis.yaml", "proxy.yaml", "reference.yaml"} <= {file.name for file in files}
    environment = {"SLUICE_PUBLISH_TOKEN": secrets.make("publish")}
    for file in files:
        code, _, errors = gateway.run("-t", "-c", file, environment=environment)
        assert code == 0, errors
