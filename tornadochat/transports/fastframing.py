"""The framing engine on picows: C parses the frames, Tornado's WebSocketHandler takes the messages.

The rules:

- Tornado answers the upgrade, then its stream is given up for an asyncio transport on the same TCP
  stream, which reads into the parser (`fastparser`). No task and no coroutine lives on behind it.
- What comes in is handled in the order in which it came, control frames too, one at a time: `on_message`
  is called in the very turn in which its frame was read, unless `open` has not ended, what `on_message`
  returned last is still being awaited, or `FRAMES_PER_TURN` have been handled. What has been read already
  then waits in the backlog, and nothing more is read while there is one: it never holds more than one read
  brought. A peer that leaves meanwhile is looked for every `WATCH_SECONDS`.
- What goes out is written to the socket at once. What the kernel does not take is the transport's, and as
  long as it has any, everything goes through it.
- One pong at most waits for a peer that does not read; later pings replace it.
- After our own close frame nothing is sent, and only the peer's close frame still counts. After a
  violation everything is read and thrown away: closing on unread data would reset the stream, and the
  close frame would be lost with it. Either ends after `CLOSE_WAIT`.
- The handler is told of the end once, in the turn in which it is certain.

A frame is refused by its announced size; a message in fragments when the fragment that makes it too long
has come, so that at most twice the limit is held.
"""

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from tornado.escape import json_encode, utf8
from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from tornadochat.transports.fastparser import READ_BYTES, TEXT_FRAME, Discard, Frame, Listener, Parser
from tornadochat.transports.frames import (
    BINARY,
    CLOSE,
    INVALID_DATA,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    Assembler,
    FrameViolation,
    encode_frame,
    parse_close,
)
from tornadochat.transports.heartbeat import Heartbeat
from tornadochat.transports.tcp import CLOSE_WAIT, has_left, tune

FRAMES_PER_TURN: Final = 64  # of one peer, before others have their turn
WATCH_SECONDS: Final = 0.5
_KEPT_BYTES: Final = 16 * READ_BYTES  # a read buffer that has grown beyond is replaced when it is empty


class Control(NamedTuple):
    """A control frame in its turn."""

    opcode: int
    payload: bytes


Incoming = str | bytes | Control | FrameViolation


class PicowsProtocol(Listener, WebSocketProtocol):
    """One connection; see the rules above."""

    def __init__(self, handler: WebSocketHandler, limit: int) -> None:
        """`limit`: the longest message taken, in bytes."""
        WebSocketProtocol.__init__(self, handler)
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._subprotocol: str | None = None
        self._heartbeat: Heartbeat | None = None
        self._goodbye: asyncio.TimerHandle | None = None
        # inbound
        self._listening = True  # to all frames; else to the close frame at most
        self._held = True  # what comes has to wait: until `open` has ended, to begin with
        self._turn = 0
        self._backlog: deque[Incoming] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._assembler: Assembler | None = None
        self._opened = self._over = self._told = False
        # outbound
        self._accepted = 0
        self._blocked = False
        self._pong: bytes | None = None
        self._leaving: asyncio.Future[None] | None = None

    # The way in and the way out of the TCP stream

    async def accept_connection(self, handler: WebSocketHandler) -> None:
        """Tornado's call: answer the upgrade, take the stream over, open the handler."""
        if not all(handler.request.headers.get(name) for name in ("Host", "Sec-WebSocket-Key")):
            handler.set_status(400)
            handler.finish("Missing/Invalid WebSocket headers")
            return
        self._answer(handler)
        stream = handler.detach()
        try:
            await self._take_over(stream)
        except (OSError, StreamClosedError):
            stream.close()
            self.lost()
        await self._open(handler)

    def _answer(self, handler: WebSocketHandler) -> None:
        headers = handler.request.headers
        offered = headers.get("Sec-WebSocket-Protocol")
        self._subprotocol = handler.select_subprotocol([s.strip() for s in offered.split(",")] if offered else [])
        if self._subprotocol is not None:
            handler.set_header("Sec-WebSocket-Protocol", self._subprotocol)
        handler.clear_header("Content-Type")
        handler.set_status(101)
        handler.set_header("Upgrade", "websocket")
        handler.set_header("Connection", "Upgrade")
        accept = WebSocketProtocol13.compute_accept_value(headers["Sec-WebSocket-Key"])
        handler.set_header("Sec-WebSocket-Accept", accept)
        handler.finish()

    async def _take_over(self, stream: IOStream) -> None:
        if stream.writing():
            async with asyncio.timeout(CLOSE_WAIT):
                await stream.write(b"")
        parser = Parser(self, self, self._limit)
        # What the client sent without waiting for the answer.
        parser.feed(bytes(stream._read_buffer))
        # The stream closes its own descriptor, whatever may still refer to it.
        sock = stream.socket.dup()
        stream.close()
        try:
            tune(sock)
            await self._loop.connect_accepted_socket(lambda: parser, sock)
        except BaseException:
            sock.close()
            raise
        self._socket = sock

    async def _open(self, handler: WebSocketHandler) -> None:
        self._opened = True
        try:
            result = handler.open(*handler.open_args, **handler.open_kwargs)
            if self._over:
                self._tell()
            self.start_pinging()
            if result is not None:
                await result
        except Exception as failure:
            self._fault(failure)
        except asyncio.CancelledError:
            self.cut()
            raise
        else:
            self._next_turn()

    def attached(self, transport: asyncio.Transport) -> None:
        """The stream is there."""
        self._transport = transport
        # With 0, `unblocked` comes when everything has left.
        transport.set_write_buffer_limits(0)
        if self._backlog is not None:
            transport.pause_reading()

    def lost(self) -> None:
        """The stream is over."""
        self._over = True
        self._hear_nothing()
        self.server_terminated = True
        self._transport = self._assembler = None
        self._blocked = False
        self._release()
        for timer in (self._goodbye, self._watch):
            if timer is not None:
                timer.cancel()
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._tell()

    def cut(self) -> None:
        """End the TCP stream at once."""
        self._hear_nothing()
        self.server_terminated = True
        if self._transport is not None:
            self._transport.abort()

    def on_connection_close(self) -> None:
        """The handler has been told of the end."""
        if not self.server_terminated:
            self.cut()

    def _hear_nothing(self) -> None:
        self._listening = False
        self.client_terminated = True
        if self._backlog is not None:
            self._backlog.clear()

    def _tell(self) -> None:
        if self._opened and not self._told:
            self._told = True
            try:
                self.handler.on_ws_connection_close(self.close_code, self.close_reason)
            except Exception as failure:
                self._fault(failure)

    def _fault(self, failure: BaseException) -> None:
        self.handler.log_exception(type(failure), failure, failure.__traceback__)
        self.cut()

    # Outbound

    def send(self, opcode: int, *payloads: bytes) -> None:
        """Frames in one write; nothing after a close frame, nothing to a closed stream."""
        self.write(*[encode_frame(opcode, payload) for payload in payloads])

    def write(self, *frames: bytes) -> None:
        """As `send`, of frames that are complete."""
        if self.server_terminated or self._transport is None:
            return
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        size = len(data)
        self._accepted += size
        if self._blocked:
            self._transport.write(data)
            return
        try:
            taken = self._socket.send(data)
        except BlockingIOError:
            taken = 0
        except OSError:
            self.cut()
            return
        if taken != size:
            self._transport.write(memoryview(data)[taken:])
            self._blocked = self._transport.get_write_buffer_size() > 0

    @property
    def buffered(self) -> int:
        """Bytes not yet given to the kernel."""
        if not self._blocked or self._transport is None:
            return 0
        return self._transport.get_write_buffer_size()

    @property
    def sent(self) -> int:
        """Bytes given to the kernel so far; only its growth means something."""
        return self._accepted - self.buffered

    def unblocked(self) -> None:
        """Everything has left."""
        self._blocked = False
        self._release()
        if self._pong is not None:
            pong, self._pong = self._pong, None
            self.send(PONG, pong)

    def _release(self) -> None:
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            leaving.set_result(None)

    async def drained(self) -> None:
        """Return when what has been accepted up to now has left, or the stream is closed."""
        if self._blocked:
            if self._leaving is None:
                self._leaving = self._loop.create_future()
            # Who waits may give up; the others still wait.
            await asyncio.shield(self._leaving)

    # Inbound

    def on_ws_frame(self, transport: object, frame: Frame) -> None:
        """The parser's call."""
        if not self._listening:
            self._hear_close(frame)
            return
        try:
            if (
                frame.msg_type is TEXT_FRAME
                and frame.fin
                and self._assembler is None
                and not (frame.rsv1 or frame.rsv2 or frame.rsv3)
            ):
                incoming: Incoming | None = frame.get_payload_as_utf8_text()
            else:
                incoming = self._read(frame)
        except UnicodeDecodeError:
            incoming = FrameViolation(INVALID_DATA)
        except FrameViolation as violation:
            incoming = violation
        self._turn += 1
        if incoming is not None:
            self._take(incoming)
        if frame.last_in_buffer:
            self._end_of_read(frame)

    def _read(self, frame: Frame) -> Incoming | None:
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise FrameViolation(PROTOCOL_ERROR)
        opcode, payload = int(frame.msg_type), frame.get_payload_as_bytes()
        if opcode & 0x8:
            return Control(opcode, payload)
        if opcode == BINARY and frame.fin and self._assembler is None:
            return payload
        if self._assembler is None:
            self._assembler = Assembler(self._limit)
        self._assembler.admit(len(payload))
        message = self._assembler.add(bool(frame.fin), opcode, payload)
        if message is not None:
            self._assembler = None
        return message

    def _end_of_read(self, frame: Frame) -> None:
        many, self._turn = self._turn > 16, 0
        transport = self._transport
        if transport is None or frame.tail_size or not (many or frame.payload_size > READ_BYTES):
            return
        parser = transport.get_protocol()
        if isinstance(parser, Parser) and parser.room > _KEPT_BYTES:
            transport.set_protocol(Parser(self, self, self._limit))

    def _take(self, incoming: Incoming) -> None:
        if isinstance(incoming, FrameViolation) or (type(incoming) is Control and incoming.opcode == CLOSE):
            # Whatever follows does not count any more, even while this waits for its turn.
            self._listening = False
        if self._held:
            self._postpone(incoming)
        elif self._turn > FRAMES_PER_TURN:
            self._held = True
            self._postpone(incoming)
            self._loop.call_soon(self._next_turn)
        else:
            self._handle(incoming)

    def _postpone(self, incoming: Incoming) -> None:
        if self._backlog is None:
            self._backlog = deque()
            self._stop_reading()
        self._backlog.append(incoming)

    def _stop_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()
            if self._watch is None:
                self._watch = self._loop.call_later(WATCH_SECONDS, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._backlog is None:
            return
        if has_left(self._socket):
            self.cut()
        else:
            self._watch = self._loop.call_later(WATCH_SECONDS, self._look)

    def _next_turn(self) -> None:
        self._held = False
        backlog = self._backlog
        if backlog is None:
            return
        for _ in range(FRAMES_PER_TURN):
            if not backlog:
                break
            self._handle(backlog.popleft())
            if self._held:
                return
        if backlog:
            self._held = True
            self._loop.call_soon(self._next_turn)
            return
        self._backlog = None
        if self._transport is not None:
            self._transport.resume_reading()

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
                self._held = True
                asyncio.ensure_future(result).add_done_callback(self._handed_over)

    def _handed_over(self, result: "asyncio.Future[None]") -> None:
        if result.cancelled():
            self.cut()
        elif (failure := result.exception()) is not None:
            self._fault(failure)
        self._next_turn()

    def _control(self, control: Control) -> None:
        try:
            if control.opcode == PONG:
                if self._heartbeat is not None:
                    self._heartbeat.pong()
                self.handler.on_pong(control.payload)
                return
            if self._blocked:
                self._pong = control.payload
            else:
                self.send(PONG, control.payload)
            self.handler.on_ping(control.payload)
        except Exception as failure:
            self._fault(failure)

    # The end

    def violated(self, code: int) -> None:
        """The parser has found a violation; what it found before is delivered first."""
        if self._transport is not None:
            self._transport.pause_reading()
        self._loop.call_soon(self._violated, code)

    def _violated(self, code: int) -> None:
        if self._listening:
            self._take(FrameViolation(code))
        elif self.server_terminated and not self.client_terminated:
            self._fail(code)

    def _fail(self, code: int) -> None:
        """Fail the connection (RFC 6455 section 7.1.7)."""
        self._say_goodbye(code.to_bytes(2, "big"))
        self._hear_nothing()
        self._tell()
        if self._transport is not None:
            self._transport.set_protocol(Discard(self))
            self._transport.resume_reading()
            with suppress(OSError):
                self._transport.write_eof()

    def _part(self, payload: bytes) -> None:
        """The peer's close frame."""
        try:
            self.close_code, self.close_reason = parse_close(payload)
        except FrameViolation as violation:
            self._fail(violation.code)
            return
        self._say_goodbye(payload[:2])
        self._hear_nothing()
        self._tell()
        if self._transport is not None:
            self._transport.close()

    def _hear_close(self, frame: Frame) -> None:
        if self.server_terminated and not self.client_terminated and int(frame.msg_type) == CLOSE:
            self._part(frame.get_payload_as_bytes())

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin or complete the closing handshake."""
        if code is None and reason is not None:
            code = 1000
        head = b"" if code is None else code.to_bytes(2, "big")
        self._say_goodbye(head + (reason or "").encode())
        self._listening = False
        backlog = self._backlog
        if backlog:
            last = backlog[-1]
            backlog.clear()
            # Nothing can be behind these two.
            if isinstance(last, FrameViolation) or (isinstance(last, Control) and last.opcode == CLOSE):
                self._handle(last)
        if self._transport is not None:
            self._transport.resume_reading()

    def _say_goodbye(self, payload: bytes) -> None:
        self.send(CLOSE, payload)
        self.server_terminated = True
        if self._goodbye is None and self._transport is not None:
            self._goodbye = self._loop.call_later(CLOSE_WAIT, self.cut)

    # Tornado's WebSocketProtocol

    @property
    def selected_subprotocol(self) -> str | None:
        """What `select_subprotocol` chose."""
        return self._subprotocol

    def is_closing(self) -> bool:
        """Whether either side has begun to close."""
        return self.client_terminated or self.server_terminated

    def write_message(self, message: str | bytes | dict[str, Any], binary: bool = False) -> "Future[None]":
        """Tornado's way to send; what is returned is done when the message has left."""
        if self.is_closing():
            raise WebSocketClosedError
        data = json_encode(message) if isinstance(message, dict) else message
        self.send(BINARY if binary else TEXT, utf8(data))
        if self._blocked:
            return asyncio.ensure_future(self.drained())
        done = self._loop.create_future()
        done.set_result(None)
        return done

    def write_ping(self, data: bytes) -> None:
        """A ping of the handler."""
        self.send(PING, data)

    def set_nodelay(self, x: bool) -> None:
        """Always so; see `tcp.tune`."""

    def start_pinging(self) -> None:
        """Pings by Tornado's settings, where the handler has any."""
        interval = self.handler.ping_interval
        if not interval or self._over:
            return
        timeout = self.handler.ping_timeout
        timeout = interval if timeout is None else min(timeout, interval)
        self._heartbeat = Heartbeat(
            interval, timeout, partial(self.write_ping, b""), self._silent if timeout else self._pinged
        )
        self._heartbeat.start()

    def _silent(self) -> None:
        if self._backlog is None:
            self.close(None, "ping timed out")
        else:
            # Nothing is being read at our own wish: the pong may have come.
            self._pinged()

    def _pinged(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.start()

    def _process_server_headers(self, key: str | bytes, headers: HTTPHeaders) -> None:
        """For clients only."""

    async def _receive_frame_loop(self) -> None:
        """For clients only."""
