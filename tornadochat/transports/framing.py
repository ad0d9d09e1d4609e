"""WebSocket framing: the one seam under every WebSocket handler.

Handlers derive from `FramedWebSocketHandler` and talk to whatever protocol object its
`get_websocket_protocol()` built; a framing engine below needs only what `Framing` says. There are two:

- `fastframing.protocol.PicowsProtocol`, on the C parser of picows: the one in use wherever it can serve;
- `strictframing.StrictProtocol`, on Tornado's own: where TLS ends in this process, and where picows is
  missing or is not what the start-up check expects.

The same tests hold both to the same behaviour.
"""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Protocol

from tornado.iostream import SSLIOStream
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from tornadochat.transports.frames import BINARY, TEXT
from tornadochat.transports.gather import Gather
from tornadochat.transports.strictframing import StrictProtocol

HELD_MOST: Final = 32_768
"""How many bytes are held back for the end of the turn: what is held counts as unread."""

_log: Final = logging.getLogger(__name__)

Engine = Callable[[WebSocketHandler, int], WebSocketProtocol]
"""Makes the protocol object of a handler that takes messages of up to so many bytes."""


class Framing(Protocol):
    """What a handler asks of the framing engine below it; another one needs only this."""

    def send(self, opcode: int, *payloads: bytes) -> None:
        """Frames in one write; nothing after a close frame, nothing to a closed stream."""

    def write(self, *frames: bytes) -> None:
        """As `send`, of complete frames, as `frames.encode_frame` makes them."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin or complete the closing handshake."""

    def cut(self) -> None:
        """End the TCP stream at once."""

    async def drained(self) -> None:
        """Return when what has been accepted up to now has left, or the stream is closed."""

    @property
    def waiting(self) -> bool:
        """Whether the kernel would not take everything; if not, nothing is buffered."""

    @property
    def buffered(self) -> int:
        """Bytes not yet given to the kernel."""

    @property
    def sent(self) -> int:
        """Bytes given to the kernel so far; only its growth means something."""


@cache
def fast_engine() -> Engine | None:
    """The engine on picows, or None, which is logged once; needs a running loop the first time."""
    try:
        from tornadochat.transports.fastframing.protocol import PicowsProtocol
        from tornadochat.transports.fastframing.selfcheck import check

        check()
    except (ImportError, RuntimeError) as unfit:
        _log.warning("WebSocket framing falls back to Tornado's own, which is slower: %s", unfit)
        return None
    return PicowsProtocol


class FramedWebSocketHandler(WebSocketHandler):
    """A WebSocket handler with ordered synchronous sending, visible buffers and exact closing."""

    max_frame = 131_072
    # None before the handshake and after the end; else what get_websocket_protocol() has built.
    ws_connection: Any
    _held: list[bytes] | None = None
    _held_bytes = 0

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """The framing engine of this connection."""
        plain = super().get_websocket_protocol()
        if not isinstance(plain, WebSocketProtocol13):
            return None
        connection: Any = self.request.connection
        engine = None if isinstance(connection.stream, SSLIOStream) else fast_engine()
        return StrictProtocol(plain) if engine is None else engine(self, self.max_message_size)

    def get_compression_options(self) -> dict[str, Any] | None:
        """Never any."""
        # permessage-deflate holds some 200 KB for each connection.
        return None

    @property
    def max_message_size(self) -> int:
        """The longest message taken, in bytes; a longer one ends the connection with 1009."""
        return self.max_frame

    def hold(self, frame: bytes, gather: Gather) -> int:
        """Send a complete frame, in one write with all that this turn has for the peer; return `buffered`."""
        if self._held is None:
            self._held = []
            gather.add(self)
        self._held.append(frame)
        self._held_bytes += len(frame)
        if self._held_bytes > HELD_MOST:
            self.release()
        return self.buffered

    def release(self) -> None:
        """Write what has been held so far; silent once the connection is over."""
        held, self._held, self._held_bytes = self._held, None, 0
        if held is not None and (framing := self.ws_connection) is not None:
            framing.write(*held)

    def send_text(self, *frames: str | bytes) -> None:
        """Send text frames (`bytes` are already UTF-8) in one write; silent once the connection is over."""
        self.release()
        if (framing := self.ws_connection) is not None:
            framing.send(TEXT, *[f.encode() if isinstance(f, str) else f for f in frames])

    def send_binary(self, *frames: bytes) -> None:
        """Send binary frames in one write; silent once the connection is over."""
        self.release()
        if (framing := self.ws_connection) is not None:
            framing.send(BINARY, *frames)

    @property
    def buffered(self) -> int:
        """Bytes accepted and not yet given to the kernel."""
        # Asked several times for each message, and nothing is waiting nearly always.
        framing: Framing | None = self.ws_connection
        if framing is None:
            return 0
        return self._held_bytes + framing.buffered if framing.waiting else self._held_bytes

    @property
    def sent(self) -> int:
        """Bytes that have left so far; only its growth means something."""
        framing: Framing | None = self.ws_connection
        return 0 if framing is None else framing.sent

    async def drained(self) -> None:
        """Return when what has been accepted up to now has left, or the connection is over."""
        self.release()
        if (framing := self.ws_connection) is not None:
            await framing.drained()

    def end(self, code: int | None = 1000, reason: str = "") -> None:
        """Closing handshake with this code; the TCP stream is cut if the peer has not answered in time."""
        self.release()
        if (framing := self.ws_connection) is not None:
            framing.close(code, reason or None)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """As `end`."""
        # Tornado's would forget the protocol object, and with it the counters.
        self.end(code, reason or "")

    def abort(self) -> None:
        """Cut the TCP stream, unsent data and all."""
        if (framing := self.ws_connection) is not None:
            framing.cut()
