"""Under a service manager: the gateway says when it is ready, leaving, and alive (sd_notify)."""

import ctypes
import os
import pathlib
import signal
import socket
import time

import pytest

from harness.process import LIBC
from harness.wait import TIMEOUT

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


class Manager:
    """The manager's end of NOTIFY_SOCKET."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name.replace("@", "\0", 1))
        self.environment = {"NOTIFY_SOCKET": name}

    def take(self, timeout=TIMEOUT):
        """The next datagram as a dict; None if none comes in time."""
        self.socket.settimeout(timeout)
        try:
            lines = self.socket.recv(4096).decode().split("\n")
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture(params=["path", "abstract"])
def manager(request, folder):
    name = f"{folder}/notify" if request.param == "path" else f"@sluice-{os.path.basename(folder)}"
    manager = Manager(name)
    yield manager
    manager.socket.close()


def thread_named(gateway, name):
    for task in pathlib.Path(f"/proc/{gateway.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise AssertionError(f"no thread {name}")


def ptrace(request, thread):
    LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    assert LIBC.ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())


def test_ready_comes_when_the_listeners_are_open_and_stopping_when_it_drains(make_gateway, manager):
    gateway = make_gateway(environment=manager.environment)
    said = manager.take()
    assert said == {"READY": "1", "STATUS": "serving on 127.0.0.1:%d" % gateway.address[1]}
    with gateway.subscribe() as subscriber:
        gateway.signal(signal.SIGTERM)
        assert manager.take() == {"STOPPING": "1", "STATUS": "draining"}
        subscriber.rest()
    assert gateway.wait() == 0
    assert manager.take(timeout=0.05) is None, "no watchdog was asked for"


@pytest.mark.parametrize("valid", [True, False])
def test_a_reload_begins_and_ends_whatever_the_file_holds(make_gateway, manager, valid):
    gateway = make_gateway(environment=manager.environment)
    ready = manager.take()
    if not valid:
        gateway.config_path.write_text("nonsense: 1\n")
    before = time.monotonic_ns() // 1000
    gateway.signal(signal.SIGHUP)
    said = manager.take()
    assert said.pop("RELOADING") == "1"
    assert before <= int(said.pop("MONOTONIC_USEC")) <= time.monotonic_ns() // 1000
    assert said == {}
    assert manager.take() == ready


def test_ready_does_not_come_where_it_cannot_start(make_gateway, manager, gateway):
    taken = make_gateway({"listen": ["127.0.0.1:%d" % gateway.address[1]]},
                         start=False, environment=manager.environment)
    with pytest.raises(AssertionError, match="cannot start"):
        taken.start()
    assert manager.take(timeout=0.05) is None


def test_the_watchdog_hears_it_while_all_its_loops_turn(make_gateway, manager):
    gateway = make_gateway({"workers": 2},
                           environment={**manager.environment, "WATCHDOG_USEC": "400000"})
    assert "READY" in manager.take()
    for _ in range(3):
        assert manager.take() == {"WATCHDOG": "1"}
    thread = thread_named(gateway, "sluice-worker1")
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    try:
        gateway.wait_log("watchdog: sluice-worker1 has not answered")
        while manager.take(timeout=0.05):
            pass  # what was sent before
        assert manager.take(timeout=0.5) is None, "a hung worker must be noticed"
    finally:
        os.waitpid(thread, 0x40000000)  # __WALL: it has stopped
        ptrace(PTRACE_DETACH, thread)
    assert manager.take() == {"WATCHDOG": "1"}


def test_a_missing_manager_is_a_warning_only(make_gateway, folder):
    gateway = make_gateway(environment={"NOTIFY_SOCKET": f"{folder}/absent"})
    gateway.wait_log(r"warn +cannot write to NOTIFY_SOCKET .*/absent: No such file")
    gateway.publish("news", "still served")
