"""What an installation puts on a machine, as far as it can be checked without one: `cmake --install`, the
unit, the kernel's settings, the image. tests/package installs the Debian package for real."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from harness import gateway
from harness.dockerfile import ROOT, read_dockerfile

CONF = ROOT / "conf"
# 0 is no exposure at all, 10 is none of the sandbox. What is left is the network, which is its work.
MOST_EXPOSURE = 20  # tenths
REFERENCE = yaml.safe_load((CONF / "reference.yaml").read_text())


def call(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60,
                          **options)


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


@pytest.fixture
def build():
    """The folder of the build under test."""
    folder = pathlib.Path(gateway.BINARY).absolute().parent
    if not (folder / "cmake_install.cmake").exists():
        pytest.skip("the binary under test is in no build folder")
    return folder


@pytest.fixture
def unit(folder):
    """The unit, on paths that this machine has."""
    text = (CONF / "systemd/sluice.service.in").read_text()
    text = text.replace("@CMAKE_INSTALL_FULL_BINDIR@", str(pathlib.Path(gateway.BINARY).absolute().parent))
    text = text.replace("@SLUICE_CONFIG_DIR@", "/etc/sluice")
    assert "@" not in re.sub("(?m)^#.*|=~?@[a-z]|@(system|priv|res)", "", text)
    path = pathlib.Path(folder) / "sluice.service"
    path.write_text(text)
    return path


def unit_settings(path):
    settings = {}
    for line in path.read_text().splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            settings.setdefault(name, []).append(value)
    return settings


def test_cmake_installs_what_runs_and_keeps_a_changed_configuration(folder, build):
    environment = {**os.environ, "DESTDIR": folder}
    assert call("cmake", "--build", build, "--target", "conf/all").returncode == 0
    done = call("cmake", "--install", build, env=environment)
    assert done.returncode == 0, done.stderr
    prefix = pathlib.Path(folder) / "usr/local"
    config = prefix / "etc/sluice/sluice.yaml"
    assert "valid" in call(prefix / "bin/sluice", "-t", "-c", config).stdout
    for name in ("LICENSE", "reference.yaml", "proxy.yaml", "sysctl.conf"):
        assert (prefix / "share/doc/sluice" / name).stat().st_size > 0
    for page in (ROOT / "docs/man").glob("*.[1-8]"):
        assert call("gzip", "-t", prefix / f"share/man/man{page.name[-1]}/{page.name}.gz").returncode == 0
    for shell, name in (("bash", "bash-completion/completions/sluice"), ("zsh", "zsh/site-functions/_sluice"),
                        ("fish", "fish/vendor_completions.d/sluice.fish")):
        assert (prefix / "share" / name).read_text() == gateway.run("completion", shell)[1] != ""
    unit = (prefix / "lib/systemd/system/sluice.service").read_text()
    assert "ExecStart=/usr/local/bin/sluice -c /usr/local/etc/sluice/sluice.yaml" in unit
    config.write_text("listen: 127.0.0.1:1\n")
    done = call("cmake", "--install", build, env=environment)
    assert done.returncode == 0 and "Kept" in done.stdout
    assert config.read_text() == "listen: 127.0.0.1:1\n"


@pytest.mark.parametrize("name", ["installed/sluice.yaml", "docker/sluice.yaml"])
def test_installed_configurations_are_valid_and_open_nothing_by_themselves(name, folder):
    code, _, errors = gateway.run("-t", "-c", CONF / name, folder=folder)
    assert code == 0, errors
    config = yaml.safe_load((CONF / name).read_text())
    public = not config["listen"].startswith("127.0.0.1:")
    assert not (public and config.get("publish")), "anyone could publish"
    assert not config.get("demo")


def test_systemd_takes_the_unit(unit):
    done = call("systemd-analyze", "verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("Type=notify", "Type=notified"))
    assert "notified" in call("systemd-analyze", "verify", "--man=no", unit).stderr


def test_the_unit_exposes_little(unit):
    done = call("systemd-analyze", "security", "--offline=yes", "--no-pager",
                f"--threshold={MOST_EXPOSURE}", unit)
    assert done.returncode == 0, done.stdout + done.stderr
    unit.write_text(unit.read_text().replace("SystemCallFilter=", "#").replace("Protect", "#"))
    done = call("systemd-analyze", "security", "--offline=yes", "--no-pager",
                f"--threshold={MOST_EXPOSURE}", unit)
    assert done.returncode == 1, "without its sandbox it exposes more"


def test_the_unit_fits_the_defaults(unit):
    settings = unit_settings(unit)
    assert seconds(settings["TimeoutStopSec"][0]) > seconds(REFERENCE["drain"]["deadline"])
    files = int(settings["LimitNOFILE"][0])
    assert files > REFERENCE["limits"]["connections"]
    assert files <= 1 << 20, "fs.nr_open of a kernel that nobody has tuned"
    installed = yaml.safe_load((CONF / "installed/sluice.yaml").read_text())
    assert installed["pid_file"].startswith(f"/run/{settings['RuntimeDirectory'][0]}/")


def test_the_kernel_knows_each_setting():
    settings = [line for line in (CONF / "sysctl/sluice.conf").read_text().splitlines()
                if line and not line.startswith("#")]
    assert len(settings) >= 7
    for setting in settings:
        name, value = re.fullmatch(r"([a-z0-9_.]+) = ([0-9 ]+)", setting).groups()
        current = pathlib.Path("/proc/sys", name.replace(".", "/")).read_text().split()
        assert len(current) == len(value.split()), name


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts_are_shell(name):
    path = CONF / "debian" / name
    assert os.access(path, os.X_OK)
    assert call("dash", "-n", path).returncode == 0
    assert "\nset -e\n" in path.read_text()


def test_every_conffile_is_installed():
    rules = (CONF / "CMakeLists.txt").read_text()
    for name in (CONF / "debian/conffiles").read_text().split():
        folder, _, file = name.rpartition("/")
        assert file in ("sluice", "sluice.yaml")
        assert f"DESTINATION {folder})" in rules or folder == "/etc/sluice"


# --- the image ---


def ignored(path):
    """As the .dockerignore has it, which lists what is not."""
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    return f"!{path.parts[0]}" not in lines


def test_the_image_is_built_from_files_that_are_there():
    stages = read_dockerfile()
    assert [stage.name for stage in stages] == ["build", ""]
    names = {stage.name for stage in stages}
    for stage in stages:
        for copy in stage.all("COPY"):
            source = pathlib.Path(copy.words[0])
            assert (ROOT / source).exists()
            assert source == pathlib.Path(".") or not ignored(source), source
        for run in stage.all("RUN"):
            mount = dict(part.split("=") for part in run.flags.get("mount", "").split(",") if part)
            assert mount.get("from", "build") in names


def test_the_build_stage_has_all_that_the_package_is_built_from(folder):
    """Its packages are scripts/setup's own list, so what can be missing is a file."""
    stage = read_dockerfile()[0]
    commands = [run.rest for run in stage.all("RUN")]
    assert commands[0] == "scripts/setup --package"
    assert commands[1].startswith("scripts/package &&")
    for path in ROOT.iterdir():
        if not ignored(path.relative_to(ROOT)) and path.name != "build":
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, pathlib.Path(folder) / path.name)
    done = call("cmake", "--preset", "package", cwd=folder)
    assert done.returncode == 0, done.stderr
    done = call("ninja", "-C", f"{folder}/build/package", "-n", cwd=folder)
    assert done.returncode == 0, done.stdout


def test_the_image_runs_as_nobody_special_and_can_be_asked():
    stage = read_dockerfile()[-1]
    user = stage.last("USER").rest
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "a number, and not root's"
    assert f"--uid {user.split(':')[0]} " in stage.all("RUN")[0].rest
    config = yaml.safe_load((CONF / "docker/sluice.yaml").read_text())
    ports = {address.rpartition(":")[2] for address in (config["listen"], config["admin"]["listen"])}
    assert set(stage.last("EXPOSE").words) == ports
    assert stage.last("STOPSIGNAL").rest == "SIGTERM"
    assert stage.last("HEALTHCHECK").rest == 'CMD ["sluice", "health"]'
    entry = stage.last("ENTRYPOINT").words + stage.last("CMD").words
    assert entry == ["sluice", "-c", "/etc/sluice/sluice.yaml"]
    assert stage.all("COPY")[-1].words[1] == entry[-1]


def test_the_image_can_verify_upstreams():
    """What the package only recommends is not installed with it."""
    install, = (run.rest for run in read_dockerfile()[-1].all("RUN") if "/tmp/sluice.deb" in run.rest)
    assert "--no-install-recommends" in install and " ca-certificates " in install


def test_compose_gives_each_gateway_time_and_descriptors():
    folder = ROOT / "docs/examples/compose"
    services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    gateways = [service for service in services.values() if service["image"] == "sluice"]
    assert len(gateways) == 2
    for service in gateways:
        context = folder / service["build"]["context"]
        assert (context / service["build"]["dockerfile"]).samefile(CONF / "docker/Dockerfile")
        assert seconds(service["stop_grace_period"]) > seconds(REFERENCE["drain"]["deadline"])
        assert service["ulimits"]["nofile"]["hard"] > REFERENCE["limits"]["connections"]
        assert [port.rpartition(":")[2] for port in service["ports"]] == ["8080"], "not the admin listener"
        assert service["environment"]["REDIS_URL"].startswith("redis://redis:")
        assert set(service["depends_on"]) <= services.keys()
        for name in service["sysctls"]:
            assert pathlib.Path("/proc/sys", name.replace(".", "/")).exists()


def test_kubernetes_probes_what_the_gateway_answers_and_waits_for_the_drain(folder):
    text = (ROOT / "docs/examples/kubernetes/sluice.yaml").read_text()
    parts = {part["kind"]: part for part in yaml.safe_load_all(text)}
    path = pathlib.Path(folder) / "sluice.yaml"
    path.write_text(parts["ConfigMap"]["data"]["sluice.yaml"])
    code, _, errors = gateway.run("-t", "-c", path, environment={"REDIS_URL": "redis://redis:6379/0"})
    assert code == 0, errors
    config = yaml.safe_load(path.read_text())
    pod = parts["Deployment"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert ports["http"] == config["listen"].rpartition(":")[2]
    assert ports["admin"] == config["admin"]["listen"].rpartition(":")[2]
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "admin"}
    assert pod["terminationGracePeriodSeconds"] > seconds(config["drain"]["deadline"])
    probe = container["readinessProbe"]
    assert seconds(config["drain"]["delay"]) > probe["periodSeconds"] * probe["failureThreshold"]
    assert [port["targetPort"] for port in parts["Service"]["spec"]["ports"]] == ["http"]
    assert container["volumeMounts"][0]["mountPath"] == "/etc/sluice"
