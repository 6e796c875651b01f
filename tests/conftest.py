"""Fixtures of the end-to-end and client tests. Each process belongs to one test and ends with it."""

import itertools
import shutil
import tempfile

import pytest

from harness import logs
from harness.door import Door
from harness.echo import Echo
from harness.gateway import Gateway
from harness.nginx import Nginx, proxying
from harness.origin import Origin, serve
from harness.redis import RedisServer


@pytest.fixture
def folder():
    """A folder with a short name: a unix socket's path has room for 107 bytes. The logs in it (*.log*,
    *.out) are kept and searched for tokens at the end of the run."""
    path = tempfile.mkdtemp(prefix="sluice-")
    yield path
    logs.keep(path)
    shutil.rmtree(path)


@pytest.fixture
def make_gateway(folder, request):
    """make_gateway(changes, ...): a started gateway; start=False leaves that to the test."""
    gateways = []
    numbers = itertools.count()

    def make(changes=None, *, start=True, **options):
        own = tempfile.mkdtemp(prefix=f"gateway{next(numbers)}-", dir=folder)
        gateway = Gateway(own, changes, **options)
        gateways.append(gateway)
        return gateway.start() if start else gateway

    yield make
    faults = []
    for gateway in gateways:
        try:
            gateway.check()
        except AssertionError as fault:
            faults.append(str(fault))
        request.node.add_report_section("teardown", "gateway log", gateway.log()[-20000:])
    assert not faults, "\n".join(faults)


@pytest.fixture
def gateway(make_gateway):
    """A gateway on the base configuration: topic `news`, memory broker."""
    return make_gateway()


@pytest.fixture
def make_origin(folder):
    """make_origin(step, ...) or make_origin(script=...): an app server that does what the test says; see
    harness.origin. At the end it must have got nothing that is not a request, unless check=False."""
    origins = []

    def make(*steps, script=None, unix=False, context=None, check=True, **options):
        path = tempfile.mktemp(prefix="origin-", dir=folder) if unix else None
        origins.append((Origin(script or serve(*steps), path, context, **options), check))
        return origins[-1][0]

    yield make
    for origin, _ in origins:
        origin.close()
    for origin, check in origins:
        if check:
            origin.check()


@pytest.fixture
def make_proxy(make_gateway, make_origin):
    """make_proxy(step, ...): a gateway with a route to an origin of these steps, and the origin. `upstream`
    and `route` are further keys of theirs, `changes` of the whole configuration."""

    def make(*steps, upstream=None, route=None, changes=None, **origin):
        app = make_origin(*steps, **origin)
        gateway = make_gateway({
            "upstreams": {"app": {"servers": [app.name], **(upstream or {})}},
            "routes": [{"path": "/", "upstream": "app", **(route or {})}],
            **(changes or {})})
        return gateway, app

    return make


@pytest.fixture
def make_redis(folder):
    """make_redis(option, ...): a started redis-server."""
    servers = []

    def make(*options, start=True):
        server = RedisServer(tempfile.mkdtemp(prefix="redis-", dir=folder), *options)
        servers.append(server)
        return server.start() if start else server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def redis(make_redis):
    return make_redis()


@pytest.fixture
def make_door():
    """make_door(target, mode): a breakable TCP door; see harness.door.Door."""
    doors = []

    def make(target=None, mode="open"):
        doors.append(Door(target, mode))
        return doors[-1]

    yield make
    for door in doors:
        door.close()


@pytest.fixture
def make_nginx(folder):
    """make_nginx(gateway, options): nginx in front of it. make_nginx(location=...): nginx with that for all paths."""
    servers = []

    def make(gateway=None, options="", location=None):
        own = tempfile.mkdtemp(prefix="nginx-", dir=folder)
        servers.append(Nginx(own, location or proxying(gateway.address, options)).start())
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def make_echo():
    """make_echo(answer, ...): a server that gives these answers, whatever it is asked."""
    servers = []

    def make(*answers):
        servers.append(Echo(*answers))
        return servers[-1]

    yield make
    for server in servers:
        server.close()
