"""The framing engine on Tornado's own WebSocket protocol: for TLS, and where picows cannot be had."""

import asyncio
import socket
from contextlib import suppress
from ssl import SSLSocket
from typing import Any, Final, Protocol

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13

from tornadochat.transports.frames import (
    CLOSE,
    OPCODES,
    PROTOCOL_ERROR,
    Assembler,
    FrameViolation,
    encode_frame,
    parse_close,
    unmask,
)
from tornadochat.transports.tcp import CLOSE_WAIT, WATCH_SECONDS, has_left, tune

_DISCARD_CHUNK: Final = 65536
FRAMES_PER_TURN: Final = 16  # of one peer, before others have their turn


class Stream(Protocol):
    """The part of Tornado's `IOStream` used here; the two counters are its only semi-private names."""

    _total_write_index: int
    _total_write_done_index: int

    def closed(self) -> bool:
        """Whether it is over."""
        ...


class StrictProtocol(WebSocketProtocol13):
    """Tornado's RFC 6455 engine with every violation answered by a close frame with the right code.

    Overridden beneath its public surface: `_receive_frame` (one frame per call of Tornado's loop).
    """

    handler: Any  # a framing.FramedWebSocketHandler

    def __init__(self, plain: WebSocketProtocol13) -> None:
        super().__init__(plain.handler, False, plain.params)
        self._frames = 0
        self._awaited = False
        self._watch: object = None
        self._assembler = Assembler(plain.params.max_message_size)

    def start_pinging(self) -> None:
        """Tornado's call on acceptance."""
        # The first moment at which the accepted stream is ours and nothing has been written to it.
        if not self.stream.closed():
            tune(self.stream.socket)
        # Notices a peer that leaves while the handler holds reading back.
        self.stream.set_close_callback(self._told_closed)
        super().start_pinging()

    def _told_closed(self) -> None:
        self.handler.on_ws_connection_close(self.close_code, self.close_reason)

    def on_connection_close(self) -> None:
        """The handler has been told of the end."""
        # The handler is told of a violation before the close frame has left: the stream lives on till then.
        if not self.server_terminated:
            self._abort()

    # Outbound

    def send(self, opcode: int, *payloads: bytes) -> None:
        """Frames in one write; nothing after a close frame, nothing to a closed stream."""
        self.write(*[encode_frame(opcode, payload) for payload in payloads])

    def write(self, *frames: bytes) -> None:
        """As `send`, of frames that are complete."""
        if self.server_terminated:
            return
        with suppress(StreamClosedError):
            self.stream.write(frames[0] if len(frames) == 1 else b"".join(frames))

    @property
    def waiting(self) -> bool:
        """Whether the kernel would not take everything."""
        return self.buffered > 0

    @property
    def buffered(self) -> int:
        """Bytes not yet given to the kernel."""
        stream: Stream = self.stream
        return 0 if stream.closed() else stream._total_write_index - stream._total_write_done_index

    @property
    def sent(self) -> int:
        """Bytes given to the kernel so far; only its growth means something."""
        stream: Stream = self.stream
        return stream._total_write_done_index

    async def drained(self) -> None:
        """Return when what has been accepted up to now has left, or the stream is closed."""
        if self.buffered:
            with suppress(StreamClosedError):
                # Who waits may give up; the stream's own future must not be cancelled for it.
                await asyncio.shield(self.stream.write(b""))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin or complete the closing handshake."""
        if self._waiting is None and not self.client_terminated:
            # Set before Tornado sets its own of five seconds, which it then leaves alone.
            self._waiting = self.stream.io_loop.call_later(CLOSE_WAIT, self._abort)
        super().close(code, reason)

    def cut(self) -> None:
        """End the TCP stream at once."""
        self._abort()

    # Inbound

    async def _receive_frame(self) -> None:
        self._frames += 1
        if self._frames % FRAMES_PER_TURN == 0:
            # Thousands of small frames may lie in what has been read already.
            await asyncio.sleep(0)
        try:
            await self._read_frame()
        except FrameViolation as violation:
            await self._fail(violation.code)

    async def _read_frame(self) -> None:
        first, second = await self._read_bytes(2)
        final, opcode, size = bool(first & self.FIN), first & self.OPCODE_MASK, second & 0x7F
        control = bool(opcode & 0x8)
        if first & self.RSV_MASK or not second & 0x80 or opcode not in OPCODES:
            raise FrameViolation(PROTOCOL_ERROR)
        if control and (not final or size > 125):
            raise FrameViolation(PROTOCOL_ERROR)
        if size == 126:
            size = int.from_bytes(await self._read_bytes(2), "big")
        elif size == 127:
            size = int.from_bytes(await self._read_bytes(8), "big")
        if not control:
            self._assembler.admit(size)
        mask = await self._read_bytes(4)
        payload = unmask(mask, await self._read_bytes(size)) if size else b""
        if control:
            await self._control(opcode, payload)
        elif not self.server_terminated:
            message = self._assembler.add(final, opcode, payload)
            if message is not None:
                await self._hand_over(message)

    async def _hand_over(self, message: str | bytes) -> None:
        # Awaited in the task that reads: no task per message, and what awaits holds reading back.
        try:
            result = self.handler.on_message(message)
            if result is not None:
                self._awaited = True
                self._look_later()
                await result
        except Exception as exc:
            self.handler.log_exception(type(exc), exc, exc.__traceback__)
            self._abort()
        self._awaited = False

    def _look_later(self) -> None:
        # Tornado's stream does not look for the end behind what it has read and nobody has taken.
        if self._watch is None:
            self._watch = self.stream.io_loop.call_later(WATCH_SECONDS, self._look)

    def _look(self) -> None:
        self._watch = None
        if self.stream.closed() or not self._awaited:
            return
        if has_left(self.stream.socket):
            self._abort()
        else:
            self._look_later()

    async def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self.close_code, self.close_reason = parse_close(payload)
            await self._agree_to_close()
        else:
            # Tornado answers pings with at most one pong outstanding, and counts pongs for its own pings.
            self._handle_message(opcode, payload)

    async def _agree_to_close(self) -> None:
        if not self.server_terminated:
            # What was answered before the peer took its leave.
            self.handler.release()
            code = b"" if self.close_code is None else self.close_code.to_bytes(2, "big")
            self.send(CLOSE, code)
            self.server_terminated = True
            self._told_closed()
            self._limit_goodbye()
            await self.drained()
        self._abort()

    async def _fail(self, code: int) -> None:
        """Fail the connection (RFC 6455 section 7.1.7)."""
        self.handler.release()
        self._limit_goodbye()
        self.close(code)
        self._told_closed()
        # What the peer still sends is thrown away: closing on unread data would reset the connection,
        # and the close frame would be lost with it.
        with suppress(StreamClosedError, OSError):
            await self.drained()
            if not self.stream.closed() and not isinstance(self.stream.socket, SSLSocket):
                self.stream.socket.shutdown(socket.SHUT_WR)
            while True:
                await self.stream.read_bytes(_DISCARD_CHUNK, partial=True)
        self._abort()

    def _limit_goodbye(self) -> None:
        if self._waiting is None:
            self._waiting = self.stream.io_loop.call_later(CLOSE_WAIT, self._abort)
