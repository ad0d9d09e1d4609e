"""One connection on the fast framing: taking the TCP stream over from Tornado, and giving it up."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from tornado.escape import json_encode, utf8
from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from tornadochat.transports.fastframing.inbound import Inbound
from tornadochat.transports.fastframing.parser import Discard, Parser, attach
from tornadochat.transports.frames import BINARY, CLOSE, PING, TEXT, FrameViolation, parse_close
from tornadochat.transports.heartbeat import Heartbeat
from tornadochat.transports.tcp import CLOSE_WAIT, tune


class PicowsProtocol(Inbound, WebSocketProtocol):
    """The engine of one connection; its rules are those of the package."""

    def __init__(self, handler: WebSocketHandler, limit: int) -> None:
        """`limit`: the longest message taken, in bytes."""
        WebSocketProtocol.__init__(self, handler)
        Inbound.__init__(self, limit)
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._subprotocol: str | None = None
        self._heartbeat: Heartbeat | None = None
        self._goodbye: asyncio.TimerHandle | None = None
        self._opened = self._over = self._told = False

    # Taking over

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
        self._subprotocol = handler.select_subprotocol(
            [s.strip() for s in offered.split(",")] if offered else []
        )
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
        if stream.closed():
            # The peer has gone in the midst of the upgrade.
            raise StreamClosedError(stream.error)
        # The stream closes its own descriptor, whatever may still refer to it.
        sock = stream.socket.dup()
        stream.close()
        try:
            tune(sock)
            self._socket = sock
            await attach(parser, sock)
        except BaseException:
            sock.close()
            raise

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
            self._forget(handler)
            self._next_turn()

    def _forget(self, handler: Any) -> None:
        # Some kilobytes for each connection that would be kept as long as the handler: the stream that was
        # given up hangs on the one, all that the browser sent and was answered on the other; what templates
        # would need.
        request = handler.request
        request.connection = request.server_connection = None
        handler._headers = request.headers = HTTPHeaders()
        handler.ui = None

    def attached(self, transport: asyncio.Transport) -> None:
        """The stream is there."""
        self._open_out(transport)
        if self._backlog is not None:
            self._stop_reading()
        self._watch_fragments(transport, 0)

    # The end

    def lost(self) -> None:
        """The stream is over."""
        self._over = True
        self._hear_nothing()
        self._close_out()
        self._assembler = None
        for timer in (self._goodbye, self._watch):
            if timer is not None:
                timer.cancel()
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._tell()

    def cut(self) -> None:
        """End the TCP stream at once."""
        self._hear_nothing()
        self._send_no_more()
        if self._transport is not None:
            self._transport.abort()

    def on_connection_close(self) -> None:
        """The handler has been told of the end."""
        if not self.server_terminated:
            self.cut()

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

    def _fail(self, code: int) -> None:
        """Fail the connection (RFC 6455 section 7.1.7)."""
        self.handler.release()
        self._say_goodbye(code.to_bytes(2, "big"))
        self._hear_nothing()
        self._tell()
        if self._transport is not None:
            self._transport.set_protocol(Discard(self))
            self._transport.resume_reading()
            with suppress(OSError):
                self._transport.write_eof()

    def _part(self, payload: bytes) -> None:
        try:
            self.close_code, self.close_reason = parse_close(payload)
        except FrameViolation as violation:
            self._fail(violation.code)
            return
        # What was answered before the peer took its leave.
        self.handler.release()
        self._say_goodbye(payload[:2])
        self._hear_nothing()
        self._tell()
        if self._transport is not None:
            self._transport.close()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin or complete the closing handshake."""
        if code is None and reason is not None:
            code = 1000
        head = b"" if code is None else code.to_bytes(2, "big")
        self._say_goodbye(head + (reason or "").encode())
        self._hear_only_close()

    def _say_goodbye(self, payload: bytes) -> None:
        if not self.server_terminated:
            self.send(CLOSE, payload)
            self._send_no_more()
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

    def write_message(
        self, message: str | bytes | dict[str, Any], binary: bool = False
    ) -> "asyncio.Future[None]":
        """Tornado's way to send; what is returned is done when the message has left."""
        if self.is_closing():
            raise WebSocketClosedError
        data = json_encode(message) if isinstance(message, dict) else message
        self.send(BINARY if binary else TEXT, utf8(data))
        if self.buffered:
            return asyncio.ensure_future(self.drained())
        done: asyncio.Future[None] = self._loop.create_future()
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

    def _ponged(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.pong()

    def _pinged(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.start()

    def _process_server_headers(self, key: str | bytes, headers: HTTPHeaders) -> None:
        """For clients only."""

    async def _receive_frame_loop(self) -> None:
        """For clients only."""
