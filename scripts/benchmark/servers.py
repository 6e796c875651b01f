"""The servers that are measured, on the core that is theirs: the same start for every benchmark."""

import os
import shutil
import subprocess

from benchmark.process import Failure, Process, free_port, read_ready


def start_sluice(bench, config, wrapper=()):
    """The process, and the address that it listens on."""
    path = bench.folder / "sluice.yaml"
    path.write_text(config)
    ready, ready_write = os.pipe()
    log = open(bench.folder / "sluice.log", "w")
    process = Process([*wrapper, bench.build / "sluice", "-c", path, "--ready-fd", ready_write],
                      bench.cores.server, pass_fds=[ready_write], stdout=log, stderr=log)
    log.close()
    os.close(ready_write)
    try:
        with os.fdopen(ready) as stream:
            return process, read_ready(process, stream)["listen"][0]
    except Failure as error:
        raise Failure(f"{error}\n{(bench.folder / 'sluice.log').read_text()}") from None


def nginx_config(folder, port, main, http, server):
    """`main`, `http` and `server` are directives for these blocks."""
    return f"""\
{main}
{"user root;" if os.geteuid() == 0 else ""}
daemon off;
worker_rlimit_nofile 20000;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 19900; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  tcp_nodelay on;
  keepalive_requests 100000000;
  {http}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    {server}
  }}
}}
"""


def start_nginx(bench, main, http, server, wrapper=()):
    """The process, which may not listen yet, and its port; see nginx_config."""
    folder = bench.folder / "nginx"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(nginx_config(folder, port, main, http, server))
    process = Process([*wrapper, "nginx", "-c", config, "-p", folder], bench.cores.server,
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process, port
