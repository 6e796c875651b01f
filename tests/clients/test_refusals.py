"""What every client does when the gateway does not want it: it stops, or is held at arm's length."""

from catalogue import BACK, CLIENTS, every_client

RETRY = {"base": "100ms", "jitter": "50ms"}


def check_answer(client, wire, path, status, what):
    """The client closes for good after the first answer, or comes back for more."""
    if what == BACK:
        wire.wait_status(path, status, 2)
        assert client.of("closed") == []
    else:
        wire.wait_status(path, status)
        client.closed()
        assert len(wire.to(path)) == 1
    assert client.events == []


@every_client
def test_client_at_404(gateway, make_wire, start_client, name):
    wire = make_wire(gateway)
    client = start_client(name, wire, "/events/none")
    check_answer(client, wire, "/events/none", 404, CLIENTS[name].after_refusal)
