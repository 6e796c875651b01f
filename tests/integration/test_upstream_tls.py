"""TLS to an upstream: nothing of a request is sent before the server has proved that it is the one. Whom it
cannot prove it to answers 502, and the log says why."""

import pathlib
import ssl
import subprocess
import threading

import pytest

from harness.origin import answer
from harness.wait import TIMEOUT, wait_for

OK = answer(b"ok")
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Signs certificates. Its own is in `file`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.file, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        openssl("req", "-x509", *NEW_KEY, "-days", 1, "-subj", "/CN=authority", "-out", self.file, "-keyout", self.key)

    def issue(self, name, subject="DNS:app.example", days=1):
        """The files of a certificate and its key."""
        request, certificate, key = (self.folder / f"{name}.{kind}" for kind in ("csr", "pem", "key"))
        openssl("req", "-new", *NEW_KEY, "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}", "-out", request, "-keyout", key)
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-days", days, "-copy_extensions", "copy",
                "-out", certificate)
        return certificate, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"))


def serving(pair, clients_of=None):
    """A server's side of TLS; `clients_of`: whoever comes must show a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    context.names = []  # that it was asked for
    context.sni_callback = lambda connection, name, _: context.names.append(name)
    if clients_of:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of.file)
    return context


def gateway_to(make_gateway, origin, tls, **upstream):
    return make_gateway({"upstreams": {"app": {"servers": [origin.name], "tls": tls, **upstream}},
                         "routes": [{"path": "/", "upstream": "app"}]})


def test_server_that_proves_its_name(make_gateway, make_origin, authority):
    context = serving(authority.issue("good"))
    origin = make_origin(OK, context=context)
    gateway = gateway_to(make_gateway, origin, {"ca": str(authority.file), "server_name": "app.example"})
    for method, body in (("GET", None), ("POST", "x" * 100_000), ("GET", None)):
        assert gateway.fetch(method, "/", body=body).body == b"ok"
    assert len(origin.connections) == 1 and context.names == ["app.example"]
    assert origin.requests[1].body == b"x" * 100_000
    assert origin.requests[0].get("x-forwarded-proto") == "http", "that is the client's side"
    assert gateway.metric("sluice_upstream_up", server=origin.name) == 1


@pytest.mark.parametrize("subject, server", [("IP:127.0.0.1", "127.0.0.1"), ("DNS:localhost", "localhost")])
def test_name_is_that_of_the_server_by_default(make_gateway, make_origin, authority, subject, server):
    context = serving(authority.issue("own", subject))
    origin = make_origin(OK, context=context)
    origin.name = origin.name.replace("127.0.0.1", server)
    gateway = gateway_to(make_gateway, origin, {"ca": str(authority.file)})
    assert gateway.fetch("GET", "/").body == b"ok"
    assert context.names == [None if server == "127.0.0.1" else server], "an address is no server name (RFC 6066 3)"


def proves_nothing(gateway, origin, why, status=502):
    response = gateway.fetch("POST", "/", [("Authorization", "Basic c2VjcmV0")], body="secret")
    assert response.status == status and b"certificate" not in response.body
    wait_for(lambda: origin.connections and all(one.socket.fileno() < 0 or one.ended for one in origin.connections),
             "the connection is closed")
    assert all(one.received == b"" for one in origin.connections), "it was told something"
    assert origin.requests == []
    (line,) = gateway.wait_log("request refused .* status=")
    assert why in line
    gateway.wait_metric("sluice_upstream_failures_total", 1, upstream="app", server=origin.name,
                        reason="connect" if status == 502 else "connect_timeout")


@pytest.mark.parametrize("tls", [True, {}, {"server_name": "app.example"}], ids=["true", "map", "name"])
def test_self_signed_is_refused_unless_told_otherwise(make_gateway, make_origin, authority, tls):
    origin = make_origin(OK, context=serving(authority.issue("nobody-knows")))
    proves_nothing(gateway_to(make_gateway, origin, tls), origin, "TLS: unable to get local issuer certificate")
    itself = make_origin(OK, context=serving((authority.file, authority.key)))
    proves_nothing(gateway_to(make_gateway, itself, tls), itself, "TLS: self-signed certificate")


@pytest.mark.parametrize("subject", ["DNS:other.example", "DNS:example", "DNS:*.app.example", "DNS:app.example.evil", "IP:127.0.0.1"])
def test_another_name_is_refused(make_gateway, make_origin, authority, subject):
    origin = make_origin(OK, context=serving(authority.issue("other", subject)))
    gateway = gateway_to(make_gateway, origin, {"ca": str(authority.file), "server_name": "app.example"})
    proves_nothing(gateway, origin, "TLS: hostname mismatch")


def test_expired_is_refused(make_gateway, make_origin, authority):
    origin = make_origin(OK, context=serving(authority.issue("expired", days=-1)))
    gateway = gateway_to(make_gateway, origin, {"ca": str(authority.file), "server_name": "app.example"})
    proves_nothing(gateway, origin, "TLS: certificate has expired")


def test_another_authority_is_refused(make_gateway, make_origin, authority, stranger):
    origin = make_origin(OK, context=serving(stranger.issue("strange")))
    gateway = gateway_to(make_gateway, origin, {"ca": str(authority.file), "server_name": "app.example"})
    proves_nothing(gateway, origin, "TLS: unable to get local issuer certificate")


def test_anyone_will_do_if_that_is_said(make_gateway, make_origin, stranger):
    origin = make_origin(OK, context=serving(stranger.issue("anyone", "DNS:anything", days=-1)))
    gateway = gateway_to(make_gateway, origin, {"verify": False})
    assert gateway.fetch("GET", "/").body == b"ok"


def test_who_proves_nothing_rests_and_another_is_asked(make_gateway, make_origin, authority):
    bad = make_origin(OK, context=serving(authority.issue("bad", "DNS:other.example")))
    good = make_origin(OK, context=serving(authority.issue("good")))
    gateway = make_gateway({
        "upstreams": {"app": {"servers": [bad.name, good.name], "max_fails": 1, "backoff": "1h", "backoff_max": "1h",
                              "tls": {"ca": str(authority.file), "server_name": "app.example"}}},
        "routes": [{"path": "/", "upstream": "app"}]})
    for body in ("x", None, "y"):
        assert gateway.fetch("POST", "/", body=body).body == b"ok"
    assert bad.requests == [] and len(good.requests) == 3
    gateway.wait_log(f"warn +upstream=app server={bad.name} rests for .*TLS: hostname mismatch")
    assert gateway.metric("sluice_upstream_up", server=bad.name) == 0
    assert gateway.metric("sluice_upstream_up", server=good.name) == 1


def test_certificate_of_the_gateway(make_gateway, make_origin, authority, stranger):
    context = serving(authority.issue("good"), clients_of=authority)
    trusted = {"ca": str(authority.file), "server_name": "app.example"}
    own, alien = authority.issue("gateway"), stranger.issue("alien")
    for pair, status in ((own, 200), (None, 502), (alien, 502)):
        origin = make_origin(OK, context=context)
        shown = {"certificate": str(pair[0]), "key": str(pair[1])} if pair else {}
        gateway = gateway_to(make_gateway, origin, {**trusted, **shown})
        assert gateway.fetch("GET", "/").status == status
        assert len(origin.requests) == (status == 200)


def test_server_that_speaks_no_tls(make_gateway, make_origin):
    def script(connection):
        connection.send(answer(b"plain"))
        connection.wait_end()

    origin = make_origin(script=script, check=False)
    gateway = gateway_to(make_gateway, origin, True)
    response = gateway.fetch("GET", "/", [("Authorization", "Basic c2VjcmV0")])
    assert response.status == 502
    assert b"GET" not in origin.connections[0].received and b"Basic" not in origin.connections[0].received
    gateway.wait_log("request refused .* status=502 .*TLS: ")


@pytest.mark.parametrize("how, status", [("wait_end", 504), ("close", 502), ("reset", 502), ("finish", 502)])
def test_server_that_ends_or_holds_up_the_handshake(make_gateway, make_origin, how, status):
    def script(connection):
        connection.fill()
        getattr(connection, how)()
        if how == "finish":
            connection.wait_end()

    origin = make_origin(script=script, check=False)
    gateway = gateway_to(make_gateway, origin, True, connect_timeout="300ms")
    assert gateway.fetch("GET", "/").status == status
    gateway.wait_log(f"request refused .* status={status} ")


@pytest.mark.parametrize("notified", [True, False])
def test_end_of_a_body_is_that_of_tls(make_gateway, make_origin, authority, notified):
    """A FIN alone is not proof: anyone on the way can send one (RFC 8446 6.1)."""
    passed = threading.Event()

    def step(connection, _):
        connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
        assert passed.wait(TIMEOUT)
        if notified:
            connection.socket.unwrap()
        connection.close()

    origin = make_origin(step, context=serving(authority.issue("good")))
    gateway = gateway_to(make_gateway, origin, {"ca": str(authority.file), "server_name": "app.example"})
    with gateway.connect() as connection:
        connection.request("GET", "/", [("Connection", "close")])
        assert connection.head().status == 200
        begin = connection.take_until(b"hello")
        passed.set()
        body = begin + connection.take_rest()
    assert body.endswith(b"0\r\n\r\n") == notified


def test_websocket_passes_through_tls(make_gateway, make_origin, authority):
    def step(connection, _):
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        while connection.buffer or connection.fill():
            data, connection.buffer = connection.buffer, b""
            connection.send(data)

    origin = make_origin(step, context=serving(authority.issue("good")))
    gateway = gateway_to(make_gateway, origin, {"ca": str(authority.file), "server_name": "app.example"})
    with gateway.connect() as connection:
        connection.request("GET", "/", [("Connection", "Upgrade"), ("Upgrade", "websocket")])
        assert connection.head().status == 101
        for data in (b"hello", bytes(range(256)) * 1000):
            connection.send(data)
            assert connection.take(len(data)) == data
