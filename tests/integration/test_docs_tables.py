"""Tables of the documentation against what the gateway has: metrics, alerts and limits."""

import re

import pytest
import yaml

from harness.documents import ROOT, table

PAGE = "docs/operations.md"
ALERTS = "conf/prometheus/alerts.yaml"


def code(text):
    return re.findall(r"`([^`]+)`", text)


def documented_metrics():
    """{metric: alerts}"""
    return {code(row[0])[0]: code(row[2]) for row in table(PAGE, "Metrics") if code(row[0])}


def load(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def rules():
    (group,) = load(ALERTS)["groups"]
    return group["rules"]


def metrics_of(gateway):
    page = gateway.get_admin("/metrics").body.decode()
    return set(re.findall(r"^# TYPE (\S+) ", page, re.MULTILINE))


def test_every_metric_is_documented_and_no_other(make_gateway, redis):
    gateway = make_gateway({"broker": "redis", "redis": {"url": redis.url}})
    there, documented = metrics_of(gateway), set(documented_metrics())
    assert there - documented == set(), f"not in {PAGE}"
    assert documented - there == set(), f"only in {PAGE}"


@pytest.mark.parametrize("metric, page, heading", [
    ("sluice_disconnects_total", PAGE, "Log lines"),
    ("sluice_gaps_total", "docs/topics.md", "Gaps"),
    ("sluice_auth_failures_total", "docs/auth.md", "Why a token is refused"),
])
def test_every_reason_is_documented_and_no_other(gateway, metric, page, heading):
    labels = "".join(name for name in gateway.metrics() if name.startswith(metric + "{"))
    there = set(re.findall(r'reason="(\w+)"', labels))
    documented = {reason for row in table(page, heading) for reason in code(row[0])} - {"reason"}
    assert there and documented == there


def test_alert_rules_are_rules():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 15
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert re.fullmatch(r"Sluice[A-Za-z]+", rule["alert"])
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m")), rule
        assert rule["labels"]["severity"] in ("page", "ticket"), rule
        assert rule["annotations"].keys() == {"summary", "action"}, rule
        expression = re.sub(r'"[^"]*"', "", rule["expr"])
        for opening, closing in ("()", "[]", "{}"):
            assert expression.count(opening) == expression.count(closing), rule


def test_alerts_are_about_metrics_that_exist(make_gateway, redis):
    there = metrics_of(make_gateway({"broker": "redis", "redis": {"url": redis.url}}))
    for rule in rules():
        used = set(re.findall(r"\b(?:sluice|process)_\w+\b", rule["expr"]))
        used = {re.sub("_(bucket|sum|count)$", "", name) for name in used}
        assert used <= there, rule
        assert used or rule["alert"] == "SluiceDown", rule


def test_alerts_stand_beside_their_metric():
    documented = documented_metrics()
    for rule in rules():
        for metric in set(re.findall(r"\b((?:sluice|process)_\w+?)(?:_bucket)?\b(?!_)", rule["expr"])):
            others = [name for name in documented if rule["alert"] in documented[name]]
            assert others, f"{rule['alert']} is in no row"
            assert metric in documented, metric
    named = {alert for alerts in documented.values() for alert in alerts}
    assert named <= {rule["alert"] for rule in rules()}


def flat(prefix, limits):
    """{dotted key: value} of all numbers."""
    found = {}
    for key, value in limits.items():
        if isinstance(value, dict):
            found |= flat(f"{prefix}.{key}", value)
        elif key not in ("by", "refuse"):
            found[f"{prefix}.{key}"] = value
    return found


def test_every_limit_is_documented_with_its_default():
    reference = load("conf/reference.yaml")
    (topic,) = [one for one in reference["topics"].values() if "history" in one]
    expected = flat("limits", reference["limits"])
    for group in ("limits", "history"):
        expected |= flat(f"topics.*.{group}", topic[group])
    expected["topics.*.slow_client.buffer"] = topic["slow_client"]["buffer"]
    expected["topics.*.subscribe_timeout"] = topic["subscribe_timeout"]
    documented = {code(row[0])[0]: row[1] for row in table(PAGE, "Limits") if code(row[0])}
    assert documented == {key: str(value) for key, value in expected.items()}
