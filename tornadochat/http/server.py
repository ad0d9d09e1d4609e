"""The HTTP server: Tornado's, with forwarding headers believed from named proxies only."""

import ipaddress
import socket
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application

from tornadochat.http.accepting import Acceptor

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

IDLE_SECONDS: Final = 120
BODY_SECONDS: Final = 30


class Server(HTTPServer):
    """Tornado's HTTP server; `X-Forwarded-For` and `-Proto` count only when a trusted proxy sent them."""

    def initialize(  # type: ignore[override]
        self, application: Application, *, body_bytes: int, trusted: Sequence[Network]
    ) -> None:
        """`body_bytes`: the longest request body taken. Tornado's configurable classes start here."""
        super().initialize(
            application,
            max_body_size=body_bytes,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=BODY_SECONDS,
        )
        self._trusted = tuple(trusted)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accepts from these listening sockets, which from now on are the server's."""
        for listening in sockets:
            # As Tornado's own does it, but for who accepts; `stop` calls the handler and closes the socket.
            self._sockets[listening.fileno()] = listening
            self._handlers[listening.fileno()] = Acceptor(listening, self._handle_connection).stop

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Tornado's hook: one request begins."""
        delegate = super().start_request(server_conn, request_conn)
        return _Forwarded(delegate, request_conn, self._trusted) if self._trusted else delegate


class _Forwarded(HTTPMessageDelegate):
    """Gives a request the address and scheme that a trusted proxy saw, for the time it takes."""

    def __init__(
        self, inner: HTTPMessageDelegate, connection: HTTPConnection, trusted: tuple[Network, ...]
    ) -> None:
        self._inner = inner
        self._context: Any = connection.context  # type: ignore[attr-defined]
        self._trusted = trusted
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

    def _trusts(self, address: str) -> bool:
        if not _is_address(address):
            return False
        return any(ipaddress.ip_address(address) in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
