"""Real apps behind the gateway on conf/proxy.yaml: pages, uploads, downloads, event streams and WebSocket, with
curl-like clients, `ws` and Chromium."""

import hashlib
import json
import pathlib
import subprocess

import pytest
import yaml

from conftest import HERE, START
from harness import secrets
from harness.documents import ROOT
from harness.example import CHANGES
from harness.process import end, spawn
from harness.sse import Subscriber
from harness.wait import TIMEOUT, wait_for

MEGABYTE = 1_000_000


@pytest.fixture
def front(make_gateway, folder):
    """front(app): a gateway on conf/proxy.yaml with that app of tests/clients/apps, or a server's address, behind."""
    apps = []

    def start(app):
        if not app.startswith("unix:"):
            with open(pathlib.Path(folder) / f"{app}.log", "ab") as log:
                apps.append(spawn(["node", f"apps/{app}.mjs"], cwd=HERE, stdout=subprocess.PIPE, stderr=log))
            app = "127.0.0.1:" + apps[-1].stdout.readline().decode().strip()
        base = yaml.safe_load((ROOT / "conf/proxy.yaml").read_text(encoding="utf-8"))
        base["upstreams"]["app"]["servers"] = [app]
        return make_gateway(CHANGES, base=base, environment={"SLUICE_PUBLISH_TOKEN": secrets.make("publish")})

    yield start
    for process in apps:
        end(process)
        process.stdout.close()


def blocks(size):
    """The bytes of apps/plain.mjs."""
    found = bytearray()
    number = 0
    while len(found) < size:
        found += hashlib.sha256(str(number).encode()).digest()
        number += 1
    return bytes(found[:size])


def test_page_of_a_node_app(front):
    gateway = front("plain")
    with gateway.connect() as connection:
        for _ in range(20):
            connection.request("GET", "/", host="www.example")
            assert b"Hello www.example" in connection.response().body
            connection.request("GET", "/nothing")
            assert connection.response().status == 404
            connection.request("HEAD", "/")
            assert connection.response("HEAD").status == 200


@pytest.mark.parametrize("size", [0, 1, 70_000, 50 * MEGABYTE])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upload(front, size, framing):
    gateway = front("plain")
    body = blocks(size)
    with gateway.connect() as connection:
        if framing == "length":
            connection.request("PUT", "/uploads/file", body=body)
        else:
            connection.request("PUT", "/uploads/file", [("Transfer-Encoding", "chunked")])
            for at in range(0, size, 100_001):
                piece = body[at:at + 100_001]
                connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.send(b"0\r\n\r\n")
        seen = json.loads(connection.response().body)
        assert seen == {"size": size, "hash": hashlib.sha256(body).hexdigest(), "method": "PUT"}
        connection.request("GET", "/")
        assert connection.response().status == 200


@pytest.mark.parametrize("size", [0, 1, 70_000, 50 * MEGABYTE])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_download(front, size, framing):
    gateway = front("plain")
    right = hashlib.sha256(blocks(size)).digest()
    with gateway.connect() as connection:
        connection.request("GET", f"/downloads/file?size={size}" + ("&chunked" if framing == "chunked" else ""))
        head, found, length = connection.head(), hashlib.sha256(), 0
        if framing == "chunked":
            assert head.get("transfer-encoding") == "chunked"
            while piece := connection.take_chunk():
                found.update(piece)
                length += len(piece)
        else:
            assert head.get("content-length") == str(size)
            while length < size:
                piece = connection.take(min(size - length, 65536))
                found.update(piece)
                length += len(piece)
        assert length == size and found.digest() == right
        connection.request("GET", "/")
        assert connection.response().status == 200


def test_event_stream_of_an_express_app(front):
    gateway = front("express")
    watching = lambda: json.loads(gateway.fetch("GET", "/watching").body)["watching"]
    with Subscriber(gateway.address, "/api/metrics?interval=10") as subscriber:
        first = subscriber.next()
        assert json.loads(first.data)["number"] == 0 and subscriber.head.get("content-type") == "text/event-stream"
        assert [json.loads(event.data)["number"] for event in subscriber.take(50)] == list(range(1, 51))
        assert watching() == 1
    wait_for(lambda: watching() == 0, "the app hears that its client left")


@pytest.mark.parametrize("deflate", ["plain", "deflate"])
def test_websocket_by_ws(front, deflate):
    gateway = front("express")
    done = subprocess.run(["node", "apps/websocket_client.mjs", "ws://%s:%d/socket" % gateway.address, deflate],
                          cwd=HERE, capture_output=True, text=True, timeout=START, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_stream_and_socket_in_chromium(front, open_page):
    gateway = front("express")
    page = open_page("http://%s:%d/" % gateway.address)
    page.wait(lambda: page.of("text"), "the page is shown", START)
    numbers = "[...document.querySelectorAll('#metrics li')].map((item) => Number(item.textContent))"
    page.wait(lambda: len(page.evaluate(numbers)) >= 10, "ten events", TIMEOUT)
    seen = page.evaluate(numbers)
    assert seen == list(range(len(seen))), "each once, in order, on one stream"
    said = page.evaluate("""new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${location.host}/socket`);
      const said = [];
      socket.onopen = () => { socket.send('hello'); socket.send('x'.repeat(300000)); };
      socket.onmessage = (event) => { said.push(event.data.length); if (said.length === 2) socket.close(); };
      socket.onclose = (event) => resolve([...said, event.code]);
      socket.onerror = () => reject(new Error('broken'));
    })""")
    assert said == [5, 300000, 1005]


def test_upload_and_download_in_chromium(front, open_page):
    gateway = front("plain")
    page = open_page("http://%s:%d/" % gateway.address)
    page.wait(lambda: page.of("text"), "the page is shown", START)
    size = 10 * MEGABYTE
    right = hashlib.sha256(blocks(size)).hexdigest()
    assert page.evaluate("""(async () => {
      const file = await (await fetch('/downloads/file?size=%d')).blob();
      return (await (await fetch('/uploads/file', {method: 'POST', body: file})).json()).hash;
    })()""" % size) == right


def test_nginx_with_files(front, make_nginx, folder):
    files = pathlib.Path(folder) / "files"
    files.mkdir()
    data = blocks(5 * MEGABYTE)
    (files / "data.bin").write_bytes(data)
    (files / "page.html").write_text("<p>hello</p>" * 1000)
    for path in (pathlib.Path(folder), files):
        path.chmod(0o755)
    nginx = make_nginx(location=f"root {files}; gzip on; gzip_min_length 1; gzip_proxied any;")
    gateway = front(f"unix:{nginx.address}")
    whole = gateway.fetch("GET", "/data.bin")
    assert whole.status == 200 and whole.body == data
    part = gateway.fetch("GET", "/data.bin", [("Range", "bytes=1000-1999")])
    assert part.status == 206 and part.body == data[1000:2000]
    assert part.get("content-range") == f"bytes 1000-1999/{len(data)}"
    assert gateway.fetch("GET", "/data.bin", [("Range", f"bytes={len(data)}-")]).status == 416
    same = gateway.fetch("GET", "/data.bin", [("If-None-Match", whole.get("etag"))])
    assert same.status == 304 and same.body == b""
    head = gateway.fetch("HEAD", "/data.bin")
    assert head.get("content-length") == str(len(data)) and head.body == b""
    zipped = gateway.fetch("GET", "/page.html", [("Accept-Encoding", "gzip")])
    assert zipped.get("content-encoding") == "gzip" and zipped.get("content-length") is None
    assert gateway.fetch("GET", "/none").status == 404
