"""Help, shell completion and manual pages agree with the options that there are."""

import functools
import pathlib
import re
import subprocess

import pytest

from harness import gateway

ROOT = pathlib.Path(__file__).parent.parent.parent
COMMANDS = ["publish", "tail", "token", "explain", "health", "bench", "completion"]
MAN = {"sluice.1": ROOT / "docs/man/sluice.1", "sluice.yaml.5": ROOT / "docs/man/sluice.yaml.5"}


@functools.lru_cache
def help_of(*command):
    code, output, errors = gateway.run(*command, "--help")
    assert (code, errors) == (0, "")
    return output


def options_of(*command):
    """The long options that a command's help lists."""
    lines = help_of(*command).partition("Options:")[2].partition("Examples:")[0].splitlines()
    options = {name for line in lines for name in re.findall(r"^  (?:-\w,)?(--[\w-]+)", line)}
    assert len(options) >= 1, lines
    return options


def complete(folder, *words, script=None):
    """What bash offers for the last of `words`."""
    test = r"""
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _sluice
        printf '%s\n' "${COMPREPLY[@]}"
    """
    if script is None:
        script = pathlib.Path(folder) / "completion.bash"
        script.write_text(gateway.run("completion", "bash")[1])
    done = subprocess.run(["bash", "-euc", test, "bash", script, *words], capture_output=True,
                          text=True, cwd=folder, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_examples_that_name_it(command):
    text = help_of(command)
    examples = text.partition("Examples:\n")[2]
    assert re.search(rf"\bsluice {command}\b", examples), text


def test_the_main_help_names_every_command():
    text = help_of()
    listed = re.findall(r"^  (\w+) ", text.partition("Subcommands:")[2].partition("Examples:")[0],
                        re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)
    assert "Examples:" in text


def test_bash_registers_the_function(folder):
    script = gateway.run("completion", "bash")[1]
    done = subprocess.run(["bash", "-euc", f"{script}\ncomplete -p sluice"], capture_output=True,
                          text=True, check=True)
    assert "-F _sluice sluice" in done.stdout and done.stderr == ""


def test_bash_offers_commands_options_and_values(folder):
    assert set(COMMANDS) | options_of() <= complete(folder, "sluice", "")
    assert complete(folder, "sluice", "to") == {"token"}
    assert complete(folder, "sluice", "-s", "re") == {"reload", "reopen"}
    assert complete(folder, "sluice", "completion", "") >= {"bash", "zsh", "fish"}
    assert complete(folder, "sluice", "tail", "http://h/x", "--last") == {"--last-event-id"}
    assert complete(folder, "sluice", "tail", "--token", "") == set()
    for command in COMMANDS:
        assert options_of(command) == {word for word in complete(folder, "sluice", command, "--")}


def test_bash_offers_files_where_an_option_takes_one(folder):
    for name in ("one.yaml", "other.yaml"):
        (pathlib.Path(folder) / name).touch()
    assert complete(folder, "sluice", "-c", "o") == {"one.yaml", "other.yaml"}
    assert complete(folder, "sluice", "token", "--key", "on") == {"one.yaml"}
    assert complete(folder, "sluice", "-c", "one.yaml", "pub") == {"publish"}


def test_zsh_and_fish_scripts_name_every_command_and_option():
    for shell in ("zsh", "fish"):
        script = gateway.run("completion", shell)[1]
        for command in COMMANDS:
            assert re.search(rf"\b{command}\b", script)
            for option in options_of(command):
                name = option if shell == "zsh" else "-l " + option.removeprefix("--")
                assert name in script, (shell, command, option)


def test_another_shell_is_wrong_usage():
    code, output, errors = gateway.run("completion", "csh")
    assert (code, output) == (2, "")
    assert "bash" in errors and errors.count("\n") == 1


def manual(name):
    """The page as a terminal shows it, without its bold and underlined letters."""
    done = subprocess.run(
        ["groff", "-mdoc", "-Tascii", "-ww", "-rLL=200n", "-P-cbou", MAN[name]],
        capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    return re.sub(r"\s+", " ", done.stdout)


def test_the_manual_has_every_command_and_option():
    text = manual("sluice.1")
    for command in COMMANDS:
        assert f"sluice {command}" in text
        if command != "bench":
            for option in options_of(command):
                assert option in text, (command, option)
    for option in options_of():
        assert option in text, option
    for word in ("SIGHUP", "SLUICE_TOKEN", "EXIT STATUS", "/etc/sluice/sluice.yaml"):
        assert word in text


def test_the_manual_of_the_configuration_has_every_top_level_key(folder):
    text = manual("sluice.yaml.5")
    reference = (ROOT / "conf/reference.yaml").read_text()
    keys = re.findall(r"^([a-z_]+):", reference, re.MULTILINE)
    assert len(keys) > 10
    for key in keys:
        assert re.search(rf"\b{key}\b", text), key
    example = re.search(r"\.Bd -literal[^\n]*\n(.*?)\.Ed", MAN["sluice.yaml.5"].read_text(),
                        re.DOTALL)[1]
    path = pathlib.Path(folder) / "example.yaml"
    path.write_text(example)
    assert gateway.run("-t", "-c", path)[0] == 0
