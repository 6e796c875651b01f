"""The examples of the commands' help and of the manual pages are run, as those of the documentation are."""

import re

import pytest

from harness import gateway
from harness.documents import ROOT, Block
from harness.player import play_scene
from harness.scene import SERVER
from harness.shell import split

# What the examples speak of, in the places where they look for it.
CONFIG = """\
listen: 127.0.0.1:8080
admin: {listen: 127.0.0.1:8081}
pid_file: sluice.pid
auth:
  members:
    token: {query: token, bearer: true}
    jwt: {algorithms: [HS256], secret: "0123456789abcdef0123456789abcdef"}
topics:
  news: {path: /events/news}
  room: {path: "/events/rooms/{id}", channel: "room:{id}", auth: members}
publish:
  - {path: "/publish/{topic}", auth: none}
"""
LEFT_OUT = {
    "bench": "takes minutes",
    "completion": "writes into the user's and the system's folders",
}


COMMANDS = ["publish", "tail", "token", "explain", "health"]


def help_of(*command):
    code, output, _ = gateway.run(*command, "--help")
    assert code == 0
    return output


def examples_of_help(*command):
    """The indented lines under `Examples:`, but for those of another file's language."""
    lines = re.findall(r"^  (\S.*)$", help_of(*command).partition("Examples:\n")[2], re.MULTILINE)
    return "".join(f"{line}\n" for line in lines if not line.startswith("HEALTHCHECK "))


def examples_of_manual():
    """The literal displays under EXAMPLES."""
    pages = sorted((ROOT / "docs/man").glob("*.1"))
    text = "".join(page.read_text(encoding="utf-8").partition(".Sh EXAMPLES")[2] for page in pages)
    return re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", text.partition(".Sh ")[0], re.MULTILINE)


def play(folder, name, text):
    """The commands, with a gateway that runs unless the first of them starts one."""
    assert text.count("sluice ") >= 1, name
    words = {"scene": True}
    starts = SERVER.match(split(text)[0])
    setup = [Block(name, 0, "", "yaml", CONFIG, {"scene": True, "config": True, "file": file})
             for file in ("conf/sluice.yaml", "/etc/sluice/sluice.yaml")]
    words = {} if starts else {"gateway": "conf/sluice.yaml"}
    token = "export TOKEN=$(sluice token --auth members)\n" if "TOKEN" in text or "…" in text else ""
    # A token in single quotes stands for one; the shell has to put it there.
    text = re.sub(r"'([^']*)…'", r'"\1$TOKEN"', text)
    play_scene(folder, [*setup, Block(name, 0, "", "sh", token + text, words)])


def test_every_command_is_played_or_left_out_for_a_reason():
    listed = help_of().partition("Subcommands:")[2].partition("Examples:")[0]
    assert {*COMMANDS, *LEFT_OUT} == set(re.findall(r"^  (\w+) ", listed, re.MULTILINE))


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_examples_of_the_help_work(folder, command):
    words = [command] if command else []
    play(folder, f"sluice {' '.join([*words, '--help'])}", examples_of_help(*words))


def test_examples_of_the_manual_work(folder):
    found = examples_of_manual()
    assert len(found) >= 3
    play(folder, "sluice.1", "".join(found))
