"""The search for tokens in the logs of a run finds them, however a log has written them."""

import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

SCRIPT = pathlib.Path(__file__).parent.parent / "leaks.py"
TOKEN = 'partner/key+with "odd" bytes='
# Not made by harness.jwt: what this test records would hide that no other test records anything.
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJlIG9mIG5vdGhpbmcgYXQgYWxs"


def verdict(folder, tokens, logs, *options):
    """What the search says of a run: the tag under its test case, or None."""
    folder = pathlib.Path(folder)
    (folder / "logs").mkdir()
    if tokens:
        (folder / "tokens").write_text("".join(f"{token}\n" for token in tokens))
    for number, text in enumerate(logs):
        (folder / "logs" / str(number)).write_text(text)
    subprocess.run([sys.executable, SCRIPT, folder, *options], check=True, stdout=subprocess.DEVNULL)
    children = list(ElementTree.parse(folder / "leaks.xml").find("testcase"))
    return children[0].tag if children else None


@pytest.mark.parametrize("line", [
    'GET /events?key=partner/key+with "odd" bytes= 401',
    "GET /events?key=partner%2Fkey%2Bwith%20%22odd%22%20bytes%3D 401",
    "GET /events?key=partner%2fkey%2bwith%20%22odd%22%20bytes%3d 401",
    "GET /events?key=partner/key%2Bwith%20%22odd%22%20bytes%3D 401",
    "GET /events?key=partner%2Fkey%2Bwith+%22odd%22+bytes%3D 401",
    r'{"token": "partner\/key+with \"odd\" bytes="}',
    "\x00\x1b[31mpartner/key+with \"odd\" bytes=\x00",
    "authorization: Bearer JWT",
])
def test_a_token_in_a_log_is_found(tmp_path, line):
    line = line.replace("JWT", JWT)
    assert verdict(tmp_path, [JWT, TOKEN], ["quiet\n", f"quiet\n{line}\nquiet\n"]) == "failure"


def test_logs_without_a_token_pass(tmp_path):
    assert verdict(tmp_path, [JWT, TOKEN], ["key=[redacted]\n", ""]) is None


@pytest.mark.parametrize("tokens, logs", [([], ["a line\n"]), ([TOKEN], []), ([TOKEN], [""])])
def test_nothing_to_look_for_is_a_failure_of_a_whole_run(tmp_path, tokens, logs):
    assert verdict(tmp_path, tokens, logs) == "failure"


def test_nothing_to_look_for_is_no_failure_of_a_choice_of_tests(tmp_path):
    assert verdict(tmp_path, [], [], "--partial") == "skipped"
