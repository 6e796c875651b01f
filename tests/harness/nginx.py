"""Debian's nginx, with its defaults: in front of a gateway, or behind it with files to serve."""

import pathlib

from harness.process import end, spawn
from harness.wait import wait_for

# Everything that nginx writes stays in the folder.
CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    {http}
}}
"""
SERVER = """
    server {{
        listen unix:{folder}/nginx.sock;
        location / {{
            {location}
        }}
    }}
"""


def proxying(upstream, options=""):
    """What a location needs to pass everything on."""
    return "proxy_pass http://%s:%d;\n%s" % (*upstream, options)


class Nginx:
    """On a unix socket; `location` is what it has for all paths."""

    def __init__(self, folder, location):
        self.folder = pathlib.Path(folder)
        self.address = str(self.folder / "nginx.sock")
        self.config_path = self.folder / "nginx.conf"
        server = SERVER.format(folder=self.folder, location=location)
        self.config_path.write_text(CONFIG.format(folder=self.folder, http=server))
        self.process = None

    def start(self):
        with open(self.folder / "nginx.out", "ab") as log:
            self.process = spawn(["/usr/sbin/nginx", "-c", self.config_path, "-p", self.folder],
                                 stdout=log, stderr=log)
        wait_for(lambda: pathlib.Path(self.address).exists() or self.process.poll() is not None,
                 "nginx listens")
        assert self.process.poll() is None, (self.folder / "nginx.out").read_text()
        return self

    def stop(self):
        end(self.process)
