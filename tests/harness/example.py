"""The examples under docs/examples, on ports of the test's own."""

import pathlib
import shutil

import yaml

from harness.documents import ROOT
from harness.process import end, spawn
from harness.scene import accepts, free_ports
from harness.wait import wait_for

FOLDER = ROOT / "docs/examples"
# What a test must change: where it listens, and how long the end takes.
CHANGES = {
    "listen": ["127.0.0.1:0"],
    "admin": {"listen": "127.0.0.1:0"},
    "drain": {"spread": "10ms", "deadline": "5s"},
}


def config_of(name, file="sluice.yaml"):
    """The example's configuration; for make_gateway(CHANGES, base=...)."""
    return yaml.safe_load((FOLDER / name / file).read_text(encoding="utf-8"))


class Site:
    """An example's page, the folder `www`, and the examples' nginx.conf in front of a gateway."""

    def __init__(self, folder, www, gateway):
        self.folder = pathlib.Path(folder) / "site"
        self.port = free_ports(1)[0]
        self.address = "127.0.0.1", self.port
        self.origin = f"http://127.0.0.1:{self.port}"
        shutil.copytree(www, self.folder / "www")
        text = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
        for usual, own in ((8000, self.port), (8080, gateway.address[1])):
            assert f"127.0.0.1:{usual};" in text
            text = text.replace(f"127.0.0.1:{usual};", f"127.0.0.1:{own};")
        (self.folder / "nginx.conf").write_text(text, encoding="utf-8")
        self.process = None

    def start(self):
        with open(self.folder / "nginx.log", "ab") as log:
            self.process = spawn(["/usr/sbin/nginx", "-e", "stderr", "-p", self.folder, "-c", "nginx.conf"],
                                 stdout=log, stderr=log)
        wait_for(lambda: accepts(self.port) or self.process.poll() is not None, "nginx listens")
        assert self.process.poll() is None, (self.folder / "nginx.log").read_text()
        return self

    def stop(self):
        end(self.process)
