"""A network of a test's own: loopback alone, with every port and address of it free."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP, IFF_RUNNING = 0x1, 0x40
LIBC = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def bring_loopback_up():
    """That of the network namespace which this runs in."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP | IFF_RUNNING))


@contextlib.contextmanager
def own_network():
    """The calling thread is in it, and with it each thread and process that it starts. Takes root."""
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        call(LIBC.unshare, CLONE_NEWNET)
        try:
            bring_loopback_up()
            yield
        finally:
            call(LIBC.setns, outside, CLONE_NEWNET)
    finally:
        os.close(outside)


if __name__ == "__main__":
    bring_loopback_up()
