"""The reverse proxy beside nginx: the same app server, the same load, one worker, connections kept on both
sides."""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess

from benchmark import emulator
from benchmark.process import Failure, Process, read_ready, say, wait_for
from benchmark.servers import nginx_config, start_nginx, start_sluice
from benchmark.session import Bench, interval, ratio_text, remark

KIB = 1024
MIB = 1024 * KIB
# Of an answer that a client has not taken: the same for both.
BUFFER = 64 * KIB


# --- servers: what is measured -------------------------------------------------------------------


class Nginx:
    """Debian's nginx. Answers are buffered in memory alone, as Sluice does it, and as much of them."""

    name = "nginx"
    location = f"proxy_buffers 4 {BUFFER // 4}; proxy_buffer_size 4k; proxy_busy_buffers_size {BUFFER // 2};"

    def __init__(self, bench, origin, wrapper=()):
        self.process, port = start_nginx(bench, *self.directives(origin.address), wrapper)
        wait_for("nginx", lambda: answers(port), self.process, 60)
        self.address = f"127.0.0.1:{port}"

    def stop(self):
        self.process.stop()

    @classmethod
    def directives(cls, origin):
        return "master_process off;", f"""
  keepalive_timeout 600s;
  upstream app {{ server {origin}; keepalive 64; keepalive_requests 100000000; }}""", f"""
    location / {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_max_temp_file_size 0;
      {cls.location}
    }}"""

    @classmethod
    def emulated(cls, bench, origin, port):
        """Its program, its configuration, and the command that starts it with the file of that name."""
        return shutil.which("nginx"), nginx_config("/tmp", port, *cls.directives(origin)), "nginx -p /tmp -c"


class UnbufferedNginx(Nginx):
    location = "proxy_buffering off;"


class Sluice:
    name = "sluice"

    def __init__(self, bench, origin, wrapper=()):
        self.process, self.address = start_sluice(bench, self.config(origin.address, 0), wrapper)

    def stop(self):
        self.process.stop()

    @staticmethod
    def config(origin, port):
        return f"""\
listen: [127.0.0.1:{port}]
workers: 1
log: {{level: warn}}
limits: {{connections: 19500, idle_timeout: 10m}}
upstreams:
  app: {{servers: ["{origin}"], keepalive: {{connections: 64, requests: 100000000}}}}
routes:
  - {{path: /, upstream: app, buffers: {BUFFER // KIB}KiB}}
drain: {{delay: 0s, spread: 10ms, deadline: 1s}}
"""

    @classmethod
    def emulated(cls, bench, origin, port):
        return bench.build / "sluice", cls.config(origin, port), "sluice -c"


class Nobody:
    """The load straight on the app server."""

    name = "direct"

    def __init__(self, bench, origin, wrapper=()):
        self.address = origin.address
        self.process = origin.process

    def stop(self):
        pass


class Origin:
    def __init__(self, bench, *arguments):
        self.process = Process([bench.build / "bench_origin", *arguments], bench.cores.clients,
                               stdout=subprocess.PIPE, text=True)
        self.address = read_ready(self.process, self.process.child.stdout)["listen"][0]

    def stop(self):
        self.process.stop()


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- runs -----------------------------------------------------------------------------------------


class Proxy(Bench):
    SETTING = ("1 worker, connections kept on both sides, access log off; proxy on one core, app server and clients "
               "on the others.")
    TARGETS = ("sluice", "bench_origin", "bench_load")
    EVENTS = 1000  # a second, over all streams together

    def __init__(self, options):
        super().__init__(options)
        self.subject = Nginx if options.self_test else Sluice
        self.unbuffered_subject = UnbufferedNginx if options.self_test else Sluice

    def need(self):
        if shutil.which("nginx") is None:
            raise Failure("nginx is not installed: apt-get install nginx-light")

    def run(self, kind, *arguments):
        """One load run through a fresh proxy to a fresh app server; the generator's JSON as a dictionary."""
        origin = Origin(self, *(["--events", self.EVENTS] if arguments[0] == "streams" else []))
        server = kind(self, origin)
        mode, *rest = arguments
        command = [self.build / "bench_load", mode, "--address", server.address, "--pid", server.process.pid]
        if mode in ("requests", "streams"):
            command += ["--beside", origin.process.pid]
        result = self.load([*command, *rest], server)
        server.stop()
        origin.stop()
        return result

    def load(self, command, server):
        load = Process(command, self.cores.clients, stdout=subprocess.PIPE, text=True)
        output = load.child.stdout.read()
        load.child.wait()
        load.stop()
        server.process.check()
        if not output.strip():
            raise Failure(f"{server.name}: the load generator failed: {' '.join(load.command)}")
        result = json.loads(output)
        result["server_name"] = server.name
        result["arguments"] = load.command[1:]
        self.runs.append(result)
        return result

    def seconds(self, full):
        return ["--warmup", 0.5, "--duration", 2] if self.quick else ["--warmup", 1, "--duration", full]

    @property
    def count(self):
        return 1 if self.quick else self.options.pairs

    def compare(self, row, case, pairs, value, limit, unit, note=""):
        """A line for the ratio of a figure of each pair (nginx, subject)."""
        wrong = faults([run for pair in pairs for run in pair])
        ratios = [value(b) / value(a) for a, b in pairs]
        middle = [statistics.median(value(pair[seat]) for pair in pairs) for seat in (0, 1)]
        text = (f"{ratio_text(ratios, 'nginx')}; nginx {middle[0]:{unit}}, "
                f"{self.subject.name} {middle[1]:{unit}}")
        self.line(row, case, text, f"<= {limit} x nginx", interval(ratios)[0] <= limit and not wrong,
                  remark(wrong, note))


def faults(runs):
    """What went wrong in the runs, as text; empty if nothing did."""
    return "; ".join(f"{run['server_name']}: {run['faults']['count']} wrong, first: {run['faults']['first']}"
                     for run in runs if run["faults"]["count"])


def busy(pairs):
    share = max(run["load_core_busy"] for pair in pairs for run in pair)
    return f"the load's own core was {share:.0%} busy" if share > 0.9 else ""


def instructions(run):
    return run["instructions_user"] + run["instructions_kernel"]


def cpu(run):
    return run["cpu_us"]


# --- rows -----------------------------------------------------------------------------------------


def row_requests(bench, row):
    pairs = bench.pairs(row, (Nginx, ()), (bench.subject, ()), bench.count, "requests", "--body", KIB,
                        "--connections", 64, *bench.seconds(5))
    case = "1 KB bodies, 64 connections"
    missing = pairs[0][0].get("instructions_not_counted")
    if missing is None:
        bench.compare(row, f"{case}: instructions a request", pairs, instructions, 0.9, ",.0f")
    else:
        bench.line(row, f"{case}: instructions a request", "no hardware counters here", "<= 0.9 x nginx", None, missing)
    bench.compare(row, f"{case}: CPU us a request", pairs, cpu, 1.0, ".2f")
    rates = [statistics.median(pair[seat]["per_second"] for pair in pairs) for seat in (0, 1)]
    bench.line(row, f"{case}: requests/s", f"nginx {rates[0]:,.0f}, {bench.subject.name} {rates[1]:,.0f}", "stated",
               None, busy(pairs))


def row_emulated(bench, row):
    """Instructions in user space and in the kernel, counted by a machine that counts them as its time: one
    processor, which the app server and the load have a part in, as two have it in the other rows."""
    emulator.need()
    port, origin = 8080, "ORIGIN"
    seconds = " ".join(map(str, ["--warmup", 0.2, "--duration", 0.5] if bench.quick else bench.seconds(2)))

    def count(kind):
        say(f"{row}: {kind.name}")
        program, config, start = kind.emulated(bench, origin, port)
        script = f"""\
ulimit -n 20000
bench_origin >/tmp/origin &
until grep -q ready /tmp/origin; do sleep 0.01; done
sed "s/{origin}/$(sed -n 's/^listen //p' /tmp/origin)/" /config >/tmp/config
{start} /tmp/config &
server=$!
until grep -q ':{port:04X} 00000000:0000 0A' /proc/net/tcp; do sleep 0.01; done
bench_load requests --address 127.0.0.1:{port} --pid $server --body {KIB} --connections 64 {seconds}
"""
        programs = [bench.build / "bench_origin", bench.build / "bench_load", program]
        printed = emulator.run(bench.folder, programs, {"config": config}, script, bench.cores.clients)
        result = next((line for line in printed.splitlines() if line.startswith("{")), None)
        if result is None:
            raise Failure(f"{kind.name}: the emulated load measured nothing:\n{printed}")
        result = {**json.loads(result), "server_name": f"{kind.name}, emulated"}
        bench.runs.append(result)
        return result

    runs = [count(kind) for kind in (Nginx, bench.subject)]
    nginx, subject = (cpu(run) * 1000 for run in runs)
    wrong = faults(runs)
    bench.line(row, "1 KB bodies, 64 connections: instructions a request, user and kernel, in an emulated machine",
               f"{subject / nginx:.3f} x nginx; nginx {nginx:,.0f}, {bench.subject.name} {subject:,.0f}", "<= 0.9 x nginx",
               subject <= 0.9 * nginx and not wrong, wrong)


def row_user_instructions(bench, row):
    """Instructions in user space, counted by valgrind: two runs of different lengths, so that what starting and
    ending costs falls out."""
    if shutil.which("valgrind") is None:
        raise Failure("valgrind is not installed: apt-get install valgrind")
    few, many = 1000, 3000

    def total(kind, requests):
        say(f"{row}: {kind.name}, {requests} requests")
        out = bench.folder / f"callgrind.{kind.name}.{requests}"
        origin = Origin(bench)
        server = kind(bench, origin, ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"])
        result = bench.load([bench.build / "bench_load", "requests", "--address", server.address, "--connections", 64,
                             "--requests", requests], server)
        server.process.child.terminate()
        server.process.child.wait(60)
        server.stop()
        origin.stop()
        if wrong := faults([result]):
            raise Failure(wrong)
        found = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)
        if found is None:
            raise Failure(f"{kind.name}: valgrind counted nothing")
        return int(found[1])

    each = [(total(kind, many) - total(kind, few)) / (many - few) for kind in (Nginx, bench.subject)]
    # The kernel's part is the same for all who make the same calls: of nginx's 45,300 in all, 18,900 are its
    # own. 0.9 of all leaves 14,470.
    limit = 0.77
    bench.line(row, "1 KB bodies, 64 connections: instructions in user space, by callgrind",
               f"{each[1] / each[0]:.3f} x nginx; nginx {each[0]:,.0f}, {bench.subject.name} {each[1]:,.0f}",
               f"<= {limit} x nginx", each[1] <= limit * each[0])


def row_large(bench, row):
    pairs = bench.pairs(row, (Nginx, ()), (bench.subject, ()), bench.count, "requests", "--body", 10 * MIB,
                        "--connections", 8, *bench.seconds(5))
    per_gb = lambda run: cpu(run) / (10 * MIB) * 1e9 / 1000
    bench.compare(row, "10 MB bodies, 8 connections: CPU ms a GB", pairs, per_gb, 1.1, ",.0f", busy(pairs))


def row_latency(bench, row):
    say(f"{row}: nginx's capacity")
    seconds = bench.seconds(5)
    capacity = bench.run(Nginx, "requests", "--body", KIB, "--connections", 64, *seconds)["per_second"]
    rate = int(capacity / 2)
    pairs = bench.pairs(row, (Nginx, ()), (bench.subject, ()), bench.count, "requests", "--body", KIB,
                        "--connections", 64, "--rate", rate, *seconds)
    case = f"{rate:,} requests/s, half of what nginx can"
    bench.compare(row, f"{case}: p99 ms", pairs, lambda run: run["latency_us"]["p99"] / 1000, 1.1, ".2f", busy(pairs))


def row_streams(bench, row):
    streams = 200 if bench.quick else 1000
    arguments = ["streams", "--connections", streams, *bench.seconds(5)]
    say(f"{row}: direct")
    direct = bench.run(Nobody, *arguments)
    pairs = bench.pairs(row, (UnbufferedNginx, ()), (bench.unbuffered_subject, ()), bench.count, *arguments)
    for name in ("p50", "p99"):
        without = direct["latency_us"][name]
        case = f"{streams:,} event streams, {bench.EVENTS:,} events/s in all: added delay, us {name}"
        # Where the machine's noise is all that there is, it is not divided by.
        added = lambda run: max(run["latency_us"][name] - without, 1)
        bench.compare(row, case, pairs, added, 1.0, ",.0f", remark(faults([direct]), f"{without:,.0f} us without a proxy"))


def row_idle(bench, row):
    base, most = (200, 1000) if bench.quick else (1000, 5000)
    runs = []
    for kind in (Nginx, bench.subject):
        say(f"{row}: {kind.name}")
        runs.append(bench.run(kind, "idle", "--base", base, "--connections", most))
    nginx, subject = (run["bytes_each"]["pss"] for run in runs)
    wrong = faults(runs)
    bench.line(row, f"memory per idle client connection, PSS slope from {base:,} to {most:,}",
               f"{subject:,.0f} bytes; nginx {nginx:,.0f}", "<= 1,024 bytes", subject <= KIB and not wrong, wrong)


def row_slow(bench, row):
    clients = 200 if bench.quick else 1000
    runs = []
    for kind in (Nginx, bench.subject):
        say(f"{row}: {kind.name}")
        runs.append(bench.run(kind, "slow", "--body", 10 * MIB, "--connections", clients, "--bytes-per-second",
                              16 * KIB, "--duration", 3 if bench.quick else 15))
    nginx, subject = (run["bytes_each"]["pss"] for run in runs)
    page = os.sysconf("SC_PAGE_SIZE")
    kernel = [run["tcp_pages"] * page / clients / KIB for run in runs]
    wrong = faults(runs)
    limit = 2 * BUFFER  # with what malloc has between pieces of many sizes
    bench.line(row, f"{clients:,} slow clients of 10 MB each: memory for each",
               f"{subject / KIB:,.1f} KiB, and {kernel[1]:,.0f} KiB of TCP buffers, the app server's among them; "
               f"nginx {nginx / KIB:,.1f} and {kernel[0]:,.0f}",
               f"<= {limit // KIB} KiB (twice `buffers`)", subject <= limit and not wrong, wrong)


Proxy.ROWS = {
    "requests": row_requests,
    "emulated-instructions": row_emulated,
    "user-instructions": row_user_instructions,
    "large": row_large,
    "latency": row_latency,
    "streams": row_streams,
    "idle": row_idle,
    "slow": row_slow,
}
Proxy.QUICK = list(Proxy.ROWS)
