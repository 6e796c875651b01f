"""docs/clients.md says of each client what these tests assert of it, and leaves none out."""

import json
import pathlib
import re

import pytest

from catalogue import BACK, CLIENTS
from harness.documents import table
from test_curl import EXIT_CODES

PAGE = "docs/clients.md"
HERE = pathlib.Path(__file__).parent
PACKAGES = json.loads((HERE / "package.json").read_text())["dependencies"]
TABLE = table(PAGE, "What each client does")


def row(facts):
    """A client's cells in the table."""
    places = filter(None, [facts.resumes_by, facts.resumes_after_error_by])
    return [facts.title, facts.place, ", ".join(facts.ways), ", then ".join(places), facts.clean_end,
            facts.refused if facts.clean_end == BACK else "does not try", facts.after_204, facts.after_refusal, facts.after_429, facts.after_503,
            "yes" if facts.compresses else "no"]


def test_every_client_has_its_row():
    head, _, *rows = TABLE
    assert head == ["client", "runs in", "token goes in", "last id goes in", "after a clean end",
                    "while nobody listens", "after 204", "after 401, 403, 404", "after 429", "after 503",
                    "asks for compression"]
    assert rows == [row(facts) for facts in CLIENTS.values()]


def test_every_adapter_is_a_client():
    adapters = {path.stem for path in (HERE / "adapters").glob("*.mjs")}
    assert adapters == {*CLIENTS, "eventsource-api"}


@pytest.mark.parametrize("name", [name for name in CLIENTS if name in PACKAGES])
def test_the_table_names_the_version_that_is_tested(name):
    version = re.fullmatch(r".* (\d+)", CLIENTS[name].title)
    assert version[1] == PACKAGES[name].rpartition("@")[2].split(".")[0]


def test_exit_codes_of_curl_are_those_of_the_table():
    _, _, *rows = table(PAGE, "curl")
    assert {name: int(code) for name, code in rows} == EXIT_CODES
