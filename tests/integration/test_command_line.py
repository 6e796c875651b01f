"""The command line: exit codes, help, version."""

import re

from harness import gateway


def test_version_names_the_libraries():
    code, output, _ = gateway.run("--version")
    assert code == 0
    assert re.match(r"sluice \d+\.\d+\.\d+", output)
    for library in ("libuv", "llhttp", "hiredis"):
        assert library in output


def test_help_names_the_options_and_commands():
    code, output, _ = gateway.run("--help")
    assert code == 0
    for word in ("-c", "-t", "bench"):
        assert word in output
    code, output, _ = gateway.run("bench", "--help")
    assert code == 0 and "--json" in output


def test_wrong_usage_is_2_with_a_line_that_helps():
    for arguments in (["--no-such-option"], ["no-such-command"], ["-c"]):
        code, output, errors = gateway.run(*arguments)
        assert code == 2, arguments
        assert errors.strip() and not output


def test_a_missing_config_is_1_and_named(folder):
    code, _, errors = gateway.run("-c", f"{folder}/none.yaml")
    assert code == 1
    assert f"{folder}/none.yaml" in errors


def test_an_address_in_use_is_1_and_named(gateway, make_gateway):
    second = make_gateway({"listen": ["%s:%d" % gateway.address]}, start=False)
    try:
        second.start()
        started = True
    except AssertionError:
        started = False
    assert not started
    assert second.process.returncode in (1, -9)
    second.process = None
    assert "in use" in second.log() and "%s:%d" % gateway.address in second.log()
