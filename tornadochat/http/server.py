"""The HTTP server: Tornado's, bounded, with forwarding headers believed from named proxies only."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.ioloop import IOLoop
from tornado.web import Application

from tornadochat.http.accepting import Acceptor
from tornadochat.places import Places

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HEADER_BYTES: Final = 16 * 1024
"""Of one request: the request line and all headers. Browsers and proxies stay far below."""
BUFFER_BYTES: Final = 1024 * 1024
"""What one connection may have read ahead; Tornado's own bound is 100 MB."""


@dataclass(frozen=True)
class Patience:
    """How long a TCP connection may take, in seconds; None is for ever.

    `first`: for the headers of the first request. `body`: for a body. `idle`: for the headers of a later
    request. `unread`: without taking anything of an answer.
    """

    first: float | None = None
    body: float | None = None
    idle: float | None = None
    unread: float | None = None


class Server(HTTPServer):
    """Tornado's HTTP server; `X-Forwarded-For` and `-Proto` count only when a trusted proxy sent them."""

    def initialize(  # type: ignore[override]
        self,
        application: Application,
        *,
        body_bytes: int,
        trusted: Sequence[Network],
        patience: Patience | None = None,
        connections: int | None = None,
        connections_per_address: int | None = None,
    ) -> None:
        """`body_bytes`: the longest request body taken. Without patience nothing ever takes too long.

        Tornado's configurable classes start here.
        """
        patience = patience or Patience()
        super().initialize(
            application,
            max_header_size=HEADER_BYTES,
            max_body_size=body_bytes,
            max_buffer_size=max(BUFFER_BYTES, body_bytes),
            body_timeout=patience.body,
        )
        self._trusted = tuple(trusted)
        self._patience = patience
        self.places = Places(connections, connections_per_address, shared=self._trusts)
        self.conn_params.header_timeout = patience.first
        self._later_params = copy(self.conn_params)
        self._later_params.header_timeout = patience.idle
        self._unread: dict[Any, int] = {}
        self._watch: asyncio.TimerHandle | None = None

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accepts from these listening sockets, which from now on are the server's."""
        for listening in sockets:
            # As Tornado's own does it, but for who accepts; `stop` calls the handler and closes the socket.
            self._sockets[listening.fileno()] = listening
            acceptor = Acceptor(listening, self._handle_connection, self.places)
            self._handlers[listening.fileno()] = acceptor.stop
        self._watch_later()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Tornado's hook: one request begins, or is awaited."""
        # The first one has its parameters already; these are for those after it.
        server_conn.params = self._later_params  # type: ignore[attr-defined]
        delegate = super().start_request(server_conn, request_conn)
        return _Forwarded(delegate, request_conn, self._trusts) if self._trusted else delegate

    async def close_all_connections(self) -> None:
        """Ends what is left."""
        if self._watch is not None:
            self._watch.cancel()
        await super().close_all_connections()

    def _trusts(self, address: str) -> bool:
        if not self._trusted or not _is_address(address):
            return False
        return any(ipaddress.ip_address(address) in network for network in self._trusted)

    def _watch_later(self) -> None:
        if self._patience.unread is not None:
            loop: Any = IOLoop.current()
            self._watch = loop.asyncio_loop.call_later(self._patience.unread, self._cut_the_unread)

    def _cut_the_unread(self) -> None:
        """Closes who has taken nothing of an answer since the last look; Tornado would wait for ever."""
        unread: dict[Any, int] = {}
        for connection in self._connections:
            stream: Any = connection.stream
            if stream.closed() or not stream.writing():
                continue
            sent: int = stream._total_write_done_index
            if self._unread.get(connection) == sent:
                stream.close()
            else:
                unread[connection] = sent
        self._unread = unread
        self._watch_later()


class _Forwarded(HTTPMessageDelegate):
    """Gives a request the address and scheme that a trusted proxy saw, for the time it takes."""

    def __init__(
        self, inner: HTTPMessageDelegate, connection: HTTPConnection, trusts: Callable[[str], bool]
    ) -> None:
        self._inner = inner
        self._context: Any = connection.context  # type: ignore[attr-defined]
        self._trusts = trusts
        self._seen = (self._context.remote_ip, self._context.protocol)

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        if self._trusts(self._context.remote_ip):
            self._context.remote_ip = self._client(headers) or self._context.remote_ip
            scheme = headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
            if scheme in {"http", "https"}:
                self._context.protocol = scheme
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        self._inner.finish()
        self._restore()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()
        self._restore()

    def _restore(self) -> None:
        # The TCP connection may carry other people's requests next.
        self._context.remote_ip, self._context.protocol = self._seen

    def _client(self, headers: HTTPHeaders) -> str | None:
        """The last address in the chain that is not itself a trusted proxy."""
        chain = [part.strip() for part in headers.get("X-Forwarded-For", "").split(",")]
        for address in reversed(chain):
            if not _is_address(address):
                return None
            if not self._trusts(address):
                return address
        return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
