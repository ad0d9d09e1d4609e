"""The way in of one connection: frames → messages → the handler, in order and bounded."""

import asyncio
import socket
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable
from typing import Any, Final, NamedTuple

from tornadochat.transports.fastframing.outbound import Outbound
from tornadochat.transports.fastframing.parser import (
    CLOSE_FRAME,
    MOST_BYTES,
    READ_BYTES,
    TEXT_FRAME,
    Frame,
    Listener,
    Parser,
    Sips,
)
from tornadochat.transports.frames import (
    BINARY,
    CLOSE,
    INVALID_DATA,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    Assembler,
    FrameViolation,
)
from tornadochat.transports.tcp import WATCH_SECONDS, has_left

FRAMES_PER_TURN: Final = 64  # of one peer, before others have their turn
OVERHEAD: Final = 256  # bytes that are no part of a message: a frame's head, a control frame before it


class Control(NamedTuple):
    """A control frame in its turn."""

    opcode: int
    payload: bytes


Incoming = str | bytes | Control | FrameViolation


def _is_last(incoming: Incoming) -> bool:
    """Whether nothing that follows it counts."""
    return isinstance(incoming, FrameViolation) or (
        isinstance(incoming, Control) and incoming.opcode == CLOSE
    )


class Inbound(Outbound, Listener, ABC):
    """Hands over one message at a time; what has been read meanwhile waits."""

    handler: Any  # Tornado's WebSocketHandler
    client_terminated: bool  # nothing of the peer counts any more
    _socket: socket.socket

    def __init__(self, limit: int) -> None:
        """`limit`: the longest message taken, in bytes."""
        super().__init__()
        self._limit = limit
        self._listening = True  # to all frames; else to the close frame at most
        self._held = True  # what comes has to wait: to begin with, until `open` has ended
        self._plain = False  # neither of the two, nor within a message in fragments
        self._turn = 0
        self._large = False  # reading is not by a parser alone: its buffer has grown, or is watched
        self._backlog: deque[Incoming] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._assembler: Assembler | None = None

    @abstractmethod
    def attached(self, transport: asyncio.Transport) -> None:
        """The stream is there."""

    @abstractmethod
    def lost(self) -> None:
        """The stream is over."""

    @abstractmethod
    def cut(self) -> None:
        """End the TCP stream at once."""

    @abstractmethod
    def _part(self, payload: bytes) -> None:
        """The peer's close frame, in its turn."""

    @abstractmethod
    def _fail(self, code: int) -> None:
        """The peer has broken the protocol."""

    @abstractmethod
    def _fault(self, failure: BaseException) -> None:
        """The handler has failed."""

    @abstractmethod
    def _ponged(self) -> None:
        """The peer lives."""

    # From the parser

    def on_ws_frame(self, transport: object, frame: Frame) -> None:
        """The parser's call, for every frame."""
        if (
            self._plain
            and frame.msg_type is TEXT_FRAME
            and frame.fin
            and not (frame.rsv1 or frame.rsv2 or frame.rsv3)
        ):
            # A whole text in one frame, now: nearly all of them. The other way would do the same.
            try:
                text = frame.get_payload_as_utf8_text()
            except UnicodeDecodeError:
                self._take(FrameViolation(INVALID_DATA))
            else:
                try:
                    result = self.handler.on_message(text)
                except Exception as failure:
                    self._fault(failure)
                else:
                    if result is not None:
                        self._await(result)
        elif self._listening:
            self._take_other(frame)
        else:
            self._hear_close(frame)
        if not frame.last_in_buffer:
            self._turn += 1
            if self._turn == FRAMES_PER_TURN:
                self._hold()
        elif self._turn or self._large or frame.payload_size > READ_BYTES:
            self._end_read(frame)

    def violated(self, code: int) -> None:
        """The parser has found a violation; what it found before is delivered after this call."""
        if self._transport is not None:
            self._transport.pause_reading()
        self._loop.call_soon(self._violated, code)

    def _violated(self, code: int) -> None:
        if self._listening:
            self._take(FrameViolation(code))
        elif self.server_terminated and not self.client_terminated:
            self._fail(code)

    def _take_other(self, frame: Frame) -> None:
        try:
            incoming = self._read(frame)
        except FrameViolation as violation:
            incoming = violation
        if incoming is not None:
            self._take(incoming)
        if self._assembler is not None:
            self._large = True
        self._settle()

    def _read(self, frame: Frame) -> Incoming | None:
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise FrameViolation(PROTOCOL_ERROR)
        opcode = frame.msg_type.value
        if opcode & 0x8:
            return Control(opcode, frame.get_payload_as_bytes())
        if self._assembler is None:
            if frame.fin and opcode == BINARY:
                return frame.get_payload_as_bytes()
            if frame.fin and opcode == TEXT:
                return self._text(frame)
            self._assembler = Assembler(self._limit)
        self._assembler.admit(frame.payload_size)
        message = self._assembler.add(bool(frame.fin), opcode, frame.get_payload_as_bytes())
        if message is not None:
            self._assembler = None
        return message

    def _text(self, frame: Frame) -> str:
        try:
            return frame.get_payload_as_utf8_text()
        except UnicodeDecodeError:
            raise FrameViolation(INVALID_DATA) from None

    def _hear_close(self, frame: Frame) -> None:
        waits = self.server_terminated and not self.client_terminated
        if waits and frame.msg_type is CLOSE_FRAME:
            self._part(frame.get_payload_as_bytes())

    def _end_read(self, frame: Frame) -> None:
        self._turn = 0
        transport = self._transport
        if transport is None:
            return
        if self._assembler is not None and self._listening:
            self._watch_fragments(transport, frame.tail_size)
            return
        reader = transport.get_protocol()
        if isinstance(reader, Sips):
            reader.most = None
        if isinstance(reader, Parser) and reader.room > MOST_BYTES:
            # What is in the buffer yet is the beginning of a frame.
            self._large = frame.tail_size > 0
            fresh = None if self._large else Parser(self, self, self._limit)
            transport.set_protocol(fresh or Sips(self, reader))
        elif isinstance(reader, Sips) and not frame.tail_size:
            self._large = False
            transport.set_protocol(Parser(self, self, self._limit))

    def _watch_fragments(self, transport: asyncio.Transport, tail: int) -> None:
        """Have the next fragment refused when it is too long, not when it has come as a whole."""
        assembler, reader = self._assembler, transport.get_protocol()
        if assembler is not None and isinstance(reader, (Parser, Sips)):
            sips = Sips(self, reader) if isinstance(reader, Parser) else reader
            sips.waiting, sips.most = tail, assembler.room + OVERHEAD
            transport.set_protocol(sips)

    # In order

    def _settle(self) -> None:
        self._plain = self._listening and not self._held and self._assembler is None

    def _take(self, incoming: Incoming) -> None:
        if _is_last(incoming):
            self._listening = self._plain = False
        if not self._held:
            self._handle(incoming)
            return
        if self._backlog is None:
            self._backlog = deque()
            self._stop_reading()
        self._backlog.append(incoming)

    def _hold(self) -> None:
        """Let others have their turn."""
        if not self._held:
            self._held, self._plain = True, False
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._held = False
        backlog = self._backlog
        for _ in range(FRAMES_PER_TURN):
            if not backlog:
                break
            self._handle(backlog.popleft())
            if self._held:
                return
        if backlog:
            self._hold()
            return
        self._settle()
        if backlog is not None:
            self._backlog = None
            self._read_on()

    def _handle(self, incoming: Incoming) -> None:
        if isinstance(incoming, (str, bytes)):
            self._hand_over(incoming)
        elif isinstance(incoming, FrameViolation):
            self._fail(incoming.code)
        elif incoming.opcode == CLOSE:
            self._part(incoming.payload)
        else:
            self._control(incoming)

    def _hand_over(self, message: str | bytes) -> None:
        try:
            result = self.handler.on_message(message)
        except Exception as failure:
            self._fault(failure)
        else:
            if result is not None:
                self._await(result)

    def _await(self, result: Awaitable[None]) -> None:
        self._held, self._plain = True, False
        asyncio.ensure_future(result).add_done_callback(self._awaited)

    def _awaited(self, result: "asyncio.Future[None]") -> None:
        if result.cancelled():
            self.cut()
        elif (failure := result.exception()) is not None:
            self._fault(failure)
        self._next_turn()

    def _control(self, control: Control) -> None:
        try:
            if control.opcode == PONG:
                self._ponged()
                self.handler.on_pong(control.payload)
            else:
                self._answer_ping(control.payload)
                self.handler.on_ping(control.payload)
        except Exception as failure:
            self._fault(failure)

    def _hear_nothing(self) -> None:
        """Nothing of the peer counts any more."""
        self._listening = self._plain = False
        self.client_terminated = True
        if self._backlog is not None:
            self._backlog.clear()

    def _hear_only_close(self) -> None:
        """We have said goodbye."""
        self._listening = self._plain = False
        backlog = self._backlog
        if backlog:
            last = backlog[-1]
            backlog.clear()
            if _is_last(last):
                self._handle(last)
        self._read_on()

    # Reading held back

    def _stop_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()
            if self._watch is None:
                self._watch = self._loop.call_later(WATCH_SECONDS, self._look)

    def _read_on(self) -> None:
        # The watch runs on: one timer at most is made in each interval, however often reading stops.
        if self._transport is not None:
            self._transport.resume_reading()

    def _look(self) -> None:
        self._watch = None
        if self._backlog is None:
            return
        if has_left(self._socket):
            self.cut()
        else:
            self._watch = self._loop.call_later(WATCH_SECONDS, self._look)
