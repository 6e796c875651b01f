"""The examples under docs/examples, on ports of the test's own."""

import yaml

from harness.documents import ROOT

FOLDER = ROOT / "docs/examples"
# What a test must change: where it listens, and how long the end takes.
CHANGES = {
    "listen": ["127.0.0.1:0"],
    "admin": {"listen": "127.0.0.1:0"},
    "drain": {"spread": "10ms", "deadline": "5s"},
}


def config_of(name):
    """The example's configuration; for make_gateway(CHANGES, base=...)."""
    return yaml.safe_load((FOLDER / name / "sluice.yaml").read_text(encoding="utf-8"))
