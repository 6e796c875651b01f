"""Active health checks, and what metrics and status say of upstreams."""

import http.server
import re
import ssl
import subprocess
import threading

import pytest

from harness.documents import table
from harness.wait import wait_for


class App(http.server.ThreadingHTTPServer):
    """An app whose health the test decides."""

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.status = 200
        self.seen = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Host"], self.headers["Connection"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def app():
    server = App()
    yield server
    server.close()


@pytest.fixture
def secure_app(tmp_path):
    """With TLS, and a certificate for app.example that only its own file vouches for."""
    certificate, key = tmp_path / "app.pem", tmp_path / "app.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-days", "1", "-subj", "/CN=app", "-addext", "subjectAltName=DNS:app.example",
                    "-out", certificate, "-keyout", key], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = App(context)
    server.certificate = str(certificate)
    yield server
    server.close()


def upstream(address, **keys):
    return {"upstreams": {"app": {"servers": [address], **keys}}}


def test_servers_fall_and_rise(make_gateway, app):
    check = {"path": "/up", "interval": "100ms", "rise": 2, "fall": 2}
    gateway = make_gateway({"workers": 2, **upstream(app.address, health_check=check)})
    labels = {"upstream": "app", "server": app.address}
    wait_for(lambda: len(app.seen) >= 2, "checked at once and again")
    assert set(app.seen) == {("/up", "app", "close")}
    assert gateway.metric("sluice_upstream_up", **labels) == 1
    app.status = 503
    gateway.wait_metric("sluice_upstream_up", 0, **labels)
    gateway.wait_log(f"warn +upstream=app server={app.address} is down: it answers 503; 2 health checks failed")
    (shown,) = gateway.status()["upstreams"]
    assert shown["name"] == "app" and shown["waiting"] == 0
    (server,) = shown["servers"]
    assert server["up"] is False and server["server"] == app.address
    assert server["addresses"] == [{"address": app.address, "up": False, "healthy": False, "resting": False}]
    app.status = 204
    gateway.wait_metric("sluice_upstream_up", 1, **labels)
    gateway.wait_log(f"info +upstream=app server={app.address} is up: 2 health checks succeeded")


def test_checks_are_made_once_for_the_process(make_gateway, app):
    make_gateway({"workers": 4, **upstream(app.address, health_check={"interval": "1h"})})
    wait_for(lambda: app.seen, "the first check")
    assert len(app.seen) == 1


def test_addresses_of_a_name_are_shown(make_gateway, app):
    name = app.address.replace("127.0.0.1", "localhost")
    gateway = make_gateway(upstream(name))
    wait_for(lambda: gateway.status()["upstreams"][0]["servers"][0]["addresses"], "the name is resolved")
    shown = gateway.status()["upstreams"][0]["servers"][0]["addresses"]
    assert app.address in [one["address"] for one in shown]
    assert gateway.metric("sluice_upstream_up", upstream="app", server=name) == 1


def test_servers_with_tls_are_verified(make_gateway, secure_app):
    # Long enough for a handshake on a busy machine: the first reason to be down is what is logged.
    check = {"interval": "1s", "rise": 1, "fall": 1}
    trusted = {"ca": secure_app.certificate, "server_name": "app.example"}
    gateway = make_gateway({"upstreams": {
        "good": {"servers": [secure_app.address], "tls": trusted, "health_check": check},
        "name": {"servers": [secure_app.address], "health_check": check,
                 "tls": {**trusted, "server_name": "other.example"}},
        "unknown": {"servers": [secure_app.address], "health_check": check,
                    "tls": {"server_name": "app.example"}},
        "careless": {"servers": [secure_app.address], "health_check": check, "tls": {"verify": False}},
    }})
    gateway.wait_log("upstream=name .* is down: TLS: hostname mismatch")
    gateway.wait_log("upstream=unknown .* is down: TLS: self-signed certificate")
    wait_for(lambda: len([one for one in secure_app.seen if one[1] == "good"]) >= 2, "checked again and again")
    wait_for(lambda: [one for one in secure_app.seen if one[1] == "careless"], "checked without verifying")
    assert {one[1] for one in secure_app.seen} == {"good", "careless"}
    assert gateway.metric("sluice_upstream_up", upstream="good") == 1
    assert gateway.metric("sluice_upstream_up", upstream="careless") == 1
    assert gateway.metric("sluice_upstream_up", upstream="name") == 0


def test_every_reason_to_fail_is_documented(make_gateway, app):
    gateway = make_gateway(upstream(app.address))
    lines = [name for name in gateway.metrics() if name.startswith("sluice_upstream_failures_total{")]
    there = {reason for line in lines for reason in re.findall(r'reason="(\w+)"', line)}
    rows = table("docs/operations.md", "Why an upstream fails")
    documented = {reason for row in rows for reason in re.findall(r"`(\w+)`", row[0])}
    assert there and documented == there
