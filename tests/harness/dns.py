"""A name server whose answers are the test's own, and one that says nothing while a test wants that."""

import ipaddress
import socket
import struct
import threading

from harness.wait import wait_for

A = 1
ANSWER = 0x8580  # authoritative; recursion is available
NO_SUCH_NAME = 3
POINTER_TO_QUESTION = 0xC00C


class NameServer:
    """Answers over UDP on port 53 of an address, which is where a resolver asks.

    addresses   {name: [IPv4 address, ...]}; names that are not in it do not exist
    """

    def __init__(self, address="127.0.0.1"):
        self.address = address
        self.addresses = {}
        self._silent = lambda name: False
        self._held = []  # questions that came meanwhile
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def be_silent(self, *names):
        """When it is asked for one of these; for any, if there are none."""
        with self._lock:
            self._silent = lambda name: not names or name in names

    def speak(self):
        """Also to those who have asked meanwhile."""
        with self._lock:
            self._silent = lambda name: False
            held, self._held = self._held, []
        for question, client in held:
            self._answer(question, client)

    def wait_held(self, names=1):
        """Waits until somebody waits for answers about so many names."""
        wait_for(lambda: len({parse_name(question) for question, _ in self._held}) >= names,
                 "the name server is asked")

    def close(self):
        self.speak()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", (self.address, 53))
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while True:
            question, client = self._socket.recvfrom(512)
            if not question:
                return
            with self._lock:
                if self._silent(parse_name(question)):
                    self._held.append((question, client))
                    continue
            self._answer(question, client)

    def _answer(self, question, client):
        found = self.addresses.get(parse_name(question))
        (kind,) = struct.unpack_from("!H", question, question.index(b"\0", 12) + 1)
        records = [address for address in found or [] if kind == A]
        reply = question[:2] + struct.pack("!HHHHH", ANSWER | (NO_SUCH_NAME if found is None else 0), 1,
                                           len(records), 0, 0)
        reply += question[12:question.index(b"\0", 12) + 5]
        for address in records:
            reply += struct.pack("!HHHIH", POINTER_TO_QUESTION, A, 1, 0, 4) + ipaddress.ip_address(address).packed
        self._socket.sendto(reply, client)


def parse_name(question):
    labels, at = [], 12
    while size := question[at]:
        labels.append(question[at + 1:at + 1 + size].decode())
        at += 1 + size
    return ".".join(labels).lower()
