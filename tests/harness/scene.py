"""What a documented command needs around it: an empty folder like a checkout, servers on free ports under
their usual names, and a shell. Commands are run as they are written but for the ports and paths."""

import os
import pathlib
import random
import re
import shutil
import socket
import subprocess

from harness import nginx, secrets
from harness.documents import ROOT
from harness.gateway import BINARY, SANITIZER
from harness.redis import RedisServer
from harness.process import end, spawn
from harness.shell import Shell, promises, split
from harness.wait import TIMEOUT, wait_for

# Ports that the documentation speaks of. Each scene has others in their place.
PORTS = (80, 443, 3000, 5173, 6379, 8000, 8080, 8081, 8443)
# What Go has compiled of its libraries, which takes longer than all else on a page.
GO_CACHE = ROOT / "build/go-cache"
# Folders of the machine that a scene has its own of.
PATHS = ("/etc/sluice", "/var/log/sluice", "/run/sluice")
SERVER = re.compile(r"^(?:\w+=\S+\s+)*(?:(?:build/release/)?sluice(?:\s+-c\s+\S+)?|scripts/run(?:\s+-c\s+\S+)?"
                    r"|python3 -m http\.server\b.*|nginx (?:-\w \S+\s+)*-c \S+|node \S*server\S*|(?:node|python3|go run) \S+/app\.\w+)"
                    r"\s*(?:#.*)?$", re.MULTILINE)
# One of the above that is an app behind the gateway.
APP = re.compile(r"/app\.\w+\b")
STREAM = re.compile(r"^(?:\w+=\S+\s+)*(?:curl\s+(?:\S+\s+)*?-\w*N|(?:build/release/)?sluice\s+tail\b"
                    r"|redis-cli\s+(?:SUBSCRIBE|PSUBSCRIBE|MONITOR)\b)")
# What differs from run to run, and what stands for it in both texts.
VARYING = (
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?"), "TIME"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "TOKEN"),
    (re.compile(r"\b[a-z0-9]{5,13}\.\d+\b"), "ID"),
    (re.compile(r"\bretry: \d+"), "retry: N"),
    (re.compile(r"\b127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"^Date: .*$", re.MULTILINE | re.IGNORECASE), "Date"),
)
STAND_INS = {
    "sluice": """\
if [ -n "$SLUICE_READY" ]; then
  exec 9>"$SLUICE_READY"
  exec {binary} --ready-fd 9 "$@"
fi
exec {binary} "$@"
""",
    "redis-cli": """\
case " $* " in
  *" -p "* | *" -u "* | *" -s "*) exec /usr/bin/redis-cli "$@" ;;
esac
exec /usr/bin/redis-cli -p {redis} "$@"
""",
    "sudo": 'exec "$@"\n',
    # What scripts/setup has installed is used.
    "npm": """\
[ "$1 $3" = "--prefix ci" ] && exec ln -sfn {root}/$2/node_modules $2/node_modules
PATH=${{PATH#*:}} exec npm "$@"
""",
    # Nothing is installed: what the page names must be there already.
    "apt-get": """\
[ "$1" = install ] || exit 0
shift
for package in "$@"; do
  case $package in -*) ;; *) dpkg-query -W "$package" >/dev/null || exit 1 ;; esac
done
""",
}
RUN = """\
[ $# -gt 0 ] || set -- -c conf/sluice.yaml
exec sluice "$@"
"""

def free_ports(count):
    """Ports outside the kernel's own range, so that nobody gets them by chance in the meantime."""
    found = []
    while len(found) < count:
        port = random.randrange(15000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def plain(text):
    for pattern, name in VARYING:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def pattern_of(expected):
    parts = (re.escape(part) for part in re.split(r"\.\.\.|…", plain(expected)))
    return re.compile(r"[\s\S]*?".join(parts))


class Scene:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        self.proxies = []
        self.gateways = []  # jobs
        self.redis = None
        self.stream = None
        self.pages = {}     # by URL
        self.printed = ""   # by the last block's commands
        self._fill()
        environment = {name: value for name, value in os.environ.items()
                       if not name.lower().endswith("_proxy") and not name.startswith("SLUICE_")}
        environment |= {name: value for name, value in os.environ.items() if name.startswith("SLUICE_TEST")}
        environment |= {"PATH": f"{self.folder}/.bin:{os.environ['PATH']}", "HOME": str(self.folder),
                        "CURL_HOME": f"{self.folder}/.bin", "LC_ALL": "C.UTF-8", "TZ": "UTC",
                        "GOCACHE": str(GO_CACHE)}
        self.shell = Shell(self.folder, environment)

    def _fill(self):
        bin_folder = self.folder / ".bin"
        (self.folder / "scripts").mkdir()
        (self.folder / "build/release").mkdir(parents=True)
        bin_folder.mkdir()
        for name, script in STAND_INS.items():
            self._script(bin_folder / name, script.format(
                binary=BINARY, redis=self.ports[6379], root=ROOT))
        self._script(self.folder / "scripts/run", RUN)
        (self.folder / "build/release/sluice").symlink_to(bin_folder / "sluice")
        (bin_folder / ".curlrc").write_text("no-progress-meter\nmax-time = 60\n")
        for path in PATHS:
            (self.folder / path[1:]).mkdir(parents=True)
        for tree in ("conf", "docs/examples"):
            if (ROOT / tree).exists():
                shutil.copytree(ROOT / tree, self.folder / tree, symlinks=True,
                                ignore=shutil.ignore_patterns("node_modules"))
        for modules in (ROOT / "docs/examples").glob("*/node_modules"):
            (self.folder / modules.relative_to(ROOT)).symlink_to(modules)
        for path in [*self.folder.glob("**/*.yaml"), *self.folder.glob("docs/examples/*.conf")]:
            path.write_text(self.adapt(path.read_text(encoding="utf-8")), encoding="utf-8")

    def _script(self, path, text):
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def adapt(self, text):
        """The text with this scene's ports and paths for the usual ones."""
        ports = "|".join(str(port) for port in PORTS if port > 1000)
        text = re.sub(rf"(?<![\w.])({ports})(?![\w.])", lambda match: str(self.ports[int(match[1])]), text)
        text = re.sub(r"\blisten (80|443)\b", lambda match: f"listen 127.0.0.1:{self.ports[int(match[1])]}",
                      text)
        text = re.sub(r"\bbind (?:\*?):(80|443)\b",
                      lambda match: f"bind 127.0.0.1:{self.ports[int(match[1])]}", text)
        text = re.sub(r"\b(http)://(127\.0\.0\.1)(?=[/\s'\"]|$)", rf"\1://\2:{self.ports[80]}", text)
        text = re.sub(r"\b(https)://(127\.0\.0\.1)(?=[/\s'\"]|$)", rf"\1://\2:{self.ports[443]}", text)
        # A machine that runs tests need not have that many descriptors.
        text = re.sub(r"^(\s+maxconn) \d+", r"\1 100", text, flags=re.MULTILINE)
        for path in PATHS:
            text = re.sub(rf"(?<![\w.]){path}\b", f"{self.folder}{path}", text)
        return text

    def write(self, name, text):
        path = self.folder / self.adapt(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.adapt(text), encoding="utf-8")
        return path

    # Servers.

    def start(self, words):
        """What a block's comment says must run."""
        if "stop" in words:
            self.stop()
        if "redis" in words:
            folder = self.folder / ".redis"
            folder.mkdir(exist_ok=True)
            self.redis = RedisServer(folder)
            self.redis.port = self.ports[6379]
            self.redis.start()
        if "gateway" in words:
            self._start_server(f"sluice -c {words['gateway']}\n")
        if "nginx" in words:
            config = self.folder / ".nginx.conf"
            config.write_text(nginx.CONFIG.format(
                folder=self.folder, http=f"include {self.folder}/{words['nginx']};"))
            self._spawn("nginx", ["/usr/sbin/nginx", "-c", config, "-p", self.folder])
        if "haproxy" in words:
            self._spawn("haproxy", ["/usr/sbin/haproxy", "-db", "-f", self.folder / words["haproxy"]])

    def _spawn(self, name, command):
        with open(self.folder / f".{name}.log", "ab") as log:
            process = spawn(command, stdout=log, stderr=log, cwd=self.folder)
        self.proxies.append(process)
        wait_for(lambda: any(accepts(self.ports[port]) for port in (80, 443))
                 or process.poll() is not None, f"{name} listens")
        assert process.poll() is None, (self.folder / f".{name}.log").read_text()

    def _start_server(self, command):
        ready = self.shell.scratch / f"ready{len(self.shell.jobs)}"
        job = self.shell.start(self.adapt(command), f"export SLUICE_READY={ready};")
        if APP.search(command):
            done = lambda: accepts(self.ports[3000])
        elif re.match("python3|nginx", command):
            done = lambda: accepts(self.ports[8000])
        else:
            done = lambda: ready.exists() and "ready\n" in ready.read_text()
        wait_for(lambda: done() or job.status is not None, f"ready: {command}")
        assert job.status is None, f"{command}ended with {job.status}:\n{job.output}"
        if "sluice" in command or command.startswith("scripts/run"):
            self.gateways.append(job)
            if self.redis and accepts(self.ports[8081]):
                wait_for(lambda: '"ready":true' in self._ask_admin("/readyz"), "its link to Redis is up")

    def stop(self):
        self.stream = None
        self._end_proxies()
        for job in reversed(self.shell.jobs):
            self.shell.end(job)
        self._end_redis()

    def _end_proxies(self):
        for process in self.proxies:
            end(process)
        self.proxies.clear()

    def _end_redis(self):
        if self.redis:
            self.redis.stop()
            self.redis = None

    def _record_tokens(self):
        """What the commands have made must not be in any log at the end of the run."""
        self.shell.run(f"set > {self.folder}/.variables")
        text = (self.folder / ".variables").read_text(errors="replace")
        for token in set(re.findall(r"\beyJ[\w-]+\.[\w-]+\.[\w-]{16,}", text)):
            secrets.register(token)

    def close(self):
        if self.shell.process.poll() is None:
            self._record_tokens()
        self._end_proxies()
        self.shell.close()
        self._end_redis()
        for job in self.gateways:
            assert job.status == 0, f"ended with {job.status}: {job.command}{job.output}"
        for path in (*self.shell.scratch.glob("*.out"), *self.folder.glob("*.log")):
            text = path.read_text(errors="replace")
            assert not SANITIZER.search(text), text

    # Commands.

    def run(self, block):
        """Runs an `sh` block; each command must end well, or as the block's `exit` says."""
        self.printed = ""
        opened = None
        commands = split(block.text)
        for command in commands:
            last = command is commands[-1]
            if SERVER.match(command):
                self._start_server(command)
                continue
            if STREAM.match(command):
                opened = self._open(command)
                output = lambda job=opened: job.output
            else:
                expected = int(block.words.get("exit", 0)) if last else 0
                status, text = self.shell.run(self.adapt(command))
                assert status == expected, f"exit code {status} of\n{command}{text}"
                self.printed += text
                output = lambda text=text: text
            for promise in promises(command):
                self.shows(output, promise, f"{command}prints {promise}")
        self.stream = opened or self.stream
        return opened

    def _open(self, command):
        """Starts a stream and waits until it has begun."""
        before = self._subscribers()
        job = self.shell.start(self.adapt(command))
        if "tail" in command:
            wait_for(lambda: self._subscribers() > before or job.status is not None, f"open: {command}")
        else:
            wait_for(lambda: job.output.count("\n") > 1 or job.status is not None, f"open: {command}")
        return job

    def _ask_admin(self, path):
        return subprocess.run(
            ["curl", "-s", "-m", "5", f"http://127.0.0.1:{self.ports[8081]}{path}"],
            capture_output=True, text=True).stdout

    def _subscribers(self):
        return sum(float(line.split()[-1]) for line in self._ask_admin("/metrics").splitlines()
                   if line.startswith("sluice_subscribers"))

    def page(self, url, open_page):
        """The browser's page; opened when it is first asked for."""
        if url not in self.pages:
            self.pages[url] = open_page(self.adapt(url))
        return self.pages[url]

    def shows(self, output, expected, what):
        """Waits until the output has the text somewhere."""
        pattern = pattern_of(self.adapt(expected))
        try:
            wait_for(lambda: pattern.search(plain(output())), what, TIMEOUT)
        except AssertionError:
            raise AssertionError(f"{what}\n--- expected\n{plain(expected)}\n--- got\n"
                                 f"{plain(output())}") from None

    def check_printed(self, expected):
        """The last block must have printed this and nothing else."""
        assert pattern_of(self.adapt(expected)).fullmatch(plain(self.printed)), (
            f"--- expected\n{plain(self.adapt(expected))}\n--- got\n{plain(self.printed)}")
