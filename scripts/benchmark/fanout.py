"""Fan-out: what a delivery costs, beside a plain loop of send() and beside Nchan."""

import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from benchmark.process import Failure, Process, read_ready, say, wait_for
from benchmark.servers import start_nginx, start_sluice
from benchmark.session import Bench, interval, ratio_text, remark

CHANNEL = "news"
PATH = "/events/news"
NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
# A client that sleeps between two events is woken by each, which costs a server on the same machine
# more than the send itself and varies with the machine's idle states. Remote clients never cost that,
# so the clients look every millisecond instead.
POLL = ["--poll", "1ms"]


class Redis:
    def __init__(self, bench):
        self.socket = bench.folder / "redis.sock"
        self.process = Process(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no",
             "--client-output-buffer-limit", "pubsub 0 0 0", "--dir", bench.folder],
            bench.cores.clients, stdout=subprocess.DEVNULL)
        wait_for("redis-server", self.socket.is_socket, self.process)


class Floor:
    name = "floor"

    def __init__(self, bench):
        self.process = Process([bench.build / "bench_floor", "--redis", bench.redis.socket, "--channel", CHANNEL],
                               bench.cores.server, stdout=subprocess.PIPE, text=True)
        self.address = read_ready(self.process, self.process.child.stdout)["listen"][0]
        self.pids = [self.process.pid]
        self.publish = ["--publish", f"unix:{bench.redis.socket}", "--channel", CHANNEL]

    def stop(self):
        self.process.stop()


class Sluice:
    name = "sluice"
    topic = ""  # settings of the topic other than the defaults

    def __init__(self, bench):
        self.process, self.address = start_sluice(bench, f"""\
listen: [127.0.0.1:0]
workers: 1
log: {{level: warn}}
broker: redis
redis: {{url: "unix://{bench.redis.socket}"}}
limits: {{connections: 19500}}
topics:
  news: {{path: {PATH}, channel: {CHANNEL}, limits: {{subscribers: 50000}}{self.topic}}}
""")
        self.pids = [self.process.pid]
        self.publish = ["--publish", f"unix:{bench.redis.socket}", "--channel", CHANNEL]

    def stop(self):
        # A drain closes streams over seconds; nobody is left who would need it.
        self.process.child.kill()
        self.process.stop()


class PatientSluice(Sluice):
    """At 10,000 events/s the default history of 1,000 events is a tenth of a second, and a client that the
    scheduler kept waiting so long would be ended as too slow. Here it may be a second late."""

    topic = ", history: {events: 10000}, slow_client: {buffer: 4MiB}"


class Nchan:
    """Debian's nginx with Nchan, one worker. It cannot read a plain Redis channel (its Redis storage has
    a format and scripts of its own), so it gets each message by HTTP and keeps it in shared memory:
    the shortest way that it has."""

    name = "nchan"

    def __init__(self, bench):
        self.process, port = start_nginx(
            bench, f"load_module {NCHAN_MODULE}; worker_processes 1;", "nchan_shared_memory_size 512M;", f"""
    location = {PATH} {{ nchan_subscriber eventsource; nchan_channel_id news; nchan_subscriber_first_message newest; }}
    location = /publish {{ nchan_publisher http; nchan_channel_id news; nchan_message_buffer_length 1000; }}""")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        wait_for("nginx", lambda: len(children.read_text().split()) >= 1, self.process)
        time.sleep(0.3)
        self.address = f"127.0.0.1:{port}"
        self.pids = [int(pid) for pid in children.read_text().split()]
        self.publish = ["--publish", f"http://{self.address}/publish"]

    def stop(self):
        self.process.stop()


class Fanout(Bench):
    SETTING = "100-byte events, 1 worker; server on one core, clients, publisher and Redis on the others."
    TARGETS = ("sluice", "bench_floor")

    def need(self):
        if shutil.which("redis-server") is None:
            raise Failure("redis-server is not installed: apt-get install redis-server")
        if self.options.peer and (shutil.which("nginx") is None or not NCHAN_MODULE.exists()):
            say("Nchan is not installed (apt-get install nginx-light libnginx-mod-nchan): leaving it out")
            self.options.peer = False

    def begin(self):
        self.redis = Redis(self)

    def run(self, kind, *arguments):
        """One load run against a fresh server; the generator's JSON as a dictionary."""
        server = kind(self)
        command = [self.build / "sluice", "bench", "--json", "--url", f"http://{server.address}{PATH}",
                   "--ramp", 10000, *POLL]
        if "--settle" not in arguments:
            command += ["--settle", "1s"]
        for pid in server.pids:
            command += ["--pid", pid]
        command += server.publish
        command += arguments
        load = Process(command, self.cores.clients, stdout=subprocess.PIPE, text=True)
        output = load.child.stdout.read()
        load.child.wait()
        load.stop()
        server.stop()
        if not output.strip():
            raise Failure(f"{server.name}: the load generator failed: {' '.join(load.command)}")
        result = json.loads(output)
        result["server_name"] = server.name
        result["arguments"] = load.command[2:]
        self.runs.append(result)
        return result


def instructions(run):
    server = run["server"]
    if "instructions_user_per_delivery" not in server:
        return None
    return server["instructions_user_per_delivery"] + server["instructions_kernel_per_delivery"]


def cpu(run):
    return run["server"]["cpu_us_per_delivery"]


def p99(run):
    return run["latency_ms"]["p99"]


def faults(runs):
    """What went wrong in the runs, as text; empty if nothing did."""
    found = []
    for run in runs:
        for name in ("lost", "duplicates", "malformed", "gaps", "streams_ended", "publish_unacknowledged"):
            if run[name] != 0:
                found.append(f"{run['server_name']}: {run[name]} {name}")
        if run["deliveries"] != run["deliveries_expected"]:
            found.append(f"{run['server_name']}: {run['deliveries']} of {run['deliveries_expected']} delivered")
    return "; ".join(found)


def busy(runs):
    """A busy client adds latency of its own: such a run can pass, but says nothing if it does not."""
    if any(run["client_limited"] for run in runs):
        return "a client was busy all the time: latencies are upper bounds, a miss is void"
    return ""


def row_cost(subscribers):
    def measure(bench, row):
        count = 1 if bench.quick else bench.options.pairs
        length = ["-n", subscribers, "-r", 5, "-w", "1s", "-d", "2s" if bench.quick else "5s"]
        pairs = bench.pairs(row, (Floor, ()), (Sluice, ()), count, *length)
        floor = [pair[0] for pair in pairs]
        sluice = [pair[1] for pair in pairs]
        wrong = faults(floor + sluice)
        note = remark(wrong, busy(floor + sluice))
        peer = []
        if bench.options.peer:
            say(f"{row}: nchan")
            peer = [bench.run(Nchan, *length)]

        def compare(value, limit, case, unit):
            ratios = [value(b) / value(a) for a, b in pairs]
            text = ratio_text(ratios, "floor")
            middle = [statistics.median(map(value, runs)) for runs in (floor, sluice)]
            text += f"; floor {middle[0]:{unit}}, sluice {middle[1]:{unit}}"
            if peer:
                text += f", nchan {value(peer[0]):{unit}}"
            bench.line(row, case, text, "stated" if limit is None else f"<= {limit} x floor",
                       None if limit is None else interval(ratios)[0] <= limit and not wrong, note)

        if all(instructions(run) for run in floor + sluice + peer):
            compare(instructions, 1.05, f"{subscribers:,} subscribers, 5 events/s: instructions a delivery", ",.0f")
        else:
            bench.line(row, f"{subscribers:,} subscribers: instructions a delivery", "no hardware counters here",
                       "<= 1.05 x floor", None, floor[0]["server"].get("instructions_not_counted", ""))
        compare(cpu, 1.15, f"{subscribers:,} subscribers, 5 events/s: CPU us a delivery", ".2f")
        compare(p99, 1.2 if subscribers == 10_000 else None, f"{subscribers:,} subscribers, 5 events/s: p99 ms", ".1f")

    return measure


def row_flood(subscribers, rate, limit_ms):
    def measure(bench, row):
        runs = []
        for n in range(1 if bench.quick else 3):
            say(f"{row}: run {n + 1}: sluice")
            runs.append(bench.run(PatientSluice, "-n", subscribers, "-r", rate, "-w", "1s", "-d",
                                  "3s" if bench.quick else "10s"))
        wrong = faults(runs)
        latency = statistics.median(map(p99, runs))
        arrived = statistics.median(run["deliveries_per_second"] for run in runs)
        text = (f"{arrived / 1e6:.2f} M deliveries/s, p99 {latency:.1f} ms, "
                f"{'all arrived' if not wrong else 'NOT all arrived'}; {statistics.median(map(cpu, runs)):.3f} us of CPU each")
        bench.line(row, f"{subscribers:,} subscribers, {rate:,} events/s through Redis", text,
                   f"all arrive, p99 <= {limit_ms} ms", latency <= limit_ms and not wrong, remark(wrong, busy(runs)))

    return measure


def row_memory(bench, row):
    subscribers = 4000 if bench.quick else 18000
    settle = "1s" if bench.quick else "8s"
    say(f"{row}: sluice, {subscribers:,} idle subscribers")
    run = bench.run(Sluice, "-n", subscribers, "--memory", "--settle", settle)
    memory = run["memory"]
    slope = memory["pss_bytes_per_subscriber"]
    grown = memory["growth_bytes"]
    bench.line(row, f"user memory per idle subscriber, PSS slope from 0 to {subscribers:,}",
               f"{slope:.0f} bytes (heap and stacks {memory['anonymous_bytes_per_subscriber']:.0f}); "
               f"{grown:+,} bytes while idle", "<= 450 bytes, no growth",
               slope <= 450 and grown <= 4 * subscribers)
    accepted = run["connect"]["connections_per_cpu_second"]
    bench.line(row, "connections accepted per CPU second", f"{accepted:,.0f}", ">= 60,000", accepted >= 60_000)


def row_stopped(bench, row):
    # 1,000 events or 256 KiB behind is where the policy of the topic acts; both are reached.
    subscribers = 1000 if bench.quick else 10000
    length = ["-n", subscribers, "-r", 100, "-w", "1s", "-d", "4s" if bench.quick else "25s"]
    pairs = bench.pairs(row, (Sluice, ()), (Sluice, ("--stopped", "5%")), 1 if bench.quick else 2, *length)
    plain = [pair[0] for pair in pairs]
    stopped = [pair[1] for pair in pairs]
    wrong = faults(plain + stopped)
    median, low, high = interval([p99(b) / p99(a) for a, b in pairs])
    bench.line(row, f"5 % of {subscribers:,} stopped reading, 100 events/s: p99 of the others",
               f"{median:.3f} x without [{low:.3f}, {high:.3f}]; {statistics.median(map(p99, plain)):.1f} and "
               f"{statistics.median(map(p99, stopped)):.1f} ms; "
               f"{stopped[0]['stopped']['ended']} of {stopped[0]['stopped']['subscribers']} were ended",
               "<= 1.2 x without", median <= 1.2 and not wrong, remark(wrong, busy(plain + stopped)))

    page = os.sysconf("SC_PAGE_SIZE")
    count = stopped[0]["stopped"]["subscribers"]
    user = max(b["server"]["pss_bytes_max"] - a["server"]["pss_bytes_max"] for a, b in pairs)
    kernel = max(b["tcp_memory_pages_max"] - a["tcp_memory_pages_max"] for a, b in pairs) * page / count
    bench.line(row, "memory that they cost", f"{user / 1024:+,.0f} KiB PSS in all, {kernel / 1024:+.0f} KiB of TCP "
               "buffers each, both ends", "PSS <= 4 MiB (the history), TCP <= 64 KiB",
               user <= 4 << 20 and kernel <= 64 << 10)


def row_reconnect(bench, row):
    subscribers = 1000 if bench.quick else 10000
    say(f"{row}: sluice")
    run = bench.run(Sluice, "-n", subscribers, "-r", 5, "-w", "1s", "-d", "6s" if bench.quick else "12s",
                    "--reconnect-at", "2s")
    back = run["reconnect"]
    wrong = faults([run])
    text = f"all back after {back['ms']:,.0f} ms" if back["all_back"] else "NOT all came back"
    bench.line(row, f"{subscribers:,} clients reconnecting at once, 5 events/s",
               f"{text}, p99 of delivery {p99(run):,.0f} ms, {run['lost']} lost, {run['duplicates']} twice",
               "all back, nothing lost", back["all_back"] and not wrong, wrong)


Fanout.ROWS = {
    "cost-1000": row_cost(1000),
    "cost-10000": row_cost(10000),
    "cost-18000": row_cost(18000),
    "flood-1000": row_flood(1000, 10000, 100),
    "flood-10000": row_flood(10000, 1000, 300),
    "memory": row_memory,
    "stopped": row_stopped,
    "reconnect": row_reconnect,
}
Fanout.QUICK = ["cost-1000", "flood-1000", "memory", "stopped", "reconnect"]
