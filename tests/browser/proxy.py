"""A reverse proxy that puts the server under a path, and can be told to let no link pass."""

import contextlib
import re
import socket
import threading

PREFIX = "/chat/"


class Proxy:
    """One thread a direction: plain, and quick enough for a few browsers."""

    def __init__(self, port: int, prefix: str = PREFIX) -> None:
        self._server = port
        self._prefix = prefix.encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{prefix}"
        self._refused: re.Pattern[bytes] | None = None
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def refuse(self, requests: bytes) -> None:
        """Cuts all connections; from now on requests whose first line matches get none. Pages still load."""
        self._refused = re.compile(requests)
        self._cut()

    def mend(self) -> None:
        """Everything passes again."""
        self._refused = None

    def close(self) -> None:
        """Ends it."""
        # Closing alone does not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            first = client.recv(65536)
            with socket.create_connection(("127.0.0.1", self._server)) as server:
                self._open |= {client, server}
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                self._forward(first, client, server)
                back.join()
                self._open -= {client, server}

    def _forward(self, chunk: bytes, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk:
                # A request begins with its chunk: browsers wait for one answer before they ask again.
                if self._refused and self._refused.search(chunk.partition(b"\r\n")[0]):
                    break
                server.sendall(re.sub(rb"\A(GET|POST|HEAD) " + self._prefix, rb"\1 /", chunk))
                chunk = client.recv(65536)
        self._end(client, server)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
        self._end(source, target)

    def _end(self, *ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
