"""`sluice -s WORD`: the running gateway is found by its pid file and signalled."""

import os
import signal
import subprocess
import sys

import pytest

from harness import gateway as binary
from harness.process import end, spawn
from harness.wait import wait_for


def send(gateway, word):
    """Sends the word as an operator would; (exit code, errors)."""
    code, output, errors = binary.run("-s", word, "-c", gateway.config_path, folder=gateway.folder)
    assert output == ""
    return code, errors


def with_pid_file(make_gateway, **changes):
    return make_gateway({"pid_file": "sluice.pid", **changes})


def test_quit_drains(make_gateway):
    gateway = with_pid_file(make_gateway)
    with gateway.subscribe() as subscriber:
        assert send(gateway, "quit") == (0, "")
        subscriber.rest()
        assert subscriber.clean_end
    assert gateway.wait() == 0
    gateway.wait_log("SIGQUIT: draining")
    assert not (gateway.folder / "sluice.pid").exists()


def test_stop_does_not_wait_for_the_drain(make_gateway):
    gateway = with_pid_file(make_gateway, drain={"delay": "60s", "spread": "0s", "deadline": "60s"})
    with gateway.subscribe():
        assert send(gateway, "stop") == (0, "")
        assert gateway.wait() == 0
    gateway.wait_log("stopping at once")


def test_reopen_makes_the_log_anew(make_gateway):
    gateway = with_pid_file(make_gateway, log={"level": "info", "path": "own.log"})
    log = gateway.folder / "own.log"
    log.rename(gateway.folder / "own.log.1")
    assert send(gateway, "reopen") == (0, "")
    wait_for(log.exists, "the log is there again")


def test_reload_reaches_the_gateway(make_gateway):
    gateway = with_pid_file(make_gateway)
    assert send(gateway, "reload") == (0, "")
    gateway.wait_metric("sluice_config_reloads_total", 1, result="ok")


def test_without_pid_file_in_the_config_it_says_what_to_add(gateway):
    code, errors = send(gateway, "stop")
    assert code == 1
    assert "pid_file" in errors and errors.count("\n") == 1
    assert gateway.process.poll() is None


def test_a_missing_pid_file_is_named(make_gateway):
    gateway = with_pid_file(make_gateway)
    gateway.stop()
    code, errors = send(gateway, "quit")
    assert code == 1
    assert "sluice.pid" in errors and errors.count("\n") == 1


def test_a_pid_file_that_a_killed_gateway_left_behind_is_called_stale(make_gateway):
    gateway = with_pid_file(make_gateway)
    gateway.signal(signal.SIGKILL)
    gateway.process.wait()
    gateway.process = None
    code, errors = send(gateway, "reload")
    assert code == 1
    assert "is gone" in errors and "left behind" in errors


def test_another_program_with_that_id_is_left_alone(make_gateway):
    gateway = with_pid_file(make_gateway)
    other = spawn([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (gateway.folder / "sluice.pid").write_text(f"{other.pid}\n")
        code, errors = send(gateway, "stop")
        assert code == 1
        assert "another program" in errors
        assert other.poll() is None
    finally:
        end(other)


def test_what_is_no_process_id_is_refused(make_gateway):
    gateway = with_pid_file(make_gateway)
    for text in ("", "0", "1", "-1", "12x", "99999999999999999999", "12\n13\n"):
        (gateway.folder / "sluice.pid").write_text(text)
        code, errors = send(gateway, "stop")
        assert code == 1, text
        assert "process id" in errors, (text, errors)
    assert gateway.process.poll() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_gateway_of_another_user_is_told_apart_from_a_missing_one(make_gateway):
    gateway = with_pid_file(make_gateway)
    gateway.folder.chmod(0o755)
    gateway.folder.parent.chmod(0o755)
    done = subprocess.run(
        [str(binary.BINARY), "-s", "stop", "-c", str(gateway.config_path)], cwd=gateway.folder,
        user="nobody", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot be signalled" in done.stderr and "root" in done.stderr
    assert gateway.process.poll() is None


def test_an_unknown_word_is_wrong_usage(gateway):
    code, errors = send(gateway, "restart")
    assert code == 2
    assert "reload" in errors and errors.count("\n") == 1
