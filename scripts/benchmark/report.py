"""What a session prints: the table, and on what machine it came to be."""

import os
import platform
import subprocess
from pathlib import Path


def output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip()


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    packages = {}
    for name in ("redis-server", "nginx", "libnginx-mod-nchan", "libuv1", "g++"):
        packages[name] = output_of("dpkg-query", "-W", "-f", "${Version}", name) or "absent"
    control = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    return {"cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory, 1), "kernel": platform.release(),
            "congestion_control": control, "open_files": output_of("sh", "-c", "ulimit -Hn"),
            "load_average": os.getloadavg()[0], "packages": packages}


def print_table(bench, about, command):
    verdict = {True: "pass", False: "MISSED", None: ""}
    print("\n| case | measured | must | |\n| --- | --- | --- | --- |")
    for line in bench.lines:
        print(f"| {line['case']} | {line['measured']} | {line['target']} | {verdict[line['met']]} |")
    for line in bench.lines:
        if line["note"]:
            print(f"\n{line['row']}: {line['note']}")
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    print(f"\n{about['cores']} cores ({about['cpu']}), {about['memory_gib']} GiB, Linux {about['kernel']} "
          f"({about['congestion_control']}), {about['open_files']} open files; {packages}.")
    print(bench.SETTING)
    print(f"Load when it began: {about['load_average']:.2f}. Command: {command}")
