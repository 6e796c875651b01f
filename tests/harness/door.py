"""A TCP door in front of a server, to break connections at."""

import socket
import threading


class Door:
    """Open, or broken in the way that a test asks for.

    open     bytes pass both ways
    silent   connections are accepted and nothing is ever answered
    a bytes  each thing the client sends is answered with these bytes
    """

    def __init__(self, target=None, mode="open"):
        self.target = target
        self.mode = mode
        self.accepted = 0
        self._sockets = set()
        self._lock = threading.Lock()
        self.address = ("127.0.0.1", 0)
        self._listener = None
        self.open()

    def open(self):
        """Listens: the first time on a free port, then always on that one."""
        self._listener = socket.create_server(self.address)
        self.address = self._listener.getsockname()
        self._thread = threading.Thread(target=self._accept, args=[self._listener],
                                        daemon=True)
        self._thread.start()

    def shut(self):
        """Refuses new connections from now on; those that are open stay."""
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            self._thread.join()

    @property
    def url(self):
        return "redis://%s:%d" % self.address

    def set(self, mode):
        """Changes the mode, for open connections too."""
        self.mode = mode

    def cut(self):
        """Closes every connection; new ones are accepted."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster

    def close(self):
        self.shut()
        self.cut()

    def _saw(self, client, data, from_server):
        """For a door that reads along: called before the data is passed on."""

    def _closed(self, client):
        """Likewise, when a client's connection is over."""

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            with self._lock:
                self._sockets.add(client)
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client):
        server = None
        try:
            if self.target:
                server = socket.create_connection(self.target)
                with self._lock:
                    self._sockets.add(server)
                threading.Thread(target=self._pump, args=[server, client, True], daemon=True).start()
            self._pump(client, server, False)
        except OSError:
            pass  # the server is down: so is the door
        finally:
            self._closed(client)
            client.close()
            if server:
                server.close()

    def _pump(self, source, sink, from_server):
        try:
            while data := source.recv(65536):
                mode = self.mode
                self._saw(sink if from_server else source, data, from_server)
                if mode == "open" and sink:
                    sink.sendall(data)
                elif isinstance(mode, bytes) and not from_server:
                    source.sendall(mode)
        except OSError:
            pass  # cut
        finally:
            for one in (source, sink):
                try:
                    if one:
                        one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # closed already
