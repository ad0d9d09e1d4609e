"""The Tornado handler of an Engine.IO server: refusals before anything else, then one call to the server."""

import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from engineio import get_tornado_handler
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler, stream_request_body

from tornadochat.transports.framing import FramedWebSocketHandler
from tornadochat.transports.sio.engine import EngineServer
from tornadochat.transports.sio.packet import StrictJSON
from tornadochat.transports.sio.socket import EngineSocket

if TYPE_CHECKING:
    from tornadochat.transports.sio.server import SocketIOServer

METHODS: Final = ("GET", "POST", "OPTIONS")
# How much more than is taken is read and thrown away, so that the refusal can be read.
DISCARD_FACTOR: Final = 8


class Origins(Protocol):
    """Which web pages may talk to this server."""

    def allows(self, request: HTTPServerRequest) -> bool:
        """Whether the page that made this request may."""
        ...


class Refusal(NamedTuple):
    """An HTTP error as the reference server words it."""

    status: int
    code: int
    message: str


UNKNOWN_TRANSPORT: Final = Refusal(400, 0, "Transport unknown")
UNKNOWN_SID: Final = Refusal(400, 1, "Session ID unknown")
BAD_METHOD: Final = Refusal(400, 2, "Bad handshake method")
BAD_REQUEST: Final = Refusal(400, 3, "Bad request")
FORBIDDEN: Final = Refusal(403, 4, "Forbidden")
UNSUPPORTED_VERSION: Final = Refusal(400, 5, "Unsupported protocol version")
TOO_LARGE: Final = Refusal(413, 3, "Payload too large")


@stream_request_body
class EngineHandler(FramedWebSocketHandler):
    """One HTTP request or WebSocket of an Engine.IO session (Engine.IO protocol v4, "Transports")."""

    engine: EngineServer
    origins: Origins
    socket: EngineSocket | None = None
    _body: bytearray
    _received = 0
    _refusal: Refusal | None = None
    _upgrading = False
    gone = False  # the peer, or its request

    # Before anything else

    def prepare(self) -> None:
        """Refuse what is not valid, before a body is read or a WebSocket accepted."""
        self._body = bytearray()
        # Bodies are streamed here, bounded below and refused with 413; the server's own bound would answer
        # a bare 400 and close.
        connection: Any = self.request.connection
        connection.set_max_body_size(sys.maxsize)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", "Origin")
        self._refusal = self._examine()
        # Answered once the body has been read, else Tornado would have to close the connection.
        self._bound(_announced(self.request.headers.get("Content-Length", "0")))

    def _examine(self) -> Refusal | None:
        if self.request.method not in METHODS:
            return BAD_METHOD
        if not self._allow_origin():
            return FORBIDDEN
        if self.request.method == "OPTIONS":
            return None
        return self._examine_query()

    def _allow_origin(self) -> bool:
        origin = self.request.headers.get("Origin")
        if origin is None:
            return True
        if not self.origins.allows(self.request):
            return False
        self.set_header("Access-Control-Allow-Origin", origin)
        return True

    def _examine_query(self) -> Refusal | None:
        arguments = self.request.query_arguments
        if not self.request.headers.get("Content-Length", "0").isdecimal():
            return BAD_REQUEST
        if "j" in arguments or any(len(values) != 1 for values in arguments.values()):
            return BAD_REQUEST
        if arguments.get("EIO") != [b"4"]:
            return UNSUPPORTED_VERSION
        transport = arguments.get("transport", [b""])[0].decode("latin-1")
        if transport not in self.engine.transports:
            return UNKNOWN_TRANSPORT
        self._upgrading = self.request.headers.get("Upgrade", "").lower() == "websocket"
        if self._upgrading != (transport == "websocket"):
            return BAD_REQUEST
        if "sid" not in arguments:
            return None if self.request.method == "GET" else BAD_METHOD
        self.socket = self.engine.sockets.get(arguments["sid"][0].decode("latin-1"))
        return self._examine_session()

    def _examine_session(self) -> Refusal | None:
        """Whether the session, if any, is in a state for this; asked again when it comes to it."""
        socket = self.socket
        if socket is None:
            return UNKNOWN_SID
        if socket.closed or not socket.connected:
            return UNKNOWN_SID
        if self._upgrading:
            # One that comes too late is accepted and closed, as the reference server does it.
            possible = self.request.method == "GET" and self.engine.allow_upgrades
        elif self.request.method == "POST":
            possible = not socket.upgraded and not socket.closing
        else:
            possible = not socket.upgraded
        return None if possible else BAD_REQUEST

    def check_origin(self, origin: str) -> bool:
        """Asked for cross-origin WebSockets only, and answered alike for every transport."""
        return self.origins.allows(self.request)

    # The body of a POST, never more of it than the limit

    def data_received(self, chunk: bytes) -> None:
        """A part of the body has come."""
        self._received += len(chunk)
        self._bound(self._received)
        if self._refusal is None:
            self._body += chunk

    def _bound(self, size: int) -> None:
        limit: int = self.engine.max_http_buffer_size
        if size <= limit:
            return
        self._body.clear()
        if self._refusal is None:
            self._refusal = TOO_LARGE
            if self.socket is not None:
                self.socket.abort()
        if size > DISCARD_FACTOR * limit:
            self.set_header("Connection", "close")
            self.refuse(self._refusal)

    def take_body(self) -> bytes:
        """The whole body, which is held no longer."""
        body, self._body = bytes(self._body), bytearray()
        return body

    # HTTP; python-engineio's handler calls the server's `handle_request` for all of it

    async def get(self, *args: str, **kwargs: str) -> None:
        """A poll, a handshake, or a WebSocket."""
        if not self._refused():
            await super().get(*args, **kwargs)

    async def post(self, *args: str, **kwargs: str) -> None:
        """Packets from the client."""
        if not self._refused() and (answer := super().post(*args, **kwargs)) is not None:
            await answer

    async def options(self, *args: str, **kwargs: str) -> None:
        """The preflight of a page of another origin."""
        if not self._refused() and (answer := super().options(*args, **kwargs)) is not None:
            await answer

    def _other(self, *args: str, **kwargs: str) -> None:
        self.refuse(self._refusal or BAD_METHOD)

    head = put = patch = delete = _other

    def _refused(self) -> bool:
        if self._refusal is None and self.socket is not None:
            # Since `prepare` another request may have ended the session, or taken it over.
            self._refusal = self._examine_session()
        if self._refusal is not None:
            self.refuse(self._refusal)
        return self._refusal is not None

    def compute_etag(self) -> str | None:
        """No poll is answered with 304."""
        return None

    def answer_preflight(self) -> None:
        """What a page of another origin may send."""
        self.set_header("Access-Control-Allow-Methods", ", ".join(METHODS))
        asked = self.request.headers.get("Access-Control-Request-Headers", "Content-Type")
        self.set_header("Access-Control-Allow-Headers", asked)
        self.set_header("Access-Control-Max-Age", "600")
        self.set_status(204)
        self.finish()

    def answer_poll(self, payload: bytes | None) -> None:
        """The packets for a poll, or the news that there is no such session any more."""
        if payload is None:
            self.refuse(UNKNOWN_SID)
        else:
            self._answer(payload)

    def answer_ok(self) -> None:
        """A POST was taken."""
        self._answer(b"ok")

    def answer_bad_post(self) -> None:
        """A POST was not taken."""
        self.refuse(BAD_REQUEST)

    def answer_refused(self) -> None:
        """The application did not admit this client."""
        self.refuse(FORBIDDEN)

    def _answer(self, payload: bytes) -> None:
        if not self.gone:
            self.set_header("Content-Type", "text/plain; charset=UTF-8")
            self.finish(payload)

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error; the session, if any, is not touched."""
        if self.gone or self._finished:
            return
        if refusal is BAD_METHOD:
            self.set_header("Allow", ", ".join(METHODS))
        self.set_status(refusal.status)
        self.set_header("Content-Type", "application/json")
        self.finish(StrictJSON.dumps({"code": refusal.code, "message": refusal.message}))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Tornado's own errors in the same form; a method unknown even to Tornado is one of them."""
        self.refuse(BAD_METHOD if status_code == 405 else Refusal(status_code, 3, self._reason))

    # WebSocket

    @property
    def max_message_size(self) -> int:
        """The longest message taken."""
        limit: int = self.engine.max_http_buffer_size
        return limit

    @property
    def ping_interval(self) -> float:
        """Engine.IO has its own heartbeat."""
        return 0

    async def open(self, *args: str, **kwargs: str) -> None:
        """The handshake is done."""
        await self.engine.handle_websocket(self)

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """A frame, given to its session in the same turn."""
        return self.socket.feed(message) if self.socket is not None else None

    def on_ping(self, data: bytes) -> None:
        """It has been answered."""
        if self.socket is not None and self.socket.pinged is not None:
            self.socket.pinged()

    on_pong = on_ping

    def on_connection_close(self) -> None:
        """The TCP connection of a request has gone."""
        # Tornado's WebSocketHandler leaves this out, and a body cut short would be awaited for ever.
        RequestHandler.on_connection_close(self)
        super().on_connection_close()

    def on_close(self) -> None:
        """A WebSocket, or a request not yet answered, has gone."""
        self.gone = True
        if self.socket is not None:
            self.socket.lost(self)


def _announced(length: str) -> int:
    """How long a body says it will be; Tornado refuses what is no number once `prepare` has returned."""
    # int() raises for thousands of digits, and answers in the square of their time.
    digits = length[: len(str(sys.maxsize))]
    return int(digits) if digits.isdecimal() else 0


def make_handler(server: "EngineServer | SocketIOServer", origins: Origins) -> type[EngineHandler]:
    """The handler class for one server."""
    engine: EngineServer = server if isinstance(server, EngineServer) else server.eio
    library = get_tornado_handler(engine)
    return type("Handler", (EngineHandler, library), {"engine": engine, "origins": origins})
