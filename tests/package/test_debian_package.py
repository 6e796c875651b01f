"""The Debian package in a clean system: what is in it, that it runs there, in a container's way and under
systemd, and that a purge leaves nothing. The tests share the system, in this order."""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess

import pytest

from harness.documents import blocks
from harness.dockerfile import ROOT, read_dockerfile
from harness.system_root import SystemRoot
from harness.wait import wait_for

PUBLIC = "http://127.0.0.1:8080"
ADMIN = "http://127.0.0.1:8081"
CONFIG = "etc/sluice/sluice.yaml"

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make and enter a system"),
    pytest.mark.timeout(900),  # a build from nothing, and a system on a slow disk
]


@pytest.fixture(scope="module")
def package():
    done = subprocess.run([ROOT / "scripts/package"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return pathlib.Path(done.stdout.splitlines()[-1]).absolute()


@pytest.fixture(scope="module")
def system(package):
    root = SystemRoot()
    try:
        root.make()
        shutil.copy(package, root.path / "tmp/sluice.deb")
        shutil.copy(package, root.path / "srv/package.deb")  # systemd has a /tmp of its own
        yield root
    finally:
        root.remove()


def field(package, name):
    return subprocess.run(["dpkg-deb", "--field", package, name], capture_output=True, text=True,
                          check=True).stdout.strip()


def traces(system):
    """Files, directories and accounts that carry the name."""
    found = [str(path.relative_to(system.path)) for path in system.path.rglob("*sluice*")
             if path.relative_to(system.path).parts[0] not in ("proc", "sys", "tmp")]
    if re.search("sluice", (system.path / "etc/passwd").read_text()):
        found.append("user")
    return [path for path in found if "journal" not in path]


def say(inner, topic, data):
    inner.curl("-f", "-d", data, f"{PUBLIC}/publish/{topic}")


def test_it_is_built_and_says_what_it_is_and_needs(package):
    assert re.fullmatch(r"sluice_\d+\.\d+\.\d+_amd64\.deb|sluice_\d+\.\d+\.\d+_arm64\.deb", package.name)
    assert field(package, "Section") == "httpd"
    assert field(package, "Description").startswith("Reverse proxy and SSE fan-out gateway\n Sluice holds")
    depends = {name.split()[0] for name in field(package, "Depends").split(", ")}
    assert {"adduser", "libc6", "libstdc++6", "libuv1", "libyaml-cpp0.7"} <= depends
    assert field(package, "Recommends") == "ca-certificates", "upstreams with TLS are verified by them"


def test_it_holds_what_debian_expects_where_debian_expects_it(package):
    listing = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True,
                             check=True).stdout.splitlines()
    files = {}
    for line in listing:
        mode, owner, *_, name = line.split()
        assert owner == "root/root", line
        if not mode.startswith("d"):
            files[name.removeprefix("./")] = mode
    assert files.pop("usr/bin/sluice") == "-rwxr-xr-x"
    assert set(files.values()) == {"-rw-r--r--"}
    expected = {
        CONFIG, "etc/default/sluice", "etc/logrotate.d/sluice", "usr/lib/systemd/system/sluice.service",
        "usr/share/bash-completion/completions/sluice", "usr/share/fish/vendor_completions.d/sluice.fish",
        "usr/share/zsh/vendor-completions/_sluice",
        *(f"usr/share/doc/sluice/{name}"
          for name in ("LICENSE", "changelog.gz", "copyright", "proxy.yaml", "redis.yaml", "reference.yaml",
                       "sysctl.conf"))}
    pages = {f"usr/share/man/man{page.name[-1]}/{page.name}.gz" for page in (ROOT / "docs/man").glob("*.[1-8]")}
    assert set(files) == expected | pages


def test_the_executable_is_stripped_and_hardened(package, tmp_path):
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    binary = tmp_path / "usr/bin/sluice"
    said = subprocess.run(["readelf", "--file-header", "--dynamic", "--sections", "--wide", binary],
                          capture_output=True, text=True, check=True).stdout
    assert "DYN (Position-Independent Executable" in said
    assert "BIND_NOW" in said and ".debug_info" not in said
    symbols = subprocess.run(["readelf", "--dyn-syms", "--wide", binary], capture_output=True,
                             text=True, check=True).stdout
    assert "__stack_chk_fail" in symbols and "_chk@GLIBC" in symbols
    assert str(ROOT).encode() not in binary.read_bytes(), "the folder of the build shows"


def test_it_installs_as_the_dockerfile_says(system):
    """The commands of the image's last stage, which are those of any system without an init."""
    stage = read_dockerfile()[-1]
    assert stage.base.removesuffix("-slim").removeprefix("debian:") in (
        system.path / "etc/os-release").read_text()
    for instruction in stage.all("RUN"):
        system.run(instruction.rest)
    assert system.run("stat -c '%A %U %G' /etc/sluice /etc/sluice/sluice.yaml").stdout.splitlines() == [
        "drwxr-x--- root sluice", "-rw-r----- root sluice"]
    assert system.run("stat -c %a /etc/default/sluice").stdout.strip() == "600"


def test_it_runs_on_its_own_configuration_without_an_init(system):
    assert system.run("sluice --version").stdout.startswith("sluice ")
    assert "valid" in system.run("sluice -t", user="sluice:sluice").stdout
    gateway = system.start(["sluice"], user="sluice:sluice")
    wait_for(lambda: gateway.curl(f"{ADMIN}/healthz", check=False), "it answers")
    assert gateway.sees(f"{PUBLIC}/events/news", lambda: say(gateway, "news", "hello")) == "hello"
    status = pathlib.Path(f"/proc/{gateway.pid}/status").read_text()
    assert not re.search(r"^Uid:\s+0", status, re.MULTILINE)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0, system.log()


def test_it_runs_as_the_dockerfile_says(system):
    stage = read_dockerfile()[-1]
    kept = (system.path / CONFIG).read_bytes()
    for copy in stage.all("COPY"):
        source, target = copy.words
        shutil.copy(ROOT / source, system.path / target.lstrip("/"))
        system.run(f"chown {copy.flags['chown']} {target}")
    words = stage.last("ENTRYPOINT").words + stage.last("CMD").words
    gateway = system.start(words, user=stage.last("USER").rest,
                           environment={"REDIS_URL": "redis://127.0.0.1:1/0"})
    wait_for(lambda: gateway.curl(f"{ADMIN}/healthz", check=False), "it answers")
    kind, words = stage.last("HEALTHCHECK").rest.split(None, 1)
    assert kind == "CMD"
    enter = ["chroot", f"--userspec={stage.last('USER').rest}", system.path]
    assert gateway.run(*enter, *json.loads(words)).stdout == "alive\n"
    not_ready = gateway.run(*enter, "sluice", "health", "--ready", check=False)
    assert not_ready.returncode == 1 and "redis" in not_ready.stderr
    gateway.signal(getattr(signal, stage.last("STOPSIGNAL").rest))
    assert gateway.wait() == 0, system.log()
    (system.path / CONFIG).write_bytes(kept)


def test_an_upgrade_keeps_a_changed_configuration(system):
    path = system.path / CONFIG
    text = path.read_text().replace("path: /events/news", "path: /events/mine")
    path.write_text(text)
    system.run("apt-get install -y --reinstall /tmp/sluice.deb")
    assert path.read_text() == text


def test_a_purge_leaves_nothing(system):
    system.run("apt-get purge -y sluice")
    assert traces(system) == ["user"], "the image's own account, which the package has found"
    system.run("userdel sluice")


# --- with systemd ---


@pytest.fixture(scope="module")
def booted(system):
    system.run("apt-get update && apt-get install -y --no-install-recommends systemd systemd-sysv")
    return system.boot()


def systemctl(booted, *words, check=True):
    return booted.run("systemctl", *words, check=check, inside=True)


def show(booted, name):
    return systemctl(booted, "show", "--value", f"--property={name}", "sluice").stdout.strip()


def journal(booted):
    return booted.run("journalctl", "--no-pager", "--unit=sluice", inside=True).stdout


def test_systemd_starts_it_when_it_is_installed(booted):
    booted.run("sh", "-c", "DEBIAN_FRONTEND=noninteractive apt-get install -y /srv/package.deb",
               inside=True)
    assert show(booted, "ActiveState") == "active", journal(booted)
    assert show(booted, "UnitFileState") == "enabled"
    assert show(booted, "StatusText") == "serving on 127.0.0.1:8080"
    assert booted.sees(f"{PUBLIC}/events/news", lambda: say(booted, "news", "hello")) == "hello"
    assert booted.run("cat", "/run/sluice/sluice.pid", inside=True).stdout.strip() == show(booted, "MainPID")


def test_documented_commands_work(booted):
    documented = [block for block in blocks("docs/deployment.md") if block.words.get("skip") == "systemd"]
    assert documented
    for block in documented:
        booted.run("bash", "-ec", block.text, inside=True)
    assert "serving on" in booted.run("systemctl", "status", "sluice", inside=True).stdout


def test_the_sandbox_holds(booted):
    pid = show(booted, "MainPID")
    status = booted.run("cat", f"/proc/{pid}/status", inside=True).stdout
    facts = dict(line.split(":", 1) for line in status.splitlines())
    assert facts["NoNewPrivs"].strip() == "1"
    assert facts["Seccomp"].strip() == "2"
    assert int(facts["CapBnd"], 16) == 1 << 10, "CAP_NET_BIND_SERVICE only"
    assert facts["Uid"].split()[0] != "0"
    limits = booted.run("cat", f"/proc/{pid}/limits", inside=True).stdout
    files = min(1048576, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # no more than we may give
    assert re.search(rf"Max open files +{files} +{files} ", limits), limits
    assert not re.search(" (warn|error) ", journal(booted))


def test_a_wrong_configuration_fails_the_reload_and_changes_nothing(booted):
    pid = show(booted, "MainPID")
    config = booted.run("cat", f"/{CONFIG}", inside=True).stdout
    booted.run("sh", "-c", f"echo 'nonsense: 1' >> /{CONFIG}", inside=True)
    assert systemctl(booted, "reload", "sluice", check=False).returncode != 0
    assert "nonsense" in journal(booted)
    assert show(booted, "MainPID") == pid
    lines = len(config.splitlines())
    booted.run("sed", "-i", f"{lines + 1}d", f"/{CONFIG}", inside=True)
    before = journal(booted).count(" reloaded ")
    systemctl(booted, "reload", "sluice")
    wait_for(lambda: journal(booted).count(" reloaded ") > before, "the gateway has reloaded")


def test_a_hung_gateway_is_restarted(booted):
    booted.run("sh", "-c", "mkdir -p /run/systemd/system/sluice.service.d && printf '[Service]\\n"
               "WatchdogSec=1s\\n' > /run/systemd/system/sluice.service.d/test.conf", inside=True)
    systemctl(booted, "daemon-reload")
    systemctl(booted, "restart", "sluice")
    pid = show(booted, "MainPID")
    systemctl(booted, "kill", "--signal=STOP", "sluice")
    wait_for(lambda: show(booted, "MainPID") not in ("0", pid) and show(booted, "ActiveState") == "active",
             "another one runs", timeout=30)
    assert "Watchdog timeout" in journal(booted)


def test_stopping_it_drains(booted):
    systemctl(booted, "stop", "sluice")
    assert show(booted, "Result") == "success"
    assert re.search("SIGTERM: draining.*stopped", journal(booted), re.DOTALL)


def test_a_purge_stops_it_and_leaves_nothing(booted, system):
    booted.run("rm", "-r", "/run/systemd/system/sluice.service.d", inside=True)
    systemctl(booted, "daemon-reload")
    systemctl(booted, "start", "sluice")
    booted.run("apt-get", "purge", "-y", "sluice", inside=True)
    assert booted.curl(f"{ADMIN}/healthz", check=False) == ""
    assert traces(system) == []
    assert booted.run("ls", "/run/sluice", inside=True, check=False).returncode != 0
